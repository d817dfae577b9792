/*
 * row_writer.c
 *		Writes rows of derived tables like the executor, but without our
 *		guards.
 *
 * The guards are triggers that refuse every write through SQL.  There is no
 * exception and no flag to disable them.  Our own writes take the same steps as
 * an INSERT, UPDATE or DELETE.  Only their list of triggers lacks the guards.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "types/errors.h"
#include "types/fact_columns.h"

struct CsWriter
{
	EState	   *estate;
	ResultRelInfo *target;
	EPQState	epq;
	TupleTableSlot *row;		/* the row to be written */
	ExprState **defaults;		/* by column, NULL if null; NULL until needed */
	bool		fires;			/* the table has triggers besides the guards */
	bool		indexes_open;
	bool		may[CMD_DELETE + 1];	/* the replica identity allows this command */

	/* the statement that statement triggers see */
	bool		began[CMD_DELETE + 1];
	TransitionCaptureState *capture[CMD_DELETE + 1];
};

static bool
is_before_update(const Trigger *trigger)
{
	return TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_BEFORE(trigger->tgtype) && TRIGGER_FOR_UPDATE(trigger->tgtype);
}

/*
 * Functions of triggers that our writes do not fire: guards, which refuse
 * writes through SQL, and triggers of inserted and deleted contacts, which we
 * only update.
 */
static const char *const not_fired[] = {
	"refuse_write", "refuse_truncate", "set_event_key", "begin_contacts", "end_contacts", NULL
};

/*
 * Finds the triggers that our writes fire.  Our updates change no address, and
 * so do not need change_address, unless a BEFORE trigger of the application can
 * change it.  Returns their number.
 */
static int
find_fired(const TriggerDesc *all, bool *fired)
{
	bool		address_may_change = false;
	int			count = 0;

	for (int i = 0; i < all->numtriggers; i++)
	{
		fired[i] = !cs_calls_one_of(&all->triggers[i], not_fired);
		address_may_change |= fired[i] && is_before_update(&all->triggers[i]);
	}
	for (int i = 0; i < all->numtriggers; i++)
	{
		fired[i] = fired[i] && (address_may_change || !cs_is_our_trigger(&all->triggers[i], "change_address"));
		count += fired[i];
	}
	return count;
}

/* Removes the triggers that are not fired from a copy of the table's triggers. */
static void
keep_fired(TriggerDesc *all, const bool *fired)
{
	int			kept = 0;

	for (int i = 0; i < all->numtriggers; i++)
		if (fired[i])
			all->triggers[kept++] = all->triggers[i];
	all->numtriggers = kept;

	/* other flags may stay true: they only let the server skip a check */
	all->trig_insert_before_row = all->trig_update_before_row = all->trig_delete_before_row = false;
	for (int i = 0; i < kept; i++)
	{
		int16		type = all->triggers[i].tgtype;

		if (!TRIGGER_FOR_ROW(type) || !TRIGGER_FOR_BEFORE(type))
			continue;
		all->trig_insert_before_row |= TRIGGER_FOR_INSERT(type);
		all->trig_update_before_row |= TRIGGER_FOR_UPDATE(type);
		all->trig_delete_before_row |= TRIGGER_FOR_DELETE(type);
	}
}

/* Initializes the target of the writes, with the triggers that they fire. */
static void
init_target(CsWriter *writer, Relation rel)
{
	TriggerDesc *all = rel->trigdesc;
	bool	   *fired = all ? palloc(all->numtriggers * sizeof(bool)) : NULL;
	RelationData without_triggers;

	writer->fires = all != NULL && find_fired(all, fired) > 0;
	writer->target = makeNode(ResultRelInfo);
	if (writer->fires)
	{
		InitResultRelInfo(writer->target, rel, 1, NULL, 0);
		keep_fired(writer->target->ri_TrigDesc, fired);
		return;
	}
	/* the server would copy all triggers, which costs as much as writing a row */
	without_triggers = *rel;
	without_triggers.trigdesc = NULL;
	InitResultRelInfo(writer->target, &without_triggers, 1, NULL, 0);
	writer->target->ri_RelationDesc = rel;
}

