-- Functions on an installation for what is done with people: suppress, import,
-- erase, and take back what was recorded in error.

CREATE FUNCTION contact_status.remember_address(
    schema name, account_id bigint, email text, kind contact_status.event_kind, list_id bigint,
    occurred_at timestamptz, source text
) RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_remember_address';
COMMENT ON FUNCTION contact_status.remember_address(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'keeps a fact of an address that no contact has; false where one has it';

CREATE FUNCTION contact_status.take_turn(schema name, account_id bigint, alone boolean) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_take_turn';
COMMENT ON FUNCTION contact_status.take_turn(name, bigint, boolean) IS
'waits until no list of addresses is brought into an account beside which this one must not be; alone: it has opt-outs';

CREATE FUNCTION contact_status.is_suppressed(
    schema name, account_id bigint, email text, kind contact_status.event_kind
) RETURNS boolean
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_is_suppressed';
COMMENT ON FUNCTION contact_status.is_suppressed(name, bigint, text, contact_status.event_kind) IS
'is such a fact kept of an address, on any list';

CREATE FUNCTION contact_status.resolve_addresses(
    schema name, account_id bigint, list_id bigint, emails text[], known bigint[],
    OUT contact_ids bigint[], OUT consents contact_status.contact_status[], OUT statuses contact_status.contact_status[]
) RETURNS record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_resolve_addresses';
COMMENT ON FUNCTION contact_status.resolve_addresses(name, bigint, bigint, text[], bigint[]) IS
'for each address the id of its contact, where it is not known, and, if given a list, its consent and status there';

CREATE FUNCTION contact_status.begin_attempt() RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_begin_attempt';
COMMENT ON FUNCTION contact_status.begin_attempt() IS
'lets what a block does give way to others, and waits for whom the attempt before it gave way to';

CREATE FUNCTION contact_status.check_suppression(
    complete boolean, kind contact_status.event_kind, list_id bigint, occurred_at timestamptz
) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $check_suppression$
BEGIN
    PERFORM contact_status.refuse_read_only('suppress');
    IF kind IS NULL OR kind NOT IN ('unsubscribed', 'complained', 'invalidated') OR list_id IS NOT NULL AND kind <> 'unsubscribed' THEN
        RAISE EXCEPTION 'cannot suppress an address as "%"', kind
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The kinds are unsubscribed, of a list or account-wide, complained and invalidated.';
    ELSIF NOT complete THEN
        RAISE EXCEPTION 'suppress needs an account and an address'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT contact_status.suppress(''crm'', 1, ''ann@example.org'', ''unsubscribed'').';
    ELSIF NOT isfinite(occurred_at) OR occurred_at > clock_timestamp() + interval '1 minute' THEN
        RAISE EXCEPTION 'a suppression cannot be dated ahead'
            USING ERRCODE = 'datetime_field_overflow', HINT = 'Give the time at which it happened.';
    END IF;
END
$check_suppression$;
COMMENT ON FUNCTION contact_status.check_suppression(boolean, contact_status.event_kind, bigint, timestamptz) IS
'raises what suppress raises for arguments that are wrong; complete: account and address are given';

CREATE FUNCTION contact_status.suppress_once(
    schema name, account_id bigint, email text, kind contact_status.event_kind, list_id bigint, occurred_at timestamptz, source text,
    OUT done boolean, OUT contact_id bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $suppress_once$
BEGIN
    EXECUTE format('SELECT contact_id FROM ONLY %I.contact '
                   'WHERE account_id = $1 AND contact_status.normalize_address(email) = contact_status.normalize_address($2)',
                   suppress_once.schema)
       INTO contact_id USING suppress_once.account_id, suppress_once.email;
    IF contact_id IS NULL THEN
        done := contact_status.remember_address(suppress_once.schema, suppress_once.account_id, suppress_once.email, suppress_once.kind,
                                                suppress_once.list_id, suppress_once.occurred_at, suppress_once.source);
    ELSE
        EXECUTE format('INSERT INTO %I.event (account_id, contact_id, list_id, kind, occurred_at, source) '
                       'VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING', suppress_once.schema)
          USING suppress_once.account_id, contact_id, suppress_once.list_id, suppress_once.kind, suppress_once.occurred_at,
                suppress_once.source;
        done := true;
    END IF;
END
$suppress_once$;
COMMENT ON FUNCTION contact_status.suppress_once(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'suppresses an address as things are; not done where a contact begins with it, or one has it that the caller may not see';

CREATE FUNCTION contact_status.may_attempt_again(attempt integer, state text, message text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $may_attempt_again$
DECLARE
    sees_others boolean := current_setting('transaction_isolation') IN ('read committed', 'read uncommitted');
    contact_is_gone boolean := state = '23503' AND message NOT LIKE 'list %' AND message NOT LIKE 'account %';
BEGIN
    -- a snapshot that goes on showing the contact can never see who has the address now
    IF contact_is_gone AND NOT sees_others THEN
        RAISE EXCEPTION 'could not serialize access due to concurrent update'
            USING ERRCODE = 'serialization_failure', HINT = 'Retry the transaction.';
    END IF;
    RETURN CASE WHEN state = '40P01' THEN attempt < 100
                WHEN state = '40001' THEN sees_others AND attempt < 100
                ELSE contact_is_gone AND attempt < 10 END;
END
$may_attempt_again$;
COMMENT ON FUNCTION contact_status.may_attempt_again(integer, text, text) IS
'may another attempt succeed after this error: it gave way to others, or a contact came or went meanwhile';

CREATE FUNCTION contact_status.suppress(
    schema name, account_id bigint, email text, kind contact_status.event_kind,
    list_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, source text DEFAULT 'suppress'
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $suppress$
DECLARE
    at timestamptz := coalesce(suppress.occurred_at, clock_timestamp());
    outcome record;
BEGIN
    PERFORM contact_status.check_suppression(suppress.account_id IS NOT NULL AND coalesce(contact_status.normalize_address(suppress.email), '') <> '',
                                             suppress.kind, suppress.list_id, at);
    FOR attempt IN 1 .. 100 LOOP
    BEGIN
        PERFORM contact_status.begin_attempt();
        outcome := contact_status.suppress_once(suppress.schema, suppress.account_id, suppress.email, suppress.kind,
                                                suppress.list_id, at, suppress.source);
        IF outcome.done THEN
            RETURN outcome.contact_id;
        ELSIF attempt >= 10 THEN
            RAISE EXCEPTION 'the address of account % has a contact that you may not see', suppress.account_id
                USING ERRCODE = 'insufficient_privilege', HINT = 'Call suppress as a role that sees the contacts of the account.';
        END IF;
    EXCEPTION WHEN deadlock_detected OR serialization_failure OR foreign_key_violation THEN
        IF NOT contact_status.may_attempt_again(attempt, SQLSTATE, SQLERRM) THEN
            RAISE;
        END IF;
    END;
    END LOOP;
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text, contact_status.event_kind, bigint, timestamptz, text) IS
'records an opt-out, complaint or dead address: as an event of the contact that has the address, whose id it returns, or, without one, for when it comes';

CREATE FUNCTION contact_status.suppress(
    schema name, account_id bigint, emails text[], kind contact_status.event_kind,
    list_id bigint DEFAULT NULL, occurred_at timestamptz DEFAULT NULL, source text DEFAULT 'suppress'
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $suppress$
DECLARE
    at timestamptz := coalesce(suppress.occurred_at, clock_timestamp());
    addresses text[] := ARRAY(SELECT DISTINCT contact_status.normalize_address(e) COLLATE "C" FROM unnest(suppress.emails) e
                              WHERE contact_status.normalize_address(e) <> '' ORDER BY 1);
    without_contact text[];
    address text;
BEGIN
    PERFORM contact_status.check_suppression(suppress.account_id IS NOT NULL, suppress.kind, suppress.list_id, at);
    PERFORM contact_status.take_turn(suppress.schema, suppress.account_id, true);
    FOR attempt IN 1 .. 100 LOOP
    BEGIN
        PERFORM contact_status.begin_attempt();
        -- contacts first, in the order in which all lock them, then the addresses without one
        EXECUTE format('WITH of AS (SELECT a.n, c.contact_id FROM unnest($2) a (n) LEFT JOIN ONLY %1$I.contact c '
                       '            ON c.account_id = $1 AND contact_status.normalize_address(c.email) = a.n), '
                       'recorded AS (INSERT INTO %1$I.event (account_id, contact_id, list_id, kind, occurred_at, source) '
                       '             SELECT $1, contact_id, $3, $4, $5, $6 FROM of WHERE contact_id IS NOT NULL ORDER BY contact_id '
                       '             ON CONFLICT DO NOTHING) '
                       'SELECT array_agg(n ORDER BY n COLLATE "C") FROM of WHERE contact_id IS NULL', suppress.schema)
           INTO without_contact
          USING suppress.account_id, addresses, suppress.list_id, suppress.kind, at, suppress.source;
        FOREACH address IN ARRAY coalesce(without_contact, '{}') LOOP
            IF NOT contact_status.remember_address(suppress.schema, suppress.account_id, address, suppress.kind,
                                                   suppress.list_id, at, suppress.source) THEN
                IF attempt >= 10 THEN
                    RAISE EXCEPTION 'the address of account % has a contact that you may not see', suppress.account_id
                        USING ERRCODE = 'insufficient_privilege', HINT = 'Call suppress as a role that sees the contacts of the account.';
                END IF;
                RAISE EXCEPTION 'could not serialize access due to concurrent insert'
                    USING ERRCODE = 'serialization_failure', HINT = 'Retry the transaction.';
            END IF;
        END LOOP;
        RETURN cardinality(addresses);
    EXCEPTION WHEN deadlock_detected OR serialization_failure OR foreign_key_violation THEN
        IF NOT contact_status.may_attempt_again(attempt, SQLSTATE, SQLERRM) THEN
            RAISE;
        END IF;
    END;
    END LOOP;
END
$suppress$;
COMMENT ON FUNCTION contact_status.suppress(name, bigint, text[], contact_status.event_kind, bigint, timestamptz, text) IS
'the same for a list brought from another sender; returns how many different addresses it had';

-- errors that were recorded

CREATE FUNCTION contact_status.begin_change(schema name) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_begin_change';
COMMENT ON FUNCTION contact_status.begin_change(name) IS
'waits until nobody else changes what was recorded, before contacts are locked';

CREATE FUNCTION contact_status.lock_contacts(schema name, account_id bigint, contacts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_lock_contacts';
COMMENT ON FUNCTION contact_status.lock_contacts(name, bigint, bigint[]) IS
'locks contacts, and those that were in the way of an attempt before, in the order in which all lock them';

CREATE FUNCTION contact_status.mark_events(
    schema name, account_id bigint, contacts bigint[], parts oid[], places tid[], retraction_id bigint, reason text
) RETURNS bigint[]
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cs_mark_events';
COMMENT ON FUNCTION contact_status.mark_events(name, bigint, bigint[], oid[], tid[], bigint, text) IS
'marks events, given in the order of their contacts, as retracted or (reason null) not, and folds anew; returns how many events and contacts';

CREATE FUNCTION contact_status.retract_events(
    schema name, reason text, account_id bigint DEFAULT 1, source text DEFAULT NULL,
    kinds contact_status.event_kind[] DEFAULT NULL, since timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL,
    campaign_id bigint DEFAULT NULL, list_id bigint DEFAULT NULL, contact_ids bigint[] DEFAULT NULL,
    event_keys text[] DEFAULT NULL,
    OUT retraction_id bigint, OUT events bigint, OUT contacts bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off   -- how many events are retracted, no statistics say
AS $retract$
DECLARE
    ids bigint[];
    parts oid[];
    places tid[];
    touched bigint[];
BEGIN
    PERFORM contact_status.refuse_read_only('retract_events');
    IF coalesce(retract_events.reason !~ '\S', true) THEN
        RAISE EXCEPTION 'a retraction needs a reason'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Say why the events were recorded in error.';
    ELSIF num_nonnulls(retract_events.source, retract_events.kinds, retract_events.since, retract_events.before,
                       retract_events.campaign_id, retract_events.list_id, retract_events.contact_ids,
                       retract_events.event_keys) = 0 THEN
        RAISE EXCEPTION 'a retraction needs a choice of events'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Choose by source, kinds, since, before, campaign_id, list_id, contact_ids or event_keys.';
    END IF;
    FOR attempt IN 1 .. 100 LOOP
    BEGIN
        PERFORM contact_status.begin_attempt();
        -- chosen once nobody else retracts, so that none is missed that comes back meanwhile
        PERFORM contact_status.begin_change(retract_events.schema);
        EXECUTE format('SELECT array_agg(contact_id ORDER BY contact_id, tableoid, ctid), '
                       'array_agg(tableoid ORDER BY contact_id, tableoid, ctid), array_agg(ctid ORDER BY contact_id, tableoid, ctid) '
                       'FROM %I.event WHERE account_id = $1 AND retracted_at IS NULL '
                       'AND ($2 IS NULL OR source = $2) AND ($3 IS NULL OR kind = ANY ($3)) '
                       'AND ($4 IS NULL OR occurred_at >= $4) AND ($5 IS NULL OR occurred_at < $5) '
                       'AND ($6 IS NULL OR campaign_id = $6) AND ($7 IS NULL OR list_id = $7) '
                       'AND ($8 IS NULL OR contact_id = ANY ($8)) AND ($9 IS NULL OR event_key = ANY ($9))',
                       retract_events.schema)
           INTO ids, parts, places
          USING retract_events.account_id, retract_events.source, retract_events.kinds, retract_events.since,
                retract_events.before, retract_events.campaign_id, retract_events.list_id, retract_events.contact_ids,
                retract_events.event_keys;
        EXECUTE format('SELECT nextval(pg_get_serial_sequence(%L, ''retraction_id''))',
                       format('%I.retraction', retract_events.schema))
           INTO retract_events.retraction_id;
        PERFORM contact_status.lock_contacts(retract_events.schema, retract_events.account_id, coalesce(ids, '{}'));
        touched := contact_status.mark_events(retract_events.schema, retract_events.account_id, coalesce(ids, '{}'),
                                              coalesce(parts, '{}'), coalesce(places, '{}'), retract_events.retraction_id, retract_events.reason);
        retract_events.events := touched[1];
        retract_events.contacts := touched[2];

        -- what came back with an address from a contact that is gone, and holds of it no more
        LOOP
            EXECUTE replace('SELECT array_agg(e.contact_id ORDER BY e.contact_id, e.tableoid, e.ctid), '
                            'array_agg(e.tableoid ORDER BY e.contact_id, e.tableoid, e.ctid), array_agg(e.ctid ORDER BY e.contact_id, e.tableoid, e.ctid) '
                            'FROM (SELECT DISTINCT ON (e.tableoid, e.ctid) e.tableoid, e.ctid, e.contact_id '
                            'FROM @.event o JOIN @.event e ON e.account_id = o.account_id AND e.source = ''suppression'' '
                            ' AND e.reason = ''contact '' || o.contact_id AND e.retracted_at IS NULL AND e.occurred_at >= o.occurred_at '
                            ' AND e.kind = CASE WHEN o.kind IN (''unsubscribed'', ''complained'') THEN o.kind ELSE ''invalidated'' END '
                            'WHERE o.account_id = $1 AND o.retraction_id = $2 AND NOT EXISTS ('
                            ' SELECT FROM @.suppression s WHERE s.account_id = $1 AND s.contact_id = o.contact_id AND s.kind = e.kind '
                            ' AND s.list_id IS NOT DISTINCT FROM e.list_id)) e', '@', quote_ident(retract_events.schema))
               INTO ids, parts, places USING retract_events.account_id, retract_events.retraction_id;
            EXIT WHEN ids IS NULL;
            touched := contact_status.mark_events(retract_events.schema, retract_events.account_id, ids, parts, places,
                                                  retract_events.retraction_id, retract_events.reason);
            EXIT WHEN touched[1] = 0;
            retract_events.events := retract_events.events + touched[1];
            retract_events.contacts := retract_events.contacts + touched[2];
        END LOOP;
        RETURN;
    EXCEPTION WHEN deadlock_detected THEN
        -- it gave way to others, whose contacts are locked in order now
        IF NOT contact_status.may_attempt_again(attempt, SQLSTATE, SQLERRM) THEN
            RAISE;
        END IF;
    END;
    END LOOP;
END
$retract$;
COMMENT ON FUNCTION contact_status.retract_events(name, text, bigint, text, contact_status.event_kind[], timestamptz,
    timestamptz, bigint, bigint, bigint[], text[]) IS
'takes events that were recorded in error out of the fold, and keeps them; the choices given must all be met';

CREATE FUNCTION contact_status.undo_retraction(
    schema name, retraction_id bigint, account_id bigint DEFAULT 1, OUT events bigint, OUT contacts bigint
) RETURNS record
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $undo$
DECLARE
    ids bigint[];
    parts oid[];
    places tid[];
    touched bigint[];
BEGIN
    PERFORM contact_status.refuse_read_only('undo_retraction');
    FOR attempt IN 1 .. 100 LOOP
    BEGIN
        PERFORM contact_status.begin_attempt();
        PERFORM contact_status.begin_change(undo_retraction.schema);
        EXECUTE format('SELECT array_agg(contact_id ORDER BY contact_id, tableoid, ctid), '
                       'array_agg(tableoid ORDER BY contact_id, tableoid, ctid), array_agg(ctid ORDER BY contact_id, tableoid, ctid) '
                       'FROM %I.event WHERE account_id = $1 AND retraction_id = $2', undo_retraction.schema)
           INTO ids, parts, places USING undo_retraction.account_id, undo_retraction.retraction_id;
        PERFORM contact_status.lock_contacts(undo_retraction.schema, undo_retraction.account_id, coalesce(ids, '{}'));
        touched := contact_status.mark_events(undo_retraction.schema, undo_retraction.account_id, coalesce(ids, '{}'),
                                              coalesce(parts, '{}'), coalesce(places, '{}'), undo_retraction.retraction_id, NULL);
        undo_retraction.events := touched[1];
        undo_retraction.contacts := touched[2];
        RETURN;
    EXCEPTION WHEN deadlock_detected THEN
        -- it gave way to others, whose contacts are locked in order now
        IF NOT contact_status.may_attempt_again(attempt, SQLSTATE, SQLERRM) THEN
            RAISE;
        END IF;
    END;
    END LOOP;
END
$undo$;
COMMENT ON FUNCTION contact_status.undo_retraction(name, bigint, bigint) IS
'brings the events of a retraction back into the fold';

-- erasure

CREATE FUNCTION contact_status.forget_contact(schema name, account_id bigint, contact_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_forget_contact';
COMMENT ON FUNCTION contact_status.forget_contact(name, bigint, bigint) IS
'makes the events of a contact that was deleted anonymous, and leaves of its addresses an account-wide opt-out';

CREATE FUNCTION contact_status.erase_contact(schema name, account_id bigint, contact_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $erase$
BEGIN
    PERFORM contact_status.refuse_read_only('erase_contact');
    PERFORM contact_status.begin_change(erase_contact.schema);
    EXECUTE format('DELETE FROM ONLY %I.contact WHERE account_id = $1 AND contact_id = $2', erase_contact.schema)
      USING erase_contact.account_id, erase_contact.contact_id;
    PERFORM contact_status.forget_contact(erase_contact.schema, erase_contact.account_id, erase_contact.contact_id);
END
$erase$;
COMMENT ON FUNCTION contact_status.erase_contact(name, bigint, bigint) IS
'erases a person, also one whose contact was deleted: no address, text or detail remains but the digest of the address with an account-wide opt-out';
