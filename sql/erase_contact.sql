-- erase_contact: erases a person.

CREATE FUNCTION _contact_status.anonymize_contact(schema name, account_id bigint, contact_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_anonymize_contact';
COMMENT ON FUNCTION _contact_status.anonymize_contact(name, bigint, bigint) IS
'makes the events of a deleted contact, and of those merged with it, anonymous; leaves an opt-out of their addresses';

CREATE FUNCTION contact_status.erase_contact(schema name, account_id bigint, contact_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
AS $erase$
DECLARE
    target bigint;
BEGIN
    PERFORM _contact_status.refuse_read_only('erase_contact');
    PERFORM _contact_status.check_installation(erase_contact.schema, '{contact}');
    -- waits for a concurrent merge of the contact
    PERFORM _contact_status.lock_contacts(erase_contact.schema, erase_contact.account_id, ARRAY[erase_contact.contact_id]);
    target := _contact_status.merge_target(erase_contact.schema, erase_contact.account_id, erase_contact.contact_id);
    EXECUTE pg_catalog.format('DELETE FROM ONLY %I.contact WHERE account_id OPERATOR(pg_catalog.=) $1 '
                              'AND contact_id OPERATOR(pg_catalog.=) $2', erase_contact.schema)
      USING erase_contact.account_id, target;
    PERFORM _contact_status.anonymize_contact(erase_contact.schema, erase_contact.account_id, target);
END
$erase$;
COMMENT ON FUNCTION contact_status.erase_contact(name, bigint, bigint) IS
'erases a person, also one with a deleted contact, and all contacts that were merged: no address or text remains except a digest with an opt-out';
