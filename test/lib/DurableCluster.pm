# A PostgreSQL cluster of the test's own, made by initdb, which may be crashed and started again: with durable commits, on a
# socket in a private directory. Sessions (Session.pm, psql) that begin while it is there are sessions of it.
#
#   my $cluster = DurableCluster->new(wal_level => 'minimal', ...);    # settings
#   $cluster->start; $cluster->stop('immediate'); $cluster->kill; $cluster->start;
#
# PostgreSQL does not run as root, so for root it runs as postgres, as packages make it. It is gone with the object.
package DurableCluster;

use strict;
use warnings;
use Cwd ();
use File::Basename qw(dirname);
use File::Temp ();
use Time::HiRes qw(time sleep);

my %DEFAULTS = (
    fsync               => 'on', synchronous_commit => 'on', full_page_writes => 'on', timezone => 'UTC',
    listen_addresses    => "''", max_prepared_transactions => 10, logging_collector => 'off', shared_buffers => '64MB',
    restart_after_crash => 'on', lc_messages => 'C',
);

# For an interrupted test too: it exits, and so the object goes.
$SIG{$_} //= sub { exit 1 } for qw(HUP INT TERM);

sub new {
    my ($class, %settings) = @_;
    my $initdb = delete $settings{initdb} // [];
    my $self = bless { owner => $$, dir => File::Temp->newdir, settings => { %DEFAULTS, %settings } }, $class;
    my $pg_config = $ENV{PG_CONFIG} || Cwd::abs_path(dirname(__FILE__) . '/../../script/pg_config');
    $pg_config = `$pg_config` if $pg_config =~ m{script/pg_config$};
    chomp $pg_config;
    chomp($self->{bin} = `"$pg_config" --bindir`);
    if ($> == 0) {
        my (undef, undef, $uid, $gid) = getpwnam 'postgres' or die "there is no user postgres\n";
        chown $uid, $gid, $self->{dir} or die "$self->{dir}: $!\n";
        $self->{as} = [ 'setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups' ];
    }
    $self->{data} = "$self->{dir}/data";
    $self->run('initdb', '-D', $self->{data}, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-A', 'trust', '-N', @$initdb);
    open my $conf, '>>', "$self->{data}/postgresql.conf" or die "$self->{data}: $!\n";
    print $conf "$_ = $self->{settings}{$_}\n" for sort keys %{ $self->{settings} };
    print $conf "unix_socket_directories = '$self->{dir}'\n";
    close $conf or die "$self->{data}: $!\n";

    delete @ENV{qw(PGHOSTADDR PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE PGOPTIONS PGCLUSTER)};
    @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE PATH)} = ("$self->{dir}", 5432, 'postgres', 'postgres', "$self->{bin}:$ENV{PATH}");
    return $self;
}

# A program of PostgreSQL's, as the user of the cluster.
sub run {
    my ($self, $program, @arguments) = @_;
    my @command = (@{ $self->{as} // [] }, "$self->{bin}/$program", @arguments);
    open my $said, '-|', 'sh', '-c', 'cd / && exec "$@" 2>&1 </dev/null', 'sh', @command or die "$program: $!\n";
    my $text = do { local $/; <$said> };
    close $said or die "$program failed:\n$text";
    return $text;
}

# Starts it, under a command if one is given, and waits until it takes sessions; returns after how many seconds.
sub start {
    my ($self, @under) = @_;
    my $begin = time;
    $self->{pid} = fork // die "fork: $!\n";
    if (!$self->{pid}) {
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', "$self->{dir}/log";
        open STDERR, '>>', "$self->{dir}/log";
        chdir '/';
        setpgrp;    # Ctrl-C is for the test, which then stops it
        exec @{ $self->{as} // [] }, @under, "$self->{bin}/postgres", '-D', $self->{data};
        CORE::exit(1);
    }
    for (;;) {
        return time - $begin if system('pg_isready', '-q') == 0;
        die "the server did not start:\n" . $self->log if waitpid($self->{pid}, 1) == $self->{pid};    # 1: WNOHANG
        die "the server did not start in ten minutes\n" if time - $begin > 600;
        sleep 0.02;
    }
}

# The process ids of the server and all that it has forked.
sub processes {
    my ($self) = @_;
    my @pids = ($self->{pid});
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $stat, '<', $file or next;    # it has just ended
        my ($pid, $parent) = (<$stat> // '') =~ /^(\d+) \(.*\) \S (\d+)/ or next;
        push @pids, $pid if $parent == $self->{pid};
    }
    return @pids;
}

# SIGKILL for the server and everything that it has forked; waits until nothing is left of them.
sub kill {
    my ($self) = @_;
    my @pids = $self->processes;
    CORE::kill 'KILL', @pids;
    waitpid delete $self->{pid}, 0;
    for my $pid (@pids) {
        sleep 0.005 while state_of($pid) =~ /^[^Z]/;    # a zombie may wait for its new parent for ever
    }
    return;
}

sub state_of {
    my ($pid) = @_;
    open my $stat, '<', "/proc/$pid/stat" or return '';
    return (<$stat> // '') =~ /^\d+ \(.*\) (\S)/ ? $1 : '';
}

sub stop {
    my ($self, $mode) = @_;
    $self->run('pg_ctl', 'stop', '-D', $self->{data}, '-m', $mode, '-w', '-t', '600');
    waitpid delete $self->{pid}, 0;
    return;
}

sub log {
    my ($self) = @_;
    open my $log, '<', "$self->{dir}/log" or return '';
    local $/;
    return scalar <$log>;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{pid};
    local ($?, $!, $@);
    eval { $self->stop('immediate'); 1 } or eval { $self->kill };
    return;
}

1;
