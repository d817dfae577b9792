/*
 * ddl.c
 *		Refusals of what would change a table of an installation behind its
 *		triggers: partitions of the log that come filled or go uncovered, and
 *		children that inherit.
 *
 * One event trigger serves two moments: before a command, what it takes away is
 * looked at while it is still there; after it, what it brought.  A log is known
 * by its trigger, so that a restore, which creates triggers last, is let be.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_type_d.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "horizon.h"

/* Has the table a trigger of ours, by its function's name? */
static bool
has_our_trigger(Oid relid, const char *function)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	bool		found;

	if (rel == NULL)
		return false;
	found = cs_has_our_trigger(rel, function);
	relation_close(rel, AccessShareLock);
	return found;
}

static bool
is_partitioned_log(Oid relid)
{
	return OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE &&
		has_our_trigger(relid, "apply_events");
}

static Oid
relation_named(const RangeVar *name)
{
	return RangeVarGetRelid(name, NoLock, true);
}

static bool
is_empty(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	bool		empty = !table_scan_getnextslot(scan, ForwardScanDirection, slot);

	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return empty;
}

/* ---- before ---- */

static void
check_goes(Oid partition)
{
	Oid			log;

	if (!OidIsValid(partition) || !get_rel_relispartition(partition))
		return;
	log = get_partition_parent(partition, true);
	if (is_partitioned_log(log))
		cs_check_droppable(log, partition);
}

/* Partitions in a schema may belong to a log in another one. */
static void
check_schema_goes(Oid schema)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(schema);
	MemoryContext caller = CurrentMemoryContext;
	List	   *partitions = NIL;
	ListCell   *lc;

	SPI_connect();
	if (SPI_execute_with_args("SELECT i.inhrelid FROM pg_catalog.pg_inherits i "
							  "JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid "
							  "JOIN pg_catalog.pg_class p ON p.oid OPERATOR(pg_catalog.=) i.inhparent "
							  "WHERE c.relispartition AND c.relnamespace OPERATOR(pg_catalog.=) $1 "
							  "AND p.relnamespace OPERATOR(pg_catalog.<>) $1", 1, &type, &value, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for partitions");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);
		bool		isnull;

		partitions = lappend_oid(partitions, DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	foreach(lc, partitions)
		check_goes(lfirst_oid(lc));
}

static void
before_drop(const DropStmt *command)
{
	ListCell   *lc;

	foreach(lc, command->objects)
	{
		Oid			schema;

		if (command->removeType == OBJECT_TABLE)
			check_goes(relation_named(makeRangeVarFromNameList(lfirst(lc))));
		else if (command->removeType == OBJECT_SCHEMA &&
				 OidIsValid(schema = get_namespace_oid(strVal(lfirst(lc)), true)))
			check_schema_goes(schema);
	}
}

static void
before_alter(const AlterTableStmt *command)
{
	ListCell   *lc;

	foreach(lc, command->cmds)
	{
		const AlterTableCmd *cmd = lfirst(lc);

		if (cmd->subtype == AT_DetachPartition)
			check_goes(relation_named(((PartitionCmd *) cmd->def)->name));
	}
}

/* ---- after ---- */

static void
execute(const char *command)
{
	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not execute \"%s\"", command);
}

/* A partition has the log's statement triggers itself, for what is written to it directly. */
static void
add_triggers(Oid partition)
{
	char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(partition)), get_rel_name(partition));

	SPI_connect();
	if (!has_our_trigger(partition, "apply_events"))
		execute(psprintf("CREATE TRIGGER contact_status_apply AFTER INSERT ON %s REFERENCING NEW TABLE AS events "
						 "FOR EACH STATEMENT EXECUTE FUNCTION contact_status.apply_events()", name));
	if (!has_our_trigger(partition, "refuse_truncate"))
		execute(psprintf("CREATE TRIGGER contact_status_refuse_truncate BEFORE TRUNCATE ON %s "
						 "FOR EACH STATEMENT EXECUTE FUNCTION contact_status.refuse_truncate()", name));
	execute(psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", name));	/* as the log's, which is not inherited */
	SPI_finish();
}

/* A table that is no part of the log any more is anybody's. */
static void
drop_triggers(Oid partition)
{
	char	   *name;

	if (!OidIsValid(partition) || get_rel_relispartition(partition) || !has_our_trigger(partition, "apply_events"))
		return;
	name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(partition)), get_rel_name(partition));
	SPI_connect();
	execute(psprintf("DROP TRIGGER contact_status_apply ON %s", name));
	execute(psprintf("DROP TRIGGER IF EXISTS contact_status_refuse_truncate ON %s", name));
	SPI_finish();
}

