#!/usr/bin/perl
# bench/counts.pl: what exact counts cost the writers, and what they cost to read. Run it by make bench-counts.
#
#   SECONDS   of each run (4)
#   RUNS      of each number; the median is printed, with the least and the most (3)
#   CONTACTS  on the one list that all clients write to (100000)
#   SNAPSHOT  for how many seconds a snapshot is held open (600); 0: not at all
#
# Prints three Markdown tables. What is compared, and what the numbers mean: bench/README.md.
use strict;
use warnings;
use File::Temp ();
use IO::Handle ();

my $seconds  = $ENV{SECONDS}  || 4;
my $runs     = $ENV{RUNS}     || 3;
my $contacts = $ENV{CONTACTS} || 100_000;
my $snapshot = $ENV{SNAPSHOT} // 600;
my @clients  = (1, 4, 16);
my $database = 'contact_status_bench';
die "run it by make bench-counts\n" if !$ENV{THROW_AWAY_SERVER};
$| = 1;

sub psql {
    my ($sql, $in) = @_;
    open my $psql, '-|', 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', $in // $database, '-c', $sql
        or die "psql: $!\n";
    my $said = join '', <$psql>;
    close $psql or die "bench/counts.pl: psql failed\n";
    chomp $said;
    return $said;
}

# The next event of a contact, by its status: one that changes it.
my $next = q{(CASE status WHEN 'active' THEN '{soft_bounced,suspended,deleted}' WHEN 'soft_bounced' THEN '{delivered,suspended,deleted}'
    WHEN 'suspended' THEN '{released,released,deleted}' ELSE '{restored,restored,restored}' END::contact_status.event_kind[])[:r]};

