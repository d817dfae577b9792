-- Events of an address that a contact had: its former address, or that of a contact that was merged.

CREATE FUNCTION _contact_status.former_contact(
    schema name, account_id bigint, email text, at timestamptz,
    OUT contact_id bigint, OUT until timestamptz, OUT is_merged boolean, OUT is_before_horizon boolean
) RETURNS record
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_former_contact';
COMMENT ON FUNCTION _contact_status.former_contact(name, bigint, text, timestamptz) IS
'of an address that no contact has, the contact that had it at a time, or else the last one, and until when; null: a merged '
'contact had it last';

-- no SET search_path: the triggers of the application would run with it
CREATE FUNCTION _contact_status.record_for_former_contact(
    schema name, account_id bigint, email text, kind contact_status.event_kind, list_id bigint, campaign_id bigint,
    occurred_at timestamptz, is_undated boolean, event_key text, source text, evidence text, reason text, reply text,
    until timestamptz, OUT contact_id bigint, OUT is_new boolean
) RETURNS record
    LANGUAGE plpgsql VOLATILE
AS $former$
DECLARE
    former pg_catalog.record;
    own_time pg_catalog.text;
    recorded bigint;
BEGIN
    SELECT f.* INTO former
      FROM _contact_status.former_contact(record_for_former_contact.schema, record_for_former_contact.account_id,
               record_for_former_contact.email, record_for_former_contact.occurred_at) f;
    IF former.contact_id IS NULL THEN
        RETURN;
    ELSIF record_for_former_contact.kind OPERATOR(pg_catalog.=) ANY (
              '{sent,delivered,opened,clicked,soft_bounced,blocked,hard_bounced,nonexistent,validated,invalidated,lapsed}'
              ::contact_status.event_kind[]) THEN
        -- a fact of the address: no event after the change of the address concerns it
        IF former.is_before_horizon THEN
            RETURN;
        ELSIF record_for_former_contact.occurred_at OPERATOR(pg_catalog.>) former.until THEN
            own_time := CASE WHEN NOT record_for_former_contact.is_undated THEN pg_catalog.concat('happened at ', pg_catalog.to_char(
                pg_catalog.timezone('UTC', record_for_former_contact.occurred_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) END;
            record_for_former_contact.occurred_at := former.until;
        END IF;
    ELSIF NOT former.is_merged AND record_for_former_contact.kind OPERATOR(pg_catalog.<>) ALL (
              '{unsubscribed,complained}'::contact_status.event_kind[]) THEN
        RETURN;
    END IF;
    -- an event without a time of its own is recorded once, by its key
    EXECUTE pg_catalog.format(
        'INSERT INTO %1$I.event (account_id, contact_id, kind, list_id, campaign_id, occurred_at, event_key, source, evidence, reason, '
        '                        reply, until) '
        'SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 '
        ' WHERE NOT ($13 AND EXISTS (SELECT FROM %1$I.event k WHERE k.account_id OPERATOR(pg_catalog.=) $1 '
        '        AND k.contact_id OPERATOR(pg_catalog.=) $2 AND k.kind OPERATOR(pg_catalog.=) $3 '
        '        AND k.event_key OPERATOR(pg_catalog.=) $7)) '
        'ON CONFLICT DO NOTHING', record_for_former_contact.schema)
      USING record_for_former_contact.account_id, former.contact_id, record_for_former_contact.kind, record_for_former_contact.list_id,
            record_for_former_contact.campaign_id, record_for_former_contact.occurred_at,
            CASE WHEN record_for_former_contact.event_key OPERATOR(pg_catalog.=) '' THEN coalesce(own_time, '')
                 ELSE record_for_former_contact.event_key END,
            record_for_former_contact.source,
            CASE WHEN own_time IS NULL THEN record_for_former_contact.evidence
                 ELSE pg_catalog.concat_ws('; ', record_for_former_contact.evidence, own_time) END,
            record_for_former_contact.reason, record_for_former_contact.reply, record_for_former_contact.until,
            record_for_former_contact.is_undated;
    GET DIAGNOSTICS recorded := ROW_COUNT;
    is_new := recorded OPERATOR(pg_catalog.>) 0;
    IF former.until IS NOT NULL
        AND record_for_former_contact.kind OPERATOR(pg_catalog.=) ANY ('{unsubscribed,complained}'::contact_status.event_kind[]) THEN
        -- the person said it after the change of the address: it also holds for the former address
        PERFORM _contact_status.suppress_unknown_address(record_for_former_contact.schema, record_for_former_contact.account_id,
                    record_for_former_contact.email, record_for_former_contact.kind,
                    CASE WHEN record_for_former_contact.kind OPERATOR(pg_catalog.=) 'unsubscribed' THEN record_for_former_contact.list_id END,
                    record_for_former_contact.occurred_at, record_for_former_contact.source);
    END IF;
    contact_id := _contact_status.merge_target(record_for_former_contact.schema, record_for_former_contact.account_id,
                      former.contact_id);
END
$former$;
COMMENT ON FUNCTION _contact_status.record_for_former_contact(name, bigint, text, contact_status.event_kind, bigint, bigint,
    timestamptz, boolean, text, text, text, text, text, timestamptz) IS
'records an event of an address for the contact that had it; facts of the address as of its last moment; returns the contact';
