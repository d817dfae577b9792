# Is the reference itself to be trusted? It is checked here against the worked examples of the design (section 9), each
# of them for each policy, and against the rules of section 3 one at a time.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../reference";
use Test::More;
use Reference;

my $policies = Reference::builtin_policies();
my @names    = qw(default salesmanago activecampaign ecomail emailmanager);

# --- Writing events ---------------------------------------------------------------------------------------------------

# Lists: 1 as the policy says, 2 with double opt-in, 3 without.
my %list_double_opt_in = (1 => undef, 2 => 1, 3 => 0);

my $SECOND = 1_000_000;
my $HOUR   = 3600 * $SECOND;
my $DAY    = 24 * $HOUR;
my $NOW    = 1_700_000_000 * $SECOND;
my $START  = $NOW - 2 * $DAY;

# An event is written as its kind and what else it says: on => list, c => campaign, key, source, until, and its time
# as at => a moment, else one minute after the event before it.
sub e { my ($kind, %more) = @_; return { kind => $kind, %more } }

sub errors { my ($kind, @campaigns) = @_; return map { e($kind, c => $_) } @campaigns }

sub events {
    my ($policy, @written) = @_;
    my $clock = $START;
    return map {
        my $w = $_;
        $clock = exists $w->{at} ? $w->{at} : $clock + 60 * $SECOND;
        my $list = $w->{on};
        {
            kind        => $w->{kind},
            occurred_at => $clock,
            list_id     => $list,
            campaign_id => $w->{c},
            event_key   => exists $w->{key} ? $w->{key} : '',
            source      => $w->{source},
            until       => $w->{until},
            retracted   => $w->{retracted} ? 1 : 0,
            settings    => {
                (map { $_ => $policy->{$_} } qw(import_consent double_opt_in unsubscribe_scope resubscribe
                        confirm_within)),
                list_double_opt_in => defined $list ? $list_double_opt_in{$list} : undef,
                %{ $w->{settings} || {} },
            },
        };
    } @written;
}

sub fold_now {
    my ($policy, @written) = @_;
    $policy = $policies->{$policy} unless ref $policy;
    return Reference::fold(policy => $policy, events => [ events($policy, @written) ], as_of => $NOW);
}

# "active (1 active, 3 unsubscribed)"
sub in_words {
    my ($r) = @_;
    my @lists = map { "$_ $r->{subscriptions}{$_}{status}" } sort keys %{ $r->{subscriptions} };
    return @lists ? "$r->{status} (" . join(', ', @lists) . ')' : $r->{status};
}

# --- Section 9: worked examples ---------------------------------------------------------------------------------------

my @joined = (e('added', on => 1, source => 'import'));

