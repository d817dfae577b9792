# The table, the machine and the raw numbers, in Markdown.
package Bench::Table;

use strict;
use warnings;
use Bench;

my @columns = qw(log touch plpgsql contact_status);
my $unmet   = 0;

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

# Three digits that say something, thousands apart.
sub number {
    my ($n) = @_;
    $n = sprintf $n >= 100 ? '%.0f' : $n >= 10 ? '%.1f' : $n >= 1 ? '%.2f' : '%.3f', $n;
    1 while $n =~ s/^(\d+)(\d{3})/$1,$2/;
    return $n;
}

# Large numbers within a text.
sub readable {
    my ($text) = @_;
    return $text =~ s/(?<![\d.,])(\d{5,})(?![\d.])/number($1)/ger;
}

sub spread {
    my ($unit, @values) = @_;
    my @sorted = sort { $a <=> $b } @values;
    return number($sorted[0]) . " $unit" if @sorted == 1;
    return number(median(@sorted)) . " $unit (" . number($sorted[0]) . ' to ' . number($sorted[-1]) . ')';
}

# What a check has to say: the ratio, what was to reach, and whether it was.
sub judged {
    my ($check, $values) = @_;
    my ($of, $to) = map { $check->{$_} } qw(of to);
    if (defined $check->{most_ms}) {
        my $ms = median(@{ $values->{$of} });
        return verdict(number($ms) . " ms, $of", "at most $check->{most_ms} ms", $ms <= $check->{most_ms});
    }
    if (defined $check->{most_mb}) {
        my $over = $values->{$of}[0] - $values->{ $check->{over} }[0];
        return verdict(sprintf('%.0f MB more than %s', $over, $check->{over}), "at most $check->{most_mb} MB more", $over <= $check->{most_mb});
    }
    my @ratios = map { $values->{$of}[$_] / $values->{$to}[$_] } 0 .. $#{ $values->{$of} };
    my $ratio  = median(@ratios);
    my $text   = sprintf '%.2f x %s', $ratio, $to;
    $text .= sprintf ' (%.2f to %.2f)', (sort { $a <=> $b } @ratios)[ 0, -1 ] if @ratios > 1;
    $text = "$of: $text" if $of ne 'contact_status';
    return verdict($text, "at most $check->{most} x",   $ratio <= $check->{most})  if defined $check->{most};
    return verdict($text, "at least $check->{least} x", $ratio >= $check->{least}) if defined $check->{least};
    return [ $text, '', '' ];
}

sub verdict { my ($text, $limit, $met) = @_; $unmet++ if !$met; return [ $text, $limit, $met ? 'yes' : '**no**' ] }

sub machine {
    my ($model) = `grep -m1 '^model name' /proc/cpuinfo 2>/dev/null` =~ /:\s*(.+)/;
    my ($cores) = scalar grep { /^processor/ } `cat /proc/cpuinfo 2>/dev/null`;
    my ($memory) = `grep MemTotal /proc/meminfo 2>/dev/null` =~ /(\d+)/;
    my $version  = value("SELECT current_setting('server_version')");
    my $settings = value(q{SELECT string_agg(name || '=' || current_setting(name), ', ' ORDER BY name) FROM pg_settings WHERE name IN }
        . q{('fsync','synchronous_commit','full_page_writes','wal_level','shared_buffers','max_wal_size','checkpoint_timeout','autovacuum','work_mem','jit')});
    return sprintf "%s cores%s, %s GB of memory, PostgreSQL %s on a throw-away server: %s.",
        $cores || 'unknown', $model ? " ($model)" : '', $memory ? sprintf('%.0f', $memory / 1024 / 1024) : 'unknown', $version, $settings;
}

sub show {
    my ($rows, $seconds) = @_;
    print machine(), "\n\nMedian of $scale{runs} runs where not said otherwise (least to most); ratios are of runs in the same round.\n\n";
    print '| workload | ', join(' | ', @columns), " | ratio | to reach | reached |\n|---|", '---:|' x @columns, "---|---|---|\n";
    for my $row (@$rows) {
        my %values = %{ $row->{values} };
        my @cells  = map { $values{$_} ? spread($row->{unit}, @{ $values{$_} }) : '' } @columns;
        my %named  = map { $_ => 1 } @columns;
        my @others = map { "$_: " . spread($row->{unit}, @{ $values{$_} }) } grep { !$named{$_} } sort keys %values;
        my @checks = map { judged($_, \%values) } @{ $row->{checks} };
        print readable('| ' . join(' | ', join('<br>', $row->{workload}, @others), @cells, map({ my $i = $_; join '<br>', map { $_->[$i] } @checks } 0 .. 2)) . " |\n");
    }
    print "\n$unmet not reached.\n" if $unmet;
    print "\n", readable($_), "\n" for @Bench::notes;
    printf "\nIn all %.0f minutes.\n", $seconds / 60;

    my $raw = join '', map { my $row = $_; map { "$row->{workload} | $_ | $row->{unit} | " . join(' ', map { sprintf '%.4f', $_ } @{ $row->{values}{$_} }) . "\n" }
        sort keys %{ $row->{values} } } @$rows;
    if ($ENV{RAW}) {
        open my $out, '>', $ENV{RAW} or die "$ENV{RAW}: $!\n";
        print $out $raw;
    }
    else {
        print "\nRaw numbers:\n\n```\n$raw```\n";
    }
    return;
}

1;
