\i test/pgtap/setup.inc
-- Counts: after every kind of write they are what count(*) says, at the cost of a few rows, and nothing else writes
-- them.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id, name) VALUES (2, 'l2'), (3, 'l3');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'emailmanager'), (3, 'salesmanago');
INSERT INTO crm.list (account_id, list_id) VALUES (2, 1), (2, 2), (3, 1);

-- What the views must show: a row for each account or list and status, zeros included.
CREATE FUNCTION helper.counted()
    RETURNS TABLE (account_id bigint, list_id bigint, status contact_status.contact_status, contacts bigint)
LANGUAGE sql AS $$
    SELECT a.account_id, NULL::bigint, s, count(c.contact_id)
    FROM crm.account AS a CROSS JOIN unnest(enum_range(NULL::contact_status.contact_status)) AS s
    LEFT JOIN crm.contact AS c ON c.account_id = a.account_id AND c.status = s GROUP BY 1, 3
    UNION ALL
    SELECT l.account_id, l.list_id, s, count(c.contact_id)
    FROM crm.list AS l CROSS JOIN unnest(enum_range(NULL::contact_status.contact_status)) AS s
    LEFT JOIN crm.subscription AS c ON c.account_id = l.account_id AND c.list_id = l.list_id AND c.status = s
    GROUP BY 1, 2, 3
$$;
CREATE FUNCTION helper.shown()
    RETURNS TABLE (account_id bigint, list_id bigint, status contact_status.contact_status, contacts bigint)
LANGUAGE sql AS $$
    SELECT account_id, NULL::bigint, status, contacts FROM crm.account_status_count
    UNION ALL SELECT account_id, list_id, status, contacts FROM crm.list_status_count
$$;
CREATE FUNCTION helper.counts_are_right(description text) RETURNS text LANGUAGE sql AS $$
    SELECT set_eq('SELECT * FROM helper.shown()', 'SELECT * FROM helper.counted()', description)
$$;

-- Of an account, and each of its lists: those that are not zero.
CREATE FUNCTION helper.numbers(account bigint) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(line, '; ' ORDER BY list_id NULLS FIRST), '') FROM (
        SELECT list_id, concat(list_id || ': ', string_agg(contacts || ' ' || status, ', ' ORDER BY status)) AS line
        FROM helper.shown() WHERE account_id = account AND contacts <> 0 GROUP BY list_id) AS lines
$$;

-- Does something; the numbers of account 1 become `expected`, and all counts are right.
CREATE FUNCTION helper.step(name text, statement text, expected text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN NEXT is(helper.numbers(1), expected, name || ': account 1');
    RETURN NEXT helper.counts_are_right(name || ': views equal count(*)');
    RETURN NEXT is_empty($q$SELECT * FROM contact_status.verify('crm')$q$, name || ': verify finds nothing');
END $$;

-- Every kind of write -------------------------------------------------------------------------------------------------

SELECT is((SELECT count(*) FROM crm.account_status_count WHERE contacts = 0), 30::bigint,
    'zeros are shown: ten statuses of three accounts');
SELECT is((SELECT count(*) FROM crm.list_status_count WHERE contacts = 0), 60::bigint,
    'zeros are shown: ten statuses of six lists');

SELECT helper.step('contacts inserted', $$INSERT INTO crm.contact (contact_id, email) SELECT i,
        format('c%s@example.org', i) FROM generate_series(1, 10) AS i$$,
    '10 unconfirmed');
SELECT helper.step('the same under other accounts', $$INSERT INTO crm.contact (account_id, contact_id, email) SELECT a,
        i, format('c%s@example.org', i) FROM generate_series(2, 3) AS a, generate_series(1, a) AS i$$,
    '10 unconfirmed');
SELECT helper.step('added to two lists', $$INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, l, 'added'
        FROM generate_series(1, 8) AS i, generate_series(1, 2) AS l$$,
    '8 active, 2 unconfirmed; 1: 8 active; 2: 8 active');
SELECT helper.step('an event of several accounts', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind)
        SELECT a, 1, 1, 'added' FROM generate_series(1, 3) AS a$$,
    '8 active, 2 unconfirmed; 1: 8 active; 2: 8 active');
