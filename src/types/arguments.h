/*
 * arguments.h
 *		Arrays that SQL passes to functions in C.
 */
#ifndef CONTACT_STATUS_ARGUMENTS_H
#define CONTACT_STATUS_ARGUMENTS_H

/* The elements of a bigint[] without nulls (22004) that SQL gave; returns how many. */
extern int	cs_bigints_argument(Datum array, Datum **values);

/*
 * Two arrays of the same length that SQL gave: the accounts and the ids of contacts.  Raises 22023 where the lengths
 * differ, 22004 at a null.  Returns how many.
 */
extern int	cs_contacts_argument(Datum accounts, Datum contacts, Datum **account_values, Datum **contact_values);

#endif							/* CONTACT_STATUS_ARGUMENTS_H */
