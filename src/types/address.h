/*
 * address.h
 *		E-mail addresses as SQL values.
 */
#ifndef CONTACT_STATUS_ADDRESS_H
#define CONTACT_STATUS_ADDRESS_H

#include "compat.h"
#include "fmgr.h"

/* normalize_address(address text): the address trimmed, and with ASCII letters in lower case. */
extern Datum cs_normalize_address(PG_FUNCTION_ARGS);

/* Is the text an address, once it is trimmed? */
extern bool cs_is_address_datum(Datum address);

/* Raises 23514 contact_status_address.  `subject` names the object without an address. */
pg_noreturn extern void cs_refuse_address(const char *subject);

#endif							/* CONTACT_STATUS_ADDRESS_H */
