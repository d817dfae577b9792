#!/usr/bin/perl
# pg_upgrade of a cluster with an installation in it: from the oldest release that is installed here with the extension
# to the one under test, which may be the same. Rows are not touched, so the identifiers of enum labels in them must
# hold.
use strict;
use warnings;
use Cluster;
use Restore qw(psql fill_all state numbers goes_on @SCHEMAS);
use Test::More;

my $new_bin = Cluster::bindir();
my ($old_bin) = grep { has_extension($_) } (map { "/usr/lib/postgresql/$_/bin" } 15 .. 18), $new_bin;

sub has_extension {
    my ($bin) = @_;
    return if !-x "$bin/pg_config" || !-x "$bin/postgres";
    chomp(my $share = `$bin/pg_config --sharedir`);
    return -e "$share/extension/contact_status.control";
}

# Minor releases of 2026 store an option pg_attver with each column. A server without it refuses every table that has
# it.
sub knows_attver { return system('grep', '-q', 'pg_attver', "$_[0]/postgres") == 0 }
plan skip_all => "$new_bin/postgres is older than $old_bin/postgres: it cannot take over any table"
    if knows_attver($old_bin) && !knows_attver($new_bin);

my ($old, $new) = map { Cluster->new(bin => $_, fsync => 'off') } $old_bin, $new_bin;
# both must have checksums or not; from 18 on they are the default
sub no_checksums { `"$_[0]/postgres" --version` =~ / (\d+)/ && $1 >= 18 ? '--no-data-checksums' : () }
$old->init(no_checksums($old_bin))->start;
fill_all($old->at);
my $labels = q{SELECT oid, enumsortorder, enumlabel FROM pg_enum ORDER BY oid};
my $oids    = psql($old->at, $labels);
my %state   = map { $_ => state($old->at, $_) } @SCHEMAS;
my %numbers = map { $_ => numbers($old->at, $_) } @SCHEMAS;
$old->stop;

$new->init(no_checksums($new_bin));
my $said = eval { $new->run('pg_upgrade', '-b', $old_bin, '-B', $new_bin, '-d', $old->{data}, '-D', $new->{data},
    '-U', 'postgres', '-s', "$new->{home}", '--link') } // $@ . join '',
    map { `tail -n 20 '$_'` } glob "$new->{data}/pg_upgrade_output.d/*/log/*_dump_*.log";
like($said, qr/Upgrade Complete/, "from $old_bin to $new_bin") or exit 1;
$new->start;
is(psql($new->at, $labels), $oids, 'what stands for each label in the rows is the same');
for my $schema (@SCHEMAS) {
    is_deeply(state($new->at, $schema), $state{$schema},
        "$schema: rows, statuses, counts and histories are the same, and what guards them");
    is(numbers($new->at, $schema), $numbers{$schema}, "$schema: so are the numbers that come next");
    is(goes_on($new->at, $schema), '', "$schema: it works on");
}
$new->stop;

done_testing;
