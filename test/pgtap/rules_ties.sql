\i test/pgtap/setup.inc
-- At an equal time what restricts wins: events are judged in the order of their kinds, then list, campaign and key, nulls
-- first and text by byte. Every row is also played backwards, at once and shuffled (see helper.check_rules).
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

INSERT INTO helper.rule (name, policies, events, expected) VALUES

('added and opted out', '*', 'added l1 @-5h, unsubscribed l1 @=', 'unsubscribed (l1 unsubscribed)'),
('signed up and confirmed', '*', 'signed_up l2 @-5h, confirmed l2 @=', 'active (l2 active)'),
('signed up and added: the sign-up is first', '*', 'signed_up l2 @-5h, added l2 @=', 'unconfirmed (l2 unconfirmed)'),
('requested, confirmed and opted out', '*', 'added l1, signed_up l1 @-5h, confirmed l1 @=, unsubscribed l1 @=', 'unsubscribed (l1 unsubscribed)'),
('requested and opted out, confirmed later', '*', 'added l1 @-9h, unsubscribed l1 @-6h, signed_up l1 key=A @-5h, unsubscribed l1 @=, confirmed l1 key=A @-4h', 'unsubscribed (l1 unsubscribed)'),
('requested and confirmed', 'default salesmanago activecampaign ecomail', 'added l1 @-9h, unsubscribed l1 @-6h, signed_up l1 key=A @-5h, confirmed l1 key=A @=', 'active (l1 active)'),
('opt-out and re-subscription', '*', 'added l1 @-9h, resubscribed l1 evidence=phone @-5h, unsubscribed l1 @=', 'unsubscribed (l1 unsubscribed)'),
('complaint and re-subscription', '*', 'added l1 @-9h, resubscribed l1 evidence=phone @-5h, complained @=', 'complained (l1 complained)'),
('confirmed and complained', '*', 'signed_up l2 @-9h, confirmed l2 @-5h, complained @=', 'complained (l2 complained)'),
('released and suspended', '*', 'added l1 @-9h, suspended @-6h, released @-5h, suspended @=', 'suspended'),
('released and suspended, otherwise free', '*', 'added l1 @-9h, released @-5h, suspended @=', 'suspended'),
('restored and deleted', '*', 'added l1 @-9h, deleted @-6h, restored @-5h, deleted @=', 'deleted'),
('signed up and deleted', '*', 'added l1 @-9h, deleted @-6h, signed_up l3 @-5h, deleted @=', 'deleted (l3 deleted)'),
('resubscribed and deleted', '*', 'resubscribed l1 evidence=phone @-5h, deleted @=', 'deleted'),
('validated and invalidated', '*', 'added l1 @-9h, validated @-5h, invalidated @=', 'hard_bounced'),
('confirmed and invalidated', '*', 'signed_up l2 @-9h, confirmed l2 @-5h, invalidated @=', 'hard_bounced'),
('delivered and bounced', '*', 'added l1 @-9h, delivered c1 @-5h, soft_bounced c2 @=', 'soft_bounced'),
('delivered and bounced of one campaign', 'default', 'added l1 @-9h, soft_bounced c1..c4 @-8h, delivered c5 @-5h, soft_bounced c5 @=', 'hard_bounced'),
('opened and bounced', '*', 'added l1 @-9h, opened c1 @-5h, soft_bounced c1 @=', 'soft_bounced'),
('clicked and unknown', 'default activecampaign ecomail emailmanager', 'added l1 @-9h, clicked c1 @-5h, nonexistent c1 @=', 'hard_bounced'),
('delivered and blocked', 'emailmanager', 'added l1 @-9h, delivered c1 @-5h, blocked c2 @=', 'soft_bounced'),
('validated and bounced', '*', 'added l1 @-9h, validated @-5h, soft_bounced c1 @=', 'soft_bounced'),
('delivered and opened: the open comes after and is not taken back', 'default', 'added l1 @-9h, soft_bounced c1..c4 @-8h, delivered c5 @-5h, opened c5 @=, soft_bounced c5 @-4h', 'soft_bounced'),
('sent and opened', 'emailmanager', 'added l1 @-9h, sent c1..c9 @-8h, sent c10 @-5h, opened c10 @=', 'active'),
('sent at one time', 'emailmanager', 'added l1 @-9h, sent c1 @-5h, sent c2 @=, sent c3 @=, sent c4 @=, sent c5 @=, sent c6 @=, sent c7 @=, sent c8 @=, sent c9 @=, sent c10 @=', 'unresponsive'),
('errors at one time', 'default', 'added l1 @-9h, soft_bounced c1 @-5h, soft_bounced c2 @=, soft_bounced c3 @=, soft_bounced c4 @=, soft_bounced c5 @=', 'hard_bounced'),
('errors of one campaign at one time, told apart by their keys', 'activecampaign', 'added l1 @-9h, soft_bounced c1 key=1 @-5h, soft_bounced c1 key=2 @=, soft_bounced c1 key=3 @=', 'hard_bounced'),
('added and removed', '*', 'added l1 @-5h, removed l1 @=', 'unconfirmed ()'),
('removed and opted out', 'default activecampaign', 'added l1 @-9h, removed l1 @-5h, unsubscribed l1 @=', 'unsubscribed (l1 unsubscribed)'),
('added, complained and deleted', '*', 'added l1 @-5h, complained @=, deleted @=, unsubscribed @=, suspended @=, invalidated @=, restored @=, released @=, validated @=', 'deleted (l1 deleted)'),
('without the deletion', '*', 'added l1 @-5h, complained @=, unsubscribed @=, suspended @=, invalidated @=, restored @=, released @=, validated @=', 'complained (l1 complained)'),
('without the complaint', '*', 'added l1 @-5h, unsubscribed @=, suspended @=, invalidated @=, restored @=, released @=, validated @=', 'unsubscribed (l1 unsubscribed)'),
('without the opt-out', '*', 'added l1 @-5h, suspended @=, invalidated @=, restored @=, released @=, validated @=', 'hard_bounced (l1 hard_bounced)'),
('without the declaration', '*', 'added l1 @-5h, suspended @=, restored @=, released @=, validated @=', 'suspended (l1 suspended)'),

