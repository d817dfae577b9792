/*
 * address.h
 *		The normal form of an e-mail address.
 */
#ifndef CONTACT_STATUS_ADDRESS_H
#define CONTACT_STATUS_ADDRESS_H

#include "fmgr.h"

/* normalize_address(address text): removes surrounding white space, and lowers ASCII letters. */
extern Datum cs_normalize_address(PG_FUNCTION_ARGS);

#endif							/* CONTACT_STATUS_ADDRESS_H */
