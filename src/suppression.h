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

#include "facts.h"
#include "tables.h"

/* HMAC-SHA-256 of the normalised address under the account's key: a bytea. */
extern bytea *cs_address_digest(CsInstallation *in, int64 account, Datum address);

/* A new account's key.  Does nothing where it has one. */
extern void cs_create_account_key(CsInstallation *in, int64 account);

/*
 * Keep a fact of an address; of one kept already the later time.  It follows
 * from the events of a contact which began after a time, or (null) of none.
 * Returns whether it is new, or later.
 */
extern bool cs_keep_suppressed(CsInstallation *in, int64 account, bytea *digest, cs_kind kind, cs_id list,
							   cs_time at, const char *source, cs_id contact, cs_time began_after);

/*
 * Keep the facts of a contact, which must have its consents: opt-outs and
 * complaint, and the dead address if asked.  Returns whether any is new, or
 * later than what was kept.
 */
extern bool cs_keep_facts(CsInstallation *in, int64 account, int64 contact, cs_time began_after,
						  const cs_contact *facts, bytea *digest, bool dead_address);

/*
 * The same of an address that the contact has no more, in place of what was
 * kept from the same events before.
 */
extern bool cs_keep_facts_anew(CsInstallation *in, int64 account, int64 contact, cs_time began_after,
							   const cs_contact *facts, bytea *digest, bool dead_address);

/*
 * Record what is suppressed of an address as events of the contact that takes
 * it, at the times of the facts or, if later, at the given one.  Raises 23514
 * contact_status_complaint under complained_insert = refuse.  The key tells the
 * events from those of an earlier contact of the same id.
 */
extern void cs_recall_suppressed(CsInstallation *in, int64 account, int64 contact, bytea *digest,
								 cs_time not_before, const char *event_key);

/*
 * The same for one that has had the address for some time: what its log, since
 * the contact began, does not have.  An erasure opts out who takes the address
 * afterwards.
 */
extern void cs_recall_missing(CsInstallation *in, int64 account, int64 contact, bytea *digest,
							 cs_time not_before, const char *event_key, TimestampTz began_after);

/* Put what is suppressed of an address, but by erasure, into a store, as a snapshot has it: suppressed_contacts. */
extern void cs_put_suppressed(CsInstallation *in, int64 account, int64 contact, bytea *digest, Snapshot snapshot,
							  Tuplestorestate *store, TupleDesc desc);

/* Is anything suppressed at all? */
extern bool cs_has_suppressed(CsInstallation *in);

/* Is a fact of this kind kept of an address, on any list? */
extern bool cs_is_kept(CsInstallation *in, int64 account, bytea *digest, cs_kind kind);

/* The digests of the addresses of which something follows from a contact's events. */
extern List *cs_suppressed_digests(CsInstallation *in, int64 account, int64 contact, cs_time began_after);

/* Forget all that is known of an address. */
extern void cs_forget_address(CsInstallation *in, int64 account, bytea *digest);

#endif							/* CONTACT_STATUS_SUPPRESSION_H */
