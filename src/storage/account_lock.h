/*
 * account_lock.h
 *		Locks on what belongs to one account, held until the transaction ends.
 */
#ifndef CONTACT_STATUS_ACCOUNT_LOCK_H
#define CONTACT_STATUS_ACCOUNT_LOCK_H

#include "storage/installation.h"

/*
 * Lock an account's part of a table:
 *
 *   TABLE_CONSENT_SETTING_HISTORY  RowShareLock by transactions that judge events by its settings, ExclusiveLock by those
 *                          that change a setting or the horizon
 *   TABLE_RETRACTION       ExclusiveLock by those that retract, erase or keep facts as of the horizon
 *   TABLE_STATUS_COUNT     ExclusiveLock by those that check the contact limit
 */
extern void cs_lock_account(CsInstallation *in, CsTableId id, int64 account, LOCKMODE mode);

/* Orders accounts so that several locks of one table are taken in one order. */
extern int	cs_compare_account_locks(int64 a, int64 b);

/* Lock a policy by its name: RowShareLock to give it to an account, ExclusiveLock to change it. */
extern void cs_lock_policy(CsInstallation *in, Datum name, LOCKMODE mode);

#endif							/* CONTACT_STATUS_ACCOUNT_LOCK_H */
