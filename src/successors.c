/*
 * successors.c
 *		A contact that has the address of another by now.
 *
 * Whoever takes an address over is told then what is suppressed of it.  What
 * becomes known of the address only afterwards, because an event came late or
 * a retraction was undone, is told here.  A digest leads to no contact, so all
 * of the account are looked through: it happens seldom.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "give_way.h"
#include "successors.h"
#include "suppression.h"

static HTAB *
addresses_told(CsInstallation *in)
{
	HASHCTL		how = {.keysize = sizeof(CsToldAddress), .entrysize = sizeof(CsToldAddress), .hcxt = in->context};
	HTAB	   *told = hash_create("contact_status told", list_length(in->told), &how,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *lc;

	foreach(lc, in->told)
		hash_search(told, lfirst(lc), HASH_ENTER, NULL);
	return told;
}

static bool
is_of_account(CsInstallation *in, int64 account)
{
	ListCell   *lc;

	foreach(lc, in->told)
		if (((CsToldAddress *) lfirst(lc))->account == account)
			return true;
	return false;
}

void
cs_tell_contact(CsInstallation *in, CsVisits *visits, int64 account, int64 contact, const bytea *expected)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	cs_time		since;
	bytea	   *digest;
	bool		isnull;

	if (!cs_visit(visits, account, contact))
		return;
	digest = cs_address_digest(in, account, cs_column(contacts, contacts->slot, CONTACT_EMAIL, &isnull));
	if (expected && memcmp(VARDATA(digest), VARDATA(expected), PG_SHA256_DIGEST_LENGTH) != 0)
		return;
	since = cs_time_column(contacts, CONTACT_ADDRESS_SINCE, DT_NOBEGIN);
	cs_recall_untold(in, account, contact, digest, since == DT_NOBEGIN ? since : since + 1,
					 psprintf("suppression " INT64_FORMAT, in->now), cs_visited_begins_after(visits));
}

/* The digest of the address of the contact in the slot, if it is one of these; otherwise NULL. */
static bytea *
told_digest(CsInstallation *in, HTAB *told, CsTable *contacts)
{
	CsToldAddress address;
	bytea	   *digest;
	bool		isnull;

	address.account = DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ACCOUNT, &isnull));
	if (!is_of_account(in, address.account))
		return NULL;
	digest = cs_address_digest(in, address.account, cs_column(contacts, contacts->slot, CONTACT_EMAIL, &isnull));
	memcpy(address.digest, VARDATA(digest), sizeof(address.digest));
	return hash_search(told, &address, HASH_FIND, NULL) ? digest : NULL;
}

/*
 * Is somebody writing a contact with one of the addresses?  Then he is waited
 * for, or given way to.
 */
static bool
met_writer(CsInstallation *in, HTAB *told)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	TransactionId writer = InvalidTransactionId;
	ItemPointerData place;
	SnapshotData dirty;
	TableScanDesc scan;
	bool		isnull;

	InitDirtySnapshot(dirty);
	scan = table_beginscan(contacts->rel, &dirty, 0, NULL);
	while (!TransactionIdIsValid(writer) && table_scan_getnextslot(scan, ForwardScanDirection, contacts->slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (!TransactionIdIsValid(dirty.xmin) || !told_digest(in, told, contacts))
			continue;
		writer = dirty.xmin;
		place = contacts->slot->tts_tid;
		if (in->gives_way)
			cs_met_contact(DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ACCOUNT, &isnull)),
						   DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ID, &isnull)));
	}
	table_endscan(scan);
	ExecClearTuple(contacts->slot);
	if (!TransactionIdIsValid(writer))
		return false;
	if (in->gives_way)
		cs_give_way(writer);
	XactLockTableWait(writer, contacts->rel, &place, XLTW_FetchUpdated);
	return true;
}

/* Tell those who have one of the addresses. */
static void
tell_all(CsInstallation *in, HTAB *told)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	CsVisits   *visits = cs_begin_visits(in);
	MemoryContext row = AllocSetContextCreate(in->context, "contact_status successor", ALLOCSET_SMALL_SIZES);
	Snapshot	snapshot = cs_latest_snapshot();
	TableScanDesc scan = table_beginscan(contacts->rel, snapshot, 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, contacts->slot))
	{
		MemoryContext caller = MemoryContextSwitchTo(row);
		bytea	   *digest = told_digest(in, told, contacts);
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (digest != NULL)
			cs_tell_contact(in, visits, DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ACCOUNT, &isnull)),
							DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ID, &isnull)), digest);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	MemoryContextDelete(row);
	cs_end_visits(visits);
}

/*
 * Whoever takes an address from now on waits for us.  Whoever is taking one is
 * waited for before the contacts are read: a look at rows of others while they
 * are written can miss one that moves meanwhile.
 */
void
cs_tell_successors(CsInstallation *in)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	HTAB	   *told = addresses_told(in);

	CommandCounterIncrement();
	while (met_writer(in, told))
		;
	tell_all(in, told);
	in->told = NIL;
	MemoryContextSwitchTo(caller);
}

/* ---- what was missed, because triggers were off: for verify and repair ---- */

static bool
is_restricted(Relation rel)
{
	return check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED;
}

/* Into a store, what is suppressed of the addresses of all contacts. */
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
 * suppressed_contacts(schema): the contacts of whose address something is
 * suppressed, as the statement's snapshot has both.  Empty for whom row-level
 * security applies to, as verify is theirs too; raises 42501 without SELECT.
 */
PG_FUNCTION_INFO_V1(cs_suppressed_contacts);
Datum
cs_suppressed_contacts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CsInstallation *in = cs_open(get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false));

	InitMaterializedSRF(fcinfo, 0);
	in->reads_only = true;
	if (!is_restricted(cs_table(in, TABLE_CONTACT)->rel) && !is_restricted(cs_table(in, TABLE_SUPPRESSION)->rel))
	{
		cs_check_readable(cs_table(in, TABLE_CONTACT)->rel);
		if (cs_has_suppressed(in))
			put_all(in, result->setResult, result->setDesc);
	}
	cs_close(in);
	return (Datum) 0;
}

/* tell_contacts(schema, accounts, contacts): records what is suppressed of their addresses and they were not told. */
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
	in = cs_open(get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false));
	caller = MemoryContextSwitchTo(in->context);
	count = cs_bigints_argument(PG_GETARG_DATUM(1), &accounts);
	if (cs_bigints_argument(PG_GETARG_DATUM(2), &contacts) != count)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("as many accounts as contacts are needed")));
	cs_check_rights(in, ACL_INSERT);
	visits = cs_begin_visits(in);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cs_tell_contact(in, visits, DatumGetInt64(accounts[i]), DatumGetInt64(contacts[i]), NULL);
	}
	cs_end_visits(visits);
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}
