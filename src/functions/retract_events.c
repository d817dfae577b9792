/*
 * retract_events.c
 *		Marks events as retracted or not retracted, and makes the events of
 *		erased contacts anonymous.
 *
 * The SQL functions choose the events and lock their contacts.  The functions
 * here mark the events and replay the logs of the contacts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "contact/contact.h"
#include "contact/deleted_contact.h"
#include "contact/former_address.h"
#include "contact/horizon.h"
#include "contact/merged_contact.h"
#include "contact/operation.h"
#include "contact/propagate_suppression.h"
#include "functions/retraction.h"
#include "rules/rules.h"
#include "storage/account_lock.h"
#include "storage/checkpoint.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/row_writer.h"
#include "storage/status_change.h"
#include "storage/settings.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "storage/unmatched_event.h"
#include "types/arguments.h"
#include "types/fact_columns.h"

static int
elements(Datum array, Oid type, int16 size, bool by_value, char align, Datum **values)
{
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), type, size, by_value, align, values, NULL, &count);
	return count;
}

/* Fetch the row of the log at a ctid into the table's slot, as the latest snapshot shows it. */
static bool
fetch_event(CsTable *log, ItemPointer tid, Snapshot snapshot)
{
	if (!ItemPointerIsValid(tid) || ItemPointerGetBlockNumber(tid) >= RelationGetNumberOfBlocks(log->rel) ||
		!table_tuple_fetch_row_version(log->rel, tid, snapshot, log->slot))
		return false;
	cs_check_shown(log->rel, log->slot);
	slot_getallattrs(log->slot);
	return true;
}

/*
 * Raises 55000 for an event that the facts as of a horizon include: it cannot
 * be removed from them.
 */
static void
check_not_covered(CsInstallation *in, const CsLoggedEvent *event)
{
	if (cs_is_covered(in, event))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an event \"%s\" of contact %lld lies before the horizon of account %lld",
						cs_kind_labels[event->event.kind], (long long) event->contact, (long long) event->account),
				 errdetail("The facts as of the horizon are kept and hold it, whether it counts or not."),
				 errhint("Choose events since the horizon, with since => .... For older events, record further events.")));
}

/*
 * Mark an event as retracted or, if retraction is 0, as not retracted.  Returns
 * whether the mark changed.
 */
static bool
mark_event(CsInstallation *in, int64 account, Oid part, ItemPointer tid, int64 contact, int64 retraction)
{
	CsTable    *log = cs_log_table(in, part);
	Snapshot	snapshot = cs_latest_snapshot();
	ItemPointerData place = *tid;
	CsLoggedEvent event;
	bool		marked = false;

	if (fetch_event(log, &place, snapshot))
	{
		cs_read_event(log, log->slot, &event);
		if (event.account == account && event.contact == contact && event.retracted == (retraction == 0))
		{
			Datum	   *values;
			bool	   *nulls;

			check_not_covered(in, &event);
			cs_copy_row(log, &values, &nulls);
			CS_SET(log, EVENT_RETRACTED_AT, TimestampTzGetDatum(in->now), retraction == 0);
			CS_SET(log, EVENT_RETRACTION, Int64GetDatum(retraction), retraction == 0);
			cs_update_row(in, log, &place, values, nulls);
			marked = true;
		}
	}
	UnregisterSnapshot(snapshot);
	return marked;
}

/* Update the suppressions that follow from the events of a deleted contact. */
static void
suppress_former_anew(CsInstallation *in, CsContact *state, int64 account, int64 contact)
{
	CsDeletedContact deleted;

	if (cs_lock_deleted_contact(in, account, contact, &deleted))
		cs_suppress_deleted_contact(state, &deleted);
}

/*
 * set_retracted(schema, account_id, contacts bigint[], parts oid[], places
 * tid[], retraction_id, reason): marks events, each given by its contact,
 * table and ctid, with contacts ascending.  A null reason undoes the
 * retraction.  Replays the logs of the contacts.  Returns an array of two: the
 * numbers of events and of contacts.
 *
 * Locks the retractions of the account and the contacts.  Raises 2202E if the
 * lengths of the arrays differ, 55000 for an event that the facts as of a
 * horizon include, and 23503 to undo a retraction that does not exist.
 */
