-- webhook_events: kinds, recipients, times and keys of the payloads of each provider. The payloads are our own.
\i test/pgtap/setup.inc
SELECT no_plan();

CREATE FUNCTION helper.shown(provider text, payload jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', coalesce(e.recipient, '-'), coalesce(e.kind::text, 'null'),
               to_char(e.occurred_at AT TIME ZONE 'UTC', 'YY-MM-DD HH24:MI:SS')), ', ' ORDER BY e.n), '')
      FROM contact_status.webhook_events(provider, payload) WITH ORDINALITY
           e (recipient, kind, occurred_at, event_key, campaign, reason, reply, provider_type, n)
$$;

--- Kinds: rows of a provider, with the payload in short: {..} is filled in below -------------------------------------
CREATE TABLE helper.case (n int GENERATED ALWAYS AS IDENTITY, provider text, payload jsonb, expected text);
INSERT INTO helper.case (provider, payload, expected) VALUES
    ('sendgrid', '{"event":"processed","email":"a@b.c","timestamp":1767225600}', 'a@b.c null 26-01-01 00:00:00'),
    ('sendgrid', '{"event":"delivered","email":"a@b.c","timestamp":"1767225600"}',
         'a@b.c delivered 26-01-01 00:00:00'),
    ('sendgrid', '[{"event":"open","email":"a@b.c"},{"event":"click","email":"d@e.f"}]', 'a@b.c opened, d@e.f clicked'),
    ('sendgrid', '{"event":"open","email":"a@b.c","sg_machine_open":true}', 'a@b.c null'),
    ('sendgrid', '{"event":"open","email":"a@b.c","sg_machine_open":false}', 'a@b.c opened'),
    ('sendgrid', '{"event":"open","email":"a@b.c","useragent":"Mozilla/5.0"}', 'a@b.c null'),
    ('sendgrid', '{"event":"bounce","email":"a@b.c","type":"bounce","reason":"550 5.1.1 unknown user"}',
         'a@b.c nonexistent'),
    ('sendgrid', '{"event":"bounce","email":"a@b.c","type":"bounce","status":"5.1.1"}', 'a@b.c nonexistent'),
    ('sendgrid', '{"event":"bounce","email":"a@b.c","reason":"550 5.7.1 message rejected as spam"}',
         'a@b.c blocked'),
    ('sendgrid', '{"event":"bounce","email":"a@b.c","type":"blocked","reason":"550 5.1.1 unknown"}',
         'a@b.c blocked'),
    ('sendgrid', '{"event":"deferred","email":"a@b.c","response":"450 try later"}', 'a@b.c soft_bounced'),
    ('sendgrid', '{"event":"dropped","email":"a@b.c","reason":"Bounced Address"}', 'a@b.c invalidated'),
    ('sendgrid', '{"event":"dropped","email":"a@b.c","reason":"Unsubscribed Address"}', 'a@b.c unsubscribed'),
    ('sendgrid', '{"event":"dropped","email":"a@b.c","reason":"Spam Reporting Address"}', 'a@b.c complained'),
    ('sendgrid', '{"event":"dropped","email":"a@b.c","reason":"Spam Content"}', 'a@b.c blocked'),
    ('sendgrid', '{"event":"dropped","email":"a@b.c","reason":"Invalid SMTPAPI header"}', 'a@b.c null'),
    ('sendgrid', '{"event":"spamreport","email":"a@b.c"}', 'a@b.c complained'),
    ('sendgrid', '{"event":"group_unsubscribe","email":"a@b.c"}', 'a@b.c unsubscribed'),
    ('sendgrid', '{"event":"group_resubscribe","email":"a@b.c"}', 'a@b.c null'),
    ('sendgrid', '{"event":"account_status_change","sg_event_id":"x"}', '- null'),
    ('sendgrid', '{"event":"novelty","email":"a@b.c"}', 'a@b.c null'),
    ('amazon_ses', '{"eventType":"Send","mail":{"timestamp":"2026-01-01T00:00:00.000Z","destination":["a@b.c"]}}',
         'a@b.c sent 26-01-01 00:00:00'),
    ('amazon_ses', '{"eventType":"Open","open":{"timestamp":"2026-01-01T00:00:01Z"},"mail":{"destination":[
        "a@b.c"]}}', 'a@b.c opened 26-01-01 00:00:01'),
    ('amazon_ses', '{"eventType":"Open","open":{"isBot":true},"mail":{"destination":["a@b.c"]}}', 'a@b.c null'),
    ('amazon_ses', '{"eventType":"Click","mail":{"destination":["a@b.c","d@e.f"]}}', 'a@b.c null, d@e.f null'),
    ('amazon_ses', '{"eventType":"Rendering Failure","failure":{"errorMessage":"x"},"mail":{"destination":[
        "a@b.c"]}}', 'a@b.c null'),
    ('amazon_ses', '{"eventType":"Subscription","subscription":{"newTopicPreferences":{"unsubscribeAll":true}},
        "mail":{"destination":["a@b.c"]}}', 'a@b.c unsubscribed'),
    ('amazon_ses', '{"detail-type":"Email Delivered","detail":{"eventType":"Delivery","mail":{},"delivery":{
        "recipients":["a@b.c"]}}}', 'a@b.c delivered'),
    ('amazon_ses', '{"Type":"SubscriptionConfirmation","TopicArn":"arn:x",
        "Message":"You have chosen to subscribe"}', '- null'),
    ('brevo', '{"event":"unique_opened","email":"a@b.c","ts_epoch":1767225600000}',
         'a@b.c opened 26-01-01 00:00:00'),
    ('brevo', '{"event":"uniqueOpened","email":"a@b.c","ts_event":1767225600}', 'a@b.c opened 26-01-01 00:00:00'),
    ('brevo', '{"event":"loaded_by_proxy","email":"a@b.c"}', 'a@b.c null'),
    ('brevo', '{"event":"hard_bounce","email":"a@b.c"}', 'a@b.c hard_bounced'),
    ('brevo', '{"event":"blocked","email":"a@b.c","reason":"blocked : due to blacklist user"}', 'a@b.c blocked'),
    ('brevo', '{"event":"list_addition","email":["a@b.c","d@e.f"]}', 'a@b.c null, d@e.f null'),
    ('mailersend', '{"type":"activity.opened","data":{"id":"x","created_at":"2026-01-01T00:00:00.123456Z","email":{
        "recipient":{"email":"a@b.c"}}}}', 'a@b.c opened 26-01-01 00:00:00'),
    ('mailersend', '{"type":"activity.hard_bounced","data":{"recipient":"a@b.c","meta":[{
        "reason":"no such user"}]}}', 'a@b.c nonexistent'),
    ('mailersend', '{"type":"activity.hard_bounced","data":{"recipient":"a@b.c","meta":{
        "reason":"blocked as spam"}}}', 'a@b.c blocked'),
    ('mailersend', '{"type":"activity.clicked_unique","data":{"recipient":"a@b.c","meta":[]}}', 'a@b.c clicked'),
    ('mailersend', '{"type":"activity.survey_opened","data":{"recipient":"a@b.c"}}', 'a@b.c null'),
    ('mailersend', '{"type":"activity.soft_bounced","data":{"recipient":{"email":"a@b.c"}}}', 'a@b.c soft_bounced'),
    ('mailgun', '{"signature":{"token":"t"},"event-data":{"event":"failed","severity":"permanent",
        "reason":"suppress-bounce","recipient":"a@b.c"}}', 'a@b.c invalidated'),
    ('mailgun', '{"event-data":{"event":"failed","severity":"permanent","reason":"suppress-unsubscribe",
        "recipient":"a@b.c"}}', 'a@b.c unsubscribed'),
    ('mailgun', '{"event-data":{"event":"failed","severity":"permanent","delivery-status":{"code":607},
        "recipient":"a@b.c"}}', 'a@b.c complained'),
    ('mailgun', '{"event-data":{"event":"failed","severity":"permanent","reason":"bounce","delivery-status":{
        "code":550,"message":"5.1.1 unknown user"},"recipient":"a@b.c"}}', 'a@b.c nonexistent'),
    ('mailgun', '{"event-data":{"event":"failed","severity":"temporary","reason":"generic","recipient":"a@b.c"}}',
         'a@b.c soft_bounced'),
    ('mailgun', '{"event-data":{"event":"opened","client-info":{"bot":"apple"},"recipient":"a@b.c"}}', 'a@b.c null'),
    ('mailgun', '{"event-data":{"event":"opened","client-info":{"bot":""},"recipient":"a@b.c"}}', 'a@b.c opened'),
    ('mailgun', '{"event":"bounced","recipient":"a@b.c","code":"550","error":"5.1.1 unknown user",
        "timestamp":"1767225600","token":"t"}', 'a@b.c nonexistent 26-01-01 00:00:00'),
    ('mailgun', '{"event":"dropped","recipient":"a@b.c","code":"606","reason":"hardfail"}', 'a@b.c unsubscribed'),
    ('mailjet', '[{"event":"sent","email":"a@b.c","time":1767225600},{"event":"spam","email":"d@e.f"}]',
         'a@b.c delivered 26-01-01 00:00:00, d@e.f complained'),
    ('mailjet', '{"event":"bounce","email":"a@b.c","hard_bounce":true,"error":"user unknown"}', 'a@b.c nonexistent'),
    ('mailjet', '{"event":"bounce","email":"a@b.c","hard_bounce":true,"error":"policy issue"}', 'a@b.c blocked'),
    ('mailjet', '{"event":"blocked","email":"a@b.c","error":"preblocked"}', 'a@b.c invalidated'),
    ('mailtrap', '{"events":[{"event":"reject","email":"a@b.c","reason":"unsubscribed"},{"event":"soft bounce",
        "email":"a@b.c"}]}', 'a@b.c unsubscribed, a@b.c soft_bounced'),
    ('mailtrap', '{"events":[]}', ''),
    ('mailtrap', '{"event":"bounce","email":"a@b.c","response_code":550,"response":"5.1.1 unknown user"}',
         'a@b.c nonexistent'),
    ('mandrill', '{"event":"reject","ts":1767225600,"msg":{"email":"a@b.c","reject":{"reason":"unsub"}}}',
         'a@b.c unsubscribed 26-01-01 00:00:00'),
    ('mandrill', '{"event":"reject","msg":{"email":"a@b.c","reject":{"reason":"hard-bounce"}}}',
         'a@b.c invalidated'),
    ('mandrill', '{"type":"blacklist","action":"add","reject":{"reason":"spam","email":"a@b.c"}}',
         'a@b.c complained'),
    ('mandrill', '{"type":"blacklist","action":"remove","reject":{"reason":"spam","email":"a@b.c"}}', 'a@b.c null'),
    ('postal', '{"event":"MessageSent","timestamp":1767225600.25,"uuid":"u","payload":{"message":{"to":"a@b.c"}}}',
         'a@b.c delivered 26-01-01 00:00:00'),
    ('postal', '{"event":"MessageDeliveryFailed","payload":{"message":{"to":"a@b.c"},
        "output":"550 5.1.1 unknown user"}}', 'a@b.c nonexistent'),
    ('postal', '{"event":"MessageBounced","payload":{"original_message":{"to":"a@b.c"},"bounce":{"to":"x@y.z"}}}',
         'a@b.c hard_bounced'),
    ('postal', '{"event":"DomainDNSError","payload":{"domain":"b.c"}}', '- null'),
    ('postmark', '{"RecordType":"SubscriptionChange","Recipient":"a@b.c","SuppressSending":true,
        "SuppressionReason":"HardBounce","ChangedAt":"2026-01-01T01:00:00+01:00"}',
         'a@b.c invalidated 26-01-01 00:00:00'),
    ('postmark', '{"RecordType":"SubscriptionChange","Recipient":"a@b.c","SuppressSending":true,
        "SuppressionReason":"ManualSuppression"}', 'a@b.c unsubscribed'),
    ('postmark', '{"RecordType":"SubscriptionChange","Recipient":"a@b.c","SuppressSending":false,
        "SuppressionReason":null}', 'a@b.c null'),
    ('postmark', '{"RecordType":"Bounce","Type":"SpamNotification","Email":"a@b.c",
        "BouncedAt":"2026-01-01T00:00:00.1234567Z"}', 'a@b.c blocked 26-01-01 00:00:00'),
    ('postmark', '{"RecordType":"Bounce","Type":"AutoResponder","Email":"a@b.c"}', 'a@b.c null'),
    ('resend', '{"type":"email.bounced","created_at":"2026-01-01T00:00:00Z","data":{"to":["A <a@b.c>"],"bounce":{
        "type":"Permanent","subType":"Suppressed"}}}', 'a@b.c invalidated 26-01-01 00:00:00'),
    ('resend', '{"type":"email.bounced","data":{"to":["a@b.c"],"bounce":{"type":"Transient",
        "subType":"MailboxFull"}}}', 'a@b.c soft_bounced'),
    ('resend', '{"type":"email.opened","data":{"to":["a@b.c","d@e.f"]}}', 'a@b.c null, d@e.f null'),
    ('resend', '{"type":"email.failed","data":{"to":["a@b.c"],"failed":{"reason":"reached_daily_quota"}}}',
         'a@b.c null'),
    ('sparkpost', '[{"msys":{}}]', ''),
    ('sparkpost', '[{"msys":{"message_event":{"type":"bounce","bounce_class":"25","rcpt_to":"a@b.c",
        "timestamp":"1767225600"}}}]', 'a@b.c blocked 26-01-01 00:00:00'),
    ('sparkpost', '[{"msys":{"unsubscribe_event":{"type":"link_unsubscribe","rcpt_to":"a@b.c"}}}]',
         'a@b.c unsubscribed'),
    ('sparkpost', '[{"msys":{"track_event":{"type":"open","rcpt_to":"a@b.c","user_agent_parsed":{
        "is_prefetched":true}}}}]', 'a@b.c null'),
    ('sparkpost', '[{"msys":{"track_event":{"type":"open","rcpt_to":"a@b.c","user_agent_parsed":{
        "is_prefetched":false,"is_proxy":true}}}}]', 'a@b.c opened'),
    ('unisender_go', '{"auth":"x","events_by_user":[{"user_id":1,"events":[{
        "event_name":"transactional_email_status","event_data":{"status":"clicked","email":"a@b.c",
        "event_time":"2026-01-01 00:00:00"}},{"event_name":"transactional_spam_block","event_data":{"domain":"b.c",
        "domain_status":"blocked","block_time":"2026-01-01 00:00:00"}}]}]}',
        'a@b.c clicked 26-01-01 00:00:00, - null 26-01-01 00:00:00'),
    ('unisender_go', '{"status":"hard_bounced","email":"a@b.c","delivery_info":{
        "delivery_status":"err_unsubscribed"}}', 'a@b.c unsubscribed');
