\i test/pgtap/setup.inc
-- A fact against mailing does not need a row that its truth does not depend on: events with a deleted list, and events
-- of a deleted contact, are recorded. What restricts among them is kept for the address.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm');
INSERT INTO crm.list (list_id, name) OVERRIDING SYSTEM VALUE VALUES (2, 'deleted'), (3, 'other');
INSERT INTO crm.account (account_id) VALUES (2);

-- A deleted list is accepted as context by each kind that does not need one, and for an opt-out. ----------------------

INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i) FROM generate_series(1, 60) i;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, 1, 'added' FROM generate_series(1, 60) i;
DELETE FROM crm.list WHERE list_id = 2;
CREATE FUNCTION helper.record(kind contact_status.event_kind, contact bigint, list bigint) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm.event (contact_id, list_id, kind, campaign_id, evidence, event_key)
    VALUES (contact, list, kind, 7, CASE WHEN kind = 'resubscribed' THEN 'letter' END, 'deleted rows');
    RETURN 'recorded';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT is(helper.record(k, ordinality, 2),
    CASE WHEN k IN ('added', 'signed_up', 'confirmed', 'resubscribed', 'removed') THEN '23503' ELSE 'recorded' END,
          k || ' with a deleted list')
FROM unnest(enum_range(NULL::contact_status.event_kind)) WITH ORDINALITY AS k (k, ordinality);
SELECT is(helper.record(k, ordinality, 99), '23503', k || ' with a list that never existed')
FROM unnest(enum_range(NULL::contact_status.event_kind)) WITH ORDINALITY AS k (k, ordinality);
SELECT is((SELECT status::text FROM crm.contact c JOIN crm.event e USING (contact_id) WHERE e.kind = 'complained'),
    'complained', 'a complaint counts');
SELECT is(helper.record('complained', 51, 3), 'recorded', 'with a list that exists');
SELECT * FROM helper.check_whole();

-- Of a deleted contact each kind is recorded. What is kept for the address, and the status of the next contact that has
-- it. -----

DELETE FROM crm.event WHERE false;
INSERT INTO crm.contact (contact_id, email) SELECT 100 + i, format('d%s@example.org', i) FROM generate_series(1, 24) i;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT 100 + i, 1, 'added' FROM generate_series(1, 24) i;
DELETE FROM crm.contact WHERE contact_id > 100;
SELECT is(helper.record(k, 100 + ordinality, 1), 'recorded', k || ' of a deleted contact')
FROM unnest(enum_range(NULL::contact_status.event_kind)) WITH ORDINALITY AS k (k, ordinality);
SELECT is(helper.record(k, 999, 1), '23503', k || ' of a contact that never existed')
FROM unnest(enum_range(NULL::contact_status.event_kind)) WITH ORDINALITY AS k (k, ordinality);
SELECT results_eq($$SELECT e.kind::text, s.kind::text, s.list_id FROM crm.suppression s
        JOIN crm.event e USING (contact_id) WHERE e.event_key = 'deleted rows' AND contact_id > 100 ORDER BY e.kind$$,
    $$VALUES ('hard_bounced', 'invalidated', NULL::bigint), ('nonexistent', 'invalidated', NULL),
        ('invalidated', 'invalidated', NULL), ('unsubscribed', 'unsubscribed', 1), ('complained', 'complained', NULL)$$,
    'what restricts is kept for the address');
SELECT is((SELECT count(*) FROM crm.contact WHERE contact_id > 100), 0::bigint, 'no contact comes back');
INSERT INTO crm.contact (contact_id, email) SELECT 200 + i, format('d%s@example.org', i) FROM generate_series(1, 24) i;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT 200 + i, 1, 'added' FROM generate_series(1, 24) i;
SELECT results_eq(
    $$SELECT e.kind::text, c.status::text FROM crm.contact c JOIN crm.event e ON e.contact_id = c.contact_id - 100
        WHERE e.event_key = 'deleted rows' AND c.contact_id > 200 AND c.status <> 'active' ORDER BY e.kind$$,
    $$VALUES ('hard_bounced', 'hard_bounced'), ('nonexistent', 'hard_bounced'), ('invalidated', 'hard_bounced'),
        ('unsubscribed', 'unsubscribed'), ('complained', 'complained')$$,
    'and comes back with it');
