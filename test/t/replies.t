#!/usr/bin/perl
# docs/replies.md has each reason, with an example, its kinds and its scope as the functions return them; its examples work;
# and `make classify` compares verdicts with those of a file.
use strict;
use warnings;
use File::Temp ();
use Restore qw(psql);
use Test::More;

my $text = do { local (@ARGV, $/) = 'docs/replies.md'; <> };
sub value { return psql($ENV{PGDATABASE}, $_[0]) =~ s/\s+\z//r }
psql($ENV{PGDATABASE}, 'CREATE EXTENSION contact_status; SELECT contact_status.create_tables($$crm$$); '
        . 'INSERT INTO crm.contact (contact_id, email) VALUES (1, $$ann@example.org$$)');

my %documented;
for my $row ($text =~ /^\| (`\w+` \| `.*) \|$/mg) {
    my ($reason, $example, $kind, $temporary, $scope, $source) = map { s/^`|`$//gr } split / \| /, $row;
    next if !defined $source;
    $documented{$reason} = $kind;
    my $got = value(qq{SELECT concat_ws(' ', reason, coalesce(kind::text, 'none'), scope) FROM contact_status.classify_reply(\$\$$example\$\$)});
    like($got, qr/^$reason (?:$kind|$temporary) $scope$/, "$reason: $example");
}
is(join(' ', sort keys %documented), join(' ', split /\n/, value('SELECT DISTINCT reason FROM contact_status.reply_rules() ORDER BY 1')),
    'the document has each reason, and no others');
is_deeply([ grep { $documented{$_} ne value("SELECT DISTINCT coalesce(kind::text, 'none') FROM contact_status.reply_rules() WHERE reason = '$_'") }
        sort keys %documented ], [], 'with its kind');

my @blocks = $text =~ /^```sql\n(.*?)^```$/msg;
my ($shown) = $text =~ /^```\n(.*?)^```$/ms;
my $file = File::Temp->new(SUFFIX => '.sql');
print $file '\pset footer off', "\n", @blocks;
close $file;
my $printed = `psql -X -q -v ON_ERROR_STOP=1 -f $file 2>&1`;
is($?, 0, 'the examples run') or diag($printed);
my $plain = sub { join "\n", grep { /\S/ && !/^[-+]+$/ } map { s/\s+$//r =~ s/ +/ /gr } split /\n/, shift };
like($plain->($printed), qr/\Q${\ $plain->($shown)}\E/, 'the first one shows what the document says');

# databases of other encodings; text that has no form in UTF-8
for my $encoding (qw(LATIN1 EUC_JP SQL_ASCII)) {
    my $other = "replies_\L$encoding";
    psql($ENV{PGDATABASE}, "CREATE DATABASE $other TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
    psql($other, 'CREATE EXTENSION contact_status');
    my $convert = $encoding eq 'LATIN1' ? q{convert_from('\x456d7066e46e67657220756e62656b616e6e74', 'LATIN1')}
        : $encoding eq 'EUC_JP' ? q{convert_from('\xe4bd8fe68980e5ae9be58588e4b88de6988e', 'UTF8')} : q{E'Empf\\344nger unbekannt'};
    is(psql($other, "SELECT contact_status.bounce_kind($convert)") =~ s/\s+\z//r, 'nonexistent', "a reply in $encoding");
    psql($ENV{PGDATABASE}, "DROP DATABASE $other");
}

my $rows = File::Temp->new(SUFFIX => '.tsv');
print $rows join("\t", @$_), "\n" for
    [qw(reply_text expected_class decidable em_status accept)],
    [ '550 5.1.1 user unknown',  'hard', 'yes', 'nonexistent', 'nonexistent' ],
    [ '552 5.2.2 mailbox full',  'soft', 'yes', 'temporary',   'temporary|problem' ],
    [ '550 5.7.1 blocked',       'soft', 'ctx', 'temporary',   'problem' ],
    [ '554 5.1.1 no such user',  'soft', 'yes', 'problem',     'problem' ],
    [ '250 2.0.0 Ok',            'hard', 'yes', 'nonexistent', 'nonexistent' ];
close $rows;
my $said = `make -s --no-print-directory PG_CONFIG=$ENV{PG_CONFIG} classify FILE=$rows 2>&1`;
like($said, qr/^5 replies, 4 decidable/m, 'make classify counts replies');
like($said, qr/^dead or not: accuracy 0\.500, precision 0\.500, recall 0\.500$/m, '... measures dead addresses on decidable rows');
like($said, qr/^status: exact 0\.400, acceptable 0\.600$/m, '... and statuses');
like($said, qr/^5\tsoft\tproblem\tnonexistent \(unknown_user, rule no_such_user\)\t554 5\.1\.1 no such user$/m, '... and shows rows that differ');
done_testing;
