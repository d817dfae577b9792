/*
 * address_digest.h
 *		Keyed digests of normalised addresses, and the key of each account.
 */
#ifndef CONTACT_STATUS_ADDRESS_DIGEST_H
#define CONTACT_STATUS_ADDRESS_DIGEST_H

#include "common/sha2.h"

#include "storage/installation.h"

/*
 * Returns the HMAC-SHA-256 of the normalised address under the key of the
 * account.  Raises 23503 if the account does not exist, and XX001 if its key is
 * lost.
 */
extern bytea *cs_address_digest(CsInstallation *in, int64 account, Datum address);

/* Creates the key of a new account.  Does nothing if the account has one. */
extern void cs_create_address_key(CsInstallation *in, int64 account);

#endif							/* CONTACT_STATUS_ADDRESS_DIGEST_H */
