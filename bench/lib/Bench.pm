# What the workloads of the benchmark share: databases, sessions, runs in pairs, and rows of the table.
package Bench;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use Session;

our @EXPORT = qw(%scale database sql value call session pairs alone row most least note progress restore stream events_of in_schema);

# How much of everything; SHORT is the form that takes minutes.
my $short = $ENV{SHORT} ? 1 : 0;
our %scale = (
    short          => $short,
    runs           => $ENV{RUNS}     || 5,
    seconds        => $ENV{SECONDS}  || ($short ? 2 : 4),                    # of a run of single events
    contacts       => $ENV{CONTACTS} || ($short ? 50_000 : 200_000),
    events         => $ENV{EVENTS}   || ($short ? 100_000 : 1_000_000),     # of a stream
    mailed         => $ENV{MAILED} || ($short ? 100_000 : 1_000_000),       # contacts of a campaign
    replayed       => $short ? 1_000_000 : 10_000_000,
    swept          => $ENV{MANY} || ($short ? 500_000 : 5_000_000),         # contacts beside those that are due, or larger than memory
    due            => $short ? 5_000 : 10_000,
    statement      => $short ? 1_000_000 : 10_000_000,                      # events of one statement, for its memory
    longest        => 100_000,                                              # events of one contact
);
our @notes;

sub progress { print STDERR @_, "\n"; return }
sub note { push @notes, @_; return }

# --- The server -------------------------------------------------------------------------------------------------------

my $session;
sub session { return $session }

# A new, empty database with the extension, which takes the place of the one before.
sub database {
    my ($name) = @_;
    $session->close if $session;
    my $old = $ENV{PGDATABASE};
    $ENV{PGDATABASE} = 'postgres';
    my $admin = Session->new;
    $admin->must("DROP DATABASE IF EXISTS $old") if $old && $old =~ /^bench_/;
    $admin->must("CREATE DATABASE bench_$name", 'CHECKPOINT');
    $admin->close;
    $ENV{PGDATABASE} = "bench_$name";
    $session = Session->new;
    sql('SET client_min_messages = warning', 'CREATE EXTENSION contact_status', 'CREATE SCHEMA bench');
    my $setup = "$FindBin::Bin/setup.sql";
    system('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $setup) == 0 or die "bench/setup.sql failed\n";
    return;
}

# Does create_tables know partitions?
sub can_partition {
    return value(q{SELECT count(*) FROM pg_proc WHERE proname = 'create_tables' AND 'partition_by' = ANY (proargnames)}) > 0;
}

sub sql { $session->must(@_); return }
sub value { return $session->value(@_) }

# The value of an OUT parameter of a procedure.
sub call {
    my ($call, $out) = @_;
    my ($state, $value) = $session->do("CALL $call", $out);
    die "$state $value: CALL $call\n" if $state ne '00000';
    return $value;
}

# A file of SQL in which @ stands for a schema, run by psql.
sub in_schema {
    my ($file, $schema) = @_;
    open my $in, '<', "$FindBin::Bin/$file" or die "$file: $!\n";
    my $sql = do { local $/; <$in> } =~ s/@(?=\.)/$schema/gr;
    open my $psql, '|-', qw(psql -X -q -v ON_ERROR_STOP=1) or die "psql: $!\n";
    print $psql $sql;
    close $psql or die "$file failed\n";
    return;
}

# --- Installations and their streams ----------------------------------------------------------------------------------

# Makes the installations named, loads the contacts, each on list 1, by the extension, and keeps the rows for restore.
sub installations {
    my ($contacts, $policy, @schemas) = @_;
    progress("  $contacts contacts");
    for my $schema (@schemas) {
        my $parted = $schema eq 'parted' ? ", partition_by => '1 month'" : '';
        sql("SELECT contact_status.create_tables('$schema', policy => '$policy'$parted)",
            "INSERT INTO $schema.list (list_id, name) VALUES (2, 'by sign-up')");
    }
    sql("INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s\@example.org', i) FROM generate_series(1, $contacts) AS i",
        "INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', bench.begin() - interval '10 days' FROM generate_series(1, $contacts) AS i",
        "CALL bench.save('crm')");
    for my $schema (grep { $_ ne 'crm' } @schemas) {
        sql("CALL bench.drop_triggers('$schema')") if $schema =~ /^(?:log|touch)$/;
        in_schema('plpgsql.sql', $schema) if $schema eq 'plpgsql';
        restore($schema);
    }
    return;
}

# Brings an installation back to how it was loaded: the same rows in the same order, vacuumed and in the buffers.
sub restore {
    for my $schema (@_) {
        sql("CALL bench.restore('$schema')", map { "VACUUM (ANALYZE) $schema.$_" } qw(event contact subscription status_count));
    }
    sql('CHECKPOINT');
    return;
}

# A stream of events over the contacts; see setup.sql.
sub stream {
    my ($events, $contacts) = @_;
    progress("  a stream of $events events");
    sql("CALL bench.make_stream($events, $contacts)");
    return;
}

# --- Runs -------------------------------------------------------------------------------------------------------------

# Runs of some variants, name => code that returns a number, close to each other within a round; the order turns from
# round to round. Returns name => [a number for each round].
sub pairs {
    my ($runs, @variants) = @_;
    my (%run, @order, %values);
    while (my ($name, $code) = splice @variants, 0, 2) {
        $run{$name} = $code;
        push @order, $name;
    }
    for my $round (1 .. $runs) {
        for my $name ($round % 2 ? @order : reverse @order) {
            my $number = $run{$name}->();
            push @{ $values{$name} }, $number;
            progress(sprintf '    round %d, %s: %.3f', $round, $name, $number);
        }
    }
    return \%values;
}

# One run of one variant.
sub alone { return pairs(1, @_) }

# --- Rows of the table ------------------------------------------------------------------------------------------------

# "a of b is at most (least) x": of the median of a / b of each round.
sub most  { my ($of, $to, $x) = @_; return { of => $of, to => $to, most  => $x } }
sub least { my ($of, $to, $x) = @_; return { of => $of, to => $to, least => $x } }

# (workload, unit, values, checks...): the values of log, touch, plpgsql and contact_status have columns of their own,
# others are shown under their names.
sub row {
    my ($workload, $unit, $values, @checks) = @_;
    progress("  $workload");
    return { workload => $workload, unit => $unit, values => $values, checks => \@checks };
}

1;
