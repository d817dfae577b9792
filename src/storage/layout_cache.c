/*
 * layout_cache.c
 *		Layouts of tables, cached from call to call of a session.
 */
#include "postgres.h"

#include "utils/inval.h"

#include "storage/installation.h"
#include "storage/layout_cache.h"

#define SCHEMAS 8

static struct
{
	Oid			schema;
	CsLayout	layouts[TABLES];
}			schemas[SCHEMAS];

static uint64 state = 1;

/* Called for each invalidation message of the relation cache.  Without an OID, all tables may have changed. */
static void
invalidate(Datum argument pg_attribute_unused(), Oid relid)
{
	for (int i = 0; i < SCHEMAS; i++)
		for (int id = 0; id < TABLES; id++)
		{
			CsLayout   *layout = &schemas[i].layouts[id];

			if (!OidIsValid(layout->relid) || (OidIsValid(relid) && layout->relid != relid))
				continue;
			layout->relid = InvalidOid;
			if (id == TABLE_POLICY || id == TABLE_ACCOUNT || id == TABLE_LIST)
				state++;
		}
}

CsLayout *
cs_layout(Oid schema, CsTableId id)
{
	static bool registered = false;
	int			i = schema % SCHEMAS;

	if (!registered)
		CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
	registered = true;
	if (schemas[i].schema != schema)
	{
		memset(&schemas[i], 0, sizeof(schemas[i]));
		schemas[i].schema = schema;
		state++;				/* messages for the tables of the lost entry are no longer recognized */
	}
	return &schemas[i].layouts[id];
}

uint64
cs_settings_state(void)
{
	return state;
}
