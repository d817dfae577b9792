\i test/pgtap/setup.inc
-- What is kept beside the status: since when each fact holds. Times are given in hours ago.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

CREATE TABLE helper.fact (nr int GENERATED ALWAYS AS IDENTITY, policy text, of text, events text, hours_ago int);
INSERT INTO helper.fact (policy, of, events, hours_ago) VALUES
    ('default', 'hard_bounced_at', 'added l1 @-9h, delivered c1 @-8h', NULL),
    ('default', 'hard_bounced_at', 'added l1 @-9h, hard_bounced c1 @-8h', 8),
    ('default', 'hard_bounced_at',
        'added l1 @-9h, hard_bounced c1 @-8h, hard_bounced c2 @-7h, nonexistent c3 @-6h, soft_bounced c4 @-5h', 8),
    ('salesmanago', 'hard_bounced_at',
        'added l1 @-9h, hard_bounced c1 @-8h, hard_bounced c2 @-7h, hard_bounced c3 @-6h', 7),
    ('salesmanago', 'hard_bounced_at', 'added l1 @-9h, hard_bounced c1 @-8h', NULL),
    ('default', 'hard_bounced_at', 'added l1 @-9h, hard_bounced c1 @-8h, validated @-7h', NULL),
    ('default', 'hard_bounced_at', 'added l1 @-9h, hard_bounced c1 @-8h, delivered c2 @-7h', 8),
    ('emailmanager', 'hard_bounced_at', 'added l1 @-9h, blocked c1..c5 @-8h', NULL),
    ('default', 'complained_at', 'added l1 @-9h', NULL),
    ('default', 'complained_at', 'added l1 @-9h, complained @-8h, unsubscribed @-7h, deleted @-6h', 8),
    ('default', 'deleted_at', 'added l1 @-9h, deleted @-8h', 8),
    ('default', 'deleted_at', 'added l1 @-9h, deleted @-8h, restored @-7h', NULL),
    ('default', 'deleted_at', 'added l1 @-9h, deleted @-8h, signed_up l3 @-7h', NULL),
    ('default', 'unsubscribed_at', 'added l1 @-9h, unsubscribed l1 @-8h', NULL),
    ('default', 'unsubscribed_at', 'added l1 @-9h, unsubscribed @-8h', 8),
    ('ecomail', 'unsubscribed_at', 'added l1 @-9h, unsubscribed l1 @-8h', 8),
    ('ecomail', 'unsubscribed_at', 'added l1 @-9h, unsubscribed l1 @-8h, resubscribed l1 evidence=phone @-7h', 8),
    ('default', 'suspended_at', 'added l1 @-9h, suspended @-8h', 8),
    ('default', 'suspended_at', 'added l1 @-9h, suspended @-8h, suspended until=+1h @-7h', 7),
    ('default', 'suspended_at', 'added l1 @-9h, suspended @-8h, released @-7h', NULL),
    ('default', 'suspended_until', 'added l1 @-9h, suspended until=+1h @-7h', -1),
    ('default', 'suspended_until', 'added l1 @-9h, suspended until=+1h @-7h, suspended @-6h', NULL),
    ('emailmanager', 'unanswered_since', 'added l1 @-9h, sent c1 @-8h, sent c2 @-7h', 8),
    ('emailmanager', 'unanswered_since', 'added l1 @-9h, sent c1 @-8h, opened c1 @-7h', NULL),
    ('emailmanager', 'unanswered_since', 'added l1 @-9h, sent c1 @-8h, opened c1 @-7h, sent c2 @-6h', 6),
    ('default', 'unanswered_since', 'added l1 @-9h, sent c1 @-8h', NULL);
CREATE FUNCTION helper.hours_ago(a helper.account, contact bigint, of text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    fact timestamptz;
BEGIN
    EXECUTE format('SELECT %I FROM crm.contact WHERE account_id = $1 AND contact_id = $2', of) INTO fact
        USING a.account_id, contact;
    RETURN extract(epoch FROM now() - fact) / 3600;
END $$;
SELECT is(helper.hours_ago(a, helper.play(a, events, arrival), of), hours_ago,
    format('%s: %s after %s, %s', policy, of, events, arrival))
FROM (SELECT f.*, a FROM helper.fact AS f, helper.account(f.policy) AS a) AS f,
    unnest('{in order,backwards}'::text[]) AS arrival ORDER BY nr, arrival;

-- Of a subscription: since when there is this consent, and the request pending.
CREATE TABLE helper.consent (nr int GENERATED ALWAYS AS IDENTITY, events text, expected text);
INSERT INTO helper.consent (events, expected) VALUES
    ('added l1 @-9h, added l1 @-8h', 'active since 9'),
    ('added l1 @-9h, soft_bounced c1 @-8h, suspended @-7h', 'active since 9'),
    ('added l1 @-9h, complained @-8h', 'active since 9'),
    ('signed_up l1 @-9h', 'unconfirmed since 9'),
    ('signed_up l1 @-9h, confirmed l1 @-8h, confirmed l1 @-7h', 'active since 8'),
    ('added l1 @-9h, unsubscribed l1 @-8h, added l1 @-7h', 'unsubscribed since 8'),
    ('added l1 @-9h, unsubscribed l1 @-8h, signed_up l1 @-7h', 'unsubscribed since 8, request of 7 without a key'),
    ('added l1 @-9h, unsubscribed l1 @-8h, signed_up l1 key=A @-7h, signed_up l1 key=B @-6h',
        'unsubscribed since 8, request of 6 with key B'),
    ('added l1 @-9h, unsubscribed l1 @-8h, signed_up l1 key=A @-7h, confirmed l1 key=A @-6h', 'active since 6'),
    ('added l1 @-9h, unsubscribed l1 @-8h, resubscribed l1 evidence=phone @-7h', 'active since 7'),
    ('added l1 @-9h, removed l1 @-8h, added l1 @-7h', 'active since 7');
CREATE FUNCTION helper.consent_of(a helper.account, contact bigint) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s since %s%s', consent, round(extract(epoch FROM now() - consent_at) / 3600),
        ', request of ' || round(extract(epoch FROM now() - requested_at) / 3600)
            || CASE WHEN request_key <> '' THEN ' with key ' || request_key ELSE ' without a key' END)
    FROM crm.subscription AS s WHERE s.account_id = a.account_id AND s.contact_id = contact
$$;
SELECT is(helper.consent_of(a, helper.play(a, events, arrival)), expected, format('%s, %s', events, arrival))
FROM (SELECT c.*, a FROM helper.consent AS c, helper.account('default') AS a) AS f,
    unnest('{in order,backwards}'::text[]) AS arrival ORDER BY nr, arrival;

SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
