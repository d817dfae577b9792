\i test/pgtap/setup.inc
-- The suppression of a wrong file is taken back, with all that followed from it, and that is undone.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm');
INSERT INTO crm.list (list_id) VALUES (2);
INSERT INTO crm.account (account_id) VALUES (2);
INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (2, 1);

-- file 7: one address without a contact, one that is inserted later, one that is inserted and deleted, one that moves,
-- an erased one; the same addresses stand in file 8 with an opt-out of list 2
SELECT contact_status.suppress_all('crm', 1,
    ARRAY['a@example.org', 'b@example.org', 'c@example.org', 'd@example.org', 'e@example.org'], 'complained',
    occurred_at => '2025-06-01', source => 'file 7') \g /dev/null
SELECT contact_status.suppress_all('crm', 1, ARRAY['a@example.org', 'b@example.org', 'c@example.org', 'd@example.org'],
    'unsubscribed', 2, occurred_at => '2025-06-02', source => 'file 8') \g /dev/null
SELECT contact_status.suppress('crm', 2, 'a@example.org', 'complained', source => 'file 7') \g /dev/null
CREATE PROCEDURE helper.import(i bigint, email text, account bigint DEFAULT 1) LANGUAGE sql AS $$
    INSERT INTO crm.contact (account_id, contact_id, email) VALUES (account, i, email);
    INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (account, i, 1, 'added');
$$;
CALL helper.import(2, 'b@example.org');
CALL helper.import(3, 'c@example.org');
DELETE FROM crm.contact WHERE contact_id = 3;
CALL helper.import(4, 'd@example.org');
UPDATE crm.contact SET email = 'd2@example.org' WHERE contact_id = 4;
CALL helper.import(5, 'e@example.org');
SELECT contact_status.erase_contact('crm', 1, 5) \g /dev/null
SELECT is((SELECT string_agg(DISTINCT reason, ', ') FROM crm.event WHERE source = 'suppression'),
    'source file 7, source file 8',
    'events that a suppression brought name the source of the suppression');
SELECT is((SELECT array_agg(status::text ORDER BY contact_id) FROM crm.contact WHERE account_id = 1),
    '{complained,complained}', 'all are complained');

SELECT throws_ok(format('SELECT contact_status.retract_suppressions(%s)', a), '22004', NULL,
    'retract_suppressions: ' || a)
FROM unnest('{"''crm'', '' '', source => ''x''","''crm'', NULL, source => ''x''","''crm'', ''x''"}'::text[]) a;
SELECT throws_ok($$SELECT contact_status.retract_suppressions('nowhere', 'x', source => 'x')$$, '42P01', NULL,
    'an unknown schema');
SELECT results_eq(
    $$SELECT suppressions, events FROM contact_status.retract_suppressions('crm', 'x', source => 'file 9')$$,
    'VALUES (0::bigint, 0::bigint)', 'nothing of another file');
SELECT results_eq(
    $$SELECT suppressions, events FROM contact_status.retract_suppressions('crm', 'x', before => '2025-06-01')$$,
    'VALUES (0::bigint, 0::bigint)', 'nor of another time');

SELECT * FROM contact_status.retract_suppressions('crm', 'the file of another sender', source => 'file 7') \gset
SELECT is((:suppressions, :events)::text, '(4,3)', 'the suppressions, and the events that they brought');
SELECT is((SELECT array_agg(status::text ORDER BY contact_id) FROM crm.contact WHERE account_id = 1), '{active,active}',
    'contacts that have the addresses are free');
CALL helper.import(11, 'a@example.org');
CALL helper.import(13, 'c@example.org');
CALL helper.import(14, 'd@example.org');
CALL helper.import(15, 'e@example.org');
CALL helper.import(11, 'a@example.org', 2);
SELECT results_eq('SELECT account_id, contact_id, status::text FROM crm.contact WHERE contact_id > 10 ORDER BY 1, 2',
    $$VALUES (1::bigint, 11::bigint, 'active'), (1, 13, 'active'), (1, 14, 'active'), (1, 15, 'unsubscribed'),
        (2, 11, 'complained')$$,
    'and who takes them; not of an erased person, nor of another account');
INSERT INTO crm.event (contact_id, list_id, kind) SELECT contact_id, 2, 'added' FROM crm.contact WHERE account_id = 1;
SELECT is((SELECT count(*) FROM crm.subscription WHERE account_id = 1 AND list_id = 2 AND status = 'unsubscribed'),
    6::bigint, 'the other file holds');
SELECT * FROM helper.check_whole();

-- undone
SELECT contact_status.undo_retraction('crm', :retraction_id) \g /dev/null
SELECT results_eq('SELECT contact_id, status::text FROM crm.contact WHERE account_id = 1 ORDER BY 1',
    $$VALUES (2::bigint, 'complained'), (4, 'complained'), (11, 'complained'), (13, 'complained'), (14, 'complained'),
        (15, 'unsubscribed')$$,
    'undone, all are complained again, also who took an address meanwhile');
SELECT * FROM helper.check_whole();

-- by address; what is suppressed again counts; also with an earlier time
SELECT contact_status.suppress_all('crm', 1, ARRAY['f@example.org', 'g@example.org'], 'unsubscribed',
    source => 'file 10', occurred_at => '2025-06-03') \g /dev/null
SELECT is((SELECT suppressions
        FROM contact_status.retract_suppressions('crm', 'x', emails => '{ F@EXAMPLE.org,nobody@example.org,NULL}')),
    1::bigint, 'by address');
CALL helper.import(16, 'f@example.org');
CALL helper.import(17, 'g@example.org');
SELECT is((SELECT array_agg(status::text ORDER BY contact_id) FROM crm.contact WHERE contact_id IN (16, 17)),
    '{active,unsubscribed}', 'one is free');
SELECT contact_status.suppress('crm', 1, 'h@example.org', 'complained', source => 'file 11',
    occurred_at => '2025-06-03') \g /dev/null
SELECT contact_status.retract_suppressions('crm', 'x', source => 'file 11') \g /dev/null
SELECT contact_status.suppress('crm', 1, 'h@example.org', 'complained', source => 'file 12',
    occurred_at => '2025-06-01') \g /dev/null
CALL helper.import(18, 'h@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 18), 'complained',
    'what is suppressed again counts');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
