-- The change feed: a row for each change of status, with the event that brought it; nothing where no status changes.
-- The feed leads to the stored statuses, and tells no address. Who reads it how: test/isolation/specs/change_feed.spec,
-- test/t/change_feed.t.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
SELECT contact_status.add_change_feed('crm');

-- The changes of a contact after some change, in order: '<list, or c for the contact> <previous>><status> <kind>', -
-- for null.
CREATE FUNCTION helper.changes(a helper.account, contact bigint, after bigint DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', coalesce(l.key, 'c'),
                concat(coalesce(s.previous_status::text, '-'), '>', coalesce(s.status::text, '-')),
                                         coalesce(s.kind::text, '-')), ', ' ORDER BY l.key, s.change_id), '')
      FROM crm.status_change s LEFT JOIN jsonb_each_text(a.lists) l ON l.value::bigint = s.list_id
     WHERE s.account_id = a.account_id AND s.contact_id = contact AND s.change_id > after
$$;
CREATE FUNCTION helper.last_change() RETURNS bigint
    LANGUAGE sql AS $$ SELECT coalesce(max(change_id), 0) FROM crm.status_change $$;

-- Events --------------------------------------------------------------------------------------------------------------

CREATE TABLE helper.feed_case (nr int GENERATED ALWAYS AS IDENTITY, name text, policy text, before text, arrival text,
    events text, expected text);
CREATE FUNCTION helper.one_line(field text) RETURNS text LANGUAGE sql
    RETURN btrim(regexp_replace(field, '\s*\n\s*', ' ', 'g'));
COPY helper.feed_case (name, policy, before, arrival, events, expected) FROM STDIN (DELIMITER '|');
added|default||in order|added l1|l1 ->active added, c unconfirmed>active added
added with double opt-in by list|activecampaign||in order|added l2|l2 ->unconfirmed added
signed_up|default||in order|signed_up l1|l1 ->unconfirmed signed_up
confirmed|default|signed_up l1|in order|confirmed l1|l1 unconfirmed>active confirmed, c unconfirmed>active confirmed
resubscribed|default|added l1, unsubscribed l1|in order|resubscribed l1 evidence=e|\
    l1 unsubscribed>active resubscribed, c unsubscribed>active resubscribed
suspended|default|added l1|in order|suspended|l1 active>suspended suspended, c active>suspended suspended
released|default|added l1, suspended|in order|released|l1 suspended>active released, c suspended>active released
deleted|default|added l1|in order|deleted|l1 active>deleted deleted, c active>deleted deleted
restored|default|added l1, deleted|in order|restored|l1 deleted>active restored, c deleted>active restored
validated|default|added l1, nonexistent c1|in order|validated|l1 hard_bounced>active validated, \
    c hard_bounced>active validated
invalidated|default|added l1|in order|invalidated|l1 active>hard_bounced invalidated, c active>hard_bounced invalidated
sent|emailmanager|added l1, sent c1..c9|in order|sent c10|l1 active>unresponsive sent, c active>unresponsive sent
delivered|default|added l1, soft_bounced c1|in order|delivered c2|l1 soft_bounced>active delivered, \
    c soft_bounced>active delivered
opened|default|added l1, soft_bounced c1|in order|opened c2|l1 soft_bounced>active opened, c soft_bounced>active opened
clicked|default|added l1, lapsed|in order|clicked c2|l1 unresponsive>active clicked, c unresponsive>active clicked
soft_bounced|default|added l1|in order|soft_bounced c1|l1 active>soft_bounced soft_bounced, \
    c active>soft_bounced soft_bounced
blocked|emailmanager|added l1|in order|blocked c1|l1 active>soft_bounced blocked, c active>soft_bounced blocked
hard_bounced|default|added l1|in order|hard_bounced c1|l1 active>hard_bounced hard_bounced, \
    c active>hard_bounced hard_bounced
nonexistent|default|added l1|in order|nonexistent c1|l1 active>hard_bounced nonexistent, \
    c active>hard_bounced nonexistent
lapsed|default|added l1|in order|lapsed|l1 active>unresponsive lapsed, c active>unresponsive lapsed
removed|default|added l1|in order|removed l1|l1 active>- removed, c active>unconfirmed removed
unsubscribed of a list|default|added l1, added l3|in order|unsubscribed l1|l1 active>unsubscribed unsubscribed
unsubscribed of all|default|added l1, added l3|in order|unsubscribed|l1 active>unsubscribed unsubscribed, \
    l3 active>unsubscribed unsubscribed, c active>unsubscribed unsubscribed
