/*
 * guard_status.c
 *		guard_status: a trigger for a status column of the application's own.
 *
 * Such a column stores only the status, not the facts.  So an opt-out, a
 * complaint or a deletion cannot be undone by writing a less restrictive
 * status.  Other changes must be transitions of the policy.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "rules/rules.h"
#include "types/enums.h"
#include "types/errors.h"
#include "types/policy.h"
#include "types/transitions.h"

typedef enum Mode
{
	MODE_ERROR, MODE_KEEP, MODE_SKIP
} Mode;

/* status column [, policy] [, 'error', 'keep' or 'skip'] */
static void
read_arguments(const Trigger *trigger, const char **column, const char **policy, Mode *mode)
{
	int			count = trigger->tgnargs;
	char	  **given = trigger->tgargs;

	*mode = MODE_ERROR;
	if (count > 1)
	{
		const char *last = given[count - 1];

		*mode = strcmp(last, "keep") == 0 ? MODE_KEEP : strcmp(last, "skip") == 0 ? MODE_SKIP : MODE_ERROR;
		if (*mode != MODE_ERROR || strcmp(last, "error") == 0)
			count--;
	}
	if (count < 1 || count > 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" does not give guard_status the arguments it needs", trigger->tgname),
				 errhint("They are: status column [, policy] [, error, keep or skip].")));
	*column = given[0];
	*policy = count > 1 ? given[1] : "default";
}

/* May an UPDATE of the column make this change? */
static bool
is_allowed(const char *policy, cs_status from, cs_status to)
{
	if (from == to)
		return true;
	if (to < from && (from == CS_STATUS_UNSUBSCRIBED || from == CS_STATUS_COMPLAINED ||
					  (from == CS_STATUS_DELETED && cs_is_mailable(to))))
		return false;
	return cs_has_transition(cs_builtin_policy_named(policy), from, to);
}

/*
 * guard_status(column [, policy] [, mode]): before an update of a row.  Mode
 * error raises 23514 for a change that is not allowed, keep restores the old
 * status, and skip skips the row.  Raises 22023, 42703 and 42804 for wrong
 * arguments.
 */
PG_FUNCTION_INFO_V1(cs_guard_status);
Datum
cs_guard_status(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	const char *column_name,
			   *policy;
	Mode		mode;
	int			column;
	Oid			type;
	Datum		old,
				new;
	bool		old_null,
				new_null;
	cs_status	from,
				to;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("guard_status must be fired BEFORE UPDATE FOR EACH ROW"),
				 errhint("CREATE TRIGGER ... BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION contact_status.guard_status('status', 'ecomail').")));

	desc = trigger->tg_relation->rd_att;
	read_arguments(trigger->tg_trigger, &column_name, &policy, &mode);
	column = SPI_fnumber(desc, column_name);
	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(trigger->tg_relation), column_name),
				 errhint("Give guard_status the name of the status column.")));
	type = TupleDescAttr(desc, column - 1)->atttypid;
	if (strcmp(format_type_be_qualified(type), "contact_status.contact_status") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" is not a contact_status",
						column_name, RelationGetRelationName(trigger->tg_relation)),
				 errhint("ALTER TABLE ... ALTER COLUMN ... TYPE contact_status.contact_status.")));

	old = SPI_getbinval(trigger->tg_trigtuple, desc, column, &old_null);
	new = SPI_getbinval(trigger->tg_newtuple, desc, column, &new_null);
	if (old_null)
		return PointerGetDatum(trigger->tg_newtuple);	/* null has no opt-out to protect */
	from = cs_status_of_datum(type, old);
	to = new_null ? CS_STATUS_ACTIVE : cs_status_of_datum(type, new);
	if (!new_null && is_allowed(policy, from, to))
		return PointerGetDatum(trigger->tg_newtuple);

	if (mode == MODE_SKIP)
		return PointerGetDatum(NULL);
	if (mode == MODE_KEEP)
		return PointerGetDatum(heap_modify_tuple_by_cols(trigger->tg_newtuple, desc, 1, &column, &old, &old_null));
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 cs_errconstraint(from >= CS_STATUS_UNSUBSCRIBED ? CONSTRAINT_OPT_OUT : "contact_status_transition"),
			 errtable(trigger->tg_relation),
			 errmsg("a status \"%s\" cannot be made \"%s\" by writing it",
					cs_status_labels[from], new_null ? "null" : cs_status_labels[to]),
			 errdetail("No event of policy \"%s\" does that to a status alone.", policy),
			 errhint("Leave the status as it is, or use mode keep or skip. After an opt-out, a contact returns by a confirmed sign-up.")));
}
