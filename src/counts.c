/*
 * counts.c
 *		How many contacts and subscriptions have each status.
 *
 * A call sums up what it changes and appends a row for each status that
 * differs: no row is updated, so that writers never wait for each other, and in
 * every snapshot the sum of the rows is what count(*) would say.  One call in
 * so many folds the rows of the statuses that it wrote into one: those that it
 * can lock at once, so that it never waits either.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
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

#include "compat.h"
#include "counts.h"
#include "enums.h"
#include "facts.h"

#define FOLD_ONE_IN 64			/* calls */
#define FOLD_ROWS 512			/* at most, of a status */

typedef struct CountKey
{
	int64		account;
	int64		list;
	bool		has_list;
	cs_status	status;
} CountKey;

typedef struct Count
{
	CountKey	key;
	int64		difference;
} Count;

void
cs_count(CsInstallation *in, int64 account, cs_id list, cs_status status, int64 difference)
{
	CountKey	key;
	Count	   *count;
	bool		found;

	if (in->counts == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(CountKey);
		control.entrysize = sizeof(Count);
		control.hcxt = in->context;
		in->counts = hash_create("counts", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	memset(&key, 0, sizeof(key));	/* compared by its bytes */
	key.account = account;
	key.list = list.set ? list.id : 0;
	key.has_list = list.set;
	key.status = status;
	count = hash_search(in->counts, &key, HASH_ENTER, &found);
	count->difference = (found ? count->difference : 0) + difference;
}

static Oid
status_type(CsTable *table)
{
	return TupleDescAttr(table->rel->rd_att, table->columns[COUNT_STATUS] - 1)->atttypid;
}

static void
append(CsInstallation *in, const CountKey *key, int64 difference)
{
	CsTable    *table = cs_table(in, TABLE_STATUS_COUNT);
	Datum	   *values;
	bool	   *nulls;

	cs_new_row(in, table, &values, &nulls);
	CS_SET(table, COUNT_ACCOUNT, Int64GetDatum(key->account), false);
	CS_SET(table, COUNT_LIST, Int64GetDatum(key->list), !key->has_list);
	CS_SET(table, COUNT_STATUS, cs_status_datum(status_type(table), key->status), false);
	CS_SET(table, COUNT_CONTACTS, Int64GetDatum(difference), false);
	cs_insert_row(in, table, values, nulls);
}

/* The rows of a status, by the index over (account_id, list_id, status). */
static IndexScanDesc
begin_scan(CsTable *table, Snapshot snapshot, const CountKey *key)
{
	IndexScanDesc scan = cs_index_beginscan(table->rel, cs_key(table), snapshot, 3);
	ScanKeyData keys[3];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key->account));
	if (key->has_list)
		ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key->list));
	else
		ScanKeyEntryInitialize(&keys[1], SK_ISNULL | SK_SEARCHNULL, 2, InvalidStrategy,
							   InvalidOid, InvalidOid, InvalidOid, (Datum) 0);
	ScanKeyInit(&keys[2], 3, BTEqualStrategyNumber, F_ENUM_EQ, cs_status_datum(status_type(table), key->status));
	index_rescan(scan, keys, 3, NULL, 0);
	return scan;
}

static int64
row_contacts(CsTable *table)
{
	bool		isnull;

	return DatumGetInt64(cs_column(table, table->slot, COUNT_CONTACTS, &isnull));
}

/* Is the row there for whoever looks with our transaction's snapshot, too? */
static bool
is_shown(CsTable *table)
{
	return !IsolationUsesXactSnapshot() ||
		table_tuple_satisfies_snapshot(table->rel, table->slot, GetTransactionSnapshot());
}

/*
 * Make of the rows of a status one, as far as they can be locked without
 * waiting: others may be folding the same ones.
 */
static void
fold(CsInstallation *in, const CountKey *key)
{
	CsTable    *table = cs_table(in, TABLE_STATUS_COUNT);
	Snapshot	snapshot = cs_latest_snapshot();
	IndexScanDesc scan = begin_scan(table, snapshot, key);
	int64		sum = 0;
	int			rows = 0;

	while (rows < FOLD_ROWS && index_getnext_slot(scan, ForwardScanDirection, table->slot))
	{
		ItemPointerData tid = table->slot->tts_tid;
		int64		contacts = row_contacts(table);
		TM_FailureData failure;

		if (!is_shown(table) ||
			table_tuple_lock(table->rel, &tid, snapshot, table->slot, GetCurrentCommandId(false),
							 LockTupleExclusive, LockWaitSkip, 0, &failure) != TM_Ok)
			continue;
		cs_delete_row(in, table, &tid);
		sum += contacts;
		rows++;
	}
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	if (rows > 0 && sum != 0)
		append(in, key, sum);
}

