/*
 * settings_changes.c
 *		Changes of policies, accounts and lists.
 *
 * A change of a setting waits for the transactions that applied events of the
 * account under the old one (account_lock.h).  Then consent_setting_history gets
 * a row with the time from which the new setting is in force.  Events recorded
 * before this time are always applied under the old setting.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation_d.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "contact/contact.h"
#include "contact/former_address.h"
#include "contact/operation.h"
#include "rules/rules.h"
#include "storage/account_lock.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/row_writer.h"
#include "storage/settings.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "types/enums.h"
#include "types/errors.h"
#include "types/policy.h"

/* ---- the history of settings ---- */

/* The latest stored settings of an account or list.  Returns false if there are none. */
static bool
latest_setting(CsInstallation *in, const cs_id *key, Datum *values, bool *nulls)
{
	CsTable    *table = cs_table(in, TABLE_CONSENT_SETTING_HISTORY);
	TupleDesc	desc = table->rel->rd_att;
	CsKeyScan	scan;
	bool		found = false;

	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		found = true;
		cs_check_shown(table->rel, table->slot);
		slot_getallattrs(table->slot);
		for (int i = 0; i < desc->natts; i++)
		{
			nulls[i] = table->slot->tts_isnull[i];
			values[i] = nulls[i] ? (Datum) 0 : datumCopy(table->slot->tts_values[i],
														 TupleDescAttr(desc, i)->attbyval,
														 TupleDescAttr(desc, i)->attlen);
		}
	}
	cs_end_scan(&scan);
	return found;
}

/*
 * Store settings from now on, if they differ from the last stored ones.  The
 * first settings of an account or list hold for all times.
 */
static void
keep_setting(CsInstallation *in, int64 account, cs_id list, const Datum *settings, const bool *are_null)
{
	CsTable    *table = cs_table(in, TABLE_CONSENT_SETTING_HISTORY);
	TupleDesc	desc = table->rel->rd_att;
	cs_id		key[2] = {{true, account}, list};
	TimestampTz since = DT_NOBEGIN;
	Datum	   *values;
	bool	   *nulls;

#define VALUE(column) values[table->columns[column] - 1]
#define ISNULL(column) nulls[table->columns[column] - 1]
	cs_new_row(in, table, &values, &nulls);
	if (latest_setting(in, key, values, nulls))
	{
		bool		same = true;

		for (int i = 0; i < CONSENT_SETTINGS; i++)
		{
			int			column = table->columns[SETTING_IMPORT_CONSENT + i] - 1;
			Form_pg_attribute att = TupleDescAttr(desc, column);

			same = same && nulls[column] == are_null[i] &&
				(are_null[i] || datum_image_eq(values[column], settings[i], att->attbyval, att->attlen));
		}
		if (same)
			return;
		since = Max(GetCurrentTimestamp(), DatumGetTimestampTz(VALUE(SETTING_SINCE)) + 1);
	}
	VALUE(SETTING_ACCOUNT) = Int64GetDatum(account);
	VALUE(SETTING_LIST) = Int64GetDatum(list.id);
	VALUE(SETTING_SINCE) = TimestampTzGetDatum(since);
	ISNULL(SETTING_ACCOUNT) = ISNULL(SETTING_SINCE) = false;
	ISNULL(SETTING_LIST) = !list.set;
	for (int i = 0; i < CONSENT_SETTINGS; i++)
	{
		VALUE(SETTING_IMPORT_CONSENT + i) = settings[i];
		ISNULL(SETTING_IMPORT_CONSENT + i) = are_null[i];
	}
	cs_insert_row(in, table, values, nulls);
	CommandCounterIncrement();
#undef ISNULL
#undef VALUE
}

/* Store the consent settings of the policy in the slot of table policy. */
static void
keep_policy_of(CsInstallation *in, int64 account)
{
	CsPolicy	policy = cs_policy_of_slot(cs_table(in, TABLE_POLICY)->slot);
	Datum		values[CONSENT_SETTINGS];
	bool		nulls[CONSENT_SETTINGS];

	cs_consent_to_values(&policy.consent, values, nulls);
	keep_setting(in, account, (cs_id) {0}, values, nulls);
}

