/*
 * rules.c
 *		Fuzz target: the state machine, on any events under any policy.
 *
 * The bytes are read as a policy and a stream of events.  The sanitizers watch
 * for broken memory and arithmetic; the rest are sentences of the rules that
 * must hold whatever happened, checked after every event and at the end.
 */
#include "../lib/rules_alone.h"

#include <stdio.h>

#define MAX_EVENTS 64

#define CHECK(what, ...) \
	do { if (!(what)) { fprintf(stderr, "%s:%d: " #what ": ", __func__, __LINE__); \
		fprintf(stderr, __VA_ARGS__); fputc('\n', stderr); abort(); } } while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- from bytes ---- */

typedef struct Input
{
	const uint8_t *data;
	size_t		size;
} Input;

static unsigned
byte(Input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

static int64_t
number(Input *in)
{
	uint64_t	result = 0;

	for (int i = 0; i < 8; i++)
		result = result << 8 | byte(in);
	return (int64_t) result;
}

/* Few small ids, so that events meet; now and then any. */
static cs_id
id(Input *in)
{
	unsigned	b = byte(in);

	if (b < 32)
		return (cs_id) {0};
	return (cs_id) {true, b < 240 ? (int64_t) b % 4 : number(in)};
}

static cs_policy
read_policy(Input *in)
{
	static const int limits[] = {0, 1, 2, 3, 5, 10, CS_LIMIT_MAX, 4};
	static const cs_time times[] = {0, 1, 1000, DAY, 15 * DAY, INT64_MAX, INT64_MAX - 1, 5000};
	cs_policy	policy = {0};

	policy.soft_bounce_limit = limits[byte(in) % 8];
	policy.soft_bounces_per_campaign = limits[byte(in) % 8];
	policy.soft_bounce_window = times[byte(in) % 8];
	policy.soft_bounce_outcome = byte(in) % 2 ? CS_STATUS_FAILING : CS_STATUS_HARD_BOUNCED;
	policy.blocked_counts = byte(in) % 2;
	policy.soft_bounce_memory = times[byte(in) % 8];
	policy.hard_bounce_limit = limits[byte(in) % 8];
	policy.hard_bounces_per_campaign = limits[byte(in) % 8];
	policy.unresponsive_campaigns = limits[byte(in) % 8];
	policy.unresponsive_after = times[byte(in) % 8];
	return policy;
}

static cs_event
read_event(Input *in, cs_time *clock)
{
	static const char keys[] = "k1k2\0\xff";
	cs_event	e = {0};
	unsigned	b = byte(in);

	/* near the one before, so that ties and disorder are frequent */
	if (b < 240)
	{
		if (__builtin_add_overflow(*clock, (int) b - 60, clock))
			*clock = 0;
	}
	else
		*clock = b < 244 ? INT64_MIN : b < 248 ? INT64_MAX - 1 : number(in);
	if (*clock == CS_NEVER)
		*clock = CS_NEVER - 1;	/* which is later than any moment */
	e.at = *clock;
	e.kind = byte(in) % CS_KINDS;
	e.list = id(in);
	e.campaign = id(in);
	b = byte(in);
	e.key = keys + b % 4;
	e.key_size = b / 4 % 3;
	e.manual = b & 128;
	b = byte(in);
	e.rules = (cs_consent_rules) {b & 1, b & 2, b & 4, b & 8, b & 16 ? DAY : 0};
	/* what an erasure leaves is account-wide */
	e.erasure = (b & 96) == 96 && e.kind == CS_KIND_UNSUBSCRIBED;
	if (e.erasure)
		e.list = (cs_id) {0};
	if (e.kind == CS_KIND_SUSPENDED && b & 128)
	{
		unsigned	length = byte(in);

		e.until.set = true;
		if (length >= 250 || __builtin_add_overflow(e.at, (cs_time) length, &e.until.at))
			e.until.at = number(in);
	}
	return e;
}

/* ---- sentences about one state ---- */

static void
check_same(const cs_facts *a, const cs_facts *b, const char *what)
{
	CHECK(cs_same_address_facts(a, b), "%s", what);
	CHECK(a->consent_count == b->consent_count, "%s", what);
	for (int i = 0; i < a->consent_count; i++)
		CHECK(cs_same_consent(&a->consents[i], &b->consents[i]), "%s", what);
}

static bool
same_moment(cs_moment a, cs_moment b)
{
	return a.set == b.set && (!a.set || a.at == b.at);
}

/* What the person and the owner said, which no delivery may touch. */
static void
check_same_said(const cs_facts *a, const cs_facts *b, const char *what)
{
	CHECK(same_moment(a->complained, b->complained), "%s", what);
	CHECK(same_moment(a->deleted, b->deleted), "%s", what);
	CHECK(same_moment(a->unsubscribed, b->unsubscribed), "%s", what);
	CHECK(same_moment(a->erased, b->erased), "%s", what);
	CHECK(same_moment(a->suspended, b->suspended), "%s", what);
	CHECK(same_moment(a->suspended_until, b->suspended_until), "%s", what);
	CHECK(a->consent_count == b->consent_count, "%s", what);
	for (int i = 0; i < a->consent_count; i++)
		CHECK(cs_same_consent(&a->consents[i], &b->consents[i]), "%s", what);
}

/* active < soft_bounced < failing < hard_bounced, whatever else holds */
static cs_status
deliverability(const cs_facts *c, const cs_policy *p)
{
	cs_facts	bare = *c;

	bare.suspended = bare.complained = bare.deleted = bare.lapsed = (cs_moment) {0};
	bare.unanswered_count = 0;
	return cs_address_status(&bare, p, 0);
}

static void
check_bounds(const cs_facts *c, const cs_policy *p, cs_time at)
{
	int			campaigns = p->unresponsive_campaigns ? p->unresponsive_campaigns : 1;

	bool		by_campaign = p->soft_bounces_per_campaign || p->soft_bounce_window;

	CHECK(c->run_count <= (p->soft_bounce_limit ? p->soft_bounce_limit :
						   p->soft_bounce_memory && by_campaign ? CS_LIMIT_MAX : 1), "%d", c->run_count);
	CHECK(c->hard_campaign_count == (p->hard_bounces_per_campaign ? c->hard_bounces : 0), "%d", c->hard_campaign_count);
	CHECK(c->last_error.set == (p->soft_bounce_memory && (c->run_count > 0 || c->hard_bounces > 0)), "the last error");
	CHECK(c->unanswered_count <= campaigns, "%d", c->unanswered_count);
	CHECK(c->hard_bounces == 0 || c->hard_bounces < p->hard_bounce_limit, "%d", c->hard_bounces);
	CHECK(!c->hard_bounced.set || (c->run_count == 0 && c->hard_bounces == 0), "dead, with a run");
	for (int i = 0; i < c->consent_count; i++)
	{
		const cs_consent *s = &c->consents[i];

		CHECK(i == 0 || s[-1].list < s->list, "consents out of order");
		CHECK(s->consent == CS_STATUS_ACTIVE || s->consent == CS_STATUS_UNCONFIRMED ||
			  s->consent == CS_STATUS_UNSUBSCRIBED, "%d", s->consent);
		CHECK(!s->requested.set || s->consent == CS_STATUS_UNSUBSCRIBED ||
			  (s->consent == CS_STATUS_UNCONFIRMED && c->address_since.set), "a request without an opt-out");
		CHECK(s->at <= at && (!s->requested.set || s->requested.at >= s->at), "a time that was not yet");
	}
	CHECK(!c->complained.set || c->complained.at <= at, "complained ahead");
	CHECK(!c->erased.set || c->unsubscribed.set, "erased without an opt-out");
}

/* The greatest of the facts, the best of the subscriptions; and nothing falls due before it is said to. */
static void
check_status(const cs_facts *c, const cs_policy *p, cs_time now)
{
	cs_status	address = cs_address_status(c, p, now);
	cs_status	best = CS_STATUS_DELETED;
	cs_time		due = cs_due(c, p, now);
	cs_time		middle;

	CHECK(address >= deliverability(c, p), "%d", address);
	CHECK(!c->hard_bounced.set || address >= CS_STATUS_HARD_BOUNCED, "%d", address);
	CHECK(!c->complained.set || address >= CS_STATUS_COMPLAINED, "%d", address);
	CHECK(!c->deleted.set || address == CS_STATUS_DELETED, "%d", address);
	CHECK(!c->suspended.set || (c->suspended_until.set && c->suspended_until.at <= now) ||
		  address >= CS_STATUS_SUSPENDED, "%d", address);
	for (int i = 0; i < c->consent_count; i++)
	{
		cs_status	status = cs_subscription_status(c->consents[i].consent, address);

		CHECK(status >= address && status >= c->consents[i].consent, "%d", status);
		CHECK(status == address || status == c->consents[i].consent, "%d", status);
		if (status < best)
			best = status;
	}
	if (c->consent_count > 0)
		CHECK(cs_contact_status(c, address) == best, "%d", best);
	else
		CHECK(!cs_is_mailable(cs_contact_status(c, address)), "mailable without a consent");

	CHECK(due > now, "due in the past");
	middle = now + (cs_time) (((uint64_t) due - 1 - (uint64_t) now) / 2);
	CHECK(cs_address_status(c, p, middle) == address, "changed before it was due");
	CHECK(cs_address_status(c, p, due - 1) == address, "changed before it was due");
	if (due != CS_NEVER)
		CHECK(cs_due(c, p, due) > due, "due twice");
}

/* ---- sentences about one event ---- */

static bool
is_delivery(cs_kind kind)
{
	return (kind >= CS_KIND_VALIDATED && kind <= CS_KIND_INVALIDATED);
}

static void
check_step(const cs_facts *before, const cs_facts *after, const cs_policy *p, const cs_event *e, bool changed)
{
	if (!changed)
		check_same(before, after, "said to be unchanged");
	if (is_delivery(e->kind))
		check_same_said(before, after, "a delivery event touched what was said");
	if (e->kind >= CS_KIND_SOFT_BOUNCED && e->kind <= CS_KIND_INVALIDATED)
		CHECK(deliverability(after, p) >= deliverability(before, p), "an error made it better");
	CHECK(!before->complained.set || after->complained.set, "a complaint went");
	CHECK(!before->unsubscribed.set || after->unsubscribed.set, "an account-wide opt-out went");
	CHECK(!before->monitored || after->monitored, "monitored no more");
	if (before->erased.set && !after->erased.set)
		CHECK(e->kind == CS_KIND_CONFIRMED, "%s ended an erasure", cs_kind_labels[e->kind]);
	if (!cs_touches_consent(e->kind))
		CHECK(before->consent_count == after->consent_count, "%s touched consents", cs_kind_labels[e->kind]);
	for (int i = 0; i < before->consent_count; i++)
	{
		const cs_consent *was = &before->consents[i];
		const cs_consent *is = cs_find_consent(after, was->list);

		if (e->kind == CS_KIND_ADDED)
			CHECK(is != NULL && cs_same_consent(was, is), "an import changed a consent");
		if (was->consent != CS_STATUS_UNSUBSCRIBED)
			continue;
		CHECK(is != NULL, "an opt-out went");
		if (is->consent == CS_STATUS_UNSUBSCRIBED)
			continue;
		CHECK(is->consent == CS_STATUS_ACTIVE && e->list.id == was->list, "an opt-out became something else");
		if (e->kind == CS_KIND_CONFIRMED)
			CHECK(was->requested.set && (e->rules.confirm_within == 0 || e->at < was->requested.at ||
										 (uint64_t) e->at - (uint64_t) was->requested.at <= (uint64_t) e->rules.confirm_within), "an old link");
		if (e->kind == CS_KIND_CONFIRMED)
			CHECK(was->requested.set && (was->key_size == 0 || (was->key_size == e->key_size &&
				  memcmp(was->key, e->key, e->key_size) == 0)), "an old link revived");
		else
			CHECK(e->kind == CS_KIND_RESUBSCRIBED && !before->complained.set && !e->rules.resubscribe_never &&
				  !before->erased.set, "%s revived", cs_kind_labels[e->kind]);
	}
}

/* A late event lifts nothing that is later than itself. */
static void
check_late(const cs_facts *before, const cs_facts *after, const cs_event *e)
{
	cs_time		own = e->at - e->late_by;

	CHECK(!before->complained.set || after->complained.set, "a complaint went");
	CHECK(!before->deleted.set || before->deleted.at < own || after->deleted.set, "a later deletion went");
	CHECK(!before->suspended.set || before->suspended.at < own || after->suspended.set, "a later suspension went");
	CHECK(!before->lapsed.set || before->lapsed.at < own || after->lapsed.set, "a later lapse went");
	CHECK(!before->hard_bounced.set || before->hard_bounced.at < own || after->hard_bounced.set, "a later refusal went");
	for (int i = 0; i < before->consent_count; i++)
	{
		const cs_consent *was = &before->consents[i];
		const cs_consent *is = cs_find_consent(after, was->list);

		if (was->consent == CS_STATUS_UNSUBSCRIBED && was->at >= own)
			CHECK(is != NULL && is->consent == CS_STATUS_UNSUBSCRIBED, "a later opt-out went");
		if (was->consent == CS_STATUS_UNCONFIRMED && was->at > own)
			CHECK(is != NULL && is->consent != CS_STATUS_ACTIVE, "a later sign-up was confirmed");
	}
}

/* ---- folds ---- */

static int
compare(const void *a, const void *b)
{
	return cs_compare_events(*(const cs_event *const *) a, *(const cs_event *const *) b);
}

static void
fold(cs_facts *c, const cs_policy *p, const cs_event *const *events, int count)
{
	for (int i = 0; i < count; i++)
		cs_apply_event(c, p, events[i]);
}

/* The same facts by way of what a reader of stored rows calls. */
static void
load(cs_facts *to, const cs_facts *from)
{
	cs_clear_facts(to);
	for (int i = 0; i < from->run_count; i++)
		cs_load_error(to, from->run[i].campaign, from->run[i].at);
	for (int i = 0; i < from->unanswered_count; i++)
		cs_load_unanswered(to, from->unanswered[i]);
	for (int i = 0; i < from->hard_campaign_count; i++)
		cs_load_hard_campaign(to, from->hard_campaigns[i]);
	to->last_error = from->last_error;
	to->lapsed = from->lapsed;
	to->hard_bounces = from->hard_bounces;
	to->hard_bounced = from->hard_bounced;
	to->delivered = from->delivered;
	to->unanswered_since = from->unanswered_since;
	to->suspended = from->suspended;
	to->suspended_until = from->suspended_until;
	to->complained = from->complained;
	to->deleted = from->deleted;
	to->unsubscribed = from->unsubscribed;
	to->erased = from->erased;
	to->address_since = from->address_since;
	to->monitored = from->monitored;
	for (int i = 0; i < from->consent_count; i++)
	{
		const cs_consent *s = &from->consents[i];
		cs_consent *loaded = cs_load_consent(to, s->list, s->consent, s->at);

		if (s->requested.set)
			cs_load_request(loaded, s->requested.at, s->key, s->key_size);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		in = {data, size};
	cs_policy	policy = read_policy(&in);
	cs_policy	other = read_policy(&in);
	unsigned	cut = byte(&in);
	cs_time		clock = 0;
	cs_event	events[MAX_EVENTS];
	const cs_event *sorted[MAX_EVENTS],
			   *again[MAX_EVENTS],
			   *said[MAX_EVENTS],
			   *unasked[MAX_EVENTS];
	int			arrived = 0,
				count = 0,
				spoken = 0,
				left = 0;
	cs_facts	whole = {0},
				before = {0},
				pieces = {0},
				rest = {0};

	while (in.size > 0 && arrived < MAX_EVENTS)
		events[arrived++] = read_event(&in, &clock);

	/* sorted from two orders of arrival; the same event comes once */
	for (int i = 0; i < arrived; i++)
	{
		bool		known = false;

		for (int j = 0; j < count && !known; j++)
			known = cs_compare_events(sorted[j], &events[i]) == 0;
		if (!known)
			sorted[count++] = &events[i];
	}
	for (int i = 0; i < count; i++)
		again[i] = sorted[(i + cut) % count];
	qsort(sorted, count, sizeof(sorted[0]), compare);
	qsort(again, count, sizeof(again[0]), compare);
	for (int i = 0; i < count; i++)
	{
		CHECK(sorted[i] == again[i], "the order depends on the arrival");
		CHECK(i == 0 || cs_compare_events(sorted[i - 1], sorted[i]) < 0, "not in order");
		CHECK(i == 0 || cs_compare_events(sorted[i], sorted[i - 1]) > 0, "not in order");
	}

	/* event by event */
	for (int i = 0; i < count; i++)
	{
		bool		changed;

		cs_copy_facts(&before, &whole);
		check_same(&before, &whole, "a copy differs");
		changed = cs_apply_event(&whole, &policy, sorted[i]);
		check_step(&before, &whole, &policy, sorted[i], changed);
		check_bounds(&whole, &policy, sorted[i]->at);
		check_status(&whole, &policy, sorted[i]->at);
	}

	/* in two pieces, by way of a copy or of stored facts */
	if (count > 0)
	{
		int			first = cut % (count + 1);

		fold(&pieces, &policy, sorted, first);
		if (cut & 128)
			cs_copy_facts(&rest, &pieces);
		else
			load(&rest, &pieces);
		fold(&rest, &policy, sorted + first, count - first);
		check_same(&whole, &rest, "in pieces");
	}

	/* without any delivery, under other rules of delivery: what was said is the same */
	for (int i = 0; i < count; i++)
		if (!is_delivery(sorted[i]->kind))
			said[spoken++] = sorted[i];
	cs_clear_facts(&rest);
	fold(&rest, &other, said, spoken);
	check_same_said(&whole, &rest, "without deliveries");

	/* without imports: who is not mailable on a list for an opt-out there is not so by them either */
	for (int i = 0; i < count; i++)
		if (sorted[i]->kind != CS_KIND_ADDED)
			unasked[left++] = sorted[i];
	cs_clear_facts(&rest);
	fold(&rest, &policy, unasked, left);
	for (int i = 0; i < rest.consent_count; i++)
		if (rest.consents[i].consent == CS_STATUS_UNSUBSCRIBED)
		{
			const cs_consent *s = cs_find_consent(&whole, rest.consents[i].list);

			CHECK(s != NULL && s->consent == CS_STATUS_UNSUBSCRIBED, "imports raised an opt-out");
		}

	/* an event that is heard after a horizon, and dated before it */
	if (count > 1)
	{
		cs_event	late = *sorted[cut % count];

		late.before_change = true;
		late.at = sorted[count - 1]->at;
		cs_copy_facts(&before, &whole);
		if (!__builtin_sub_overflow(late.at, sorted[cut % count]->at, &late.late_by) && late.late_by > 0)
		{
			cs_apply_event(&before, &policy, &late);
			check_late(&whole, &before, &late);
		}
	}

	/* another address: what the person said stays, but for what waits for a confirmation */
	cs_copy_facts(&before, &whole);
	for (int i = 0; i < before.consent_count; i++)
	{
		before.consents[i].requested = (cs_moment) {0};
		before.consents[i].key_size = 0;
	}
	clock = count > 0 ? sorted[count - 1]->at : 0;
	cs_change_address(&whole, clock);
	check_same_said(&before, &whole, "another address");
	cs_copy_facts(&before, &whole);
	for (int i = 0; i < whole.consent_count; i++)
	{
		cs_event	link = {.at = clock + 1,.kind = CS_KIND_CONFIRMED,.list = {true, whole.consents[i].list}};

		cs_apply_event(&before, &policy, &link);
		CHECK(before.consents[i].consent == whole.consents[i].consent, "an old link confirmed");
	}
	CHECK(deliverability(&whole, &policy) == CS_STATUS_ACTIVE, "a new address has the errors of the old one");

	release(&whole);
	release(&before);
	release(&pieces);
	release(&rest);
	return 0;
}
