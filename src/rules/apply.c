/*
 * apply.c
 *		The effect of each kind of event on the facts of a contact.
 *
 * cs_apply_event() has a case for each row of the table of events in README.md.
 * The functions before it are shared by several cases.  Each function that
 * changes a fact also sets facts->changed.
 */

#include <string.h>

#include "rules/facts.h"
#include "rules/rules.h"

/* Returns to - from, limited to the range of cs_time. */
static cs_time
elapsed(cs_time from, cs_time to)
{
	cs_time		result;

	if (__builtin_sub_overflow(to, from, &result))
		return to > from ? INT64_MAX : INT64_MIN;
	return result;
}

/* ---- setters ---- */

static void
set_moment(cs_facts *c, cs_moment *moment, cs_time at)
{
	if (moment->set && moment->at == at)
		return;
	moment->set = true;
	moment->at = at;
	c->changed = true;
}

static void
clear_moment(cs_facts *c, cs_moment *moment)
{
	if (!moment->set)
		return;
	moment->set = false;
	moment->at = 0;
	c->changed = true;
}

static void
set_delivered(cs_facts *c, cs_id campaign)
{
	if (c->delivered.set == campaign.set && c->delivered.id == campaign.id)
		return;
	c->delivered = campaign;
	c->changed = true;
}

static void
set_monitored(cs_facts *c)
{
	if (c->monitored)
		return;
	c->monitored = true;
	c->changed = true;
}

/* ---- consent ---- */

static void
remove_consent(cs_facts *c, int i)
{
	cs_consent	spare = c->consents[i];

	c->consent_count--;
	memmove(&c->consents[i], &c->consents[i + 1], (c->consent_count - i) * sizeof(cs_consent));
	c->consents[c->consent_count] = spare;
	c->changed = true;
}

static void
void_request(cs_facts *c, cs_consent *s)
{
	clear_moment(c, &s->requested);
	s->key_size = 0;
}

/* Sets the consent on a list.  A pending sign-up for the list becomes void. */
static void
set_consent(cs_facts *c, int64_t list, cs_status consent, cs_time at)
{
	cs_consent *s = cs_find_consent(c, list);

	if (s == NULL)
		s = cs_insert_consent(c, cs_consent_position(c, list), list);
	else if (s->consent == consent && s->at == at && !s->requested.set)
		return;
	s->consent = consent;
	s->at = at;
	void_request(c, s);
	c->changed = true;
}

static void
subscribe(cs_facts *c, const cs_event *e)
{
	cs_consent *s = cs_find_consent(c, e->list.id);

	if (s == NULL || s->consent != CS_STATUS_ACTIVE)
		set_consent(c, e->list.id, CS_STATUS_ACTIVE, e->at);
}

static void
set_request(cs_facts *c, cs_consent *s, const cs_event *e)
{
	if (s->requested.set && s->requested.at == e->at &&
		s->key_size == e->key_size &&
		(e->key_size == 0 || memcmp(s->key, e->key, e->key_size) == 0))
		return;
	cs_load_request(s, e->at, e->key, e->key_size);
	c->changed = true;
}

/*
 * Returns the consent on a list before an event adds the contact to it, or
 * NULL.  After an account-wide opt-out, a list without consent becomes
 * unsubscribed, as of that opt-out.
 */
static cs_consent *
consent_on_joining(cs_facts *c, int64_t list)
{
	cs_consent *s = cs_find_consent(c, list);

	if (s == NULL && c->unsubscribed.set)
	{
		set_consent(c, list, CS_STATUS_UNSUBSCRIBED, c->unsubscribed.at);
		s = cs_find_consent(c, list);
	}
	return s;
}

/* A contact that returns after a deletion loses its earlier consents.  Its opt-outs remain. */
static void
end_deletion(cs_facts *c)
{
	if (!c->deleted.set)
		return;
	clear_moment(c, &c->deleted);
	for (int i = c->consent_count - 1; i >= 0; i--)
		if (c->consents[i].consent != CS_STATUS_UNSUBSCRIBED)
			remove_consent(c, i);
}

