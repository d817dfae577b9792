-- The tables of an installation: made by the user who calls create_tables, in
-- the schema he names, and owned by him; no members of the extension, so that
-- a dump holds them with their rows and a restore fires no trigger over them.

-- Queries that stand in views and in functions: functions do not read the views, which their owner may replace.

CREATE FUNCTION _contact_status.judged_event_query(schema name) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN format($query$SELECT e.account_id, e.contact_id, e.kind, greatest(e.occurred_at, k.before) AS occurred_at,
       e.list_id, e.campaign_id, e.event_key, e.source, e.until,
       CASE WHEN e.kind IN ('added', 'signed_up', 'resubscribed', 'unsubscribed') THEN (
           SELECT ROW(s.import_consent, coalesce(l.double_opt_in, s.double_opt_in),
                      s.unsubscribe_scope, s.resubscribe)::contact_status.consent_settings
             FROM %1$I.consent_setting s
             LEFT JOIN %1$I.consent_setting l ON l.account_id = e.account_id AND l.list_id = e.list_id
              AND l.since = (SELECT max(o.since) FROM %1$I.consent_setting o
                              WHERE o.account_id = e.account_id AND o.list_id = e.list_id AND o.since <= e.recorded_at)
            WHERE s.account_id = e.account_id AND s.list_id IS NULL
              AND s.since = (SELECT max(o.since) FROM %1$I.consent_setting o
                              WHERE o.account_id = e.account_id AND o.list_id IS NULL AND o.since <= e.recorded_at)
       ) END AS settings,
       e.occurred_at AS dated_at, NULL::contact_status.folded_contact AS facts
  FROM %1$I.event e
  JOIN ONLY %1$I.contact c USING (account_id, contact_id)
  LEFT JOIN %1$I.checkpoint k ON k.account_id = e.account_id AND k.contact_id = e.contact_id
   AND k.kept_at IS NOT NULL AND k.began_after IS NOT DISTINCT FROM c.begins_after
 WHERE e.retracted_at IS NULL AND (c.begins_after IS NULL OR e.recorded_at > c.begins_after)
   AND (k.before IS NULL OR e.occurred_at >= k.before OR e.recorded_at > k.kept_at)
UNION ALL
SELECT a.account_id, a.contact_id, NULL, a.changed_at, NULL, NULL, '', NULL, NULL, NULL, a.changed_at, NULL
  FROM %1$I.address_change a
  JOIN ONLY %1$I.contact c USING (account_id, contact_id)
  LEFT JOIN %1$I.checkpoint k ON k.account_id = a.account_id AND k.contact_id = a.contact_id
   AND k.kept_at IS NOT NULL AND k.began_after IS NOT DISTINCT FROM c.begins_after
 WHERE k.before IS NULL OR a.changed_at >= k.before
UNION ALL
SELECT k.account_id, k.contact_id, NULL, k.before, NULL, NULL, '', NULL, NULL, NULL, '-infinity', k.facts
  FROM %1$I.checkpoint k
  JOIN ONLY %1$I.contact c ON c.account_id = k.account_id AND c.contact_id = k.contact_id
   AND k.began_after IS NOT DISTINCT FROM c.begins_after
 WHERE k.kept_at IS NOT NULL$query$, schema);
COMMENT ON FUNCTION _contact_status.judged_event_query(name) IS
'the query of view judged_event: the events that count, with the settings by which they are judged';

CREATE FUNCTION _contact_status.history_query(schema name) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN format($query$SELECT c.account_id, c.contact_id, h.list_id, h.changed_at, h.previous_status, h.status, h.kind, h.event_key
  FROM ONLY %1$I.contact c
  JOIN %1$I.account a USING (account_id)
  JOIN %1$I.policy p ON p.name = a.policy
 CROSS JOIN LATERAL (
           SELECT contact_status.status_changes(p::contact_status.policy, e.settings, e.kind, e.occurred_at,
                      e.list_id, e.campaign_id, e.event_key, e.source, e.until, clock_timestamp(), e.facts
                      ORDER BY e.occurred_at, e.dated_at, e.kind, e.list_id NULLS FIRST, e.campaign_id NULLS FIRST,
                               e.event_key COLLATE "C") AS changes
             FROM (%2$s) e
            WHERE e.account_id = c.account_id AND e.contact_id = c.contact_id) f
 CROSS JOIN LATERAL unnest(f.changes) h$query$, schema, _contact_status.judged_event_query(schema));
