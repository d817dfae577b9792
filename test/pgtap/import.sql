\i test/pgtap/setup.inc
-- import_contacts: an outcome for each row, nothing aborted by one of them, opt-outs honoured and none lifted.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
SELECT setval(pg_get_serial_sequence('crm.contact', 'contact_id'), 1000) \g /dev/null
INSERT INTO crm.list (list_id, name, double_opt_in) OVERRIDING SYSTEM VALUE VALUES (2, 'l2', true);
INSERT INTO crm.account (account_id, policy) VALUES (2, 'activecampaign'), (3, 'emailmanager');
INSERT INTO crm.list (account_id, list_id, double_opt_in) OVERRIDING SYSTEM VALUE VALUES (2, 1, true), (3, 1, NULL);

CREATE FUNCTION helper.import(list bigint DEFAULT 1, account bigint DEFAULT 1, source text DEFAULT 'staging')
    RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(outcome, ' ' ORDER BY row_number)
    FROM contact_status.import_contacts('crm', account, list, source::regclass)
$$;
CREATE FUNCTION helper.status(address text, account bigint DEFAULT 1) RETURNS text LANGUAGE sql AS $$
    SELECT status::text FROM crm.contact
    WHERE account_id = account AND contact_status.normalize_address(email) = contact_status.normalize_address(address)
$$;

-- imports one address with a status, in a table of its own
CREATE FUNCTION helper.import_one(n int, status text, vocabulary text, account bigint DEFAULT 1)
RETURNS TABLE (email text, outcome text, reason text) LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.one;
    CREATE TEMPORARY TABLE one AS SELECT format('n%s@example.org', n) AS email, status;
    RETURN QUERY SELECT i.email, i.outcome, i.reason
        FROM contact_status.import_contacts('crm', account, 1, 'pg_temp.one', vocabulary) i;
END
$$;

