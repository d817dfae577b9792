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
#include "former_addresses.h"
#include "limits.h"

/* As many are sorted in an array. */
#define FEW 10000

/* How far ahead of the server's clock an event may be dated. */
#define TOLERANCE USECS_PER_MINUTE

/* ---- checks ---- */

/* The latest time that recording_time() returned to a statement, and when that statement began. */
static struct
{
	TimestampTz statement;
	TimestampTz latest;
}			recording;

/*
 * recording_time(): the default of event.recorded_at.  The clock, but never
 * before the statement began, also where the clock was set back meanwhile.
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
	const cs_event *event = &logged->event;
	const char *wrong;

	/* settings are locked before contacts */
	cs_account_policy(in, logged->account);
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
	if (wrong == NULL && !is_recording_time(logged->recorded, in->now))
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
	bool		has_old_facts;	/* some event may say of a person what holds for an address that the person had */
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

/* May the event have to be suppressed for an address that its contact gave up? */
static bool
concerns_old_addresses(Batch *batch, const cs_event *event)
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
		batch->has_old_facts = batch->has_old_facts || concerns_old_addresses(batch, &event.event);
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

/*
 * An event about a time before its contact changed its address also affects the
 * contact that holds the old address now.  These holders are found before any
 * contact is locked, so that they are locked in order with the others.
 */
static List *
find_holders(CsInstallation *in, Batch *batch)
{
	List	   *holders = NIL;
	const CsLoggedEvent *event;
	CsContactId last = {0};
	bool		any = false;

	if (!batch->has_old_facts)
		return NIL;
	while ((event = next_event(batch)) != NULL)
	{
		CsContactId id = {event->account, event->contact};

		if ((any && cs_compare_contacts(&id, &last) == 0) || !concerns_old_addresses(batch, &event->event))
			continue;
		CHECK_FOR_INTERRUPTS();
		holders = cs_holders(in, id.account, id.contact, holders);
		last = id;
		any = true;
	}
	rewind_batch(batch);
	cs_sort_contacts(&holders);
	return holders;
}

/* Lock the holders that come before a contact (NULL: all that are left); the contact itself is locked by its events. */
static void
lock_holders(CsVisits *visits, List *holders, int *next, const CsContactId *before)
{
	for (; *next < list_length(holders); (*next)++)
	{
		CsContactId *holder = list_nth(holders, *next);
		int			order = before ? cs_compare_contacts(holder, before) : -1;

		if (order > 0)
			return;
		if (order == 0)
			continue;
		cs_visit(visits, holder->account, holder->contact);
	}
}

/* ---- the trigger ---- */

static void
apply_batch(CsInstallation *in, Batch *batch)
{
	List	   *holders = find_holders(in, batch);
	CsVisits   *visits = cs_begin_visits(in);
	const CsLoggedEvent *event;
	int64		account = 0,
				contact = 0;
	int			next_holder = 0;
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
			lock_holders(visits, holders, &next_holder, &(CsContactId) {account, contact});
			visiting = cs_visit(visits, account, contact);
			if (!visiting)
			{
				cs_check_not_deleted(visits, account, contact);
				ereport(ERROR,
						(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
						 errmsg("contact %lld of account %lld does not exist",
								(long long) contact, (long long) account),
						 errdetail("An event \"%s\" was to be recorded of it.", cs_kind_labels[event->event.kind]),
						 errhint("Insert it into table contact first.")));
			}
		}
		cs_add_event(visits, event);
	}
	if (visiting)
		cs_leave(visits, in->now);
	lock_holders(visits, holders, &next_holder, NULL);
	cs_end_visits(visits);
	cs_check_limits(in);
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
	cs_check_trigger_table(in, TABLE_EVENT, trigger->tg_relation);
	begin_batch(&batch, in, trigger->tg_relation, trigger->tg_newtable);
	apply_batch(in, &batch);
	end_batch(&batch);
	MemoryContextSwitchTo(caller);
	cs_close(in);

	/* and so that what follows in the command sees ours */
	CommandCounterIncrement();
	return PointerGetDatum(NULL);
}
