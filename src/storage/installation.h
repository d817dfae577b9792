/*
 * installation.h
 *		An installation: opens its tables and finds their columns.
 */
#ifndef CONTACT_STATUS_INSTALLATION_H
#define CONTACT_STATUS_INSTALLATION_H

#include "access/genam.h"
#include "access/tableam.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#include "rules/rules.h"

typedef enum CsTableId
{
	TABLE_POLICY,
	TABLE_ACCOUNT,
	TABLE_LIST,
	TABLE_CONSENT_SETTING_HISTORY,
	TABLE_CONTACT,
	TABLE_DELETED_CONTACT,
	TABLE_SUBSCRIPTION,
	TABLE_SUPPRESSION,
	TABLE_ADDRESS_KEY,
	TABLE_ADDRESS_CHANGE,
	TABLE_RETRACTION,
	TABLE_STATUS_COUNT,
	TABLE_DAILY_COUNT,
	TABLE_CHECKPOINT,
	TABLE_UNMATCHED_EVENT,
	TABLE_STATUS_CHANGE,		/* exists only with a change feed */
	TABLE_CHANGE_CONSUMER,		/* the same */
	TABLE_EVENT
} CsTableId;

#define TABLES (TABLE_EVENT + 1)

/* Maximum number of columns of a table that are found by name. */
#define MAX_COLUMNS 20

typedef struct CsWriter CsWriter;

typedef struct CsTable
{
	CsTableId	id;
	Relation	rel;
	Relation	key;			/* see cs_key(); NULL until opened */
	struct CsLayout *layout;	/* see layout_cache.h */
	TupleTableSlot *slot;		/* for reading */
	MemoryContext context;		/* of the call: a scan outlives the context of a contact */
	IndexScanDesc parked;		/* an ended scan of the key, to be used again */
	int			parked_keys;
	AttrNumber	columns[MAX_COLUMNS];	/* attribute numbers, by the table's enum below; 0: not used */
	AttrNumber *facts;			/* table contact only: its columns of facts, by FactColumn */
	CsWriter   *writer;			/* NULL until the first write */
} CsTable;

