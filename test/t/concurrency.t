# Many sessions on few contacts, in all isolation levels, for a while: no effect is lost, none counted twice, no deadlock.
#
#   CLIENTS   how many record events (16)
#   SECONDS   for how long (20)
#   SEED      of what they do; the order in which they come stays chance
#
# Each statement is a transaction of its own, or the only one of its kind in a transaction, and the events of different
# clients differ, but for those that several bring with ON CONFLICT DO NOTHING, ordered by their key. So nothing but a
# defect makes a deadlock. Beside the clients, settings change, sweeps run, and verify looks on.
use strict;
use warnings;
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/../lib";
use List::Util qw(sum0);
use POSIX ();
use Session;
use Test::More;
use Time::HiRes qw(time sleep);

my $clients = $ENV{CLIENTS} || 16;
my $seconds = $ENV{SECONDS} || 20;
my $seed    = $ENV{SEED}    || time * 1000 % 1_000_000;

# --- The world --------------------------------------------------------------------------------------------------------

# Contacts as [account, contact]. Nobody deletes the lasting ones, so that an event of theirs may not be refused.
my @lasting   = ((map { [ 1, $_ ] } 1 .. 20), (map { [ 2, $_ ] } 1 .. 10));
my @deletable = map { [ 1, $_ ] } 31 .. 40;
my @contacts  = (@lasting, @deletable);
my @levels    = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');

my @kinds = qw(signed_up added confirmed resubscribed released restored validated sent delivered opened clicked visited
    soft_bounced blocked hard_bounced nonexistent invalidated suspended removed unsubscribed complained deleted);
my %place = map { $kinds[$_] => $_ } 0 .. $#kinds;
my %of_a_list = map { $_ => 1 } qw(signed_up added confirmed resubscribed removed);

# Errors and deliveries most often, as in life; what lasts for good seldom.
my %weight = (
    (map { $_ => 8 } qw(delivered soft_bounced sent)), (map { $_ => 3 } qw(opened clicked blocked hard_bounced added signed_up)),
    (map { $_ => 2 } qw(confirmed resubscribed unsubscribed removed validated suspended released)));
