/*
 * former_addresses.c
 *		Addresses that contacts had and other contacts hold now.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "former_addresses.h"
#include "privileges.h"
#include "suppression.h"

/* A contact whose address has other suppressions than it was given, or (no digest) that is to be replayed. */
typedef struct PendingAddress
{
	int64		account;
	int64		holder;
	bytea	   *digest;
} PendingAddress;

/* ---- holders ---- */

static bool
has_rows(CsInstallation *in, CsTableId id)
{
	return RelationGetNumberOfBlocks(cs_table(in, id)->rel) > 0;
}

bool
cs_has_former_addresses(CsInstallation *in)
{
	return has_rows(in, TABLE_ADDRESS_CHANGE) || has_rows(in, TABLE_FORMER_CONTACT);
}

/* Enter the holder in the rows of a table that have the digest in a column. */
static void
hold_in(CsInstallation *in, CsTableId id, const int index_columns[2], int holder_column,
		int64 account, int64 contact, bytea *digest)
{
	CsTable    *table;
	Relation	index;
	Snapshot	snapshot;
	IndexScanDesc scan;
	ScanKeyData keys[2];
	Datum	   *values;
	bool	   *nulls;

	if (!has_rows(in, id))
		return;
	table = cs_table(in, id);
	index = cs_open_index(table, index_columns, 2);
	snapshot = cs_latest_snapshot();
	scan = cs_index_beginscan(table->rel, index, snapshot, 2);
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_BYTEAEQ, PointerGetDatum(digest));
	index_rescan(scan, keys, 2, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, table->slot))
	{
		/* it goes with the contact that gave the address up */
		if (!cs_lock_row_if_there(table, &table->slot->tts_tid, LockTupleNoKeyExclusive))
			continue;
		cs_copy_row(table, &values, &nulls);
		CS_SET(table, holder_column, Int64GetDatum(contact), false);
		cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
	}
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, AccessShareLock);
}

void
cs_hold_address(CsInstallation *in, int64 account, int64 contact, bytea *digest)
{
	static const int of_change[2] = {CHANGE_ACCOUNT, CHANGE_OLD_DIGEST};
	static const int of_former[2] = {FORMER_ACCOUNT, FORMER_DIGEST};

	hold_in(in, TABLE_ADDRESS_CHANGE, of_change, CHANGE_HOLDER, account, contact, digest);
	hold_in(in, TABLE_FORMER_CONTACT, of_former, FORMER_HOLDER, account, contact, digest);
}

/* Append the holder in the row in a table's slot. */
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
cs_holders(CsInstallation *in, int64 account, int64 contact, List *holders)
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
	if (has_rows(in, TABLE_FORMER_CONTACT))
	{
		table = cs_table(in, TABLE_FORMER_CONTACT);
		cs_begin_scan(&scan, table, key, 2, NULL);
		while (cs_next_row(&scan))
			holders = append_holder(table, FORMER_HOLDER, account, holders);
		cs_end_scan(&scan);
	}
	return holders;
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

/* ---- propagation ---- */

static void
note_pending(CsInstallation *in, int64 account, int64 holder, const bytea *digest)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	PendingAddress *pending = palloc(sizeof(PendingAddress));

	pending->account = account;
	pending->holder = holder;
	pending->digest = digest ? DatumGetByteaPCopy(PointerGetDatum(digest)) : NULL;
	in->pending = lappend(in->pending, pending);
	MemoryContextSwitchTo(caller);
}

void
cs_note_pending(CsInstallation *in, int64 account, cs_id holder, const bytea *digest)
{
	if (holder.set)
		note_pending(in, account, holder.id, digest);
}

void
cs_note_replay(CsInstallation *in, int64 account, int64 contact)
{
	note_pending(in, account, contact, NULL);
}

void
cs_apply_suppressions(CsInstallation *in, CsVisits *visits, int64 account, int64 contact, const bytea *expected)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	cs_time		since;
	bytea	   *digest;
	bool		isnull;

	if (!cs_visit(visits, account, contact))
		return;
	digest = cs_address_digest(in, account, cs_column(contacts, contacts->slot, CONTACT_EMAIL, &isnull));
	if (expected && memcmp(VARDATA(digest), VARDATA(expected), PG_SHA256_DIGEST_LENGTH) != 0)
		return;					/* it has another address by now */
	since = cs_time_column(contacts, CONTACT_ADDRESS_SINCE, DT_NOBEGIN);
	cs_recall_missing(in, account, contact, digest, since == DT_NOBEGIN ? since : since + 1,
					  psprintf("suppression " INT64_FORMAT, in->now), cs_visited_begins_after(visits));
}

