#!/usr/bin/perl
# Comments and documents have no words that readers stumble over: script/words measures them.
use strict;
use warnings;
use Test::More tests => 1;

my $table = `script/words`;
is($?, 0, 'words are within their limits') or diag($table);
