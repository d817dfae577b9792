-- merge_contacts: the stricter facts of two contacts hold, later events under the merged id follow, and facts of an
-- address remain with the address.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
SELECT contact_status.add_change_feed('crm');

-- Two contacts with their events; events that are recorded under the merged id after the merge; the status afterwards.
-- @+30s: dated after the merge. A backslash at the end continues a row.
CREATE TABLE helper.case (n int GENERATED ALWAYS AS IDENTITY, policy text, merged text, other text, later text,
    expected text);
COPY helper.case (policy, merged, other, later, expected) FROM STDIN (DELIMITER '|');
default|added l3|added l3||active (l3 active)
default|added l3, unsubscribed l3|added l3||unsubscribed (l3 unsubscribed)
default|added l3|added l3, unsubscribed l3||unsubscribed (l3 unsubscribed)
default|added l3, unsubscribed l3|signed_up l3 @-3h, unsubscribed l3 @-2h, resubscribed l3 evidence=call @-1h||\
unsubscribed (l3 unsubscribed)
default|added l3|signed_up l2||active (l2 unconfirmed, l3 active)
default|added l3|||active (l3 active)
default|signed_up l2|added l3||active (l3 active)
default|signed_up l2, confirmed l2|signed_up l2||unconfirmed (l2 unconfirmed)
default|signed_up l2 key=t|added l3|confirmed l2 key=t|active (l3 active)
default|signed_up l2 key=t|signed_up l2 key=u|confirmed l2 key=t @+30s|unconfirmed (l2 unconfirmed)
default|signed_up l2|signed_up l2|confirmed l2 @+30s|unconfirmed (l2 unconfirmed)
default||signed_up l2 key=u|signed_up l3 key=t @+30s, confirmed l2 key=t @+31s|active (l2 unconfirmed, l3 active)
default|added l1, unsubscribed l1|added l1, added l3||active (l1 unsubscribed, l3 active)
default|added l3, unsubscribed|added l1, added l3||unsubscribed (l1 unsubscribed, l3 unsubscribed)
default|added l3|added l1, unsubscribed||unsubscribed (l1 unsubscribed, l3 unsubscribed)
salesmanago|added l3, unsubscribed l3|added l1||unsubscribed (l1 unsubscribed)
default|added l3, complained|added l3||complained (l3 complained)
default|complained @-400d|added l3 @-500d, resubscribed l3 evidence=call @-1d||complained (l3 complained)
default|added l3|added l3, complained||complained (l3 complained)
default|added l3, suspended|added l3||suspended (l3 suspended)
default|added l3, suspended until=1h|added l3, suspended||suspended (l3 suspended)
default|added l3, suspended until=-1h|added l3||active (l3 active)
default|added l3, deleted|added l3||deleted (l3 deleted)
default|added l3, deleted, restored|added l3||active (l3 active)
default|added l3, nonexistent|added l3||active (l3 active)
default|added l3|added l3, nonexistent||hard_bounced (l3 hard_bounced)
default|added l3, clicked|added l3, nonexistent||hard_bounced (l3 hard_bounced)
default|signed_up l2, confirmed l2|added l3, nonexistent||hard_bounced (l2 hard_bounced, l3 hard_bounced)
default|added l3, soft_bounced c1..c4|added l3, soft_bounced c5||soft_bounced (l3 soft_bounced)
emailmanager|added l3, sent c1 @-20d|added l3||active (l3 active)
default|added l3|added l3|unsubscribed l3|unsubscribed (l3 unsubscribed)
default|added l3|added l3|unsubscribed @-10d|unsubscribed (l3 unsubscribed)
default|added l3|added l3|unsubscribed l1 @-10d|active (l1 unsubscribed, l3 active)
default|added l3|added l3|complained @-10d|complained (l3 complained)
default|added l3|added l3|nonexistent|active (l3 active)
default|added l3|added l3|nonexistent @+30s|active (l3 active)
default|added l3|added l3, nonexistent|clicked @+30s, delivered @+30s|hard_bounced (l3 hard_bounced)
default|added l3|added l3, nonexistent|validated @+30s|hard_bounced (l3 hard_bounced)
default|added l3|added l3|suspended|suspended (l3 suspended)
default|added l3|added l3, suspended|released|suspended (l3 suspended)
default|added l3|added l3, suspended|released @+30s|active (l3 active)
default|added l3|added l3|added l1|active (l3 active)
default|added l3|added l3|added l1 @+30s|active (l1 active, l3 active)
default|added l3|added l3|signed_up l2 key=t @+30s, confirmed l2 key=t @+31s|active (l2 active, l3 active)
default|added l3, unsubscribed l3|added l3|resubscribed l3 evidence=call @+30s|active (l3 active)
default|added l3|added l3|removed l3 @+30s|unconfirmed ()
default|added l3|added l3|visited @+30s, noted @+30s|active (l3 active)
\.
CREATE FUNCTION helper.merged(a helper.account, c helper.case) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    one bigint := helper.play(a, c.merged);
    other bigint := helper.play(a, c.other);
