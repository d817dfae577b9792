-- Partitions of the log.

CREATE FUNCTION _contact_status.unguarded_partitions(schema name) RETURNS SETOF regclass
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT i.inhrelid::regclass
      FROM pg_catalog.pg_inherits i
     WHERE i.inhparent = to_regclass(quote_ident(schema::text) || '.event')
       AND (SELECT count(*) FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
             WHERE t.tgrelid = i.inhrelid AND p.pronamespace = '_contact_status'::regnamespace
               AND p.proname IN ('apply_events', 'refuse_truncate')) < 2;
END;
COMMENT ON FUNCTION _contact_status.unguarded_partitions(name) IS
'partitions of the log that lack the triggers for direct inserts and TRUNCATE';

CREATE FUNCTION _contact_status.guard_partition(partition regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $guard$
DECLARE
    guards name[] := ARRAY(SELECT p.proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                            WHERE t.tgrelid = guard_partition.partition AND p.pronamespace = '_contact_status'::regnamespace);
BEGIN
    IF NOT guards @> '{apply_events}' THEN
        EXECUTE format('CREATE TRIGGER contact_status_apply AFTER INSERT ON %s REFERENCING NEW TABLE AS events '
                       'FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.apply_events()', guard_partition.partition);
    END IF;
    IF NOT guards @> '{refuse_truncate}' THEN
        EXECUTE format('CREATE TRIGGER contact_status_refuse_truncate BEFORE TRUNCATE ON %s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.refuse_truncate()', guard_partition.partition);
    END IF;
    -- the partition does not inherit these settings of the log
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', guard_partition.partition);
    IF (SELECT c.relrowsecurity FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent WHERE i.inhrelid = guard_partition.partition) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guard_partition.partition);
    END IF;
END
$guard$;
COMMENT ON FUNCTION _contact_status.guard_partition(regclass) IS
'creates the missing triggers of a partition of the log';

CREATE FUNCTION _contact_status.guard_partitions(schema name) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $guard$
DECLARE
    partition regclass;
    guarded bigint := 0;
BEGIN
    PERFORM _contact_status.check_owner(guard_partitions.schema);
    FOR partition IN SELECT u FROM _contact_status.unguarded_partitions(guard_partitions.schema) u LOOP
        PERFORM _contact_status.guard_partition(partition);
        guarded := guarded + 1;
    END LOOP;
    RETURN guarded;
END
$guard$;
COMMENT ON FUNCTION _contact_status.guard_partitions(name) IS
'creates the missing triggers of the partitions of the log; returns the number of changed partitions';

CREATE FUNCTION _contact_status.guard_own_partitions(schema name) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $guard$
BEGIN
    IF EXISTS (SELECT FROM _contact_status.unguarded_partitions(guard_own_partitions.schema))
       AND pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass(format('%I.event', guard_own_partitions.schema))), 'USAGE') THEN
        RETURN _contact_status.guard_partitions(guard_own_partitions.schema);
    END IF;
    RETURN 0;
END
$guard$;
COMMENT ON FUNCTION _contact_status.guard_own_partitions(name) IS
'guard_partitions if the caller owns the log; else does nothing';

