#!/usr/bin/perl
# bench/bench.pl: what the extension costs, beside the least that could be done. Run it by make bench, or make bench-growth.
#
#   SHORT=1        the form that takes minutes
#   WORKLOAD=name  only the workloads whose names contain it
#   RUNS           of each number; the median is printed, with the least and the most (5)
#   SECONDS        of each run of single events (4)
#   CONTACTS       of the main workloads (200000)
#   EVENTS         of their stream (1000000)
#   MAILED, MANY   contacts of a campaign (1000000), and of the workloads that are larger than memory (5000000)
#   RAW=file       the raw numbers go there; otherwise they follow the table
#
#   bench/bench.pl growth [CONTACTS...]   how the main workloads grow with the contacts (10000 100000 1000000)
#   bench/bench.pl durable                workloads as users run a server, beside other ways to keep a status
#
# Prints Markdown. What is compared, and what the numbers mean: bench/README.md.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../test/lib";
use Bench;
use Bench::Table;
use Bench::Streams;
use Bench::Single;
use Bench::History;
use Bench::Campaign;
use Bench::Replay;
use Bench::Sweep;
use Bench::Import;
use Bench::Reading;
use Bench::Memory;
use Bench::Growth;
use Bench::Durable;

die "run it by make bench\n" if !$ENV{THROW_AWAY_SERVER};
$| = 1;
my $began = time;

# The first ones share a database.
my @shared = (
    [ bulk          => \&Bench::Streams::bulk ],
    [ batches_10000 => \&Bench::Streams::batches_10000 ],
    [ batches_1000  => \&Bench::Streams::batches_1000 ],
    [ single        => \&Bench::Single::single ],
    [ disorder      => \&Bench::Streams::disorder ],
    [ long_history  => \&Bench::History::long ],
    [ partitioned   => \&Bench::Streams::partitioned ],
    [ wal           => \&Bench::Streams::wal ],
    [ memory        => \&Bench::Memory::memory ],
    [ size          => \&Bench::Streams::size ],
);
my @own = (
    [ campaign => \&Bench::Campaign::campaign ],
    [ replay   => \&Bench::Replay::replay ],
    [ sweep    => \&Bench::Sweep::sweep ],
    [ import   => \&Bench::Import::addresses ],
    [ reading  => \&Bench::Reading::reading ],
);
my $wanted = $ENV{WORKLOAD} // '';
@$_ = grep { $_->[0] =~ /\Q$wanted/ } @$_ for \@shared, \@own;
die "there is no workload named $wanted\n" if !@shared && !@own && !@ARGV;

my @rows;
sub work {
    for my $workload (@_) {
        my $since = time;
        progress("$workload->[0]:");
        push @rows, $workload->[1]->();
        progress("$workload->[0]: ", time - $since, ' s');
    }
}

if (@ARGV && $ARGV[0] eq 'growth') {
    push @rows, Bench::Growth::growth(@ARGV > 1 ? @ARGV[ 1 .. $#ARGV ] : $scale{short} ? (10_000, 100_000) : (10_000, 100_000, 1_000_000));
}
elsif (@ARGV && $ARGV[0] eq 'durable') {
    work(grep { $_->[0] =~ /\Q$wanted/ } [ singles => \&Bench::Durable::singles_and_readers ], [ large => \&Bench::Durable::large ],
        [ campaigns => \&Bench::Durable::campaigns ]);
}
else {
    if (@shared) {
        database('main');
        Bench::installations($scale{contacts}, 'default', qw(crm log touch plpgsql), Bench::can_partition() ? 'parted' : ());
        stream($scale{events}, $scale{contacts});
    }
    work(@shared);
    work(@own);
}
Bench::Table::show(\@rows, time - $began);
