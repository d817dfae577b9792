-- Transactional mail: view deliverable and require_mailable(..., 'transactional'). The address works, the contact is
-- not deleted and, by policy, did not complain. Opt-outs, suspensions and unresponsiveness stop advertising only.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm', policy => 'emailmanager');
INSERT INTO crm.policy (name, soft_bounce_limit, soft_bounce_outcome, unresponsive_campaigns, complaint_stops_all)
    VALUES ('lenient', 2, 'failing', 2, false), ('strict', 2, 'failing', 2, true);
UPDATE crm.account SET policy = 'strict';
INSERT INTO crm.account (account_id, policy) VALUES (2, 'lenient');
INSERT INTO crm.list (account_id, list_id) VALUES (2, 1);
CREATE TABLE public.outbox (n int GENERATED ALWAYS AS IDENTITY, contact_id bigint, list_id bigint, account_id bigint);
CREATE TABLE public.skipping (LIKE public.outbox INCLUDING ALL);
CREATE TRIGGER m BEFORE INSERT ON public.outbox FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id', 'account_id', 'transactional');
CREATE TRIGGER m BEFORE INSERT ON public.skipping FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm',
    'contact_id', 'list_id', 'account_id', 'skip', 'transactional');

-- What befell a contact; whether it gets transactional mail under policy strict, and under lenient.
CREATE TABLE helper.person (contact_id int GENERATED ALWAYS AS IDENTITY, events text, strict boolean, lenient boolean);
INSERT INTO helper.person (events, strict, lenient) VALUES
('', true, true),
('added l1', true, true),
('signed_up l1', true, true),
('added l1, unsubscribed l1', true, true),
('unsubscribed', true, true),
('added l1, suspended', true, true),
('added l1, suspended @-30h until=-2h', true, true),
('added l1, lapsed', true, true),
('added l1, sent c1, sent c2', true, true),
('added l1, soft_bounced c1', true, true),
('added l1, soft_bounced c1, soft_bounced c2', false, false),
('added l1, soft_bounced c1, soft_bounced c2, delivered c3', true, true),
('added l1, hard_bounced', false, false),
('added l1, hard_bounced, validated', true, true),
('added l1, unsubscribed, soft_bounced c1, soft_bounced c2', false, false),
('added l1, unsubscribed, nonexistent', false, false),
('added l1, complained', false, true),
('added l1, complained, unsubscribed, suspended', false, true),
('added l1, complained, hard_bounced', false, false),
('added l1, complained, soft_bounced c1, soft_bounced c2', false, false),
('added l1, deleted', false, false),
('added l1, deleted, restored', true, true),
('added l1, complained, deleted', false, false);
INSERT INTO crm.contact (account_id, contact_id, email) SELECT a, contact_id, format('c%s@example.org', contact_id)
    FROM helper.person, generate_series(1, 2) AS a;
INSERT INTO crm.event (account_id, contact_id, kind, list_id, campaign_id, occurred_at, until)
SELECT a, p.contact_id, h.kind, ltrim(h.list, 'l')::bigint, h.campaign_id, h.occurred_at, h.until
FROM helper.person AS p, helper.history(p.events) AS h, generate_series(1, 2) AS a;

CREATE FUNCTION helper.wanted(p helper.person, account bigint) RETURNS boolean
    LANGUAGE sql AS $$ SELECT CASE account WHEN 1 THEN p.strict ELSE p.lenient END $$;
SELECT is(EXISTS (SELECT FROM crm.deliverable d
        WHERE d.account_id = a AND d.contact_id = p.contact_id AND d.email = format('c%s@example.org', p.contact_id)),
    helper.wanted(p, a), format('deliverable, account %s: %s', a, p.events))
    FROM helper.person AS p, generate_series(1, 2) AS a ORDER BY a, p.contact_id;
SELECT is((helper.refusal(format('INSERT INTO public.outbox (account_id, contact_id, list_id) VALUES (%s, %s, %s)', a,
            p.contact_id, coalesce(l, 'NULL')))).verdict,
    CASE WHEN helper.wanted(p, a) THEN 'accepted' ELSE '23514 contact_status_mailable' END,
        format('outbox, account %s, list %s: %s', a, coalesce(l, 'NULL'), p.events))
FROM helper.person AS p, generate_series(1, 2) AS a, unnest('{NULL,1,77}'::text[]) AS l ORDER BY a, p.contact_id, l;
INSERT INTO public.skipping (account_id, contact_id) SELECT a, contact_id
    FROM helper.person, generate_series(1, 2) AS a;
SELECT results_eq('SELECT account_id, contact_id FROM public.skipping ORDER BY 1, 2',
    'SELECT account_id, contact_id FROM crm.deliverable ORDER BY 1, 2',
    'an outbox that skips has the contacts of deliverable');

SELECT helper.refused_helpfully(statement, '23514 contact_status_mailable', naming, description) FROM (VALUES
    ($$INSERT INTO public.outbox (account_id, contact_id) VALUES (1, 17)$$, 'contact 17.*complained',
        'names the contact and the status'),
    ($$INSERT INTO public.outbox (account_id, contact_id) VALUES (1, 999)$$, '999', 'an unknown contact'),
    ($$INSERT INTO public.outbox (account_id, contact_id) VALUES (1, NULL)$$, '', 'no contact')) AS wrong (statement,
    naming, description);

-- a trigger whose schema was renamed, or whose arguments are wrong
CREATE TABLE public.webhook (at timestamptz, customer bigint, what text);
CREATE TRIGGER forward AFTER INSERT ON public.webhook REFERENCING NEW TABLE AS forwarded
    FOR EACH STATEMENT
        EXECUTE FUNCTION contact_status.forward_events('crm', 'contact_id=customer', 'kind=what', 'occurred_at=at');
CREATE TABLE public.wrong (contact_id bigint);
CREATE TRIGGER m BEFORE INSERT ON public.wrong FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'transactional', 'skip');
SELECT helper.refused_helpfully('INSERT INTO public.wrong VALUES (1)', '42703', 'transactional',
    'transactional is the last argument');
ALTER SCHEMA crm RENAME TO sales;
SELECT helper.refused_helpfully(statement, '3F000', naming, naming) FROM (VALUES
    ($$INSERT INTO public.outbox (account_id, contact_id) VALUES (1, 1)$$,
        'trigger "m" of table "outbox" names schema "crm", which does not exist'),
    ($$INSERT INTO public.webhook VALUES ('2026-01-01', 1, 'opened')$$,
        'trigger "forward" of table "webhook" names schema "crm", which does not exist')) AS renamed (
        statement, naming);
ALTER SCHEMA sales RENAME TO crm;

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
