/*
 * key_lookup.h
 *		Lookups of rows by their key, for callers that outlive an open
 *		installation: one opens the tables, and a statement then looks up many
 *		rows.
 */
#ifndef CONTACT_STATUS_KEY_LOOKUP_H
#define CONTACT_STATUS_KEY_LOOKUP_H

#include "storage/installation.h"
#include "storage/key_walk.h"

/* The tables stay locked until the transaction ends. */
typedef struct CsLookup
{
	Oid			table;
	Oid			key;
	TupleTableSlot *slot;
	AttrNumber	status;
	AttrNumber	due_at;
	Oid			status_type;
	CsDirtyWalk *walk;			/* of the caller: finds rows in ascending order; NULL: not in use */
} CsLookup;

/* Prepares lookups in a table.  The slot lives in `context`; due_at is 0 if the table has no such column. */
extern CsLookup cs_begin_lookup(CsTable *table, AttrNumber status, AttrNumber due_at, MemoryContext context);

/*
 * Fetches the row of a key that a snapshot shows into the lookup's slot.
 * Returns false if there is none.
 */
extern bool cs_look_up(const CsLookup *look, Snapshot snapshot, const cs_id *key, int count);

/* Raises 40001 as cs_check_shown() for the row in the lookup's slot. */
extern void cs_check_shown_row(const CsLookup *look);

#endif							/* CONTACT_STATUS_KEY_LOOKUP_H */
