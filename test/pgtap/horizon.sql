-- Retention: facts are kept as of a horizon, older events go, and all that follows from them stays.
\i test/pgtap/setup.inc
SELECT no_plan();

SELECT contact_status.create_tables('crm');
-- what happened lies months apart
UPDATE crm.policy SET soft_bounce_memory = NULL, confirm_within = NULL WHERE name = 'default';
INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i) FROM generate_series(1, 9) AS i;
INSERT INTO crm.list (list_id) VALUES (2);

-- what happened, in days before the horizon (negative: after it)
\set h '(date_trunc(''day'', now()) - interval ''100 days'')'
INSERT INTO crm.event (contact_id, kind, list_id, campaign_id, evidence, event_key, occurred_at)
SELECT c, k::contact_status.event_kind, l, m, CASE k WHEN 'resubscribed' THEN 'letter' END, key,
    :h - d * interval '1 day' FROM (VALUES
    (1, 'added', 1, NULL, '', 90), (1, 'soft_bounced', NULL, 1, '', 80), (1, 'soft_bounced', NULL, 2, '', 70),
    (1, 'soft_bounced', NULL, 3, '', 60),
    (1, 'soft_bounced', NULL, 4, '', -10),
    (2, 'added', 1, NULL, '', 90), (2, 'unsubscribed', 1, NULL, '', 50), (2, 'added', 2, NULL, '', 40),
    (3, 'added', 1, NULL, '', 90), (3, 'complained', NULL, NULL, '', 50), (3, 'opened', NULL, NULL, '', -20),
    (4, 'added', 1, NULL, '', 90), (4, 'unsubscribed', 1, NULL, '', 50), (4, 'signed_up', 1, NULL, 'link', 1),
    (4, 'opened', NULL, NULL, '', -1),
    (5, 'added', 1, NULL, '', -5),
    (6, 'added', 1, NULL, '', 90), (6, 'invalidated', NULL, NULL, '', 60),
    (7, 'added', 1, NULL, '', 90), (7, 'complained', NULL, NULL, '', 50), (7, 'unsubscribed', NULL, NULL, '', -3)
) AS e (c, k, l, m, key, d);
DELETE FROM crm.contact WHERE contact_id = 7;
CREATE TEMPORARY VIEW state AS
    SELECT c.contact_id, c.status, c.changed_at, c.run_times, c.complained_at, c.hard_bounced_at, s.list_id,
        s.status AS on_list, s.consent, s.consent_at, s.requested_at
      FROM crm.contact c LEFT JOIN crm.subscription s USING (account_id, contact_id);
CREATE TEMPORARY TABLE before AS SELECT * FROM state;

