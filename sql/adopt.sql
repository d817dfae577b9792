-- adopt: the rows of a table of the application that exist already, by the mapping of forward.

CREATE FUNCTION _contact_status.forward_keys(mapping jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN mapping ? 'email' THEN '{email,contact_id,columns,account,when,unmatched}'
            ELSE '{contact,account,list,campaign,occurred_at,event_key,kinds,status,when,source,reason,evidence,reply,until,unmatched,ahead}' END::text[];
COMMENT ON FUNCTION _contact_status.forward_keys(jsonb) IS 'keys that a mapping of forward may have';

CREATE FUNCTION _contact_status.mapped_statuses(
    schema name, source regclass, mapping jsonb, account text, list text, occurred_at text, given_at text
) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_statuses$
DECLARE
    its jsonb := mapping -> 'status';
    word text;
    choices text;
BEGIN
    PERFORM _contact_status.check_keys(its, '{column,vocabulary,words}', 'key "status"');
    word := (_contact_status.mapped_column(source, its ->> 'column', 'key "status"')).expression || '::pg_catalog.text';
    IF its ? 'words' = its ? 'vocabulary' OR mapping ? 'kinds' OR NOT mapping ? 'list' THEN
        RAISE EXCEPTION 'key "status" of the mapping needs a vocabulary or words, and a list, and no key "kinds"'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'For example "status": {"column": "status", "words": {"active": "enabled", "unsubscribed": "blocklisted"}}.';
    ELSIF its ? 'words' THEN
        PERFORM _contact_status.word_choice(its -> 'words', 'x', 'text', 'words');   -- raises 22023 for an unknown status
    ELSE
        PERFORM _contact_status.read_status('', its ->> 'vocabulary');               -- raises 22023 for an unknown vocabulary
    END IF;
    SELECT string_agg(format(' WHEN %s THEN %s', CASE WHEN its ? 'vocabulary'
                   THEN format('_contact_status.read_status(%s, %L) OPERATOR(pg_catalog.=) %L', word, its ->> 'vocabulary', k.status)
                   ELSE format('%s OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.text[])', word, ARRAY(SELECT jsonb_array_elements_text(
                       CASE jsonb_typeof(its -> 'words' -> k.status) WHEN 'array' THEN its -> 'words' -> k.status ELSE jsonb_build_array(its -> 'words' -> k.status) END))) END,
               CASE WHEN k.status = 'unconfirmed'
                    -- without double opt-in, a sign-up would subscribe
                    THEN format('CASE WHEN (SELECT coalesce((SELECT l.double_opt_in FROM %1$I.list l WHERE l.account_id OPERATOR(pg_catalog.=) a.account_id '
                                'AND l.list_id OPERATOR(pg_catalog.=) %3$s), p.double_opt_in) FROM %1$I.account a JOIN %1$I.policy p ON p.name OPERATOR(pg_catalog.=) a.policy '
                                'WHERE a.account_id OPERATOR(pg_catalog.=) %2$s) THEN ''{signed_up}'' ELSE ''{suspended}'' END::contact_status.event_kind[]', schema, account, list)
                    ELSE format('%L::contact_status.event_kind[]', k.kinds) END), '' ORDER BY k.status DESC)
      INTO choices
      FROM (VALUES ('active', '{added}'), ('soft_bounced', '{added,soft_bounced}'), ('unresponsive', '{added,lapsed}'), ('unconfirmed', NULL),
                   ('suspended', '{added,suspended}'), ('failing', '{added,suspended}'), ('hard_bounced', '{added,invalidated}'),
                   ('unsubscribed', '{added,unsubscribed}'), ('complained', '{added,complained}'), ('deleted', '{added,deleted}')) k (status, kinds)
     WHERE its ? 'vocabulary' OR its -> 'words' ? k.status;
    RETURN format('SELECT k.kind, %1$s, %2$s FROM pg_catalog.unnest(CASE%3$s ELSE ARRAY[NULL]::contact_status.event_kind[] END) k (kind)', occurred_at, given_at, choices);
END
$mapped_statuses$;
COMMENT ON FUNCTION _contact_status.mapped_statuses(name, regclass, jsonb, text, text, text, text) IS
'query of the events with which a row f of a status comes in: kind, time, and time as text';

CREATE FUNCTION _contact_status.adopt_statements(
    schema name, source regclass, mapping jsonb,
    OUT next_key text, OUT quick text, OUT checked text, OUT keys text, OUT one text, OUT kept text
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $adopt_statements$
DECLARE
    table_name text := _contact_status.qualified_name(source);
    columns text := _contact_status.key_columns(source, 't');
    given text;                -- the key that a parameter has
    range text;
BEGIN
    SELECT string_agg(format('(%%1$s OPERATOR(pg_catalog.->>) %L)::%s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.n) INTO given
      FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = source AND i.indisprimary;
    next_key := format('SELECT pg_catalog.to_jsonb(k) FROM (SELECT %1$s FROM %2$s t WHERE $1 IS NULL OR ROW(%1$s) OPERATOR(pg_catalog.>) ROW(%3$s) '
                       'ORDER BY %1$s OFFSET $2 LIMIT 1) k', columns, table_name, format(given, '$1'));
    range := format('(SELECT * FROM %1$s t WHERE ($1 IS NULL OR ROW(%2$s) OPERATOR(pg_catalog.>) ROW(%3$s)) AND ($2 IS NULL OR ROW(%2$s) OPERATOR(pg_catalog.<=) ROW(%4$s))) f',
                    table_name, columns, format(given, '$1'), format(given, '$2'));
    quick := _contact_status.row_statement(adopt_statements.schema, source, mapping, 'quick', range);
    checked := _contact_status.row_statement(adopt_statements.schema, source, mapping, 'checked', range);
    keys := format('SELECT pg_catalog.to_jsonb(f) FROM %s', range);
    one := _contact_status.row_statement(adopt_statements.schema, source, mapping, 'checked', _contact_status.stored_row(source, mapping, '$1'));
    kept := format('INSERT INTO %I.unmatched_event (account_id, "row", forwarded_from, problem) VALUES (%s, $1, %L, $2) ON CONFLICT DO NOTHING',
                   adopt_statements.schema, CASE WHEN jsonb_typeof(mapping -> 'account') = 'number' THEN mapping ->> 'account'
                                                 WHEN mapping ? 'account' THEN '0' ELSE '1' END, _contact_status.origin(source, mapping));
END
$adopt_statements$;
COMMENT ON FUNCTION _contact_status.adopt_statements(name, regclass, jsonb) IS
'statements of adopt: the key of a later row; a range of keys, quick and with problems; its rows, one row, and how a failed one is kept';

-- no SET search_path: the triggers of the application would run with it
CREATE FUNCTION _contact_status.adopt_range(
    schema name, source regclass, mapping jsonb, after_key jsonb, up_to_key jsonb
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET jit = off
AS $adopt_range$
DECLARE
    statements pg_catalog.record;
    command pg_catalog.text;
    one pg_catalog.jsonb;
    recorded bigint;
    total bigint := 0;
    state pg_catalog.text;
BEGIN
    PERFORM _contact_status.check_owner(adopt_range.schema);
    statements := _contact_status.adopt_statements(adopt_range.schema, adopt_range.source, adopt_range.mapping);
    FOREACH command IN ARRAY ARRAY[statements.quick, statements.checked] LOOP
        FOR attempt IN 1 .. 20 LOOP
            BEGIN
                EXECUTE command USING adopt_range.after_key, adopt_range.up_to_key;
                GET DIAGNOSTICS recorded := ROW_COUNT;
                RETURN recorded;
            EXCEPTION WHEN OTHERS THEN
                state := SQLSTATE;
                IF adopt_range.mapping OPERATOR(pg_catalog.->>) 'unmatched' OPERATOR(pg_catalog.=) 'error' AND command OPERATOR(pg_catalog.=) statements.checked
                   OR NOT _contact_status.is_row_error(state) AND (state OPERATOR(pg_catalog.<>) ALL ('{40001,40P01}'::pg_catalog.text[]) OR attempt OPERATOR(pg_catalog.=) 20) THEN
                    RAISE;
                END IF;
            END;
            -- a conflict with a concurrent writer: try again
            EXIT WHEN _contact_status.is_row_error(state);
        END LOOP;
    END LOOP;
    -- a problem that only shows when a row is recorded
    FOR one IN EXECUTE statements.keys USING adopt_range.after_key, adopt_range.up_to_key LOOP
        BEGIN
            EXECUTE statements.one USING one;
            GET DIAGNOSTICS recorded := ROW_COUNT;
            total := total OPERATOR(pg_catalog.+) recorded;
        EXCEPTION WHEN OTHERS THEN
            IF NOT _contact_status.is_row_error(SQLSTATE) THEN
                RAISE;
            ELSIF coalesce(adopt_range.mapping OPERATOR(pg_catalog.->>) 'unmatched', 'keep') OPERATOR(pg_catalog.=) 'keep' THEN
                EXECUTE statements.kept USING one, SQLERRM;
            END IF;
        END;
    END LOOP;
    RETURN total;
END
$adopt_range$;
COMMENT ON FUNCTION _contact_status.adopt_range(name, regclass, jsonb, jsonb, jsonb) IS
'records the rows of a range of keys of a table of the application, and returns the number of new events or contacts';

CREATE FUNCTION _contact_status.advance_contact_id(schema name) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $advance$
DECLARE
    sequence text := pg_get_serial_sequence(format('%I.contact', advance_contact_id.schema), 'contact_id');
BEGIN
    PERFORM _contact_status.check_owner(advance_contact_id.schema);
    IF sequence IS NOT NULL THEN
        EXECUTE format('SELECT setval(%L::regclass, m.contact_id) FROM %I.contact m WHERE m.contact_id > (SELECT last_value FROM %s) '
                       'ORDER BY m.contact_id DESC LIMIT 1', sequence, advance_contact_id.schema, sequence);
    END IF;
END
$advance$;
COMMENT ON FUNCTION _contact_status.advance_contact_id(name) IS
'sets the sequence of contact ids behind the ids that were adopted';

CREATE PROCEDURE contact_status.adopt(
    schema name, source regclass, mapping jsonb, batch integer DEFAULT 10000, after_key jsonb DEFAULT NULL
)
    LANGUAGE plpgsql
AS $adopt$
DECLARE
    table_name pg_catalog.text;
    next_key pg_catalog.text;
    last pg_catalog.jsonb := adopt.after_key;
    next pg_catalog.jsonb;
    recorded bigint := 0;
    batches bigint := 0;
    waiting bigint;
BEGIN
    PERFORM _contact_status.check_forwarding(adopt.schema, adopt.source, adopt.mapping, _contact_status.forward_keys(adopt.mapping));
    IF coalesce(adopt.batch OPERATOR(pg_catalog.<) 1, true) THEN
        RAISE EXCEPTION 'adopt needs a batch of at least one row'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example: CALL contact_status.adopt(''crm'', ''bounces'', mapping, 10000).';
    END IF;
    table_name := _contact_status.qualified_name(adopt.source);
    next_key := (_contact_status.adopt_statements(adopt.schema, adopt.source, adopt.mapping)).next_key;
    LOOP
        EXECUTE next_key INTO next USING last, adopt.batch OPERATOR(pg_catalog.-) 1;
        -- the last batch has no upper bound: a row that comes now belongs to forward, or to the next call
        recorded := recorded OPERATOR(pg_catalog.+) _contact_status.adopt_range(adopt.schema, adopt.source, adopt.mapping, last, next);
        batches := batches OPERATOR(pg_catalog.+) 1;
        COMMIT;
        EXIT WHEN next IS NULL;
        last := next;
        RAISE NOTICE 'adopt: %: % rows read, % recorded, up to key %', table_name, batches OPERATOR(pg_catalog.*) adopt.batch, recorded, last;
    END LOOP;
    IF adopt.mapping OPERATOR(pg_catalog.?) 'email' THEN
        PERFORM _contact_status.advance_contact_id(adopt.schema);
    END IF;
    -- the planner must know the tables before the next table is adopted
    EXECUTE pg_catalog.format('ANALYZE %1$I.contact, %1$I.subscription, %1$I.event', adopt.schema);
    EXECUTE pg_catalog.format('SELECT pg_catalog.count(1) FROM %I.unmatched_event WHERE forwarded_from OPERATOR(pg_catalog.=) $1', adopt.schema)
       INTO waiting USING _contact_status.origin(adopt.source, adopt.mapping);
    RAISE NOTICE 'adopt: %: done, % recorded, % rows in unmatched_event', table_name, recorded, waiting;
END
$adopt$;
COMMENT ON PROCEDURE contact_status.adopt(name, regclass, jsonb, integer, jsonb) IS
'records the rows of a table of the application as contacts or events, by a mapping of forward, in batches that commit';
