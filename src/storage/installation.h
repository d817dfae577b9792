/*
 * installation.h
 *		An installation and its tables: opening them, and their columns.
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
	TABLE_CHECKPOINT,
	TABLE_EVENT
} CsTableId;

#define TABLES (TABLE_EVENT + 1)

/* Most columns of a table that we know by name. */
#define MAX_COLUMNS 20

typedef struct CsWriter CsWriter;

typedef struct CsTable
{
	CsTableId	id;
	Relation	rel;
	Relation	key;			/* see cs_key; NULL until asked for */
	TupleTableSlot *slot;		/* for reading */
	MemoryContext context;		/* of the call: what a scan keeps outlives the contact it was for */
	IndexScanDesc parked;		/* a scan of the key that has ended, to be begun again */
	int			parked_keys;
	AttrNumber	columns[MAX_COLUMNS];	/* by the table's enum below; 0 is a column's number + 1 */
	AttrNumber *facts;			/* of contact: its fact columns, by FactColumn */
	CsWriter   *writer;			/* NULL until something is written */
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
	DELETED_ACCOUNT, DELETED_CONTACT, DELETED_ENDED_AT, DELETED_GENERATION_START, DELETED_DIGEST, DELETED_HOLDER
};
enum
{
	SUBSCRIPTION_ACCOUNT, SUBSCRIPTION_CONTACT, SUBSCRIPTION_LIST, SUBSCRIPTION_STATUS,
	SUBSCRIPTION_CONSENT, SUBSCRIPTION_CONSENT_AT, SUBSCRIPTION_REQUESTED_AT, SUBSCRIPTION_REQUEST_KEY
};
enum
{
	SUPPRESSION_ACCOUNT, SUPPRESSION_DIGEST, SUPPRESSION_KIND, SUPPRESSION_LIST, SUPPRESSION_OCCURRED_AT,
	SUPPRESSION_SOURCE, SUPPRESSION_CONTACT, SUPPRESSION_GENERATION_START
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
	CHECKPOINT_ACCOUNT, CHECKPOINT_CONTACT, CHECKPOINT_BEFORE, CHECKPOINT_GENERATION_START, CHECKPOINT_KEPT_AT,
	CHECKPOINT_LATE_SINCE, CHECKPOINT_FACTS
};
enum
{
	EVENT_ACCOUNT, EVENT_CONTACT, EVENT_OCCURRED_AT, EVENT_LIST, EVENT_CAMPAIGN, EVENT_KIND,
	EVENT_RECORDED_AT, EVENT_RETRACTED_AT, EVENT_UNTIL, EVENT_KEY, EVENT_SOURCE, EVENT_EVIDENCE, EVENT_REASON,
	EVENT_REPLY, EVENT_RETRACTION
};

/* What one call works on; all of it lives in one memory context. */
typedef struct CsInstallation
{
	MemoryContext context;
	MemoryContext caller;		/* current when it was opened */
	Oid			schema;
	Oid			owner;			/* of every table; InvalidOid until one is open */
	TimestampTz now;			/* of the clock, when the call began */
	bool		reads_only;		/* set before tables are opened: with locks that a standby has */
	CsTable    *tables[TABLES]; /* as far as opened */
	List	   *opened;			/* these, and partitions of the log */
	struct CsLog *log;			/* log.c */
	EState	   *triggers;		/* for the application's AFTER triggers; NULL until we write */
	struct CsSettings *settings;	/* settings.h */
	List	   *limited;		/* policies of accounts in which `added` made contacts count */
	struct HTAB *counts;		/* what changed, not yet written (counts.c) */
	List	   *pending;		/* contacts that hold an address whose suppressions changed (former_addresses.c) */
	List	   *shown;			/* accounts that row-level security shows to the caller (privileges.c) */
	uint64		locked_settings;	/* groups of accounts whose settings are locked (account_lock.c) */
	int64		key_account;	/* whose digest key is at hand (suppression.c) */
	bytea	   *key;			/* NULL: nobody's */
} CsInstallation;

/*
 * The installation in a schema.  A caller that writes rows ends with
 * cs_end_operation() (contact/operation.h), others with cs_close(); after an
 * error nothing is to be closed.
 */
extern CsInstallation *cs_open(Oid schema);
extern void cs_close(CsInstallation *in);

/*
 * The installation in a schema that SQL names, all of whose tables are there.
 * Raises 42P01 where the schema holds none or a table is missing, and 55000
 * where one is no plain or partitioned table, or belongs to another owner.
 */
extern CsInstallation *cs_open_named(Name schema);

/*
 * A table of the installation, opened with the lock that its use needs.
 * Raises 42P01 where it is missing, 55000 where it is no table or belongs to
 * another owner than the rest.
 */
extern CsTable *cs_table(CsInstallation *in, CsTableId id);

/* The table's OID, without opening it. */
extern Oid	cs_table_oid(CsInstallation *in, CsTableId id);

/* Raises 39P01 where a trigger was fired for a table that is not the installation's of that name, or a partition. */
extern void cs_check_trigger_table(CsInstallation *in, CsTableId id, Relation rel);

/* Does the trigger call a function of ours, and has a table one that does? */
extern bool cs_is_our_trigger(const Trigger *trigger, const char *function);
extern bool cs_has_our_trigger(Relation rel, const char *function);

/* Its index over what identifies a row: the primary key, or one that begins with account_id. */
extern Relation cs_key(CsTable *table);

/* Is the column one of those that identify a row, as the key has them? */
extern bool cs_is_key_column(CsTable *table, AttrNumber column);

/* A valid index of the table that begins with these columns, opened: to be closed with index_close(). */
extern Relation cs_open_index(CsTable *table, const int *columns, int count);

/* Another table with the columns of one of ours: a partition of the log. */
extern CsTable *cs_open_table(CsInstallation *in, CsTableId id, Oid relid);

/* The value of a named column of a row that was read. */
static inline Datum
cs_column(CsTable *table, TupleTableSlot *slot, int column, bool *isnull)
{
	return slot_getattr(slot, table->columns[column], isnull);
}

/* The same of a nullable timestamptz of the row in the table's slot. */
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

	return isnull ? (cs_moment) {0} : (cs_moment) {true, DatumGetTimestampTz(value)};
}

#endif							/* CONTACT_STATUS_INSTALLATION_H */
