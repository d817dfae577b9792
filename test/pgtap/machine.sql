\i test/pgtap/setup.inc
-- What the machine says of itself: transitions(policy) and state_diagram(policy).
SELECT * FROM no_plan();
CREATE TABLE helper.transition AS
SELECT policy, t.from_status::contact_status.contact_status, t.event::contact_status.event_kind,
    t.to_status::contact_status.contact_status
FROM unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS policy,
    contact_status.transitions(policy) AS t;

SELECT cmp_ok(count(*)::int, '>', 20, format('%s: transitions', policy)) FROM helper.transition
    GROUP BY policy ORDER BY policy;
SELECT is_empty('SELECT policy, from_status, event, to_status, count(*) FROM helper.transition GROUP BY 1, 2, 3, 4
        HAVING count(*) > 1', 'each transition once');

-- What must be among them.
SELECT ok(EXISTS (SELECT FROM helper.transition AS t
        WHERE (t.policy, t.from_status::text, t.event::text, t.to_status::text) = (policies.policy, f, e, s)),
    format('%s: %s, %s: %s', policies.policy, f, e, s))
FROM (VALUES
    ('*', 'unconfirmed', 'confirmed', 'active'),
    ('*', 'active', 'unsubscribed', 'unsubscribed'),
    ('*', 'active', 'complained', 'complained'),
    ('*', 'active', 'deleted', 'deleted'),
    ('*', 'active', 'suspended', 'suspended'),
    ('*', 'suspended', 'released', 'active'),
    ('*', 'active', 'soft_bounced', 'soft_bounced'),
    ('*', 'soft_bounced', 'delivered', 'active'),
    ('*', 'active', 'invalidated', 'hard_bounced'),
    ('*', 'hard_bounced', 'validated', 'active'),
    ('*', 'unsubscribed', 'complained', 'complained'),
    ('*', 'deleted', 'restored', 'active'),
    ('default', 'unsubscribed', 'confirmed', 'active'),
    ('default', 'unsubscribed', 'resubscribed', 'active'),
    ('default', 'soft_bounced', 'soft_bounced', 'hard_bounced'),
    ('default', 'active', 'hard_bounced', 'hard_bounced'),
    ('salesmanago', 'active', 'hard_bounced', 'soft_bounced'),
    ('salesmanago', 'soft_bounced', 'hard_bounced', 'hard_bounced'),
    ('emailmanager', 'soft_bounced', 'soft_bounced', 'failing'),
    ('emailmanager', 'soft_bounced', 'blocked', 'failing'),
    ('emailmanager', 'failing', 'delivered', 'active'),
    ('emailmanager', 'active', 'sent', 'unresponsive'),
    ('emailmanager', 'unresponsive', 'clicked', 'active')) AS must (which, f, e, s),
    unnest(CASE which WHEN '*' THEN '{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]
            ELSE ARRAY[which] END) AS policies (policy);

-- What must not.
SELECT is_empty(format('SELECT policy, from_status, event, to_status FROM helper.transition WHERE %s', condition), name)
FROM (VALUES
    ('nothing but resubscribed and confirmed leads out of unsubscribed to a mailable status',
     $$from_status = 'unsubscribed' AND contact_status.is_mailable(to_status)
         AND coalesce(event::text, 'time') NOT IN ('resubscribed', 'confirmed')$$),
    ('nothing leads out of complained to a mailable status',
     $$from_status = 'complained' AND contact_status.is_mailable(to_status)$$),
    ('out of complained only deleted', $$from_status = 'complained' AND to_status NOT IN ('complained', 'deleted')$$),
    ('emailmanager has no way out of unsubscribed to a mailable status',
     $$policy = 'emailmanager' AND from_status = 'unsubscribed' AND contact_status.is_mailable(to_status)$$),
    ('no delivery, open or sent revives a dead address',
     $$from_status = 'hard_bounced' AND event IN ('delivered', 'opened', 'clicked', 'sent', 'soft_bounced', 'blocked')
         AND contact_status.is_mailable(to_status)$$),
    ('no import confirms',
        $$from_status = 'unconfirmed' AND event = 'added' AND contact_status.is_mailable(to_status)$$),
    ('no import ends a deletion', $$from_status = 'deleted' AND event = 'added' AND to_status <> 'deleted'$$),
    ('only restored, signed_up and resubscribed end a deletion',
     $$from_status = 'deleted' AND to_status <> 'deleted'
         AND coalesce(event::text, 'time') NOT IN ('restored', 'signed_up', 'resubscribed', 'removed')$$),
    ('no error makes deliverability better',
     $$event IN ('soft_bounced', 'blocked', 'hard_bounced', 'nonexistent', 'invalidated')
         AND from_status IN ('soft_bounced', 'failing', 'hard_bounced')
       AND to_status < from_status$$),
    ('every opt-out leads to unsubscribed or worse', $$event = 'unsubscribed' AND to_status < 'unsubscribed'$$),
    ('every complaint leads to complained or worse', $$event = 'complained' AND to_status < 'complained'$$),
    ('every deletion leads to deleted', $$event = 'deleted' AND to_status <> 'deleted'$$),
    ('unresponsive comes of lapsed, and else of what held before', $$to_status = 'unresponsive'
            AND from_status < 'unresponsive' AND event <> 'lapsed' AND policy <> 'emailmanager'$$),
    ('an interaction ends it',
        $$from_status = 'unresponsive' AND event IN ('opened', 'clicked') AND to_status = 'unresponsive'$$),
    ('noted changes nothing', $$event = 'noted' AND from_status IS DISTINCT FROM to_status$$),
    ('failing is known to emailmanager only', $$'failing' IN (from_status, to_status) AND policy <> 'emailmanager'$$),
    ('no block changes a status but under emailmanager',
        $$event = 'blocked' AND from_status <> to_status AND policy <> 'emailmanager'$$)) AS never (name, condition);

SELECT alike(contact_status.state_diagram(policy), 'stateDiagram-v2%',
    format('%s: the diagram is a Mermaid state diagram', policy))
FROM unnest('{default,salesmanago,activecampaign,ecomail,emailmanager}'::text[]) AS policy;
SELECT is_empty($$
    SELECT policy, from_status, to_status FROM helper.transition
    WHERE from_status IS NOT NULL AND to_status IS NOT NULL AND from_status <> to_status
    AND contact_status.state_diagram(policy) !~ format('\m%s --> %s\M', from_status, to_status)$$,
    'every change of status has its arrow');

SELECT * FROM finish();
ROLLBACK;
