/*
 * replies.c
 *		The parser of replies: codes, several replies in one text, and the formats
 *		in which replies are logged.  Reasons by phrase are in test/pgtap/replies.sql.
 */
#include "replies/concepts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static const cs_matcher *matcher;

static void *
allocate(size_t size)
{
	void	   *memory = malloc(size);

	if (memory == NULL)
		abort();
	return memory;
}

typedef struct Case
{
	const char *text;
	int			code;
	const char *enhanced;		/* "" for none */
	const char *reason;			/* NULL for none */
	const char *kind;
} Case;

static const Case cases[] = {
	/* codes */
	{"550 5.1.1 user unknown", 550, "5.1.1", "unknown_user", "nonexistent"},
	{"user unknown", 0, "", "unknown_user", "nonexistent"},
	{"421", 421, "", "system_error", "soft_bounced"},
	{"#550 5.1.1 not found", 550, "5.1.1", "unknown_user", "nonexistent"},
	{"(#5.1.1)", 0, "5.1.1", "unknown_user", "nonexistent"},
	{"552 5.1.0 5.2.2 no", 552, "5.2.2", "mailbox_full", "soft_bounced"},
	/* no codes: parts of addresses, hosts, ports, sizes, times, dates and numbers */
	{"<550@5.1.1.example.org>", 0, "", NULL, NULL},
	{"mx.example.org[192.0.2.550]", 0, "", NULL, NULL},
	{"connect to 192.5.1.1:25: Connection refused", 0, "", "network", "soft_bounced"},
	{"connect to mx.example.org[192.0.2.1]:550: Connection refused", 0, "", "network", "soft_bounced"},
	{"timed out after 550 seconds", 0, "", "network", "soft_bounced"},
	{"size: 552 bytes", 0, "", NULL, NULL},
	{"delay=450, delays=450/0/0/0", 0, "", NULL, NULL},
	{"2026-550-11 10:550:12", 0, "", NULL, NULL},
	{"Exim 4.96.2", 0, "", NULL, NULL},
	{"version 5.1.1.2", 0, "", NULL, NULL},
	{"order 550 of today", 0, "", NULL, NULL},
	{"5501 1550 550x x550", 0, "", NULL, NULL},
	/* addresses and host names have no words */
	{"<user-unknown@mailbox.full.example>", 0, "", NULL, NULL},
	{"host mailbox.full.example[192.0.2.1] said: 550 5.1.1 no", 550, "5.1.1", "unknown_user", "nonexistent"},
	{"relay=mx.example.org[192.0.2.1]:25", 0, "", NULL, NULL},
	{"Client blocked using zen.spamhaus.org", 0, "", "reputation_block", "blocked"},
	/* the lines of one reply are one reply */
	{"550-5.1.1 The mailbox does not 550 5.1.1 exist", 550, "5.1.1", "unknown_user", "nonexistent"},
	{"550-Requested action not taken\n550-see below\n550 mailbox is full", 550, "", "mailbox_full", "soft_bounced"},
	{"550-a\\r\\n550-b\\r\\n550 user unknown", 550, "", "unknown_user", "nonexistent"},
	/* of several replies the first that tells about the recipient */
	{"550 5.1.1 User unknown 503 5.5.1 Need RCPT", 550, "5.1.1", "unknown_user", "nonexistent"},
	{"450 busy, try later 551 not our user 503 need RCPT", 551, "", "unknown_user", "nonexistent"},
	{"354 End data with <CR><LF>.<CR><LF> 451 4.3.0 queue file write error", 451, "4.3.0", "system_error", "soft_bounced"},
	{"The address was not found. The response was: 550 5.2.2 mailbox full", 550, "5.2.2", "mailbox_full", "soft_bounced"},
	/* words take precedence over codes, and the more specific code over the other */
	{"550 5.1.1 sender is blacklisted", 550, "5.1.1", "reputation_block", "blocked"},
	{"552 5.1.1 5.2.2 mailbox is full", 552, "5.1.1", "mailbox_full", "soft_bounced"},
	{"550 5.7.1 no such user", 550, "5.7.1", "unknown_user", "nonexistent"},
	{"550 5.2.2", 550, "5.2.2", "mailbox_full", "soft_bounced"},
	{"550 5.1.99", 550, "5.1.99", "unknown_user", "nonexistent"},
	{"550 5.99.99", 550, "", "recipient_refused", "blocked"},
	/* the same sentence under 450 and 550 */
	{"550 mailbox unavailable", 550, "", "unknown_user", "nonexistent"},
	{"450 mailbox unavailable", 450, "", "unknown_user", "soft_bounced"},
	{"550 blocked by policy", 550, "", "policy", "blocked"},
	{"450 blocked by policy", 450, "", "policy", "soft_bounced"},
	{"450 user unknown", 450, "", "unknown_user", "nonexistent"},
	{"450 user unknown, try again later", 450, "", "unknown_user", "soft_bounced"},
	{"550 <a@b.example>: Recipient address rejected: Domain not found", 550, "", "unknown_host", "nonexistent"},
	{"450 <a@b.example>: Recipient address rejected: Domain not found", 450, "", "unknown_host", "soft_bounced"},
	{"550 <a@b.example>: Sender address rejected: Domain not found", 550, "", "sender_rejected", "blocked"},
	{"504 <a>: Recipient address rejected: need fully-qualified address", 504, "", "unknown_user", "nonexistent"},
	{"retry timeout exceeded for this recipient", 0, "", "expired", "soft_bounced"},
	{"550 account expired", 550, "", "mailbox_disabled", "hard_bounced"},
	{"550 unknown user (delivery attempts: 0)", 550, "", "unknown_user", "nonexistent"},
	{"535 5.7.8 authentication failed: unknown user", 535, "5.7.8", "login_required", "blocked"},
	/* no recipient is known before RCPT */
	{"550 unknown user (in reply to MAIL FROM command)", 550, "", "sender_rejected", "blocked"},
	{"host mx.example[192.0.2.1] refused to talk to me: 554 5.7.1 blocked", 554, "5.7.1", "policy", "soft_bounced"},
	/* formats of logs */
	{"Nov 27 10:11:12 mx postfix/smtp[550]: 4A: to=<a@b.example>, relay=mx.b.example[192.0.2.1]:25, delay=550, dsn=5.1.1, "
		"status=bounced (host mx.b.example[192.0.2.1] said: 552 5.2.2 mailbox full (in reply to RCPT TO command))",
	552, "5.2.2", "mailbox_full", "soft_bounced"},
	{"2026-11-27 10:11:12 1a-2b ** a@b.example R=dnslookup T=remote_smtp: SMTP error from remote mail server after RCPT TO:<a@b.example>: "
	"host mx.b.example [192.0.2.1]: 550 no such user", 550, "", "unknown_user", "nonexistent"},
	{"b,2026-11-27 10:11:12+0100,a@b.example,c@d.example,,failed,5.2.2 (mailbox full),smtp;552 5.2.2 over quota,mx (192.0.2.1)",
	552, "5.2.2", "mailbox_full", "soft_bounced"},
	{"{\"code\":550,\"enhanced_code\":{\"class\":5,\"subject\":1,\"detail\":1},\"content\":\"no such user\",\"command\":\"RCPT TO:<a@b.example>\"}",
	550, "", "unknown_user", "nonexistent"},
	{"smtp; 550 5.1.1 <a@b.example>... User unknown", 550, "5.1.1", "unknown_user", "nonexistent"},
	{"{\"error\":{\"reason\":\"552 mailbox full\"},\"code\":552,\"session-seconds\":450.5}", 552, "", "mailbox_full", "soft_bounced"},
	/* characters */
	{"EMPF\xC3\x84NGER UNBEKANNT", 0, "", "unknown_user", "nonexistent"},
	{"Empf\xE4nger unbekannt", 0, "", "unknown_user", "nonexistent"},
	{"Empfaenger unbekannt", 0, "", "unknown_user", "nonexistent"},
	{"user doesn\xE2\x80\x99t exist", 0, "", "unknown_user", "nonexistent"},
	{"us\xC2\xAD" "er unk\xE2\x80\x8Bnown", 0, "", "unknown_user", "nonexistent"},
	{"\xEF\xBC\xB5\xEF\xBC\xB3\xEF\xBC\xA5\xEF\xBC\xB2 unknown", 0, "", "unknown_user", "nonexistent"},
	{"NoSuchUser", 0, "", "unknown_user", "nonexistent"},
	{"", 0, "", NULL, NULL},
	{"\xFF\xFE\xC3", 0, "", NULL, NULL},
};

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
test_cases(void)
{
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		const Case *c = &cases[i];
		size_t		size = strlen(c->text);
		char	   *text = allocate(size + 1);	/* its own, so that a read past its end is seen */
		char		enhanced[32] = "";
		char		name[1024];
		cs_reply	r;

		memcpy(text, c->text, size);
		text = realloc(text, size > 0 ? size : 1);
		r = cs_classify_reply(matcher, text, size);
		if (r.enhanced_code[0] != 0)
			snprintf(enhanced, sizeof(enhanced), "%d.%d.%d", r.enhanced_code[0], r.enhanced_code[1], r.enhanced_code[2]);
		snprintf(name, sizeof(name), "%.300s: %d %s %s %s", c->text, r.smtp_code, enhanced, r.reason ? r.reason : "none", r.kind ? r.kind : "none");
		for (char *at = name; *at != '\0'; at++)
			if (*at == '\n' || *at == '#')
				*at = ' ';
		ok(r.smtp_code == c->code && same(enhanced, c->enhanced) && same(r.reason, c->reason) && same(r.kind, c->kind), name);
		free(text);
	}
}

