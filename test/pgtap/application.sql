\i test/pgtap/setup.inc
-- The application's own triggers on contact and subscription work as on any table, whatever kind they are, and so do
-- the less usual ways of writing events.
SELECT * FROM no_plan();
SELECT contact_status.create_tables('crm', policy => 'default');
INSERT INTO crm.contact (contact_id, email) SELECT n, format('c%s@example.org', n) FROM generate_series(1, 60) AS n;

-- Statement triggers with transition tables: the rows of all their firings together are every change ------------------

CREATE TABLE helper.seen (of text, op text, old text, new text, contact_id bigint);
CREATE FUNCTION helper.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN INSERT INTO helper.seen SELECT TG_TABLE_NAME, TG_OP, NULL, n.status, n.contact_id
        FROM new_rows AS n;
        WHEN 'DELETE' THEN INSERT INTO helper.seen SELECT TG_TABLE_NAME, TG_OP, o.status, NULL, o.contact_id
        FROM old_rows AS o;
        ELSE INSERT INTO helper.seen SELECT TG_TABLE_NAME, TG_OP, o.status, n.status, n.contact_id
            FROM old_rows AS o JOIN new_rows AS n USING (contact_id) WHERE o.status <> n.status;
    END CASE;
    RETURN NULL;
END $$;
CREATE TRIGGER see_insert AFTER INSERT ON crm.subscription REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION helper.see();
CREATE TRIGGER see_update AFTER UPDATE ON crm.subscription
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION helper.see();
CREATE TRIGGER see_delete AFTER DELETE ON crm.subscription REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION helper.see();
CREATE TRIGGER see_update AFTER UPDATE ON crm.contact
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION helper.see();
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT n, 1, 'added', now() - interval '9 hours'
    FROM generate_series(1, 3) AS n;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT n, NULL, 'soft_bounced',
    now() - interval '8 hours' FROM generate_series(1, 3) AS n;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (1, 1, 'removed', now() - interval '7 hours'), (2, 1, 'unsubscribed', now() - interval '7 hours');
DELETE FROM crm.contact WHERE contact_id = 3;
SELECT results_eq($$SELECT op, old, new, contact_id::int FROM helper.seen
        WHERE of = 'subscription' ORDER BY contact_id, op = 'DELETE', op = 'UPDATE', new = 'unsubscribed'$$,
    $$VALUES
        ('INSERT', NULL, 'active', 1), ('UPDATE', 'active', 'soft_bounced', 1), ('DELETE', 'soft_bounced', NULL, 1),
             ('INSERT', NULL, 'active', 2), ('UPDATE', 'active', 'soft_bounced', 2),
             ('UPDATE', 'soft_bounced', 'unsubscribed', 2),
             ('INSERT', NULL, 'active', 3), ('UPDATE', 'active', 'soft_bounced', 3),
             ('DELETE', 'soft_bounced', NULL, 3)$$,
    'transition tables on subscription');
SELECT results_eq($$SELECT old, new, contact_id::int FROM helper.seen
        WHERE of = 'contact' ORDER BY contact_id, old = 'soft_bounced', old = 'active'$$,
    $$VALUES ('unconfirmed', 'active', 1), ('active', 'soft_bounced', 1), ('soft_bounced', 'unconfirmed', 1),
             ('unconfirmed', 'active', 2), ('active', 'soft_bounced', 2), ('soft_bounced', 'unsubscribed', 2),
             ('unconfirmed', 'active', 3), ('active', 'soft_bounced', 3)$$, 'transition tables on contact');
DROP TRIGGER see_insert ON crm.subscription;
DROP TRIGGER see_update ON crm.subscription;
DROP TRIGGER see_delete ON crm.subscription;
DROP TRIGGER see_update ON crm.contact;

-- A BEFORE trigger that fills a column of the application's -----------------------------------------------------------

ALTER TABLE crm.contact ADD COLUMN note text;
ALTER TABLE crm.subscription ADD COLUMN note text;
CREATE FUNCTION helper.fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.note := 'now ' || NEW.status;
    RETURN NEW;
END $$;
CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON crm.contact FOR EACH ROW EXECUTE FUNCTION helper.fill();
CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON crm.subscription FOR EACH ROW EXECUTE FUNCTION helper.fill();
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (11, 1, 'added', now() - interval '9 hours');
SELECT is(c.note || ', ' || s.note, 'now active, now active', 'a BEFORE trigger fills its column') FROM crm.contact AS c
    JOIN crm.subscription AS s USING (contact_id) WHERE contact_id = 11;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (11, 'complained', now() - interval '8 hours');
SELECT is(c.note || ', ' || s.note, 'now complained, now complained', 'and again') FROM crm.contact AS c
    JOIN crm.subscription AS s USING (contact_id) WHERE contact_id = 11;
SELECT helper.accepted('UPDATE crm.subscription SET note = ''mine'' WHERE contact_id = 11',
    'its column is the application''s to write');
DROP TRIGGER fill ON crm.contact;
DROP TRIGGER fill ON crm.subscription;