COMMENT ON FUNCTION _contact_status.history_query(name) IS
'the query of view history: every change of status of contacts and subscriptions';

CREATE FUNCTION contact_status.create_tables(
    schema name, policy text DEFAULT 'default', partition_by interval DEFAULT NULL
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $create_tables$
DECLARE
    wanted contact_status.policy := contact_status.policy(create_tables.policy);   -- raises where it is unknown
    tables constant name[] := '{policy,account,list,consent_setting,account_key,contact,former_contact,address_change,'
                              'subscription,status_count,suppression,event,retraction,checkpoint}';
    namespace oid := (SELECT n.oid FROM pg_namespace n WHERE n.nspname = create_tables.schema);
    taken name[];
    command text;
BEGIN
    IF create_tables.schema IS NULL OR create_tables.policy IS NULL THEN
        RAISE EXCEPTION 'create_tables needs a schema and a policy'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT contact_status.create_tables(''crm'', policy => ''ecomail'').';
    END IF;
    IF namespace IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', create_tables.schema);
    ELSIF NOT has_schema_privilege(namespace, 'CREATE') THEN
        RAISE EXCEPTION 'permission denied for schema %', create_tables.schema
            USING ERRCODE = 'insufficient_privilege', HINT = 'Name a schema of your own, or one that does not exist yet.';
    END IF;

    SELECT array_agg(c.relname) INTO taken FROM pg_class c
     WHERE c.relnamespace = namespace
       AND c.relname = ANY (tables || '{mailable,history,status_history,contact_history,account_status_count,list_status_count,'
                                      'active_contacts,campaign_report,event_default}'::name[]);
    IF taken @> tables THEN
        RAISE EXCEPTION 'schema "%" already holds an installation', create_tables.schema
            USING ERRCODE = 'duplicate_table', HINT = 'Name another schema.';
    ELSIF taken IS NOT NULL THEN
        RAISE EXCEPTION 'schema "%" already has a table "%"', create_tables.schema, taken[1]
            USING ERRCODE = 'duplicate_table', HINT = 'Name another schema.';
    END IF;

    -- one statement after the other, so that an error shows one
    FOREACH command IN ARRAY regexp_split_to_array(btrim(format($ddl$

-- settings

CREATE TABLE %1$I.policy OF contact_status.policy (
    PRIMARY KEY (name),
    import_consent    WITH OPTIONS NOT NULL DEFAULT 'subscribed',
    double_opt_in     WITH OPTIONS NOT NULL DEFAULT true,
    soft_bounce_outcome WITH OPTIONS NOT NULL DEFAULT 'hard_bounced',
    blocked_counts    WITH OPTIONS NOT NULL DEFAULT false,
    unsubscribe_scope WITH OPTIONS NOT NULL DEFAULT 'list',
    resubscribe       WITH OPTIONS NOT NULL DEFAULT 'confirmed',
    complained_insert WITH OPTIONS NOT NULL DEFAULT 'keep',
    counted           WITH OPTIONS NOT NULL DEFAULT '{active,soft_bounced}'
);
COMMENT ON TABLE %1$I.policy IS
'how events are judged; null: this rule does not exist. After a change call contact_status.reevaluate';

CREATE TABLE %1$I.account (
    account_id    bigint NOT NULL DEFAULT 1,
    policy        text NOT NULL DEFAULT 'default',
    contact_limit bigint CHECK (contact_limit >= 0),
    horizon       timestamptz,
    horizon_kept  timestamptz,
    PRIMARY KEY (account_id)
);
COMMENT ON TABLE %1$I.account IS 'a tenant; a single sender is account 1 and never types it';
COMMENT ON COLUMN %1$I.account.contact_limit IS 'how many contacts may count as active; null: no limit';
COMMENT ON COLUMN %1$I.account.horizon IS 'derived: set by contact_status.set_horizon; an event dated before it counts as if it happened then';
COMMENT ON COLUMN %1$I.account.horizon_kept IS 'derived: the facts of all contacts are kept as of this horizon, so that older events may be dropped';

CREATE TABLE %1$I.list (
    account_id    bigint NOT NULL DEFAULT 1,
    list_id       bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    name          text,
    double_opt_in boolean,
    PRIMARY KEY (account_id, list_id)
);
COMMENT ON TABLE %1$I.list IS 'a list of contacts; consent is per list';
COMMENT ON COLUMN %1$I.list.double_opt_in IS 'must a sign-up be confirmed; null: as the policy says';

CREATE TABLE %1$I.consent_setting (
    account_id        bigint NOT NULL,
    list_id           bigint,
    since             timestamptz NOT NULL,
    import_consent    text,
    double_opt_in     boolean,
    unsubscribe_scope text,
    resubscribe       text
);
CREATE UNIQUE INDEX consent_setting_key ON %1$I.consent_setting
    (account_id, list_id NULLS FIRST, since) NULLS NOT DISTINCT;
COMMENT ON TABLE %1$I.consent_setting IS
'derived: the consent settings of accounts, and the double opt-in of lists, since when they were in force';

-- contacts

CREATE TABLE %1$I.contact (
    account_id         bigint NOT NULL DEFAULT 1,
    contact_id         bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    email              text NOT NULL,
    status             contact_status.contact_status NOT NULL DEFAULT 'unconfirmed',
    monitored          boolean NOT NULL DEFAULT false,
    hard_bounces       smallint NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at         timestamptz,
    due_at             timestamptz,
    hard_bounced_at    timestamptz,
    unsubscribed_at    timestamptz,
    complained_at      timestamptz,
    deleted_at         timestamptz,
    suspended_at       timestamptz,
    suspended_until    timestamptz,
    unanswered_since   timestamptz,
    unanswered         bigint[],
    delivered_campaign bigint,
    run_campaigns      bigint[],
    run_times          timestamptz[],
    begins_after       timestamptz,
    address_since      timestamptz,
    erased_at          timestamptz,
    PRIMARY KEY (account_id, contact_id)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX contact_address ON %1$I.contact (account_id, contact_status.normalize_address(email));
CREATE INDEX contact_due ON %1$I.contact (due_at) WHERE due_at IS NOT NULL;

COMMENT ON TABLE %1$I.contact IS 'a contact; email and columns of your own are yours, all others are derived from the events';
COMMENT ON COLUMN %1$I.contact.status IS 'derived: the best status over the contact''s subscriptions';
COMMENT ON COLUMN %1$I.contact.monitored IS 'derived: true from the first event that ties a person to the address';
COMMENT ON COLUMN %1$I.contact.hard_bounces IS 'derived: hard bounces in the run of errors, below the limit';
COMMENT ON COLUMN %1$I.contact.changed_at IS 'derived: time of the last event that changed a fact';
COMMENT ON COLUMN %1$I.contact.due_at IS 'derived: no status changes by the passing of time before this';
COMMENT ON COLUMN %1$I.contact.hard_bounced_at IS 'derived: since when the address is dead';
COMMENT ON COLUMN %1$I.contact.unsubscribed_at IS 'derived: the latest opt-out from the whole account';
COMMENT ON COLUMN %1$I.contact.complained_at IS 'derived: the latest complaint';
COMMENT ON COLUMN %1$I.contact.deleted_at IS 'derived: when the owner removed the contact';
COMMENT ON COLUMN %1$I.contact.suspended_at IS 'derived: when the newest suspension began';
COMMENT ON COLUMN %1$I.contact.suspended_until IS 'derived: when it ends or ended; null: when released';
COMMENT ON COLUMN %1$I.contact.unanswered_since IS 'derived: the first campaign since the last open or click';
COMMENT ON COLUMN %1$I.contact.unanswered IS 'derived: the campaigns since then, as far as the policy''s limit needs them';
COMMENT ON COLUMN %1$I.contact.delivered_campaign IS
'derived: a delivery of this campaign ended the run of errors, but is taken back if an error of the campaign comes next';
COMMENT ON COLUMN %1$I.contact.run_campaigns IS 'derived: campaigns of the errors that count in the run';
COMMENT ON COLUMN %1$I.contact.run_times IS 'derived: times of the errors that count in the run';
COMMENT ON COLUMN %1$I.contact.begins_after IS
'derived: events recorded up to then belong to an earlier contact of the same id';

COMMENT ON COLUMN %1$I.contact.erased_at IS
'derived: the opt-out was left by an erasure, and only the person''s own confirmed sign-up lifts it';
COMMENT ON COLUMN %1$I.contact.address_since IS
'derived: when the address was last changed; what came before says nothing of the present one';

CREATE TABLE %1$I.former_contact (
    account_id     bigint NOT NULL,
    contact_id     bigint NOT NULL,
    ended_at       timestamptz NOT NULL,
    began_after    timestamptz,
    address_digest bytea,
    holder_id      bigint,
    PRIMARY KEY (account_id, contact_id)
);
CREATE INDEX former_contact_address ON %1$I.former_contact (account_id, address_digest);
COMMENT ON TABLE %1$I.former_contact IS 'derived: contacts that were deleted, for a later contact of the same id';
COMMENT ON COLUMN %1$I.former_contact.holder_id IS 'the contact that took the address last';

CREATE TABLE %1$I.subscription (
    account_id   bigint NOT NULL,
    list_id      bigint NOT NULL,
    contact_id   bigint NOT NULL,
    status       contact_status.contact_status NOT NULL,
    consent      contact_status.contact_status NOT NULL,
    consent_at   timestamptz NOT NULL,
    requested_at timestamptz,
    request_key  text,
    PRIMARY KEY (account_id, contact_id, list_id)
) WITH (fillfactor = 80);
CREATE INDEX subscription_status ON %1$I.subscription (account_id, list_id, status, contact_id);
COMMENT ON TABLE %1$I.subscription IS 'derived: the consent and status of a contact on a list';
COMMENT ON COLUMN %1$I.subscription.status IS 'the greatest over the consent and the address facts';
COMMENT ON COLUMN %1$I.subscription.consent IS 'active (subscribed), unconfirmed or unsubscribed';
COMMENT ON COLUMN %1$I.subscription.consent_at IS 'time of the event that gave or took the consent';
COMMENT ON COLUMN %1$I.subscription.requested_at IS 'a sign-up after the opt-out that waits to be confirmed';
COMMENT ON COLUMN %1$I.subscription.request_key IS 'the key its confirmation must have; empty: any';

CREATE TABLE %1$I.address_change (
    account_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    old_digest bytea NOT NULL,
    holder_id  bigint,
    PRIMARY KEY (account_id, contact_id, changed_at)
);
CREATE INDEX address_change_address ON %1$I.address_change (account_id, old_digest);
COMMENT ON TABLE %1$I.address_change IS 'derived: when contacts changed their address, for the fold';
COMMENT ON COLUMN %1$I.address_change.holder_id IS 'the contact that took the old address last';

-- counts

CREATE TABLE %1$I.status_count (
    account_id    bigint NOT NULL,
    list_id       bigint,
    written_by    xid8 NOT NULL,
    merged_before xid8,
    contacts      bigint[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX status_count_key ON %1$I.status_count (account_id, list_id, written_by);
COMMENT ON TABLE %1$I.status_count IS
'derived: how many contacts (list_id null) and subscriptions have each status is the sum over its rows; ask the views';
COMMENT ON COLUMN %1$I.status_count.written_by IS 'the transaction that wrote the row';
COMMENT ON COLUMN %1$I.status_count.merged_before IS 'no row of a transaction before this one is left: this row is their sum';
COMMENT ON COLUMN %1$I.status_count.contacts IS 'a difference for each status, in the order of the type''s labels';

-- what outlives a contact

CREATE TABLE %1$I.account_key (
    account_id bigint NOT NULL PRIMARY KEY,
    key        bytea NOT NULL
);
COMMENT ON TABLE %1$I.account_key IS
'the secret under which an account''s addresses are digested; grant it to nobody, and lose it never';

CREATE TABLE %1$I.suppression (
    account_id     bigint NOT NULL,
    address_digest bytea NOT NULL,
    kind           contact_status.event_kind NOT NULL,
    list_id        bigint,
    occurred_at    timestamptz NOT NULL,
    source         text,
    contact_id     bigint,
    began_after    timestamptz
);
CREATE UNIQUE INDEX suppression_key ON %1$I.suppression (account_id, address_digest, kind, list_id) NULLS NOT DISTINCT;
CREATE INDEX suppression_contact ON %1$I.suppression (account_id, contact_id);
COMMENT ON TABLE %1$I.suppression IS
'derived: opt-outs, complaints and dead addresses of contacts that are gone, by a keyed digest of the address';
COMMENT ON COLUMN %1$I.suppression.address_digest IS 'HMAC-SHA-256 of the normalised address under the account''s key';
COMMENT ON COLUMN %1$I.suppression.kind IS 'unsubscribed (of a list, or null: account-wide), complained or invalidated';
COMMENT ON COLUMN %1$I.suppression.contact_id IS 'the contact from whose events it follows; null where it was told by suppress';
COMMENT ON COLUMN %1$I.suppression.began_after IS 'that contact''s begins_after, which tells it from others of the same id';

-- the log

CREATE TABLE %1$I.event (
    account_id   bigint NOT NULL DEFAULT 1,
    contact_id   bigint NOT NULL,
    list_id      bigint,
    campaign_id  bigint,
    kind         contact_status.event_kind NOT NULL,
    occurred_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_at  timestamptz NOT NULL DEFAULT _contact_status.recording_time(),
    retracted_at timestamptz,
    retraction_id bigint,
    until        timestamptz,
    event_key    text NOT NULL DEFAULT '',
    source       text,
    evidence     text,
    reason       text,
    reply        text
)%2$s;
CREATE UNIQUE INDEX event_key ON %1$I.event
    (account_id, contact_id, occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C")
    NULLS NOT DISTINCT;
COMMENT ON TABLE %1$I.event IS 'what happened to contacts: append-only, the way in';
COMMENT ON COLUMN %1$I.event.occurred_at IS 'when it happened; a webhook that may be delivered again must carry it';
COMMENT ON COLUMN %1$I.event.recorded_at IS 'when the server recorded it';
COMMENT ON COLUMN %1$I.event.retracted_at IS 'set where the event was recorded in error and does not count';
COMMENT ON COLUMN %1$I.event.until IS 'end of a suspension';
COMMENT ON COLUMN %1$I.event.event_key IS 'tells events apart that are alike in all else; of a sign-up, the key of its confirmation link';
COMMENT ON COLUMN %1$I.event.evidence IS 'what proves a consent';
COMMENT ON COLUMN %1$I.event.reply IS 'the answer of the receiving server';

CREATE TABLE %1$I.checkpoint (
    account_id  bigint NOT NULL,
    contact_id  bigint NOT NULL,
    before      timestamptz NOT NULL,
    began_after timestamptz,
    kept_at     timestamptz,
    late_since  timestamptz,
    facts       contact_status.folded_contact NOT NULL
);
CREATE UNIQUE INDEX checkpoint_key ON %1$I.checkpoint (account_id, contact_id, before, began_after) NULLS NOT DISTINCT;
CREATE INDEX checkpoint_late ON %1$I.checkpoint (late_since) WHERE late_since IS NOT NULL;
COMMENT ON TABLE %1$I.checkpoint IS 'derived: facts of contacts as of a moment, from which their fold starts';
COMMENT ON COLUMN %1$I.checkpoint.before IS 'the facts are those of the events dated before';
COMMENT ON COLUMN %1$I.checkpoint.began_after IS 'the contact''s begins_after, which tells it from others of the same id';
COMMENT ON COLUMN %1$I.checkpoint.kept_at IS
'of a horizon: they hold what was recorded up to then, and older events may be dropped; null: made to save reading a long log again';
COMMENT ON COLUMN %1$I.checkpoint.late_since IS 'of a horizon: the earliest event that was dated before it and recorded after kept_at';

CREATE TABLE %1$I.retraction (
    account_id    bigint NOT NULL,
    retraction_id bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    retracted_at  timestamptz NOT NULL,
    retracted_by  name NOT NULL,
    reason        text NOT NULL,
    events        bigint NOT NULL,
    contacts      bigint NOT NULL,
    undone_at     timestamptz,
    undone_by     name,
    PRIMARY KEY (account_id, retraction_id)
);
COMMENT ON TABLE %1$I.retraction IS 'derived: who took which events out of the fold, when and why; event.retraction_id says which';

CREATE VIEW %1$I.judged_event WITH (security_invoker = true) AS
%4$s;
COMMENT ON VIEW %1$I.judged_event IS
'what counts of contacts that exist, in the order (occurred_at, dated_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C"): events with the consent settings in force when they were recorded; facts kept as of the horizon; and, kind and facts null, changes of the address';

-- what is asked

CREATE VIEW %1$I.mailable WITH (security_invoker = true) AS
SELECT s.account_id, s.list_id, s.contact_id, c.email
  FROM ONLY %1$I.subscription s
  JOIN ONLY %1$I.contact c USING (account_id, contact_id)
 WHERE contact_status.is_mailable(s.status) AND (c.due_at IS NULL OR c.due_at > now())
UNION ALL
SELECT s.account_id, s.list_id, s.contact_id, c.email
  FROM ONLY %1$I.contact c
  JOIN %1$I.account a USING (account_id)
  JOIN %1$I.policy p ON p.name = a.policy
  JOIN ONLY %1$I.subscription s USING (account_id, contact_id)
 WHERE c.due_at <= now()
   AND contact_status.is_mailable(greatest(s.consent,
           _contact_status.address_status(p::contact_status.policy, c, now())));
COMMENT ON VIEW %1$I.mailable IS 'who may be mailed on which list, as of now(), whether contact_status.sweep ran or not';

CREATE VIEW %1$I.history WITH (security_invoker = true) AS
%5$s;
COMMENT ON VIEW %1$I.history IS
'every change of a contact (list_id null) and of its subscriptions, folded from the log; what a horizon keeps comes first, as of it';

CREATE VIEW %1$I.status_history WITH (security_invoker = true) AS
SELECT * FROM %1$I.history WHERE list_id IS NOT NULL;
COMMENT ON VIEW %1$I.status_history IS
'every change of every subscription, folded from the log; kind is null where time alone or a new address brought it';

CREATE VIEW %1$I.contact_history WITH (security_invoker = true) AS
SELECT account_id, contact_id, changed_at, previous_status, status, kind, event_key
  FROM %1$I.history WHERE list_id IS NULL;
COMMENT ON VIEW %1$I.contact_history IS 'every change of the status of every contact, folded from the log';

CREATE VIEW %1$I.account_status_count WITH (security_invoker = true) AS
SELECT a.account_id, s.status, coalesce(n.contacts[s.place], 0)::bigint AS contacts
  FROM %1$I.account a
 CROSS JOIN LATERAL (
           SELECT ARRAY[%3$s]
             FROM %1$I.status_count n
            WHERE n.account_id = a.account_id AND n.list_id IS NULL
              AND n.written_by >= coalesce((
                      SELECT m.merged_before FROM %1$I.status_count m
                       WHERE m.account_id = a.account_id AND m.list_id IS NULL AND m.merged_before IS NOT NULL
                         AND m.xmin = m.written_by::xid AND m.written_by < pg_snapshot_xmax(pg_current_snapshot())
                       ORDER BY m.account_id DESC, m.list_id DESC, m.written_by DESC LIMIT 1), '0'::xid8)) n (contacts)
 CROSS JOIN unnest(enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY s (status, place);
COMMENT ON VIEW %1$I.account_status_count IS 'how many contacts of each account have each status';

CREATE VIEW %1$I.list_status_count WITH (security_invoker = true) AS
SELECT l.account_id, l.list_id, s.status, coalesce(n.contacts[s.place], 0)::bigint AS contacts
  FROM %1$I.list l
 CROSS JOIN LATERAL (
           SELECT ARRAY[%3$s]
             FROM %1$I.status_count n
            WHERE n.account_id = l.account_id AND n.list_id = l.list_id
              AND n.written_by >= coalesce((
                      SELECT m.merged_before FROM %1$I.status_count m
                       WHERE m.account_id = l.account_id AND m.list_id = l.list_id AND m.merged_before IS NOT NULL
                         AND m.xmin = m.written_by::xid AND m.written_by < pg_snapshot_xmax(pg_current_snapshot())
                       ORDER BY m.account_id DESC, m.list_id DESC, m.written_by DESC LIMIT 1), '0'::xid8)) n (contacts)
 CROSS JOIN unnest(enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY s (status, place);
COMMENT ON VIEW %1$I.list_status_count IS 'how many subscriptions of each list have each status';

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
'how many contacts of each account count towards its plan; due: how many a sweep would change now';

CREATE VIEW %1$I.campaign_report WITH (security_invoker = true) AS
SELECT r.*,
       round(r.delivered_contacts::numeric / nullif(r.sent_contacts, 0), 4) AS delivery_rate,
       round(r.bounced_contacts::numeric / nullif(r.sent_contacts, 0), 4) AS bounce_rate,
       round(r.opened_contacts::numeric / nullif(r.delivered_contacts, 0), 4) AS open_rate,
       round(r.clicked_contacts::numeric / nullif(r.delivered_contacts, 0), 4) AS click_rate,
       round(r.unsubscribed_contacts::numeric / nullif(r.delivered_contacts, 0), 4) AS unsubscribe_rate,
       round(r.complained_contacts::numeric / nullif(r.delivered_contacts, 0), 4) AS complaint_rate
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
               -- each contact once, by what proves most
               count(*) FILTER (WHERE hard_bounced + nonexistent > 0) AS permanent_error,
               count(*) FILTER (WHERE hard_bounced + nonexistent = 0 AND soft_bounced + blocked > 0
                                  AND delivered + opened + clicked = 0) AS temporary_error,
               count(*) FILTER (WHERE hard_bounced + nonexistent = 0 AND delivered + opened + clicked > 0) AS ok
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
         GROUP BY account_id, campaign_id) r;
COMMENT ON VIEW %1$I.campaign_report IS
'of each campaign how many events, how many different contacts, the rates, and contacts by report category';

-- rows that change and have no primary key: subscribers of logical replication tell them apart by all that is in them

ALTER TABLE %1$I.status_count REPLICA IDENTITY FULL;
ALTER TABLE %1$I.suppression REPLICA IDENTITY FULL;
ALTER TABLE %1$I.checkpoint REPLICA IDENTITY FULL;
ALTER TABLE %1$I.event REPLICA IDENTITY FULL;

-- triggers: the work

CREATE TRIGGER contact_status_apply AFTER INSERT ON %1$I.event
    REFERENCING NEW TABLE AS events FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.apply_events();
CREATE TRIGGER contact_status_begin AFTER INSERT ON %1$I.contact
    REFERENCING NEW TABLE AS contacts FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.begin_contacts();
CREATE TRIGGER contact_status_end AFTER DELETE ON %1$I.contact
    REFERENCING OLD TABLE AS contacts FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.end_contacts();
CREATE TRIGGER contact_status_address AFTER UPDATE ON %1$I.contact
    FOR EACH ROW WHEN (contact_status.normalize_address(OLD.email) IS DISTINCT FROM contact_status.normalize_address(NEW.email))
    EXECUTE FUNCTION _contact_status.change_address();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE OR DELETE ON %1$I.policy
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_policy();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE OR DELETE ON %1$I.account
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_account();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE ON %1$I.list
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_list();
CREATE TRIGGER contact_status_end BEFORE DELETE ON %1$I.list
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_list();

-- a table with such a trigger can be no partition or child of another one, whose statements would not fire the others

CREATE TRIGGER contact_status_refuse_parent AFTER DELETE ON %1$I.contact REFERENCING OLD TABLE AS contacts
    FOR EACH ROW WHEN (false) EXECUTE FUNCTION _contact_status.refuse_write();

-- triggers: the guards; those that ask what changed are AFTER triggers, because
-- they must see the row as it was written

CREATE TRIGGER contact_status_refuse BEFORE UPDATE OR DELETE ON %1$I.event
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.consent_setting
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.former_contact
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.address_change
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.account_key
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.suppression
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.retraction
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.checkpoint
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_horizon AFTER INSERT ON %1$I.account
    FOR EACH ROW WHEN (NEW.horizon IS NOT NULL OR NEW.horizon_kept IS NOT NULL)
    EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.account
    FOR EACH ROW WHEN ((OLD.horizon, OLD.horizon_kept) IS DISTINCT FROM (NEW.horizon, NEW.horizon_kept))
    EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.status_count
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR DELETE ON %1$I.subscription
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.subscription
    FOR EACH ROW WHEN (
        (OLD.account_id, OLD.list_id, OLD.contact_id, OLD.status, OLD.consent,
         OLD.consent_at, OLD.requested_at, OLD.request_key) IS DISTINCT FROM
        (NEW.account_id, NEW.list_id, NEW.contact_id, NEW.status, NEW.consent,
         NEW.consent_at, NEW.requested_at, NEW.request_key))
    EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.contact
    FOR EACH ROW WHEN (
        (OLD.account_id, OLD.contact_id, OLD.status, OLD.monitored, OLD.hard_bounces, OLD.changed_at, OLD.due_at,
         OLD.hard_bounced_at, OLD.unsubscribed_at, OLD.complained_at, OLD.deleted_at, OLD.suspended_at,
         OLD.suspended_until, OLD.unanswered_since, OLD.unanswered, OLD.delivered_campaign,
         OLD.run_campaigns, OLD.run_times, OLD.begins_after, OLD.address_since, OLD.erased_at) IS DISTINCT FROM
        (NEW.account_id, NEW.contact_id, NEW.status, NEW.monitored, NEW.hard_bounces, NEW.changed_at, NEW.due_at,
         NEW.hard_bounced_at, NEW.unsubscribed_at, NEW.complained_at, NEW.deleted_at, NEW.suspended_at,
         NEW.suspended_until, NEW.unanswered_since, NEW.unanswered, NEW.delivered_campaign,
         NEW.run_campaigns, NEW.run_times, NEW.begins_after, NEW.address_since, NEW.erased_at))
    EXECUTE FUNCTION _contact_status.refuse_write();

    $ddl$,
        create_tables.schema,
        CASE WHEN create_tables.partition_by IS NULL THEN '' ELSE ' PARTITION BY RANGE (occurred_at)' END,
        (SELECT string_agg(format('sum(n.contacts[%s])', place), ', ')
           FROM generate_series(1, cardinality(enum_range(NULL::contact_status.contact_status))) place),
        _contact_status.judged_event_query(create_tables.schema),
        _contact_status.history_query(create_tables.schema)), E'\n; '), ';\n') LOOP
        EXECUTE command;
    END LOOP;

    FOREACH command IN ARRAY tables LOOP
        EXECUTE format('CREATE TRIGGER contact_status_refuse_truncate BEFORE TRUNCATE ON %I.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.refuse_truncate()', create_tables.schema, command);
    END LOOP;
    IF create_tables.partition_by IS NULL THEN
        EXECUTE format('CREATE TRIGGER contact_status_refuse_parent AFTER DELETE ON %I.event REFERENCING OLD TABLE AS events '
                       'FOR EACH ROW WHEN (false) EXECUTE FUNCTION _contact_status.refuse_write()', create_tables.schema);
    END IF;

    -- nobody but the owner reads the keys: not by default privileges, and not by GRANT ... ON ALL TABLES
    FOREACH command IN ARRAY ARRAY(
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
          FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
         WHERE c.oid = format('%I.account_key', create_tables.schema)::regclass AND a.grantee <> c.relowner) LOOP
        EXECUTE format('REVOKE ALL ON %I.account_key FROM %s', create_tables.schema, command);
    END LOOP;
    EXECUTE format('ALTER TABLE %I.account_key ENABLE ROW LEVEL SECURITY', create_tables.schema);

    IF create_tables.partition_by IS NOT NULL THEN
        EXECUTE format('CREATE TABLE %1$I.event_default PARTITION OF %1$I.event DEFAULT', create_tables.schema);
        PERFORM _contact_status.guard_partition(format('%I.event_default', create_tables.schema)::regclass);
        PERFORM contact_status.add_partitions(create_tables.schema, create_tables.partition_by);
    END IF;

    EXECUTE format('INSERT INTO %I.policy SELECT (contact_status.policy(n)).* '
                   'FROM unnest($1) n', create_tables.schema)
      USING '{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[];
    EXECUTE format('INSERT INTO %I.account (policy) VALUES ($1)', create_tables.schema) USING wanted.name;
    EXECUTE format('INSERT INTO %I.list (name) VALUES (NULL)', create_tables.schema);
    -- tables this small are never analyzed by themselves, and would be planned for as if they were large
    EXECUTE format('ANALYZE %1$I.policy, %1$I.account, %1$I.list', create_tables.schema);
END
$create_tables$;
COMMENT ON FUNCTION contact_status.create_tables(name, text, interval) IS
'creates the tables, views and triggers of an installation in a schema, with account 1 and its list 1; the log in partitions of that length, if given';
