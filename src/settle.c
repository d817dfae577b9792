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
#include "subscriptions.h"

static void
check_right(Relation rel, AclMode mode)
{
	AclResult	result = pg_class_aclcheck(RelationGetRelid(rel), GetUserId(), mode);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_TABLE, RelationGetRelationName(rel));
}

void
cs_check_rights(CsInstallation *in, AclMode mode)
{
	check_right(cs_table(in, TABLE_EVENT)->rel, mode);
}

void
cs_check_readable(Relation rel)
{
	check_right(rel, ACL_SELECT);
	if (check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row-level security of table \"%s\" applies to you", RelationGetRelationName(rel)),
				 errhint("Call the function as the owner of the tables or a role that bypasses row-level security.")));
}

void
cs_check_account_shown(CsInstallation *in, int64 account)
{
	Relation	accounts = cs_table(in, TABLE_ACCOUNT)->rel;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(account)};
	char	   *query;
	bool		shown;

	if (check_enable_rls(RelationGetRelid(accounts), InvalidOid, true) != RLS_ENABLED)
		return;
	query = psprintf("SELECT FROM %s WHERE account_id OPERATOR(pg_catalog.=) $1",
					 quote_qualified_identifier(get_namespace_name(in->schema), RelationGetRelationName(accounts)));
	SPI_connect();
	SPI_execute_with_args(query, 1, types, values, NULL, true, 1);
	shown = SPI_processed > 0;
	SPI_finish();
	if (!shown)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("account %lld is not yours to see", (long long) account),
				 errhint("Row-level security of table account keeps it from you.")));
}

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

/*
 * check_all_shown(schema): raises 40001 where the transaction's snapshot does
 * not show a contact, so that reevaluate would leave it out.
 */
PG_FUNCTION_INFO_V1(cs_check_all_shown);
Datum
cs_check_all_shown(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open(get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false));
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);

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
	Name		schema = PG_GETARG_NAME(0);
	bool		anew = PG_GETARG_BOOL(3);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(4);
	CsInstallation *in;
	CsVisits   *visits;
	MemoryContext caller;
	Datum	   *accounts,
			   *contacts;
	int			count;
	int64		changed = 0;

	count = cs_bigints_argument(PG_GETARG_DATUM(1), &accounts);
	if (cs_bigints_argument(PG_GETARG_DATUM(2), &contacts) != count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be as many accounts as contacts"),
				 errhint("Give the account of each contact.")));

	CommandCounterIncrement();
	in = cs_open(get_namespace_oid(NameStr(*schema), false));
	caller = MemoryContextSwitchTo(in->context);
	cs_table(in, TABLE_POLICY); /* its lock comes before all that is read */
	cs_check_rights(in, ACL_INSERT);
	visits = cs_begin_visits(in);
	for (int i = 0; i < count; i++)
	{
		int64		account = DatumGetInt64(accounts[i]);
		int64		contact = DatumGetInt64(contacts[i]);

		CHECK_FOR_INTERRUPTS();
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
 * delete_orphans(schema, accounts, contacts): takes away subscriptions that
 * have no contact, which only damage can leave; for repair.  No contact may
 * come meanwhile.  Returns of how many there were any.
 */
PG_FUNCTION_INFO_V1(cs_delete_orphans);
Datum
cs_delete_orphans(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open(get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false));
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	CsTable    *table = cs_table(in, TABLE_CONTACT);
	Datum	   *accounts,
			   *contacts;
	int			count = cs_bigints_argument(PG_GETARG_DATUM(1), &accounts);
	int64		deleted = 0;

	if (cs_bigints_argument(PG_GETARG_DATUM(2), &contacts) != count)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("as many accounts as contacts are needed")));
	cs_check_rights(in, ACL_INSERT);
	for (int i = 0; i < count; i++)
	{
		cs_id		key[2] = {{true, DatumGetInt64(accounts[i])}, {true, DatumGetInt64(contacts[i])}};

		CHECK_FOR_INTERRUPTS();
		if (cs_fetch_latest(table, key, 2))
			continue;
		LockRelationOid(RelationGetRelid(table->rel), ShareRowExclusiveLock);
		if (cs_fetch_latest(table, key, 2))
			continue;
		cs_delete_subscriptions(in, key[0].id, key[1].id);
		deleted++;
	}
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_INT64(deleted);
}
