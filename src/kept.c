/*
 * kept.c
 *		The facts of a contact as of its account's horizon, kept so that older
 *		events may be dropped.
 */
#include "postgres.h"

#include "access/xact.h"

#include "visits.h"

const CsCheckpoint *
cs_need_horizon(CsVisits *v)
{
	CsLife		life = cs_life_of(v);

	if (!v->horizon_known && v->policy->horizon.set)
		v->horizon = cs_fetch_checkpoint(v->in, &life, NULL);
	v->horizon_known = true;
	return &v->horizon;
}

void
cs_find_late(CsVisits *v)
{
	CsLogScan	scan;
	CsLoggedEvent event;
	cs_moment	first = {0};

	if (!cs_need_horizon(v)->set)
		return;
	cs_begin_log(&scan, v->in, v->account, v->contact, NULL);
	while (!first.set && cs_next_logged(&scan, &event) && event.event.at < v->horizon.before)
		if (!event.retracted && event.recorded > v->begins_after && event.recorded > v->horizon.kept.at)
			first = (cs_moment) {true, event.event.at};
	cs_end_log(&scan);
	if (first.set)
		cs_note_late(v->in, &v->horizon, first.at);
}

void
cs_keep_as_of_horizon(CsVisits *v, TimestampTz recorded_until, const cs_time *late)
{
	CsLife		life = cs_life_of(v);
	CsCheckpoint kept = {.set = true, .before = v->policy->horizon.at, .kept = {true, recorded_until}};

	if (cs_need_horizon(v)->set && v->horizon.before >= kept.before && (late || !v->horizon.late_since.set))
		return;
	if (v->horizon.set && v->horizon.late_since.set)
		cs_find_late(v);
	cs_need_consents(v);
	/* where no event from then on changed a fact, they are at hand */
	if (late == NULL && v->stored.changed.set && v->stored.changed.at < kept.before)
		kept.facts = v->stored;
	else
		kept.facts = cs_facts_before(v, kept.before, recorded_until);
	if (late)
		kept.late_since = (cs_moment) {true, *late};
	cs_delete_checkpoints(v->in, &life, PG_INT64_MIN, true);
	cs_insert_checkpoint(v->in, &life, &kept);
	CommandCounterIncrement();
	v->horizon = kept;
}

void
cs_keep_horizon(CsVisits *v)
{
	MemoryContext caller = MemoryContextSwitchTo(v->context);

	cs_keep_as_of_horizon(v, v->in->now, NULL);
	MemoryContextSwitchTo(caller);
}

void
cs_keep_former_horizon(CsVisits *v, int64 account, int64 contact, TimestampTz begins_after, TimestampTz ended)
{
	MemoryContext caller;

	cs_visit_former(v, account, contact, begins_after);
	caller = MemoryContextSwitchTo(v->context);
	cs_keep_as_of_horizon(v, ended, NULL);
	MemoryContextSwitchTo(caller);
}
