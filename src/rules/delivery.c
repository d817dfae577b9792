/*
 * delivery.c
 *		The effect of deliveries, errors and interactions.
 */

#include "rules/facts.h"
#include "rules/rules.h"

static void
set_delivered(cs_facts *c, cs_id campaign)
{
	if (c->delivered.set == campaign.set && c->delivered.id == campaign.id)
		return;
	c->delivered = campaign;
	c->changed = true;
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

/* Are all errors of the run older than a late event?  An event that is not late is later than any. */
static bool
run_is_older(const cs_facts *c, const cs_event *e)
{
	if (e->late_by == 0 || !e->before_change)
		return true;
	if (c->last_error.set)
		return lifts(e, c->last_error);
	if (c->hard_bounces > 0)
		return false;			/* their times are not stored */
	for (int i = 0; i < c->run_count; i++)
		if (!lifts(e, (cs_moment) {.set = true, .at = c->run[i].at, .late_by = c->run[i].late_by}))
			return false;
	return true;
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
	if (!run_is_older(c, e))
		return;
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
die(cs_facts *c, const cs_event *e)
{
	cs_moment	at = moment_of(e);

	if (c->hard_bounced.set && !follows(e, c->hard_bounced))
		return;
	/* a late event must not lift errors that are later than itself, together with this fact */
	if (!run_is_older(c, e))
		at.late_by = 0;
	end_run(c);
	set_moment(c, &c->hard_bounced, at);
}

static void
revive(cs_facts *c, const cs_event *e)
{
	if ((c->hard_bounced.set && !lifts(e, c->hard_bounced)) || !run_is_older(c, e))
		return;
	end_run(c);
	clear_moment(c, &c->hard_bounced);
}

/* Has the campaign reached its limit of errors in this run, or has its window ended? */
static bool
campaign_is_counted(const cs_facts *c, const cs_policy *p, const cs_event *e)
{
	int			count = 0;
	cs_moment	first = {0};

	for (int i = 0; i < c->run_count; i++)
		if (same_campaign(c->run[i].campaign, e->campaign) && count++ == 0)
			first = (cs_moment) {.set = true, .at = c->run[i].at, .late_by = c->run[i].late_by};
	if (count == 0)
		return false;
	return (p->soft_bounces_per_campaign && count >= p->soft_bounces_per_campaign) ||
		(p->soft_bounce_window && elapsed(time_for(e, first), own_time(e)) > p->soft_bounce_window);
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
		elapsed(time_for(e, c->last_error), own_time(e)) > p->soft_bounce_memory)
		end_run(c);
}

static void
set_last_error(cs_facts *c, const cs_policy *p, const cs_event *e)
{
	if (p->soft_bounce_memory)
		restrict_to(c, &c->last_error, e);
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
	if (p->soft_bounce_limit && c->run_count + 1 >= p->soft_bounce_limit &&
		p->soft_bounce_outcome == CS_STATUS_HARD_BOUNCED)
	{
		die(c, e);
		return;
	}
	set_last_error(c, p, e);
	if (c->run_count >= stored_errors(p))
		return;
	cs_load_error(c, e->campaign, e->at);
	c->run[c->run_count - 1].late_by = e->late_by;
	c->changed = true;
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
	if (c->hard_bounces + 1 >= limit)
	{
		die(c, e);
		return;
	}
	set_last_error(c, p, e);
	if (p->hard_bounces_per_campaign)
		cs_load_hard_campaign(c, e->campaign);
	c->hard_bounces++;
	c->changed = true;
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
interact(cs_facts *c, const cs_event *e)
{
	if (run_is_older(c, e))
		end_run(c);
	lift(c, &c->lapsed, e);
	/* the times of the unanswered campaigns are not stored */
	if (c->unanswered_count > 0 && !(e->late_by && e->before_change))
	{
		c->unanswered_count = 0;
		c->unanswered_since = 0;
		c->changed = true;
	}
}

/* ---- the table of events in docs/reference.md ---- */

void
cs_apply_delivery(cs_facts *c, const cs_policy *p, const cs_event *e)
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
			interact(c, e);
			break;

		case CS_KIND_CLICKED:
			interact(c, e);
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
			die(c, e);
			break;

		case CS_KIND_LAPSED:
			restrict_to(c, &c->lapsed, e);
			break;

		case CS_KIND_VALIDATED:
			revive(c, e);
			break;

		default:
			break;
	}
}

void
cs_renew_address(cs_facts *c, const cs_event *e)
{
	revive(c, e);
	interact(c, e);
}
