-- record_event and record_webhook of an address that a contact had: what concerns the address is recorded as of its
-- last moment, and what the person said for the person.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
SELECT contact_status.add_change_feed('crm');

-- Each kind, of a contact that was added, changed its address from old to new, and had it back to none.
CREATE TABLE helper.case (n int GENERATED ALWAYS AS IDENTITY, kind contact_status.event_kind, status text,
    matched boolean, shifted boolean, old_status text);
COPY helper.case (kind, status, matched, shifted, old_status) FROM STDIN (DELIMITER '|');
nonexistent|active|t|t|hard_bounced
hard_bounced|active|t|t|hard_bounced
invalidated|active|t|t|hard_bounced
soft_bounced|active|t|t|active
blocked|active|t|t|active
sent|active|t|t|active
delivered|active|t|t|active
opened|active|t|t|active
clicked|active|t|t|active
validated|active|t|t|active
lapsed|active|t|t|active
unsubscribed|unsubscribed|t|f|unsubscribed
complained|complained|t|f|complained
visited|active|f|f|active
noted|active|f|f|active
added|active|f|f|active
signed_up|active|f|f|active
confirmed|active|f|f|active
resubscribed|active|f|f|active
removed|active|f|f|active
suspended|active|f|f|active
released|active|f|f|active
deleted|active|f|f|active
restored|active|f|f|active
\.
INSERT INTO crm.contact (contact_id, email) SELECT n, format('old%s@example.org', n) FROM helper.case;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT n, 1, 'added', '2026-01-01' FROM helper.case;
UPDATE crm.contact SET email = replace(email, 'old', 'new');
CREATE FUNCTION helper.record(c helper.case) RETURNS bigint LANGUAGE sql AS $$
    SELECT contact_status.record_event('crm', format(' OLD%s@example.org', c.n), c.kind,
        list_id => CASE WHEN c.kind IN ('added', 'signed_up', 'confirmed', 'resubscribed', 'removed') THEN 1 END,
        campaign_id => 7, evidence => 'e', reply => 'r')
$$;
SELECT is(helper.record(c), CASE WHEN matched THEN n::bigint END, kind || ': the contact that had the address')
  FROM helper.case c ORDER BY n;
SELECT is((SELECT concat_ws(' ', e.occurred_at = a.changed_at, e.event_key ~ '^happened at 20.*Z$',
            e.evidence ~ '^e; happened at 20', e.campaign_id, e.reply)
    FROM crm.event e JOIN crm.address_change a USING (account_id, contact_id)
    WHERE e.contact_id = c.n AND e.campaign_id = 7),
    CASE WHEN shifted THEN 't t t 7 r' WHEN matched THEN 'f f f 7 r' END,
    kind || ': as of the last moment of the address, with its own time') FROM helper.case c ORDER BY n;
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = c.n), c.status, kind || ': the contact')
  FROM helper.case c ORDER BY n;
SELECT is((SELECT count(*) FROM crm.unmatched_event WHERE address = format(' OLD%s@example.org', c.n)),
    (NOT matched)::int::bigint, kind || ': unmatched events') FROM helper.case c ORDER BY n;
INSERT INTO crm.contact (contact_id, email) SELECT 100 + n, format('old%s@example.org', n) FROM helper.case;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at)
SELECT 100 + n, 1, 'added', '2026-01-01' FROM helper.case WHERE NOT (NOT matched AND kind IN ('signed_up', 'confirmed',
    'resubscribed', 'removed', 'suspended', 'deleted'));
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 100 + c.n), c.old_status,
    kind || ': a contact that takes the address') FROM helper.case c
  WHERE NOT (NOT matched AND kind IN ('signed_up', 'confirmed', 'resubscribed', 'removed', 'suspended', 'deleted'))
 ORDER BY n;
SELECT * FROM helper.check_whole();
SELECT is(contact_status.record_event('crm', 'old1@example.org', 'clicked'), 101::bigint,
    'once a contact has the address, it is that contact''s event');

