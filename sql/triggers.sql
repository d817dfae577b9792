-- Trigger functions of the tables of an installation.

CREATE FUNCTION _contact_status.recording_time() RETURNS timestamptz
    LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_recording_time';
COMMENT ON FUNCTION _contact_status.recording_time() IS
'default of event.recorded_at: the clock, but not before the statement began';

CREATE FUNCTION _contact_status.apply_events() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_apply_events';
COMMENT ON FUNCTION _contact_status.apply_events() IS
'after a statement that inserts events: applies them to contacts and subscriptions';

CREATE FUNCTION _contact_status.begin_contacts() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_begin_contacts';
COMMENT ON FUNCTION _contact_status.begin_contacts() IS
'after a statement that inserts contacts: checks them, begins their generation, and applies suppressions and unmatched events';

CREATE FUNCTION _contact_status.end_contacts() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_end_contacts';
COMMENT ON FUNCTION _contact_status.end_contacts() IS
'after a statement that deletes contacts: stores suppressions, and deletes their subscriptions';

CREATE FUNCTION _contact_status.change_address() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_change_contact_address';
COMMENT ON FUNCTION _contact_status.change_address() IS
'after the address of a contact changed: suppresses the old one, and applies suppressions of the new one';

CREATE FUNCTION _contact_status.set_event_key() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_set_event_key';
COMMENT ON FUNCTION _contact_status.set_event_key() IS
'before an event is inserted: replaces a null event_key, as drivers send it, by the default';

CREATE FUNCTION _contact_status.set_address_digest() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_set_address_digest';
COMMENT ON FUNCTION _contact_status.set_address_digest() IS
'before a row of unmatched_event is written: sets the digest of its address';

CREATE FUNCTION _contact_status.change_policy() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_change_policy';
COMMENT ON FUNCTION _contact_status.change_policy() IS
'after a change of policy: checks it, and stores the consent settings of its accounts';

CREATE FUNCTION _contact_status.change_account() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_change_account';
COMMENT ON FUNCTION _contact_status.change_account() IS
'after a change of account: checks it, and stores its consent settings';

CREATE FUNCTION _contact_status.change_list() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_change_list';
COMMENT ON FUNCTION _contact_status.change_list() IS
'at a change of list: checks it, and stores its double opt-in; removes the subscribers of a deleted list';

CREATE FUNCTION _contact_status.settings_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_settings_changed';
COMMENT ON FUNCTION _contact_status.settings_changed() IS
'after a row of policy, account or list is updated or deleted: makes all sessions read the settings again';

CREATE FUNCTION _contact_status.refuse_write() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_refuse_write';
COMMENT ON FUNCTION _contact_status.refuse_write() IS
'refuses a direct write to a derived column or table';

CREATE FUNCTION _contact_status.refuse_truncate() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_refuse_truncate';
COMMENT ON FUNCTION _contact_status.refuse_truncate() IS
'refuses TRUNCATE of a table of an installation';

CREATE FUNCTION _contact_status.is_deliverable(policy contact_status.policy, contact record) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_is_deliverable_of';
COMMENT ON FUNCTION _contact_status.is_deliverable(contact_status.policy, record) IS
'whether a row of contact may receive transactional mail';

CREATE FUNCTION _contact_status.address_status(
    policy contact_status.policy, contact record, as_of timestamptz
) RETURNS contact_status.contact_status
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_address_status_of';
COMMENT ON FUNCTION _contact_status.address_status(contact_status.policy, record, timestamptz) IS
'greatest status over the address facts of a row of contact, as of a moment';

-- Trigger functions for tables of the application.

CREATE FUNCTION contact_status.require_mailable() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_require_mailable';
COMMENT ON FUNCTION contact_status.require_mailable() IS
'before a row of an outbox is written, or after a statement that inserts rows: refuses or skips a contact that may not be '
'mailed now; arguments: schema, '
'contact column [, list column [, account column]] [, error, skip, or mark and a column] [, transactional]';

CREATE FUNCTION contact_status.guard_status() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cs_guard_status';
COMMENT ON FUNCTION contact_status.guard_status() IS
'before an update of an application''s status column: refuses, keeps or skips changes that the rules do not allow; '
'arguments: column [, policy] [, error, keep or skip]';

CREATE FUNCTION _contact_status.forwarding_query(arguments text[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $forwarding$
DECLARE
    known constant text[] := '{account_id,contact_id,occurred_at,kind,list_id,campaign_id,event_key,source,evidence,reason,reply,until}';
    pair text[];
    targets text[] := '{}';
    sources text[] := '{}';
BEGIN
    FOR i IN 2 .. cardinality(arguments) LOOP
        pair := string_to_array(arguments[i], '=');
        IF cardinality(pair) <> 2 OR NOT btrim(pair[1]) = ANY (known) THEN
            RAISE EXCEPTION 'forward_events does not know the argument "%"', arguments[i]
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'An argument is column=column, of event and of the table; of event: ' || array_to_string(known, ', ') || '.';
        END IF;
        targets := targets || quote_ident(btrim(pair[1]));
        sources := sources || (format('f.%I', btrim(pair[2])) || CASE btrim(pair[1])
            WHEN 'kind' THEN '::pg_catalog.text::contact_status.event_kind' ELSE '' END);
    END LOOP;
    IF NOT '{contact_id,kind,occurred_at}'::text[] <@ targets THEN
        RAISE EXCEPTION 'forward_events needs contact_id, kind and occurred_at'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'An event that is forwarded carries its own time.';
    END IF;
    -- ordered by the log's key, so that two such statements cannot deadlock
    RETURN format('INSERT INTO %I.event (%s) SELECT %s FROM forwarded f ORDER BY %s ON CONFLICT DO NOTHING',
                  arguments[1], array_to_string(targets, ', '), array_to_string(sources, ', '),
                  (SELECT string_agg(s, ', ' ORDER BY array_position(known, t)) FROM unnest(targets, sources) u (t, s)));
END
$forwarding$;
COMMENT ON FUNCTION _contact_status.forwarding_query(text[]) IS 'statement with which forward_events records rows';

-- no SET search_path: the triggers of the application on event would run with it
CREATE FUNCTION contact_status.forward_events() RETURNS trigger
    LANGUAGE plpgsql
AS $forward$
BEGIN
    IF (TG_LEVEL, TG_WHEN, TG_OP) OPERATOR(pg_catalog.<>) ('STATEMENT', 'AFTER', 'INSERT') THEN
        RAISE EXCEPTION 'forward_events must be fired AFTER INSERT FOR EACH STATEMENT'
            USING ERRCODE = 'trigger_protocol_violated', HINT = 'With REFERENCING NEW TABLE AS forwarded.';
    END IF;
    IF pg_catalog.to_regnamespace(pg_catalog.quote_ident(TG_ARGV[0])) IS NULL THEN
        RAISE EXCEPTION 'trigger "%" of table "%" names schema "%", which does not exist', TG_NAME, TG_TABLE_NAME, TG_ARGV[0]
            USING ERRCODE = 'invalid_schema_name', HINT = 'If the schema was renamed, create the trigger again with its new name.';
    END IF;
    EXECUTE _contact_status.forwarding_query(TG_ARGV[0:]);
    RETURN NULL;
END
$forward$;
COMMENT ON FUNCTION contact_status.forward_events() IS
'after a statement that inserts into a table of the application: records its rows as events; arguments: schema, then '
'pairs event column=table column';
