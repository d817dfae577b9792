\i test/pgtap/setup.inc
-- A contact that changes its address: what is known of the address begins anew, what the person said stays with the
-- person.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.list (list_id, name) OVERRIDING SYSTEM VALUE VALUES (2, 'l2');
INSERT INTO crm.account (account_id, policy) VALUES (3, 'emailmanager');
INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (3, 1);

-- On list 1 since 09:00; then the story, at 10:00 and each event a minute after the one before; then the change; then
-- what is told of the old address only now. Expected: before the change, after it, and after the late events.
CREATE TABLE helper.story (nr int, name text, policy text, story text, before text, changed text, late text,
    later text);
INSERT INTO helper.story VALUES
(1, 'nothing', 'default', '', 'active (1 active)', 'active (1 active)', 'hard_bounced', 'active (1 active)'),
(2, 'dead', 'default', 'hard_bounced', 'hard_bounced (1 hard_bounced)', 'active (1 active)', 'nonexistent',
    'active (1 active)'),
(3, 'declared dead', 'default', 'invalidated', 'hard_bounced (1 hard_bounced)', 'active (1 active)', 'invalidated',
    'active (1 active)'),
(4, 'temporary errors', 'default', 'soft_bounced,soft_bounced,soft_bounced,soft_bounced',
    'soft_bounced (1 soft_bounced)', 'active (1 active)', 'soft_bounced', 'active (1 active)'),
(5, 'opted out', 'default', 'unsubscribed', 'unsubscribed (1 unsubscribed)', 'unsubscribed (1 unsubscribed)', 'opened',
    'unsubscribed (1 unsubscribed)'),
(6, 'complained', 'default', 'complained', 'complained (1 complained)', 'complained (1 complained)', 'opened',
    'complained (1 complained)'),
(7, 'a complaint that comes late', 'default', '', 'active (1 active)', 'active (1 active)', 'complained',
    'complained (1 complained)'),
(8, 'an opt-out that comes late', 'default', '', 'active (1 active)', 'active (1 active)', 'unsubscribed',
    'unsubscribed (1 unsubscribed)'),
(9, 'held', 'default', 'suspended', 'suspended (1 suspended)', 'suspended (1 suspended)', 'opened',
    'suspended (1 suspended)'),
(10, 'removed by the owner', 'default', 'deleted', 'deleted (1 deleted)', 'deleted (1 deleted)', 'opened',
    'deleted (1 deleted)'),
(11, 'failing', 'emailmanager', 'soft_bounced,soft_bounced,soft_bounced,soft_bounced,soft_bounced',
    'failing (1 failing)', 'active (1 active)', 'soft_bounced', 'active (1 active)'),
(12, 'unresponsive', 'emailmanager', 'sent', 'unresponsive (1 unresponsive)', 'active (1 active)', 'sent',
    'active (1 active)');

CREATE FUNCTION helper.tell(account bigint, contact bigint, kinds text, first timestamptz) RETURNS void
    LANGUAGE sql AS $$
    INSERT INTO crm.event (account_id, contact_id, campaign_id, kind, occurred_at)
    SELECT account, contact, 100 + n, kind::contact_status.event_kind, first + n * interval '1 minute'
    FROM unnest(string_to_array(kinds, ',')) WITH ORDINALITY AS k (kind, n)
$$;
CREATE FUNCTION helper.tell_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    s helper.story;
    account bigint;
    person bigint;
BEGIN
    FOR s IN SELECT * FROM helper.story ORDER BY nr LOOP
        account := CASE s.policy WHEN 'emailmanager' THEN 3 ELSE 1 END;
        INSERT INTO crm.contact (account_id, email) VALUES (account, format('old%s@example.org', s.nr))
        RETURNING contact_id INTO person;
        INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
            (account, person, 1, 'added', '2025-06-01 09:00+00');
        PERFORM helper.tell(account, person, s.story, '2025-06-01 10:00+00');
        PERFORM contact_status.sweep('crm');
        RETURN NEXT is(helper.subscriptions(person, account), s.before, s.name);
        UPDATE crm.contact SET email = format('new%s@example.org', s.nr)
        WHERE account_id = account AND contact_id = person;
        RETURN NEXT is(helper.subscriptions(person, account), s.changed, s.name || ': another address');
        PERFORM helper.tell(account, person, s.late, '2025-06-01 11:00+00');
        PERFORM contact_status.sweep('crm');
        RETURN NEXT is(helper.subscriptions(person, account), s.later, format('%s: %s, told late', s.name, s.late));
        PERFORM contact_status.reevaluate('crm');
        RETURN NEXT is(helper.subscriptions(person, account), s.later, s.name || ': the same, folded anew');
    END LOOP;
