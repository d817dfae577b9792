#!/usr/bin/perl
# PgBouncer in transaction mode: many clients over few server connections, each transaction on whichever is free.
# Events, imports and sweeps need nothing of a session, so statuses and counts are right. Statements prepared in the
# protocol pass from PgBouncer 1.21 on (max_prepared_statements), and are tried where it is as new; before, a client
# prepares within the transaction, or leaves statements without a name, as drivers do that are told not to prepare.
use strict;
use warnings;
use Cluster;
use Restore qw(psql);
use File::Temp ();
use Test::More;

my $database = $ENV{PGDATABASE};
my $clients  = 16;
my $servers  = 3;
$ENV{PATH} .= ':/usr/sbin';
my ($major, $minor) = `pgbouncer --version` =~ /PgBouncer (\d+)\.(\d+)/
    or die "pgbouncer is not installed: run script/setup\n";
my $prepares = $major > 1 || $minor >= 21;

# Of localhost it may make ::1, and try nothing else.
my $server = $ENV{PGHOST} =~ s/^localhost$/127.0.0.1/r;

my $place = Cluster->new;    # a directory, and who may run servers
my $home  = $place->{home};
open my $settings, '>', "$home/pgbouncer.ini" or die "$home: $!\n";
print $settings <<"INI", $prepares ? "max_prepared_statements = 100\n" : '';
[databases]
* = host=$server port=$ENV{PGPORT} user=$ENV{PGUSER} password=$ENV{PGPASSWORD}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = $home
auth_type = any
pool_mode = transaction
default_pool_size = $servers
client_login_timeout = 10
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
logfile = $home/pgbouncer.log
pidfile = $home/pgbouncer.pid
INI
close $settings;
$place->run(qw(pgbouncer -q -d), "$home/pgbouncer.ini");
END {
    my $status = $?;
    if (open my $file, '<', "$home/pgbouncer.pid") { kill TERM => <$file> }
    $? = $status;
}
my $through = "host=$home port=6432 user=$ENV{PGUSER} dbname=$database";
for (1 .. 300) {    # it goes to the background before it listens
    last if -S "$home/.s.PGSQL.6432";
    select undef, undef, undef, 0.1;
}

# the examples of the design, as the suite has them
my $said = `psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$through" -f test/pgtap/examples.sql 2>&1`;
my $passed = () = $said =~ /^ok /mg;
ok($? == 0 && $passed > 50 && $said !~ /^not ok/m, 'pgTAP passes through it') or diag($said);

psql($through, <<'SQL');
CREATE EXTENSION contact_status;
SELECT contact_status.create_tables('crm', 'ecomail');
INSERT INTO crm.contact (email) SELECT format('c%s@example.org', i) FROM generate_series(1, 100) i;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, 1, 'added' FROM generate_series(1, 100) i;
CREATE TABLE staging AS SELECT format('new%s@example.org', i) AS email FROM generate_series(1, 20) i;
SQL

# Each client records 60 events in 30 transactions; now and then one sweeps or imports.
my $events = 0;
sub record {
    my ($protocol, $what, $transaction) = @_;
    my $file = File::Temp->new(SUFFIX => '.sql');
    print $file <<"PGBENCH";
\\set contact random(1, 100)
\\set campaign random(1, 9)
\\set dice random(1, 30)
$transaction
\\if :dice = 1
SELECT contact_status.sweep('crm');
\\elif :dice = 2
SELECT count(*) FROM contact_status.import_contacts('crm', 1, 1, 'staging');
\\endif
PGBENCH
    close $file;
    # a thread each: pgbench waits for what it prepares, and would keep its other clients from ending their transactions
    my $said = `pgbench -n -M $protocol -c $clients -j $clients -t 30 -f $file "$through" 2>&1`;
    is($?, 0, "$clients clients over $servers connections: $what") or return diag($said);
    $events += $clients * 60;
    return;
}
my $event = q{INSERT INTO crm.event (contact_id, campaign_id, kind, source)};

for my $protocol ('simple', 'extended', $prepares ? 'prepared' : ()) {
    record($protocol, "$protocol statements", <<"SQL");
BEGIN;
$event VALUES (:contact, :campaign, 'soft_bounced', pg_backend_pid()::text);
$event VALUES (:contact, :campaign, 'delivered', pg_backend_pid()::text);
COMMIT;
SQL
}
record('simple', 'prepared and executed in one transaction', <<"SQL");
BEGIN;
PREPARE record (bigint, bigint, contact_status.event_kind) AS $event VALUES (\$1, \$2, \$3, pg_backend_pid()::text);
EXECUTE record(:contact, :campaign, 'soft_bounced');
EXECUTE record(:contact, :campaign, 'opened');
DEALLOCATE record;
COMMIT;
SQL

is(psql($database, q{SELECT count(*) FROM crm.event WHERE kind <> 'added'}), "$events\n", 'every event is there');
cmp_ok(psql($database, q{SELECT count(DISTINCT source) FROM crm.event WHERE kind <> 'added'}), '<=', $servers,
    'the connections were shared');
is(psql($database, q{SELECT count(*) FROM crm.contact WHERE email LIKE 'new%' AND status = 'active'}), "20\n",
    'the import is there');
is(psql($database, q{SELECT * FROM contact_status.verify('crm')}), '', 'verify finds nothing');
is(psql($through, q{SELECT active_contacts FROM crm.active_contacts}),
    psql($database, q{SELECT count(*) FROM crm.contact WHERE contact_status.is_mailable(status)}),
    'the count is exact');

done_testing;
