-- The horizon: stored facts as of a moment, so that older events may be dropped.

CREATE FUNCTION _contact_status.begin_horizon(schema name, account_id bigint, before timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_begin_horizon';
COMMENT ON FUNCTION _contact_status.begin_horizon(name, bigint, timestamptz) IS
'sets the horizon of an account, which is in force after commit';

CREATE FUNCTION _contact_status.store_horizon_facts(schema name, account_id bigint, contacts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_store_horizon_facts_of';
COMMENT ON FUNCTION _contact_status.store_horizon_facts(name, bigint, bigint[]) IS
'stores the facts of contacts, given in ascending order, as of the horizon of their account';

CREATE FUNCTION _contact_status.next_contacts(
    schema name, account_id bigint, after_contact bigint, batch integer
) RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
AS $next$
DECLARE
    contacts bigint[];
BEGIN
    PERFORM _contact_status.check_installation(next_contacts.schema, '{contact,deleted_contact}');
    -- two ordered index scans, so that the cost depends on the batch only
    EXECUTE format('SELECT array_agg(contact_id ORDER BY contact_id) FROM ('
                   'SELECT contact_id FROM ('
                   '(SELECT contact_id FROM ONLY %1$I.contact WHERE account_id = $1 AND ($2 IS NULL OR contact_id > $2) ORDER BY contact_id LIMIT $3) '
                   'UNION (SELECT contact_id FROM %1$I.deleted_contact WHERE account_id = $1 AND ($2 IS NULL OR contact_id > $2) ORDER BY contact_id LIMIT $3)'
                   ') c ORDER BY contact_id LIMIT $3) b', next_contacts.schema)
       INTO contacts USING next_contacts.account_id, next_contacts.after_contact, next_contacts.batch;
    RETURN contacts;
END
$next$;
COMMENT ON FUNCTION _contact_status.next_contacts(name, bigint, bigint, integer) IS
'contacts of an account, deleted ones included, that follow an id (null: the first ones); null if there are none';

CREATE FUNCTION _contact_status.store_next_horizon_facts(
    schema name, account_id bigint, after_contact bigint, batch integer
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $keep$
DECLARE
    contacts bigint[] := _contact_status.next_contacts(store_next_horizon_facts.schema, store_next_horizon_facts.account_id,
                                                       store_next_horizon_facts.after_contact, store_next_horizon_facts.batch);
BEGIN
    PERFORM _contact_status.store_horizon_facts(store_next_horizon_facts.schema, store_next_horizon_facts.account_id, contacts);
    RETURN contacts[pg_catalog.cardinality(contacts)];
END
$keep$;
COMMENT ON FUNCTION _contact_status.store_next_horizon_facts(name, bigint, bigint, integer) IS
'stores the facts of the contacts that follow an id (null: the first ones) as of the horizon; returns the last id, null if none';

CREATE FUNCTION _contact_status.end_horizon(schema name, account_id bigint, before timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_end_horizon';
COMMENT ON FUNCTION _contact_status.end_horizon(name, bigint, timestamptz) IS
'notes that the facts of all contacts of an account are stored as of its horizon';

CREATE FUNCTION contact_status.set_horizon(schema name, account_id bigint, before timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE
AS $set$
DECLARE
    last bigint;
BEGIN
    PERFORM _contact_status.check_installation(set_horizon.schema);
    IF set_horizon.account_id IS NULL OR set_horizon.before IS NULL THEN
        RAISE EXCEPTION 'set_horizon needs a schema, an account and a time'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT contact_status.set_horizon(''crm'', 1, ''2026-01-01'').';
    END IF;
    PERFORM _contact_status.begin_horizon(set_horizon.schema, set_horizon.account_id, set_horizon.before);
    LOOP
        last := _contact_status.store_next_horizon_facts(set_horizon.schema, set_horizon.account_id, last, 10000);
        EXIT WHEN last IS NULL;
    END LOOP;
    PERFORM _contact_status.end_horizon(set_horizon.schema, set_horizon.account_id, set_horizon.before);
END
$set$;
COMMENT ON FUNCTION contact_status.set_horizon(name, bigint, timestamptz) IS
'stores the facts of contacts as of a moment, so that older events may be dropped; blocks events, unlike move_horizon';

CREATE PROCEDURE contact_status.move_horizon(
    schema name, account_id bigint, before timestamptz, batch integer DEFAULT 10000
)
    LANGUAGE plpgsql
AS $move$
DECLARE
    last bigint;
BEGIN
    PERFORM _contact_status.check_installation(move_horizon.schema);
    IF move_horizon.account_id IS NULL OR move_horizon.before IS NULL
       OR coalesce(move_horizon.batch OPERATOR(pg_catalog.<) 1, true) THEN
        RAISE EXCEPTION 'move_horizon needs a schema, an account, a time and a batch of at least one'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'For example: CALL contact_status.move_horizon(''crm'', 1, ''2026-01-01'').';
    END IF;
    PERFORM _contact_status.begin_horizon(move_horizon.schema, move_horizon.account_id, move_horizon.before);
    LOOP
        COMMIT;
        last := _contact_status.store_next_horizon_facts(move_horizon.schema, move_horizon.account_id, last, move_horizon.batch);
        EXIT WHEN last IS NULL;
    END LOOP;
    PERFORM _contact_status.end_horizon(move_horizon.schema, move_horizon.account_id, move_horizon.before);
END
$move$;
COMMENT ON PROCEDURE contact_status.move_horizon(name, bigint, timestamptz, integer) IS
'set_horizon in batches, a transaction each, concurrently with writers';
