-- The five built-in policies, and the transitions of a policy.

CREATE FUNCTION contact_status.policy(name text) RETURNS contact_status.policy
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cs_builtin_policy';
COMMENT ON FUNCTION contact_status.policy(text) IS
'built-in policy: default, salesmanago, activecampaign, ecomail or emailmanager';

CREATE FUNCTION contact_status.transitions(
    policy contact_status.policy,
    OUT from_status contact_status.contact_status,
    OUT event contact_status.event_kind,
    OUT to_status contact_status.contact_status
) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 200 AS 'MODULE_PATHNAME', 'cs_transitions';
COMMENT ON FUNCTION contact_status.transitions(contact_status.policy) IS
'possible changes of a subscription under a policy; null status: no subscription; null event: the passing of time';

CREATE FUNCTION contact_status.transitions(
    policy text,
    OUT from_status contact_status.contact_status,
    OUT event contact_status.event_kind,
    OUT to_status contact_status.contact_status
) RETURNS SETOF record
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 200
BEGIN ATOMIC
    SELECT t.from_status, t.event, t.to_status
      FROM contact_status.transitions(contact_status.policy($1)) t;
END;
COMMENT ON FUNCTION contact_status.transitions(text) IS
'possible changes of a subscription under a built-in policy';

CREATE FUNCTION contact_status.state_diagram(policy contact_status.policy) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'stateDiagram-v2' || chr(10) || string_agg(arrow, chr(10) ORDER BY from_status NULLS FIRST, to_status NULLS LAST)
      FROM (SELECT t.from_status, t.to_status,
                   '    ' || coalesce(t.from_status::text, '[*]') || ' --> ' || coalesce(t.to_status::text, '[*]')
                   || ' : ' || string_agg(coalesce(t.event::text, 'time'), ', ' ORDER BY t.event NULLS LAST) AS arrow
              FROM contact_status.transitions(policy) t
             GROUP BY t.from_status, t.to_status) arrows;
END;
COMMENT ON FUNCTION contact_status.state_diagram(contact_status.policy) IS
'transitions of a policy as a Mermaid state diagram';

CREATE FUNCTION contact_status.state_diagram(policy text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN contact_status.state_diagram(contact_status.policy($1));
COMMENT ON FUNCTION contact_status.state_diagram(text) IS
'transitions of a built-in policy as a Mermaid state diagram';
