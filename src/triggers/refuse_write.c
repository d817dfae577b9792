/*
 * refuse_write.c
 *		Refuses direct writes to derived data.
 *
 * The triggers refuse these writes for every role.  The extension writes its
 * rows without SQL, so they do not fire for it (row_writer.c).  The guards that
 * compare columns are AFTER triggers, because BEFORE triggers of the
 * application may change the row.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"

#include "contact/horizon.h"
#include "contact/operation.h"
#include "storage/event_log.h"
#include "types/errors.h"

static void
check_protocol(FunctionCallInfo fcinfo, bool right, const char *function, const char *as)
{
	if (!CALLED_AS_TRIGGER(fcinfo) || !right)
		cs_refuse_protocol(function, as);
}

/* The key columns of the row and its status, for messages.  Never an address. */
static char *
describe_row(Relation rel, HeapTuple row)
{
	static const char *const columns[] = {"account_id", "contact_id", "list_id", "status", "kind"};
	StringInfoData description;

	initStringInfo(&description);
	for (size_t i = 0; i < lengthof(columns); i++)
	{
		int			column = SPI_fnumber(rel->rd_att, columns[i]);
		char	   *value = column > 0 ? SPI_getvalue(row, rel->rd_att, column) : NULL;

		if (value != NULL)
			appendStringInfo(&description, "%s%s %s", description.len ? ", " : "", columns[i], value);
	}
	return description.data;
}

/*
 * refuse_write(): a row trigger.  Raises 23514, except for the deletion of an
 * event that cs_may_be_dropped() allows.
 */
PG_FUNCTION_INFO_V1(cs_refuse_write);
Datum
cs_refuse_write(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Relation	rel;
	const char *action;

	check_protocol(fcinfo, CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_FOR_ROW(trigger->tg_event), "refuse_write", "a row trigger");
	rel = trigger->tg_relation;
	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event) && cs_may_be_dropped(rel, trigger->tg_trigslot))
		return PointerGetDatum(trigger->tg_trigtuple);
	action = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? "inserted" :
		TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ? "deleted" : "changed";
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 cs_errconstraint(CONSTRAINT_DERIVED),
			 errtable(rel),
			 errmsg("a row of table \"%s\" cannot be %s directly",
					RelationGetRelationName(rel), action),
			 errdetail("It is the row of %s.", describe_row(rel, trigger->tg_trigtuple)),
			 cs_is_log(rel) ?
			 errhint("The log is append-only: record another event, or take this one out with contact_status.retract_events. Events before the horizon of contact_status.set_horizon may be deleted.") :
			 errhint("Record the event that leads to the status: docs/record-events.md, \"Set a status by hand\", lists them. contact_status.explain_status shows the facts that hold.")));
}

/* refuse_truncate(): before TRUNCATE.  Raises 0A000. */
PG_FUNCTION_INFO_V1(cs_refuse_truncate);
Datum
cs_refuse_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	check_protocol(fcinfo, CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event),
				   "refuse_truncate", "a BEFORE TRUNCATE trigger");
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("table \"%s\" cannot be truncated",
					RelationGetRelationName(trigger->tg_relation)),
			 errhint("Delete contacts with DELETE FROM contact, which stores their opt-outs.")));
}