BEGIN
    PERFORM contact_status.merge_contacts('crm', a.account_id, one, other);
    PERFORM helper.record(a, one, coalesce(c.later, ''));
    RETURN helper.state(a, other, '()');
END $$;
SELECT is(helper.merged(helper.account(c.policy), c), btrim(c.expected, E'\n'),
    concat_ws(' + ', c.merged, c.other, 'later ' || nullif(c.later, ''))) FROM helper.case AS c ORDER BY n;
SELECT * FROM helper.check_whole();
SELECT is_empty('SELECT * FROM crm.contact c JOIN crm.deleted_contact d USING (account_id, contact_id)',
    'the merged contacts are gone');

-- The addresses, the log, and chains.
INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i) FROM generate_series(1001, 1004) i;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, evidence)
SELECT i, 1, 'added', '2026-01-01', 'form ' || i FROM generate_series(1001, 1004) i;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1001, 'nonexistent', '2026-01-02');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, source) VALUES
    (1002, 1, 'unsubscribed', '2026-01-02', 'wrong');
SELECT contact_status.merge_contacts('crm', 1, 1001, 1002), contact_status.merge_contacts('crm', 1, 1002, 1003),
    contact_status.merge_contacts('crm', 1, 1003, 1004) \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1004), 'unsubscribed',
    'a chain of merges: the opt-out holds');
SELECT is((SELECT string_agg(format('%s %s %s', kind, source, reason), ', ' ORDER BY kind) FROM crm.event
        WHERE contact_id = 1004 AND recorded_at = (SELECT max(recorded_at) FROM crm.event)),
    'unsubscribed suppression contact 1003', 'the event names the merged contact');
SELECT is((SELECT array_agg(DISTINCT contact_id) FROM crm.event WHERE evidence LIKE 'form%'),
    '{1001,1002,1003,1004}', 'the log of each contact stays');
SELECT contact_status.retract_events('crm', 'a test', source => 'wrong') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1004), 'active',
    'a retraction of the opt-out reaches the end of the chain');
INSERT INTO crm.event (contact_id, kind, occurred_at, source, evidence, reason, campaign_id, event_key) VALUES
    (1001, 'complained', '2026-01-03', 's', 'e', 'r', 7, 'k');
SELECT is((SELECT string_agg(concat_ws(' ', contact_id, kind, campaign_id, event_key, source, evidence, reason), ', '
            ORDER BY contact_id) FROM crm.event WHERE kind = 'complained' AND source = 's'),
    '1001 complained 7 k s e r, 1002 complained 7 k s e r, 1003 complained 7 k s e r, 1004 complained 7 k s e r',
    'a complaint under the first id follows the chain, with its columns');