/* Is the column derived?  All columns found by name are, except the address. */
static bool
is_derived(CsTable *table, AttrNumber column)
{
	for (int i = 0; i < MAX_COLUMNS; i++)
		if (table->columns[i] == column)
			return !(table->facts && i == CONTACT_EMAIL);
	for (int i = 0; table->facts && i < FACT_COLUMNS; i++)
		if (table->facts[i] == column)
			return true;
	return false;
}

/*
 * Returns the columns that our statements declare as written, with the offset
 * that the executor uses.  No key column is among them, so that the server
 * locks rows FOR NO KEY UPDATE.  The address is not among them, so that no
 * trigger on its update fires.
 */
static Bitmapset *
written_columns(CsTable *table)
{
	Bitmapset  *columns = NULL;

	for (int i = 1; i <= table->rel->rd_att->natts; i++)
		if (is_derived(table, i) && !cs_is_key_column(table, i))
			columns = bms_add_member(columns, i - FirstLowInvalidHeapAttributeNumber);
	return columns;
}

static CsWriter *
begin_writing(CsInstallation *in, CsTable *table)
{
	MemoryContext caller;
	CsWriter   *writer;
	RangeTblEntry *rte;

	if (table->writer != NULL)
		return table->writer;

	caller = MemoryContextSwitchTo(in->context);
	if (in->triggers == NULL)
	{
		in->triggers = CreateExecutorState();
		AfterTriggerBeginQuery();
	}

	writer = palloc0(sizeof(CsWriter));
	writer->estate = CreateExecutorState();
	rte = makeNode(RangeTblEntry);
	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(table->rel);
	rte->relkind = table->rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
	cs_init_range_table(writer->estate, rte, written_columns(table));
	LockRelationOid(RelationGetRelid(table->rel), RowExclusiveLock);

	init_target(writer, table->rel);
	EvalPlanQualInit(&writer->epq, writer->estate, NULL, NIL, -1
#if PG_VERSION_NUM >= 160000
					 ,NIL
#endif
		);
	writer->row = MakeSingleTupleTableSlot(table->rel->rd_att, &TTSOpsVirtual);
	table->writer = writer;
	MemoryContextSwitchTo(caller);
	return writer;
}

/* Opens the indexes when a row needs entries: most updates need none. */
static void
open_indexes(CsInstallation *in, CsWriter *writer)
{
	MemoryContext caller;

	if (writer->indexes_open)
		return;
	caller = MemoryContextSwitchTo(in->context);
	ExecOpenIndices(writer->target, false);
	MemoryContextSwitchTo(caller);
	writer->indexes_open = true;
}

/* Does the steps before the first row of a command. */
static void
begin_statement(CsInstallation *in, CsWriter *writer, CsTable *table, CmdType command)
{
	MemoryContext caller;

	/*
	 * on a published table without replica identity, the server refuses: a
	 * subscriber would miss the change
	 */
	if (!writer->may[command])
	{
		CheckCmdReplicaIdentity(table->rel, command);
		writer->may[command] = true;
	}
	if (!writer->fires)
		return;
	writer->estate->es_output_cid = GetCurrentCommandId(true);
	if (writer->began[command])
		return;
	writer->began[command] = true;
	caller = MemoryContextSwitchTo(in->context);	/* captured rows outlive the context of the row */
	writer->capture[command] = MakeTransitionCaptureState(writer->target->ri_TrigDesc,
														  RelationGetRelid(table->rel), command);
	if (command == CMD_INSERT)
		ExecBSInsertTriggers(writer->estate, writer->target);
	else if (command == CMD_UPDATE)
		ExecBSUpdateTriggers(writer->estate, writer->target);
	else
		ExecBSDeleteTriggers(writer->estate, writer->target);
	MemoryContextSwitchTo(caller);
}

static void
end_statements(CsWriter *writer)
{
	if (writer->began[CMD_INSERT])
		ExecASInsertTriggers(writer->estate, writer->target, writer->capture[CMD_INSERT]);
	if (writer->began[CMD_UPDATE])
		ExecASUpdateTriggers(writer->estate, writer->target, writer->capture[CMD_UPDATE]);
	if (writer->began[CMD_DELETE])
		ExecASDeleteTriggers(writer->estate, writer->target, writer->capture[CMD_DELETE]);
}

