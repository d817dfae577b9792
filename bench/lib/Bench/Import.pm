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
    sql('DROP SCHEMA IF EXISTS crm CASCADE', q{SELECT contact_status.create_tables('crm')});
    my $seconds = seconds(q{CREATE TEMPORARY TABLE outcome AS SELECT outcome, count(*) FROM contact_status.import_contacts('crm', 1, 1, 'bench.addresses') GROUP BY 1});
    my $added = value(q{SELECT count FROM outcome WHERE outcome = 'added'});
    die "$added of $scale{mailed} addresses were added\n" if $added != $scale{mailed};
    sql('DROP TABLE outcome');
    return $seconds;
}

sub plain {
    sql('DROP SCHEMA IF EXISTS plain CASCADE', 'CREATE SCHEMA plain',
        map { "CREATE TABLE plain.$_ (LIKE crm.$_ INCLUDING ALL)" } qw(contact event subscription));
    return seconds('BEGIN', 'INSERT INTO plain.contact (contact_id, email) SELECT contact_id, email FROM crm.contact ORDER BY contact_id',
        map({ "INSERT INTO plain.$_ SELECT * FROM crm.$_ ORDER BY contact_id" } qw(event subscription)), 'COMMIT');
}

sub addresses {
    database('import');
    sql("CREATE UNLOGGED TABLE bench.addresses AS SELECT format('c%s.%s\@example.org', bench.any_of(i, 1000000, 7), i) AS email FROM generate_series(1, $scale{mailed}) AS i",
        'ANALYZE bench.addresses');
    imported();    # the plain inserts take its rows, in the first round, too
    my $values = pairs($scale{runs}, contact_status => \&imported, 'plain inserts' => \&plain);
    return row("import: $scale{mailed} new addresses in one call", 's', $values, most(contact_status => 'plain inserts', 2.5));
}

1;
