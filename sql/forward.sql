-- forward: rows of a table of the application become events, or contacts, by a mapping.
--
-- forward writes a trigger function in the schema of the installation. Its statements are made from the mapping once. A
-- statement reads all rows of the application's statement and inserts them in one INSERT.

CREATE FUNCTION _contact_status.mapped_contact(
    schema name, source regclass, given jsonb, OUT address text, OUT given_key text, OUT lookup text, OUT quick_lookup text, OUT problem text
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_contact$
DECLARE
    place constant text := 'key "contact"';
    found record;
    key_type regtype;
    contacts regclass := to_regclass(format('%I.contact', mapped_contact.schema));
BEGIN
    PERFORM _contact_status.check_keys(given, '{column,key,address}', place);
    IF (given ? 'column') = (given ? 'address') OR given ? 'key' AND NOT given ? 'column' THEN
        RAISE EXCEPTION 'key "contact" of the mapping names neither an id, nor an address, nor a key'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'One of {"column": "contact_id"}, {"address": "email"} and {"column": "uuid", "key": "column of table contact"}.';
    END IF;
    found := _contact_status.mapped_column(source, coalesce(given ->> 'column', given ->> 'address'), place);
    IF given ? 'address' THEN
        address := found.expression || '::pg_catalog.text';
        given_key := address;
        lookup := format('(SELECT c.contact_id FROM ONLY %I.contact c WHERE c.account_id OPERATOR(pg_catalog.=) m.account_id AND '
                         'contact_status.normalize_address(c.email) OPERATOR(pg_catalog.=) '
                         'contact_status.normalize_address(m.contact_key) COLLATE pg_catalog."C")', mapped_contact.schema);
        quick_lookup := lookup;
        problem := 'CASE WHEN _contact_status.is_address(m.contact_key) THEN ''no contact has the address'' ELSE ''the recipient is not an e-mail address'' END';
        RETURN;
    END IF;
    address := 'NULL::pg_catalog.text';
    problem := 'CASE WHEN m.contact_key IS NULL THEN ''the row names no contact'' ELSE ''no such contact'' END';
    IF NOT given ? 'key' THEN
        -- a deleted contact may have events, and an erased one may not
        given_key := CASE WHEN found.type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN found.expression || '::bigint'
                          ELSE format('CASE WHEN %1$s::pg_catalog.text OPERATOR(pg_catalog.~) ''^[0-9]{1,18}$'' THEN %1$s::pg_catalog.text::bigint END', found.expression) END;
        lookup := format('coalesce((SELECT c.contact_id FROM ONLY %1$I.contact c WHERE c.account_id OPERATOR(pg_catalog.=) m.account_id '
                         'AND c.contact_id OPERATOR(pg_catalog.=) m.contact_key), '
                         '(SELECT d.contact_id FROM %1$I.deleted_contact d WHERE d.account_id OPERATOR(pg_catalog.=) m.account_id '
                         'AND d.contact_id OPERATOR(pg_catalog.=) m.contact_key))', mapped_contact.schema);
        quick_lookup := 'm.contact_key';   -- the log refuses an unknown contact
        RETURN;
    END IF;
    SELECT a.atttypid::regtype INTO key_type FROM pg_attribute a WHERE a.attrelid = contacts AND a.attname = given ->> 'key' AND a.attnum > 0 AND NOT a.attisdropped;
    IF key_type IS NULL OR NOT EXISTS (
           SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = given ->> 'key'
            WHERE i.indrelid = contacts AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attnum = ANY (i.indkey)
              AND i.indnkeyatts <= 1 + (i.indkey[0] = (SELECT b.attnum FROM pg_attribute b WHERE b.attrelid = i.indrelid AND b.attname = 'account_id'))::int) THEN
        RAISE EXCEPTION 'key "contact" of the mapping needs a unique index on column "%" of table %', given ->> 'key', contacts
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('ALTER TABLE %s ADD COLUMN and CREATE UNIQUE INDEX ON %s (account_id, %I).', contacts, contacts, given ->> 'key');
    END IF;
    -- compared in the type of the index; a text that is no such value finds no contact
    given_key := CASE
        WHEN key_type = found.type THEN found.expression
        WHEN key_type IN ('text'::regtype, 'varchar'::regtype) THEN found.expression || '::pg_catalog.text'
        WHEN key_type IN ('bigint'::regtype, 'integer'::regtype) AND found.type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN found.expression || '::bigint'
        WHEN key_type = 'uuid'::regtype AND found.type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN format('CASE WHEN %1$s::pg_catalog.text OPERATOR(pg_catalog.~*) ''^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'' '
                                                    'THEN %1$s::pg_catalog.text::pg_catalog.uuid END', found.expression) END;
    IF given_key IS NULL THEN
        RAISE EXCEPTION 'key "contact" of the mapping compares a column of type % with one of type %', found.type, key_type
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give both columns the same type.';
    END IF;
    lookup := format('(SELECT c.contact_id FROM ONLY %I.contact c WHERE c.account_id OPERATOR(pg_catalog.=) m.account_id '
                     'AND c.%I OPERATOR(pg_catalog.=) m.contact_key)', mapped_contact.schema, given ->> 'key');
    quick_lookup := lookup;
END
$mapped_contact$;
COMMENT ON FUNCTION _contact_status.mapped_contact(name, regclass, jsonb) IS
'expressions of the contact of a row: its address, the key by which it is found, the lookup, and why it is not found';

CREATE FUNCTION _contact_status.mapped_events(schema name, source regclass, mapping jsonb, rows text, row_value text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_events$
DECLARE
    contact record := _contact_status.mapped_contact(mapped_events.schema, source, mapping -> 'contact');
    occurred_at text := 'NULL::pg_catalog.timestamptz';
    given_at text := 'NULL::pg_catalog.text';
    until text := 'NULL::pg_catalog.timestamptz';
    reply text := CASE WHEN mapping ? 'reply' THEN _contact_status.mapped_text(source, mapping -> 'reply', 'key "reply"') END;
BEGIN
    IF mapping ? 'changes' AND NOT mapping ? 'occurred_at' THEN
        occurred_at := 'pg_catalog.clock_timestamp()';
    ELSIF mapping ?| '{occurred_at,status}' OR EXISTS (SELECT FROM jsonb_path_query(mapping, '$.kinds[*]') e WHERE NOT coalesce(e -> 1 ? 'set', false)) THEN
        SELECT t.expression, t.given_text INTO occurred_at, given_at
          FROM _contact_status.mapped_time(source, mapping -> 'occurred_at', 'key "occurred_at"') t;
    END IF;
    IF mapping ? 'until' THEN
        until := (_contact_status.mapped_time(source, mapping -> 'until', 'key "until"')).expression;
    END IF;
    RETURN format($query$SELECT %s AS account_id, %s AS address, %s AS contact_key, %s AS list_id, %s AS campaign_id,
       %s AS event_key, %s AS source, %s AS evidence, %s AS reason, %s AS reply, %s AS until,
       k.kind, k.given_time, k.given_text, %s AS row_value
  FROM %s CROSS JOIN LATERAL (%s) k (kind, given_time, given_text)
 WHERE %s$query$,
        _contact_status.mapped_id(source, coalesce(mapping -> 'account', '1'), 'key "account"'), contact.address, contact.given_key,
        _contact_status.mapped_id(source, mapping -> 'list', 'key "list"'), _contact_status.mapped_id(source, mapping -> 'campaign', 'key "campaign"'),
        _contact_status.mapped_key(source, mapping -> 'event_key'), _contact_status.mapped_text(source, mapping -> 'source', 'key "source"'),
        _contact_status.mapped_text(source, mapping -> 'evidence', 'key "evidence"'), _contact_status.mapped_text(source, mapping -> 'reason', 'key "reason"'),
        coalesce(reply, 'NULL::pg_catalog.text'), until, row_value, rows,
        CASE WHEN mapping ? 'changes' THEN _contact_status.mapped_changes(source, mapping, occurred_at, given_at)
             WHEN mapping ? 'status' THEN _contact_status.mapped_statuses(mapped_events.schema, source, mapping,
                 _contact_status.mapped_id(source, coalesce(mapping -> 'account', '1'), 'key "account"'),
                 _contact_status.mapped_id(source, mapping -> 'list', 'key "list"'), occurred_at, given_at)
             ELSE _contact_status.mapped_kinds(source, mapping, occurred_at, given_at, reply) END,
        _contact_status.mapped_condition(source, coalesce(mapping -> 'when', '{}'), 'key "when"'));
END
$mapped_events$;
COMMENT ON FUNCTION _contact_status.mapped_events(name, regclass, jsonb, text, text) IS
'query of the events of some rows f as the mapping gives them, before the contact is looked up';

CREATE FUNCTION _contact_status.judged_events(schema name, source regclass, mapping jsonb, mapped text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $judged_events$
DECLARE
    contact record := _contact_status.mapped_contact(judged_events.schema, source, mapping -> 'contact');
    clamps boolean := coalesce(mapping ->> 'ahead', 'clamp') = 'clamp';
    ahead text := CASE WHEN clamps THEN 'm.given_time OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) ''1 minute''::pg_catalog.interval)' ELSE 'false' END;
    old text := CASE WHEN clamps THEN 'm.given_time OPERATOR(pg_catalog.<) ''1995-01-01 00:00+00''::pg_catalog.timestamptz' ELSE 'false' END;
BEGIN
    -- OFFSET 0: the planner would evaluate the lookup for each reference to it
    RETURN format($query$SELECT e.*, CASE WHEN e.kind IS NULL THEN 'no entry of key "%7$s" matches the row'
            WHEN NOT EXISTS (SELECT FROM %1$I.account a WHERE a.account_id OPERATOR(pg_catalog.=) e.account_id) THEN 'no such account'
            WHEN e.contact_id IS NULL THEN %2$s
            WHEN e.list_id IS NOT NULL
                 AND NOT EXISTS (SELECT FROM %1$I.list l WHERE l.account_id OPERATOR(pg_catalog.=) e.account_id AND l.list_id OPERATOR(pg_catalog.=) e.list_id)
                 AND NOT EXISTS (SELECT FROM %1$I.consent_setting_history h
                                  WHERE h.account_id OPERATOR(pg_catalog.=) e.account_id AND h.list_id OPERATOR(pg_catalog.=) e.list_id) THEN 'no such list'
            ELSE _contact_status.event_problem(e.kind, e.list_id, e.campaign_id, e.occurred_at, e.evidence, e.source, e.until) END AS problem
  FROM (SELECT m.account_id, m.address, m.contact_key, m.list_id, m.campaign_id, m.event_key, m.source, m.evidence, m.reply, m.until, m.kind,
               m.row_value, %3$s AS contact_id, %4$s AS is_ahead,
               CASE WHEN %4$s THEN pg_catalog.clock_timestamp() WHEN %5$s THEN '1995-01-01 00:00+00'::pg_catalog.timestamptz ELSE m.given_time END AS occurred_at,
               CASE WHEN %4$s OR %5$s THEN pg_catalog.concat_ws('; ', m.reason, 'dated ' OPERATOR(pg_catalog.||) m.given_text) ELSE m.reason END AS reason
          FROM (%6$s) m OFFSET 0) e$query$,
        judged_events.schema, replace(contact.problem, 'm.contact_key', 'e.contact_key'), contact.lookup, ahead, old, mapped, CASE WHEN mapping ? 'changes' THEN 'changes' WHEN mapping ? 'status' THEN 'status' ELSE 'kinds' END);
END
$judged_events$;
COMMENT ON FUNCTION _contact_status.judged_events(name, regclass, jsonb, text) IS
'query of mapped events with their contacts, and with the problem of each that cannot be recorded';

CREATE FUNCTION _contact_status.insert_events(schema name) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
-- ordered by the log's key, so that two such statements cannot deadlock; the time of a row ahead is the clock, so that
-- only its text tells whether it was recorded before
RETURN format($query$INSERT INTO %1$I.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at, event_key, source, evidence, reason, reply, until)
SELECT j.account_id, j.contact_id, j.list_id, j.campaign_id, j.kind, j.occurred_at, j.event_key, j.source, j.evidence, j.reason, j.reply, j.until
  FROM judged j
 WHERE j.problem IS NULL
   AND CASE WHEN j.is_ahead IS TRUE
            THEN NOT EXISTS (SELECT FROM %1$I.event e WHERE e.account_id OPERATOR(pg_catalog.=) j.account_id
                                AND e.contact_id OPERATOR(pg_catalog.=) j.contact_id AND e.kind OPERATOR(pg_catalog.=) j.kind
                                AND e.event_key OPERATOR(pg_catalog.=) j.event_key AND e.reason OPERATOR(pg_catalog.=) j.reason)
            ELSE true END
 ORDER BY j.account_id, j.contact_id, j.occurred_at, j.kind, j.list_id, j.campaign_id, j.event_key COLLATE pg_catalog."C"
    ON CONFLICT DO NOTHING$query$, schema);
COMMENT ON FUNCTION _contact_status.insert_events(name) IS
'statement that inserts the events of a query "judged" that have no problem';

CREATE FUNCTION _contact_status.check_row(source text, problem text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $check_row$
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'a row of table % cannot be recorded: %', source, problem
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contact_status_event',
                  HINT = 'With "unmatched": "keep" in the mapping, table unmatched_event takes such rows.';
    END IF;
    RETURN true;
END
$check_row$;
COMMENT ON FUNCTION _contact_status.check_row(text, text) IS 'raises 23514 for a row with a problem';

CREATE FUNCTION _contact_status.keep_rows(schema name, origin text) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
-- An event that only lacks its contact is kept once. Any other row is kept with a key of its own.
RETURN format($query$INSERT INTO %1$I.unmatched_event (account_id, address, kind, list_id, campaign_id, occurred_at, event_key, source, evidence,
                                 reason, reply, until, "row", forwarded_from, problem)
SELECT coalesce(j.account_id, 0), CASE WHEN j.problem OPERATOR(pg_catalog.=) 'no such account' THEN NULL ELSE
           coalesce(j.address, (SELECT c.email FROM ONLY %1$I.contact c WHERE c.account_id OPERATOR(pg_catalog.=) j.account_id
                                   AND c.contact_id OPERATOR(pg_catalog.=) j.contact_id)) END,
       j.kind, j.list_id, j.campaign_id, j.occurred_at,
       CASE WHEN j.contact_id IS NULL AND j.kind IS NOT NULL AND j.occurred_at IS NOT NULL THEN j.event_key
            ELSE pg_catalog.concat(j.event_key, '#', pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
                                   pg_catalog.to_jsonb(j.row_value)::pg_catalog.text, 'UTF8')), 'hex')) END,
       j.source, j.evidence, j.reason, j.reply, j.until, pg_catalog.to_jsonb(j.row_value), %2$L, j.problem
  FROM judged j WHERE j.problem IS NOT NULL
    ON CONFLICT DO NOTHING$query$, schema, origin);
