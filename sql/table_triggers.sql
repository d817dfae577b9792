-- The triggers of an installation.

CREATE FUNCTION _contact_status.trigger_definitions(schema name) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
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
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE OR DELETE ON %1$I.policy
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_policy();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE OR DELETE ON %1$I.account
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_account();
CREATE TRIGGER contact_status_change AFTER INSERT OR UPDATE ON %1$I.list
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_list();
CREATE TRIGGER contact_status_end BEFORE DELETE ON %1$I.list
    FOR EACH ROW EXECUTE FUNCTION _contact_status.change_list();

-- A table with such a trigger cannot become a partition or child of another table. Statements on a parent would not
-- fire the other triggers.

CREATE TRIGGER contact_status_refuse_parent AFTER DELETE ON %1$I.contact REFERENCING OLD TABLE AS contacts
    FOR EACH ROW WHEN (false) EXECUTE FUNCTION _contact_status.refuse_write();

-- triggers that refuse writes. Those that compare columns are AFTER triggers, because they must check the row as it
-- was written

CREATE TRIGGER contact_status_refuse BEFORE UPDATE OR DELETE ON %1$I.event
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.consent_setting_history
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.deleted_contact
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.address_change
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.address_key
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.suppression
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.retraction
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.checkpoint
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_horizon AFTER INSERT ON %1$I.account
    FOR EACH ROW WHEN (NEW.horizon IS NOT NULL OR NEW.horizon_kept IS NOT NULL)
    EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.account
    FOR EACH ROW WHEN ((OLD.horizon, OLD.horizon_kept) IS DISTINCT FROM (NEW.horizon, NEW.horizon_kept))
    EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR UPDATE OR DELETE ON %1$I.status_count
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse BEFORE INSERT OR DELETE ON %1$I.subscription
    FOR EACH ROW EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.subscription
    FOR EACH ROW WHEN (
        (OLD.account_id, OLD.list_id, OLD.contact_id, OLD.status, OLD.consent,
         OLD.consent_at, OLD.requested_at, OLD.request_key) IS DISTINCT FROM
        (NEW.account_id, NEW.list_id, NEW.contact_id, NEW.status, NEW.consent,
         NEW.consent_at, NEW.requested_at, NEW.request_key))
    EXECUTE FUNCTION _contact_status.refuse_write();
CREATE TRIGGER contact_status_refuse_change AFTER UPDATE ON %1$I.contact
    FOR EACH ROW WHEN (
        (OLD.account_id, OLD.contact_id, OLD.status, OLD.monitored, OLD.hard_bounces, OLD.changed_at, OLD.due_at,
         OLD.hard_bounced_at, OLD.unsubscribed_at, OLD.complained_at, OLD.deleted_at, OLD.suspended_at,
         OLD.suspended_until, OLD.unanswered_since, OLD.unanswered, OLD.delivered_campaign,
         OLD.run_campaigns, OLD.run_times, OLD.generation_start, OLD.address_since, OLD.erased_at) IS DISTINCT FROM
        (NEW.account_id, NEW.contact_id, NEW.status, NEW.monitored, NEW.hard_bounces, NEW.changed_at, NEW.due_at,
         NEW.hard_bounced_at, NEW.unsubscribed_at, NEW.complained_at, NEW.deleted_at, NEW.suspended_at,
         NEW.suspended_until, NEW.unanswered_since, NEW.unanswered, NEW.delivered_campaign,
         NEW.run_campaigns, NEW.run_times, NEW.generation_start, NEW.address_since, NEW.erased_at))
    EXECUTE FUNCTION _contact_status.refuse_write();

$ddl$, schema), E'\n; '), E';\n');
COMMENT ON FUNCTION _contact_status.trigger_definitions(name) IS
'statements that create the triggers of an installation';
