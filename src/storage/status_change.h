/*
 * status_change.h
 *		The change feed: a row of table status_change for each change of status.
 */
#ifndef CONTACT_STATUS_STATUS_CHANGE_H
#define CONTACT_STATUS_STATUS_CHANGE_H

#include "storage/installation.h"

#define CS_NO_STATUS (-1)
#define CS_NO_KIND (-1)

typedef struct CsStatusChange
{
	int64		account;
	int64		contact;
	cs_id		list;			/* not set: the contact itself */
	int			from;			/* cs_status; CS_NO_STATUS: the subscription is new */
	int			to;				/* cs_status; CS_NO_STATUS: it is deleted */
	cs_time		at;
	int			kind;			/* cs_kind; CS_NO_KIND: no event brought the change */
} CsStatusChange;

/*
 * Does the installation have a change feed?  The caller has locked table
 * contact, so that no transaction adds or removes the feed.
 */
extern bool cs_has_feed(CsInstallation *in);

/*
 * Inserts a change into the feed, if there is one.  The caller has locked the
 * contact, so that changes of a contact have the order of their commits.
 */
extern void cs_record_change(CsInstallation *in, const CsStatusChange *change);

/* Deletes the changes of an erased contact, except those that record its deletion. */
extern void cs_erase_changes(CsInstallation *in, int64 account, int64 contact);

#endif							/* CONTACT_STATUS_STATUS_CHANGE_H */
