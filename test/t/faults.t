# What goes wrong in the middle of a large batch: a disk that is full, no memory, statement_timeout, pg_cancel_backend.
# Each time it is an error, nothing of the batch is there, and the session goes on, having kept no memory of it.
#
#   EVENTS   of the batch (100000)
#   TIMES    how often each fault is tried, at different points (1)
#
# Limits of the operating system are set for the session's own process, by prlimit, as ulimit sets them for a whole
# server: then only the batch meets them, wherever it is by then. A disk that is full is here a file that may not grow;
# full_disk.t has one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Session;
use Test::More;
use Time::HiRes qw(time sleep);

my $events   = $ENV{EVENTS} || 100_000;
my $times    = $ENV{TIMES}  || 1;
my $contacts = int $events / 5;
my %tried;

my $session = Session->new;
$session->must('SET client_min_messages = warning', 'CREATE EXTENSION contact_status',
    "SELECT contact_status.create_tables('crm', 'ecomail')",
    "INSERT INTO crm.contact (email) SELECT format('c%s\@example.org', i) FROM generate_series(1, $contacts) AS i",
    "INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', timestamptz '2025-01-01'
        FROM generate_series(1, $contacts) AS i",
    'ANALYZE');
my $pid = $session->value('SELECT pg_backend_pid()');

# Some of it late, with a text that makes the log a large file; of all contacts, in no order.
my @kinds = qw(delivered soft_bounced soft_bounced opened unsubscribed hard_bounced);
sub batch {
    return "INSERT INTO crm.event (contact_id, campaign_id, kind, occurred_at, event_key, reply)
        SELECT i * 7919 % $contacts + 1, i % 9, "
        . "('{" . join(',', @kinds) . "}'::contact_status.event_kind[])[(i * 31 % " . @kinds . " + 1)::int], "
        . "timestamptz '2025-06-01' + (i * 613 % 100000) * interval '1 second', i::text, repeat('x', 150) "
        . "FROM generate_series(1::bigint, $events) AS i";
}

# Bytes in the session's memory contexts, and the kilobytes that the operating system counts.
sub in_contexts { return $session->value('SELECT sum(total_bytes) FROM pg_backend_memory_contexts') }

sub of_process {
    my ($what) = @_;
    open my $status, '<', "/proc/$pid/status" or return 0;
    my ($kilobytes) = map { /^\Q$what\E:\s+(\d+)/ } <$status>;
    return $kilobytes // 0;
}

