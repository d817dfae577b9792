/*
 * event_log.c
 *		The log: one table, or partitions by ranges of occurred_at.
 *
 * Partitions are read in ascending order of their ranges, which is the order of
 * a replay.  Rows of the default partition are merged in.  Only partitions that
 * can have events of the scan are opened.
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_trigger.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/snapmgr.h"

#include "rules/rules.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/table_scan.h"
#include "types/enums.h"
#include "types/fact_columns.h"

typedef struct LogPart
{
	Oid			relid;
	cs_time		from;
	cs_time		before;			/* CS_NEVER: no upper bound */
	CsTable    *table;			/* NULL until opened */
} LogPart;

struct CsLog
{
	int			count;
	LogPart    *parts;			/* in ascending order */
	LogPart    *rest;			/* the default partition; NULL if there is none */
};

/* ---- the parts ---- */

/* Returns the OID of the log, for the log itself or one of its partitions. */
static Oid
log_with(Relation rel)
{
	return rel->rd_rel->relispartition ? get_partition_parent(RelationGetRelid(rel), true) : RelationGetRelid(rel);
}

Oid
cs_schema_of_log(Relation rel)
{
	return get_rel_namespace(log_with(rel));
}

bool
cs_is_log(Relation rel)
{
	char	   *name = get_rel_name(log_with(rel));

	return name != NULL && strcmp(name, "event") == 0;
}

static cs_time
bound_time(PartitionBoundInfo bounds, int i)
{
	if (i < 0 || (i < bounds->ndatums && bounds->kind[i][0] == PARTITION_RANGE_DATUM_MINVALUE))
		return PG_INT64_MIN;
	if (i >= bounds->ndatums || bounds->kind[i][0] == PARTITION_RANGE_DATUM_MAXVALUE)
		return CS_NEVER;
	return DatumGetTimestampTz(bounds->datums[i][0]);
}

static void
find_partitions(CsTable *log, struct CsLog *parts)
{
	PartitionKey key = RelationGetPartitionKey(log->rel);
	PartitionDesc partitions = RelationGetPartitionDesc(log->rel, true);
	PartitionBoundInfo bounds = partitions->boundinfo;

	if (key->strategy != PARTITION_STRATEGY_RANGE || key->partnatts != 1 ||
		key->partattrs[0] != log->columns[EVENT_OCCURRED_AT])
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" is not partitioned by ranges of occurred_at", RelationGetRelationName(log->rel)),
				 errhint("Create it with contact_status.create_tables(..., partition_by => ...).")));
	if (partitions->nparts == 0)
		return;
	parts->parts = palloc0((partitions->nparts + 1) * sizeof(LogPart));
	/* indexes[i] is the partition with upper bound i */
	for (int i = 0; i <= bounds->ndatums; i++)
		if (bounds->indexes[i] >= 0)
			parts->parts[parts->count++] = (LogPart) {
				.relid = partitions->oids[bounds->indexes[i]],
				.from = bound_time(bounds, i - 1),
				.before = bound_time(bounds, i),
			};
	if (partition_bound_has_default(bounds))
	{
		parts->rest = &parts->parts[parts->count];
		parts->rest->relid = partitions->oids[bounds->default_index];
	}
	for (int i = 0; i < partitions->nparts; i++)
		if (!partitions->is_leaf[i])
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("partition \"%s\" is partitioned itself", get_rel_name(partitions->oids[i])),
					 errhint("Partition the log by ranges of occurred_at, one level deep.")));
}

static struct CsLog *
log_of(CsInstallation *in)
{
	MemoryContext caller;
	CsTable    *log;

	if (in->log != NULL)
		return in->log;
	log = cs_table(in, TABLE_EVENT);
	caller = MemoryContextSwitchTo(in->context);
	in->log = palloc0(sizeof(struct CsLog));
	if (log->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		find_partitions(log, in->log);
	else
	{
		in->log->parts = palloc(sizeof(LogPart));
		in->log->parts[in->log->count++] = (LogPart) {RelationGetRelid(log->rel), PG_INT64_MIN, CS_NEVER, log};
	}
	MemoryContextSwitchTo(caller);
	return in->log;
}

static CsTable *
table_of(CsInstallation *in, LogPart *part)
{
	if (part->table == NULL)
	{
		if (get_rel_relkind(part->relid) != RELKIND_RELATION)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("partition \"%s\" of the log is a foreign table", get_rel_name(part->relid)),
					 errhint("Detach it: the log is read by its indexes.")));
		part->table = cs_open_table(in, TABLE_EVENT, part->relid);
	}
	return part->table;
}

CsTable *
cs_log_table(CsInstallation *in, Oid relid)
{
	struct CsLog *log = log_of(in);

	for (int i = 0; i < log->count + (log->rest != NULL); i++)
		if (log->parts[i].relid == relid)
			return table_of(in, &log->parts[i]);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is no partition of the log any more", get_rel_name(relid)),
			 errhint("Retry the transaction.")));
}

/* The part that stores the events of a time, or NULL. */
static LogPart *
part_at(CsInstallation *in, cs_time at)
{
	struct CsLog *log = log_of(in);
	LogPart    *part = log->rest;

	for (int i = 0; i < log->count; i++)
		if (log->parts[i].from <= at && at < log->parts[i].before)
			part = &log->parts[i];
	return part;
}

bool
cs_log_takes(CsInstallation *in, cs_time at)
{
	return part_at(in, at) != NULL;
}

CsTable *
cs_log_table_at(CsInstallation *in, cs_time at)
{
	LogPart    *part = part_at(in, at);

	if (part == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("no partition of the log takes events of %s", timestamptz_to_str(at)),
				 errhint("Create the partition, or a default one.")));
	return table_of(in, part);
}

