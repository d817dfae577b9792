/*
 * address.c
 *		E-mail addresses as SQL values.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "rules/address.h"
#include "types/address.h"
#include "types/errors.h"

/* A database without an encoding of its own usually holds UTF-8. */
static bool
is_utf8(void)
{
	return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
}

static const char *
trim(text *address, size_t *size)
{
	const char *start = VARDATA_ANY(address);

	*size = cs_trim_address(&start, VARSIZE_ANY_EXHDR(address), is_utf8());
	return start;
}

/* trim_address(address): the address without blanks, zero-width characters and byte order marks around it. */
PG_FUNCTION_INFO_V1(cs_trim_address_of);
Datum
cs_trim_address_of(PG_FUNCTION_ARGS)
{
	size_t		size;
	const char *start = trim(PG_GETARG_TEXT_PP(0), &size);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(start, size));
}

PG_FUNCTION_INFO_V1(cs_normalize_address);
Datum
cs_normalize_address(PG_FUNCTION_ARGS)
{
	size_t		size;
	const char *start = trim(PG_GETARG_TEXT_PP(0), &size);
	text	   *result = cstring_to_text_with_len(start, size);
	char	   *to = VARDATA(result);

	/* in all server encodings, no other character contains bytes of ASCII letters */
	for (size_t i = 0; i < size; i++)
		if (to[i] >= 'A' && to[i] <= 'Z')
			to[i] += 'a' - 'A';
	PG_RETURN_TEXT_P(result);
}

bool
cs_is_address_datum(Datum address)
{
	size_t		size;
	const char *start = trim(DatumGetTextPP(address), &size);

	return cs_is_address(start, size, is_utf8());
}

/* check_address(address, subject): raises 23514 contact_status_address for null, and for no address. */
PG_FUNCTION_INFO_V1(cs_check_address);
Datum
cs_check_address(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || !cs_is_address_datum(PG_GETARG_DATUM(0)))
		cs_refuse_address(PG_ARGISNULL(1) ? "the row" : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* is_address(address): is the text an e-mail address, once it is trimmed? */
PG_FUNCTION_INFO_V1(cs_is_address_of);
Datum
cs_is_address_of(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cs_is_address_datum(PG_GETARG_DATUM(0)));
}

void
cs_refuse_address(const char *subject)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 cs_errconstraint(CONSTRAINT_ADDRESS),
			 errmsg("%s has no e-mail address", subject),
			 errdetail("An address has one @ with a text on both sides, at most 254 octets, and no blanks, invisible characters, separators or scheme."),
			 errhint("Give the address alone, without a name, brackets or a scheme.")));
}