/* ---- the triggers ---- */

typedef struct Change
{
	TriggerData *trigger;
	CsInstallation *in;
	CsTable    *table;
	TupleTableSlot *old;		/* NULL on INSERT */
	TupleTableSlot *new;		/* NULL on DELETE */
} Change;

static void
begin_change(Change *change, FunctionCallInfo fcinfo, CsTableId id, const char *function)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		cs_refuse_protocol(function, "a row trigger");

	change->trigger = trigger;
	change->in = cs_begin_trigger(trigger, id);
	change->table = cs_table(change->in, id);
	change->old = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? NULL : trigger->tg_trigslot;
	change->new = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? trigger->tg_trigslot :
		TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newslot : NULL;
}

static Datum
end_change(Change *change)
{
	TriggerData *trigger = change->trigger;

	cs_end_operation(change->in);
	/* a BEFORE trigger returns the row to be written or deleted */
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple);
}

static int64
bigint_of(CsTable *table, TupleTableSlot *slot, int column)
{
	bool		isnull;

	return DatumGetInt64(cs_column(table, slot, column, &isnull));
}

pg_noreturn static void
refuse_key_change(Change *change)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 cs_errconstraint(CONSTRAINT_DERIVED),
			 errtable(change->table->rel),
			 errmsg("the key of a row of table \"%s\" cannot be changed",
					RelationGetRelationName(change->table->rel)),
			 errhint("Insert another row instead.")));
}

/* Do the old and the new row have the same value in a column? */
static bool
same_value(Change *change, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(change->table->rel->rd_att, column - 1);
	bool		old_null,
				new_null;
	Datum		old = slot_getattr(change->old, column, &old_null);
	Datum		new = slot_getattr(change->new, column, &new_null);

	return old_null == new_null && (old_null || datum_image_eq(old, new, att->attbyval, att->attlen));
}

/* Does a table have a row of this account? */
static bool
account_has_rows(Change *change, CsTableId id, int64 account)
{
	CsTable    *table = cs_table(change->in, id);
	cs_id		key = {true, account};
	CsKeyScan	scan;
	bool		found;

	cs_begin_scan(&scan, table, &key, 1, NULL);
	found = cs_next_row(&scan);
	cs_end_scan(&scan);
	return found;
}

static int
compare_accounts(const void *a, const void *b)
{
	return cs_compare_account_locks(*(const int64 *) a, *(const int64 *) b);
}

