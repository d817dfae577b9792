-- retry_unmatched: records the rows of unmatched_event that have no problem any more.

CREATE FUNCTION _contact_status.stored_mapping(schema name, source regclass, what text) RETURNS jsonb
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
RETURN (SELECT obj_description(f.function, 'pg_proc')::jsonb FROM _contact_status.forwarding_functions(stored_mapping.schema, source) f
         WHERE f.what = stored_mapping.what);
COMMENT ON FUNCTION _contact_status.stored_mapping(name, regclass, text) IS
'mapping that forward or forward_status stored as the comment of its trigger function; null: there is none';

CREATE FUNCTION _contact_status.retry_statements(
    schema name, source regclass, mapping jsonb, OUT forwarded_from text, OUT statement text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $retry_statements$
DECLARE
    its jsonb;
    table_name text;
    what text;
BEGIN
    PERFORM _contact_status.check_installation(retry_statements.schema, '{unmatched_event,contact}');
    FOR forwarded_from IN EXECUTE format('SELECT DISTINCT u.forwarded_from FROM %I.unmatched_event u WHERE u.forwarded_from IS NOT NULL ORDER BY 1', retry_statements.schema) LOOP
        what := coalesce(substring(forwarded_from FROM ' (status|contact)$'), 'forward');
        table_name := regexp_replace(forwarded_from, ' (status|contact)$', '');
        CONTINUE WHEN to_regclass(table_name) IS NULL OR source IS NOT NULL AND to_regclass(table_name) <> source;
        its := coalesce(mapping, _contact_status.stored_mapping(retry_statements.schema, to_regclass(table_name), what));
        CONTINUE WHEN its IS NULL OR its ? 'changes' <> (what = 'status') OR its ? 'email' <> (what = 'contact');
        statement := _contact_status.row_statement(retry_statements.schema, to_regclass(table_name), its, 'retry',
            format('(SELECT * FROM %I.unmatched_event WHERE forwarded_from OPERATOR(pg_catalog.=) %L AND "row" IS NOT NULL '
                   'AND ($1 IS NULL OR unmatched_id OPERATOR(pg_catalog.=) $1)) u CROSS JOIN LATERAL %s',
                   retry_statements.schema, forwarded_from, _contact_status.stored_row(to_regclass(table_name), its, 'u."row"')));
        RETURN NEXT;
    END LOOP;
    IF source IS NULL THEN
        -- events that another function received for an address that now has a contact
        forwarded_from := NULL;
        statement := format($query$WITH judged AS MATERIALIZED (
SELECT u.account_id, u.kind, u.list_id, u.campaign_id, coalesce(u.occurred_at, u.received_at) AS occurred_at, u.event_key, u.source, u.evidence, u.reason, u.reply,
       u.until, c.contact_id, u.unmatched_id AS row_value, false AS is_ahead,
       _contact_status.event_problem(u.kind, u.list_id, u.campaign_id, coalesce(u.occurred_at, u.received_at), u.evidence, u.source, u.until) AS problem
  FROM %1$I.unmatched_event u
  JOIN ONLY %1$I.contact c ON c.account_id OPERATOR(pg_catalog.=) u.account_id
   AND contact_status.normalize_address(c.email) OPERATOR(pg_catalog.=) contact_status.normalize_address(u.address) COLLATE pg_catalog."C"
 WHERE u.forwarded_from IS NULL AND ($1 IS NULL OR u.unmatched_id OPERATOR(pg_catalog.=) $1)),
taken AS (DELETE FROM %1$I.unmatched_event u USING judged j WHERE u.account_id OPERATOR(pg_catalog.=) j.account_id
             AND u.unmatched_id OPERATOR(pg_catalog.=) j.row_value AND j.problem IS NULL RETURNING 1),
recorded AS (%2$s)
SELECT pg_catalog.count(1) FROM taken$query$, retry_statements.schema, _contact_status.insert_events(retry_statements.schema));
        RETURN NEXT;
    END IF;
END
$retry_statements$;
COMMENT ON FUNCTION _contact_status.retry_statements(name, regclass, jsonb) IS
'statements that record rows of unmatched_event that have no problem any more; parameter: one row, or null for all';

-- no SET search_path: the triggers of the application would run with it
CREATE FUNCTION contact_status.retry_unmatched(schema name, source regclass DEFAULT NULL, mapping jsonb DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET jit = off
AS $retry_unmatched$
DECLARE
    its pg_catalog.record;
    one bigint;
    taken bigint;
    total bigint := 0;
BEGIN
    PERFORM _contact_status.refuse_read_only('retry_unmatched');
    PERFORM _contact_status.check_installation(retry_unmatched.schema, '{unmatched_event,contact}');
    -- the server checks the privileges even if there is no row
    EXECUTE pg_catalog.format('DELETE FROM %I.unmatched_event WHERE false', retry_unmatched.schema);
    FOR its IN SELECT s.forwarded_from, s.statement
                 FROM _contact_status.retry_statements(retry_unmatched.schema, retry_unmatched.source, retry_unmatched.mapping) s LOOP
        BEGIN
            EXECUTE its.statement INTO taken USING NULL::bigint;
            total := total OPERATOR(pg_catalog.+) taken;
            CONTINUE;
        EXCEPTION WHEN OTHERS THEN
            IF NOT _contact_status.is_row_error(SQLSTATE) THEN
                RAISE;
            END IF;
        END;
        -- one of the rows fails: try each of them
        FOR one IN EXECUTE pg_catalog.format('SELECT unmatched_id FROM %I.unmatched_event WHERE forwarded_from OPERATOR(pg_catalog.=) $1 '
                                             'OR $1 IS NULL AND forwarded_from IS NULL ORDER BY unmatched_id', retry_unmatched.schema)
                   USING its.forwarded_from LOOP
            BEGIN
                EXECUTE its.statement INTO taken USING one;
                total := total OPERATOR(pg_catalog.+) taken;
            EXCEPTION WHEN OTHERS THEN
                IF NOT _contact_status.is_row_error(SQLSTATE) THEN
                    RAISE;
                END IF;
            END;
        END LOOP;
    END LOOP;
    RETURN total;
END
$retry_unmatched$;
COMMENT ON FUNCTION contact_status.retry_unmatched(name, regclass, jsonb) IS
'records the rows of unmatched_event that have no problem any more, all or those of a table, and returns their number; mapping: '
'another than forward stored';
