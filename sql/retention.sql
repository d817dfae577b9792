-- The log in partitions, and how long it is kept.

-- partitions

CREATE FUNCTION contact_status.guard_partition(partition regclass) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_guard_partition';
COMMENT ON FUNCTION contact_status.guard_partition(regclass) IS
'gives a partition of the log the triggers that it lacks';

CREATE FUNCTION contact_status.unguarded_partitions(schema name) RETURNS SETOF regclass
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT i.inhrelid::regclass
      FROM pg_catalog.pg_inherits i
     WHERE i.inhparent = to_regclass(quote_ident(schema::text) || '.event')
       AND (SELECT count(*) FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
             WHERE t.tgrelid = i.inhrelid AND p.pronamespace = 'contact_status'::regnamespace
               AND p.proname IN ('apply_events', 'refuse_truncate')) < 2;
END;
COMMENT ON FUNCTION contact_status.unguarded_partitions(name) IS
'partitions of the log without the triggers that apply what is inserted into them directly, and refuse TRUNCATE';

CREATE FUNCTION contact_status.check_owner(schema name) RETURNS void
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = format('%I.event', check_owner.schema)::regclass), 'USAGE') THEN
        RAISE EXCEPTION 'the log in schema "%" is not yours', check_owner.schema
            USING ERRCODE = 'insufficient_privilege', HINT = 'Call the function as the owner of the tables.';
    END IF;
END
$$;
COMMENT ON FUNCTION contact_status.check_owner(name) IS
'fails with 42501 unless the log is the caller''s, who then may create partitions';

CREATE FUNCTION contact_status.guard_partitions(schema name) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    partition regclass;
    guarded bigint := 0;
BEGIN
    PERFORM contact_status.check_owner(guard_partitions.schema);
    FOR partition IN SELECT contact_status.unguarded_partitions(guard_partitions.schema) LOOP
        PERFORM contact_status.guard_partition(partition);
        guarded := guarded + 1;
    END LOOP;
    RETURN guarded;
END
$$;
COMMENT ON FUNCTION contact_status.guard_partitions(name) IS
'gives the partitions of the log the triggers that they lack; returns how many lacked some';

CREATE FUNCTION contact_status.period_start(every interval, at timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- months since 2000, or else lengths since a Monday
    SELECT CASE WHEN extract(year FROM every) * 12 + extract(month FROM every) > 0 THEN
               (timestamp '2000-01-01' + every * floor(
                    ((extract(year FROM at AT TIME ZONE 'UTC') - 2000) * 12 + extract(month FROM at AT TIME ZONE 'UTC') - 1)
                    / (extract(year FROM every) * 12 + extract(month FROM every)))::double precision) AT TIME ZONE 'UTC'
           ELSE date_bin(every, at, timestamptz '2000-01-03 00:00:00+00') END;
END;
COMMENT ON FUNCTION contact_status.period_start(interval, timestamptz) IS
'when the period of a length begins that holds a moment, in UTC';

CREATE FUNCTION contact_status.add_partitions(
    schema name, every interval, until timestamptz DEFAULT NULL, since timestamptz DEFAULT NULL
) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $add$
DECLARE
    begins timestamptz;
    ends timestamptz;
    last timestamptz;
    added integer := 0;
BEGIN
    PERFORM contact_status.check_owner(add_partitions.schema);
    IF add_partitions.schema IS NULL OR coalesce(add_partitions.every < '1 hour', true) OR NOT isfinite(add_partitions.every)
       OR NOT isfinite(coalesce(add_partitions.since, now())) OR NOT isfinite(coalesce(add_partitions.until, now()))
       OR date_trunc('minute', add_partitions.every) <> add_partitions.every
       OR date_trunc('month', add_partitions.every) > '0' AND date_trunc('month', add_partitions.every) <> add_partitions.every THEN
        RAISE EXCEPTION 'the log cannot be partitioned by "%"', add_partitions.every
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give whole months, or days and hours, for example ''1 month'', and finite times.';
    ELSIF NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = format('%I.event', add_partitions.schema)::regclass) THEN
        RAISE EXCEPTION 'the log in schema "%" is not partitioned', add_partitions.schema
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Create the installation with contact_status.create_tables(..., partition_by => ...).';
    END IF;
    begins := contact_status.period_start(add_partitions.every, coalesce(add_partitions.since, now()));
    last := coalesce(add_partitions.until, now() + 3 * add_partitions.every);
    WHILE begins < last LOOP
        ends := (begins AT TIME ZONE 'UTC' + add_partitions.every) AT TIME ZONE 'UTC';
        IF contact_status.add_partition(add_partitions.schema, begins, ends) THEN
            added := added + 1;
        END IF;
        begins := ends;
    END LOOP;
    RETURN added;
