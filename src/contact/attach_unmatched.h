/*
 * attach_unmatched.h
 *		Unmatched events of an address, recorded as events of a new contact.
 */
#ifndef CONTACT_STATUS_ATTACH_UNMATCHED_H
#define CONTACT_STATUS_ATTACH_UNMATCHED_H

#include "storage/installation.h"

/*
 * Records the unmatched events of an address as events of the contact that has
 * it, and deletes their rows.  A row without a time takes the time at which it
 * was received.  Rows that no event may have remain: without a kind, with a
 * wrong shape, with an unknown list, or of kind `added`, which could exceed the
 * contact limit.
 */
extern void cs_attach_unmatched_events(CsInstallation *in, int64 account, int64 contact, bytea *digest);

#endif							/* CONTACT_STATUS_ATTACH_UNMATCHED_H */
