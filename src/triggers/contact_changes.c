/*
 * contact_changes.c
 *		Inserted and deleted contacts, and changed addresses.
 *
 * The events of a contact remain when it is deleted.  A later contact with the
 * same id must not use them. deleted_contact stores the time of the deletion,
 * and the later contact copies it to generation_start.  Events recorded up to
 * this time are not applied to it.
 *
 * The suppressions of the address remain in table suppression.  A contact that
 * takes the address receives them at that time.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "contact/attach_unmatched.h"
#include "contact/contact.h"
#include "contact/deleted_contact.h"
#include "contact/former_address.h"
#include "contact/merged_contact.h"
#include "contact/operation.h"
#include "contact/propagate_suppression.h"
#include "contact/subscription.h"
#include "rules/rules.h"
#include "storage/checkpoint.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/settings.h"
#include "storage/status_change.h"
#include "storage/status_count.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "storage/unmatched_event.h"
#include "types/address.h"
#include "types/errors.h"
#include "types/fact_columns.h"

static TriggerData *
check_protocol(FunctionCallInfo fcinfo, bool insert, const char *function)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) ||
		!(insert ? TRIGGER_FIRED_BY_INSERT(trigger->tg_event) : TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) ||
		(insert ? trigger->tg_newtable : trigger->tg_oldtable) == NULL)
		cs_refuse_protocol(function, insert ? "an AFTER INSERT statement trigger" : "an AFTER DELETE statement trigger");
	return trigger;
}

static int64
bigint_column(CsTable *table, TupleTableSlot *slot, int column)
{
	bool		isnull;

	return DatumGetInt64(cs_column(table, slot, column, &isnull));
}

/*
 * Store that a contact has its address now.  If a merged contact had it, the
 * opt-outs and the complaint of that person become suppressions of the address.
 */
static void
take_address(CsInstallation *in, CsContact *state, int64 account, int64 contact, bytea *digest)
{
	List	   *merged = cs_set_address_holder(in, account, contact, digest);
	ListCell   *lc;

	if (merged != NIL)
		CommandCounterIncrement();
	foreach(lc, merged)
		cs_suppress_merged_address(in, state, account, contact, *(int64 *) lfirst(lc), digest);
}

/* ---- inserted contacts ---- */

static void
check_contact(CsInstallation *in, CsTable *table, TupleTableSlot *slot)
{
	int64		account = bigint_column(table, slot, CONTACT_ACCOUNT);
	int64		contact = bigint_column(table, slot, CONTACT_ID);
	cs_facts	unknown = {0};
	CsContactRow		facts = {0};
	bool		isnull;

	if (cs_account_policy(in, account) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("account %lld of contact %lld does not exist", (long long) account, (long long) contact),
				 errhint("Insert it into table account first.")));

	slot_getallattrs(slot);
	cs_facts_of_values(&facts, slot->tts_tupleDescriptor, table->facts, slot->tts_values, slot->tts_isnull);
	cs_column(table, slot, CONTACT_GENERATION_START, &isnull);
	if (!isnull || facts.status != CS_STATUS_UNCONFIRMED || facts.changed.set || facts.due.set ||
		!cs_same_address_facts(&facts.contact, &unknown))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 cs_errconstraint(CONSTRAINT_DERIVED),
				 errtable(table->rel),
				 errmsg("contact %lld cannot begin with a status or facts", (long long) contact),
				 errdetail("It was to begin as \"%s\".", cs_status_labels[facts.status]),
				 errhint("Insert it without its derived columns, and record an event: INSERT INTO event.")));

	if (!cs_is_address_datum(cs_column(table, slot, CONTACT_EMAIL, &isnull)))
		cs_refuse_address(psprintf("contact %lld", (long long) contact));
}

static bool
has_former_contacts(CsInstallation *in)
{
	return RelationGetNumberOfBlocks(cs_table(in, TABLE_DELETED_CONTACT)->rel) > 0;
}

/*
 * A contact with the id of a deleted one begins a new generation at the time
 * of the deletion.  Returns that time, or PG_INT64_MIN if there was none.
 */
static TimestampTz
begin_after_former(CsInstallation *in, CsContact *state, int64 account, int64 contact)
{
	CsDeletedContact deleted;

	/* an event of the deleted contact that is being recorded makes it end later */
	if (!cs_lock_deleted_contact(in, account, contact, &deleted))
		return PG_INT64_MIN;
	if (cs_lock_contact(state, account, contact))
	{
		/* a row trigger may have recorded events of it already, so replay its log */
		cs_begin_generation(state, deleted.ended);
		cs_replay_contact(state);
		cs_save_contact(state, in->now);
	}
	return deleted.ended;
}

/*
 * begin_contacts(): after a statement that inserts contacts.  Checks and counts
 * them, begins their generation if the id had a deleted contact, and records
 * the suppressions and unmatched events of their addresses.  Raises 23503 for an unknown account,
 * and 23514 for derived columns that are set, no address, or a complaint
 * under complained_insert = refuse.
 */
