#!/usr/bin/perl
# A schema of somebody without rights comes first in the search_path and shadows functions, operators, types and tables
# of the server and of the extension, as pg_temp does: nothing of it is executed by the extension's functions and
# triggers, whoever calls them, and all end as they do without it.
use strict;
use warnings;
use Test::More;

use Hostile qw(psql rows prepare functions usual call attempt prepare_damage @day);

my $database = $ENV{PGDATABASE};
prepare($database);
prepare_damage($database);    # for its outbox
psql($database, <<'SQL');
CREATE ROLE contact_status_test_evil;
CREATE SCHEMA evil AUTHORIZATION contact_status_test_evil;
SET ROLE contact_status_test_evil;
CREATE SEQUENCE evil.executed;    -- which no ROLLBACK and no EXCEPTION undoes
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT ALL ON evil.executed TO PUBLIC;
CREATE FUNCTION evil.executed() RETURNS bigint LANGUAGE sql VOLATILE RETURN pg_catalog.nextval('evil.executed');

-- functions and operators of the server that the extension names anywhere, and more that work on the extension's types
DO $$
DECLARE
    said pg_catalog.text := (SELECT string_agg(prosrc || coalesce(pg_get_function_sqlbody(oid), ''), ' ') FROM pg_proc
        WHERE pronamespace IN ('contact_status'::regnamespace, '_contact_status'::regnamespace));
    f record;
    types pg_catalog.text;
BEGIN
    FOR f IN SELECT p.*, (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY o)
        FROM unnest(proargtypes) WITH ORDINALITY u (t, o)) AS types
               FROM pg_proc p WHERE pronamespace IN ('pg_catalog'::regnamespace, 'contact_status'::regnamespace,
                   '_contact_status'::regnamespace) AND prokind IN ('f', 'a')
                AND (pronamespace <> 'pg_catalog'::regnamespace OR said ~ ('\m' || proname || '\('))
                AND 'internal'::regtype <> ALL (proargtypes) AND '"any"'::regtype <> ALL (proargtypes)
                    AND 'trigger'::regtype <> prorettype
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s
                    LANGUAGE plpgsql AS $f$ BEGIN PERFORM evil.executed(); RAISE division_by_zero; END $f$',
                           f.proname, f.types,
                           CASE WHEN f.proretset THEN 'SETOF ' ELSE '' END || format_type(f.prorettype, NULL));
        EXCEPTION WHEN OTHERS THEN
            IF f.pronamespace <> 'pg_catalog'::regnamespace AND NOT f.proretset THEN
                RAISE;
            END IF;
        END;
    END LOOP;
    FOR f IN SELECT o.oprname, l::regtype AS l, r::regtype AS r,
        CASE WHEN o.oprresult = 'boolean'::regtype THEN 'boolean' ELSE format_type(o.oprresult, NULL) END AS result
               FROM pg_operator o, LATERAL (SELECT o.oprleft AS l, o.oprright AS r
                    UNION SELECT t, t
                    FROM unnest('{contact_status.contact_status,contact_status.event_kind}'::regtype[]) t
                    WHERE o.oprleft = 'anyenum'::regtype) x
              WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND l <> 0
                AND oprname = ANY ('{=,<>,<,>,<=,>=,||,->,->>,+,-,*,/,%,~,!~,!~*,@>,<@,&&}')
                AND '{bigint,integer,smallint,text,name,boolean,oid,tid,bytea,date,timestamptz,interval,jsonb,anyarray,
                      anyelement,anynonarray,anycompatible,anycompatiblearray,record,numeric,
                      contact_status.contact_status,contact_status.event_kind}'::regtype[]
                    @> ARRAY[l::regtype, r::regtype]
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION evil.operator_%s(%s, %s) RETURNS %s
                    LANGUAGE plpgsql AS $f$ BEGIN PERFORM evil.executed(); RAISE division_by_zero; END $f$',
                           to_hex(hashtext(concat(f.oprname, f.l, f.r))), f.l, f.r, f.result);
            EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.operator_%s)',
                           f.oprname, f.l, f.r, to_hex(hashtext(concat(f.oprname, f.l, f.r))));
        EXCEPTION WHEN OTHERS THEN
            IF f.l IN ('bigint'::regtype, 'pg_catalog.text'::regtype, 'contact_status.contact_status'::regtype)
                AND f.l = f.r THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END $$;

-- types whose every value is an execution, and tables likewise
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.executed() IS NULL);
CREATE DOMAIN evil.name AS pg_catalog.name CHECK (evil.executed() IS NULL);
CREATE DOMAIN evil.timestamptz AS pg_catalog.timestamptz CHECK (evil.executed() IS NULL);
CREATE DOMAIN evil.regclass AS pg_catalog.regclass CHECK (evil.executed() IS NULL);
CREATE DOMAIN evil.tid AS pg_catalog.tid CHECK (evil.executed() IS NULL);
CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (evil.executed() IS NULL);
CREATE DOMAIN evil.contact_status AS contact_status.contact_status CHECK (evil.executed() IS NULL);
CREATE DOMAIN evil.event_kind AS contact_status.event_kind CHECK (evil.executed() IS NULL);
SELECT format('CREATE VIEW evil.%I AS SELECT evil.executed() AS account_id, 1 AS contact_id', n)
  FROM unnest('{pg_class,pg_attribute,pg_namespace,pg_enum,pg_type,contact,event,list,account,policy,subscription,
               suppression,retraction,status_count,consent_setting_history,address_key,deleted_contact,
               event_with_settings}'::pg_catalog.text[]) n \gexec
