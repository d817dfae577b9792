# Few contacts and what many sessions do to them at random: events of all kinds around now, imports, retractions,
# settings.
package Load;

use strict;
use warnings;
use Exporter 'import';
use POSIX ();
use Time::HiRes qw(time);

our @EXPORT = qw(@lasting @deletable @contacts @levels %settings @policies pick chance between timestamp around
    random_event
    by_key insert key_of insert_contact change_address import_rows suppress retract change_setting world);

# Contacts as [account, contact]. Nobody deletes the lasting ones, so that an event of theirs may not be refused.
our @lasting   = ((map { [ 1, $_ ] } 1 .. 20), (map { [ 2, $_ ] } 1 .. 10));
our @deletable = map { [ 1, $_ ] } 31 .. 40;
our @contacts  = (@lasting, @deletable);
our @levels    = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');

my @kinds = qw(noted signed_up added confirmed resubscribed released restored validated sent delivered opened
    clicked visited
    soft_bounced blocked hard_bounced nonexistent invalidated lapsed suspended removed unsubscribed complained deleted);
my %place = map { $kinds[$_] => $_ } 0 .. $#kinds;
my %of_a_list = map { $_ => 1 } qw(signed_up added confirmed resubscribed removed);

# Errors and deliveries most often, as in life; what lasts for good seldom.
my %weight = (
    (map { $_ => 8 } qw(delivered soft_bounced sent)),
    (map { $_ => 3 } qw(opened clicked blocked hard_bounced added signed_up)),
    (map { $_ => 2 } qw(confirmed resubscribed unsubscribed removed validated suspended released)));
my @weighted = map { my $kind = $_; ($kind) x ($weight{$kind} // 1) } @kinds;

our %settings = (
    import_consent            => [ "'subscribed'", "'by_list'" ],
    double_opt_in             => [qw(true false)],
    soft_bounce_limit         => [qw(NULL 1 2 3 4)],
    soft_bounces_per_campaign => [qw(NULL 1 2)],
    soft_bounce_window        => [ 'NULL', "interval '30 milliseconds'" ],
    soft_bounce_outcome       => [ "'failing'", "'hard_bounced'" ],
    blocked_counts            => [qw(true false)],
    soft_bounce_memory        => [ 'NULL', "interval '20 milliseconds'" ],
    hard_bounce_limit         => [qw(NULL 1 2 3)],
    hard_bounces_per_campaign => [qw(NULL 1)],
    unresponsive_campaigns    => [qw(NULL 2 4)],
    unresponsive_after        => [ 'NULL', "interval '40 milliseconds'" ],
    unsubscribe_scope         => [ "'list'", "'account'" ],
    resubscribe               => [ "'never'", "'confirmed'" ],
    confirm_within            => [ 'NULL', "interval '25 milliseconds'" ],
);
our @policies = qw(default salesmanago activecampaign ecomail emailmanager own);

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
    return $left->{account} <=> $right->{account} || $left->{contact} <=> $right->{contact}
        || $left->{at} <=> $right->{at}
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
    return 'INSERT INTO crm.event (account_id, contact_id, list_id, campaign_id, kind, occurred_at, event_key, evidence,
            until) VALUES '
        . join(', ', @rows);
}

sub key_of { my ($contact) = @_; return "(account_id, contact_id) = ($contact->[0], $contact->[1])" }

# An address that no other contact may have. Those of the first five do not change, so that an import may bring them
# again.
sub address {
    my ($contact) = @_;
    return "c$contact->[1]." . ($contact->[1] <= 5 ? 0 : between(1, 3)) . '@example.org';
}

sub insert_contact {
    my ($contact) = @_;
    return "INSERT INTO crm.contact (account_id, contact_id, email) VALUES "
        . "($contact->[0], $contact->[1], '" . address($contact) . "') ON CONFLICT DO NOTHING";
}

sub change_address {
    my ($contact) = @_;
    return "UPDATE crm.contact SET email = '" . address($contact) . "' WHERE " . key_of($contact);
}

# Addresses of account 1 that lists from elsewhere bring: of contacts that last, and of others that come and go.
sub brought { return pick(map({ "c$_.0\@example.org" } 1 .. 5), map { "i$_\@example.org" } 1 .. 12) }

# What goes into a table `staging` (email, occurred_at, status), in any order.
sub import_rows {
    return 'INSERT INTO staging VALUES ' . join ', ', map {
        "('" . brought() . "', '" . timestamp(around(time)) . "', "
            . pick("'active'", 'NULL', 'NULL', "'unsubscribed'", "'suspended'") . ')'
    } 1 .. between(1, 8);
}

sub suppress {
    my $kind = pick(qw(unsubscribed unsubscribed invalidated));
    my $list = $kind eq 'unsubscribed' && chance(0.7) ? between(1, 3) : 'NULL';
    my $which = chance(0.5) ? "suppress('crm', 1, '" . brought() . "'"
        : "suppress_all('crm', 1, ARRAY['" . join("', '", map { brought() } 1 .. 4) . "']";
    return "SELECT contact_status.$which, '$kind', $list, '" . timestamp(around(time)) . "', 'elsewhere')";
}

# What was recorded of some contacts in the last moments, or a retraction of that taken back.
sub retract {
    return 'SELECT u.* FROM (SELECT * FROM crm.retraction WHERE undone_at IS NULL ORDER BY random() LIMIT 1) AS r, '
        . "contact_status.undo_retraction('crm', r.retraction_id, r.account_id) AS u" if chance(0.4);
    my $account = between(1, 2);
    my $ids     = join ', ', map { $_->[1] } grep { $_->[0] == $account && chance(0.2) } @contacts;
    return "SELECT * FROM contact_status.retract_events('crm', 'a test', $account, "
        . "since => '" . timestamp(int((time - 0.1) * 1_000_000)) . "', contact_ids => '{$ids}', "
        . "kinds => '{"
            . join(',', pick(qw(unsubscribed added complained)), pick(qw(soft_bounced hard_bounced delivered))) . "}')";
}

sub change_setting {
    my $account = between(1, 2);
    my $setting = pick(sort keys %settings);
    return pick(
        "UPDATE crm.policy SET $setting = " . pick(@{ $settings{$setting} }) . " WHERE name = 'own'",
        "UPDATE crm.account SET policy = '" . pick(@policies) . "' WHERE account_id = $account",
        "UPDATE crm.list SET double_opt_in = " . pick(qw(NULL true false))
            . " WHERE (account_id, list_id) = ($account, " . between(1, 3) . ')',
    );
}

# The statements that make all this.
sub world {
    return (
        'CREATE EXTENSION contact_status',
        "SELECT contact_status.create_tables('crm')",
        'ALTER TABLE crm.contact ADD COLUMN touched bigint NOT NULL DEFAULT 0',
        'ALTER TABLE crm.contact ALTER COLUMN contact_id RESTART WITH 1000',    # those that imports make
        'ALTER TABLE crm.subscription ADD COLUMN touched bigint NOT NULL DEFAULT 0',
        "INSERT INTO crm.policy (name, soft_bounce_limit) VALUES ('own', 3)",
        "INSERT INTO crm.account (account_id, policy) VALUES (2, 'own')",
        'INSERT INTO crm.list (account_id, list_id, double_opt_in) VALUES
            (1, 2, true), (1, 3, false), (2, 1, NULL), (2, 2, true), (2, 3, false)',
        map { insert_contact($_) } @contacts,
    );
}

1;
