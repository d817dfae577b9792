/*
 * key_walk.c
 *		Finds many rows of a table by its key, in ascending order of the key.
 *
 * A scan for one key reads its entries alone.  A scan that reads on copies all
 * following entries of the leaf page.  That pays if some of the next keys are
 * there, which is assumed after a few keys that are close to each other.
 *
 * Rows that the snapshot shows have their entries on the page when the scan
 * copies it.  With a dirty snapshot, entries that concurrent transactions add
 * later are missed.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "storage/key_walk.h"

/* A key is close to the last one up to this difference. */
#define CLOSE 16

/* A scan reads on after this number of close keys in a row. */
#define ENOUGH 4

void
cs_begin_walk(CsKeyWalk *walk, Relation table, Relation index, Snapshot snapshot, int columns)
{
	memset(walk, 0, sizeof(*walk));
	walk->columns = columns;
	walk->scan = cs_index_beginscan(table, index, snapshot, 2);
	walk->scan->xs_want_itup = true;
}

void
cs_end_walk(CsKeyWalk *walk)
{
	index_endscan(walk->scan);
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

/* Descends to the first entry with the first two columns of a key or, if the scan reads on, to the first from there. */
static void
descend(CsKeyWalk *walk, const int64 *key)
{
	ScanKeyData keys[2];

	walk->reads_on = walk->close >= ENOUGH;
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key[0]));
	ScanKeyInit(&keys[1], 2, walk->reads_on ? BTGreaterEqualStrategyNumber : BTEqualStrategyNumber,
				walk->reads_on ? F_INT8GE : F_INT8EQ, Int64GetDatum(key[1]));
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

static void
note_key(CsKeyWalk *walk, const int64 *key)
{
	bool		follows = key[0] == walk->last[0] && key[1] >= walk->last[1] && key[1] - walk->last[1] <= CLOSE;

	walk->close = follows ? Min(walk->close + 1, ENOUGH) : 0;
	memcpy(walk->last, key, sizeof(walk->last));
}

/* Can the scan reach the key from its entry?  Then the next entries are those of the key, or a few before them. */
static bool
is_ahead(const CsKeyWalk *walk, const int64 *key)
{
	if (!walk->has_entry || walk->entry[0] != key[0] || compare(walk, key) > 0)
		return false;
	return walk->entry[1] == key[1] || (walk->reads_on && walk->close > 0);
}

bool
cs_walk_to(CsKeyWalk *walk, const int64 *key, TupleTableSlot *slot)
{
	note_key(walk, key);
	if (!is_ahead(walk, key))
		descend(walk, key);
	while (walk->has_entry && compare(walk, key) < 0)
		step(walk);
	for (; walk->has_entry && compare(walk, key) == 0; step(walk))
	{
		/* a fetch leaves the place of the version that it found */
		walk->scan->xs_heaptid = walk->tid;
		if (index_fetch_heap(walk->scan, slot))
			return true;
	}
	return false;
}

/* ---- with a dirty snapshot ---- */

void
cs_begin_dirty_walk(CsDirtyWalk *walk, Oid table, Oid index, int columns)
{
	walk->table = table_open(table, NoLock);
	walk->index = index_open(index, NoLock);
	InitDirtySnapshot(walk->dirty);
	cs_begin_walk(&walk->rows, walk->table, walk->index, &walk->dirty, columns);
}

void
cs_pause_dirty_walk(CsDirtyWalk *walk)
{
	CsKeyWalk  *rows = &walk->rows;

	if (rows->has_entry)
		index_rescan(rows->scan, rows->scan->keyData, 2, NULL, 0);
	else
		table_index_fetch_reset(rows->scan->xs_heapfetch);
	rows->has_entry = false;
}

bool
cs_dirty_walk_to(CsDirtyWalk *walk, const int64 *key, TupleTableSlot *slot)
{
	if (cs_walk_to(&walk->rows, key, slot) &&
		!TransactionIdIsValid(walk->dirty.xmin) && !TransactionIdIsValid(walk->dirty.xmax))
		return true;
	ExecClearTuple(slot);
	cs_pause_dirty_walk(walk);
	return false;
}

void
cs_end_dirty_walk(CsDirtyWalk *walk)
{
	cs_end_walk(&walk->rows);
	index_close(walk->index, NoLock);
	table_close(walk->table, NoLock);
}
