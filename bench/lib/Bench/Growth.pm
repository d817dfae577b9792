# The main workloads at several numbers of contacts, against the log: does a contact more make an event dearer?
package Bench::Growth;

use strict;
use warnings;
use Bench;
use Bench::Single;
use Bench::Streams;

sub growth {
    my (@steps) = @_;
    my @rows;
    for my $contacts (@steps) {
        progress("$contacts contacts:");
        local $scale{contacts} = $contacts;
        database('growth');
        Bench::installations($contacts, 'default', qw(crm log));
        stream($scale{events}, $contacts);
        my $fed = sub {
            my ($size, $slices) = @_;
            return pairs($scale{runs}, log => sub { Bench::Streams::fed('log', "'stream', $size, $slices") },
                contact_status => sub { Bench::Streams::fed('crm', "'stream', $size, $slices") });
        };
        my $slices = $scale{events} / 5000;
        push @rows, row("$contacts contacts: bulk of $scale{events}", 's', $fed->($scale{events}, 1), most(contact_status => log => undef));
        push @rows, row("$contacts contacts: $slices batches of 1000", 's', $fed->(1000, $slices), most(contact_status => log => undef));
        restore(qw(log crm));
        for my $clients (1, 8) {
            my $values = pairs($scale{runs}, log => sub { Bench::Single::tps('log', $clients) }, contact_status => sub { Bench::Single::tps('crm', $clients) });
            push @rows, row("$contacts contacts: single, $clients client" . ($clients > 1 ? 's' : ''), 'tps', $values, least(contact_status => log => undef));
        }
    }
    return @rows;
}

1;
