\i test/pgtap/setup.inc
-- Pure: any order of arrival, any batching and any duplication of the same events give the same statuses and facts.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

-- Random histories: for each policy 30 of 40 events each, in a tenth of which times coincide. Opt-outs,
-- complaints, deletions and deaths are rare enough that histories go on.
SELECT setseed(0.42) \g /dev/null
CREATE TABLE helper.random AS
SELECT policy, story, row_number() OVER (PARTITION BY policy, story ORDER BY random()) AS nr,
    kind::contact_status.event_kind,
    CASE WHEN kind IN ('added', 'signed_up', 'confirmed', 'resubscribed', 'removed')
        OR (kind = 'unsubscribed' AND random() < 0.7)
        THEN 'l' || (1 + floor(random() * 3))::int END AS list,
    CASE WHEN kind = 'sent'
        OR (kind IN ('delivered', 'opened', 'clicked', 'soft_bounced', 'blocked', 'hard_bounced', 'nonexistent')
            AND random() < 0.8)
        THEN 1 + floor(random() * 8)::int END AS campaign_id,
    now() - CASE WHEN random() < 0.7 THEN interval '1 hour' * floor(random() * 480)
        ELSE interval '30 hours' * floor(random() * 16) END
        - interval '1 minute' AS occurred_at,
    CASE WHEN random() < 0.3 THEN substr('aBäZ', 1 + floor(random() * 4)::int, 1) ELSE '' END AS event_key,
    CASE WHEN kind = 'resubscribed' THEN 'on the phone' END AS evidence,
    CASE WHEN kind = 'suspended' AND random() < 0.8 THEN interval '1 hour' * ceil(random() * 100) END AS lasting
FROM unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS policy,
    generate_series(1, 30) AS story,
    LATERAL (SELECT kind FROM unnest('{signed_up,signed_up,added,added,confirmed,confirmed,resubscribed,released,
                restored,validated,sent,sent,sent,
        delivered,delivered,delivered,opened,clicked,visited,soft_bounced,soft_bounced,soft_bounced,soft_bounced,
            blocked,hard_bounced,
        nonexistent,invalidated,suspended,removed,unsubscribed,complained,deleted}'::text[]) AS kind,
        generate_series(1, 5) AS n
        WHERE n = 1 OR kind NOT IN ('complained', 'unsubscribed', 'deleted', 'invalidated', 'nonexistent',
            'hard_bounced') OR story < 0
        ORDER BY random() LIMIT 40) AS events;

CREATE TABLE helper.played (policy text, story int, arrival text, account helper.account, contact bigint);
INSERT INTO helper.played
SELECT p.policy, story, arrival, a, helper.new_contact(a)
FROM unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS p (policy),
    generate_series(1, 30) AS story,
    unnest('{in order,shuffled,backwards,at once,doubled,in batches}'::text[]) AS arrival, helper.account(p.policy) AS a
ORDER BY 1, 2, 3;

CREATE VIEW helper.event_row AS
SELECT p.arrival, r.nr, r.policy, r.story, (p.account).account_id, p.contact AS contact_id,
    helper.list(p.account, r.list) AS list_id,
    r.campaign_id, r.kind, r.occurred_at, r.event_key, r.evidence, r.occurred_at + r.lasting AS until
FROM helper.random AS r JOIN helper.played AS p USING (policy, story);

CREATE FUNCTION helper.one_by_one(which text, ordering text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    row helper.event_row;
BEGIN
    FOR row IN EXECUTE format('SELECT * FROM helper.event_row WHERE arrival = %L ORDER BY policy, story, %s', which,
        ordering) LOOP
        INSERT INTO crm.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at, event_key,
            evidence, until)
        VALUES (row.account_id, row.contact_id, row.list_id, row.campaign_id, row.kind, row.occurred_at, row.event_key,
            row.evidence, row.until)
        ON CONFLICT DO NOTHING;
    END LOOP;
END $$;

CREATE FUNCTION helper.in_statements(which text, statements int, copies int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR part IN 0 .. statements - 1 LOOP
        INSERT INTO crm.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at, event_key,
            evidence, until)
        SELECT account_id, contact_id, list_id, campaign_id, kind, occurred_at, event_key, evidence, until
        FROM helper.event_row, generate_series(1, copies)
        WHERE arrival = which AND nr % statements = part ORDER BY md5(policy || story || nr || part)
        ON CONFLICT DO NOTHING;
    END LOOP;
END $$;

SELECT helper.one_by_one('in order',
    'occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C"') \g /dev/null
SELECT helper.one_by_one('backwards', 'occurred_at DESC, kind DESC, nr') \g /dev/null
SELECT helper.one_by_one('shuffled', 'nr') \g /dev/null
SELECT helper.in_statements('at once', 1, 1), helper.in_statements('doubled', 3, 2),
    helper.in_statements('in batches', 7, 1) \g /dev/null

SELECT is(
    (SELECT count(DISTINCT helper.facts(account, contact))::int FROM helper.played AS p
        WHERE p.policy = s.policy AND p.story = s.story), 1,
    format('%s: random history %s, the same facts in every order of arrival', policy, story))
