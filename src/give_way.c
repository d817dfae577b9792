/*
 * give_way.c
 *		To give way to others instead of waiting for them out of order.
 *
 * Whoever locks several contacts does so in ascending order, and before he
 * writes what others wait for.  Only who retracts events, suppresses addresses,
 * or hears late what was said of an old one, learns as he goes whom else it
 * concerns: whoever has the address by now, or is about to.  He locks these if
 * he can.  If not, his attempt is undone, and the next one begins with what was
 * in the way.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "give_way.h"

/* Somebody else's turn comes sooner. */
#define ATTEMPTS 100

/* ---- what was in the way of this transaction ---- */

static struct
{
	LocalTransactionId transaction;
	List	   *contacts;		/* of CsContactId */
	TransactionId writer;
	bool		gave_way;
	SubTransactionId attempt;	/* that is being made: to be undone if it gives way */
}			met;

static void
begin_meeting(void)
{
	if (met.transaction == cs_local_transaction())
		return;
	met.transaction = cs_local_transaction();
	met.contacts = NIL;			/* went with its transaction */
	met.writer = InvalidTransactionId;
	met.gave_way = false;
	met.attempt = InvalidSubTransactionId;
}

void
cs_met_contact(int64 account, int64 contact)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	CsContactId *id = palloc(sizeof(CsContactId));

	*id = (CsContactId) {account, contact};
	begin_meeting();
	met.contacts = lappend(met.contacts, id);
	MemoryContextSwitchTo(caller);
}

void
cs_give_way(TransactionId writer)
{
	begin_meeting();
	met.writer = writer;
	met.gave_way = true;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
			 errmsg("another transaction writes about the same contacts or addresses"),
			 errdetail("To wait for it now could be a deadlock."),
			 errhint("Retry the transaction.")));
}

/* ---- in order ---- */

static int
compare_contacts(const void *left, const void *right)
{
	const CsContactId *a = left;
	const CsContactId *b = right;

	if (a->contact != b->contact)
		return a->contact > b->contact ? 1 : -1;
	return (a->account > b->account) - (a->account < b->account);
}

static void
wait_for_writer(void)
{
	if (TransactionIdIsValid(met.writer))
		XactLockTableWait(met.writer, NULL, NULL, XLTW_None);
	met.writer = InvalidTransactionId;
}

void
cs_lock_in_order(CsInstallation *in, const CsContactId *contacts, int count)
{
	CsVisits   *visits;
	CsContactId *all;
	ListCell   *lc;

	begin_meeting();
	wait_for_writer();

	all = MemoryContextAllocHuge(in->context, (count + list_length(met.contacts) + 1) * sizeof(CsContactId));
	memcpy(all, contacts, count * sizeof(CsContactId));
	foreach(lc, met.contacts)
		all[count++] = *(CsContactId *) lfirst(lc);
	qsort(all, count, sizeof(CsContactId), compare_contacts);

	visits = cs_begin_visits(in);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == 0 || compare_contacts(&all[i], &all[i - 1]) != 0)
			cs_visit(visits, all[i].account, all[i].contact);
	}
	cs_end_visits(visits);
	pfree(all);
}

/* ---- attempts ---- */

static void
begin_attempt(void)
{
	begin_meeting();
	met.attempt = GetCurrentSubTransactionId();
}

bool
cs_is_attempting(void)
{
	begin_meeting();
	return met.attempt != InvalidSubTransactionId && SubTransactionIsActive(met.attempt);
}

/* Returns the error by which the attempt ended, or NULL. */
static ErrorData *
try_once(void (*function) (void *argument, CsAttempt attempt), void *argument, CsAttempt attempt)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		begin_attempt();
		function(argument, attempt);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

void
cs_until_done(void (*function) (void *argument, CsAttempt attempt), void *argument)
{
	/*
	 * Part of another attempt, which is undone as a whole: who waits for a lock
	 * that a subtransaction left to its parent is not woken when that is undone.
	 */
	if (cs_is_attempting())
	{
		function(argument, met.gave_way ? CS_AGAIN : CS_FIRST);
		return;
	}
	for (int n = 1;; n++)
	{
		CsAttempt	attempt = n == 1 ? CS_FIRST : n < ATTEMPTS ? CS_AGAIN : CS_LAST;
		ErrorData  *error = try_once(function, argument, attempt);

		if (error == NULL)
			return;
		if (attempt == CS_LAST || error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
			ReThrowError(error);
		FreeErrorData(error);
	}
}

/* ---- the same for attempts that are written in SQL ---- */

/*
 * begin_attempt(): what the block now does is undone if it gives way.  Waits
 * for whom the attempt before it gave way to.
 */
PG_FUNCTION_INFO_V1(cs_begin_attempt);
Datum
cs_begin_attempt(FunctionCallInfo fcinfo pg_attribute_unused())
{
	begin_attempt();
	wait_for_writer();
	PG_RETURN_VOID();
}

/* lock_contacts(schema, account_id, contacts): locks these, and what was in the way of an attempt before. */
PG_FUNCTION_INFO_V1(cs_lock_contacts);
Datum
cs_lock_contacts(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_open(get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false));
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	int64		account = PG_GETARG_INT64(1);
	Datum	   *elements;
	int			count = cs_bigints_argument(PG_GETARG_DATUM(2), &elements);
	CsContactId *contacts = MemoryContextAllocHuge(in->context, (count + 1) * sizeof(CsContactId));

	cs_check_rights(in, ACL_INSERT | ACL_UPDATE);
	for (int i = 0; i < count; i++)
		contacts[i] = (CsContactId) {account, DatumGetInt64(elements[i])};
	cs_lock_in_order(in, contacts, count);
	MemoryContextSwitchTo(caller);
	cs_close(in);
	PG_RETURN_VOID();
}
