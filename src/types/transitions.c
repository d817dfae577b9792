/*
 * transitions.c
 *		The transitions of status that a policy allows, found by exhaustive
 *		search.
 *
 * The search starts with a contact without facts, and has one list.  It applies
 * each event that could matter to each state, and lets time pass, until no new
 * state appears.  States that differ in times and ids only are one state.
 * Limits that count are reduced to three, which has a first, a middle and a
 * last step like any greater limit.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "rules/rules.h"
#include "types/enums.h"
#include "types/policy.h"
#include "types/transitions.h"

#define LIST 1
#define LIMIT 3
#define NONE CS_STATUSES		/* no subscription */
#define TIME CS_KINDS			/* the passing of time */

typedef struct State
{
	cs_facts	contact;
	cs_time		now;
} State;

typedef struct Search
{
	cs_policy	policy;
	cs_consent_rules rules;
	bool		found[CS_STATUSES + 1][CS_KINDS + 1][CS_STATUSES + 1];
	bool	   *known;			/* by state_number */
	State	   *states;			/* all states reached, in the order of the search */
	int			count;
	int			space;
} Search;

#define STATE_NUMBERS (1 << 20)

static int
subscription_status(const Search *search, const State *state)
{
	const cs_consent *s = cs_find_consent(&state->contact, LIST);

	if (s == NULL)
		return NONE;
	return cs_subscription_status(s->consent,
								  cs_address_status(&state->contact, &search->policy, state->now));
}

/* Packs the properties that distinguish states into a number. */
static int
state_number(const Search *search, const State *state)
{
	const cs_facts *c = &state->contact;
	const cs_consent *s = cs_find_consent(c, LIST);
	cs_facts	alive = *c;
	int			number = 0;

#define ADD(value, bits) (number = (number << (bits)) | (int) (value))
	ADD(c->run_count, 2);
	ADD(c->hard_bounces, 2);
	ADD(c->hard_bounced.set, 1);
	ADD(c->delivered.set, 1);
	ADD(c->unanswered_count, 2);
	ADD(c->lapsed.set, 1);
	ADD(c->suspended.set, 1);
	ADD(c->suspended_until.set, 1);
	ADD(c->complained.set, 1);
	ADD(c->deleted.set, 1);
	ADD(c->unsubscribed.set, 1);
	ADD(s == NULL ? 0 : s->consent == CS_STATUS_ACTIVE ? 1 : s->consent == CS_STATUS_UNCONFIRMED ? 2 :
		s->requested.set ? 3 : 4, 3);
	/* has the suspension ended, and is a campaign unanswered for too long? */
	ADD(c->suspended_until.set && c->suspended_until.at <= state->now, 1);
	alive.suspended = alive.hard_bounced = alive.complained = alive.deleted = (cs_moment) {0};
	alive.run_count = alive.hard_bounces = 0;
	ADD(cs_address_status(&alive, &search->policy, state->now) == CS_STATUS_UNRESPONSIVE, 1);
#undef ADD
	return number;
}

static void
reach(Search *search, const cs_facts *contact, cs_time now)
{
	State		state = {*contact, now};
	int			number = state_number(search, &state);

	if (search->known[number])
		return;
	search->known[number] = true;
	if (search->count == search->space)
	{
		search->space *= 2;
		search->states = repalloc_huge(search->states, search->space * sizeof(State));
	}
	memset(&search->states[search->count], 0, sizeof(State));
	cs_copy_facts(&search->states[search->count].contact, contact);
	search->states[search->count++].now = now;
}

static void
note(Search *search, int from, int event, const cs_facts *contact, cs_time now)
{
	State		state = {*contact, now};
	int			to = subscription_status(search, &state);

	if (to != from)
		search->found[from][event][to] = true;
}

static void
try_event(Search *search, int index, cs_event event, cs_facts *scratch)
{
	State	   *state = &search->states[index];
	int			from = subscription_status(search, state);

	event.at = state->now + USECS_PER_HOUR;
	if (event.until.set)
		event.until.at = event.at + USECS_PER_HOUR / 2;
	/* if the status may change before the event, apply it now: try_time() tries that change */
	if (cs_due(&state->contact, &search->policy, state->now) <= event.at)
		event.at = state->now;
	cs_copy_facts(scratch, &state->contact);
	cs_apply_event(scratch, &search->policy, &event);
	note(search, from, event.kind, scratch, event.at);
	reach(search, scratch, event.at);
}

static void
try_time(Search *search, int index, cs_facts *scratch)
{
	State	   *state = &search->states[index];
	int			from = subscription_status(search, state);
	cs_time		due = cs_due(&state->contact, &search->policy, state->now);

	if (due == CS_NEVER)
		return;
	cs_copy_facts(scratch, &state->contact);
	note(search, from, TIME, scratch, due);
	reach(search, scratch, due);
}

