-- The statement with which forward and adopt insert and update contacts.

CREATE FUNCTION _contact_status.contact_statement(
    schema name, source regclass, mapping jsonb, mode text, rows text, is_update boolean
) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $contact_statement$
DECLARE
    account text := _contact_status.mapped_id(source, coalesce(mapping -> 'account', '1'), 'key "account"');
    email text := _contact_status.mapped_text(source, mapping -> 'email', 'key "email"');
    own text := '';            -- columns of the application in table contact
    own_values text := '';
    own_new text := '';
    own_names text := '';
    name text;
    its jsonb;
    key text := '';            -- condition by which an update finds the contact
    type text;
    judged text;
    changed text := '';
    insertion text;
    kept text;
BEGIN
    IF mapping ? 'contact_id' THEN
        its := mapping -> 'contact_id';
        PERFORM _contact_status.check_keys(its, '{column}', 'key "contact_id"');
        IF (_contact_status.mapped_column(source, its ->> 'column', 'key "contact_id"')).type NOT IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN
            RAISE EXCEPTION 'key "contact_id" of the mapping names column "%", which is not an integer', its ->> 'column'
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Add a column to table contact, and map it by "columns".';
        END IF;
        key := 'c.contact_id OPERATOR(pg_catalog.=) j.contact_key';
    END IF;
    FOR name, its IN SELECT * FROM jsonb_each(coalesce(mapping -> 'columns', '{}')) LOOP
        IF NOT name = ANY (ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = to_regclass(format('%I.contact', contact_statement.schema))
                                    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                                    AND a.attname <> ALL ('{account_id,contact_id,email,generation_start,address_since}')
                                    AND NOT EXISTS (SELECT FROM pg_type t JOIN pg_attribute d ON d.attrelid = t.typrelid
                                                     WHERE t.oid = 'contact_status.folded_contact'::regtype AND d.attname = a.attname))) THEN
            RAISE EXCEPTION 'key "columns" of the mapping names column "%", which the application did not add to table contact', name
                USING ERRCODE = 'invalid_parameter_value', HINT = format('ALTER TABLE %I.contact ADD COLUMN %I ...', contact_statement.schema, name);
        END IF;
        PERFORM _contact_status.check_keys(its, '{column}', format('column "%s" of key "columns"', name));
        SELECT format_type(a.atttypid, a.atttypmod) INTO type FROM pg_attribute a
         WHERE a.attrelid = to_regclass(format('%I.contact', contact_statement.schema)) AND a.attname = name;
        own := own || format(', %I', name);
        own_values := own_values || format(', %s::%s AS %I', (_contact_status.mapped_column(source, its ->> 'column', 'key "columns"')).expression, type, name);
        own_new := own_new || format(', j.%I', name);
        key := CASE WHEN key <> '' THEN key ELSE format('c.%1$I OPERATOR(pg_catalog.=) j.%1$I', name) END;
    END LOOP;
    IF mode = 'quick' AND NOT is_update THEN
        RETURN format(E'INSERT INTO %I.contact (account_id, email%s%s)\nSELECT m.* FROM (SELECT %s, _contact_status.trim_address(%s)%s%s FROM %s WHERE %s) m',
            contact_statement.schema, CASE WHEN mapping ? 'contact_id' THEN ', contact_id' ELSE '' END, own, account, email,
            CASE WHEN mapping ? 'contact_id' THEN ', ' || _contact_status.mapped_id(source, mapping -> 'contact_id', 'key "contact_id"') ELSE '' END,
            own_values, rows, _contact_status.mapped_condition(source, coalesce(mapping -> 'when', '{}'), 'key "when"'));
    END IF;
    judged := format($query$SELECT m.*,
       CASE WHEN NOT EXISTS (SELECT FROM %1$I.account a WHERE a.account_id OPERATOR(pg_catalog.=) m.account_id) THEN 'no such account'
            WHEN m.address IS NULL OR NOT _contact_status.is_address(m.address) THEN 'not an e-mail address'
            WHEN pg_catalog.row_number() OVER (PARTITION BY m.account_id, m.normal ORDER BY m.contact_key) OPERATOR(pg_catalog.>) 1 THEN 'another row has the address'
            WHEN EXISTS (SELECT FROM ONLY %1$I.contact c WHERE c.account_id OPERATOR(pg_catalog.=) m.account_id
                            AND contact_status.normalize_address(c.email) OPERATOR(pg_catalog.=) m.normal COLLATE pg_catalog."C"
                            AND %2$s) THEN 'another contact has the address'
            WHEN %3$s THEN 'the contact has another address' END AS problem
  FROM (SELECT %4$s AS account_id, _contact_status.trim_address(%5$s) AS address, contact_status.normalize_address(%5$s) COLLATE pg_catalog."C" AS normal, %6$s AS contact_key%7$s, %10$s AS row_value
          FROM %8$s WHERE %9$s OFFSET 0) m$query$, contact_statement.schema,
        coalesce(nullif(replace(replace(key, 'j.', 'm.'), ' OPERATOR(pg_catalog.=) ', ' OPERATOR(pg_catalog.<>) '), ''), 'false'),
        CASE WHEN mapping ? 'contact_id' AND NOT is_update
             THEN format('EXISTS (SELECT FROM ONLY %I.contact c WHERE c.account_id OPERATOR(pg_catalog.=) m.account_id AND c.contact_id OPERATOR(pg_catalog.=) m.contact_key '
                         'AND contact_status.normalize_address(c.email) OPERATOR(pg_catalog.<>) m.normal)', contact_statement.schema) ELSE 'false' END,
        account, email, CASE WHEN mapping ? 'contact_id' THEN _contact_status.mapped_id(source, mapping -> 'contact_id', 'key "contact_id"') ELSE 'NULL::bigint' END,
        own_values, rows, _contact_status.mapped_condition(source, coalesce(mapping -> 'when', '{}'), 'key "when"'),
        CASE mode WHEN 'retry' THEN 'u.unmatched_id' ELSE 'f' END);
    insertion := format($query$INSERT INTO %1$I.contact (account_id, email%2$s%3$s) SELECT j.account_id, j.address%4$s%5$s FROM judged j
 WHERE j.problem IS NULL%6$s ORDER BY j.contact_key, j.normal
    ON CONFLICT (account_id, contact_status.normalize_address(email) COLLATE pg_catalog."C") DO NOTHING$query$, contact_statement.schema,
            CASE WHEN mapping ? 'contact_id' THEN ', contact_id' ELSE '' END, own, CASE WHEN mapping ? 'contact_id' THEN ', j.contact_key' ELSE '' END, own_new,
        CASE WHEN is_update AND key <> '' THEN format(' AND NOT EXISTS (SELECT FROM ONLY %I.contact c WHERE c.account_id OPERATOR(pg_catalog.=) j.account_id AND %s)',
                                                      contact_statement.schema, key) ELSE '' END);
    IF is_update AND key <> '' THEN
        -- the contact of an updated row follows it, and a row that was no contact becomes one
        changed := format(E',\nchanged AS (UPDATE ONLY %I.contact c SET (email%s) = ROW(j.address%s) FROM judged j '
                          'WHERE j.problem IS NULL AND c.account_id OPERATOR(pg_catalog.=) j.account_id AND %s)',
                          contact_statement.schema, own, own_new, key);
    END IF;
    kept := format($query$INSERT INTO %1$I.unmatched_event (account_id, address, event_key, "row", forwarded_from, problem)
SELECT coalesce(j.account_id, 0), CASE WHEN j.problem OPERATOR(pg_catalog.<>) 'no such account' THEN j.address END,
       pg_catalog.concat('#', pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.to_jsonb(j.row_value)::pg_catalog.text, 'UTF8')), 'hex')),
       pg_catalog.to_jsonb(j.row_value), %2$L, j.problem
  FROM judged j WHERE j.problem IS NOT NULL
    ON CONFLICT DO NOTHING$query$, contact_statement.schema, _contact_status.origin(source, mapping));
    IF mode = 'retry' THEN
        RETURN _contact_status.taking_statement(contact_statement.schema, _contact_status.origin(source, mapping), judged, insertion);
    END IF;
    RETURN CASE coalesce(mapping ->> 'unmatched', 'keep')
        WHEN 'keep' THEN format(E'WITH judged AS MATERIALIZED (%s)%s,\nkept AS (%s)\n%s', judged, changed, kept, insertion)
        WHEN 'skip' THEN format(E'WITH judged AS (%s)%s\n%s', judged, changed, insertion)
        ELSE format(E'WITH judged AS (SELECT * FROM (%s) r WHERE _contact_status.check_row(%L, r.problem))%s\n%s', judged,
                    _contact_status.qualified_name(source), changed, insertion) END;
END
$contact_statement$;
COMMENT ON FUNCTION _contact_status.contact_statement(name, regclass, jsonb, text, text, boolean) IS
'statement that inserts contacts for some rows f, or updates them; mode quick fails if one of them has a problem, and retry reads them from unmatched_event';