-- arguments
SELECT throws_ok(format('SELECT contact_status.set_horizon(%s)', a), c, NULL, 'set_horizon: ' || a) FROM (VALUES
    ('NULL, 1, now()', '22004'), ('''crm'', NULL, now()', '22004'), ('''crm'', 1, NULL', '22004'),
    ('''crm'', 7, now()', '23503'),
    ('''crm'', 1, now() + interval ''1 day''', '22023'), ('''crm'', 1, ''infinity''', '22023'),
    ('''crm'', 1, ''-infinity''', '22023'), ('''nowhere'', 1, now()', '42P01')) AS w (a, c);
SELECT throws_ok($$UPDATE crm.account SET horizon = now()$$, '23514', NULL, 'the horizon is not written');
SELECT throws_ok($$INSERT INTO crm.account (account_id, horizon) VALUES (2, now())$$, '23514', NULL, 'nor given');
SELECT throws_ok($$DELETE FROM crm.event$$, '23514', NULL, 'without a horizon no event goes');

SELECT contact_status.set_horizon('crm', 1, :h);
SELECT results_eq('SELECT * FROM state ORDER BY contact_id, list_id',
    'SELECT * FROM before ORDER BY contact_id, list_id', 'a horizon changes no fact and no status');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify starts from it');
SELECT throws_ok(format($$SELECT contact_status.set_horizon('crm', 1, %L)$$, :h - interval '1 day'), '22023', NULL,
    'it never goes back');
SELECT is((SELECT array_agg(DISTINCT contact_id) FROM crm.checkpoint WHERE kept_at IS NOT NULL),
    '{1,2,3,4,5,6,7,8,9}'::bigint[], 'facts of all contacts are kept, former ones too');

-- what may go
SELECT throws_ok(format('DELETE FROM crm.event WHERE contact_id = 1 AND occurred_at >= %L', :h), '23514', NULL,
    'an event since the horizon does not');
SELECT lives_ok(format('DELETE FROM crm.event WHERE occurred_at < %L', :h), 'older ones may go');
SELECT is((SELECT count(*) FROM crm.event), 5::bigint, 'and are gone');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify does not miss them');
SELECT contact_status.reevaluate('crm') \g /dev/null
SELECT results_eq('SELECT * FROM state ORDER BY contact_id, list_id',
    'SELECT * FROM before ORDER BY contact_id, list_id', 'reevaluate neither');

-- history from the horizon on
SELECT results_eq($$SELECT contact_id, previous_status::text, status::text, changed_at < now() - interval '95 days'
        FROM crm.status_history WHERE list_id = 1 AND contact_id IN (1, 2, 5) ORDER BY 1, changed_at$$,
    $$VALUES (1::bigint, NULL, 'soft_bounced', true), (2, NULL, 'unsubscribed', true), (5, NULL, 'active', true)$$,
    'history begins with what held at the horizon');

-- events go on: what is new counts with what is kept
INSERT INTO crm.event (contact_id, kind, campaign_id) VALUES (1, 'soft_bounced', 5);
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 1), 'hard_bounced',
    'the fifth error, of which three lie before the horizon');
INSERT INTO crm.event (contact_id, kind, list_id, event_key) VALUES (4, 'confirmed', 1, 'link');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 4), 'active',
    'a request made before the horizon is confirmed');
INSERT INTO crm.event (contact_id, kind, list_id, evidence) VALUES (3, 'resubscribed', 1, 'letter');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 3), 'complained',
    'a complaint before the horizon holds for good');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

-- late events
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'delivered', :h + interval '5 days');
SELECT is((SELECT (status, cardinality(run_times))::text FROM crm.contact WHERE contact_id = 1), '(soft_bounced,2)',
    'a late one since the horizon is folded in');
INSERT INTO crm.event (contact_id, kind, list_id, occurred_at) VALUES (5, 'unsubscribed', 1, :h - interval '30 days');
SELECT is((SELECT (consent, consent_at = :h)::text FROM crm.subscription WHERE contact_id = 5), '(unsubscribed,t)',
    'one dated before it counts as if it happened then');
INSERT INTO crm.event (contact_id, kind, list_id, evidence, occurred_at) VALUES
    (8, 'unsubscribed', 1, NULL, :h - interval '20 days'), (8, 'resubscribed', 1, 'letter', :h - interval '10 days'),
    (9, 'hard_bounced', NULL, NULL, :h - interval '1 day');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 8), 'active',
    'several of them in the order in which they happened');
SELECT is((SELECT hard_bounced_at = :h FROM crm.contact WHERE contact_id = 9), true, 'of the address, too');
INSERT INTO crm.contact (contact_id, email) VALUES (10, 'c10@example.org');
INSERT INTO crm.event (contact_id, kind, list_id, occurred_at) VALUES (10, 'added', 1, :h - interval '400 days');
SELECT is((SELECT consent_at = :h FROM crm.subscription WHERE contact_id = 10), true,
    'and of a contact that came later');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');
SELECT throws_ok(format('DELETE FROM crm.event WHERE contact_id = 5 AND occurred_at < %L', :h), '23514', NULL,
    'what came after the horizon was set does not go');
