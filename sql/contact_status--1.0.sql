\echo Use "CREATE EXTENSION contact_status" to load this file. \quit

-- Types: the vocabulary of statuses and events, and the shape of a policy.

CREATE TYPE contact_status.contact_status AS ENUM (
    'active', 'soft_bounced', 'unresponsive', 'unconfirmed', 'suspended',
    'failing', 'hard_bounced', 'unsubscribed', 'complained', 'deleted'
);
COMMENT ON TYPE contact_status.contact_status IS
'status of a contact or subscription, in order of precedence: of several the greatest is shown';

CREATE TYPE contact_status.event_kind AS ENUM (
    'signed_up', 'added', 'confirmed', 'resubscribed', 'released', 'restored',
    'validated', 'sent', 'delivered', 'opened', 'clicked', 'visited',
    'soft_bounced', 'blocked', 'hard_bounced', 'nonexistent', 'invalidated',
    'suspended', 'removed', 'unsubscribed', 'complained', 'deleted'
);
COMMENT ON TYPE contact_status.event_kind IS
'kind of an event, in the order that breaks ties: what restricts comes last and wins';

CREATE TYPE contact_status.policy AS (
    name                      text,
    import_consent            text,
    double_opt_in             boolean,
    soft_bounce_limit         integer,
    soft_bounces_per_campaign integer,
    soft_bounce_window        interval,
    soft_bounce_outcome       contact_status.contact_status,
    blocked_counts            boolean,
    hard_bounce_limit         integer,
    unresponsive_campaigns    integer,
    unresponsive_after        interval,
    unsubscribe_scope         text,
    resubscribe               text,
    complained_insert         text,
    counted                   contact_status.contact_status[]
);
COMMENT ON TYPE contact_status.policy IS
'the settings by which events are judged; null: this rule does not exist';

CREATE TYPE contact_status.consent_settings AS (
    import_consent    text,
    double_opt_in     boolean,
    unsubscribe_scope text,
    resubscribe       text
);
COMMENT ON TYPE contact_status.consent_settings IS
'the settings in force when an event was recorded, by which its consent is judged for ever';

CREATE TYPE contact_status.folded_subscription AS (
    list_id      bigint,
    status       contact_status.contact_status,
    consent      contact_status.contact_status,
    consent_at   timestamptz,
    requested_at timestamptz,
    request_key  text
);
COMMENT ON TYPE contact_status.folded_subscription IS
'what the events of a contact come to on one list';

CREATE TYPE contact_status.folded_contact AS (
    status             contact_status.contact_status,
    monitored          boolean,
    run_campaigns      bigint[],
    run_times          timestamptz[],
    hard_bounces       smallint,
    hard_bounced_at    timestamptz,
    delivered_campaign bigint,
    unanswered         bigint[],
    unanswered_since   timestamptz,
    suspended_at       timestamptz,
    suspended_until    timestamptz,
    complained_at      timestamptz,
    deleted_at         timestamptz,
    unsubscribed_at    timestamptz,
    changed_at         timestamptz,
    due_at             timestamptz,
    erased_at          timestamptz,
    subscriptions      contact_status.folded_subscription[]
);
COMMENT ON TYPE contact_status.folded_contact IS
'what the events of a contact come to: its status and the facts behind it';

CREATE TYPE contact_status.status_change AS (
    changed_at      timestamptz,
    list_id         bigint,
    previous_status contact_status.contact_status,
    status          contact_status.contact_status,
    kind            contact_status.event_kind,
    event_key       text
);
COMMENT ON TYPE contact_status.status_change IS
'a change of one subscription; kind is null where time alone brought it, status where the subscription went';

-- Pure functions over the types.

-- not STRICT, so that it is inlined and an index can serve it; of null it is null all the same
CREATE FUNCTION contact_status.is_mailable(status contact_status.contact_status) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN status IN ('active'::contact_status.contact_status, 'soft_bounced'::contact_status.contact_status);
COMMENT ON FUNCTION contact_status.is_mailable(contact_status.contact_status) IS
'may a contact of this status be mailed, and does it count as active';

CREATE FUNCTION contact_status.report_category(status contact_status.contact_status) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_report_category';
COMMENT ON FUNCTION contact_status.report_category(contact_status.contact_status) IS
'category in delivery reports: ok, temporary_error or permanent_error';