# What happened, the events, and what is shown under each policy; a status alone says nothing of the lists.
my @examples = (
    [ 'five full mailboxes, one campaign each',
        [ @joined, errors('soft_bounced', 1 .. 5) ],
        qw(hard_bounced soft_bounced hard_bounced soft_bounced failing) ],
    [ 'five full mailboxes of one campaign',
        [ @joined, errors('soft_bounced', (1) x 5) ],
        qw(soft_bounced soft_bounced hard_bounced soft_bounced failing) ],
    [ 'ten errors: six of one campaign, four of the next',
        [ @joined, errors('soft_bounced', (1) x 6, (2) x 4) ],
        qw(soft_bounced soft_bounced hard_bounced hard_bounced failing) ],
    [ 'ten errors of one campaign',
        [ @joined, errors('soft_bounced', (1) x 10) ],
        qw(soft_bounced soft_bounced hard_bounced soft_bounced failing) ],
    [ 'three errors, a delivery, two errors',
        [ @joined, errors('soft_bounced', 1 .. 3), e('delivered', c => 4), errors('soft_bounced', 5, 6) ],
        qw(soft_bounced soft_bounced hard_bounced soft_bounced soft_bounced) ],
    [ 'accepted, then bounced, five campaigns running',
        [ @joined, map { (e('delivered', c => $_), e('soft_bounced', c => $_)) } 1 .. 5 ],
        qw(hard_bounced soft_bounced hard_bounced soft_bounced failing) ],
    [ 'five blocks',
        [ @joined, errors('blocked', 1 .. 5) ],
        qw(active active active active failing) ],
    [ 'two permanent refusals of one campaign',
        [ @joined, e('hard_bounced', c => 1, key => 'a'), e('hard_bounced', c => 1, key => 'b') ],
        qw(hard_bounced soft_bounced hard_bounced hard_bounced soft_bounced) ],
    [ 'two permanent refusals, of different campaigns',
        [ @joined, e('hard_bounced', c => 1), e('hard_bounced', c => 2) ],
        qw(hard_bounced hard_bounced hard_bounced hard_bounced soft_bounced) ],
    [ 'four full mailboxes two years ago, one now, nothing between, one campaign each',
        [ e('added', on => 1, at => $NOW - 800 * $DAY),
            (map { e('soft_bounced', c => $_, at => $NOW - 730 * $DAY + $_ * $HOUR) } 1 .. 4),
          e('soft_bounced', c => 5, at => $NOW - $HOUR) ],
        qw(soft_bounced soft_bounced hard_bounced soft_bounced failing) ],
    [ 'sign-up on a list with double opt-in, confirmed 31 days later',
        [ e('signed_up', on => 2, key => 'k', at => $NOW - 32 * $DAY),
            e('confirmed', on => 2, key => 'k', at => $NOW - $DAY) ],
        qw(unconfirmed active active active active) ],
    [ 'lapsed, then a click',
        [ @joined, e('lapsed'), e('clicked', c => 1) ],
        qw(active active active active active) ],
    [ 'lapsed',
        [ @joined, e('lapsed') ],
        qw(unresponsive unresponsive unresponsive unresponsive unresponsive) ],
    [ 'three deferrals that are noted',
        [ @joined, map { e('noted', c => 1, key => $_) } 'a' .. 'c' ],
        qw(active active active active active) ],
    [ 'one permanent refusal',
        [ @joined, e('hard_bounced', c => 1) ],
        qw(hard_bounced soft_bounced hard_bounced hard_bounced soft_bounced) ],
    [ 'unknown user, once',
        [ @joined, e('nonexistent', c => 1) ],
        qw(hard_bounced soft_bounced hard_bounced hard_bounced hard_bounced) ],
    [ 'unknown user, then a late delivery dated before it',
        [ @joined, e('nonexistent', c => 2, at => $START + $HOUR), e('delivered', c => 1, at => $START + $HOUR / 2) ],
        qw(hard_bounced soft_bounced hard_bounced hard_bounced hard_bounced) ],
    [ 'import, opt-out of the list, import again',
        [ @joined, e('unsubscribed', on => 1), e('added', on => 1) ],
        qw(unsubscribed unsubscribed unsubscribed unsubscribed unsubscribed) ],
    [ 'on two lists, opt-out of one',
        [ @joined, e('added', on => 3), e('unsubscribed', on => 1) ],
        'active (1 unsubscribed, 3 active)', 'unsubscribed (1 unsubscribed, 3 unsubscribed)',
        'active (1 unsubscribed, 3 active)', ('unsubscribed (1 unsubscribed, 3 unsubscribed)') x 2 ],
    [ 'opt-out, sign-up on the form, not confirmed',
        [ @joined, e('unsubscribed', on => 1), e('signed_up', on => 1, key => 'k') ],
        qw(unsubscribed unsubscribed unsubscribed unsubscribed unsubscribed) ],
    [ 'the same, confirmed',
        [ @joined, e('unsubscribed', on => 1), e('signed_up', on => 1, key => 'k'),
            e('confirmed', on => 1, key => 'k') ],
        qw(active active active active unsubscribed) ],
    [ 'confirmed by the link of a sign-up before the opt-out',
        [ e('signed_up', on => 1, key => 'k'), e('unsubscribed', on => 1), e('confirmed', on => 1, key => 'k') ],
        qw(unsubscribed unsubscribed unsubscribed unsubscribed unsubscribed) ],
    [ 'sign-up on a list with double opt-in',
        [ e('signed_up', on => 2) ],
        qw(unconfirmed unconfirmed unconfirmed unconfirmed unconfirmed) ],
    [ 'import to a list with double opt-in',
        [ e('added', on => 2) ],
        qw(active active unconfirmed active active) ],
    [ 'complaint, then the owner re-subscribes',
        [ @joined, e('complained'), e('resubscribed', on => 1) ],
        qw(complained complained complained complained complained) ],
    [ 'deleted, then a stranger posts the form',
        [ @joined, e('deleted'), e('signed_up', on => 2) ],
        qw(unconfirmed unconfirmed unconfirmed unconfirmed unconfirmed) ],
    [ 'ten campaigns without an open',
        [ @joined, map { e('sent', c => $_) } 1 .. 10 ],
        qw(active active active active unresponsive) ],
    [ 'the same, and a click on the first',
        [ @joined, (map { e('sent', c => $_) } 1 .. 10), e('clicked', c => 1) ],
        qw(active active active active active) ],
    [ 'one campaign, sixteen days ago',
        [ e('added', on => 1, at => $NOW - 17 * $DAY), e('sent', c => 1, at => $NOW - 16 * $DAY) ],
        qw(active active active active unresponsive) ],
    [ 'suspended for two hours, three hours ago',
        [ @joined, e('suspended', at => $NOW - 3 * $HOUR, until => $NOW - $HOUR) ],
        qw(active active active active active) ],
    [ 'opt-out with no list, then added to a new list',
        [ @joined, e('unsubscribed'), e('added', on => 3) ],
        ('unsubscribed (1 unsubscribed, 3 unsubscribed)') x 5 ],
);

