/*
 * events.c
 *		The event trigger: what a statement inserted into the log, folded into
 *		contacts and subscriptions.
 *
 * The statement's events are checked, sorted by contact and in the order of the
 * fold, and added contact by contact.  Few are sorted in an array, many by the
 * server's tuplesort, which spills: memory does not grow with the statement.
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

#include "compat.h"
#include "contacts.h"
#include "give_way.h"
#include "limits.h"

/* As many are sorted in an array. */
#define FEW 10000

/* How far ahead of the server's clock an event may be dated. */
#define TOLERANCE USECS_PER_MINUTE

/* ---- checks ---- */

static void
check_event(CsInstallation *in, const CsLoggedEvent *logged)
{
	const cs_event *event = &logged->event;
	const char *wrong;

	if (event->at - TOLERANCE > in->now || TIMESTAMP_NOT_FINITE(event->at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				 errmsg("event \"%s\" of contact %lld is dated %s",
						cs_kind_labels[event->kind], (long long) logged->contact,
						TIMESTAMP_NOT_FINITE(event->at) ? "at no finite time" : "more than a minute ahead"),
				 errhint("Record an event when it has happened, with the time at which it did.")));

	wrong = cs_shape_error(event, logged->evidence);
	/* who opts out of a list that is gone must stay so if it comes again */
	if (wrong == NULL && event->list.set && !cs_list_exists(in, logged->account, event->list.id) &&
		!(event->kind == CS_UNSUBSCRIBED && cs_list_existed(in, logged->account, event->list.id)))
	{
		if (cs_account_policy(in, logged->account) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errmsg("list %lld of account %lld does not exist",
							(long long) event->list.id, (long long) logged->account),
					 errdetail("It stands in an event \"%s\" of contact %lld.",
							   cs_kind_labels[event->kind], (long long) logged->contact),
					 errhint("Insert it into table list first.")));
	}
	if (wrong == NULL && logged->retracted)
		wrong = "cannot be retracted when it is recorded";
	if (wrong == NULL && (logged->recorded > in->now ||
						  logged->recorded < GetCurrentStatementStartTimestamp()))
		wrong = "cannot choose its recorded_at: that is the server's";
	if (wrong != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 cs_errconstraint(CONSTRAINT_EVENT),
				 errmsg("event \"%s\" of contact %lld %s",
						cs_kind_labels[event->kind], (long long) logged->contact, wrong),
				 errhint("See the README, \"Events\", for the columns that each kind has.")));
}

/* ---- sorting ---- */

typedef struct Batch
{
	CsInstallation *in;
	int			count;
	int			next;
	CsLoggedEvent *few;			/* NULL where there are many */
	CsLoggedEvent **sorted;		/* few, in order */
	Tuplesortstate *many;
	TupleTableSlot *slot;		/* of many */
	CsLoggedEvent event;		/* read from it */
	bool		addresses_change;	/* once known: some contact has had another address */
	bool		addresses_known;
	bool		may_concern_others;	/* see apply_attempt */
} Batch;

/* Columns of the tuples that are sorted; the first SORT_KEYS are the key. */
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

/* Has any contact had another address? */
static bool
addresses_change(Batch *batch)
{
	if (!batch->addresses_known)
		batch->addresses_change = RelationGetNumberOfBlocks(cs_table(batch->in, TABLE_ADDRESS_CHANGE)->rel) > 0;
	batch->addresses_known = true;
	return batch->addresses_change;
}

/* Does an event say of a person what may have to be kept of an address that he had? */
static bool
may_concern_others(Batch *batch, const cs_event *event)
{
	return (cs_touches_consent(event->kind) || event->kind == CS_COMPLAINED) && addresses_change(batch);
}

static void
begin_many(Batch *batch)
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
put_many(Batch *batch, const CsLoggedEvent *logged)
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
next_of_many(Batch *batch)
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

/* Check and sort a statement's events. */
static void
begin_batch(Batch *batch, CsInstallation *in, Relation rel, Tuplestorestate *events)
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
		batch->may_concern_others = batch->may_concern_others || may_concern_others(batch, &event.event);
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
		tuplesort_performsort(batch->many);
		ExecDropSingleTupleTableSlot(batch->slot);
		batch->slot = MakeSingleTupleTableSlot(batch->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	}
}

