#!/usr/bin/perl
# bench/instructions.pl: counts the instructions and the WAL of eleven statements. Run it by make bench-instructions.
#
#   CONTACTS       of the installation (200000)
#   STATEMENT=text only the statements whose names contain it
#   WRITE=1        writes the figures to bench/instructions.txt, which later runs compare with
#   PROFILES=dir   keeps the files of callgrind there, for callgrind_annotate
#
# Prints the figures of each event, row or contact, those of the same statement on tables without triggers, and those of
# bench/instructions.txt. Exits with 1 if a figure exceeds the one of the file by more than 3 %. Another major version of
# PostgreSQL or another processor has other figures, which are not compared.
use strict;
use warnings;
use File::Copy qw(copy);
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/../test/lib";
use Cluster;
use Session;

my $TOLERANCE = 1.03;
my $FIGURES   = "$FindBin::Bin/instructions.txt";

my ($valgrind) = grep { -x } map { "$_/valgrind" } split /:/, $ENV{PATH};
if (!$valgrind) {
    print "bench-instructions: skipped, valgrind is not installed\n";
    exit 0;
}
my $contacts = $ENV{CONTACTS} || 200_000;
my $wanted   = $ENV{STATEMENT} // '';

# The statements: SQL for pgbench, in which @ is the schema and :n numbers the runs from 0; the runs that are not
# counted, those that are, and what a run has. Each uses contacts that no other does: c modulo 10.
my $single = 'INSERT INTO @.event (contact_id, list_id, campaign_id, kind) VALUES (:c, 1, 2, ';
my $stream = 'INSERT INTO @.event (contact_id, list_id, campaign_id, kind, occurred_at) '
    . 'SELECT contact_id, list_id, campaign_id, kind, occurred_at FROM bench.stream WHERE n > ';
my @statements = (
    { name => 'event that changes nothing', digit => 1, sql => "${single}'delivered')", warm => 20, runs => 200 },
    { name => 'event that changes a fact', digit => 2, sql => "${single}'soft_bounced')", warm => 20, runs => 400 },
    { name => 'event that changes a status', digit => 3, sql => "${single}'soft_bounced')", warm => 20, runs => 800 },
    { name => 'batch of 1000 events', sql => "$stream:n * 1000 AND n <= :n * 1000 + 1000", warm => 2, runs => 5, of => 1000 },
    { name => 'batch of 10000 events', sql => "${stream}10000 + :n * 10000 AND n <= 20000 + :n * 10000", warm => 1, runs => 1, of => 10_000 },
    { name => '`sent` with the unresponsive rule', warm => 1, runs => 2, of => 1000,
        sql => q{INSERT INTO @.event (account_id, contact_id, list_id, campaign_id, kind) }
            . q{SELECT 2, c, 2, 1, 'sent' FROM generate_series(:n * 1000 + 1, :n * 1000 + 1000) c} },
    { name => 'row of an outbox', warm => 1, runs => 2, of => 1000,
        sql => 'INSERT INTO @.outbox SELECT c, 1 FROM generate_series(:n * 10000 + 4, :n * 10000 + 9994, 10) c' },
    { name => 'row of an outbox, by statement', warm => 1, runs => 2, of => 1000,
        sql => 'INSERT INTO @.by_statement SELECT c, 1 FROM generate_series(:n * 10000 + 4, :n * 10000 + 9994, 10) c' },
    { name => 'contact that a sweep changes', warm => 1, runs => 2, of => 1000, only => 'crm',
        sql => q{SELECT contact_status.sweep('@', (SELECT begin + (:n + 0.5) * interval '1 second' FROM bench.due))} },
    { name => 'address that is suppressed', warm => 20, runs => 100, only => 'crm',
        sql => q{SELECT contact_status.suppress('@', 1::bigint, 's' || :n || '@example.org', 'unsubscribed')} },
    { name => 'contact that is inserted', warm => 20, runs => 200,
        sql => q{INSERT INTO @.contact (contact_id, email) VALUES (10000000 + :n, 'n' || :n || '@example.org')} },
);

# --- The server -------------------------------------------------------------------------------------------------------

my $files = File::Temp->newdir;
chmod 0777, $files;
my $cluster = Cluster->new(
    fsync => 'off', full_page_writes => 'off', autovacuum => 'off', jit => 'off', shared_buffers => '512MB', max_wal_size => '8GB',
    checkpoint_timeout => '1d', bgwriter_lru_maxpages => 0, max_parallel_workers_per_gather => 0,
)->init->as_default;

