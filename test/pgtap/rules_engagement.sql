\i test/pgtap/setup.inc
-- Engagement and holds: campaigns unanswered, suspensions; and which events tie a person to the address.
-- The unresponsive rule of emailmanager: ten campaigns or fifteen days (360 hours), whichever comes first.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

INSERT INTO helper.rule (name, policies, events, expected) VALUES

-- campaigns unanswered ----------------------------------------------------------------------------------------------------
('sent', '*', 'added l1, sent c1', 'active (l1 active) not monitored'),
('lapsed', '*', 'added l1, lapsed', 'unresponsive (l1 unresponsive) not monitored'),
('lapsed, then opened', '*', 'added l1, lapsed, opened', 'active (l1 active)'),
('lapsed, then clicked', '*', 'added l1, lapsed, clicked', 'active (l1 active) monitored'),
('lapsed, then delivered, visited, validated, sent', '*', 'added l1, lapsed, delivered, visited, validated, sent c1', 'unresponsive'),
('lapsed before the import', '*', 'lapsed, added l1', 'unresponsive (l1 unresponsive)'),
('lapsed, then a sign-up that is confirmed', 'default', 'lapsed, signed_up l1 key=k, confirmed l1 key=k', 'active (l1 active) monitored'),
('lapsed, then confirmed by hand', 'default', 'lapsed, signed_up l1, confirmed l1 source=manual evidence=phone', 'unresponsive'),
('nine campaigns', '*', 'added l1, sent c1..c9', 'active'),
('ten campaigns', 'emailmanager', 'added l1, sent c1..c10', 'unresponsive (l1 unresponsive)'),
('no such rule', 'default salesmanago activecampaign ecomail', 'added l1 @-900h, sent c1 @-800h, sent c2..c40 @-10h', 'active (l1 active)'),
('a campaign counts once', 'emailmanager', 'added l1, sent c1..c9, sent c1..c9', 'active'),
('delivered is no answer', 'emailmanager', 'added l1, sent c1..c10, delivered c10', 'unresponsive'),
('visited is no answer', 'emailmanager', 'added l1, sent c1..c10, visited', 'unresponsive (l1 unresponsive) monitored'),
('a sign-up is no answer', 'emailmanager', 'added l1, sent c1..c10, signed_up l1', 'unresponsive'),
('validated is no answer', 'emailmanager', 'added l1, sent c1..c10, validated', 'unresponsive'),
('resubscribed, added, released, restored are no answer', 'emailmanager', 'added l1, sent c1..c10, added l3, released, restored, resubscribed l1 evidence=phone', 'unresponsive'),
('opened', 'emailmanager', 'added l1, sent c1..c10, opened c3', 'active (l1 active) not monitored'),
('clicked', 'emailmanager', 'added l1, sent c1..c10, clicked', 'active (l1 active) monitored'),
('a click after the first campaign', 'emailmanager', 'added l1, sent c1, clicked c1, sent c2..c10', 'active'),
('opened after the ninth, nine more', 'emailmanager', 'added l1, sent c1..c9, opened c1, sent c10..c18', 'active'),
('opened after the ninth, ten more', 'emailmanager', 'added l1, sent c1..c9, opened c1, sent c10..c19', 'unresponsive'),
('counted anew after an answer', 'emailmanager', 'added l1, sent c1..c5, opened c5, sent c1..c9', 'active'),
('counted anew after an answer, to the limit', 'emailmanager', 'added l1, sent c1..c5, opened c5, sent c1..c10', 'unresponsive'),
('unresponsive and back twice', 'emailmanager', 'added l1, sent c1..c10, opened c1, sent c11..c20, opened c11', 'active'),

-- since the first unanswered one
('fifteen days: reached counts', 'emailmanager', 'added l1 @-500h, sent c1 @-360h', 'unresponsive'),
('an hour less', 'emailmanager', 'added l1 @-500h, sent c1 @-359h', 'active'),
('the first one starts the clock, not the last', 'emailmanager', 'added l1 @-500h, sent c1 @-400h, sent c2 @-10h', 'unresponsive'),
('the same campaign again does not start it anew', 'emailmanager', 'added l1 @-500h, sent c1 @-400h, sent c1 @-10h', 'unresponsive'),
('an answer stops it', 'emailmanager', 'added l1 @-500h, sent c1 @-400h, opened c1 @-390h', 'active'),
('and the next campaign starts it anew', 'emailmanager', 'added l1 @-900h, sent c1 @-800h, opened c1 @-790h, sent c2 @-350h', 'active'),
('and the next campaign starts it anew, to the limit', 'emailmanager', 'added l1 @-900h, sent c1 @-800h, opened c1 @-790h, sent c2 @-370h', 'unresponsive'),
('an answer after the time was up', 'emailmanager', 'added l1 @-500h, sent c1 @-400h, opened c1 @-5h', 'active'),
('long answered', 'emailmanager', 'added l1 @-900h, sent c1 @-800h, clicked c1 @-700h', 'active'),

