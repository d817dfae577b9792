\i test/pgtap/setup.inc
-- Reports: campaigns, histories, active contacts by day, and why a status is what it is.
SELECT * FROM no_plan();
SET timezone = 'UTC';
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'default'), (3, 'emailmanager'), (4, 'activecampaign');
INSERT INTO crm.list (list_id) VALUES (2), (3);
INSERT INTO crm.list (account_id, list_id) VALUES (2, 1), (3, 1), (4, 1);

-- Campaigns -----------------------------------------------------------------------------------------------------------

INSERT INTO crm.contact (account_id, contact_id, email) SELECT a, i, format('c%s@example.org', i)
    FROM generate_series(1, 2) AS a, generate_series(1, 20) AS i;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', '2025-03-01'
    FROM generate_series(1, 20) AS i;
CREATE FUNCTION helper.campaign_event(kinds text, first int, last int, campaign bigint DEFAULT 7,
    account bigint DEFAULT 1, times int DEFAULT 1) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.event (account_id, contact_id, campaign_id, kind, occurred_at, event_key)
    SELECT account, i, campaign, k::contact_status.event_kind, '2025-03-02', t::text
    FROM generate_series(first, last) AS i, string_to_array(kinds, ' ') AS ks, unnest(ks) AS k,
        generate_series(1, times) AS t
$$;
-- 1-10 delivered; of them 1-6 opened, 1-4 twice more, 1-2 clicked, 3 opts out, 4 complains; 11-13 full, 14 blocked, 15
-- refused for good, 16 unknown, 17 full and then unknown, 18 full and then delivered, 19 delivered and then refused for
-- good; 20 nothing but sent.
SELECT helper.campaign_event('sent', 1, 20), helper.campaign_event('delivered', 1, 10),
    helper.campaign_event('opened', 1, 2),
    helper.campaign_event('opened', 3, 6), helper.campaign_event('visited clicked', 1, 2),
    helper.campaign_event('unsubscribed', 3, 3),
    helper.campaign_event('complained', 4, 4), helper.campaign_event('soft_bounced', 11, 13, times => 2),
    helper.campaign_event('blocked', 14, 14),
    helper.campaign_event('hard_bounced', 15, 15), helper.campaign_event('nonexistent', 16, 16),
    helper.campaign_event('soft_bounced nonexistent', 17, 17),
    helper.campaign_event('soft_bounced delivered', 18, 18), helper.campaign_event('delivered hard_bounced', 19, 19),
    helper.campaign_event('sent delivered', 1, 3, 8), helper.campaign_event('sent', 1, 4, 7, 2),
    helper.campaign_event('opened', 9, 9, 9);
INSERT INTO crm.event (contact_id, campaign_id, kind, occurred_at, event_key) SELECT i, 7, 'opened', '2025-03-03', k
    FROM generate_series(1, 4) AS i, unnest('{a,b}'::text[]) AS k;
INSERT INTO crm.event (contact_id, kind) VALUES (1, 'opened');   -- of no campaign

SELECT is(to_jsonb(r) - '{account_id,campaign_id}'::text[], '{
    "sent": 20, "delivered": 12, "soft_bounced": 8, "blocked": 1, "hard_bounced": 2, "nonexistent": 2,
    "opened": 14, "clicked": 2, "unsubscribed": 1, "complained": 1,
    "sent_contacts": 20, "delivered_contacts": 12, "soft_bounced_contacts": 5, "blocked_contacts": 1,
    "hard_bounced_contacts": 2, "nonexistent_contacts": 2, "bounced_contacts": 9,
    "opened_contacts": 6, "clicked_contacts": 2, "unsubscribed_contacts": 1, "complained_contacts": 1,
    "contacts": 20, "permanent_error": 4, "temporary_error": 4, "ok": 12,
    "delivery_rate": 0.6000, "bounce_rate": 0.4500, "open_rate": 0.5000, "click_rate": 0.1667,
    "unsubscribe_rate": 0.0833, "complaint_rate": 0.0833}'::jsonb, 'campaign 7: events, contacts, rates and categories')
FROM crm.campaign_report AS r WHERE account_id = 1 AND campaign_id = 7;
SELECT results_eq($$SELECT account_id, campaign_id, sent, delivered, delivery_rate, open_rate FROM crm.campaign_report
        WHERE (account_id, campaign_id) <> (1, 7) ORDER BY 1, 2$$,
    $$VALUES (1::bigint, 8::bigint, 3::bigint, 3::bigint, 1.0000, 0.0000), (1, 9, 0, 0, NULL, NULL),
        (2, 7, 4, 0, 1.0000, 0.0000)$$,
    'other campaigns and accounts by themselves; no rate of nothing');
