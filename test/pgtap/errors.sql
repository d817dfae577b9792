\i test/pgtap/setup.inc
-- Refusals: what is refused, with which SQLSTATE and constraint name, and that nothing of it stays.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');

-- Contact 4711 of account 1 is on list 1; contact 4712 on none. Account 2 has contact 4721 and list 21.
INSERT INTO crm.list (account_id, list_id, name) OVERRIDING SYSTEM VALUE VALUES (1, 8, 'other');
INSERT INTO crm.contact (contact_id, email) VALUES (4711, 'ann@example.org'), (4712, 'bob@example.org');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'emailmanager');
INSERT INTO crm.list (account_id, list_id, name) OVERRIDING SYSTEM VALUE VALUES (2, 21, 'theirs');
INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 4721, 'ann@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, source) VALUES (4711, 1, 'added', 'import');

CREATE FUNCTION helper.everything() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(E'\n',
        (SELECT string_agg(to_jsonb(c)::text, ' ' ORDER BY account_id, contact_id) FROM crm.contact AS c),
        (SELECT string_agg(to_jsonb(s)::text, ' ' ORDER BY account_id, list_id, contact_id) FROM crm.subscription AS s),
        (SELECT string_agg(to_jsonb(e)::text, ' ' ORDER BY to_jsonb(e)::text) FROM crm.event AS e),
        (SELECT string_agg(to_jsonb(h)::text, ' ' ORDER BY to_jsonb(h)::text) FROM crm.status_history AS h))
$$;
SELECT helper.everything() AS before \gset

-- The shape of events -------------------------------------------------------------------------------------------------

-- What each kind needs: the least that is accepted.
CREATE TABLE helper.shape (kind contact_status.event_kind, list bigint, campaign bigint, evidence text);
INSERT INTO helper.shape
SELECT kind,
    CASE WHEN kind IN ('added', 'signed_up', 'confirmed', 'resubscribed', 'removed') THEN 1 END,
    CASE WHEN kind = 'sent' THEN 5 END,
    CASE WHEN kind = 'resubscribed' THEN 'on the phone' END
FROM unnest(enum_range(NULL::contact_status.event_kind)) AS kind;

CREATE FUNCTION helper.event(contact bigint, list bigint, campaign bigint, kind text, evidence text,
    source text DEFAULT NULL, until text DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, evidence, source, occurred_at, until)
                   VALUES (%L, %L, %L, %L, %L, %L, now() - interval ''1 hour'', now() + %L::interval)',
                  contact, list, campaign, kind, evidence, source, until)
$$;

SELECT helper.accepted(helper.event(4711, list, campaign, kind::text, evidence), format('%s: the least shape', kind))
FROM helper.shape ORDER BY kind;
SELECT helper.accepted(helper.event(4711, 1, 5, kind::text, 'letter', 'webhook'),
    format('%s: list, campaign, source and evidence are kept as given', kind))
FROM helper.shape ORDER BY kind;
SELECT helper.accepted(helper.event(4711, NULL, NULL, 'suspended', NULL, until => '1 day'), 'suspended: until');
SELECT helper.accepted(helper.event(4711, NULL, NULL, 'suspended', NULL, until => '-59 minutes'),
    'suspended: until a time already past');
SELECT helper.accepted(helper.event(4711, 1, NULL, 'confirmed', 'letter', 'manual'), 'confirmed by hand with evidence');
SELECT helper.accepted(helper.event(4711, 1, NULL, 'confirmed', NULL, 'form'),
    'confirmed without evidence, not by hand');
SELECT helper.accepted(helper.event(4711, 1, NULL, 'added', NULL, 'manual'), 'added by hand without evidence');

