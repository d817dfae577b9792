/*
 * give_way.h
 *		To give way to others instead of waiting for them out of order.
 */
#ifndef CONTACT_STATUS_GIVE_WAY_H
#define CONTACT_STATUS_GIVE_WAY_H

#include "postgres.h"

/* A contact that is in the way: remembered until the transaction ends, for lock_contacts. */
extern void cs_met_contact(int64 account, int64 contact);

/*
 * Raise 40P01, as for a deadlock, because of contacts that were met, or of a
 * transaction that is writing what must be read, which is remembered as well.
 */
pg_noreturn extern void cs_give_way(TransactionId writer);

#endif							/* CONTACT_STATUS_GIVE_WAY_H */
