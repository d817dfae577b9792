#!/usr/bin/perl
# Random events in random order through the extension, and the same events through the reference: do they agree?
#
#   perl test/random.pl [--events N] [--seed S] [--policy NAME] [--plpgsql] [--dry-run] [--sql]
#
# N and S may also be given as EVENTS and SEED in the environment. psql connects as the environment says, to a database
# in which the extension is or can be created. Works in rounds: in each a new installation is made, with an account for
# each ready policy and for some invented ones; hundreds to thousands of events (random/Generate.pm) are recorded there
# in some order and manner (random/Arrival.pm); then every status, subscription and fact, the mailable contacts and the
# counts are compared with the reference, now and at later times. In some rounds settings change between the batches, in
# others horizons are set and old events dropped; some logs are in partitions.
#
# --plpgsql: not the extension's triggers, but those of bench/plpgsql.sql, with which the benchmark compares it.
# --dry-run: no server; what would be done is generated, checked for its shape, and described.
# --sql:     no server; prints the script of the first round.
#
# On a mismatch: the shortest contact concerned, its events in the order of the fold, what is stored and what was
# expected. The installation is left in the database. The same seed and number of events do the same again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/reference", "$FindBin::Bin/random";
use Getopt::Long;
use Time::HiRes ();
use Reference;
use Generate;
use Arrival;
use Server;

my %option = (events => $ENV{EVENTS} || 100_000, seed => defined $ENV{SEED} ? $ENV{SEED} : time % 1_000_000);
GetOptions(\%option, 'events=i', 'seed=i', 'policy=s', 'plpgsql', 'dry-run', 'sql') && !@ARGV
    or die "usage: see the head of $0\n";
$| = 1 unless $option{sql};
srand $option{seed};

my $no_server = $option{'dry-run'} || $option{sql};
say_("seed $option{seed}, $option{events} events");
Server::run("CREATE EXTENSION IF NOT EXISTS contact_status;\n") unless $no_server;

my ($round, $done, %seen) = (0, 0);
while ($done < $option{events}) {
    $round++;
    my $left   = $option{events} - $done;
    my $number = Generate::pick(500, 3_000, 10_000, 20_000);
    $number = $left if $number > $left;
    $done += round($round, $number);
}
describe() if $option{'dry-run'};
say_("ok: $done events in $round rounds");
exit 0;

sub say_ { print @_, "\n" unless $option{sql} }

# --- One round --------------------------------------------------------------------------------------------------------

