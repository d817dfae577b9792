#!/usr/bin/perl
# A setting of a policy, an event kind, a status or a table stands in each place that CONTRIBUTING.md names.
use strict;
use warnings;
use Restore qw(psql);
use Test::More;

psql($ENV{PGDATABASE}, 'CREATE EXTENSION contact_status; SELECT contact_status.create_tables($$crm$$)');
sub names { return split /\n/, psql($ENV{PGDATABASE}, $_[0]) }
sub text {
    my ($text) = map { my $file = $_; local (@ARGV, $/) = $file; <> } $_[0];
    return $text;
}

# A part of the reference, by its heading.
sub part {
    my ($heading) = @_;
    return text('docs/reference.md') =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms ? $1 : die "no part $heading\n";
}

sub each_in {
    my ($what, $names, %places) = @_;
    for my $place (sort keys %places) {
        is(join(' ', grep { $places{$place} !~ /\b$_\b/ } @$names), '', "$place has each $what");
    }
}

my @settings = grep { $_ ne 'name' } names(
    q{SELECT attname FROM pg_attribute WHERE attrelid = 'contact_status.policy'::regclass AND attnum > 0});
cmp_ok(scalar(@settings), '>', 10, 'there are settings');
each_in('setting', \@settings,
    'src/types/policy.c' => join('', map { text($_) } 'src/types/policy.c', 'src/types/policy.h', 'sql/types.sql'),
    'docs/reference.md' => part('Policies'),
    'the reference' => text('test/reference/Reference.pm'), 'random tests' => text('test/random/Generate.pm'),
    'rules_settings.sql' => text('test/pgtap/rules_settings.sql') . text('test/pgtap/setup.inc'));
my %of_consent = map { $_ => 1 } qw(import_consent double_opt_in unsubscribe_scope resubscribe complained_insert
    complaint_stops_all counted);
each_in('setting of rules', [ grep { !$of_consent{$_} } @settings ],
    'rules.h' => text('src/rules/rules.h'), 'PL/pgSQL' => text('bench/plpgsql.sql'));

my @kinds = names(q{SELECT unnest(enum_range(NULL::contact_status.event_kind))});
each_in('kind', \@kinds, 'docs/reference.md' => part('Events'), 'the reference' => text('test/reference/Reference.pm'),
    'random tests' => text('test/random/Generate.pm'),
    'rules' => join('', map { text($_) } glob 'test/pgtap/rules_*.sql'), 'event.c' => text('src/rules/event.c'),
    'PL/pgSQL' => text('bench/plpgsql.sql'));
each_in('kind', [ map { "CS_KIND_\U$_" } @kinds ], 'apply.c' => text('src/rules/apply.c'),
    'rules.h' => text('src/rules/rules.h'));

my @statuses = names(q{SELECT unnest(enum_range(NULL::contact_status.contact_status))});
each_in('status', \@statuses, 'docs/reference.md' => part('Statuses'),
    'the reference' => text('test/reference/Reference.pm'),
    'event.c' => text('src/rules/event.c'));
each_in('status', [ map { "CS_STATUS_\U$_" } @statuses ], 'labels.c' => text('src/types/labels.c'));

my @tables = names(q{SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'p')});
each_in('table', \@tables, 'docs/reference.md' => part('Tables'),
    'table_names' => join(' ', names('SELECT unnest(_contact_status.table_names())')),
    'installation.c' => text('src/storage/installation.c'));
each_in('table with a row of its own', [ grep { $_ ne 'policy' } @tables ],
    'Hostile.pm' => text('test/lib/Hostile.pm'));

# the functions that users see are those of the reference
my @functions = names(
    q{SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'contact_status'::regnamespace ORDER BY 1});
my ($table) = part('Functions') =~ /^(\|.*?)\n\n/ms;
my %named;
for my $row (split /\n/, $table) {
    my ($cell) = $row =~ /^\| (.*?) \|/ or next;
    $named{$1} = 1 while $cell =~ /`(?:CALL )?(\w+)/g;
}
is(join(' ', sort keys %named), join(' ', @functions),
    'the reference has the functions of schema contact_status, and no others');
done_testing;
