# An import of addresses that nobody knows, beside the plain inserts of the same rows into the same tables without triggers.
package Bench::Import;

use strict;
use warnings;
use Time::HiRes ();
use Bench;

sub seconds {
    my @statements = @_;
    sql('CHECKPOINT');
    my $since = Time::HiRes::time();
    sql(@statements);
    return Time::HiRes::time() - $since;
}

# A new installation each time, so that all tables are empty; its rows are those that the plain inserts take.
sub imported {
    my ($source, @vocabulary) = @_;
    sql('DROP SCHEMA IF EXISTS crm CASCADE', q{SELECT contact_status.create_tables('crm')});
    my $arguments = join ', ', map { "'$_'" } $source, @vocabulary;
    my $seconds = seconds("CREATE TEMPORARY TABLE outcome AS SELECT outcome, count(*) "
            . "FROM contact_status.import_contacts('crm', 1, 1, $arguments) GROUP BY 1");
    my $in = value(q{SELECT sum(count) FROM outcome WHERE outcome IN ('added', 'suppressed')});
    die "$in of $scale{mailed} addresses came in\n" if $in != $scale{mailed};
    sql('DROP TABLE outcome');
    return $seconds;
}

sub plain {
    sql('DROP SCHEMA IF EXISTS plain CASCADE', 'CREATE SCHEMA plain',
        map { "CREATE TABLE plain.$_ (LIKE crm.$_ INCLUDING ALL)" } qw(contact event subscription));
    return seconds('BEGIN', 'INSERT INTO plain.contact (contact_id, email) SELECT contact_id, email FROM crm.contact ORDER BY contact_id',
        map({ "INSERT INTO plain.$_ SELECT * FROM crm.$_ ORDER BY contact_id" } qw(event subscription)), 'COMMIT');
}

# Without a status, and with the words of a vendor: nine contacts of ten are active.
sub addresses {
    database('import');
    sql("CREATE UNLOGGED TABLE bench.addresses AS SELECT format('c%s.%s\@example.org', bench.any_of(i, 1000000, 7), i) AS email FROM generate_series(1, $scale{mailed}) AS i",
        q{CREATE UNLOGGED TABLE bench.statuses AS SELECT email, contact_status.label((CASE bench.any_of(n::int, 50, 3)
            WHEN 1 THEN 'unsubscribed' WHEN 2 THEN 'unsubscribed' WHEN 3 THEN 'hard_bounced' WHEN 4 THEN 'soft_bounced'
            WHEN 5 THEN 'complained' ELSE 'active' END)::contact_status.contact_status, 'ecomail') AS status
          FROM (SELECT email, row_number() OVER () AS n FROM bench.addresses) a},
        'ANALYZE bench.addresses', 'ANALYZE bench.statuses');
    my @rows;
    for (['in one call', 'bench.addresses'], ['with a status', 'bench.statuses', 'ecomail']) {
        my ($how, @source) = @$_;
        imported(@source);    # the plain inserts take its rows, in the first round, too
        my $values = pairs($scale{runs}, contact_status => sub { imported(@source) }, 'plain inserts' => \&plain);
        push @rows, row("import: $scale{mailed} new addresses $how", 's', $values, most(contact_status => 'plain inserts', 2.5));
    }
    return @rows;
}

1;
