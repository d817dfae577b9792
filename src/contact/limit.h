/*
 * limit.h
 *		How many contacts of an account may count.
 */
#ifndef CONTACT_STATUS_LIMIT_H
#define CONTACT_STATUS_LIMIT_H

#include "storage/settings.h"
#include "storage/installation.h"

/*
 * Check the accounts in which the call made contacts count by `added`
 * (in->limited).  Raises 53400 where there are more than the limit.
 */
extern void cs_check_limits(CsInstallation *in);

/* The same of one account, whatever the call did. */
extern void cs_check_account_limit(CsInstallation *in, const CsPolicy *policy);

#endif							/* CONTACT_STATUS_LIMIT_H */
