/*
 * apply_event.c
 *		Changes of the locked contact: an event, a new generation, a new
 *		address, a request for a full replay.
 *
 * The row of a contact stores the facts after the last event that changed one,
 * and the time of that event.  An event of a later time is applied to these
 * facts.  If it changes no fact, the log is not read and nothing is written.
 *
 * If it changes a fact, cs_replay_contact() replays the events that the log
 * already holds from its time on.  If it is late, cs_replay_contact() replays
 * the log from the last checkpoint before it.
 */
#include "postgres.h"

#include "access/xact.h"

#include "compat.h"
#include "contact/contact.h"
#include "contact/contact_state.h"
#include "rules/alloc.h"
#include "rules/rules.h"
#include "storage/checkpoint.h"
#include "storage/event_log.h"
#include "storage/status_change.h"

/* ---- events ---- */

/*
 * Remember an `added` event. cs_save_contact() finds out whether its consent
 * took effect and whether the contact limit must be checked.
 */
static void
note_added(CsContact *v, const cs_event *event)
{
	if (v->added_count == v->added_space)
	{
		v->added_space = v->added_space ? 2 * v->added_space : 4;
		v->added = cs_resize(v->added, v->added_space * sizeof(CsAdded));
	}
	v->added[v->added_count++] = (CsAdded) {event->list.id, event->at};
}

/*
 * Raises 40001: after the event was recorded, the contact began a new
 * generation or stored its facts as of the horizon.
 */
pg_noreturn static void
refuse_overtaken_event(const CsContact *v, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail("Contact %lld %s since the event was recorded.", (long long) v->contact, what),
			 errhint("Retry the transaction.")));
}

/*
 * Apply an event that is dated before the account's horizon at the time of the
 * horizon.  Its own time cannot be replayed: the log need not be complete
 * there.
 */
static void
move_to_horizon(CsContact *v, CsLoggedEvent *event)
{
	/* the checkpoint must not include the events of this statement */
	cs_store_horizon_checkpoint(v, GetCurrentStatementStartTimestamp() - 1, &event->event.at);
	if (event->recorded <= cs_horizon_checkpoint(v)->kept.at)
		refuse_overtaken_event(v, "had its facts kept as of the horizon");
	cs_note_late(v->in, &v->horizon, event->event.at);
	event->event.at = v->horizon.before;
}

/* Remember that the log must be replayed from the last checkpoint before an event. */
static void
note_late(CsContact *v, cs_time at)
{
	if (v->progress == PROGRESS_ANEW)
		return;
	v->progress = PROGRESS_ANEW;
	v->late_from = (cs_moment) {.set = true, .at = at};
}

static void
apply_in_order(CsContact *v, CsLoggedEvent *event)
{
	cs_time		at = event->event.at;

	v->at_last = at == v->last ? v->at_last + 1 : 1;
	v->last = at;
	if (cs_apply_logged(v, event) && v->progress == PROGRESS_NONE)
	{
		/*
		 * cs_log_has_only() counts all events from this time on, so count the
		 * earlier ones of the same time too
		 */
		v->progress = PROGRESS_CHANGED;
		v->from = at;
		v->own = v->at_last;
	}
	else if (v->progress == PROGRESS_CHANGED)
		v->own++;
}

void
cs_contact_apply_event(CsContact *v, const CsLoggedEvent *logged)
{
	CsLoggedEvent event = *logged;
	bool		old = v->policy->horizon.set && event.event.at < v->policy->horizon.at;
	MemoryContext caller = MemoryContextSwitchTo(v->context);

	if (event.recorded <= v->generation_start)
		refuse_overtaken_event(v, "is another one");
	if (old)
		move_to_horizon(v, &event);
	if (cs_has_feed(v->in))
		v->own_since = Min(v->own_since, event.recorded);
	if (event.event.kind == CS_KIND_ADDED && v->policy->has_limit)
		note_added(v, &event.event);
	if (old || (v->stored.changed.set && event.event.at <= v->stored.changed.at))
		note_late(v, event.event.at);
	if (v->progress != PROGRESS_ANEW)
		apply_in_order(v, &event);
	MemoryContextSwitchTo(caller);
}

void
cs_request_full_replay(CsContact *v)
{
	v->progress = PROGRESS_ANEW;
	v->late_from = (cs_moment) {0};
}

void
cs_begin_generation(CsContact *v, TimestampTz generation_start)
{
	v->generation_start = generation_start;
	v->begins_anew = true;
	cs_request_full_replay(v);
}

void
cs_set_address_since(CsContact *v, TimestampTz since)
{
	v->address_since = (cs_moment) {.set = true, .at = since};
	cs_request_full_replay(v);
}