SELECT is(helper.shown(provider, payload), expected, format('%s %s: %s', n, provider, left(payload::text, 80)))
  FROM helper.case ORDER BY n;

--- Envelopes ----------------------------------------------------------------------------------------------------------
CREATE FUNCTION helper.sns(message jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('Type', 'Notification', 'MessageId', 'm-1', 'Timestamp', '2026-01-02T00:00:00Z',
        'Message', message::text)
$$;
SELECT is(helper.shown('amazon_ses', helper.sns($${"notificationType":"Bounce","bounce":{"bounceType":"Permanent",
    "bounceSubType":"General","bouncedRecipients":[{"emailAddress":"a@b.c","diagnosticCode":"smtp; 550 5.1.1 unknown"},
    {"emailAddress":"d@e.f","diagnosticCode":"smtp; 550 5.7.1 spam"}]},
    "mail":{"destination":["a@b.c","d@e.f","g@h.i"]}}$$)),
    'a@b.c nonexistent 26-01-02 00:00:00, d@e.f blocked 26-01-02 00:00:00', 'SNS: each recipient has its own reply');
-- a null character in the inner message, which jsonb does not accept
SELECT is(helper.shown('amazon_ses', jsonb_build_object('Type', 'Notification', 'TopicArn', 'a', 'Message',
    $${"notificationType":"Complaint","complaint":{"userAgent":"a\u0000b \\u0000","complainedRecipients":[
    {"emailAddress":"a@b.c"}]},"mail":{"destination":["a@b.c"]}}$$::text)), 'a@b.c complained',
    'SNS: a null character');
SELECT is(
    (SELECT e.reply FROM contact_status.webhook_events('amazon_ses', jsonb_build_object('TopicArn', 'a', 'Message',
    $${"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"emailAddress":"a@b.c",
    "diagnosticCode":"550 \u0000 \\u0000"}]},"mail":{}}$$::text)) e), '550   \u0000',
    'it is a blank, and its escape is not');
