/*
 * propagate_suppression.h
 *		Suppressions of an address, recorded as events of the contact that has it.
 */
#ifndef CONTACT_STATUS_PROPAGATE_SUPPRESSION_H
#define CONTACT_STATUS_PROPAGATE_SUPPRESSION_H

#include "contact/contact.h"

/*
 * Record what is suppressed of an address as events of the contact that takes
 * it, at the times of the facts or, if later, at the given one.  Raises 23514
 * contact_status_complaint under complained_insert = refuse.  The key tells the
 * events from those of an earlier contact of the same id.
 */
extern void cs_record_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest,
								 cs_time not_before, const char *event_key);

/*
 * The same for one that has had the address for some time: what its log, since
 * the contact began, does not have.  An erasure opts out who takes the address
 * afterwards.
 */
extern void cs_record_missing_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest,
							 cs_time not_before, const char *event_key, TimestampTz generation_start);

/*
 * Record as events of a contact the suppressions of its address that its log
 * lacks.  With a digest, only if the contact, once locked, has that address.
 */
extern void cs_apply_suppressions(CsInstallation *in, CsContact *visits, int64 account, int64 contact,
								  const bytea *expected);

/* The same for all that are pending; called by cs_close(). */
extern void cs_propagate_suppressions(CsInstallation *in);

#endif							/* CONTACT_STATUS_PROPAGATE_SUPPRESSION_H */
