#!/usr/bin/perl
# docs/webhooks.md has the rules of each provider and the checks of the example, and its SQL shows what it says. The
# example receives payloads that curl posts, refuses those that are not authentic, and the statuses follow.
use strict;
use warnings;
use File::Temp ();
use Test::More;

sub text { my ($file) = @_; local (@ARGV, $/) = $file; return scalar <> }
sub query {
    my ($sql) = @_;
    open my $in, '-|', 'psql', '-XqAt', '-F', "\t", '-c', $sql or die "psql: $!\n";
    return <$in>;
}

my $document = text('docs/webhooks.md');
query('CREATE EXTENSION contact_status');

# --- the tables of rules
my %rules;
for (query('SELECT provider, type, condition, kind, by_reply FROM contact_status.webhook_rules()
        ORDER BY provider, n')) {
    chomp;
    my ($provider, $type, $condition, $kind, $by_reply) = split /\t/, $_, -1;
    $condition = join ' and ', map { '`' . s/\|/\\|/gr . '`' } split /&/, $condition;
    $kind = $kind eq '' ? 'none' : "`$kind`";
    $kind = ($kind eq 'none' ? '' : "$kind, or ") . 'as the reply says' if $by_reply eq 't';
    $rules{$provider} .= sprintf "| %s | %s | %s |\n", join(', ', map { "`$_`" } split /,/, $type), $condition, $kind;
}
is(scalar(keys %rules), 13, 'thirteen providers');
for my $provider (sort keys %rules) {
    my ($section) = $document =~ /^### `$provider`\n(.*?)(?=^##|\z)/ms;
    my ($table) = ($section // '') =~ /^\| type \| condition \| kind \|\n\|[-|]+\|\n((?:\|.*\n)+)/m;
    is($table, $rules{$provider}, "$provider: the table of the document");
}

# --- the checks
my $checks = text('examples/webhooks/check.js');
my @blocks = $document =~ /^```js\n(.*?)^```$/msg;
cmp_ok(scalar(@blocks), '>=', 10, 'the document has the lines of checks');
for my $block (@blocks) {
    my $indented = $block =~ s/^(?=.)/    /gmr;
    ok(index($checks, $indented) >= 0, 'they are those of the example: ' . ($block =~ /(\w+)\(/)[0]);
}

# --- the SQL
my @examples;
push @examples, [$1, $2] while $document =~ /^```sql\n(.*?)^```$(?:\n\n```\n(.*?)^```$)?/msg;
my $script = File::Temp->new(SUFFIX => '.sql');
print $script "\\pset footer off\n", map { "\\echo block $_\n$examples[$_][0]\n" } 0 .. $#examples;
close $script;
query('DROP EXTENSION contact_status');
my $printed = `psql -X -q -v ON_ERROR_STOP=1 -f $script 2>&1`;
is($?, 0, 'the SQL of the document runs') or diag($printed);
sub plain {
    return join "\n", grep { /\S/ && !/^[-+]+$/ && !/create_tables/ }
        map { s/^\s+|\s+$//gr =~ s/\s+/ /gr } split /\n/, shift;
}
my %printed = $printed =~ /^block (\d+)\n(.*?)(?=^block \d+\n|\z)/msg;
for my $n (grep { defined $examples[$_][1] } 0 .. $#examples) {
    is(plain($printed{$n} // ''), plain($examples[$n][1]), "block $n shows what the document says");
}

# --- the example
SKIP: {
    my $missing = !`node --version 2>/dev/null` ? 'node' : !`curl --version 2>/dev/null` ? 'curl'
        : system('cd examples/webhooks && node -e "import(\'pg\').catch(() => process.exit(1))" 2>/dev/null') != 0
        ? 'package pg: run npm install in examples/webhooks' : '';
    skip "the example needs $missing", 1 if $missing;

    query(q{SELECT contact_status.create_tables('hooks'); INSERT INTO hooks.contact (contact_id, email)
        SELECT n, format('c%s@example.org', n) FROM generate_series(1, 4) n;
        INSERT INTO hooks.event (contact_id, list_id, kind, occurred_at)
        SELECT contact_id, 1, 'added', '2026-01-01' FROM hooks.contact});
    my $folder = File::Temp->newdir;
    my $keys = `node -e 'const {publicKey, privateKey} = crypto.generateKeyPairSync("ec", {namedCurve: "prime256v1"});
        fs.writeFileSync("$folder/key", privateKey.export({format: "pem", type: "pkcs8"}));
        console.log(publicKey.export({format: "der", type: "spki"}).toString("base64"))'`;
    chomp $keys;
    local @ENV{qw(CONTACT_STATUS_SCHEMA PORT SENDGRID_PUBLIC_KEY MAILGUN_KEY POSTMARK_USER MANDRILL_KEY PUBLIC_URL
        UNSUBSCRIBE_KEY)} =
        ('hooks', 0, $keys, 'mailgun key', 'user:word', 'mandrill key', 'https://hooks.example.org', 'link key');
    my $pid = open my $out, '-|', 'exec node examples/webhooks/receiver.js 2>&1' or die "node: $!\n";
    my ($port) = (<$out> // '') =~ /port (\d+)/;
    ok($port, 'the receiver listens') or last SKIP;
    my $post = sub {
        my ($path, $body, @options) = @_;
        my $file = "$folder/body";
        open my $to, '>', $file or die "$file: $!\n";
        print $to $body;
        close $to;
        open my $in, '-|', 'curl', '-s', '-w', '%{http_code}', '--noproxy', '*', '--data-binary', "\@$file", @options,
            "http://127.0.0.1:$port$path" or die "curl: $!\n";
        return join '', <$in>;
    };
    my $signed = sub {    # SendGrid
        my ($body) = @_;
        my $stamp = time;
        open my $to, '>', "$folder/text" or die "$!\n";
        print $to "$stamp$body";
        close $to;
        my $signature = `openssl dgst -sha256 -sign $folder/key $folder/text | base64 -w 0`;
        return $post->('/webhooks/sendgrid', $body, '-H', "X-Twilio-Email-Event-Webhook-Signature: $signature",
            '-H', "X-Twilio-Email-Event-Webhook-Timestamp: $stamp", '-H', 'Content-Type: application/json');
    };
    my $status = sub { return join ' ', map { s/\n//r } query('SELECT status FROM hooks.contact ORDER BY contact_id') };
    my $counts = sub { sprintf qq({"recorded":"%s","repeated":"%s","unmatched":"%s","ignored":"%s"}\n200), @_ };

    my $complaint = '[{"event":"spamreport","email":"c1@example.org","timestamp":1767225600,"sg_event_id":"a"}]';
    like($post->('/webhooks/sendgrid', $complaint), qr/401$/, 'SendGrid: without a signature');
    like($signed->($complaint), qr/200$/, 'with one');
    is($signed->($complaint), $counts->(0, 1, 0, 0), 'posted again');
    is($status->(), 'complained active active active', 'the contact complained');
    like($signed->('{"odd":1}'), qr/no "event"|not of provider.*400$/s, 'another payload');
    like($signed->('{broken'), qr/400$/, 'no JSON');

    my $now = time;
    my $hmac = sub {
        my ($kind, $key, $of) = @_;
        return `printf '%s' '$of' | openssl dgst -$kind -hmac '$key' -r` =~ s/ .*//sr;
    };
    my @json = ('-H', 'Content-Type: application/json');
    my $mailgun = sprintf '{"signature":{"timestamp":"%s","token":"t","signature":"%s"},'
        . '"event-data":{"id":"x","event":"failed","severity":"permanent","reason":"bounce",'
        . '"recipient":"c2@example.org","timestamp":1767225600.5,'
        . '"delivery-status":{"code":550,"message":"5.1.1 unknown user"}}}',
        $now, $hmac->('sha256', 'mailgun key', "${now}t");
    like($post->('/webhooks/mailgun', $mailgun =~ s/"signature":"./"signature":"g/r, @json), qr/401$/,
        'Mailgun: a wrong signature');
    is($post->('/webhooks/mailgun', $mailgun, @json), $counts->(1, 0, 0, 0), 'a right one');
    is($status->(), 'complained hard_bounced active active', 'the address is dead');

    my $unsub = '{"RecordType":"SubscriptionChange","Recipient":"C3@example.org","SuppressSending":true,'
        . '"SuppressionReason":"ManualSuppression","ChangedAt":"2026-01-01T00:00:00Z"}';
    like($post->('/webhooks/postmark', $unsub, '-u', 'user:wrong', @json), qr/401$/,
        'Postmark: a wrong password');
    is($post->('/webhooks/postmark', $unsub, '-u', 'user:word', @json), $counts->(1, 0, 0, 0), 'a right one');
    is($status->(), 'complained hard_bounced unsubscribed active', 'the contact opted out');
    is(join('', query(q{SELECT count(*) FROM hooks.event WHERE source = 'mandrill'})), "0\n", 'before a form');
    my $events = '[{"event":"spam","ts":1767225600,"msg":{"email":"new@example.org"}}]';
    my $text = "https://hooks.example.org/webhooks/mandrillmandrill_events$events";
    my $form = join '', map { sprintf '%%%02X', ord } split //, $events;
    chomp(my $signature = `printf '%s' '$text' | openssl dgst -sha1 -hmac 'mandrill key' -binary | base64 -w 0`);
    is($post->('/webhooks/mandrill', "mandrill_events=$form", '-H', "X-Mandrill-Signature: $signature"),
        $counts->(0, 0, 1, 0),
        'Mandrill: a form, of an address without a contact');
    is(join('', query('SELECT kind FROM hooks.suppression')), "complained\n", 'which is suppressed');

    # one-click opt-outs
    my $link = '/unsubscribe/4/' . $hmac->('sha256', 'link key', '4');
    like(`curl -s --noproxy '*' http://127.0.0.1:$port$link`, qr/POST this/, 'a GET of the link');
    is($status->(), 'complained hard_bounced unsubscribed active', 'opts nobody out');
    like($post->('/unsubscribe/4/' . '0' x 64, 'List-Unsubscribe=One-Click'), qr/404$/, 'a wrong token');
    like($post->($link, 'List-Unsubscribe=One-Click'), qr/200$/, 'a POST');
    is($status->(), 'complained hard_bounced unsubscribed unsubscribed', 'opts out');
    like($post->('/webhooks/nobody', '{}'), qr/404$/, 'an unknown provider');
    kill 'TERM', $pid;
    close $out;
}
done_testing;
