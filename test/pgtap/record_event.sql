-- record_event: events of callers that have an address and no contact id.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm');
INSERT INTO crm.list (list_id, name) VALUES (2, 'two');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'salesmanago'), (3, 'emailmanager');
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'Ann@Example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1, 1, 'added', '2026-01-01');

-- with a contact
SELECT is(contact_status.record_event('crm', ' ANN@example.ORG ', 'clicked', campaign_id => 7,
        occurred_at => '2026-01-02', event_key => 'k',
    source => 's', evidence => 'e', reason => 'r', reply => '250'), 1::bigint,
    'the id of the contact that has the address');
SELECT is((SELECT concat_ws(' ', kind, list_id, campaign_id, occurred_at AT TIME ZONE 'UTC', event_key, source,
            evidence, reason, reply) FROM crm.event WHERE kind = 'clicked'),
    'clicked 7 2026-01-02 00:00:00 k s e r 250', 'its event has every column');
SELECT is(contact_status.record_event('crm', 'ann@example.org', 'clicked', campaign_id => 7,
        occurred_at => '2026-01-02', event_key => 'k'), 1::bigint, 'repeated');
SELECT is((SELECT count(*) FROM crm.event), 2::bigint, 'it is recorded once');
SELECT is(contact_status.record_event('crm', 'ann@example.org', 'suspended', occurred_at => '2026-01-03',
        until => '2026-01-04', event_key => NULL), 1::bigint, 'an end, and a null key');
SELECT is(contact_status.record_event('crm', 'ann@example.org', 'unsubscribed', list_id => 1), 1::bigint, 'an opt-out');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 1), 'unsubscribed', 'holds');
SELECT is_empty('SELECT * FROM crm.unmatched_event', 'and nothing is unmatched');
SELECT is_empty('SELECT * FROM crm.suppression', 'nor suppressed');

-- without one: an opt-out, a complaint and a dead address are suppressions, anything else waits
CREATE TABLE helper.case (n int GENERATED ALWAYS AS IDENTITY, account_id bigint, kind contact_status.event_kind,
    list_id bigint, suppression text);
INSERT INTO helper.case (account_id, kind, list_id, suppression) VALUES
(1, 'unsubscribed', NULL, 'unsubscribed'), (1, 'unsubscribed', 1, 'unsubscribed 1'),
(1, 'complained', NULL, 'complained'), (1, 'complained', 1, 'complained'),
(1, 'invalidated', NULL, 'invalidated'), (1, 'hard_bounced', NULL, 'invalidated'), (1, 'nonexistent', 1, 'invalidated'),
(2, 'hard_bounced', NULL, NULL), (2, 'nonexistent', NULL, NULL), (3, 'hard_bounced', NULL, NULL),
(3, 'nonexistent', NULL, 'invalidated'),
(1, 'soft_bounced', NULL, NULL), (1, 'blocked', NULL, NULL), (1, 'sent', 1, NULL), (1, 'delivered', NULL, NULL),
(1, 'opened', NULL, NULL), (1, 'clicked', 1, NULL),
(1, 'visited', NULL, NULL), (1, 'signed_up', 1, NULL), (1, 'added', 1, NULL), (1, 'confirmed', 1, NULL),
(1, 'resubscribed', 1, NULL), (1, 'removed', 1, NULL),
(1, 'validated', NULL, NULL), (1, 'released', NULL, NULL), (1, 'restored', NULL, NULL), (1, 'suspended', NULL, NULL),
(1, 'lapsed', NULL, NULL), (1, 'noted', NULL, NULL),
(1, 'deleted', NULL, NULL);
CREATE FUNCTION helper.record(c helper.case) RETURNS bigint LANGUAGE sql AS $$
    SELECT contact_status.record_event('crm', format('c%s@example.org', c.n), c.kind, c.account_id, c.list_id,
        CASE c.kind WHEN 'sent' THEN 7 END, occurred_at => '2026-02-01', event_key => 'k' || c.n, source => 'c' || c.n,
        evidence => 'letter', reply => '550 no such user')
