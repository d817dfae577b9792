/*
 * unmatched_event.h
 *		Table unmatched_event: events of addresses without a contact.
 */
#ifndef CONTACT_STATUS_UNMATCHED_EVENT_H
#define CONTACT_STATUS_UNMATCHED_EVENT_H

#include "storage/table_scan.h"

/* May there be any row?  False only if the table has no pages. */
extern bool cs_has_unmatched_events(CsInstallation *in);

/* Begins a scan of the rows of an address. */
extern void cs_begin_unmatched(CsIndexScan *scan, CsInstallation *in, int64 account, bytea *digest);

/* Deletes the rows of an address. */
extern void cs_delete_unmatched_events(CsInstallation *in, int64 account, bytea *digest);

#endif							/* CONTACT_STATUS_UNMATCHED_EVENT_H */
