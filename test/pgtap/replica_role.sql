\i test/pgtap/setup.inc
-- session_replication_role = replica: triggers and guards are switched off, as for what a subscription applies. Who may
-- set it and writes so is not stopped; verify finds the damage, and repair makes it what the log says, and tells a
-- contact that came so what is kept of its address.
SELECT no_plan();
SELECT contact_status.create_tables('crm', 'ecomail') \g /dev/null
INSERT INTO crm.contact (email) SELECT format('c%s@example.org', i) FROM generate_series(1, 6) i;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, 1, 'added' FROM generate_series(1, 6) i;
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (3, 1, 'unsubscribed');

-- What verify names after a statement with triggers off, sorted; then everything is repaired.
CREATE FUNCTION helper.damage(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    named text;
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE statement;
    SET LOCAL session_replication_role = origin;
    SELECT string_agg(concat_ws(' ', contact_id, item), ', ' ORDER BY contact_id NULLS LAST, item COLLATE "C")
      INTO named
      FROM contact_status.verify('crm')
      WHERE (list_id IS NULL OR item = 'consent_setting_history') AND item <> 'changed_at';
    PERFORM contact_status.repair('crm');
    RETURN named;
END $$;

SELECT is(helper.damage($$INSERT INTO crm.event (contact_id, kind) VALUES (1, 'complained')$$),
    '1 complained_at, 1 status', 'an event that was not applied');
SELECT is(status, 'complained', 'is applied by repair') FROM crm.contact WHERE contact_id = 1;
SELECT is(helper.damage($$UPDATE crm.contact SET status = 'active' WHERE contact_id = 3$$),
    '3 status, count of active, count of unsubscribed', 'a status that was written');
SELECT is(status, 'unsubscribed', 'is taken back by repair') FROM crm.contact WHERE contact_id = 3;
SELECT is(helper.damage($$INSERT INTO crm.status_count VALUES
            (1, NULL, pg_current_xact_id(), NULL, helper.contacts('unsubscribed', 1))$$),
    'count of unsubscribed', 'a count that was written');
SELECT is(helper.damage($$DELETE FROM crm.event WHERE contact_id = 3 AND kind = 'unsubscribed'$$),
    '3 status, 3 unsubscribed_at', 'an event that is gone');
SELECT is(helper.damage($$UPDATE crm.policy SET resubscribe = 'never' WHERE name = 'ecomail'$$),
    'consent_setting_history', 'a setting that was changed');
SELECT is(helper.damage($$DELETE FROM crm.contact WHERE contact_id = 6$$), 'count of active', 'a contact that is gone');
SELECT contact_status.suppress('crm', 1, 'gone@example.org', 'complained') \g /dev/null
SELECT is(helper.damage($$INSERT INTO crm.contact (email) VALUES ('gone@example.org')$$),
    '7 suppressed, count of unconfirmed', 'a contact that came without what is kept of its address');
SELECT is(status, 'complained', 'is told by repair') FROM crm.contact WHERE contact_id = 7;
UPDATE crm.policy SET unsubscribe_scope = 'list' WHERE name = 'ecomail';    -- with account, it would be account-wide
SELECT contact_status.suppress('crm', 1, 'later@example.org', 'unsubscribed', 1) \g /dev/null
UPDATE crm.policy SET unsubscribe_scope = 'account' WHERE name = 'ecomail';
SELECT is(helper.damage($$UPDATE crm.contact SET email = 'later@example.org' WHERE contact_id = 5$$),
    NULL, 'an address that was changed so, of which an opt-out of a list is kept, shows with its list');
SELECT is(status, 'unsubscribed', 'is told by repair') FROM crm.subscription WHERE (contact_id, list_id) = (5, 1);
SELECT is(helper.damage($$DELETE FROM crm.event WHERE contact_id = 5 AND kind = 'unsubscribed'$$),
    '5 status, 5 unsubscribed_at', 'nobody forgets what was told: an event that is gone is told again');
SELECT is(status, 'unsubscribed', 'by repair') FROM crm.subscription WHERE (contact_id, list_id) = (5, 1);
SELECT retraction_id FROM contact_status.retract_events('crm', 'they called', contact_ids => '{5}',
    kinds => '{unsubscribed}') \g /dev/null
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$, 'what was told and retracted is not told again');
SELECT is(status, 'active', 'and holds no more') FROM crm.subscription WHERE (contact_id, list_id) = (5, 1);
SELECT contact_status.erase_contact('crm', 1, 4) \g /dev/null
SELECT is_empty($$SELECT * FROM contact_status.verify('crm')$$,
    'an erasure opts out who takes the address afterwards, and is told then');
SELECT is(helper.damage($$INSERT INTO crm.list (name, double_opt_in) VALUES ('two', true)$$),
    'consent_setting_history', 'a list without its setting');
SELECT helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
