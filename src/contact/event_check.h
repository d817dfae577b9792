/*
 * event_check.h
 *		Checks of an event before it is recorded.
 */
#ifndef CONTACT_STATUS_EVENT_CHECK_H
#define CONTACT_STATUS_EVENT_CHECK_H

#include "compat.h"
#include "rules/rules.h"
#include "storage/installation.h"

/*
 * Checks the time, the shape and the list of an event of a contact, or (null)
 * of an address without one.  Locks the settings of the account.  Raises 22008
 * for a time that no event may have, 23514 for a wrong shape, and 23503 for an
 * unknown list of an account that exists.
 */
extern void cs_check_event(CsInstallation *in, int64 account, cs_id contact, const cs_event *event, cs_evidence evidence);

/* Raises 23514.  `problem` follows the name of the event. */
pg_noreturn extern void cs_refuse_event(cs_id contact, const cs_event *event, const char *problem);

#endif							/* CONTACT_STATUS_EVENT_CHECK_H */
