# What happened: random senders, their policies and lists, and the events of their contacts.
#
# Few lists, campaigns, keys and times, so that events collide: ties at one time, a campaign accepted and bounced, links
# of earlier requests, opt-outs among returns. Every event has the shape that the rules ask for, and lies in the past.
# Nothing here depends on the order of a hash, so that a seed gives the same events again.
package Generate;

use strict;
use warnings;
use Reference;

our $SECOND = 1_000_000;
our $HOUR   = 3600 * $SECOND;
our $DAY    = 24 * $HOUR;

# The moment asked about is the base, plus a few minutes that the run takes. Nothing may fall due within them: times lie
# half an hour off the full hours before the base, or half a minute, and lengths of time are whole hours.
our $OFF = $HOUR / 2;

sub pick   { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }
sub between { my ($low, $high) = @_; return $low + int rand($high - $low + 1) }

sub shuffle {
    my @all = @_;
    for my $i (reverse 1 .. $#all) {
        my $j = int rand($i + 1);
        @all[ $i, $j ] = @all[ $j, $i ];
    }
    return @all;
}

# --- Policies, accounts, lists ----------------------------------------------------------------------------------------

# For each setting, what it may be. Also used to change a setting later.
our %CHOICES = (
    import_consent            => [qw(subscribed by_list)],
    double_opt_in             => [ 0, 1 ],
    unsubscribe_scope         => [qw(list account)],
    resubscribe               => [qw(never confirmed)],
    confirm_within            => [ undef, undef, map { $_ * $HOUR } 2, 12, 48 ],
    soft_bounce_limit         => [ undef, 1 .. 8 ],
    soft_bounces_per_campaign => [ undef, undef, 1 .. 4 ],
    soft_bounce_window        => [ undef, map { $_ * $HOUR } 5, 24, 48, 120 ],
    soft_bounce_outcome       => [qw(failing hard_bounced)],
    blocked_counts            => [ 0, 1 ],
    soft_bounce_memory        => [ undef, undef, map { $_ * $HOUR } 3, 12, 48, 240 ],
    hard_bounce_limit         => [ undef, 1 .. 3 ],
    hard_bounces_per_campaign => [ undef, undef, 1, 2 ],
    unresponsive_campaigns    => [ undef, 1 .. 6 ],
    unresponsive_after        => [ undef, map { $_ * $HOUR } 1, 2, 12, 24, 15 * 24 ],
);
our @CONSENT_SETTINGS = qw(import_consent double_opt_in unsubscribe_scope resubscribe confirm_within);

sub random_policy {
    my %policy = map { $_ => pick(@{ $CHOICES{$_} }) } sort keys %CHOICES;
    return { %policy, complained_insert => 'keep', complaint_stops_all => 1, counted => [qw(active soft_bounced)] };
}

# A sender for each policy, or for the one asked for: account 1 is the one that an installation begins with, under one
# of the policies that are ready, and has list 1 from the start.
sub world {
    my (%args) = @_;
    my $ready    = Reference::builtin_policies();
    my %policies = (%$ready, map { ("custom_$_" => random_policy()) } 1 .. 3);
    my @names    = shuffle(sort keys %policies);
    if (defined $args{policy}) {
        die "no such policy: $args{policy}\n" unless $policies{ $args{policy} };
        @names = ($args{policy});
    }
    my ($first) = grep { $ready->{$_} } @names, 'default';
    my @other_ids = (2, 3, 40, 500, 6_000, 70_000, 8_000_000_000);
    my %accounts;
    for my $name (@names) {
        my $id = $name eq $first ? 1 : shift @other_ids;
        $accounts{$id} = { policy => $name, lists => { 1 => undef, 2 => 1, 3 => 0, 4 => pick(undef, 0, 1) } };
    }
    return { policies => \%policies, first_policy => $first, accounts => \%accounts, base => $args{base} };
}

# --- Contacts and their events ----------------------------------------------------------------------------------------

