/*
 * replay.c
 *		Replays the log of the locked contact.
 */
#include "postgres.h"

#include "contact/contact.h"
#include "contact/contact_state.h"
#include "rules/rules.h"
#include "storage/checkpoint.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/table_scan.h"
#include "types/fact_columns.h"

/* Events between two checkpoints: replaying them takes about a millisecond. */
#define CHECKPOINT_EVENTS 1000

/* The part of the log to replay. */
typedef struct Span
{
	const cs_time *from;		/* continue the current facts from this time; NULL: start from the checkpoint */
	cs_time		before;			/* events of earlier times; CS_NEVER: all */
	cs_time		change_before;	/* changes of the address of earlier times */
	TimestampTz recorded_until; /* events recorded up to this time */
	List	  **checkpoints;	/* if not NULL: collects new checkpoints */
} Span;

#define ALL ((Span) {.before = CS_NEVER, .change_before = CS_NEVER, .recorded_until = PG_INT64_MAX})

/* ---- events ---- */

bool
cs_apply_logged(CsContact *v, CsLoggedEvent *logged)
{
	if (cs_touches_consent(logged->event.kind))
		cs_need_consents(v);
	if (cs_judges_consent(logged->event.kind))
		logged->event.rules = cs_consent_rules_at(v->in, v->account, logged->event.list, logged->recorded);
	if (logged->recorded >= v->own_since ? !cs_apply_own_event(v, &logged->event) :
		!cs_apply_event(&v->facts, &v->policy->rules, &logged->event))
		return false;
	v->changed = (cs_moment) {.set = true, .at = logged->event.at};
	return true;
}

/* ---- the horizon ---- */

const CsCheckpoint *
cs_horizon_checkpoint(CsContact *v)
{
	CsGeneration		life = cs_generation_of(v);

	if (!v->horizon_known && v->policy->horizon.set)
		v->horizon = cs_fetch_checkpoint(v->in, &life, NULL);
	v->horizon_known = true;
	return &v->horizon;
}

void
cs_note_late_events(CsContact *v)
{
	CsLogScan	scan;
	CsLoggedEvent event;
	cs_moment	first = {0};

	if (!cs_horizon_checkpoint(v)->set)
		return;
	cs_begin_log(&scan, v->in, v->account, v->contact, NULL);
	while (!first.set && cs_next_logged(&scan, &event) && event.event.at < v->horizon.before)
		if (!event.retracted && event.recorded > v->generation_start && event.recorded > v->horizon.kept.at)
			first = (cs_moment) {.set = true, .at = event.event.at};
	cs_end_log(&scan);
	if (first.set)
		cs_note_late(v->in, &v->horizon, first.at);
}

/* ---- the replay ---- */

static void
begin_from_checkpoint(CsContact *v, const CsCheckpoint *base)
{
	cs_clear_facts(&v->facts);
	v->changed = (cs_moment) {0};
	if (base->set)
	{
		cs_copy_facts(&v->facts, &base->facts.contact);
		v->changed = base->facts.changed;
	}
}

/* The times at which the contact changed its address, ascending.  Returns their number. */
static int
load_address_changes(CsContact *v, cs_time **changes)
{
	cs_id		key[2] = {{true, v->account}, {true, v->contact}};
	int			count = 0,
				space = 4;
	CsTable    *table;
	CsKeyScan	scan;
	bool		isnull;

	if (!v->address_since.set)
		return 0;
	table = cs_table(v->in, TABLE_ADDRESS_CHANGE);
	*changes = palloc(space * sizeof(cs_time));
	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		cs_time		at = DatumGetTimestampTz(cs_column(table, table->slot, CHANGE_CHANGED_AT, &isnull));

		if (at <= v->generation_start || at > v->ended)
			continue;			/* of another contact with the same id */
		if (count == space)
			*changes = repalloc(*changes, (space *= 2) * sizeof(cs_time));
		(*changes)[count++] = at;
	}
	cs_end_scan(&scan);
	return count;
}

static void
change_address(CsContact *v, cs_time at)
{
	cs_change_address(&v->facts, at);
	v->changed = (cs_moment) {.set = true, .at = at};
}

static void
note_checkpoint(CsContact *v, cs_time before, List **checkpoints)
{
	CsCheckpoint *checkpoint = palloc0(sizeof(CsCheckpoint));

	checkpoint->set = true;
	checkpoint->before = before;
	checkpoint->facts.changed = v->changed;
	cs_copy_facts(&checkpoint->facts.contact, &v->facts);
	*checkpoints = lappend(*checkpoints, checkpoint);
}

/*
 * Must the replay apply the event?  Events that the checkpoint includes are
 * left out.  An older event that it does not include is moved to the time of
 * the checkpoint.
 */
static bool
counts(const CsContact *v, const CsCheckpoint *base, TimestampTz recorded_until, CsLoggedEvent *event)
{
	if (event->retracted || event->recorded <= v->generation_start || event->recorded > recorded_until)
		return false;
	if (!base->set || event->event.at >= base->before)
		return true;
	event->event.late_by = base->before - event->event.at;
	event->event.before_change = base->facts.changed.set && base->facts.changed.at >= event->event.at;
	event->event.at = base->before;
	return base->kept.set && event->recorded > base->kept.at;
}

