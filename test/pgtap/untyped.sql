-- Every public function is called as drivers call it that send parameters without types (psycopg 3, node-postgres): the
-- server chooses the function and the types. PREPARE without types resolves them as the extended protocol does.
\i test/pgtap/setup.inc
SELECT no_plan();

SELECT contact_status.create_tables('crm', policy => 'ecomail');
SELECT contact_status.create_tables('parts', partition_by => '1 month');
SELECT contact_status.add_change_feed('crm');
INSERT INTO crm.contact (email) VALUES ('ann@example.org'), ('bob@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, source) VALUES (1, 1, 'added', '2026-01-01', 'wrong'),
    (2, 1, 'added', '2026-01-01', NULL);
SELECT contact_status.retract_events('crm', 'a test', source => 'wrong') \g /dev/null
CREATE TABLE crm.staging (email text PRIMARY KEY);
INSERT INTO crm.staging VALUES ('new@example.org');
CREATE TABLE crm.forwarded (email text PRIMARY KEY);
SELECT contact_status.forward('crm', 'crm.forwarded', '{"email": {"column": "email"}}') \g /dev/null

-- A row for each function: the call, the values of its parameters, and the first column of its first row (*: any). To
-- add a function, add a row, in the order of the alphabet. A backslash at the end continues a row.
CREATE TABLE helper.call (n int GENERATED ALWAYS AS IDENTITY, statement text, parameters text, expected text);
COPY helper.call (statement, parameters, expected) FROM STDIN (DELIMITER '|');
SELECT active_contacts FROM contact_status.active_contacts_by_day($1, $2, $3, $4)|'crm', '1', '2026-02-01', \
'2026-02-02'|1
SELECT contact_status.add_change_feed($1, $2)|'parts', 'true'|
SELECT contact_status.add_partitions($1, $2, $3, $4)|'parts', '1 month', '2026-03-01', '2026-01-01'|*
SELECT contact_status.bounce_kind($1)|'550 5.1.1 user unknown'|nonexistent
SELECT count(*) FROM contact_status.bounce_reasons($1, $2, $3)|'crm', '7', '1'|0
SELECT kind FROM contact_status.classify_reply($1)|'452 4.2.2 mailbox full'|soft_bounced
SELECT contact_status.color($1, $2)|'complained', 'ecomail'|red
SELECT contact_status.color($1)|'complained'|red
SELECT contact_id FROM contact_status.contact_by_email($1, $2, $3)|'crm', 'ANN@example.org', '1'|1
SELECT contact_status.copy_policy($1, $2, $3)|'crm', 'ecomail', 'mine'|
SELECT contact_status.create_tables($1, $2, $3)|'other', 'default', '1 month'|
SELECT contact_status.drop_partition($1, $2)|'parts', 'parts.event_default'|
SELECT contact_status.drop_partitions($1, $2)|'parts', '2001-01-01'|0
SELECT contact_status.enable_tenant_security($1, $2)|'crm', 'app.account_id'|
SELECT count(*) FROM contact_status.differences($1, $2)|'crm', 'SELECT 2 AS contact_id'|0
SELECT contact_status.erase_contact($1, $2, $3)|'crm', '1', '2'|
SELECT fact FROM contact_status.explain_status($1, $2, $3, $4)|'crm', '1', '2', '1'|*
SELECT count(*) FROM contact_status.export_status($1, $2, $3)|'crm', '1', '{ann@example.org}'|*
SELECT (contact_status.fold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)).status|(contact_status.policy('ecomail')), \
NULL, 'complained', '2026-01-01', NULL, NULL, '', NULL, NULL, '2026-01-02'|complained
SELECT (contact_status.fold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)).status|\
(contact_status.policy('ecomail')), NULL, 'complained', '2026-01-01', NULL, NULL, '', NULL, NULL, '2026-01-02', \
NULL, NULL|complained
SELECT contact_status.forget_changes($1, $2)|'crm', '2026-01-01'|*
SELECT contact_status.forward($1, $2, $3)|'crm', 'crm.staging', '{"contact": {"address": "email"}, \
    "kinds": [["clicked", {"set": "email"}]], "occurred_at": {"column": "email"}}'|
