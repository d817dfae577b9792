# A campaign to everybody: `sent` from mailable, and an outbox that is guarded. Each run of `sent` is rolled back, and
# vacuumed; the first round, which alone finds no space left by one before it, is not counted. Then pages of mailable.
package Bench::Campaign;

use strict;
use warnings;
use Time::HiRes ();
use Bench;

sub rolled_back {
    my ($schema) = @_;
    my $since;
    sql('BEGIN');
    $since = Time::HiRes::time();
    sql("INSERT INTO $schema.event (kind, contact_id, list_id, campaign_id, occurred_at) SELECT 'sent', contact_id, list_id, 1, bench.begin() FROM crm.mailable");
    my $seconds = Time::HiRes::time() - $since;
    sql('ROLLBACK', map({ "VACUUM $schema.$_" } qw(event contact subscription status_count)), 'CHECKPOINT');
    return $seconds;
}

sub outbox {
    my ($table) = @_;
    sql("TRUNCATE $table", 'CHECKPOINT');
    my $since = Time::HiRes::time();
    sql("INSERT INTO $table SELECT contact_id, list_id, 'Hello' FROM crm.mailable");
    return Time::HiRes::time() - $since;
}

# Milliseconds of a page of 1,000 of mailable, planned and read, that begins after a contact.
sub page {
    my ($after) = @_;
    my $since = Time::HiRes::time();
    sql("SELECT contact_id, email FROM crm.mailable WHERE account_id = 1 AND list_id = 1 AND contact_id > $after ORDER BY contact_id LIMIT 1000");
    return 1000 * (Time::HiRes::time() - $since);
}

# The first, a middle and the last page; then half of the contacts have a suspension that has ended.
sub pages {
    my @after = (first => 0, middle => $scale{mailed} / 2, last => $scale{mailed} - 1000);
    my @rows;
    for my $state ('none due', 'half due') {
        if ($state eq 'half due') {
            sql("INSERT INTO crm.event (contact_id, kind, until) SELECT c, 'suspended', now() + interval '1 minute' FROM generate_series(1, $scale{mailed}, 2) c",
                'VACUUM ANALYZE crm.contact, crm.subscription', q{SELECT pg_sleep_until((SELECT max(due_at) FROM crm.contact))});
        }
        my %after = @after;
        page($_) for values %after;    # warms
        my $values = pairs($scale{runs}, map { my $after = $after{$_}; $_ => sub { page($after) } } qw(first middle last));
        push @rows, row("mailable: a page of 1,000 of $scale{mailed}, $state", 'ms', $values, map { { of => $_, most_ms => 10 } } qw(first middle last));
    }
    return @rows;
}

sub campaign {
    database('campaign');
    Bench::installations($scale{mailed}, 'default', qw(log crm));
    my @rows;
    for my $policy ([ default => 1.8, 'without' ], [ emailmanager => 3.0, 'with' ]) {
        my ($name, $limit, $with) = @$policy;
        sql("UPDATE crm.account SET policy = '$name'");
        rolled_back($_) for qw(log crm);
        my $values = pairs($scale{runs}, log => sub { rolled_back('log') }, contact_status => sub { rolled_back('crm') });
        push @rows, row("campaign: $scale{mailed} `sent` from `mailable`, $with the unresponsive rule", 's', $values,
            most(contact_status => log => $limit));
    }
    sql("UPDATE crm.account SET policy = 'default'", map({ "CREATE TABLE $_ (contact_id bigint, list_id bigint, body text)" } qw(unguarded guarded)),
        "CREATE TRIGGER mailable BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id')");
    my $values = pairs($scale{runs}, unguarded => sub { outbox('unguarded') }, guarded => sub { outbox('guarded') });
    return @rows, row("campaign: the outbox of $scale{mailed}", 's', $values, most(guarded => unguarded => 1.5)), pages();
}

1;