SQL

sub executed { return psql($database, 'SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM evil.executed') + 0 }

ok((rows($database, "SELECT oid FROM pg_proc WHERE pronamespace = 'evil'::regnamespace"))[0], 'there are shadows');
my $trap = <<'SQL';
SET client_min_messages = error;
CREATE TEMPORARY TABLE contact (account_id bigint); CREATE TEMPORARY TABLE event (account_id bigint);
CREATE TEMPORARY TABLE pg_class (oid oid, relname text);
CREATE TEMPORARY TABLE list (account_id bigint, list_id bigint); CREATE TEMPORARY TABLE forwarded (x int);
CREATE TYPE pg_temp.policy AS (name text); CREATE DOMAIN pg_temp.contact_status AS int;
SQL
my $shadow = "SET search_path = pg_temp, evil, contact_status, pg_catalog, public;\n";

# the trap works: what trusts the search_path falls into it
for my $careless ('SELECT now()', 'SELECT 1 = 1', q{SELECT '1'::text}, 'SELECT * FROM pg_namespace',
    q{SELECT 'active'::contact_status.contact_status = 'active'}) {
    my $before = executed();
    attempt($database, [$careless], preamble => "$shadow", alone => 1);
    cmp_ok(executed(), '>', $before, "the trap works: $careless");
}

# Calls in which nothing is looked up but the extension's functions.
my @calls = (
    (map {
        my $function = $_;
        call($function, map {
            my $value = usual($function->{names}[$_], $function->{types}[$_]);
            $value =~ s/\bnow\(\)/pg_catalog.now()/g;
            $value =~ s/::(text|name|tid|regclass|date|interval)\b/::pg_catalog.$1/g;
            $value =~ s/\btimestamptz '/pg_catalog.timestamptz '/g;
            $value =~ s/::timestamp with time zone/::pg_catalog.timestamptz/g;
            $value =~ s/\bdate '/pg_catalog.date '/g;
            $value =~ s/::record//g;
            $value;
        } 0 .. $#{ $function->{types} })
    } grep { $_->{kind} ne 't' } functions($database)),
    @day, q{SELECT contact_status.create_tables('second')},
    q{UPDATE hostile.outbox SET status = 'deleted'},
    q{INSERT INTO hostile.deed (kind) VALUES ('sent')},
);
s/ FROM generate_series\(1, 2\)$/ FROM pg_catalog.generate_series(1, 2)/ for @calls;
psql($database, <<'SQL');
CREATE TABLE hostile.deed (contact_id bigint DEFAULT 1, campaign_id bigint DEFAULT 1, kind text,
    happened timestamptz DEFAULT now());
CREATE TRIGGER forward AFTER INSERT ON hostile.deed REFERENCING NEW TABLE AS forwarded FOR EACH STATEMENT
    EXECUTE FUNCTION
    contact_status.forward_events('crm', 'contact_id=contact_id', 'campaign_id=campaign_id', 'kind=kind',
        'occurred_at=happened');
CREATE TRIGGER guard BEFORE UPDATE ON hostile.outbox FOR EACH ROW
    EXECUTE FUNCTION contact_status.guard_status('status', 'ecomail');
INSERT INTO hostile.outbox (contact_id, status) VALUES (1, 'active');
CREATE ROLE contact_status_test_writer;
GRANT ALL ON SCHEMA crm TO contact_status_test_writer;
GRANT ALL ON ALL TABLES IN SCHEMA crm TO contact_status_test_writer;
GRANT ALL ON ALL TABLES IN SCHEMA hostile TO contact_status_test_writer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA crm TO contact_status_test_writer;
SELECT format('GRANT CREATE ON DATABASE %I TO contact_status_test_writer', current_database()) \gexec
SQL
for my $role ('', 'contact_status_test_writer') {
    my $who    = $role ? "SET ROLE $role;\n" : '';
    my $before = executed();
    my @plain  = attempt($database, \@calls, preamble => $who, alone => 1);
    my @shadowed = attempt($database, \@calls, preamble => "$who$trap$shadow", alone => 1);
    $_ = ($_ // '') =~ s/(?<=\D)\d{5,}/N/gr for @plain, @shadowed;    # numbers that are never the same
    is_deeply(\@shadowed, \@plain,
        ($role || 'a superuser') . ': all ' . @calls . ' calls end as they do without the shadows');
    diag($calls[$_]) for grep { $shadowed[$_] ne $plain[$_] } 0 .. $#calls;
    cmp_ok(scalar(grep { /^00000/ } @plain), '>', @calls / 2, 'most of them work');
    is(executed() - $before, 0, 'and none of the shadows was executed');
}

# the installation itself
my $before = executed();
attempt($database, ['DROP EXTENSION contact_status CASCADE; CREATE EXTENSION contact_status;
        SELECT contact_status.create_tables(\'third\')'],
    preamble => $shadow, alone => 1);
is(executed() - $before, 0, 'nor by the install script');

psql($database, 'DROP OWNED BY contact_status_test_writer, contact_status_test_evil CASCADE;
    DROP ROLE contact_status_test_writer, contact_status_test_evil;');
done_testing;
