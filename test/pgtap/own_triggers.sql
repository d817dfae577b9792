-- Triggers and checks of the application on our tables, and what our own writes look like to them: only derived columns
-- are written, the search_path is the caller's, and an address that a trigger changes is a change of address.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
ALTER TABLE crm.contact ADD COLUMN name text, ADD COLUMN touched int NOT NULL DEFAULT 0;
INSERT INTO crm.contact (contact_id, email, name) SELECT i, format('c%s@example.org', i), 'Ann'
    FROM generate_series(1, 9) i;
SELECT setval('crm.contact_contact_id_seq', 100) \g /dev/null
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', now() - interval '60 days'
    FROM generate_series(1, 9) i;

-- The search_path -----------------------------------------------------------------------------------------------------

-- An audit trigger as people write them: nothing in it is qualified.
CREATE SCHEMA app;
CREATE TABLE app.audit (what text, path text DEFAULT current_setting('search_path'));
CREATE FUNCTION app.shorten(text) RETURNS text LANGUAGE sql AS $$ SELECT left($1, 20) $$;
CREATE FUNCTION app.audit() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (shorten(TG_TABLE_NAME || ' ' || TG_OP)); RETURN NULL; END $$;
SELECT format(
    'CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON crm.%I FOR EACH ROW EXECUTE FUNCTION app.audit()', t)
  FROM unnest('{contact,subscription,event,suppression,retraction,deleted_contact,account}'::text[]) t \gexec
CREATE TABLE app.staging AS SELECT * FROM (VALUES ('new@example.org', NULL), ('c2@example.org', 'unsubscribed'),
    ('other@example.org', 'odhlášené'), ('held@example.org', 'suspended')) v (email, status);
CREATE TABLE app.log (contact bigint, what text, at timestamptz);
CREATE TRIGGER forward AFTER INSERT ON app.log REFERENCING NEW TABLE AS forwarded FOR EACH STATEMENT EXECUTE FUNCTION
    contact_status.forward_events('crm', 'contact_id=contact', 'kind=what', 'occurred_at=at');

CREATE TABLE helper.deed (nr int, fires text, statement text);
INSERT INTO helper.deed VALUES
(1, 'event INSERT',
    $$INSERT INTO crm.event (contact_id, kind, until) VALUES (1, 'suspended', clock_timestamp() + interval '1 ms')$$),
(2, 'contact UPDATE', $$SELECT pg_sleep(0.01), contact_status.sweep('crm')$$),
(3, 'contact UPDATE', $$UPDATE crm.policy SET soft_bounce_limit = 1 WHERE name = 'default'; $$
        || $$INSERT INTO crm.event (contact_id, kind) VALUES (3, 'soft_bounced');
    UPDATE crm.policy SET soft_bounce_limit = 2 WHERE name = 'default'; SELECT contact_status.reevaluate('crm')$$),
(4, 'event INSERT', $$SELECT contact_status.suppress('crm', 1, 'c4@example.org'::text, 'complained')$$),
(5, 'suppression INSERT',
    $$SELECT contact_status.suppress_all('crm', 1, ARRAY['c5@example.org', 'nobody@example.org'], 'complained')$$),
(6, 'contact INSERT', $$SELECT contact_status.import_contacts('crm', 1, 1, 'app.staging')$$),
(7, 'retraction INSERT',
    $$SELECT contact_status.retract_events('crm', 'a test', kinds => '{complained}', contact_ids => '{4}')$$),
(8, 'contact UPDATE', $$SELECT contact_status.undo_retraction('crm', 1)$$),
(9, 'event UPDATE', $$SELECT contact_status.erase_contact('crm', 1, 6)$$),
(10, 'account UPDATE', $$SELECT contact_status.set_horizon('crm', 1, now() - interval '30 days')$$),
(11, 'event INSERT', $$INSERT INTO app.log VALUES (7, 'clicked', now())$$),
(12, 'contact UPDATE',
    $$SET LOCAL session_replication_role = replica; UPDATE crm.contact SET status = 'complained' WHERE contact_id = 8;
    SET LOCAL session_replication_role = origin; SELECT contact_status.repair('crm')$$),
(13, 'deleted_contact INSERT', $$DELETE FROM crm.contact WHERE contact_id = 9$$);
CREATE FUNCTION helper.fired(deed helper.deed) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE app.audit;
    PERFORM set_config('search_path', 'app, public', true);
    EXECUTE deed.statement;
    PERFORM set_config('search_path', '"$user", public', true);
    RETURN CASE WHEN EXISTS (SELECT FROM app.audit WHERE what = left(deed.fires, 20)) THEN 'fired' ELSE 'not fired' END
        || (SELECT coalesce(string_agg(DISTINCT ' with ' || path, ''), '') FROM app.audit WHERE path <> 'app, public');