INSERT INTO crm.event (contact_id, kind, list_id, occurred_at) VALUES (5, 'added', 2, :h - interval '60 days');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 5), 'active', 'one more, dated still earlier');
SELECT is((SELECT late_since = :h - interval '60 days' FROM crm.checkpoint WHERE contact_id = 5), true,
    'the earliest is known');
CREATE TEMPORARY TABLE later AS SELECT * FROM state;
SELECT contact_status.set_horizon('crm', 1, :h);
SELECT lives_ok(format('DELETE FROM crm.event WHERE occurred_at < %L', :h), 'unless the same horizon is set again');
SELECT contact_status.reevaluate('crm') \g /dev/null
SELECT results_eq('SELECT * FROM state ORDER BY contact_id, list_id',
    'SELECT * FROM later ORDER BY contact_id, list_id', 'and no status changes');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

-- A late event restricts as if it happened at the horizon, and lifts only what is older than itself -------------------

SELECT contact_status.create_tables('late', policy => 'emailmanager');
UPDATE late.policy SET resubscribe = 'confirmed', unsubscribe_scope = 'list', hard_bounce_limit = 1,
    double_opt_in = true WHERE name = 'emailmanager';
INSERT INTO late.account (account_id, policy) VALUES (2, 'emailmanager');
INSERT INTO late.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (2, 1);
-- in account 1 a horizon comes between what is kept and what is late (days ago); in account 2 there is none
CREATE TABLE helper.late (nr int, name text, kept text, late text, status text, without text);
INSERT INTO helper.late VALUES
(1, 'consent, over a later opt-out', 'added -60,unsubscribed -45', 'resubscribed -50', 'unsubscribed', 'unsubscribed'),
(2, 'consent, over an earlier opt-out', 'added -60,unsubscribed -45', 'resubscribed -40', 'active', 'active'),
(3, 'an opt-out, over a later consent: restricts', 'added -60,resubscribed -45', 'unsubscribed -50', 'unsubscribed',
    'active'),
(4, 'an opt-out and a later consent', 'added -60', 'unsubscribed -50,resubscribed -45', 'active', 'active'),
(5, 'an opt-out and an earlier consent', 'added -60', 'unsubscribed -45,resubscribed -50', 'unsubscribed',
    'unsubscribed'),
(6, 'an opt-out that is known, and a consent between', 'added -60,unsubscribed -42',
    'unsubscribed -45,resubscribed -44', 'unsubscribed', 'unsubscribed'),
(7, 'a confirmation, over a later sign-up', 'signed_up -45', 'confirmed -50', 'unconfirmed', 'unconfirmed'),
(8, 'a confirmation, over an earlier sign-up', 'signed_up -45', 'confirmed -40', 'active', 'active'),
(9, 'a sign-up and its confirmation', '', 'signed_up -50,confirmed -45', 'active', 'active'),
(10, 'a confirmation, over a later request', 'added -60,unsubscribed -50,signed_up -40', 'confirmed -45',
    'unsubscribed', 'unsubscribed'),
(11, 'a request, before the opt-out', 'added -60,unsubscribed -45', 'signed_up -50,confirmed -40', 'unsubscribed',
    'unsubscribed'),
(12, 'a complaint and a consent', 'added -60', 'complained -50,resubscribed -40', 'complained', 'complained'),
(13, 'a validation, over a later refusal', 'added -60,nonexistent -45', 'validated -50', 'hard_bounced',
    'hard_bounced'),
(14, 'a validation, over an earlier refusal', 'added -60,nonexistent -45', 'validated -40', 'active', 'active'),
(15, 'a refusal, over a later validation: restricts', 'added -60,nonexistent -55,validated -45', 'nonexistent -50',
    'hard_bounced', 'active'),
