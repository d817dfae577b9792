#!/usr/bin/perl
# The scripts that install and update, and how the extension comes and goes: it is not dropped while tables use it,
# CASCADE says what goes, and dropped and created again in one session it works, whatever the session kept of the old
# one.
use strict;
use warnings;
use File::Temp ();
use Test::More;

my $database = $ENV{PGDATABASE};

# What psql says to a script, errors and notices included; it goes on after an error.
sub said {
    my ($sql) = @_;
    my $file = File::Temp->new(SUFFIX => '.sql');
    print $file $sql;
    close $file;
    return scalar `psql -X -q -A -t -v VERBOSITY=default -d $database -f $file 2>&1`;
}

# ---- the scripts ----

chomp(my $share = `$ENV{PG_CONFIG} --sharedir`);
my @scripts = glob "$share/extension/contact_status--*.sql";
my $created = qr/(?:FUNCTION|PROCEDURE|TYPE|AGGREGATE) _?contact_status\.\w+|SCHEMA _?contact_status$/;
my $schemas = qr/^COMMENT ON SCHEMA _?contact_status IS|^GRANT USAGE ON SCHEMA _?contact_status TO PUBLIC$/;
my $fresh   = qr/^(?:CREATE|COMMENT ON) $created|$schemas/;
# an update changes members as well, and no others: the server refuses to replace a function that is none
my $update = qr/$fresh|^CREATE OR REPLACE (?:FUNCTION|PROCEDURE) _?contact_status\.\w+|^(?:ALTER|DROP) $created/;

for my $file (@scripts) {
    my ($name) = $file =~ m{([^/]+)$};
    my $is_update = $name =~ /--.*--/;
    my $script = do { local ($/, @ARGV) = (undef, $file); <> };
    my $command = $is_update ? 'ALTER EXTENSION contact_status UPDATE' : 'CREATE EXTENSION contact_status';
    like(substr($script, 0, 200), qr/^\\echo Use "$command" to load this file\. \\quit\n/,
        "$name is not for psql");
    ok($script !~ /\bOR\s+REPLACE\b/i, '... it replaces nothing') if !$is_update;
    ok($script !~ /CREATE\s+(?:\w+\s+){1,4}IF\s+NOT\s+EXISTS/i, '... takes over nothing that is there');
    ok($script !~ /\@extschema/i, '... and puts no name in place of another');
    # $$ bodies are of functions that set their search_path; what is outside of them is executed as it stands
    (my $outside = $script) =~ s/\$(\w*)\$.*?\$\1\$//gs;
    $outside =~ s/^\s*(?:--|\\echo).*//mg;
    $outside =~ s/'(?:[^']|'')*'//g;
    $outside =~ s/--.*//g;
    $outside =~ s/BEGIN ATOMIC.*?^END;/;/gms;
    cmp_ok(scalar(() = $outside =~ /;/g), '>', 100, '... it has statements') if !$is_update;
    is_deeply([grep { $_ !~ ($is_update ? $update : $fresh) || /\bIF (?:NOT )?EXISTS\b/ } map { s/^\s+|\s+$//gr }
            grep { /\S/ } split /;/, $outside],
        [], '... each statement names one member, by its qualified name');
}
cmp_ok(scalar(grep { !/--.*--/ } @scripts), '>', 0, 'a script that installs is installed');

# ---- dropping ----

my $create = <<'SQL';
SET client_min_messages = warning;
CREATE EXTENSION contact_status;
SELECT contact_status.create_tables('crm', 'ecomail') \g /dev/null
INSERT INTO crm.contact (contact_id, email) VALUES (1, 'a@example.org'), (2, 'b@example.org'), (3, 'c@example.org');
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1, 1, 'added', '2026-01-01'),
    (2, 1, 'signed_up', '2026-01-01'), (1, NULL, 'complained', '2026-01-02'), (3, 1, 'added', '2026-01-01');
CREATE SCHEMA app;
CREATE TABLE app.customer (id bigint, status contact_status.contact_status DEFAULT 'active');
INSERT INTO app.customer VALUES (1);
CREATE TABLE app.outbox (contact_id bigint);
CREATE TRIGGER mailable BEFORE INSERT ON app.outbox FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id');
CREATE VIEW app.report AS SELECT contact_status.report_category(status) FROM app.customer;
CREATE TABLE app.unconcerned (x int);
SET client_min_messages = notice;
SQL
my $what = <<'SQL';
SELECT pg_identify_object(classid, objid, objsubid)::text
  FROM (SELECT 'pg_class'::regclass AS classid, oid AS objid, 0 AS objsubid FROM pg_class
      WHERE relnamespace IN ('crm'::regnamespace, 'app'::regnamespace) AND relkind IN ('r', 'v')
        UNION ALL SELECT 'pg_trigger'::regclass, t.oid, 0 FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE relnamespace IN ('crm'::regnamespace, 'app'::regnamespace)
        UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
         WHERE relnamespace IN ('crm'::regnamespace, 'app'::regnamespace) AND relkind = 'r' AND attnum > 0
             AND NOT attisdropped) o
 ORDER BY 1;
SQL
my $refused = said("${create}DROP EXTENSION contact_status;");
like($refused, qr/ERROR:  cannot drop extension contact_status because other objects depend on it\n/,
    'DROP EXTENSION refuses while tables use it');
