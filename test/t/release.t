#!/usr/bin/perl
# The version is the same in each file that names it, and META.json is as PGXN wants it.
use strict;
use warnings;
use JSON::PP;
use Test::More;

sub text { my ($file) = @_; local (@ARGV, $/) = $file; return scalar <> }

my $meta = decode_json(text('META.json'));
my $version = $meta->{version};
like($version, qr/^\d+\.\d+\.\d+$/, 'the version has three numbers');
is($meta->{provides}{contact_status}{version}, $version, 'META.json, of the extension');
is((text('contact_status.control') =~ /^default_version = '(.*)'$/m)[0], $version, 'the control file');
is((text('Makefile') =~ /^EXTVERSION = (.*)$/m)[0], $version, 'the Makefile');
is((text('CHANGELOG.md') =~ /^## (\S+)/m)[0], $version, 'the changelog');
is((text('debian/changelog') =~ /^contact-status \((.*?)\)/)[0], $version, 'the changelog of the Debian package');

is(join(' ', grep { !defined $meta->{$_} } qw(abstract license maintainer meta-spec name provides version)), '',
    'META.json has what it must');
ok(-e $meta->{provides}{contact_status}{$_}, "its $_") for qw(file docfile);
is($meta->{'meta-spec'}{version}, '1.0.0', 'by version 1 of the specification');
is(text('debian/control.in') =~ s/PGVERSION/15/r, text('debian/control'), 'debian/control follows from control.in');
done_testing;
