/*
 * event_batch.c
 *		The events of a statement: checked, and sorted by contact and in the
 *		order of the log's key.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "contact/event_check.h"
#include "rules/rules.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/settings.h"
#include "triggers/event_batch.h"
#include "types/fact_columns.h"

/* Up to this number, events are sorted in an array. */
#define FEW 10000

/* ---- checks ---- */

/*
 * The latest time that recording_time() returned to a statement, and the start
 * of that statement.
 */
static struct
{
	TimestampTz statement;
	TimestampTz latest;
}			recording;

/*
 * recording_time(): the default of event.recorded_at.  Returns the clock, but
 * never a time before the start of the statement, even if the clock was set
 * back.
 */
PG_FUNCTION_INFO_V1(cs_recording_time);
Datum
cs_recording_time(FunctionCallInfo fcinfo pg_attribute_unused())
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();
	TimestampTz time = Max(GetCurrentTimestamp(), statement);

	recording.latest = recording.statement == statement ? Max(recording.latest, time) : time;
	recording.statement = statement;
	PG_RETURN_TIMESTAMPTZ(time);
}

/* Can the server have recorded an event of the current statement at this time? */
static bool
is_recording_time(TimestampTz time, TimestampTz now)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (recording.statement == statement)
		now = Max(now, recording.latest);
	return time >= statement && time <= Max(now, statement);
}

static void
check_event(CsInstallation *in, const CsLoggedEvent *logged)
{
	cs_id		contact = {true, logged->contact};

	cs_check_event(in, logged->account, contact, &logged->event, logged->evidence);
	if (logged->retracted)
		cs_refuse_event(contact, &logged->event, "cannot be retracted when it is recorded");
	if (!is_recording_time(logged->recorded, in->now))
		cs_refuse_event(contact, &logged->event, "cannot choose its recorded_at: that is the server's");
}

/* ---- sorting ---- */

/* Columns of the sorted tuples.  The first SORT_KEYS are the key. */
enum
{
	SORT_CONTACT, SORT_ACCOUNT, SORT_AT, SORT_KIND, SORT_LIST, SORT_CAMPAIGN, SORT_KEY,
	SORT_UNTIL, SORT_RECORDED, SORT_MANUAL, SORT_ERASURE, SORT_COLUMNS
};
#define SORT_KEYS SORT_UNTIL

static int
compare_ids(int64 a, int64 b)
{
	return (a > b) - (a < b);
}

static int
compare_logged(const void *left, const void *right)
{
	const CsLoggedEvent *a = *(CsLoggedEvent *const *) left;
	const CsLoggedEvent *b = *(CsLoggedEvent *const *) right;
	int			result = compare_ids(a->contact, b->contact);

	if (result == 0)
		result = compare_ids(a->account, b->account);
	return result ? result : cs_compare_events(&a->event, &b->event);
}

/* Returns true if table address_change has pages: a contact may have changed its address. */
static bool
addresses_change(CsBatch *batch)
{
	if (!batch->addresses_known)
		batch->addresses_change = RelationGetNumberOfBlocks(cs_table(batch->in, TABLE_ADDRESS_CHANGE)->rel) > 0;
	batch->addresses_known = true;
	return batch->addresses_change;
}

/*
 * May the event change the suppressions of a former address of its contact?
 * Deliveries and interactions may too, but seldom do and are frequent: their
 * contacts are not locked in advance.
 */
bool
cs_concerns_former_addresses(CsBatch *batch, const cs_event *event)
{
	bool		concerns = event->kind == CS_KIND_COMPLAINED || event->kind == CS_KIND_VALIDATED ||
		(event->kind >= CS_KIND_SOFT_BOUNCED && event->kind <= CS_KIND_INVALIDATED);

	return (concerns || cs_touches_consent(event->kind)) && addresses_change(batch);
}

static void
begin_many(CsBatch *batch)
{
	static const Oid types[SORT_COLUMNS] = {
		INT8OID, INT8OID, INT8OID, INT4OID, INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID, BOOLOID, BOOLOID
	};
	AttrNumber	columns[SORT_KEYS];
	Oid			operators[SORT_KEYS];
	Oid			collations[SORT_KEYS];
	bool		nulls_first[SORT_KEYS];
	TupleDesc	desc = CreateTemplateTupleDesc(SORT_COLUMNS);

	for (int i = 0; i < SORT_COLUMNS; i++)
		TupleDescInitEntry(desc, i + 1, NULL, types[i], -1, 0);
	for (int i = 0; i < SORT_KEYS; i++)
	{
		columns[i] = i + 1;
		operators[i] = types[i] == INT8OID ? Int8LessOperator :
			types[i] == INT4OID ? Int4LessOperator : TextLessOperator;
		collations[i] = types[i] == TEXTOID ? C_COLLATION_OID : InvalidOid;
		nulls_first[i] = true;
	}
	batch->many = tuplesort_begin_heap(desc, SORT_KEYS, columns, operators, collations, nulls_first,
									   work_mem, NULL, addresses_change(batch) ? TUPLESORT_RANDOMACCESS : TUPLESORT_NONE);
	batch->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
}

