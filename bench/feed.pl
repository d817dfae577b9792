#!/usr/bin/perl
# bench/feed.pl: what the change feed costs writers of events that all change a status. Run it by make bench-feed.
#
#   SECONDS   of each run (4)
#   RUNS      of each number; the median is printed, with the least and the most of the ratios (5)
#   CONTACTS  on the one list (20000)
#
# Three installations, without the feed, with it, and with notifications, take turns in each round. A ratio is of runs in the same
# round. Commits do not wait for the disk, or do (durable).
use strict;
use warnings;
use File::Temp ();
use Time::HiRes qw(time);

my $seconds  = $ENV{SECONDS}  || 4;
my $runs     = $ENV{RUNS}     || 5;
my $contacts = $ENV{CONTACTS} || 20_000;
my @variants = ('without', 'feed', 'notify');
my $database = 'contact_status_bench';
die "run it by make bench-feed\n" if !$ENV{THROW_AWAY_SERVER};
$| = 1;

sub psql {
    my ($sql, $in) = @_;
    open my $psql, '-|', 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', $in // $database, '-c', $sql or die "psql: $!\n";
    my $said = join '', <$psql>;
    close $psql or die "bench/feed.pl: psql failed\n";
    chomp $said;
    return $said;
}
sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ @sorted / 2 ] }

psql("CREATE DATABASE $database", 'postgres');
psql('CREATE EXTENSION contact_status');
for my $schema (@variants) {
    psql("SELECT contact_status.create_tables('$schema')");
    psql("INSERT INTO $schema.contact (contact_id, email) SELECT i, format('c%s\@example.org', i) FROM generate_series(1, $contacts) i");
    psql("INSERT INTO $schema.event (contact_id, list_id, kind) SELECT i, 1, 'added' FROM generate_series(1, $contacts) i");
    psql("SELECT contact_status.add_change_feed('$schema', notify => " . ($schema eq 'notify' ? 'true' : 'false') . ')') if $schema ne 'without';
}
psql('VACUUM ANALYZE');

# Events that change the status of each of the contacts.
my $change = q{INSERT INTO %1$s.event (contact_id, kind) SELECT contact_id, CASE status WHEN 'active' THEN 'suspended' ELSE 'released' END::contact_status.event_kind FROM %1$s.contact WHERE %2$s};

sub single {
    my ($schema, $clients) = @_;
    my $script = File::Temp->new;
    print $script "\\set c random(1, $contacts)\n", sprintf($change, $schema, 'contact_id = :c'), ";\n";
    close $script;
    my $said = `pgbench -n -M prepared -c $clients -j 2 -T $seconds -f $script $database 2>&1`;
    return $said =~ /^tps = ([\d.]+)/m ? $1 : die $said;
}
sub batch {
    my ($schema) = @_;
    my $began = time;
    psql(join ';', map { sprintf $change, $schema, 'contact_id <= 10000' } 1 .. 4);
    return 4 * 10_000 / (time - $began);
}
my @work = (
    [ 'single events, 1 client', sub { single($_[0], 1) } ],
    [ 'single events, 8 clients', sub { single($_[0], 8) } ],
    [ 'batches of 10,000', \&batch ],
    [ 'single events, 1 client, commits wait for the disk', sub { single($_[0], 1) }, 1 ],
    [ 'single events, 8 clients, commits wait for the disk', sub { single($_[0], 8) }, 1 ],
);
print "| | without a feed, events/s | with the feed | with notifications |\n|---|---:|---:|---:|\n";
for my $work (@work) {
    my ($name, $run, $durable) = @$work;
    my $on = $durable ? 'on' : 'off';
    psql("ALTER SYSTEM SET $_ = $on", 'postgres') for 'fsync', 'synchronous_commit';
    psql('SELECT pg_reload_conf()', 'postgres');
    my (%of, %ratio);
    for my $round (1 .. $runs) {
        my %now = map { $_ => $run->($_) } $round % 2 ? @variants : reverse @variants;
        push @{ $of{$_} }, $now{$_} for @variants;
        push @{ $ratio{$_} }, $now{$_} / $now{without} for @variants;
    }
    my $shown = sub {
        my @sorted = sort { $a <=> $b } @{ $ratio{ $_[0] } };
        return sprintf '%.2f x (%.2f to %.2f)', median(@sorted), @sorted[ 0, -1 ];
    };
    printf "| %s | %.0f | %s | %s |\n", $name, median(@{ $of{without} }), $shown->('feed'), $shown->('notify');
}
printf "\nA change takes %s bytes of table and %s of index.\n", split /\|/, psql('SELECT pg_relation_size(t) / n, (pg_indexes_size(t) / n) FROM '
    . "(SELECT 'feed.status_change'::regclass AS t, (SELECT count(*) FROM feed.status_change) AS n) s");
