-- Reports: the contact of an address, why a contact has its status, and how many contacts were active on each day.

CREATE FUNCTION contact_status.contact_by_email(
    schema name, email text, account_id bigint DEFAULT 1,
    OUT contact_id bigint, OUT address text, OUT status contact_status.contact_status, OUT monitored boolean,
    OUT created_at timestamptz
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT ROWS 1
    SET search_path = pg_catalog, pg_temp
AS $by_email$
BEGIN
    PERFORM _contact_status.check_installation(contact_by_email.schema, '{contact}');
    RETURN QUERY EXECUTE format($query$
SELECT c.contact_id, c.email, c.status, c.monitored, c.created_at
  FROM ONLY %I.contact c
 WHERE c.account_id = $1 AND contact_status.normalize_address(c.email) = contact_status.normalize_address($2) COLLATE "C"
    $query$, contact_by_email.schema) USING $3, $2;
END
$by_email$;
COMMENT ON FUNCTION contact_status.contact_by_email(name, text, bigint) IS
'the contact of an account that has an address, compared by normalize_address; no row: none has it';

CREATE FUNCTION contact_status.explain_status(
    schema name, account_id bigint, contact_id bigint, list_id bigint DEFAULT NULL,
    OUT fact text, OUT status contact_status.contact_status, OUT since timestamptz, OUT kind contact_status.event_kind,
    OUT event_key text, OUT source text, OUT reason text, OUT detail text, OUT lifted_by text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $explain$
DECLARE
    found bigint;
BEGIN
    PERFORM _contact_status.check_installation(explain_status.schema,
        '{policy,account,consent_setting_history,contact,subscription,address_change,checkpoint,event}');
    EXECUTE format('SELECT count(*) FROM ONLY %I.contact WHERE account_id = $1 AND contact_id = $2', explain_status.schema)
       INTO found USING explain_status.account_id, explain_status.contact_id;
    IF found = 0 THEN
        RAISE EXCEPTION 'contact % of account % does not exist', explain_status.contact_id, explain_status.account_id
            USING ERRCODE = 'foreign_key_violation', HINT = 'Table contact has the contacts of each account.';
    END IF;
    RETURN QUERY EXECUTE format($query$
WITH c AS (
    SELECT c.address_since, c.complained_at, c.unsubscribed_at, c.deleted_at, c.hard_bounced_at, c.delivered_campaign,
           c.run_times, c.hard_bounces, c.unanswered, c.unanswered_since, c.lapsed_at, c.suspended_at, c.suspended_until,
           p.name AS policy, p.soft_bounce_limit, p.soft_bounce_outcome, p.hard_bounce_limit,
           p.unresponsive_campaigns, p.unresponsive_after, p.resubscribe
      FROM ONLY %1$I.contact c JOIN %1$I.account a USING (account_id) JOIN %1$I.policy p ON p.name = a.policy
     WHERE c.account_id = $1 AND c.contact_id = $2
), s AS (
    SELECT s.list_id, s.consent, s.consent_at, s.requested_at, s.request_key
      FROM ONLY %1$I.subscription s WHERE s.account_id = $1 AND s.contact_id = $2 AND ($3 IS NULL OR s.list_id = $3)
), facts (place, fact, status, since, kinds, list, detail, lifted_by) AS (
    SELECT 1, 'consent', s.consent, s.consent_at,
           CASE s.consent WHEN 'active' THEN '{added,signed_up,confirmed,resubscribed}'
                WHEN 'unconfirmed' THEN '{added,signed_up}' ELSE '{unsubscribed}' END::contact_status.event_kind[],
           s.list_id, 'list ' || s.list_id,
           CASE WHEN s.consent = 'active' THEN 'unsubscribed, removed'
                WHEN s.consent = 'unconfirmed' AND s.consent_at <= c.address_since THEN 'confirmed, after a new sign-up'
                WHEN s.consent = 'unconfirmed' THEN 'confirmed'
                WHEN c.complained_at IS NOT NULL OR c.resubscribe = 'never' THEN 'nothing: the policy or a complaint lets no opt-out end'
                ELSE 'confirmed, after a new sign-up; resubscribed, with evidence' END
      FROM c, s
    UNION ALL
    SELECT 2, 'request pending', s.consent, s.requested_at, '{signed_up}', s.list_id,
           concat('list ', s.list_id, CASE WHEN s.request_key <> '' THEN ', key ' || s.request_key END), 'confirmed'
      FROM s WHERE s.requested_at IS NOT NULL
    UNION ALL
    SELECT 3, 'account-wide opt-out', 'unsubscribed', c.unsubscribed_at, '{unsubscribed}', NULL,
           'lists joined later begin unsubscribed', 'nothing; confirmed or resubscribed lifts it on its own list'
      FROM c WHERE c.unsubscribed_at IS NOT NULL
    UNION ALL
    SELECT 4, 'complaint', 'complained', c.complained_at, '{complained}', NULL, 'on every list',
           'nothing but the retraction of a complaint recorded in error'
      FROM c WHERE c.complained_at IS NOT NULL
    UNION ALL
    SELECT 5, 'deletion', 'deleted', c.deleted_at, '{deleted}', NULL, NULL, 'restored; signed_up or resubscribed, without the consents of before'
      FROM c WHERE c.deleted_at IS NOT NULL
    UNION ALL
    SELECT 6, 'address dead', 'hard_bounced', c.hard_bounced_at,
           '{soft_bounced,blocked,hard_bounced,nonexistent,invalidated}', NULL, NULL, 'validated; confirmed, by the person; a new address'
      FROM c WHERE c.hard_bounced_at IS NOT NULL
    UNION ALL
    SELECT 7, 'run of errors',
           CASE WHEN c.delivered_campaign IS NOT NULL THEN 'active'
                WHEN cardinality(c.run_times) >= c.soft_bounce_limit THEN c.soft_bounce_outcome
                ELSE 'soft_bounced' END::contact_status.contact_status,
           least(c.run_times[1],
                 (SELECT j.occurred_at FROM (%2$s) j
                   WHERE c.hard_bounces > 0 AND j.account_id = $1 AND j.contact_id = $2
                     AND j.kind IN ('hard_bounced', 'nonexistent')
                   ORDER BY j.occurred_at DESC OFFSET greatest(c.hard_bounces - 1, 0) LIMIT 1)),
           '{soft_bounced,blocked,hard_bounced,nonexistent}', NULL,
           concat_ws(', ', CASE WHEN c.run_times IS NOT NULL THEN
                                cardinality(c.run_times) || coalesce(' of ' || c.soft_bounce_limit, '') || ' temporary' END,
                     CASE WHEN c.hard_bounces > 0 THEN c.hard_bounces || ' of ' || c.hard_bounce_limit || ' permanent' END,
                     'ended by the delivery of campaign ' || c.delivered_campaign || ' unless an error of it comes next'),
           'delivered, opened, clicked, validated'
      FROM c WHERE c.run_times IS NOT NULL OR c.hard_bounces > 0
    UNION ALL
    SELECT 8, 'campaigns unanswered',
           CASE WHEN cardinality(c.unanswered) >= c.unresponsive_campaigns OR c.unanswered_since + c.unresponsive_after <= now()
                THEN 'unresponsive' ELSE 'active' END::contact_status.contact_status,
           c.unanswered_since, '{sent}', NULL,
           concat_ws(', ', cardinality(c.unanswered) || ' of ' || c.unresponsive_campaigns,
                     'unresponsive from ' || (c.unanswered_since + c.unresponsive_after)), 'opened, clicked'
      FROM c WHERE c.unanswered IS NOT NULL
    UNION ALL
    SELECT 9, 'lapse', 'unresponsive', c.lapsed_at, '{lapsed}', NULL, NULL, 'opened, clicked'
      FROM c WHERE c.lapsed_at IS NOT NULL
    UNION ALL
    SELECT 10, 'suspension',
           CASE WHEN c.suspended_until <= now() THEN 'active' ELSE 'suspended' END::contact_status.contact_status,
           c.suspended_at, '{suspended}', NULL,
           CASE WHEN c.suspended_until <= now() THEN 'ended ' ELSE 'until ' END || coalesce(c.suspended_until::text, 'released'),
           'released; its end'
      FROM c WHERE c.suspended_at IS NOT NULL
)
SELECT f.fact, f.status, f.since, e.kind, e.event_key, e.source, e.reason, f.detail, f.lifted_by
  FROM facts f
  LEFT JOIN LATERAL (
           SELECT j.kind, j.event_key, j.source,
                  (SELECT v.reason FROM %1$I.event v
                    WHERE v.account_id = $1 AND v.contact_id = $2 AND v.occurred_at = j.dated_at AND v.kind = j.kind
                      AND v.list_id IS NOT DISTINCT FROM j.list_id AND v.campaign_id IS NOT DISTINCT FROM j.campaign_id
                      AND v.event_key = j.event_key) AS reason
             FROM (%2$s) j
            WHERE j.account_id = $1 AND j.contact_id = $2 AND j.occurred_at = f.since AND j.kind = ANY (f.kinds)
              AND (f.list IS NULL OR j.list_id IS NULL OR j.list_id = f.list)
            ORDER BY j.kind DESC LIMIT 1) e ON true
 ORDER BY f.place, f.list
    $query$, explain_status.schema, _contact_status.event_with_settings_query(explain_status.schema))
    USING explain_status.account_id, explain_status.contact_id, explain_status.list_id;
END
$explain$;
COMMENT ON FUNCTION contact_status.explain_status(name, bigint, bigint, bigint) IS
'facts of a contact, on a list or on all: status, since when, by which event, and which events lift it';

CREATE FUNCTION contact_status.active_contacts_by_day(
    schema name, account_id bigint, from_day date, to_day date, OUT day date, OUT active_contacts bigint
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off    -- even if the tables were small when this was planned
    SET jit = off
AS $by_day$
BEGIN
    PERFORM _contact_status.check_installation(active_contacts_by_day.schema,
        '{policy,account,consent_setting_history,contact,address_change,checkpoint,event}');
    RETURN QUERY EXECUTE format($query$
WITH own AS (
    SELECT ROW(p.*)::contact_status.policy AS policy, p.counted
      FROM %1$I.account a JOIN %1$I.policy p ON p.name = a.policy WHERE a.account_id = $1
), period AS MATERIALIZED (
    SELECT s.*, lead(s.since, 1, 'infinity') OVER (PARTITION BY s.list_id ORDER BY s.since) AS until
      FROM %1$I.consent_setting_history s WHERE s.account_id = $1
), history AS MATERIALIZED (
    SELECT f.contact_id, h.changed_at,
           (h.status = ANY (own.counted))::int - (h.previous_status = ANY (own.counted))::int AS difference
      FROM (SELECT e.contact_id,
                   contact_status.status_changes((SELECT policy FROM own), e.settings, e.kind, e.occurred_at,
                       e.list_id, e.campaign_id, e.event_key, e.source, e.until, clock_timestamp(), e.facts, e.dated_at
                       ORDER BY e.occurred_at, e.dated_at, e.kind, e.list_id NULLS FIRST, e.campaign_id NULLS FIRST,
                                e.event_key COLLATE "C") AS changes
              FROM (%2$s) e WHERE e.account_id = $1 GROUP BY e.contact_id) f
     CROSS JOIN own
     CROSS JOIN LATERAL unnest(f.changes) h
     WHERE h.list_id IS NULL
), change AS (
    SELECT greatest(at::date, $2) AS day, sum(difference) AS difference
      FROM (SELECT changed_at, difference FROM history
            UNION ALL
            -- a contact is unconfirmed from its insertion, or from its first change if that is earlier
            SELECT least(c.created_at, h.first), 1
              FROM ONLY %1$I.contact c
              LEFT JOIN (SELECT contact_id, min(changed_at) AS first FROM history GROUP BY 1) h USING (contact_id), own
             WHERE c.account_id = $1 AND 'unconfirmed' = ANY (own.counted)) x (at, difference)
     WHERE at < $3 + 1
     GROUP BY 1
)
SELECT d::date, coalesce(sum(change.difference) OVER (ORDER BY d), 0)::bigint
  FROM generate_series($2, $3, interval '1 day') d LEFT JOIN change ON change.day = d::date
 ORDER BY 1
    $query$, active_contacts_by_day.schema, _contact_status.event_with_settings_query(active_contacts_by_day.schema, true))
    USING active_contacts_by_day.account_id, active_contacts_by_day.from_day, active_contacts_by_day.to_day;
END
$by_day$;
COMMENT ON FUNCTION contact_status.active_contacts_by_day(name, bigint, date, date) IS
'active contacts at the end of each day in the session''s time zone, of those that exist now; reads the log once';