SELECT helper.refused_helpfully(format('SELECT * FROM contact_status.webhook_events(%L, %L)', provider,
    jsonb_build_object(place, broken)), '22023', place, concat_ws(' ', provider, place, broken))
  FROM (VALUES ('amazon_ses', 'Message'), ('amazon_ses', 'detail'), ('mandrill', 'mandrill_events'),
      ('mailgun', 'event-data')) AS p (provider, place), unnest(ARRAY['{"', '[{]', '{"mail":', ' {"a":1}}']) broken;
SELECT is((SELECT count(DISTINCT event_key) FROM contact_status.webhook_events('amazon_ses', helper.sns(
    $${"eventType":"Send","mail":{"destination":["a@b.c","d@e.f"]}}$$)) e WHERE e.event_key LIKE 'm-1/%'), 2::bigint,
    'and its own key, which begins with the id of the notification');
SELECT is(helper.shown('mandrill', jsonb_build_object('mandrill_events',
    '[{"event":"open","msg":{"email":"a@b.c"}},{"event":"unsub","msg":{"email":"d@e.f"}}]')),
    'a@b.c opened, d@e.f unsubscribed', 'Mandrill: the field of a form');
SELECT is(helper.shown('mailgun', '{"event":["opened","x"],"recipient":["a@b.c","x"],"timestamp":["x","1767225600"]}'),
    'a@b.c opened 26-01-01 00:00:00', 'Mailgun, legacy: its own fields and those of the message have one name');
