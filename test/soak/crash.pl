#!/usr/bin/perl
# The server crashes again and again, at random moments of a load of events, contacts, deletes, imports and changed
# settings. After each recovery verify is empty, each acknowledged event is in the log once, each transaction is there
# as a whole or not at all, one that was refused or rolled back not, and counts are what count(*) says. Then the load
# goes on.
#
#   SOAK_CRASHES   how many (100): one half SIGKILL for the server and all its processes,
#                  one half `pg_ctl stop -m immediate`
#   CLIENTS        how many write (6)
#   SEED           of what they do and of the moments
#
# The cluster is its own, with durable commits. The crash is that of the server, not of the machine: what the kernel was
# given to write is kept.
use strict;
use warnings;
use File::Temp ();
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cluster;
use Load;
use POSIX ();
use Session;
use Soak qw(line);
use Time::HiRes qw(time sleep);

my $crashes = $ENV{SOAK_CRASHES} || 100;
my $clients = $ENV{CLIENTS} || 6;
my $seed    = $ENV{SEED} || time * 1000 % 1_000_000;
my $begin   = time;
my $dir     = File::Temp->newdir;
my @lost;

srand $seed;
print "# $crashes crashes, $clients clients, seed $seed\n";
# short distances between checkpoints, so that crashes come before, in and after them
my $cluster = Cluster->new(checkpoint_timeout => '30s', max_wal_size => '64MB',
    deadlock_timeout => '100ms')->init->as_default->start;
my $setup = Session->new;
$setup->must(world(), 'CREATE EXTENSION amcheck');
$setup->close;

# --- What the clients do ----------------------------------------------------------------------------------------------

# Each returns the statements of a transaction, and the keys of the events that are in the log if it was committed; keys
# that must not be there in any case (rolled back to a savepoint) begin with "not ".
my %work = (
    single => sub { my ($new) = @_; my $e = $new->(); return ([ insert($e) ], $e->{key}) },
    batch  => sub { my ($new) = @_; my @e = map { $new->() } 1 .. 8; return ([ insert(@e) ], map { $_->{key} } @e) },
    bulk   => sub { my ($new) = @_; my @e = map { $new->() } 1 .. 200; return ([ insert(@e) ], map { $_->{key} } @e) },
    several => sub {
        my ($new) = @_;
        my @e = map { $new->() } 1 .. 3;
        return ([ insert($e[0]), 'SAVEPOINT s', insert($e[1]), 'ROLLBACK TO s', insert($e[2]) ],
            $e[0]{key}, "not $e[1]{key}", $e[2]{key});
    },
    replace => sub {
        my ($new) = @_;
        my $contact = pick(@deletable);
        my $e = $new->($contact);
        return ([ 'DELETE FROM crm.contact WHERE ' . key_of($contact), insert_contact($contact), insert($e) ],
            $e->{key});
    },
    roll_back => sub { my ($new) = @_; my $e = $new->(); return ([ insert($e), 'ROLLBACK' ], "not $e->{key}") },
    import    => sub { ([ 'TRUNCATE staging', import_rows(),
                          "SELECT count(*) FROM contact_status.import_contacts('crm', 1, " . between(1, 3)
                              . ", 'staging')" ]) },
    leave     => sub {
        ([ "DELETE FROM crm.contact WHERE account_id = 1 AND email = 'i" . between(1, 12) . "\@example.org'" ]) },
    address   => sub { ([ change_address(pick(@contacts)) ]) },
    suppress  => sub { ([ suppress() ]) },
    retract   => sub { ([ retract() ]) },
    sweep     => sub { (["SELECT contact_status.sweep('crm')"]) },
    setting   => sub { ([ change_setting(), "SELECT contact_status.reevaluate('crm')" ]) },
);
my @work = (('single') x 30, ('batch') x 12, ('bulk') x 3, ('several') x 8, ('replace') x 4, ('roll_back') x 2,
    ('import') x 3, 'leave',
    ('address') x 2, ('suppress') x 2, 'retract', 'sweep', 'setting');

