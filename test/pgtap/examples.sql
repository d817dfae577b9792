\i test/pgtap/setup.inc
-- The worked examples: what each shipped policy makes of one history.
-- l1 has double opt-in as the policy says, l2 has it, l3 has not.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

CREATE TABLE helper.example (
    nr int GENERATED ALWAYS AS IDENTITY, name text, events text,
    "default" text, salesmanago text, activecampaign text, ecomail text, emailmanager text);

INSERT INTO helper.example (name, events, "default", salesmanago, activecampaign, ecomail, emailmanager) VALUES

('five full mailboxes, one campaign each', 'added l1, soft_bounced c1..c5',
    'hard_bounced', 'soft_bounced', 'hard_bounced', 'soft_bounced', 'failing'),

('five full mailboxes of one campaign', 'added l1, soft_bounced c1 x5',
    'soft_bounced', 'soft_bounced', 'hard_bounced', 'soft_bounced', 'failing'),

('ten errors: six of one campaign, four of the next', 'added l1, soft_bounced c1 x6, soft_bounced c2 x4',
    'soft_bounced', 'soft_bounced', 'hard_bounced', 'hard_bounced', 'failing'),

('ten errors of one campaign', 'added l1, soft_bounced c1 x10',
    'soft_bounced', 'soft_bounced', 'hard_bounced', 'soft_bounced', 'failing'),

('three errors, a delivery, two errors', 'added l1, soft_bounced c1..c3, delivered c4, soft_bounced c5..c6',
    'soft_bounced', 'soft_bounced', 'hard_bounced', 'soft_bounced', 'soft_bounced'),

('accepted, then bounced, five campaigns running',
    'added l1, delivered c1, soft_bounced c1, delivered c2, soft_bounced c2, delivered c3, soft_bounced c3,
     delivered c4, soft_bounced c4, delivered c5, soft_bounced c5',
    'hard_bounced', 'soft_bounced', 'hard_bounced', 'soft_bounced', 'failing'),

('five blocks', 'added l1, blocked c1..c5',
    'active', 'active', 'active', 'active', 'failing'),

('two permanent refusals of one campaign', 'added l1, hard_bounced c1 x2',
    'hard_bounced', 'soft_bounced', 'hard_bounced', 'hard_bounced', 'soft_bounced'),

('two permanent refusals, of different campaigns', 'added l1, hard_bounced c1..c2',
    'hard_bounced', 'hard_bounced', 'hard_bounced', 'hard_bounced', 'soft_bounced'),

('four full mailboxes two years ago, one now, nothing between, one campaign each',
    'added l1 @-800d, soft_bounced c1 @-730d, soft_bounced c2 @-729d, soft_bounced c3 @-728d, soft_bounced c4 @-727d,
        soft_bounced c5 @-1h',
    'soft_bounced', 'soft_bounced', 'hard_bounced', 'soft_bounced', 'failing'),

('sign-up on a list with double opt-in, confirmed 31 days later',
    'signed_up l2 key=link @-32d, confirmed l2 key=link @-1d',
    'unconfirmed', 'active', 'active', 'active', 'active'),

('lapsed, then a click', 'added l1, lapsed, clicked c1', 'active', 'active', 'active', 'active', 'active'),

('lapsed', 'added l1, lapsed', 'unresponsive', 'unresponsive', 'unresponsive', 'unresponsive', 'unresponsive'),

('three deferrals that are noted', 'added l1, noted c1 x3', 'active', 'active', 'active', 'active', 'active'),

('one permanent refusal', 'added l1, hard_bounced c1',
    'hard_bounced', 'soft_bounced', 'hard_bounced', 'hard_bounced', 'soft_bounced'),

('unknown user, once', 'added l1, nonexistent c1',
    'hard_bounced', 'soft_bounced', 'hard_bounced', 'hard_bounced', 'hard_bounced'),

('unknown user, then a late delivery dated before it', 'added l1, nonexistent c1 @-2h, delivered c1 @-3h',
    'hard_bounced', 'soft_bounced', 'hard_bounced', 'hard_bounced', 'hard_bounced'),

('import, opt-out of the list, import again', 'added l1 source=import, unsubscribed l1, added l1 source=import',
    'unsubscribed', 'unsubscribed', 'unsubscribed', 'unsubscribed', 'unsubscribed'),

('on two lists, opt-out of one', 'added l1, added l3, unsubscribed l1',
    'active (l1 unsubscribed, l3 active)', 'unsubscribed (l1 unsubscribed, l3 unsubscribed)',
    'active (l1 unsubscribed, l3 active)', 'unsubscribed (l1 unsubscribed, l3 unsubscribed)',
    'unsubscribed (l1 unsubscribed, l3 unsubscribed)'),

('opt-out, sign-up on the form, not confirmed', 'added l1, unsubscribed l1, signed_up l1 key=link',
    'unsubscribed', 'unsubscribed', 'unsubscribed', 'unsubscribed', 'unsubscribed'),

('the same, confirmed', 'added l1, unsubscribed l1, signed_up l1 key=link, confirmed l1 key=link',
    'active', 'active', 'active', 'active', 'unsubscribed'),

('confirmed by the link of a sign-up before the opt-out',
    'signed_up l1 key=link, unsubscribed l1, confirmed l1 key=link',
    'unsubscribed', 'unsubscribed', 'unsubscribed', 'unsubscribed', 'unsubscribed'),

('sign-up on a list with double opt-in', 'signed_up l2',
    'unconfirmed', 'unconfirmed', 'unconfirmed', 'unconfirmed', 'unconfirmed'),

('import to a list with double opt-in', 'added l2 source=import',
    'active', 'active', 'unconfirmed', 'active', 'active'),

('complaint, then the owner re-subscribes', 'added l1, complained, resubscribed l1 evidence=phone',
    'complained', 'complained', 'complained', 'complained', 'complained'),

('deleted, then a stranger posts the form', 'added l2, deleted, signed_up l2',
    'unconfirmed', 'unconfirmed', 'unconfirmed', 'unconfirmed', 'unconfirmed'),

('ten campaigns without an open', 'added l1, sent c1..c10',
    'active', 'active', 'active', 'active', 'unresponsive'),

('the same, and a click on the first', 'added l1, sent c1..c10, clicked c1',
    'active', 'active', 'active', 'active', 'active'),

('one campaign, sixteen days ago', 'added l1 @-17d, sent c1 @-16d',
    'active', 'active', 'active', 'active', 'unresponsive'),

('suspended for two hours, three hours ago', 'added l1, suspended @-3h until=-1h',
    'active', 'active', 'active', 'active', 'active'),

('opt-out with no list, then added to a new list', 'added l1, unsubscribed, added l3',
    'unsubscribed (l1 unsubscribed, l3 unsubscribed)', 'unsubscribed (l1 unsubscribed, l3 unsubscribed)',
    'unsubscribed (l1 unsubscribed, l3 unsubscribed)', 'unsubscribed (l1 unsubscribed, l3 unsubscribed)',
    'unsubscribed (l1 unsubscribed, l3 unsubscribed)');

INSERT INTO helper.rule (name, policies, events, expected)
SELECT name, policy, events, expected FROM helper.example, LATERAL (VALUES
    ('default', "default"), ('salesmanago', salesmanago), ('activecampaign', activecampaign), ('ecomail', ecomail),
    ('emailmanager', emailmanager)) AS result (policy, expected)
ORDER BY nr;

SELECT * FROM helper.check_rules();
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