static int
compare_pending(const ListCell *left, const ListCell *right)
{
	const PendingAddress *a = lfirst(left);
	const PendingAddress *b = lfirst(right);
	CsContactId one = {a->account, a->holder};
	CsContactId other = {b->account, b->holder};

	return cs_compare_contacts(&one, &other);
}

void
cs_propagate_suppressions(CsInstallation *in)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	CsVisits   *visits;
	ListCell   *lc;

	CommandCounterIncrement();
	visits = cs_begin_visits(in);
	list_sort(in->pending, compare_pending);
	foreach(lc, in->pending)
	{
		PendingAddress *pending = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (pending->digest != NULL)
			cs_apply_suppressions(in, visits, pending->account, pending->holder, pending->digest);
		else if (cs_visit(visits, pending->account, pending->holder))
		{
			cs_fold_anew(visits);
			cs_leave(visits, in->now);
		}
		CommandCounterIncrement();
	}
	cs_end_visits(visits);
	in->pending = NIL;
	MemoryContextSwitchTo(caller);
}

/* ---- contacts that were written with triggers off: for verify and repair ---- */

/* Into a store, the suppressions of the addresses of all contacts. */
static void
put_all(CsInstallation *in, Tuplestorestate *store, TupleDesc desc)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	CsTable    *keys = cs_table(in, TABLE_ACCOUNT_KEY);
	Snapshot	snapshot = GetActiveSnapshot();
	MemoryContext row = AllocSetContextCreate(in->context, "contact_status suppressed contact", ALLOCSET_SMALL_SIZES);
	TableScanDesc scan = table_beginscan(contacts->rel, snapshot, 0, NULL);
	cs_id		account = {0};
	bool		has_key = false;

	while (table_scan_getnextslot(scan, ForwardScanDirection, contacts->slot))
	{
		bool		isnull;
		int64		its = DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ACCOUNT, &isnull));
		int64		contact = DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ID, &isnull));
		Datum		email = cs_column(contacts, contacts->slot, CONTACT_EMAIL, &isnull);
		MemoryContext caller;

		CHECK_FOR_INTERRUPTS();
		if (!account.set || account.id != its)
		{
			account = (cs_id) {true, its};
			has_key = cs_fetch_latest(keys, &account, 1);
		}
		if (!has_key)
			continue;			/* nothing can be found of its addresses */
		caller = MemoryContextSwitchTo(row);
		cs_put_suppressed(in, its, contact, cs_address_digest(in, its, email), snapshot, store, desc);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
	table_endscan(scan);
}

/*
 * suppressed_contacts(schema): the suppressions of the addresses of contacts,
 * as the statement's snapshot shows both.  No rows where row-level security
 * applies to the caller; raises 42501 without SELECT on contact and event.
 */
PG_FUNCTION_INFO_V1(cs_suppressed_contacts);
Datum
cs_suppressed_contacts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CsInstallation *in = cs_open_named(PG_GETARG_NAME(0));

	InitMaterializedSRF(fcinfo, 0);
	in->reads_only = true;
	cs_check_table_rights(cs_table(in, TABLE_CONTACT)->rel, ACL_SELECT);
	cs_check_rights(in, ACL_SELECT);
	if (cs_is_exempt(in, GetUserId()) && cs_has_suppressed(in))
		put_all(in, result->setResult, result->setDesc);
	cs_close(in);
	return (Datum) 0;
}

/* tell_contacts(schema, accounts, contacts): records the suppressions of their addresses that their logs lack. */
PG_FUNCTION_INFO_V1(cs_tell_contacts);
Datum
cs_tell_contacts(PG_FUNCTION_ARGS)
{
	CsInstallation *in;
	MemoryContext caller;
	CsVisits   *visits;
	Datum	   *accounts,
			   *contacts;
	int			count;

	CommandCounterIncrement();
	in = cs_open_named(PG_GETARG_NAME(0));
	caller = MemoryContextSwitchTo(in->context);
	count = cs_contacts_argument(PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), &accounts, &contacts);
	cs_check_rights(in, ACL_INSERT);
	visits = cs_begin_visits(in);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cs_check_account(in, DatumGetInt64(accounts[i]));
		cs_apply_suppressions(in, visits, DatumGetInt64(accounts[i]), DatumGetInt64(contacts[i]), NULL);
	}
	cs_end_visits(visits);
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}