/* The accounts that have a policy, in the order of their locks. */
static int
accounts_with_policy(Change *change, Datum name, int64 **ids)
{
	CsTable    *accounts = cs_table(change->in, TABLE_ACCOUNT);
	Snapshot	snapshot = cs_latest_snapshot();
	TableScanDesc scan = table_beginscan(accounts->rel, snapshot, 0, NULL);
	int			count = 0,
				space = 64;
	bool		isnull;

	*ids = palloc(space * sizeof(int64));
	while (table_scan_getnextslot(scan, ForwardScanDirection, accounts->slot))
	{
		Datum		its = cs_column(accounts, accounts->slot, ACCOUNT_POLICY, &isnull);

		if (!DatumGetBool(DirectFunctionCall2Coll(texteq, DEFAULT_COLLATION_OID, its, name)))
			continue;
		cs_check_shown(accounts->rel, accounts->slot);
		if (count == space)
			*ids = repalloc_huge(*ids, (space *= 2) * sizeof(int64));
		(*ids)[count++] = bigint_of(accounts, accounts->slot, ACCOUNT_ID);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	qsort(*ids, count, sizeof(int64), compare_accounts);
	return count;
}

/* Store the changed consent settings of a policy for the accounts that have it. */
static void
keep_policy(Change *change, Datum name)
{
	int64	   *ids;
	int			count = accounts_with_policy(change, name, &ids);

	for (int i = 0; i < count; i++)
		cs_lock_account(change->in, TABLE_CONSENT_SETTING_HISTORY, ids[i], ExclusiveLock);
	if (cs_fetch_policy(change->in, name))
		for (int i = 0; i < count; i++)
			keep_policy_of(change->in, ids[i]);
}

/*
 * change_policy(): after a change of a row of policy.  Takes the exclusive lock
 * of the policy and the exclusive settings locks of its accounts.  Raises 23503
 * if an account has a policy that is deleted or renamed.
 */
PG_FUNCTION_INFO_V1(cs_change_policy);
Datum
cs_change_policy(PG_FUNCTION_ARGS)
{
	Change		change;
	AttrNumber	name_column = POLICY_NAME + 1;
	bool		isnull;
	Datum		name;

	begin_change(&change, fcinfo, TABLE_POLICY, "change_policy");
	if (change.new != NULL)
		(void) cs_policy_of_slot(change.new);	/* raises an error for settings out of range */

	if (change.old != NULL)
	{
		int64	   *accounts;

		name = slot_getattr(change.old, name_column, &isnull);
		cs_lock_policy(change.in, name, ExclusiveLock);
		if (change.new == NULL || !same_value(&change, name_column))
		{
			if (accounts_with_policy(&change, name, &accounts) > 0)
				ereport(ERROR,
						(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
						 errtable(change.table->rel),
						 errmsg("policy \"%s\" is the policy of an account", TextDatumGetCString(name)),
						 errhint("Give its accounts another policy first.")));
		}
		else
			keep_policy(&change, name);
	}
	return end_change(&change);
}

/*
 * change_account(): after a change of a row of account.  Takes the exclusive
 * settings lock of the account and the shared lock of its policy.  Raises 23503
 * for an unknown policy, or if a deleted account has contacts or lists, and
 * 23514 for a change of the key.
 */
PG_FUNCTION_INFO_V1(cs_change_account);
Datum
cs_change_account(PG_FUNCTION_ARGS)
{
	Change		change;
	AttrNumber *columns;
	bool		isnull;

	begin_change(&change, fcinfo, TABLE_ACCOUNT, "change_account");
	columns = change.table->columns;
	if (change.old != NULL && change.new != NULL && !same_value(&change, columns[ACCOUNT_ID]))
		refuse_key_change(&change);

	if (change.new == NULL)
	{
		int64		account = bigint_of(change.table, change.old, ACCOUNT_ID);

		cs_lock_account(change.in, TABLE_CONSENT_SETTING_HISTORY, account, ExclusiveLock);
		if (account_has_rows(&change, TABLE_CONTACT, account) ||
			account_has_rows(&change, TABLE_LIST, account))
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errtable(change.table->rel),
					 errmsg("account %lld still has contacts or lists", (long long) account),
					 errhint("Delete them first.")));
	}
	else if (change.old == NULL || !same_value(&change, columns[ACCOUNT_POLICY]))
	{
		Datum		policy = slot_getattr(change.new, columns[ACCOUNT_POLICY], &isnull);

		int64		account = bigint_of(change.table, change.new, ACCOUNT_ID);

		cs_lock_policy(change.in, policy, RowShareLock);
		if (change.old != NULL)
			cs_lock_account(change.in, TABLE_CONSENT_SETTING_HISTORY, account, ExclusiveLock);
		if (!cs_fetch_policy(change.in, policy))
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errtable(change.table->rel),
					 errmsg("policy \"%s\" does not exist", TextDatumGetCString(policy)),
					 errhint("Insert it into table policy first.")));
		keep_policy_of(change.in, account);
		cs_create_address_key(change.in, account);
	}
	return end_change(&change);
}

typedef struct Subscriber
{
	int64		contact;
	TimestampTz consent_at;
} Subscriber;

static int
compare_contacts(const void *a, const void *b)
{
	int64		left = ((const Subscriber *) a)->contact;
	int64		right = ((const Subscriber *) b)->contact;

	return (left > right) - (left < right);
}