SELECT is(helper.shown('brevo', '[{"event":"click","email":"a@b.c"},[{"event":"spam","email":"d@e.f"}]]'),
    'a@b.c clicked, d@e.f complained', 'arrays in arrays');

--- Times --------------------------------------------------------------------------------------------------------------
SELECT is((SELECT to_char(e.occurred_at AT TIME ZONE 'UTC',
    'YYYY-MM-DD HH24:MI:SS.US')
        FROM contact_status.webhook_events(
        'sendgrid', jsonb_build_object('event', 'open', 'email', 'a@b.c', 'timestamp', t.given)) e), t.expected,
    'time ' || t.given)
  FROM (VALUES ('1767225600', '2026-01-01 00:00:00.000000'), ('1767225600.123456789', '2026-01-01 00:00:00.123456'),
    ('1767225600123', '2026-01-01 00:00:00.123000'), ('1767225600123456', '2026-01-01 00:00:00.123456'),
    ('2026-01-01T00:00:00Z', '2026-01-01 00:00:00.000000'), ('2026-01-01T02:30:00.5+02:30',
        '2026-01-01 00:00:00.500000'),
    ('2026-01-01 00:00:00', '2026-01-01 00:00:00.000000'), ('2026-01-01 00:00:00 UTC', '2026-01-01 00:00:00.000000'),
    ('Thu, 1 Jan 2026 01:00:00 +0100', '2026-01-01 00:00:00.000000'),
    ('1 Jan 2026 00:00:00 GMT', '2026-01-01 00:00:00.000000'),
    ('2000-01-01T00:00:00Z', '2000-01-01 00:00:00.000000'),
    ('0', NULL), ('-1', NULL), ('253402300799', NULL), ('9999-12-31T23:59:59Z', NULL), ('1970-01-01T00:00:00Z', NULL),
    ('2026-02-30T00:00:00Z', NULL), ('2026-01-01T25:00:00Z', NULL), ('soon', NULL), ('99999999999999999999', NULL),
    ('', NULL),
    ('1995-01-01T00:00:00+14:00', NULL), ('1994-12-31T23:00:00-02:00', '1995-01-01 01:00:00.000000'),
    ('Sun, 1 Jan 1995 00:30:00 +0100', NULL), ('2100-01-01T00:30:00+01:00', '2099-12-31 23:30:00.000000'),
    ('2099-12-31T23:30:00-01:00', NULL), ('0000-01-01', NULL), ('2026-13-01', NULL), ('infinity', NULL),
    ('1e400', NULL)) AS t (given, expected);

