/*
 * former_address.h
 *		Former addresses of contacts, and the contacts that have them now.
 *
 * address_change and deleted_contact store the digest of an address that a
 * contact gave up, and the contact that holds this address now.  A contact that
 * takes an address finds these rows by the digest and enters itself.  A
 * transaction that changes the suppressions of a former address locks its row
 * and reads the holder.  The row lock makes one of the two see the other.
 */
#ifndef CONTACT_STATUS_FORMER_ADDRESS_H
#define CONTACT_STATUS_FORMER_ADDRESS_H

#include "nodes/pg_list.h"

#include "contact/contact.h"
#include "storage/installation.h"

/* A contact whose address has other suppressions than it was given, or (no digest) that is to be replayed. */
typedef struct CsPendingAddress
{
	int64		account;
	int64		holder;
	bytea	   *digest;
} CsPendingAddress;

/* Enter a contact as the holder of its address, wherever the address is a former one. */
extern void cs_set_address_holder(CsInstallation *in, int64 account, int64 contact, bytea *digest);

/* Has any contact given up an address? */
extern bool cs_has_former_addresses(CsInstallation *in);

/* Append the holders of the addresses that a contact gave up to a list of CsContactId. */
extern List *cs_address_holders(CsInstallation *in, int64 account, int64 contact, List *holders);

/* Sort such a list, each contact once, in the order in which contacts are locked. */
extern void cs_sort_contacts(List **contacts);

/* Insert an event into the log; it is applied when the call ends. */
extern void cs_insert_event(CsInstallation *in, CsTable *log, const Datum *values, const bool *nulls);

/* The suppressions of an address changed; its holder, if there is one, gets them when the call ends. */
extern void cs_note_pending_address(CsInstallation *in, int64 account, cs_id holder, const bytea *digest);

/* A contact whose log got an event that no trigger applies is replayed when the call ends. */
extern void cs_note_replay(CsInstallation *in, int64 account, int64 contact);

#endif							/* CONTACT_STATUS_FORMER_ADDRESS_H */
