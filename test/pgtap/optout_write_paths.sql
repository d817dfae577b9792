\i test/pgtap/setup.inc
-- Every way of writing that was tried against an opt-out and a complaint, and its outcome: the table of
-- docs/opt-outs.md, numbered alike.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id, name, double_opt_in) OVERRIDING SYSTEM VALUE VALUES (2, 'other', false);
SELECT setval(pg_get_serial_sequence('crm.contact', 'contact_id'), 100000) \g /dev/null
CREATE TABLE public.outbox (contact_id bigint, list_id bigint);
CREATE TRIGGER mailable BEFORE INSERT ON public.outbox FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id');
CREATE TABLE public.staging (email text, status text);
CREATE TABLE public.customer (id bigint PRIMARY KEY);
CREATE VIEW public.contact_view AS SELECT * FROM crm.contact;
CREATE VIEW public.ruled AS SELECT contact_id, status FROM crm.contact;
CREATE RULE ruled AS ON UPDATE TO public.ruled DO INSTEAD UPDATE crm.contact SET status = NEW.status
    WHERE contact_id = OLD.contact_id;
CREATE ROLE contact_status_test_app;
GRANT USAGE ON SCHEMA crm TO contact_status_test_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA crm TO contact_status_test_app;

-- {c} the contact, {e} its address. Outcome: 'recorded', 'done' or 'refused: <SQLSTATE> [constraint]'; of the
-- complaint, where it differs.
CREATE TABLE helper.way (nr int PRIMARY KEY, name text, statement text, outcome text);
INSERT INTO helper.way VALUES
(1, 'an import: event added',
    $$INSERT INTO crm.event (contact_id, list_id, kind, source) VALUES ({c}, 1, 'added', 'import')$$, 'recorded'),
(2, 'an import dated before the opt-out', $$INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
        ({c}, 1, 'added', '2001-01-01')$$, 'recorded'),
(3, 'import_contacts', $$INSERT INTO public.staging VALUES ('{e}');
        PERFORM contact_status.import_contacts('crm', 1, 1, 'public.staging')$$, 'recorded'),
(4, 'import_contacts with status active, written in capitals', $$INSERT INTO public.staging VALUES
        (upper('{e}'), 'active'); PERFORM contact_status.import_contacts('crm', 1, 1, 'public.staging')$$, 'recorded'),
(5, 'UPDATE of the status', $$UPDATE crm.contact SET status = 'active' WHERE contact_id = {c}$$,
    'refused: 23514 contact_status_derived'),
(6, 'UPDATE of the facts', $$UPDATE crm.contact SET unsubscribed_at = NULL, complained_at = NULL,
        generation_start = now() WHERE contact_id = {c}$$, 'refused: 23514 contact_status_derived'),
(7, 'UPDATE of the subscription', $$UPDATE crm.subscription SET status = 'active', consent = 'active'
        WHERE contact_id = {c}$$, 'refused: 23514 contact_status_derived'),
(8, 'DELETE of the subscription, then an import', $$DELETE FROM crm.subscription WHERE contact_id = {c};
        INSERT INTO crm.event (contact_id, list_id, kind) VALUES ({c}, 1, 'added')$$,
    'refused: 23514 contact_status_derived'),
(9, 'INSERT of a subscription', $$INSERT INTO crm.subscription VALUES (1, 2, {c}, 'active', 'active', now())$$,
    'refused: 23514 contact_status_derived'),
(10, 'upsert of the contact with a status', $$INSERT INTO crm.contact (contact_id, email) VALUES
        ({c}, '{e}') ON CONFLICT (account_id, contact_id) DO UPDATE SET status = 'active'$$,
    'refused: 23514 contact_status_derived'),
(11, 'upsert of the contact with its address', $$INSERT INTO crm.contact (contact_id, email) VALUES ({c}, upper('{e}'))
        ON CONFLICT (account_id, contact_id) DO UPDATE SET email = excluded.email$$, 'done'),
(12, 'MERGE of the status', $$MERGE INTO crm.contact AS c USING (SELECT 1) AS s ON c.contact_id = {c}
        WHEN MATCHED THEN UPDATE SET status = 'active'$$, 'refused: 23514 contact_status_derived'),
(13, 'COPY to subscription', $$COPY crm.subscription (account_id, list_id, contact_id, status, consent, consent_at)
        FROM PROGRAM 'echo 1,2,{c},active,active,2025-01-01' (FORMAT csv)$$, 'refused: 23514 contact_status_derived'),
(14, 'COPY of an import to the log',
    $$COPY crm.event (contact_id, list_id, kind) FROM PROGRAM 'echo {c},1,added' (FORMAT csv)$$, 'recorded'),
