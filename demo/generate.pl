#!/usr/bin/perl
# Made demo/data/*.csv, the story that `make demo` plays: eight weeks of a book shop's mailings. The same files come out
# each time. To change the story, change this, run `perl demo/generate.pl` and look at what `make demo` prints.
use strict;
use warnings;
use FindBin;

srand 1605;

use constant { MINUTE => 60, HOUR => 3600, DAY => 86400 };

# Times are seconds before the moment at which the story is played: negative.
my @campaigns = (
    { name => 'News 1',     list => 'newsletter', at => -57 * DAY - 2 * HOUR },
    { name => 'Offers 1',   list => 'offers',     at => -54 * DAY },
    { name => 'News 2',     list => 'newsletter', at => -50 * DAY - 2 * HOUR },
    { name => 'Club 1',     list => 'club',       at => -46 * DAY },
    { name => 'News 3',     list => 'newsletter', at => -43 * DAY - 2 * HOUR },
    { name => 'News 4',     list => 'newsletter', at => -36 * DAY - 2 * HOUR },
    { name => 'Offers 2',   list => 'offers',     at => -33 * DAY },
    { name => 'News 5',     list => 'newsletter', at => -29 * DAY - 2 * HOUR },
    { name => 'News 6',     list => 'newsletter', at => -22 * DAY - 2 * HOUR },
    { name => 'Offers 3',   list => 'offers',     at => -18 * DAY },
    { name => 'News 7',     list => 'newsletter', at => -15 * DAY - 2 * HOUR },
    { name => 'Club 2',     list => 'club',       at => -11 * DAY },
    { name => 'News 8',     list => 'newsletter', at => -8 * DAY - 2 * HOUR },
    { name => 'Offers 4',   list => 'offers',     at => -3 * DAY },
);

# --- Events -----------------------------------------------------------------------------------------------------------

my (@events, %seen);

# Records that something happened to a contact. `delay`: how long after it happened we heard of it.
sub event {
    my ($contact, $kind, $at, %more) = @_;
    my $delay = delete $more{delay} || 0;
    my $heard = $at + $delay > -MINUTE ? -MINUTE : $at + $delay;
    push @events, { email => $contact->{email}, kind => $kind, at => int $at, heard => $heard, %more };
}

# What the mail provider tells by webhook: mostly within a minute, at times days late, at times twice.
sub webhook {
    my ($contact, $kind, $at, $campaign, %more) = @_;
    return if $at > -10 * MINUTE;
    %more = (campaign => $campaign->{name}, source => 'webhook', %more);
    my $delay = chance(0.04) ? (2 + rand 60) * HOUR : rand 50;
    event($contact, $kind, $at, %more, delay => $delay);
    event($contact, $kind, $at, %more, delay => $delay + 20 + rand(2) * HOUR) if chance(0.03);
}

sub chance { return rand() < $_[0] }
sub pick   { return $_[ int rand @_ ] }

# --- People -----------------------------------------------------------------------------------------------------------

my @first = qw(
    ada alba alice anton beata bela bruno carla cesare chiara clara daniel david diego dora elena elias emil emma
    enzo erik eva felix filip flora frida gaia greta hana hugo ida igor ines irena ivan jakub jana joana jonas julia
    kamil karel katja klara lara laura lea lena leo linda livia luca lucia magda marco marek maria marta martin
    mateus maya milan mina mira nadia nela nina nora olga oscar otto paola paula pavel pedro petra piotr rafael
    renata rita roman rosa sara silvia simon sofia stefan tereza tomas vera viktor wanda yara zofia
);
my @last = qw(
    almeida bauer benes bianchi blaha braga brandt carvalho cerny conti costa dias dvorak esposito fabian ferrari
    fiala fontana gallo gomes greco hahn horak hruska jansen kaminski keller klein kowal krol lang leite lima lopes
    mancini marino martins mazur melo moretti moser neumann nowak pinto pokorny prado ramos ricci rocha roman rossi
    santos silva sobral sousa sykora teixeira tichy urban vasek vieira vitale vogel wagner weiss winter wolf zajac
    zeman
);
my @hosts = (('example.com') x 5, ('example.org') x 3, ('example.net') x 2, 'mail.example.com', 'post.example.org');

my @contacts;

# A new contact; `reads`: how likely it opens a campaign.
sub contact {
    my (%more) = @_;
    my $email;
    do { $email = pick(@first) . '.' . pick(@last) . '@' . pick(@hosts) } while $seen{$email}++;
    my $contact = { email => $email, reads => 0.45 + rand 0.5, on => {}, %more };
    push @contacts, $contact;
    return $contact;
}

