#!/usr/bin/perl
# ALTER EXTENSION UPDATE from every version that can be installed: the library serves the old version as it is; updated,
# the extension is the same as one created fresh, upgrade_tables makes the same of tables that exist, no row changes,
# and open sessions go on. All of it by an owner who is no superuser.
use strict;
use warnings;
use Catalogue qw(members tables differences);
use Restore qw(psql sqlstate fill state numbers goes_on);
use File::Temp ();
use Session;
use Test::More;

my ($fresh, $updated, $restored) = map { "$ENV{PGDATABASE}_$_" } qw(fresh updated restored);
my ($owner, $stranger) = map { "contact_status_test_$_" } qw(owner stranger);
my $dir = File::Temp->newdir;

my $superuser = $ENV{PGUSER};
sub as_superuser { local $ENV{PGUSER} = $superuser; return map { psql('postgres', $_) } @_ }
sub drop { as_superuser("DROP DATABASE IF EXISTS $_") for @_; return }
sub clean_up {
    drop($fresh, $updated, $restored);
    as_superuser("DROP ROLE IF EXISTS $owner", "DROP ROLE IF EXISTS $stranger");
    return;
}
END { clean_up() }

sub create {
    my ($database) = @_;
    drop($database);
    as_superuser("CREATE DATABASE $database TEMPLATE template0", "GRANT CREATE ON DATABASE $database TO $owner");
    return;
}

