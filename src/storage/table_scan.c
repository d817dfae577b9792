/*
 * table_scan.c
 *		Reads and locks rows of an installation.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/table_scan.h"

Snapshot
cs_latest_snapshot(void)
{
	return RegisterSnapshot(GetLatestSnapshot());
}

void
cs_check_shown(Relation rel, TupleTableSlot *slot)
{
	if (IsolationUsesXactSnapshot() &&
		!table_tuple_satisfies_snapshot(rel, slot, GetTransactionSnapshot()))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errhint("Retry the transaction.")));
}

void
cs_begin_scan(CsKeyScan *scan, CsTable *table, const cs_id *leading, int count, const cs_time *from)
{
	ScanKeyData keys[4];
	MemoryContext caller;
	int			n = 0;

	for (; n < count; n++)
	{
		if (leading[n].set)
			ScanKeyInit(&keys[n], n + 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(leading[n].id));
		else
			ScanKeyEntryInitialize(&keys[n], SK_ISNULL | SK_SEARCHNULL, n + 1, InvalidStrategy,
								   InvalidOid, InvalidOid, InvalidOid, (Datum) 0);
	}
	if (from != NULL)
	{
		ScanKeyInit(&keys[n], n + 1, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(*from));
		n++;
	}
	caller = MemoryContextSwitchTo(table->context);
	scan->table = table;
	scan->snapshot = cs_latest_snapshot();
	scan->count = n;
	if (table->parked && table->parked_keys == n)
	{
		scan->scan = table->parked;
		scan->scan->xs_snapshot = scan->snapshot;
		table->parked = NULL;
	}
	else
		scan->scan = cs_index_beginscan(table->rel, cs_key(table), scan->snapshot, n);
	index_rescan(scan->scan, keys, n, NULL, 0);
	MemoryContextSwitchTo(caller);
}

bool
cs_next_row(CsKeyScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(scan->table->context);
	bool		found = index_getnext_slot(scan->scan, ForwardScanDirection, scan->table->slot);

	MemoryContextSwitchTo(caller);
	return found;
}

bool
cs_next_entry(CsKeyScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(scan->table->context);
	bool		found = index_getnext_tid(scan->scan, ForwardScanDirection) != NULL;

	MemoryContextSwitchTo(caller);
	return found;
}

void
cs_end_scan(CsKeyScan *scan)
{
	CsTable    *table = scan->table;

	/* store the scan for its next use: its start costs as much as a short scan */
	if (table->parked)
		index_endscan(table->parked);
	index_rescan(scan->scan, scan->scan->keyData, scan->count, NULL, 0);	/* releases its buffer pins */
	table->parked = scan->scan;
	table->parked_keys = scan->count;
	UnregisterSnapshot(scan->snapshot);
}

void
cs_begin_index_scan(CsIndexScan *scan, CsTable *table, const int columns[2], int64 account, Datum value)
{
	ScanKeyData keys[2];

	scan->table = table;
	scan->index = cs_open_index(table, columns, 2);
	scan->snapshot = cs_latest_snapshot();
	scan->scan = cs_index_beginscan(table->rel, scan->index, scan->snapshot, 2);
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber,
				TupleDescAttr(scan->index->rd_att, 1)->atttypid == BYTEAOID ? F_BYTEAEQ : F_INT8EQ, value);
	index_rescan(scan->scan, keys, 2, NULL, 0);
}

bool
cs_next_indexed_row(CsIndexScan *scan)
{
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->table->slot);
}

void
cs_end_index_scan(CsIndexScan *scan)
{
	index_endscan(scan->scan);
	UnregisterSnapshot(scan->snapshot);
	index_close(scan->index, AccessShareLock);
}

