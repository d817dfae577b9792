/*
 * key_walk.c
 *		Finds many rows of a table by its key, in ascending order of the key.
 *
 * The scan copies the entries of a leaf page when it reaches it.  Entries that
 * concurrent transactions add to the page later are missed, so that a row that
 * they moved is not found.  Each row is fetched with a dirty snapshot, so that
 * a row that is found is current at that time.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "storage/key_walk.h"

/* A descent costs as much as reading this number of entries. */
#define MAX_STEPS 16

void
cs_begin_walk(CsKeyWalk *walk, Oid table, Oid index, int columns)
{
	walk->table = table_open(table, NoLock);
	walk->index = index_open(index, NoLock);
	walk->columns = columns;
	walk->has_entry = false;
	InitDirtySnapshot(walk->dirty);
	walk->scan = cs_index_beginscan(walk->table, walk->index, &walk->dirty, 2);
	walk->scan->xs_want_itup = true;
}

void
cs_end_walk(CsKeyWalk *walk)
{
	index_endscan(walk->scan);
	index_close(walk->index, NoLock);
	table_close(walk->table, NoLock);
}

/* Reads the next entry of the index. */
static void
step(CsKeyWalk *walk)
{
	bool		isnull;

	walk->has_entry = index_getnext_tid(walk->scan, ForwardScanDirection) != NULL;
	if (!walk->has_entry)
		return;
	walk->tid = walk->scan->xs_heaptid;
	for (int i = 0; i < walk->columns; i++)
		walk->entry[i] = DatumGetInt64(index_getattr(walk->scan->xs_itup, i + 1, walk->scan->xs_itupdesc, &isnull));
}

/* Descends to the first entry from the first two columns of a key on, with the same first column. */
static void
descend(CsKeyWalk *walk, const int64 *key)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key[0]));
	ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(key[1]));
	index_rescan(walk->scan, keys, 2, NULL, 0);
	step(walk);
}

/* Compares the current entry with a key. */
static int
compare(const CsKeyWalk *walk, const int64 *key)
{
	for (int i = 0; i < walk->columns; i++)
		if (walk->entry[i] != key[i])
			return walk->entry[i] < key[i] ? -1 : 1;
	return 0;
}

/* Forgets the position, and releases the pin on its page: the caller may wait for a transaction. */
static bool
not_found(CsKeyWalk *walk)
{
	index_rescan(walk->scan, walk->scan->keyData, 2, NULL, 0);
	walk->has_entry = false;
	return false;
}

bool
cs_walk_to(CsKeyWalk *walk, const int64 *key, TupleTableSlot *slot)
{
	int			steps = 0;

	if (!walk->has_entry || walk->entry[0] != key[0] || compare(walk, key) > 0)
		descend(walk, key);
	while (walk->has_entry && compare(walk, key) < 0)
	{
		if (++steps > MAX_STEPS)
		{
			descend(walk, key);
			steps = PG_INT32_MIN;	/* entries of the key's other columns may precede */
		}
		else
			step(walk);
	}
	for (; walk->has_entry && compare(walk, key) == 0; step(walk))
	{
		/* a fetch leaves the place of the version that it found */
		walk->scan->xs_heaptid = walk->tid;
		if (!index_fetch_heap(walk->scan, slot))
			continue;
		if (!TransactionIdIsValid(walk->dirty.xmin) && !TransactionIdIsValid(walk->dirty.xmax))
			return true;
		ExecClearTuple(slot);
		break;
	}
	return not_found(walk);
}
