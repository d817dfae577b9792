#!/usr/bin/perl
# What the README, docs/retention.md and docs/change-feed.md tell to type works, in order, in a fresh database; and the first
# examples show what they say.
use strict;
use warnings;
use File::Temp ();
use Test::More;

# The SQL of a file, and what it says that the first block shows.
sub examples {
    my ($file, $least) = @_;
    my $text = do { local ($/, @ARGV) = (undef, $file); <> };
    my @blocks = $text =~ /^```sql\n(.*?)^```$/msg;
    ok(@blocks >= $least, "$file has examples");
    my ($shown) = $text =~ /^```sql\n.*?^```\n\n```\n(.*?)^```$/ms;
    return ($shown, @blocks);
}

sub run {
    my ($of, @blocks) = @_;
    my $file = File::Temp->new(SUFFIX => '.sql');
    print $file '\pset footer off', "\n";
    print $file "\\echo block $_\n$blocks[$_]\n" for 0 .. $#blocks;
    close $file;
    my $printed = `psql -X -q -v ON_ERROR_STOP=1 -f $file 2>&1`;
    is($?, 0, "all of $of runs") or diag($printed);
    return $printed;
}

my ($shown, @blocks) = examples('README.md', 11);
my $printed = run('README.md', @blocks);

# of the first block, without what only psql's width and blank lines make different
my ($first) = $printed =~ /^block 0\n(.*?)^block 1$/ms;
my $plain = sub { join "\n", grep { /\S/ && !/create_tables|^-+$|^ *\(\d+ rows?\)/ } map { s/\s+$//r } split /\n/, shift };
is($plain->($first), $plain->($shown), 'the first example shows what the README says');

(undef, @blocks) = examples('docs/retention.md', 10);
run('docs/retention.md', 'DROP SCHEMA news CASCADE;', @blocks);    # the README has one of that name
($shown, @blocks) = examples('docs/change-feed.md', 6);
$printed = run('docs/change-feed.md', @blocks);
($first) = $printed =~ /^block 1\n(.*?)^block 2$/ms;
is($plain->($first), $plain->($shown), 'its example shows what it says');
done_testing;