SELECT is_empty('SELECT * FROM crm.campaign_report WHERE contacts <> ok + temporary_error + permanent_error',
    'every contact is in one category');

-- A provider without delivery notices: 100 sent, 10 of them bounced, 3 opened (one after a temporary error), 1 clicked,
-- 1 complained.
INSERT INTO crm.account (account_id, policy) VALUES (7, 'default');
INSERT INTO crm.contact (account_id, contact_id, email) SELECT 7, i, format('c%s@example.org', i)
    FROM generate_series(1, 101) AS i;
SELECT helper.campaign_event('sent', 1, 100, 70, 7), helper.campaign_event('soft_bounced', 1, 6, 70, 7, 2),
    helper.campaign_event('hard_bounced', 7, 10, 70, 7),
    helper.campaign_event('opened', 6, 6, 70, 7), helper.campaign_event('opened', 11, 12, 70, 7),
    helper.campaign_event('clicked', 12, 12, 70, 7),
    helper.campaign_event('complained', 13, 13, 70, 7), helper.campaign_event('unsubscribed', 14, 15, 70, 7),
    helper.campaign_event('noted', 101, 101, 70, 7);
SELECT is(to_jsonb(r), '{
    "contacts": 101, "sent": 100, "delivered": 0, "ok": 92, "temporary_error": 5, "permanent_error": 4,
    "delivery_rate": 0.9100, "bounce_rate": 0.1000,
    "open_rate": 0.0300, "click_rate": 0.0100, "unsubscribe_rate": 0.0200, "complaint_rate": 0.0100}'::jsonb,
    'without delivered events: rates of what was sent')
FROM (SELECT contacts, sent, delivered, ok, temporary_error, permanent_error, delivery_rate, bounce_rate, open_rate,
    click_rate, unsubscribe_rate, complaint_rate
      FROM crm.campaign_report WHERE account_id = 7) AS r;
SELECT helper.campaign_event('delivered', 11, 12, 70, 7);
SELECT is((SELECT ROW(ok, temporary_error, permanent_error, delivery_rate, open_rate)::text FROM crm.campaign_report
        WHERE account_id = 7), '(92,5,4,0.0200,1.5000)',
    'with delivered events: rates of what was delivered');

-- Why mails bounced: the reason of classify_reply, else the event's own
CREATE TABLE helper.bounce (nr int GENERATED ALWAYS AS IDENTITY, kind text, reason text, reply text, class text);
INSERT INTO helper.bounce (kind, reason, reply, class) VALUES
('soft_bounced', 'full', '452 4.2.2 mailbox full', 'mailbox_full'), ('soft_bounced', E' full\n', NULL, 'full'),
('soft_bounced', NULL, '452 4.2.2 mailbox full', 'mailbox_full'),
('soft_bounced', ' ', '552 Das Postfach ist voll', 'mailbox_full'),
('hard_bounced', NULL, '550 5.1.1 unknown', 'unknown_user'), ('hard_bounced', 'OldStatus', '5.1.1', 'unknown_user'),
('hard_bounced', NULL, 'smtp; 550 5.1.1 <a@b.example>: no such user', 'unknown_user'),
('hard_bounced', NULL, '556 5.1.10 null MX', 'null_mx'), ('hard_bounced', 'own', 'qwertz', 'own'),
('hard_bounced', NULL, 'qwertz', NULL), ('hard_bounced', NULL, '', NULL), ('hard_bounced', 'own', '', 'own'),
('nonexistent', NULL, NULL, NULL), ('nonexistent', '', NULL, NULL),
('blocked', '', '554 5.7.1 blocked using zen.spamhaus.org', 'reputation_block'), ('blocked', NULL, NULL, NULL);
SELECT is(_contact_status.bounce_class(reason, reply), class, format('the class of %L, %L', reason, reply))
    FROM helper.bounce;
INSERT INTO crm.account (account_id, policy) VALUES (8, 'default');
INSERT INTO crm.contact (account_id, contact_id, email) SELECT 8, i, format('c%s@example.org', i)
    FROM generate_series(1, 30) AS i;
