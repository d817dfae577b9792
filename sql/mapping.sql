-- Mappings: from the columns of a table of the application to expressions of SQL. They become part of a statement when a
-- mapping is set up: identifiers by %I, values of the mapping by %L, and no value of a row. The statement runs with the
-- search_path of the application, so that each function, operator and type is qualified.

CREATE FUNCTION contact_status.text_id(value text) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN value ~ '^[0-9]{1,18}$' THEN value::bigint
            WHEN value <> '' THEN ('x' || encode(substr(sha256(convert_to(value, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
                                  & 9223372036854775807 END;
COMMENT ON FUNCTION contact_status.text_id(text) IS
'number of a campaign, list or account that has a text or uuid as its key: up to 18 digits are the number, otherwise 63 bits of SHA-256; null for an empty text';

CREATE FUNCTION _contact_status.event_problem(
    kind contact_status.event_kind, list_id bigint, campaign_id bigint, occurred_at timestamptz, evidence text, source text, until timestamptz
) RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_event_problem';
COMMENT ON FUNCTION _contact_status.event_problem(contact_status.event_kind, bigint, bigint, timestamptz, text, text, timestamptz) IS
'why there can be no such event, by its time and shape; null: there can';

CREATE FUNCTION _contact_status.read_time(given text, zone text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $read_time$
BEGIN
    IF given ~ '(Z|UTC|[+-]\d\d(:?\d\d)?)$' AND given ~ ':' THEN
        RETURN nullif(_contact_status.iso_time(given), 'infinity');
    ELSIF given ~ '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.]\d+)?)?)?$' THEN
        RETURN given::timestamp AT TIME ZONE zone;
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$read_time$;
COMMENT ON FUNCTION _contact_status.read_time(text, text) IS
'time in a text in ISO 8601 with an offset, or without one in a zone; null if it is not such a time';

CREATE FUNCTION _contact_status.epoch_time(given text, per_second integer) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN given ~ '^[0-9]{1,15}([.][0-9]{1,9})?$'
            THEN to_timestamp(least(given::double precision / per_second, 100000000000)) END;
COMMENT ON FUNCTION _contact_status.epoch_time(text, integer) IS
'time in a number of seconds, or parts of them, since 1970; null if it is no such number';

CREATE FUNCTION _contact_status.check_keys(given jsonb, known text[], place text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $check_keys$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(given) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION '% is not a JSON object', place
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Its keys are: ' || array_to_string(known, ', ') || '.';
    END IF;
    SELECT k INTO wrong FROM jsonb_object_keys(given) k WHERE k <> ALL (known) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '% has the unknown key "%"', place, wrong
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Its keys are: ' || array_to_string(known, ', ') || '.';
    END IF;
END
$check_keys$;
COMMENT ON FUNCTION _contact_status.check_keys(jsonb, text[], text) IS
'raises 22023 for a part of a mapping that is not an object, or that has a key which is not known';

CREATE FUNCTION _contact_status.mapped_column(
    source regclass, name text, place text, OUT expression text, OUT type regtype, OUT column_name name
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_column$
DECLARE
    found record;
BEGIN
    -- a column, or a column of type json or jsonb and a path after dots
    SELECT a.attname, coalesce(nullif(t.typbasetype, 0), a.atttypid)::regtype AS type, substr(mapped_column.name, length(a.attname) + 2) AS path
      INTO found
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = mapped_column.source AND a.attnum > 0 AND NOT a.attisdropped
       AND (a.attname = mapped_column.name
            OR starts_with(mapped_column.name, a.attname || '.') AND coalesce(nullif(t.typbasetype, 0), a.atttypid) IN ('json'::regtype, 'jsonb'::regtype))
     ORDER BY length(a.attname) DESC LIMIT 1;
    IF found IS NULL THEN
        RAISE EXCEPTION '% of the mapping names column "%", which table % does not have', place, mapped_column.name, mapped_column.source
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Its columns are: ' || (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
                          WHERE a.attrelid = mapped_column.source AND a.attnum > 0 AND NOT a.attisdropped)
                         || '. A path in a column of type json or jsonb follows after dots.';
    END IF;
    column_name := found.attname;
    IF found.path = '' THEN
        expression := format('f.%I', found.attname);
        type := found.type;
    ELSE
        expression := format('(f.%I OPERATOR(pg_catalog.#>>) %L::pg_catalog.text[])', found.attname, string_to_array(found.path, '.'));
        type := 'text'::regtype;
    END IF;
END
$mapped_column$;
COMMENT ON FUNCTION _contact_status.mapped_column(regclass, text, text) IS
'expression of a column of table f, or of a path in it, with its type; raises 22023 for an unknown column';

CREATE FUNCTION _contact_status.mapped_text(source regclass, given jsonb, place text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_text$
BEGIN
    IF given IS NULL OR jsonb_typeof(given) = 'null' THEN
        RETURN 'NULL::pg_catalog.text';
    ELSIF jsonb_typeof(given) = 'string' THEN
        RETURN format('%L::pg_catalog.text', given #>> '{}');
    END IF;
    PERFORM _contact_status.check_keys(given, '{column}', place);
    RETURN (_contact_status.mapped_column(source, given ->> 'column', place)).expression || '::pg_catalog.text';
END
$mapped_text$;
COMMENT ON FUNCTION _contact_status.mapped_text(regclass, jsonb, text) IS
'expression of a text of a mapping: a constant or a column';

CREATE FUNCTION _contact_status.mapped_id(source regclass, given jsonb, place text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_id$
DECLARE
    found record;
BEGIN
    IF given IS NULL OR jsonb_typeof(given) = 'null' THEN
        RETURN 'NULL::bigint';
    ELSIF jsonb_typeof(given) = 'number' AND given #>> '{}' ~ '^[0-9]{1,18}$' THEN
        RETURN format('%L::bigint', given #>> '{}');
    END IF;
    PERFORM _contact_status.check_keys(given, '{column}', place);
    found := _contact_status.mapped_column(source, given ->> 'column', place);
    RETURN CASE WHEN found.type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
                THEN found.expression || '::bigint' ELSE format('contact_status.text_id(%s::pg_catalog.text)', found.expression) END;
END
$mapped_id$;
COMMENT ON FUNCTION _contact_status.mapped_id(regclass, jsonb, text) IS
'expression of a number of a mapping: a constant, a column of an integer type, or text_id of another column';

CREATE FUNCTION _contact_status.check_zone(zone text, place text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $check_zone$
BEGIN
    PERFORM now() AT TIME ZONE zone;
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION '% of the mapping names the unknown time zone "%"', place, zone
        USING ERRCODE = 'invalid_parameter_value', HINT = 'View pg_timezone_names has the names of time zones.';
END
$check_zone$;
COMMENT ON FUNCTION _contact_status.check_zone(text, text) IS 'raises 22023 for an unknown time zone';

CREATE FUNCTION _contact_status.mapped_time(
    source regclass, given jsonb, place text, OUT expression text, OUT given_text text
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_time$
DECLARE
    zone text;
    found record;
BEGIN
    IF jsonb_typeof(given) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION '% of the mapping is not a time', place
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'For example {"column": "created_at", "zone": "Europe/Prague"} or {"epoch": "ts", "unit": "ms"}.';
    END IF;
    IF given ? 'epoch' THEN
        PERFORM _contact_status.check_keys(given, '{epoch,unit}', place);
        IF given ->> 'unit' IS NULL OR given ->> 'unit' NOT IN ('s', 'ms') THEN
            RAISE EXCEPTION '% of the mapping needs the unit "s" or "ms"', place
                USING ERRCODE = 'invalid_parameter_value', HINT = 'For example {"epoch": "ts", "unit": "ms"}.';
        END IF;
        found := _contact_status.mapped_column(source, given ->> 'epoch', place);
        given_text := found.expression || '::pg_catalog.text';
        expression := format('_contact_status.epoch_time(%s, %s)', given_text, CASE given ->> 'unit' WHEN 's' THEN 1 ELSE 1000 END);
        RETURN;
    END IF;
    PERFORM _contact_status.check_keys(given, '{column,zone}', place);
    zone := given ->> 'zone';
    PERFORM _contact_status.check_zone(zone, place);
    found := _contact_status.mapped_column(source, given ->> 'column', place);
    given_text := found.expression || '::pg_catalog.text';
    IF found.type = 'timestamp with time zone'::regtype THEN
        expression := found.expression;
    ELSIF found.type IN ('timestamp'::regtype, 'date'::regtype) THEN
        IF zone IS NULL THEN
            RAISE EXCEPTION '% of the mapping needs a zone: column "%" has type %', place, found.column_name, found.type
                USING ERRCODE = 'invalid_parameter_value', HINT = 'For example {"column": "created_at", "zone": "UTC"}.';
        END IF;
        expression := format('pg_catalog.timezone(%L::pg_catalog.text, %s::pg_catalog.timestamp)', zone, found.expression);
    ELSIF found.type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN
        expression := format('_contact_status.read_time(%s, %L::pg_catalog.text)', given_text, zone);
    ELSE
        RAISE EXCEPTION '% of the mapping names column "%" of type %, which is not a time', place, found.column_name, found.type
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For a number of seconds or milliseconds use {"epoch": "column", "unit": "s"}.';
    END IF;
END
$mapped_time$;
COMMENT ON FUNCTION _contact_status.mapped_time(regclass, jsonb, text) IS
'expressions of a time of a mapping: as a time, and as the text that the table has';

CREATE FUNCTION _contact_status.mapped_condition(source regclass, given jsonb, place text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_condition$
DECLARE
    conditions text[] := '{}';
    name text;
    wanted jsonb;
    list jsonb;
    column_text text;
BEGIN
    IF jsonb_typeof(given) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION '% of the mapping is not a condition', place
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A condition is an object: {"column": value}, or {"column": [values]}.';
    END IF;
    FOR name, wanted IN SELECT * FROM jsonb_each(given) LOOP
        column_text := (_contact_status.mapped_column(source, name, place)).expression || '::pg_catalog.text';
        list := CASE jsonb_typeof(wanted) WHEN 'array' THEN wanted ELSE jsonb_build_array(wanted) END;
        IF jsonb_path_exists(list, '$[*] ? (@.type() == "object" || @.type() == "array")') THEN
            RAISE EXCEPTION '% of the mapping compares column "%" with an object', place, name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'A value is a text, a number, true, false, null, or a list of these.';
        END IF;
        conditions := conditions || format('(%s OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.text[])%s)', column_text,
            ARRAY(SELECT e FROM jsonb_array_elements_text(list) e WHERE e IS NOT NULL),
            CASE WHEN list @> '[null]' THEN format(' OR %s IS NULL', column_text) ELSE '' END);
    END LOOP;
    RETURN coalesce(nullif(array_to_string(conditions, ' AND '), ''), 'true');
END
$mapped_condition$;
COMMENT ON FUNCTION _contact_status.mapped_condition(regclass, jsonb, text) IS
'expression of a condition of a mapping: each column has the value, or one of the values';

CREATE FUNCTION _contact_status.mapped_kind(given jsonb, place text, reply text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_kind$
BEGIN
    IF given #>> '{}' = 'reply' THEN
        IF reply IS NULL THEN
            RAISE EXCEPTION '% of the mapping has the kind "reply", and the mapping has no reply', place
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Add "reply": {"column": ...}.';
        END IF;
        RETURN format('coalesce(contact_status.bounce_kind(%s), ''noted''::contact_status.event_kind)', reply);
    ELSIF jsonb_typeof(given) IS DISTINCT FROM 'string' OR NOT given #>> '{}' = ANY (enum_range(NULL::contact_status.event_kind)::text[]) THEN
        RAISE EXCEPTION '% of the mapping has the unknown kind "%"', place, given #>> '{}'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The kinds are: reply, ' || array_to_string(enum_range(NULL::contact_status.event_kind), ', ') || '.';
    END IF;
    RETURN format('%L::contact_status.event_kind', given #>> '{}');
END
$mapped_kind$;
COMMENT ON FUNCTION _contact_status.mapped_kind(jsonb, text, text) IS
'expression of a kind of a mapping; raises 22023 for an unknown one';

CREATE FUNCTION _contact_status.mapped_key(source regclass, given jsonb) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_key$
BEGIN
    IF given IS NULL THEN
        RETURN $$''::pg_catalog.text$$;
    ELSIF jsonb_typeof(given) = 'string' THEN
        given := jsonb_build_array(given);
    END IF;
    IF jsonb_typeof(given) <> 'array' OR given = '[]' THEN
        RAISE EXCEPTION 'key "event_key" of the mapping is not a list of columns'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example "event_key": ["id"].';
    END IF;
    RETURN format('pg_catalog.concat_ws(''/'', %s)', (
        SELECT string_agg((_contact_status.mapped_column(source, name, 'key "event_key"')).expression || '::pg_catalog.text', ', ' ORDER BY n)
          FROM jsonb_array_elements_text(given) WITH ORDINALITY c (name, n)));
END
$mapped_key$;
COMMENT ON FUNCTION _contact_status.mapped_key(regclass, jsonb) IS
'expression of the event_key of a row: the values of some columns, joined by slashes';

CREATE FUNCTION _contact_status.check_mapping(mapping jsonb, known text[]) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $check_mapping$
DECLARE
    wrong text;
BEGIN
    PERFORM _contact_status.check_keys(mapping, known, 'the mapping');
    SELECT k INTO wrong FROM (VALUES ('unmatched', '{keep,skip,error}'::text[]), ('ahead', '{clamp,error}')) v (k, choices)
     WHERE mapping ? k AND NOT coalesce(mapping ->> k = ANY (choices), false);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'key "%" of the mapping cannot be %', wrong, mapping -> wrong
            USING ERRCODE = 'invalid_parameter_value', HINT = 'unmatched is keep, skip or error; ahead is clamp or error.';
    END IF;
END
$check_mapping$;
COMMENT ON FUNCTION _contact_status.check_mapping(jsonb, text[]) IS 'raises 22023 for a mapping with an unknown key or choice';

CREATE FUNCTION _contact_status.mapped_kinds(source regclass, mapping jsonb, occurred_at text, given_at text, reply text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_kinds$
DECLARE
    kinds jsonb := mapping -> 'kinds';
    lists boolean;             -- an entry has several kinds, or none
    n integer := 0;
    entry jsonb;
    its jsonb;
    place text;
    kind text;
    choices text := '';       -- of the entries of which the first match counts
    branches text[] := '{}';  -- of entries with "set"
    found record;
    at record;
BEGIN
    IF jsonb_typeof(kinds) IS DISTINCT FROM 'array' OR kinds = '[]' THEN
        RAISE EXCEPTION 'key "kinds" of the mapping is not a list'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example "kinds": [["complained", {"type": "spam"}], ["reply", {"type": "bounce"}]].';
    END IF;
    lists := EXISTS (SELECT FROM jsonb_array_elements(kinds) e WHERE jsonb_typeof(e -> 0) IS DISTINCT FROM 'string');
    FOR entry IN SELECT e FROM jsonb_array_elements(kinds) e LOOP
        n := n + 1;
        place := format('entry %s of key "kinds"', n);
        IF jsonb_typeof(entry) IS DISTINCT FROM 'array' OR jsonb_array_length(entry) NOT IN (1, 2) THEN
            RAISE EXCEPTION '% of the mapping is not a kind with a condition', place
                USING ERRCODE = 'invalid_parameter_value', HINT = 'For example ["complained", {"type": "spam"}].';
        END IF;
        its := coalesce(entry -> 1, '{}');
        kind := (SELECT string_agg(_contact_status.mapped_kind(k, place, reply), ', ')
                   FROM jsonb_array_elements(CASE jsonb_typeof(entry -> 0) WHEN 'array' THEN entry -> 0 WHEN 'null' THEN '[]'
                                                  ELSE jsonb_build_array(entry -> 0) END) k);
        IF its ? 'set' THEN
            PERFORM _contact_status.check_keys(its, '{set,zone}', place);
            found := _contact_status.mapped_column(source, its ->> 'set', place);
            SELECT occurred_at AS expression, given_at AS given_text INTO at;
            IF found.type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN
                at := _contact_status.mapped_time(source, jsonb_strip_nulls(jsonb_build_object(
                          'column', its -> 'set', 'zone', coalesce(its -> 'zone', mapping #> '{occurred_at,zone}'))), place);
            END IF;
            branches := branches || format('SELECT k.kind, %s, %s FROM (VALUES (%s)) k (kind) WHERE %s IS NOT NULL', at.expression, at.given_text,
                                           replace(coalesce(kind, 'NULL::contact_status.event_kind'), ', ', '), ('), found.expression);
        ELSE
            choices := choices || format(CASE WHEN lists THEN ' WHEN %s THEN ARRAY[%s]::contact_status.event_kind[]' ELSE ' WHEN %s THEN %s' END,
                                         _contact_status.mapped_condition(source, its, place), kind);
        END IF;
    END LOOP;
    IF choices <> '' THEN
        branches := CASE WHEN lists
            THEN format('SELECT k.kind, %s, %s FROM pg_catalog.unnest(CASE%s ELSE ARRAY[NULL]::contact_status.event_kind[] END) k (kind)', occurred_at, given_at, choices)
            ELSE format('SELECT CASE%s END, %s, %s', choices, occurred_at, given_at) END || branches;
    END IF;
    RETURN array_to_string(branches, ' UNION ALL ');
END
$mapped_kinds$;
COMMENT ON FUNCTION _contact_status.mapped_kinds(regclass, jsonb, text, text, text) IS
'query of the events of a row f: kind, time, and time as text; a null kind: no entry of key "kinds" matches';

CREATE FUNCTION _contact_status.qualified_name(source regclass) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
RETURN (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = source);
COMMENT ON FUNCTION _contact_status.qualified_name(regclass) IS 'name of a table with its schema, for SQL';

CREATE FUNCTION _contact_status.origin(source regclass, mapping jsonb) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
RETURN _contact_status.qualified_name(source) || CASE WHEN mapping ? 'changes' THEN ' status' WHEN mapping ? 'email' THEN ' contact' ELSE '' END;
COMMENT ON FUNCTION _contact_status.origin(regclass, jsonb) IS 'value of unmatched_event.forwarded_from for the rows of a table';

CREATE FUNCTION _contact_status.row_items(
    source regclass, mapping jsonb, new_table text, old_table text, OUT inserted text, OUT updated text, OUT replaced text
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $row_items$
DECLARE
    key text;
    status text;
BEGIN
    IF NOT mapping ? 'changes' THEN
        inserted := new_table || ' f';
        updated := inserted;
        replaced := old_table || ' f';
        RETURN;
    END IF;
    -- each new row has the old status: one pass over both tables, whatever the planner expects
    key := _contact_status.key_columns(source, 'u');
    status := (_contact_status.mapped_column(source, mapping #>> '{status,column}', 'key "status"')).expression || '::pg_catalog.text';
    inserted := format('(SELECT n.*, true AS "contact_status new", NULL::pg_catalog.text AS "contact_status old" FROM %s n) f', new_table);
    updated := format('(SELECT * FROM (SELECT u.*, pg_catalog.lag(%s) OVER (PARTITION BY %s ORDER BY u."contact_status new") AS "contact_status old" '
                      'FROM (SELECT o.*, false AS "contact_status new" FROM %s o UNION ALL SELECT n.*, true FROM %s n) u) w WHERE w."contact_status new") f',
                      replace(status, 'f.', 'u.'), key, old_table, new_table);
END
$row_items$;
COMMENT ON FUNCTION _contact_status.row_items(regclass, jsonb, text, text) IS
'items of FROM with the inserted, the updated and the replaced rows f of a statement';

CREATE FUNCTION _contact_status.stored_row(source regclass, mapping jsonb, value text) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
RETURN format(CASE WHEN mapping ? 'changes' THEN '(SELECT p.*, true AS "contact_status new", %2$s OPERATOR(pg_catalog.->>) ''contact_status old'' AS "contact_status old" '
                                                 'FROM pg_catalog.jsonb_populate_record(NULL::%1$s, %2$s) p) f'
                   ELSE 'pg_catalog.jsonb_populate_record(NULL::%1$s, %2$s) f' END, _contact_status.qualified_name(source), value);
COMMENT ON FUNCTION _contact_status.stored_row(regclass, jsonb, text) IS 'item of FROM with a row f that is stored as jsonb';

CREATE FUNCTION _contact_status.key_columns(source regclass, alias text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $key_columns$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(format('%s.%I', alias, a.attname), ', ' ORDER BY k.n) INTO columns
      FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (attnum, n)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = source AND i.indisprimary;
    IF columns IS NULL THEN
        RAISE EXCEPTION 'table % has no primary key', source
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'ALTER TABLE ... ADD PRIMARY KEY.';
    END IF;
    RETURN columns;
END
$key_columns$;
COMMENT ON FUNCTION _contact_status.key_columns(regclass, text) IS
'columns of the primary key of a table; raises 55000 for a table without one';

CREATE FUNCTION _contact_status.mapped_changes(source regclass, mapping jsonb, occurred_at text, given_at text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $mapped_changes$
DECLARE
    status text := (_contact_status.mapped_column(source, mapping #>> '{status,column}', 'key "status"')).expression || '::pg_catalog.text';
    entry jsonb;
    n integer := 0;
    choices text := '';
BEGIN
    IF jsonb_typeof(mapping -> 'changes') IS DISTINCT FROM 'array' OR mapping -> 'changes' = '[]' THEN
        RAISE EXCEPTION 'key "changes" of the mapping is not a list'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example "changes": [["*", "unsubscribed", "unsubscribed"], ["*", "*", null]].';
    END IF;
    FOR entry IN SELECT e FROM jsonb_array_elements(mapping -> 'changes') e LOOP
        n := n + 1;
        IF jsonb_typeof(entry) IS DISTINCT FROM 'array' OR jsonb_array_length(entry) <> 3
           OR jsonb_path_exists(entry, 'strict $[0 to 1] ? (@.type() == "object")') THEN
            RAISE EXCEPTION 'entry % of key "changes" of the mapping is not an old status, a new status and a kind', n
                USING ERRCODE = 'invalid_parameter_value', HINT = 'For example ["enabled", "blocklisted", "unsubscribed"]; "*" is any status.';
        END IF;
        choices := choices || format(' WHEN %s THEN ARRAY[%s]::contact_status.event_kind[]',
            (SELECT coalesce(string_agg(format('(%s OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.text[])%s)', c.expression,
                                 ARRAY(SELECT v FROM jsonb_array_elements_text(c.list) v WHERE v IS NOT NULL),
                                 CASE WHEN c.list @> '[null]' THEN format(' OR %s IS NULL', c.expression) ELSE '' END), ' AND '), 'true')
               FROM (SELECT e.expression, CASE jsonb_typeof(e.wanted) WHEN 'array' THEN e.wanted ELSE jsonb_build_array(e.wanted) END AS list
                       FROM (VALUES ('f."contact_status old"', entry -> 0), (status, entry -> 1)) e (expression, wanted) WHERE e.wanted <> '"*"') c),
            (SELECT string_agg(_contact_status.mapped_kind(k, format('entry %s of key "changes"', n), NULL), ', ')
               FROM jsonb_array_elements(CASE jsonb_typeof(entry -> 2) WHEN 'array' THEN entry -> 2 WHEN 'null' THEN '[]' ELSE jsonb_build_array(entry -> 2) END) k));
    END LOOP;
    RETURN format('SELECT k.kind, %1$s, %2$s FROM pg_catalog.unnest(CASE%3$s ELSE ARRAY[NULL]::contact_status.event_kind[] END) k (kind) '
                  'WHERE CASE WHEN f."contact_status old" IS NULL THEN %4$s IS NOT NULL WHEN %4$s IS NULL THEN true '
                  'ELSE f."contact_status old" OPERATOR(pg_catalog.<>) %4$s END', occurred_at, given_at, choices, status);
END
$mapped_changes$;
COMMENT ON FUNCTION _contact_status.mapped_changes(regclass, jsonb, text, text) IS
'query of the events of a changed status of a row f: kind, time, and time as text';
