#!/usr/bin/perl
# Real drivers that send parameters without types, psycopg 3 and node-postgres, where they are installed: the calls of
# test/pgtap/untyped.sql, enums as strings, arrays, errors, a batch, prepared statements, and COPY.
use strict;
use warnings;
use File::Temp ();
use JSON::PP qw(decode_json encode_json);
use Restore qw(psql);
use Test::More;

open my $file, '<:encoding(UTF-8)', 'test/pgtap/untyped.sql' or die "untyped.sql: $!\n";
my $text = do { local $/; <$file> };
binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output);
my ($setup) = $text =~ /^(SELECT contact_status\.create_tables.*?)^-- A row for each/ms or die "no setup\n";
my ($calls) = $text =~ /FROM STDIN \(DELIMITER '\|'\);\n(.*?)^\\\.$/ms or die "no calls\n";

# An SQL literal as a value: an array as a list, of numbers if all are. Of another expression, undef.
sub value {
    my ($literal) = @_;
    return [undef] if $literal eq 'NULL';
    my ($escaped, $string) = $literal =~ /^(E?)'(.*)'$/s or return;
    $string =~ s/''/'/g;
    $string =~ s/\\n/\n/g if $escaped;
    return [$string] if $string !~ /^\{([^":]*)\}$/;
    my @items = split /,/, $1;
    return [[ (grep { !/^\d+$/ } @items) ? @items : map { $_ + 0 } @items ]];
}

# The calls with their values, and what each returns. An expression is not a value: it stays in the statement.
my (@calls, %expected);
for my $line (split /\n/, $calls =~ s/\\\n//gr) {
    my ($statement, $parameters, $expected) = map { s/\\\\/\\/gr } split /\|/, $line, -1;
    my @literals = $parameters =~ /\G\s*(E?'(?:[^']|'')*'|\(.*?\)\)|[^,]+)(?:,|\z)/g;
    my @values;
    $statement =~ s{\$(\d+)}{
        my $literal = $literals[$1 - 1];
        my $value = value($literal);
        if ($value) { push @values, $value->[0] }
        $value ? '$' . @values : $literal }ge;
    push @calls, { statement => $statement, values => \@values };
    $expected{$statement} = $expected;
}
cmp_ok(scalar(@calls), '>', 40, 'there are calls');

my $json = File::Temp->new;
print $json encode_json(\@calls);
close $json;

my %steps = (
    'an enum as a string' => 'active', 'a derived column' => '23514 contact_status_derived',
    'a wrong shape' => '23514 contact_status_event', 'an unknown contact' => '23503 None', 'a batch' => 6,
    'a prepared statement' => 'soft_bounced', 'many rows at once' => [12, 13],
    'an array of strings' => [[14, 'suppressed'], [undef, 'invalid_address']], 'an array of enums' => [2, 2],
    'a row and an exception' => '23514 contact_status_address');

sub run_driver {
    my ($driver, @command) = @_;
    my $database = "$ENV{PGDATABASE}_client";
    psql('postgres', "DROP DATABASE IF EXISTS $database");
    psql('postgres', "CREATE DATABASE $database");
    psql($database, 'CREATE EXTENSION contact_status');
    psql($database, $setup);
    local $ENV{PGDATABASE} = $database;
    open my $out, '-|', @command, "$json" or die "$command[0]: $!\n";
    my %got = map { @{ decode_json($_) } } <$out>;
    ok(close($out), "$driver runs");
    for my $call (@calls) {
        my ($statement, $got) = ($call->{statement}, $got{ $call->{statement} });
        if ($expected{$statement} eq '*') { unlike($got, qr/^[0-9A-Z]{5} /, "$driver: $statement") }
        else { is($got, $expected{$statement}, "$driver: $statement") }
    }
    is_deeply($got{$_}, $steps{$_}, "$driver: $_") for sort keys %steps;
    psql('postgres', "DROP DATABASE $database");
    return;
}

$ENV{NODE_PATH} //= '/usr/share/nodejs';
SKIP: {
    my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
    skip 'psycopg 3 is not installed: Debian has it in package python3-psycopg', 1
        if system("$python -c 'import psycopg' 2>/dev/null") != 0;
    run_driver('psycopg 3', $python, 'test/clients/psycopg3.py');
}
SKIP: {
    skip 'node-postgres is not installed: Debian has it in package node-pg', 1
        if system(q{node -e 'require("pg")' 2>/dev/null}) != 0;
    run_driver('node-postgres', 'node', 'test/clients/node-postgres.js');
}

# psql: columns of a staging table that are not read are named
psql($ENV{PGDATABASE}, q{CREATE EXTENSION contact_status; SELECT contact_status.create_tables('crm')});
psql($ENV{PGDATABASE}, q{CREATE TABLE staging (email text, "Status" text, evidence text);
    CREATE TABLE plain (email text)});
my $import = q{SELECT contact_status.import_contacts('crm', 1, 1, '%s')};
like(`psql -Xq -c "@{[sprintf $import, 'staging']}" 2>&1 >/dev/null`, qr/^WARNING:.*staging: "Status"$/m,
    'a warning names the columns that import_contacts does not read');
is(`psql -Xq -c "@{[sprintf $import, 'plain']}" 2>&1 >/dev/null`, '', 'and there is none else');
done_testing;
