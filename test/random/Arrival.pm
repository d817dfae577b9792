# How it became known: a script of SQL that records a world's events in some order, in batches of one to thousands, some
# of them more than once, some in transactions that are rolled back and tried again, some by COPY, and in some runs with
# settings that change between batches.
#
# Each event is given `settings`, those in force when it was recorded, and `statement`, the number of the statement that
# did it; for the rest the order of arrival must not matter.
package Arrival;

use strict;
use warnings;
use POSIX ();
use Generate;

BEGIN { *pick = \&Generate::pick; *chance = \&Generate::chance; *shuffle = \&Generate::shuffle }

my @COLUMNS = qw(account_id contact_id list_id campaign_id kind occurred_at event_key source evidence reason
    reply until);
my %TIMES   = map { $_ => 1 } qw(occurred_at until);

# --- SQL --------------------------------------------------------------------------------------------------------------

sub timestamp {
    my ($t) = @_;
    my $seconds = POSIX::floor($t / 1_000_000);
    return POSIX::strftime('%Y-%m-%d %H:%M:%S', gmtime $seconds) . sprintf '.%06d+00', $t - $seconds * 1_000_000;
}

sub quote { my ($text) = @_; return 'NULL' unless defined $text; $text =~ s/'/''/g; return "'$text'" }

sub value {
    my ($event, $column) = @_;
    my $v = $event->{$column};
    return defined $v && $TIMES{$column} ? timestamp($v) : $v;
}

sub insert_sql {
    my ($schema, @events) = @_;
    my @rows = map { my $e = $_; '(' . join(', ', map { quote(value($e, $_)) } @COLUMNS) . ')' } @events;
    return "INSERT INTO $schema.event (" . join(', ', @COLUMNS) . ")\nVALUES " . join(",\n  ", @rows)
        . "\nON CONFLICT DO NOTHING;\n";
}

sub copy_sql {
    my ($schema, @events) = @_;
    my $rows = '';
    for my $e (@events) {
        my @fields = map { value($e, $_) } @COLUMNS;
        for (@fields) {
            if (defined) { s/\\/\\\\/g; s/\t/\\t/g; s/\n/\\n/g }
            else         { $_ = '\N' }
        }
        $rows .= join("\t", @fields) . "\n";
    }
    return "COPY $schema.event (" . join(', ', @COLUMNS) . ") FROM STDIN;\n$rows\\.\n";
}

# A setting of a policy as SQL: lengths of time in seconds, that is, in neither months nor days.
my %IS_LENGTH = map { $_ => 1 } qw(soft_bounce_window soft_bounce_memory unresponsive_after confirm_within);
my %IS_TRUTH  = map { $_ => 1 } qw(double_opt_in blocked_counts);

sub setting_sql {
    my ($setting, $value) = @_;
    return 'NULL' unless defined $value;
    return $value ? 'true' : 'false' if $IS_TRUTH{$setting};
    return sprintf "interval '%d seconds'", $value / $Generate::SECOND if $IS_LENGTH{$setting};
    return "'{" . join(',', @$value) . "}'" if ref $value;
    return quote($value);
}

# The tables with policies, accounts, lists and contacts; and what is done to the tables first.
sub setup_sql {
    my ($world, $schema, $first) = @_;
    my $every = $first ? undef : pick(undef, '7 days', '1 month');
    my $sql = "SELECT contact_status.create_tables('$schema', policy => '$world->{first_policy}'"
        . ($every ? ", partition_by => '$every'" : '') . ");
" . ($first // '');
    # the events of some more weeks lie in partitions, older ones in the default partition
    $sql .= "SELECT contact_status.add_partitions('$schema', '$every', since => now() - interval '20 days');
" if $every;
    for my $name (sort grep { /^custom/ } keys %{ $world->{policies} }) {
        my $policy   = $world->{policies}{$name};
        my @settings = sort keys %$policy;
        $sql .= "INSERT INTO $schema.policy (name, " . join(', ', @settings) . ") VALUES ('$name', "
            . join(', ', map { setting_sql($_, $policy->{$_}) } @settings) . ");\n";
    }
    for my $id (sort { $a <=> $b } keys %{ $world->{accounts} }) {
        my $account = $world->{accounts}{$id};
        $sql .= "INSERT INTO $schema.account (account_id, policy) VALUES ($id, '$account->{policy}');\n"
            unless $id == 1;
        for my $list (sort keys %{ $account->{lists} }) {
            next if $id == 1 && $list == 1;
            $sql .= "INSERT INTO $schema.list (account_id, list_id, name, double_opt_in) OVERRIDING SYSTEM VALUE "
                . "VALUES ($id, $list, 'list $list', "
                    . setting_sql('double_opt_in', $account->{lists}{$list}) . ");\n";
        }
        $sql .= "INSERT INTO $schema.contact (account_id, contact_id, email) OVERRIDING SYSTEM VALUE "
            . "SELECT $id, i, 'person' || i || '\@example.org' FROM generate_series(1, $account->{contacts}) i;\n";
    }
    return $sql;
}

# --- Settings that change ---------------------------------------------------------------------------------------------

sub settings_now {
    my ($world, $event) = @_;
    my $account = $world->{accounts}{ $event->{account_id} };
    my $policy  = $world->{policies}{ $account->{policy} };
    return {
        (map { $_ => $policy->{$_} } @Generate::CONSENT_SETTINGS),
        list_double_opt_in => defined $event->{list_id} ? $account->{lists}{ $event->{list_id} } : undef,
    };
}

# Changes one setting in the world, and says it in SQL.
sub change_setting {
    my ($world, $schema) = @_;
    my $id      = pick(sort { $a <=> $b } keys %{ $world->{accounts} });
    my $account = $world->{accounts}{$id};
    my $what    = pick(qw(policy policy account list list));
    if ($what eq 'policy') {
        my $setting = chance(0.7) ? pick(@Generate::CONSENT_SETTINGS) : pick(sort keys %Generate::CHOICES);
        my $value   = pick(@{ $Generate::CHOICES{$setting} });
        $world->{policies}{ $account->{policy} }{$setting} = $value;
        return "UPDATE $schema.policy SET $setting = " . setting_sql($setting, $value)
            . " WHERE name = '$account->{policy}';\n";
    }
    if ($what eq 'account') {
        $account->{policy} = pick(sort keys %{ $world->{policies} });
        return "UPDATE $schema.account SET policy = '$account->{policy}' WHERE account_id = $id;\n";
    }
    my $list = pick(sort keys %{ $account->{lists} });
    my $asks = $account->{lists}{$list} = pick(undef, 0, 1);
    return "UPDATE $schema.list SET double_opt_in = " . setting_sql('double_opt_in', $asks)
        . " WHERE (account_id, list_id) = ($id, $list);\n";
}

# --- Horizons ---------------------------------------------------------------------------------------------------------

# Sets a horizon of an account, at or right behind a known event, and now and then drops what lies before it. Some of
# what was dropped is heard again: a provider replays it.
sub set_horizon {
    my ($world, $schema, $known, $again) = @_;
    my $id      = pick(sort { $a <=> $b } keys %{ $world->{accounts} });
    my $account = $world->{accounts}{$id};
    my @its     = grep { $_->{account_id} == $id } @$known;
    return '' unless @its;
    my $before = pick(@its)->{occurred_at} + pick(0, 1);
    return '' if defined $account->{horizon} && $account->{horizon} > $before;
    $account->{horizon} = $before;
    $account->{kept}++;
    my $time = quote(timestamp($before));
    my $sql = chance(0.7) ? "SELECT contact_status.set_horizon('$schema', $id, $time);\n"
        : "CALL contact_status.move_horizon('$schema', $id, $time, batch => 3);\n";
    if (chance(0.6)) {
        $sql .= "DELETE FROM $schema.event WHERE account_id = $id AND occurred_at < $time;\n";
        my %seen;    # one that was sent twice is known twice
        my @dropped = grep { $_->{occurred_at} < $before && !$_->{dropped} && !$seen{$_}++ } @its;
        $_->{dropped} = 1 for @dropped;
        my $share = pick(0, 0.1, 0.5, 1);
        my @replayed = map { my %event = (%$_, replayed => 1, dropped => 0);
            delete @event{qw(settings judged_at kept)}; \%event }
            grep { chance($share) } @dropped;
        push @{ $world->{events} }, @replayed;
        $again->(@replayed);
    }
    return $sql;
}

# --- The script -------------------------------------------------------------------------------------------------------

sub by_time { return sort { $a->{occurred_at} <=> $b->{occurred_at} } @_ }

my %ORDERS = (
    random   => \&shuffle,
    in_order => \&by_time,
    reversed => sub { return reverse by_time(@_) },
    nearly   => sub {                                  # in order, but for some that come late
        my @sorted = by_time(@_);
        my @rank   = map { $_ + (chance(0.1) ? rand @sorted : 0) } 0 .. $#sorted;
        return @sorted[ sort { $rank[$a] <=> $rank[$b] } 0 .. $#sorted ];
    },
);

# (world, schema, changing => does a setting change now and then?, horizons => are there some?) -> { sql, order, counts
# of what is in it }
sub script {
    my ($world, $schema, %args) = @_;
    my $order = pick(qw(random random in_order reversed nearly));
    my @queue = $ORDERS{$order}->(shuffle(@{ $world->{events} }));
    my $largest = pick(20, 300, 3000);
    my $singles = int(@queue * 0.03);    # the first ones come alone
    my ($sql, @known) = ('');
    my %count = map { $_ => 0 } qw(statements sent_again copies rolled_back changes horizons replayed);

    # An INSERT or a COPY; what it is meant to keep is recorded, unless it was so before.
    my $send = sub {
        my ($how, $keep, @events) = @_;
        $count{statements}++;
        $sql .= $how eq 'copy' ? copy_sql($schema, @events) : insert_sql($schema, @events);
        return unless $keep;
        for my $event (grep { !$_->{settings} } @events) {
            $event->{settings}  = settings_now($world, $event);
            $event->{statement} = $count{statements};
            my $account = $world->{accounts}{ $event->{account_id} };
            @$event{qw(judged_at kept)} = @$account{qw(horizon kept)}
                if defined $account->{horizon} && $event->{occurred_at} < $account->{horizon};
            push @known, $event;
        }
    };
    # The batch with some of its events twice, and some known before.
    my $with_repeats = sub {
        my @batch = @_;
        my @again = grep { chance(0.1) } @batch;
        # one that was dropped would be another one
        my @there = grep { !$_->{dropped} } @known;
        push @again, map { pick(@there) } 1 .. 1 + @batch / 10 if @there && chance(0.6);
        $count{sent_again} += @again;
        return shuffle(@batch, @again);
    };
    # What was dropped comes again later, some of it together.
    my $replay = sub {
        my @events = @_;
        $count{replayed} += @events;
        splice @queue, int rand(@queue + 1), 0, splice @events, 0, 1 + int rand @events while @events;
    };
    # What was rolled back comes again later.
    my $later = sub {
        my @events = @_;
        $count{rolled_back} += @events;
        splice @queue, int rand(@queue + 1), 0, @events;
    };

    while (@queue) {
        if ($args{changing} && chance(0.4)) {
            $sql .= change_setting($world, $schema);
            $count{changes}++;
        }
        if ($args{horizons} && chance(0.1) && (my $set = set_horizon($world, $schema, \@known, $replay))) {
            $sql .= $set;
            $count{horizons}++;
        }
        my $size = $singles-- > 0 ? 1 : POSIX::ceil(exp rand log $largest);
        my @batch = splice @queue, 0, $size;
        my $way = $args{transactions} ? pick(qw(insert insert copy savepoint rollback)) : pick(qw(insert insert copy));

        if ($way eq 'insert') {
            $send->('insert', 1, $with_repeats->(@batch));
        }
        elsif ($way eq 'copy') {
            $count{copies}++;
            $send->('copy', 1, @batch);
        }
        elsif ($way eq 'rollback') {
            $sql .= "BEGIN;\n";
            $send->(pick(qw(insert copy)), 0, @batch);
            $sql .= "ROLLBACK;\n";
            $later->(@batch);
        }
        else {
            # First part kept, second rolled back to the savepoint, third kept.
            my @part = ([], [], []);
            push @{ $part[ int rand 3 ] }, $_ for @batch;
            $sql .= chance(0.3) ? "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" : "BEGIN;\n";
            $send->('insert', 1, $with_repeats->(@{ $part[0] })) if @{ $part[0] };
            $sql .= "SAVEPOINT here;\n";
            $send->('insert', 0, $with_repeats->(@{ $part[1] })) if @{ $part[1] };
            $sql .= "ROLLBACK TO SAVEPOINT here;\n";
            # Now and then the part is tried again at once.
            my @retried = chance(0.3) ? splice @{ $part[1] } : ();
            $send->('insert', 1, $with_repeats->(@{ $part[2] }, @retried)) if @{ $part[2] } || @retried;
            $sql .= "COMMIT;\n";
            $later->(@{ $part[1] });
        }
    }
    return { sql => $sql, order => $order, count => \%count };
}

1;
