# The rules of contact_status a second time, to test the extension against: the fold of one contact's events, written
# from the text of section 3 of the design, rule by rule and in its words, with no thought for speed. It shares no code
# with the extension. Where the two differ, one of them misreads the text.
#
#   my $r = Reference::fold(policy => \%policy, events => \@events, as_of => $microseconds);
#   $r->{status}, $r->{monitored}, $r->{subscriptions}{$list_id}{status}, $r->{facts}, $r->{columns}
#
# Times are whole microseconds since the Unix epoch, so are lengths of time; undef is SQL's null.
package Reference;

use strict;
use warnings;

# --- Words ------------------------------------------------------------------------------------------------------------

# In the order of their precedence: where several facts hold at once, the last of them is shown.
our @STATUSES = qw(active soft_bounced unresponsive unconfirmed suspended failing hard_bounced unsubscribed complained
    deleted);

# In the order that breaks ties: what restricts comes last and wins.
our @KINDS = qw(noted signed_up added confirmed resubscribed released restored validated sent delivered opened
    clicked visited
    soft_bounced blocked hard_bounced nonexistent invalidated lapsed suspended removed unsubscribed complained deleted);

my %status_rank = map { $STATUSES[$_] => $_ } 0 .. $#STATUSES;
my %kind_rank   = map { $KINDS[$_]    => $_ } 0 .. $#KINDS;

# The events that tie a person to the address.
my %monitors = map { $_ => 1 } qw(signed_up confirmed clicked visited);

sub greatest { my ($top) = sort { $status_rank{$b} <=> $status_rank{$a} } @_; return $top }
sub least    { my ($low) = sort { $status_rank{$a} <=> $status_rank{$b} } @_; return $low }

sub is_mailable { return $_[0] eq 'active' || $_[0] eq 'soft_bounced' }

# --- Policies ---------------------------------------------------------------------------------------------------------

my $DAY = 24 * 60 * 60 * 1_000_000;

# The table of policies, turned on its side: one line for each setting, in its order of columns.
my @policy_names = qw(default salesmanago activecampaign ecomail emailmanager);
my @policy_table = (
    [ import_consent            => 'subscribed', 'subscribed', 'by_list', 'subscribed', 'subscribed' ],
    [ double_opt_in             => 1, 1, 0, 1, 0 ],
    [ soft_bounce_limit         => 5, undef, 3, 10, 5 ],
    [ soft_bounces_per_campaign => 1, undef, undef, 6, undef ],
    [ soft_bounce_window        => undef, undef, undef, 2 * $DAY, undef ],
    [ soft_bounce_outcome       => 'hard_bounced', 'failing', 'hard_bounced', 'hard_bounced', 'failing' ],
    [ blocked_counts            => 0, 0, 0, 0, 1 ],
    [ soft_bounce_memory        => 90 * $DAY, undef, undef, undef, undef ],
    [ hard_bounce_limit         => 1, 2, 1, 1, undef ],
    [ hard_bounces_per_campaign => undef, 1, undef, undef, undef ],
    [ unresponsive_campaigns    => undef, undef, undef, undef, 10 ],
    [ unresponsive_after        => undef, undef, undef, undef, 15 * $DAY ],
    [ unsubscribe_scope         => 'list', 'account', 'list', 'account', 'account' ],
    [ resubscribe               => 'confirmed', 'confirmed', 'confirmed', 'confirmed', 'never' ],
    [ confirm_within            => 30 * $DAY, undef, undef, undef, undef ],
    [ complained_insert         => 'keep', 'keep', 'keep', 'keep', 'refuse' ],
    [ complaint_stops_all       => 1, 1, 1, 1, 1 ],
);

sub builtin_policies {
    my %policies;
    for my $i (0 .. $#policy_names) {
        $policies{ $policy_names[$i] } = { map { $_->[0] => $_->[ 1 + $i ] } @policy_table };
        $policies{ $policy_names[$i] }{counted} = [qw(active soft_bounced)];
    }
    return \%policies;
}

# --- The fold ---------------------------------------------------------------------------------------------------------

my %effect;    # the table of events, below

