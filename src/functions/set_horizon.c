/*
 * set_horizon.c
 *		Sets the horizon of an account: stores the facts of its contacts as of
 *		a moment, so that older events may be dropped.
 *
 * begin_horizon sets the horizon under the exclusive settings lock of the
 * account.  From then on an event dated before it is applied at the horizon: if
 * the facts of its contact are not stored yet, they are stored first.  The facts
 * of the other contacts are stored in batches, concurrently with writers.
 * end_horizon notes that all are stored.
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
 * Begin a call that moves the horizon.  Raises 42501 unless the caller has the
 * DELETE privilege on the log and row-level security hides no contacts: the
 * facts of each must be stored.
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

/* Read a column of type timestamptz from the account's row. */
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
 * begin_horizon(schema, account_id, before): sets the horizon, which is in
 * force once this transaction has committed.  Takes the exclusive settings lock
 * of the account until then.  Raises 22023 if the time is before the current
 * horizon or not in the past, and 23503 if the account does not exist.
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
		/*
		 * waits for transactions that apply events without this horizon, and
		 * blocks new ones until we commit
		 */
		cs_lock_account(in, TABLE_CONSENT_SETTING_HISTORY, account, ExclusiveLock);
		write_account(in, account, ACCOUNT_HORIZON, before);
	}
	cs_end_operation(in);
	PG_RETURN_VOID();
}

static void
keep_former(CsInstallation *in, CsContact *state, int64 account, int64 contact)
{
	CsTable    *former = cs_table(in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, account}, {true, contact}};

	if (cs_fetch_latest(former, key, 2))
		cs_store_deleted_horizon_facts(state, account, contact, cs_time_column(former, DELETED_GENERATION_START, PG_INT64_MIN),
							   cs_time_column(former, DELETED_ENDED_AT, CS_NEVER));
}

/*
 * store_horizon_facts(schema, account_id, contacts bigint[]): stores the facts
 * of contacts and of deleted contacts as of the horizon.  The ids are
 * ascending.  Locks the contacts and the retractions of the account.
 */
PG_FUNCTION_INFO_V1(cs_store_horizon_facts_of);
Datum
cs_store_horizon_facts_of(PG_FUNCTION_ARGS)
{
	int64		account = PG_GETARG_INT64(1);
	ArrayType  *contacts = PG_GETARG_ARRAYTYPE_P(2);
	CsInstallation *in;
	CsContact   *state;
	Datum	   *ids;
	bool	   *nulls;
	int			count;

	in = open_for_horizon(PG_GETARG_NAME(0));
	cs_account_policy(in, account); /* settings are locked before contacts */
	/* a retraction must not change events of deleted contacts concurrently */
	cs_lock_account(in, TABLE_RETRACTION, account, ExclusiveLock);
	state = cs_open_contacts(in);
	deconstruct_array(contacts, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &ids, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		if (cs_lock_contact(state, account, DatumGetInt64(ids[i])))
			cs_store_horizon_facts(state);
		keep_former(in, state, account, DatumGetInt64(ids[i]));
	}
	cs_close_contacts(state);
	cs_end_operation(in);
	PG_RETURN_VOID();
}

/*
 * end_horizon(schema, account_id, before): notes that the facts of all
 * contacts are stored as of the horizon.
 */
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
