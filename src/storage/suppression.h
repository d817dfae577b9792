/*
 * suppression.h
 *		Suppressions: opt-outs, complaints and dead addresses that outlive a
 *		contact, under a keyed digest of the normalised address.
 */
#ifndef CONTACT_STATUS_SUPPRESSION_H
#define CONTACT_STATUS_SUPPRESSION_H

#include "utils/snapshot.h"
#include "utils/tuplestore.h"

#include "types/fact_columns.h"
#include "access/genam.h"

#include "storage/address_digest.h"
#include "storage/installation.h"

/*
 * Stores a suppression of an address.  One of the same kind, list, source and
 * contact is replaced if it is earlier or retracted.  The suppression follows
 * from events of `contact` in the generation that began at generation_start, or
 * (null) from none.  The source and the reason may be NULL.
 *
 * One of a contact is not stored if another has the same kind, list and time:
 * the contact received it.  Returns whether it is new or later.  Waits for
 * concurrent writers of the same address, and may raise 40001.
 */
extern bool cs_suppress_address(CsInstallation *in, int64 account, bytea *digest, cs_kind kind, cs_id list,
							   cs_time at, const char *source, const char *reason, cs_id contact,
							   cs_time generation_start);

/*
 * Stores the suppressions that follow from the facts of a contact: opt-outs,
 * the complaint with its reason from the log and, if asked, the dead address.
 * The facts must include the consents.  Returns whether a suppression is new or later.
 */
extern bool cs_suppress_facts(CsInstallation *in, int64 account, int64 contact, cs_time generation_start,
						  const cs_facts *facts, bytea *digest, bool dead_address);

/*
 * The same for a former address of the contact.  Also deletes suppressions that
 * were stored from this contact, and no longer follow from its facts.
 */
extern bool cs_replace_suppressed_facts(CsInstallation *in, int64 account, int64 contact, cs_time generation_start,
							   const cs_facts *facts, bytea *digest, bool dead_address);

/* A suppression of an address. */
typedef struct CsSuppression
{
	cs_kind		kind;			/* unsubscribed, complained or invalidated */
	cs_id		list;
	cs_time		at;
	cs_id		contact;		/* it follows from the events of this contact; null: of none */
	bool		of_erasure;		/* an opt-out left by an erasure */
	char	   *origin;			/* the reason of events that record it; NULL: none */
} CsSuppression;

typedef struct CsSuppressionScan
{
	CsTable    *table;
	IndexScanDesc scan;
	Snapshot	snapshot;
} CsSuppressionScan;

/*
 * Scans all suppressions of an address with the latest snapshot.  Waits for
 * concurrent transactions that write them.  Raises 40001 if the transaction's
 * own snapshot does not show one.
 */
extern void cs_begin_suppressions(CsSuppressionScan *scan, CsInstallation *in, int64 account, bytea *digest);
extern bool cs_next_suppression(CsSuppressionScan *scan, CsSuppression *suppression);
extern void cs_end_suppressions(CsSuppressionScan *scan);

/*
 * Adds the suppressions of an address in a snapshot to a tuplestore, with or
 * without those of an erasure.  For functions suppressed_contacts() and
 * suppressions_of().
 */
extern void cs_collect_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest, Snapshot snapshot,
							  bool erasures, Tuplestorestate *store, TupleDesc desc);

/* May there be any suppression?  False only if the table has no pages. */
extern bool cs_has_suppressions(CsInstallation *in);

/* Does an address have a suppression of this kind, for any list? */
extern bool cs_is_suppressed(CsInstallation *in, int64 account, bytea *digest, cs_kind kind);

/* Returns the digests of all addresses with suppressions that follow from events of a contact. */
extern List *cs_suppressed_digests(CsInstallation *in, int64 account, int64 contact, cs_time generation_start);

/*
 * Deletes the suppressions of the address of a contact that its facts lift.
 * Retracted ones remain, and those of an erasure that the contact did not receive.
 */
extern void cs_delete_lifted_suppressions(CsInstallation *in, int64 account, int64 contact, cs_time generation_start,
										  const cs_facts *facts, bytea *digest);

/*
 * Deletes all suppressions of an address, also retracted ones.  Those of other
 * contacts remain if a contact is given.  Returns the retractions (int64 *) of
 * the deleted ones, one for each row.
 */
extern List *cs_delete_suppressions(CsInstallation *in, int64 account, bytea *digest, cs_id contact);

/*
 * Locks the suppression at a TID, if it has this retraction (0: none) and
 * follows neither from a contact nor from an erasure.  Returns its digest, or
 * NULL.  cs_mark_suppression() then sets its retraction (0: none).
 */
extern bytea *cs_lock_suppression(CsInstallation *in, int64 account, ItemPointer tid, int64 retraction);
extern void cs_mark_suppression(CsInstallation *in, int64 retraction);

#endif							/* CONTACT_STATUS_SUPPRESSION_H */