static void
unsubscribe_everywhere(cs_facts *c, const cs_event *e)
{
	set_moment(c, &c->unsubscribed, e->at);
	for (int i = 0; i < c->consent_count; i++)
		set_consent(c, c->consents[i].list, CS_STATUS_UNSUBSCRIBED, e->at);
}

/* Does the confirmation answer a sign-up that is not confirmed yet, in time? */
static bool
confirms(const cs_consent *s, const cs_event *e)
{
	cs_time		since;

	if (s == NULL)
		return false;
	if (s->consent == CS_STATUS_UNCONFIRMED)
		since = s->at;
	else if (s->consent == CS_STATUS_UNSUBSCRIBED && s->requested.set &&
			 (s->key_size == 0 ||
			  (s->key_size == e->key_size && memcmp(s->key, e->key, e->key_size) == 0)))
		since = s->requested.at;
	else
		return false;
	return e->rules.confirm_within == 0 || elapsed(since, e->at) <= e->rules.confirm_within;
}

/* ---- delivery ---- */

/* Ends the run of soft and hard errors.  The next error starts a new run. */
static void
end_run(cs_facts *c)
{
	set_delivered(c, (cs_id) {0});
	if (c->run_count == 0 && c->hard_bounces == 0)
		return;
	c->run_count = 0;
	c->hard_bounces = 0;
	c->hard_campaign_count = 0;
	c->last_error = (cs_moment) {0};
	c->changed = true;
}

static bool
same_campaign(cs_id a, cs_id b)
{
	return a.set && b.set && a.id == b.id;
}

/*
 * Applies a delivery.  Without a campaign it ends the run of errors.  A
 * delivery of a campaign ends the run provisionally: judge_delivery() decides.
 */
static void
deliver(cs_facts *c, const cs_event *e)
{
	if (same_campaign(c->delivered, e->campaign))
		return;					/* a repeated delivery counts once */
	if (c->delivered.set || !e->campaign.set)
		end_run(c);
	if (c->run_count > 0 || c->hard_bounces > 0)
		set_delivered(c, e->campaign);
}

/*
 * Applies an error to a provisional delivery.  An error of the same campaign
 * undoes the delivery.  Any other error confirms it.
 */
static void
judge_delivery(cs_facts *c, const cs_event *e)
{
	if (same_campaign(c->delivered, e->campaign))
		set_delivered(c, (cs_id) {0});
	else if (c->delivered.set)
		end_run(c);
}

static void
die(cs_facts *c, cs_time at)
{
	end_run(c);
	set_moment(c, &c->hard_bounced, at);
}

static void
revive(cs_facts *c)
{
	end_run(c);
	clear_moment(c, &c->hard_bounced);
}

/* Has the campaign reached its limit of errors in this run, or has its window ended? */
static bool
campaign_is_counted(const cs_facts *c, const cs_policy *p, const cs_event *e)
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

/*
 * The number of soft errors of a run that are stored.  Without a limit, one is
 * enough for soft_bounced, unless campaigns decide which errors count.
 */
static int
stored_errors(const cs_policy *p)
{
	if (p->soft_bounce_limit)
		return p->soft_bounce_limit;
	return p->soft_bounce_memory && (p->soft_bounces_per_campaign || p->soft_bounce_window) ? CS_LIMIT_MAX : 1;
}

/* Are the soft errors of the run at their limit? */
static bool
at_soft_limit(const cs_facts *c, const cs_policy *p)
{
	return p->soft_bounce_limit && c->run_count >= p->soft_bounce_limit;
}

/* An error long after the last one begins a new run, unless the run is at its limit. */
static void
forget_old_run(cs_facts *c, const cs_policy *p, const cs_event *e)
{
	if (p->soft_bounce_memory && c->last_error.set && !at_soft_limit(c, p) &&
		elapsed(c->last_error.at, e->at) > p->soft_bounce_memory)
		end_run(c);
}

static void
set_last_error(cs_facts *c, const cs_policy *p, const cs_event *e)
{
	if (p->soft_bounce_memory)
		set_moment(c, &c->last_error, e->at);
}

