#!/usr/bin/perl
# Few addresses that wander between few contacts of sixteen clients, with what is said of them late, retracted and
# brought back, for a half of SOAK_SECONDS (600): what is known of an address is known of whoever has it, and no
# deadlock.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Soak qw(by_test);

my $seconds = ($ENV{SOAK_SECONDS} || 600) / 2;
by_test('addresses that wander between contacts', 'addresses', SECONDS => int $seconds, CLIENTS => 16, STEPS => 1000);
