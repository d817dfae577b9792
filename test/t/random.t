# The extension against the reference on random events: runs ../random.pl and tells how it went. EVENTS and SEED as
# there.
use strict;
use warnings;
use FindBin;
use Test::More tests => 1;

my $output = `"$^X" "$FindBin::Bin/../random.pl" 2>&1`;
my $status = $?;
is($status, 0, 'the extension agrees with the reference') or diag($output);
note($output);
