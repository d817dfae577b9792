/*
 * give_way.c
 *		To give way to others instead of waiting for them out of order.
 *
 * Whoever locks several contacts does so in ascending order, and before he
 * writes what others wait for.  Only a retraction learns as it goes whom else it
 * concerns: whoever has, or is about to have, the address of a contact that is
 * gone.  It locks these if it can; if not, its attempt is undone by the
 * exception handler of its SQL function, and the next one begins with what was
 * in the way.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "contacts.h"
#include "give_way.h"

typedef struct Contact
{
	int64		account;
	int64		contact;
} Contact;

/* What was in the way of the transaction. */
static struct
{
	LocalTransactionId transaction;
	List	   *contacts;
	TransactionId writer;
}			met;

static void
begin_meeting(void)
{
	if (met.transaction == cs_local_transaction())
		return;
	met.transaction = cs_local_transaction();
	met.contacts = NIL;			/* went with its transaction */
	met.writer = InvalidTransactionId;
}

void
cs_met_contact(int64 account, int64 contact)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	Contact    *at = palloc(sizeof(Contact));

	*at = (Contact) {account, contact};
	begin_meeting();
	met.contacts = lappend(met.contacts, at);
	MemoryContextSwitchTo(caller);
}

void
cs_give_way(TransactionId writer)
{
	begin_meeting();
	met.writer = writer;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
			 errmsg("another transaction writes about the same contacts or addresses"),
			 errdetail("To wait for it now could be a deadlock."),
			 errhint("Retry the transaction.")));
}

static int
compare_contacts(const void *left, const void *right)
{
	int64		a = *(const int64 *) left;
	int64		b = *(const int64 *) right;

	return (a > b) - (a < b);
}

/* The given contacts and those met, ascending. */
static int64 *
contacts_in_order(Datum given, int64 account, int *count)
{
	Datum	   *elements;
	int			n = cs_bigints_argument(given, &elements);
	int64	   *ids = palloc((n + list_length(met.contacts) + 1) * sizeof(int64));
	ListCell   *lc;

	for (int i = 0; i < n; i++)
		ids[i] = DatumGetInt64(elements[i]);
	foreach(lc, met.contacts)
	{
		const Contact *at = lfirst(lc);

		if (at->account == account)
			ids[n++] = at->contact;
	}
	qsort(ids, n, sizeof(int64), compare_contacts);
	*count = n;
	return ids;
}

/*
 * lock_contacts(schema, account_id, contacts): locks these, and what this
 * transaction gave way at, in the order in which all lock them, after the
 * writer that it gave way to has ended.
 */
PG_FUNCTION_INFO_V1(cs_lock_contacts);
Datum
cs_lock_contacts(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open(get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false));
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	int64		account = PG_GETARG_INT64(1);
	CsVisits   *visits;
	int64	   *ids;
	int			count;

	cs_check_rights(in, ACL_UPDATE);
	begin_meeting();
	if (TransactionIdIsValid(met.writer))
		XactLockTableWait(met.writer, NULL, NULL, XLTW_None);
	met.writer = InvalidTransactionId;

	visits = cs_begin_visits(in);
	ids = contacts_in_order(PG_GETARG_DATUM(2), account, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == 0 || ids[i] != ids[i - 1])
			cs_visit(visits, account, ids[i]);
	}
	cs_end_visits(visits);
	MemoryContextSwitchTo(caller);
	cs_close(in);
	PG_RETURN_VOID();
}
