# Few addresses that wander between few contacts, with whatever is said of them at random: what is known of an address
# is known of whoever has it, and of whoever gets it.
#
#   STEPS     of each policy, one after the other, with a look by verify after each (120)
#   SECONDS   for how long several sessions do the same at once (8)
#   CLIENTS   how many they are (8)
#   SEED      of what they do
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Concurrent qw(in_a_process told);
use JSON::PP qw(decode_json);
use List::Util qw(sum0);
use Load;
use Session;
use Test::More;
use Time::HiRes qw(time sleep);
use lib "$FindBin::Bin/../reference";
use Reference;

my $steps   = $ENV{STEPS}   || 120;
my $seconds = $ENV{SECONDS} || 8;
my $clients = $ENV{CLIENTS} || 8;
my $seed    = $ENV{SEED}    || time * 1000 % 1_000_000;
my @tried   = qw(default ecomail emailmanager);

# --- What happens -----------------------------------------------------------------------------------------------------

sub address { return "'a" . between(1, 5) . "\@example.org'" }
sub contact { return between(1, 5) }
sub moment  { return "clock_timestamp() - interval '" . between(0, 20) . " ms'"
    . (chance(0.2) ? " - interval '" . between(1, 3000) . " ms'" : '') }

sub opt_out {
    my $kind = pick(qw(unsubscribed complained invalidated));
    return ($kind, $kind eq 'unsubscribed' && chance(0.6) ? between(1, 2) : 'NULL::bigint');
}

# Events of some contacts, as far as they are there, in the order of the ids.
sub record {
    my ($kind, $list, $more) = @_;
    my $contacts = join ', ', map { contact() } 1 .. pick(1, 1, 3);
    return 'INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, evidence, source) '
        . "SELECT contact_id, $list, '$kind', " . moment()
            . ", $more FROM crm.contact WHERE contact_id IN ($contacts) ORDER BY 1 ON CONFLICT DO NOTHING";
}

my %work = (
    'sign-up'      => sub { record(pick(qw(signed_up signed_up confirmed)), between(1, 2), 'NULL, NULL') },
    'contact inserted' => sub { 'INSERT INTO crm.contact (contact_id, email) VALUES (' . contact() . ', ' . address()
        . ') ON CONFLICT DO NOTHING' },
    'contact deleted'  => sub { 'DELETE FROM crm.contact WHERE contact_id = ' . contact() },
    'address changed'  => sub {
        my $address = address();
        return "UPDATE crm.contact SET email = $address WHERE contact_id = " . contact()
            . " AND NOT EXISTS (SELECT FROM crm.contact WHERE email = $address)";
    },
    'address suppressed' => sub {
        my ($kind, $list) = opt_out();
        my $which = chance(0.7) ? "suppress('crm', 1, " . address()
            : "suppress_all('crm', 1, ARRAY[" . join(', ', map { address() } 1 .. 3) . ']';
        return "SELECT contact_status.$which, '$kind', $list, " . moment() . ", 'file " . between(1, 2) . "')";
    },
    'suppressions retracted' => sub {
        return "SELECT * FROM contact_status.retract_suppressions('crm', 'a test', "
            . (chance(0.5) ? "source => 'file " . between(1, 2) . "')" : 'emails => ARRAY[' . address() . '])');
    },
    'opt-out'      => sub { record(opt_out(), 'NULL, NULL') },
    'delivery'     => sub { record(pick(qw(delivered opened soft_bounced hard_bounced nonexistent validated)),
            'NULL::bigint', 'NULL, NULL') },
    'consent'      => sub { record(pick(qw(added confirmed resubscribed)), between(1, 2), "'they asked', 'manual'") },
    'retraction'   => sub {
        return "SELECT * FROM contact_status.retract_events('crm', 'a test', kinds => '{" . (opt_out())[0] . "}', "
            . 'contact_ids => ARRAY[' . join(', ', map { contact() } 1 .. 2) . ']::bigint[])';
    },
    'undoing'      => sub {
        return 'SELECT u.*
            FROM (SELECT retraction_id FROM crm.retraction WHERE undone_at IS NULL ORDER BY random() LIMIT 1) AS r, '
            . "contact_status.undo_retraction('crm', r.retraction_id) AS u";
    },
    'erasure'      => sub { my $contact = contact();
        "SELECT contact_status.erase_contact('crm', 1, $contact) FROM crm.contact WHERE contact_id = $contact" },
);
my %weight = ('contact inserted' => 15, 'contact deleted' => 10, 'address changed' => 15, 'address suppressed' => 10,
    'opt-out' => 25,
    consent => 10, delivery => 12, 'sign-up' => 12, retraction => 7, 'suppressions retracted' => 5, undoing => 8,
    erasure => 3);
my @work = map { ($_) x $weight{$_} } sort keys %work;

# What a statement may end with: refused as the rules have it, or overtaken by others.
my %refusal = ('23514' => 'a rule', '23505' => 'an address taken', '23503' => 'a contact gone',
    '55000' => 'a contact erased');

my $session = Session->new;

sub begin {
    my ($policy) = @_;
    $session->must('DROP SCHEMA IF EXISTS crm CASCADE', "SELECT contact_status.create_tables('crm', '$policy')",
        "INSERT INTO crm.list (name) VALUES ('two')");
}

