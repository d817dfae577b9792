/*
 * arguments.c
 *		Array arguments of SQL functions.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "types/arguments.h"

int
cs_bigints_argument(Datum array, Datum **values)
{
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, values, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("an id must not be null")));
	return count;
}

int
cs_contacts_argument(Datum accounts, Datum contacts, Datum **account_values, Datum **contact_values)
{
	int			count = cs_bigints_argument(accounts, account_values);

	if (cs_bigints_argument(contacts, contact_values) != count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be as many accounts as contacts"),
				 errhint("Give the account of each contact.")));
	return count;
}
