-- The streams of events, and the procedures that feed them: all variants are fed the same way.

-- The streams begin here; contacts were added ten days before.
CREATE FUNCTION bench.begin() RETURNS timestamptz LANGUAGE sql STABLE RETURN date_trunc('day', now()) - interval '11 days';

-- One of many, the same for the same number.
CREATE FUNCTION bench.any_of(n bigint, many bigint, seed bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN (hashint8extended(n, seed) & 9007199254740991) % many;

-- bench.stream: the events of ten days and twenty campaigns, in order, contacts random. Opens, clicks, opt-outs and
-- complaints come from whom some thousands of events before something else happened to, which in two of three cases was
-- a delivery; who signs up for list 2 confirms it a while later.
CREATE PROCEDURE bench.make_stream(events bigint, contacts bigint) LANGUAGE plpgsql AS $$
BEGIN
    CREATE UNLOGGED TABLE bench.stream AS
    SELECT n, 1 + bench.any_of(CASE WHEN kind IN ('opened', 'clicked', 'unsubscribed', 'complained') THEN n - 3000
                                    WHEN kind = 'confirmed' THEN n - 2001 ELSE n END, contacts, 1) AS contact_id,
           CASE WHEN kind IN ('signed_up', 'confirmed') THEN 2 WHEN kind = 'unsubscribed' THEN 1 END::bigint AS list_id,
           CASE WHEN kind NOT IN ('signed_up', 'confirmed') THEN 1 + n * 20 / events END AS campaign_id,
           kind, bench.begin() + n * (interval '10 days' / events) AS occurred_at
      FROM (SELECT n, bench.kind_of(n) AS kind FROM generate_series(1::bigint, events) AS n) AS k;
    CREATE UNIQUE INDEX ON bench.stream (n);
    ANALYZE bench.stream;
END $$;

-- The mix: in a thousand events
CREATE FUNCTION bench.kind_of(n bigint) RETURNS contact_status.event_kind LANGUAGE sql IMMUTABLE RETURN (
    SELECT CASE WHEN n % 200 = 7   THEN 'signed_up'      --   5
                WHEN n % 200 = 8   THEN 'confirmed'      --   5
                WHEN per_mille < 4   THEN 'nonexistent'  --   4
                WHEN per_mille < 10  THEN 'hard_bounced' --   6
                WHEN per_mille < 20  THEN 'blocked'      --  10
                WHEN per_mille < 60  THEN 'soft_bounced' --  40
                WHEN per_mille < 68  THEN 'unsubscribed' --   8
                WHEN per_mille < 69  THEN 'complained'   --   1
                WHEN per_mille < 89  THEN 'clicked'      --  20
                WHEN per_mille < 329 THEN 'opened'       -- 240
                ELSE 'delivered' END::contact_status.event_kind   -- the rest, about 660
      FROM bench.any_of(n, 1000, 2) AS per_mille);

-- bench.disordered: the same stream with one event in ten up to a minute of event time late, and one in fifty repeated.
CREATE PROCEDURE bench.make_disordered() LANGUAGE plpgsql AS $$
BEGIN
    CREATE UNLOGGED TABLE bench.disordered AS
    SELECT row_number() OVER (ORDER BY arrives, n) AS n, contact_id, list_id, campaign_id, kind, occurred_at
      FROM (SELECT *, occurred_at + CASE bench.any_of(n, 10, 3) WHEN 0 THEN interval '1 microsecond' * bench.any_of(n, 60000000, 4)
                                         ELSE '0' END AS arrives FROM bench.stream
            UNION ALL
            SELECT *, occurred_at + interval '1 microsecond' * bench.any_of(n, 60000000, 5) FROM bench.stream WHERE bench.any_of(n, 50, 6) = 0) AS s;
    CREATE UNIQUE INDEX ON bench.disordered (n);
    ANALYZE bench.disordered;
END $$;

-- An installation as it was loaded, and back to that.
CREATE PROCEDURE bench.save(source text) LANGUAGE plpgsql AS $$
BEGIN
    CREATE SCHEMA saved;
    EXECUTE format('CREATE UNLOGGED TABLE saved.contact AS SELECT * FROM %I.contact ORDER BY contact_id', source);
    EXECUTE format('CREATE UNLOGGED TABLE saved.subscription AS SELECT * FROM %I.subscription ORDER BY contact_id', source);
    EXECUTE format('CREATE UNLOGGED TABLE saved.event AS SELECT * FROM %I.event ORDER BY contact_id', source);
    EXECUTE format('CREATE UNLOGGED TABLE saved.status_count AS '
                   'SELECT account_id, list_id, pg_current_xact_id() AS written_by, NULL::xid8 AS merged_before, array_agg(total ORDER BY place) AS contacts '
                   'FROM (SELECT n.account_id, n.list_id, u.place, sum(u.contacts)::bigint AS total '
                   '        FROM %I.status_count n, unnest(n.contacts) WITH ORDINALITY u (contacts, place) GROUP BY 1, 2, 3) t GROUP BY 1, 2', source);
END $$;

CREATE PROCEDURE bench.restore(target text) LANGUAGE plpgsql AS $$
DECLARE
    t text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOREACH t IN ARRAY '{event,contact,subscription,status_count}'::text[] LOOP
        EXECUTE format('TRUNCATE %I.%I', target, t);
        EXECUTE format('INSERT INTO %I.%I SELECT * FROM saved.%I', target, t, t);
    END LOOP;
END $$;

-- Makes an installation a bare log. Dropped, not disabled: rows are still gathered for a disabled trigger with a
-- transition table.
CREATE PROCEDURE bench.drop_triggers(target text) LANGUAGE plpgsql AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT tgname, tgrelid::regclass AS name FROM pg_trigger WHERE NOT tgisinternal
              AND tgrelid IN (format('%I.event', target)::regclass, format('%I.contact', target)::regclass) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.name);
    END LOOP;
