\i test/pgtap/setup.inc
-- Consent is judged by the settings in force when the event was recorded; bounces and engagement as the settings are
-- now, once reevaluate was called.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

CREATE FUNCTION helper.consents(account bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s, %s', c.contact_id, c.status,
        (SELECT string_agg(format('%s %s %s %s %s', list_id, s.status, consent, requested_at, request_key), '; '
                ORDER BY list_id)
         FROM crm.subscription AS s
         WHERE s.account_id = c.account_id AND s.contact_id = c.contact_id)), E'\n' ORDER BY c.contact_id)
    FROM crm.contact AS c WHERE c.account_id = account
$$;

-- Every history whose end depends on a consent setting, under two opposite policies.
CREATE TABLE helper.story (nr int GENERATED ALWAYS AS IDENTITY, name text, events text, strict text, lax text);
INSERT INTO helper.story (name, events, strict, lax) VALUES
('import', 'added l1', 'unconfirmed (l1 unconfirmed)', 'active (l1 active)'),
('import to a list with double opt-in', 'added l2', 'unconfirmed (l2 unconfirmed)', 'active (l2 active)'),
('sign-up', 'signed_up l1', 'unconfirmed (l1 unconfirmed)', 'active (l1 active)'),
('sign-up on a list with double opt-in', 'signed_up l2', 'unconfirmed (l2 unconfirmed)',
    'unconfirmed (l2 unconfirmed)'),
('sign-up on a list without', 'signed_up l3', 'active (l3 active)', 'active (l3 active)'),
('opt-out of one list', 'signed_up l3, signed_up l2, confirmed l2, unsubscribed l2',
    'unsubscribed (l2 unsubscribed, l3 unsubscribed)', 'active (l2 unsubscribed, l3 active)'),
('opt-out of a list, then another', 'signed_up l2, unsubscribed l2, signed_up l3',
    'unsubscribed (l2 unsubscribed, l3 unsubscribed)', 'active (l2 unsubscribed, l3 active)'),
('request', 'unsubscribed l3, signed_up l3 key=A', 'unsubscribed (l3 unsubscribed)', 'unsubscribed (l3 unsubscribed)'),
('request confirmed', 'signed_up l3, unsubscribed l3, signed_up l3 key=A, confirmed l3 key=A',
    'unsubscribed (l3 unsubscribed)', 'active (l3 active)'),
('resubscribed', 'signed_up l3, unsubscribed l3, resubscribed l3 evidence=phone', 'unsubscribed (l3 unsubscribed)',
    'active (l3 active)'),
('resubscribed from nothing', 'resubscribed l3 evidence=phone', 'unconfirmed ()', 'active (l3 active)'),
('deleted and signed up', 'added l3, deleted, signed_up l1', 'unconfirmed (l1 unconfirmed)', 'active (l1 active)'),
('dead, alive and opted out', 'signed_up l3, invalidated, unsubscribed l3, validated', 'unsubscribed (l3 unsubscribed)',
    'unsubscribed (l3 unsubscribed)');