static void
put_many(CsBatch *batch, const CsLoggedEvent *logged)
{
	const cs_event *event = &logged->event;
	TupleTableSlot *slot = batch->slot;
	Datum	   *values = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;
	text	   *key = cstring_to_text_with_len(event->key ? event->key : "", event->key_size);

	ExecClearTuple(slot);
	memset(nulls, false, SORT_COLUMNS * sizeof(bool));
	values[SORT_CONTACT] = Int64GetDatum(logged->contact);
	values[SORT_ACCOUNT] = Int64GetDatum(logged->account);
	values[SORT_AT] = Int64GetDatum(event->at);
	values[SORT_KIND] = Int32GetDatum(event->kind);
	values[SORT_LIST] = Int64GetDatum(event->list.id);
	nulls[SORT_LIST] = !event->list.set;
	values[SORT_CAMPAIGN] = Int64GetDatum(event->campaign.id);
	nulls[SORT_CAMPAIGN] = !event->campaign.set;
	values[SORT_KEY] = PointerGetDatum(key);
	values[SORT_UNTIL] = Int64GetDatum(event->until.at);
	nulls[SORT_UNTIL] = !event->until.set;
	values[SORT_RECORDED] = Int64GetDatum(logged->recorded);
	values[SORT_MANUAL] = BoolGetDatum(event->manual);
	values[SORT_ERASURE] = BoolGetDatum(event->erasure);
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(batch->many, slot);
	pfree(key);
}

static const CsLoggedEvent *
next_of_many(CsBatch *batch)
{
	CsLoggedEvent *logged = &batch->event;
	cs_event   *event = &logged->event;
	Datum	   *values = batch->slot->tts_values;
	bool	   *nulls = batch->slot->tts_isnull;
	text	   *key;

	if (!tuplesort_gettupleslot(batch->many, true, false, batch->slot, NULL))
		return NULL;
	slot_getallattrs(batch->slot);
	memset(logged, 0, sizeof(*logged));
	logged->contact = DatumGetInt64(values[SORT_CONTACT]);
	logged->account = DatumGetInt64(values[SORT_ACCOUNT]);
	logged->recorded = DatumGetInt64(values[SORT_RECORDED]);
	event->at = DatumGetInt64(values[SORT_AT]);
	event->kind = DatumGetInt32(values[SORT_KIND]);
	event->list = cs_id_of_datum(values[SORT_LIST], nulls[SORT_LIST]);
	event->campaign = cs_id_of_datum(values[SORT_CAMPAIGN], nulls[SORT_CAMPAIGN]);
	event->until = cs_moment_of_datum(values[SORT_UNTIL], nulls[SORT_UNTIL]);
	event->manual = DatumGetBool(values[SORT_MANUAL]);
	event->erasure = DatumGetBool(values[SORT_ERASURE]);
	key = DatumGetTextPP(values[SORT_KEY]);
	event->key = VARDATA_ANY(key);
	event->key_size = VARSIZE_ANY_EXHDR(key);
	return logged;
}

void
cs_begin_batch(CsBatch *batch, CsInstallation *in, Relation rel, Tuplestorestate *events)
{
	CsTable    *log = rel->rd_rel->relispartition ? cs_log_table(in, RelationGetRelid(rel)) : cs_table(in, TABLE_EVENT);
	int64		total = tuplestore_tuple_count(events);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(log->rel->rd_att, &TTSOpsMinimalTuple);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "contact_status event",
											  ALLOCSET_SMALL_SIZES);

	memset(batch, 0, sizeof(*batch));
	batch->in = in;
	if (total <= FEW)
	{
		batch->few = palloc(total * sizeof(CsLoggedEvent));
		batch->sorted = palloc(total * sizeof(CsLoggedEvent *));
	}
	else
		begin_many(batch);

	tuplestore_rescan(events);
	while (tuplestore_gettupleslot(events, true, false, slot))
	{
		CsLoggedEvent event;
		MemoryContext caller = MemoryContextSwitchTo(row);

		CHECK_FOR_INTERRUPTS();
		cs_read_event(log, slot, &event);
		check_event(in, &event);
		batch->has_old_facts = batch->has_old_facts || cs_concerns_former_addresses(batch, &event.event);
		if (batch->many)
			put_many(batch, &event);
		MemoryContextSwitchTo(caller);
		if (batch->few)
		{
			if (event.event.key_size > 0)
				event.event.key = memcpy(palloc(event.event.key_size), event.event.key, event.event.key_size);
			batch->few[batch->count] = event;
			batch->sorted[batch->count] = &batch->few[batch->count];
		}
		batch->count++;
		MemoryContextReset(row);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row);

	if (batch->few && batch->count > 1)
		qsort(batch->sorted, batch->count, sizeof(CsLoggedEvent *), compare_logged);
	else if (batch->many)
	{
		TupleDesc	desc;

		tuplesort_performsort(batch->many);
		/* from here on the slot holds the tuples of the sort */
		desc = batch->slot->tts_tupleDescriptor;
		ExecDropSingleTupleTableSlot(batch->slot);
		batch->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	}
}

const CsLoggedEvent *
cs_next_event(CsBatch *batch)
{
	if (batch->many)
		return next_of_many(batch);
	return batch->next < batch->count ? batch->sorted[batch->next++] : NULL;
}

void
cs_rewind_batch(CsBatch *batch)
{
	batch->next = 0;
	if (batch->many)
		tuplesort_rescan(batch->many);
}

void
cs_end_batch(CsBatch *batch)
{
	if (batch->many)
	{
		ExecDropSingleTupleTableSlot(batch->slot);
		tuplesort_end(batch->many);
	}
}
