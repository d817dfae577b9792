#!/usr/bin/perl
# Logical replication of an installation, as docs/replication.md has it: all its tables, those that are derived too,
# from which no trigger derives anything again; and the switch-over to the subscriber.
use strict;
use warnings;
use Restore qw(psql sqlstate fill state numbers goes_on eventually @TABLES);
use Test::More;

my $database = $ENV{PGDATABASE};
my $copy     = "${database}_copy";
my $name     = 'contact_status_test';
my $conninfo = join ' ', "dbname=$database", map { "$_->[0]=$ENV{$_->[1]}" }
    [host => 'PGHOST'], [port => 'PGPORT'], [user => 'PGUSER'], [password => 'PGPASSWORD'];

# The subscription's slot would hold the databases.
sub clean_up {
    if (psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = '$copy'") == 1) {
        psql($copy, join '', map { "$_;\n" } "ALTER SUBSCRIPTION $name DISABLE",
            "ALTER SUBSCRIPTION $name SET (slot_name = NONE)", "DROP SUBSCRIPTION $name")
            if psql($copy, "SELECT count(*) FROM pg_subscription WHERE subname = '$name'") == 1;
        psql('postgres', "DROP DATABASE $copy WITH (FORCE)");
    }
    my $slot = "FROM pg_replication_slots WHERE slot_name = '$name'";
    psql('postgres', "SELECT pg_terminate_backend(active_pid, 10000) $slot AND active");
    psql('postgres', "SELECT pg_drop_replication_slot(slot_name) $slot");
    return;
}
END { my $status = $?; clean_up(); $? = $status }

# What happens to the publisher while it is followed: every way of writing there is.
my @work = (
    q{INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at, event_key)
      SELECT 1 + i % 200, CASE WHEN i % 50 = 0 THEN 1 END, i / 100, (CASE WHEN i % 50 = 0 THEN 'unsubscribed'
                  WHEN i % 3 = 0 THEN 'soft_bounced' ELSE 'opened' END)::contact_status.event_kind,
             timestamptz '2025-03-01' + i * interval '1 minute', i
        FROM generate_series(1, 1000) i WHERE (1 + i % 200) IN (SELECT contact_id FROM crm.contact)},
    q{INSERT INTO crm.contact (email) SELECT format('later%s@example.org', i) FROM generate_series(1, 50) i},
    q{INSERT INTO crm.event (contact_id, list_id, kind)
      SELECT contact_id, 2, 'added' FROM crm.contact WHERE email LIKE 'later%'},
    q{UPDATE crm.contact SET email = 'moved' || email WHERE contact_id BETWEEN 30 AND 34},
    q{DELETE FROM crm.contact WHERE contact_id BETWEEN 40 AND 45},
    q{SELECT contact_status.erase_contact('crm', 1, 50)},
    q{SELECT contact_status.suppress('crm', 1, 'other@example.org', 'unsubscribed')},
    q{SELECT contact_status.suppress('crm', 1, 'c42@example.org', 'complained')},
    q{SELECT *
        FROM contact_status.retract_events('crm', 'another test', kinds => '{soft_bounced}', since => '2025-03-01')},
    q{SELECT * FROM contact_status.retract_events('crm', 'a third', kinds => '{unsubscribed}', since => '2025-03-01')},
    q{SELECT * FROM contact_status.undo_retraction('crm', 3)},
    q{CREATE TEMPORARY TABLE staging (email text, status text);
      INSERT INTO staging
      VALUES ('c42@example.org', NULL), ('imported@example.org', NULL), ('out@example.org', 'unsubscribed');
      SELECT * FROM contact_status.import_contacts('crm', 1, 1, 'staging')},
    q{INSERT INTO crm.list (name) VALUES ('four'); DELETE FROM crm.list WHERE name = 'two'},
    q{INSERT INTO crm.account (account_id, policy) VALUES (3, 'default')},
    q{UPDATE crm.policy SET soft_bounce_limit = 2, resubscribe = 'never' WHERE name = 'ecomail';
      SELECT contact_status.reevaluate('crm')},
    # many rows of counts, which a sweep makes one
    q{DO 'BEGIN FOR i IN 1 .. 200 LOOP
              INSERT INTO crm.event (contact_id, kind)
              SELECT contact_id, CASE i % 2 WHEN 0 THEN ''released'' ELSE ''suspended'' END::contact_status.event_kind
                FROM crm.contact WHERE email = ''later1@example.org'';
          END LOOP; END'},
    q{INSERT INTO crm.event (contact_id, kind, occurred_at, until)
      SELECT contact_id, 'suspended', now() - interval '1 hour', now() + interval '0.1 second'
        FROM crm.contact WHERE email = 'later2@example.org';
      SELECT pg_sleep(0.2); SELECT contact_status.sweep('crm')},
);

clean_up();
fill($database);
psql($database, "CREATE PUBLICATION $name FOR TABLES IN SCHEMA crm");

# the subscriber has the tables from a dump: those that create_tables makes have rows already
psql('postgres', "CREATE DATABASE $copy TEMPLATE template0");
psql($copy,      'CREATE EXTENSION contact_status');
my $tables = "pg_dump --schema-only --no-publications -n crm $database | psql -X -q -v ON_ERROR_STOP=1 -d $copy";
is(system("$tables >/dev/null"), 0, 'the tables, without rows');
psql($database, "SELECT pg_create_logical_replication_slot('$name', 'pgoutput')");
psql($copy,     "CREATE SUBSCRIPTION $name CONNECTION '$conninfo' PUBLICATION $name WITH (create_slot = false)");
is(eventually($copy, q{SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'}, scalar @TABLES), @TABLES,
    'every table was copied');

sub caught_up {
    chomp(my $written = psql($database, 'SELECT pg_current_wal_insert_lsn()'));
    my $has = "SELECT confirmed_flush_lsn >= '$written' FROM pg_replication_slots WHERE slot_name = '$name'";
    return eventually($database, $has, 't') eq 't';
}
ok(caught_up(), 'the subscriber has caught up');
is_deeply(state($copy), state($database), 'what was there is the same, so no trigger fired over it');
is(psql($copy, q{SELECT * FROM contact_status.verify('crm')}), '', 'verify finds nothing on the subscriber');

for my $sql (@work) {
    psql($database, $sql);
}
ok(caught_up(), 'the subscriber has caught up again');
is_deeply(state($copy), state($database), 'what happened since is the same, retractions and deletions too');
is(psql($copy, q{SELECT * FROM contact_status.verify('crm')}), '', 'verify finds nothing');

# the switch-over: nobody writes to the publisher any more, and the subscriber has everything
psql($database, "ALTER DATABASE $database SET default_transaction_read_only = on");
is(sqlstate($database, q{INSERT INTO crm.event (contact_id, kind) VALUES (1, 'opened')}), '25006',
    'the publisher is closed');
ok(caught_up(), 'the subscriber has everything');
psql($copy, "DROP SUBSCRIPTION $name");
for my $of (['contact', 'contact_id'], ['list', 'list_id'], ['retraction', 'retraction_id'],
    ['unmatched_event', 'unmatched_id']) {
    my ($table, $column) = @$of;
    chomp(my $last = psql($database, "SELECT last_value FROM crm.${table}_${column}_seq"));
    psql($copy, "SELECT setval(pg_get_serial_sequence('crm.$table', '$column'), $last)");
}
is(numbers($copy), numbers($database), 'numbers go on');
is(goes_on($copy), '', 'and so does all else');

done_testing;