END
$add$;
COMMENT ON FUNCTION contact_status.add_partitions(name, interval, timestamptz, timestamptz) IS
'creates the partitions of the log that are missing, from now (or since) on and three ahead (or until); returns how many';

CREATE FUNCTION contact_status.add_partition(schema name, begins timestamptz, ends timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $add$
DECLARE
    log regclass := format('%I.event', add_partition.schema);
    partition text := format('%I.%I', add_partition.schema, 'event_p' || to_char(begins AT TIME ZONE 'UTC',
        CASE WHEN begins AT TIME ZONE 'UTC' = date_trunc('day', begins AT TIME ZONE 'UTC') THEN 'YYYYMMDD' ELSE 'YYYYMMDD_HH24MI' END));
    rest regclass := (SELECT p.partdefid FROM pg_partitioned_table p WHERE p.partrelid = log);
    create_it text := format('CREATE TABLE %s PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', partition, log,
                             add_partition.begins, add_partition.ends);
    columns text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                      WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND attgenerated = '');
    overdue boolean := false;
    its record;
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF rest <> 0 THEN
        -- nobody adds to it meanwhile
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', log);
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE occurred_at >= $1 AND occurred_at < $2)', rest)
           INTO overdue USING add_partition.begins, add_partition.ends;
    END IF;
    BEGIN
        IF NOT overdue THEN
            EXECUTE create_it;
            RETURN true;
        END IF;
    EXCEPTION WHEN invalid_object_definition THEN
        -- another partition has some of the period
        RETURN false;
    END;

    -- what the default partition holds of the period moves: the log stays the same, so no trigger is to hear of it
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', log);
    EXECUTE format('CREATE TEMPORARY TABLE contact_status_moved ON COMMIT DROP AS '
                   'SELECT %s FROM %s WHERE occurred_at >= %L AND occurred_at < %L', columns, rest, add_partition.begins, add_partition.ends);
    CREATE TEMPORARY TABLE contact_status_disabled ON COMMIT DROP AS
        SELECT t.tgrelid::regclass AS relation, t.tgname AS name,
               CASE t.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END AS back
          FROM pg_trigger t WHERE t.tgrelid IN (log, rest) AND NOT t.tgisinternal AND t.tgenabled <> 'D';
    FOR its IN SELECT * FROM pg_temp.contact_status_disabled LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', its.relation, its.name);
    END LOOP;
    EXECUTE format('DELETE FROM %s WHERE occurred_at >= %L AND occurred_at < %L', rest, add_partition.begins, add_partition.ends);
    EXECUTE create_it;
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', partition);
    EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM pg_temp.contact_status_moved', log, columns);
    EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', partition);
    FOR its IN SELECT * FROM pg_temp.contact_status_disabled LOOP
        EXECUTE format('ALTER TABLE %s %s TRIGGER %I', its.relation, its.back, its.name);
    END LOOP;
    DROP TABLE pg_temp.contact_status_moved, pg_temp.contact_status_disabled;
    RETURN true;
END
$add$;
COMMENT ON FUNCTION contact_status.add_partition(name, timestamptz, timestamptz) IS
'creates a partition of the log, with what the default one holds of its range; false where there is one';

CREATE FUNCTION contact_status.guard_ddl() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_guard_ddl';
COMMENT ON FUNCTION contact_status.guard_ddl() IS
'refuses partitions of a log that come filled or go while statuses follow from them, and tables that inherit from ours; gives new partitions their triggers';

CREATE EVENT TRIGGER contact_status_guard_start ON ddl_command_start
    WHEN TAG IN ('ALTER TABLE', 'DROP TABLE', 'DROP SCHEMA') EXECUTE FUNCTION contact_status.guard_ddl();
COMMENT ON EVENT TRIGGER contact_status_guard_start IS 'refuses to detach or drop partitions of a log from which statuses follow';

CREATE EVENT TRIGGER contact_status_guard_end ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA') EXECUTE FUNCTION contact_status.guard_ddl();
COMMENT ON EVENT TRIGGER contact_status_guard_end IS 'refuses filled partitions and inheriting tables, and gives new partitions their triggers';

-- the horizon

