# A sweep of suspensions that end, of contacts spread among few and among many others.
package Bench::Sweep;

use strict;
use warnings;
use Time::HiRes ();
use Bench;

sub seconds {
    my ($schema, $every) = @_;
    my $until = value('SELECT clock_timestamp() + interval \'1 hour\'');
    sql("INSERT INTO $schema.event (contact_id, kind, until) SELECT i * $every, 'suspended', '$until' FROM generate_series(1, $scale{due}) AS i", 'CHECKPOINT');
    my $since = Time::HiRes::time();
    my $swept = value("SELECT contact_status.sweep('$schema', as_of => '$until')");
    my $seconds = Time::HiRes::time() - $since;
    die "$swept of $scale{due} contacts were swept\n" if $swept != $scale{due};
    sql("VACUUM $schema.contact, $schema.subscription");
    return $seconds;
}

sub sweep {
    database('sweep');
    my %among = (few => $scale{due} * 5, many => $scale{swept});
    for my $schema (sort keys %among) {
        progress("  $among{$schema} contacts");
        my $every = $among{$schema} / $scale{due};
        sql("SELECT contact_status.create_tables('$schema')",
            "INSERT INTO $schema.contact (contact_id, email) SELECT i, format('c%s\@example.org', i) FROM generate_series(1, $among{$schema}) AS i",
            "INSERT INTO $schema.event (contact_id, list_id, kind) SELECT i * $every, 1, 'added' FROM generate_series(1, $scale{due}) AS i",
            "VACUUM ANALYZE $schema.contact", 'CHECKPOINT');
        seconds($schema, $every);    # warms
    }
    my ($few, $many) = map { "among $among{$_}" } qw(few many);
    my $values = pairs($scale{runs},
        $few  => sub { seconds('few',  $among{few} / $scale{due}) },
        $many => sub { seconds('many', $among{many} / $scale{due}) });
    return row("sweep: $scale{due} due", 's', $values, most($many => $few, 1.3));
}

1;
