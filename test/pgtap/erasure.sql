\i test/pgtap/setup.inc
-- Erasing a person: nothing personal remains in any table, and no import brings the address back to mailable.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id, name) OVERRIDING SYSTEM VALUE VALUES (2, 'l2'), (3, 'l3');
UPDATE crm.list SET double_opt_in = false WHERE list_id = 3;

-- Where a text is found: in any column of any table of the installation, as it is or as bytes.
CREATE FUNCTION helper.found(pattern text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    place record;
    n bigint;
    places text[] := '{}';
BEGIN
    FOR place IN SELECT c.oid::regclass AS tab, a.attname, a.atttypid
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p', 'm') ORDER BY 1, 2
    LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE %s ~* $1', place.tab,
            CASE place.atttypid WHEN 'bytea'::regtype THEN format('encode(%I, ''escape'')', place.attname)
                ELSE format('%I::text', place.attname) END) INTO n USING pattern;
        IF n > 0 THEN places := places || format('%s.%s', place.tab, place.attname); END IF;
    END LOOP;
    RETURN array_to_string(places, ', ');
END $$;
CREATE FUNCTION helper.reports() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', kind, list_id, campaign_id, n), ', ' ORDER BY kind, list_id, campaign_id)
    FROM (SELECT kind, list_id, campaign_id, count(*) AS n FROM crm.event GROUP BY 1, 2, 3) AS c
$$;

INSERT INTO crm.contact (contact_id, email) VALUES (4711, ' Private.Person@Example.org'), (4712, 'bob@example.org');
INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at, event_key, source, evidence, reason, reply)
SELECT n, l, c, k::contact_status.event_kind, timestamptz '2025-06-01 09:00+00' + i * interval '1 minute', key, source,
    evidence, reason, reply
FROM (VALUES (4711), (4712)) AS who (n),
    (VALUES (1, 1, NULL, 'added', '', 'privatesource', NULL, NULL, NULL),
        (2, 2, NULL, 'signed_up', 'privatetoken', 'form', 'privateevidence', NULL, NULL),
        (3, 2, NULL, 'confirmed', 'privatetoken', 'link', NULL, NULL, NULL),
            (4, NULL, 7, 'sent', '', NULL, NULL, NULL, NULL), (4, NULL, 7, 'opened', 'a', NULL, NULL, NULL, NULL),
            (4, NULL, 7, 'opened', 'b', NULL, NULL, NULL, NULL),
            (5, NULL, 7, 'soft_bounced', 'privatekey', NULL, NULL, 'privatereason',
                '452 <private.person@example.org> mailbox full'),
            (6, 2, 7, 'unsubscribed', '', 'privatesource', NULL, 'privatereason', NULL))
                AS e (i, l, c, k, key, source, evidence, reason, reply);
UPDATE crm.contact SET email = 'private.second@example.org' WHERE contact_id = 4711;
UPDATE crm.contact SET email = 'private.third@example.org' WHERE contact_id = 4711;
SELECT helper.found('private') <> '' AS found \gset
SELECT ok(:'found', 'before: texts are found');
SELECT helper.reports() AS reports, (SELECT count(*) FROM crm.event) AS events \gset
UPDATE crm.contact SET email = 'bob2@example.org' WHERE contact_id = 4712;
DELETE FROM crm.contact WHERE contact_id = 4712;   -- not the one erased: its texts stay
SELECT contact_status.erase_contact('crm', 1, 4711) \g /dev/null

SELECT is((SELECT count(*) FROM crm.event WHERE contact_id = 4712), 8::bigint,
    'another contact''s events are as before');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', event_key, source, evidence, reason, reply), ', ') FROM crm.event
        WHERE contact_id = 4712 AND kind = 'soft_bounced'),
    'privatekey privatereason 452 <private.person@example.org> mailbox full', 'with their texts');
SELECT contact_status.retract_events('crm', 'cleaning', contact_ids => '{4712}') \g /dev/null
CREATE TABLE helper.kept AS SELECT * FROM crm.event WHERE contact_id <> 4712;
SELECT is((SELECT string_agg(DISTINCT x, ', ')
        FROM helper.kept AS e, unnest(ARRAY[e.source, e.evidence, e.reason, e.reply]) AS x WHERE x IS NOT NULL), NULL,
    'no free text in the events that are kept');
SELECT is((SELECT count(*) FROM helper.kept WHERE event_key ~* 'private'), 0::bigint, 'no key');
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id = 4711), 0::bigint, 'no event under the contact''s number');
SELECT is((SELECT count(DISTINCT contact_id) FROM helper.kept), 1::bigint, 'they are kept under one other number');
SELECT is((SELECT count(*) FROM helper.kept JOIN crm.contact USING (account_id, contact_id)), 0::bigint,
    'which is nobody''s');
