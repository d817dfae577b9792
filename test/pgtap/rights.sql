\i test/pgtap/setup.inc
-- Least rights: who may read the tables and insert contacts, lists and events can do the whole job; and row-level
-- security by account.
SELECT * FROM no_plan();
CREATE ROLE contact_status_test_owner;
CREATE ROLE contact_status_test_app;
CREATE ROLE contact_status_test_reader;
SELECT format('GRANT CREATE ON DATABASE %I TO contact_status_test_owner', current_database()) \gexec
GRANT USAGE ON SCHEMA helper, public TO PUBLIC;
SET LOCAL ROLE contact_status_test_owner;
SELECT contact_status.create_tables('crm', policy => 'default');
SELECT setval(pg_get_serial_sequence('crm.contact', 'contact_id'), 1000) \g /dev/null
GRANT USAGE ON SCHEMA crm TO contact_status_test_app, contact_status_test_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO contact_status_test_app, contact_status_test_reader;
REVOKE ALL ON crm.address_key, crm.suppression FROM contact_status_test_app, contact_status_test_reader;
GRANT INSERT ON crm.event, crm.contact, crm.list TO contact_status_test_app;
RESET ROLE;
CREATE FUNCTION helper.as_role(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c text;
BEGIN
    PERFORM set_config('role', who, true);
    EXECUTE statement;
    PERFORM set_config('role', 'none', true);
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME;
    RETURN concat_ws(' ', SQLSTATE, nullif(c, ''), SQLERRM);
END $$;

CREATE FUNCTION helper.can(nr int, statement text, outcome text DEFAULT 'done') RETURNS text LANGUAGE sql AS $$
    SELECT is(CASE outcome WHEN 'done' THEN said ELSE left(said, 5) END, outcome,
        format('%s. %s', nr, regexp_replace(statement, '\s+', ' ', 'g')))
    FROM helper.as_role('contact_status_test_app', statement) AS said
$$;
SELECT helper.can(1, $$INSERT INTO crm.list (list_id, name) OVERRIDING SYSTEM VALUE VALUES (2, 'second')$$);
SELECT helper.can(2, $$INSERT INTO crm.contact (contact_id, email) VALUES
        (1, 'ann@example.org'), (2, 'bob@example.org'), (3, 'cyd@example.org')$$);
SELECT helper.can(3, $$INSERT INTO crm.contact (email) VALUES ('numbered@example.org')$$);
SELECT helper.can(4,
    $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1, 1, 'added'), (2, 1, 'added'), (3, 2, 'signed_up')$$);
SELECT helper.can(5, $$INSERT INTO crm.event (contact_id, kind) VALUES (2, 'unsubscribed')$$);
SELECT helper.can(6, $$INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'soft_bounced', '2026-01-01')
        ON CONFLICT DO NOTHING$$);
SELECT helper.can(7, $$SELECT contact_status.suppress('crm', 1, 'cyd@example.org', 'complained')$$);
SELECT helper.can(8, $$SELECT contact_status.suppress('crm', 1, 'unknown@example.org', 'complained')$$);
SELECT helper.can(9,
    $$SELECT contact_status.suppress_all('crm', 1, '{ann@example.org,nobody@example.org}', 'invalidated')$$);