void
cs_write_counts(CsInstallation *in)
{
	HASH_SEQ_STATUS all;
	Count	   *count;
	MemoryContext caller;
	bool		folds;

	if (in->counts == NULL)
		return;
	caller = MemoryContextSwitchTo(in->context);
	folds = pg_prng_uint32(&pg_global_prng_state) % FOLD_ONE_IN == 0;
	hash_seq_init(&all, in->counts);
	while ((count = hash_seq_search(&all)) != NULL)
	{
		if (count->difference == 0)
			continue;
		append(in, &count->key, count->difference);
		if (folds)
		{
			/* so that what was just appended is folded along */
			CommandCounterIncrement();
			fold(in, &count->key);
		}
	}
	hash_destroy(in->counts);
	in->counts = NULL;
	MemoryContextSwitchTo(caller);
}

int64
cs_counted_contacts(CsInstallation *in, int64 account, uint32 statuses)
{
	CsTable    *table = cs_table(in, TABLE_STATUS_COUNT);
	Snapshot	snapshot = cs_latest_snapshot();
	int64		sum = 0;

	for (int status = 0; status < CS_STATUSES; status++)
	{
		CountKey	key = {account, 0, false, status};
		IndexScanDesc scan;

		if (!(statuses & (1 << status)))
			continue;
		scan = begin_scan(table, snapshot, &key);
		while (index_getnext_slot(scan, ForwardScanDirection, table->slot))
			sum += row_contacts(table);
		index_endscan(scan);
	}
	UnregisterSnapshot(snapshot);
	return sum;
}

/* ---- for sweep and repair ---- */

static CountKey
count_key(Datum account, Datum list, bool no_list, Oid type, Datum status)
{
	CountKey	key;

	memset(&key, 0, sizeof(key));
	key.account = DatumGetInt64(account);
	key.has_list = !no_list;
	key.list = no_list ? 0 : DatumGetInt64(list);
	key.status = cs_status_of_datum(type, status);
	return key;
}

/* fold_counts(schema, account_ids, list_ids, statuses): folds rows that nobody folded for long. */
PG_FUNCTION_INFO_V1(cs_fold_counts);
Datum
cs_fold_counts(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open(get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false));
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	Oid			type = ARR_ELEMTYPE(PG_GETARG_ARRAYTYPE_P(3));
	Datum	   *accounts,
			   *lists,
			   *statuses;
	bool	   *no_list;
	int			count[3];

	cs_check_rights(in, ACL_INSERT);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &accounts, NULL, &count[0]);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &lists, &no_list, &count[1]);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), type, sizeof(Oid), true, TYPALIGN_INT, &statuses, NULL, &count[2]);
	for (int i = 0; i < Min(count[0], Min(count[1], count[2])); i++)
	{
		CountKey	key = count_key(accounts[i], lists[i], no_list[i], type, statuses[i]);

		CHECK_FOR_INTERRUPTS();
		CommandCounterIncrement();
		fold(in, &key);
	}
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

/*
 * repair_counts(schema): what is missing in one snapshot is missing for ever,
 * for others only add to it; so it is appended, beside writers.  One repair at
 * a time, or both would append it.  Returns how many counts were wrong.
 */
PG_FUNCTION_INFO_V1(cs_repair_counts);
Datum
cs_repair_counts(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open(get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false));
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
								"SELECT account_id, list_id, status, OPERATOR(pg_catalog.-) contacts AS n FROM %s.status_count "
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
		Datum		list = SPI_getbinval(row, desc, 2, &no_list);
		CountKey	key = count_key(SPI_getbinval(row, desc, 1, &isnull), list, no_list,
									SPI_gettypeid(desc, 3), SPI_getbinval(row, desc, 3, &isnull));

		append(in, &key, DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull)));
		CommandCounterIncrement();
		fold(in, &key);
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_INT64(wrong);
}
