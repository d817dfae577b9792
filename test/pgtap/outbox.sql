\i test/pgtap/setup.inc
-- require_mailable: an outbox takes no recipient that may not be mailed now.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id, name) OVERRIDING SYSTEM VALUE VALUES (2, 'l2');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'emailmanager');
INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (2, 1);

CREATE TABLE public.outbox (n int GENERATED ALWAYS AS IDENTITY, contact_id bigint, list_id int,
    account_id bigint DEFAULT 1);
CREATE TABLE public.by_contact (LIKE public.outbox INCLUDING ALL);
CREATE TABLE public.by_list (LIKE public.outbox INCLUDING ALL);
CREATE TABLE public.by_account (LIKE public.outbox INCLUDING ALL);
CREATE TABLE public.skipping (LIKE public.outbox INCLUDING ALL);
CREATE TRIGGER m BEFORE INSERT OR UPDATE ON public.by_contact FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id');
CREATE TRIGGER m BEFORE INSERT OR UPDATE ON public.by_list FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id');
CREATE TRIGGER m BEFORE INSERT OR UPDATE ON public.by_account FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id', 'account_id', 'error');
CREATE TRIGGER m BEFORE INSERT OR UPDATE ON public.skipping FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id', 'account_id', 'skip');

-- Contacts by what befell them after they were added to list 1 and 2; who may be mailed on list 1, on list 2, at all.
CREATE TABLE helper.person (contact_id int GENERATED ALWAYS AS IDENTITY, name text, events text, on1 boolean,
    on2 boolean, at_all boolean);
INSERT INTO helper.person (name, events, on1, on2, at_all) VALUES
('nothing', '', true, true, true),
('a temporary error', $$(NULL, 'soft_bounced', NULL)$$, true, true, true),
('dead', $$(NULL, 'nonexistent', NULL)$$, false, false, false),
('opted out of list 1', $$(1, 'unsubscribed', NULL)$$, false, true, true),
('opted out', $$(NULL, 'unsubscribed', NULL)$$, false, false, false),
('complained', $$(NULL, 'complained', NULL)$$, false, false, false),
('removed from list 1', $$(1, 'removed', NULL)$$, false, true, true),
('removed from both', $$(1, 'removed', NULL), (2, 'removed', NULL)$$, false, false, false),
('deleted', $$(NULL, 'deleted', NULL)$$, false, false, false),
('held', $$(NULL, 'suspended', NULL)$$, false, false, false),
('held until tomorrow', $$(NULL, 'suspended', '1 day')$$, false, false, false),
('held until an hour ago, not swept', $$(NULL, 'suspended', '-1 hour')$$, true, true, true);
DO $$
DECLARE
    p helper.person;
