-- record_webhook: payloads become events of contacts, suppressions and unmatched events.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'salesmanago');
INSERT INTO crm.list (account_id, list_id) VALUES (2, 1);
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (1, 1, 'Ann@Example.org'), (1, 2, 'bob@example.org'),
    (2, 1, 'ann@example.org');
INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) SELECT account_id, contact_id, 1, 'added',
    '2025-01-01'
  FROM crm.contact;

CREATE FUNCTION helper.post(payload jsonb, account bigint DEFAULT 1) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', recorded, repeated, unmatched, ignored) FROM contact_status.record_webhook('crm', 'sendgrid',
        payload, account)
$$;
CREATE FUNCTION helper.event(event text, email text,
    more jsonb DEFAULT '{"timestamp":1767225600}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('event', event, 'email', email, 'sg_event_id', 'id') || more
$$;

-- events of contacts
SELECT is(helper.post(jsonb_build_array(helper.event('delivered', ' ANN@example.ORG',
    '{"timestamp":1767225600,"campaign_id":7}'),
    helper.event('open', 'Bob <bob@example.org>'), helper.event('processed', 'bob@example.org'))), '2 0 0 1',
        'recorded and ignored');
SELECT is((SELECT concat_ws(' ', contact_id, kind, campaign_id, occurred_at AT TIME ZONE 'UTC', left(event_key, 3),
    source)
    FROM crm.event WHERE kind = 'delivered'), '1 delivered 7 2026-01-01 00:00:00 id/ sendgrid',
        'an event has the provider''s values');
SELECT is(helper.post(jsonb_build_array(helper.event('open', 'bob@example.org'), helper.event('click',
    'bob@example.org'))),
    '1 1 0 0', 'a redelivered event is repeated, and one with its id and another kind is new');
SELECT is(helper.post(jsonb_build_array(helper.event('click', 'ann@example.org'), helper.event('click',
    'ann@example.org'))),
    '1 1 0 0', 'twice in one payload');
SELECT is(helper.post('[]'), '0 0 0 0', 'an empty payload');
SELECT is((SELECT status::text FROM crm.contact WHERE account_id = 1 AND contact_id = 1), 'active',
    'before the complaint');
SELECT is(helper.post(helper.event('spamreport', 'ann@example.org')), '1 0 0 0', 'a complaint');
SELECT is((SELECT string_agg(status::text, ' ' ORDER BY account_id) FROM crm.contact WHERE contact_id = 1),
    'complained active',
    'counts in its account alone');
SELECT is(helper.post(helper.event('click', 'ann@example.org'), 2), '1 0 0 0', 'the other account');

-- times
SELECT is(helper.post(helper.event('click', 'bob@example.org', more)), expected, format('%s: %s', description,
    expected))
  FROM (VALUES ('{"sg_event_id":"t1"}'::jsonb, 'no time'), ('{"sg_event_id":"t2","timestamp":0}', 'the epoch'),
    ('{"sg_event_id":"t3","timestamp":"9999-12-31"}', 'the year 9999'), ('{"sg_event_id":"t4","timestamp":4000000000}',
        'a clock ahead'),
    (jsonb_build_object('sg_event_id', 't5', 'timestamp', extract(epoch FROM clock_timestamp())::bigint + 30),
        'half a minute ahead'))
    AS t (more, description), (VALUES (1, '1 0 0 0'), (2, '0 1 0 0')) AS p (n, expected);
SELECT is((SELECT count(*) FROM crm.event WHERE event_key ~ '^t[1-4]/'
        AND recorded_at - occurred_at < interval '1 minute'), 4::bigint,
    'they take the clock');
SELECT is((SELECT count(*) FROM crm.event WHERE event_key ~ '^t[1-5]/'), 5::bigint, 'once each');

-- no contact
SELECT is(helper.post(payload), '0 0 4 1', description) FROM (VALUES (jsonb_build_array(
    helper.event('spamreport', 'cyd@example.org'), helper.event('open', 'cyd@example.org'), helper.event('open',
        'Cyd@example.org', '{}'),
    helper.event('open', 'no address'), helper.event('open', '  ')))) p (payload),
        unnest('{unmatched,again}'::text[]) description;
SELECT is((SELECT string_agg(concat_ws(' ', kind, occurred_at AT TIME ZONE 'UTC', problem), ', ' ORDER BY problem,
    occurred_at)
    FROM crm.unmatched_event),
        'opened 2026-01-01 00:00:00 no contact has the address, opened no contact has the address, '
    'opened 2026-01-01 00:00:00 the recipient is not an e-mail address', 'rows of unmatched_event, each once');
SELECT is((SELECT string_agg(kind::text, ' ') FROM crm.suppression), 'complained', 'the complaint is a suppression');
INSERT INTO crm.contact (contact_id, email) VALUES (3, 'CYD@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (3, 1, 'added');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 3), 'complained',
    'a new contact receives the complaint');
SELECT is((SELECT string_agg(kind::text, ' ' ORDER BY occurred_at, kind) FROM crm.event WHERE contact_id = 3),
    'opened complained opened added',
    'and the other events');
SELECT is((SELECT count(*) FROM crm.unmatched_event), 1::bigint, 'which are no longer unmatched');
SELECT is(helper.post(jsonb_build_array(helper.event('open', 'cyd@example.org'), helper.event('open',
    'Cyd@example.org', '{}'))), '0 2 0 0',
    'redelivered after that');
DELETE FROM crm.contact WHERE contact_id = 3;
SELECT is(helper.post(helper.event('unsubscribe', 'cyd@example.org')), '0 0 1 0',
    'an opt-out after the contact was deleted');
INSERT INTO crm.contact (contact_id, email) VALUES (4, 'cyd@example.org');
SELECT is((SELECT string_agg(kind::text, ' ' ORDER BY kind) FROM crm.event WHERE contact_id = 4),
    'unsubscribed complained', 'holds');
SELECT is(helper.post(jsonb_build_array(helper.event('open', 'dee@example.org'))), '0 0 1 0',
    'an open of a person to be erased');
INSERT INTO crm.unmatched_event (address, kind, list_id, problem) VALUES ('eve@example.org', 'added', 1, 'x'),
    ('eve@example.org', 'sent', NULL, 'x'), ('eve@example.org', NULL, NULL, 'x'), ('eve@example.org', 'clicked', 99,
        'x'),
    ('eve@example.org', 'resubscribed', 1, 'x'), ('eve@example.org', 'clicked', 1, 'x');
INSERT INTO crm.contact (contact_id, email) VALUES (5, 'eve@example.org');
SELECT is((SELECT string_agg(kind::text, ' ') FROM crm.event WHERE contact_id = 5), 'clicked',
    'rows that no event may have remain');
SELECT is((SELECT count(*) FROM crm.unmatched_event WHERE address = 'eve@example.org'), 5::bigint,
    'in unmatched_event');

-- a payload with errors records nothing
SELECT helper.refused_helpfully(statement, expected, naming, description) FROM (VALUES
    ($$SELECT contact_status.record_webhook('crm', 'sendgrid', '{"a":1}')$$, '22023', 'event', 'another payload'),
    ($$SELECT contact_status.record_webhook('crm', 'nobody', '{}')$$, '22023', 'nobody', 'an unknown provider'),
    ($$SELECT contact_status.record_webhook('crm', 'sendgrid', NULL)$$, '22004', 'payload', 'no payload'),
    ($$SELECT contact_status.record_webhook('crm', 'sendgrid', '[]', NULL)$$, '22004', 'account', 'no account'),
    ($$SELECT contact_status.record_webhook('crm', 'sendgrid', '{"event":"open","email":"x@example.org"}', 77)$$,
        '23503', '77',
        'an unknown account'),
    ($$SELECT contact_status.record_webhook('nowhere', 'sendgrid', '[]')$$, '42P01', 'nowhere', 'no installation'))
    AS wrong (statement, expected, naming, description);
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');
SELECT finish();
