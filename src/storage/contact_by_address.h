/*
 * contact_by_address.h
 *		Looks up a contact by its address.
 */
#ifndef CONTACT_STATUS_CONTACT_BY_ADDRESS_H
#define CONTACT_STATUS_CONTACT_BY_ADDRESS_H

#include "storage/installation.h"

/*
 * Opens the unique index of table contact on the normalised address.  The
 * caller closes it with index_close().  Raises 42704 if it is missing.
 */
extern Relation cs_open_address_index(Relation contacts);

/*
 * Fetches the contact that has an address in a snapshot into the slot of
 * `contacts`.  Returns false if there is none.  Raises 40001 if the
 * transaction's own snapshot does not show it.
 */
extern bool cs_fetch_by_address(CsTable *contacts, Relation index, Snapshot snapshot, int64 account, Datum address);

/*
 * Waits for concurrent transactions that write a contact with the address.
 * Returns false if there is surely no such contact.
 */
extern bool cs_wait_for_address(CsInstallation *in, Relation index, int64 account, Datum address);

/*
 * Does a contact have the address?  Waits for concurrent transactions that
 * write such a contact.  Raises 40001 if the transaction's own snapshot does
 * not show it.
 */
extern bool cs_address_has_contact(CsInstallation *in, Relation index, int64 account, Datum address);

/*
 * Raises 40001 if a contact with the address was inserted, or is being
 * inserted, since cs_address_has_contact() returned false.
 */
extern void cs_check_address_free(CsInstallation *in, Relation index, int64 account, Datum address);

#endif							/* CONTACT_STATUS_CONTACT_BY_ADDRESS_H */
