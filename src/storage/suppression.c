/*
 * suppression.c
 *		Suppressions: opt-outs, complaints and dead addresses that outlive a
 *		contact, under a keyed digest of the normalised address.
 *
 * When a contact is deleted, the facts that hold at that time are stored here
 * with their latest time.  When its address is inserted again, they become
 * events of the new contact.  So all statuses still follow from the events.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "rules/rules.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "types/enums.h"
#include "types/fact_columns.h"

/* ---- rows ---- */

static void
address_keys(ScanKeyData *keys, int64 account, bytea *digest)
{
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_BYTEAEQ, PointerGetDatum(digest));
}

/*
 * Scans all rows of an address into the slot of the table, after concurrent
 * writers of these rows have ended.  A transaction that inserts a contact
 * writes its address before it scans here.  A transaction that stores a
 * suppression looks up the contact afterwards.  So of two concurrent
 * transactions, at least one sees the row of the other.
 */
static void
begin_scan(CsSuppressionScan *scan, CsInstallation *in, int64 account, bytea *digest)
{
	ScanKeyData keys[2];

	address_keys(keys, account, digest);
	scan->table = cs_table(in, TABLE_SUPPRESSION);
	scan->scan = NULL;
	if (!cs_wait_for_writers(scan->table->rel, cs_key(scan->table), keys, 2, scan->table->slot))
		return;
	scan->snapshot = cs_latest_snapshot();
	scan->scan = cs_index_beginscan(scan->table->rel, cs_key(scan->table), scan->snapshot, 2);
	index_rescan(scan->scan, keys, 2, NULL, 0);
}

static bool
next_row_of_any(CsSuppressionScan *scan)
{
	if (scan->scan == NULL || !index_getnext_slot(scan->scan, ForwardScanDirection, scan->table->slot))
		return false;
	cs_check_shown(scan->table->rel, scan->table->slot);
	return true;
}

static bool
is_retracted(CsTable *table)
{
	bool		isnull;

	cs_column(table, table->slot, SUPPRESSION_RETRACTION, &isnull);
	return !isnull;
}

/* The next row that is not retracted. */
static bool
next_row(CsSuppressionScan *scan)
{
	while (next_row_of_any(scan))
		if (!is_retracted(scan->table))
			return true;
	return false;
}

static void
end_scan(CsSuppressionScan *scan)
{
	if (scan->scan == NULL)
		return;
	index_endscan(scan->scan);
	UnregisterSnapshot(scan->snapshot);
}

static cs_kind
row_kind(CsTable *table)
{
	bool		isnull;

	return cs_kind_of_datum(TupleDescAttr(table->rel->rd_att, table->columns[SUPPRESSION_KIND] - 1)->atttypid,
							cs_column(table, table->slot, SUPPRESSION_KIND, &isnull));
}

static cs_id
row_id(CsTable *table, int column)
{
	bool		isnull;
	Datum		value = cs_column(table, table->slot, column, &isnull);

	return cs_id_of_datum(value, isnull);
}

static cs_time
row_time(CsTable *table)
{
	bool		isnull;

	return DatumGetTimestampTz(cs_column(table, table->slot, SUPPRESSION_OCCURRED_AT, &isnull));
}

/* The source of the suppression, or NULL. */
static char *
row_source(CsTable *table)
{
	bool		isnull;
	Datum		source = cs_column(table, table->slot, SUPPRESSION_SOURCE, &isnull);

	return isnull ? NULL : TextDatumGetCString(source);
}

static bool
is_erasure(const char *source)
{
	return source != NULL && strcmp(source, "erasure") == 0;
}

/* Was the suppression left by an erasure? */
static bool
is_of_erasure(CsTable *table)
{
	return is_erasure(row_source(table));
}

static bool
is_of_contact(CsTable *table, cs_id contact, cs_time generation_start)
{
	cs_id		its = row_id(table, SUPPRESSION_CONTACT);

	return its.set == contact.set && its.id == contact.id &&
		cs_time_column(table, SUPPRESSION_GENERATION_START, PG_INT64_MIN) == generation_start;
}

/* The reason of the events that record a suppression, or NULL. */
static char *
origin_of(cs_id contact, const char *source)
{
	if (contact.set)
		return psprintf("contact " INT64_FORMAT, contact.id);
	return source == NULL || is_erasure(source) ? NULL : psprintf("source %s", source);
}

void
cs_begin_suppressions(CsSuppressionScan *scan, CsInstallation *in, int64 account, bytea *digest)
{
	begin_scan(scan, in, account, digest);
}