(16, 'a release, over a later suspension', 'added -60,suspended -45', 'released -50', 'suspended', 'suspended'),
(17, 'a release, over an earlier suspension', 'added -60,suspended -45', 'released -40', 'active', 'active'),
(18, 'a restoration, over a later removal', 'added -60,deleted -45', 'restored -50', 'deleted', 'deleted'),
(19, 'a restoration, over an earlier removal', 'added -60,deleted -45', 'restored -40', 'active', 'active'),
(20, 'a sign-up, over a later removal', 'added -60,deleted -45', 'signed_up -50', 'deleted', 'deleted'),
(21, 'a delivery, over later errors',
    'added -60,soft_bounced -49,soft_bounced -48,soft_bounced -47,soft_bounced -46,soft_bounced -45', 'delivered -50',
    'failing', 'failing'),
(22, 'a delivery, over earlier errors',
    'added -60,soft_bounced -49,soft_bounced -48,soft_bounced -47,soft_bounced -46,soft_bounced -45', 'delivered -40',
    'active', 'active'),
(23, 'an interaction, over a later lapse', 'added -60,lapsed -45', 'opened -50', 'unresponsive', 'unresponsive'),
(24, 'an interaction, over an earlier lapse', 'added -60,lapsed -45', 'opened -40', 'active', 'active'),
(25, 'an interaction, over an unanswered campaign', 'added -60,sent -45', 'opened -40', 'active', 'active'),
(26, 'an interaction, before an unanswered campaign', 'added -60,sent -45', 'opened -50', 'unresponsive',
    'unresponsive'),
(27, 'the whole history again', 'added -60,unsubscribed -50,resubscribed -45,nonexistent -44,validated -43',
    'added -60,unsubscribed -50,resubscribed -45,nonexistent -44,validated -43', 'active', 'active'),
(28, 'the whole history again, with an opt-out', 'added -60,unsubscribed -50,resubscribed -45,unsubscribed -42',
    'added -60,unsubscribed -50,resubscribed -45', 'unsubscribed', 'unsubscribed'),
(29, 'an owner''s removal does not free a later sign-up', 'signed_up -45', 'removed -50,added -40', 'unconfirmed',
    'unconfirmed'),
