# The change feed under load, and moved to other clusters. Each consumer gets every change once, in an order in which
# each change of a contact begins with the status that the one before left, and the last one has the stored status.
#
#   SECONDS   for how long writers write (8)
use strict;
use warnings;
use Cluster;
use Concurrent qw(in_a_process told);
use Load;
use Restore qw(psql);
use Session;
use Test::More;
use Time::HiRes qw(time sleep);

my $seconds = $ENV{SECONDS} || 8;

# --- Under load: eight writers, consumer a with one process, consumer b with two --------------------------------------

my $session = Session->new;
$session->must('SET client_min_messages = error', world(), "SELECT contact_status.add_change_feed('crm')", <<'SQL');
CREATE TABLE got (n bigint GENERATED ALWAYS AS IDENTITY, consumer text, account_id bigint, list_id bigint,
    contact_id bigint,
    previous_status contact_status.contact_status, status contact_status.contact_status, changed_at timestamptz,
    kind contact_status.event_kind)
SQL

# Events of a few contacts that change their status more often than not.
sub changes {
    my ($key) = @_;
    my $kind = pick(qw(suspended released deleted restored soft_bounced delivered lapsed clicked), 'added', 'removed');
    my $list = $kind =~ /^(?:added|removed)$/ ? between(1, 3) : 'NULL';
    return "INSERT INTO crm.event (account_id, contact_id, list_id, kind, event_key) SELECT 1, c, $list, '$kind', '$key'
        FROM generate_series("
        . join(', ', sort { $a <=> $b } between(1, 20), between(1, 20)) . ') c ORDER BY c';
}

my $end = time + $seconds;
my $number = 0;
srand 42;
for my $name (map { "writer $_" } 1 .. 8) {
    in_a_process($name, sub {
        my ($me) = @_;
        my $run = $me->{session};
        $run->must("SET lock_timeout = '500ms'", "SET deadlock_timeout = '5ms'");
        while (time < $end) {
            $run->do('BEGIN');
            # the transaction id is older than the contact's lock, and than the changes of others before it
            $run->do('SELECT pg_current_xact_id()') if chance(0.3);
            sleep rand 0.01 if chance(0.2);
            my $state = '00000';
            for (1 .. (chance(0.2) ? 3 : 1)) {
                my $contact = pick(@deletable);
                my $sql = chance(0.02) ? "SELECT contact_status.sweep('crm')"
                    : chance(0.03) ? 'DELETE FROM crm.contact WHERE ' . key_of($contact)
                    : chance(0.03) ? insert_contact($contact)
                    : chance(0.02) ? retract()
                    : chance(0.2) ? insert(random_event("$name " . ++$number, pick(@contacts), around(time)))
                    : changes("$name " . ++$number);
                ($state) = $run->do($sql);
                last if $state ne '00000';
            }
            sleep rand 0.01 if chance(0.1);
            $run->do($state eq '00000' && chance(0.9) ? 'COMMIT' : 'ROLLBACK');
            $me->{counts}{$state}++;
        }
    });
}

sub read_some {
    my ($run, $consumer, $max, $at_end) = @_;
    $run->do('BEGIN');
    my ($state, $rows) = $run->do("WITH new AS (
                INSERT INTO got (consumer, account_id, list_id, contact_id, previous_status, status, changed_at, kind) "
        . "SELECT '$consumer', r.* FROM contact_status.read_changes('crm', '$consumer', $max) r RETURNING 1)
            SELECT count(*) AS rows FROM new", 'rows');
    die "read_changes: $state $rows\n" if $state ne '00000';
    $run->do($at_end);
    return $rows;
}
for my $process ('a', 'b 1', 'b 2') {
    my ($consumer) = split / /, $process;
    in_a_process("consumer $process", sub {
        my ($me) = @_;
        while (time < $end) {
            # now and then it fails after it has read, and gets the same again
            $me->{counts}{reads}++
                if read_some($me->{session}, $consumer, between(1, 200), chance(0.1) ? 'ROLLBACK' : 'COMMIT');
            sleep rand 0.02;
        }
    });
}
my ($counts) = told();
is(join(' ', grep { /failed|^XX/ } sort keys %$counts), '', 'no session failed');
note join ', ', map { "$_: $counts->{$_}" } sort keys %$counts;
for my $consumer ('a', 'b') {
    1 while read_some($session, $consumer, 1000, 'COMMIT');
}
my $all = $session->value('SELECT count(*) FROM crm.status_change');
cmp_ok($all, '>', 500, "there were changes ($all)");
cmp_ok($counts->{reads}, '>', 20, 'and reads beside them');

my $columns = 'account_id, list_id, contact_id, previous_status, status, changed_at, kind';
for my $consumer ('a', 'b') {
    my $got = "SELECT $columns FROM got WHERE consumer = '$consumer'";
    my $is = "SELECT $columns FROM crm.status_change";
    is($session->value("SELECT count(*) FROM (($got EXCEPT ALL $is) UNION ALL ($is EXCEPT ALL $got)) d"), 0,
        "$consumer: every change, once");
    is($session->value("SELECT count(*) FROM (SELECT previous_status,
                CASE WHEN list_id IS NULL THEN coalesce(p, 'unconfirmed') ELSE p END AS p FROM ("
        . "SELECT *, lag(status) OVER (PARTITION BY account_id, contact_id, list_id ORDER BY n) AS p FROM got
            WHERE consumer = '$consumer') g) g "
        . 'WHERE previous_status IS DISTINCT FROM p'), 0, "$consumer: each change follows the one before");
    my $last = "SELECT account_id, list_id, contact_id, status
        FROM (SELECT DISTINCT ON (account_id, contact_id, list_id) * FROM got "
        . "WHERE consumer = '$consumer' ORDER BY account_id, contact_id, list_id, n DESC) l WHERE status IS NOT NULL";
    my $stored = "SELECT account_id, list_id, contact_id, status FROM crm.subscription UNION ALL "
        . "SELECT account_id, NULL, contact_id, status FROM crm.contact c WHERE status <> 'unconfirmed'";
    is($session->value(
            "SELECT count(*) FROM (($last AND NOT (list_id IS NULL AND status = 'unconfirmed') EXCEPT ALL ($stored))
                UNION ALL (($stored) EXCEPT ALL $last)) d"), 0,
        "$consumer: the last change of each contact and subscription has its status");
}
is($session->value(
        "SELECT (SELECT md5(string_agg(concat_ws(' ', $columns), ',' ORDER BY n)) FROM got WHERE consumer = 'a') = "
    . "(SELECT md5(string_agg(concat_ws(' ', $columns), ',' ORDER BY n)) FROM got WHERE consumer = 'b')"), 'true',
        'both got them in the same order');
is($session->value("SELECT contact_status.forget_changes('crm', 'infinity')"), $all, 'all are read, and may go');
is($session->verified, '', 'verify finds nothing');
$session->close;

# --- A dump restored in clusters whose transaction ids are lower ------------------------------------------------------

my @clusters = map { Cluster->new(fsync => 'off')->init->start } 1 .. 3;
my ($first, $second, $third) = map { $_->at } @clusters;
sub burn {
    psql($_[0], "DO \$\$ BEGIN FOR i IN 1 .. $_[1] LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END \$\$");
    return;
}
sub events {
    my ($at, $kind) = @_;
    psql($at, "INSERT INTO crm.event (contact_id, kind) SELECT contact_id, '$kind' FROM crm.contact");
    return;
}
sub taken {
    my ($at, $consumer, $max) = @_;
    return join ' ', split /\n/, psql($at, "SELECT contact_id || coalesce(kind::text, '')
            FROM contact_status.read_changes('crm', '$consumer', $max) WHERE list_id IS NULL");
}
sub move {
    my ($from, $to) = @_;
    my $dir = File::Temp->newdir;
    system("pg_dump -d '$from' -f '$dir/dump' && psql -X -q -v ON_ERROR_STOP=1 -d '$to' -f '$dir/dump' >/dev/null") == 0
        or die "no dump\n";
    return;
}
psql($first, <<'SQL');
CREATE EXTENSION contact_status;
SELECT contact_status.create_tables('crm');
SELECT contact_status.add_change_feed('crm');
INSERT INTO crm.contact (email) VALUES ('a@example.org'), ('b@example.org');
SQL
burn($first, 3000);
events($first, 'suspended');
is(taken($first, 'a', 1), '1suspended', 'the first cluster: one of two is read');
move($first, $second);
events($second, 'released');
is(taken($second, 'a', 1), '2suspended', 'the second: the other comes first');
is(taken($second, 'a', 1), '1released', 'then what the second wrote, under lower transaction ids');
is(taken($second, 'b', 10), '1suspended 2suspended 1released 2released', 'a new consumer gets all of it');
move($second, $third);
burn($third, 6000);
events($third, 'deleted');
is(taken($third, 'a', 10), '2released 1deleted 2deleted', 'the third: what was not read in the second, then its own');
is(taken($third, 'b', 10), '1deleted 2deleted', 'for the other consumer its own only');
events($third, 'restored');
is(taken($third, $_, 10), '1restored 2restored', "$_ goes on") for 'a', 'b';
is(taken($third, $_, 10), '', "$_ gets nothing twice") for 'a', 'b';
is(psql($third, "SELECT contact_status.forget_changes('crm')"), "8\n", 'all may go');
is(psql($third, q{SELECT * FROM contact_status.verify('crm')}), '', 'verify finds nothing');
# notifications: one for a transaction, with the schema; and no transaction with one can be prepared
psql($third,
    "SELECT contact_status.create_tables('noted'); SELECT contact_status.add_change_feed('noted', notify => true);
        INSERT INTO noted.contact (email) VALUES ('a\@example.org')");
my $changes = "BEGIN; INSERT INTO noted.event (contact_id, list_id, kind) VALUES (1, 1, 'added');
    INSERT INTO noted.event (contact_id, kind) VALUES (1, '%s');";
my @told = psql($third, 'LISTEN status_change;' . sprintf($changes, 'complained')
    . 'COMMIT; SELECT 1') =~ /notification "(.*?)" with payload "(.*?)"/g;
is("@told", 'status_change noted', 'a transaction notifies once, with the schema');
is(psql($third, q{LISTEN status_change; INSERT INTO noted.event (contact_id, kind) VALUES (1, 'opened'); SELECT 1}),
    "1\n", 'an event that changes no status does not');
is(Restore::sqlstate($third, sprintf($changes, 'deleted') . "PREPARE TRANSACTION 'x'"), '0A000',
    'such a transaction cannot be prepared');
$_->stop for @clusters;
done_testing;
