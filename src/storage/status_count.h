/*
 * status_count.h
 *		How many contacts and subscriptions have each status.
 */
#ifndef CONTACT_STATUS_STATUS_COUNT_H
#define CONTACT_STATUS_STATUS_COUNT_H

#include "storage/installation.h"

/* A list of an account, or (no list) its contacts. */
typedef struct CsCountKey
{
	int64		account;
	int64		list;
	bool		has_list;
} CsCountKey;

extern CsCountKey cs_count_key(int64 account, cs_id list);

/* A contact (list null) or subscription has a status more (+1) or less (-1). */
extern void cs_count(CsInstallation *in, int64 account, cs_id list, cs_status status, int64 difference);

/* Writes the changes that were counted since the last call. */
extern void cs_write_counts(CsInstallation *in);

/*
 * Makes one of the rows of a list or account, as far as they can be deleted
 * without waiting.
 */
extern void cs_merge_count_rows(CsInstallation *in, const CsCountKey *key);

/* Of an account's contacts, how many have one of the statuses, a bit each; as of now. */
extern int64 cs_counted_contacts(CsInstallation *in, int64 account, uint32 statuses);

#endif							/* CONTACT_STATUS_STATUS_COUNT_H */
