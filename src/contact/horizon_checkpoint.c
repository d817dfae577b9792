/*
 * horizon_checkpoint.c
 *		Stores the facts of a contact as of its account's horizon, so that
 *		older events may be dropped.
 */
#include "postgres.h"

#include "access/xact.h"

#include "contact/contact.h"
#include "contact/contact_state.h"
#include "rules/rules.h"
#include "storage/checkpoint.h"

void
cs_store_horizon_checkpoint(CsContact *v, TimestampTz recorded_until, const cs_time *late)
{
	CsGeneration		life = cs_generation_of(v);
	CsCheckpoint kept = {.set = true, .before = v->policy->horizon.at, .kept = {.set = true, .at = recorded_until}};

	if (cs_horizon_checkpoint(v)->set && v->horizon.before >= kept.before && (late || !v->horizon.late_since.set))
		return;
	if (v->horizon.set && v->horizon.late_since.set)
		cs_note_late_events(v);
	cs_need_consents(v);
	/* if no event since the horizon changed a fact, these are the stored facts */
	if (late == NULL && v->stored.changed.set && v->stored.changed.at < kept.before)
		kept.facts = v->stored;
	else
		kept.facts = cs_facts_before(v, kept.before, recorded_until);
	if (late)
		kept.late_since = (cs_moment) {.set = true, .at = *late};
	cs_delete_checkpoints(v->in, &life, PG_INT64_MIN, true);
	cs_insert_checkpoint(v->in, &life, &kept);
	CommandCounterIncrement();
	v->horizon_known = false;	/* to be read as it was stored */
}

void
cs_store_horizon_facts(CsContact *v)
{
	MemoryContext caller = MemoryContextSwitchTo(v->context);

	cs_store_horizon_checkpoint(v, v->in->now, NULL);
	MemoryContextSwitchTo(caller);
}

void
cs_store_deleted_horizon_facts(CsContact *v, int64 account, int64 contact, TimestampTz generation_start, TimestampTz ended)
{
	MemoryContext caller;

	cs_load_deleted_contact(v, account, contact, generation_start, ended);
	caller = MemoryContextSwitchTo(v->context);
	cs_store_horizon_checkpoint(v, ended, NULL);
	MemoryContextSwitchTo(caller);
}
