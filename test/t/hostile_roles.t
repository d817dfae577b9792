#!/usr/bin/perl
# Roles without rights, and one that may only read: every function on an installation and every write of a table of it
# is refused with 42501; what needs no rights works; and trigger functions on tables of their own tell them nothing.
use strict;
use warnings;
use Test::More;

use Hostile qw(psql rows prepare functions usual call attempt);

my $database = $ENV{PGDATABASE};
my ($nobody, $reader) = qw(contact_status_test_nobody contact_status_test_reader);
prepare($database);
psql($database, <<"SQL");
REVOKE ALL ON DATABASE $database FROM PUBLIC;
CREATE ROLE $nobody;
CREATE ROLE $reader;
GRANT USAGE ON SCHEMA crm TO $reader;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO $reader;
REVOKE ALL ON crm.address_key, crm.suppression FROM $reader;
SELECT format('CREATE SCHEMA %I AUTHORIZATION %1\$I', r) FROM unnest('{$nobody,$reader}'::text[]) r \\gexec
SQL

# A row of contact for the functions that take one, without reading the table.
my $row = '(SELECT r FROM (SELECT '
    . join(', ', map { "NULL::$_->[1] AS $_->[0]" } rows($database, "SELECT attname, format_type(atttypid, NULL)
    FROM pg_attribute WHERE attrelid = 'crm.contact'::regclass AND attnum > 0")) . ') r)';
$row =~ s/NULL::contact_status\.contact_status/'active'::contact_status.contact_status/;
$row =~ s/NULL::boolean/false/;
$row =~ s/NULL::smallint/0::smallint/;

my %volatile = map { $_->[0] => $_->[1] eq 'v' } rows($database, "SELECT proname, max(provolatile) FROM pg_proc
        WHERE pronamespace IN ('contact_status'::regnamespace, '_contact_status'::regnamespace) GROUP BY 1");
my @functions = grep { $_->{kind} ne 't' } functions($database);
# The others tell nothing but what the catalogue does.
my %of_catalogue = map { $_ => 1 } qw(check_installation unguarded_partitions table_problems guard_own_partitions
    event_with_settings_query history_query read_changes_query feed_definitions
    table_definitions view_definitions trigger_definitions import_insert mailable_query mapped_contact mapped_events
    judged_events insert_events keep_rows taking_statement event_statement contact_statement row_statement forward_body
    forward_grants forwarding_functions drop_forwarding writing_roles follow_bodies stored_mapping
    adopt_statements mapped_statuses differences_query);
my @on_installation = grep { ($_->{names}[0] // '') eq 'schema' && !$of_catalogue{ $_->{name} } } @functions;
my @pure            = grep { ($_->{names}[0] // '') ne 'schema' && $_->{name} ne 'guard_partition' } @functions;
my %reads           = map { $_ => 1 } qw(counting_contacts damage lost_settings merge_target retracted_events
    events_that_followed create_tables);    # volatile, to see what was just written
cmp_ok(scalar(@on_installation), '>', 15, 'there are functions on an installation');

sub calls {
    return map {
        my $function = $_;
        call($function, map { $function->{types}[$_] eq 'record' ? $row
            : "$function->{name} $function->{names}[$_]" =~ /^suppress(?:_all)? list_id$/ ? 'NULL'    # of a complaint
            : usual($function->{names}[$_], $function->{types}[$_]) } 0 .. $#{ $function->{types} });
    } @_;
}

# Each statement ends as expected, a pattern of SQLSTATEs.
sub each_ends {
    my ($role, $statements, $expected, $name) = @_;
    my @became = attempt($database, $statements, preamble => "SET ROLE $role;");
    my @wrong = grep { $became[$_] !~ /^$expected/ } 0 .. $#$statements;
    ok(!@wrong, "$name (" . @$statements . ')');
    diag(substr($statements->[$_], 0, 200), "\n    => $became[$_]") for @wrong;
    return;
}

each_ends($nobody, [calls(@pure)], '(?!42501|XX)', 'no rights: functions on no installation work');
each_ends($nobody, [calls(@on_installation)], '42501', 'no rights: no function on an installation');
each_ends($reader, [calls(grep { $volatile{ $_->{name} } && !$reads{ $_->{name} } } @on_installation)], '42501',
    'reading only: no function that writes');
each_ends($reader, [calls(grep { !$volatile{ $_->{name} } } @on_installation)], '(?:00000|42501)',
    'reading only: those that read');

my @relations = rows($database, "SELECT relname, relkind FROM pg_class
        WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1");
my @writes = map { my ($name, $kind) = @$_; ("INSERT INTO crm.$name DEFAULT VALUES", "DELETE FROM crm.$name",
        $kind eq 'r' ? "TRUNCATE crm.$name" : ()) } @relations;
push @writes, map { "UPDATE crm.$_->[0] SET $_->[1] = DEFAULT" } rows($database,
    "SELECT relname, attname FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
    WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r' AND attnum > 0 ORDER BY 1, attnum");
# 55000: views are no tables
each_ends($_, \@writes, '(?:42501|55000)', "$_: no write of any table") for $nobody, $reader;
each_ends($nobody, [map { "SELECT * FROM crm.$_->[0]" } @relations], '42501', 'no rights: nothing is read');

# trigger functions on tables of one's own: of an installation that one may not read, or not write
my $own = "CREATE TABLE $nobody.outbox (contact_id bigint, list_id bigint, kind text,
        occurred_at timestamptz DEFAULT now());";
each_ends($nobody, [
    map { "$own CREATE TRIGGER t BEFORE INSERT ON $nobody.outbox FOR EACH ROW
        EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id'$_);
        INSERT INTO $nobody.outbox VALUES (1)" }
        '', ", 'skip'", ", 'list_id'", ], '42501', 'no rights: require_mailable tells nothing');
my $deed = "CREATE TRIGGER t AFTER INSERT ON %s.outbox REFERENCING NEW TABLE AS forwarded FOR EACH STATEMENT
    EXECUTE FUNCTION
    contact_status.forward_events('crm', 'contact_id=contact_id', 'kind=kind', 'occurred_at=occurred_at');
    INSERT INTO %1\$s.outbox VALUES (1, 1, 'sent')";
each_ends($_, [($own =~ s/$nobody/$_/r) . sprintf $deed, $_], '42501', "$_: forward_events writes nothing")
    for $nobody, $reader;
# an owner of an installation may not use another's
each_ends($nobody, ["ALTER TABLE crm.contact ADD COLUMN x int",
        "CREATE TRIGGER t AFTER INSERT ON crm.event FOR EACH STATEMENT EXECUTE FUNCTION _contact_status.apply_events()",
    "SELECT contact_status.create_tables('other')", "SELECT contact_status.create_tables('crm')"], '42501',
    'no rights: no new tables, columns or triggers');

# who sees the account but not its contacts may not tell of their addresses, and is not told to try again
my $blind = 'contact_status_test_blind';
psql($database, <<"SQL");
CREATE ROLE $blind;
GRANT USAGE ON SCHEMA crm, hostile TO $blind;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO $blind;
GRANT INSERT ON crm.event TO $blind;
ALTER TABLE crm.contact ENABLE ROW LEVEL SECURITY;
SQL
for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') {
    my @became = attempt($database,
        [map { "SELECT contact_status.$_, 'unsubscribed')" } "suppress('crm', 1, 'c1\@example.org'",
            "suppress_all('crm', 1, '{c1\@example.org}'"],
        preamble => "SET default_transaction_isolation = '$level'; SET ROLE $blind;");
    is(join(', ', map { substr $_, 0, 5 } @became), '42501, 42501',
        "$level: suppress of an address whose contact is hidden") or diag("@became");
}

psql($database, "DROP OWNED BY $nobody, $reader, $blind CASCADE; DROP ROLE $nobody, $reader, $blind;");
done_testing;
