-- Import from a staging table: each row has an outcome of its own, and the work is done in batches.

CREATE TYPE _contact_status.import_row AS (
    n           bigint,
    email       text,
    occurred_at timestamptz,
    evidence    text,
    status      text,
    problem     text,
    found       bigint,
    is_held     boolean
);
COMMENT ON TYPE _contact_status.import_row IS
'a row of a staging table; problem: its outcome, if known before anything is written; found: the contact that has the '
'address; is_held: on hold in the source';

CREATE FUNCTION _contact_status.any_label(label text) RETURNS contact_status.contact_status
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $any_label$
DECLARE
    vocabulary text;
    found contact_status.contact_status;
    given text := lower(btrim(any_label.label));
BEGIN
    IF given = ANY (enum_range(NULL::contact_status.contact_status)::text[]) THEN
        found := given;
    END IF;
    FOREACH vocabulary IN ARRAY '{salesmanago,activecampaign,ecomail,emailmanager}'::text[] LOOP
        BEGIN
            found := greatest(found, contact_status.from_label(btrim(any_label.label), vocabulary));
        EXCEPTION WHEN invalid_parameter_value THEN
            NULL;   -- a label of another vocabulary
        END;
    END LOOP;
    RETURN found;
END
$any_label$;
COMMENT ON FUNCTION _contact_status.any_label(text) IS
'most restrictive status that a label means in any vocabulary; null if there is none';