chomp(my $new = psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'contact_status'}));
my @old = split /\n/, psql('postgres', "SELECT version FROM pg_available_extension_versions
    WHERE name = 'contact_status' AND version <> '$new' ORDER BY string_to_array(version, '.')::int[]");
plan skip_all => "no version before $new is released" if !@old;

clean_up();
as_superuser("CREATE ROLE $_ LOGIN PASSWORD '$ENV{PGPASSWORD}'") for $owner, $stranger;
$ENV{PGUSER} = $owner;

my $partitioned = q{SELECT contact_status.create_tables('parted', partition_by => '1 month') \g /dev/null};
create($fresh);
fill($fresh);
psql($fresh, $partitioned);
my ($members, %tables) = (members($fresh), map { $_ => tables($fresh, $_) } qw(crm parted));
# Each of these must be among what is compared.
my %wanted = (
    $members => ['function contact_status.suppress.*: prosrc', 'function contact_status.suppress.*: proconfig',
        'function contact_status.suppress.*: proacl', 'function contact_status.suppress.*: comment',
        'function contact_status.suppress.*: depends on extension', 'function contact_status.fold\(.*: aggfinalfn',
        'function contact_status.fold\(.*: proparallel',
        'type contact_status.event_kind label signed_up: enumsortorder',
        'composite type contact_status.policy column name: attnum', 'event trigger contact_status_guard_end: evttags',
        'schema contact_status: nspacl', 'schema contact_status: initial privileges'],
    $tables{parted} => ['table parted.contact: reloptions', 'table parted.contact: relreplident',
        'table parted.contact: relacl',
        'table parted.contact: comment', 'table parted.event column kind: atttypid',
        'index parted.event_key: definition',
        'view parted.mailable: definition', 'constraint contact_pkey on table parted.contact: definition',
        'table parted.event_p\d+: definition', 'trigger contact_status_apply on table parted.event_p\d+: definition',
        'default value for column account_id of table parted.contact: definition',
        'column status of table parted.contact: comment'],
);
for my $compared ($members, $tables{parted}) {
    is_deeply([grep { my $pattern = $_; !grep { /^$pattern/ } keys %$compared } @{ $wanted{$compared} }], [],
        'properties of each kind are compared');
}

# What is described in two databases is the same; differences are named.
sub same {
    my ($both, $what) = @_;
    my @differences = differences(@$both);
    ok(!@differences, $what) or diag(join "\n", map { length > 300 ? substr($_, 0, 300) . ' ...' : $_ } @differences);
    return;
}

# What the tables say, new columns aside.
sub judged {
    my ($where, $schema) = @_;
    return psql($where, join '', map { "SELECT t.* FROM (SELECT $_) t ORDER BY t::text;\n" }
        "contact_id, email, status, changed_at, due_at FROM $schema.contact",
            "list_id, contact_id, status, consent_at FROM $schema.subscription",
        "list_id, contact_id, email FROM $schema.mailable", "list_id, status, contacts FROM $schema.list_status_count",
        "status, contacts FROM $schema.account_status_count",
        "address_digest, kind, list_id, occurred_at, contact_id FROM $schema.suppression",
        "kind, count(*) FROM $schema.event GROUP BY kind");
}

# What does not work of what applications do, every kind of event first.
sub wrong {
    my ($where, $schema, $round) = @_;
    my $said = psql($where, <<"SQL");
CREATE TEMPORARY TABLE kind AS SELECT k AS kind, row_number() OVER () AS n
    FROM unnest(enum_range(NULL::contact_status.event_kind)) k;
INSERT INTO $schema.contact (email) SELECT '$round' || kind || '\@example.org' FROM kind;
INSERT INTO $schema.event (contact_id, list_id, kind, occurred_at, event_key) SELECT contact_id, 1, 'added',
    now() - interval '2 hours', '$round' FROM $schema.contact WHERE email LIKE '$round%';
INSERT INTO $schema.event (contact_id, list_id, campaign_id, kind, occurred_at, event_key, evidence, until)
SELECT contact_id, 1, 7, kind, now() - interval '1 hour', '$round', 'form',
    CASE WHEN kind = 'suspended' THEN clock_timestamp() + interval '0.1 s' END
  FROM kind JOIN $schema.contact ON email = '$round' || kind || '\@example.org';
SELECT format('an event of each kind: %s', n) FROM (SELECT count(*) AS n FROM $schema.event
    WHERE event_key = '$round') e WHERE n <> 2 * (SELECT count(*) FROM kind);
SELECT pg_sleep(0.1), contact_status.sweep('$schema') \\g /dev/null
SELECT format('%s: %s', email, status) FROM $schema.contact JOIN (VALUES ('clicked', 'active'), ('suspended', 'active'),
    ('complained', 'complained'), ('unsubscribed', 'unsubscribed'), ('deleted', 'deleted')) v (kind, expected)
    ON email = '$round' || kind || '\@example.org' WHERE status::text <> expected;
SELECT contact_status.suppress('$schema', 1, '$round.alone\@example.org', 'complained'), contact_status.suppress_all(
    '$schema', 1, '{${round}clicked\@example.org,$round.list\@example.org}', 'unsubscribed') \\g /dev/null
CREATE TEMPORARY TABLE staging AS VALUES
    ('$round.alone\@example.org'), ('$round.new\@example.org'), ('${round}clicked\@example.org'), ('');
ALTER TABLE staging RENAME column1 TO email;
SELECT format('import: %s', o) FROM (SELECT string_agg(outcome, ' ' ORDER BY row_number) AS o
    FROM contact_status.import_contacts('$schema', 1, 1, 'staging')) i
    WHERE o <> 'suppressed added suppressed invalid_address';
SELECT contact_status.retract_events('$schema', 'a test', kinds => '{complained}',
    event_keys => '{$round}') \\g /dev/null
SELECT format('after a retraction: %s', status) FROM $schema.contact
WHERE email = '${round}complained\@example.org' AND status <> 'active';
SELECT contact_status.undo_retraction('$schema', (SELECT max(retraction_id) FROM $schema.retraction)) \\g /dev/null
SELECT contact_status.set_horizon('$schema', 1, now() - interval '90 minutes') \\g /dev/null
SELECT 'no facts are kept as of the horizon' WHERE NOT EXISTS (SELECT FROM $schema.checkpoint WHERE before
    = (SELECT horizon_kept FROM $schema.account WHERE account_id = 1) AND kept_at > now() - interval '1 minute');
SELECT contact_status.erase_contact('$schema', 1, contact_id) FROM $schema.contact
    WHERE email = '${round}removed\@example.org' \\g /dev/null
DELETE FROM $schema.contact WHERE email = '${round}unsubscribed\@example.org';
UPDATE $schema.contact SET email = '$round.moved\@example.org' WHERE email = '${round}hard_bounced\@example.org';
SELECT format('mailable: %s', email) FROM $schema.mailable
    WHERE email IN ('${round}clicked\@example.org', '$round.alone\@example.org');
SELECT 'nothing explains a status' WHERE NOT EXISTS (SELECT
    FROM contact_status.explain_status('$schema', 1, (SELECT max(contact_id) FROM $schema.contact), 1));
SELECT format('reevaluate: %s', contact_status.reevaluate('$schema')) \\g /dev/null
SELECT format('verify: %s', v) FROM contact_status.verify('$schema') v;
SELECT format('counted: %s', n) FROM $schema.account_status_count n WHERE contacts <> (SELECT count(*)
    FROM $schema.contact c WHERE (c.account_id, c.status) = (n.account_id, n.status));
SELECT format('counted: %s', n) FROM $schema.list_status_count n WHERE contacts <> (SELECT count(*)
    FROM $schema.subscription c WHERE (c.account_id, c.list_id, c.status) = (n.account_id, n.list_id, n.status));
SQL
    my $state = sqlstate($where, "UPDATE $schema.contact SET status = 'active'");
    $said .= "a status is written: '$state'\n" if $state ne '23514';
    return $said;
}

for my $old (@old) {
    # ---- the old version, by this library ----

    create($updated);
    psql($updated, "CREATE EXTENSION contact_status VERSION '$old'");
    fill($updated);
    psql($updated, $partitioned);
    my $version = q{SELECT extversion FROM pg_extension WHERE extname = 'contact_status'};
    is(psql($updated, $version), "$old\n", "$old is installed, every function of it is in the library");
    is(wrong($updated, $_, 'before'), '', "$old, $_: it works") for qw(crm parted);

    # ---- what must be there afterwards as it was ----

    my ($state, $numbers) = (state($updated), numbers($updated));
    system('pg_dump', '-F', 'custom', '-f', "$dir/$old", $updated) == 0 or die "pg_dump failed\n";

    local $ENV{PGDATABASE} = $updated;
    my ($prepared, $begun) = (Session->new, Session->new);
    $prepared->must(
        q{PREPARE event (text) AS INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES
            (1, 1, 'opened', $1)},
        q{PREPARE sweep AS SELECT contact_status.sweep('crm')},
        q{PREPARE suppress (text) AS SELECT contact_status.suppress('crm', 1, $1, 'complained')},
        q{PREPARE mailable AS SELECT count(*) FROM crm.mailable},
    );
    my $round = 0;
    my $goes_on = sub {
        $round++;
        return join ' ', map { my ($state, $said) = $prepared->do($_); $state eq '00000' ? () : "$state $said" }
            "EXECUTE event('$round')", 'EXECUTE sweep', "EXECUTE suppress('$round\@example.com')", 'EXECUTE mailable';
    };
    is(join('', map { $goes_on->() } 1 .. 6), '',
        "$old: a session with prepared statements, whose plans are kept by then");
    ($state, $numbers) = (state($updated), numbers($updated));
    $begun->must('BEGIN ISOLATION LEVEL REPEATABLE READ',
        q{INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES (2, 1, 'opened', 'begun')});

    # ---- the update ----

    {
        local $ENV{PGUSER} = $stranger;
        is(sqlstate($updated, 'ALTER EXTENSION contact_status UPDATE'), '42501', "$old: others cannot update it");
    }
    psql($updated, q{BEGIN; ALTER EXTENSION contact_status UPDATE;
            INSERT INTO crm.event (contact_id, kind) VALUES (3, 'complained'); ROLLBACK});
    is(psql($updated, $version), "$old\n", "$old: an update that is rolled back");
    is_deeply(state($updated), $state, '... leaves nothing behind');
    is($goes_on->(), '', '... and the session goes on');
    $state = state($updated);

    psql($updated, q{SET lock_timeout = '10s'; ALTER EXTENSION contact_status UPDATE});
    is(psql($updated, $version), "$new\n", "$old is updated to $new, while a transaction is open");
    is_deeply(state($updated), $state, '... rows, statuses, counts and suppression are the same');
    same([members($updated), $members], '... its members are those of a fresh one');

    is($goes_on->(), '', '... the session with prepared statements goes on');
    $begun->must(q{INSERT INTO crm.event (contact_id, list_id, kind, event_key) VALUES (2, 1, 'clicked', 'begun')},
        'COMMIT');
    is(psql($updated, q{SELECT count(*) FROM crm.event WHERE event_key = 'begun'}), "2\n",
        '... and so does the transaction');
    is(wrong($updated, $_, 'between'), '', "... it works on tables of $old: $_") for qw(crm parted);

    # ---- the tables ----

    for my $schema (qw(crm parted)) {
        my $said = judged($updated, $schema);
        like(psql($updated, "SELECT contact_status.upgrade_tables('$schema')"), qr/^\d+$/,
            "... tables of $old are upgraded: $schema");
        is(psql($updated, "SELECT contact_status.upgrade_tables('$schema')"), "0\n", '... which is done once');
        is(judged($updated, $schema), $said, '... and changes no status, count or suppression');
        same([tables($updated, $schema), $tables{$schema}], '... they are those of a fresh installation');
        is(wrong($updated, $schema, 'after'), '', '... and work');
    }
    is($goes_on->(), '', '... also in the session with prepared statements');
    is(goes_on($updated), '', '... and goes on');
    $_->close for $prepared, $begun;

    my $back = `psql -X -q -c "ALTER EXTENSION contact_status UPDATE TO '$old'" 2>&1`;
    like($back, qr/^ERROR: .* has no update path from version "\Q$new\E" to version "\Q$old\E"/,
        "there is no way back to $old");

    # ---- a dump of the old version, restored where the new one is ----

    create($restored);
    my $said = `pg_restore --exit-on-error -d $restored $dir/$old 2>&1`;
    is($?, 0, "a dump of $old is restored with $new") or diag($said);
    is(psql($restored, $version), "$new\n", '... which it then has');
    for my $schema (qw(crm parted)) {
        psql($restored, "SELECT contact_status.upgrade_tables('$schema')");
        # how conditions are put in parentheses is the parser's
        same([map { my %flat = %$_; tr/()//d for values %flat; \%flat } tables($restored, $schema), $tables{$schema}],
            "... upgraded, its tables are those of a fresh installation: $schema");
        is(wrong($restored, $schema, 'restored'), '', '... and work');
    }
}
done_testing;
