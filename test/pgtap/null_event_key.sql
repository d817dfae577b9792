-- A driver sends a null event_key: it is stored as the empty string, so that repeated events are one.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm');
SELECT contact_status.create_tables('parts', partition_by => '1 month');
CREATE FUNCTION helper.check_schema(schema name) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    target text;
BEGIN
    EXECUTE format('INSERT INTO %I.contact (email) VALUES (''ann@example.org'')', schema);
    EXECUTE format('INSERT INTO %I.event (contact_id, list_id, kind, occurred_at, event_key) VALUES
            (1, 1, ''added'', now() - interval ''1 minute'', NULL), (1, NULL, ''opened'', now(), NULL)', schema);
    FOREACH target IN ARRAY ARRAY[format('%I.event', schema),
        (SELECT min(tableoid::regclass::text) FROM parts.event)] LOOP
        CONTINUE WHEN target IS NULL;
        EXECUTE format('INSERT INTO %s (contact_id, kind, occurred_at, event_key) VALUES
                (1, ''opened'', now(), NULL), (1, ''opened'', now(), '''') ON CONFLICT DO NOTHING', target);
        EXECUTE format('INSERT INTO %s (contact_id, kind, occurred_at, event_key) SELECT 1, ''clicked'', now(), NULL
                ON CONFLICT DO NOTHING', target);
    END LOOP;
    RETURN QUERY EXECUTE format('SELECT is(string_agg(format(''%%s <%%s>'', kind, event_key), '', '' ORDER BY kind),
                ''added <>, opened <>, clicked <>'', %L) FROM %1$I.event', schema);
    RETURN QUERY EXECUTE format('SELECT is(status::text, ''active'', %L) FROM %1$I.contact', schema);
END $$;
SELECT helper.check_schema('crm');
SELECT helper.check_schema('parts');
SELECT throws_ok($$CREATE TRIGGER own BEFORE UPDATE ON crm.list FOR EACH ROW
        EXECUTE FUNCTION _contact_status.set_event_key(); UPDATE crm.list SET name = 'x'$$, '39P01', NULL,
    'the trigger function is for inserts');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
