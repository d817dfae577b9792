/*
 * machine.c
 *		The rules: one event at a time.
 *
 * cs_apply() is the table of the rules, a case a row; the functions before it
 * are the sentences that several rows share.  Every change of a fact goes
 * through one of the small setters, which note that something changed.
 */
#include "machine.h"

#include <string.h>

const char *const cs_status_labels[CS_STATUSES] = {
	"active", "soft_bounced", "unresponsive", "unconfirmed", "suspended",
	"failing", "hard_bounced", "unsubscribed", "complained", "deleted"
};

const char *const cs_kind_labels[CS_KINDS] = {
	"signed_up", "added", "confirmed", "resubscribed", "released", "restored",
	"validated", "sent", "delivered", "opened", "clicked", "visited",
	"soft_bounced", "blocked", "hard_bounced", "nonexistent", "invalidated",
	"suspended", "removed", "unsubscribed", "complained", "deleted"
};

/* ---- times and memory ---- */

/* a - b and a + b that stay at the ends of the scale */
static cs_time
elapsed(cs_time from, cs_time to)
{
	cs_time		result;

	if (__builtin_sub_overflow(to, from, &result))
		return to > from ? INT64_MAX : INT64_MIN;
	return result;
}

static cs_time
later(cs_time at, cs_time interval)
{
	cs_time		result;

	if (__builtin_add_overflow(at, interval, &result))
		return interval > 0 ? INT64_MAX : INT64_MIN;
	return result;
}

/* room for one more element of an array */
static void *
room(void *array, int count, int *space, size_t element)
{
	int			wanted;

	if (count < *space)
		return array;
	wanted = *space ? 2 * *space : 4;
	array = cs_resize(array, wanted * element);
	memset((char *) array + *space * element, 0, (wanted - *space) * element);
	*space = wanted;
	return array;
}

/* ---- setters ---- */

static void
set_moment(cs_contact *c, cs_moment *moment, cs_time at)
{
	if (moment->set && moment->at == at)
		return;
	moment->set = true;
	moment->at = at;
	c->changed = true;
}

static void
clear_moment(cs_contact *c, cs_moment *moment)
{
	if (!moment->set)
		return;
	moment->set = false;
	moment->at = 0;
	c->changed = true;
}

static void
set_delivered(cs_contact *c, cs_id campaign)
{
	if (c->delivered.set == campaign.set && c->delivered.id == campaign.id)
		return;
	c->delivered = campaign;
	c->changed = true;
}

static void
set_monitored(cs_contact *c)
{
	if (c->monitored)
		return;
	c->monitored = true;
	c->changed = true;
}

/* ---- consent ---- */

