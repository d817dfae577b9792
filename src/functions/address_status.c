/*
 * address_status.c
 *		The address status of a row of contact, for views that need the status
 *		as of now().
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "rules/rules.h"
#include "types/enums.h"
#include "types/fact_columns.h"
#include "types/policy.h"

/* Reads the facts of a row of contact. */
static CsContactRow
read_contact(Datum row)
{
	AttrNumber	columns[FACT_COLUMNS];
	Datum	   *values;
	bool	   *nulls;
	TupleDesc	desc = cs_deform(row, &values, &nulls);
	CsContactRow facts = {0};

	cs_find_fact_columns(desc, false, columns);
	cs_facts_of_values(&facts, desc, columns, values, nulls);
	ReleaseTupleDesc(desc);
	return facts;
}

/*
 * address_status(policy, contact, as_of): the greatest status over the address
 * facts of a row of contact.  Consents are not part of it.
 */
PG_FUNCTION_INFO_V1(cs_address_status_of);
Datum
cs_address_status_of(PG_FUNCTION_ARGS)
{
	CsPolicy	policy = cs_policy_of_datum(PG_GETARG_DATUM(0));
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(2);
	CsContactRow facts = read_contact(PG_GETARG_DATUM(1));
	cs_status	status;

	status = cs_address_status(&facts.contact, &policy.rules, as_of);
	PG_RETURN_DATUM(cs_status_datum(get_fn_expr_rettype(fcinfo->flinfo), status));
}

/* is_deliverable(policy, contact): may a row of contact receive transactional mail? */
PG_FUNCTION_INFO_V1(cs_is_deliverable_of);
Datum
cs_is_deliverable_of(PG_FUNCTION_ARGS)
{
	CsPolicy	policy = cs_policy_of_datum(PG_GETARG_DATUM(0));
	CsContactRow facts = read_contact(PG_GETARG_DATUM(1));

	PG_RETURN_BOOL(cs_is_deliverable(&facts.contact, &policy.rules, policy.complaint_stops_all));
}

/* judges_consent(kind): do consent settings decide the effect of events of this kind? */
PG_FUNCTION_INFO_V1(cs_judges_consent_of);
Datum
cs_judges_consent_of(PG_FUNCTION_ARGS)
{
	cs_kind		kind = cs_kind_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 0), PG_GETARG_DATUM(0));

	PG_RETURN_BOOL(cs_judges_consent(kind));
}
