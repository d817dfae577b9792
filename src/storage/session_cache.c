/*
 * session_cache.c
 *		Layouts of tables and settings, cached from call to call of a session.
 *
 * A transaction that changes a setting holds the exclusive settings lock of the
 * account.  It sends the invalidation messages before it releases that lock, so
 * a caller with the shared lock that has processed all messages reads current
 * settings.  A rollback processes the messages of the transaction itself, so no
 * setting that was not committed remains.
 *
 * In REPEATABLE READ and SERIALIZABLE, settings are read from the tables: the
 * transaction's own snapshot must show them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "storage/installation.h"
#include "storage/session_cache.h"
#include "types/policy.h"

#define SCHEMAS 8
#define ACCOUNTS 64
#define LISTS 256

static struct
{
	Oid			schema;
	CsLayout	layouts[TABLES];
}			schemas[SCHEMAS];

typedef struct CachedRow
{
	uint64		state;			/* the row is current while this is the state of the cache */
	Oid			schema;
	int64		account;
} CachedRow;

static struct
{
	CachedRow	row;
	CsPolicy	policy;
}			accounts[ACCOUNTS];

static struct
{
	CachedRow	row;
	int64		list;
}			lists[LISTS];

/* Number of changes of settings so far.  Rows of 0 are not used. */
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

/* ---- layouts ---- */

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

/* ---- settings ---- */

static bool
is_cached(const CachedRow *row, Oid schema, int64 account)
{
	if (IsolationUsesXactSnapshot())
		return false;
	AcceptInvalidationMessages();
	return row->state == state && row->schema == schema && row->account == account;
}

static int
list_place(int64 account, int64 list)
{
	return ((uint64) account * 31 + (uint64) list) % LISTS;
}

const CsPolicy *
cs_cached_policy(Oid schema, int64 account)
{
	int			i = (uint64) account % ACCOUNTS;

	return is_cached(&accounts[i].row, schema, account) ? &accounts[i].policy : NULL;
}

bool
cs_is_cached_list(Oid schema, int64 account, int64 list)
{
	int			i = list_place(account, list);

	return is_cached(&lists[i].row, schema, account) && lists[i].list == list;
}

uint64
cs_cache_state(void)
{
	return state;
}

/* Does a change of a row of the table send an invalidation message, in sessions with any session_replication_role? */
static bool
sends_messages(CsInstallation *in, CsTableId id)
{
	Relation	rel = cs_table(in, id)->rel;
	TriggerDesc *triggers = rel->trigdesc;

	if (cs_layout(in->schema, id)->relid != RelationGetRelid(rel) || rel->rd_rel->relkind != RELKIND_RELATION)
		return false;
	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgenabled == TRIGGER_FIRES_ALWAYS && TRIGGER_FOR_ROW(trigger->tgtype) &&
			TRIGGER_FOR_UPDATE(trigger->tgtype) && TRIGGER_FOR_DELETE(trigger->tgtype) &&
			trigger->tgqual == NULL && trigger->tgnattr == 0 && cs_is_our_trigger(trigger, "settings_changed"))
			return true;
	}
	return false;
}

static CachedRow
cached_row(CsInstallation *in, int64 account, uint64 read_at)
{
	return (CachedRow) {IsolationUsesXactSnapshot() ? 0 : read_at, in->schema, account};
}

void
cs_cache_policy(CsInstallation *in, int64 account, const CsPolicy *policy, uint64 read_at)
{
	int			i = (uint64) account % ACCOUNTS;

	if (!sends_messages(in, TABLE_ACCOUNT) || !sends_messages(in, TABLE_POLICY))
		return;
	accounts[i].row = cached_row(in, account, read_at);
	accounts[i].policy = *policy;
}

void
cs_cache_list(CsInstallation *in, int64 account, int64 list, uint64 read_at)
{
	int			i = list_place(account, list);

	if (!sends_messages(in, TABLE_LIST))
		return;
	lists[i].row = cached_row(in, account, read_at);
	lists[i].list = list;
}
