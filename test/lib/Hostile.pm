# What tests of hostile input share: a database with an installation, values that nobody expects, and calls of every
# function that the catalogue knows, so that a new one is covered without touching a test.
package Hostile;

use strict;
use warnings;
use Restore ();
use Exporter qw(import);
use File::Temp ();
use Test::More ();

our @EXPORT_OK = qw(psql rows prepare functions columns values_of usual call attempt alive
    no_internal_error prepare_damage @damage_tables @day);

our @damage_tables = qw(account list consent_setting_history contact deleted_contact subscription address_change
    status_count address_key suppression event
    retraction checkpoint unmatched_event status_change daily_count);

# What statements that must not fail say.
sub psql {
    my ($database, $sql) = @_;
    return Restore::psql($database, "SET synchronous_commit = on;\n$sql");    # a crash must not take it along
}

sub rows {
    return map { [split /\t/, $_, -1] } split /\n/, psql($_[0], "\\pset fieldsep '\\t'\n\\pset null ''\n$_[1];");
}

# An installation crm with a few contacts, and hostile.attempt: what becomes of statements of which nothing stays.
sub prepare {
    my ($database, $extension) = @_;
    psql($database, ($extension // 'CREATE EXTENSION contact_status;') . <<'SQL');
SELECT contact_status.create_tables('crm', 'emailmanager');
SELECT contact_status.add_change_feed('crm', notify => true);
INSERT INTO crm.list (name) VALUES ('second');
INSERT INTO crm.contact (email) SELECT format('c%s@example.org', i) FROM generate_series(1, 4) i;
INSERT INTO crm.event (contact_id, list_id, kind) SELECT c, 1, 'added' FROM generate_series(1, 3) c;
INSERT INTO crm.event (contact_id, campaign_id, kind) VALUES
    (1, 1, 'sent'), (1, 1, 'soft_bounced'), (2, NULL, 'unsubscribed');
INSERT INTO crm.event (contact_id, kind, until) VALUES (3, 'suspended', now() + interval '1 day');
CREATE SCHEMA hostile;
CREATE TABLE hostile.staging (email text, status text, evidence text, occurred_at text);
INSERT INTO hostile.staging VALUES
    ('new@example.org', 'opt-in', 'e', '2020-01-01'), ('c2@example.org', NULL, NULL, 'x'), ('', '', '', '');
CREATE TABLE hostile.outbox (contact_id bigint, list_id bigint, status contact_status.contact_status, kind text,
    occurred_at timestamptz);
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
GRANT SELECT ON hostile.staging TO PUBLIC;
CREATE FUNCTION hostile.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    context text;
BEGIN
    EXECUTE statement;
    SET CONSTRAINTS ALL IMMEDIATE;
    RAISE EXCEPTION USING ERRCODE = 'HE000';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'HE000' THEN '00000'
        ELSE concat(SQLSTATE, ' ', left(translate(SQLERRM, E'\n\t', '  '), 200)) END;
END $$;
SQL
    return;
}

# Every function of the extension: name, kind (f, a or t: of a trigger), names and types of its arguments, schema.
sub functions {
    my ($database) = @_;
    return map { {
        name  => $_->[0],
        kind  => $_->[1],
        names => [split /,/, $_->[2]],
        types => [split /;/, $_->[3]],
        schema => $_->[4],
    } } rows($database, <<'SQL');
SELECT proname, CASE WHEN prorettype = 'trigger'::regtype THEN 't' ELSE prokind::text END,
       array_to_string((coalesce(proargnames, '{}'))[1:pronargs], ','),
       (SELECT string_agg(format_type(t, NULL), ';' ORDER BY o) FROM unnest(proargtypes) WITH ORDINALITY u (t, o)),
       pronamespace::regnamespace
  FROM pg_proc WHERE pronamespace IN ('contact_status'::regnamespace, '_contact_status'::regnamespace)
  ORDER BY oid::regprocedure::text COLLATE "C"
SQL
}

# The columns of a table of the installation: name and type.
sub columns {
    my ($database, $table) = @_;
    return rows($database, "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
        WHERE attrelid = 'crm.$table'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum");
}

# Expressions of values of a type that nobody expects.
my $statuses = 'active,soft_bounced,unresponsive,unconfirmed,suspended,failing,hard_bounced,unsubscribed,complained,'
    . 'deleted';
my $kinds    = 'signed_up,added,confirmed,resubscribed,released,restored,validated,sent,delivered,opened,clicked,'
    . 'visited,soft_bounced,blocked,hard_bounced,nonexistent,invalidated,suspended,removed,unsubscribed,'
    . 'complained,deleted';
my @bigints = qw(1 0 -1 9223372036854775807 (-9223372036854775808) 4294967297);
my @times   = map { "timestamptz '$_'" } 'now', '-infinity', 'infinity', '4713-01-01 00:00:00+00 BC', '0001-01-01 BC',
    '294276-12-31 23:59:59.999999+00', '1970-01-01 00:00:00+00';
my %values = (
    'bigint'   => \@bigints,
    'integer'  => [qw(1 0 -1 1000 1001 2147483647 (-2147483648))],
    'smallint' => [qw(1::smallint 0::smallint (-32768)::smallint 32767::smallint)],
    'boolean'  => [qw(true false)],
    'text'     => ["'default'", "''", "' '", "repeat('x', 1000000)", "E'\\x01\\x7f\\n'", "'%s%n%1\$I%'", "'''\";--\\'",
        "'manual'", "'1\@2'"],
    'name'     => ["'crm'", "'nowhere'", "''", "'pg_catalog'", "'contact_status'", "'hostile'", "'pg_temp'",
        "repeat('x', 63)", "repeat('x', 100)",
        "'''\"; .%s'", "'\"crm\"'", "'CRM'"],
    'regclass' => ["'hostile.staging'", "'hostile.outbox'", "'pg_class'", "'crm.mailable'", "'crm.event_key'", '0::oid',
        '4294967295::oid', "'pg_toast.pg_toast_1255'"],
    'timestamp with time zone' => \@times,
    'date'     => [map { "date '$_'" } '2026-01-01', '-infinity', 'infinity', '4713-01-01 BC', '5874897-12-31',
        '0001-01-01'],
    'interval' => [map { "interval '$_'" } '1 day', '0', '-1 day', '1 month', '178000000 years', '-178000000 years',
        '2147483647 days', '1 microsecond'],
    'bytea'    => ["'\\x00'", "''", "decode(repeat('00', 1000000), 'hex')"],
    'tid'      => [map { "'($_)'::tid" } '0,1', '0,0', '4294967295,65535', '0,65535', '0,200', '99999,1', '1,1'],
    'record'   => ["(SELECT c FROM crm.contact c LIMIT 1)", 'ROW()', "ROW(1, 'x')",
        '(SELECT e FROM crm.event e LIMIT 1)',
        map { "(SELECT r FROM (SELECT $_ FROM crm.contact LIMIT 1) r)" }
        join(', ', map { "1 AS $_" } fact_columns()), join(', ', map { "'x'::text AS $_" } fact_columns()),
        join(', ', map { "'{1,2}'::int[] AS $_" } fact_columns()),
        join(', ', map { "NULL::text AS $_" } fact_columns()),
        map { my $as = $_; join ', ', map { $_ eq 'status' ? "status" : "$as AS $_" } fact_columns() } '1', "'x'::text",
        "'{1,2}'::int[]", "'{}'::text[]"],
    'contact_status.contact_status' => [map { "'$_'" } split /,/, $statuses],
    'contact_status.event_kind'     => [map { "'$_'" } split /,/, $kinds],
    'contact_status.policy'         => [
        map({ "contact_status.policy('$_')" } qw(default salesmanago activecampaign ecomail emailmanager)),
        'ROW(' . join(',', ('NULL') x 15) . ')::contact_status.policy',
        map { "(SELECT p FROM (SELECT (contact_status.policy('default')).*) p)::contact_status.policy" } 1,
    ],
    'contact_status.consent_settings' => ["ROW('subscribed', true, 'list', 'confirmed', NULL)",
        'ROW(NULL, NULL, NULL, NULL, NULL)', "ROW('', NULL, 'x', 'never')",
        "ROW(repeat('x', 1000000), true, 'account', 'never')"],
    'internal' => ['NULL'],
    'oid[]' => ["'{1,1}'", "'{}'", "'{0,NULL}'"],
    'jsonb' => ["'[{\"event\":\"open\",\"email\":\"c1\@example.org\"}]'", "'null'", "'{}'", "'[[]]'", '\'"x"\'',
        "'{\"event-data\": {}}'", "to_jsonb(repeat('x', 1000000))"],
    '_contact_status.webhook_row[]' => ["'{}'", 'ARRAY[NULL]::_contact_status.webhook_row[]',
        "ARRAY[ROW(NULL, 'nobody\@example.org', 'clicked', NULL, now(), 'k', NULL, NULL, false)]"
            . '::_contact_status.webhook_row[]',
        'ARRAY[ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)]::_contact_status.webhook_row[]',
        "ARRAY[ROW(9223372036854775807, '', 'complained', -1, 'infinity', '', '', '', true)]"
            . '::_contact_status.webhook_row[]'],
    '_contact_status.import_row[]' => ["'{}'",
        "ARRAY[ROW(1, 'n\@example.org', now(), 'e', NULL, NULL, NULL, true, NULL, NULL, NULL)]"
            . '::_contact_status.import_row[]',
        'ARRAY[NULL]::_contact_status.import_row[]',
        'ARRAY[ROW(NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)]::_contact_status.import_row[]',
        "ARRAY[[ROW(1, '', 'infinity', '', 'complained', '', NULL, true, 9223372036854775807, 0, '[1]')],"
            . " [ROW(1, '', '-infinity', '', 'failing', NULL, 'x', NULL, -1, -1, '{}')]]"
            . '::_contact_status.import_row[]',
        "ARRAY(SELECT ROW(i, 'c2\@example.org', now(), NULL, 'complained', NULL, NULL, true, NULL, NULL, NULL)"
            . '::_contact_status.import_row FROM generate_series(1, 300) i)'],
);

sub fact_columns {
    return qw(status monitored hard_bounces changed_at due_at hard_bounced_at unsubscribed_at complained_at deleted_at
        suspended_at
        suspended_until unanswered_since unanswered delivered_campaign run_campaigns run_times erased_at);
}

# Policies with a setting that is wrong.
my @policy = ("'x'", "'subscribed'", 'true', 5, 1, 'NULL', "'failing'", 'false', 1, 'NULL', 'NULL', "'list'", "'never'",
    "'keep'", "'{active}'");
for my $change ([1, "''"], [3, 0], [3, -1], [3, 2147483647], [5, "'1 month'"], [5, "'-1 day'"],
    [5, "'178000000 years'"], [5, "'0'"],
    [5, "'2147483647 days'"], [6, "'active'"], [6, 'NULL'], [8, 1000], [10, "'1 microsecond'"],
    [11, "repeat('x', 1000000)"], [14, "'{NULL}'"],
    [14, "'{}'"], [14, "'{{active,deleted},{active,active}}'"])
{
    my @row = @policy;
    $row[ $change->[0] ] = $change->[1];
    push @{ $values{'contact_status.policy'} }, 'ROW(' . join(', ', @row) . ')::contact_status.policy';
}

sub values_of {
    my ($type) = @_;
    return @{ $values{$type} } if $values{$type};
    if ($type =~ /^(.*)\[\]$/) {
        my $element = $1;
        my @of = values_of($element);
        return map { "($_)::$type" } "ARRAY[$of[0]]", "ARRAY[$of[0], $of[-1]]", "ARRAY[$of[-2], $of[2 % @of]]", "'{}'",
            'ARRAY[NULL]', "ARRAY[$of[-1], NULL]", "ARRAY[[$of[0], $of[1]], [$of[-1], $of[0]]]",
            "'[0:0]={" . ($element =~ /int/ ? 1 : $element eq 'tid' ? '"(0,1)"' : $element =~ /kind/ ? 'complained'
                : $element =~ /status/ ? 'active' : $element =~ /time/ ? 'now' : 'x') . "}'",
            "array_fill($of[0]::$element, ARRAY[10000])", 'ARRAY[' . join(', ', @of) . ']';
    }
    return ("''", 'NULL');
}

# What an argument is where it is not to be strange.
my %usual = (
    schema => "'crm'", provider => "'sendgrid'",
    account_id => 1, contact_id => 1, from_id => 1, into_id => 2, list_id => 1, email => "'c1\@example.org'",
    kind => "'complained'", reason => "'x'",
    accounts => "'{1,1}'", contacts => "'{1,2}'", lists => "'{1,NULL}'", statuses => "'{active,active}'",
    places => "'{\"(0,1)\",\"(0,2)\"}'",
    query => "'SELECT 1 AS contact_id'",
    event_key => "'k'", label => "'opt-in'", vocabulary => "'ecomail'", retraction_id => 1,
    emails => "'{c1\@example.org,x\@y}'::text[]",
    occurred_at => 'now()', as_of => "'2100-01-01'", source => "'s'", campaign_id => 1,
);

sub usual {
    my ($name, $type) = @_;
    return "NULL::internal" if $type eq 'internal';
    my $value = defined $name && $type !~ /^(?:contact_status\.policy|regclass|record)$/ ? $usual{$name} : undef;
    return "($value)::$type" if defined $value;
    my ($first) = values_of($type);
    return $type eq 'record' ? $first : "($first)::$type";
}

# A statement that calls a function with arguments.
sub call {
    my ($function, @arguments) = @_;
    my $list = join ', ', @arguments;
    return "CALL $function->{schema}.$function->{name}($list)" if $function->{kind} eq 'p';
    return "SELECT $function->{schema}.$function->{name}($list)"
        . ($function->{kind} eq 'a' ? ' FROM generate_series(1, 2)' : '');
}

# Runs statements one by one and tells what became of each: its SQLSTATE (and message), or 'crashed', and goes on. The
# preamble comes first in each session; way is a statement with %s for the statement as a literal; alone: none of ours
# is about it.
sub attempt {
    my ($database, $statements, %how) = @_;
    my $way = $how{way} // 'SELECT hostile.attempt(%s)';
    my ($at, $crashes, @became) = (0, 0);
    while ($at < @$statements) {
        my $file = File::Temp->new(SUFFIX => '.sql');
        print $file $how{preamble} // '', "\nSET client_min_messages = error; SET statement_timeout = '",
            $how{timeout} // '2s', "';\n";
        for my $i ($at .. $#$statements) {
            my $literal = $statements->[$i] =~ s/'/''/gr;
            $literal =~ s/\\/\\\\/g;
            print $file "\\echo \@\@ $i\n", $how{alone} ? "BEGIN; $statements->[$i]; \\echo 00000\nROLLBACK"
                : sprintf($way, "E'$literal'"), ";\n";
        }
        close $file;
        my $said = `psql -X -q -A -t -v VERBOSITY=verbose -d $database -f $file 2>&1`;
        my ($last, $failed) = ($at, $? != 0);
        for my $part (split /^@@ /m, $said) {
            my ($i, $rest) = $part =~ /^(\d+)\n(.*)/s or next;
            $last = $i;
            $became[$i] = $rest =~ /ERROR:  ([0-9A-Z]{5}\b[^\n]*)/ || $rest =~ /^([0-9A-Z]{5}\b[^\n]*)/m ? $1
                : "no answer: $rest";
        }
        last if !$failed;
        $became[$last] = 'crashed';
        last if ++$crashes >= ($ENV{HOSTILE_CRASHES} || 20);    # that is enough to know
        $at = $last + 1;
        alive($database);
    }
    return @became;
}

# What an application does all day.
our @day = (
    q{INSERT INTO crm.event (contact_id, list_id, kind) VALUES
        (1, 1, 'soft_bounced'), (2, 1, 'signed_up'), (3, 2, 'added')},
    q{INSERT INTO crm.event (contact_id, kind) VALUES (1, 'unsubscribed')},
    q{INSERT INTO crm.event (contact_id, list_id, kind, occurred_at) VALUES (1, 1, 'unsubscribed', '2020-01-01')},
    q{INSERT INTO crm.contact (email) VALUES ('new@example.org')},
    q{UPDATE crm.contact SET email = 'changed@example.org' WHERE contact_id OPERATOR(pg_catalog.=) 1},
    q{DELETE FROM crm.contact WHERE contact_id OPERATOR(pg_catalog.=) 2},
    q{INSERT INTO crm.list (name) VALUES ('x')}, q{DELETE FROM crm.list},
    q{UPDATE crm.list SET double_opt_in = NOT double_opt_in},
    q{UPDATE crm.policy SET soft_bounce_limit = 3, double_opt_in = NOT double_opt_in},
    q{UPDATE crm.account SET policy = 'ecomail'}, q{INSERT INTO crm.account (account_id) VALUES (2)},
    q{SELECT contact_status.sweep('crm', '2100-01-01')}, q{SELECT * FROM contact_status.verify('crm')},
    q{SELECT contact_status.repair('crm')},
    q{SELECT contact_status.reevaluate('crm')},
    q{SELECT contact_status.suppress('crm', 1, 'c1@example.org', 'complained')},
    q{SELECT contact_status.suppress('crm', 1, 'nobody@example.org', 'complained')},
    q{SELECT contact_status.merge_contacts('crm', 1, 3, 2)},
    q{SELECT contact_status.erase_contact('crm', 1, 2)},
    q{SELECT * FROM contact_status.retract_suppressions('crm', 'x', before => 'infinity')},
    q{SELECT * FROM contact_status.retract_events('crm', 'x', before => 'infinity')},
    q{SELECT * FROM contact_status.explain_status('crm', 1, 1)},
    q{SELECT * FROM contact_status.import_contacts('crm', 1, 1, 'hostile.staging')},
    q{SELECT * FROM crm.mailable}, q{SELECT * FROM crm.status_history}, q{SELECT * FROM crm.account_status_count},
    q{SELECT * FROM crm.deliverable}, q{SELECT contact_status.record_event('crm', 'stranger@example.org', 'clicked')},
    q{SELECT contact_status.record_event('crm', 'c1@example.org', 'clicked')},
    q{SELECT * FROM contact_status.suppress_all('crm', 1, '{c1@example.org,x}', 'complained')},
    q{INSERT INTO hostile.outbox (contact_id) VALUES (1)},
);

# hostile.damaged: which internal errors such a day brings after a damage, which is undone at once.
sub prepare_damage {
    my ($database) = @_;
    psql($database, <<'SQL' . join '', map { 'INSERT INTO hostile.day VALUES ($x$' . $_ . "\$x\$);\n" } @day);
CREATE TRIGGER mailable BEFORE INSERT ON hostile.outbox FOR EACH ROW
    EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id');
CREATE TABLE hostile.day (statement text);
CREATE FUNCTION hostile.damaged(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    bad text := '';
    became text;
    d text;
BEGIN
    BEGIN
        EXECUTE damage;
        FOR d IN SELECT statement FROM hostile.day LOOP
            became := hostile.attempt(d);
            IF became LIKE 'XX%' AND became NOT LIKE 'XX001 % lost' THEN    -- which says what is damaged
                bad := concat(bad, ' [', d, ' => ', became, ']');
            END IF;
        END LOOP;
        RAISE EXCEPTION USING ERRCODE = 'HE001';
    EXCEPTION WHEN SQLSTATE 'HE001' THEN
        RETURN CASE bad WHEN '' THEN '00000' ELSE 'XX000' || bad END;
    WHEN OTHERS THEN
        RETURN '00001 damage refused ' || SQLSTATE || ' ' || SQLERRM;
    END;
END $$;
SQL
    return;
}

# Tells of statements that none ended in an internal error.
sub no_internal_error {
    my ($statements, $became, $name) = @_;
    my @bad = grep { ($became->[$_] // 'no answer') !~ /^(?!XX)[0-9A-Z]{5}/ } 0 .. $#$statements;
    my %states;
    $states{ substr $became->[$_] // '', 0, 5 }++ for 0 .. $#$statements;
    Test::More::ok(!@bad && $states{'00000'}, "$name (" . @$statements . ' attempts)');
    my %seen;
    for (@bad) {
        my $kind = ($became->[$_] // 'no answer') =~ s/\d+/N/gr;
        Test::More::diag(substr($statements->[$_], 0, 300), "\n    => ", $became->[$_] // 'no answer')
            if $seen{$kind}++ < 3;
    }
    Test::More::diag(scalar(@bad), ' bad') if @bad;
    Test::More::note(join ', ', map { "$_: $states{$_}" } sort keys %states);
    return \%states;
}

# Waits until the server answers.
sub alive {
    my ($database) = @_;
    for (1 .. 200) {
        return 1 if `psql -XAt -d $database -c 'SELECT 1' 2>/dev/null` eq "1\n";
        select undef, undef, undef, 0.1;
    }
    return 0;
}

1;
