/*
 * event_log.h
 *		The log: one table, or partitions by occurred_at.
 */
#ifndef CONTACT_STATUS_EVENT_LOG_H
#define CONTACT_STATUS_EVENT_LOG_H

#include "storage/table_scan.h"

/* An event as it stands in the log. */
typedef struct CsLoggedEvent
{
	int64		account;
	int64		contact;
	cs_event	event;			/* its rules are not filled in */
	TimestampTz recorded;
	bool		retracted;
	cs_evidence evidence;		/* CS_EVIDENCE_BLANK where none is given */
} CsLoggedEvent;

/*
 * The event in a row of the log, of any slot with the table's columns.  The
 * key may point into the slot.
 */
extern void cs_read_event(CsTable *table, TupleTableSlot *slot, CsLoggedEvent *event);

/* The schema of the installation to whose log a table belongs, be it a partition. */
extern Oid	cs_schema_of_log(Relation rel);

/* Is the table a log, or a partition of one? */
extern bool cs_is_log(Relation rel);

/* The table of the log with an oid: the log itself or a partition of it. */
extern CsTable *cs_log_table(CsInstallation *in, Oid relid);

/* Where an event of a time is stored. */
extern CsTable *cs_log_table_at(CsInstallation *in, cs_time at);

/*
 * Events of a contact in the order of the fold, from a time on where one is
 * given.  What the transaction's own snapshot does not show raises 40001.
 */
typedef struct CsLogScan
{
	CsInstallation *in;
	cs_id		key[2];
	const cs_time *from;
	int			next;			/* of the partitions, the one after that which is read */
	bool		reading;
	CsKeyScan	scan;
	bool		reading_rest;
	CsKeyScan	rest;			/* of the default partition, read beside the others */
	bool		has_head[2];	/* a row is read, but not returned: of scan, of rest */
	CsLoggedEvent head[2];
	int			last;			/* which of the two was returned */
} CsLogScan;

extern void cs_begin_log(CsLogScan *scan, CsInstallation *in, int64 account, int64 contact, const cs_time *from);
extern bool cs_next_logged(CsLogScan *scan, CsLoggedEvent *event);
extern CsTable *cs_logged_table(CsLogScan *scan);	/* in whose slot the last one stands */
extern void cs_end_log(CsLogScan *scan);

/*
 * Has the log that many entries of a contact from a time on?  Entries of rows
 * that nobody sees count too, so that true is certain and false is not.
 */
extern bool cs_log_has_only(CsInstallation *in, int64 account, int64 contact, cs_time from, int64 count);

#endif							/* CONTACT_STATUS_EVENT_LOG_H */
