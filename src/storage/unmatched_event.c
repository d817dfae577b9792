/*
 * unmatched_event.c
 *		Table unmatched_event: events of addresses without a contact.
 */
#include "postgres.h"

#include "access/genam.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/table_scan.h"
#include "storage/unmatched_event.h"

bool
cs_has_unmatched_events(CsInstallation *in)
{
	return RelationGetNumberOfBlocks(cs_table(in, TABLE_UNMATCHED_EVENT)->rel) > 0;
}

void
cs_begin_unmatched(CsUnmatchedScan *scan, CsInstallation *in, int64 account, bytea *digest)
{
	static const int columns[2] = {UNMATCHED_ACCOUNT, UNMATCHED_DIGEST};
	ScanKeyData keys[2];

	scan->table = cs_table(in, TABLE_UNMATCHED_EVENT);
	scan->index = cs_open_index(scan->table, columns, 2);
	scan->snapshot = cs_latest_snapshot();
	scan->scan = cs_index_beginscan(scan->table->rel, scan->index, scan->snapshot, 2);
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_BYTEAEQ, PointerGetDatum(digest));
	index_rescan(scan->scan, keys, 2, NULL, 0);
}

bool
cs_next_unmatched(CsUnmatchedScan *scan)
{
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->table->slot);
}

void
cs_end_unmatched(CsUnmatchedScan *scan)
{
	index_endscan(scan->scan);
	UnregisterSnapshot(scan->snapshot);
	index_close(scan->index, AccessShareLock);
}

void
cs_delete_unmatched_events(CsInstallation *in, int64 account, bytea *digest)
{
	CsUnmatchedScan scan;

	cs_begin_unmatched(&scan, in, account, digest);
	while (cs_next_unmatched(&scan))
		cs_delete_row(in, scan.table, &scan.table->slot->tts_tid);
	cs_end_unmatched(&scan);
}
