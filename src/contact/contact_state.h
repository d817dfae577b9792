/*
 * contact_state.h
 *		A visit from within, for the files that do what contacts.h offers.
 *
 * visits.c finds, locks and reads the contact, additions.c takes what is added
 * to it, save.c writes what changed.  Those fold the log by refold.c, keep facts
 * as of the horizon by kept.c, and read and write subscriptions by subscriptions.c.
 */
#ifndef CONTACT_STATUS_CONTACT_STATE_H
#define CONTACT_STATUS_CONTACT_STATE_H

#include "storage/checkpoint.h"
#include "contact/contact.h"

/* What the stored facts have become by what was added. */
typedef enum CsProgress
{
	PROGRESS_NONE,				/* no event changed a fact so far */
	PROGRESS_CHANGED,			/* one did: the log is to be looked at from its time on */
	PROGRESS_ANEW				/* the log is to be folded from its beginning, or a checkpoint */
} CsProgress;

/* An event `added`. */
typedef struct CsAdded
{
	int64		list;
	cs_time		at;
} CsAdded;

struct CsContact
{
	CsInstallation *in;
	CsTable    *contacts;
	IndexScanDesc lookup;		/* of contacts by key; NULL until begun */
	Snapshot	lookup_snapshot;
	MemoryContext context;		/* of the contact that is being visited */

	/* the contact: from here on forgotten with the next */
	int64		account;
	int64		contact;
	ItemPointerData tid;
	bool		is_new;			/* inserted since by this transaction, so that nobody else knows it */
	const CsPolicy *policy;
	TimestampTz generation_start;	/* or PG_INT64_MIN */
	bool		begins_anew;	/* generation_start is to be written */
	cs_moment	address_since;
	bool		address_anew;	/* address_since is to be written */
	CsContactRow		stored;			/* as in the row */
	cs_facts	facts;			/* as they become */
	cs_moment	changed;		/* by the last event that changed one of these */

	CsCheckpoint horizon;		/* set where the contact has one; see cs_horizon_checkpoint */
	bool		horizon_known;

	/* what was added */
	CsProgress	progress;
	cs_moment	late_from;		/* PROGRESS_ANEW: time of the earliest event that came late, if that is why */
	cs_time		from;			/* PROGRESS_CHANGED: time of the first event that changed a fact, */
	int64		own;			/* and how many were added from that time on */
	cs_time		last;			/* time of the last event added, */
	int64		at_last;		/* and how many were of that time */
	CsAdded    *added;			/* where there is a limit */
	int			added_count;
	int			added_space;

	/* subscriptions.c */
	bool		consents_known; /* stored and facts include them; see cs_need_consents */
	struct CsStoredSubscription *subscriptions; /* by list, ascending, as stored.contact.consents */
};

/* Start over from the facts as stored. */
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

/* Visit a contact that was deleted: nothing of it is stored but its events. */
extern void cs_load_deleted_contact(CsContact *v, int64 account, int64 contact, TimestampTz generation_start);

/* ---- subscription.c ---- */

/* From here on the facts include consents. */
extern void cs_read_consents(CsContact *v);

static inline void
cs_need_consents(CsContact *v)
{
	if (!v->consents_known)
		cs_read_consents(v);
}

/* Make the rows of subscription what the consents and the address status say; was there anything to write? */
extern bool cs_save_subscriptions(CsContact *v, cs_status address);

/* ---- replay.c ---- */

/* Apply an event of the log; returns whether it changed a fact. */
static inline bool
cs_apply_logged(CsContact *v, CsLoggedEvent *logged)
{
	if (cs_touches_consent(logged->event.kind))
		cs_need_consents(v);
	if (cs_judges_consent(logged->event.kind))
		logged->event.rules = cs_consent_rules_at(v->in, v->account, logged->event.list, logged->recorded);
	if (!cs_apply_event(&v->facts, &v->policy->rules, &logged->event))
		return false;
	v->changed = (cs_moment) {true, logged->event.at};
	return true;
}

/* Fold the stored facts on, from a time before which no event has changed any. */
extern void cs_replay_from(CsContact *v, cs_time from);

/* Fold all that follows the horizon, or (late given) the last checkpoint up to that time. */
extern void cs_replay_from_checkpoint(CsContact *v, cs_moment late);

/*
 * The facts as of a moment, from the horizon on, by events recorded up to a
 * time; those of the visit stay.
 */
extern CsContactRow cs_facts_before(CsContact *v, cs_time before, TimestampTz recorded_until);

/* ---- horizon_checkpoint.c ---- */

/* The checkpoint of the account's horizon, which may be none. */
extern const CsCheckpoint *cs_horizon_checkpoint(CsContact *v);

/*
 * Note events dated before the horizon that came past the triggers, of which
 * nobody noted that they came: as repair finds them.
 */
extern void cs_note_late_events(CsContact *v);

/*
 * Keep the facts as of the account's horizon, of events recorded up to a time,
 * unless they are kept.  The time of an event that comes late, if given, is
 * noted with them.
 */
extern void cs_store_horizon_checkpoint(CsContact *v, TimestampTz recorded_until, const cs_time *late);

#endif							/* CONTACT_STATUS_CONTACT_STATE_H */