static int
consent_position(const cs_contact *c, int64_t list)
{
	int			low = 0,
				high = c->consent_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (c->consents[middle].list < list)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

cs_consent *
cs_find_consent(const cs_contact *c, int64_t list)
{
	int			i = consent_position(c, list);

	if (i < c->consent_count && c->consents[i].list == list)
		return &c->consents[i];
	return NULL;
}

/* A consent slot moves with its key's memory, so that slots can be used again. */
static cs_consent *
insert_consent(cs_contact *c, int i, int64_t list)
{
	cs_consent	spare;

	c->consents = room(c->consents, c->consent_count, &c->consent_space, sizeof(cs_consent));
	spare = c->consents[c->consent_count];
	memmove(&c->consents[i + 1], &c->consents[i], (c->consent_count - i) * sizeof(cs_consent));
	c->consent_count++;
	spare.list = list;
	spare.requested = (cs_moment) {0};
	spare.key_size = 0;
	c->consents[i] = spare;
	return &c->consents[i];
}

static void
remove_consent(cs_contact *c, int i)
{
	cs_consent	spare = c->consents[i];

	c->consent_count--;
	memmove(&c->consents[i], &c->consents[i + 1], (c->consent_count - i) * sizeof(cs_consent));
	c->consents[c->consent_count] = spare;
	c->changed = true;
}

static void
void_request(cs_contact *c, cs_consent *s)
{
	clear_moment(c, &s->requested);
	s->key_size = 0;
}

/* Set the consent on a list; whatever was asked for there is settled by it. */
static void
set_consent(cs_contact *c, int64_t list, cs_status consent, cs_time at)
{
	cs_consent *s = cs_find_consent(c, list);

	if (s == NULL)
		s = insert_consent(c, consent_position(c, list), list);
	else if (s->consent == consent && s->at == at && !s->requested.set)
		return;
	s->consent = consent;
	s->at = at;
	void_request(c, s);
	c->changed = true;
}

static void
subscribe(cs_contact *c, const cs_event *e)
{
	cs_consent *s = cs_find_consent(c, e->list.id);

	if (s == NULL || s->consent != CS_STATUS_ACTIVE)
		set_consent(c, e->list.id, CS_STATUS_ACTIVE, e->at);
}

static void
set_request(cs_contact *c, cs_consent *s, const cs_event *e)
{
	if (s->requested.set && s->requested.at == e->at &&
		s->key_size == e->key_size &&
		(e->key_size == 0 || memcmp(s->key, e->key, e->key_size) == 0))
		return;
	cs_load_request(s, e->at, e->key, e->key_size);
	c->changed = true;
}

/*
 * The consent that an event of joining meets: a list never joined begins
 * unsubscribed after an account-wide opt-out, since that opt-out.
 */
static cs_consent *
consent_on_joining(cs_contact *c, int64_t list)
{
	cs_consent *s = cs_find_consent(c, list);

	if (s == NULL && c->unsubscribed.set)
	{
		set_consent(c, list, CS_STATUS_UNSUBSCRIBED, c->unsubscribed.at);
		s = cs_find_consent(c, list);
	}
	return s;
}

/* Who returns after a deletion begins without the consents of before. */
static void
end_deletion(cs_contact *c)
{
	if (!c->deleted.set)
		return;
	clear_moment(c, &c->deleted);
	for (int i = c->consent_count - 1; i >= 0; i--)
		if (c->consents[i].consent != CS_STATUS_UNSUBSCRIBED)
			remove_consent(c, i);
}

static void
unsubscribe_everywhere(cs_contact *c, const cs_event *e)
{
	set_moment(c, &c->unsubscribed, e->at);
	for (int i = 0; i < c->consent_count; i++)
		set_consent(c, c->consents[i].list, CS_STATUS_UNSUBSCRIBED, e->at);
}

/* Does this confirmation answer a sign-up that still waits for one? */
static bool
confirms(const cs_consent *s, const cs_event *e)
{
	if (s == NULL)
		return false;
	if (s->consent == CS_STATUS_UNCONFIRMED)
		return true;
	return s->consent == CS_STATUS_UNSUBSCRIBED && s->requested.set &&
		(s->key_size == 0 ||
		 (s->key_size == e->key_size && memcmp(s->key, e->key, e->key_size) == 0));
}

/* ---- delivery ---- */

/* The run of errors, soft and hard, is over for good. */
static void
end_run(cs_contact *c)
{
	set_delivered(c, (cs_id) {0});
	if (c->run_count == 0 && c->hard_bounces == 0)
		return;
	c->run_count = 0;
	c->hard_bounces = 0;
	c->changed = true;
}

static bool
same_campaign(cs_id a, cs_id b)
{
	return a.set && b.set && a.id == b.id;
}

/* A delivery ends the run; one of a campaign does so until it is taken back. */
static void
deliver(cs_contact *c, const cs_event *e)
{
	if (same_campaign(c->delivered, e->campaign))
		return;					/* repeated ones are one */
	if (c->delivered.set || !e->campaign.set)
		end_run(c);
	if (c->run_count > 0 || c->hard_bounces > 0)
		set_delivered(c, e->campaign);
}

/* The next error tells whether a delivery before it was one. */
static void
judge_delivery(cs_contact *c, const cs_event *e)
{
	if (same_campaign(c->delivered, e->campaign))
		set_delivered(c, (cs_id) {0});
	else if (c->delivered.set)
		end_run(c);
}

static void
die(cs_contact *c, cs_time at)
{
	end_run(c);
	set_moment(c, &c->hard_bounced, at);
}

static void
revive(cs_contact *c)
{
	end_run(c);
	clear_moment(c, &c->hard_bounced);
}

/* The campaign's share of the run is used up, or its time is over. */
static bool
campaign_is_counted(const cs_contact *c, const cs_policy *p, const cs_event *e)
{
	int			count = 0;
	cs_time		first = 0;

	for (int i = 0; i < c->run_count; i++)
		if (same_campaign(c->run[i].campaign, e->campaign) && count++ == 0)
			first = c->run[i].at;
	if (count == 0)
		return false;
	return (p->soft_bounces_per_campaign && count >= p->soft_bounces_per_campaign) ||
		(p->soft_bounce_window && elapsed(first, e->at) > p->soft_bounce_window);
}

static void
soft_error(cs_contact *c, const cs_policy *p, const cs_event *e)
{
	/* without a limit it matters only whether there was any */
	int			limit = p->soft_bounce_limit ? p->soft_bounce_limit : 1;

	if (c->hard_bounced.set)
		return;
	judge_delivery(c, e);
	if (c->run_count >= limit || campaign_is_counted(c, p, e))
		return;
	cs_load_error(c, e->campaign, e->at);
	c->changed = true;
	if (p->soft_bounce_limit && c->run_count >= limit &&
		p->soft_bounce_outcome == CS_STATUS_HARD_BOUNCED)
		die(c, e->at);
}

static void
hard_error(cs_contact *c, const cs_event *e, int limit)
{
	if (c->hard_bounced.set)
		return;
	judge_delivery(c, e);
	c->hard_bounces++;
	c->changed = true;
	if (c->hard_bounces >= limit)
		die(c, e->at);
}

/* ---- engagement ---- */

static void
send(cs_contact *c, const cs_policy *p, const cs_event *e)
{
	int			limit = p->unresponsive_campaigns;

	if (limit == 0 && p->unresponsive_after)
		limit = 1;				/* only the first one matters */
	if (c->unanswered_count >= limit)
		return;
	for (int i = 0; i < c->unanswered_count; i++)
		if (c->unanswered[i] == e->campaign.id)
			return;
	if (c->unanswered_count == 0)
		c->unanswered_since = e->at;
	cs_load_unanswered(c, e->campaign.id);
	c->changed = true;
}

/* Opened or clicked: the mail arrived, and somebody answers. */
static void
interact(cs_contact *c)
{
	end_run(c);
	if (c->unanswered_count > 0)
	{
		c->unanswered_count = 0;
		c->unanswered_since = 0;
		c->changed = true;
	}
}

/* ---- the table ---- */

bool
cs_apply(cs_contact *c, const cs_policy *p, const cs_event *e)
{
	const cs_consent_rules *r = &e->rules;
	cs_consent *s;

	c->changed = false;
	switch (e->kind)
	{
		case CS_ADDED:
			/* an import never raises consent */
			if (consent_on_joining(c, e->list.id) == NULL)
				set_consent(c, e->list.id, r->import_by_list && r->double_opt_in ?
							CS_STATUS_UNCONFIRMED : CS_STATUS_ACTIVE, e->at);
			break;

		case CS_SIGNED_UP:
			set_monitored(c);
			end_deletion(c);
			s = consent_on_joining(c, e->list.id);
			if (s == NULL)
				set_consent(c, e->list.id, r->double_opt_in ?
							CS_STATUS_UNCONFIRMED : CS_STATUS_ACTIVE, e->at);
			else if (s->consent == CS_STATUS_UNCONFIRMED && !r->double_opt_in)
				subscribe(c, e);
			else if (s->consent == CS_STATUS_UNSUBSCRIBED && !r->resubscribe_never)
				set_request(c, s, e);
			break;

		case CS_CONFIRMED:
			set_monitored(c);
			if (!confirms(cs_find_consent(c, e->list.id), e))
				break;
			subscribe(c, e);
			clear_moment(c, &c->erased);
			if (!e->manual)
			{
				/* the person has received our mail and clicked */
				revive(c);
				interact(c);
			}
			break;

		case CS_RESUBSCRIBED:
			end_deletion(c);
			consent_on_joining(c, e->list.id);
			/* after an erasure only the person's own confirmed sign-up counts */
			if (!r->resubscribe_never && !c->complained.set && !c->erased.set)
				set_consent(c, e->list.id, CS_STATUS_ACTIVE, e->at);
			break;

		case CS_REMOVED:
			s = cs_find_consent(c, e->list.id);
			if (s != NULL && s->consent != CS_STATUS_UNSUBSCRIBED)
				remove_consent(c, (int) (s - c->consents));
			break;

		case CS_UNSUBSCRIBED:
			if (e->list.set && !r->unsubscribe_account)
				set_consent(c, e->list.id, CS_STATUS_UNSUBSCRIBED, e->at);
			else
				unsubscribe_everywhere(c, e);
			if (e->erasure)
				set_moment(c, &c->erased, e->at);
			break;

		case CS_COMPLAINED:
			set_moment(c, &c->complained, e->at);
			break;

		case CS_SENT:
			send(c, p, e);
			break;

		case CS_DELIVERED:
			deliver(c, e);
			break;

		case CS_OPENED:
			interact(c);
			break;

		case CS_CLICKED:
			set_monitored(c);
			interact(c);
			break;

		case CS_VISITED:
			set_monitored(c);
			break;

		case CS_SOFT_BOUNCED:
			soft_error(c, p, e);
			break;

		case CS_BLOCKED:
			if (p->blocked_counts)
				soft_error(c, p, e);
			break;

		case CS_HARD_BOUNCED:
			if (p->hard_bounce_limit == 0)
				soft_error(c, p, e);
			else
				hard_error(c, e, p->hard_bounce_limit);
			break;

		case CS_NONEXISTENT:
			hard_error(c, e, p->hard_bounce_limit ? p->hard_bounce_limit : 1);
			break;

		case CS_INVALIDATED:
			die(c, e->at);
			break;

		case CS_VALIDATED:
			revive(c);
			break;

		case CS_SUSPENDED:
			set_moment(c, &c->suspended, e->at);
			if (e->until.set)
				set_moment(c, &c->suspended_until, e->until.at);
			else
				clear_moment(c, &c->suspended_until);
			break;

		case CS_RELEASED:
			clear_moment(c, &c->suspended);
			clear_moment(c, &c->suspended_until);
			break;

		case CS_DELETED:
			set_moment(c, &c->deleted, e->at);
			break;

		case CS_RESTORED:
			clear_moment(c, &c->deleted);
			break;
	}
	return c->changed;
}

void
cs_change_address(cs_contact *c)
{
	revive(c);
	interact(c);
	c->changed = true;
}

/* ---- from facts to statuses ---- */

static cs_status
greatest(cs_status a, cs_status b)
{
	return a > b ? a : b;
}

static cs_status
deliverability(const cs_contact *c, const cs_policy *p)
{
	if (c->hard_bounced.set)
		return CS_STATUS_HARD_BOUNCED;
	if (c->delivered.set)
		return CS_STATUS_ACTIVE;
	if (p->soft_bounce_limit && c->run_count >= p->soft_bounce_limit)
		return p->soft_bounce_outcome;
	if (c->run_count > 0 || c->hard_bounces > 0)
		return CS_STATUS_SOFT_BOUNCED;
	return CS_STATUS_ACTIVE;
}

/* From when on the contact counts as unresponsive; CS_NEVER if not so far. */
static cs_time
unresponsive_from(const cs_contact *c, const cs_policy *p)
{
	if (c->unanswered_count == 0)
		return CS_NEVER;
	if (p->unresponsive_campaigns && c->unanswered_count >= p->unresponsive_campaigns)
		return INT64_MIN;
	if (p->unresponsive_after)
		return later(c->unanswered_since, p->unresponsive_after);
	return CS_NEVER;
}

/* Until when the contact is held; INT64_MIN if it is not. */
static cs_time
held_until(const cs_contact *c)
{
	if (!c->suspended.set)
		return INT64_MIN;
	return c->suspended_until.set ? c->suspended_until.at : CS_NEVER;
}

cs_status
cs_address_status(const cs_contact *c, const cs_policy *p, cs_time now)
{
	cs_status	status = deliverability(c, p);

	if (unresponsive_from(c, p) <= now)
		status = greatest(status, CS_STATUS_UNRESPONSIVE);
	if (held_until(c) > now)
		status = greatest(status, CS_STATUS_SUSPENDED);
	if (c->complained.set)
		status = greatest(status, CS_STATUS_COMPLAINED);
	if (c->deleted.set)
		status = greatest(status, CS_STATUS_DELETED);
	return status;
}

cs_status
cs_subscription_status(cs_status consent, cs_status address)
{
	return greatest(consent, address);
}

cs_status
cs_contact_status(const cs_contact *c, cs_status address)
{
	cs_status	best;

	if (c->consent_count == 0)
		return greatest(address, c->unsubscribed.set ?
						CS_STATUS_UNSUBSCRIBED : CS_STATUS_UNCONFIRMED);
	best = c->consents[0].consent;
	for (int i = 1; i < c->consent_count; i++)
		if (c->consents[i].consent < best)
			best = c->consents[i].consent;
	return cs_subscription_status(best, address);
}

cs_time
cs_due(const cs_contact *c, const cs_policy *p, cs_time now)
{
	cs_time		due = CS_NEVER;
	cs_time		held = held_until(c);
	cs_time		unresponsive = unresponsive_from(c, p);

	if (held > now)
		due = held;
	if (unresponsive > now && unresponsive < due)
		due = unresponsive;
	return due;
}

bool
cs_is_mailable(cs_status status)
{
	return status == CS_STATUS_ACTIVE || status == CS_STATUS_SOFT_BOUNCED;
}

/* ---- events ---- */

bool
cs_judges_consent(cs_kind kind)
{
	return kind == CS_ADDED || kind == CS_SIGNED_UP ||
		kind == CS_RESUBSCRIBED || kind == CS_UNSUBSCRIBED;
}

bool
cs_touches_consent(cs_kind kind)
{
	return cs_judges_consent(kind) || kind == CS_CONFIRMED || kind == CS_REMOVED;
}

const char *
cs_shape_error(const cs_event *e, cs_evidence evidence)
{
	bool		needs_list = e->kind == CS_ADDED || e->kind == CS_SIGNED_UP ||
		e->kind == CS_CONFIRMED || e->kind == CS_RESUBSCRIBED || e->kind == CS_REMOVED;
	bool		needs_evidence = e->kind == CS_RESUBSCRIBED ||
		(e->kind == CS_CONFIRMED && e->manual);

	if (needs_list && !e->list.set)
		return "needs a list_id";
	if (e->kind == CS_SENT && !e->campaign.set)
		return "needs a campaign_id";
	if (needs_evidence && evidence == CS_EVIDENCE_BLANK)
		return "needs evidence that is not blank";
	if (e->until.set && e->kind != CS_SUSPENDED)
		return "cannot have an until";
	if (e->until.set && e->until.at <= e->at)
		return "needs an until later than its occurred_at";
	return NULL;
}

static int
compare_ids(cs_id a, cs_id b)
{
	if (!a.set || !b.set)
		return (int) a.set - (int) b.set;	/* nulls first */
	return (a.id > b.id) - (a.id < b.id);
}

int
cs_compare_events(const cs_event *a, const cs_event *b)
{
	int			result;
	size_t		common = a->key_size < b->key_size ? a->key_size : b->key_size;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if ((result = compare_ids(a->list, b->list)) != 0)
		return result;
	if ((result = compare_ids(a->campaign, b->campaign)) != 0)
		return result;
	if (common > 0 && (result = memcmp(a->key, b->key, common)) != 0)
		return result;
	return (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

/* ---- for readers and writers of facts ---- */

void
cs_clear(cs_contact *c)
{
	cs_contact	kept = *c;

	*c = (cs_contact) {0};
	c->run = kept.run;
	c->run_space = kept.run_space;
	c->unanswered = kept.unanswered;
	c->unanswered_space = kept.unanswered_space;
	c->consents = kept.consents;
	c->consent_space = kept.consent_space;
}

void
cs_load_error(cs_contact *c, cs_id campaign, cs_time at)
{
	c->run = room(c->run, c->run_count, &c->run_space, sizeof(cs_error));
	c->run[c->run_count++] = (cs_error) {campaign, at};
}

void
cs_load_unanswered(cs_contact *c, int64_t campaign)
{
	c->unanswered = room(c->unanswered, c->unanswered_count, &c->unanswered_space,
						 sizeof(int64_t));
	c->unanswered[c->unanswered_count++] = campaign;
}

cs_consent *
cs_load_consent(cs_contact *c, int64_t list, cs_status consent, cs_time at)
{
	cs_consent *s = insert_consent(c, c->consent_count, list);

	s->consent = consent;
	s->at = at;
	return s;
}

void
cs_load_request(cs_consent *s, cs_time at, const char *key, size_t key_size)
{
	if (key_size > s->key_space)
	{
		s->key = cs_resize(s->key, key_size);
		s->key_space = key_size;
	}
	if (key_size > 0)
		memcpy(s->key, key, key_size);
	s->key_size = key_size;
	s->requested = (cs_moment) {true, at};
}

void
cs_copy(cs_contact *to, const cs_contact *from)
{
	cs_contact	own;

	cs_clear(to);
	own = *to;
	*to = *from;
	to->run = own.run;
	to->run_space = own.run_space;
	to->run_count = 0;
	to->unanswered = own.unanswered;
	to->unanswered_space = own.unanswered_space;
	to->unanswered_count = 0;
	to->consents = own.consents;
	to->consent_space = own.consent_space;
	to->consent_count = 0;
	for (int i = 0; i < from->run_count; i++)
		cs_load_error(to, from->run[i].campaign, from->run[i].at);
	for (int i = 0; i < from->unanswered_count; i++)
		cs_load_unanswered(to, from->unanswered[i]);
	for (int i = 0; i < from->consent_count; i++)
	{
		const cs_consent *s = &from->consents[i];
		cs_consent *copy = cs_load_consent(to, s->list, s->consent, s->at);

		if (s->requested.set)
			cs_load_request(copy, s->requested.at, s->key, s->key_size);
	}
}

static bool
same_id(cs_id a, cs_id b)
{
	return a.set == b.set && a.id == b.id;
}

static bool
same_moment(cs_moment a, cs_moment b)
{
	return a.set == b.set && a.at == b.at;
}

bool
cs_same_address_facts(const cs_contact *a, const cs_contact *b)
{
	if (a->run_count != b->run_count || a->unanswered_count != b->unanswered_count)
		return false;
	for (int i = 0; i < a->run_count; i++)
		if (!same_id(a->run[i].campaign, b->run[i].campaign) || a->run[i].at != b->run[i].at)
			return false;
	for (int i = 0; i < a->unanswered_count; i++)
		if (a->unanswered[i] != b->unanswered[i])
			return false;
	return a->hard_bounces == b->hard_bounces &&
		same_moment(a->hard_bounced, b->hard_bounced) &&
		same_id(a->delivered, b->delivered) &&
		a->unanswered_since == b->unanswered_since &&
		same_moment(a->suspended, b->suspended) &&
		same_moment(a->suspended_until, b->suspended_until) &&
		same_moment(a->complained, b->complained) &&
		same_moment(a->deleted, b->deleted) &&
		same_moment(a->unsubscribed, b->unsubscribed) &&
		same_moment(a->erased, b->erased) &&
		a->monitored == b->monitored;
}

bool
cs_same_consent(const cs_consent *a, const cs_consent *b)
{
	return a->list == b->list && a->consent == b->consent && a->at == b->at &&
		same_moment(a->requested, b->requested) && a->key_size == b->key_size &&
		(a->key_size == 0 || memcmp(a->key, b->key, a->key_size) == 0);
}
