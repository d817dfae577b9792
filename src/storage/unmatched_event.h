/*
 * unmatched_event.h
 *		Table unmatched_event: events of addresses without a contact.
 */
#ifndef CONTACT_STATUS_UNMATCHED_EVENT_H
#define CONTACT_STATUS_UNMATCHED_EVENT_H

#include "access/genam.h"
#include "utils/snapshot.h"

#include "storage/installation.h"

/* May there be any row?  False only if the table has no pages. */
extern bool cs_has_unmatched_events(CsInstallation *in);

/* Scans the rows of an address with the latest snapshot, into the slot of the table. */
typedef struct CsUnmatchedScan
{
	CsTable    *table;
	Relation	index;
	IndexScanDesc scan;
	Snapshot	snapshot;
} CsUnmatchedScan;

extern void cs_begin_unmatched(CsUnmatchedScan *scan, CsInstallation *in, int64 account, bytea *digest);
extern bool cs_next_unmatched(CsUnmatchedScan *scan);
extern void cs_end_unmatched(CsUnmatchedScan *scan);

/* Deletes the rows of an address. */
extern void cs_delete_unmatched_events(CsInstallation *in, int64 account, bytea *digest);

#endif							/* CONTACT_STATUS_UNMATCHED_EVENT_H */
