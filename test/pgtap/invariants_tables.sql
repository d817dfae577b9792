\i test/pgtap/setup.inc
-- The tables: whose they are, every way of writing events, several installations and accounts, the application's own
-- triggers, columns, checks and keys, and verify and repair.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'ecomail');

CREATE FUNCTION helper.status(bigint) RETURNS text LANGUAGE sql AS $$
    SELECT status::text FROM crm.contact WHERE account_id = 1 AND contact_id = $1
$$;

-- What an installation begins with ------------------------------------------------------------------------------------

SELECT set_eq('SELECT name FROM crm.policy', '{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[],
    'five policies');
SELECT results_eq('SELECT account_id, policy, contact_limit FROM crm.account',
    $$VALUES (1::bigint, 'ecomail'::text, NULL::bigint)$$, 'account 1 under the policy given');
SELECT results_eq('SELECT account_id, list_id, double_opt_in FROM crm.list',
    'VALUES (1::bigint, 1::bigint, NULL::boolean)', 'account 1 begins with list 1');
INSERT INTO crm.contact (email) VALUES ('ann@example.org') RETURNING contact_id AS ann \gset
INSERT INTO crm.event (contact_id, list_id, kind, source) VALUES (:ann, 1, 'added', 'import');
SELECT is(helper.status(:ann), 'active', 'a contact and an event, and no account typed');
SELECT results_eq('SELECT account_id, list_id, contact_id, email FROM crm.mailable',
    format('VALUES (1::bigint, 1::bigint, %s::bigint, ''ann@example.org''::text)', :ann), 'mailable has the address');
INSERT INTO crm.list (name) VALUES ('offers') RETURNING list_id AS offers \gset
SELECT isnt(:offers, 1, 'the second list has a number of its own');

-- Owned by who called, no members of the extension --------------------------------------------------------------------

CREATE ROLE contact_status_test_owner;
SELECT format('GRANT CREATE ON DATABASE %I TO contact_status_test_owner', current_database()) \gexec
SET ROLE contact_status_test_owner;
CREATE SCHEMA shop;
SELECT contact_status.create_tables('shop', policy => 'emailmanager') \g /dev/null
INSERT INTO shop.contact (contact_id, email) VALUES (1, 'bob@example.org'), (2, 'eve@example.org');
INSERT INTO shop.event (contact_id, list_id, kind, occurred_at) VALUES
    (1, 1, 'added', now() - interval '1 hour'), (2, 1, 'added', now() - interval '1 hour');
INSERT INTO shop.event (contact_id, kind) VALUES (1, 'nonexistent'), (2, 'delivered');
RESET ROLE;
SELECT results_eq('SELECT contact_id::int, status::text FROM shop.contact ORDER BY 1',
    $$VALUES (1, 'hard_bounced'), (2, 'active')$$, 'a role that is no superuser makes and uses tables of its own');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c
        WHERE c.relnamespace = 'shop'::regnamespace AND c.relowner <> 'contact_status_test_owner'::regrole$$,
    'all that was created is owned by the caller');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_depend AS d
        JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
    WHERE d.deptype = 'e' AND c.relnamespace IN ('crm'::regnamespace, 'shop'::regnamespace)$$,
        'and is no member of the extension');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c
        WHERE c.relkind = 'v' AND c.relnamespace IN ('crm'::regnamespace, 'shop'::regnamespace)
    AND NOT coalesce(c.reloptions, '{}') && '{security_invoker=true,security_invoker=on,security_invoker=1}'$$,
        'views judge by the rights of who asks');
SELECT is(verdict, '23514 contact_status_derived', 'the owner may not write a status either')
FROM helper.refusal($$SET LOCAL ROLE contact_status_test_owner; UPDATE shop.contact SET status = 'unsubscribed'$$);
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'contact_status'::regnamespace
        AND p.prosecdef$$, 'no function runs with the rights of its owner');