END $$;

-- Feeds slices of a stream to an installation, a transaction each, from the one after skipped on. touched: the slice's
-- contacts are then updated from that table. Tells the seconds and the WAL in MB.
CREATE PROCEDURE bench.feed(OUT seconds float, OUT wal float, target text, stream text, size bigint, slices bigint,
                            touched text DEFAULT NULL, skipped bigint DEFAULT 0, conflict text DEFAULT '') LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz := clock_timestamp();
    lsn pg_lsn := pg_current_wal_insert_lsn();
    feed text := format('INSERT INTO %I.event (contact_id, list_id, campaign_id, kind, occurred_at)
                         SELECT contact_id, list_id, campaign_id, kind, occurred_at FROM bench.%I WHERE n > $1 AND n <= $2 %s', target, stream, conflict);
    touch text := CASE WHEN touched IS NOT NULL THEN
                           format('UPDATE %I.contact AS c SET (%s) = ROW(%s) FROM bench.%I AS t
                                    WHERE t.slice = $1 AND c.account_id = 1 AND c.contact_id = t.contact_id',
                                  target, bench.facts(''), bench.facts('t.'), touched) END;
BEGIN
    FOR nth IN skipped + 1 .. skipped + slices LOOP
        EXECUTE feed USING (nth - 1) * size, nth * size;
        IF touched IS NOT NULL THEN
            EXECUTE touch USING nth;
        END IF;
        COMMIT;
    END LOOP;
    seconds := extract(epoch FROM clock_timestamp() - since);
    wal := (pg_current_wal_insert_lsn() - lsn) / 1e6;
END $$;

CREATE FUNCTION bench.facts(prefix text) RETURNS text LANGUAGE sql STABLE RETURN (
    SELECT string_agg(prefix || attname, ', ' ORDER BY attnum) FROM pg_attribute
     WHERE attrelid = to_regclass('crm.contact') AND attnum > 0 AND NOT attisdropped
       AND attname NOT IN ('account_id', 'contact_id', 'email', 'created_at'));

-- Feeds crm, and keeps in a table the rows of contact that each slice changed, as they became.
CREATE PROCEDURE bench.record_touched(stream text, size bigint, slices bigint, touched text) LANGUAGE plpgsql AS $$
DECLARE
    range text := format('SELECT contact_id FROM bench.%I WHERE n > $1 AND n <= $2', stream);
BEGIN
    EXECUTE format('CREATE UNLOGGED TABLE bench.%I AS SELECT 0::bigint AS slice, * FROM crm.contact WITH NO DATA', touched);
    CREATE TEMP TABLE was (slice bigint, contact_id bigint, contact crm.contact, PRIMARY KEY (slice, contact_id));
    FOR nth IN 1 .. slices LOOP
        EXECUTE format('INSERT INTO was SELECT $3, c.contact_id, c FROM (%s GROUP BY 1) AS s
                          JOIN crm.contact AS c ON c.account_id = 1 AND c.contact_id = s.contact_id', range) USING (nth - 1) * size, nth * size, nth;
        EXECUTE format('INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at)
                        SELECT contact_id, list_id, campaign_id, kind, occurred_at FROM bench.%I WHERE n > $1 AND n <= $2', stream)
          USING (nth - 1) * size, nth * size;
        EXECUTE format('INSERT INTO bench.%I SELECT $1, c.* FROM was AS w JOIN crm.contact AS c ON c.account_id = 1 AND c.contact_id = w.contact_id
                         WHERE w.slice = $1 AND c IS DISTINCT FROM w.contact ORDER BY c.contact_id', touched) USING nth;
        COMMIT;
    END LOOP;
    EXECUTE format('CREATE INDEX ON bench.%I (slice); ANALYZE bench.%I', touched, touched);
    DROP TABLE was;
END $$;

CREATE FUNCTION bench.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        plan := plan || line || ' ';
    END LOOP;
    RETURN plan;
END $$;
