# A disk that is full: with tables on it, an event or a batch is refused and nothing of it is there; with the
# write-ahead log on it, the server stops, and once there is room again everything that was acknowledged is there.
#
#   EVENTS   of a batch (30000)
#
# The disk is a small file system in memory, which only root can mount: else it is skipped. A file that cannot grow is
# tried by faults.t without root.
use strict;
use warnings;
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/../lib";
use Cluster;
use Session;
use Test::More;

my $events = $ENV{EVENTS} || 30_000;
my $dir    = File::Temp->newdir;
plan skip_all => 'only root can mount a small file system' if $> != 0;
mount('tables', 3 + int $events / 8000) or plan skip_all => 'a small file system may not be mounted here';

# Unmounted in any case, after the server is gone.
my $cluster;
END {
    my $status = $?;
    undef $cluster;
    system('umount', $_) for grep { defined $dir && -e } map { "$dir/$_" } qw(tables wal);
    $? = $status;
}

sub mount {
    my ($name, $megabytes) = @_;
    chmod 0755, $dir;
    mkdir "$dir/$name";
    my (undef, undef, $uid) = getpwnam 'postgres';
    return system(
        "mount -t tmpfs -o size=${megabytes}m,mode=0700,uid=$uid contact_status_test '$dir/$name' 2>/dev/null") == 0;
}

# --- Tables on it -----------------------------------------------------------------------------------------------------

mount('wal', 40) or die "the second file system cannot be mounted\n";
$cluster = Cluster->new(max_wal_size => '8MB', min_wal_size => '2MB');
$cluster->init("--waldir=$dir/wal/pg_wal", '--wal-segsize=1')->as_default->start;
my $session = Session->new;
my $many    = sub { my ($key) = @_;
    return "INSERT INTO crm.event (contact_id, campaign_id, kind, occurred_at, event_key) "
    . "SELECT i % 1000 + 1, i, 'soft_bounced', timestamptz '2025-06-01' + i * interval '1 second', '$key'
        FROM generate_series(1, $events) AS i" };
$session->must("CREATE TABLESPACE small LOCATION '$dir/tables'", 'SET default_tablespace = small',
    'CREATE EXTENSION contact_status',
    "SELECT contact_status.create_tables('crm', 'salesmanago')", 'SET client_min_messages = error',
    "INSERT INTO crm.contact (email) SELECT format('c%s\@example.org', i) FROM generate_series(1, 1000) AS i",
    "INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', timestamptz '2025-01-01'
        FROM generate_series(1, 1000) AS i", 'VACUUM');
my $before = $session->digest;
for my $try (1 .. 3) {
    my ($state, $said) = $session->do($many->("batch $try"));
    like("$state $said", qr/^53100 .*No space left on device/, "a batch, $try: an error");
    is($session->digest, $before, "a batch, $try: nothing of it is there");
}
is($session->verified, '', 'verify finds nothing');

# one by one until nothing goes: what was acknowledged is there. The dead rows of the batches make some room.
$session->do("VACUUM crm.$_") for qw(contact subscription event);
my ($recorded, $state) = (0, '00000');
for my $number (1 .. 20_000) {
    my ($said) = $session->do("INSERT INTO crm.event (contact_id, kind, event_key, reply) VALUES
            ($number % 1000 + 1, 'hard_bounced', 'single $number', repeat('x', 500))");
    if ($said ne '00000') { $state = $said; last }
    $recorded++;
}
is($state, '53100', "single events: an error, after $recorded");
is($session->value("SELECT count(*) FROM crm.event WHERE event_key LIKE 'single %'"), $recorded,
    'all before it are there, and not that one');
is($session->verified, '', 'verify finds nothing');
system('mount', '-o', 'remount,size=200m', "$dir/tables") == 0 or die "the file system cannot be made larger\n";
$session->must("INSERT INTO crm.event (contact_id, kind) VALUES (1, 'complained')");
is($session->value('SELECT status FROM crm.contact WHERE contact_id = 1'), 'complained',
    'and with room again the session goes on');

# --- The write-ahead log on it ----------------------------------------------------------------------------------------

# so that none of it is recycled
$session->must('CHECKPOINT', "SELECT pg_create_physical_replication_slot('keeps', true)");
$recorded = 0;
my $acknowledged = eval {
    for my $number (1 .. 100_000) {
        my ($said) = $session->do("INSERT INTO crm.event (contact_id, kind, event_key, reply) SELECT i, 'opened',
                'log $number', repeat('x', 200) FROM generate_series(1, 200) AS i");
        die "$said\n" if $said ne '00000';
        $recorded++;
    }
    1;
};
like($cluster->log, qr/PANIC: .*No space left on device/, "the log is full after $recorded batches: the server stops");
eval { $session->close };
system('mount', '-o', 'remount,size=200m', "$dir/wal") == 0 or die "the file system cannot be made larger\n";
eval { $cluster->kill };
$cluster->start;
$session = Session->new;
my $there = $session->value("SELECT count(DISTINCT event_key) FROM crm.event WHERE event_key LIKE 'log %'");
ok($there == $recorded || $there == $recorded + 1, "with room again all $recorded acknowledged batches are there")
    or diag($there);
is($session->value("SELECT count(*)
            FROM (SELECT FROM crm.event WHERE event_key LIKE 'log %' GROUP BY event_key HAVING count(*) <> 200) h"), 0,
    'each as a whole');
is($session->verified, '', 'verify finds nothing');
$session->close;
done_testing;
