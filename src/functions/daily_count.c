/*
 * daily_count.c
 *		Stores the counts of each account once a day, for sweep.
 */
#include "postgres.h"

#include "access/genam.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "contact/operation.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/row_writer.h"
#include "storage/status_count.h"
#include "storage/table_scan.h"
#include "types/enums.h"

/* The accounts that row-level security shows to the caller. */
static int
shown_accounts(CsInstallation *in, int64 **accounts)
{
	const char *schema = quote_identifier(get_namespace_name(in->schema));
	int			count;
	bool		isnull;

	SPI_connect();
	if (SPI_execute(psprintf("SELECT account_id FROM ONLY %s.account", schema), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the accounts");
	count = (int) SPI_processed;
	*accounts = MemoryContextAlloc(in->context, (count + 1) * sizeof(int64));
	for (int i = 0; i < count; i++)
		(*accounts)[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return count;
}

/* Does table daily_count have a row of the account and the day? */
static bool
is_counted(CsTable *table, int64 account, DateADT day)
{
	Snapshot	snapshot = cs_latest_snapshot();
	IndexScanDesc scan = cs_index_beginscan(table->rel, cs_key(table), snapshot, 2);
	ScanKeyData keys[2];
	bool		found;

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_DATE_EQ, DateADTGetDatum(day));
	index_rescan(scan, keys, 2, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, table->slot);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	return found;
}

/*
 * Inserts a row for each status.  A concurrent sweep may insert the same rows:
 * the one that inserts the first of them inserts the others.
 */
static void
count_account(CsInstallation *in, CsTable *table, int64 account, DateADT day)
{
	Oid			type = TupleDescAttr(table->rel->rd_att, table->columns[DAILY_STATUS] - 1)->atttypid;
	int64		contacts[CS_STATUSES];

	cs_contacts_by_status(in, account, contacts);
	for (int status = 0; status < CS_STATUSES; status++)
	{
		Datum	   *values;
		bool	   *nulls;

		cs_new_row(in, table, &values, &nulls);
		CS_SET(table, DAILY_ACCOUNT, Int64GetDatum(account), false);
		CS_SET(table, DAILY_DAY, DateADTGetDatum(day), false);
		CS_SET(table, DAILY_STATUS, cs_status_datum(type, status), false);
		CS_SET(table, DAILY_CONTACTS, Int64GetDatum(contacts[status]), false);
		CS_SET(table, DAILY_COUNTED_AT, TimestampTzGetDatum(in->now), false);
		if (!cs_insert_new_row(in, table, values, nulls))
			return;
	}
}

/*
 * count_day(schema): stores the counts of each account that has none of today,
 * in the session's time zone.  Accounts that row-level security hides from the
 * caller are left out.  Raises 42501 if the caller lacks the privileges.
 */
PG_FUNCTION_INFO_V1(cs_count_day);
Datum
cs_count_day(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
	CsTable    *table = cs_table(in, TABLE_DAILY_COUNT);
	DateADT		day = DatumGetDateADT(DirectFunctionCall1(timestamptz_date, TimestampTzGetDatum(in->now)));
	int64	   *accounts;
	int			count;

	cs_check_rights(in, ACL_INSERT);
	count = shown_accounts(in, &accounts);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_counted(table, accounts[i], day))
			count_account(in, table, accounts[i], day);
	}
	cs_end_operation(in);
	PG_RETURN_VOID();
}