INSERT INTO crm.event (account_id, contact_id, campaign_id, kind, reason, reply, event_key) SELECT 8, CASE
    WHEN nr = 2 THEN 1 ELSE nr END, 80, kind::contact_status.event_kind, reason, reply, nr::text FROM helper.bounce;
INSERT INTO crm.event (account_id, contact_id, campaign_id, kind, reason) VALUES
    (8, 30, 81, 'soft_bounced', 'full'), (8, 30, NULL, 'blocked', 'list'), (8, 30, 80, 'complained', 'often');
SELECT results_eq($$SELECT kind::text, reason, events, contacts FROM contact_status.bounce_reasons('crm', 80, 8)$$,
    $$VALUES ('soft_bounced', 'mailbox_full', 3::bigint, 3::bigint), ('hard_bounced', 'unknown_user', 3, 3),
        ('hard_bounced', 'own', 2, 2), ('hard_bounced', NULL, 2, 2), ('nonexistent', NULL, 2, 2),
        ('soft_bounced', 'full', 1, 1), ('blocked', 'reputation_block', 1, 1), ('blocked', NULL, 1, 1),
        ('hard_bounced', 'null_mx', 1, 1)$$, 'bounce_reasons of a campaign: the most contacts first');
SELECT results_eq($$SELECT kind::text, reason, events FROM contact_status.bounce_reasons('crm', NULL, account_id => 8)
        WHERE reason IN ('full', 'list', 'often')$$,
    $$VALUES ('soft_bounced', 'full', 2::bigint), ('blocked', 'list', 1)$$, 'of all campaigns');
SELECT is_empty($$SELECT * FROM contact_status.bounce_reasons('crm', 80)$$, 'of another account: nothing');
SELECT is((SELECT sum(contacts)::bigint FROM contact_status.bounce_reasons('crm', 70, 7)),
    (SELECT bounced_contacts FROM crm.campaign_report WHERE account_id = 7), 'as many contacts as campaign_report has');
SELECT contact_status.retract_events('crm', 'a test', 8, kinds => '{hard_bounced}') \g /dev/null
SELECT is_empty($$SELECT * FROM contact_status.bounce_reasons('crm', 80, 8) WHERE kind = 'hard_bounced'$$,
    'retracted bounces are left out');

INSERT INTO crm.event (contact_id, campaign_id, kind, occurred_at, event_key) VALUES (1, 7, 'sent', '2025-03-02', '1')
    ON CONFLICT DO NOTHING;
SELECT is((SELECT sent FROM crm.campaign_report WHERE account_id = 1 AND campaign_id = 7), 20::bigint,
    'delivered twice, counted once');
SELECT contact_status.retract_events('crm', reason => 'a scanner clicked', kinds => '{clicked,complained}',
    campaign_id => 7) \g /dev/null
SELECT is((SELECT ROW(clicked, clicked_contacts, complained, click_rate, opened)::text FROM crm.campaign_report
        WHERE account_id = 1 AND campaign_id = 7),
    '(0,0,0,0.0000,14)', 'retracted events are left out');
SELECT contact_status.undo_retraction('crm', max(retraction_id)) FROM crm.retraction \g /dev/null
SELECT is((SELECT ROW(clicked, complained)::text FROM crm.campaign_report WHERE account_id = 1 AND campaign_id = 7),
    '(2,1)', 'and are back when that is undone');
DELETE FROM crm.contact WHERE account_id = 1 AND contact_id IN (1, 2);
SELECT is((SELECT ROW(sent_contacts, clicked)::text FROM crm.campaign_report WHERE account_id = 1 AND campaign_id = 7),
    '(20,2)', 'contacts deleted later stay in the report');
SELECT contact_status.erase_contact('crm', 1, 3) \g /dev/null
SELECT is((SELECT ROW(sent_contacts, unsubscribed)::text FROM crm.campaign_report
        WHERE account_id = 1 AND campaign_id = 7), '(20,1)', 'so do contacts erased later');