$$;
SELECT is_empty('SELECT c.n FROM helper.case AS c WHERE helper.record(c) IS NOT NULL', 'without a contact: null');
SELECT is_empty('SELECT c.n FROM helper.case AS c WHERE helper.record(c) IS NOT NULL', 'the same again');
SELECT is((SELECT string_agg(concat_ws(' ', s.kind, s.list_id), ', ') FROM crm.suppression s
        WHERE s.source = 'c' || c.n), c.suppression,
    format('%s of account %s: %s', c.kind, c.account_id, coalesce('suppressed', 'no suppression')))
    FROM helper.case AS c ORDER BY n;
SELECT is((SELECT string_agg(
            concat_ws(' ', u.kind, u.list_id, u.occurred_at AT TIME ZONE 'UTC', u.event_key, u.reply, u.problem), ', ')
        FROM crm.unmatched_event u WHERE u.source = 'c' || c.n),
    CASE WHEN c.suppression IS NULL THEN concat_ws(' ', c.kind, c.list_id, '2026-02-01 00:00:00', 'k' || c.n,
            '550 no such user', 'no contact has the address') END,
    format('%s of account %s: %s', c.kind, c.account_id,
        CASE WHEN c.suppression IS NULL THEN 'one unmatched event' ELSE 'none unmatched' END))
    FROM helper.case AS c ORDER BY n;
INSERT INTO crm.contact (contact_id, email) VALUES (2, 'c1@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (2, 1, 'added');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 2), 'unsubscribed',
    'a contact that takes the address receives the opt-out');

-- refused
SELECT helper.refused_helpfully(statement, expected, naming, description) FROM (VALUES
    ($$SELECT contact_status.record_event('crm', 'garbage', 'clicked')$$, '23514 contact_status_address', '',
        'no address'),
    ($$SELECT contact_status.record_event('crm', 'x@example.org', NULL)$$, '22004', 'kind', 'no kind'),
    ($$SELECT contact_status.record_event('crm', 'x@example.org', 'clicked', NULL)$$, '22004', 'account', 'no account'),
    ($$SELECT contact_status.record_event('crm', 'x@example.org', 'clicked', 77)$$, '23503', '77',
        'an unknown account'),
    ($$SELECT contact_status.record_event('crm', 'x@example.org', 'complained', 77)$$, '23503', '77',
        'an unknown account of a suppression'),
    ($$SELECT contact_status.record_event('crm', 'x@example.org', 'unsubscribed', list_id => 77)$$, '23503', '77',
        'an unknown list of a suppression'),
    ($$SELECT contact_status.record_event('crm', 'ann@example.org', 'unsubscribed', list_id => 77)$$, '23503', '77',
        'an unknown list of a contact'),
    ($$SELECT contact_status.record_event('crm', 'ann@example.org', 'sent')$$, '23514 contact_status_event', 'sent',
        'a wrong shape'),
    ($$SELECT contact_status.record_event('crm', NULL, 'clicked')$$, '23514 contact_status_address', '', 'null'),
    ($$SELECT contact_status.record_event('nowhere', 'x@example.org', 'clicked')$$, '42P01', 'nowhere',
        'no installation')) AS wrong (statement, expected, naming, description);
-- an event of an address without a contact is refused as that of a contact
SELECT helper.refused_helpfully(
    format('SELECT contact_status.record_event(''crm'', %L, %s)', email, arguments), expected,
        substring(arguments FROM '\w+'), concat_ws(' ', email, arguments))
  FROM unnest('{ann@example.org,x@example.org}'::text[]) AS email,
       (VALUES ($$'sent'$$, '23514 contact_status_event'), ($$'added'$$, '23514 contact_status_event'),
       ($$'confirmed'$$, '23514 contact_status_event'),
       ($$'confirmed', list_id => 1, source => 'manual'$$, '23514 contact_status_event'),
       ($$'resubscribed', list_id => 1, evidence => ' '$$, '23514 contact_status_event'),
       ($$'opened', until => '2100-01-01'$$, '23514 contact_status_event'),
       ($$'complained', until => '2100-01-01'$$, '23514 contact_status_event'),
       ($$'suspended', until => '2001-01-01'$$, '23514 contact_status_event')) AS a (arguments, expected);
