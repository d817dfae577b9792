/*
 * suppress.c
 *		Suppresses an address that has no contact.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "contact/operation.h"
#include "rules/rules.h"
#include "storage/contact_by_address.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/settings.h"
#include "storage/suppression.h"
#include "types/address.h"
#include "types/enums.h"
#include "types/event_time.h"
#include "types/fact_columns.h"

/* Check the kind, source and time of a suppression.  Raises 22023, and 22008 for the time. */
static void
check_suppression(cs_kind kind, cs_id list, TimestampTz at, const char *source)
{
	const char *problem = cs_time_problem(at, GetCurrentTimestamp());

	/* by these, suppressions and events of the extension are found */
	if (source != NULL &&
		(strcmp(source, "contact") == 0 || strcmp(source, "erasure") == 0 || strcmp(source, "suppression") == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" of a suppression is reserved", source),
				 errdetail("The extension itself writes the sources contact, erasure and suppression."),
				 errhint("Give another source, for example the name of a file.")));

	if ((kind != CS_KIND_UNSUBSCRIBED && kind != CS_KIND_COMPLAINED && kind != CS_KIND_INVALIDATED) ||
		(list.set && kind != CS_KIND_UNSUBSCRIBED))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot suppress an address as \"%s\"%s", cs_kind_labels[kind], list.set ? " of a list" : ""),
				 errhint("The kinds are unsubscribed, of a list or account-wide, complained and invalidated.")));
	if (problem != NULL)
		cs_refuse_time("the suppression", problem);
}

/*
 * check_suppression(account_id, kind, list_id, occurred_at, source): checks the
 * arguments of suppress.  Raises 22023 for a wrong kind or a reserved source,
 * 22004 for a null account or time, and 22008 for a time of cs_time_problem().
 */
PG_FUNCTION_INFO_V1(cs_check_suppression);
Datum
cs_check_suppression(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("suppress needs a kind"),
				 errhint("The kinds are unsubscribed, of a list or account-wide, complained and invalidated.")));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("suppress needs an account"),
				 errhint("For example: SELECT contact_status.suppress('crm', 1, 'ann@example.org', 'unsubscribed').")));
	check_suppression(cs_kind_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 1), PG_GETARG_DATUM(1)),
					  cs_id_of_datum(PG_GETARG_DATUM(2), PG_ARGISNULL(2)), PG_GETARG_TIMESTAMPTZ(3),
					  PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4)));
	PG_RETURN_VOID();
}

/*
 * suppress_unknown_address(schema, account_id, email, kind, list_id,
 * occurred_at, source): stores a suppression of an address that has no
 * contact.  Returns false, and stores nothing, if a contact has the address.
 *
 * Waits for transactions that write the same suppression or insert a contact
 * with the address.  Raises 40001 if a contact with the address is inserted
 * concurrently, 23503 for an unknown account or list, 23514 for no address, and
 * the errors of check_suppression().
 */
PG_FUNCTION_INFO_V1(cs_suppress_unknown_address);
Datum
cs_suppress_unknown_address(PG_FUNCTION_ARGS)
{
	int64		account;
	cs_id		list,
				nobody = {0};
	cs_kind		kind;
	char	   *source;
	CsInstallation *in;
	Relation	index;
	bool		remembered;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(5))
		PG_RETURN_NULL();
	account = PG_GETARG_INT64(1);
	kind = cs_kind_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 3), PG_GETARG_DATUM(3));
	list = cs_id_of_datum(PG_GETARG_DATUM(4), PG_ARGISNULL(4));
	source = PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6));

	in = cs_begin_operation(PG_GETARG_NAME(0));
	cs_check_rights(in, ACL_INSERT);
	cs_check_account(in, account);
	check_suppression(kind, list, PG_GETARG_TIMESTAMPTZ(5), source);
	if (!cs_is_address_datum(PG_GETARG_DATUM(2)))
		cs_refuse_address("the suppression");
	if (cs_account_policy(in, account) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("account %lld does not exist", (long long) account),
				 errhint("Insert it into table account first.")));
	if (list.set && !cs_list_existed(in, account, list.id))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("list %lld of account %lld does not exist", (long long) list.id, (long long) account),
				 errhint("Insert it into table list first.")));
	/* the settings of this time hold, also if the policy changes before a contact takes the address */
	if (cs_account_policy(in, account)->consent.unsubscribe_account)
		list = (cs_id) {0};
	index = cs_open_address_index(cs_table(in, TABLE_CONTACT)->rel);
	remembered = !cs_address_has_contact(in, index, account, PG_GETARG_DATUM(2));
	if (remembered)
	{
		cs_suppress_address(in, account, cs_address_digest(in, account, PG_GETARG_DATUM(2)),
						   kind, list, PG_GETARG_TIMESTAMPTZ(5), source, NULL, nobody, PG_INT64_MIN);
		cs_check_address_free(in, index, account, PG_GETARG_DATUM(2));
	}
	index_close(index, AccessShareLock);
	cs_end_operation(in);
	PG_RETURN_BOOL(remembered);
}
