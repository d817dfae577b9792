/*
 * checkpoint.c
 *		Facts of a contact as of a time, from which a replay starts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/typcache.h"

#include "rules/rules.h"
#include "storage/checkpoint.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/table_scan.h"
#include "types/fact_columns.h"
#include "types/folded_contact.h"

/* Saves an index scan: most installations have no checkpoints. */
static bool
has_checkpoints(CsInstallation *in)
{
	return RelationGetNumberOfBlocks(cs_table(in, TABLE_CHECKPOINT)->rel) > 0;
}

/* Scans the checkpoints of a contact, of all generations, in ascending order of `before`. */
static void
begin_scan(CsKeyScan *scan, CsInstallation *in, int64 account, int64 contact)
{
	cs_id		key[2] = {{true, account}, {true, contact}};

	cs_begin_scan(scan, cs_table(in, TABLE_CHECKPOINT), key, 2, NULL);
}

static bool
next_row(CsKeyScan *scan)
{
	if (!cs_next_row(scan))
		return false;
	cs_check_shown(scan->table->rel, scan->table->slot);
	return true;
}

static bool
is_of(CsTable *table, const CsGeneration *life)
{
	return cs_time_column(table, CHECKPOINT_GENERATION_START, PG_INT64_MIN) == life->generation_start;
}

CsCheckpoint
cs_fetch_checkpoint(CsInstallation *in, const CsGeneration *life, const cs_time *until)
{
	CsCheckpoint found = {0};
	Datum		facts = (Datum) 0;
	CsKeyScan	scan;
	bool		isnull;

	if (!has_checkpoints(in))
		return found;
	begin_scan(&scan, in, life->account, life->contact);
	while (next_row(&scan))
	{
		cs_moment	before = cs_moment_column(scan.table, CHECKPOINT_BEFORE);
		cs_moment	kept = cs_moment_column(scan.table, CHECKPOINT_KEPT_AT);

		if (!is_of(scan.table, life) || (until ? before.at > *until && !kept.set : !kept.set))
			continue;
		found.set = true;
		found.before = before.at;
		found.kept = kept;
		found.late_since = cs_moment_column(scan.table, CHECKPOINT_LATE_SINCE);
		found.tid = scan.table->slot->tts_tid;
		facts = datumCopy(cs_column(scan.table, scan.table->slot, CHECKPOINT_FACTS, &isnull), false, -1);
	}
	cs_end_scan(&scan);
	if (found.set)
		cs_facts_of_folded(&found.facts, facts);
	return found;
}

void
cs_insert_checkpoint(CsInstallation *in, const CsGeneration *life, const CsCheckpoint *checkpoint)
{
	CsTable    *table = cs_table(in, TABLE_CHECKPOINT);
	Oid			type = TupleDescAttr(table->rel->rd_att, table->columns[CHECKPOINT_FACTS] - 1)->atttypid;
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	CsContactRow		facts = checkpoint->facts;
	Datum	   *values;
	bool	   *nulls;

	/* a status depends on the time, so that a checkpoint has none: store a constant */
	facts.status = CS_STATUS_ACTIVE;
	facts.due = (cs_moment) {0};
	cs_new_row(in, table, &values, &nulls);
	CS_SET(table, CHECKPOINT_ACCOUNT, Int64GetDatum(life->account), false);
	CS_SET(table, CHECKPOINT_CONTACT, Int64GetDatum(life->contact), false);
	CS_SET(table, CHECKPOINT_BEFORE, TimestampTzGetDatum(checkpoint->before), false);
	if (life->generation_start != PG_INT64_MIN)
		CS_SET(table, CHECKPOINT_GENERATION_START, TimestampTzGetDatum(life->generation_start), false);
	if (checkpoint->kept.set)
		CS_SET(table, CHECKPOINT_KEPT_AT, TimestampTzGetDatum(checkpoint->kept.at), false);
	if (checkpoint->late_since.set)
		CS_SET(table, CHECKPOINT_LATE_SINCE, TimestampTzGetDatum(checkpoint->late_since.at), false);
	CS_SET(table, CHECKPOINT_FACTS, cs_folded_datum(&facts, CS_STATUS_ACTIVE, desc), false);
	ReleaseTupleDesc(desc);
	cs_insert_row(in, table, values, nulls);
}

void
cs_note_late(CsInstallation *in, CsCheckpoint *checkpoint, cs_time at)
{
	CsTable    *table = cs_table(in, TABLE_CHECKPOINT);
	Datum	   *values;
	bool	   *nulls;

	if (checkpoint->late_since.set && checkpoint->late_since.at <= at)
		return;
	cs_lock_row(table, &checkpoint->tid, LockTupleNoKeyExclusive);
	cs_copy_row(table, &values, &nulls);
	CS_SET(table, CHECKPOINT_LATE_SINCE, TimestampTzGetDatum(at), false);
	cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
	checkpoint->late_since = (cs_moment) {.set = true, .at = at};
}

void
cs_delete_checkpoints(CsInstallation *in, const CsGeneration *life, cs_time from, bool kept)
{
	CsKeyScan	scan;

	if (!has_checkpoints(in))
		return;
	begin_scan(&scan, in, life->account, life->contact);
	while (next_row(&scan))
	{
		bool		is_kept = cs_moment_column(scan.table, CHECKPOINT_KEPT_AT).set;

		if (is_of(scan.table, life) &&
			(is_kept ? kept : cs_moment_column(scan.table, CHECKPOINT_BEFORE).at > from))
			cs_delete_row(in, scan.table, &scan.table->slot->tts_tid);
	}
	cs_end_scan(&scan);
}

void
cs_delete_all_checkpoints(CsInstallation *in, int64 account, int64 contact, const CsGeneration *but)
{
	CsKeyScan	scan;

	if (!has_checkpoints(in))
		return;
	begin_scan(&scan, in, account, contact);
	while (next_row(&scan))
		if (but == NULL || !is_of(scan.table, but) || !cs_moment_column(scan.table, CHECKPOINT_KEPT_AT).set)
			cs_delete_row(in, scan.table, &scan.table->slot->tts_tid);
	cs_end_scan(&scan);
}