# What a contact's events are mostly about; the numbers are weights.
my %THEMES = (
    anything => { map { $_ => 1 } @Reference::KINDS },
    consent => {
        added => 6, signed_up => 8, confirmed => 8, resubscribed => 2, removed => 3, unsubscribed => 6, deleted => 2,
        restored => 1, complained => 0.3, clicked => 0.5, invalidated => 0.5, sent => 0.5,
    },
    errors => {
        added => 1, delivered => 7, opened => 0.4, clicked => 0.3, soft_bounced => 10, blocked => 3, hard_bounced => 2,
        nonexistent => 0.4, invalidated => 0.2, validated => 0.4, sent => 2, noted => 0.5,
    },
    soft_errors => { added => 0.5, delivered => 5, soft_bounced => 10, blocked => 1, visited => 0.5 },
    one_run => { added => 0.5, delivered => 0.5, soft_bounced => 12, blocked => 1, hard_bounced => 0.1,
        validated => 0.3 },
    hard_errors => { added => 1, delivered => 8, hard_bounced => 8, nonexistent => 1, soft_bounced => 1,
        validated => 3 },
    sign_ups => { added => 2, signed_up => 10, confirmed => 1, unsubscribed => 1, removed => 2, deleted => 1 },
    answers => {
        added => 1, sent => 12, lapsed => 0.3, noted => 0.3, opened => 0.6, clicked => 0.4, delivered => 2,
            visited => 0.5, soft_bounced => 1,
        signed_up => 0.5, confirmed => 0.5,
    },
    holds => {
        added => 3, suspended => 6, released => 1, deleted => 2, restored => 2, signed_up => 2, unsubscribed => 0.5,
        resubscribed => 1, complained => 0.1, confirmed => 1,
    },
);

# The times among which a contact's events fall.
my @AUTUMN = (1_698_541_200 * $SECOND);    # 2023-10-29 01:00 UTC, when much of Europe turned its clocks back
my %CALENDARS = (
    one_moment => sub { my ($base) = @_; return $base - $OFF - between(0, 100) * $HOUR },
    a_few      => sub { my ($base) = @_; return map { $base - $OFF - between(0, 30) * $HOUR } 1 .. 4 },
    hours      => sub { my ($base) = @_; return map { $base - $OFF - $_ * $HOUR } 0 .. 60 },
    days       => sub { my ($base) = @_; return map { $base - $OFF - $_ * $DAY } 0 .. 20 },
    lately     => sub { my ($base) = @_; return $base - 30 * $SECOND, map { $base - $OFF - $_ * $HOUR } 0 .. 3 },
    autumn     => sub { return map { $AUTUMN[0] + $_ * 12 * $HOUR } -6 .. 6 },
);

sub weighted {
    my ($weights) = @_;
    my @kinds = grep { $weights->{$_} } @Reference::KINDS;
    my $total = 0;
    $total += $weights->{$_} for @kinds;
    my $at = rand $total;
    for my $kind (@kinds) {
        $at -= $weights->{$kind};
        return $kind if $at < 0;
    }
    return $kinds[-1];
}