BEGIN
    FOR p IN SELECT * FROM helper.person ORDER BY contact_id LOOP
        INSERT INTO crm.contact (contact_id, email) VALUES (p.contact_id, format('c%s@example.org', p.contact_id));
        INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT p.contact_id, l, 'added',
            now() - interval '3 days' FROM generate_series(1, 2) AS l;
        IF p.events <> '' THEN
            EXECUTE format('INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, until)
                SELECT %s, l::bigint, k::contact_status.event_kind, now() - interval ''2 days'', now() + u::interval
                FROM (VALUES %s) AS e (l, k, u)', p.contact_id, p.events);
        END IF;
    END LOOP;
END $$;
INSERT INTO crm.contact (contact_id, email) VALUES (50, 'c50@example.org');

SELECT is(
    (helper.refusal(format('INSERT INTO public.by_list (contact_id, list_id) VALUES (%s, 1)', contact_id))).verdict,
    CASE WHEN on1 THEN 'accepted' ELSE '23514 contact_status_mailable' END, name || ': list 1')
    FROM helper.person ORDER BY contact_id;
SELECT is(
    (helper.refusal(format('INSERT INTO public.by_list (contact_id, list_id) VALUES (%s, 2)', contact_id))).verdict,
    CASE WHEN on2 THEN 'accepted' ELSE '23514 contact_status_mailable' END, name || ': list 2')
    FROM helper.person ORDER BY contact_id;
SELECT is((helper.refusal(format('INSERT INTO public.by_contact (contact_id) VALUES (%s)', contact_id))).verdict,
    CASE WHEN at_all THEN 'accepted' ELSE '23514 contact_status_mailable' END, name || ': on any list')
    FROM helper.person ORDER BY contact_id;
SELECT is((helper.refusal(format('INSERT INTO public.by_list (contact_id) VALUES (%s)', contact_id))).verdict,
    CASE WHEN at_all THEN 'accepted' ELSE '23514 contact_status_mailable' END, name || ': a row without a list: on any')
    FROM helper.person ORDER BY contact_id;

SELECT helper.refused_helpfully(statement, '23514 contact_status_mailable', naming, description) FROM (VALUES
    ($$INSERT INTO public.by_list (contact_id, list_id) VALUES (4, 1)$$, 'contact 4.*list 1.*unsubscribed',
        'names the contact, the list and the status'),
    ($$INSERT INTO public.by_contact (contact_id) VALUES (6)$$, 'contact 6.*complained',
        'names the contact and the status'),
    ($$INSERT INTO public.by_contact (contact_id) VALUES (999)$$, '999', 'an unknown contact'),
    ($$INSERT INTO public.by_contact (contact_id) VALUES (50)$$, '50', 'a contact on no list'),
    ($$INSERT INTO public.by_list (contact_id, list_id) VALUES (1, 77)$$, '1', 'an unknown list'),
    ($$INSERT INTO public.by_contact (contact_id) VALUES (NULL)$$, '', 'no contact'),
    ($$INSERT INTO public.by_account (contact_id, list_id, account_id) VALUES (1, 1, 2)$$, '1',
        'a contact of another account'),
    ($$INSERT INTO public.by_account (contact_id, list_id, account_id) VALUES (1, 1, NULL)$$, '1', 'no account'),
    ($$INSERT INTO public.by_account (contact_id, list_id, account_id) VALUES (1, 1, 99)$$, '1', 'an unknown account'),
    ($$INSERT INTO public.by_list (contact_id, list_id) SELECT contact_id, 1 FROM helper.person$$, '',
        'one among many'),
    ($$MERGE INTO public.by_list AS o USING helper.person AS p ON false WHEN NOT MATCHED AND p.contact_id = 6
            THEN INSERT (contact_id, list_id) VALUES (6, 1)$$, '6', 'MERGE')) AS wrong (statement, naming, description);

-- Rows that are there already
INSERT INTO public.by_list (contact_id, list_id) VALUES (1, 1);
SELECT helper.refused($$UPDATE public.by_list SET contact_id = 6$$, '23514 contact_status_mailable',
    'UPDATE to another contact');
SELECT helper.refused($$INSERT INTO public.by_list (n, contact_id, list_id) OVERRIDING SYSTEM VALUE SELECT n, 6, 1
        FROM public.by_list$$, '23514 contact_status_mailable', 'copied');
INSERT INTO crm.event (contact_id, kind) VALUES (1, 'suspended');
SELECT helper.refused($$UPDATE public.by_list SET list_id = 2$$, '23514 contact_status_mailable',
    'UPDATE of a row whose contact is held by now');
INSERT INTO crm.event (contact_id, kind) VALUES (1, 'released');

-- skip: the others get in
INSERT INTO public.skipping (contact_id, list_id) SELECT contact_id, 1 FROM helper.person;
SELECT is((SELECT array_agg(contact_id ORDER BY contact_id) FROM public.skipping),
    (SELECT array_agg(contact_id::bigint ORDER BY contact_id) FROM helper.person WHERE on1), 'skip: in bulk');
TRUNCATE public.skipping;
COPY public.skipping (contact_id, list_id) FROM STDIN;
1	1
4	1
4	2
6	2
999	1
\N	1
\.
SELECT results_eq('SELECT contact_id::int, list_id FROM public.skipping ORDER BY 1', 'VALUES (1, 1), (4, 2)',
    'skip: COPY');
UPDATE public.skipping SET contact_id = 6;
SELECT results_eq('SELECT contact_id::int, list_id FROM public.skipping ORDER BY 1', 'VALUES (1, 1), (4, 2)',
    'skip: UPDATE leaves the row');
SELECT is((SELECT array_agg(contact_id ORDER BY contact_id) FROM crm.mailable WHERE list_id = 1),
    (SELECT array_agg(contact_id::bigint ORDER BY contact_id) FROM helper.person WHERE on1),
    'the same as mailable says');

-- Due: unresponsive by time alone, not swept
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 60, 'c60@example.org'), (2, 61, 'c61@example.org');
INSERT INTO crm.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at) VALUES
    (2, 60, 1, NULL, 'added', now() - interval '30 days'), (2, 60, NULL, 7, 'sent', now() - interval '16 days'),
    (2, 61, 1, NULL, 'added', now() - interval '30 days'), (2, 61, NULL, 7, 'sent', now() - interval '14 days');
