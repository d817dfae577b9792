-- unmatched_event: the events that a contact receives when it is inserted, and the rows that remain.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm', partition_by => '1 year');

CREATE FUNCTION helper.events(contact bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', kind, occurred_at AT TIME ZONE 'UTC'), ', ' ORDER BY occurred_at, kind)
      FROM crm.event WHERE contact_id = $1 AND kind NOT IN ('added', 'unsubscribed', 'complained', 'invalidated')
$$;
CREATE FUNCTION helper.waiting(pattern text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(kind::text, ', ' ORDER BY kind) FROM crm.unmatched_event WHERE address ~ pattern
$$;
CREATE FUNCTION helper.status(contact bigint) RETURNS text LANGUAGE sql AS $$
    SELECT status::text FROM crm.contact c WHERE c.contact_id = $1
$$;
CREATE FUNCTION helper.brevo(event text, email text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', recorded, repeated, unmatched, ignored) FROM contact_status.record_webhook('crm', 'brevo',
        jsonb_build_object('event', event, 'email', email))
$$;

--- An event that the log has already is skipped: redelivered after the contact was deleted, or a row that is twice ----
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'deleted@example.org');
SELECT contact_status.record_event('crm', 'deleted@example.org', 'clicked', occurred_at => '2026-02-01',
    event_key => 'k') \g /dev/null
DELETE FROM crm.contact WHERE contact_id = 1;
SELECT contact_status.record_event('crm', 'deleted@example.org', 'clicked', occurred_at => '2026-02-01',
    event_key => 'k') \g /dev/null
INSERT INTO crm.unmatched_event (address, kind, occurred_at, received_at, problem) VALUES
    ('twice@example.org', 'opened', '2026-02-01', now(), 'p'), ('twice@example.org', 'opened', NULL, '2026-02-01', 'p');
SELECT lives_ok($$INSERT INTO crm.contact (contact_id, email) VALUES (1, 'deleted@example.org')$$,
    'a contact with a waiting event that the log has already');
SELECT lives_ok($$INSERT INTO crm.contact (contact_id, email) VALUES (2, 'twice@example.org'),
    (3, 'other@example.org')$$, 'and one with two such events');
SELECT is(helper.events(c), expected, description) FROM (VALUES
    (1, 'clicked 2026-02-01 00:00:00', 'the event of the deleted contact'),
    (2, 'opened 2026-02-01 00:00:00', 'one of two')) AS e (c, expected, description);
SELECT is(helper.waiting('deleted|twice'), NULL, 'none waits');

--- An event of a time that no partition takes waits -------------------------------------------------------------------
INSERT INTO crm.unmatched_event (address, kind, occurred_at, problem) VALUES
    ('early@example.org', 'opened', '2026-02-02', 'p'), ('early@example.org', 'clicked', '2001-01-01', 'p');
DO $$ DECLARE part text; BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
        WHERE inhparent = 'crm.event'::regclass AND pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'
    LOOP EXECUTE 'DROP TABLE ' || part; END LOOP;
END $$;
SELECT lives_ok($$INSERT INTO crm.contact (contact_id, email) VALUES (4, 'early@example.org')$$,
    'a contact with a waiting event of a time without a partition');
SELECT is(helper.events(4), 'opened 2026-02-02 00:00:00', 'the other event is recorded');
SELECT is(helper.waiting('early'), 'clicked', 'this one waits');

--- A list that was deleted is context ---------------------------------------------------------------------------------
INSERT INTO crm.list (list_id, name) VALUES (2, 'two'), (3, 'three');
SELECT contact_status.record_event('crm', 'list@example.org', 'clicked', list_id => 2, occurred_at => '2026-02-01'),
    contact_status.record_event('crm', 'list@example.org', 'signed_up', list_id => 2, occurred_at => '2026-02-01')
    \g /dev/null
DELETE FROM crm.list WHERE list_id = 2;
INSERT INTO crm.contact (contact_id, email) VALUES (5, 'list@example.org');
SELECT is(helper.events(5), 'clicked 2026-02-01 00:00:00', 'a click of a deleted list is recorded');
SELECT is(helper.waiting('list@'), 'signed_up', 'a sign-up of it is not');

--- Consent is judged by the settings at the time of the event: it waits while they differ -----------------------------
-- setting: a statement that changes settings after the event was received, and one that changes them back
CREATE TABLE helper.change (c bigint, kind contact_status.event_kind, change text, back text, status text);
INSERT INTO helper.change VALUES
    (11, 'signed_up', 'UPDATE crm.list SET double_opt_in = false WHERE list_id = 3',
        'UPDATE crm.list SET double_opt_in = NULL WHERE list_id = 3', 'unconfirmed'),
    (12, 'signed_up', $$UPDATE crm.policy SET double_opt_in = false WHERE name = 'default'$$,
        $$UPDATE crm.policy SET double_opt_in = true WHERE name = 'default'$$, 'unconfirmed'),
    (13, 'resubscribed', $$UPDATE crm.policy SET resubscribe = 'never' WHERE name = 'default'$$,
        $$UPDATE crm.policy SET resubscribe = 'confirmed' WHERE name = 'default'$$, 'active'),
    (14, 'resubscribed', $$UPDATE crm.account SET policy = 'emailmanager'$$,
        $$UPDATE crm.account SET policy = 'default'$$, 'active'),
    (15, 'confirmed', $$UPDATE crm.policy SET confirm_within = NULL WHERE name = 'default'$$,
        $$UPDATE crm.policy SET confirm_within = '30 days' WHERE name = 'default'$$, 'unconfirmed'),
    (16, 'opened', $$UPDATE crm.account SET policy = 'emailmanager'$$,
        $$UPDATE crm.account SET policy = 'default'$$, 'unconfirmed');
CREATE FUNCTION helper.run(statement text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; END $$;
CREATE FUNCTION helper.attached(h helper.change, is_changed boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    address text := format('c%s.%s@example.org', h.c, is_changed);
    id bigint := h.c + 10 * is_changed::integer;
BEGIN
    PERFORM contact_status.record_event('crm', address, h.kind, list_id => 3, evidence => 'letter');
    PERFORM helper.run(h.change);
    IF NOT is_changed THEN PERFORM helper.run(h.back); END IF;
    INSERT INTO crm.contact (contact_id, email) VALUES (id, address);
    IF is_changed THEN PERFORM helper.run(h.back); END IF;
    RETURN concat_ws(' ', coalesce((SELECT string_agg(kind::text, ',') FROM crm.event WHERE contact_id = id), 'waits'),
        helper.status(id));
END $$;
SELECT is(helper.attached(h, true), CASE h.kind WHEN 'opened' THEN 'opened' ELSE 'waits' END || ' unconfirmed',
    format('%s: %s', h.kind, h.change)) FROM helper.change AS h ORDER BY c;
SELECT is(helper.attached(h, false), concat_ws(' ', h.kind, h.status), format('%s: and back', h.kind))
  FROM helper.change AS h ORDER BY c;
INSERT INTO crm.unmatched_event (address, kind, list_id, received_at, problem) VALUES
    ('before@example.org', 'signed_up', 3, '2001-01-01', 'p');
SELECT lives_ok($$INSERT INTO crm.contact (contact_id, email) VALUES (31, 'before@example.org')$$,
    'a contact with a sign-up before the settings are known');
SELECT is(helper.waiting('before'), 'signed_up', 'which waits');

--- An event without a time is recorded once, also if the contact was not known at first -------------------------------
SELECT is(helper.brevo(kind, kind || '@example.org'), '0 0 1 0', kind || ': without a contact')
  FROM unnest('{unsubscribe,spam,hard_bounce,click}'::text[]) kind, generate_series(1, 2);
CREATE TABLE helper.kept AS SELECT * FROM crm.suppression;
SELECT is(helper.brevo(kind, kind || '@example.org'), '0 0 1 0', kind || ': redelivered')
  FROM unnest('{unsubscribe,spam,hard_bounce,click}'::text[]) kind;
SELECT results_eq('SELECT kind, occurred_at FROM crm.suppression ORDER BY 1', 'SELECT kind,
    occurred_at FROM helper.kept ORDER BY 1', 'the suppressions are of the first delivery');
INSERT INTO crm.contact (contact_id, email) VALUES (41, 'unsubscribe@example.org'), (42, 'spam@example.org'),
    (43, 'hard_bounce@example.org'), (44, 'click@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) SELECT c, 1, 'added' FROM generate_series(41, 44) c;
SELECT is((SELECT string_agg(status::text, ' ' ORDER BY contact_id) FROM crm.contact WHERE contact_id > 40),
    'unsubscribed complained hard_bounced active', 'contacts receive the suppressions');
INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES (41, 1, 'resubscribed', 'letter'),
    (43, NULL, 'validated', NULL);
SELECT is(helper.brevo(kind, kind || '@example.org'), '0 1 0 0', kind || ': redelivered to the contact')
  FROM unnest('{unsubscribe,spam,hard_bounce,click}'::text[]) kind;
SELECT is((SELECT string_agg(status::text, ' ' ORDER BY contact_id) FROM crm.contact WHERE contact_id > 40),
    'active complained active active', 'it changes nothing');
SELECT is(helper.brevo('unsubscribe', 'new@example.org'), '0 0 1 0', 'an opt-out that is retracted');
SELECT contact_status.retract_suppressions('crm', 'wrong', emails => '{new@example.org}') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (45, 'new@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (45, 1, 'added');
SELECT is(helper.status(45), 'active', 'its key restricts no contact');

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