sub import_to {
    my ($contact, $list, $at) = @_;
    event($contact, 'added', $at, list => $list, source => 'import');
    $contact->{on}{$list} = $at;
}

sub sign_up {
    my ($contact, $list, $at, %more) = @_;
    my $key = $more{key} || sprintf 'form-%05d', 10000 + scalar @events;
    event($contact, 'signed_up', $at, list => $list, source => 'form', event_key => $key);
    return $key if $more{unconfirmed};
    my $confirmed = $at + ($more{after} || 90 + rand 40 * MINUTE);
    event($contact, 'confirmed', $confirmed, list => $list, source => 'form', event_key => $key);
    $contact->{on}{$list} = $confirmed;
    return $key;
}

sub opt_out {
    my ($contact, $at, $list) = @_;
    event($contact, 'unsubscribed', $at, source => 'link', $list ? (list => $list) : ());
    $contact->{off}{$_} = $at for $list ? $list : keys %{ $contact->{on} };
}

# --- How an address takes a campaign ----------------------------------------------------------------------------------

my @full = ('452 4.2.2 mailbox full', '452 4.2.2 over quota', '552 5.2.2 mailbox full, try again later');
my @busy = ('451 4.7.1 greylisted, please retry', '421 4.3.2 server busy', '450 4.2.0 mailbox busy');
my $spam = '554 5.7.1 message refused, looks like bulk mail';

sub reads {
    my ($contact, $campaign, $at) = @_;
    webhook($contact, 'delivered', $at + 5 + rand 90, $campaign);
    return unless chance($contact->{reads});
    my $opened = $at + 10 * MINUTE + rand(30) * HOUR;
    webhook($contact, 'opened', $opened, $campaign);
    webhook($contact, 'clicked', $opened + 10 + rand 200, $campaign) if chance(0.25);
}

sub refuses {
    my ($kind, @reasons) = @_;
    return sub {
        my ($contact, $campaign, $at) = @_;
        webhook($contact, $kind, $at + 5 + rand 300, $campaign, reason => pick(@reasons));
    };
}

# Some errors within hours of one campaign, and then the mail after all, or not.
sub retries {
    my ($errors, $delivered) = @_;
    return sub {
        my ($contact, $campaign, $at) = @_;
        my $time = $at;
        for (1 .. $errors) {
            $time += 2 * HOUR + rand 4 * HOUR;
            webhook($contact, 'soft_bounced', $time, $campaign, reason => pick(@busy));
        }
        reads($contact, $campaign, $time + 2 * HOUR) if $delivered;
    };
}

sub accepts_then_bounces {
    my ($contact, $campaign, $at) = @_;
    webhook($contact, 'delivered', $at + 20, $campaign);
    webhook($contact, 'soft_bounced', $at + 10 * MINUTE + rand 300, $campaign,
        reason => 'bounced after acceptance: mailbox full');
}

# The behaviour from the Nth campaign (of this contact) on; before that, a reader.
sub from {
    my ($number, $then) = @_;
    my $count = 0;
    return sub { ++$count < $number ? reads(@_) : $then->(@_) };
}

# --- The story --------------------------------------------------------------------------------------------------------

# Old customers are imported, most to the newsletter, some to the offers as well.
my $import = -60 * DAY;
my @imported = map { contact() } 1 .. 200;
for my $i (0 .. $#imported) {
    import_to($imported[$i], 'newsletter', $import + $i) if $i % 10 != 9;
    import_to($imported[$i], 'offers', $import + HOUR + $i) if $i % 3 == 0 || $i % 10 == 9;
}

# Others sign up on the form: nearly all confirm, some after days, some never.
my @joined;
for my $i (1 .. 110) {
    my $contact = contact();
    my $at      = -59 * DAY + rand 50 * DAY;
    my $list    = $i % 4 == 0 ? 'club' : $i % 7 == 0 ? 'offers' : 'newsletter';
    if    ($i % 9 == 0) { sign_up($contact, $list, $at, unconfirmed => 1) }
    elsif ($i % 9 == 1) { sign_up($contact, $list, $at, after => DAY + rand 5 * DAY) }
    else                { sign_up($contact, $list, $at) }
    sign_up($contact, 'club', $at + 6 * DAY) if $i % 11 == 0 && $list ne 'club';
    push @joined, $contact unless $i % 9 == 0;
}

# Characters: taken from the imported ones, so that each is on the newsletter, and some on the offers too.
my @cast = grep { $_->{on}{newsletter} } @imported;
sub cast { return splice @cast, 0, $_[0] }

