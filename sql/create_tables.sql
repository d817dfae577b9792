-- create_tables: creates an installation.

CREATE FUNCTION contact_status.create_tables(
    schema name, policy text DEFAULT 'default', partition_by interval DEFAULT NULL
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $create_tables$
DECLARE
    wanted contact_status.policy := contact_status.policy(create_tables.policy);   -- raises an error for an unknown name
    tables constant name[] := _contact_status.table_names();
    namespace oid := (SELECT n.oid FROM pg_namespace n WHERE n.nspname = create_tables.schema);
    taken name[];
    command text;
BEGIN
    IF create_tables.schema IS NULL OR create_tables.policy IS NULL THEN
        RAISE EXCEPTION 'create_tables needs a schema and a policy'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT contact_status.create_tables(''crm'', policy => ''ecomail'').';
    END IF;
    IF namespace IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', create_tables.schema);
    ELSIF NOT has_schema_privilege(namespace, 'CREATE') THEN
        RAISE EXCEPTION 'permission denied for schema %', create_tables.schema
            USING ERRCODE = 'insufficient_privilege', HINT = 'Name a schema of your own, or one that does not exist yet.';
    END IF;

    SELECT array_agg(c.relname) INTO taken FROM pg_class c
     WHERE c.relnamespace = namespace
       AND c.relname = ANY (tables || _contact_status.view_names() || '{event_default}'::name[]);
    IF taken @> tables THEN
        RAISE EXCEPTION 'schema "%" already holds an installation', create_tables.schema
            USING ERRCODE = 'duplicate_table', HINT = 'Name another schema, or drop this one with all its data.';
    ELSIF taken IS NOT NULL THEN
        RAISE EXCEPTION 'schema "%" already has a table "%"', create_tables.schema, taken[1]
            USING ERRCODE = 'duplicate_table', HINT = 'Name another schema.';
    END IF;

    -- one statement at a time, so that an error message shows the failed one
    FOREACH command IN ARRAY _contact_status.table_definitions(create_tables.schema, create_tables.partition_by IS NOT NULL)
                             || _contact_status.view_definitions(create_tables.schema)
                             || _contact_status.trigger_definitions(create_tables.schema) LOOP
        EXECUTE command;
    END LOOP;
    FOREACH command IN ARRAY _contact_status.comment_definitions(format('%I', create_tables.schema)::regnamespace) LOOP
        EXECUTE command;
    END LOOP;

    FOREACH command IN ARRAY tables LOOP
        EXECUTE format('CREATE TRIGGER contact_status_refuse_truncate BEFORE TRUNCATE ON %I.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.refuse_truncate()', create_tables.schema, command);
    END LOOP;
    IF create_tables.partition_by IS NULL THEN
        EXECUTE format('CREATE TRIGGER contact_status_refuse_parent AFTER DELETE ON %I.event REFERENCING OLD TABLE AS events '
                       'FOR EACH ROW WHEN (false) EXECUTE FUNCTION _contact_status.refuse_write()', create_tables.schema);
    END IF;

    -- Only the owner may read the keys. Revoke default privileges. Row-level security also covers GRANT ... ON ALL
    -- TABLES.
    FOREACH command IN ARRAY ARRAY(
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
          FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
         WHERE c.oid = format('%I.address_key', create_tables.schema)::regclass AND a.grantee <> c.relowner) LOOP
        EXECUTE format('REVOKE ALL ON %I.address_key FROM %s', create_tables.schema, command);
    END LOOP;
    EXECUTE format('ALTER TABLE %I.address_key ENABLE ROW LEVEL SECURITY', create_tables.schema);

    IF create_tables.partition_by IS NOT NULL THEN
        EXECUTE format('CREATE TABLE %1$I.event_default PARTITION OF %1$I.event DEFAULT', create_tables.schema);
        PERFORM _contact_status.guard_partition(format('%I.event_default', create_tables.schema)::regclass);
        PERFORM contact_status.add_partitions(create_tables.schema, create_tables.partition_by);
    END IF;

    EXECUTE format('INSERT INTO %I.policy SELECT (contact_status.policy(n)).* '
                   'FROM unnest($1) n', create_tables.schema)
      USING '{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[];
    EXECUTE format('INSERT INTO %I.account (policy) VALUES ($1)', create_tables.schema) USING wanted.name;
    EXECUTE format('INSERT INTO %I.list (name) VALUES (NULL)', create_tables.schema);
    -- autovacuum never analyzes tables this small, and the planner would assume a large size
    EXECUTE format('ANALYZE %1$I.policy, %1$I.account, %1$I.list', create_tables.schema);
END
$create_tables$;
COMMENT ON FUNCTION contact_status.create_tables(name, text, interval) IS
'creates the tables, views and triggers of an installation, with account 1 and its list 1; optionally partitions the log';
