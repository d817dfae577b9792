/*
 * addresses.c
 *		Facts told of an address: suppress, for one that has no contact.
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

#include "compat.h"
#include "enums.h"
#include "facts.h"
#include "privileges.h"
#include "settings.h"
#include "suppression.h"

/* The unique index of contact over the normalised address. */
static Relation
open_address_index(Relation contacts)
{
	List	   *indexes = RelationGetIndexList(contacts);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisunique && index->rd_index->indisvalid &&
			index->rd_index->indnkeyatts == 2 && index->rd_index->indkey.values[1] == 0)
			return index;
		index_close(index, AccessShareLock);
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("table \"contact\" has lost its unique index of addresses"),
			 errhint("Create it again as contact_status.create_tables does.")));
}

static void
address_keys(ScanKeyData *keys, Relation index, int64 account, Datum address)
{
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyEntryInitialize(&keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid, index->rd_indcollation[1],
						   F_TEXTEQ, DirectFunctionCall1(cs_normalize_address, address));
}

/*
 * The contact that has an address, into the table's slot.  Of whose row the
 * latest version counts; without blanks there is no address and no contact.
 */
static bool
fetch_by_address(CsTable *contacts, Relation index, Snapshot snapshot, int64 account, Datum address)
{
	IndexScanDesc scan = cs_index_beginscan(contacts->rel, index, snapshot, 2);
	ScanKeyData keys[2];
	bool		found;

	address_keys(keys, index, account, address);
	index_rescan(scan, keys, 2, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, contacts->slot);
	index_endscan(scan);
	if (found)
		cs_check_shown(contacts->rel, contacts->slot);
	return found;
}

/* Does a contact have the address, as the latest snapshot has it? */
static bool
has_contact(CsTable *contacts, Relation index, int64 account, Datum address)
{
	Snapshot	snapshot = cs_latest_snapshot();
	bool		found = fetch_by_address(contacts, index, snapshot, account, address);

	UnregisterSnapshot(snapshot);
	return found;
}

/* The same; if not, once whoever is inserting one with it has ended. */
static bool
address_has_contact(CsInstallation *in, Relation index, int64 account, Datum address)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	ScanKeyData keys[2];

	if (has_contact(contacts, index, account, address))
		return true;
	address_keys(keys, index, account, address);
	return cs_wait_for_writers(contacts->rel, index, keys, 2, contacts->slot) &&
		has_contact(contacts, index, account, address);
}

/*
 * Once the fact is kept, a transaction that inserts a contact with the address
 * finds it.  One that did so after we had looked, and before, may not have: one
 * of the two must fail.
 */
static void
check_still_nobodys(CsInstallation *in, Relation index, int64 account, Datum address)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	ScanKeyData keys[2];

	address_keys(keys, index, account, address);
	if (cs_is_written(contacts->rel, index, keys, 2, contacts->slot) ||
		has_contact(contacts, index, account, address))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent insert"),
				 errdetail("A contact with the address began at the same moment."),
				 errhint("Retry the transaction.")));
}

/* What can be suppressed, and when.  Raises 22023, 22004 and 22008. */
static void
check_suppression(cs_kind kind, cs_id list, Datum address, TimestampTz at)
{
	text	   *normal = DatumGetTextPP(DirectFunctionCall1(cs_normalize_address, address));

	if ((kind != CS_UNSUBSCRIBED && kind != CS_COMPLAINED && kind != CS_INVALIDATED) ||
		(list.set && kind != CS_UNSUBSCRIBED))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot suppress an address as \"%s\"%s", cs_kind_labels[kind], list.set ? " of a list" : ""),
				 errhint("The kinds are unsubscribed, of a list or account-wide, complained and invalidated.")));
	if (VARSIZE_ANY_EXHDR(normal) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("suppress needs an address"),
				 errhint("For example: SELECT contact_status.suppress('crm', 1, 'ann@example.org', 'unsubscribed').")));
	if (TIMESTAMP_NOT_FINITE(at) || at > GetCurrentTimestamp() + USECS_PER_MINUTE)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				 errmsg("a suppression cannot be dated ahead"),
				 errhint("Give the time at which it happened.")));
}

