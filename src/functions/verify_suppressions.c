/*
 * verify_suppressions.c
 *		Finds suppressions that the log of a contact lacks, for verify and
 *		repair.  Contacts that were written with triggers disabled lack them.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "contact/contact.h"
#include "contact/operation.h"
#include "contact/propagate_suppression.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "types/arguments.h"

/* Put the suppressions of the addresses of all contacts into a store. */
static void
put_all(CsInstallation *in, Tuplestorestate *store, TupleDesc desc)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	CsTable    *keys = cs_table(in, TABLE_ADDRESS_KEY);
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
			continue;			/* without a key there are no suppressions */
		caller = MemoryContextSwitchTo(row);
		cs_collect_suppressions(in, its, contact, cs_address_digest(in, its, email), snapshot, false, store, desc);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
	table_endscan(scan);
}

/*
 * suppressed_contacts(schema): the suppressions of the addresses of contacts,
 * as the statement's snapshot shows both.  Returns no rows if row-level
 * security applies to the caller.  Raises 42501 without the SELECT privilege on
 * contact and event.
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
	if (cs_is_exempt(in, GetUserId()) && cs_has_suppressions(in))
		put_all(in, result->setResult, result->setDesc);
	cs_close(in);
	return (Datum) 0;
}

/*
 * apply_suppressions(schema, accounts, contacts): locks contacts, and records
 * as events the suppressions of their addresses that their logs lack.  The
 * arrays are in the order of (contact, account).
 */
PG_FUNCTION_INFO_V1(cs_apply_suppressions_of);
Datum
cs_apply_suppressions_of(PG_FUNCTION_ARGS)
{
	CsInstallation *in;
	CsContact   *state;
	Datum	   *accounts,
			   *contacts;
	int			count;

	in = cs_begin_operation(PG_GETARG_NAME(0));
	count = cs_contacts_argument(PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), &accounts, &contacts);
	cs_check_rights(in, ACL_INSERT);
	state = cs_open_contacts(in);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cs_check_account(in, DatumGetInt64(accounts[i]));
		cs_apply_suppressions(in, state, DatumGetInt64(accounts[i]), DatumGetInt64(contacts[i]), NULL);
	}
	cs_close_contacts(state);
	cs_end_operation(in);
	PG_RETURN_VOID();
}
