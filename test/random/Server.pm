# The server: scripts run by psql, connected as the environment says (PGHOST, PGPORT, PGUSER, PGDATABASE), and queries
# read back as rows of text.
package Server;

use strict;
use warnings;
use File::Temp ();
use FindBin;

# Runs a script, stopping at the first error; dies with what psql said.
sub run {
    my ($sql) = @_;
    my $file = File::Temp->new(SUFFIX => '.sql');
    print $file $sql;
    close $file;
    local $ENV{PGOPTIONS} = join ' ', grep { defined } $ENV{PGOPTIONS}, '-c client_min_messages=warning';
    local $ENV{PGCLIENTENCODING} = 'UTF8';
    open my $psql, '-|', "psql -X -q -A -t -v ON_ERROR_STOP=1 -f '$file' 2>&1" or die "psql: $!\n";
    local $/;
    my $said = <$psql>;
    close $psql or die "psql failed:\n" . substr($said, 0, 4000) . "\n";
    return $said;
}

# A file of SQL in which @ stands for a schema.
sub in_schema {
    my ($file, $schema) = @_;
    open my $in, '<', "$FindBin::Bin/../$file" or die "$file: $!\n";
    local $/;
    return <$in> =~ s/@(?=\.)/$schema/gr;
}

# A query's rows, as arrays of text; null is undef.
sub rows {
    my ($query) = @_;
    return map {
        [ map { $_ eq '\N' ? undef : unescape($_) } split /\t/, $_, -1 ]
    } split /\n/, run("COPY ($query) TO STDOUT;\n");
}

my %ESCAPED = (b => "\b", f => "\f", n => "\n", r => "\r", t => "\t", v => "\x0b");
sub unescape { my ($text) = @_; $text =~ s/\\(.)/exists $ESCAPED{$1} ? $ESCAPED{$1} : $1/ges; return $text }

sub value { my ($row) = rows(@_); return $row->[0] }

# Microseconds since the epoch, of an expression; and of an array of times, as text with commas.
sub micros { my ($time) = @_; return "(extract(epoch FROM $time) * 1000000)::bigint" }

sub micros_of_array {
    my ($times) = @_;
    return "(SELECT string_agg(" . micros('t')
        . "::text, ',' ORDER BY o) FROM unnest($times) WITH ORDINALITY u (t, o))";
}

1;
