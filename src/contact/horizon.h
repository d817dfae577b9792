/*
 * horizon.h
 *		Events before the horizon of their account.
 */
#ifndef CONTACT_STATUS_HORIZON_H
#define CONTACT_STATUS_HORIZON_H

#include "storage/event_log.h"

/*
 * Returns whether the event is dated before its account's horizon and no
 * replay reads it any more.  The event may belong to several generations of the
 * contact.  Each of these must store its facts as of the horizon, or begin
 * later.
 */
extern bool cs_is_covered(CsInstallation *in, const CsLoggedEvent *event);

/*
 * Returns whether the row is an event of a log, and cs_is_covered() returns
 * true for it.  Then it may be deleted.
 */
extern bool cs_may_be_dropped(Relation rel, TupleTableSlot *row);

#endif							/* CONTACT_STATUS_HORIZON_H */