SELECT helper.refused('INSERT INTO public.by_account (contact_id, list_id, account_id) VALUES (60, 1, 2)',
    '23514 contact_status_mailable', 'silent for too long');
SELECT helper.refused('INSERT INTO public.by_account (contact_id, account_id) VALUES (60, 2)',
    '23514 contact_status_mailable', 'silent for too long, on any list');
SELECT helper.accepted('INSERT INTO public.by_account (contact_id, list_id, account_id) VALUES (61, 1, 2)',
    'not yet silent for too long');

-- Within one transaction and one statement
SELECT helper.refused($$DO 'BEGIN INSERT INTO crm.event (contact_id, kind) VALUES (1, ''complained'');
            INSERT INTO public.by_contact (contact_id) VALUES (1); END'$$, '23514 contact_status_mailable',
    'after an opt-out of the same transaction');
SELECT helper.accepted($$WITH e AS (INSERT INTO crm.event (contact_id, kind) VALUES (1, 'complained')
            RETURNING contact_id) INSERT INTO public.by_contact (contact_id) SELECT contact_id FROM e$$,
    'beside an opt-out of the same statement: judged by what was known before it, as documented');
SELECT helper.refused($$DO 'BEGIN DELETE FROM crm.contact WHERE contact_id = 1;
            INSERT INTO public.by_contact (contact_id) VALUES (1); END'$$, '23514 contact_status_mailable',
    'after a delete');