SELECT is((SELECT count(*) FROM crm.event), :events::bigint, 'as many events as before');
SELECT contact_id AS anonymous FROM helper.kept LIMIT 1 \gset
SAVEPOINT anonymous;
INSERT INTO crm.contact (contact_id, email) VALUES (:anonymous, 'nobody@example.org');
SELECT is((SELECT concat_ws(' ', status, changed_at, unsubscribed_at) FROM crm.contact WHERE contact_id = :anonymous),
    'unconfirmed',
    'a contact that is inserted under that number gets none of them');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (:anonymous, 3, 'added');
SELECT contact_status.reevaluate('crm') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = :anonymous), 'active',
    'nor does a later fold give them to it');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'and verify finds nothing');
ROLLBACK TO anonymous;
SELECT is(helper.reports(), :'reports', 'the reports of the past stay right');
SELECT is((SELECT count(*) FROM crm.subscription WHERE contact_id = 4711)
    + (SELECT count(*) FROM crm.address_change WHERE contact_id = 4711)
    + (SELECT count(*) FROM crm.deleted_contact WHERE contact_id = 4711) + (SELECT count(*) FROM crm.suppression
        WHERE contact_id = 4711), 0::bigint, 'the number is found nowhere');
SELECT results_eq($$SELECT kind::text, list_id, count(*) FROM crm.suppression WHERE contact_id IS NULL GROUP BY 1, 2$$,
    $$VALUES ('unsubscribed', NULL::bigint, 3::bigint)$$,
    'an account-wide opt-out of each address that something was known of');

-- By itself, so that every column of every table can be searched.
SELECT contact_status.create_tables('alone');
SELECT replace(pg_get_functiondef('helper.found(text)'::regprocedure), '''crm''', '''alone''') \gexec
INSERT INTO alone.contact (contact_id, email) VALUES (4711, 'private.person@example.org');
INSERT INTO alone.event (contact_id, list_id, campaign_id, kind, event_key, source, evidence, reason, reply)
SELECT 4711, 1, 7, kind, 'privatekey', 'privatesource', 'privateevidence', 'privatereason', 'private.person@example.org'
FROM unnest('{added,unsubscribed,complained,hard_bounced}'::contact_status.event_kind[]) AS kind;
SELECT contact_status.retract_events('alone', 'an incident', kinds => '{complained}') \g /dev/null
UPDATE alone.contact SET email = 'private.second@example.org' WHERE contact_id = 4711;
SELECT ok(helper.found('private') <> '', 'before: found');
SELECT contact_status.erase_contact('alone', 1, 4711) \g /dev/null
SELECT is(helper.found('private'), '', 'nowhere');
SELECT is(helper.found('(^|\D)4711(\D|$)'), '', 'nor its number');
SELECT is_empty($$SELECT * FROM contact_status.verify('alone')$$, 'verify finds nothing');

-- The application's own columns of the log hold details of that person too.
INSERT INTO alone.contact (contact_id, email) VALUES (4713, 'other@example.org');
ALTER TABLE alone.event ADD COLUMN ip text;
ALTER TABLE alone.event ADD COLUMN place text NOT NULL DEFAULT 'unknown';
INSERT INTO alone.event (contact_id, kind, ip, place) VALUES (4713, 'opened', 'private 192.0.2.7', 'privateplace');
SELECT contact_status.erase_contact('alone', 1, 4713) \g /dev/null
SELECT is(helper.found('private'), '', 'own columns of the log are emptied: to null or their default');

-- A person whose contact was deleted before asks to be erased.
INSERT INTO alone.contact (contact_id, email) VALUES (4714, 'gone@example.org');
INSERT INTO alone.event (contact_id, kind, reply) VALUES (4714, 'soft_bounced', 'private <gone@example.org>');
DELETE FROM alone.contact WHERE contact_id = 4714;
SELECT helper.accepted($$SELECT contact_status.erase_contact('alone', 1, 4714)$$, 'a deleted contact can be erased');

-- An earlier contact of the same id is another person. ----------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (5001, 'earlier@example.org');
INSERT INTO crm.event (contact_id, kind, occurred_at, reply) VALUES
    (5001, 'complained', '2025-06-01 10:00+00', 'text'), (5001, 'hard_bounced', '2025-06-01 09:00+00', 'text');
DELETE FROM crm.contact WHERE contact_id = 5001;
INSERT INTO crm.contact (contact_id, email) VALUES (5001, 'later@example.org');
SELECT contact_status.erase_contact('crm', 1, 5001) \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (5002, 'earlier@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 5002), 'complained',
    'the complaint of an earlier contact of the same id holds');

-- No import brings the address back. ----------------------------------------------------------------------------------

