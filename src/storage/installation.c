/*
 * installation.c
 *		The tables of an installation: opens them and finds their columns and
 *		indexes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "storage/installation.h"
#include "storage/layout_cache.h"
#include "types/enums.h"
#include "types/fact_columns.h"

/*
 * The name, lock and columns of each table.  The first key_columns columns
 * begin its key, as far as a scan can compare them.
 */
static const struct
{
	const char *name;
	LOCKMODE	lock;
	int			key_columns;
	int			column_count;
	CsColumn	columns[MAX_COLUMNS];
	bool		optional;
	CsColumn	others[3];		/* that only queries use */
}			tables[TABLES] = {
	[TABLE_POLICY] = {"policy", RowShareLock, 1, 1, {{"name", TEXTOID, true}}},
	[TABLE_ACCOUNT] = {"account", RowShareLock, 1, 5, {
		{"account_id", INT8OID, true}, {"policy", TEXTOID, true}, {"contact_limit", INT8OID, false},
		{"horizon", TIMESTAMPTZOID, false}, {"horizon_kept", TIMESTAMPTZOID, false}
	}},
	[TABLE_LIST] = {"list", AccessShareLock, 2, 3, {
		{"account_id", INT8OID, true}, {"list_id", INT8OID, true}, {"double_opt_in", BOOLOID, false}
	}, .others = {{"name", TEXTOID, false}}},
	[TABLE_CONSENT_SETTING_HISTORY] = {"consent_setting_history", AccessShareLock, 3, 8, {
		{"account_id", INT8OID, true}, {"list_id", INT8OID, false}, {"since", TIMESTAMPTZOID, true},
		{"import_consent", TEXTOID, false}, {"double_opt_in", BOOLOID, false}, {"unsubscribe_scope", TEXTOID, false},
		{"resubscribe", TEXTOID, false}, {"confirm_within", INTERVALOID, false}
	}},
	[TABLE_CONTACT] = {"contact", RowExclusiveLock, 2, 5, {
		{"account_id", INT8OID, true}, {"contact_id", INT8OID, true}, {"email", TEXTOID, true},
		{"generation_start", TIMESTAMPTZOID, false}, {"address_since", TIMESTAMPTZOID, false}
	}, .others = {{"created_at", TIMESTAMPTZOID, true}}},
	[TABLE_DELETED_CONTACT] = {"deleted_contact", RowExclusiveLock, 2, 8, {
		{"account_id", INT8OID, true}, {"contact_id", INT8OID, true}, {"ended_at", TIMESTAMPTZOID, true},
		{"generation_start", TIMESTAMPTZOID, false}, {"address_digest", BYTEAOID, false}, {"holder_id", INT8OID, false},
		{"merged_into", INT8OID, false}, {"merged_at", TIMESTAMPTZOID, false}
	}},
	[TABLE_SUPPRESSION] = {"suppression", RowExclusiveLock, 3, 10, {
		{"account_id", INT8OID, true}, {"address_digest", BYTEAOID, true}, {"kind", CS_TYPE_KIND, true},
		{"list_id", INT8OID, false}, {"occurred_at", TIMESTAMPTZOID, true}, {"source", TEXTOID, false},
		{"contact_id", INT8OID, false}, {"generation_start", TIMESTAMPTZOID, false}, {"reason", TEXTOID, false},
		{"retraction_id", INT8OID, false}
	}},
	[TABLE_ADDRESS_KEY] = {"address_key", AccessShareLock, 1, 2, {
		{"account_id", INT8OID, true}, {"key", BYTEAOID, true}
	}},
	[TABLE_ADDRESS_CHANGE] = {"address_change", RowExclusiveLock, 3, 5, {
		{"account_id", INT8OID, true}, {"contact_id", INT8OID, true}, {"changed_at", TIMESTAMPTZOID, true},
		{"old_digest", BYTEAOID, true}, {"holder_id", INT8OID, false}
	}},
	[TABLE_RETRACTION] = {"retraction", RowExclusiveLock, 2, 9, {
		{"account_id", INT8OID, true}, {"retraction_id", INT8OID, true},
		{"retracted_at", TIMESTAMPTZOID, true}, {"retracted_by", NAMEOID, true}, {"reason", TEXTOID, true},
		{"events", INT8OID, true}, {"contacts", INT8OID, true}, {"undone_at", TIMESTAMPTZOID, false},
		{"undone_by", NAMEOID, false}
	}},
	[TABLE_SUBSCRIPTION] = {"subscription", RowExclusiveLock, 3, 8, {
		{"account_id", INT8OID, true}, {"contact_id", INT8OID, true}, {"list_id", INT8OID, true},
		{"status", CS_TYPE_STATUS, true}, {"consent", CS_TYPE_STATUS, true},
		{"consent_at", TIMESTAMPTZOID, true}, {"requested_at", TIMESTAMPTZOID, false}, {"request_key", TEXTOID, false}
	}},
	[TABLE_STATUS_COUNT] = {"status_count", RowExclusiveLock, 3, 5, {
		{"account_id", INT8OID, true}, {"list_id", INT8OID, false}, {"written_by", XID8OID, true},
		{"merged_before", XID8OID, false}, {"contacts", INT8ARRAYOID, true}
	}},
	[TABLE_DAILY_COUNT] = {"daily_count", RowExclusiveLock, 3, 5, {
		{"account_id", INT8OID, true}, {"day", DATEOID, true}, {"status", CS_TYPE_STATUS, true},
		{"contacts", INT8OID, true}, {"counted_at", TIMESTAMPTZOID, true}
	}},
	[TABLE_CHECKPOINT] = {"checkpoint", RowExclusiveLock, 3, 7, {
		{"account_id", INT8OID, true}, {"contact_id", INT8OID, true}, {"before", TIMESTAMPTZOID, true},
		{"generation_start", TIMESTAMPTZOID, false}, {"kept_at", TIMESTAMPTZOID, false}, {"late_since", TIMESTAMPTZOID, false},
		{"facts", CS_TYPE_FOLDED, true}
	}},
	[TABLE_UNMATCHED_EVENT] = {"unmatched_event", RowExclusiveLock, 2, 15, {
		{"account_id", INT8OID, true}, {"unmatched_id", INT8OID, true}, {"address", TEXTOID, false},
		{"address_digest", BYTEAOID, false}, {"kind", CS_TYPE_KIND, false}, {"list_id", INT8OID, false},
		{"campaign_id", INT8OID, false}, {"occurred_at", TIMESTAMPTZOID, false}, {"event_key", TEXTOID, true},
		{"source", TEXTOID, false}, {"evidence", TEXTOID, false}, {"reason", TEXTOID, false}, {"reply", TEXTOID, false},
		{"until", TIMESTAMPTZOID, false}, {"received_at", TIMESTAMPTZOID, true}
	}, .others = {{"row", JSONBOID, false}, {"problem", TEXTOID, true}, {"forwarded_from", TEXTOID, false}}},
	[TABLE_STATUS_CHANGE] = {"status_change", RowExclusiveLock, 3, 10, {
		{"account_id", INT8OID, true}, {"list_id", INT8OID, false}, {"contact_id", INT8OID, true},
		{"previous_status", CS_TYPE_STATUS, false}, {"status", CS_TYPE_STATUS, false},
		{"changed_at", TIMESTAMPTZOID, true}, {"kind", CS_TYPE_KIND, false}, {"cluster", INT8OID, true},
		{"next_xid", XID8OID, true}, {"change_id", INT8OID, true}
	}, true},
	[TABLE_CHANGE_CONSUMER] = {"change_consumer", RowExclusiveLock, 2, 4, {
		{"consumer", TEXTOID, true}, {"cluster", INT8OID, true}, {"next_xid", XID8OID, true}, {"change_id", INT8OID, true}
	}, true},
	[TABLE_EVENT] = {"event", AccessShareLock, 3, 15, {
		{"account_id", INT8OID, true}, {"contact_id", INT8OID, true}, {"occurred_at", TIMESTAMPTZOID, true},
		{"list_id", INT8OID, false}, {"campaign_id", INT8OID, false}, {"kind", CS_TYPE_KIND, true},
		{"recorded_at", TIMESTAMPTZOID, true}, {"retracted_at", TIMESTAMPTZOID, false}, {"until", TIMESTAMPTZOID, false},
		{"event_key", TEXTOID, true}, {"source", TEXTOID, false}, {"evidence", TEXTOID, false}, {"reason", TEXTOID, false},
		{"reply", TEXTOID, false}, {"retraction_id", INT8OID, false}
	}}
};

