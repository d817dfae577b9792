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

check('README.md', 6);
my %least = ('retention' => 10, 'how-to' => 9, 'change-feed' => 6, 'record-events' => 9, 'import' => 2, 'send' => 7,
    'reports' => 10, 'corrections' => 6, 'policies' => 4, 'tenants' => 3, 'fold' => 2, 'operate' => 5,
    'tutorial' => 10, 'merge' => 5, 'speed' => 2,
    'adopt' => 3);
check("docs/$_.md", $least{$_}) for sort keys %least;
# by replies.t, webhooks.t and logical.t
my %elsewhere = map { $_ => 1 } qw(replies webhooks replication);
my @others = grep { !$least{$_} && !$elsewhere{$_} } map { m{docs/(.*)\.md} } sort glob 'docs/*.md';
is(join(' ', grep { examples("docs/$_.md") } @others), '', 'no other document has SQL');

is(system('script/commands', 'check'), 0, 'script/commands knows all commands of the documents');

# links lead to files and headings that exist
my @broken;
for my $file ('README.md', 'CONTRIBUTING.md', 'demo/README.md', 'bench/README.md', sort glob 'docs/*.md') {
    my $text = do { local ($/, @ARGV) = (undef, $file); <> };
    my ($folder) = $file =~ m{^(.*/)?};
    while ($text =~ /\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g) {
        my ($to, $heading) = ($1 eq '' ? $file : ($folder // '') . $1, $2);
        $to =~ s{[^/]+/\.\./}{};
        push(@broken, "$file: $to"), next if !-e $to;
        next if !defined $heading;
        my $target = do { local ($/, @ARGV) = (undef, $to); <> };
        my %headings = map { lc(s/[^\w\s-]//gr) =~ s/\s/-/gr => 1 } $target =~ /^#+ (.*)$/mg;
        push @broken, "$file: $to#$heading" if !$headings{$heading};
    }
}
is(join("\n", @broken), '', 'all links lead somewhere');
done_testing;