-- one kind at one time: list, campaign, key
('the later key is the newest', '*', 'added l1 @-9h, suspended key=1 until=+2h @-5h, suspended key=2 until=-1h @=', 'active'),
('the later key is the newest, the other way', '*', 'added l1 @-9h, suspended key=1 until=-1h @-5h, suspended key=2 until=+2h @=', 'suspended'),
('no key comes before any', '*', 'added l1 @-9h, suspended key=0 until=-1h @-5h, suspended until=+2h @=', 'active'),
('keys by byte: B before a', 'default salesmanago activecampaign ecomail', 'added l1 @-9h, unsubscribed l1 @-6h, signed_up l1 key=a @-5h, signed_up l1 key=B @=, confirmed l1 key=a @-4h', 'active (l1 active)'),
('keys by byte: B is not the newest', '*', 'added l1 @-9h, unsubscribed l1 @-6h, signed_up l1 key=a @-5h, signed_up l1 key=B @=, confirmed l1 key=B @-4h', 'unsubscribed (l1 unsubscribed)'),
('keys by byte: ä after z', '*', 'added l1 @-9h, suspended key=ä until=-1h @-5h, suspended key=z until=+2h @=', 'active'),
('keys by byte: 10 before 9', '*', 'added l1 @-9h, suspended key=9 until=-1h @-5h, suspended key=10 until=+2h @=', 'active'),
('no list comes first', '*', 'added l1 @-9h, suspended l1 until=-1h @-5h, suspended until=+2h @=', 'active'),
('no campaign comes first', '*', 'added l1 @-9h, suspended c1 until=-1h @-5h, suspended until=+2h @=', 'active'),
('campaigns in order', '*', 'added l1 @-9h, suspended c10 until=-1h @-5h, suspended c9 until=+2h @=', 'active'),
('the list comes before the campaign', '*', 'added l1 @-9h, suspended l1 until=-1h @-5h, suspended c9 until=+2h @=', 'active'),
('the campaign comes before the key', '*', 'added l1 @-9h, suspended c2 key=1 until=-1h @-5h, suspended c1 key=2 until=+2h @=', 'active'),

-- microseconds are not equal
('released a microsecond later', '*', 'added l1 @-9h, suspended @-5h, released @-17999.999999s', 'active (l1 active)');

SELECT * FROM helper.check_rules();
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
