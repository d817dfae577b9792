-- The views of an installation. The owner may replace the views, so functions do not read them but use the same
-- queries.

CREATE FUNCTION _contact_status.event_with_settings_query(schema name, by_period boolean DEFAULT false) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN format($query$SELECT e.account_id, e.contact_id, e.kind, greatest(e.occurred_at, k.before) AS occurred_at,
       e.list_id, e.campaign_id, e.event_key, e.source, e.until,
       %2$s AS settings,
       e.occurred_at AS dated_at, NULL::contact_status.folded_contact AS facts
  FROM %1$I.event e
  JOIN ONLY %1$I.contact c USING (account_id, contact_id)
  LEFT JOIN %1$I.checkpoint k ON k.account_id = e.account_id AND k.contact_id = e.contact_id
   AND k.kept_at IS NOT NULL AND k.generation_start IS NOT DISTINCT FROM c.generation_start
%3$s WHERE e.retracted_at IS NULL AND (c.generation_start IS NULL OR e.recorded_at > c.generation_start)
   AND (k.before IS NULL OR e.occurred_at >= k.before OR e.recorded_at > k.kept_at)
UNION ALL
SELECT a.account_id, a.contact_id, NULL, a.changed_at, NULL, NULL, '', NULL, NULL, NULL, a.changed_at, NULL
  FROM %1$I.address_change a
  JOIN ONLY %1$I.contact c USING (account_id, contact_id)
  LEFT JOIN %1$I.checkpoint k ON k.account_id = a.account_id AND k.contact_id = a.contact_id
   AND k.kept_at IS NOT NULL AND k.generation_start IS NOT DISTINCT FROM c.generation_start
 WHERE (k.before IS NULL OR a.changed_at >= k.before) AND (c.generation_start IS NULL OR a.changed_at > c.generation_start)
UNION ALL
SELECT k.account_id, k.contact_id, NULL, k.before, NULL, NULL, '', NULL, NULL, NULL, '-infinity', k.facts
  FROM %1$I.checkpoint k
  JOIN ONLY %1$I.contact c ON c.account_id = k.account_id AND c.contact_id = k.contact_id
   AND k.generation_start IS NOT DISTINCT FROM c.generation_start
 WHERE k.kept_at IS NOT NULL$query$, schema,
CASE WHEN by_period THEN $settings$CASE WHEN s.since IS NOT NULL THEN
           ROW(s.import_consent, coalesce(l.double_opt_in, s.double_opt_in),
               s.unsubscribe_scope, s.resubscribe, s.confirm_within)::contact_status.consent_settings
       END$settings$ ELSE format($settings$CASE WHEN _contact_status.judges_consent(e.kind) THEN (
           SELECT ROW(s.import_consent, coalesce(l.double_opt_in, s.double_opt_in),
                      s.unsubscribe_scope, s.resubscribe, s.confirm_within)::contact_status.consent_settings
             FROM %1$I.consent_setting_history s
             LEFT JOIN %1$I.consent_setting_history l ON l.account_id = e.account_id AND l.list_id = e.list_id
              AND l.since = (SELECT max(o.since) FROM %1$I.consent_setting_history o
                              WHERE o.account_id = e.account_id AND o.list_id = e.list_id AND o.since <= e.recorded_at)
            WHERE s.account_id = e.account_id AND s.list_id IS NULL
              AND s.since = (SELECT max(o.since) FROM %1$I.consent_setting_history o
                              WHERE o.account_id = e.account_id AND o.list_id IS NULL AND o.since <= e.recorded_at)
       ) END$settings$, schema) END,
CASE WHEN by_period THEN $joins$  LEFT JOIN period s ON s.account_id = e.account_id AND s.list_id IS NULL
   AND e.recorded_at >= s.since AND e.recorded_at < s.until AND _contact_status.judges_consent(e.kind)
  LEFT JOIN period l ON l.account_id = e.account_id AND l.list_id = e.list_id
   AND e.recorded_at >= l.since AND e.recorded_at < l.until
$joins$ ELSE '' END);
COMMENT ON FUNCTION _contact_status.event_with_settings_query(name, boolean) IS
'query of view event_with_settings: the events that count, with their consent settings; by_period: for many contacts, the '
'settings are those of a table "period", which the caller adds';

