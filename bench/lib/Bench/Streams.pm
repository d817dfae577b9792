# Streams of events in one statement, in batches, out of order; their WAL; a partitioned log; how large tables become.
package Bench::Streams;

use strict;
use warnings;
use Bench;

# One run from the state that was loaded; what => seconds or wal.
sub fed {
    my ($schema, $arguments, $what) = @_;
    restore($schema);
    return call("bench.feed(NULL, NULL, '$schema', $arguments)", $what // 'seconds');
}

sub batches {
    my ($size, $slices) = @_;
    my $touched = "touched_$size";
    restore('crm');
    sql("CALL bench.record_touched('stream', $size, $slices, '$touched')");
    my $share = value("SELECT round(100.0 * count(*) / ($size * $slices), 1) FROM bench.$touched");
    note("In statements of $size events, rows of contact that change are $share % of the events.");
    # By hand, one says how few contacts are touched; the planner cannot know.
    my $by_hand = $size * 10 <= $scale{contacts} ? 'off' : 'on';
    return pairs($scale{runs},
        log            => sub { fed('log', "'stream', $size, $slices") },
        touch          => sub {
            sql("SET enable_hashjoin = $by_hand", "SET enable_mergejoin = $by_hand");
            my $seconds = fed('touch', "'stream', $size, $slices, '$touched'");
            sql('RESET enable_hashjoin', 'RESET enable_mergejoin');
            return $seconds;
        },
        contact_status => sub { fed('crm', "'stream', $size, $slices") },
    );
}

# PL/pgSQL is slow: it takes part in fewer rounds, or is fed the first of the batches, beside the extension with the same.
sub against_plpgsql {
    my ($runs, $size, $slices) = @_;
    my $pairs = pairs($runs,
        plpgsql => sub { fed('plpgsql', "'stream', $size, $slices") },
        same    => sub { fed('crm',     "'stream', $size, $slices") },
    );
    return ('plpgsql' => $pairs->{plpgsql}, 'contact_status, the same' => $pairs->{same});
}

sub bulk {
    my $values = { %{ batches($scale{events}, 1) }, against_plpgsql(1, $scale{events}, 1) };
    note('bulk: PL/pgSQL and, beside it, the extension: one run.');
    return row("bulk: $scale{events} events, $scale{contacts} contacts, one statement", 's', $values,
        most(contact_status => log => 1.7), most(contact_status => touch => 1.25),
        { of => 'plpgsql', to => 'contact_status, the same' });
}

sub batched {
    my ($size, $limit) = @_;
    my $slices = $scale{events} / $size;
    my $few    = $slices < 20 ? $slices : $slices / 10;
    my $values = { %{ batches($size, $slices) }, against_plpgsql($scale{runs}, $size, $few) };
    note("batches of $size: PL/pgSQL is given the first $few batches, and compared with the extension with the same.");
    return row("batches: $slices x $size", 's', $values, most(contact_status => log => $limit),
        { of => 'plpgsql', to => 'contact_status, the same' });
}

sub batches_10000 { return batched(10_000, 2.2) }
sub batches_1000 { return batched(1_000, 3.0) }

sub disorder {
    sql('CALL bench.make_disordered()');
    my $slices = $scale{events} / 1000;
    my $again  = 'NULL, 0, $$ON CONFLICT DO NOTHING$$';
    my $values = pairs($scale{runs},
        ordered    => sub { fed('crm', "'stream', 1000, $slices, $again") },
        disordered => sub { fed('crm', "'disordered', 1000, $slices + $slices / 50, $again") },
    );
    return row("disorder: batches of 1000, one event in ten up to a minute late, one in fifty repeated", 's', $values,
        most(disordered => ordered => 1.3));
}

# The first batches after a checkpoint write whole pages, the later ones do not.
sub wal {
    my $slices = 0.3 * $scale{events} / 1000;
    my %wal;
    for my $schema (qw(log crm)) {
        restore($schema);
        sql('ALTER SYSTEM SET full_page_writes = on', 'SELECT pg_reload_conf()');
        sql('CHECKPOINT');
        for my $part (0 .. 1) {
            push @{ $wal{$part} }, [ $schema, call("bench.feed(NULL, NULL, '$schema', 'stream', 1000, $slices, NULL, $part * $slices)", 'wal') ];
        }
        sql('ALTER SYSTEM RESET full_page_writes', 'SELECT pg_reload_conf()');
    }
    my $of = sub { my ($part) = @_; my %v = map { ($_->[0] eq 'crm' ? 'contact_status' : $_->[0]) => [ $_->[1] ] } @{ $wal{$part} }; return \%v };
    note('WAL does not vary from run to run: one run of each.');
    return (
        row("WAL of $slices batches of 1000, $scale{contacts} contacts, no checkpoint between", 'MB', $of->(1), most(contact_status => log => 1.8)),
        row('WAL of the same, right after a checkpoint', 'MB', $of->(0), most(contact_status => log => undef)),
    );
}

sub partitioned {
    if (!Bench::can_partition()) {
        note('partitioned: create_tables has no argument partition_by here, so there is no row for it.');
        return;
    }
    my $slices = $scale{events} / 1000;
    my $values = pairs($scale{runs},
        plain       => sub { fed('crm',    "'stream', 1000, $slices") },
        partitioned => sub { fed('parted', "'stream', 1000, $slices") },
    );
    return row("partitioned log, by months: batches of 1000", 's', $values, most(partitioned => plain => 1.15));
}

# Bytes for each row of each table and index, as loaded, and after the stream in batches of 1000.
sub size {
    restore('crm');
    my @stages = ([ 'as loaded' => bytes() ]);
    call("bench.feed(NULL, NULL, 'crm', 'stream', 1000, $scale{events} / 1000)", 'seconds');
    sql('VACUUM crm.event, crm.contact, crm.subscription, crm.status_count');
    push @stages, [ "after $scale{events} events" => bytes() ];
    my %at;
    for my $stage (@stages) {
        $at{ $_->[0] }{ $stage->[0] } = $_->[1] for @{ $stage->[1] };
    }
    my @names = map { $_->[0] } @stages;
    my @lines = map { my $relation = $_; join ' | ', "| $relation", map({ $at{$relation}{$_} // '' } @names), '' } sort keys %at;
    note(join "\n", 'Bytes of each row:', '', '| table or index | ' . join(' | ', @names) . ' |', '|---|' . '---:|' x @names, @lines);
    return;
}

sub bytes {
    my $rows = value(q{
        SELECT string_agg(o.relname || '=' || round(pg_relation_size(o.oid)::numeric / nullif(t.rows, 0)), ' ')
          FROM (SELECT 'crm.contact'::regclass AS oid, (SELECT count(*) FROM crm.contact) AS rows
                 UNION ALL SELECT 'crm.subscription', (SELECT count(*) FROM crm.subscription)
                 UNION ALL SELECT 'crm.event', (SELECT count(*) FROM crm.event)) AS t
          CROSS JOIN LATERAL (SELECT t.oid UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = t.oid) AS r (oid)
          JOIN pg_class AS o ON o.oid = r.oid} =~ s/\s+/ /gr);
    return [ map { [ split /=/ ] } split ' ', $rows ];
}

1;
