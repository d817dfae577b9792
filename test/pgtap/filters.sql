\i test/pgtap/setup.inc
-- A million subscriptions: lists are filtered and paged, and counts read, by an index.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id) SELECT generate_series(2, 5);
ALTER TABLE crm.contact ADD COLUMN city text, ADD COLUMN age int;

-- Written as they would stand: 250,000 contacts, each on four of five lists; by status 88 % active, and of each other a
-- few.
SET session_replication_role = replica;
CREATE TABLE helper.made AS
SELECT i, CASE WHEN i % 25 < 22 THEN 'active' WHEN i % 25 = 22 THEN 'unsubscribed' WHEN i % 25 = 23 THEN 'hard_bounced'
               ELSE (enum_range(NULL::contact_status.contact_status))[1
                   + i / 25 % 10]::text END::contact_status.contact_status AS status
FROM generate_series(1, 250000) AS i;
INSERT INTO crm.contact (contact_id, email, status, city, age) OVERRIDING SYSTEM VALUE
SELECT i, format('c%s@example.org', i), status, CASE WHEN i / 5 % 20 = 7 THEN 'Turin' ELSE 'Brno' END, i % 80
FROM helper.made;
INSERT INTO crm.subscription (account_id, list_id, contact_id, status, consent, consent_at)
SELECT 1, 1 + (i + l) % 5, i, status,
    CASE WHEN status IN ('unconfirmed', 'unsubscribed') THEN status ELSE 'active' END, now()
FROM helper.made, generate_series(1, 4) AS l;
RESET session_replication_role;
ANALYZE crm.contact, crm.subscription;
SELECT _contact_status.repair_counts('crm') \g /dev/null
-- rows that writers have left and that are not merged yet
SET session_replication_role = replica;
INSERT INTO crm.status_count SELECT 1, nullif(l, 0), pg_current_xact_id(), NULL,
    helper.contacts(s, CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END)
FROM generate_series(0, 5) AS l, unnest(enum_range(NULL::contact_status.contact_status)) AS s,
    generate_series(1, 20) AS i;
RESET session_replication_role;
ANALYZE crm.status_count;

SELECT is((SELECT count(*) FROM crm.subscription), 1000000::bigint, 'a million subscriptions');

