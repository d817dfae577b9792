-- Policies of the user's own: copies, and settings that contradict each other.

CREATE FUNCTION contact_status.copy_policy(schema name, from_policy text, to_policy text) RETURNS void
    LANGUAGE plpgsql VOLATILE
AS $copy$
DECLARE
    copied bigint;
BEGIN
    PERFORM _contact_status.refuse_read_only('copy_policy');
    PERFORM _contact_status.check_installation(copy_policy.schema, '{policy}');
    IF copy_policy.from_policy IS NULL OR copy_policy.to_policy IS NULL THEN
        RAISE EXCEPTION 'copy_policy needs the names of two policies'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'For example: SELECT contact_status.copy_policy(''crm'', ''ecomail'', ''mine'').';
    END IF;
    EXECUTE pg_catalog.format('INSERT INTO %1$I.policy SELECT (pg_catalog.jsonb_populate_record(p, '
                              'pg_catalog.jsonb_build_object(''name'', $2))).* '
                              'FROM %1$I.policy p WHERE p.name OPERATOR(pg_catalog.=) $1 ON CONFLICT DO NOTHING', copy_policy.schema)
      USING copy_policy.from_policy, copy_policy.to_policy;
    GET DIAGNOSTICS copied := ROW_COUNT;
    IF copied OPERATOR(pg_catalog.=) 0 THEN
        EXECUTE pg_catalog.format('SELECT pg_catalog.count(*) FROM %I.policy WHERE name OPERATOR(pg_catalog.=) $1', copy_policy.schema)
           INTO copied USING copy_policy.from_policy;
        IF copied OPERATOR(pg_catalog.=) 0 THEN
            RAISE EXCEPTION 'policy "%" does not exist', copy_policy.from_policy
                USING ERRCODE = 'foreign_key_violation', HINT = 'Table policy has the policies of the installation.';
        END IF;
        RAISE EXCEPTION 'policy "%" already exists', copy_policy.to_policy
            USING ERRCODE = 'unique_violation', HINT = 'Give another name, or change this policy by UPDATE.';
    END IF;
END
$copy$;
COMMENT ON FUNCTION contact_status.copy_policy(name, text, text) IS
'inserts a policy with the settings of another one';

CREATE FUNCTION contact_status.policy_problems(
    schema name, OUT policy text, OUT settings text[], OUT problem text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $problems$
BEGIN
    PERFORM _contact_status.check_installation(policy_problems.schema, '{policy,account,list}');
    RETURN QUERY EXECUTE format($query$
SELECT p.name, c.settings::text[], c.problem
  FROM %1$I.policy p
 CROSS JOIN LATERAL (VALUES
     -- soft bounces
     (1, p.soft_bounce_limit IS NULL AND p.soft_bounces_per_campaign IS NOT NULL,
      '{soft_bounces_per_campaign,soft_bounce_limit}',
      'The errors of a campaign are limited, but there is no soft_bounce_limit to which they count.'),
     (2, p.soft_bounce_limit IS NULL AND p.soft_bounce_window IS NOT NULL,
      '{soft_bounce_window,soft_bounce_limit}',
      'The errors of a campaign count for a time only, but there is no soft_bounce_limit to which they count.'),
     (3, p.soft_bounce_window IS NOT NULL AND p.soft_bounces_per_campaign IS NULL,
      '{soft_bounce_window,soft_bounces_per_campaign}',
      'Within the window, each error of a campaign counts, as there is no soft_bounces_per_campaign.'),
     (4, p.soft_bounce_window IS NOT NULL AND p.soft_bounces_per_campaign = 1,
      '{soft_bounce_window,soft_bounces_per_campaign}',
      'The window never ends the count of a campaign, because its first error already does.'),
     -- 1 of 1 comes from the default of soft_bounces_per_campaign
     (5, p.soft_bounces_per_campaign > 1 AND p.soft_bounces_per_campaign >= p.soft_bounce_limit,
      '{soft_bounces_per_campaign,soft_bounce_limit}',
      'The errors of one campaign reach soft_bounce_limit before soft_bounces_per_campaign stops their count.'),
     (6, p.soft_bounce_limit IS NULL AND p.soft_bounce_outcome = 'hard_bounced',
      '{soft_bounce_outcome,soft_bounce_limit}',
      'Soft bounces never lead to this outcome, because there is no soft_bounce_limit.'),
     (7, p.soft_bounce_memory IS NOT NULL AND p.soft_bounce_limit IS NULL AND coalesce(p.hard_bounce_limit, 1) = 1,
      '{soft_bounce_memory,soft_bounce_limit,hard_bounce_limit}',
      'Old runs of errors are forgotten, but there is no limit that a run could reach.'),
     -- hard bounces
     (8, p.hard_bounce_limit IS NULL AND p.soft_bounce_limit IS NULL,
      '{hard_bounce_limit,soft_bounce_limit}',
      'Hard bounces count as soft bounces, and these have no limit: a refused address stays mailable.'),
     (9, p.hard_bounces_per_campaign IS NOT NULL AND p.hard_bounce_limit IS NULL,
      '{hard_bounces_per_campaign,hard_bounce_limit}',
      'The hard bounces of a campaign are limited, but hard bounces count as soft bounces.'),
     (10, p.hard_bounces_per_campaign >= p.hard_bounce_limit,
      '{hard_bounces_per_campaign,hard_bounce_limit}',
      'The hard bounces of one campaign reach hard_bounce_limit before hard_bounces_per_campaign stops their count.'),
     -- consent; a sign-up after an opt-out waits for a confirmation unless resubscribe is never
     (11, p.confirm_within IS NOT NULL AND NOT p.double_opt_in AND p.resubscribe = 'never'
          AND NOT EXISTS (SELECT FROM %1$I.account a JOIN %1$I.list l USING (account_id)
                           WHERE a.policy = p.name AND l.double_opt_in),
      '{confirm_within,double_opt_in,resubscribe}',
      'Confirmations have a time limit, but no sign-up waits for a confirmation.'),
     -- counts
     (12, 'unresponsive' = ANY (p.counted) AND (p.unresponsive_campaigns IS NOT NULL OR p.unresponsive_after IS NOT NULL),
      '{counted,unresponsive_campaigns,unresponsive_after}',
      'Contacts that become unresponsive are no longer mailed, but still count.'),
     (13, 'unresponsive' = ANY (p.counted) AND p.unresponsive_campaigns IS NULL AND p.unresponsive_after IS NULL,
      '{counted,unresponsive_campaigns,unresponsive_after}',
      'Unresponsive contacts count, but only an event "lapsed" makes a contact unresponsive.'),
     (14, 'failing' = ANY (p.counted) AND (p.soft_bounce_limit IS NULL OR p.soft_bounce_outcome <> 'failing'),
      '{counted,soft_bounce_limit,soft_bounce_outcome}',
      'Failing contacts count, but no contact becomes failing.'),
     (15, p.counted = '{}', '{counted}', 'No contact counts, so that contact_limit has no effect.')
 ) c (place, applies, settings, problem)
 WHERE c.applies
 ORDER BY p.name COLLATE "C", c.place
    $query$, policy_problems.schema);
END
$problems$;
COMMENT ON FUNCTION contact_status.policy_problems(name) IS
'settings of policies that contradict each other, a row for each problem';