static void
soft_error(cs_facts *c, const cs_policy *p, const cs_event *e)
{
	if (c->hard_bounced.set)
		return;
	judge_delivery(c, e);
	forget_old_run(c, p, e);
	if (at_soft_limit(c, p) || campaign_is_counted(c, p, e))
		return;
	set_last_error(c, p, e);
	if (c->run_count >= stored_errors(p))
		return;
	cs_load_error(c, e->campaign, e->at);
	c->changed = true;
	if (at_soft_limit(c, p) && p->soft_bounce_outcome == CS_STATUS_HARD_BOUNCED)
		die(c, e->at);
}

/* Has the campaign given as many hard bounces of the run as count? */
static bool
hard_campaign_is_counted(const cs_facts *c, const cs_policy *p, const cs_event *e)
{
	int			count = 0;

	for (int i = 0; i < c->hard_campaign_count; i++)
		count += same_campaign(c->hard_campaigns[i], e->campaign);
	return p->hard_bounces_per_campaign && count >= p->hard_bounces_per_campaign;
}

static void
hard_error(cs_facts *c, const cs_policy *p, const cs_event *e, int limit)
{
	if (c->hard_bounced.set)
		return;
	judge_delivery(c, e);
	forget_old_run(c, p, e);
	if (hard_campaign_is_counted(c, p, e))
		return;
	set_last_error(c, p, e);
	if (p->hard_bounces_per_campaign)
		cs_load_hard_campaign(c, e->campaign);
	c->hard_bounces++;
	c->changed = true;
	if (c->hard_bounces >= limit)
		die(c, e->at);
}

/* ---- engagement ---- */