bool
cs_next_suppression(CsSuppressionScan *scan, CsSuppression *suppression)
{
	if (!next_row(scan))
		return false;
	suppression->kind = row_kind(scan->table);
	suppression->list = row_id(scan->table, SUPPRESSION_LIST);
	suppression->at = row_time(scan->table);
	suppression->contact = row_id(scan->table, SUPPRESSION_CONTACT);
	suppression->of_erasure = is_of_erasure(scan->table);
	suppression->origin = origin_of(suppression->contact, row_source(scan->table));
	return true;
}

void
cs_end_suppressions(CsSuppressionScan *scan)
{
	end_scan(scan);
}

bool
cs_has_suppressions(CsInstallation *in)
{
	return RelationGetNumberOfBlocks(cs_table(in, TABLE_SUPPRESSION)->rel) > 0;
}

bool
cs_is_suppressed(CsInstallation *in, int64 account, bytea *digest, cs_kind kind)
{
	CsSuppressionScan scan;
	bool		found = false;

	begin_scan(&scan, in, account, digest);
	while (!found && next_row(&scan))
		found = row_kind(scan.table) == kind;
	end_scan(&scan);
	return found;
}

/* ---- storing ---- */

bool
cs_suppress_address(CsInstallation *in, int64 account, bytea *digest, cs_kind kind, cs_id list,
				   cs_time at, const char *source, const char *reason, cs_id contact, cs_time generation_start)
{
	CsTable    *table = cs_table(in, TABLE_SUPPRESSION);
	Oid			kind_type = TupleDescAttr(table->rel->rd_att, table->columns[SUPPRESSION_KIND] - 1)->atttypid;
	bool		kept = false;

	while (!kept)
	{
		CsSuppressionScan scan;
		ItemPointerData tid;
		bool		found = false;
		bool		later = true;
		Datum	   *values;
		bool	   *nulls;

		CHECK_FOR_INTERRUPTS();
		begin_scan(&scan, in, account, digest);
		while (!found && next_row_of_any(&scan))
		{
			cs_id		its = row_id(table, SUPPRESSION_LIST);
			char	   *its_source = row_source(table);

			if (row_kind(table) != kind || its.set != list.set || its.id != list.id)
				continue;
			found = is_of_contact(table, contact, generation_start) &&
				(its_source == NULL ? source == NULL : source != NULL && strcmp(its_source, source) == 0);
			if (found)
				later = is_retracted(table) || at > row_time(table);
			else if (contact.set && at == row_time(table) && !is_retracted(table) &&
					 is_erasure(its_source) == is_erasure(source))
				later = false;	/* the contact received this suppression with its address */
			if (!later)
				break;
			tid = table->slot->tts_tid;
		}
		if (found && later)
			cs_copy_row(table, &values, &nulls);
		end_scan(&scan);
		if (!later)
			return false;

		if (!found)
			cs_new_row(in, table, &values, &nulls);
		CS_SET(table, SUPPRESSION_ACCOUNT, Int64GetDatum(account), false);
		CS_SET(table, SUPPRESSION_DIGEST, PointerGetDatum(digest), false);
		CS_SET(table, SUPPRESSION_KIND, cs_kind_datum(kind_type, kind), false);
		CS_SET(table, SUPPRESSION_LIST, Int64GetDatum(list.id), !list.set);
		CS_SET(table, SUPPRESSION_OCCURRED_AT, TimestampTzGetDatum(at), false);
		CS_SET(table, SUPPRESSION_SOURCE, source ? CStringGetTextDatum(source) : (Datum) 0, source == NULL);
		CS_SET(table, SUPPRESSION_REASON, reason ? CStringGetTextDatum(reason) : (Datum) 0, reason == NULL);
		CS_SET(table, SUPPRESSION_CONTACT, Int64GetDatum(contact.id), !contact.set);
		CS_SET(table, SUPPRESSION_GENERATION_START, TimestampTzGetDatum(generation_start), generation_start == PG_INT64_MIN);
		CS_SET(table, SUPPRESSION_RETRACTION, (Datum) 0, true);
		kept = true;
		if (found)
			cs_update_row(in, table, &tid, values, nulls);
		else					/* false if a concurrent transaction inserts it: retry */
			kept = cs_insert_new_row(in, table, values, nulls);
	}
	CommandCounterIncrement();
	return true;
}

/* Is the event recorded from a suppression?  Its reason then names a contact. */
static bool
is_from_suppression(CsTable *log)
{
	bool		isnull;
	Datum		source = cs_column(log, log->slot, EVENT_SOURCE, &isnull);

	return !isnull && strcmp(TextDatumGetCString(source), "suppression") == 0;
}

