-- forward_status records each change of a status column of the application; follow_status writes our status into it.
\i test/pgtap/setup.inc
SELECT no_plan();
SELECT contact_status.create_tables('crm');
INSERT INTO crm.list (list_id) VALUES (2);
ALTER TABLE crm.contact ADD app_uuid uuid;
CREATE UNIQUE INDEX ON crm.contact (account_id, app_uuid);
CREATE TABLE public.person (id int PRIMARY KEY, mail text, uid uuid DEFAULT gen_random_uuid(),
    state smallint DEFAULT 1);
CREATE TABLE public.member (person int, list int, status text, extra int, PRIMARY KEY (person, list));
SELECT contact_status.forward('crm', 'public.person', '{"email": {"column": "mail"}, "contact_id": {"column": "id"},
    "columns": {"app_uuid": {"column": "uid"}}}');
CREATE FUNCTION helper.member(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"contact": {"column": "person"}, "list": {"column": "list"}, "status": {"column": "status"}}' || more
$$;
SELECT contact_status.forward_status('crm', 'public.member', helper.member('{"source": "app", "evidence": "by the app",
    "changes": [[null, ["on", "vip"], "added"], [null, "waits", "signed_up"], ["*", "off", "unsubscribed"],
        ["off", ["on", "vip"], "resubscribed"], ["waits", "on", "confirmed"], [["on", "vip"], ["on", "vip"], null]]}'));
SELECT contact_status.follow_status('crm', 'public.member', helper.member('{"words": {"active": ["on", "vip"],
    "unconfirmed": "waits", "unsubscribed": "off", "complained": "off", "hard_bounced": "dead"}}'));
INSERT INTO public.person SELECT i, format('p%s@example.org', i) FROM generate_series(1, 9) i;

CREATE FUNCTION helper.members() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s/%s %s=%s', m.person, m.list, m.status, s.status), ', ' ORDER BY m.person, m.list)
      FROM public.member m LEFT JOIN crm.subscription s ON s.contact_id = m.person AND s.list_id = m.list
$$;
CREATE FUNCTION helper.kinds(contact bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(kind::text, ' ' ORDER BY occurred_at, kind) FROM crm.event WHERE contact_id = contact
$$;
INSERT INTO public.member VALUES (1, 1, 'on'), (1, 2, 'vip'), (2, 1, 'waits'), (3, 1, 'off'), (4, 1, 'on');
SELECT is(helper.members(), '1/1 on=active, 1/2 vip=active, 2/1 waits=unconfirmed, 3/1 off=unsubscribed, 4/1 on=active',
    'inserted rows are changes from null');
UPDATE public.member SET extra = 1;
UPDATE public.member SET status = status;
UPDATE public.member SET status = 'off' WHERE false;
SELECT is((SELECT count(*) FROM crm.event), 5::bigint, 'no change, no event');
UPDATE public.member SET status = 'off' WHERE person = 1 AND list = 2;
UPDATE public.member SET status = 'on' WHERE person = 2;
SELECT is(helper.members(), '1/1 on=active, 1/2 off=unsubscribed, 2/1 on=active, 3/1 off=unsubscribed, 4/1 on=active',
    'changes of the application');

-- our status is written, and gives no event again
INSERT INTO crm.event (contact_id, kind) VALUES (1, 'complained'), (4, 'nonexistent');
SELECT is(helper.members(), '1/1 off=complained, 1/2 off=complained, 2/1 on=active, 3/1 off=unsubscribed, '
    '4/1 dead=hard_bounced', 'changes of ours are written');
SELECT is(helper.kinds(1), 'added added unsubscribed complained', 'and are no events');
INSERT INTO crm.event (contact_id, kind) VALUES (4, 'validated');
SELECT is((SELECT status FROM public.member WHERE person = 4), 'on', 'and back');

-- a status that the rules forbid is set right in the same statement, and its event is recorded
UPDATE public.member SET status = 'on';
SELECT is(helper.members(), '1/1 off=complained, 1/2 off=complained, 2/1 on=active, 3/1 on=active, 4/1 on=active',
    'a complaint is for good, an opt-out ends with evidence');
SELECT is(helper.kinds(1), 'added added unsubscribed complained resubscribed resubscribed', 'each change is recorded');
INSERT INTO public.member VALUES (1, 1, 'vip') ON CONFLICT (person, list) DO UPDATE SET status = excluded.status;
SELECT is((SELECT status FROM public.member WHERE person = 1 AND list = 1), 'off', 'ON CONFLICT DO UPDATE');
SELECT is_empty('SELECT * FROM crm.unmatched_event', 'nothing is left over');
UPDATE public.member SET status = 'vip' WHERE person = 2;
SELECT is((SELECT status FROM public.member WHERE person = 2), 'vip', 'another word of the same status stays');

-- nothing of the application's statement fails
SELECT lives_ok(statement, statement) FROM (VALUES ($$UPDATE public.member SET status = 'strange' WHERE person = 3$$),
    ($$UPDATE public.member SET status = NULL WHERE person = 4$$), ($$INSERT INTO public.member VALUES (77, 1, 'on')$$),
    ($$INSERT INTO public.member VALUES (5, 99, 'on')$$), ($$UPDATE public.member SET person = 78 WHERE person = 77$$),
    ($$DELETE FROM public.member WHERE person = 78$$)) v (statement);
SELECT is((SELECT string_agg(concat_ws(' ', origin, problem, events), ', ' ORDER BY problem, origin)
    FROM crm.unmatched_events),
    'public.member status no entry of key "changes" matches the row 2, '
    'public.member status no such contact 2, public.member status no such list 1', 'such rows are kept');
SELECT is((SELECT string_agg(format('%s %s', person, status), ', ' ORDER BY person) FROM public.member
    WHERE person IN (3, 4)),
    '3 on, 4 on', 'and set right');
INSERT INTO crm.list (list_id) VALUES (99);
SELECT is(contact_status.retry_unmatched('crm'), 1::bigint, 'retry');
SELECT is((SELECT status::text FROM crm.subscription WHERE contact_id = 5), 'active', 'takes a change up');

-- a role without rights on our tables, and a hostile search_path
CREATE ROLE contact_status_test_app;
GRANT INSERT, UPDATE, SELECT ON public.member TO contact_status_test_app;
SELECT contact_status.forward_status('crm', 'public.member',
    obj_description('crm."status public.member"'::regproc)::jsonb);
SELECT contact_status.follow_status('crm', 'public.member',
    obj_description('crm."follow public.member"'::regproc)::jsonb);
SELECT is((SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal
    AND (tgrelid = 'public.member'::regclass OR tgname ~ '^follow_')),
    6::bigint, 'called again, the triggers are replaced');
SET LOCAL ROLE contact_status_test_app;
SELECT lives_ok($$UPDATE public.member SET status = 'off' WHERE person = 2$$, 'a role of the application');
SELECT lives_ok($$UPDATE public.member SET status = 'on' WHERE person = 1$$, 'whose row is set right');
RESET ROLE;
CREATE FUNCTION helper.no(text, text) RETURNS boolean LANGUAGE sql RETURN false;
CREATE OPERATOR helper.= (LEFTARG = text, RIGHTARG = text, FUNCTION = helper.no);
SET LOCAL search_path = helper, pg_catalog, public;
UPDATE public.member SET status = 'on' WHERE person IN (1, 2);
SET LOCAL search_path = '';
UPDATE public.member SET status = 'off' WHERE person = 2;
RESET search_path;
DROP OPERATOR helper.= (text, text);
SELECT is(helper.members(),
    '1/1 off=complained, 1/2 off=complained, 2/1 off=unsubscribed, 3/1 on=active, 4/1 on=active, 5/99 on=active',
    'and any search_path');

-- one smallint status for the contact, by a key
SELECT contact_status.forward_status('crm', 'public.person',
    '{"contact": {"column": "uid", "key": "app_uuid"}, "list": 1,
    "status": {"column": "state"}, "changes": [[null, 1, null], ["*", 5, "unsubscribed"], ["*", 6, "complained"],
        ["*", 1, "added"]]}');
SELECT contact_status.follow_status('crm', 'public.person', '{"contact": {"column": "uid", "key": "app_uuid"},
    "status": {"column": "state"}, "words": {"active": 1, "unsubscribed": 5, "complained": 6, "hard_bounced": 7}}');
UPDATE public.person SET state = 5 WHERE id IN (8, 9);
SELECT is((SELECT string_agg(format('%s %s', contact_id, status), ', ') FROM crm.contact WHERE contact_id IN (8, 9)),
    '8 unsubscribed, 9 unsubscribed', 'a change of a smallint');
INSERT INTO crm.event (contact_id, list_id, kind, evidence) VALUES (8, 1, 'resubscribed', 'form');
UPDATE public.person SET state = 1 WHERE id = 9;
SELECT is((SELECT string_agg(format('%s %s', id, state), ', ' ORDER BY id) FROM public.person WHERE id IN (8, 9)),
    '8 1, 9 5',
    'an import does not revive, and the row says so');
INSERT INTO public.person VALUES (10, 'p10@example.org');
SELECT is((SELECT state FROM public.person WHERE id = 10), 1::smallint, 'a new row of which we have no word');

-- by address; wrong mappings; the end
CREATE TABLE public.reader (mail text PRIMARY KEY, status text);
SELECT contact_status.follow_status('crm', 'public.reader',
    '{"contact": {"address": "mail"}, "list": 1, "status": {"column": "status"},
    "words": {"unsubscribed": "off", "active": "on"}}');
INSERT INTO public.reader VALUES ('P3@example.org', 'off'), ('p8@example.org', 'x'), ('none', 'x');
SELECT is((SELECT string_agg(status, ' ' ORDER BY mail) FROM public.reader), 'on x on', 'follow by address');
INSERT INTO crm.event (contact_id, list_id, kind) VALUES (3, 1, 'unsubscribed');
SELECT is((SELECT status FROM public.reader WHERE mail = 'P3@example.org'), 'off', 'and after an event');
CREATE TABLE public.keyless (person int, status text);
SELECT helper.refused_helpfully(format('SELECT contact_status.%s(''crm'', ''public.%s'', %L)', function, relation,
    helper.member(more::jsonb)),
    state, naming, more) FROM (VALUES
    ('forward_status', 'member', '{}', '22023', 'changes'), ('forward_status', 'member', '{"changes": []}', '22023',
        'changes'),
    ('forward_status', 'member', '{"changes": [["a", "b"]]}', '22023', 'changes'),
    ('forward_status', 'member', '{"changes": [["a", "b", "nonsense"]]}', '22023', 'nonsense'),
    ('forward_status', 'member', '{"changes": [[{}, "b", "added"]]}', '22023', 'changes'),
    ('forward_status', 'member', '{"changes": [["a", "b", "added"]], "kinds": []}', '22023', 'kinds'),
    ('forward_status', 'member', '{"changes": [["a", "b", "added"]], "status": {"column": "nosuch"}}', '22023',
        'nosuch'),
    ('forward_status', 'keyless', '{"changes": [["a", "b", "added"]], "list": 1}', '55000', 'keyless'),
    ('follow_status', 'member', '{}', '22023', 'words'), ('follow_status', 'member', '{"words": {"nonsense": "x"}}',
        '22023', 'nonsense'),
    ('follow_status', 'member', '{"words": {"active": null}}', '22023', 'active'),
    ('follow_status', 'member', '{"words": {"active": {}}}', '22023', 'active'),
    ('follow_status', 'member', '{"words": {"active": "x"}, "changes": []}', '22023', 'changes'),
    ('follow_status', 'keyless', '{"words": {"active": "x"}, "list": 1}', '55000', 'keyless'),
    ('follow_status', 'member', '{"words": {"active": "x"}, "status": "x"}', '22023', 'status')) v (function,
        relation, more, state, naming);
SELECT helper.refused($$SELECT contact_status.follow_status('crm', 'public.person', '{"contact": {"column": "id"},
    "status": {"column": "state"}, "words": {"active": "x"}}')$$, '22P02', 'a word that is no value of the column');
SELECT contact_status.unforward('crm', t) FROM unnest('{public.member,public.person,public.reader}'::regclass[]) t;
SELECT is((SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal
    AND (tgname ~ '^follow_' OR tgrelid::regclass::text ~ '^(member|person|reader)')),
    0::bigint, 'unforward drops all triggers');
SELECT is((SELECT count(*) FROM pg_proc WHERE pronamespace = 'crm'::regnamespace), 0::bigint, 'and functions');
SELECT * FROM helper.check_whole();
SELECT * FROM finish();
ROLLBACK;
