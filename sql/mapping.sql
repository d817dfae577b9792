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
'number of a campaign, list or account whose key is a text or uuid: up to 18 digits are the number, otherwise 63 bits of SHA-256; null for an empty text';

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
