/*
 * enums.c
 *		Conversion between C enums (rules.h) and the OIDs of SQL enum labels.
 *
 * For each of the two enums, a session caches the OIDs of one type's labels.
 * The labels do not change while the type exists.  If another OID is given, the
 * labels of that type are looked up.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "rules/rules.h"
#include "types/enums.h"

#define MAX_LABELS CS_KINDS

typedef struct EnumLabels
{
	Oid			type;			/* InvalidOid until the other members are set */
	int			count;
	Oid			oids[MAX_LABELS];
} EnumLabels;

static EnumLabels statuses;
static EnumLabels kinds;

static void
look_up(EnumLabels *cache, Oid type, const char *const *labels, int count)
{
	cache->type = InvalidOid;
	for (int i = 0; i < count; i++)
	{
		HeapTuple	tuple = SearchSysCache2(ENUMTYPOIDNAME, ObjectIdGetDatum(type),
											CStringGetDatum(labels[i]));

		if (!HeapTupleIsValid(tuple))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("type %s is not of contact_status: it has no label \"%s\"", format_type_be(type), labels[i]),
					 errhint("Restore the table as contact_status.create_tables makes it.")));
		cache->oids[i] = ((Form_pg_enum) GETSTRUCT(tuple))->oid;
		ReleaseSysCache(tuple);
	}
	cache->count = count;
	cache->type = type;
}

static int
number_of(EnumLabels *cache, Datum value)
{
	Oid			oid = DatumGetObjectId(value);
	Oid			guess = (oid - cache->oids[0]) / 2;

	/* CREATE TYPE assigns even OIDs in ascending order, if free: try that position first */
	if (guess < (Oid) cache->count && cache->oids[guess] == oid)
		return guess;
	for (int i = 0; i < cache->count; i++)
		if (cache->oids[i] == oid)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("type %s has no such value", format_type_be(cache->type)),
			 errhint("Restore the table as contact_status.create_tables makes it.")));
}

cs_status
cs_status_of_datum(Oid type, Datum value)
{
	if (statuses.type != type)
		look_up(&statuses, type, cs_status_labels, CS_STATUSES);
	return number_of(&statuses, value);
}

cs_kind
cs_kind_of_datum(Oid type, Datum value)
{
	if (kinds.type != type)
		look_up(&kinds, type, cs_kind_labels, CS_KINDS);
	return number_of(&kinds, value);
}

bool
cs_is_enum(Oid type, bool of_statuses)
{
	static Oid	known_statuses;
	static Oid	known_kinds;

	return of_statuses ? cs_is_own_type(type, "contact_status", &known_statuses) :
		cs_is_own_type(type, "event_kind", &known_kinds);
}

bool
cs_is_own_type(Oid type, const char *name, Oid *known)
{
	HeapTuple	tuple;
	bool		own;

	if (type == *known)
		return OidIsValid(type);
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return false;
	own = strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), name) == 0 &&
		((Form_pg_type) GETSTRUCT(tuple))->typnamespace == get_namespace_oid("contact_status", true);
	ReleaseSysCache(tuple);
	if (own)
		*known = type;
	return own;
}

Datum
cs_status_datum(Oid type, cs_status status)
{
	if (statuses.type != type)
		look_up(&statuses, type, cs_status_labels, CS_STATUSES);
	return ObjectIdGetDatum(statuses.oids[status]);
}

Datum
cs_kind_datum(Oid type, cs_kind kind)
{
	if (kinds.type != type)
		look_up(&kinds, type, cs_kind_labels, CS_KINDS);
	return ObjectIdGetDatum(kinds.oids[kind]);
}
