/*
 * tables.c
 *		The tables of an installation: finding them, and reading by key.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_operator_d.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "counts.h"
#include "facts.h"
#include "tables.h"
#include "writer.h"

/*
 * What is known of each table.  Of policy the lock says that settings are in
 * use: whoever changes settings waits for it (settings.c).
 */
static const struct
{
	const char *name;
	LOCKMODE	lock;
	int			column_count;
	const char *columns[MAX_COLUMNS];
}			tables[TABLES] = {
	[TABLE_POLICY] = {"policy", RowShareLock, 0, {NULL}},
	[TABLE_ACCOUNT] = {"account", RowShareLock, 5, {"account_id", "policy", "contact_limit", "horizon", "horizon_kept"}},
	[TABLE_LIST] = {"list", AccessShareLock, 3, {"account_id", "list_id", "double_opt_in"}},
	[TABLE_CONSENT_SETTING] = {"consent_setting", AccessShareLock, 7,
	{"account_id", "list_id", "since", "import_consent", "double_opt_in", "unsubscribe_scope", "resubscribe"}},
	[TABLE_CONTACT] = {"contact", RowExclusiveLock, 5,
	{"account_id", "contact_id", "email", "begins_after", "address_since"}},
	[TABLE_FORMER_CONTACT] = {"former_contact", RowExclusiveLock, 5,
	{"account_id", "contact_id", "ended_at", "began_after", "address_digest"}},
	[TABLE_SUPPRESSION] = {"suppression", RowExclusiveLock, 8,
		{"account_id", "address_digest", "kind", "list_id", "occurred_at", "source", "contact_id",
	"began_after"}},
	[TABLE_ACCOUNT_KEY] = {"account_key", AccessShareLock, 2, {"account_id", "key"}},
	[TABLE_ADDRESS_CHANGE] = {"address_change", RowExclusiveLock, 4,
	{"account_id", "contact_id", "changed_at", "old_digest"}},
	[TABLE_RETRACTION] = {"retraction", RowExclusiveLock, 9,
		{"account_id", "retraction_id", "retracted_at", "retracted_by", "reason", "events", "contacts",
	"undone_at", "undone_by"}},
	[TABLE_SUBSCRIPTION] = {"subscription", RowExclusiveLock, 8,
		{"account_id", "list_id", "contact_id", "status", "consent", "consent_at", "requested_at", "request_key"}},
	[TABLE_STATUS_COUNT] = {"status_count", RowExclusiveLock, 4,
	{"account_id", "list_id", "status", "contacts"}},
	[TABLE_CHECKPOINT] = {"checkpoint", RowExclusiveLock, 7,
	{"account_id", "contact_id", "before", "began_after", "kept_at", "late_since", "facts"}},
	[TABLE_EVENT] = {"event", AccessShareLock, 15,
		{"account_id", "contact_id", "list_id", "campaign_id", "kind", "occurred_at", "recorded_at",
	"retracted_at", "until", "event_key", "source", "evidence", "reason", "reply", "retraction_id"}},
};

CsInstallation *
cs_open(Oid schema)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "contact_status",
												  ALLOCSET_DEFAULT_SIZES);
	CsInstallation *in = MemoryContextAllocZero(context, sizeof(CsInstallation));

	in->context = context;
	in->schema = schema;
	in->now = GetCurrentTimestamp();
	return in;
}

void
cs_close(CsInstallation *in)
{
	ListCell   *lc;

	cs_write_counts(in);
	cs_end_writing(in);
	foreach(lc, in->opened)
	{
		CsTable    *table = lfirst(lc);

		if (table->parked)
			index_endscan(table->parked);
		ExecDropSingleTupleTableSlot(table->slot);
		if (table->key != NULL)
			index_close(table->key, NoLock);
		table_close(table->rel, NoLock);
	}
	MemoryContextDelete(in->context);
}

/* The index over the columns that identify a row, in our order. */
static Relation
open_key(Relation rel)
{
	Oid			primary = cs_primary_key_index(rel);
	List	   *indexes;
	ListCell   *lc;
	Relation	found = NULL;

	if (OidIsValid(primary))
		return index_open(primary, AccessShareLock);

	/* keys with nulls are no primary keys */
	indexes = RelationGetIndexList(rel);
	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		/* that of status_count, whose rows are summed up, is not unique */
		if (form->indisvalid && (form->indnullsnotdistinct || !form->indisunique) &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) &&
			form->indnkeyatts >= 3 && form->indkey.values[0] != 0 &&
			strcmp(NameStr(TupleDescAttr(rel->rd_att, form->indkey.values[0] - 1)->attname), "account_id") == 0)
		{
			found = index;
			break;
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has lost its index", RelationGetRelationName(rel)),
				 errhint("Create it again as contact_status.create_tables does.")));
	return found;
}

