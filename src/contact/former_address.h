/*
 * former_address.h
 *		Former addresses of contacts, and the contacts that have them now.
 *
 * address_change and deleted_contact store the digest of an address that a
 * contact gave up, and the contact that holds this address now.  A contact that
 * takes an address finds these rows by the digest and enters itself.  A
 * transaction that changes the suppressions of a former address locks its row
 * and reads the holder.  The row lock ensures that one of the two transactions
 * sees the change of the other.
 */
#ifndef CONTACT_STATUS_FORMER_ADDRESS_H
#define CONTACT_STATUS_FORMER_ADDRESS_H

#include "nodes/pg_list.h"

#include "contact/contact.h"
#include "storage/installation.h"

/*
 * A contact to process when the call ends: with a digest, suppressions of this
 * address changed; without one, its log must be replayed.
 */
typedef struct CsPendingAddress
{
	int64		account;
	int64		holder;
	bytea	   *digest;
} CsPendingAddress;

/*
 * Sets a contact as the holder of its address in each row where the address is
 * a former one.  Locks these rows.  Returns the ids (int64 *) of the contacts with
 * which contacts were merged that had this address last.
 */
extern List *cs_set_address_holder(CsInstallation *in, int64 account, int64 contact, bytea *digest);

/*
 * Deletes the changes of address of a contact up to a time: those of earlier
 * contacts with the same id.
 */
extern void cs_delete_address_changes(CsInstallation *in, int64 account, int64 contact, TimestampTz until);

/* A former address of a contact. */
typedef struct CsFormerAddress
{
	bytea	   *digest;
	cs_time		until;			/* when the contact changed it */
} CsFormerAddress;

/* Returns the former addresses (CsFormerAddress *) of a contact. */
extern List *cs_former_addresses(CsInstallation *in, int64 account, int64 contact);

/* Has any contact given up an address? */
extern bool cs_has_former_addresses(CsInstallation *in);

/* Appends the holders of the former addresses of a contact to a list of CsContactId. */
extern List *cs_address_holders(CsInstallation *in, int64 account, int64 contact, List *holders);

/* Sorts such a list in the order in which contacts are locked, and removes duplicates. */
extern void cs_sort_contacts(List **contacts);

/* Inserts an event into the log.  It is applied when the call ends. */
extern void cs_insert_event(CsInstallation *in, CsTable *log, const Datum *values, const bool *nulls);

/* The same, but an event that the log has already is skipped. */
extern void cs_insert_new_event(CsInstallation *in, CsTable *log, const Datum *values, const bool *nulls);

/*
 * Notes that the suppressions of a former address changed.  Its holder, if any,
 * receives them when the call ends.
 */
extern void cs_note_pending_address(CsInstallation *in, int64 account, cs_id holder, const bytea *digest);

/*
 * Notes that no trigger applies an event of a contact's log.  The contact is
 * replayed when the call ends.
 */
extern void cs_note_replay(CsInstallation *in, int64 account, int64 contact);

#endif							/* CONTACT_STATUS_FORMER_ADDRESS_H */
