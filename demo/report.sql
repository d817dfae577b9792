-- Prints what the four systems made of the story. :color is not empty where the terminal shows colours.

CREATE TEMP TABLE system (system text, position int);
INSERT INTO system VALUES ('salesmanago', 1), ('activecampaign', 2), ('ecomail', 3), ('emailmanager', 4);

CREATE TEMP TABLE standing (system text, contact_id bigint, status contact_status.contact_status);
SELECT format('INSERT INTO standing SELECT %L, contact_id, status FROM %I.contact', system, system) FROM system \gexec

-- In the colour of its dot (but deleted: black, which many terminals are).
CREATE FUNCTION pg_temp.paint(shown text, status text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN current_setting('demo.color') = '' THEN shown ELSE
        E'\033[' || CASE status
            WHEN 'active' THEN '32'
            WHEN 'soft_bounced' THEN '33'
            WHEN 'unresponsive' THEN '34'
            WHEN 'unconfirmed' THEN '38;5;208'
            WHEN 'suspended' THEN '38;5;208'
            WHEN 'unsubscribed' THEN '38;5;208'
            WHEN 'complained' THEN '31'
            WHEN 'deleted' THEN '1'
            ELSE '90' END || 'm' || shown || E'\033[0m' END
$$;
SELECT set_config('demo.color', :'color', false) \g /dev/null

CREATE FUNCTION pg_temp.heading(text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN current_setting('demo.color') = '' THEN $1 ELSE E'\033[1m' || $1 || E'\033[0m' END
$$;

-- Contacts by status --------------------------------------------------------------------------------------------------

CREATE TEMP TABLE meaning (status contact_status.contact_status, meaning text);
INSERT INTO meaning VALUES
    ('active', 'subscribed, gets our mail'),
    ('soft_bounced', 'temporary errors, still mailed'),
    ('unresponsive', 'no reaction for too long'),
    ('unconfirmed', 'not yet confirmed'),
    ('suspended', 'on hold'),
    ('failing', 'too many errors'),
    ('hard_bounced', 'the address is dead'),
    ('unsubscribed', 'opted out'),
    ('complained', 'reported our mail as spam'),
    ('deleted', 'removed by the owner');

CREATE FUNCTION pg_temp.columns(counts bigint[]) RETURNS text LANGUAGE sql AS $$
    SELECT format('%13s%16s%10s%15s', VARIADIC array_agg(to_char(n, 'FM999,999,999') ORDER BY i))
    FROM unnest(counts) WITH ORDINALITY AS counted (n, i)
$$;

SELECT pg_temp.heading(format('%-14s%13s%16s%10s%15s',
    'Contacts', 'salesmanago', 'activecampaign', 'ecomail', 'emailmanager'));

SELECT pg_temp.paint(format('%-14s', m.status), m.status::text) || pg_temp.columns(array_agg(
        (SELECT count(*) FROM standing AS c WHERE c.system = s.system AND c.status = m.status) ORDER BY s.position))
    || '  ' || m.meaning
FROM meaning AS m CROSS JOIN system AS s GROUP BY m.status, m.meaning ORDER BY m.status;

SELECT pg_temp.heading(format('%-14s', 'may be mailed') || pg_temp.columns(array_agg(
        (SELECT count(*) FROM standing AS c WHERE c.system = s.system AND contact_status.is_mailable(c.status))
        ORDER BY s.position))
    || '  the active contacts')
FROM system AS s;

-- The three that differ most ------------------------------------------------------------------------------------------

-- One for each worst status that any system sees, so that the stories are not all alike; of equals, the shortest story.
CREATE TEMP TABLE chosen AS
SELECT contact_id, statuses, row_number() OVER (ORDER BY different DESC, opinions DESC, contact_id) AS place
FROM (
    SELECT DISTINCT ON (worst) contact_id, statuses, different, opinions
    FROM (
        SELECT contact_id, array_agg(status ORDER BY position) AS statuses, max(status) AS worst,
            count(DISTINCT status) AS different, count(DISTINCT contact_status.is_mailable(status)) AS opinions
        FROM standing JOIN system USING (system) GROUP BY contact_id
    ) AS fate
    JOIN (SELECT contact_id, count(*) AS events FROM demo.event GROUP BY contact_id) AS story USING (contact_id)
    WHERE different > 1
    ORDER BY worst, different DESC, opinions DESC, events, contact_id
) AS fate
ORDER BY place LIMIT 3;

CREATE TEMP TABLE history (system text, contact_id bigint, list_id bigint, changed_at timestamptz,
    kind contact_status.event_kind, event_key text, status text);
SELECT format('INSERT INTO history
    SELECT %L, contact_id, list_id, changed_at, kind, coalesce(event_key, %L), coalesce(status::text, %L)
    FROM %I.status_history WHERE contact_id IN (SELECT contact_id FROM chosen)', system, '', 'not on it', system)
FROM system \gexec

CREATE TEMP TABLE wording (kind contact_status.event_kind, words text);
INSERT INTO wording VALUES
    ('signed_up', 'signed up on the form'), ('added', 'added'), ('confirmed', 'confirmed the sign-up'),
    ('resubscribed', 'asked to be mailed again'), ('released', 'hold lifted'), ('restored', 'restored'),
    ('validated', 'address found alive'), ('sent', 'mail sent'), ('delivered', 'mail delivered'), ('opened', 'opened'),
    ('clicked', 'clicked'), ('visited', 'visited the site'), ('soft_bounced', 'temporary error'),
    ('blocked', 'mail refused'), ('hard_bounced', 'mailbox refused'), ('nonexistent', 'unknown user'),
    ('invalidated', 'address declared dead'), ('suspended', 'put on hold'), ('removed', 'taken off'),
    ('unsubscribed', 'opted out'), ('complained', 'reported as spam'), ('deleted', 'deleted');

-- The statuses beside each other, a dot where nothing changed.
CREATE FUNCTION pg_temp.cells(statuses text[]) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(pg_temp.paint(rpad(coalesce(status, '.'), (ARRAY[13, 15, 13, 12])[i]), status), '' ORDER BY i)
    FROM unnest(statuses) WITH ORDINALITY AS cell (status, i)
$$;

-- What changed: a row for each moment, event and list, and then for each moment and event whose lists changed alike.
CREATE TEMP VIEW change AS
SELECT contact_id, changed_at, kind, event_key, list_id,
    (SELECT array_agg((SELECT status FROM history AS o
                       WHERE (o.system, o.contact_id, o.changed_at) = (s.system, h.contact_id, h.changed_at)
                           AND (o.kind, o.list_id, o.event_key) IS NOT DISTINCT FROM (h.kind, h.list_id, h.event_key)
                       LIMIT 1) ORDER BY position)
     FROM system AS s) AS statuses
FROM (SELECT DISTINCT contact_id, changed_at, kind, event_key, list_id FROM history) AS h;

CREATE TEMP VIEW told AS
SELECT c.place, h.changed_at, h.kind, h.statuses,
    concat(
        CASE WHEN h.kind IS NOT NULL THEN w.words
             WHEN 'unresponsive' = ANY (h.statuses) THEN 'no reaction for too long'
             ELSE 'hold over' END,
        CASE WHEN h.kind = 'added' THEN ' by ' || e.source END,
        ', ' || m.name,
        CASE WHEN count(*) < (SELECT count(DISTINCT list_id) FROM history AS o WHERE o.contact_id = h.contact_id)
             THEN ' (' || string_agg(l.name, ', ' ORDER BY l.list_id) || ')' END) AS what
FROM change AS h
JOIN chosen AS c USING (contact_id)
LEFT JOIN wording AS w ON w.kind = h.kind
LEFT JOIN demo.list AS l ON l.list_id = h.list_id
LEFT JOIN LATERAL (SELECT source, campaign_id FROM demo.event AS e
    WHERE (e.contact_id, e.occurred_at, e.kind, e.event_key) = (h.contact_id, h.changed_at, h.kind, h.event_key)
    LIMIT 1) AS e ON true
LEFT JOIN demo.campaign AS m ON m.campaign_id = e.campaign_id
GROUP BY c.place, h.contact_id, h.changed_at, h.kind, h.event_key, h.statuses, w.words, e.source, m.name;

SELECT CASE WHEN count(*) = 0 THEN E'\nNo contact differs between the four systems.'
    ELSE E'\nThe contacts that differ most, and why (times in UTC; a dot: no change there)' END
FROM chosen;

SELECT line FROM (
    SELECT place, 0 AS part, NULL::timestamptz AS changed_at, NULL::contact_status.event_kind AS kind,
        E'\n' || pg_temp.heading(format('%-46s %-13s%-15s%-13s%s', left(c.place || '. ' || k.email, 46),
            'salesmanago', 'activecampaign', 'ecomail', 'emailmanager')) AS line
    FROM chosen AS c JOIN demo.contact AS k ON k.n = c.contact_id
    UNION ALL
    SELECT place, 1, changed_at, kind,
        format('%-14s%-33s', to_char(changed_at, 'Mon DD HH24:MI'), left(what, 32)) || pg_temp.cells(statuses) FROM told
    UNION ALL
    SELECT place, 2, NULL, NULL, format('%-47s', 'today') || pg_temp.cells(statuses::text[]) FROM chosen
) AS lines
ORDER BY place, part, changed_at, kind, line;