CREATE TABLE helper.back (nr int, name text, at text, status text);
CREATE FUNCTION helper.erased(address text, policy text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    contact bigint;
BEGIN
    UPDATE crm.account SET policy = erased.policy WHERE account_id = 1;
    INSERT INTO crm.contact (email) VALUES (address) RETURNING contact_id INTO contact;
    INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) VALUES
        (contact, 1, 'signed_up', now() - interval '2 hours', 'old'),
        (contact, 1, 'confirmed', now() - interval '1 hour', 'old');
    PERFORM contact_status.erase_contact('crm', 1, contact);
    INSERT INTO crm.contact (email) VALUES (upper(address)) RETURNING contact_id INTO contact;
    INSERT INTO crm.event (contact_id, list_id, kind, source) SELECT contact, l, 'added', 'import'
    FROM generate_series(1, 3) AS l;
    RETURN contact;
END $$;
CREATE FUNCTION helper.list_statuses(contact bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', list_id, status), ', ' ORDER BY list_id) FROM crm.subscription
    WHERE contact_id = contact
$$;
SELECT is(helper.list_statuses(helper.erased(policy || '@example.org', policy)),
    '1 unsubscribed, 2 unsubscribed, 3 unsubscribed', policy || ': erased and imported: unsubscribed on every list')
FROM unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS policy;

SELECT helper.erased('returns@example.org', 'default') AS c \gset
INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES (:c, 1, 'confirmed', 'old');
SELECT is(helper.list_statuses(:c), '1 unsubscribed, 2 unsubscribed, 3 unsubscribed', 'an old link does not lift it');
INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES (:c, 1, 'signed_up', 'new');
SELECT is(helper.list_statuses(:c), '1 unsubscribed, 2 unsubscribed, 3 unsubscribed',
    'nor does a sign-up that is not confirmed');
INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES (:c, 1, 'confirmed', 'new');
SELECT is(helper.list_statuses(:c), '1 active, 2 unsubscribed, 3 unsubscribed',
    'the person''s own confirmed sign-up lifts it, on its list');

SELECT helper.erased('owner@example.org', 'default') AS c \gset
INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES (:c, 1, 'resubscribed', 'the owner says so');
SELECT is(helper.list_statuses(:c), '1 unsubscribed, 2 unsubscribed, 3 unsubscribed',
    'only that: the owner''s word does not');

CREATE TABLE helper.staging (email text);
SELECT helper.erased('staged@example.org', 'default') AS c \gset
DELETE FROM crm.contact WHERE contact_id = :c;
INSERT INTO helper.staging VALUES ('staged@example.org');
SELECT is((SELECT outcome FROM contact_status.import_contacts('crm', 1, 1, 'helper.staging')), 'suppressed',
    'import_contacts: suppressed');

-- Erased twice, and who is not there
SELECT contact_id AS c FROM crm.contact WHERE email ~* 'staged' \gset
SELECT contact_status.erase_contact('crm', 1, :c) \g /dev/null
SELECT is((SELECT outcome FROM contact_status.import_contacts('crm', 1, 1, 'helper.staging')), 'suppressed',
    'erased again: suppressed');
-- Former addresses get the opt-out too, and the reason of a retraction that concerned this person alone goes.
INSERT INTO crm.contact (contact_id, email) VALUES (6101, 'first6101@example.org'), (6102, 'other6102@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES
    (6101, 1, 'added'), (6101, NULL, 'opened'), (6102, NULL, 'opened'), (6101, NULL, 'clicked');
UPDATE crm.contact SET email = 'second6101@example.org' WHERE contact_id = 6101;
UPDATE crm.contact SET email = 'third6101@example.org' WHERE contact_id = 6101;
SELECT contact_status.retract_events('crm', 'first6101 called', contact_ids => '{6101}', kinds => '{clicked}'),
       contact_status.retract_events('crm', 'a scanner opened', contact_ids => '{6101,6102}',
           kinds => '{opened}') \g /dev/null
SELECT contact_status.erase_contact('crm', 1, 6101) \g /dev/null
SELECT is((SELECT string_agg(reason, ', ' ORDER BY retraction_id DESC)
        FROM (SELECT * FROM crm.retraction ORDER BY retraction_id DESC LIMIT 2) r), 'a scanner opened, erased',
    'the reason of a retraction that concerned this person alone goes');
SELECT is((SELECT count(*) FROM crm.address_change WHERE contact_id = 6101), 0::bigint,
    'address changes go with the person');
INSERT INTO crm.contact (contact_id, email) VALUES
    (6103, 'first6101@example.org'), (6104, 'second6101@example.org'), (6105, 'third6101@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, 1, 'added' FROM generate_series(6103, 6105) i;
SELECT is((SELECT array_agg(status::text ORDER BY contact_id) FROM crm.contact WHERE contact_id BETWEEN 6103 AND 6105),
    '{unsubscribed,unsubscribed,unsubscribed}',
    'no import brings a former address back');

SELECT helper.refused_helpfully($$SELECT contact_status.erase_contact('crm', 1, 999999)$$, '23503', '999999',
    'a contact that never was');
SELECT helper.refused_helpfully($$SELECT contact_status.erase_contact('crm', 99, 5002)$$, '23503', '99',
    'of no account');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
