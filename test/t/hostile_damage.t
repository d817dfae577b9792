#!/usr/bin/perl
# Installations of which a table, a column, an index or a row is gone: what an application then does ends in errors that
# say what is missing, never in an internal error (class XX), and the server lives on.
use strict;
use warnings;
use Test::More;

use Hostile qw(psql prepare columns attempt alive no_internal_error prepare_damage @damage_tables);

my $database = $ENV{PGDATABASE};
prepare($database);
prepare_damage($database);

my @lost;
for my $table ('policy', @damage_tables) {
    push @lost, "DROP TABLE crm.$table CASCADE", "ALTER TABLE crm.$table RENAME TO gone",
        "DROP TABLE crm.$table CASCADE; CREATE VIEW crm.$table AS SELECT 1 AS account_id",
        "DROP TABLE crm.$table CASCADE; CREATE SEQUENCE crm.$table";
    for my $column (columns($database, $table)) {
        my ($name, $type) = @$column;
        # policy's columns are a type's
        push @lost, "ALTER TABLE crm.$table DROP COLUMN $name CASCADE" if $table ne 'policy';
        push @lost, "ALTER TABLE crm.$table RENAME COLUMN $name TO gone" if $table =~ /^(?:contact|event)$/;
    }
}
push @lost, map { "DROP INDEX crm.$_ CASCADE" } qw(event_key contact_address consent_setting_key suppression_key
    status_count_key);
push @lost, map { "DELETE FROM crm.$_" } qw(policy account list);
my @became = attempt($database, \@lost, way => 'SELECT hostile.damaged(%s)', timeout => '20s');
no_internal_error(\@lost, \@became, 'tables, columns and indexes that are gone');
ok(alive($database), 'the server lives');
is(psql($database, q{SELECT * FROM contact_status.verify('crm')}), '', 'and nothing of it stayed');
done_testing;
