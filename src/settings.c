/*
 * settings.c
 *		The settings by which events are judged, read once a call.
 *
 * Opening table policy takes a lock that says: settings are in use.  Who
 * changes a setting waits until all who use it have committed, so that no
 * contact stays judged by settings that changed beside it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "facts.h"
#include "settings.h"

typedef struct ListKey
{
	int64		account;
	int64		list;
	bool		any;			/* the account's own settings, of no list */
} ListKey;

typedef struct Account
{
	int64		account;		/* key */
	bool		exists;
	CsPolicy	policy;
} Account;

typedef struct KnownList
{
	ListKey		key;
	bool		exists;
} KnownList;

/* Consent settings since a time; of a list only its double opt-in. */
typedef struct Setting
{
	TimestampTz since;
	bool		has_double_opt_in;
	cs_consent_rules rules;
} Setting;

typedef struct SettingHistory
{
	ListKey		key;
	int			count;
	int			space;
	Setting    *settings;		/* ascending */
} SettingHistory;

struct CsSettings
{
	HTAB	   *accounts;
	HTAB	   *lists;
	HTAB	   *histories;
};

static HTAB *
create_table(CsInstallation *in, const char *name, size_t key_size, size_t entry_size)
{
	HASHCTL		control = {0};

	control.keysize = key_size;
	control.entrysize = entry_size;
	control.hcxt = in->context;
	return hash_create(name, 8, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static struct CsSettings *
settings_of(CsInstallation *in)
{
	if (in->settings == NULL)
	{
		in->settings = MemoryContextAlloc(in->context, sizeof(struct CsSettings));
		in->settings->accounts = create_table(in, "accounts", sizeof(int64), sizeof(Account));
		in->settings->lists = create_table(in, "lists", sizeof(ListKey), sizeof(KnownList));
		in->settings->histories = create_table(in, "consent settings", sizeof(ListKey), sizeof(SettingHistory));
	}
	return in->settings;
}

/* Keys are compared by their bytes, so that none may be left unset. */
static ListKey
list_key(int64 account, cs_id list)
{
	ListKey		key;

	memset(&key, 0, sizeof(key));
	key.account = account;
	key.list = list.set ? list.id : 0;
	key.any = !list.set;
	return key;
}

/* ---- policies ---- */

CsPolicy
cs_policy_of_slot(TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	if (slot->tts_tupleDescriptor->natts != POLICY_COLUMNS)
		elog(ERROR, "table policy has %d columns", slot->tts_tupleDescriptor->natts);
	return cs_policy_of_values(slot->tts_values, slot->tts_isnull,
							   TupleDescAttr(slot->tts_tupleDescriptor, POLICY_SOFT_BOUNCE_OUTCOME)->atttypid);
}

bool
cs_fetch_policy(CsInstallation *in, Datum name)
{
	CsTable    *table = cs_table(in, TABLE_POLICY);
	Snapshot	snapshot = cs_latest_snapshot();
	IndexScanDesc scan = cs_index_beginscan(table->rel, table->key, snapshot, 1);
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ, name);
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, table->slot);
	index_endscan(scan);
	if (found)
		cs_check_shown(table, table->slot);
	UnregisterSnapshot(snapshot);
	return found;
}