CREATE FUNCTION helper.plan(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || query INTO plan;
    RETURN plan -> 0;
END $$;
-- All nodes of a plan that read a table or an index.
CREATE FUNCTION helper.scans(plan jsonb)
    RETURNS TABLE (way text, index text, relation text, condition text, read bigint) LANGUAGE sql AS $$
    SELECT n ->> 'Node Type', n ->> 'Index Name', n ->> 'Relation Name', n ->> 'Index Cond',
           ((n ->> 'Actual Rows')::numeric + coalesce((n ->> 'Rows Removed by Filter')::numeric, 0))::bigint * (
               n ->> 'Actual Loops')::bigint
    FROM jsonb_path_query(plan, 'strict $.**') AS n
    WHERE jsonb_typeof(n) = 'object' AND n ? 'Node Type' AND (n ? 'Index Name' OR n ? 'Relation Name')
$$;

-- Its subscriptions come from an index that begins with (account_id, list_id), in order, and few rows are read.
CREATE FUNCTION helper.pages_by_index(name text, query text, most bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb := helper.plan(query);
BEGIN
    RETURN NEXT ok((SELECT bool_and(way IN ('Index Scan', 'Index Only Scan') AND index IN ('subscription_list',
                'subscription_status') AND condition ~ 'status' AND condition ~ 'list_id')
                    FROM helper.scans(plan) WHERE index LIKE 'subscription%' OR relation = 'subscription'),
                        name || ': by an index of the list');
    RETURN NEXT ok(NOT EXISTS (SELECT FROM helper.scans(plan)
            WHERE way LIKE '%Seq Scan' AND relation IN ('contact', 'subscription')),
        name || ': neither contacts nor subscriptions are read as a whole');
    RETURN NEXT cmp_ok((SELECT coalesce(sum(read), 0)::bigint FROM helper.scans(plan)), '<=', most,
        name || ': reads few rows');
END $$;

SELECT helper.pages_by_index('a page of a status',
    $$SELECT contact_id FROM crm.subscription WHERE account_id = 1 AND list_id = 2 AND status = 'unsubscribed'
        AND contact_id > 100000 ORDER BY contact_id LIMIT 50$$, 50);
SELECT helper.pages_by_index('a page of the most frequent status',
    $$SELECT contact_id FROM crm.subscription WHERE account_id = 1 AND list_id = 2 AND status = 'active'
        AND contact_id > 200000 ORDER BY contact_id LIMIT 50$$, 50);
SELECT helper.pages_by_index('with an application''s condition',
    $$SELECT contact_id, c.email FROM crm.subscription AS s JOIN crm.contact AS c USING (account_id, contact_id)
      WHERE account_id = 1 AND list_id = 3 AND s.status = 'hard_bounced' AND c.age < 40 AND contact_id > 100000
      ORDER BY contact_id LIMIT 50$$, 600);
-- the place of the page is given for both tables: the planner does not take an inequality over to the other side of a
-- join
SELECT helper.pages_by_index('with a rarer condition, in the most frequent status',
    $$SELECT contact_id, c.email FROM crm.subscription AS s JOIN crm.contact AS c USING (account_id, contact_id)
      WHERE account_id = 1 AND list_id = 3 AND s.status = 'active' AND c.city = 'Turin' AND contact_id > 100000
          AND c.contact_id > 100000 ORDER BY contact_id LIMIT 50$$, 20000);
SELECT helper.pages_by_index('a status that few have',
    $$SELECT contact_id, c.email FROM crm.subscription AS s JOIN crm.contact AS c USING (account_id, contact_id)
      WHERE account_id = 1 AND list_id = 3 AND s.status = 'complained' AND c.age < 40 AND contact_id > 249900
      ORDER BY contact_id LIMIT 50$$, 50);

-- the page is the right one
SELECT results_eq(
    $$SELECT contact_id FROM crm.subscription AS s JOIN crm.contact AS c USING (account_id, contact_id)
      WHERE account_id = 1 AND list_id = 3 AND s.status = 'hard_bounced' AND c.age < 40 AND contact_id > 100000
      ORDER BY contact_id LIMIT 50$$,
    $$SELECT i::bigint FROM helper.made WHERE status = 'hard_bounced' AND i % 80 < 40 AND i > 100000
        AND (3 - 1 - i % 5 + 5) % 5 <> 0 ORDER BY i LIMIT 50$$,
    'the page holds the next fifty');

-- every page in turn reads each once
CREATE FUNCTION helper.all_pages() RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    page bigint[];
    pages bigint[] := '{}';
    last bigint := 0;
BEGIN
    LOOP
        page := ARRAY(SELECT contact_id FROM crm.subscription WHERE account_id = 1 AND list_id = 4
            AND status = 'suspended' AND contact_id > last ORDER BY contact_id LIMIT 50);
        EXIT WHEN page = '{}';
        pages := pages || page;
        last := page[cardinality(page)];
    END LOOP;
    RETURN pages;
END $$;
SELECT is(helper.all_pages(), ARRAY(SELECT contact_id FROM crm.subscription
        WHERE list_id = 4 AND status = 'suspended' ORDER BY 1), 'page after page: each once, in order');

-- whom to mail, of a list
SELECT ok(NOT EXISTS (SELECT FROM helper.scans(helper.plan($$SELECT contact_id, email FROM crm.mailable
            WHERE account_id = 1 AND list_id = 5 AND contact_id BETWEEN 1000 AND 1100$$))
    WHERE way LIKE '%Seq Scan' AND relation IN ('contact', 'subscription')),
        'mailable of a list and a range of contacts: by index');

-- pages of mailable: by an index, and no more than a page, the first and the last, also where many contacts are due
CREATE FUNCTION helper.pages_of_mailable(name text, place text, most bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    query text := 'SELECT contact_id, email FROM crm.mailable
        WHERE account_id = 1 AND list_id = 5 AND ' || place || ' ORDER BY contact_id LIMIT 1000';
    plan jsonb := helper.plan(query);
    least numeric;
BEGIN
    -- a few rows may be sorted
    RETURN NEXT ok((SELECT bool_and(way NOT LIKE '%Seq Scan') FROM helper.scans(plan)
            WHERE relation IN ('contact', 'subscription')),
        name || ': by indexes');
    RETURN NEXT cmp_ok((SELECT sum(read)::bigint FROM helper.scans(plan)), '<=', most, name || ': reads a page');
    SELECT min((helper.plan(query) ->> 'Execution Time')::numeric) INTO least FROM generate_series(1, 5);
    RETURN NEXT cmp_ok(least, '<', 200::numeric, name || ': at once');   -- some milliseconds on a quiet machine
END $$;
CREATE FUNCTION helper.check_pages_of_mailable(state text, most bigint) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT helper.pages_of_mailable(state || ', the first page', 'contact_id > 0', most)
    UNION ALL SELECT helper.pages_of_mailable(state || ', one in the middle', 'contact_id > 125000', most)
    UNION ALL SELECT helper.pages_of_mailable(state || ', the last page', 'contact_id > 248600', most)
    UNION ALL SELECT helper.pages_of_mailable(state || ', without a place', 'true', most)
$$;
SELECT helper.check_pages_of_mailable('nothing due', 8000);
SET session_replication_role = replica;
UPDATE crm.contact SET due_at = now() - interval '1 hour', suspended_at = now() - interval '2 hours',
    status = CASE WHEN status = 'active' THEN 'suspended' ELSE status END,
       suspended_until = CASE WHEN contact_id % 4 = 0 THEN now() - interval '1 hour' END WHERE contact_id % 2 = 0;
UPDATE crm.subscription SET status = 'suspended' WHERE contact_id % 2 = 0 AND status = 'active';
RESET session_replication_role;
SELECT helper.pages_of_mailable('half of the contacts due, planned as if none was', 'contact_id > 125000', 30000);
ANALYZE crm.contact, crm.subscription;
SELECT helper.check_pages_of_mailable('half of the contacts due', 30000);
SELECT results_eq($$SELECT contact_id FROM crm.mailable
        WHERE account_id = 1 AND list_id = 5 AND contact_id > 1000 ORDER BY contact_id LIMIT 1000$$,
    $$SELECT contact_id FROM crm.subscription WHERE list_id = 5 AND contact_id > 1000 AND consent = 'active'
         AND CASE WHEN contact_id % 2 = 1 THEN status IN ('active', 'soft_bounced') ELSE contact_id % 4 = 0
             AND status <= 'suspended' END
       ORDER BY contact_id LIMIT 1000$$,
    'the page holds contacts with an ended suspension, and none that is suspended');

-- an address
SELECT ok(NOT EXISTS (SELECT FROM helper.scans(helper.plan($$SELECT contact_id FROM crm.contact WHERE account_id = 1
       AND contact_status.normalize_address(email) = contact_status.normalize_address(
           ' C77@Example.org') COLLATE "C"$$))
    WHERE index IS DISTINCT FROM 'contact_address'), 'a contact by its address: by the index contact_address');
SELECT results_eq($$SELECT contact_id, address FROM contact_status.contact_by_email('crm', ' C77@Example.org')$$,
    $$VALUES (77::bigint, 'c77@example.org')$$,
    'contact_by_email finds it in any spelling');
SELECT results_eq($$SELECT contact_id, status, monitored, created_at
        FROM contact_status.contact_by_email('crm', 'c78@example.org', 1)$$,
    $$SELECT contact_id, status, monitored, created_at FROM crm.contact WHERE contact_id = 78$$, 'with its status');
SELECT is_empty($$SELECT * FROM contact_status.contact_by_email('crm', 'nobody@example.org')$$,
    'no row without such a contact');
SELECT is_empty($$SELECT * FROM contact_status.contact_by_email('crm', 'c77@example.org', 2)$$,
    'none of another account');
SELECT is_empty($$SELECT * FROM contact_status.contact_by_email('crm', NULL)$$, 'none of null');

-- Counts --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION helper.reads_counts_only(name text, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb := helper.plan(query);
    least numeric;
BEGIN
    RETURN NEXT ok((SELECT bool_and(index = 'status_count_key') FROM helper.scans(plan)
            WHERE relation = 'status_count' OR index LIKE 'status_count%'),
        name || ': by the index of status_count');
    RETURN NEXT ok(NOT EXISTS (SELECT FROM helper.scans(plan)
            WHERE relation = 'subscription' OR relation = 'contact' AND index IS DISTINCT FROM 'contact_due'),
        name || ': reads no contacts and subscriptions');
    SELECT min((helper.plan(query) ->> 'Execution Time')::numeric) INTO least FROM generate_series(1, 5);
    RETURN NEXT cmp_ok(least, '<', 20::numeric, name || ': at once');   -- a millisecond on a quiet machine
END $$;
SELECT helper.reads_counts_only('account_status_count',
    'SELECT status, contacts FROM crm.account_status_count WHERE account_id = 1');
SELECT helper.reads_counts_only('list_status_count',
    'SELECT status, contacts FROM crm.list_status_count WHERE account_id = 1 AND list_id = 2');
SELECT helper.reads_counts_only('list_status_count of all lists',
    'SELECT list_id, status, contacts FROM crm.list_status_count WHERE account_id = 1');
SELECT helper.reads_counts_only('active_contacts',
    'SELECT active_contacts, over_limit FROM crm.active_contacts WHERE account_id = 1');
SELECT is((SELECT active_contacts FROM crm.active_contacts),
    (SELECT count(*) FROM helper.made WHERE status IN ('active', 'soft_bounced')), 'and they are right');

SELECT * FROM finish();
ROLLBACK;