sub round {
    my ($round, $number) = @_;
    my $begun    = Time::HiRes::time();
    my $schema   = "random_$option{seed}_$round";
    my $base     = $no_server ? time() * $Generate::SECOND
        : Server::value('SELECT ' . Server::micros('clock_timestamp()'));
    my $changing = Generate::chance(0.4);
    my $world    = Generate::world(base => $base, policy => $option{policy});
    Generate::fill($world, $number);
    # what a horizon keeps was judged by the settings of bounces as they were; the PL/pgSQL knows none
    my $horizons = !$changing && !$option{plpgsql} && Generate::chance(0.5);
    my $setup  = Arrival::setup_sql($world, $schema, $option{plpgsql}
        && Server::in_schema('bench/plpgsql.sql', $schema));
    my $script = Arrival::script($world, $schema, changing => $changing, horizons => $horizons,
        transactions => Generate::chance(0.6));
    my $zone   = Generate::pick(qw(UTC Europe/Prague America/New_York));
    my $load   = "SET timezone = '$zone';\n$setup$script->{sql}";
    $load .= 'SELECT ' . maintenance($schema, 'reevaluate') . ";\n" if $changing;
    if ($option{sql}) { print $load; exit 0 }

    my $count  = $script->{count};
    my $events = @{ $world->{events} };
    say_("round $round: $events events, $script->{order}, $count->{statements} statements ($count->{copies} COPY), ",
        "$count->{sent_again} sent again, $count->{rolled_back} rolled back, "
        . "$count->{changes} settings changed, $count->{horizons} horizons, $count->{replayed} replayed, $zone");
    my $round_world = { %$world, round => $round, schema => $schema, changing => $changing };
    my @later = later($round_world);
    if ($option{'dry-run'}) {
        rehearse($round_world, @later);
        return $events;
    }

    Server::run("DROP SCHEMA IF EXISTS $schema CASCADE;\n");
    Server::run($load);
    my $loaded = Time::HiRes::time();

    my $contacts = by_contact($round_world);
    my $expected = expected($round_world, $contacts, $base);
    my $mailable = mailable_expected($expected);
    compare($round_world, $contacts, 'mailable contacts, before a sweep', $mailable, mailable_stored($schema));
    Server::run('SELECT ' . maintenance($schema, sweep => 'clock_timestamp()') . ";\n");
    compare($round_world, $contacts, 'what is stored', $expected, stored($schema));
    fail_where($round_world, 'verify', "SELECT * FROM contact_status.verify('$schema')") unless $option{plpgsql};
    check_counts($round_world);
    my $passed = Server::value('SELECT ' . Server::micros('clock_timestamp()')) - $base;
    die "the round took too long: something may have fallen due within it\n" if $passed > 0.9 * $Generate::OFF;

    for my $later (@later) {
        my $then = Server::value("SELECT timestamptz 'epoch' + interval '1 microsecond' * $later");
        Server::run('SELECT ' . maintenance($schema, sweep => "'$then'") . ";\n");
        $expected = expected($round_world, $contacts, $later);
        compare($round_world, $contacts, "what is stored after a sweep as of $then", $expected, stored($schema));
    }

    Server::run("DROP SCHEMA $schema CASCADE;\n");
    say_(sprintf '  agreed: %.1f s to record, %.1f s to compare', $loaded - $begun, Time::HiRes::time() - $loaded);
    return $events;
}

# A call of sweep or reevaluate: the extension's, or of bench/plpgsql.sql.
sub maintenance {
    my ($schema, $function, @arguments) = @_;
    return "$schema.$function(" . join(', ', @arguments) . ')' if $option{plpgsql};
    return "contact_status.$function(" . join(', ', "'$schema'", @arguments) . ')';
}

# Some later times to look at, in order: such at which something may fall due that very moment.
sub later {
    my ($world) = @_;
    my (@released, @tired);
    for my $event (@{ $world->{events} }) {
        push @released, $event->{until} if defined $event->{until};
        my $after = $world->{policies}{ $world->{accounts}{ $event->{account_id} }{policy} }{unresponsive_after};
        push @tired, $event->{occurred_at} + $after if $event->{kind} eq 'sent' && defined $after;
    }
    my @later;
    for my $due (\@released, \@tired, \@tired) {
        my @due = grep { $_ > $world->{base} } @$due;
        push @later, Generate::pick(@due) if @due;
    }
    return sort { $a <=> $b } @later;
}

# --- What is expected -------------------------------------------------------------------------------------------------

# "account_id contact_id" => its events; contacts without events, too.
sub by_contact {
    my ($world) = @_;
    my %contacts;
    for my $id (keys %{ $world->{accounts} }) {
        $contacts{"$id $_"} = [] for 1 .. $world->{accounts}{$id}{contacts};
    }
    push @{ $contacts{"$_->{account_id} $_->{contact_id}"} }, $_ for @{ $world->{events} };
    return \%contacts;
}

sub policy_of {
    my ($world, $contact) = @_;
    my ($account_id) = split ' ', $contact;
    return $world->{accounts}{$account_id}{policy};
}