-- Histories -----------------------------------------------------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (101, 'c101@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) VALUES
    (101, 1, 'signed_up', '2025-05-01', 'k1'), (101, 1, 'confirmed', '2025-05-02', 'k2'),
    (101, 3, 'added', '2025-05-03', ''),
    (101, NULL, 'soft_bounced', '2025-05-04', ''), (101, NULL, 'delivered', '2025-05-05', ''),
    (101, 1, 'unsubscribed', '2025-05-06', ''),
    (101, 1, 'added', '2025-05-07', ''), (101, NULL, 'opened', '2025-05-08', ''), (101, 3, 'removed', '2025-05-09', '');
INSERT INTO crm.event (contact_id, kind, occurred_at, until) VALUES
    (101, 'suspended', '2025-05-03 12:00', '2025-05-03 18:00');
SELECT results_eq($$SELECT list_id, changed_at::text, previous_status::text, status::text, kind::text,
        CASE WHEN kind IS NOT NULL THEN coalesce(event_key, '') END FROM crm.status_history
        WHERE account_id = 1 AND contact_id = 101 ORDER BY changed_at, list_id$$,
    $$VALUES (1::bigint, '2025-05-01 00:00:00+00', NULL, 'unconfirmed', 'signed_up', 'k1'),
        (1, '2025-05-02 00:00:00+00', 'unconfirmed', 'active', 'confirmed', 'k2'),
        (3, '2025-05-03 00:00:00+00', NULL, 'active', 'added', ''),
        (1, '2025-05-03 12:00:00+00', 'active', 'suspended', 'suspended', ''),
        (3, '2025-05-03 12:00:00+00', 'active', 'suspended', 'suspended', ''),
        (1, '2025-05-03 18:00:00+00', 'suspended', 'active', NULL, NULL),
        (3, '2025-05-03 18:00:00+00', 'suspended', 'active', NULL, NULL),
        (1, '2025-05-04 00:00:00+00', 'active', 'soft_bounced', 'soft_bounced', ''),
        (3, '2025-05-04 00:00:00+00', 'active', 'soft_bounced', 'soft_bounced', ''),
        (1, '2025-05-05 00:00:00+00', 'soft_bounced', 'active', 'delivered', ''),
        (3, '2025-05-05 00:00:00+00', 'soft_bounced', 'active', 'delivered', ''),
        (1, '2025-05-06 00:00:00+00', 'active', 'unsubscribed', 'unsubscribed', ''),
        (3, '2025-05-09 00:00:00+00', 'active', NULL, 'removed', '')$$,
    'status_history: each change of each subscription, by which event or by time alone');
SELECT results_eq($$SELECT changed_at::text, previous_status::text, status::text, kind::text FROM crm.contact_history
        WHERE account_id = 1 AND contact_id = 101 ORDER BY changed_at$$,
    $$VALUES ('2025-05-02 00:00:00+00', 'unconfirmed', 'active', 'confirmed'),
        ('2025-05-03 12:00:00+00', 'active', 'suspended', 'suspended'),
        ('2025-05-03 18:00:00+00', 'suspended', 'active', NULL),
        ('2025-05-04 00:00:00+00', 'active', 'soft_bounced', 'soft_bounced'),
        ('2025-05-05 00:00:00+00', 'soft_bounced', 'active', 'delivered'),
        ('2025-05-09 00:00:00+00', 'active', 'unsubscribed', 'removed')$$,
    'contact_history: each change of the contact');
SELECT is_empty($$
    SELECT c.account_id, c.contact_id, c.status, h.status FROM crm.contact AS c
    LEFT JOIN LATERAL (SELECT status FROM crm.contact_history AS h
        WHERE h.account_id = c.account_id AND h.contact_id = c.contact_id
                       ORDER BY changed_at DESC, kind DESC NULLS LAST LIMIT 1) AS h ON true
                       WHERE c.status <> coalesce(h.status, 'unconfirmed')$$,
    'contact_history ends with the status of each contact');

-- Active contacts by day ----------------------------------------------------------------------------------------------

-- 300 contacts with random histories over forty days, and their status at the end of each day by folding what was known
-- of that day.
SELECT setseed(0.25) \g /dev/null
INSERT INTO crm.account (account_id, policy) VALUES (5, 'emailmanager'),
    (6, helper.own_policy('every', 'default', '{"counted": ["active", "soft_bounced", "unconfirmed", "suspended"]}'));
INSERT INTO crm.list (account_id, list_id, double_opt_in) SELECT a, l, l = 2
    FROM generate_series(5, 6) AS a, generate_series(1, 2) AS l;
INSERT INTO crm.contact (account_id, contact_id, email) SELECT a, i, format('r%s@example.org', i)
    FROM generate_series(5, 6) AS a, generate_series(1, 150) AS i;
INSERT INTO crm.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at, until, evidence)
SELECT a, 1 + (random() * 149)::int,
    CASE WHEN k IN ('added', 'signed_up', 'confirmed', 'resubscribed', 'removed') THEN 1 + (random() > 0.5)::int END,
       CASE WHEN k IN ('sent', 'soft_bounced') THEN (random() * 30)::int END, k, at,
           CASE WHEN k = 'suspended' THEN at + random() * interval '5 days' END,
       CASE WHEN k = 'resubscribed' THEN 'asked' END
