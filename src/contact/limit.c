/*
 * limit.c
 *		Checks the contact limit of an account.
 *
 * Only `added` events are refused for a limit.  If the `added` events of a
 * transaction made contacts count, it locks the account's counts until it ends.
 * So concurrent transactions cannot exceed the limit together.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "utils/memutils.h"

#include "contact/limit.h"
#include "rules/rules.h"
#include "storage/account_lock.h"
#include "storage/installation.h"
#include "storage/status_count.h"
#include "storage/table_scan.h"
#include "types/errors.h"
#include "types/policy.h"

static int
compare_accounts(const ListCell *a, const ListCell *b)
{
	int64		left = ((const CsPolicy *) lfirst(a))->account;
	int64		right = ((const CsPolicy *) lfirst(b))->account;

	return cs_compare_account_locks(left, right);
}

void
cs_check_account_limit(CsInstallation *in, const CsPolicy *policy)
{
	CsTable    *accounts = cs_table(in, TABLE_ACCOUNT);
	cs_id		key = {true, policy->account};
	int64		counted,
				limit;
	bool		unlimited;

	cs_lock_account(in, TABLE_STATUS_COUNT, policy->account, ExclusiveLock);
	if (!cs_fetch_latest(accounts, &key, 1))
		return;
	limit = DatumGetInt64(cs_column(accounts, accounts->slot, ACCOUNT_CONTACT_LIMIT, &unlimited));
	CommandCounterIncrement();
	counted = cs_counted_contacts(in, policy->account, policy->counted);
	if (!unlimited && counted > limit)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 cs_errconstraint(CONSTRAINT_LIMIT),
				 errmsg("account %lld may have %lld active contacts", (long long) policy->account, (long long) limit),
				 errdetail("With those that are added it would have %lld.", (long long) counted),
				 errhint("Raise account.contact_limit, or add fewer; import_contacts adds as many as there is room for.")));
}

void
cs_check_limits(CsInstallation *in)
{
	ListCell   *lc;

	if (in->limited == NIL)
		return;
	list_sort(in->limited, compare_accounts);
	cs_write_counts(in);
	foreach(lc, in->limited)
		cs_check_account_limit(in, lfirst(lc));
}
