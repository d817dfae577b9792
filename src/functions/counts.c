/*
 * counts.c
 *		Merges the rows of counts for sweep, and repairs counts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "contact/operation.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/status_count.h"
#include "storage/table_scan.h"
#include "types/enums.h"
#include "types/fact_columns.h"

/*
 * merge_counts(schema, account_ids, list_ids): merges the rows of counts of
 * lists and (list null) accounts, except rows that it would have to wait for.
 * Writers merge them too, but a list without writes may have many.  Raises
 * 42501 if the caller lacks the privileges.
 */
PG_FUNCTION_INFO_V1(cs_merge_counts);
Datum
cs_merge_counts(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
	Datum	   *accounts,
			   *lists;
	bool	   *no_account,
			   *no_list;
	int			count,
				lists_count;

	cs_check_rights(in, ACL_INSERT);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &accounts, &no_account, &count);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &lists, &no_list, &lists_count);
	for (int i = 0; i < Min(count, lists_count); i++)
	{
		CsCountKey	key;

		CHECK_FOR_INTERRUPTS();
		if (no_account[i])
			continue;
		key = cs_count_key(DatumGetInt64(accounts[i]), cs_id_of_datum(lists[i], no_list[i]));
		cs_check_account(in, key.account);
		CommandCounterIncrement();
		cs_merge_count_rows(in, &key);
	}
	cs_end_operation(in);
	PG_RETURN_VOID();
}

/*
 * repair_counts(schema): appends the differences between the counts and the
 * rows of contact and subscription.  Returns the number of wrong counts.  Raises
 * 42501 if the caller lacks the privileges or row-level security applies to
 * it.
 *
 * A writer changes the counts and the rows by the same numbers.  So a
 * difference that one snapshot shows remains, and it can be corrected
 * concurrently with writers.  A SHARE UPDATE EXCLUSIVE lock on the table admits
 * one repair at a time: two would both append the difference.
 */
PG_FUNCTION_INFO_V1(cs_repair_counts);
Datum
cs_repair_counts(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
	const char *schema = quote_identifier(get_namespace_name(in->schema));
	CsTable    *table = cs_table(in, TABLE_STATUS_COUNT);
	Snapshot	snapshot;
	SPIPlanPtr	plan;
	uint64		wrong;

	cs_check_rights(in, ACL_INSERT);
	cs_check_readable(table->rel);
	cs_check_readable(cs_table(in, TABLE_CONTACT)->rel);
	cs_check_readable(cs_table(in, TABLE_SUBSCRIPTION)->rel);
	LockRelationOid(RelationGetRelid(table->rel), ShareUpdateExclusiveLock);
	CommandCounterIncrement();

	SPI_connect();
	plan = SPI_prepare(psprintf("SELECT account_id, list_id, status, pg_catalog.sum(n)::pg_catalog.int8 FROM ("
								"SELECT c.account_id, c.list_id, s.status, OPERATOR(pg_catalog.-) c.contacts[s.place] AS n "
								"FROM ONLY %s.status_count c, "
								"pg_catalog.unnest(pg_catalog.enum_range(NULL::contact_status.contact_status)) WITH ORDINALITY s (status, place) "
								"UNION ALL SELECT account_id, NULL, status, pg_catalog.count(*) FROM ONLY %s.contact GROUP BY 1, 3 "
								"UNION ALL SELECT account_id, list_id, status, pg_catalog.count(*) FROM ONLY %s.subscription GROUP BY 1, 2, 3) c "
								"GROUP BY 1, 2, 3 HAVING pg_catalog.sum(n) OPERATOR(pg_catalog.<>) 0",
								schema, schema, schema), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	snapshot = cs_latest_snapshot();
	SPI_execute_snapshot(plan, NULL, NULL, snapshot, InvalidSnapshot, true, false, 0);
	UnregisterSnapshot(snapshot);
	wrong = SPI_processed;
	for (uint64 i = 0; i < wrong; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		no_list,
					isnull;
		Datum		account = SPI_getbinval(row, desc, 1, &isnull);
		Datum		list = SPI_getbinval(row, desc, 2, &no_list);
		cs_status	status = cs_status_of_datum(SPI_gettypeid(desc, 3), SPI_getbinval(row, desc, 3, &isnull));

		cs_count(in, DatumGetInt64(account), cs_id_of_datum(list, no_list), status,
				 DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull)));
	}
	SPI_finish();
	cs_end_operation(in);
	PG_RETURN_INT64(wrong);
}
