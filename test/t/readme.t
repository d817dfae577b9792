#!/usr/bin/perl
# What the README tells to type works, in order, in a fresh database; and its first example shows what it says.
use strict;
use warnings;
use File::Temp ();
use Test::More;

my $readme = do { local ($/, @ARGV) = (undef, 'README.md'); <> };
my @blocks = $readme =~ /^```sql\n(.*?)^```$/msg;
my ($shown) = $readme =~ /^```sql\n.*?^```\n\n```\n(.*?)^```$/ms;
ok(@blocks > 10, 'the README has examples');

my $file = File::Temp->new(SUFFIX => '.sql');
print $file '\pset footer off', "\n";
print $file "\\echo block $_\n$blocks[$_]\n" for 0 .. $#blocks;
close $file;

my $printed = `psql -X -q -v ON_ERROR_STOP=1 -f $file 2>&1`;
is($?, 0, 'all of it runs') or diag($printed);

# of the first block, without what only psql's width and blank lines make different
my ($first) = $printed =~ /^block 0\n(.*?)^block 1$/ms;
my $plain = sub { join "\n", grep { /\S/ && !/create_tables|^-+$|^ *\(\d+ rows?\)/ } map { s/\s+$//r } split /\n/, shift };
is($plain->($first), $plain->($shown), 'the first example shows what the README says');
done_testing;