CREATE FUNCTION contact_status.color(status contact_status.contact_status, vocabulary text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_color';
COMMENT ON FUNCTION contact_status.color(contact_status.contact_status, text) IS
'colour of the dot that shows the status';

CREATE FUNCTION contact_status.label(status contact_status.contact_status, vocabulary text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_label';
COMMENT ON FUNCTION contact_status.label(contact_status.contact_status, text) IS
'the word for the status in salesmanago, activecampaign, ecomail or emailmanager';

CREATE FUNCTION contact_status.from_label(label text, vocabulary text) RETURNS contact_status.contact_status
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_from_label';
COMMENT ON FUNCTION contact_status.from_label(text, text) IS
'the status that a word of a vocabulary means; of two the more restrictive';

CREATE FUNCTION contact_status.normalize_address(address text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_normalize_address';
COMMENT ON FUNCTION contact_status.normalize_address(text) IS
'an e-mail address as it is compared: blanks around it off, ASCII letters in lower case, nothing else';

-- The five policies, and what the machine makes of a policy.

CREATE FUNCTION contact_status.policy(name text) RETURNS contact_status.policy
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_builtin_policy';
COMMENT ON FUNCTION contact_status.policy(text) IS
'a policy that comes with the extension: default, salesmanago, activecampaign, ecomail or emailmanager';

CREATE FUNCTION contact_status.transitions(
    policy contact_status.policy,
    OUT from_status contact_status.contact_status,
    OUT event contact_status.event_kind,
    OUT to_status contact_status.contact_status
) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 200 AS 'MODULE_PATHNAME', 'cs_transitions';
COMMENT ON FUNCTION contact_status.transitions(contact_status.policy) IS
'every change of a subscription''s status that the machine can make under a policy; a null status is no subscription, a null event the passing of time';

CREATE FUNCTION contact_status.transitions(
    policy text,
    OUT from_status contact_status.contact_status,
    OUT event contact_status.event_kind,
    OUT to_status contact_status.contact_status
) RETURNS SETOF record
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 200
BEGIN ATOMIC
    SELECT t.from_status, t.event, t.to_status
      FROM contact_status.transitions(contact_status.policy($1)) t;
END;
COMMENT ON FUNCTION contact_status.transitions(text) IS
'every change of a subscription''s status that the machine can make under a policy that comes with the extension';

CREATE FUNCTION contact_status.state_diagram(policy contact_status.policy) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'stateDiagram-v2' || chr(10) || string_agg(arrow, chr(10) ORDER BY from_status NULLS FIRST, to_status NULLS LAST)
      FROM (SELECT t.from_status, t.to_status,
                   '    ' || coalesce(t.from_status::text, '[*]') || ' --> ' || coalesce(t.to_status::text, '[*]')
                   || ' : ' || string_agg(coalesce(t.event::text, 'time'), ', ' ORDER BY t.event NULLS LAST) AS arrow
              FROM contact_status.transitions(policy) t
             GROUP BY t.from_status, t.to_status) arrows;
END;
COMMENT ON FUNCTION contact_status.state_diagram(contact_status.policy) IS
'the transitions of a policy as a Mermaid state diagram';

CREATE FUNCTION contact_status.state_diagram(policy text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN contact_status.state_diagram(contact_status.policy($1));
COMMENT ON FUNCTION contact_status.state_diagram(text) IS
'the transitions of a policy that comes with the extension as a Mermaid state diagram';

-- The fold in SQL: statuses from the events of any table, without any of ours.
--
-- Events are to come in the order (occurred_at, kind, list_id NULLS FIRST,
-- campaign_id NULLS FIRST, event_key COLLATE "C").

CREATE FUNCTION contact_status.fold_event(
    state internal, policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_event';
COMMENT ON FUNCTION contact_status.fold_event(internal, contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz) IS
'transition function of fold';

CREATE FUNCTION contact_status.fold_contact(state internal) RETURNS contact_status.folded_contact
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_contact';
COMMENT ON FUNCTION contact_status.fold_contact(internal) IS 'final function of fold';

CREATE AGGREGATE contact_status.fold(
    policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz
) (
    SFUNC = contact_status.fold_event, STYPE = internal, SSPACE = 1024,
    FINALFUNC = contact_status.fold_contact, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.fold(contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz) IS
'what a contact''s events, in order, come to as of a moment (null: of the last event); settings null: the policy''s own';

-- The same from facts that are kept: those of a row with facts, which has no event, are where the fold starts.

CREATE FUNCTION contact_status.fold_event(
    state internal, policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz, facts contact_status.folded_contact
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_event';
COMMENT ON FUNCTION contact_status.fold_event(internal, contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz,
    contact_status.folded_contact) IS
'transition function of fold from facts that are kept';

CREATE AGGREGATE contact_status.fold(
    policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz, facts contact_status.folded_contact
) (
    SFUNC = contact_status.fold_event, STYPE = internal, SSPACE = 1024,
    FINALFUNC = contact_status.fold_contact, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.fold(contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz,
    contact_status.folded_contact) IS
'what a contact''s events, in order, come to, from facts that are kept as of a moment';

CREATE FUNCTION contact_status.fold_event(
    state internal, policy text, kind contact_status.event_kind, occurred_at timestamptz,
    list_id bigint, campaign_id bigint, event_key text
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_event_simple';
COMMENT ON FUNCTION contact_status.fold_event(internal, text,
    contact_status.event_kind, timestamptz, bigint, bigint, text) IS
'transition function of status_of';

CREATE FUNCTION contact_status.fold_status(state internal) RETURNS contact_status.contact_status
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_status';
COMMENT ON FUNCTION contact_status.fold_status(internal) IS 'final function of status_of';

CREATE AGGREGATE contact_status.status_of(
    policy text, kind contact_status.event_kind, occurred_at timestamptz,
    list_id bigint, campaign_id bigint, event_key text
) (
    SFUNC = contact_status.fold_event, STYPE = internal, SSPACE = 1024,
    FINALFUNC = contact_status.fold_status, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.status_of(text, contact_status.event_kind, timestamptz, bigint, bigint, text) IS
'status of a contact after its events, in order, under a policy that comes with the extension';

CREATE FUNCTION contact_status.fold_change(
    state internal, policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_change';
COMMENT ON FUNCTION contact_status.fold_change(internal, contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz) IS
'transition function of status_changes';

CREATE FUNCTION contact_status.fold_changes(state internal) RETURNS contact_status.status_change[]
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_changes';
COMMENT ON FUNCTION contact_status.fold_changes(internal) IS 'final function of status_changes';

CREATE AGGREGATE contact_status.status_changes(
    policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz
) (
    SFUNC = contact_status.fold_change, STYPE = internal, SSPACE = 4096,
    FINALFUNC = contact_status.fold_changes, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.status_changes(contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz) IS
'every change of every subscription of a contact that its events, in order, and time up to as_of bring';

CREATE FUNCTION contact_status.fold_change(
    state internal, policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz, facts contact_status.folded_contact
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_change';
COMMENT ON FUNCTION contact_status.fold_change(internal, contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz,
    contact_status.folded_contact) IS
'transition function of status_changes from facts that are kept';

CREATE AGGREGATE contact_status.status_changes(
    policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz, facts contact_status.folded_contact
) (
    SFUNC = contact_status.fold_change, STYPE = internal, SSPACE = 4096,
    FINALFUNC = contact_status.fold_changes, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.status_changes(contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz,
    contact_status.folded_contact) IS
'every change of every subscription of a contact that its events, in order, and time up to as_of bring, from facts that are kept as of a moment';

-- Trigger functions of the tables that create_tables makes.

CREATE FUNCTION contact_status.apply_events() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_apply_events';
COMMENT ON FUNCTION contact_status.apply_events() IS
'after a statement that inserts events: folds them into contacts and subscriptions';

CREATE FUNCTION contact_status.begin_contacts() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_begin_contacts';
COMMENT ON FUNCTION contact_status.begin_contacts() IS
'after a statement that inserts contacts: checks them and tells them from earlier contacts of the same id';

CREATE FUNCTION contact_status.end_contacts() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_end_contacts';
COMMENT ON FUNCTION contact_status.end_contacts() IS
'after a statement that deletes contacts: takes their subscriptions along';

CREATE FUNCTION contact_status.change_address() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_change_contact_address';
COMMENT ON FUNCTION contact_status.change_address() IS
'after the address of a contact changed: suppresses the old one, applies what is suppressed of the new one';

CREATE FUNCTION contact_status.change_policy() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_change_policy';
COMMENT ON FUNCTION contact_status.change_policy() IS
'after a row of policy changed: checks it and keeps the consent settings of its accounts';

CREATE FUNCTION contact_status.change_account() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_change_account';
COMMENT ON FUNCTION contact_status.change_account() IS
'after a row of account changed: checks it and keeps its consent settings';

CREATE FUNCTION contact_status.lock_settings() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_lock_settings';
COMMENT ON FUNCTION contact_status.lock_settings() IS
'before the policy of an account changes: waits for all who judge events by settings';

CREATE FUNCTION contact_status.use_settings() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_use_settings';
COMMENT ON FUNCTION contact_status.use_settings() IS
'before an address changes: waits for who changes settings';

CREATE FUNCTION contact_status.change_list() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_change_list';
COMMENT ON FUNCTION contact_status.change_list() IS
'after a row of list changed: checks it and keeps its consent settings';

CREATE FUNCTION contact_status.refuse_write() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_refuse_write';
COMMENT ON FUNCTION contact_status.refuse_write() IS
'refuses a direct write to a derived column or table';

CREATE FUNCTION contact_status.refuse_truncate() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_refuse_truncate';
COMMENT ON FUNCTION contact_status.refuse_truncate() IS
'refuses TRUNCATE of a table that must remember';

CREATE FUNCTION contact_status.address_status(
    policy contact_status.policy, contact record, as_of timestamptz
) RETURNS contact_status.contact_status
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_address_status_of';
COMMENT ON FUNCTION contact_status.address_status(contact_status.policy, record, timestamptz) IS
'the greatest of the address facts in a row of contact, as of a moment';

-- Trigger functions for tables of the application.

CREATE FUNCTION contact_status.require_mailable() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_require_mailable';
COMMENT ON FUNCTION contact_status.require_mailable() IS
'before a row of an outbox: refuses or skips who may not be mailed now; arguments: schema, contact column [, list column [, account column]] [, error or skip]';

CREATE FUNCTION contact_status.guard_status() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_guard_status';
COMMENT ON FUNCTION contact_status.guard_status() IS
'before an update of a status column of the application''s: refuses, keeps or skips what the rules do not allow; arguments: column [, policy] [, error, keep or skip]';

CREATE FUNCTION contact_status.forward_events() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $forward$
DECLARE
    known constant text[] := '{account_id,contact_id,occurred_at,kind,list_id,campaign_id,event_key,source,evidence,reason,reply,until}';
    pair text[];
    targets text[] := '{}';
    sources text[] := '{}';
BEGIN
    IF TG_LEVEL <> 'STATEMENT' OR TG_WHEN <> 'AFTER' OR TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'forward_events must be fired AFTER INSERT FOR EACH STATEMENT'
            USING ERRCODE = 'trigger_protocol_violated', HINT = 'With REFERENCING NEW TABLE AS forwarded.';
    END IF;
    FOR i IN 1 .. TG_NARGS - 1 LOOP
        pair := string_to_array(TG_ARGV[i], '=');
        IF cardinality(pair) <> 2 OR NOT btrim(pair[1]) = ANY (known) THEN
            RAISE EXCEPTION 'forward_events does not know the argument "%"', TG_ARGV[i]
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'An argument is column=column, of event and of the table; of event: ' || array_to_string(known, ', ') || '.';
        END IF;
        targets := targets || quote_ident(btrim(pair[1]));
        sources := sources || (format('f.%I', btrim(pair[2])) || CASE btrim(pair[1])
            WHEN 'kind' THEN '::text::contact_status.event_kind' ELSE '' END);
    END LOOP;
    IF NOT '{contact_id,kind,occurred_at}'::text[] <@ targets THEN
        RAISE EXCEPTION 'forward_events needs contact_id, kind and occurred_at'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'An event that is forwarded carries its own time.';
    END IF;
    -- in the order of the log's key, so that two of them cannot deadlock there
    EXECUTE format('INSERT INTO %I.event (%s) SELECT %s FROM forwarded f ORDER BY %s ON CONFLICT DO NOTHING',
                   TG_ARGV[0], array_to_string(targets, ', '), array_to_string(sources, ', '),
                   (SELECT string_agg(s, ', ' ORDER BY array_position(known, t)) FROM unnest(targets, sources) u (t, s)));
    RETURN NULL;
END
$forward$;
COMMENT ON FUNCTION contact_status.forward_events() IS
'after a statement that inserts into an event table of the application''s: records its rows as events; arguments: schema, then column=column, of event and of the table';

-- The tables of an installation: made by the user who calls create_tables, in
-- the schema he names, and owned by him; no members of the extension, so that
-- a dump holds them with their rows and a restore fires no trigger over them.

CREATE FUNCTION contact_status.create_tables(
    schema name, policy text DEFAULT 'default', partition_by interval DEFAULT NULL
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $create_tables$
DECLARE
    wanted contact_status.policy := contact_status.policy(create_tables.policy);   -- raises where it is unknown
BEGIN
    IF create_tables.schema IS NULL OR create_tables.policy IS NULL THEN
        RAISE EXCEPTION 'create_tables needs a schema and a policy'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT contact_status.create_tables(''crm'', policy => ''ecomail'').';
    END IF;
    IF to_regnamespace(quote_ident(create_tables.schema)) IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', create_tables.schema);
    END IF;

    IF to_regclass(format('%I.event', create_tables.schema)) IS NOT NULL THEN
        RAISE EXCEPTION 'schema "%" already holds an installation', create_tables.schema
            USING ERRCODE = 'duplicate_table', HINT = 'Name another schema.';
    END IF;

    EXECUTE replace(replace($ddl$

-- settings

CREATE TABLE @.policy OF contact_status.policy (
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
COMMENT ON TABLE @.policy IS
'how events are judged; null: this rule does not exist. After a change call contact_status.reevaluate';

CREATE TABLE @.account (
    account_id    bigint NOT NULL DEFAULT 1,
    policy        text NOT NULL DEFAULT 'default',
    contact_limit bigint CHECK (contact_limit >= 0),
    horizon       timestamptz,
    horizon_kept  timestamptz,
    PRIMARY KEY (account_id)
);
COMMENT ON TABLE @.account IS 'a tenant; a single sender is account 1 and never types it';
COMMENT ON COLUMN @.account.contact_limit IS 'how many contacts may count as active; null: no limit';
COMMENT ON COLUMN @.account.horizon IS 'derived: set by contact_status.set_horizon; an event dated before it counts as if it happened then';
COMMENT ON COLUMN @.account.horizon_kept IS 'derived: the facts of all contacts are kept as of this horizon, so that older events may be dropped';

CREATE TABLE @.list (
    account_id    bigint NOT NULL DEFAULT 1,
    list_id       bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    name          text,
    double_opt_in boolean,
    PRIMARY KEY (account_id, list_id)
);
COMMENT ON TABLE @.list IS 'a list of contacts; consent is per list';
COMMENT ON COLUMN @.list.double_opt_in IS 'must a sign-up be confirmed; null: as the policy says';

CREATE TABLE @.consent_setting (
    account_id        bigint NOT NULL,
    list_id           bigint,
    since             timestamptz NOT NULL,
    import_consent    text,
    double_opt_in     boolean,
    unsubscribe_scope text,
    resubscribe       text
);
CREATE UNIQUE INDEX consent_setting_key ON @.consent_setting
    (account_id, list_id NULLS FIRST, since) NULLS NOT DISTINCT;
COMMENT ON TABLE @.consent_setting IS
'derived: the consent settings of accounts, and the double opt-in of lists, since when they were in force';

-- contacts

CREATE TABLE @.contact (
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
CREATE UNIQUE INDEX contact_address ON @.contact (account_id, contact_status.normalize_address(email));
CREATE INDEX contact_due ON @.contact (due_at) WHERE due_at IS NOT NULL;

COMMENT ON TABLE @.contact IS 'a contact; email and columns of your own are yours, all others are derived from the events';
COMMENT ON COLUMN @.contact.status IS 'derived: the best status over the contact''s subscriptions';
COMMENT ON COLUMN @.contact.monitored IS 'derived: true from the first event that ties a person to the address';
COMMENT ON COLUMN @.contact.hard_bounces IS 'derived: hard bounces in the run of errors, below the limit';
COMMENT ON COLUMN @.contact.changed_at IS 'derived: time of the last event that changed a fact';
COMMENT ON COLUMN @.contact.due_at IS 'derived: no status changes by the passing of time before this';
COMMENT ON COLUMN @.contact.hard_bounced_at IS 'derived: since when the address is dead';
COMMENT ON COLUMN @.contact.unsubscribed_at IS 'derived: the latest opt-out from the whole account';
COMMENT ON COLUMN @.contact.complained_at IS 'derived: the latest complaint';
COMMENT ON COLUMN @.contact.deleted_at IS 'derived: when the owner removed the contact';
COMMENT ON COLUMN @.contact.suspended_at IS 'derived: when the newest suspension began';
COMMENT ON COLUMN @.contact.suspended_until IS 'derived: when it ends or ended; null: when released';
COMMENT ON COLUMN @.contact.unanswered_since IS 'derived: the first campaign since the last open or click';
COMMENT ON COLUMN @.contact.unanswered IS 'derived: the campaigns since then, as far as the policy''s limit needs them';
COMMENT ON COLUMN @.contact.delivered_campaign IS
'derived: a delivery of this campaign ended the run of errors, but is taken back if an error of the campaign comes next';
COMMENT ON COLUMN @.contact.run_campaigns IS 'derived: campaigns of the errors that count in the run';
COMMENT ON COLUMN @.contact.run_times IS 'derived: times of the errors that count in the run';
COMMENT ON COLUMN @.contact.begins_after IS
'derived: events recorded up to then belong to an earlier contact of the same id';

COMMENT ON COLUMN @.contact.erased_at IS
'derived: the opt-out was left by an erasure, and only the person''s own confirmed sign-up lifts it';
COMMENT ON COLUMN @.contact.address_since IS
'derived: when the address was last changed; what came before says nothing of the present one';

CREATE TABLE @.former_contact (
    account_id     bigint NOT NULL,
    contact_id     bigint NOT NULL,
    ended_at       timestamptz NOT NULL,
    began_after    timestamptz,
    address_digest bytea,
    PRIMARY KEY (account_id, contact_id)
);
COMMENT ON TABLE @.former_contact IS 'derived: contacts that were deleted, for a later contact of the same id';

CREATE TABLE @.subscription (
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
CREATE INDEX subscription_status ON @.subscription (account_id, list_id, status, contact_id);
COMMENT ON TABLE @.subscription IS 'derived: the consent and status of a contact on a list';
COMMENT ON COLUMN @.subscription.status IS 'the greatest over the consent and the address facts';
COMMENT ON COLUMN @.subscription.consent IS 'active (subscribed), unconfirmed or unsubscribed';
COMMENT ON COLUMN @.subscription.consent_at IS 'time of the event that gave or took the consent';
COMMENT ON COLUMN @.subscription.requested_at IS 'a sign-up after the opt-out that waits to be confirmed';
COMMENT ON COLUMN @.subscription.request_key IS 'the key its confirmation must have; empty: any';

CREATE TABLE @.address_change (
    account_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    old_digest bytea NOT NULL,
    PRIMARY KEY (account_id, contact_id, changed_at)
);
COMMENT ON TABLE @.address_change IS 'derived: when contacts changed their address, for the fold';

-- counts

CREATE TABLE @.status_count (
    account_id bigint NOT NULL,
    list_id    bigint,
    status     contact_status.contact_status NOT NULL,
    contacts   bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX status_count_key ON @.status_count (account_id, list_id, status);
COMMENT ON TABLE @.status_count IS
'derived: how many contacts (list_id null) and subscriptions have a status is the sum over its rows';

-- what outlives a contact

CREATE TABLE @.account_key (
    account_id bigint NOT NULL PRIMARY KEY,
    key        bytea NOT NULL
);
COMMENT ON TABLE @.account_key IS
'the secret under which an account''s addresses are digested; grant it to nobody, and lose it never';

CREATE TABLE @.suppression (
    account_id     bigint NOT NULL,
    address_digest bytea NOT NULL,
    kind           contact_status.event_kind NOT NULL,
    list_id        bigint,
    occurred_at    timestamptz NOT NULL,
    source         text,
    contact_id     bigint,
    began_after    timestamptz
);
CREATE UNIQUE INDEX suppression_key ON @.suppression (account_id, address_digest, kind, list_id) NULLS NOT DISTINCT;
CREATE INDEX suppression_contact ON @.suppression (account_id, contact_id) WHERE contact_id IS NOT NULL;
COMMENT ON TABLE @.suppression IS
'derived: opt-outs, complaints and dead addresses of contacts that are gone, by a keyed digest of the address';
COMMENT ON COLUMN @.suppression.address_digest IS 'HMAC-SHA-256 of the normalised address under the account''s key';
COMMENT ON COLUMN @.suppression.kind IS 'unsubscribed (of a list, or null: account-wide), complained or invalidated';
COMMENT ON COLUMN @.suppression.contact_id IS 'the contact from whose events it follows; null where it was told by suppress';
COMMENT ON COLUMN @.suppression.began_after IS 'that contact''s begins_after, which tells it from others of the same id';

-- the log

CREATE TABLE @.event (
    account_id   bigint NOT NULL DEFAULT 1,
    contact_id   bigint NOT NULL,
    list_id      bigint,
    campaign_id  bigint,
    kind         contact_status.event_kind NOT NULL,
    occurred_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    retracted_at timestamptz,
    retraction_id bigint,
    until        timestamptz,
    event_key    text NOT NULL DEFAULT '',
    source       text,
    evidence     text,
    reason       text,
    reply        text
)#;
CREATE UNIQUE INDEX event_key ON @.event
    (account_id, contact_id, occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C")
    NULLS NOT DISTINCT;
COMMENT ON TABLE @.event IS 'what happened to contacts: append-only, the way in';
COMMENT ON COLUMN @.event.occurred_at IS 'when it happened; a webhook that may be delivered again must carry it';
COMMENT ON COLUMN @.event.recorded_at IS 'when the server recorded it';
COMMENT ON COLUMN @.event.retracted_at IS 'set where the event was recorded in error and does not count';
COMMENT ON COLUMN @.event.until IS 'end of a suspension';
COMMENT ON COLUMN @.event.event_key IS 'tells events apart that are alike in all else; of a sign-up, the key of its confirmation link';
COMMENT ON COLUMN @.event.evidence IS 'what proves a consent';
COMMENT ON COLUMN @.event.reply IS 'the answer of the receiving server';

CREATE TABLE @.checkpoint (
    account_id  bigint NOT NULL,
    contact_id  bigint NOT NULL,
    before      timestamptz NOT NULL,
    began_after timestamptz,
    kept_at     timestamptz,
    late_since  timestamptz,
    facts       contact_status.folded_contact NOT NULL
);
CREATE UNIQUE INDEX checkpoint_key ON @.checkpoint (account_id, contact_id, before, began_after) NULLS NOT DISTINCT;
CREATE INDEX checkpoint_late ON @.checkpoint (late_since) WHERE late_since IS NOT NULL;
COMMENT ON TABLE @.checkpoint IS 'derived: facts of contacts as of a moment, from which their fold starts';
COMMENT ON COLUMN @.checkpoint.before IS 'the facts are those of the events dated before';
COMMENT ON COLUMN @.checkpoint.began_after IS 'the contact''s begins_after, which tells it from others of the same id';
COMMENT ON COLUMN @.checkpoint.kept_at IS
'of a horizon: they hold what was recorded up to then, and older events may be dropped; null: made to save reading a long log again';
COMMENT ON COLUMN @.checkpoint.late_since IS 'of a horizon: the earliest event that was dated before it and recorded after kept_at';

CREATE TABLE @.retraction (
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
COMMENT ON TABLE @.retraction IS 'derived: who took which events out of the fold, when and why; event.retraction_id says which';

CREATE VIEW @.judged_event WITH (security_invoker = true) AS
SELECT e.account_id, e.contact_id, e.kind, greatest(e.occurred_at, k.before) AS occurred_at,
       e.list_id, e.campaign_id, e.event_key, e.source, e.until,
       CASE WHEN e.kind IN ('added', 'signed_up', 'resubscribed', 'unsubscribed') THEN (
           SELECT ROW(s.import_consent, coalesce(l.double_opt_in, s.double_opt_in),
                      s.unsubscribe_scope, s.resubscribe)::contact_status.consent_settings
             FROM @.consent_setting s
             LEFT JOIN @.consent_setting l ON l.account_id = e.account_id AND l.list_id = e.list_id
              AND l.since = (SELECT max(o.since) FROM @.consent_setting o
                              WHERE o.account_id = e.account_id AND o.list_id = e.list_id AND o.since <= e.recorded_at)
            WHERE s.account_id = e.account_id AND s.list_id IS NULL
              AND s.since = (SELECT max(o.since) FROM @.consent_setting o
                              WHERE o.account_id = e.account_id AND o.list_id IS NULL AND o.since <= e.recorded_at)
       ) END AS settings,
       e.occurred_at AS dated_at, NULL::contact_status.folded_contact AS facts
  FROM @.event e
  JOIN ONLY @.contact c USING (account_id, contact_id)
  LEFT JOIN @.checkpoint k ON k.account_id = e.account_id AND k.contact_id = e.contact_id
   AND k.kept_at IS NOT NULL AND k.began_after IS NOT DISTINCT FROM c.begins_after
 WHERE e.retracted_at IS NULL AND (c.begins_after IS NULL OR e.recorded_at > c.begins_after)
   AND (k.before IS NULL OR e.occurred_at >= k.before OR e.recorded_at > k.kept_at)
UNION ALL
SELECT a.account_id, a.contact_id, NULL, a.changed_at, NULL, NULL, '', NULL, NULL, NULL, a.changed_at, NULL
  FROM @.address_change a
  JOIN ONLY @.contact c USING (account_id, contact_id)
  LEFT JOIN @.checkpoint k ON k.account_id = a.account_id AND k.contact_id = a.contact_id
   AND k.kept_at IS NOT NULL AND k.began_after IS NOT DISTINCT FROM c.begins_after
 WHERE k.before IS NULL OR a.changed_at >= k.before
UNION ALL
SELECT k.account_id, k.contact_id, NULL, k.before, NULL, NULL, '', NULL, NULL, NULL, '-infinity', k.facts
  FROM @.checkpoint k
  JOIN ONLY @.contact c ON c.account_id = k.account_id AND c.contact_id = k.contact_id
   AND k.began_after IS NOT DISTINCT FROM c.begins_after
 WHERE k.kept_at IS NOT NULL;
COMMENT ON VIEW @.judged_event IS
'what counts of contacts that exist, in the order (occurred_at, dated_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C"): events with the consent settings in force when they were recorded; facts kept as of the horizon; and, kind and facts null, changes of the address';

-- what is asked

CREATE VIEW @.mailable WITH (security_invoker = true) AS
SELECT s.account_id, s.list_id, s.contact_id, c.email
  FROM ONLY @.subscription s
  JOIN ONLY @.contact c USING (account_id, contact_id)
 WHERE contact_status.is_mailable(s.status) AND (c.due_at IS NULL OR c.due_at > now())
UNION ALL
SELECT s.account_id, s.list_id, s.contact_id, c.email
  FROM ONLY @.contact c
  JOIN @.account a USING (account_id)
  JOIN @.policy p ON p.name = a.policy
  JOIN ONLY @.subscription s USING (account_id, contact_id)
 WHERE c.due_at <= now()
   AND contact_status.is_mailable(greatest(s.consent,
           contact_status.address_status(p::contact_status.policy, c, now())));
COMMENT ON VIEW @.mailable IS 'who may be mailed on which list, as of now(), whether contact_status.sweep ran or not';

CREATE VIEW @.history WITH (security_invoker = true) AS
SELECT c.account_id, c.contact_id, h.list_id, h.changed_at, h.previous_status, h.status, h.kind, h.event_key
  FROM ONLY @.contact c
  JOIN @.account a USING (account_id)
  JOIN @.policy p ON p.name = a.policy
 CROSS JOIN LATERAL (
           SELECT contact_status.status_changes(p::contact_status.policy, e.settings, e.kind, e.occurred_at,
                      e.list_id, e.campaign_id, e.event_key, e.source, e.until, clock_timestamp(), e.facts
                      ORDER BY e.occurred_at, e.dated_at, e.kind, e.list_id NULLS FIRST, e.campaign_id NULLS FIRST,
                               e.event_key COLLATE "C") AS changes
             FROM @.judged_event e
            WHERE e.account_id = c.account_id AND e.contact_id = c.contact_id) f
 CROSS JOIN LATERAL unnest(f.changes) h;
COMMENT ON VIEW @.history IS
'every change of a contact (list_id null) and of its subscriptions, folded from the log; what a horizon keeps comes first, as of it';

CREATE VIEW @.status_history WITH (security_invoker = true) AS
SELECT * FROM @.history WHERE list_id IS NOT NULL;
COMMENT ON VIEW @.status_history IS
'every change of every subscription, folded from the log; kind is null where time alone or a new address brought it';

CREATE VIEW @.contact_history WITH (security_invoker = true) AS
SELECT account_id, contact_id, changed_at, previous_status, status, kind, event_key
  FROM @.history WHERE list_id IS NULL;
COMMENT ON VIEW @.contact_history IS 'every change of the status of every contact, folded from the log';

CREATE VIEW @.account_status_count WITH (security_invoker = true) AS
SELECT a.account_id, s.status,
       coalesce((SELECT sum(n.contacts) FROM @.status_count n
                  WHERE n.account_id = a.account_id AND n.list_id IS NULL AND n.status = s.status), 0)::bigint AS contacts
  FROM @.account a
 CROSS JOIN unnest(enum_range(NULL::contact_status.contact_status)) s (status);
COMMENT ON VIEW @.account_status_count IS 'how many contacts of each account have each status';

CREATE VIEW @.list_status_count WITH (security_invoker = true) AS
SELECT l.account_id, l.list_id, s.status,
       coalesce((SELECT sum(n.contacts) FROM @.status_count n
                  WHERE n.account_id = l.account_id AND n.list_id = l.list_id AND n.status = s.status), 0)::bigint AS contacts
  FROM @.list l
 CROSS JOIN unnest(enum_range(NULL::contact_status.contact_status)) s (status);
COMMENT ON VIEW @.list_status_count IS 'how many subscriptions of each list have each status';

CREATE VIEW @.active_contacts WITH (security_invoker = true) AS
SELECT a.account_id, n.active_contacts, a.contact_limit,
       coalesce(n.active_contacts > a.contact_limit, false) AS over_limit,
       (SELECT count(*)
          FROM ONLY @.contact c
         CROSS JOIN LATERAL (SELECT contact_status.address_status(p::contact_status.policy, c, now()) AS address) f
         WHERE c.account_id = a.account_id AND c.due_at <= now()
           AND (EXISTS (SELECT FROM ONLY @.subscription s
                         WHERE s.account_id = c.account_id AND s.contact_id = c.contact_id
                           AND s.status <> greatest(s.consent, f.address))
                OR NOT EXISTS (SELECT FROM ONLY @.subscription s
                                WHERE s.account_id = c.account_id AND s.contact_id = c.contact_id)
                   AND c.status <> greatest(f.address, CASE WHEN c.unsubscribed_at IS NULL
                               THEN 'unconfirmed' ELSE 'unsubscribed' END::contact_status.contact_status))) AS due
  FROM @.account a
  JOIN @.policy p ON p.name = a.policy
 CROSS JOIN LATERAL (SELECT coalesce(sum(s.contacts), 0)::bigint AS active_contacts
                       FROM @.status_count s
                      WHERE s.account_id = a.account_id AND s.list_id IS NULL AND s.status = ANY (p.counted)) n;
COMMENT ON VIEW @.active_contacts IS
'how many contacts of each account count towards its plan; due: how many a sweep would change now';

CREATE VIEW @.campaign_report WITH (security_invoker = true) AS
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
                  FROM @.event
                 WHERE campaign_id IS NOT NULL AND retracted_at IS NULL
                 GROUP BY account_id, campaign_id, contact_id) c
         GROUP BY account_id, campaign_id) r;
COMMENT ON VIEW @.campaign_report IS
'of each campaign how many events, how many different contacts, the rates, and contacts by report category';

-- rows that change and have no primary key: subscribers of logical replication tell them apart by all that is in them

ALTER TABLE @.status_count REPLICA IDENTITY FULL;
ALTER TABLE @.suppression REPLICA IDENTITY FULL;
ALTER TABLE @.checkpoint REPLICA IDENTITY FULL;
ALTER TABLE @.event REPLICA IDENTITY FULL;

-- triggers: the work

CREATE TRIGGER contact_status_apply AFTER INSERT ON @.event
    REFERENCING NEW TABLE AS events FOR EACH STATEMENT EXECUTE FUNCTION contact_status.apply_events();
CREATE TRIGGER contact_status_begin AFTER INSERT ON @.contact
    REFERENCING NEW TABLE AS contacts FOR EACH STATEMENT EXECUTE FUNCTION contact_status.begin_contacts();
CREATE TRIGGER contact_status_end AFTER DELETE ON @.contact
    REFERENCING OLD TABLE AS contacts FOR EACH STATEMENT EXECUTE FUNCTION contact_status.end_contacts();
CREATE TRIGGER contact_status_address AFTER UPDATE ON @.contact
    FOR EACH ROW WHEN (contact_status.normalize_address(OLD.email) IS DISTINCT FROM contact_status.normalize_address(NEW.email))
    EXECUTE FUNCTION contact_status.change_address();
CREATE TRIGGER contact_status_lock BEFORE UPDATE OF email ON @.contact
    FOR EACH STATEMENT EXECUTE FUNCTION contact_status.use_settings();
CREATE TRIGGER contact_status_lock BEFORE UPDATE ON @.policy
    FOR EACH STATEMENT EXECUTE FUNCTION contact_status.lock_settings();
CREATE TRIGGER contact_status_lock BEFORE UPDATE OF double_opt_in ON @.list
    FOR EACH STATEMENT EXECUTE FUNCTION contact_status.lock_settings();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE OR DELETE ON @.policy
    FOR EACH ROW EXECUTE FUNCTION contact_status.change_policy();
CREATE TRIGGER contact_status_lock BEFORE UPDATE OF policy ON @.account
    FOR EACH STATEMENT EXECUTE FUNCTION contact_status.lock_settings();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE OR DELETE ON @.account
    FOR EACH ROW EXECUTE FUNCTION contact_status.change_account();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE ON @.list
    FOR EACH ROW EXECUTE FUNCTION contact_status.change_list();
CREATE TRIGGER contact_status_end BEFORE DELETE ON @.list
    FOR EACH ROW EXECUTE FUNCTION contact_status.change_list();

-- triggers: the guards; those that ask what changed are AFTER triggers, because
-- they must see the row as it was written

CREATE TRIGGER contact_status_refuse BEFORE UPDATE OR DELETE ON @.event
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON @.consent_setting
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON @.former_contact
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON @.address_change
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON @.account_key
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON @.suppression
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON @.retraction
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON @.checkpoint
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_horizon AFTER INSERT ON @.account
    FOR EACH ROW WHEN (NEW.horizon IS NOT NULL OR NEW.horizon_kept IS NOT NULL)
    EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON @.account
    FOR EACH ROW WHEN ((OLD.horizon, OLD.horizon_kept) IS DISTINCT FROM (NEW.horizon, NEW.horizon_kept))
    EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON @.status_count
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR DELETE ON @.subscription
    FOR EACH ROW EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON @.subscription
    FOR EACH ROW WHEN (
        (OLD.account_id, OLD.list_id, OLD.contact_id, OLD.status, OLD.consent,
         OLD.consent_at, OLD.requested_at, OLD.request_key) IS DISTINCT FROM
        (NEW.account_id, NEW.list_id, NEW.contact_id, NEW.status, NEW.consent,
         NEW.consent_at, NEW.requested_at, NEW.request_key))
    EXECUTE FUNCTION contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON @.contact
    FOR EACH ROW WHEN (
        (OLD.account_id, OLD.contact_id, OLD.status, OLD.monitored, OLD.hard_bounces, OLD.changed_at, OLD.due_at,
         OLD.hard_bounced_at, OLD.unsubscribed_at, OLD.complained_at, OLD.deleted_at, OLD.suspended_at,
         OLD.suspended_until, OLD.unanswered_since, OLD.unanswered, OLD.delivered_campaign,
         OLD.run_campaigns, OLD.run_times, OLD.begins_after, OLD.address_since, OLD.erased_at) IS DISTINCT FROM
        (NEW.account_id, NEW.contact_id, NEW.status, NEW.monitored, NEW.hard_bounces, NEW.changed_at, NEW.due_at,
         NEW.hard_bounced_at, NEW.unsubscribed_at, NEW.complained_at, NEW.deleted_at, NEW.suspended_at,
         NEW.suspended_until, NEW.unanswered_since, NEW.unanswered, NEW.delivered_campaign,
         NEW.run_campaigns, NEW.run_times, NEW.begins_after, NEW.address_since, NEW.erased_at))
    EXECUTE FUNCTION contact_status.refuse_write();

    $ddl$, '@', quote_ident(create_tables.schema)),
        '#', CASE WHEN create_tables.partition_by IS NULL THEN '' ELSE ' PARTITION BY RANGE (occurred_at)' END);

    EXECUTE (
        SELECT string_agg(format('CREATE TRIGGER contact_status_refuse_truncate BEFORE TRUNCATE ON %I.%I '
                                 'FOR EACH STATEMENT EXECUTE FUNCTION contact_status.refuse_truncate();',
                                 create_tables.schema, t), '')
          FROM unnest('{policy,account,list,consent_setting,account_key,contact,former_contact,address_change,'
                      'subscription,status_count,suppression,event,retraction,checkpoint}'::name[]) t);

    IF create_tables.partition_by IS NOT NULL THEN
        EXECUTE format('CREATE TABLE %1$I.event_default PARTITION OF %1$I.event DEFAULT', create_tables.schema);
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
    SELECT array_agg(d.account_id), array_agg(d.contact_id) INTO damaged_accounts, damaged_contacts
      FROM (SELECT DISTINCT v.account_id, v.contact_id FROM contact_status.verify(repair.schema) v
             WHERE v.contact_id IS NOT NULL ORDER BY v.contact_id, v.account_id) d;
    repaired := coalesce(contact_status.settle_contacts(repair.schema, damaged_accounts, damaged_contacts, true, clock_timestamp()), 0);
    repaired := repaired + coalesce(contact_status.delete_orphans(repair.schema, damaged_accounts, damaged_contacts), 0);
    RETURN repaired + cardinality(coalesce(settings_of, '{}')) + contact_status.repair_counts(repair.schema)
         + CASE WHEN EXISTS (SELECT FROM contact_status.unguarded_partitions(repair.schema))
                THEN contact_status.guard_partitions(repair.schema) ELSE 0 END;
END
$$;
COMMENT ON FUNCTION contact_status.repair(name) IS
'makes stored facts and statuses again what the log says, where verify finds a difference; returns how many rows it repaired';

GRANT USAGE ON SCHEMA contact_status TO PUBLIC;

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

-- Functions on an installation for what is done with people: suppress, import,
-- erase, and take back what was recorded in error.

CREATE FUNCTION contact_status.remember_address(
    schema name, account_id bigint, email text, kind contact_status.event_kind, list_id bigint,
    occurred_at timestamptz, source text
) RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_remember_address';
COMMENT ON FUNCTION contact_status.remember_address(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'keeps a fact of an address that no contact has; false where one has it';

CREATE FUNCTION contact_status.is_suppressed(
    schema name, account_id bigint, email text, kind contact_status.event_kind
) RETURNS boolean
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_is_suppressed';
COMMENT ON FUNCTION contact_status.is_suppressed(name, bigint, text, contact_status.event_kind) IS
'is such a fact kept of an address, on any list';

CREATE FUNCTION contact_status.resolve_addresses(
    schema name, account_id bigint, list_id bigint, emails text[], known bigint[],
    OUT contact_ids bigint[], OUT consents contact_status.contact_status[], OUT statuses contact_status.contact_status[]
) RETURNS record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_resolve_addresses';
COMMENT ON FUNCTION contact_status.resolve_addresses(name, bigint, bigint, text[], bigint[]) IS
'for each address the id of its contact, where it is not known, and, if given a list, its consent and status there';

CREATE FUNCTION contact_status.suppress(
    schema name, account_id bigint, email text, kind contact_status.event_kind,
    list_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, source text DEFAULT 'suppress'
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $suppress$
DECLARE
    contact bigint;
    at timestamptz := coalesce(suppress.occurred_at, clock_timestamp());
BEGIN
    PERFORM contact_status.refuse_read_only('suppress');
    IF suppress.kind IS NULL OR suppress.kind NOT IN ('unsubscribed', 'complained', 'invalidated')
       OR suppress.list_id IS NOT NULL AND suppress.kind <> 'unsubscribed' THEN
        RAISE EXCEPTION 'cannot suppress an address as "%"', suppress.kind
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The kinds are unsubscribed, of a list or account-wide, complained and invalidated.';
    ELSIF suppress.account_id IS NULL OR coalesce(contact_status.normalize_address(suppress.email), '') = '' THEN
        RAISE EXCEPTION 'suppress needs an account and an address'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT contact_status.suppress(''crm'', 1, ''ann@example.org'', ''unsubscribed'').';
    ELSIF NOT isfinite(at) OR at > clock_timestamp() + interval '1 minute' THEN
        RAISE EXCEPTION 'a suppression cannot be dated ahead'
            USING ERRCODE = 'datetime_field_overflow', HINT = 'Give the time at which it happened.';
    END IF;

    -- a contact may come or go between the looks
    FOR attempt IN 1 .. 10 LOOP
        EXECUTE format('SELECT contact_id FROM ONLY %I.contact '
                       'WHERE account_id = $1 AND contact_status.normalize_address(email) = contact_status.normalize_address($2)',
                       suppress.schema)
           INTO contact USING suppress.account_id, suppress.email;
        IF contact IS NULL THEN
            IF contact_status.remember_address(suppress.schema, suppress.account_id, suppress.email, suppress.kind,
                                               suppress.list_id, at, suppress.source) THEN
                RETURN NULL;
            END IF;
        ELSE
            BEGIN
                EXECUTE format('INSERT INTO %I.event (account_id, contact_id, list_id, kind, occurred_at, source) '
                               'VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING', suppress.schema)
                  USING suppress.account_id, contact, suppress.list_id, suppress.kind, at, suppress.source;
                RETURN contact;
            EXCEPTION WHEN foreign_key_violation THEN
                -- the contact is gone; a snapshot that goes on showing it can never see who has the address now
                IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted')
                   AND SQLERRM NOT LIKE 'list %' THEN
                    RAISE EXCEPTION 'could not serialize access due to concurrent update'
                        USING ERRCODE = 'serialization_failure', HINT = 'Retry the transaction.';
                ELSIF attempt = 10 THEN
                    RAISE;
                END IF;
            END;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'the address of account % has a contact that you may not see', suppress.account_id
        USING ERRCODE = 'insufficient_privilege', HINT = 'Call suppress as a role that sees the contacts of the account.';
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'records an opt-out, complaint or dead address: as an event of the contact that has the address, whose id it returns, or, without one, for when it comes';

CREATE FUNCTION contact_status.suppress(
    schema name, account_id bigint, emails text[], kind contact_status.event_kind,
    list_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, source text DEFAULT 'suppress'
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $suppress$
DECLARE
    address text;
    total bigint := 0;
BEGIN
    PERFORM contact_status.refuse_read_only('suppress');
    -- contacts in the order in which all lock them, then the addresses without one
    FOR address IN EXECUTE format(
        'SELECT n FROM (SELECT DISTINCT contact_status.normalize_address(e) AS n FROM unnest($2) e '
        'WHERE contact_status.normalize_address(e) <> '''') a '
        'LEFT JOIN ONLY %I.contact c ON c.account_id = $1 AND contact_status.normalize_address(c.email) = a.n '
        'ORDER BY c.contact_id NULLS LAST, n', suppress.schema) USING suppress.account_id, suppress.emails
    LOOP
        PERFORM contact_status.suppress(suppress.schema, suppress.account_id, address, suppress.kind,
                                        suppress.list_id, suppress.occurred_at, suppress.source);
        total := total + 1;
    END LOOP;
    RETURN total;
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text[], contact_status.event_kind, bigint, timestamptz, text) IS
'the same for a list brought from another sender; returns how many different addresses it had';

-- errors that were recorded

CREATE FUNCTION contact_status.begin_change(schema name) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_begin_change';
COMMENT ON FUNCTION contact_status.begin_change(name) IS
'waits until nobody else changes what was recorded, before contacts are locked';

CREATE FUNCTION contact_status.mark_events(
    schema name, account_id bigint, contacts bigint[], parts oid[], places tid[], retraction_id bigint, reason text
) RETURNS bigint[]
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_mark_events';
COMMENT ON FUNCTION contact_status.mark_events(name, bigint, bigint[], oid[], tid[], bigint, text) IS
'marks events, given in the order of their contacts, as retracted or (reason null) not, and folds anew; returns how many events and contacts';

CREATE FUNCTION contact_status.retract_events(
    schema name, reason text, account_id bigint DEFAULT 1, source text DEFAULT NULL,
    kinds contact_status.event_kind[] DEFAULT NULL, since timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL,
    campaign_id bigint DEFAULT NULL, list_id bigint DEFAULT NULL, contact_ids bigint[] DEFAULT NULL,
    event_keys text[] DEFAULT NULL,
    OUT retraction_id bigint, OUT events bigint, OUT contacts bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $retract$
DECLARE
    ids bigint[];
    parts oid[];
    places tid[];
    touched bigint[];
BEGIN
    PERFORM contact_status.refuse_read_only('retract_events');
    IF coalesce(retract_events.reason !~ '\S', true) THEN
        RAISE EXCEPTION 'a retraction needs a reason'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Say why the events were recorded in error.';
    ELSIF num_nonnulls(retract_events.source, retract_events.kinds, retract_events.since, retract_events.before,
                       retract_events.campaign_id, retract_events.list_id, retract_events.contact_ids,
                       retract_events.event_keys) = 0 THEN
        RAISE EXCEPTION 'a retraction needs a choice of events'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Choose by source, kinds, since, before, campaign_id, list_id, contact_ids or event_keys.';
    END IF;
    -- chosen once nobody else retracts, so that none is missed that comes back meanwhile
    PERFORM contact_status.begin_change(retract_events.schema);
    EXECUTE format('SELECT array_agg(contact_id ORDER BY contact_id, tableoid, ctid), '
                   'array_agg(tableoid ORDER BY contact_id, tableoid, ctid), array_agg(ctid ORDER BY contact_id, tableoid, ctid) '
                   'FROM %I.event WHERE account_id = $1 AND retracted_at IS NULL '
                   'AND ($2 IS NULL OR source = $2) AND ($3 IS NULL OR kind = ANY ($3)) '
                   'AND ($4 IS NULL OR occurred_at >= $4) AND ($5 IS NULL OR occurred_at < $5) '
                   'AND ($6 IS NULL OR campaign_id = $6) AND ($7 IS NULL OR list_id = $7) '
                   'AND ($8 IS NULL OR contact_id = ANY ($8)) AND ($9 IS NULL OR event_key = ANY ($9))',
                   retract_events.schema)
       INTO ids, parts, places
      USING retract_events.account_id, retract_events.source, retract_events.kinds, retract_events.since,
            retract_events.before, retract_events.campaign_id, retract_events.list_id, retract_events.contact_ids,
            retract_events.event_keys;
    EXECUTE format('SELECT nextval(pg_get_serial_sequence(%L, ''retraction_id''))',
                   format('%I.retraction', retract_events.schema))
       INTO retract_events.retraction_id;
    touched := contact_status.mark_events(retract_events.schema, retract_events.account_id, coalesce(ids, '{}'),
                                          coalesce(parts, '{}'), coalesce(places, '{}'), retract_events.retraction_id, retract_events.reason);
    retract_events.events := touched[1];
    retract_events.contacts := touched[2];

    -- what came back with an address from a contact that is gone, and holds of it no more
    LOOP
        EXECUTE replace('SELECT array_agg(e.contact_id ORDER BY e.contact_id, e.tableoid, e.ctid), '
                        'array_agg(e.tableoid ORDER BY e.contact_id, e.tableoid, e.ctid), array_agg(e.ctid ORDER BY e.contact_id, e.tableoid, e.ctid) '
                        'FROM @.event o JOIN @.event e ON e.account_id = o.account_id AND e.source = ''suppression'' '
                        ' AND e.reason = ''contact '' || o.contact_id AND e.retracted_at IS NULL AND e.occurred_at >= o.occurred_at '
                        ' AND e.kind = CASE WHEN o.kind IN (''unsubscribed'', ''complained'') THEN o.kind ELSE ''invalidated'' END '
                        'WHERE o.account_id = $1 AND o.retraction_id = $2 AND NOT EXISTS ('
                        ' SELECT FROM @.suppression s WHERE s.account_id = $1 AND s.contact_id = o.contact_id AND s.kind = e.kind '
                        ' AND s.list_id IS NOT DISTINCT FROM e.list_id)', '@', quote_ident(retract_events.schema))
           INTO ids, parts, places USING retract_events.account_id, retract_events.retraction_id;
        EXIT WHEN ids IS NULL;
        touched := contact_status.mark_events(retract_events.schema, retract_events.account_id, ids, parts, places,
                                              retract_events.retraction_id, retract_events.reason);
        EXIT WHEN touched[1] = 0;
        retract_events.events := retract_events.events + touched[1];
        retract_events.contacts := retract_events.contacts + touched[2];
    END LOOP;
END
$retract$;
COMMENT ON FUNCTION contact_status.retract_events(name, text, bigint, text, contact_status.event_kind[], timestamptz,
    timestamptz, bigint, bigint, bigint[], text[]) IS
'takes events that were recorded in error out of the fold, and keeps them; the choices given must all be met';

CREATE FUNCTION contact_status.undo_retraction(
    schema name, retraction_id bigint, account_id bigint DEFAULT 1, OUT events bigint, OUT contacts bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $undo$
DECLARE
    ids bigint[];
    parts oid[];
    places tid[];
    touched bigint[];
BEGIN
    PERFORM contact_status.refuse_read_only('undo_retraction');
    PERFORM contact_status.begin_change(undo_retraction.schema);
    EXECUTE format('SELECT array_agg(contact_id ORDER BY contact_id, tableoid, ctid), '
                   'array_agg(tableoid ORDER BY contact_id, tableoid, ctid), array_agg(ctid ORDER BY contact_id, tableoid, ctid) '
                   'FROM %I.event WHERE account_id = $1 AND retraction_id = $2', undo_retraction.schema)
       INTO ids, parts, places USING undo_retraction.account_id, undo_retraction.retraction_id;
    touched := contact_status.mark_events(undo_retraction.schema, undo_retraction.account_id, coalesce(ids, '{}'),
                                          coalesce(parts, '{}'), coalesce(places, '{}'), undo_retraction.retraction_id, NULL);
    undo_retraction.events := touched[1];
    undo_retraction.contacts := touched[2];
END
$undo$;
COMMENT ON FUNCTION contact_status.undo_retraction(name, bigint, bigint) IS
'brings the events of a retraction back into the fold';

-- erasure

CREATE FUNCTION contact_status.forget_contact(schema name, account_id bigint, contact_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_forget_contact';
COMMENT ON FUNCTION contact_status.forget_contact(name, bigint, bigint) IS
'makes the events of a contact that was deleted anonymous, and leaves of its addresses an account-wide opt-out';

CREATE FUNCTION contact_status.erase_contact(schema name, account_id bigint, contact_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $erase$
BEGIN
    PERFORM contact_status.refuse_read_only('erase_contact');
    PERFORM contact_status.begin_change(erase_contact.schema);
    EXECUTE format('DELETE FROM ONLY %I.contact WHERE account_id = $1 AND contact_id = $2', erase_contact.schema)
      USING erase_contact.account_id, erase_contact.contact_id;
    PERFORM contact_status.forget_contact(erase_contact.schema, erase_contact.account_id, erase_contact.contact_id);
END
$erase$;
COMMENT ON FUNCTION contact_status.erase_contact(name, bigint, bigint) IS
'erases a person, also one whose contact was deleted: no address, text or detail remains but the digest of the address with an account-wide opt-out';

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
    on_conflict text := CASE WHEN careful THEN 'ON CONFLICT DO NOTHING' ELSE '' END;
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
    BEGIN
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

        -- opt-outs, complaints and dead addresses in the source: last, for those of addresses that no contact has keep
        -- others from inserting contacts
        FOR opt_out IN
            SELECT r.email, r.occurred_at,
                   (CASE contact_status.any_label(r.status) WHEN 'unsubscribed' THEN 'unsubscribed'
                         WHEN 'complained' THEN 'complained' ELSE 'invalidated' END)::contact_status.event_kind AS kind
              FROM unnest(rows, before.contact_ids) r (n, email, occurred_at, evidence, status, problem, found, contact_id)
             WHERE r.problem = 'suppressed'
             ORDER BY r.contact_id NULLS LAST, contact_status.normalize_address(r.email) COLLATE "C"
        LOOP
            PERFORM contact_status.suppress(import_batch.schema, import_batch.account_id, opt_out.email, opt_out.kind,
                CASE WHEN opt_out.kind = 'unsubscribed' THEN import_batch.list_id END, opt_out.occurred_at, 'import');
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
                RETURN QUERY SELECT * FROM contact_status.import_batch(import_batch.schema, import_batch.account_id,
                                                                       import_batch.list_id, rows, true);
                RETURN;
            ELSIF cardinality(rows) = 1 THEN
                RETURN QUERY SELECT rows[1].n, rows[1].email, NULL::bigint, 'refused'::text;
                RETURN;
            END IF;
        WHEN configuration_limit_exceeded THEN
            IF cardinality(rows) = 1 THEN
                RETURN QUERY SELECT rows[1].n, rows[1].email, NULL::bigint, 'over_limit'::text;
                RETURN;
            END IF;
        WHEN OTHERS THEN
            -- what is not the row's fault is not its outcome
            IF left(SQLSTATE, 2) IN ('40', '42', '53', '55', '57', '58', 'XX') THEN
                RAISE;
            ELSIF cardinality(rows) = 1 THEN
                RETURN QUERY SELECT rows[1].n, rows[1].email, NULL::bigint, 'refused'::text;
                RETURN;
            END IF;
    END;
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

-- Questions about an installation: why a status is what it is, and how many
-- contacts were active when.

CREATE FUNCTION contact_status.explain_status(
    schema name, account_id bigint, contact_id bigint, list_id bigint DEFAULT NULL,
    OUT fact text, OUT status contact_status.contact_status, OUT since timestamptz, OUT kind contact_status.event_kind,
    OUT event_key text, OUT source text, OUT detail text, OUT lifted_by text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $explain$
BEGIN
    RETURN QUERY EXECUTE replace($query$
WITH c AS (
    SELECT c.*, p.name AS policy, p.soft_bounce_limit, p.soft_bounce_outcome, p.hard_bounce_limit,
           p.unresponsive_campaigns, p.unresponsive_after, p.resubscribe
      FROM ONLY @.contact c JOIN @.account a USING (account_id) JOIN @.policy p ON p.name = a.policy
     WHERE c.account_id = $1 AND c.contact_id = $2
), s AS (
    SELECT * FROM ONLY @.subscription s WHERE s.account_id = $1 AND s.contact_id = $2 AND ($3 IS NULL OR s.list_id = $3)
), facts (place, fact, status, since, kinds, list, detail, lifted_by) AS (
    SELECT 1, 'consent', s.consent, s.consent_at,
           CASE s.consent WHEN 'active' THEN '{added,signed_up,confirmed,resubscribed}'
                WHEN 'unconfirmed' THEN '{added,signed_up}' ELSE '{unsubscribed}' END::contact_status.event_kind[],
           s.list_id, 'list ' || s.list_id,
           CASE WHEN s.consent = 'active' THEN 'unsubscribed, removed'
                WHEN s.consent = 'unconfirmed' THEN 'confirmed'
                WHEN c.complained_at IS NOT NULL OR c.resubscribe = 'never' THEN 'nothing, under policy ' || c.policy || ' and what else holds'
                ELSE 'confirmed, after a new sign-up; resubscribed, with evidence' END
      FROM c, s
    UNION ALL
    SELECT 2, 'request pending', 'unsubscribed', s.requested_at, '{signed_up}', s.list_id,
           concat('list ', s.list_id, CASE WHEN s.request_key <> '' THEN ', key ' || s.request_key END), 'confirmed'
      FROM s WHERE s.requested_at IS NOT NULL
    UNION ALL
    SELECT 3, 'account-wide opt-out', 'unsubscribed', c.unsubscribed_at, '{unsubscribed}', NULL,
           'lists joined later begin unsubscribed', 'nothing; a return lifts it on its own list only'
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
                 (SELECT j.occurred_at FROM @.judged_event j
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
    SELECT 9, 'suspension',
           CASE WHEN c.suspended_until <= now() THEN 'active' ELSE 'suspended' END::contact_status.contact_status,
           c.suspended_at, '{suspended}', NULL,
           CASE WHEN c.suspended_until <= now() THEN 'ended ' ELSE 'until ' END || coalesce(c.suspended_until::text, 'released'),
           'released; its end'
      FROM c WHERE c.suspended_at IS NOT NULL
)
SELECT f.fact, f.status, f.since, e.kind, e.event_key, e.source, f.detail, f.lifted_by
  FROM facts f
  LEFT JOIN LATERAL (
           SELECT j.kind, j.event_key, j.source FROM @.judged_event j
            WHERE j.account_id = $1 AND j.contact_id = $2 AND j.occurred_at = f.since AND j.kind = ANY (f.kinds)
              AND (f.list IS NULL OR j.list_id IS NULL OR j.list_id = f.list)
            ORDER BY j.kind DESC LIMIT 1) e ON true
 ORDER BY f.place, f.list
    $query$, '@', quote_ident(explain_status.schema))
    USING explain_status.account_id, explain_status.contact_id, explain_status.list_id;
END
$explain$;
COMMENT ON FUNCTION contact_status.explain_status(name, bigint, bigint, bigint) IS
'which facts hold for a contact, and on a list or all: the status each stands for, since when, by which event, and what would lift it';

CREATE FUNCTION contact_status.active_contacts_by_day(
    schema name, account_id bigint, from_day date, to_day date, OUT day date, OUT active_contacts bigint
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $by_day$
BEGIN
    RETURN QUERY EXECUTE replace($query$
WITH counted AS (
    SELECT p.counted FROM @.account a JOIN @.policy p ON p.name = a.policy WHERE a.account_id = $1
), history AS MATERIALIZED (
    SELECT contact_id, changed_at, (status = ANY (counted))::int - (previous_status = ANY (counted))::int AS difference
      FROM @.contact_history, counted WHERE account_id = $1
), change AS (
    SELECT greatest(at::date, $2) AS day, sum(difference) AS difference
      FROM (SELECT changed_at, difference FROM history
            UNION ALL
            -- a contact begins as unconfirmed, with the first that is known of it
            SELECT least(c.created_at, h.first), 1
              FROM ONLY @.contact c
              LEFT JOIN (SELECT contact_id, min(changed_at) AS first FROM history GROUP BY 1) h USING (contact_id), counted
             WHERE c.account_id = $1 AND 'unconfirmed' = ANY (counted)) x (at, difference)
     WHERE at < $3 + 1
     GROUP BY 1
)
SELECT d::date, coalesce(sum(change.difference) OVER (ORDER BY d), 0)::bigint
  FROM generate_series($2, $3, interval '1 day') d LEFT JOIN change ON change.day = d::date
 ORDER BY 1
    $query$, '@', quote_ident(active_contacts_by_day.schema))
    USING active_contacts_by_day.account_id, active_contacts_by_day.from_day, active_contacts_by_day.to_day;
END
$by_day$;
COMMENT ON FUNCTION contact_status.active_contacts_by_day(name, bigint, date, date) IS
'how many of the contacts that exist now counted as active at the end of each day, in the session''s time zone, from the log read once';
