/*
 * tables.h
 *		The tables of an installation: reading by key and writing rows.
 *
 * One rule for reading: whatever is read after a lock is read with the latest
 * snapshot; and where the transaction has a snapshot of its own (REPEATABLE
 * READ, SERIALIZABLE), a row that this one does not show raises 40001.
 */
#ifndef CONTACT_STATUS_TABLES_H
#define CONTACT_STATUS_TABLES_H

#include "access/genam.h"
#include "access/tableam.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#include "machine.h"

/* contact_status.normalize_address (vocabulary.c) */
extern Datum cs_normalize_address(PG_FUNCTION_ARGS);

/* Constraint names and SQLSTATEs are those of DESIGN.md, section 7. */
#define CONSTRAINT_DERIVED	"contact_status_derived"
#define CONSTRAINT_EVENT	"contact_status_event"
#define CONSTRAINT_OPT_OUT	"contact_status_opt_out"
#define CONSTRAINT_COMPLAINT	"contact_status_complaint"
#define CONSTRAINT_MAILABLE	"contact_status_mailable"
#define CONSTRAINT_LIMIT	"contact_status_limit"
#define cs_errconstraint(name) err_generic_string(PG_DIAG_CONSTRAINT_NAME, name)

typedef enum CsTableId
{
	TABLE_POLICY,
	TABLE_ACCOUNT,
	TABLE_LIST,
	TABLE_CONSENT_SETTING,
	TABLE_CONTACT,
	TABLE_FORMER_CONTACT,
	TABLE_SUBSCRIPTION,
	TABLE_SUPPRESSION,
	TABLE_ACCOUNT_KEY,
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
	SETTING_UNSUBSCRIBE_SCOPE, SETTING_RESUBSCRIBE
};
enum
{
	CONTACT_ACCOUNT, CONTACT_ID, CONTACT_EMAIL, CONTACT_BEGINS_AFTER, CONTACT_ADDRESS_SINCE
};
enum
{
	FORMER_ACCOUNT, FORMER_CONTACT, FORMER_ENDED_AT, FORMER_BEGAN_AFTER, FORMER_DIGEST, FORMER_HOLDER
};
enum
{
	SUBSCRIPTION_ACCOUNT, SUBSCRIPTION_CONTACT, SUBSCRIPTION_LIST, SUBSCRIPTION_STATUS,
	SUBSCRIPTION_CONSENT, SUBSCRIPTION_CONSENT_AT, SUBSCRIPTION_REQUESTED_AT, SUBSCRIPTION_REQUEST_KEY
};
enum
{
	SUPPRESSION_ACCOUNT, SUPPRESSION_DIGEST, SUPPRESSION_KIND, SUPPRESSION_LIST, SUPPRESSION_OCCURRED_AT,
	SUPPRESSION_SOURCE, SUPPRESSION_CONTACT, SUPPRESSION_BEGAN_AFTER
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
	CHECKPOINT_ACCOUNT, CHECKPOINT_CONTACT, CHECKPOINT_BEFORE, CHECKPOINT_BEGAN_AFTER, CHECKPOINT_KEPT_AT,
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
 * The installation in a schema.  Ends with cs_close, which fires what triggers
 * of the application wait for our writes; on an error nothing needs closing.
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

/* The elements of a bigint[] without nulls (22004) that SQL gave; returns how many. */
extern int	cs_bigints_argument(Datum array, Datum **values);

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

/* Snapshots: registered; the caller unregisters them. */
extern Snapshot cs_latest_snapshot(void);

/* Raises 40001 where the transaction's own snapshot does not show the row. */
extern void cs_check_shown(Relation rel, TupleTableSlot *slot);

/*
 * Scan the key from its first columns on, by the latest snapshot.  Values for the leading columns are
 * compared for equality; a null matches null.  The time, if given, is the lower
 * bound of the column behind them.
 */
typedef struct CsKeyScan
{
	CsTable    *table;
	IndexScanDesc scan;
	Snapshot	snapshot;
	int			count;			/* of keys */
} CsKeyScan;

extern void cs_begin_scan(CsKeyScan *scan, CsTable *table, const cs_id *leading, int count, const cs_time *from);
extern bool cs_next_row(CsKeyScan *scan);	/* into table->slot */
extern bool cs_next_entry(CsKeyScan *scan); /* an index entry, of whatever row */
extern void cs_end_scan(CsKeyScan *scan);

/*
 * Lock the newest version of a row that only we delete, into the table's slot;
 * waits for whoever is writing it.
 */
extern void cs_lock_row(CsTable *table, ItemPointer tid, LockTupleMode mode);

/* The same of a row that others may delete: false where it is gone. */
extern bool cs_lock_row_if_there(CsTable *table, ItemPointer tid, LockTupleMode mode);

/*
 * Is somebody else writing a row with these keys of an index, or its end?  Uses
 * the slot.  Such a look can miss a committed row that moves meanwhile, so who
 * wants all looks once more, with the latest snapshot.
 */
extern bool cs_is_written(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot);

/*
 * Waits until nobody is: whatever the latest snapshot shows afterwards is
 * final.  Returns false where it will show nothing.
 */
extern bool cs_wait_for_writers(Relation rel, Relation index, ScanKeyData *keys, int count, TupleTableSlot *slot);

/* The one row of a key that is latest, into table->slot; checked with cs_check_shown. */
extern bool cs_fetch_latest(CsTable *table, const cs_id *key, int count);

/*
 * Write rows as the executor would, with the application's triggers, CHECKs,
 * generated columns and foreign keys, but past our own guards and past
 * privileges and row-level security: as derived columns are nobody's to write.
 * Raise what those raise, and 23514 contact_status_derived where a trigger of
 * the application changes or drops what we write.
 */
extern void cs_row_defaults(CsInstallation *in, CsTable *table, Datum *values, bool *nulls);	/* of a new row */
extern void cs_new_row(CsInstallation *in, CsTable *table, Datum **values, bool **nulls);	/* the same, allocated */
#define CS_SET(table, column, value, isnull) \
	(values[(table)->columns[column] - 1] = (value), nulls[(table)->columns[column] - 1] = (isnull))
extern void cs_copy_row(CsTable *table, Datum **values, bool **nulls);	/* of the row in the table's slot */
extern void cs_insert_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls);

/* The same, unless a row of its key is there, or others are writing one: false, and nothing done. */
extern bool cs_insert_new_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls);
extern void cs_update_row(CsInstallation *in, CsTable *table, ItemPointer tid, const Datum *values, const bool *nulls);
extern void cs_delete_row(CsInstallation *in, CsTable *table, ItemPointer tid);

/* The same, unless others have written the row or are writing it: false, and nothing done. */
extern bool cs_try_delete_row(CsInstallation *in, CsTable *table, ItemPointer tid);

#endif							/* CONTACT_STATUS_TABLES_H */
