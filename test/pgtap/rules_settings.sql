\i test/pgtap/setup.inc
-- Each setting of a policy by itself: policies like the shipped `default` (double opt-in, five errors, one per
-- campaign, dead by one refusal for good, no unresponsive rule, opt-out of the list, return by confirmation) but for
-- the settings named.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

INSERT INTO helper.rule (name, policies, settings, events, expected) VALUES

-- import_consent
('import', 'default', '{"import_consent": "subscribed"}', 'added l1, added l2, added l3',
    'active (l1 active, l2 active, l3 active)'),
('import', 'default', '{"import_consent": "by_list"}', 'added l1, added l2, added l3',
    'active (l1 unconfirmed, l2 unconfirmed, l3 active)'),
('import', 'default', '{"import_consent": "by_list", "double_opt_in": false}', 'added l1, added l2, added l3',
    'active (l1 active, l2 unconfirmed, l3 active)'),
('imported, then confirmed', 'default', '{"import_consent": "by_list"}', 'added l1, confirmed l1',
    'active (l1 active)'),

-- double_opt_in
('sign-up', 'default', '{"double_opt_in": true}', 'signed_up l1', 'unconfirmed (l1 unconfirmed)'),
('sign-up', 'default', '{"double_opt_in": false}', 'signed_up l1', 'active (l1 active)'),
('sign-up, the list decides', 'default', '{"double_opt_in": true}', 'signed_up l2, signed_up l3',
    'active (l2 unconfirmed, l3 active)'),
('sign-up, the list decides', 'default', '{"double_opt_in": false}', 'signed_up l2, signed_up l3',
    'active (l2 unconfirmed, l3 active)'),
('return without double opt-in', 'default', '{"double_opt_in": false}', 'unsubscribed l1, signed_up l1',
    'unsubscribed (l1 unsubscribed)'),

-- soft_bounce_limit
('the first error', 'default', '{"soft_bounce_limit": 1}', 'added l1, soft_bounced c1', 'hard_bounced'),
('the first error', 'default', '{"soft_bounce_limit": 2}', 'added l1, soft_bounced c1', 'soft_bounced'),
('the second error', 'default', '{"soft_bounce_limit": 2}', 'added l1, soft_bounced c1..c2', 'hard_bounced'),
('19 errors', 'default', '{"soft_bounce_limit": 20}', 'added l1, soft_bounced c1..c19', 'soft_bounced'),
('20 errors', 'default', '{"soft_bounce_limit": 20}', 'added l1, soft_bounced c1..c20', 'hard_bounced'),
('60 errors', 'default', '{"soft_bounce_limit": null}', 'added l1, soft_bounced c1..c60', 'soft_bounced'),
('errors without a limit, then a delivery', 'default', '{"soft_bounce_limit": null}',
    'added l1, soft_bounced c1..c9, delivered c10', 'active'),
('errors without a limit, a delivery taken back', 'default', '{"soft_bounce_limit": null}',
    'added l1, soft_bounced c1..c9, delivered c10, soft_bounced c10', 'soft_bounced'),

-- soft_bounces_per_campaign
('one campaign', 'default', '{"soft_bounces_per_campaign": 2}', 'added l1, soft_bounced c1 x9', 'soft_bounced'),
('two campaigns', 'default', '{"soft_bounces_per_campaign": 2}', 'added l1, soft_bounced c1 x2, soft_bounced c2 x9',
    'soft_bounced'),
('three campaigns', 'default', '{"soft_bounces_per_campaign": 2}',
    'added l1, soft_bounced c1 x2, soft_bounced c2 x2, soft_bounced c3', 'hard_bounced'),
('four of one campaign', 'default', '{"soft_bounces_per_campaign": null}', 'added l1, soft_bounced c1 x4',
    'soft_bounced'),
('five of one campaign', 'default', '{"soft_bounces_per_campaign": null}', 'added l1, soft_bounced c1 x5',
    'hard_bounced'),

