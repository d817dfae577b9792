# Servers of a test's own, beside the one that the suite runs on: on a private socket, in a temporary directory, and
# gone with the test, also when it fails. PostgreSQL refuses to run as root, so root has them run as postgres.
package Cluster;

use strict;
use warnings;
use File::Temp ();

my @running;    # what END must stop

# (bin => the release's directory of commands; else that of the release under test)
sub new {
    my ($class, %how) = @_;
    my $self = bless { bin => $how{bin} // bindir(), port => 5432, user => 'postgres' }, $class;
    $self->{home} = File::Temp->newdir('contact_status_XXXXXX', TMPDIR => 1);
    $self->{data} = "$self->{home}/data";
    $self->{log}  = "$self->{home}/log";
    chown((getpwnam 'postgres')[2, 3], "$self->{home}") or die "$self->{home}: $!\n" if $> == 0;
    return $self;
}

sub bindir { ($ENV{PG_CONFIG} || 'pg_config') =~ m{^(.*)/[^/]+$} ? $1 : die "PG_CONFIG is not a path\n" }

# Runs a command that must not fail, as who may run servers, in the server's directory; returns what it says.
sub run {
    my ($self, @command) = @_;
    unshift @command, qw(setpriv --reuid=postgres --regid=postgres --clear-groups --) if $> == 0;
    my @there = ('sh', '-c', 'cd "$0" && exec "$@" 2>&1 </dev/null', "$self->{home}", @command);
    open my $said, '-|', @there or die "$command[0]: $!\n";
    my $output = do { local $/; <$said> } // '';
    close $said or die "@command\n$output", $self->log;
    return $output;
}

# The cluster is made anew, for the user postgres, without a password: nobody else gets at its socket.
sub init {
    my ($self, @options) = @_;
    $self->run("$self->{bin}/initdb", '-D', $self->{data},
        qw(-U postgres -A trust -E UTF8 --locale C.UTF-8 --no-sync), @options);
    return $self;
}

# The cluster is a copy of the server that a connection string names, and follows it; so its user is that one's.
sub copy {
    my ($self, $conninfo, @options) = @_;
    ($self->{user}) = $conninfo =~ /\buser=(\S+)/;
    $self->run("$self->{bin}/pg_basebackup", '-D', $self->{data}, '-d', $conninfo,
        qw(-R -X stream -c fast --no-sync), @options);
    return $self;
}

# Settings stand in a file of ours alone: a copy brings none where Debian keeps them elsewhere.
sub start {
    my ($self, @settings) = @_;
    open my $conf, '>', "$self->{home}/settings" or die "$self->{home}: $!\n";
    print $conf map { "$_\n" } "listen_addresses = ''", "unix_socket_directories = '$self->{home}'",
        "port = $self->{port}", 'fsync = off', 'max_prepared_transactions = 10', "timezone = 'UTC'", 'shared_buffers = 16MB', @settings;
    close $conf;
    $self->run('cp', "$self->{home}/settings", "$self->{data}/postgresql.conf");
    for my $file (qw(pg_hba.conf pg_ident.conf)) {
        $self->run('sh', '-c', 'test -e "$1" || echo "$2" >"$1"', 'sh', "$self->{data}/$file",
            $file eq 'pg_hba.conf' ? 'local all all trust' : '');
    }
    push @running, $self;
    $self->run("$self->{bin}/pg_ctl", qw(-w -s -t 60 -D), $self->{data}, '-l', $self->{log}, 'start');
    return $self;
}

sub stop {
    my ($self, $mode) = @_;
    @running = grep { $_ != $self } @running;
    $self->run("$self->{bin}/pg_ctl", qw(-w -s -D), $self->{data}, '-m', $mode // 'fast', 'stop');
    return $self;
}

sub promote {
    my ($self) = @_;
    $self->run("$self->{bin}/pg_ctl", qw(-w -s -D), $self->{data}, 'promote');
    return $self;
}

# How to reach a database of it.
sub at {
    my ($self, $database) = @_;
    return "host=$self->{home} port=$self->{port} user=$self->{user} dbname=" . ($database // 'postgres');
}

sub log {
    my ($self) = @_;
    open my $log, '<', $self->{log} or return '';
    my @lines = <$log>;
    return join '', @lines > 20 ? @lines[-20 .. -1] : @lines;
}

$SIG{$_} //= sub { exit 1 } for qw(HUP INT TERM);
END {
    my $status = $?;
    eval { $_->stop('immediate') } for @running;
    $? = $status;
}

1;
