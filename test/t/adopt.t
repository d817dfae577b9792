#!/usr/bin/perl
# adopt: tables of an application that hold rows already, in batches that commit; interrupted, repeated, and with rows
# that cannot be adopted.
use strict;
use warnings;
use Test::More;

sub psql {
    my ($sql, @options) = @_;
    my $pid = open my $out, '-|', 'psql', '-XqtA', @options, '-v', 'ON_ERROR_STOP=1', '-c',
        'SET client_min_messages = warning', '-c', $sql
        or die "no psql\n";
    my $said = do { local $/; <$out> } // '';
    close $out;
    chomp $said;
    return $said;
}
sub value { return psql($_[0]) }
sub adopt {
    my ($table, $mapping, @more) = @_;
    return psql("CALL contact_status.adopt('crm', '$table', '$mapping'" . join('', map { ", $_" } @more) . ')');
}

psql($_) for 'CREATE EXTENSION contact_status', q{SELECT contact_status.create_tables('crm')},
    'CREATE TABLE reader (id int PRIMARY KEY, email text, status text, created_at timestamp)',
    'CREATE TABLE hit (campaign text, reader int, at bigint, kind text, PRIMARY KEY (campaign, reader, kind))',
    q{INSERT INTO reader SELECT i, format('r%s@example.org', i), CASE i % 4 WHEN 0 THEN 'blocked' ELSE 'enabled' END,
        '2026-01-01 12:00'
        FROM generate_series(1, 2000) i},
    q{INSERT INTO reader VALUES
        (3001, 'nonsense', 'enabled', '2026-01-01'), (3002, 'r1@example.org', 'enabled', '2026-01-01'),
        (3003, NULL, 'enabled', '2026-01-01'), (3004, 'r3004@example.org', 'strange', '2026-01-01'),
        (3005, 'r3005@example.org', 'enabled', NULL),
        (3006, 'r3006@example.org', 'enabled', '1970-01-01')},
    q{INSERT INTO hit SELECT 'c' || c, i, 1769947200 + c * 86400 + i, k
        FROM generate_series(1, 3) c, generate_series(1, 2000) i,
        unnest('{sent,open}'::text[]) k},
    q{INSERT INTO hit VALUES ('c1', 9999, 1769947200, 'open'), ('c9', 1, 4102444800, 'open'),
        ('c8', 1, 1769947200, 'spam'), ('c7', 1, -1, 'open')};
my $contacts = '{"email": {"column": "email"}, "contact_id": {"column": "id"}}';
my $consents = '{"contact": {"column": "id"}, "list": 1,
    "occurred_at": {"column": "created_at", "zone": "UTC"}, "source": "adopted",
    "status": {"column": "status", "words": {"active": "enabled", "unsubscribed": "blocked"}}}';
my $hits = '{"contact": {"column": "reader"}, "campaign": {"column": "campaign"},
    "occurred_at": {"epoch": "at", "unit": "s"},
    "kinds": [["sent", {"kind": "sent"}], ["opened", {"kind": "open"}]], "source": "adopted"}';

adopt('reader', $contacts, 300);
is(value('SELECT count(*) FROM crm.contact'), 2003, 'contacts');
is(value(q{SELECT string_agg(format('%s %s', "row" ->> 'id', problem), ', ' ORDER BY "row" ->> 'id')
            FROM crm.unmatched_event}),
    '3001 not an e-mail address, 3002 another contact has the address, 3003 not an e-mail address',
    'and the reason of each other row');
is(value('SELECT count(*) FROM pg_stats WHERE schemaname = $$crm$$ AND tablename = $$contact$$') > 0, 1,
    'the table is analyzed');
is(value(q{SELECT nextval('crm.contact_contact_id_seq')}), 3007, 'the sequence is behind the ids');

