# A campaign to everybody: `sent` from mailable, and an outbox that is guarded. Each run of `sent` is rolled back, and
# vacuumed; the first round, which alone finds no space left by one before it, is not counted.
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
    return @rows, row("campaign: the outbox of $scale{mailed}", 's', $values, most(guarded => unguarded => 1.5));
}

1;