like($refused, qr/DETAIL:  .*column status of table crm\.contact depends on type contact_status\.contact_status/s,
    'it names the columns that hold statuses');
like($refused, qr/\Q$_\E depends on/, "and $_")
    for 'column kind of table crm.event', 'column status of table app.customer', 'trigger mailable on table app.outbox',
    'view app.report', 'table crm.policy';
like($refused, qr/HINT:  Use DROP \.\.\. CASCADE/, 'with a hint');
like(said('SELECT status FROM crm.contact WHERE contact_id = 1'), qr/^complained$/, 'and nothing is gone');

my $cascade = said("SET client_min_messages = notice; BEGIN;
\\echo == before
$what
\\echo == drop
DROP EXTENSION contact_status CASCADE;
\\echo == after
$what
\\echo == rows
    SELECT count(*) FROM crm.contact; SELECT count(*) FROM crm.event;
    SELECT contact_id, complained_at IS NOT NULL FROM crm.contact ORDER BY 1;
    INSERT INTO app.unconcerned VALUES (1); INSERT INTO app.customer VALUES (2);
    SELECT count(*) FROM app.customer;\n\\echo == end\nROLLBACK;");
my %part = $cascade =~ /^== (\w+)\n(.*?)(?=^== )/msg;
my %after = map { $_ => 1 } split /\n/, $part{after};
my @gone = grep { !$after{$_} } split /\n/, $part{before};
cmp_ok(scalar(@gone), '>', 20, 'CASCADE takes the triggers, the views and the columns of our types');
# each that is gone is named, or its table is; the notice names a hundred and tells how many more there are
my @unnamed;
for (@gone) {
    my ($type, $identity) = /^\("?([^",]+)"?,.*?,"?([^,()]+?)"?\)$/;
    my ($name, $of) = $identity =~ /^(.*) on (.*)$/ ? ($1, $2) : $type eq 'table column'
        ? $identity =~ /^(.*)\.([^.]+)$/ && ($2, $1) : ($identity, '');
    my $said = $type =~ /column/ ? "column $name of table $of" : $of ? "trigger $name on table $of" : "$type $name";
    push @unnamed, $said if $part{drop} !~ /\b\Q$said\E$/m && !($of && $part{drop} =~ /table \Q$of\E$/m);
}
my ($more) = $part{drop} =~ /and (\d+) other objects/;
like($part{drop}, qr/NOTICE:  drop cascades to \d+ other objects\nDETAIL:  drop cascades to /,
    'CASCADE says that other objects go');
cmp_ok(scalar(@unnamed), '<=', $more // 0, 'and names each of them') or diag(join "\n", @unnamed);
is($part{rows}, "3\n4\n1|t\n2|f\n3|f\n2\n", 'rows stay, and the times of opt-outs and complaints with them');

# ---- again, in one session ----

# What the server itself refuses is not tried: a prepared statement whose result has the old type, a variable of it in
# PL/pgSQL.

my $use = <<'SQL';
SELECT contact_status.label(status, 'ecomail'), contact_status.is_mailable(status),
    contact_status.from_label('opt-out', 'salesmanago') FROM crm.contact ORDER BY contact_id;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (2, 1, 'confirmed', '2026-01-03');
EXECUTE insert_event (2, '2026-01-04');
EXECUTE read_status;
SELECT app.best();
SELECT contact_status.sweep('crm'), contact_status.reevaluate('crm'), contact_status.repair('crm');
SELECT count(*) FROM contact_status.verify('crm');
SELECT * FROM crm.mailable;
SELECT contact_status.status_of('ecomail', kind, occurred_at, list_id, campaign_id, event_key ORDER BY occurred_at,
    kind) FROM crm.event WHERE contact_id = 1;
SELECT count(*) FROM contact_status.transitions('ecomail');
INSERT INTO app.outbox VALUES (3);
UPDATE app.customer SET status = 'unsubscribed';
SELECT status FROM crm.account_status_count ORDER BY 1;
SQL
my $keep = <<'SQL';
CREATE OR REPLACE FUNCTION app.best() RETURNS text
    LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT min(status)::text FROM crm.contact); END';
PREPARE insert_event AS INSERT INTO crm.event (contact_id, kind, occurred_at) VALUES ($1, 'unsubscribed', $2);
PREPARE read_status AS SELECT contact_id, status::text FROM crm.contact ORDER BY 1;
SQL
my $drop = "SET client_min_messages = warning; DROP EXTENSION contact_status CASCADE; DROP SCHEMA crm CASCADE;
    DROP TABLE app.customer, app.outbox, app.unconcerned;\n";
my $again = $create =~ s/^CREATE SCHEMA app;\n//mr;
my $twice = said(join "\n", "SET client_min_messages = warning;$drop$again$keep",
    '\echo == first', $use, '\echo == drop', "$drop$again",
    '\echo == second', $use, '\echo == drop', "BEGIN; $drop$again ROLLBACK;", "$drop$again",
    '\echo == third', $use, '\echo == end', '');
%part = $twice =~ /^== (\w+)\n(.*?)(?=^== )/msg;
like($part{first}, qr/^spam stížnosti\|f\|unsubscribed$/m, 'a session uses the extension');
unlike($twice, qr/ERROR/, 'no error') or diag($twice);
is($part{second}, $part{first}, 'dropped and created again, the same session gets the same');
is($part{third}, $part{first}, 'and after one that was rolled back');
done_testing;