FROM (SELECT DISTINCT policy, story FROM helper.played) AS s ORDER BY policy, story;
SELECT is((SELECT count(DISTINCT (kind, occurred_at, list_id, campaign_id, event_key)) FROM crm.event AS e
        WHERE e.contact_id = p.contact AND e.account_id = (p.account).account_id),
    (SELECT count(*) FROM crm.event AS e WHERE e.contact_id = p.contact AND e.account_id = (p.account).account_id),
    format('%s: history %s is in the log once, %s', policy, story, arrival))
FROM helper.played AS p WHERE story = 1 AND arrival = 'doubled';
SELECT cmp_ok((SELECT count(DISTINCT status)::int FROM crm.contact), '>=', 8,
    'the random histories reach most statuses');
SELECT * FROM helper.check_whole();

-- Folding everything again changes nothing.
SELECT is(contact_status.reevaluate('crm')::int, 0, 'reevaluate finds nothing to change');
SELECT is(contact_status.sweep('crm')::int, 0, 'nor does sweep');

-- A redelivered webhook -----------------------------------------------------------------------------------------------

SELECT a AS account, helper.play(a, 'added l1 @-9h, soft_bounced c1 @-8h, soft_bounced c2 @-7h') AS contact
FROM helper.account('activecampaign') AS a \gset
SELECT helper.record(:'account'::helper.account, :contact,
    'soft_bounced c1 @-8h, soft_bounced c2 @-7h, soft_bounced c2 @-7h', 'repeated') \g /dev/null
SELECT is(helper.state(:'account'::helper.account, :contact), 'soft_bounced (l1 soft_bounced)',
    'delivered again and again, an error counts once');
SELECT is((SELECT count(*)::int FROM crm.event WHERE contact_id = :contact), 3, 'and is in the log once');
SELECT throws_ok(format($$INSERT INTO crm.event (account_id, contact_id, campaign_id, kind, occurred_at)
    VALUES
    (%s, %s, 1, 'soft_bounced', now() - interval '8 hours')$$, (:'account'::helper.account).account_id, :contact),
    '23505', NULL, 'without ON CONFLICT DO NOTHING it is refused');
SELECT helper.record(:'account'::helper.account, :contact, 'soft_bounced c2 @-7h key=other', 'in order') \g /dev/null
SELECT is(helper.state(:'account'::helper.account, :contact), 'hard_bounced (l1 hard_bounced)',
    'with a key of its own it is another error');

-- An event that changes nothing is recorded ---------------------------------------------------------------------------

SELECT a AS account, helper.play(a, 'added l1, complained, unsubscribed l1') AS contact
    FROM helper.account('emailmanager') AS a \gset
SELECT helper.record(:'account'::helper.account, :contact,
    'added l1 @-2h, confirmed l1, resubscribed l1 evidence=phone, restored, released') \g /dev/null
SELECT is((SELECT count(*)::int FROM crm.event WHERE contact_id = :contact), 8,
    'events without an effect are in the log');
SELECT is(helper.state(:'account'::helper.account, :contact), 'complained (l1 complained)', 'and had none');

-- Late events ---------------------------------------------------------------------------------------------------------

INSERT INTO helper.rule (name, policies, events, expected) VALUES
('a late delivery erases no complaint', '*', 'added l1 @-9h, complained @-5h, delivered c1 @-4h, delivered c1 @-6h',
    'complained (l1 complained)'),
('a late delivery before the last errors', 'default',
    'added l1 @-9h, soft_bounced c1..c3 @-8h, soft_bounced c4..c5 @-5h, delivered c9 @-6h', 'soft_bounced'),
('a late error before the delivery', '*', 'added l1 @-9h, delivered c2 @-5h, soft_bounced c1 @-6h', 'active'),
('a late error that fills the run', 'default', 'added l1 @-9h, soft_bounced c1..c4 @-5h, soft_bounced c5 @-8h',
    'hard_bounced'),
('a late import before the opt-out', '*', 'unsubscribed l1 @-5h, added l1 @-6h', 'unsubscribed (l1 unsubscribed)'),
('a late import after the opt-out', '*', 'added l1 @-9h, unsubscribed l1 @-5h, added l1 @-4h',
    'unsubscribed (l1 unsubscribed)'),
('a late confirmation before the opt-out', '*', 'signed_up l2 @-9h, unsubscribed l2 @-5h, confirmed l2 @-6h',
    'unsubscribed (l2 unsubscribed)'),
('a late release before the suspension', '*', 'added l1 @-9h, suspended @-5h, released @-6h', 'suspended'),
('a late deletion before the sign-up', '*', 'added l3 @-9h, signed_up l2 @-5h, deleted @-6h',
    'unconfirmed (l2 unconfirmed)'),
('a late open among ten campaigns', 'emailmanager', 'added l1 @-9h, sent c1..c10 @-5h, opened @-299m', 'active'),
('a late open before ten campaigns', 'emailmanager', 'added l1 @-9h, sent c1..c10 @-5h, opened @-6h', 'unresponsive'),
('a late delivery that is taken back', 'default',
    'added l1 @-9h, soft_bounced c1..c4 @-8h, soft_bounced c5 @-5h, delivered c5 @-6h', 'hard_bounced'),
('a late removal before the import', '*', 'added l1 @-5h, removed l1 @-6h', 'active (l1 active)');
SELECT * FROM helper.check_rules();

SELECT * FROM finish();
ROLLBACK;
