-- An erasure leaves no address, text or detail of the person in any column of any table: every path by which they come
-- in, then a search of all tables, the change feed included.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm', policy => 'default', partition_by => '1 year');
SELECT contact_status.add_change_feed('crm');
INSERT INTO crm.list (list_id, name) VALUES (2, 'two');

-- The columns that contain a text: as it is, as bytes, or within jsonb, arrays and row types.
CREATE FUNCTION helper.found(pattern text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    place record;
    n bigint;
    places text[] := '{}';
BEGIN
    FOR place IN SELECT c.oid::regclass AS tab, a.attname, a.atttypid
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'm', 'f') ORDER BY 1, 2
    LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE %s ~* $1', place.tab,
            CASE place.atttypid WHEN 'bytea'::regtype THEN format('encode(%I, ''escape'')', place.attname)
                ELSE format('%I::text', place.attname) END) INTO n USING pattern;
        IF n > 0 THEN places := places || format('%s.%s', regexp_replace(place.tab::text, '_p?\d.*|_default', ''),
            place.attname); END IF;
    END LOOP;
    RETURN (SELECT string_agg(DISTINCT p, ', ' ORDER BY p) FROM unnest(places) p);
END $$;
SELECT is((SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p') AND a.atttypid = 'xml'::regtype),
            0::bigint,
    'no column is of a type that the search does not read');

-- before the person has a contact
SELECT contact_status.record_event('crm', 'private.one@example.org', 'opened', reason => 'private waiting'),
    contact_status.record_event('crm', 'private.one@example.org', 'sent', campaign_id => 7, source => 'private'),
    contact_status.suppress('crm', 1, 'private.one@example.org', 'invalidated', source => 'private list'),
    contact_status.suppress('crm', 1, 'private.two@example.org', 'unsubscribed', 2, source => 'private list'),
    contact_status.retract_suppressions('crm', 'private.one called', emails => '{private.one@example.org}')
    \g /dev/null
INSERT INTO crm.unmatched_event (address, kind, list_id, problem, "row") VALUES
    ('private.one@example.org', 'added', 1, 'private', '{"a": ["private"]}'),
    ('private.two@example.org', 'added', 1, 'private', '{"a": ["private"]}'),
    ('private.four@example.org', 'added', 1, 'private', '{"a": ["private"]}');
-- an earlier contact of the person, two that are merged, and the last one
INSERT INTO crm.contact (contact_id, email) VALUES (4710, 'private.one@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, source, reason, reply) VALUES
    (4710, 1, 'unsubscribed', '2025-01-01', 'private', 'private', 'private');
DELETE FROM crm.contact WHERE contact_id = 4710;
INSERT INTO crm.contact (contact_id, email) VALUES (4711, 'private.one@example.org'),
    (4712, 'private.four@example.org'), (4713, 'private.six@example.org'), (1, 'bob@example.org');
INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at, event_key, source, evidence, reason, reply)
SELECT c, CASE WHEN k IN ('signed_up', 'confirmed', 'resubscribed') THEN 2 END, 7, k, '2025-02-01', 'private',
    'private', 'private', 'private', 'private <private.one@example.org>'
  FROM generate_series(4711, 4713) c,
      unnest('{signed_up,confirmed,resubscribed,sent,clicked,soft_bounced,complained,
              noted}'::contact_status.event_kind[]) k;
UPDATE crm.contact SET email = 'private.two@example.org' WHERE contact_id = 4711;
UPDATE crm.contact SET email = 'private.three@example.org' WHERE contact_id = 4711;
UPDATE crm.contact SET email = 'private.five@example.org' WHERE contact_id = 4712;
SELECT contact_status.merge_contacts('crm', 1, 4713, 4712), contact_status.merge_contacts('crm', 1, 4712, 4711),
    contact_status.record_event('crm', 'private.two@example.org', 'nonexistent', source => 'private',
        reply => 'private'),
    contact_status.record_event('crm', 'private.two@example.org', 'noted', source => 'private'),
    contact_status.record_event('crm', 'private.four@example.org', 'unsubscribed', source => 'link'),
    contact_status.record_event('crm', 'private.five@example.org', 'hard_bounced', source => 'private'),
    contact_status.record_webhook('crm', 'sendgrid', jsonb_build_array(
        jsonb_build_object('event', 'bounce', 'email', 'private.six@example.org', 'reason', 'private', 'sg_event_id',
            'private'),
        jsonb_build_object('event', 'spamreport', 'email', 'private.three@example.org', 'sg_event_id', 'private'),
        jsonb_build_object('event', 'click', 'email', 'private.one@example.org', 'sg_event_id', 'private'))),
    contact_status.retract_events('crm', 'private called', kinds => '{noted}', contact_ids => '{4711}'),
    contact_status.retract_events('crm', 'private called again', kinds => '{noted}', contact_ids => '{4713}'),
    contact_status.set_horizon('crm', 1, '2025-03-01') \g /dev/null
INSERT INTO crm.event (contact_id, kind, occurred_at, source, reason) VALUES
    (4712, 'complained', '2025-01-01', 'private', 'private'), (4713, 'suspended', now(), 'private', 'private');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) VALUES
    (4711, 2, 'signed_up', clock_timestamp(), 'private');
