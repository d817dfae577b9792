/*
 * checks.c
 *		Checks for functions that are written in SQL.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "contact/event_check.h"
#include "contact/operation.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/status_change.h"
#include "storage/table_scan.h"
#include "types/enums.h"
#include "types/fact_columns.h"

/*
 * check_installation(schema, tables name[]): checks an installation, so that
 * these errors come before those of a query.  Raises the errors of
 * cs_open_named(), and 22004 for a null argument.  Raises 42P01 for a table
 * that does not exist, and 42501 if the caller may not read one of the tables.
 * A function names the tables of its queries.  The columns of these are checked
 * and locked as in cs_check_columns(): a column of a type of the owner's would
 * run the owner's casts with the rights of the caller.
 */
PG_FUNCTION_INFO_V1(cs_check_installation);
Datum
cs_check_installation(PG_FUNCTION_ARGS)
{
	CsInstallation *in;
	Datum	   *tables;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the schema of an installation is missing"),
				 errhint("Name the schema with whose name contact_status.create_tables was called.")));
	in = cs_open_named(PG_GETARG_NAME(0));
	in->reads_only = true;
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the names of the tables are missing")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &tables, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *name = nulls[i] ? "" : NameStr(*DatumGetName(tables[i]));
		Oid			relid = get_relname_relid(name, in->schema);

		if (!OidIsValid(relid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("table \"%s.%s\" does not exist", get_namespace_name(in->schema), name),
					 errhint("Create the tables of an installation with contact_status.create_tables.")));
		cs_check_rights_of(relid, ACL_SELECT);
		cs_check_columns(in, name);
	}
	cs_close(in);
	PG_RETURN_VOID();
}

/*
 * check_owner(schema): raises 42501 unless the caller has the privileges of
 * the tables' owner and row-level security hides no rows.
 */
PG_FUNCTION_INFO_V1(cs_check_owner_of);
Datum
cs_check_owner_of(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open_named(PG_GETARG_NAME(0));

	in->reads_only = true;
	cs_check_owner(in);
	cs_check_readable(cs_table(in, TABLE_ACCOUNT)->rel);
	cs_check_readable(cs_table(in, TABLE_CHECKPOINT)->rel);
	cs_check_readable(cs_table(in, TABLE_EVENT)->rel);
	cs_close(in);
	PG_RETURN_VOID();
}

/*
 * check_feed(schema): checks that the caller may read the change feed.  Returns
 * the system identifier of this cluster.  Raises 42P01 if there is no feed, and
 * 42501 if the caller may not read it or row-level security applies to it.
 */
PG_FUNCTION_INFO_V1(cs_check_feed);
Datum
cs_check_feed(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open_named(PG_GETARG_NAME(0));

	in->reads_only = true;
	if (!cs_has_feed(in))
	{
		cs_check_rights_of(cs_table_oid(in, TABLE_CONTACT), ACL_SELECT);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the installation in schema \"%s\" has no change feed", NameStr(*PG_GETARG_NAME(0))),
				 errhint("Create it with contact_status.add_change_feed.")));
	}
	cs_check_readable(cs_table(in, TABLE_STATUS_CHANGE)->rel);
	cs_check_table_rights(cs_table(in, TABLE_CHANGE_CONSUMER)->rel, ACL_SELECT);
	cs_close(in);
	PG_RETURN_INT64((int64) GetSystemIdentifier());
}

/*
 * check_all_shown(schema): raises 40001 if the transaction's own snapshot does
 * not show a contact. reevaluate would miss this contact.
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

/*
 * refuse_read_only(name): raises 25006 in a READ ONLY transaction, also if the
 * function would find nothing to write.
 */
PG_FUNCTION_INFO_V1(cs_refuse_read_only);
Datum
cs_refuse_read_only(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/*
 * check_event(schema, account_id, kind, list_id, campaign_id, occurred_at,
 * until, source, evidence): checks an event of an address.  Raises the errors
 * of cs_check_event(), and 42501 without INSERT on the log.
 */
PG_FUNCTION_INFO_V1(cs_check_event_of_address);
Datum
cs_check_event_of_address(PG_FUNCTION_ARGS)
{
	cs_id		nobody = {0};
	cs_event	event = {0};
	cs_evidence evidence = CS_EVIDENCE_BLANK;
	CsInstallation *in;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(5))
		PG_RETURN_NULL();
	event.kind = cs_kind_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 2), PG_GETARG_DATUM(2));
	event.list = cs_id_of_datum(PG_GETARG_DATUM(3), PG_ARGISNULL(3));
	event.campaign = cs_id_of_datum(PG_GETARG_DATUM(4), PG_ARGISNULL(4));
	event.at = PG_GETARG_TIMESTAMPTZ(5);
	event.until = cs_moment_of_datum(PG_GETARG_DATUM(6), PG_ARGISNULL(6));
	if (!PG_ARGISNULL(7))
		cs_read_source(&event, PG_GETARG_TEXT_PP(7));
	if (!PG_ARGISNULL(8))
		evidence = cs_evidence_of(PG_GETARG_TEXT_PP(8));

	in = cs_begin_operation(PG_GETARG_NAME(0));
	cs_check_rights(in, ACL_INSERT);
	cs_check_account(in, PG_GETARG_INT64(1));
	cs_check_event(in, PG_GETARG_INT64(1), nobody, &event, evidence);
	cs_end_operation(in);
	PG_RETURN_VOID();
}
