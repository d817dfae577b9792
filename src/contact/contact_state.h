/*
 * contact_state.h
 *		The state of a locked contact, for the files of this folder only.
 *
 * contact_lock.c finds, locks and reads the contact. apply_event.c applies
 * events to it. replay.c replays its log, horizon_checkpoint.c stores its facts
 * as of the horizon, and subscription.c reads and writes its subscriptions.
 * save.c writes the changes.  own_event.c and change_cause.c find the event that
 * brought each change, for the change feed.
 */
#ifndef CONTACT_STATUS_CONTACT_STATE_H
#define CONTACT_STATUS_CONTACT_STATE_H

#include "storage/checkpoint.h"
#include "contact/contact.h"

/* How the facts differ from the stored ones, and so which part of the log to replay. */
typedef enum CsProgress
{
	PROGRESS_NONE,				/* no event changed a fact */
	PROGRESS_CHANGED,			/* an event did: check the log from its time on */
	PROGRESS_ANEW				/* replay the log from the last checkpoint, or from its start */
} CsProgress;

/* An event `added`. */
typedef struct CsAdded
{
	int64		list;
	cs_time		at;
} CsAdded;

/* The event that last changed a status of the contact (list not set) or of a subscription. */
typedef struct CsCause
{
	cs_id		list;
	cs_kind		kind;
	cs_time		at;
} CsCause;

struct CsContact
{
	CsInstallation *in;
	CsTable    *contacts;
	IndexScanDesc lookup;		/* of contacts by key; NULL until begun */
	Snapshot	lookup_snapshot;
	MemoryContext context;		/* of this contact, reset for the next one */

	/* the members from here on are cleared for each contact */
	int64		account;
	int64		contact;
	ItemPointerData tid;
	bool		is_new;			/* inserted by this transaction, and not visible to another */
	const CsPolicy *policy;
	TimestampTz generation_start;	/* PG_INT64_MIN: none */
	TimestampTz ended;			/* of a deleted contact: later events are not its own; else PG_INT64_MAX */
	bool		begins_anew;	/* write generation_start */
	cs_moment	address_since;	/* last change of the address, the one of this call included */
	CsContactRow		stored;			/* as in the row of contact */
	cs_facts	facts;			/* after the events applied so far */
	cs_moment	changed;		/* time of the last event that changed one of these */

	CsCheckpoint horizon;		/* see cs_horizon_checkpoint */
	bool		horizon_known;

	/* the events applied so far */
	CsProgress	progress;
	cs_moment	late_from;		/* PROGRESS_ANEW: time of the earliest late event; not set: replay all */
	cs_time		from;			/* PROGRESS_CHANGED: time of the first event that changed a fact */
	int64		own;			/* number of applied events from that time on */
	cs_time		last;			/* time of the last applied event */
	int64		at_last;		/* number of applied events of that time */
	CsAdded    *added;			/* `added` events, if the account has a contact limit */
	int			added_count;
	int			added_space;

	/* change_cause.c; used only with a change feed */
	TimestampTz own_since;		/* events recorded from this time on are of this statement; PG_INT64_MAX: none */
	bool		replayed;
	CsCause    *causes;
	int			cause_count;
	int			cause_space;
	bool		has_last_cause;
	CsCause		last_cause;		/* the last event of this statement that changed a fact */

	/* subscription.c */
	bool		consents_known; /* stored and facts include the consents; see cs_need_consents */
	struct CsStoredSubscription *subscriptions; /* by list, ascending, like stored.contact.consents */
};

/* Reset the facts to the stored ones. */
static inline void
cs_begin_from_stored(CsContact *v)
{
	cs_copy_facts(&v->facts, &v->stored.contact);
	v->changed = v->stored.changed;
}

static inline CsGeneration
cs_generation_of(const CsContact *v)
{
	return (CsGeneration) {v->account, v->contact, v->generation_start};
}

/* ---- contact_lock.c ---- */