-- another contact takes a former address and keeps it
INSERT INTO crm.contact (contact_id, email) VALUES (2, 'private.four@example.org');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (2, 1, 'added');
UPDATE crm.contact SET email = 'other@example.org' WHERE contact_id = 2;

SELECT is(helper.found('private'), 'crm.contact.email, crm.event.event_key, crm.event.evidence, crm.event.reason, '
    'crm.event.reply, crm.event.source, crm.retraction.reason, crm.subscription.request_key, crm.suppression.reason, '
    'crm.suppression.source, crm.unmatched_event.address, crm.unmatched_event.problem, crm.unmatched_event.row, '
    'crm.unmatched_event.source', 'before: texts are found in all of these');
SELECT count(*) AS events FROM crm.event \gset
SELECT contact_status.erase_contact('crm', 1, 4711) \g /dev/null
SELECT is(helper.found('private'), NULL, 'nowhere');
SELECT is((SELECT count(*) FROM crm.event), :events::bigint, 'the events remain');
SELECT is((SELECT count(*) FROM crm.event WHERE contact_id BETWEEN 4710 AND 4713)
    + (SELECT count(*) FROM crm.subscription WHERE contact_id BETWEEN 4710 AND 4713)
    + (SELECT count(*) FROM crm.deleted_contact WHERE contact_id BETWEEN 4710 AND 4713)
    + (SELECT count(*) FROM crm.address_change WHERE contact_id BETWEEN 4710 AND 4713)
    + (SELECT count(*) FROM crm.checkpoint WHERE contact_id BETWEEN 4710 AND 4713)
    + (SELECT count(*) FROM crm.suppression WHERE contact_id BETWEEN 4710 AND 4713)
    + (SELECT count(*) FROM crm.status_change WHERE contact_id BETWEEN 4710 AND 4713 AND status IS NOT NULL), 0::bigint,
    'under none of the ids');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', contact_id, email), ', ') FROM crm.contact),
    '1 bob@example.org, 2 other@example.org',
    'no other contact is touched');
INSERT INTO crm.contact (contact_id, email)
SELECT 100 + i, format('private.%s@example.org', n) FROM unnest('{one,two,three,four,five,six}'::text[])
    WITH ORDINALITY a (n, i);
INSERT INTO crm.event (contact_id, list_id, kind) SELECT 100 + i, 1, 'added' FROM generate_series(1, 6) i;
SELECT is((SELECT string_agg(status::text, ' ' ORDER BY contact_id) FROM crm.contact WHERE contact_id > 100),
    'unsubscribed unsubscribed unsubscribed complained unsubscribed unsubscribed',
    'no import brings an address back');
SELECT helper.refused(format('INSERT INTO crm.event (contact_id, kind) VALUES (%s, ''complained'')', c), '23503',
    c || ': events are refused') FROM generate_series(4710, 4713) c;
SELECT * FROM helper.check_whole();

-- by the id of a merged contact, the person is erased too
INSERT INTO crm.contact (contact_id, email) VALUES (5001, 'secret.one@example.org'), (5002, 'secret.two@example.org');
INSERT INTO crm.event (contact_id, kind, source) VALUES (5001, 'opened', 'secret'), (5002, 'opened', 'secret');
SELECT contact_status.merge_contacts('crm', 1, 5001, 5002), contact_status.erase_contact('crm', 1, 5001) \g /dev/null
SELECT is(helper.found('secret'), NULL, 'by the id of a merged contact');

-- events of a former address that wait: of a kind that a person alone has, and of a time before the horizon
INSERT INTO crm.contact (contact_id, email) VALUES (6001, 'hidden.one@example.org');
UPDATE crm.contact SET email = 'hidden.two@example.org' WHERE contact_id = 6001;
SELECT contact_status.record_event('crm', 'hidden.one@example.org', 'visited', reason => 'hidden'),
    contact_status.set_horizon('crm', 1, clock_timestamp()),
    contact_status.record_event('crm', 'hidden.one@example.org', 'opened', reason => 'hidden') \g /dev/null
SELECT is(helper.found('hidden'), 'crm.contact.email, crm.unmatched_event.address, crm.unmatched_event.reason',
    'two events of a former address wait');
SELECT contact_status.erase_contact('crm', 1, 6001) \g /dev/null
SELECT is(helper.found('hidden'), NULL, 'an erasure deletes them');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
