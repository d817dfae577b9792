/*
 * deleted_contact.h
 *		Contacts that were deleted, and not erased.
 *
 * Their events remain, and later ones are recorded.  What restricts among them
 * holds for the addresses of the contact, in table suppression.
 */
#ifndef CONTACT_STATUS_DELETED_CONTACT_H
#define CONTACT_STATUS_DELETED_CONTACT_H

#include "contact/contact.h"

/* A row of table deleted_contact. */
typedef struct CsDeletedContact
{
	int64		account;
	int64		contact;
	TimestampTz generation_start;
	TimestampTz ended;			/* events recorded up to this time belong to it */
	bytea	   *digest;			/* of its last address; NULL: an id of erased events */
	cs_id		holder;			/* the last contact that took this address */
	cs_id		merged_into;	/* not set: it was not merged */
	cs_time		merged_at;
} CsDeletedContact;

/*
 * Locks the row of a deleted contact FOR NO KEY UPDATE and reads it.  A contact
 * that takes its address, and one that is inserted with its id, wait for this
 * lock.  Returns false if there is no such row.
 */
extern bool cs_lock_deleted_contact(CsInstallation *in, int64 account, int64 contact, CsDeletedContact *deleted);

/*
 * Updates the suppressions of the addresses of a deleted contact from its
 * events.  The caller has locked its row.
 */
extern void cs_suppress_deleted_contact(CsContact *state, const CsDeletedContact *deleted);

/*
 * Makes events of a deleted contact count that are in the log already.  The
 * latest was recorded at a time, and the earliest is dated `first`.  The caller
 * has locked its row.
 */
extern void cs_record_of_deleted(CsContact *state, CsDeletedContact *deleted, TimestampTz recorded, cs_time first);

#endif							/* CONTACT_STATUS_DELETED_CONTACT_H */
