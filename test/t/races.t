# Races that no isolation spec can hold still, as nothing waits between their two steps: tried again and again for a
# while.
#
#   SECONDS   for how long all in all (10)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Session;
use Test::More tests => 4;
use Time::HiRes qw(time);

my $seconds = ($ENV{SECONDS} || 10) / 2;

# Does all of the given at once, each in sessions of its own, again and again, until the time is up. What each returns
# is a problem, or nothing; the problems are returned, each once.
sub race {
    my (@runners) = @_;
    my $end = time + $seconds;
    my (%seen, @reports);
    for my $runner (@runners) {
        my $pid = open my $report, '-|';
        die "fork: $!\n" unless defined $pid;
        if (!$pid) {
            my $session = Session->new;
            my %problems;
            while (time < $end) {
                next if eval { $problems{$_} = 1 for $runner->($session); 1 };
                $problems{ $@ =~ s/\n/ /gr } = 1;
                $session->do('ROLLBACK');
            }
            print map { "$_\n" } keys %problems;
            close STDOUT;
            POSIX::_exit(0);
        }
        push @reports, $report;
    }
    for my $report (@reports) {
        chomp(my @problems = <$report>);
        $seen{$_} = 1 for @problems;
        close $report;
    }
    return sort keys %seen;
}

my $session = Session->new;
$session->must('CREATE EXTENSION contact_status', "SELECT contact_status.create_tables('crm')");

# reevaluate has found the contact, which is deleted when its turn comes, and there again a moment later. What it takes
# for leftovers of the one that is gone would be the new one's consent.
my $reevaluate = sub { $_[0]->must("SELECT contact_status.reevaluate('crm')"); return };
my @problems = race(
    sub {
        my ($me) = @_;
        # in one message, so that no time is lost between the two transactions
        $me->must('BEGIN\\; DELETE FROM crm.contact\\; COMMIT\\; '
            . "BEGIN\\; INSERT INTO crm.contact (contact_id, email) VALUES (1, 'ann\@example.org')\\; "
            . "INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1, 1, 'added')\\; COMMIT");
        my $there = $me->value('SELECT count(*) FROM crm.subscription');
        return $there == 1 ? () : 'a subscription is lost';
    },
    $reevaluate, $reevaluate,
);
is("@problems", '', 'a contact that comes and goes beside reevaluate');
is($session->verified, '', 'and verify finds nothing');

# The row of a contact that may be mailed all along is written elsewhere while require_mailable looks for it, where it
# was and where it will be.
$session->must(
    'DELETE FROM crm.contact',
    'CREATE TABLE crm.outbox (contact_id bigint, list_id bigint)',
    'CREATE TRIGGER mailable BEFORE INSERT ON crm.outbox '
        . q{FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id')},
    "INSERT INTO crm.contact (contact_id, email) VALUES (2, 'bob\@example.org')",
    "INSERT INTO crm.event (contact_id, list_id, kind) VALUES (2, 1, 'added')",
);
my $write = sub {
    my ($me) = @_;
    $me->must("UPDATE crm.contact SET email = '$_\@example.org'") for qw(bob Bob);
    return;
};
my $send = sub { $_[0]->must('INSERT INTO crm.outbox VALUES (2, 1)'); return };
@problems = race($write, $write, $send, $send);
is("@problems", '', 'messages to a contact whose row is written');
is($session->verified, '', 'and verify finds nothing');

$session->close;