FROM (SELECT a, timestamptz '2025-07-01' + random() * interval '40 days' AS at,
             ('{added,added,added,signed_up,confirmed,confirmed,sent,sent,opened,soft_bounced,delivered,
                     unsubscribed,resubscribed,removed,suspended,released,deleted,restored,nonexistent,
                     validated}'::contact_status.event_kind[])[1 + (random() * 19)::int] AS k
      FROM generate_series(5, 6) AS a, generate_series(1, 3000)) AS e
ON CONFLICT DO NOTHING;
-- plainly: the status of each contact at the end of each day is the last one that its history has before
CREATE FUNCTION helper.by_day(account bigint, from_day date, to_day date)
    RETURNS TABLE (day date, active_contacts bigint) LANGUAGE sql AS $$
    SELECT d::date, (SELECT count(*) FROM crm.contact AS c WHERE c.account_id = account AND coalesce((
               SELECT (contact_status.fold(p::contact_status.policy, e.settings, e.kind, e.occurred_at, e.list_id,
                       e.campaign_id, e.event_key, e.source, e.until,
                           d + interval '1 day' - interval '1 microsecond'
                           ORDER BY e.occurred_at, e.kind, e.list_id NULLS FIRST, e.campaign_id NULLS FIRST,
                               e.event_key COLLATE "C")).status
               FROM crm.event_with_settings AS e WHERE e.account_id = c.account_id AND e.contact_id = c.contact_id
                   AND e.occurred_at < d + interval '1 day'),
               'unconfirmed') = ANY (p.counted))
    FROM generate_series(from_day::timestamptz, to_day, interval '1 day') AS d, crm.policy AS p
    JOIN crm.account AS a ON a.policy = p.name AND a.account_id = account
    ORDER BY 1
$$;
SELECT results_eq($$SELECT * FROM contact_status.active_contacts_by_day('crm', 5, '2025-06-29', '2025-08-15')$$,
    $$SELECT * FROM helper.by_day(5, '2025-06-29', '2025-08-15')$$,
    'emailmanager: active contacts by day are what a fold up to each day says');
SELECT results_eq($$SELECT * FROM contact_status.active_contacts_by_day('crm', 5, '2025-07-20', '2025-07-22')$$,
    $$SELECT * FROM helper.by_day(5, '2025-07-20', '2025-07-22')$$,
    'the same for some days in the middle');
SELECT isnt((SELECT max(active_contacts) FROM helper.by_day(5, '2025-06-29', '2025-08-15')), 0::bigint,
    'there were some');
SELECT is((SELECT active_contacts FROM contact_status.active_contacts_by_day('crm', 5, current_date, current_date)),
    (SELECT active_contacts FROM crm.active_contacts WHERE account_id = 5), 'today as active_contacts has it');
SELECT is((SELECT active_contacts FROM contact_status.active_contacts_by_day('crm', 6, current_date, current_date)),
    (SELECT active_contacts FROM crm.active_contacts WHERE account_id = 6),
    'where unconfirmed contacts count: today as active_contacts has it');
SELECT is_empty($$SELECT * FROM contact_status.active_contacts_by_day('crm', 5, '2025-07-20', '2025-07-19')$$,
    'no days, no rows');
SET timezone = 'Asia/Tokyo';
SELECT results_eq($$SELECT * FROM contact_status.active_contacts_by_day('crm', 5, '2025-07-10', '2025-07-20')$$,
    $$SELECT * FROM helper.by_day(5, '2025-07-10', '2025-07-20')$$,
    'days are those of the session''s time zone');
SET timezone = 'UTC';


-- What is due ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION helper.due(account bigint) RETURNS bigint
    LANGUAGE sql AS $$ SELECT due FROM crm.active_contacts WHERE account_id = account $$;
SELECT contact_status.sweep('crm') \g /dev/null
INSERT INTO crm.contact (account_id, contact_id, email) SELECT 4, i, format('c%s@example.org', i)
    FROM generate_series(1, 6) AS i;