/* The reason that the complaint of a contact at a time gives, or NULL. */
static char *
complaint_reason(CsInstallation *in, int64 account, int64 contact, cs_time generation_start, cs_time at)
{
	CsLogScan	scan;
	CsLoggedEvent event;
	char	   *reason = NULL;

	cs_begin_log(&scan, in, account, contact, &at);
	while (cs_next_logged(&scan, &event) && event.event.at == at)
	{
		CsTable    *log = cs_logged_table(&scan);
		Datum		value;
		bool		isnull;

		if (event.event.kind != CS_KIND_COMPLAINED || event.retracted || event.recorded <= generation_start ||
			is_from_suppression(log))
			continue;
		value = cs_column(log, log->slot, EVENT_REASON, &isnull);
		if (!isnull)
			reason = TextDatumGetCString(value);
	}
	cs_end_log(&scan);
	return reason;
}

bool
cs_suppress_facts(CsInstallation *in, int64 account, int64 contact, cs_time generation_start,
			  const cs_facts *facts, bytea *digest, bool dead_address)
{
	cs_id		from = {true, contact};
	bool		any = false;

#define KEEP(kind, list, at, reason) \
	(any |= cs_suppress_address(in, account, digest, kind, list, at, \
							   facts->erased.set && (kind) == CS_KIND_UNSUBSCRIBED ? "erasure" : "contact", \
							   reason, from, generation_start))
	if (facts->unsubscribed.set)
		KEEP(CS_KIND_UNSUBSCRIBED, ((cs_id) {0}), facts->unsubscribed.at, NULL);
	if (facts->complained.set)
		KEEP(CS_KIND_COMPLAINED, ((cs_id) {0}), facts->complained.at,
			 complaint_reason(in, account, contact, generation_start, facts->complained.at));
	if (dead_address && facts->hard_bounced.set)
		KEEP(CS_KIND_INVALIDATED, ((cs_id) {0}), facts->hard_bounced.at, NULL);
	for (int i = 0; i < facts->consent_count; i++)
	{
		const cs_consent *s = &facts->consents[i];

		/* the account-wide opt-out includes opt-outs that are not later */
		if (s->consent == CS_STATUS_UNSUBSCRIBED &&
			!(facts->unsubscribed.set && s->at <= facts->unsubscribed.at))
			KEEP(CS_KIND_UNSUBSCRIBED, ((cs_id) {true, s->list}), s->at, NULL);
	}
#undef KEEP
	return any;
}

/* Do the facts include the suppression in the slot of the table, at its time or later? */
static bool
is_said(const cs_facts *facts, CsTable *table)
{
	cs_moment	said = {0};
	cs_kind		kind = row_kind(table);
	cs_id		list = row_id(table, SUPPRESSION_LIST);
	cs_time		at = row_time(table);

	if (is_of_erasure(table) && !facts->erased.set)
		return false;
	if (kind == CS_KIND_COMPLAINED)
		said = facts->complained;
	else if (kind == CS_KIND_INVALIDATED)
		said = facts->hard_bounced;
	else
	{
		said = facts->unsubscribed;
		for (int i = 0; i < facts->consent_count && list.set; i++)
			if (facts->consents[i].list == list.id && !(said.set && said.at >= at))
				said = (cs_moment) {.set = facts->consents[i].consent == CS_STATUS_UNSUBSCRIBED, .at = facts->consents[i].at};
	}
	return said.set && said.at >= at;
}

bool
cs_replace_suppressed_facts(CsInstallation *in, int64 account, int64 contact, cs_time generation_start,
				   const cs_facts *facts, bytea *digest, bool dead_address)
{
	CsSuppressionScan scan;

	begin_scan(&scan, in, account, digest);
	while (next_row(&scan))
	{
		if (!is_of_contact(scan.table, (cs_id) {true, contact}, generation_start) ||
			(row_kind(scan.table) == CS_KIND_INVALIDATED && !dead_address) || is_said(facts, scan.table))
			continue;
		cs_delete_row(in, scan.table, &scan.table->slot->tts_tid);
	}
	end_scan(&scan);
	CommandCounterIncrement();
	return cs_suppress_facts(in, account, contact, generation_start, facts, digest, dead_address);
}

/* ---- for verify ---- */

void
cs_collect_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest, Snapshot snapshot,
				  bool erasures, Tuplestorestate *store, TupleDesc desc)
{
	CsTable    *table = cs_table(in, TABLE_SUPPRESSION);
	IndexScanDesc scan = cs_index_beginscan(table->rel, cs_key(table), snapshot, 2);
	ScanKeyData keys[2];

	address_keys(keys, account, digest);
	index_rescan(scan, keys, 2, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, table->slot))
	{
		static const int columns[] = {SUPPRESSION_KIND, SUPPRESSION_LIST, SUPPRESSION_OCCURRED_AT};
		Datum		values[6] = {Int64GetDatum(account), Int64GetDatum(contact)};
		bool		nulls[6] = {false};
		char	   *origin;

		if ((!erasures && is_of_erasure(table)) || is_retracted(table))
			continue;
		origin = origin_of(row_id(table, SUPPRESSION_CONTACT), row_source(table));
		nulls[5] = origin == NULL;
		values[5] = origin ? CStringGetTextDatum(origin) : (Datum) 0;
		for (int i = 0; i < 3; i++)
			values[2 + i] = cs_column(table, table->slot, columns[i], &nulls[2 + i]);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	index_endscan(scan);
}

