#!/usr/bin/perl
# A physical standby: what only reads works there as on the primary, what writes is refused as the server refuses it,
# and after a promotion events go on where they were.
use strict;
use warnings;
use Cluster;
use Restore qw(psql sqlstate eventually fill state goes_on);
use Test::More;

my $primary = join ' ', map { "$_->[0]=" . ($ENV{$_->[1]} // '') }
    [host => 'PGHOST'], [port => 'PGPORT'], [user => 'PGUSER'], [password => 'PGPASSWORD'];
my $database = $ENV{PGDATABASE};

my $standby = Cluster->new(fsync => 'off')->copy($primary)->start;
fill($database);
psql($database, 'CREATE TABLE crm.staging (email text); INSERT INTO crm.staging VALUES (\'eve@example.org\')');
my $there = $standby->at($database);
my $written = psql($database, 'SELECT pg_current_wal_insert_lsn()') =~ s/\s//gr;
is(eventually($there, "SELECT pg_last_wal_replay_lsn() >= '$written'", 't'), 't', 'the standby has what was written');
is(psql($there, 'SELECT pg_is_in_recovery()'), "t\n", 'and is one');

is_deeply(state($there), state($database), 'tables and views say the same');
for my $query (
    q{SELECT * FROM contact_status.verify('crm')},
    q{SELECT * FROM contact_status.active_contacts_by_day('crm', 1, '2025-01-01', '2025-01-05')},
    q{SELECT e.* FROM crm.subscription s, contact_status.explain_status('crm', 1, s.contact_id, s.list_id) e
       ORDER BY s.contact_id, s.list_id, e.fact},
    q{SELECT contact_status.state_diagram('ecomail')},
    q{SELECT * FROM contact_status.transitions('ecomail')},
    q{SELECT contact_id, contact_status.status_of('ecomail', kind, occurred_at, list_id, campaign_id, event_key
          ORDER BY occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C")
        FROM crm.event GROUP BY contact_id ORDER BY contact_id},
    q{SELECT s, contact_status.is_mailable(s), contact_status.report_category(s), contact_status.color(s, 'ecomail'),
             contact_status.from_label(contact_status.label(s, 'ecomail'), 'ecomail')
        FROM unnest(enum_range(NULL::contact_status.contact_status)) s},
) {
    is(psql($there, $query), psql($database, $query), 'so does ' . ($query =~ /contact_status\.(\w+)/)[0]);
}

for my $statement (
    q{INSERT INTO crm.event (contact_id, kind) VALUES (1, 'opened')},
    q{INSERT INTO crm.contact (email) VALUES ('eve@example.org')},
    q{UPDATE crm.contact SET email = 'eve@example.org' WHERE contact_id = 1},
    q{DELETE FROM crm.contact WHERE contact_id = 1},
    q{UPDATE crm.policy SET soft_bounce_limit = 4},
    q{SELECT contact_status.create_tables('other')},
    q{SELECT contact_status.sweep('crm')},
    q{SELECT contact_status.reevaluate('crm')},
    q{SELECT contact_status.repair('crm')},
    q{SELECT contact_status.suppress('crm', 1, 'eve@example.org', 'complained')},
    q{SELECT contact_status.erase_contact('crm', 1, 1)},
    q{SELECT * FROM contact_status.retract_events('crm', 'a test', kinds => '{opened}')},
    q{SELECT * FROM contact_status.undo_retraction('crm', 1)},
    q{SELECT * FROM contact_status.import_contacts('crm', 1, 1, 'crm.staging')},
) {
    is(sqlstate($there, $statement), '25006', "refused: $statement");
}

$standby->promote;
is(goes_on($there), '', 'after the promotion it works on');
$standby->stop;

done_testing;
