/*
 * unit.c
 *		The rules and the replies alone, without a server.  Prints TAP.
 *
 * Rules by table, in the words of a story; and random events, of which only
 * must be true that nothing is broken by them: the sanitizers watch, facts that
 * a limit bounds stay bounded, and what is said to be unchanged is.
 */
#include "../lib/rules_alone.h"

#include "rules/address.h"

#include <stdio.h>

#include "unit.h"

static int	tests;
static int	failures;

void
ok(bool passed, const char *name)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
	failures += !passed;
}

/* ---- stories ---- */

static const cs_policy policies[] = {
	{.soft_bounce_limit = 5,.soft_bounces_per_campaign = 1,.soft_bounce_outcome = CS_STATUS_HARD_BOUNCED,.hard_bounce_limit = 1},
	{.soft_bounce_outcome = CS_STATUS_FAILING,.hard_bounce_limit = 2},
	{.soft_bounce_limit = 5,.soft_bounce_outcome = CS_STATUS_FAILING,.blocked_counts = true,
	.unresponsive_campaigns = 10,.unresponsive_after = 15 * DAY},
};

typedef struct Story
{
	const char *name;
	int			policy;
	cs_status	expected;
	struct
	{
		cs_kind		kind;
		int			campaign;	/* 0: none */
		const char *key;
	}			events[12];
} Story;

static const Story stories[] = {
	{"an import", 0, CS_STATUS_ACTIVE, {{CS_KIND_ADDED, 0, ""}}},
	{"an import never raises consent", 0, CS_STATUS_UNSUBSCRIBED,
	{{CS_KIND_ADDED, 0, ""}, {CS_KIND_UNSUBSCRIBED, 0, ""}, {CS_KIND_ADDED, 0, ""}}},
	{"a request confirmed by its own link", 0, CS_STATUS_ACTIVE,
	{{CS_KIND_ADDED, 0, ""}, {CS_KIND_UNSUBSCRIBED, 0, ""}, {CS_KIND_SIGNED_UP, 0, "k2"}, {CS_KIND_CONFIRMED, 0, "k2"}}},
	{"an old link revives nobody", 0, CS_STATUS_UNSUBSCRIBED,
	{{CS_KIND_SIGNED_UP, 0, "k1"}, {CS_KIND_UNSUBSCRIBED, 0, ""}, {CS_KIND_SIGNED_UP, 0, "k2"}, {CS_KIND_CONFIRMED, 0, "k1"}}},
	{"accepted, then bounced: the run goes on", 0, CS_STATUS_HARD_BOUNCED,
		{{CS_KIND_ADDED, 0, ""}, {CS_KIND_SOFT_BOUNCED, 1, ""}, {CS_KIND_SOFT_BOUNCED, 2, ""}, {CS_KIND_SOFT_BOUNCED, 3, ""},
	{CS_KIND_SOFT_BOUNCED, 4, ""}, {CS_KIND_DELIVERED, 5, ""}, {CS_KIND_DELIVERED, 5, ""}, {CS_KIND_SOFT_BOUNCED, 5, ""}}},
	{"a delivery that an open follows stands", 0, CS_STATUS_SOFT_BOUNCED,
		{{CS_KIND_ADDED, 0, ""}, {CS_KIND_SOFT_BOUNCED, 1, ""}, {CS_KIND_SOFT_BOUNCED, 2, ""}, {CS_KIND_SOFT_BOUNCED, 3, ""},
	{CS_KIND_SOFT_BOUNCED, 4, ""}, {CS_KIND_DELIVERED, 5, ""}, {CS_KIND_OPENED, 5, ""}, {CS_KIND_SOFT_BOUNCED, 5, ""}}},
	{"one permanent refusal of two", 1, CS_STATUS_SOFT_BOUNCED, {{CS_KIND_ADDED, 0, ""}, {CS_KIND_HARD_BOUNCED, 1, ""}}},
	{"two permanent refusals", 1, CS_STATUS_HARD_BOUNCED,
	{{CS_KIND_ADDED, 0, ""}, {CS_KIND_HARD_BOUNCED, 1, ""}, {CS_KIND_NONEXISTENT, 1, ""}}},
	{"blocks that count", 2, CS_STATUS_FAILING,
		{{CS_KIND_ADDED, 0, ""}, {CS_KIND_BLOCKED, 1, ""}, {CS_KIND_BLOCKED, 1, ""}, {CS_KIND_BLOCKED, 1, ""},
	{CS_KIND_BLOCKED, 1, ""}, {CS_KIND_BLOCKED, 1, ""}}},
	{"a complaint is for good", 0, CS_STATUS_COMPLAINED,
	{{CS_KIND_ADDED, 0, ""}, {CS_KIND_COMPLAINED, 0, ""}, {CS_KIND_RESUBSCRIBED, 0, ""}, {CS_KIND_CONFIRMED, 0, ""}}},
};

