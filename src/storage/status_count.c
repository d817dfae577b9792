/*
 * status_count.c
 *		Numbers of contacts and subscriptions by status.
 *
 * A call sums up its changes.  It appends a row for each list, and one for the
 * account, with the difference for each status.  No row is updated, so that
 * writers never block each other.  In every snapshot the sum of the rows is the
 * result of count(*).
 *
 * One in MERGE_ONE_IN calls, by a hash, merges the rows of the lists that it
 * changed.  It deletes the rows that it can, and appends their sum.  A row has
 * the id of the transaction that wrote it.  If a merge deleted all rows of
 * transactions before the oldest running one, the new row records that
 * transaction (merged_before).  A scan that finds this row reads no older rows.
 * So neither a merge nor a reader scans the dead rows that an open snapshot
 * retains.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "compat.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/status_count.h"
#include "storage/table_scan.h"

#define MERGE_ONE_IN 64			/* calls */
#define MERGE_ROWS 512			/* maximum rows of a list in one merge */

typedef struct Count
{
	CsCountKey	key;
	int64		contacts[CS_STATUSES];
} Count;

CsCountKey
cs_count_key(int64 account, cs_id list)
{
	CsCountKey	key;

	memset(&key, 0, sizeof(key));	/* keys are compared as bytes */
	key.account = account;
	key.list = list.set ? list.id : 0;
	key.has_list = list.set;
	return key;
}

void
cs_count(CsInstallation *in, int64 account, cs_id list, cs_status status, int64 difference)
{
	CsCountKey	key = cs_count_key(account, list);
	Count	   *count;
	bool		found;

	if (in->counts == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(CsCountKey), .entrysize = sizeof(Count), .hcxt = in->context};

		in->counts = hash_create("counts", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	count = hash_search(in->counts, &key, HASH_ENTER, &found);
	if (!found)
		memset(count->contacts, 0, sizeof(count->contacts));
	count->contacts[status] += difference;
}

/* ---- rows ---- */

static void
append(CsInstallation *in, const Count *count, FullTransactionId merged_before)
{
	CsTable    *table = cs_table(in, TABLE_STATUS_COUNT);
	Datum		contacts[CS_STATUSES];
	Datum	   *values;
	bool	   *nulls;

	for (int i = 0; i < CS_STATUSES; i++)
		contacts[i] = Int64GetDatum(count->contacts[i]);
	cs_new_row(in, table, &values, &nulls);
	CS_SET(table, COUNT_ACCOUNT, Int64GetDatum(count->key.account), false);
	CS_SET(table, COUNT_LIST, Int64GetDatum(count->key.list), !count->key.has_list);
	CS_SET(table, COUNT_WRITTEN_BY, FullTransactionIdGetDatum(GetCurrentFullTransactionId()), false);
	CS_SET(table, COUNT_MERGED_BEFORE, FullTransactionIdGetDatum(merged_before), !FullTransactionIdIsValid(merged_before));
	CS_SET(table, COUNT_CONTACTS, PointerGetDatum(construct_array(contacts, CS_STATUSES, INT8OID, sizeof(int64),
																  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)), false);
	cs_insert_row(in, table, values, nulls);
}

/* Scans the rows of a list, the newest first, until no older rows remain. */
typedef struct CountScan
{
	CsTable    *table;
	IndexScanDesc scan;
	Snapshot	snapshot;
	FullTransactionId row;		/* transaction that wrote the row in the slot */
	FullTransactionId merged;	/* no row of an earlier transaction remains; invalid: not known */
	bool		is_merged;		/* the row in the slot has merged_before */
} CountScan;

static void
begin_scan(CountScan *scan, CsInstallation *in, const CsCountKey *key)
{
	CsTable    *table = cs_table(in, TABLE_STATUS_COUNT);
	ScanKeyData keys[2];

	scan->table = table;
	scan->snapshot = cs_latest_snapshot();
	scan->merged = InvalidFullTransactionId;
	scan->scan = cs_index_beginscan(table->rel, cs_key(table), scan->snapshot, 2);
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key->account));
	if (key->has_list)
		ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key->list));
	else
		ScanKeyEntryInitialize(&keys[1], SK_ISNULL | SK_SEARCHNULL, 2, InvalidStrategy,
							   InvalidOid, InvalidOid, InvalidOid, (Datum) 0);
	scan->scan->xs_want_itup = true;
	index_rescan(scan->scan, keys, 2, NULL, 0);
}

/* Returns the transaction that wrote the row, from the index entry alone. */
static FullTransactionId
writer_of_entry(IndexScanDesc scan)
{
	bool		isnull;

	return DatumGetFullTransactionId(index_getattr(scan->xs_itup, 3, scan->xs_itupdesc, &isnull));
}

/*
 * Fetches the next row that the snapshot shows.  Stops before entries of
 * transactions older than scan->merged: their rows may be many, all dead.
 */
static bool
next_visible_row(CountScan *scan)
{
	while (index_getnext_tid(scan->scan, BackwardScanDirection) != NULL)
	{
		if (FullTransactionIdIsValid(scan->merged) &&
			FullTransactionIdPrecedes(writer_of_entry(scan->scan), scan->merged))
			return false;
		if (index_fetch_heap(scan->scan, scan->table->slot))
			return true;
	}
	return false;
}

/*
 * Was the row written in this cluster, by the transaction that it names?  A
 * restored or replicated table has transaction ids of another cluster.  They
 * cannot be compared with those of this cluster.
 */