void
cs_end_writing(CsInstallation *in)
{
	ListCell   *lc;

	if (in->triggers == NULL)
		return;
	foreach(lc, in->opened)
		if (((CsTable *) lfirst(lc))->writer)
			end_statements(((CsTable *) lfirst(lc))->writer);

	AfterTriggerEndQuery(in->triggers);
	ExecCloseResultRelations(in->triggers);
	ExecResetTupleTable(in->triggers->es_tupleTable, false);
	FreeExecutorState(in->triggers);
	in->triggers = NULL;

	foreach(lc, in->opened)
	{
		CsTable    *table = lfirst(lc);
		CsWriter   *writer = table->writer;

		if (writer == NULL)
			continue;
		EvalPlanQualEnd(&writer->epq);
		if (writer->indexes_open)
			ExecCloseIndices(writer->target);
		ExecDropSingleTupleTableSlot(writer->row);
		ExecResetTupleTable(writer->estate->es_tupleTable, false);
		FreeExecutorState(writer->estate);
		table->writer = NULL;
	}
}

static TupleTableSlot *
store_row(CsWriter *writer, const Datum *values, const bool *nulls)
{
	TupleTableSlot *row = writer->row;
	int			natts = row->tts_tupleDescriptor->natts;

	ExecClearTuple(row);
	memcpy(row->tts_values, values, natts * sizeof(Datum));
	memcpy(row->tts_isnull, nulls, natts * sizeof(bool));
	return ExecStoreVirtualTuple(row);
}

pg_noreturn static void
refuse_interference(CsTable *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 cs_errconstraint(CONSTRAINT_DERIVED),
			 errmsg("a trigger on table \"%s\" changes or drops a row that contact_status writes",
					RelationGetRelationName(table->rel)),
			 errhint("Let BEFORE triggers leave derived columns as they are and return the row.")));
}

/* Raises 23514 if a BEFORE trigger changed a derived column.  It may set other columns. */
static void
check_row(CsTable *table, TupleTableSlot *row, const Datum *values, const bool *nulls)
{
	TupleDesc	desc = row->tts_tupleDescriptor;

	slot_getallattrs(row);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (is_derived(table, i + 1) &&
			(row->tts_isnull[i] != nulls[i] ||
			 (!nulls[i] && !datum_image_eq(row->tts_values[i], values[i], column->attbyval, column->attlen))))
			refuse_interference(table);
	}
}

/* Does a BEFORE trigger of the application see, and may change, an updated row? */
static bool
has_before_update(const CsWriter *writer)
{
	return writer->fires && writer->target->ri_TrigDesc->trig_update_before_row;
}

/* Computes generated columns and checks constraints, like the executor. */
static void
complete_row(CsWriter *writer, CsTable *table, CmdType command)
{
	TupleConstr *constr = table->rel->rd_att->constr;

	if (constr && constr->has_generated_stored)
		ExecComputeStoredGenerated(writer->target, writer->estate, writer->row, command);
	if (constr)
		ExecConstraints(writer->target, writer->row, writer->estate);
}

pg_noreturn static void
refuse_overtaken(CsTable *table, TM_Result result)
{
	/* other writers lock the contact first, but several contacts may have had the same address */
	if (result == TM_Updated || result == TM_Deleted)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("A row of table \"%s\" was changed meanwhile.", RelationGetRelationName(table->rel)),
				 errhint("Retry the transaction.")));
	if (result == TM_SelfModified || result == TM_Invisible)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("a row of table \"%s\" was changed by an operation that our write triggered",
						RelationGetRelationName(table->rel)),
				 errhint("Use an AFTER trigger instead of a BEFORE trigger to propagate changes to other rows.")));
	elog(ERROR, "unexpected result %d of writing table \"%s\"", result, RelationGetRelationName(table->rel));
}

