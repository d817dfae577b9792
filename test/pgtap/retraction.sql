\i test/pgtap/setup.inc
-- Events that were recorded in error are taken out of the fold, and kept; it can be undone.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id, name) OVERRIDING SYSTEM VALUE VALUES (2, 'l2');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'default');
INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (2, 1);

CREATE FUNCTION helper.statuses() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', contact_id, status), ', ' ORDER BY contact_id) FROM crm.contact
    WHERE account_id = 1
$$;
INSERT INTO crm.contact (contact_id, email) SELECT n, format('c%s@example.org', n) FROM generate_series(1, 6) AS n;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, source) SELECT n, 1, 'added', '2025-06-01 09:00+00',
    'import' FROM generate_series(1, 6) AS n;
INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at, event_key, source) VALUES
    (1, 1, 7, 'unsubscribed', '2025-06-01 10:00+00', 'k1', 'scanner'),
    (2, NULL, 7, 'unsubscribed', '2025-06-01 10:01+00', 'k2', 'scanner'),
    (3, NULL, 7, 'complained', '2025-06-01 10:02+00', 'k3', 'loop'),
    (4, NULL, 8, 'hard_bounced', '2025-06-01 10:03+00', 'k4', 'provider'),
    (5, NULL, 8, 'nonexistent', '2025-06-01 10:04+00', 'k5', 'provider'),
    (5, NULL, 8, 'soft_bounced', '2025-06-01 10:05+00', 'k6', 'provider');
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 1, 'c1@example.org');
INSERT INTO crm.event (account_id, contact_id, list_id, kind, event_key, source) VALUES
    (2, 1, 1, 'unsubscribed', 'k1', 'scanner');
\set all '1 unsubscribed, 2 unsubscribed, 3 complained, 4 hard_bounced, 5 hard_bounced, 6 active'
SELECT is(helper.statuses(), :'all', 'before');

-- Each choice: which events and contacts, what becomes of the statuses, and that undoing it leaves all as it was. -----

CREATE TABLE helper.choice (nr int GENERATED ALWAYS AS IDENTITY, name text, arguments text, events int, contacts int,
    statuses text);
INSERT INTO helper.choice (name, arguments, events, contacts, statuses) VALUES
('by source', $$source => 'scanner'$$, 2, 2,
    '1 active, 2 active, 3 complained, 4 hard_bounced, 5 hard_bounced, 6 active'),
('by kinds', $$kinds => '{complained,hard_bounced}'$$, 2, 2,
    '1 unsubscribed, 2 unsubscribed, 3 active, 4 active, 5 hard_bounced, 6 active'),
('by time', $$since => '2025-06-01 10:01+00', before => '2025-06-01 10:03+00'$$, 2, 2,
    '1 unsubscribed, 2 active, 3 active, 4 hard_bounced, 5 hard_bounced, 6 active'),
('since', $$since => '2025-06-01 10:04+00'$$, 2, 1,
    '1 unsubscribed, 2 unsubscribed, 3 complained, 4 hard_bounced, 5 active, 6 active'),
('before', $$before => '2025-06-01 10:00+00'$$, 6, 6,
    '1 unsubscribed, 2 unsubscribed, 3 complained, 4 hard_bounced, 5 hard_bounced, 6 unconfirmed'),
('by campaign', $$campaign_id => 8$$, 3, 2,
    '1 unsubscribed, 2 unsubscribed, 3 complained, 4 active, 5 active, 6 active'),
('by list', $$list_id => 1, kinds => '{unsubscribed}'$$, 1, 1,
    '1 active, 2 unsubscribed, 3 complained, 4 hard_bounced, 5 hard_bounced, 6 active'),
('by contacts', $$contact_ids => '{3,4}', since => '2025-06-01 10:00+00'$$, 2, 2,
    '1 unsubscribed, 2 unsubscribed, 3 active, 4 active, 5 hard_bounced, 6 active'),
('by keys', $$event_keys => '{k2,k5,k9}'$$, 2, 2,
    '1 unsubscribed, 2 active, 3 complained, 4 hard_bounced, 5 soft_bounced, 6 active'),
