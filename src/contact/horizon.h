/*
 * horizon.h
 *		Retention: what of the log lies before its account's horizon, and is held
 *		by the facts that are kept as of it.
 */
#ifndef CONTACT_STATUS_HORIZON_H
#define CONTACT_STATUS_HORIZON_H

#include "storage/event_log.h"

/*
 * Does no fold look at the event any more?  So it is where it lies before the
 * horizon, and every life of the contact that it may belong to has its facts
 * kept, or begins later.
 */
extern bool cs_is_covered(CsInstallation *in, const CsLoggedEvent *event);

/* Is the row one of a log, and covered? */
extern bool cs_may_be_dropped(Relation rel, TupleTableSlot *row);

#endif							/* CONTACT_STATUS_HORIZON_H */
