\i test/pgtap/setup.inc
-- Each source has a suppression of its own: a later one of another source overwrites nothing, and a retraction takes
-- only what it names.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm');
INSERT INTO crm.list (list_id) VALUES (2);

CREATE PROCEDURE helper.import(i bigint, address text) LANGUAGE sql AS $$
    INSERT INTO crm.contact (contact_id, email) VALUES (i, address);
    INSERT INTO crm.event (contact_id, list_id, kind) VALUES (i, 1, 'added');
$$;
CREATE FUNCTION helper.status(i bigint) RETURNS text LANGUAGE sql AS $$
    SELECT status::text FROM crm.contact WHERE contact_id = i
$$;

-- facts that exist before a wrong file has the same addresses
CALL helper.import(1, 'optout@example.org');
CALL helper.import(2, 'erased@example.org');
CALL helper.import(3, 'complaint@example.org');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
    (1, 'unsubscribed', '2025-06-01'), (3, 'complained', '2025-06-01');
DELETE FROM crm.contact WHERE contact_id IN (1, 3);
SELECT contact_status.erase_contact('crm', 1, 2) \g /dev/null
SELECT contact_status.suppress('crm', 1, email, 'unsubscribed', occurred_at => '2025-06-01', source => 'letter')
FROM unnest('{letter@example.org,both@example.org,moved@example.org,returned@example.org}'::text[]) email \g /dev/null
SELECT contact_status.suppress('crm', 1, 'earlier@example.org', 'unsubscribed', occurred_at => '2025-07-01',
    source => 'file 7') \g /dev/null
SELECT contact_status.suppress('crm', 1, 'earlier@example.org', 'unsubscribed', occurred_at => '2025-06-01',
    source => 'letter') \g /dev/null

SELECT contact_status.suppress_all('crm', 1, ARRAY['optout@example.org', 'erased@example.org', 'letter@example.org',
    'both@example.org', 'moved@example.org', 'returned@example.org', 'wrong@example.org'], 'unsubscribed',
    source => 'file 7') \g /dev/null
SELECT contact_status.suppress('crm', 1, 'complaint@example.org', 'complained', source => 'file 7') \g /dev/null

-- contacts that take an address before the retraction: one stays, one moves away, one is deleted
CALL helper.import(14, 'both@example.org');
CALL helper.import(15, 'other@example.org');
UPDATE crm.contact SET email = 'moved@example.org' WHERE contact_id = 15;
CALL helper.import(16, 'returned@example.org');
DELETE FROM crm.contact WHERE contact_id = 16;
SELECT is((SELECT array_agg(reason ORDER BY reason) FROM crm.event WHERE contact_id = 14 AND source = 'suppression'),
    '{source file 7,source letter}', 'the contact receives the suppression of each source');
SELECT * FROM helper.check_whole();

SELECT * FROM contact_status.retract_suppressions('crm', 'the file of another sender', source => 'file 7') \gset
CALL helper.import(21, 'optout@example.org');
CALL helper.import(22, 'erased@example.org');
CALL helper.import(23, 'complaint@example.org');
CALL helper.import(24, 'letter@example.org');
CALL helper.import(25, 'wrong@example.org');
CALL helper.import(26, 'returned@example.org');
CALL helper.import(27, 'earlier@example.org');
SELECT is(helper.status(c), expected, label)
FROM (VALUES (14, 'unsubscribed', 'the letter holds of a contact that received both'),
    (15, 'unsubscribed', 'and of one that took the address by an update'),
    (21, 'unsubscribed', 'the opt-out of a deleted contact holds'), (22, 'unsubscribed', 'the erasure holds'),
    (23, 'complained', 'the complaint of a deleted contact holds'), (24, 'unsubscribed', 'the letter holds'),
    (25, 'active', 'only the file is retracted'), (26, 'unsubscribed', 'the letter holds after a contact was deleted'),
    (27, 'unsubscribed', 'an earlier letter holds that came after the file')) v (c, expected, label);
