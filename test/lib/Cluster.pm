# PostgreSQL clusters of a test's own, beside the server that the suite runs on: on a private socket in a temporary
# directory, durable unless told otherwise, to be crashed and started again. Gone with the object, also when the test
# fails.
#
#   my $cluster = Cluster->new(max_wal_size => '64MB', ...)->init->as_default->start;
#   $cluster->stop('immediate'); $cluster->start; $cluster->kill;
#
# PostgreSQL refuses to run as root, so root has it run as postgres, as packages make it.
package Cluster;

use strict;
use warnings;
use Cwd ();
use File::Basename qw(dirname);
use File::Temp ();
use Time::HiRes qw(time sleep);

my %DEFAULTS = (
    port => 5432, listen_addresses => '', max_prepared_transactions => 10, timezone => 'UTC', shared_buffers => '64MB',
    lc_messages => 'C',
);

# For an interrupted test too: it exits, and so the object goes.
$SIG{$_} //= sub { exit 1 } for qw(HUP INT TERM);

# (setting => value, ...); bin => the release's directory of programs, else that of the release under test.
sub new {
    my ($class, %settings) = @_;
    my $bin = delete $settings{bin} // bindir();
    my $home = File::Temp->newdir('contact_status_XXXXXX', TMPDIR => 1);
    chown((getpwnam 'postgres')[ 2, 3 ], "$home") or die "$home: $!\n" if $> == 0;

    # The data directory has no such files where it is a copy, and Debian keeps the original's elsewhere.
    %settings = (%DEFAULTS, unix_socket_directories => $home, hba_file => "$home/hba", ident_file => "$home/ident",
        %settings);
    write_file("$home/settings", map { "$_ = '$settings{$_}'\n" } sort keys %settings);
    write_file("$home/hba", "local all all trust\nlocal replication all trust\n");
    write_file("$home/ident");
    return bless { owner => $$, bin => $bin, home => $home, data => "$home/data", port => $settings{port},
        user => 'postgres' }, $class;
}

sub write_file {
    my ($name, @lines) = @_;
    open my $file, '>', $name or die "$name: $!\n";
    print $file @lines;
    close $file or die "$name: $!\n";
    return;
}

sub bindir {
    my $pg_config = $ENV{PG_CONFIG} || do { my $found = Cwd::abs_path(dirname(__FILE__) . '/../../script/pg_config');
        `"$found"` };
    chomp $pg_config;
    chomp(my $bindir = `"$pg_config" --bindir`);
    return $bindir;
}

# Who may run a server.
sub as { return $> == 0 ? qw(setpriv --reuid=postgres --regid=postgres --clear-groups --) : () }

# Runs a program that must not fail, as who may run servers, in the cluster's directory; returns what it says.
sub run {
    my ($self, @command) = @_;
    local $ENV{PATH} = "$self->{bin}:$ENV{PATH}";
    open my $said, '-|', 'sh', '-c', 'cd "$0" && exec "$@" 2>&1 </dev/null', "$self->{home}", as(), @command
        or die "$command[0]: $!\n";
    my $text = do { local $/; <$said> } // '';
    close $said or die "@command\n$text";
    return $text;
}

# The cluster is made anew, for the user postgres, without a password: nobody else gets at its socket.
sub init {
    my ($self, @options) = @_;
    $self->run('initdb', '-D', $self->{data}, qw(-U postgres -A trust -E UTF8 --locale C.UTF-8 --no-sync), @options);
    return $self;
}

# The cluster is a copy of the server that a connection string names, and follows it; so its user is that one's.
sub copy {
    my ($self, $conninfo) = @_;
    ($self->{user}) = $conninfo =~ /\buser=(\S+)/;
    $self->run('pg_basebackup', '-D', $self->{data}, '-d', $conninfo, qw(-R -X stream -c fast --no-sync));
    return $self;
}

# How to reach a database of it.
sub at {
    my ($self, $database) = @_;
    return "host=$self->{home} port=$self->{port} user=$self->{user} dbname=" . ($database // 'postgres');
}

# Sessions that begin from now on (Session.pm, psql) are sessions of it.
sub as_default {
    my ($self) = @_;
    delete @ENV{qw(PGHOSTADDR PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE PGOPTIONS PGCLUSTER)};
    @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE PATH)} = ("$self->{home}", $self->{port}, $self->{user}, 'postgres',
        "$self->{bin}:$ENV{PATH}");
    return $self;
}

# Starts it, under a command if one is given, and waits until it takes sessions.
sub start {
    my ($self, @under) = @_;
    my $begin = time;
    $self->{pid} = fork // die "fork: $!\n";
    if (!$self->{pid}) {
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', "$self->{home}/log";
        open STDERR, '>>', "$self->{home}/log";
        chdir '/';
        setpgrp;    # Ctrl-C is for the test, which then stops it
        exec as(), @under, "$self->{bin}/postgres", '-D', $self->{data}, '-c', "config_file=$self->{home}/settings";
        CORE::exit(1);
    }
    while (system("$self->{bin}/pg_isready", '-q', '-d', $self->at) != 0) {
        if (waitpid($self->{pid}, 1) == $self->{pid}) {    # 1: WNOHANG
            delete $self->{pid};
            die "the server did not start:\n" . $self->log;
        }
        die "the server did not start in ten minutes\n" if time - $begin > 600;
        sleep 0.02;
    }
    return $self;
}

sub promote {
    my ($self) = @_;
    $self->run('pg_ctl', qw(promote -w -s -D), $self->{data});
    return $self;
}

sub stop {
    my ($self, $mode) = @_;
    $self->run('pg_ctl', qw(stop -w -s -t 600 -D), $self->{data}, '-m', $mode // 'fast');
    waitpid delete $self->{pid}, 0;
    return $self;
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
    return $self;
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

sub state_of {
    my ($pid) = @_;
    open my $stat, '<', "/proc/$pid/stat" or return '';
    return (<$stat> // '') =~ /^\d+ \(.*\) (\S)/ ? $1 : '';
}

sub log {
    my ($self) = @_;
    open my $log, '<', "$self->{home}/log" or return '';
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
