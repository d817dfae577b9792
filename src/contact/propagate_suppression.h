/*
 * propagate_suppression.h
 *		Suppressions of an address, recorded as events of the contact that has it.
 */
#ifndef CONTACT_STATUS_PROPAGATE_SUPPRESSION_H
#define CONTACT_STATUS_PROPAGATE_SUPPRESSION_H

#include "contact/contact.h"

/*
 * Records the suppressions of an address as events of the contact that takes
 * it.  They are dated at the times of the suppressions, but not before
 * not_before. event_key distinguishes these events from those of an earlier
 * contact with the same id.  Raises 23514 contact_status_complaint for a
 * complaint under complained_insert = refuse.
 */
extern void cs_record_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest,
								 cs_time not_before, const char *event_key);

/*
 * The same for a contact that had the address before: records only the
 * suppressions that its log since generation_start lacks.  Leaves out the
 * opt-outs of an erasure, which apply only to a contact that takes the address
 * later.
 */
extern void cs_record_missing_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest,
							 cs_time not_before, const char *event_key, TimestampTz generation_start);

/*
 * Locks a contact, and records as its events the suppressions of its address
 * that its log lacks.  If a digest is expected and the contact has another
 * address, does nothing.
 */
extern void cs_apply_suppressions(CsInstallation *in, CsContact *state, int64 account, int64 contact,
								  const bytea *expected);

/*
 * Does this for all pending addresses of the call, and the pending replays.
 * cs_end_operation() calls it.
 */
extern void cs_propagate_suppressions(CsInstallation *in);

#endif							/* CONTACT_STATUS_PROPAGATE_SUPPRESSION_H */