COMMENT ON FUNCTION _contact_status.keep_rows(name, text) IS
'statement that stores the rows of a query "judged" that have a problem';

CREATE FUNCTION _contact_status.taking_statement(schema name, origin text, judged text, insertion text) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
-- a row of which the mapping makes nothing is done, too
RETURN format($query$WITH judged AS MATERIALIZED (%3$s),
taken AS (DELETE FROM %1$I.unmatched_event u
           WHERE u.forwarded_from OPERATOR(pg_catalog.=) %2$L AND u."row" IS NOT NULL AND ($1 IS NULL OR u.unmatched_id OPERATOR(pg_catalog.=) $1)
             AND NOT EXISTS (SELECT FROM judged j WHERE j.row_value OPERATOR(pg_catalog.=) u.unmatched_id AND j.problem IS NOT NULL) RETURNING 1),
recorded AS (%4$s)
SELECT pg_catalog.count(1) FROM taken$query$, schema, origin, judged, insertion);
COMMENT ON FUNCTION _contact_status.taking_statement(name, text, text, text) IS
'statement that records rows of unmatched_event and deletes them; returns their number';

CREATE FUNCTION _contact_status.event_statement(
    schema name, source regclass, mapping jsonb, mode text, rows text, old_rows text DEFAULT NULL
) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $event_statement$
DECLARE
    mapped text := _contact_status.mapped_events(event_statement.schema, source, mapping, rows,
                                                CASE mode WHEN 'quick' THEN 'NULL::pg_catalog.jsonb' WHEN 'retry' THEN 'u.unmatched_id' ELSE CASE WHEN old_rows IS NULL THEN 'f' ELSE 'pg_catalog.to_jsonb(f)' END END);
    judged text;
