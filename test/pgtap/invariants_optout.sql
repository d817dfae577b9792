\i test/pgtap/setup.inc
-- Opt-outs and complaints are for good: what may befall a contact without its becoming mailable again.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

-- {a} is the account, {c} the contact, {l} list l1 (opted out of), {d} list l3, {p} the name of a policy to change to.
CREATE TABLE helper.attempt (nr int GENERATED ALWAYS AS IDENTITY, name text, statement text);
INSERT INTO helper.attempt (name, statement) VALUES
('an import', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, source) VALUES
        ({a}, {c}, {l}, 'added', 'import')$$),
('an import in the same breath as a removal',
    $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
    ({a}, {c}, {l}, 'removed', now() - interval '3 hours'), ({a}, {c}, {l}, 'added', now() - interval '2 hours')$$),
('a late import', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
        ({a}, {c}, {l}, 'added', '2001-01-01')$$),
('a late sign-up and confirmation', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
    ({a}, {c}, {l}, 'signed_up', '2001-01-01'), ({a}, {c}, {l}, 'confirmed', '2001-01-02')$$),
('a sign-up not confirmed',
    $$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES ({a}, {c}, {l}, 'signed_up')$$),
('a confirmation of nothing',
    $$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES ({a}, {c}, {l}, 'confirmed')$$),
('the link of a sign-up before the opt-out', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, event_key)
        VALUES ({a}, {c}, {l}, 'confirmed', 'old')$$),
('a confirmation by hand of nothing', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, source, evidence)
        VALUES ({a}, {c}, {l}, 'confirmed', 'manual', 'letter')$$),
('deletion and restore', $$INSERT INTO crm.event (account_id, contact_id, kind, occurred_at) VALUES
    ({a}, {c}, 'deleted', now() - interval '3 hours'), ({a}, {c}, 'restored', now() - interval '2 hours')$$),
('deletion, restore and import', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
    ({a}, {c}, NULL, 'deleted', now() - interval '3 hours'), ({a}, {c}, NULL, 'restored', now() - interval '2 hours'),
    ({a}, {c}, {l}, 'added', now() - interval '1 hour')$$),
('deletion and sign-up', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
    ({a}, {c}, NULL, 'deleted', now() - interval '3 hours'), ({a}, {c}, {l}, 'signed_up', now() - interval '2 hours'),
    ({a}, {c}, {l}, 'added', now() - interval '1 hour')$$),
('a late restore',
    $$INSERT INTO crm.event (account_id, contact_id, kind, occurred_at) VALUES ({a}, {c}, 'restored', '2001-01-01')$$),
('a hold that ends', $$INSERT INTO crm.event (account_id, contact_id, kind, occurred_at, until) VALUES
    ({a}, {c}, 'suspended', now() - interval '3 hours', now() - interval '2 hours')$$),
('released, validated, delivered, opened, clicked, visited', $$INSERT INTO crm.event (account_id, contact_id, kind)
    SELECT {a}, {c}, kind
    FROM unnest('{released,validated,delivered,opened,clicked,visited}'::contact_status.event_kind[]) AS kind$$),
('an upsert of the contact',
    $$INSERT INTO crm.contact (account_id, contact_id, email) VALUES ({a}, {c}, 'upsert{c}@example.org')
    ON CONFLICT (account_id, contact_id) DO UPDATE SET email = excluded.email$$),
('an upsert of the status',
    $$INSERT INTO crm.contact (account_id, contact_id, email) VALUES ({a}, {c}, 'upsert{c}@example.org')
    ON CONFLICT (account_id, contact_id) DO UPDATE SET status = 'active'$$),
('an update of the status', $$UPDATE crm.contact SET status = 'active' WHERE account_id = {a} AND contact_id = {c}$$),
('an update of the subscription',
    $$UPDATE crm.subscription SET status = 'active', consent = 'active' WHERE account_id = {a} AND contact_id = {c}$$),
('a delete of the subscription, and an import',
    $$WITH gone AS (DELETE FROM crm.subscription WHERE account_id = {a} AND contact_id = {c} RETURNING 1)
    INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT {a}, {c}, {l}, 'added' FROM gone$$),
('a delete of the log, reevaluated',
    $$DO 'BEGIN DELETE FROM crm.event WHERE contact_id = {c}; PERFORM contact_status.reevaluate(''crm''); END'$$),
