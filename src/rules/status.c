/*
 * status.c
 *		Statuses: computed from the facts of a contact and a time.
 */
#include "rules/rules.h"

/* ---- times ---- */

/* Returns at + interval, limited to the range of cs_time. */
static cs_time
later(cs_time at, cs_time interval)
{
	cs_time		result;

	if (__builtin_add_overflow(at, interval, &result))
		return interval > 0 ? INT64_MAX : INT64_MIN;
	return result;
}

/* ---- statuses ---- */

static cs_status
greatest(cs_status a, cs_status b)
{
	return a > b ? a : b;
}

static cs_status
deliverability(const cs_facts *c, const cs_policy *p)
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

/*
 * Returns the time from which the contact is unresponsive.  INT64_MIN: it has
 * reached the limit of campaigns.  CS_NEVER: time alone does not make it
 * unresponsive.
 */
static cs_time
unresponsive_from(const cs_facts *c, const cs_policy *p)
{
	if (c->lapsed.set)
		return INT64_MIN;
	if (c->unanswered_count == 0)
		return CS_NEVER;
	if (p->unresponsive_campaigns && c->unanswered_count >= p->unresponsive_campaigns)
		return INT64_MIN;
	if (p->unresponsive_after)
		return later(c->unanswered_since, p->unresponsive_after);
	return CS_NEVER;
}

/*
 * Returns the time until which the contact is suspended.  INT64_MIN: it is not
 * suspended.  CS_NEVER: the suspension has no end.
 */
static cs_time
held_until(const cs_facts *c)
{
	if (!c->suspended.set)
		return INT64_MIN;
	return c->suspended_until.set ? c->suspended_until.at : CS_NEVER;
}

cs_status
cs_address_status(const cs_facts *c, const cs_policy *p, cs_time now)
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
cs_contact_status(const cs_facts *c, cs_status address)
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
cs_due(const cs_facts *c, const cs_policy *p, cs_time now)
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
cs_is_deliverable(const cs_facts *c, const cs_policy *p, bool complaint_stops_all)
{
	return deliverability(c, p) < CS_STATUS_FAILING && !c->deleted.set && !(c->complained.set && complaint_stops_all);
}

bool
cs_is_mailable(cs_status status)
{
	return status == CS_STATUS_ACTIVE || status == CS_STATUS_SOFT_BOUNCED;
}

