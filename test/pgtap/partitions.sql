-- A log in partitions: the same as in one table, whichever way an event comes in, and no way around its triggers.
\i test/pgtap/setup.inc
SELECT no_plan();

SELECT contact_status.create_tables('crm', partition_by => '1 month');
SELECT is((SELECT count(*) FROM pg_inherits WHERE inhparent = 'crm.event'::regclass), 5::bigint,
    'this month, three ahead and a default partition');
SELECT is_empty($$SELECT _contact_status.unguarded_partitions('crm')$$, 'all have their triggers');
SELECT is(contact_status.add_partitions('crm', '1 month', since => now() - interval '3 months'), 3,
    'months of the past are added');
SELECT is(contact_status.add_partitions('crm', '1 month', since => now() - interval '3 months'), 0, 'once');
SELECT throws_ok(format('SELECT contact_status.add_partitions(''crm'', %L)', i), '22023', NULL, 'no periods of ' || i)
  FROM unnest('{0 days,-1 month,1 month 1 day}'::interval[]) AS i;
SELECT is(_contact_status.period_start('3 months', '2026-11-21 12:00+01'), '2026-10-01 00:00+00', 'a quarter');
SELECT is(_contact_status.period_start('1 month', '2026-12-01 00:30+01'), '2026-11-01 00:00+00',
    'months are those of UTC');
SELECT is(_contact_status.period_start('7 days', '2026-11-21 12:00+01'), '2026-11-16 00:00+00',
    'weeks begin on Monday');
SELECT is(_contact_status.period_start('1 year', '1999-06-01 00:00+00'), '1999-01-01 00:00+00',
    'a year before the origin');

-- one contact whose events lie in three months and, five years ago, in the default partition
INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i) FROM generate_series(1, 5) AS i;
INSERT INTO crm.event (contact_id, kind, list_id, occurred_at) SELECT i, 'added', 1, now() - interval '5 years'
    FROM generate_series(1, 5) AS i;
INSERT INTO crm.event (contact_id, kind, campaign_id, occurred_at)
SELECT 1, 'soft_bounced', n, now() - n * interval '20 days' FROM generate_series(0, 4) AS n;
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 1), 'hard_bounced', 'five errors in different months');
SELECT cmp_ok((SELECT count(DISTINCT tableoid) FROM crm.event WHERE contact_id = 1), '>=', 4::bigint,
    'in different partitions');
INSERT INTO crm.event (contact_id, kind, campaign_id, occurred_at) VALUES
    (1, 'delivered', 9, now() - interval '50 days');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 1), 'soft_bounced',
    'a late delivery between them is folded in where it belongs');
INSERT INTO crm.event (contact_id, kind, campaign_id, occurred_at) VALUES
    (1, 'soft_bounced', 10, now() - interval '40 months');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'one in the default partition, too');
INSERT INTO crm.event (contact_id, kind, list_id, occurred_at) VALUES (1, 'added', 1, now() - interval '5 years')
    ON CONFLICT DO NOTHING;
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id = 1 AND kind = 'added'), 1::bigint,
    'a repeated one is found in its partition');

-- directly into a partition
SELECT format('INSERT INTO crm.%I (contact_id, kind, occurred_at) VALUES (2, ''complained'', now())',
    c.relname) AS direct
  FROM pg_class AS c JOIN crm.event AS e ON e.tableoid = c.oid
  WHERE e.occurred_at > now() - interval '1 second' LIMIT 1 \gset
:direct;
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 2), 'complained',
    'an event that is inserted into a partition is applied');
INSERT INTO crm.event_default (contact_id, list_id, kind, occurred_at) VALUES
    (3, 1, 'unsubscribed', now() - interval '4 years');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 3), 'unsubscribed', 'into the default one, too');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'and verify agrees');

-- writes of our own land in the right partition
DELETE FROM crm.contact WHERE contact_id IN (2, 3);
INSERT INTO crm.contact (contact_id, email) VALUES (2, 'c2@example.org'), (13, 'c3@example.org');
SELECT is((SELECT array_agg(status ORDER BY contact_id) FROM crm.contact WHERE contact_id IN (2, 13)),
          '{complained,unsubscribed}'::contact_status.contact_status[], 'what was suppressed comes back');
SELECT is((SELECT consent FROM crm.subscription WHERE contact_id = 13), 'unsubscribed', 'of a list, too');
SELECT is((SELECT (retraction).events
        FROM (SELECT contact_status.retract_events('crm', 'a test', kinds => '{soft_bounced}') AS retraction) r),
    6::bigint, 'events of all partitions are retracted');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 1), 'active', 'and their contact follows');
SELECT contact_status.undo_retraction('crm', 1) \g /dev/null
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 1), 'soft_bounced', 'as it does when they come back');
SELECT contact_status.erase_contact('crm', 1, 1) \g /dev/null
SELECT is_empty('SELECT FROM crm.event WHERE contact_id = 1', 'erasure reaches all partitions');
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id < 0), 8::bigint, 'and keeps the events');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

-- no way around
SELECT tableoid::regclass AS p FROM crm.event WHERE contact_id = 4 \gset
SELECT throws_ok(format(s, :'p'), c, NULL, format(s, :'p')) FROM
    (VALUES ('TRUNCATE %s', '0A000'), ('UPDATE %s SET kind = ''opened''', '23514'), ('DELETE FROM %s', '23514'),
            ('SELECT contact_status.drop_partition(''crm'', ''%s'')', '55000')) AS way (s, c);