static void
send(cs_facts *c, const cs_policy *p, const cs_event *e)
{
	int			limit = p->unresponsive_campaigns;

	if (limit == 0 && p->unresponsive_after)
		limit = 1;				/* only the first campaign matters */
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

/* The mail arrived and the contact answers: it opened, clicked or confirmed. */
static void
interact(cs_facts *c)
{
	end_run(c);
	clear_moment(c, &c->lapsed);
	if (c->unanswered_count > 0)
	{
		c->unanswered_count = 0;
		c->unanswered_since = 0;
		c->changed = true;
	}
}

/* ---- the table of events in README.md ---- */

static void
apply_consent(cs_facts *c, const cs_event *e)
{
	const cs_consent_rules *r = &e->rules;
	cs_consent *s;

	switch (e->kind)
	{
		case CS_KIND_ADDED:
			/* an import never raises an existing consent */
			if (consent_on_joining(c, e->list.id) == NULL)
				set_consent(c, e->list.id, r->import_by_list && r->double_opt_in ?
							CS_STATUS_UNCONFIRMED : CS_STATUS_ACTIVE, e->at);
			break;

		case CS_KIND_SIGNED_UP:
			set_monitored(c);
			end_deletion(c);
			s = consent_on_joining(c, e->list.id);
			if (s == NULL)
				set_consent(c, e->list.id, r->double_opt_in ?
							CS_STATUS_UNCONFIRMED : CS_STATUS_ACTIVE, e->at);
			else if (s->consent == CS_STATUS_UNCONFIRMED)
				/* with double opt-in, confirm_within counts from here again */
				set_consent(c, e->list.id, r->double_opt_in ?
							CS_STATUS_UNCONFIRMED : CS_STATUS_ACTIVE, e->at);
			else if (s->consent == CS_STATUS_UNSUBSCRIBED && !r->resubscribe_never)
				set_request(c, s, e);
			break;

		case CS_KIND_CONFIRMED:
			set_monitored(c);
			if (!confirms(cs_find_consent(c, e->list.id), e))
				break;
			subscribe(c, e);
			clear_moment(c, &c->erased);
			if (!e->manual)
			{
				/* the contact received the mail and clicked its link */
				revive(c);
				interact(c);
			}
			break;

		case CS_KIND_RESUBSCRIBED:
			end_deletion(c);
			consent_on_joining(c, e->list.id);
			/* after an erasure, only a confirmed sign-up gives consent */
			if (!r->resubscribe_never && !c->complained.set && !c->erased.set)
				set_consent(c, e->list.id, CS_STATUS_ACTIVE, e->at);
			break;

		case CS_KIND_REMOVED:
			s = cs_find_consent(c, e->list.id);
			if (s != NULL && s->consent != CS_STATUS_UNSUBSCRIBED)
				remove_consent(c, (int) (s - c->consents));
			break;

		case CS_KIND_UNSUBSCRIBED:
			if (e->list.set && !r->unsubscribe_account)
				set_consent(c, e->list.id, CS_STATUS_UNSUBSCRIBED, e->at);
			else
				unsubscribe_everywhere(c, e);
			if (e->erasure)
				set_moment(c, &c->erased, e->at);
			break;

		default:
			break;
	}
}

static void
apply_delivery(cs_facts *c, const cs_policy *p, const cs_event *e)
{
	switch (e->kind)
	{
		case CS_KIND_SENT:
			send(c, p, e);
			break;

		case CS_KIND_DELIVERED:
			deliver(c, e);
			break;

		case CS_KIND_OPENED:
			interact(c);
			break;

		case CS_KIND_CLICKED:
			set_monitored(c);
			interact(c);
			break;

		case CS_KIND_SOFT_BOUNCED:
			soft_error(c, p, e);
			break;

		case CS_KIND_BLOCKED:
			if (p->blocked_counts)
				soft_error(c, p, e);
			break;

		case CS_KIND_HARD_BOUNCED:
			if (p->hard_bounce_limit == 0)
				soft_error(c, p, e);
			else
				hard_error(c, p, e, p->hard_bounce_limit);
			break;

		case CS_KIND_NONEXISTENT:
			hard_error(c, p, e, p->hard_bounce_limit ? p->hard_bounce_limit : 1);
			break;

		case CS_KIND_INVALIDATED:
			die(c, e->at);
			break;

		case CS_KIND_VALIDATED:
			revive(c);
			break;

		default:
			break;
	}
}

bool
cs_apply_event(cs_facts *c, const cs_policy *p, const cs_event *e)
{
	c->changed = false;
	/* no default: the compiler warns if a kind is missing */
	switch (e->kind)
	{
		case CS_KIND_ADDED:
		case CS_KIND_SIGNED_UP:
		case CS_KIND_CONFIRMED:
		case CS_KIND_RESUBSCRIBED:
		case CS_KIND_REMOVED:
		case CS_KIND_UNSUBSCRIBED:
			apply_consent(c, e);
			break;

		case CS_KIND_SENT:
		case CS_KIND_DELIVERED:
		case CS_KIND_OPENED:
		case CS_KIND_CLICKED:
		case CS_KIND_SOFT_BOUNCED:
		case CS_KIND_BLOCKED:
		case CS_KIND_HARD_BOUNCED:
		case CS_KIND_NONEXISTENT:
		case CS_KIND_INVALIDATED:
		case CS_KIND_VALIDATED:
			apply_delivery(c, p, e);
			break;

		case CS_KIND_NOTED:
			break;

		case CS_KIND_COMPLAINED:
			set_moment(c, &c->complained, e->at);
			break;

		case CS_KIND_LAPSED:
			set_moment(c, &c->lapsed, e->at);
			break;

		case CS_KIND_VISITED:
			set_monitored(c);
			break;

		case CS_KIND_SUSPENDED:
			set_moment(c, &c->suspended, e->at);
			if (e->until.set)
				set_moment(c, &c->suspended_until, e->until.at);
			else
				clear_moment(c, &c->suspended_until);
			break;

		case CS_KIND_RELEASED:
			clear_moment(c, &c->suspended);
			clear_moment(c, &c->suspended_until);
			break;

		case CS_KIND_DELETED:
			set_moment(c, &c->deleted, e->at);
			break;

		case CS_KIND_RESTORED:
			clear_moment(c, &c->deleted);
			break;
	}
	return c->changed;
}

void
cs_change_address(cs_facts *c)
{
	revive(c);
	interact(c);
	c->changed = true;
}

