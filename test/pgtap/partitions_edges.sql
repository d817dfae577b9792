-- Partitions at the edges: ways for one to go, arguments that mean nothing, columns of your own, partitions of
-- partitions.
\i test/pgtap/setup.inc
SELECT no_plan();

SELECT contact_status.create_tables('crm', partition_by => '1 month');
SELECT contact_status.add_partitions('crm', '1 month', since => '2026-06-01') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'c1@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (1, 1, 'added', '2026-07-10'), (1, NULL, 'complained', '2026-08-10');

-- ways to go
SELECT throws_ok($$SELECT contact_status.drop_partition('crm', 'crm.event_p20260801')$$, '55000', NULL,
    'a partition from which statuses follow does not go');
SELECT throws_ok($$SELECT contact_status.drop_partitions('crm', '2026-09-01')$$, '55000', NULL, 'nor with others');
SELECT contact_status.set_horizon('crm', 1, '2026-10-01');
SELECT is(contact_status.drop_partitions('crm', '2026-08-01'), 2, 'those that a horizon covers go: June and July');
CREATE SCHEMA old;
ALTER TABLE crm.event_p20260801 SET SCHEMA old;
SELECT lives_ok($$SELECT contact_status.drop_partition('crm', 'old.event_p20260801')$$, 'one in another schema, too');
SELECT is(to_regclass('old.event_p20260801'), NULL, 'it is gone');
SELECT helper.check_whole();

-- arguments
SELECT contact_status.create_tables('plain');
SELECT throws_ok($$SELECT contact_status.add_partitions('plain', '1 month')$$, NULL, NULL,
    'a log in one table gets no partitions, and says so');
SELECT throws_ok($$SELECT contact_status.add_partitions('crm', '1 second', '2027-08-01 00:00:03', '2027-08-01')$$,
    '22023', NULL, 'no periods that names cannot tell apart');
SELECT throws_ok($$SELECT contact_status.add_partitions('crm', '1 month', since => '-infinity')$$, '22023', NULL,
    'since must be finite');

-- a column of your own
ALTER TABLE crm.event ADD COLUMN day date GENERATED ALWAYS AS ((occurred_at AT TIME ZONE 'UTC')::date) STORED;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'opened', '2021-02-03');
SELECT lives_ok($$SELECT contact_status.add_partitions('crm', '1 month', '2021-03-01', '2021-02-01')$$,
    'what the default partition holds moves with generated columns');

-- the default partition, with what was recorded before the horizon was set again
SELECT contact_status.set_horizon('crm', 1, '2026-10-01');
SELECT lives_ok($$SELECT contact_status.drop_partition('crm', 'crm.event_default')$$,
    'the default partition may go when all that it holds is kept');

-- one level deep
CREATE TABLE crm.sub PARTITION OF crm.event FOR VALUES
    FROM ('2020-01-01') TO ('2021-01-01') PARTITION BY RANGE (occurred_at);
SELECT isnt_empty($$SELECT FROM contact_status.verify('crm') WHERE item = 'partition crm.sub of crm.event'
        AND stored = 'partitioned table'$$, 'verify names a partition that is partitioned itself');
SELECT throws_ok($$INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'clicked', '2020-05-01')$$, NULL,
    NULL, 'it takes no events');

SELECT * FROM finish();
ROLLBACK;