CREATE TABLE helper.told (nr int, which text, account helper.account, contact bigint);
INSERT INTO helper.told
SELECT nr, which, a, helper.play(a, events, arrival)
FROM (VALUES ('strict', '{"import_consent": "by_list", "double_opt_in": true, "unsubscribe_scope": "account",
            "resubscribe": "never"}'::jsonb),
             ('lax', '{"import_consent": "subscribed", "double_opt_in": false, "unsubscribe_scope": "list",
                     "resubscribe": "confirmed"}')) AS p (which, settings),
    helper.account('default', settings) AS a, helper.story, unnest('{in order,backwards,at once}'::text[]) AS arrival
ORDER BY which, nr, arrival;

PREPARE judged(text) AS
SELECT is(helper.state(account, contact), CASE which WHEN 'strict' THEN strict ELSE lax END,
    format('%s %s: %s', which, $1, name))
FROM helper.told JOIN helper.story USING (nr) ORDER BY which, nr, contact;
CREATE TABLE helper.before AS SELECT account_id, helper.consents(account_id) FROM helper.account;

EXECUTE judged('when recorded');

-- Every consent setting turned into its opposite, of policies and lists.
UPDATE crm.policy SET
    import_consent = CASE import_consent WHEN 'by_list' THEN 'subscribed' ELSE 'by_list' END,
    double_opt_in = NOT double_opt_in,
    unsubscribe_scope = CASE unsubscribe_scope WHEN 'list' THEN 'account' ELSE 'list' END,
    resubscribe = CASE resubscribe WHEN 'never' THEN 'confirmed' ELSE 'never' END;
UPDATE crm.list SET double_opt_in = CASE name WHEN 'l1' THEN true WHEN 'l2' THEN false ELSE true END;

SELECT is(contact_status.reevaluate('crm')::int, 0, 'reevaluate finds no consent to change');
EXECUTE judged('after the settings were turned round');
SELECT is(helper.consents(account_id), consents, format('account %s: every consent as it was', account_id))
    FROM helper.before ORDER BY 1;

-- A late event of no effect makes each history be folded from its beginning.
INSERT INTO crm.event (account_id, contact_id, kind, occurred_at)
SELECT (account).account_id, contact, kind, '2001-01-01 12:00+00'
FROM helper.told, unnest('{delivered,restored,released}'::contact_status.event_kind[]) AS kind;
EXECUTE judged('folded again');
SELECT is(helper.consents(account_id), consents,
    format('account %s: every consent as it was, folded again', account_id)) FROM helper.before ORDER BY 1;

-- Accounts under other policies, strict and lax exchanged.
UPDATE crm.account AS a SET policy = other.policy
FROM crm.account AS other WHERE a.account_id <> other.account_id AND a.account_id > 100 AND other.account_id > 100;
SELECT is(contact_status.reevaluate('crm', account_id)::int, 0,
    format('account %s: another policy changes no consent', account_id)) FROM helper.before ORDER BY 1;
EXECUTE judged('under the other policy');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');
SELECT is((SELECT count(*)::int FROM (SELECT * FROM contact_status.repair('crm')) AS repaired WHERE false), 0,
    'repair runs');
EXECUTE judged('after repair');

-- What is recorded after a change is judged by what holds then, whatever its date.
SELECT a AS account, (a).account_id AS id, helper.list(a, 'l1') AS l1, helper.list(a, 'l3') AS l3
    FROM helper.account('default', '{"hard_bounce_limit": 2}') AS a \gset
UPDATE crm.policy SET double_opt_in = true, import_consent = 'subscribed', unsubscribe_scope = 'list',
    resubscribe = 'confirmed' WHERE name = (SELECT policy FROM crm.account WHERE account_id = :id);
SELECT helper.play(:'account'::helper.account, 'signed_up l1 @-9h') AS old \gset
SELECT helper.play(:'account'::helper.account, 'added l1 @-9h, added l3 @-9h') AS both \gset
UPDATE crm.policy SET double_opt_in = false, import_consent = 'by_list', unsubscribe_scope = 'account'
    WHERE name = (SELECT policy FROM crm.account WHERE account_id = :id);
SELECT is(helper.state(:'account'::helper.account, helper.play(:'account'::helper.account, 'signed_up l1 @-20h')),
    'active (l1 active)',
    'a sign-up dated before the change, recorded after it: by the new setting');
SELECT is(helper.state(:'account'::helper.account, :old), 'unconfirmed (l1 unconfirmed)',
    'one recorded before it: by the old setting');
SELECT helper.record(:'account'::helper.account, :both, 'unsubscribed l1 @-8h') \g /dev/null
SELECT is(helper.state(:'account'::helper.account, :both), 'unsubscribed (l1 unsubscribed, l3 unsubscribed)',
    'an opt-out recorded after the change: by the new scope');
UPDATE crm.policy SET unsubscribe_scope = 'list' WHERE name = (SELECT policy FROM crm.account WHERE account_id = :id);
SELECT helper.record(:'account'::helper.account, :both, 'added l2 @-7h') \g /dev/null
SELECT is(helper.state(:'account'::helper.account, :both),
    'unsubscribed (l1 unsubscribed, l2 unsubscribed, l3 unsubscribed)',
    'and stays account-wide for lists joined later');

-- Bounce and engagement settings: as now, once reevaluate was called --------------------------------------------------

SELECT a AS account, (a).account_id AS id FROM helper.account('default', '{"soft_bounce_limit": 6}') AS a \gset
SELECT policy FROM crm.account WHERE account_id = :id \gset
UPDATE crm.policy SET double_opt_in = true, import_consent = 'subscribed', unsubscribe_scope = 'list',
    resubscribe = 'confirmed' WHERE name = :'policy';
CREATE TABLE helper.bounce (name text, events text, contact bigint);
INSERT INTO helper.bounce VALUES
    ('five errors', 'added l1, soft_bounced c1..c5'), ('two errors of one campaign', 'added l1, soft_bounced c1 x2'),
    ('two blocks', 'added l1, blocked c1..c2'),
    ('a refusal for good', 'added l1, hard_bounced c1'), ('two campaigns', 'added l1, sent c1..c2'),
    ('a campaign two days ago', 'added l1 @-90h, sent c1 @-48h'),
    ('well', 'added l1, delivered c1'), ('opted out and bounced', 'added l1, soft_bounced c1..c5, unsubscribed l1');
UPDATE helper.bounce SET contact = helper.play(:'account'::helper.account, events);

CREATE FUNCTION helper.bounced(a helper.account, policy text, setting text, OUT changed bigint, OUT states text)
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE crm.policy SET %s WHERE name = %L', setting, policy);
    changed := contact_status.reevaluate('crm', a.account_id);
    SELECT string_agg(name || ' ' || helper.state(a, contact, ''), ', ' ORDER BY name) INTO states
    FROM helper.bounce WHERE helper.state(a, contact, '') NOT IN ('active', 'unsubscribed');
END $$;
CREATE TABLE helper.step (nr int GENERATED ALWAYS AS IDENTITY, setting text, expected text);
INSERT INTO helper.step (setting, expected) VALUES
('soft_bounce_limit = 6',
    'a refusal for good hard_bounced, five errors soft_bounced, two errors of one campaign soft_bounced'),
('soft_bounce_limit = 5',
    'a refusal for good hard_bounced, five errors hard_bounced, two errors of one campaign soft_bounced'),
('soft_bounce_outcome = ''failing''',
    'a refusal for good hard_bounced, five errors failing, two errors of one campaign soft_bounced'),
('soft_bounce_limit = 2',
    'a refusal for good hard_bounced, five errors failing, two errors of one campaign soft_bounced'),
('soft_bounces_per_campaign = NULL',
    'a refusal for good hard_bounced, five errors failing, two errors of one campaign failing'),
('soft_bounce_window = ''30 seconds''',
    'a refusal for good hard_bounced, five errors failing, two errors of one campaign soft_bounced'),
('blocked_counts = true',
    'a refusal for good hard_bounced, five errors failing, two blocks failing, '
    'two errors of one campaign soft_bounced'),
('hard_bounce_limit = 2',
    'a refusal for good soft_bounced, five errors failing, two blocks failing, '
    'two errors of one campaign soft_bounced'),
('soft_bounce_limit = NULL, blocked_counts = false',
    'a refusal for good soft_bounced, five errors soft_bounced, two errors of one campaign soft_bounced'),
('unresponsive_campaigns = 2',
    'a refusal for good soft_bounced, five errors soft_bounced, two campaigns unresponsive, '
    'two errors of one campaign soft_bounced'),
('unresponsive_after = ''2 days''',
    'a campaign two days ago unresponsive, a refusal for good soft_bounced, five errors soft_bounced, '
    'two campaigns unresponsive, two errors of one campaign soft_bounced'),
('unresponsive_campaigns = NULL',
    'a campaign two days ago unresponsive, a refusal for good soft_bounced, five errors soft_bounced, '
    'two errors of one campaign soft_bounced'),
('unresponsive_after = NULL, hard_bounce_limit = 1, soft_bounce_limit = 6, soft_bounces_per_campaign = 1, '
    'soft_bounce_window = NULL, soft_bounce_outcome = ''hard_bounced''',
    'a refusal for good hard_bounced, five errors soft_bounced, two errors of one campaign soft_bounced');
SELECT is(states, expected, setting || ', reevaluated')
    FROM helper.step, helper.bounced(:'account'::helper.account, :'policy', setting);
SELECT is(helper.state(:'account'::helper.account, contact), 'unsubscribed (l1 unsubscribed)',
    'no setting of bounces revives an opt-out')
FROM helper.bounce WHERE name = 'opted out and bounced';
SELECT is(changed::int, 0, 'reevaluate without a change changes nothing')
    FROM helper.bounced(:'account'::helper.account, :'policy', 'blocked_counts = false');
SELECT cmp_ok(changed::int, '>=', 1, 'reevaluate returns how many contacts changed')
    FROM helper.bounced(:'account'::helper.account, :'policy', 'soft_bounce_limit = 5');

-- An account moved to another policy.
SELECT helper.play(:'account'::helper.account, 'added l1, added l3, blocked c1..c5, unsubscribed l1') AS moved \gset
UPDATE crm.account SET policy = 'emailmanager' WHERE account_id = :id;
UPDATE crm.policy SET blocked_counts = true, soft_bounce_limit = 5 WHERE name = 'emailmanager';
SELECT cmp_ok(contact_status.reevaluate('crm')::int, '>=', 1, 'reevaluate of every account');
SELECT is(helper.state(:'account'::helper.account, :moved), 'failing (l1 unsubscribed, l3 failing)',
    'moved to emailmanager: its errors, the old opt-out');
SELECT helper.play(:'account'::helper.account, 'added l1, added l3, nonexistent c1') AS later \gset
SELECT is(helper.state(:'account'::helper.account, :later), 'hard_bounced (l1 hard_bounced, l3 hard_bounced)',
    'and events from now on under it');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');

SELECT * FROM finish();
ROLLBACK;
