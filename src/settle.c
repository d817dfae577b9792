/*
 * settle.c
 *		What sweep, reevaluate and repair have in common: visits to many
 *		contacts without new events.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "contacts.h"
#include "privileges.h"
#include "subscriptions.h"

int
cs_bigints_argument(Datum array, Datum **values)
{
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, values, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("an id must not be null")));
	return count;
}

int
cs_contacts_argument(Datum accounts, Datum contacts, Datum **account_values, Datum **contact_values)
{
	int			count = cs_bigints_argument(accounts, account_values);

	if (cs_bigints_argument(contacts, contact_values) != count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be as many accounts as contacts"),
				 errhint("Give the account of each contact.")));
	return count;
}

/*
 * check_all_shown(schema): raises 40001 where the transaction's snapshot does
 * not show a contact, so that reevaluate would leave it out.
 */
PG_FUNCTION_INFO_V1(cs_check_all_shown);
Datum
cs_check_all_shown(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open_named(PG_GETARG_NAME(0));
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);

	cs_check_rights(in, ACL_INSERT);
	if (IsolationUsesXactSnapshot())
	{
		Snapshot	snapshot = cs_latest_snapshot();
		TableScanDesc scan = table_beginscan(contacts->rel, snapshot, 0, NULL);

		while (table_scan_getnextslot(scan, ForwardScanDirection, contacts->slot))
			cs_check_shown(contacts->rel, contacts->slot);
		table_endscan(scan);
		UnregisterSnapshot(snapshot);
	}
	cs_close(in);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(cs_settle_contacts);
Datum
cs_settle_contacts(PG_FUNCTION_ARGS)
{
	bool		anew = PG_GETARG_BOOL(3);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(4);
	CsInstallation *in;
	CsVisits   *visits;
	MemoryContext caller;
	Datum	   *accounts,
			   *contacts;
	int			count;
	int64		changed = 0;

	count = cs_contacts_argument(PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), &accounts, &contacts);
	CommandCounterIncrement();
	in = cs_open_named(PG_GETARG_NAME(0));
	caller = MemoryContextSwitchTo(in->context);
	cs_check_rights(in, ACL_INSERT);
	/* a status ahead of its time may mail a contact too early, or pass the contact limit */
	if (as_of > in->now)
		cs_check_owner(in);
	visits = cs_begin_visits(in);
	for (int i = 0; i < count; i++)
	{
		int64		account = DatumGetInt64(accounts[i]);
		int64		contact = DatumGetInt64(contacts[i]);

		CHECK_FOR_INTERRUPTS();
		cs_check_account(in, account);
		if (cs_visit(visits, account, contact))
		{
			if (anew)
				cs_fold_anew(visits);
			changed += cs_leave(visits, as_of);
		}
	}
	cs_end_visits(visits);
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_INT64(changed);
}

/*
 * delete_orphans(schema, accounts, contacts): deletes subscriptions that have
 * no contact, which only damage can leave; for repair.  Locks out inserts of
 * contacts, so it refuses a caller to whom row-level security applies (42501).
 * Returns of how many contacts there were any.
 */
PG_FUNCTION_INFO_V1(cs_delete_orphans);
Datum
cs_delete_orphans(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open_named(PG_GETARG_NAME(0));
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	CsTable    *table = cs_table(in, TABLE_CONTACT);
	Datum	   *accounts,
			   *contacts;
	int			count = cs_contacts_argument(PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), &accounts, &contacts);
	int64		deleted = 0;

	cs_check_rights(in, ACL_INSERT);
	cs_check_readable(table->rel);
	for (int i = 0; i < count; i++)
	{
		cs_id		key[2] = {{true, DatumGetInt64(accounts[i])}, {true, DatumGetInt64(contacts[i])}};

		CHECK_FOR_INTERRUPTS();
		if (cs_fetch_latest(table, key, 2))
			continue;
		LockRelationOid(RelationGetRelid(table->rel), ShareRowExclusiveLock);
		if (cs_fetch_latest(table, key, 2))
			continue;
		deleted += cs_delete_subscriptions(in, key[0].id, key[1].id);
	}
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_INT64(deleted);
}
