#!/usr/bin/perl
# Random queries by sqlsmith on a throw-away server with a filled installation, as its owner, for SQLSMITH_SECONDS
# (3600). Fails where the server crashes or the extension itself raises an internal error (class XX). SQLSMITH_SEED is
# that of the first minute (1).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Soak qw(line skipped);

my $tried   = 'random queries by sqlsmith';
my $seconds = $ENV{SQLSMITH_SECONDS} || 3600;
my $seed    = $ENV{SQLSMITH_SEED}    || 1;
my $slice   = 60;
chdir "$FindBin::RealBin/../.." or die "test/soak/sqlsmith.pl: $!\n";

if (!grep { -x "$_/sqlsmith" } split /:/, $ENV{PATH}) {
    skipped($tried, "Debian's package sqlsmith is not installed");
    exit;
}
if (!$ENV{THROW_AWAY_SERVER}) {
    # every error is read from the server's log, with the function that raised it
    $ENV{SERVER_SETTINGS} = join ' ', $ENV{SERVER_SETTINGS} // (),
        qw(logging_collector=on log_destination=jsonlog log_min_messages=error
        log_error_verbosity=verbose log_filename=%H%M%S.log log_rotation_size=0 restart_after_crash=on);
    exec 'script/server', $^X, "$FindBin::RealBin/sqlsmith.pl";
    die "test/soak/sqlsmith.pl: script/server: $!\n";
}

sub psql {
    my ($database, $sql) = @_;
    local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
    open my $psql, '|-', "psql -X -q -A -t -o /dev/null -v ON_ERROR_STOP=1 -d $database" or die "psql: $!\n";
    print $psql $sql;
    close $psql or die "test/soak/sqlsmith.pl: psql failed\n";
    return;
}
sub value { my ($query) = @_; my $said = `psql -XAtd sqlsmith -c "$query" 2>/dev/null`; chomp $said; return $said }

psql('postgres', 'CREATE DATABASE sqlsmith TEMPLATE template0;');
psql('sqlsmith', <<"SQL" . <<'SQL');
CREATE ROLE smith LOGIN PASSWORD '$ENV{PGPASSWORD}';
GRANT CREATE ON DATABASE sqlsmith TO smith;
ALTER ROLE smith SET statement_timeout = '1s';
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
CREATE EXTENSION contact_status;
SET ROLE smith;
SQL
SELECT contact_status.create_tables('crm', 'emailmanager');
INSERT INTO crm.list (name) VALUES ('second');
INSERT INTO crm.contact (email) SELECT format('c%s@example.org', i) FROM generate_series(1, 20) i;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at)
SELECT c, l, 'added', timestamptz '2026-01-01' FROM generate_series(1, 20) c, generate_series(1, 2) l;
INSERT INTO crm.event (contact_id, campaign_id, kind, occurred_at)
SELECT i % 20 + 1, i / 20,
    (ARRAY['sent', 'delivered', 'soft_bounced', 'opened', 'unsubscribed'])[i % 5 + 1]::contact_status.event_kind,
       timestamptz '2026-01-02' + i * interval '1 hour' FROM generate_series(1, 200) i;
DELETE FROM crm.contact WHERE contact_id > 17;
CREATE SCHEMA app;
CREATE TABLE app.outbox (contact_id bigint, list_id bigint);
CREATE TRIGGER mailable BEFORE INSERT ON app.outbox FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id', 'list_id', 'skip');
CREATE TABLE app.customer (id bigint, status contact_status.contact_status);
INSERT INTO app.customer SELECT contact_id, status FROM crm.contact;
CREATE TRIGGER guard BEFORE UPDATE ON app.customer FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('status',
    'ecomail');
SQL

# Functions of ours, by file: another file of that name may be the server's.
my %ours;
for my $file (glob 'src/*.c src/*/*.c') {
    my $text = do { local ($/, @ARGV) = (undef, $file); <> };
    my ($name) = $file =~ m{([^/]+)$};
    $ours{"$name $1"} = 1 while $text =~ /^(\w+)\(/mg;
}

my ($queries, $errors, $since, %found) = (0, 0, time);
my $directory = value("SELECT current_setting('data_directory') || '/' || current_setting('log_directory')");
while ((my $left = $since + $seconds - time) > 0) {
    my $this = $left < $slice ? $left : $slice;
    my $smith = 'sqlsmith --target="dbname=sqlsmith user=smith" --exclude-catalog --verbose';
    my $said = `timeout -s INT $this $smith --seed=$seed 2>&1 >/dev/null`;
    my ($did) = $said =~ /queries: (\d+)(?!.*queries: )/s;
    $queries += $did // 0;
    # what the log says of it; then it goes
    for (1 .. 100) { last if value('SELECT pg_rotate_logfile()') eq 't'; select undef, undef, undef, 0.2 }
    for my $log (glob "$directory/*.json") {
        open my $lines, '<', $log or next;
        while (my $line = <$lines>) {
            $errors++ if $line =~ /"error_severity":"ERROR"/;
            my ($message, $state, $function, $file) = map { $line =~ /"$_":"((?:[^"\\]++|\\.)*+)"/ ? $1
                : '' } qw(message state_code func_name file_name);
            my ($statement) = $line =~ /"statement":"((?:[^"\\]++|\\.)*+)"/;
            $file =~ s{.*/}{};
            if ($message =~ /terminated by signal|PANIC/ || ($state =~ /^XX/ && $ours{"$file $function"})) {
                $message =~ s/\d+/N/g;
                print STDERR "seed $seed: $state $message ($file, $function)\n    ",
                    substr($statement // $line, 0, 3000), "\n" if !$found{$message}++;
            }
        }
        close $lines;
        truncate $log, 0;
    }
    die "test/soak/sqlsmith.pl: sqlsmith did nothing: $said\n" if !$did && !%found;
    last if grep { /terminated by signal/ } keys %found;
    $seed++;
}
psql('sqlsmith', "DO \$\$ BEGIN IF EXISTS (SELECT FROM contact_status.verify('crm')) THEN
        RAISE 'verify finds something'; END IF; END \$\$;");
line($tried, "$queries queries, $errors of them refused", time - $since, sort keys %found);
exit(%found ? 1 : 0);
