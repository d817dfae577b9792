# The memory of one statement: the peak of the backend's own memory (RssAnon of /proc, looked at every few
# milliseconds), which leaves out the shared buffers. The events are those of the stream, again and again, each time
# ten days earlier.
package Bench::Memory;

use strict;
use warnings;
use Session;
use Bench;

sub own_memory {
    my ($pid) = @_;
    open my $status, '<', "/proc/$pid/status" or return 0;
    local $/;
    return <$status> =~ /^RssAnon:\s+(\d+) kB/m ? $1 / 1024 : 0;
}

# Watches a process until told to stop; its peak is then read from the handle.
sub watch {
    my ($pid) = @_;
    my $watcher = open(my $said, '-|') // die "fork: $!\n";
    return ($watcher, $said) if $watcher;
    my ($done, $peak) = (0, 0);
    local $SIG{TERM} = sub { $done = 1 };
    while (!$done) {
        my $now = own_memory($pid);
        $peak = $now if $now > $peak;
        select undef, undef, undef, 0.005;
    }
    syswrite STDOUT, "$peak\n";
    exec 'true';    # no destructors of the parent's
}

sub peak {
    my ($schema, $events) = @_;
    restore($schema);
    my $backend = Session->new;
    $backend->must("SET work_mem = '64MB'");
    my ($watcher, $said) = watch($backend->value('SELECT pg_backend_pid()'));
    my $times = $events / $scale{events};
    $backend->must("INSERT INTO $schema.event (contact_id, list_id, campaign_id, kind, occurred_at)
        SELECT s.* FROM generate_series(1, $times) AS again, LATERAL (
            SELECT contact_id, list_id, campaign_id, kind, occurred_at - ($times - again) * interval '10 days' FROM bench.stream OFFSET 0) AS s");
    kill TERM => $watcher;
    my $peak = <$said>;
    close $said;
    $backend->close;
    return $peak + 0;
}

sub memory {
    my ($few, $many) = ($scale{statement} / 10, $scale{statement});
    my $values = alone(
        "log, $few events"             => sub { peak('log', $few) },
        "log, $many events"            => sub { peak('log', $many) },
        "contact_status, $few events"  => sub { peak('crm', $few) },
        "contact_status, $many events" => sub { peak('crm', $many) },
    );
    note("memory: one run of each, work_mem = 64 MB, of which the statement's transition table and the trigger's sort may each take one.");
    return row("memory of one statement of $many events", 'MB', $values,
        { of => "contact_status, $many events", over => "log, $many events", most_mb => 144 },
        { of => "contact_status, $many events", over => "contact_status, $few events", most_mb => $few < 1e6 ? 144 : 16 });
}

1;
