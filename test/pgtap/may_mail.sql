-- may_mail gives the answer of view mailable for every contact and list, due or not, and under row-level security.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id) VALUES (2), (3);
INSERT INTO crm.account (account_id, policy) VALUES (2, 'emailmanager');
INSERT INTO crm.list (account_id, list_id) VALUES (2, 1);
INSERT INTO crm.contact (account_id, contact_id, email)
    SELECT a, i, format('c%s@example.org', i) FROM generate_series(1, 2) a, generate_series(1, 40) i;
INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) SELECT a, i, l, 'added',
    now() - interval '30 days'
    FROM generate_series(1, 2) a, generate_series(1, 40) i, generate_series(1, 2) l WHERE i < 40 AND (a = 1 OR l = 1);
-- a kind for each fourth of the contacts, the rest stay active
INSERT INTO crm.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at, until)
    SELECT a, k.i, k.list, k.campaign, k.kind::contact_status.event_kind, now() - k.ago::interval,
        now() + k.until::interval
      FROM generate_series(1, 2) a, (VALUES (1, NULL::bigint, 7::bigint, 'soft_bounced', '1 day', NULL),
        (2, NULL, 7, 'nonexistent', '1 day', NULL), (3, 1, NULL, 'unsubscribed', '1 day', NULL),
        (4, NULL, NULL, 'unsubscribed', '1 day', NULL), (5, NULL, NULL, 'complained', '1 day', NULL),
        (6, 1, NULL, 'removed', '1 day', NULL), (7, NULL, NULL, 'deleted', '1 day', NULL),
        (8, NULL, NULL, 'suspended', '1 day', NULL), (9, NULL, NULL, 'suspended', '1 day', '1 day'),
        (10, NULL, NULL, 'suspended', '1 day', '-1 hour'), (11, NULL, NULL, 'lapsed', '1 day', NULL),
        (12, NULL, 7, 'sent', '16 days', NULL), (13, NULL, 7, 'sent', '14 days', NULL),
        (14, NULL, NULL, 'suspended', '20 days', '-16 days'), (14, NULL, 7, 'sent', '16 days', NULL),
        (15, 1, NULL, 'unsubscribed', '2 days', NULL), (15, NULL, NULL, 'suspended', '1 day', '-1 hour')
      ) k (i, list, campaign, kind, ago, until);
-- as if time had passed since the last event
SET LOCAL session_replication_role = replica;
UPDATE crm.contact SET due_at = now() - interval '1 minute' WHERE contact_id IN (10, 12, 13, 14, 15);
UPDATE crm.subscription
    SET status = CASE contact_id WHEN 12 THEN 'active' ELSE 'suspended' END::contact_status.contact_status
 WHERE contact_id IN (10, 12, 14, 15);
SET LOCAL session_replication_role = origin;
CREATE FUNCTION helper.differences() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('account %s, contact %s, list %s', a, c, l)
      FROM generate_series(1, 3) a, generate_series(0, 41) c, unnest('{1,2,3,4,NULL}'::bigint[]) l
     WHERE contact_status.may_mail('crm', a, c, l) IS DISTINCT FROM EXISTS (SELECT FROM crm.mailable m
           WHERE m.account_id = a AND m.contact_id = c AND (l IS NULL OR m.list_id = l))
$$;
SELECT is_empty('SELECT helper.differences()', 'the answers of view mailable');
SELECT cmp_ok((SELECT count(*) FROM crm.contact WHERE due_at <= now()), '>=', 4::bigint, 'some contacts are due');
SELECT results_eq(
    $$SELECT contact_status.may_mail('crm', a, c, l) FROM (VALUES (1::bigint, 20::bigint, 1::bigint), (1, 2, 1),
    (1, 3, 2), (1, 3, NULL), (1, 10, 1), (2, 12, 1), (2, 13, 1), (NULL, 20, 1), (1, NULL, 1)) v (a, c, l)$$,
    '{true,false,true,true,true,false,true,false,false}'::bool[], 'mailable, dead, opted out of a list, due, and null');

-- the snapshot of the statement, as for the view
DECLARE open_before CURSOR FOR SELECT contact_status.may_mail('crm', 1, 20, 1), count(*) FROM crm.mailable
    WHERE account_id = 1 AND contact_id = 20 AND list_id = 1;
INSERT INTO crm.event (contact_id, kind) VALUES (20, 'complained');
SELECT results_eq('FETCH open_before', 'VALUES (true, 1::bigint)', 'a cursor that was open before');
SELECT is(contact_status.may_mail('crm', 1, 20, 1), false, 'and a new statement');
SELECT is_empty('SELECT helper.differences()', 'after an event');
CLOSE open_before;
SELECT is(contact_status.sweep('crm') > 0, true, 'a sweep');
SELECT is_empty('SELECT helper.differences()', 'after a sweep');

