\i test/pgtap/setup.inc
-- The contact limit: `added` and imports stay in it exactly, and nothing else is ever refused for it.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
ALTER TABLE crm.contact ALTER contact_id RESTART WITH 1001;   -- the first are given by hand

-- Accounts 11 and so on, each of a policy, a limit and a list 1; contacts 1 to 9, of which the first `active` are
-- added.
CREATE FUNCTION helper.limited(account bigint, most bigint, active int, policy text DEFAULT 'default',
    settings jsonb DEFAULT '{}')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm.account (account_id, policy) VALUES (account, CASE settings WHEN '{}' THEN policy
        ELSE helper.own_policy(format('own %s', account), policy, settings) END);
    INSERT INTO crm.list (account_id, list_id, double_opt_in) VALUES (account, 1, NULL), (account, 2, true);
    INSERT INTO crm.contact (account_id, contact_id, email) SELECT account, i, format('c%s@example.org', i)
    FROM generate_series(1, 9) AS i;
    INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at)
    SELECT account, i, 1, 'added', now() - interval '1 day' FROM generate_series(1, active) AS i;
    UPDATE crm.account SET contact_limit = most WHERE account_id = limited.account;
END $$;

CREATE FUNCTION helper.plan(account bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', active_contacts, 'of', coalesce(contact_limit::text, 'any'),
        CASE WHEN over_limit THEN 'over' END)
    FROM crm.active_contacts WHERE account_id = account
$$;

-- Exactly -------------------------------------------------------------------------------------------------------------

SELECT helper.limited(11, 3, 2);
SELECT is(helper.plan(11), '2 of 3', 'below the limit');
SELECT helper.refused(
    $$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (11, 3, 1, 'added'), (11, 4, 1, 'added')$$,
    '53400 contact_status_limit', 'two at once, where there is room for one');
SELECT is(helper.plan(11), '2 of 3', 'nothing of them is left');
SELECT is((SELECT count(*) FROM crm.event WHERE account_id = 11 AND contact_id > 2), 0::bigint,
    'no event of them is left');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (11, 3, 1, 'added');
SELECT is(helper.plan(11), '3 of 3', 'the one for which there was room: at the limit, which is not over');
SELECT helper.refused_helpfully(
    $$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (11, 4, 1, 'added')$$,
    '53400 contact_status_limit', 'account 11 .*3.*4', 'one more is refused, and said what to do');
SELECT helper.refused($$WITH made AS (INSERT INTO crm.contact (account_id, contact_id, email) VALUES
            (11, 10, 'c10@example.org') RETURNING contact_id)
    INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT 11, contact_id, 1, 'added' FROM made$$,
    '53400 contact_status_limit', 'a new contact, too');
SELECT is((SELECT count(*) FROM crm.contact WHERE account_id = 11), 9::bigint, 'nothing of it is left');
SELECT helper.accepted(
    $$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (11, 3, 2, 'added'), (11, 2, 1, 'added')$$,
    'active contacts may be added to further lists, and again');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (11, 3, NULL, 'unsubscribed'), (11, 4, 1, 'added')$$,
    'one goes and one comes, in one statement');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
        (11, 5, 1, 'added', now() - interval '1 hour'), (11, 5, NULL, 'unsubscribed', now() - interval '1 minute')$$,
    'one comes and goes, in one statement');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (11, 3, NULL, 'complained');
SELECT is(helper.plan(11), '2 of 3', 'a complaint makes room');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (11, 3, 2, 'added')$$,
    'who stays out of the count may be added at any time');
DELETE FROM crm.contact WHERE account_id = 11 AND contact_id = 2;
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (11, 5, 1, 'added'), (11, 6, 1, 'added')$$, 'so does a contact deleted: room for two');
SELECT helper.refused($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (11, 5, 1, 'added'), (11, 6, 1, 'added'), (11, 7, 1, 'added')$$,
    '53400 contact_status_limit', 'and not for three');
SELECT helper.refused($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT 11, i, 1, 'added'
        FROM generate_series(4, 9) AS i$$,
    '53400 contact_status_limit', 'and not for six');
