-- Partitions at the edges: ways for one to go, arguments that mean nothing, columns of your own, partitions of partitions.
\i test/pgtap/setup.inc
SELECT no_plan();

SELECT contact_status.create_tables('crm', partition_by => '1 month');
SELECT contact_status.add_partitions('crm', '1 month', since => '2026-06-01') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'c1@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1, 1, 'added', '2026-07-10'), (1, NULL, 'complained', '2026-08-10');

-- ways to go
CREATE SCHEMA old;
ALTER TABLE crm.event_p20260801 SET SCHEMA old;
-- where it goes all the same, it comes back
SELECT throws_ok($try$DO $$ BEGIN DROP SCHEMA old CASCADE; RAISE 'it is gone'; END $$$try$, '55000', NULL, 'a partition does not go with a schema of its own either');
ALTER TABLE old.event_p20260801 SET SCHEMA crm;
SELECT contact_status.set_horizon('crm', 1, '2026-10-01');
ALTER TABLE crm.event DETACH PARTITION crm.event_p20260801;
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'crm.event_p20260801'::regclass), 0::bigint, 'what is detached has no trigger of ours any more');
SELECT lives_ok('TRUNCATE crm.event_p20260801', 'and may be emptied');

-- arguments
SELECT contact_status.create_tables('plain');
SELECT throws_ok($$SELECT contact_status.add_partitions('plain', '1 month')$$, NULL, NULL, 'a log in one table gets no partitions, and says so');
SELECT throws_ok($$SELECT contact_status.add_partitions('crm', '1 second', '2027-08-01 00:00:03', '2027-08-01')$$, '22023', NULL, 'no periods that names cannot tell apart');
SELECT throws_ok($$SELECT contact_status.add_partitions('crm', '1 month', since => '-infinity')$$, '22023', NULL, 'since must be finite');

-- a column of your own
ALTER TABLE crm.event ADD COLUMN day date GENERATED ALWAYS AS ((occurred_at AT TIME ZONE 'UTC')::date) STORED;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'opened', '2021-02-03');
SELECT lives_ok($$SELECT contact_status.add_partitions('crm', '1 month', '2021-03-01', '2021-02-01')$$, 'what the default partition holds moves with generated columns');

-- the default partition, with what was recorded before the horizon was set again
SELECT contact_status.set_horizon('crm', 1, '2026-10-01');
SELECT lives_ok('ALTER TABLE crm.event DETACH PARTITION crm.event_default', 'the default partition may go when all that it holds is kept');

-- in a schema that comes with it
CREATE SCHEMA new CREATE TABLE come PARTITION OF crm.event FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
SELECT is_empty($$SELECT contact_status.unguarded_partitions('crm')$$, 'a partition that comes with its schema has its triggers');

-- one level deep
SELECT throws_ok($$CREATE TABLE crm.sub PARTITION OF crm.event FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') PARTITION BY RANGE (occurred_at)$$,
                 '0A000', NULL, 'a partition that is partitioned itself is refused');

SELECT * FROM finish();
ROLLBACK;