-- A statement trigger: all rows of a statement, in any order
CREATE TABLE public.by_statement (LIKE public.outbox INCLUDING ALL);
CREATE TRIGGER m AFTER INSERT ON public.by_statement REFERENCING NEW TABLE AS messages FOR EACH STATEMENT
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id', 'account_id');
SELECT is((helper.refusal(format('INSERT INTO public.by_statement (contact_id, list_id)
            SELECT %s, l FROM generate_series(%s, %s, -1) l', contact_id, 2, 3 - lists))).verdict,
    CASE WHEN CASE lists WHEN 1 THEN on2 ELSE on1 AND on2 END THEN 'accepted' ELSE '23514 contact_status_mailable' END,
    format('%s, by statement: %s lists', name, lists))
    FROM helper.person, generate_series(1, 2) lists WHERE contact_id > 1 ORDER BY contact_id, lists;
SELECT is((helper.refusal(format('INSERT INTO public.by_statement (contact_id) VALUES (2), (%s)', contact_id))).verdict,
    CASE WHEN at_all THEN 'accepted' ELSE '23514 contact_status_mailable' END, name || ', by statement: on any list')
    FROM helper.person WHERE contact_id > 1 ORDER BY contact_id;
INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i) FROM generate_series(101, 1000) i;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, l, 'added' FROM generate_series(101, 1000) i,
    generate_series(1, 2) l;
SELECT lives_ok($$INSERT INTO public.by_statement (contact_id, list_id) SELECT c, l
        FROM generate_series(101, 1000) c, generate_series(1, 2) l ORDER BY hashint8(c), l$$, 'many rows, in no order');
SELECT lives_ok($$INSERT INTO public.by_statement (contact_id, list_id) SELECT c, l
        FROM generate_series(1000, 101, -97) c, generate_series(1, 2) l$$, 'few rows, far from each other');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (700, 2, 'unsubscribed');
SELECT helper.refused_helpfully(statement, '23514 contact_status_mailable', naming, 'by statement: ' || description)
FROM (VALUES
    ($$INSERT INTO public.by_statement (contact_id, list_id) SELECT c, l
            FROM generate_series(1000, 101, -1) c, generate_series(1, 2) l$$, 'contact 700.*list 2.*unsubscribed',
        'one among many'),
    ($$INSERT INTO public.by_statement (contact_id, list_id) VALUES (999, 1), (1001, 1)$$, '1001',
        'an unknown contact'),
    ($$INSERT INTO public.by_statement (contact_id, list_id) VALUES (2, 1), (2, 77)$$, '2', 'an unknown list'),
    ($$INSERT INTO public.by_statement (contact_id) VALUES (2), (NULL)$$, '', 'no contact'),
    ($$INSERT INTO public.by_statement (contact_id, account_id) VALUES (2, 1), (60, 2)$$, '60',
        'silent for too long, in another account')) AS wrong (statement, naming, description);
SELECT helper.accepted('INSERT INTO public.by_statement (contact_id, account_id) VALUES (2, 1), (61, 2), (12, 1)',
    'by statement: accounts in turn, and one whose suspension has ended');
SELECT helper.accepted('INSERT INTO public.by_statement (contact_id) SELECT 6 WHERE false', 'by statement: no row');
SELECT helper.refused($$DO 'BEGIN INSERT INTO crm.event (contact_id, kind) VALUES (2, ''complained'');
            INSERT INTO public.by_statement (contact_id) VALUES (2); END'$$, '23514 contact_status_mailable',
    'by statement: after an opt-out of the same transaction');

-- An application without rights on our tables
CREATE ROLE contact_status_test_sender;
GRANT INSERT ON public.by_list, public.skipping TO contact_status_test_sender;
SET LOCAL ROLE contact_status_test_sender;
SELECT lives_ok('INSERT INTO public.by_list (contact_id, list_id) VALUES (2, 1)',
    'a role that may only fill the outbox: accepted');
SELECT throws_ok('INSERT INTO public.by_list (contact_id, list_id) VALUES (6, 1)', '23514', NULL, 'and refused');
RESET ROLE;

-- Made wrongly
CREATE FUNCTION helper.with_trigger(definition text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE 'CREATE TRIGGER m ' || definition;
    INSERT INTO public.outbox (contact_id, list_id) VALUES (1, 1);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
SELECT is(helper.with_trigger(definition), expected, definition) FROM (VALUES
    ($$BEFORE INSERT ON public.outbox FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable()$$, '22023'),
    ($$BEFORE INSERT ON public.outbox FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm')$$, '22023'),
    ($$BEFORE INSERT ON public.outbox FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm', 'skip')$$,
        '42703'),
    ($$BEFORE INSERT ON public.outbox FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm', 'nosuch')$$,
        '42703'),
    ($$BEFORE INSERT ON public.outbox FOR EACH ROW $$
        || $$EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id', 'account_id', 'maybe')$$,
        '22023'),
    ($$BEFORE INSERT ON public.outbox FOR EACH ROW $$
        || $$EXECUTE FUNCTION contact_status.require_mailable('nosuch', 'contact_id')$$, '3F000'),
    ($$AFTER INSERT ON public.outbox FOR EACH ROW $$
        || $$EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id')$$, '39P01'),
    ($$BEFORE INSERT ON public.outbox FOR EACH STATEMENT $$
        || $$EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id')$$, '39P01'),
    ($$AFTER INSERT ON public.outbox FOR EACH STATEMENT $$
        || $$EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id')$$, '39P01'),
    ($$AFTER INSERT ON public.outbox REFERENCING NEW TABLE AS messages FOR EACH STATEMENT $$
        || $$EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'skip')$$, '22023'))
            AS wrong (definition, expected);
SELECT isnt(helper.with_trigger($$BEFORE INSERT ON public.outbox FOR EACH ROW
            EXECUTE FUNCTION contact_status.require_mailable('public', 'contact_id')$$), 'accepted',
    'a schema that is no installation');
SELECT * FROM finish();
ROLLBACK;
