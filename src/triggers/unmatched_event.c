/*
 * unmatched_event.c
 *		The trigger of table unmatched_event.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/memutils.h"

#include "contact/operation.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/suppression.h"

/*
 * set_address_digest(): before a row of unmatched_event is inserted or updated.
 * Sets the digest of its address, by which an erasure finds the row.  Raises
 * 23503 for an unknown account, and 42501 for one that row-level security
 * hides.
 */
PG_FUNCTION_INFO_V1(cs_set_address_digest);
Datum
cs_set_address_digest(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	CsInstallation *in;
	CsTable    *table;
	HeapTuple	row;
	TupleDesc	desc;
	Datum		account,
				address,
				digest = (Datum) 0;
	int			column;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		cs_refuse_protocol("set_address_digest", "a BEFORE INSERT OR UPDATE row trigger");

	in = cs_begin_trigger(trigger, TABLE_UNMATCHED_EVENT);
	table = cs_table(in, TABLE_UNMATCHED_EVENT);
	desc = table->rel->rd_att;
	column = table->columns[UNMATCHED_DIGEST];
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	account = heap_getattr(row, table->columns[UNMATCHED_ACCOUNT], desc, &isnull);
	if (isnull)
		account = Int64GetDatum(0); /* the server refuses the row */
	else
		cs_check_account(in, DatumGetInt64(account));
	address = heap_getattr(row, table->columns[UNMATCHED_ADDRESS], desc, &isnull);
	if (!isnull)
		digest = PointerGetDatum(cs_address_digest(in, DatumGetInt64(account), address));
	MemoryContextSwitchTo(in->caller);
	row = heap_modify_tuple_by_cols(row, desc, 1, &column, &digest, &isnull);
	cs_close(in);
	return PointerGetDatum(row);
}