/* The tables have no line that cannot be used. */
static void
test_tables(void)
{
	bool		has_rule[REASON_COUNT] = {false};
	bool		named = true;
	bool		right = true;
	bool		reasons = true;
	cs_reply_rule_text rule;

	for (int part = 0; part < VOCABULARY_PARTS; part++)
		for (const Phrases *line = cs_vocabulary[part]; line->phrases != NULL; line++)
			right = right && line->concept <= NOTHING && strstr(line->phrases, "||") == NULL && line->phrases[0] != '|' &&
				line->phrases[strlen(line->phrases) - 1] != '|';
	ok(right, "no phrase is empty");
	ok(cs_matcher_states(matcher) < 60000, "the automaton has room for more phrases");
	for (int i = 0; i < cs_word_rules_count; i++)
	{
		has_rule[cs_word_rules[i].reason] = true;
		for (int j = 0; j < i; j++)
			named = named && strcmp(cs_word_rules[i].name, cs_word_rules[j].name) != 0;
	}
	for (int i = 0; i < cs_code_rules_count; i++)
	{
		has_rule[cs_code_rules[i].reason] = true;
		for (int j = 0; j < i; j++)
			named = named && strcmp(cs_code_rules[i].name, cs_code_rules[j].name) != 0;
	}
	ok(named, "each rule has a name of its own");
	for (int i = 0; i < REASON_COUNT; i++)
		reasons = reasons && has_rule[i];
	ok(reasons, "each reason has a rule");
	ok(cs_describe_reply_rule(cs_word_rules_count + cs_code_rules_count - 1, &rule) &&
	   !cs_describe_reply_rule(cs_word_rules_count + cs_code_rules_count, &rule) && !cs_describe_reply_rule(-1, &rule), "all rules are described");
}