const CsPolicy *
cs_account_policy(CsInstallation *in, int64 account)
{
	bool		known;
	Account    *entry = hash_search(settings_of(in)->accounts, &account, HASH_ENTER, &known);
	cs_id		key = {true, account};
	CsTable    *table;
	bool		isnull;

	if (known)
		return entry->exists ? &entry->policy : NULL;

	entry->exists = false;
	cs_table(in, TABLE_POLICY); /* the lock before the first look */
	table = cs_table(in, TABLE_ACCOUNT);
	if (!cs_fetch_latest(table, &key, 1))
		return NULL;
	if (!cs_fetch_policy(in, cs_column(table, table->slot, ACCOUNT_POLICY, &isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("the policy of account %lld does not exist", (long long) account),
				 errhint("Set account.policy to a policy that stands in table policy.")));
	entry->policy = cs_policy_of_slot(cs_table(in, TABLE_POLICY)->slot);
	entry->policy.account = account;
	cs_column(table, table->slot, ACCOUNT_CONTACT_LIMIT, &isnull);
	entry->policy.has_limit = !isnull;
	entry->policy.horizon.at = DatumGetTimestampTz(cs_column(table, table->slot, ACCOUNT_HORIZON, &isnull));
	entry->policy.horizon.set = !isnull;
	entry->exists = true;
	return &entry->policy;
}

bool
cs_list_exists(CsInstallation *in, int64 account, int64 list)
{
	ListKey		key = list_key(account, (cs_id) {true, list});
	bool		known;
	KnownList	   *entry = hash_search(settings_of(in)->lists, &key, HASH_ENTER, &known);

	if (!known)
	{
		cs_id		ids[2] = {{true, account}, {true, list}};

		entry->exists = false;
		entry->exists = cs_fetch_latest(cs_table(in, TABLE_LIST), ids, 2);
	}
	return entry->exists;
}

/* ---- consent settings ---- */

static void
load_history(CsInstallation *in, SettingHistory *history)
{
	CsTable    *table = cs_table(in, TABLE_CONSENT_SETTING);
	Snapshot	snapshot = cs_latest_snapshot();
	cs_id		key[2] = {{true, history->key.account}, {!history->key.any, history->key.list}};
	CsKeyScan	scan;

	history->count = 0;
	history->space = 4;
	history->settings = MemoryContextAlloc(in->context, history->space * sizeof(Setting));
	cs_begin_scan(&scan, table, snapshot, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		Datum		values[4];
		bool		nulls[4];
		bool		isnull;
		Setting    *setting;

		cs_check_shown(table, table->slot);
		if (history->count == history->space)
		{
			history->space *= 2;
			history->settings = repalloc(history->settings, history->space * sizeof(Setting));
		}
		setting = &history->settings[history->count++];
		setting->since = DatumGetTimestampTz(cs_column(table, table->slot, SETTING_SINCE, &isnull));
		for (int i = 0; i < 4; i++)
			values[i] = cs_column(table, table->slot, SETTING_IMPORT_CONSENT + i, &nulls[i]);
		setting->has_double_opt_in = !nulls[1];
		setting->rules = cs_consent_of_values(values, nulls);
	}
	cs_end_scan(&scan);
	UnregisterSnapshot(snapshot);
}

/* The setting in force at a time; NULL where there was none yet. */
static const Setting *
setting_at(CsInstallation *in, ListKey key, TimestampTz recorded)
{
	bool		known;
	SettingHistory *history = hash_search(settings_of(in)->histories, &key, HASH_ENTER, &known);

	if (!known)
	{
		history->count = 0;
		load_history(in, history);
	}
	for (int i = history->count - 1; i >= 0; i--)
		if (history->settings[i].since <= recorded)
			return &history->settings[i];
	return NULL;
}

bool
cs_list_existed(CsInstallation *in, int64 account, int64 list)
{
	return setting_at(in, list_key(account, (cs_id) {true, list}), PG_INT64_MAX) != NULL;
}

cs_consent_rules
cs_consent_rules_at(CsInstallation *in, int64 account, cs_id list, TimestampTz recorded)
{
	const Setting *of_account = setting_at(in, list_key(account, (cs_id) {0}), recorded);
	const Setting *of_list = list.set ? setting_at(in, list_key(account, list), recorded) : NULL;
	cs_consent_rules rules;

	if (of_account == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the consent settings of account %lld are lost", (long long) account),
				 errhint("Call contact_status.repair.")));
	rules = of_account->rules;
	if (of_list != NULL && of_list->has_double_opt_in)
		rules.double_opt_in = of_list->rules.double_opt_in;
	return rules;
}
