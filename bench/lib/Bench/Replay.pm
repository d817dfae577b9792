# Events of a table in the order of the fold through the aggregate, against the cheapest aggregate of the same groups.
package Bench::Replay;

use strict;
use warnings;
use Time::HiRes ();
use Bench;

my $key = 'contact_id, occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE "C"';
my $order = $key =~ s/^contact_id, //r;

sub replay {
    database('replay');
    my $contacts = $scale{replayed} / 50;
    progress("  $scale{replayed} events");
    sql("CREATE UNLOGGED TABLE replayed AS
         SELECT * FROM (
             SELECT 1 + bench.any_of(n, $contacts, 1) AS contact_id, bench.kind_of(n) AS kind, CASE WHEN n % 200 IN (7, 8) THEN 2 END::bigint AS list_id,
                    1 + n * 20 / $scale{replayed} AS campaign_id, bench.begin() + n * (interval '10 days' / $scale{replayed}) AS occurred_at, ''::text AS event_key
               FROM generate_series(1::bigint, $scale{replayed}) AS n) AS s
          ORDER BY $key",
        "CREATE INDEX ON replayed ($key)", 'VACUUM ANALYZE replayed',
        'SET max_parallel_workers_per_gather = 0', 'SET enable_hashagg = off', "SET work_mem = '256MB'");
    my %of = (
        'max(occurred_at)' => ['max(occurred_at)', 'max(occurred_at ORDER BY @)'],
        'status_of'        => [ map { "contact_status.status_of('default', kind, occurred_at, list_id, campaign_id, event_key$_)" } '', ' ORDER BY @' ],
    );
    my @rows;
    for my $way ([ 0, 'read by an index in the order of the fold' ], [ 1, 'sorted by ORDER BY in the aggregate' ]) {
        my ($n, $how) = @$way;
        my %query = map { my $a = $of{$_}[$n] =~ s/@/$order/r;
            ($_ => "SELECT count(a) FROM (SELECT $a AS a FROM (SELECT * FROM replayed ORDER BY " . ($n ? 'contact_id' : $key) . ') AS r GROUP BY contact_id) AS g') } keys %of;
        for my $query (values %query) {
            my $plan = value("SELECT bench.plan(\$q\$$query\$q\$)");
            die "not grouped as the index is sorted: $plan\n" if $plan !~ /GroupAggregate/ || $plan =~ /Sort|Hash/;
        }
        value($_) for values %query;    # warms
        my $run = sub { my $since = Time::HiRes::time(); value($query{ $_[0] }); return Time::HiRes::time() - $since };
        my $values = pairs($scale{runs}, map { my $name = $_; ($name => sub { $run->($name) }) } sort keys %of);
        push @rows, row("replay: $scale{replayed} events, $how", 's', $values, { of => 'status_of', to => 'max(occurred_at)' });
    }
    return @rows;
}

1;