SELECT helper.can(10, $$INSERT INTO crm.contact (contact_id, email) VALUES (9, 'Unknown@example.org')$$);
SELECT helper.can(11, $$DO 'BEGIN CREATE TEMPORARY TABLE staging (email text);
            INSERT INTO staging VALUES (''new@example.org''), (''bob@example.org''), (''unknown@example.org'');
            PERFORM contact_status.import_contacts(''crm'', 1, 1, ''staging''); END'$$);
SELECT helper.can(12, format('SELECT count(*) FROM crm.%I', v)) FROM unnest(
    '{mailable,status_history,event_with_settings,contact,subscription,event,list,account,policy}'::text[]) AS v;
SELECT helper.can(13, $$SELECT contact_status.sweep('crm')$$);
SELECT results_eq('SELECT email, status::text FROM crm.contact ORDER BY email COLLATE "C"', $$VALUES
        ('Unknown@example.org', 'complained'), ('ann@example.org', 'hard_bounced'), ('bob@example.org', 'unsubscribed'),
    ('cyd@example.org', 'complained'), ('new@example.org', 'active'), ('numbered@example.org', 'unconfirmed')$$,
    'the statuses follow');

SELECT helper.can(20, statement, '42501') FROM unnest(ARRAY[
    $$SELECT * FROM crm.address_key$$, $$SELECT * FROM crm.suppression$$, $$UPDATE crm.contact SET status = 'active'$$,
    $$DELETE FROM crm.contact$$, $$INSERT INTO crm.subscription VALUES (1, 2, 2, 'active', 'active', now())$$,
    $$INSERT INTO crm.suppression VALUES (1, '', 'complained', NULL, now())$$, $$TRUNCATE crm.event$$,
    $$UPDATE crm.policy SET resubscribe = 'never'$$,
    $$SELECT contact_status.retract_events('crm', 'because', contact_ids => '{2}')$$,
    $$SELECT contact_status.erase_contact('crm', 1, 2)$$,
    $$SELECT contact_status.merge_contacts('crm', 1, 2, 1)$$, $$SELECT _contact_status.set_retracted('crm', 1, '{2}',
            array['crm.event'::regclass::oid], '{"(0,1)"}', 7, 'because')$$,
    $$SELECT _contact_status.anonymize_contact('crm', 1, 77)$$]) AS statement;
-- who may only read
SELECT is(left(helper.as_role('contact_status_test_reader', statement), 5), '42501', 'a reader: ' || statement)
    FROM unnest(ARRAY[
    $$INSERT INTO crm.event (contact_id, kind) VALUES (1, 'opened')$$,
    $$SELECT contact_status.suppress('crm', 1, 'x@example.org', 'complained')$$,
    $$SELECT contact_status.suppress('crm', 1, 'bob@example.org', 'complained')$$,
    $$SELECT _contact_status.suppress_unknown_address('crm', 1, 'x@example.org', 'complained', NULL, now(), 'x')$$,
    $$SELECT _contact_status.restore_settings('crm', 1)$$,
    $$SELECT _contact_status.refresh_contacts('crm', '{1}', '{1}', true, now())$$,
    $$SELECT * FROM crm.address_key$$]) AS statement;
SELECT is(helper.as_role('contact_status_test_reader', 'SELECT count(*) FROM crm.mailable, crm.status_history'), 'done',
    'a reader reads');

-- Derived rows are written as by the tables' owner, but no function of a user's runs as he.
CREATE FUNCTION public.who() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('test.who', current_user, true); RETURN NULL; END $$;
CREATE TRIGGER who AFTER UPDATE ON crm.subscription FOR EACH ROW EXECUTE FUNCTION public.who();
SELECT helper.can(30, $$INSERT INTO crm.event (contact_id, kind) VALUES (1, 'complained')$$);
SELECT is(current_setting('test.who'), 'contact_status_test_app',
    'a trigger of the application''s on subscription does not run as the owner of the tables');
DROP TRIGGER who ON crm.subscription;

-- Row-level security by account: an example policy on every table that has accounts. ----------------------------------

INSERT INTO crm.account (account_id, policy) VALUES (2, 'default');
INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (2, 1);
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 1, 'theirs@example.org'), (2, 2, 'bob@example.org');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (2, 1, 1, 'added'), (2, 2, 1, 'added');
SELECT format('ALTER TABLE crm.%1$I ENABLE ROW LEVEL SECURITY;
        CREATE POLICY by_account ON crm.%1$I USING (account_id = current_setting(''app.account'')::bigint)', t)
FROM unnest('{account,list,contact,subscription,event,consent_setting_history,address_change}'::text[]) AS t \gexec
SET LOCAL app.account = 2;
SELECT is(helper.as_role('contact_status_test_reader',
        format($$DO 'BEGIN IF (SELECT count(*) FROM crm.%s WHERE account_id <> 2) > 0 OR (SELECT count(*) FROM crm.%1$s)
            = 0 THEN RAISE ''wrong''; END IF; END'$$, t)), 'done', t || ': a reader sees his account only')
FROM unnest('{account,list,contact,subscription,event,mailable,status_history,event_with_settings}'::text[]) AS t;
SELECT helper.can(40, $$INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 3, 'cyd@example.org')$$);
SELECT helper.can(41, $$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (2, 3, 1, 'added'), (2, 2, NULL, 'unsubscribed')$$);
SELECT helper.can(42,
    $$INSERT INTO crm.event (account_id, contact_id, kind, occurred_at) VALUES (2, 1, 'soft_bounced', '2026-01-01')$$);
SELECT is(left(helper.as_role('contact_status_test_app', statement), 5), '42501', 'another account: ' || statement)
    FROM unnest(ARRAY[
    $$INSERT INTO crm.contact (account_id, email) VALUES (1, 'intruder@example.org')$$,
    $$INSERT INTO crm.event (account_id, contact_id, kind) VALUES (1, 2, 'complained')$$,
    $$INSERT INTO crm.list (account_id, name) VALUES (1, 'x')$$,
    $$SELECT contact_status.suppress('crm', 1, 'new@example.org', 'complained')$$,
    $$SELECT contact_status.suppress('crm', 1, 'nobody.at.all@example.org', 'complained')$$]) AS statement;
SELECT helper.can(43, $$SELECT contact_status.suppress('crm', 2, 'cyd@example.org', 'complained')$$);
SELECT helper.can(44, $$SELECT contact_status.suppress('crm', 2, 'nobody@example.org', 'unsubscribed')$$);
-- it looks up addresses past the policies, so it is not for such a role
SELECT helper.can(45, $$SELECT contact_status.import_contacts('crm', 2, 1, 'staging')$$, '42501');
RESET app.account;
SELECT results_eq(
    'SELECT contact_id::int, status::text FROM crm.contact WHERE account_id = 2 AND contact_id < 4 ORDER BY 1',
    $$VALUES (1, 'soft_bounced'), (2, 'unsubscribed'), (3, 'complained')$$, 'a writer''s events are applied');
SELECT is((SELECT count(*) FROM crm.suppression AS s WHERE account_id = 1 AND contact_id IS NULL), 2::bigint,
    'another account''s suppression is not written');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
