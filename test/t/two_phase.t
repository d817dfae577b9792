# Two-phase commit with the server crashing between its phases: what was prepared is kept with its locks, others do not
# get past it, and both COMMIT PREPARED and ROLLBACK PREPARED do the whole of it, in another session, after the crash.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Cluster;
use Session;
use Test::More;

my $cluster = Cluster->new->init->as_default->start;
my $session = Session->new;

sub restart {
    my ($how) = @_;
    $how eq 'SIGKILL' ? $cluster->kill : $cluster->stop('immediate');
    eval { $session->close };
    $cluster->start;
    $session = Session->new;
    $session->must('SET client_min_messages = error', "SET lock_timeout = '50ms'");
    return;
}

sub log_of   { my ($key) = @_; return $session->value("SELECT count(*) FROM crm.event WHERE event_key = '$key'") }
sub counted  { return $session->value(q{SELECT string_agg(status || ' ' || contacts, ', ' ORDER BY status)
            FROM crm.account_status_count WHERE contacts <> 0}) }

# Each case has contacts of its own: 11 to 15, 21 to 25, ...
sub statuses {
    my ($case) = @_;
    return $session->value("SELECT string_agg(status::text, ' ' ORDER BY contact_id) FROM crm.contact
            WHERE contact_id / 10 = $case->{number}");
}

sub event {
    my ($case, $contact, $kind, $key, $at) = @_;
    my $list = $kind =~ /^(?:added|unsubscribed)$/ ? 1 : 'NULL';
    return 'INSERT INTO crm.event (contact_id, list_id, kind, occurred_at, event_key) VALUES '
        . "($case->{number}$contact, $list, '$kind', '$at', '$key $case->{number}')";
}

# Of SERIALIZABLE one: two would be taken for conflicting by the server, which has small tables locked as a whole.
my @cases = (
    { number => 1, level => 'READ COMMITTED',  end => 'COMMIT' },
    { number => 2, level => 'READ COMMITTED',  end => 'ROLLBACK' },
    { number => 3, level => 'REPEATABLE READ', end => 'COMMIT' },
    { number => 4, level => 'REPEATABLE READ', end => 'ROLLBACK' },
    { number => 5, level => 'SERIALIZABLE',    end => 'COMMIT' },
);

$session->must('SET client_min_messages = error', 'CREATE EXTENSION contact_status',
    "SELECT contact_status.create_tables('crm')",
    "INSERT INTO crm.contact (contact_id, email) SELECT 10 * n + i, format('c%s%s\@example.org', n, i)
        FROM generate_series(1, 4) AS i, generate_series(1, " . @cases . ') AS n',
    "INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT contact_id, 1, 'added',
        timestamptz '2025-06-01 09:00+00' FROM crm.contact");

# prepared: an opt-out, a bounce taken back to a savepoint, a contact that goes and one that comes
for my $case (@cases) {
    my $number = $case->{number};
    $session->must("BEGIN ISOLATION LEVEL $case->{level}",
        event($case, 1, 'unsubscribed', 'optout', '2025-06-01 10:00+00'), 'SAVEPOINT s',
        event($case, 1, 'hard_bounced', 'undone', '2025-06-01 10:00+00'), 'ROLLBACK TO s',
        "DELETE FROM crm.contact WHERE contact_id = ${number}2",
        "INSERT INTO crm.contact (contact_id, email) VALUES (${number}5, 'new$number\@example.org')",
        event($case, 5, 'added', 'newcomer', '2025-06-01 10:00+00'), "PREPARE TRANSACTION 'case $number'");
    is(statuses($case), 'active active active active', "$case->{level}: prepared, nothing of it is seen");
}

restart('SIGKILL');
is($session->value('SELECT count(*) FROM pg_prepared_xacts'), @cases, 'after SIGKILL all are there');
is($session->verified, '', 'verify finds nothing');

# whoever would have to know of it waits, and loses no effect; others go on
for my $case (@cases) {
    my $number = $case->{number};
    is(statuses($case), 'active active active active', "$case->{level}: nothing of it is seen");
    is(($session->do($_->[1]))[0], $_->[2], $_->[0]) for
        [ 'an event of its contact waits', event($case, 1, 'added', 'waits', '2025-06-01 11:00+00'), '55P03' ],
        [ 'an event of the deleted contact waits', event($case, 2, 'delivered', 'waits', '2025-06-01 11:00+00'),
            '55P03' ],
        [ 'its address waits', "INSERT INTO crm.contact (email) VALUES ('new$number\@example.org')", '55P03' ],
        [ 'an event of another contact does not', event($case, 3, 'soft_bounced', 'other', '2025-06-01 11:00+00'),
            '00000' ];
}
is(($session->do($_->[1]))[0], $_->[2], $_->[0]) for
    [ 'a change of the policy waits', "UPDATE crm.policy SET soft_bounce_limit = 1 WHERE name = 'default'", '55P03' ],
    [ 'a batch waits', "INSERT INTO crm.event (contact_id, kind, event_key) SELECT contact_id, 'delivered', 'waits'
            FROM crm.contact ORDER BY 1 DESC", '55P03' ],
    [ 'reevaluate waits', "SELECT contact_status.reevaluate('crm')", '55P03' ],
    [ 'sweep does not', "SELECT contact_status.sweep('crm')", '00000' ];
is($session->value("SELECT count(*) FROM crm.event WHERE event_key LIKE 'waits%'"), 0,
    'nothing is left of those that gave up');

restart('immediate');
for my $case (@cases) {
    my ($number, $name) = ($case->{number}, "$case->{level}, $case->{end}");
    $session->must("$case->{end} PREPARED 'case $number'");
    my $committed = $case->{end} eq 'COMMIT';
    is(statuses($case), $committed ? 'unsubscribed soft_bounced active active' : 'active active soft_bounced active',
        "$name: " . ($committed ? 'all of it is there' : 'nothing of it is there'));
    is(join(' ', map { log_of("$_ $number") } qw(optout newcomer undone other)), $committed ? '1 1 0 1' : '0 0 0 1',
        "$name: so are its events");
}
is(counted(), 'active 12, soft_bounced 5, unsubscribed 3', 'all is counted');
is($session->verified, '', 'verify finds nothing');
is(($session->do(event($cases[0], 1, 'added', 'goes on', '2025-06-01 11:00+00')))[0], '00000', 'no lock is left');
is($session->value('SELECT status FROM crm.contact WHERE contact_id = 11'), 'unsubscribed',
    'and no import revives who opted out');
unlike($cluster->log, qr/PANIC/, 'the server did not crash by itself');
$session->close;
$cluster->stop;
done_testing;
