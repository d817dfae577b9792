-- Long histories: a late event is folded from the last checkpoint before it, and no checkpoint outlives what it was
-- made of.
\i test/pgtap/setup.inc
SELECT no_plan();

SELECT contact_status.create_tables('crm');
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'c1@example.org'), (2, 'c2@example.org');
-- every third event changes a fact, up to the end
INSERT INTO crm.event (contact_id, kind, list_id, campaign_id, occurred_at)
SELECT c, CASE n % 3 WHEN 0 THEN 'soft_bounced' ELSE 'delivered' END::contact_status.event_kind, NULL, n,
    now() - n * interval '1 minute'
  FROM generate_series(1, 2) AS c, generate_series(0, 4999) AS n;
SELECT is((SELECT count(*) FROM crm.checkpoint), 0::bigint, 'events in order leave no checkpoint');

INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'complained', now() - interval '1 minute 30 seconds');
SELECT is((SELECT status FROM crm.contact WHERE contact_id = 1), 'complained', 'a late event is applied');
SELECT is((SELECT count(*) FROM crm.checkpoint WHERE contact_id = 1 AND kept_at IS NULL), 4::bigint,
    'and leaves one for each thousand events');
SELECT ok((SELECT bool_and(before <= c.changed_at) FROM crm.checkpoint k JOIN crm.contact c USING (contact_id)),
    'none behind the last change');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');
INSERT INTO crm.event (contact_id, kind, list_id, occurred_at) VALUES
    (1, 'added', 1, now() - interval '45 minutes 30 seconds');
SELECT is((SELECT count(*) FROM crm.subscription WHERE contact_id = 1), 1::bigint, 'another one, from a checkpoint');
SELECT is((SELECT count(*) FROM crm.checkpoint WHERE contact_id = 1), 4::bigint, 'which stays');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
    (1, 'suspended', now() - interval '2500 minutes 30 seconds');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'an earlier one takes along what lies behind it');
SELECT is((SELECT suspended_at FROM crm.contact WHERE contact_id = 1), now() - interval '2500 minutes 30 seconds',
    'and is applied');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'visited', now() - interval '10 seconds');
SELECT is((SELECT monitored FROM crm.contact WHERE contact_id = 1), true,
    'one before the last change, of which the checkpoints know nothing');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

SELECT contact_status.retract_events('crm', 'a test', contact_ids => '{1}', kinds => '{suspended}') \g /dev/null
SELECT is((SELECT count(*) FROM crm.checkpoint WHERE contact_id = 1), 0::bigint, 'a retraction takes them away');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'opened', now() - interval '50 seconds');
SELECT is((SELECT suspended_at FROM crm.contact WHERE contact_id = 1), NULL,
    'so that none brings back what was retracted');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');
UPDATE crm.policy SET soft_bounce_limit = 1 WHERE name = 'default';
SELECT contact_status.reevaluate('crm') \g /dev/null
SELECT is((SELECT count(*) FROM crm.checkpoint), 0::bigint, 'so does reevaluate');
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
    (1, 'validated', now() - interval '4000 minutes 30 seconds'), (2, 'complained', now() - interval '30 seconds');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');
UPDATE crm.contact SET email = 'other@example.org' WHERE contact_id = 1;
SELECT is((SELECT count(*) FROM crm.checkpoint WHERE contact_id = 1), 0::bigint, 'so does another address');
DELETE FROM crm.contact WHERE contact_id = 2;
SELECT is((SELECT count(*) FROM crm.checkpoint), 0::bigint, 'and so does the end of a contact');
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'verify agrees');

SELECT * FROM finish();
ROLLBACK;