/* The contacts that are subscribed to a list or unconfirmed on it, ascending. */
static int
subscribers(Change *change, int64 account, int64 list, Subscriber **contacts)
{
	static const int columns[2] = {SUBSCRIPTION_ACCOUNT, SUBSCRIPTION_LIST};
	CsTable    *table = cs_table(change->in, TABLE_SUBSCRIPTION);
	TupleTableSlot *slot = table->slot;
	CsIndexScan scan;
	Oid			status_type = TupleDescAttr(table->rel->rd_att, table->columns[SUBSCRIPTION_CONSENT] - 1)->atttypid;
	int			count = 0,
				space = 1024;
	bool		isnull;

	cs_begin_index_scan(&scan, table, columns, account, Int64GetDatum(list));
	*contacts = palloc(space * sizeof(Subscriber));
	while (cs_next_indexed_row(&scan))
	{
		if (cs_status_of_datum(status_type, cs_column(table, slot, SUBSCRIPTION_CONSENT, &isnull)) ==
			CS_STATUS_UNSUBSCRIBED)
			continue;
		if (count == space)
			*contacts = repalloc_huge(*contacts, (space *= 2) * sizeof(Subscriber));
		(*contacts)[count].contact = bigint_of(table, slot, SUBSCRIPTION_CONTACT);
		(*contacts)[count++].consent_at = bigint_of(table, slot, SUBSCRIPTION_CONSENT_AT);
	}
	cs_end_index_scan(&scan);
	qsort(*contacts, count, sizeof(Subscriber), compare_contacts);
	return count;
}

/*
 * Record `removed` events, as by the owner, for the contacts on a list that is
 * deleted.  Their opt-outs remain.
 */
static void
remove_subscribers(Change *change, int64 account, int64 list)
{
	CsInstallation *in = change->in;
	Datum	   *values = palloc(MaxHeapAttributeNumber * sizeof(Datum));
	bool	   *nulls = palloc(MaxHeapAttributeNumber * sizeof(bool));
	CsContact   *state = cs_open_contacts(in);
	Subscriber *contacts;
	int			count = subscribers(change, account, list, &contacts);

#define SET(column, value) \
	(values[log->columns[column] - 1] = (value), nulls[log->columns[column] - 1] = false)
	for (int i = 0; i < count; i++)
	{
		CsTable    *log;
		cs_time		at;
		Oid			kind_type;

		/* the lock prevents a concurrent deletion; a deleted contact needs no event */
		if (!cs_lock_contact(state, account, contacts[i].contact))
			continue;
		/* after the consent, which may be dated up to a minute ahead */
		at = Max(GetCurrentTimestamp(), contacts[i].consent_at + 1);
		log = cs_log_table_at(in, at);
		kind_type = TupleDescAttr(log->rel->rd_att, log->columns[EVENT_KIND] - 1)->atttypid;
		cs_row_defaults(in, log, values, nulls);
		SET(EVENT_ACCOUNT, Int64GetDatum(account));
		SET(EVENT_CONTACT, Int64GetDatum(contacts[i].contact));
		SET(EVENT_OCCURRED_AT, TimestampTzGetDatum(at));
		SET(EVENT_LIST, Int64GetDatum(list));
		SET(EVENT_KIND, cs_kind_datum(kind_type, CS_KIND_REMOVED));
		SET(EVENT_SOURCE, CStringGetTextDatum("list deleted"));
		cs_insert_event(in, log, values, nulls);
	}
#undef SET
	cs_close_contacts(state);
}

/*
 * change_list(): after a row of list is inserted or updated, and before it is
 * deleted.  Takes the exclusive settings lock of the account for a changed or
 * deleted list.  Raises 23503 for an unknown account, and 23514 for a change of
 * the key.
 */
