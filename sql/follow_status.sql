-- follow_status: a status column of the application follows ours.

CREATE FUNCTION _contact_status.word_choice(words jsonb, status text, type text, what text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $word_choice$
DECLARE
    label text;
    word jsonb;
    choices text := '';
BEGIN
    IF jsonb_typeof(words) IS DISTINCT FROM 'object' OR words = '{}' THEN
        RAISE EXCEPTION 'key "words" of the mapping is not an object'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example "words": {"active": ["enabled", "vip"], "unsubscribed": "blocklisted"}.';
    END IF;
    FOR label, word IN SELECT * FROM jsonb_each(words) LOOP
        IF NOT label = ANY (enum_range(NULL::contact_status.contact_status)::text[]) THEN
            RAISE EXCEPTION 'key "words" of the mapping has the unknown status "%"', label
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'The statuses are: ' || array_to_string(enum_range(NULL::contact_status.contact_status), ', ') || '.';
        ELSIF jsonb_typeof(word) IN ('object', 'null') OR word = '[]' THEN
            RAISE EXCEPTION 'key "words" of the mapping has no word for status "%"', label
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a value, or a list of values, of which the first is written.';
        END IF;
        word := CASE jsonb_typeof(word) WHEN 'array' THEN word ELSE jsonb_build_array(word) END;
        choices := choices || format(' WHEN %s OPERATOR(pg_catalog.=) %L THEN %s', status, label,
            CASE what WHEN 'word' THEN format('%L::%s', word ->> 0, type)
                      ELSE format('%L::pg_catalog.text[]', ARRAY(SELECT v FROM jsonb_array_elements_text(word) v)) END);
    END LOOP;
    RETURN format('CASE%s END', choices);
END
$word_choice$;
COMMENT ON FUNCTION _contact_status.word_choice(jsonb, text, text, text) IS
'expression of the word, or else of all words, that the application has for a status; null: none';

CREATE FUNCTION _contact_status.follow_bodies(
    schema name, source regclass, mapping jsonb, new_table text, OUT follow text, OUT word text, OUT checks text[]
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $follow_bodies$
DECLARE
    its record := _contact_status.mapped_column(source, mapping #>> '{status,column}', 'key "status"');
    type text := (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = source AND a.attname = its.column_name);
    contact record := _contact_status.mapped_contact(follow_bodies.schema, source, mapping -> 'contact');
    table_name text := _contact_status.qualified_name(source);
    followed text := CASE WHEN mapping ? 'list' THEN 'subscription' ELSE 'contact' END;
    has_key boolean := mapping -> 'contact' ?| '{key,address}';
    key text;
    matches text;
    on_list text := '';
    update_of text;
BEGIN
    -- the contact of a row, by its row of table contact
    key := format('(SELECT %s FROM ONLY %I.contact c WHERE c.account_id OPERATOR(pg_catalog.=) NEW.account_id AND c.contact_id OPERATOR(pg_catalog.=) NEW.contact_id)',
                  CASE WHEN mapping -> 'contact' ? 'address' THEN 'contact_status.normalize_address(c.email)' ELSE 'c.' || quote_ident(mapping #>> '{contact,key}') END, follow_bodies.schema);
    -- compared without a cast of the column, so that an index of the application serves
    matches := CASE WHEN mapping -> 'contact' ? 'address' THEN format('contact_status.normalize_address(%s) OPERATOR(pg_catalog.=) %s', contact.address, key)
                    WHEN contact.given_key ~ '^CASE' THEN format('%s::pg_catalog.text OPERATOR(pg_catalog.=) %s::pg_catalog.text',
                        (_contact_status.mapped_column(source, mapping #>> '{contact,column}', 'key "contact"')).expression, CASE WHEN has_key THEN key ELSE 'NEW.contact_id' END)
                    ELSE format('%s OPERATOR(pg_catalog.=) %s', regexp_replace(contact.given_key, '::bigint$', ''), CASE WHEN has_key THEN key ELSE 'NEW.contact_id' END) END
               || format(' AND %s OPERATOR(pg_catalog.=) NEW.account_id', regexp_replace(_contact_status.mapped_id(source, coalesce(mapping -> 'account', '1'), 'key "account"'), '^(f.*)::bigint$', '\1'));
    IF mapping ? 'list' THEN
        matches := matches || format(' AND %s OPERATOR(pg_catalog.=) NEW.list_id',
                                     regexp_replace(_contact_status.mapped_id(source, mapping -> 'list', 'key "list"'), '^(f.*)::bigint$', '\1'));
        on_list := ' AND s.list_id OPERATOR(pg_catalog.=) m.list_id';
    END IF;
    update_of := format('UPDATE %s f SET %I = %%s WHERE %%s', table_name, its.column_name);
    follow := format($body$
DECLARE
    before text := coalesce(pg_catalog.current_setting('contact_status.following', true), '');
BEGIN
PERFORM pg_catalog.set_config('contact_status.following', 'on', true);
%1$s;
PERFORM pg_catalog.set_config('contact_status.following', before, true);
RETURN NULL;
END
$body$, format(update_of, _contact_status.word_choice(mapping -> 'words', 'NEW.status', type, 'word'),
               format('%s AND NOT coalesce(%s::pg_catalog.text OPERATOR(pg_catalog.=) ANY (words), words IS NULL)', matches, its.expression)));
    follow := replace(replace(follow, 'BEGIN' || E'\n' || 'PERFORM', E'words pg_catalog.text[] := ' || _contact_status.word_choice(mapping -> 'words', 'NEW.status', type, 'words')
                      || E';\nBEGIN\n-- the status has no word, or the row has one of its words\nPERFORM'), E'DECLARE\n    before', E'#variable_conflict use_variable\nDECLARE\n    before');
    word := format($body$
#variable_conflict use_column
DECLARE
    r pg_catalog.record;
BEGIN
-- not for an update by follow_status
IF pg_catalog.current_setting('contact_status.following', true) OPERATOR(pg_catalog.=) 'on' THEN
RETURN NULL;
END IF;
FOR r IN SELECT * FROM (SELECT m.*, (SELECT s.status FROM ONLY %1$I.%2$I s WHERE s.account_id OPERATOR(pg_catalog.=) m.account_id
              AND s.contact_id OPERATOR(pg_catalog.=) %3$s%4$s) AS "contact_status status"
         FROM (SELECT %5$s, %6$s AS account_id, %7$s AS contact_key, %8$s AS list_id, %9$s::pg_catalog.text AS "contact_status word" FROM %10$s f) m) n
         WHERE NOT coalesce(n."contact_status word" OPERATOR(pg_catalog.=) ANY (%11$s), %11$s IS NULL) LOOP
PERFORM pg_catalog.set_config('contact_status.following', 'on', true);
%12$s;
PERFORM pg_catalog.set_config('contact_status.following', '', true);
END LOOP;
RETURN NULL;
END
$body$, follow_bodies.schema, followed, contact.quick_lookup, on_list,
        (SELECT string_agg(format('%s AS "contact_status key %s"', k, n), ', ' ORDER BY n)
           FROM unnest(string_to_array(_contact_status.key_columns(source, 'f'), ', ')) WITH ORDINALITY c (k, n)),
        _contact_status.mapped_id(source, coalesce(mapping -> 'account', '1'), 'key "account"'), contact.given_key,
        _contact_status.mapped_id(source, mapping -> 'list', 'key "list"'), its.expression, new_table,
        _contact_status.word_choice(mapping -> 'words', 'n."contact_status status"', type, 'words'),
        format(update_of, _contact_status.word_choice(mapping -> 'words', 'r."contact_status status"', type, 'word'),
               (SELECT string_agg(format('%s OPERATOR(pg_catalog.=) r."contact_status key %s"', k, n), ' AND ' ORDER BY n)
                  FROM unnest(string_to_array(_contact_status.key_columns(source, 'f'), ', ')) WITH ORDINALITY c (k, n))));
    checks := ARRAY[format('UPDATE %s f SET %I = %s FROM %I.%I new WHERE %s', table_name, its.column_name,
                           _contact_status.word_choice(mapping -> 'words', 'new.status', type, 'word'), follow_bodies.schema, followed, replace(matches, 'NEW.', 'new.'))];
END
$follow_bodies$;
COMMENT ON FUNCTION _contact_status.follow_bodies(name, regclass, jsonb, text) IS
'bodies of the trigger functions of follow_status: on subscription or contact, and on the table of the application; checks: '
'statements that show errors of types';

CREATE FUNCTION contact_status.follow_status(schema name, source regclass, mapping jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $follow_status$
DECLARE
    bodies record;
    follow_name text;
    word_name text;
    followed text := format('%I.%I', follow_status.schema, CASE WHEN mapping ? 'list' THEN 'subscription' ELSE 'contact' END);
    command text;
BEGIN
    PERFORM _contact_status.check_forwarding(follow_status.schema, source, mapping, '{contact,account,list,status,words}');
    PERFORM _contact_status.check_keys(mapping -> 'status', '{column}', 'key "status"');
    bodies := _contact_status.follow_bodies(follow_status.schema, source, mapping, 'forwarded');
    FOREACH command IN ARRAY bodies.checks LOOP
        EXECUTE 'EXPLAIN ' || command;
    END LOOP;
    PERFORM _contact_status.drop_forwarding(follow_status.schema, source, 'word');
    follow_name := _contact_status.create_function(follow_status.schema, 'follow', source, '', bodies.follow, mapping);
    word_name := _contact_status.create_function(follow_status.schema, 'word', source, '', bodies.word, mapping);
    FOREACH command IN ARRAY ARRAY[
        format('CREATE TRIGGER %I AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION %s()', 'follow_insert_' || source::oid, followed, follow_name),
        format('CREATE TRIGGER %I AFTER UPDATE ON %s FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION %s()',
               'follow_update_' || source::oid, followed, follow_name),
        format('CREATE TRIGGER contact_status_word_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS forwarded FOR EACH STATEMENT EXECUTE FUNCTION %s()', source, word_name),
        format('CREATE TRIGGER contact_status_word_update AFTER UPDATE ON %s REFERENCING NEW TABLE AS forwarded FOR EACH STATEMENT EXECUTE FUNCTION %s()', source, word_name)]
        || ARRAY(SELECT format('GRANT SELECT (account_id, contact_id, status%s) ON %s TO %s', CASE WHEN mapping ? 'list' THEN ', list_id' ELSE '' END, followed, r)
                   FROM _contact_status.writing_roles(follow_status.schema, source) r)
        || ARRAY(SELECT format('GRANT SELECT (account_id, contact_id, email%s) ON %I.contact TO %s', ', ' || quote_ident(mapping #>> '{contact,key}'), follow_status.schema, r)
                   FROM _contact_status.writing_roles(follow_status.schema, source) r WHERE mapping -> 'contact' ?| '{key,address}')
        || ARRAY(SELECT format('GRANT USAGE ON SCHEMA %I TO %s', follow_status.schema, r) FROM _contact_status.writing_roles(follow_status.schema, source) r) LOOP
        EXECUTE command;
    END LOOP;
END
$follow_status$;
COMMENT ON FUNCTION contact_status.follow_status(name, regclass, jsonb) IS
'creates triggers that write each changed status into a column of the application, and set it right after the application wrote it';