('all of several choices', $$source => 'provider', campaign_id => 8, kinds => '{soft_bounced}'$$, 1, 1,
    '1 unsubscribed, 2 unsubscribed, 3 complained, 4 hard_bounced, 5 hard_bounced, 6 active'),
('nothing', $$source => 'nobody'$$, 0, 0,
    '1 unsubscribed, 2 unsubscribed, 3 complained, 4 hard_bounced, 5 hard_bounced, 6 active');

CREATE FUNCTION helper.try_choices() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    c helper.choice;
    done record;
    undone record;
    facts text := (SELECT string_agg(to_jsonb(x)::text, E'\n' ORDER BY contact_id) FROM crm.contact AS x
        WHERE account_id = 1);
BEGIN
    FOR c IN SELECT * FROM helper.choice ORDER BY nr LOOP
        EXECUTE format('SELECT * FROM contact_status.retract_events(''crm'', ''an incident'', %s)',
            c.arguments) INTO done;
        RETURN NEXT is(format('%s events, %s contacts', done.events, done.contacts),
            format('%s events, %s contacts', c.events, c.contacts), c.name || ': counts');
        RETURN NEXT is(helper.statuses(), c.statuses, c.name || ': statuses');
        RETURN NEXT is((SELECT count(*) FROM crm.event WHERE retraction_id = done.retraction_id
                AND retracted_at IS NOT NULL), c.events::bigint, c.name || ': the events are kept and marked');
        RETURN NEXT is((SELECT format('%s %s %s %s %s', reason, retracted_by, events, contacts, undone_at IS NULL)
                FROM crm.retraction WHERE account_id = 1 AND retraction_id = done.retraction_id),
            format('an incident %s %s %s t', current_user, c.events, c.contacts), c.name || ': who, why and how many');
        RETURN NEXT is_empty('SELECT * FROM contact_status.verify(''crm'')', c.name || ': verify finds nothing');
        EXECUTE format('SELECT * FROM contact_status.retract_events(''crm'', ''again'', %s)', c.arguments) INTO undone;
        RETURN NEXT is(undone.events, 0::bigint, c.name || ': not twice');
        SELECT * INTO undone FROM contact_status.undo_retraction('crm', done.retraction_id);
        RETURN NEXT is(format('%s events, %s contacts', undone.events, undone.contacts),
            format('%s events, %s contacts', c.events, c.contacts), c.name || ', undone: counts');
        RETURN NEXT is((SELECT string_agg(to_jsonb(x)::text, E'\n' ORDER BY contact_id) FROM crm.contact AS x
                WHERE account_id = 1), facts, c.name || ', undone: all as before');
        RETURN NEXT is((SELECT undone_by::text FROM crm.retraction WHERE account_id = 1 AND retraction_id
                = done.retraction_id AND undone_at IS NOT NULL), current_user::text, c.name || ': who undid it');
        RETURN NEXT is((SELECT count(*) FROM crm.event WHERE retracted_at IS NOT NULL), 0::bigint,
            c.name || ', undone: no event is marked');
        SELECT * INTO undone FROM contact_status.undo_retraction('crm', done.retraction_id);
        RETURN NEXT is(undone.events, 0::bigint, c.name || ': not undone twice');
    END LOOP;
END $$;
SELECT helper.try_choices();
SELECT is((SELECT status::text FROM crm.contact WHERE account_id = 2), 'unsubscribed',
    'another account''s events are left alone');

-- Needed --------------------------------------------------------------------------------------------------------------

SELECT helper.refused_helpfully(statement, expected, '', description) FROM (VALUES
    ($$SELECT contact_status.retract_events('crm', NULL, source => 'scanner')$$, '22004', 'no reason'),
    ($$SELECT contact_status.retract_events('crm', '   ', source => 'scanner')$$, '22004', 'a blank reason'),
    ($$SELECT contact_status.retract_events('crm', 'because')$$, '22004', 'no choice'),
    ($$SELECT contact_status.retract_events('crm', 'because', 1)$$, '22004', 'no choice but an account'))
        AS wrong (statement, expected, description);
SELECT helper.refused($$SELECT contact_status.retract_events('crm', E' \t\n', source => 'scanner')$$, '22004',
    'a reason of white space');
SELECT helper.refused($$UPDATE crm.event SET retracted_at = now() WHERE source = 'scanner'$$,
    '23514 contact_status_derived', 'not by UPDATE');

