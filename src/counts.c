/*
 * counts.c
 *		How many contacts and subscriptions have each status.
 *
 * A call sums up its changes and appends a row for each list, and one for the
 * account, with the difference for each status.  No row is updated, so that
 * writers never block each other, and in every snapshot the sum of the rows is
 * what count(*) would return.
 *
 * One call in so many merges the rows of the lists that it changed: it deletes
 * those that it can and appends their sum.  A row has the number of the
 * transaction that wrote it.  Where the merge deleted all rows of transactions
 * before the oldest one that runs, its row says so (merged_before), and whoever
 * sees this row need not look further back.  So neither a merge nor a reader
 * visits the rows that an old snapshot keeps from being removed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "common/pg_prng.h"
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
#include "counts.h"
#include "enums.h"
#include "facts.h"
#include "privileges.h"

#define MERGE_ONE_IN 64			/* calls */
#define MERGE_ROWS 512			/* at most, of a list */

/* A list of an account, or (no list) its contacts. */
typedef struct CountKey
{
	int64		account;
	int64		list;
	bool		has_list;
} CountKey;

typedef struct Count
{
	CountKey	key;
	int64		contacts[CS_STATUSES];
} Count;

static CountKey
count_key(int64 account, cs_id list)
{
	CountKey	key;

	memset(&key, 0, sizeof(key));	/* compared by its bytes */
	key.account = account;
	key.list = list.set ? list.id : 0;
	key.has_list = list.set;
	return key;
}

void
cs_count(CsInstallation *in, int64 account, cs_id list, cs_status status, int64 difference)
{
	CountKey	key = count_key(account, list);
	Count	   *count;
	bool		found;

	if (in->counts == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(CountKey), .entrysize = sizeof(Count), .hcxt = in->context};

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

/* Rows of a list, the newest first, as far as rows before them may be left. */
typedef struct CountScan
{
	CsTable    *table;
	IndexScanDesc scan;
	Snapshot	snapshot;
	FullTransactionId row;		/* which wrote the row in the table's slot */
	FullTransactionId merged;	/* no row of a transaction before this one is left; invalid: not known */
	bool		is_merged;		/* the row in the slot says so */
} CountScan;

static void
begin_scan(CountScan *scan, CsInstallation *in, const CountKey *key)
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

/* The transaction that wrote the row of an index entry, without a look at the row. */
static FullTransactionId
writer_of_entry(IndexScanDesc scan)
{
	bool		isnull;

	return DatumGetFullTransactionId(index_getattr(scan->xs_itup, 3, scan->xs_itupdesc, &isnull));
}

/* The next row that the snapshot shows.  Entries of transactions before scan->merged are not visited: their rows may be many, all deleted. */
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
 * Was the row written in this cluster, by the transaction whose number it has?
 * The numbers in a restored or replicated table are those of another cluster,
 * and say nothing of the transactions of this one.
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

/* Add the row in the table's slot to a count. */
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

/* All transactions before this one have ended when the snapshot was taken. */
static FullTransactionId
oldest_running(Snapshot snapshot)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (snapshot->xmin > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, snapshot->xmin);
}

/* Is the row there for whoever looks with our transaction's snapshot, too? */
static bool
is_shown(CsTable *table)
{
	return !IsolationUsesXactSnapshot() ||
		table_tuple_satisfies_snapshot(table->rel, table->slot, GetTransactionSnapshot());
}

/*
 * Make one of the rows of a list, as far as they can be deleted without
 * waiting: concurrent calls may be merging the same ones.
 */
static void
merge(CsInstallation *in, const CountKey *key)
{
	Count		sum = {.key = *key};
	FullTransactionId oldest,
				merged_before = InvalidFullTransactionId;
	bool		complete = true;	/* no row of a transaction before the oldest is left */
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
			merged_before = scan.merged;	/* is to be said again */
	}
	end_scan(&scan);
	if (rows > 0)
		append(in, &sum, complete ? oldest : merged_before);
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
	merges = pg_prng_uint32(&pg_global_prng_state) % MERGE_ONE_IN == 0;
	hash_seq_init(&all, in->counts);
	while ((count = hash_seq_search(&all)) != NULL)
	{
		static const int64 none[CS_STATUSES] = {0};

		if (memcmp(count->contacts, none, sizeof(none)) == 0)
			continue;
		append(in, count, InvalidFullTransactionId);
		if (merges)
		{
			CommandCounterIncrement();	/* the row just appended is merged as well */
			merge(in, &count->key);
		}
	}
	hash_destroy(in->counts);
	in->counts = NULL;
	MemoryContextSwitchTo(caller);
}