/* ---- deleting ---- */

/*
 * Did the contact receive an opt-out of the erasure in the slot of the table?  A
 * contact that had the address at the time of the erasure did not.
 */
static bool
has_received_erasure(CsInstallation *in, CsTable *table, int64 account, int64 contact, cs_time generation_start)
{
	cs_time		at = row_time(table);
	CsLogScan	scan;
	CsLoggedEvent event;
	bool		found = false;

	cs_begin_log(&scan, in, account, contact, &at);
	while (!found && cs_next_logged(&scan, &event))
		found = event.event.erasure && event.recorded > generation_start;
	cs_end_log(&scan);
	return found;
}

void
cs_delete_lifted_suppressions(CsInstallation *in, int64 account, int64 contact, cs_time generation_start,
							  const cs_facts *facts, bytea *digest)
{
	CsSuppressionScan scan;

	begin_scan(&scan, in, account, digest);
	while (next_row(&scan))
		if (!is_said(facts, scan.table) &&
			(!is_of_erasure(scan.table) || has_received_erasure(in, scan.table, account, contact, generation_start)))
			cs_delete_row(in, scan.table, &scan.table->slot->tts_tid);
	end_scan(&scan);
	CommandCounterIncrement();
}

List *
cs_delete_suppressions(CsInstallation *in, int64 account, bytea *digest, cs_id contact)
{
	CsSuppressionScan scan;
	List	   *retractions = NIL;

	begin_scan(&scan, in, account, digest);
	while (next_row_of_any(&scan))
	{
		cs_id		retraction = row_id(scan.table, SUPPRESSION_RETRACTION);
		cs_id		its = row_id(scan.table, SUPPRESSION_CONTACT);

		if (contact.set && its.set && its.id != contact.id)
			continue;
		if (retraction.set)
		{
			int64	   *id = palloc(sizeof(int64));

			*id = retraction.id;
			retractions = lappend(retractions, id);
		}
		cs_delete_row(in, scan.table, &scan.table->slot->tts_tid);
	}
	end_scan(&scan);
	CommandCounterIncrement();
	return retractions;
}

List *
cs_suppressed_digests(CsInstallation *in, int64 account, int64 contact, cs_time generation_start)
{
	static const int columns[2] = {SUPPRESSION_ACCOUNT, SUPPRESSION_CONTACT};
	CsTable    *table = cs_table(in, TABLE_SUPPRESSION);
	CsIndexScan scan;
	List	   *digests = NIL;

	cs_begin_index_scan(&scan, table, columns, account, Int64GetDatum(contact));
	while (cs_next_indexed_row(&scan))
	{
		cs_id		began = row_id(table, SUPPRESSION_GENERATION_START);
		bool		isnull;

		if ((began.set ? began.id : PG_INT64_MIN) == generation_start)
			digests = lappend(digests, DatumGetByteaPCopy(cs_column(table, table->slot, SUPPRESSION_DIGEST, &isnull)));
	}
	cs_end_index_scan(&scan);
	return digests;
}

/* ---- retracting ---- */

bytea *
cs_lock_suppression(CsInstallation *in, int64 account, ItemPointer tid, int64 retraction)
{
	CsTable    *table = cs_table(in, TABLE_SUPPRESSION);
	Snapshot	snapshot = cs_latest_snapshot();
	bool		found = ItemPointerIsValid(tid) && ItemPointerGetBlockNumber(tid) < RelationGetNumberOfBlocks(table->rel) &&
		table_tuple_fetch_row_version(table->rel, tid, snapshot, table->slot);
	cs_id		its;
	bool		isnull;

	UnregisterSnapshot(snapshot);
	if (!found || !cs_lock_row_if_there(table, &table->slot->tts_tid, LockTupleNoKeyExclusive))
		return NULL;
	its = row_id(table, SUPPRESSION_RETRACTION);
	if (row_id(table, SUPPRESSION_ACCOUNT).id != account || row_id(table, SUPPRESSION_CONTACT).set || is_of_erasure(table) ||
		(its.set ? its.id : 0) != retraction)
		return NULL;
	return DatumGetByteaPCopy(cs_column(table, table->slot, SUPPRESSION_DIGEST, &isnull));
}

void
cs_mark_suppression(CsInstallation *in, int64 retraction)
{
	CsTable    *table = cs_table(in, TABLE_SUPPRESSION);
	Datum	   *values;
	bool	   *nulls;

	cs_copy_row(table, &values, &nulls);
	CS_SET(table, SUPPRESSION_RETRACTION, Int64GetDatum(retraction), retraction == 0);
	cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
}
