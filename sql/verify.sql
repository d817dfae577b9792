-- verify compares stored data with the log, and repair corrects the differences.

CREATE FUNCTION _contact_status.suppressed_contacts(
    schema name, OUT account_id bigint, OUT contact_id bigint, OUT kind contact_status.event_kind, OUT list_id bigint,
    OUT occurred_at timestamptz, OUT origin text
) RETURNS SETOF record
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cs_suppressed_contacts';
COMMENT ON FUNCTION _contact_status.suppressed_contacts(name) IS
'suppressions of contacts'' addresses, without those of an erasure; empty if row-level security applies to the caller';

CREATE FUNCTION _contact_status.apply_suppressions(schema name, accounts bigint[], contacts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_apply_suppressions_of';
COMMENT ON FUNCTION _contact_status.apply_suppressions(name, bigint[], bigint[]) IS
'records as events the suppressions of contacts'' addresses that their logs lack';

-- the SETs make the plans independent of the table sizes at planning time
CREATE FUNCTION _contact_status.differing_contacts(
    schema name, as_of timestamptz,
    OUT account_id bigint, OUT contact_id bigint, OUT is_due boolean, OUT is_lost boolean, OUT stored jsonb, OUT expected jsonb
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
AS $differing$
BEGIN
    -- Fold each contact by an index scan of the log. The stored status is right until the contact is due, then the
    -- next sweep updates it.
    RETURN QUERY EXECUTE format($query$
SELECT c.account_id, c.contact_id, coalesce(c.due_at <= $1, false),
       c.changed_at >= coalesce(a.horizon, '-infinity')
           AND NOT EXISTS (SELECT FROM %1$I.event e
                            WHERE e.account_id = c.account_id AND e.contact_id = c.contact_id AND e.occurred_at = c.changed_at)
           AND NOT EXISTS (SELECT FROM %1$I.address_change k
                            WHERE k.account_id = c.account_id AND k.contact_id = c.contact_id AND k.changed_at = c.changed_at),
       to_jsonb(ROW(%5$s, s.subscriptions)::contact_status.folded_contact), to_jsonb(x.f)
  FROM ONLY %1$I.contact c
  JOIN %1$I.account a USING (account_id)
  JOIN %1$I.policy p ON p.name = a.policy
 CROSS JOIN LATERAL (
           SELECT contact_status.fold(ROW(p.*)::contact_status.policy, e.settings, e.kind, e.occurred_at, e.list_id,
                      e.campaign_id, e.event_key, e.source, e.until, $1, e.facts, e.dated_at
                      ORDER BY e.occurred_at, e.dated_at, e.kind, e.list_id NULLS FIRST, e.campaign_id NULLS FIRST,
                               e.event_key COLLATE "C") AS f
             FROM (%2$s) e
            WHERE e.account_id = c.account_id AND e.contact_id = c.contact_id) x
 CROSS JOIN LATERAL (
           SELECT array_agg(ROW(s.list_id, s.status, s.consent, s.consent_at, s.requested_at, s.request_key
                            )::contact_status.folded_subscription ORDER BY s.list_id) AS subscriptions
             FROM ONLY %1$I.subscription s
            WHERE s.account_id = c.account_id AND s.contact_id = c.contact_id) s
 WHERE ROW(%3$s) IS DISTINCT FROM ROW(%4$s)
    OR c.status <> (x.f).status OR c.due_at <= $1
    OR (x.f).due_at < c.due_at OR ((x.f).due_at IS NOT NULL AND c.due_at IS NULL)
    OR coalesce(s.subscriptions, '{}') <> coalesce((x.f).subscriptions, '{}')
    $query$,
    differing_contacts.schema, _contact_status.event_with_settings_query(differing_contacts.schema),
    (SELECT string_agg(format('c.%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = 'contact_status.folded_contact'::regclass AND attname <> ALL ('{status,due_at,subscriptions}')),
    (SELECT string_agg(format('(x.f).%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = 'contact_status.folded_contact'::regclass AND attname <> ALL ('{status,due_at,subscriptions}')),
    (SELECT string_agg(format('c.%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = 'contact_status.folded_contact'::regclass AND attname <> 'subscriptions'))
    USING differing_contacts.as_of;
END
$differing$;
COMMENT ON FUNCTION _contact_status.differing_contacts(name, timestamptz) IS
'contacts that may differ from their events, with stored and expected values; is_lost: the log lacks their last change';

CREATE FUNCTION _contact_status.missing_suppressions(
    schema name, OUT account_id bigint, OUT contact_id bigint, OUT list_id bigint, OUT missing text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
AS $missing$
BEGIN
    PERFORM _contact_status.check_installation(missing_suppressions.schema, '{account,contact,event}');
    -- the events before the horizon may be dropped
    RETURN QUERY EXECUTE format($query$
SELECT u.account_id, u.contact_id, u.list_id, concat_ws(', ', u.kind, u.occurred_at)
  FROM _contact_status.suppressed_contacts(%2$L::name) u
  JOIN ONLY %1$I.contact c USING (account_id, contact_id)
  JOIN ONLY %1$I.account a USING (account_id)
 WHERE (a.horizon IS NULL OR u.occurred_at >= a.horizon)
   AND NOT EXISTS (SELECT FROM %1$I.event e
                    WHERE e.account_id = u.account_id AND e.contact_id = u.contact_id AND e.kind = u.kind
                      AND e.list_id IS NOT DISTINCT FROM u.list_id AND e.occurred_at >= u.occurred_at
                      AND e.recorded_at > coalesce(c.generation_start, '-infinity')
                      AND (e.retracted_at IS NULL
                           OR e.occurred_at = greatest(u.occurred_at, c.address_since + interval '1 microsecond')
                              AND e.source = 'suppression' AND e.reason IS NOT DISTINCT FROM u.origin))
    $query$, missing_suppressions.schema, missing_suppressions.schema);
END
$missing$;
COMMENT ON FUNCTION _contact_status.missing_suppressions(name) IS
'suppressions of contacts'' addresses that their logs lack';

CREATE FUNCTION _contact_status.table_problems(schema name, OUT item text, OUT stored text, OUT expected text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $problems$
BEGIN
    RETURN QUERY
    SELECT 'triggers of ' || u.partition, NULL::text, 'contact_status_apply, contact_status_refuse_truncate'
      FROM _contact_status.unguarded_partitions(table_problems.schema) u (partition);
    -- A foreign table has no index. Rows written through a parent or into a child bypass the triggers.
    RETURN QUERY
    SELECT CASE WHEN p.relkind = 'p' AND p.relname = 'event' AND p.relnamespace = n.oid THEN 'partition ' ELSE 'child ' END
               || c.oid::regclass || ' of ' || p.oid::regclass,
           CASE c.relkind WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
           CASE WHEN p.relname = 'event' AND p.relkind = 'p' AND p.relnamespace = n.oid THEN 'table' END
      FROM pg_namespace n
      JOIN pg_class t ON t.relnamespace = n.oid AND t.relkind IN ('r', 'p') AND NOT (t.relispartition AND EXISTS (
               SELECT FROM pg_inherits i JOIN pg_class e ON e.oid = i.inhparent
                WHERE i.inhrelid = t.oid AND e.relname = 'event' AND e.relnamespace = n.oid))
      JOIN pg_inherits i ON t.oid IN (i.inhparent, i.inhrelid)
      JOIN pg_class p ON p.oid = i.inhparent
      JOIN pg_class c ON c.oid = i.inhrelid
     WHERE n.nspname = table_problems.schema
       AND t.relname = ANY (_contact_status.table_names())
       AND NOT (p.relkind = 'p' AND p.relname = 'event' AND p.relnamespace = n.oid AND c.relkind = 'r');
END
$problems$;
COMMENT ON FUNCTION _contact_status.table_problems(name) IS
'partitions of the log that lack triggers or are not plain tables, and tables with a parent or child';

CREATE FUNCTION contact_status.verify(
    schema name, as_of timestamptz DEFAULT clock_timestamp(),
    OUT account_id bigint, OUT contact_id bigint, OUT list_id bigint,
    OUT item text, OUT stored text, OUT expected text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off
    SET jit = off
AS $verify$
BEGIN
    PERFORM _contact_status.check_installation(verify.schema,
        '{policy,account,list,consent_setting_history,contact,subscription,status_count,address_change,checkpoint,event}');
    RETURN QUERY EXECUTE format($query$
WITH differing AS MATERIALIZED (
    SELECT * FROM _contact_status.differing_contacts(%2$L::name, $1)
)
SELECT account_id, contact_id, NULL::bigint, key, stored ->> key, expected ->> key
  FROM differing, jsonb_object_keys(expected - 'subscriptions') key
 WHERE coalesce(stored -> key, 'null') IS DISTINCT FROM coalesce(expected -> key, 'null')
   AND NOT (key = 'status' AND is_due)
   -- writers only lower due_at, so an earlier time is right
   AND NOT (key = 'due_at' AND coalesce((stored ->> key)::timestamptz <= coalesce((expected ->> key)::timestamptz, 'infinity'), false))
UNION ALL
SELECT account_id, contact_id, list_id, 'subscription',
       CASE WHEN s.consent IS NOT NULL THEN concat_ws(', ', s.status, s.consent, s.consent_at, s.requested_at, s.request_key) END,
       CASE WHEN x.consent IS NOT NULL THEN concat_ws(', ', x.status, x.consent, x.consent_at, x.requested_at, x.request_key) END
  FROM (SELECT d.account_id, d.contact_id, d.is_due, u.* FROM differing d,
               jsonb_populate_recordset(NULL::contact_status.folded_subscription, nullif(d.stored -> 'subscriptions', 'null')) u) s
  FULL JOIN (SELECT d.account_id, d.contact_id, d.is_due, u.* FROM differing d,
               jsonb_populate_recordset(NULL::contact_status.folded_subscription, nullif(d.expected -> 'subscriptions', 'null')) u) x
      USING (account_id, contact_id, list_id)
 WHERE ROW(s.consent, s.consent_at, s.requested_at, s.request_key) IS DISTINCT FROM
       ROW(x.consent, x.consent_at, x.requested_at, x.request_key)
    OR s.status <> x.status AND NOT x.is_due
UNION ALL
SELECT s.account_id, s.contact_id, s.list_id, 'subscription',
       concat_ws(', ', s.status, s.consent, s.consent_at, s.requested_at, s.request_key), NULL
  FROM ONLY %1$I.subscription s
 WHERE NOT EXISTS (SELECT FROM ONLY %1$I.contact c WHERE c.account_id = s.account_id AND c.contact_id = s.contact_id)
UNION ALL
SELECT account_id, NULL, list_id, 'count of ' || status, sum(counted)::text, sum(contacts)::text
  FROM (SELECT n.account_id, n.list_id, s.status, n.contacts[s.place] AS counted, 0 AS contacts
          FROM ONLY %1$I.status_count n, unnest(enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY s (status, place)
        UNION ALL
        SELECT account_id, NULL, status, 0, count(*) FROM ONLY %1$I.contact GROUP BY 1, 3
        UNION ALL
        SELECT account_id, list_id, status, 0, count(*) FROM ONLY %1$I.subscription GROUP BY 1, 2, 3) n
 GROUP BY account_id, list_id, status
HAVING sum(counted) <> sum(contacts)
UNION ALL
-- rows of counts that exist, but that another row claims to include
SELECT DISTINCT n.account_id, NULL::bigint, n.list_id, 'rows of counts', n.written_by::text, m.merged_before::text
  FROM ONLY %1$I.status_count n
  JOIN ONLY %1$I.status_count m ON m.account_id = n.account_id
   -- like IS NOT DISTINCT FROM, which does not allow a hash join
   AND coalesce(m.list_id, 0) = coalesce(n.list_id, 0) AND (m.list_id IS NULL) = (n.list_id IS NULL)
   AND m.merged_before > n.written_by AND m.xmin = m.written_by::xid AND m.written_by < pg_snapshot_xmax(pg_current_snapshot())
UNION ALL
SELECT a.account_id, NULL, NULL, 'consent_setting_history',
       concat_ws(', ', s.import_consent, s.double_opt_in, s.unsubscribe_scope, s.resubscribe, s.confirm_within),
       concat_ws(', ', p.import_consent, p.double_opt_in, p.unsubscribe_scope, p.resubscribe, p.confirm_within)
  FROM %1$I.account a
  JOIN %1$I.policy p ON p.name = a.policy
  LEFT JOIN (SELECT DISTINCT ON (k.account_id) k.* FROM %1$I.consent_setting_history k WHERE k.list_id IS NULL
              ORDER BY k.account_id, k.since DESC) s ON s.account_id = a.account_id
 WHERE (s.import_consent, s.double_opt_in, s.unsubscribe_scope, s.resubscribe, s.confirm_within) IS DISTINCT FROM
       (p.import_consent, p.double_opt_in, p.unsubscribe_scope, p.resubscribe, p.confirm_within)
UNION ALL
SELECT l.account_id, NULL, l.list_id, 'consent_setting_history', NULL, concat_ws('', 'double opt-in: ', l.double_opt_in::text)
  FROM %1$I.list l
 WHERE NOT EXISTS (SELECT FROM %1$I.consent_setting_history k WHERE k.account_id = l.account_id AND k.list_id = l.list_id)
UNION ALL
-- suppressions that a contact did not receive with its address
SELECT m.account_id, m.contact_id, m.list_id, 'suppressed', NULL, m.missing
  FROM _contact_status.missing_suppressions(%2$L::name) m
UNION ALL
-- events in a dropped partition that statuses depend on: no event has the time of a contact's last change
SELECT d.account_id, NULL, NULL, 'log', NULL,
       format('events of %%s contacts, since %%s', count(*), min((d.stored ->> 'changed_at')::timestamptz))
  FROM differing d
 WHERE d.is_lost AND EXISTS (SELECT FROM pg_partitioned_table t WHERE t.partrelid = %3$L::regclass)
 GROUP BY d.account_id
UNION ALL
SELECT NULL, NULL, NULL, p.item, p.stored, p.expected FROM _contact_status.table_problems(%2$L::name) p
ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3 NULLS FIRST, 4
    $query$, verify.schema, verify.schema, format('%I.event', verify.schema)) USING verify.as_of;
END
$verify$;
COMMENT ON FUNCTION contact_status.verify(name, timestamptz) IS
'returns a row for each difference between stored data and the log; no rows: all is right';

-- repair

CREATE FUNCTION _contact_status.damage(
    schema name, OUT accounts bigint[], OUT contacts bigint[], OUT suppressed_accounts bigint[], OUT suppressed_contacts bigint[]
) RETURNS record
    LANGUAGE sql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(d.account_id ORDER BY d.contact_id, d.account_id), '{}'),
           coalesce(array_agg(d.contact_id ORDER BY d.contact_id, d.account_id), '{}'),
           coalesce(array_agg(d.account_id ORDER BY d.contact_id, d.account_id) FILTER (WHERE d.is_suppressed), '{}'),
           coalesce(array_agg(d.contact_id ORDER BY d.contact_id, d.account_id) FILTER (WHERE d.is_suppressed), '{}')
      FROM (SELECT v.account_id, v.contact_id, bool_or(v.item = 'suppressed') AS is_suppressed
              FROM contact_status.verify(damage.schema) v
             WHERE v.contact_id IS NOT NULL GROUP BY v.account_id, v.contact_id) d;
END;
COMMENT ON FUNCTION _contact_status.damage(name) IS
'contacts with differences in verify, in lock order, and those that lack suppressions of their address';

CREATE FUNCTION _contact_status.lost_settings(schema name) RETURNS SETOF bigint
    LANGUAGE sql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT v.account_id FROM contact_status.verify(lost_settings.schema) v WHERE v.item = 'consent_setting_history';
END;
COMMENT ON FUNCTION _contact_status.lost_settings(name) IS 'accounts that verify reports for missing consent settings';

CREATE FUNCTION contact_status.repair(schema name) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
AS $repair$
DECLARE
    account bigint;
    damaged pg_catalog.record;
    repaired bigint := 0;
BEGIN
    PERFORM _contact_status.refuse_read_only('repair');
    PERFORM _contact_status.check_installation(repair.schema);
    FOR account IN SELECT l FROM _contact_status.lost_settings(repair.schema) l LOOP
        PERFORM _contact_status.restore_settings(repair.schema, account);
        repaired := repaired OPERATOR(pg_catalog.+) 1;
    END LOOP;
    SELECT d.* INTO damaged FROM _contact_status.damage(repair.schema) d;
    repaired := repaired OPERATOR(pg_catalog.+)
        _contact_status.refresh_contacts(repair.schema, damaged.accounts, damaged.contacts, true, pg_catalog.clock_timestamp());
    IF pg_catalog.cardinality(damaged.contacts) OPERATOR(pg_catalog.>) 0 THEN
        repaired := repaired OPERATOR(pg_catalog.+) _contact_status.delete_orphans(repair.schema, damaged.accounts, damaged.contacts);
    END IF;
    PERFORM _contact_status.apply_suppressions(repair.schema, damaged.suppressed_accounts, damaged.suppressed_contacts);
    RETURN repaired OPERATOR(pg_catalog.+) pg_catalog.cardinality(damaged.suppressed_contacts)
                    OPERATOR(pg_catalog.+) _contact_status.repair_counts(repair.schema)
                    OPERATOR(pg_catalog.+) _contact_status.guard_own_partitions(repair.schema);
END
$repair$;
COMMENT ON FUNCTION contact_status.repair(name) IS
'corrects the differences that verify reports; returns the number of repaired rows';