(30, 'an import, over nothing', '', 'added -50', 'active', 'active');
CREATE FUNCTION helper.hear(account bigint, story text, person int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO late.event (account_id, contact_id, kind, list_id, campaign_id, evidence, occurred_at)
    SELECT account, person, k.kind::contact_status.event_kind,
           CASE WHEN k.kind IN ('added', 'signed_up', 'confirmed', 'resubscribed', 'removed', 'unsubscribed')
               THEN 1 END,
           CASE WHEN k.kind IN ('sent', 'soft_bounced') THEN 60 + k.day END,
               CASE k.kind WHEN 'resubscribed' THEN 'letter' END,
           now() + k.day * interval '1 day'
    FROM (SELECT split_part(w, ' ', 1) AS kind, split_part(w, ' ', 2)::int AS day
        FROM unnest(string_to_array(story, ',')) w) AS k
    ON CONFLICT DO NOTHING
$$;
INSERT INTO late.contact (account_id, contact_id, email) SELECT a, nr, format('late%s@example.org', nr)
    FROM helper.late, generate_series(1, 2) a;
SELECT helper.hear(a, kept, nr) FROM helper.late, generate_series(1, 2) a \g /dev/null
SELECT contact_status.set_horizon('late', 1, now() - interval '30 days');
DELETE FROM late.event WHERE account_id = 1;
SELECT helper.hear(a, late, nr) FROM helper.late, generate_series(1, 2) a \g /dev/null
SELECT contact_status.sweep('late') \g /dev/null
SELECT is(c.status::text, CASE c.account_id WHEN 1 THEN l.status ELSE l.without END,
          'late, before the horizon: ' || l.name || CASE c.account_id WHEN 2 THEN ' (without a horizon)' ELSE '' END)
FROM helper.late AS l JOIN late.contact AS c ON c.contact_id = l.nr ORDER BY l.nr, c.account_id;
SELECT is_empty($$SELECT * FROM contact_status.verify('late')$$, 'verify agrees');
-- what late events said is kept in its turn
CREATE TEMPORARY TABLE late_state AS SELECT account_id, contact_id, status FROM late.contact;
SELECT contact_status.set_horizon('late', 1, now() - interval '30 days');
DELETE FROM late.event WHERE account_id = 1;
SELECT contact_status.reevaluate('late') \g /dev/null
SELECT is_empty('SELECT account_id, contact_id, status FROM late.contact EXCEPT SELECT * FROM late_state',
    'kept as of the same horizon, it says the same');
INSERT INTO late.event (contact_id, list_id, kind, evidence, occurred_at) VALUES
    (3, 1, 'resubscribed', 'letter', now() - interval '40 days');
SELECT is((SELECT status::text FROM late.contact WHERE account_id = 1 AND contact_id = 3), 'unsubscribed',
    'and then has the time of the horizon');
SELECT is_empty($$SELECT * FROM contact_status.verify('late')$$, 'verify agrees');
-- a confirmation by the link of a former address, with the sign-up late or kept
INSERT INTO late.contact (contact_id, email) VALUES (101, 'moved101@example.org'), (102, 'moved102@example.org');
SELECT helper.hear(1, 'signed_up -5', 102) \g /dev/null
UPDATE late.contact SET email = 'new.' || email WHERE contact_id IN (101, 102);
SELECT contact_status.set_horizon('late', 1, clock_timestamp());
INSERT INTO late.event (contact_id, list_id, kind, occurred_at) VALUES
    (101, 1, 'signed_up', now() - interval '4 days'), (101, NULL, 'nonexistent', now() - interval '4 days');
INSERT INTO late.event (contact_id, list_id, kind) VALUES (101, 1, 'confirmed'), (102, 1, 'confirmed');
SELECT is((SELECT array_agg(status::text) FROM late.contact WHERE contact_id IN (101, 102)),
    '{unconfirmed,unconfirmed}', 'what waits for a confirmation of a former address is void, kept or late');
SELECT is_empty($$SELECT * FROM contact_status.verify('late')$$, 'verify agrees');

-- retraction
SELECT contact_status.retract_events('crm', 'a test', contact_ids => '{9}', kinds => '{hard_bounced}') \g /dev/null
INSERT INTO crm.event (contact_id, kind, list_id, occurred_at) VALUES
    (2, 'unsubscribed', NULL, :h + interval '50 days'), (6, 'opened', NULL, :h - interval '1 day');
SELECT contact_status.retract_events('crm', 'a test', contact_ids => '{2}') \g /dev/null
SELECT is((SELECT unsubscribed_at FROM crm.contact WHERE contact_id = 2), NULL,
    'an event since the horizon is taken back');
SELECT is((SELECT consent FROM crm.subscription WHERE contact_id = 2 AND list_id = 1), 'unsubscribed',
    'what is kept stays');
SELECT contact_status.set_horizon('crm', 1, :h);
SELECT throws_ok($$SELECT contact_status.retract_events('crm', 'a test', contact_ids => '{6}')$$, '55000', NULL,
    'one that the kept facts hold is not');
SELECT contact_status.retract_events('crm', 'a test', contact_ids => '{7}', kinds => '{unsubscribed}') \g /dev/null
SELECT is((SELECT array_agg(kind::text ORDER BY kind) FROM crm.suppression), '{complained}',
    'what a former contact leaves follows from its kept facts and the rest');
INSERT INTO crm.contact (contact_id, email) VALUES (7, 'c7@example.org');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 7), 'complained', 'and comes back with the address');
INSERT INTO crm.event (contact_id, kind, list_id, occurred_at) VALUES (7, 'added', 2, :h - interval '3 days');
SELECT is((SELECT count(*) FROM crm.checkpoint WHERE contact_id = 7), 2::bigint,
    'two lives of a number are kept apart');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