-- A BEFORE trigger that drops the write, or changes what is derived, cannot make a status that the events do not say.
CREATE FUNCTION helper.drop_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION helper.revive() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := 'active'; RETURN NEW; END $$;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (12, 1, 'added', now() - interval '9 hours');
CREATE FUNCTION helper.complained_with(trigger_function text, of text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
BEGIN
    EXECUTE format('CREATE TRIGGER zz BEFORE INSERT OR UPDATE ON crm.%I FOR EACH ROW EXECUTE FUNCTION helper.%I()', of,
        trigger_function);
    SELECT verdict INTO outcome FROM helper.refusal($i$DO 'BEGIN
        INSERT INTO crm.event (contact_id, kind) VALUES (12, ''complained'');
        IF EXISTS (SELECT FROM crm.contact AS c JOIN crm.subscription AS s USING (contact_id)
                WHERE contact_id = 12 AND ''complained'' <> ALL (ARRAY[c.status, s.status])
                   OR contact_id = 12 AND (c.status <> ''complained'' OR s.status <> ''complained'')) THEN
            RAISE EXCEPTION ''wrong status'' USING ERRCODE = ''HE002'';
        END IF;
    END'$i$);
    EXECUTE format('DROP TRIGGER zz ON crm.%I', of);
    RETURN outcome;
END $$;
SELECT ok(outcome IN ('accepted', '23514 contact_status_derived'),
    format('a trigger on %s that would %s: %s', of, f, outcome))
FROM unnest('{contact,subscription}'::text[]) AS of, unnest('{drop_it,revive}'::text[]) AS f,
    helper.complained_with(f, of) AS outcome;

-- Triggers that act ---------------------------------------------------------------------------------------------------

CREATE FUNCTION helper.hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (NEW.contact_id, 'deleted', now() - interval '1 hour'),
        (NEW.contact_id + 1, 'complained', now() - interval '1 hour');
    RETURN NULL;
END $$;
CREATE TRIGGER hold AFTER UPDATE ON crm.subscription FOR EACH ROW
    WHEN (NEW.status = 'unsubscribed' AND OLD.status <> 'unsubscribed') EXECUTE FUNCTION helper.hold();
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT n, 1, 'added', now() - interval '9 hours'
    FROM generate_series(21, 24) AS n;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (21, 1, 'unsubscribed', now() - interval '8 hours'), (23, 1, 'unsubscribed', now() - interval '8 hours');
SELECT results_eq('SELECT contact_id::int, status::text FROM crm.contact WHERE contact_id BETWEEN 21 AND 24 ORDER BY 1',
    $$VALUES (21, 'deleted'), (22, 'complained'), (23, 'deleted'), (24, 'complained')$$,
    'a trigger on subscription that records events, of the same contact and others');
SELECT results_eq(
    'SELECT contact_id::int, status::text FROM crm.subscription WHERE contact_id BETWEEN 21 AND 24 ORDER BY 1',
    $$VALUES (21, 'deleted'), (22, 'complained'), (23, 'deleted'), (24, 'complained')$$, 'and their subscriptions');
DROP TRIGGER hold ON crm.subscription;

CREATE FUNCTION helper.forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM crm.contact WHERE account_id = NEW.account_id AND contact_id = NEW.contact_id;
    RETURN NULL;
END $$;
CREATE TRIGGER forget AFTER UPDATE ON crm.contact FOR EACH ROW WHEN (NEW.status = 'deleted')
    EXECUTE FUNCTION helper.forget();
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT n, 1, 'added', now() - interval '9 hours'
    FROM generate_series(31, 33) AS n;
INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (31, 'deleted', now() - interval '8 hours'),
    (32, 'soft_bounced', now() - interval '8 hours'), (33, 'deleted', now() - interval '8 hours');
SELECT is_empty('SELECT contact_id FROM crm.contact WHERE contact_id IN (31, 33)
        UNION ALL SELECT contact_id FROM crm.subscription WHERE contact_id IN (31, 33)',
    'a trigger that deletes the contact');
SELECT is(status, 'soft_bounced', 'and leaves the one between') FROM crm.contact WHERE contact_id = 32;
DROP TRIGGER forget ON crm.contact;

CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON crm.subscription DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.status = 'unsubscribed') EXECUTE FUNCTION helper.hold();
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (34, 1, 'added', now() - interval '9 hours');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (34, 1, 'unsubscribed', now() - interval '8 hours');
SELECT is(status, 'unsubscribed', 'a deferred trigger waits') FROM crm.contact WHERE contact_id = 34;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is(status, 'deleted', 'and acts at the end') FROM crm.contact WHERE contact_id = 34;
DROP TRIGGER late ON crm.subscription;

-- A trigger on event that turns one event into another: what is recorded is what counts.
CREATE FUNCTION helper.turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.kind := 'nonexistent';
    NEW.contact_id := 41;
    RETURN NEW;
END $$;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (41, 1, 'added', now() - interval '9 hours'), (42, 1, 'added', now() - interval '9 hours');
CREATE TRIGGER turn BEFORE INSERT ON crm.event FOR EACH ROW EXECUTE FUNCTION helper.turn();
INSERT INTO crm.event (contact_id, kind) VALUES (42, 'opened');
SELECT is((SELECT string_agg(status::text, ', ' ORDER BY contact_id) FROM crm.contact WHERE contact_id IN (41, 42)),
    'hard_bounced, active', 'a trigger on event that turns one into another');
DROP TRIGGER turn ON crm.event;

-- Less usual ways of writing ------------------------------------------------------------------------------------------

MERGE INTO crm.event AS e USING (VALUES (51::bigint, '2025-01-01'::timestamptz), (52, '2025-01-01')) AS v (c, t)
ON e.contact_id = v.c AND e.occurred_at = v.t
WHEN NOT MATCHED THEN INSERT (contact_id, list_id, kind, occurred_at) VALUES (v.c, 1, 'added', v.t);
SELECT is((SELECT string_agg(status::text, ', ') FROM crm.contact WHERE contact_id IN (51, 52)),
    'active, active', 'MERGE');
SELECT helper.refused_helpfully(statement, '23514 contact_status_derived', '', description) FROM (VALUES
    ($$MERGE INTO crm.event AS e USING (VALUES (51)) AS v (c) ON e.contact_id = v.c
            WHEN MATCHED THEN UPDATE SET kind = 'deleted'$$, 'MERGE that updates events'),
    ($$MERGE INTO crm.event AS e USING (VALUES (51)) AS v (c) ON e.contact_id = v.c WHEN MATCHED THEN DELETE$$,
        'MERGE that deletes events'),
    ($$MERGE INTO crm.contact AS c USING (VALUES (51)) AS v (c) ON c.contact_id = v.c
            WHEN MATCHED THEN UPDATE SET status = 'soft_bounced'$$, 'MERGE that updates a status'),
    ($$INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (51, 1, 'added', '2025-01-01')
       ON CONFLICT (account_id, contact_id, occurred_at, kind, list_id, campaign_id, event_key COLLATE "C")
           DO UPDATE SET source = 'again'$$, 'upsert of an event')) AS wrong (statement, description);

-- A change of settings that is rolled back was never in force; one within the transaction is, from there on.
SAVEPOINT settings;
UPDATE crm.policy SET double_opt_in = false;
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (53, 1, 'signed_up');
ROLLBACK TO settings;
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (53, 1, 'signed_up');
UPDATE crm.policy SET double_opt_in = false;
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (54, 1, 'signed_up');
UPDATE crm.list SET double_opt_in = true;
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (55, 1, 'signed_up');
UPDATE crm.list SET double_opt_in = NULL;
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (56, 1, 'signed_up');
UPDATE crm.policy SET double_opt_in = true;
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (57, 1, 'signed_up');
SELECT is(
    (SELECT string_agg(status::text, ', ' ORDER BY contact_id) FROM crm.contact WHERE contact_id BETWEEN 53 AND 57),
    'unconfirmed, active, unconfirmed, active, unconfirmed', 'settings changed and rolled back within one transaction');
SELECT is(contact_status.reevaluate('crm')::int, 0, 'the same when folded again');

-- A list deleted and made again under another setting.
INSERT INTO crm.list (list_id, name, double_opt_in) OVERRIDING SYSTEM VALUE VALUES (9, 'first', false);
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (58, 9, 'signed_up'), (59, 9, 'unsubscribed');
DELETE FROM crm.list WHERE list_id = 9;
INSERT INTO crm.list (list_id, name, double_opt_in) OVERRIDING SYSTEM VALUE VALUES (9, 'second', true);
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (60, 9, 'signed_up'), (59, 9, 'added');
SELECT is((SELECT string_agg(status::text, ', ' ORDER BY contact_id) FROM crm.contact WHERE contact_id IN (59, 60)),
    'unsubscribed, unconfirmed', 'a list deleted and made again: its opt-outs and its new setting');
SELECT is(contact_status.reevaluate('crm')::int, 0, 'the same when folded again');
SELECT * FROM helper.check_whole();

-- The schema under another name.
ALTER SCHEMA crm RENAME TO sales;
INSERT INTO sales.event (contact_id, list_id, kind) VALUES (50, 1, 'added');
SELECT is(status, 'active', 'a schema that was renamed') FROM sales.contact WHERE contact_id = 50;
SELECT * FROM helper.check_whole('sales');

-- The extension dropped with all that hangs on it, and created anew in one session.
DROP SCHEMA sales CASCADE;
DROP EXTENSION contact_status CASCADE;
CREATE EXTENSION contact_status;
SELECT contact_status.create_tables('crm', policy => 'emailmanager') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'ann@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
    (1, 1, 'added', now() - interval '2 hours'), (1, NULL, 'blocked', now() - interval '1 hour');
SELECT is(status::text, 'soft_bounced', 'dropped and created anew in one session') FROM crm.contact;
SELECT is(count(*)::int, 0, 'and verified') FROM contact_status.verify('crm');

SELECT * FROM finish();
ROLLBACK;
