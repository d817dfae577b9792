#!/usr/bin/perl
# A batch of SOAK_EVENTS (1000000) meets a timeout, a cancel, the end of memory and of the disk, each at five points.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Soak qw(by_test);

my $events = $ENV{SOAK_EVENTS} || 1_000_000;
by_test("a batch of $events events interrupted", 'faults', EVENTS => $events, TIMES => 5);