-- Two installations in one database know nothing of each other.
SELECT is((SELECT count(*)::int FROM crm.event), 1, 'the events of the one are not in the other');
INSERT INTO shop.event (contact_id, kind) VALUES (2, 'complained');
SELECT is(helper.status(:ann), 'active', 'an event in the one changes nothing in the other');
UPDATE shop.policy SET soft_bounce_limit = 1;
INSERT INTO crm.event (contact_id, kind) VALUES (:ann, 'soft_bounced');
SELECT is(helper.status(:ann), 'soft_bounced', 'policies are each installation''s own');
SELECT is(contact_status.sweep('shop')::int, 0, 'sweep of the one');
SELECT * FROM helper.check_whole('crm');
SELECT * FROM helper.check_whole('shop');

-- A schema whose name must be quoted.
SELECT contact_status.create_tables('Müller & "Söhne"', policy => 'default') \g /dev/null
INSERT INTO "Müller & ""Söhne""".contact (contact_id, email) VALUES (1, 'jo@example.org');
INSERT INTO "Müller & ""Söhne""".event (contact_id, list_id, kind, occurred_at) VALUES
    (1, 1, 'added', '2025-01-01'), (1, NULL, 'delivered', '2025-01-03');
INSERT INTO "Müller & ""Söhne""".event (contact_id, list_id, kind, occurred_at) VALUES
    (1, NULL, 'hard_bounced', '2025-01-02');
SELECT is(status, 'hard_bounced', 'a schema whose name must be quoted') FROM "Müller & ""Söhne""".contact;
SELECT is(contact_status.sweep('Müller & "Söhne"')::int, 0, 'sweep of it');
SELECT is(contact_status.reevaluate('Müller & "Söhne"')::int, 0, 'reevaluate of it');
SELECT is_empty($$SELECT * FROM contact_status.verify('Müller & "Söhne"')$$, 'verify of it');

-- No search_path is relied upon.
SET LOCAL search_path = '';
INSERT INTO crm.event (contact_id, kind) VALUES (:ann, 'opened');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
    (:ann, 'soft_bounced', pg_catalog.now() - interval '3 hours');
RESET search_path;
SELECT is(helper.status(:ann), 'active', 'events with an empty search_path');

-- Several accounts ----------------------------------------------------------------------------------------------------

INSERT INTO crm.account (account_id, policy) VALUES (2, 'salesmanago'), (3, 'emailmanager');
INSERT INTO crm.list (account_id, list_id, name) OVERRIDING SYSTEM VALUE VALUES
    (2, 1, 'a list 1 of its own'), (3, 1, 'and another');
INSERT INTO crm.contact (account_id, contact_id, email) SELECT a, 500, 'same@example.org'
    FROM generate_series(1, 3) AS a;
INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) SELECT a, 500, 1, 'added',
    now() - interval '5 hours' FROM generate_series(1, 3) AS a;
INSERT INTO crm.event (account_id, contact_id, kind, campaign_id, occurred_at)
SELECT a, 500, 'hard_bounced', 7, now() - interval '4 hours' FROM generate_series(1, 3) AS a;
SELECT results_eq('SELECT account_id::int, status::text FROM crm.contact WHERE contact_id = 500 ORDER BY 1',
    $$VALUES (1, 'hard_bounced'), (2, 'soft_bounced'), (3, 'soft_bounced')$$,
    'one number in three accounts, each under its own policy, in one statement');
INSERT INTO crm.event (account_id, contact_id, kind) VALUES (2, 500, 'complained');
SELECT results_eq('SELECT account_id::int, status::text FROM crm.contact WHERE contact_id = 500 ORDER BY 1',
    $$VALUES (1, 'hard_bounced'), (2, 'complained'), (3, 'soft_bounced')$$, 'an event of one account is of no other');
UPDATE crm.policy SET hard_bounce_limit = 2 WHERE name = 'ecomail';
SELECT is(contact_status.reevaluate('crm', 2)::int, 0, 'reevaluate of one account leaves the others');
SELECT is(helper.status(500), 'hard_bounced', 'as they were');
SELECT is(contact_status.reevaluate('crm', 1)::int, 1, 'until they are reevaluated themselves');
SELECT is(helper.status(500), 'soft_bounced', 'and follow the changed policy');
UPDATE crm.policy SET hard_bounce_limit = 1 WHERE name = 'ecomail';
SELECT contact_status.reevaluate('crm') \g /dev/null

