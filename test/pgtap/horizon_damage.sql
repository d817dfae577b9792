-- An event before the horizon that came past the triggers: verify shows it, repair applies it, and it does not go
-- unseen.
\i test/pgtap/setup.inc
SELECT no_plan();

SELECT contact_status.create_tables('crm', partition_by => '1 month');
SELECT contact_status.add_partitions('crm', '1 month', since => '2026-06-01') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'c1@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1, 1, 'added', '2026-07-10');
SELECT contact_status.set_horizon('crm', 1, '2026-10-01');
SET session_replication_role = replica;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'complained', '2026-08-10');
RESET session_replication_role;
SELECT isnt_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify shows it');
SELECT contact_status.repair('crm') \g /dev/null
SELECT is((SELECT status FROM crm.contact), 'complained', 'repair applies it');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'then verify is content');
SELECT throws_ok($$SELECT contact_status.drop_partition('crm', 'crm.event_p20260801')$$, '55000', NULL,
    'its partition stays until it is kept');

SELECT * FROM finish();
ROLLBACK;
