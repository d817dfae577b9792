#!/usr/bin/perl
# Every function of the extension with what nobody expects: nulls, extremes, names that are none. Each ends in a result
# or in an error that says what is wrong, never in an internal error (class XX), and the server lives on.
use strict;
use warnings;
use Test::More;

use Hostile qw(psql prepare functions values_of usual call attempt alive no_internal_error);

my $database = $ENV{PGDATABASE};
prepare($database);
my @functions = functions($database);
ok(@functions > 40, 'the catalogue tells the functions');

# each argument strange in turn; then some at random, always the same
srand 20261121;
my (@statements, @slow);
for my $function (@functions) {
    my @types  = @{ $function->{types} };
    my @usual  = map { usual($function->{names}[$_], $types[$_]) } 0 .. $#types;
    my $to     = grep({ $_ eq 'date' } @types) ? \@slow : \@statements;
    my @ways   = ([@usual]);
    for my $i (0 .. $#types) {
        for my $value ('NULL', values_of($types[$i])) {
            my @arguments = @usual;
            $arguments[$i] = "($value)::$types[$i]";
            push @ways, \@arguments;
        }
    }
    for (1 .. (@types > 1 ? 25 : 0)) {
        push @ways, [map { my @of = ('NULL', values_of($_)); '(' . $of[rand @of] . ")::$_" } @types];
    }
    s/::record$// for map { @$_ } @ways;
    push @$to, map { call($function, @$_) } @ways;
}
@statements = grep { !/contact_status\.create_tables/ || rand() < 0.3 || /NULL|''/ } @statements;    # each takes long
my @became = attempt($database, \@statements);
no_internal_error(\@statements, \@became, 'strange arguments');
@became = attempt($database, \@slow, timeout => '150ms');
no_internal_error(\@slow, \@became, 'strange dates, which may be many days');

ok(alive($database), 'the server lives');
is(psql($database, q{SELECT * FROM contact_status.verify('crm')}), '', 'and nothing of it stayed');
done_testing;
