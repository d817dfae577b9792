/*
 * status_change.c
 *		The change feed: a row of table status_change for each change of status.
 *
 * Consumers read the rows in the order of (next_xid, change_id). next_xid is
 * the next transaction id when the row is written, after the contact is locked.
 * So it never decreases from one change of a contact to the next.  The id of
 * the writing transaction may: it may be assigned long before the lock.
 *
 * A row is complete for readers once every transaction with an id below its
 * next_xid has ended.  No such transaction can then commit a row that precedes
 * it: the row of a running transaction has a next_xid above the transaction's
 * own id.
 *
 * Transaction ids of another cluster cannot be compared with those of this one.
 * So a row also has the system identifier of the cluster that wrote it, and
 * rows of a restored dump have that of the old cluster.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/status_change.h"
#include "storage/table_scan.h"
#include "types/enums.h"

/* Is there a table status_change with our guard?  An application may have a table of this name. */
static bool
find_feed(CsInstallation *in)
{
	Oid			relid = get_relname_relid("status_change", in->schema);
	Relation	rel;
	bool		found;

	if (!OidIsValid(relid))
		return false;
	rel = table_open(relid, AccessShareLock);
	found = cs_has_our_trigger(rel, "refuse_write");
	table_close(rel, NoLock);
	return found;
}

bool
cs_has_feed(CsInstallation *in)
{
	if (in->has_feed == 0)
		in->has_feed = find_feed(in) ? 1 : -1;
	return in->has_feed > 0;
}

/* The type of a column. */
static Oid
column_type(CsTable *table, int column)
{
	return TupleDescAttr(table->rel->rd_att, table->columns[column] - 1)->atttypid;
}

static void
set_status(CsTable *table, Datum *values, bool *nulls, int column, int status)
{
	bool		isnull = status == CS_NO_STATUS;

	CS_SET(table, column, isnull ? (Datum) 0 : cs_status_datum(column_type(table, column), status), isnull);
}

void
cs_record_change(CsInstallation *in, const CsStatusChange *change)
{
	CsTable    *table;
	Datum	   *values;
	bool	   *nulls;
	bool		no_kind = change->kind == CS_NO_KIND;

	if (!cs_has_feed(in))
		return;
	table = cs_table(in, TABLE_STATUS_CHANGE);
	(void) GetTopTransactionId();	/* next_xid must be above it */
	cs_new_row(in, table, &values, &nulls);
	CS_SET(table, FEED_ACCOUNT, Int64GetDatum(change->account), false);
	CS_SET(table, FEED_LIST, Int64GetDatum(change->list.id), !change->list.set);
	CS_SET(table, FEED_CONTACT, Int64GetDatum(change->contact), false);
	set_status(table, values, nulls, FEED_PREVIOUS_STATUS, change->from);
	set_status(table, values, nulls, FEED_STATUS, change->to);
	CS_SET(table, FEED_CHANGED_AT, TimestampTzGetDatum(change->at), false);
	CS_SET(table, FEED_KIND, no_kind ? (Datum) 0 : cs_kind_datum(column_type(table, FEED_KIND), change->kind), no_kind);
	CS_SET(table, FEED_CLUSTER, Int64GetDatum((int64) GetSystemIdentifier()), false);
	CS_SET(table, FEED_NEXT_XID, FullTransactionIdGetDatum(ReadNextFullTransactionId()), false);
	cs_insert_row(in, table, values, nulls);
}

void
cs_erase_changes(CsInstallation *in, int64 account, int64 contact)
{
	CsTable    *table;
	Snapshot	snapshot;
	TableScanDesc scan;

	if (!cs_has_feed(in))
		return;
	table = cs_table(in, TABLE_STATUS_CHANGE);
	snapshot = cs_latest_snapshot();
	scan = table_beginscan(table->rel, snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, table->slot))
	{
		bool		isnull,
					is_deletion;

		CHECK_FOR_INTERRUPTS();
		cs_column(table, table->slot, FEED_STATUS, &is_deletion);
		if (!is_deletion &&
			DatumGetInt64(cs_column(table, table->slot, FEED_CONTACT, &isnull)) == contact &&
			DatumGetInt64(cs_column(table, table->slot, FEED_ACCOUNT, &isnull)) == account)
			cs_delete_row(in, table, &table->slot->tts_tid);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
}
