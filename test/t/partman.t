#!/usr/bin/perl
# pg_partman keeps the partitions of the log, as docs/retention.md says: those that it makes get their triggers by the
# next sweep, what the extension itself records there is applied before, too, and what a horizon covers it drops, or
# detaches into an archive.
use strict;
use warnings;
use File::Temp ();
use Test::More;

local $ENV{PGTZ} = 'UTC';    # months are those of UTC, for pg_partman too

# What psql prints, or where it fails the error.
sub psql {
    my ($sql) = @_;
    my $file = File::Temp->new(SUFFIX => '.sql');
    print $file "SET client_min_messages = warning;\n$sql;\n";
    close $file;
    chomp(my $said = `psql -X -q -A -t -v ON_ERROR_STOP=1 -f $file 2>&1`);
    return $said;
}

my $version = psql(q{SELECT default_version FROM pg_available_extensions WHERE name = 'pg_partman'});
plan skip_all => 'pg_partman is not installed' if $version eq '';

sub maintain { return psql('SELECT partman.run_maintenance()') }
sub month { my ($ago) = @_; return "date_trunc('month', now()) - interval '$ago months'" }
sub partitions { return psql(q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'crm.event'::regclass}) }
sub oldest { return psql(q{SELECT min(inhrelid::regclass::text) FROM pg_inherits
            WHERE inhparent = 'crm.event'::regclass AND inhrelid <> 'crm.event_default'::regclass}) }
sub named { my ($ago) = @_; return psql("SELECT 'crm.event_p' || to_char(@{[month($ago)]}, 'YYYYMMDD')") }
my $statuses = 'SELECT contact_id, status, changed_at FROM crm.contact ORDER BY 1';

sub sound {
    my ($when) = @_;
    is(psql(q{SELECT _contact_status.unguarded_partitions('crm')}), '', "$when: every partition has its triggers");
    is(psql(q{SELECT * FROM contact_status.verify('crm')}), '', "$when: verify finds nothing");
}

psql(q{CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman; CREATE EXTENSION contact_status;
    SELECT contact_status.create_tables('crm', partition_by => '1 month')});
is(psql($version =~ /^4/
    ? q{INSERT INTO partman.part_config (parent_table, control, partition_type, partition_interval, datetime_string)
        VALUES ('crm.event', 'occurred_at', 'native', '1 month', 'YYYYMMDD')}
    : q{SELECT FROM partman.create_parent('crm.event', 'occurred_at', '1 month', p_default_table => false)}),
    '', "pg_partman $version takes the log over");

# The past, made by pg_partman; those that are there it passes over.
psql("SELECT partman.create_partition_time('crm.event',
            (SELECT array_agg(m) FROM generate_series(@{[month(8)]}, now(), interval '1 month') AS m))");
is(oldest(), named(8), 'it makes the partitions of eight months');
psql("SELECT contact_status.suppress('crm', 1, 'c4\@example.org', 'unsubscribed', 1, @{[month(7)]})");
psql(q{INSERT INTO crm.contact (contact_id, email) VALUES (4, 'c4@example.org')});
is(psql('SELECT consent FROM crm.subscription WHERE contact_id = 4'), 'unsubscribed',
    'a suppression that comes back in one of them is applied');
psql(q{SELECT * FROM contact_status.retract_events('crm', 'a test', contact_ids => '{4}')});
psql(q{SELECT contact_status.sweep('crm')});
sound('made and swept');

psql(q{INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i)
        FROM generate_series(1, 3) AS i});
psql("INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added',
        @{[month(6)]} + interval '3 days' FROM generate_series(1, 4) AS i");
psql("INSERT INTO @{[named(6)]} (contact_id, kind, occurred_at)
        VALUES (2, 'complained', @{[month(6)]} + interval '4 days')");
psql("INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES
        (3, 1, 'unsubscribed', @{[month(4)]} + interval '4 days')");
psql(q{INSERT INTO crm.event (contact_id, campaign_id, kind) VALUES (4, 1, 'soft_bounced')});
is(psql('SELECT string_agg(status::text, $$ $$ ORDER BY contact_id) FROM crm.contact'),
    'active complained unsubscribed soft_bounced', 'events are applied, of a partition itself too');

psql(q{UPDATE partman.part_config SET premake = 8});
my $before = partitions();
is(maintain(), '', 'run_maintenance');
cmp_ok(partitions(), '>', $before, 'makes partitions ahead');
psql(q{SELECT contact_status.sweep('crm')});
sound('ahead');

# Retention: the horizon first.
psql(q{UPDATE partman.part_config SET retention = '5 months', retention_keep_table = false});
my $held = psql($statuses);
psql("CALL contact_status.move_horizon('crm', 1, @{[month(3)]})");
is(maintain(), '', 'retention behind a horizon');
is(oldest(), named(5), 'partitions that are older than the retention are gone');
is(psql($statuses), $held, 'statuses stay');
is(psql(q{SELECT contact_status.reevaluate('crm')}), '0', 'judged anew, too');
sound('dropped');

# Detached into a schema of its own.
psql(q{CREATE SCHEMA archive; UPDATE partman.part_config SET retention = '3 months', retention_schema = 'archive'});
psql("INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES
        (1, 'complained', @{[month(4)]} + interval '5 days')");
psql("CALL contact_status.move_horizon('crm', 1, @{[month(3)]})");
is(maintain(), '', 'again');
is(oldest(), named(3), 'then partitions are detached');
is(psql("SELECT string_agg(kind::text, ' ' ORDER BY kind) FROM @{[named(4) =~ s/^crm/archive/r]}"),
    'unsubscribed complained', 'and are in the archive, with their events');
is(psql('SELECT status FROM crm.contact WHERE contact_id = 1'), 'complained', 'which go on to hold');
sound('archived');
done_testing;
