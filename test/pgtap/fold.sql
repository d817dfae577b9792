\i test/pgtap/setup.inc
-- The fold in SQL: statuses from the events of any table, without the extension's tables, as aggregate and as window
-- function.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

-- A table of the application's own, in no particular order, and the same histories played into the extension's.
CREATE TABLE helper.story (story int GENERATED ALWAYS AS IDENTITY, events text);
INSERT INTO helper.story (events) VALUES
    ('added l1, soft_bounced c1..c5'), ('added l1, soft_bounced c1 x5'),
    ('added l1, delivered c1, soft_bounced c1, delivered c2, soft_bounced c2'),
    ('added l1, blocked c1..c5'), ('added l1, hard_bounced c1'), ('added l1, hard_bounced c1, nonexistent c2'),
    ('added l1, invalidated, validated'),
    ('signed_up l1'), ('signed_up l1, confirmed l1'), ('added l1, unsubscribed l1, added l1'),
    ('added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1 key=A'),
    ('signed_up l1 key=A, unsubscribed l1, confirmed l1 key=A'), ('added l1, added l2, unsubscribed l1'),
    ('added l1, unsubscribed, added l2'),
    ('added l1, complained, resubscribed l1'), ('added l1, deleted, signed_up l1'), ('added l1, deleted, restored'),
    ('added l1, removed l1'),
    ('added l1, sent c1..c10'), ('added l1, sent c1..c10, clicked c1'), ('added l1, suspended'),
    ('added l1, suspended, released'), ('complained'), ('unsubscribed'),
    ('added l1 @-9h, unsubscribed l1 @-6h, signed_up l1 key=a @-5h, signed_up l1 key=B @=, confirmed l1 key=a @-4h'),
    ('added l1 @-9h, soft_bounced c5 @-5h, delivered c5 @=, sent c6 @=, opened c5 @=');
-- Lists as the policy says: l2 here has no double opt-in setting of its own.
CREATE TABLE helper.webhook AS
SELECT story, kind, occurred_at, CASE list WHEN 'l1' THEN 1::bigint WHEN 'l2' THEN 2 END AS list_id, campaign_id,
    event_key,
    CASE WHEN kind = 'resubscribed' THEN 'phone' END AS evidence
FROM helper.story, helper.history(events) ORDER BY random();
CREATE TABLE helper.result AS
SELECT policy, story, contact_status.status_of(policy, kind, occurred_at, list_id, campaign_id, event_key
    ORDER BY occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C") AS status
FROM helper.webhook, unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS policy
GROUP BY policy, story;

INSERT INTO crm.account (account_id, policy) SELECT 100 + n, p
    FROM unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) WITH ORDINALITY AS policies (p, n);
INSERT INTO crm.list (account_id, list_id, name) OVERRIDING SYSTEM VALUE SELECT account_id, list, 'l' || list
    FROM crm.account, generate_series(1, 2) AS list WHERE account_id > 100;
INSERT INTO crm.contact (account_id, contact_id, email) SELECT account_id, story, format('s%s@example.org', story)
    FROM crm.account, helper.story WHERE account_id > 100;
INSERT INTO crm.event (account_id, contact_id, kind, occurred_at, list_id, campaign_id, event_key, evidence)
SELECT account_id, story, kind, occurred_at, list_id, campaign_id, event_key, evidence FROM crm.account, helper.webhook
WHERE account_id > 100;

SELECT is(f.status, c.status, format('%s: status_of the events of another table: %s', a.policy, events))
FROM crm.account AS a JOIN crm.contact AS c USING (account_id)
JOIN helper.result AS f ON f.policy = a.policy AND f.story = c.contact_id
JOIN helper.story ON helper.story.story = c.contact_id ORDER BY account_id, contact_id;

-- The whole: every fact and every subscription, under a policy that is a row of any table.
SELECT is(to_jsonb(f) - '{subscriptions,due_at}'::text[],
    (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(c))
        WHERE key IN (SELECT jsonb_object_keys(to_jsonb(f) - '{subscriptions,due_at}'::text[]))),
    format('%s: fold gives every fact: %s', a.policy, events))