complained|default|added l1|in order|complained|l1 active>complained complained, c active>complained complained
complained without a list|default||in order|complained|c unconfirmed>complained complained
what changes no status|default|added l1|in order|noted, visited, delivered c1, sent c2, added l1, opened c2, \
    blocked c3, validated, restored|
a lower status hides|default|added l1, complained|in order|soft_bounced c1, unsubscribed l1, hard_bounced c2|
a whole history at once|default||at once|signed_up l1, confirmed l1, soft_bounced c1, unsubscribed l1, delivered c2|\
    l1 ->unsubscribed unsubscribed, c unconfirmed>unsubscribed unsubscribed
the later of two|default|added l1|at once|soft_bounced c1, suspended|l1 active>suspended suspended, \
    c active>suspended suspended
there and back at once|default|added l1|at once|suspended, released|
of each list its own|default||at once|added l1, signed_up l2, unsubscribed l3|l1 ->active added, \
    l2 ->unconfirmed signed_up, l3 ->unsubscribed unsubscribed, c unconfirmed>active added
late, without effect on what came later|default|added l1, complained @-1h|in order|unsubscribed l1 @-2h|
late: it takes back what came later|default|added l1, soft_bounced c1 @-5h, soft_bounced c2 @-4h, \
    soft_bounced c3 @-3h, soft_bounced c4 @-2h, soft_bounced c5 @-1h|in order|clicked c1 @-90min|\
    l1 hard_bounced>soft_bounced clicked, c hard_bounced>soft_bounced clicked
late: one more in the middle of a run|default|added l1, soft_bounced c1 @-5h, soft_bounced c2 @-4h, \
    soft_bounced c3 @-3h, soft_bounced c4 @-2h|in order|soft_bounced c9 @-210min|\
    l1 soft_bounced>hard_bounced soft_bounced, c soft_bounced>hard_bounced soft_bounced
late, two at once|default|added l1, opened c1 @-1h|at once|complained @-3h, clicked c1 @-2h|\
    l1 active>complained complained, c active>complained complained
\.
-- a row may have several lines
UPDATE helper.feed_case SET (policy, before, arrival, events, expected) =
    (helper.one_line(policy), helper.one_line(before), helper.one_line(arrival), helper.one_line(events),
     helper.one_line(expected));
CREATE TABLE helper.played (nr int, a helper.account, contact bigint, after bigint);
CREATE FUNCTION helper.check_feed() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    c helper.feed_case;
    a helper.account;
    contact bigint;
    after bigint;
BEGIN
    FOR c IN SELECT * FROM helper.feed_case ORDER BY nr LOOP
        a := helper.account(c.policy);
        contact := helper.play(a, c.before);
        after := helper.last_change();
        -- what happens now comes after what was before
        PERFORM helper.record(a, contact,
            CASE WHEN c.events ~ '@' THEN c.events ELSE regexp_replace(c.events, '^\w+( l\d| c\d+)?', '\& @-12h') END,
            c.arrival);
        RETURN NEXT is(helper.changes(a, contact, after), c.expected, c.name);
        INSERT INTO helper.played VALUES (c.nr, a, contact, after);
    END LOOP;
END $$;
SELECT * FROM helper.check_feed();

CREATE VIEW helper.feed AS SELECT account_id, contact_id, list_id, changed_at, previous_status, status, kind
    FROM crm.status_change;
SELECT is_empty(
    $$SELECT f.* FROM helper.feed f JOIN helper.played p ON p.contact = f.contact_id JOIN helper.feed_case c USING (nr)
    WHERE c.arrival = 'in order' AND c.name NOT LIKE 'late%'
        EXCEPT SELECT account_id, contact_id, list_id, changed_at, previous_status, status, kind FROM crm.history$$,
    'in order: each change is one of the history, with its time and kind');
SELECT is_empty(
    $$SELECT h.account_id, h.contact_id, h.list_id, h.changed_at, h.previous_status, h.status, h.kind FROM crm.history h
    JOIN helper.played p ON p.contact = h.contact_id JOIN helper.feed_case c USING (nr)
    WHERE c.arrival = 'in order' AND c.name NOT LIKE 'late%' EXCEPT SELECT * FROM helper.feed$$,
    'and each change of the history is in the feed');