# The events of one contact: a set, no two of one identity.
sub contact_events {
    my ($world, $account_id, $contact_id) = @_;
    my $theme    = $THEMES{ pick(sort keys %THEMES) };
    my @times    = $CALENDARS{ pick(sort keys %CALENDARS) }->($world->{base});
    my @lists    = (shuffle(sort keys %{ $world->{accounts}{$account_id}{lists} }))[ 0 .. between(0, 2) ];
    my @campaign = (shuffle(1, 2, 3, 7, 11, 12, 13, 14, 15, 0, -1, 5_000_000_000))[ 0 .. pick(0, 1, 2, 3, 10) ];
    my @keys     = ('', (shuffle(qw(a b Z), "\xc3\xa9", "o'k"))[ 0 .. between(0, 2) ]);
    my $number   = 1 + int(rand() ** 2 * pick(6, 20, 20, 60, 60, 200));
    my $joined   = chance(0.6);    # begins with an import, so that what follows shows in the status

    my (%seen, @events);
    for my $n (1 .. $number) {
        my $kind = $n == 1 && $joined ? 'added' : weighted($theme);
        my $t    = $n == 1 && $joined ? (sort { $a <=> $b } @times)[0] - $HOUR : pick(@times);
        $t += pick(-1, 1) if chance(0.05);    # a microsecond aside, for what is "more than" and what is "reached"
        my %event = (
            account_id  => $account_id,
            contact_id  => $contact_id,
            kind        => $kind,
            occurred_at => $t,
            list_id     => undef,
            campaign_id => chance(0.15) ? undef : pick(@campaign),
            event_key   => chance(0.6) ? '' : pick(@keys),
            source      => pick(undef, 'form', 'manual', 'import', 'webhook'),
            evidence    => chance(0.1) ? 'asked by telephone' : undef,
            reason      => chance(0.05) ? 'because' : undef,
            reply       => chance(0.05) ? '452 4.2.2 mailbox full' : undef,
            until       => undef,
            retracted   => 0,
        );
        shape(\%event, \@lists, $world->{base});
        next if $seen{ identity(\%event) }++;
        push @events, \%event;
    }
    return @events;
}

# What each kind needs.
my %NEEDS_LIST = map { $_ => 1 } qw(added signed_up confirmed resubscribed removed);

sub shape {
    my ($event, $lists, $base) = @_;
    my ($kind, $t) = @$event{qw(kind occurred_at)};
    $event->{list_id} = pick(@$lists)
        if $NEEDS_LIST{$kind} || ($kind eq 'unsubscribed' && chance(0.7)) || chance(0.1);
    $event->{campaign_id} = undef if $NEEDS_LIST{$kind} && chance(0.8);
    $event->{campaign_id} = 1 if $kind eq 'sent' && !defined $event->{campaign_id};
    $event->{source} = undef if $kind eq 'confirmed' && chance(0.5);
    $event->{evidence} = 'letter of 3 May'
        if $kind eq 'resubscribed'
            || ($kind eq 'confirmed' && defined $event->{source} && $event->{source} eq 'manual');
    $event->{until} = pick($t + 1, $t + between(1, 6) * $HOUR, $t + between(1, 100) * $HOUR,
        $base + $OFF + between(0, 30) * $HOUR)
        if $kind eq 'suspended' && chance(0.8);
}

# Why an event would be refused, or nothing. Says the shape rules a second time, for a check of the above.
sub misshapen {
    my ($event, $base) = @_;
    my $kind = $event->{kind};
    return 'no list'     if $NEEDS_LIST{$kind} && !defined $event->{list_id};
    return 'no campaign' if $kind eq 'sent' && !defined $event->{campaign_id};
    my $by_hand = $kind eq 'confirmed' && defined $event->{source} && $event->{source} eq 'manual';
    return 'no evidence' if ($kind eq 'resubscribed' || $by_hand) && !$event->{evidence};
    return 'until'       if defined $event->{until} && $kind ne 'suspended';
    return 'until'       if defined $event->{until} && $event->{until} <= $event->{occurred_at};
    return 'in the future' if $event->{occurred_at} > $base;
    return;
}

# What makes one event: the columns of the log's unique index.
sub identity {
    my ($event) = @_;
    return join "\t", map { defined $event->{$_} ? $event->{$_} : 'null' }
        qw(account_id contact_id occurred_at kind list_id campaign_id event_key);
}

# Contacts of all accounts, with about so many events in all. The same contact_id is used in every account.
sub fill {
    my ($world, $number) = @_;
    my @accounts = sort { $a <=> $b } keys %{ $world->{accounts} };
    my @events;
    for (my $contact_id = 1; @events < $number; $contact_id++) {
        for my $account_id (@accounts) {
            last if @events >= $number && $contact_id > 1;
            $world->{accounts}{$account_id}{contacts} = $contact_id;
            push @events, contact_events($world, $account_id, $contact_id);
        }
    }
    $world->{events} = \@events;
}

1;