CREATE FUNCTION _contact_status.period_start(every interval, at timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- periods of whole months count from January 2000, others from Monday, 2000-01-03
    SELECT CASE WHEN extract(year FROM every) * 12 + extract(month FROM every) > 0 THEN
               (timestamp '2000-01-01' + every * floor(
                    ((extract(year FROM at AT TIME ZONE 'UTC') - 2000) * 12 + extract(month FROM at AT TIME ZONE 'UTC') - 1)
                    / (extract(year FROM every) * 12 + extract(month FROM every)))::double precision) AT TIME ZONE 'UTC'
           ELSE date_bin(every, at, timestamptz '2000-01-03 00:00:00+00') END;
END;
COMMENT ON FUNCTION _contact_status.period_start(interval, timestamptz) IS
'start, in UTC, of the period of a length that includes a moment';

CREATE FUNCTION _contact_status.add_partition(schema name, begins timestamptz, ends timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $add$
DECLARE
    log regclass := format('%I.event', add_partition.schema);
    partition text := format('%I.%I', add_partition.schema, 'event_p' || to_char(begins AT TIME ZONE 'UTC',
        CASE WHEN begins AT TIME ZONE 'UTC' = date_trunc('day', begins AT TIME ZONE 'UTC') THEN 'YYYYMMDD' ELSE 'YYYYMMDD_HH24MI' END));
    rest regclass := (SELECT nullif(p.partdefid, 0) FROM pg_partitioned_table p WHERE p.partrelid = log);
    columns text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                      WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND attgenerated = '');
    period text := format('occurred_at >= %L AND occurred_at < %L', add_partition.begins, add_partition.ends);
    triggers_back text;
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES)', partition, log);
    -- Move the rows of this period out of the default partition. The log as a whole does not change, so triggers must
    -- not fire.
    IF pg_relation_size(rest) > 0 THEN
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM %3$s WHERE %4$s', partition, columns, rest, period);
        triggers_back := (SELECT string_agg(format('ALTER TABLE %s %s TRIGGER %I', rest,
                                     CASE t.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END,
                                     t.tgname), ';')
                            FROM pg_trigger t WHERE t.tgrelid = rest AND NOT t.tgisinternal AND t.tgenabled <> 'D');
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', rest);
        EXECUTE format('DELETE FROM %s WHERE %s', rest, period);
        EXECUTE triggers_back;
    END IF;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', log, partition, add_partition.begins, add_partition.ends);
    PERFORM _contact_status.guard_partition(partition::regclass);
    RETURN true;
EXCEPTION WHEN invalid_object_definition THEN
    -- another partition overlaps the period
    RETURN false;
END
$add$;
COMMENT ON FUNCTION _contact_status.add_partition(name, timestamptz, timestamptz) IS
'creates a partition of the log and moves rows of the default partition into it; false if the period is taken';

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
    rest oid;
    added integer := 0;
BEGIN
    PERFORM _contact_status.check_installation(add_partitions.schema);
    PERFORM _contact_status.check_owner(add_partitions.schema);
    IF coalesce(add_partitions.every < '1 hour', true) OR NOT isfinite(add_partitions.every)
       OR NOT isfinite(coalesce(add_partitions.since, now())) OR NOT isfinite(coalesce(add_partitions.until, now()))
       OR date_trunc('minute', add_partitions.every) <> add_partitions.every
       OR date_trunc('month', add_partitions.every) > '0' AND date_trunc('month', add_partitions.every) <> add_partitions.every THEN
        RAISE EXCEPTION 'the log cannot be partitioned by "%"', add_partitions.every
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give whole months, or days and hours, for example ''1 month'', and finite times.';
    END IF;
    SELECT p.partdefid INTO rest FROM pg_partitioned_table p WHERE p.partrelid = format('%I.event', add_partitions.schema)::regclass;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the log in schema "%" is not partitioned', add_partitions.schema
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Create the installation with contact_status.create_tables(..., partition_by => ...).';
    END IF;
    -- Take the final lock at once. The weaker lock admits writers, but rows cannot be moved out of the default
    -- partition under it.
    EXECUTE format('LOCK TABLE ONLY %I.event IN %s MODE', add_partitions.schema,
                   CASE WHEN rest <> 0 AND pg_relation_size(rest) > 0 THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE UPDATE EXCLUSIVE' END);
    begins := _contact_status.period_start(add_partitions.every, coalesce(add_partitions.since, now()));
    last := coalesce(add_partitions.until, now() + 3 * add_partitions.every);
    WHILE begins < last LOOP
        ends := (begins AT TIME ZONE 'UTC' + add_partitions.every) AT TIME ZONE 'UTC';
        IF _contact_status.add_partition(add_partitions.schema, begins, ends) THEN
            added := added + 1;
        END IF;
        begins := ends;
    END LOOP;
    RETURN added;
END
$add$;
COMMENT ON FUNCTION contact_status.add_partitions(name, interval, timestamptz, timestamptz) IS
'creates missing partitions of the log from now (or since) on, three ahead (or until); returns their number';

CREATE FUNCTION _contact_status.partition_end(partition oid) RETURNS timestamptz
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']*)''\)'))[1]::timestamptz, 'infinity')
      FROM pg_class c WHERE c.oid = partition;