('the list deleted, made again and imported', $$DO 'BEGIN
    DELETE FROM crm.list WHERE account_id = {a} AND list_id = {l};
    INSERT INTO crm.list (account_id, list_id, name) OVERRIDING SYSTEM VALUE VALUES ({a}, {l}, ''again'');
    INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES ({a}, {c}, {l}, ''added''); END'$$),
('another policy', $$UPDATE crm.account SET policy = '{p}' WHERE account_id = {a}$$),
('another policy, reevaluated', $$DO 'BEGIN UPDATE crm.account SET policy = ''{p}'' WHERE account_id = {a};
            PERFORM contact_status.reevaluate(''crm''); END'$$),
('another policy, reevaluated, and an import', $$DO 'BEGIN UPDATE crm.account SET policy = ''{p}''
            WHERE account_id = {a}; PERFORM contact_status.reevaluate(''crm'');
    INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES ({a}, {c}, {l}, ''added''); END'$$),
('reevaluate, repair and sweep', $$DO 'BEGIN PERFORM contact_status.reevaluate(''crm''), contact_status.sweep(''crm'');
            PERFORM contact_status.repair(''crm''); END'$$);

-- Of a complaint besides.
CREATE TABLE helper.complaint_attempt (LIKE helper.attempt INCLUDING ALL);
INSERT INTO helper.complaint_attempt (name, statement) SELECT name, statement FROM helper.attempt ORDER BY nr;
INSERT INTO helper.complaint_attempt (name, statement) VALUES
('resubscribed with evidence', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, evidence) VALUES
        ({a}, {c}, {l}, 'resubscribed', 'on the phone')$$),
('resubscribed on another list', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, evidence) VALUES
        ({a}, {c}, {d}, 'resubscribed', 'on the phone')$$),
('an import to another list',
    $$INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES ({a}, {c}, {d}, 'added')$$),
('a request confirmed', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
    ({a}, {c}, {l}, 'signed_up', now() - interval '2 hours'),
    ({a}, {c}, {l}, 'confirmed', now() - interval '1 hour')$$);

-- Tries one, and tells which lists of the contact are mailable then. Nothing of it stays.
CREATE FUNCTION helper.attempted(a helper.account, contact bigint, statement text, other_policy text, lists text[])
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    mailable text;
    state text;
BEGIN
    statement := replace(replace(replace(replace(replace(statement, '{a}', a.account_id::text), '{c}', contact::text),
        '{l}', helper.list(a, 'l1')::text), '{d}', helper.list(a, 'l3')::text), '{p}', other_policy);
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        state := SQLSTATE;
        IF state !~ '^(23|0A)' THEN   -- a refusal is as good, an error is not
            RAISE EXCEPTION USING ERRCODE = 'HE001', MESSAGE = concat_ws(' ', state, SQLERRM);
        END IF;
    END;
    SELECT coalesce(string_agg(l, ', ' ORDER BY l), 'none') INTO mailable FROM unnest(lists) AS l
    WHERE EXISTS (SELECT FROM crm.mailable AS m
                  WHERE m.account_id = a.account_id AND m.contact_id = contact AND m.list_id = helper.list(a, l));
    RAISE EXCEPTION USING ERRCODE = 'HE001', MESSAGE = mailable;
EXCEPTION WHEN SQLSTATE 'HE001' THEN
    RETURN SQLERRM;
END $$;

SELECT is(helper.attempted(a, contact, statement, other, '{l1}'), 'none',
    format('opted out under %s, then %s: not mailable', policy, name))
FROM (SELECT p.policy, CASE p.policy WHEN 'emailmanager' THEN 'activecampaign' WHEN 'activecampaign' THEN 'emailmanager'
        WHEN 'default' THEN 'ecomail' ELSE 'default' END AS other,
        a, helper.play(a, 'signed_up l1 key=old, confirmed l1 key=old, unsubscribed l1') AS contact
      FROM unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS p (policy),
          helper.account(p.policy) AS a) AS story, helper.attempt
ORDER BY policy, nr;
SELECT is(helper.attempted(a, contact, statement, other, '{l1,l2,l3}'), 'none',
    format('complained under %s, then %s: not mailable', policy, name))
FROM (SELECT p.policy, CASE p.policy WHEN 'emailmanager' THEN 'activecampaign' WHEN 'activecampaign' THEN 'emailmanager'
        WHEN 'default' THEN 'ecomail' ELSE 'default' END AS other,
        a, helper.play(a, 'signed_up l1 key=old, confirmed l1 key=old, complained') AS contact
      FROM unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS p (policy),
          helper.account(p.policy) AS a) AS story, helper.complaint_attempt
ORDER BY policy, nr;

-- The two ways back, so that the tests above are known to see one.
SELECT is(helper.attempted(a, helper.play(a, 'added l1, unsubscribed l1'), statement, 'default', '{l1}'), 'l1', name)
FROM helper.account('ecomail') AS a, (VALUES
    ('resubscribed with evidence', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, evidence) VALUES
            ({a}, {c}, {l}, 'resubscribed', 'on the phone')$$),
    ('a request confirmed', $$INSERT INTO crm.event (account_id, contact_id, list_id, kind, occurred_at) VALUES
        ({a}, {c}, {l}, 'signed_up', now() - interval '2 hours'),
        ({a}, {c}, {l}, 'confirmed', now() - interval '1 hour')$$)) AS back (name, statement);

-- An import never raises consent: from every consent there is, on every kind of list.
INSERT INTO helper.rule (name, policies, events, expected)
SELECT format('%s, then imported', name), '*', format('%s, added %s source=import', events, list),
    format(expected, list)
FROM (VALUES ('signed up', 'signed_up l2', 'l2', 'unconfirmed (%1$s unconfirmed)'),
    ('opted out', 'added l1, unsubscribed l1', 'l1', 'unsubscribed (%1$s unsubscribed)'),
    ('opted out, double opt-in', 'added l2, unsubscribed l2', 'l2', 'unsubscribed (%1$s unsubscribed)'),
    ('opted out, without double opt-in', 'added l3, unsubscribed l3', 'l3', 'unsubscribed (%1$s unsubscribed)'),
    ('opted out account-wide', 'added l3, unsubscribed', 'l3', 'unsubscribed (%1$s unsubscribed)'),
    ('opted out before', 'unsubscribed', 'l3', 'unsubscribed (%1$s unsubscribed)'),
    ('a request pending', 'added l3, unsubscribed l3, signed_up l3', 'l3',
        'unsubscribed (%1$s unsubscribed)')) AS story (name, events, list, expected);
SELECT * FROM helper.check_rules();

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