INSERT INTO crm.event (contact_id, kind, occurred_at, source, evidence, reason, campaign_id, event_key) VALUES
    (1001, 'complained', '2026-01-03', 's', 'e', 'r', 7, 'k'), (1004, 'complained', '2026-01-03', 's', 'e', 'r', 7, 'k')
    ON CONFLICT DO NOTHING;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1004, 'complained', '2026-01-04');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1001, 'complained', '2026-01-04');
SELECT is((SELECT string_agg(format('%s %s', contact_id, n), ', ' ORDER BY contact_id)
        FROM (SELECT contact_id, count(*) AS n FROM crm.event
               WHERE kind = 'complained' AND contact_id BETWEEN 1001 AND 1004 GROUP BY 1) e),
    '1001 2, 1002 2, 1003 2, 1004 2', 'repeated under any id: recorded once');
SELECT * FROM helper.check_whole();

-- dead addresses stay dead, and the winner can be deleted itself
INSERT INTO crm.contact (contact_id, email) VALUES (1011, 'c1001@example.org'), (1012, 'c1002@example.org');
SELECT is((SELECT string_agg(status::text, ', ' ORDER BY contact_id) FROM crm.contact
        WHERE contact_id IN (1011, 1012)), 'complained, complained', 'contacts that take a merged address');
SELECT ok((SELECT hard_bounced_at IS NOT NULL FROM crm.contact WHERE contact_id = 1011)
    AND (SELECT hard_bounced_at IS NULL FROM crm.contact WHERE contact_id = 1012), 'the dead one of them is dead');
INSERT INTO crm.contact (contact_id, email) VALUES (1021, 'c1021@example.org'), (1022, 'c1022@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1021, 1, 'added'), (1022, 1, 'added');
SELECT contact_status.merge_contacts('crm', 1, 1021, 1022) \g /dev/null
DELETE FROM crm.contact WHERE contact_id = 1022;
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1021, 1, 'unsubscribed');
INSERT INTO crm.contact (contact_id, email) VALUES (1023, 'c1022@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1023, 1, 'added');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1023), 'unsubscribed',
    'a late opt-out also holds for the address of a deleted contact with which the contact was merged');

-- a contact that takes the address of a merged contact receives what the person said, but not of the other address
INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i) FROM generate_series(1081, 1086) i;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', '2026-01-01'
    FROM generate_series(1081, 1086) i;
SELECT contact_status.merge_contacts('crm', 1, 1081, 1082), contact_status.merge_contacts('crm', 1, 1082, 1083)
    \g /dev/null
INSERT INTO crm.event (contact_id, list_id, kind, source) VALUES (1083, 1, 'unsubscribed', 'scanner'),
    (1083, NULL, 'nonexistent', NULL);
CREATE TABLE helper.staging (email text);
INSERT INTO helper.staging VALUES ('c1081@example.org'), ('c1082@example.org');
SELECT results_eq($$SELECT outcome, reason FROM contact_status.import_contacts('crm', 1, 1, 'helper.staging')$$,
    $$VALUES ('suppressed', 'unsubscribed'), ('suppressed', 'unsubscribed')$$, 'an import of the merged addresses');
SELECT results_eq($$SELECT status::text, hard_bounced_at IS NULL FROM crm.contact
        WHERE email IN ('c1081@example.org', 'c1082@example.org')$$,
    $$VALUES ('unsubscribed', true), ('unsubscribed', true)$$, 'the opt-out after the merge holds');
SELECT contact_status.retract_events('crm', 'a test', source => 'scanner') \g /dev/null
SELECT results_eq($$SELECT status::text FROM crm.contact WHERE email IN ('c1081@example.org', 'c1082@example.org')$$,
    $$VALUES ('active'), ('active')$$, 'until it is retracted');
