\i test/pgtap/setup.inc
-- Policies of one's own: what an INSERT does not name is as in `default`, copies, and settings that contradict each
-- other.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

-- Defaults and copies -------------------------------------------------------------------------------------------------

SELECT is_empty('SELECT * FROM contact_status.policy_problems(''crm'')', 'the shipped policies have no problems');
INSERT INTO crm.policy (name) VALUES ('plain');
SELECT is((SELECT to_jsonb(p) - 'name' FROM crm.policy AS p WHERE name = 'plain'),
    to_jsonb(contact_status.policy('default')) - 'name',
    'each column that an INSERT does not name is as in policy default');
INSERT INTO crm.policy (name, soft_bounce_limit) VALUES ('patient', 9);
SELECT is((SELECT to_jsonb(p) - 'name' FROM crm.policy AS p WHERE name = 'patient'),
    to_jsonb(contact_status.policy('default')) - 'name' || '{"soft_bounce_limit": 9}',
    'and each column that it names as it says');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'patient');
INSERT INTO crm.list (account_id, list_id) VALUES (2, 1);
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 1, 'a@example.org');
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (2, 1, 1, 'added'), (2, 1, NULL, 'hard_bounced');
SELECT is((SELECT status::text FROM crm.contact WHERE account_id = 2), 'hard_bounced',
    'a refused address is dead under a policy of one''s own');

SELECT contact_status.copy_policy('crm', name, 'copy of ' || name)
    FROM (SELECT name FROM crm.policy) AS p (name) \g /dev/null
SELECT is((SELECT to_jsonb(c) - 'name' FROM crm.policy AS c WHERE c.name = 'copy of ' || p.name), to_jsonb(p) - 'name',
    p.name || ': a copy has the same settings')
FROM crm.policy AS p WHERE p.name !~ '^copy of ' ORDER BY p.name;
SELECT lives_ok($$UPDATE crm.policy SET soft_bounce_limit = 8 WHERE name = 'copy of ecomail';
        UPDATE crm.account SET policy = 'copy of ecomail' WHERE account_id = 2$$,
    'a copy can be changed and assigned');
SELECT is((SELECT soft_bounce_limit FROM crm.policy WHERE name = 'ecomail'), 10,
    'the policy that it was copied from stays');
SELECT helper.refused_helpfully(statement, expected, naming, statement) FROM (VALUES
    ($$SELECT contact_status.copy_policy('crm', 'nosuch', 'mine')$$, '23503', 'nosuch'),
    ($$SELECT contact_status.copy_policy('crm', 'nosuch', 'ecomail')$$, '23503', 'nosuch'),
    ($$SELECT contact_status.copy_policy('crm', 'ecomail', 'plain')$$, '23505', 'plain'),
    ($$SELECT contact_status.copy_policy('crm', 'ecomail', 'ecomail')$$, '23505', 'ecomail'),
    ($$SELECT contact_status.copy_policy('crm', NULL, 'mine')$$, '22004', 'two policies'),
    ($$SELECT contact_status.copy_policy('crm', 'ecomail', NULL)$$, '22004', 'two policies'),
    ($$SELECT contact_status.copy_policy('nowhere', 'ecomail', 'mine')$$, '42P01', 'nowhere'),
    ($$SELECT contact_status.policy_problems('nowhere')$$, '42P01', 'nowhere')) AS wrong (statement, expected, naming);
SELECT is_empty('SELECT * FROM contact_status.policy_problems(''crm'')',
    'nor have copies of them, nor policies of defaults');

-- Problems: settings (the rest as in a shipped policy), and which settings are named. Nothing: no problem. ------------

CREATE TABLE helper.problem (nr int GENERATED ALWAYS AS IDENTITY, like_policy text, settings jsonb, named text);
INSERT INTO helper.problem (like_policy, settings, named) VALUES
('default', '{"soft_bounce_limit": 1}', ''),
('default', '{"soft_bounce_limit": null}', 
    'soft_bounces_per_campaign,soft_bounce_limit soft_bounce_outcome,soft_bounce_limit '
    'soft_bounce_memory,soft_bounce_limit,hard_bounce_limit'),
('salesmanago', '{"soft_bounces_per_campaign": 2}', 'soft_bounces_per_campaign,soft_bounce_limit'),
('salesmanago', '{"soft_bounces_per_campaign": 2, "soft_bounce_window": "1 day"}',
    'soft_bounces_per_campaign,soft_bounce_limit soft_bounce_window,soft_bounce_limit'),
