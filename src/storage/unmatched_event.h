/*
 * unmatched_event.h
 *		Table unmatched_event: events of addresses without a contact.
 */
#ifndef CONTACT_STATUS_UNMATCHED_EVENT_H
#define CONTACT_STATUS_UNMATCHED_EVENT_H

#include "storage/installation.h"

/* Deletes the rows of an address. */
extern void cs_delete_unmatched_events(CsInstallation *in, int64 account, bytea *digest);

#endif							/* CONTACT_STATUS_UNMATCHED_EVENT_H */