static void
check_came(Oid log, Oid partition)
{
	if (!OidIsValid(partition) || !is_partitioned_log(log))
		return;
	if (get_rel_relkind(partition) == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("partition \"%s\" of the log cannot be partitioned itself", get_rel_name(partition)),
				 errhint("Partition the log by ranges of occurred_at, one level deep.")));
	if (!is_empty(partition))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 cs_errconstraint(CONSTRAINT_DERIVED),
				 errmsg("table \"%s\" has rows and cannot become a partition of the log", get_rel_name(partition)),
				 errdetail("Its events would be in the log and not be applied."),
				 errhint("Attach it empty, and insert its rows into the log.")));
	add_triggers(partition);
}

static void
check_child(Oid parent, const char *child)
{
	if (OidIsValid(parent) && get_rel_relkind(parent) == RELKIND_RELATION && has_our_trigger(parent, "refuse_truncate"))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 cs_errconstraint(CONSTRAINT_DERIVED),
				 errmsg("table \"%s\" cannot inherit from \"%s\"", child, get_rel_name(parent)),
				 errdetail("What is written to it would pass by the triggers of contact_status."),
				 errhint("Give it a foreign key to the table instead.")));
}

/* The tables that the command made or altered, those of CREATE SCHEMA too, and what each inherits from. */
static void
check_parents(void)
{
	static const char query[] =
		"SELECT i.inhparent, i.inhrelid, c.relispartition FROM pg_catalog.pg_event_trigger_ddl_commands() d "
		"JOIN pg_catalog.pg_inherits i ON i.inhrelid OPERATOR(pg_catalog.=) d.objid "
		"JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid "
		"WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid "
		"AND c.relkind OPERATOR(pg_catalog.<>) 'i' AND c.relkind OPERATOR(pg_catalog.<>) 'I'";
	SPITupleTable *found;
	uint64		count;

	SPI_connect();
	if (SPI_execute(query, false, 0) != SPI_OK_SELECT)	/* sees what the command did */
		elog(ERROR, "could not look for what was created");
	found = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Oid			parent = DatumGetObjectId(SPI_getbinval(found->vals[i], found->tupdesc, 1, &isnull));
		Oid			child = DatumGetObjectId(SPI_getbinval(found->vals[i], found->tupdesc, 2, &isnull));

		if (!DatumGetBool(SPI_getbinval(found->vals[i], found->tupdesc, 3, &isnull)))
			check_child(parent, get_rel_name(child));
		else if (!has_our_trigger(child, "apply_events"))
			check_came(parent, child);
	}
	SPI_finish();
}

static void
after_alter(const AlterTableStmt *command)
{
	ListCell   *lc;

	foreach(lc, command->cmds)
	{
		const AlterTableCmd *cmd = lfirst(lc);

		if (cmd->subtype == AT_AttachPartition)
			check_came(relation_named(command->relation), relation_named(((PartitionCmd *) cmd->def)->name));
		else if (cmd->subtype == AT_DetachPartition && is_partitioned_log(relation_named(command->relation)) &&
				 !((PartitionCmd *) cmd->def)->concurrent)
			drop_triggers(relation_named(((PartitionCmd *) cmd->def)->name));
	}
}

/* guard_ddl(): on ddl_command_start and ddl_command_end of CREATE, ALTER and DROP TABLE, and DROP SCHEMA. */
PG_FUNCTION_INFO_V1(cs_guard_ddl);
Datum
cs_guard_ddl(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigger = (EventTriggerData *) fcinfo->context;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("guard_ddl must be fired by an event trigger"),
				 errhint("CREATE EXTENSION creates its event triggers.")));
	if (strcmp(trigger->event, "ddl_command_start") == 0)
	{
		if (IsA(trigger->parsetree, DropStmt))
			before_drop((DropStmt *) trigger->parsetree);
		else if (IsA(trigger->parsetree, AlterTableStmt))
			before_alter((AlterTableStmt *) trigger->parsetree);
	}
	else
	{
		if (IsA(trigger->parsetree, AlterTableStmt))
			after_alter((AlterTableStmt *) trigger->parsetree);
		check_parents();
	}
	PG_RETURN_NULL();
}

/* guard_partition(partition): what the event trigger does, where it was not there to do it. */
PG_FUNCTION_INFO_V1(cs_guard_partition);
Datum
cs_guard_partition(PG_FUNCTION_ARGS)
{
	Oid			partition = PG_GETARG_OID(0);

	if (!get_rel_relispartition(partition) || !is_partitioned_log(get_partition_parent(partition, false)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" is no partition of a log", get_rel_name(partition)),
				 errhint("Name a partition of table event.")));
	add_triggers(partition);
	PG_RETURN_VOID();
}
