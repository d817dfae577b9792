-- The install script: every object has a comment, nothing trusts a search_path, nothing runs as somebody else.
\i test/pgtap/setup.inc

SELECT no_plan();

CREATE TEMPORARY VIEW member AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
  FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'contact_status' AND d.deptype = 'e';

SELECT is_empty(
    $$SELECT object FROM member LEFT JOIN pg_type t ON member.classid = 'pg_type'::regclass AND t.oid = member.objid
                   WHERE obj_description(objid, classid::regclass::name) IS NULL AND coalesce(t.typelem, 0) = 0$$,
                'every object of the extension has a comment');
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                   WHERE p.prosecdef$$, 'no function is SECURITY DEFINER');
-- a function that writes by SQL has no search_path of its own, with which the application's triggers would run; then
-- every function and operator in it is qualified
SELECT is_empty($$
SELECT p.oid::regprocedure, found[1]
  FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
  JOIN pg_language l ON l.oid = p.prolang
 CROSS JOIN LATERAL regexp_replace(p.prosrc, '--[^\n]*', '', 'g') AS code (text)
 CROSS JOIN LATERAL regexp_replace(code.text, '(RAISE EXCEPTION|USING ERRCODE)[^;]*;', '', 'g') AS plain (text)
 CROSS JOIN LATERAL regexp_replace(plain.text, '''[^'']*''', '''''', 'g') AS bare (text)
 CROSS JOIN LATERAL regexp_replace(bare.text, 'OPERATOR\(pg_catalog\.[^)]*\)|:=|\w\.\*|\.\.|%', ' ', 'g') AS rest (text)
 CROSS JOIN LATERAL regexp_matches(rest.text,
     '(?<![\w.."])(?!(?:coalesce|ARRAY|IN|AND|OR|NOT|EXISTS|FROM|WHEN|THEN|IF|SELECT|ROW|ROWS|CAST)\s*\()'
      '[a-z_]\w*\((?![^()]*\)\s*$)|[-+*/<>=~!@#%^&|]+|\m(?:nullif|NULLIF|LIKE|BETWEEN|DISTINCT FROM)\M|'
      '\mCASE\s+[\w.]+\s+WHEN\M|\mIN\s*\((?!\s*SELECT)', 'g') AS found
 WHERE l.lanname = 'plpgsql' AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)
   AND found[1] NOT IN ('r(')
$$, 'functions without a search_path of their own qualify every function and operator');
SELECT cmp_ok((SELECT count(*) FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                 JOIN pg_language l ON l.oid = p.prolang
                WHERE l.lanname = 'plpgsql'
                    AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)),
    '>', 5::bigint, 'and there are some');
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                    JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname = 'sql' AND p.prosqlbody IS NULL$$,
                'functions in SQL are bound when they are created');
SELECT is_empty($$SELECT object FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                   WHERE p.pronamespace NOT IN ('contact_status'::regnamespace, '_contact_status'::regnamespace)$$,
                       'all of it is in its schemas');
SELECT ok(has_schema_privilege('public', s, 'USAGE') AND NOT has_schema_privilege('public', s, 'CREATE'),
    s || ': everybody may use it, and nobody create in it')
  FROM unnest('{contact_status,_contact_status}'::text[]) AS s;
SELECT is((SELECT array_agg(DISTINCT nspowner) FROM pg_namespace
        WHERE nspname IN ('contact_status', '_contact_status')), '{10}'::oid[],
    'they belong to the bootstrap superuser');
SELECT is((SELECT array_agg(DISTINCT p.proname::text ORDER BY p.proname::text) FROM pg_proc p
        WHERE p.pronamespace = 'contact_status'::regnamespace),
    string_to_array(regexp_replace($$
active_contacts_by_day,add_change_feed,add_partitions,adopt,
bounce_kind,bounce_reasons,classify_reply,
color,contact_by_email,copy_policy,create_tables,differences,drop_partition,drop_partitions,
enable_tenant_security,erase_contact,explain_status,export_status,fold,follow_status,forget_changes,
forward,forward_events,forward_status,from_label,
guard_status,import_contacts,is_mailable,label,mail_report_events,may_mail,merge_contacts,move_horizon,
normalize_address,
policy,policy_problems,
read_changes,record_event,record_webhook,reevaluate,remove_change_feed,repair,reply_rules,report_category,
report_label,require_mailable,retract_events,retract_suppressions,retry_unmatched,set_horizon,state_diagram,
status_changes,status_of,suppress,suppress_all,sweep,text_id,transitions,undo_retraction,unforward,upgrade_tables,
verify,vocabulary_words,webhook_events,webhook_rules
$$, '\s', '', 'g'), ','),
'schema contact_status holds the interface and nothing else');

-- the tables that create_tables makes
SELECT contact_status.create_tables('crm');
SELECT is_empty(
    $$SELECT oid::regclass FROM pg_class c WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'v')
                     AND obj_description(oid, 'pg_class') IS NULL$$,
                         'every table and view of an installation has a comment');
SELECT contact_status.create_tables('parts', partition_by => '1 month');
SELECT is_empty(format($$SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                   WHERE c.relnamespace = %L::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
                     AND a.attnum > 0 AND coalesce(col_description(c.oid, a.attnum), '') !~ '\S'$$, s),
                s || ': every column of every table and view of an installation has a comment')
  FROM unnest('{crm,parts}'::name[]) AS s;
CREATE SCHEMA shared;
CREATE TABLE shared.orders (account_id bigint, contact_id bigint);
SELECT contact_status.create_tables('shared');
SELECT is_empty($$SELECT a.attname FROM pg_attribute a
        WHERE attrelid = 'shared.orders'::regclass AND col_description(attrelid, attnum) IS NOT NULL$$,
                'a table of the application in the same schema gets no comments');
SELECT set_eq($$SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'v'$$,
    $$SELECT unnest(_contact_status.view_names())$$,
              'view_names has every view');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'crm'::regnamespace AND relkind = 'v'
                     AND NOT coalesce(reloptions @> '{security_invoker=true}', false)$$,
                         'every view has the rights of who asks');
SELECT is_empty(
    $$SELECT c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
                   WHERE c.relnamespace = 'crm'::regnamespace AND d.deptype = 'e'$$,
                       'none of them is a member of the extension');
SELECT is_empty(
    $$SELECT conrelid::regclass FROM pg_constraint WHERE connamespace = 'crm'::regnamespace AND contype = 'f'$$,
                'none has a foreign key, so that an owner can restore their data alone');

SELECT throws_ok('DROP EXTENSION contact_status', '2BP01', NULL, 'the extension is not dropped while tables use it');

SELECT * FROM finish();
ROLLBACK;
