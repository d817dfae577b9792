/*
 * import.c
 *		Functions in C that import_contacts calls.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "contact/limit.h"
#include "contact/operation.h"
#include "rules/rules.h"
#include "storage/contact_by_address.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/settings.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "types/enums.h"
#include "types/fact_columns.h"
#include "types/policy.h"

/*
 * Read the ids of known contacts, one for each address, null if unknown.
 * Raises 2202E if their number differs.
 */
static void
read_known(Datum array, int addresses, Datum **known, bool **unknown)
{
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  known, unknown, &count);
	if (count != addresses)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("as many known contacts as addresses are needed")));
}

/*
 * resolve_addresses(schema, account_id, list_id, emails, known, complaints):
 * returns three arrays with an element for each address.
 *
 * contact_ids  the known id, else the id of the contact with this address
 * consents     the consent on the list, if a list is given
 * statuses     the status on the list, if a list is given; else the status of a
 *              contact that was looked up; with complaints, `complained` if
 *              there is no contact and a complaint is suppressed
 *
 * An element is null if there is no such contact or subscription.  The lookups
 * use the index and do not depend on statistics.  Raises 42501 unless the
 * caller has the privileges that import_contacts needs.
 */
PG_FUNCTION_INFO_V1(cs_resolve_addresses);
Datum
cs_resolve_addresses(PG_FUNCTION_ARGS)
{
	CsInstallation *in;
	int64		account;
	cs_id		list;
	CsTable    *contacts,
			   *subscriptions;
	Oid			status_type;
	Relation	index;
	Snapshot	snapshot;
	MemoryContext row;
	TupleDesc	desc;
	Datum	   *emails,
			   *found[3],
				values[3];
	bool	   *no_email,
			   *missing[3],
				nulls[3] = {0};
	Datum	   *known = NULL;
	bool	   *unknown = NULL;
	int			count,
				lower = 1;
	bool		complaints,
				isnull;

	for (int i = 0; i < 6; i++)
		if (i != 2 && i != 4 && PG_ARGISNULL(i))
			PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "unexpected result type");
	in = cs_open_named(PG_GETARG_NAME(0));
	account = PG_GETARG_INT64(1);
	list = cs_id_of_datum(PG_GETARG_DATUM(2), PG_ARGISNULL(2));
	contacts = cs_table(in, TABLE_CONTACT);
	subscriptions = cs_table(in, TABLE_SUBSCRIPTION);
	status_type = TupleDescAttr(subscriptions->rel->rd_att, subscriptions->columns[SUBSCRIPTION_STATUS] - 1)->atttypid;
	cs_check_rights(in, ACL_INSERT);
	cs_check_table_rights(contacts->rel, ACL_INSERT);
	cs_check_readable(contacts->rel);
	complaints = PG_GETARG_BOOL(5) && cs_has_suppressions(in);
	index = cs_open_address_index(contacts->rel);
	snapshot = cs_latest_snapshot();
	row = AllocSetContextCreate(CurrentMemoryContext, "contact_status address", ALLOCSET_SMALL_SIZES);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &emails, &no_email, &count);
	if (!PG_ARGISNULL(4))
		read_known(PG_GETARG_DATUM(4), count, &known, &unknown);
	for (int c = 0; c < 3; c++)
	{
		found[c] = palloc0(count * sizeof(Datum) + 1);
		missing[c] = palloc(count * sizeof(bool) + 1);
		memset(missing[c], true, count);
	}

	for (int i = 0; i < count; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(row);
		cs_id		key[3] = {{true, account}, {0}, list};

		if (known && !unknown[i])
			key[1] = cs_id_of_datum(known[i], false);
		else if (!no_email[i] && cs_fetch_by_address(contacts, index, snapshot, account, emails[i]))
		{
			key[1] = cs_id_of_datum(cs_column(contacts, contacts->slot, CONTACT_ID, &isnull), false);
			found[2][i] = slot_getattr(contacts->slot, contacts->facts[FACT_STATUS], &missing[2][i]);
			missing[2][i] = missing[2][i] || list.set;
		}
		else if (!no_email[i] && complaints &&
				 cs_is_suppressed(in, account, cs_address_digest(in, account, emails[i]), CS_KIND_COMPLAINED))
		{
			found[2][i] = cs_status_datum(status_type, CS_STATUS_COMPLAINED);
			missing[2][i] = false;
		}
		if (key[1].set)
		{
			missing[0][i] = false;
			if (list.set && cs_fetch_latest(subscriptions, key, 3))
			{
				found[1][i] = cs_column(subscriptions, subscriptions->slot, SUBSCRIPTION_CONSENT, &missing[1][i]);
				found[2][i] = cs_column(subscriptions, subscriptions->slot, SUBSCRIPTION_STATUS, &missing[2][i]);
			}
		}
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
		if (key[1].set)			/* by reference on 32-bit servers: allocate it in the caller's context */
			found[0][i] = Int64GetDatum(key[1].id);
	}
	UnregisterSnapshot(snapshot);
	index_close(index, AccessShareLock);
	values[0] = PointerGetDatum(construct_md_array(found[0], missing[0], 1, &count, &lower, INT8OID,
												   sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	for (int c = 1; c < 3; c++)
		values[c] = PointerGetDatum(construct_md_array(found[c], missing[c], 1, &count, &lower, status_type,
													   sizeof(Oid), true, TYPALIGN_INT));
	values[0] = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	cs_close(in);
	PG_RETURN_DATUM(values[0]);
}

/*
 * check_limit(schema, account_id): raises 53400 if more contacts count than
 * the limit allows. import_contacts calls it, because its new contacts may
 * count without an event.  Locks the counts of an account that has a limit
 * until the transaction ends.
 */
PG_FUNCTION_INFO_V1(cs_check_limit);
Datum
cs_check_limit(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
	const CsPolicy *policy;

	cs_check_rights(in, ACL_INSERT);
	cs_check_account(in, PG_GETARG_INT64(1));
	policy = cs_account_policy(in, PG_GETARG_INT64(1));
	if (policy != NULL && policy->has_limit)
		cs_check_account_limit(in, policy);
	cs_end_operation(in);
	PG_RETURN_VOID();
}
