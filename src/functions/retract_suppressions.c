/*
 * retract_suppressions.c
 *		Marks suppressions as retracted or not retracted.
 *
 * The SQL function chooses the suppressions, and retracts the events that other
 * contacts received from them.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "contact/operation.h"
#include "functions/retraction.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"

/* The digests of the addresses in an SQL array.  Nulls are left out. */
static List *
digests_of(CsInstallation *in, int64 account, Datum emails)
{
	List	   *digests = NIL;
	Datum	   *addresses;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(emails), TEXTOID, -1, false, TYPALIGN_INT, &addresses, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			digests = lappend(digests, cs_address_digest(in, account, addresses[i]));
	return digests;
}

static bool
is_among(List *digests, bytea *digest)
{
	ListCell   *lc;

	foreach(lc, digests)
	{
		bytea	   *one = lfirst(lc);

		if (VARSIZE_ANY_EXHDR(one) == VARSIZE_ANY_EXHDR(digest) &&
			memcmp(VARDATA_ANY(one), VARDATA_ANY(digest), VARSIZE_ANY_EXHDR(one)) == 0)
			return true;
	}
	return false;
}

/*
 * mark_suppressions(schema, account_id, places tid[], emails text[],
 * retraction_id, reason): marks suppressions, given by their ctid, as retracted
 * or, if the reason is null, as not retracted.  With emails, only suppressions
 * of these addresses.  Returns the number of marked ones.
 *
 * Locks the retractions of the account and the suppressions.  Suppressions that
 * follow from a contact or an erasure are ignored.  Raises 42501 without the
 * UPDATE privilege on the log.
 */
PG_FUNCTION_INFO_V1(cs_mark_suppressions);
Datum
cs_mark_suppressions(PG_FUNCTION_ARGS)
{
	int64		account,
				retraction,
				marked = 0;
	bool		undo = PG_ARGISNULL(5);
	List	   *digests = NIL;
	CsInstallation *in;
	Datum	   *places;
	int			count;

	for (int i = 0; i < 5; i++)
		if (i != 3 && PG_ARGISNULL(i))
			PG_RETURN_NULL();
	account = PG_GETARG_INT64(1);
	retraction = PG_GETARG_INT64(4);
	in = cs_begin_retraction(PG_GETARG_NAME(0), account);
	if (!PG_ARGISNULL(3))
		digests = digests_of(in, account, PG_GETARG_DATUM(3));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT,
					  &places, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		bytea	   *digest = cs_lock_suppression(in, account, (ItemPointer) DatumGetPointer(places[i]), undo ? retraction : 0);

		CHECK_FOR_INTERRUPTS();
		if (digest == NULL || (!PG_ARGISNULL(3) && !is_among(digests, digest)))
			continue;
		cs_mark_suppression(in, undo ? 0 : retraction);
		marked++;
	}
	CommandCounterIncrement();
	if (!undo)
		cs_note_retraction(in, account, retraction, text_to_cstring(PG_GETARG_TEXT_PP(5)), marked, 0);
	cs_end_operation(in);
	PG_RETURN_INT64(marked);
}
