-- Webhooks: from the payloads of mail providers, and reports by mail, to events.

CREATE FUNCTION contact_status.webhook_events(
    provider text, payload jsonb, OUT recipient text, OUT kind contact_status.event_kind, OUT occurred_at timestamptz,
    OUT event_key text, OUT campaign text, OUT reason text, OUT reply text, OUT provider_type text
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_webhook_events';
COMMENT ON FUNCTION contact_status.webhook_events(text, jsonb) IS
'events in the payload of a webhook; kind is null for an event that says nothing about a contact';

CREATE FUNCTION contact_status.mail_report_events(
    mail text, OUT recipient text, OUT kind contact_status.event_kind, OUT occurred_at timestamptz,
    OUT event_key text, OUT campaign text, OUT reason text, OUT reply text, OUT provider_type text
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_mail_report_events';
COMMENT ON FUNCTION contact_status.mail_report_events(text) IS
'events in the text of a feedback-loop report (RFC 5965) or a delivery status notification (RFC 3464)';

CREATE FUNCTION contact_status.webhook_rules(
    OUT provider text, OUT n integer, OUT type text, OUT condition text, OUT kind contact_status.event_kind, OUT by_reply boolean
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_webhook_rules';
COMMENT ON FUNCTION contact_status.webhook_rules() IS
'rules of webhook_events: the first one of the provider with the type and the condition of an event gives its kind';
