/*
 * address.c
 *		The normal form of an e-mail address.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "types/address.h"

PG_FUNCTION_INFO_V1(cs_normalize_address);
Datum
cs_normalize_address(PG_FUNCTION_ARGS)
{
	text	   *address = PG_GETARG_TEXT_PP(0);
	const char *start = VARDATA_ANY(address);
	size_t		size = VARSIZE_ANY_EXHDR(address);
	text	   *result;
	char	   *to;

	while (size > 0 && strchr(" \t\r\n\f\v", *start) && *start)
		start++, size--;
	while (size > 0 && strchr(" \t\r\n\f\v", start[size - 1]) && start[size - 1])
		size--;

	/* in all server encodings, no other character contains bytes of ASCII letters */
	result = cstring_to_text_with_len(start, size);
	to = VARDATA(result);
	for (size_t i = 0; i < size; i++)
		if (to[i] >= 'A' && to[i] <= 'Z')
			to[i] += 'a' - 'A';
	PG_RETURN_TEXT_P(result);
}
