#!/usr/bin/perl
# The SQL of each document runs in order, in a fresh database, and shows the output that the document shows after it.
use strict;
use warnings;
use File::Temp ();
use Test::More;

# The blocks of SQL of a file, each with the output that follows it, if any.
sub examples {
    my ($file) = @_;
    my $text = do { local ($/, @ARGV) = (undef, $file); <> };
    my @examples;
    while ($text =~ /^( *)```sql\n(.*?)^\1```$(?:\n\n\1```\n(.*?)^\1```$)?/msg) {
        my ($sql, $shown) = ($2, $3);
        push @examples, { sql => $sql, shown => $shown };
    }
    return @examples;
}

# Output without what only psql's width, blank lines and the number of rows make different.
sub plain {
    my ($output) = @_;
    return join "\n",
        grep { /\S/ && !/^[-+]+$/ && !/create_tables/ } map { s/^\s+|\s+$//gr =~ s/\s+/ /gr } split /\n/, $output;
}

sub check {
    my ($file, $least) = @_;
    my @examples = examples($file);
    ok(@examples >= $least, "$file has examples");
    my $script = File::Temp->new(SUFFIX => '.sql');
    print $script "\\pset footer off\n", map { "\\echo block $_\n$examples[$_]{sql}\n" } 0 .. $#examples;
    close $script;
    system('psql', '-Xq', '-d', 'postgres', '-c', 'SET client_min_messages = warning', '-c',
        'DROP DATABASE IF EXISTS document',
        '-c', 'CREATE DATABASE document') == 0 or die "no database\n";
    my $printed = `psql -X -q -d document -v ON_ERROR_STOP=1 -f $script 2>&1`;
    is($?, 0, "all of $file runs") or diag($printed);
    my %printed = $printed =~ /^block (\d+)\n(.*?)(?=^block \d+\n|\z)/msg;
    for my $block (grep { defined $examples[$_]{shown} } 0 .. $#examples) {
        is(plain($printed{$block} // ''), plain($examples[$block]{shown}),
            "$file, block $block shows what the document says");
    }
    system('psql', '-Xq', '-d', 'postgres', '-c', 'DROP DATABASE document') == 0 or die "the database is in use\n";
    return;
}

check('README.md', 11);
check('docs/retention.md', 10);
check('docs/how-to.md', 9);
check('docs/change-feed.md', 6);
check('docs/adopt.md', 3);
done_testing;
