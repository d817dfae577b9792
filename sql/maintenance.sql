-- Functions on an installation: its schema is their first argument.
--
-- A function that writes has no search_path of its own, because the triggers of the application that it fires would run
-- with it; its body qualifies every name and operator.  What only reads is left to functions that have one.

CREATE FUNCTION _contact_status.check_installation(schema name, tables name[] DEFAULT '{}') RETURNS void
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cs_check_installation';
COMMENT ON FUNCTION _contact_status.check_installation(name, name[]) IS
'fails with 42P01 where the schema holds no installation, 55000 where a table of it is none or another owner''s, and 42501 where the caller may not read one of these';

CREATE FUNCTION _contact_status.check_owner(schema name) RETURNS void
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cs_check_owner_of';
COMMENT ON FUNCTION _contact_status.check_owner(name) IS
'fails with 42501 unless the caller has the rights of the tables'' owner and row-level security hides nothing';

CREATE FUNCTION _contact_status.refuse_read_only(function text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_refuse_read_only';
COMMENT ON FUNCTION _contact_status.refuse_read_only(text) IS
'fails with 25006 in a transaction that may only read';

CREATE FUNCTION _contact_status.settle_contacts(
    schema name, accounts bigint[], contacts bigint[], anew boolean, as_of timestamptz
) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_settle_contacts';
COMMENT ON FUNCTION _contact_status.settle_contacts(name, bigint[], bigint[], boolean, timestamptz) IS
'brings contacts, given in the order of their ids, up to date as of a moment, folding their log anew if asked; returns how many changed';

CREATE FUNCTION _contact_status.delete_orphans(schema name, accounts bigint[], contacts bigint[]) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_delete_orphans';
COMMENT ON FUNCTION _contact_status.delete_orphans(name, bigint[], bigint[]) IS
'deletes subscriptions that have no contact; returns of how many there were any';

CREATE FUNCTION _contact_status.check_all_shown(schema name) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_check_all_shown';
COMMENT ON FUNCTION _contact_status.check_all_shown(name) IS
'fails with 40001 where the transaction''s snapshot does not show every contact';

CREATE FUNCTION _contact_status.keep_settings(schema name, account_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_keep_settings';
COMMENT ON FUNCTION _contact_status.keep_settings(name, bigint) IS
'keeps the consent settings of an account from now on, where they were not kept';

CREATE FUNCTION _contact_status.merge_counts(schema name, accounts bigint[], lists bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_merge_counts';
COMMENT ON FUNCTION _contact_status.merge_counts(name, bigint[], bigint[]) IS
'makes one of the rows of counts of each list, as far as no other transaction is writing them';

CREATE FUNCTION _contact_status.repair_counts(schema name) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_repair_counts';
COMMENT ON FUNCTION _contact_status.repair_counts(name) IS
'makes counts again what count(*) says, beside writers; returns how many were wrong';

CREATE FUNCTION _contact_status.check_limit(schema name, account_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_check_limit';
COMMENT ON FUNCTION _contact_status.check_limit(name, bigint) IS
'fails with 53400 where more contacts of an account count than its limit allows';

-- sweep

CREATE FUNCTION _contact_status.due_contacts(
    schema name, as_of timestamptz, OUT accounts bigint[], OUT contacts bigint[]
) RETURNS record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $due$
BEGIN
    PERFORM _contact_status.check_installation(due_contacts.schema, '{contact}');
    EXECUTE format('SELECT coalesce(array_agg(account_id ORDER BY contact_id, account_id), ''{}''), '
                   'coalesce(array_agg(contact_id ORDER BY contact_id, account_id), ''{}'') '
                   'FROM ONLY %I.contact WHERE due_at <= $1', due_contacts.schema)
       INTO accounts, contacts USING due_contacts.as_of;
END
$due$;
COMMENT ON FUNCTION _contact_status.due_contacts(name, timestamptz) IS
'the contacts whose status may have changed by a moment, in the order in which contacts are locked';

CREATE FUNCTION _contact_status.unmerged_counts(schema name, OUT accounts bigint[], OUT lists bigint[]) RETURNS record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $unmerged$
BEGIN
    PERFORM _contact_status.check_installation(unmerged_counts.schema, '{status_count}');
    EXECUTE format('SELECT coalesce(array_agg(account_id), ''{}''), coalesce(array_agg(list_id), ''{}'') FROM ('
                   'SELECT account_id, list_id FROM %I.status_count GROUP BY 1, 2 HAVING count(*) > 64) many',
                   unmerged_counts.schema)
       INTO accounts, lists;
END
$unmerged$;
COMMENT ON FUNCTION _contact_status.unmerged_counts(name) IS
'the lists, and (list null) accounts, whose counts have many rows';

CREATE FUNCTION contact_status.sweep(schema name, as_of timestamptz DEFAULT clock_timestamp()) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
AS $sweep$
DECLARE
    changed bigint;
BEGIN
    PERFORM _contact_status.refuse_read_only('sweep');
    PERFORM _contact_status.check_installation(sweep.schema, '{contact,status_count}');
    PERFORM _contact_status.guard_own_partitions(sweep.schema);
    SELECT _contact_status.settle_contacts(sweep.schema, d.accounts, d.contacts, false, sweep.as_of) INTO changed
      FROM _contact_status.due_contacts(sweep.schema, sweep.as_of) d;
    PERFORM _contact_status.merge_counts(sweep.schema, u.accounts, u.lists) FROM _contact_status.unmerged_counts(sweep.schema) u;
    RETURN changed;
END
$sweep$;
COMMENT ON FUNCTION contact_status.sweep(name, timestamptz) IS
'materialises what fell due: suspensions that ended, contacts that became unresponsive; returns how many contacts changed; only the owner of the tables may sweep ahead of the clock';

-- reevaluate

CREATE FUNCTION _contact_status.contact_batches(
    schema name, account_id bigint, OUT accounts bigint[], OUT contacts bigint[]
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $batches$
BEGIN
    PERFORM _contact_status.check_installation(contact_batches.schema, '{contact}');
    RETURN QUERY EXECUTE format(
        'SELECT array_agg(account_id ORDER BY n), array_agg(contact_id ORDER BY n) FROM ('
        'SELECT account_id, contact_id, row_number() OVER (ORDER BY contact_id, account_id) AS n '
        'FROM ONLY %I.contact WHERE $1 IS NULL OR account_id = $1) c '
        'GROUP BY (n - 1) / 10000 ORDER BY (n - 1) / 10000', contact_batches.schema)
    USING contact_batches.account_id;
END
$batches$;
COMMENT ON FUNCTION _contact_status.contact_batches(name, bigint) IS
'the contacts of an account (null: of all) in the order in which they are locked, ten thousand a row';

CREATE FUNCTION contact_status.reevaluate(schema name, account_id bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $reevaluate$
DECLARE
    changed bigint;
BEGIN
    PERFORM _contact_status.refuse_read_only('reevaluate');
    PERFORM _contact_status.check_installation(reevaluate.schema, '{contact}');
    PERFORM _contact_status.check_all_shown(reevaluate.schema);
    SELECT pg_catalog.sum(_contact_status.settle_contacts(reevaluate.schema, b.accounts, b.contacts, true, pg_catalog.clock_timestamp()))
      INTO changed
      FROM _contact_status.contact_batches(reevaluate.schema, reevaluate.account_id) b;
    RETURN coalesce(changed, 0);
END
$reevaluate$;
COMMENT ON FUNCTION contact_status.reevaluate(name, bigint) IS
'folds the contacts of an account, or of all, anew after a change of policy; returns how many contacts changed';

-- verify

CREATE FUNCTION _contact_status.suppressed_contacts(
    schema name, OUT account_id bigint, OUT contact_id bigint, OUT kind contact_status.event_kind, OUT list_id bigint,
    OUT occurred_at timestamptz
) RETURNS SETOF record
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cs_suppressed_contacts';
COMMENT ON FUNCTION _contact_status.suppressed_contacts(name) IS
'the suppressions of the addresses of contacts, but those left by an erasure; none where row-level security applies to the caller';

CREATE FUNCTION _contact_status.tell_contacts(schema name, accounts bigint[], contacts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_tell_contacts';
COMMENT ON FUNCTION _contact_status.tell_contacts(name, bigint[], bigint[]) IS
'records as events the suppressions of the addresses of contacts that their logs lack';

-- plans that do not depend on how large a table was when the statement was planned
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
    -- contact by contact, by the log's index; a stored status holds until the contact is due, then the next sweep writes it
    RETURN QUERY EXECUTE format($query$
SELECT c.account_id, c.contact_id, coalesce(c.due_at <= $1, false),
       c.changed_at >= coalesce(a.horizon, '-infinity')
           AND NOT EXISTS (SELECT FROM %1$I.event e
                            WHERE e.account_id = c.account_id AND e.contact_id = c.contact_id AND e.occurred_at = c.changed_at)
           AND NOT EXISTS (SELECT FROM %1$I.address_change k
                            WHERE k.account_id = c.account_id AND k.contact_id = c.contact_id AND k.changed_at = c.changed_at),
       to_jsonb(c) || jsonb_build_object('subscriptions', to_jsonb(s.subscriptions)), to_jsonb(x.f)
  FROM ONLY %1$I.contact c
  JOIN %1$I.account a USING (account_id)
  JOIN %1$I.policy p ON p.name = a.policy
 CROSS JOIN LATERAL (
           SELECT contact_status.fold(p::contact_status.policy, e.settings, e.kind, e.occurred_at, e.list_id,
                      e.campaign_id, e.event_key, e.source, e.until, $1, e.facts
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
    differing_contacts.schema, _contact_status.judged_event_query(differing_contacts.schema),
    (SELECT string_agg(format('c.%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = 'contact_status.folded_contact'::regclass AND attname <> ALL ('{status,due_at,subscriptions}')),
    (SELECT string_agg(format('(x.f).%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = 'contact_status.folded_contact'::regclass AND attname <> ALL ('{status,due_at,subscriptions}')))
    USING differing_contacts.as_of;
END
$differing$;
COMMENT ON FUNCTION _contact_status.differing_contacts(name, timestamptz) IS
'the contacts whose row, or whose subscriptions, may differ from what their events say, with both; is_lost: the log lacks their last change';

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
    -- of a time before the horizon its events may be gone
    RETURN QUERY EXECUTE format($query$
SELECT u.account_id, u.contact_id, u.list_id, concat_ws(', ', u.kind, u.occurred_at)
  FROM _contact_status.suppressed_contacts(%2$L::name) u
  JOIN ONLY %1$I.contact c USING (account_id, contact_id)
  JOIN ONLY %1$I.account a USING (account_id)
 WHERE (a.horizon IS NULL OR u.occurred_at >= a.horizon)
   AND NOT EXISTS (SELECT FROM %1$I.event e
                    WHERE e.account_id = u.account_id AND e.contact_id = u.contact_id AND e.kind = u.kind
                      AND e.list_id IS NOT DISTINCT FROM u.list_id AND e.occurred_at >= u.occurred_at
                      AND e.recorded_at > coalesce(c.begins_after, '-infinity')
                      AND (e.retracted_at IS NULL
                           OR e.occurred_at = greatest(u.occurred_at, c.address_since + interval '1 microsecond')))
    $query$, missing_suppressions.schema, missing_suppressions.schema);
END
$missing$;
COMMENT ON FUNCTION _contact_status.missing_suppressions(name) IS
'the suppressions of the addresses of contacts that their logs lack';

CREATE FUNCTION _contact_status.table_problems(schema name, OUT item text, OUT stored text, OUT expected text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $problems$
BEGIN
    RETURN QUERY
    SELECT 'triggers of ' || u.partition, NULL::text, 'contact_status_apply, contact_status_refuse_truncate'
      FROM _contact_status.unguarded_partitions(table_problems.schema) u (partition);
    -- a foreign table has no index; what comes through a parent, or goes into a child, passes the triggers
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
       AND t.relname IN ('policy', 'account', 'list', 'consent_setting', 'account_key', 'contact', 'former_contact', 'address_change',
                         'subscription', 'status_count', 'suppression', 'event', 'retraction', 'checkpoint')
       AND NOT (p.relkind = 'p' AND p.relname = 'event' AND p.relnamespace = n.oid AND c.relkind = 'r');
END
$problems$;
COMMENT ON FUNCTION _contact_status.table_problems(name) IS
'partitions of the log without triggers or that are no plain tables, and tables that are children or parents of others';

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
        '{policy,account,list,consent_setting,contact,subscription,status_count,address_change,checkpoint,event}');
    RETURN QUERY EXECUTE format($query$
WITH differing AS MATERIALIZED (
    SELECT * FROM _contact_status.differing_contacts(%2$L::name, $1)
)
SELECT account_id, contact_id, NULL::bigint, key, stored ->> key, expected ->> key
  FROM differing, jsonb_object_keys(expected - 'subscriptions') key
 WHERE coalesce(stored -> key, 'null') IS DISTINCT FROM coalesce(expected -> key, 'null')
   AND NOT (key = 'status' AND is_due)
   -- writers only lower the bound of what falls due
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
-- no row may say that rows are gone which are there
SELECT DISTINCT n.account_id, NULL::bigint, n.list_id, 'rows of counts', n.written_by::text, m.merged_before::text
  FROM ONLY %1$I.status_count n
  JOIN ONLY %1$I.status_count m ON m.account_id = n.account_id
   -- as IS NOT DISTINCT FROM, which cannot be hashed
   AND coalesce(m.list_id, 0) = coalesce(n.list_id, 0) AND (m.list_id IS NULL) = (n.list_id IS NULL)
   AND m.merged_before > n.written_by AND m.xmin = m.written_by::xid AND m.written_by < pg_snapshot_xmax(pg_current_snapshot())
UNION ALL
SELECT a.account_id, NULL, NULL, 'consent_setting',
       concat_ws(', ', s.import_consent, s.double_opt_in, s.unsubscribe_scope, s.resubscribe),
       concat_ws(', ', p.import_consent, p.double_opt_in, p.unsubscribe_scope, p.resubscribe)
  FROM %1$I.account a
  JOIN %1$I.policy p ON p.name = a.policy
  LEFT JOIN (SELECT DISTINCT ON (k.account_id) k.* FROM %1$I.consent_setting k WHERE k.list_id IS NULL
              ORDER BY k.account_id, k.since DESC) s ON s.account_id = a.account_id
 WHERE (s.import_consent, s.double_opt_in, s.unsubscribe_scope, s.resubscribe) IS DISTINCT FROM
       (p.import_consent, p.double_opt_in, p.unsubscribe_scope, p.resubscribe)
UNION ALL
SELECT l.account_id, NULL, l.list_id, 'consent_setting', NULL, concat_ws('', 'double opt-in: ', l.double_opt_in::text)
  FROM %1$I.list l
 WHERE NOT EXISTS (SELECT FROM %1$I.consent_setting k WHERE k.account_id = l.account_id AND k.list_id = l.list_id)
UNION ALL
-- suppressions that a contact did not get when it took its address
SELECT m.account_id, m.contact_id, m.list_id, 'suppressed', NULL, m.missing
  FROM _contact_status.missing_suppressions(%2$L::name) m
UNION ALL
-- a partition of the log that went while statuses follow from it: the last change of a contact has no event
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
'a row for each difference between what is stored and what the log says; none is good';

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
'the contacts that verify names, in the order in which contacts are locked, and those that lack suppressions of their address';

CREATE FUNCTION _contact_status.lost_settings(schema name) RETURNS SETOF bigint
    LANGUAGE sql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT v.account_id FROM contact_status.verify(lost_settings.schema) v WHERE v.item = 'consent_setting';
END;
COMMENT ON FUNCTION _contact_status.lost_settings(name) IS 'the accounts whose consent settings verify names';

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
        PERFORM _contact_status.keep_settings(repair.schema, account);
        repaired := repaired OPERATOR(pg_catalog.+) 1;
    END LOOP;
    SELECT d.* INTO damaged FROM _contact_status.damage(repair.schema) d;
    repaired := repaired OPERATOR(pg_catalog.+)
        _contact_status.settle_contacts(repair.schema, damaged.accounts, damaged.contacts, true, pg_catalog.clock_timestamp());
    IF pg_catalog.cardinality(damaged.contacts) OPERATOR(pg_catalog.>) 0 THEN
        repaired := repaired OPERATOR(pg_catalog.+) _contact_status.delete_orphans(repair.schema, damaged.accounts, damaged.contacts);
    END IF;
    PERFORM _contact_status.tell_contacts(repair.schema, damaged.suppressed_accounts, damaged.suppressed_contacts);
    RETURN repaired OPERATOR(pg_catalog.+) pg_catalog.cardinality(damaged.suppressed_contacts)
                    OPERATOR(pg_catalog.+) _contact_status.repair_counts(repair.schema)
                    OPERATOR(pg_catalog.+) _contact_status.guard_own_partitions(repair.schema);
END
$repair$;
COMMENT ON FUNCTION contact_status.repair(name) IS
'makes stored facts and statuses again what the log says, where verify finds a difference; returns how many rows it repaired';
