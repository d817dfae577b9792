/*
 * account_lock.h
 *		Locks on the data of one account, held until the transaction ends.
 */
#ifndef CONTACT_STATUS_ACCOUNT_LOCK_H
#define CONTACT_STATUS_ACCOUNT_LOCK_H

#include "storage/installation.h"

/*
 * Locks an account's part of a table until the transaction ends.  Waits for
 * transactions with a conflicting lock.  Accounts may share a lock.
 *
 *   TABLE_CONSENT_SETTING_HISTORY
 *       RowShareLock: the transaction applies events by the settings
 *       ExclusiveLock: it changes a setting or the horizon
 *   TABLE_RETRACTION
 *       ExclusiveLock: it retracts, erases, or stores facts as of the horizon
 *   TABLE_STATUS_COUNT
 *       ExclusiveLock: it checks the contact limit
 */
extern void cs_lock_account(CsInstallation *in, CsTableId id, int64 account, LOCKMODE mode);

/*
 * Compares two accounts by their locks: less than 0, 0 or greater than 0.  A
 * transaction takes several locks of one table in this order.
 */
extern int	cs_compare_account_locks(int64 a, int64 b);

/*
 * Locks a policy by its name until the transaction ends.  RowShareLock: the
 * transaction assigns the policy to an account.  ExclusiveLock: it changes the
 * policy.
 */
extern void cs_lock_policy(CsInstallation *in, Datum name, LOCKMODE mode);

#endif							/* CONTACT_STATUS_ACCOUNT_LOCK_H */