int64
cs_counted_contacts(CsInstallation *in, int64 account, uint32 statuses)
{
	CountKey	key = count_key(account, (cs_id) {0});
	Count		sum = {.key = key};
	int64		counted = 0;
	CountScan	scan;

	begin_scan(&scan, in, &key);
	while (next_row(&scan))
		add_row(scan.table, &sum);
	end_scan(&scan);
	for (int i = 0; i < CS_STATUSES; i++)
		if (statuses & (1 << i))
			counted += sum.contacts[i];
	return counted;
}

/* ---- for sweep and repair ---- */

/* merge_counts(schema, account_ids, list_ids): merges the rows of lists, which nobody did for long. */
PG_FUNCTION_INFO_V1(cs_merge_counts);
Datum
cs_merge_counts(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open_named(PG_GETARG_NAME(0));
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	Datum	   *accounts,
			   *lists;
	bool	   *no_account,
			   *no_list;
	int			count,
				lists_count;

	cs_check_rights(in, ACL_INSERT);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &accounts, &no_account, &count);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &lists, &no_list, &lists_count);
	for (int i = 0; i < Min(count, lists_count); i++)
	{
		CountKey	key;

		CHECK_FOR_INTERRUPTS();
		if (no_account[i])
			continue;
		key = count_key(DatumGetInt64(accounts[i]), cs_id_of_datum(lists[i], no_list[i]));
		cs_check_account(in, key.account);
		CommandCounterIncrement();
		merge(in, &key);
	}
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

/*
 * repair_counts(schema): what is missing in one snapshot is missing for ever,
 * since writers only add to it; so it is appended, concurrently with writers.
 * One repair at a time, or both would append it.  Returns how many counts were
 * wrong.
 */
PG_FUNCTION_INFO_V1(cs_repair_counts);
Datum
cs_repair_counts(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open_named(PG_GETARG_NAME(0));
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	const char *schema = quote_identifier(get_namespace_name(in->schema));
	CsTable    *table = cs_table(in, TABLE_STATUS_COUNT);
	Snapshot	snapshot;
	SPIPlanPtr	plan;
	uint64		wrong;

	cs_check_rights(in, ACL_INSERT);
	cs_check_readable(table->rel);
	cs_check_readable(cs_table(in, TABLE_CONTACT)->rel);
	cs_check_readable(cs_table(in, TABLE_SUBSCRIPTION)->rel);
	LockRelationOid(RelationGetRelid(table->rel), ShareUpdateExclusiveLock);
	CommandCounterIncrement();

	SPI_connect();
	plan = SPI_prepare(psprintf("SELECT account_id, list_id, status, pg_catalog.sum(n)::pg_catalog.int8 FROM ("
								"SELECT c.account_id, c.list_id, s.status, OPERATOR(pg_catalog.-) c.contacts[s.place] AS n "
								"FROM ONLY %s.status_count c, "
								"pg_catalog.unnest(pg_catalog.enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY s (status, place) "
								"UNION ALL SELECT account_id, NULL, status, pg_catalog.count(*) FROM ONLY %s.contact GROUP BY 1, 3 "
								"UNION ALL SELECT account_id, list_id, status, pg_catalog.count(*) FROM ONLY %s.subscription GROUP BY 1, 2, 3) c "
								"GROUP BY 1, 2, 3 HAVING pg_catalog.sum(n) OPERATOR(pg_catalog.<>) 0",
								schema, schema, schema), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	snapshot = cs_latest_snapshot();
	SPI_execute_snapshot(plan, NULL, NULL, snapshot, InvalidSnapshot, true, false, 0);
	UnregisterSnapshot(snapshot);
	wrong = SPI_processed;
	for (uint64 i = 0; i < wrong; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		no_list,
					isnull;
		Datum		account = SPI_getbinval(row, desc, 1, &isnull);
		Datum		list = SPI_getbinval(row, desc, 2, &no_list);
		cs_status	status = cs_status_of_datum(SPI_gettypeid(desc, 3), SPI_getbinval(row, desc, 3, &isnull));

		cs_count(in, DatumGetInt64(account), cs_id_of_datum(list, no_list), status,
				 DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull)));
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_INT64(wrong);
}
