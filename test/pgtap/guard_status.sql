\i test/pgtap/setup.inc
-- guard_status: a status column of the application's own is not written past an opt-out.
SELECT * FROM no_plan();

-- A table for each policy and mode, with a row of each status.
CREATE FUNCTION helper.table_of(policy text, mode text) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$ SELECT format('own_%s_%s', policy, mode) $$;
CREATE FUNCTION helper.make(policy text, mode text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t text := helper.table_of(policy, mode);
BEGIN
    EXECUTE format('CREATE TABLE public.%I (id int PRIMARY KEY, name text, status contact_status.contact_status)', t);
    EXECUTE format('CREATE TRIGGER guard BEFORE UPDATE ON public.%I FOR EACH ROW
            EXECUTE FUNCTION contact_status.guard_status(''status'', %L, %L)', t, policy, mode);
    EXECUTE format('INSERT INTO public.%I SELECT n, ''before'', s
            FROM unnest(enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY AS e (s, n)', t);
END $$;
CREATE TABLE helper.policy (name text);
INSERT INTO helper.policy VALUES ('default'), ('salesmanago'), ('activecampaign'), ('ecomail'), ('emailmanager');
SELECT helper.make(name, mode) FROM helper.policy, unnest('{error,keep,skip}'::text[]) AS mode \g /dev/null

-- What a write is to do: a step that the machine makes of a status is allowed, but nothing leads back from an opt-out
-- or complaint, and nothing makes a deleted contact mailable.
CREATE TABLE helper.step AS
SELECT p.name AS policy, f AS was, t AS will,
    f = t OR EXISTS (SELECT FROM contact_status.transitions(p.name) AS m WHERE m.from_status = f AND m.to_status = t)
        AND NOT (t < f AND f IN ('unsubscribed', 'complained'))
            AND NOT (f = 'deleted' AND contact_status.is_mailable(t)) AS allowed
FROM helper.policy AS p, unnest(enum_range(NULL::contact_status.contact_status)) AS f,
    unnest(enum_range(NULL::contact_status.contact_status)) AS t;
SELECT is((SELECT count(*) FROM helper.step WHERE allowed AND was IN ('unsubscribed', 'complained') AND will < was),
    0::bigint, 'no way back from an opt-out or complaint');

CREATE FUNCTION helper.write(policy text, mode text, was contact_status.contact_status,
    will contact_status.contact_status) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('UPDATE public.%I SET status = $1, name = ''after'' WHERE status = $2',
        helper.table_of(policy, mode)) USING will, was;
    EXECUTE format('SELECT concat_ws('' '', status, name) FROM public.%I WHERE id = (SELECT n
                FROM unnest(enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY AS e (s, n) WHERE s = $1)',
        helper.table_of(policy, mode)) INTO result USING was;
    RAISE EXCEPTION USING ERRCODE = 'HE000';
EXCEPTION WHEN SQLSTATE 'HE000' THEN RETURN result;
WHEN OTHERS THEN
    DECLARE
        c text;
    BEGIN
        GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, c);
    END;
END $$;
SELECT is_empty(format($$SELECT was, will, helper.write(policy, %1$L, was, will) FROM helper.step
            WHERE policy = %2$L AND helper.write(policy, %1$L, was, will) <>
        CASE WHEN allowed THEN will || ' after' ELSE %3$s END$$, mode, name, otherwise),
            format('%s, %s: every pair of statuses', name, mode))
FROM helper.policy, (VALUES ('error', $$CASE WHEN was >= 'unsubscribed' THEN '23514 contact_status_opt_out'
            ELSE '23514 contact_status_transition' END$$), ('keep', $$was || ' after'$$),
    ('skip', $$was || ' before'$$)) AS m (mode, otherwise);

-- What must be, in words
SELECT is(helper.write(name, 'error', was::contact_status.contact_status, will::contact_status.contact_status),
    '23514 contact_status_opt_out', format('%s: %s is not made %s', name, was, will))
FROM helper.policy,
    (VALUES ('unsubscribed', 'active'), ('unsubscribed', 'unconfirmed'), ('unsubscribed', 'hard_bounced'),
    ('complained', 'active'), ('complained', 'unsubscribed'), ('complained', 'unconfirmed')) AS s (was, will);
SELECT is(helper.write(name, 'error', was::contact_status.contact_status, will::contact_status.contact_status),
    will || ' after', format('%s: %s is made %s', name, was, will))
FROM helper.policy, (VALUES ('active', 'unsubscribed'), ('active', 'complained'), ('soft_bounced', 'active'),
    ('hard_bounced', 'unsubscribed'), ('unsubscribed', 'complained'), ('active', 'deleted'),
    ('unconfirmed', 'active'), ('unsubscribed', 'unsubscribed'), ('active', 'suspended')) AS s (was, will);

SELECT helper.refused_helpfully($$UPDATE public.own_default_error SET status = 'active' WHERE status = 'unsubscribed'$$,
    '23514 contact_status_opt_out', 'unsubscribed.*active', 'names both');
SELECT helper.refused(statement, '23514 contact_status_opt_out', description) FROM (VALUES
    ($$UPDATE public.own_default_error SET status = NULL WHERE status = 'unsubscribed'$$, 'an opt-out made null'),
    ($$UPDATE public.own_default_error SET status = 'active' WHERE id >= 8$$, 'several at once'),
    ($$INSERT INTO public.own_default_error SELECT id, 'import', 'active' FROM public.own_default_error WHERE id >= 8
            ON CONFLICT (id) DO UPDATE SET status = excluded.status$$, 'upsert'),
    ($$MERGE INTO public.own_default_error AS o USING generate_series(8, 10) AS n ON o.id = n
            WHEN MATCHED THEN UPDATE SET status = 'active'$$, 'MERGE')) AS wrong (statement, description);
SELECT helper.accepted($$UPDATE public.own_default_error SET name = 'x'$$, 'other columns are free');

-- Bulk: an import by COPY to a staging table and an upsert
CREATE TABLE public.staging (id int, name text, status contact_status.contact_status);
COPY public.staging FROM STDIN;
1	new	active
2	new	active
8	new	active
9	new	active
10	new	active
11	new	active
\.
INSERT INTO public.own_default_keep SELECT * FROM public.staging
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, name = excluded.name;
SELECT results_eq(
    'SELECT id, name, status::text FROM public.own_default_keep WHERE id IN (1, 2, 8, 9, 10, 11) ORDER BY 1',
    $$VALUES (1, 'new', 'active'), (2, 'new', 'active'), (8, 'new', 'unsubscribed'), (9, 'new', 'complained'),
        (10, 'new', 'deleted'), (11, 'new', 'active')$$, 'keep: the rest of the row is taken');
INSERT INTO public.own_default_skip SELECT * FROM public.staging
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, name = excluded.name;
SELECT results_eq(
    'SELECT id, name, status::text FROM public.own_default_skip WHERE id IN (1, 2, 8, 9, 10, 11) ORDER BY 1',
    $$VALUES (1, 'new', 'active'), (2, 'new', 'active'), (8, 'before', 'unsubscribed'), (9, 'before', 'complained'),
        (10, 'before', 'deleted'), (11, 'new', 'active')$$, 'skip: the row stays as it is');

-- Null is nothing to lose
INSERT INTO public.own_default_error VALUES (20, 'none', NULL);
SELECT helper.accepted($$UPDATE public.own_default_error SET status = 'active' WHERE id = 20$$, 'null is made active');
UPDATE public.own_default_keep SET status = NULL WHERE id = 8;
SELECT is((SELECT status::text FROM public.own_default_keep WHERE id = 8), 'unsubscribed', 'keep: null too');

-- Without a policy and mode; made wrongly
CREATE TABLE public.own (id int, status contact_status.contact_status, word text);
INSERT INTO public.own VALUES (1, 'unsubscribed', 'unsubscribed');
CREATE FUNCTION helper.with_trigger(definition text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE 'CREATE TRIGGER g ' || definition;
    UPDATE public.own SET status = 'active';
    RAISE EXCEPTION USING ERRCODE = 'HE000';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
SELECT is(helper.with_trigger(definition), expected, definition) FROM (VALUES
    ($$BEFORE UPDATE ON public.own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('status')$$, '23514'),
    ($$BEFORE UPDATE ON public.own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('status', 'keep')$$,
        'HE000'),
    ($$BEFORE UPDATE ON public.own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('status', 'error')$$,
        '23514'),
    ($$BEFORE UPDATE ON public.own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status()$$, '22023'),
    ($$BEFORE UPDATE ON public.own FOR EACH ROW $$
        || $$EXECUTE FUNCTION contact_status.guard_status('status', 'ecomail', 'maybe')$$, '22023'),
    ($$BEFORE UPDATE ON public.own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('nosuch')$$, '42703'),
    ($$BEFORE UPDATE ON public.own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('word')$$, '42804'),
    ($$AFTER UPDATE ON public.own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('status')$$, '39P01'),
    ($$BEFORE UPDATE ON public.own FOR EACH STATEMENT EXECUTE FUNCTION contact_status.guard_status('status')$$,
        '39P01')) AS wrong (definition, expected);
UPDATE public.own SET status = 'suspended';
SELECT is(helper.with_trigger(
        $$BEFORE UPDATE ON public.own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('status', 'nosuch')$$),
    '23503', 'an unknown policy');
SELECT * FROM finish();
ROLLBACK;
