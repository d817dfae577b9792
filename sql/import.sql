-- Import from a staging table, row by row in outcome, by the batch in work.

CREATE TYPE contact_status.import_row AS (
    n           bigint,
    email       text,
    occurred_at timestamptz,
    evidence    text,
    status      text,
    problem     text,
    found       bigint
);
COMMENT ON TYPE contact_status.import_row IS
'a row of a staging table; problem is its outcome where that is known before anything is written; found is the contact that has the address';

CREATE FUNCTION contact_status.any_label(label text) RETURNS contact_status.contact_status
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
            NULL;   -- a word of another vocabulary
        END;
    END LOOP;
    RETURN found;
END
$any_label$;
COMMENT ON FUNCTION contact_status.any_label(text) IS
'the most restrictive status that a word means in any vocabulary; null: in none';

CREATE FUNCTION contact_status.any_time(given text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $any_time$
BEGIN
    RETURN given::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN 'infinity';   -- which no event can have
END
$any_time$;
COMMENT ON FUNCTION contact_status.any_time(text) IS
'the time that a text means; infinity where it means none';

CREATE FUNCTION contact_status.import_batch(
    schema name, account_id bigint, list_id bigint, rows contact_status.import_row[], careful boolean,
    OUT n bigint, OUT email text, OUT contact_id bigint, OUT outcome text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $import_batch$
DECLARE
    refuses boolean;
    is_limited boolean;
    counting bigint;
    opt_out record;
    half integer := cardinality(rows) / 2;
    on_conflict text;
    emails text[] := ARRAY(SELECT r.email FROM unnest(rows) r);   -- in the order of rows
    numbers regclass := pg_get_serial_sequence(format('%I.contact', import_batch.schema), 'contact_id');
    before record;
    known bigint[];
    ids bigint[];          -- of the contacts of rows, as they are or are to be
    came_back boolean;
    settled record;
    has_status boolean := EXISTS (SELECT FROM unnest(rows) r WHERE r.status IS NOT NULL);
BEGIN
    -- a block of its own: what a bad row does is taken back with its batch
    FOR attempt IN 1 .. 100 LOOP
    BEGIN
        PERFORM contact_status.begin_attempt();
        on_conflict := CASE WHEN careful THEN 'ON CONFLICT DO NOTHING' ELSE '' END;
        EXECUTE format('SELECT p.complained_insert = ''refuse'', a.contact_limit IS NOT NULL FROM %1$I.account a '
                       'JOIN %1$I.policy p ON p.name = a.policy WHERE a.account_id = $1', import_batch.schema)
           INTO refuses, is_limited USING import_batch.account_id;

        -- who there is, and who is on the list already; locked in the order of their ids, as all lock them
        IF careful THEN
            before := contact_status.resolve_addresses(import_batch.schema, import_batch.account_id, import_batch.list_id, emails, NULL);
        ELSE
            before := contact_status.resolve_addresses(import_batch.schema, import_batch.account_id, import_batch.list_id,
                          array_fill(NULL::text, ARRAY[cardinality(rows)]), ARRAY(SELECT r.found FROM unnest(rows) r));
        END IF;
        known := ARRAY(SELECT DISTINCT id FROM unnest(before.contact_ids) id WHERE id IS NOT NULL ORDER BY id);
        IF known <> '{}' THEN
            PERFORM contact_status.settle_contacts(import_batch.schema, array_fill(import_batch.account_id, ARRAY[cardinality(known)]),
                                                   known, false, clock_timestamp());
        END IF;

        -- contacts, in the order of their addresses, which is that of rows
        IF careful OR NOT has_sequence_privilege(numbers, 'USAGE') THEN
            EXECUTE format('INSERT INTO %1$I.contact (account_id, email) SELECT $1, btrim(r.email) '
                           'FROM unnest($2, $3) r (n, email, occurred_at, evidence, status, problem, found, contact_id) '
                           'WHERE r.problem IS NULL AND r.contact_id IS NULL '
                           'AND NOT ($4 AND contact_status.is_suppressed($5, $1, r.email, ''complained'')) ' || on_conflict,
                           import_batch.schema)
              USING import_batch.account_id, rows, before.contact_ids, refuses, import_batch.schema;
            settled := contact_status.resolve_addresses(import_batch.schema, import_batch.account_id, NULL, emails, before.contact_ids);
            ids := settled.contact_ids;
        ELSE
            -- who may choose their ids need not look them up
            EXECUTE 'SELECT array_agg(CASE WHEN r.contact_id IS NULL AND r.problem IS NULL '
                    'AND NOT ($4 AND contact_status.is_suppressed($5, $3, r.email, ''complained'')) '
                    'THEN nextval($6) ELSE r.contact_id END ORDER BY r.ordinal) '
                    'FROM unnest($1, $2) WITH ORDINALITY r (n, email, occurred_at, evidence, status, problem, found, contact_id, ordinal)'
               INTO ids USING rows, before.contact_ids, import_batch.account_id, refuses, import_batch.schema, numbers;
            EXECUTE format('INSERT INTO %1$I.contact (account_id, contact_id, email) SELECT $1, r.contact_id, btrim(r.email) '
                           'FROM unnest($2, $3, $4) r (n, email, occurred_at, evidence, status, problem, found, contact_id, before) '
                           'WHERE r.contact_id IS NOT NULL AND r.before IS NULL', import_batch.schema)
              USING import_batch.account_id, rows, ids, before.contact_ids;
        END IF;

        -- events, in the order of their contacts; who is on hold in the source is on hold here
        EXECUTE format('INSERT INTO %1$I.event (account_id, contact_id, list_id, kind, occurred_at, source, evidence) '
                       'SELECT $1, r.contact_id, $2, ''added'', r.occurred_at, ''import'', r.evidence '
                       'FROM unnest($3, $4) r (n, email, occurred_at, evidence, status, problem, found, contact_id) '
                       'WHERE r.problem IS NULL AND r.contact_id IS NOT NULL '
                       'ORDER BY r.contact_id ' || on_conflict, import_batch.schema)
          USING import_batch.account_id, import_batch.list_id, rows, ids;
        IF has_status THEN
            EXECUTE format('INSERT INTO %1$I.event (account_id, contact_id, kind, occurred_at, source) '
                           'SELECT $1, r.contact_id, ''suspended'', r.occurred_at, ''import'' '
                           'FROM unnest($2, $3) r (n, email, occurred_at, evidence, status, problem, found, contact_id) '
                           'WHERE r.problem IS NULL AND r.contact_id IS NOT NULL '
                           'AND contact_status.any_label(r.status) IN (''unresponsive'', ''suspended'', ''failing'') '
                           'ORDER BY r.contact_id ' || on_conflict, import_batch.schema)
              USING import_batch.account_id, rows, ids;
        END IF;

        -- opt-outs, complaints and dead addresses in the source
        FOR opt_out IN
            SELECT r.email, r.occurred_at,
                   (CASE contact_status.any_label(r.status) WHEN 'unsubscribed' THEN 'unsubscribed'
                         WHEN 'complained' THEN 'complained' ELSE 'invalidated' END)::contact_status.event_kind AS kind
              FROM unnest(rows, before.contact_ids) r (n, email, occurred_at, evidence, status, problem, found, contact_id)
             WHERE r.problem = 'suppressed'
             ORDER BY r.contact_id NULLS LAST, contact_status.normalize_address(r.email) COLLATE "C"
        LOOP
            IF NOT (contact_status.suppress_once(import_batch.schema, import_batch.account_id, opt_out.email, opt_out.kind,
                        CASE WHEN opt_out.kind = 'unsubscribed' THEN import_batch.list_id END, opt_out.occurred_at, 'import')).done THEN
                RAISE EXCEPTION 'could not serialize access due to concurrent insert'
                    USING ERRCODE = 'serialization_failure', HINT = 'Retry the transaction.';
            END IF;
        END LOOP;

        IF is_limited THEN
            -- contacts may count by being there alone
            EXECUTE format('SELECT count(*) FROM unnest($2, $3) r (before, after) JOIN ONLY %1$I.contact c ON c.account_id = $1 AND c.contact_id = r.after '
                           'JOIN %1$I.account a ON a.account_id = $1 JOIN %1$I.policy p ON p.name = a.policy '
                           'WHERE r.before IS NULL AND c.status = ANY (p.counted)', import_batch.schema)
               INTO counting USING import_batch.account_id, before.contact_ids, ids;
            IF counting > 0 THEN
                PERFORM contact_status.check_limit(import_batch.schema, import_batch.account_id);
            END IF;
        END IF;
        -- what became of those of whom something was known, or came back with their address
        came_back := pg_relation_size(format('%I.suppression', import_batch.schema)) > 0;
        settled := contact_status.resolve_addresses(import_batch.schema, import_batch.account_id, import_batch.list_id,
            array_fill(NULL::text, ARRAY[cardinality(emails)]),
            CASE WHEN came_back THEN ids
                 ELSE ARRAY(SELECT CASE WHEN r.before IS NOT NULL THEN r.after END FROM unnest(before.contact_ids, ids) r (before, after)) END);

        RETURN QUERY
            SELECT r.n, r.email, r.contact_id,
                   CASE WHEN r.problem IS NOT NULL THEN r.problem
                        WHEN r.contact_id IS NULL THEN 'refused'
                        WHEN r.consent = 'unsubscribed' OR r.status_now IN ('complained', 'hard_bounced', 'deleted') THEN 'suppressed'
                        WHEN r.consent_before IS NOT NULL THEN 'already_subscribed'
                        ELSE 'added' END
              FROM unnest(rows, ids, settled.consents, settled.statuses, before.consents)
                   r (n, email, occurred_at, evidence, status, problem, found, contact_id, consent, status_now, consent_before);
        RETURN;
    EXCEPTION
        WHEN unique_violation OR foreign_key_violation THEN
            -- somebody was faster, an event is there already, or a trigger chose another id: seldom, so that only then it costs something
            IF NOT careful THEN
                careful := true;
                CONTINUE;
            ELSIF cardinality(rows) = 1 THEN
                RETURN QUERY SELECT rows[1].n, rows[1].email, NULL::bigint, 'refused'::text;
                RETURN;
            END IF;
            EXIT;
        WHEN serialization_failure OR deadlock_detected THEN
            -- an address of ours found its contact, or its opt-out, at the same moment: once it is written it can be seen
            IF NOT contact_status.may_attempt_again(attempt, SQLSTATE, SQLERRM) THEN
                RAISE;
            END IF;
            careful := true;
        WHEN configuration_limit_exceeded THEN
            IF cardinality(rows) = 1 THEN
                RETURN QUERY SELECT rows[1].n, rows[1].email, NULL::bigint, 'over_limit'::text;
                RETURN;
            END IF;
            EXIT;
        WHEN OTHERS THEN
            -- what is not the row's fault is not its outcome
            IF left(SQLSTATE, 2) IN ('40', '42', '53', '55', '57', '58', 'XX') THEN
                RAISE;
            ELSIF cardinality(rows) = 1 THEN
                RETURN QUERY SELECT rows[1].n, rows[1].email, NULL::bigint, 'refused'::text;
                RETURN;
            END IF;
            EXIT;
    END;
    END LOOP;
    -- one of them is bad: find it
    RETURN QUERY SELECT * FROM contact_status.import_batch(import_batch.schema, import_batch.account_id, import_batch.list_id, rows[:half], careful);
    RETURN QUERY SELECT * FROM contact_status.import_batch(import_batch.schema, import_batch.account_id, import_batch.list_id, rows[half + 1:], careful);
END
$import_batch$;
COMMENT ON FUNCTION contact_status.import_batch(name, bigint, bigint, contact_status.import_row[], boolean) IS
'imports some rows, each of another address, and says what became of each; careful: others may have inserted the same';

CREATE FUNCTION contact_status.import_contacts(
    schema name, account_id bigint, list_id bigint, source regclass,
    OUT row_number bigint, OUT email text, OUT contact_id bigint, OUT outcome text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $import_contacts$
DECLARE
    now timestamptz := clock_timestamp();
    has text[];
    known boolean;
    batch contact_status.import_row[];
    rows refcursor;
BEGIN
    PERFORM contact_status.refuse_read_only('import_contacts');
    SELECT coalesce(array_agg(attname::text), '{}') INTO has
      FROM pg_attribute WHERE attrelid = import_contacts.source AND attnum > 0 AND NOT attisdropped;
    IF NOT 'email' = ANY (has) THEN
        RAISE EXCEPTION 'table % has no column email', import_contacts.source
            USING ERRCODE = 'undefined_column',
                  HINT = 'A staging table has email and, if wanted, occurred_at, evidence and status.';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.list WHERE account_id = $1 AND list_id = $2)', import_contacts.schema)
       INTO known USING import_contacts.account_id, import_contacts.list_id;
    IF NOT known THEN
        RAISE EXCEPTION 'list % of account % does not exist', import_contacts.list_id, import_contacts.account_id
            USING ERRCODE = 'foreign_key_violation', HINT = 'Insert it into table list first.';
    END IF;

    PERFORM contact_status.take_turn(import_contacts.schema, import_contacts.account_id, 'status' = ANY (has));

    -- of several rows with one address the most restrictive counts, and of those the first; addresses of contacts come first,
    -- in the order in which all lock these
    OPEN rows FOR EXECUTE format($q$
        SELECT array_agg(ROW(n, email, coalesce(occurred_at, $1), evidence, status,
                   CASE WHEN normal IS NULL OR normal !~ '^[^[:space:]@]+@[^[:space:]@]+$' OR length(normal) > 320 THEN 'invalid_address'
                        WHEN normal = previous THEN 'duplicate'
                        WHEN occurred_at > clock_timestamp() OR NOT isfinite(occurred_at) THEN 'refused'
                        WHEN status IS NOT NULL AND (means IS NULL OR means IN ('unconfirmed', 'deleted')) THEN 'refused'
                        WHEN means IN ('unsubscribed', 'complained', 'hard_bounced') THEN 'suppressed' END,
                   found)::contact_status.import_row)
          FROM (SELECT b.*, c.contact_id AS found, row_number() OVER w AS ordinal, lag(normal) OVER w AS previous
                  FROM (SELECT *, contact_status.normalize_address(email) AS normal,
                               CASE WHEN status IS NOT NULL THEN contact_status.any_label(status) END AS means
                          FROM (SELECT row_number() OVER () AS n, email::text, %s AS occurred_at, %s AS evidence,
                                       nullif(btrim(%s), '') AS status FROM %s) a) b
                  LEFT JOIN ONLY %I.contact c ON c.account_id = $2 AND contact_status.normalize_address(c.email) = b.normal
                WINDOW w AS (ORDER BY c.contact_id NULLS LAST, b.normal COLLATE "C", b.means DESC NULLS LAST, b.n)) c
         GROUP BY (ordinal - 1) / 5000 ORDER BY (ordinal - 1) / 5000
    $q$, CASE WHEN 'occurred_at' = ANY (has) THEN 'contact_status.any_time(occurred_at::text)' ELSE 'NULL::timestamptz' END,
         CASE WHEN 'evidence' = ANY (has) THEN 'evidence::text' ELSE 'NULL::text' END,
         CASE WHEN 'status' = ANY (has) THEN 'status::text' ELSE 'NULL::text' END,
         import_contacts.source, import_contacts.schema) USING now, import_contacts.account_id;
    LOOP
        FETCH rows INTO batch;
        EXIT WHEN NOT FOUND;
        RETURN QUERY SELECT * FROM contact_status.import_batch(import_contacts.schema, import_contacts.account_id,
                                                               import_contacts.list_id, batch, false);
    END LOOP;
    CLOSE rows;
END
$import_contacts$;
COMMENT ON FUNCTION contact_status.import_contacts(name, bigint, bigint, regclass) IS
'adds the addresses of a staging table to a list, and says of each row: added, already_subscribed, suppressed, refused, invalid_address, duplicate or over_limit';