SELECT is(helper.due(4), 0::bigint, 'nothing due');
INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) SELECT 4, i, 1, 'added', '2025-03-01'
    FROM generate_series(1, 4) AS i;
INSERT INTO crm.event (account_id, contact_id, kind, until) SELECT 4, i, 'suspended',
    clock_timestamp() + interval '0.3 seconds' FROM generate_series(2, 5) AS i;
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (4, 4, NULL, 'unsubscribed');
SELECT is(helper.due(4), 0::bigint, 'held, nothing due yet');
COMMIT;   -- now() goes on
BEGIN;
SELECT pg_sleep(0.35) \g /dev/null
COMMIT;
BEGIN;
-- 2 and 3 become active, 4 stays unsubscribed, 5, on no list, becomes unconfirmed
SELECT is(helper.due(4), 3::bigint, 'three holds have ended that show: three due');
SELECT is(contact_status.sweep('crm'), 3::bigint, 'and three a sweep changes');
SELECT is(helper.due(4), 0::bigint, 'then nothing is due');
SELECT is((SELECT sum(due)::bigint FROM crm.active_contacts), 0::bigint, 'in no account');

-- What was counted each day -------------------------------------------------------------------------------------------

CREATE VIEW helper.counted_today AS SELECT account_id, status, contacts FROM crm.daily_count WHERE day = current_date;
SELECT is((SELECT array_agg(DISTINCT account_id ORDER BY account_id) FROM helper.counted_today),
    (SELECT array_agg(account_id ORDER BY account_id) FROM crm.account), 'a sweep has counted every account');
SELECT is((SELECT count(*) FROM helper.counted_today), (SELECT 10 * count(*) FROM crm.account), 'in every status');
-- as if that was yesterday
SET session_replication_role = replica;
UPDATE crm.daily_count SET day = day - 1, contacts = -1;
RESET session_replication_role;
INSERT INTO crm.event (account_id, contact_id, kind) VALUES (4, 1, 'complained');
SELECT contact_status.sweep('crm') \g /dev/null
SELECT results_eq('SELECT * FROM helper.counted_today ORDER BY 1, 2',
    'SELECT * FROM crm.account_status_count ORDER BY 1, 2',
    'the first sweep of the day counts as account_status_count does');
SELECT is((SELECT count(*) FROM crm.daily_count WHERE contacts = -1), (SELECT 10 * count(*) FROM crm.account),
    'the day before stays');
INSERT INTO crm.event (account_id, contact_id, kind) VALUES (4, 2, 'complained');
INSERT INTO crm.account (account_id) VALUES (77);
SELECT contact_status.sweep('crm') \g /dev/null
SELECT is((SELECT contacts FROM helper.counted_today WHERE account_id = 4 AND status = 'complained'), 1::bigint,
    'a later event does not change it');
SELECT is((SELECT contacts FROM crm.account_status_count WHERE account_id = 4 AND status = 'complained'), 2::bigint,
    '... although it counts');
SELECT is((SELECT sum(contacts)::bigint FROM helper.counted_today WHERE account_id = 77), 0::bigint,
    'a new account is counted by the next sweep');
SELECT is((SELECT max(counted_at) <= clock_timestamp() AND min(counted_at) > clock_timestamp() - interval '1 hour'
        FROM crm.daily_count), true,
    'with the time of the sweep');
SELECT helper.refused_helpfully('UPDATE crm.daily_count SET contacts = 0', '23514 contact_status_derived',
    'daily_count', 'nobody writes it');
SET timezone = 'Pacific/Kiritimati';
SELECT contact_status.sweep('crm') \g /dev/null
SET timezone = 'Pacific/Pago_Pago';
SELECT contact_status.sweep('crm') \g /dev/null
SET timezone = 'UTC';
SELECT is((SELECT count(DISTINCT day) FROM crm.daily_count WHERE day IN
        ((now() AT TIME ZONE 'Pacific/Kiritimati')::date, (now() AT TIME ZONE 'Pacific/Pago_Pago')::date)), 2::bigint,
    'days are those of the session''s time zone');
SELECT * FROM helper.check_whole();

-- Why a status is what it is ------------------------------------------------------------------------------------------