-- further
UPDATE crm.contact SET email = 'new2@example.org' WHERE contact_id = 2;
SELECT contact_status.set_horizon('crm', 1, :h + interval '60 days');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'a later horizon starts from the earlier one');
SELECT is((SELECT count(*) FROM crm.checkpoint WHERE before < (SELECT horizon FROM crm.account)), 0::bigint,
    'which is gone');
DELETE FROM crm.event WHERE occurred_at < :h + interval '60 days';
SELECT contact_status.reevaluate('crm') \g /dev/null
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'nothing is missed');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 1), 'soft_bounced', 'the run of errors goes on');
SELECT contact_status.erase_contact('crm', 1, 3) \g /dev/null
SELECT is_empty('SELECT FROM crm.checkpoint WHERE contact_id = 3', 'erasure takes kept facts along');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

-- damage is found from there, too
ALTER TABLE crm.contact DISABLE TRIGGER USER;
UPDATE crm.contact SET complained_at = NULL, status = 'active' WHERE contact_id = 7;
UPDATE crm.contact SET hard_bounced_at = NULL WHERE contact_id = 6;
ALTER TABLE crm.contact ENABLE TRIGGER USER;
SELECT is((SELECT array_agg(DISTINCT contact_id) FROM contact_status.verify('crm') WHERE contact_id IS NOT NULL),
    '{6,7}'::bigint[], 'verify finds what differs from what is kept');
SELECT contact_status.repair('crm') \g /dev/null
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'repair mends it');
SELECT throws_ok($$UPDATE crm.checkpoint SET before = now()$$, '23514', NULL, 'what is kept is not written');
SELECT throws_ok($$DELETE FROM crm.checkpoint$$, '23514', NULL, 'nor deleted');

-- partitions
SELECT contact_status.create_tables('parts', partition_by => '1 month');
SELECT contact_status.add_partitions('parts', '1 month', since => now() - interval '3 months') \g /dev/null
INSERT INTO parts.contact (contact_id, email) VALUES (1, 'c1@example.org'), (2, 'c2@example.org');
INSERT INTO parts.event (contact_id, kind, list_id, occurred_at) SELECT i, 'added', 1,
    date_trunc('month', now(), 'UTC') - interval '70 days' FROM generate_series(1, 2) i;
INSERT INTO parts.event (contact_id, kind, occurred_at) VALUES
    (1, 'complained', date_trunc('month', now(), 'UTC') - interval '69 days');
SELECT (SELECT tableoid::regclass FROM parts.event WHERE kind = 'complained') AS p,
    date_trunc('month', now() - interval '1 month', 'UTC') AS last_month \gset
SELECT throws_ok(format('SELECT contact_status.drop_partition(''parts'', %L)', :'p'), '55000', NULL,
    'a partition does not go without a horizon');
SELECT contact_status.set_horizon('parts', 1, :'last_month');
INSERT INTO parts.account (account_id) VALUES (2);
SELECT lives_ok(format('SELECT contact_status.drop_partition(''parts'', %L)', :'p'), 'with one, it goes');
SELECT is((SELECT status FROM parts.contact WHERE contact_id = 1), 'complained', 'its complaint stays');
SELECT is_empty($$SELECT * FROM contact_status.verify('parts')$$, 'verify agrees');
INSERT INTO parts.event (contact_id, kind, occurred_at) VALUES
    (2, 'complained', :'last_month'::timestamptz - interval '1 day');
SELECT tableoid::regclass AS p FROM parts.event WHERE contact_id = 2 AND kind = 'complained' \gset
SELECT throws_ok(format('SELECT contact_status.drop_partition(''parts'', %L)', :'p'), '55000', NULL,
    'one with a late event does not');
SELECT contact_status.set_horizon('parts', 1, :'last_month');
SELECT is(contact_status.drop_partitions('parts', :'last_month'), 1, 'until that is kept, too');
SELECT is((SELECT status FROM parts.contact WHERE contact_id = 2), 'complained', 'and holds');
SELECT is_empty($$SELECT * FROM contact_status.verify('parts')$$, 'verify agrees');

SELECT * FROM finish();
ROLLBACK;