SELECT lives_ok(
    format('SELECT contact_status.drop_partition(''crm'', %L)', (SELECT max(inhrelid::regclass::text) FROM pg_inherits
    WHERE inhparent = 'crm.event'::regclass AND inhrelid::regclass::text LIKE '%_p%')), 'an empty partition may go');
CREATE TABLE crm.filled (LIKE crm.event INCLUDING ALL);
INSERT INTO crm.filled (contact_id, kind, list_id, evidence, occurred_at) VALUES
    (2, 'resubscribed', 1, 'none', '1999-05-01');
ALTER TABLE crm.event ATTACH PARTITION crm.filled FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
SELECT isnt_empty($$SELECT FROM contact_status.verify('crm') WHERE item = 'triggers of crm.filled'$$,
    'a partition attached by hand has no triggers: verify names it');
ALTER TABLE crm.event DETACH PARTITION crm.filled;
DELETE FROM crm.filled;
SELECT lives_ok($$ALTER TABLE crm.event ATTACH PARTITION crm.filled FOR VALUES FROM ('1999-01-01') TO ('2000-01-01')$$,
    'an empty one does');
CREATE TABLE crm.another PARTITION OF crm.event FOR VALUES FROM ('1998-01-01') TO ('1999-01-01');
SELECT is(contact_status.upgrade_tables('crm'), 2::bigint,
    'upgrade_tables gives it its triggers, and one that was created by hand');
SELECT is_empty($$SELECT _contact_status.unguarded_partitions('crm')$$, 'then all have them');
DROP TRIGGER contact_status_apply ON crm.another;
SELECT is((SELECT item FROM contact_status.verify('crm')), 'triggers of crm.another',
    'verify names one that lost them');
SELECT is(contact_status.upgrade_tables('crm'), 1::bigint, 'upgrade_tables gives them back');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'then verify is content');
DROP TRIGGER contact_status_apply ON crm.another;
SELECT contact_status.sweep('crm') \g /dev/null
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'and so after a sweep by the owner');

-- what came while its partition was missing
SELECT is((SELECT count(*) FROM crm.event_default WHERE occurred_at < now() - interval '4 years'), 5::bigint,
    'five years ago is in the default partition');
SELECT ok(contact_status.add_partitions('crm', '1 year', now() - interval '4 years', now() - interval '5 years') > 0,
    'its year is added');
SELECT is((SELECT count(*) FROM crm.event_default WHERE occurred_at < now() - interval '4 years'), 0::bigint,
    'with what the default partition held of it');
SELECT is((SELECT count(*) FROM crm.event WHERE occurred_at < now() - interval '4 years'), 5::bigint,
    'nothing is lost');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid IN (SELECT inhrelid FROM pg_inherits
            WHERE inhparent = 'crm.event'::regclass UNION SELECT 'crm.event'::regclass) AND tgenabled = 'D'), 0::bigint,
    'no trigger is left disabled');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'and nothing is applied twice');
SELECT throws_ok($$INSERT INTO crm.event (contact_id, kind) VALUES (99, 'opened')$$, '23503', NULL,
    'events are checked as ever');

-- a partition that another tool made, without triggers: what the extension itself records there is applied all the same
SELECT contact_status.suppress('crm', 1, 'early@example.org', 'complained', occurred_at => '1998-06-01') \g /dev/null
DROP TRIGGER contact_status_apply ON crm.another;
INSERT INTO crm.contact (contact_id, email) VALUES (77, 'early@example.org');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 77), 'complained',
    'a suppression that comes back in a partition without triggers');
SELECT contact_status.sweep('crm') \g /dev/null
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

-- what is no table of ours
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
SELECT throws_ok($$CREATE FOREIGN TABLE crm.elsewhere PARTITION OF crm.event FOR VALUES
        FROM ('1996-01-01') TO ('1997-01-01') SERVER files OPTIONS (filename '/dev/null')$$,
    '42809', NULL, 'a foreign table is no partition: the server refuses it for the unique index');
SAVEPOINT foreign_partition;
DROP INDEX crm.event_key;
CREATE FOREIGN TABLE crm.elsewhere PARTITION OF crm.event FOR VALUES
    FROM ('1996-01-01') TO ('1997-01-01') SERVER files OPTIONS (filename '/dev/null');
CREATE INDEX event_key ON ONLY crm.event (account_id, contact_id, occurred_at, kind, list_id NULLS FIRST,
    campaign_id NULLS FIRST, event_key COLLATE "C");
SELECT isnt_empty($$SELECT FROM _contact_status.table_problems('crm')
        WHERE item = 'partition crm.elsewhere of crm.event' AND stored = 'foreign table'$$,
    'without that index, verify names one');
SELECT throws_ok($$INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (2, 'clicked', '1995-01-01')$$, '55000',
    NULL, 'a log with one is not read, and the server does not crash');
ROLLBACK TO foreign_partition;
SELECT throws_ok($$SELECT contact_status.drop_partition('crm', 'crm.contact')$$, '42809', NULL,
    'only a partition of the log is dropped');

-- a part of the log that goes while statuses follow from it
DROP TABLE crm.another;
SELECT isnt_empty($$SELECT FROM contact_status.verify('crm') WHERE item = 'log' AND account_id = 1$$,
    'verify names a log that was dropped in front of its horizon');

SELECT * FROM finish();
ROLLBACK;
