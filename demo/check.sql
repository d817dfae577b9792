-- Makes of the loaded files what the installations take, with ids for names, and writes down what cannot be played.
-- The header is line 1.

CREATE TABLE demo.contact AS
SELECT n, line, email, coalesce(demo.moment(created_at), (SELECT at FROM demo.moment_of_play)) AS created_at,
    contact_status.normalize_address(email) AS address
FROM (SELECT *, 2 + sum(demo.lines(c::text)) OVER (ORDER BY n) - demo.lines(c::text) AS line
      FROM demo.contacts AS c) AS c;

INSERT INTO demo.problem
SELECT 'contacts.csv', line, 'no e-mail address' FROM demo.contact WHERE coalesce(address, '') = ''
UNION ALL
SELECT 'contacts.csv', line, format('the same address as in line %s', first)
FROM (SELECT line, min(line) OVER (PARTITION BY address) AS first FROM demo.contact WHERE address <> '') AS c
WHERE line > first
UNION ALL
SELECT 'contacts.csv', line, format('created_at is no time: "%s"', c.created_at)
FROM demo.contacts AS c JOIN demo.contact USING (n) WHERE c.created_at <> '' AND demo.moment(c.created_at) IS NULL;

-- List 1 is there from the start; it stays empty.
CREATE TABLE demo.list AS
SELECT n + 1 AS list_id, line, list AS name, demo.yes_or_no(double_opt_in) AS double_opt_in, double_opt_in AS given
FROM (SELECT *, 2 + sum(demo.lines(l::text)) OVER (ORDER BY n) - demo.lines(l::text) AS line FROM demo.lists AS l) AS l;

INSERT INTO demo.problem
SELECT 'lists.csv', line, 'no name' FROM demo.list WHERE coalesce(name, '') = ''
UNION ALL
SELECT 'lists.csv', line, format('the same name as in line %s', first)
FROM (SELECT line, min(line) OVER (PARTITION BY name) AS first FROM demo.list) AS l WHERE line > first
UNION ALL
SELECT 'lists.csv', line, format('double_opt_in is neither yes nor no nor empty: "%s"', given)
FROM demo.list WHERE given <> '' AND double_opt_in IS NULL;

CREATE TABLE demo.campaign AS
SELECT row_number() OVER (ORDER BY min(n)) AS campaign_id, campaign AS name
FROM demo.events WHERE campaign <> '' GROUP BY campaign;

-- A kind that is none, or a time, is null here.
CREATE TABLE demo.event AS
SELECT e.n, e.line, c.n AS contact_id, l.list_id, m.campaign_id, k.kind, demo.moment(e.occurred_at) AS occurred_at,
    coalesce(e.event_key, '') AS event_key, e.source, e.evidence, e.reason, demo.moment(e.until) AS until
FROM (SELECT *, 2 + sum(demo.lines(e::text)) OVER (ORDER BY n) - demo.lines(e::text) AS line FROM demo.events AS e) AS e
LEFT JOIN (SELECT DISTINCT ON (address) n, address FROM demo.contact ORDER BY address, n) AS c
    ON c.address = contact_status.normalize_address(e.email)
LEFT JOIN (SELECT DISTINCT ON (name) list_id, name FROM demo.list ORDER BY name, list_id) AS l ON l.name = e.list
LEFT JOIN demo.campaign AS m ON m.name = e.campaign
LEFT JOIN unnest(enum_range(NULL::contact_status.event_kind)) AS k (kind) ON k.kind::text = e.kind;
CREATE UNIQUE INDEX ON demo.event (n);
ANALYZE demo.event;

INSERT INTO demo.problem
SELECT 'events.csv', line, checked.reason
FROM demo.event AS e JOIN demo.events AS given USING (n) CROSS JOIN LATERAL (VALUES
    (e.contact_id IS NULL, format('unknown contact: "%s" is not in contacts.csv', given.email)),
    (e.list_id IS NULL AND given.list <> '', format('unknown list: "%s" is not in lists.csv', given.list)),
    (e.kind IS NULL, format('unknown kind of event: "%s"', given.kind)),
    (e.occurred_at IS NULL, format('occurred_at is no time: "%s"', given.occurred_at)),
    (e.until IS NULL AND given.until <> '', format('until is no time: "%s"', given.until))
) AS checked (failed, reason)
WHERE failed;