(15, 'UPDATE through a view', $$UPDATE public.contact_view SET status = 'active' WHERE contact_id = {c}$$,
    'refused: 23514 contact_status_derived'),
(16, 'UPDATE by a rule', $$UPDATE public.ruled SET status = 'active' WHERE contact_id = {c}$$,
    'refused: 23514 contact_status_derived'),
(17, 'DELETE of the opt-out from the log', $$DELETE FROM crm.event WHERE contact_id = {c}$$,
    'refused: 23514 contact_status_derived'),
(18, 'UPDATE of the opt-out''s kind or time in the log',
    $$UPDATE crm.event SET kind = 'opened', occurred_at = '2001-01-01' WHERE contact_id = {c}$$,
    'refused: 23514 contact_status_derived'),
(19, 'TRUNCATE', $$TRUNCATE crm.event, crm.subscription, crm.contact, crm.suppression$$, 'refused: 0A000'),
(20, 'DELETE and INSERT of the contact, another id',
    $$DELETE FROM crm.contact WHERE contact_id = {c}; INSERT INTO crm.contact (email) VALUES ('{e}')$$, 'done'),
(21, 'DELETE and INSERT of the contact, the same id', $$DELETE FROM crm.contact WHERE contact_id = {c};
        INSERT INTO crm.contact (contact_id, email) VALUES ({c}, '{e}')$$, 'done'),
(22, 'DELETE of the contact, its address again by COPY',
    $$DELETE FROM crm.contact WHERE contact_id = {c}; COPY crm.contact (email) FROM PROGRAM 'echo {e}'$$, 'done'),
(23, 'DELETE by cascade from a table of the application''s', $$INSERT INTO public.customer VALUES ({c});
        ALTER TABLE crm.contact ADD COLUMN customer bigint REFERENCES public.customer ON DELETE CASCADE;
    UPDATE crm.contact SET customer = {c} WHERE contact_id = {c}; DELETE FROM public.customer;
    INSERT INTO crm.contact (email) VALUES ('{e}')$$, 'done'),
(24, 'DELETE from suppression after the DELETE of the contact', $$DELETE FROM crm.contact WHERE contact_id = {c};
        DELETE FROM crm.suppression$$, 'refused: 23514 contact_status_derived'),
(25, 'DELETE and INSERT of the list', $$DELETE FROM crm.list WHERE list_id = 1;
        INSERT INTO crm.list (list_id) OVERRIDING SYSTEM VALUE VALUES (1)$$, 'recorded'),
(26, 'event removed, then an import', $$INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
        ({c}, 1, 'removed', now() - interval '1 minute'), ({c}, 1, 'added', now())$$, 'recorded'),
(27, 'events deleted and restored', $$INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
        ({c}, 'deleted', now() - interval '1 minute'), ({c}, 'restored', now())$$, 'recorded'),
(28, 'event deleted, a sign-up, and an import', $$INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
        ({c}, NULL, 'deleted', now() - interval '2 minutes'), ({c}, 1, 'signed_up', now() - interval '1 minute'),
        ({c}, 1, 'added', now())$$, 'recorded'),
(29, 'released, validated, delivered, opened, clicked, visited', $$INSERT INTO crm.event (contact_id, kind) SELECT {c},
        k FROM unnest('{released,validated,delivered,opened,clicked,visited}'::contact_status.event_kind[]) AS k$$,
    'recorded'),
(30, 'a sign-up that is not confirmed',
    $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES ({c}, 1, 'signed_up')$$, 'recorded'),
(31, 'the confirmation link of a sign-up before the opt-out',
    $$INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES ({c}, 1, 'confirmed', 'old')$$, 'recorded'),
(32, 'the old link, while a later sign-up waits',
    $$INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES ({c}, 1, 'signed_up', 'new');
        INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES ({c}, 1, 'confirmed', 'old')$$, 'recorded'),
(33, 'a sign-up and its confirmation, dated before the opt-out',
    $$INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
        ({c}, 1, 'signed_up', '2025-05-01'), ({c}, 1, 'confirmed', '2025-05-02')$$, 'recorded'),
(34, 'the consent''s events delivered again',
    $$INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) SELECT contact_id, list_id, kind,
        occurred_at, event_key || '2' FROM crm.event WHERE contact_id = {c} AND kind IN ('signed_up', 'confirmed')$$,
    'recorded'),
(35, 'resubscribed without evidence', $$INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES
        ({c}, 1, 'resubscribed', '  ')$$, 'refused: 23514 contact_status_event'),
(36, 'confirmed by hand without evidence', $$INSERT INTO crm.event (contact_id, list_id, kind, source) VALUES
        ({c}, 1, 'confirmed', 'manual')$$, 'refused: 23514 contact_status_event'),
