# For the tests that move an installation to another database or server: one with something of everything in it, and
# all that must be the same in its copy. Where a statement goes is named by a database or a connection string.
package Restore;

use strict;
use warnings;
use Exporter qw(import);
use File::Temp ();

our @EXPORT_OK = qw(psql sqlstate eventually fill fill_all state numbers goes_on @TABLES @SCHEMAS);

our @TABLES = qw(policy account list consent_setting_history contact deleted_contact subscription address_change
    status_count
    address_key suppression checkpoint event retraction unmatched_event status_change
    change_consumer daily_count);
my @VIEWS = qw(mailable deliverable account_status_count list_status_count active_contacts status_history
    contact_history
    campaign_report pending_confirmations);

# What statements that must not fail say.
sub psql {
    my ($where, $sql) = @_;
    my ($said, $status) = run_psql($where, $sql, 'default');
    die "$sql\n$said" if $status;
    return $said;
}

# The SQLSTATE of the error that statements end with; nothing where they do not.
sub sqlstate {
    my ($where, $sql) = @_;
    my ($said) = run_psql($where, $sql, 'sqlstate');
    return $said =~ /ERROR:  (\w{5})/ ? $1 : '';
}

sub run_psql {
    my ($where, $sql, $verbosity) = @_;
    my $file = File::Temp->new(SUFFIX => '.sql');
    print $file $sql;
    close $file;
    my @command = (qw(psql -X -q -A -t -v ON_ERROR_STOP=1 -v), "VERBOSITY=$verbosity", '-d', $where, '-f', "$file");
    open my $psql, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command or die "psql: $!\n";
    my $said = do { local $/; <$psql> } // '';
    close $psql;
    return ($said, $?);
}

# Waits until a query says what is wanted, at most 30 seconds; returns what it said last.
sub eventually {
    my ($where, $query, $wanted) = @_;
    my $said;
    for (1 .. 300) {
        chomp($said = psql($where, $query));
        last if $said eq $wanted;
        select undef, undef, undef, 0.1;
    }
    return $said;
}

# What is said here of schema crm, of another one.
sub of {
    my ($schema, $sql) = @_;
    return $sql =~ s/\bcrm\b/$schema/gr;
}

# An installation of 200 contacts, some of them gone, erased or with another address; its log in partitions where that
# is said.
sub fill {
    my ($where, $schema, $in_partitions) = @_;
    my $tables = $in_partitions ? <<'PARTITIONS' : <<'PLAIN';
SELECT contact_status.create_tables('crm', 'ecomail', partition_by => '1 month');
SELECT contact_status.add_partitions('crm', '1 day', since => '2025-01-01', until => '2025-01-04');
PARTITIONS
SELECT contact_status.create_tables('crm', 'ecomail');
PLAIN
    psql($where, of($schema // 'crm', "CREATE EXTENSION IF NOT EXISTS contact_status;\n$tables" . <<'SQL'));
SELECT contact_status.add_change_feed('crm');
INSERT INTO crm.account (account_id, policy) VALUES (2, 'emailmanager');
INSERT INTO crm.list (name, double_opt_in) VALUES ('two', true), ('three', NULL);
INSERT INTO crm.contact (email) SELECT format('c%s@example.org', i) FROM generate_series(1, 200) i;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at)
SELECT c, l, 'added', timestamptz '2025-01-01' FROM generate_series(1, 200) c, generate_series(1, 3) l;
INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at, event_key)
SELECT i % 200 + 1, CASE WHEN k = 'unsubscribed' THEN i % 2 + 1 END, i / 50, k::contact_status.event_kind,
       timestamptz '2025-01-02' + i * interval '1 minute', i
  FROM generate_series(1, 2000) i,
       LATERAL (SELECT (ARRAY['delivered','opened','soft_bounced','sent','unsubscribed','complained'])[CASE
                   WHEN i % 97 = 0 THEN 6 WHEN i % 31 = 0 THEN 5 ELSE i % 4 + 1 END] AS k) x;
INSERT INTO crm.event (contact_id, kind, occurred_at, until)
VALUES (5, 'suspended', '2025-02-01', '2025-02-02'), (6, 'suspended', '2025-02-01', NULL);
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (20, 1, 'unsubscribed', '2025-02-03');
UPDATE crm.contact SET email = 'new' || email WHERE contact_id BETWEEN 10 AND 12;
SELECT contact_status.erase_contact('crm', 1, 20);
SELECT contact_status.merge_contacts('crm', 1, 30, 31);
INSERT INTO crm.event (contact_id, kind) VALUES (30, 'complained');
DELETE FROM crm.contact WHERE contact_id % 7 = 0;
DELETE FROM crm.list WHERE list_id = 3;
SELECT contact_status.suppress('crm', 1, 'nobody@example.org', 'complained');
SELECT contact_status.record_event('crm', 'unknown@example.org', 'clicked', occurred_at => '2025-02-03');
SELECT * FROM contact_status.retract_events('crm', 'a test', kinds => '{complained}', before => '2025-01-02 12:00');
SELECT count(*) FROM contact_status.read_changes('crm', 'half', 100);
SQL
    return;
}