my @weighted = map { my $kind = $_; ($kind) x ($weight{$kind} // 1) } @kinds;

my %settings = (
    import_consent            => [ "'subscribed'", "'by_list'" ],
    double_opt_in             => [qw(true false)],
    soft_bounce_limit         => [qw(NULL 1 2 3 4)],
    soft_bounces_per_campaign => [qw(NULL 1 2)],
    soft_bounce_window        => [ 'NULL', "interval '30 milliseconds'" ],
    soft_bounce_outcome       => [ "'failing'", "'hard_bounced'" ],
    blocked_counts            => [qw(true false)],
    hard_bounce_limit         => [qw(NULL 1 2 3)],
    unresponsive_campaigns    => [qw(NULL 2 4)],
    unresponsive_after        => [ 'NULL', "interval '40 milliseconds'" ],
    unsubscribe_scope         => [ "'list'", "'account'" ],
    resubscribe               => [ "'never'", "'confirmed'" ],
);
my @policies = qw(default salesmanago activecampaign ecomail emailmanager own);

sub pick    { return $_[ int rand @_ ] }
sub chance  { return rand() < $_[0] }
sub between { my ($low, $high) = @_; return $low + int rand($high - $low + 1) }

sub timestamp {
    my ($microseconds) = @_;
    return POSIX::strftime('%Y-%m-%d %H:%M:%S', gmtime int($microseconds / 1_000_000))
        . sprintf('.%06d+00', $microseconds % 1_000_000);
}

# Around a time, to the millisecond so that some meet, and now and then late.
sub around {
    my ($time) = @_;
    my $milliseconds = int($time * 1000) + between(-20, 20);
    $milliseconds -= between(50, 3000) if chance(0.1);
    return $milliseconds * 1000;
}

sub random_event {
    my ($key, $contact, $at) = @_;
    my $kind  = pick(@weighted);
    # a complaint is for good, and some policies refuse its address when the contact comes again
    $kind = 'delivered' if $kind eq 'complained' && ($contact->[1] > 30 || chance(0.9));
    my %event = (account => $contact->[0], contact => $contact->[1], kind => $kind, at => $at, key => $key);
    $event{list}     = between(1, 3) if $of_a_list{$kind} || $kind eq 'unsubscribed' && chance(0.5);
    $event{campaign} = between(1, 4) if $kind eq 'sent' || chance(0.7);
    $event{evidence} = 'they asked' if $kind eq 'resubscribed';
    $event{until}    = $at + between(1, 40) * 1000 if $kind eq 'suspended' && chance(0.7);
    return \%event;
}

# As the unique key has it, and so as the events of several clients must be inserted.
sub by_key {
    my ($left, $right) = @_;
    return $left->{account} <=> $right->{account} || $left->{contact} <=> $right->{contact} || $left->{at} <=> $right->{at}
        || $place{ $left->{kind} } <=> $place{ $right->{kind} } || ($left->{list} // 0) <=> ($right->{list} // 0)
        || ($left->{campaign} // 0) <=> ($right->{campaign} // 0) || $left->{key} cmp $right->{key};
}

sub insert {
    my (@events) = @_;
    my @rows;
    for my $event (@events) {
        my @values = map { defined $event->{$_} ? $event->{$_} : 'NULL' } qw(account contact list campaign);
        my @texts = map { defined $_ ? "'$_'" : 'NULL' } $event->{kind}, timestamp($event->{at}), $event->{key},
            $event->{evidence}, defined $event->{until} ? timestamp($event->{until}) : undef;
        push @rows, '(' . join(', ', @values, @texts) . ')';
    }
    return 'INSERT INTO crm.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at, event_key, evidence, until) VALUES '
        . join(', ', @rows);
}

# Events that several clients bring, each at about its time: number n is the same for all.
my $begin = time;
srand $seed;
my $shared = 60 * $seconds;
my @shared = map { random_event("shared $_", pick(@contacts), around($begin + $seconds * $_ / $shared)) } 1 .. $shared;

# --- What the sessions do ---------------------------------------------------------------------------------------------

my $end      = $begin + $seconds;
my $changing = $begin + $seconds * 0.6;    # until then settings change; then contacts are replaced in one transaction
my $dir      = File::Temp->newdir;

# Does what the given function does again and again, in a process of its own; afterwards the counts of what happened are
# in a file, and the keys of the events that were recorded, refused or found recorded.
my @processes;

sub in_a_process {
    my ($name, $work) = @_;
    my $pid = fork // die "fork: $!\n";
    if ($pid) {
        push @processes, { name => $name, pid => $pid };
        return;
    }
    my $me = { name => $name, counts => {}, keys => [], session => Session->new };
    srand $seed + 1 + @processes;
    eval { $work->($me); $me->{session}->close; 1 } or $me->{counts}{"failed: $@"}++;
    open my $report, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $report join("\t", 'count', $_, $me->{counts}{$_} =~ s/\n/ /gr), "\n" for map { s/\n/ /gr } keys %{ $me->{counts} };
    print $report join("\t", 'key', @$_), "\n" for @{ $me->{keys} };
    close $report;
    POSIX::_exit(0);
}

# A transaction around one statement that counts, in some isolation level, tried again where it could not be serialized.
# Returns the SQLSTATE, and the statement's message or value. `refusable`: it may meet a contact that was just deleted.
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
        if ($state eq '00000') {
            $me->{counts}{$level}++;
        }
        elsif ($state eq '23503' && $args{refusable} && $said =~ /^contact 3[1-9] of|^contact 40 of/) {
            $me->{counts}{'refused: contact deleted'}++;
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
        refusable => (grep { my $e = $_; $e->{account} == 1 && $e->{contact} > 30 } @events) > 0,
    );
    $me->{counts}{$what}++ if $state eq '00000';
    push @{ $me->{keys} }, map { [ $on_conflict ? 'shared' : $state eq '00000' ? 'recorded' : 'refused', $_->{key} ] }
        grep { !$on_conflict || $state eq '00000' } @events;
}

sub key_of { my ($contact) = @_; return "(account_id, contact_id) = ($contact->[0], $contact->[1])" }

sub insert_contact {
    my ($contact) = @_;
    return "INSERT INTO crm.contact (account_id, contact_id, email) VALUES "
        . "($contact->[0], $contact->[1], 'c$contact->[1]." . between(1, 3) . "\@example.org') ON CONFLICT DO NOTHING";
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
            'UPDATE crm.subscription SET touched = touched + 1 WHERE list_id = ' . between(1, 3) . ' AND ' . key_of(pick(@contacts)));
    },
    delete_contact => sub {
        my ($me)    = @_;
        my $contact = pick(@deletable);
        my ($state) = transaction($me, what => 'delete', statement => 'DELETE FROM crm.contact WHERE ' . key_of($contact));
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
    'delete_contact', 'replace_contact');

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
        my $account = between(1, 2);
        my $setting = pick(sort keys %settings);
        my $change  = pick(
            "UPDATE crm.policy SET $setting = " . pick(@{ $settings{$setting} }) . " WHERE name = 'own'",
            "UPDATE crm.account SET policy = '" . pick(@policies) . "' WHERE account_id = $account",
            "UPDATE crm.list SET double_opt_in = " . pick(qw(NULL true false)) . " WHERE (account_id, list_id) = ($account, " . between(1, 3) . ')',
        );
        my ($state) = transaction($me, what => 'change', alone => 0, before => [$change],
            statement => "SELECT contact_status.reevaluate('crm')");
        $me->{counts}{'settings changed'}++ if $state eq '00000';
        sleep rand 0.4;
    }
    open my $flag, '>', "$dir/settled" or die "$dir/settled: $!\n";
}

