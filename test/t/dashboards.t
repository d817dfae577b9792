#!/usr/bin/perl
# The queries of docs/dashboards/queries.yaml run on an installation and return the columns that they describe; the
# dashboard names no other metrics.
use strict;
use warnings;
use File::Temp ();
use JSON::PP;
use Restore qw(psql);
use Test::More;

sub text { my ($file) = @_; local (@ARGV, $/) = $file; return scalar <> }

psql($ENV{PGDATABASE}, q{CREATE EXTENSION contact_status;
    SELECT contact_status.create_tables('crm', partition_by => '1 month');
    INSERT INTO crm.contact (email) VALUES ('ann@example.org');
    INSERT INTO crm.event (contact_id, list_id, kind) VALUES (1, 1, 'added');
    INSERT INTO crm.event (contact_id, campaign_id, kind) VALUES (1, 7, 'sent');
    SELECT contact_status.record_event('crm', 'bob@example.org', 'opened')});
my %metrics;
my $queries = text('docs/dashboards/queries.yaml');
while ($queries =~ /^(\w+):\n  query: \|\n((?:    .*\n)+)  metrics:\n((?:    - .*\n)+)/mg) {
    my ($name, $query, $described) = ($1, $2, $3);
    my @columns = $described =~ /^    - (\w+): \{ usage: /mg;
    my @metrics = $described =~ /^    - (\w+): \{ usage: (?:GAUGE|COUNTER),/mg;
    $metrics{"${name}_$_"} = 1 for @metrics;
    my $file = File::Temp->new;
    print $file $query;
    close $file;
    my @rows = `psql -Xq --csv -v ON_ERROR_STOP=1 -f $file 2>&1`;
    is($?, 0, "$name runs");
    chomp @rows;
    is($rows[0], join(',', @columns), '... and returns the columns that it describes');
    cmp_ok(scalar(@rows), '>', 1, '... of some rows');
}
is(scalar(() = $queries =~ /^\w+:/mg), 5, 'every query is tried');

my $dashboard = decode_json(text('docs/dashboards/grafana.json'));
my @panels = @{ $dashboard->{panels} };
cmp_ok(scalar(@panels), '>', 4, 'the dashboard has panels');
my %used = map { $_ => 1 } map { $_->{expr} =~ /\b(contact_status_\w+)/g } map { @{ $_->{targets} } } @panels;
is(join(' ', grep { !$metrics{$_} } sort keys %used), '', 'their metrics are those of the queries');
my %documented = map { $_ => 1 } text('docs/monitor.md') =~ /`(contact_status_\w+)/g;
is(join(' ', grep { my $m = $_; !$metrics{$m} && !grep { /^\Q$m\E/ } keys %metrics } sort keys %documented), '',
    'and so are those of the document');
done_testing;