/* A column has a default of its own, or that of its type.  Types that initdb creates first have none. */
static bool
may_have_default(Form_pg_attribute column)
{
	return column->atthasdef || column->attidentity || column->atttypid >= FirstGenbkiObjectId;
}

/* Prepares the defaults of the table at the first new row: most rows are only changed. */
static void
prepare_defaults(CsInstallation *in, CsTable *table, CsWriter *writer)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	TupleDesc	desc = table->rel->rd_att;

	writer->defaults = palloc0(desc->natts * sizeof(ExprState *));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		Expr	   *expr = column->attisdropped || column->attgenerated || !may_have_default(column) ? NULL :
			(Expr *) build_column_default(table->rel, i + 1);

		if (expr != NULL)
			writer->defaults[i] = ExecPrepareExpr(expr, writer->estate);
	}
	MemoryContextSwitchTo(caller);
}

void
cs_row_defaults(CsInstallation *in, CsTable *table, Datum *values, bool *nulls)
{
	CsWriter   *writer = begin_writing(in, table);
	ExprContext *context = GetPerTupleExprContext(writer->estate);

	if (writer->defaults == NULL)
		prepare_defaults(in, table, writer);
	for (int i = 0; i < table->rel->rd_att->natts; i++)
	{
		values[i] = (Datum) 0;
		nulls[i] = true;
		if (writer->defaults[i] != NULL)
			values[i] = ExecEvalExprSwitchContext(writer->defaults[i], context, &nulls[i]);
	}
}

void
cs_new_row(CsInstallation *in, CsTable *table, Datum **values, bool **nulls)
{
	*values = palloc(table->rel->rd_att->natts * sizeof(Datum));
	*nulls = palloc(table->rel->rd_att->natts * sizeof(bool));
	cs_row_defaults(in, table, *values, *nulls);
}

/*
 * Inserts the index entries of the row.  Returns the indexes to be checked
 * later.  Sets *conflict if an index of `arbiters` has the key already.
 */
static List *
enter_indexes(CsWriter *writer, List *arbiters, bool *conflict)
{
	if (writer->target->ri_NumIndices == 0)
		return NIL;
	return ExecInsertIndexTuples(writer->target, writer->row, writer->estate, false, arbiters != NIL, conflict, arbiters
#if PG_VERSION_NUM >= 160000
								 ,false
#endif
		);
}

/*
 * Inserts the row speculatively, as ON CONFLICT DO NOTHING does, and removes it
 * if its key exists.  Returns whether the row remains.
 */
static bool
enter_new_row(CsWriter *writer, CsTable *table, List **recheck)
{
	TransactionId self = GetCurrentTransactionId();
	uint32		promise = SpeculativeInsertionLockAcquire(self);
	bool		conflict = false;

	table_tuple_insert_speculative(table->rel, writer->row, GetCurrentCommandId(true), 0, NULL, promise);
	*recheck = enter_indexes(writer, list_make1_oid(RelationGetRelid(cs_key(table))), &conflict);
	table_tuple_complete_speculative(table->rel, writer->row, promise, !conflict);
	SpeculativeInsertionLockRelease(self);
	return !conflict;
}

static bool
insert_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls, bool only_new)
{
	CsWriter   *writer = begin_writing(in, table);
	ResultRelInfo *target = writer->target;
	TupleTableSlot *row = store_row(writer, values, nulls);
	List	   *recheck = NIL;
	bool		entered = true;

	begin_statement(in, writer, table, CMD_INSERT);
	if (writer->fires && target->ri_TrigDesc->trig_insert_before_row)
	{
		if (!ExecBRInsertTriggers(writer->estate, target, row))
			refuse_interference(table);
		check_row(table, row, values, nulls);
	}
	complete_row(writer, table, CMD_INSERT);
	open_indexes(in, writer);
	if (only_new)
		entered = enter_new_row(writer, table, &recheck);
	else
	{
		table_tuple_insert(table->rel, row, GetCurrentCommandId(true), 0, NULL);
		recheck = enter_indexes(writer, NIL, NULL);
	}
	if (entered && writer->fires)
		ExecARInsertTriggers(writer->estate, target, row, recheck, writer->capture[CMD_INSERT]);
	ResetPerTupleExprContext(writer->estate);
	return entered;
}