# Both sides of a comparison: contact => { what => text or undef }. An empty list and null are the same, so are '' and
# null where a request has no key.
sub expected {
    my ($world, $contacts, $as_of) = @_;
    my %expected;
    for my $contact (keys %$contacts) {
        my $policy = $world->{policies}{ policy_of($world, $contact) };
        my @events = map { defined $_->{judged_at}
            ? { %$_, occurred_at => $_->{judged_at}, dated_at => $_->{occurred_at} } : $_ }
            @{ $contacts->{$contact} };
        my $r = Reference::fold(policy => $policy, events => \@events, as_of => $as_of);
        my %is = (status => $r->{status}, monitored => $r->{monitored},
            events => scalar grep { !$_->{dropped} } @events);
        my $columns = $r->{columns};
        for (keys %$columns) {
            $is{$_} = ref $columns->{$_} ? list_text(@{ $columns->{$_} }) : $columns->{$_};
        }
        for my $list (keys %{ $r->{subscriptions} }) {
            my $subscription = $r->{subscriptions}{$list};
            $is{"list $list $_"} = $subscription->{$_} for keys %$subscription;
            $is{"list $list request_key"} = not_empty($subscription->{request_key});
        }
        $expected{$contact} = \%is;
    }
    return \%expected;
}

sub list_text { return not_empty(join ',', map { defined $_ ? $_ : 'null' } @_) }
sub not_empty { my ($text) = @_; return defined $text && $text ne '' ? $text : undef }

# The lists on which each contact may be mailed.
sub mailable_expected {
    my ($expected) = @_;
    my %mailable;
    for my $contact (keys %$expected) {
        my $is = $expected->{$contact};
        $mailable{$contact} = {
            map { ("mailable, $_" => 1) } grep { /^list \d+ status$/ && Reference::is_mailable($is->{$_}) } keys %$is
        };
    }
    return \%mailable;
}

# --- What is stored ---------------------------------------------------------------------------------------------------

sub stored {
    my ($schema) = @_;
    my @times = qw(hard_bounced_at unanswered_since suspended_at suspended_until complained_at deleted_at
        unsubscribed_at last_error_at lapsed_at);
    my @columns = (
        [ status             => 'c.status' ],
        [ monitored          => 'c.monitored::int' ],
        [ run_campaigns      => "array_to_string(c.run_campaigns, ',', 'null')" ],
        [ run_times          => Server::micros_of_array('c.run_times') ],
        [ hard_bounces       => 'coalesce(c.hard_bounces, 0)' ],
        [ hard_bounce_campaigns => "array_to_string(c.hard_bounce_campaigns, ',', 'null')" ],
        [ delivered_campaign => 'c.delivered_campaign' ],
        [ unanswered         => "array_to_string(c.unanswered, ',', 'null')" ],
        map { [ $_ => Server::micros("c.$_") ] } @times,
    );
    my %stored;
    my $values = join ', ', map { $_->[1] } @columns;
    for my $row (Server::rows("SELECT c.account_id, c.contact_id, $values FROM $schema.contact c")) {
        my ($account_id, $contact_id, @values) = @$row;
        my %is = map { $columns[$_][0] => not_empty($values[$_]) } 0 .. $#columns;
        $stored{"$account_id $contact_id"} = { %is, events => 0 };
    }
    my @facts = qw(status consent consent_at requested_at request_key);
    my $facts = join ', ', map { /_at$/ ? Server::micros($_) : $_ } @facts;
    for my $row (Server::rows("SELECT account_id, contact_id, list_id, $facts FROM $schema.subscription")) {
        my ($account_id, $contact_id, $list, @values) = @$row;
        $stored{"$account_id $contact_id"}{"list $list $facts[$_]"} = not_empty($values[$_]) for 0 .. $#facts;
    }
    for my $row (Server::rows("SELECT account_id, contact_id, count(*) FROM $schema.event GROUP BY 1, 2")) {
        $stored{"$row->[0] $row->[1]"}{events} = $row->[2];
    }
    return \%stored;
}

sub mailable_stored {
    my ($schema) = @_;
    my %mailable = map { ("$_->[0] $_->[1]" => {}) } Server::rows("SELECT account_id, contact_id FROM $schema.contact");
    for my $row (Server::rows("SELECT account_id, contact_id, list_id FROM $schema.mailable")) {
        $mailable{"$row->[0] $row->[1]"}{"mailable, list $row->[2] status"} = 1;
    }
    return \%mailable;
}