/* ---- reading ---- */

void
cs_read_event(CsTable *table, TupleTableSlot *slot, CsLoggedEvent *logged)
{
	cs_event   *event = &logged->event;
	Datum		value;
	bool		isnull;

	memset(logged, 0, sizeof(*logged));
	logged->account = DatumGetInt64(cs_column(table, slot, EVENT_ACCOUNT, &isnull));
	logged->contact = DatumGetInt64(cs_column(table, slot, EVENT_CONTACT, &isnull));
	logged->recorded = DatumGetTimestampTz(cs_column(table, slot, EVENT_RECORDED_AT, &isnull));
	cs_column(table, slot, EVENT_RETRACTED_AT, &isnull);
	logged->retracted = !isnull;

	value = cs_column(table, slot, EVENT_KIND, &isnull);
	event->kind = cs_kind_of_datum(TupleDescAttr(slot->tts_tupleDescriptor,
												 table->columns[EVENT_KIND] - 1)->atttypid, value);
	event->at = DatumGetTimestampTz(cs_column(table, slot, EVENT_OCCURRED_AT, &isnull));
	value = cs_column(table, slot, EVENT_LIST, &isnull);
	event->list = cs_id_of_datum(value, isnull);
	value = cs_column(table, slot, EVENT_CAMPAIGN, &isnull);
	event->campaign = cs_id_of_datum(value, isnull);
	value = cs_column(table, slot, EVENT_UNTIL, &isnull);
	event->until = cs_moment_of_datum(value, isnull);
	value = cs_column(table, slot, EVENT_KEY, &isnull);
	if (!isnull)
	{
		text	   *key = DatumGetTextPP(value);

		event->key = VARDATA_ANY(key);
		event->key_size = VARSIZE_ANY_EXHDR(key);
	}
	if (!cs_touches_consent(event->kind))
		return;

	value = cs_column(table, slot, EVENT_SOURCE, &isnull);
	if (!isnull)
		cs_read_source(event, DatumGetTextPP(value));
	logged->evidence = CS_EVIDENCE_BLANK;
	value = cs_column(table, slot, EVENT_EVIDENCE, &isnull);
	if (!isnull)
		logged->evidence = cs_evidence_of(DatumGetTextPP(value));
}

/* Starts to scan the next partition that can have events of the scan; false if there is none. */
static bool
next_part(CsLogScan *scan)
{
	struct CsLog *log = log_of(scan->in);

	while (scan->next < log->count)
	{
		LogPart    *part = &log->parts[scan->next++];

		if (scan->from && part->before != CS_NEVER && part->before <= *scan->from)
			continue;
		cs_begin_scan(&scan->scan, table_of(scan->in, part), scan->key, 2, scan->from);
		return scan->reading = true;
	}
	return scan->reading = false;
}

void
cs_begin_log(CsLogScan *scan, CsInstallation *in, int64 account, int64 contact, const cs_time *from)
{
	struct CsLog *log = log_of(in);

	memset(scan, 0, sizeof(*scan));
	scan->in = in;
	scan->key[0] = (cs_id) {true, account};
	scan->key[1] = (cs_id) {true, contact};
	scan->from = from;
	next_part(scan);
	if (log->rest != NULL)
	{
		cs_begin_scan(&scan->rest, table_of(in, log->rest), scan->key, 2, from);
		scan->reading_rest = true;
	}
}

static bool
read_row(CsKeyScan *scan, CsLoggedEvent *event)
{
	if (!cs_next_row(scan))
		return false;
	cs_check_shown(scan->table->rel, scan->table->slot);
	cs_read_event(scan->table, scan->table->slot, event);
	return true;
}

/* Reads the next event of the ranges and of the default partition, if not yet read. */
static void
read_heads(CsLogScan *scan)
{
	while (!scan->has_head[0] && scan->reading)
	{
		if (!(scan->has_head[0] = read_row(&scan->scan, &scan->head[0])))
		{
			cs_end_scan(&scan->scan);
			next_part(scan);
		}
	}
	if (!scan->has_head[1] && scan->reading_rest &&
		!(scan->has_head[1] = read_row(&scan->rest, &scan->head[1])))
	{
		cs_end_scan(&scan->rest);
		scan->reading_rest = false;
	}
}

bool
cs_next_logged(CsLogScan *scan, CsLoggedEvent *event)
{
	read_heads(scan);
	if (!scan->has_head[0] && !scan->has_head[1])
		return false;
	scan->last = !scan->has_head[0] ||
		(scan->has_head[1] && cs_compare_events(&scan->head[1].event, &scan->head[0].event) < 0);
	scan->has_head[scan->last] = false;
	*event = scan->head[scan->last];
	return true;
}

CsTable *
cs_logged_table(CsLogScan *scan)
{
	return scan->last ? scan->rest.table : scan->scan.table;
}

void
cs_end_log(CsLogScan *scan)
{
	if (scan->reading)
		cs_end_scan(&scan->scan);
	if (scan->reading_rest)
		cs_end_scan(&scan->rest);
}

static int64
count_entries(CsKeyScan *scan, int64 most)
{
	int64		found = 0;

	while (found <= most && cs_next_entry(scan))
		found++;
	return found;
}

bool
cs_log_has_only(CsInstallation *in, int64 account, int64 contact, cs_time from, int64 count)
{
	CsLogScan	scan;
	int64		found = 0;

	cs_begin_log(&scan, in, account, contact, &from);
	if (scan.reading_rest)
		found += count_entries(&scan.rest, count);
	while (scan.reading && found <= count)
	{
		found += count_entries(&scan.scan, count - found);
		cs_end_scan(&scan.scan);
		next_part(&scan);
	}
	cs_end_log(&scan);
	return found == count;
}
