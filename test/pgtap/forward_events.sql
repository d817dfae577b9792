-- forward_events: an event table of the application's.
\i test/pgtap/setup.inc

SELECT plan(10);

SELECT contact_status.create_tables('crm');
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'ann@example.org'), (2, 'bob@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', '2026-01-01'
    FROM generate_series(1, 2) i;

CREATE TABLE webhook (at timestamptz, "the customer" int, what text, mailing int, id text);
CREATE TRIGGER forward AFTER INSERT ON webhook REFERENCING NEW TABLE AS forwarded FOR EACH STATEMENT
    EXECUTE FUNCTION contact_status.forward_events('crm', 'contact_id=the customer', 'kind=what', 'occurred_at=at',
        'campaign_id=mailing', 'event_key=id');

INSERT INTO webhook VALUES ('2026-01-03', 2, 'complained', NULL, 'b'), ('2026-01-02', 1, 'soft_bounced', 7, 'a');
SELECT results_eq($$SELECT contact_id, status::text FROM crm.contact ORDER BY 1$$,
    $$VALUES (1::bigint, 'soft_bounced'), (2, 'complained')$$,
                  'rows become events');
SELECT lives_ok($$INSERT INTO webhook VALUES ('2026-01-02', 1, 'soft_bounced', 7, 'a')$$,
    'a row that comes again is accepted');
SELECT is((SELECT count(*) FROM crm.event), 4::bigint, 'and is the same event');
SELECT throws_ok($$INSERT INTO webhook VALUES ('2026-01-02', 1, 'nonsense', 7, 'a')$$, '22P02', NULL,
    'an unknown kind is refused');
SELECT throws_ok($$INSERT INTO webhook VALUES ('2026-01-02', 3, 'opened', 7, 'a')$$, '23503', NULL,
    'an unknown contact is refused');
SELECT is((SELECT count(*) FROM webhook), 3::bigint, 'and leaves nothing behind');

INSERT INTO webhook VALUES ('2026-01-04', 1, 'opened', 7, NULL), ('2026-01-04', 1, 'opened', 7, '');
SELECT is((SELECT string_agg(event_key, ', ') FROM crm.event WHERE kind = 'opened'), '',
    'a row without a key is an event with an empty one');

DROP TRIGGER forward ON webhook;
CREATE TRIGGER forward AFTER INSERT ON webhook REFERENCING NEW TABLE AS forwarded FOR EACH STATEMENT
    EXECUTE FUNCTION contact_status.forward_events('crm', 'contact_id=the customer', 'kind=what');
SELECT throws_ok($$INSERT INTO webhook VALUES ('2026-01-02', 1, 'opened', 7, 'a')$$, '22023', NULL, 'a time is needed');
DROP TRIGGER forward ON webhook;
CREATE TRIGGER forward AFTER INSERT ON webhook REFERENCING NEW TABLE AS forwarded FOR EACH STATEMENT
    EXECUTE FUNCTION contact_status.forward_events('crm', 'recorded_at=at');
SELECT throws_ok($$INSERT INTO webhook VALUES ('2026-01-02', 1, 'opened', 7, 'a')$$, '22023', NULL,
    'only columns that are the application''s');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');

SELECT * FROM finish();
ROLLBACK;