SELECT * FROM helper.check_whole();

-- the contact that has the address already
INSERT INTO crm.contact (contact_id, email) VALUES (301, 'taken@example.org');
DELETE FROM crm.contact WHERE contact_id = 301;
INSERT INTO crm.contact (contact_id, email) VALUES (302, 'taken@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (302, 1, 'added');
INSERT INTO crm.event (contact_id, kind) VALUES (301, 'complained'), (51, 'opened');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 302), 'complained',
    'the contact that has the address now receives it');
-- a later contact with the same id does not
INSERT INTO crm.contact (contact_id, email) VALUES (301, 'another@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (301, 1, 'added');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 301), 'active',
    'a later contact with the same id does not');
-- taken back
SELECT contact_status.retract_events('crm', 'a test', contact_ids => '{301}', kinds => '{complained}') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 302), 'active',
    'the retraction of an event of a deleted contact reaches it too');
-- consent is no reason to keep anything, and a return lifts what the contact itself said
INSERT INTO crm.contact (contact_id, email) VALUES (303, 'return@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (303, 1, 'added'), (303, 1, 'unsubscribed');
DELETE FROM crm.contact WHERE contact_id = 303;
INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES (303, 1, 'resubscribed', 'letter');
INSERT INTO crm.contact (contact_id, email) VALUES (304, 'return@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (304, 1, 'added');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 304), 'active',
    'a return after the deletion counts');

-- a former address of a deleted contact
INSERT INTO crm.contact (contact_id, email) VALUES (305, 'before@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (305, 1, 'added', now() - interval '1 day');
UPDATE crm.contact SET email = 'after@example.org' WHERE contact_id = 305;
DELETE FROM crm.contact WHERE contact_id = 305;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (305, 'nonexistent', now() - interval '1 hour');
INSERT INTO crm.event (contact_id, kind) VALUES (305, 'unsubscribed');
INSERT INTO crm.contact (contact_id, email) VALUES (306, 'before@example.org'), (307, 'after@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (306, 1, 'added'), (307, 1, 'added');
SELECT results_eq('SELECT contact_id, status::text FROM crm.contact WHERE contact_id IN (306, 307) ORDER BY 1',
    $$VALUES (306::bigint, 'hard_bounced'), (307, 'unsubscribed')$$,
    'each event of a deleted contact holds for the address that the contact had at its time');

-- before a horizon
INSERT INTO crm.contact (contact_id, email) VALUES (308, 'old@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (308, 1, 'added', now() - interval '60 days');
DELETE FROM crm.contact WHERE contact_id = 308;
SELECT contact_status.set_horizon('crm', 1, now() - interval '30 days');
DELETE FROM crm.event WHERE occurred_at < now() - interval '30 days';
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (308, 'complained', now() - interval '40 days');
SELECT is((SELECT kind::text FROM crm.suppression WHERE contact_id = 308), 'complained', 'before a horizon as well');
SELECT throws_ok($$DELETE FROM crm.event WHERE contact_id = 308$$, '23514', NULL, 'and is not dropped');
SELECT contact_status.set_horizon('crm', 1, now() - interval '30 days');
SELECT lives_ok($$DELETE FROM crm.event WHERE contact_id = 308$$, 'until it is kept');
SELECT * FROM helper.check_whole();

-- erased
SELECT contact_status.erase_contact('crm', 1, 101) \g /dev/null
SELECT is(helper.record(k, 101, 1), '23503', k || ' of an erased contact')
FROM unnest(enum_range(NULL::contact_status.event_kind)) AS k;
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