SELECT helper.step('signed up',
    $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (9, 1, 'signed_up'), (9, 3, 'signed_up')$$,
    '8 active, 2 unconfirmed; 1: 8 active, 1 unconfirmed; 2: 8 active; 3: 1 unconfirmed');
SELECT helper.step('confirmed on one of two',
    $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (9, 3, 'confirmed')$$,
    '9 active, 1 unconfirmed; 1: 8 active, 1 unconfirmed; 2: 8 active; 3: 1 active');
SELECT helper.step('opted out of a list, and of all',
    $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1, 1, 'unsubscribed'), (2, NULL, 'unsubscribed')$$,
    '8 active, 1 unconfirmed, 1 unsubscribed; 1: 6 active, 1 unconfirmed, 2 unsubscribed; '
    '2: 7 active, 1 unsubscribed; 3: 1 active');
SELECT helper.step('opted out of a list never joined',
    $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (10, 3, 'unsubscribed')$$,
    '8 active, 2 unsubscribed; 1: 6 active, 1 unconfirmed, 2 unsubscribed; '
    '2: 7 active, 1 unsubscribed; 3: 1 active, 1 unsubscribed');
SELECT helper.step('taken off a list', $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES
        (9, 1, 'removed'), (3, 2, 'removed'), (10, 3, 'removed')$$,
    '8 active, 2 unsubscribed; 1: 6 active, 2 unsubscribed; 2: 6 active, 1 unsubscribed; 3: 1 active, 1 unsubscribed');