SELECT helper.refused_helpfully(statement, '23514 contact_status_event', '4711', description) FROM (
    SELECT helper.event(4711, NULL, campaign, kind::text, evidence), format('%s without a list', kind)
    FROM helper.shape WHERE list IS NOT NULL
    UNION ALL
    SELECT helper.event(4711, 1, NULL, 'sent', NULL), 'sent without a campaign'
    UNION ALL
    SELECT helper.event(4711, 1, NULL, 'resubscribed', blank), format('resubscribed, %s', what)
    FROM (VALUES (NULL, 'no evidence'), ('', 'evidence of no character'), ('   ', 'blank evidence'),
        (E' \t\n', 'evidence of white space')) AS b (blank, what)
    UNION ALL
    SELECT helper.event(4711, 1, NULL, 'confirmed', blank, 'manual'), format('confirmed by hand, %s', what)
    FROM (VALUES (NULL, 'no evidence'), ('', 'evidence of no character'), ('   ', 'blank evidence'),
        (E' \t\n', 'evidence of white space')) AS b (blank, what)
    UNION ALL
    SELECT helper.event(4711, list, campaign, kind::text, evidence, until => '1 day'), format('%s with until', kind)
    FROM helper.shape WHERE kind <> 'suspended'
    UNION ALL
    SELECT helper.event(4711, NULL, NULL, 'suspended', NULL, until => '-1 hour'), 'suspended until the time it began'
    UNION ALL
    SELECT helper.event(4711, NULL, NULL, 'suspended', NULL, until => '-2 hours'),
        'suspended until a time before it began')
    AS wrong (statement, description);

-- Unknown ones --------------------------------------------------------------------------------------------------------

SELECT helper.refused_helpfully(statement, '23503', naming, description) FROM (VALUES
    ($$INSERT INTO crm.event (contact_id, kind) VALUES (999, 'opened')$$, '999', 'event of an unknown contact'),
    ($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (999, 1, 'added')$$, '999', 'added, unknown contact'),
    ($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (4711, 777, 'added')$$, '777', 'added, unknown list'),
    ($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (4711, 777, 'opened')$$, '777', 'opened, unknown list'),
    ($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (4711, 777, 'unsubscribed')$$, '777',
        'unsubscribed, unknown list'),
    ($$INSERT INTO crm.event (account_id, contact_id, kind) VALUES (55, 4711, 'opened')$$, '4711',
        'event of an unknown account'),
    ($$INSERT INTO crm.event (account_id, contact_id, kind) VALUES (2, 4711, 'opened')$$, '4711',
        'event of a contact of another account'),
    ($$INSERT INTO crm.event (contact_id, kind) VALUES (4721, 'opened')$$, '4721',
        'event of a contact of another account, the other way'),
    ($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (4711, 21, 'added')$$, '21',
        'added to a list of another account'),
    ($$INSERT INTO crm.event (contact_id, kind) VALUES (4711, 'opened'), (999, 'opened'), (4712, 'opened')$$, '999',
        'one unknown contact among three'))
    AS wrong (statement, naming, description);
-- Foreign keys have constraint names of their own.
SELECT is(split_part(verdict, ' ', 1), '23503', description) FROM (VALUES
    ($$INSERT INTO crm.contact (account_id, email) VALUES (55, 'eve@example.org')$$, 'contact of an unknown account'),
    ($$INSERT INTO crm.list (account_id, name) VALUES (55, 'news')$$, 'list of an unknown account'),
    ($$INSERT INTO crm.account (account_id, policy) VALUES (3, 'mailchimp')$$, 'account under an unknown policy'),
    ($$UPDATE crm.account SET policy = 'mailchimp' WHERE account_id = 2$$, 'account given an unknown policy'),
    ($$SELECT contact_status.create_tables('crm2', policy => 'mailchimp')$$, 'tables under an unknown policy'),
    ($$SELECT * FROM contact_status.transitions('mailchimp')$$, 'transitions of an unknown policy'),
    ($$SELECT contact_status.state_diagram('mailchimp')$$, 'state diagram of an unknown policy'))
    AS wrong (statement, description), helper.refusal(statement);

-- Times ---------------------------------------------------------------------------------------------------------------

SELECT helper.refused_helpfully(
    format('INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (4711, ''opened'', %s)', occurred_at),
    '22008', '4711', description)
FROM (VALUES
    ($$clock_timestamp() + interval '61 seconds'$$, 'more than a minute ahead'),
    ($$clock_timestamp() + interval '1 year'$$, 'a year ahead'),
    ($$'infinity'$$, 'for ever ahead'),
    ($$'-infinity'$$, 'infinitely long ago')) AS wrong (occurred_at, description);
SELECT helper.accepted(format('INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (4711, ''opened'', %s)',
        occurred_at), description)
FROM (VALUES
    ($$clock_timestamp() + interval '55 seconds'$$, 'less than a minute ahead: clocks differ'),
    ($$now()$$, 'now'),
    ($$'1999-12-31 23:59:59+00'$$, 'long ago')) AS fine (occurred_at, description);

-- Direct writes to derived columns ------------------------------------------------------------------------------------

