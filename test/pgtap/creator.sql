-- The extension is trusted: a role without superuser may create it. Its schemas belong to the bootstrap superuser all
-- the same, so that nothing that the role adds, replaces or shadows is ever run by another role.
\i test/pgtap/setup.inc
SELECT no_plan();
DROP EXTENSION contact_status CASCADE;
SET client_min_messages = error;

CREATE ROLE contact_status_test_creator;
SELECT format('GRANT CREATE ON DATABASE %I TO contact_status_test_creator', current_database()) \gexec
CREATE FUNCTION helper.sqlstate(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION USING ERRCODE = 'HE000';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'HE000' THEN '00000' ELSE SQLSTATE END;
END $$;
GRANT USAGE ON SCHEMA helper TO PUBLIC;

SET ROLE contact_status_test_creator;

-- a schema of that name that is there already could hold anything
SELECT is(helper.sqlstate(statement || '; CREATE EXTENSION contact_status'), '42P06', statement) FROM (VALUES
    ('CREATE SCHEMA contact_status'), ('CREATE SCHEMA _contact_status'),
    ('CREATE SCHEMA contact_status; CREATE FUNCTION contact_status.suppressed_contacts(text) RETURNS int '
     'LANGUAGE sql AS $$SELECT 1$$')) t (statement);

CREATE EXTENSION contact_status;
SELECT is((SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'contact_status'),
    'contact_status_test_creator', 'the role owns the extension');
SELECT is((SELECT string_agg(nspname || ' ' || nspowner, ', ' ORDER BY nspname) FROM pg_namespace
        WHERE nspname ~ 'contact_status'),
    '_contact_status 10, contact_status 10', 'its schemas belong to the bootstrap superuser');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
        WHERE nspname ~ 'contact_status' AND proowner <> 10$$,
    'and so does every function');
SELECT is_empty($$SELECT t.oid::regtype FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
        WHERE nspname ~ 'contact_status' AND typowner <> 10$$,
    'and every type');

-- what the role may not do, in either schema
SELECT is(helper.sqlstate(format(statement, schema)), '42501', format(statement, schema)) FROM (VALUES
    ('CREATE FUNCTION %s.suppressed_contacts(text) RETURNS int LANGUAGE sql AS $$SELECT 1$$'),
    ('CREATE OPERATOR %s.= (LEFTARG = bigint, RIGHTARG = text, FUNCTION = pg_catalog.textlen)'),
    ('CREATE TABLE %s.event (a int)'), ('CREATE VIEW %s.account AS SELECT 1'), ('CREATE TYPE %s.t AS (a int)'),
    ('CREATE DOMAIN %s.d AS text'), ('CREATE COLLATION %s."C" FROM "C"'), ('CREATE SEQUENCE %s.s'),
    ('ALTER SCHEMA %s OWNER TO contact_status_test_creator'), ('ALTER SCHEMA %s RENAME TO other'),
    ('COMMENT ON SCHEMA %s IS NULL')) s (statement),
    (VALUES ('contact_status'), ('_contact_status')) n (schema);
-- a GRANT by a role without grant option gives nothing, with a warning
GRANT CREATE ON SCHEMA contact_status, _contact_status TO contact_status_test_creator;
SELECT is(has_schema_privilege(schema, 'CREATE'), false, 'no CREATE in ' || schema)
    FROM (VALUES ('contact_status'), ('_contact_status')) n (schema);
SELECT is(helper.sqlstate(statement), '42501', statement) FROM (VALUES
    ('CREATE OR REPLACE FUNCTION contact_status.normalize_address(address text) RETURNS text '
     'LANGUAGE sql IMMUTABLE AS $$SELECT $1$$'),
    ('CREATE OR REPLACE FUNCTION _contact_status.suppressed_contacts(schema name) RETURNS SETOF record '
     'LANGUAGE sql AS $$SELECT 1$$'),
    ('ALTER FUNCTION contact_status.verify(name, timestamptz) SET search_path = public'),
    ('ALTER FUNCTION contact_status.verify(name, timestamptz) OWNER TO contact_status_test_creator'),
    ('ALTER FUNCTION contact_status.verify(name, timestamptz) SECURITY DEFINER'),
    ('DROP FUNCTION _contact_status.apply_events() CASCADE'),
    ('ALTER TYPE contact_status.event_kind ADD VALUE ''x'''),
    ('CREATE CAST (contact_status.contact_status AS bigint) WITH INOUT AS IMPLICIT'),
    ('ALTER EXTENSION contact_status DROP FUNCTION contact_status.normalize_address(text)'),
    ('CREATE FUNCTION public.own() RETURNS int LANGUAGE sql AS $$SELECT 1$$; '
     'ALTER EXTENSION contact_status DROP SCHEMA contact_status')) t (statement);
SELECT is(helper.sqlstate('ALTER EXTENSION contact_status SET SCHEMA public'), '42501', 'the extension does not move');

-- what the role may do: shadow names elsewhere; a superuser who has the same search_path does not meet it
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE SEQUENCE evil.called;
GRANT ALL ON evil.called TO PUBLIC;
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT proname, pg_get_function_identity_arguments(oid) AS arguments,
                    (SELECT string_agg(format_type(CASE WHEN t = 'name'::regtype THEN 'text'::regtype ELSE t END, NULL),
                            ', ' ORDER BY o) FROM unnest(proargtypes) WITH ORDINALITY u (t, o)) AS types
               FROM pg_proc WHERE pronamespace IN ('contact_status'::regnamespace, '_contact_status'::regnamespace)
                   AND prokind = 'f' AND prorettype <> 'trigger'::regtype
                AND 'record'::regtype <> ALL (proargtypes) AND 'internal'::regtype <> ALL (proargtypes) LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION evil.%I(%s) RETURNS int
                LANGUAGE sql AS $f$ SELECT nextval(''evil.called'')::int $f$', f.proname, f.types);
    END LOOP;
END $$;
RESET ROLE;
SELECT contact_status.create_tables('crm') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'a@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1, 1, 'added');
SET search_path = evil, contact_status, _contact_status, public;
SELECT public.is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');
SELECT contact_status.sweep('crm'), contact_status.repair('crm'), contact_status.reevaluate('crm') \g /dev/null
SELECT contact_status.suppress('crm', 1, 'a@example.org'::text, 'complained'),
    contact_status.erase_contact('crm', 1, 1) \g /dev/null
SELECT public.is((SELECT is_called FROM evil.called), false, 'no shadow was called');
RESET search_path;

-- and drop it
SET ROLE contact_status_test_creator;
SELECT is(helper.sqlstate('DROP EXTENSION contact_status'), '2BP01', 'tables that others made keep it');
RESET ROLE;
DROP SCHEMA crm, evil CASCADE;
SET ROLE contact_status_test_creator;
DROP EXTENSION contact_status;
SELECT is((SELECT count(*)::int FROM pg_namespace WHERE nspname ~ 'contact_status'), 0, 'it goes with its schemas');
RESET ROLE;
SELECT * FROM finish();