(37, 'another policy, reevaluated',
    $$UPDATE crm.account SET policy = 'activecampaign'; PERFORM contact_status.reevaluate('crm')$$, 'done'),
(38, 'the policy''s settings changed, reevaluated', $$UPDATE crm.policy SET double_opt_in = false,
        unsubscribe_scope = 'list', import_consent = 'subscribed'; PERFORM contact_status.reevaluate('crm')$$, 'done'),
(39, 'the list''s double opt-in switched off, then a sign-up', $$UPDATE crm.list SET double_opt_in = false;
        INSERT INTO crm.event (contact_id, list_id, kind) VALUES ({c}, 1, 'signed_up')$$, 'recorded'),
(40, 'sweep, reevaluate and repair', $$PERFORM contact_status.sweep('crm'), contact_status.reevaluate('crm');
        PERFORM contact_status.repair('crm')$$, 'done'),
(41, 'another address', $$UPDATE crm.contact SET email = 'new' || email WHERE contact_id = {c}$$, 'done'),
(42, 'another address, and a new contact with the old one', $$UPDATE crm.contact SET email = 'new' || email
        WHERE contact_id = {c}; INSERT INTO crm.contact (email) VALUES ('{e}')$$, 'done'),
(43, 'the contact given another id', $$UPDATE crm.contact SET contact_id = 99 WHERE contact_id = {c}$$,
    'refused: 23514 contact_status_derived'),
(44, 'the address in capitals and blanks as another contact',
    $$INSERT INTO crm.contact (email) VALUES (' ' || upper('{e}'))$$, 'refused: 23505 contact_address'),
(45, 'retraction by a role without rights', $$SET LOCAL ROLE contact_status_test_app;
        PERFORM contact_status.retract_events('crm', 'because', contact_ids => '{{c}}')$$, 'refused: 42501'),
(46, 'retraction without a reason', $$PERFORM contact_status.retract_events('crm', ' ', contact_ids => '{{c}}')$$,
    'refused: 22004'),
(47, 'retraction of the consent, then an import',
    $$PERFORM contact_status.retract_events('crm', 'because', kinds => '{signed_up,confirmed}');
        INSERT INTO crm.event (contact_id, list_id, kind) VALUES ({c}, 1, 'added')$$, 'recorded'),
(48, 'erased and imported again', $$PERFORM contact_status.erase_contact('crm', 1, {c}); INSERT INTO public.staging
        VALUES ('{e}'); PERFORM contact_status.import_contacts('crm', 1, 1, 'public.staging')$$, 'recorded'),
(49, 'session_replication_role = replica, then repair',
    $$SET LOCAL session_replication_role = replica; UPDATE crm.subscription SET status = 'active', consent = 'active'
        WHERE contact_id = {c}; UPDATE crm.contact SET status = 'active' WHERE contact_id = {c};
    SET LOCAL session_replication_role = origin; PERFORM contact_status.repair('crm')$$, 'done'),
(50, 'triggers disabled, then repair',
    $$ALTER TABLE crm.subscription DISABLE TRIGGER USER; DELETE FROM crm.subscription;
        ALTER TABLE crm.subscription ENABLE TRIGGER USER; PERFORM contact_status.repair('crm')$$, 'done'),
(51, 'a table that inherits from subscription', $$CREATE TABLE public.child () INHERITS (crm.subscription);
        INSERT INTO public.child VALUES (1, 2, {c}, 'active', 'active', now())$$, 'done, damaged'),
(52, 'a BEFORE trigger that writes another status', $$CREATE FUNCTION public.revive()
        RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.status := ''active''; RETURN NEW; END';
        CREATE TRIGGER revive BEFORE UPDATE ON crm.contact FOR EACH ROW EXECUTE FUNCTION public.revive();
    UPDATE crm.contact SET email = 'x' || email WHERE contact_id = {c}$$, 'refused: 23514 contact_status_derived'),
(53, 'a message put into the outbox', $$INSERT INTO public.outbox VALUES ({c}, 1)$$,
    'refused: 23514 contact_status_mailable'),
(54, 'an opt-out told by suppress, dated before',
    $$PERFORM contact_status.suppress('crm', 1, '{e}', 'unsubscribed', 1, '2001-01-01')$$, 'recorded'),
(55, 'a subscription moved to another list', $$UPDATE crm.subscription SET list_id = 2 WHERE contact_id = {c}$$,
    'refused: 23514 contact_status_derived'),
(56, 'DELETE of the contact, a late import for its id', $$DELETE FROM crm.contact WHERE contact_id = {c};
        INSERT INTO crm.event (contact_id, list_id, kind) VALUES ({c}, 1, 'added')$$, 'recorded');

