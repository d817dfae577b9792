\i test/pgtap/setup.inc
-- What outlives a contact: its opt-outs, complaint and dead address stay under a keyed digest of the address, and come
-- back with it.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id, name) OVERRIDING SYSTEM VALUE VALUES (2, 'l2'), (3, 'l3');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'default'), (3, 'emailmanager');
INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (2, 1), (3, 1);

-- {f} the event that makes the fact, {s} what comes back: status and subscriptions after an import to lists 1 and 2.
CREATE TABLE helper.story (nr int PRIMARY KEY, name text, event text, kept text, back text);
INSERT INTO helper.story VALUES
(1, 'nothing', $$NULL$$, '', 'active (1 active, 2 active)'),
(2, 'opt-out of a list', $$1, 'unsubscribed'$$, 'unsubscribed 1', 'active (1 unsubscribed, 2 active)'),
(3, 'opt-out account-wide', $$NULL, 'unsubscribed'$$, 'unsubscribed', 'unsubscribed (1 unsubscribed, 2 unsubscribed)'),
(4, 'complaint', $$NULL, 'complained'$$, 'complained', 'complained (1 complained, 2 complained)'),
(5, 'complaint of a list''s message', $$1, 'complained'$$, 'complained', 'complained (1 complained, 2 complained)'),
(6, 'dead address', $$NULL, 'hard_bounced'$$, 'invalidated', 'hard_bounced (1 hard_bounced, 2 hard_bounced)'),
(7, 'declared dead', $$NULL, 'invalidated'$$, 'invalidated', 'hard_bounced (1 hard_bounced, 2 hard_bounced)'),
(8, 'temporary errors', $$NULL, 'soft_bounced'$$, '', 'active (1 active, 2 active)'),
(9, 'a hold', $$NULL, 'suspended'$$, '', 'active (1 active, 2 active)');

CREATE FUNCTION helper.address(way text, nr int) RETURNS text
    LANGUAGE sql AS $$ SELECT format('%s%s@example.org', translate(way, ' ,', ''), nr) $$;