BEGIN
    -- an update: an event that the old rows give as well does not count; one pass over both, whatever the planner expects
    IF old_rows IS NOT NULL THEN
        mapped := format('SELECT b.account_id, b.address, b.contact_key, b.list_id, b.campaign_id, b.event_key, b.source, b.evidence, b.reason, b.reply, '
                         'b.until, b.kind, b.given_time, b.given_text, (pg_catalog.array_agg(b.row_value) FILTER (WHERE b.is_new))[1] AS row_value '
                         'FROM (SELECT n.*, true AS is_new FROM (%s) n UNION ALL SELECT o.*, false FROM (%s) o) b '
                         'GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 HAVING pg_catalog.bool_and(b.is_new)',
                         mapped, _contact_status.mapped_events(event_statement.schema, source, mapping, old_rows, 'NULL::pg_catalog.jsonb'));
    END IF;
    IF mode = 'quick' THEN
        RETURN format(E'INSERT INTO %I.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at, event_key, source, evidence, reason, reply, until)\n'
                      'SELECT m.account_id, %s, m.list_id, m.campaign_id, m.kind, m.given_time, m.event_key, m.source, m.evidence, m.reason, m.reply, m.until\n  FROM (%s) m\n'
                      ' ORDER BY 1, 2, m.given_time, m.kind, m.list_id, m.campaign_id, m.event_key COLLATE pg_catalog."C"',
                      event_statement.schema, (_contact_status.mapped_contact(event_statement.schema, source, mapping -> 'contact')).quick_lookup, mapped);
    END IF;
    judged := _contact_status.judged_events(event_statement.schema, source, mapping, mapped);
    IF mode = 'retry' THEN
        RETURN _contact_status.taking_statement(event_statement.schema, _contact_status.origin(source, mapping), judged, _contact_status.insert_events(event_statement.schema));
    END IF;
    RETURN CASE coalesce(mapping ->> 'unmatched', 'keep')
        WHEN 'keep' THEN format(E'WITH judged AS MATERIALIZED (%s),\nkept AS (%s)\n%s', judged, _contact_status.keep_rows(event_statement.schema, _contact_status.origin(source, mapping)),
                                _contact_status.insert_events(event_statement.schema))
        WHEN 'skip' THEN format(E'WITH judged AS (%s)\n%s', judged, _contact_status.insert_events(event_statement.schema))
        ELSE format(E'WITH judged AS (SELECT * FROM (%s) r WHERE _contact_status.check_row(%L, r.problem))\n%s', judged, _contact_status.qualified_name(source),
                    _contact_status.insert_events(event_statement.schema)) END;
