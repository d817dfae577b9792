-- differences: contacts that only the application would mail, or only we; export_status: everything, to leave.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm');
INSERT INTO crm.list (list_id) VALUES (2);
INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i) FROM generate_series(1, 9) i;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at)
    SELECT i, l, 'added', '2026-01-01' FROM generate_series(1, 8) i, generate_series(1, 2) l;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, source, reason) VALUES
    (2, 1, 'unsubscribed', '2026-02-01Z', 'link', NULL), (3, NULL, 'complained', '2026-02-01Z', 'fbl', 'abuse'),
    (4, NULL, 'nonexistent', '2026-02-01Z', NULL, NULL), (5, NULL, 'unsubscribed', '2026-02-01Z', NULL, NULL);
CREATE TABLE public.app (contact_id int, list_id int, email text);
INSERT INTO public.app SELECT i, l, format('C%s@example.org', i) FROM generate_series(1, 9) i, generate_series(1, 2) l;
CREATE FUNCTION helper.differences(query text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', mailed_by, list_id, contact_id, email, status, fact, kind), ', '
        ORDER BY mailed_by, contact_id, list_id, email), 'none') FROM contact_status.differences('crm', query)
$$;
SELECT is(helper.differences('SELECT contact_id, list_id FROM public.app'),
    'application 1 2 unsubscribed consent unsubscribed, application 1 3 complained complaint complained, '
    'application 2 3 complained complaint complained, application 1 4 hard_bounced address dead nonexistent, '
    'application 2 4 hard_bounced address dead nonexistent, '
    'application 1 5 unsubscribed account-wide opt-out unsubscribed, '
    'application 2 5 unsubscribed account-wide opt-out unsubscribed, '
    'application 1 9 no consent, application 2 9 no consent',
        'by list');
SELECT is(helper.differences('SELECT contact_id FROM public.app'),
    'application 3 complained complaint complained, application 4 hard_bounced address dead nonexistent, '
    'application 5 unsubscribed account-wide opt-out unsubscribed, application 9 no consent', 'on any list');
SELECT is(helper.differences($$SELECT email FROM public.app WHERE contact_id IN (1, 2) UNION ALL
    VALUES ('new@example.org'), (NULL)$$),
    'application new@example.org no such contact, application no such contact, contact_status 6 active consent added, '
    'contact_status 7 active consent added, contact_status 8 active consent added', 'by address, and ours');
SELECT is(helper.differences('SELECT contact_id, list_id FROM crm.mailable'), 'none', 'no difference');
SELECT is(helper.differences('SELECT 1 AS contact_id WHERE false'), 'contact_status 1 active consent added, '
    'contact_status 2 active consent added, contact_status 6 active consent added, '
    'contact_status 7 active consent added, '
    'contact_status 8 active consent added', 'an application that mails nobody');
SELECT helper.refused(format($$SELECT * FROM contact_status.differences('crm', %s)$$, query), state, query) FROM (VALUES
    ('NULL', '22004'), ($$'nonsense'$$, '42601'), ($$'SELECT ''x'' AS contact_id'$$, '22P02'), ($$'SELECT *
        FROM nosuch'$$, '42P01'),
    ($$'DELETE FROM crm.contact RETURNING contact_id'$$, '42601')) v (query, state);

-- export: of contacts, and of addresses without one
DELETE FROM crm.contact WHERE contact_id IN (2, 3, 4);
SELECT contact_status.suppress('crm', 1, 'gone@example.org', 'unsubscribed', occurred_at => '2026-03-01Z');
INSERT INTO crm.contact (contact_id, email) VALUES (20, 'erased@example.org');
SELECT contact_status.erase_contact('crm', 1, 20);
SELECT is((SELECT string_agg(concat_ws(' ', contact_id, list_id, status, consent, unsubscribed_at AT TIME ZONE 'UTC'),
    ', ' ORDER BY contact_id, list_id)
    FROM contact_status.export_status('crm') WHERE contact_id IN (1, 5, 9)), '1 1 active active, 1 2 active active, '
    '5 1 unsubscribed unsubscribed 2026-02-01 00:00:00, 5 2 unsubscribed unsubscribed 2026-02-01 00:00:00, '
    '9 unconfirmed', 'contacts and lists');
SELECT results_eq($$SELECT email, list_id::int, status::text, consent::text, consent_at, complained_at,
    hard_bounced_at, unsubscribed_at IS NOT NULL
    FROM contact_status.export_status('crm', 1,
        '{C2@example.org,c3@example.org,c4@example.org,gone@example.org,erased@example.org,c1@example.org,
        nobody@example.org,NULL,""}') WHERE contact_id IS NULL$$,
    $$VALUES ('C2@example.org', 1, 'unsubscribed', 'unsubscribed', timestamptz '2026-02-01Z', NULL::timestamptz,
        NULL::timestamptz, false),
        ('c3@example.org', NULL, 'complained', NULL, NULL, '2026-02-01Z', NULL, false),
        ('c4@example.org', NULL, 'hard_bounced', NULL, NULL, NULL, '2026-02-01Z', false),
        ('gone@example.org', NULL, 'unsubscribed', 'unsubscribed', NULL, NULL, NULL, true),
        ('erased@example.org', NULL, 'unsubscribed', 'unsubscribed', NULL, NULL, NULL, true)$$,
            'addresses without a contact');
SELECT is((SELECT count(*) FROM contact_status.export_status('crm', 7)), 0::bigint, 'another account');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify finds nothing');

-- the order in which everything is dropped
CREATE TABLE public.hook (id int PRIMARY KEY, contact int, at timestamptz);
SELECT contact_status.forward('crm', 'public.hook',
    '{"contact": {"column": "contact"}, "occurred_at": {"column": "at"}, "kinds": [["clicked"]]}');
SELECT throws_ok('DROP EXTENSION contact_status', '2BP01', NULL, 'not the extension first');
SELECT contact_status.unforward('crm', 'public.hook');
DROP SCHEMA crm CASCADE;
DROP SCHEMA helper CASCADE;
SELECT lives_ok('DROP EXTENSION contact_status', 'forwarding, the installation, the extension');
SELECT lives_ok($$INSERT INTO public.hook VALUES (1, 1, now())$$, 'the application works on');
SELECT * FROM finish();
ROLLBACK;