static void
test_stories(void)
{
	for (size_t i = 0; i < lengthof(stories); i++)
	{
		const Story *story = &stories[i];
		const cs_policy *policy = &policies[story->policy];
		cs_facts	contact = {0};
		cs_time		now = 0;

		for (int e = 0; e < 12 && story->events[e].key != NULL; e++)
		{
			cs_event	event = {.at = ++now,.kind = story->events[e].kind,.list = {true, 1},
				.campaign = {story->events[e].campaign != 0, story->events[e].campaign},
				.key = story->events[e].key,.key_size = strlen(story->events[e].key),
			.rules = {.double_opt_in = true}};

			cs_apply_event(&contact, policy, &event);
		}
		ok(cs_contact_status(&contact, cs_address_status(&contact, policy, now)) == story->expected,
		   story->name);
		release(&contact);
	}
}

/* ---- time ---- */

static void
test_time(void)
{
	const cs_policy *policy = &policies[2];
	cs_facts	contact = {0};
	cs_event	sent = {.at = 0,.kind = CS_KIND_SENT,.campaign = {true, 1}};
	cs_event	held = {.at = DAY,.kind = CS_KIND_SUSPENDED,.until = {true, 2 * DAY}};

	cs_apply_event(&contact, policy, &sent);
	cs_apply_event(&contact, policy, &held);
	ok(cs_due(&contact, policy, DAY) == 2 * DAY, "the end of the suspension is due first");
	ok(cs_address_status(&contact, policy, DAY) == CS_STATUS_SUSPENDED, "held until then");
	ok(cs_address_status(&contact, policy, 2 * DAY) == CS_STATUS_ACTIVE, "and free from then on");
	ok(cs_due(&contact, policy, 2 * DAY) == 15 * DAY, "then unresponsiveness");
	ok(cs_address_status(&contact, policy, 15 * DAY) == CS_STATUS_UNRESPONSIVE, "reached counts");
	ok(cs_due(&contact, policy, 15 * DAY) == CS_NEVER, "then nothing");
	release(&contact);
}

/* ---- random events ---- */

static uint64_t seed = 20261121;

static int
below(int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int) (seed % (uint64_t) n);
}

static void
test_random(void)
{
	bool		bounded = true,
				honest = true,
				copied = true;
	cs_facts	contact = {0},
				before = {0};

	for (int round = 0; round < 2000; round++)
	{
		cs_policy	policy = policies[below(lengthof(policies))];
		cs_time		now = below(2) ? INT64_MIN : 0;

		if (below(2))
			policy.soft_bounce_window = below(3) ? DAY : INT64_MAX;
		cs_clear_facts(&contact);
		for (int i = 0; i < 100; i++)
		{
			static const char *const keys[] = {"", "a", "ab", "a longer key than those"};
			const char *key = keys[below(4)];
			cs_event	event = {.kind = below(CS_KINDS),.list = {below(8) > 0, below(4)},
				.campaign = {below(3) > 0, below(4)},.key = key,.key_size = strlen(key),.manual = below(2),
				.until = {below(2), below(2) ? INT64_MAX : INT64_MIN},
			.rules = {below(2), below(2), below(2), below(2)}};

			now = below(20) ? (now < INT64_MAX - DAY ? now + below(1000000) : now) : INT64_MAX - below(9);
			event.at = now;
			if (cs_touches_consent(event.kind) && event.kind != CS_KIND_UNSUBSCRIBED)
				event.list.set = true;
			cs_copy_facts(&before, &contact);
			if (!cs_apply_event(&contact, &policy, &event))
			{
				honest = honest && cs_same_address_facts(&before, &contact) &&
					before.consent_count == contact.consent_count;
				for (int s = 0; honest && s < contact.consent_count; s++)
					honest = cs_same_consent(&before.consents[s], &contact.consents[s]);
			}
			bounded = bounded && contact.run_count <= 5 && contact.unanswered_count <= 10 &&
				contact.hard_bounces <= 1 && contact.consent_count <= 4;
			cs_copy_facts(&before, &contact);
			copied = copied && cs_same_address_facts(&before, &contact);
			(void) cs_due(&contact, &policy, now);
			(void) cs_address_status(&contact, &policy, now);
		}
	}
	ok(bounded, "random events: facts stay within their limits");
	ok(honest, "random events: what is said to be unchanged is");
	ok(copied, "random events: a copy is the same");
	release(&contact);
	release(&before);
}

/* ---- order ---- */

static void
test_order(void)
{
	cs_event	a = {.at = 1,.kind = CS_KIND_CONFIRMED,.list = {true, 1},.key = "a",.key_size = 1};
	cs_event	b = a;

	ok(cs_compare_events(&a, &b) == 0, "an event equals itself");
	b.key = "ab", b.key_size = 2;
	ok(cs_compare_events(&a, &b) < 0 && cs_compare_events(&b, &a) > 0, "keys by byte, the shorter first");
	b.campaign = (cs_id) {true, INT64_MIN};
	ok(cs_compare_events(&a, &b) < 0, "no campaign before any");
	b = a, b.list.set = false;
	ok(cs_compare_events(&b, &a) < 0, "no list before any");
	b = a, b.kind = CS_KIND_UNSUBSCRIBED;
	ok(cs_compare_events(&a, &b) < 0, "what restricts comes last");
	b = a, b.at = 0;
	ok(cs_compare_events(&b, &a) < 0, "time before all");
}