bool
cs_lock_row_if_there(CsTable *table, ItemPointer tid, LockTupleMode mode)
{
	TM_FailureData failure;
	ItemPointerData place = *tid;
	TM_Result	result = table_tuple_lock(table->rel, &place, InvalidSnapshot, table->slot,
										  GetCurrentCommandId(false), mode, LockWaitBlock,
										  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);

	if (result == TM_Deleted && !IsolationUsesXactSnapshot())
		return false;
	if (result == TM_Deleted)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent delete"),
				 errhint("Retry the transaction.")));
	if (result != TM_Ok)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("a row of table \"%s\" was changed by an operation that our write triggered",
						RelationGetRelationName(table->rel)),
				 errhint("Use an AFTER trigger instead of a BEFORE trigger to propagate changes to other rows.")));
	cs_check_shown(table->rel, table->slot);
	return true;
}

void
cs_lock_row(CsTable *table, ItemPointer tid, LockTupleMode mode)
{
	if (!cs_lock_row_if_there(table, tid, mode))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent delete"),
				 errdetail("A row of table \"%s\" was deleted meanwhile.", RelationGetRelationName(table->rel)),
				 errhint("Retry the transaction.")));
}

/*
 * Finds a concurrent transaction that has inserted, updated or deleted a row
 * with these keys, and has not ended.  Returns the first one, the TID of the
 * row, and the token of a speculative insertion (see SpeculativeInsertionWait).
 * Sets *any_entry if the index has an entry with the keys.  Without one there
 * is no row, not even one that a concurrent update moves.
 */
static TransactionId
find_writer(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot,
			ItemPointer place, uint32 *token, bool *any_entry)
{
	TransactionId writer = InvalidTransactionId;
	SnapshotData dirty;
	IndexScanDesc scan;

	*any_entry = false;
	InitDirtySnapshot(dirty);
	scan = cs_index_beginscan(rel, index, &dirty, count);
	index_rescan(scan, keys, count, NULL, 0);
	ItemPointerSetInvalid(&scan->xs_heaptid);
	while (!TransactionIdIsValid(writer) && index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		/* the dirty snapshot has the transaction that has not committed the row or its deletion */
		writer = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
		*token = TransactionIdIsValid(dirty.xmin) ? dirty.speculativeToken : 0;
		*place = slot->tts_tid;
		*any_entry = true;
	}
	*any_entry = *any_entry || ItemPointerIsValid(&scan->xs_heaptid);
	index_endscan(scan);
	ExecClearTuple(slot);
	return writer;
}

bool
cs_is_written(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot)
{
	ItemPointerData place;
	uint32		token;
	bool		any_entry;

	return TransactionIdIsValid(find_writer(rel, index, keys, count, slot, &place, &token, &any_entry));
}

bool
cs_wait_for_writers(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot)
{
	TransactionId writer;
	ItemPointerData place;
	uint32		token;
	bool		any_entry;

	while (TransactionIdIsValid(writer = find_writer(rel, index, keys, count, slot, &place, &token, &any_entry)))
	{
		CHECK_FOR_INTERRUPTS();
		if (token != 0)
			SpeculativeInsertionWait(writer, token);
		else
			XactLockTableWait(writer, rel, &place, XLTW_FetchUpdated);
	}
	return any_entry;
}

bool
cs_fetch_latest(CsTable *table, const cs_id *key, int count)
{
	CsKeyScan	scan;
	bool		found;

	cs_begin_scan(&scan, table, key, count, NULL);
	found = cs_next_row(&scan);
	cs_end_scan(&scan);
	if (found)
		cs_check_shown(table->rel, table->slot);
	return found;
}

void
cs_copy_row(CsTable *table, Datum **values, bool **nulls)
{
	int			natts = table->slot->tts_tupleDescriptor->natts;

	slot_getallattrs(table->slot);
	*values = palloc(natts * sizeof(Datum));
	*nulls = palloc(natts * sizeof(bool));
	memcpy(*values, table->slot->tts_values, natts * sizeof(Datum));
	memcpy(*nulls, table->slot->tts_isnull, natts * sizeof(bool));
}
