/*
 * event_log.h
 *		The log: one table, or partitions by occurred_at.
 */
#ifndef CONTACT_STATUS_EVENT_LOG_H
#define CONTACT_STATUS_EVENT_LOG_H

#include "storage/table_scan.h"

/* An event in the log. */
typedef struct CsLoggedEvent
{
	int64		account;
	int64		contact;
	cs_event	event;			/* without its rules */
	TimestampTz recorded;
	bool		retracted;
	cs_evidence evidence;		/* set for kinds of cs_touches_consent() only */
} CsLoggedEvent;

/*
 * Reads an event from a row of the log, in any slot with the columns of the
 * table.  The source and the evidence are read only for kinds of
 * cs_touches_consent().  The key may point into the slot.
 */
extern void cs_read_event(CsTable *table, TupleTableSlot *slot, CsLoggedEvent *event);

/* Returns the schema of the log, for the log itself or one of its partitions. */
extern Oid	cs_schema_of_log(Relation rel);

/* Is the table a log, or a partition of one?  Only the name is compared. */
extern bool cs_is_log(Relation rel);

/*
 * Opens the log or a partition of it, by OID.  Raises 55000 if the table is no
 * longer a partition, or is a foreign table.
 */
extern CsTable *cs_log_table(CsInstallation *in, Oid relid);

/*
 * Opens the table that stores the events of a time.  Raises 23514 if no
 * partition accepts them, and 55000 if the partition is a foreign table.
 */
extern CsTable *cs_log_table_at(CsInstallation *in, cs_time at);

/* Does the log, or one of its partitions, accept events of a time? */
extern bool cs_log_takes(CsInstallation *in, cs_time at);

/*
 * Scans the events of a contact in the order of cs_compare_events(), from time
 * `from` on unless it is NULL.  It reads with the latest snapshot.  Raises
 * 40001 for a row that the transaction's own snapshot does not show.  Raises
 * 0A000 if the log is not partitioned by ranges of occurred_at, one level deep.
 */
typedef struct CsLogScan
{
	CsInstallation *in;
	cs_id		key[2];
	const cs_time *from;
	int			next;			/* index of the partition after the one being read */
	bool		reading;
	CsKeyScan	scan;
	bool		reading_rest;
	CsKeyScan	rest;			/* of the default partition, merged with the ranges */
	bool		has_head[2];	/* an event of scan, of rest, is read but not returned */
	CsLoggedEvent head[2];
	int			last;			/* which of the two returned the last event */
} CsLogScan;

extern void cs_begin_log(CsLogScan *scan, CsInstallation *in, int64 account, int64 contact, const cs_time *from);
extern bool cs_next_logged(CsLogScan *scan, CsLoggedEvent *event);
extern CsTable *cs_logged_table(CsLogScan *scan);	/* its slot has the row of the last event */
extern void cs_end_log(CsLogScan *scan);

/*
 * Does the log have exactly `count` index entries of a contact from a time on?
 * The caller knows `count` events there.  Entries of dead rows count too: true
 * is certain, false is not.
 */
extern bool cs_log_has_only(CsInstallation *in, int64 account, int64 contact, cs_time from, int64 count);

#endif							/* CONTACT_STATUS_EVENT_LOG_H */