PG_FUNCTION_INFO_V1(cs_change_list);
Datum
cs_change_list(PG_FUNCTION_ARGS)
{
	Change		change;
	AttrNumber *columns;
	int64		account,
				list;

	begin_change(&change, fcinfo, TABLE_LIST, "change_list");
	columns = change.table->columns;
	account = bigint_of(change.table, change.new ? change.new : change.old, LIST_ACCOUNT);
	list = bigint_of(change.table, change.new ? change.new : change.old, LIST_ID);
	if (change.old != NULL && change.new != NULL &&
		!(same_value(&change, columns[LIST_ACCOUNT]) && same_value(&change, columns[LIST_ID])))
		refuse_key_change(&change);

	if (change.new == NULL)
	{
		cs_lock_account(change.in, TABLE_CONSENT_SETTING_HISTORY, account, ExclusiveLock);
		remove_subscribers(&change, account, list);
	}
	else
	{
		Datum		settings[CONSENT_SETTINGS] = {0};
		bool		are_null[CONSENT_SETTINGS];

		bool		changed = change.old != NULL && !same_value(&change, columns[LIST_DOUBLE_OPT_IN]);

		if (change.old == NULL && cs_account_policy(change.in, account) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errtable(change.table->rel),
					 errmsg("account %lld of list %lld does not exist", (long long) account, (long long) list),
					 errhint("Insert it into table account first.")));
		if (changed)
			cs_lock_account(change.in, TABLE_CONSENT_SETTING_HISTORY, account, ExclusiveLock);
		if (changed || change.old == NULL)
		{
			memset(are_null, true, sizeof(are_null));
			settings[1] = cs_column(change.table, change.new, LIST_DOUBLE_OPT_IN, &are_null[1]);
			keep_setting(change.in, account, (cs_id) {true, list}, settings, are_null);
		}
	}
	return end_change(&change);
}

/*
 * settings_changed(): after a row of policy, account or list is updated or
 * deleted, with any session_replication_role.  Makes all sessions read the
 * settings again when the transaction commits (settings_cache.h).
 */
PG_FUNCTION_INFO_V1(cs_settings_changed);
Datum
cs_settings_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_AFTER(trigger->tg_event))
		cs_refuse_protocol("settings_changed", "an AFTER row trigger");
	CacheInvalidateRelcache(trigger->tg_relation);
	return PointerGetDatum(NULL);
}

/* Store the double opt-in setting of each list of an account, if it is missing. */
static void
keep_lists_of(CsInstallation *in, int64 account)
{
	CsTable    *lists = cs_table(in, TABLE_LIST);
	cs_id		key = {true, account};
	CsKeyScan	scan;

	cs_begin_scan(&scan, lists, &key, 1, NULL);
	while (cs_next_row(&scan))
	{
		Datum		settings[CONSENT_SETTINGS] = {0};
		bool		are_null[CONSENT_SETTINGS];


		memset(are_null, true, sizeof(are_null));
		settings[1] = cs_column(lists, lists->slot, LIST_DOUBLE_OPT_IN, &are_null[1]);
		keep_setting(in, account, (cs_id) {true, bigint_of(lists, lists->slot, LIST_ID)}, settings, are_null);
	}
	cs_end_scan(&scan);
}

/*
 * restore_settings(schema, account_id): stores the settings of an account and
 * its lists that are missing from the history, for repair.  Takes the exclusive
 * settings lock of the account.  Raises 42501 if the caller lacks the
 * privileges.
 */
PG_FUNCTION_INFO_V1(cs_restore_settings);
Datum
cs_restore_settings(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
	int64		account = PG_GETARG_INT64(1);
	cs_id		key = {true, account};
	CsTable    *accounts = cs_table(in, TABLE_ACCOUNT);
	bool		isnull;

	cs_check_rights(in, ACL_INSERT);
	cs_check_account(in, account);
	cs_lock_account(in, TABLE_CONSENT_SETTING_HISTORY, account, ExclusiveLock);
	if (cs_fetch_latest(accounts, &key, 1) &&
		cs_fetch_policy(in, cs_column(accounts, accounts->slot, ACCOUNT_POLICY, &isnull)))
	{
		keep_policy_of(in, account);
		keep_lists_of(in, account);
	}
	cs_end_operation(in);
	PG_RETURN_VOID();
}