# An installation of each kind: its log in one table, in partitions, in partitions of which a horizon let the oldest go.
our @SCHEMAS = qw(crm parted kept);

sub fill_all {
    my ($where) = @_;
    fill($where, $_, $_ ne 'crm') for @SCHEMAS;
    psql($where, <<'SQL');
SELECT contact_status.set_horizon('kept', 1, '2025-01-03');
SELECT contact_status.drop_partition('kept', p)
    FROM unnest('{kept.event_p20250101,kept.event_p20250102}'::regclass[]) p;
SQL
    return;
}

# Every row of every table and view, which partition holds how many events, and what guards all that: a list of lines. A
# restore leaves out parentheses that mean nothing.
sub state {
    my ($where, $schema) = @_;
    my @queries = map { "SELECT '$_', t.* FROM crm.$_ t ORDER BY t::text COLLATE \"C\";\n" } @TABLES, @VIEWS;
    return [split /\n/, psql($where, of($schema // 'crm', join '', @queries, <<'SQL'))];
SELECT tableoid::regclass, count(*) FROM crm.event GROUP BY tableoid ORDER BY tableoid::regclass::text COLLATE "C";
SELECT t.tgenabled, t.tgparentid <> 0, translate(pg_get_triggerdef(t.oid), '()', '') FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = 'crm'::regnamespace AND NOT t.tgisinternal ORDER BY pg_get_triggerdef(t.oid) COLLATE "C";
SQL
}

# What the next contact, list and retraction are numbered after.
sub numbers {
    my ($where, $schema) = @_;
    return psql($where, of($schema // 'crm', join '', map { "SELECT '$_', last_value, is_called FROM crm.$_;\n" }
            qw(contact_contact_id_seq list_list_id_seq retraction_retraction_id_seq unmatched_event_unmatched_id_seq)));
}

# What of a copy does not work on: nothing is said where events, new contacts and old opt-outs are as in the original.
# An opt-out kept of an address comes back only where the copy has the key of its digest.
sub goes_on {
    my ($where, $schema) = @_;
    $schema //= 'crm';
    my $said = psql($where, of($schema, <<'SQL'));
SELECT format('verify, before: %s', v) FROM contact_status.verify('crm') v;
INSERT INTO crm.event (contact_id, kind) VALUES (1, 'complained');
SELECT format('an event: %s', status) FROM crm.contact WHERE contact_id = 1 AND status <> 'complained';
SELECT contact_status.sweep('crm') \g /dev/null
INSERT INTO crm.contact (email) VALUES ('nobody@example.org'), ('somebody@example.org');
INSERT INTO crm.event (contact_id, list_id, kind)
SELECT contact_id, 1, 'added' FROM crm.contact WHERE email LIKE '%body@example.org';
SELECT format('a new contact: %s %s', email, status) FROM crm.contact
 WHERE email LIKE '%body@example.org'
   AND status::text <> CASE WHEN email LIKE 'some%' THEN 'active' ELSE 'complained' END;
SELECT format('verify, after: %s', v) FROM contact_status.verify('crm') v;
-- what the consumer has not read yet; other transactions of the cluster delay it
CREATE TEMPORARY TABLE taken AS SELECT r.* FROM contact_status.read_changes('crm', 'half', 1000000) r;
SELECT pg_sleep(0.2) \g /dev/null
INSERT INTO taken SELECT r.* FROM contact_status.read_changes('crm', 'half', 1000000) r;
SELECT format('of the feed: %s taken, %s there', n, there)
    FROM (SELECT count(*) FROM taken) t (n), (SELECT count(*) FROM crm.status_change) s (there) WHERE n <> there - 100;
SQL
    my @partitions = split /\n/, psql($where, of($schema, <<'SQL'));
SELECT DISTINCT e.tableoid::regclass FROM crm.event e JOIN pg_class c ON c.oid = e.tableoid WHERE c.relispartition
SQL
    $said .= psql($where, of($schema, <<'SQL')) if @partitions;
SELECT contact_status.add_partitions('crm', '1 month', since => '2024-12-01', until => '2025-01-01') \g /dev/null
SELECT format('a partition without triggers: %s', p) FROM _contact_status.unguarded_partitions('crm') p;
SQL
    my %refused = map { ("UPDATE $schema.$_ SET status = 'deleted'" => '23514') } qw(contact subscription);
    for my $partition (@partitions) {
        $refused{"UPDATE $partition SET kind = 'opened'"} = '23514';
        $refused{"TRUNCATE $partition"} = '0A000';
        $refused{"SELECT contact_status.drop_partition('$schema', '$partition')"} = '55000';
    }
    for my $statement (sort keys %refused) {
        my $state = sqlstate($where, $statement);
        $said .= "$statement: '$state'\n" if $state ne $refused{$statement};
    }
    return $said;
}

1;