-- under row-level security, and without privileges
SELECT contact_status.enable_tenant_security('crm', 'app.account_id');
CREATE ROLE contact_status_test_tenant;
GRANT USAGE ON SCHEMA crm, helper, public TO contact_status_test_tenant;
SET LOCAL ROLE contact_status_test_tenant;
SELECT throws_ok($$SELECT contact_status.may_mail('crm', 1, 21, 1)$$, '42501', NULL, 'a role without privileges');
RESET ROLE;
GRANT SELECT ON crm.subscription, crm.contact, crm.account, crm.policy, crm.mailable TO contact_status_test_tenant;
SET LOCAL ROLE contact_status_test_tenant;
SET LOCAL app.account_id = 2;
SELECT is_empty('SELECT helper.differences()', 'a tenant: the answers of its view');
SELECT results_eq($$SELECT contact_status.may_mail('crm', a, 21, 1) FROM generate_series(1, 2) a$$,
    '{false,true}'::bool[],
    'a tenant: nothing of another account');
RESET ROLE;
CREATE POLICY part ON crm.contact AS RESTRICTIVE TO contact_status_test_tenant USING (contact_id < 30);
SET LOCAL ROLE contact_status_test_tenant;
SELECT is_empty('SELECT helper.differences()', 'a policy of the application');
SELECT is(contact_status.may_mail('crm', 2, 31, 1), false, 'and it hides a contact');
RESET ROLE;

-- one statement, several schemas and roles; a hostile search_path
SELECT contact_status.create_tables('other');
SELECT results_eq($$SELECT contact_status.may_mail(s, 1, 21, 1) FROM unnest('{crm,other,crm}'::name[]) s$$,
    '{true,false,true}'::bool[], 'a schema for each row');
CREATE FUNCTION helper.no(bigint, bigint) RETURNS boolean LANGUAGE sql RETURN false;
CREATE OPERATOR helper.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = helper.no);
SET LOCAL search_path = helper, pg_catalog, public;
SELECT is(contact_status.may_mail('crm', 1, 21, NULL), true, 'an operator of the caller');
RESET search_path;
DROP OPERATOR helper.= (bigint, bigint);

-- mark: the row stays, and a column says why the contact may not be mailed
CREATE TABLE public.outbox (contact_id bigint, list_id bigint, refused boolean, why text, n int);
CREATE TRIGGER m BEFORE INSERT OR UPDATE OF contact_id ON public.outbox FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id', 'mark', 'refused');
CREATE TRIGGER w BEFORE INSERT OR UPDATE OF contact_id ON public.outbox FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id', 'mark', 'why');
INSERT INTO public.outbox VALUES (21, 1), (3, 1), (3, 2), (5, 1), (99, 1), (NULL, 1);
SELECT results_eq('SELECT contact_id::int, list_id::int, refused, why FROM public.outbox',
    $$VALUES (21, 1, false, NULL), (3, 1, true, 'unsubscribed'), (3, 2, false, NULL), (5, 1, true, 'complained'),
        (99, 1, true, 'unknown'), (NULL, 1, true, 'unknown')$$, 'mark');
UPDATE public.outbox SET contact_id = 22 WHERE contact_id = 5;
SELECT is((SELECT refused FROM public.outbox WHERE contact_id = 22), false, 'mark: an update takes the mark back');
SELECT is((WITH claimed AS (SELECT contact_id FROM public.outbox o
            WHERE contact_status.may_mail('crm', 1, o.contact_id, o.list_id)
    ORDER BY contact_id LIMIT 2 FOR UPDATE SKIP LOCKED) SELECT array_agg(contact_id::int) FROM claimed), '{3,21}',
    'a worker claims rows');
CREATE FUNCTION helper.marks(definition text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE 'CREATE TRIGGER x BEFORE INSERT ON public.outbox FOR EACH ROW
        EXECUTE FUNCTION contact_status.require_mailable('
        || definition || ')';
    INSERT INTO public.outbox VALUES (21, 1);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
SELECT is(helper.marks(definition), expected, 'arguments ' || definition) FROM (VALUES
    ($$'crm', 'contact_id', 'mark', 'nosuch'$$, '42703'), ($$'crm', 'contact_id', 'mark', 'n'$$, '42804'),
    ($$'crm', 'contact_id', 'mark'$$, '42703'), ($$'crm', 'mark', 'why'$$, '42703'),
    ($$'crm', 'contact_id', 'mark', 'why', 'transactional'$$, 'accepted')) v (definition, expected);
SELECT * FROM finish();
ROLLBACK;