-- soft_bounce_window
('within the window', 'default',
    '{"soft_bounce_window": "1 hour", "soft_bounces_per_campaign": null, "soft_bounce_limit": 2}',
    'added l1, soft_bounced c1 @-5h, soft_bounced c1 @-4h', 'hard_bounced'),
('after the window', 'default',
    '{"soft_bounce_window": "1 hour", "soft_bounces_per_campaign": null, "soft_bounce_limit": 2}',
    'added l1, soft_bounced c1 @-5h, soft_bounced c1 x9 @-14399s', 'soft_bounced'),
('after the window, another campaign', 'default',
    '{"soft_bounce_window": "1 hour", "soft_bounces_per_campaign": null, "soft_bounce_limit": 2}',
    'added l1, soft_bounced c1 @-5h, soft_bounced c2 @-2h', 'hard_bounced'),
('after the window, no campaign', 'default',
    '{"soft_bounce_window": "1 hour", "soft_bounces_per_campaign": null, "soft_bounce_limit": 2}',
    'added l1, soft_bounced @-5h, soft_bounced @-2h', 'hard_bounced'),
('days are 24 hours: 23.5 hours on a day of 23', 'default',
    '{"soft_bounce_window": "1 day", "soft_bounces_per_campaign": null, "soft_bounce_limit": 2}',
    'added l1 @2025-03-01, soft_bounced c1 @2025-03-29T12:00+01, soft_bounced c1 @2025-03-30T12:30+02', 'hard_bounced'),
('days are 24 hours: 24.5 hours on a day of 25', 'default',
    '{"soft_bounce_window": "1 day", "soft_bounces_per_campaign": null, "soft_bounce_limit": 2}',
    'added l1 @2025-03-01, soft_bounced c1 @2025-10-25T12:00+02, soft_bounced c1 @2025-10-26T11:30+01', 'soft_bounced'),

-- soft_bounce_outcome
('the limit', 'default', '{"soft_bounce_outcome": "failing"}', 'added l1, soft_bounced c1..c5', 'failing'),
('the limit, then a delivery', 'default', '{"soft_bounce_outcome": "failing"}',
    'added l1, soft_bounced c1..c5, delivered c6', 'active'),
('the limit, then a refusal for good', 'default', '{"soft_bounce_outcome": "failing"}',
    'added l1, soft_bounced c1..c5, hard_bounced c6', 'hard_bounced'),
('the limit', 'default', '{"soft_bounce_outcome": "hard_bounced"}', 'added l1, soft_bounced c1..c5, delivered c6',
    'hard_bounced'),

-- soft_bounce_memory
('errors within memory', 'default', '{"soft_bounce_memory": "10 days", "soft_bounce_limit": 2}',
    'added l1 @-40d, soft_bounced c1 @-20d, soft_bounced c2 @-10d', 'hard_bounced'),
('errors further apart', 'default', '{"soft_bounce_memory": "10 days", "soft_bounce_limit": 2}',
    'added l1 @-40d, soft_bounced c1 @-20d, soft_bounced c2 @-9d', 'soft_bounced'),
('each within memory of the last', 'default', '{"soft_bounce_memory": "10 days", "soft_bounce_limit": 3}',
    'added l1 @-40d, soft_bounced c1 @-27d, soft_bounced c2 @-18d, soft_bounced c3 @-9d', 'hard_bounced'),
('memory null', 'default', '{"soft_bounce_memory": null, "soft_bounce_limit": 2}',
    'added l1 @-900d, soft_bounced c1 @-800d, soft_bounced c2 @-9d', 'hard_bounced'),
('a run at its limit stays', 'default',
    '{"soft_bounce_memory": "10 days", "soft_bounce_limit": 1, "soft_bounce_outcome": "failing"}',
    'added l1 @-40d, soft_bounced c1 @-30d, soft_bounced c2 @-9d', 'failing'),
