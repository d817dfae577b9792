-- Functions on an installation: its schema is their first argument.
--
-- A function that writes has no SET search_path, because the triggers of the application would run with it. So its
-- body qualifies each name and operator. Functions that only read have a search_path, and the queries are in these.

-- A function that runs a query first calls check_installation with the tables of the query. A column of a type of the
-- owner's would run the owner's casts with the rights of the caller. For the same reason no query here refers to a whole
-- row of contact or subscription, or casts a whole row of policy: ROW(p.*) has no cast of the owner's.

CREATE FUNCTION _contact_status.check_installation(schema name, tables name[] DEFAULT '{}') RETURNS void
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cs_check_installation';
COMMENT ON FUNCTION _contact_status.check_installation(name, name[]) IS
'raises 42P01 without an installation, 55000 for a wrong table or owner, 42501 if the caller may not read the tables; locks '
'the tables, and raises 42703 or 42804 if a column of them is missing or has another type';

CREATE FUNCTION _contact_status.check_owner(schema name) RETURNS void
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cs_check_owner_of';
COMMENT ON FUNCTION _contact_status.check_owner(name) IS
'raises 42501 unless the caller has the privileges of the tables'' owner and row-level security hides no rows';

CREATE FUNCTION _contact_status.refuse_read_only(function text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_refuse_read_only';
COMMENT ON FUNCTION _contact_status.refuse_read_only(text) IS
'raises 25006 in a read-only transaction';

CREATE FUNCTION _contact_status.refresh_contacts(
    schema name, accounts bigint[], contacts bigint[], anew boolean, as_of timestamptz
) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_refresh_contacts';
COMMENT ON FUNCTION _contact_status.refresh_contacts(name, bigint[], bigint[], boolean, timestamptz) IS
'updates contacts, given in lock order, as of a moment; optionally replays their logs; returns the number of changed contacts';

CREATE FUNCTION _contact_status.delete_orphans(schema name, accounts bigint[], contacts bigint[]) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_delete_orphans';
COMMENT ON FUNCTION _contact_status.delete_orphans(name, bigint[], bigint[]) IS
'deletes subscriptions without a contact; returns the number of contacts that had any';

CREATE FUNCTION _contact_status.check_all_shown(schema name) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_check_all_shown';
COMMENT ON FUNCTION _contact_status.check_all_shown(name) IS
'raises 40001 if the transaction''s snapshot does not show every contact';

CREATE FUNCTION _contact_status.restore_settings(schema name, account_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_restore_settings';
COMMENT ON FUNCTION _contact_status.restore_settings(name, bigint) IS
'stores the consent settings of an account and its lists where the history lacks them';

CREATE FUNCTION _contact_status.merge_counts(schema name, accounts bigint[], lists bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_merge_counts';
COMMENT ON FUNCTION _contact_status.merge_counts(name, bigint[], bigint[]) IS
'merges the rows of counts of each list, except rows that other transactions are writing';

CREATE FUNCTION _contact_status.repair_counts(schema name) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_repair_counts';
COMMENT ON FUNCTION _contact_status.repair_counts(name) IS
'corrects the counts to count(*), concurrently with writers; returns the number of wrong counts';

CREATE FUNCTION _contact_status.check_limit(schema name, account_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_check_limit';
COMMENT ON FUNCTION _contact_status.check_limit(name, bigint) IS
'raises 53400 if more contacts of an account count than its limit allows';

-- sweep

CREATE FUNCTION _contact_status.due_contacts(
    schema name, as_of timestamptz, OUT accounts bigint[], OUT contacts bigint[]
) RETURNS record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $due$
BEGIN
    PERFORM _contact_status.check_installation(due_contacts.schema, '{contact}');
    EXECUTE format('SELECT coalesce(array_agg(account_id ORDER BY contact_id, account_id), ''{}''), '
                   'coalesce(array_agg(contact_id ORDER BY contact_id, account_id), ''{}'') '
                   'FROM ONLY %I.contact WHERE due_at <= $1', due_contacts.schema)
       INTO accounts, contacts USING due_contacts.as_of;
END
$due$;
COMMENT ON FUNCTION _contact_status.due_contacts(name, timestamptz) IS
'contacts that are due at a moment, in lock order';

CREATE FUNCTION _contact_status.unmerged_counts(schema name, OUT accounts bigint[], OUT lists bigint[]) RETURNS record
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $unmerged$
BEGIN
    PERFORM _contact_status.check_installation(unmerged_counts.schema, '{status_count}');
    EXECUTE format('SELECT coalesce(array_agg(account_id), ''{}''), coalesce(array_agg(list_id), ''{}'') FROM ('
                   'SELECT account_id, list_id FROM %I.status_count GROUP BY 1, 2 HAVING count(*) > 64) many',
                   unmerged_counts.schema)
       INTO accounts, lists;
END
$unmerged$;
COMMENT ON FUNCTION _contact_status.unmerged_counts(name) IS
'lists and (list null) accounts that have many rows of counts';

CREATE FUNCTION _contact_status.count_day(schema name) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_count_day';
COMMENT ON FUNCTION _contact_status.count_day(name) IS
'stores the counts of each account that has none of today in daily_count';

CREATE FUNCTION contact_status.sweep(schema name, as_of timestamptz DEFAULT clock_timestamp()) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
AS $sweep$
DECLARE
    changed bigint;
BEGIN
    PERFORM _contact_status.refuse_read_only('sweep');
    PERFORM _contact_status.check_installation(sweep.schema, '{contact,status_count}');
    PERFORM _contact_status.guard_own_partitions(sweep.schema);
    SELECT _contact_status.refresh_contacts(sweep.schema, d.accounts, d.contacts, false, sweep.as_of) INTO changed
      FROM _contact_status.due_contacts(sweep.schema, sweep.as_of) d;
    PERFORM _contact_status.merge_counts(sweep.schema, u.accounts, u.lists) FROM _contact_status.unmerged_counts(sweep.schema) u;
    PERFORM _contact_status.count_day(sweep.schema);
    RETURN changed;
END
$sweep$;
COMMENT ON FUNCTION contact_status.sweep(name, timestamptz) IS
'updates contacts that are due, such as ended suspensions and contacts that became unresponsive; returns the number of '
'changed contacts; only the owner of the tables may sweep ahead of the clock; the first '
'call of a day stores the counts in daily_count';

-- reevaluate

CREATE FUNCTION _contact_status.contact_batches(
    schema name, account_id bigint, OUT accounts bigint[], OUT contacts bigint[]
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $batches$
BEGIN
    PERFORM _contact_status.check_installation(contact_batches.schema, '{contact}');
    RETURN QUERY EXECUTE format(
        'SELECT array_agg(account_id ORDER BY n), array_agg(contact_id ORDER BY n) FROM ('
        'SELECT account_id, contact_id, row_number() OVER (ORDER BY contact_id, account_id) AS n '
        'FROM ONLY %I.contact WHERE $1 IS NULL OR account_id = $1) c '
        'GROUP BY (n - 1) / 10000 ORDER BY (n - 1) / 10000', contact_batches.schema)
    USING contact_batches.account_id;
END
$batches$;
COMMENT ON FUNCTION _contact_status.contact_batches(name, bigint) IS
'contacts of an account (null: of all) in lock order, 10000 in a row';

CREATE FUNCTION contact_status.reevaluate(schema name, account_id bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $reevaluate$
DECLARE
    changed bigint;
BEGIN
    PERFORM _contact_status.refuse_read_only('reevaluate');
    PERFORM _contact_status.check_installation(reevaluate.schema, '{contact}');
    PERFORM _contact_status.check_all_shown(reevaluate.schema);
    SELECT pg_catalog.sum(_contact_status.refresh_contacts(reevaluate.schema, b.accounts, b.contacts, true, pg_catalog.clock_timestamp()))
      INTO changed
      FROM _contact_status.contact_batches(reevaluate.schema, reevaluate.account_id) b;
    RETURN coalesce(changed, 0);
END
$reevaluate$;
COMMENT ON FUNCTION contact_status.reevaluate(name, bigint) IS
'replays the logs of an account''s contacts, or of all, after a change of policy; returns the number of changed contacts';

-- upgrade_tables

CREATE FUNCTION contact_status.upgrade_tables(schema name) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $upgrade$
DECLARE
    changed bigint := 0;
    its regclass;
BEGIN
    PERFORM _contact_status.check_installation(upgrade_tables.schema);
    -- a restore with --disable-triggers enables triggers again without ALWAYS
    FOR its IN SELECT t.tgrelid FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                WHERE c.relnamespace = format('%I', upgrade_tables.schema)::regnamespace AND c.relname IN ('policy', 'account', 'list')
                  AND t.tgname = 'contact_status_invalidate' AND t.tgenabled <> 'A' LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER contact_status_invalidate', its);
        changed := changed + 1;
    END LOOP;
    RETURN changed + _contact_status.guard_partitions(upgrade_tables.schema);
END
$upgrade$;
COMMENT ON FUNCTION contact_status.upgrade_tables(name) IS
'upgrades the tables of an installation to this version of the extension; returns the number of changed tables';
