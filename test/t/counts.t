# Counts under load: many clients add, confirm, opt out, bounce, delete and re-add contacts over shared lists, while
# readers in REPEATABLE READ compare the counts with count(*) all along, and never find a difference.
#
#   CLIENTS   how many write (16)
#   SECONDS   for how long (15)
#   SEED      of what they do; the order in which they come stays chance
#
# Account 1 and 2 have no contact limit, account 3 has one, which `added` must not pass in any snapshot. Each statement
# that writes several contacts names them in the order of their ids, so that nothing but a defect makes a deadlock.
# Nobody sweeps in the first half: rows of counts must stay few without it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Concurrent qw(in_a_process told);
use Load qw(pick chance between);
use Session;
use Test::More;
use Time::HiRes qw(time sleep);

my $clients = $ENV{CLIENTS} || 16;
my $seconds = $ENV{SECONDS} || 15;
my $seed    = $ENV{SEED}    || time * 1000 % 1_000_000;
my $contacts = 120;    # of each account
my $limit    = 15;

# --- What the clients do ----------------------------------------------------------------------------------------------

my %evidence = (resubscribed => "'they asked'");
my %of_a_list = map { $_ => 1 } qw(added signed_up confirmed resubscribed removed);

# Each call has a key of its own, so that two of one microsecond are two events.
my $calls = 0;

