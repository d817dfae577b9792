# Sessions beside each other, each in a process of its own, which does what it is given and tells at its end what it
# counted.
package Concurrent;

use strict;
use warnings;
use Exporter qw(import);
use File::Temp ();
use POSIX ();
use Session;

our @EXPORT_OK = qw(in_a_process told);

my $dir = File::Temp->newdir;
my @processes;

# Calls the function with { name, session, counts => {}, keys => [] }, of which the last two are told. What it does at
# random follows from the seed of who calls this.
sub in_a_process {
    my ($name, $work) = @_;
    my $seed = int rand 2**31;
    my $pid  = fork // die "fork: $!\n";
    if ($pid) {
        push @processes, { name => $name, pid => $pid };
        return;
    }
    srand $seed;
    my $me = { name => $name, counts => {}, keys => [] };
    eval { $me->{session} = Session->new; $work->($me); $me->{session}->close; 1 } or $me->{counts}{"failed: $@"}++;
    open my $report, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $report join("\t", 'count', s/\s+/ /gr, $me->{counts}{$_}), "\n" for keys %{ $me->{counts} };
    print $report join("\t", 'key', @$_), "\n" for @{ $me->{keys} };
    close $report;
    POSIX::_exit(0);
}

# Waits for all of them; returns the sums of what they counted, and all keys. One that came to no end is counted as
# failed.
sub told {
    my (%counts, @keys);
    for my $process (@processes) {
        waitpid $process->{pid}, 0;
        open my $report, '<', "$dir/$process->{name}" or $counts{"failed: $process->{name} came to no end"}++, next;
        while (my $line = <$report>) {
            chomp $line;
            my ($what, @told) = split /\t/, $line;
            if ($what eq 'count') { $counts{ $told[0] } += $told[1] }
            else                  { push @keys, \@told }
        }
    }
    return (\%counts, \@keys);
}

1;
