/*
 * retract_suppressions.c
 *		Marks suppressions as retracted or not retracted.
 *
 * The SQL function chooses the suppressions, and retracts the events that other
 * contacts received from them.  had_addresses() finds the events of given addresses.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "contact/contact.h"
#include "contact/former_address.h"
#include "contact/operation.h"
#include "contact/propagate_suppression.h"
#include "functions/retraction.h"
#include "storage/contact_by_address.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "types/arguments.h"
#include "types/fact_columns.h"

/* A set of digests of addresses. */
static HTAB *
create_digest_set(void)
{
	HASHCTL		hash = {.keysize = PG_SHA256_DIGEST_LENGTH, .entrysize = PG_SHA256_DIGEST_LENGTH, .hcxt = CurrentMemoryContext};

	return hash_create("contact_status digests", 256, &hash, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The digests of the addresses in an SQL array.  Nulls are left out. */
static HTAB *
digests_of(CsInstallation *in, int64 account, Datum emails)
{
	HTAB	   *digests = create_digest_set();
	Datum	   *addresses;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(emails), TEXTOID, -1, false, TYPALIGN_INT, &addresses, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			hash_search(digests, VARDATA(cs_address_digest(in, account, addresses[i])), HASH_ENTER, NULL);
	return digests;
}

/* Appends the addresses of contacts in a snapshot, with a digest in the set, to a list of Datum *. */
static List *
append_addresses(CsInstallation *in, int64 account, HTAB *digests, Snapshot snapshot, List *found)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "contact_status address", ALLOCSET_SMALL_SIZES);
	IndexScanDesc scan = cs_index_beginscan(contacts->rel, cs_key(contacts), snapshot, 1);
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, contacts->slot))
	{
		bool		isnull,
					among;
		Datum		email = cs_column(contacts, contacts->slot, CONTACT_EMAIL, &isnull);
		MemoryContext caller = MemoryContextSwitchTo(row);

		CHECK_FOR_INTERRUPTS();
		among = hash_search(digests, VARDATA(cs_address_digest(in, account, email)), HASH_FIND, NULL) != NULL;
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
		if (among)
			found = lappend(found, PG_DETOAST_DATUM_COPY(email));
	}
	index_endscan(scan);
	MemoryContextDelete(row);
	return found;
}

/*
 * The contacts (CsContactId *) that have an address with a digest in the set,
 * in lock order.  Waits for concurrent transactions that insert, delete or
 * change a contact with such an address.  Raises 40001 for a contact that the
 * transaction's own snapshot does not show.
 *
 * The caller has written the suppressions of these addresses.  A transaction
 * that takes an address later waits for the caller.
 */
static List *
address_holders(CsInstallation *in, int64 account, HTAB *digests)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	Relation	index = cs_open_address_index(contacts->rel);
	Snapshot	snapshot = cs_latest_snapshot();
	List	   *holders = NIL;
	List	   *addresses;
	SnapshotData dirty;
	ListCell   *lc;

	/* the dirty snapshot can miss a committed row that a concurrent update moves */
	InitDirtySnapshot(dirty);
	addresses = append_addresses(in, account, digests, snapshot, append_addresses(in, account, digests, &dirty, NIL));
	UnregisterSnapshot(snapshot);
	foreach(lc, addresses)
	{
		Datum		address = PointerGetDatum(lfirst(lc));

		CHECK_FOR_INTERRUPTS();
		cs_wait_for_address(in, index, account, address);
		snapshot = cs_latest_snapshot();
		if (cs_fetch_by_address(contacts, index, snapshot, account, address))
		{
			CsContactId *id = palloc(sizeof(CsContactId));
			bool		isnull;

			*id = (CsContactId) {account, DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ID, &isnull))};
			holders = lappend(holders, id);
		}
		UnregisterSnapshot(snapshot);
	}
	index_close(index, AccessShareLock);
	cs_sort_contacts(&holders);
	return holders;
}

/* Record the suppressions of their addresses as events of contacts whose logs lack them. */
static void
apply_to(CsInstallation *in, List *holders)
{
	CsContact  *state = cs_open_contacts(in);
	ListCell   *lc;

	foreach(lc, holders)
	{
		CsContactId *id = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		cs_apply_suppressions(in, state, id->account, id->contact, NULL);
	}
	cs_close_contacts(state);
}

/*
 * mark_suppressions(schema, account_id, places tid[], emails text[],
 * retraction_id, reason): marks suppressions, given by their ctid, as retracted
 * or, if the reason is null, as not retracted.  With emails, only suppressions
 * of these addresses.  Returns the number of marked ones.
 *
 * Locks the retractions of the account and the suppressions, and waits for
 * concurrent transactions that take the addresses.  Suppressions that count
 * again become events of the contacts that have their addresses.  Suppressions
 * that follow from a contact or an erasure are ignored.  Raises 42501 without
 * the UPDATE privilege on the log.
 */
