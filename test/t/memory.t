# A session that calls everything again and again keeps no memory of it: neither its memory contexts grow nor the
# process, with calls that succeed and calls that are refused, each in a transaction of its own, many in one
# transaction, and many in one statement.
#
#   CALLS   in the session (5000)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Session;
use Test::More;

my $calls = $ENV{CALLS} || 5_000;

my $session = Session->new;
$session->must('SET client_min_messages = error', 'CREATE EXTENSION contact_status',
    "SELECT contact_status.create_tables('crm', 'ecomail')",
    # another one with a short log, for what reads all of it
    "SELECT contact_status.create_tables('small')",
    (map { "INSERT INTO $_.contact (contact_id, email) SELECT i, format('c%s\@example.org', i)
                FROM generate_series(1, 200) AS i" } 'crm', 'small'),
    (map { "INSERT INTO $_.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', timestamptz '2025-01-01'
                FROM generate_series(1, 200) AS i" } 'crm', 'small'),
    'INSERT INTO crm.account (account_id, policy, contact_limit) VALUES (2, \'default\', 0)',
    'INSERT INTO crm.list (account_id, list_id) VALUES (2, 1)',
    "INSERT INTO crm.contact (account_id, contact_id, email) VALUES (2, 1, 'limited\@example.org')",
    'CREATE TABLE outbox (contact_id bigint, list_id bigint)',
    q{CREATE TRIGGER mailable BEFORE INSERT ON outbox FOR EACH ROW
        EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id')},
    'CREATE TABLE own (status contact_status.contact_status)', "INSERT INTO own VALUES ('active')",
    q{CREATE TRIGGER guarded BEFORE UPDATE ON own FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('status')},
    'CREATE TABLE staging (email text, status text)',
    "INSERT INTO staging VALUES ('c1\@example.org', NULL), ('no address', NULL), ('c2\@example.org', 'unsubscribed')");
my $pid = $session->value('SELECT pg_backend_pid()');

# Each: how often among a thousand calls, the SQLSTATE, and the statement of a number. The log of 'small' has to stay
# short, and so do histories in 'crm': what is recorded is deleted with its contact now and then.
my @calls = (
    [ 'an event that changes nothing',   180, '00000', sub { "INSERT INTO crm.event (contact_id, kind, event_key) VALUES
                (@{[ $_[0] % 200 + 1 ]}, 'delivered', '$_[0]')" } ],
    [ 'an event that changes a fact',    150, '00000',
        sub { "INSERT INTO crm.event (contact_id, campaign_id, kind) VALUES (@{[ $_[0] % 200 + 1 ]}, $_[0],
                '@{[ qw(soft_bounced opened suspended released)[ $_[0] / 200 % 4 ] ]}')" } ],
    [ 'a late event',                    60,  '00000',
        sub { "INSERT INTO crm.event (contact_id, kind, occurred_at, event_key) VALUES
                (@{[ $_[0] % 200 + 1 ]}, 'soft_bounced', '2025-02-01', '$_[0]')" } ],
    [ 'a batch',                         20,  '00000', sub { "INSERT INTO crm.event (contact_id, kind, event_key)
                SELECT i, 'opened', '$_[0]' FROM generate_series(50, 1, -1) AS i" } ],
    [ 'a webhook twice',                 40,  '00000', sub { "INSERT INTO crm.event (contact_id, kind, occurred_at)
                VALUES (3, 'clicked', '2025-03-01') ON CONFLICT DO NOTHING" } ],
    [ 'an event of a wrong shape',       40,  '23514',
        sub { "INSERT INTO crm.event (contact_id, kind) VALUES (1, 'added')" } ],
    [ 'an event of nobody',              40,  '23503',
        sub { "INSERT INTO crm.event (contact_id, kind) VALUES (999999, 'opened')" } ],
    [ 'an event dated ahead',            30,  '22008',
        sub { "INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES (1, 'opened', 'tomorrow')" } ],
    [ 'an event beyond the limit',       30,  '53400',
        sub { "INSERT INTO crm.event (account_id, contact_id, list_id, kind) VALUES (2, 1, 1, 'added')" } ],
    [ 'a write of derived columns',      30,  '23514',
        sub { "UPDATE crm.contact SET status = 'active', monitored = NOT monitored WHERE contact_id = 1" } ],
    [ 'a contact comes and goes',        60,  '00000', sub { $_[0] % 2 ? "INSERT INTO crm.contact (contact_id, email)
                VALUES (@{[ 500 + int($_[0] / 2) % 10 ]}, 'x$_[0]\@example.org') ON CONFLICT DO NOTHING"
            : "DELETE FROM crm.contact WHERE contact_id = @{[ 500 + int($_[0] / 2) % 10 ]}" } ],
    [ 'a change of address',             20,  '00000',
        sub { "UPDATE crm.contact SET email = 'y$_[0]\@example.org' WHERE contact_id = @{[ $_[0] % 200 + 1 ]}" } ],
    [ 'require_mailable',                40,  '00000', sub { 'INSERT INTO outbox VALUES (11, 1)' } ],
    [ 'require_mailable refuses',        20,  '23514', sub { 'INSERT INTO outbox VALUES (12345, 1)' } ],
    [ 'guard_status',                    20,  '00000',
        sub { "UPDATE own SET status = '@{[ qw(soft_bounced active)[ $_[0] % 2 ] ]}'" } ],
    [ 'pure functions',                  60,  '00000',
        sub { q{SELECT contact_status.is_mailable(s), contact_status.report_category(s), contact_status.color(s, v),
                contact_status.label(s, v), contact_status.from_label(contact_status.label(s, v), v),
                contact_status.normalize_address(' ANN@Example.ORG ')
                FROM unnest(enum_range(NULL::contact_status.contact_status)) s,
                    unnest('{ecomail,activecampaign}'::text[]) v} } ],
    [ 'a label that is none',            20,  '22023',
        sub { q{SELECT contact_status.from_label('nonsense', 'ecomail')} } ],
    [ 'transitions',                     2,   '00000', sub { q{SELECT count(*),
                (SELECT contact_status.state_diagram('ecomail')) FROM contact_status.transitions('ecomail')} } ],
    [ 'the aggregate',                   20,  '00000',
        sub { q{SELECT contact_status.status_of('ecomail', kind, occurred_at, list_id, campaign_id, event_key
                ORDER BY occurred_at, kind) FROM (SELECT * FROM small.event LIMIT 20) e} } ],
    [ 'sweep',                           10,  '00000', sub { q{SELECT contact_status.sweep('crm')} } ],
    [ 'reevaluate',                      4,   '00000', sub { q{SELECT contact_status.reevaluate('small')} } ],
    [ 'verify',                          4,   '00000', sub { q{SELECT count(*) FROM contact_status.verify('small')} } ],
    [ 'repair',                          2,   '00000', sub { q{SELECT contact_status.repair('small')} } ],
    [ 'explain_status',                  20,  '00000',
        sub { q{SELECT count(*) FROM contact_status.explain_status('small', 1, 5, 1)} } ],
    [ 'views',                           10,  '00000', sub { q{SELECT (SELECT count(*) FROM small.mailable),
                (SELECT count(*) FROM small.status_history), (SELECT count(*) FROM small.active_contacts)} } ],
    [ 'suppress',                        20,  '00000',
        sub { "SELECT contact_status.suppress('crm', 1, 'z@{[ $_[0] % 50 ]}\@example.org', 'unsubscribed')" } ],
    [ 'import_contacts',                 6,   '00000',
        sub { q{SELECT count(*) FROM contact_status.import_contacts('crm', 1, 1, 'staging')} } ],
    [ 'a change of policy',              4,   '00000',
        sub { "UPDATE small.policy SET soft_bounce_limit = @{[ $_[0] % 7 + 1 ]} WHERE name = 'ecomail'" } ],
    [ 'histories are cut',               8,   '00000',
        sub { my $id = $_[0] % 200 + 1; "WITH gone AS (DELETE FROM crm.contact WHERE contact_id = $id) SELECT 1" } ],
    [ 'and begin anew',                  30,  '00000', sub { 'INSERT INTO crm.contact (contact_id, email) SELECT i,
                format(\'c%s@example.org\', i) FROM generate_series(1, 200) AS i ON CONFLICT DO NOTHING' } ],
);

# Spread evenly: the one that is most behind is next.
my %done = map { $_->[0] => 0 } @calls;
my %unexpected;
my @order = map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { my $c = $_;
    map { [ ($_ + 0.5) / $c->[1], $c ] } 0 .. $c->[1] - 1 } @calls;

my $next = 0;
sub call {
    my $call = $order[ $next % @order ];
    my $number = $next++;
    my ($state, $said) = $session->do($call->[3]->($number));
    # a contact may just be cut, and then there is nobody, or somebody new who is on no list
    my @expected = ($call->[2], '23503', $call->[0] eq 'require_mailable' ? '23514' : ());
    $unexpected{"$call->[0]: $state $said"}++ if !grep { $_ eq $state } @expected;
    $done{ $call->[0] }++;
    return;
}

sub anonymous {
    open my $status, '<', "/proc/$pid/status" or return 0;
    my ($kilobytes) = map { /^RssAnon:\s+(\d+)/ } <$status>;
    return $kilobytes // 0;
}

# But for what the server itself remembers of rows that one transaction writes again and again.
my $used = "SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name <> 'Combo CIDs'";

sub sample {
    my $used = $session->value($used);
    my $of = $session->value(
        q{SELECT jsonb_object_agg(n, b) FROM (SELECT coalesce(to_jsonb(c) ->> 'parent', '') || '/' || name || ' '
                || coalesce(ident, '') AS n, sum(used_bytes) AS b FROM pg_backend_memory_contexts c GROUP BY 1) x});
    return { used => $used, kilobytes => anonymous(), contexts => $of };
}

# Which contexts have grown.
sub differences {
    my ($early, $late) = map { $_->{contexts} =~ s/'/''/gr } @_;
    return $session->value(
        q{SELECT string_agg(l.key || ': ' || coalesce(e.value::text, '0') || ' -> ' || l.value, '; ') }
        . "FROM jsonb_each('$late') l LEFT JOIN jsonb_each('$early') e USING (key)
            WHERE l.value IS DISTINCT FROM e.value");
}

# --- Each in a transaction of its own ---------------------------------------------------------------------------------

my @samples;
for my $part (1 .. 10) {
    call() for 1 .. $calls / 10;
    push @samples, sample();
    note("after $next calls: $samples[-1]{used} bytes in memory contexts, $samples[-1]{kilobytes} kB of the process");
}
is(join(', ', map { "$_ ($unexpected{$_})" } sort keys %unexpected), '', 'every call ended as it should');
is(join(', ', grep { !$done{$_} } sort keys %done), '', 'and there was one of each');

# From the third part on nothing is new.
my ($early, $late) = @samples[ 2, -1 ];
my $grown = $late->{used} - $early->{used};
cmp_ok($grown, '<', 65_536, "memory contexts do not grow: $grown bytes in " . $calls * 0.7 . ' calls')
    or diag(differences($early, $late));
$grown = $late->{kilobytes} - $early->{kilobytes};
cmp_ok($grown, '<', 2048, "nor does the process: $grown kB");

# --- Many in one transaction, and in one statement --------------------------------------------------------------------

my $many = $calls < 20_000 ? 2000 : int $calls / 10;    # contexts grow by blocks: 32 kB say nothing
my $insert = sub { "INSERT INTO crm.event (contact_id, kind, event_key, occurred_at) VALUES
        ($_[0] % 200 + 1, '$_[1]', '$_[2] ' || $_[0], clock_timestamp())" };
$session->must('BEGIN');
my @within;
for my $number (1 .. $many) {
    $session->do($insert->($number, qw(soft_bounced opened)[ $number / 200 % 2 ], 'one transaction'));
    push @within, sample() if $number == int $many / 4 || $number == $many;
}
my $differences = differences(@within);
$session->must('ROLLBACK');
$grown = $within[1]{used} - $within[0]{used};
cmp_ok(($grown - 32_768) / ($many * 0.75), '<', 64, "in one transaction: $grown bytes in " . $many * 0.75 . ' events')
    or diag($differences);

$session->must('CREATE TABLE measured (number int, used bigint)',
    "CREATE FUNCTION many(n int) RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN FOR i IN 1 .. n LOOP "
    . $insert->('i', 'opened', 'one statement') . '; '
    . $insert->('i', 'soft_bounced', 'one statement') . '; '
    . "BEGIN INSERT INTO crm.event (contact_id, kind) VALUES (999999, 'opened');
        EXCEPTION WHEN foreign_key_violation THEN NULL; END; "
    . 'IF i IN (n / 4, n) THEN INSERT INTO measured SELECT i, (' . $used . '); END IF; END LOOP; END $$');
$session->must("SELECT many(200)", 'TRUNCATE measured', "SELECT many($many)");
$grown = $session->value('SELECT max(used) FILTER (WHERE number = (SELECT max(number) FROM measured))
        - max(used) FILTER (WHERE number < (SELECT max(number) FROM measured)) FROM measured');
cmp_ok(($grown - 32_768) / ($many * 0.75 * 3), '<', 64,
    "in one statement, with savepoints: $grown bytes in " . $many * 0.75 * 3 . ' events');

note('often: ', $next + $many * 4, ' calls');
$session->close;
done_testing;
