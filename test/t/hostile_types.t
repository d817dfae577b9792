#!/usr/bin/perl
# Installations of which a column has another type, or nulls where there should be none: anybody can make such tables in
# a schema of his own. What an application then does ends in errors, never in an internal one (class XX) or in a crash.
use strict;
use warnings;
use Test::More;

use Hostile qw(psql prepare columns attempt alive no_internal_error prepare_damage @damage_tables);

my $database = $ENV{PGDATABASE};
prepare($database);
prepare_damage($database);

my @changed;
for my $table (@damage_tables) {
    push @changed, "ALTER TABLE crm.$table ADD COLUMN own text DEFAULT 'x'";    # as applications do
    for my $column (columns($database, $table)) {
        my ($name, $type) = @$column;
        my ($other, $default) = $type =~ /^(?:text|bytea|name)$|\[\]/ ? ('bigint', 1) : ('text', "'x'");
        push @changed, "ALTER TABLE crm.$table DROP COLUMN $name CASCADE;
            ALTER TABLE crm.$table ADD COLUMN $name $other DEFAULT $default",
            "ALTER TABLE crm.$table DROP COLUMN $name CASCADE; ALTER TABLE crm.$table ADD COLUMN $name $type";
    }
}
# keys on other columns, of other kinds, and a secret that is too short
push @changed,
    map { "ALTER TABLE crm.contact DROP CONSTRAINT contact_pkey CASCADE; ALTER TABLE crm.contact ADD PRIMARY KEY ($_)" }
    'contact_id', 'email', 'email, account_id', 'contact_id, account_id, email';
push @changed, "ALTER TABLE crm.subscription DROP CONSTRAINT subscription_pkey CASCADE;
    ALTER TABLE crm.subscription ADD PRIMARY KEY (contact_id, list_id)",
    (map { "DROP INDEX crm.event_key; CREATE INDEX event_key ON crm.event $_" }
        'USING brin (account_id, contact_id, occurred_at)',
        '(account_id, event_key, source, evidence)', '(account_id, recorded_at, contact_id)'),
    'DROP INDEX crm.status_count_key;
        CREATE INDEX status_count_key ON crm.status_count USING brin (account_id, list_id, written_by)',
    map { "ALTER TABLE crm.address_key DISABLE TRIGGER ALL; UPDATE crm.address_key SET key = $_" } "''", "'\\x00'",
    "decode(repeat('00', 100000), 'hex')";
my @became = attempt($database, \@changed, way => 'SELECT hostile.damaged(%s)', timeout => '20s');
no_internal_error(\@changed, \@became, 'columns of another type, or of nulls');

ok(alive($database), 'the server lives');
is(psql($database, q{SELECT * FROM contact_status.verify('crm')}), '', 'and nothing of it stayed');
done_testing;