/* Columns of each table, in the order of CsTable.columns. */
enum
{
	POLICY_TABLE_NAME
};
enum
{
	ACCOUNT_ID, ACCOUNT_POLICY, ACCOUNT_CONTACT_LIMIT, ACCOUNT_HORIZON, ACCOUNT_HORIZON_KEPT
};
enum
{
	LIST_ACCOUNT, LIST_ID, LIST_DOUBLE_OPT_IN
};
enum
{
	SETTING_ACCOUNT, SETTING_LIST, SETTING_SINCE, SETTING_IMPORT_CONSENT, SETTING_DOUBLE_OPT_IN,
	SETTING_UNSUBSCRIBE_SCOPE, SETTING_RESUBSCRIBE, SETTING_CONFIRM_WITHIN
};
enum
{
	CONTACT_ACCOUNT, CONTACT_ID, CONTACT_EMAIL, CONTACT_GENERATION_START, CONTACT_ADDRESS_SINCE
};
enum
{
	DELETED_ACCOUNT, DELETED_CONTACT, DELETED_ENDED_AT, DELETED_GENERATION_START, DELETED_DIGEST, DELETED_HOLDER,
	DELETED_MERGED_INTO, DELETED_MERGED_AT
};
enum
{
	SUBSCRIPTION_ACCOUNT, SUBSCRIPTION_CONTACT, SUBSCRIPTION_LIST, SUBSCRIPTION_STATUS,
	SUBSCRIPTION_CONSENT, SUBSCRIPTION_CONSENT_AT, SUBSCRIPTION_REQUESTED_AT, SUBSCRIPTION_REQUEST_KEY
};
enum
{
	SUPPRESSION_ACCOUNT, SUPPRESSION_DIGEST, SUPPRESSION_KIND, SUPPRESSION_LIST, SUPPRESSION_OCCURRED_AT,
	SUPPRESSION_SOURCE, SUPPRESSION_CONTACT, SUPPRESSION_GENERATION_START, SUPPRESSION_REASON,
	SUPPRESSION_RETRACTION
};
enum
{
	KEY_ACCOUNT, KEY_KEY
};
enum
{
	CHANGE_ACCOUNT, CHANGE_CONTACT, CHANGE_CHANGED_AT, CHANGE_OLD_DIGEST, CHANGE_HOLDER
};
enum
{
	RETRACTION_ACCOUNT, RETRACTION_ID, RETRACTION_RETRACTED_AT, RETRACTION_RETRACTED_BY, RETRACTION_REASON,
	RETRACTION_EVENTS, RETRACTION_CONTACTS, RETRACTION_UNDONE_AT, RETRACTION_UNDONE_BY
};
enum
{
	COUNT_ACCOUNT, COUNT_LIST, COUNT_WRITTEN_BY, COUNT_MERGED_BEFORE, COUNT_CONTACTS
};
enum
{
	DAILY_ACCOUNT, DAILY_DAY, DAILY_STATUS, DAILY_CONTACTS, DAILY_COUNTED_AT
};
enum
{
	CHECKPOINT_ACCOUNT, CHECKPOINT_CONTACT, CHECKPOINT_BEFORE, CHECKPOINT_GENERATION_START, CHECKPOINT_KEPT_AT,
	CHECKPOINT_LATE_SINCE, CHECKPOINT_FACTS
};
enum
{
	UNMATCHED_ACCOUNT, UNMATCHED_ID, UNMATCHED_ADDRESS, UNMATCHED_DIGEST, UNMATCHED_KIND, UNMATCHED_LIST, UNMATCHED_CAMPAIGN,
	UNMATCHED_OCCURRED_AT, UNMATCHED_KEY, UNMATCHED_SOURCE, UNMATCHED_EVIDENCE, UNMATCHED_REASON, UNMATCHED_REPLY,
	UNMATCHED_UNTIL, UNMATCHED_RECEIVED_AT
};
enum
{
	FEED_ACCOUNT, FEED_LIST, FEED_CONTACT, FEED_PREVIOUS_STATUS, FEED_STATUS, FEED_CHANGED_AT, FEED_KIND,
	FEED_CLUSTER, FEED_NEXT_XID, FEED_CHANGE_ID
};
enum
{
	CONSUMER_NAME, CONSUMER_CLUSTER, CONSUMER_NEXT_XID, CONSUMER_CHANGE_ID
};
enum
{
	EVENT_ACCOUNT, EVENT_CONTACT, EVENT_OCCURRED_AT, EVENT_LIST, EVENT_CAMPAIGN, EVENT_KIND,
	EVENT_RECORDED_AT, EVENT_RETRACTED_AT, EVENT_UNTIL, EVENT_KEY, EVENT_SOURCE, EVENT_EVIDENCE, EVENT_REASON,
	EVENT_REPLY, EVENT_RETRACTION
};

/* The state of one call, in one memory context. */
typedef struct CsInstallation
{
	MemoryContext context;
	MemoryContext caller;		/* current context before the call */
	Oid			schema;
	Oid			owner;			/* of every table; InvalidOid until a table is checked */
	TimestampTz now;			/* clock time at the start of the call */
	bool		reads_only;		/* set before tables are opened: with locks that a standby allows */
	CsTable    *tables[TABLES]; /* NULL until opened */
	List	   *opened;			/* these, and partitions of the log */
	struct CsLog *log;			/* see event_log.c */
	EState	   *triggers;		/* for AFTER triggers of the application; NULL until a write */
	struct CsSettings *settings;	/* see settings.c */
	List	   *limited;		/* policies of accounts in which an `added` event made contacts count */
	int			has_feed;		/* see cs_has_feed(); 0: not known, 1: yes, -1: no */
	struct HTAB *counts;		/* changes of counts, not yet written (status_count.c) */
	List	   *pending;		/* contacts with changed suppressions (contact/former_address.c) */
	int			suppressions_recorded;	/* as events of contacts that had the address before */
	List	   *shown;			/* accounts that row-level security shows to the caller (privileges.c) */
	uint64		locked_settings;	/* bit mask of the locks of settings (account_lock.c) */
	int64		key_account;	/* account of `key` (suppression.c) */
	bytea	   *key;			/* digest key of key_account; NULL: not read yet */
} CsInstallation;

