#!/usr/bin/perl
# The code compiles without a warning, by gcc and by clang, and by gcc with the server's assertions. The rules compile
# as plain C, without PostgreSQL's headers. Rows of tables may leave out members at their end, which are zero.
use strict;
use warnings;
use File::Temp ();
use Test::More;

my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
chomp(my $include = `"$pg_config" --includedir-server`);
my $out = File::Temp->newdir;

# Debian's clang has its release in its name where only the server headers brought it.
my ($clang) = grep { -x } map { ("$_/clang", sort glob "$_/clang-[0-9]*") } split /:/, $ENV{PATH};
my @compilers = (['gcc'], [qw(gcc -DUSE_ASSERT_CHECKING -fsyntax-only)], defined $clang ? [$clang] : ());
for my $compiler (@compilers) {
    for my $file (sort glob 'src/*.c src/*/*.c') {
        my @headers = $file =~ m{^src/(?:rules|replies)/} ? () : ('-isystem', $include);
        my @command = (@$compiler, qw(-std=gnu11 -O2 -Wall -Wextra -Wno-missing-field-initializers -Werror -Isrc),
            @headers, '-c', $file, '-o', "$out/x.o");
        is(system(@command), 0, "$file by " . ("@$compiler" =~ m{([^/]+)$})[0]);
    }
}
done_testing;