-- Time, calls, settings, deletions ------------------------------------------------------------------------------------

CREATE TABLE helper.call_case (nr int GENERATED ALWAYS AS IDENTITY, name text, policy text, before text, statement text,
    expected text);
COPY helper.call_case (name, policy, before, statement, expected) FROM STDIN (DELIMITER '|');
an event after which time passed|emailmanager|added l1 @-20d|INSERT INTO crm.event (account_id, contact_id, kind, \
    campaign_id, occurred_at) VALUES ($A, $C, 'sent', 1, now() - interval '16 days')|l1 active>unresponsive -, \
    c active>unresponsive -
an event that finds a suspension ended|default|added l1|INSERT INTO crm.event (account_id, contact_id, kind, \
    until) VALUES ($A, $C, 'suspended', \
    clock_timestamp() + interval '5 ms'); SELECT pg_sleep(0.01); INSERT INTO crm.event (account_id, contact_id, \
    kind, campaign_id) VALUES ($A, $C, 'sent', 1)|l1 active>suspended suspended, c active>suspended suspended, \
    l1 suspended>active -, c suspended>active -
retract_events|default|added l1, complained|SELECT contact_status.retract_events('crm', 'x', $A, \
    kinds => '{complained}', contact_ids => '{$C}')|l1 complained>active -, c complained>active -
undo_retraction|default|added l1, complained|SELECT u.* FROM contact_status.retract_events('crm', 'x', $A, \
    kinds => '{complained}', contact_ids => '{$C}') r, contact_status.undo_retraction('crm', r.retraction_id, $A) u|\
    l1 complained>active -, c complained>active -, l1 active>complained -, c active>complained -
reevaluate|default|added l1, soft_bounced c1, soft_bounced c2|SELECT helper.set_limit($A, \
    2); SELECT contact_status.reevaluate('crm', $A)|l1 soft_bounced>hard_bounced -, c soft_bounced>hard_bounced -
a new address|default|added l1, nonexistent c1|\
    UPDATE crm.contact SET email = 'moved@example.org' WHERE contact_id = $C|l1 hard_bounced>active -, \
    c hard_bounced>active -
a deleted contact|default|added l1, unsubscribed l3|DELETE FROM crm.contact WHERE contact_id = $C|l1 active>- -, \
    l3 unsubscribed>- -, c active>- -
a deleted list|default|added l1, added l3|\
    DELETE FROM crm.list WHERE list_id = (SELECT (a.lists ->> 'l3')::bigint FROM helper.account a WHERE \
    a.account_id = $A)|l3 active>- removed
a suppressed address|default|added l1|SELECT contact_status.suppress('crm', $A, \
    (SELECT email FROM crm.contact WHERE contact_id = $C), 'complained')|l1 active>complained complained, \
    c active>complained complained
repair|default|added l1|\
    SET LOCAL session_replication_role = replica; UPDATE crm.subscription SET status = 'complained' WHERE \
    contact_id = $C; UPDATE crm.contact SET status = 'complained' WHERE contact_id = $C; SET LOCAL \
    session_replication_role = origin; SELECT contact_status.repair('crm')|l1 complained>active -, \
    c complained>active -
\.
UPDATE helper.call_case SET (policy, before, statement, expected) = (helper.one_line(policy), helper.one_line(before),
    helper.one_line(statement), helper.one_line(expected));
CREATE FUNCTION helper.set_limit(account bigint, n int) RETURNS void LANGUAGE sql AS $$
    UPDATE crm.policy p SET soft_bounce_limit = n FROM crm.account a
    WHERE a.account_id = account AND p.name = a.policy $$;
CREATE FUNCTION helper.check_calls() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    c helper.call_case;
    a helper.account;
    contact bigint;
    after bigint;