# The same work in PL/pgSQL for each way of counting: an event is logged, its trigger locks the contact, and writes the
# status of contact and subscription; then counts.
sub plain {
    my ($schema, $count) = @_;
    return <<"SQL";
CREATE SCHEMA $schema;
CREATE TABLE $schema.event (contact_id bigint NOT NULL, kind contact_status.event_kind NOT NULL, occurred_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE UNIQUE INDEX ON $schema.event (contact_id, occurred_at, kind);
CREATE TABLE $schema.contact (contact_id bigint PRIMARY KEY, email text, status contact_status.contact_status NOT NULL) WITH (fillfactor = 50);
CREATE TABLE $schema.subscription (list_id bigint, contact_id bigint, status contact_status.contact_status NOT NULL, PRIMARY KEY (contact_id, list_id)) WITH (fillfactor = 80);
CREATE INDEX ON $schema.subscription (list_id, status, contact_id);
CREATE TABLE $schema.status_count (list_id bigint NOT NULL, status contact_status.contact_status NOT NULL, contacts bigint NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX ON $schema.status_count (list_id, status);
INSERT INTO $schema.contact SELECT i, format('c%s\@example.org', i), 'active' FROM generate_series(1, $contacts) AS i;
INSERT INTO $schema.subscription SELECT 1, contact_id, status FROM $schema.contact;
-- 0 stands for the account
INSERT INTO $schema.status_count SELECT l, s, CASE s WHEN 'active' THEN $contacts ELSE 0 END
    FROM generate_series(0, 1) AS l, unnest(enum_range(NULL::contact_status.contact_status)) AS s;
CREATE FUNCTION $schema.apply() RETURNS trigger LANGUAGE plpgsql AS \$\$
DECLARE
    e record;
    was contact_status.contact_status;
    now contact_status.contact_status;
    folds boolean := random() < 1.0 / 64;
BEGIN
    FOR e IN SELECT * FROM events LOOP
        SELECT status INTO was FROM $schema.contact WHERE contact_id = e.contact_id FOR NO KEY UPDATE;
        now := CASE e.kind WHEN 'soft_bounced' THEN 'soft_bounced' WHEN 'suspended' THEN 'suspended' WHEN 'deleted' THEN 'deleted' ELSE 'active' END;
        IF now <> was THEN
            UPDATE $schema.contact SET status = now WHERE contact_id = e.contact_id;
            UPDATE $schema.subscription SET status = now WHERE contact_id = e.contact_id AND list_id = 1;
            $count
        END IF;
    END LOOP;
    RETURN NULL;
END \$\$;
CREATE TRIGGER apply AFTER INSERT ON $schema.event REFERENCING NEW TABLE AS events FOR EACH STATEMENT EXECUTE FUNCTION $schema.apply();
SQL
}

my $append = <<'SQL';
INSERT INTO folded.status_count VALUES (0, was, -1), (0, now, 1), (1, was, -1), (1, now, 1);
            IF folds THEN
                WITH taken AS (
                    SELECT ctid FROM folded.status_count WHERE list_id IN (0, 1) AND status IN (was, now) LIMIT 2048 FOR UPDATE SKIP LOCKED
                ), gone AS (
                    DELETE FROM folded.status_count AS s USING taken AS t WHERE s.ctid = t.ctid RETURNING s.*
                )
                INSERT INTO folded.status_count SELECT list_id, status, sum(contacts) FROM gone GROUP BY 1, 2 HAVING sum(contacts) <> 0;
            END IF;
SQL
# in one order for all, so that they wait for each other and never in a circle
my $one_row = <<'SQL';
FOR i IN 0 .. 1 LOOP
                UPDATE hot.status_count SET contacts = contacts + CASE WHEN least(was, now) = now THEN 1 ELSE -1 END WHERE list_id = i AND status = least(was, now);
                UPDATE hot.status_count SET contacts = contacts + CASE WHEN greatest(was, now) = now THEN 1 ELSE -1 END WHERE list_id = i AND status = greatest(was, now);
            END LOOP;
SQL

my @variants = (
    { name => 'PL/pgSQL, no counts', schema => 'none' },
    { name => 'PL/pgSQL, rows appended, folded by one in 64', schema => 'folded' },
    { name => 'PL/pgSQL, one counter row for each status', schema => 'hot' },
    { name => 'the extension, an event that changes no status, so no count', schema => 'crm', table => 'held' },
    { name => 'the extension, as it is', schema => 'crm' },
    { name => 'the extension, and one counter row for each status beside', schema => 'crm2' },
);

print STDERR "setting up\n";
psql("CREATE DATABASE $database", 'postgres');
psql('CREATE EXTENSION contact_status');
psql(plain('none', ''));
psql(plain('folded', $append));
psql(plain('hot', $one_row));
for my $schema (qw(crm crm2)) {
    psql("SELECT contact_status.create_tables('$schema')");
    psql("INSERT INTO $schema.contact (contact_id, email) SELECT i, format('c%s\@example.org', i) FROM generate_series(1, 2 * $contacts) AS i");
    psql("INSERT INTO $schema.event (contact_id, list_id, kind) SELECT contact_id, 1, 'added' FROM $schema.contact");
    # the second half for events that change a fact and no status
    psql("INSERT INTO $schema.event (contact_id, kind) SELECT contact_id, 'complained' FROM $schema.contact WHERE contact_id > $contacts");
}
psql(<<'SQL');
CREATE TABLE crm2.counter (list_id bigint, status contact_status.contact_status, contacts bigint NOT NULL, PRIMARY KEY (list_id, status));
INSERT INTO crm2.counter SELECT l, s, 0 FROM generate_series(0, 1) AS l, unnest(enum_range(NULL::contact_status.contact_status)) AS s;
CREATE FUNCTION crm2.keep_counter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0 .. 1 LOOP
        UPDATE crm2.counter SET contacts = contacts + CASE WHEN least(OLD.status, NEW.status) = NEW.status THEN 1 ELSE -1 END WHERE list_id = i AND status = least(OLD.status, NEW.status);
        UPDATE crm2.counter SET contacts = contacts + CASE WHEN greatest(OLD.status, NEW.status) = NEW.status THEN 1 ELSE -1 END WHERE list_id = i AND status = greatest(OLD.status, NEW.status);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_counter AFTER UPDATE ON crm2.subscription FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION crm2.keep_counter();
SQL
psql('VACUUM ANALYZE');

my $dir = File::Temp->newdir;
for my $variant (@variants) {
    my $held = $variant->{table};
    $variant->{script} = "$dir/" . $variant->{schema} . ($held ? '.held' : '') . '.sql';
    open my $script, '>', $variant->{script} or die "$variant->{script}: $!\n";
    print $script $held
        ? "\\set c random($contacts + 1, 2 * $contacts)\nINSERT INTO crm.event (contact_id, kind) SELECT contact_id, CASE WHEN suspended_at IS NULL THEN 'suspended' ELSE 'released' END::contact_status.event_kind FROM crm.contact WHERE account_id = 1 AND contact_id = :c ON CONFLICT DO NOTHING;\n"
        : "\\set c random(1, $contacts)\n\\set r random(1, 3)\nINSERT INTO $variant->{schema}.event (contact_id, kind) SELECT contact_id, "
        . ($next =~ s/\s+/ /gr) . " FROM $variant->{schema}.contact WHERE " . ($variant->{schema} =~ /crm/ ? 'account_id = 1 AND ' : '') . "contact_id = :c ON CONFLICT DO NOTHING;\n";
    close $script;
}

sub throughput {
    my ($variant, $clients, $for) = @_;
    my $jobs = $clients < 2 ? 1 : 2;
    $for //= $seconds;
    my $said = qx{pgbench -n -M prepared -c $clients -j $jobs -T $for -f $variant->{script} $database 2>&1};
    die "bench/counts.pl: pgbench: $said\n" if $? || $said !~ /tps = ([\d.]+)/ || $said =~ /ERROR|aborted/;
    return $1 if $said =~ /tps = ([\d.]+)/;
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ $#sorted / 2 ] }
sub number { my ($n) = @_; $n = sprintf '%.0f', $n; 1 while $n =~ s/^(\d+)(\d{3})/$1,$2/; return $n }

# The median time of a query within the server, in ms, of 25 times.
sub read_time {
    my ($query) = @_;
    psql('CREATE OR REPLACE FUNCTION read_time(query text) RETURNS float LANGUAGE plpgsql SET jit = off AS $$
          DECLARE times float[] = \'{}\'; since timestamptz; BEGIN
          FOR i IN 1 .. 25 LOOP since := clock_timestamp(); EXECUTE query; times := times || extract(epoch FROM clock_timestamp() - since)::float * 1000; END LOOP;
          RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(times) AS t); END $$');
    return sprintf '%.2f', psql("SELECT read_time(\$read\$$query\$read\$)");
}

# What an idle REPEATABLE READ transaction costs writers and readers of counts, at its end.
sub beside_snapshot {
    my ($variant) = grep { $_->{schema} eq 'crm' && !$_->{table} } @variants;
    my @queries = map { "SELECT * FROM crm.$_ WHERE account_id = 1" } qw(account_status_count active_contacts), 'list_status_count';
    psql("UPDATE crm.account SET contact_limit = 10 * $contacts");
    psql('INSERT INTO crm.contact (contact_id, email) VALUES (0, $$limited@example.org$$)');
    # an `added` under a contact limit reads the counts of its account; it is taken back each time
    my $added = q{DO $do$ BEGIN INSERT INTO crm.event (contact_id, list_id, kind) VALUES (0, 1, 'added'); RAISE EXCEPTION 'undo'; EXCEPTION WHEN raise_exception THEN NULL; END $do$};
    my $measure = sub { my ($for) = @_; (throughput($variant, 4, $for), map { read_time($_) } @queries, $added) };
    my $last = $snapshot < 120 ? $snapshot / 2 : 60;
    throughput($variant, 4, $last);
    my @before = $measure->($last);
    open my $idle, '|-', 'psql', '-X', '-q', '-d', $database or die "psql: $!\n";
    print $idle "BEGIN ISOLATION LEVEL REPEATABLE READ;\n\\o /dev/null\nSELECT count(*) FROM crm.account;\n";
    $idle->flush;
    throughput($variant, 4, $snapshot - $last);
    my @after = $measure->($last);
    my $rows = psql(q{SELECT n_live_tup + n_dead_tup FROM pg_stat_user_tables WHERE schemaname = 'crm' AND relname = 'status_count'});
    print $idle "COMMIT;\n";
    close $idle;
    psql('UPDATE crm.account SET contact_limit = NULL');
    printf "\nBeside a snapshot that is open for %d s (4 clients; %s rows of status_count by then):\n\n", $snapshot, number($rows);
    print "| | no snapshot | the last $last s |\n|---|---:|---:|\n";
    printf "| changes of status per second | %s | %s |\n", map { number($_) } $before[0], $after[0];
    my @names = ('reading account_status_count, ms', 'reading active_contacts, ms', 'reading list_status_count, ms', 'one `added` under a contact limit, ms');
    printf "| %s | %s | %s |\n", $names[$_], $before[$_ + 1], $after[$_ + 1] for 0 .. 3;
}

my %tps;
for my $run (1 .. $runs) {
    for my $clients (@clients) {
        for my $variant (@variants) {
            my $tps = throughput($variant, $clients);
            push @{ $tps{ $variant->{name} }{$clients} }, $tps;
            printf STDERR "run %d, %d clients, %s: %.0f\n", $run, $clients, $variant->{name}, $tps;
        }
    }
}

# The last run with 16 clients is just over: what there is to read now, and when it is vacuumed.
my @reads = map { my $schema = $_; (
    $schema =~ /crm/
    ? ([ 'the extension', $schema, 'account_status_count', "SELECT * FROM $schema.account_status_count WHERE account_id = 1" ],
       [ 'the extension', $schema, 'list_status_count', "SELECT * FROM $schema.list_status_count WHERE account_id = 1 AND list_id = 1" ],
       [ 'the extension', $schema, 'active_contacts', "SELECT * FROM $schema.active_contacts WHERE account_id = 1" ])
    : [ $schema eq 'hot' ? 'PL/pgSQL, one counter row' : 'PL/pgSQL, appended and folded', $schema, 'counts of a list',
        "SELECT status, sum(contacts) FROM $schema.status_count WHERE list_id = 1 GROUP BY 1" ]) } qw(folded hot crm);
throughput($_, 16) for grep { $_->{schema} =~ /^(?:folded|hot|crm)$/ && !$_->{table} } @variants;
my %rows = map { $_ => psql("SELECT count(*) FROM $_.status_count") } qw(folded hot crm);
my %dead = map { $_ => psql("SELECT n_dead_tup FROM pg_stat_user_tables WHERE schemaname = '$_' AND relname = 'status_count'") } qw(folded hot crm);
my %busy = map { $_->[3] => read_time($_->[3]) } @reads;
psql("VACUUM ANALYZE $_.status_count") for qw(folded hot crm);
my %quiet = map { $_->[3] => read_time($_->[3]) } @reads;

print "Status changes of single contacts per second; median of $runs runs of $seconds seconds (least to most):\n\n";
print '| | ', join(' | ', map { $_ == 1 ? '1 client' : "$_ clients" } @clients), " |\n|---|", '---:|' x @clients, "\n";
for my $variant (@variants) {
    my @cells = map {
        my @of = @{ $tps{ $variant->{name} }{$_} };
        my ($least, @more) = sort { $a <=> $b } @of;
        sprintf '%s (%s to %s)', number(median(@of)), number($least), number($more[-1] // $least)
    } @clients;
    print "| $variant->{name} | ", join(' | ', @cells), " |\n";
}
print "\nReading, right after the last run with 16 clients, and after VACUUM (median of 25, ms):\n\n";
print "| | rows of status_count | dead rows | what is read | right after | vacuumed |\n|---|---:|---:|---|---:|---:|\n";
print "| $_->[0] | ", number($rows{ $_->[1] }), ' | ', number($dead{ $_->[1] }), " | $_->[2] | $busy{$_->[3]} | $quiet{$_->[3]} |\n" for @reads;

beside_snapshot() if $snapshot;

for my $schema (qw(crm crm2)) {
    my $wrong = psql("SELECT count(*) FROM $schema.list_status_count AS n WHERE contacts <> (SELECT count(*) FROM $schema.subscription AS s WHERE s.list_id = n.list_id AND s.status = n.status)")
        + psql("SELECT count(*) FROM $schema.account_status_count AS n WHERE contacts <> (SELECT count(*) FROM $schema.contact AS c WHERE c.status = n.status)");
    die "bench/counts.pl: $wrong counts are wrong\n" if $wrong;
}
for my $schema (qw(folded hot)) {
    my $wrong = psql("SELECT count(*) FROM (SELECT list_id, status, sum(contacts) AS n FROM $schema.status_count GROUP BY 1, 2) AS c
        WHERE list_id = 1 AND n <> (SELECT count(*) FROM $schema.subscription AS s WHERE s.status = c.status)");
    die "bench/counts.pl: $wrong counts of the comparison are wrong\n" if $wrong;
}
print "\nAll counts equal count(*) afterwards.\n";
