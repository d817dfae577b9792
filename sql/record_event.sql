-- record_event: events of callers that have an address and no contact id.

CREATE FUNCTION _contact_status.suppression_kind(
    schema name, account_id bigint, kind contact_status.event_kind, occurred_at timestamptz
) RETURNS contact_status.event_kind
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $kind$
DECLARE
    is_dead boolean;
BEGIN
    PERFORM _contact_status.check_installation(suppression_kind.schema, '{policy,account}');
    IF suppression_kind.kind IN ('unsubscribed', 'complained', 'invalidated') THEN
        RETURN suppression_kind.kind;
    ELSIF suppression_kind.kind IN ('soft_bounced', 'blocked', 'hard_bounced', 'nonexistent') THEN
        -- the rules of the account's policy decide whether one such event proves the address dead
        EXECUTE format('SELECT (contact_status.fold(ROW(p.*)::contact_status.policy, NULL, $2, $3, NULL, NULL, '''', NULL, NULL, $3)).hard_bounced_at '
                       'IS NOT NULL FROM %1$I.account a JOIN %1$I.policy p ON p.name = a.policy WHERE a.account_id = $1',
                       suppression_kind.schema)
           INTO is_dead USING suppression_kind.account_id, suppression_kind.kind, suppression_kind.occurred_at;
        RETURN CASE WHEN is_dead THEN 'invalidated'::contact_status.event_kind END;
    END IF;
    RETURN NULL;
END
$kind$;
COMMENT ON FUNCTION _contact_status.suppression_kind(name, bigint, contact_status.event_kind, timestamptz) IS
'kind of the suppression that an event of an address without a contact causes; null: none';

CREATE FUNCTION _contact_status.check_event(
    schema name, account_id bigint, kind contact_status.event_kind, list_id bigint, campaign_id bigint, occurred_at timestamptz,
    until timestamptz, source text, evidence text
) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_check_event_of_address';
COMMENT ON FUNCTION _contact_status.check_event(name, bigint, contact_status.event_kind, bigint, bigint, timestamptz, timestamptz,
    text, text) IS
'raises the errors of an event of an address: its time, its shape, an unknown list';

CREATE FUNCTION contact_status.record_event(
    schema name, email text, kind contact_status.event_kind, account_id bigint DEFAULT 1,
    list_id bigint DEFAULT NULL, campaign_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, event_key text DEFAULT '',
    source text DEFAULT NULL, evidence text DEFAULT NULL, reason text DEFAULT NULL, reply text DEFAULT NULL,
    until timestamptz DEFAULT NULL
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $record_event$
DECLARE
    at timestamp with time zone := coalesce(record_event.occurred_at, pg_catalog.clock_timestamp());
    former bigint;
BEGIN
    PERFORM _contact_status.refuse_read_only('record_event');
    PERFORM _contact_status.check_installation(record_event.schema, '{contact}');
    PERFORM _contact_status.check_address(record_event.email, 'the event');
    IF record_event.account_id IS NULL OR record_event.kind IS NULL THEN
        RAISE EXCEPTION 'record_event needs an account and a kind'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Omit account_id for account 1.';
    END IF;
    PERFORM _contact_status.check_event(record_event.schema, record_event.account_id, record_event.kind, record_event.list_id,
                record_event.campaign_id, at, record_event.until, record_event.source, record_event.evidence);
    SELECT f.contact_id INTO former
      FROM _contact_status.record_for_former_contact(record_event.schema, record_event.account_id, record_event.email,
               record_event.kind, record_event.list_id, record_event.campaign_id, at, false, coalesce(record_event.event_key, ''),
               record_event.source, record_event.evidence, record_event.reason, record_event.reply, record_event.until) f;
    RETURN coalesce(former, _contact_status.record_by_address(record_event.schema, record_event.account_id, record_event.email,
        record_event.kind, _contact_status.suppression_kind(record_event.schema, record_event.account_id, record_event.kind, at),
        record_event.list_id, record_event.campaign_id, at, coalesce(record_event.event_key, ''), record_event.source,
        record_event.evidence, record_event.reason, record_event.reply, record_event.until));
END
$record_event$;
COMMENT ON FUNCTION contact_status.record_event(name, text, contact_status.event_kind, bigint, bigint, bigint, timestamptz, text,
    text, text, text, text, timestamptz) IS
'records an event of the contact that has the address, or had it until it changed or was merged, and returns its id; without a '
'contact, stores an opt-out, complaint or dead address in suppression, and any other event in unmatched_event';