sub sweep {
    my ($me) = @_;
    while (time < $end) {
        my ($state, $swept) = transaction($me, what => 'sweep', statement => "SELECT contact_status.sweep('crm') AS swept", value => 'swept');
        $me->{counts}{'changed by sweeps'} += $swept if $state eq '00000';
        sleep rand 0.02;
    }
}

my $verify = q{SELECT count(*) || coalesce(': ' || (array_agg(to_jsonb(v)))[1]::text, '') AS differences FROM contact_status.verify('crm') v};

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
my @setup   = (
    'CREATE EXTENSION contact_status',
    "SELECT contact_status.create_tables('crm')",
    'ALTER TABLE crm.contact ADD COLUMN touched bigint NOT NULL DEFAULT 0',
    'ALTER TABLE crm.subscription ADD COLUMN touched bigint NOT NULL DEFAULT 0',
    "INSERT INTO crm.policy (name, soft_bounce_limit) VALUES ('own', 3)",
    "INSERT INTO crm.account (account_id, policy) VALUES (2, 'own')",
    'INSERT INTO crm.list (account_id, list_id, double_opt_in) VALUES (1, 2, true), (1, 3, false), (2, 1, NULL), (2, 2, true), (2, 3, false)',
    map { insert_contact($_) } @contacts,
);
$session->must(@setup);

note("$clients clients, $seconds seconds, seed $seed");
in_a_process("client $_", \&client) for 1 .. $clients;
in_a_process('settings',  \&change_settings);
in_a_process('sweeper',   \&sweep);
in_a_process('onlooker',  \&look_on);
waitpid $_->{pid}, 0 for @processes;

my (%counts, %keys, %touched);
for my $process (@processes) {
    open my $report, '<', "$dir/$process->{name}" or next;
    $counts{reports}++;
    while (<$report>) {
        chomp;
        my ($what, $first, $second) = split /\t/;
        if ($what eq 'count') { $counts{$first} += $second }
        elsif ($first eq 'touched') { $touched{$second}++ }
        else                        { $keys{$second} = $first }
    }
}
note(join "\n", map { "$_: $counts{$_}" } sort keys %counts);

is($counts{reports}, @processes, 'every session came to its end');
my @unexpected = grep { /^(?:unexpected|failed)/ } sort keys %counts;
is("@unexpected", '', 'no deadlock, and no error but those that are to be retried, and events of contacts just deleted');
my @found = grep { /^verify found/ } sort keys %counts;
is("@found", '', 'verify found nothing in any snapshot beside the writers');
my @idle = grep { !$counts{$_} } @levels, map({ "retried in $_" } @levels[ 1, 2 ]), 'single events', 'batches of eight',
    'batches with repetitions', 'contacts deleted', 'contacts replaced in one transaction', 'refused: contact deleted',
    'settings changed', 'changed by sweeps', 'looks of verify';
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
                              WHERE (s.account_id, s.contact_id) = (c.account_id, c.contact_id)), status)} =~ s/\n\s*/ /gr),
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
is($session->value('SELECT count(*) FROM acknowledged WHERE key NOT IN (SELECT event_key FROM crm.event)'), 0,
    'each acknowledged event is in the log');
is($session->value(q{SELECT count(*) FROM crm.event WHERE event_key NOT IN (SELECT key FROM acknowledged)
    AND source IS DISTINCT FROM 'suppression'} =~ s/\n\s*/ /gr), 0, 'and no other one');
is($session->value('SELECT sum(touched) FROM crm.contact'), sum0(values %touched), q(no change of the application's own column is lost));

$session->close;
done_testing;