PG_FUNCTION_INFO_V1(cs_mark_suppressions);
Datum
cs_mark_suppressions(PG_FUNCTION_ARGS)
{
	int64		account,
				retraction,
				marked = 0;
	bool		undo = PG_ARGISNULL(5);
	HTAB	   *digests = NULL;
	HTAB	   *touched;
	CsInstallation *in;
	Datum	   *places;
	int			count;

	for (int i = 0; i < 5; i++)
		if (i != 3 && PG_ARGISNULL(i))
			PG_RETURN_NULL();
	account = PG_GETARG_INT64(1);
	retraction = PG_GETARG_INT64(4);
	in = cs_begin_retraction(PG_GETARG_NAME(0), account);
	touched = create_digest_set();
	if (!PG_ARGISNULL(3))
		digests = digests_of(in, account, PG_GETARG_DATUM(3));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT,
					  &places, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		bytea	   *digest = cs_lock_suppression(in, account, (ItemPointer) DatumGetPointer(places[i]), undo ? retraction : 0);

		CHECK_FOR_INTERRUPTS();
		if (digest == NULL || VARSIZE(digest) != VARHDRSZ + PG_SHA256_DIGEST_LENGTH ||
			(digests != NULL && hash_search(digests, VARDATA(digest), HASH_FIND, NULL) == NULL))
			continue;
		cs_mark_suppression(in, undo ? 0 : retraction);
		hash_search(touched, VARDATA(digest), HASH_ENTER, NULL);
		marked++;
	}
	CommandCounterIncrement();
	if (!undo)
		cs_note_retraction(in, account, retraction, text_to_cstring(PG_GETARG_TEXT_PP(5)), marked, 0);
	if (marked > 0)
	{
		List	   *holders = address_holders(in, account, touched);

		if (undo)
			apply_to(in, holders);
	}
	cs_end_operation(in);
	PG_RETURN_INT64(marked);
}

/*
 * The digest of the address that a contact, or else the last contact with its
 * id, had at a time; NULL: not known.
 */
static bytea *
digest_at(CsInstallation *in, int64 account, int64 contact, TimestampTz at)
{
	CsTable    *changes = cs_table(in, TABLE_ADDRESS_CHANGE);
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	CsTable    *deleted = cs_table(in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, account}, {true, contact}};
	cs_time		after = at + 1;
	cs_time		until = PG_INT64_MAX;
	bytea	   *digest = NULL;
	CsKeyScan	scan;
	bool		isnull;

	if (cs_fetch_latest(contacts, key, 2))
	{
		cs_time		generation_start = cs_time_column(contacts, CONTACT_GENERATION_START, PG_INT64_MIN);

		if (at > generation_start)
			digest = cs_address_digest(in, account, cs_column(contacts, contacts->slot, CONTACT_EMAIL, &isnull));
		else
			until = generation_start;	/* of an earlier contact with the id */
	}
	if (digest == NULL && cs_fetch_latest(deleted, key, 2))
	{
		Datum		value = cs_column(deleted, deleted->slot, DELETED_DIGEST, &isnull);

		if (!isnull)
			digest = DatumGetByteaPCopy(value);
	}
	cs_begin_scan(&scan, changes, key, 2, &after);
	if (cs_next_row(&scan) && cs_moment_column(changes, CHANGE_CHANGED_AT).at <= until)
		digest = DatumGetByteaPCopy(cs_column(changes, changes->slot, CHANGE_OLD_DIGEST, &isnull));
	cs_end_scan(&scan);
	return digest;
}

/*
 * had_addresses(schema, account_id, contacts bigint[], times timestamptz[],
 * emails text[]): for each contact, whether it had one of the addresses at the
 * time.  Raises 2202E if the lengths differ, 22004 for a null, and 42501 without
 * the UPDATE privilege on the log.
 */
PG_FUNCTION_INFO_V1(cs_had_addresses);
Datum
cs_had_addresses(PG_FUNCTION_ARGS)
{
	int64		account = PG_GETARG_INT64(1);
	CsInstallation *in = cs_begin_retraction(PG_GETARG_NAME(0), account);
	HTAB	   *digests = digests_of(in, account, PG_GETARG_DATUM(4));
	Datum	   *contacts,
			   *times,
			   *had;
	int			count = cs_bigints_argument(PG_GETARG_DATUM(2), &contacts);
	int			other;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &times, NULL, &other);
	if (other != count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("as many contacts as times are needed")));
	had = palloc(Max(count, 1) * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		bytea	   *digest = digest_at(in, account, DatumGetInt64(contacts[i]), DatumGetTimestampTz(times[i]));

		CHECK_FOR_INTERRUPTS();
		had[i] = BoolGetDatum(digest != NULL && VARSIZE(digest) == VARHDRSZ + PG_SHA256_DIGEST_LENGTH &&
							  hash_search(digests, VARDATA(digest), HASH_FIND, NULL) != NULL);
	}
	cs_end_operation(in);
	PG_RETURN_ARRAYTYPE_P(construct_array(had, count, BOOLOID, sizeof(bool), true, TYPALIGN_CHAR));
}
