/*
 * unmatched_event.c
 *		Table unmatched_event: events of addresses without a contact.
 */
#include "postgres.h"

#include "storage/bufmgr.h"

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
cs_begin_unmatched(CsIndexScan *scan, CsInstallation *in, int64 account, bytea *digest)
{
	static const int columns[2] = {UNMATCHED_ACCOUNT, UNMATCHED_DIGEST};

	cs_begin_index_scan(scan, cs_table(in, TABLE_UNMATCHED_EVENT), columns, account, PointerGetDatum(digest));
}

void
cs_delete_unmatched_events(CsInstallation *in, int64 account, bytea *digest)
{
	CsIndexScan scan;

	cs_begin_unmatched(&scan, in, account, digest);
	while (cs_next_indexed_row(&scan))
		cs_delete_row(in, scan.table, &scan.table->slot->tts_tid);
	cs_end_index_scan(&scan);
}
