# Many sessions on few contacts, in all isolation levels, for a while: no effect is lost, none counted twice, no
# deadlock.
#
#   CLIENTS   how many record events (16)
#   SECONDS   for how long (20)
#   SEED      of what they do; the order in which they come stays chance
#
# Each statement is a transaction of its own, or the only one of its kind in a transaction, and the events of different
# clients differ, but for those that several bring with ON CONFLICT DO NOTHING, ordered by their key. So statements that
# only insert events do not deadlock with each other. The statements that lock a contact or an address before its
# trigger knows what else it needs can: changes of an address, deletions, imports, suppressions, retractions and changes
# of settings. Their caller retries, as docs/promises.md says. Concurrently, settings change, sweeps run, and verify
# looks on.
use strict;
use warnings;
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/../lib";
use Concurrent qw(in_a_process told);
use List::Util qw(sum0);
use Load;
use Session;
use Test::More;
use Time::HiRes qw(time sleep);

my $clients = $ENV{CLIENTS} || 16;
my $seconds = $ENV{SECONDS} || 20;
my $seed    = $ENV{SEED}    || time * 1000 % 1_000_000;

# --- The world --------------------------------------------------------------------------------------------------------

# Events that several clients bring, each at about its time: number n is the same for all.
my $begin = time;
srand $seed;
my $shared = 60 * $seconds;
my @shared = map { random_event("shared $_", pick(@contacts), around($begin + $seconds * $_ / $shared)) } 1 .. $shared;

# --- What the sessions do ---------------------------------------------------------------------------------------------

my $end      = $begin + $seconds;
my $changing = $begin + $seconds * 0.6;    # until then settings change; then contacts are replaced in one transaction
my $dir      = File::Temp->newdir;

