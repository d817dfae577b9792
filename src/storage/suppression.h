/*
 * suppression.h
 *		What outlives a contact: opt-outs, complaints and dead addresses under a
 *		keyed digest of the normalised address.
 */
#ifndef CONTACT_STATUS_SUPPRESSION_H
#define CONTACT_STATUS_SUPPRESSION_H

#include "common/sha2.h"

#include "utils/snapshot.h"
#include "utils/tuplestore.h"

#include "types/fact_columns.h"
#include "access/genam.h"

#include "storage/installation.h"

/* HMAC-SHA-256 of the normalised address under the account's key: a bytea. */
extern bytea *cs_address_digest(CsInstallation *in, int64 account, Datum address);

/* A new account's key.  Does nothing where it has one. */
extern void cs_create_address_key(CsInstallation *in, int64 account);

/*
 * Keep a fact of an address; of one kept already the later time.  It follows
 * from the events of a contact which began after a time, or (null) of none.
 * Returns whether it is new, or later.
 */
extern bool cs_suppress_address(CsInstallation *in, int64 account, bytea *digest, cs_kind kind, cs_id list,
							   cs_time at, const char *source, cs_id contact, cs_time generation_start);

/*
 * Keep the facts of a contact, which must have its consents: opt-outs and
 * complaint, and the dead address if asked.  Returns whether any is new, or
 * later than what was kept.
 */
extern bool cs_suppress_facts(CsInstallation *in, int64 account, int64 contact, cs_time generation_start,
						  const cs_facts *facts, bytea *digest, bool dead_address);

/*
 * The same of an address that the contact has no more, in place of what was
 * kept from the same events before.
 */
extern bool cs_replace_suppressed_facts(CsInstallation *in, int64 account, int64 contact, cs_time generation_start,
							   const cs_facts *facts, bytea *digest, bool dead_address);

/* A fact that is suppressed of an address. */
typedef struct CsSuppression
{
	cs_kind		kind;			/* unsubscribed, complained or invalidated */
	cs_id		list;
	cs_time		at;
	cs_id		contact;		/* from whose events it follows; null: from none */
	bool		of_erasure;		/* an opt-out that an erasure left */
} CsSuppression;

typedef struct CsSuppressionScan
{
	CsTable    *table;
	IndexScanDesc scan;
	Snapshot	snapshot;
} CsSuppressionScan;

/*
 * All suppressions of an address, by the latest snapshot.  Waits for
 * transactions that write them.  Raises 40001 where the transaction's own
 * snapshot does not show one.
 */
extern void cs_begin_suppressions(CsSuppressionScan *scan, CsInstallation *in, int64 account, bytea *digest);
extern bool cs_next_suppression(CsSuppressionScan *scan, CsSuppression *suppression);
extern void cs_end_suppressions(CsSuppressionScan *scan);

/* Put what is suppressed of an address, but by erasure, into a store, as a snapshot has it: suppressed_contacts. */
extern void cs_collect_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest, Snapshot snapshot,
							  Tuplestorestate *store, TupleDesc desc);

/* Is anything suppressed at all? */
extern bool cs_has_suppressions(CsInstallation *in);

/* Is a fact of this kind kept of an address, on any list? */
extern bool cs_is_suppressed(CsInstallation *in, int64 account, bytea *digest, cs_kind kind);

/* The digests of the addresses of which something follows from a contact's events. */
extern List *cs_suppressed_digests(CsInstallation *in, int64 account, int64 contact, cs_time generation_start);

/* Forget all that is known of an address. */
extern void cs_delete_suppressions(CsInstallation *in, int64 account, bytea *digest);

#endif							/* CONTACT_STATUS_SUPPRESSION_H */