SELECT helper.refused_helpfully(statement, '23514 contact_status_derived', '4711', description) FROM (VALUES
    ($$UPDATE crm.contact SET status = 'complained' WHERE contact_id = 4711$$, 'UPDATE of a status, to a worse one'),
    ($$UPDATE crm.contact SET status = 'soft_bounced' WHERE contact_id = 4711$$, 'UPDATE of a status'),
    ($$UPDATE crm.contact SET email = 'new@example.org', status = 'deleted' WHERE contact_id = 4711$$,
        'UPDATE of a status beside the address'),
    ($$INSERT INTO crm.contact (contact_id, email) VALUES (4711, 'x@example.org')
       ON CONFLICT (account_id, contact_id) DO UPDATE SET status = 'unsubscribed'$$, 'upsert of a status'),
    ($$UPDATE crm.contact SET monitored = NOT monitored WHERE contact_id = 4711$$, 'UPDATE of monitored'))
    AS wrong (statement, description);
SELECT helper.refused($$UPDATE crm.contact SET status = 'active' WHERE contact_id = 4712$$,
    '23514 contact_status_derived', 'UPDATE to a mailable status');

-- Every other derived column of contact: all but the keys and what is the application's.
SELECT helper.refused(format('UPDATE crm.contact SET %I = %s WHERE contact_id = 4711', a.attname,
        CASE format_type(a.atttypid, NULL)
            WHEN 'timestamp with time zone' THEN $$'2001-01-01 12:00+00'$$
            WHEN 'timestamp with time zone[]' THEN $$ARRAY['2001-01-01 12:00+00'::timestamptz]$$
            WHEN 'bigint[]' THEN '''{12345}'''
            WHEN 'boolean' THEN format('%I IS NOT TRUE', a.attname)
            WHEN 'contact_status.contact_status' THEN $$'failing'$$
            WHEN 'smallint' THEN '7' WHEN 'integer' THEN '7' WHEN 'bigint' THEN '7'
            ELSE '''7''' END),
    '23514 contact_status_derived', format('UPDATE of contact.%s', a.attname))
FROM pg_attribute AS a
WHERE a.attrelid = 'crm.contact'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
AND a.attname NOT IN ('account_id', 'contact_id', 'email', 'created_at') ORDER BY a.attnum;

SELECT helper.refused(format('INSERT INTO crm.contact (email, %I) VALUES (''eve@example.org'', %s)', col, val),
    '23514 contact_status_derived', format('INSERT of a contact with %s = %s', col, val))
FROM (VALUES ('status', '''active'''), ('status', '''soft_bounced'''), ('status', '''unsubscribed'''),
    ('status', '''complained'''),
    ('status', '''deleted'''), ('monitored', 'true'), ('complained_at', 'now()'), ('unsubscribed_at', 'now()'),
    ('deleted_at', 'now()'),
    ('hard_bounced_at', 'now()'), ('suspended_at', 'now()')) AS derived (col, val);
SELECT helper.accepted($$INSERT INTO crm.contact (email) VALUES ('eve@example.org')$$, 'INSERT of a contact');
SELECT helper.accepted($$UPDATE crm.contact SET email = 'ann.new@example.org' WHERE contact_id = 4711$$,
    'UPDATE of an address');

-- and to derived tables
SELECT helper.refused_helpfully(statement, '23514 contact_status_derived', naming, description) FROM (VALUES
    ($$INSERT INTO crm.subscription (account_id, list_id, contact_id, status, consent) VALUES
            (1, 1, 4712, 'active', 'active')$$, '4712', 'INSERT of a subscription'),
    ($$INSERT INTO crm.subscription (account_id, list_id, contact_id, status, consent) VALUES
            (1, 8, 4711, 'unsubscribed', 'unsubscribed')$$, '4711', 'INSERT of an opt-out'),
    ($$INSERT INTO crm.subscription (account_id, list_id, contact_id, status, consent) VALUES
            (1, 1, 4711, 'active', 'active')
       ON CONFLICT (account_id, list_id, contact_id) DO UPDATE SET status = 'unsubscribed'$$, '4711',
           'upsert of a subscription'),
    ($$UPDATE crm.subscription SET status = 'unsubscribed' WHERE contact_id = 4711$$, '4711',
        'UPDATE of a subscription''s status'),
    ($$UPDATE crm.subscription SET consent = 'unsubscribed' WHERE contact_id = 4711$$, '4711', 'UPDATE of its consent'),
    ($$UPDATE crm.subscription SET consent_at = '2001-01-01' WHERE contact_id = 4711$$, '4711',
        'UPDATE of the time of its consent'),
    ($$UPDATE crm.subscription SET requested_at = now() WHERE contact_id = 4711$$, '4711', 'UPDATE of its request'),
    ($$UPDATE crm.subscription SET list_id = 8 WHERE contact_id = 4711$$, '4711', 'UPDATE of its list'),
    ($$DELETE FROM crm.subscription WHERE contact_id = 4711$$, '4711', 'DELETE of a subscription'),
    ($$DELETE FROM crm.subscription$$, '4711', 'DELETE of every subscription'))
    AS wrong (statement, naming, description);