BEGIN
    FOR c IN SELECT * FROM helper.call_case ORDER BY nr LOOP
        a := helper.account(c.policy, jsonb_build_object('soft_bounces_per_campaign', 1 + c.nr));
        contact := helper.play(a, c.before);
        after := helper.last_change();
        EXECUTE replace(replace(c.statement, '$A', a.account_id::text), '$C', contact::text);
        RETURN NEXT is((SELECT coalesce(string_agg(s.x, ', ' ORDER BY s.change_id), '') FROM (
            SELECT change_id, concat_ws(' ', coalesce(l.key, 'c'),
                concat(coalesce(s.previous_status::text, '-'), '>', coalesce(s.status::text, '-')),
                coalesce(s.kind::text, '-')) AS x
              FROM crm.status_change s LEFT JOIN jsonb_each_text(a.lists) l ON l.value::bigint = s.list_id
             WHERE s.account_id = a.account_id AND s.contact_id = contact AND s.change_id > after) s),
                 c.expected, c.name);
    END LOOP;
END $$;
SELECT * FROM helper.check_calls();

-- ahead of the clock, for ever: a suspension without an end has none to be dated at
INSERT INTO crm.contact (contact_id, email) VALUES (5000, 'ahead@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (5000, 1, 'added');
INSERT INTO crm.event (contact_id, kind, until) VALUES (5000, 'suspended', clock_timestamp() + interval '1 day');
SELECT helper.accepted($$SELECT contact_status.sweep('crm', 'infinity')$$, 'a sweep as of infinity');

-- time: the change is dated at the moment that passed
INSERT INTO crm.contact (contact_id, email) VALUES (5001, 'held@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (5001, 1, 'added');
INSERT INTO crm.event (contact_id, kind, until) VALUES (5001, 'suspended', clock_timestamp() + interval '5 ms');
SELECT pg_sleep(0.02) \g /dev/null
SELECT contact_status.sweep('crm') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (5004, 'sent@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (5004, 1, 'added');
INSERT INTO crm.event (contact_id, kind, until) VALUES (5004, 'suspended', clock_timestamp() + interval '5 ms');
SELECT pg_sleep(0.02) \g /dev/null
INSERT INTO crm.event (contact_id, kind, campaign_id) VALUES (5004, 'sent', 1);
SELECT results_eq(
    $$SELECT changed_at, kind::text FROM crm.status_change WHERE contact_id = 5004 AND previous_status = 'suspended'$$,
    $$SELECT until, NULL::text FROM crm.event, generate_series(1, 2) WHERE contact_id = 5004 AND kind = 'suspended'$$,
    'so it is where an event finds it passed');
SELECT results_eq($$SELECT list_id, previous_status::text, status::text, kind::text, changed_at FROM crm.status_change
        WHERE contact_id = 5001 AND previous_status = 'suspended' ORDER BY list_id$$,
    $$SELECT l, 'suspended', 'active', NULL::text, until FROM crm.event, unnest(ARRAY[1, NULL]::bigint[]) l
        WHERE contact_id = 5001 AND kind = 'suspended' ORDER BY l$$,
    'sweep: changed_at is the end of the suspension, and kind is null');

SELECT is_empty($$
    WITH last AS (SELECT DISTINCT ON (account_id, contact_id, list_id) account_id, contact_id, list_id, status
        FROM crm.status_change
                   ORDER BY account_id, contact_id, list_id, next_xid DESC, change_id DESC),
         stored AS (SELECT account_id, contact_id, list_id, status FROM crm.subscription
                    UNION ALL SELECT account_id, contact_id, NULL, status FROM crm.contact c
                     WHERE EXISTS (SELECT FROM crm.status_change s
                         WHERE (s.account_id, s.contact_id) = (c.account_id, c.contact_id) AND s.list_id IS NULL))
    (SELECT * FROM last WHERE status IS NOT NULL EXCEPT SELECT * FROM stored)
    UNION ALL (SELECT * FROM stored EXCEPT SELECT * FROM last)$$,
    'the last change of each contact and subscription has its stored status');
SELECT is_empty($$SELECT s.change_id, s.previous_status, p.status FROM crm.status_change s CROSS JOIN LATERAL (
        SELECT status FROM crm.status_change p WHERE (p.account_id, p.contact_id) = (s.account_id, s.contact_id)
           AND p.list_id IS NOT DISTINCT FROM s.list_id AND p.change_id < s.change_id
           ORDER BY p.change_id DESC LIMIT 1) p
     WHERE s.previous_status IS DISTINCT FROM p.status AND NOT (s.previous_status = 'complained' AND s.kind IS NULL)$$,
    'each change begins with the status of the one before');

-- Erasure: the deletions stay, so that consumers hear of them; what led there goes ------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (5002, 'erased@example.org'), (5003, 'other@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (5002, 1, 'added'), (5003, 1, 'added');
INSERT INTO crm.event (contact_id, kind) VALUES (5002, 'complained');
SELECT contact_status.erase_contact('crm', 1, 5002) \g /dev/null
SELECT results_eq(
    $$SELECT list_id, status::text, kind::text FROM crm.status_change WHERE contact_id = 5002 ORDER BY change_id$$,
    $$VALUES (1::bigint, NULL::text, NULL::text), (NULL, NULL, NULL)$$, 'erased: only the deletions are left');
SELECT is((SELECT count(*) FROM crm.status_change WHERE contact_id = 5003), 2::bigint,
    'another contact keeps its changes');

-- Writes, rights ------------------------------------------------------------------------------------------------------

SELECT helper.refused($$INSERT INTO crm.status_change (account_id, contact_id, changed_at, cluster, next_xid) VALUES
        (1, 1, now(), 1, '1')$$, '23514 contact_status_derived', 'INSERT is refused');
SELECT helper.refused($$UPDATE crm.status_change SET status = 'active'$$, '23514 contact_status_derived',
    'so is UPDATE');
SELECT helper.refused($$TRUNCATE crm.status_change$$, '0A000', 'and TRUNCATE');
SELECT helper.refused_helpfully($$SELECT contact_status.add_change_feed('crm')$$, '42P07', 'status_change',
    'a second feed');
SELECT helper.refused_helpfully($$SELECT contact_status.add_change_feed('crm', NULL)$$, '22004', 'notify',
    'notify is null');
SELECT helper.refused_helpfully(format($$SELECT contact_status.read_changes('crm', %s)$$, a), '22023', 'consumer',
    'read_changes: ' || a)
  FROM unnest('{"NULL","''''","''x'', 0","''x'', -1","''x'', NULL"}'::text[]) a;
SELECT contact_status.create_tables('plain');
SELECT helper.refused_helpfully(format('SELECT contact_status.%s', f), '42P01', 'change feed', 'without a feed: ' || f)
  FROM unnest(
      '{"read_changes(''plain'', ''x'')","forget_changes(''plain'')","remove_change_feed(''plain'')"}'::text[]) f;
SELECT ok(NOT EXISTS (SELECT FROM pg_depend
        WHERE deptype = 'e' AND objid IN ('crm.status_change'::regclass, 'crm.change_consumer'::regclass)),
    'the tables are no members of the extension');
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute
        WHERE attrelid IN ('crm.status_change'::regclass, 'crm.change_consumer'::regclass)
    AND attnum > 0 AND col_description(attrelid, attnum) IS NULL$$, 'every column has a comment');

-- a table of that name that the application has is none of ours
CREATE TABLE plain.status_change (id int);
INSERT INTO plain.contact (email) VALUES ('a@example.org');
SELECT helper.accepted($$INSERT INTO plain.event (contact_id, list_id, kind) VALUES (1, 1, 'added')$$,
    'a status_change of the application''s is left alone');

-- the owner's member adds it for the owner; a writer needs no right on it; row-level security shows an account its own
-- changes
CREATE ROLE contact_status_test_owner;
CREATE ROLE contact_status_test_member IN ROLE contact_status_test_owner;
CREATE ROLE contact_status_test_writer;
CREATE ROLE contact_status_test_relay;
SELECT format('GRANT CREATE ON DATABASE %I TO contact_status_test_owner', current_database()) \gexec
GRANT USAGE ON SCHEMA helper, public TO PUBLIC;
SET ROLE contact_status_test_owner;
SELECT contact_status.create_tables('theirs');
SET ROLE contact_status_test_member;
SELECT contact_status.add_change_feed('theirs');
SELECT is((SELECT array_agg(DISTINCT relowner::regrole::text) FROM pg_class
        WHERE relnamespace = 'theirs'::regnamespace AND relkind = 'r'),
    '{contact_status_test_owner}'::text[], 'the feed belongs to the owner of the installation');
SET ROLE contact_status_test_owner;
INSERT INTO theirs.account (account_id) VALUES (2);
INSERT INTO theirs.list (account_id, list_id) VALUES (2, 1);
INSERT INTO theirs.contact (account_id, contact_id, email) VALUES (1, 1, 'a@example.org'), (2, 2, 'b@example.org');
SELECT contact_status.enable_tenant_security('theirs', 'app.account_id');
GRANT USAGE ON SCHEMA theirs TO contact_status_test_writer, contact_status_test_relay;
GRANT INSERT ON theirs.event TO contact_status_test_writer;
GRANT SELECT ON theirs.account, theirs.status_change TO contact_status_test_writer;
GRANT SELECT ON theirs.status_change TO contact_status_test_relay;
GRANT SELECT, INSERT, UPDATE ON theirs.change_consumer TO contact_status_test_relay, contact_status_test_writer;
SET ROLE contact_status_test_writer;
SET app.account_id = 2;
INSERT INTO theirs.event (account_id, contact_id, list_id, kind) VALUES (2, 2, 1, 'added');
SET app.account_id = 1;
INSERT INTO theirs.event (account_id, contact_id, list_id, kind) VALUES (1, 1, 1, 'added');
SELECT is((SELECT array_agg(DISTINCT account_id) FROM theirs.status_change), '{1}'::bigint[],
    'a tenant sees the changes of its account');
SELECT helper.refused_helpfully($$SELECT contact_status.read_changes('theirs', 'x')$$, '42501', 'row-level',
    'but may not read the feed, which has those of all');
RESET ROLE;
ALTER ROLE contact_status_test_relay BYPASSRLS;
SET ROLE contact_status_test_relay;
SELECT helper.accepted($$SELECT contact_status.read_changes('theirs', 'x')$$,
    'a role with SELECT, and the consumers, may');
SELECT helper.refused($$SELECT contact_status.forget_changes('theirs')$$, '42501', 'forget_changes needs DELETE');
SELECT helper.refused($$SELECT contact_status.remove_change_feed('theirs')$$, '42501',
    'remove_change_feed needs the owner');
RESET ROLE;
SELECT contact_status.remove_change_feed('theirs');
SELECT helper.accepted($$INSERT INTO theirs.event (account_id, contact_id, kind) VALUES (1, 1, 'complained')$$,
    'without the feed, events go on');

-- Reading and forgetting, of changes from another cluster, which are complete at once ---------------------------------

SELECT contact_status.create_tables('moved');
SELECT contact_status.add_change_feed('moved', notify => true);
INSERT INTO moved.contact (contact_id, email) SELECT i, format('m%s@example.org', i) FROM generate_series(1, 5) i;
INSERT INTO moved.event (contact_id, list_id, kind) SELECT i, 1, 'added' FROM generate_series(1, 5) i;
SELECT is((SELECT count(*) FROM contact_status.read_changes('moved', 'a')), 0::bigint,
    'changes of a running transaction are not given');
SET LOCAL session_replication_role = replica;
UPDATE moved.status_change
    SET cluster = CASE WHEN contact_id <= 2 THEN 8 WHEN contact_id <= 4 THEN 9223372036854775807 ELSE 7 END,
    next_xid = xid8('9000000000') ;
SET LOCAL session_replication_role = origin;
SELECT is((SELECT array_agg(contact_id) FROM contact_status.read_changes('moved', 'a', 3)), '{5,5,1}'::bigint[],
    'of other clusters, one after the other, as many as asked for');
SELECT is((SELECT array_agg(contact_id) FROM contact_status.read_changes('moved', 'a', 2)), '{1,2}'::bigint[],
    'then the next');
SELECT is(contact_status.forget_changes('moved'), 5::bigint, 'forget_changes deletes what the only consumer has read');
SELECT is((SELECT array_agg(contact_id) FROM contact_status.read_changes('moved', 'b')), '{2,3,3,4,4}'::bigint[],
    'a new consumer gets what is there');
SELECT is(contact_status.forget_changes('moved'), 0::bigint, 'nothing goes that another consumer has not read');
SELECT is((SELECT array_agg(contact_id) FROM contact_status.read_changes('moved', 'a')), '{2,3,3,4,4}'::bigint[],
    'the first one gets it as well');
SELECT is((SELECT count(*) FROM contact_status.read_changes('moved', 'a')), 0::bigint, 'once');
SELECT is(contact_status.forget_changes('moved', now() - interval '1 hour'), 0::bigint,
    'nothing goes that is not dated before the time');
SELECT is(contact_status.forget_changes('moved'), 5::bigint, 'then it goes');

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