SELECT contact_status.merge_contacts('crm', 1, 1084, 1085) \g /dev/null
INSERT INTO crm.event (contact_id, kind) VALUES (1085, 'complained');
UPDATE crm.contact SET email = 'c1084@example.org' WHERE contact_id = 1086;
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1086), 'complained', 'a change to a merged address');
UPDATE crm.contact SET email = 'c1086b@example.org' WHERE contact_id = 1086;
UPDATE crm.contact SET email = 'c1084@example.org' WHERE contact_id = 1085;
DELETE FROM crm.contact WHERE contact_id = 1085;
INSERT INTO crm.contact (contact_id, email) VALUES (1087, 'c1084@example.org'), (1088, 'c1085@example.org');
SELECT is((SELECT string_agg(status::text, ' ') FROM crm.contact WHERE contact_id IN (1087, 1088)),
    'complained complained', 'after the contact changed to the merged address, and was deleted');
SELECT * FROM helper.check_whole();

-- a retraction of an event from before the merge, by the id of the merged contact, and its undoing
CREATE TABLE helper.retraction (n int GENERATED ALWAYS AS IDENTITY, merged text, other text, kinds text, merged_status
    text, retracted_status text);
INSERT INTO helper.retraction (merged, other, kinds, merged_status, retracted_status) VALUES
('added l3', '', '{added}', 'active', 'unconfirmed'), ('added l3', 'added l1', '{added}', 'active', 'active'),
('signed_up l2, confirmed l2', '', '{confirmed}', 'active', 'unconfirmed'),
('signed_up l3, added l3', '', '{added}', 'active', 'active'),
('added l3, signed_up l3', '', '{added,signed_up}', 'active', 'unconfirmed'),
('added l3, added l2', '', '{added}', 'active', 'unconfirmed'),
('added l3', 'added l3', '{added}', 'active', 'active'),
('suspended', 'added l3', '{suspended}', 'suspended', 'active'),
('deleted', 'added l3', '{deleted}', 'deleted', 'active'),
('suspended, released, suspended', 'added l3', '{released}', 'suspended', 'suspended'),
('added l3, unsubscribed l3', 'added l3', '{unsubscribed}', 'unsubscribed', 'unconfirmed'),
('unsubscribed', 'added l3', '{unsubscribed}', 'unsubscribed', 'unconfirmed'),
('complained', 'added l3', '{complained}', 'complained', 'active');
CREATE FUNCTION helper.retracted(a helper.account, c helper.retraction) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    one bigint := helper.play(a, c.merged);
    other bigint := helper.play(a, c.other);
    last bigint := helper.play(a, '');
    statuses text[];
    retraction bigint;
BEGIN
    PERFORM contact_status.merge_contacts('crm', a.account_id, one, other),
        contact_status.merge_contacts('crm', a.account_id, other, last);
    statuses := ARRAY[helper.state(a, last, '')];
    retraction := (contact_status.retract_events('crm', 'a test', a.account_id, contact_ids => ARRAY[one],
        kinds => c.kinds::contact_status.event_kind[])).retraction_id;
    statuses := statuses || helper.state(a, last, '');
    PERFORM contact_status.undo_retraction('crm', retraction, a.account_id);
    RETURN array_to_string(statuses || helper.state(a, last, ''), ' ');
END $$;
SELECT is(helper.retracted(helper.account('default'), c),
    concat_ws(' ', merged_status, retracted_status, merged_status),
    concat_ws(' + ', merged, other, 'retracted ' || kinds)) FROM helper.retraction c ORDER BY n;
SELECT * FROM helper.check_whole();

-- an id that is used again is another contact
INSERT INTO crm.contact (contact_id, email) VALUES (1031, 'c1031@example.org'), (1032, 'c1032@example.org');
SELECT contact_status.merge_contacts('crm', 1, 1031, 1032) \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (1031, 'again@example.org');
INSERT INTO crm.event (contact_id, kind) VALUES (1031, 'complained');
SELECT contact_status.merge_contacts('crm', 1, 1032, 1031) \g /dev/null
INSERT INTO crm.event (contact_id, kind) VALUES (1032, 'unsubscribed');
SELECT is((SELECT concat_ws(' ', status, unsubscribed_at IS NOT NULL) FROM crm.contact WHERE contact_id = 1031),
    'complained t', 'an id that is used again: no circle');
