#!/usr/bin/perl
# A server whose clock is set back: events are recorded all the same, and none is lost. The server's clock is
# libfaketime's, which reads how far it is off from a file.
use strict;
use warnings;
use Cluster;
use Restore qw(psql);
use Test::More;

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
plan skip_all => 'libfaketime is not installed' if !$library;

my $cluster = Cluster->new(fsync => 'off')->init;
my $file = "$cluster->{home}/clock";
sub set_clock { return Cluster::write_file($file, "$_[0]\n") }
set_clock('+0');
chown((getpwnam 'postgres')[ 2, 3 ], $file) if $> == 0;
$cluster->start('env', "LD_PRELOAD=$library", "FAKETIME_TIMESTAMP_FILE=$file", 'FAKETIME_NO_CACHE=1',
    'FAKETIME_DONT_FAKE_MONOTONIC=1');
my $at = $cluster->at;
sub sql { chomp(my $said = psql($at, $_[0])); return $said }
sub sqlstate {
    return sql("DO \$do\$ BEGIN EXECUTE \$sql\$$_[0]\$sql\$; EXCEPTION WHEN OTHERS THEN
            PERFORM set_config('test.sqlstate', SQLSTATE, false); END \$do\$;
        SELECT coalesce(current_setting('test.sqlstate', true), '00000')");
}

sql(<<'SQL');
CREATE EXTENSION contact_status;
SELECT contact_status.create_tables('crm');
INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i) FROM generate_series(1, 9) i;
SQL
sql("CREATE FUNCTION set_clock(by text) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN
    EXECUTE format('COPY (SELECT %L) TO %L', by, '$file'); RETURN by; END \$\$");

my $before = sql('SELECT clock_timestamp()');
set_clock('-600');
is(sql("SELECT clock_timestamp() < '$before'"), 't', 'the clock is set back');
set_clock('+0');

# within one statement: between the rows' own times and the trigger that reads them
for my $step ('-1', '-600') {
    my $id = $step eq '-1' ? 1 : 2;
    is(sqlstate("INSERT INTO crm.event (contact_id, list_id, kind) SELECT $id, 1, k::contact_status.event_kind
        FROM unnest(ARRAY['added', 'delivered']) k CROSS JOIN LATERAL set_clock(
            '$step')"), '00000', "the clock steps back by ${step} s between an event and its trigger");
    set_clock('+0');
}
# between statements: what the next statement records is earlier than what the last one did
sql("INSERT INTO crm.event (contact_id, list_id, kind) VALUES (3, 1, 'added')");
set_clock('-30');
sql("INSERT INTO crm.event (contact_id, kind) VALUES (3, 'suspended')");
is(sql("SELECT status FROM crm.contact WHERE contact_id = 3"), 'suspended', 'and between statements');
# a contact that begins anew does so at a time; events recorded up to it are the earlier contact's
sql("INSERT INTO crm.event (contact_id, list_id, kind) VALUES (4, 1, 'added');
        DELETE FROM crm.contact WHERE contact_id = 4;
    INSERT INTO crm.contact (contact_id, email) VALUES (4, 'new\@example.org')");
set_clock('-60');
my $added = "INSERT INTO crm.event (contact_id, list_id, kind) VALUES (4, 1, 'added')";
is(sqlstate($added), '40001', 'an event of a contact that began later than the clock says is to be retried');
set_clock('+0');
is(sqlstate($added), '00000', 'and is recorded once the clock has caught up');
is(sql('SELECT status FROM crm.contact WHERE contact_id = 4'), 'active', 'with its effect');
is(sqlstate("INSERT INTO crm.event (contact_id, kind, recorded_at) VALUES (3, 'released', '2020-01-01')"), '23514',
    'a value that a user gives is refused');
is(sql('SELECT count(*) FROM contact_status.verify($$crm$$)'), '0', 'verify finds nothing');
$cluster->stop;
done_testing;
