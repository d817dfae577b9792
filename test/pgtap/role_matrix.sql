-- Every function of both schemas, by a superuser, the owner of the tables, a tenant's writer under row-level security
-- (for its own account and for another's), a reader, and a role with nothing: what each gets, and that nothing of
-- another account is read, locked or changed.
\i test/pgtap/setup.inc
SELECT no_plan();

CREATE ROLE contact_status_test_owner;
CREATE ROLE contact_status_test_tenant;
CREATE ROLE contact_status_test_reader;
CREATE ROLE contact_status_test_nobody;
SELECT format('GRANT CREATE ON DATABASE %I TO contact_status_test_owner', current_database()) \gexec
GRANT USAGE ON SCHEMA helper, public TO PUBLIC;
SET ROLE contact_status_test_owner;
SELECT contact_status.create_tables('crm', policy => 'default');
SELECT contact_status.create_tables('parts', policy => 'default', partition_by => '1 month');
SELECT contact_status.add_change_feed('crm');
GRANT USAGE ON SCHEMA crm TO contact_status_test_tenant, contact_status_test_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO contact_status_test_tenant, contact_status_test_reader;
GRANT INSERT, UPDATE, DELETE ON crm.event, crm.contact, crm.list, crm.unmatched_event TO contact_status_test_tenant;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA crm TO contact_status_test_tenant;
INSERT INTO crm.account (account_id, contact_limit) VALUES (2, 1);
INSERT INTO crm.list (account_id, list_id) VALUES (2, 1);
INSERT INTO crm.contact (account_id, contact_id, email) SELECT a, i, format('c%s.%s@example.org', a, i)
    FROM generate_series(1, 2) a, generate_series(1, 3) i;
INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) SELECT a, 1, 1, 'added', '2026-01-01'
    FROM generate_series(1, 2) a;
INSERT INTO crm.event (account_id, contact_id, kind, occurred_at, source) SELECT a, 2, 'complained', '2026-01-02',
    'wrong' FROM generate_series(1, 2) a;
INSERT INTO crm.event (account_id, contact_id, kind, occurred_at, until) SELECT a, 1, 'suspended', '2026-01-02',
    '2026-01-03' FROM generate_series(1, 2) a;
SELECT contact_status.retract_events('crm', 'a test', a, source => 'wrong') FROM generate_series(1, 2) a \g /dev/null
SELECT contact_status.suppress('crm', a, format('gone%s@example.org', a), 'complained')
    FROM generate_series(1, 2) a \g /dev/null
CREATE TABLE crm.staging (email text PRIMARY KEY);
INSERT INTO crm.staging VALUES ('new@example.org');
GRANT SELECT ON crm.staging TO PUBLIC;
SELECT setval('crm.contact_contact_id_seq', 100) \g /dev/null
SELECT contact_status.enable_tenant_security('crm', 'app.account_id');
RESET ROLE;