--- Keys ---------------------------------------------------------------------------------------------------------------
CREATE FUNCTION helper.keys(VARIADIC payloads jsonb[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(DISTINCT e.event_key) FROM unnest(payloads) p, contact_status.webhook_events('sendgrid', p) e
$$;
SELECT is(helper.keys(a, b), n, 'keys: ' || description) FROM (VALUES
    ('{"event":"open","email":"a@b.c","timestamp":1767225600,"sg_event_id":"x"}'::jsonb,
        '{"sg_event_id":"x","timestamp":1767225600,"email":"a@b.c","event":"open"}'::jsonb, 1::bigint,
            'the same event'),
    ('{"event":"open","email":"a@b.c","sg_event_id":"x"}', '{"event":"click","email":"a@b.c","sg_event_id":"x"}', 2,
        'another kind'),
    ('{"event":"open","email":"a@b.c","sg_event_id":"x"}', '{"event":"open","email":"d@b.c","sg_event_id":"x"}', 2,
        'another recipient'),
    ('{"event":"open","email":"a@b.c","timestamp":1767225600,"sg_event_id":"x"}',
        '{"event":"open","email":"a@b.c","timestamp":1767225601,"sg_event_id":"x"}', 2, 'another time'),
    ('{"event":"click","email":"a@b.c","url":"u"}', '{"event":"click","email":"a@b.c","url":"v"}', 2,
        'without an id, another link'),
    ('{"event":"click","email":"a@b.c","timestamp":0}', '{"event":"click","email":"a@b.c","timestamp":0}', 1,
        'without id and time'))
    AS k (a, b, n, description);
SELECT cmp_ok(length(event_key), '<', 300, 'a long id is cut off')
  FROM contact_status.webhook_events('sendgrid',
    jsonb_build_object('event', 'open', 'email', 'a@b.c', 'sg_event_id', repeat('é', 5000)));

--- Refused ------------------------------------------------------------------------------------------------------------
SELECT helper.refused_helpfully(format('SELECT * FROM contact_status.webhook_events(%L, %L)', provider, payload),
    '22023', naming, concat_ws(' ', provider, payload))
  FROM (VALUES ('sendgrid', '{"foo":1}', 'event'), ('sendgrid', '"text"', 'event'), ('sendgrid', '[1,2]', 'event'),
      ('sendgrid', '{}', 'event'),
    ('sparkpost', '{"event":"open","email":"a@b.c"}', 'msys'), ('amazon_ses', '{"RecordType":"Open","Type":"x"}',
        'mail'),
    ('postal', '{"event":"open","email":"a@b.c"}', 'payload'), ('resend', '{"type":"email.sent"}', 'data'),
    ('unknown', '{}', 'unknown'), ('SendGrid', '{}', 'sendgrid')) AS r (provider, payload, naming);
SELECT is(helper.shown('sendgrid', '[]'), '', 'an empty array has no events');
SELECT is(helper.shown('sendgrid', '[{"event":"open","email":"a@b.c"},{"odd":1}]'), 'a@b.c opened, - null',
    'one odd event is null');
SELECT is(helper.shown('brevo', '{"event":"open","email":"a@b.c","X-Mailin-custom":"{broken"}'), 'a@b.c opened',
    'broken JSON in a field');

--- Every rule has a type that some event reaches, and a known kind ----------------------------------------------------
SELECT is((SELECT count(DISTINCT provider) FROM contact_status.webhook_rules()), 13::bigint, 'thirteen providers');
SELECT is_empty($$SELECT provider,
    kind FROM contact_status.webhook_rules()
        WHERE by_reply AND kind IS NULL AND provider <> 'postal'$$,
    'a rule that asks the reply has a kind without it');

--- Reports by mail ----------------------------------------------------------------------------------------------------
CREATE FUNCTION helper.reported(mail text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', coalesce(e.recipient, '-'), coalesce(e.kind::text, 'null'),
               to_char(e.occurred_at AT TIME ZONE 'UTC', 'YY-MM-DD HH24:MI:SS'), e.provider_type), ', ')
      FROM contact_status.mail_report_events(mail) e
$$;
CREATE FUNCTION helper.mail(report text, original text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT replace(concat('From: <fbl@isp.example>
Date: Thu, 1 Jan 2026 00:00:00 +0000
Message-ID: <r1@isp.example>
Content-Type: multipart/report; boundary="part"

--part
Content-Type: text/plain

This is a report.
--part
', report, '
--part
Content-Type: message/rfc822

To: Ann <ann@example.org>
X-Campaign-Id: 7

', original, '
--part--
'), E'\n', E'\r\n')
$$;
SELECT is(helper.reported(helper.mail(report)), expected, expected) FROM (VALUES
    (E'Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n'
        'Original-Rcpt-To: <bob@example.org>',
        'bob@example.org complained 26-01-01 00:00:00 abuse'),
    (E'Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1',
        'ann@example.org complained 26-01-01 00:00:00 abuse'),
    (E'Content-Type: message/feedback-report\n\nFeedback-Type: opt-out\nOriginal-Rcpt-To: rfc822; a@b.c\n'
        'Original-Rcpt-To: d@e.f',
        'a@b.c unsubscribed 26-01-01 00:00:00 opt-out, d@e.f unsubscribed 26-01-01 00:00:00 opt-out'),
    (E'Content-Type: message/feedback-report\n\nFeedback-Type: not-spam\nOriginal-Rcpt-To: a@b.c',
        'a@b.c null 26-01-01 00:00:00 not-spam'),
    (E'Content-Type: message/feedback-report\n\nFeedback-Type: auth-failure\nOriginal-Rcpt-To: a@b.c',
        'a@b.c null 26-01-01 00:00:00 auth-failure'),
    (E'Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n'
        'Final-Recipient: rfc822; a@b.c\nAction: failed\n'
        'Status: 5.1.1\n'
        'Diagnostic-Code: smtp; 550 5.1.1\n unknown user\nLast-Attempt-Date: Thu, 1 Jan 2026 02:00:00 +0100\n\n'
        'Original-Recipient: rfc822;d@e.f\nFinal-Recipient: rfc822;x@y.z\nAction: delayed\nStatus: 4.4.7',
        'a@b.c nonexistent 26-01-01 01:00:00 failed, d@e.f soft_bounced 26-01-01 00:00:00 delayed'),
    (E'Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n'
        'Final-Recipient: rfc822; a@b.c\nAction: relayed\nStatus: 2.0.0',
        'a@b.c null 26-01-01 00:00:00 relayed')) AS r (report, expected);
SELECT is((SELECT concat_ws(' ', campaign, left(event_key, 15)) FROM contact_status.mail_report_events(helper.mail(
    E'Content-Type: message/feedback-report\n\nFeedback-Type: abuse'))), '7 r1@isp.example/',
        'campaign and id of the mails');
SELECT helper.refused_helpfully(format('SELECT * FROM contact_status.mail_report_events(%L)', mail), '22023',
    'feedback-report', 'no report: ' || mail)
  FROM unnest(ARRAY['', 'text', replace(helper.mail(
      E'Content-Type: message/feedback-report\n\nFeedback-Type: abuse'), 'multipart/report', 'text/plain'),
      E'Subject: x\n\n--\n--x\nContent-Type: text/plain\n\n']) AS mail;

--- Large payloads: the time is linear ---------------------------------------------------------------------------------
-- each is read within seconds on a slow machine; the time of each recipient or line for itself would be minutes
SET statement_timeout = '20s';
CREATE FUNCTION helper.recipients(provider text, payload jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(DISTINCT e.recipient) FROM contact_status.webhook_events(provider, payload) e
$$;
CREATE FUNCTION helper.addresses(n int) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(format('c%s@example.org', i)) FROM generate_series(1, n) i
$$;
SELECT is(helper.recipients('amazon_ses', jsonb_build_object('eventType', 'Delivery', 'mail', '{}'::jsonb, 'delivery',
    jsonb_build_object('recipients', helper.addresses(8000), 'smtpResponse', repeat('x', 100000)))), 8000::bigint,
    '8,000 recipients of one event');
SELECT is(helper.recipients('amazon_ses', jsonb_build_object('eventType', 'Bounce', 'mail', '{}'::jsonb, 'delivery',
    jsonb_build_object('smtpResponse', '550 ' || repeat('x', 100000))::text, 'bounce', jsonb_build_object('bounceType',
    'Permanent', 'bouncedRecipients', (SELECT jsonb_agg(jsonb_build_object('emailAddress', a))
        FROM jsonb_array_elements(helper.addresses(8000)) a)))), 8000::bigint, 'with one reply in a text');
SELECT is(helper.recipients('resend', jsonb_build_object('type', 'email.opened', 'data',
    jsonb_build_object('to', helper.addresses(8000)))), 8000::bigint, 'of one mail');
SELECT is(helper.recipients('sendgrid', (SELECT jsonb_agg(jsonb_build_object('event', 'open', 'email', a))
    FROM jsonb_array_elements(helper.addresses(8000)) a)), 8000::bigint, 'of 8,000 events');
SELECT is(helper.recipients('sendgrid', (repeat('[', 1000) || '{"event":"open","email":"a@b.c"}' ||
    repeat(']', 1000))::jsonb), 1::bigint, 'an event in 1,000 arrays');
SELECT is(helper.recipients('resend', jsonb_build_object('type', (repeat('[', 1000) || '"email.opened"' ||
    repeat(']', 1000))::jsonb, 'data', jsonb_build_object('to', helper.addresses(8000)))), 8000::bigint,
    '8,000 recipients and a type in 1,000 arrays');
SELECT is(helper.reported(helper.mail(E'Content-Type: message/feedback-report\n\nFeedback-Type: abuse\n' ||
    E'Original-Rcpt-To: a@b.c\nX-Long: x' || repeat(E'\n y', 40000))), 'a@b.c complained 26-01-01 00:00:00 abuse',
    'a field of 40,000 lines');
SELECT is((SELECT count(DISTINCT e.recipient) FROM contact_status.mail_report_events(helper.mail(
    E'Content-Type: message/feedback-report\n\nFeedback-Type: abuse' || (SELECT string_agg(
    format(E'\nOriginal-Rcpt-To: c%s@example.org', i), '') FROM generate_series(1, 8000) i))) e), 8000::bigint,
    'a report of 8,000 recipients');
SELECT is((SELECT count(DISTINCT e.recipient) FROM contact_status.mail_report_events(helper.mail(
    E'Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx' || repeat(E'\nX-Field: x', 8000) || (
    SELECT string_agg(format(E'\n\nFinal-Recipient: rfc822; c%s@example.org\nAction: delayed', i), '')
        FROM generate_series(1, 8000) i))) e), 8000::bigint, 'a notification of 8,000 recipients');
SELECT finish();
