# A session of psql, to which statements are given one by one; what became of each is told.
package Session;

use strict;
use warnings;
use IO::Handle ();
use IPC::Open3 qw(open3);
use Symbol qw(gensym);

sub new {
    my ($class) = @_;
    my $self = bless { said => gensym }, $class;
    open my $nowhere, '>', '/dev/null' or die "/dev/null: $!\n";
    $self->{pid} = open3($self->{in}, '>&' . fileno $nowhere, $self->{said},
        qw(psql -X -q -A -t -v VERBOSITY=sqlstate -v ON_ERROR_STOP=0));
    $self->{in}->autoflush(1);
    return $self;
}

# (statement, variable to return) -> SQLSTATE, its message or the variable's value. They come on psql's standard error,
# which is not buffered.
sub do {
    my ($self, $sql, $variable) = @_;
    my $how = defined $variable ? '\gset' : ';';
    print { $self->{in} } "$sql$how\n\\warn @@ :SQLSTATE :" . ($variable // 'LAST_ERROR_MESSAGE') . "\n";
    while (my $line = readline $self->{said}) {
        return ($1, $2) if $line =~ /^@@ (\S+) ?(.*)/;
    }
    die "the server or psql is gone\n";
}

# A line for psql itself.
sub meta {
    my ($self, $line) = @_;
    print { $self->{in} } "$line\n";
    return;
}

# What must not fail.
sub must {
    my ($self, @statements) = @_;
    for my $sql (@statements) {
        my ($state, $said) = $self->do($sql);
        die "$state $said: $sql\n" if $state ne '00000';
    }
    return;
}

# The value of a query on one line that must not fail.
sub value {
    my ($self, $sql) = @_;
    my ($state, $value) = $self->do("SELECT coalesce(($sql)::text, '') AS value", 'value');
    die "$state: $sql\n" if $state ne '00000';
    return $value;
}

# What verify finds in installation crm; nothing where it is sound.
sub verified {
    my ($self) = @_;
    return $self->value(q{SELECT string_agg(v::text, ' ') FROM contact_status.verify('crm') AS v});
}

# What is the same as long as nothing changes in installation crm.
sub digest {
    my ($self) = @_;
    return $self->value(q{SELECT concat_ws(' ', (SELECT count(*) FROM crm.event),
        (SELECT sum(hashtextextended(c::text, 0)) FROM crm.contact c),
        (SELECT sum(hashtextextended(s::text, 0)) FROM crm.subscription s),
        (SELECT string_agg(n::text, ' ' ORDER BY n::text) FROM crm.account_status_count n))} =~ s/\s+/ /gr);
}

sub close {
    my ($self) = @_;
    close $self->{in};
    waitpid $self->{pid}, 0;
    return;
}

1;
