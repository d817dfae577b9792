-- retract_events: takes back events that were recorded in error.

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
'events that other contacts received as suppressions and that no longer follow, after a retraction';

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
    marked bigint[];
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
    retract_events.events := 0;
    retract_events.contacts := 0;
    PERFORM _contact_status.lock_contacts(retract_events.schema, retract_events.account_id, chosen.contacts);
    LOOP
        marked := _contact_status.set_retracted(retract_events.schema, retract_events.account_id, chosen.contacts, chosen.parts,
                                              chosen.places, retract_events.retraction_id, retract_events.reason);
        retract_events.events := retract_events.events OPERATOR(pg_catalog.+) marked[1];
        retract_events.contacts := retract_events.contacts OPERATOR(pg_catalog.+) marked[2];
        -- events that other contacts received as suppressions, which no longer follow
        EXIT WHEN marked[1] OPERATOR(pg_catalog.=) 0;
        SELECT retract_events.retraction_id, f.* INTO chosen
          FROM _contact_status.events_that_followed(retract_events.schema, retract_events.account_id, retract_events.retraction_id) f;
        EXIT WHEN chosen.contacts IS NULL;
    END LOOP;
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
    EXECUTE format('SELECT coalesce(array_agg(contact_id ORDER BY contact_id, tableoid, ctid), ''{}''), '
                   'coalesce(array_agg(tableoid ORDER BY contact_id, tableoid, ctid), ''{}''), '
                   'coalesce(array_agg(ctid ORDER BY contact_id, tableoid, ctid), ''{}'') '
                   'FROM %I.event WHERE account_id = $1 AND retraction_id = $2', retracted_events.schema)
       INTO contacts, parts, places USING retracted_events.account_id, retracted_events.retraction_id;
END
$retracted$;
COMMENT ON FUNCTION _contact_status.retracted_events(name, bigint, bigint) IS
'events of a retraction, in the order of their contacts';

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
    undo_retraction.events := marked[1];
    undo_retraction.contacts := marked[2];
END
$undo$;
COMMENT ON FUNCTION contact_status.undo_retraction(name, bigint, bigint) IS
'undoes a retraction: its events count again';
