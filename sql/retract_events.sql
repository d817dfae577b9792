-- retract_events and retract_suppressions: take back events and suppressions that were recorded in error.

CREATE FUNCTION _contact_status.lock_retractions(schema name, account_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_lock_retractions';
COMMENT ON FUNCTION _contact_status.lock_retractions(name, bigint) IS
'locks an account against concurrent changes of its recorded events';

CREATE FUNCTION _contact_status.lock_contacts(schema name, account_id bigint, contacts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_lock_contacts';
COMMENT ON FUNCTION _contact_status.lock_contacts(name, bigint, bigint[]) IS
'locks contacts and the contacts that hold their former addresses, in lock order';

CREATE FUNCTION _contact_status.set_retracted(
    schema name, account_id bigint, contacts bigint[], parts oid[], places tid[], retraction_id bigint, reason text
) RETURNS bigint[]
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_set_retracted';
COMMENT ON FUNCTION _contact_status.set_retracted(name, bigint, bigint[], oid[], tid[], bigint, text) IS
'marks events as retracted, or (reason null) as not, and replays logs; returns the numbers of events and contacts';

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
'id of a new retraction, and its events in the order of their contacts';

CREATE FUNCTION _contact_status.events_that_followed(
    schema name, account_id bigint, retraction_id bigint, OUT contacts bigint[], OUT parts oid[], OUT places tid[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off   -- statistics do not show how many events are retracted
AS $followed$
BEGIN
    PERFORM _contact_status.check_installation(events_that_followed.schema, '{event,suppression,deleted_contact}');
    EXECUTE format($query$
SELECT array_agg(e.contact_id ORDER BY e.contact_id, e.tableoid, e.ctid), array_agg(e.tableoid ORDER BY e.contact_id, e.tableoid, e.ctid),
       array_agg(e.ctid ORDER BY e.contact_id, e.tableoid, e.ctid)
  FROM (SELECT e.tableoid, e.ctid, e.contact_id
          FROM %1$I.event o
          JOIN %1$I.event e ON e.account_id = o.account_id AND e.source = 'suppression' AND e.reason = 'contact ' || o.contact_id
               AND e.retracted_at IS NULL AND e.occurred_at >= o.occurred_at
               AND e.kind = CASE WHEN o.kind IN ('unsubscribed', 'complained') THEN o.kind ELSE 'invalidated' END
         WHERE o.account_id = $1 AND o.retraction_id = $2
           AND NOT EXISTS (SELECT FROM %1$I.suppression s
                            WHERE s.account_id = $1 AND s.contact_id = o.contact_id AND s.kind = e.kind
                              AND s.list_id IS NOT DISTINCT FROM e.list_id)
        UNION
        -- by a merge, if the merged contact has no other event that leads to it
        SELECT e.tableoid, e.ctid, e.contact_id
          FROM %1$I.event o
          JOIN %1$I.event e ON e.account_id = o.account_id AND e.source = 'merge' AND e.reason = 'contact ' || o.contact_id
               AND e.retracted_at IS NULL AND e.occurred_at >= o.occurred_at
               AND e.kind = CASE WHEN o.kind IN ('suspended', 'deleted') THEN o.kind
                                 WHEN o.kind IN ('added', 'signed_up', 'confirmed', 'resubscribed') AND o.list_id = e.list_id
                                 THEN 'added' END
         WHERE o.account_id = $1 AND o.retraction_id = $2
           AND (SELECT EXISTS (SELECT FROM %1$I.deleted_contact d WHERE d.account_id = $1 AND d.merged_into IS NOT NULL))
           AND NOT EXISTS (SELECT FROM %1$I.event k
                            WHERE k.account_id = $1 AND k.contact_id = o.contact_id AND k.retracted_at IS NULL
                              AND CASE WHEN e.kind <> 'added' THEN k.kind = e.kind
                                       ELSE k.list_id = e.list_id AND (k.kind IN ('added', 'confirmed', 'resubscribed')
                                            OR k.kind = 'signed_up' AND o.kind <> 'confirmed') END)) e
    $query$, events_that_followed.schema)
       INTO contacts, parts, places USING events_that_followed.account_id, events_that_followed.retraction_id;
END
$followed$;
COMMENT ON FUNCTION _contact_status.events_that_followed(name, bigint, bigint) IS
'events that other contacts received as suppressions or by a merge, and that no longer follow, after a retraction';

CREATE FUNCTION _contact_status.retract_chosen(
    schema name, account_id bigint, contacts bigint[], parts oid[], places tid[], retraction_id bigint, reason text,
    OUT events bigint, OUT contacts_marked bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
AS $chosen$
DECLARE
    chosen pg_catalog.record;
    marked bigint[];
BEGIN
    retract_chosen.events := 0;
    retract_chosen.contacts_marked := 0;
    SELECT retract_chosen.contacts, retract_chosen.parts, retract_chosen.places INTO chosen;
    PERFORM _contact_status.lock_contacts(retract_chosen.schema, retract_chosen.account_id, chosen.contacts);
    LOOP
        marked := _contact_status.set_retracted(retract_chosen.schema, retract_chosen.account_id, chosen.contacts, chosen.parts,
                                              chosen.places, retract_chosen.retraction_id, retract_chosen.reason);
        retract_chosen.events := retract_chosen.events OPERATOR(pg_catalog.+) marked[1];
        retract_chosen.contacts_marked := retract_chosen.contacts_marked OPERATOR(pg_catalog.+) marked[2];
        -- events that other contacts received as suppressions or by a merge, which no longer follow
        EXIT WHEN marked[1] OPERATOR(pg_catalog.=) 0;
        SELECT f.* INTO chosen
          FROM _contact_status.events_that_followed(retract_chosen.schema, retract_chosen.account_id, retract_chosen.retraction_id) f;
        EXIT WHEN chosen.contacts IS NULL;
    END LOOP;
END
$chosen$;
COMMENT ON FUNCTION _contact_status.retract_chosen(name, bigint, bigint[], oid[], tid[], bigint, text) IS
'retracts events, and the events that other contacts received as suppressions from them';

CREATE FUNCTION contact_status.retract_events(
    schema name, reason text, account_id bigint DEFAULT 1, source text DEFAULT NULL,
    kinds contact_status.event_kind[] DEFAULT NULL, since timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL,
    campaign_id bigint DEFAULT NULL, list_id bigint DEFAULT NULL, contact_ids bigint[] DEFAULT NULL,
    event_keys text[] DEFAULT NULL, everything boolean DEFAULT false, dry_run boolean DEFAULT false,
    OUT retraction_id bigint, OUT events bigint, OUT contacts bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
AS $retract$
DECLARE
    chosen pg_catalog.record;
BEGIN
    PERFORM _contact_status.refuse_read_only('retract_events');
    PERFORM _contact_status.check_installation(retract_events.schema, '{event}');
    IF coalesce(retract_events.reason OPERATOR(pg_catalog.!~) '\S', true) THEN
        RAISE EXCEPTION 'a retraction needs a reason'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Say why the events were recorded in error.';
    ELSIF retract_events.everything IS NOT TRUE
        AND pg_catalog.num_nonnulls(retract_events.source, retract_events.kinds, retract_events.since, retract_events.before,
                                    retract_events.campaign_id, retract_events.list_id, retract_events.contact_ids,
                                    retract_events.event_keys) OPERATOR(pg_catalog.=) 0 THEN
        RAISE EXCEPTION 'a retraction needs a choice of events'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Choose by source, kinds, since, before, campaign_id, list_id, contact_ids or event_keys. '
                         'For every event of the account, say everything => true.';
    ELSIF retract_events.dry_run THEN
        -- retract the events and roll back, so that the numbers and errors are those of the retraction
        BEGIN
            SELECT r.events, r.contacts INTO retract_events.events, retract_events.contacts
              FROM contact_status.retract_events(retract_events.schema, retract_events.reason, retract_events.account_id,
                       retract_events.source, retract_events.kinds, retract_events.since, retract_events.before,
                       retract_events.campaign_id, retract_events.list_id, retract_events.contact_ids,
                       retract_events.event_keys, retract_events.everything) r;
            RAISE EXCEPTION 'the end of a dry run' USING ERRCODE = 'CSDRY';
        EXCEPTION WHEN SQLSTATE 'CSDRY' THEN
            RETURN;
        END;
    END IF;
    -- choose the events under the lock: a concurrent undo could bring further ones back
    PERFORM _contact_status.lock_retractions(retract_events.schema, retract_events.account_id);
    SELECT c.* INTO chosen
      FROM _contact_status.events_to_retract(retract_events.schema, retract_events.account_id, retract_events.source,
               retract_events.kinds, retract_events.since, retract_events.before, retract_events.campaign_id,
               retract_events.list_id, retract_events.contact_ids, retract_events.event_keys) c;
    retract_events.retraction_id := chosen.retraction_id;
    SELECT r.events, r.contacts_marked INTO retract_events.events, retract_events.contacts
      FROM _contact_status.retract_chosen(retract_events.schema, retract_events.account_id, chosen.contacts, chosen.parts,
                                          chosen.places, retract_events.retraction_id, retract_events.reason) r;
END
$retract$;
COMMENT ON FUNCTION contact_status.retract_events(name, text, bigint, text, contact_status.event_kind[], timestamptz,
    timestamptz, bigint, bigint, bigint[], text[], boolean, boolean) IS
'retracts events that were recorded in error, without deleting them; the choices are combined with AND; a dry run '
'returns the numbers only';

CREATE FUNCTION _contact_status.retracted_events(
    schema name, account_id bigint, retraction_id bigint, OUT contacts bigint[], OUT parts oid[], OUT places tid[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $retracted$
BEGIN
    PERFORM _contact_status.check_installation(retracted_events.schema, '{event}');
    EXECUTE format('SELECT coalesce(array_agg(contact_id ORDER BY contact_id, tableoid, ctid), ''{}''), '
                   'coalesce(array_agg(tableoid ORDER BY contact_id, tableoid, ctid), ''{}''), '
                   'coalesce(array_agg(ctid ORDER BY contact_id, tableoid, ctid), ''{}'') '
                   'FROM %I.event WHERE account_id = $1 AND retraction_id = $2', retracted_events.schema)
       INTO contacts, parts, places USING retracted_events.account_id, retracted_events.retraction_id;
END
$retracted$;
COMMENT ON FUNCTION _contact_status.retracted_events(name, bigint, bigint) IS
'events of a retraction, in the order of their contacts';

CREATE FUNCTION _contact_status.mark_suppressions(
    schema name, account_id bigint, places tid[], emails text[], retraction_id bigint, reason text
) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_mark_suppressions';
COMMENT ON FUNCTION _contact_status.mark_suppressions(name, bigint, tid[], text[], bigint, text) IS
'marks suppressions as retracted, or (reason null) as not; emails: only of these addresses; returns their number';

CREATE FUNCTION _contact_status.undo_suppressions(schema name, account_id bigint, retraction_id bigint) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $undo$
DECLARE
    places tid[];
BEGIN
    PERFORM _contact_status.check_installation(undo_suppressions.schema, '{suppression}');
    EXECUTE format('SELECT array_agg(s.ctid) FROM %I.suppression s WHERE s.account_id = $1 AND s.retraction_id = $2',
                   undo_suppressions.schema)
       INTO places USING undo_suppressions.account_id, undo_suppressions.retraction_id;
    IF places IS NULL THEN
        RETURN 0;
    END IF;
    RETURN _contact_status.mark_suppressions(undo_suppressions.schema, undo_suppressions.account_id, places, NULL::text[],
                                             undo_suppressions.retraction_id, NULL::text);
END
$undo$;
COMMENT ON FUNCTION _contact_status.undo_suppressions(name, bigint, bigint) IS
'lets the suppressions of a retraction count again, also for contacts that have their addresses now';

CREATE FUNCTION _contact_status.suppressions_to_retract(
    schema name, account_id bigint, source text, kinds contact_status.event_kind[], since timestamptz, before timestamptz,
    OUT retraction_id bigint, OUT places tid[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $choose$
BEGIN
    PERFORM _contact_status.check_installation(suppressions_to_retract.schema, '{suppression}');
    EXECUTE format('SELECT nextval(pg_get_serial_sequence(%L, ''retraction_id''))', format('%I.retraction', suppressions_to_retract.schema))
       INTO suppressions_to_retract.retraction_id;
    EXECUTE format('SELECT coalesce(array_agg(s.ctid), ''{}'') FROM %I.suppression s '
                   'WHERE s.account_id = $1 AND s.contact_id IS NULL AND s.retraction_id IS NULL '
                   'AND ($2 IS NULL OR s.source = $2) AND ($3 IS NULL OR s.kind = ANY ($3)) '
                   'AND ($4 IS NULL OR s.occurred_at >= $4) AND ($5 IS NULL OR s.occurred_at < $5)', suppressions_to_retract.schema)
       INTO suppressions_to_retract.places
      USING suppressions_to_retract.account_id, suppressions_to_retract.source, suppressions_to_retract.kinds,
            suppressions_to_retract.since, suppressions_to_retract.before;
END
$choose$;
COMMENT ON FUNCTION _contact_status.suppressions_to_retract(name, bigint, text, contact_status.event_kind[], timestamptz,
    timestamptz) IS
'id of a new retraction, and the suppressions without a contact that it may concern';

CREATE FUNCTION _contact_status.had_addresses(
    schema name, account_id bigint, contacts bigint[], times timestamptz[], emails text[]
) RETURNS boolean[]
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_had_addresses';
COMMENT ON FUNCTION _contact_status.had_addresses(name, bigint, bigint[], timestamptz[], text[]) IS
'for each contact, whether it had one of the addresses at a time';

CREATE FUNCTION _contact_status.suppressed_events(
    schema name, account_id bigint, source text, kinds contact_status.event_kind[], since timestamptz, before timestamptz,
    emails text[], OUT contacts bigint[], OUT parts oid[], OUT places tid[]
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $suppressed$
DECLARE
    recorded timestamptz[];
BEGIN
    PERFORM _contact_status.check_installation(suppressed_events.schema, '{contact,event}');
    EXECUTE format('SELECT coalesce(array_agg(e.contact_id ORDER BY e.contact_id, e.tableoid, e.ctid), ''{}''), '
                   'coalesce(array_agg(e.tableoid ORDER BY e.contact_id, e.tableoid, e.ctid), ''{}''), '
                   'coalesce(array_agg(e.ctid ORDER BY e.contact_id, e.tableoid, e.ctid), ''{}''), '
                   'coalesce(array_agg(e.recorded_at ORDER BY e.contact_id, e.tableoid, e.ctid), ''{}'') '
                   'FROM %1$I.event e WHERE e.account_id = $1 AND e.retracted_at IS NULL AND e.source = ''suppression'' '
                   'AND CASE WHEN $2 IS NULL THEN e.reason LIKE ''source %%'' OR e.reason IS NULL ELSE e.reason = ''source '' || $2 END '
                   'AND ($3 IS NULL OR e.kind = ANY ($3)) '
                   'AND ($4 IS NULL OR e.occurred_at >= $4) AND ($5 IS NULL OR e.occurred_at < $5)',
                   suppressed_events.schema)
       INTO suppressed_events.contacts, suppressed_events.parts, suppressed_events.places, recorded
      USING suppressed_events.account_id, suppressed_events.source, suppressed_events.kinds, suppressed_events.since,
            suppressed_events.before;
    IF suppressed_events.emails IS NOT NULL THEN
        -- the address that was suppressed, not the one that the contact has now
        SELECT coalesce(array_agg(u.contact ORDER BY u.n), '{}'), coalesce(array_agg(u.part ORDER BY u.n), '{}'),
               coalesce(array_agg(u.place ORDER BY u.n), '{}')
          INTO suppressed_events.contacts, suppressed_events.parts, suppressed_events.places
          FROM unnest(suppressed_events.contacts, suppressed_events.parts, suppressed_events.places,
                   _contact_status.had_addresses(suppressed_events.schema, suppressed_events.account_id, suppressed_events.contacts,
                       recorded, suppressed_events.emails)) WITH ORDINALITY u (contact, part, place, had, n)
         WHERE u.had;
    END IF;
END
$suppressed$;
COMMENT ON FUNCTION _contact_status.suppressed_events(name, bigint, text, contact_status.event_kind[], timestamptz,
    timestamptz, text[]) IS
'events that contacts received from suppressions without a contact, in the order of the contacts';

CREATE FUNCTION contact_status.retract_suppressions(
    schema name, reason text, account_id bigint DEFAULT 1, source text DEFAULT NULL,
    kinds contact_status.event_kind[] DEFAULT NULL, since timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL,
    emails text[] DEFAULT NULL,
    OUT retraction_id bigint, OUT suppressions bigint, OUT events bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
AS $retract$
DECLARE
    chosen pg_catalog.record;
BEGIN
    PERFORM _contact_status.refuse_read_only('retract_suppressions');
    PERFORM _contact_status.check_installation(retract_suppressions.schema, '{contact,event}');
    IF coalesce(retract_suppressions.reason OPERATOR(pg_catalog.!~) '\S', true) THEN
        RAISE EXCEPTION 'a retraction needs a reason'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Say why the addresses were suppressed in error.';
    ELSIF pg_catalog.num_nonnulls(retract_suppressions.source, retract_suppressions.kinds, retract_suppressions.since,
                                  retract_suppressions.before, retract_suppressions.emails) OPERATOR(pg_catalog.=) 0 THEN
        RAISE EXCEPTION 'a retraction needs a choice of suppressions'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Choose by source, kinds, since, before or emails.';
    END IF;
    -- as in retract_events, choose under the lock
    PERFORM _contact_status.lock_retractions(retract_suppressions.schema, retract_suppressions.account_id);
    SELECT c.* INTO chosen
      FROM _contact_status.suppressions_to_retract(retract_suppressions.schema, retract_suppressions.account_id,
               retract_suppressions.source, retract_suppressions.kinds, retract_suppressions.since,
               retract_suppressions.before) c;
    retract_suppressions.retraction_id := chosen.retraction_id;
    retract_suppressions.suppressions := _contact_status.mark_suppressions(retract_suppressions.schema,
        retract_suppressions.account_id, chosen.places, retract_suppressions.emails, chosen.retraction_id,
        retract_suppressions.reason);
    SELECT e.* INTO chosen
      FROM _contact_status.suppressed_events(retract_suppressions.schema, retract_suppressions.account_id,
               retract_suppressions.source, retract_suppressions.kinds, retract_suppressions.since,
               retract_suppressions.before, retract_suppressions.emails) e;
    SELECT r.events INTO retract_suppressions.events
      FROM _contact_status.retract_chosen(retract_suppressions.schema, retract_suppressions.account_id, chosen.contacts,
               chosen.parts, chosen.places, retract_suppressions.retraction_id, retract_suppressions.reason) r;
END
$retract$;
COMMENT ON FUNCTION contact_status.retract_suppressions(name, text, bigint, text, contact_status.event_kind[], timestamptz,
    timestamptz, text[]) IS
'retracts suppressions of addresses without a contact, and the events that contacts received from them since';

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
    PERFORM _contact_status.lock_retractions(undo_retraction.schema, undo_retraction.account_id);
    SELECT r.* INTO chosen
      FROM _contact_status.retracted_events(undo_retraction.schema, undo_retraction.account_id, undo_retraction.retraction_id) r;
    PERFORM _contact_status.lock_contacts(undo_retraction.schema, undo_retraction.account_id, chosen.contacts);
    marked := _contact_status.set_retracted(undo_retraction.schema, undo_retraction.account_id, chosen.contacts, chosen.parts,
                                          chosen.places, undo_retraction.retraction_id, NULL);
    undo_retraction.events := marked[1] OPERATOR(pg_catalog.+)
        _contact_status.undo_suppressions(undo_retraction.schema, undo_retraction.account_id, undo_retraction.retraction_id);
    undo_retraction.contacts := marked[2];
END
$undo$;
COMMENT ON FUNCTION contact_status.undo_retraction(name, bigint, bigint) IS
'undoes a retraction: its events and suppressions count again';