-- Retracted events do not come back with what is recorded afterwards, and are not new ones. ---------------------------

SELECT retraction_id AS scanner FROM contact_status.retract_events('crm', 'a link scanner', source => 'scanner') \gset
INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at, event_key, source) VALUES
    (1, 1, 7, 'unsubscribed', '2025-06-01 10:00+00', 'k1', 'scanner') ON CONFLICT DO NOTHING;
SELECT is(helper.statuses(), '1 active, 2 active, 3 complained, 4 hard_bounced, 5 hard_bounced, 6 active',
    'the same event delivered again changes nothing');
INSERT INTO crm.event (contact_id, kind) VALUES (1, 'soft_bounced'), (2, 'opened');
SELECT is((SELECT string_agg(status::text, ', ' ORDER BY contact_id) FROM crm.contact
        WHERE account_id = 1 AND contact_id < 3), 'soft_bounced, active', 'later events do not bring it back');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1, 1, 'added', '2025-05-01 10:00+00');
SELECT is((SELECT count(*) FROM crm.mailable WHERE account_id = 1 AND contact_id < 3), 2::bigint,
    'nor earlier ones; mailable');
SELECT is((SELECT count(*) FROM crm.status_history WHERE account_id = 1 AND status = 'unsubscribed' AND contact_id < 3),
    0::bigint, 'history is what counts');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1, 1, 'unsubscribed');
SELECT is((SELECT status::text FROM crm.contact WHERE account_id = 1 AND contact_id = 1), 'unsubscribed',
    'a real opt-out counts');
SELECT contact_status.undo_retraction('crm', :scanner) \g /dev/null
SELECT is((SELECT string_agg(status::text, ', ' ORDER BY contact_id) FROM crm.contact
        WHERE account_id = 1 AND contact_id < 3), 'unsubscribed, unsubscribed', 'undone');
SELECT * FROM helper.check_whole();

-- Of an opt-out only one of two is retracted.
INSERT INTO crm.contact (contact_id, email) VALUES (31, 'two@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, source, occurred_at) VALUES
    (31, 1, 'added', 'x', '2025-06-01 09:00+00'), (31, 1, 'unsubscribed', 'click', '2025-06-01 10:00+00'),
    (31, 1, 'unsubscribed', 'robot', '2025-06-01 11:00+00');
SELECT contact_status.retract_events('crm', 'robot', source => 'robot') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 31), 'unsubscribed', 'the other opt-out holds');

