# Workloads with fsync, full_page_writes and autovacuum, as users run a server, beside other ways to keep a status.
#
# Each variant begins after a checkpoint, so that its first change of a page writes the whole page; the order turns from
# round to round.
package Bench::Durable;

use strict;
use warnings;
use File::Temp ();
use Time::HiRes ();
use Bench;

my %kinds = (
    mix     => [ ('delivered') x 67, ('opened') x 24, ('clicked') x 2, ('soft_bounced') x 4, qw(blocked hard_bounced unsubscribed) ],
    bounces => [ ('soft_bounced') x 8, qw(hard_bounced nonexistent) ],
);
my $scripts = File::Temp->newdir;

# A file for pgbench: one event of a random contact. How each variant applies it is in its SQL.
sub script {
    my ($variant, $workload) = @_;
    my $kinds  = join ',', @{ $kinds{$workload} };
    my $insert = 'INSERT INTO %s.event (contact_id, list_id, campaign_id, kind) VALUES (:c, 1, :g, :kind)';
    my %sql    = (
        application => "BEGIN;\n" . sprintf($insert, 'application') . ";\n"
            . "SELECT status, soft_bounces AS bounces FROM application.contact WHERE contact_id = :c FOR UPDATE \\gset\n"
            . ($workload eq 'bounces' ? '' : "\\if :k > 93\n")
            . "UPDATE application.contact SET soft_bounces = :bounces + 1, status = CASE WHEN :bounces >= 4 THEN 'hard_bounced' ELSE 'soft_bounced' END WHERE contact_id = :c;\n"
            . ($workload eq 'bounces' ? '' : "\\endif\n") . "COMMIT;\n",
        manager => "WITH c AS (SELECT contact_id, status FROM manager.contact WHERE contact_id = :c), "
            . "n AS (SELECT count(*) AS n FROM manager.bounce WHERE contact_id = (SELECT contact_id FROM c) AND type = 'soft'), "
            . "b AS (UPDATE manager.contact SET status = 'blocked' WHERE (SELECT n FROM n) >= 1 AND contact_id = (SELECT contact_id FROM c) AND (SELECT status FROM c) <> 'blocked'), "
            . "s AS (UPDATE manager.subscription SET status = 'unsubscribed' WHERE (SELECT n FROM n) >= 1 AND contact_id = (SELECT contact_id FROM c) AND (SELECT status FROM c) <> 'blocked') "
            . "INSERT INTO manager.bounce (contact_id, campaign_id, type) SELECT contact_id, :g, 'soft' FROM c;\n",
    );
    my $file = "$scripts/$variant-$workload.sql";
    open my $out, '>', $file or die "$file: $!\n";
    print $out "\\set c random(1, $scale{contacts})\n\\set g random(1, 20)\n\\set k random(1, " . @{ $kinds{$workload} } . ")\n",
        ($sql{$variant} // sprintf($insert, $variant) . ";\n") =~ s/:kind/('{$kinds}'::contact_status.event_kind[])[:k]/r;
    close $out;
    return $file;
}

# Returns events per second, and bytes of WAL of an event.
sub run {
    my ($variant, $workload, $clients, %more) = @_;
    my $file = script($variant, $workload);
    sql('CHECKPOINT');
    my $wal  = value('SELECT pg_current_wal_insert_lsn()');
    my $jobs = $clients < 2 ? 1 : 2;
    local $ENV{PGOPTIONS} = $more{options} // '';
    my $said = `pgbench -n -M prepared -c $clients -j $jobs -T $scale{seconds} -f $file 2>&1`;
    die "pgbench: $said\n" if $? || $said =~ /ERROR|aborted/ || $said !~ /^tps = ([\d.]+)/m;
    my $tps = $1;
    my ($events) = $said =~ /actually processed: (\d+)/;
    return ($tps, value("SELECT pg_current_wal_insert_lsn() - '$wal'::pg_lsn") / $events);
}

sub name { return $_[0] eq 'crm' ? 'contact_status' : $_[0] }

sub singles {
    my ($workload, $clients, $of_log, @variants) = @_;
    my %wal;
    my $values = pairs($scale{runs}, map { my $variant = $_; name($variant) => sub {
        my ($tps, $bytes) = run($variant, $workload, $clients);
        push @{ $wal{ name($variant) } }, $bytes;
        return $tps;
    } } @variants);
    my $who = $clients == 1 ? '1 client' : "$clients clients";
    return (row("durable: $workload, $who", 'tps', $values, $clients == 1 ? () : (least(contact_status => log => $of_log),
            $workload eq 'mix' ? least(contact_status => naive => 1) : ())),
        row("durable: WAL of an event, $workload, $who", 'bytes', \%wal, $workload eq 'bounces' ? most(contact_status => log => 2) : ()));
}

# Readers beside eight writers: milliseconds of a page of mailable and of the counts, and the same with nobody writing.
sub readers {
    my %query = (
        'a page of mailable' => 'SELECT contact_id, email FROM crm.mailable WHERE account_id = 1 AND list_id = 1 AND contact_id > 0 ORDER BY contact_id LIMIT 1000',
        'counts of a list'   => 'SELECT * FROM crm.list_status_count WHERE account_id = 1 AND list_id = 1',
    );
    my $file = script('crm', 'mix');
    my @rows;
    for my $query (sort keys %query) {
        my $read = sub { my $since = Time::HiRes::time(); sql($query{$query}); return 1000 * (Time::HiRes::time() - $since) };
        $read->();
        my $alone = pairs($scale{runs}, 'nobody writes' => $read);
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            open STDOUT, '>', '/dev/null';
            exec qw(pgbench -n -M prepared -c 8 -j 2 -T), 2 * $scale{seconds}, '-f', $file;
        }
        sleep 1;
        my $beside = pairs($scale{runs}, '8 clients write' => $read);
        waitpid $pid, 0;
        push @rows, row("durable: $query", 'ms', { %$alone, %$beside });
    }
    return @rows;
}

