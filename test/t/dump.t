#!/usr/bin/perl
# A dump and its restore, by an owner who is no superuser: in each format, in parallel, of its schema alone, of schema
# and data one after the other; into an empty database and into one that has the extension. What is restored equals what
# was dumped, no trigger fired over it, and it works on. The same for a log in partitions, with and without a horizon.
use strict;
use warnings;
use Restore qw(psql fill_all state numbers goes_on @SCHEMAS);
use File::Temp ();
use Test::More;

my $source = "$ENV{PGDATABASE}_source";
my $copy   = "$ENV{PGDATABASE}_copy";
my $owner  = 'contact_status_test_owner';
my $dir    = File::Temp->newdir;

my $superuser = $ENV{PGUSER};
sub as_superuser { local $ENV{PGUSER} = $superuser; psql('postgres', $_) for @_; return }
sub clean_up { as_superuser("DROP DATABASE IF EXISTS $source", "DROP DATABASE IF EXISTS $copy",
        "DROP ROLE IF EXISTS $owner") }
END { my $status = $?; clean_up(); $? = $status }

clean_up();
as_superuser("CREATE ROLE $owner LOGIN PASSWORD '$ENV{PGPASSWORD}'",
    "CREATE DATABASE $source TEMPLATE template0 OWNER $owner");
$ENV{PGUSER} = $owner;
fill_all($source);
my %state   = map { $_ => state($source, $_) } @SCHEMAS;
my %numbers = map { $_ => numbers($source, $_) } @SCHEMAS;

# Something of the kind is there, which a copy could lack.
sub has { my ($schema, $wanted, $name) = @_; ok(scalar(grep { /$wanted/ } @{ $state{$schema} }), $name) }
for my $schema (@SCHEMAS) {
    has($schema, qr/^$_\|/, "there are rows to dump in $schema: $_")
        for qw(deleted_contact address_change suppression unmatched_event retraction status_count address_key
            status_history);
}
has('parted', qr/TRIGGER \w+ .* ON parted\.event_p20250101 /, 'and triggers of partitions');
has('kept', qr/^checkpoint\|.*2025-01-03/, 'and facts that a horizon keeps');

# Runs a command of the server that must not fail.
sub run { my $said = `@_ 2>&1`; die "@_\n$said" if $? }

sub empty_copy {
    my ($sql) = @_;
    as_superuser("DROP DATABASE IF EXISTS $copy", "CREATE DATABASE $copy TEMPLATE template0 OWNER $owner");
    psql($copy, $sql) if $sql;
    return;
}

# pg_restore enables the triggers again as ORIGIN, also those that were ALWAYS.
sub upgrade { psql($copy, join ';', map { "SELECT contact_status.upgrade_tables('$_')" } @SCHEMAS); return }

# The copy equals the original, and then goes on.
sub same {
    my ($how) = @_;
    for my $schema (@SCHEMAS) {
        is_deeply(state($copy, $schema), $state{$schema}, "$how, $schema: what is restored equals what was dumped");
        is(numbers($copy, $schema), $numbers{$schema}, "$how, $schema: so do the numbers that come next");
        is(goes_on($copy, $schema), '', "$how, $schema: it works on");
    }
    return;
}

for my $format (qw(plain custom tar directory)) {
    my $parallel = $format eq 'directory' ? '-j 2' : '';
    run("pg_dump -F $format $parallel -f $dir/$format $source");
    empty_copy();
    run($format eq 'plain' ? "psql -X -q -v ON_ERROR_STOP=1 -d $copy -f $dir/plain"
        : "pg_restore $parallel --exit-on-error -d $copy $dir/$format");
    same("$format $parallel");
}

# over what is there, which goes first, partitions and all
run("pg_restore --clean --if-exists --exit-on-error -d $copy $dir/custom");
same('over itself with --clean');

# the schemas of the extension are members of it, so that a dump makes none
empty_copy('CREATE EXTENSION contact_status');
my $said = `pg_restore -d $copy $dir/custom 2>&1`;
is_deeply([$said =~ /ERROR:  (.*)/g], [], 'into a database with the extension: no error');
same('into a database with the extension');

run("pg_dump -F custom @{[map { qq(-n $_) } @SCHEMAS]} -f $dir/schemas $source");
empty_copy('CREATE EXTENSION contact_status');
run("pg_restore --exit-on-error -d $copy $dir/schemas");
same('the schemas alone');

run("pg_dump -F custom --schema-only -f $dir/schema $source");
run("pg_dump -F custom --data-only -f $dir/data $source");
run("pg_dump -F plain --data-only --disable-triggers -f $dir/data.sql $source");
empty_copy();
run("pg_restore --exit-on-error -d $copy $dir/schema");
run("pg_restore --exit-on-error --disable-triggers -d $copy $dir/data");
upgrade();
same('schema, then data with --disable-triggers');
empty_copy();
run("pg_restore --exit-on-error -d $copy $dir/schema");
run("psql -X -q -v ON_ERROR_STOP=1 -d $copy -f $dir/data.sql");
upgrade();
same('the same from a plain dump');

# into the log and not into its partitions, whose triggers alone are off, events come as new ones, which they cannot be
run("pg_dump -F plain --data-only --disable-triggers --load-via-partition-root -f $dir/root.sql $source");
empty_copy();
run("pg_restore --exit-on-error -d $copy $dir/schema");
`psql -X -q -1 -v ON_ERROR_STOP=1 -d $copy -f $dir/root.sql 2>&1`;
isnt($?, 0, 'data of partitions with --load-via-partition-root is refused');

# without --disable-triggers, the data meets our triggers, and what they refuse is not there
empty_copy();
run("pg_restore --exit-on-error -d $copy $dir/schema");
`pg_restore --single-transaction -d $copy $dir/data 2>&1`;
isnt($?, 0, 'data without --disable-triggers is refused');
is(psql($copy, 'SELECT count(*) FROM crm.event'), "0\n", 'and in one transaction leaves nothing behind');

# the tables that create_tables makes have rows of their own, which a dump of data brings too
empty_copy(q{CREATE EXTENSION contact_status; SELECT contact_status.create_tables('crm')});
`pg_restore --single-transaction --disable-triggers -d $copy $dir/data 2>&1`;
isnt($?, 0, 'data into tables that create_tables has just made collides');

is(goes_on($source, $_), '', "as the copies, the original works on: $_") for @SCHEMAS;
done_testing;