-- A contact for each fact: its events (as in helper.history), and what is said of the fact.
CREATE TABLE helper.fact (nr int GENERATED ALWAYS AS IDENTITY, policy text, settings jsonb, events text, fact text,
    status text, kind text, detail text, lifted_by text);
INSERT INTO helper.fact (policy, settings, events, fact, status, kind, detail, lifted_by) VALUES
('default', '{}', 'added l1', 'consent', 'active', 'added', 'list', 'unsubscribed'),
('default', '{}', 'signed_up l1, confirmed l1', 'consent', 'active', 'confirmed', 'list', 'unsubscribed'),
('default', '{}', 'signed_up l1', 'consent', 'unconfirmed', 'signed_up', 'list', 'confirmed'),
('default', '{}', 'added l1, unsubscribed l1', 'consent', 'unsubscribed', 'unsubscribed', 'list', 'resubscribed'),
('emailmanager', '{}', 'added l1, unsubscribed l1', 'consent', 'unsubscribed', 'unsubscribed', 'list', '^nothing'),
('default', '{}', 'added l1, unsubscribed l1, complained', 'consent', 'unsubscribed', 'unsubscribed', 'list',
    '^nothing'),
('default', '{}', 'added l1, unsubscribed l1, signed_up l1 key=k9', 'request pending', 'unsubscribed', 'signed_up',
    'key k9', 'confirmed'),
('default', '{}', 'added l1, unsubscribed', 'account-wide opt-out', 'unsubscribed', 'unsubscribed', '', 'resubscribed'),
('default', '{}', 'added l1, complained', 'complaint', 'complained', 'complained', '', 'retraction'),
('default', '{}', 'added l1, deleted', 'deletion', 'deleted', 'deleted', '', 'restored'),
('default', '{}', 'added l1, hard_bounced', 'address dead', 'hard_bounced', 'hard_bounced', '', 'validated'),
('default', '{}', 'added l1, nonexistent', 'address dead', 'hard_bounced', 'nonexistent', '', 'validated'),
('default', '{}', 'added l1, invalidated', 'address dead', 'hard_bounced', 'invalidated', '', 'validated'),
('default', '{}', 'added l1, soft_bounced c1..c5', 'address dead', 'hard_bounced', 'soft_bounced', '', 'validated'),
('default', '{}', 'added l1, soft_bounced c1..c2', 'run of errors', 'soft_bounced', 'soft_bounced', '2 of 5 temporary',
    'delivered'),
('salesmanago', '{}', 'added l1, hard_bounced', 'run of errors', 'soft_bounced', 'hard_bounced', '1 of 2 permanent',
    'delivered'),
('emailmanager', '{}', 'added l1, blocked c1..c5', 'run of errors', 'failing', 'blocked', '5 of 5 temporary',
    'delivered'),
('default', '{}', 'added l1, soft_bounced c1..c2, delivered c2', 'run of errors', 'active', 'soft_bounced',
    '2 of 5 temporary, ended', 'delivered'),
('emailmanager', '{}', 'added l1, sent c1..c10', 'campaigns unanswered', 'unresponsive', 'sent', '10 of 10', 'opened'),
('emailmanager', '{}', 'added l1, sent c1..c3', 'campaigns unanswered', 'active', 'sent', '3 of 10', 'opened'),
('emailmanager', '{}', 'added l1 @-400h, sent c1 @-384h', 'campaigns unanswered', 'unresponsive', 'sent',
    '1 of 10, unresponsive from', 'opened'),
('default', '{}', 'added l1, suspended', 'suspension', 'suspended', 'suspended', 'until released', 'released'),
('default', '{}', 'added l1, suspended until=+2h', 'suspension', 'suspended', 'suspended', 'until ', 'released');
ALTER TABLE helper.fact ADD COLUMN account_id bigint, ADD COLUMN contact_id bigint;
UPDATE helper.fact SET account_id = (helper.account(policy, settings)).account_id,
    contact_id = helper.play(helper.account(policy, settings), events);
CREATE FUNCTION helper.check_facts() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    f helper.fact;
    said record;