/* ---- addresses ---- */

/* A text, and its trimmed form if it is an address. */
static const struct
{
	const char *given;
	const char *address;		/* NULL: it is none */
}			addresses[] = {
	{"ann@example.org", "ann@example.org"},
	{" \t\r\nann@example.org \v\f", "ann@example.org"},
	{"\u00A0ann@example.org\u3000", "ann@example.org"},
	{"\uFEFFann@example.org", "ann@example.org"},
	{"\u200Bann@example.org\u200D", "ann@example.org"},
	{"\u202Aann@example.org\u202C", "ann@example.org"},
	{"\u017Elu\u0165ou\u010Dk\u00FD@p\u0159\u00EDklad.cz", "\u017Elu\u0165ou\u010Dk\u00FD@p\u0159\u00EDklad.cz"},
	{"\u7528\u6237@\u4F8B\u5B50.\u5E7F\u544A", "\u7528\u6237@\u4F8B\u5B50.\u5E7F\u544A"},
	{"a@b", "a@b"},
	{"o'brien+tag=x!#$%&*/?^_`{|}~.-@example.org", "o'brien+tag=x!#$%&*/?^_`{|}~.-@example.org"},
	{"ann@[192.0.2.1]", "ann@[192.0.2.1]"},
	{"ann@[IPv6:2001:db8::1]", "ann@[IPv6:2001:db8::1]"},
	{"", NULL}, {" ", NULL}, {"@", NULL}, {"ann", NULL}, {"ann@", NULL}, {"@example.org", NULL}, {"ann@b@example.org", NULL},
	{"ann @example.org", NULL}, {"ann@exam ple.org", NULL}, {"an\u00A0n@example.org", NULL}, {"ann@example.org\u3000x", NULL},
	{"an\u00ADn@example.org", NULL}, {"\u00ADann@example.org", NULL}, {"ann@exam\u200Bple.org", NULL},
	{"ann@\u200Eexample.org", NULL}, {"ann\uFEFF@example.org", NULL}, {"ann\u2060@example.org", NULL},
	{"an\u180En@example.org", NULL}, {"an\u3164n@example.org", NULL}, {"ann@example\uFE0F.org", NULL},
	{"an\x01n@example.org", NULL}, {"an\x7Fn@example.org", NULL}, {"an\xC2\x85" "n@example.org", NULL},
	{"<ann@example.org>", NULL}, {"Ann <ann@example.org>", NULL}, {"ann@example.org,bob@example.org", NULL},
	{"ann@example.org;", NULL}, {"ann@example.org,", NULL}, {"ann@example.org.", NULL}, {"ann@example.org:", NULL},
	{"'ann@example.org'", NULL}, {"\"ann@example.org\"", NULL}, {"(ann@example.org)", NULL}, {"[ann@example.org]", NULL},
	{"mailto:ann@example.org", NULL}, {"MAILTO:ann@example.org", NULL}, {"x-a+b.c:ann@example.org", NULL},
	{"ann@example\uFF0Eorg", NULL}, {"ann@\uFF45\uFF58ample.org", NULL}, {"ann\uFF20example.org", NULL},
	{"ann@example\u3002org", NULL}, {"ann@\U0001D41Example.org", NULL}, {"ann@example.org\u2026", NULL},
	{"*@example.org", NULL}, {"ann@*", NULL}, {"*", NULL}
};

static void
test_addresses(void)
{
	char		text[400];

	for (size_t i = 0; i < lengthof(addresses); i++)
	{
		const char *given = addresses[i].given,
				   *wanted = addresses[i].address;
		size_t		size = cs_trim_address(&given, strlen(given), true);
		char		name[200];

		snprintf(name, sizeof(name), "%s %s an address", addresses[i].given, wanted ? "is" : "is not");
		for (char *c = name; *c; c++)
			if ((unsigned char) *c < ' ')
				*c = '?';
		ok(cs_is_address(given, size, true) == (wanted != NULL) &&
		   (wanted == NULL || (size == strlen(wanted) && memcmp(given, wanted, size) == 0)), name);
	}
	memset(text, 'a', sizeof(text));
	text[64] = '@';
	ok(cs_is_address(text, 254, true) && !cs_is_address(text, 255, true), "an address has at most 254 octets");
	text[64] = 'a', text[65] = '@';
	ok(!cs_is_address(text, 200, true), "at most 64 of them are before the @");
	ok(cs_is_address("\xA0\xE9@b.fr", 7, false), "bytes of other encodings have no meaning");
	ok(cs_is_address("\xC2@\xE2\x80", 4, true), "nor has a broken sequence");
}

int
main(void)
{
	test_addresses();
	test_stories();
	test_time();
	test_order();
	test_random();
	test_replies();
	printf("1..%d\n", tests);
	return failures ? 1 : 0;
}
