#!/usr/bin/perl
# Every trigger function on every kind of trigger and on tables that are not made for it: none ends in an internal error
# (class XX), and the server lives on. Anybody may do that with tables of his own.
use strict;
use warnings;
use Test::More;

use Hostile qw(psql prepare functions columns attempt alive no_internal_error);

my $database = $ENV{PGDATABASE};
prepare($database);
my @moments = map { my ($when, $level) = @$_;
    map { [$when, $level, $_] } qw(INSERT UPDATE DELETE), $level eq 'STATEMENT' ? 'TRUNCATE' : () }
    [qw(BEFORE ROW)], [qw(BEFORE STATEMENT)], [qw(AFTER ROW)], [qw(AFTER STATEMENT)];
my %fire = (INSERT => 'INSERT INTO %1$s SELECT * FROM %1$s', UPDATE => 'UPDATE %s SET contact_id = contact_id',
    DELETE => 'DELETE FROM %s', TRUNCATE => 'TRUNCATE %s');
my @arguments = ('', q('crm'), q('crm', 'contact_id'), q('status'), q('status', 'nowhere', 'keep'),
    q('crm', 'contact_id=contact_id', 'kind=kind', 'occurred_at=occurred_at'), q('a', 'b', 'c', 'd', 'e', 'f', 'g'));
my %odd = map { $_->[0] => $_->[1] =~ /^(?:text|bytea|name)$|\[\]/ ? 'bigint DEFAULT 1' : "text DEFAULT 'x'" }
    map { columns($database, $_) } qw(contact event list policy account);
my $odd = join ', ', map { "$_ $odd{$_}" } sort keys %odd;
# a table of the application's, one like contact among an installation's, and one that only has the names
psql($database, "INSERT INTO hostile.outbox VALUES (1, 1, 'active', 'sent', now());
    CREATE TABLE crm.mine (LIKE crm.contact INCLUDING DEFAULTS);
    INSERT INTO crm.mine (contact_id, email) VALUES (1, 'x');
    CREATE TABLE crm.odd ($odd); INSERT INTO crm.odd DEFAULT VALUES;");
my @statements;
for my $function (grep { $_->{kind} eq 't' } functions($database)) {
    for my $moment (@moments) {
        my ($when, $level, $operation) = @$moment;
        my %referencing = (INSERT => 'NEW TABLE AS n', UPDATE => 'OLD TABLE AS o NEW TABLE AS n',
            DELETE => 'OLD TABLE AS o');
        for my $table (qw(crm.mine crm.odd), $function->{name} =~ /require|guard|forward/ ? 'hostile.outbox' : ()) {
            for my $references ('', "$when $level" eq 'AFTER STATEMENT' && $referencing{$operation}
                ? "REFERENCING $referencing{$operation}" : ()) {
                for my $arguments ($function->{name} =~ /require|guard|forward/ ? @arguments : ('', q('crm'))) {
                    push @statements, "CREATE TRIGGER t $when $operation ON $table $references FOR EACH $level
                        EXECUTE FUNCTION contact_status.$function->{name}($arguments);
                        " . sprintf $fire{$operation}, $table;
                }
            }
        }
    }
}
my @became = attempt($database, \@statements);
no_internal_error(\@statements, \@became, 'trigger functions on tables that are not theirs');

ok(alive($database), 'the server lives');
is(psql($database, q{SELECT * FROM contact_status.verify('crm')}), '', 'and nothing of it stayed');
done_testing;
