-- The fold in SQL: statuses from the events of any table, without the tables of an installation.
--
-- The caller orders the events by
-- (occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C").

CREATE FUNCTION _contact_status.judges_consent(kind contact_status.event_kind) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_judges_consent_of';
COMMENT ON FUNCTION _contact_status.judges_consent(contact_status.event_kind) IS
'whether the consent settings of its time decide the effect of an event of this kind';

CREATE FUNCTION _contact_status.fold_event(
    state internal, policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_event';
COMMENT ON FUNCTION _contact_status.fold_event(internal, contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz) IS
'transition function of fold';

CREATE FUNCTION _contact_status.fold_contact(state internal) RETURNS contact_status.folded_contact
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_contact';
COMMENT ON FUNCTION _contact_status.fold_contact(internal) IS 'final function of fold';

CREATE AGGREGATE contact_status.fold(
    policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz
) (
    SFUNC = _contact_status.fold_event, STYPE = internal, SSPACE = 1024,
    FINALFUNC = _contact_status.fold_contact, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.fold(contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz) IS
'the facts and status of a contact from its ordered events, as of a moment (null: the last event); settings null: '
'those of the policy';

-- The same with stored facts: a row with facts has no event, and the fold starts from these facts. An event dated before
-- them (dated_at) restricts as if it happened then, and lifts only facts that are older than itself.

CREATE FUNCTION _contact_status.fold_event(
    state internal, policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz, facts contact_status.folded_contact,
    dated_at timestamptz
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_event';
COMMENT ON FUNCTION _contact_status.fold_event(internal, contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz,
    contact_status.folded_contact, timestamptz) IS
'transition function of fold with stored facts';

CREATE AGGREGATE contact_status.fold(
    policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz, facts contact_status.folded_contact,
    dated_at timestamptz
) (
    SFUNC = _contact_status.fold_event, STYPE = internal, SSPACE = 1024,
    FINALFUNC = _contact_status.fold_contact, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.fold(contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz,
    contact_status.folded_contact, timestamptz) IS
'the facts and status of a contact from its ordered events, starting with stored facts as of a moment';

CREATE FUNCTION _contact_status.fold_event(
    state internal, policy text, kind contact_status.event_kind, occurred_at timestamptz,
    list_id bigint, campaign_id bigint, event_key text
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_event_simple';
COMMENT ON FUNCTION _contact_status.fold_event(internal, text,
    contact_status.event_kind, timestamptz, bigint, bigint, text) IS
'transition function of status_of';

CREATE FUNCTION _contact_status.fold_status(state internal) RETURNS contact_status.contact_status
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_status';
COMMENT ON FUNCTION _contact_status.fold_status(internal) IS 'final function of status_of';

CREATE AGGREGATE contact_status.status_of(
    policy text, kind contact_status.event_kind, occurred_at timestamptz,
    list_id bigint, campaign_id bigint, event_key text
) (
    SFUNC = _contact_status.fold_event, STYPE = internal, SSPACE = 1024,
    FINALFUNC = _contact_status.fold_status, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.status_of(text, contact_status.event_kind, timestamptz, bigint, bigint, text) IS
'status of a contact from its ordered events, under a built-in policy';

CREATE FUNCTION _contact_status.fold_change(
    state internal, policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_change';
COMMENT ON FUNCTION _contact_status.fold_change(internal, contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz) IS
'transition function of status_changes';

CREATE FUNCTION _contact_status.fold_changes(state internal) RETURNS contact_status.status_change[]
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_changes';
COMMENT ON FUNCTION _contact_status.fold_changes(internal) IS 'final function of status_changes';

CREATE AGGREGATE contact_status.status_changes(
    policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz
) (
    SFUNC = _contact_status.fold_change, STYPE = internal, SSPACE = 4096,
    FINALFUNC = _contact_status.fold_changes, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.status_changes(contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz) IS
'changes of the statuses of a contact and its subscriptions, from its ordered events and the passing of time up to as_of';

CREATE FUNCTION _contact_status.fold_change(
    state internal, policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz, facts contact_status.folded_contact,
    dated_at timestamptz
) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_fold_change';
COMMENT ON FUNCTION _contact_status.fold_change(internal, contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz,
    contact_status.folded_contact, timestamptz) IS
'transition function of status_changes with stored facts';

CREATE AGGREGATE contact_status.status_changes(
    policy contact_status.policy, settings contact_status.consent_settings,
    kind contact_status.event_kind, occurred_at timestamptz, list_id bigint, campaign_id bigint,
    event_key text, source text, until timestamptz, as_of timestamptz, facts contact_status.folded_contact,
    dated_at timestamptz
) (
    SFUNC = _contact_status.fold_change, STYPE = internal, SSPACE = 4096,
    FINALFUNC = _contact_status.fold_changes, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contact_status.status_changes(contact_status.policy, contact_status.consent_settings,
    contact_status.event_kind, timestamptz, bigint, bigint, text, text, timestamptz, timestamptz,
    contact_status.folded_contact, timestamptz) IS
'changes of the statuses of a contact and its subscriptions, from ordered events, starting with stored facts';
