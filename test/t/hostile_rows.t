#!/usr/bin/perl
# Rows with what nobody expects in every column, and bytes that are no characters: a result or an error that says what
# is wrong, never an internal error (class XX), and the server lives on.
use strict;
use warnings;
use Test::More;

use Hostile qw(psql prepare functions columns values_of usual call attempt alive no_internal_error);

my $database = $ENV{PGDATABASE};
prepare($database);
my %row = (
    event   => { contact_id => 1, list_id => 1, kind => "'added'" },
    contact => { email => "'x\@example.org'" },
    list    => {},
    policy  => { name => "'x'" },
    account => { account_id => 7 },
);
my @statements;
for my $table (sort keys %row) {
    for my $column (columns($database, $table)) {
        my ($name, $type) = @$column;
        for my $value ('NULL', values_of($type)) {
            my %given = (%{ $row{$table} }, $name => "($value)::$type");
            my @names = sort keys %given;
            push @statements, "INSERT INTO crm.$table (" . join(', ', @names) . ') OVERRIDING SYSTEM VALUE VALUES ('
                . join(', ', @given{@names}) . ')',
                "UPDATE crm.$table SET $name = ($value)::$type";
        }
    }
}
for my $kind (values_of('contact_status.event_kind')) {
    push @statements,
        map { "INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at, until, source, evidence)
            VALUES (1, 1, 1, $kind, $_)" }
        "'-infinity', NULL, NULL, NULL", "'4713-01-01 BC', 'infinity', 'manual', ''",
            "'4713-01-01 BC', NULL, 'manual', 'e'", "now(), 'infinity', '', 'e'";
}
my @became = attempt($database, \@statements);
no_internal_error(\@statements, \@became, 'strange rows');

my $bytes = "${database}_bytes";
psql('postgres', "DROP DATABASE IF EXISTS $bytes;");
psql('postgres', "CREATE DATABASE $bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';");
prepare($bytes);
my @strings = map { "E'$_'" } '\\xff', '\\xc3', '\\xe2\\x82', 'a\\xff@b\\xfe', '\\x80\\x80\\x80@\\xff.cz', '\\xc0\\x80',
    '\\xed\\xa0\\x80', '5\\xff', 'opt-in\\xc3';
@statements = ();
for my $function (functions($bytes)) {
    my @types = @{ $function->{types} };
    for my $i (grep { $types[$_] =~ /^(?:text|name|text\[\])$/ } 0 .. $#types) {
        for my $string (@strings) {
            my @arguments = map { usual($function->{names}[$_], $types[$_]) } 0 .. $#types;
            $arguments[$i] = $types[$i] eq 'text[]' ? "ARRAY[$string]" : "($string)::$types[$i]";
            push @statements, call($function, @arguments);
        }
    }
}
for my $string (@strings) {
    push @statements, "INSERT INTO crm.contact (email) VALUES ($string)",
        "INSERT INTO hostile.staging VALUES ($string, $string, $string, $string);
            SELECT contact_status.import_contacts('crm', 1, 1, 'hostile.staging')",
        "INSERT INTO hostile.staging VALUES ('a\@' || $string);
            SELECT contact_status.import_contacts('crm', 1, 1, 'hostile.staging')",
        map { "INSERT INTO crm.event (contact_id, list_id, kind, $_) VALUES (1, 1, 'signed_up', $string)" } qw(event_key
            source evidence reason reply);
}
@became = attempt($bytes, \@statements, preamble => "SET client_encoding = 'SQL_ASCII';");
no_internal_error(\@statements, \@became, 'bytes that are no characters');
psql('postgres', "DROP DATABASE $bytes;");

ok(alive($database), 'the server lives');
is(psql($database, q{SELECT * FROM contact_status.verify('crm')}), '', 'and nothing of it stayed');
done_testing;
