# One event in each transaction, by pgbench: prepared statements, random contacts of one list, the mix by the hundred.
package Bench::Single;

use strict;
use warnings;
use File::Temp ();
use Bench;

my @mix = (
    ('delivered') x 67, ('opened') x 24, ('clicked') x 2, ('soft_bounced') x 4, qw(blocked hard_bounced unsubscribed),
);

my $scripts = File::Temp->newdir;

sub tps {
    my ($schema, $clients) = @_;
    my $script = "$scripts/$schema.sql";
    open my $out, '>', $script or die "$script: $!\n";
    print $out "\\set c random(1, $scale{contacts})\n\\set g random(1, 20)\n\\set k random(1, 100)\n",
        "INSERT INTO $schema.event (contact_id, list_id, campaign_id, kind) VALUES (:c, 1, :g, ('{",
        join(',', @mix), "}'::contact_status.event_kind[])[:k]);\n";
    close $out;
    my $jobs = $clients < 2 ? 1 : 2;
    my $said = `pgbench -n -M prepared -c $clients -j $jobs -T $scale{seconds} -f $script 2>&1`;
    die "pgbench: $said\n" if $? || $said =~ /ERROR|aborted/ || $said !~ /^tps = ([\d.]+)/m;
    return $1;
}

sub single {
    restore(qw(log crm plpgsql));
    my @rows;
    for my $clients (1, 8) {
        my $values = pairs($scale{runs},
            map { my $schema = $_; ($schema eq 'crm' ? 'contact_status' : $schema) => sub { tps($schema, $clients) } } qw(log crm plpgsql));
        push @rows, row('single: one event per transaction, ' . ($clients == 1 ? '1 client' : "$clients clients on one list"), 'tps', $values,
            least(contact_status => log => 0.7));
    }
    return @rows;
}

1;
