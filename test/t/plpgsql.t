# The rules in PL/pgSQL, with which the benchmark compares the extension, against the reference on random events: a
# baseline that is wrong would prove nothing. EVENTS and SEED as in ../random.pl. Several short runs: in one whose
# settings change, all contacts are folded anew at the end, which hides how they came to be before.
use strict;
use warnings;
use FindBin;
use Test::More tests => 5;

my $seed = $ENV{SEED} // time % 1_000_000;
for my $run (1 .. 5) {
    local @ENV{qw(EVENTS SEED)} = ($ENV{EVENTS} || 500, $seed++);
    my $output = qx{"$^X" "$FindBin::Bin/../random.pl" --plpgsql 2>&1};
    is($?, 0, "bench/plpgsql.sql agrees with the reference, run $run") or diag($output);
    note($output);
}
