-- Replies: from the answer of a receiving server to a kind of event.

CREATE FUNCTION contact_status.classify_reply(
    reply text, OUT kind contact_status.event_kind, OUT reason text, OUT scope text,
    OUT smtp_code integer, OUT enhanced_code text, OUT rule text
) RETURNS record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_classify_reply_row';
COMMENT ON FUNCTION contact_status.classify_reply(text) IS
'kind of event, reason, side at fault, codes and rule of an SMTP reply or delivery report; kind is null for a text without a verdict';

CREATE FUNCTION contact_status.bounce_kind(reply text) RETURNS contact_status.event_kind
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_bounce_kind';
COMMENT ON FUNCTION contact_status.bounce_kind(text) IS
'kind of event of an SMTP reply or delivery report, or null for a text without a verdict';

CREATE FUNCTION contact_status.reply_rules(
    OUT rule text, OUT reason text, OUT kind contact_status.event_kind, OUT scope text, OUT evidence text, OUT source text
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_reply_rules';
COMMENT ON FUNCTION contact_status.reply_rules() IS
'rules of classify_reply: reason, kind of a permanent failure, side at fault, evidence and source';