static bool
is_of_this_cluster(TupleTableSlot *slot, FullTransactionId written_by)
{
	bool		isnull;
	Datum		xmin = slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull);

	return !isnull && TransactionIdEquals(DatumGetTransactionId(xmin), XidFromFullTransactionId(written_by)) &&
		FullTransactionIdPrecedes(written_by, ReadNextFullTransactionId());
}

static bool
next_row(CountScan *scan)
{
	TupleTableSlot *slot = scan->table->slot;
	FullTransactionId merged_before;
	Datum		value;
	bool		isnull;

	if (!next_visible_row(scan))
		return false;
	scan->row = DatumGetFullTransactionId(cs_column(scan->table, slot, COUNT_WRITTEN_BY, &isnull));
	value = cs_column(scan->table, slot, COUNT_MERGED_BEFORE, &isnull);
	scan->is_merged = !isnull && is_of_this_cluster(slot, scan->row);
	if (!scan->is_merged)
		return true;
	merged_before = DatumGetFullTransactionId(value);
	if (!FullTransactionIdIsValid(scan->merged) || FullTransactionIdPrecedes(scan->merged, merged_before))
		scan->merged = merged_before;
	return true;
}

static void
end_scan(CountScan *scan)
{
	index_endscan(scan->scan);
	UnregisterSnapshot(scan->snapshot);
}

/* Adds the row in the slot of the table to a count. */
static void
add_row(CsTable *table, Count *count)
{
	bool		isnull;
	Datum	   *contacts;
	int			statuses;

	deconstruct_array(DatumGetArrayTypeP(cs_column(table, table->slot, COUNT_CONTACTS, &isnull)), INT8OID, sizeof(int64),
					  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &contacts, NULL, &statuses);
	for (int i = 0; i < Min(statuses, CS_STATUSES); i++)
		count->contacts[i] += DatumGetInt64(contacts[i]);
}

/* ---- merging ---- */

/*
 * Returns the oldest transaction that ran when the snapshot was taken.  All
 * earlier ones had ended.
 */
static FullTransactionId
oldest_running(Snapshot snapshot)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (snapshot->xmin > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, snapshot->xmin);
}

/* Does the transaction's own snapshot show the row, if it has one? */
static bool
is_shown(CsTable *table)
{
	return !IsolationUsesXactSnapshot() ||
		table_tuple_satisfies_snapshot(table->rel, table->slot, GetTransactionSnapshot());
}

/* Does not wait for rows that a concurrent call may be merging. */
void
cs_merge_count_rows(CsInstallation *in, const CsCountKey *key)
{
	Count		sum = {.key = *key};
	FullTransactionId oldest,
				merged_before = InvalidFullTransactionId;
	bool		complete = true;	/* no row of a transaction before the oldest remains */
	int			rows = 0;
	CountScan	scan;

	begin_scan(&scan, in, key);
	oldest = oldest_running(scan.snapshot);
	while (next_row(&scan))
	{
		bool		is_old = FullTransactionIdPrecedes(scan.row, oldest);

		if (rows == MERGE_ROWS)
		{
			complete = false;
			break;
		}
		if (!is_shown(scan.table))
		{
			complete = complete && !is_old;
			continue;
		}
		if (!cs_try_delete_row(in, scan.table, &scan.table->slot->tts_tid))
		{
			complete = complete && !is_old;
			continue;
		}
		add_row(scan.table, &sum);
		rows++;
		if (scan.is_merged)
			merged_before = scan.merged;	/* the new row has to record it again */
	}
	end_scan(&scan);
	if (rows > 0)
		append(in, &sum, complete ? oldest : merged_before);
}

/*
 * Chooses one in MERGE_ONE_IN calls, by a hash of the transaction and the
 * command, so that the work of a series of transactions can be repeated.
 */
static bool
merges_now(void)
{
	return hash_combine(murmurhash32(GetCurrentTransactionId()), murmurhash32(GetCurrentCommandId(true))) % MERGE_ONE_IN == 0;
}

void
cs_write_counts(CsInstallation *in)
{
	HASH_SEQ_STATUS all;
	Count	   *count;
	MemoryContext caller;
	bool		merges;

	if (in->counts == NULL)
		return;
	caller = MemoryContextSwitchTo(in->context);
	merges = merges_now();
	hash_seq_init(&all, in->counts);
	while ((count = hash_seq_search(&all)) != NULL)
	{
		static const int64 none[CS_STATUSES] = {0};

		if (memcmp(count->contacts, none, sizeof(none)) == 0)
			continue;
		append(in, count, InvalidFullTransactionId);
		if (merges)
		{
			CommandCounterIncrement();	/* the merge includes the row just appended */
			cs_merge_count_rows(in, &count->key);
		}
	}
	hash_destroy(in->counts);
	in->counts = NULL;
	MemoryContextSwitchTo(caller);
}

void
cs_contacts_by_status(CsInstallation *in, int64 account, int64 contacts[CS_STATUSES])
{
	CsCountKey	key = cs_count_key(account, (cs_id) {0});
	Count		sum = {.key = key};
	CountScan	scan;

	begin_scan(&scan, in, &key);
	while (next_row(&scan))
		add_row(scan.table, &sum);
	end_scan(&scan);
	memcpy(contacts, sum.contacts, sizeof(sum.contacts));
}

int64
cs_counted_contacts(CsInstallation *in, int64 account, uint32 statuses)
{
	int64		contacts[CS_STATUSES];
	int64		counted = 0;

	cs_contacts_by_status(in, account, contacts);
	for (int i = 0; i < CS_STATUSES; i++)
		if (statuses & (1 << i))
			counted += contacts[i];
	return counted;
}