-- A retracted opt-out takes its suppression row along -----------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (41, 's41@example.org'), (42, 's42@example.org'),
    (43, 's43@example.org'), (44, 's44@example.org'), (45, 's45@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, source, occurred_at) VALUES
    (41, 1, 'unsubscribed', 'scan2', '2025-06-01 10:00+00'), (42, NULL, 'unsubscribed', 'scan2', '2025-06-01 10:00+00'),
    (43, NULL, 'complained', 'scan2', '2025-06-01 10:00+00'),
    (44, NULL, 'hard_bounced', 'scan2', '2025-06-01 10:00+00'),
    (45, NULL, 'unsubscribed', 'scan2', '2025-06-02 10:00+00'),
    (45, NULL, 'unsubscribed', 'click', '2025-06-01 10:00+00');
DELETE FROM crm.contact WHERE contact_id BETWEEN 41 AND 45;
SELECT is((SELECT count(*) FROM crm.suppression WHERE contact_id BETWEEN 41 AND 45), 5::bigint, 'deleted: suppressed');
SELECT results_eq(
    $$SELECT events, contacts FROM contact_status.retract_events('crm', 'a link scanner', source => 'scan2')$$,
    'VALUES (5::bigint, 5::bigint)', 'retracted, of contacts that are gone');
SELECT results_eq($$SELECT contact_id::int, kind::text, occurred_at FROM crm.suppression
        WHERE contact_id BETWEEN 41 AND 45$$, $$VALUES (45, 'unsubscribed', timestamptz '2025-06-01 10:00+00')$$,
    'its suppression goes, and what else was known stays');
SELECT max(retraction_id) AS scan2 FROM crm.retraction \gset
SELECT contact_status.undo_retraction('crm', :scan2) \g /dev/null
SELECT results_eq($$SELECT contact_id::int, kind::text, occurred_at FROM crm.suppression
        WHERE contact_id BETWEEN 41 AND 45 ORDER BY 1$$,
    $$VALUES (41, 'unsubscribed', timestamptz '2025-06-01 10:00+00'), (42, 'unsubscribed', '2025-06-01 10:00+00'),
        (43, 'complained', '2025-06-01 10:00+00'), (44, 'invalidated', '2025-06-01 10:00+00'),
        (45, 'unsubscribed', '2025-06-02 10:00+00')$$,
    'undone: suppressed again');
SELECT contact_status.retract_events('crm', 'it was one, after all', source => 'scan2') \g /dev/null
INSERT INTO crm.contact (contact_id, email) SELECT n, format('s%s@example.org', n) FROM generate_series(41, 45) AS n;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT n, 1, 'added' FROM generate_series(41, 45) AS n;
SELECT results_eq(
    $$SELECT contact_id::int, status::text FROM crm.contact WHERE contact_id BETWEEN 41 AND 45 ORDER BY 1$$,
    $$VALUES (41, 'active'), (42, 'active'), (43, 'active'), (44, 'active'), (45, 'unsubscribed')$$,
    'inserted again: mailable, but for the other opt-out');

-- What suppress was told, of an address without a contact, is nobody's event: retracting the same of a contact leaves
-- it.
INSERT INTO crm.contact (contact_id, email) VALUES (51, 's51@example.org');
INSERT INTO crm.event (contact_id, kind, source, occurred_at) VALUES
    (51, 'unsubscribed', 'scan3', '2025-06-02 10:00+00');
DELETE FROM crm.contact WHERE contact_id = 51;
SELECT contact_status.suppress('crm', 1, 's51@example.org', 'complained') \g /dev/null
SELECT contact_status.retract_events('crm', 'a link scanner', source => 'scan3') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (52, 's51@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 52), 'complained', 'what suppress was told stays');

-- The address came back before the retraction: it came back with the opt-out that is retracted.
INSERT INTO crm.contact (contact_id, email) VALUES (61, 's61@example.org');
INSERT INTO crm.event (contact_id, kind, source, occurred_at) VALUES
    (61, 'unsubscribed', 'scan4', '2025-06-02 10:00+00');
DELETE FROM crm.contact WHERE contact_id = 61;
INSERT INTO crm.contact (contact_id, email) VALUES (62, 's61@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (62, 1, 'added');
SELECT contact_status.retract_events('crm', 'a link scanner', source => 'scan4') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 62), 'active',
    'a retracted opt-out is taken back from the contact that has the address now');

-- The contact changed its address: the opt-out goes from the old one too.
INSERT INTO crm.contact (contact_id, email) VALUES (71, 's71@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, source, occurred_at) VALUES
    (71, 1, 'added', 'x', '2025-06-01 10:00+00'), (71, NULL, 'complained', 'scan5', '2025-06-02 10:00+00');
UPDATE crm.contact SET email = 's71.new@example.org' WHERE contact_id = 71;
SELECT contact_status.retract_events('crm', 'a link scanner', source => 'scan5') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 71), 'active',
    'retracted after a change of the address: active');
INSERT INTO crm.contact (contact_id, email) VALUES (72, 's71@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (72, 1, 'added');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 72), 'active', 'and the old address is free of it');

-- Twice deleted under one id
INSERT INTO crm.contact (contact_id, email) VALUES (81, 's81@example.org');
INSERT INTO crm.event (contact_id, kind, source) VALUES (81, 'complained', 'scan6');
DELETE FROM crm.contact WHERE contact_id = 81;
INSERT INTO crm.contact (contact_id, email) VALUES (81, 'other81@example.org');
INSERT INTO crm.event (contact_id, kind, source) VALUES (81, 'complained', 'loop');
SELECT contact_status.retract_events('crm', 'a link scanner', source => 'scan6') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 81), 'complained',
    'a later contact of the id keeps its own complaint');
INSERT INTO crm.contact (contact_id, email) VALUES (82, 's81@example.org');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 82), 'unconfirmed',
    'and the former one''s address is free of it');