$_->{reads} = 0 for cast(14);                                                    # get everything, open nothing
$_->{takes} = from(9 - pick(1, 2, 2, 3, 3, 4, 5, 6), refuses('soft_bounced', @full)) for cast(12);    # fill up
$_->{takes} = from(1 + int(rand 6), retries(1 + int(rand 2), 1)) for cast(12);   # behind a slow server
$_->{takes} = retries(6, 0) for cast(4);                                         # behind a very slow one
$_->{takes} = from(3, \&accepts_then_bounces) for cast(4);
$_->{takes} = from(1 + int(rand 4), refuses('blocked', $spam)) for cast(8);      # their servers take us for spam
$_->{takes} = from(1 + int(rand 7), refuses('hard_bounced', '550 5.2.1 mailbox disabled')), $_->{last} = 1 for cast(7);
$_->{takes} = from(5, refuses('hard_bounced', '550 5.2.1 mailbox disabled')), $_->{last} = 2 for cast(3);
$_->{takes} = refuses('nonexistent', '550 5.1.1 unknown user'), $_->{last} = 1 for cast(6);
$_->{takes} = refuses('nonexistent', '550 5.1.1 unknown user'), $_->{last} = 2 for cast(6);

# An address checker finds two of the dead to be alive, and one of the living to be dead.
for my $contact (grep { $_->{last} && $_->{last} == 1 } @imported) {
    next if $contact->{checked} || (grep { $_->{checked} } @imported) >= 2;
    $contact->{checked} = 1;
    event($contact, 'validated', -6 * DAY, source => 'address checker');
}
event($_, 'invalidated', -20 * DAY, source => 'address checker', reason => 'domain expired') for cast(1);

# Opt-outs by the link in a mail, of the list or of everything.
my @left;
for my $contact (cast(18)) {
    opt_out($contact, -50 * DAY + rand 40 * DAY, 'newsletter');
    push @left, $contact;
}
for my $contact (cast(7)) {
    opt_out($contact, -45 * DAY + rand 35 * DAY);
    push @left, $contact;
}

# Some come back: on the form, with the link of an old mail, by telephone. Not all finish.
for my $contact (cast(5)) {
    opt_out($contact, -48 * DAY + rand 20 * DAY, 'newsletter');
    sign_up($contact, 'newsletter', -25 * DAY + rand 10 * DAY);
    delete $contact->{off};
}
for my $contact (cast(3)) {    # and these behind a server that is slow by then
    opt_out($contact, -48 * DAY + rand 10 * DAY, 'newsletter');
    sign_up($contact, 'newsletter', -25 * DAY + rand 2 * DAY);
    delete $contact->{off};
    my $slow = retries(3, 0);
    $contact->{takes} = sub { $_[2] < -20 * DAY ? reads(@_) : $slow->(@_) };
}
for my $contact (cast(3)) {
    opt_out($contact, -40 * DAY + rand 20 * DAY, 'newsletter');
    sign_up($contact, 'newsletter', -14 * DAY + rand 5 * DAY, unconfirmed => 1);
    push @left, $contact;
}
for my $contact (splice @joined, 0, 3) {
    my ($list) = sort keys %{ $contact->{on} };
    opt_out($contact, -8 * DAY, $list);
    my ($first) = grep { $_->{email} eq $contact->{email} && $_->{kind} eq 'confirmed' } @events;
    event($contact, 'confirmed', -5 * DAY, list => $list, source => 'form', event_key => $first->{event_key});
}
for my $contact (cast(3)) {
    opt_out($contact, -30 * DAY + rand 10 * DAY, 'newsletter');
    event($contact, 'resubscribed', -12 * DAY + rand DAY, list => 'newsletter', source => 'manual',
        evidence => 'called the shop, ticket ' . (4000 + int rand 900));
    delete $contact->{off};
}

# Complaints; a `delivered` that comes late changes none. One complained is re-subscribed by an eager colleague.
my @complained = cast(9);
for my $contact (@complained) {
    my $campaign = pick(grep { $_->{list} eq 'newsletter' } @campaigns[2 .. 12]);
    event($contact, 'complained', $campaign->{at} + 3 * HOUR + rand DAY, campaign => $campaign->{name},
        source => 'feedback loop', delay => rand 4 * HOUR);
    event($contact, 'delivered', $campaign->{at} + 3 * MINUTE, campaign => $campaign->{name}, source => 'webhook',
        delay => 2 * DAY);
    $contact->{off}{$_} = $campaign->{at} + HOUR for keys %{ $contact->{on} };
}
event($complained[0], 'resubscribed', -2 * DAY, list => 'newsletter', source => 'manual',
    evidence => 'says it was a mistake');