Relation
cs_key(CsTable *table)
{
	MemoryContext caller;

	if (table->key == NULL)
	{
		caller = MemoryContextSwitchTo(table->context);
		table->key = open_key(table->rel);
		MemoryContextSwitchTo(caller);
	}
	return table->key;
}

CsTable *
cs_open_table(CsInstallation *in, CsTableId id, Oid relid)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	CsTable    *table = palloc0(sizeof(CsTable));

	table->context = in->context;
	table->rel = table_open(relid, tables[id].lock);
	table->slot = table_slot_create(table->rel, NULL);
	cs_find_columns(table->rel->rd_att, tables[id].columns, tables[id].column_count, table->columns);
	if (id == TABLE_CONTACT)
	{
		table->facts = palloc(FACT_COLUMNS * sizeof(AttrNumber));
		cs_find_fact_columns(table->rel->rd_att, table->facts);
	}
	in->opened = lappend(in->opened, table);
	MemoryContextSwitchTo(caller);
	return table;
}

CsTable *
cs_table(CsInstallation *in, CsTableId id)
{
	Oid			relid;

	if (in->tables[id] != NULL)
		return in->tables[id];

	/* the only place that finds a table by another one's schema */
	relid = get_relname_relid(tables[id].name, in->schema);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", get_namespace_name(in->schema), tables[id].name),
				 errhint("Create the tables of an installation with contact_status.create_tables.")));
	return in->tables[id] = cs_open_table(in, id, relid);
}

Snapshot
cs_latest_snapshot(void)
{
	return RegisterSnapshot(GetLatestSnapshot());
}

void
cs_check_shown(CsTable *table, TupleTableSlot *slot)
{
	if (IsolationUsesXactSnapshot() &&
		!table_tuple_satisfies_snapshot(table->rel, slot, GetTransactionSnapshot()))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errhint("Retry the transaction.")));
}

void
cs_begin_scan(CsKeyScan *scan, CsTable *table, Snapshot snapshot,
			  const cs_id *leading, int count, const cs_time *from)
{
	ScanKeyData keys[4];
	MemoryContext caller;
	int			n = 0;

	for (; n < count; n++)
	{
		if (leading[n].set)
			ScanKeyInit(&keys[n], n + 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(leading[n].id));
		else
			ScanKeyEntryInitialize(&keys[n], SK_ISNULL | SK_SEARCHNULL, n + 1, InvalidStrategy,
								   InvalidOid, InvalidOid, InvalidOid, (Datum) 0);
	}
	if (from != NULL)
	{
		ScanKeyInit(&keys[n], n + 1, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(*from));
		n++;
	}
	caller = MemoryContextSwitchTo(table->context);
	scan->table = table;
	scan->count = n;
	if (table->parked && table->parked_keys == n)
	{
		scan->scan = table->parked;
		scan->scan->xs_snapshot = snapshot;
		table->parked = NULL;
	}
	else
		scan->scan = cs_index_beginscan(table->rel, cs_key(table), snapshot, n);
	index_rescan(scan->scan, keys, n, NULL, 0);
	MemoryContextSwitchTo(caller);
}

bool
cs_next_row(CsKeyScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(scan->table->context);
	bool		found = index_getnext_slot(scan->scan, ForwardScanDirection, scan->table->slot);

	MemoryContextSwitchTo(caller);
	return found;
}

bool
cs_next_entry(CsKeyScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(scan->table->context);
	bool		found = index_getnext_tid(scan->scan, ForwardScanDirection) != NULL;

	MemoryContextSwitchTo(caller);
	return found;
}

void
cs_end_scan(CsKeyScan *scan)
{
	CsTable    *table = scan->table;

	/* to begin a scan costs as much as a short one */
	if (table->parked)
		index_endscan(table->parked);
	index_rescan(scan->scan, NULL, 0, NULL, 0);	/* lets go of its pages */
	table->parked = scan->scan;
	table->parked_keys = scan->count;
}

void
cs_lock_row(CsTable *table, ItemPointer tid, LockTupleMode mode)
{
	TM_FailureData failure;
	ItemPointerData place = *tid;
	TM_Result	result = table_tuple_lock(table->rel, &place, InvalidSnapshot, table->slot,
										  GetCurrentCommandId(false), mode, LockWaitBlock,
										  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);

	if (result != TM_Ok)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("a row of table \"%s\" was changed by an operation that our write triggered",
						RelationGetRelationName(table->rel)),
				 errhint("Use an AFTER trigger instead of a BEFORE trigger to propagate changes to other rows.")));
	cs_check_shown(table, table->slot);
}

bool
cs_fetch_latest(CsTable *table, const cs_id *key, int count)
{
	Snapshot	snapshot = cs_latest_snapshot();
	CsKeyScan	scan;
	bool		found;

	cs_begin_scan(&scan, table, snapshot, key, count, NULL);
	found = cs_next_row(&scan);
	cs_end_scan(&scan);
	if (found)
		cs_check_shown(table, table->slot);
	UnregisterSnapshot(snapshot);
	return found;
}
