/*
 * limits.h
 *		How many contacts of an account may count.
 */
#ifndef CONTACT_STATUS_LIMITS_H
#define CONTACT_STATUS_LIMITS_H

#include "settings.h"
#include "tables.h"

/*
 * Check the accounts in which the call made contacts count by `added`
 * (in->limited).  Raises 53400 where there are more than the limit.
 */
extern void cs_check_limits(CsInstallation *in);

#endif							/* CONTACT_STATUS_LIMITS_H */