/* Tries each kind of event, in each variant that could matter. */
static void
try_events(Search *search, int index, cs_facts *scratch)
{
	for (int kind = 0; kind < CS_KINDS; kind++)
	{
		cs_event	event = {.kind = kind,.list = {true, LIST},.rules = search->rules};
		const cs_facts *c = &search->states[index].contact;

		switch (kind)
		{
			case CS_KIND_ADDED:
			case CS_KIND_SIGNED_UP:
				event.rules.double_opt_in = true;
				try_event(search, index, event, scratch);
				event.rules.double_opt_in = false;
				try_event(search, index, event, scratch);
				break;
			case CS_KIND_CONFIRMED:
				event.manual = true;
				try_event(search, index, event, scratch);
				event.manual = false;
				try_event(search, index, event, scratch);
				break;
			case CS_KIND_UNSUBSCRIBED:
				try_event(search, index, event, scratch);
				event.list.set = false;
				try_event(search, index, event, scratch);
				break;
			case CS_KIND_SUSPENDED:
				try_event(search, index, event, scratch);
				event.until.set = true;
				try_event(search, index, event, scratch);
				break;
			case CS_KIND_SENT:
				/* one more campaign */
				event.campaign = (cs_id) {true, 200 + c->unanswered_count};
				try_event(search, index, event, scratch);
				break;
			case CS_KIND_DELIVERED:
				try_event(search, index, event, scratch);
				event.campaign = (cs_id) {true, 1};
				try_event(search, index, event, scratch);
				break;
			default:
				/* an error of a new campaign, and one that undoes the delivery of campaign 1 */
				event.campaign = (cs_id) {true, 100 + c->run_count + c->hard_bounces};
				try_event(search, index, event, scratch);
				event.campaign = (cs_id) {true, 1};
				try_event(search, index, event, scratch);
				break;
		}
	}
}

static int
cut(int limit)
{
	return Min(limit, LIMIT);
}

static Search *
search_transitions(CsPolicy policy)
{
	Search	   *search = palloc0(sizeof(Search));
	cs_facts	scratch = {0};
	cs_facts	unknown = {0};

	search->policy = policy.rules;
	search->policy.soft_bounce_limit = cut(policy.rules.soft_bounce_limit);
	search->policy.hard_bounce_limit = cut(policy.rules.hard_bounce_limit);
	search->policy.unresponsive_campaigns = cut(policy.rules.unresponsive_campaigns);
	search->rules = policy.consent;
	search->known = palloc0(STATE_NUMBERS * sizeof(bool));
	search->space = 1024;
	search->states = palloc(search->space * sizeof(State));

	reach(search, &unknown, 0);
	for (int i = 0; i < search->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		try_events(search, i, &scratch);
		try_time(search, i, &scratch);
	}
	return search;
}

/* The result is cached for the session, for one policy: a trigger calls this for each row. */
bool
cs_has_transition(CsPolicy policy, cs_status from, cs_status to)
{
	static bool known[CS_STATUSES][CS_STATUSES];
	static CsPolicy of;
	static bool any = false;

	if (!any || memcmp(&of, &policy, sizeof(CsPolicy)) != 0)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "contact_status transitions",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext caller = MemoryContextSwitchTo(context);
		Search	   *search = search_transitions(policy);

		any = false;
		for (int a = 0; a < CS_STATUSES; a++)
			for (int b = 0; b < CS_STATUSES; b++)
			{
				known[a][b] = false;
				for (int event = 0; event <= TIME; event++)
					known[a][b] |= search->found[a][event][b];
			}
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
		of = policy;
		any = true;
	}
	return known[from][to];
}

PG_FUNCTION_INFO_V1(cs_transitions);
Datum
cs_transitions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CsPolicy	policy = cs_policy_of_datum(PG_GETARG_DATUM(0));
	Search	   *search;
	Oid			status_type,
				kind_type;

	InitMaterializedSRF(fcinfo, 0);
	status_type = TupleDescAttr(result->setDesc, 0)->atttypid;
	kind_type = TupleDescAttr(result->setDesc, 1)->atttypid;
	search = search_transitions(policy);

	for (int from = 0; from <= NONE; from++)
		for (int event = 0; event <= TIME; event++)
			for (int to = 0; to <= NONE; to++)
			{
				Datum		values[3] = {0};
				bool		nulls[3] = {from == NONE, event == TIME, to == NONE};

				if (!search->found[from][event][to])
					continue;
				if (from != NONE)
					values[0] = cs_status_datum(status_type, from);
				if (event != TIME)
					values[1] = cs_kind_datum(kind_type, event);
				if (to != NONE)
					values[2] = cs_status_datum(status_type, to);
				tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
			}
	return (Datum) 0;
}
