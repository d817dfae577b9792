/*
 * settings_cache.c
 *		Policies of accounts, and lists, cached from call to call of a session.
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
#include "storage/layout_cache.h"
#include "storage/settings_cache.h"
#include "types/policy.h"

#define ACCOUNTS 64
#define LISTS 256

typedef struct CachedRow
{
	uint64		state;			/* the row is current while this is cs_settings_state(); 0: not used */
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

static bool
is_cached(const CachedRow *row, Oid schema, int64 account)
{
	if (IsolationUsesXactSnapshot())
		return false;
	AcceptInvalidationMessages();
	return row->state == cs_settings_state() && row->schema == schema && row->account == account;
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
