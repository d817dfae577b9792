-- Import from a staging table: each row has an outcome of its own, and the work is done in batches.

CREATE TYPE _contact_status.import_row AS (
    n           bigint,
    email       text,
    occurred_at timestamptz,
    evidence    text,
    status      contact_status.contact_status,
    outcome     text,
    reason      text,
    is_written  boolean,
    found       bigint,
    wanted_id   bigint,
    own         jsonb
);
COMMENT ON TYPE _contact_status.import_row IS
'a row of a staging table; outcome, reason: as far as they are known before the row is written; found: the contact that '
'has the address; wanted_id: the id for a new contact; own: values for columns of the application';

CREATE FUNCTION _contact_status.iso_time(given text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $iso_time$
BEGIN
    IF given ~ '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.]\d+)?)?)? ?(Z|UTC|[+-]\d\d(:?\d\d)?)?$' THEN
        RETURN given::timestamptz;
    END IF;
    RETURN 'infinity';   -- no event can have this time
EXCEPTION WHEN data_exception THEN
    RETURN 'infinity';
END
$iso_time$;
COMMENT ON FUNCTION _contact_status.iso_time(text) IS
'time in a text in ISO 8601; infinity if it is not such a time';

CREATE FUNCTION _contact_status.own_columns(schema name, source regclass) RETURNS name[]
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
RETURN ARRAY(
    SELECT c.attname
      FROM pg_attribute c JOIN pg_attribute s ON s.attrelid = source AND s.attname = c.attname AND s.attnum > 0 AND NOT s.attisdropped
     WHERE c.attrelid = to_regclass(format('%I.contact', schema)) AND c.attnum > 0 AND NOT c.attisdropped
       AND c.attgenerated = '' AND c.attidentity = ''
       AND c.attname <> ALL ('{account_id,contact_id,email,generation_start,address_since}')
       AND NOT EXISTS (SELECT FROM pg_type t JOIN pg_attribute d ON d.attrelid = t.typrelid
                        WHERE t.oid = 'contact_status.folded_contact'::regtype AND d.attname = c.attname)
     ORDER BY c.attnum);
COMMENT ON FUNCTION _contact_status.own_columns(name, regclass) IS
'columns of a staging table that are columns of the application in contact';

CREATE FUNCTION _contact_status.import_events(
    schema name, account_id bigint, list_id bigint,
    OUT status contact_status.contact_status, OUT only_new boolean, OUT kind contact_status.event_kind, OUT event_key text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $import_events$
DECLARE
    rules record;
    has_failing boolean;
BEGIN
    EXECUTE format('SELECT p.*, coalesce(l.double_opt_in, p.double_opt_in) AS confirms FROM %1$I.account a '
                   'JOIN %1$I.policy p ON p.name = a.policy JOIN %1$I.list l ON l.account_id = a.account_id AND l.list_id = $2 '
                   'WHERE a.account_id = $1', import_events.schema)
       INTO rules USING import_events.account_id, import_events.list_id;
    has_failing := rules.soft_bounce_outcome = 'failing' AND rules.soft_bounce_limit IS NOT NULL;
    RETURN QUERY
        SELECT s, false, 'added'::contact_status.event_kind, ''
          FROM unnest(enum_range(NULL::contact_status.contact_status)) s
         WHERE s <> 'unconfirmed' OR rules.confirms AND rules.import_consent = 'by_list'
        UNION ALL
        SELECT e.status::contact_status.contact_status, e.only_new, e.kind::contact_status.event_kind, ''
          FROM (VALUES
            ('unresponsive', false, 'lapsed', true),
            ('suspended', false, 'suspended', true),
            ('hard_bounced', false, 'invalidated', true),
            ('unsubscribed', false, 'unsubscribed', true),
            ('complained', false, 'complained', true),
            ('deleted', false, 'deleted', true),
            ('failing', false, 'suspended', NOT has_failing),
            -- the contact is not on the list, and a later import does not make it mailable
            ('unconfirmed', true, 'suspended', NOT rules.confirms),
            ('unconfirmed', true, 'signed_up', rules.confirms AND rules.import_consent <> 'by_list')
          ) e (status, only_new, kind, applies)
         WHERE e.applies
        UNION ALL
        -- errors of an existing contact could add up to a dead address
        SELECT 'soft_bounced', true, 'soft_bounced', '' WHERE coalesce(rules.soft_bounce_limit, 2) > 1
        UNION ALL
        SELECT 'failing', true, 'soft_bounced', format('import %s', i)
          FROM generate_series(1, rules.soft_bounce_limit) i WHERE has_failing;
END
$import_events$;
COMMENT ON FUNCTION _contact_status.import_events(name, bigint, bigint) IS
'events with which a contact of each status comes in; only_new: for contacts that did not exist';

CREATE FUNCTION _contact_status.import_plan(
    schema name, account_id bigint, list_id bigint, rows _contact_status.import_row[], careful boolean,
    OUT is_limited boolean, OUT refuses_complained boolean, OUT before bigint[],
    OUT consents contact_status.contact_status[], OUT statuses contact_status.contact_status[], OUT known bigint[], OUT ids bigint[], OUT is_new boolean[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $plan$
DECLARE
    emails text[] := ARRAY(SELECT r.email FROM unnest(rows) r);   -- in the order of rows
    numbers regclass := pg_get_serial_sequence(format('%I.contact', import_plan.schema), 'contact_id');
    resolved record;
BEGIN
    EXECUTE format('SELECT p.complained_insert = ''refuse'', a.contact_limit IS NOT NULL FROM %1$I.account a '
                   'JOIN %1$I.policy p ON p.name = a.policy WHERE a.account_id = $1', import_plan.schema)
       INTO refuses_complained, is_limited USING import_plan.account_id;
    refuses_complained := coalesce(refuses_complained, false);
    -- find the existing contacts, and those that are on the list already
    resolved := _contact_status.resolve_addresses(import_plan.schema, import_plan.account_id, import_plan.list_id,
        CASE WHEN careful OR refuses_complained THEN emails ELSE array_fill(NULL::text, ARRAY[cardinality(rows)]) END,
        CASE WHEN careful THEN NULL ELSE ARRAY(SELECT r.found FROM unnest(rows) r) END, refuses_complained);
    before := resolved.contact_ids;
    consents := resolved.consents;
    statuses := resolved.statuses;
    known := ARRAY(SELECT DISTINCT id FROM unnest(before) id WHERE id IS NOT NULL ORDER BY id);
    SELECT array_agg(r.id IS NULL AND r.is_written AND NOT (refuses_complained AND 'complained' IN (r.status, r.status_here))
                     IS TRUE ORDER BY r.ordinal)
      INTO is_new
      FROM unnest(rows, before, statuses) WITH ORDINALITY
           r (n, email, occurred_at, evidence, status, outcome, reason, is_written, found, wanted_id, own, id, status_here, ordinal);
    -- If this function may choose the ids of new contacts, they need not be looked up after the INSERT.
    ids := ARRAY(
        SELECT CASE WHEN NOT r.is_new THEN r.id
                    WHEN r.wanted_id IS NOT NULL THEN r.wanted_id
                    WHEN NOT careful AND has_sequence_privilege(numbers, 'USAGE') THEN nextval(numbers) END
          FROM unnest(rows, before, is_new) WITH ORDINALITY
               r (n, email, occurred_at, evidence, status, outcome, reason, is_written, found, wanted_id, own, id, is_new, ordinal)
         ORDER BY r.ordinal);
END
$plan$;
COMMENT ON FUNCTION _contact_status.import_plan(name, bigint, bigint, _contact_status.import_row[], boolean) IS
'plan for an import of some rows: their contacts before, the ids for new contacts, and the rows that need one';

CREATE FUNCTION _contact_status.import_insert(schema name, own name[], has_id boolean, careful boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN format('INSERT INTO %1$I.contact (account_id, email%2$s%3$s) SELECT $1, _contact_status.trim_address(r.email)%4$s%5$s '
              'FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) WITH ORDINALITY '
              '     r (n, email, occurred_at, evidence, status, outcome, reason, is_written, found, wanted_id, own, id, is_new, ordinal) '
              '%6$s WHERE r.is_new AND r.id IS %7$s NULL ORDER BY r.ordinal %8$s',
              schema,
              CASE WHEN has_id THEN ', contact_id' END, (SELECT string_agg(format(', %I', o), '') FROM unnest(own) o),
              CASE WHEN has_id THEN ', r.id' END, (SELECT string_agg(format(', o.%I', o), '') FROM unnest(own) o),
              CASE WHEN cardinality(own) > 0
                   THEN format(', LATERAL pg_catalog.jsonb_populate_record(NULL::%I.contact, r.own) o', schema) END,
              CASE WHEN has_id THEN 'NOT' END, CASE WHEN careful THEN 'ON CONFLICT DO NOTHING' END);
COMMENT ON FUNCTION _contact_status.import_insert(name, name[], boolean, boolean) IS
'statement that inserts the new contacts of some rows, those with an id or those without';

CREATE FUNCTION _contact_status.counting_contacts(schema name, account_id bigint, before bigint[], after bigint[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $counting$
DECLARE
    counting bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM unnest($2, $3) r (before, after) JOIN ONLY %1$I.contact c ON c.account_id = $1 AND c.contact_id = r.after '
                   'JOIN %1$I.account a ON a.account_id = $1 JOIN %1$I.policy p ON p.name = a.policy '
                   'WHERE r.before IS NULL AND c.status = ANY (p.counted)', counting_contacts.schema)
       INTO counting USING counting_contacts.account_id, before, after;
    RETURN counting;
END
$counting$;
COMMENT ON FUNCTION _contact_status.counting_contacts(name, bigint, bigint[], bigint[]) IS
'number of new contacts that count towards the limit of an account';

CREATE FUNCTION _contact_status.import_outcomes(
    schema name, account_id bigint, list_id bigint, rows _contact_status.import_row[], before bigint[],
    consents contact_status.contact_status[], statuses contact_status.contact_status[], ids bigint[], OUT n bigint, OUT email text, OUT contact_id bigint, OUT outcome text, OUT reason text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $outcomes$
DECLARE
    -- look up contacts that existed before and, if any suppressions exist, new ones too: these may have received one
    came_back boolean := pg_relation_size(format('%I.suppression', import_outcomes.schema)) > 0;
    settled record := _contact_status.resolve_addresses(import_outcomes.schema, import_outcomes.account_id, import_outcomes.list_id,
        array_fill(NULL::text, ARRAY[cardinality(rows)]),
        CASE WHEN came_back THEN ids
             ELSE ARRAY(SELECT CASE WHEN r.before IS NOT NULL THEN r.after END FROM unnest(before, ids) r (before, after)) END, false);
    unsettled bigint[] := ARRAY(SELECT r.after FROM unnest(rows, before, ids, settled.consents)
                                       r (n, email, occurred_at, evidence, status_there, outcome, reason, is_written, found,
                                          wanted_id, own, before, after, consent)
                                 WHERE r.outcome IS NULL AND r.before IS NOT NULL AND r.consent IS NULL);
    gone bigint;
BEGIN
    -- the events of a contact that was deleted concurrently are recorded, but the row is not imported: try it again
    IF unsettled <> '{}' THEN
        EXECUTE format('SELECT i FROM unnest($2) i WHERE NOT EXISTS (SELECT FROM ONLY %I.contact c WHERE c.account_id = $1 AND c.contact_id = i) LIMIT 1',
                       import_outcomes.schema)
           INTO gone USING import_outcomes.account_id, unsettled;
        IF gone IS NOT NULL THEN
            RAISE EXCEPTION 'contact % of account % was deleted', gone, import_outcomes.account_id USING ERRCODE = 'foreign_key_violation';
        END IF;
    END IF;
    RETURN QUERY
        SELECT o.n, o.email, o.contact_id, o.outcome,
               coalesce(o.reason, CASE WHEN o.contact_id IS NULL AND o.status IS DISTINCT FROM 'complained'
                                       THEN 'a trigger or a conflicting contact_id prevented the insert'
                                       WHEN o.contact_id IS NULL THEN o.status::text
                                       WHEN NOT contact_status.is_mailable(o.status) THEN o.status::text END)
          FROM (SELECT r.n, r.email, r.contact_id, r.reason, r.status,
                       CASE WHEN r.outcome IS NOT NULL THEN r.outcome
                            WHEN r.contact_id IS NULL THEN 'refused'
                            WHEN r.status IN ('unsubscribed', 'complained', 'hard_bounced', 'deleted') THEN 'suppressed'
                            WHEN r.consent_before IS NOT NULL THEN 'already_subscribed'
                            WHEN r.status = 'unconfirmed' AND r.consent IS NULL AND r.before IS NOT NULL THEN 'refused'
                            ELSE 'added' END AS outcome
                  FROM (SELECT u.n, u.email, u.contact_id, u.outcome, u.reason, u.consent_before, u.consent, u.before,
                               CASE WHEN u.consent = 'unsubscribed' AND u.status_here IS DISTINCT FROM 'complained'
                                    THEN 'unsubscribed' ELSE coalesce(u.status_here, u.status_there, u.status_before) END AS status
                          FROM unnest(rows, ids, settled.consents, settled.statuses, consents, statuses, before)
                               u (n, email, occurred_at, evidence, status_there, outcome, reason, is_written, found, wanted_id, own,
                                  contact_id, consent, status_here, consent_before, status_before, before)) r) o;
END
$outcomes$;
COMMENT ON FUNCTION _contact_status.import_outcomes(name, bigint, bigint, _contact_status.import_row[], bigint[],
    contact_status.contact_status[], contact_status.contact_status[], bigint[]) IS
'outcomes of some imported rows, with reasons';

CREATE FUNCTION _contact_status.import_batch(
    schema name, account_id bigint, list_id bigint, rows _contact_status.import_row[], own name[], careful boolean,
    OUT n bigint, OUT email text, OUT contact_id bigint, OUT outcome text, OUT reason text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE
AS $import_batch$
DECLARE
    plan pg_catalog.record;
    ids bigint[];          -- contact ids of rows
    complained pg_catalog.record;
    has_id boolean;
    half integer := pg_catalog.cardinality(rows) OPERATOR(pg_catalog./) 2;
BEGIN
    -- a subtransaction: an error of one row rolls the batch back
    BEGIN
        plan := _contact_status.import_plan(import_batch.schema, import_batch.account_id, import_batch.list_id, rows, careful);
        ids := plan.ids;
        -- lock existing contacts in ascending order, as every transaction does
        PERFORM _contact_status.refresh_contacts(import_batch.schema,
                    pg_catalog.array_fill(import_batch.account_id, ARRAY[pg_catalog.cardinality(plan.known)]),
                    plan.known, false, pg_catalog.clock_timestamp());

        FOR has_id IN SELECT DISTINCT r.id IS NOT NULL FROM ROWS FROM (pg_catalog.unnest(ids), pg_catalog.unnest(plan.is_new)) r (id, is_new)
                       WHERE r.is_new ORDER BY 1 DESC LOOP
            EXECUTE _contact_status.import_insert(import_batch.schema, import_batch.own, has_id, careful)
              USING import_batch.account_id, rows, ids, plan.is_new;
        END LOOP;
        IF careful OR NOT has_id THEN
            SELECT r.contact_ids INTO ids
              FROM _contact_status.resolve_addresses(import_batch.schema, import_batch.account_id, NULL,
                       ARRAY(SELECT r.email FROM pg_catalog.unnest(rows) r), plan.before, false) r;
        END IF;

        -- Events, in the order of their contacts.
        EXECUTE pg_catalog.format('INSERT INTO %1$I.event (account_id, contact_id, list_id, kind, occurred_at, event_key, source, evidence, reason) '
                       'SELECT $1, r.contact_id, CASE WHEN e.kind OPERATOR(pg_catalog.=) ANY (''{added,signed_up,unsubscribed}'') THEN $2 END, '
                       '       e.kind, r.occurred_at, e.event_key, ''import'', '
                       '       CASE WHEN e.kind OPERATOR(pg_catalog.=) ANY (''{added,signed_up}'') THEN r.evidence END, '
                       '       CASE WHEN e.kind OPERATOR(pg_catalog.<>) ''added'' THEN coalesce(r.reason, r.status::pg_catalog.text) END '
                       'FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5)) '
                       '     r (n, email, occurred_at, evidence, status, outcome, reason, is_written, found, wanted_id, own, contact_id, before) '
                       'JOIN _contact_status.import_events(%1$L, $1, $2) e '
                       '  ON e.status OPERATOR(pg_catalog.=) coalesce(r.status, ''active'') AND (r.before IS NULL OR NOT e.only_new) '
                       'WHERE r.is_written AND r.contact_id IS NOT NULL '
                       'ORDER BY r.contact_id %2$s', import_batch.schema, CASE WHEN careful THEN 'ON CONFLICT DO NOTHING' END)
          USING import_batch.account_id, import_batch.list_id, rows, ids, plan.before;

        -- a policy that refuses contacts with a complaint: remember the complaint for the address
        IF plan.refuses_complained THEN
            FOR complained IN SELECT r.email, r.occurred_at
                                FROM ROWS FROM (pg_catalog.unnest(rows), pg_catalog.unnest(ids)) r (n, email, occurred_at, evidence, status, outcome, reason, is_written, found, wanted_id, own, id)
                               WHERE r.is_written AND r.id IS NULL AND r.status OPERATOR(pg_catalog.=) 'complained'
                               ORDER BY contact_status.normalize_address(r.email) COLLATE pg_catalog."C" LOOP
                PERFORM contact_status.suppress(import_batch.schema, import_batch.account_id, complained.email,
                            'complained'::contact_status.event_kind, NULL::bigint, complained.occurred_at, 'import'::pg_catalog.text);
            END LOOP;
        END IF;

        -- a new contact may count without an event
        IF plan.is_limited THEN
            IF _contact_status.counting_contacts(import_batch.schema, import_batch.account_id, plan.before, ids)
                   OPERATOR(pg_catalog.>) 0 THEN
                PERFORM _contact_status.check_limit(import_batch.schema, import_batch.account_id);
            END IF;
        END IF;
        RETURN QUERY SELECT o.n, o.email, o.contact_id, o.outcome, o.reason
                       FROM _contact_status.import_outcomes(import_batch.schema, import_batch.account_id, import_batch.list_id,
                                rows, plan.before, plan.consents, plan.statuses, ids) o;
        RETURN;
    EXCEPTION
        WHEN unique_violation OR foreign_key_violation THEN
            -- A concurrent transaction inserted the same contact or event, the event exists, or a trigger chose
            -- another id. This is rare, so only then the careful mode with its extra cost is used.
            IF NOT careful THEN
                half := pg_catalog.cardinality(rows);
            ELSIF half OPERATOR(pg_catalog.=) 0 THEN
                outcome := 'refused';
            END IF;
            careful := true;
            reason := SQLERRM;
        WHEN configuration_limit_exceeded THEN
            outcome := CASE WHEN half OPERATOR(pg_catalog.=) 0 THEN 'over_limit' END;
            reason := SQLERRM;
        WHEN OTHERS THEN
            -- errors of the server, missing privileges and conflicts are not the outcome of a row
            IF pg_catalog."left"(SQLSTATE, 2) OPERATOR(pg_catalog.=) ANY ('{40,42,53,55,57,58,XX}'::pg_catalog.text[]) THEN
                RAISE;
            END IF;
            outcome := CASE WHEN half OPERATOR(pg_catalog.=) 0 THEN 'refused' END;
            reason := SQLERRM;
    END;
    IF outcome IS NOT NULL THEN
        RETURN QUERY SELECT rows[1].n, rows[1].email, NULL::bigint, outcome, reason;
        RETURN;
    END IF;
    -- one of the rows fails: import the halves to find it
    RETURN QUERY SELECT b.* FROM _contact_status.import_batch(import_batch.schema, import_batch.account_id, import_batch.list_id,
                                     rows[:half], import_batch.own, careful) b;
    IF half OPERATOR(pg_catalog.<) pg_catalog.cardinality(rows) THEN
        RETURN QUERY SELECT b.* FROM _contact_status.import_batch(import_batch.schema, import_batch.account_id, import_batch.list_id,
                                         rows[half OPERATOR(pg_catalog.+) 1:], import_batch.own, careful) b;
    END IF;
END
$import_batch$;
COMMENT ON FUNCTION _contact_status.import_batch(name, bigint, bigint, _contact_status.import_row[], name[], boolean) IS
'imports rows with distinct addresses and returns their outcomes; careful: allow for concurrent inserts of the same rows';

CREATE FUNCTION _contact_status.import_query(schema name, source regclass, list_id bigint, account_id bigint, own name[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $import_query$
DECLARE
    has text[] := ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = import_query.source AND attnum > 0 AND NOT attisdropped);
    known boolean;
BEGIN
    IF NOT 'email' = ANY (has) THEN
        RAISE EXCEPTION 'table % has no column email', import_query.source
            USING ERRCODE = 'undefined_column',
                  HINT = 'A staging table has email and, if wanted, occurred_at, evidence, status, contact_id and columns that you added to contact.';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.list WHERE account_id = $1 AND list_id = $2)', import_query.schema)
       INTO known USING import_query.account_id, import_query.list_id;
    IF NOT known THEN
        RAISE EXCEPTION 'list % of account % does not exist', import_query.list_id, import_query.account_id
            USING ERRCODE = 'foreign_key_violation', HINT = 'Insert it into table list first.';
    END IF;
    -- Of several rows with one address the most restrictive counts, and of equal ones the first. Rows with an
    -- existing contact come first, in lock order.
    RETURN format($q$
        SELECT pg_catalog.array_agg(ROW(n, email, CASE WHEN has_time IS TRUE THEN occurred_at ELSE $1 END, evidence, means,
                   outcome, CASE WHEN outcome OPERATOR(pg_catalog.=) 'invalid_address' THEN 'not an address'
                        WHEN outcome OPERATOR(pg_catalog.=) 'duplicate' THEN 'another row of the source has the address'
                        WHEN outcome OPERATOR(pg_catalog.=) 'refused' THEN 'occurred_at is in the future, before 1995, or not a time in ISO 8601'
                        WHEN outcome OPERATOR(pg_catalog.=) 'held' THEN coalesce('unknown status: ' OPERATOR(pg_catalog.||) pg_catalog."left"(status, 100), 'no status')
                        WHEN outcome OPERATOR(pg_catalog.=) 'unknown_status' THEN 'without a vocabulary a number is no status: ' OPERATOR(pg_catalog.||) pg_catalog."left"(status, 100) END,
                   outcome IS NULL OR outcome OPERATOR(pg_catalog.=) ANY ('{held,unknown_status}'), found, wanted_id, own)::_contact_status.import_row) AS rows
          FROM (SELECT d.*,
                   CASE WHEN normal IS NULL OR NOT _contact_status.is_address(normal) THEN 'invalid_address'
                        WHEN normal OPERATOR(pg_catalog.=) previous THEN 'duplicate'
                        WHEN NOT has_time AND contact_status.is_mailable(coalesce(means, 'active')) THEN 'refused'
                        WHEN is_unknown AND status OPERATOR(pg_catalog.~) '^[0-9]+$' AND $3 IS NULL THEN 'unknown_status'
                        WHEN is_unknown THEN 'held' END AS outcome
          FROM (SELECT c.*, CASE WHEN is_unknown THEN 'suspended' ELSE word_means END AS means, k.contact_id AS found,
                       pg_catalog.row_number() OVER w AS ordinal, pg_catalog.lag(normal) OVER w AS previous
                  FROM (SELECT b.*, (status IS NOT NULL OR $3 IS NOT NULL AND %s) AND word_means IS NULL AS is_unknown,
                               occurred_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() AND occurred_at OPERATOR(pg_catalog.>=) '1995-01-01 00:00+00' AS has_time
                          FROM (SELECT *, contact_status.normalize_address(email) AS normal,
                                       CASE WHEN status IS NOT NULL THEN _contact_status.read_status(status, $3) END AS word_means
                                  FROM (SELECT pg_catalog.row_number() OVER () AS n, email::pg_catalog.text, %s AS occurred_at, %s AS evidence,
                                               %s AS status, %s AS wanted_id, %s AS own FROM %s s) a) b) c
                  LEFT JOIN ONLY %I.contact k ON k.account_id OPERATOR(pg_catalog.=) $2
                   AND contact_status.normalize_address(k.email) OPERATOR(pg_catalog.=) c.normal COLLATE pg_catalog."C"
                WINDOW w AS (ORDER BY k.contact_id NULLS LAST, c.normal COLLATE pg_catalog."C",
                                      CASE WHEN is_unknown THEN 'suspended' ELSE word_means END DESC NULLS LAST, c.n)) d) e
         GROUP BY (ordinal OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) 5000
         ORDER BY (ordinal OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) 5000
    $q$, ('status' = ANY (has))::text,
         CASE WHEN 'occurred_at' = ANY (has) THEN '_contact_status.iso_time(occurred_at::pg_catalog.text)' ELSE 'NULL::pg_catalog.timestamptz' END,
         CASE WHEN 'evidence' = ANY (has) THEN 'evidence::pg_catalog.text' ELSE 'NULL::pg_catalog.text' END,
         CASE WHEN 'status' = ANY (has) THEN 'CASE WHEN status::pg_catalog.text OPERATOR(pg_catalog.~) ''[^ ]'' THEN pg_catalog.btrim(status::pg_catalog.text) END' ELSE 'NULL::pg_catalog.text' END,
         CASE WHEN 'contact_id' = ANY (has) THEN 'CASE WHEN contact_id::pg_catalog.text OPERATOR(pg_catalog.~) ''^[0-9]{1,18}$'' '
                                                 'THEN contact_id::pg_catalog.text::bigint END' ELSE 'NULL::bigint' END,
         CASE WHEN cardinality(own) > 0
              THEN format('pg_catalog.jsonb_build_object(%s)', (SELECT string_agg(format('%L, s.%I', o, o), ', ') FROM unnest(own) o))
              ELSE 'NULL::pg_catalog.jsonb' END,
         import_query.source, import_query.schema);
END
$import_query$;
COMMENT ON FUNCTION _contact_status.import_query(name, regclass, bigint, bigint, name[]) IS
'query that reads a staging table in batches, as the calling role';

-- no SET search_path: the triggers of the application would run with it
CREATE FUNCTION contact_status.import_contacts(
    schema name, account_id bigint, list_id bigint, source regclass, vocabulary text DEFAULT NULL,
    OUT row_number bigint, OUT email text, OUT contact_id bigint, OUT outcome text, OUT reason text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE
    SET jit = off
AS $import_contacts$
DECLARE
    batch _contact_status.import_row[];
    own name[];
BEGIN
    PERFORM _contact_status.refuse_read_only('import_contacts');
    PERFORM _contact_status.check_installation(import_contacts.schema, '{policy,account,list,contact}');
    IF import_contacts.account_id IS NULL OR import_contacts.list_id IS NULL OR import_contacts.source IS NULL THEN
        RAISE EXCEPTION 'import_contacts needs an account, a list and a table'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT * FROM contact_status.import_contacts(''crm'', 1, 1, ''staging'').';
    END IF;
    -- raises 22023 for an unknown vocabulary
    PERFORM _contact_status.read_status('', import_contacts.vocabulary);
    own := _contact_status.own_columns(import_contacts.schema, import_contacts.source);
    FOR batch IN EXECUTE _contact_status.import_query(import_contacts.schema, import_contacts.source, import_contacts.list_id,
                                                      import_contacts.account_id, own)
                 USING pg_catalog.clock_timestamp(), import_contacts.account_id, import_contacts.vocabulary LOOP
        RETURN QUERY SELECT b.* FROM _contact_status.import_batch(import_contacts.schema, import_contacts.account_id,
                                                                 import_contacts.list_id, batch, own, false) b;
    END LOOP;
END
$import_contacts$;
COMMENT ON FUNCTION contact_status.import_contacts(name, bigint, bigint, regclass, text) IS
'adds the addresses of a staging table to a list, and returns the outcome of each row with its reason: added, '
'already_subscribed, suppressed, held, unknown_status, refused, invalid_address, duplicate or over_limit';