-- Every way of writing events -----------------------------------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) SELECT n, format('w%s@example.org', n) FROM generate_series(601, 640) AS n;
COPY crm.event (contact_id, list_id, campaign_id, kind, occurred_at, source) FROM stdin;
601	1	\N	added	2025-01-01 10:00+00	import
602	1	\N	added	2025-01-01 10:00+00	import
602	\N	7	nonexistent	2025-01-03 10:00+00	webhook
601	1	\N	unsubscribed	2025-01-02 10:00+00	link
601	1	\N	added	2025-01-04 10:00+00	import
603	1	\N	signed_up	2025-01-01 10:00+00	form
\.
SELECT is(helper.status(601) || ' ' || helper.status(602) || ' ' || helper.status(603),
    'unsubscribed hard_bounced unconfirmed', 'COPY');

INSERT INTO crm.event (contact_id, list_id, kind, occurred_at)
SELECT n, 1, kind, '2025-01-01'::timestamptz + step * interval '1 day'
FROM generate_series(604, 623) AS n,
    unnest('{suspended,opened,added}'::contact_status.event_kind[]) WITH ORDINALITY AS k (kind, step) ORDER BY random();
SELECT is(count(*)::int, 20, 'INSERT ... SELECT of many contacts in any order') FROM crm.contact
    WHERE contact_id BETWEEN 604 AND 623 AND status = 'suspended';

PREPARE record(bigint, bigint, contact_status.event_kind, timestamptz) AS
INSERT INTO crm.event (contact_id, campaign_id, kind, occurred_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (624, 1, 'added', '2025-01-01');
EXECUTE record(624, 1, 'soft_bounced', '2025-01-02');
EXECUTE record(624, 2, 'soft_bounced', '2025-01-03');
EXECUTE record(624, 3, 'soft_bounced', '2025-01-04');
EXECUTE record(624, 4, 'soft_bounced', '2025-01-05');
EXECUTE record(624, 5, 'soft_bounced', '2025-01-06');
EXECUTE record(624, 6, 'soft_bounced', '2025-01-07');
EXECUTE record(624, 7, 'soft_bounced', '2025-01-08');
EXECUTE record(624, 8, 'soft_bounced', '2025-01-09');
EXECUTE record(624, 9, 'soft_bounced', '2025-01-10');
EXECUTE record(624, 9, 'soft_bounced', '2025-01-10');
SELECT is(helper.status(624), 'soft_bounced', 'a prepared statement: nine errors, one of them twice');
EXECUTE record(624, 10, 'soft_bounced', '2025-01-11');
SELECT is(helper.status(624), 'hard_bounced', 'and the tenth');

WITH added AS (INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (625, 1, 'added', '2025-01-01')
    RETURNING contact_id),
    bounced AS (INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (625, 'nonexistent', '2025-01-03')
        RETURNING contact_id)
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (625, 'delivered', '2025-01-02');
SELECT is(helper.status(625), 'hard_bounced', 'three INSERTs in one statement');

WITH made AS (INSERT INTO crm.contact (contact_id, email) VALUES (626000, 'made@example.org') RETURNING contact_id)
INSERT INTO crm.event (contact_id, list_id, kind) SELECT contact_id, 1, 'signed_up' FROM made;
SELECT is(helper.status(626000), 'unconfirmed', 'a contact and its first event in one statement');

INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT 626, 1, 'added', '2025-01-01' WHERE false;
SELECT is(helper.status(626), 'unconfirmed', 'a statement of no events');

DO $$
BEGIN
    FOR n IN 1 .. 200 LOOP
        INSERT INTO crm.event (contact_id, list_id, kind, occurred_at)
        VALUES (627, 1, (ARRAY['added', 'unsubscribed', 'delivered'])[1 + n % 3]::contact_status.event_kind,
            '2025-01-01'::timestamptz + n * interval '1 hour');
    END LOOP;
END $$;
SELECT is(helper.status(627), 'unsubscribed', 'two hundred statements of one contact in a block');

INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at)
SELECT 628, CASE WHEN n = 1 THEN 1 END, n,
    CASE WHEN n = 1 THEN 'added' WHEN n = 20000 THEN 'soft_bounced' ELSE 'delivered' END::contact_status.event_kind,
    '2024-01-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 20000) AS n ORDER BY n % 97;