CREATE FUNCTION helper.begin_stories(way text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s helper.story;
    contact bigint;
BEGIN
    FOR s IN SELECT * FROM helper.story ORDER BY nr LOOP
        INSERT INTO crm.contact (email) VALUES (helper.address(way, s.nr)) RETURNING contact_id INTO contact;
        INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
            (contact, 1, 'added', '2025-06-01 09:00+00');
        IF s.event <> 'NULL' THEN
            EXECUTE format('INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
                    (%s, %s, ''2025-06-01 10:00+00'')', contact, s.event);
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION helper.contact_of(address text, account bigint DEFAULT 1) RETURNS bigint LANGUAGE sql AS $$
    SELECT contact_id FROM crm.contact
    WHERE account_id = account AND contact_status.normalize_address(email) = contact_status.normalize_address(address)
$$;

-- Ways to lose a contact, and ways for its address to come back. ------------------------------------------------------

CREATE TABLE public.person (id int PRIMARY KEY);
ALTER TABLE crm.contact ADD COLUMN person int REFERENCES public.person ON DELETE CASCADE;

CREATE FUNCTION helper.lose(way text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[] := ARRAY(SELECT contact_id FROM crm.contact
        WHERE email LIKE translate(way, ' ,', '') || '_@example.org');
    id bigint;
BEGIN
    CASE split_part(way, ',', 1)
        WHEN 'by hand' THEN
            FOREACH id IN ARRAY ids LOOP DELETE FROM crm.contact WHERE contact_id = id; END LOOP;
        WHEN 'in bulk' THEN DELETE FROM crm.contact WHERE contact_id = ANY (ids);
        WHEN 'by cascade' THEN
            INSERT INTO public.person VALUES (hashtext(way));
            UPDATE crm.contact SET person = hashtext(way) WHERE contact_id = ANY (ids);
            DELETE FROM public.person;
        WHEN 'by merge' THEN
            MERGE INTO crm.contact AS c USING unnest(ids) AS i ON c.account_id = 1 AND c.contact_id = i
            WHEN MATCHED THEN DELETE;
        WHEN 'through a view' THEN
            CREATE VIEW public.people AS SELECT contact_id, email FROM crm.contact;
            DELETE FROM public.people WHERE contact_id = ANY (ids);
            DROP VIEW public.people;
        WHEN 'in a CTE' THEN
            WITH gone AS (DELETE FROM crm.contact WHERE contact_id = ANY (ids) RETURNING 1) INSERT INTO helper.gone
            SELECT count(*) FROM gone;
    END CASE;
END $$;
CREATE TABLE helper.gone (n bigint);

CREATE FUNCTION helper.bring_back(way text, how text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n int;
BEGIN
    CASE how
        WHEN 'one by one' THEN
            FOR n IN SELECT nr FROM helper.story LOOP INSERT INTO crm.contact (email) VALUES
                (helper.address(way, n)); END LOOP;
        WHEN 'in one statement, written differently' THEN
            INSERT INTO crm.contact (email) SELECT format('  %s ', upper(helper.address(way, nr))) FROM helper.story;
        WHEN 'by upsert' THEN
            INSERT INTO crm.contact (email) SELECT helper.address(way, nr) FROM helper.story
            ON CONFLICT (account_id, contact_id) DO UPDATE SET email = excluded.email;
        WHEN 'by merge' THEN
            MERGE INTO crm.contact AS c USING (SELECT helper.address(way, nr) AS address FROM helper.story) AS s
            ON c.email = s.address WHEN NOT MATCHED THEN INSERT (email) VALUES (s.address);
    END CASE;
END $$;

CREATE TABLE helper.way (way text, how text);
INSERT INTO helper.way SELECT lost || ', ' || substr(how, 1, 6) || substr(how, length(how)), how
FROM unnest('{by hand,in bulk,by cascade,by merge,through a view,in a CTE}'::text[]) AS lost,
     unnest('{one by one,"in one statement, written differently",by upsert,by merge}'::text[]) AS how;

SELECT helper.begin_stories(way) FROM helper.way \g /dev/null
SELECT helper.lose(way) FROM helper.way \g /dev/null
SELECT is(
    (SELECT coalesce(string_agg(concat_ws(' ', kind, list_id), ', ' ORDER BY kind), '') FROM crm.suppression AS s
     WHERE s.occurred_at = '2025-06-01 10:00+00' AND s.contact_id = (SELECT min(e.contact_id) FROM crm.event AS e
         WHERE e.kind::text = split_part(event, '''', 2) AND
           (e.list_id IS NOT NULL) = (event LIKE '1,%'))),
    kept, 'suppression keeps: ' || name)
FROM helper.story WHERE event <> 'NULL' ORDER BY nr;
SELECT is((SELECT count(*) FROM crm.subscription), 0::bigint, 'subscriptions go with their contacts');
SELECT helper.bring_back(way, how) FROM helper.way \g /dev/null
SELECT is((SELECT coalesce(string_agg(concat_ws(' ', e.kind, e.list_id, e.source), ', '), '') FROM crm.event AS e
        WHERE e.contact_id = helper.contact_of(helper.address(way, nr))),
    CASE kept WHEN '' THEN '' ELSE kept || ' suppression' END,
        format('lost %s, back %s, %s: comes back as an event', way, how, name))
FROM helper.way, helper.story ORDER BY way, nr;
INSERT INTO crm.event (contact_id, list_id, kind, source)
SELECT contact_id, list_id, 'added', 'import' FROM crm.contact, unnest('{1,2}'::bigint[]) AS list_id;
SELECT is(helper.subscriptions(helper.contact_of(helper.address(way, nr))), back,
    format('lost %s, back %s, %s: then imported', way, how, name))
FROM helper.way, helper.story ORDER BY way, nr;
SELECT * FROM helper.check_whole();

-- COPY ----------------------------------------------------------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES
    (9001, 'copied1@example.org'), (9002, 'copied2@example.org'), (9003, 'copied3@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES
    (9001, 1, 'unsubscribed'), (9002, NULL, 'unsubscribed'), (9003, NULL, 'complained');
DELETE FROM crm.contact WHERE contact_id BETWEEN 9001 AND 9003;
COPY crm.contact (contact_id, email) FROM STDIN;
9101	copied1@example.org
9102	COPIED2@example.org
9103	 copied3@example.org 
9104	copied4@example.org
\.
INSERT INTO crm.event (contact_id, list_id, kind) SELECT n, 1, 'added' FROM generate_series(9101, 9104) AS n;
SELECT results_eq(
    $$SELECT contact_id::int, status::text FROM crm.contact WHERE contact_id BETWEEN 9101 AND 9104 ORDER BY 1$$,
    $$VALUES (9101, 'unsubscribed'), (9102, 'unsubscribed'), (9103, 'complained'), (9104, 'active')$$,
    'COPY brings them back');

-- Under the same id, too
INSERT INTO crm.contact (contact_id, email) VALUES (9201, 'sameid@example.org');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
    (9201, 'unsubscribed', '2025-06-01 10:00+00'), (9201, 'complained', '2025-06-01 10:00+00');
DO $$ BEGIN
    FOR i IN 1 .. 3 LOOP
        DELETE FROM crm.contact WHERE contact_id = 9201;
        INSERT INTO crm.contact (contact_id, email) VALUES (9201, 'sameid@example.org');
    END LOOP;
END $$;
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 9201), 'complained',
    'deleted and inserted again three times under one id');
DELETE FROM crm.contact WHERE contact_id = 9201;
INSERT INTO crm.contact (contact_id, email) VALUES (9201, 'another@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 9201), 'unconfirmed',
    'another address under the id does not inherit them');
SELECT results_eq($$SELECT kind::text, count(*) FROM crm.suppression WHERE contact_id = 9201 GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('complained', 1::bigint), ('unsubscribed', 1)$$, 'one row each');

-- Deleted and inserted in one statement
INSERT INTO crm.contact (contact_id, email) VALUES (9301, 'cte@example.org');
INSERT INTO crm.event (contact_id, kind) VALUES (9301, 'complained');
WITH gone AS (DELETE FROM crm.contact WHERE contact_id = 9301 RETURNING email) INSERT INTO helper.gone SELECT count(*)
    FROM gone;
INSERT INTO crm.contact (email) VALUES ('cte@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE email = 'cte@example.org'), 'complained', 'deleted in a CTE');

-- The latest time of a source wins; accounts are apart. ---------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (9401, 'latest@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (9401, NULL, 'unsubscribed', '2025-06-01 10:00+00'), (9401, NULL, 'unsubscribed', '2025-06-03 10:00+00'),
    (9401, NULL, 'unsubscribed', '2025-06-02 10:00+00'), (9401, NULL, 'complained', '2025-06-05 10:00+00'),
    (9401, NULL, 'complained', '2025-06-04 10:00+00');
DELETE FROM crm.contact WHERE contact_id = 9401;
SELECT results_eq($$SELECT kind::text, occurred_at FROM crm.suppression WHERE contact_id = 9401 ORDER BY 1$$,
    $$VALUES ('complained', timestamptz '2025-06-05 10:00+00'), ('unsubscribed', '2025-06-03 10:00+00')$$,
    'the latest time of each');
SELECT contact_status.suppress('crm', 1, 'latest@example.org', 'unsubscribed',
    occurred_at => '2025-06-02 12:00+00') \g /dev/null
SELECT contact_status.suppress('crm', 1, 'latest@example.org', 'complained',
    occurred_at => '2025-06-06 12:00+00') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (9402, 'latest@example.org');
SELECT results_eq($$SELECT kind::text, occurred_at FROM crm.event WHERE contact_id = 9402 ORDER BY 1, 2$$,
    $$VALUES ('complained', timestamptz '2025-06-05 10:00+00'), ('complained', '2025-06-06 12:00+00'),
        ('unsubscribed', '2025-06-02 12:00+00'), ('unsubscribed', '2025-06-03 10:00+00')$$,
    'suppress: an event of its own, besides those of the contact');
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 9402, 'latest@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE account_id = 2 AND contact_id = 9402), 'unconfirmed',
    'another account knows nothing of it');

-- A return after the opt-out was recorded is the newer fact of the new contact.
INSERT INTO crm.contact (contact_id, email) VALUES (9501, 'return@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (9501, 1, 'unsubscribed', '2025-06-01 10:00+00');
DELETE FROM crm.contact WHERE contact_id = 9501;
INSERT INTO crm.contact (contact_id, email) VALUES (9502, 'return@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) VALUES
    (9502, 1, 'signed_up', '2025-05-01 10:00+00', 'old'), (9502, 1, 'confirmed', '2025-05-01 11:00+00', 'old'),
    (9502, 1, 'confirmed', '2025-06-02 11:00+00', 'old');
SELECT is(helper.subscriptions(9502), 'unsubscribed (1 unsubscribed)', 'old links do not lift what came back');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) VALUES
    (9502, 1, 'signed_up', '2025-06-02 10:00+00', 'new'), (9502, 1, 'confirmed', '2025-06-02 11:00+00', 'new');
SELECT is(helper.subscriptions(9502), 'active (1 active)', 'a later request that is confirmed does');

-- complained_insert ---------------------------------------------------------------------------------------------------

SELECT contact_status.suppress('crm', 3, 'spam@example.org', 'complained',
    occurred_at => '2025-06-01 10:00+00') \g /dev/null
SELECT contact_status.suppress('crm', 1, 'spam@example.org', 'complained',
    occurred_at => '2025-06-01 10:00+00') \g /dev/null
SELECT helper.refused_helpfully($$INSERT INTO crm.contact (account_id, contact_id, email) VALUES
        (3, 771, 'good@example.org'), (3, 772, ' Spam@Example.org')$$,
    '23514 contact_status_complaint', '772.*complained', 'refuse: a complained address is not let in');
SELECT helper.refused($$INSERT INTO crm.contact (account_id, email) VALUES (3, 'spam@example.org')
        ON CONFLICT DO NOTHING$$, '23514 contact_status_complaint', 'refuse: nor with ON CONFLICT');
SELECT is((SELECT count(*) FROM crm.contact WHERE account_id = 3), 0::bigint, 'refuse: nothing of the statement stays');
INSERT INTO crm.contact (contact_id, email) VALUES (773, 'spam@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 773), 'complained', 'keep: let in as complained');
UPDATE crm.account SET policy = 'emailmanager' WHERE account_id = 1;
DELETE FROM crm.contact WHERE contact_id = 773;
SELECT helper.refused($$INSERT INTO crm.contact (email) VALUES ('spam@example.org')$$, '23514 contact_status_complaint',
    'judged by the policy at the time of the insert');
UPDATE crm.account SET policy = 'default' WHERE account_id = 1;

-- suppress ------------------------------------------------------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (9601, 'known@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (9601, 1, 'added', '2025-06-01 09:00+00'), (9601, 2, 'added', '2025-06-01 09:00+00');
SELECT is(contact_status.suppress('crm', 1, ' Known@Example.org', 'unsubscribed', 1, '2025-06-01 10:00+00', 'esp'),
    9601::bigint, 'suppress: the contact that has the address');
SELECT is(contact_status.suppress('crm', 1, 'known@example.org', 'unsubscribed', 1, '2025-06-01 10:00+00', 'esp'),
    9601::bigint, 'suppress: twice');
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id = 9601 AND source = 'esp'), 1::bigint,
    'suppress: is one event');
SELECT is(helper.subscriptions(9601), 'active (1 unsubscribed, 2 active)', 'suppress: of a list');
SELECT is(contact_status.suppress('crm', 1, 'unknown@example.org', 'unsubscribed', 1, '2025-06-01 10:00+00', 'esp'),
    NULL, 'suppress: nobody has the address');
SELECT is(contact_status.suppress('crm', 1, 'unknown@example.org', 'invalidated'), NULL, 'suppress: without a time');
INSERT INTO crm.contact (contact_id, email) VALUES (9602, 'Unknown@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (9602, 1, 'added'), (9602, 2, 'added');
SELECT is(helper.subscriptions(9602), 'hard_bounced (1 unsubscribed, 2 hard_bounced)',
    'suppress: holds when somebody has it');
-- a complaint that arrives when its contact is gone
INSERT INTO crm.contact (contact_id, email) VALUES (9603, 'late@example.org');
DELETE FROM crm.contact WHERE contact_id = 9603;
SELECT contact_status.suppress('crm', 1, 'late@example.org', 'complained') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (9604, 'late@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 9604), 'complained',
    'a complaint that arrives after the contact was deleted still holds');

SELECT results_eq($$SELECT * FROM contact_status.suppress_all('crm', 1,
            '{one@example.org,ONE@example.org," ",Known@example.org,two@example.org,NULL}', 'unsubscribed',
            source => 'other sender')$$,
    $$VALUES ('one@example.org', NULL::bigint, 'suppressed'), ('ONE@example.org', NULL, 'duplicate'),
        (' ', NULL, 'invalid_address'), ('Known@example.org', 9601, 'suppressed'),
             ('two@example.org', NULL, 'suppressed'), (NULL, NULL, 'invalid_address')$$,
             'suppress_all: a row for each address, in their order');
INSERT INTO crm.contact (contact_id, email) VALUES
    (9605, 'one@example.org'), (9606, 'two@example.org'), (9607, 'three@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) SELECT n, 1, 'added' FROM generate_series(9605, 9607) AS n;
SELECT results_eq($$SELECT contact_id::int, status::text FROM crm.contact
        WHERE contact_id = 9601 OR contact_id BETWEEN 9605 AND 9607 ORDER BY 1$$,
    $$VALUES (9601, 'unsubscribed'), (9605, 'unsubscribed'), (9606, 'unsubscribed'), (9607, 'active')$$,
    'suppress_all: with and without contacts');
SELECT is_empty($$SELECT * FROM contact_status.suppress_all('crm', 1, '{}', 'unsubscribed')$$,
    'suppress_all: no address at all');

SELECT is(split_part(verdict, ' ', 1), expected, description)
    || CASE WHEN split_part(verdict, ' ', 1) <> expected THEN E'\n' || diag(said) ELSE '' END FROM (VALUES
    ($$SELECT contact_status.suppress('crm', 1, 'x@example.org', 'added')$$, '22023', 'suppress: no such kind'),
    ($$SELECT contact_status.suppress('crm', 1, 'x@example.org', 'complained', 1)$$, '22023',
        'suppress: a complaint is of all lists'),
    ($$SELECT contact_status.suppress('crm', 1, 'x@example.org', NULL)$$, '22023', 'suppress: no kind'),
    ($$SELECT contact_status.suppress('crm', 1, '  ', 'complained')$$, '23514', 'suppress: no address'),
    ($$SELECT contact_status.suppress('crm', 1, NULL, 'complained')$$, '23514', 'suppress: null'),
    ($$SELECT contact_status.suppress('crm', NULL, 'x@example.org', 'complained')$$, '22004', 'suppress: no account'),
    ($$SELECT contact_status.suppress_all('crm', 1, '{x@example.org}', 'added')$$, '22023',
        'suppress_all: no such kind'),
    ($$SELECT contact_status.suppress_all('crm', 1, '{x@example.org}', 'complained', occurred_at => '1970-01-20')$$,
        '22008', 'suppress_all: dated before 1995'),
    ($$SELECT contact_status.suppress('crm', 1, 'x@example.org', 'complained',
                occurred_at => now() + interval '1 day')$$, '22008', 'suppress: dated ahead'),
    ($$SELECT contact_status.suppress('crm', 1, 'x@example.org', 'complained', occurred_at => 'infinity')$$, '22008',
        'suppress: for ever ahead'),
    ($$SELECT contact_status.suppress('crm', 1, 'x@example.org', 'complained', occurred_at => '-infinity')$$, '22008',
        'suppress: infinitely long ago'),
    ($$SELECT contact_status.suppress('crm', 77, 'x@example.org', 'complained')$$, '23503',
        'suppress: an unknown account'),
    ($$SELECT contact_status.suppress('crm', 1, 'x@example.org', 'unsubscribed', 777)$$, '23503',
        'suppress: an unknown list'),
    ($$SELECT contact_status.suppress('crm', 1, 'known@example.org', 'unsubscribed', 777)$$, '23503',
        'suppress: an unknown list, of a contact'))
    AS wrong (statement, expected, description), helper.refusal(statement);

-- Digests -------------------------------------------------------------------------------------------------------------

SELECT is((SELECT count(*) FROM crm.suppression WHERE length(address_digest) <> 32), 0::bigint,
    'digests have 32 bytes');
SELECT is((SELECT count(*) FROM crm.address_key WHERE length(key) <> 32), 0::bigint, 'keys too');
SELECT is((SELECT count(DISTINCT key) FROM crm.address_key), (SELECT count(*) FROM crm.account),
    'each account has a key of its own, from its beginning');
SELECT contact_status.suppress('crm', account, address, kind::contact_status.event_kind) FROM (VALUES
    (1, 'Digest@Example.org', 'unsubscribed'), (1, ' digest@example.org ', 'complained'),
    (2, 'digest@example.org', 'invalidated')) AS d (account, address, kind) \g /dev/null
SELECT is((SELECT count(DISTINCT address_digest) FROM crm.suppression
        WHERE account_id = 1 AND occurred_at >= now() AND source = 'suppress' AND address_digest IN
    (SELECT address_digest FROM crm.suppression GROUP BY 1 HAVING count(*) = 2 AND bool_or(kind = 'complained')
        AND bool_or(kind = 'unsubscribed'))), 1::bigint, 'one digest however the address is written');
SELECT is((SELECT count(*) FROM crm.suppression AS a JOIN crm.suppression AS b USING (address_digest)
        WHERE a.account_id <> b.account_id), 0::bigint, 'and another in each account');
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgcrypto') AS has_pgcrypto \gset
\if :has_pgcrypto
    CREATE EXTENSION pgcrypto SCHEMA helper;
    SELECT is((SELECT string_agg(DISTINCT s.kind::text, ', ') FROM crm.suppression AS s
            JOIN crm.address_key AS k USING (account_id)
               WHERE s.account_id = 1
                   AND s.address_digest = helper.hmac(convert_to('digest@example.org', 'UTF8'), k.key, 'sha256')),
        'complained, unsubscribed', 'the digest is HMAC-SHA-256 of the normalised address under the account''s key');
\endif
CREATE ROLE contact_status_test_reader;
GRANT USAGE ON SCHEMA crm TO contact_status_test_reader;
GRANT SELECT ON crm.contact, crm.subscription, crm.list, crm.event, crm.mailable TO contact_status_test_reader;
SET LOCAL ROLE contact_status_test_reader;
SELECT throws_ok('SELECT * FROM crm.address_key', '42501', NULL, 'who may read contacts sees no key');
RESET ROLE;
SELECT is((SELECT count(*) FROM crm.suppression AS s WHERE s::text ~ '@'), 0::bigint, 'no address in suppression');

-- A list deleted and made again, with opt-outs of those who went in between and of those who stayed.
INSERT INTO crm.contact (contact_id, email) VALUES (9701, 'stays@example.org'), (9702, 'goes@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (9701, 3, 'unsubscribed'), (9702, 3, 'unsubscribed');
DELETE FROM crm.contact WHERE contact_id = 9702;
DELETE FROM crm.list WHERE list_id = 3;
INSERT INTO crm.contact (contact_id, email) VALUES (9703, 'goes@example.org');
SELECT pass('an address comes back whose list is gone');
INSERT INTO crm.list (list_id, name) OVERRIDING SYSTEM VALUE VALUES (3, 'again');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (9701, 3, 'added'), (9703, 3, 'added');
SELECT results_eq($$SELECT contact_id::int, status::text FROM crm.subscription WHERE list_id = 3 ORDER BY 1$$,
    $$VALUES (9701, 'unsubscribed'), (9703, 'unsubscribed')$$,
    'opt-outs of a list hold when it is made again');

-- An account that is deleted keeps its key and what it remembers, or is not deleted.
SELECT contact_status.suppress('crm', 2, 'gone@example.org', 'unsubscribed') \g /dev/null
DO $$ BEGIN
    DELETE FROM crm.contact WHERE account_id = 2;
    DELETE FROM crm.list WHERE account_id = 2;
    DELETE FROM crm.account WHERE account_id = 2;
    INSERT INTO crm.account (account_id, policy) VALUES (2, 'default');
    INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (2, 1);
EXCEPTION WHEN foreign_key_violation OR check_violation OR feature_not_supported THEN NULL;
END $$;
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 9801, 'gone@example.org');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (2, 9801, 1, 'added');
SELECT is(helper.subscriptions(9801, 2), 'unsubscribed (1 unsubscribed)', 'an opt-out outlives its account');

-- An index of the application's refuses as everywhere; it is not taken for our key, whose row would be waited for.
SET statement_timeout = '10s';
CREATE UNIQUE INDEX one_fact ON crm.suppression (address_digest) WHERE source = 'application';
SELECT contact_status.suppress('crm', 1, 'one.fact@example.org', 'unsubscribed', source => 'application');
SELECT helper.refused(
    $$SELECT contact_status.suppress('crm', 1, 'one.fact@example.org', 'complained', source => 'application')$$,
    '23505 one_fact', 'a unique index of the application''s');
RESET statement_timeout;

-- The reason of a complaint -------------------------------------------------------------------------------------------

SELECT contact_status.create_tables('why', policy => 'emailmanager');
UPDATE why.policy SET complained_insert = 'keep';
INSERT INTO why.contact (contact_id, email) SELECT i, format('why%s@example.org', i) FROM generate_series(1, 7) AS i;
INSERT INTO why.event (contact_id, kind, occurred_at, event_key, reason, source) VALUES
    (1, 'complained', '2025-06-01', '', 'too many mails', 'form'),
    (2, 'complained', '2025-06-01', '', 'the first', 'form'), (2, 'complained', '2025-06-02', '', 'the second', 'form'),
    (3, 'complained', '2025-06-01', '', 'not now', 'form'), (3, 'complained', '2025-06-02', '', NULL, 'feedback loop'),
    (4, 'complained', '2025-06-01', 'a', 'one of two', 'form'),
    (4, 'complained', '2025-06-01', 'b', NULL, 'feedback loop'), (4, 'noted', '2025-06-01', 'b', 'noted', NULL),
    (5, 'unsubscribed', '2025-06-01', '', 'moved', 'form'), (5, 'hard_bounced', '2025-06-02', '', 'gone', 'provider'),
    (5, 'nonexistent', '2025-06-03', '', 'gone', 'provider'),
    (6, 'complained', '2025-06-01', '', 'wrong', 'scanner'), (6, 'complained', '2025-05-01', '', 'right', 'form'),
    (7, 'complained', '2025-06-01', '', 'of the old address', 'form');
SELECT results_eq($$SELECT e.kind::text, e.reason
        FROM generate_series(1, 3) AS c, contact_status.explain_status('why', 1, c) AS e WHERE e.fact = 'complaint'$$,
    $$VALUES ('complained', 'too many mails'), ('complained', 'the second'), ('complained', NULL)$$,
    'explain_status: the reason of the complaint');
SELECT set_eq($$SELECT fact, reason FROM contact_status.explain_status('why', 1, 5)$$,
    $$VALUES ('account-wide opt-out', 'moved'), ('address dead', 'gone')$$, 'and of every other fact');
SELECT contact_status.retract_events('why', 'a scanner', source => 'scanner') \g /dev/null
UPDATE why.contact SET email = 'why7.new@example.org' WHERE contact_id = 7;
DELETE FROM why.contact WHERE contact_id < 7;
CREATE FUNCTION helper.why() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', contact_id, kind, reason), ', ' ORDER BY contact_id, kind) FROM why.suppression
$$;
SELECT is(helper.why(), '1 complained too many mails, 2 complained the second, 3 complained, '
    '4 complained one of two, 5 invalidated, 5 unsubscribed, 6 complained right, 7 complained of the old address',
    'suppression: the reason of the complaint that counts');
SELECT contact_status.suppress('why', 1, 'why20@example.org', 'complained') \g /dev/null
SELECT is((SELECT count(*) FROM why.suppression WHERE contact_id IS NULL AND reason IS NULL), 1::bigint,
    'of an address without a contact: none');
-- The address comes back: its event names the contact, not the words. The suppression of the first contact remains.
INSERT INTO why.contact (contact_id, email) VALUES (11, 'why1@example.org');
SELECT is((SELECT reason FROM contact_status.explain_status('why', 1, 11) WHERE fact = 'complaint'), 'contact 1',
    'the contact that takes the address: the contact that complained');
DELETE FROM why.contact WHERE contact_id = 11;
SELECT matches(helper.why(), '^1 complained too many mails, 2 ', 'the suppression of the first contact remains');
SELECT doesnt_match(helper.why(), '11 complained', 'and the second adds none');
INSERT INTO why.contact (contact_id, email) VALUES (12, 'why2@example.org');
SELECT contact_status.erase_contact('why', 1, c) FROM unnest('{2,3,7}'::bigint[]) AS c \g /dev/null
SELECT is_empty($$SELECT * FROM why.suppression WHERE reason ~ 'second|old address'$$,
    'erased: no reason in suppression');
SELECT is_empty($$SELECT * FROM why.event WHERE concat(reason, reply, evidence) ~ 'first|second|old address'$$,
    'nor in an event of any contact');
SELECT matches(helper.why(), '4 complained one of two', 'of other people they stay');
SELECT is_empty($$SELECT * FROM contact_status.verify('why')$$, 'verify finds nothing');

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