CsInstallation *
cs_open(Oid schema)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "contact_status",
												  ALLOCSET_DEFAULT_SIZES);
	CsInstallation *in = MemoryContextAllocZero(context, sizeof(CsInstallation));

	in->context = context;
	in->caller = CurrentMemoryContext;
	in->schema = schema;
	in->now = GetCurrentTimestamp();
	return in;
}

void
cs_close(CsInstallation *in)
{
	ListCell   *lc;

	Assert(in->triggers == NULL && in->counts == NULL && in->pending == NIL);
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
	if (CurrentMemoryContext == in->context)
		MemoryContextSwitchTo(in->caller);
	MemoryContextDelete(in->context);
}

/* Does the index begin with the first key_columns of the table, in this order? */
static bool
is_key(CsTable *table, Relation index)
{
	Form_pg_index form = index->rd_index;
	int			count = tables[table->id].key_columns;

	if (index->rd_rel->relam != BTREE_AM_OID || !form->indisvalid || form->indnkeyatts < count ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return false;
	for (int i = 0; i < count; i++)
		if (form->indkey.values[i] != table->columns[i])
			return false;
	return true;
}

bool
cs_is_key_column(CsTable *table, AttrNumber column)
{
	for (int i = 0; i < tables[table->id].key_columns; i++)
		if (table->columns[i] == column)
			return true;
	return false;
}

Relation
cs_open_index(CsTable *table, const int *columns, int count)
{
	List	   *indexes = RelationGetIndexList(table->rel);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		bool		right = index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
			index->rd_index->indnkeyatts >= count &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);

		for (int i = 0; right && i < count; i++)
			right = index->rd_index->indkey.values[i] == table->columns[columns[i]];
		if (right)
			return index;
		index_close(index, AccessShareLock);
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("table \"%s\" has lost its index", RelationGetRelationName(table->rel)),
			 errhint("Create it again as contact_status.create_tables does.")));
}