sub fold {
    my (%args) = @_;
    my $policy = $args{policy};
    my $contact = {
        monitored     => 0,
        subscriptions => {},        # list_id => { consent, consent_at, requested_at, request_key }
        delivery_anew(),            # run, hard_bounces, deliverability, hard_bounced_at, delivery
        unanswered    => [],        # campaigns sent since the last interaction, each once
        unresponsive  => 0,
        held          => 0,         # is a suspension in force?
    };
    my @events = sort_events(grep { !$_->{retracted} } @{ $args{events} });
    my ($last_late) = grep { is_late($events[$_]) } reverse 0 .. $#events;
    my ($horizon, $changed_at) = ('');
    for my $i (0 .. $#events) {
        my $event = $events[$i];
        # The first of the late events of a horizon meets facts that are kept, each with its own time.
        if (is_late($event) && $horizon ne "$event->{occurred_at} " . ($event->{kept} // '')) {
            $horizon = "$event->{occurred_at} " . ($event->{kept} // '');
            $contact->{own}        = {};
            delete $_->{own} for map { @{ $_->{run} } } grep { defined } $contact, $contact->{delivery};
            $contact->{kept_until} = $changed_at;
        }
        pass_time($contact, $policy, $event->{occurred_at});
        my $before = $i <= ($last_late // -1) ? as_text($contact, $policy) : '';
        $contact->{monitored} = 1 if $monitors{ $event->{kind} };
        $effect{ $event->{kind} }->($contact, $event, $policy);
        $changed_at = $event->{occurred_at} if $i <= ($last_late // -1) && as_text($contact, $policy) ne $before;
    }
    pass_time($contact, $policy, $args{as_of});
    return result($contact, $policy);
}

# By (occurred_at, kind, list_id, campaign_id, event_key), nulls first, text by byte. What was moved to a horizon comes
# before what happened then, in the order of the times at which it was dated; but what was kept when the horizon was set
# once more comes before what came later.
sub sort_events {
    return sort {
               $a->{occurred_at} <=> $b->{occurred_at}
            || ($a->{kept} // 'inf') <=> ($b->{kept} // 'inf')
            || ($a->{dated_at} // $a->{occurred_at}) <=> ($b->{dated_at} // $b->{occurred_at})
            # a change of the address comes last
            || ($kind_rank{ $a->{kind} } // 99) <=> ($kind_rank{ $b->{kind} } // 99)
            || nulls_first($a->{list_id}, $b->{list_id})
            || nulls_first($a->{campaign_id}, $b->{campaign_id})
            || $a->{event_key} cmp $b->{event_key}
    } @_;
}

# --- Late events ------------------------------------------------------------------------------------------------------

# An event that is heard after the horizon and dated before it. It restricts as if it happened at the horizon, which is
# its occurred_at, and lifts only what is older than itself (dated_at).
sub is_late { my ($event) = @_; return defined $event->{dated_at} && $event->{dated_at} < $event->{occurred_at} }

# What is kept has the time that the facts say. What another late event said has that event's own time.
sub own_time { my ($contact, $fact, $at) = @_; return $contact->{own}{$fact} // $at }

sub remember_own {
    my ($contact, $fact, $event) = @_;
    $contact->{own}{$fact} = is_late($event) ? $event->{dated_at} : undef;
}

# May the event lift a fact of a kind that comes after its own at an equal time? Or (follows) before it?
sub lifts {
    my ($contact, $event, $fact, $at) = @_;
    return !is_late($event) || own_time($contact, $fact, $at) < $event->{dated_at};
}

sub follows {
    my ($contact, $event, $fact, $at) = @_;
    return !is_late($event) || own_time($contact, $fact, $at) <= $event->{dated_at};
}

# What restricts begins with the event, unless a late one comes behind what is known.
sub restrict {
    my ($contact, $event, $fact) = @_;
    return if defined $contact->{$fact} && !follows($contact, $event, $fact, $contact->{$fact});
    $contact->{$fact} = $event->{occurred_at};
    remember_own($contact, $fact, $event);
}

# Is it about an address that the contact has no longer?
sub of_former_address {
    my ($contact, $event) = @_;
    return defined $contact->{address_since}
        && ($event->{dated_at} // $event->{occurred_at}) <= $contact->{address_since};
}

# Are all errors of the run older than a late event? Where their times are not kept: is every fact?
sub run_is_older {
    my ($contact, $event, $policy) = @_;
    return 1 if !is_late($event) || !defined $contact->{kept_until} || $contact->{kept_until} < $event->{dated_at};
    my $run = kept_run($contact, $policy);
    return lifts($contact, $event, 'last_error_at', $run->{last_error_at})
        if defined $policy->{soft_bounce_memory} && defined $run->{last_error_at};
    return 0 if $run->{hard_bounces};
    return !grep { ($_->{own} // $_->{at}) >= $event->{dated_at} } first_few($run->{limit}, @{ $run->{run} });
}

# All facts, as far as the policy asks for them, to see whether an event changed one.
sub as_text {
    my ($contact, $policy) = @_;
    my $r = result($contact, $policy);
    my $text = sub { my ($v) = @_; return !defined $v ? '-' : ref $v ? join('/', map { $_ // '-' } @$v) : $v };
    return join ' ', $contact->{monitored}, $contact->{address_since} // '-',
        map({ $text->($r->{columns}{$_}) } sort keys %{ $r->{columns} }),
        map({ my $s = $r->{subscriptions}{$_};
                ($_, map { $s->{$_} // '-' } qw(consent consent_at requested_at request_key)) }
            sort keys %{ $r->{subscriptions} });
}

sub nulls_first {
    my ($x, $y) = @_;
    return (defined $x ? 1 : 0) <=> (defined $y ? 1 : 0) unless defined $x && defined $y;
    return $x <=> $y;
}

# Before an event at time t, and at the moment that is asked about: a suspension whose `until` <= t ends; and where the
# policy's unresponsive rule is met at t, the address becomes unresponsive.
sub pass_time {
    my ($contact, $policy, $t) = @_;
    $contact->{held} = 0 if defined $contact->{suspended_until} && $contact->{suspended_until} <= $t;

    my $campaigns = $policy->{unresponsive_campaigns};
    my $after     = $policy->{unresponsive_after};
    $contact->{unresponsive} = 1 if defined $campaigns && @{ $contact->{unanswered} } >= $campaigns;
    $contact->{unresponsive} = 1
        if defined $after && @{ $contact->{unanswered} } && $t - $contact->{unanswered_since} >= $after;
}

# --- Consent ----------------------------------------------------------------------------------------------------------

sub consent {
    my ($contact, $list) = @_;
    my $subscription = $contact->{subscriptions}{$list};
    return $subscription ? $subscription->{consent} : 'none';
}

# Whatever sets a consent settles a request that was pending on it.
sub set_consent {
    my ($contact, $list, $consent, $t, $own) = @_;
    $contact->{subscriptions}{$list} = { consent => $consent, consent_at => $t };
    $contact->{own}{"consent $list"} = $own;
}

# By an event: at its time.
sub consent_by {
    my ($contact, $event, $consent, $list) = @_;
    $list //= $event->{list_id};
    set_consent($contact, $list, $consent, $event->{occurred_at}, is_late($event) ? $event->{dated_at} : undef);
}

# The link of a late sign-up went to an address that the contact has no longer: it has the time at which it was sent.
sub await_confirmation {
    my ($contact, $event) = @_;
    return set_consent($contact, $event->{list_id}, 'unconfirmed', $event->{dated_at} // $event->{occurred_at})
        if of_former_address($contact, $event);
    consent_by($contact, $event, 'unconfirmed');
    # Where the address has changed, the link of an earlier sign-up must not do.
    request($contact, $event) if defined $contact->{address_since} && $event->{kind} eq 'signed_up';
}

sub request {
    my ($contact, $event) = @_;
    my $list = $event->{list_id};
    @{ $contact->{subscriptions}{$list} }{qw(requested_at request_key)} = @$event{qw(occurred_at event_key)};
    remember_own($contact, "request $list", $event);
}

sub consent_is {
    my ($compare, $contact, $event, $list) = @_;
    return $compare->($contact, $event, "consent $list", $contact->{subscriptions}{$list}{consent_at});
}

sub opt_out_of {
    my ($contact, $event, $list) = @_;
    return if consent($contact, $list) eq 'unsubscribed' && !consent_is(\&follows, $contact, $event, $list);
    consent_by($contact, $event, 'unsubscribed', $list);
}

# Does the list ask for double opt-in? As it was when the event was recorded.
sub double_opt_in {
    my ($event) = @_;
    my $settings = $event->{settings};
    return defined $settings->{list_double_opt_in} ? $settings->{list_double_opt_in} : $settings->{double_opt_in};
}

# A list joined after an account-wide opt-out begins unsubscribed, since that opt-out.
sub begin_subscription {
    my ($contact, $list) = @_;
    set_consent($contact, $list, 'unsubscribed', $contact->{unsubscribed_at}, $contact->{own}{unsubscribed_at})
        if consent($contact, $list) eq 'none' && defined $contact->{unsubscribed_at};
}

# A return ends a deletion. Where it does, consents so far are gone first; opt-outs and requests pending on them stay.
sub end_deletion {
    my ($contact, $event) = @_;
    return unless defined $contact->{deleted_at} && lifts($contact, $event, 'deleted_at', $contact->{deleted_at});
    delete $contact->{deleted_at};
    my $subscriptions = $contact->{subscriptions};
    for my $list (keys %$subscriptions) {
        delete $subscriptions->{$list}
            if $subscriptions->{$list}{consent} ne 'unsubscribed' && consent_is(\&follows, $contact, $event, $list);
    }
}

$effect{added} = sub {
    my ($contact, $event) = @_;
    my $list = $event->{list_id};
    begin_subscription($contact, $list);
    return unless consent($contact, $list) eq 'none';
    return await_confirmation($contact, $event)
        if $event->{settings}{import_consent} eq 'by_list' && double_opt_in($event);
    consent_by($contact, $event, 'active');
};

$effect{signed_up} = sub {
    my ($contact, $event) = @_;
    my $list = $event->{list_id};
    end_deletion($contact, $event);
    begin_subscription($contact, $list);
    my $consent = consent($contact, $list);
    if ($consent eq 'none' || $consent eq 'unconfirmed' && consent_is(\&follows, $contact, $event, $list)) {
        # With double opt-in, the time from which confirm_within counts begins (again).
        return await_confirmation($contact, $event) if double_opt_in($event);
        consent_by($contact, $event, 'active');
    }
    elsif ($consent eq 'unsubscribed') {
        my $subscription = $contact->{subscriptions}{$list};
        return if $event->{settings}{resubscribe} eq 'never';
        return if of_former_address($contact, $event) || !consent_is(\&lifts, $contact, $event, $list);
        return if defined $subscription->{requested_at}
            && !follows($contact, $event, "request $list", $subscription->{requested_at});
        request($contact, $event);
    }
};

$effect{confirmed} = sub {
    my ($contact, $event, $policy) = @_;
    my ($list, $t) = @$event{qw(list_id occurred_at)};
    my $consent = consent($contact, $list);
    my $within  = $event->{settings}{confirm_within};
    my $in_time = sub {
        my ($fact, $at) = @_;
        return defined $within && $t - $at > $within ? 0 : 1 unless is_late($event);
        my $since = own_time($contact, $fact, $at);
        return $since <= $event->{dated_at} && !(defined $within && $event->{dated_at} - $since > $within);
    };
    my $subscription = $contact->{subscriptions}{$list};
    if ($consent eq 'unconfirmed') {
        my $since = $subscription->{consent_at};
        $since = own_time($contact, "consent $list", $since) if is_late($event);
        # The link went to the mailbox that the contact had.
        return if defined $contact->{address_since} && $since <= $contact->{address_since}
            && !of_former_address($contact, $event);
        return unless $in_time->("consent $list", $subscription->{consent_at});
        return unless ($subscription->{request_key} // '') eq '' || $subscription->{request_key} eq $event->{event_key};
    }
    elsif ($consent eq 'unsubscribed') {
        return unless defined $subscription->{requested_at};
        return unless $in_time->("request $list", $subscription->{requested_at});
        return unless $subscription->{request_key} eq '' || $subscription->{request_key} eq $event->{event_key};
    }
    else {
        return;
    }
    consent_by($contact, $event, 'active');
    delete $contact->{erased_at}
        if defined $contact->{erased_at} && lifts($contact, $event, 'erased_at', $contact->{erased_at});
    # It took effect, and not by the owner's hand: the person has received our mail and clicked.
    return if defined $event->{source} && $event->{source} eq 'manual';
    return if of_former_address($contact, $event);
    $effect{validated}->($contact, $event, $policy);
    $effect{clicked}->($contact, $event, $policy);
};

$effect{resubscribed} = sub {
    my ($contact, $event) = @_;
    my $list = $event->{list_id};
    end_deletion($contact, $event);
    begin_subscription($contact, $list);
    return if $event->{settings}{resubscribe} eq 'never' || defined $contact->{complained_at}
        || defined $contact->{erased_at};
    return if consent($contact, $list) ne 'none' && !consent_is(\&lifts, $contact, $event, $list);
    consent_by($contact, $event, 'active');
};

# A sign-up that waits for a confirmation restricts more than no consent does, which an import may give.
$effect{removed} = sub {
    my ($contact, $event) = @_;
    my $list    = $event->{list_id};
    my $consent = consent($contact, $list);
    return if $consent eq 'none' || $consent eq 'unsubscribed';
    return if $consent eq 'unconfirmed' && !consent_is(\&follows, $contact, $event, $list);
    delete $contact->{subscriptions}{$list};
};

$effect{unsubscribed} = sub {
    my ($contact, $event) = @_;
    my $list = $event->{list_id};
    return opt_out_of($contact, $event, $list) if $event->{settings}{unsubscribe_scope} eq 'list' && defined $list;
    restrict($contact, $event, 'unsubscribed_at');
    # What an erasure leaves is lifted by a confirmed sign-up only.
    restrict($contact, $event, 'erased_at') if ($event->{source} // '') eq 'erasure';
    opt_out_of($contact, $event, $_) for keys %{ $contact->{subscriptions} };
};

# What is known of the old address stays with it. What waits for a confirmation is void: the link went there.
$effect{address_changed} = sub {
    my ($contact, $event, $policy) = @_;
    $effect{validated}->($contact, $event, $policy);
    $effect{clicked}->($contact, $event, $policy);
    delete @$_{qw(requested_at request_key)} for values %{ $contact->{subscriptions} };
    $contact->{address_since} = $event->{occurred_at};
};

# --- Holds of the whole address ---------------------------------------------------------------------------------------

$effect{complained} = sub { my ($contact, $event) = @_; restrict($contact, $event, 'complained_at') };
$effect{deleted}    = sub { my ($contact, $event) = @_; restrict($contact, $event, 'deleted_at') };
$effect{restored}   = sub {
    my ($contact, $event) = @_;
    delete $contact->{deleted_at}
        if defined $contact->{deleted_at} && lifts($contact, $event, 'deleted_at', $contact->{deleted_at});
};

$effect{suspended} = sub {
    my ($contact, $event) = @_;
    return if defined $contact->{suspended_at} && !follows($contact, $event, 'suspended_at', $contact->{suspended_at});
    $contact->{held}            = 1;
    $contact->{suspended_at}    = $event->{occurred_at};
    $contact->{suspended_until} = $event->{until};
    remember_own($contact, 'suspended_at', $event);
};

$effect{released} = sub {
    my ($contact, $event) = @_;
    return if defined $contact->{suspended_at} && !lifts($contact, $event, 'suspended_at', $contact->{suspended_at});
    $contact->{held} = 0;
    delete @$contact{qw(suspended_at suspended_until)};
};

# --- Interaction ------------------------------------------------------------------------------------------------------

$effect{visited} = sub { };    # makes the contact monitored, and no more
$effect{noted}   = sub { };    # says nothing about the contact

# Unresponsive from now on, until an interaction.
$effect{lapsed} = sub {
    my ($contact, $event) = @_;
    restrict($contact, $event, 'lapsed_at');
};

$effect{sent} = sub {
    my ($contact, $event) = @_;
    my $unanswered = $contact->{unanswered};
    return if grep { $_ == $event->{campaign_id} } @$unanswered;
    $contact->{unanswered_since} = $event->{occurred_at} unless @$unanswered;
    push @$unanswered, $event->{campaign_id};
};

$effect{opened} = $effect{clicked} = sub {
    my ($contact, $event, $policy) = @_;
    if (run_is_older($contact, $event, $policy)) {
        end_run($contact);
        $contact->{delivery} = undef;    # a delivery before it can no longer be taken back
    }
    delete $contact->{lapsed_at}
        if defined $contact->{lapsed_at} && lifts($contact, $event, 'lapsed_at', $contact->{lapsed_at});
    # The times of the campaigns are not kept: a late one counts only where it is later than all that is kept.
    if (!is_late($event) || !defined $contact->{kept_until} || $contact->{kept_until} < $event->{dated_at}) {
        $contact->{unanswered}   = [];
        $contact->{unresponsive} = 0;
        delete $contact->{unanswered_since};
    }
};

# --- Delivery and its errors ------------------------------------------------------------------------------------------

my @run_facts = qw(run hard_run hard_bounces last_error_at deliverability);

# Deliverability as new, its runs too.
sub delivery_anew {
    return (
        run             => [],          # soft errors that count: { campaign, at }
        hard_run        => [],          # campaigns of the hard ones, undef where it is not known
        hard_bounces    => 0,
        last_error_at   => undef,       # the last of both
        deliverability  => 'active',    # or soft_bounced, failing, hard_bounced
        hard_bounced_at => undef,
        delivery        => undef,       # a delivery that may yet be taken back: its campaign, and the run that it ended
    );
}

# The run of errors (soft and hard) is over; hard_bounced stays.
sub end_run {
    my ($contact) = @_;
    $contact->{run}            = [];
    $contact->{hard_run}       = [];
    $contact->{hard_bounces}   = 0;
    $contact->{last_error_at}  = undef;
    $contact->{deliverability} = 'active' unless $contact->{deliverability} eq 'hard_bounced';
}

$effect{delivered} = sub {
    my ($contact, $event, $policy) = @_;
    my $campaign = $event->{campaign_id};
    my $earlier  = $contact->{delivery};
    return if $earlier && defined $campaign && $earlier->{campaign} == $campaign;    # repeated ones are one
    return unless run_is_older($contact, $event, $policy);
    $contact->{delivery} = undef;
    if (defined $campaign) {
        my %before = map { $_ => $contact->{$_} } @run_facts;
        $contact->{delivery} = { %before, campaign => $campaign, run => [ @{ $contact->{run} } ],
            hard_run => [ @{ $contact->{hard_run} } ] };
    }
    end_run($contact);
};

# What every error does first: it is the next that comes after a delivery, and takes it back where that was of the same
# campaign, so that the run goes on as if it had not been delivered.
sub take_back_delivery {
    my ($contact, $event) = @_;
    my $delivery = $contact->{delivery} or return;
    $contact->{delivery} = undef;
    return unless defined $event->{campaign_id} && $event->{campaign_id} == $delivery->{campaign};
    @$contact{@run_facts} = @$delivery{@run_facts};
}

# Where the run is below its limits and its last counted error is more than soft_bounce_memory older, the run is over
# and the error begins a new one.
sub forget_old_run {
    my ($contact, $event, $policy) = @_;
    my ($memory, $last, $limit) = ($policy->{soft_bounce_memory}, $contact->{last_error_at},
        $policy->{soft_bounce_limit});
    my $t = $event->{occurred_at};
    ($last, $t) = (own_time($contact, 'last_error_at', $last), $event->{dated_at}) if defined $last && is_late($event);
    return unless defined $memory && defined $last && $t - $last > $memory;
    return if defined $limit && @{ $contact->{run} } >= $limit;
    end_run($contact);
}

# Errors never make deliverability better.
sub at_least {
    my ($contact, $deliverability, $event, $policy) = @_;
    my $top = greatest($contact->{deliverability}, $deliverability);
    return address_is_dead($contact, $event, $policy) if $top eq 'hard_bounced';
    $contact->{deliverability} = $top;
}

# Errors that are later than a late event must not be lifted together with what it says.
sub address_is_dead {
    my ($contact, $event, $policy) = @_;
    my $known = $contact->{hard_bounced_at};
    return if defined $known && !follows($contact, $event, 'hard_bounced_at', $known);
    my $older = run_is_older($contact, $event, $policy);
    %$contact = (%$contact, delivery_anew(), deliverability => 'hard_bounced',
        hard_bounced_at => $event->{occurred_at});
    remember_own($contact, 'hard_bounced_at', $event);
    delete $contact->{own}{hard_bounced_at} unless $older;
}

sub soft_error {
    my ($contact, $event, $policy) = @_;
    return if $contact->{deliverability} eq 'hard_bounced';
    take_back_delivery($contact, $event);
    forget_old_run($contact, $event, $policy);
    my ($campaign, $t) = @$event{qw(campaign_id occurred_at)};
    at_least($contact, 'soft_bounced', $event, $policy);

    # Campaigns overlap: each is counted by itself. No campaign: always counted.
    if (defined $campaign) {
        my @same   = grep { defined $_->{campaign} && $_->{campaign} == $campaign } @{ $contact->{run} };
        my $most   = $policy->{soft_bounces_per_campaign};
        my $window = $policy->{soft_bounce_window};
        return if defined $most && @same >= $most;
        my $since = @same && is_late($event) ? $event->{dated_at} - ($same[0]{own} // $same[0]{at}) : @same
            ? $t - $same[0]{at} : 0;
        return if defined $window && $since > $window;
    }
    # A run at its limit does not end by its age, so that the times of further errors do not matter.
    my $limit = $policy->{soft_bounce_limit};
    return at_least($contact, 'hard_bounced', $event, $policy)
        if defined $limit && @{ $contact->{run} } + 1 >= $limit && $policy->{soft_bounce_outcome} eq 'hard_bounced';
    restrict($contact, $event, 'last_error_at') unless defined $limit && @{ $contact->{run} } >= $limit;
    push @{ $contact->{run} }, { campaign => $campaign, at => $t, own => $event->{dated_at} };
    at_least($contact, $policy->{soft_bounce_outcome}, $event, $policy)
        if defined $limit && @{ $contact->{run} } >= $limit;
}

sub hard_error {
    my ($contact, $event, $policy, $limit) = @_;
    return if $contact->{deliverability} eq 'hard_bounced';
    take_back_delivery($contact, $event);
    forget_old_run($contact, $event, $policy);
    my ($campaign, $most) = ($event->{campaign_id}, $policy->{hard_bounces_per_campaign});
    return
        if defined $most && defined $campaign && $most <= grep { defined && $_ == $campaign } @{ $contact->{hard_run} };
    return at_least($contact, 'hard_bounced', $event, $policy) if $contact->{hard_bounces} + 1 >= $limit;
    push @{ $contact->{hard_run} }, $campaign;
    restrict($contact, $event, 'last_error_at');
    $contact->{hard_bounces}++;
    at_least($contact, 'soft_bounced', $event, $policy);
}

$effect{soft_bounced} = \&soft_error;

$effect{blocked} = sub {
    my ($contact, $event, $policy) = @_;
    soft_error($contact, $event, $policy) if $policy->{blocked_counts};
};

$effect{hard_bounced} = sub {
    my ($contact, $event, $policy) = @_;
    return soft_error($contact, $event, $policy) unless defined $policy->{hard_bounce_limit};
    hard_error($contact, $event, $policy, $policy->{hard_bounce_limit});
};

$effect{nonexistent} = sub {
    my ($contact, $event, $policy) = @_;
    hard_error($contact, $event, $policy, defined $policy->{hard_bounce_limit} ? $policy->{hard_bounce_limit} : 1);
};

$effect{invalidated} = \&address_is_dead;
$effect{validated}   = sub {
    my ($contact, $event, $policy) = @_;
    my $dead = $contact->{hard_bounced_at};
    return if defined $dead && !lifts($contact, $event, 'hard_bounced_at', $dead);
    %$contact = (%$contact, delivery_anew()) if run_is_older($contact, $event, $policy);
};

# What a late event says of an address that the contact has no longer does not touch the one that it has.
for my $kind (
    qw(sent delivered opened clicked soft_bounced blocked hard_bounced nonexistent invalidated validated lapsed)) {
    my $of_its_address = $effect{$kind};
    $effect{$kind} = sub { $of_its_address->(@_) unless is_late($_[1]) && of_former_address(@_[ 0, 1 ]) };
}

# --- What the facts say -----------------------------------------------------------------------------------------------

sub result {
    my ($contact, $policy) = @_;

    my @address = ($contact->{deliverability});
    push @address, 'unresponsive' if $contact->{unresponsive} || defined $contact->{lapsed_at};
    push @address, 'suspended'    if $contact->{held};
    push @address, 'complained'   if defined $contact->{complained_at};
    push @address, 'deleted'      if defined $contact->{deleted_at};

    # Of a subscription: the greatest over its consent and the address facts. Of a contact: the least over its
    # subscriptions; without any, the address facts and the want of a consent.
    my $subscriptions = $contact->{subscriptions};
    $_->{status} = greatest($_->{consent}, @address) for values %$subscriptions;
    my $status = %$subscriptions
        ? least(map { $_->{status} } values %$subscriptions)
        : greatest(defined $contact->{unsubscribed_at} ? 'unsubscribed' : 'unconfirmed', @address);

    my $delivery = $contact->{delivery};
    my %facts = (
        run                => [ map { { campaign => $_->{campaign}, at => $_->{at} } } @{ $contact->{run} } ],
        hard_bounces       => $contact->{hard_bounces},
        (map { $_ => $contact->{$_} } qw(hard_run last_error_at)),
        ended_run          => $delivery ? { map { $_ => $delivery->{$_} } @run_facts } : undef,
        delivered_campaign => $delivery ? $delivery->{campaign} : undef,
        map { $_ => $contact->{$_} } qw(hard_bounced_at unanswered unanswered_since suspended_at suspended_until
            complained_at deleted_at unsubscribed_at lapsed_at),
    );
    return {
        status        => $status,
        monitored     => $contact->{monitored},
        subscriptions => {
            map { my $list = $_; $list => { map { $_ => $subscriptions->{$list}{$_} }
                qw(status consent consent_at requested_at request_key) } } keys %$subscriptions
        },
        facts   => \%facts,
        columns => columns(\%facts, $policy),
    };
}

# The facts as the columns of `contact` keep them: no more of each than the policy can ask for, and nothing where it has
# no rule. Empty lists are empty here, whether the column says null or {}.
sub columns {
    my ($facts, $policy) = @_;

    my $kept = kept_run({ %$facts, delivery => $facts->{ended_run} }, $policy);
    my $ended = $kept->{is_ended};
    my @run  = first_few($kept->{limit}, @{ $kept->{run} });

    my $most = defined $policy->{unresponsive_campaigns} ? $policy->{unresponsive_campaigns}
        : defined $policy->{unresponsive_after}          ? 1
        :                                                  0;
    return {
        run_campaigns      => [ map { $_->{campaign} } @run ],
        run_times          => [ map { $_->{at} } @run ],
        hard_bounces       => $kept->{hard_bounces},
        hard_bounce_campaigns => defined $policy->{hard_bounces_per_campaign} ? $kept->{hard_run} : [],
        last_error_at      => defined $policy->{soft_bounce_memory} ? $kept->{last_error_at} : undef,
        delivered_campaign => $ended ? $facts->{delivered_campaign} : undef,
        unanswered         => [ first_few($most, @{ $facts->{unanswered} }) ],
        unanswered_since   => $most ? $facts->{unanswered_since} : undef,
        map { $_ => $facts->{$_} }
            qw(hard_bounced_at suspended_at suspended_until complained_at deleted_at unsubscribed_at lapsed_at),
    };
}

# The run as it is kept: a delivery that may be taken back, but ended nothing, is no fact. Otherwise the run is the one
# that it ended. Without a limit it matters only whether there was any error, but for campaigns of errors that memory
# may end.
sub kept_run {
    my ($contact, $policy) = @_;
    my $ended = $contact->{delivery};
    undef $ended if $ended && !@{ $ended->{run} } && !$ended->{hard_bounces};
    my $by_campaign = defined $policy->{soft_bounces_per_campaign} || defined $policy->{soft_bounce_window};
    my $limit = $policy->{soft_bounce_limit} // (defined $policy->{soft_bounce_memory} && $by_campaign ? 1000 : 1);
    return { (map { $_ => ($ended // $contact)->{$_} } @run_facts), is_ended => $ended, limit => $limit };
}

sub first_few { my ($n, @all) = @_; splice @all, $n if @all > $n; return @all }

1;
