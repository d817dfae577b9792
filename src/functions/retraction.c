/*
 * retraction.c
 *		Calls that retract events or suppressions, and table retraction.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "contact/operation.h"
#include "functions/retraction.h"
#include "storage/account_lock.h"
#include "storage/privileges.h"
#include "storage/row_writer.h"
#include "storage/settings.h"
#include "storage/table_scan.h"

CsInstallation *
cs_begin_retraction(Name schema, int64 account)
{
	CsInstallation *in = cs_begin_operation(schema);

	cs_check_rights(in, ACL_UPDATE);
	cs_check_account(in, account);
	/* settings are locked before contacts */
	cs_account_policy(in, account);
	/* events are marked by their ctid, so only one transaction at a time may change them */
	cs_lock_account(in, TABLE_RETRACTION, account, ExclusiveLock);
	return in;
}

void
cs_note_retraction(CsInstallation *in, int64 account, int64 retraction, const char *reason, int64 events, int64 contacts)
{
	CsTable    *table = cs_table(in, TABLE_RETRACTION);
	cs_id		key[2] = {{true, account}, {true, retraction}};
	Datum	   *values;
	bool	   *nulls;
	NameData	user;

	if (cs_fetch_latest(table, key, 2))
	{
		AttrNumber *columns = table->columns;

		cs_copy_row(table, &values, &nulls);
		values[columns[RETRACTION_EVENTS] - 1] =
			Int64GetDatum(DatumGetInt64(values[columns[RETRACTION_EVENTS] - 1]) + events);
		values[columns[RETRACTION_CONTACTS] - 1] =
			Int64GetDatum(DatumGetInt64(values[columns[RETRACTION_CONTACTS] - 1]) + contacts);
		cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
		return;
	}

	cs_new_row(in, table, &values, &nulls);
	namestrcpy(&user, GetUserNameFromId(GetUserId(), false));
	CS_SET(table, RETRACTION_ACCOUNT, Int64GetDatum(account), false);
	CS_SET(table, RETRACTION_ID, Int64GetDatum(retraction), false);
	CS_SET(table, RETRACTION_RETRACTED_AT, TimestampTzGetDatum(in->now), false);
	CS_SET(table, RETRACTION_RETRACTED_BY, NameGetDatum(&user), false);
	CS_SET(table, RETRACTION_REASON, CStringGetTextDatum(reason), false);
	CS_SET(table, RETRACTION_EVENTS, Int64GetDatum(events), false);
	CS_SET(table, RETRACTION_CONTACTS, Int64GetDatum(contacts), false);
	cs_insert_row(in, table, values, nulls);
}

void
cs_note_undone(CsInstallation *in, int64 account, int64 retraction)
{
	CsTable    *table = cs_table(in, TABLE_RETRACTION);
	cs_id		key[2] = {{true, account}, {true, retraction}};
	Datum	   *values;
	bool	   *nulls;
	NameData	user;

	if (!cs_fetch_latest(table, key, 2))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("retraction %lld of account %lld does not exist", (long long) retraction, (long long) account),
				 errhint("Table retraction has the retractions of each account.")));
	namestrcpy(&user, GetUserNameFromId(GetUserId(), false));
	cs_copy_row(table, &values, &nulls);
	CS_SET(table, RETRACTION_UNDONE_AT, TimestampTzGetDatum(in->now), false);
	CS_SET(table, RETRACTION_UNDONE_BY, NameGetDatum(&user), false);
	cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
}