SELECT helper.refused($$DO $d$ BEGIN FOR i IN 4 .. 9 LOOP INSERT INTO crm.event (account_id, contact_id, list_id, kind)
            VALUES (11, i, 1, 'added'); END LOOP; END $d$ $$,
    '53400 contact_status_limit', 'and not one by one');
SAVEPOINT one;
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (11, 5, 1, 'added'), (11, 6, 1, 'added');
ROLLBACK TO one;
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (11, 8, 1, 'added'), (11, 9, 1, 'added')$$, 'what was rolled back takes no room');

-- several accounts in one statement: each its own
SELECT helper.limited(12, 1, 0), helper.limited(13, 1, 1), helper.limited(14, 0, 0), helper.limited(15, NULL, 0);
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT a, 2, 1, 'added'
        FROM unnest('{12,15}'::int[]) AS a$$, 'two accounts that have room');
SELECT helper.refused($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT a, 2, 1, 'added'
        FROM unnest('{12,13,15}'::int[]) AS a$$,
    '53400 contact_status_limit', 'three accounts, of which one has none');
SELECT helper.refused($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (14, 1, 1, 'added')$$,
    '53400 contact_status_limit', 'a limit of zero');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT 15, i, 1, 'added'
        FROM generate_series(1, 9) AS i$$, 'null: no limit');
SELECT is(helper.plan(15), '0 of any', 'without a limit nobody is over it');
SELECT helper.refused($$UPDATE crm.account SET contact_limit = -1 WHERE account_id = 15$$,
    '23514 account_contact_limit_check', 'a limit is not negative');

-- changed
UPDATE crm.account SET contact_limit = NULL WHERE account_id = 13;
INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT 13, i, 1, 'added' FROM generate_series(1, 5) AS i;
SELECT is(helper.plan(13), '5 of any', 'a limit taken away');
UPDATE crm.account SET contact_limit = 3 WHERE account_id = 13;
SELECT is(helper.plan(13), '5 of 3 over', 'a limit set below what there is: over, and nothing else happens');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');

-- Nothing else is refused ---------------------------------------------------------------------------------------------

SELECT helper.limited(21, 1, 1);
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
    (21, 2, 1, 'signed_up'), (21, 3, 2, 'signed_up'), (21, 4, 1, 'unsubscribed');
INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at, until) VALUES
    (21, 1, NULL, 'suspended', now() - interval '3 hours', now() + interval '2 hours');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (21, 5, 1, 'added');
SELECT is(helper.plan(21), '1 of 1', 'one of one, and one more held');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (21, 2, 1, 'confirmed')$$,
    'a confirmation over the limit');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (21, 2, 1, 'confirmed'), (21, 3, 2, 'confirmed'), (21, 6, 1, 'signed_up')$$, 'several');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind, evidence) VALUES
        (21, 4, 1, 'resubscribed', 'on the phone')$$, 'a contact that asked to return');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, kind) VALUES (21, 1, 'released')$$,
    'a hold ended by hand');
SELECT helper.accepted($$SELECT contact_status.retract_events('crm', account_id => 21, reason => 'a test',
            kinds => '{unsubscribed,suspended}')$$, 'a retraction');
SELECT helper.accepted($$SELECT contact_status.sweep('crm', now() + interval '3 hours')$$, 'a sweep');
SELECT contact_status.sweep('crm', now() + interval '3 hours') \g /dev/null
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (21, 2, 1, 'confirmed');
SELECT is(helper.plan(21), '3 of 1 over', 'over the limit, and the sender is told');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, campaign_id, kind) SELECT 21, i, 1,
        k::contact_status.event_kind FROM generate_series(1, 9) AS i,
    unnest(
        '{sent,delivered,opened,clicked,visited,soft_bounced,hard_bounced,validated,restored,released}'::text[]) AS k$$,
    'a webhook batch while over the limit');
