-- The install script: every object has a comment, nothing trusts a search_path, nothing runs as somebody else.
\i test/pgtap/setup.inc

SELECT no_plan();

CREATE TEMPORARY VIEW member AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
  FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'contact_status' AND d.deptype = 'e';

SELECT is_empty($$SELECT object FROM member LEFT JOIN pg_type t ON member.classid = 'pg_type'::regclass AND t.oid = member.objid
                   WHERE obj_description(objid, classid::regclass::name) IS NULL AND coalesce(t.typelem, 0) = 0$$,
                'every object of the extension has a comment');
SELECT is_empty($$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                   WHERE p.prosecdef$$, 'no function is SECURITY DEFINER');
SELECT is_empty($$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                    JOIN pg_language l ON l.oid = p.prolang
                   WHERE l.lanname = 'plpgsql' AND p.prokind <> 'p' AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)$$,
                'functions that run SQL set their search_path');
SELECT is_empty($$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                   WHERE p.prokind = 'p' AND regexp_replace(p.prosrc, 'RAISE EXCEPTION[^;]*;|--[^\n]*|contact_status\.\w+\(|coalesce\(|OPERATOR\(pg_catalog\.', '', 'g') ~ '\w\(|[<>=~]'
                     AND p.prosrc !~ ':='$$, 'procedures, which commit and so cannot, name nothing that a search_path could change');
SELECT is_empty($$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                    JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname = 'sql' AND p.prosqlbody IS NULL$$,
                'functions in SQL are bound when they are created');
SELECT is_empty($$SELECT object FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                   WHERE p.pronamespace <> 'contact_status'::regnamespace$$, 'all of it is in its schema');
SELECT ok(has_schema_privilege('public', 'contact_status', 'USAGE'), 'which everybody may use');

-- the tables that create_tables makes
SELECT contact_status.create_tables('crm');
SELECT is_empty($$SELECT oid::regclass FROM pg_class c WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'v')
                     AND obj_description(oid, 'pg_class') IS NULL$$, 'every table and view of an installation has a comment');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'crm'::regnamespace AND relkind = 'v'
                     AND NOT coalesce(reloptions @> '{security_invoker=true}', false)$$, 'every view has the rights of who asks');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
                   WHERE c.relnamespace = 'crm'::regnamespace AND d.deptype = 'e'$$, 'none of them is a member of the extension');
SELECT is_empty($$SELECT conrelid::regclass FROM pg_constraint WHERE connamespace = 'crm'::regnamespace AND contype = 'f'$$,
                'none has a foreign key, so that an owner can restore their data alone');

SELECT throws_ok('DROP EXTENSION contact_status', '2BP01', NULL, 'the extension is not dropped while tables use it');

SELECT * FROM finish();
ROLLBACK;
