/*
 * former_contact.c
 *		Finds the contact that had an address.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "contact/deleted_contact.h"
#include "contact/former_address.h"
#include "contact/operation.h"
#include "storage/contact_by_address.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/settings.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "types/address.h"

/* A contact that had the address until a time. */
typedef struct Former
{
	bool		found;
	int64		contact;
	cs_time		until;
	bool		merged;			/* it was merged with another contact */
	bool		changed;		/* it had another address afterwards */
} Former;

/*
 * Choose between two contacts that had the address: the one that had it at the
 * time of the event, else the last one.
 */
static void
choose(Former *best, int64 contact, cs_time until, bool merged, bool changed, cs_time at)
{
	bool		better;

	if (!best->found)
		better = true;
	else if (best->until >= at)
		better = until >= at && until < best->until;
	else
		better = until > best->until;
	if (better)
		*best = (Former) {true, contact, until, merged, changed};
}

/*
 * Consider the row of address_change, or of deleted_contact, in the slot of the
 * table.  A contact with the same id that began later is another one.
 */
static void
consider(CsInstallation *in, CsTable *table, int64 account, cs_time at, Former *best)
{
	bool		changed = table->id == TABLE_ADDRESS_CHANGE;
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	CsTable    *deleted = cs_table(in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, account}};
	cs_time		until;
	bool		isnull;

	key[1] = (cs_id) {true, DatumGetInt64(cs_column(table, table->slot, changed ? CHANGE_CONTACT : DELETED_CONTACT, &isnull))};
	until = cs_time_column(table, changed ? CHANGE_CHANGED_AT : DELETED_MERGED_AT, PG_INT64_MIN);
	if (until == PG_INT64_MIN)
		return;					/* a deleted contact that was not merged */
	if (cs_fetch_latest(contacts, key, 2))
	{
		if (changed && cs_time_column(contacts, CONTACT_GENERATION_START, PG_INT64_MIN) < until)
			choose(best, key[1].id, until, false, true, at);
	}
	else if (!changed || (cs_fetch_latest(deleted, key, 2) &&
						  cs_time_column(deleted, DELETED_MERGED_AT, PG_INT64_MIN) >= until))
		choose(best, key[1].id, until, true, changed, at);
}

/* Consider the rows of a table with the digest of the address. */
static void
search(CsInstallation *in, CsTableId id, int64 account, bytea *digest, cs_time at, Former *best)
{
	static const int of_change[2] = {CHANGE_ACCOUNT, CHANGE_OLD_DIGEST};
	static const int of_deleted[2] = {DELETED_ACCOUNT, DELETED_DIGEST};
	CsTable    *table = cs_open_table(in, id, cs_table_oid(in, id));	/* a slot of its own */
	CsIndexScan scan;

	cs_begin_index_scan(&scan, table, id == TABLE_ADDRESS_CHANGE ? of_change : of_deleted, account, PointerGetDatum(digest));
	while (cs_next_indexed_row(&scan))
		consider(in, table, account, at, best);
	cs_end_index_scan(&scan);
}

/* Does a contact have the address in the latest snapshot? */
static bool
has_contact(CsInstallation *in, int64 account, Datum address)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	Relation	index = cs_open_address_index(contacts->rel);
	Snapshot	snapshot = cs_latest_snapshot();
	bool		found = cs_fetch_by_address(contacts, index, snapshot, account, address);

	UnregisterSnapshot(snapshot);
	index_close(index, AccessShareLock);
	return found;
}

/*
 * former_contact(schema, account_id, email, at): of an address that no contact
 * has, the contact that had it at a time, or else the last one: a contact that
 * has another address now, or one that was merged.  Returns its id, the time
 * until which it had the address (null for the last address of a merged
 * contact), whether it was merged, and whether that time lies before the
 * horizon; nulls if there is none.  Raises 42501 without INSERT on the log.
 */
PG_FUNCTION_INFO_V1(cs_former_contact);
Datum
cs_former_contact(PG_FUNCTION_ARGS)
{
	int64		account = PG_GETARG_INT64(1);
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
	const CsPolicy *policy;
	Former		former = {0};
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4];

	cs_check_rights(in, ACL_INSERT);
	cs_check_account(in, account);
	policy = cs_account_policy(in, account);
	if (policy != NULL && cs_has_former_addresses(in) && cs_is_address_datum(PG_GETARG_DATUM(2)) &&
		!has_contact(in, account, PG_GETARG_DATUM(2)))
	{
		bytea	   *digest = cs_address_digest(in, account, PG_GETARG_DATUM(2));

		search(in, TABLE_ADDRESS_CHANGE, account, digest, PG_GETARG_TIMESTAMPTZ(3), &former);
		search(in, TABLE_DELETED_CONTACT, account, digest, PG_GETARG_TIMESTAMPTZ(3), &former);
	}
	memset(nulls, !former.found, sizeof(nulls));
	values[0] = Int64GetDatum(former.contact);
	values[1] = TimestampTzGetDatum(former.until);
	values[2] = BoolGetDatum(former.merged);
	nulls[1] = !former.changed;
	values[3] = BoolGetDatum(former.changed && policy->horizon.set && former.until < policy->horizon.at);
	cs_end_operation(in);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "unexpected result type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
