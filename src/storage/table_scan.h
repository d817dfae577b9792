/*
 * table_scan.h
 *		Reads and locks rows of an installation.
 *
 * Rows that are read after a lock are read with the latest snapshot.  In
 * REPEATABLE READ and SERIALIZABLE, a row that the transaction's own snapshot
 * does not show raises 40001.
 */
#ifndef CONTACT_STATUS_TABLE_SCAN_H
#define CONTACT_STATUS_TABLE_SCAN_H

#include "storage/installation.h"

/* Returns the latest snapshot, registered.  The caller unregisters it. */
extern Snapshot cs_latest_snapshot(void);

/* Raises 40001 if the transaction's own snapshot does not show the row in the slot. */
extern void cs_check_shown(Relation rel, TupleTableSlot *slot);

/*
 * Scans the key of a table with the latest snapshot.  Its leading columns must
 * equal the given values; a null equals null.  `from`, unless NULL, is the
 * lower bound of the next column.
 */
typedef struct CsKeyScan
{
	CsTable    *table;
	IndexScanDesc scan;
	Snapshot	snapshot;
	int			count;			/* of keys */
} CsKeyScan;

extern void cs_begin_scan(CsKeyScan *scan, CsTable *table, const cs_id *leading, int count, const cs_time *from);
extern bool cs_next_row(CsKeyScan *scan);	/* into table->slot */
extern bool cs_next_entry(CsKeyScan *scan); /* the next index entry, without its row */
extern void cs_end_scan(CsKeyScan *scan);

/*
 * Scans another index, whose first two columns are the account and a bigint or
 * bytea, with the latest snapshot.  The columns are given as for
 * cs_open_index(), which raises 42704.
 */
typedef struct CsIndexScan
{
	CsTable    *table;
	Relation	index;
	IndexScanDesc scan;
	Snapshot	snapshot;
} CsIndexScan;

extern void cs_begin_index_scan(CsIndexScan *scan, CsTable *table, const int columns[2], int64 account, Datum value);
extern bool cs_next_indexed_row(CsIndexScan *scan); /* into table->slot */
extern void cs_end_index_scan(CsIndexScan *scan);

/*
 * Locks the latest version of a row, and fetches it into the slot of the table.
 * Waits for concurrent writers of the row.  Raises 40001 if it was deleted, or
 * if the transaction's own snapshot does not show it.  Raises 27000 if an
 * operation that our write triggered has changed it.  For rows that only the
 * extension deletes.
 */
extern void cs_lock_row(CsTable *table, ItemPointer tid, LockTupleMode mode);

/*
 * The same for a row that the application may delete.  In READ COMMITTED,
 * returns false if it was deleted.
 */
extern bool cs_lock_row_if_there(CsTable *table, ItemPointer tid, LockTupleMode mode);

/*
 * Is a concurrent transaction inserting, updating or deleting a row with these
 * keys of an index?  Uses the slot, and does not wait.  This scan can miss a
 * committed row that a concurrent update moves.  To find all rows, the caller
 * scans again with the latest snapshot.
 */
extern bool cs_is_written(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot);

/*
 * Waits until there is no such transaction.  The latest snapshot then shows the
 * result of all of them.  Returns false if the index has no entry with the
 * keys, so that this snapshot shows no row.
 */
extern bool cs_wait_for_writers(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot);

/*
 * Fetches the row with a key in the latest snapshot into the slot of the table.
 * Returns false if there is none.  Raises 40001 if the transaction's own
 * snapshot does not show it.
 */
extern bool cs_fetch_latest(CsTable *table, const cs_id *key, int count);

/*
 * Copies the values of the row in the slot of the table.  Values by reference
 * still point into the slot.
 */
extern void cs_copy_row(CsTable *table, Datum **values, bool **nulls);

#endif							/* CONTACT_STATUS_TABLE_SCAN_H */
