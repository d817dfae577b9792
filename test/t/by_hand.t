#!/usr/bin/perl
# Each row of the table "Set a status by hand" leads from the one status to the other. A contact gets into the
# first status by rows of the same table.
use strict;
use warnings;
use Restore qw(psql);
use Test::More;

my $text = do { local (@ARGV, $/) = 'docs/record-events.md'; <> };
my ($part) = $text =~ /^## Set a status by hand\n(.*?)(?=^## )/ms;
my @rows = map { {
        from      => $_->[0] =~ /^`(\w+)`/ ? "$1" : '',
        policy    => $_->[0] =~ /policy `(\w+)`/ ? "$1" : 'default',
        to        => $_->[1],
        statement => $_->[2],
    } } map { /^\| ([^|]+) \| `(\w+)` \| `(.+)` \|$/ ? [$1, $2, $3] : () } split /\n/, $part;
is(scalar(@rows), scalar(() = $part =~ /^\| (?!from)/mg), 'each row of the table is read');

my @statuses = split /\n/, psql($ENV{PGDATABASE},
    'CREATE EXTENSION contact_status; SELECT unnest(enum_range(NULL::contact_status.contact_status))');
for my $side (qw(from to)) {
    my %seen = map { $_->{$side} => 1 } @rows;
    is(join(' ', grep { !$seen{$_} } @statuses), '', "every status is in column $side");
}

# The statements that bring a contact into a status.
sub way {
    my ($status) = @_;
    return if !$status;
    my ($row) = grep { $_->{to} eq $status
        && ($status eq 'active' ? $_->{from} eq '' : $_->{from} =~ /^(?:active)?$/) } @rows;
    return (way($row->{from}), $row->{statement});
}

for my $row (@rows) {
    my $status = "SELECT status FROM crm.contact WHERE contact_id = 1;\n";
    my @said = split /\n/, psql($ENV{PGDATABASE}, join '', "BEGIN;\n\\o /dev/null\n",
        "SELECT contact_status.create_tables('crm', '$row->{policy}');\nUPDATE crm.list SET double_opt_in = true;\n",
        "INSERT INTO crm.contact (email) VALUES ('ann\@example.org');\n",
        map({ "$_;\n" } way($row->{from})), "\\o\n", $status, "\\o /dev/null\n$row->{statement};\n\\o\n", $status,
        "SELECT count(*) FROM contact_status.verify('crm');\nROLLBACK;\n");
    is("@said", join(' ', $row->{from} || 'unconfirmed', $row->{to}, 0), join ' ', $row->{from} || 'no list', 'to',
        $row->{to}, 'under', $row->{policy});
}
done_testing;