SELECT is(helper.status(628), 'soft_bounced', 'twenty thousand events of one contact in one statement');

INSERT INTO crm.event (contact_id, list_id, kind) VALUES (629, 1, 'added')
    RETURNING account_id, event_key, occurred_at <= clock_timestamp() AS clocked \gset
SELECT is(:'account_id' || ' ' || :'event_key' || ' ' || :'clocked', '1  t', 'RETURNING gives the defaults');

-- Savepoints ----------------------------------------------------------------------------------------------------------

INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (630, 1, 'added', now() - interval '9 hours');
SAVEPOINT one;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (630, 'complained', now() - interval '5 hours');
ROLLBACK TO one;
SELECT is(helper.status(630), 'active', 'what was rolled back to a savepoint never happened');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (630, 'soft_bounced', now() - interval '6 hours');
SELECT is(helper.status(630), 'soft_bounced', 'events go on after it');
SAVEPOINT two;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (630, 'delivered', now() - interval '4 hours');
RELEASE two;
SELECT is(helper.status(630), 'active', 'what was released holds');
DO $$
BEGIN
    INSERT INTO crm.event (contact_id, kind) VALUES (630, 'unsubscribed');
    PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero THEN
    INSERT INTO crm.event (contact_id, kind) VALUES (630, 'suspended');
END $$;
SELECT is(helper.status(630), 'suspended', 'a block that failed after its event');
SELECT is((SELECT count(*)::int FROM crm.event WHERE contact_id = 630), 4, 'only what holds is in the log');

-- Contacts that come and go -------------------------------------------------------------------------------------------

INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (631, 1, 'added', '2025-01-01'), (631, 1, 'unsubscribed', '2025-01-02');
DELETE FROM crm.contact WHERE contact_id = 631;
SELECT is_empty('SELECT * FROM crm.subscription WHERE contact_id = 631', 'subscriptions go with the contact');
SELECT is((SELECT count(*)::int FROM crm.event WHERE contact_id = 631), 2, 'its events stay');
SELECT is(verdict, 'accepted', 'and further ones are recorded')
    FROM helper.refusal($$INSERT INTO crm.event (contact_id, kind) VALUES (631, 'opened')$$);
SELECT * FROM helper.check_whole();
INSERT INTO crm.contact (contact_id, email) VALUES (631, 'somebody.else@example.org');
SELECT is(helper.status(631), 'unconfirmed', 'another one of the same id begins without them');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (631, 1, 'added', '2025-02-01');
SELECT is(helper.status(631), 'active', 'and is judged by its own');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (631, 'soft_bounced', '2024-12-31');
SELECT is(helper.status(631), 'soft_bounced', 'a late event of its own, dated before the old ones');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (631, 'opened', '2025-01-01 12:00+00');
SELECT is(helper.status(631), 'active', 'and another among them');
SELECT is(contact_status.reevaluate('crm')::int, 0, 'the old events stay out when all is folded again');
SELECT * FROM helper.check_whole();
WITH gone AS (DELETE FROM crm.contact WHERE contact_id = 631 RETURNING contact_id) SELECT count(*)
    FROM gone \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (631, 'a.third@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (631, 1, 'signed_up', '2020-01-01');
SELECT is(helper.status(631), 'unconfirmed', 'a third one of the same id');

-- The application's own -----------------------------------------------------------------------------------------------

-- a trigger on subscription
CREATE TABLE helper.seen (nr int GENERATED ALWAYS AS IDENTITY, op text, old contact_status.contact_status,
    new contact_status.contact_status);
CREATE FUNCTION helper.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO helper.seen (op, old, new) VALUES (tg_op, CASE tg_op WHEN 'INSERT' THEN NULL ELSE OLD.status END,
        CASE tg_op WHEN 'DELETE' THEN NULL ELSE NEW.status END);
    RETURN NULL;
END $$;
CREATE TRIGGER see AFTER INSERT OR UPDATE OF status OR DELETE ON crm.subscription FOR EACH ROW
    EXECUTE FUNCTION helper.see();
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (632, 1, 'signed_up', '2025-01-01');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (632, 1, 'confirmed', '2025-01-02');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (632, NULL, 'soft_bounced', '2025-01-03');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (632, NULL, 'opened', '2025-01-04');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, until) VALUES
    (632, NULL, 'suspended', '2025-01-05', now() + interval '1 hour');
