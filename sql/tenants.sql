-- Row-level security by account.

CREATE FUNCTION contact_status.enable_tenant_security(schema name, setting text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $tenants$
DECLARE
    its record;
BEGIN
    PERFORM _contact_status.check_installation(enable_tenant_security.schema);
    PERFORM _contact_status.check_owner(enable_tenant_security.schema);
    IF enable_tenant_security.setting !~ '^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+$' THEN
        RAISE EXCEPTION 'the setting "%" cannot hold an account', enable_tenant_security.setting
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a setting of your own with a dot in its name, for example ''app.account_id''.';
    END IF;
    -- Each table of the installation that has accounts, and each partition of the log. address_key gets no policy, so
    -- it shows no rows.
    FOR its IN
        SELECT c.oid::regclass AS relation, c.relname
          FROM pg_class c
         WHERE c.relkind IN ('r', 'p')
           AND (c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = enable_tenant_security.schema)
                AND c.relname = ANY (_contact_status.table_names() || '{status_change}') AND c.relname NOT IN ('policy', 'address_key')
                OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = format('%I.event', enable_tenant_security.schema)::regclass))
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', its.relation);
        IF EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = its.relation AND o.polname = 'contact_status_tenant') THEN
            EXECUTE format('DROP POLICY contact_status_tenant ON %s', its.relation);
        END IF;
        EXECUTE format('CREATE POLICY contact_status_tenant ON %s USING (account_id = nullif(pg_catalog.current_setting(%L, true), '''')::bigint)',
                       its.relation, enable_tenant_security.setting);
    END LOOP;
    EXECUTE format('ALTER TABLE %I.address_key ENABLE ROW LEVEL SECURITY', enable_tenant_security.schema);
END
$tenants$;
COMMENT ON FUNCTION contact_status.enable_tenant_security(name, text) IS
'row-level security by account, on each table but policy: a role that it applies to sees and writes only the account that a setting names';
