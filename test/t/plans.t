#!/usr/bin/perl
# No plan of ours depends on how large a table was when it was planned: planned on tables that are empty, no table of
# the installation is read as a whole once for each row of another. Such a plan is quadratic where the tables grow
# meanwhile.
#
# Views are planned with the statement that reads them. import_contacts reads a staging table, which does not grow
# meanwhile.
use strict;
use warnings;
use Restore qw(psql);
use JSON::PP qw(decode_json encode_json);
use Test::More;

my $setup = <<'SQL';
CREATE EXTENSION contact_status;
SELECT contact_status.create_tables('crm', partition_by => '1 month');
SELECT contact_status.create_tables('plain');
CREATE TABLE staging (email text, status text, occurred_at timestamptz, reason text);
ANALYZE;
SQL
psql($ENV{PGDATABASE}, $setup);

# A scan of a whole table below the inner side of a nested loop, or in a subplan that is run for each row.
sub repeated_scans {
    my ($node, $repeated) = @_;
    my @found = $repeated && $node->{'Node Type'} eq 'Seq Scan' && ($node->{Schema} // '') =~ /^(?:crm|plain)$/
        ? "$node->{Schema}.$node->{'Relation Name'}" : ();
    # what is kept between repetitions is read once
    my $kept = $node->{'Node Type'} =~ /^(?:Hash|Materialize|CTE Scan)$/;
    for my $child (@{ $node->{Plans} // [] }) {
        my $relation = $child->{'Parent Relationship'} // '';
        my $again = $relation eq 'InitPlan' ? 0
            : $relation eq 'SubPlan' ? ($child->{'Subplan Name'} // '') !~ /^CTE/
                && ($node->{Filter} // '') . join(' ', @{ $node->{Output} // [] }) !~ /hashed SubPlan/
            : $relation eq 'Inner' && $node->{'Node Type'} eq 'Nested Loop' ? 1
            : $repeated;
        push @found, repeated_scans($child, $again && !$kept);
    }
    return @found;
}

sub plans_of {
    my ($statement) = @_;
    my $said = psql($ENV{PGDATABASE}, <<"SQL");
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_verbose = on;
SET auto_explain.log_format = json;
SET auto_explain.log_level = notice;
SET client_min_messages = notice;
$statement;
SQL
    return map { decode_json($_) } $said =~ /plan:\n(\{.*?^\})/msg;
}

for my $schema (qw(crm plain)) {
    my $planned = 0;
    for my $statement (
        "SELECT * FROM contact_status.verify('$schema')",
        "SELECT contact_status.sweep('$schema')",
        "SELECT contact_status.reevaluate('$schema')",
        "SELECT contact_status.repair('$schema')",
        "SELECT contact_status.set_horizon('$schema', 1, now() - interval '1 day')",
        "CALL contact_status.move_horizon('$schema', 1, now() - interval '1 hour')",
        "SELECT contact_status.retract_events('$schema', 'r', 1, source => 's')",
        "SELECT contact_status.suppress_all('$schema', 1, '{a\@b.cz,b\@b.cz}', kind => 'complained')",
        "SELECT contact_status.active_contacts_by_day('$schema', 1, current_date - 10, current_date)",
    ) {
        my @plans = plans_of($statement);
        $planned += @plans;
        my @wrong = grep { $_->[0] } map { [ join(' ', repeated_scans($_->{Plan}, 0)), $_ ] } @plans;
        ok(!@wrong, "$statement (" . @plans . ' plans)') or diag(map { "$_->[0]\n$_->[1]{'Query Text'}\n" } @wrong);
    }
    cmp_ok($planned, '>', 20, 'plans were seen');
}

# Contacts are found by the index of addresses, also in a table that grew since its last ANALYZE.
psql($ENV{PGDATABASE}, <<'SQL');
SELECT contact_status.create_tables('filled');
ANALYZE filled.contact;
ALTER TABLE filled.contact SET (autovacuum_enabled = off);
INSERT INTO filled.contact (email) SELECT format('c%s@example.org', i) FROM generate_series(1, 2000) i;
SQL
for my $statement (
    "SELECT contact_status.suppress_all('filled', 1, '{a\@b.cz,b\@b.cz}', kind => 'complained')",
    "SELECT contact_status.record_webhook('filled', 'sendgrid', '[{\"event\":\"open\",\"email\":\"a\@b.cz\"}]')",
    "SELECT contact_status.record_event('filled', 'a\@b.cz', 'clicked')",
) {
    my @filters = map { encode_json($_->{Plan}) =~ /Filter":"([^"]*normalize_address\(c\.email\)[^"]*)/g }
        plans_of($statement);
    is(join("\n", @filters), '', "$statement: by the index");
}
done_testing;