PG_FUNCTION_INFO_V1(cs_begin_contacts);
Datum
cs_begin_contacts(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_protocol(fcinfo, true, "begin_contacts");
	CsInstallation *in;
	CsTable    *table;
	CsContact   *state = NULL;
	TupleTableSlot *slot;
	MemoryContext row;
	bool		suppressed,
				unmatched,
				former;

	if (tuplestore_tuple_count(trigger->tg_newtable) == 0)
		return PointerGetDatum(NULL);

	in = cs_begin_trigger(trigger, TABLE_CONTACT);
	table = cs_table(in, TABLE_CONTACT);
	if (has_former_contacts(in))
		state = cs_open_contacts(in);
	suppressed = cs_has_suppressions(in);
	unmatched = cs_has_unmatched_events(in);
	former = cs_has_former_addresses(in);
	slot = MakeSingleTupleTableSlot(table->rel->rd_att, &TTSOpsMinimalTuple);
	row = AllocSetContextCreate(in->context, "contact_status contact", ALLOCSET_SMALL_SIZES);

	tuplestore_rescan(trigger->tg_newtable);
	while (tuplestore_gettupleslot(trigger->tg_newtable, true, false, slot))
	{
		int64		account = bigint_column(table, slot, CONTACT_ACCOUNT);
		int64		contact = bigint_column(table, slot, CONTACT_ID);
		TimestampTz ended = PG_INT64_MIN;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(row);
		check_contact(in, table, slot);
		cs_count(in, account, (cs_id) {0}, CS_STATUS_UNCONFIRMED, 1);
		MemoryContextSwitchTo(in->context);
		if (state != NULL)
			ended = begin_after_former(in, state, account, contact);
		if (suppressed || unmatched || former)
		{
			bytea	   *digest;

			MemoryContextSwitchTo(row);
			digest = cs_address_digest(in, account, cs_column(table, slot, CONTACT_EMAIL, &isnull));
			if (former)
				take_address(in, state, account, contact, digest);
			cs_record_suppressions(in, account, contact, digest, DT_NOBEGIN,
								 ended == PG_INT64_MIN ? "suppression" : psprintf("suppression " INT64_FORMAT, ended));
			if (unmatched)
				cs_attach_unmatched_events(in, account, contact, digest);
			MemoryContextSwitchTo(in->context);
		}
		MemoryContextReset(row);
	}

	if (state != NULL)
		cs_close_contacts(state);
	ExecDropSingleTupleTableSlot(slot);
	cs_end_operation(in);
	return PointerGetDatum(NULL);
}

/* ---- changed addresses ---- */

/*
 * change_address(): after an update of a contact's address.  Stores the
 * suppressions of the old address and records those of the new one.  Locks the
 * contact.  Raises 23514 for no address, or a complaint under
 * complained_insert = refuse.
 */
PG_FUNCTION_INFO_V1(cs_change_contact_address);
Datum
cs_change_contact_address(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	CsInstallation *in;
	CsTable    *table,
			   *changes;
	CsContact   *state;
	int64		account,
				contact;
	bytea	   *old_digest,
			   *new_digest;
	Datum	   *values;
	bool	   *nulls;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		cs_refuse_protocol("change_address", "an AFTER UPDATE row trigger");

	in = cs_begin_trigger(trigger, TABLE_CONTACT);
	table = cs_table(in, TABLE_CONTACT);
	changes = cs_table(in, TABLE_ADDRESS_CHANGE);
	account = bigint_column(table, trigger->tg_newslot, CONTACT_ACCOUNT);
	contact = bigint_column(table, trigger->tg_newslot, CONTACT_ID);
	old_digest = cs_address_digest(in, account, cs_column(table, trigger->tg_trigslot, CONTACT_EMAIL, &isnull));
	new_digest = cs_address_digest(in, account, cs_column(table, trigger->tg_newslot, CONTACT_EMAIL, &isnull));
	if (!cs_is_address_datum(cs_column(table, trigger->tg_newslot, CONTACT_EMAIL, &isnull)))
		cs_refuse_address(psprintf("contact %lld", (long long) contact));

	state = cs_open_contacts(in);
	if (cs_lock_contact(state, account, contact))
	{
		/* the opt-outs, complaint and dead address remain suppressions of the old address */
		cs_suppress_facts(in, account, contact, cs_contact_generation_start(state), cs_contact_facts(state), old_digest, true);

		cs_new_row(in, changes, &values, &nulls);
		CS_SET(changes, CHANGE_ACCOUNT, Int64GetDatum(account), false);
		CS_SET(changes, CHANGE_CONTACT, Int64GetDatum(contact), false);
		CS_SET(changes, CHANGE_CHANGED_AT, TimestampTzGetDatum(in->now), false);
		CS_SET(changes, CHANGE_OLD_DIGEST, PointerGetDatum(old_digest), false);
		cs_insert_row(in, changes, values, nulls);
		CommandCounterIncrement();
		cs_set_address_since(state, in->now);
		cs_replay_contact(state);
		cs_save_contact(state, in->now);

		/* the contact receives the suppressions of its new address */
		take_address(in, state, account, contact, new_digest);
		if (cs_has_suppressions(in))
			cs_record_suppressions(in, account, contact, new_digest, in->now + 1,
								 psprintf("suppression " INT64_FORMAT, in->now));
	}
	cs_close_contacts(state);
	cs_end_operation(in);
	return PointerGetDatum(NULL);
}

