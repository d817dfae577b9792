/*
 * merged_contact.h
 *		Contacts that were merged with another contact.
 *
 * A merged contact is a deleted contact with merged_into.  Its later events are
 * recorded for its own addresses, as those of a deleted contact, and events of
 * the person are copied to the contact with which it was merged.
 */
#ifndef CONTACT_STATUS_MERGED_CONTACT_H
#define CONTACT_STATUS_MERGED_CONTACT_H

#include "contact/contact.h"
#include "contact/deleted_contact.h"

/*
 * Copies events of the person from the log of a merged contact to the log of
 * the contact with which it was merged: those recorded after a time and dated
 * from `first` on.  Errors, deliveries and interactions remain with the address
 * that was mailed.  Events from before the merge are copied only if they
 * restrict.  The copies are applied when the call ends.  Locks the other
 * contact.
 */
extern void cs_copy_to_merged(CsInstallation *in, CsContact *state, const CsDeletedContact *deleted,
							  TimestampTz after, cs_time first);

/*
 * Stores the opt-outs and the complaint of a contact with which others were
 * merged as suppressions of an address of one of these, for a contact that takes
 * this address now.  Locks the contact with which they were merged.
 */
extern void cs_suppress_merged_address(CsInstallation *in, CsContact *state, int64 account, int64 contact,
									   int64 merged_into, bytea *digest);

/*
 * Updates these suppressions of the last addresses of all contacts that were
 * merged with the locked contact, after its events changed.
 */
extern void cs_suppress_merged_addresses(CsInstallation *in, CsContact *state, int64 account, int64 contact);

/*
 * Returns the contact that receives the events of a contact: itself, unless it
 * does not exist and was merged.
 */
extern int64 cs_merge_target(CsInstallation *in, int64 account, int64 contact);

/* Returns the ids (int64 *) of the contacts that were merged with a contact. */
extern List *cs_merged_contacts(CsInstallation *in, int64 account, int64 contact);

/* Returns the ids (int64 *) of the deleted contacts that had an address when they were deleted. */
extern List *cs_deleted_contacts_of(CsInstallation *in, int64 account, bytea *digest);

#endif							/* CONTACT_STATUS_MERGED_CONTACT_H */