-- The log is append-only.
SELECT helper.refused_helpfully(statement, '23514 contact_status_derived', '', description) FROM (VALUES
    ($$UPDATE crm.event SET kind = 'deleted'$$, 'UPDATE of an event''s kind'),
    ($$UPDATE crm.event SET occurred_at = occurred_at - interval '1 day'$$, 'UPDATE of an event''s time'),
    ($$UPDATE crm.event SET retracted_at = now()$$, 'UPDATE of an event''s retraction'),
    ($$UPDATE crm.event SET source = 'api'$$, 'UPDATE of an event''s source'),
    ($$DELETE FROM crm.event WHERE contact_id = 4711$$, 'DELETE of an event'))
    AS wrong (statement, description);

-- What the server notes of an event is the server's word.
SAVEPOINT forged;
DO $$
BEGIN
    INSERT INTO crm.event (contact_id, list_id, kind, recorded_at) VALUES (4712, 1, 'added', '2001-01-01');
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
DO $$
BEGIN
    INSERT INTO crm.event (contact_id, kind, retracted_at) VALUES (4712, 'complained', now());
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SELECT (SELECT count(*) FROM crm.event WHERE recorded_at < now()) AS forged,
    (SELECT count(*) FROM crm.event WHERE retracted_at IS NOT NULL) AS retracted \gset
ROLLBACK TO forged;
SELECT is(:forged, 0, 'recorded_at is the server''s');
SELECT is(:retracted, 0, 'no event is recorded as retracted');

-- TRUNCATE ------------------------------------------------------------------------------------------------------------

SELECT helper.refused_helpfully(format('TRUNCATE crm.%I%s', name, how), '0A000', '', format('TRUNCATE %s%s', name, how))
FROM unnest('{contact,subscription,event,list,account}'::text[]) AS name, unnest('{""," CASCADE"}'::text[]) AS how;
SELECT helper.refused('TRUNCATE crm.account, crm.list, crm.contact, crm.subscription, crm.event CASCADE', '0A000',
    'TRUNCATE of all of them');

-- Two contacts of an account never share an address. ------------------------------------------------------------------

SELECT is(split_part(verdict, ' ', 1), expected, description) FROM (VALUES
    ($$INSERT INTO crm.contact (email) VALUES ('ann@example.org')$$, '23505', 'an address twice'),
    ($$INSERT INTO crm.contact (email) VALUES ('  Ann@Example.ORG ')$$, '23505',
        'an address twice, written differently'),
    ($$INSERT INTO crm.contact (email) VALUES ('EVE@example.org'), ('eve@example.org')$$, '23505',
        'twice in one statement'),
    ($$UPDATE crm.contact SET email = 'ANN@example.org' WHERE contact_id = 4712$$, '23505',
        'an address changed to another''s'),
    ($$UPDATE crm.contact SET email = 'ANN@example.org' WHERE contact_id = 4711$$, 'accepted',
        'an address written differently'),
    ($$INSERT INTO crm.contact (account_id, email) VALUES (2, 'bob@example.org')$$, 'accepted',
        'an address of another account'),
    ($$INSERT INTO crm.contact (email) VALUES (NULL)$$, '23502', 'no address'))
        AS address (statement, expected, description),
    helper.refusal(statement);

-- Settings out of range: refused, whatever the SQLSTATE of the check. -------------------------------------------------

SELECT ok(verdict ~ '^(23514|22023|22P02)', format('policy: %s refused', setting))
    || CASE WHEN verdict !~ '^(23514|22023|22P02)' THEN E'\n' || diag(verdict) ELSE '' END