-- Each outcome; an address alone
CREATE TEMPORARY TABLE staging (email text);
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'on@example.org'), (2, 'out@example.org'),
    (3, 'off@example.org'), (4, 'spam@example.org'), (5, 'dead@example.org'),
    (6, 'allout@example.org'), (7, 'deleted@example.org'), (8, 'removed@example.org'), (9, 'pending@example.org'),
    (10, 'held@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1, 1, 'added', '2025-06-01 09:00+00'),
    (2, 1, 'unsubscribed', '2025-06-01 09:00+00'), (4, NULL, 'complained', '2025-06-01 09:00+00'),
    (5, NULL, 'nonexistent', '2025-06-01 09:00+00'), (6, NULL, 'unsubscribed', '2025-06-01 09:00+00'),
    (7, 1, 'added', '2025-06-01 09:00+00'), (7, NULL, 'deleted', '2025-06-01 10:00+00'),
    (8, 1, 'added', '2025-06-01 09:00+00'), (8, 1, 'removed', '2025-06-01 10:00+00'), (9, 1, 'signed_up',
        '2025-06-01 09:00+00'), (10, 1, 'added', '2025-06-01 09:00+00'), (10, NULL, 'suspended', '2025-06-01 10:00+00');
SELECT contact_status.suppress('crm', 1, 'known@example.org', 'unsubscribed', 1),
    contact_status.suppress('crm', 1, 'knowndead@example.org', 'invalidated') \g /dev/null
CREATE TEMPORARY TABLE expected (email text, outcome text, status text);
INSERT INTO expected VALUES
('new@example.org', 'added', 'active'), (' On@Example.ORG ', 'already_subscribed', 'active'),
('out@example.org', 'suppressed', 'unsubscribed'), ('off@example.org', 'added', 'active'),
('spam@example.org', 'suppressed', 'complained'), ('dead@example.org', 'suppressed', 'hard_bounced'),
('allout@example.org', 'suppressed', 'unsubscribed'), ('deleted@example.org', 'suppressed', 'deleted'),
('removed@example.org', 'added', 'active'), ('known@example.org', 'suppressed', 'unsubscribed'),
('knowndead@example.org', 'suppressed', 'hard_bounced'), ('held@example.org', 'already_subscribed', 'suspended'),
('pending@example.org', 'already_subscribed', 'unconfirmed'), ('', 'invalid_address', NULL),
(NULL, 'invalid_address', NULL), ('no address', 'invalid_address', NULL), ('@example.org', 'invalid_address', NULL),
('a@b@c', 'invalid_address', NULL), (repeat('a', 320) || '@example.org', 'invalid_address', NULL),
('NEW@example.org', 'duplicate', 'active'), ('new@example.org ', 'duplicate', 'active');
INSERT INTO staging SELECT email FROM expected;
CREATE TEMPORARY TABLE outcome AS SELECT * FROM contact_status.import_contacts('crm', 1, 1, 'staging');
SELECT is(o.outcome || coalesce(', ' || helper.status(o.email), ''), e.outcome || coalesce(', ' || e.status, ''),
    format('%s: %s', e.n, left(e.email, 30)))
FROM (SELECT *, row_number() OVER () AS n FROM expected) AS e LEFT JOIN outcome AS o ON o.row_number = e.n ORDER BY e.n;
SELECT is((SELECT count(*) FROM outcome), (SELECT count(*) FROM expected), 'a row for each row');
SELECT is((SELECT count(*) FROM outcome AS o JOIN crm.contact AS c USING (contact_id)
        WHERE o.outcome IN ('added', 'already_subscribed')), 6::bigint, 'with the contact''s id');
SELECT is((SELECT email FROM crm.contact WHERE contact_id = (SELECT contact_id FROM outcome WHERE row_number = 1)),
    'new@example.org', 'its own');
SELECT is((SELECT string_agg(DISTINCT kind || ' ' || source, ', ') FROM crm.event
        WHERE contact_id = (SELECT contact_id FROM outcome WHERE row_number = 1)), 'added import', 'one event: added');
SELECT is(helper.import(), regexp_replace((SELECT string_agg(outcome, ' ' ORDER BY row_number) FROM outcome),
        '\madded\M', 'already_subscribed', 'g'), 'the same again');
SELECT * FROM helper.check_whole();

-- Nothing there
TRUNCATE staging;
SELECT is(helper.import(), NULL, 'no row');

-- Words without a vocabulary: those that mean one thing everywhere, and the statuses themselves.
DROP TABLE staging;
CREATE TEMPORARY TABLE staging (id int, email varchar(100), status text, evidence text, occurred_at timestamptz,
    more text);
CREATE TEMPORARY TABLE label (n int GENERATED ALWAYS AS IDENTITY, label text, outcome text, status text, reason text);
INSERT INTO label (label, outcome, status, reason) VALUES
    ('active', 'added', 'active', NULL),
    ('soft_bounced', 'added', 'soft_bounced', NULL),
    ('unresponsive', 'added', 'unresponsive', 'unresponsive'),
    ('unconfirmed', 'added', 'unconfirmed', 'unconfirmed'),
    ('suspended', 'added', 'suspended', 'suspended'),
    ('failing', 'added', 'suspended', 'suspended'),
    ('hard_bounced', 'suppressed', 'hard_bounced', 'hard_bounced'),
    ('unsubscribed', 'suppressed', 'unsubscribed', 'unsubscribed'),
    ('complained', 'suppressed', 'complained', 'complained'),
    ('deleted', 'suppressed', 'deleted', 'deleted'),
    ('opt-in', 'added', 'active', NULL),
    ('opt-out', 'suppressed', 'unsubscribed', 'unsubscribed'),
    ('hard bounce', 'suppressed', 'hard_bounced', 'hard_bounced'),
    ('usunięty', 'suppressed', 'deleted', 'deleted'),
    ('iscritto', 'added', 'active', NULL),
    ('Iscritto', 'added', 'active', NULL),
    ('cancellato', 'suppressed', 'unsubscribed', 'unsubscribed'),
    ('respinto', 'suppressed', 'hard_bounced', 'hard_bounced'),
    ('bounced', 'suppressed', 'hard_bounced', 'hard_bounced'),
    ('non confermato', 'added', 'unconfirmed', 'unconfirmed'),
    ('aktivní', 'added', 'active', NULL),
    ('odhlášené', 'suppressed', 'unsubscribed', 'unsubscribed'),
    ('odražené', 'suppressed', 'hard_bounced', 'hard_bounced'),
    ('spam stížnosti', 'suppressed', 'complained', 'complained'),
    ('nepotvrzené', 'added', 'unconfirmed', 'unconfirmed'),
    ('aktivní (soft bounce)', 'added', 'soft_bounced', NULL),
    ('0 Ativo', 'added', 'active', NULL),
    ('1 Ativo com erros', 'added', 'soft_bounced', NULL),
    ('2 Com problemas', 'added', 'suspended', 'suspended'),
    ('3 Não responde', 'added', 'unresponsive', 'unresponsive'),
    ('4 Suspenso', 'added', 'suspended', 'suspended'),
    ('5 Solicitou Remoção', 'suppressed', 'unsubscribed', 'unsubscribed'),
    ('6 Denunciou Abuso', 'suppressed', 'complained', 'complained'),
    ('7 Inexistente', 'suppressed', 'hard_bounced', 'hard_bounced'),
    (' UNSUBSCRIBED ', 'suppressed', 'unsubscribed', 'unsubscribed'),
    ('Complained', 'suppressed', 'complained', 'complained'),
    ('', 'added', 'active', NULL),
    ('  ', 'added', 'active', NULL),
    (NULL, 'added', 'active', NULL),
    ('nonsense', 'held', 'suspended', 'unknown status: nonsense'),
    (repeat('nonsense', 100), 'held', 'suspended', 'unknown status: ' || left(repeat('nonsense', 100), 100)),
    ('2', 'unknown_status', 'suspended', 'without a vocabulary a number is no status: 2'),
    ('99', 'unknown_status', 'suspended', 'without a vocabulary a number is no status: 99');
INSERT INTO staging SELECT n, format('label%s@example.org', n), label FROM label;
DROP TABLE outcome;
CREATE TEMPORARY TABLE outcome AS SELECT * FROM contact_status.import_contacts('crm', 1, 1, 'staging');
SELECT is(concat_ws(', ', o.outcome, helper.status(o.email), o.reason), concat_ws(', ', l.outcome, l.status, l.reason),
    format('status "%s"', left(l.label, 30)))
FROM label AS l LEFT JOIN outcome AS o ON o.row_number = l.n ORDER BY n;
SELECT is_empty($$SELECT FROM outcome WHERE contact_id IS NULL$$, 'each status comes in as a contact');
-- a later import of the addresses alone makes nobody more mailable
CREATE TEMPORARY TABLE again AS SELECT email FROM staging;
SELECT contact_status.import_contacts('crm', 1, 1, 'again') \g /dev/null
SELECT is(helper.status(format('label%s@example.org', n)), status, format('"%s" stays so', left(label, 30)))
FROM label ORDER BY n;
SELECT * FROM helper.check_whole();

-- Words in a vocabulary, and codes. A row without a status is held: the vendor's export leaves none out.
CREATE TEMPORARY TABLE word (n int GENERATED ALWAYS AS IDENTITY, vocabulary text, word text, outcome text, status text);
INSERT INTO word (vocabulary, word, outcome, status) VALUES
    ('activecampaign', '0', 'added', 'unconfirmed'),
    ('activecampaign', '1', 'added', 'active'),
    ('activecampaign', '2', 'suppressed', 'unsubscribed'),
    ('activecampaign', '3', 'suppressed', 'hard_bounced'),
    ('activecampaign', '4', 'held', 'suspended'),
    ('ecomail', '1', 'added', 'active'),
    ('ecomail', '2', 'suppressed', 'unsubscribed'),
    ('ecomail', '4', 'suppressed', 'hard_bounced'),
    ('ecomail', '5', 'suppressed', 'complained'),
    ('ecomail', '6', 'added', 'unconfirmed'),
    ('ecomail', '3', 'held', 'suspended'),
    ('emailmanager', '2', 'added', 'suspended'),
    ('emailmanager', '6', 'suppressed', 'complained'),
    ('emailmanager', '7', 'suppressed', 'hard_bounced'),
    ('mailchimp', 'cleaned', 'suppressed', 'hard_bounced'),
    ('mailchimp', 'pending', 'added', 'unconfirmed'),
    ('mailchimp', 'archived', 'suppressed', 'deleted'),
    ('listmonk', 'blocklisted', 'suppressed', 'unsubscribed'),
    ('listmonk', 'disabled', 'added', 'suspended'),
    ('keila', 'unreachable', 'suppressed', 'hard_bounced'),
    ('keila', 'cleaned', 'held', 'suspended'),
    ('keila', 'complained', 'suppressed', 'complained'),
    ('keila', '', 'held', 'suspended'),
    ('keila', NULL, 'held', 'suspended');
SELECT is(o.outcome || ', ' || helper.status(o.email), w.outcome || ', ' || w.status,
    format('%s: "%s"', w.vocabulary, w.word))
FROM word w, LATERAL helper.import_one(w.n, w.word, w.vocabulary) o ORDER BY n;
CREATE TEMPORARY TABLE without_status (email text);
INSERT INTO without_status VALUES ('plain@example.org');
SELECT is((SELECT outcome FROM contact_status.import_contacts('crm', 1, 1, 'without_status', 'keila')), 'added',
    'a source without a column status, in a vocabulary');

-- A status that the policy has comes in as itself, and a new contact on a list without double opt-in is held if it is
-- unconfirmed in the source.
CREATE TEMPORARY TABLE own_state (n int, account bigint, status text, outcome text, becomes text);
INSERT INTO own_state VALUES
    (201, 3, 'failing', 'added', 'failing'), (202, 3, 'soft_bounced', 'added', 'soft_bounced'),
    (203, 2, 'failing', 'added', 'suspended'), (204, 2, 'unconfirmed', 'added', 'unconfirmed'),
    (205, 3, 'unconfirmed', 'added', 'suspended'), (206, 3, 'complained', 'refused', NULL);
SELECT is(concat_ws(', ', o.outcome, helper.status(o.email, s.account)), concat_ws(', ', s.outcome, s.becomes),
    format('%s in account %s', s.status, s.account))
FROM own_state s, LATERAL helper.import_one(s.n, s.status, NULL, s.account) o ORDER BY n;
SELECT is((SELECT outcome || ', ' || reason FROM helper.import_one(205, NULL, NULL, 3)), 'added, suspended',
    'unconfirmed without double opt-in: a later import adds it to the list, on hold');
SELECT is((SELECT outcome || ', ' || reason FROM helper.import_one(206, NULL, NULL, 3)), 'refused, complained',
    'complained under complained_insert refuse: the complaint is remembered');
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (3, 207, 'n207@example.org');
SELECT is((SELECT outcome || ', ' || reason FROM helper.import_one(207, 'unconfirmed', NULL, 3)),
    'refused, unconfirmed',
    'an existing contact that is unconfirmed in the source is not added to a list without double opt-in');

-- Opt-outs in the source of contacts that there are
TRUNCATE staging;
INSERT INTO crm.contact (contact_id, email) SELECT n, format('base%s@example.org', n)
    FROM generate_series(101, 106) AS n;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT n, l, 'added', '2025-06-01 09:00+00'
    FROM generate_series(101, 106) AS n, generate_series(1, 2) AS l;
INSERT INTO staging (email, status, occurred_at) VALUES ('base101@example.org', 'unsubscribed', NULL),
    ('BASE102@example.org', 'complained', '2025-01-01'), ('base103@example.org', 'hard bounce', '2025-06-02'),
    ('base104@example.org', 'odhlášené', '2020-01-01'), ('base105@example.org', 'active', '2025-06-02'),
    ('base106@example.org', '4 Suspenso', NULL);
SELECT is(helper.import(), 'suppressed suppressed suppressed suppressed already_subscribed already_subscribed',
    'opt-outs of contacts');
SELECT results_eq($$SELECT contact_id::int, list_id::int, status::text FROM crm.subscription
        WHERE contact_id BETWEEN 101 AND 106 ORDER BY 1, 2$$,
    $$VALUES (101, 1, 'unsubscribed'), (101, 2, 'active'), (102, 1, 'complained'), (102, 2, 'complained'),
        (103, 1, 'hard_bounced'), (103, 2, 'hard_bounced'), (104, 1, 'unsubscribed'), (104, 2, 'active'),
             (105, 1, 'active'), (105, 2, 'active'), (106, 1, 'suspended'), (106, 2, 'suspended')$$,
             'are recorded, whatever their date');

-- Duplicates: the most restrictive counts, wherever it stands.
TRUNCATE staging;
INSERT INTO staging (email, status) VALUES
    ('two@example.org', 'active'), ('TWO@example.org', 'unsubscribed'), ('three@example.org', NULL),
    ('three@example.org', 'active'), ('three@example.org', 'complained'), ('three@example.org', 'unsubscribed');
SELECT is(helper.import(), 'duplicate suppressed duplicate duplicate suppressed duplicate',
    'of several the most restrictive');
SELECT is(helper.status('two@example.org') || ', ' || helper.status('three@example.org'), 'unsubscribed, complained',
    'one contact each');

-- An id that another contact has: the reason is no status of the row
CREATE TEMPORARY TABLE conflicting (contact_id bigint, email text, status text);
INSERT INTO conflicting VALUES (1, 'id1@example.org', 'active'), (1, 'id2@example.org', 'unsubscribed'),
    (1, 'id3@example.org', NULL);
SELECT results_eq($$SELECT outcome, reason FROM contact_status.import_contacts('crm', 1, 1, 'conflicting')$$,
    $$SELECT 'refused', 'a trigger or a conflicting contact_id prevented the insert' FROM generate_series(1, 3)$$,
    'a conflicting id');

-- Evidence and times
TRUNCATE staging;
INSERT INTO staging (email, evidence, occurred_at) VALUES ('e1@example.org', 'a paper form', '2025-03-01 10:00+00'),
    ('e2@example.org', NULL, NULL), ('e3@example.org', NULL, now() + interval '1 day'),
    ('e4@example.org', NULL, 'infinity'), ('e5@example.org', NULL, '-infinity');
SELECT is(helper.import(), 'added added refused refused refused', 'dates ahead and for ever are refused');
SELECT results_eq($$SELECT e.evidence, e.occurred_at = '2025-03-01 10:00+00' FROM crm.event AS e JOIN crm.contact AS c
        USING (account_id, contact_id) WHERE c.email IN ('e1@example.org', 'e2@example.org') ORDER BY c.email$$,
    $$VALUES ('a paper form', true), (NULL, false)$$, 'evidence and time are kept');
TRUNCATE staging;
INSERT INTO staging (email, status, occurred_at) VALUES
    ('future@example.org', 'unsubscribed', now() + interval '1 day');
SELECT is(helper.import(), 'suppressed', 'an opt-out dated ahead is an opt-out of now');
SELECT is(helper.status('future@example.org'), 'unsubscribed', 'of a contact');
-- times as text, one of which is none
CREATE TEMPORARY TABLE texts (email text, occurred_at text);
INSERT INTO texts VALUES ('t1@example.org', '2025-03-01'), ('t2@example.org', 'last week'), ('t3@example.org', ''),
    ('t4@example.org', '05.11.2026'), ('t5@example.org', '2025-03-01T10:00:00.123Z'), ('t6@example.org', '11/05/2025'),
    ('t7@example.org', '2025-02-30'), ('t8@example.org', '2025-03-01 10:00:00+0100'), ('t9@example.org', 'yesterday');
CREATE TEMPORARY TABLE outcome_of_texts AS SELECT * FROM contact_status.import_contacts('crm', 1, 1, 'texts');

SELECT results_eq($$SELECT left(email, 2), outcome, reason IS NOT NULL FROM outcome_of_texts ORDER BY 1$$,
    $$VALUES ('t1', 'added', false), ('t2', 'refused', true), ('t3', 'refused', true), ('t4', 'refused', true),
             ('t5', 'added', false), ('t6', 'refused', true), ('t7', 'refused', true), ('t8', 'added', false),
             ('t9', 'refused', true)$$, 'times in text are ISO 8601 only');

-- Refused by the application's checks, not the others
ALTER TABLE crm.contact ADD COLUMN country text NOT NULL DEFAULT 'PT', ADD CONSTRAINT own_check CHECK (email !~ '^bad');
CREATE FUNCTION helper.no_good() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.email ~ '^raise' THEN RAISE EXCEPTION 'no such people here'; END IF;
    IF NEW.email ~ '^custom' THEN RAISE EXCEPTION 'no such people here' USING ERRCODE = 'MY001'; END IF;
    IF NEW.email ~ '^skip' THEN RETURN NULL; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER own BEFORE INSERT ON crm.contact FOR EACH ROW EXECUTE FUNCTION helper.no_good();
TRUNCATE staging;
INSERT INTO staging (email) VALUES ('f1@example.org'), ('bad1@example.org'), ('f2@example.org'), ('raise@example.org'),
    ('skip@example.org'), ('f3@example.org'), ('bad2@example.org');
SELECT is(helper.import(), 'added refused added refused refused added refused',
    'a row that the application refuses does not abort the others');
SELECT is((SELECT count(*) FROM crm.subscription JOIN crm.contact USING (account_id, contact_id)
        WHERE email ~ '^f[123]@'), 3::bigint, 'which are added');
SELECT is((SELECT count(*) FROM crm.event AS e LEFT JOIN crm.contact AS c USING (account_id, contact_id)
        WHERE c.contact_id IS NULL), 0::bigint, 'and nothing of the refused ones stays');
INSERT INTO staging (email) VALUES ('custom@example.org');
SELECT is(verdict, 'accepted', 'nor one refused with an SQLSTATE of its own') || CASE
    WHEN verdict <> 'accepted' THEN E'\n' || diag(said) ELSE '' END FROM helper.refusal($$SELECT helper.import()$$);
TRUNCATE staging;
INSERT INTO staging (email) SELECT CASE WHEN n % 700 = 0 THEN 'bad' ELSE 'many' END || n || '@example.org'
    FROM generate_series(1, 12000) AS n;
SELECT is((SELECT string_agg(format('%s %s', n, outcome), ', ' ORDER BY outcome) FROM (SELECT count(*) AS n, outcome
            FROM contact_status.import_contacts('crm', 1, 1, 'staging') GROUP BY 2) AS o),
    '11983 added, 17 refused', 'seventeen among twelve thousand');
DROP TRIGGER own ON crm.contact;

-- Every outcome but success has a reason; ids and columns of the application come from the source.
CREATE TEMPORARY TABLE given (email text, contact_id text, country text, created_at timestamptz, other int);
INSERT INTO given VALUES
    ('g1@example.org', '900001', 'DE', '2020-01-01 00:00+00', 1),
    ('g2@example.org', '900001', 'FR', '2020-01-02 00:00+00', 2),
    ('bad@example.org', '900003', 'DE', '2020-01-01 00:00+00', 3),
    ('g4@example.org', 'x17', 'PL', '2020-01-04 00:00+00', 4),
    ('g5@example.org', '900005', NULL, '2020-01-05 00:00+00', 5),
    ('f1@example.org', '900006', 'IT', '2020-01-05 00:00+00', 6);
CREATE TEMPORARY TABLE taken AS SELECT * FROM contact_status.import_contacts('crm', 1, 1, 'given');
SELECT results_eq($$SELECT t.email, t.outcome, (t.contact_id >= 900000) IS TRUE, c.country, c.created_at < '2021-01-01'
        FROM taken t LEFT JOIN crm.contact c ON c.account_id = 1 AND c.contact_id = t.contact_id ORDER BY row_number$$,
    $$VALUES ('g1@example.org', 'added', true, 'DE', true), ('g2@example.org', 'refused', false, NULL, NULL),
             ('bad@example.org', 'refused', false, NULL, NULL), ('g4@example.org', 'added', false, 'PL', true),
             ('g5@example.org', 'refused', false, NULL, NULL),
             ('f1@example.org', 'already_subscribed', false, 'PT', false)$$,
    'ids and columns of the source');
SELECT is_empty($$SELECT * FROM taken WHERE outcome = 'refused' AND reason IS NULL$$, 'every refused row has a reason');
SELECT ok(reason LIKE '%' || says || '%', format('%s: %s', t.email, reason)) FROM taken t JOIN (VALUES
    ('g2@example.org', 'contact_id'), ('bad@example.org', 'own_check'), ('g5@example.org', 'country')) e (email,
    says) USING (email);

-- Policies
TRUNCATE staging;
INSERT INTO staging (email) VALUES ('p1@example.org'), ('p2@example.org');
SELECT is(helper.import(1, 2), 'added added', 'by_list: added');
SELECT is(helper.status('p1@example.org', 2), 'unconfirmed', 'by_list: to a list with double opt-in, to be confirmed');
SELECT contact_status.suppress('crm', 3, 'p1@example.org', 'complained') \g /dev/null
SELECT is(helper.import(1, 3), 'refused added', 'complained_insert refuse: refused');
SELECT is(helper.status('p1@example.org', 3), NULL, 'and not there');
SELECT contact_status.suppress('crm', 1, 'p1@example.org', 'complained') \g /dev/null
SELECT is(helper.import(1, 1), 'suppressed added', 'complained_insert keep: suppressed');

-- Called wrongly
CREATE TEMPORARY TABLE nothing (address text);
SELECT helper.refused_helpfully(statement, expected, naming, description) FROM (VALUES
    ($$SELECT contact_status.import_contacts('crm', 1, 1, 'nothing')$$, '42703', 'email', 'no column email'),
    ($$SELECT contact_status.import_contacts('crm', 1, 77, 'staging')$$, '23503', '77', 'an unknown list'),
    ($$SELECT contact_status.import_contacts('crm', 77, 1, 'staging')$$, '23503', '77',
        'an unknown account')) AS wrong (statement, expected, naming, description);
CREATE VIEW public."Odd ""view" AS SELECT 'view@example.org'::text AS email;
SELECT is(helper.import(source => 'public."Odd ""view"'), 'added', 'from a view, with an odd name');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
