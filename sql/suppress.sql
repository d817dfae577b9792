-- suppress: opt-outs, complaints and dead addresses, also of addresses without a contact.

CREATE FUNCTION _contact_status.check_suppression(
    account_id bigint, email text, kind contact_status.event_kind, list_id bigint, occurred_at timestamptz
) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_check_suppression';
COMMENT ON FUNCTION _contact_status.check_suppression(bigint, text, contact_status.event_kind, bigint, timestamptz) IS
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
    schema name, account_id bigint, emails text[], OUT addresses bigint, OUT contacts bigint[], OUT without_contact text[]
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off    -- by the index, even if the table was small when this was planned
AS $of_addresses$
BEGIN
    EXECUTE format('SELECT count(*), coalesce(array_agg(c.contact_id ORDER BY c.contact_id) FILTER (WHERE c.contact_id IS NOT NULL), ''{}''), '
                   'coalesce(array_agg(a.address ORDER BY a.address) FILTER (WHERE c.contact_id IS NULL), ''{}'') '
                   'FROM (SELECT DISTINCT contact_status.normalize_address(e) COLLATE "C" AS address FROM unnest($2) e '
                   '       WHERE contact_status.normalize_address(e) <> '''') a '
                   'LEFT JOIN ONLY %I.contact c ON c.account_id = $1 AND contact_status.normalize_address(c.email) = a.address',
                   contacts_of_addresses.schema)
       INTO addresses, contacts, without_contact
      USING contacts_of_addresses.account_id, contacts_of_addresses.emails;
END
$of_addresses$;
COMMENT ON FUNCTION _contact_status.contacts_of_addresses(name, bigint, text[]) IS
'contacts of distinct addresses, ascending, and the addresses without a contact';

CREATE FUNCTION contact_status.suppress(
    schema name, account_id bigint, email text, kind contact_status.event_kind,
    list_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, source text DEFAULT 'suppress'
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $suppress$
DECLARE
    at timestamp with time zone := coalesce(suppress.occurred_at, pg_catalog.clock_timestamp());
    contact bigint;
    locked bigint;
BEGIN
    PERFORM _contact_status.refuse_read_only('suppress');
    PERFORM _contact_status.check_installation(suppress.schema, '{contact}');
    PERFORM _contact_status.check_suppression(suppress.account_id, suppress.email, suppress.kind, suppress.list_id, at);
    -- Look again: a contact may be inserted while suppress_unknown_address waits, or be deleted before it is locked.
    FOR attempt IN 1 .. 3 LOOP
        SELECT c.contacts[1] INTO contact
          FROM _contact_status.contacts_of_addresses(suppress.schema, suppress.account_id, ARRAY[suppress.email]) c;
        IF contact OPERATOR(pg_catalog.<>) locked OR contact IS NOT NULL AND locked IS NULL THEN
            locked := contact;
            PERFORM _contact_status.refresh_contacts(suppress.schema, ARRAY[suppress.account_id], ARRAY[contact], false,
                                                    pg_catalog.clock_timestamp());
        ELSIF contact IS NOT NULL THEN
            EXECUTE pg_catalog.format('INSERT INTO %I.event (account_id, contact_id, list_id, kind, occurred_at, source) '
                                      'VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING', suppress.schema)
              USING suppress.account_id, contact, suppress.list_id, suppress.kind, at, suppress.source;
            RETURN contact;
        ELSIF _contact_status.suppress_unknown_address(suppress.schema, suppress.account_id, suppress.email, suppress.kind,
                                               suppress.list_id, at, suppress.source) THEN
            RETURN NULL;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'the address of account % has a contact that you may not see', suppress.account_id
        USING ERRCODE = 'insufficient_privilege', HINT = 'Call suppress as a role that sees the contacts of the account.';
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'records an opt-out, complaint or dead address as an event of the contact, and returns its id; else stores a suppression';

CREATE FUNCTION contact_status.suppress(
    schema name, account_id bigint, emails text[], kind contact_status.event_kind,
    list_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, source text DEFAULT 'suppress'
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $suppress$
DECLARE
    at timestamp with time zone := coalesce(suppress.occurred_at, pg_catalog.clock_timestamp());
    matched pg_catalog.record;
    locked bigint[];
    address pg_catalog.text;
BEGIN
    PERFORM _contact_status.refuse_read_only('suppress');
    PERFORM _contact_status.check_installation(suppress.schema, '{contact}');
    PERFORM _contact_status.check_suppression(suppress.account_id, 'any', suppress.kind, suppress.list_id, at);
    -- Lock the contacts in ascending order, again if some were inserted or deleted concurrently. Then suppress the
    -- addresses without a contact.
    FOR attempt IN 1 .. 10 LOOP
        SELECT c.* INTO matched FROM _contact_status.contacts_of_addresses(suppress.schema, suppress.account_id, suppress.emails) c;
        EXIT WHEN matched.contacts OPERATOR(pg_catalog.=) locked;
        locked := matched.contacts;
        PERFORM _contact_status.refresh_contacts(suppress.schema,
                    pg_catalog.array_fill(suppress.account_id, ARRAY[pg_catalog.cardinality(locked)]), locked, false,
                    pg_catalog.clock_timestamp());
    END LOOP;
    EXECUTE pg_catalog.format('INSERT INTO %I.event (account_id, contact_id, list_id, kind, occurred_at, source) '
                              'SELECT $1, c, $3, $4, $5, $6 FROM pg_catalog.unnest($2) c ON CONFLICT DO NOTHING', suppress.schema)
      USING suppress.account_id, matched.contacts, suppress.list_id, suppress.kind, at, suppress.source;
    FOREACH address IN ARRAY matched.without_contact LOOP
        IF NOT _contact_status.suppress_unknown_address(suppress.schema, suppress.account_id, address, suppress.kind,
                                                suppress.list_id, at, suppress.source) THEN
            PERFORM contact_status.suppress(suppress.schema, suppress.account_id, address, suppress.kind,
                                            suppress.list_id, at, suppress.source);
        END IF;
    END LOOP;
    RETURN matched.addresses;
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text[], contact_status.event_kind, bigint, timestamptz, text) IS
'suppresses many addresses; returns the number of distinct ones';