-- times, keys, and several contacts that had the address
INSERT INTO crm.contact (contact_id, email) VALUES (201, 'a@example.org'), (202, 'b@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (201, 1, 'added'), (202, 1, 'added');
UPDATE crm.contact SET email = 'a2@example.org' WHERE contact_id = 201;
SELECT clock_timestamp() AS first_gone \gset
UPDATE crm.contact SET email = 'a@example.org' WHERE contact_id = 202;
UPDATE crm.contact SET email = 'b2@example.org' WHERE contact_id = 202;
SELECT is(contact_status.record_event('crm', 'a@example.org', 'soft_bounced', occurred_at => now() - interval '1 day'),
    201::bigint, 'the contact that had the address at that time');
SELECT is((SELECT concat_ws(' ', occurred_at = now() - interval '1 day', event_key, evidence) FROM crm.event
        WHERE contact_id = 201 AND kind = 'soft_bounced'), 't ', 'an event from that time keeps its time');
SELECT is(contact_status.record_event('crm', 'a@example.org', 'soft_bounced', occurred_at => :'first_gone'),
    202::bigint, 'or the next one');
SELECT is(contact_status.record_event('crm', 'a@example.org', 'soft_bounced'), 202::bigint, 'or else the last one');
SELECT contact_status.record_event('crm', 'a@example.org', 'soft_bounced'),
    contact_status.record_event('crm', 'a@example.org', 'opened', event_key => 'k'),
    contact_status.record_event('crm', 'a@example.org', 'opened', event_key => 'k') \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', kind, n), ', ' ORDER BY kind) FROM (SELECT kind, count(*) AS n
        FROM crm.event WHERE contact_id = 202 AND kind IN ('soft_bounced', 'opened') GROUP BY 1) e),
    'opened 1, soft_bounced 3', 'events differ by their own times, or by their keys');

-- a retraction frees the former address
SELECT contact_status.record_event('crm', 'a@example.org', 'nonexistent', source => 'wrong') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (203, 'a@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (203, 1, 'added');
SELECT is((SELECT string_agg(status::text, ' ' ORDER BY contact_id) FROM crm.contact WHERE contact_id IN (202, 203)),
    'active hard_bounced', 'dead is the address that was mailed');
SELECT contact_status.retract_events('crm', 'a test', source => 'wrong') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 203), 'active', 'a retraction frees it');

-- merged contacts
INSERT INTO crm.contact (contact_id, email) SELECT i, format('m%s@example.org', i) FROM generate_series(301, 303) i;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, 1, 'added' FROM generate_series(301, 303) i;
UPDATE crm.contact SET email = 'm301b@example.org' WHERE contact_id = 301;
SELECT contact_status.merge_contacts('crm', 1, 301, 302), contact_status.merge_contacts('crm', 1, 302, 303)
    \g /dev/null
SELECT is(contact_status.record_event('crm', email, kind::contact_status.event_kind), expected::bigint,
    email || ' ' || kind)
  FROM (VALUES ('m301@example.org', 'nonexistent', 303), ('m301b@example.org', 'soft_bounced', 303),
      ('m302@example.org', 'hard_bounced', 303), ('m302@example.org', 'visited', 303),
      ('m301b@example.org', 'unsubscribed', 303)) AS e (email, kind, expected);
SELECT is((SELECT concat_ws(' ', status, monitored, hard_bounced_at) FROM crm.contact WHERE contact_id = 303),
    'unsubscribed t', 'events of the person reach the end of the chain');
INSERT INTO crm.contact (contact_id, email) VALUES (311, 'm301@example.org'), (312, 'm301b@example.org'),
    (313, 'm302@example.org');
SELECT is((SELECT string_agg(concat_ws(' ', hard_bounced_at IS NOT NULL, unsubscribed_at IS NOT NULL), ', '
            ORDER BY contact_id) FROM crm.contact WHERE contact_id BETWEEN 311 AND 313), 't f, f t, t t',
    'and the addresses have what was said of them');