/*
 * Opens the primary key, or an index that replaces it.  A key with nullable
 * columns cannot be a primary key.  The key of status_count is not unique.
 */
static Relation
open_key(CsTable *table)
{
	Oid			primary = cs_primary_key_index(table->rel);
	List	   *indexes = RelationGetIndexList(table->rel);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if ((!OidIsValid(primary) || lfirst_oid(lc) == primary) && is_key(table, index))
			return index;
		index_close(index, AccessShareLock);
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("table \"%s\" has lost its index", RelationGetRelationName(table->rel)),
			 errhint("Create it again as contact_status.create_tables does.")));
}

/* Opens the key that the cache has.  Returns NULL if it has none, or if another index has become the key. */
static Relation
open_cached_key(CsTable *table)
{
	Relation	index;

	if (table->layout->relid != RelationGetRelid(table->rel) || !OidIsValid(table->layout->key))
		return NULL;
	index = index_open(table->layout->key, AccessShareLock);
	if (table->layout->key == RelationGetRelid(index) && is_key(table, index))
		return index;
	index_close(index, AccessShareLock);
	return NULL;
}

Relation
cs_key(CsTable *table)
{
	MemoryContext caller;

	if (table->key == NULL)
	{
		caller = MemoryContextSwitchTo(table->context);
		table->key = open_cached_key(table);
		if (table->key == NULL)
			table->key = open_key(table);
		if (table->layout->relid == RelationGetRelid(table->rel))
			table->layout->key = RelationGetRelid(table->key);
		MemoryContextSwitchTo(caller);
	}
	return table->key;
}

/* Finds the columns of an open table by name, unless the cache has them. */
static void
find_columns(CsTable *table)
{
	CsLayout   *layout = table->layout;
	bool		is_cached = layout->relid == RelationGetRelid(table->rel);

	if (is_cached && layout->has_columns)
	{
		memcpy(table->columns, layout->columns, sizeof(table->columns));
		if (table->facts)
			memcpy(table->facts, layout->facts, sizeof(layout->facts));
		return;
	}
	cs_find_columns(table->rel->rd_att, true, tables[table->id].columns, tables[table->id].column_count, table->columns);
	if (table->facts)
		cs_find_fact_columns(table->rel->rd_att, true, table->facts);
	/* the lock on the table prevents a change of its columns; the search for them may have processed messages */
	if (!is_cached || layout->relid != RelationGetRelid(table->rel))
		return;
	memcpy(layout->columns, table->columns, sizeof(table->columns));
	if (table->facts)
		memcpy(layout->facts, table->facts, sizeof(layout->facts));
	layout->has_columns = true;
}

/* The columns of table policy are those of its type. */
static void
check_policy_table(Relation rel)
{
	static Oid	policy;

	if (!cs_is_own_type(rel->rd_rel->reloftype, "policy", &policy))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("table \"%s\" is not of type contact_status.policy", RelationGetRelationName(rel)),
				 errhint("Restore the table as contact_status.create_tables makes it.")));
}

CsTable *
cs_open_table(CsInstallation *in, CsTableId id, Oid relid)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	CsTable    *table = palloc0(sizeof(CsTable));
	LOCKMODE	lock = in->reads_only ? AccessShareLock : tables[id].lock;

	/* rows are written without a statement, so that the server does not check for READ ONLY */
	if (lock == RowExclusiveLock)
		PreventCommandIfReadOnly("a write by contact_status");
	table->id = id;
	table->context = in->context;
	table->rel = table_open(relid, lock);
	table->slot = table_slot_create(table->rel, NULL);
	table->layout = cs_layout(in->schema, id);
	if (id == TABLE_POLICY)
		check_policy_table(table->rel);
	if (id == TABLE_CONTACT)
		table->facts = palloc(sizeof(table->layout->facts));
	find_columns(table);
	in->opened = lappend(in->opened, table);
	MemoryContextSwitchTo(caller);
	return table;
}

