/*
 * account_lock.c
 *		Locks on the data of one account, held until the transaction ends.
 *
 * They are object locks of the lock manager: the class is the OID of a table,
 * the object a number computed from the account.  Accounts share a fixed number
 * of locks, so that a statement over any number of accounts cannot exhaust the
 * lock table.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "storage/account_lock.h"
#include "storage/installation.h"

/* A prime, so that evenly spaced ids spread.  At most 64: see CsInstallation.locked_settings. */
#define ACCOUNT_LOCKS 61

static uint32
lock_number(int64 account)
{
	return (uint64) account % ACCOUNT_LOCKS;
}

static void
lock_object(CsInstallation *in, CsTableId id, uint32 number, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, cs_table_oid(in, id), number, 0);
	(void) LockAcquire(&tag, mode, false, false);
}

void
cs_lock_account(CsInstallation *in, CsTableId id, int64 account, LOCKMODE mode)
{
	uint64		bit = UINT64CONST(1) << lock_number(account);

	if (id == TABLE_CONSENT_SETTING_HISTORY && mode == RowShareLock)
	{
		if (in->locked_settings & bit)
			return;
		in->locked_settings |= bit;
	}
	lock_object(in, id, lock_number(account), mode);
}

int
cs_compare_account_locks(int64 a, int64 b)
{
	uint32		left = lock_number(a);
	uint32		right = lock_number(b);

	return (left > right) - (left < right);
}

void
cs_lock_policy(CsInstallation *in, Datum name, LOCKMODE mode)
{
	text	   *policy = DatumGetTextPP(name);

	lock_object(in, TABLE_POLICY,
				DatumGetUInt32(hash_any((const unsigned char *) VARDATA_ANY(policy), VARSIZE_ANY_EXHDR(policy))), mode);
}
