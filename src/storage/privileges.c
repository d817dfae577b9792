/*
 * privileges.c
 *		Checks of the caller's privileges on an installation.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"

#include "storage/installation.h"
#include "storage/privileges.h"

void
cs_check_rights_of(Oid relid, AclMode mode)
{
	AclResult	result = pg_class_aclmask(relid, GetUserId(), mode, ACLMASK_ALL) == mode ?
		ACLCHECK_OK : ACLCHECK_NO_PRIV;

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_TABLE, get_rel_name(relid));
}

void
cs_check_table_rights(Relation rel, AclMode mode)
{
	cs_check_rights_of(RelationGetRelid(rel), mode);
}

void
cs_check_rights(CsInstallation *in, AclMode mode)
{
	cs_check_table_rights(cs_table(in, TABLE_EVENT)->rel, mode);
}

static bool
is_restricted(Relation rel, Oid role)
{
	return check_enable_rls(RelationGetRelid(rel), role, true) == RLS_ENABLED;
}

void
cs_check_readable(Relation rel)
{
	cs_check_table_rights(rel, ACL_SELECT);
	if (is_restricted(rel, InvalidOid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row-level security of table \"%s\" applies to you", RelationGetRelationName(rel)),
				 errhint("Call the function as the owner of the tables or a role that bypasses row-level security.")));
}

void
cs_check_owner(CsInstallation *in)
{
	cs_table(in, TABLE_EVENT);
	if (!has_privs_of_role(GetUserId(), in->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the installation in schema \"%s\"", get_namespace_name(in->schema)),
				 errhint("Call the function as the owner of the tables.")));
}

/* ---- row-level security by account ---- */

bool
cs_is_exempt(CsInstallation *in, Oid role)
{
	return !is_restricted(cs_table(in, TABLE_ACCOUNT)->rel, role) && !is_restricted(cs_table(in, TABLE_CONTACT)->rel, role);
}

/* Can the current user select the row of the account? */
static bool
sees_account(CsInstallation *in, int64 account)
{
	Relation	accounts = cs_table(in, TABLE_ACCOUNT)->rel;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(account)};
	char	   *query = psprintf("SELECT FROM ONLY %s WHERE account_id OPERATOR(pg_catalog.=) $1",
								 quote_qualified_identifier(get_namespace_name(in->schema),
															RelationGetRelationName(accounts)));
	bool		shown;

	SPI_connect();
	if (SPI_execute_with_args(query, 1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for an account");
	shown = SPI_processed > 0;
	SPI_finish();
	return shown;
}

bool
cs_is_account_shown(CsInstallation *in, int64 account, Oid role)
{
	Oid			user;
	int			context;
	bool		shown;

	if (cs_is_exempt(in, role))
		return true;
	/* policies of table contact alone do not show which accounts the role may see */
	if (!is_restricted(cs_table(in, TABLE_ACCOUNT)->rel, role))
		return false;
	GetUserIdAndSecContext(&user, &context);
	if (role != user)
		SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	shown = sees_account(in, account);
	SetUserIdAndSecContext(user, context);
	return shown;
}

void
cs_check_account(CsInstallation *in, int64 account)
{
	MemoryContext caller;
	ListCell   *lc;
	int64	   *shown;

	foreach(lc, in->shown)
		if (*(int64 *) lfirst(lc) == account)
			return;
	if (cs_is_exempt(in, GetUserId()))
		return;
	if (!cs_is_account_shown(in, account, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for account %lld", (long long) account),
				 errhint("Row-level security hides it; call the function for an account that table account shows.")));
	caller = MemoryContextSwitchTo(in->context);
	shown = palloc(sizeof(int64));
	*shown = account;
	in->shown = lappend(in->shown, shown);
	MemoryContextSwitchTo(caller);
}