# Holds: over, running, without an end, and lifted.
event($_, 'suspended', -30 * DAY, source => 'manual', reason => 'asked for a break', until => -16 * DAY) for cast(3);
event($_, 'suspended', -9 * DAY, source => 'manual', reason => 'asked for a break', until => 12 * DAY) for cast(3);
event($_, 'suspended', -21 * DAY, source => 'manual', reason => 'disputed invoice') for cast(2);
for my $contact (cast(2)) {
    event($contact, 'suspended', -35 * DAY, source => 'manual', reason => 'disputed invoice');
    event($contact, 'released', -28 * DAY, source => 'manual');
}

# Taken off the list and put back; deleted, restored, and deleted but back on the form.
for my $contact (cast(4)) {
    event($contact, 'removed', -26 * DAY, list => 'newsletter', source => 'manual', reason => 'no customer any more');
    $contact->{off}{newsletter} = -26 * DAY;
    push @left, $contact if chance(0.6);
}
for my $contact (cast(7)) {
    my $at = -34 * DAY + rand 10 * DAY;
    event($contact, 'deleted', $at, source => 'manual');
    $contact->{off}{$_} = $at for keys %{ $contact->{on} };
    $contact->{deleted} = 1;
}
my @deleted = grep { $_->{deleted} } @imported;
event($deleted[0], 'restored', -17 * DAY, source => 'manual');
sign_up($deleted[1], 'newsletter', -16 * DAY, unconfirmed => 1);
sign_up($deleted[2], 'newsletter', -13 * DAY);
delete $deleted[2]{off};

# Visitors of a fair are imported to the club, which asks for double opt-in; most do not care.
my $fair = -47 * DAY;
import_to($_, 'club', $fair++) for map { contact(reads => pick(0, 0, 0.8)) } 1 .. 16;

# The CRM exports its customers again, those who left among them.
my $again = -10 * DAY;
event($_, 'added', $again++, list => 'newsletter', source => 'import') for @left, @imported[0 .. 59];

# The campaigns go out to everyone on the list, as far as the shop knows. An address with `last` is given up after so
# many refusals.
for my $campaign (@campaigns) {
    my $at = $campaign->{at};
    for my $contact (@contacts) {
        my $on = $contact->{on}{ $campaign->{list} };
        next unless defined $on && $on < $at;
        my $off = $contact->{off}{ $campaign->{list} };
        next if defined $off && $off < $at;
        my $sent = $at++;
        event($contact, 'sent', $sent, campaign => $campaign->{name}, list => $campaign->{list});
        my $before = @events;
        ($contact->{takes} || \&reads)->($contact, $campaign, $sent);
        my @heard = @events[$before .. $#events];
        next unless $contact->{last} && grep { $_->{kind} =~ /^(?:hard_bounced|nonexistent)$/ } @heard;
        $contact->{on} = {} if --$contact->{last} == 0;
    }
}

# Visits to the shop, by people known from their mail.
event($_, 'visited', -50 * DAY + rand 49 * DAY, source => 'shop') for grep { chance(0.15) } @contacts;

# --- The files --------------------------------------------------------------------------------------------------------

# "-40d 03:15:20": 40 days, 3 hours, 15 minutes and 20 seconds before the story is played; "+": after.
sub offset {
    my ($seconds) = @_;
    my $sign = $seconds < 0 ? '-' : '+';
    $seconds = abs int $seconds;
    return sprintf '%s%dd %02d:%02d:%02d', $sign, $seconds / DAY, $seconds % DAY / HOUR, $seconds % HOUR / MINUTE,
        $seconds % MINUTE;
}

sub csv {
    return join(',', map { !defined || $_ eq '' ? '' : /[",\n]/ ? '"' . s/"/""/gr . '"' : $_ } @_) . "\n";
}

sub write_file {
    my ($name, @lines) = @_;
    open my $file, '>', "$FindBin::Bin/data/$name" or die "$name: $!\n";
    print $file @lines;
    close $file or die "$name: $!\n";
}

write_file('lists.csv', csv(qw(list double_opt_in)), csv('newsletter', ''), csv('offers', 'no'), csv('club', 'yes'));
write_file('contacts.csv', csv('email'), map { csv($_->{email}) } @contacts);

# In the order in which we heard of them.
my @order = sort { $events[$a]{heard} <=> $events[$b]{heard} || $a <=> $b } 0 .. $#events;
my @columns = qw(email list campaign kind occurred_at event_key source evidence reason until);
write_file('events.csv', csv(@columns), map {
    my %event = (%$_, occurred_at => offset($_->{at}));
    $event{until} = offset($event{until}) if defined $event{until};
    csv(@event{@columns});
} @events[@order]);
