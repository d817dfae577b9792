/*
 * maintenance.c
 *		The common part of sweep, reevaluate and repair: brings many contacts
 *		up to date without new events.
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

/*
 * refresh_contacts(schema, accounts, contacts, replay, as_of): locks contacts,
 * replays their whole logs if asked, and saves them with statuses as of a
 * moment.  The arrays are in the order of (contact, account).  Returns the
 * number of contacts that changed.  Raises 42501 if the caller lacks the
 * privileges, or is not the owner and as_of is ahead of the clock.
 */
PG_FUNCTION_INFO_V1(cs_refresh_contacts);
Datum
cs_refresh_contacts(PG_FUNCTION_ARGS)
{
	bool		anew = PG_GETARG_BOOL(3);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(4);
	CsInstallation *in;
	CsContact   *state;
	Datum	   *accounts,
			   *contacts;
	int			count;
	int64		changed = 0;

	in = cs_begin_operation(PG_GETARG_NAME(0));
	count = cs_contacts_argument(PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), &accounts, &contacts);
	cs_check_rights(in, ACL_INSERT);
	/* a status ahead of the clock could allow a mail too early, or exceed the contact limit */
	if (as_of > in->now)
		cs_check_owner(in);
	state = cs_open_contacts(in);
	for (int i = 0; i < count; i++)
	{
		int64		account = DatumGetInt64(accounts[i]);
		int64		contact = DatumGetInt64(contacts[i]);

		CHECK_FOR_INTERRUPTS();
		cs_check_account(in, account);
		if (cs_lock_contact(state, account, contact))
		{
			if (anew)
				cs_request_full_replay(state);
			cs_replay_contact(state);
			changed += cs_save_contact(state, as_of);
		}
	}
	cs_close_contacts(state);
	cs_end_operation(in);
	PG_RETURN_INT64(changed);
}

/*
 * delete_orphans(schema, accounts, contacts): deletes subscriptions that have
 * no contact, for repair.  Only damaged data has such rows.  Returns the number
 * of contacts that had subscriptions.
 *
 * Locks table contact in SHARE ROW EXCLUSIVE mode if it finds a missing
 * contact, which blocks inserts of contacts.  Raises 42501 if row-level
 * security applies to the caller.
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
