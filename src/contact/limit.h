/*
 * limit.h
 *		Checks the contact limit of an account.
 */
#ifndef CONTACT_STATUS_LIMIT_H
#define CONTACT_STATUS_LIMIT_H

#include "storage/settings.h"
#include "storage/installation.h"

/*
 * Checks the accounts in which `added` events of this call made contacts count
 * (in->limited).  Locks their counts until the transaction ends.  Raises 53400
 * if more contacts count than the limit allows.
 */
extern void cs_check_limits(CsInstallation *in);

/* The same for one account, independent of the events of this call. */
extern void cs_check_account_limit(CsInstallation *in, const CsPolicy *policy);

#endif							/* CONTACT_STATUS_LIMIT_H */
