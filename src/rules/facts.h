/*
 * facts.h
 *		Helpers of the rules: access to the consents of a contact, the time of
 *		late events, setters of facts.
 */
#ifndef CONTACT_STATUS_FACTS_H
#define CONTACT_STATUS_FACTS_H

#include "rules/rules.h"

/*
 * Returns the index of a list in the consents, which are sorted by list.
 * Without a consent on the list, returns the index at which to insert it.
 */
extern int	cs_consent_position(const cs_facts *facts, int64_t list);

/* Inserts a consent at an index and returns it.  The caller sets its status and time. */
extern cs_consent *cs_insert_consent(cs_facts *facts, int position, int64_t list);

/* Returns to - from, limited to the range of cs_time. */
static inline cs_time
elapsed(cs_time from, cs_time to)
{
	cs_time		result;

	if (__builtin_sub_overflow(to, from, &result))
		return to > from ? INT64_MAX : INT64_MIN;
	return result;
}

/* ---- late events ---- */

/* The time of the event itself. */
static inline cs_time
own_time(const cs_event *e)
{
	return e->at - e->late_by;
}

static inline cs_moment
moment_of(const cs_event *e)
{
	return (cs_moment) {.set = true, .at = e->at, .late_by = e->late_by};
}

/* The time of a fact that the event is compared with: for a late event, the fact's own time. */
static inline cs_time
time_for(const cs_event *e, cs_moment fact)
{
	return e->late_by ? fact.at - fact.late_by : fact.at;
}

/* May the event lift a fact?  A late event may only if the fact is older. */
static inline bool
lifts(const cs_event *e, cs_moment fact)
{
	return e->late_by == 0 || time_for(e, fact) < own_time(e);
}

/* The same for a fact of a kind that precedes the event's kind at an equal time. */
static inline bool
follows(const cs_event *e, cs_moment fact)
{
	return e->late_by == 0 || time_for(e, fact) <= own_time(e);
}

/* Is the event about an address that the contact no longer has? */
static inline bool
is_of_former_address(const cs_facts *c, const cs_event *e)
{
	return c->address_since.set && own_time(e) <= c->address_since.at;
}

/* ---- setters: each notes a change in facts->changed ---- */

static inline void
set_moment(cs_facts *c, cs_moment *moment, cs_moment at)
{
	bool		same = moment->set && moment->at == at.at;

	*moment = at;
	if (!same)
		c->changed = true;
}

/* Sets the time of a fact that restricts, unless the fact is later than a late event. */
static inline void
restrict_to(cs_facts *c, cs_moment *moment, const cs_event *e)
{
	if (!moment->set || follows(e, *moment))
		set_moment(c, moment, moment_of(e));
}

static inline void
clear_moment(cs_facts *c, cs_moment *moment)
{
	if (!moment->set)
		return;
	*moment = (cs_moment) {0};
	c->changed = true;
}

/* Removes a fact, unless it is later than a late event. */
static inline void
lift(cs_facts *c, cs_moment *moment, const cs_event *e)
{
	if (moment->set && lifts(e, *moment))
		clear_moment(c, moment);
}

static inline void
set_monitored(cs_facts *c)
{
	if (c->monitored)
		return;
	c->monitored = true;
	c->changed = true;
}

/* ---- the parts of cs_apply_event() ---- */

/* consent.c: the kinds that touch consents. */
extern void cs_apply_consent(cs_facts *facts, const cs_event *event);

/* delivery.c: delivery, its errors, and interactions. */
extern void cs_apply_delivery(cs_facts *facts, const cs_policy *policy, const cs_event *event);

/* The errors of the address and its unanswered campaigns no longer count. */
extern void cs_renew_address(cs_facts *facts, const cs_event *event);

/* consent.c: sign-ups after an opt-out no longer wait for a confirmation. */
extern void cs_void_requests(cs_facts *facts);

#endif							/* CONTACT_STATUS_FACTS_H */
