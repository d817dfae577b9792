#!/usr/bin/perl
# Four applications, as they are often built: their tables hold rows already, eight clients go on writing while they are
# adopted, and in the end verify finds nothing and differences only what the rules explain.
use strict;
use warnings;
use File::Temp ();
use Test::More;

sub psql {
    my ($file) = File::Temp->new(SUFFIX => '.sql');
    print $file "SET client_min_messages = warning;\n", @_;
    close $file;
    my $said = `psql -XqtA -v ON_ERROR_STOP=1 -f $file 2>&1`;
    chomp $said;
    return $said;
}

my @applications = ({
    name => 'an integer-keyed newsletter with a status for each subscriber and list', schema => 'a',
    tables => q{
CREATE TABLE a_subscriber (id serial PRIMARY KEY, email text UNIQUE, created_at timestamptz DEFAULT now());
CREATE TABLE a_member (subscriber_id int, list_id int, status text, updated_at timestamptz DEFAULT now(),
    PRIMARY KEY (subscriber_id, list_id));
CREATE TABLE a_bounce (id serial PRIMARY KEY, subscriber_id int, campaign_id int, type text,
    created_at timestamptz DEFAULT now());
CREATE TABLE a_click (id bigserial PRIMARY KEY, subscriber_id int, campaign_id int,
    created_at timestamptz DEFAULT now());
INSERT INTO a_subscriber (email, created_at) SELECT 'a' || i || '@example.org', '2025-01-01'
    FROM generate_series(1, 300) i;
INSERT INTO a_member SELECT i, 1, (ARRAY['confirmed', 'confirmed', 'unsubscribed', 'unconfirmed'])[1 + i % 4],
    '2025-01-02'
    FROM generate_series(1, 300) i;
INSERT INTO a_bounce (subscriber_id, campaign_id, type, created_at) SELECT i, 1,
    CASE WHEN i % 20 = 0 THEN 'hard' ELSE 'soft' END,
    timestamptz '2025-02-01' FROM generate_series(1, 300, 5) i UNION ALL SELECT 20, 1, 'hard', '2099-01-01';
INSERT INTO a_click (subscriber_id, campaign_id, created_at) SELECT i, 1, '2025-02-02'
    FROM generate_series(1, 300, 3) i;},
    before => [
        q{SELECT contact_status.create_tables('a')},
        q{SELECT contact_status.forward('a', 'a_subscriber', '{"email": {"column": "email"},
            "contact_id": {"column": "id"}}')},
        q{SELECT contact_status.forward_status('a', 'a_member', '{"contact": {"column": "subscriber_id"},
            "list": {"column": "list_id"}, "status": {"column": "status"}, "evidence": "application",
            "changes": [[null, "confirmed", "added"], [null, "unconfirmed", "signed_up"], ["*", "unsubscribed",
                "unsubscribed"],
                ["unsubscribed", "confirmed", "resubscribed"], ["unconfirmed", "confirmed", "confirmed"]]}')},
        q{SELECT contact_status.follow_status('a', 'a_member', '{"contact": {"column": "subscriber_id"},
            "list": {"column": "list_id"}, "status": {"column": "status"}, "words": {"active": "confirmed",
                "soft_bounced": "confirmed", "unconfirmed": "unconfirmed", "unsubscribed": "unsubscribed",
                    "complained": "unsubscribed"}}')},
        q{SELECT contact_status.forward('a', 'a_bounce', '{"contact": {"column": "subscriber_id"},
            "campaign": {"column": "campaign_id"},
            "occurred_at": {"column": "created_at"}, "event_key": ["id"],
            "kinds": [["soft_bounced", {"type": "soft"}], ["hard_bounced", {"type": "hard"}], ["complained",
                {"type": "complaint"}]]}')},
        q{SELECT contact_status.forward('a', 'a_click', '{"contact": {"column": "subscriber_id"},
            "campaign": {"column": "campaign_id"},
            "occurred_at": {"column": "created_at"}, "event_key": ["id"], "kinds": [["clicked"]]}')}],
    adopt => [
        q{CALL contact_status.adopt('a', 'a_subscriber', '{"email": {"column": "email"},
            "contact_id": {"column": "id"}}', 100)},
        q{CALL contact_status.adopt('a', 'a_member', '{"contact": {"column": "subscriber_id"},
            "list": {"column": "list_id"},
            "occurred_at": {"column": "updated_at"}, "status": {"column": "status", "words": {"active": "confirmed",
                "unconfirmed": "unconfirmed", "unsubscribed": "unsubscribed"}}}', 100)},
        map { my $table = $_; "CALL contact_status.adopt('a', '$table',
            obj_description('a.\"forward public.$table\"'::regproc)::jsonb, 50)" }
            qw(a_bounce a_click)],
    clients => q{
\set p random(1, 300)
\set n random(1, 1000000000)
INSERT INTO a_bounce (subscriber_id, campaign_id, type) VALUES (:p, 2, (ARRAY['soft', 'hard',
    'complaint'])[1 + :n % 3]);
INSERT INTO a_click (subscriber_id, campaign_id) VALUES (:p, 2), (:p % 100 + 1, 2);
UPDATE a_member SET status = (ARRAY['unsubscribed', 'confirmed'])[1 + :n % 2], updated_at = now()
    WHERE subscriber_id = :p;
INSERT INTO a_subscriber (email) VALUES ('n' || :n || '@example.org') ON CONFLICT DO NOTHING;},
    mailed => q{SELECT subscriber_id AS contact_id, list_id FROM a_member WHERE status = 'confirmed'},
    explained => qr/^(?:application address dead|)$/,
    complete => q{SELECT (SELECT count(*) FROM a_bounce) + (SELECT count(*) FROM a_click) - count(*)
        FROM a.event WHERE campaign_id IS NOT NULL},
}, {
    name => 'a smallint status for each project, and a column for each kind', schema => 'b',
    tables => q{
CREATE TABLE b_contact (id serial PRIMARY KEY, project_id int, email text,
    status smallint DEFAULT 1, inserted_at timestamp DEFAULT now());
CREATE TABLE b_recipient (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), contact_id int,
    campaign_id text, sent_at timestamp, opened_at timestamp,
    clicked_at timestamp, soft_bounced_at timestamp, hard_bounced_at timestamp);
INSERT INTO b_contact (project_id, email, status, inserted_at) SELECT 1 + i % 2,
    'b' || i || '@example.org', 1 + (i % 10 = 0)::int, '2025-01-01'
    FROM generate_series(1, 200) i;
INSERT INTO b_recipient (contact_id, campaign_id, sent_at, opened_at, hard_bounced_at) SELECT i, 'spring',
    '2025-02-01 10:00',
    CASE WHEN i % 3 = 0 THEN timestamp '2025-02-01 11:00' END,
        CASE WHEN i % 25 = 1 THEN timestamp '2025-02-01 10:01' END FROM generate_series(1, 200) i;},
    before => [
        q{SELECT contact_status.create_tables('b')}, q{INSERT INTO b.account (account_id) VALUES (2);
            INSERT INTO b.list (account_id, list_id) VALUES (2, 1)},
        q{SELECT contact_status.forward('b', 'b_contact', '{"email": {"column": "email"},
            "contact_id": {"column": "id"}, "account": {"column": "project_id"}}')},
        q{SELECT contact_status.forward_status('b', 'b_contact', '{"contact": {"column": "id"},
            "account": {"column": "project_id"}, "list": 1,
            "status": {"column": "status"}, "evidence": "application", "changes": [[null, 1, "added"], ["*", 2,
                "unsubscribed"], [2, 1, "resubscribed"],
                ["*", 3, "invalidated"], [3, 1, "validated"]]}')},
        q{SELECT contact_status.follow_status('b', 'b_contact', '{"contact": {"column": "id"},
            "account": {"column": "project_id"},
            "status": {"column": "status"}, "words": {"active": 1, "soft_bounced": 1, "unsubscribed": 2,
                "hard_bounced": 3}}')},
        q{SELECT contact_status.forward('b', 'b_recipient', '{"contact": {"column": "contact_id"}, "account": 1,
            "campaign": {"column": "campaign_id"},
            "occurred_at": {"column": "sent_at", "zone": "UTC"}, "kinds": [["sent", {"set": "sent_at"}], ["opened",
                {"set": "opened_at"}],
                ["clicked", {"set": "clicked_at"}], ["soft_bounced", {"set": "soft_bounced_at"}], ["hard_bounced",
                    {"set": "hard_bounced_at"}]]}')}],
    adopt => [
        q{CALL contact_status.adopt('b', 'b_contact',
            obj_description('b."contact public.b_contact"'::regproc)::jsonb, 70)},
        q{CALL contact_status.adopt('b', 'b_contact', '{"contact": {"column": "id"},
            "account": {"column": "project_id"}, "list": 1,
            "occurred_at": {"column": "inserted_at", "zone": "UTC"}, "status": {"column": "status",
                "words": {"active": 1, "unsubscribed": 2, "hard_bounced": 3}}}', 70)},
        q{CALL contact_status.adopt('b', 'b_recipient',
            obj_description('b."forward public.b_recipient"'::regproc)::jsonb, 70)}],
    clients => q{
\set p random(1, 100)
\set n random(1, 1000000000)
UPDATE b_recipient SET clicked_at = now() AT TIME ZONE 'UTC' WHERE contact_id = 2 * :p;
UPDATE b_contact SET status = 1 + :n % 2 WHERE id = :p;
INSERT INTO b_recipient (contact_id, campaign_id, sent_at) VALUES (2 * :p, 'summer ' || :n, now() AT TIME ZONE 'UTC');},
    mailed => q{SELECT id AS contact_id, 1 AS list_id, project_id AS account_id FROM b_contact WHERE status = 1},
    explained => qr/^$/,
    kept => qr/^b_recipient no such contact [1-9]\d*$/,   # of the account that its mapping does not name
}, {
    name => 'a cuid-keyed service with jsonb events', schema => 'c',
    tables => q{
CREATE TABLE "cContact" (id text PRIMARY KEY, email text, subscribed boolean, "createdAt" timestamp DEFAULT now());
CREATE TABLE "cEvent" (id text PRIMARY KEY, "contactId" text, data jsonb, "createdAt" timestamp DEFAULT now());
INSERT INTO "cContact" SELECT 'cm' || md5(i::text), 'c' || i || '@example.org', i % 6 <> 0, '2025-01-01'
    FROM generate_series(1, 200) i;
INSERT INTO "cEvent" SELECT 'ev' || i, 'cm' || md5((1 + i % 200)::text), jsonb_build_object('event',
    jsonb_build_object('type',
    (ARRAY['DELIVERED', 'OPENED', 'BOUNCED', 'new word'])[1 + i % 4], 'ts', 1738400000000 + i), 'reply',
        '550 5.1.1 unknown user') FROM generate_series(1, 400) i;},
    before => [
        q{SELECT contact_status.create_tables('c')}, q{ALTER TABLE c.contact ADD cuid text},
            q{CREATE UNIQUE INDEX ON c.contact (account_id, cuid)},
        q{SELECT contact_status.forward('c', '"cContact"', '{"email": {"column": "email"},
            "columns": {"cuid": {"column": "id"}}}')},
        q{SELECT contact_status.forward_status('c', '"cContact"', '{"contact": {"column": "id", "key": "cuid"},
            "list": 1,
            "status": {"column": "subscribed"}, "evidence": "application", "changes": [[null, true, "added"],
                ["*", false, "unsubscribed"], [false, true, "resubscribed"]]}')},
        q{SELECT contact_status.forward('c', '"cEvent"', '{"contact": {"column": "contactId", "key": "cuid"},
            "occurred_at": {"epoch": "data.event.ts", "unit": "ms"},
            "event_key": ["id"], "reply": {"column": "data.reply"}, "kinds": [["delivered",
                {"data.event.type": "DELIVERED"}],
                ["opened", {"data.event.type": "OPENED"}], ["reply", {"data.event.type": "BOUNCED"}]]}')}],
    adopt => [
        q{CALL contact_status.adopt('c', '"cContact"', '{"email": {"column": "email"},
            "columns": {"cuid": {"column": "id"}}}', 60)},
        q{CALL contact_status.adopt('c', '"cContact"', '{"contact": {"column": "id", "key": "cuid"}, "list": 1,
            "occurred_at": {"column": "createdAt", "zone": "UTC"},
            "kinds": [["added", {"subscribed": true}], ["unsubscribed", {"subscribed": false}]]}', 60)},
        q{CALL contact_status.adopt('c', '"cEvent"',
            obj_description('c."forward public.""cEvent"""'::regproc)::jsonb, 60)}],
    clients => q{
\set p random(1, 200)
\set n random(1, 1000000000)
INSERT INTO "cEvent" VALUES ('n' || :n, 'cm' || md5(:p::text), jsonb_build_object('event', jsonb_build_object('type',
    'OPENED', 'ts',
    floor(extract(epoch FROM now()) * 1000)))) ON CONFLICT DO NOTHING;
UPDATE "cContact" SET subscribed = :n % 2 = 0 WHERE id = 'cm' || md5(:p::text);},
    mailed => q{SELECT c.contact_id, 1 AS list_id FROM "cContact" a JOIN c.contact c ON c.cuid = a.id
        WHERE a.subscribed},
    explained => qr/^(?:application address dead|)$/,
    kept => qr/^cEvent no entry of key "kinds" matches the row 100$/,
}, {
    name => 'a text-keyed one with the address as key', schema => 'd',
    tables => q{
CREATE TABLE d_contact (email text PRIMARY KEY, created_at timestamptz DEFAULT now());
CREATE TABLE d_member (email text, list_id text, status text,
    updated_at timestamptz DEFAULT now(), PRIMARY KEY (email, list_id));
CREATE TABLE d_message (id text PRIMARY KEY, email text, broadcast text, sent_at timestamptz,
    delivered_at timestamptz, opened_at timestamptz,
    complained_at timestamptz);
INSERT INTO d_contact SELECT 'D' || i || '@example.org', '2025-01-01' FROM generate_series(1, 200) i;
INSERT INTO d_member SELECT 'D' || i || '@example.org', 'news',
    CASE WHEN i % 7 = 0 THEN 'unsubscribed' ELSE 'active' END, '2025-01-01' FROM generate_series(1, 200) i;
INSERT INTO d_message SELECT 'm' || i, 'd' || i || '@example.org', 'b' || i % 3, '2025-02-01', '2025-02-01 00:01', NULL,
    CASE WHEN i % 50 = 0 THEN timestamptz '2025-02-02' END FROM generate_series(1, 210) i;},
    before => [
        q{SELECT contact_status.create_tables('d')}, q{INSERT INTO d.list (list_id, name)
            VALUES (contact_status.text_id('news'), 'news')},
        q{SELECT contact_status.forward('d', 'd_contact', '{"email": {"column": "email"}}')},
        q{SELECT contact_status.forward_status('d', 'd_member', '{"contact": {"address": "email"},
            "list": {"column": "list_id"}, "status": {"column": "status"},
            "evidence": "application", "changes": [[null, "active", "added"], ["*", "unsubscribed", "unsubscribed"],
                ["unsubscribed", "active", "resubscribed"]]}')},
        q{SELECT contact_status.forward('d', 'd_message', '{"contact": {"address": "email"},
            "campaign": {"column": "broadcast"},
            "kinds": [["sent", {"set": "sent_at"}], ["delivered", {"set": "delivered_at"}], ["opened",
                {"set": "opened_at"}], ["complained", {"set": "complained_at"}]]}')}],
    adopt => [
        q{CALL contact_status.adopt('d', 'd_contact', '{"email": {"column": "email"}}', 60)},
        q{CALL contact_status.adopt('d', 'd_member', '{"contact": {"address": "email"},
            "list": {"column": "list_id"}, "occurred_at": {"column": "updated_at"},
            "kinds": [["added", {"status": "active"}], ["unsubscribed", {"status": "unsubscribed"}]]}', 60)},
        q{CALL contact_status.adopt('d', 'd_message',
            obj_description('d."forward public.d_message"'::regproc)::jsonb, 60)}],
    clients => q{
\set p random(1, 200)
\set n random(1, 1000000000)
UPDATE d_message SET opened_at = now() WHERE id = 'm' || :p;
UPDATE d_member SET status = (ARRAY['unsubscribed', 'active'])[1 + :n % 2], updated_at = now()
    WHERE email = 'D' || :p || '@example.org';},
    mailed => q{SELECT email, contact_status.text_id(list_id) AS list_id FROM d_member WHERE status = 'active'},
    explained => qr/^(?:application complaint|)$/,
    kept => qr/^d_message no contact has the address 20$/,    # ten addresses without a contact, twice each
});

psql('CREATE EXTENSION contact_status;');
for my $application (@applications) {
    my ($name, $schema) = @$application{qw(name schema)};
    is(psql($application->{tables}), '', "$name: its tables");
    my @before = map { s/^SELECT (contact_status.*)$/DO \$do\$ BEGIN PERFORM $1; END \$do\$/sr }
        @{ $application->{before} };
    is(psql(join ";\n", @before), '', '... are connected');
    cmp_ok(@{ $application->{before} } + @{ $application->{adopt} }, '<=', 10, '... by at most ten statements');
    my $script = File::Temp->new(SUFFIX => '.sql');
    print $script $application->{clients}, "\n";
    close $script;
    my $log = File::Temp->new;
    my $pid = fork // die "no fork\n";
    if (!$pid) {
        open STDOUT, '>', $log->filename;
        open STDERR, '>&', \*STDOUT;
        exec 'pgbench', '-n', '-c', 8, '-j', 2, '-t', 60, '--max-tries=100', '-f', $script->filename;
    }
    is(psql(map { "$_;\n" } @{ $application->{adopt} }), '', '... and adopted, while clients write');
    waitpid $pid, 0;
    is($?, 0, 'no statement of a client failed') or diag(do { local (@ARGV, $/) = $log->filename; <> });
    # a row whose contact was not yet committed waits
    psql("SELECT contact_status.retry_unmatched('$schema')");
    is(psql("SELECT count(*) FROM contact_status.verify('$schema')"), 0, 'verify finds nothing');
    like(psql("SELECT string_agg(DISTINCT mailed_by || ' ' || fact, ', ')
        FROM contact_status.differences('$schema', \$q\$$application->{mailed}\$q\$)"),
        $application->{explained}, 'differences are those that the rules explain');
    like(psql("SELECT string_agg(format('%s %s %s', translate(replace(origin, 'public.', ''), '\"',
        ''), problem, events), ', ')
        FROM (SELECT origin, problem, sum(events) AS events
            FROM $schema.unmatched_events GROUP BY 1, 2 ORDER BY 1, 2) u"),
        $application->{kept} // qr/^$/, 'and no other row waits');
    is(psql($application->{complete}), 0, 'each row is an event') if $application->{complete};
}
done_testing;
