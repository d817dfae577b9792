#!/usr/bin/perl
# Sixteen clients change what is counted while others compare the counts with count(*), for a half of SOAK_SECONDS
# (600).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Soak qw(by_test);

my $seconds = ($ENV{SOAK_SECONDS} || 600) / 2;
by_test('counts compared with count(*) beside sixteen writers', 'counts', SECONDS => int $seconds);
