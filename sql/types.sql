-- Schemas: the interface, and the internal functions.

CREATE SCHEMA contact_status;
COMMENT ON SCHEMA contact_status IS 'the interface of the extension contact_status';
GRANT USAGE ON SCHEMA contact_status TO PUBLIC;

CREATE SCHEMA _contact_status;
COMMENT ON SCHEMA _contact_status IS 'internal functions of the extension contact_status; each checks the rights of its caller';
GRANT USAGE ON SCHEMA _contact_status TO PUBLIC;

-- Types: statuses, kinds of events, and policies.

CREATE TYPE contact_status.contact_status AS ENUM (
    'active', 'soft_bounced', 'unresponsive', 'unconfirmed', 'suspended',
    'failing', 'hard_bounced', 'unsubscribed', 'complained', 'deleted'
);
COMMENT ON TYPE contact_status.contact_status IS
'status of a contact or subscription, in order of precedence: the greatest of several is shown';

CREATE TYPE contact_status.event_kind AS ENUM (
    'noted', 'signed_up', 'added', 'confirmed', 'resubscribed', 'released', 'restored',
    'validated', 'sent', 'delivered', 'opened', 'clicked', 'visited',
    'soft_bounced', 'blocked', 'hard_bounced', 'nonexistent', 'invalidated',
    'lapsed', 'suspended', 'removed', 'unsubscribed', 'complained', 'deleted'
);
COMMENT ON TYPE contact_status.event_kind IS
'kind of an event, in the order for equal times: restrictive kinds come last and so take precedence';

CREATE TYPE contact_status.policy AS (
    name                      text,
    import_consent            text,
    double_opt_in             boolean,
    soft_bounce_limit         integer,
    soft_bounces_per_campaign integer,
    soft_bounce_window        interval,
    soft_bounce_outcome       contact_status.contact_status,
    blocked_counts            boolean,
    soft_bounce_memory        interval,
    hard_bounce_limit         integer,
    hard_bounces_per_campaign integer,
    unresponsive_campaigns    integer,
    unresponsive_after        interval,
    unsubscribe_scope         text,
    resubscribe               text,
    confirm_within            interval,
    complained_insert         text,
    complaint_stops_all       boolean,
    counted                   contact_status.contact_status[]
);
COMMENT ON TYPE contact_status.policy IS
'rules for events; null: the rule does not exist';

CREATE TYPE contact_status.consent_settings AS (
    import_consent    text,
    double_opt_in     boolean,
    unsubscribe_scope text,
    resubscribe       text,
    confirm_within    interval
);
COMMENT ON TYPE contact_status.consent_settings IS
'consent settings in force when an event was recorded; they always apply to this event';

CREATE TYPE contact_status.folded_subscription AS (
    list_id      bigint,
    status       contact_status.contact_status,
    consent      contact_status.contact_status,
    consent_at   timestamptz,
    requested_at timestamptz,
    request_key  text
);
COMMENT ON TYPE contact_status.folded_subscription IS
'consent and status of a contact on one list, from its events';

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
    hard_bounce_campaigns bigint[],
    last_error_at      timestamptz,
    lapsed_at          timestamptz,
    address_since      timestamptz,
    subscriptions      contact_status.folded_subscription[]
);
COMMENT ON TYPE contact_status.folded_contact IS
'status and facts of a contact, from its events';

CREATE TYPE contact_status.status_change AS (
    changed_at      timestamptz,
    list_id         bigint,
    previous_status contact_status.contact_status,
    status          contact_status.contact_status,
    kind            contact_status.event_kind,
    event_key       text
);
COMMENT ON TYPE contact_status.status_change IS
'a change of a status; kind is null for the passing of time; status is null for a removed subscription';