END
$event_statement$;
COMMENT ON FUNCTION _contact_status.event_statement(name, regclass, jsonb, text, text, text) IS
'statement that records the events of some rows f, but those that the old rows f give too; mode quick fails if one of them has a problem, and retry reads them from unmatched_event';

CREATE FUNCTION _contact_status.row_statement(
    schema name, source regclass, mapping jsonb, mode text, rows text, old_rows text DEFAULT NULL
) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN mapping ? 'email'
            THEN _contact_status.contact_statement(row_statement.schema, source, mapping, mode, rows, old_rows IS NOT NULL)
            ELSE _contact_status.event_statement(row_statement.schema, source, mapping, mode, rows, old_rows) END;
COMMENT ON FUNCTION _contact_status.row_statement(name, regclass, jsonb, text, text, text) IS
'statement that records some rows f, and with old rows f only those that differ; mode quick fails if one of them has a problem, and retry reads them from unmatched_event';

CREATE FUNCTION _contact_status.is_row_error(state text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
-- errors of the server, missing privileges and conflicts are not the fault of a row
RETURN left(state, 2) <> ALL ('{40,53,55,57,58,XX}') AND state <> '42501' OR state = '53400';
COMMENT ON FUNCTION _contact_status.is_row_error(text) IS
'whether an SQLSTATE is the fault of a row, so that the row is kept and its statement goes on';

CREATE FUNCTION _contact_status.forward_body(schema name, source regclass, mapping jsonb) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $forward_body$
DECLARE
    table_name text := _contact_status.qualified_name(source);
    items record := _contact_status.row_items(source, mapping, 'forwarded', 'replaced');
    one_row text := _contact_status.stored_row(source, mapping, 'r.value');
    refused text := format(E'IF NOT _contact_status.is_row_error(SQLSTATE)%s THEN\nRAISE;\nEND IF;\n',
                           CASE WHEN mapping ->> 'ahead' = 'error' THEN ' OR SQLSTATE OPERATOR(pg_catalog.=) ''22008''' ELSE '' END);
    kept text := CASE WHEN mapping ->> 'unmatched' = 'skip' THEN 'NULL'
        ELSE format('INSERT INTO %I.unmatched_event (account_id, "row", forwarded_from, problem) VALUES (%s, r.value, %L, SQLERRM) ON CONFLICT DO NOTHING',
                    forward_body.schema, CASE WHEN jsonb_typeof(mapping -> 'account') = 'number' THEN mapping ->> 'account'
                                              WHEN mapping ? 'account' THEN '0' ELSE '1' END, _contact_status.origin(source, mapping)) END;
    blocks text[] := '{}';
    its record;
BEGIN
    FOR its IN SELECT * FROM (VALUES (items.inserted, NULL), (items.updated, items.replaced)) i (rows, old_rows) LOOP
        blocks := blocks || format(CASE WHEN mapping ->> 'unmatched' = 'error' THEN $strict$BEGIN
%1$s;
RETURN NULL;
EXCEPTION WHEN OTHERS THEN
%2$sEND;
%3$s;$strict$ ELSE $block$-- for rows without a problem
BEGIN
%1$s;
RETURN NULL;
EXCEPTION WHEN OTHERS THEN
%2$sEND;
-- for rows of which some have a problem
BEGIN
%3$s;
RETURN NULL;
EXCEPTION WHEN OTHERS THEN
%2$sEND;
-- for a problem that only shows when a row is recorded, such as a contact limit
FOR r IN SELECT pg_catalog.to_jsonb(f) AS value FROM %4$s LOOP
BEGIN
%5$s;
EXCEPTION WHEN OTHERS THEN
%2$s%6$s;
END;
END LOOP;$block$ END,
            _contact_status.row_statement(forward_body.schema, source, mapping, 'quick', its.rows, its.old_rows), refused,
            _contact_status.row_statement(forward_body.schema, source, mapping, 'checked', its.rows, its.old_rows), its.rows,
            _contact_status.row_statement(forward_body.schema, source, mapping, 'checked', one_row,
                CASE WHEN its.old_rows IS NOT NULL THEN format('(SELECT * FROM %s WHERE false) f', table_name) END), kept);
    END LOOP;
    RETURN format(E'\n#variable_conflict use_column\nDECLARE\n    r pg_catalog.record;\nBEGIN\n%sIF TG_OP OPERATOR(pg_catalog.=) ''INSERT'' THEN\n%s\nELSE\n%s\nEND IF;\nRETURN NULL;\nEND\n',
                  CASE WHEN mapping ? 'changes' THEN E'-- not for an update by follow_status\nIF pg_catalog.current_setting(''contact_status.following'', true) OPERATOR(pg_catalog.=) ''on'' THEN\nRETURN NULL;\nEND IF;\n' ELSE '' END,
                  blocks[1], blocks[2]);
END
$forward_body$;
COMMENT ON FUNCTION _contact_status.forward_body(name, regclass, jsonb) IS 'body of the trigger function that forward creates';

CREATE FUNCTION _contact_status.forwarding_functions(schema name, source regclass) RETURNS TABLE (function oid, what text)
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT t.tgfoid, split_part(p.proname, ' ', 1)
      FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE t.tgrelid = forwarding_functions.source AND n.nspname = forwarding_functions.schema
       AND t.tgname ~ '^contact_status_(contact|forward|status|word)_(insert|update)$'
    UNION
    -- the trigger of follow_status on a table of the installation, found by its name
    SELECT p.oid, 'follow' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = forwarding_functions.schema AND p.prorettype = 'trigger'::regtype
       AND p.proname IN (SELECT regexp_replace(w.proname, '^word ', 'follow ') FROM pg_trigger t JOIN pg_proc w ON w.oid = t.tgfoid AND w.pronamespace = n.oid
                          WHERE t.tgrelid = forwarding_functions.source AND t.tgname ~ '^contact_status_word_');
END;
COMMENT ON FUNCTION _contact_status.forwarding_functions(name, regclass) IS
'trigger functions that forward, forward_status and follow_status created for a table';

CREATE FUNCTION _contact_status.drop_forwarding(schema name, source regclass, what text) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $drop_forwarding$
DECLARE
    functions oid[] := ARRAY(SELECT f.function FROM _contact_status.forwarding_functions(drop_forwarding.schema, source) f
                              WHERE drop_forwarding.what IS NULL OR f.what = drop_forwarding.what
                                 OR drop_forwarding.what = 'word' AND f.what = 'follow');
    command text;
BEGIN
    FOREACH command IN ARRAY ARRAY(SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger t WHERE t.tgfoid = ANY (functions))
                             || ARRAY(SELECT format('DROP FUNCTION %s', f::regprocedure) FROM unnest(functions) f) LOOP
        EXECUTE command;
    END LOOP;
    RETURN cardinality(functions);
END
$drop_forwarding$;
COMMENT ON FUNCTION _contact_status.drop_forwarding(name, regclass, text) IS
'drops the triggers and trigger functions for a table, all or those of forward, status or word; returns the number of functions';

CREATE FUNCTION contact_status.unforward(schema name, source regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $unforward$
BEGIN
    PERFORM _contact_status.check_installation(unforward.schema);
    PERFORM _contact_status.check_owner(unforward.schema);
    IF _contact_status.drop_forwarding(unforward.schema, source, NULL) = 0 THEN
        RAISE EXCEPTION 'table % is not forwarded to schema "%"', source, unforward.schema
            USING ERRCODE = 'undefined_object', HINT = 'contact_status.forward creates its triggers.';
    END IF;
END
$unforward$;
COMMENT ON FUNCTION contact_status.unforward(name, regclass) IS
'drops the triggers that forward, forward_status and follow_status created for a table';

CREATE FUNCTION _contact_status.writing_roles(schema name, source regclass) RETURNS SETOF text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT quote_ident(pg_get_userbyid(r.role))
      FROM (SELECT c.relowner AS role FROM pg_class c WHERE c.oid = writing_roles.source
            UNION
            SELECT a.grantee FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
             WHERE c.oid = writing_roles.source AND a.privilege_type IN ('INSERT', 'UPDATE') AND a.grantee <> 0) r
     WHERE r.role <> (SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE n.nspname = writing_roles.schema AND c.relname = 'event')
     ORDER BY 1;
END;
COMMENT ON FUNCTION _contact_status.writing_roles(name, regclass) IS
'owner of a table and the roles that may insert or update it, but the owner of the installation';

CREATE FUNCTION _contact_status.forward_grants(schema name, source regclass, mapping jsonb) RETURNS text[]
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
RETURN ARRAY(
    SELECT format(g.command, forward_grants.schema, r.role, g.names)
      FROM _contact_status.writing_roles(forward_grants.schema, source) r (role)
     CROSS JOIN (VALUES
        (1, 'GRANT USAGE ON SCHEMA %1$I TO %2$s', NULL, true),
        (2, 'GRANT SELECT (account_id) ON %1$I.account TO %2$s', NULL, true),
        (3, 'GRANT SELECT (account_id, contact_id, email%3$s) ON %1$I.contact TO %2$s',
            (SELECT string_agg(format(', %I', n), '' ORDER BY n)
               FROM (SELECT mapping #>> '{contact,key}' UNION SELECT jsonb_object_keys(coalesce(mapping -> 'columns', '{}'))) k (n) WHERE n IS NOT NULL), true),
        (4, 'GRANT INSERT ON %1$I.unmatched_event TO %2$s', NULL, true),
        (5, 'GRANT INSERT, UPDATE (email%3$s) ON %1$I.contact TO %2$s',
            (SELECT string_agg(format(', %I', n), '' ORDER BY n) FROM jsonb_object_keys(coalesce(mapping -> 'columns', '{}')) n), mapping ? 'email'),
        (6, 'GRANT SELECT (account_id, contact_id) ON %1$I.deleted_contact TO %2$s', NULL, NOT mapping ? 'email'),
        (7, 'GRANT SELECT (account_id, list_id) ON %1$I.list TO %2$s', NULL, NOT mapping ? 'email'),
        (8, 'GRANT SELECT (account_id, list_id) ON %1$I.consent_setting_history TO %2$s', NULL, NOT mapping ? 'email'),
        (9, 'GRANT SELECT (account_id, contact_id, kind, event_key, reason), INSERT ON %1$I.event TO %2$s', NULL, NOT mapping ? 'email')
     ) g (place, command, names, applies)
     WHERE g.applies
     ORDER BY r.role, g.place);
COMMENT ON FUNCTION _contact_status.forward_grants(name, regclass, jsonb) IS
'privileges that the owner of a table and the roles that may insert or update it need for a mapping';

CREATE FUNCTION _contact_status.create_function(schema name, what text, source regclass, options text, body text, mapping jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $create_function$
DECLARE
    table_name text := _contact_status.qualified_name(source);
    name text := format('%I.%I', create_function.schema, what || ' ' || CASE WHEN octet_length(table_name) > 50
                     THEN encode(substr(sha256(convert_to(table_name, 'UTF8')), 1, 16), 'hex') ELSE table_name END);
BEGIN
    PERFORM _contact_status.check_owner(create_function.schema);
    EXECUTE format('CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql %s AS %L', name, options, body);
    EXECUTE format('COMMENT ON FUNCTION %s() IS %L', name, mapping);
    RETURN name;
END
$create_function$;
COMMENT ON FUNCTION _contact_status.create_function(name, text, regclass, text, text, jsonb) IS
'creates a trigger function for a table of the application, with its mapping as the comment; returns its name';

CREATE FUNCTION _contact_status.check_forwarding(schema name, source regclass, mapping jsonb, known text[]) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $check_forwarding$
BEGIN
    PERFORM _contact_status.check_installation(check_forwarding.schema);
    PERFORM _contact_status.check_owner(check_forwarding.schema);
    IF source IS NULL OR mapping IS NULL THEN
        RAISE EXCEPTION 'a table and a mapping are needed'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'docs/adopt.md has the keys of a mapping.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = source AND c.relkind IN ('r', 'p')) THEN
        RAISE EXCEPTION '% is not a table', source USING ERRCODE = 'wrong_object_type', HINT = 'Name a table of the application.';
    ELSIF EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid = source AND n.nspname = check_forwarding.schema AND c.relname = ANY (_contact_status.table_names())) THEN
        RAISE EXCEPTION 'table % belongs to the installation', source
            USING ERRCODE = 'wrong_object_type', HINT = 'Name a table of the application.';
    END IF;
    PERFORM _contact_status.check_mapping(mapping, known);
END
$check_forwarding$;
COMMENT ON FUNCTION _contact_status.check_forwarding(name, regclass, jsonb, text[]) IS
'checks the caller, the table and the mapping of forward, forward_status, follow_status or adopt';

CREATE FUNCTION _contact_status.create_forwarding(schema name, what text, source regclass, mapping jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $create_forwarding$
DECLARE
    table_name text := _contact_status.qualified_name(source);
    none constant text := format('(SELECT * FROM %s WHERE false)', table_name);
    items record;
    function_name text;
    command text;
BEGIN
    PERFORM _contact_status.check_owner(create_forwarding.schema);
    items := _contact_status.row_items(source, mapping, none, none);
    -- the server checks types and privileges of the statements
    EXECUTE 'EXPLAIN ' || _contact_status.row_statement(create_forwarding.schema, source, mapping, 'checked', items.inserted);
    EXECUTE 'EXPLAIN ' || _contact_status.row_statement(create_forwarding.schema, source, mapping, 'checked', items.updated, items.replaced);
    PERFORM _contact_status.drop_forwarding(create_forwarding.schema, source, what);
    function_name := _contact_status.create_function(create_forwarding.schema, what, source, 'SET jit = off',
                         _contact_status.forward_body(create_forwarding.schema, source, mapping), mapping);
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS forwarded '
                   'FOR EACH STATEMENT EXECUTE FUNCTION %s()', 'contact_status_' || what || '_insert', table_name, function_name);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING OLD TABLE AS replaced NEW TABLE AS forwarded '
                   'FOR EACH STATEMENT EXECUTE FUNCTION %s()', 'contact_status_' || what || '_update', table_name, function_name);
    FOREACH command IN ARRAY _contact_status.forward_grants(create_forwarding.schema, source, mapping) LOOP
        EXECUTE command;
    END LOOP;
END
$create_forwarding$;
COMMENT ON FUNCTION _contact_status.create_forwarding(name, text, regclass, jsonb) IS
'creates the trigger function and the triggers of forward or forward_status';

CREATE FUNCTION contact_status.forward(schema name, source regclass, mapping jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $forward$
BEGIN
    PERFORM _contact_status.check_forwarding(forward.schema, source, mapping, _contact_status.forward_keys(mapping));
    PERFORM _contact_status.create_forwarding(forward.schema, CASE WHEN mapping ? 'email' THEN 'contact' ELSE 'forward' END, source, mapping);
END
$forward$;
COMMENT ON FUNCTION contact_status.forward(name, regclass, jsonb) IS
'creates triggers that record inserted and changed rows of a table of the application as events, or as contacts, by a mapping';

CREATE FUNCTION contact_status.forward_status(schema name, source regclass, mapping jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $forward_status$
BEGIN
    PERFORM _contact_status.check_forwarding(forward_status.schema, source, mapping,
        '{contact,account,list,campaign,status,changes,occurred_at,event_key,when,source,reason,evidence,until,unmatched,ahead}');
    PERFORM _contact_status.check_keys(mapping -> 'status', '{column}', 'key "status"');
    PERFORM _contact_status.create_forwarding(forward_status.schema, 'status', source, mapping || jsonb_build_object('changes', mapping -> 'changes'));
END
$forward_status$;
COMMENT ON FUNCTION contact_status.forward_status(name, regclass, jsonb) IS
'creates triggers that record each change of a status column of the application as an event, by a mapping of old and new values';
