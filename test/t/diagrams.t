#!/usr/bin/perl
# docs/diagrams.md is as script/diagrams prints it, and each arrow of the README's diagram is a transition of policy
# default with this kind of event.
use strict;
use warnings;
use Restore qw(psql);
use Test::More;

sub text { my ($file) = @_; local (@ARGV, $/) = $file; return scalar <> }
psql($ENV{PGDATABASE}, 'CREATE EXTENSION contact_status');

my $printed = `script/diagrams`;
is($printed, text('docs/diagrams.md'), 'docs/diagrams.md is current: script/diagrams prints it');

my %arrows;
for (split /\n/, psql($ENV{PGDATABASE}, q{SELECT coalesce(from_status::text, '[*]') || ' --> '
        || coalesce(to_status::text, '[*]') || ' : ' || event FROM contact_status.transitions('default')})) {
    $arrows{$_} = 1;
}
cmp_ok(scalar(keys %arrows), '>', 50, 'there are transitions');
my ($diagram) = text('README.md') =~ /^```mermaid\n(.*?)^```$/ms;
my @arrows = map { s/^\s+|\s+$//gr } grep { /-->/ } split /\n/, $diagram;
cmp_ok(scalar(@arrows), '>', 10, 'the README has a diagram');
is(join("\n", grep { !$arrows{$_} } @arrows), '', 'each of its arrows is a transition');

psql($ENV{PGDATABASE}, "SELECT contact_status.create_tables('crm')");
my ($tables) = text('docs/reference.md') =~ /^```mermaid\nerDiagram\n(.*?)^```$/ms;
my %drawn = map { $_ => 1 } map { /^\s+(\w+) \S+ (\w+) :/ } split /\n/, $tables;
is(join(' ', sort keys %drawn), join(' ', split /\n/, psql($ENV{PGDATABASE},
    "SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1")),
    'the diagram of tables has each table, and no others');
done_testing;
