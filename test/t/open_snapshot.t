#!/usr/bin/perl
# An idle REPEATABLE READ transaction does not slow writers down: rows of counts that its snapshot still sees cannot go,
# but neither a change of status nor a read of the counts walks them. Measured in entries of the index that a statement
# reads.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Session;
use Test::More;

# Walking all rows of the account would read as many entries. One call in 64 merges rows, so that a hundred or two are
# read.
my $changes = 6000;
my $few     = 1500;
my ($writer, $reader) = map { Session->new } 1 .. 2;
$writer->must('SET client_min_messages = warning', 'CREATE EXTENSION contact_status',
    q{SELECT contact_status.create_tables('crm')},
    q{UPDATE crm.account SET contact_limit = 1000}, 'ALTER TABLE crm.status_count SET (autovacuum_enabled = off)',
    q{INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s@example.org', i)
        FROM generate_series(1, 100) i},
    q{INSERT INTO crm.event (contact_id, list_id, kind) SELECT i, 1, 'added' FROM generate_series(1, 50) i});

# The entries of the counts' index that statements read, their triggers included.
sub entries_read {
    my (@sql) = @_;
    my $entries = q{SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'status_count'};
    $writer->must('SELECT pg_stat_force_next_flush()', 'SELECT 1');
    my $before = $writer->value($entries);
    $writer->must(@sql, 'SELECT pg_stat_force_next_flush()', 'SELECT 1');
    return $writer->value($entries) - $before;
}
my $id = 50;
my %statements = (
    'a change of status' => sub { $writer->value('SELECT status FROM crm.contact WHERE contact_id = 1') eq 'active'
        ? q{INSERT INTO crm.event (contact_id, kind) VALUES (1, 'suspended')}
            : q{INSERT INTO crm.event (contact_id, kind) VALUES (1, 'released')} },
    'added under a contact limit' => sub { $id++;
        "INSERT INTO crm.event (contact_id, list_id, kind) VALUES ($id, 1, 'added')" },
    'a read of the counts' => sub { q{SELECT * FROM crm.active_contacts} },
);
$reader->must('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1');
my (%before, %after);
my $mean = sub { my ($what) = @_; my $sum = 0; $sum += entries_read($statements{$what}->()) for 1 .. 8;
    return $sum / 8 };
my @changes = map { my $kind = $_ % 2 ? 'suspended' : 'released';
    "INSERT INTO crm.event (contact_id, kind) VALUES (2, '$kind')" } 1 .. $changes;
$before{$_} = $mean->($_) for sort keys %statements;
$writer->must(@changes);
$reader->must('SELECT 1');
cmp_ok($writer->value(q{SELECT pg_relation_size('crm.status_count') / 8192}), '>', $changes / 60,
    'the snapshot keeps rows of counts');
for my $what (sort keys %statements) {
    $after{$what} = $mean->($what);
    cmp_ok($after{$what}, '<', $few,
        "$what reads few entries: $before{$what} before, $after{$what} after $changes changes");
}
# the merges among them included, each of which is one in 64
cmp_ok(entries_read(@changes[0 .. 999]) / 1000, '<', 40, 'a thousand changes of status read few entries');
is($writer->verified, '', 'the counts are right');
$reader->must('COMMIT');
done_testing;