CREATE FUNCTION _contact_status.history_query(schema name) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN format($query$SELECT c.account_id, c.contact_id, h.list_id, h.changed_at, h.previous_status, h.status, h.kind, h.event_key
  FROM ONLY %1$I.contact c
  JOIN %1$I.account a USING (account_id)
  JOIN %1$I.policy p ON p.name = a.policy
 CROSS JOIN LATERAL (
           SELECT contact_status.status_changes(p::contact_status.policy, e.settings, e.kind, e.occurred_at,
                      e.list_id, e.campaign_id, e.event_key, e.source, e.until, clock_timestamp(), e.facts, e.dated_at
                      ORDER BY e.occurred_at, e.dated_at, e.kind, e.list_id NULLS FIRST, e.campaign_id NULLS FIRST,
                               e.event_key COLLATE "C") AS changes
             FROM (%2$s) e
            WHERE e.account_id = c.account_id AND e.contact_id = c.contact_id) f
 CROSS JOIN LATERAL unnest(f.changes) h$query$, schema, _contact_status.event_with_settings_query(schema));
COMMENT ON FUNCTION _contact_status.history_query(name) IS
'query of view history: changes of the statuses of contacts and subscriptions';

-- One branch, so that the planner can read a page in the order of contact_id. The sum prevents a merge join, which would
-- read the contacts before the page. Only a contact that is due is evaluated: otherwise its row is null and joins no
-- policy. Time changes no status above suspended. The planner expects that IS NOT NULL removes few rows. The operators
-- are qualified, because may_mail parses the query with the search_path of its caller.
CREATE FUNCTION _contact_status.mailable_query(schema name) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN format($query$SELECT s.account_id, s.list_id, s.contact_id, c.email
  FROM ONLY %1$I.subscription s
  JOIN ONLY %1$I.contact c ON c.account_id OPERATOR(pg_catalog.=) s.account_id
                          AND c.contact_id OPERATOR(pg_catalog.=) (s.contact_id OPERATOR(pg_catalog.+) 0)
  LEFT JOIN LATERAL (SELECT CASE WHEN c.due_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN r END AS contact
                       FROM (SELECT c.*) r) due ON true
  LEFT JOIN (%1$I.account a JOIN %1$I.policy p ON p.name OPERATOR(pg_catalog.=) a.policy)
         ON a.account_id OPERATOR(pg_catalog.=) CASE WHEN c.due_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN c.account_id END
 WHERE s.consent OPERATOR(pg_catalog.=) 'active' AND s.status OPERATOR(pg_catalog.<=) 'suspended'
   AND CASE WHEN CASE WHEN c.due_at OPERATOR(pg_catalog.<=) pg_catalog.now()
                      THEN contact_status.is_mailable(_contact_status.address_status(p::contact_status.policy, due.contact, pg_catalog.now()))
                      ELSE contact_status.is_mailable(s.status) END THEN true END IS NOT NULL$query$, schema);
COMMENT ON FUNCTION _contact_status.mailable_query(name) IS
'query of view mailable: contacts that may be mailed on each list as of now()';