DELETE FROM crm.contact WHERE contact_id = 1031;
INSERT INTO crm.event (contact_id, kind) VALUES (1032, 'unsubscribed');
SELECT is((SELECT string_agg(concat_ws(' ', contact_id, merged_into, merged_at IS NULL), ', ' ORDER BY contact_id)
        FROM crm.deleted_contact WHERE contact_id IN (1031, 1032)), '1031 t, 1032 1031 f',
    'a contact that is deleted was not merged');
SELECT * FROM helper.check_whole();

-- a contact limit, and an erased person
INSERT INTO crm.contact (contact_id, email) VALUES (1040, 'c1040@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1040, 1, 'added');
UPDATE crm.account SET contact_limit = (SELECT active_contacts FROM crm.active_contacts WHERE account_id = 1)
    WHERE account_id = 1;
INSERT INTO crm.contact (contact_id, email) VALUES (1041, 'c1041@example.org');
SELECT helper.refused($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1041, 1, 'added')$$,
    '53400 contact_status_limit', 'the account is full');
SELECT contact_status.merge_contacts('crm', 1, 1040, 1041) \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1041), 'active', 'a merge does not need room');
UPDATE crm.account SET contact_limit = NULL WHERE account_id = 1;
INSERT INTO crm.contact (contact_id, email) VALUES (1051, 'c1051@example.org'), (1052, 'c1052@example.org');
SELECT contact_status.erase_contact('crm', 1, 1051) \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (1051, 'c1051@example.org');
SELECT contact_status.merge_contacts('crm', 1, 1051, 1052) \g /dev/null
INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES (1052, 1, 'resubscribed', 'a call');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1052), 'unsubscribed',
    'the opt-out of an erasure: only a confirmed sign-up lifts it');

-- a horizon
INSERT INTO crm.contact (contact_id, email) VALUES (1061, 'c1061@example.org'), (1062, 'c1062@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', '2026-01-01'
    FROM generate_series(1061, 1062) i;
SELECT contact_status.merge_contacts('crm', 1, 1061, 1062) \g /dev/null
SELECT contact_status.set_horizon('crm', 1, '2026-02-01') \g /dev/null
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1061, 1, 'unsubscribed', '2026-01-10');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1062), 'unsubscribed',
    'a late opt-out from before the horizon follows');
SELECT * FROM helper.check_whole();

-- refused
INSERT INTO crm.contact (account_id, contact_id, email) SELECT 101, 5000, 'x5000@example.org';
SELECT helper.refused_helpfully(statement, expected, naming, statement) FROM (VALUES
    ($$SELECT contact_status.merge_contacts('crm', 1, 1004, 1004)$$, '22023', '1004'),
    ($$SELECT contact_status.merge_contacts('crm', 1, 1004, 999999)$$, '23503', '999999'),
    ($$SELECT contact_status.merge_contacts('crm', 1, 999999, 1004)$$, '23503', '999999'),
    ($$SELECT contact_status.merge_contacts('crm', 1, 999998, 999999)$$, '23503', '999998'),
    ($$SELECT contact_status.merge_contacts('crm', 1, 1001, 1004)$$, '23503', '1001'),
    ($$SELECT contact_status.merge_contacts('crm', 1, 5000, 1004)$$, '23503', '5000'),
    ($$SELECT contact_status.merge_contacts('crm', 77777, 1, 2)$$, '23503', '77777'),
    ($$SELECT contact_status.merge_contacts('nowhere', 1, 1, 2)$$, '42P01', 'nowhere'),
    ($$SELECT _contact_status.set_merged('crm', 1, 1004, 1062)$$, '23503', '1004'),
    ($$SELECT _contact_status.set_merged('crm', 1, 1001, 999999)$$, '23503', '999999'))
    AS wrong (statement, expected, naming);
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1004), 'complained', 'nothing of it is done');

SELECT * FROM finish();
ROLLBACK;