SELECT contact_status.sweep('crm', now() + interval '1 hour') \g /dev/null
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (632, 1, 'removed', now());
SELECT results_eq('SELECT op, old::text, new::text FROM helper.seen WHERE old IS DISTINCT FROM new ORDER BY nr',
    $$VALUES ('INSERT', NULL, 'unconfirmed'), ('UPDATE', 'unconfirmed', 'active'), ('UPDATE', 'active', 'soft_bounced'),
        ('UPDATE', 'soft_bounced', 'active'),
             ('UPDATE', 'active', 'suspended'), ('UPDATE', 'suspended', 'active'), ('DELETE', 'active', NULL)$$,
    'a trigger on subscription sees every change of status, of sweeps too');
DROP TRIGGER see ON crm.subscription;

-- triggers on contact, before and after
CREATE TABLE helper.seen_contact (nr int GENERATED ALWAYS AS IDENTITY, old contact_status.contact_status,
    new contact_status.contact_status);
CREATE FUNCTION helper.see_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO helper.seen_contact (old, new) VALUES (OLD.status, NEW.status);
    RETURN NEW;
END $$;
CREATE TRIGGER see AFTER UPDATE ON crm.contact FOR EACH ROW WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION helper.see_contact();
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (633, 1, 'added', '2025-01-01');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (633, NULL, 'complained', '2025-01-02');
SELECT results_eq('SELECT old::text, new::text FROM helper.seen_contact ORDER BY nr',
    $$VALUES ('unconfirmed', 'active'), ('active', 'complained')$$,
    'and one on contact');
DROP TRIGGER see ON crm.contact;

CREATE FUNCTION helper.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.status := 'active';
    RETURN NEW;
