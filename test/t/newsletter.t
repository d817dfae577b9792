#!/usr/bin/perl
# The application examples/newsletter: the story of a subscriber, by fetch. `make newsletter-test` does the same in a
# browser, and measures each page. The code of the application stays short.
use strict;
use warnings;
use Test::More;

my ($node) = (`node --version 2>/dev/null` // '') =~ /^v(\d+)/;
my @missing = !$node || $node < 20 ? 'Node.js 20' : $ENV{RUNNING_SERVER} ? 'a throw-away server'
    : map { "package $_: run npm install in examples/newsletter" }
    grep { !-d "examples/newsletter/node_modules/$_" } qw(fastify pg nodemailer smtp-server mailparser);

# --- size
my $lines = 0;
for my $file (glob 'examples/newsletter/*.js examples/newsletter/*.sql') {
    open my $in, '<', $file or die "$file: $!\n";
    $lines += grep { !m{^\s*(?://|--|$)} } <$in>;
}
cmp_ok($lines, '<', 600, 'the application has less than 600 lines of code');

# --- the story
SKIP: {
    skip "the application needs $missing[0]", 1 if @missing;
    local $ENV{CHROMIUM} = 'none';
    subtest 'the story of a subscriber' => sub {
        open my $out, '-|', 'script/newsletter test/scenario.js 2>&1' or die "script/newsletter: $!\n";
        my $plan = 0;
        while (my $line = <$out>) {
            $line =~ /^(not )?ok \d+ - (.*)/ ? ok(!$1, $2) : $line =~ /^1\.\.(\d+)/ ? ($plan = $1) : diag($line);
        }
        close $out;
        is($?, 0, 'it ends well');
        cmp_ok($plan, '>', 40, 'all of it ran');
    };
    system('psql', '-Xq', '-d', 'postgres', '-c', 'SET client_min_messages = warning',
        '-c', 'DROP DATABASE IF EXISTS newsletter', '-c', 'DROP ROLE IF EXISTS newsletter') == 0
        or die "the database is in use\n";
}
done_testing;
