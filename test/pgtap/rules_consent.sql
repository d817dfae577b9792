\i test/pgtap/setup.inc
-- Consent: added, signed_up, confirmed, resubscribed, removed, unsubscribed; complained, deleted and restored.
-- l1 has double opt-in as the policy says, l2 has it, l3 has not.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

INSERT INTO helper.rule (name, policies, events, expected) VALUES

('no event at all', '*', '', 'unconfirmed () not monitored'),

-- added -----------------------------------------------------------------------------------------------------------------
('added', '*', 'added l1', 'active (l1 active) not monitored'),
('added to a list with double opt-in', 'default salesmanago ecomail emailmanager', 'added l2', 'active (l2 active)'),
('added to a list with double opt-in', 'activecampaign', 'added l2', 'unconfirmed (l2 unconfirmed)'),
('added to a list without', '*', 'added l3', 'active (l3 active)'),
('added twice', '*', 'added l1, added l1', 'active (l1 active)'),
('added to two lists', '*', 'added l1, added l3', 'active (l1 active, l3 active)'),
('an import does not confirm', '*', 'signed_up l2, added l2', 'unconfirmed (l2 unconfirmed)'),
('an import does not revive', '*', 'added l1, unsubscribed l1, added l1', 'unsubscribed (l1 unsubscribed)'),
('opted out before ever added', '*', 'unsubscribed l1, added l1', 'unsubscribed (l1 unsubscribed)'),
('added after a complaint', '*', 'added l1, complained, added l1, added l3', 'complained (l1 complained, l3 complained)'),
('added when deleted', '*', 'added l1, deleted, added l1, added l3', 'deleted (l1 deleted, l3 deleted)'),
('added when dead', '*', 'added l1, invalidated, added l3', 'hard_bounced (l1 hard_bounced, l3 hard_bounced)'),

-- signed_up -------------------------------------------------------------------------------------------------------------
('signed up, double opt-in as the policy says', 'default salesmanago ecomail', 'signed_up l1', 'unconfirmed (l1 unconfirmed) monitored'),
('signed up, double opt-in as the policy says', 'activecampaign emailmanager', 'signed_up l1', 'active (l1 active) monitored'),
('signed up, double opt-in', '*', 'signed_up l2', 'unconfirmed (l2 unconfirmed) monitored'),
('signed up without double opt-in', '*', 'signed_up l3', 'active (l3 active) monitored'),
('signed up again, double opt-in', '*', 'signed_up l2, signed_up l2', 'unconfirmed (l2 unconfirmed)'),
('a stranger''s form post lowers nobody', '*', 'added l3, confirmed l3, signed_up l3', 'active (l3 active)'),
('a stranger''s form post lowers nobody, double opt-in', '*', 'signed_up l2, confirmed l2, signed_up l2', 'active (l2 active)'),
('one list unconfirmed, the other not', '*', 'added l3, signed_up l2', 'active (l2 unconfirmed, l3 active)'),
('signed up after the opt-out: a request, even without double opt-in', '*', 'added l3, unsubscribed l3, signed_up l3',
    'unsubscribed (l3 unsubscribed)'),
('signed up after the complaint', '*', 'complained, signed_up l3', 'complained (l3 complained)'),

-- confirmed -------------------------------------------------------------------------------------------------------------
('confirmed', '*', 'signed_up l2, confirmed l2', 'active (l2 active) monitored'),
('confirmed by another link than the newest, never opted out', '*', 'signed_up l2 key=A, confirmed l2 key=B', 'active (l2 active)'),
('confirmed another list', '*', 'signed_up l2, confirmed l3', 'unconfirmed (l2 unconfirmed)'),
('confirmed before the sign-up', '*', 'confirmed l2, signed_up l2', 'unconfirmed (l2 unconfirmed)'),
('confirmed alone makes no subscription', '*', 'confirmed l2', 'unconfirmed () monitored'),
('confirmed alone makes none after an account-wide opt-out', '*', 'unsubscribed, confirmed l2', 'unsubscribed ()'),
('confirmed without a request after the opt-out', '*', 'added l1, unsubscribed l1, confirmed l1', 'unsubscribed (l1 unsubscribed)'),
('an imported contact confirms', '*', 'added l2, confirmed l2', 'active (l2 active)'),
('confirmed by hand', '*', 'signed_up l2, confirmed l2 source=manual evidence=letter', 'active (l2 active) monitored'),
('confirmed on one of two lists', '*', 'signed_up l2, added l1, unsubscribed, signed_up l2, confirmed l1', 'unsubscribed (l1 unsubscribed, l2 unsubscribed)'),

