# Reading: a page of mailable, the whole list, a contact by its address, and the report of a campaign.
package Bench::Reading;

use strict;
use warnings;
use Bench;

# Milliseconds of a statement, from a session that has run it before.
sub milliseconds {
    my ($statement) = @_;
    return value("SELECT bench.milliseconds(\$statement\$$statement\$statement\$)");
}

sub most_ms { my ($of, $ms) = @_; return { of => $of, most_ms => $ms } }

# A million contacts on three lists. Half of them are due in the second half: suspensions that have ended, unswept.
sub reading {
    database('reading');
    my $contacts = $scale{mailed};
    sql(<<'SQL' =~ s/\s+/ /gr, q{SELECT contact_status.create_tables('crm')}, q{INSERT INTO crm.list (name) VALUES ('b'), ('c')});
        CREATE FUNCTION bench.milliseconds(statement text) RETURNS float LANGUAGE plpgsql AS $$
        DECLARE
            since timestamptz;
            rows bigint;
        BEGIN
            since := clock_timestamp();
            EXECUTE format('SELECT count(*) FROM (%s) x', statement) INTO rows;
            RETURN extract(epoch FROM clock_timestamp() - since) * 1000;
        END $$
SQL
    sql("INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s\@example.org', i) FROM generate_series(1, $contacts) AS i",
        "INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, l, 'added', now() - interval '1 year'
           FROM generate_series(1, $contacts) AS i, generate_series(1, 3) AS l",
        "INSERT INTO crm.event (contact_id, campaign_id, kind) SELECT i, 7, 'sent' FROM generate_series(1, $contacts) AS i",
        "INSERT INTO crm.event (contact_id, campaign_id, kind) SELECT i, 7, 'opened' FROM generate_series(1, $contacts, 4) AS i",
        "INSERT INTO crm.event (contact_id, campaign_id, kind) SELECT i, 7, 'soft_bounced' FROM generate_series(1, $contacts, 50) AS i",
        'CREATE INDEX ON crm.event (account_id, campaign_id, contact_id, kind) WHERE retracted_at IS NULL', 'VACUUM ANALYZE');

    my @rows;
    my @pages = map { my $from = $_->[1]; [ "$_->[0] page", "SELECT contact_id, email FROM crm.mailable WHERE account_id = 1 "
            . "AND list_id = 1 AND contact_id > $from ORDER BY contact_id LIMIT 1000" ] }
        [ 'first', 0 ], [ 'middle', int $contacts / 2 ], [ 'last', $contacts - 1000 ];
    for my $due ('nothing due', 'half of them due') {
        if ($due ne 'nothing due') {
            my $until = value(q{SELECT clock_timestamp() + interval '90 seconds'});
            sql("INSERT INTO crm.event (contact_id, kind, until) SELECT i, 'suspended', '$until'
                   FROM generate_series(1, $contacts, 2) AS i", 'VACUUM ANALYZE',
                "SELECT pg_sleep_until(timestamptz '$until' + interval '1 second')");
        }
        milliseconds($_->[1]) for @pages;    # warms
        my $values = pairs($scale{runs}, map { my $page = $_; $page->[0] => sub { milliseconds($page->[1]) } } @pages);
        push @rows, row("mailable: a page of 1,000 of $contacts contacts, $due", 'ms', $values, map { most_ms($_->[0], 10) } @pages);
    }
    push @rows, row("contact_by_email among $contacts contacts", 'ms', pairs($scale{runs},
            'one address' => sub { milliseconds(q{SELECT * FROM contact_status.contact_by_email('crm', 'C777@example.org')}) }));
    push @rows, row("campaign_report: a campaign of $contacts contacts, with an index", 'ms', pairs($scale{runs},
            'one campaign' => sub { milliseconds('SELECT * FROM crm.campaign_report WHERE account_id = 1 AND campaign_id = 7') }));
    note("mailable: no sweep has run, so half of the contacts have a status that the passing of time changed.");
    return @rows;
}

1;
