# What the scripts in test/soak/ share: each tries something for long, and ends with a line of the table that `make
# soak` prints.
package Soak;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(line skipped by_test);

# The line: what was tried, how often, in how many seconds, and a list of what was lost.
sub line {
    my ($tried, $often, $seconds, @lost) = @_;
    my $long = $seconds < 120 ? sprintf('%d s', $seconds) : sprintf('%.0f min', $seconds / 60);
    @lost = (@lost[ 0 .. 4 ], 'and ' . (@lost - 5) . ' more') if @lost > 6;
    my $lost = @lost ? join('; ', map { s/\s+/ /gr =~ s/\|/\\|/gr } @lost) : 'nothing';
    print "| $tried | $often | $long | $lost |\n";
    return;
}

# The line of what cannot be tried here, and why.
sub skipped {
    my ($tried, $why) = @_;
    print "| $tried | not at all: $why | | |\n";
    return;
}

# Runs a test of test/t/, with an environment that makes it try harder, in a server of its own. It says how often it
# tried in comments "# often: ...". Exits, with failure if the test failed.
sub by_test {
    my ($tried, $test, %environment) = @_;
    local @ENV{ keys %environment } = values %environment;
    my $begin = time;
    chdir "$FindBin::RealBin/../.." or die "$!\n";
    open my $tap, '-|', 'script/server', $^X, '-Itest/lib', "test/t/$test.t" or die "script/server: $!\n";
    my (@often, @lost);
    while (my $said = <$tap>) {
        print STDERR $said;
        push @often, $1 if $said =~ /^# often: (.*)/;
        push @lost,  $1 if $said =~ /^not ok \d+ - (.*)/ && $said !~ /# TODO/;
    }
    close $tap;
    push @lost, "test/t/$test.t did not come to its end" if !@lost && ($? || !@often);
    line($tried, join(', ', @often), time - $begin, @lost);
    exit(@lost ? 1 : 0);
}

1;
