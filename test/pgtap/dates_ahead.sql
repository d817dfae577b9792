-- Times that are chosen: an event dated ahead by less than a minute, and recorded_at, which is the server's.
\i test/pgtap/setup.inc

SELECT plan(7);

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
DELETE FROM crm.list WHERE list_id = 7;
SELECT is_empty($$SELECT * FROM crm.subscription$$, 'and does not outlive its list');
SELECT is((SELECT status::text FROM crm.contact), 'unconfirmed', 'nor does the status');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');

SELECT * FROM finish();
ROLLBACK;
