/*
 * set_horizon.c
 *		Retention: the facts of an account's contacts kept as of a horizon, so
 *		that older events may be dropped.
 *
 * The horizon is set first, beside nobody who judges events by another one.
 * From then on an event dated before it finds the facts of its contact kept, or
 * has them kept; the others follow in batches, beside writers.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "contact/contact.h"
#include "contact/operation.h"
#include "rules/rules.h"
#include "storage/account_lock.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/row_writer.h"
#include "storage/settings.h"
#include "storage/table_scan.h"

/* ---- moving the horizon ---- */

/*
 * Who may DELETE from the log may let go of what lies before the horizon, if no
 * row-level security hides contacts whose facts must be kept first.
 */
static CsInstallation *
open_for_horizon(Name schema)
{
	CsInstallation *in = cs_begin_operation(schema);

	cs_check_rights(in, ACL_DELETE);
	cs_check_readable(cs_table(in, TABLE_ACCOUNT)->rel);
	cs_check_readable(cs_table(in, TABLE_CONTACT)->rel);
	cs_check_readable(cs_table(in, TABLE_DELETED_CONTACT)->rel);
	return in;
}

/* A moment of the account's row; what it says of a horizon. */
static cs_moment
read_account(CsInstallation *in, int64 account, int column)
{
	CsTable    *table = cs_table(in, TABLE_ACCOUNT);
	cs_id		key = {true, account};

	return cs_fetch_latest(table, &key, 1) ? cs_moment_column(table, column) : (cs_moment) {0};
}

static void
write_account(CsInstallation *in, int64 account, int column, TimestampTz value)
{
	CsTable    *table = cs_table(in, TABLE_ACCOUNT);
	cs_id		key = {true, account};
	Datum	   *values;
	bool	   *nulls;

	if (!cs_fetch_latest(table, &key, 1))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("account %lld does not exist", (long long) account),
				 errhint("Insert it into table account first.")));
	cs_lock_row(table, &table->slot->tts_tid, LockTupleNoKeyExclusive);
	cs_copy_row(table, &values, &nulls);
	CS_SET(table, column, TimestampTzGetDatum(value), false);
	cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
	CommandCounterIncrement();
}

/*
 * begin_horizon(schema, account_id, before): the horizon is in force once this
 * has committed.  Raises 22023 where it would go back, or is not past.
 */
PG_FUNCTION_INFO_V1(cs_begin_horizon);
Datum
cs_begin_horizon(PG_FUNCTION_ARGS)
{
	int64		account = PG_GETARG_INT64(1);
	TimestampTz before = PG_GETARG_TIMESTAMPTZ(2);
	CsInstallation *in;
	cs_moment	horizon,
				kept;

	in = open_for_horizon(PG_GETARG_NAME(0));
	horizon = read_account(in, account, ACCOUNT_HORIZON);
	kept = read_account(in, account, ACCOUNT_HORIZON_KEPT);
	if (TIMESTAMP_NOT_FINITE(before) || before > in->now || (horizon.set && before < horizon.at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the horizon of account %lld cannot be set to %s", (long long) account, timestamptz_to_str(before)),
				 errdetail("A horizon lies in the past, and never goes back."),
				 errhint("Give a later time, up to now.")));
	if (!kept.set || before > kept.at)
	{
		/* who judges events without it is waited for, and nobody does until we commit */
		cs_lock_account(in, TABLE_CONSENT_SETTING_HISTORY, account, ExclusiveLock);
		write_account(in, account, ACCOUNT_HORIZON, before);
	}
	cs_end_operation(in);
	PG_RETURN_VOID();
}

static void
keep_former(CsInstallation *in, CsContact *visits, int64 account, int64 contact)
{
	CsTable    *former = cs_table(in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, account}, {true, contact}};

	if (cs_fetch_latest(former, key, 2))
		cs_store_deleted_horizon_facts(visits, account, contact, cs_time_column(former, DELETED_GENERATION_START, PG_INT64_MIN),
							   cs_time_column(former, DELETED_ENDED_AT, CS_NEVER));
}

/*
 * keep_horizon(schema, account_id, contacts bigint[]): keeps the facts of
 * contacts, and of those that were deleted, as of the horizon; ids ascending.
 */
PG_FUNCTION_INFO_V1(cs_store_horizon_facts_of);
Datum
cs_store_horizon_facts_of(PG_FUNCTION_ARGS)
{
	int64		account = PG_GETARG_INT64(1);
	ArrayType  *contacts = PG_GETARG_ARRAYTYPE_P(2);
	CsInstallation *in;
	CsContact   *visits;
	Datum	   *ids;
	bool	   *nulls;
	int			count;

	in = open_for_horizon(PG_GETARG_NAME(0));
	cs_account_policy(in, account); /* settings are locked before contacts */
	/* what a retraction would change of former contacts is not changed meanwhile */
	cs_lock_account(in, TABLE_RETRACTION, account, ExclusiveLock);
	visits = cs_open_contacts(in);
	deconstruct_array(contacts, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &ids, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		if (cs_lock_contact(visits, account, DatumGetInt64(ids[i])))
			cs_store_horizon_facts(visits);
		keep_former(in, visits, account, DatumGetInt64(ids[i]));
	}
	cs_close_contacts(visits);
	cs_end_operation(in);
	PG_RETURN_VOID();
}

/* end_horizon(schema, account_id, before): all that existed have their facts kept as of it. */
PG_FUNCTION_INFO_V1(cs_end_horizon);
Datum
cs_end_horizon(PG_FUNCTION_ARGS)
{
	CsInstallation *in;
	cs_moment	kept;

	in = open_for_horizon(PG_GETARG_NAME(0));
	kept = read_account(in, PG_GETARG_INT64(1), ACCOUNT_HORIZON_KEPT);
	if (!kept.set || kept.at < PG_GETARG_TIMESTAMPTZ(2))
		write_account(in, PG_GETARG_INT64(1), ACCOUNT_HORIZON_KEPT, PG_GETARG_TIMESTAMPTZ(2));
	cs_end_operation(in);
	PG_RETURN_VOID();
}