for my $example (@examples) {
    my ($what, $events, @expected) = @$example;
    for my $i (0 .. $#names) {
        my $r = fold_now($names[$i], @$events);
        my $shown = $expected[$i] =~ /\(/ ? in_words($r) : $r->{status};
        is($shown, $expected[$i], "$names[$i]: $what");
    }
}

# --- Section 3: rule by rule ------------------------------------------------------------------------------------------

# A policy like a ready one, but for some settings.
sub policy_like { my ($name, %but) = @_; return { %{ $policies->{$name} }, %but } }

# rule(policy, [events], expected, what): the statuses in words, or a check of the result where a code is given.
sub rule {
    my ($policy, $events, $expected, $what) = @_;
    my $r = fold_now($policy, @$events);
    return $expected->($r, $what) if ref $expected;
    is(in_words($r), $expected, $what);
}

# A check of some facts, as columns.
sub columns {
    my (%expected) = @_;
    return sub {
        my ($r, $what) = @_;
        is_deeply({ map { $_ => $r->{columns}{$_} } keys %expected }, \%expected, $what);
    };
}

sub minute { return $START + $_[0] * 60 * $SECOND }    # the time of the n-th event

subtest 'no events, no subscription' => sub {
    rule('default', [], 'unconfirmed', 'nothing known');
    rule('default', [ e('unsubscribed') ], 'unsubscribed', 'opted out account-wide, on no list');
    rule('default', [ e('soft_bounced', c => 1) ], 'unconfirmed', 'an address fact does not make a contact mailable');
    rule('default', [ e('invalidated') ], 'hard_bounced', 'a dead address');
    rule('default', [ e('suspended') ], 'suspended', 'held');
    rule('default', [ e('unsubscribed'), e('complained') ], 'complained', 'the greatest of both');
    rule('default', [ e('added', on => 1), e('removed', on => 1) ], 'unconfirmed', 'taken off its only list');
};

subtest 'precedence' => sub {
    my @all = (@joined, e('soft_bounced', c => 1), e('suspended'));
    rule('default', [@all], 'suspended (1 suspended)', 'suspended over soft_bounced');
    rule('default', [ @all, e('invalidated') ], 'hard_bounced (1 hard_bounced)', 'hard_bounced over suspended');
    rule('default', [ @all, e('invalidated'), e('unsubscribed', on => 1) ], 'unsubscribed (1 unsubscribed)',
        'unsubscribed over hard_bounced');
    rule('default', [ @all, e('unsubscribed', on => 1), e('complained') ], 'complained (1 complained)',
        'complained over unsubscribed');
    rule('default', [ @all, e('complained'), e('deleted') ], 'deleted (1 deleted)', 'deleted over all');
    rule('default', [ e('signed_up', on => 2), e('added', on => 3), e('soft_bounced') ],
        'soft_bounced (2 unconfirmed, 3 soft_bounced)', 'the contact is as good as its best list');
};

subtest 'order of the fold' => sub {
    my $at = $START;
    rule('default', [ e('unsubscribed', on => 1, at => $at), e('added', on => 1, at => $at) ],
        'unsubscribed (1 unsubscribed)', 'at one time, what restricts comes last');
    rule('default', [ e('complained', at => $at), e('resubscribed', on => 1, at => $at), e('deleted', at => $at),
            e('restored', at => $at) ],
        'deleted (1 deleted)', 'deleted after restored at one time');
    rule('default', [ @joined, e('released', at => $at + $DAY), e('suspended', at => $at) ], 'active (1 active)',
        'the order of arrival does not matter');
    my @by_key = map { e('suspended', at => $at, key => $_, until => $NOW + ord) } 'b', 'Z', 'a';
    rule('default', \@by_key, columns(suspended_until => $NOW + ord 'b'), 'keys by byte: Z before a before b');
    my @by_list = map { e('suspended', at => $at, on => $_, until => $NOW + ($_ || 0)) } 2, undef, 1;
    rule('default', \@by_list, columns(suspended_until => $NOW + 2), 'a null list first');
    my @by_campaign = map { e('suspended', at => $at, c => $_, key => $_ ? '' : 'z', until => $NOW + ($_ || 0)) }
        10, undef, 9;
    rule('default', \@by_campaign, columns(suspended_until => $NOW + 10),
        'a null campaign first, the others as numbers');
    rule('default', [ @joined, e('complained', retracted => 1) ], 'active (1 active)', 'a retracted event is left out');
};

subtest 'added' => sub {
    rule('default', [ e('signed_up', on => 2), e('added', on => 2) ], 'unconfirmed (2 unconfirmed)',
        'an import confirms nobody');
    rule('activecampaign', [ map { e('added', on => $_) } 1, 2, 3 ], 'active (1 active, 2 unconfirmed, 3 active)',
        'by_list: where the list asks for it');
    rule(policy_like('activecampaign', double_opt_in => 1), [ map { e('added', on => $_) } 1, 2, 3 ],
        'active (1 unconfirmed, 2 unconfirmed, 3 active)', 'by_list: or the policy, for a list that does not say');
    rule('default', [ @joined, e('deleted'), e('added', on => 3) ], 'deleted (1 deleted, 3 deleted)',
        'an import restores nobody');
    rule('default', [ @joined, e('deleted'), e('added', on => 3), e('restored') ], 'active (1 active, 3 active)',
        'but its consent shows when restored');
    rule('default', [ @joined, e('added', on => 1) ],
        sub { is($_[0]{subscriptions}{1}{consent_at}, minute(1), $_[1]) }, 'a second import changes nothing');
    ok(!fold_now('default', @joined)->{monitored}, 'does not make the contact monitored');
};

subtest 'signed_up' => sub {
    rule('default', [ map { e('signed_up', on => $_) } 1, 2, 3 ], 'active (1 unconfirmed, 2 unconfirmed, 3 active)',
        'default');
    rule('activecampaign', [ map { e('signed_up', on => $_) } 1, 2, 3 ], 'active (1 active, 2 unconfirmed, 3 active)',
        'the policy asks for no double opt-in');
    my $later = e('signed_up', on => 2, settings => { list_double_opt_in => 0 });
    rule('default', [ e('signed_up', on => 2), $later ], 'active (2 active)',
        'unconfirmed: subscribed without double opt-in');
    rule('default', [ e('signed_up', on => 2), e('signed_up', on => 2) ], 'unconfirmed (2 unconfirmed)',
        'and not with it');
    rule('default', [ e('added', on => 2), e('signed_up', on => 2) ], 'active (2 active)', 'subscribed: lowers nobody');
    rule('default', [ e('unsubscribed', on => 3), e('signed_up', on => 3, key => 'k') ],
        sub {
            my %opt_out = (status => 'unsubscribed', consent => 'unsubscribed', consent_at => minute(1));
            is_deeply($_[0]{subscriptions}{3}, { %opt_out, requested_at => minute(2), request_key => 'k' }, $_[1]);
        }, 'unsubscribed: a request is pending, also where the list asks for no double opt-in');
    rule('emailmanager', [ @joined, e('unsubscribed'), e('signed_up', on => 1) ],
        sub { is($_[0]{subscriptions}{1}{requested_at}, undef, $_[1]) }, 'resubscribe = never: no request');
    ok(fold_now('default', e('signed_up', on => 1))->{monitored}, 'makes the contact monitored');
};

subtest 'a return ends a deletion' => sub {
    my @two = (e('added', on => 1), e('added', on => 3), e('signed_up', on => 2), e('deleted'));
    rule('default', [ @two, e('signed_up', on => 3) ], 'active (3 active)', 'consents so far are gone');
    rule('default', [ @two, e('signed_up', on => 2) ], 'unconfirmed (2 unconfirmed)', 'on every list');
    rule('default', [ e('added', on => 3), e('unsubscribed', on => 1), e('deleted'), e('signed_up', on => 2) ],
        'unconfirmed (1 unsubscribed, 2 unconfirmed)', 'opt-outs are not');
    my @pending = (e('unsubscribed', on => 1), e('signed_up', on => 1, key => 'k'), e('deleted'));
    rule('default', [ @pending, e('signed_up', on => 2), e('confirmed', on => 1, key => 'k') ],
        'active (1 active, 2 unconfirmed)', 'nor are requests pending on them');
    rule('emailmanager', [ @joined, e('unsubscribed'), e('deleted'), e('signed_up', on => 1) ],
        'unsubscribed (1 unsubscribed)', 'whatever becomes of the consent');
    rule('emailmanager', [ @joined, e('deleted'), e('resubscribed', on => 1) ], 'unconfirmed',
        'resubscribed: under never, too');
    rule('default', [ @joined, e('complained'), e('deleted'), e('resubscribed', on => 1) ], 'complained',
        'and after a complaint');
    rule('default', [ @joined, e('deleted'), e('resubscribed', on => 3) ], 'active (3 active)',
        'resubscribed: on its list');
    rule('default', [ @joined, e('deleted'), e('restored'), e('signed_up', on => 3) ], 'active (1 active, 3 active)',
        'restored in time: no consent is lost');
    rule('default', [ e('signed_up', on => 2), e('deleted'), e('confirmed', on => 2) ], 'deleted (2 deleted)',
        'a confirmation is no return');
    rule('default', [ @joined, e('deleted'), e('clicked'), e('visited'), e('validated'), e('released') ],
        'deleted (1 deleted)',
        'nor is anything else');
};

subtest 'confirmed' => sub {
    my $opted_out = sub { return (@joined, e('unsubscribed', on => 1), @_) };
    rule('default', [ e('signed_up', on => 2, key => 'a'), e('confirmed', on => 2, key => 'b') ], 'active (2 active)',
        'unconfirmed: subscribed, whatever the key');
    rule('default', [ e('confirmed', on => 1) ], 'unconfirmed', 'no consent: nothing');
    rule('default', [ e('unsubscribed'), e('confirmed', on => 1) ], 'unsubscribed',
        'nor a subscription that begins unsubscribed');
    rule('default', [ $opted_out->(e('confirmed', on => 1)) ], 'unsubscribed (1 unsubscribed)', 'no request: nothing');
    rule('default', [ $opted_out->(e('signed_up', on => 1, key => 'a'), e('confirmed', on => 1, key => 'b')) ],
        'unsubscribed (1 unsubscribed)', 'another key: nothing');
    rule('default', [ $opted_out->(e('signed_up', on => 1), e('confirmed', on => 1, key => 'b')) ], 'active (1 active)',
        'a request without a key: any');
    rule('default', [ $opted_out->(e('signed_up', on => 1, key => 'a'), e('signed_up', on => 1, key => 'b'),
            e('confirmed', on => 1, key => 'a')) ],
        'unsubscribed (1 unsubscribed)', 'the newest request replaces an earlier one');
    rule('default', [ $opted_out->(e('signed_up', on => 1, key => 'a'), e('signed_up', on => 1, key => 'b'),
            e('confirmed', on => 1, key => 'b')) ],
        'active (1 active)', 'and is the one to be confirmed');
    rule('default', [ $opted_out->(e('signed_up', on => 1, key => 'a'), e('unsubscribed', on => 1),
            e('confirmed', on => 1, key => 'a')) ],
        'unsubscribed (1 unsubscribed)', 'a later opt-out makes it void');
    rule('default', [ $opted_out->(e('signed_up', on => 1, key => 'a'), e('confirmed', on => 1, key => 'a'),
            e('unsubscribed', on => 1), e('confirmed', on => 1, key => 'a')) ],
        'unsubscribed (1 unsubscribed)', 'a request serves once');
    rule('default', [ $opted_out->(e('signed_up', on => 1, key => 'a'), e('confirmed', on => 2, key => 'a')) ],
        'unsubscribed (1 unsubscribed)', 'on its own list only');
    rule('default', [ $opted_out->(e('complained'), e('signed_up', on => 1), e('confirmed', on => 1)) ],
        'complained (1 complained)', 'never after a complaint');
    rule('default',
        [ $opted_out->(e('signed_up', on => 1), e('confirmed', on => 1, settings => { resubscribe => 'never' })) ],
        'active (1 active)', 'the request is judged by the settings of its own time');
};

subtest 'confirmed is validated and clicked, too' => sub {
    my @waiting = (e('signed_up', on => 2), e('invalidated'));
    rule('default', [ @waiting, e('confirmed', on => 2) ], 'active (2 active)', 'the address lives');
    rule('default', [ @waiting, e('confirmed', on => 2, source => 'manual') ], 'hard_bounced (2 hard_bounced)',
        'not by hand');
    rule('default', [ @waiting, e('confirmed', on => 1) ], 'hard_bounced (2 hard_bounced)',
        'not where it has no effect');
    rule('default', [ @waiting, e('confirmed', on => 2), e('invalidated'), e('confirmed', on => 2) ],
        'hard_bounced (2 hard_bounced)', 'not where subscribed before');
    my @tired = (e('signed_up', on => 2), map { e('sent', c => $_) } 1 .. 10);
    rule('emailmanager', [@tired], 'unconfirmed (2 unconfirmed)', 'unresponsive and unconfirmed');
    rule('emailmanager', [ @tired, e('confirmed', on => 2) ], 'active (2 active)', 'an answer');
    rule('emailmanager', [ @tired, e('confirmed', on => 2, source => 'manual') ], 'unresponsive (2 unresponsive)',
        'not by hand');
    ok(fold_now('default', e('confirmed', on => 2, source => 'manual'))->{monitored}, 'monitored in any case');
};

subtest 'resubscribed' => sub {
    rule('default', [ @joined, e('unsubscribed', on => 1), e('resubscribed', on => 1) ], 'active (1 active)',
        'lifts an opt-out');
    rule('emailmanager', [ @joined, e('unsubscribed', on => 1), e('resubscribed', on => 1) ],
        'unsubscribed (1 unsubscribed)',
        'not under never');
    rule('default', [ e('resubscribed', on => 2) ], 'active (2 active)', 'subscribes where there was no consent');
    rule('default', [ e('signed_up', on => 2), e('resubscribed', on => 2) ], 'active (2 active)',
        'or an unconfirmed one');
    rule('default', [ e('resubscribed', on => 2), e('complained') ],
        sub { is($_[0]{subscriptions}{2}{consent}, 'active', $_[1]) }, 'a complaint touches no consent');
    rule('default', [ e('complained'), e('resubscribed', on => 2) ], 'complained', 'after a complaint: nothing');
    ok(!fold_now('default', e('resubscribed', on => 1))->{monitored}, 'does not make the contact monitored');
};

subtest 'removed' => sub {
    rule('default', [ e('added', on => 1), e('added', on => 3), e('removed', on => 1) ], 'active (3 active)',
        'the subscription goes');
    rule('default', [ e('signed_up', on => 2), e('removed', on => 2) ], 'unconfirmed', 'an unconfirmed one, too');
    rule('default', [ @joined, e('unsubscribed', on => 1), e('removed', on => 1), e('added', on => 1) ],
        'unsubscribed (1 unsubscribed)', 'an opt-out stays');
    rule('default', [ e('signed_up', on => 2), e('removed', on => 2), e('confirmed', on => 2) ], 'unconfirmed',
        'nothing left to confirm');
    rule('default', [ @joined, e('removed', on => 1), e('added', on => 1) ], 'active (1 active)', 'may be added again');
};

subtest 'unsubscribed' => sub {
    my @two = (e('added', on => 1), e('added', on => 3));
    rule('default', [ @two, e('unsubscribed') ], 'unsubscribed (1 unsubscribed, 3 unsubscribed)', 'no list: all lists');
    rule('default', [ e('unsubscribed', on => 2), e('added', on => 2) ], 'unsubscribed (2 unsubscribed)',
        'a list never joined');
    rule('default', [ e('unsubscribed', on => 2) ], columns(unsubscribed_at => undef), 'of a list is not account-wide');
    rule('ecomail', [ e('unsubscribed', on => 2) ], columns(unsubscribed_at => minute(1)), 'under scope account it is');
    rule('ecomail', [ e('unsubscribed', on => 2) ], 'unsubscribed', 'under scope account no list is joined by it');
    rule('default', [ @two, e('unsubscribed'), e('resubscribed', on => 1) ], 'active (1 active, 3 unsubscribed)',
        'a return lifts it on its own list only');
    rule('default', [ @two, e('unsubscribed'), e('resubscribed', on => 1), e('added', on => 2) ],
        'active (1 active, 2 unsubscribed, 3 unsubscribed)', 'and on none joined later');
    rule('default', [ @joined, e('unsubscribed'), e('signed_up', on => 3), e('confirmed', on => 3) ],
        'active (1 unsubscribed, 3 active)', 'a list joined later begins unsubscribed, and may be confirmed');
    rule('default', [ e('unsubscribed'), e('signed_up', on => 3) ], 'unsubscribed (3 unsubscribed)',
        'and not before that');
    rule('default', [ e('unsubscribed'), e('resubscribed', on => 1) ], 'active (1 active)', 'or resubscribed');
    rule('emailmanager', [ e('unsubscribed'), e('resubscribed', on => 1) ], 'unsubscribed (1 unsubscribed)',
        'it begins in any case');
    rule('default', [ e('unsubscribed'), e('added', on => 2), e('removed', on => 2) ], 'unsubscribed (2 unsubscribed)',
        'one that began so is an opt-out');
    rule('default', [ @joined, e('removed', on => 1), e('unsubscribed'), e('added', on => 1) ],
        'unsubscribed (1 unsubscribed)',
        'a list left and joined again is joined later');
    rule('default', [ e('unsubscribed'), e('signed_up', on => 1), e('unsubscribed'), e('confirmed', on => 1) ],
        'unsubscribed (1 unsubscribed)', 'account-wide: pending requests of all lists are void');
    rule('default', [ @joined, e('unsubscribed', on => 1), e('unsubscribed', on => 1) ],
        sub { is($_[0]{subscriptions}{1}{consent_at}, minute(3), $_[1]) }, 'a repeated opt-out counts from the latest');
    rule('default', [ e('unsubscribed'), e('unsubscribed'), e('added', on => 1) ],
        sub { is($_[0]{subscriptions}{1}{consent_at}, minute(2), $_[1]) },
        'a list joined later is opted out since the opt-out');
};

subtest 'consent is judged by the settings of its time' => sub {
    rule('ecomail', [ e('added', on => 1), e('added', on => 3),
            e('unsubscribed', on => 1, settings => { unsubscribe_scope => 'list' }) ],
        'active (1 unsubscribed, 3 active)', 'the scope of an opt-out');
    rule('default', [ e('added', on => 2, settings => { import_consent => 'by_list' }) ], 'unconfirmed (2 unconfirmed)',
        'import consent');
    rule('default', [ e('signed_up', on => 1, settings => { double_opt_in => 0 }) ], 'active (1 active)',
        'double opt-in');
    rule('emailmanager',
        [ @joined, e('unsubscribed'), e('signed_up', on => 1, settings => { resubscribe => 'confirmed' }),
            e('confirmed', on => 1) ],
        'active (1 active)', 'resubscribe');
};

subtest 'holds' => sub {
    rule('default', [ @joined, e('suspended') ], 'suspended (1 suspended)', 'until released');
    rule('default', [ @joined, e('suspended'), e('released') ], 'active (1 active)', 'released');
    rule('default', [ @joined, e('suspended', until => $NOW + 1) ], 'suspended (1 suspended)',
        'until a moment from now');
    rule('default', [ @joined, e('suspended', until => $NOW) ], 'active (1 active)', 'until now');
    rule('default', [ @joined, e('suspended'), e('suspended', until => $NOW) ], 'active (1 active)',
        'the newest replaces');
    rule('default', [ @joined, e('suspended', until => $NOW), e('suspended') ], 'suspended (1 suspended)',
        'either way');
    rule('default', [ e('suspended', until => $NOW) ], columns(suspended_at => minute(1), suspended_until => $NOW),
        'kept although over');
    rule('default', [ e('suspended'), e('released') ], columns(suspended_at => undef, suspended_until => undef),
        'released: gone');
    rule('default', [ @joined, e('deleted'), e('restored') ], 'active (1 active)', 'restored');
    rule('default', [ @joined, e('complained'), e('deleted'), e('restored') ], 'complained (1 complained)',
        'a complaint stays');
    rule('default', [ e('complained'), e('complained'), e('deleted'), e('deleted') ],
        columns(complained_at => minute(2), deleted_at => minute(4)), 'the latest holds');
};

subtest 'the run of errors' => sub {
    my $default = 'default';
    rule($default, [ @joined, e('soft_bounced', c => 1) ], 'soft_bounced (1 soft_bounced)', 'one error');
    rule($default, [ @joined, errors('soft_bounced', 1 .. 4), e('delivered') ], 'active (1 active)',
        'a delivery ends it');
    for my $kind (qw(opened clicked)) {
        rule($default, [ @joined, errors('soft_bounced', 1 .. 4), e($kind), e('soft_bounced', c => 5) ],
            'soft_bounced (1 soft_bounced)', "$kind ends it");
    }
    rule('emailmanager', [ @joined, errors('soft_bounced', 1 .. 5), e('delivered') ], 'active (1 active)',
        'failing becomes active');
    rule($default, [ @joined, errors('soft_bounced', 1 .. 5), e('delivered'), e('opened'), e('clicked') ],
        'hard_bounced (1 hard_bounced)', 'hard_bounced stays');
    rule($default, [ @joined, errors('soft_bounced', 1 .. 5), e('validated') ], 'active (1 active)', 'until validated');
    rule($default, [ @joined, errors('soft_bounced', 1 .. 4), e('validated'), e('soft_bounced', c => 5) ],
        'soft_bounced (1 soft_bounced)', 'validated ends the run');
    rule($default, [ @joined, errors('soft_bounced', (undef) x 5) ], 'hard_bounced (1 hard_bounced)',
        'no campaign: always counted');
    rule($default, [ @joined, errors('soft_bounced', 1, 2, 1, 2, 1, 3, 3, 4) ], 'soft_bounced (1 soft_bounced)',
        'campaigns overlap: each by itself');
    rule('emailmanager', [ @joined, errors('hard_bounced', 1, 1), errors('soft_bounced', 1), errors('blocked', 2, 2) ],
        'failing (1 failing)', 'three kinds of error in one run');
    rule('emailmanager', [ @joined, errors('soft_bounced', 1 .. 5), e('nonexistent') ], 'hard_bounced (1 hard_bounced)',
        'failing, then dead');
    rule('default', [ @joined, errors('blocked', 1 .. 9) ], columns(run_campaigns => []), 'blocks that do not count');
    rule($default, [ errors('soft_bounced', 1 .. 5, 6) ],
        columns(run_campaigns => [], hard_bounces => 0, hard_bounced_at => minute(5)),
        'dead since; further errors are ignored');
    rule($default, [ e('nonexistent'), e('nonexistent'), e('hard_bounced') ], columns(hard_bounced_at => minute(1)),
        'hard ones, too');
    rule($default, [ errors('soft_bounced', 1 .. 5), e('invalidated') ], columns(hard_bounced_at => minute(6)),
        'a later invalidated moves it');
    rule('emailmanager', [ errors('soft_bounced', 1 .. 7) ], 
        columns(run_campaigns => [ 1 .. 5 ], run_times => [ map { minute($_) } 1 .. 5 ]),
        'the run is kept as far as the limit');
    rule('salesmanago', [ errors('soft_bounced', 1 .. 3) ], columns(run_campaigns => [1]),
        'without a limit: the first error');
};

subtest 'the window of a campaign' => sub {
    my $t = $START;
    my @first = (@joined, e('soft_bounced', c => 1, at => $t));
    my $kept = sub { my @kept = @_; return sub { is_deeply($_[0]{columns}{run_times}, \@kept, $_[1]) } };
    rule('ecomail', [ @first, e('soft_bounced', c => 1, at => $t + 2 * $DAY) ], $kept->($t, $t + 2 * $DAY),
        'two days: counted');
    rule('ecomail', [ @first, e('soft_bounced', c => 1, at => $t + 2 * $DAY + 1) ], $kept->($t), 'more: not counted');
    rule('ecomail', [ @first, map { e('soft_bounced', c => 1, at => $t + $_) } $DAY, 2 * $DAY + 1 ],
        $kept->($t, $t + $DAY),
        'since the first, not the last');
    rule('ecomail', [ @first, e('soft_bounced', c => 2, at => $t + 2 * $DAY + 1) ], $kept->($t, $t + 2 * $DAY + 1),
        'another campaign: counted');
    rule('ecomail', [ @first, e('delivered', at => $t + $DAY), e('soft_bounced', c => 1, at => $t + 2 * $DAY + 1) ],
        $kept->($t + 2 * $DAY + 1), 'of this run');
};

subtest 'hard bounces' => sub {
    rule('salesmanago', [ @joined, e('hard_bounced', c => 1), e('hard_bounced', c => 1) ],
        'soft_bounced (1 soft_bounced)',
        'two of one campaign');
    rule('salesmanago', [ @joined, e('hard_bounced', c => 1), e('hard_bounced', c => 2) ],
        'hard_bounced (1 hard_bounced)',
        'two, of different ones');
    rule('salesmanago', [ @joined, e('hard_bounced', c => 1), e('nonexistent', c => 2) ],
        'hard_bounced (1 hard_bounced)',
        'of either kind');
    rule('salesmanago', [ @joined, e('hard_bounced', c => 1), e('delivered', c => 2), e('hard_bounced', c => 3) ],
        'soft_bounced (1 soft_bounced)', 'a delivery between them');
    rule('salesmanago', [ e('hard_bounced'), e('soft_bounced', c => 1) ],
        columns(hard_bounces => 1, run_campaigns => [1]),
        'counted beside the soft ones');
    rule('emailmanager', [ @joined, errors('hard_bounced', 1 .. 9) ], 'failing (1 failing)', 'no limit: as soft ones');
};

subtest 'a delivery is taken back' => sub {
    my @four = (@joined, errors('soft_bounced', 1 .. 4));
    my $dead = 'hard_bounced (1 hard_bounced)';
    my $soft = 'soft_bounced (1 soft_bounced)';
    my $delivered = e('delivered', c => 5);
    my $error = e('soft_bounced', c => 5);
    rule('default', [ @four, $delivered, $error ], $dead, 'by an error of the same campaign');
    rule('default', [ @four, $delivered ], 'active (1 active)', 'not before it comes');
    rule('default', [ @four, $delivered, $delivered, $error ], $dead, 'repeated ones are one');
    rule('default', [ @four, e('delivered', c => 6), $delivered, $error ], $soft, 'the one before it is not');
    rule('default', [ @four, $delivered, e('delivered', c => 6), $error ], $soft, 'nor one with another between');
    rule('default', [ @four, $delivered, e('delivered'), $error ], $soft, 'nor with one of no campaign between');
    rule('default', [ @four, e('delivered'), e('soft_bounced') ], $soft, 'one of no campaign is not');
    rule('default', [ @four, $delivered, e('soft_bounced', c => 6), $error ], $soft, 'nor with another error between');
    rule('default', [ @four, $delivered, e('soft_bounced'), $error ], $soft, 'nor with one of no campaign between');
    for my $kind (qw(opened clicked)) {
        rule('default', [ @four, $delivered, e($kind, c => 5), $error ], $soft, "nor once $kind");
    }
    for my $between (e('sent', c => 5), e('visited'), e('blocked', c => 6), e('released'), e('added', on => 3)) {
        my $r = fold_now('default', @four, $delivered, $between, $error);
        is($r->{status}, 'hard_bounced', "$between->{kind} between does not matter");
    }
    rule('emailmanager', [ @four, $delivered, e('blocked', c => 6), $error ], $soft, 'but a block that counts does');
    rule('emailmanager', [ @four, $delivered, e('blocked', c => 5) ], 'failing (1 failing)', 'and takes back itself');
    rule('default', [ @four, $delivered, e('validated'), $error ], $soft, 'validated: nothing to go on with');
    rule('salesmanago',
        [ @joined, e('hard_bounced', c => 1), e('delivered', c => 2), e('hard_bounced', c => 2) ], $dead,
        'hard bounces go on, too');
    rule('salesmanago', [ @joined, e('hard_bounced', c => 1), e('delivered', c => 2), e('nonexistent', c => 2) ], $dead,
        'by any kind of error');
    rule('emailmanager', [ @joined, errors('soft_bounced', 1 .. 5), $delivered, e('soft_bounced', c => 5) ],
        'failing (1 failing)',
        'failing again');
    rule('default', [ @joined, e('soft_bounced', c => 1), e('delivered', c => 1), e('soft_bounced', c => 1) ],
        columns(run_campaigns => [1]), 'by an error that itself does not count');
    rule('default', [ @joined, map { (e('delivered', c => 7), e('soft_bounced', c => 7, key => $_)) } 1 .. 5 ], $soft,
        'five times of one campaign');
    rule('default', [ @four, $delivered ],
        columns(delivered_campaign => 5, run_campaigns => [ 1 .. 4 ]), 'until then the run that it ended is kept');
    rule('default', [ @four, $delivered, e('delivered', c => 6) ],
        columns(delivered_campaign => undef, run_campaigns => []), 'one that ended nothing is no fact');
    rule('salesmanago', [ e('hard_bounced', c => 1), $delivered ],
        columns(delivered_campaign => 5, hard_bounces => 1, run_campaigns => []),
        'the hard bounces that it ended, too');
    rule('default', [ @four, $delivered, e('invalidated') ],
        columns(delivered_campaign => undef, run_campaigns => []), 'dead: no run, nothing to take back');
};

subtest 'unresponsive' => sub {
    my $campaigns = policy_like('default', unresponsive_campaigns => 3);
    my $after     = policy_like('default', unresponsive_after => $DAY);
    my @sent      = map { e('sent', c => $_) } 1 .. 3;
    my $tired     = 'unresponsive (1 unresponsive)';
    rule($campaigns, [ @joined, @sent ], $tired, 'three campaigns');
    rule($campaigns, [ @joined, @sent[ 0, 1 ], @sent[ 0, 1 ] ], 'active (1 active)', 'each counted once');
    rule($campaigns, [ @joined, @sent[ 0, 1 ], e('opened'), @sent[ 0, 1 ] ], 'active (1 active)',
        'opened: from the beginning');
    rule($campaigns, [ @joined, @sent[ 0, 1 ], e('opened'), @sent ], $tired, 'after it, a campaign counts again');
    rule($campaigns, [ @joined, @sent, e('clicked') ], 'active (1 active)', 'clicked: responsive again');
    rule($campaigns, [ @joined, @sent, e('visited'), e('delivered'), e('validated'), e('released') ], $tired,
        'nothing else');
    rule($campaigns, [ @joined, errors('soft_bounced', 9), @sent ], $tired, 'over soft_bounced');
    rule($campaigns, [ e('signed_up', on => 2), @sent ], 'unconfirmed (2 unconfirmed)', 'below unconfirmed');
    rule($after, [ @joined, e('sent', c => 1, at => $NOW - $DAY) ], $tired, 'a day since the first: reached counts');
    rule($after, [ @joined, e('sent', c => 1, at => $NOW - $DAY + 1) ], 'active (1 active)', 'a moment less');
    rule($after, [ @joined, e('sent', c => 1, at => $NOW - $DAY), map { e('sent', c => $_, at => $NOW) } 1, 2 ], $tired,
        'the first starts the clock, later ones do not');
    rule($after,
        [ @joined, e('sent', c => 1, at => $START), e('opened', at => $NOW - 2), e('sent', c => 1, at => $NOW - 1) ],
        'active (1 active)', 'an interaction stops it');
    rule($campaigns, [ @sent, e('sent', c => 4) ], columns(unanswered => [ 1 .. 3 ], unanswered_since => minute(1)),
        'kept as far as the rule needs');
    rule($after, [@sent], columns(unanswered => [1], unanswered_since => minute(1)), 'for the clock: the first');
    rule('default', [@sent], columns(unanswered => [], unanswered_since => undef), 'no rule: not kept');
};

subtest 'monitored' => sub {
    my %monitors = map { $_ => 1 } qw(signed_up confirmed clicked visited);
    for my $kind (@Reference::KINDS) {
        my $r = fold_now('default', e($kind, on => 1, c => 1));
        is($r->{monitored}, $monitors{$kind} ? 1 : 0, $kind);
    }
    ok(fold_now('default', e('visited'), e('deleted'), e('restored'))->{monitored}, 'for good');
};

subtest 'delivery never touches consent' => sub {
    my @delivery = (
        map({ e($_, c => 1) } qw(sent delivered opened clicked soft_bounced blocked hard_bounced nonexistent)),
        map { e($_) } qw(visited validated invalidated));
    my @consents = (e('added', on => 1), e('signed_up', on => 2), e('unsubscribed', on => 3), e('complained'));
    for my $name (@names) {
        my $without = fold_now($name, @consents);
        my $with    = fold_now($name, @consents, @delivery);
        is($with->{subscriptions}{$_}{consent}, $without->{subscriptions}{$_}{consent}, "$name: consent of list $_")
            for 1, 2;
        is($with->{status}, 'complained', "$name: the complaint");
    }
};

done_testing();