('hard bounces further apart', 'default', '{"soft_bounce_memory": "10 days", "hard_bounce_limit": 2}',
    'added l1 @-40d, hard_bounced c1 @-20d, hard_bounced c2 @-9d', 'soft_bounced'),
('hard bounces within memory', 'default', '{"soft_bounce_memory": "10 days", "hard_bounce_limit": 2}',
    'added l1 @-40d, hard_bounced c1 @-20d, hard_bounced c2 @-11d', 'hard_bounced'),
('a soft error between two hard ones', 'default', '{"soft_bounce_memory": "10 days", "hard_bounce_limit": 2}',
    'added l1 @-40d, hard_bounced c1 @-27d, soft_bounced c2 @-18d, hard_bounced c3 @-9d', 'hard_bounced'),

-- hard_bounces_per_campaign
('two of one campaign', 'default', '{"hard_bounces_per_campaign": 1, "hard_bounce_limit": 2}',
    'added l1, hard_bounced c1 x2', 'soft_bounced'),
('two of two campaigns', 'default', '{"hard_bounces_per_campaign": 1, "hard_bounce_limit": 2}',
    'added l1, hard_bounced c1, nonexistent c2', 'hard_bounced'),
('two of no campaign', 'default', '{"hard_bounces_per_campaign": 1, "hard_bounce_limit": 2}',
    'added l1, hard_bounced x2', 'hard_bounced'),
('two of one campaign, two allowed', 'default', '{"hard_bounces_per_campaign": 2, "hard_bounce_limit": 2}',
    'added l1, hard_bounced c1 x2', 'hard_bounced'),
('a delivery between, of the same campaign', 'default', '{"hard_bounces_per_campaign": 1, "hard_bounce_limit": 2}',
    'added l1, hard_bounced c1, delivered c2, hard_bounced c1, hard_bounced c3', 'hard_bounced'),

-- confirm_within
('confirmed in time', 'default', '{"confirm_within": "2 days"}', 'signed_up l1 key=k @-5d, confirmed l1 key=k @-3d',
    'active'),
('confirmed too late', 'default', '{"confirm_within": "2 days"}', 'signed_up l1 key=k @-5d, confirmed l1 key=k @-71h',
    'unconfirmed (l1 unconfirmed) monitored'),
('confirmed too late, no such rule', 'default', '{"confirm_within": null}',
    'signed_up l1 key=k @-500d, confirmed l1 key=k @-1h', 'active'),
('a second sign-up counts again', 'default', '{"confirm_within": "2 days"}',
    'signed_up l1 key=k @-5d, signed_up l1 key=m @-3d, confirmed l1 key=k @-2d', 'active'),
('an import that left it unconfirmed', 'default', '{"confirm_within": "2 days", "import_consent": "by_list"}',
    'added l1 @-5d, confirmed l1 @-1d', 'unconfirmed'),
('a request after an opt-out, too late', 'default', '{"confirm_within": "2 days"}',
    'added l1 @-9d, unsubscribed l1 @-8d, signed_up l1 key=k @-5d, confirmed l1 key=k @-1d', 'unsubscribed'),
('a request after an opt-out, in time', 'default', '{"confirm_within": "2 days"}',
    'added l1 @-9d, unsubscribed l1 @-8d, signed_up l1 key=k @-5d, confirmed l1 key=k @-4d', 'active'),

-- blocked_counts
('five blocks', 'default', '{"blocked_counts": true}', 'added l1, blocked c1..c5', 'hard_bounced'),
('five blocks of one campaign', 'default', '{"blocked_counts": true}', 'added l1, blocked c1 x5', 'soft_bounced'),
('blocks and errors share a campaign', 'default', '{"blocked_counts": true}',
    'added l1, blocked c1..c4, soft_bounced c1..c4', 'soft_bounced'),
('five blocks', 'default', '{"blocked_counts": false}', 'added l1, blocked c1..c5', 'active'),

