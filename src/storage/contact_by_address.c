/*
 * contact_by_address.c
 *		Looks up a contact by its address.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "fmgr.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "storage/contact_by_address.h"
#include "storage/installation.h"
#include "storage/table_scan.h"
#include "types/address.h"

Relation
cs_open_address_index(Relation contacts)
{
	List	   *indexes = RelationGetIndexList(contacts);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisunique && index->rd_index->indisvalid &&
			index->rd_index->indnkeyatts == 2 && index->rd_index->indkey.values[1] == 0)
			return index;
		index_close(index, AccessShareLock);
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("table \"contact\" has lost its unique index of addresses"),
			 errhint("Create it again as contact_status.create_tables does.")));
}

static void
address_keys(ScanKeyData *keys, Relation index, int64 account, Datum address)
{
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyEntryInitialize(&keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid, index->rd_indcollation[1],
						   F_TEXTEQ, DirectFunctionCall1(cs_normalize_address, address));
}

bool
cs_fetch_by_address(CsTable *contacts, Relation index, Snapshot snapshot, int64 account, Datum address)
{
	IndexScanDesc scan = cs_index_beginscan(contacts->rel, index, snapshot, 2);
	ScanKeyData keys[2];
	bool		found;

	address_keys(keys, index, account, address);
	index_rescan(scan, keys, 2, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, contacts->slot);
	index_endscan(scan);
	if (found)
		cs_check_shown(contacts->rel, contacts->slot);
	return found;
}

/* Does a contact have the address in the latest snapshot? */
static bool
has_contact(CsTable *contacts, Relation index, int64 account, Datum address)
{
	Snapshot	snapshot = cs_latest_snapshot();
	bool		found = cs_fetch_by_address(contacts, index, snapshot, account, address);

	UnregisterSnapshot(snapshot);
	return found;
}

bool
cs_wait_for_address(CsInstallation *in, Relation index, int64 account, Datum address)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	ScanKeyData keys[2];

	address_keys(keys, index, account, address);
	return cs_wait_for_writers(contacts->rel, index, keys, 2, contacts->slot);
}

bool
cs_address_has_contact(CsInstallation *in, Relation index, int64 account, Datum address)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);

	return has_contact(contacts, index, account, address) ||
		(cs_wait_for_address(in, index, account, address) && has_contact(contacts, index, account, address));
}

/*
 * The caller has inserted a suppression.  A transaction that inserts a contact
 * with the address from now on finds it.  One that inserted the contact after
 * the caller's lookup, but before the suppression, may have missed it.  One of
 * the two transactions must fail.
 */
void
cs_check_address_free(CsInstallation *in, Relation index, int64 account, Datum address)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	ScanKeyData keys[2];

	address_keys(keys, index, account, address);
	if (cs_is_written(contacts->rel, index, keys, 2, contacts->slot) ||
		has_contact(contacts, index, account, address))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent insert"),
				 errdetail("A contact with the address began at the same moment."),
				 errhint("Retry the transaction.")));
}