FROM unnest(ARRAY[
    $$import_consent = 'always'$$, $$import_consent = ''$$,
    $$soft_bounce_limit = 0$$, $$soft_bounce_limit = -1$$,
    $$soft_bounces_per_campaign = 0$$, $$soft_bounces_per_campaign = -6$$,
    $$soft_bounce_window = '0'$$, $$soft_bounce_window = '-1 day'$$, $$soft_bounce_window = '1 month'$$,
    $$soft_bounce_window = '1 year'$$,
    $$soft_bounce_window = '1 month -1 day'$$,
    $$soft_bounce_outcome = 'active'$$, $$soft_bounce_outcome = 'unsubscribed'$$, $$soft_bounce_outcome = 'deleted'$$,
    $$hard_bounce_limit = 0$$, $$hard_bounce_limit = -2$$,
    $$unresponsive_campaigns = 0$$, $$unresponsive_campaigns = -10$$,
    $$unresponsive_after = '0'$$, $$unresponsive_after = '-15 days'$$, $$unresponsive_after = '1 month'$$,
    $$unresponsive_after = '2 years'$$,
    $$unsubscribe_scope = 'world'$$, $$resubscribe = 'always'$$, $$complained_insert = 'drop'$$]) AS setting,
    helper.refusal(format('UPDATE crm.policy SET %s WHERE name = ''ecomail''', setting));
SELECT ok(verdict ~ '^(23502|23514|22023)', format('policy: %s without a value refused', setting))
FROM unnest('{import_consent,double_opt_in,blocked_counts,unsubscribe_scope,resubscribe,complained_insert,
        complaint_stops_all,counted,soft_bounce_outcome}'::text[]) AS setting,
    helper.refusal(format('UPDATE crm.policy SET %I = NULL WHERE name = ''ecomail''', setting));
SELECT helper.accepted(format('UPDATE crm.policy SET %s WHERE name = ''ecomail''', setting),
    format('policy: %s', setting))
FROM unnest(ARRAY[
    $$import_consent = 'by_list'$$, $$soft_bounce_limit = 1$$, $$soft_bounce_limit = NULL$$,
    $$soft_bounces_per_campaign = NULL$$,
    $$soft_bounce_window = '36 hours'$$, $$soft_bounce_window = '30 days'$$, $$soft_bounce_window = NULL$$,
    $$soft_bounce_outcome = 'failing'$$, $$soft_bounce_outcome = 'hard_bounced'$$, $$hard_bounce_limit = NULL$$,
    $$hard_bounce_limit = 3$$,
    $$unresponsive_campaigns = 10$$, $$unresponsive_after = '400 days'$$, $$unsubscribe_scope = 'list'$$,
    $$resubscribe = 'never'$$,
    $$complained_insert = 'refuse'$$, $$complaint_stops_all = false$$]) AS setting;

-- Nothing is left behind ----------------------------------------------------------------------------------------------

SELECT is(helper.everything(), :'before', 'after all these refusals everything is as before');

-- A refused statement leaves nothing of its good rows either.
SELECT throws_ok(statement, sqlstate, NULL, description) FROM (VALUES
    ($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (4711, 1, 'unsubscribed'), (4712, 1, 'added'),
            (4712, NULL, 'added')$$, '23514', 'two good events and a bad one'),
    ($$INSERT INTO crm.event (contact_id, list_id, kind) VALUES (4712, 777, 'added'), (4711, 1, 'unsubscribed')$$,
        '23503', 'a good event and one of an unknown list'),
    ($$INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (4711, 'complained', now()),
            (4711, 'opened', now() + interval '1 hour')$$, '22008', 'a good event and one ahead'),
    ($$INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
            (4712, 1, 'added', '2025-01-01'), (4712, 1, 'added', '2025-01-01')$$, '23505', 'one event twice'))
    AS wrong (statement, sqlstate, description);
SELECT is(helper.everything(), :'before', 'nothing of a refused statement stays');

-- Events that meet a complaint, an opt-out and a deletion are recorded, not refused.
INSERT INTO crm.event (contact_id, kind) VALUES (4711, 'complained'), (4711, 'unsubscribed'), (4711, 'deleted');
SELECT helper.accepted(helper.event(4711, list, campaign, kind::text, evidence),
    format('%s is not refused for the status it meets', kind))
FROM helper.shape ORDER BY kind;

SELECT * FROM finish();
ROLLBACK;
