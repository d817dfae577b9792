-- merge_contacts: two contacts that are one person become one contact.

CREATE FUNCTION _contact_status.set_merged(schema name, account_id bigint, contact_id bigint, merged_into bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cs_set_merged';
COMMENT ON FUNCTION _contact_status.set_merged(name, bigint, bigint, bigint) IS
'marks a deleted contact as merged with another contact, which receives its later events';

CREATE FUNCTION _contact_status.merge_target(schema name, account_id bigint, contact_id bigint) RETURNS bigint
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cs_merge_target_of';
COMMENT ON FUNCTION _contact_status.merge_target(name, bigint, bigint) IS
'the contact that receives the events of a contact: itself, unless it was merged';

-- Errors, deliveries and interactions concern an address. They remain with the address of the merged contact.
CREATE FUNCTION _contact_status.facts_to_merge(
    schema name, account_id bigint, from_id bigint, into_id bigint, now timestamptz,
    OUT existing bigint[], OUT kinds contact_status.event_kind[], OUT lists bigint[], OUT times timestamptz[], OUT untils timestamptz[],
    OUT sources text[]
) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $facts$
BEGIN
    EXECUTE format('SELECT array_agg(c.contact_id) FROM ONLY %I.contact c WHERE c.account_id = $1 AND c.contact_id IN ($2, $3)',
                   facts_to_merge.schema)
       INTO existing USING facts_to_merge.account_id, facts_to_merge.from_id, facts_to_merge.into_id;
    EXECUTE format($query$
SELECT array_agg(f.kind), array_agg(f.list_id), array_agg(f.occurred_at), array_agg(f.until), array_agg(f.source)
  FROM ONLY %1$I.contact a
  JOIN ONLY %1$I.contact b ON b.account_id = a.account_id AND b.contact_id = $3
 CROSS JOIN LATERAL (
           SELECT 'unsubscribed'::contact_status.event_kind AS kind, NULL::bigint AS list_id, $4 AS occurred_at,
                  NULL::timestamptz AS until, CASE WHEN a.erased_at IS NULL THEN 'suppression' ELSE 'erasure' END AS source
            WHERE a.unsubscribed_at IS NOT NULL
           UNION ALL
           SELECT 'complained', NULL, a.complained_at, NULL, 'suppression' WHERE a.complained_at IS NOT NULL
           UNION ALL
           SELECT 'deleted', NULL, $4, NULL, 'merge' WHERE a.deleted_at IS NOT NULL
           UNION ALL
           SELECT 'suspended', NULL, $4, a.suspended_until, 'merge'
            WHERE a.suspended_at IS NOT NULL AND coalesce(a.suspended_until, 'infinity') > $4
              AND (b.suspended_at IS NULL
                   OR coalesce(b.suspended_until, 'infinity') < coalesce(a.suspended_until, 'infinity'))
           UNION ALL
           SELECT CASE s.consent WHEN 'unsubscribed' THEN 'unsubscribed' ELSE 'added' END::contact_status.event_kind, s.list_id, $4, NULL,
                  CASE s.consent WHEN 'unsubscribed' THEN 'suppression' ELSE 'merge' END
             FROM ONLY %1$I.subscription s
            WHERE s.account_id = a.account_id AND s.contact_id = a.contact_id
              AND (s.consent = 'unsubscribed'
                   OR s.consent = 'active'
                      AND EXISTS (SELECT FROM ONLY %1$I.list l WHERE l.account_id = s.account_id AND l.list_id = s.list_id)
                      AND NOT EXISTS (SELECT FROM ONLY %1$I.subscription o WHERE o.account_id = s.account_id
                                         AND o.contact_id = $3 AND o.list_id = s.list_id))) f
 WHERE a.account_id = $1 AND a.contact_id = $2
    $query$, facts_to_merge.schema)
       INTO kinds, lists, times, untils, sources
      USING facts_to_merge.account_id, facts_to_merge.from_id, facts_to_merge.into_id, facts_to_merge.now;
END
$facts$;
COMMENT ON FUNCTION _contact_status.facts_to_merge(name, bigint, bigint, bigint, timestamptz) IS
'of two contacts, those that exist, and the events that the second one receives from the facts of the first one';

-- no SET search_path: the triggers of the application would run with it
CREATE FUNCTION contact_status.merge_contacts(schema name, account_id bigint, from_id bigint, into_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
AS $merge$
DECLARE
    facts pg_catalog.record;
BEGIN
    PERFORM _contact_status.refuse_read_only('merge_contacts');
    PERFORM _contact_status.check_installation(merge_contacts.schema, '{contact,subscription,list}');
    PERFORM _contact_status.refresh_contacts(merge_contacts.schema, ARRAY[merge_contacts.account_id, merge_contacts.account_id],
                ARRAY[LEAST(merge_contacts.from_id, merge_contacts.into_id), GREATEST(merge_contacts.from_id, merge_contacts.into_id)],
                false, pg_catalog.clock_timestamp());
    IF merge_contacts.from_id OPERATOR(pg_catalog.=) merge_contacts.into_id THEN
        RAISE EXCEPTION 'contact % of account % cannot be merged with itself', merge_contacts.from_id, merge_contacts.account_id
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name two contacts of the account.';
    END IF;
    SELECT f.* INTO facts
      FROM _contact_status.facts_to_merge(merge_contacts.schema, merge_contacts.account_id, merge_contacts.from_id,
               merge_contacts.into_id, pg_catalog.clock_timestamp()) f;
    IF pg_catalog.cardinality(facts.existing) OPERATOR(pg_catalog.=) 2 THEN
        NULL;
    ELSE
        RAISE EXCEPTION 'contact % of account % does not exist',
            CASE WHEN merge_contacts.from_id OPERATOR(pg_catalog.=) ANY (facts.existing) THEN merge_contacts.into_id
                 ELSE merge_contacts.from_id END, merge_contacts.account_id
            USING ERRCODE = 'foreign_key_violation', HINT = 'Name two contacts that exist. A merged contact exists no more.';
    END IF;
    EXECUTE pg_catalog.format('DELETE FROM ONLY %I.contact WHERE account_id OPERATOR(pg_catalog.=) $1 '
                              'AND contact_id OPERATOR(pg_catalog.=) $2', merge_contacts.schema)
      USING merge_contacts.account_id, merge_contacts.from_id;
    PERFORM _contact_status.set_merged(merge_contacts.schema, merge_contacts.account_id, merge_contacts.from_id, merge_contacts.into_id);
    EXECUTE pg_catalog.format(
        'INSERT INTO %I.event (account_id, contact_id, kind, list_id, occurred_at, until, event_key, source, reason) '
        'SELECT $1, $2, f.kind, f.list_id, f.occurred_at, f.until, pg_catalog.concat(''merge '', $3), f.source, '
        '       pg_catalog.concat(''contact '', $3) '
        '  FROM ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), '
        '                  pg_catalog.unnest($8)) f (kind, list_id, occurred_at, until, source)', merge_contacts.schema)
      USING merge_contacts.account_id, merge_contacts.into_id, merge_contacts.from_id, facts.kinds, facts.lists, facts.times,
            facts.untils, facts.sources;
END
$merge$;
COMMENT ON FUNCTION contact_status.merge_contacts(name, bigint, bigint, bigint) IS
'merges the contact from_id into into_id: opt-outs, complaints, suspensions and consents of both hold for into_id, which also '
'receives later events of the person under from_id; from_id is deleted';
