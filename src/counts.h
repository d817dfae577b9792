/*
 * counts.h
 *		How many contacts and subscriptions have each status.
 */
#ifndef CONTACT_STATUS_COUNTS_H
#define CONTACT_STATUS_COUNTS_H

#include "tables.h"

/* A contact (list null) or subscription has a status more (+1) or less (-1). */
extern void cs_count(CsInstallation *in, int64 account, cs_id list, cs_status status, int64 difference);

/* Write what was counted since the last time; cs_close does so too. */
extern void cs_write_counts(CsInstallation *in);

/* Of an account's contacts, how many have one of the statuses, a bit each; as of now. */
extern int64 cs_counted_contacts(CsInstallation *in, int64 account, uint32 statuses);

#endif							/* CONTACT_STATUS_COUNTS_H */
