/*
 * retraction.h
 *		Calls that retract events or suppressions, and table retraction.
 */
#ifndef CONTACT_STATUS_RETRACTION_H
#define CONTACT_STATUS_RETRACTION_H

#include "storage/installation.h"

/*
 * Begins a call that changes recorded events or suppressions.  Locks the
 * retractions of the account.  Raises 42501 unless the caller has the UPDATE privilege on the log.
 */
extern CsInstallation *cs_begin_retraction(Name schema, int64 account);

/*
 * Stores the role, the reason and the numbers of a retraction.  A later call for
 * the same retraction adds to the numbers.
 */
extern void cs_note_retraction(CsInstallation *in, int64 account, int64 retraction, const char *reason,
							   int64 events, int64 contacts);

/* Stores that a retraction was undone, and the role.  Raises 23503 if there is no such retraction. */
extern void cs_note_undone(CsInstallation *in, int64 account, int64 retraction);

#endif							/* CONTACT_STATUS_RETRACTION_H */
