/*
 * maintenance.c
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

#include "contact/contact.h"
#include "contact/operation.h"
#include "contact/subscription.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/table_scan.h"
#include "types/arguments.h"

PG_FUNCTION_INFO_V1(cs_refresh_contacts);
Datum
cs_refresh_contacts(PG_FUNCTION_ARGS)
{
	bool		anew = PG_GETARG_BOOL(3);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(4);
	CsInstallation *in;
	CsContact   *visits;
	Datum	   *accounts,
			   *contacts;
	int			count;
	int64		changed = 0;

	in = cs_begin_operation(PG_GETARG_NAME(0));
	count = cs_contacts_argument(PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), &accounts, &contacts);
	cs_check_rights(in, ACL_INSERT);
	/* a status ahead of its time may mail a contact too early, or pass the contact limit */
	if (as_of > in->now)
		cs_check_owner(in);
	visits = cs_open_contacts(in);
	for (int i = 0; i < count; i++)
	{
		int64		account = DatumGetInt64(accounts[i]);
		int64		contact = DatumGetInt64(contacts[i]);

		CHECK_FOR_INTERRUPTS();
		cs_check_account(in, account);
		if (cs_lock_contact(visits, account, contact))
		{
			if (anew)
				cs_request_full_replay(visits);
			cs_replay_contact(visits);
			changed += cs_save_contact(visits, as_of);
		}
	}
	cs_close_contacts(visits);
	cs_end_operation(in);
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
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
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
	cs_end_operation(in);
	PG_RETURN_INT64(deleted);
}