END $$;
SELECT is(helper.fired(d), 'fired', format('%s. %s', d.nr, d.statement)) FROM helper.deed d ORDER BY d.nr;
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');
SELECT format('DROP TRIGGER audit ON crm.%I', t)
    FROM unnest('{contact,subscription,event,suppression,retraction,deleted_contact,account}'::text[]) t \gexec

-- Which columns are written -------------------------------------------------------------------------------------------

CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.audit VALUES (TG_NAME);
    RETURN NULL; END $$;
CREATE TRIGGER of_email AFTER UPDATE OF email ON crm.contact FOR EACH ROW EXECUTE FUNCTION app.note();
CREATE TRIGGER of_key AFTER UPDATE OF contact_id ON crm.contact FOR EACH ROW EXECUTE FUNCTION app.note();
CREATE TRIGGER of_name AFTER UPDATE OF name ON crm.contact FOR EACH ROW EXECUTE FUNCTION app.note();
CREATE TRIGGER of_status AFTER UPDATE OF status ON crm.contact FOR EACH ROW EXECUTE FUNCTION app.note();
TRUNCATE app.audit;
INSERT INTO crm.event (contact_id, kind) VALUES (1, 'unsubscribed');
SELECT is((SELECT string_agg(what, ' ') FROM app.audit), 'of_status',
    'a change of status is one of the derived columns');
DROP TRIGGER of_email ON crm.contact; DROP TRIGGER of_key ON crm.contact; DROP TRIGGER of_name ON crm.contact;
DROP TRIGGER of_status ON crm.contact;

-- a CHECK that fails tells nothing of the row to a role that may only insert events
CREATE ROLE contact_status_test_writer;
GRANT USAGE ON SCHEMA crm, helper TO contact_status_test_writer;
GRANT INSERT ON crm.event TO contact_status_test_writer;
ALTER TABLE crm.contact ADD CONSTRAINT never CHECK (contact_id <> 2 OR status <> 'complained');
CREATE FUNCTION helper.detail_for(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM set_config('role', who, true);
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || detail;
END $$;
SELECT matches(helper.detail_for('contact_status_test_writer',
        $$INSERT INTO crm.event (contact_id, kind) VALUES (2, 'complained')$$), '^23514 ',
    'a CHECK of the application fails');
SELECT doesnt_match(helper.detail_for('contact_status_test_writer',
        $$INSERT INTO crm.event (contact_id, kind) VALUES (2, 'complained')$$), '@|Ann',
    'and tells no address or name');
ALTER TABLE crm.contact DROP CONSTRAINT never;

-- the lock of the row is that of an update which leaves the key alone, also where a BEFORE UPDATE trigger exists
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched := NEW.touched + 1;
    RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON crm.contact FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE EXTENSION pgrowlocks;
INSERT INTO crm.event (contact_id, kind) VALUES (5, 'restored');
INSERT INTO crm.event (contact_id, kind) VALUES (3, 'deleted');
SELECT is((SELECT touched FROM crm.contact WHERE contact_id = 3), 1, 'the trigger fires');
SELECT is((SELECT array_agg(DISTINCT m) FROM pgrowlocks('crm.contact') l, unnest(l.modes) m
        WHERE m IN ('Update', 'For Update')), NULL, 'no row is locked FOR UPDATE');
DROP TRIGGER touch ON crm.contact;

-- An address that a BEFORE trigger changes ----------------------------------------------------------------------------

CREATE FUNCTION app.redirect() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.status = 'hard_bounced'
        AND OLD.status <> 'hard_bounced' THEN NEW.email := format('dead%s@example.org', NEW.contact_id); END IF;
    RETURN NEW; END $$;
CREATE TRIGGER redirect BEFORE UPDATE ON crm.contact FOR EACH ROW EXECUTE FUNCTION app.redirect();
INSERT INTO crm.contact (contact_id, email) VALUES (20, 'mover@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (20, 1, 'added');
INSERT INTO crm.event (contact_id, kind) VALUES (20, 'nonexistent');
SELECT is((SELECT email FROM crm.contact WHERE contact_id = 20), 'dead20@example.org',
    'a trigger changes the address in a write of ours');
SELECT is((SELECT count(*) FROM crm.address_change WHERE contact_id = 20), 1::bigint,
    'the change of address takes effect');
INSERT INTO crm.contact (contact_id, email) VALUES (21, 'mover@example.org');
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id = 21 AND kind = 'invalidated'), 1::bigint,
    'and the old address is known to be dead');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

SELECT * FROM finish();
ROLLBACK;
