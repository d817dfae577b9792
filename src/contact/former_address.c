/*
 * former_address.c
 *		Former addresses of contacts, and the contacts that have them now.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "contact/contact.h"
#include "contact/former_address.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/table_scan.h"

/* ---- holders ---- */

static bool
has_rows(CsInstallation *in, CsTableId id)
{
	return RelationGetNumberOfBlocks(cs_table(in, id)->rel) > 0;
}

bool
cs_has_former_addresses(CsInstallation *in)
{
	return has_rows(in, TABLE_ADDRESS_CHANGE) || has_rows(in, TABLE_DELETED_CONTACT);
}

/*
 * Set the holder in the rows of a table that have the digest in a column.
 * Appends the contacts with which those of the rows were merged, if the column
 * is not 0.
 */
static List *
hold_in(CsInstallation *in, CsTableId id, const int index_columns[2], int holder_column, int merged_column,
		int64 account, int64 contact, bytea *digest)
{
	List	   *merged = NIL;
	CsTable    *table;
	CsIndexScan scan;
	Datum	   *values;
	bool	   *nulls;

	if (!has_rows(in, id))
		return NIL;
	table = cs_table(in, id);
	cs_begin_index_scan(&scan, table, index_columns, account, PointerGetDatum(digest));
	while (cs_next_indexed_row(&scan))
	{
		/* the row is gone if its contact was deleted concurrently */
		if (!cs_lock_row_if_there(table, &table->slot->tts_tid, LockTupleNoKeyExclusive))
			continue;
		cs_copy_row(table, &values, &nulls);
		CS_SET(table, holder_column, Int64GetDatum(contact), false);
		if (merged_column != 0 && !nulls[table->columns[merged_column] - 1])
		{
			int64	   *into = palloc(sizeof(int64));

			*into = DatumGetInt64(values[table->columns[merged_column] - 1]);
			merged = lappend(merged, into);
		}
		cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
	}
	cs_end_index_scan(&scan);
	return merged;
}

List *
cs_set_address_holder(CsInstallation *in, int64 account, int64 contact, bytea *digest)
{
	static const int of_change[2] = {CHANGE_ACCOUNT, CHANGE_OLD_DIGEST};
	static const int of_former[2] = {DELETED_ACCOUNT, DELETED_DIGEST};

	hold_in(in, TABLE_ADDRESS_CHANGE, of_change, CHANGE_HOLDER, 0, account, contact, digest);
	return hold_in(in, TABLE_DELETED_CONTACT, of_former, DELETED_HOLDER, DELETED_MERGED_INTO, account, contact, digest);
}

/* Append the holder that the row in a table's slot names. */
static List *
append_holder(CsTable *table, int column, int64 account, List *holders)
{
	bool		isnull;
	Datum		holder = cs_column(table, table->slot, column, &isnull);
	CsContactId *id;

	if (isnull)
		return holders;
	id = palloc(sizeof(CsContactId));
	*id = (CsContactId) {account, DatumGetInt64(holder)};
	return lappend(holders, id);
}

List *
cs_address_holders(CsInstallation *in, int64 account, int64 contact, List *holders)
{
	cs_id		key[2] = {{true, account}, {true, contact}};
	CsTable    *table;
	CsKeyScan	scan;

	if (has_rows(in, TABLE_ADDRESS_CHANGE))
	{
		table = cs_table(in, TABLE_ADDRESS_CHANGE);
		cs_begin_scan(&scan, table, key, 2, NULL);
		while (cs_next_row(&scan))
			holders = append_holder(table, CHANGE_HOLDER, account, holders);
		cs_end_scan(&scan);
	}
	if (has_rows(in, TABLE_DELETED_CONTACT))
	{
		table = cs_table(in, TABLE_DELETED_CONTACT);
		cs_begin_scan(&scan, table, key, 2, NULL);
		while (cs_next_row(&scan))
			holders = append_holder(table, DELETED_HOLDER, account, holders);
		cs_end_scan(&scan);
	}
	return holders;
}

List *
cs_former_addresses(CsInstallation *in, int64 account, int64 contact)
{
	CsTable    *table = cs_table(in, TABLE_ADDRESS_CHANGE);
	cs_id		key[2] = {{true, account}, {true, contact}};
	List	   *addresses = NIL;
	CsKeyScan	scan;
	bool		isnull;

	if (!has_rows(in, TABLE_ADDRESS_CHANGE))
		return NIL;
	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		CsFormerAddress *address = palloc(sizeof(CsFormerAddress));

		address->digest = DatumGetByteaPCopy(cs_column(table, table->slot, CHANGE_OLD_DIGEST, &isnull));
		address->until = cs_moment_column(table, CHANGE_CHANGED_AT).at;
		addresses = lappend(addresses, address);
	}
	cs_end_scan(&scan);
	return addresses;
}

void
cs_delete_address_changes(CsInstallation *in, int64 account, int64 contact, TimestampTz until)
{
	CsTable    *table = cs_table(in, TABLE_ADDRESS_CHANGE);
	cs_id		key[2] = {{true, account}, {true, contact}};
	CsKeyScan	scan;

	if (until == PG_INT64_MIN || !has_rows(in, TABLE_ADDRESS_CHANGE))
		return;
	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
		if (cs_moment_column(table, CHANGE_CHANGED_AT).at <= until)
			cs_delete_row(in, table, &table->slot->tts_tid);
	cs_end_scan(&scan);
}

static int
compare_contacts(const ListCell *left, const ListCell *right)
{
	return cs_compare_contacts(lfirst(left), lfirst(right));
}

void
cs_sort_contacts(List **contacts)
{
	List	   *sorted = NIL;
	ListCell   *lc;

	list_sort(*contacts, compare_contacts);
	foreach(lc, *contacts)
		if (sorted == NIL || cs_compare_contacts(llast(sorted), lfirst(lc)) != 0)
			sorted = lappend(sorted, lfirst(lc));
	*contacts = sorted;
}

/* ---- pending addresses ---- */

static void
note_pending(CsInstallation *in, int64 account, int64 holder, const bytea *digest)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	CsPendingAddress *pending = palloc(sizeof(CsPendingAddress));

	pending->account = account;
	pending->holder = holder;
	pending->digest = digest ? DatumGetByteaPCopy(PointerGetDatum(digest)) : NULL;
	in->pending = lappend(in->pending, pending);
	MemoryContextSwitchTo(caller);
}

void
cs_note_pending_address(CsInstallation *in, int64 account, cs_id holder, const bytea *digest)
{
	if (holder.set)
		note_pending(in, account, holder.id, digest);
}

void
cs_note_replay(CsInstallation *in, int64 account, int64 contact)
{
	note_pending(in, account, contact, NULL);
}

/* A partition made by another tool may lack our trigger: note that the contact of an event must be replayed. */
static void
replay_without_trigger(CsInstallation *in, CsTable *log, const Datum *values)
{
	if (!cs_has_our_trigger(log->rel, "apply_events"))
		cs_note_replay(in, DatumGetInt64(values[log->columns[EVENT_ACCOUNT] - 1]),
					   DatumGetInt64(values[log->columns[EVENT_CONTACT] - 1]));
}

void
cs_insert_event(CsInstallation *in, CsTable *log, const Datum *values, const bool *nulls)
{
	cs_insert_row(in, log, values, nulls);
	replay_without_trigger(in, log, values);
}

void
cs_insert_new_event(CsInstallation *in, CsTable *log, const Datum *values, const bool *nulls)
{
	if (cs_insert_new_row(in, log, values, nulls))
		replay_without_trigger(in, log, values);
}
