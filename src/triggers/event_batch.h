/*
 * event_batch.h
 *		The events of a statement: checked, and sorted by contact and in the
 *		order of the log's key.
 *
 * Few events are sorted in an array.  Many are sorted by the server's tuplesort,
 * which spills to disk, so memory does not grow with the statement.
 */
#ifndef CONTACT_STATUS_EVENT_BATCH_H
#define CONTACT_STATUS_EVENT_BATCH_H

#include "executor/tuptable.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#include "storage/event_log.h"

typedef struct CsBatch
{
	CsInstallation *in;
	int			count;
	int			next;
	CsLoggedEvent *few;			/* NULL if there are many */
	CsLoggedEvent **sorted;		/* few, in order */
	Tuplesortstate *many;
	TupleTableSlot *slot;		/* of many */
	CsLoggedEvent event;		/* the current one of many */
	bool		addresses_change;	/* if addresses_known: a contact may have changed its address */
	bool		addresses_known;
	bool		has_old_facts;	/* an event may change the suppressions of a former address */
} CsBatch;

/*
 * Checks and sorts the rows of a statement.  Takes the shared settings lock of
 * their accounts.  Raises 23514 contact_status_event for an invalid event and
 * 23503 for an unknown list.  Raises 22008 for a time of cs_time_problem().
 */
extern void cs_begin_batch(CsBatch *batch, CsInstallation *in, Relation rel, Tuplestorestate *events);

/* The next event, which is valid until the next call.  NULL after the last. */
extern const CsLoggedEvent *cs_next_event(CsBatch *batch);

/* Starts again with the first event. */
extern void cs_rewind_batch(CsBatch *batch);

extern void cs_end_batch(CsBatch *batch);

/* May an event change the suppressions of a former address of its contact? */
extern bool cs_concerns_former_addresses(CsBatch *batch, const cs_event *event);

#endif							/* CONTACT_STATUS_EVENT_BATCH_H */
