-- What is an installation: any schema name, one owner, plain tables; what is none is said in one line; keys are the
-- owner's alone.
\i test/pgtap/setup.inc
SELECT no_plan();

-- Names ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION helper.works(schema name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
BEGIN
    PERFORM contact_status.create_tables(schema, partition_by => '1 month');
    EXECUTE format($q$
        INSERT INTO %1$I.contact (email) VALUES ('a@example.org'), ('b@example.org');
        INSERT INTO %1$I.event (contact_id, list_id, kind) VALUES (1, 1, 'added'), (2, 1, 'added');
        INSERT INTO %1$I.event (contact_id, kind) VALUES (1, 'complained')$q$, schema);
    PERFORM contact_status.suppress(schema, 1, 'c@example.org', 'complained'), contact_status.sweep(schema),
        contact_status.reevaluate(schema);
    CREATE TEMPORARY TABLE staging AS SELECT 'c@example.org'::text AS email, NULL::text AS status;
    PERFORM contact_status.import_contacts(schema, 1, 1, 'pg_temp.staging');
    DROP TABLE pg_temp.staging;
    PERFORM contact_status.retract_events(schema, 'a test', kinds => '{added}', contact_ids => '{2}');
    PERFORM contact_status.retract_suppressions(schema, 'a test', emails => '{nobody@example.org}');
    PERFORM contact_status.undo_retraction(schema, 1),
        contact_status.add_partitions(schema, '1 month', now() + interval '6 months'),
        contact_status.set_horizon(schema, 1, now()), contact_status.upgrade_tables(schema),
        contact_status.enable_tenant_security(schema, 'app.account'),
        contact_status.drop_partitions(schema, '2001-01-01'), contact_status.repair(schema),
        contact_status.erase_contact(schema, 1, 2);
    EXECUTE format('INSERT INTO %I.contact (contact_id, email) VALUES (4, ''d@example.org'')', schema);
    PERFORM contact_status.merge_contacts(schema, 1, 4, 1);
    PERFORM contact_status.explain_status(schema, 1, 1), contact_status.contact_by_email(schema, 'x@example.org'),
        contact_status.active_contacts_by_day(schema, 1, current_date, current_date);
    EXECUTE format('SELECT string_agg(status::text, '' '' ORDER BY contact_id) FROM %I.contact', schema) INTO said;
    RETURN concat_ws(' ', said, (SELECT string_agg(v::text, ' ') FROM contact_status.verify(schema) v));
END $$;
SELECT is(helper.works(s), 'complained complained', 'an installation in schema ' || quote_ident(s)) FROM unnest(ARRAY[
    'plain', 'a#b', 'a@b', '@', '#', 'with blank', 'Quo"te', 'it''s', 'semi;colon', 'select', 'user', '%s', '%1$I',
    'back\slash', 'ünï', 'a.b', '$1', '--',
    '#" c, pg_sleep(0) --', repeat('x', 63)]) s;

-- None ----------------------------------------------------------------------------------------------------------------

-- Every function of the interface that takes a schema, with one that holds nothing, and with null.
CREATE TABLE helper.call (statement text);
INSERT INTO helper.call VALUES ($$contact_status.sweep(%s)$$), ($$contact_status.reevaluate(%s)$$),
    ($$contact_status.verify(%s)$$), ($$contact_status.repair(%s)$$),
    ($$contact_status.explain_status(%s, 1, 1)$$), ($$contact_status.contact_by_email(%s, 'x@example.org')$$),
    ($$contact_status.active_contacts_by_day(%s, 1, current_date, current_date)$$),
    ($$contact_status.suppress(%s, 1, 'a@example.org', 'complained')$$),
    ($$contact_status.suppress_all(%s, 1, '{a@example.org}', 'complained')$$),
    ($$contact_status.record_event(%s, 'a@example.org', 'complained')$$),
    ($$contact_status.import_contacts(%s, 1, 1, 'pg_class')$$),
    ($$contact_status.retract_events(%s, 'x', kinds => '{sent}')$$),
    ($$contact_status.retract_suppressions(%s, 'x', source => 'x')$$),
    ($$contact_status.record_webhook(%s, 'sendgrid', '{"event":"open","email":"a@example.org"}')$$),
    ($$contact_status.bounce_reasons(%s, 1)$$), ($$contact_status.copy_policy(%s, 'default', 'mine')$$),
    ($$contact_status.policy_problems(%s)$$), ($$contact_status.may_mail(%s, 1, 1, 1)$$),
    ($$contact_status.undo_retraction(%s, 1)$$), ($$contact_status.erase_contact(%s, 1, 1)$$),
    ($$contact_status.merge_contacts(%s, 1, 1, 2)$$),
    ($$contact_status.set_horizon(%s, 1, now())$$),
    ($$contact_status.add_partitions(%s, '1 month')$$), ($$contact_status.drop_partition(%s, 'pg_class')$$),
    ($$contact_status.drop_partitions(%s, now())$$),
    ($$contact_status.upgrade_tables(%s)$$), ($$contact_status.enable_tenant_security(%s, 'app.account')$$),
    ($$contact_status.add_change_feed(%s)$$), ($$contact_status.remove_change_feed(%s)$$),
    ($$contact_status.forward(%s, 'pg_class', '{}')$$), ($$contact_status.unforward(%s, 'pg_class')$$),
    ($$contact_status.forward_status(%s, 'pg_class', '{}')$$), ($$contact_status.follow_status(%s, 'pg_class', '{}')$$),
    ($$contact_status.retry_unmatched(%s)$$), ($$contact_status.differences(%s, 'SELECT 1 AS contact_id')$$),
    ($$contact_status.export_status(%s)$$),
    ($$contact_status.read_changes(%s, 'x')$$), ($$contact_status.forget_changes(%s)$$);
SELECT is_empty($$SELECT p.proname FROM pg_proc p
        WHERE p.pronamespace = 'contact_status'::regnamespace AND (p.proargnames)[1] = 'schema' AND p.prokind = 'f'
    AND p.proname <> 'create_tables' AND NOT EXISTS (SELECT FROM helper.call
        WHERE statement LIKE 'contact_status.' || p.proname || '(%')$$, 'all are tried');
SELECT is(concat_ws(' ', r.verdict, r.said, r.hint),
          '42P01 schema "nope" holds no installation '
           'Create the tables of an installation with contact_status.create_tables.', 'a misspelt name: ' || statement)
  FROM helper.call, helper.refusal(format('SELECT ' || statement, '''nope''')) r;
-- one line, not our SQL: also where a table cannot be read
CREATE FUNCTION helper.said_by(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    context text;
BEGIN
    PERFORM set_config('role', who, true);
    EXECUTE statement;
    PERFORM set_config('role', 'none', true);
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RETURN SQLSTATE || CASE WHEN context ~ '(\n[^\n]*){7}' THEN ' with our SQL: ' || context ELSE '' END;
END $$;
SELECT contact_status.create_tables('crm');
CREATE ROLE contact_status_test_stranger;
GRANT USAGE ON SCHEMA helper, public TO PUBLIC;
GRANT USAGE ON SCHEMA crm TO contact_status_test_stranger;
SELECT is(helper.said_by('none', format('SELECT ' || statement, '''nope''')), '42P01', 'in one line: ' || statement)
    FROM helper.call;
SELECT is(helper.said_by('contact_status_test_stranger', format('SELECT ' || statement, '''crm''')), '42501',
    'nor to a role without rights: ' || statement) FROM helper.call;
SELECT is(helper.said_by('contact_status_test_stranger', $$SELECT contact_status.create_tables('crm')$$), '42501',
    'in one line: create_tables without rights');

CREATE SCHEMA busy;
CREATE TABLE busy.contact (id int);
SELECT is(concat_ws(' ', r.verdict, r.said), '42P07 schema "busy" already has a table "contact"',
    'a schema that has a table of that name')
  FROM helper.refusal($$SELECT contact_status.create_tables('busy')$$) r;
SELECT is(helper.said_by('none', $$SELECT contact_status.create_tables('busy')$$), '42P07', 'in one line');
SELECT is(concat_ws(' ', r.verdict, r.said), '42P07 schema "crm" already holds an installation',
    'and one that holds an installation')
  FROM helper.refusal($$SELECT contact_status.create_tables('crm')$$) r;
SELECT is((SELECT count(*) FROM pg_class WHERE relnamespace = 'busy'::regnamespace), 1::bigint,
    'nothing is left behind');

-- Not one owner's plain tables ----------------------------------------------------------------------------------------

CREATE ROLE contact_status_test_other;
CREATE FUNCTION helper.ran() RETURNS bigint
    LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'it ran' USING ERRCODE = 'HE001'; END $$;
CREATE FUNCTION helper.after(change text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE change;
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        RETURN SQLSTATE;
    END;
    RAISE EXCEPTION USING ERRCODE = 'HE000';
EXCEPTION WHEN SQLSTATE 'HE000' THEN
    RETURN 'done';
END $$;
SELECT is(helper.after(format($$ALTER TABLE crm.%1$I RENAME TO was; CREATE VIEW crm.%1$I AS SELECT w.* FROM crm.was w
            WHERE helper.ran() > 0$$, t), format('SELECT ' || statement, '''crm''')),
          '55000', format('%s is a view: %s', t, statement))
  FROM helper.call, unnest('{account,contact,event,policy,checkpoint}'::text[]) t;
SELECT is(helper.after(format($$ALTER TABLE crm.%I OWNER TO contact_status_test_other$$, t), statement), '55000',
    format('%s of another owner: %s', t, statement))
  FROM unnest('{account,subscription,suppression}'::text[]) t,
      unnest(ARRAY[$$SELECT contact_status.sweep('crm')$$, $$SELECT * FROM contact_status.verify('crm')$$,
       $$INSERT INTO crm.contact (contact_id, email) VALUES (1, 'a@example.org'); $$
           || $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1, 1, 'added')$$]) statement
 WHERE NOT (t = 'suppression' AND statement LIKE 'INSERT%');
SELECT is(helper.after($$CREATE OR REPLACE VIEW crm.event_with_settings WITH (security_invoker = true) AS
            SELECT account_id, contact_id, kind, occurred_at, list_id, campaign_id, event_key,
    source, until, NULL::contact_status.consent_settings AS settings, occurred_at AS dated_at,
    NULL::contact_status.folded_contact AS facts FROM crm.event WHERE helper.ran() > 0$$,
    $$INSERT INTO crm.contact (contact_id, email) VALUES (1, 'a@example.org');
        SELECT * FROM contact_status.verify('crm'); SELECT contact_status.explain_status('crm', 1, 1)$$), 'done',
    'functions read no view that its owner may replace');

-- The keys of the digests ---------------------------------------------------------------------------------------------

CREATE ROLE contact_status_test_owner;
CREATE ROLE contact_status_test_grantee;
SELECT format('GRANT CREATE ON DATABASE %I TO contact_status_test_owner', current_database()) \gexec
ALTER DEFAULT PRIVILEGES FOR ROLE contact_status_test_owner GRANT ALL ON TABLES TO contact_status_test_grantee, PUBLIC;
SET ROLE contact_status_test_owner;
SELECT contact_status.create_tables('keys');
GRANT USAGE ON SCHEMA keys TO contact_status_test_grantee;
RESET ROLE;
SELECT is((SELECT array_agg(DISTINCT grantee::text) FROM information_schema.role_table_grants
        WHERE table_schema = 'keys' AND table_name = 'address_key'),
    '{contact_status_test_owner}'::text[], 'default privileges give nobody the keys');
SELECT isnt_empty($$SELECT FROM information_schema.role_table_grants WHERE table_schema = 'keys'
        AND table_name = 'contact' AND grantee = 'contact_status_test_grantee'$$, 'but other tables');
SET ROLE contact_status_test_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA keys TO contact_status_test_grantee;
SELECT isnt_empty('SELECT key FROM keys.address_key', 'the owner reads them, for a dump');
SET ROLE contact_status_test_grantee;
SELECT is_empty('SELECT key FROM keys.address_key', 'who is granted SELECT on all tables sees none');
RESET ROLE;
SELECT is(helper.said_by('contact_status_test_grantee', $$DELETE FROM keys.address_key$$), '42501', 'nor deletes one');
SELECT isnt_empty('SELECT key FROM keys.address_key', 'they are there');

-- Tenants -------------------------------------------------------------------------------------------------------------

CREATE ROLE contact_status_test_tenant;
INSERT INTO crm.account (account_id) VALUES (2);
INSERT INTO crm.list (account_id) VALUES (2);
INSERT INTO crm.contact (account_id, contact_id, email) SELECT a, i, format('c%s@example.org', i)
    FROM generate_series(1, 2) a, generate_series(1, 3) i;
INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT account_id, contact_id, list_id, 'added'
    FROM crm.contact JOIN crm.list USING (account_id);
INSERT INTO crm.event (account_id, contact_id, kind) VALUES (1, 1, 'complained'), (2, 1, 'complained');
DELETE FROM crm.contact WHERE contact_id = 1;
UPDATE crm.contact SET email = 'new@example.org' WHERE contact_id = 2;
SELECT contact_status.retract_events('crm', 'a test', a, kinds => '{added}', contact_ids => '{3}')
    FROM generate_series(1, 2) a \g /dev/null
SELECT contact_status.set_horizon('crm', a, now()) FROM generate_series(1, 2) a;
INSERT INTO crm.unmatched_event (account_id, address, kind, problem) SELECT a, 'x@example.org', 'opened', 'a test'
    FROM generate_series(1, 2) a;
SELECT contact_status.sweep('crm') \g /dev/null
SELECT contact_status.enable_tenant_security('crm', 'app.account');
SELECT contact_status.enable_tenant_security('crm', 'app.account');   -- again
GRANT USAGE ON SCHEMA crm TO contact_status_test_tenant;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO contact_status_test_tenant;
CREATE FUNCTION helper.accounts_seen(relation name, setting text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    seen text;
BEGIN
    PERFORM set_config('app.account', setting, true), set_config('role', 'contact_status_test_tenant', true);
    EXECUTE format('SELECT coalesce(string_agg(DISTINCT account_id::text, '','' ORDER BY account_id::text), ''none'')
            FROM crm.%I', relation) INTO seen;
    PERFORM set_config('role', 'none', true);
    RETURN seen;
END $$;
SELECT is(helper.accounts_seen(c.relname, setting),
    CASE WHEN c.relname = 'address_key' THEN 'none' WHEN setting = '' THEN 'none' ELSE setting END,
          format('%s: a tenant of account "%s" sees that alone', c.relname, setting))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, unnest('{1,2,""}'::text[]) setting
 WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'v') AND a.attname = 'account_id'
     AND c.relname NOT IN ('pending_confirmations', 'campaign_report')
 ORDER BY c.relname, setting;
SELECT throws_ok(format('SELECT contact_status.enable_tenant_security(''crm'', %L)', s), '22023', NULL,
    'no setting of one''s own: ' || s)
  FROM unnest('{role,"",search_path,"app.x; DROP"}'::text[]) s;

-- An account whose contacts the caller does not see has no horizon set
ALTER TABLE crm.contact FORCE ROW LEVEL SECURITY;
ALTER TABLE crm.contact OWNER TO contact_status_test_owner;
DO $$ DECLARE r record; BEGIN FOR r IN SELECT oid::regclass AS t, relkind FROM pg_class
    WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'v') LOOP
    EXECUTE format('ALTER %s %s OWNER TO contact_status_test_owner',
        CASE r.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, r.t); END LOOP; END $$;
ALTER SCHEMA crm OWNER TO contact_status_test_owner;
SELECT is(helper.said_by('contact_status_test_owner', $$SELECT contact_status.set_horizon('crm', 1, now())$$), '42501',
    'FORCE ROW LEVEL SECURITY: no horizon');
SELECT is(helper.said_by('contact_status_test_owner', $$SELECT contact_status.repair('crm')$$), '42501',
    'nor a repair');
ALTER TABLE crm.contact NO FORCE ROW LEVEL SECURITY;
SELECT is(helper.said_by('contact_status_test_owner', $$SELECT contact_status.set_horizon('crm', 1, now())$$), 'done',
    'without FORCE the owner sees all, and sets it');

SELECT * FROM finish();
ROLLBACK;