SELECT helper.refused($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (21, 7, 1, 'added')$$,
    '53400 contact_status_limit', 'one more added, while over the limit');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (21, 7, 2, 'unsubscribed'), (21, 7, 2, 'added'), (21, 8, 1, 'removed')$$,
    'added without effect, while over the limit');
SELECT helper.accepted($$SELECT contact_status.suppress('crm', 21, 'c9@example.org', 'unsubscribed')$$, 'suppress');
SELECT helper.accepted($$UPDATE crm.contact SET email = 'other@example.org' WHERE account_id = 21 AND contact_id = 1$$,
    'another address');
SELECT helper.accepted($$INSERT INTO crm.contact (account_id, contact_id, email) VALUES (21, 10, 'c10@example.org')$$,
    'a new contact, that is not added to a list');

-- what else a statement or contact brings is not the fault of an `added` without effect
SELECT helper.limited(22, 1, 1, 'activecampaign');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (22, 2, 2, 'signed_up'), (22, 3, 2, 'signed_up');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (22, 2, 2, 'added'), (22, 2, 2, 'confirmed')$$,
    'a confirmation beside an `added` of the same contact that has no effect');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
        (22, 2, 2, 'added'), (22, 3, 2, 'confirmed')$$,
    'a confirmation beside an `added` of another contact that has no effect');
SELECT helper.limited(23, 1, 1);
INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at, until) VALUES
    (23, 1, NULL, 'suspended', now() - interval '3 hours', clock_timestamp() + interval '50 milliseconds');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (23, 2, 1, 'added');
SELECT pg_sleep(0.1) \g /dev/null
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (23, 1, 1, 'added')$$,
    'an `added` without effect, of a contact whose hold has ended and was not swept yet');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');

-- What counts ---------------------------------------------------------------------------------------------------------

CREATE TABLE helper.plan (nr int, counted text, expected text, after_added text);
INSERT INTO helper.plan VALUES
(31, '{active,soft_bounced}', '2 of 3', '53400 contact_status_limit'),
(32, '{active}', '1 of 3', 'accepted'),
(33, '{active,soft_bounced,hard_bounced,unsubscribed,complained}', '5 of 3 over', '53400 contact_status_limit'),
(34, '{}', '0 of 3', 'accepted');
SELECT helper.limited(nr, NULL, 5, 'default', jsonb_build_object('counted', counted::text[])) FROM helper.plan;
INSERT INTO crm.event (account_id, contact_id, kind) SELECT nr, contact_id, kind::contact_status.event_kind
    FROM helper.plan,
    (VALUES (1, 'soft_bounced'), (2, 'nonexistent'), (3, 'unsubscribed'), (4, 'complained')) AS e (contact_id, kind);
UPDATE crm.account SET contact_limit = 3 WHERE account_id > 30;
SELECT is(helper.plan(nr), expected, 'counted ' || counted) FROM helper.plan ORDER BY nr;
SELECT helper.refused(format($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES
            (%1$s, 6, 1, 'added'), (%1$s, 7, 1, 'added')$$, nr),
    after_added, 'counted ' || counted || ': two more') FROM helper.plan ORDER BY nr;

-- A plan that counts every contact, unconfirmed ones too: counted from the beginning, and imports stay in the limit all
-- the same.
SELECT helper.limited(35, NULL, 0, 'default', '{"counted": ["active", "soft_bounced", "unresponsive", "unconfirmed",
        "suspended", "failing", "hard_bounced", "unsubscribed", "complained", "deleted"]}');
UPDATE crm.account SET contact_limit = 11 WHERE account_id = 35;
SELECT is(helper.plan(35), '9 of 11', 'every contact counts');
CREATE TABLE helper.five AS SELECT format('new%s@example.org', i) AS email FROM generate_series(1, 5) AS i;
SELECT results_eq(
    $$SELECT outcome, count(*) FROM contact_status.import_contacts('crm', 35, 1, 'helper.five') GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('added', 2::bigint), ('over_limit', 3)$$,
    'every contact counts: an import adds as many as there is room for');
