#!/usr/bin/perl
# The fuzz targets on a fixed stream of inputs, a few seconds, without libFuzzer (test/fuzz/run takes longer: `make fuzz`).
use strict;
use warnings;
use File::Temp ();
use Test::More;

my $dir = File::Temp->newdir;
for my $target (['rules', 100_000], ['replies', 100_000], ['parsers', 100_000]) {
    my ($name, $inputs) = @$target;
    my $built = `test/fuzz/build $name $dir/$name gcc test/fuzz/driver.c 2>&1`;
    is($?, 0, "$name compiles") or diag($built), next;
    my $said = `$dir/$name $inputs 2>&1`;
    is($said, "$inputs inputs\n", "$name: $inputs inputs break no sentence and no memory");
}
done_testing;