/* ---- deleted contacts ---- */

static void
remember_contact(CsInstallation *in, int64 account, int64 contact, Datum generation_start, bool from_ever, bytea *digest)
{
	CsTable    *table = cs_table(in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, account}, {true, contact}};
	bool		again = cs_fetch_latest(table, key, 2);
	Datum	   *values;
	bool	   *nulls;

	if (again)
		cs_copy_row(table, &values, &nulls);
	else
		cs_new_row(in, table, &values, &nulls);
	CS_SET(table, DELETED_ACCOUNT, Int64GetDatum(account), false);
	CS_SET(table, DELETED_CONTACT, Int64GetDatum(contact), false);
	CS_SET(table, DELETED_ENDED_AT, TimestampTzGetDatum(in->now), false);
	CS_SET(table, DELETED_GENERATION_START, generation_start, from_ever);
	CS_SET(table, DELETED_DIGEST, PointerGetDatum(digest), false);
	CS_SET(table, DELETED_MERGED_INTO, (Datum) 0, true);
	CS_SET(table, DELETED_MERGED_AT, (Datum) 0, true);
	if (again)
		cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
	else
		cs_insert_row(in, table, values, nulls);
}

static void
end_contact(CsInstallation *in, CsTable *table, TupleTableSlot *slot)
{
	int64		account = bigint_column(table, slot, CONTACT_ACCOUNT);
	int64		contact = bigint_column(table, slot, CONTACT_ID);
	CsContactRow		facts = {0};
	CsGeneration		life;
	bytea	   *digest;
	Datum		generation_start;
	bool		isnull;

	slot_getallattrs(slot);
	cs_facts_of_values(&facts, slot->tts_tupleDescriptor, table->facts, slot->tts_values, slot->tts_isnull);
	cs_load_consents(in, account, contact, &facts.contact);
	digest = cs_address_digest(in, account, cs_column(table, slot, CONTACT_EMAIL, &isnull));
	generation_start = cs_column(table, slot, CONTACT_GENERATION_START, &isnull);
	life = (CsGeneration) {account, contact, isnull ? PG_INT64_MIN : DatumGetTimestampTz(generation_start)};
	/* the contact received the suppressions of its address: its facts hold them, or later events lifted them */
	if (cs_has_suppressions(in))
		cs_delete_lifted_suppressions(in, account, contact, life.generation_start, &facts.contact, digest);
	cs_suppress_facts(in, account, contact, life.generation_start, &facts.contact, digest, true);
	cs_delete_subscriptions(in, account, contact);
	cs_count(in, account, (cs_id) {0}, facts.status, -1);
	cs_record_change(in, &(CsStatusChange) {account, contact, {0}, facts.status, CS_NO_STATUS, in->now, CS_NO_KIND});

	cs_delete_address_changes(in, account, contact, life.generation_start);
	cs_delete_all_checkpoints(in, account, contact, &life);
	remember_contact(in, account, contact, generation_start, isnull, digest);
}

/*
 * end_contacts(): after a statement that deletes contacts.  Stores the
 * suppressions of their addresses and the time of the deletion, and deletes
 * their subscriptions.
 */
PG_FUNCTION_INFO_V1(cs_end_contacts);
Datum
cs_end_contacts(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_protocol(fcinfo, false, "end_contacts");
	CsInstallation *in;
	CsTable    *table;
	TupleTableSlot *slot;
	MemoryContext row;

	if (tuplestore_tuple_count(trigger->tg_oldtable) == 0)
		return PointerGetDatum(NULL);

	in = cs_begin_trigger(trigger, TABLE_CONTACT);
	table = cs_table(in, TABLE_CONTACT);
	slot = MakeSingleTupleTableSlot(table->rel->rd_att, &TTSOpsMinimalTuple);
	row = AllocSetContextCreate(in->context, "contact_status contact", ALLOCSET_SMALL_SIZES);

	tuplestore_rescan(trigger->tg_oldtable);
	while (tuplestore_gettupleslot(trigger->tg_oldtable, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(row);
		end_contact(in, table, slot);
		MemoryContextSwitchTo(in->context);
		MemoryContextReset(row);
	}
	ExecDropSingleTupleTableSlot(slot);
	cs_end_operation(in);
	return PointerGetDatum(NULL);
}
