-- Times that are chosen: an event dated ahead by less than a minute or before 1995, and recorded_at, which is the
-- server's.
\i test/pgtap/setup.inc

SELECT plan(12);

SELECT contact_status.create_tables('crm');
INSERT INTO crm.list (list_id, name) VALUES (7, 'seven');
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'ann@example.org');

SELECT throws_ok(
    $$INSERT INTO crm.event (contact_id, kind, recorded_at) VALUES (1, 'opened', now() + interval '30 seconds')$$,
                 '23514', NULL, 'recorded_at cannot be chosen ahead');
SELECT throws_ok(
    $$INSERT INTO crm.event (contact_id, kind, recorded_at) VALUES (1, 'opened', now() - interval '30 seconds')$$,
                 '23514', NULL, 'nor in the past');
SELECT lives_ok($$INSERT INTO crm.event (contact_id, kind, recorded_at) VALUES (1, 'opened', clock_timestamp())$$,
    'the server''s clock is what it is');

INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1, 7, 'added', now() + interval '30 seconds');
SELECT is((SELECT status::text FROM crm.contact), 'active', 'an event may be dated ahead by less than a minute');

-- the epoch, seconds taken for milliseconds, and the year 1 are no times of events
SELECT helper.refused_helpfully(
    format('INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, ''complained'', %s)', at), '22008',
    'contact 1.*before 1995', at)
  FROM unnest(ARRAY['to_timestamp(0)', 'to_timestamp(1767225600 / 1000)', '''0001-01-01''',
          '''1994-12-31 23:59:59.999999+00''']) AS at;
SELECT helper.accepted($$INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
        (1, 'opened', '1995-01-01 00:00:00+00')$$, 'the first time that is one');
DELETE FROM crm.list WHERE list_id = 7;
SELECT is_empty($$SELECT * FROM crm.subscription$$, 'and does not outlive its list');
SELECT is((SELECT status::text FROM crm.contact), 'unconfirmed', 'nor does the status');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');

SELECT * FROM finish();
ROLLBACK;
