/*
 * arguments.h
 *		Array arguments of SQL functions.
 */
#ifndef CONTACT_STATUS_ARGUMENTS_H
#define CONTACT_STATUS_ARGUMENTS_H

/*
 * Reads a bigint[] argument into *values, allocated in the current context.
 * Returns the number of elements.  Raises 22004 if an element is null.
 */
extern int	cs_bigints_argument(Datum array, Datum **values);

/*
 * Reads two bigint[] arguments: the accounts and the ids of contacts.  Returns
 * the number of contacts.  Raises 22023 if the lengths differ, and 22004 if an
 * element is null.
 */
extern int	cs_contacts_argument(Datum accounts, Datum contacts, Datum **account_values, Datum **contact_values);

#endif							/* CONTACT_STATUS_ARGUMENTS_H */