-- beside other facts
('unresponsive on two lists', 'emailmanager', 'added l1, added l3, sent l1 c1..c10', 'unresponsive (l1 unresponsive, l3 unresponsive)'),
('unresponsive shows over soft_bounced', 'emailmanager', 'added l1, sent c1..c10, soft_bounced c10', 'unresponsive'),
('failing shows over unresponsive', 'emailmanager', 'added l1, sent c1..c10, soft_bounced c6..c10', 'failing'),
('unconfirmed shows over unresponsive', 'emailmanager', 'signed_up l2, sent c1..c10', 'unconfirmed (l2 unconfirmed)'),
('suspended shows over unresponsive', 'emailmanager', 'added l1, sent c1..c10, suspended', 'suspended'),
('released: unresponsive', 'emailmanager', 'added l1, sent c1..c10, suspended, released', 'unresponsive'),
('unsubscribed shows over unresponsive', 'emailmanager', 'added l1, sent c1..c10, unsubscribed l1', 'unsubscribed (l1 unsubscribed)'),

-- suspended, released -----------------------------------------------------------------------------------------------------
('suspended', '*', 'added l1, suspended', 'suspended (l1 suspended) not monitored'),
('suspended on two lists', '*', 'added l1, added l3, suspended', 'suspended (l1 suspended, l3 suspended)'),
('suspended, on no list', '*', 'suspended', 'suspended ()'),
('released', '*', 'added l1, suspended, released', 'active (l1 active)'),
('released when not held', '*', 'added l1, released', 'active (l1 active)'),
('released before the suspension', '*', 'added l1, released, suspended', 'suspended'),
('for a time that is over', '*', 'added l1 @-9h, suspended @-3h until=-1h', 'active (l1 active)'),
('for a time that is not over', '*', 'added l1 @-9h, suspended @-3h until=+1h', 'suspended (l1 suspended)'),
('for a time, released before it was over', '*', 'added l1 @-9h, suspended @-3h until=+1h, released @-2h', 'active'),
('the newest replaces an earlier one: shorter', '*', 'added l1 @-9h, suspended @-5h until=+5h, suspended @-4h until=-3h', 'active'),
('the newest replaces an earlier one: longer', '*', 'added l1 @-9h, suspended @-5h until=-3h, suspended @-4h until=+5h', 'suspended'),
('the newest replaces an earlier one: until released', '*', 'added l1 @-9h, suspended @-5h until=-3h, suspended @-4h', 'suspended'),
('the newest replaces an earlier one: for a time', '*', 'added l1 @-9h, suspended @-5h, suspended @-4h until=-3h', 'active'),
('one is over, the next not', '*', 'added l1 @-9h, suspended @-5h until=-4h, suspended @-3h', 'suspended'),
('over before the next event', '*', 'added l1 @-9h, suspended @-5h until=-3h, opened c1 @-2h, soft_bounced c2 @-1h', 'soft_bounced'),
('suspended, then bounced', '*', 'added l1 @-9h, suspended @-5h, soft_bounced c1 @-4h', 'suspended'),
('suspended, then dead', '*', 'added l1 @-9h, suspended @-5h, invalidated @-4h', 'hard_bounced'),
('suspended, then opted out', '*', 'added l1 @-9h, suspended @-5h, unsubscribed l1 @-4h, released @-3h', 'unsubscribed'),
('suspended, then opened', '*', 'added l1, suspended, delivered c1, opened c1, clicked c1, validated', 'suspended'),
('suspended when unconfirmed', '*', 'signed_up l2, suspended', 'suspended (l2 suspended)'),
('failing shows over suspended', 'emailmanager', 'added l1, soft_bounced c1..c5, suspended', 'failing'),
('suspended does not free from the limit', 'emailmanager', 'added l1, suspended, soft_bounced c1..c5, released', 'failing'),
('added while suspended', '*', 'suspended, added l1', 'suspended (l1 suspended)'),
('for a time that is over, then deleted and restored', '*', 'added l1 @-9h, suspended @-5h until=-3h, deleted @-2h, restored @-1h', 'active'),

-- monitored ---------------------------------------------------------------------------------------------------------------
('monitored: signed_up', '*', 'signed_up l2', 'unconfirmed monitored'),
('monitored: confirmed', '*', 'added l1, confirmed l1', 'active monitored'),
('monitored: confirmed, even to no effect', '*', 'confirmed l1', 'unconfirmed monitored'),
('monitored: clicked', '*', 'added l1, clicked c1', 'active monitored'),
('monitored: visited', '*', 'added l1, visited', 'active monitored'),
('monitored: visited, on no list', '*', 'visited', 'unconfirmed () monitored'),
('monitored, deleted and restored', '*', 'added l1, visited, deleted, restored', 'active monitored'),
('monitored and opted out', '*', 'added l1, visited, unsubscribed', 'unsubscribed monitored'),
('monitored and complained', '*', 'visited, complained', 'complained monitored'),
('not monitored: added, resubscribed, removed', '*', 'added l1, removed l1, resubscribed l1 evidence=phone, added l3', 'active not monitored'),
('not monitored: released, restored, validated, invalidated', '*', 'added l1, released, restored, invalidated, validated', 'active not monitored'),
('not monitored: sent, delivered, opened', '*', 'added l1, sent c1, delivered c1, opened c1', 'active not monitored'),
('not monitored: errors', '*', 'added l1, blocked c1, soft_bounced c2, hard_bounced c3, hard_bounced c4, nonexistent c5', 'hard_bounced not monitored'),
('not monitored: opt-out, complaint', '*', 'added l1, unsubscribed l1, complained', 'complained not monitored'),
('not monitored: suspended, deleted', '*', 'added l1, suspended, deleted', 'deleted not monitored');

SELECT * FROM helper.check_rules();
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