static const CsLoggedEvent *
next_event(Batch *batch)
{
	if (batch->many)
		return next_of_many(batch);
	return batch->next < batch->count ? batch->sorted[batch->next++] : NULL;
}

/* Read the events again from the first. */
static void
rewind_batch(Batch *batch)
{
	batch->next = 0;
	if (batch->many)
		tuplesort_rescan(batch->many);
}

static void
end_batch(Batch *batch)
{
	if (batch->many)
	{
		ExecDropSingleTupleTableSlot(batch->slot);
		tuplesort_end(batch->many);
	}
}

/* ---- the trigger ---- */

static void
apply_batch(CsInstallation *in, Batch *batch)
{
	CsVisits   *visits = cs_begin_visits(in);
	const CsLoggedEvent *event;
	int64		account = 0,
				contact = 0;
	bool		visiting = false;

	while ((event = next_event(batch)) != NULL)
	{
		if (!visiting || event->contact != contact || event->account != account)
		{
			CHECK_FOR_INTERRUPTS();
			if (visiting)
				cs_leave(visits, in->now);
			account = event->account;
			contact = event->contact;
			visiting = cs_visit(visits, account, contact);
			if (!visiting)
				ereport(ERROR,
						(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
						 errmsg("contact %lld of account %lld does not exist",
								(long long) contact, (long long) account),
						 errdetail("An event \"%s\" was to be recorded of it.", cs_kind_labels[event->event.kind]),
						 errhint("Insert it into table contact first.")));
		}
		cs_add_event(visits, event);
	}
	if (visiting)
		cs_leave(visits, in->now);
	cs_end_visits(visits);
	cs_check_limits(in);
}

/* Lock the batch's contacts before anything is written. */
static void
lock_batch(CsInstallation *in, Batch *batch)
{
	CsContactId *contacts = MemoryContextAllocHuge(in->context, batch->count * sizeof(CsContactId));
	const CsLoggedEvent *event;
	int			count = 0;

	while ((event = next_event(batch)) != NULL)
		if (count == 0 || contacts[count - 1].contact != event->contact || contacts[count - 1].account != event->account)
			contacts[count++] = (CsContactId) {event->account, event->contact};
	cs_lock_in_order(in, contacts, count);
	rewind_batch(batch);
	pfree(contacts);
}

/*
 * What is said of an address that a contact had concerns whoever has it by now:
 * found late, and not waited for out of order, but in another attempt.
 */
static void
apply_attempt(void *argument, CsAttempt attempt)
{
	Batch	   *batch = argument;
	CsInstallation *in = cs_open(batch->in->schema);
	MemoryContext caller = MemoryContextSwitchTo(in->context);

	rewind_batch(batch);
	in->unordered = attempt == CS_FIRST;
	if (attempt != CS_FIRST)
		lock_batch(in, batch);
	in->gives_way = attempt == CS_AGAIN;
	apply_batch(in, batch);
	MemoryContextSwitchTo(caller);
	cs_close(in);
}

PG_FUNCTION_INFO_V1(cs_apply_events);
Datum
cs_apply_events(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	CsInstallation *in;
	MemoryContext caller;
	Batch		batch;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) || trigger->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("apply_events must be fired AFTER INSERT FOR EACH STATEMENT, with a NEW TABLE"),
				 errhint("contact_status.create_tables creates its trigger.")));
	if (tuplestore_tuple_count(trigger->tg_newtable) == 0)
		return PointerGetDatum(NULL);

	/* so that snapshots taken from here on show the statement's own rows */
	CommandCounterIncrement();

	in = cs_open(cs_schema_of_log(trigger->tg_relation));
	caller = MemoryContextSwitchTo(in->context);
	cs_table(in, TABLE_POLICY); /* its lock comes before all that is read */
	cs_check_trigger_table(in, TABLE_EVENT, trigger->tg_relation);
	begin_batch(&batch, in, trigger->tg_relation, trigger->tg_newtable);
	if (batch.may_concern_others)
		cs_until_done(apply_attempt, &batch);
	else
		apply_batch(in, &batch);
	end_batch(&batch);
	MemoryContextSwitchTo(caller);
	cs_close(in);

	/* and so that what follows in the command sees ours */
	CommandCounterIncrement();
	return PointerGetDatum(NULL);
}
