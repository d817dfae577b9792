/*
 * merged_contact.c
 *		Contacts that were merged with another contact.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/rel.h"

#include "contact/former_address.h"
#include "contact/merged_contact.h"
#include "rules/rules.h"
#include "storage/event_log.h"
#include "storage/row_writer.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"

/*
 * Does an event of a merged contact concern the person, and so the contact with
 * which it was merged?
 */
static bool
concerns_person(const cs_event *event, cs_time merged_at)
{
	switch (event->kind)
	{
		case CS_KIND_UNSUBSCRIBED:
		case CS_KIND_COMPLAINED:
		case CS_KIND_SUSPENDED:
		case CS_KIND_DELETED:
			return true;
		case CS_KIND_SIGNED_UP:
		case CS_KIND_ADDED:
		case CS_KIND_CONFIRMED:
		case CS_KIND_RESUBSCRIBED:
		case CS_KIND_REMOVED:
		case CS_KIND_RELEASED:
		case CS_KIND_RESTORED:
		case CS_KIND_VISITED:
			return event->at > merged_at;
		default:
			return false;
	}
}

/* Does the log of a contact have an event with the same key? */
static bool
is_logged(CsInstallation *in, int64 account, int64 contact, const cs_event *event)
{
	CsLogScan	scan;
	CsLoggedEvent other;
	bool		found = false;

	cs_begin_log(&scan, in, account, contact, &event->at);
	while (!found && cs_next_logged(&scan, &other) && other.event.at == event->at)
		found = cs_compare_events(&other.event, event) == 0;
	cs_end_log(&scan);
	return found;
}

/*
 * Does the log of a merged contact have the sign-up that a confirmation
 * confirms, from after the merge?  The link of an earlier one was sent to the
 * address of the merged contact, and proves no other mailbox.
 */
static bool
confirms_later_sign_up(CsInstallation *in, const CsDeletedContact *deleted, const cs_event *confirmed)
{
	CsLogScan	scan;
	CsLoggedEvent logged;
	bool		found = false;

	cs_begin_log(&scan, in, deleted->account, deleted->contact, &deleted->merged_at);
	while (!found && cs_next_logged(&scan, &logged))
		found = logged.event.kind == CS_KIND_SIGNED_UP && !logged.retracted && logged.event.at > deleted->merged_at &&
			logged.event.list.id == confirmed->list.id && logged.event.key_size == confirmed->key_size &&
			(confirmed->key_size == 0 || memcmp(logged.event.key, confirmed->key, confirmed->key_size) == 0);
	cs_end_log(&scan);
	return found;
}

/* An event to copy: its new row, which refers to no slot. */
typedef struct Copy
{
	cs_event	event;
	CsTable    *log;
	Datum	   *values;
	bool	   *nulls;
} Copy;

/* The event in the slot of a table of the log, as an event of another contact. */
static Copy *
copy_event(CsInstallation *in, CsTable *from, const cs_event *event, int64 contact)
{
	static const int copied[] = {
		EVENT_ACCOUNT, EVENT_OCCURRED_AT, EVENT_LIST, EVENT_CAMPAIGN, EVENT_KIND, EVENT_UNTIL, EVENT_KEY,
		EVENT_SOURCE, EVENT_EVIDENCE, EVENT_REASON, EVENT_REPLY
	};
	Copy	   *copy = palloc0(sizeof(Copy));

	copy->event = *event;
	copy->event.key = memcpy(palloc(event->key_size + 1), event->key ? event->key : "", event->key_size);
	copy->log = cs_log_table_at(in, event->at);
	cs_new_row(in, copy->log, &copy->values, &copy->nulls);
	for (size_t i = 0; i < lengthof(copied); i++)
	{
		Form_pg_attribute column = TupleDescAttr(from->rel->rd_att, from->columns[copied[i]] - 1);
		AttrNumber	target = copy->log->columns[copied[i]] - 1;
		bool		isnull;
		Datum		value = cs_column(from, from->slot, copied[i], &isnull);

		copy->values[target] = isnull ? (Datum) 0 : datumCopy(value, column->attbyval, column->attlen);
		copy->nulls[target] = isnull;
	}
	copy->values[copy->log->columns[EVENT_CONTACT] - 1] = Int64GetDatum(contact);
	copy->nulls[copy->log->columns[EVENT_CONTACT] - 1] = false;
	return copy;
}