-- hard_bounce_limit
('two refusals', 'default', '{"hard_bounce_limit": 3}', 'added l1, hard_bounced c1..c2', 'soft_bounced'),
('three refusals', 'default', '{"hard_bounce_limit": 3}', 'added l1, hard_bounced c1..c3', 'hard_bounced'),
('unknown users count among them', 'default', '{"hard_bounce_limit": 3}',
    'added l1, nonexistent c1, hard_bounced c2, nonexistent c3', 'hard_bounced'),
('unknown users count among them, below the limit', 'default', '{"hard_bounce_limit": 3}',
    'added l1, nonexistent c1, hard_bounced c2', 'soft_bounced'),
('they do not count as soft errors', 'default', '{"hard_bounce_limit": 3, "soft_bounce_limit": 2}',
    'added l1, soft_bounced c1, hard_bounced c2..c3', 'soft_bounced'),
('nor soft errors as them', 'default', '{"hard_bounce_limit": 3, "soft_bounce_limit": 4}',
    'added l1, hard_bounced c1..c2, soft_bounced c3..c5', 'soft_bounced'),
('four refusals', 'default', '{"hard_bounce_limit": null}', 'added l1, hard_bounced c1..c4', 'soft_bounced'),
('five refusals', 'default', '{"hard_bounce_limit": null}', 'added l1, hard_bounced c1..c5', 'hard_bounced'),
('five refusals of one campaign', 'default', '{"hard_bounce_limit": null}', 'added l1, hard_bounced c1 x5',
    'soft_bounced'),
('one unknown user', 'default', '{"hard_bounce_limit": null}', 'added l1, nonexistent c1', 'hard_bounced'),
('any number of refusals', 'default', '{"hard_bounce_limit": null, "soft_bounce_limit": null}',
    'added l1, hard_bounced c1..c40', 'soft_bounced'),

-- unresponsive_campaigns
('the first campaign', 'default', '{"unresponsive_campaigns": 1}', 'added l1, sent c1', 'unresponsive'),
('the first campaign', 'default', '{"unresponsive_campaigns": 2}', 'added l1, sent c1', 'active'),
('the second campaign', 'default', '{"unresponsive_campaigns": 2}', 'added l1, sent c1..c2', 'unresponsive'),
('the first campaign twice', 'default', '{"unresponsive_campaigns": 2}', 'added l1, sent c1 x2', 'active'),
('however long ago', 'default', '{"unresponsive_campaigns": 2}', 'added l1 @-9000h, sent c1 @-8000h', 'active'),

-- unresponsive_after
('in time', 'default', '{"unresponsive_after": "2 days"}', 'added l1 @-90h, sent c1 @-47h', 'active'),
('too late', 'default', '{"unresponsive_after": "2 days"}', 'added l1 @-90h, sent c1 @-48h', 'unresponsive'),
('however many', 'default', '{"unresponsive_after": "2 days"}', 'added l1 @-90h, sent c1..c40 @-40h', 'active'),
('in hours', 'default', '{"unresponsive_after": "90 minutes"}', 'added l1 @-9h, sent c1 @-2h', 'unresponsive'),
('however often sent again', 'default', '{"unresponsive_after": "2 days"}',
    'added l1 @-90h, sent c1 @-50h, sent c1 @-40h, sent c2 @-40h', 'unresponsive'),

-- both: either
('by number', 'default', '{"unresponsive_campaigns": 3, "unresponsive_after": "2 days"}', 'added l1, sent c1..c3',
    'unresponsive'),
('by time', 'default', '{"unresponsive_campaigns": 3, "unresponsive_after": "2 days"}', 'added l1 @-90h, sent c1 @-50h',
    'unresponsive'),
('neither', 'default', '{"unresponsive_campaigns": 3, "unresponsive_after": "2 days"}',
    'added l1 @-90h, sent c1..c2 @-40h', 'active'),