END $$;
CREATE TRIGGER zz_meddle BEFORE UPDATE ON crm.contact FOR EACH ROW EXECUTE FUNCTION helper.meddle();
SELECT is(verdict, '23514 contact_status_derived', 'a trigger of the application''s may not write a status')
FROM helper.refusal('UPDATE crm.contact SET email = ''meddled@example.org'' WHERE contact_id = 633');
SELECT ok(verdict IN ('accepted', '23514 contact_status_derived'), 'nor turn what an event does into anything else')
FROM helper.refusal($$DO 'BEGIN
    INSERT INTO crm.event (contact_id, kind) VALUES (633, ''deleted'');
    IF helper.status(633) <> ''deleted'' THEN RAISE EXCEPTION ''it did''; END IF;
END'$$);
DROP TRIGGER zz_meddle ON crm.contact;

-- columns, generated and plain
ALTER TABLE crm.contact ADD COLUMN nick text DEFAULT 'nobody',
    ADD COLUMN active boolean GENERATED ALWAYS AS (contact_status.is_mailable(status)) STORED;
ALTER TABLE crm.subscription ADD COLUMN word text GENERATED ALWAYS AS (
    CASE WHEN contact_status.is_mailable(status) THEN 'yes' ELSE 'no' END) STORED;
UPDATE crm.contact SET nick = 'Jo' WHERE contact_id = 634;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (634, 1, 'added', '2025-01-01');
SELECT is(format('%s %s %s %s', status, nick, active, (SELECT word FROM crm.subscription WHERE contact_id = 634)),
    'active Jo t yes', 'generated columns follow') FROM crm.contact WHERE contact_id = 634;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (634, 'nonexistent', '2025-01-02');
SELECT is(format('%s %s %s %s', status, nick, active, (SELECT word FROM crm.subscription WHERE contact_id = 634)),
    'hard_bounced Jo f no', 'each change of status') FROM crm.contact WHERE contact_id = 634;
SELECT is_empty('SELECT contact_id FROM crm.contact WHERE active <> contact_status.is_mailable(status)',
    'of every contact');

-- checks
ALTER TABLE crm.subscription ADD CONSTRAINT no_holds CHECK (status <> 'suspended') NOT VALID;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (635, 1, 'added', '2025-01-01');
SELECT is(verdict, '23514 no_holds', 'a check on subscription is kept')
    FROM helper.refusal($$INSERT INTO crm.event (contact_id, kind) VALUES (635, 'suspended')$$);
ALTER TABLE crm.subscription DROP CONSTRAINT no_holds;
ALTER TABLE crm.contact ADD CONSTRAINT no_complaints CHECK (status <> 'complained') NOT VALID;
SELECT is(verdict, '23514 no_complaints', 'a check on contact is kept')
    FROM helper.refusal($$INSERT INTO crm.event (contact_id, kind) VALUES (635, 'complained')$$);
ALTER TABLE crm.contact DROP CONSTRAINT no_complaints;
INSERT INTO crm.event (contact_id, kind) VALUES (635, 'complained');
SELECT is(helper.status(635), 'complained', 'without it the event is taken');

-- foreign keys
CREATE TABLE helper.purchase (account_id bigint DEFAULT 1, contact_id bigint, amount numeric,
    FOREIGN KEY (account_id, contact_id) REFERENCES crm.contact (account_id, contact_id) ON DELETE CASCADE);
CREATE TABLE helper.preference (account_id bigint DEFAULT 1, list_id bigint DEFAULT 1, contact_id bigint,
    weekly boolean,
    FOREIGN KEY (account_id, list_id, contact_id) REFERENCES crm.subscription (account_id, list_id,
        contact_id) ON DELETE CASCADE);
CREATE TABLE helper.invoice (account_id bigint DEFAULT 1, list_id bigint DEFAULT 1, contact_id bigint,
    FOREIGN KEY (account_id, list_id, contact_id) REFERENCES crm.subscription (account_id, list_id, contact_id));
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (636, 1, 'added', '2025-01-01'), (637, 1, 'added', '2025-01-01');
INSERT INTO helper.purchase (contact_id, amount) VALUES (636, 9.90);
INSERT INTO helper.preference (contact_id, weekly) VALUES (636, true);
INSERT INTO helper.invoice (contact_id) VALUES (637);
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (636, 'soft_bounced', '2025-01-02');
SELECT is((SELECT count(*)::int FROM helper.purchase NATURAL JOIN helper.preference), 1,
    'rows that refer to contact and subscription stay through a change');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (636, 1, 'removed', '2025-01-03');
SELECT is((SELECT count(*)::int FROM helper.preference), 0, 'what refers to a subscription is deleted with it');
SELECT is(split_part(verdict, ' ', 1), '23503', 'or keeps it')
    FROM helper.refusal($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (637, 1, 'removed')$$);
DELETE FROM crm.contact WHERE contact_id = 636;
SELECT is((SELECT count(*)::int FROM helper.purchase), 0, 'what refers to a contact is deleted with it');

-- an index on what is derived
CREATE INDEX contact_by_status ON crm.contact (status) INCLUDE (account_id);
INSERT INTO crm.event (contact_id, kind) VALUES (638, 'complained');
SET LOCAL enable_seqscan = off;
SELECT is((SELECT array_agg(contact_id::int ORDER BY contact_id) FROM crm.contact
        WHERE status = 'complained' AND account_id = 1), '{633,635,638}', 'an index on status is kept up');
SET LOCAL enable_seqscan = on;
SELECT * FROM helper.check_whole();

-- History -------------------------------------------------------------------------------------------------------------

INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) VALUES
    (639, 1, 'signed_up', '2025-01-01', 'k1'), (639, 1, 'confirmed', '2025-01-02', 'k1'),
    (639, NULL, 'delivered', '2025-01-03', 'd1'),
    (639, NULL, 'soft_bounced', '2025-01-04', 's1'), (639, NULL, 'soft_bounced', '2025-01-05', 's2'),
    (639, NULL, 'opened', '2025-01-06', 'o1'),
    (639, 1, 'unsubscribed', '2025-01-07', 'u1'), (639, 1, 'added', '2025-01-08', 'a1');
