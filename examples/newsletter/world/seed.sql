-- Two months of a small newsletter, so that the pages have something to show.
INSERT INTO news.contact (email, first_name, created_at)
SELECT format('%s%s@example.org', lower(name), n), name, current_date - 60 + n * interval '240 minutes'
  FROM generate_series(1, 330) n,
       LATERAL (SELECT ('{Ann,Bob,Cyd,Dan,Eve,Fay,Gus,Hal,Ida,Joe,Kim,Lea,Max,Noa}'::text[])[1 + n % 14] AS name) names
 ORDER BY n;
INSERT INTO news.campaign (list_id, subject, body, link, created_at) VALUES
    (1, 'The first strawberries', 'They are early this year.', 'https://www.example.org/strawberries', current_date - 28),
    (1, 'Bread without a machine', 'Flour, water, salt and a day.', 'https://www.example.org/bread', current_date - 14);
-- n tells what a contact does: most confirm, some never do, a few opt out, bounce or complain
INSERT INTO news.event (contact_id, list_id, kind, occurred_at, event_key, source)
SELECT contact_id, 1, kind, created_at + after, 'key ' || contact_id, 'form'
  FROM news.contact, LATERAL (VALUES ('signed_up'::contact_status.event_kind, interval '1 minute'), ('confirmed', '9 minutes')) e (kind, after)
 WHERE kind = 'signed_up' OR contact_id % 17 <> 3
 ORDER BY contact_id, created_at + after;
INSERT INTO news.event (contact_id, campaign_id, kind, occurred_at, reason, reply, source)
SELECT c.contact_id, k.campaign_id, e.kind, k.created_at + e.after, r.reason, e.reply, 'smtp'
  FROM news.campaign k
  JOIN news.contact c ON c.created_at < k.created_at AND c.contact_id % 17 <> 3
 CROSS JOIN LATERAL (
       SELECT 'sent'::contact_status.event_kind, interval '1 minute', NULL
       UNION ALL SELECT CASE WHEN c.contact_id % 29 = 5 THEN 'nonexistent' WHEN c.contact_id % 13 = k.campaign_id THEN 'soft_bounced'
                             ELSE 'delivered' END::contact_status.event_kind, '2 minutes',
                        CASE WHEN c.contact_id % 29 = 5 THEN '550 5.1.1 No such user here'
                             WHEN c.contact_id % 13 = k.campaign_id THEN '452 4.2.2 The mailbox is full' END
       UNION ALL SELECT 'clicked', '3 hours', NULL WHERE c.contact_id % 4 = k.campaign_id
       UNION ALL SELECT 'unsubscribed', '5 hours', NULL WHERE c.contact_id % 31 = k.campaign_id
       UNION ALL SELECT 'complained', '6 hours', NULL WHERE c.contact_id % 101 = k.campaign_id) e (kind, after, reply)
 CROSS JOIN LATERAL contact_status.classify_reply(e.reply) r
 ORDER BY c.contact_id, k.created_at + e.after;
INSERT INTO news.event (contact_id, kind, until, source)
SELECT contact_id, 'suspended', now() + interval '7 days', 'admin' FROM news.contact WHERE contact_id % 83 = 7;
SELECT contact_status.sweep('news');
