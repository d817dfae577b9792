#!/usr/bin/perl
# The layout of docs/architecture.md: folders of src/ use only folders below them, no files include or call each other
# in a circle, the state of a contact is private to its folder, no file or function is too long to be read,
# and no line of a test is wider than 120 characters.
use strict;
use warnings;
use File::Basename qw(basename dirname);
use Test::More;

my %level = (rules => 0, replies => 0, webhooks => 0, types => 1, storage => 2, contact => 3, triggers => 4,
    functions => 4);
my %host  = (cs_resize => 1);    # given to the rules by the program that uses them (rules/alloc.h)

sub lines { my ($file) = @_; open my $in, '<', $file or die "$file: $!\n"; return <$in> }

# May a file of one folder use a file of another?
sub may_use {
    my ($from, $to) = map { dirname($_) } @_;
    return 1 if $from eq $to || $from eq '.' || $to eq '.';
    return defined $level{$from} && defined $level{$to} && $level{$to} < $level{$from};
}

# The circles in a graph: a node and those that it reaches and that reach it.
sub circles {
    my ($uses) = @_;
    my %reaches;
    for my $node (keys %$uses) {
        my @open = keys %{ $uses->{$node} };
        while (defined(my $next = pop @open)) {
            push @open, keys %{ $uses->{$next} // {} } if !$reaches{$node}{$next}++;
        }
    }
    return grep { $reaches{$_}{$_} } sort keys %reaches;
}

my @files = map { s{^src/}{}r } glob 'src/*.[ch] src/*/*.[ch]';
cmp_ok(scalar(@files), '>', 60, 'there are files');

# --- includes
my %includes;
for my $file (@files) {
    $includes{$file}{$_} = 1 for grep { -e "src/$_" } map { /^#include "([^"]+)"/ } lines("src/$file");
}
my @wrong;
for my $file (sort keys %includes) {
    push @wrong, map { "$file includes $_" } grep { !may_use($file, $_) } sort keys %{ $includes{$file} };
    push @wrong, map { "$file includes $_" } grep { $_ eq 'contact/contact_state.h'
        && $file !~ m{^contact/} } keys %{ $includes{$file} };
    push @wrong, map { "$file includes $_" } $file =~ m{^(?:rules|replies)/}
        ? map { /^#include "(postgres\.h|.*\/(?:fmgr|elog)\.h)"/ } lines("src/$file") : ();
}
is(join("\n", @wrong), '', 'each file includes files of its own folder, and of folders below');
is(join(' ', circles(\%includes)), '', 'no files include each other');

# --- symbols
my @objects = grep { -e "src/$_" } map { s/\.c$/.o/r } grep { /\.c$/ } @files;
my (%defines, %wants);
for my $object (@objects) {
    for (`nm src/$object`) {
        $defines{$1} = $object if /^\S+ [TDBRVW] (cs_\w+)$/;
        $wants{$object}{$1} = 1 if /^ +U (cs_\w+)$/;
    }
}
SKIP: {
    skip 'the extension is not built here', 3 if @objects < 20;
    my (%calls, @up);
    for my $object (sort keys %wants) {
        for my $symbol (sort keys %{ $wants{$object} }) {
            my $to = $defines{$symbol} or next;
            next if $to eq $object || $host{$symbol};
            $calls{$object}{$to} = 1;
            push @up, "$object calls $symbol of $to" if !may_use($object, $to);
        }
    }
    cmp_ok(scalar(keys %defines), '>', 150, 'symbols are read');
    is(join("\n", @up), '', 'each file calls files of its own folder, and of folders below');
    is(join(' ', circles(\%calls)), '', 'no files call each other in a circle');
}

# --- lengths
my @long;
for my $file ((map { "src/$_" } @files), grep { !/--/ } glob 'sql/*.sql') {
    my @lines = lines($file);
    push @long, "$file has " . @lines . ' lines' if @lines > 600;
    next if $file !~ /\.c$/;
    my ($name, $start);
    for my $i (0 .. $#lines) {
        ($name, $start) = ($1, $i) if $lines[$i] =~ /^(\w+)\(/;
        if ($lines[$i] =~ /^\}/ && defined $start) {
            push @long, "$name in $file has " . ($i - $start) . ' lines' if $i - $start > 100;
            undef $start;
        }
    }
}
is(join("\n", @long), '', 'no file has more than 600 lines, no function more than 100');

# --- width
my @wide;
for my $file (map { glob "test/$_" } qw(*.pl */*.pl */*.pm */*.t */*.sql */*.inc */*.c */*.h isolation/specs/*.spec)) {
    my $number = 0;
    for my $line (lines($file)) {
        $number++;
        utf8::decode($line);
        chomp $line;
        push @wide, "$file:$number" if length $line > 120;
    }
}
is(join(' ', @wide), '', 'no line of a test has more than 120 characters');
done_testing;
