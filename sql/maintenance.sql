-- Functions on an installation: its schema is their first argument.

CREATE FUNCTION contact_status.refuse_read_only(function text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_refuse_read_only';
COMMENT ON FUNCTION contact_status.refuse_read_only(text) IS
'fails with 25006 in a transaction that may only read';

CREATE FUNCTION contact_status.settle_contacts(
    schema name, accounts bigint[], contacts bigint[], anew boolean, as_of timestamptz
) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_settle_contacts';
COMMENT ON FUNCTION contact_status.settle_contacts(name, bigint[], bigint[], boolean, timestamptz) IS
'brings contacts, given in the order of their ids, up to date as of a moment, folding their log anew if asked; returns how many changed';

CREATE FUNCTION contact_status.delete_orphans(schema name, accounts bigint[], contacts bigint[]) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_delete_orphans';
COMMENT ON FUNCTION contact_status.delete_orphans(name, bigint[], bigint[]) IS
'takes away subscriptions that have no contact; returns of how many there were any';

CREATE FUNCTION contact_status.check_all_shown(schema name) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_check_all_shown';
COMMENT ON FUNCTION contact_status.check_all_shown(name) IS
'fails with 40001 where the transaction''s snapshot does not show every contact';

CREATE FUNCTION contact_status.keep_settings(schema name, account_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_keep_settings';
COMMENT ON FUNCTION contact_status.keep_settings(name, bigint) IS
'keeps the consent settings of an account from now on, where they were not kept';

CREATE FUNCTION contact_status.fold_counts(
    schema name, accounts bigint[], lists bigint[], statuses contact_status.contact_status[]
) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_fold_counts';
COMMENT ON FUNCTION contact_status.fold_counts(name, bigint[], bigint[], contact_status.contact_status[]) IS
'makes of the rows of counts one each, as far as nobody else is at them';

CREATE FUNCTION contact_status.repair_counts(schema name) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_repair_counts';
COMMENT ON FUNCTION contact_status.repair_counts(name) IS
'makes counts again what count(*) says, beside writers; returns how many were wrong';

CREATE FUNCTION contact_status.check_limit(schema name, account_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_check_limit';
COMMENT ON FUNCTION contact_status.check_limit(name, bigint) IS
'fails with 53400 where more contacts of an account count than its limit allows';

CREATE FUNCTION contact_status.sweep(schema name, as_of timestamptz DEFAULT clock_timestamp()) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accounts bigint[];
    contacts bigint[];
    lists bigint[];
    statuses contact_status.contact_status[];
    changed bigint;
BEGIN
    PERFORM contact_status.refuse_read_only('sweep');
    -- partitions made later, where no event trigger was there to give them theirs
    IF EXISTS (SELECT FROM contact_status.unguarded_partitions(sweep.schema))
       AND pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass(format('%I.event', sweep.schema))), 'USAGE') THEN
        PERFORM contact_status.guard_partitions(sweep.schema);
    END IF;
    EXECUTE format('SELECT array_agg(account_id ORDER BY contact_id, account_id), '
                   'array_agg(contact_id ORDER BY contact_id, account_id) '
                   'FROM %I.contact WHERE due_at <= $1', sweep.schema)
       INTO accounts, contacts USING sweep.as_of;
    changed := coalesce(contact_status.settle_contacts(sweep.schema, accounts, contacts, false, sweep.as_of), 0);

    -- counts of which nobody has folded the rows for long
    EXECUTE format('SELECT array_agg(account_id), array_agg(list_id), array_agg(status) FROM ('
                   'SELECT account_id, list_id, status FROM %I.status_count GROUP BY 1, 2, 3 HAVING count(*) > 64) many',
                   sweep.schema)
       INTO accounts, lists, statuses;
    PERFORM contact_status.fold_counts(sweep.schema, accounts, lists, statuses);
    RETURN changed;
END
$$;
COMMENT ON FUNCTION contact_status.sweep(name, timestamptz) IS
'materialises what fell due: suspensions that ended, contacts that became unresponsive; returns how many contacts changed';

CREATE FUNCTION contact_status.reevaluate(schema name, account_id bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accounts bigint[];
    contacts bigint[];
    last_account bigint;
    last_contact bigint;
    changed bigint := 0;
BEGIN
    PERFORM contact_status.refuse_read_only('reevaluate');
    PERFORM contact_status.check_all_shown(reevaluate.schema);
    LOOP
        EXECUTE format('SELECT array_agg(account_id), array_agg(contact_id) FROM ('
                       'SELECT account_id, contact_id FROM %I.contact '
                       'WHERE ($1 IS NULL OR account_id = $1) '
                       'AND ($2 IS NULL OR (contact_id, account_id) > ($2, $3)) '
                       'ORDER BY contact_id, account_id LIMIT 10000) batch', reevaluate.schema)
           INTO accounts, contacts USING reevaluate.account_id, last_contact, last_account;
        EXIT WHEN contacts IS NULL;
        changed := changed + contact_status.settle_contacts(reevaluate.schema, accounts, contacts, true, clock_timestamp());
        last_contact := contacts[cardinality(contacts)];
        last_account := accounts[cardinality(accounts)];
    END LOOP;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION contact_status.reevaluate(name, bigint) IS
'folds the contacts of an account, or of all, anew after a change of policy; returns how many contacts changed';

CREATE FUNCTION contact_status.suppressed_contacts(
    schema name, OUT account_id bigint, OUT contact_id bigint, OUT kind contact_status.event_kind, OUT list_id bigint,
    OUT occurred_at timestamptz
) RETURNS SETOF record
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cs_suppressed_contacts';
COMMENT ON FUNCTION contact_status.suppressed_contacts(name) IS
'contacts of whose address something is suppressed, but by erasure; none for whom row-level security applies to';

CREATE FUNCTION contact_status.tell_contacts(schema name, accounts bigint[], contacts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_tell_contacts';
COMMENT ON FUNCTION contact_status.tell_contacts(name, bigint[], bigint[]) IS
'records as events what is suppressed of the addresses of contacts that were not told';

CREATE FUNCTION contact_status.verify(
    schema name, as_of timestamptz DEFAULT clock_timestamp(),
    OUT account_id bigint, OUT contact_id bigint, OUT list_id bigint,
    OUT item text, OUT stored text, OUT expected text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $verify$
BEGIN
    RETURN QUERY EXECUTE replace(replace($query$
WITH folded AS MATERIALIZED (
    -- contact by contact, by the log's index; a stored status holds until the contact is due, then the next sweep writes it
    SELECT c.account_id, c.contact_id, coalesce(c.due_at <= $1, false) AS is_due, c AS stored, x.f
      FROM ONLY @.contact c
      JOIN @.account a USING (account_id)
      JOIN @.policy p ON p.name = a.policy
     CROSS JOIN LATERAL (
               SELECT contact_status.fold(p::contact_status.policy, e.settings, e.kind, e.occurred_at, e.list_id,
                          e.campaign_id, e.event_key, e.source, e.until, $1, e.facts
                          ORDER BY e.occurred_at, e.dated_at, e.kind, e.list_id NULLS FIRST, e.campaign_id NULLS FIRST,
                                   e.event_key COLLATE "C") AS f
                 FROM @.judged_event e
                WHERE e.account_id = c.account_id AND e.contact_id = c.contact_id) x
), compared AS (
    SELECT account_id, contact_id, is_due, to_jsonb(stored) AS stored, to_jsonb(f) AS expected
      FROM folded
     WHERE ((stored).monitored, (stored).hard_bounces) <> ((f).monitored, (f).hard_bounces)
        OR (stored).status <> (f).status AND NOT is_due
        OR ((stored).changed_at, (stored).hard_bounced_at, (stored).unsubscribed_at, (stored).erased_at,
            (stored).complained_at, (stored).deleted_at, (stored).suspended_at, (stored).suspended_until,
            (stored).unanswered_since, (stored).unanswered, (stored).delivered_campaign, (stored).run_campaigns,
            (stored).run_times)
           IS DISTINCT FROM
           ((f).changed_at, (f).hard_bounced_at, (f).unsubscribed_at, (f).erased_at,
            (f).complained_at, (f).deleted_at, (f).suspended_at, (f).suspended_until,
            (f).unanswered_since, (f).unanswered, (f).delivered_campaign, (f).run_campaigns,
            (f).run_times)
        OR (f).due_at < (stored).due_at OR ((f).due_at IS NOT NULL AND (stored).due_at IS NULL)
)
SELECT account_id, contact_id, NULL::bigint, key, stored ->> key, expected ->> key
  FROM compared,
       unnest('{status,monitored,hard_bounces,changed_at,due_at,hard_bounced_at,unsubscribed_at,erased_at,complained_at,deleted_at,'
              'suspended_at,suspended_until,unanswered_since,unanswered,delivered_campaign,run_campaigns,run_times}'::text[]) key
 WHERE coalesce(stored -> key, 'null') IS DISTINCT FROM coalesce(expected -> key, 'null')
   AND NOT (is_due AND key = 'status')
UNION ALL
SELECT account_id, contact_id, list_id, 'subscription',
       CASE WHEN s.account_id IS NOT NULL THEN concat_ws(', ', s.status, s.consent, s.consent_at, s.requested_at, s.request_key) END,
       CASE WHEN x.account_id IS NOT NULL THEN concat_ws(', ', x.status, x.consent, x.consent_at, x.requested_at, x.request_key) END
  FROM ONLY @.subscription s
  FULL JOIN (SELECT folded.account_id, folded.contact_id, folded.is_due, u.* FROM folded, unnest((f).subscriptions) u) x
      USING (account_id, contact_id, list_id)
 WHERE (s.consent, s.consent_at, s.requested_at, s.request_key) IS DISTINCT FROM
       (x.consent, x.consent_at, x.requested_at, x.request_key)
    OR s.status <> x.status AND NOT x.is_due
UNION ALL
SELECT account_id, NULL, list_id, 'count of ' || status, sum(counted)::text, sum(contacts)::text
  FROM (SELECT account_id, list_id, status, contacts AS counted, 0 AS contacts FROM @.status_count
        UNION ALL
        SELECT account_id, NULL, status, 0, count(*) FROM ONLY @.contact GROUP BY 1, 3
        UNION ALL
        SELECT account_id, list_id, status, 0, count(*) FROM ONLY @.subscription GROUP BY 1, 2, 3) n
 GROUP BY account_id, list_id, status
HAVING sum(counted) <> sum(contacts)
UNION ALL
SELECT a.account_id, NULL, NULL, 'consent_setting',
       concat_ws(', ', s.import_consent, s.double_opt_in, s.unsubscribe_scope, s.resubscribe),
       concat_ws(', ', p.import_consent, p.double_opt_in, p.unsubscribe_scope, p.resubscribe)
  FROM @.account a
  JOIN @.policy p ON p.name = a.policy
  LEFT JOIN LATERAL (SELECT * FROM @.consent_setting k WHERE k.account_id = a.account_id AND k.list_id IS NULL
                      ORDER BY k.since DESC LIMIT 1) s ON true
 WHERE (s.import_consent, s.double_opt_in, s.unsubscribe_scope, s.resubscribe) IS DISTINCT FROM
       (p.import_consent, p.double_opt_in, p.unsubscribe_scope, p.resubscribe)
UNION ALL
SELECT l.account_id, NULL, l.list_id, 'consent_setting', NULL, concat_ws('', 'double opt-in: ', l.double_opt_in::text)
  FROM @.list l
 WHERE NOT EXISTS (SELECT FROM @.consent_setting k WHERE k.account_id = l.account_id AND k.list_id = l.list_id)
UNION ALL
-- what a contact was not told when it took its address; of a time before the horizon its events may be gone
SELECT u.account_id, u.contact_id, u.list_id, 'suppressed', NULL, concat_ws(', ', u.kind, u.occurred_at)
  FROM contact_status.suppressed_contacts(#) u
  JOIN ONLY @.contact c USING (account_id, contact_id)
  JOIN @.account a USING (account_id)
 WHERE (a.horizon IS NULL OR u.occurred_at >= a.horizon)
   AND NOT EXISTS (SELECT FROM @.event e
                    WHERE e.account_id = u.account_id AND e.contact_id = u.contact_id AND e.kind = u.kind
                      AND e.list_id IS NOT DISTINCT FROM u.list_id AND e.occurred_at >= u.occurred_at
                      AND e.recorded_at > coalesce(c.begins_after, '-infinity')
                      AND (e.retracted_at IS NULL
                           OR e.occurred_at = greatest(u.occurred_at, c.address_since + interval '1 microsecond')))
UNION ALL
SELECT NULL, NULL, NULL, 'triggers of ' || u.partition, NULL, 'contact_status_apply, contact_status_refuse_truncate'
  FROM contact_status.unguarded_partitions(#) u (partition)
ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3 NULLS FIRST, 4
    $query$, '@', quote_ident(verify.schema)), '#', quote_literal(verify.schema)) USING verify.as_of;
END
$verify$;
COMMENT ON FUNCTION contact_status.verify(name, timestamptz) IS
'a row for each difference between what is stored and what the log says; none is good';

CREATE FUNCTION contact_status.repair(schema name) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    damaged_accounts bigint[];
    damaged_contacts bigint[];
    untold_accounts bigint[];
    untold_contacts bigint[];
    settings_of bigint[];
    account bigint;
    repaired bigint;
BEGIN
    PERFORM contact_status.refuse_read_only('repair');
    SELECT array_agg(DISTINCT d.account_id) INTO settings_of
      FROM contact_status.verify(repair.schema) d WHERE d.item = 'consent_setting';
    FOREACH account IN ARRAY coalesce(settings_of, '{}') LOOP
        PERFORM contact_status.keep_settings(repair.schema, account);
    END LOOP;
    SELECT array_agg(d.account_id), array_agg(d.contact_id),
           array_agg(d.account_id) FILTER (WHERE d.is_untold), array_agg(d.contact_id) FILTER (WHERE d.is_untold)
      INTO damaged_accounts, damaged_contacts, untold_accounts, untold_contacts
      FROM (SELECT v.account_id, v.contact_id, bool_or(v.item = 'suppressed') AS is_untold
              FROM contact_status.verify(repair.schema) v
             WHERE v.contact_id IS NOT NULL GROUP BY v.account_id, v.contact_id ORDER BY v.contact_id, v.account_id) d;
    repaired := coalesce(contact_status.settle_contacts(repair.schema, damaged_accounts, damaged_contacts, true, clock_timestamp()), 0);
    repaired := repaired + coalesce(contact_status.delete_orphans(repair.schema, damaged_accounts, damaged_contacts), 0);
    PERFORM contact_status.tell_contacts(repair.schema, untold_accounts, untold_contacts);
    RETURN repaired + cardinality(coalesce(settings_of, '{}')) + cardinality(coalesce(untold_contacts, '{}')) + contact_status.repair_counts(repair.schema)
         + CASE WHEN EXISTS (SELECT FROM contact_status.unguarded_partitions(repair.schema))
                THEN contact_status.guard_partitions(repair.schema) ELSE 0 END;
END
$$;
COMMENT ON FUNCTION contact_status.repair(name) IS
'makes stored facts and statuses again what the log says, where verify finds a difference; returns how many rows it repaired';

GRANT USAGE ON SCHEMA contact_status TO PUBLIC;
