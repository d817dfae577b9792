-- Functions on an installation for what is done with people: suppress, erase, and take back what was recorded in error.

CREATE FUNCTION _contact_status.check_suppression(
    account_id bigint, email text, kind contact_status.event_kind, list_id bigint, occurred_at timestamptz
) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_check_suppression';
COMMENT ON FUNCTION _contact_status.check_suppression(bigint, text, contact_status.event_kind, bigint, timestamptz) IS
'raises the errors of suppress for wrong arguments';

CREATE FUNCTION _contact_status.remember_address(
    schema name, account_id bigint, email text, kind contact_status.event_kind, list_id bigint,
    occurred_at timestamptz, source text
) RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_remember_address';
COMMENT ON FUNCTION _contact_status.remember_address(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'keeps a fact of an address that no contact has; false where one has it';

CREATE FUNCTION _contact_status.resolve_addresses(
    schema name, account_id bigint, list_id bigint, emails text[], known bigint[], complaints boolean,
    OUT contact_ids bigint[], OUT consents contact_status.contact_status[], OUT statuses contact_status.contact_status[]
) RETURNS record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_resolve_addresses';
COMMENT ON FUNCTION _contact_status.resolve_addresses(name, bigint, bigint, text[], bigint[], boolean) IS
'for each address the id of its contact, where it is not known, and, if given a list, its consent and status there';

CREATE FUNCTION _contact_status.contacts_of_addresses(
    schema name, account_id bigint, emails text[], OUT addresses bigint, OUT contacts bigint[], OUT without_contact text[]
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off    -- by the index, however large the table was when this was planned
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
'the contacts of different addresses, ascending, and the addresses that have none';

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
    -- looked for again: a contact may begin while remember_address waits, or go until it is locked
    FOR attempt IN 1 .. 3 LOOP
        SELECT c.contacts[1] INTO contact
          FROM _contact_status.contacts_of_addresses(suppress.schema, suppress.account_id, ARRAY[suppress.email]) c;
        IF contact OPERATOR(pg_catalog.<>) locked OR contact IS NOT NULL AND locked IS NULL THEN
            locked := contact;
            PERFORM _contact_status.settle_contacts(suppress.schema, ARRAY[suppress.account_id], ARRAY[contact], false,
                                                    pg_catalog.clock_timestamp());
        ELSIF contact IS NOT NULL THEN
            EXECUTE pg_catalog.format('INSERT INTO %I.event (account_id, contact_id, list_id, kind, occurred_at, source) '
                                      'VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING', suppress.schema)
              USING suppress.account_id, contact, suppress.list_id, suppress.kind, at, suppress.source;
            RETURN contact;
        ELSIF _contact_status.remember_address(suppress.schema, suppress.account_id, suppress.email, suppress.kind,
                                               suppress.list_id, at, suppress.source) THEN
            RETURN NULL;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'the address of account % has a contact that you may not see', suppress.account_id
        USING ERRCODE = 'insufficient_privilege', HINT = 'Call suppress as a role that sees the contacts of the account.';
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'records an opt-out, complaint or dead address: as an event of the contact that has the address, whose id it returns, or, without one, for when it comes';

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
    -- contacts first, in the order in which all lock them, until none came or went meanwhile; then the addresses without one
    FOR attempt IN 1 .. 10 LOOP
        SELECT c.* INTO matched FROM _contact_status.contacts_of_addresses(suppress.schema, suppress.account_id, suppress.emails) c;
        EXIT WHEN matched.contacts OPERATOR(pg_catalog.=) locked;
        locked := matched.contacts;
        PERFORM _contact_status.settle_contacts(suppress.schema,
                    pg_catalog.array_fill(suppress.account_id, ARRAY[pg_catalog.cardinality(locked)]), locked, false,
                    pg_catalog.clock_timestamp());
    END LOOP;
    EXECUTE pg_catalog.format('INSERT INTO %I.event (account_id, contact_id, list_id, kind, occurred_at, source) '
                              'SELECT $1, c, $3, $4, $5, $6 FROM pg_catalog.unnest($2) c ON CONFLICT DO NOTHING', suppress.schema)
      USING suppress.account_id, matched.contacts, suppress.list_id, suppress.kind, at, suppress.source;
    FOREACH address IN ARRAY matched.without_contact LOOP
        IF NOT _contact_status.remember_address(suppress.schema, suppress.account_id, address, suppress.kind,
                                                suppress.list_id, at, suppress.source) THEN
            PERFORM contact_status.suppress(suppress.schema, suppress.account_id, address, suppress.kind,
                                            suppress.list_id, at, suppress.source);
        END IF;
    END LOOP;
    RETURN matched.addresses;
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text[], contact_status.event_kind, bigint, timestamptz, text) IS
'the same for a list brought from another sender; returns how many different addresses it had';

-- errors that were recorded

CREATE FUNCTION _contact_status.begin_change(schema name, account_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_begin_change';
COMMENT ON FUNCTION _contact_status.begin_change(name, bigint) IS
'waits until no other transaction changes the recorded events of an account, before contacts are locked';

CREATE FUNCTION _contact_status.lock_contacts(schema name, account_id bigint, contacts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_lock_contacts';
COMMENT ON FUNCTION _contact_status.lock_contacts(name, bigint, bigint[]) IS
'locks contacts, and those that hold addresses which they gave up, in the order in which contacts are locked';

CREATE FUNCTION _contact_status.mark_events(
    schema name, account_id bigint, contacts bigint[], parts oid[], places tid[], retraction_id bigint, reason text
) RETURNS bigint[]
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_mark_events';
COMMENT ON FUNCTION _contact_status.mark_events(name, bigint, bigint[], oid[], tid[], bigint, text) IS
'marks events, given in the order of their contacts, as retracted or (reason null) not, and folds anew; returns how many events and contacts';

CREATE FUNCTION _contact_status.events_to_retract(
    schema name, account_id bigint, source text, kinds contact_status.event_kind[], since timestamptz, before timestamptz,
    campaign_id bigint, list_id bigint, contact_ids bigint[], event_keys text[],
    OUT retraction_id bigint, OUT contacts bigint[], OUT parts oid[], OUT places tid[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $choose$
BEGIN
    PERFORM _contact_status.check_installation(events_to_retract.schema, '{event}');
    EXECUTE format('SELECT nextval(pg_get_serial_sequence(%L, ''retraction_id''))', format('%I.retraction', events_to_retract.schema))
       INTO events_to_retract.retraction_id;
    EXECUTE format('SELECT coalesce(array_agg(contact_id ORDER BY contact_id, tableoid, ctid), ''{}''), '
                   'coalesce(array_agg(tableoid ORDER BY contact_id, tableoid, ctid), ''{}''), '
                   'coalesce(array_agg(ctid ORDER BY contact_id, tableoid, ctid), ''{}'') '
                   'FROM %I.event WHERE account_id = $1 AND retracted_at IS NULL '
                   'AND ($2 IS NULL OR source = $2) AND ($3 IS NULL OR kind = ANY ($3)) '
                   'AND ($4 IS NULL OR occurred_at >= $4) AND ($5 IS NULL OR occurred_at < $5) '
                   'AND ($6 IS NULL OR campaign_id = $6) AND ($7 IS NULL OR list_id = $7) '
                   'AND ($8 IS NULL OR contact_id = ANY ($8)) AND ($9 IS NULL OR event_key = ANY ($9))',
                   events_to_retract.schema)
       INTO events_to_retract.contacts, events_to_retract.parts, events_to_retract.places
      USING events_to_retract.account_id, events_to_retract.source, events_to_retract.kinds, events_to_retract.since,
            events_to_retract.before, events_to_retract.campaign_id, events_to_retract.list_id, events_to_retract.contact_ids,
            events_to_retract.event_keys;
END
$choose$;
COMMENT ON FUNCTION _contact_status.events_to_retract(name, bigint, text, contact_status.event_kind[], timestamptz, timestamptz,
    bigint, bigint, bigint[], text[]) IS
'the number of a new retraction, and the events that it concerns, in the order of their contacts';

CREATE FUNCTION _contact_status.events_that_followed(
    schema name, account_id bigint, retraction_id bigint, OUT contacts bigint[], OUT parts oid[], OUT places tid[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off   -- how many events are retracted, no statistics say
AS $followed$
BEGIN
    EXECUTE format('SELECT array_agg(e.contact_id ORDER BY e.contact_id, e.tableoid, e.ctid), '
                   'array_agg(e.tableoid ORDER BY e.contact_id, e.tableoid, e.ctid), array_agg(e.ctid ORDER BY e.contact_id, e.tableoid, e.ctid) '
                   'FROM (SELECT DISTINCT ON (e.tableoid, e.ctid) e.tableoid, e.ctid, e.contact_id '
                   'FROM %1$I.event o JOIN %1$I.event e ON e.account_id = o.account_id AND e.source = ''suppression'' '
                   ' AND e.reason = ''contact '' || o.contact_id AND e.retracted_at IS NULL AND e.occurred_at >= o.occurred_at '
                   ' AND e.kind = CASE WHEN o.kind IN (''unsubscribed'', ''complained'') THEN o.kind ELSE ''invalidated'' END '
                   'WHERE o.account_id = $1 AND o.retraction_id = $2 AND NOT EXISTS ('
                   ' SELECT FROM %1$I.suppression s WHERE s.account_id = $1 AND s.contact_id = o.contact_id AND s.kind = e.kind '
                   ' AND s.list_id IS NOT DISTINCT FROM e.list_id)) e', events_that_followed.schema)
       INTO contacts, parts, places USING events_that_followed.account_id, events_that_followed.retraction_id;
END
$followed$;
COMMENT ON FUNCTION _contact_status.events_that_followed(name, bigint, bigint) IS
'the events that a suppression brought to other contacts and that hold no more, because the events of a retraction do not';

CREATE FUNCTION contact_status.retract_events(
    schema name, reason text, account_id bigint DEFAULT 1, source text DEFAULT NULL,
    kinds contact_status.event_kind[] DEFAULT NULL, since timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL,
    campaign_id bigint DEFAULT NULL, list_id bigint DEFAULT NULL, contact_ids bigint[] DEFAULT NULL,
    event_keys text[] DEFAULT NULL,
    OUT retraction_id bigint, OUT events bigint, OUT contacts bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
AS $retract$
DECLARE
    chosen pg_catalog.record;
    marked bigint[];
BEGIN
    PERFORM _contact_status.refuse_read_only('retract_events');
    PERFORM _contact_status.check_installation(retract_events.schema, '{event}');
    IF coalesce(retract_events.reason OPERATOR(pg_catalog.!~) '\S', true) THEN
        RAISE EXCEPTION 'a retraction needs a reason'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Say why the events were recorded in error.';
    ELSIF pg_catalog.num_nonnulls(retract_events.source, retract_events.kinds, retract_events.since, retract_events.before,
                                  retract_events.campaign_id, retract_events.list_id, retract_events.contact_ids,
                                  retract_events.event_keys) OPERATOR(pg_catalog.=) 0 THEN
        RAISE EXCEPTION 'a retraction needs a choice of events'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Choose by source, kinds, since, before, campaign_id, list_id, contact_ids or event_keys.';
    END IF;
    -- chosen once nobody else retracts, so that none is missed that comes back meanwhile
    PERFORM _contact_status.begin_change(retract_events.schema, retract_events.account_id);
    SELECT c.* INTO chosen
      FROM _contact_status.events_to_retract(retract_events.schema, retract_events.account_id, retract_events.source,
               retract_events.kinds, retract_events.since, retract_events.before, retract_events.campaign_id,
               retract_events.list_id, retract_events.contact_ids, retract_events.event_keys) c;
    retract_events.retraction_id := chosen.retraction_id;
    retract_events.events := 0;
    retract_events.contacts := 0;
    PERFORM _contact_status.lock_contacts(retract_events.schema, retract_events.account_id, chosen.contacts);
    LOOP
        marked := _contact_status.mark_events(retract_events.schema, retract_events.account_id, chosen.contacts, chosen.parts,
                                              chosen.places, retract_events.retraction_id, retract_events.reason);
        retract_events.events := retract_events.events OPERATOR(pg_catalog.+) marked[1];
        retract_events.contacts := retract_events.contacts OPERATOR(pg_catalog.+) marked[2];
        -- what came back with an address from a contact that is gone, and holds of it no more
        EXIT WHEN marked[1] OPERATOR(pg_catalog.=) 0;
        SELECT retract_events.retraction_id, f.* INTO chosen
          FROM _contact_status.events_that_followed(retract_events.schema, retract_events.account_id, retract_events.retraction_id) f;
        EXIT WHEN chosen.contacts IS NULL;
    END LOOP;
END
$retract$;
COMMENT ON FUNCTION contact_status.retract_events(name, text, bigint, text, contact_status.event_kind[], timestamptz,
    timestamptz, bigint, bigint, bigint[], text[]) IS
'takes events that were recorded in error out of the fold, and keeps them; the choices given must all be met';

CREATE FUNCTION _contact_status.retracted_events(
    schema name, account_id bigint, retraction_id bigint, OUT contacts bigint[], OUT parts oid[], OUT places tid[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $retracted$
BEGIN
    EXECUTE format('SELECT coalesce(array_agg(contact_id ORDER BY contact_id, tableoid, ctid), ''{}''), '
                   'coalesce(array_agg(tableoid ORDER BY contact_id, tableoid, ctid), ''{}''), '
                   'coalesce(array_agg(ctid ORDER BY contact_id, tableoid, ctid), ''{}'') '
                   'FROM %I.event WHERE account_id = $1 AND retraction_id = $2', retracted_events.schema)
       INTO contacts, parts, places USING retracted_events.account_id, retracted_events.retraction_id;
END
$retracted$;
COMMENT ON FUNCTION _contact_status.retracted_events(name, bigint, bigint) IS 'the events of a retraction, in the order of their contacts';

CREATE FUNCTION contact_status.undo_retraction(
    schema name, retraction_id bigint, account_id bigint DEFAULT 1, OUT events bigint, OUT contacts bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE STRICT
AS $undo$
DECLARE
    chosen pg_catalog.record;
    marked bigint[];
BEGIN
    PERFORM _contact_status.refuse_read_only('undo_retraction');
    PERFORM _contact_status.check_installation(undo_retraction.schema, '{event}');
    PERFORM _contact_status.begin_change(undo_retraction.schema, undo_retraction.account_id);
    SELECT r.* INTO chosen
      FROM _contact_status.retracted_events(undo_retraction.schema, undo_retraction.account_id, undo_retraction.retraction_id) r;
    PERFORM _contact_status.lock_contacts(undo_retraction.schema, undo_retraction.account_id, chosen.contacts);
    marked := _contact_status.mark_events(undo_retraction.schema, undo_retraction.account_id, chosen.contacts, chosen.parts,
                                          chosen.places, undo_retraction.retraction_id, NULL);
    undo_retraction.events := marked[1];
    undo_retraction.contacts := marked[2];
END
$undo$;
COMMENT ON FUNCTION contact_status.undo_retraction(name, bigint, bigint) IS
'brings the events of a retraction back into the fold';

-- erasure

CREATE FUNCTION _contact_status.forget_contact(schema name, account_id bigint, contact_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_forget_contact';
COMMENT ON FUNCTION _contact_status.forget_contact(name, bigint, bigint) IS
'makes the events of a contact that was deleted anonymous, and leaves of its addresses an account-wide opt-out';

CREATE FUNCTION contact_status.erase_contact(schema name, account_id bigint, contact_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
AS $erase$
BEGIN
    PERFORM _contact_status.refuse_read_only('erase_contact');
    PERFORM _contact_status.check_installation(erase_contact.schema, '{contact}');
    PERFORM _contact_status.begin_change(erase_contact.schema, erase_contact.account_id);
    EXECUTE pg_catalog.format('DELETE FROM ONLY %I.contact WHERE account_id OPERATOR(pg_catalog.=) $1 '
                              'AND contact_id OPERATOR(pg_catalog.=) $2', erase_contact.schema)
      USING erase_contact.account_id, erase_contact.contact_id;
    PERFORM _contact_status.forget_contact(erase_contact.schema, erase_contact.account_id, erase_contact.contact_id);
END
$erase$;
COMMENT ON FUNCTION contact_status.erase_contact(name, bigint, bigint) IS
'erases a person, also one whose contact was deleted: no address, text or detail remains but the digest of the address with an account-wide opt-out';
