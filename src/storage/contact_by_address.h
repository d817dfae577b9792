/*
 * contact_by_address.h
 *		The contact that has an address.
 */
#ifndef CONTACT_STATUS_CONTACT_BY_ADDRESS_H
#define CONTACT_STATUS_CONTACT_BY_ADDRESS_H

#include "storage/installation.h"

/*
 * The unique index of contact over the normalised address, to be closed with
 * index_close().  Raises 42704 where it is missing.
 */
extern Relation cs_open_address_index(Relation contacts);

/* The contact that has an address, as a snapshot shows it, into the table's slot; false where there is none. */
extern bool cs_fetch_by_address(CsTable *contacts, Relation index, Snapshot snapshot, int64 account, Datum address);

/*
 * Does a contact have the address?  Waits for transactions that are inserting
 * one with it.
 */
extern bool cs_address_has_contact(CsInstallation *in, Relation index, int64 account, Datum address);

/*
 * Raises 40001 where a contact with the address began since
 * cs_address_has_contact() found none.
 */
extern void cs_check_address_free(CsInstallation *in, Relation index, int64 account, Datum address);

#endif							/* CONTACT_STATUS_CONTACT_BY_ADDRESS_H */