/*
 * Apply the events of the log that follow a checkpoint, or all events if the
 * checkpoint is not set.
 */
static void
fold_log(CsContact *v, const CsCheckpoint *base, Span span)
{
	cs_time		from = base->late_since.set ? Min(base->late_since.at, base->before) : base->before;
	cs_time		last = PG_INT64_MIN;
	cs_time    *changes = NULL;
	int			count = load_address_changes(v, &changes);
	int			next = 0;
	int			since = 0;
	CsLogScan	scan;
	CsLoggedEvent event;

	if (span.from == NULL)
		begin_from_checkpoint(v, base);
	/* skip the changes of the address that the initial facts include */
	while (next < count && ((span.from && changes[next] < *span.from) || (base->set && changes[next] < base->before)))
		next++;
	while (count > next && changes[count - 1] >= span.change_before)
		count--;
	cs_begin_log(&scan, v->in, v->account, v->contact, span.from ? span.from : base->set ? &from : NULL);
	while (cs_next_logged(&scan, &event) && event.event.at < span.before)
	{
		if (!counts(v, base, Min(span.recorded_until, v->ended), &event))
			continue;
		while (next < count && changes[next] < event.event.at)
			change_address(v, changes[next++]);
		if (span.checkpoints && ++since > CHECKPOINT_EVENTS && event.event.at > last)
		{
			note_checkpoint(v, event.event.at, span.checkpoints);
			since = 0;
		}
		last = event.event.at;
		cs_apply_logged(v, &event);
	}
	while (next < count)
		change_address(v, changes[next++]);
	cs_end_log(&scan);
}

/* ---- the parts of a replay ---- */

void
cs_replay_from(CsContact *v, cs_time from)
{
	static const CsCheckpoint none = {0};
	Span		span = ALL;

	span.from = &from;
	cs_restart_causes(v);
	cs_begin_from_stored(v);
	fold_log(v, &none, span);
}

void
cs_replay_from_checkpoint(CsContact *v, cs_moment late)
{
	CsGeneration		life = cs_generation_of(v);
	List	   *checkpoints = NIL;
	Span		span = ALL;
	CsCheckpoint base;
	ListCell   *lc;

	if (!late.set)
		cs_note_late_events(v);
	base = *cs_horizon_checkpoint(v);
	if (late.set)
	{
		CsCheckpoint last = cs_fetch_checkpoint(v->in, &life, &late.at);

		if (last.set && !last.kept.set)
			base = last;
	}
	cs_delete_checkpoints(v->in, &life, late.set ? late.at : PG_INT64_MIN, false);
	if (late.set)
		span.checkpoints = &checkpoints;
	cs_restart_causes(v);
	fold_log(v, &base, span);

	/* store no checkpoint later than changed_at: in-order events would invalidate it */
	foreach(lc, checkpoints)
	{
		const CsCheckpoint *checkpoint = lfirst(lc);

		if (v->changed.set && checkpoint->before <= v->changed.at)
			cs_insert_checkpoint(v->in, &life, checkpoint);
	}
}

static CsContactRow
facts_of(CsContact *v, Span span)
{
	CsContactRow		found = {0};
	cs_facts	facts = v->facts;
	cs_moment	changed = v->changed;
	TimestampTz own_since = v->own_since;

	v->own_since = PG_INT64_MAX;	/* note no causes */
	memset(&v->facts, 0, sizeof(v->facts));
	fold_log(v, cs_horizon_checkpoint(v), span);
	found.contact = v->facts;
	found.changed = v->changed;
	v->facts = facts;
	v->changed = changed;
	v->own_since = own_since;
	return found;
}

CsContactRow
cs_facts_before(CsContact *v, cs_time before, TimestampTz recorded_until)
{
	return facts_of(v, (Span) {.before = before, .change_before = before, .recorded_until = recorded_until});
}

CsContactRow
cs_facts_at_change(CsContact *v, cs_time change)
{
	return facts_of(v, (Span) {.before = change + 1, .change_before = change, .recorded_until = PG_INT64_MAX});
}

const cs_facts *
cs_deleted_contact_facts(CsContact *v, int64 account, int64 contact, TimestampTz generation_start, TimestampTz ended)
{
	MemoryContext caller;

	cs_load_deleted_contact(v, account, contact, generation_start, ended);
	caller = MemoryContextSwitchTo(v->context);
	fold_log(v, cs_horizon_checkpoint(v), ALL);
	MemoryContextSwitchTo(caller);
	return &v->facts;
}

void
cs_replay_contact(CsContact *v)
{
	MemoryContext caller = MemoryContextSwitchTo(v->context);

	if (v->progress == PROGRESS_CHANGED && !v->is_new &&
		!cs_log_has_only(v->in, v->account, v->contact, v->from, v->own))
		cs_replay_from(v, v->from);
	else if (v->progress == PROGRESS_ANEW)
	{
		cs_need_consents(v);
		cs_replay_from_checkpoint(v, v->late_from);
	}
	MemoryContextSwitchTo(caller);
}

const cs_facts *
cs_contact_facts(CsContact *v)
{
	MemoryContext caller;

	cs_replay_contact(v);
	caller = MemoryContextSwitchTo(v->context);
	cs_need_consents(v);
	MemoryContextSwitchTo(caller);
	return &v->facts;
}
