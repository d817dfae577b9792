\i test/pgtap/setup.inc
-- Mailable judges as of now() while time goes by and no sweep runs. Committed, for now() to move.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'emailmanager');
INSERT INTO crm.contact (contact_id, email) VALUES
    (4711, 'held@example.org'), (4712, 'silent@example.org'), (4713, 'well@example.org'), (4714, 'both@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT contact_id, 1, 'added', now() - interval '20 days'
    FROM crm.contact;
COMMIT;

-- 4711 is held for two and a half seconds more, 4712 has answered nothing for 15 days (360 hours) by then, 4714 is
-- both.
BEGIN;
INSERT INTO crm.event (contact_id, kind, occurred_at, until) VALUES
    (4711, 'suspended', now() - interval '1 hour', now() + interval '2.5 seconds'),
    (4714, 'suspended', now() - interval '1 hour', now() + interval '2.5 seconds');
INSERT INTO crm.event (contact_id, campaign_id, kind, occurred_at) VALUES
    (4712, 1, 'sent', now() - interval '360 hours' + interval '2.5 seconds'),
    (4714, 1, 'sent', now() - interval '360 hours' + interval '2.5 seconds');
COMMIT;

SELECT set_eq('SELECT contact_id::int FROM crm.mailable', '{4712,4713}'::int[], 'before it is due');
SELECT pg_sleep(3) \g /dev/null
SELECT set_eq('SELECT contact_id::int FROM crm.mailable', '{4711,4713}'::int[], 'when it is due, without a sweep');
SELECT is(contact_status.sweep('crm')::int, 3, 'sweep materialises the three');
SELECT set_eq('SELECT contact_id::int FROM crm.mailable', '{4711,4713}'::int[], 'the same after the sweep');
SELECT results_eq('SELECT contact_id::int, status::text FROM crm.contact ORDER BY 1',
    $$VALUES (4711, 'active'), (4712, 'unresponsive'), (4713, 'active'), (4714, 'unresponsive')$$,
    'and the statuses follow');
SELECT is(contact_status.sweep('crm')::int, 0, 'a second sweep has nothing to do');
SELECT * FROM helper.check_whole();

-- Status is of the last write or sweep; a write finds by itself what fell due.
BEGIN;
INSERT INTO crm.event (contact_id, kind, occurred_at, until) VALUES
    (4713, 'suspended', now() - interval '1 hour', now() + interval '2 seconds');
COMMIT;
SELECT is(status, 'suspended', 'held') FROM crm.contact WHERE contact_id = 4713;
SELECT pg_sleep(2.2) \g /dev/null
INSERT INTO crm.event (contact_id, campaign_id, kind) VALUES (4713, 9, 'soft_bounced');
SELECT is(status, 'soft_bounced', 'the next event finds the hold over') FROM crm.contact WHERE contact_id = 4713;
SELECT * FROM helper.check_whole();

SELECT * FROM finish();
