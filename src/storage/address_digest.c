/*
 * address_digest.c
 *		Keyed digests of normalised addresses, and the key of each account.
 */
#include "postgres.h"

#include "common/hmac.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "storage/address_digest.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/table_scan.h"
#include "types/address.h"

#define KEY_SIZE PG_SHA256_DIGEST_LENGTH

void
cs_create_address_key(CsInstallation *in, int64 account)
{
	CsTable    *table = cs_table(in, TABLE_ADDRESS_KEY);
	cs_id		id = {true, account};
	bytea	   *key = palloc(VARHDRSZ + KEY_SIZE);
	Datum	   *values;
	bool	   *nulls;

	if (cs_fetch_latest(table, &id, 1))
		return;
	cs_new_row(in, table, &values, &nulls);
	SET_VARSIZE(key, VARHDRSZ + KEY_SIZE);
	if (!pg_strong_random(VARDATA(key), KEY_SIZE))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random key for account %lld", (long long) account)));
	CS_SET(table, KEY_ACCOUNT, Int64GetDatum(account), false);
	CS_SET(table, KEY_KEY, PointerGetDatum(key), false);
	cs_insert_row(in, table, values, nulls);
}

/* Returns the key of an account, cached for the call.  No function returns it to SQL. */
static const bytea *
address_key(CsInstallation *in, int64 account)
{
	CsTable    *table = cs_table(in, TABLE_ADDRESS_KEY);
	cs_id		id = {true, account};
	bool		found,
				isnull;

	if (in->key != NULL && in->key_account == account)
		return in->key;
	found = cs_fetch_latest(table, &id, 1);
	if (!found && !cs_fetch_latest(cs_table(in, TABLE_ACCOUNT), &id, 1))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("account %lld does not exist", (long long) account),
				 errhint("Insert it into table account first.")));
	if (!found ||
		VARSIZE_ANY_EXHDR(DatumGetByteaPP(cs_column(table, table->slot, KEY_KEY, &isnull))) != KEY_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the digest key of account %lld is lost", (long long) account),
				 errhint("Restore table address_key: without it no suppressed address is found again.")));
	in->key = MemoryContextAlloc(in->context, VARHDRSZ + KEY_SIZE);
	memcpy(in->key, DatumGetByteaP(cs_column(table, table->slot, KEY_KEY, &isnull)), VARHDRSZ + KEY_SIZE);
	in->key_account = account;
	return in->key;
}

bytea *
cs_address_digest(CsInstallation *in, int64 account, Datum address)
{
	const bytea *key = address_key(in, account);
	text	   *normal = DatumGetTextPP(DirectFunctionCall1(cs_normalize_address, address));
	bytea	   *digest = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);
	bool		done;

	SET_VARSIZE(digest, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	/* these functions raise no error, so that the HMAC context is always freed */
	done = hmac != NULL &&
		pg_hmac_init(hmac, (const uint8 *) VARDATA(key), KEY_SIZE) >= 0 &&
		pg_hmac_update(hmac, (const uint8 *) VARDATA_ANY(normal), VARSIZE_ANY_EXHDR(normal)) >= 0 &&
		pg_hmac_final(hmac, (uint8 *) VARDATA(digest), PG_SHA256_DIGEST_LENGTH) >= 0;
	pg_hmac_free(hmac);
	if (!done)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not digest an address of account %lld", (long long) account)));
	return digest;
}