SELECT contact_status.forward_status($1, $2, $3)|'crm', 'crm.forwarded', '{"contact": {"address": "email"}, \
    "status": {"column": "email"}, "changes": [["*", "*", "noted"]]}'|
SELECT contact_status.follow_status($1, $2, $3)|'crm', 'crm.forwarded', '{"contact": {"address": "email"}, \
    "status": {"column": "email"}, "words": {"active": "x"}}'|
SELECT contact_status.from_label($1, $2)|'spam stížnosti', 'ecomail'|complained
SELECT outcome FROM contact_status.import_contacts($1, $2, $3, $4)|'crm', '1', '1', 'crm.staging'|added
SELECT outcome FROM contact_status.import_contacts($1, $2, $3, $4, $5)|'crm', '1', '1', 'crm.staging', 'ecomail'|added
SELECT contact_status.is_mailable($1)|'active'|true
SELECT contact_status.label($1, $2)|'complained', 'ecomail'|spam stížnosti
SELECT provider_type FROM contact_status.mail_report_events($1)|\
E'Content-Type: multipart/report\\n\\n--x\\nContent-Type: message/feedback-report\\n\\nFeedback-Type: abuse'|abuse
SELECT contact_status.may_mail($1, $2, $3, $4)|'crm', '1', '2', '1'|true
SELECT contact_status.merge_contacts($1, $2, $3, $4)|'crm', '1', '2', '1'|
SELECT contact_status.normalize_address($1)|' Ann@Example.org'|ann@example.org
SELECT (contact_status.policy($1)).name|'ecomail'|ecomail
SELECT count(*) FROM contact_status.policy_problems($1)|'crm'|0
SELECT count(*) FROM contact_status.read_changes($1, $2, $3)|'crm', 'me', '10'|*
SELECT contact_status.record_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)|'crm', 'ANN@example.org', \
'clicked', '1', NULL, '7', '2026-01-02', NULL, 's', 'e', 'r', 'r', NULL|1
SELECT recorded FROM contact_status.record_webhook($1, $2, $3, $4)|'crm', 'sendgrid', \
'{"event":"open","email":"ann@example.org"}', '1'|1
SELECT contact_status.reevaluate($1, $2)|'crm', '1'|0
SELECT contact_status.remove_change_feed($1)|'crm'|
SELECT contact_status.repair($1)|'crm'|0
SELECT count(*) > 50 FROM contact_status.reply_rules()||true
SELECT contact_status.report_category($1)|'failing'|temporary_error
SELECT contact_status.report_label($1, $2)|'ok', 'emailmanager'|OK
SELECT events FROM contact_status.retract_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)|'crm', 'a test', '1', \
NULL, '{added}', NULL, NULL, NULL, '1', '{1,2}', NULL|1
SELECT events FROM contact_status.retract_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)|'crm', \
'a test', '1', NULL, '{added}', NULL, NULL, NULL, '1', '{1,2}', NULL, 'false', 'true'|1
SELECT suppressions FROM contact_status.retract_suppressions($1, $2, $3, $4, $5, $6, $7, $8)|'crm', 'a test', '1', \
NULL, '{complained}', NULL, NULL, '{nobody@example.org}'|0
SELECT contact_status.retry_unmatched($1, $2, $3)|'crm', 'crm.staging', '{}'|0
SELECT contact_status.set_horizon($1, $2, $3)|'crm', '1', '2026-02-01'|
SELECT contact_status.state_diagram($1)|'ecomail'|*
SELECT cardinality(contact_status.status_changes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10))|\
(contact_status.policy('ecomail')), NULL, 'complained', '2026-01-01', NULL, NULL, '', NULL, NULL, '2026-01-02'|*
SELECT cardinality(contact_status.status_changes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12))|\
(contact_status.policy('ecomail')), NULL, 'complained', '2026-01-01', NULL, NULL, '', NULL, NULL, '2026-01-02', NULL, \
NULL|*
SELECT contact_status.status_of($1, $2, $3, $4, $5, $6)|'ecomail', 'complained', '2026-01-01', NULL, NULL, \
''|complained
SELECT contact_status.suppress($1, $2, $3, $4, $5, $6, $7)|'crm', '1', 'ann@example.org', 'unsubscribed', '1', \
'2026-01-02', 'form'|1
SELECT string_agg(outcome, ' ') FROM contact_status.suppress_all($1, $2, $3, $4, $5, $6, $7)|'crm', '1', \
'{ann@example.org,zed@example.org,x}', 'unsubscribed', '1', '2026-01-02', 'form'|suppressed suppressed invalid_address
SELECT contact_status.sweep($1, $2)|'crm', '2026-01-02'|0
SELECT contact_status.text_id($1)|'42'|42
SELECT from_status FROM contact_status.transitions($1)|'ecomail'|*
SELECT events FROM contact_status.undo_retraction($1, $2, $3)|'crm', '1', '1'|1
SELECT contact_status.unforward($1, $2)|'crm', 'crm.forwarded'|
SELECT contact_status.upgrade_tables($1)|'crm'|0
SELECT count(*) FROM contact_status.verify($1, $2)|'crm', '2027-01-01'|0
SELECT count(*) > 30 FROM contact_status.vocabulary_words()||true
SELECT kind FROM contact_status.webhook_events($1, $2)|'sendgrid', \
'{"event":"open","email":"ann@example.org"}'|opened
SELECT provider FROM contact_status.webhook_rules()||amazon_ses
\.

