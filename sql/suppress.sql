-- suppress: opt-outs, complaints and dead addresses, also of addresses without a contact.

CREATE FUNCTION _contact_status.check_suppression(
    account_id bigint, kind contact_status.event_kind, list_id bigint, occurred_at timestamptz, source text
) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_check_suppression';
COMMENT ON FUNCTION _contact_status.check_suppression(bigint, contact_status.event_kind, bigint, timestamptz, text) IS
'raises errors for wrong arguments of suppress';

CREATE FUNCTION _contact_status.suppress_unknown_address(
    schema name, account_id bigint, email text, kind contact_status.event_kind, list_id bigint,
    occurred_at timestamptz, source text
) RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_suppress_unknown_address';
COMMENT ON FUNCTION _contact_status.suppress_unknown_address(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'stores a suppression of an address without a contact; false if a contact has the address';

CREATE FUNCTION _contact_status.resolve_addresses(
    schema name, account_id bigint, list_id bigint, emails text[], known bigint[], complaints boolean,
    OUT contact_ids bigint[], OUT consents contact_status.contact_status[], OUT statuses contact_status.contact_status[]
) RETURNS record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_resolve_addresses';
COMMENT ON FUNCTION _contact_status.resolve_addresses(name, bigint, bigint, text[], bigint[], boolean) IS
'for each address its contact and, with a list, the consent and status there';

CREATE FUNCTION _contact_status.contacts_of_addresses(
    schema name, account_id bigint, emails text[], OUT contacts bigint[], OUT without_contact text[]
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off    -- by the index, even if the table was small when this was planned
AS $of_addresses$
BEGIN
    EXECUTE format('SELECT coalesce(array_agg(c.contact_id ORDER BY c.contact_id) FILTER (WHERE c.contact_id IS NOT NULL), ''{}''), '
                   'coalesce(array_agg(a.address ORDER BY a.address) FILTER (WHERE c.contact_id IS NULL), ''{}'') '
                   'FROM (SELECT DISTINCT contact_status.normalize_address(e) COLLATE "C" AS address FROM unnest($2) e '
                   '       WHERE _contact_status.is_address(e)) a '
                   'LEFT JOIN ONLY %I.contact c ON c.account_id = $1 AND contact_status.normalize_address(c.email) = a.address',
                   contacts_of_addresses.schema)
       INTO contacts, without_contact
      USING contacts_of_addresses.account_id, contacts_of_addresses.emails;
END
$of_addresses$;
COMMENT ON FUNCTION _contact_status.contacts_of_addresses(name, bigint, text[]) IS
'contacts of distinct addresses, ascending, and the addresses without a contact';

-- no SET search_path, here and below: the triggers of the application would run with it
CREATE FUNCTION _contact_status.record_by_address(
    schema name, account_id bigint, email text, kind contact_status.event_kind, suppress_as contact_status.event_kind,
    list_id bigint, campaign_id bigint, occurred_at timestamptz, event_key text, source text, evidence text, reason text,
    reply text, until timestamptz
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $by_address$
DECLARE
    contact bigint;
    locked bigint;
    target pg_catalog.text;     -- table and columns for the event
BEGIN
    -- Look again: a contact may be inserted while suppress_unknown_address waits, or be deleted before it is locked.
    FOR attempt IN 1 .. 3 LOOP
        SELECT c.contacts[1] INTO contact
          FROM _contact_status.contacts_of_addresses(record_by_address.schema, record_by_address.account_id,
                   ARRAY[record_by_address.email]) c;
        IF contact OPERATOR(pg_catalog.<>) locked OR contact IS NOT NULL AND locked IS NULL THEN
            locked := contact;
            PERFORM _contact_status.refresh_contacts(record_by_address.schema, ARRAY[record_by_address.account_id], ARRAY[contact],
                                                    false, pg_catalog.clock_timestamp());
            CONTINUE;
        ELSIF contact IS NULL AND record_by_address.suppress_as IS NOT NULL THEN
            IF _contact_status.suppress_unknown_address(record_by_address.schema, record_by_address.account_id,
                   record_by_address.email, record_by_address.suppress_as,
                   CASE WHEN record_by_address.suppress_as OPERATOR(pg_catalog.=) 'unsubscribed' THEN record_by_address.list_id END,
                   record_by_address.occurred_at, record_by_address.source) THEN
                RETURN NULL;
            END IF;
            CONTINUE;
        END IF;
        IF contact IS NULL THEN
            PERFORM _contact_status.check_installation(record_by_address.schema, '{unmatched_event}');
        END IF;
        target := CASE WHEN contact IS NULL
            THEN pg_catalog.format('%I.unmatched_event (problem, address', record_by_address.schema)
            ELSE pg_catalog.format('%I.event (contact_id', record_by_address.schema) END;
        EXECUTE pg_catalog.format('INSERT INTO %s, account_id, kind, list_id, campaign_id, occurred_at, event_key, source, evidence, '
                                  'reason, reply, until) VALUES (%s, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) '
                                  'ON CONFLICT DO NOTHING', target,
                                  CASE WHEN contact IS NULL THEN '''no contact has the address'', $13' ELSE '$1' END)
          USING contact, record_by_address.account_id, record_by_address.kind, record_by_address.list_id,
                record_by_address.campaign_id, record_by_address.occurred_at, record_by_address.event_key,
                record_by_address.source, record_by_address.evidence, record_by_address.reason, record_by_address.reply,
                record_by_address.until, record_by_address.email;
        RETURN contact;
    END LOOP;
    RAISE EXCEPTION 'the address of account % has a contact that you may not see', record_by_address.account_id
        USING ERRCODE = 'insufficient_privilege', HINT = 'Call the function as a role that sees the contacts of the account.';
END
$by_address$;
COMMENT ON FUNCTION _contact_status.record_by_address(name, bigint, text, contact_status.event_kind, contact_status.event_kind, bigint,
    bigint, timestamptz, text, text, text, text, text, timestamptz) IS
'records an event of the contact that has an address, and returns its id; without a contact, stores a suppression of kind '
'suppress_as or, if this is null, a row of unmatched_event';

CREATE FUNCTION contact_status.suppress(
    schema name, account_id bigint, email text, kind contact_status.event_kind,
    list_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, source text DEFAULT 'suppress'
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $suppress$
DECLARE
    at timestamp with time zone := coalesce(suppress.occurred_at, pg_catalog.clock_timestamp());
BEGIN
    PERFORM _contact_status.refuse_read_only('suppress');
    PERFORM _contact_status.check_installation(suppress.schema, '{contact}');
    PERFORM _contact_status.check_suppression(suppress.account_id, suppress.kind, suppress.list_id, at, suppress.source);
    PERFORM _contact_status.check_address(suppress.email, 'the suppression');
    RETURN _contact_status.record_by_address(suppress.schema, suppress.account_id, suppress.email, suppress.kind, suppress.kind,
        suppress.list_id, NULL, at, '', suppress.source, NULL, NULL, NULL, NULL);
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'records an opt-out, complaint or dead address as an event of the contact, and returns its id; else stores a suppression';

CREATE FUNCTION _contact_status.suppression_outcomes(
    schema name, account_id bigint, emails text[], OUT email text, OUT contact_id bigint, OUT outcome text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off    -- as contacts_of_addresses
AS $outcomes$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT a.given, CASE WHEN a.again = 1 THEN c.contact_id END, '
        '       CASE WHEN a.address IS NULL THEN ''invalid_address'' WHEN a.again > 1 THEN ''duplicate'' ELSE ''suppressed'' END '
        '  FROM (SELECT e.*, row_number() OVER (PARTITION BY e.address ORDER BY e.n) AS again '
        '          FROM (SELECT g.given, g.n, CASE WHEN _contact_status.is_address(g.given) '
        '                           THEN contact_status.normalize_address(g.given) END COLLATE "C" AS address '
        '                  FROM unnest($2) WITH ORDINALITY g (given, n)) e) a '
        '  LEFT JOIN ONLY %I.contact c ON c.account_id = $1 AND contact_status.normalize_address(c.email) = a.address '
        ' ORDER BY a.n', suppression_outcomes.schema)
        USING suppression_outcomes.account_id, suppression_outcomes.emails;
END
$outcomes$;
COMMENT ON FUNCTION _contact_status.suppression_outcomes(name, bigint, text[]) IS
'result of suppress_all: the outcome for each address, in the given order';

CREATE FUNCTION contact_status.suppress_all(
    schema name, account_id bigint, emails text[], kind contact_status.event_kind,
    list_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, source text DEFAULT 'suppress',
    OUT email text, OUT contact_id bigint, OUT outcome text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE
AS $suppress_all$
DECLARE
    at timestamp with time zone := coalesce(suppress_all.occurred_at, pg_catalog.clock_timestamp());
    matched pg_catalog.record;
    locked bigint[];
    address pg_catalog.text;
BEGIN
    PERFORM _contact_status.refuse_read_only('suppress_all');
    PERFORM _contact_status.check_installation(suppress_all.schema, '{contact}');
    PERFORM _contact_status.check_suppression(suppress_all.account_id, suppress_all.kind, suppress_all.list_id, at,
                                              suppress_all.source);
    -- Lock the contacts in ascending order, again if some were inserted or deleted concurrently. Then suppress the
    -- addresses without a contact.
    FOR attempt IN 1 .. 10 LOOP
        SELECT c.* INTO matched
          FROM _contact_status.contacts_of_addresses(suppress_all.schema, suppress_all.account_id, suppress_all.emails) c;
        EXIT WHEN matched.contacts OPERATOR(pg_catalog.=) locked;
        locked := matched.contacts;
        PERFORM _contact_status.refresh_contacts(suppress_all.schema,
                    pg_catalog.array_fill(suppress_all.account_id, ARRAY[pg_catalog.cardinality(locked)]), locked, false,
                    pg_catalog.clock_timestamp());
    END LOOP;
    EXECUTE pg_catalog.format('INSERT INTO %I.event (account_id, contact_id, list_id, kind, occurred_at, source) '
                              'SELECT $1, c, $3, $4, $5, $6 FROM pg_catalog.unnest($2) c ON CONFLICT DO NOTHING', suppress_all.schema)
      USING suppress_all.account_id, matched.contacts, suppress_all.list_id, suppress_all.kind, at, suppress_all.source;
    FOREACH address IN ARRAY matched.without_contact LOOP
        IF NOT _contact_status.suppress_unknown_address(suppress_all.schema, suppress_all.account_id, address, suppress_all.kind,
                                                suppress_all.list_id, at, suppress_all.source) THEN
            PERFORM contact_status.suppress(suppress_all.schema, suppress_all.account_id, address, suppress_all.kind,
                                            suppress_all.list_id, at, suppress_all.source);
        END IF;
    END LOOP;
    RETURN QUERY SELECT o.* FROM _contact_status.suppression_outcomes(suppress_all.schema, suppress_all.account_id, suppress_all.emails) o;
END
$suppress_all$;
COMMENT ON FUNCTION contact_status.suppress_all(name, bigint, text[], contact_status.event_kind, bigint, timestamptz, text) IS
'suppresses many addresses; returns a row for each: suppressed (with the id of its contact, if any), invalid_address or duplicate';
