/*
 * key_lookup.c
 *		Lookups of rows by their key.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "compat.h"
#include "storage/key_lookup.h"
#include "storage/table_scan.h"

CsLookup
cs_begin_lookup(CsTable *table, AttrNumber status, AttrNumber due_at, MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	CsLookup	look = {
		.table = RelationGetRelid(table->rel),
		.key = RelationGetRelid(cs_key(table)),
		.slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(table->rel->rd_att), table_slot_callbacks(table->rel)),
		.status = status,
		.due_at = due_at,
		.status_type = TupleDescAttr(table->rel->rd_att, status - 1)->atttypid
	};

	MemoryContextSwitchTo(caller);
	return look;
}

bool
cs_look_up(const CsLookup *look, Snapshot snapshot, const cs_id *key, int count)
{
	Relation	table = table_open(look->table, NoLock);
	Relation	index = index_open(look->key, NoLock);
	IndexScanDesc scan = cs_index_beginscan(table, index, snapshot, count);
	ScanKeyData keys[3];
	bool		found;

	for (int i = 0; i < count; i++)
		ScanKeyInit(&keys[i], i + 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key[i].id));
	index_rescan(scan, keys, count, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, look->slot);
	index_endscan(scan);
	index_close(index, NoLock);
	table_close(table, NoLock);
	return found;
}

void
cs_check_shown_row(const CsLookup *look)
{
	Relation	table = table_open(look->table, NoLock);

	cs_check_shown(table, look->slot);
	table_close(table, NoLock);
}
