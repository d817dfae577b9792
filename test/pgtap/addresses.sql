-- One rule says what an address is, for every entry: contacts, suppress, suppress_all, record_event and
-- import_contacts.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm');

-- Spellings of an address that complained: the same address, or none.
CREATE TABLE helper.spelling (n int GENERATED ALWAYS AS IDENTITY, spelling text, is_address boolean, name text);
INSERT INTO helper.spelling (spelling, is_address, name) VALUES
('%s', true, 'as it is'),
(E' \t%s\r\n', true, 'blanks around it'),
(E'\u00A0%s', true, 'a no-break space before it'),
(E'%s\u2003\u3000', true, 'an em space and an ideographic space after it'),
(E'\uFEFF%s', true, 'a byte order mark before it'),
(E'\u200B%s\u200D', true, 'zero-width characters around it'),
(E'\u202A%s\u202C', true, 'directional marks around it'),
(E'an\u00ADn%s', false, 'a soft hyphen inside'),
(E'an\u200Bn%s', false, 'a zero-width space inside'),
(E'an\u00A0n%s', false, 'a no-break space inside'),
(E'\u200E%s\u00AD', false, 'a soft hyphen after it'),
('<%s>', false, 'in angle brackets'),
('Ann <%s>', false, 'with a name'),
('"%s"', false, 'in quotation marks'),
('mailto:%s', false, 'with a scheme'),
('%s;', false, 'a semicolon after it'),
('%s,', false, 'a comma after it'),
('%s.', false, 'a full stop after it'),
('%s %s', false, 'twice'),
('%s@', false, 'a second @'),
('*@example.org', false, 'every address of a domain'),
('garbage', false, 'no @'),
('@example.org', false, 'nothing before the @'),
('ann@', false, 'nothing after the @'),
('', false, 'nothing'),
(' ', false, 'a blank'),
(E'ann@example\uFF0Eorg', false, 'a full-width full stop'),
(E'ann@\uFF45\uFF58\uFF41\uFF4D\uFF50\uFF4C\uFF45.org', false, 'a full-width domain'),
(E'an\u0001n@example.org', false, 'a control character'),
(repeat('a', 65) || '@example.org', false, '65 octets before the @'),
('ann@' || repeat('a', 251), false, '255 octets');
UPDATE helper.spelling SET spelling = replace(spelling, '%s', 'Ann@Example.org');
SELECT contact_status.suppress('crm', 1, 'ann@example.org', 'complained') \g /dev/null

SELECT is(CASE WHEN _contact_status.is_address(spelling) THEN contact_status.normalize_address(spelling) END,
          CASE WHEN is_address THEN 'ann@example.org' END, 'normalize_address: ' || name)
          FROM helper.spelling ORDER BY n;
SELECT ok(_contact_status.is_address(a), 'an address: ' || a)
    FROM unnest(ARRAY['a@b', E'\u0161t\u011Bp\u00E1n@p\u0159\u00EDklad.cz',
    E'\u7528\u6237@\u4F8B\u5B50.\u5E7F\u544A', E'o''brien+x=y@sub.example.org', 'ann@[192.0.2.1]',
    repeat('a', 64) || '@example.org',
    'ann@' || repeat('a', 250)]) AS a;

INSERT INTO crm.contact (contact_id, email) VALUES (100, 'other@example.org');
CREATE FUNCTION helper.entry(spelling text, OUT entry text, OUT verdict text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT e.entry, r.verdict
      FROM (VALUES ('INSERT INTO contact', format('INSERT INTO crm.contact (email) VALUES (%L)', spelling)),
                   ('UPDATE contact', format('UPDATE crm.contact SET email = %L WHERE contact_id = 100', spelling)),
                   ('suppress', format('SELECT contact_status.suppress(''crm'', 1, %L, ''complained'')', spelling)),
                   ('record_event',
                       format('SELECT contact_status.record_event(''crm'', %L, ''complained'')', spelling))) AS e (
                       entry, statement),
           helper.refusal(e.statement) AS r
$$;
SELECT is(e.verdict, CASE WHEN is_address THEN 'accepted' ELSE '23514 contact_status_address' END,
    e.entry || ': ' || name)
  FROM helper.spelling, helper.entry(spelling) AS e ORDER BY n, e.entry;
SELECT helper.refused_helpfully(statement, '23514 contact_status_address', naming, description) FROM (VALUES
    ($$INSERT INTO crm.contact (contact_id, email) VALUES (77, 'garbage')$$, 'contact 77',
        'the message names the contact'),
    ($$SELECT contact_status.suppress('crm', 1, NULL, 'complained')$$, '', 'suppress: null'),
    ($$SELECT contact_status.record_event('crm', NULL, 'complained')$$, '', 'record_event: null')) AS wrong (statement,
    naming, description);

SELECT results_eq($$SELECT email, outcome FROM contact_status.suppress_all('crm', 1,
            (SELECT array_agg(spelling ORDER BY n) FROM helper.spelling), 'complained')$$,
    $$SELECT spelling, CASE WHEN n = 1 THEN 'suppressed' WHEN is_address THEN 'duplicate' ELSE 'invalid_address' END
        FROM helper.spelling ORDER BY n$$,
    'suppress_all: an outcome for each spelling');

-- Imported, each alone: a spelling of the address is suppressed, anything else refused.
CREATE TEMPORARY TABLE staging (email text);
CREATE FUNCTION helper.import_one(spelling text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE staging;
    INSERT INTO staging VALUES (spelling);
    RETURN (SELECT outcome FROM contact_status.import_contacts('crm', 1, 1, 'staging'));
END $$;
SELECT is(helper.import_one(spelling), CASE WHEN is_address THEN 'suppressed' ELSE 'invalid_address' END,
    'import_contacts: ' || name) FROM helper.spelling ORDER BY n;
SELECT is_empty($$SELECT email FROM crm.mailable$$, 'none of them may be mailed');
SELECT is(helper.import_one(E'\u00A0Bob@Example.org\uFEFF'), 'added', 'import_contacts: a new address');
SELECT is((SELECT email FROM crm.contact WHERE contact_status.normalize_address(email) = 'bob@example.org'),
    'Bob@Example.org', 'is stored without the characters around it');

-- The index of addresses does not depend on collations of the C library.
SELECT is((SELECT array_agg(c.collname::text) FROM pg_index i, unnest(i.indcollation::oid[]) AS o
        JOIN pg_collation c ON c.oid = o
            WHERE i.indexrelid = 'crm.contact_address'::regclass), '{C}',
                'the unique index of addresses has collation "C"');
SET LOCAL enable_seqscan = off;
CREATE FUNCTION helper.plan_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP plan := plan || line || E'\n'; END LOOP;
    RETURN plan;
END $$;
SELECT alike(helper.plan_of($$SELECT FROM crm.contact
            WHERE account_id = 1 AND contact_status.normalize_address(email) = 'ann@example.org' COLLATE "C"$$),
    '%contact_address%', 'a query with that collation uses it');

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