SELECT helper.refused_helpfully(
    format('SELECT contact_status.record_event(''crm'', %L, %L, list_id => 999)', email, kind),
        '23503', '999', concat_ws(' ', email, kind, 'of an unknown list'))
  FROM unnest('{ann@example.org,x@example.org}'::text[]) AS email,
      unnest('{clicked,added,signed_up,complained,nonexistent,unsubscribed}'::text[]) AS kind;
SELECT helper.refused_helpfully(format('SELECT contact_status.record_event(''crm'', %L, %L, occurred_at => %L)', email,
        kind, at), '22008', naming, concat_ws(' ', email, kind, at))
  FROM unnest('{ann@example.org,x@example.org}'::text[]) AS email, unnest('{complained,clicked}'::text[]) AS kind,
       (VALUES ('1970-01-20', 'before 1995'), ('-infinity', 'no finite'), ('2100-01-01', 'ahead')) AS t (at, naming);

-- unmatched_event: digests are the server's, other writers may use the table, and rows without an address do not
-- conflict
SELECT is((SELECT count(DISTINCT address_digest) FROM crm.unmatched_event WHERE address_digest IS NOT NULL),
    (SELECT count(*) FROM crm.unmatched_event), 'each row has the digest of its address');
INSERT INTO crm.unmatched_event (address, address_digest, kind, problem, "row") VALUES
    (NULL, 'x', NULL, 'not read', '{"a": 1}'), (NULL, NULL, NULL, 'not read', '{"a": 1}');
SELECT is((SELECT count(*) FROM crm.unmatched_event WHERE address IS NULL AND address_digest IS NULL), 2::bigint,
    'rows without an address, which cannot choose a digest');
INSERT INTO crm.unmatched_event (address, kind, occurred_at, problem) VALUES
    ('X1@example.org', 'opened', '2026-01-01', 'late'), ('x1@example.org ', 'opened', '2026-01-01', 'late')
    ON CONFLICT DO NOTHING;
SELECT is((SELECT count(*) FROM crm.unmatched_event WHERE address ~* 'x1'), 1::bigint,
    'an event is one, however its address is spelled');
UPDATE crm.unmatched_event SET address = 'x2@example.org' WHERE address ~* 'x1';
SELECT isnt((SELECT address_digest FROM crm.unmatched_event WHERE address ~ 'x2'),
    (SELECT address_digest FROM crm.unmatched_event WHERE source = 'c8'), 'a changed address changes the digest');
SELECT helper.refused($$TRUNCATE crm.unmatched_event$$, '0A000', 'TRUNCATE of unmatched_event');
SELECT helper.accepted($$DELETE FROM crm.unmatched_event WHERE kind = 'opened'$$, 'rows may be deleted');

-- an erasure
INSERT INTO crm.unmatched_event (address, kind, problem) VALUES
    ('Eve@example.org', 'opened', 'p'), ('eve.old@example.org', 'opened', 'p'), ('other@example.org', 'opened', 'p');
INSERT INTO crm.unmatched_event (account_id, address, kind, problem) VALUES (2, 'eve@example.org', 'opened', 'p');
INSERT INTO crm.contact (contact_id, email) VALUES (3, 'eve.old@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (3, 1, 'unsubscribed');
UPDATE crm.contact SET email = 'eve@example.org' WHERE contact_id = 3;
SELECT contact_status.erase_contact('crm', 1, 3) \g /dev/null
SELECT results_eq($$SELECT account_id, address FROM crm.unmatched_event WHERE address ~* 'eve|other' ORDER BY 1$$,
    $$VALUES (1::bigint, 'other@example.org'), (2, 'eve@example.org')$$,
    'an erasure deletes the unmatched events of the person''s addresses, in that account');

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