PG_FUNCTION_INFO_V1(cs_set_retracted);
Datum
cs_set_retracted(PG_FUNCTION_ARGS)
{
	int64		account,
				retraction;
	bool		undo = PG_ARGISNULL(6);
	CsInstallation *in;
	CsContact   *state;
	Datum	   *contacts,
			   *parts,
			   *places;
	int			count;
	Datum		result[2];
	int64		marked = 0,
				touched = 0;

	for (int i = 0; i < 6; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	account = PG_GETARG_INT64(1);
	retraction = PG_GETARG_INT64(5);
	count = elements(PG_GETARG_DATUM(2), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &contacts);
	if (elements(PG_GETARG_DATUM(3), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &parts) != count ||
		elements(PG_GETARG_DATUM(4), TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT, &places) != count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("as many contacts as places are needed")));

	in = cs_begin_retraction(PG_GETARG_NAME(0), account);
	state = cs_open_contacts(in);
	for (int i = 0; i < count;)
	{
		int64		contact = DatumGetInt64(contacts[i]);
		bool		exists = cs_lock_contact(state, account, contact);
		int64		before = marked;

		CHECK_FOR_INTERRUPTS();
		for (; i < count && DatumGetInt64(contacts[i]) == contact; i++)
			marked += mark_event(in, account, DatumGetObjectId(parts[i]), (ItemPointer) DatumGetPointer(places[i]), contact, undo ? 0 : retraction);
		if (marked == before)
			continue;
		touched++;
		CommandCounterIncrement();
		if (exists)
		{
			cs_request_full_replay(state);
			cs_replay_contact(state);
			cs_save_contact(state, in->now);
			cs_suppress_merged_addresses(in, state, account, contact);
			/*
			 * a suppression was not recorded while a retracted event had the
			 * same fact: record it now
			 */
			if (!undo && cs_has_suppressions(in))
			{
				CommandCounterIncrement();
				cs_apply_suppressions(in, state, account, contact, NULL);
			}
		}
		suppress_former_anew(in, state, account, contact);
	}
	if (undo)
		cs_note_undone(in, account, retraction);
	else
		cs_note_retraction(in, account, retraction, text_to_cstring(PG_GETARG_TEXT_PP(6)), marked, touched);
	cs_close_contacts(state);
	cs_end_operation(in);
	result[0] = Int64GetDatum(marked);
	result[1] = Int64GetDatum(touched);
	PG_RETURN_ARRAYTYPE_P(construct_array(result, 2, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* ---- erasure ---- */

/* A random negative id that has no contact and no events. */
static int64
number_of_nobody(CsInstallation *in, int64 account)
{
	for (;;)
	{
		uint64		random;
		cs_id		key[2] = {{true, account}, {true, 0}};

		if (!pg_strong_random(&random, sizeof(random)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate a random number")));
		key[1].id = -(int64) (random >> 2) - 1;
		if (cs_log_has_only(in, account, key[1].id, PG_INT64_MIN, 0) &&
			!cs_fetch_latest(cs_table(in, TABLE_CONTACT), key, 2))
			return key[1].id;
	}
}

/*
 * Store the id as that of a deleted contact.  A contact that is inserted with
 * it later is not given the events of the erased one.
 */
static void
end_number(CsInstallation *in, int64 account, int64 number)
{
	CsTable    *former = cs_table(in, TABLE_DELETED_CONTACT);
	Datum	   *values;
	bool	   *nulls;

	cs_new_row(in, former, &values, &nulls);
	CS_SET(former, DELETED_ACCOUNT, Int64GetDatum(account), false);
	CS_SET(former, DELETED_CONTACT, Int64GetDatum(number), false);
	CS_SET(former, DELETED_ENDED_AT, TimestampTzGetDatum(in->now), false);
	cs_insert_row(in, former, values, nulls);
}

/*
 * Remove the reason of a retraction if it concerned one contact only, or no
 * contact and only this number of suppressions, all of one address: it may name
 * the person.
 */
static void
erase_reason(CsInstallation *in, int64 account, int64 retraction, int64 suppressions)
{
	CsTable    *table = cs_table(in, TABLE_RETRACTION);
	cs_id		key[2] = {{true, account}, {true, retraction}};
	int64		contacts;
	Datum	   *values;
	bool	   *nulls;
	bool		isnull;

	if (!cs_fetch_latest(table, key, 2))
		return;
	contacts = DatumGetInt64(cs_column(table, table->slot, RETRACTION_CONTACTS, &isnull));
	if (contacts > 1 || (contacts == 0 &&
						 DatumGetInt64(cs_column(table, table->slot, RETRACTION_EVENTS, &isnull)) > suppressions))
		return;
	cs_copy_row(table, &values, &nulls);
	CS_SET(table, RETRACTION_REASON, CStringGetTextDatum("erased"), false);
	cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
	CommandCounterIncrement();
}

/*
 * Make the events of a contact that were recorded up to a time anonymous.  They
 * get another contact id and retain kind, times, list, campaign and
 * retraction.
 */
static void
make_anonymous(CsInstallation *in, int64 account, int64 contact, TimestampTz until)
{
	static const int kept[] = {
		EVENT_ACCOUNT, EVENT_LIST, EVENT_CAMPAIGN, EVENT_KIND, EVENT_OCCURRED_AT, EVENT_RECORDED_AT,
		EVENT_RETRACTED_AT, EVENT_RETRACTION, EVENT_UNTIL
	};
	int64		number = number_of_nobody(in, account);
	int64		ordinal = 0;
	CsLogScan	scan;
	CsLoggedEvent event;

	cs_begin_log(&scan, in, account, contact, NULL);
	while (cs_next_logged(&scan, &event))
	{
		CsTable    *log = cs_logged_table(&scan);
		Datum	   *values;
		bool	   *nulls;

		CHECK_FOR_INTERRUPTS();
		if (event.recorded > until)
			continue;			/* the event belongs to a later contact with the same id */
		slot_getallattrs(log->slot);
		cs_new_row(in, log, &values, &nulls);
		for (size_t i = 0; i < lengthof(kept); i++)
		{
			AttrNumber	column = log->columns[kept[i]];

			values[column - 1] = log->slot->tts_values[column - 1];
			nulls[column - 1] = log->slot->tts_isnull[column - 1];
		}
		if (event.retracted)
			erase_reason(in, account, DatumGetInt64(cs_column(log, log->slot, EVENT_RETRACTION, &(bool) {false})), 0);
		CS_SET(log, EVENT_CONTACT, Int64GetDatum(number), false);
		/* the key of the log is unique, and events may differ by event_key only */
		CS_SET(log, EVENT_KEY, CStringGetTextDatum(psprintf(INT64_FORMAT, ++ordinal)), false);
		cs_update_row(in, log, &log->slot->tts_tid, values, nulls);
	}
	cs_end_log(&scan);
	if (ordinal > 0)
		end_number(in, account, number);
	CommandCounterIncrement();
}

/*
 * Replace the suppressions of an address by an account-wide opt-out, and delete
 * its unmatched events.  With a contact, suppressions of other contacts remain.
 */
static void
leave_opt_out(CsInstallation *in, int64 account, bytea *digest, cs_id contact)
{
	List	   *retractions = cs_delete_suppressions(in, account, digest, contact);
	cs_id		nobody = {0};
	ListCell   *lc;

	foreach(lc, retractions)
	{
		int64		retraction = *(int64 *) lfirst(lc);
		int64		count = 0;
		ListCell   *other;

		foreach(other, retractions)
			count += *(int64 *) lfirst(other) == retraction;
		erase_reason(in, account, retraction, count);
	}
	cs_suppress_address(in, account, digest, CS_KIND_UNSUBSCRIBED, nobody, in->now, "erasure", NULL, nobody, PG_INT64_MIN);
	cs_delete_unmatched_events(in, account, digest);
}

static bool erase_deleted(CsInstallation *in, int64 account, int64 contact);

/*
 * Leave an account-wide opt-out of the former addresses (CsFormerAddress *) of a
 * contact too, and delete their unmatched events.  Suppressions that follow
 * from other contacts remain.  Also erase contacts that had such an address and
 * were deleted before this contact changed it: they are the same person.
 */
static void
erase_former_addresses(CsInstallation *in, int64 account, List *addresses)
{
	cs_id		nobody = {0};
	ListCell   *lc,
			   *other;

	foreach(lc, addresses)
	{
		CsFormerAddress *address = lfirst(lc);

		foreach(other, cs_deleted_contacts_of(in, account, address->digest))
		{
			CsDeletedContact deleted;

			if (cs_lock_deleted_contact(in, account, *(int64 *) lfirst(other), &deleted) && deleted.ended <= address->until)
				erase_deleted(in, account, deleted.contact);
		}
		cs_suppress_address(in, account, address->digest, CS_KIND_UNSUBSCRIBED, nobody, in->now, "erasure", NULL, nobody,
							PG_INT64_MIN);
		cs_delete_unmatched_events(in, account, address->digest);
	}
}

/*
 * lock_retractions(schema, account_id): locks the retractions of an account
 * until the transaction ends.
 */
PG_FUNCTION_INFO_V1(cs_lock_retractions);
Datum
cs_lock_retractions(PG_FUNCTION_ARGS)
{
	cs_end_operation(cs_begin_retraction(PG_GETARG_NAME(0), PG_GETARG_INT64(1)));
	PG_RETURN_VOID();
}

/*
 * lock_contacts(schema, account_id, contacts): locks contacts of an account
 * and the contacts that hold their former addresses, in ascending order.  Ids
 * without a contact are ignored.
 */
PG_FUNCTION_INFO_V1(cs_lock_contacts);
Datum
cs_lock_contacts(PG_FUNCTION_ARGS)
{
	int64		account = PG_GETARG_INT64(1);
	CsInstallation *in = cs_begin_retraction(PG_GETARG_NAME(0), account);
	CsContact   *state;
	List	   *contacts = NIL;
	ListCell   *lc;
	Datum	   *elements;
	int			count = cs_bigints_argument(PG_GETARG_DATUM(2), &elements);

	for (int i = 0; i < count; i++)
	{
		CsContactId *id;

		if (i > 0 && DatumGetInt64(elements[i]) == DatumGetInt64(elements[i - 1]))
			continue;
		id = palloc(sizeof(CsContactId));
		*id = (CsContactId) {account, DatumGetInt64(elements[i])};
		contacts = cs_address_holders(in, account, id->contact, lappend(contacts, id));
	}
	cs_sort_contacts(&contacts);
	state = cs_open_contacts(in);
	foreach(lc, contacts)
	{
		CHECK_FOR_INTERRUPTS();
		cs_lock_contact(state, account, ((CsContactId *) lfirst(lc))->contact);
	}
	cs_close_contacts(state);
	cs_end_operation(in);
	PG_RETURN_VOID();
}

/*
 * Make the events of a deleted contact anonymous, and of all deleted contacts
 * that had its address, a former address of it before it did, or were merged
 * with one of them.  Only an account-wide opt-out remains of their addresses.
 * Returns false if there is no such contact.
 */
static bool
erase_deleted(CsInstallation *in, int64 account, int64 contact)
{
	CsTable    *former = cs_table(in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, account}, {true, contact}};
	bytea	   *digest;
	cs_time		began;
	Datum		value;
	ListCell   *lc;
	bool		isnull;

	if (!cs_fetch_latest(former, key, 2))
		return false;
	began = cs_time_column(former, DELETED_GENERATION_START, PG_INT64_MIN);
	value = cs_column(former, former->slot, DELETED_DIGEST, &isnull);
	if (isnull)
		return false;
	digest = DatumGetByteaPCopy(value);

	foreach(lc, cs_suppressed_digests(in, account, contact, began))
		leave_opt_out(in, account, lfirst(lc), key[1]);
	leave_opt_out(in, account, digest, (cs_id) {0});
	foreach(lc, cs_deleted_contacts_of(in, account, digest))
	{
		CsDeletedContact deleted;
		List	   *merged,
				   *addresses;
		ListCell   *other;

		/* waits for events of the deleted contact that are being recorded */
		key[1].id = *(int64 *) lfirst(lc);
		if (!cs_lock_deleted_contact(in, account, key[1].id, &deleted))
			continue;
		merged = cs_merged_contacts(in, account, key[1].id);
		addresses = cs_former_addresses(in, account, key[1].id);
		make_anonymous(in, account, key[1].id, deleted.ended);
		if (cs_fetch_latest(former, key, 2))
			cs_delete_row(in, former, &former->slot->tts_tid);
		cs_delete_address_changes(in, account, key[1].id, deleted.ended);
		cs_delete_all_checkpoints(in, account, key[1].id, NULL);
		cs_erase_changes(in, account, key[1].id);
		CommandCounterIncrement();
		/* this contact is erased: the same person can be found again by these */
		erase_former_addresses(in, account, addresses);
		foreach(other, merged)
			erase_deleted(in, account, *(int64 *) lfirst(other));
	}
	return true;
}

/*
 * anonymize_contact(schema, account_id, contact_id): erases a deleted contact,
 * as erase_deleted() says.  Raises 55000 if the contact exists, 23503 if it is
 * unknown, and 42501 without DELETE on contact and UPDATE on the log.
 */
PG_FUNCTION_INFO_V1(cs_anonymize_contact);
Datum
cs_anonymize_contact(PG_FUNCTION_ARGS)
{
	int64		account = PG_GETARG_INT64(1);
	int64		contact = PG_GETARG_INT64(2);
	cs_id		key[2] = {{true, account}, {true, contact}};
	CsInstallation *in;

	in = cs_begin_retraction(PG_GETARG_NAME(0), account);
	cs_check_table_rights(cs_table(in, TABLE_CONTACT)->rel, ACL_DELETE);
	if (cs_fetch_latest(cs_table(in, TABLE_CONTACT), key, 2))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contact %lld of account %lld still exists", (long long) contact, (long long) account),
				 errhint("Call contact_status.erase_contact.")));
	if (!erase_deleted(in, account, contact))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("contact %lld of account %lld does not exist", (long long) contact, (long long) account),
				 errhint("Of an address without a contact, table suppression has a digest. Delete its rows of table unmatched_event.")));
	cs_end_operation(in);
	PG_RETURN_VOID();
}