SELECT results_eq($$SELECT list_id::int, changed_at, previous_status::text, status::text, kind::text, event_key
        FROM crm.status_history WHERE contact_id = 639 ORDER BY changed_at$$,
    $$VALUES (1, '2025-01-01'::timestamptz, NULL, 'unconfirmed', 'signed_up', 'k1'),
        (1, '2025-01-02', 'unconfirmed', 'active', 'confirmed', 'k1'),
        (1, '2025-01-04', 'active', 'soft_bounced', 'soft_bounced', 's1'),
        (1, '2025-01-06', 'soft_bounced', 'active', 'opened', 'o1'),
        (1, '2025-01-07', 'active', 'unsubscribed', 'unsubscribed', 'u1')$$,
        'status_history: every change and its event');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
    (639, 'opened', '2025-01-03 12:00+00'), (639, 'hard_bounced', '2025-01-05 12:00+00');
SELECT results_eq(
    $$SELECT previous_status::text, status::text FROM crm.status_history WHERE contact_id = 639 ORDER BY changed_at$$,
    $$VALUES (NULL, 'unconfirmed'), ('unconfirmed', 'active'), ('active', 'soft_bounced'),
        ('soft_bounced', 'hard_bounced'), ('hard_bounced', 'unsubscribed')$$,
    'status_history: a late event changes what followed it');

-- verify and repair ---------------------------------------------------------------------------------------------------

SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'nothing to find');
CREATE TABLE helper.breakage (nr int GENERATED ALWAYS AS IDENTITY, name text, statement text);
INSERT INTO helper.breakage (name, statement) VALUES
    ('a contact''s status', $$UPDATE crm.contact SET status = 'active' WHERE contact_id = 601$$),
    ('a subscription''s status', $$UPDATE crm.subscription SET status = 'active' WHERE contact_id = 601$$),
    ('a subscription''s consent', $$UPDATE crm.subscription SET consent = 'active' WHERE contact_id = 601$$),
    ('the time of a consent', $$UPDATE crm.subscription SET consent_at = '2020-01-01' WHERE contact_id = 601$$),
    ('a fact of the address', $$UPDATE crm.contact SET hard_bounced_at = NULL WHERE contact_id = 602$$),
    ('a complaint', $$UPDATE crm.contact SET complained_at = NULL WHERE contact_id = 638$$),
    ('monitored', $$UPDATE crm.contact SET monitored = NOT monitored WHERE contact_id = 603$$),
    ('a run of errors', $$UPDATE crm.contact SET run_campaigns = '{1,2,3,4}',
            run_times = array_fill('2025-01-01'::timestamptz, '{4}') WHERE contact_id = 604$$),
    ('a subscription lost', $$DELETE FROM crm.subscription WHERE contact_id = 601$$),
    ('a subscription too many',
        $$INSERT INTO crm.subscription (account_id, list_id, contact_id, status, consent, consent_at) VALUES
            (1, 1, 640, 'active', 'active', now())$$),
    ('an event not applied', $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (640, 1, 'added')$$),
    ('an event lost', $$DELETE FROM crm.event WHERE contact_id = 602 AND kind = 'nonexistent'$$);

-- What verify says when it is broken, and after repair. Nothing of it stays.
CREATE FUNCTION helper.broken(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
    left_over bigint;
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE statement;
    SET LOCAL session_replication_role = origin;
    SELECT count(*) INTO found FROM contact_status.verify('crm');
    PERFORM contact_status.repair('crm');
    SELECT count(*) INTO left_over FROM contact_status.verify('crm');
    RAISE EXCEPTION USING ERRCODE = 'HE001',
    MESSAGE = format('%s, %s', CASE WHEN found > 0 THEN 'found' ELSE 'missed' END,
        CASE left_over WHEN 0 THEN 'repaired' ELSE 'still broken' END);
EXCEPTION WHEN SQLSTATE 'HE001' THEN
    RETURN SQLERRM;
END $$;
SELECT is(helper.broken(statement), 'found, repaired', 'verify and repair: ' || name) FROM helper.breakage ORDER BY nr;
SELECT * FROM helper.check_whole();

SELECT * FROM finish();
ROLLBACK;
