# The server crashes under load and recovers: a short form of ../soak/crash.pl. SOAK_CRASHES as there (2).
use strict;
use warnings;
use FindBin;
use Test::More tests => 1;

$ENV{SOAK_CRASHES} //= 2;
my $output = `"$^X" "$FindBin::Bin/../soak/crash.pl" 2>&1`;
my $status = $?;
is($status, 0, 'nothing is lost by crashes') or diag($output);
note($output);
