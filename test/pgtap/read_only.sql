\i test/pgtap/setup.inc
-- In a READ ONLY transaction the functions that write are refused, as INSERT is, whether they would find anything to do
-- or not; those that only read work.
SELECT contact_status.create_tables('crm', 'ecomail') \g /dev/null
INSERT INTO crm.contact (email) VALUES ('ann@example.org'), ('bob@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1, 1, 'added'), (2, 1, 'added');
INSERT INTO crm.event (contact_id, kind, occurred_at, until) VALUES (1, 'suspended', now(), now() + interval '1 hour');
CREATE TABLE helper.staging AS SELECT 'eve@example.org' AS email;

CREATE FUNCTION helper.read_only(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL transaction_read_only = on;
    EXECUTE statement;
    RAISE EXCEPTION USING ERRCODE = 'HE000';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'HE000' THEN 'accepted' ELSE SQLSTATE END;
END $$;

CREATE TABLE helper.call (nr int GENERATED ALWAYS AS IDENTITY, expected text, statement text);
INSERT INTO helper.call (expected, statement) VALUES
    ('25006', $$INSERT INTO crm.event (contact_id, kind) VALUES (1, 'opened')$$),
    ('25006', $$SELECT contact_status.sweep('crm')$$),
    ('25006', $$SELECT contact_status.sweep('crm', now() + interval '2 hours')$$),
    ('25006', $$SELECT contact_status.reevaluate('crm')$$),
    ('25006', $$SELECT contact_status.repair('crm')$$),
    ('25006', $$SELECT contact_status.suppress('crm', 1, 'eve@example.org', 'complained')$$),
    ('25006', $$SELECT contact_status.suppress('crm', 1, 'ann@example.org', 'complained')$$),
    ('25006', $$SELECT contact_status.suppress_all('crm', 1, '{eve@example.org}', 'complained')$$),
    ('25006', $$SELECT contact_status.record_event('crm', 'eve@example.org', 'clicked')$$),
    ('25006', $$SELECT contact_status.erase_contact('crm', 1, 1)$$),
    ('25006', $$SELECT contact_status.merge_contacts('crm', 1, 1, 2)$$),
    ('25006', $$SELECT * FROM contact_status.retract_events('crm', 'a test', kinds => '{added}')$$),
    ('25006', $$SELECT * FROM contact_status.undo_retraction('crm', 1)$$),
    ('25006', $$SELECT * FROM contact_status.import_contacts('crm', 1, 1, 'helper.staging')$$),
    ('25006', $$SELECT contact_status.create_tables('other')$$),
    ('accepted', $$SELECT * FROM contact_status.verify('crm')$$),
    ('accepted', $$SELECT * FROM contact_status.explain_status('crm', 1, 1, 1)$$),
    ('accepted', $$SELECT * FROM contact_status.active_contacts_by_day('crm', 1, '2025-01-01', '2025-01-02')$$),
    ('accepted', $$SELECT * FROM crm.mailable, crm.status_history, crm.active_contacts, crm.campaign_report$$);

SELECT plan(count(*)::int) FROM helper.call;
SELECT is(helper.read_only(statement), expected, statement) FROM helper.call ORDER BY nr;
SELECT * FROM finish();
ROLLBACK;