# A transaction around one statement that counts, in some isolation level, tried again where it could not be serialized.
# Returns the SQLSTATE, and the statement's message or value.
sub transaction {
    my ($me, %args) = @_;
    my $session = $me->{session};
    for (1 .. 1000) {
        my $level = $args{level} // pick(@levels);
        my ($state, $said, $at_commit);
        if ($args{alone} // chance(0.5)) {
            $session->do("SET default_transaction_isolation = '$level'");
            ($state, $said) = $session->do($args{statement}, $args{value});
        }
        else {
            # the snapshot is taken a while before
            $session->do("BEGIN ISOLATION LEVEL $level");
            $session->do('SELECT 1');
            sleep rand 0.005 if chance(0.5);
            $state = '00000';
            for my $statement (@{ $args{before} // [] }, $args{statement}) {
                ($state, $said) = $session->do($statement, $statement eq $args{statement} ? $args{value} : undef);
                last if $state ne '00000';
            }
            sleep rand 0.005 if chance(0.2);
            ($at_commit) = $session->do('COMMIT');
            ($state, $said) = ($at_commit, 'at COMMIT') if $state eq '00000' && $at_commit ne '00000';
        }
        if ($state eq '40001') {
            $me->{counts}{"retried in $level"}++;
            next;
        }
        if ($state eq '40P01') {
            $me->{counts}{"deadlock: $args{what}"}++;
            next;
        }
        if ($state eq '00000') {
            $me->{counts}{$level}++;
        }
        elsif ($state eq '23514' && $said =~ /has an address with a complaint/) {
            $me->{counts}{'refused: address of who complained'}++;
        }
        else {
            $me->{counts}{"unexpected: $state $said ($args{what})" =~ s/\b(contact|list) \d+/a $1/gr}++;
        }
        return ($state, $said);
    }
    $me->{counts}{"unexpected: tried in vain a thousand times ($args{what})"}++;
    return ('40001', '');
}

my $number = 0;

sub new_event {
    my ($me) = @_;
    return random_event("$me->{name} " . ++$number, pick(@contacts), around(time));
}

sub record_events {
    my ($me, $what, $on_conflict, @events) = @_;
    my ($state) = transaction(
        $me,
        what      => $what,
        statement => insert(@events) . $on_conflict,
    );
    $me->{counts}{$what}++ if $state eq '00000';
    push @{ $me->{keys} }, map { [ $on_conflict ? 'shared' : $state eq '00000' ? 'recorded' : 'refused', $_->{key} ] }
        grep { !$on_conflict || $state eq '00000' } @events;
}

my %client_work = (
    single => sub { my ($me) = @_; record_events($me, 'single events', '', new_event($me)) },
    batch  => sub { my ($me) = @_; record_events($me, 'batches of eight', '', map { new_event($me) } 1 .. 8) },
    # what several bring at about the same time, some of it twice
    redelivery => sub {
        my ($me) = @_;
        my $first = int((time - $begin) / $seconds * @shared) - between(0, 12);
        my @events = grep { defined } @shared[ map { $_ < 0 ? 0 : $_ } $first .. $first + between(0, 11) ];
        @events = sort { by_key($a, $b) } @events, grep { chance(0.3) } @events;
        record_events($me, 'batches with repetitions', ' ON CONFLICT DO NOTHING', @events) if @events;
    },
    touch => sub {
        my ($me)    = @_;
        my $contact = pick(@lasting);
        my ($state) = transaction($me, what => 'own column of contact',
            statement => 'UPDATE crm.contact SET touched = touched + 1 WHERE ' . key_of($contact));
        push @{ $me->{keys} }, [ 'touched', join ' ', @$contact ] if $state eq '00000';
    },
    touch_subscription => sub {
        my ($me) = @_;
        transaction($me, what => 'own column of subscription', statement =>
            'UPDATE crm.subscription SET touched = touched + 1 WHERE list_id = ' . between(1, 3) . ' AND '
                . key_of(pick(@contacts)));
    },
    change_address => sub {
        my ($me) = @_;
        my ($state) = transaction($me, what => 'change of address', statement => change_address(pick(@contacts)));
        $me->{counts}{'addresses changed'}++ if $state eq '00000';
    },
    import => sub {
        my ($me) = @_;
        $me->{session}->must(
            'CREATE TEMPORARY TABLE IF NOT EXISTS staging (email text, occurred_at timestamptz, status text)',
            'TRUNCATE staging', import_rows());
        my ($state) = transaction($me, what => 'import',
            statement => "SELECT count(*) FROM contact_status.import_contacts('crm', 1, " . between(1, 3)
                . ", 'staging')");
        $me->{counts}{'imports'}++ if $state eq '00000';
    },
    leave => sub {
        my ($me) = @_;
        transaction($me, what => 'delete of an imported contact',
            statement => "DELETE FROM crm.contact WHERE account_id = 1 AND email = 'i" . between(1, 12)
                . "\@example.org'");
    },
    suppress => sub {
        my ($me) = @_;
        my ($state) = transaction($me, what => 'suppress', statement => suppress());
        $me->{counts}{'addresses suppressed'}++ if $state eq '00000';
    },
    retract => sub {
        my ($me) = @_;
        my ($state) = transaction($me, what => 'retract', statement => retract());
        $me->{counts}{'retractions and their undoing'}++ if $state eq '00000';
    },
    delete_contact => sub {
        my ($me)    = @_;
        my $contact = pick(@deletable);
        my ($state) = transaction($me, what => 'delete',
            statement => 'DELETE FROM crm.contact WHERE ' . key_of($contact));
        $me->{counts}{'contacts deleted'}++ if $state eq '00000';
        sleep rand 0.02;
        transaction($me, what => 'insert', statement => insert_contact($contact));
    },
    replace_contact => sub {
        my ($me) = @_;
        return unless -e "$dir/settled";
        my $contact = pick(@deletable);
        my ($state) = transaction($me, what => 'replace', alone => 0,
            before => [ 'DELETE FROM crm.contact WHERE ' . key_of($contact) ], statement => insert_contact($contact));
        $me->{counts}{'contacts replaced in one transaction'}++ if $state eq '00000';
    },
);
my @client_work = (('single') x 40, ('batch') x 10, ('redelivery') x 12, ('touch') x 4, ('touch_subscription') x 2,
    'delete_contact', 'replace_contact', ('change_address') x 2, ('import') x 2, 'leave', 'suppress', 'retract');

sub client {
    my ($me) = @_;
    while (time < $end) {
        $client_work{ pick(@client_work) }->($me);
    }
}

# Settings, and what follows from them in the same transaction: so verify must find nothing at any time.
sub change_settings {
    my ($me) = @_;
    while (time < $changing) {
        my ($state) = transaction($me, what => 'change', alone => 0, before => [ change_setting() ],
            statement => "SELECT contact_status.reevaluate('crm')");
        $me->{counts}{'settings changed'}++ if $state eq '00000';
        sleep rand 0.4;
    }
    open my $flag, '>', "$dir/settled" or die "$dir/settled: $!\n";
}

sub sweep {
    my ($me) = @_;
    while (time < $end) {
        my ($state, $swept) = transaction($me, what => 'sweep',
            statement => "SELECT contact_status.sweep('crm') AS swept", value => 'swept');
        $me->{counts}{'changed by sweeps'} += $swept if $state eq '00000';
        sleep rand 0.02;
    }
}

my $verify = q{SELECT count(*) || coalesce(': ' || (array_agg(to_jsonb(v)))[1]::text, '') AS differences
    FROM contact_status.verify('crm') v};

# Not in SERIALIZABLE: the server keeps what all others read there while a long transaction runs, until memory is short.
sub look_on {
    my ($me) = @_;
    while (time < $end) {
        my ($state, $differences) = transaction($me, what => 'verify', statement => $verify, value => 'differences',
            level => pick(@levels[ 0, 1 ]));
        $me->{counts}{"verify found: $differences"}++ if $state eq '00000' && $differences ne '0';
        $me->{counts}{'looks of verify'}++ if $state eq '00000';
        sleep rand 0.5;
    }
}

# --- The test ---------------------------------------------------------------------------------------------------------

my $session = Session->new;
$session->must(world());

note("$clients clients, $seconds seconds, seed $seed");
in_a_process("client $_", \&client) for 1 .. $clients;
in_a_process('settings',  \&change_settings);
in_a_process('sweeper',   \&sweep);
in_a_process('onlooker',  \&look_on);
my ($counted, $told) = told();
my %counts = %$counted;
my (%keys, %touched);
for (@$told) {
    my ($what, $key) = @$_;
    if ($what eq 'touched') { $touched{$key}++ }
    else                    { $keys{$key} = $what }
}
note(join "\n", map { "$_: $counts{$_}" } sort keys %counts);
note('often: ', sum0(@counts{@levels}), ' transactions');

my @unexpected = grep { /^(?:unexpected|failed)/ } sort keys %counts;
is("@unexpected", '',
    'every session came to its end, with no error but those that are to be retried');
my $deadlocked = sum0(@counts{ grep { /^deadlock/ } keys %counts });
cmp_ok($deadlocked, '<=', 0.005 * sum0(@counts{@levels}), 'deadlocks are rare: at most one statement in two hundred');
my @found = grep { /^verify found/ } sort keys %counts;
is("@found", '', 'verify found nothing in any snapshot beside the writers');
my @idle = grep { !$counts{$_} } @levels, map({ "retried in $_" } @levels[ 1, 2 ]), 'single events', 'batches of eight',
    'batches with repetitions', 'contacts deleted', 'contacts replaced in one transaction',
    'settings changed', 'changed by sweeps', 'looks of verify', 'addresses changed', 'imports', 'addresses suppressed',
    'retractions and their undoing';
is("@idle", '', 'everything happened that was to be tried');

# Whatever was suspended for a moment, it is over now.
sleep 0.2;
$session->do('SET default_transaction_isolation = DEFAULT');
$session->value("SELECT contact_status.sweep('crm')");
is($session->value("SELECT contact_status.sweep('crm')"), 0, 'nothing is left to sweep');
is(($session->do($verify, 'differences'))[1], 0, 'verify finds nothing');
is($session->value("SELECT contact_status.reevaluate('crm')"), 0, 'folded anew, every contact is as it is stored');
is($session->value(q{SELECT count(*) FROM crm.contact AS c
    WHERE status <> coalesce((SELECT min(s.status) FROM crm.subscription AS s
                              WHERE (s.account_id, s.contact_id) = (c.account_id, c.contact_id)),
                             status)} =~ s/\n\s*/ /gr),
    0, 'each contact has the best status of its subscriptions');

# An acknowledged event is in the log, a refused one is not.
my @recorded = sort grep { $keys{$_} ne 'refused' } keys %keys;
my $file = "$dir/keys";
open my $out, '>', $file or die "$file: $!\n";
print $out "$_\n" for @recorded;
close $out;
$session->must('CREATE TEMPORARY TABLE acknowledged (key text)');
$session->meta("\\copy acknowledged FROM '$file'");
is($session->value('SELECT count(*) FROM acknowledged'), scalar @recorded, 'the acknowledged events are at hand');
is($session->value(
        'SELECT count(*) FROM (SELECT key FROM acknowledged EXCEPT SELECT event_key FROM crm.event) AS lost'), 0,
    'each acknowledged event is in the log');
is($session->value(q{SELECT count(*) FROM (SELECT event_key FROM crm.event
    WHERE coalesce(source NOT IN ('suppression', 'import', 'elsewhere'),
        true) EXCEPT SELECT key FROM acknowledged) AS more} =~ s/\n\s*/ /gr),
    0, 'and no other one');
is($session->value('SELECT sum(touched) FROM crm.contact'), sum0(values %touched),
    q(no change of the application's own column is lost));

$session->close;
done_testing;
