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
	int			columns;		/* of the key, at least 2; bigint and not null */
	IndexScanDesc scan;
	int64		last[2];		/* the last key */
	int			close;			/* number of keys in a row that shortly follow the one before */
	bool		reads_on;		/* the scan goes on to the entries of other keys */
	bool		has_entry;		/* the scan is at an entry: the members from here on are known */
	int64		entry[KEY_WALK_COLUMNS];
	ItemPointerData tid;
} CsKeyWalk;

/* Begins with an index of a table, both open, and a snapshot that lasts until the end. */
extern void cs_begin_walk(CsKeyWalk *walk, Relation table, Relation index, Snapshot snapshot, int columns);

/*
 * Fetches the first row with a key that the snapshot shows into the slot.
 * Returns false if there is none.  Any order of the keys is right; ascending
 * keys are fast if they are close to each other.
 */
extern bool cs_walk_to(CsKeyWalk *walk, const int64 *key, TupleTableSlot *slot);

extern void cs_end_walk(CsKeyWalk *walk);

/* The same with a dirty snapshot, of a table and an index that the caller has locked. */
typedef struct CsDirtyWalk
{
	Relation	table;
	Relation	index;
	SnapshotData dirty;
	CsKeyWalk	rows;
} CsDirtyWalk;

extern void cs_begin_dirty_walk(CsDirtyWalk *walk, Oid table, Oid index, int columns);

/*
 * Fetches the row with a key if it is current: it is committed or of this
 * transaction, and no running transaction has changed or deleted it.  Else
 * returns false, and holds no pin: the caller has to look the row up otherwise,
 * which may wait.
 */
extern bool cs_dirty_walk_to(CsDirtyWalk *walk, const int64 *key, TupleTableSlot *slot);

/* Releases the pin, before the caller may wait: VACUUM waits for pins, without a search for deadlocks. */
extern void cs_pause_dirty_walk(CsDirtyWalk *walk);

extern void cs_end_dirty_walk(CsDirtyWalk *walk);

#endif							/* CONTACT_STATUS_KEY_WALK_H */