# Counts as shown against counts as they are.
sub check_counts {
    my ($world) = @_;
    my $schema = $world->{schema};
    my @views = (
        [ account_status_count => 'account_id', 'contact' ],
        [ list_status_count => 'account_id, list_id', 'subscription' ],
    );
    for my $view (@views) {
        my ($name, $keys, $table) = @$view;
        my $shown = "SELECT $keys, status, contacts FROM $schema.$name WHERE contacts <> 0";
        my $true  = "SELECT $keys, status, count(*) FROM $schema.$table GROUP BY $keys, status";
        fail_where($world, "$name, too much",   "($shown) EXCEPT ($true)");
        fail_where($world, "$name, too little", "($true) EXCEPT ($shown)");
    }
}

# Fails where a query has rows.
sub fail_where {
    my ($world, $what, $query) = @_;
    my @rows = Server::rows($query) or return;
    print "MISMATCH: seed $option{seed}, round $world->{round}, schema $world->{schema}: $what: ", scalar @rows,
        " rows\n";
    print '  ', join(' | ', map { defined $_ ? $_ : 'null' } @$_), "\n" for @rows[ 0 .. ($#rows < 9 ? $#rows : 9) ];
    exit 1;
}

# --- Comparing, and telling -------------------------------------------------------------------------------------------

sub differs {
    my ($x, $y) = @_;
    return defined $x || defined $y unless defined $x && defined $y;
    return $x ne $y;
}

# The names of what differs between two contacts.
sub differences {
    my ($expected, $stored) = @_;
    my %all = (%$expected, %$stored);
    my @names = sort grep { differs($expected->{$_}, $stored->{$_}) } keys %all;
    return @names;
}

sub compare {
    my ($world, $contacts, $what, $expected, $stored) = @_;
    my %all = (%$expected, %$stored);
    my @wrong = grep { differences($expected->{$_} || {}, $stored->{$_} || {}) } sort keys %all;
    return unless @wrong;
    my ($shortest) = sort { @{ $contacts->{$a} || [] } <=> @{ $contacts->{$b} || [] } || $a cmp $b } @wrong;
    print "MISMATCH: seed $option{seed}, $option{events} events, round $world->{round}, "
        . "schema $world->{schema}: $what: ",
        scalar @wrong, ' of ', scalar keys %all, " contacts\n";
    my %of;
    $of{ policy_of($world, $_) }++ for @wrong;
    print "by policy: ", join(', ', map { "$_ $of{$_}" } sort keys %of), "\n";
    show_contact($world, $shortest, $contacts->{$shortest} || [], $expected->{$shortest} || {},
        $stored->{$shortest} || {});
    exit 1;
}

# A time relative to the round's base: -1d 03:30:00.
sub relative {
    my ($world, $t) = @_;
    return 'null' unless defined $t;
    my $ago = $t - $world->{base};
    my ($sign, $abs) = ($ago < 0 ? '-' : '+', abs $ago);
    my ($seconds, $micros) = (int($abs / $Generate::SECOND), $abs % $Generate::SECOND);
    my $text = sprintf '%s%dd %02d:%02d:%02d', $sign, $seconds / 86400, $seconds / 3600 % 24, $seconds / 60 % 60,
        $seconds % 60;
    return $micros ? sprintf('%s.%06d', $text, $micros) : $text;
}

sub readable {
    my ($world, $what, $value) = @_;
    return 'null' unless defined $value;
    return join ', ', map { relative($world, $_) } split /,/, $value if $what =~ /_at$|_until$|_since$|run_times$/;
    return $value;
}

sub show_contact {
    my ($world, $contact, $events, $expected, $stored) = @_;
    my ($account_id, $contact_id) = split ' ', $contact;
    my $account = $world->{accounts}{$account_id};
    my $policy  = $world->{policies}{ $account->{policy} };
    my $say     = sub { my ($v) = @_; return !defined $v ? 'null' : ref $v ? "@$v" : $v };

    print "\naccount $account_id, contact $contact_id; policy $account->{policy}", $world->{changing}
        ? ', as it is at the end' : '', ":\n";
    for my $setting (sort keys %$policy) {
        my $value = $policy->{$setting};
        $value = $value / $Generate::HOUR . ' hours' if defined $value && $setting =~ /window$|after$/;
        print "  $setting = ", $say->($value), "\n";
    }
    print "lists: ",
        join(', ', map { "$_ double_opt_in " . $say->($account->{lists}{$_}) } sort keys %{ $account->{lists} }), "\n";

    print "\nevents in the order of the fold (times before now; # the statement that recorded it):\n";
    for my $e (Reference::sort_events(@$events)) {
        print '  ', relative($world, $e->{occurred_at}), "  $e->{kind}";
        for my $column (qw(list_id campaign_id event_key source until)) {
            my $value = not_empty($e->{$column});
            print "  $column ", $column eq 'until' ? relative($world, $value) : $value if defined $value;
        }
        print "  #$e->{statement}";
        my $settings = $e->{settings};
        print '  [', join(', ', map { "$_ " . $say->($settings->{$_}) } sort keys %$settings), ']'
            if $world->{changing} && $e->{kind} =~ /^(added|signed_up|resubscribed|unsubscribed)$/;
        print "\n";
    }
    printf "\n%-28s %-40s %s\n", '', 'expected', 'stored';
    my %wrong = map { $_ => 1 } differences($expected, $stored);
    for my $what (sort keys %{ { %$expected, %$stored } }) {
        next unless defined $expected->{$what} || defined $stored->{$what};
        my @both = map { readable($world, $what, $_->{$what}) } $expected, $stored;
        printf "%s %-26s %-40s %s\n", $wrong{$what} ? '!' : ' ', $what, @both;
    }
}

# --- Without a server -------------------------------------------------------------------------------------------------

# Checks what was generated, folds it, and gathers what came of it.
sub rehearse {
    my ($world, @later) = @_;
    my %identities;
    for my $event (@{ $world->{events} }) {
        my $why = Generate::misshapen($event, $world->{base});
        die "an event of the wrong shape ($why): " . Generate::identity($event) . "\n" if $why;
        die 'twice: ' . Generate::identity($event) . "\n"
            if !$event->{replayed} && $identities{ Generate::identity($event) }++;
        die 'never recorded: ' . Generate::identity($event) . "\n" unless $event->{settings};
        $seen{kind}{ $event->{kind} }++;
    }
    my $contacts = by_contact($world);
    my $began    = Time::HiRes::time();
    my $now      = expected($world, $contacts, $world->{base});
    my $late     = expected($world, $contacts, $world->{base} + $Generate::OFF - $Generate::SECOND);
    my $then     = expected($world, $contacts, @later ? $later[-1] : $world->{base});
    my $seconds  = Time::HiRes::time() - $began;
    for my $contact (sort keys %$contacts) {
        die "something falls due within the run: $contact\n" if differences($now->{$contact}, $late->{$contact});
        $seen{'falls due later'}{ differences($now->{$contact}, $then->{$contact}) ? 'yes' : 'no' }++;
        my $is = $now->{$contact};
        $seen{ 'status, ' . policy_of($world, $contact) }{ $is->{status} }++;
        $seen{facts}{$_}++ for grep { defined $is->{$_} && $is->{$_} ne '0' && !/^list/ } keys %$is;
        $seen{subscriptions}{ $is->{$_} }++ for grep { /^list \d+ consent$/ } keys %$is;
        $seen{subscriptions}{'with a request'}++ for grep { /requested_at$/ && defined $is->{$_} } keys %$is;
    }
    say_(sprintf '  %d contacts, 3 folds of each in %.1f s', scalar keys %$contacts, $seconds);
}

sub describe {
    for my $what (sort keys %seen) {
        say_("$what: ", join ', ', map { "$_ $seen{$what}{$_}" } sort keys %{ $seen{$what} });
    }
}
