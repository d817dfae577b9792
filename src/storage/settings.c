/*
 * settings.c
 *		The settings by which events are judged, read once a call.
 *
 * cs_account_policy() locks the settings of the account (account_lock.h).  A
 * transaction that changes a setting waits for transactions with this lock.  So
 * no contact has a status judged by settings that changed concurrently.
 */
#include "postgres.h"

#include "access/genam.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "rules/rules.h"
#include "storage/account_lock.h"
#include "storage/installation.h"
#include "storage/layout_cache.h"
#include "storage/settings.h"
#include "storage/settings_cache.h"
#include "storage/table_scan.h"
#include "types/policy.h"

typedef struct ListKey
{
	int64		account;
	int64		list;
	bool		any;			/* settings of the account, not of a list */
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

/* Consent settings since a time.  Those of a list have double_opt_in only. */
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
	Setting    *settings;		/* in ascending order of since */
} SettingHistory;

struct CsSettings
{
	Account    *first;			/* the first account that was read */
	HTAB	   *accounts;		/* all other accounts */
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
		in->settings = MemoryContextAllocZero(in->context, sizeof(struct CsSettings));
	return in->settings;
}

/* Hash tables are created on demand: most calls use one account, and few use lists. */
static HTAB *
accounts_of(CsInstallation *in)
{
	struct CsSettings *settings = settings_of(in);

	if (settings->accounts == NULL)
		settings->accounts = create_table(in, "accounts", sizeof(int64), sizeof(Account));
	return settings->accounts;
}

static HTAB *
lists_of(CsInstallation *in)
{
	struct CsSettings *settings = settings_of(in);

	if (settings->lists == NULL)
		settings->lists = create_table(in, "lists", sizeof(ListKey), sizeof(KnownList));
	return settings->lists;
}

static HTAB *
histories_of(CsInstallation *in)
{
	struct CsSettings *settings = settings_of(in);

	if (settings->histories == NULL)
		settings->histories = create_table(in, "consent settings", sizeof(ListKey), sizeof(SettingHistory));
	return settings->histories;
}

/* Returns a key without undefined bytes: keys are compared as bytes. */
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
	IndexScanDesc scan = cs_index_beginscan(table->rel, cs_key(table), snapshot, 1);
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ, name);
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, table->slot);
	index_endscan(scan);
	if (found)
		cs_check_shown(table->rel, table->slot);
	UnregisterSnapshot(snapshot);
	return found;
}

/* Reads the account and its policy, and caches them.  Returns false if there is no such account. */
static bool
read_account(CsInstallation *in, int64 account, CsPolicy *policy)
{
	uint64		state = cs_settings_state();
	CsTable    *table = cs_table(in, TABLE_ACCOUNT);
	cs_id		key = {true, account};
	bool		isnull;

	if (!cs_fetch_latest(table, &key, 1))
		return false;
	if (!cs_fetch_policy(in, cs_column(table, table->slot, ACCOUNT_POLICY, &isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("the policy of account %lld does not exist", (long long) account),
				 errhint("Set account.policy to a policy that stands in table policy.")));
	*policy = cs_policy_of_slot(cs_table(in, TABLE_POLICY)->slot);
	policy->account = account;
	cs_column(table, table->slot, ACCOUNT_CONTACT_LIMIT, &isnull);
	policy->has_limit = !isnull;
	policy->horizon = cs_moment_column(table, ACCOUNT_HORIZON);
	cs_cache_policy(in, account, policy, state);
	return true;
}

const CsPolicy *
cs_account_policy(CsInstallation *in, int64 account)
{
	struct CsSettings *settings = settings_of(in);
	bool		known = settings->first != NULL && settings->first->account == account;
	Account    *entry = settings->first;

	if (settings->first == NULL)
	{
		entry = MemoryContextAlloc(in->context, sizeof(Account));
		entry->account = account;
	}
	else if (!known)
		entry = hash_search(accounts_of(in), &account, HASH_ENTER, &known);
	if (!known)
	{
		const CsPolicy *cached;

		entry->exists = false;
		cs_lock_account(in, TABLE_CONSENT_SETTING_HISTORY, account, RowShareLock);
		cached = cs_cached_policy(in->schema, account);
		if (cached != NULL)
			entry->policy = *cached;
		entry->exists = cached != NULL || read_account(in, account, &entry->policy);
		if (settings->first == NULL)
			settings->first = entry;
	}
	return entry->exists ? &entry->policy : NULL;
}

bool
cs_list_exists(CsInstallation *in, int64 account, int64 list)
{
	ListKey		key = list_key(account, (cs_id) {true, list});
	bool		known;
	KnownList	   *entry;

	if (cs_is_cached_list(in->schema, account, list))
		return true;
	entry = hash_search(lists_of(in), &key, HASH_ENTER, &known);
	if (!known)
	{
		cs_id		ids[2] = {{true, account}, {true, list}};
		uint64		state = cs_settings_state();

		entry->exists = false;
		entry->exists = cs_fetch_latest(cs_table(in, TABLE_LIST), ids, 2);
		if (entry->exists)
			cs_cache_list(in, account, list, state);
	}
	return entry->exists;
}

/* ---- consent settings ---- */

static void
load_history(CsInstallation *in, SettingHistory *history)
{
	CsTable    *table = cs_table(in, TABLE_CONSENT_SETTING_HISTORY);
	cs_id		key[2] = {{true, history->key.account}, {!history->key.any, history->key.list}};
	CsKeyScan	scan;

	history->count = 0;
	history->space = 4;
	history->settings = MemoryContextAlloc(in->context, history->space * sizeof(Setting));
	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		Datum		values[CONSENT_SETTINGS];
		bool		nulls[CONSENT_SETTINGS];
		bool		isnull;
		Setting    *setting;

		cs_check_shown(table->rel, table->slot);
		if (history->count == history->space)
		{
			history->space *= 2;
			history->settings = repalloc(history->settings, history->space * sizeof(Setting));
		}
		setting = &history->settings[history->count++];
		setting->since = DatumGetTimestampTz(cs_column(table, table->slot, SETTING_SINCE, &isnull));
		for (int i = 0; i < CONSENT_SETTINGS; i++)
			values[i] = cs_column(table, table->slot, SETTING_IMPORT_CONSENT + i, &nulls[i]);
		setting->has_double_opt_in = !nulls[1];
		setting->rules = cs_consent_of_values(values, nulls);
	}
	cs_end_scan(&scan);
}

/* Returns the setting in force at a time; NULL if there was none yet. */
static const Setting *
setting_at(CsInstallation *in, ListKey key, TimestampTz recorded)
{
	bool		known;
	SettingHistory *history = hash_search(histories_of(in), &key, HASH_ENTER, &known);

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

bool
cs_accepts_list(CsInstallation *in, int64 account, cs_kind kind, cs_id list)
{
	return !list.set || cs_list_exists(in, account, list.id) ||
		(!cs_needs_list(kind) && cs_list_existed(in, account, list.id));
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

bool
cs_has_consent_rules_of(CsInstallation *in, int64 account, cs_id list, TimestampTz earlier)
{
	cs_consent_rules now = cs_consent_rules_at(in, account, list, PG_INT64_MAX);
	cs_consent_rules then;

	if (setting_at(in, list_key(account, (cs_id) {0}), earlier) == NULL)
		return false;
	then = cs_consent_rules_at(in, account, list, earlier);
	return now.import_by_list == then.import_by_list && now.double_opt_in == then.double_opt_in &&
		now.unsubscribe_account == then.unsubscribe_account && now.resubscribe_never == then.resubscribe_never &&
		now.confirm_within == then.confirm_within;
}