SELECT * FROM helper.check_whole();

-- another contact with the same id, and deleted contacts: by the address alone
INSERT INTO crm.contact (contact_id, email) VALUES (401, 'd@example.org');
UPDATE crm.contact SET email = 'd2@example.org' WHERE contact_id = 401;
DELETE FROM crm.contact WHERE contact_id = 401;
SELECT is(contact_status.record_event('crm', 'd@example.org', 'complained', source => 'd'), NULL,
    'of a deleted contact');
INSERT INTO crm.contact (contact_id, email) VALUES (401, 'd3@example.org');
SELECT is(contact_status.record_event('crm', 'd@example.org', 'hard_bounced', source => 'd'), NULL,
    'and where another contact has its id');
SELECT is((SELECT string_agg(kind::text, ' ' ORDER BY kind) FROM crm.suppression
        WHERE contact_id IS NULL AND source = 'd'), 'invalidated complained',
    'suppressed by the address');

-- webhooks
INSERT INTO crm.contact (contact_id, email) VALUES (501, 'w@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (501, 1, 'added');
UPDATE crm.contact SET email = 'w2@example.org' WHERE contact_id = 501;
CREATE FUNCTION helper.post(event text, email text, more text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', recorded, repeated, unmatched, ignored)
      FROM contact_status.record_webhook('crm', 'sendgrid',
          jsonb_build_object('event', event, 'email', email, 'sg_event_id', 'id') || more::jsonb)
$$;
SELECT is(helper.post(event, 'W@example.org', more), expected, format('%s %s', event, more)) FROM (VALUES
    ('open', '{"timestamp":1767225600}', '1 0 0 0'), ('open', '{"timestamp":1767225600}', '0 1 0 0'),
    ('bounce', '{"reason":"550 5.1.1 no such user","sg_event_id":"b"}', '1 0 0 0'),
    ('bounce', '{"reason":"550 5.1.1 no such user","sg_event_id":"b"}', '0 1 0 0'),
    ('spamreport', '{"sg_event_id":"c"}', '1 0 0 0'), ('spamreport', '{"sg_event_id":"c"}', '0 1 0 0'),
    ('processed', '{}', '0 0 0 1')) AS e (event, more, expected);
SELECT is(helper.post('open', 'stranger@example.org', '{}'), '0 0 1 0', 'a stranger is unmatched');
SELECT is((SELECT concat_ws(' ', status, hard_bounced_at) FROM crm.contact WHERE contact_id = 501), 'complained',
    'the complaint holds for the contact, and its new address is not dead');
INSERT INTO crm.contact (contact_id, email) VALUES (502, 'w@example.org');
SELECT ok((SELECT hard_bounced_at IS NOT NULL AND complained_at IS NOT NULL FROM crm.contact WHERE contact_id = 502),
    'both hold for the former address');

-- before the horizon the log need not be complete: by the address alone
INSERT INTO crm.contact (contact_id, email) VALUES (601, 'h@example.org'), (602, 'i@example.org');
UPDATE crm.contact SET email = 'h2' || email WHERE contact_id IN (601, 602);
SELECT contact_status.set_horizon('crm', 1, clock_timestamp()) \g /dev/null
SELECT is(contact_status.record_event('crm', 'h@example.org', 'nonexistent'), NULL, 'a change before the horizon');
SELECT is(contact_status.record_event('crm', 'i@example.org', 'complained'), 602::bigint, 'a complaint of the person');
INSERT INTO crm.contact (contact_id, email) VALUES (603, 'h@example.org'), (604, 'i@example.org');
SELECT is((SELECT string_agg(status::text, ' ' ORDER BY contact_id) FROM crm.contact
        WHERE contact_id BETWEEN 601 AND 604), 'unconfirmed complained hard_bounced complained', 'both hold');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
