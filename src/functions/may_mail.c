/*
 * may_mail.c
 *		may_mail: may a contact be mailed on a list now?
 *
 * The answer is that of view mailable in the same snapshot.  Two index lookups
 * decide for almost every contact.  The query of the view decides for contacts
 * that are due, for any list, and under row-level security.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/key_lookup.h"
#include "storage/privileges.h"
#include "types/enums.h"
#include "types/fact_columns.h"

/* The tables that view mailable reads. */
static const CsTableId read_tables[] = {TABLE_SUBSCRIPTION, TABLE_CONTACT, TABLE_ACCOUNT, TABLE_POLICY};

/* Data of the calls of one statement. */
typedef struct Reader
{
	NameData	schema;
	Oid			user;
	TimestampTz began;			/* start of the transaction that holds the locks */
	MemoryContext context;
	bool		is_exempt;		/* from row-level security */
	CsLookup	contacts;
	CsLookup	subscriptions;
	AttrNumber	consent;
	SPIPlanPtr	plan;			/* of the view's query; NULL until it is needed */
} Reader;

static void
free_plan(void *reader)
{
	if (((Reader *) reader)->plan != NULL)
		SPI_freeplan(((Reader *) reader)->plan);
}

/* Opens an installation.  Raises the errors of cs_open_named(), and 42501 if the caller may not read the view's tables. */
static Reader *
begin_reader(Name schema, MemoryContext parent)
{
	CsInstallation *in = cs_open_named(schema);
	MemoryContext context = AllocSetContextCreate(parent, "contact_status may_mail", ALLOCSET_SMALL_SIZES);
	Reader	   *reader = MemoryContextAllocZero(context, sizeof(Reader));
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(MemoryContextCallback));
	CsTable    *contacts,
			   *subscriptions;

	namestrcpy(&reader->schema, NameStr(*schema));
	reader->user = GetUserId();
	reader->began = GetCurrentTransactionStartTimestamp();
	reader->context = context;
	reader->is_exempt = true;
	in->reads_only = true;
	for (int i = 0; i < (int) lengthof(read_tables); i++)
	{
		Relation	rel = cs_table(in, read_tables[i])->rel;

		cs_check_table_rights(rel, ACL_SELECT);
		if (check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED)
			reader->is_exempt = false;
	}
	contacts = cs_table(in, TABLE_CONTACT);
	subscriptions = cs_table(in, TABLE_SUBSCRIPTION);
	reader->contacts = cs_begin_lookup(contacts, contacts->facts[FACT_STATUS], contacts->facts[FACT_DUE_AT], context);
	reader->subscriptions = cs_begin_lookup(subscriptions, subscriptions->columns[SUBSCRIPTION_STATUS], 0, context);
	reader->consent = subscriptions->columns[SUBSCRIPTION_CONSENT];
	cs_close(in);
	callback->func = free_plan;
	callback->arg = reader;
	MemoryContextRegisterResetCallback(context, callback);
	return reader;
}

/* The answer of the view's query. */
static bool
ask_view(Reader *reader, int64 account, int64 contact, cs_id list)
{
	Oid			types[3] = {INT8OID, INT8OID, INT8OID};
	Datum		values[3] = {Int64GetDatum(account), Int64GetDatum(contact), Int64GetDatum(list.id)};
	bool		found;

	SPI_connect();
	if (reader->plan == NULL)
	{
		Oid			name_type = NAMEOID;
		Datum		schema = NameGetDatum(&reader->schema);
		SPIPlanPtr	plan;
		char	   *query;

		if (SPI_execute_with_args("SELECT _contact_status.mailable_query($1)", 1, &name_type, &schema, NULL, true, 1) != SPI_OK_SELECT ||
			SPI_processed != 1)
			elog(ERROR, "could not read the query of view mailable");
		query = psprintf("SELECT FROM (%s) m WHERE m.account_id OPERATOR(pg_catalog.=) $1"
						 " AND m.contact_id OPERATOR(pg_catalog.=) $2%s LIMIT 1",
						 SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1),
						 " AND ($3 IS NULL OR m.list_id OPERATOR(pg_catalog.=) $3)");
		plan = SPI_prepare(query, 3, types);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the query of view mailable");
		reader->plan = plan;
	}
	if (SPI_execute_plan(reader->plan, values, list.set ? "   " : "  n", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not execute the query of view mailable");
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

/* As view mailable, by the stored status of a contact that is not due. */
static bool
is_mailable_on(Reader *reader, int64 account, int64 contact, cs_id list)
{
	cs_id		key[3] = {{true, account}, {true, contact}, list};
	const CsLookup *look = &reader->subscriptions;
	cs_status	status = CS_STATUS_DELETED;
	bool		isnull,
				never,
				found;
	Datum		due;

	found = cs_look_up(look, GetActiveSnapshot(), key, 3);
	if (found)
	{
		found = cs_status_of_datum(look->status_type, slot_getattr(look->slot, reader->consent, &isnull)) == CS_STATUS_ACTIVE;
		status = cs_status_of_datum(look->status_type, slot_getattr(look->slot, look->status, &isnull));
	}
	ExecClearTuple(look->slot);
	/* time alone changes no status above suspended */
	if (!found || status > CS_STATUS_SUSPENDED)
		return false;

	look = &reader->contacts;
	found = cs_look_up(look, GetActiveSnapshot(), key, 2);
	due = found ? slot_getattr(look->slot, look->due_at, &never) : (Datum) 0;
	ExecClearTuple(look->slot);
	if (found && !never && DatumGetTimestampTz(due) <= GetCurrentTransactionStartTimestamp())
		return ask_view(reader, account, contact, list);
	return found && cs_is_mailable(status);
}

/*
 * may_mail(schema, account_id, contact_id, list_id): does view mailable have
 * such a row?  A null list means any list, and a null account or contact none.
 * Raises 22004 for a null schema, and the errors of begin_reader().  Takes no
 * row locks.
 */
PG_FUNCTION_INFO_V1(cs_may_mail);
Datum
cs_may_mail(PG_FUNCTION_ARGS)
{
	Reader	   *reader = fcinfo->flinfo->fn_extra;
	cs_id		list = cs_id_of_datum(PG_GETARG_DATUM(3), PG_ARGISNULL(3));

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the schema of an installation is missing"),
				 errhint("Name the schema with whose name contact_status.create_tables was called.")));
	if (reader != NULL && (reader->user != GetUserId() || reader->began != GetCurrentTransactionStartTimestamp() ||
						   strcmp(NameStr(reader->schema), NameStr(*PG_GETARG_NAME(0))) != 0))
	{
		fcinfo->flinfo->fn_extra = NULL;
		MemoryContextDelete(reader->context);
		reader = NULL;
	}
	if (reader == NULL)
		reader = fcinfo->flinfo->fn_extra = begin_reader(PG_GETARG_NAME(0), fcinfo->flinfo->fn_mcxt);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	if (reader->is_exempt && list.set)
		PG_RETURN_BOOL(is_mailable_on(reader, PG_GETARG_INT64(1), PG_GETARG_INT64(2), list));
	PG_RETURN_BOOL(ask_view(reader, PG_GETARG_INT64(1), PG_GETARG_INT64(2), list));
}
