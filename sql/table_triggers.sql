-- The triggers of an installation.

CREATE FUNCTION _contact_status.changes_condition(row_type regtype, more name[]) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN (SELECT format('(%s) IS DISTINCT FROM (%s)', string_agg(format('OLD.%I', name), ', ' ORDER BY place),
                      string_agg(format('NEW.%I', name), ', ' ORDER BY place))
          FROM (SELECT name, -1 AS place FROM unnest(more) name
                UNION ALL
                SELECT a.attname, a.attnum FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid
                 WHERE t.oid = row_type AND a.attnum > 0 AND a.attname <> 'subscriptions') columns);
COMMENT ON FUNCTION _contact_status.changes_condition(regtype, name[]) IS
'the condition of a trigger for updates that change a derived column: an attribute of a type, or one of more columns';

CREATE FUNCTION _contact_status.trigger_definitions(schema name) RETURNS text[]
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
RETURN string_to_array(btrim(format($ddl$

-- triggers that apply changes

CREATE TRIGGER contact_status_apply AFTER INSERT ON %1$I.event
    REFERENCING NEW TABLE AS events FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.apply_events();
CREATE TRIGGER contact_status_begin AFTER INSERT ON %1$I.contact
    REFERENCING NEW TABLE AS contacts FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.begin_contacts();
CREATE TRIGGER contact_status_end AFTER DELETE ON %1$I.contact
    REFERENCING OLD TABLE AS contacts FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.end_contacts();
CREATE TRIGGER contact_status_address AFTER UPDATE ON %1$I.contact
    FOR EACH ROW WHEN (contact_status.normalize_address(OLD.email) IS DISTINCT FROM contact_status.normalize_address(NEW.email))
    EXECUTE FUNCTION _contact_status.change_address();
CREATE TRIGGER contact_status_event_key BEFORE INSERT ON %1$I.event
    FOR EACH ROW EXECUTE FUNCTION _contact_status.set_event_key();
CREATE TRIGGER contact_status_digest BEFORE INSERT OR UPDATE ON %1$I.unmatched_event
    FOR EACH ROW EXECUTE FUNCTION _contact_status.set_address_digest();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE OR DELETE ON %1$I.policy
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_policy();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE OR DELETE ON %1$I.account
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_account();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE ON %1$I.list
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_list();
CREATE TRIGGER contact_status_end BEFORE DELETE ON %1$I.list
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_list();

-- Sessions cache settings. These triggers fire with any session_replication_role: a subscription applies changes too.

CREATE TRIGGER contact_status_invalidate AFTER UPDATE OR DELETE ON %1$I.policy
    FOR EACH ROW EXECUTE FUNCTION _contact_status.settings_changed();
CREATE TRIGGER contact_status_invalidate AFTER UPDATE OR DELETE ON %1$I.account
    FOR EACH ROW EXECUTE FUNCTION _contact_status.settings_changed();
CREATE TRIGGER contact_status_invalidate AFTER UPDATE OR DELETE ON %1$I.list
    FOR EACH ROW EXECUTE FUNCTION _contact_status.settings_changed();
ALTER TABLE %1$I.policy ENABLE ALWAYS TRIGGER contact_status_invalidate;
ALTER TABLE %1$I.account ENABLE ALWAYS TRIGGER contact_status_invalidate;
ALTER TABLE %1$I.list ENABLE ALWAYS TRIGGER contact_status_invalidate;

-- A table with such a trigger cannot become a partition or child of another table. Statements on a parent would not
-- fire the other triggers.

CREATE TRIGGER contact_status_refuse_parent AFTER DELETE ON %1$I.contact REFERENCING OLD TABLE AS contacts
    FOR EACH ROW WHEN (false) EXECUTE FUNCTION _contact_status.refuse_write();

-- triggers that refuse writes. Those that compare columns are AFTER triggers, because they must check the row as it
-- was written

CREATE TRIGGER contact_status_refuse BEFORE UPDATE OR DELETE ON %1$I.event
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_horizon AFTER INSERT ON %1$I.account
    FOR EACH ROW WHEN (NEW.horizon IS NOT NULL OR NEW.horizon_kept IS NOT NULL)
    EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.account
    FOR EACH ROW WHEN ((OLD.horizon, OLD.horizon_kept) IS DISTINCT FROM (NEW.horizon, NEW.horizon_kept))
    EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR DELETE ON %1$I.subscription
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.subscription
    FOR EACH ROW WHEN (%2$s) EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.contact
    FOR EACH ROW WHEN (%3$s) EXECUTE FUNCTION _contact_status.refuse_write();

$ddl$,
    schema,
    _contact_status.changes_condition('contact_status.folded_subscription', '{account_id,contact_id}'),
    _contact_status.changes_condition('contact_status.folded_contact', '{account_id,contact_id,generation_start}')),
    E'\n; '), E';\n')
|| ARRAY(SELECT format('CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %I.%I '
                       'FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write()', schema, t)
           FROM unnest(_contact_status.table_names()) t
          WHERE t NOT IN ('policy', 'account', 'list', 'contact', 'subscription', 'event', 'unmatched_event'));
COMMENT ON FUNCTION _contact_status.trigger_definitions(name) IS
'statements that create the triggers of an installation';
