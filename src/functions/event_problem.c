/*
 * event_problem.c
 *		Checks the time and the shape of an event that is not recorded yet.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "rules/rules.h"
#include "types/fact_columns.h"
#include "types/enums.h"
#include "types/event_time.h"

/*
 * event_problem(kind, list_id, campaign_id, occurred_at, evidence, source,
 * until): why there can be no such event, or null.  An event without a kind or
 * a time has a problem.  The checks are those of an insert into the log.
 */
PG_FUNCTION_INFO_V1(cs_event_problem);
Datum
cs_event_problem(PG_FUNCTION_ARGS)
{
	cs_event	event = {0};
	cs_evidence evidence = CS_EVIDENCE_BLANK;
	const char *problem;

	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text("the event has no kind"));
	if (PG_ARGISNULL(3))
		PG_RETURN_TEXT_P(cstring_to_text("the event has no time"));
	event.kind = cs_kind_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 0), PG_GETARG_DATUM(0));
	event.at = PG_GETARG_TIMESTAMPTZ(3);
	event.list = cs_id_of_datum(PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	event.campaign = cs_id_of_datum(PG_GETARG_DATUM(2), PG_ARGISNULL(2));
	event.until.set = !PG_ARGISNULL(6);
	event.until.at = PG_ARGISNULL(6) ? 0 : PG_GETARG_TIMESTAMPTZ(6);
	event.manual = !PG_ARGISNULL(5) && strcmp(text_to_cstring(PG_GETARG_TEXT_PP(5)), "manual") == 0;
	if (!PG_ARGISNULL(4))
	{
		const char *given = text_to_cstring(PG_GETARG_TEXT_PP(4));

		if (given[strspn(given, " \t\r\n\f\v")] != '\0')
			evidence = CS_EVIDENCE_GIVEN;
	}
	problem = cs_time_problem(event.at, GetCurrentTimestamp());
	if (problem != NULL)
		PG_RETURN_TEXT_P(cstring_to_text(psprintf("the event is dated %s", problem)));
	problem = cs_shape_error(&event, evidence);
	if (problem != NULL)
		PG_RETURN_TEXT_P(cstring_to_text(psprintf("the event %s", problem)));
	PG_RETURN_NULL();
}