/* check_suppression(account_id, email, kind, list_id, occurred_at): raises the errors of suppress for wrong arguments. */
PG_FUNCTION_INFO_V1(cs_check_suppression);
Datum
cs_check_suppression(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("suppress needs a kind"),
				 errhint("The kinds are unsubscribed, of a list or account-wide, complained and invalidated.")));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("suppress needs an account and an address"),
				 errhint("For example: SELECT contact_status.suppress('crm', 1, 'ann@example.org', 'unsubscribed').")));
	check_suppression(cs_kind_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 2), PG_GETARG_DATUM(2)),
					  cs_id_of_datum(PG_GETARG_DATUM(3), PG_ARGISNULL(3)), PG_GETARG_DATUM(1), PG_GETARG_TIMESTAMPTZ(4));
	PG_RETURN_VOID();
}

/*
 * remember_address(schema, account_id, email, kind, list_id, occurred_at,
 * source): keeps a fact of an address that no contact has.  False, and nothing
 * kept, where one has it.  Waits for transactions that write the same facts or
 * insert a contact with the address; raises 40001 where one begins meanwhile.
 */
PG_FUNCTION_INFO_V1(cs_remember_address);
Datum
cs_remember_address(PG_FUNCTION_ARGS)
{
	int64		account;
	cs_id		list,
				nobody = {0};
	cs_kind		kind;
	char	   *source;
	CsInstallation *in;
	MemoryContext caller;
	Relation	index;
	bool		remembered;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(5))
		PG_RETURN_NULL();
	account = PG_GETARG_INT64(1);
	kind = cs_kind_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 3), PG_GETARG_DATUM(3));
	list = cs_id_of_datum(PG_GETARG_DATUM(4), PG_ARGISNULL(4));
	source = PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6));

	CommandCounterIncrement();
	in = cs_open_named(PG_GETARG_NAME(0));
	caller = MemoryContextSwitchTo(in->context);
	cs_check_rights(in, ACL_INSERT);
	cs_check_account(in, account);
	check_suppression(kind, list, PG_GETARG_DATUM(2), PG_GETARG_TIMESTAMPTZ(5));
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
	index = open_address_index(cs_table(in, TABLE_CONTACT)->rel);
	remembered = !address_has_contact(in, index, account, PG_GETARG_DATUM(2));
	if (remembered)
	{
		cs_keep_suppressed(in, account, cs_address_digest(in, account, PG_GETARG_DATUM(2)),
						   kind, list, PG_GETARG_TIMESTAMPTZ(5), source, nobody, PG_INT64_MIN);
		check_still_nobodys(in, index, account, PG_GETARG_DATUM(2));
	}
	index_close(index, AccessShareLock);
	MemoryContextSwitchTo(caller);
	cs_close(in);
	CommandCounterIncrement();
	PG_RETURN_BOOL(remembered);
}

/*
 * resolve_addresses(schema, account_id, list_id, emails, known, complaints): for each
 * address the id of its contact (looked for where it is not among the known
 * ones) and, where a list is given, its consent and status there, else its own
 * status where it was looked for, or, if complaints are asked for, `complained`
 * where there is no contact and one is suppressed; null where there is none.
 * By index whatever the statistics say, for import_contacts, whose rights it wants.
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
				known_count,
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
	complaints = PG_GETARG_BOOL(5) && cs_has_suppressed(in);
	index = open_address_index(contacts->rel);
	snapshot = cs_latest_snapshot();
	row = AllocSetContextCreate(CurrentMemoryContext, "contact_status address", ALLOCSET_SMALL_SIZES);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &emails, &no_email, &count);
	if (!PG_ARGISNULL(4))
	{
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(4), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
						  &known, &unknown, &known_count);
		if (known_count != count)
			ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("as many known contacts as addresses are needed")));
	}
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
		else if (!no_email[i] && fetch_by_address(contacts, index, snapshot, account, emails[i]))
		{
			key[1] = cs_id_of_datum(cs_column(contacts, contacts->slot, CONTACT_ID, &isnull), false);
			found[2][i] = slot_getattr(contacts->slot, contacts->facts[FACT_STATUS], &missing[2][i]);
			missing[2][i] = missing[2][i] || list.set;
		}
		else if (!no_email[i] && complaints &&
				 cs_is_kept(in, account, cs_address_digest(in, account, emails[i]), CS_COMPLAINED))
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
		if (key[1].set)			/* by reference on 32 bits, so it must outlive the row's memory */
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