-- Tries one, and says its outcome, and on which lists somebody with the contact's address, or the contact, may be
-- mailed then: on list 1 after an import to it.
CREATE FUNCTION helper.tried(person bigint, address text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
    c text;
    events bigint := (SELECT count(*) FROM crm.event);
    mailable bigint;
BEGIN
    statement := replace(replace(replace(statement, '{{c}}', format('{%s}', person)), '{c}', person::text),
        '{e}', address);
    BEGIN
        EXECUTE format('DO %L', format('BEGIN %s; END', statement));
        outcome := CASE WHEN (SELECT count(*) FROM crm.event WHERE source IS DISTINCT FROM 'suppression') > events
            THEN 'recorded' ELSE 'done' END;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME;
        outcome := concat_ws(' ', 'refused:', SQLSTATE, nullif(c, ''));
        IF SQLSTATE !~ '^(23|0A|42501|22004)' THEN outcome := concat_ws(' ', outcome, SQLERRM); END IF;
    END;
    PERFORM set_config('role', 'none', true);
    INSERT INTO crm.event (contact_id, list_id, kind) SELECT contact_id, 1, 'added' FROM crm.contact
    WHERE contact_id = person OR contact_status.normalize_address(email) = contact_status.normalize_address(address);
    SELECT count(*) INTO mailable FROM crm.mailable AS m WHERE (m.contact_id = person
        OR contact_status.normalize_address(m.email) = contact_status.normalize_address(address))
    AND (m.list_id = 1 OR EXISTS (SELECT FROM crm.event AS e WHERE e.contact_id = person AND e.kind = 'complained'));
    IF EXISTS (SELECT FROM contact_status.verify('crm')) THEN outcome := outcome || ', damaged'; END IF;
    RAISE EXCEPTION USING ERRCODE = 'HE000', MESSAGE = outcome || CASE WHEN mailable > 0 THEN ', mailable' ELSE '' END;
EXCEPTION WHEN SQLSTATE 'HE000' THEN RETURN SQLERRM;
END $$;

CREATE TABLE helper.person AS SELECT nr, what, nr * 10 + n AS contact_id, format('%s%s@example.org', what, nr) AS email
FROM helper.way, (VALUES (1, 'optedout'), (2, 'optedoutofall'), (3, 'complained')) AS p (n, what);
INSERT INTO crm.contact (contact_id, email) SELECT contact_id, email FROM helper.person;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) SELECT contact_id, 1, 'signed_up',
    '2025-06-01 09:00+00', 'old' FROM helper.person;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) SELECT contact_id, 1, 'confirmed',
    '2025-06-01 09:30+00', 'old' FROM helper.person;
SELECT is((SELECT count(*) FROM crm.mailable), (SELECT count(*) FROM helper.person), 'all were mailable before');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT contact_id, CASE what WHEN 'optedout' THEN 1 END,
    CASE what WHEN 'complained' THEN 'complained' ELSE 'unsubscribed' END::contact_status.event_kind,
        '2025-06-01 10:00+00' FROM helper.person;
SELECT is(helper.tried(contact_id, email, statement), outcome, format('%s. %s, %s', nr, what, name))
FROM helper.way JOIN helper.person USING (nr) ORDER BY nr, contact_id;

-- The ways back, so that the tests above are known to see one.
SELECT is(helper.tried(contact_id, email, statement), outcome, format('%s, %s', what, name))
FROM helper.person, (VALUES
    ('optedout', 'resubscribed with evidence', $$INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES
            ({c}, 1, 'resubscribed', 'a letter')$$, 'recorded, mailable'),
    ('optedoutofall', 'resubscribed with evidence', $$INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES
            ({c}, 1, 'resubscribed', 'a letter')$$, 'recorded, mailable'),
    ('complained', 'resubscribed with evidence', $$INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES
            ({c}, 1, 'resubscribed', 'a letter')$$, 'recorded'),
    ('optedout', 'a later sign-up confirmed', $$INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES
            ({c}, 1, 'signed_up', 'new'); INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES
            ({c}, 1, 'confirmed', 'new')$$, 'recorded, mailable'),
    ('complained', 'a later sign-up confirmed', $$INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES
            ({c}, 1, 'signed_up', 'new'); INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES
            ({c}, 1, 'confirmed', 'new')$$, 'recorded'),
    ('optedout', 'the opt-out retracted', $$PERFORM contact_status.retract_events('crm', 'a link scanner',
                contact_ids => '{{c}}', kinds => '{unsubscribed}')$$, 'done, mailable'),
    ('complained', 'the complaint retracted', $$PERFORM contact_status.retract_events('crm', 'a wrong report',
                contact_ids => '{{c}}', kinds => '{complained}')$$, 'done, mailable'))
                    AS back (of, name, statement, outcome)
WHERE nr = 1 AND what = of;
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
