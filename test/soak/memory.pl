#!/usr/bin/perl
# SOAK_CALLS (1000000) calls in one session, which does not grow.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Soak qw(by_test);

by_test('the memory of one session', 'memory', CALLS => $ENV{SOAK_CALLS} || 1_000_000);