END $$;
SELECT helper.tell_all();
SELECT * FROM helper.check_whole();

-- An error of the new address counts, though others of the old one are known.
INSERT INTO crm.contact (contact_id, email) VALUES (501, 'run@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (501, 1, 'added', '2025-06-01 09:00+00');
SELECT helper.tell(1, 501, 'soft_bounced,soft_bounced,soft_bounced,soft_bounced', '2025-06-01 10:00+00') \g /dev/null
UPDATE crm.contact SET email = 'run2@example.org' WHERE contact_id = 501;
INSERT INTO crm.event (contact_id, campaign_id, kind) VALUES (501, 900, 'soft_bounced');
SELECT is(helper.subscriptions(501), 'soft_bounced (1 soft_bounced)', 'the run of errors begins anew');

-- What was known of the old address is kept of it, and met by whoever has it next. ------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (601, 'dead@example.org'), (602, 'out@example.org'),
    (603, 'listout@example.org'), (604, 'spam@example.org'), (605, 'fine@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (601, 1, 'added', '2025-06-01 09:00+00'), (601, NULL, 'hard_bounced', '2025-06-01 10:00+00'),
    (602, NULL, 'unsubscribed', '2025-06-01 10:00+00'), (603, 1, 'unsubscribed', '2025-06-01 10:00+00'),
    (604, NULL, 'complained', '2025-06-01 10:00+00'), (605, 1, 'added', '2025-06-01 10:00+00');
UPDATE crm.contact SET email = 'new.' || email WHERE contact_id BETWEEN 601 AND 605;
SELECT results_eq($$SELECT contact_id::int, kind::text, list_id::int, occurred_at FROM crm.suppression
        WHERE contact_id BETWEEN 601 AND 605 ORDER BY 1$$,
    $$VALUES (601, 'invalidated', NULL::int, timestamptz '2025-06-01 10:00+00'),
        (602, 'unsubscribed', NULL, '2025-06-01 10:00+00'), (603, 'unsubscribed', 1, '2025-06-01 10:00+00'),
             (604, 'complained', NULL, '2025-06-01 10:00+00')$$, 'kept of the old addresses');
INSERT INTO crm.contact (contact_id, email) VALUES (611, 'dead@example.org'), (612, 'out@example.org'),
    (613, 'listout@example.org'), (614, 'spam@example.org'), (615, 'fine@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) SELECT n, 1, 'added' FROM generate_series(611, 615) AS n;
SELECT results_eq(
    $$SELECT contact_id::int, status::text FROM crm.contact WHERE contact_id BETWEEN 611 AND 615 ORDER BY 1$$,
    $$VALUES (611, 'hard_bounced'), (612, 'unsubscribed'), (613, 'unsubscribed'), (614, 'complained'),
        (615, 'active')$$, 'whoever has the old address next meets them');
SELECT results_eq(
    $$SELECT contact_id::int, status::text FROM crm.contact WHERE contact_id BETWEEN 601 AND 605 ORDER BY 1$$,
    $$VALUES (601, 'active'), (602, 'unsubscribed'), (603, 'unsubscribed'), (604, 'complained'), (605, 'active')$$,
    'who left them keeps what he said');

-- And what is suppressed of the new address applies.
SELECT contact_status.suppress('crm', 1, 'taken.dead@example.org', 'invalidated', occurred_at => '2025-06-01 08:00+00'),
       contact_status.suppress('crm', 1, 'taken.out@example.org', 'unsubscribed', occurred_at => '2025-06-01 08:00+00'),
       contact_status.suppress('crm', 1, 'taken.listout@example.org', 'unsubscribed', 1,
           occurred_at => '2025-06-01 08:00+00'),
       contact_status.suppress('crm', 1, 'taken.spam@example.org', 'complained', occurred_at => '2025-06-01 08:00+00'),
       contact_status.suppress('crm', 3, 'taken.spam@example.org', 'complained',
           occurred_at => '2025-06-01 08:00+00') \g /dev/null
INSERT INTO crm.contact (contact_id, email) SELECT n, format('c%s@example.org', n) FROM generate_series(701, 704) AS n;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT n, l, 'added'
    FROM generate_series(701, 704) AS n, generate_series(1, 2) AS l;
UPDATE crm.contact SET email = CASE contact_id WHEN 701 THEN 'Taken.Dead@example.org'
    WHEN 702 THEN ' taken.out@example.org' WHEN 703 THEN 'taken.listout@EXAMPLE.org' ELSE 'taken.spam@example.org ' END
WHERE contact_id BETWEEN 701 AND 704;
SELECT results_eq($$SELECT n, helper.subscriptions(n) FROM generate_series(701, 704) AS n$$,
    $$VALUES
        (701, 'hard_bounced (1 hard_bounced, 2 hard_bounced)'), (702, 'unsubscribed (1 unsubscribed, 2 unsubscribed)'),
        (703, 'active (1 unsubscribed, 2 active)'), (704, 'complained (1 complained, 2 complained)')$$,
    'what is suppressed of the new address applies');
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id BETWEEN 701 AND 704 AND source = 'suppression'), 4::bigint,
    'as events');
SELECT is(helper.subscriptions(704), 'complained (1 complained, 2 complained)', 'folded anew: the same')
    FROM contact_status.reevaluate('crm');

-- Under `refuse`
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (3, 801, 'c801@example.org');
SELECT helper.refused($$UPDATE crm.contact SET email = 'taken.spam@example.org' WHERE account_id = 3
        AND contact_id = 801$$, '23514 contact_status_complaint', 'a change to a complained address is refused');
SELECT helper.refused($$INSERT INTO crm.contact (account_id, contact_id, email) VALUES
        (3, 801, 'taken.spam@example.org') ON CONFLICT (account_id, contact_id) DO UPDATE SET email = excluded.email$$,
    '23514 contact_status_complaint', 'by upsert too');
SELECT is((SELECT email FROM crm.contact WHERE account_id = 3 AND contact_id = 801), 'c801@example.org',
    'and nothing is left behind');

-- There and back ------------------------------------------------------------------------------------------------------

INSERT INTO crm.contact (contact_id, email) VALUES (901, 'first@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (901, 1, 'added'), (901, NULL, 'hard_bounced');
UPDATE crm.contact SET email = 'second@example.org' WHERE contact_id = 901;
SELECT is(helper.subscriptions(901), 'active (1 active)', 'away from a dead address');
UPDATE crm.contact SET email = 'first@example.org' WHERE contact_id = 901;
SELECT is(helper.subscriptions(901), 'hard_bounced (1 hard_bounced)', 'and back: it is dead still');
UPDATE crm.contact SET email = ' FIRST@example.org' WHERE contact_id = 901;
SELECT is((SELECT count(*) FROM crm.address_change WHERE contact_id = 901), 2::bigint,
    'written differently, it is the same address');
SELECT is(helper.subscriptions(901), 'hard_bounced (1 hard_bounced)', 'and as dead');

-- A chain: the opt-out of an address given up long ago.
INSERT INTO crm.contact (contact_id, email) VALUES (911, 'chain1@example.org');
INSERT INTO crm.event (contact_id, kind) VALUES (911, 'complained');
DO $$ BEGIN FOR i IN 2 .. 5 LOOP UPDATE crm.contact SET email = format('chain%s@example.org', i) WHERE contact_id = 911;
    END LOOP; END $$;
DELETE FROM crm.contact WHERE contact_id = 911;
INSERT INTO crm.contact (email) SELECT format('chain%s@example.org', i) FROM generate_series(1, 5) AS i;
SELECT is((SELECT count(*) FROM crm.contact WHERE email LIKE 'chain%' AND status = 'complained'), 5::bigint,
    'a complaint stays known of every address its contact had');
SELECT is((SELECT count(*) FROM crm.address_change WHERE contact_id = 911), 4::bigint,
    'address changes stay, for events that come later');

-- What the person said is heard late: it holds for the old address as if it had been heard in time.
INSERT INTO crm.contact (contact_id, email) VALUES (950, 'late.before@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (950, 1, 'added', '2025-06-01');
UPDATE crm.contact SET email = 'late.after@example.org' WHERE contact_id = 950;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (950, 'unsubscribed', '2025-06-02');
INSERT INTO crm.contact (contact_id, email) VALUES (951, 'late.before@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (951, 1, 'added');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 951), 'unsubscribed',
    'an opt-out heard after the change of address is kept of the old one');
-- The same where another contact has the old address already.
INSERT INTO crm.contact (contact_id, email) VALUES (952, 'later.before@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (952, 1, 'added', '2025-06-01');
UPDATE crm.contact SET email = 'later.after@example.org' WHERE contact_id = 952;
INSERT INTO crm.contact (contact_id, email) VALUES (953, 'later.before@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (953, 1, 'added', '2025-06-01');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (952, 'unsubscribed', '2025-06-02');
SELECT is((SELECT status::text FROM crm.contact WHERE contact_id = 953), 'unsubscribed',
    'and told the contact that has the old one now');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
    (952, 'opened', '2025-06-02'), (952, 'unsubscribed', '2025-06-02 01:00');
SELECT is((SELECT string_agg(occurred_at::date::text, ', ') FROM crm.event
        WHERE contact_id = 953 AND kind = 'unsubscribed' AND occurred_at::date = '2025-06-02' ),
    '2025-06-02, 2025-06-02', 'of a later one as well, of the same one not twice');

SELECT helper.refused($$UPDATE crm.contact SET email = '   ' WHERE contact_id = 901$$, '23514 contact_status_address',
    'a blank address');
-- What waits for a confirmation ---------------------------------------------------------------------------------------
-- The link went to the old mailbox. On list 2 a sign-up must be confirmed; the events before the change, and those
-- after it.
CREATE TABLE helper.link (nr int, name text, before text, after text, status text, suppressed boolean);
INSERT INTO helper.link VALUES
(1, 'a sign-up, the link of the old mailbox', 'signed_up a', 'confirmed a', 'unconfirmed', false),
(2, 'a sign-up, confirmed before', 'signed_up a,confirmed a', '', 'active', false),
(3, 'a sign-up, and one after the change', 'signed_up a', 'signed_up b,confirmed b', 'active', false),
(4, 'a sign-up after the change, the old link', 'signed_up a', 'signed_up b,confirmed a', 'unconfirmed', false),
(5, 'a request, the link of the old mailbox', 'unsubscribed,signed_up a', 'confirmed a', 'unsubscribed', false),
(6, 'a request, confirmed before', 'unsubscribed,signed_up a,confirmed a', '', 'active', false),
(7, 'a request, and one after the change', 'unsubscribed,signed_up a', 'signed_up b,confirmed b', 'active', false),
(8, 'a request after the change, the old link', 'unsubscribed,signed_up a', 'signed_up b,confirmed a',
    'unsubscribed', false),
(9, 'an import after the change', 'signed_up a', 'added', 'unconfirmed', false),
(10, 'the old link validates no dead address', 'signed_up a', 'confirmed a', 'hard_bounced', true);
CREATE FUNCTION helper.say(contact bigint, said text, first timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.event (contact_id, list_id, kind, event_key, occurred_at)
    SELECT contact, 2, split_part(k, ' ', 1)::contact_status.event_kind, split_part(k, ' ', 2),
        first + n * interval '1 millisecond'
    FROM unnest(string_to_array(said, ',')) WITH ORDINALITY AS w (k, n)
$$;
CREATE FUNCTION helper.confirm_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    l record;
    person bigint;
BEGIN
    FOR l IN SELECT k.*, late FROM helper.link k, unnest('{false,true}'::boolean[]) late ORDER BY k.nr, late LOOP
        INSERT INTO crm.contact (email) VALUES (format('link%s%s@example.org', l.nr, l.late))
        RETURNING contact_id INTO person;
        IF NOT l.late THEN
            PERFORM helper.say(person, l.before, clock_timestamp() - interval '1 hour');
        END IF;
        IF l.suppressed THEN
            PERFORM contact_status.suppress('crm', 1, format('victim%s%s@example.org', l.nr, l.late), 'invalidated');
        END IF;
        UPDATE crm.contact SET email = format('victim%s%s@example.org', l.nr, l.late) WHERE contact_id = person;
        PERFORM helper.say(person, l.after, clock_timestamp());
        IF l.late THEN
            PERFORM helper.say(person, l.before, clock_timestamp() - interval '1 hour');
        END IF;
        RETURN NEXT is((SELECT status::text FROM crm.contact WHERE contact_id = person), l.status,
            l.name || CASE WHEN l.late THEN ', heard late' ELSE '' END);
    END LOOP;
END $$;
SELECT helper.confirm_all();
-- A refusal belongs to the address that was mailed --------------------------------------------------------------------
-- Mail to the old address, the change, then the answer, dated before the change; and what is known of each address
-- then, by a contact that has the old one already, or takes it later. An hour later another change, to which none of it
-- belongs.
CREATE TABLE helper.answer (nr int, name text, before text, late text, old text);
INSERT INTO helper.answer VALUES
(1, 'an unknown user', '', 'nonexistent', 'hard_bounced'),
(2, 'a refusal', '', 'hard_bounced', 'hard_bounced'),
(3, 'declared dead', '', 'invalidated', 'hard_bounced'),
(4, 'the fifth full mailbox', 'soft_bounced,soft_bounced,soft_bounced,soft_bounced', 'soft_bounced', 'hard_bounced'),
(5, 'a full mailbox', '', 'soft_bounced', 'active'),
(6, 'a validation', 'nonexistent', 'validated', 'active'),
(7, 'a delivery before the fifth full mailbox', 'soft_bounced,soft_bounced,soft_bounced,soft_bounced,soft_bounced',
    'delivered -27', 'active'),
(8, 'an opened mail', '', 'opened', 'active');
CREATE FUNCTION helper.answer_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    a record;
    n int;
    first bigint;
    old text;
    taker bigint;
    at timestamptz := clock_timestamp() - interval '2 days';
BEGIN
    FOR a IN SELECT w.*, taken FROM helper.answer w, unnest('{false,true}'::boolean[]) taken ORDER BY w.nr, taken LOOP
        old := format('answer%s%s@example.org', a.nr, a.taken);
        INSERT INTO crm.contact (email) VALUES (old) RETURNING contact_id INTO first;
        INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (first, 1, 'added', at);
        PERFORM helper.tell(1, first, nullif(a.before, ''), at + interval '1 hour');
        UPDATE crm.contact SET email = 'one.' || email WHERE contact_id = first;
        UPDATE crm.contact SET email = 'two.' || email WHERE contact_id = first;
        IF a.taken THEN
            INSERT INTO crm.contact (email) VALUES (old) RETURNING contact_id INTO taker;
            INSERT INTO crm.event (contact_id, list_id, kind) VALUES (taker, 1, 'added');
        END IF;
        INSERT INTO crm.event (contact_id, kind, campaign_id, occurred_at)
        VALUES (first, split_part(a.late, ' ', 1)::contact_status.event_kind, 900, at + interval '90 minutes'
            + coalesce(nullif(split_part(a.late, ' ', 2), '')::int, 0) * interval '1 minute');
        IF NOT a.taken THEN
            INSERT INTO crm.contact (email) VALUES (old) RETURNING contact_id INTO taker;
            INSERT INTO crm.event (contact_id, list_id, kind) VALUES (taker, 1, 'added');
        END IF;
        RETURN NEXT is((SELECT status::text FROM crm.contact WHERE contact_id = taker),
            -- what the holder has received already is taken back by a retraction only
            CASE WHEN a.taken AND a.nr IN (6, 7) THEN 'hard_bounced' ELSE a.old END,
            format('%s, heard after the change: the old address%s', a.name,
                CASE WHEN a.taken THEN ', which has a contact' ELSE '' END));
        RETURN NEXT is((SELECT status::text FROM crm.contact WHERE contact_id = first), 'active',
            a.name || ', heard after the change: the new address');
        -- and a retraction takes it back from the contact that has the address
        PERFORM contact_status.retract_events('crm', 'a test', contact_ids => ARRAY[first],
            kinds => '{soft_bounced,hard_bounced,nonexistent,invalidated}');
        RETURN NEXT is((SELECT status::text FROM crm.contact WHERE contact_id = taker), 'active',
            a.name || ': taken back');
    END LOOP;
END $$;
SELECT helper.answer_all();
SELECT helper.refused($$UPDATE crm.contact SET email = NULL WHERE contact_id = 901$$, '23502', 'no address');
SELECT helper.accepted($$UPDATE crm.contact SET email = 'many' || contact_id || '@example.org'$$, 'many at once');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
