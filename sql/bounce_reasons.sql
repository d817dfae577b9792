-- bounce_reasons: why mails of a campaign bounced.

CREATE FUNCTION _contact_status.bounce_class(reason text, reply text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce((contact_status.classify_reply(reply)).reason, nullif(btrim(reason, E' \t\r\n'), ''));
COMMENT ON FUNCTION _contact_status.bounce_class(text, text) IS
'the class of a bounce: the reason that classify_reply reads in its reply, else its own reason, else null';

CREATE FUNCTION contact_status.bounce_reasons(
    schema name, campaign_id bigint, account_id bigint DEFAULT 1,
    OUT kind contact_status.event_kind, OUT reason text, OUT events bigint, OUT contacts bigint
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $reasons$
BEGIN
    PERFORM _contact_status.check_installation(bounce_reasons.schema, '{event}');
    RETURN QUERY EXECUTE format($query$
SELECT b.kind, b.reason, sum(b.events)::bigint, count(*)
  FROM (SELECT e.kind, _contact_status.bounce_class(e.reason, e.reply) AS reason, e.contact_id, count(*) AS events
          FROM %1$I.event e
         WHERE e.account_id = $1 AND ($2 IS NULL OR e.campaign_id = $2) AND e.retracted_at IS NULL
           AND e.kind IN ('soft_bounced', 'blocked', 'hard_bounced', 'nonexistent')
         GROUP BY 1, 2, 3) b
 GROUP BY 1, 2
 ORDER BY 4 DESC, 3 DESC, b.kind, b.reason COLLATE "C"
    $query$, bounce_reasons.schema)
    USING bounce_reasons.account_id, bounce_reasons.campaign_id;
END
$reasons$;
COMMENT ON FUNCTION contact_status.bounce_reasons(name, bigint, bigint) IS
'bounces of a campaign, or of all (null), by kind and reason: numbers of events and of contacts';
