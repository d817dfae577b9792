/*
 * checkpoint.h
 *		Facts of a contact as of a time, from which a replay starts.
 *
 * The checkpoint of the horizon replaces older events, so that these may be
 * dropped.  It includes the events that are dated before it and were recorded
 * up to `kept`.
 *
 * Other checkpoints only shorten the replay of a long log.  They are never
 * later than changed_at of the contact: in-order events would invalidate them.
 */
#ifndef CONTACT_STATUS_CHECKPOINT_H
#define CONTACT_STATUS_CHECKPOINT_H

#include "types/fact_columns.h"
#include "storage/installation.h"

/*
 * A generation of a contact: an id may be used again after a deletion.  The
 * first generation has the start PG_INT64_MIN.
 */
typedef struct CsGeneration
{
	int64		account;
	int64		contact;
	TimestampTz generation_start;
} CsGeneration;

typedef struct CsCheckpoint
{
	bool		set;
	cs_time		before;			/* the facts include the events dated before this */
	cs_moment	kept;			/* of the horizon: they were recorded up to this time */
	cs_moment	late_since;		/* of the horizon: earliest event dated before it and recorded after kept */
	CsContactRow		facts;			/* with consents; status and due are not used */
	ItemPointerData tid;
} CsCheckpoint;

/*
 * Returns a checkpoint; its member `set` is false if there is none.  With
 * `until` NULL it is that of the horizon.  Otherwise it is the last one with
 * before <= *until, or that of the horizon if it is later.  The caller has
 * locked the contact's row.  Raises 40001 if the transaction's own snapshot
 * does not show a row.
 */
extern CsCheckpoint cs_fetch_checkpoint(CsInstallation *in, const CsGeneration *life, const cs_time *until);

/* Inserts a checkpoint of a generation, without status and due. */
extern void cs_insert_checkpoint(CsInstallation *in, const CsGeneration *life, const CsCheckpoint *checkpoint);

/*
 * Records that an event dated before the horizon was recorded later, if it is
 * the earliest.  Locks the row of the checkpoint FOR NO KEY UPDATE.
 */
extern void cs_note_late(CsInstallation *in, CsCheckpoint *checkpoint, cs_time at);

/*
 * Deletes the checkpoints that include events dated `from` or later.  The
 * checkpoint of the horizon is deleted only with `kept`, and then in any case.
 */
extern void cs_delete_checkpoints(CsInstallation *in, const CsGeneration *life, cs_time from, bool kept);

/*
 * Deletes all checkpoints of a contact, except that of the horizon for one
 * generation (NULL: no exception).
 */
extern void cs_delete_all_checkpoints(CsInstallation *in, int64 account, int64 contact, const CsGeneration *but);

#endif							/* CONTACT_STATUS_CHECKPOINT_H */
