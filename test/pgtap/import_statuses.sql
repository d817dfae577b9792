\i test/pgtap/setup.inc
-- A status leaves under each policy by label() and comes in under each other policy. Nobody becomes more mailable, and
-- nobody is declared dead or a complainer.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.account (account_id, policy)
SELECT 10 + row_number() OVER (ORDER BY name), name FROM crm.policy;
INSERT INTO crm.list (account_id, list_id) OVERRIDING SYSTEM VALUE SELECT account_id, 1 FROM crm.account
    WHERE account_id > 10;
-- a list with double opt-in in each account as well
INSERT INTO crm.list (account_id, list_id, double_opt_in) OVERRIDING SYSTEM VALUE
SELECT account_id, 2, true FROM crm.account WHERE account_id > 10;

-- every status that a policy has, in every vocabulary, to every account and list
CREATE TABLE helper.export AS
SELECT p.name AS policy, s.status, v.vocabulary, a.account_id, l.list_id, a.policy AS target,
       contact_status.label(s.status, v.vocabulary) AS label,
       format('%s.%s.%s.%s.%s@example.org', p.name, s.status, v.vocabulary, a.account_id, l.list_id) AS email
FROM crm.policy p
CROSS JOIN LATERAL (SELECT DISTINCT t.to_status AS status
                    FROM contact_status.transitions(p.name) t WHERE t.to_status IS NOT NULL) s
CROSS JOIN (SELECT DISTINCT vocabulary FROM contact_status.vocabulary_words()) v
JOIN crm.account a ON a.account_id > 10
JOIN crm.list l USING (account_id);
CREATE TABLE helper.result (LIKE helper.export, outcome text, reason text, becomes contact_status.contact_status);

CREATE FUNCTION helper.import_all() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target record;
BEGIN
    FOR target IN SELECT DISTINCT vocabulary, account_id, list_id FROM helper.export LOOP
        DROP TABLE IF EXISTS pg_temp.staging;
        CREATE TEMPORARY TABLE staging AS
            SELECT email, label AS status FROM helper.export e
            WHERE (e.vocabulary, e.account_id, e.list_id) = (target.vocabulary, target.account_id, target.list_id);
        DROP TABLE IF EXISTS pg_temp.outcomes;
        CREATE TEMPORARY TABLE outcomes AS
            SELECT * FROM contact_status.import_contacts('crm', target.account_id, target.list_id, 'pg_temp.staging',
                                                         target.vocabulary);
        INSERT INTO helper.result
        SELECT e.*, o.outcome, o.reason, c.status
        FROM pg_temp.outcomes o JOIN helper.export e USING (email)
        LEFT JOIN crm.contact c ON c.account_id = target.account_id AND c.contact_id = o.contact_id;
    END LOOP;
END
$$;
SELECT helper.import_all();

SELECT cmp_ok((SELECT count(becomes) FROM helper.result), '>', 2000::bigint, 'contacts came in');
SELECT is((SELECT count(*) FROM helper.result), (SELECT count(*) FROM helper.export), 'an outcome for each row');
SELECT cmp_ok((SELECT count(*) FROM helper.export), '>', 2000::bigint, 'a row for each combination');
SELECT is_empty($$SELECT email, outcome, becomes FROM helper.result
    WHERE contact_status.is_mailable(becomes) AND NOT contact_status.is_mailable(status)$$, 'nobody became mailable');
SELECT is_empty($$SELECT email, outcome, becomes FROM helper.result
    WHERE becomes = 'hard_bounced' AND status <> 'hard_bounced'$$, 'nobody was declared dead');
SELECT is_empty($$SELECT email, outcome, becomes FROM helper.result
    WHERE becomes = 'complained' AND status <> 'complained'$$, 'nobody was declared a complainer');
SELECT is_empty($$SELECT email, outcome, becomes FROM helper.result
    WHERE status = 'unsubscribed' AND label IS NOT NULL AND becomes <> 'unsubscribed'$$, 'every opt-out arrived');
SELECT is_empty($$SELECT email, outcome, becomes FROM helper.result WHERE contact_status.is_mailable(status)
    AND NOT contact_status.is_mailable(becomes) AND NOT (target = 'activecampaign' AND list_id = 2)$$,
    'each mailable contact stayed mailable, but where an import is to be confirmed');
SELECT is_empty($$SELECT email, outcome, reason FROM helper.result
    WHERE outcome NOT IN ('added', 'already_subscribed') AND reason IS NULL$$,
        'every outcome but success has a reason');
SELECT is_empty($$SELECT email, outcome FROM helper.result WHERE becomes IS NULL
    AND NOT (target = 'emailmanager' AND status = 'complained')$$, 'each came in as a contact');

-- A later import of the addresses alone changes nothing.
CREATE FUNCTION helper.import_again() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target record;
BEGIN
    FOR target IN SELECT DISTINCT account_id, list_id FROM helper.export LOOP
        DROP TABLE IF EXISTS pg_temp.staging;
        CREATE TEMPORARY TABLE staging AS
            SELECT email FROM helper.export e WHERE (e.account_id, e.list_id) = (target.account_id, target.list_id);
        PERFORM contact_status.import_contacts('crm', target.account_id, target.list_id, 'pg_temp.staging');
    END LOOP;
END
$$;
SELECT helper.import_again();
SELECT is_empty($$SELECT r.email, r.becomes, c.status FROM helper.result r JOIN crm.contact c USING (account_id, email)
    WHERE contact_status.is_mailable(c.status) AND NOT contact_status.is_mailable(r.becomes)$$,
    'a later import without a status makes nobody mailable');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
