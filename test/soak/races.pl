#!/usr/bin/perl
# Sixteen clients on few contacts for SOAK_SECONDS (600) in the three isolation levels, as test/t/concurrency.t has them
# for seconds: nothing lost, nothing counted twice, verify empty all along, no deadlock.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Soak qw(by_test);

my $seconds = $ENV{SOAK_SECONDS} || 600;
by_test('sixteen clients on few contacts, in all isolation levels', 'concurrency', SECONDS => $seconds);
