-- Where the CSV files are loaded as they are, and what reads them: the steps of script/demo, in its order.
CREATE SCHEMA demo;

CREATE TABLE demo.moment_of_play AS SELECT now() AS at;

-- The files, all text; n numbers the rows.
CREATE TABLE demo.contacts (n bigint GENERATED ALWAYS AS IDENTITY, email text, created_at text);
CREATE TABLE demo.lists (n bigint GENERATED ALWAYS AS IDENTITY, list text, double_opt_in text);
CREATE TABLE demo.events (
    n bigint GENERATED ALWAYS AS IDENTITY, email text, list text, campaign text, kind text, occurred_at text,
    event_key text, source text, evidence text, reason text, until text);

-- What is wrong with them.
CREATE TABLE demo.problem (file text, line bigint, reason text);

-- How many lines of its file a row takes: more than one where a quoted value does.
CREATE FUNCTION demo.lines(loaded text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT 1 + length(loaded) - length(replace(loaded, E'\n', ''))
$$;

-- '-40d 03:15' is that long before the moment of play, '+3d' after it; anything else a time. Null where it is none.
CREATE FUNCTION demo.moment(value text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE left(value, 1)
        WHEN '-' THEN (SELECT at FROM demo.moment_of_play) - substr(value, 2)::interval
        WHEN '+' THEN (SELECT at FROM demo.moment_of_play) + substr(value, 2)::interval
        ELSE value::timestamptz END;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

CREATE FUNCTION demo.yes_or_no(value text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN value::boolean;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- Records rows `first` to `last` of the contacts or events in the installation `system`. Where the extension refuses
-- some, halving finds which, and the others are recorded.
CREATE FUNCTION demo.record(what text, system name, first bigint, last bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    middle bigint := (first + last) / 2;
BEGIN
    EXECUTE format(CASE what
        WHEN 'contact' THEN
            'INSERT INTO %I.contact (contact_id, email, created_at)
             SELECT n, email, created_at FROM demo.contact WHERE n BETWEEN $1 AND $2 ORDER BY n'
        WHEN 'event' THEN
            'INSERT INTO %I.event (contact_id, list_id, campaign_id, kind, occurred_at,
                 event_key, source, evidence, reason, until)
             SELECT contact_id, list_id, campaign_id, kind, occurred_at, event_key, source, evidence, reason, until
             FROM demo.event WHERE n BETWEEN $1 AND $2 ORDER BY n
             ON CONFLICT DO NOTHING'
        END, system) USING first, last;
EXCEPTION WHEN OTHERS THEN
    IF first = last THEN
        EXECUTE format('INSERT INTO demo.problem SELECT %L, line, %L FROM demo.%I WHERE n = $1',
            what || 's.csv', format('refused under %s: %s', system, SQLERRM), what) USING first;
    ELSE
        PERFORM demo.record(what, system, first, middle);
        PERFORM demo.record(what, system, middle + 1, last);
    END IF;
END $$;