void
cs_insert_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls)
{
	insert_row(in, table, values, nulls, false);
}

bool
cs_insert_new_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls)
{
	return insert_row(in, table, values, nulls, true);
}

static TM_Result
update_row(CsInstallation *in, CsTable *table, ItemPointer tid, const Datum *values, const bool *nulls)
{
	CsWriter   *writer = begin_writing(in, table);
	ResultRelInfo *target = writer->target;
	TupleTableSlot *row = store_row(writer, values, nulls);
	List	   *recheck = NIL;
	TM_FailureData failure;
	LockTupleMode lock;
	cs_update_indexes indexes;
	TM_Result	result;

	begin_statement(in, writer, table, CMD_UPDATE);
	if (has_before_update(writer))
	{
		if (!cs_before_update(writer->estate, &writer->epq, target, tid, row))
			refuse_interference(table);
		check_row(table, row, values, nulls);
	}
	complete_row(writer, table, CMD_UPDATE);
	result = table_tuple_update(table->rel, tid, row, GetCurrentCommandId(true),
								InvalidSnapshot, InvalidSnapshot, true, &failure, &lock, &indexes);
	if (result != TM_Ok)
		return result;
	if (cs_needs_index_entries(indexes))
		open_indexes(in, writer);
	if (cs_needs_index_entries(indexes) && target->ri_NumIndices > 0)
		recheck = cs_insert_index_entries(target, row, writer->estate, true, indexes);
	if (writer->fires)
		ExecARUpdateTriggers(writer->estate, target, NULL, NULL, tid, NULL, row, recheck,
							 writer->capture[CMD_UPDATE], false);
	ResetPerTupleExprContext(writer->estate);
	return TM_Ok;
}

void
cs_update_row(CsInstallation *in, CsTable *table, ItemPointer tid, const Datum *values, const bool *nulls)
{
	TM_Result	result = update_row(in, table, tid, values, nulls);

	if (result != TM_Ok)
		refuse_overtaken(table, result);
}

bool
cs_try_update_row(CsInstallation *in, CsTable *table, ItemPointer tid, const Datum *values, const bool *nulls)
{
	TM_Result	result;

	if (IsolationUsesXactSnapshot() || has_before_update(begin_writing(in, table)))
		return false;
	result = update_row(in, table, tid, values, nulls);
	if (result != TM_Ok && result != TM_Updated && result != TM_Deleted)
		refuse_overtaken(table, result);
	return result == TM_Ok;
}

static TM_Result
delete_row(CsInstallation *in, CsTable *table, ItemPointer tid, bool wait)
{
	CsWriter   *writer = begin_writing(in, table);
	ResultRelInfo *target = writer->target;
	TM_FailureData failure;
	TM_Result	result;

	begin_statement(in, writer, table, CMD_DELETE);
	if (writer->fires && target->ri_TrigDesc->trig_delete_before_row &&
		!cs_before_delete(writer->estate, &writer->epq, target, tid))
		refuse_interference(table);
	result = table_tuple_delete(table->rel, tid, GetCurrentCommandId(true),
								InvalidSnapshot, InvalidSnapshot, wait, &failure, false);
	if (result == TM_Ok && writer->fires)
		ExecARDeleteTriggers(writer->estate, target, tid, NULL, writer->capture[CMD_DELETE], false);
	ResetPerTupleExprContext(writer->estate);
	return result;
}

void
cs_delete_row(CsInstallation *in, CsTable *table, ItemPointer tid)
{
	TM_Result	result = delete_row(in, table, tid, true);

	if (result != TM_Ok)
		refuse_overtaken(table, result);
}

bool
cs_try_delete_row(CsInstallation *in, CsTable *table, ItemPointer tid)
{
	TM_Result	result = delete_row(in, table, tid, false);

	if (result != TM_Ok && result != TM_BeingModified && result != TM_Updated && result != TM_Deleted)
		refuse_overtaken(table, result);
	return result == TM_Ok;
}