FROM crm.account AS a JOIN crm.policy AS p ON p.name = a.policy JOIN crm.contact AS c USING (account_id)
JOIN helper.story AS s ON s.story = c.contact_id,
    LATERAL (SELECT contact_status.fold(p::contact_status.policy, NULL, kind, occurred_at, list_id, campaign_id,
            event_key, NULL, NULL, now()
        ORDER BY occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C") AS f
        FROM helper.webhook AS w WHERE w.story = s.story) AS folded
ORDER BY account_id, contact_id;

-- As a window function: the status after each event, so that history is a query.
SELECT results_eq($$
    SELECT kind::text, (contact_status.status_of('default', kind, occurred_at, list_id, campaign_id, event_key) OVER (
        ORDER BY occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C"))::text
    FROM helper.history('signed_up l1, confirmed l1, soft_bounced c1, delivered c2, hard_bounced c3, unsubscribed l1'),
        LATERAL (SELECT 1::bigint AS list_id) AS l ORDER BY nr$$,
    $$VALUES ('signed_up', 'unconfirmed'), ('confirmed', 'active'), ('soft_bounced', 'soft_bounced'),
        ('delivered', 'active'),
             ('hard_bounced', 'hard_bounced'), ('unsubscribed', 'unsubscribed')$$,
             'as a window function: the status after each event');
SELECT results_eq($$
    SELECT story, kind::text,
        (contact_status.status_of('emailmanager', kind, occurred_at, list_id, campaign_id, event_key) OVER (
        PARTITION BY story ORDER BY occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST,
        event_key COLLATE "C"))::text
    FROM helper.webhook WHERE story IN (4, 21) ORDER BY story, occurred_at$$,
    $$VALUES (4, 'added', 'active'), (4, 'blocked', 'soft_bounced'), (4, 'blocked', 'soft_bounced'),
        (4, 'blocked', 'soft_bounced'), (4, 'blocked', 'soft_bounced'),
             (4, 'blocked', 'failing'), (21, 'added', 'active'), (21, 'suspended', 'suspended')$$,
             'of several contacts at once');

-- Out of order it refuses rather than guesses.
SELECT isnt(verdict, 'accepted', 'events out of order are refused') FROM helper.refusal($$
    SELECT contact_status.status_of('default', kind, occurred_at, 1, campaign_id, event_key ORDER BY occurred_at DESC)
    FROM helper.history('added l1, unsubscribed l1')$$);
SELECT is(split_part(verdict, ' ', 1), '23503', 'an unknown policy') FROM helper.refusal($$
    SELECT contact_status.status_of('mailchimp', kind, occurred_at, 1, campaign_id, event_key ORDER BY occurred_at)
    FROM helper.history('added l1')$$);
SELECT is((SELECT contact_status.status_of('default', kind, occurred_at, 1, campaign_id, event_key ORDER BY occurred_at)
        FROM helper.history('')), NULL, 'no events: null');

-- In a parallel plan.
SELECT is(p.proparallel, 's', format('%s is safe in parallel plans', p.oid::regprocedure)) FROM pg_proc AS p
WHERE p.pronamespace = 'contact_status'::regnamespace
    AND (p.prokind = 'a' OR p.oid IN (SELECT aggtransfn FROM pg_aggregate UNION SELECT aggfinalfn FROM pg_aggregate))
ORDER BY p.oid::regprocedure::text;
CREATE TABLE helper.many AS SELECT n AS story, kind, occurred_at, list_id, campaign_id, event_key
    FROM helper.webhook, generate_series(1, 400) AS n WHERE story = 3;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT results_eq($$
    SELECT status::text, count(*)::int
    FROM (SELECT story, contact_status.status_of('default', kind, occurred_at, list_id, campaign_id, event_key
        ORDER BY occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C") AS status
        FROM helper.many GROUP BY story) AS s GROUP BY 1$$,
    $$VALUES ('soft_bounced', 400)$$, 'in a parallel plan');

SELECT * FROM finish();
ROLLBACK;