CREATE FUNCTION contact_status.begin_horizon(schema name, account_id bigint, before timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_begin_horizon';
COMMENT ON FUNCTION contact_status.begin_horizon(name, bigint, timestamptz) IS
'sets the horizon of an account, in force when this commits';

CREATE FUNCTION contact_status.keep_facts(schema name, account_id bigint, contacts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_keep_horizons';
COMMENT ON FUNCTION contact_status.keep_facts(name, bigint, bigint[]) IS
'keeps the facts of contacts, given in the order of their ids, as of the horizon of their account';

CREATE FUNCTION contact_status.keep_next_facts(
    schema name, account_id bigint, after_contact bigint, batch integer
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $keep$
DECLARE
    contacts bigint[];
BEGIN
    -- two ordered reads, so that a batch costs by its own length
    EXECUTE replace('SELECT array_agg(contact_id ORDER BY contact_id) FROM ('
                    'SELECT contact_id FROM ('
                    '(SELECT contact_id FROM ONLY @.contact WHERE account_id = $1 AND ($2 IS NULL OR contact_id > $2) ORDER BY contact_id LIMIT $3) '
                    'UNION (SELECT contact_id FROM @.former_contact WHERE account_id = $1 AND ($2 IS NULL OR contact_id > $2) ORDER BY contact_id LIMIT $3)'
                    ') c ORDER BY contact_id LIMIT $3) b', '@', quote_ident(keep_next_facts.schema))
       INTO contacts USING keep_next_facts.account_id, keep_next_facts.after_contact, keep_next_facts.batch;
    IF contacts IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM contact_status.keep_facts(keep_next_facts.schema, keep_next_facts.account_id, contacts);
    RETURN contacts[cardinality(contacts)];
END
$keep$;
COMMENT ON FUNCTION contact_status.keep_next_facts(name, bigint, bigint, integer) IS
'keeps the facts of the next contacts behind one (null: of the first) as of the horizon; returns the last of them, null where there was none';

CREATE FUNCTION contact_status.end_horizon(schema name, account_id bigint, before timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_end_horizon';
COMMENT ON FUNCTION contact_status.end_horizon(name, bigint, timestamptz) IS
'notes that the facts of all contacts of an account are kept as of its horizon';

CREATE FUNCTION contact_status.set_horizon(schema name, account_id bigint, before timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $set$
DECLARE
    last bigint;
BEGIN
    IF num_nulls(set_horizon.schema, set_horizon.account_id, set_horizon.before) > 0 THEN
        RAISE EXCEPTION 'set_horizon needs a schema, an account and a time'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT contact_status.set_horizon(''crm'', 1, ''2026-01-01'').';
    END IF;
    PERFORM contact_status.begin_horizon(set_horizon.schema, set_horizon.account_id, set_horizon.before);
    LOOP
        last := contact_status.keep_next_facts(set_horizon.schema, set_horizon.account_id, last, 10000);
        EXIT WHEN last IS NULL;
    END LOOP;
    PERFORM contact_status.end_horizon(set_horizon.schema, set_horizon.account_id, set_horizon.before);
END
$set$;
COMMENT ON FUNCTION contact_status.set_horizon(name, bigint, timestamptz) IS
'keeps the facts of an account''s contacts as of a moment, from which every later fold starts, so that older events may be dropped; events wait meanwhile: see move_horizon';

CREATE PROCEDURE contact_status.move_horizon(
    schema name, account_id bigint, before timestamptz, batch integer DEFAULT 10000
)
    LANGUAGE plpgsql
AS $move$
DECLARE
    last bigint;
BEGIN
    -- who commits cannot set a search_path, so every name is qualified
    IF move_horizon.schema IS NULL OR move_horizon.account_id IS NULL OR move_horizon.before IS NULL
       OR coalesce(move_horizon.batch OPERATOR(pg_catalog.<) 1, true) THEN
        RAISE EXCEPTION 'move_horizon needs a schema, an account, a time and a batch of at least one'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'For example: CALL contact_status.move_horizon(''crm'', 1, ''2026-01-01'').';
    END IF;
    PERFORM contact_status.begin_horizon(move_horizon.schema, move_horizon.account_id, move_horizon.before);
    LOOP
        COMMIT;
        last := contact_status.keep_next_facts(move_horizon.schema, move_horizon.account_id, last, move_horizon.batch);
        EXIT WHEN last IS NULL;
    END LOOP;
    PERFORM contact_status.end_horizon(move_horizon.schema, move_horizon.account_id, move_horizon.before);
END
$move$;
COMMENT ON PROCEDURE contact_status.move_horizon(name, bigint, timestamptz, integer) IS
'set_horizon in batches, a transaction each, beside writers';

-- what a newer version of the extension wants of tables that exist

CREATE FUNCTION contact_status.upgrade_tables(schema name) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $upgrade$
BEGIN
    IF to_regclass(format('%I.event', upgrade_tables.schema)) IS NULL THEN
        RAISE EXCEPTION 'schema "%" holds no installation', upgrade_tables.schema
            USING ERRCODE = 'undefined_table',
                  HINT = 'Create the tables of an installation with contact_status.create_tables.';
    END IF;
    RETURN contact_status.guard_partitions(upgrade_tables.schema);
END
$upgrade$;
COMMENT ON FUNCTION contact_status.upgrade_tables(name) IS
'brings the tables of an installation to what this version of the extension makes; returns how many had to be';
