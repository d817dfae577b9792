# Contacts with a long history get one event more, a transaction each: in order, and a minute late. An event a minute.
# The calm ones get deliveries and opens, which change no fact; the others bounce softly in every second event and are
# delivered in the next, of another campaign, so that facts change up to the end and a late event is really late.
package Bench::History;

use strict;
use warnings;
use Bench;

my @lengths = (1_000, 10_000, $scale{longest});

sub long {
    restore('crm');
    sql(<<'SQL' =~ s/\s+/ /gr);
        CREATE PROCEDURE bench.one_more(OUT ms float, contact bigint, kinds contact_status.event_kind[], starts timestamptz, times int)
        LANGUAGE plpgsql AS $$
        DECLARE
            took float[] = '{}';
            since timestamptz;
            at timestamptz;
        BEGIN
            FOR i IN 1 .. times LOOP
                at := starts + i * interval '1 millisecond';
                since := clock_timestamp();
                INSERT INTO crm.event (contact_id, kind, campaign_id, occurred_at) VALUES (contact, kinds[1 + i % 2], extract(epoch FROM at) * 1000, at);
                took := took || extract(epoch FROM clock_timestamp() - since)::float * 1000;
                COMMIT;
            END LOOP;
            ms := (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(took) AS t);
        END $$
SQL
    my $end = 'bench.begin()';
    my (%id, $next);
    for my $way (qw(calm changing)) {
        for my $length (@lengths) {
            my $id = $id{$way}{$length} = ++$next;
            my $kind = $way eq 'calm' ? "CASE WHEN i % 3 = 0 THEN 'opened' ELSE 'delivered' END" : "CASE WHEN i % 2 = 0 THEN 'delivered' ELSE 'soft_bounced' END";
            sql("INSERT INTO crm.event (contact_id, kind, campaign_id, occurred_at)
                 SELECT $id, ($kind)::contact_status.event_kind, i, $end - ($length - i) * interval '1 minute' FROM generate_series(1, $length) AS i");
        }
    }
    sql('VACUUM ANALYZE crm.event');

    my %ms;
    for my $round (1 .. $scale{runs}) {
        for my $way (qw(calm changing)) {
            my $kinds = $way eq 'calm' ? '{opened,delivered}' : '{soft_bounced,delivered}';
            for my $length (@lengths) {
                for my $late ('in order', 'a minute late') {
                    my $starts = "$end + interval '$round minutes'" . ($late eq 'in order' ? '' : " - interval '61 seconds'");
                    push @{ $ms{"$way, $late"}{$length} }, call("bench.one_more(NULL, $id{$way}{$length}, '$kinds', $starts, 12)", 'ms');
                }
            }
        }
    }
    my $longest = "$scale{longest} events";
    my @rows;
    for my $what (sort keys %ms) {
        my %values = map { ("$_ events" => $ms{$what}{$_}) } @lengths;
        my @checks = $what =~ /in order/ ? most($longest => '1000 events', 1.5) : { of => $longest, most_ms => 15 };
        push @rows, row("long history, $what", 'ms', \%values, @checks);
    }
    note("long history: in order must not depend on the history's length: at most 1.5 x, as the times are short. Each number is the median of 12 events.");
    return @rows;
}

1;