/* A fault that is not the recipient's never makes an address dead. */
static void
test_scopes(void)
{
	bool		safe = true;

	for (int i = 0; i < REASON_COUNT; i++)
		if (cs_reasons[i].scope != CS_SCOPE_RECIPIENT)
			for (int k = 0; k < 2; k++)
			{
				const char *kind = k ? cs_reasons[i].kind : cs_reasons[i].temporary_kind;

				safe = safe && (kind == NULL || (strcmp(kind, "nonexistent") != 0 && strcmp(kind, "hard_bounced") != 0));
			}
	ok(safe, "only faults of the recipient make an address dead");
}

static void
test_long(void)
{
	static const char *const pieces[] = {"a", "@", "a@", ".", "a.", "550 ", "550-5.1.1 user ", "5.1.1.", "user ", "\xE7\x94\xA8", "=", "\xFF"};
	const size_t size = 1 << 20;
	char	   *text = allocate(size);

	for (size_t i = 0; i < lengthof(pieces); i++)
	{
		size_t		length = strlen(pieces[i]);

		for (size_t at = 0; at < size; at++)
			text[at] = pieces[i][at % length];
		(void) cs_classify_reply(matcher, text, size);
	}
	free(text);
	ok(true, "a megabyte of each of some hostile texts");
}

void
test_replies(void)
{
	matcher = cs_build_matcher(allocate, free);
	test_cases();
	test_tables();
	test_scopes();
	test_long();
}