/* Returns the OID of a table of the installation.  Raises 42P01 if it is missing. */
static Oid
find_table(CsInstallation *in, CsTableId id)
{
	CsLayout   *layout = cs_layout(in->schema, id);

	if (!OidIsValid(layout->relid))
		*layout = (CsLayout) {.relid = get_relname_relid(tables[id].name, in->schema)};
	if (!OidIsValid(layout->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", get_namespace_name(in->schema), tables[id].name),
				 errhint("Create the tables of an installation with contact_status.create_tables.")));
	return layout->relid;
}

/* A view, or a table of another owner, would run that owner's code with the caller's rights. */
static void
check_table(CsInstallation *in, const char *name, char relkind, Oid owner)
{
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s.%s\" is not a table", get_namespace_name(in->schema), name),
				 errhint("An installation is made of the tables that contact_status.create_tables creates.")));
	if (!OidIsValid(in->owner))
		in->owner = owner;
	if (owner != in->owner)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s.%s\" does not have the same owner as the rest of the installation",
						get_namespace_name(in->schema), name),
				 errhint("Give all tables of an installation one owner, with ALTER TABLE ... OWNER TO.")));
}

CsInstallation *
cs_open_named(Name schema)
{
	Oid			oid = get_namespace_oid(NameStr(*schema), true);
	CsInstallation *in;

	if (!OidIsValid(oid) || !OidIsValid(get_relname_relid("event", oid)) ||
		!OidIsValid(get_relname_relid("contact", oid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("schema \"%s\" holds no installation", NameStr(*schema)),
				 errhint("Create the tables of an installation with contact_status.create_tables.")));
	in = cs_open(oid);
	for (int id = 0; id < TABLES; id++)
	{
		HeapTuple	tuple;

		if (tables[id].optional)
			continue;
		tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(find_table(in, id)));
		if (!HeapTupleIsValid(tuple))
			continue;			/* concurrently dropped: cs_table() raises the error */
		check_table(in, tables[id].name, ((Form_pg_class) GETSTRUCT(tuple))->relkind,
					((Form_pg_class) GETSTRUCT(tuple))->relowner);
		ReleaseSysCache(tuple);
	}
	return in;
}

Oid
cs_table_oid(CsInstallation *in, CsTableId id)
{
	return in->tables[id] ? RelationGetRelid(in->tables[id]->rel) : find_table(in, id);
}

CsTable *
cs_table(CsInstallation *in, CsTableId id)
{
	CsTable    *table = in->tables[id];

	if (table == NULL)
	{
		table = in->tables[id] = cs_open_table(in, id, find_table(in, id));
		check_table(in, tables[id].name, table->rel->rd_rel->relkind, table->rel->rd_rel->relowner);
	}
	return table;
}

void
cs_check_columns(CsInstallation *in, const char *name)
{
	for (int id = 0; id < TABLES; id++)
	{
		AttrNumber	found[lengthof(tables[0].others)];
		int			count = 0;

		if (strcmp(tables[id].name, name) != 0)
			continue;
		while (count < (int) lengthof(tables[0].others) && tables[id].others[count].name)
			count++;
		cs_find_columns(cs_table(in, id)->rel->rd_att, true, tables[id].others, count, found);
		return;
	}
}

void
cs_check_trigger_table(CsInstallation *in, CsTableId id, Relation rel)
{
	if (RelationGetRelid(rel) != RelationGetRelid(cs_table(in, id)->rel) &&
		!(id == TABLE_EVENT && rel->rd_rel->relispartition))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("table \"%s\" cannot have this trigger: it is that of table \"%s\"",
						RelationGetRelationName(rel), tables[id].name),
				 errhint("contact_status.create_tables creates its trigger.")));
}

bool
cs_calls_one_of(const Trigger *trigger, const char *const *functions)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(trigger->tgfoid));
	Oid			schema = InvalidOid;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		return false;
	for (; *functions != NULL && !OidIsValid(schema); functions++)
		if (strcmp(NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname), *functions) == 0)
			schema = ((Form_pg_proc) GETSTRUCT(tuple))->pronamespace;
	ReleaseSysCache(tuple);
	name = OidIsValid(schema) ? get_namespace_name(schema) : NULL;
	return name && strcmp(name, "_contact_status") == 0;
}

bool
cs_is_our_trigger(const Trigger *trigger, const char *function)
{
	const char *const functions[] = {function, NULL};

	return cs_calls_one_of(trigger, functions);
}

bool
cs_has_our_trigger(Relation rel, const char *function)
{
	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
		if (cs_is_our_trigger(&rel->trigdesc->triggers[i], function))
			return true;
	return false;
}