CREATE FUNCTION _contact_status.view_names() RETURNS name[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN '{event_with_settings,mailable,deliverable,pending_confirmations,history,status_history,contact_history,account_status_count,list_status_count,active_contacts,campaign_report,unmatched_events}'::name[];
COMMENT ON FUNCTION _contact_status.view_names() IS 'names of the views of an installation';

CREATE FUNCTION _contact_status.view_definitions(schema name) RETURNS text[]
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN string_to_array(btrim(format($ddl$

CREATE VIEW %1$I.event_with_settings WITH (security_invoker = true) AS
%3$s;
COMMENT ON VIEW %1$I.event_with_settings IS
'events that count, with the consent settings in force when they were recorded; facts as of the horizon; changes of '
'the address (kind and facts null). Fold them in the order (occurred_at, dated_at, kind, list_id NULLS FIRST, '
'campaign_id NULLS FIRST, event_key COLLATE "C")';

-- views for users

CREATE VIEW %1$I.mailable WITH (security_invoker = true) AS
%5$s;
COMMENT ON VIEW %1$I.mailable IS
'contacts that may be mailed on each list as of now(), independent of contact_status.sweep; read pages by account_id, '
'list_id and contact_id';

CREATE VIEW %1$I.pending_confirmations WITH (security_invoker = true) AS
SELECT s.account_id, s.list_id, s.contact_id, c.email, s.status, w.signed_up_at,
       -- a day has 24 hours
       w.signed_up_at + extract(epoch FROM p.confirm_within)::double precision * interval '1 second' AS confirm_until,
       s.request_key
  FROM ONLY %1$I.subscription s
  JOIN ONLY %1$I.contact c USING (account_id, contact_id)
  JOIN %1$I.account a USING (account_id)
  JOIN %1$I.policy p ON p.name = a.policy
 CROSS JOIN LATERAL (SELECT CASE s.consent WHEN 'unconfirmed' THEN s.consent_at ELSE s.requested_at END AS signed_up_at) w
 WHERE (s.consent = 'unconfirmed' OR s.requested_at IS NOT NULL)
   AND c.complained_at IS NULL AND c.deleted_at IS NULL
   -- the link of an earlier sign-up went to another address
   AND (c.address_since IS NULL OR w.signed_up_at > c.address_since);
COMMENT ON VIEW %1$I.pending_confirmations IS
'sign-ups that are not confirmed, and requests after an opt-out; of contacts that are neither deleted nor complained';

CREATE VIEW %1$I.deliverable WITH (security_invoker = true) AS
SELECT c.account_id, c.contact_id, c.email
  FROM ONLY %1$I.contact c
  JOIN %1$I.account a USING (account_id)
  JOIN %1$I.policy p ON p.name = a.policy
 WHERE c.status < 'failing' OR _contact_status.is_deliverable(p::contact_status.policy, c);
COMMENT ON VIEW %1$I.deliverable IS
'contacts that may receive transactional mail: the address works, the contact is not deleted and, by policy, did not complain';

CREATE VIEW %1$I.history WITH (security_invoker = true) AS
%4$s;
COMMENT ON VIEW %1$I.history IS
'changes of contacts (list_id null) and subscriptions, from the log; after a horizon, its facts come first';

CREATE VIEW %1$I.status_history WITH (security_invoker = true) AS
SELECT * FROM %1$I.history WHERE list_id IS NOT NULL;
COMMENT ON VIEW %1$I.status_history IS
'changes of subscriptions, from the log; kind is null for the passing of time or a new address';

CREATE VIEW %1$I.contact_history WITH (security_invoker = true) AS
SELECT account_id, contact_id, changed_at, previous_status, status, kind, event_key
  FROM %1$I.history WHERE list_id IS NULL;
COMMENT ON VIEW %1$I.contact_history IS 'changes of the statuses of contacts, from the log';

CREATE VIEW %1$I.account_status_count WITH (security_invoker = true) AS
SELECT a.account_id, s.status, coalesce(n.contacts[s.place], 0)::bigint AS contacts
  FROM %1$I.account a
 CROSS JOIN LATERAL (
           SELECT ARRAY[%2$s]
             FROM %1$I.status_count n
            WHERE n.account_id = a.account_id AND n.list_id IS NULL
              AND n.written_by >= coalesce((
                      SELECT m.merged_before FROM %1$I.status_count m
                       WHERE m.account_id = a.account_id AND m.list_id IS NULL AND m.merged_before IS NOT NULL
                         AND m.xmin = m.written_by::xid AND m.written_by < pg_snapshot_xmax(pg_current_snapshot())
                       ORDER BY m.account_id DESC, m.list_id DESC, m.written_by DESC LIMIT 1), '0'::xid8)) n (contacts)
 CROSS JOIN unnest(enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY s (status, place);
COMMENT ON VIEW %1$I.account_status_count IS 'number of contacts with each status in each account';

CREATE VIEW %1$I.list_status_count WITH (security_invoker = true) AS
SELECT l.account_id, l.list_id, s.status, coalesce(n.contacts[s.place], 0)::bigint AS contacts
  FROM %1$I.list l
 CROSS JOIN LATERAL (
           SELECT ARRAY[%2$s]
             FROM %1$I.status_count n
            WHERE n.account_id = l.account_id AND n.list_id = l.list_id
              AND n.written_by >= coalesce((
                      SELECT m.merged_before FROM %1$I.status_count m
                       WHERE m.account_id = l.account_id AND m.list_id = l.list_id AND m.merged_before IS NOT NULL
                         AND m.xmin = m.written_by::xid AND m.written_by < pg_snapshot_xmax(pg_current_snapshot())
                       ORDER BY m.account_id DESC, m.list_id DESC, m.written_by DESC LIMIT 1), '0'::xid8)) n (contacts)
 CROSS JOIN unnest(enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY s (status, place);
COMMENT ON VIEW %1$I.list_status_count IS 'number of subscriptions with each status on each list';

CREATE VIEW %1$I.active_contacts WITH (security_invoker = true) AS
SELECT a.account_id, n.active_contacts, a.contact_limit,
       coalesce(n.active_contacts > a.contact_limit, false) AS over_limit,
       (SELECT count(*)
          FROM ONLY %1$I.contact c
         CROSS JOIN LATERAL (SELECT _contact_status.address_status(p::contact_status.policy, c, now()) AS address) f
         WHERE c.account_id = a.account_id AND c.due_at <= now()
           AND (EXISTS (SELECT FROM ONLY %1$I.subscription s
                         WHERE s.account_id = c.account_id AND s.contact_id = c.contact_id
                           AND s.status <> greatest(s.consent, f.address))
                OR NOT EXISTS (SELECT FROM ONLY %1$I.subscription s
                                WHERE s.account_id = c.account_id AND s.contact_id = c.contact_id)
                   AND c.status <> greatest(f.address, CASE WHEN c.unsubscribed_at IS NULL
                               THEN 'unconfirmed' ELSE 'unsubscribed' END::contact_status.contact_status))) AS due
  FROM %1$I.account a
  JOIN %1$I.policy p ON p.name = a.policy
 CROSS JOIN LATERAL (SELECT coalesce(sum(s.contacts), 0)::bigint AS active_contacts
                       FROM %1$I.account_status_count s
                      WHERE s.account_id = a.account_id AND s.status = ANY (p.counted)) n;
COMMENT ON VIEW %1$I.active_contacts IS
'number of contacts of each account that count towards its limit; due: number that a sweep would change now';

CREATE VIEW %1$I.campaign_report WITH (security_invoker = true) AS
SELECT r.*,
       -- without `delivered` events, a contact without an error counts as delivered, and other rates refer to sent contacts
       round(CASE WHEN r.delivered > 0 THEN r.delivered_contacts
                  ELSE greatest(r.sent_contacts - r.permanent_error - r.temporary_error, 0) END::numeric
             / nullif(r.sent_contacts, 0), 4) AS delivery_rate,
       round(r.bounced_contacts::numeric / nullif(r.sent_contacts, 0), 4) AS bounce_rate,
       round(r.opened_contacts::numeric / nullif(d.contacts, 0), 4) AS open_rate,
       round(r.clicked_contacts::numeric / nullif(d.contacts, 0), 4) AS click_rate,
       round(r.unsubscribed_contacts::numeric / nullif(d.contacts, 0), 4) AS unsubscribe_rate,
       round(r.complained_contacts::numeric / nullif(d.contacts, 0), 4) AS complaint_rate
  FROM (SELECT account_id, campaign_id,
               sum(sent)::bigint AS sent, sum(delivered)::bigint AS delivered,
               sum(soft_bounced)::bigint AS soft_bounced, sum(blocked)::bigint AS blocked,
               sum(hard_bounced)::bigint AS hard_bounced, sum(nonexistent)::bigint AS nonexistent,
               sum(opened)::bigint AS opened, sum(clicked)::bigint AS clicked,
               sum(unsubscribed)::bigint AS unsubscribed, sum(complained)::bigint AS complained,
               count(*) FILTER (WHERE sent > 0) AS sent_contacts,
               count(*) FILTER (WHERE delivered > 0) AS delivered_contacts,
               count(*) FILTER (WHERE soft_bounced > 0) AS soft_bounced_contacts,
               count(*) FILTER (WHERE blocked > 0) AS blocked_contacts,
               count(*) FILTER (WHERE hard_bounced > 0) AS hard_bounced_contacts,
               count(*) FILTER (WHERE nonexistent > 0) AS nonexistent_contacts,
               count(*) FILTER (WHERE soft_bounced + blocked + hard_bounced + nonexistent > 0) AS bounced_contacts,
               count(*) FILTER (WHERE opened > 0) AS opened_contacts,
               count(*) FILTER (WHERE clicked > 0) AS clicked_contacts,
               count(*) FILTER (WHERE unsubscribed > 0) AS unsubscribed_contacts,
               count(*) FILTER (WHERE complained > 0) AS complained_contacts,
               count(*) AS contacts,
               -- each contact once, in the category of its strongest proof; a contact without an error is ok
               count(*) FILTER (WHERE hard_bounced + nonexistent > 0) AS permanent_error,
               count(*) FILTER (WHERE hard_bounced + nonexistent = 0 AND soft_bounced + blocked > 0
                                  AND delivered + opened + clicked = 0) AS temporary_error,
               count(*) FILTER (WHERE hard_bounced + nonexistent = 0
                                  AND (soft_bounced + blocked = 0 OR delivered + opened + clicked > 0)) AS ok
          FROM (SELECT account_id, campaign_id, contact_id,
                       count(*) FILTER (WHERE kind = 'sent') AS sent,
                       count(*) FILTER (WHERE kind = 'delivered') AS delivered,
                       count(*) FILTER (WHERE kind = 'soft_bounced') AS soft_bounced,
                       count(*) FILTER (WHERE kind = 'blocked') AS blocked,
                       count(*) FILTER (WHERE kind = 'hard_bounced') AS hard_bounced,
                       count(*) FILTER (WHERE kind = 'nonexistent') AS nonexistent,
                       count(*) FILTER (WHERE kind = 'opened') AS opened,
                       count(*) FILTER (WHERE kind = 'clicked') AS clicked,
                       count(*) FILTER (WHERE kind = 'unsubscribed') AS unsubscribed,
                       count(*) FILTER (WHERE kind = 'complained') AS complained
                  FROM %1$I.event
                 WHERE campaign_id IS NOT NULL AND retracted_at IS NULL
                 GROUP BY account_id, campaign_id, contact_id) c
         GROUP BY account_id, campaign_id) r
 CROSS JOIN LATERAL (SELECT CASE WHEN r.delivered > 0 THEN r.delivered_contacts ELSE r.sent_contacts END AS contacts) d;
COMMENT ON VIEW %1$I.campaign_report IS
'events, distinct contacts, rates, and contacts by report category for each campaign';

CREATE VIEW %1$I.unmatched_events WITH (security_invoker = true) AS
SELECT account_id, coalesce(forwarded_from, source) AS origin, problem, kind, count(*) AS events, min(received_at) AS first_received_at,
       max(received_at) AS last_received_at
  FROM %1$I.unmatched_event
 GROUP BY account_id, coalesce(forwarded_from, source), problem, kind;
COMMENT ON VIEW %1$I.unmatched_events IS 'number of events that wait in unmatched_event, by problem';

$ddl$,
    schema,
    (SELECT string_agg(format('sum(n.contacts[%s])', place), ', ')
       FROM generate_series(1, cardinality(enum_range(NULL::contact_status.contact_status))) place),
    _contact_status.event_with_settings_query(schema),
    _contact_status.history_query(schema),
    _contact_status.mailable_query(schema)), E'\n; '), E';\n');
COMMENT ON FUNCTION _contact_status.view_definitions(name) IS
'statements that create the views of an installation';

CREATE FUNCTION contact_status.may_mail(schema name, account_id bigint, contact_id bigint, list_id bigint) RETURNS boolean
    LANGUAGE c STABLE COST 100 AS 'MODULE_PATHNAME', 'cs_may_mail';
COMMENT ON FUNCTION contact_status.may_mail(name, bigint, bigint, bigint) IS
'whether view mailable has the contact on the list, or on any list if that is null: for the WHERE clause of a worker';