sub events {
    my ($account, $ids, @kinds) = @_;
    my $key = "$$ " . ++$calls;
    my @rows;
    for my $id (sort { $a <=> $b } @$ids) {
        my $list = between(1, 3);    # one for the events of a contact, so that a confirmation meets its sign-up
        push @rows, map {
            "($account, $id, " . ($of_a_list{$_} || $_ eq 'unsubscribed' && chance(0.7) ? $list : 'NULL')
                . ", '$_', " . ($evidence{$_} // 'NULL') . ", '$key')"
        } ref $kinds[0] ? pick(@{ $kinds[0] }) : @kinds;
    }
    return 'INSERT INTO crm.event (account_id, contact_id, list_id, kind, evidence, event_key) VALUES '
        . join(', ', @rows);
}

my @lasting = 1 .. $contacts - 40;    # nobody deletes them, so that an event of theirs may not be refused
my @all     = 1 .. $contacts;

sub insert_contact {
    my ($account, $id) = @_;
    return "INSERT INTO crm.contact (account_id, contact_id, email) VALUES ($account, $id, 'c$id\@example.org')
        ON CONFLICT DO NOTHING";
}

# Each: what it is called, how often, and (account) -> statements, of one transaction.
my @work = (
    [ 'add',       20, sub { events($_[0], [ pick(@all) ], 'added') } ],
    [ 'confirm',   12, sub { events($_[0], [ pick(@all) ], 'signed_up', 'confirmed') } ],
    [ 'return',    12, sub { events($_[0], [ pick(@all) ], 'resubscribed') } ],
    [ 'opt out',   14, sub { events($_[0], [ pick(@all) ], 'unsubscribed') } ],
    [ 'bounce',    14,
        sub { events($_[0], [ pick(@all) ], [qw(soft_bounced soft_bounced hard_bounced nonexistent)]) } ],
    [ 'mend',      14, sub { events($_[0], [ pick(@all) ], [qw(delivered opened validated released restored)]) } ],
    [ 'hold',      6,  sub { events($_[0], [ pick(@all) ], [qw(suspended deleted removed)]) } ],
    [ 'batch',     6,  sub { my ($first, @ids) = between(1, 60); @ids = map { $first + $_ } 0 .. 9;
                             events($_[0], \@ids, [qw(added unsubscribed soft_bounced delivered suspended released
                                         removed resubscribed)]) } ],
    [ 'delete',    4,  sub { "DELETE FROM crm.contact WHERE account_id = $_[0] AND contact_id = "
            . between($contacts - 39, $contacts) } ],
    [ 're-add',    6,  sub { insert_contact($_[0], between($contacts - 39, $contacts)) } ],
    [ 'replace',   2,  sub { my $id = between($contacts - 39, $contacts);
                             ("DELETE FROM crm.contact WHERE account_id = $_[0] AND contact_id = $id",
                                 insert_contact($_[0], $id), events($_[0], [$id], 'added')) } ],
    [ 'savepoint', 4,  sub { my $id = pick(@lasting); my $kind = pick(qw(suspended unsubscribed nonexistent));
                             (events($_[0], [$id], 'validated'), 'SAVEPOINT s', events($_[0], [$id], $kind),
                                 'ROLLBACK TO s', events($_[0], [$id], 'released')) } ],
);
my @weighted = map { my $work = $_; ($work) x $work->[1] } @work;

my $begin = time;
my $end   = $begin + $seconds;

sub client {
    my ($session, $counts) = @{ $_[0] }{qw(session counts)};
    while (time < $end) {
        my ($name, undef, $statements) = @{ pick(@weighted) };
        my $account = pick(1, 1, 1, 2, 3);
        # of account 3 nobody may come to count but by `added`, and not in several statements, which could block each
        # other
        next if $account == 3 && $name !~ /^(?:add|opt out|bounce|delete|re-add)$/;
        my @statements = $statements->($account);
        my $level      = chance(0.8) ? 'READ COMMITTED' : 'REPEATABLE READ';
        my $in_block   = @statements > 1 || chance(0.3);
        $session->do($in_block ? "BEGIN ISOLATION LEVEL $level" : "SET default_transaction_isolation = '$level'");
        my ($state, $said) = ('00000', '');
        for my $statement (@statements) {
            ($state, $said) = $session->do($statement);
            last if $state ne '00000';
        }
        if ($in_block) {
            sleep rand 0.004 if chance(0.3);
            my ($at_commit) = $session->do($state eq '00000' && chance(0.05) ? 'ROLLBACK' : 'COMMIT');
            $state = $at_commit if $state eq '00000';
        }
        if    ($state eq '00000') { $counts->{$name}++; $counts->{transactions}++ }
        elsif ($state eq '40001') { $counts->{'not serializable'}++ }
        elsif ($state eq '53400' && $account == 3) { $counts->{'over the limit'}++ }
        else                                       { $counts->{"unexpected: $state $said ($name)"}++ }
    }
}

# Differences between the views and count(*), and accounts with a limit that is passed, in one snapshot.
my $differences = q{
    SELECT string_agg(concat_ws(' ', account_id, list_id, status, shown, 'for', really), ', ') FROM (
        SELECT account_id, list_id, status, sum(shown) AS shown, sum(really) AS really FROM (
            SELECT account_id, NULL::bigint AS list_id, status::text, contacts AS shown, 0 AS really
                FROM crm.account_status_count
            UNION ALL SELECT account_id, list_id, status::text, contacts, 0 FROM crm.list_status_count
            UNION ALL SELECT account_id, NULL, 'that count', active_contacts, 0 FROM crm.active_contacts
            UNION ALL SELECT account_id, NULL, status::text, 0, count(*) FROM crm.contact GROUP BY 1, 3
            UNION ALL SELECT account_id, list_id, status::text, 0, count(*) FROM crm.subscription GROUP BY 1, 2, 3
            UNION ALL SELECT account_id, NULL, 'that count', 0, count(*)
                FROM crm.contact WHERE status IN ('active', 'soft_bounced') GROUP BY 1) AS n
        GROUP BY 1, 2, 3
        UNION ALL SELECT account_id, NULL, 'over the limit', active_contacts, contact_limit
            FROM crm.active_contacts WHERE over_limit) AS compared
    WHERE shown <> really} =~ s/\s+/ /gr;

sub read_counts {
    my ($session, $counts) = @{ $_[0] }{qw(session counts)};
    $session->do('SET jit = off');    # to compile the query would take longer than to run it
    while (time < $end) {
        $session->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
        for (1 .. between(1, 4)) {
            my $found = $session->value($differences);
            $counts->{"differs: $found"}++ if $found ne '';
            $counts->{comparisons}++;
            sleep rand 0.05 if chance(0.5);
        }
        $session->do('COMMIT');
    }
}

sub look_on {
    my ($session, $counts) = @{ $_[0] }{qw(session counts)};
    while (time < $end) {
        my $found = $session->verified;
        $counts->{"verify found: $found"}++ if $found ne '';
        $counts->{'looks of verify'}++;
        sleep rand 0.5;
    }
}

# How many rows there are of status_count, and in the second half, sweeps and repairs of nothing.
sub keep_house {
    my ($session, $counts) = @{ $_[0] }{qw(session counts)};
    my $most = 0;
    while (time < $end) {
        my $rows = $session->value('SELECT count(*) FROM crm.status_count');
        $most = $rows if $rows > $most && time < $begin + $seconds / 2;
        if (time > $begin + $seconds / 2) {
            $session->do("SELECT contact_status.sweep('crm')");
            $counts->{sweeps}++;
        }
        sleep 0.1;
    }
    $counts->{'most rows'} = $most;
}

# --- The test ---------------------------------------------------------------------------------------------------------

my $session = Session->new;
for my $statement (
    'SET client_min_messages = warning', 'CREATE EXTENSION contact_status',
    "SELECT contact_status.create_tables('crm')",
    "INSERT INTO crm.account (account_id, policy, contact_limit) VALUES
        (2, 'emailmanager', NULL), (3, 'activecampaign', $limit)",
    'INSERT INTO crm.list (account_id, list_id, double_opt_in) VALUES (1, 2, true), (1, 3, false), (2, 1, NULL),
        (2, 2, true), (2, 3, false), (3, 1, NULL), (3, 2, false), (3, 3, false)',
    "INSERT INTO crm.contact (account_id, contact_id, email) SELECT a, i, format('c%s\@example.org', i)
        FROM generate_series(1, 3) AS a, generate_series(1, $contacts) AS i"
) {
    my ($state, $said) = $session->do($statement);
    BAIL_OUT("$state $said: $statement") if $state ne '00000';
}

note("$clients clients, $seconds seconds, seed $seed");
srand $seed;
in_a_process("client $_", \&client) for 1 .. $clients;
in_a_process("reader $_", \&read_counts) for 1 .. 2;
in_a_process('onlooker', \&look_on);
in_a_process('house',    \&keep_house);
my %counts = %{ (told())[0] };
note(join "\n", map { "$_: $counts{$_}" } sort keys %counts);

note("often: $counts{transactions} transactions, $counts{comparisons} comparisons");

my @unexpected = grep { /^(?:unexpected|failed)/ } sort keys %counts;
is("@unexpected", '',
    'every session came to its end, with no deadlock, and nothing refused but for the limit '
    . 'and an old snapshot');
my @differs = grep { /^differs/ } sort keys %counts;
is("@differs", '', 'in every snapshot the counts were what count(*) says, and no `added` passed the limit');
my @found = grep { /^verify found/ } sort keys %counts;
is("@found", '', 'verify found nothing beside the writers');
my @idle = grep { !$counts{$_} } map({ $_->[0] } @work), 'over the limit', 'not serializable',
    'comparisons',
    'looks of verify', 'sweeps';
is("@idle", '', 'everything happened that was to be tried');

my $written = $session->value("SELECT pg_stat_get_tuples_inserted('crm.status_count'::regclass)");
my $keys    = $session->value('SELECT count(*) FROM (SELECT DISTINCT account_id, list_id FROM crm.status_count) AS k');
my $rows    = $session->value('SELECT count(*) FROM crm.status_count');
note("$counts{transactions} transactions, $counts{comparisons} comparisons; $written rows of counts written, "
    . "at most $counts{'most rows'} at once without sweeps, "
    . "$rows at the end, of $keys counts");
# the rows of a list are merged by one call of 64 that write one: 64 rows of each, on average
cmp_ok($counts{'most rows'}, '<', 200 * $keys, 'rows of status_count stayed few without a sweep');
$session->do("SELECT contact_status.sweep('crm')") for 1 .. 5;
cmp_ok($session->value(
        'SELECT max(n) FROM (SELECT count(*) AS n FROM crm.status_count GROUP BY account_id, list_id) AS c'), '<=', 64,
    'and fewer with one');
is($session->value($differences), '', 'at the end the counts are right');
is($session->verified, '', 'at the end verify finds nothing');
done_testing();