-- Undone when another contact has the address by now: it is that of a person who complained, again and again.
INSERT INTO crm.contact (contact_id, email) VALUES (91, 's91@example.org');
INSERT INTO crm.event (contact_id, kind, source) VALUES (91, 'complained', 'scan7');
DELETE FROM crm.contact WHERE contact_id = 91;
SELECT retraction_id AS scan7 FROM contact_status.retract_events('crm', 'a link scanner', source => 'scan7') \gset
INSERT INTO crm.contact (contact_id, email) VALUES (92, 'S91@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (92, 1, 'added');
SELECT contact_status.undo_retraction('crm', :scan7) \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 92), 'complained',
    'undone: the contact that has the address now is told');
SELECT is((SELECT format('%s %s %s', kind, source, reason) FROM crm.event WHERE contact_id = 92 AND kind <> 'added'),
    'complained suppression contact 91', 'and from whom it has it');
SELECT contact_status.retract_events('crm', 'a link scanner', source => 'scan7') \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 92), 'active',
    'retracted again: taken back from it');
SELECT contact_status.undo_retraction('crm', max(retraction_id)) FROM crm.retraction WHERE account_id = 1 \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 92), 'complained', 'and undone again: complained');
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id = 92 AND kind = 'complained'), 1::bigint, 'told once');

-- Two complaints of a contact that is gone, of which its successor was told one: both are retracted at once.
INSERT INTO crm.contact (contact_id, email) VALUES (93, 's93@example.org');
INSERT INTO crm.event (contact_id, kind, source, occurred_at) VALUES
    (93, 'complained', 'scan8', '2025-06-02'), (93, 'complained', 'scan8', '2025-06-01');
DELETE FROM crm.contact WHERE contact_id = 93;
INSERT INTO crm.contact (contact_id, email) VALUES (94, 's93@example.org');
SELECT is(format('%s events, %s contacts', events, contacts), '3 events, 2 contacts',
    'two complaints and what came of them')
FROM contact_status.retract_events('crm', 'a link scanner', source => 'scan8');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 94), 'unconfirmed', 'the successor is free of it');

-- What was suppressed of the address went without saying, for the contact's own later event said it: that is retracted.
INSERT INTO crm.contact (contact_id, email) VALUES (95, 's95@example.org');
INSERT INTO crm.event (contact_id, kind, source, occurred_at) VALUES (95, 'complained', 'scan9', '2025-06-01');
DELETE FROM crm.contact WHERE contact_id = 95;
SELECT retraction_id AS scan9 FROM contact_status.retract_events('crm', 'a link scanner', source => 'scan9') \gset
INSERT INTO crm.contact (contact_id, email) VALUES (96, 's95@example.org');
INSERT INTO crm.event (contact_id, kind, source, occurred_at) VALUES (96, 'complained', 'scan10', '2025-06-02');
SELECT contact_status.undo_retraction('crm', :scan9) \g /dev/null
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id = 96), 1::bigint, 'not told what its own event says');
SELECT contact_status.retract_events('crm', 'a link scanner', source => 'scan10') \g /dev/null
SELECT is((SELECT format('%s since %s', status, complained_at) FROM crm.contact WHERE contact_id = 96),
    'complained since 2025-06-01 00:00:00+00', 'but once that is retracted');
SELECT is_empty('SELECT * FROM contact_status.verify(''crm'')', 'so verify misses nothing');
SELECT contact_status.retract_events('crm', 'they did not', contact_ids => ARRAY[96::bigint]) \g /dev/null
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 96), 'unconfirmed',
    'and not again once that is retracted as well');
SELECT is_empty('SELECT * FROM contact_status.verify(''crm'')', 'which verify takes as said');

-- Everything of an account, and dry runs ------------------------------------------------------------------------------

SELECT helper.refused_helpfully(statement, expected, naming, description) FROM (VALUES
    ($$SELECT contact_status.retract_events('crm', 'because', 2, everything => false)$$, '22004', 'choice',
        'no choice, and not everything'),
    ($$SELECT contact_status.retract_events('crm', 'because', 2, everything => NULL)$$, '22004', 'choice',
        'null: the same'),
    ($$SELECT contact_status.retract_events('crm', 'because', 2, dry_run => true)$$, '22004', 'choice',
        'a dry run needs a choice, too'),
    ($$SELECT contact_status.retract_events('crm', ' ', 2, everything => true)$$, '22004', 'reason',
        'everything needs a reason, too'),
    ($$SELECT contact_status.undo_retraction('crm', 4711)$$, '23503', '4711', 'undo: no such retraction')) AS wrong (
        statement, expected, naming, description);