sub rows {
    my ($query) = @_;
    return decode_json($session->value(
            "SELECT coalesce(jsonb_agg(to_jsonb(ARRAY(SELECT v FROM jsonb_each(to_jsonb(r)) AS j (k, v) ORDER BY k))),
                '[]') FROM ($query) AS r (c1, c2, c3" . ($query =~ /event_key/ ? ', c4, c5, c6' : '') . ')'));
}

# The statuses of all contacts against the fold of their events and changes of address by the second implementation.
sub unlike_the_reference {
    my ($name) = @_;
    my $policy = Reference::builtin_policies()->{$name};
    my $settings = { (
            map { $_ => $policy->{$_} } qw(import_consent double_opt_in unsubscribe_scope resubscribe confirm_within)),
        list_double_opt_in => undef };
    my $micros = sub { "(extract(epoch FROM $_[0]) * 1000000)::bigint" };
    my (%events, @wrong);
    my $rows = rows("SELECT e.contact_id, e.kind::text, " . $micros->('e.occurred_at')
        . ", e.list_id, e.event_key, e.source
        FROM crm.event e JOIN crm.contact c USING (account_id, contact_id)
        WHERE e.retracted_at IS NULL AND (c.generation_start IS NULL OR e.recorded_at > c.generation_start)
        UNION ALL SELECT a.contact_id, 'address_changed', " . $micros->('a.changed_at') . ", NULL, '', NULL
        FROM crm.address_change a JOIN crm.contact c USING (account_id,
            contact_id) WHERE c.generation_start IS NULL OR a.changed_at > c.generation_start");
    for (@$rows) {
        my %event = (settings => $settings);
        @event{qw(contact_id kind occurred_at list_id event_key source)} = @$_;
        push @{ $events{ $event{contact_id} } }, \%event;
    }
    for (@{ rows('SELECT c.contact_id, c.status::text, ' . $micros->('clock_timestamp()') . ' FROM crm.contact c') }) {
        my ($contact, $status, $now) = @$_;
        my $expected = Reference::fold(policy => $policy, events => $events{$contact} // [], as_of => $now)->{status};
        push @wrong, "contact $contact is $status, not $expected" if $status ne $expected;
    }
    return join '; ', @wrong;
}

# --- One after the other ----------------------------------------------------------------------------------------------

srand $seed;
note("seed $seed");
$session->must('SET client_min_messages = warning', 'CREATE EXTENSION contact_status');
for my $policy (@tried) {
    my (%done, @last, $found);
    begin($policy);
    for (1 .. $steps) {
        my $what = pick(@work);
        my $statement = $work{$what}->();
        my ($state, $said) = $session->do($statement);
        push @last, "$statement; -- $state";
        $done{$what}++ if $state eq '00000';
        $found = $state eq '00000' || $refusal{$state} ? $session->verified : "$state $said";
        last if $found;
    }
    is($found, '', "$policy: verify finds nothing after any of $steps steps") or diag(join "\n", splice @last, -25);
    is(unlike_the_reference($policy), '', "$policy: the reference has the same statuses");
    note(join ', ', map { "$_: " . ($done{$_} // 0) } sort keys %work);
}

# --- At once ----------------------------------------------------------------------------------------------------------

begin('default');    # which refuses no address, so that they go on to wander
my $end = time + $seconds;

sub wander {
    my ($me) = @_;
    while (time < $end) {
        my $what = pick(@work);
        my $statement = $work{$what}->();
        my $level = pick(@levels);
        $me->{session}->do("SET default_transaction_isolation = '$level'");
        # who takes an address has made sure that nobody else does: in the unique index he would wait for others with
        # his contact locked
        my ($taken) = $statement =~ /^(?:INSERT INTO|UPDATE) crm\.contact .*?'a(\d)/;
        $me->{session}->do("SELECT pg_advisory_lock($taken)") if $taken;
        my ($state, $said) = $me->{session}->do($statement);
        while ($state eq '40P01') {    # the caller retries
            $me->{counts}{"deadlock: $what"}++;
            ($state, $said) = $me->{session}->do($statement);
        }
        $me->{session}->do("SELECT pg_advisory_unlock($taken)") if $taken;
        if    ($state eq '00000')    { $me->{counts}{$what}++ }
        elsif ($state eq '40001')    { $me->{counts}{"to be tried again in $level"}++ }
        elsif ($refusal{$state})     { $me->{counts}{"refused: $refusal{$state}"}++ }
        else                         { $me->{counts}{"unexpected: $state $said ($what)"
                =~ s/\b(contact|list) \d+/a $1/gr}++ }
    }
}

sub look_on {
    my ($me) = @_;
    while (time < $end) {
        my $found = $me->{session}->verified;
        $me->{counts}{"verify found: $found"}++ if $found;
        $me->{counts}{'looks of verify'}++;
        sleep rand 0.2;
    }
}

in_a_process("client $_", \&wander) for 1 .. $clients;
in_a_process('onlooker', \&look_on);
my ($counts) = told();
note(join "\n", map { "$_: $counts->{$_}" } sort keys %$counts);
note('often: ', sum0(@$counts{ keys %work }), ' statements');
is(join("\n", grep { /^(unexpected|failed)/ } sort keys %$counts), '',
    'no error but those that are to be tried again, and refusals');
is(join("\n", grep { /^verify found/ } sort keys %$counts), '',
    'verify found nothing in any snapshot beside the writers');
is(join(', ', grep { !$counts->{$_} } sort(keys %work), 'looks of verify'), '',
    'everything happened that was to be tried');
is($session->verified, '', 'verify finds nothing at the end');
# one in fifty, and three standard deviations more
my $rare = 0.02 * sum0(@$counts{ keys %work });
cmp_ok(sum0(@$counts{ grep { /^deadlock/ } keys %$counts }), '<=', $rare + 3 * sqrt($rare), 'deadlocks are rare');

$session->close;
done_testing;