# The mix with row-level security, by a role of one account.
sub secured {
    sql('CREATE ROLE bench_tenant LOGIN', "SELECT contact_status.enable_tenant_security('crm', 'bench.account_id')",
        'GRANT USAGE ON SCHEMA crm TO bench_tenant', 'GRANT INSERT, SELECT ON crm.event TO bench_tenant');
    my $values = pairs($scale{runs},
        'without'                 => sub { (run('crm', 'mix', 8))[0] },
        'with row-level security' => sub { (run('crm', 'mix', 8, options => '-c role=bench_tenant -c bench.account_id=1'))[0] });
    sql('DROP OWNED BY bench_tenant', 'DROP ROLE bench_tenant');
    return row('durable: mix with row-level security, 8 clients', 'tps', $values, { of => 'with row-level security', to => 'without' });
}

sub singles_and_readers {
    database('durable');
    my $fsync = value(q{SELECT current_setting('fsync') || current_setting('full_page_writes')});
    die "the server is not durable: run it by make bench\n" if $fsync ne 'onon';
    Bench::installations($scale{contacts}, 'default', qw(crm log));
    system('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$FindBin::Bin/rivals.sql") == 0 or die "bench/rivals.sql failed\n";
    return (singles('mix', 1, 0, qw(log crm naive application)), singles('mix', 8, 0.85, qw(log crm naive application)),
        singles('bounces', 1, 0, qw(log crm naive application manager)),
        singles('bounces', 8, 0.75, qw(log crm naive application manager)), readers(), secured());
}

# --- Larger than memory -----------------------------------------------------------------------------------------------

sub batches {
    my ($schema, $slices, $skipped) = @_;
    sql('CHECKPOINT');
    return call("bench.feed(NULL, NULL, '$schema', 'stream', 1000, $slices, NULL, $skipped)", 'seconds');
}

sub large {
    my $slices = $scale{short} ? 6 : 60;
    database('large');
    Bench::installations($scale{swept}, 'default', qw(crm log));
    stream($slices * 1000 * (1 + $scale{runs}), $scale{swept});
    my $cold = { map { name($_) => [ batches($_, $slices, 0) ] } qw(log crm) };
    my %at;
    my $warm = pairs($scale{runs}, map { my $schema = $_; name($schema) => sub { batches($schema, $slices, $slices * ++$at{$schema}) } } qw(log crm));
    my $what = "$slices batches of 1,000, $scale{swept} contacts";
    return (row("durable: $what, first", 's', $cold, most(contact_status => log => 4)), row("durable: $what, then", 's', $warm, most(contact_status => log => 2.2)));
}

# Four campaigns in a row, each committed, with the unresponsive rule; autovacuum works between.
sub campaigns {
    database('campaigns');
    Bench::installations($scale{mailed}, 'emailmanager', qw(log crm));
    my @rows;
    for my $campaign (1 .. 4) {
        my %values;
        for my $schema ($campaign % 2 ? qw(log crm) : qw(crm log)) {
            sql('CHECKPOINT');
            my $since = Time::HiRes::time();
            sql("INSERT INTO $schema.event (kind, contact_id, list_id, campaign_id, occurred_at) "
                . "SELECT 'sent', contact_id, list_id, $campaign, bench.begin() + $campaign * interval '1 hour' FROM crm.mailable");
            $values{ name($schema) } = [ Time::HiRes::time() - $since ];
        }
        push @rows, row("durable: campaign $campaign of 4, $scale{mailed} `sent` with the unresponsive rule", 's', \%values,
            $campaign == 1 ? most(contact_status => log => 2.4) : $campaign == 4 ? most(contact_status => log => 2) : ());
    }
    return @rows;
}

1;