# an error in the second half: batches before it stay, and a second call goes on
psql(q{CREATE FUNCTION stop() RETURNS trigger
        LANGUAGE plpgsql AS 'BEGIN IF NEW.contact_id > 1000 THEN RAISE EXCEPTION ''stop'' USING ERRCODE = ''57014'';
    END IF; RETURN NEW; END'; CREATE TRIGGER stop BEFORE INSERT ON crm.event FOR EACH ROW EXECUTE FUNCTION stop()});
{
    open my $stderr, '>&', \*STDERR; open STDERR, '>', '/dev/null';
    adopt('reader', $consents, 300);
    open STDERR, '>&', $stderr;
}
is(value('SELECT count(DISTINCT contact_id) FROM crm.event'), 900, 'batches before an interruption stay');
psql('DROP TRIGGER stop ON crm.event');
adopt('reader', $consents, 300, q{'{"id": 900}'});
is(value('SELECT count(DISTINCT contact_id) FROM crm.event'), 2001, 'the next call goes on behind a key');
is(value(q{SELECT occurred_at::date FROM crm.event WHERE contact_id = 3006 AND kind = 'added'}), '1995-01-01',
    'a time before 1995');
adopt('hit', $hits, 700);
is(value('SELECT string_agg(DISTINCT status::text, $$ $$ ORDER BY status::text) FROM crm.contact
            WHERE contact_id <= 2000'), 'active unsubscribed', 'statuses');
is(value(q{SELECT count(*) FROM crm.event WHERE kind IN ('sent', 'opened')}), 12001,
    'events with a composite key, and one ahead');
my $waiting = value('SELECT string_agg(concat_ws($$ $$, origin, problem, events), $$, $$ ORDER BY problem, origin)
        FROM crm.unmatched_events');
is($waiting,
    'public.reader contact another contact has the address 1, public.hit no entry of key "kinds" matches the row 1, '
    . 'public.reader no entry of key "status" matches the row 1, public.hit no such contact 1, '
    . 'public.reader no such contact 3, '
    . 'public.reader contact not an e-mail address 2, '
    . 'public.hit the event has no time 1, public.reader the event has no time 1', 'the reasons of the others');

# repeated: nothing changes
my $before = value('SELECT count(*) FROM crm.event');
adopt('reader', $contacts);
adopt('reader', $consents, 1999);
adopt('hit', $hits, 2500);
is(value('SELECT count(*) FROM crm.event'), $before, 'repeated calls add no event');
is(value('SELECT string_agg(concat_ws($$ $$, origin, problem, events), $$, $$ ORDER BY problem, origin)
            FROM crm.unmatched_events'), $waiting,
    'nor a row of unmatched_event');

# an error of one row that only its insert shows
psql(q{UPDATE crm.account SET contact_limit = (SELECT active_contacts + 1 FROM crm.active_contacts);
    INSERT INTO reader SELECT i, format('r%s@example.org', i), 'enabled',
        '2026-01-01' FROM generate_series(4001, 4010) i});
adopt('reader', $contacts);
adopt('reader', $consents, 10000);
is(value('SELECT count(*) FROM crm.contact WHERE contact_id > 4000 AND status = $$active$$'), 1,
    'up to the contact limit');
is(value(q{SELECT count(*) FROM crm.unmatched_event WHERE ("row" ->> 'id')::int > 4000}), 9, 'the others are kept');
is(value(q{SELECT count(*) FROM contact_status.verify('crm')}), 0, 'verify finds nothing');

for (['{"x": 1}', 10, '22023'], [$hits, 0, '22023'], [$hits, 'NULL', '22023']) {
    my ($mapping, $batch, $state) = @$_;
    my $call = "CALL contact_status.adopt('crm', 'hit', '$mapping', $batch)" =~ s/"/\\"/gr;
    like(`psql -Xqt -v VERBOSITY=verbose -c "$call" 2>&1`, qr/$state/, "refused: $mapping, $batch");
}
like(`psql -Xqt -v VERBOSITY=verbose -c "CREATE TABLE keyless (
            id int)" -c "CALL contact_status.adopt('crm', 'keyless', '{\\"email\\": {\\"column\\": \\"id\\"}}')" 2>&1`,
    qr/55000/, 'a table without a primary key');
done_testing;
