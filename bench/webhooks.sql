-- What record_webhook costs: SendGrid events in batches of 1,000, into an account with CONTACTS contacts (a million).
-- Times on the clock, and of this session's processor. See bench/README.md.
\set QUIET on
\set ON_ERROR_STOP on
\if :{?contacts} \else \set contacts 1000000 \endif
\if :{?batches} \else \set batches 60 \endif
SET client_min_messages = warning;
CREATE EXTENSION contact_status;
SELECT contact_status.create_tables('crm') \g /dev/null
INSERT INTO crm.contact (contact_id, email) SELECT i, 'user' || i || '@example' || i % 1000 || '.org' FROM generate_series(1, :contacts) i;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', '2026-01-01' FROM generate_series(1, :contacts) i;
VACUUM ANALYZE crm.contact, crm.event, crm.subscription;
-- the mix of bench/README.md, of contacts in no order
CREATE TABLE batch AS
SELECT b, (SELECT jsonb_agg(jsonb_build_object(
        'email', 'user' || c || '@example' || c % 1000 || '.org', 'event', (ARRAY['delivered', 'open', 'click', 'deferred', 'bounce'])[k],
        'timestamp', 1767225600 + b * 1000 + i, 'sg_event_id', md5(b || '.' || i), 'sg_message_id', md5('m' || i) || '.filter0001.1.2',
        'smtp-id', '<' || md5('s' || i) || '@ismtpd-1>', 'category', jsonb_build_array('newsletter'), 'campaign_id', '7',
        'useragent', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 'ip', '198.51.100.7',
        'reason', CASE k WHEN 4 THEN '452 4.2.2 mailbox full' WHEN 5 THEN '550 5.1.1 The account that you tried to reach does not exist' END))
      FROM (SELECT i, 1 + (b * 7919 + i * 104729)::bigint % :contacts AS c, CASE WHEN i % 1000 < 700 THEN 1 WHEN i % 1000 < 935 THEN 2 WHEN i % 1000 < 955 THEN 3 WHEN i % 1000 < 994 THEN 4 ELSE 5 END AS k
              FROM generate_series(1, 1000) i) e) AS payload
  FROM generate_series(1, :batches) b;
CHECKPOINT;
CREATE FUNCTION pg_temp.cpu() RETURNS numeric LANGUAGE sql AS $$
    SELECT sum(t::numeric) / 100 FROM unnest((string_to_array(pg_read_file('/proc/' || pg_backend_pid() || '/stat', 0, 1000), ' '))[14:15]) t
$$;
CREATE PROCEDURE pg_temp.measure(what text, statement text) LANGUAGE plpgsql AS $$
DECLARE
    b record;
    events bigint := 0;
    began timestamptz;
    cpu numeric;
    n bigint;
BEGIN
    began := clock_timestamp();
    cpu := pg_temp.cpu();
    FOR b IN SELECT payload FROM batch ORDER BY batch.b LOOP
        EXECUTE statement INTO n USING b.payload;
        events := events + 1000;
    END LOOP;
    cpu := pg_temp.cpu() - cpu;
    RAISE INFO '% % events/s on the clock, % events/s of processor time', rpad(what, 34),
        round(events / extract(epoch FROM clock_timestamp() - began)), round(events / cpu);
END $$;
CALL pg_temp.measure('webhook_events alone', 'SELECT count(*) FROM contact_status.webhook_events(''sendgrid'', $1)');
CALL pg_temp.measure('the same events by contact_id', $$
    WITH i AS (INSERT INTO crm.event (contact_id, kind, campaign_id, occurred_at, event_key, source, reason)
        SELECT substring(e.email, '^user([0-9]+)@')::bigint, CASE e.event WHEN 'open' THEN 'opened' WHEN 'click' THEN 'clicked'
                   WHEN 'deferred' THEN 'soft_bounced' WHEN 'bounce' THEN 'nonexistent' ELSE 'delivered' END::contact_status.event_kind, 7,
               to_timestamp(e.timestamp - 100000), e.sg_event_id, 'plain', e.reason
          FROM jsonb_to_recordset($1) e (email text, event text, timestamp bigint, sg_event_id text, reason text)
        ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM i$$);
CALL pg_temp.measure('matching alone',
    'SELECT cardinality(_contact_status.match_webhook(''crm'', ''sendgrid'', $1, 1, now()))');
CALL pg_temp.measure('record_webhook, new events', 'SELECT recorded FROM contact_status.record_webhook(''crm'', ''sendgrid'', $1)');
CALL pg_temp.measure('record_webhook, redelivered', 'SELECT repeated FROM contact_status.record_webhook(''crm'', ''sendgrid'', $1)');
SELECT count(*) AS events FROM crm.event WHERE source = 'sendgrid';
