\i test/pgtap/setup.inc
-- Sign-ups and requests that wait for a confirmation: until when, and that a confirmation takes effect exactly so long.
SELECT * FROM no_plan();
SET timezone = 'Europe/Prague';
SELECT contact_status.create_tables('crm', policy => 'default');

-- A history, and for each list with a pending confirmation: the status, the sign-up, and the end in seconds after the
-- sign-up.
CREATE TABLE helper.pending (nr int GENERATED ALWAYS AS IDENTITY, policy text, events text, pending text,
    account_id bigint, contact_id bigint);
INSERT INTO helper.pending (policy, events, pending) VALUES
('default', 'signed_up l1 @-1h', 'l1 unconfirmed -01:00:00 2592000 '),
('default', 'signed_up l1 @-2h key=a, signed_up l1 @-1h key=b', 'l1 unconfirmed -01:00:00 2592000 '),
('default', 'signed_up l1 @-1h, confirmed l1', ''),
('default', 'added l1', ''),
('default', 'signed_up l3', ''),
('default', 'signed_up l1 @-31d', 'l1 unconfirmed -744:00:00 2592000 '),
('default', 'signed_up l1 @-2h, signed_up l2 @-1h',
    'l1 unconfirmed -02:00:00 2592000 , l2 unconfirmed -01:00:00 2592000 '),
('default', 'added l1 @-5h, unsubscribed l1 @-4h', ''),
('default', 'added l1 @-5h, unsubscribed l1 @-4h, signed_up l1 @-3h key=link',
    'l1 unsubscribed -03:00:00 2592000 link'),
('default', 'added l1 @-5h, unsubscribed l1 @-4h, signed_up l1 @-3h key=link, unsubscribed', ''),
('default', 'added l3 @-5h, unsubscribed @-4h, signed_up l3 @-3h', 'l3 unsubscribed -03:00:00 2592000 '),
('default', 'added l1 @-5h, unsubscribed l1 @-4h, signed_up l1 @-3h key=link, confirmed l1 key=link', ''),
('default', 'signed_up l1 @-1h, complained @-30m', ''),
('default', 'signed_up l1 @-1h, deleted @-30m', ''),
('default', 'signed_up l1 @-3h, deleted @-2h, signed_up l1 @-1h', 'l1 unconfirmed -01:00:00 2592000 '),
('default', 'signed_up l1 @-1h, hard_bounced @-30m', 'l1 hard_bounced -01:00:00 2592000 '),
('default', 'signed_up l1 @-1h, suspended @-30m', 'l1 suspended -01:00:00 2592000 '),
('ecomail', 'signed_up l1 @-1h', 'l1 unconfirmed -01:00:00 never '),
('activecampaign', 'added l2 @-1h', 'l2 unconfirmed -01:00:00 never '),
('emailmanager', 'added l1 @-5h, unsubscribed l1 @-4h, signed_up l1 @-3h', '');
UPDATE helper.pending SET account_id = (helper.account(policy)).account_id,
    contact_id = helper.play(helper.account(policy), events);
CREATE FUNCTION helper.pending_of(account bigint, contact bigint) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', l.name, p.status,
                to_char(make_interval(secs => extract(epoch FROM p.signed_up_at - now())::float8), 'HH24:MI:SS'),
               coalesce(extract(epoch FROM p.confirm_until - p.signed_up_at)::bigint::text, 'never'),
               coalesce(p.request_key, '')), ', ' ORDER BY l.name), '')
    FROM crm.pending_confirmations AS p JOIN crm.list AS l USING (account_id, list_id)
    WHERE p.account_id = account AND p.contact_id = contact
$$;
SELECT is(helper.pending_of(account_id, contact_id), pending, concat_ws(': ', policy, events))
    FROM helper.pending ORDER BY nr;
SELECT is_empty('SELECT account_id, list_id, contact_id FROM crm.pending_confirmations AS p
        JOIN crm.contact AS c USING (account_id, contact_id) WHERE p.email <> c.email', 'with the address');

-- What is pending can be confirmed until confirm_until, and not a microsecond later; days have 24 hours, also where the
-- clock changes.
CREATE TABLE helper.try AS
    SELECT n AS late, helper.play(helper.account('default'), e) AS contact_id, e AS events,
        (helper.account('default')).account_id
    FROM unnest(ARRAY['signed_up l1 @2026-03-20T12:00Z',
        'added l1 @2026-03-01T12:00Z, unsubscribed l1, signed_up l1 @2026-03-20T12:00Z key=link']) AS e,
        generate_series(0, 1) AS n;
SELECT is_empty('SELECT * FROM helper.try AS t JOIN crm.pending_confirmations AS p USING (account_id, contact_id)
        WHERE p.confirm_until <> ''2026-04-19 12:00Z''', '30 times 24 hours');
INSERT INTO crm.event (account_id, contact_id, list_id, kind, event_key, occurred_at)
SELECT account_id, contact_id, list_id, 'confirmed', coalesce(request_key, ''), confirm_until
    + late * interval '1 microsecond' FROM helper.try JOIN crm.pending_confirmations USING (account_id, contact_id);
SELECT is((SELECT status::text FROM crm.contact AS c WHERE c.account_id = t.account_id AND c.contact_id = t.contact_id),
    CASE WHEN t.late = 0 THEN 'active' WHEN t.events ~ 'unsubscribed' THEN 'unsubscribed' ELSE 'unconfirmed' END,
        format('%s, %s late', t.events, t.late)) FROM helper.try AS t;

-- A sign-up before a change of the address is not pending: the link went to the old address.
SELECT helper.play(helper.account('default'), 'signed_up l1 @-2h') AS c,
    (helper.account('default')).account_id AS a \gset
UPDATE crm.contact SET email = 'new@example.org' WHERE account_id = :a AND contact_id = :c;
SELECT is(helper.pending_of(:a, :c), '', 'the address has changed since');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT :a, :c, list_id, 'signed_up' FROM crm.list
    WHERE account_id = :a AND name = 'l1';
SELECT matches(helper.pending_of(:a, :c), '^l1 unconfirmed .* 2592000 $', 'signed up with the new address');

-- The setting in force now counts.
UPDATE crm.policy SET confirm_within = '2 days' WHERE name = 'default';
SELECT is(helper.pending_of(account_id, contact_id), 'l1 unconfirmed -01:00:00 172800 ', 'another confirm_within')
    FROM helper.pending WHERE nr = 1;

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
