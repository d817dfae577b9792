/*
 * unmatched_event.c
 *		Table unmatched_event: events of addresses without a contact.
 */
#include "postgres.h"

#include "access/genam.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/table_scan.h"
#include "storage/unmatched_event.h"

void
cs_delete_unmatched_events(CsInstallation *in, int64 account, bytea *digest)
{
	static const int columns[2] = {UNMATCHED_ACCOUNT, UNMATCHED_DIGEST};
	CsTable    *table = cs_table(in, TABLE_UNMATCHED_EVENT);
	Relation	index = cs_open_index(table, columns, 2);
	Snapshot	snapshot = cs_latest_snapshot();
	IndexScanDesc scan = cs_index_beginscan(table->rel, index, snapshot, 2);
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_BYTEAEQ, PointerGetDatum(digest));
	index_rescan(scan, keys, 2, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, table->slot))
		cs_delete_row(in, table, &table->slot->tts_tid);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, AccessShareLock);
}
