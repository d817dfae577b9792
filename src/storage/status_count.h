/*
 * status_count.h
 *		Numbers of contacts and subscriptions by status.
 */
#ifndef CONTACT_STATUS_STATUS_COUNT_H
#define CONTACT_STATUS_STATUS_COUNT_H

#include "storage/installation.h"

/* A list of an account or, without a list, the contacts of the account. */
typedef struct CsCountKey
{
	int64		account;
	int64		list;
	bool		has_list;
} CsCountKey;

extern CsCountKey cs_count_key(int64 account, cs_id list);

/*
 * Notes a difference of one count: +1 if a contact (list null) or a
 * subscription gets a status, -1 if it loses it. cs_write_counts() writes it.
 */
extern void cs_count(CsInstallation *in, int64 account, cs_id list, cs_status status, int64 difference);

/*
 * Appends rows with the differences noted since the last call.  In one of
 * 64 calls, also merges the rows of the lists concerned.
 */
extern void cs_write_counts(CsInstallation *in);

/*
 * Merges the rows of a list or an account into one.  Skips rows that it cannot
 * delete without waiting.
 */
extern void cs_merge_count_rows(CsInstallation *in, const CsCountKey *key);

/* Sums up the contacts of an account by status, in the latest snapshot, without differences not yet written. */
extern void cs_contacts_by_status(CsInstallation *in, int64 account, int64 contacts[CS_STATUSES]);

/*
 * Returns the number of contacts of an account with one of the statuses (a bit
 * mask), in the latest snapshot.  Differences not yet written are not included.
 */
extern int64 cs_counted_contacts(CsInstallation *in, int64 account, uint32 statuses);

#endif							/* CONTACT_STATUS_STATUS_COUNT_H */