# Until the server is gone. Before each transaction its keys go to the journal, after it what became of it; so in the
# journal of a client all but the last transaction are settled.
sub client {
    my ($name, $journal) = @_;
    my $number = 0;
    my $new    = sub { random_event("$name." . ++$number, $_[0] // pick(@contacts), around(time)) };
    my $session = Session->new;
    $session->must('SET client_min_messages = error',
        'CREATE TEMPORARY TABLE staging (email text, occurred_at timestamptz, status text)');
    for (;;) {
        my $what = pick(@work);
        my ($statements, @keys) = $work{$what}->($new);
        syswrite $journal, "try @keys\n" =~ s/not /not_/gr;
        my $state;
        for my $statement ('BEGIN ISOLATION LEVEL ' . pick(@levels), @$statements) {
            ($state) = $session->do($statement);
            last if $state ne '00000';
        }
        my ($at_commit, $said) = $session->do($state eq '00000' ? 'COMMIT' : 'ROLLBACK');
        my $done = $state eq '00000' && $at_commit eq '00000' && $what ne 'roll_back';
        # a COMMIT that lost its connection is no answer
        syswrite $journal, $done ? "done $what\n" : "refused $state$at_commit $what\n";
    }
}

sub run_clients {
    my ($round) = @_;
    my @pids;
    for my $number (1 .. $clients) {
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            srand $seed + $round * 100 + $number;
            @SIG{qw(HUP INT TERM)} = ('DEFAULT') x 3;
            open my $journal, '>', "$dir/$number" or POSIX::_exit(1);
            open STDERR, '>', '/dev/null';
            eval { client("r$round.$number", $journal) };    # it dies when the server does
            POSIX::_exit(0);
        }
        push @pids, $pid;
    }
    return @pids;
}

# --- What must be there -----------------------------------------------------------------------------------------------

my (%totals, %expected);    # key -> 1: it must be in the log, 0: it must not; of all rounds
my $recovering = 0;

sub problem { my ($round, $what) = @_; push @lost, "crash $round: $what"; print "# crash $round: $what\n"; return }

# Rows of a query as text.
sub column {
    my ($sql) = @_;
    open my $psql, '-|', 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', $sql or die "psql: $!\n";
    chomp(my @rows = <$psql>);
    close $psql or die "psql failed: $sql\n";
    return @rows;
}

sub read_journals {
    my ($round) = @_;
    my @unsettled;
    for my $number (1 .. $clients) {
        open my $journal, '<', "$dir/$number" or do { problem($round, "client $number left no journal"); next };
        my @keys;
        my $open = 0;
        while (my $line = <$journal>) {
            my ($word, @rest) = split ' ', $line;
            if ($word eq 'try') { @keys = @rest; $open = 1; next }
            $totals{$word}++;
            $totals{"$word $rest[-1]"}++;
            $expected{ s/^not_//r } = $word eq 'done' && !/^not_/ ? 1 : 0 for @keys;
            $open = 0;
        }
        push @unsettled, \@keys if $open;
    }
    return @unsettled;
}

sub check {
    my ($round, @unsettled) = @_;
    my %found;
    for my $row (column("SELECT event_key, count(*) FROM crm.event WHERE event_key LIKE 'r$round.%' GROUP BY 1")) {
        my ($key, $count) = split /\|/, $row;
        $found{$key} = $count;
        problem($round, "event $key is there $count times") if $count > 1;
    }
    for my $keys (@unsettled) {
        $totals{unsettled}++;
        my @in     = grep { !/^not_/ } @$keys;
        my $there  = grep { $found{$_} } @in;
        problem($round, "$there of the " . @in . " events of a transaction that was not acknowledged are there")
            if $there != 0 && $there != @in;
        $totals{'unsettled but there'}++ if $there;
        $expected{ s/^not_//r } = !/^not_/ && $there ? 1 : 0 for @$keys;
    }
    for my $key (grep { /^r$round\./ } keys %expected) {
        problem($round, "acknowledged event $key is lost") if $expected{$key} && !$found{$key};
        problem($round, "event $key is there that was refused") if !$expected{$key} && $found{$key};
    }
    exists $expected{$_} or problem($round, "event $_ is nobody's") for keys %found;
    problem($round, "verify: $_") for column(q{SELECT v::text FROM contact_status.verify('crm') AS v LIMIT 3});
    problem($round, "counts: $_") for column(q{SELECT c.account_id || ' ' || c.status FROM (
        SELECT account_id, status, sum(n) AS n FROM (
            SELECT account_id, status, contacts AS n FROM crm.account_status_count
            UNION ALL SELECT account_id, status, -count(*) FROM crm.contact GROUP BY 1, 2) AS both_ GROUP BY 1,
                2) AS c WHERE n <> 0});
    return;
}

# --- The crashes ------------------------------------------------------------------------------------------------------

for my $round (1 .. $crashes) {
    my @pids = run_clients($round);
    sleep 0.3 + rand 1.2;
    my $how = $round % 2 ? 'kill' : 'stop';
    eval { $how eq 'kill' ? $cluster->kill : $cluster->stop('immediate'); 1 } or problem($round, $@);
    waitpid $_, 0 for @pids;
    my @unsettled = read_journals($round);
    my $down = time;
    $cluster->start;
    $recovering += time - $down;
    $totals{$how}++;
    check($round, @unsettled);
    print "# $round crashes, $totals{done} transactions acknowledged\n" if $round % 10 == 0;
}

# At the end: everything of all rounds, the indexes that the extension writes itself, and the fold of all anew.
my %found = map { split /\|/ } column(
    'SELECT event_key, count(*) FROM crm.event WHERE event_key LIKE \'r%\' GROUP BY 1');
my @gone = grep { $expected{$_} && !$found{$_} } keys %expected;
problem($crashes, @gone . ' acknowledged events are lost in the end') if @gone;
eval {
    column(q{SELECT bt_index_check(i.indexrelid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'i'});
    1;
} or problem($crashes, "an index is damaged: $@");
my ($changed) = column(q{SELECT contact_status.sweep('crm') * 0 + contact_status.reevaluate('crm')});
problem($crashes, "folded anew, $changed contacts changed") if $changed;
my $acknowledged = grep { $_ } values %expected;
my ($panics) = $cluster->log =~ /PANIC: +(.*)/;
problem($crashes, "the server panicked: $panics") if $panics;
eval { $cluster->stop('fast'); 1 } or problem($crashes, $@);

print "# $_: $totals{$_}\n" for sort keys %totals;
printf "# %d acknowledged events, %.1f s of recovery\n", $acknowledged, $recovering;
for my $what (sort keys %work) {
    push @lost, "nothing was tried of: $what" if $what ne 'roll_back' && $crashes >= 10 && !$totals{"done $what"};
}
line("the server crashed under load and recovered",
    "$crashes crashes (" . ($totals{kill} // 0) . ' SIGKILL, ' . ($totals{stop} // 0)
    . " immediate), $totals{done} transactions, $acknowledged events acknowledged", time - $begin, @lost);
exit(@lost ? 1 : 0);