SELECT is(helper.plan(35), '11 of 11', 'every contact counts: and the limit holds');
SELECT helper.accepted($$INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT 35, i, 1, 'added'
        FROM generate_series(1, 9) AS i$$,
    'every contact counts: to add those that count already takes no room');

-- Import --------------------------------------------------------------------------------------------------------------

SELECT helper.limited(41, 5, 3);
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (41, 9, NULL, 'unsubscribed');
CREATE TABLE helper.staging (n int GENERATED ALWAYS AS IDENTITY, email text);
INSERT INTO helper.staging (email) VALUES
    ('c1@example.org'), ('nonsense'), ('new1@example.org'), ('new2@example.org'), ('NEW2@example.org'),
    ('c9@example.org'), ('new3@example.org'), ('c2@example.org'), ('new4@example.org'), ('c8@example.org');
CREATE TABLE helper.outcome AS SELECT * FROM contact_status.import_contacts('crm', 41, 1, 'helper.staging');
SELECT is((SELECT count(*) FROM helper.outcome), 10::bigint, 'import: an outcome for each row');
SELECT is((SELECT string_agg(outcome || ' ' || n, ', ' ORDER BY outcome)
        FROM (SELECT outcome, count(*) AS n FROM helper.outcome GROUP BY 1) AS o),
    'added 2, already_subscribed 2, duplicate 1, invalid_address 1, over_limit 3, suppressed 1',
    'import: as many as there is room for, and who takes none');
SELECT is(helper.plan(41), '5 of 5', 'import: at the limit');
SELECT is((SELECT count(*) FROM helper.outcome AS o
        WHERE outcome = 'over_limit' AND (o.contact_id IS NOT NULL OR email LIKE 'new%' AND EXISTS (
        SELECT FROM crm.contact AS c WHERE c.account_id = 41 AND c.email = o.email))), 0::bigint,
            'import: of rows over the limit no contact is left');
SELECT is((SELECT count(*) FROM helper.outcome AS o WHERE outcome = 'added' AND NOT EXISTS (
        SELECT FROM crm.subscription AS s WHERE s.account_id = 41 AND s.list_id = 1 AND s.contact_id = o.contact_id
            AND status = 'active')), 0::bigint, 'import: those added are active');
UPDATE crm.account SET contact_limit = 7 WHERE account_id = 41;
SELECT is((SELECT string_agg(outcome || ' ' || n, ', ' ORDER BY outcome) FROM (
        SELECT outcome, count(*) AS n FROM contact_status.import_contacts('crm', 41, 1, 'helper.staging')
        GROUP BY 1) AS o),
    'added 2, already_subscribed 4, duplicate 1, invalid_address 1, over_limit 1, suppressed 1',
    'import again with a higher limit: the next ones');
UPDATE crm.account SET contact_limit = 10 WHERE account_id = 41;
SELECT is((SELECT string_agg(outcome || ' ' || n, ', ' ORDER BY outcome) FROM (
        SELECT outcome, count(*) AS n FROM contact_status.import_contacts('crm', 41, 1, 'helper.staging')
        GROUP BY 1) AS o),
    'added 1, already_subscribed 6, duplicate 1, invalid_address 1, suppressed 1', 'import with room for all');
CREATE TABLE helper.many AS SELECT format('many%s@example.org', i) AS email FROM generate_series(1, 3000) AS i;
SELECT helper.limited(42, 1234, 0);
SELECT results_eq(
    $$SELECT outcome, count(*) FROM contact_status.import_contacts('crm', 42, 1, 'helper.many') GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('added', 1234::bigint), ('over_limit', 1766)$$, 'import of 3,000 where there is room for 1,234');
-- without consent nobody counts
SELECT helper.limited(43, 2, 0, 'activecampaign');
SELECT results_eq(
    $$SELECT outcome, count(*) FROM contact_status.import_contacts('crm', 43, 2, 'helper.five') GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('added', 5::bigint)$$, 'import to a list with double opt-in: nobody counts yet');
SELECT is(helper.plan(43), '0 of 2', 'import to a list with double opt-in: nobody counts yet, shown');

SELECT contact_status.sweep('crm') \g /dev/null
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
