/*
 * suppressions_of.c
 *		Lists the suppressions of addresses that the caller brings.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"

/*
 * suppressions_of(schema, account_id, emails): the suppressions of addresses,
 * each with the number of its address in the array.  Nulls have none.  Raises
 * 42501 without the SELECT privilege on suppression and event, or for an account
 * that row-level security hides.
 */
PG_FUNCTION_INFO_V1(cs_suppressions_of);
Datum
cs_suppressions_of(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CsInstallation *in = cs_open_named(PG_GETARG_NAME(0));
	cs_id		account = {true, PG_GETARG_INT64(1)};
	Datum	   *addresses;
	bool	   *nulls;
	int			count;
	MemoryContext row;

	InitMaterializedSRF(fcinfo, 0);
	in->reads_only = true;
	cs_check_table_rights(cs_table(in, TABLE_SUPPRESSION)->rel, ACL_SELECT);
	cs_check_rights(in, ACL_SELECT);
	cs_check_account(in, account.id);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT, &addresses, &nulls, &count);
	/* without a key there are no suppressions */
	if (!cs_fetch_latest(cs_table(in, TABLE_ADDRESS_KEY), &account, 1))
		count = 0;
	row = AllocSetContextCreate(in->context, "contact_status suppression", ALLOCSET_SMALL_SIZES);
	for (int i = 0; i < count; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(row);

		CHECK_FOR_INTERRUPTS();
		if (!nulls[i])
			cs_collect_suppressions(in, account.id, i + 1, cs_address_digest(in, account.id, addresses[i]), GetActiveSnapshot(),
									true, result->setResult, result->setDesc);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
	cs_close(in);
	return (Datum) 0;
}