END;
COMMENT ON FUNCTION _contact_status.partition_end(oid) IS
'end of the period of a partition; infinity for the last and the default one';

CREATE FUNCTION contact_status.drop_partition(schema name, partition regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $drop$
DECLARE
    ends timestamptz;
    needed boolean;
BEGIN
    PERFORM _contact_status.check_installation(drop_partition.schema);
    PERFORM _contact_status.check_owner(drop_partition.schema);
    IF NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = drop_partition.partition
                      AND i.inhparent = format('%I.event', drop_partition.schema)::regclass) THEN
        RAISE EXCEPTION 'table % is no partition of the log in schema "%"', drop_partition.partition, drop_partition.schema
            USING ERRCODE = 'wrong_object_type', HINT = 'Name a partition of table event.';
    END IF;
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'a partition of the log cannot be dropped in a transaction that is %', upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'active_sql_transaction', DETAIL = 'Its snapshot does not show events that were recorded since.',
                  HINT = 'Use a READ COMMITTED transaction.';
    END IF;
    -- lock the log first, as every writer does; this blocks new events until the partition is dropped
    EXECUTE format('LOCK TABLE ONLY %I.event IN ACCESS EXCLUSIVE MODE', drop_partition.schema);
    ends := _contact_status.partition_end(drop_partition.partition);
    EXECUTE format($query$
        SELECT EXISTS (SELECT FROM ONLY %1$I.account a
                        WHERE coalesce(a.horizon_kept, '-infinity') < $1
                          AND EXISTS (SELECT FROM %2$s e WHERE e.account_id = a.account_id
                                         AND e.occurred_at >= coalesce(a.horizon_kept, '-infinity')))
            OR EXISTS (SELECT FROM ONLY %1$I.checkpoint k
                        WHERE k.late_since < $1
                          AND EXISTS (SELECT FROM %2$s e WHERE e.account_id = k.account_id AND e.contact_id = k.contact_id
                                         AND e.occurred_at >= k.late_since))
        $query$, drop_partition.schema, drop_partition.partition)
       INTO needed USING ends;
    IF needed THEN
        RAISE EXCEPTION 'partition % holds events from which statuses follow', drop_partition.partition
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'They are not all before the horizon of their account, or were recorded after it was set.',
                  HINT = 'Set a horizon first: SELECT contact_status.set_horizon(schema, account_id, before).';
    END IF;
    EXECUTE format('DROP TABLE %s', drop_partition.partition);
END
$drop$;
COMMENT ON FUNCTION contact_status.drop_partition(name, regclass) IS
'drops a partition of the log; raises 55000 if statuses depend on its events';

CREATE FUNCTION contact_status.drop_partitions(schema name, before timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $drop$
DECLARE
    partition regclass;
    dropped integer := 0;
BEGIN
    PERFORM _contact_status.check_installation(drop_partitions.schema);
    PERFORM _contact_status.check_owner(drop_partitions.schema);
    EXECUTE format('LOCK TABLE ONLY %I.event IN ACCESS EXCLUSIVE MODE', drop_partitions.schema);
    FOR partition IN
        SELECT i.inhrelid FROM pg_inherits i
         WHERE i.inhparent = format('%I.event', drop_partitions.schema)::regclass
           AND _contact_status.partition_end(i.inhrelid) <= drop_partitions.before
         ORDER BY _contact_status.partition_end(i.inhrelid)
    LOOP
        PERFORM contact_status.drop_partition(drop_partitions.schema, partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$drop$;
COMMENT ON FUNCTION contact_status.drop_partitions(name, timestamptz) IS
'drops the partitions of the log that end at or before a moment, as drop_partition does; returns their number';

