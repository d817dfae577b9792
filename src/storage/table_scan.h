/*
 * table_scan.h
 *		Reading and locking rows of an installation.
 *
 * Rows that are read after a lock are read with the latest snapshot.  Where the
 * transaction has a snapshot of its own (REPEATABLE READ, SERIALIZABLE), a row
 * that this snapshot does not show raises 40001.
 */
#ifndef CONTACT_STATUS_TABLE_SCAN_H
#define CONTACT_STATUS_TABLE_SCAN_H

#include "storage/installation.h"

/* Snapshots: registered; the caller unregisters them. */
extern Snapshot cs_latest_snapshot(void);

/* Raises 40001 where the transaction's own snapshot does not show the row. */
extern void cs_check_shown(Relation rel, TupleTableSlot *slot);

/*
 * Scan the key from its first columns on, by the latest snapshot.  Values for the leading columns are
 * compared for equality; a null matches null.  The time, if given, is the lower
 * bound of the column behind them.
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
extern bool cs_next_entry(CsKeyScan *scan); /* an index entry, of whatever row */
extern void cs_end_scan(CsKeyScan *scan);

/*
 * Lock the newest version of a row that only we delete, into the table's slot;
 * waits for whoever is writing it.
 */
extern void cs_lock_row(CsTable *table, ItemPointer tid, LockTupleMode mode);

/* The same of a row that others may delete: false where it is gone. */
extern bool cs_lock_row_if_there(CsTable *table, ItemPointer tid, LockTupleMode mode);

/*
 * Is somebody else writing a row with these keys of an index, or its end?  Uses
 * the slot.  Such a look can miss a committed row that moves meanwhile, so who
 * wants all looks once more, with the latest snapshot.
 */
extern bool cs_is_written(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot);

/*
 * Waits until nobody is: whatever the latest snapshot shows afterwards is
 * final.  Returns false where it will show nothing.
 */
extern bool cs_wait_for_writers(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot);

/* The one row of a key that is latest, into table->slot; checked with cs_check_shown. */
extern bool cs_fetch_latest(CsTable *table, const cs_id *key, int count);

/* Copies the row in the table's slot. */
extern void cs_copy_row(CsTable *table, Datum **values, bool **nulls);	/* of the row in the table's slot */

#endif							/* CONTACT_STATUS_TABLE_SCAN_H */
