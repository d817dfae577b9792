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
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "facts.h"
#include "subscriptions.h"
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

/* Records of the contact in the slot what is known of its address and not of it. */
static void
tell(CsInstallation *in, CsTable *contacts, int64 account, bytea *digest)
{
	TupleTableSlot *slot = contacts->slot;
	cs_time		since = cs_time_column(contacts, CONTACT_ADDRESS_SINCE, DT_NOBEGIN);
	CsFacts		facts = {0};
	int64		contact;
	bool		isnull;

	cs_check_shown(contacts->rel, slot);
	slot_getallattrs(slot);
	contact = DatumGetInt64(cs_column(contacts, slot, CONTACT_ID, &isnull));
	cs_facts_of_values(&facts, slot->tts_tupleDescriptor, contacts->facts, slot->tts_values, slot->tts_isnull);
	cs_load_consents(in, account, contact, &facts.contact);
	cs_recall_suppressed(in, account, contact, digest, since == DT_NOBEGIN ? since : since + 1,
						 psprintf("suppression " INT64_FORMAT, in->now), &facts.contact);
}

/*
 * Tell those who have one of the addresses.  Returns false where somebody is
 * still inserting one, and has been waited for: then look again.
 */
static bool
tell_all(CsInstallation *in, HTAB *told)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	MemoryContext row = AllocSetContextCreate(in->context, "contact_status successor", ALLOCSET_SMALL_SIZES);
	TransactionId writer = InvalidTransactionId;
	ItemPointerData place;
	SnapshotData dirty;
	TableScanDesc scan;

	InitDirtySnapshot(dirty);
	scan = table_beginscan(contacts->rel, &dirty, 0, NULL);
	while (!TransactionIdIsValid(writer) && table_scan_getnextslot(scan, ForwardScanDirection, contacts->slot))
	{
		MemoryContext caller;
		CsToldAddress address;
		bytea	   *digest;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		address.account = DatumGetInt64(cs_column(contacts, contacts->slot, CONTACT_ACCOUNT, &isnull));
		if (!is_of_account(in, address.account))
			continue;
		caller = MemoryContextSwitchTo(row);
		digest = cs_address_digest(in, address.account, cs_column(contacts, contacts->slot, CONTACT_EMAIL, &isnull));
		memcpy(address.digest, VARDATA(digest), sizeof(address.digest));
		if (hash_search(told, &address, HASH_FIND, NULL) == NULL)
			 /* not one of them */ ;
		else if (TransactionIdIsValid(dirty.xmin))
		{
			writer = dirty.xmin;
			place = contacts->slot->tts_tid;
		}
		else
			tell(in, contacts, address.account, digest);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
	table_endscan(scan);
	ExecClearTuple(contacts->slot);
	MemoryContextDelete(row);
	if (!TransactionIdIsValid(writer))
		return true;
	XactLockTableWait(writer, contacts->rel, &place, XLTW_FetchUpdated);
	return false;
}

void
cs_tell_successors(CsInstallation *in)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	HTAB	   *told = addresses_told(in);

	CommandCounterIncrement();
	while (!tell_all(in, told))
		;
	in->told = NIL;
	MemoryContextSwitchTo(caller);
}