void
cs_copy_to_merged(CsInstallation *in, CsContact *state, const CsDeletedContact *deleted, TimestampTz after, cs_time first)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	List	   *copies = NIL;
	ListCell   *lc;
	CsLogScan	scan;
	CsLoggedEvent logged;

	cs_begin_log(&scan, in, deleted->account, deleted->contact, &first);
	while (cs_next_logged(&scan, &logged))
	{
		CHECK_FOR_INTERRUPTS();
		if (logged.recorded > after && !logged.retracted && concerns_person(&logged.event, deleted->merged_at))
			copies = lappend(copies, copy_event(in, cs_logged_table(&scan), &logged.event, deleted->merged_into.id));
	}
	cs_end_log(&scan);

	/* with the lock, a concurrent insert of the same event is visible, or it is a deadlock */
	if (copies != NIL)
		cs_lock_contact(state, deleted->account, deleted->merged_into.id);
	foreach(lc, copies)
	{
		Copy	   *copy = lfirst(lc);

		if ((copy->event.kind != CS_KIND_CONFIRMED || confirms_later_sign_up(in, deleted, &copy->event)) &&
			!is_logged(in, deleted->account, deleted->merged_into.id, &copy->event))
			cs_insert_event(in, copy->log, copy->values, copy->nulls);
	}
	MemoryContextSwitchTo(caller);
}

int64
cs_merge_target(CsInstallation *in, int64 account, int64 contact)
{
	CsTable    *deleted = cs_table(in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, account}, {true, contact}};
	Datum		into;
	bool		isnull;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (cs_fetch_latest(cs_table(in, TABLE_CONTACT), key, 2) || !cs_fetch_latest(deleted, key, 2))
			return key[1].id;
		into = cs_column(deleted, deleted->slot, DELETED_MERGED_INTO, &isnull);
		if (isnull)
			return key[1].id;
		key[1].id = DatumGetInt64(into);
	}
}

/* The deleted contacts with a value in the second column of an index. */
static List *
deleted_contacts_with(CsInstallation *in, const int columns[2], int64 account, Datum value)
{
	CsTable    *deleted = cs_table(in, TABLE_DELETED_CONTACT);
	CsIndexScan scan;
	List	   *found = NIL;
	bool		isnull;

	cs_begin_index_scan(&scan, deleted, columns, account, value);
	while (cs_next_indexed_row(&scan))
	{
		int64	   *contact = palloc(sizeof(int64));

		*contact = DatumGetInt64(cs_column(deleted, deleted->slot, DELETED_CONTACT, &isnull));
		found = lappend(found, contact);
	}
	cs_end_index_scan(&scan);
	return found;
}

List *
cs_merged_contacts(CsInstallation *in, int64 account, int64 contact)
{
	static const int columns[2] = {DELETED_ACCOUNT, DELETED_MERGED_INTO};

	return deleted_contacts_with(in, columns, account, Int64GetDatum(contact));
}

List *
cs_deleted_contacts_of(CsInstallation *in, int64 account, bytea *digest)
{
	static const int columns[2] = {DELETED_ACCOUNT, DELETED_DIGEST};

	return deleted_contacts_with(in, columns, account, PointerGetDatum(digest));
}

/* ---- addresses of merged contacts ---- */

void
cs_suppress_merged_address(CsInstallation *in, CsContact *state, int64 account, int64 contact, int64 merged_into,
						   bytea *digest)
{
	int64		target = cs_merge_target(in, account, merged_into);
	CsDeletedContact deleted;

	if (target == contact)
		return;
	if (cs_lock_contact(state, account, target))
		cs_suppress_facts(in, account, target, cs_contact_generation_start(state), cs_contact_facts(state), digest, false);
	else if (cs_lock_deleted_contact(in, account, target, &deleted))
		cs_suppress_facts(in, account, target, deleted.generation_start,
						  cs_deleted_contact_facts(state, account, target, deleted.generation_start, deleted.ended),
						  digest, false);
	CommandCounterIncrement();
}

/* The suppressions of the last address of a merged contact, and of those that were merged with it. */
static void
suppress_address_of(CsInstallation *in, CsContact *state, int64 account, int64 contact, int64 merged)
{
	CsDeletedContact deleted;
	ListCell   *lc;

	if (!cs_lock_deleted_contact(in, account, merged, &deleted) || deleted.digest == NULL)
		return;
	if (cs_replace_suppressed_facts(in, account, contact, cs_contact_generation_start(state), cs_contact_facts(state),
									deleted.digest, false))
		cs_note_pending_address(in, account, deleted.holder, deleted.digest);
	foreach(lc, cs_merged_contacts(in, account, merged))
		suppress_address_of(in, state, account, contact, *(int64 *) lfirst(lc));
}

void
cs_suppress_merged_addresses(CsInstallation *in, CsContact *state, int64 account, int64 contact)
{
	ListCell   *lc;

	if (RelationGetNumberOfBlocks(cs_table(in, TABLE_DELETED_CONTACT)->rel) == 0)
		return;
	foreach(lc, cs_merged_contacts(in, account, contact))
		suppress_address_of(in, state, account, contact, *(int64 *) lfirst(lc));
}
