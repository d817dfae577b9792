\i test/pgtap/setup.inc
-- What falls due: sweep materialises suspensions that ended and unresponsiveness that was reached; mailable and what
-- the next event finds are right without it.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
CREATE TABLE helper.due (name text, policy text, events text, before text, after text, contact bigint,
    account helper.account);
INSERT INTO helper.due (name, policy, events, before, after) VALUES
    ('a suspension that ends', 'default', 'added l1 @-9h, suspended @-5h until=+1h', 'suspended (l1 suspended)',
        'active (l1 active)'),
    ('one that ends, opted out', 'default', 'added l1 @-9h, unsubscribed l1 @-6h, suspended @-5h until=+1h',
        'unsubscribed (l1 unsubscribed)', 'unsubscribed (l1 unsubscribed)'),
    ('one that ends, unconfirmed', 'default', 'signed_up l2 @-9h, suspended @-5h until=+1h', 'suspended (l2 suspended)',
        'unconfirmed (l2 unconfirmed)'),
    ('one that ends, two lists', 'ecomail', 'added l1 @-9h, added l3, suspended @-5h until=+1h',
        'suspended (l1 suspended, l3 suspended)', 'active (l1 active, l3 active)'),
    ('one that ends, on no list', 'default', 'suspended @-5h until=+1h', 'suspended ()', 'unconfirmed ()'),
    ('one that ends later', 'default', 'added l1 @-9h, suspended @-5h until=+3h', 'suspended (l1 suspended)',
        'suspended (l1 suspended)'),
    ('one until released', 'default', 'added l1 @-9h, suspended @-5h', 'suspended (l1 suspended)',
        'suspended (l1 suspended)'),
    ('one replaced by one until released', 'default', 'added l1 @-9h, suspended @-5h until=+1h, suspended @-4h',
        'suspended (l1 suspended)', 'suspended (l1 suspended)'),
    ('one replaced by a later one', 'default', 'added l1 @-9h, suspended @-5h until=+1h, suspended @-4h until=+5h',
        'suspended (l1 suspended)', 'suspended (l1 suspended)'),
    ('one released', 'default', 'added l1 @-9h, suspended @-5h until=+1h, released @-4h', 'active (l1 active)',
        'active (l1 active)'),
    ('fifteen days without an answer', 'emailmanager', 'added l1 @-500h, sent c1 @-359h', 'active (l1 active)',
        'unresponsive (l1 unresponsive)'),
    ('the same, with an error', 'emailmanager', 'added l1 @-500h, sent c1 @-359h, soft_bounced c1',
        'soft_bounced (l1 soft_bounced)', 'unresponsive (l1 unresponsive)'),
    ('the same, dead', 'emailmanager', 'added l1 @-500h, sent c1 @-359h, nonexistent c1',
        'hard_bounced (l1 hard_bounced)', 'hard_bounced (l1 hard_bounced)'),
    ('the same, suspended meanwhile', 'emailmanager', 'added l1 @-500h, sent c1 @-359h, suspended until=+1h',
        'suspended (l1 suspended)', 'unresponsive (l1 unresponsive)'),
    ('answered', 'emailmanager', 'added l1 @-500h, sent c1 @-359h, opened c1 @-300h', 'active (l1 active)',
        'active (l1 active)'),
    ('fourteen days', 'emailmanager', 'added l1 @-500h, sent c1 @-336h', 'active (l1 active)', 'active (l1 active)'),
    ('no such rule', 'default', 'added l1 @-500h, sent c1 @-359h', 'active (l1 active)', 'active (l1 active)'),
    ('nothing due', 'default', 'added l1', 'active (l1 active)', 'active (l1 active)');
UPDATE helper.due SET account = helper.account(policy);
UPDATE helper.due SET contact = helper.play(account, events);

SELECT is(helper.state(account, contact), before, 'before: ' || name) FROM helper.due;
SELECT * FROM helper.check_whole();
SELECT is(contact_status.sweep('crm')::int, 0, 'nothing is due now');

SELECT is(contact_status.sweep('crm', now() + interval '59 minutes')::int, 0, 'nor a minute before');
SELECT is(contact_status.sweep('crm', now() + interval '1 hour')::int,
    (SELECT count(*)::int FROM helper.due WHERE before <> after),
    'a sweep as of the hour they are due, returns how many contacts changed');
SELECT is(helper.state(account, contact), after, 'after: ' || name) FROM helper.due;
SELECT is(contact_status.sweep('crm', now() + interval '1 hour')::int, 0, 'a second sweep has nothing to do');

-- Invariant: judged as of now(), although the sweep was ahead of it.
SELECT is_empty($$SELECT d.name FROM helper.due AS d
        JOIN crm.mailable AS m ON m.account_id = (d.account).account_id AND m.contact_id = d.contact
    WHERE d.before LIKE 'suspended%'$$, 'who is held now is not mailable, whatever a sweep ahead of time has stored');
SELECT set_eq($$SELECT d.name FROM helper.due AS d
        JOIN crm.mailable AS m ON m.account_id = (d.account).account_id AND m.contact_id = d.contact$$,
    $$SELECT name FROM helper.due WHERE before ~ '^(active|soft_bounced)'$$,
    'a contact that is mailable now remains so, also if a sweep ahead stored unresponsive');

-- Whatever a sweep stored, the next event finds what holds at its own time.
SELECT helper.record(account, contact, 'opened @-1m') FROM helper.due
    WHERE name = 'fifteen days without an answer' \g /dev/null
SELECT is(helper.state(account, contact), 'active (l1 active)', 'an answer before it was due, recorded after')
    FROM helper.due WHERE name = 'fifteen days without an answer';

-- A sweep takes only what is due, one after the other.
INSERT INTO helper.due (name, policy, events, account) SELECT format('hour %s', h), 'ecomail',
    format('added l1 @-9h, suspended @-5h until=+%sh', 10 + h), helper.account('ecomail')
    FROM generate_series(1, 5) AS h;
UPDATE helper.due SET contact = helper.play(account, events) WHERE name LIKE 'hour %';
SELECT is(contact_status.sweep('crm', now() + interval '9 hours')::int, 2, 'the two that were due in the meantime');
SELECT is(contact_status.sweep('crm', now() + interval '1 hour' * (10 + h))::int, 1, format('one is due in hour %s', h))
    FROM generate_series(1, 5) AS h;

SELECT * FROM finish();
ROLLBACK;
