/*
 * give_way.h
 *		To give way to others instead of waiting for them out of order.
 */
#ifndef CONTACT_STATUS_GIVE_WAY_H
#define CONTACT_STATUS_GIVE_WAY_H

#include "compat.h"
#include "contacts.h"

/* A contact that is in the way: remembered until the transaction ends. */
extern void cs_met_contact(int64 account, int64 contact);

/*
 * Raise 40P01, as for a deadlock, because of contacts that were met, or of a
 * transaction that is writing what must be read, which is remembered as well.
 */
pg_noreturn extern void cs_give_way(TransactionId writer);

/* Will be undone what is done now, and attempted again, if it gives way? */
extern bool cs_is_attempting(void);

/*
 * Wait for the writer, and lock contacts and those that were met in the order in
 * which all lock them.  What comes first in an attempt: it holds nothing yet.
 */
typedef struct CsContactId
{
	int64		account;
	int64		contact;
} CsContactId;

extern void cs_lock_in_order(CsInstallation *in, const CsContactId *contacts, int count);

/*
 * Attempt something in a subtransaction, again each time that it gave way.  The
 * first attempt need not lock contacts in advance, the last is to wait where the
 * others gave way.
 */
typedef enum CsAttempt
{
	CS_FIRST,
	CS_AGAIN,
	CS_LAST
} CsAttempt;

extern void cs_until_done(void (*function) (void *argument, CsAttempt attempt), void *argument);

#endif							/* CONTACT_STATUS_GIVE_WAY_H */
