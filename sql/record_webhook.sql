-- record_webhook: the events in the payload of a webhook.

CREATE TYPE _contact_status.webhook_row AS (
    contact_id bigint, address text, kind contact_status.event_kind, campaign_id bigint, occurred_at timestamptz,
    event_key text, reason text, reply text, is_undated boolean
);
COMMENT ON TYPE _contact_status.webhook_row IS
'an event of a webhook, with the contact that has its address; is_undated: occurred_at is the clock';

CREATE FUNCTION _contact_status.match_webhook(
    schema name, provider text, payload jsonb, account_id bigint, now timestamptz
) RETURNS _contact_status.webhook_row[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off    -- as contacts_of_addresses
    SET enable_hashjoin = off
    SET enable_mergejoin = off
AS $match$
DECLARE
    rows _contact_status.webhook_row[];
BEGIN
    -- A text that is no number, or none of the type bigint, is no campaign_id.
    EXECUTE format(
        'SELECT array_agg(ROW(c.contact_id, e.recipient, CASE WHEN e.kind <> ''sent'' OR e.campaign_id IS NOT NULL THEN e.kind END, '
        '           e.campaign_id, CASE WHEN e.is_undated THEN $4 ELSE e.occurred_at END, e.event_key, e.reason, e.reply, '
        '           e.is_undated)::_contact_status.webhook_row ORDER BY c.contact_id, e.n) '
        '  FROM (SELECT w.*, CASE WHEN w.campaign ~ ''^[0-9]{1,18}$'' THEN w.campaign::bigint END AS campaign_id, '
        '               coalesce(w.occurred_at > $4 + interval ''1 minute'', true) AS is_undated, '
        '               CASE WHEN _contact_status.is_address(w.recipient) THEN contact_status.normalize_address(w.recipient) END '
        '                   COLLATE "C" AS address '
        '          FROM contact_status.webhook_events($1, $2) WITH ORDINALITY '
        '               w (recipient, kind, occurred_at, event_key, campaign, reason, reply, provider_type, n)) e '
        '  LEFT JOIN ONLY %I.contact c ON c.account_id = $3 AND contact_status.normalize_address(c.email) = e.address '
        '       AND e.kind IS NOT NULL', match_webhook.schema)
       INTO rows
      USING match_webhook.provider, match_webhook.payload, match_webhook.account_id, match_webhook.now;
    RETURN coalesce(rows, '{}');
END
$match$;
COMMENT ON FUNCTION _contact_status.match_webhook(name, text, jsonb, bigint, timestamptz) IS
'events in a payload, with the contacts that have their addresses';

-- no SET search_path: the triggers of the application would run with it
CREATE FUNCTION contact_status.record_webhook(
    schema name, provider text, payload jsonb, account_id bigint DEFAULT 1,
    OUT recorded bigint, OUT repeated bigint, OUT unmatched bigint, OUT ignored bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
AS $record_webhook$
DECLARE
    now timestamp with time zone := pg_catalog.clock_timestamp();
    rows _contact_status.webhook_row[];
    former pg_catalog.record;
BEGIN
    PERFORM _contact_status.refuse_read_only('record_webhook');
    PERFORM _contact_status.check_installation(record_webhook.schema, '{contact,event}');
    IF record_webhook.account_id IS NULL OR record_webhook.provider IS NULL OR record_webhook.payload IS NULL THEN
        RAISE EXCEPTION 'record_webhook needs a provider, a payload and an account'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Omit account_id for account 1.';
    END IF;
    rows := _contact_status.match_webhook(record_webhook.schema, record_webhook.provider, record_webhook.payload,
                                          record_webhook.account_id, now);
    SELECT pg_catalog.count(1) FILTER (WHERE r.kind IS NULL OR r.address IS NULL),
           pg_catalog.count(1) FILTER (WHERE r.kind IS NOT NULL AND r.address IS NOT NULL AND r.contact_id IS NULL),
           pg_catalog.count(1) FILTER (WHERE r.contact_id IS NOT NULL AND r.kind IS NOT NULL)
      INTO ignored, unmatched, repeated
      FROM pg_catalog.unnest(rows) r;

    -- an event without a time of its own is recorded once, by its key
    EXECUTE pg_catalog.format(
        'INSERT INTO %1$I.event (account_id, contact_id, kind, campaign_id, occurred_at, event_key, source, reason, reply) '
        'SELECT $1, r.contact_id, r.kind, r.campaign_id, r.occurred_at, r.event_key, $2, r.reason, r.reply '
        '  FROM pg_catalog.unnest($3) r LEFT JOIN LATERAL ('
        '       SELECT true AS is_known FROM %1$I.event k WHERE r.is_undated AND k.account_id OPERATOR(pg_catalog.=) $1 '
        '          AND k.contact_id OPERATOR(pg_catalog.=) r.contact_id '
        '          AND k.kind OPERATOR(pg_catalog.=) ANY (ARRAY[r.kind, ''noted''::contact_status.event_kind]) '
        '          AND k.event_key OPERATOR(pg_catalog.=) r.event_key LIMIT 1) known ON true '
        ' WHERE r.contact_id IS NOT NULL AND r.kind IS NOT NULL AND known.is_known IS NULL '
        'ON CONFLICT DO NOTHING', record_webhook.schema)
      USING record_webhook.account_id, record_webhook.provider, rows;
    GET DIAGNOSTICS recorded := ROW_COUNT;
    repeated := repeated OPERATOR(pg_catalog.-) recorded;

    IF unmatched OPERATOR(pg_catalog.>) 0 THEN
        SELECT u.* INTO former
          FROM _contact_status.record_unmatched(record_webhook.schema, record_webhook.provider, record_webhook.account_id, rows) u;
        recorded := recorded OPERATOR(pg_catalog.+) former.recorded;
        repeated := repeated OPERATOR(pg_catalog.+) former.repeated;
        unmatched := unmatched OPERATOR(pg_catalog.-) former.recorded OPERATOR(pg_catalog.-) former.repeated;
    END IF;
END
$record_webhook$;
COMMENT ON FUNCTION contact_status.record_webhook(name, text, jsonb, bigint) IS
'records the events in the payload of a webhook; returns the numbers of recorded, repeated, unmatched and ignored events';

CREATE FUNCTION _contact_status.record_unmatched(
    schema name, provider text, account_id bigint, rows _contact_status.webhook_row[], OUT recorded bigint, OUT repeated bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
AS $unmatched$
DECLARE
    one pg_catalog.record;
    former pg_catalog.record;
    waiting _contact_status.webhook_row[] := '{}';
    stored bigint;
BEGIN
    recorded := 0;
    repeated := 0;
    -- opt-outs, complaints and dead addresses, in the order of addresses as suppress_all
    FOR one IN
        SELECT r.*, k.suppress_as, _contact_status.is_address(r.address) AS is_address
          FROM pg_catalog.unnest(record_unmatched.rows) r
          JOIN (SELECT d.kind, _contact_status.suppression_kind(record_unmatched.schema, record_unmatched.account_id, d.kind, d.at) AS suppress_as
                  FROM (SELECT u.kind, pg_catalog.max(u.occurred_at) AS at FROM pg_catalog.unnest(record_unmatched.rows) u
                         WHERE u.contact_id IS NULL GROUP BY u.kind) d) k
            ON k.kind OPERATOR(pg_catalog.=) r.kind
         WHERE r.contact_id IS NULL AND r.address IS NOT NULL
         ORDER BY contact_status.normalize_address(r.address) COLLATE pg_catalog."C", r.occurred_at
    LOOP
        IF one.is_address THEN
            SELECT f.* INTO former
              FROM _contact_status.record_for_former_contact(record_unmatched.schema, record_unmatched.account_id, one.address,
                       one.kind, NULL, one.campaign_id, one.occurred_at, one.is_undated, one.event_key, record_unmatched.provider,
                       NULL, one.reason, one.reply, NULL) f;
            IF former.contact_id IS NOT NULL THEN
                recorded := recorded OPERATOR(pg_catalog.+) former.is_new::integer;
                repeated := repeated OPERATOR(pg_catalog.+) (NOT former.is_new)::integer;
                CONTINUE;
            END IF;
        END IF;
        IF one.is_address AND one.suppress_as IS NOT NULL AND one.is_undated THEN
            -- an event without effect has the key: by it, the contact that takes the address knows a redelivered event
            EXECUTE pg_catalog.format(
                'INSERT INTO %I.unmatched_event (account_id, address, kind, event_key, source, reason, problem) '
                'VALUES ($1, $2, ''noted'', $3, $4, ''suppressed by: '' OPERATOR(pg_catalog.||) $5, ''no contact has the address'') '
                'ON CONFLICT DO NOTHING', record_unmatched.schema)
              USING record_unmatched.account_id, one.address, one.event_key, record_unmatched.provider, one.kind::pg_catalog.text;
            GET DIAGNOSTICS stored := ROW_COUNT;
            CONTINUE WHEN stored OPERATOR(pg_catalog.=) 0;
        END IF;
        IF NOT one.is_address OR one.suppress_as IS NULL THEN
            waiting := waiting OPERATOR(pg_catalog.||) ROW(NULL, one.address, one.kind, one.campaign_id,
                CASE WHEN NOT one.is_undated THEN one.occurred_at END, one.event_key, one.reason, one.reply,
                NOT one.is_address)::_contact_status.webhook_row;
        ELSIF NOT _contact_status.suppress_unknown_address(record_unmatched.schema, record_unmatched.account_id, one.address,
                one.suppress_as, NULL, one.occurred_at, record_unmatched.provider) THEN
            PERFORM _contact_status.record_by_address(record_unmatched.schema, record_unmatched.account_id, one.address, one.kind,
                one.suppress_as, NULL, one.campaign_id, one.occurred_at, one.event_key, record_unmatched.provider, NULL, one.reason,
                one.reply, NULL);
        END IF;
    END LOOP;
    PERFORM _contact_status.check_installation(record_unmatched.schema, '{unmatched_event}');
    -- without a time, a repeated event has the same key
    EXECUTE pg_catalog.format(
        'INSERT INTO %I.unmatched_event (account_id, address, kind, campaign_id, occurred_at, event_key, source, reason, reply, problem) '
        'SELECT $1, w.address, w.kind, w.campaign_id, w.occurred_at, w.event_key, $2, w.reason, w.reply, '
        '       CASE WHEN w.is_undated THEN ''the recipient is not an e-mail address'' ELSE ''no contact has the address'' END '
        '  FROM pg_catalog.unnest($3) w ON CONFLICT DO NOTHING', record_unmatched.schema)
      USING record_unmatched.account_id, record_unmatched.provider, waiting;
END
$unmatched$;
COMMENT ON FUNCTION _contact_status.record_unmatched(name, text, bigint, _contact_status.webhook_row[]) IS
'stores the events of a webhook that have no contact, for a contact that had the address, or in suppression and '
'unmatched_event; returns the numbers of events of such contacts that are recorded and repeated';