BEGIN
    FOR f IN SELECT * FROM helper.fact ORDER BY nr LOOP
        SELECT * INTO said FROM contact_status.explain_status('crm', f.account_id, f.contact_id) AS e
        WHERE e.fact = f.fact;
        RETURN NEXT is(concat_ws(' ', said.status, said.kind), concat_ws(' ', f.status, f.kind),
            concat_ws(' ', f.policy, f.fact, f.events));
        RETURN NEXT matches(coalesce(said.detail, ''), f.detail,
            concat_ws(' ', f.policy, f.fact, f.events) || ': the detail');
        RETURN NEXT matches(said.lifted_by, f.lifted_by,
            concat_ws(' ', f.policy, f.fact, f.events) || ': what lifts it');
        RETURN NEXT ok(EXISTS (SELECT FROM crm.event AS e WHERE e.account_id = f.account_id
                AND e.contact_id = f.contact_id AND e.kind::text = f.kind AND e.occurred_at = said.since),
            concat_ws(' ', f.policy, f.fact, f.events) || ': since that event');
        -- together, they are the status
        RETURN NEXT is((SELECT greatest(min(e.status) FILTER (WHERE e.fact = 'consent'),
                    max(e.status) FILTER (WHERE e.fact NOT IN ('consent', 'request pending', 'account-wide opt-out')))
                        FROM contact_status.explain_status('crm', f.account_id, f.contact_id) AS e),
            (SELECT c.status FROM crm.contact AS c WHERE c.account_id = f.account_id AND c.contact_id = f.contact_id),
            concat_ws(' ', f.policy, f.fact, f.events) || ': the greatest of all facts is the status');
    END LOOP;
END $$;
SELECT helper.check_facts();

-- several facts, several lists, and what does not hold
SELECT helper.account('default') \g /dev/null
CREATE TABLE helper.many AS SELECT a.account_id, a.lists, helper.play(a, 'added l1 source=import,
    signed_up l2 source=form, added l3, unsubscribed l3 key=u1, soft_bounced c1, suspended, released, complained,
    deleted') AS contact_id
FROM helper.account('default') AS a;
SELECT is((SELECT string_agg(concat_ws(' ', e.fact, e.status, e.kind, e.source), ', ')
        FROM helper.many, contact_status.explain_status('crm', account_id, contact_id) AS e),
    'consent active added import, consent unconfirmed signed_up form, consent unsubscribed unsubscribed, '
    || 'complaint complained complained, '
    'deletion deleted deleted, run of errors soft_bounced soft_bounced', 'every fact that holds, of all lists');
SELECT is((SELECT string_agg(concat_ws(' ', e.fact, e.status, e.event_key), ', ')
        FROM helper.many, contact_status.explain_status('crm', account_id, contact_id, (lists ->> 'l3')::bigint) AS e
        WHERE e.fact = 'consent'),
    'consent unsubscribed u1', 'of one list');
SELECT is_empty($$SELECT e.* FROM helper.many, contact_status.explain_status('crm', account_id, contact_id, 4711) AS e
        WHERE e.fact = 'consent'$$, 'of a list that it is not on');
SELECT helper.refused_helpfully(statement, '23503', '4711|NULL', statement) FROM unnest(ARRAY[
    $$SELECT * FROM contact_status.explain_status('crm', 1, 4711)$$,
    $$SELECT * FROM contact_status.explain_status('crm', 4711, 1)$$,
    $$SELECT * FROM contact_status.explain_status('crm', 1, NULL)$$]) AS statement;
INSERT INTO crm.contact (contact_id, email) VALUES (4712, 'c4712@example.org');
SELECT is_empty($$SELECT * FROM contact_status.explain_status('crm', 1, 4712)$$,
    'of a contact without events: nothing');
-- a retracted event is no reason
SELECT contact_status.retract_events('crm', account_id => account_id, reason => 'a test',
    kinds => '{complained,deleted}', contact_ids => ARRAY[contact_id]) FROM helper.many \g /dev/null
SELECT is((SELECT string_agg(e.fact, ', ')
        FROM helper.many, contact_status.explain_status('crm', account_id, contact_id) AS e WHERE e.fact <> 'consent'),
    'run of errors', 'retracted facts do not hold');
-- repeated: since the event that made it so, not the one after
CREATE TABLE helper.twice AS SELECT a.account_id, helper.play(a,
    'added l1 @2025-01-01T00:00Z, added l1 @2025-01-02T00:00Z, suspended @2025-01-03T00:00Z') AS contact_id
FROM helper.account('default') AS a;
SELECT is((SELECT e.since FROM helper.twice, contact_status.explain_status('crm', account_id, contact_id) AS e
        WHERE e.fact = 'consent'),
    '2025-01-01 00:00+00'::timestamptz, 'since the first of two');

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