/*
 * Load a deleted contact.  It has no row of contact, only its events, its
 * changes of address and its checkpoint.  Takes no lock.
 */
extern void cs_load_deleted_contact(CsContact *v, int64 account, int64 contact,
									TimestampTz generation_start, TimestampTz ended);

/* ---- subscription.c ---- */

/*
 * Reads the consents from table subscription.  From then on the facts include
 * them.  Called by cs_need_consents().
 */
extern void cs_read_consents(CsContact *v);

static inline void
cs_need_consents(CsContact *v)
{
	if (!v->consents_known)
		cs_read_consents(v);
}

/*
 * Write the rows of subscription that differ from the consents and the address
 * status, and count the differences.  Locks the rows that it changes.  Returns
 * whether it wrote any.
 */
extern bool cs_save_subscriptions(CsContact *v, cs_status address, cs_time as_of);

/* ---- change_cause.c ---- */

/* Note the event as the cause of a new status of the contact, or of a subscription if the list is set. */
extern void cs_note_cause(CsContact *v, cs_id list, const cs_event *event);

/* Forget the causes: a replay starts, and finds them again. */
extern void cs_restart_causes(CsContact *v);

/*
 * Record a change of status in the change feed, if there is one.  Statuses are
 * cs_status or CS_NO_STATUS.
 */
extern void cs_feed_change(CsContact *v, cs_id list, int from, int to, cs_time as_of);

/* ---- own_event.c ---- */

/* Apply an event of this statement to the facts, and note the statuses that it changes. */
extern bool cs_apply_own_event(CsContact *v, const cs_event *event);

/* ---- replay.c ---- */

/*
 * Apply an event of the log under the consent settings in force when it was
 * recorded.  Returns whether it changed a fact.
 */
extern bool cs_apply_logged(CsContact *v, CsLoggedEvent *logged);

/*
 * Replay the log from a time on, starting with the stored facts.  No event
 * before that time may have changed a fact.
 */
extern void cs_replay_from(CsContact *v, cs_time from);

/*
 * Replay the log from the horizon checkpoint or, if late is given, from the
 * last checkpoint up to that time.  Deletes the checkpoints that include later
 * events, and inserts new ones if late is given.
 */
extern void cs_replay_from_checkpoint(CsContact *v, cs_moment late);

/*
 * The facts of the events dated before a time and recorded up to another, from
 * the horizon on.  The facts of the state do not change.
 */
extern CsContactRow cs_facts_before(CsContact *v, cs_time before, TimestampTz recorded_until);

/*
 * The facts just before a change of the address: of the events dated up to it
 * and of earlier changes, from the horizon on.
 */
extern CsContactRow cs_facts_at_change(CsContact *v, cs_time change);

/* ---- suppress_former.c ---- */

/*
 * Update the suppressions of all former addresses: an event from before a
 * change of address also applies to the old address, even if it is recorded
 * late.  Locks the rows of these addresses.
 */
extern void cs_suppress_former_addresses(CsContact *v);

/* ---- horizon_checkpoint.c ---- */

/* The contact's checkpoint for the account's horizon; not set if there is none. */
extern const CsCheckpoint *cs_horizon_checkpoint(CsContact *v);

/*
 * Find events dated before the horizon that were inserted without the
 * triggers, and note the earliest in the horizon checkpoint.  Without this,
 * drop_partition would not protect them.  A full replay calls it; repair
 * requests one.
 */
extern void cs_note_late_events(CsContact *v);

/*
 * Store the facts as of the account's horizon, from events recorded up to a
 * time, in place of all checkpoints of the contact.  `late` is the time of a
 * late event that is about to be applied; it is stored with the facts.
 *
 * Does nothing if the facts are stored for this horizon already.  But without
 * `late` it replaces a checkpoint that late events followed, so that the new
 * one includes them.
 */
extern void cs_store_horizon_checkpoint(CsContact *v, TimestampTz recorded_until, const cs_time *late);

#endif							/* CONTACT_STATUS_CONTACT_STATE_H */