sub limit {
    my ($what, $bytes) = @_;
    my ($user, $group) = (stat "/proc/$pid")[ 4, 5 ];    # even root may need to be the same
    my @as = $> == 0 && $user ? ('setpriv', "--reuid=$user", "--regid=$group", '--clear-groups') : ();
    return system(@as, 'prlimit', '--pid', $pid, "--$what=" . ($bytes // 'unlimited') . ':') == 0;
}

my $before = $session->digest;

# A fault and what is expected of it; after it nothing has changed, and the session can do what it could.
sub fails {
    my ($name, $wanted, %args) = @_;
    my $number = 0;
    for my $argument (@{ $args{at} }) {
        $number++;
        my ($state, $said);
        for (1 .. 10) {
            $session->must('BEGIN');
            $args{before}->($argument);
            ($state, $said) = $session->do(batch());
            $args{after}->($argument);
            $session->must('ROLLBACK');
            last if $state ne '00000';
            $argument /= 2;    # it was over before
        }
        $tried{$name}++;
        note("$name, $argument: $state $said");
        like($state eq '00000' ? $state : "$state $said", $wanted, "$name, $number: an error");
    }
    is($session->value('SELECT pg_backend_pid()'), $pid, "$name: the session is the same");
    is($session->digest, $before, "$name: nothing of the batch is there");
    return;
}

# --- Interrupted ------------------------------------------------------------------------------------------------------

# How long it takes, and what the session needs of memory once it has done all this before.
$session->must('BEGIN', batch(), 'ROLLBACK');
my $begin = time;
$session->must('BEGIN', batch(), 'ROLLBACK');
my $takes = time - $begin;
note(sprintf '%d events, %.1f s', $events, $takes);
is($session->digest, $before, 'a batch that is rolled back leaves nothing');
$session->verified;
my ($bytes_before, $resident_before) = (in_contexts(), of_process('RssAnon'));

my @moments = map { $takes * $_ / ($times + 1) } 1 .. $times;
fails('statement_timeout', qr/^57014 canceling statement due to statement timeout/,
    at => \@moments,
    before => sub { $session->must('SET LOCAL statement_timeout = ' . int($_[0] * 1000)) }, after => sub { });

my $canceller;
fails('pg_cancel_backend', qr/^57014 canceling statement due to user request/,
    at => \@moments,
    before => sub {
        $canceller = fork // die "fork: $!\n";
        return if $canceller;
        sleep $_[0];
        exec 'psql', '-X', '-q', '-A', '-t', '-o', '/dev/null', '-c', "SELECT pg_cancel_backend($pid)";
    },
    after => sub { waitpid $canceller, 0 });

# in a transaction, whose savepoint takes the batch back and nothing else
$session->must('BEGIN', "INSERT INTO crm.event (contact_id, kind) VALUES (1, 'complained')", 'SAVEPOINT s');
my $state;
for my $try (1 .. 10) {
    $session->must('SET LOCAL statement_timeout = ' . (1 + int $takes * 1000 / 2**$try));
    ($state) = $session->do(batch());
    last if $state ne '00000';
    $session->must('ROLLBACK TO s');    # it was over before
}
is($state, '57014', 'interrupted after a savepoint');
$session->must('ROLLBACK TO s', "INSERT INTO crm.event (contact_id, kind) VALUES (2, 'complained')");
is($session->value("SELECT count(*) || ' ' || min(status::text) FROM crm.contact WHERE status <> 'active'"),
    '2 complained',
    'what was recorded before and after is there');
is($session->verified, '', 'and verify finds nothing in that transaction') if $events <= 100_000;
$session->must('ROLLBACK');

# --- Without memory ---------------------------------------------------------------------------------------------------

# Work that would be spilled to disk is kept in memory, so that it runs out while rows are collected, sorted, folded or
# written.
SKIP: {
    my $grown = of_process('VmSize');
    skip 'the limits of a session may not be set here', 3 if !limit('as', $grown * 1024 * 4) || !limit('as');
    my $full = $events * 400;    # bytes, about what the collected rows take
    fails('out of memory', qr/^53200 out of memory/,
        at => [ map { int($full * $_ / ($times + 1)) } 0 .. $times - 1 ],
        before => sub { $session->must(q{SET LOCAL work_mem = '1GB'});
            limit('as', of_process('VmSize') * 1024 + 400_000 + $_[0]) },
        after => sub { limit('as') });
}

# --- Without disk -----------------------------------------------------------------------------------------------------

# A file can grow to this size only: the log, its index, or what a sort spills. Files of WAL have 16 MB and no more.
SKIP: {
    my $least = 17 * 1024 * 1024;
    skip 'the limits of a session may not be set here', 3 if !limit('fsize', $least) || !limit('fsize');
    fails('a file that cannot grow', qr/^\w{5} .*File too large/,
        at => [ $least, map { int($least + ($events * 230 - $least) * $_ / ($times + 1)) } 1 .. $times - 1 ],
        before => sub { limit('fsize', $_[0]) }, after => sub { limit('fsize') });
}

fails('temp_file_limit', qr/^53400 temporary file size exceeds "?temp_file_limit/,
    at => [ map { int($events / 100 * $_ / ($times + 1)) } 1 .. $times ],
    before => sub { $session->must("SET LOCAL work_mem = '64kB'", 'SET LOCAL temp_file_limit = ' . int $_[0]) },
    after => sub { });

# --- What is left of all that -----------------------------------------------------------------------------------------

is($session->verified, '', 'verify finds nothing');
my ($grown, $resident) = (in_contexts() - $bytes_before, of_process('RssAnon') - $resident_before);
note("the session's memory contexts grew by $grown bytes, the process by $resident kB");
cmp_ok($grown, '<', 200_000, 'the memory of the session did not grow');
$session->must(batch());
is($session->value("SELECT count(*) FROM crm.event WHERE event_key <> ''"), $events, 'at last the batch goes through');
is($session->verified, '', 'and verify finds nothing');
$session->close;

for my $name (sort keys %tried) {
    note("often: $tried{$name} x $name");
}
done_testing;