CREATE FUNCTION _contact_status.any_time(given text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $any_time$
BEGIN
    RETURN given::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN 'infinity';   -- no event can have this time
END
$any_time$;
COMMENT ON FUNCTION _contact_status.any_time(text) IS
'time in a text; infinity if it is not a time';

CREATE FUNCTION _contact_status.import_plan(
    schema name, account_id bigint, list_id bigint, rows _contact_status.import_row[], careful boolean,
    OUT is_limited boolean, OUT before bigint[], OUT consents contact_status.contact_status[],
    OUT known bigint[], OUT ids bigint[], OUT new_ids bigint[], OUT new_emails text[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $plan$
DECLARE
    emails text[] := ARRAY(SELECT r.email FROM unnest(rows) r);   -- in the order of rows
    numbers regclass := pg_get_serial_sequence(format('%I.contact', import_plan.schema), 'contact_id');
    refuses boolean;
    resolved record;
BEGIN
    EXECUTE format('SELECT p.complained_insert = ''refuse'', a.contact_limit IS NOT NULL FROM %1$I.account a '
                   'JOIN %1$I.policy p ON p.name = a.policy WHERE a.account_id = $1', import_plan.schema)
       INTO refuses, is_limited USING import_plan.account_id;
    refuses := coalesce(refuses, false);
    -- find the existing contacts, and those that are on the list already
    resolved := _contact_status.resolve_addresses(import_plan.schema, import_plan.account_id, import_plan.list_id,
        CASE WHEN careful OR refuses THEN emails ELSE array_fill(NULL::text, ARRAY[cardinality(rows)]) END,
        CASE WHEN careful THEN NULL ELSE ARRAY(SELECT r.found FROM unnest(rows) r) END, refuses);
    before := resolved.contact_ids;
    consents := resolved.consents;
    known := ARRAY(SELECT DISTINCT id FROM unnest(before) id WHERE id IS NOT NULL ORDER BY id);
    -- New contacts, in the order of rows. If this function may choose their ids, they need not be looked up after the
    -- INSERT.
    SELECT array_agg(CASE WHEN r.id IS NOT NULL OR r.problem IS NOT NULL OR r.status = 'complained' THEN r.id
                          WHEN NOT careful AND has_sequence_privilege(numbers, 'USAGE') THEN nextval(numbers) END ORDER BY r.ordinal),
           coalesce(array_agg(btrim(r.email) ORDER BY r.ordinal)
                    FILTER (WHERE r.id IS NULL AND r.problem IS NULL AND r.status IS DISTINCT FROM 'complained'), '{}')
      INTO ids, new_emails
      FROM unnest(rows, before, resolved.statuses) WITH ORDINALITY
           r (n, email, occurred_at, evidence, word, problem, found, is_held, id, status, ordinal);
    new_ids := ARRAY(SELECT r.id FROM unnest(ids, before) WITH ORDINALITY r (id, before, ordinal)
                      WHERE r.before IS NULL AND r.id IS NOT NULL ORDER BY r.ordinal);
END
$plan$;
COMMENT ON FUNCTION _contact_status.import_plan(name, bigint, bigint, _contact_status.import_row[], boolean) IS
'plan for an import of some rows: existing contacts with their addresses, and contacts to insert';

CREATE FUNCTION _contact_status.import_opt_outs(
    rows _contact_status.import_row[], contacts bigint[], OUT email text, OUT occurred_at timestamptz, OUT kind contact_status.event_kind
) RETURNS SETOF record
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.email, r.occurred_at,
           (CASE _contact_status.any_label(r.status) WHEN 'unsubscribed' THEN 'unsubscribed'
                 WHEN 'complained' THEN 'complained' ELSE 'invalidated' END)::contact_status.event_kind
      FROM unnest(rows, contacts) r (n, email, occurred_at, evidence, status, problem, found, is_held, contact_id)
     WHERE r.problem = 'suppressed'
     ORDER BY r.contact_id NULLS LAST, contact_status.normalize_address(r.email) COLLATE "C";
END;
COMMENT ON FUNCTION _contact_status.import_opt_outs(_contact_status.import_row[], bigint[]) IS
'opt-outs, complaints and dead addresses among some rows, in lock order';

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
    consents contact_status.contact_status[], ids bigint[], OUT n bigint, OUT email text, OUT contact_id bigint, OUT outcome text
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
                                       r (n, email, occurred_at, evidence, status, problem, found, is_held, before, after, consent)
                                 WHERE r.problem IS NULL AND r.before IS NOT NULL AND r.consent IS NULL);
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
        SELECT r.n, r.email, r.contact_id,
               CASE WHEN r.problem IS NOT NULL THEN r.problem
                    WHEN r.contact_id IS NULL THEN 'refused'
                    WHEN r.consent = 'unsubscribed' OR r.status_now IN ('complained', 'hard_bounced', 'deleted') THEN 'suppressed'
                    WHEN r.consent_before IS NOT NULL THEN 'already_subscribed'
                    ELSE 'added' END
          FROM unnest(rows, ids, settled.consents, settled.statuses, consents)
               r (n, email, occurred_at, evidence, status, problem, found, is_held, contact_id, consent, status_now, consent_before);
END
$outcomes$;
COMMENT ON FUNCTION _contact_status.import_outcomes(name, bigint, bigint, _contact_status.import_row[], bigint[],
    contact_status.contact_status[], bigint[]) IS
'outcomes of some imported rows';

CREATE FUNCTION _contact_status.import_batch(
    schema name, account_id bigint, list_id bigint, rows _contact_status.import_row[], careful boolean,
    OUT n bigint, OUT email text, OUT contact_id bigint, OUT outcome text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE
AS $import_batch$
DECLARE
    plan pg_catalog.record;
    ids bigint[];          -- contact ids of rows
    opt_out pg_catalog.record;
    half integer := pg_catalog.cardinality(rows) OPERATOR(pg_catalog./) 2;
    on_conflict pg_catalog.text := CASE WHEN careful THEN 'ON CONFLICT DO NOTHING' ELSE '' END;
BEGIN
    -- a subtransaction: an error of one row rolls the batch back
    BEGIN
        plan := _contact_status.import_plan(import_batch.schema, import_batch.account_id, import_batch.list_id, rows, careful);
        ids := plan.ids;
        -- lock existing contacts in ascending order, as every transaction does
        PERFORM _contact_status.refresh_contacts(import_batch.schema,
                    pg_catalog.array_fill(import_batch.account_id, ARRAY[pg_catalog.cardinality(plan.known)]),
                    plan.known, false, pg_catalog.clock_timestamp());

        IF pg_catalog.cardinality(plan.new_ids) OPERATOR(pg_catalog.=) pg_catalog.cardinality(plan.new_emails) THEN
            EXECUTE pg_catalog.format('INSERT INTO %I.contact (account_id, contact_id, email) SELECT $1, r.id, r.email '
                                      'FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) r (id, email)', import_batch.schema)
              USING import_batch.account_id, plan.new_ids, plan.new_emails;
        ELSE
            EXECUTE pg_catalog.format('INSERT INTO %I.contact (account_id, email) SELECT $1, r FROM pg_catalog.unnest($2) r ',
                                      import_batch.schema) OPERATOR(pg_catalog.||) on_conflict
              USING import_batch.account_id, plan.new_emails;
            SELECT r.contact_ids INTO ids
              FROM _contact_status.resolve_addresses(import_batch.schema, import_batch.account_id, NULL,
                       ARRAY(SELECT r.email FROM pg_catalog.unnest(rows) r), plan.before, false) r;
        END IF;

        -- Events, in the order of their contacts. A contact that is on hold in the source is suspended here.
        EXECUTE pg_catalog.format('INSERT INTO %I.event (account_id, contact_id, list_id, kind, occurred_at, source, evidence) '
                       'SELECT $1, r.contact_id, $2, ''added'', r.occurred_at, ''import'', r.evidence '
                       'FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) r (n, email, occurred_at, evidence, status, problem, found, is_held, contact_id) '
                       'WHERE r.problem IS NULL AND r.contact_id IS NOT NULL '
                       'ORDER BY r.contact_id ', import_batch.schema) OPERATOR(pg_catalog.||) on_conflict
          USING import_batch.account_id, import_batch.list_id, rows, ids;
        EXECUTE pg_catalog.format('INSERT INTO %I.event (account_id, contact_id, kind, occurred_at, source) '
                       'SELECT $1, r.contact_id, ''suspended'', r.occurred_at, ''import'' '
                       'FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) r (n, email, occurred_at, evidence, status, problem, found, is_held, contact_id) '
                       'WHERE r.problem IS NULL AND r.contact_id IS NOT NULL AND r.is_held '
                       'ORDER BY r.contact_id ', import_batch.schema) OPERATOR(pg_catalog.||) on_conflict
          USING import_batch.account_id, rows, ids;

        -- suppress the opt-outs, complaints and dead addresses of the source
        FOR opt_out IN SELECT o.* FROM _contact_status.import_opt_outs(rows, plan.before) o LOOP
            PERFORM contact_status.suppress(import_batch.schema, import_batch.account_id, opt_out.email, opt_out.kind,
                CASE WHEN opt_out.kind OPERATOR(pg_catalog.=) 'unsubscribed' THEN import_batch.list_id END, opt_out.occurred_at, 'import');
        END LOOP;

        -- a new contact may count without an event
        IF plan.is_limited THEN
            IF _contact_status.counting_contacts(import_batch.schema, import_batch.account_id, plan.before, ids)
                   OPERATOR(pg_catalog.>) 0 THEN
                PERFORM _contact_status.check_limit(import_batch.schema, import_batch.account_id);
            END IF;
        END IF;
        RETURN QUERY SELECT o.n, o.email, o.contact_id, o.outcome
                       FROM _contact_status.import_outcomes(import_batch.schema, import_batch.account_id, import_batch.list_id,
                                rows, plan.before, plan.consents, ids) o;
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
        WHEN configuration_limit_exceeded THEN
            outcome := CASE WHEN half OPERATOR(pg_catalog.=) 0 THEN 'over_limit' END;
        WHEN OTHERS THEN
            -- errors of the server, missing privileges and conflicts are not the outcome of a row
            IF pg_catalog."left"(SQLSTATE, 2) OPERATOR(pg_catalog.=) ANY ('{40,42,53,55,57,58,XX}'::pg_catalog.text[]) THEN
                RAISE;
            END IF;
            outcome := CASE WHEN half OPERATOR(pg_catalog.=) 0 THEN 'refused' END;
    END;
    IF outcome IS NOT NULL THEN
        RETURN QUERY SELECT rows[1].n, rows[1].email, NULL::bigint, outcome;
        RETURN;
    END IF;
    -- one of the rows fails: import the halves to find it
    RETURN QUERY SELECT b.* FROM _contact_status.import_batch(import_batch.schema, import_batch.account_id, import_batch.list_id, rows[:half], careful) b;
    IF half OPERATOR(pg_catalog.<) pg_catalog.cardinality(rows) THEN
        RETURN QUERY SELECT b.* FROM _contact_status.import_batch(import_batch.schema, import_batch.account_id, import_batch.list_id,
                                         rows[half OPERATOR(pg_catalog.+) 1:], careful) b;
    END IF;
END
$import_batch$;
COMMENT ON FUNCTION _contact_status.import_batch(name, bigint, bigint, _contact_status.import_row[], boolean) IS
'imports rows with distinct addresses and returns their outcomes; careful: allow for concurrent inserts of the same rows';

CREATE FUNCTION _contact_status.import_query(schema name, source regclass, list_id bigint, account_id bigint) RETURNS text
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
                  HINT = 'A staging table has email and, if wanted, occurred_at, evidence and status.';
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
        SELECT pg_catalog.array_agg(ROW(n, email, coalesce(occurred_at, $1), evidence, status,
                   CASE WHEN normal IS NULL OR normal OPERATOR(pg_catalog.!~) '^[^[:space:]@]+@[^[:space:]@]+$'
                             OR pg_catalog.length(normal) OPERATOR(pg_catalog.>) 320 THEN 'invalid_address'
                        WHEN normal OPERATOR(pg_catalog.=) previous THEN 'duplicate'
                        WHEN occurred_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp() OR NOT pg_catalog.isfinite(occurred_at) THEN 'refused'
                        WHEN status IS NOT NULL AND (means IS NULL OR means OPERATOR(pg_catalog.=) ANY ('{unconfirmed,deleted}')) THEN 'refused'
                        WHEN means OPERATOR(pg_catalog.=) ANY ('{unsubscribed,complained,hard_bounced}') THEN 'suppressed' END,
                   found, means OPERATOR(pg_catalog.=) ANY ('{unresponsive,suspended,failing}'))::_contact_status.import_row) AS rows
          FROM (SELECT b.*, c.contact_id AS found, pg_catalog.row_number() OVER w AS ordinal, pg_catalog.lag(normal) OVER w AS previous
                  FROM (SELECT *, contact_status.normalize_address(email) AS normal,
                               CASE WHEN status IS NOT NULL THEN _contact_status.any_label(status) END AS means
                          FROM (SELECT pg_catalog.row_number() OVER () AS n, email::pg_catalog.text, %s AS occurred_at, %s AS evidence,
                                       %s AS status FROM %s) a) b
                  LEFT JOIN ONLY %I.contact c ON c.account_id OPERATOR(pg_catalog.=) $2
                   AND contact_status.normalize_address(c.email) OPERATOR(pg_catalog.=) b.normal
                WINDOW w AS (ORDER BY c.contact_id NULLS LAST, b.normal COLLATE pg_catalog."C", b.means DESC NULLS LAST, b.n)) c
         GROUP BY (ordinal OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) 5000
         ORDER BY (ordinal OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) 5000
    $q$, CASE WHEN 'occurred_at' = ANY (has) THEN '_contact_status.any_time(occurred_at::pg_catalog.text)' ELSE 'NULL::pg_catalog.timestamptz' END,
         CASE WHEN 'evidence' = ANY (has) THEN 'evidence::pg_catalog.text' ELSE 'NULL::pg_catalog.text' END,
         CASE WHEN 'status' = ANY (has) THEN 'CASE WHEN pg_catalog.btrim(status::pg_catalog.text) OPERATOR(pg_catalog.<>) '''' THEN pg_catalog.btrim(status::pg_catalog.text) END'
              ELSE 'NULL::pg_catalog.text' END,
         import_query.source, import_query.schema);
END
$import_query$;
COMMENT ON FUNCTION _contact_status.import_query(name, regclass, bigint, bigint) IS
'query that reads a staging table in batches, as the calling role';

-- no SET search_path: the triggers of the application would run with it
CREATE FUNCTION contact_status.import_contacts(
    schema name, account_id bigint, list_id bigint, source regclass,
    OUT row_number bigint, OUT email text, OUT contact_id bigint, OUT outcome text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE STRICT
    SET jit = off
AS $import_contacts$
DECLARE
    batch _contact_status.import_row[];
BEGIN
    PERFORM _contact_status.refuse_read_only('import_contacts');
    PERFORM _contact_status.check_installation(import_contacts.schema, '{policy,account,list,contact}');
    FOR batch IN EXECUTE _contact_status.import_query(import_contacts.schema, import_contacts.source, import_contacts.list_id,
                                                      import_contacts.account_id)
                 USING pg_catalog.clock_timestamp(), import_contacts.account_id LOOP
        RETURN QUERY SELECT b.* FROM _contact_status.import_batch(import_contacts.schema, import_contacts.account_id,
                                                                 import_contacts.list_id, batch, false) b;
    END LOOP;
END
$import_contacts$;
COMMENT ON FUNCTION contact_status.import_contacts(name, bigint, bigint, regclass) IS
'adds the addresses of a staging table to a list, and returns the outcome of each row: added, already_subscribed, '
'suppressed, refused, invalid_address, duplicate or over_limit';
