/*
 * former_addresses.h
 *		Addresses that contacts had and other contacts hold now.
 *
 * address_change and former_contact keep, beside the digest of an address that
 * a contact gave up, the contact that holds it now.  A contact that takes an
 * address finds these rows by the digest and enters itself; a transaction that
 * changes what is suppressed of a former address locks its row and so finds
 * the holder.  The row's lock makes one of the two see the other.
 */
#ifndef CONTACT_STATUS_FORMER_ADDRESSES_H
#define CONTACT_STATUS_FORMER_ADDRESSES_H

#include "contacts.h"

/* Enter a contact as the holder of its address, wherever the address is a former one. */
extern void cs_hold_address(CsInstallation *in, int64 account, int64 contact, bytea *digest);

/* Has any contact given up an address? */
extern bool cs_has_former_addresses(CsInstallation *in);

/* Append the holders of the addresses that a contact gave up to a list of CsContactId. */
extern List *cs_holders(CsInstallation *in, int64 account, int64 contact, List *holders);

/* Sort such a list, each contact once, in the order in which contacts are locked. */
extern void cs_sort_contacts(List **contacts);

/* The suppressions of an address changed; its holder, if there is one, gets them when the call ends. */
extern void cs_note_pending(CsInstallation *in, int64 account, cs_id holder, const bytea *digest);

/* A contact whose log got an event that no trigger applies is replayed when the call ends. */
extern void cs_note_replay(CsInstallation *in, int64 account, int64 contact);

/*
 * Record as events of a contact the suppressions of its address that its log
 * lacks.  With a digest, only if the contact, once locked, has that address.
 */
extern void cs_apply_suppressions(CsInstallation *in, CsVisits *visits, int64 account, int64 contact,
								  const bytea *expected);

/* The same for all that are pending; called by cs_close(). */
extern void cs_propagate_suppressions(CsInstallation *in);

#endif							/* CONTACT_STATUS_FORMER_ADDRESSES_H */
