/*
 * checkpoint.h
 *		Facts of a contact as of a moment, from which a fold starts.
 *
 * Those of the account's horizon are kept, so that older events may be dropped:
 * they hold the events that were dated before it and recorded up to kept.  The
 * others only save reading a long log again, and never lie behind the contact's
 * changed_at: so an event that comes in order makes none of them wrong.
 */
#ifndef CONTACT_STATUS_CHECKPOINT_H
#define CONTACT_STATUS_CHECKPOINT_H

#include "types/fact_columns.h"
#include "storage/installation.h"

/* Whose: an account's contact, of the life that began after a time (PG_INT64_MIN: its first). */
typedef struct CsGeneration
{
	int64		account;
	int64		contact;
	TimestampTz generation_start;
} CsGeneration;

typedef struct CsCheckpoint
{
	bool		set;
	cs_time		before;			/* facts are those of the events dated before */
	cs_moment	kept;			/* of a horizon: up to when those were recorded */
	cs_moment	late_since;		/* of a horizon: the earliest event dated before it and recorded later */
	CsContactRow		facts;			/* consents included; status and due are not looked at */
	ItemPointerData tid;
} CsCheckpoint;

/* The one of the horizon, or (until given) the last up to a time; whoever holds the contact's lock may ask. */
extern CsCheckpoint cs_fetch_checkpoint(CsInstallation *in, const CsGeneration *life, const cs_time *until);

extern void cs_insert_checkpoint(CsInstallation *in, const CsGeneration *life, const CsCheckpoint *checkpoint);

/* Note that an event dated before the horizon was recorded later. */
extern void cs_note_late(CsInstallation *in, CsCheckpoint *checkpoint, cs_time at);

/* Delete those of a contact that save reading and hold events from a time on; with kept, those of a horizon too. */
extern void cs_delete_checkpoints(CsInstallation *in, const CsGeneration *life, cs_time from, bool kept);

/* Delete all of a contact but the one of the horizon of a life (NULL: all). */
extern void cs_delete_all_checkpoints(CsInstallation *in, int64 account, int64 contact, const CsGeneration *but);

#endif							/* CONTACT_STATUS_CHECKPOINT_H */