-- The first column that a call returns, or its error. Nothing of it stays.
CREATE FUNCTION helper.untyped(statement text, parameters text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    first text;
BEGIN
    EXECUTE 'PREPARE untyped AS ' || statement;
    EXECUTE concat('EXECUTE untyped', '(' || nullif(parameters, '') || ')') INTO first;
    RAISE EXCEPTION USING ERRCODE = 'HE000';
EXCEPTION WHEN OTHERS THEN
    IF EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'untyped') THEN
        DEALLOCATE untyped;
    END IF;
    RETURN CASE SQLSTATE WHEN 'HE000' THEN coalesce(first, '') ELSE concat_ws(' ', SQLSTATE, SQLERRM) END;
END $$;
CREATE FUNCTION helper.check_call(c helper.call) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN c.expected = '*' THEN ok(found !~ '^[0-9A-Z]{5} ', c.statement)
                || CASE WHEN found ~ '^[0-9A-Z]{5} ' THEN E'\n' || diag(found) ELSE '' END
                ELSE is(found, c.expected, c.statement) END
      FROM helper.untyped(c.statement, c.parameters) AS found
$$;
SELECT helper.check_call(c) FROM helper.call AS c ORDER BY n;

-- a procedure cannot be prepared: literals without types are resolved in the same way
SELECT throws_ok($$CALL contact_status.move_horizon('crm', '1', '2026-02-01', '100')$$, '2D000', NULL,
    'CALL contact_status.move_horizon');
INSERT INTO helper.call (statement) VALUES ('CALL contact_status.move_horizon');
SELECT throws_ok($$CALL contact_status.adopt('crm', 'crm.staging', '{"email": {"column": "email"}}', '100', NULL)$$,
    '2D000', NULL, 'CALL contact_status.adopt');
INSERT INTO helper.call (statement) VALUES ('CALL contact_status.adopt');

SELECT is((SELECT string_agg(DISTINCT p.proname, ', ') FROM pg_proc p
            WHERE p.pronamespace = 'contact_status'::regnamespace AND p.prorettype <> 'trigger'::regtype
              AND NOT EXISTS (SELECT FROM helper.call WHERE statement ~ format('contact_status\.%s\M', p.proname))),
    NULL, 'no public function lacks a row in helper.call of test/pgtap/untyped.sql');

-- An array that a driver sends without a type would be taken for one value.
SELECT is_empty($$
    SELECT one.oid::regprocedure, many.oid::regprocedure
      FROM pg_proc one JOIN pg_proc many
        ON many.pronamespace = one.pronamespace AND many.proname = one.proname AND many.oid <> one.oid
     WHERE one.pronamespace = 'contact_status'::regnamespace
       AND EXISTS (SELECT FROM unnest(one.proargtypes::oid[], many.proargtypes::oid[]) AS a (one, many)
                     JOIN pg_type t ON t.oid = a.one AND t.typarray = a.many)$$,
    'no public function has overloads that differ by scalar and array');

SELECT * FROM finish();
ROLLBACK;