('ecomail', '{"soft_bounces_per_campaign": null}', 'soft_bounce_window,soft_bounces_per_campaign'),
('ecomail', '{"soft_bounces_per_campaign": 1}', 'soft_bounce_window,soft_bounces_per_campaign'),
('ecomail', '{"soft_bounces_per_campaign": 10}', 'soft_bounces_per_campaign,soft_bounce_limit'),
('ecomail', '{"soft_bounces_per_campaign": 9}', ''),
('salesmanago', '{"soft_bounce_outcome": "hard_bounced"}', 'soft_bounce_outcome,soft_bounce_limit'),
('salesmanago', '{"soft_bounce_memory": "90 days"}', ''),
('salesmanago', '{"soft_bounce_memory": "90 days", "hard_bounce_limit": 1, "hard_bounces_per_campaign": null}',
    'soft_bounce_memory,soft_bounce_limit,hard_bounce_limit'),
('salesmanago', '{"hard_bounce_limit": null, "hard_bounces_per_campaign": null}',
    'hard_bounce_limit,soft_bounce_limit'),
('emailmanager', '{"hard_bounces_per_campaign": 1}', 'hard_bounces_per_campaign,hard_bounce_limit'),
('default', '{"hard_bounces_per_campaign": 1}', 'hard_bounces_per_campaign,hard_bounce_limit'),
('salesmanago', '{"hard_bounces_per_campaign": 2}', 'hard_bounces_per_campaign,hard_bounce_limit'),
('salesmanago', '{"hard_bounce_limit": 3, "hard_bounces_per_campaign": 2}', ''),
('emailmanager', '{"confirm_within": "30 days"}', 'confirm_within,double_opt_in,resubscribe'),
('emailmanager', '{"confirm_within": "30 days", "resubscribe": "confirmed"}', ''),
('emailmanager', '{"confirm_within": "30 days", "double_opt_in": true}', ''),
('activecampaign', '{"confirm_within": "30 days"}', ''),
('emailmanager', '{"counted": ["active", "unresponsive"]}', 'counted,unresponsive_campaigns,unresponsive_after'),
('default', '{"counted": ["active", "unresponsive"]}', 'counted,unresponsive_campaigns,unresponsive_after'),
('default', '{"counted": ["active", "failing"]}', 'counted,soft_bounce_limit,soft_bounce_outcome'),
('salesmanago', '{"counted": ["active", "failing"]}', 'counted,soft_bounce_limit,soft_bounce_outcome'),
('emailmanager', '{"counted": ["active", "failing"]}', ''),
('default', '{"counted": []}', 'counted'),
('default', '{"counted": ["active", "soft_bounced", "unconfirmed", "suspended"]}', '');
SELECT helper.own_policy('own ' || nr, like_policy, settings) FROM helper.problem \g /dev/null
SELECT is((SELECT coalesce(string_agg(array_to_string(x.settings, ','), ' ' ORDER BY x.ordinality), '')
           FROM ROWS FROM (contact_status.policy_problems('crm')) WITH ORDINALITY AS x
           WHERE x.policy = 'own ' || p.nr), p.named,
    concat_ws(' ', p.like_policy, p.settings))
FROM helper.problem AS p ORDER BY nr;
SELECT is_empty($$SELECT * FROM contact_status.policy_problems('crm') WHERE problem !~ '^[A-Z].*\.$' OR policy IS NULL
    OR NOT settings <@ ARRAY(SELECT attname::text FROM pg_attribute
        WHERE attrelid = 'crm.policy'::regclass AND attnum > 0)$$,
    'a problem is a sentence, and what it names are settings');
-- a list with double opt-in of its own
SELECT nr AS own FROM helper.problem
    WHERE settings = '{"confirm_within": "30 days"}' AND like_policy = 'emailmanager' \gset
INSERT INTO crm.account (account_id, policy) VALUES (3, 'own ' || :own);
INSERT INTO crm.list (account_id, list_id, double_opt_in) VALUES (3, 1, true);
SELECT is_empty(format('SELECT * FROM contact_status.policy_problems(''crm'') WHERE policy = ''own %s''', :own),
    'on a list with double opt-in, sign-ups wait for a confirmation');

SELECT * FROM finish();
ROLLBACK;
