/*
 * event_batch.h
 *		The events of a statement: checked, and sorted by contact and in the order
 *		of the fold.
 *
 * Few events are sorted in an array, many by the server's tuplesort, which
 * spills to disk: memory does not grow with the statement.
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
	CsLoggedEvent *few;			/* NULL where there are many */
	CsLoggedEvent **sorted;		/* few, in order */
	Tuplesortstate *many;
	TupleTableSlot *slot;		/* of many */
	CsLoggedEvent event;		/* read from it */
	bool		addresses_change;	/* once known: some contact has had another address */
	bool		addresses_known;
	bool		has_old_facts;	/* some event may say of a person what holds for an address that the person had */
} CsBatch;

/*
 * Checks and sorts the rows of a statement.  Raises 23514
 * contact_status_event, 23503 and 22008.
 */
extern void cs_begin_batch(CsBatch *batch, CsInstallation *in, Relation rel, Tuplestorestate *events);

/* The next event, valid until the next call; NULL after the last. */
extern const CsLoggedEvent *cs_next_event(CsBatch *batch);

/* Starts again with the first event. */
extern void cs_rewind_batch(CsBatch *batch);

extern void cs_end_batch(CsBatch *batch);

/* May an event change what is suppressed of an address that its contact gave up? */
extern bool cs_concerns_former_addresses(CsBatch *batch, const cs_event *event);

#endif							/* CONTACT_STATUS_EVENT_BATCH_H */
