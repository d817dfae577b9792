/*
 * key_walk.h
 *		Finds many rows of a table by its key, in ascending order of the key.
 *
 * The scan keeps its position in the index.  A row with a key shortly after the
 * last one is found by reading on, which costs less than a descent of the tree.
 */
#ifndef CONTACT_STATUS_KEY_WALK_H
#define CONTACT_STATUS_KEY_WALK_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#define KEY_WALK_COLUMNS 3

typedef struct CsKeyWalk
{
	Relation	table;
	Relation	index;			/* its first columns are bigint and not null */
	int			columns;		/* of the key, at least 2 */
	IndexScanDesc scan;
	SnapshotData dirty;
	bool		has_entry;		/* the scan is at an entry: the members from here on are known */
	int64		entry[KEY_WALK_COLUMNS];
	ItemPointerData tid;
} CsKeyWalk;

/* Opens the table and the index, which the caller has locked. */
extern void cs_begin_walk(CsKeyWalk *walk, Oid table, Oid index, int columns);

/*
 * Fetches the row with a key into the slot, if it is the only current one: it is
 * committed or of this transaction, and no running transaction has changed or
 * deleted it.  Returns false if the row does not exist, or if the caller has to
 * look it up otherwise.  Any order of the keys is right; ascending keys are fast.
 */
extern bool cs_walk_to(CsKeyWalk *walk, const int64 *key, TupleTableSlot *slot);

extern void cs_end_walk(CsKeyWalk *walk);

#endif							/* CONTACT_STATUS_KEY_WALK_H */