SELECT helper.step('errors, complaint, deletion', $$INSERT INTO crm.event (contact_id, campaign_id, kind) VALUES
        (3, 1, 'soft_bounced'), (4, 1, 'nonexistent'), (5, 1, 'complained'), (6, NULL, 'deleted')$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('an event without effect',
    $$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (7, 1, 'added'), (7, NULL, 'opened')$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('a late event',
    $$INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (3, 'delivered', now() - interval '1 day')$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('retraction',
    $$SELECT contact_status.retract_events('crm', reason => 'a test', kinds => '{complained,nonexistent}')$$,
    '6 active, 1 soft_bounced, 2 unsubscribed, 1 deleted; 1: 4 active, 1 soft_bounced, 2 unsubscribed, 1 deleted; '
    '2: 5 active, 1 unsubscribed, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('retraction undone',
    $$SELECT contact_status.undo_retraction('crm', max(retraction_id)) FROM crm.retraction$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('another address',
    $$UPDATE crm.contact SET email = 'other@example.org' WHERE account_id = 1 AND contact_id = 4$$,
    '5 active, 1 soft_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 3 active, 1 soft_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 4 active, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('the dead address of another',
    $$UPDATE crm.contact SET email = 'c4@example.org' WHERE account_id = 1 AND contact_id = 8$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('held',
    format($$INSERT INTO crm.event (contact_id, kind, occurred_at, until) VALUES (7, 'suspended', %L, %L)$$,
        now() - interval '1 day', now() + interval '1 hour'),
    '3 active, 1 soft_bounced, 1 suspended, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 1 active, 1 soft_bounced, 1 suspended, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 2 active, 1 suspended, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT contact_status.sweep('crm', now() + interval '2 hours') \g /dev/null
SELECT is(helper.numbers(1), '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed',
    'swept: account 1');
SELECT helper.counts_are_right('swept: views equal count(*)');
SELECT helper.step('released', $$INSERT INTO crm.event (contact_id, kind) VALUES (7, 'released')$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('another policy',
    $$UPDATE crm.account SET policy = 'emailmanager' WHERE account_id = 1; SELECT contact_status.reevaluate('crm', 1)$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('the policy of before',
    $$UPDATE crm.account SET policy = 'default' WHERE account_id = 1; SELECT contact_status.reevaluate('crm', 1)$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
SELECT helper.step('contacts deleted', $$DELETE FROM crm.contact WHERE account_id = 1 AND contact_id IN (1, 2, 5)$$,
    '3 active, 1 soft_bounced, 1 hard_bounced, 1 unsubscribed, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 1 deleted; 2: 2 active, 1 hard_bounced, 1 deleted; '
    '3: 1 active, 1 unsubscribed');
SELECT helper.step('inserted again, with what their addresses are known for',
    $$INSERT INTO crm.contact (contact_id, email) VALUES
        (1, 'c1@example.org'), (2, 'c2@example.org'), (25, 'C5@example.org')$$,
    '3 active, 1 soft_bounced, 1 hard_bounced, 3 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 1 unsubscribed, 1 deleted; 2: 2 active, 1 hard_bounced, 1 deleted; '
    '3: 1 active, 1 unsubscribed');
SELECT helper.step('and added again',
    $$INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, 2, 'added' FROM unnest('{1,2,25}'::int[]) AS i$$,
    '4 active, 1 soft_bounced, 1 hard_bounced, 2 unsubscribed, 1 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 1 unsubscribed, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; 3: 1 active, 1 unsubscribed');
CREATE TABLE helper.staging (email text, status text);
INSERT INTO helper.staging VALUES
    ('c1@example.org', NULL), ('new1@example.org', NULL), ('new2@example.org', NULL), ('new2@example.org', NULL),
    ('nonsense', NULL), ('c9@example.org', 'unsubscribed'), ('new3@example.org', 'suspended'),
    ('new4@example.org', 'complained');
ALTER TABLE crm.contact ALTER contact_id RESTART WITH 501;
SELECT helper.step('import', $$SELECT * FROM contact_status.import_contacts('crm', 1, 3, 'helper.staging')$$,
    '5 active, 1 soft_bounced, 1 suspended, 1 hard_bounced, 3 unsubscribed, 2 complained, 1 deleted; '
    '1: 2 active, 1 soft_bounced, 1 hard_bounced, 1 unsubscribed, 1 deleted; '
    '2: 3 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; '
    '3: 3 active, 1 suspended, 2 unsubscribed, 1 complained');
SELECT helper.step('erased', $$SELECT contact_status.erase_contact('crm', 1, 7)$$,
    '4 active, 1 soft_bounced, 1 suspended, 1 hard_bounced, 3 unsubscribed, 2 complained, 1 deleted; '
    '1: 1 active, 1 soft_bounced, 1 hard_bounced, 1 unsubscribed, 1 deleted; '
    '2: 2 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; '
    '3: 3 active, 1 suspended, 2 unsubscribed, 1 complained');
SELECT helper.step('suppressed', $$SELECT contact_status.suppress('crm', 1, 'c3@example.org', 'unsubscribed'),
        contact_status.suppress('crm', 1, 'nobody@example.org', 'complained')$$,
    '4 active, 1 suspended, 1 hard_bounced, 4 unsubscribed, 2 complained, 1 deleted; '
    '1: 1 active, 1 hard_bounced, 2 unsubscribed, 1 deleted; '
    '2: 2 active, 1 hard_bounced, 1 unsubscribed, 1 complained, 1 deleted; '
    '3: 3 active, 1 suspended, 2 unsubscribed, 1 complained');
DELETE FROM crm.list WHERE account_id = 1 AND list_id = 3;
SELECT helper.counts_are_right('a list deleted: views equal count(*)');
SELECT is((SELECT count(*) FROM crm.list_status_count WHERE account_id = 1 AND list_id = 3), 0::bigint,
    'a list deleted: no longer shown');
SELECT is((SELECT sum(n)::bigint FROM crm.status_count, unnest(contacts) AS n WHERE account_id = 1 AND list_id = 3),
    (SELECT count(*) FROM crm.subscription WHERE account_id = 1 AND list_id = 3),
    'a list deleted: its opt-outs stay counted');
INSERT INTO crm.list (list_id) VALUES (3);
SELECT helper.counts_are_right('the list again: views equal count(*)');
SELECT is((SELECT string_agg(contacts || ' ' || status, ', ') FROM crm.list_status_count
        WHERE account_id = 1 AND list_id = 3 AND contacts <> 0),
    '2 unsubscribed', 'the list again: its opt-outs are shown');

-- Other ways of writing -----------------------------------------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (1, 'c1@example.org')
    ON CONFLICT (account_id, contact_id) DO UPDATE SET email = excluded.email;
SELECT helper.counts_are_right('after an upsert that only updates');
MERGE INTO crm.contact AS c USING (VALUES
    (1, 'x1@example.org'), (101, 'x101@example.org')) AS s (id, address) ON c.account_id = 1 AND c.contact_id = s.id
WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (contact_id, email) VALUES (s.id, s.address);
SELECT helper.counts_are_right('after MERGE');
WITH made AS (INSERT INTO crm.contact (contact_id, email) VALUES (102, 'x102@example.org') RETURNING contact_id)
INSERT INTO crm.event (contact_id, list_id, kind) SELECT contact_id, 1, 'added' FROM made;
SELECT helper.counts_are_right('after a contact and its event in one statement');
COPY crm.contact (contact_id, email) FROM STDIN;
103	x103@example.org
104	x104@example.org
\.
COPY crm.event (contact_id, list_id, kind) FROM STDIN;
103	1	added
103	1	unsubscribed
104	2	added
\.
SELECT helper.counts_are_right('after COPY');
DELETE FROM crm.contact WHERE account_id = 1 AND contact_id = 104;
INSERT INTO crm.contact (contact_id, email) VALUES (104, 'x104@example.org');
SELECT helper.counts_are_right('deleted and inserted in one transaction');

CREATE FUNCTION helper.welcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm.event (contact_id, list_id, kind) VALUES (NEW.contact_id, 1, 'added');
    IF NEW.email LIKE 'no%' THEN DELETE FROM crm.contact WHERE account_id = 1 AND contact_id = NEW.contact_id; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER welcome AFTER INSERT ON crm.contact FOR EACH ROW EXECUTE FUNCTION helper.welcome();
INSERT INTO crm.contact (contact_id, email) VALUES
    (105, 'x105@example.org'), (106, 'no106@example.org'), (107, 'x107@example.org');
SELECT helper.counts_are_right('after a row trigger that adds and deletes');
DROP TRIGGER welcome ON crm.contact;
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing after all these');

SELECT helper.numbers(1) AS before \gset
SAVEPOINT first;
INSERT INTO crm.event (contact_id, kind) SELECT contact_id, 'complained' FROM crm.contact WHERE account_id = 1;
SAVEPOINT second;
DELETE FROM crm.contact WHERE account_id = 1;
ROLLBACK TO second;
SELECT helper.counts_are_right('rolled back to a savepoint');
ROLLBACK TO first;
SELECT is(helper.numbers(1), :'before', 'rolled back to a savepoint: as before');
-- with folds in it
DO $$ BEGIN
    FOR i IN 1 .. 400 LOOP
        INSERT INTO crm.event (contact_id, kind, event_key) VALUES (102, 'suspended', i::text);
        INSERT INTO crm.event (contact_id, kind, event_key) VALUES (102, 'released', i::text);
    END LOOP;
    RAISE EXCEPTION 'back';
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
SELECT is(helper.numbers(1), :'before', 'rolled back by an exception, after folds: as before');
SELECT helper.counts_are_right('rolled back by an exception, after folds: views equal count(*)');

-- Few rows ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION helper.rows_written(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint := coalesce(pg_stat_get_xact_tuples_inserted('crm.status_count'::regclass), 0);
BEGIN
    EXECUTE statement;
    RETURN coalesce(pg_stat_get_xact_tuples_inserted('crm.status_count'::regclass), 0) - before;
END $$;

SELECT cmp_ok(helper.rows_written($$INSERT INTO crm.contact (account_id, contact_id, email) SELECT 3, 1000 + i,
            format('m%s@example.org', i) FROM generate_series(1, 5000) AS i$$),
    '<=', 2::bigint, '5,000 contacts inserted at once write a row of counts, or two where it is merged');
SELECT cmp_ok(helper.rows_written($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT 3, 1000 + i, 1,
            'added' FROM generate_series(1, 5000) AS i$$),
    '<=', 4::bigint, '5,000 contacts added at once write two rows of counts, or four');
SELECT is(helper.rows_written($$INSERT INTO crm.event (account_id, contact_id, kind) SELECT 3, 1000 + i, 'opened'
            FROM generate_series(1, 1000) AS i$$),
    0::bigint, 'events without effect write none');

SELECT helper.rows_written($q$DO $$ BEGIN
    FOR i IN 1 .. 2500 LOOP
        INSERT INTO crm.event (account_id, contact_id, kind) VALUES (3, 1000 + i, 'suspended');
        INSERT INTO crm.event (account_id, contact_id, kind) VALUES (3, 1000 + i, 'released');
    END LOOP;
END $$ $q$) AS written \gset
SELECT cmp_ok(:written::bigint, '>=', 10000::bigint, '5,000 changes of single contacts write two rows of counts each');
-- each statement merges by chance, one in 64: more than 750 in a row without, once in 100,000 runs
SELECT cmp_ok((SELECT count(*) FROM crm.status_count), '<', 3500::bigint,
    'and few of them are left, without any sweep');
SELECT helper.counts_are_right('after 5,000 changes of single contacts');

-- what has not been folded for long, is by sweep
SET session_replication_role = replica;
INSERT INTO crm.status_count SELECT 2, 1, pg_current_xact_id(), NULL,
    helper.contacts('complained', CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END) FROM generate_series(1, 400) AS i;
INSERT INTO crm.status_count SELECT 2, NULL, pg_current_xact_id(), NULL,
    helper.contacts('deleted', CASE WHEN i % 2 = 0 THEN 3 ELSE -3 END) FROM generate_series(1, 3000) AS i;
RESET session_replication_role;
SELECT helper.counts_are_right('many rows: views equal count(*)');
SELECT contact_status.sweep('crm') \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM crm.status_count WHERE account_id = 2 AND list_id = 1), '<=', 1::bigint,
    'sweep merges 400 rows');
SELECT cmp_ok((SELECT count(*) FROM crm.status_count WHERE account_id = 2 AND list_id IS NULL), '<=', 2500::bigint,
    'sweep merges hundreds of 3,000 rows');
SELECT contact_status.sweep('crm') FROM generate_series(1, 10) \g /dev/null
SELECT cmp_ok((SELECT max(rows) FROM (SELECT count(*) AS rows FROM crm.status_count GROUP BY account_id, list_id) AS g),
    '<=', 64::bigint,
    'some sweeps leave few rows of each list');
SELECT helper.counts_are_right('swept: views equal count(*) still');

-- Only the extension writes them --------------------------------------------------------------------------------------

SELECT helper.refused_helpfully(statement, '23514 contact_status_derived', 'status_count', statement) FROM (VALUES
    ($$INSERT INTO crm.status_count VALUES (1, NULL, pg_current_xact_id(), NULL, '{1}')$$),
    ($$UPDATE crm.status_count SET contacts = contacts || 1::bigint WHERE account_id = 3$$),
    ($$UPDATE crm.status_count SET contacts = contacts WHERE account_id = 3$$),
    ($$DELETE FROM crm.status_count WHERE account_id = 3$$),
    ($$MERGE INTO crm.status_count AS s USING (VALUES (1)) AS v ON s.account_id = 3 WHEN MATCHED THEN DELETE$$),
    ($$INSERT INTO crm.status_count SELECT * FROM crm.status_count LIMIT 1 ON CONFLICT DO NOTHING$$))
        AS direct (statement);
SELECT helper.refused('TRUNCATE crm.status_count', '0A000', 'TRUNCATE crm.status_count');
SELECT helper.refused($$UPDATE crm.account_status_count SET contacts = 1$$, '55000',
    'the view of an account cannot be written');
SELECT helper.refused($$DELETE FROM crm.list_status_count$$, '55000', 'the view of a list cannot be written');

-- verify and repair ---------------------------------------------------------------------------------------------------

CREATE TABLE helper.damage (nr int, name text, statement text, found text);
INSERT INTO helper.damage VALUES
(1, 'one contact too many', $$INSERT INTO crm.status_count VALUES
        (1, NULL, pg_current_xact_id(), NULL, helper.contacts('active', 1))$$, '1 - count of active +1'),
(2, 'two subscriptions too few', $$INSERT INTO crm.status_count VALUES
        (2, 1, pg_current_xact_id(), NULL, helper.contacts('active', -2))$$, '2 1 count of active -2'),
(3, 'a status that nobody has', $$INSERT INTO crm.status_count VALUES
        (2, 2, pg_current_xact_id(), NULL, helper.contacts('complained', 7))$$, '2 2 count of complained +7'),
(4, 'of a list that does not exist', $$INSERT INTO crm.status_count VALUES
        (2, 99, pg_current_xact_id(), NULL, helper.contacts('active', 7))$$, '2 99 count of active +7'),
(5, 'of an account that does not exist', $$INSERT INTO crm.status_count VALUES
        (99, NULL, pg_current_xact_id(), NULL, helper.contacts('active', 7))$$, '99 - count of active +7'),
(6, 'lost rows', $$UPDATE crm.status_count SET contacts[1] = 0 WHERE account_id = 3 AND list_id = 1$$,
    '3 1 count of active -5001'),
(7, 'two damages that cancel out over the statuses',
    $$INSERT INTO crm.status_count VALUES (2, 1, pg_current_xact_id(), NULL, helper.contacts('active', 1)),
        (2, 1, pg_current_xact_id(), NULL, helper.contacts('deleted', -1))$$,
    '2 1 count of active +1, 2 1 count of deleted -1');
CREATE FUNCTION helper.check_damage() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    d helper.damage;
    repaired bigint;
BEGIN
    FOR d IN SELECT * FROM helper.damage ORDER BY nr LOOP
        PERFORM set_config('session_replication_role', 'replica', false);
        EXECUTE d.statement;
        PERFORM set_config('session_replication_role', 'origin', false);
        RETURN NEXT is((SELECT string_agg(format('%s %s %s %s', account_id, coalesce(list_id::text, '-'), item,
                                                 to_char(stored::bigint - expected::bigint, 'FMSG9999')), ', '
                                                 ORDER BY account_id, list_id, item)
                        FROM contact_status.verify('crm')), d.found, d.name || ': verify finds it');
        repaired := contact_status.repair('crm');
        RETURN NEXT is(repaired, (1 + length(d.found) - length(replace(d.found, ',', '')))::bigint,
            d.name || ': repair says how much it mended');
        RETURN NEXT is_empty($q$SELECT * FROM contact_status.verify('crm')$q$, d.name || ': verify finds nothing more');
        RETURN NEXT helper.counts_are_right(d.name || ': views equal count(*)');
    END LOOP;
END $$;
SELECT helper.check_damage();
SELECT is(contact_status.repair('crm'), 0::bigint, 'repair mends nothing where nothing is wrong');

-- a damaged status and its count
SET session_replication_role = replica;
UPDATE crm.subscription SET status = 'complained' WHERE account_id = 3 AND contact_id = 1001;
DELETE FROM crm.subscription WHERE account_id = 3 AND contact_id = 1002;
UPDATE crm.contact SET status = 'deleted' WHERE account_id = 3 AND contact_id = 1003;
RESET session_replication_role;
SELECT is((SELECT count(*) FROM contact_status.verify('crm') WHERE item LIKE 'count%'), 4::bigint,
    'damaged statuses: verify finds counts that differ, too');
SELECT cmp_ok(contact_status.repair('crm'), '>=', 3::bigint, 'damaged statuses: repair mends them');
SELECT helper.counts_are_right('damaged statuses: views equal count(*)');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