-- requests after an opt-out
('request confirmed', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1 key=A', 'active (l1 active)'),
('request confirmed', 'emailmanager', 'added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1 key=A', 'unsubscribed (l1 unsubscribed)'),
('request without double opt-in confirmed', 'default salesmanago activecampaign ecomail', 'added l3, unsubscribed l3, signed_up l3, confirmed l3', 'active (l3 active)'),
('request without double opt-in confirmed', 'emailmanager', 'added l3, unsubscribed l3, signed_up l3, confirmed l3', 'unsubscribed (l3 unsubscribed)'),
('request confirmed by another key', '*', 'added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1 key=B', 'unsubscribed (l1 unsubscribed)'),
('request confirmed without a key', '*', 'added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1', 'unsubscribed (l1 unsubscribed)'),
('request without a key, confirmed by any', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, signed_up l1, confirmed l1 key=B', 'active (l1 active)'),
('the newest request replaces an earlier one', '*', 'added l1, unsubscribed l1, signed_up l1 key=A, signed_up l1 key=B, confirmed l1 key=A', 'unsubscribed (l1 unsubscribed)'),
('and is confirmed by its own key', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, signed_up l1 key=A, signed_up l1 key=B, confirmed l1 key=B', 'active (l1 active)'),
('the newest request has no key', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, signed_up l1 key=A, signed_up l1, confirmed l1 key=C', 'active (l1 active)'),
('a wrong key does not spoil the right one', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1 key=B, confirmed l1 key=A', 'active (l1 active)'),
('a second opt-out voids the request', '*', 'added l1, unsubscribed l1, signed_up l1 key=A, unsubscribed l1, confirmed l1 key=A', 'unsubscribed (l1 unsubscribed)'),
('an opt-out with no list voids the request', '*', 'added l1, unsubscribed l1, signed_up l1 key=A, unsubscribed, confirmed l1 key=A', 'unsubscribed (l1 unsubscribed)'),
('an opt-out of another list does not, where it is of that list only', 'default activecampaign', 'added l1, added l3, unsubscribed l1, signed_up l1 key=A, unsubscribed l3, confirmed l1 key=A', 'active (l1 active, l3 unsubscribed)'),
('an opt-out of another list does, where it is of every list', 'salesmanago ecomail emailmanager', 'added l1, added l3, unsubscribed l1, signed_up l1 key=A, unsubscribed l3, confirmed l1 key=A', 'unsubscribed (l1 unsubscribed, l3 unsubscribed)'),
('an old link after a newer opt-out and request', '*', 'added l1, unsubscribed l1, signed_up l1 key=A, unsubscribed l1, signed_up l1 key=B, confirmed l1 key=A', 'unsubscribed (l1 unsubscribed)'),
('the link of a sign-up before the opt-out', '*', 'signed_up l2 key=A, unsubscribed l2, confirmed l2 key=A', 'unsubscribed (l2 unsubscribed)'),
('a link is of use once', '*', 'added l1, unsubscribed l1, signed_up l1 key=A, confirmed l1 key=A, unsubscribed l1, confirmed l1 key=A', 'unsubscribed (l1 unsubscribed)'),
('a request of another list', '*', 'added l1, added l2, unsubscribed, signed_up l1 key=A, confirmed l2 key=A', 'unsubscribed (l1 unsubscribed, l2 unsubscribed)'),
('a request confirmed by hand', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, signed_up l1, confirmed l1 source=manual evidence=letter', 'active (l1 active)'),
('nothing confirms after a complaint', '*', 'added l1, unsubscribed l1, complained, signed_up l1, confirmed l1', 'complained (l1 complained)'),

-- what else a confirmation says
('the confirming click proves a dead address alive', '*', 'signed_up l2, invalidated, confirmed l2 source=form', 'active (l2 active)'),
('the source need not be given', '*', 'signed_up l2, invalidated, confirmed l2', 'active (l2 active)'),
('a confirmation by hand proves nothing of it', '*', 'signed_up l2, invalidated, confirmed l2 source=manual evidence=letter', 'hard_bounced (l2 hard_bounced)'),
('nor one that took no effect', '*', 'added l1, invalidated, confirmed l1', 'hard_bounced (l1 hard_bounced)'),
('nor one by a wrong key', '*', 'added l1, unsubscribed l1, signed_up l1 key=A, invalidated, confirmed l1 key=B, removed l1, added l1', 'unsubscribed (l1 unsubscribed)'),
('a wrong key leaves the address dead', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, signed_up l1 key=A, invalidated, confirmed l1 key=B, resubscribed l1 evidence=phone', 'hard_bounced (l1 hard_bounced)'),
('a confirmed request proves it alive', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, signed_up l1, invalidated, confirmed l1', 'active (l1 active)'),
('the confirming click ends the run of errors', '*', 'signed_up l2, soft_bounced c1, confirmed l2', 'active (l2 active)'),
('a confirmation by hand does not', '*', 'signed_up l2, soft_bounced c1, confirmed l2 source=manual evidence=letter', 'soft_bounced (l2 soft_bounced)'),
('the confirming click answers the campaigns', '*', 'signed_up l2, sent c1..c10, confirmed l2', 'active (l2 active)'),
('a confirmation by hand does not', 'emailmanager', 'signed_up l2, sent c1..c10, confirmed l2 source=manual evidence=letter', 'unresponsive (l2 unresponsive)'),
('a confirmation releases nobody', '*', 'signed_up l2, suspended, confirmed l2', 'suspended (l2 suspended)'),
('a confirmation restores nobody', '*', 'signed_up l2, deleted, confirmed l2', 'deleted (l2 deleted)'),
('but counts once restored', '*', 'signed_up l2, deleted, confirmed l2, restored', 'active (l2 active)'),

-- resubscribed ----------------------------------------------------------------------------------------------------------
('resubscribed', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed l1, resubscribed l1 evidence=phone', 'active (l1 active) not monitored'),
('resubscribed', 'emailmanager', 'added l1, unsubscribed l1, resubscribed l1 evidence=phone', 'unsubscribed (l1 unsubscribed) not monitored'),
('resubscribed without ever joining', 'default salesmanago activecampaign ecomail', 'resubscribed l2 evidence=phone', 'active (l2 active)'),
('resubscribed without ever joining', 'emailmanager', 'resubscribed l2 evidence=phone', 'unconfirmed ()'),
('resubscribed when unconfirmed', 'default salesmanago activecampaign ecomail', 'signed_up l2, resubscribed l2 evidence=phone', 'active (l2 active)'),
('resubscribed when unconfirmed', 'emailmanager', 'signed_up l2, resubscribed l2 evidence=phone', 'unconfirmed (l2 unconfirmed)'),
('resubscribed after a complaint', '*', 'added l1, complained, resubscribed l1 evidence=phone', 'complained (l1 complained)'),
('resubscribed after opt-out and complaint', '*', 'added l1, unsubscribed l1, complained, resubscribed l1 evidence=phone', 'complained (l1 complained)'),
('resubscribed after a complaint, on a new list', '*', 'added l1, complained, resubscribed l3 evidence=phone', 'complained'),
('resubscribed before a complaint', '*', 'unsubscribed l1, resubscribed l1 evidence=phone, complained', 'complained'),
('resubscribed, then opted out', '*', 'added l1, unsubscribed l1, resubscribed l1 evidence=phone, unsubscribed l1', 'unsubscribed (l1 unsubscribed)'),
('a return lifts an account-wide opt-out on its own list only', 'default salesmanago activecampaign ecomail', 'added l1, added l3, unsubscribed, resubscribed l1 evidence=phone', 'active (l1 active, l3 unsubscribed)'),
('and not on lists joined later', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed, resubscribed l1 evidence=phone, added l3', 'active (l1 active, l3 unsubscribed)'),
('resubscribed on a list never joined, opted out account-wide', 'default salesmanago activecampaign ecomail', 'unsubscribed, resubscribed l1 evidence=phone', 'active (l1 active)'),
('resubscribed on a list never joined, opted out account-wide', 'emailmanager', 'unsubscribed, resubscribed l1 evidence=phone', 'unsubscribed (l1 unsubscribed)'),
('resubscribed does not prove an address alive', 'default salesmanago activecampaign ecomail', 'added l1, invalidated, resubscribed l1 evidence=phone', 'hard_bounced (l1 hard_bounced)'),

-- removed ---------------------------------------------------------------------------------------------------------------
('removed', '*', 'added l1, removed l1', 'unconfirmed ()'),
('removed from one of two lists', '*', 'added l1, added l3, removed l1', 'active (l3 active)'),
('removed from a list never joined', '*', 'removed l1', 'unconfirmed ()'),
('removed and added again', '*', 'added l1, removed l1, added l1', 'active (l1 active)'),
('removed before confirming', '*', 'signed_up l2, removed l2, confirmed l2', 'unconfirmed ()'),
('an opt-out stays', '*', 'added l1, unsubscribed l1, removed l1', 'unsubscribed (l1 unsubscribed)'),
('an opt-out stays, whatever is added', '*', 'added l1, unsubscribed l1, removed l1, added l1', 'unsubscribed (l1 unsubscribed)'),
('an account-wide opt-out stays', '*', 'added l1, unsubscribed, removed l1', 'unsubscribed (l1 unsubscribed)'),
('removed, then opted out account-wide', '*', 'added l1, removed l1, unsubscribed', 'unsubscribed ()'),

-- unsubscribed ----------------------------------------------------------------------------------------------------------
('opt-out', '*', 'added l1, unsubscribed l1', 'unsubscribed (l1 unsubscribed) not monitored'),
('opt-out when unconfirmed', '*', 'signed_up l2, unsubscribed l2', 'unsubscribed (l2 unsubscribed)'),
('opt-out of one of two lists', 'default activecampaign', 'added l1, added l3, unsubscribed l3', 'active (l1 active, l3 unsubscribed)'),
('opt-out of one of two lists', 'salesmanago ecomail emailmanager', 'added l1, added l3, unsubscribed l3', 'unsubscribed (l1 unsubscribed, l3 unsubscribed)'),
('opt-out of a list never joined', 'default activecampaign', 'unsubscribed l1', 'unsubscribed (l1 unsubscribed)'),
('opt-out of a list never joined', 'salesmanago ecomail emailmanager', 'unsubscribed l1', 'unsubscribed'),
('opt-out of a list never joined, on another', 'default activecampaign', 'added l3, unsubscribed l1', 'active (l1 unsubscribed, l3 active)'),
('opt-out of a list, then another joined', 'default activecampaign', 'added l1, unsubscribed l1, added l3', 'active (l1 unsubscribed, l3 active)'),
('opt-out of a list, then another joined', 'salesmanago ecomail emailmanager', 'added l1, unsubscribed l1, added l3', 'unsubscribed (l1 unsubscribed, l3 unsubscribed)'),
('opt-out with no list', '*', 'added l1, added l3, unsubscribed', 'unsubscribed (l1 unsubscribed, l3 unsubscribed)'),
('opt-out with no list, on none', '*', 'unsubscribed', 'unsubscribed ()'),
('opt-out with no list, then added', '*', 'unsubscribed, added l1', 'unsubscribed (l1 unsubscribed)'),
('opt-out with no list, then signed up', '*', 'unsubscribed, signed_up l3', 'unsubscribed (l3 unsubscribed)'),
('and confirmed', 'default salesmanago activecampaign ecomail', 'unsubscribed, signed_up l3 key=A, confirmed l3 key=A', 'active (l3 active)'),
('and confirmed', 'emailmanager', 'unsubscribed, signed_up l3 key=A, confirmed l3 key=A', 'unsubscribed (l3 unsubscribed)'),
('the return is on its own list only', 'default salesmanago activecampaign ecomail', 'added l1, added l3, unsubscribed, signed_up l1, confirmed l1', 'active (l1 active, l3 unsubscribed)'),
('lists joined after the return begin unsubscribed all the same', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed, signed_up l1, confirmed l1, added l2, signed_up l3', 'active (l1 active, l2 unsubscribed, l3 unsubscribed)'),
('and are returned to each by itself', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed, signed_up l1, confirmed l1, signed_up l3, confirmed l3', 'active (l1 active, l3 active)'),
('removed after an account-wide return: a list joined later', 'default salesmanago activecampaign ecomail', 'added l1, unsubscribed, signed_up l1, confirmed l1, removed l1, added l1', 'unsubscribed (l1 unsubscribed)'),

-- complained ------------------------------------------------------------------------------------------------------------
('complained', '*', 'added l1, complained', 'complained (l1 complained) not monitored'),
('complained of one list: of every one', '*', 'added l1, added l3, complained l1', 'complained (l1 complained, l3 complained)'),
('complained, on no list', '*', 'complained', 'complained ()'),
('complained and opted out', '*', 'added l1, complained, unsubscribed l1', 'complained (l1 complained)'),
('complained for good', '*', 'added l1, complained, validated, released, restored, delivered c1, opened c1, clicked c1, visited', 'complained (l1 complained)'),
('complained and removed', '*', 'added l1, complained, removed l1', 'complained ()'),
('complained, removed, added', '*', 'added l1, complained, removed l1, added l1', 'complained (l1 complained)'),

-- deleted, restored -----------------------------------------------------------------------------------------------------
('deleted', '*', 'added l1, deleted', 'deleted (l1 deleted)'),
('deleted, on no list', '*', 'deleted', 'deleted ()'),
('deleted shows over a complaint', '*', 'added l1, complained, deleted', 'deleted (l1 deleted)'),
('restored: what the other facts say', '*', 'added l1, deleted, restored', 'active (l1 active)'),
('restored: unsubscribed', '*', 'added l1, unsubscribed l1, deleted, restored', 'unsubscribed (l1 unsubscribed)'),
('restored: complained', '*', 'added l1, complained, deleted, restored', 'complained (l1 complained)'),
('restored: dead', '*', 'added l1, deleted, invalidated, restored', 'hard_bounced (l1 hard_bounced)'),
('opted out while deleted', '*', 'added l1, deleted, unsubscribed l1, restored', 'unsubscribed (l1 unsubscribed)'),
('restored without a deletion', '*', 'added l1, restored', 'active (l1 active)'),
('deleted again', '*', 'added l1, deleted, restored, deleted', 'deleted (l1 deleted)'),
('a sign-up ends a deletion', '*', 'deleted, signed_up l3', 'active (l3 active)'),
('and consents so far are gone', '*', 'added l1, added l3, deleted, signed_up l2', 'unconfirmed (l2 unconfirmed)'),
('also on its own list', '*', 'added l2, deleted, signed_up l2', 'unconfirmed (l2 unconfirmed)'),
('also unconfirmed ones', '*', 'signed_up l2, deleted, signed_up l3', 'active (l3 active)'),
('on its own list, double opt-in as the policy says', 'default salesmanago ecomail', 'added l1, deleted, signed_up l1', 'unconfirmed (l1 unconfirmed)'),
('on its own list, double opt-in as the policy says', 'activecampaign emailmanager', 'added l1, deleted, signed_up l1', 'active (l1 active)'),
('opt-outs are not gone', '*', 'added l1, unsubscribed l1, deleted, signed_up l1', 'unsubscribed (l1 unsubscribed)'),
('opt-outs of other lists are not gone', 'default activecampaign', 'added l1, unsubscribed l1, added l3, deleted, signed_up l2', 'unconfirmed (l1 unsubscribed, l2 unconfirmed)'),
('requests pending on them are not gone', 'default activecampaign', 'added l1, unsubscribed l1, signed_up l1 key=A, deleted, signed_up l2, confirmed l1 key=A', 'active (l1 active, l2 unconfirmed)'),
('requests pending on them are not gone', 'salesmanago ecomail', 'added l1, unsubscribed l1, signed_up l1 key=A, deleted, signed_up l2, confirmed l1 key=A', 'active (l1 active, l2 unsubscribed)'),
('a sign-up after a restore takes nothing away', '*', 'added l1, deleted, restored, signed_up l2', 'active (l1 active, l2 unconfirmed)'),
('a complaint outlives the deletion', '*', 'added l1, complained, deleted, signed_up l3', 'complained (l3 complained)'),
('resubscribed ends a deletion', 'default salesmanago activecampaign ecomail', 'added l1, added l3, deleted, resubscribed l1 evidence=phone', 'active (l1 active)'),
('resubscribed ends a deletion in any case', 'emailmanager', 'added l1, added l3, deleted, resubscribed l1 evidence=phone', 'unconfirmed ()'),
('resubscribed ends a deletion in any case: complained', '*', 'added l1, complained, deleted, resubscribed l1 evidence=phone', 'complained ()'),
('added does not end a deletion', '*', 'deleted, added l1', 'deleted (l1 deleted)'),
('nothing else ends a deletion', '*', 'added l1, deleted, confirmed l1, released, validated, sent c1, delivered c1, opened c1, clicked c1, visited', 'deleted (l1 deleted)'),

-- delivery never touches consent ----------------------------------------------------------------------------------------
('delivery events after an opt-out', '*', 'added l1, unsubscribed l1, sent c1, delivered c1, opened c1, clicked c1, visited, validated', 'unsubscribed (l1 unsubscribed) monitored'),
('errors after an opt-out', '*', 'added l1, unsubscribed l1, soft_bounced c1..c20, nonexistent c21, nonexistent c22', 'unsubscribed (l1 unsubscribed)'),
('an opt-out of a dead address', '*', 'added l1, invalidated, unsubscribed l1, validated', 'unsubscribed (l1 unsubscribed)'),
('errors when unconfirmed', '*', 'signed_up l2, soft_bounced c1', 'unconfirmed (l2 unconfirmed)'),
('dead when unconfirmed', '*', 'signed_up l2, invalidated', 'hard_bounced (l2 hard_bounced)'),
('alive again and still unconfirmed', '*', 'signed_up l2, invalidated, validated', 'unconfirmed (l2 unconfirmed)'),

-- on no list: the greatest of the address facts, but at least unconfirmed
('an error, on no list', '*', 'soft_bounced c1', 'unconfirmed ()'),
('dead, on no list', '*', 'invalidated', 'hard_bounced ()'),
('dead and opted out, on no list', '*', 'unsubscribed, invalidated', 'unsubscribed ()');

SELECT * FROM helper.check_rules();

-- An unconfirmed sign-up is subscribed by a second one once the list asks for no double opt-in.
WITH story AS MATERIALIZED (SELECT a, helper.play(a, 'signed_up l2') AS contact FROM helper.account('default', '{"unsubscribe_scope": "account"}') AS a)
SELECT (a).account_id AS account, contact, helper.list(a, 'l2') AS list FROM story \gset
UPDATE crm.list SET double_opt_in = false WHERE account_id = :account AND list_id = :list;
INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (:account, :contact, :list, 'signed_up');
SELECT is(status, 'active', 'unconfirmed, signed up again without double opt-in')
FROM crm.contact WHERE account_id = :account AND contact_id = :contact;

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