SELECT helper.refused_helpfully(format($$SELECT contact_status.undo_retraction('crm', %s, 2)$$, :scan9), '23503',
    :'scan9', 'undo: of another account');
CREATE FUNCTION helper.everything() RETURNS text LANGUAGE sql AS $$
    SELECT md5(concat((SELECT jsonb_agg(e ORDER BY e) FROM crm.event AS e),
            (SELECT jsonb_agg(c ORDER BY contact_id) FROM crm.contact AS c),
        (SELECT jsonb_agg(s ORDER BY s) FROM crm.suppression AS s),
        (SELECT jsonb_agg(r ORDER BY r) FROM crm.retraction AS r)))
$$;
SELECT helper.everything() AS before \gset
SELECT format('%s,%s', count(*), count(DISTINCT contact_id)) AS complaints FROM crm.event
    WHERE account_id = 1 AND kind = 'complained' AND retracted_at IS NULL \gset
SELECT is((SELECT ROW(r.*)::text
        FROM contact_status.retract_events('crm', 'a test', kinds => '{complained}', dry_run => true) AS r),
    '(,' || :'complaints' || ')',
    'a dry run: events and contacts, and no number');
SELECT is(helper.everything(), :'before', 'nothing has changed');
SELECT is(
    (SELECT ROW(events, contacts)::text FROM contact_status.retract_events('crm', 'a test', kinds => '{complained}')),
    '(' || :'complaints' || ')', 'the retraction has the same numbers');
-- with an event that another contact received as a suppression
INSERT INTO crm.contact (contact_id, email) VALUES (97, 's97@example.org');
INSERT INTO crm.event (contact_id, kind, source, occurred_at) VALUES (97, 'complained', 'scan11', '2025-06-02');
DELETE FROM crm.contact WHERE contact_id = 97;
INSERT INTO crm.contact (contact_id, email) VALUES (98, 's97@example.org');
SELECT is((SELECT ROW(events, contacts)::text
        FROM contact_status.retract_events('crm', 'a test', source => 'scan11', dry_run => true)), '(2,2)',
    'a dry run counts what follows');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 98), 'complained', 'which stays');
SELECT is((SELECT ROW(events, contacts)::text FROM contact_status.retract_events('crm', 'a test', source => 'scan11')),
    '(2,2)', 'and then goes');
SELECT is((SELECT ROW(events, contacts)::text
        FROM contact_status.retract_events('crm', 'a test', source => 'scan11', dry_run => true)), '(0,0)',
    'a dry run of nothing');
SELECT is((SELECT ROW(events, contacts)::text
        FROM contact_status.retract_events('crm', 'a test', 2, everything => true, dry_run => true)), '(1,1)',
    'a dry run of everything');
SELECT is((SELECT status::text FROM crm.contact WHERE account_id = 2), 'unsubscribed', 'which changes nothing');
SELECT is((SELECT ROW(events, contacts)::text
        FROM contact_status.retract_events('crm', 'a test', 2, source => 'x', everything => true)), '(0,0)',
    'a choice counts also with everything');
SELECT is(
    (SELECT ROW(events, contacts)::text FROM contact_status.retract_events('crm', 'a test', 2, everything => true)),
    '(1,1)', 'everything of an account');
SELECT is((SELECT status::text FROM crm.contact WHERE account_id = 2), 'unconfirmed',
    'then nothing is known of its contacts');
SELECT isnt((SELECT count(*) FROM crm.event WHERE account_id = 1 AND retracted_at IS NULL), 0::bigint,
    'other accounts have their events');
SELECT contact_status.set_horizon('crm', 1, now()) \g /dev/null
SELECT helper.refused_helpfully(
    $$SELECT contact_status.retract_events('crm', 'a test', source => 'import', dry_run => true)$$, '55000', 'horizon',
    'a dry run fails as the retraction would');

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
