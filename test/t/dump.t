#!/usr/bin/perl
# A dump and its restore: in each format, into an empty database, by an owner who is no superuser; data alone as the
# server allows it. What is restored equals what was dumped, and no trigger fired twice.
use strict;
use warnings;
use File::Temp ();
use Test::More;

my $database = $ENV{PGDATABASE};
my $copy     = "${database}_copy";
my $owner    = 'contact_status_test_owner';
my $dir      = File::Temp->newdir;

sub run { my $said = `@_ 2>&1`; is($?, 0, "@_[0 .. 0]") or diag("@_\n$said"); return $said }

sub psql {
    my ($in, $sql) = @_;
    my $file = File::Temp->new(SUFFIX => '.sql');
    print $file $sql;
    close $file;
    my $said = `psql -X -q -A -t -v ON_ERROR_STOP=1 -d $in -f $file 2>&1`;
    die "$sql\n$said" if $?;
    return $said;
}

my $state = <<'SQL';
SELECT * FROM crm.contact ORDER BY contact_id;
SELECT * FROM crm.subscription ORDER BY contact_id, list_id;
SELECT * FROM crm.account_status_count ORDER BY status;
SELECT * FROM crm.list_status_count ORDER BY list_id, status;
SELECT * FROM crm.suppression ORDER BY address_digest, kind;
SELECT count(*) FROM crm.event;
SELECT * FROM crm.consent_setting ORDER BY account_id, list_id, since;
SQL

psql('postgres', "DROP DATABASE IF EXISTS $copy; DROP ROLE IF EXISTS $owner; CREATE ROLE $owner LOGIN PASSWORD 'x';
    GRANT CREATE ON DATABASE $database TO $owner;");
psql($database, "SET ROLE $owner; CREATE EXTENSION contact_status; SELECT contact_status.create_tables('crm', 'ecomail');" . <<'SQL');
INSERT INTO crm.list (name, double_opt_in) VALUES ('two', true);
INSERT INTO crm.contact (email) SELECT format('c%s@example.org', i) FROM generate_series(1, 200) i;
INSERT INTO crm.event (contact_id, list_id, kind, occurred_at)
SELECT c, l, 'added', timestamptz '2026-01-01' FROM generate_series(1, 200) c, generate_series(1, 2) l;
INSERT INTO crm.event (contact_id, list_id, campaign_id, kind, occurred_at)
SELECT i % 200 + 1, CASE WHEN k = 'unsubscribed' THEN i % 2 + 1 END, i / 50, k::contact_status.event_kind, timestamptz '2026-01-02' + i * interval '1 minute'
  FROM generate_series(1, 2000) i, LATERAL (SELECT (ARRAY['delivered','opened','soft_bounced','sent','unsubscribed','complained'])
       [CASE WHEN i % 97 = 0 THEN 6 WHEN i % 31 = 0 THEN 5 ELSE i % 4 + 1 END] AS k) x;
DELETE FROM crm.contact WHERE contact_id % 7 = 0;
SELECT * FROM contact_status.retract_events('crm', 'a test', kinds => '{complained}', before => '2026-01-02 12:00');
SQL
my $before = psql($database, $state);
ok(length $before > 1000, 'there is something to dump');

for my $format (qw(plain custom tar directory)) {
    my $file = "$dir/$format";
    run("pg_dump -F $format -f $file $database");
    psql('postgres', "DROP DATABASE IF EXISTS $copy; CREATE DATABASE $copy TEMPLATE template0;");
    $format eq 'plain' ? run("psql -X -q -v ON_ERROR_STOP=1 -d $copy -f $file")
        : run('pg_restore', ($format eq 'directory' ? '-j 2' : ()), "--exit-on-error -d $copy $file");
    is(psql($copy, $state), $before, "$format: what is restored equals what was dumped");
    is(psql($copy, q{SELECT * FROM contact_status.verify('crm')}), '', "$format: verify finds nothing");
    psql($copy, q{INSERT INTO crm.event (contact_id, kind) VALUES (1, 'complained')});
    is(psql($copy, q{SELECT status FROM crm.contact WHERE contact_id = 1}), "complained\n", "$format: the triggers are there");
}

# data alone, into tables that are made already
run("pg_dump -F custom --schema-only -f $dir/schema $database");
run("pg_dump -F custom --data-only -n crm -f $dir/data $database");
psql('postgres', "DROP DATABASE IF EXISTS $copy; CREATE DATABASE $copy TEMPLATE template0;");
run("pg_restore --exit-on-error -d $copy $dir/schema");
`pg_restore --exit-on-error -d $copy $dir/data 2>&1`;
isnt($?, 0, 'data alone meets the guards');
psql('postgres', "DROP DATABASE IF EXISTS $copy; CREATE DATABASE $copy TEMPLATE template0;");
run("pg_restore --exit-on-error -d $copy $dir/schema");
run("pg_restore --exit-on-error --disable-triggers -d $copy $dir/data");
is(psql($copy, $state), $before, 'data alone, with --disable-triggers: what is restored equals what was dumped');
is(psql($copy, q{SELECT * FROM contact_status.verify('crm')}), '', 'and verify finds nothing');

psql('postgres', "DROP DATABASE $copy");
done_testing;
