#!/usr/bin/perl
# Code of the owner of an installation in types, casts, domains, views and policies of row-level security: no function
# that a superuser calls on the installation executes it. The owner's triggers, rules, defaults, checks and generated
# columns run in writes only, as in a plain INSERT.
use strict;
use warnings;
use Test::More;

use Hostile qw(psql rows prepare functions columns usual call alive);

my $database = $ENV{PGDATABASE};
prepare($database);
psql($database, <<'SQL');
SELECT contact_status.record_event('crm', 'waiting@example.org', 'opened');
SELECT contact_status.suppress('crm', 1, 'gone@example.org', 'complained');
UPDATE crm.contact SET email = 'changed@example.org' WHERE contact_id = 1;
SELECT contact_status.retract_events('crm', 'x', contact_ids => '{2}');
SELECT contact_status.set_horizon('crm', 1, now() - interval '1 day');
DELETE FROM crm.contact WHERE contact_id = 4;
SELECT contact_status.read_changes('crm', 'x', 1);
CREATE SCHEMA owner;
CREATE SEQUENCE owner.runs;
CREATE TABLE owner.call (statement text);
CREATE FUNCTION owner.ran(value anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM nextval('owner.runs');
    RETURN true;
END $$;
CREATE FUNCTION owner.fired() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM owner.ran(1);
    RETURN NEW;
END $$;
-- A type with casts to and from another one, and a domain over this one.
CREATE FUNCTION owner.disguise(number int, type text, value text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target text;
BEGIN
    EXECUTE format('CREATE TYPE owner.t%1$s AS (v text); '
        'CREATE DOMAIN owner.d%1$s AS %2$s CHECK (owner.ran(1))', number, type);
    EXECUTE format('CREATE FUNCTION owner.of(%2$s) RETURNS owner.t%1$s LANGUAGE plpgsql AS '
        '$f$ BEGIN PERFORM owner.ran(1); RETURN ROW(''x'')::owner.t%1$s; END $f$', number, type);
    EXECUTE format('CREATE CAST (%2$s AS owner.t%1$s) WITH FUNCTION owner.of(%2$s) AS ASSIGNMENT', number, type);
    FOREACH target IN ARRAY array_remove('{text,json,jsonb}', type) || type LOOP
        EXECUTE format('CREATE FUNCTION owner.to_%4$s(owner.t%1$s) RETURNS %2$s LANGUAGE plpgsql AS '
            '$f$ BEGIN PERFORM owner.ran(1); RETURN %3$L::%2$s; END $f$', number, target,
            CASE target WHEN type THEN value WHEN 'text' THEN 'x' ELSE '{}' END, md5(target));
        EXECUTE format('CREATE CAST (owner.t%1$s AS %2$s) WITH FUNCTION owner.to_%3$s(owner.t%1$s) AS IMPLICIT', number,
            target, md5(target));
    END LOOP;
END $$;
-- The calls in which the owner's code ran after a change, which is undone at once, and those that succeeded.
CREATE FUNCTION owner.after(change text, pattern text, OUT ran text, OUT done text) LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    became text;
    its owner.call;
BEGIN
    ran := '';
    done := '';
    EXECUTE change;
    FOR its IN SELECT * FROM owner.call WHERE statement ~ pattern ORDER BY statement LOOP
        before := nextval('owner.runs');
        became := hostile.attempt(its.statement);
        done := done || CASE became WHEN '00000' THEN concat(' [', its.statement, ']') ELSE '' END;
        IF nextval('owner.runs') > before + 1 THEN
            ran := concat(ran, ' [', its.statement, ' => ', became, ']');
        END IF;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'HE001';
EXCEPTION
    WHEN SQLSTATE 'HE001' THEN NULL;
    WHEN OTHERS THEN ran := concat('not changed: ', SQLSTATE, ' ', SQLERRM);
END $$;
SQL

# Every function of the interface with an installation, and calls that take other ways.
my @functions = grep { $_->{schema} eq 'contact_status' && ($_->{names}[0] // '') eq 'schema' && $_->{kind} eq 'f'
    && $_->{name} ne 'create_tables' } functions($database);
cmp_ok(scalar(@functions), '>', 25, 'the functions of the interface');
my @calls = map { my $f = $_; call($f, map { usual($f->{names}[$_], $f->{types}[$_]) } 0 .. $#{ $f->{types} }) }
    @functions;
push @calls, map { "SELECT contact_status.$_" }
    q{record_event('crm', 'changed@example.org', 'hard_bounced')}, q{record_event('crm', 'c1@example.org', 'clicked')},
    q{record_event('crm', 'strange@example.org', 'nonexistent')}, q{reevaluate('crm', 1)},
    q{record_event('crm', 'strange@example.org', 'opened')},
    q{record_webhook('crm', 'sendgrid', '[{"event":"open","email":"strange@example.org"}]')},
    q{record_webhook('crm', 'sendgrid', '[{"event":"open","email":"c1@example.org"}]')},
    q{record_webhook('crm', 'sendgrid', '[{"event":"spamreport","email":"c2@example.org"}]')},
    q{retract_events('crm', 'x', campaign_id => 1)}, q{retract_suppressions('crm', 'x', kinds => '{complained}')},
    q{forget_changes('crm', 'infinity')}, q{erase_contact('crm', 1, 4)}, q{bounce_reasons('crm', NULL)},
    q{active_contacts_by_day('crm', 1, current_date - 1, current_date)};
my %calls = map { $_ => 1 } @calls;
psql($database, join '', map { "INSERT INTO owner.call VALUES (\$call\$$_\$call\$);\n" } keys %calls);

# Changes by the owner: a name, statements, and a pattern of the calls to try after them (none: all).
my @tried;
my %type = map { $_->[0] => $_->[1] } rows($database, <<'SQL');
SELECT type, row_number() OVER ()
  FROM (SELECT DISTINCT format_type(a.atttypid, NULL) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'r' AND a.attnum > 0) t (type)
SQL
my %value = ('bytea' => 'x', 'boolean' => 'true', 'date' => '2026-01-01', 'interval' => '1 day', 'jsonb' => '{}',
    'name' => 'x', 'text' => 'default', 'timestamp with time zone' => '2026-01-01', 'contact_status.event_kind' =>
        'hard_bounced', 'contact_status.contact_status' => 'active', 'contact_status.folded_contact' => '('
        . ',' x 21 . ')');
psql($database, join '', map { my $value = $value{$_} // (/\[\]/ ? '{}' : '1');
    "SELECT owner.disguise($type{$_}, '$_', '$value');\n" } keys %type);
my @tables = ((map { $_->[0] } rows($database, 'SELECT unnest(_contact_status.table_names())')),
    qw(status_change change_consumer));
my @alone;    # each column by itself, of another type
for my $table (@tables) {
    my $own = $table eq 'policy' ? 'ALTER TABLE crm.policy NOT OF; ' : '';
    my ($types, $domains) = ($own, $own);
    for (columns($database, $table)) {
        my ($column, $type) = @$_;
        my $value = $value{$type} // ($type =~ /\[\]/ ? '{}' : '1');
        my $again = "ALTER TABLE crm.$table DROP COLUMN \"$column\" CASCADE;
            ALTER TABLE crm.$table ADD COLUMN \"$column\"";
        push @alone, [$table, $column, "$own$again owner.t$type{$type} NOT NULL DEFAULT ROW('x');"];
        $types   .= "$again owner.t$type{$type} NOT NULL DEFAULT ROW('x');";
        $domains .= "$again owner.d$type{$type} NOT NULL DEFAULT '$value';";
    }
    push @tried, ["$table with other types", $types], ["$table with domains", $domains];
}
push @tried, map { ["$_->[0].$_->[1]", $_->[2]] } $ENV{HOSTILE_COLUMNS} ? @alone : ();    # takes minutes
push @tried, map { ["$_ that is a view", "ALTER TABLE crm.$_ RENAME TO was;
    CREATE VIEW crm.$_ AS SELECT w.* FROM crm.was w WHERE owner.ran(w)"] } qw(contact status_change change_consumer);
my %target = ('text' => 'text', 'jsonb' => 'jsonb', 'json' => 'json', 'contact_status.policy' => 'policy');
push @tried, ['casts of rows', join '', map { my $table = $_; map { "
    CREATE FUNCTION owner.to_$target{$_}(crm.$table) RETURNS $_ LANGUAGE plpgsql AS
        'BEGIN PERFORM owner.ran(1); RETURN NULL; END';
    CREATE CAST (crm.$table AS $_) WITH FUNCTION owner.to_$target{$_}(crm.$table) AS IMPLICIT;" } keys %target }
    grep { !/change/ } @tables],
    ['row-level security', join '', map { "ALTER TABLE crm.$_ ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON crm.$_ USING (owner.ran(1)) WITH CHECK (owner.ran(1));" } @tables],
    ['columns of the owner', join '', map { "ALTER TABLE crm.$_ ADD COLUMN own owner.t1 DEFAULT ROW('x'),
        ADD COLUMN policy owner.t$type{text} DEFAULT ROW('x'), ADD COLUMN subscriptions owner.t1 DEFAULT ROW('x');" }
        qw(contact subscription)],
    ['other views', join '', map { "DROP VIEW IF EXISTS crm.$_ CASCADE; CREATE VIEW crm.$_ AS SELECT owner.ran(1);" }
        map { $_->[0] } rows($database, 'SELECT unnest(_contact_status.view_names())')];
# functions that only read
my $readers = join '|', map { "\\.$_->[0]\\(" } rows($database, "SELECT proname FROM pg_proc WHERE provolatile = 's'
    AND pronamespace = 'contact_status'::regnamespace");
push @tried, ['triggers, rules, checks, indexes and generated columns', (join '', map { "
    CREATE TRIGGER a BEFORE INSERT OR UPDATE ON crm.$_ FOR EACH ROW EXECUTE FUNCTION owner.fired();
    CREATE RULE r AS ON UPDATE TO crm.$_ DO ALSO SELECT owner.ran(1);
    ALTER TABLE crm.$_ ADD CHECK (owner.ran($_)) NOT VALID;
    ALTER TABLE crm.$_ ADD COLUMN made boolean GENERATED ALWAYS AS (owner.ran(account_id)) STORED;
    CREATE INDEX ON crm.$_ (owner.ran(account_id));" } grep { !/^(?:policy|change_consumer)$/ } @tables), $readers];
for (['contact_status', 'contact'], ['event_kind', 'event']) {
    my ($type, $table) = @$_;
    my $column = $type eq 'event_kind' ? 'kind' : 'status';
    push @tried, ["$table.$column of an enum with the same labels", "DO \$do\$ BEGIN
        EXECUTE (SELECT 'CREATE TYPE owner.$type AS ENUM (' || string_agg(quote_literal(e), ', ') || ')'
            FROM unnest(enum_range(NULL::contact_status.$type)) e); END \$do\$;
        CREATE FUNCTION owner.to_enum(owner.$type) RETURNS contact_status.$type LANGUAGE plpgsql AS
            'BEGIN PERFORM owner.ran(1); RETURN \$1::text::contact_status.$type; END';
        CREATE CAST (owner.$type AS contact_status.$type) WITH FUNCTION owner.to_enum(owner.$type) AS IMPLICIT;
        ALTER TABLE crm.$table DROP COLUMN $column CASCADE;
        ALTER TABLE crm.$table ADD COLUMN $column owner.$type NOT NULL DEFAULT '$value{\"contact_status.$type\"}'"];
}

my ($none) = rows($database, "SELECT * FROM owner.after('SELECT', '')");
is($none->[0], '', 'without a change, none of the calls runs the code of the owner');
cmp_ok(scalar(() = $none->[1] =~ /\[SELECT/g), '>', 30, '... and most of them succeed');
my @said = rows($database, 'SET client_min_messages = error;
    SELECT a.ran, a.done FROM (VALUES ' . join(',', map { my $n = $_;
    "($n, \$try\$$tried[$n][1]\$try\$, \$try\$" . ($tried[$n][2] // '') . "\$try\$)" } 0 .. $#tried)
    . ') t (n, change, pattern), owner.after(change, pattern) a ORDER BY n');
my @bad = grep { $said[$_][0] ne '' } 0 .. $#tried;
is(scalar(@said), scalar(@tried), 'each change was tried');
is(scalar(@bad), 0, 'no call runs the code of the owner (' . @tried . ' changes)');
diag($tried[$_][0], ': ', substr($said[$_][0], 0, 600)) for @bad;
is($said[$_][1], $none->[1], "$tried[$_][0]: the same calls succeed")
    for grep { $tried[$_][0] =~ /^(?:columns of|casts of|other views)/ } 0 .. $#tried;

# The columns in installation.c are all: a change of one is refused before a query reads the table.
psql($database, q{CREATE FUNCTION owner.checked(change text, name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE change;
    PERFORM _contact_status.check_installation('crm', ARRAY[name]::name[]);
    RAISE EXCEPTION 'not refused' USING ERRCODE = 'HE000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$});
my @states = rows($database, 'SET client_min_messages = error;
    SELECT owner.checked(change, name) FROM (VALUES ' . join(',', map { my $n = $_;
    "($n, \$try\$$alone[$n][2]\$try\$, '$alone[$n][0]')" } 0 .. $#alone) . ') t (n, change, name) ORDER BY n');
is(join(', ', map { "$alone[$_][0].$alone[$_][1] $states[$_][0]" } grep { $states[$_][0] ne '42804' } 0 .. $#alone), '',
    'the type of each column of each table is checked (' . @alone . ' columns)');
ok(alive($database), 'the server lives');
done_testing;