/*
 * Opens the installation in a schema, but no table.  A caller that writes rows
 * ends with cs_end_operation() (contact/operation.h), others with cs_close().
 * After an error nothing has to be closed.
 */
extern CsInstallation *cs_open(Oid schema);
extern void cs_close(CsInstallation *in);

/*
 * Opens the installation in a schema by name, and checks its tables without
 * opening them.  Raises 42P01 if the schema has no installation or a table is
 * missing.  Raises 55000 if one is neither a plain nor a partitioned table, or
 * belongs to another owner.
 */
extern CsInstallation *cs_open_named(Name schema);

/*
 * Returns a table of the installation, opened with the lock that its use needs.
 * Raises 42P01 if it is missing.  Raises 55000 if it is not a table, or has
 * another owner than the tables opened before.  Raises 42703 or 42804 if its
 * columns are wrong.  Raises 25006 in a READ ONLY transaction, if the lock is
 * for writing.
 */
extern CsTable *cs_table(CsInstallation *in, CsTableId id);

/*
 * Checks the columns of a table, given by name, and locks it against changes of
 * them until the transaction ends.  Queries read it afterwards.  So no cast or
 * function of its owner can replace a column.  Raises the errors of cs_table().
 */
extern void cs_check_columns(CsInstallation *in, const char *name);

/* Returns the OID of the table without opening it.  Raises 42P01 if it is missing. */
extern Oid	cs_table_oid(CsInstallation *in, CsTableId id);

/*
 * Raises 39P01 if a trigger was fired for another table than that of the
 * installation.  For the log, a partition is accepted too.
 */
extern void cs_check_trigger_table(CsInstallation *in, CsTableId id, Relation rel);

/*
 * Does the trigger call this internal function, or one of them, up to a NULL?
 * Does a table have such a trigger?
 */
extern bool cs_calls_one_of(const Trigger *trigger, const char *const *functions);
extern bool cs_is_our_trigger(const Trigger *trigger, const char *function);
extern bool cs_has_our_trigger(Relation rel, const char *function);

/*
 * Returns the index on the columns that identify a row: the primary key, or
 * another one that begins with account_id.  Raises 42704 if it is missing.
 * cs_close() closes it.
 */
extern Relation cs_key(CsTable *table);

/* Is the column one of those that cs_key() begins with? */
extern bool cs_is_key_column(CsTable *table, AttrNumber column);

/*
 * Opens a valid index that begins with these columns, given by the enum of the
 * table.  The caller closes it with index_close().  Raises 42704 if there is
 * none.
 */
extern Relation cs_open_index(CsTable *table, const int *columns, int count);

/*
 * Opens another table with the columns of one of ours: a partition of the log.
 * Raises 42703 or 42804 if its columns are wrong.
 */
extern CsTable *cs_open_table(CsInstallation *in, CsTableId id, Oid relid);

/* Returns the value of a named column of a row. */
static inline Datum
cs_column(CsTable *table, TupleTableSlot *slot, int column, bool *isnull)
{
	return slot_getattr(slot, table->columns[column], isnull);
}

/* The same for a nullable timestamptz of the row in the slot of the table. */
static inline cs_time
cs_time_column(CsTable *table, int column, cs_time otherwise)
{
	bool		isnull;
	Datum		value = cs_column(table, table->slot, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

static inline cs_moment
cs_moment_column(CsTable *table, int column)
{
	bool		isnull;
	Datum		value = cs_column(table, table->slot, column, &isnull);

	return isnull ? (cs_moment) {0} : (cs_moment) {.set = true, .at = DatumGetTimestampTz(value)};
}

#endif							/* CONTACT_STATUS_INSTALLATION_H */
