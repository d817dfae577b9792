-- Comparing with an application, and leaving.

CREATE FUNCTION _contact_status.suppressions_of(
    schema name, account_id bigint, emails text[],
    OUT account bigint, OUT n bigint, OUT kind contact_status.event_kind, OUT list_id bigint, OUT occurred_at timestamptz
) RETURNS SETOF record
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cs_suppressions_of';
COMMENT ON FUNCTION _contact_status.suppressions_of(name, bigint, text[]) IS
'suppressions of some addresses, with the number of the address; those of an erasure included';

CREATE FUNCTION contact_status.export_status(
    schema name, account_id bigint DEFAULT 1, emails text[] DEFAULT '{}',
    OUT contact_id bigint, OUT email text, OUT list_id bigint, OUT status contact_status.contact_status,
    OUT consent contact_status.contact_status, OUT consent_at timestamptz, OUT unsubscribed_at timestamptz,
    OUT complained_at timestamptz, OUT hard_bounced_at timestamptz, OUT deleted_at timestamptz, OUT suspended_at timestamptz,
    OUT suspended_until timestamptz, OUT lapsed_at timestamptz, OUT monitored boolean, OUT created_at timestamptz
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $export_status$
BEGIN
    PERFORM _contact_status.check_installation(export_status.schema, '{contact,subscription,event}');
    RETURN QUERY EXECUTE format($query$
SELECT c.contact_id, c.email, s.list_id, coalesce(s.status, c.status), s.consent, s.consent_at, c.unsubscribed_at, c.complained_at,
       c.hard_bounced_at, c.deleted_at, c.suspended_at, c.suspended_until, c.lapsed_at, c.monitored, c.created_at
  FROM ONLY %1$I.contact c
  LEFT JOIN ONLY %1$I.subscription s ON s.account_id = c.account_id AND s.contact_id = c.contact_id
 WHERE c.account_id = $1$query$, export_status.schema) USING export_status.account_id;
    IF cardinality(export_status.emails) > 0 THEN
        RETURN QUERY EXECUTE format($query$
SELECT NULL::bigint, e.email, u.list_id,
       CASE WHEN bool_or(u.kind = 'complained') THEN 'complained' WHEN bool_or(u.kind = 'unsubscribed') THEN 'unsubscribed'
            ELSE 'hard_bounced' END::contact_status.contact_status,
       CASE WHEN bool_or(u.kind = 'unsubscribed') THEN 'unsubscribed' END::contact_status.contact_status,
       max(u.occurred_at) FILTER (WHERE u.kind = 'unsubscribed' AND u.list_id IS NOT NULL),
       max(u.occurred_at) FILTER (WHERE u.kind = 'unsubscribed' AND u.list_id IS NULL),
       max(u.occurred_at) FILTER (WHERE u.kind = 'complained'), max(u.occurred_at) FILTER (WHERE u.kind = 'invalidated'),
       NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::boolean, NULL::timestamptz
  FROM unnest($2) WITH ORDINALITY e (email, n)
  JOIN _contact_status.suppressions_of(%2$L, $1, $2) u ON u.n = e.n
 WHERE NOT EXISTS (SELECT FROM ONLY %1$I.contact c WHERE c.account_id = $1
                      AND contact_status.normalize_address(c.email) = contact_status.normalize_address(e.email) COLLATE "C")
 GROUP BY e.n, e.email, u.list_id
 ORDER BY e.n, u.list_id NULLS FIRST$query$, export_status.schema, export_status.schema) USING export_status.account_id, export_status.emails;
    END IF;
END
$export_status$;
COMMENT ON FUNCTION contact_status.export_status(name, bigint, text[]) IS
'contacts with their lists, statuses, facts and times; and the opt-outs, complaints and dead addresses of some addresses without a contact';

CREATE FUNCTION _contact_status.differences_query(schema name, query text) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
RETURN format($query$WITH given AS MATERIALIZED (
    SELECT coalesce((r.j OPERATOR(pg_catalog.->>) 'account_id')::bigint, 1) AS account_id, (r.j OPERATOR(pg_catalog.->>) 'contact_id')::bigint AS contact_id,
           (r.j OPERATOR(pg_catalog.->>) 'list_id')::bigint AS list_id, r.j OPERATOR(pg_catalog.->>) 'email' AS email
      FROM (SELECT pg_catalog.to_jsonb(q) AS j FROM (%2$s) q) r
), theirs AS MATERIALIZED (
    SELECT DISTINCT g.account_id, g.list_id, coalesce(g.contact_id, c.contact_id) AS contact_id,
           CASE WHEN coalesce(g.contact_id, c.contact_id) IS NULL THEN g.email END AS email
      FROM given g
      LEFT JOIN ONLY %1$I.contact c ON g.contact_id IS NULL AND c.account_id OPERATOR(pg_catalog.=) g.account_id
       AND contact_status.normalize_address(c.email) OPERATOR(pg_catalog.=) contact_status.normalize_address(g.email) COLLATE pg_catalog."C"
), ours AS MATERIALIZED (
    SELECT DISTINCT m.account_id, CASE WHEN l.by_list THEN m.list_id END AS list_id, m.contact_id
      FROM (%3$s) m, (SELECT EXISTS (SELECT FROM theirs t WHERE t.list_id IS NOT NULL) AS by_list) l
     WHERE m.account_id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.account_id FROM theirs t UNION SELECT 1 WHERE NOT EXISTS (SELECT FROM theirs)))
), differing AS MATERIALIZED (
    SELECT 'application' AS mailed_by, t.account_id, t.list_id, t.contact_id, t.email FROM theirs t
     WHERE NOT EXISTS (SELECT FROM ours o WHERE o.account_id OPERATOR(pg_catalog.=) t.account_id AND o.contact_id OPERATOR(pg_catalog.=) t.contact_id
                          AND (o.list_id OPERATOR(pg_catalog.=) t.list_id OR t.list_id IS NULL))
    UNION ALL
    SELECT 'contact_status', o.account_id, o.list_id, o.contact_id, NULL FROM ours o
     WHERE NOT EXISTS (SELECT FROM theirs t WHERE o.account_id OPERATOR(pg_catalog.=) t.account_id AND o.contact_id OPERATOR(pg_catalog.=) t.contact_id
                          AND (o.list_id OPERATOR(pg_catalog.=) t.list_id OR t.list_id IS NULL))
)
SELECT d.mailed_by, d.account_id, d.list_id, d.contact_id, d.email, f.status,
       coalesce(f.fact, CASE WHEN c.contact_id IS NULL THEN 'no such contact' ELSE 'no consent' END), f.since, f.kind, f.source, f.reason, f.detail, f.lifted_by
  FROM differing d
  LEFT JOIN ONLY %1$I.contact c ON c.account_id OPERATOR(pg_catalog.=) d.account_id AND c.contact_id OPERATOR(pg_catalog.=) d.contact_id
  LEFT JOIN LATERAL (
           SELECT x.* FROM contact_status.explain_status(%4$L, c.account_id, c.contact_id, d.list_id) x
            WHERE c.contact_id IS NOT NULL AND contact_status.is_mailable(x.status) OPERATOR(pg_catalog.=) (d.mailed_by OPERATOR(pg_catalog.<>) 'application')
            ORDER BY (x.fact OPERATOR(pg_catalog.=) 'consent') OPERATOR(pg_catalog.=) (d.mailed_by OPERATOR(pg_catalog.<>) 'application') DESC,
                      x.status DESC, x.since DESC LIMIT 1) f
       ON c.contact_id IS NOT NULL
 ORDER BY 1, 2, 3, 4, 5$query$, schema, query, _contact_status.mailable_query(schema), schema);
COMMENT ON FUNCTION _contact_status.differences_query(name, text) IS 'query of differences';

-- no SET search_path: the query of the caller runs with it
CREATE FUNCTION contact_status.differences(
    schema name, query text,
    OUT mailed_by text, OUT account_id bigint, OUT list_id bigint, OUT contact_id bigint, OUT email text,
    OUT status contact_status.contact_status, OUT fact text, OUT since timestamptz, OUT kind contact_status.event_kind,
    OUT source text, OUT reason text, OUT detail text, OUT lifted_by text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
AS $differences$
BEGIN
    PERFORM _contact_status.check_installation(differences.schema,
        '{policy,account,consent_setting_history,contact,subscription,address_change,checkpoint,event}');
    IF differences.query IS NULL THEN
        RAISE EXCEPTION 'differences needs a query'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'It returns the contacts that the application would mail: contact_id or email, and if wanted list_id and account_id.';
    END IF;
    RETURN QUERY EXECUTE _contact_status.differences_query(differences.schema, differences.query);
END
$differences$;
COMMENT ON FUNCTION contact_status.differences(name, text) IS
'contacts that either the application would mail, by a query of its, or view mailable has, and the fact that decides';