-- Every row of an account, and who holds its tuples and locks.
CREATE FUNCTION helper.rows_of(account bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t name;
    found text;
    said text := '';
BEGIN
    FOR t IN SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
              WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'r' AND a.attname = 'account_id'
              ORDER BY 1 LOOP
        EXECUTE format('SELECT string_agg(concat(ctid, xmin, xmax), '','' ORDER BY ctid) FROM crm.%I
                WHERE account_id = $1', t) INTO found USING account;
        said := concat(said, t, found);
    END LOOP;
    RETURN md5(said) || (SELECT count(*) FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'object' AND objid = account
                            AND classid IN (SELECT oid FROM pg_class WHERE relnamespace = 'crm'::regnamespace));
END $$;

-- What becomes of a statement by a role: ok and what it returned, or its SQLSTATE; and whether it touched account 2.
CREATE FUNCTION helper.by(who text, statement text, OUT became text, OUT touched boolean) LANGUAGE plpgsql AS $$
DECLARE
    before text := helper.rows_of(2);
    result text;
BEGIN
    PERFORM set_config('app.account_id', '1', true), set_config('role', who, true);
    BEGIN
        IF statement LIKE 'CALL%' THEN
            EXECUTE statement;
        ELSE
            EXECUTE format('SELECT string_agg(x::text, '' '') FROM (%s) x', statement) INTO result;
        END IF;
        became := concat_ws(' ', 'ok', result);
        PERFORM set_config('role', 'none', true);
        touched := helper.rows_of(2) <> before;
        RAISE EXCEPTION USING ERRCODE = 'HE000', MESSAGE = became;
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE <> 'HE000' THEN
            became := SQLSTATE;
            touched := false;
        END IF;
    END;
    PERFORM set_config('role', 'none', true);
END $$;

-- $A is the account: 1, and of `other` 2. Expected: of a superuser, the owner, the tenant for its own account, the
-- tenant for another one, a reader, nobody. `ok *` is whatever it returns; `ok` and a text exactly that. A backslash at
-- the end continues a row.
CREATE TABLE helper.matrix (function text, statement text, superuser text, owner text, own text, other text,
    reader text, nobody text);
CREATE FUNCTION helper.field(given text) RETURNS text LANGUAGE sql RETURN btrim(given, E' \n');
COPY helper.matrix FROM STDIN (DELIMITER '|');
active_contacts_by_day|SELECT active_contacts FROM contact_status.active_contacts_by_day('crm', $A, current_date, \
    current_date)|ok *|ok *|ok *|ok (0)|ok *|42501
add_change_feed|SELECT contact_status.add_change_feed('parts')|ok *|ok *|42501|42501|42501|42501
remove_change_feed|SELECT contact_status.remove_change_feed('crm')|ok *|ok *|42501|42501|42501|42501
read_changes|SELECT contact_id FROM contact_status.read_changes('crm', 'x')|ok *|ok *|42501|42501|42501|42501
forget_changes|SELECT contact_status.forget_changes('crm')|ok *|ok *|42501|42501|42501|42501
check_feed|SELECT _contact_status.check_feed('crm')|ok *|ok *|42501|42501|42501|42501
next_cluster|SELECT _contact_status.next_cluster('crm', 1, -1)|ok *|ok *|42501|42501|42501|42501
read_changes_query|SELECT length(_contact_status.read_changes_query('crm')) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
feed_definitions|SELECT cardinality(_contact_status.feed_definitions('crm', 'me', true, true)) > 0|\
    ok *|ok *|ok *|ok (t)|ok *|ok *
add_partitions|SELECT contact_status.add_partitions('parts', '1 month')|ok *|ok *|42501|42501|42501|42501
bounce_reasons|SELECT count(*) FROM contact_status.bounce_reasons('crm', NULL, $A)|ok *|ok *|ok *|ok (0)|ok *|42501
contact_by_email|SELECT contact_id FROM contact_status.contact_by_email('crm', 'C$A.1@example.org ', $A)|\
    ok (1)|ok (1)|ok (1)|ok|ok (1)|42501
copy_policy|SELECT contact_status.copy_policy('crm', 'ecomail', 'mine')|ok *|ok *|42501|42501|42501|42501
create_tables|SELECT contact_status.create_tables('other')|ok *|ok *|42501|42501|42501|42501
drop_partition|SELECT contact_status.drop_partition('parts', 'parts.event_default')|ok *|ok *|42501|42501|42501|42501
drop_partitions|SELECT contact_status.drop_partitions('parts', '2001-01-01')|ok *|ok *|42501|42501|42501|42501
enable_tenant_security|\
    SELECT contact_status.enable_tenant_security('crm', 'app.account_id')|ok *|ok *|42501|42501|42501|42501
erase_contact|SELECT contact_status.erase_contact('crm', $A, 1)|ok *|ok *|ok *|42501|42501|42501
merge_contacts|SELECT contact_status.merge_contacts('crm', $A, 3, 1)|ok *|ok *|ok *|42501|42501|42501
set_merged|SELECT _contact_status.set_merged('crm', $A, 77, 1)|23503|23503|23503|42501|42501|42501
merge_target|SELECT _contact_status.merge_target('crm', $A, 3)|ok (3)|ok (3)|ok (3)|42501|ok (3)|42501
facts_to_merge|SELECT cardinality(existing) FROM _contact_status.facts_to_merge('crm', $A, 3, 1, '2026-02-01')|\
    ok (2)|ok (2)|ok (2)|ok ()|ok (2)|42501
explain_status|SELECT count(*) FROM contact_status.explain_status('crm', $A, 1)|ok *|ok *|ok *|23503|ok *|42501
policy_problems|SELECT count(*) FROM contact_status.policy_problems('crm')|ok *|ok *|ok *|ok (0)|ok *|42501
import_contacts|SELECT outcome FROM contact_status.import_contacts('crm', $A, 1, 'crm.staging')|\
    ok *|ok *|42501|23503|42501|42501
forward|SELECT contact_status.forward('crm', 'crm.staging', '{"contact": {"address": "email"}, \
    "kinds": [["clicked", {"set": "email"}]], "occurred_at": {"column": "email"}}')|ok *|ok *|42501|42501|42501|42501
unforward|SELECT contact_status.unforward('crm', 'crm.staging')|42704|42704|42501|42501|42501|42501
retry_unmatched|SELECT contact_status.retry_unmatched('crm')|ok *|ok *|ok *|ok *|42501|42501
mapped_contact|SELECT length((_contact_status.mapped_contact('crm', 'crm.staging', \
    '{"address": "email"}')).lookup) > 0|ok *|ok *|ok *|ok *|ok *|42501
mapped_events|SELECT length(_contact_status.mapped_events('crm', 'crm.staging', '{"contact": {"address": "email"}, \
    "kinds": [["clicked", {"set": "email"}]], "occurred_at": {"column": "email"}}', 'x f', \
    'f')) > 0|ok *|ok *|ok *|ok *|ok *|42501
judged_events|SELECT length(_contact_status.judged_events('crm', 'crm.staging', '{"contact": {"address": "email"}, \
    "kinds": [["clicked", {"set": "email"}]], "occurred_at": {"column": "email"}}', \
    'x')) > 0|ok *|ok *|ok *|ok *|ok *|42501
insert_events|SELECT length(_contact_status.insert_events('crm')) > 0|ok *|ok *|ok *|ok *|ok *|ok *
event_statement|SELECT length(_contact_status.event_statement('crm', 'crm.staging', \
    '{"contact": {"address": "email"}, "kinds": [["clicked", {"set": "email"}]], \
    "occurred_at": {"column": "email"}}', 'quick', 'x f')) > 0|ok *|ok *|ok *|ok *|ok *|42501
contact_statement|SELECT length(_contact_status.contact_statement('crm', 'crm.staging', \
    '{"email": {"column": "email"}}', 'checked', 'x f', true)) > 0|ok *|ok *|ok *|ok *|ok *|42501
row_statement|SELECT length(_contact_status.row_statement('crm', 'crm.staging', '{"email": {"column": "email"}}', \
    'checked', 'x f')) > 0|ok *|ok *|ok *|ok *|ok *|42501
forward_body|SELECT length(_contact_status.forward_body('crm', 'crm.staging', \
    '{"email": {"column": "email"}}')) > 0|ok *|ok *|ok *|ok *|ok *|42501
forward_grants|SELECT cardinality(_contact_status.forward_grants('crm', 'crm.staging', \
    '{"email": {"column": "email"}}')) > 0|ok *|ok *|ok *|ok *|ok *|42501
retry_statements|SELECT length(statement) > 0 FROM _contact_status.retry_statements('crm', NULL, \
    NULL)|ok *|ok *|ok *|ok *|ok *|42501
forward_status|SELECT contact_status.forward_status('crm', 'crm.staging', '{"contact": {"address": "email"}, \
    "status": {"column": "email"}, "changes": [["*", "*", "noted"]]}')|ok *|ok *|42501|42501|42501|42501
follow_status|SELECT contact_status.follow_status('crm', 'crm.staging', '{"contact": {"address": "email"}, \
    "status": {"column": "email"}, "words": {"active": "x"}}')|ok *|ok *|42501|42501|42501|42501
follow_bodies|SELECT length((_contact_status.follow_bodies('crm', 'crm.staging', '{"contact": {"address": "email"}, \
    "status": {"column": "email"}, "words": {"active": "x"}}', 'x')).word) > 0|ok *|ok *|ok *|ok *|ok *|42501
forwarding_functions|SELECT count(*) FROM _contact_status.forwarding_functions('crm', \
    'crm.staging')|ok (0)|ok (0)|ok (0)|ok (0)|ok (0)|42501
drop_forwarding|SELECT _contact_status.drop_forwarding('crm', 'crm.staging', \
    NULL)|ok (0)|ok (0)|ok (0)|ok (0)|ok (0)|42501
create_function|SELECT _contact_status.create_function('crm', 'x', 'crm.staging', '', 'BEGIN END', \
    '{}')|ok *|ok *|42501|42501|42501|42501
create_forwarding|SELECT _contact_status.create_forwarding('crm', 'forward', 'crm.staging', \
    '{"contact": {"address": "email"}, "kinds": [["clicked", {"set": "email"}]], \
    "occurred_at": {"column": "email"}}')|ok *|ok *|42501|42501|42501|42501
check_forwarding|SELECT _contact_status.check_forwarding('crm', 'crm.staging', '{}', \
    '{}')|ok *|ok *|42501|42501|42501|42501
writing_roles|SELECT count(*) > 5 FROM _contact_status.writing_roles('crm', \
    'crm.staging')|ok (f)|ok (f)|ok (f)|ok (f)|ok (f)|42501
stored_mapping|SELECT _contact_status.stored_mapping('crm', 'crm.staging', 'forward')|ok *|ok *|ok *|ok *|ok *|42501
keep_rows|SELECT length(_contact_status.keep_rows('crm', 'x')) > 0|ok *|ok *|ok *|ok *|ok *|ok *
taking_statement|SELECT length(_contact_status.taking_statement('crm', 'x', 'x', 'x')) > 0|ok *|ok *|ok *|ok *|ok *|ok *
adopt|CALL contact_status.adopt('crm', 'crm.staging', \
    '{"email": {"column": "email"}}')|2D000|2D000|42501|42501|42501|42501
adopt_statements|SELECT length((_contact_status.adopt_statements('crm', 'crm.staging', \
    '{"email": {"column": "email"}}')).quick) > 0|ok *|ok *|ok *|ok *|ok *|42501
adopt_range|SELECT _contact_status.adopt_range('crm', 'crm.staging', '{"email": {"column": "email"}}', NULL, \
    NULL)|ok *|ok *|42501|42501|42501|42501
advance_contact_id|SELECT _contact_status.advance_contact_id('crm')|ok *|ok *|42501|42501|42501|42501
mapped_statuses|SELECT length(_contact_status.mapped_statuses('crm', 'crm.staging', '{"list": 1, \
    "status": {"column": "email", "vocabulary": "keila"}}', '1', '1', 'x', 'x')) > 0|ok *|ok *|ok *|ok *|ok *|42501
differences|SELECT fact FROM contact_status.differences('crm', 'SELECT $A AS account_id, \
    3 AS contact_id')|ok *|ok *|ok *|ok *|ok *|42501
differences_query|SELECT length(_contact_status.differences_query('crm', 'x')) > 0|ok *|ok *|ok *|ok *|ok *|ok *
export_status|SELECT count(*) FROM contact_status.export_status('crm', $A)|ok (3)|ok (3)|ok (3)|ok (0)|ok *|42501
export_status|SELECT count(*) FROM contact_status.export_status('crm', $A, \
    '{gone$A@example.org}')|ok (4)|ok (4)|ok (4)|42501|ok *|42501
suppressions_of|SELECT n FROM _contact_status.suppressions_of('crm', $A, \
    '{gone$A@example.org}')|ok (1)|ok (1)|ok (1)|42501|ok *|42501
may_mail|SELECT contact_status.may_mail('crm', $A, 3, 1)|ok (f)|ok (f)|ok (f)|ok (f)|ok (f)|42501
move_horizon|CALL contact_status.move_horizon('crm', $A, '2026-02-01')|2D000|2D000|42501|42501|42501|42501
reevaluate|SELECT contact_status.reevaluate('crm', $A)|ok *|ok *|ok *|ok (0)|42501|42501
repair|SELECT contact_status.repair('crm')|ok *|ok *|42501|42501|42501|42501
retract_events|SELECT events FROM contact_status.retract_events('crm', 'x', $A, kinds => '{added}')|\
    ok *|ok *|ok *|42501|42501|42501
retract_events|SELECT events FROM contact_status.retract_events('crm', 'x', $A, everything => true)|\
    ok *|ok *|ok *|42501|42501|42501
retract_events|SELECT events FROM contact_status.retract_events('crm', 'x', $A, kinds => '{added}', \
    dry_run => true)|ok *|ok *|ok *|42501|42501|42501
retract_suppressions|SELECT suppressions FROM contact_status.retract_suppressions('crm', 'x', $A, \
    kinds => '{complained}')|ok *|ok *|ok *|42501|42501|42501
set_horizon|SELECT contact_status.set_horizon('crm', $A, '2026-02-01')|ok *|ok *|42501|42501|42501|42501
suppress|SELECT contact_status.suppress('crm', $A, 'c$A.1@example.org', 'complained')|ok *|ok *|ok *|42501|42501|42501
suppress|SELECT contact_status.suppress('crm', $A, 'nobody@example.org', 'complained')|ok *|ok *|ok *|42501|42501|42501
suppress_all|SELECT outcome FROM contact_status.suppress_all('crm', $A, ARRAY['c$A.1@example.org', \
    'nobody@example.org'], 'complained')|ok *|ok *|ok *|42501|42501|42501
record_event|SELECT contact_status.record_event('crm', 'c$A.1@example.org', 'clicked', \
    $A)|ok *|ok *|ok *|42501|42501|42501
record_event|SELECT contact_status.record_event('crm', 'nobody@example.org', 'clicked', \
    $A)|ok *|ok *|ok *|42501|42501|42501
record_event|SELECT contact_status.record_event('crm', 'nobody@example.org', 'hard_bounced', \
    $A)|ok *|ok *|ok *|42501|42501|42501
record_webhook|SELECT recorded FROM contact_status.record_webhook('crm', 'sendgrid', \
    '{"event":"click","email":"c$A.1@example.org"}', $A)|ok (1)|ok (1)|ok (1)|42501|42501|42501
record_webhook|SELECT unmatched FROM contact_status.record_webhook('crm', 'sendgrid', \
    '{"event":"spamreport","email":"nobody@example.org"}', $A)|ok (1)|ok (1)|ok (1)|42501|42501|42501
record_webhook|SELECT unmatched FROM contact_status.record_webhook('crm', 'sendgrid', \
    '{"event":"open","email":"nobody@example.org"}', $A)|ok (1)|ok (1)|ok (1)|42501|42501|42501
sweep|SELECT contact_status.sweep('crm')|ok *|ok *|ok *|ok (0)|42501|42501
sweep|SELECT contact_status.sweep('crm', now() + interval '1 month')|ok *|ok *|42501|42501|42501|42501
undo_retraction|SELECT events FROM contact_status.undo_retraction('crm', $A, $A)|ok *|ok *|ok *|42501|42501|42501
upgrade_tables|SELECT contact_status.upgrade_tables('parts')|ok *|ok *|42501|42501|42501|42501
verify|SELECT count(*) FROM contact_status.verify('crm')|ok *|ok *|ok *|ok (0)|ok *|42501
add_partition|\
    SELECT _contact_status.add_partition('parts', '2001-01-01', '2001-02-01')|ok *|ok *|42501|42501|42501|42501
lock_retractions|SELECT _contact_status.lock_retractions('crm', $A)|ok *|ok *|ok *|42501|42501|42501
begin_horizon|SELECT _contact_status.begin_horizon('crm', $A, '2026-02-01')|ok *|ok *|42501|42501|42501|42501
check_all_shown|SELECT _contact_status.check_all_shown('crm')|ok *|ok *|ok *|ok ("")|42501|42501
check_installation|SELECT _contact_status.check_installation('crm', '{contact}')|ok *|ok *|ok *|ok ("")|ok *|42501
check_limit|SELECT _contact_status.check_limit('crm', $A)|ok *|ok *|ok *|42501|42501|42501
check_owner|SELECT _contact_status.check_owner('crm')|ok *|ok *|42501|42501|42501|42501
contact_batches|SELECT contacts FROM _contact_status.contact_batches('crm', $A)|ok *|ok *|ok *|ok|ok *|42501
contacts_of_addresses|\
    SELECT contacts FROM _contact_status.contacts_of_addresses('crm', $A,\
        ARRAY['c$A.1@example.org'])|ok *|ok *|ok *|ok ({})|ok *|42501
counting_contacts|SELECT _contact_status.counting_contacts('crm', $A, '{NULL}', '{1}')|ok *|ok *|ok *|ok (0)|ok *|42501
damage|SELECT contacts FROM _contact_status.damage('crm')|ok *|ok *|ok *|ok ({})|ok *|42501
delete_orphans|SELECT _contact_status.delete_orphans('crm', '{$A}', '{99}')|ok *|ok *|42501|42501|42501|42501
differing_contacts|\
    SELECT contact_id FROM _contact_status.differing_contacts('crm',\
        now()) WHERE account_id = $A|ok *|ok *|ok *|ok|ok *|42501
due_contacts|SELECT contacts FROM _contact_status.due_contacts('crm', now())|ok *|ok *|ok *|ok ({})|ok *|42501
end_horizon|SELECT _contact_status.end_horizon('crm', $A, '2026-02-01')|ok *|ok *|42501|42501|42501|42501
events_that_followed|SELECT contacts FROM _contact_status.events_that_followed('crm', $A, \
    1)|ok *|ok *|ok *|ok ()|ok *|42501
events_to_retract|SELECT contacts FROM _contact_status.events_to_retract('crm', $A, NULL, '{added}', NULL, NULL, \
    NULL, NULL, NULL, NULL)|ok *|ok *|ok *|ok ({})|42501|42501
had_addresses|SELECT _contact_status.had_addresses('crm', $A, '{}', '{}', '{}')|ok *|ok *|ok *|42501|42501|42501
mark_suppressions|SELECT _contact_status.mark_suppressions('crm', $A, '{}', NULL, 9, \
    'x')|ok *|ok *|ok *|42501|42501|42501
retract_chosen|SELECT events FROM _contact_status.retract_chosen('crm', $A, '{}', '{}', '{}', 9, \
    'x')|ok *|ok *|ok *|42501|42501|42501
suppressed_events|SELECT contacts FROM _contact_status.suppressed_events('crm', $A, 'x', NULL, NULL, NULL, \
    NULL)|ok *|ok *|ok *|ok ({})|ok *|42501
suppressions_to_retract|SELECT places FROM _contact_status.suppressions_to_retract('crm', $A, 'x', NULL, NULL, \
    NULL)|ok *|ok *|ok *|ok ({})|42501|42501
undo_suppressions|SELECT _contact_status.undo_suppressions('crm', $A, $A)|ok *|ok *|ok *|ok (0)|ok *|42501
anonymize_contact|SELECT _contact_status.anonymize_contact('crm', $A, 77)|23503|23503|23503|42501|42501|42501
count_day|SELECT _contact_status.count_day('crm')|ok *|ok *|ok *|ok ("")|42501|42501
guard_own_partitions|SELECT _contact_status.guard_own_partitions('crm')|ok *|ok *|ok *|ok (0)|ok *|42501
guard_partition|SELECT _contact_status.guard_partition('parts.event_default')|ok *|ok *|42501|42501|42501|42501
guard_partitions|SELECT _contact_status.guard_partitions('parts')|ok *|ok *|42501|42501|42501|42501
history_query|SELECT length(_contact_status.history_query('crm')) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
mailable_query|SELECT length(_contact_status.mailable_query('crm')) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
import_batch|SELECT outcome FROM _contact_status.import_batch('crm', $A, 1, \
ARRAY[ROW(1, 'new@example.org', now(), NULL, NULL, NULL, NULL, true, NULL, NULL, NULL)\
::_contact_status.import_row], '{}', true)\
|ok *|ok *|42501|42501|42501|42501
import_outcomes|SELECT outcome FROM _contact_status.import_outcomes('crm', $A, 1, \
ARRAY[ROW(1, 'new@example.org', now(), NULL, NULL, NULL, NULL, true, NULL, NULL, NULL)\
::_contact_status.import_row], '{NULL}', '{NULL}', '{NULL}', '{1}')\
|ok *|ok *|42501|42501|42501|42501
import_plan|SELECT before FROM _contact_status.import_plan('crm', $A, 1, \
ARRAY[ROW(1, 'new@example.org', now(), NULL, NULL, NULL, NULL, true, NULL, NULL, NULL)\
::_contact_status.import_row], true)\
|ok *|ok *|42501|42501|42501|42501
import_events|SELECT count(*) > 5 FROM _contact_status.import_events('crm', $A, 1)|ok *|ok *|ok *|ok *|ok *|42501
import_insert|SELECT length(_contact_status.import_insert('crm', '{country}', true, true)) > 0\
|ok *|ok *|ok *|ok (t)|ok *|ok *
own_columns|SELECT _contact_status.own_columns('crm', 'crm.staging')|ok *|ok *|ok *|ok ({})|ok *|42501
import_query|SELECT length(_contact_status.import_query('crm', 'crm.staging', 1, $A, '{}')) > 0\
|ok *|ok *|ok *|23503|ok *|42501
event_with_settings_query|SELECT length(_contact_status.event_with_settings_query('crm')) > 0\
|ok *|ok *|ok *|ok (t)|ok *|ok *
bounce_class|SELECT _contact_status.bounce_class(NULL, '550 5.1.1 unknown')|ok *|ok *|ok *|ok (unknown_user)|ok *|ok *
comment_definitions|SELECT cardinality(_contact_status.comment_definitions('crm'::regnamespace))|\
    ok *|ok *|ok *|ok (0)|ok *|ok *
judges_consent|SELECT _contact_status.judges_consent('confirmed')|ok *|ok *|ok *|ok (t)|ok *|ok *
changes_condition|\
    SELECT length(_contact_status.changes_condition('contact_status.folded_contact',\
        '{account_id}')) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
table_names|SELECT cardinality(_contact_status.table_names()) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
table_definitions|SELECT cardinality(_contact_status.table_definitions('crm', true)) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
trigger_definitions|SELECT cardinality(_contact_status.trigger_definitions('crm')) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
view_names|SELECT cardinality(_contact_status.view_names()) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
view_definitions|SELECT cardinality(_contact_status.view_definitions('crm')) > 0|ok *|ok *|ok *|ok (t)|ok *|ok *
store_horizon_facts|SELECT _contact_status.store_horizon_facts('crm', $A, '{1}')|ok *|ok *|42501|42501|42501|42501
store_next_horizon_facts|\
    SELECT _contact_status.store_next_horizon_facts('crm', $A, NULL, 10)|ok *|ok *|42501|ok ()|42501|42501
restore_settings|SELECT _contact_status.restore_settings('crm', $A)|ok *|ok *|ok *|42501|42501|42501
lock_contacts|SELECT _contact_status.lock_contacts('crm', $A, '{1,2}')|ok *|ok *|ok *|42501|42501|42501
lost_settings|SELECT _contact_status.lost_settings('crm')|ok *|ok *|ok *|ok|ok *|42501
set_retracted|\
    SELECT _contact_status.set_retracted('crm', $A, '{1}', ARRAY['crm.event'::regclass::oid], ARRAY['(0,2)'::tid], 9,\
        'x')|ok *|ok *|ok *|42501|42501|42501
merge_counts|SELECT _contact_status.merge_counts('crm', '{$A}', '{1}')|ok *|ok *|ok *|42501|42501|42501
next_contacts|SELECT _contact_status.next_contacts('crm', $A, NULL, 10)|ok *|ok *|ok *|ok ()|ok *|42501
table_problems|SELECT item FROM _contact_status.table_problems('crm')|ok *|ok *|ok *|ok|ok *|42501
suppress_unknown_address|\
    SELECT _contact_status.suppress_unknown_address('crm', $A, 'nobody@example.org', 'complained', NULL, now(),\
        'x')|ok *|ok *|ok *|42501|42501|42501
suppress_unknown_address|\
    SELECT _contact_status.suppress_unknown_address('crm', $A, 'nobody@example.org', 'complained', NULL, 'infinity',\
        'x')|22008|22008|22008|42501|42501|42501
repair_counts|SELECT _contact_status.repair_counts('crm')|ok *|ok *|42501|42501|42501|42501
resolve_addresses|SELECT contact_ids FROM _contact_status.resolve_addresses('crm', $A, NULL, \
    ARRAY['gone$A@example.org'], NULL, true)|ok *|ok *|42501|42501|42501|42501
check_event|SELECT _contact_status.check_event('crm', $A, 'clicked', NULL, NULL, now(), NULL, NULL, NULL)|\
    ok *|ok *|ok *|42501|42501|42501
former_contact|SELECT contact_id FROM _contact_status.former_contact('crm', $A, 'nobody@example.org', '2026-02-01')|\
    ok ()|ok ()|ok ()|42501|42501|42501
record_for_former_contact|SELECT contact_id FROM _contact_status.record_for_former_contact('crm', $A, \
    'nobody@example.org', 'clicked', NULL, NULL, '2026-02-01', false, 'k', NULL, NULL, NULL, NULL, NULL)|\
    ok ()|ok ()|ok ()|42501|42501|42501
record_by_address|SELECT _contact_status.record_by_address('crm', $A, 'nobody@example.org', 'clicked', NULL, NULL, \
    NULL, now(), '', NULL, NULL, NULL, NULL, NULL)|ok *|ok *|ok *|42501|42501|42501
match_webhook|SELECT r.contact_id FROM unnest(_contact_status.match_webhook('crm', 'sendgrid', \
    '{"event":"click","email":"c$A.1@example.org"}', $A, now())) r|ok (1)|ok (1)|ok (1)|ok ()|ok (1)|42501
record_unmatched|SELECT _contact_status.record_unmatched('crm', 'sendgrid', $A, ARRAY[ROW(NULL, \
    'nobody@example.org', 'clicked', NULL, now(), 'k', NULL, NULL, \
    false)::_contact_status.webhook_row])|ok *|ok *|ok *|42501|42501|42501
suppression_kind|SELECT _contact_status.suppression_kind('crm', $A, 'hard_bounced', \
    now())|ok (invalidated)|ok (invalidated)|ok (invalidated)|ok ()|ok *|42501
suppression_outcomes|SELECT contact_id FROM _contact_status.suppression_outcomes('crm', $A, \
    ARRAY['c$A.1@example.org'])|ok (1)|ok (1)|ok (1)|ok ()|ok *|42501
retracted_events|SELECT contacts FROM _contact_status.retracted_events('crm', $A, $A)|ok *|ok *|ok *|ok ({})|ok *|42501
refresh_contacts|\
    SELECT _contact_status.refresh_contacts('crm', '{$A}', '{1}', true, now())|ok *|ok *|ok *|42501|42501|42501
refresh_contacts|\
    SELECT _contact_status.refresh_contacts('crm', '{$A}', '{1}', true, '2100-01-01')|ok *|ok *|42501|42501|42501|42501
suppressed_contacts|\
    SELECT count(*) FROM _contact_status.suppressed_contacts('crm')\
        WHERE account_id = $A|ok *|ok *|ok *|ok (0)|ok *|42501
missing_suppressions|\
    SELECT count(*) FROM _contact_status.missing_suppressions('crm')\
        WHERE account_id = $A|ok *|ok *|ok *|ok (0)|ok *|42501
apply_suppressions|SELECT _contact_status.apply_suppressions('crm', '{$A}', '{1}')|ok *|ok *|ok *|42501|42501|42501
unguarded_partitions|SELECT _contact_status.unguarded_partitions('crm')|ok *|ok *|ok *|ok|ok *|42501
unmerged_counts|SELECT accounts FROM _contact_status.unmerged_counts('crm')|ok *|ok *|ok *|ok ({})|ok *|42501
\.
UPDATE helper.matrix SET (function, statement, superuser, owner, own, other, reader, nobody) =
    (helper.field(function), helper.field(statement), helper.field(superuser), helper.field(owner), helper.field(own),
     helper.field(other), helper.field(reader), helper.field(nobody));

SELECT is_empty($$SELECT p.proname FROM pg_proc p
    WHERE p.pronamespace IN ('contact_status'::regnamespace, '_contact_status'::regnamespace)
      AND p.prorettype <> 'trigger'::regtype
      AND ((p.proargnames)[1] IN ('schema', 'partition')) AND p.proname <> 'partition_end'
      AND p.proname::text NOT IN (SELECT function FROM helper.matrix)$$,
    'every function on an installation is in the matrix');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace IN ('contact_status'::regnamespace, '_contact_status'::regnamespace)
      AND NOT has_function_privilege('contact_status_test_nobody', p.oid, 'EXECUTE')$$,
    'functions check rights themselves: a restore needs none');

CREATE FUNCTION helper.check_matrix() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    m helper.matrix;
    who text[];
    r record;
BEGIN
    FOR m IN SELECT * FROM helper.matrix LOOP
        FOREACH who SLICE 1 IN ARRAY ARRAY[
            ARRAY['none', '1', m.superuser], ARRAY['contact_status_test_owner', '1', m.owner],
            ARRAY['contact_status_test_tenant', '1', m.own],
            ARRAY['contact_status_test_tenant', '2', m.other], ARRAY['contact_status_test_reader', '1', m.reader],
            ARRAY['contact_status_test_nobody', '1', m.nobody]] LOOP
            SELECT * INTO r FROM helper.by(who[1], replace(m.statement, '$A', who[2]));
            RETURN NEXT is(CASE WHEN who[3] = 'ok *' THEN left(r.became, 2) || ' *' ELSE r.became END, who[3],
                           format('%s of account %s by %s', m.function, who[2], who[1]));
            IF who[1] <> 'none' AND who[1] <> 'contact_status_test_owner' THEN
                RETURN NEXT ok(NOT r.touched, format('... touches nothing of account 2'));
            END IF;
        END LOOP;
    END LOOP;
END $$;
SELECT helper.check_matrix();
SELECT * FROM helper.check_whole();

SELECT * FROM finish();
ROLLBACK;