# Loads the contacts natively: under valgrind it would take fifty times as long.
sub load {
    my $session = Session->new;
    $session->must(
        'CREATE EXTENSION contact_status', 'CREATE SCHEMA bench',
        map {
            my $schema = $_;
            ("SELECT contact_status.create_tables('$schema')", "INSERT INTO $schema.list (list_id, name) VALUES (2, 'by sign-up')",
                "INSERT INTO $schema.account (account_id, policy) VALUES (2, 'emailmanager')",
                "INSERT INTO $schema.list (account_id, list_id, name) VALUES (2, 2, 'list')",
                map { "CREATE TABLE $schema.$_ (contact_id bigint, list_id bigint)" } qw(outbox by_statement))
        } qw(crm log)
    );
    system('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$FindBin::Bin/setup.sql") == 0 or die "bench/setup.sql failed\n";
    $session->must(
        "INSERT INTO crm.contact (contact_id, email) SELECT i, format('c%s\@example.org', i) FROM generate_series(1, $contacts) i",
        "INSERT INTO crm.contact (account_id, contact_id, email) SELECT 2, i, format('c%s\@example.org', i) FROM generate_series(1, 3000) i",
        "INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) SELECT i, 1, 'added', bench.begin() - interval '10 days' FROM generate_series(1, $contacts) i",
        "INSERT INTO crm.event (account_id, contact_id, list_id, kind) SELECT 2, i, 2, 'added' FROM generate_series(1, 3000) i",
        "INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at) SELECT i, 1, 1, 'soft_bounced', bench.begin() FROM generate_series(2, $contacts, 10) i",
        # suspensions that end in three groups, a second apart, before they are swept
        q{CREATE TABLE bench.due AS SELECT clock_timestamp() + interval '15 seconds' AS begin},
        "INSERT INTO crm.event (contact_id, kind, until) SELECT 5 + 10 * i, 'suspended', begin + i / 1000 * interval '1 second' FROM generate_series(0, 2999) i, bench.due",
        "CALL bench.make_stream(40000, $contacts / 10)", 'UPDATE bench.stream SET contact_id = contact_id * 10',
        q{CREATE TRIGGER mailable BEFORE INSERT ON crm.outbox FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id')},
        q{CREATE TRIGGER mailable AFTER INSERT ON crm.by_statement REFERENCING NEW TABLE AS messages FOR EACH STATEMENT }
            . q{EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id')},
        "CALL bench.drop_triggers('log')", 'SET session_replication_role = replica',
        map({ "INSERT INTO log.$_ SELECT * FROM crm.$_ ORDER BY contact_id" } qw(contact event)),
        map({ my $schema = $_; map { "VACUUM (FREEZE, ANALYZE) $schema.$_" } qw(event contact subscription status_count policy account list) } qw(crm log)),
        # a load in ascending order leaves full pages of indexes, which the next inserts would split
        q{DO $$ DECLARE i regclass; BEGIN FOR i IN SELECT indexrelid FROM pg_index JOIN pg_class c ON c.oid = indrelid }
            . q{WHERE relnamespace IN ('crm'::regnamespace, 'log'::regnamespace) LOOP }
            . q{EXECUTE format('ALTER INDEX %s SET (fillfactor = 70)', i); END LOOP; END $$},
        'REINDEX SCHEMA crm', 'REINDEX SCHEMA log',
        'VACUUM (FREEZE, ANALYZE)', 'CHECKPOINT'
    );
    $session->close;
    return;
}

$cluster->start;
load();
$cluster->stop->start($valgrind, '--tool=callgrind', "--callgrind-out-file=$files/%p", '--dump-before=pg_backend_pid', '-q');
my $admin = Session->new;
$admin->must('SELECT pg_sleep_until((SELECT begin FROM bench.due) + interval \'5 seconds\')');
my ($version) = $admin->value(q{SELECT current_setting('server_version')}) =~ /^(\d+)/;
my $machine = "PostgreSQL $version, " . `uname -m` =~ s/\n//r . ", $contacts contacts";

# --- Runs -------------------------------------------------------------------------------------------------------------

sub wal { return split / /, $admin->value(q{SELECT wal_records || ' ' || wal_bytes FROM pg_stat_wal}) }

# Returns the instructions, records and bytes of WAL of one event, row or contact.  A call of pg_backend_pid() makes
# callgrind write a file, and begin to count from 0.
sub measure {
    my ($statement, $schema) = @_;
    my $of     = $statement->{of} // 1;
    my $end    = $statement->{warm} + $statement->{runs};
    my $script = File::Temp->new;
    my $sql    = $statement->{sql} =~ s/\@(?=[.'])/$schema/gr;
    my $digit  = $statement->{digit} // 0;
    print $script "\\set c $digit + 10 * ((:n * 7919) % ($contacts / 10))\n",
        "\\if :n = $statement->{warm} OR :n = $end\nSELECT pg_backend_pid();\n\\endif\n",
        "\\if :n < $end\n$sql;\n\\endif\n\\set n :n + 1\n";
    $script->flush;
    my %before = map { $_ => 1 } glob "$files/*";
    my @wal    = wal();
    my $said   = `pgbench -n -M prepared -c 1 -t @{[ $end + 1 ]} -D n=0 -f $script 2>&1`;
    die "pgbench: $said\n" if $? || $said =~ /ERROR|aborted/;
    my ($file) = grep { !$before{$_} } glob "$files/*.2" or die "callgrind wrote no file\n";
    wait_for($file =~ s/\.2$//r);
    my @after = wal();
    copy($file, "$ENV{PROFILES}/$schema-" . $statement->{name} =~ s/\W+/-/gr) if $ENV{PROFILES};
    open my $in, '<', $file or die "$file: $!\n";
    my ($instructions) = map { /^(?:summary|totals): (\d+)/ } <$in> or die "$file has no total\n";
    return ($instructions / $statement->{runs} / $of, map { ($after[$_] - $wal[$_]) / $end / $of } 0, 1);
}

# A backend has reported its WAL when callgrind has written its last file.
sub wait_for {
    my ($file) = @_;
    for (1 .. 600) {
        return if -s $file || -s "$file.3";
        select undef, undef, undef, 0.1;
    }
    die "a backend did not end\n";
}

# --- The figures ------------------------------------------------------------------------------------------------------

my (%figures, $of);
if (open my $in, '<', $FIGURES) {
    chomp($of = <$in> // '');
    while (<$in>) {
        chomp;
        my ($name, @values) = split /\t/;
        $figures{$name} = \@values;
    }
}
$of //= '';
print "no figures of $machine to compare with: those of the file are of $of\n" if $of ne $machine && !$ENV{WRITE};

my @columns = qw(instructions records bytes);
my (@lines, $grew);
printf "%-36s %30s %28s %30s\n", '', 'instructions', 'WAL records', 'WAL bytes';
printf "%-36s %10s%10s%10s %8s%10s%10s %10s%10s%10s\n", $machine, ('today', 'file', 'log') x 3;
for my $statement (grep { index($_->{name}, $wanted) >= 0 } @statements) {
    my $name = $statement->{name};
    my @log  = $statement->{only} ? () : measure($statement, 'log');
    my @crm  = measure($statement, 'crm');
    my @file = $of eq $machine && $figures{$name} ? @{ $figures{$name} } : ();
    my @line = map { my $i = $_; my $format = $i == 1 ? '%.2f' : '%.0f'; map { defined ? sprintf $format, $_ : '-' } $crm[$i], $file[$i], $log[$i] } 0 .. 2;
    printf "%-36s %10s%10s%10s %8s%10s%10s %10s%10s%10s\n", $name, @line;
    push @lines, join "\t", $name, @line[ 0, 3, 6, 2, 5, 8 ];
    for my $i (grep { defined $file[$_] && $crm[$_] > $TOLERANCE * $file[$_] } 0 .. 2) {
        printf "    GREW: %s by %.1f %%\n", $columns[$i], 100 * ($crm[$i] / $file[$i] - 1);
        $grew = 1;
    }
}
$admin->close;
$cluster->stop;
if ($ENV{WRITE}) {
    open my $out, '>', $FIGURES or die "$FIGURES: $!\n";
    print $out map { "$_\n" } $machine, @lines;
    close $out or die "$FIGURES: $!\n";
    $grew = 0;
}
exit($grew ? 1 : 0);