-- unsubscribe_scope
('opt-out of one list', 'default', '{"unsubscribe_scope": "list"}', 'added l1, added l3, unsubscribed l1, added l2',
    'active (l1 unsubscribed, l2 active, l3 active)'),
('opt-out of one list', 'default', '{"unsubscribe_scope": "account"}', 'added l1, added l3, unsubscribed l1, added l2',
    'unsubscribed (l1 unsubscribed, l2 unsubscribed, l3 unsubscribed)'),
('opt-out with no list', 'default', '{"unsubscribe_scope": "list"}', 'added l1, added l3, unsubscribed, added l2',
    'unsubscribed (l1 unsubscribed, l2 unsubscribed, l3 unsubscribed)'),

-- resubscribe
('return by confirmation', 'default', '{"resubscribe": "confirmed"}',
    'added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1 key=A', 'active (l1 active)'),
('return by confirmation', 'default', '{"resubscribe": "never"}',
    'added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1 key=A', 'unsubscribed (l1 unsubscribed)'),
('return by the owner''s word', 'default', '{"resubscribe": "confirmed"}',
    'added l1, unsubscribed l1, resubscribed l1 evidence=phone', 'active (l1 active)'),
('return by the owner''s word', 'default', '{"resubscribe": "never"}',
    'added l1, unsubscribed l1, resubscribed l1 evidence=phone', 'unsubscribed (l1 unsubscribed)'),
('a first sign-up is no return', 'default', '{"resubscribe": "never"}', 'signed_up l1, confirmed l1',
    'active (l1 active)'),
('an opt-out of another list is none here', 'default', '{"resubscribe": "never"}',
    'unsubscribed l1, signed_up l2, confirmed l2', 'active (l1 unsubscribed, l2 active)'),

-- a policy of one's own like another
('like emailmanager, but for the limit', 'emailmanager', '{"soft_bounce_limit": 2}',
    'added l1, blocked c1, soft_bounced c1', 'failing'),
('like ecomail, but for the window', 'ecomail', '{"soft_bounce_window": null}',
    'added l1 @-300h, soft_bounced c1 x3 @-240h, soft_bounced c1 x9 @-100h, soft_bounced c2 x4', 'hard_bounced');

SET LOCAL timezone = 'Europe/Prague';
SELECT * FROM helper.check_rules();
SELECT * FROM helper.check_whole();

-- The shipped policies.
SELECT results_eq(
    'SELECT name, import_consent, double_opt_in, soft_bounce_limit, soft_bounces_per_campaign, soft_bounce_window,
        soft_bounce_outcome::text,
            blocked_counts, hard_bounce_limit, unresponsive_campaigns, unresponsive_after, unsubscribe_scope,
            resubscribe,
            complained_insert, complaint_stops_all, counted::text
     FROM crm.policy WHERE name NOT LIKE ''own %'' ORDER BY name',
    $$VALUES
    ('activecampaign', 'by_list', false, 3, NULL, NULL::interval, 'hard_bounced', false, 1, NULL, NULL::interval,
        'list', 'confirmed', 'keep', true, '{active,soft_bounced}'),
    ('default', 'subscribed', true, 5, 1, NULL, 'hard_bounced', false, 1, NULL, NULL, 'list', 'confirmed', 'keep', true,
        '{active,soft_bounced}'),
    ('ecomail', 'subscribed', true, 10, 6, '2 days', 'hard_bounced', false, 1, NULL, NULL, 'account', 'confirmed',
        'keep', true, '{active,soft_bounced}'),
    ('emailmanager', 'subscribed', false, 5, NULL, NULL, 'failing', true, NULL, 10, '15 days', 'account', 'never',
        'refuse', true, '{active,soft_bounced}'),
    ('salesmanago', 'subscribed', true, NULL, NULL, NULL, 'failing', false, 2, NULL, NULL, 'account', 'confirmed',
        'keep', true, '{active,soft_bounced}')$$,
    'the five policies are as documented');

SELECT * FROM finish();
ROLLBACK;