SELECT * FROM helper.check_whole();
SELECT contact_status.undo_retraction('crm', :retraction_id) \g /dev/null
SELECT is(helper.status(25), 'unsubscribed', 'undone, the file counts for a contact that took its address meanwhile');
SELECT * FROM helper.check_whole();

-- an erasure: only a confirmed sign-up lifts it, also after another opt-out of the address
CALL helper.import(31, 'gone@example.org');
CALL helper.import(32, 'gone2@example.org');
CALL helper.import(33, 'gone3@example.org');
UPDATE crm.contact SET email = 'gone4@example.org' WHERE contact_id = 33;
SELECT contact_status.erase_contact('crm', 1, c) FROM generate_series(31, 32) c \g /dev/null
SELECT contact_status.suppress('crm', 1, 'gone@example.org', 'unsubscribed') \g /dev/null
SELECT contact_status.record_event('crm', 'gone2@example.org', 'unsubscribed', list_id => 1) \g /dev/null
CALL helper.import(34, 'gone@example.org');
CALL helper.import(35, 'gone2@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, evidence)
SELECT c, 1, 'resubscribed', 'form' FROM generate_series(34, 35) c;
SELECT is(helper.status(c), 'unsubscribed', 'erased, then another opt-out: ' || c)
FROM generate_series(34, 35) c;
-- another contact has a former address of the erased one: the erasure does not concern it, and is not lost with it
CALL helper.import(36, 'gone3@example.org');
SELECT contact_status.erase_contact('crm', 1, 33) \g /dev/null
SELECT is(helper.status(36), 'active', 'a contact that has a former address of an erased one');
DELETE FROM crm.contact WHERE contact_id = 36;
CALL helper.import(37, 'gone3@example.org');
SELECT is(helper.status(37), 'unsubscribed', 'the erasure holds for the next contact with the address');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (37, 1, 'signed_up', clock_timestamp());
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (37, 1, 'confirmed', clock_timestamp());
SELECT is(helper.status(37), 'active', 'a confirmed sign-up lifts it');
DELETE FROM crm.contact WHERE contact_id = 37;
SELECT is((SELECT count(*) FROM crm.suppression WHERE source = 'erasure' AND contact_id IS NULL
        AND address_digest IN (SELECT address_digest FROM crm.deleted_contact WHERE contact_id = 37)),
    0::bigint, 'which is lifted is gone with its contact');
SELECT * FROM helper.check_whole();

-- a contact with the same opt-outs that begins again and again adds nothing
SELECT count(*) AS before FROM crm.suppression \gset
DO $$ BEGIN
    FOR c IN 41 .. 44 LOOP
        DELETE FROM crm.contact WHERE email = 'letter@example.org';
        CALL helper.import(c, 'letter@example.org');
        DELETE FROM crm.contact WHERE contact_id = c;
    END LOOP;
END $$;
SELECT is((SELECT count(*) FROM crm.suppression), :before::bigint, 'no suppressions are added');

-- an opt-out of a list is judged by the settings of its time
UPDATE crm.account SET policy = 'emailmanager';
SELECT contact_status.record_event('crm', 'scope1@example.org', 'unsubscribed', list_id => 1) FROM generate_series(1, 2)
    \g /dev/null
SELECT contact_status.suppress('crm', 1, 'scope2@example.org', 'unsubscribed', 1) \g /dev/null
SELECT contact_status.suppress_all('crm', 1, '{scope3@example.org}', 'unsubscribed', 1) \g /dev/null
UPDATE crm.account SET policy = 'default';
INSERT INTO crm.contact (contact_id, email)
SELECT 50 + n, format('scope%s@example.org', n) FROM generate_series(1, 3) n;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT 50 + n, 2, 'added' FROM generate_series(1, 3) n;
SELECT is(helper.status(50 + n), 'unsubscribed', 'account-wide by the policy of its time: ' || n)
FROM generate_series(1, 3) n;
SELECT * FROM helper.check_whole();

-- emails: the address that was suppressed, not the one that the contact has now
SELECT contact_status.suppress_all('crm', 1,
    '{m1@example.org,m2@example.org,m3@example.org,m4@example.org}', 'unsubscribed', source => 'file 8') \g /dev/null
CALL helper.import(61, 'm1@example.org');
UPDATE crm.contact SET email = 'm1.new@example.org' WHERE contact_id = 61;
CALL helper.import(62, 'n2@example.org');
UPDATE crm.contact SET email = 'm2@example.org' WHERE contact_id = 62;
UPDATE crm.contact SET email = 'n2@example.org' WHERE contact_id = 62;
CALL helper.import(63, 'm3@example.org');
UPDATE crm.contact SET email = 'm3.new@example.org' WHERE contact_id = 63;
DELETE FROM crm.contact WHERE contact_id = 63;
CALL helper.import(64, 'm4@example.org');
DELETE FROM crm.contact WHERE contact_id = 64;
CALL helper.import(64, 'm4.new@example.org');
SELECT is((SELECT concat_ws(' ', suppressions, events) FROM contact_status.retract_suppressions('crm', 'x', emails =>
    '{m1.new@example.org,n2@example.org,m3.new@example.org,m4.new@example.org}')), '0 0',
    'present addresses, of which none was suppressed');
SELECT is((SELECT concat_ws(' ', suppressions, events) FROM contact_status.retract_suppressions('crm', 'x', emails =>
    '{M1@example.org,m2@example.org,m3@example.org,m4@example.org}')), '4 4', 'former addresses that were suppressed');
SELECT is(helper.status(c), 'active', 'retracted of the contact that has moved: ' || c)
FROM unnest('{61,62,64}'::int[]) c;
CALL helper.import(65, 'm3@example.org');
CALL helper.import(66, 'm4@example.org');
SELECT is(helper.status(c), 'active', 'and of the address: ' || c) FROM generate_series(65, 66) c;
SELECT * FROM helper.check_whole();

-- sources that the extension itself writes
SELECT throws_ok(format(call, source), '22023', NULL::text, format(call, source))
FROM unnest('{contact,erasure,suppression}'::text[]) source,
    unnest(ARRAY['SELECT contact_status.suppress(''crm'', 1, ''r@example.org'', ''complained'', source => %L)',
        'SELECT contact_status.suppress(''crm'', 1, ''both@example.org'', ''complained'', source => %L)',
        'SELECT contact_status.suppress_all(''crm'', 1, ''{}'', ''complained'', source => %L)',
        'SELECT contact_status.record_event(''crm'', ''r@example.org'', ''complained'', source => %L)']) call;
SELECT lives_ok($$SELECT contact_status.suppress('crm', 1, 'r@example.org', 'complained', source => NULL)$$,
    'no source at all');

-- a tenant: row-level security changes nothing
INSERT INTO crm.account (account_id) VALUES (2);
INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE VALUES (2, 1);
SELECT contact_status.enable_tenant_security('crm', 'app.account_id') \g /dev/null
CREATE ROLE sources_tenant;
GRANT USAGE ON SCHEMA crm TO sources_tenant;
GRANT ALL ON ALL TABLES IN SCHEMA crm TO sources_tenant;
REVOKE ALL ON crm.address_key FROM sources_tenant;
GRANT ALL ON ALL SEQUENCES IN SCHEMA crm TO sources_tenant;
SET app.account_id = 2;
SET ROLE sources_tenant;
SELECT contact_status.suppress('crm', 2, 'a@example.org', 'complained', source => 'f') \g /dev/null
SELECT retraction_id FROM contact_status.retract_suppressions('crm', 'x', 2, source => 'f') \gset
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 1, 'a@example.org');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (2, 1, 1, 'added');
SELECT contact_status.undo_retraction('crm', :retraction_id, 2) \g /dev/null
SELECT status AS tenant_status FROM crm.contact \gset
RESET ROLE;
SELECT is(:'tenant_status'::text, 'complained', 'undone by a tenant, the suppression applies to the contact');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
