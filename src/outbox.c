/*
 * outbox.c
 *		require_mailable: no message on a stale status.
 *
 * Judged as of the clock, by what is committed.  Who finds a status that
 * another transaction is changing waits for it; one that begins to change it
 * afterwards comes afterwards.  No lock is kept, so that filling an outbox
 * holds up no events.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "contacts.h"
#include "enums.h"

typedef struct Arguments
{
	const char *schema;
	const char *contact_column;
	const char *list_column;	/* NULL: any list */
	const char *account_column; /* NULL: account 1 */
	bool		skip;
} Arguments;

/* schema, contact column [, list column [, account column]] [, 'error' or 'skip'] */
static Arguments
read_arguments(const Trigger *trigger)
{
	Arguments	arguments = {0};
	int			count = trigger->tgnargs;
	char	  **given = trigger->tgargs;

	if (count > 2 && (strcmp(given[count - 1], "error") == 0 || strcmp(given[count - 1], "skip") == 0))
		arguments.skip = strcmp(given[--count], "skip") == 0;
	if (count < 2 || count > 4)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" does not give require_mailable the arguments it needs", trigger->tgname),
				 errhint("They are: schema, contact column [, list column [, account column]] [, error or skip].")));
	arguments.schema = given[0];
	arguments.contact_column = given[1];
	arguments.list_column = count > 2 ? given[2] : NULL;
	arguments.account_column = count > 3 ? given[3] : NULL;
	return arguments;
}

/* A bigint (or smaller) of the row; not set where the column is null or not asked for. */
static cs_id
id_of_column(Relation rel, HeapTuple row, const char *name)
{
	int			column = name ? SPI_fnumber(rel->rd_att, name) : 0;
	Datum		value;
	bool		isnull;

	if (name == NULL)
		return (cs_id) {0};
	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(rel), name),
				 errhint("Give require_mailable the names of columns of the table.")));
	value = SPI_getbinval(row, rel->rd_att, column, &isnull);
	if (isnull)
		return (cs_id) {0};
	switch (TupleDescAttr(rel->rd_att, column - 1)->atttypid)
	{
		case INT8OID:
			return (cs_id) {true, DatumGetInt64(value)};
		case INT4OID:
			return (cs_id) {true, DatumGetInt32(value)};
		case INT2OID:
			return (cs_id) {true, DatumGetInt16(value)};
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of table \"%s\" is not an integer", name, RelationGetRelationName(rel)),
			 errhint("Give require_mailable columns of type bigint, integer or smallint.")));
}

/*
 * The committed row of a key, into the table's slot; what another transaction
 * is changing is waited for.
 */
static bool
fetch_settled(CsTable *table, const cs_id *key, int count)
{
	for (;;)
	{
		SnapshotData dirty;
		CsKeyScan	scan;
		bool		found;
		TransactionId wait_for = InvalidTransactionId;

		InitDirtySnapshot(dirty);
		cs_begin_scan(&scan, table, &dirty, key, count, NULL);
		/* being inserted, or being updated or deleted, by somebody else? */
		found = cs_next_row(&scan);
		if (found)
			wait_for = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
		cs_end_scan(&scan);
		if (TransactionIdIsValid(wait_for))
			XactLockTableWait(wait_for, NULL, NULL, XLTW_None);
		else if (found)
		{
			cs_check_shown(table, table->slot);
			return true;
		}
		else if (!cs_fetch_latest(table, key, count))
			return false;
		/* else its versions changed place while we looked: look again */
		CHECK_FOR_INTERRUPTS();
	}
}

/* The status of a contact, on a list or at best, as of the clock; false: there is none. */
static bool
current_status(CsInstallation *in, int64 account, int64 contact, cs_id list, cs_status *status)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	TupleTableSlot *slot = contacts->slot;
	cs_id		key[3] = {{true, account}, {true, contact}, list};
	CsFacts		facts = {0};
	const CsPolicy *policy = cs_account_policy(in, account);
	cs_status	address;
	CsTable    *subscriptions;
	Oid			status_type;
	bool		is_due;
	bool		isnull;

	if (policy == NULL || !fetch_settled(contacts, key, 2))
		return false;
	slot_getallattrs(slot);
	cs_facts_of_values(&facts, slot->tts_tupleDescriptor, contacts->facts, slot->tts_values, slot->tts_isnull);
	is_due = facts.due.set && facts.due.at <= in->now;
	if (!list.set && !is_due)
	{
		*status = facts.status;
		return true;
	}

	/* an event writes the contact's row before its transaction ends: that one was waited for */
	address = cs_address_status(&facts.contact, &policy->rules, in->now);
	subscriptions = cs_table(in, TABLE_SUBSCRIPTION);
	status_type = TupleDescAttr(subscriptions->rel->rd_att,
								subscriptions->columns[SUBSCRIPTION_CONSENT] - 1)->atttypid;
	if (list.set)
	{
		if (!cs_fetch_latest(subscriptions, key, 3))
			return false;
		*status = cs_subscription_status(cs_status_of_datum(status_type,
															cs_column(subscriptions, subscriptions->slot, SUBSCRIPTION_CONSENT, &isnull)),
										 address);
	}
	else
	{
		cs_load_consents(in, account, contact, &facts.contact);
		*status = cs_contact_status(&facts.contact, address);
	}
	return true;
}

PG_FUNCTION_INFO_V1(cs_require_mailable);
Datum
cs_require_mailable(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Arguments	arguments;
	CsInstallation *in;
	MemoryContext caller;
	HeapTuple	row;
	cs_id		account,
				contact,
				list;
	cs_status	status = CS_STATUS_DELETED;
	bool		known;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("require_mailable must be fired BEFORE INSERT or UPDATE FOR EACH ROW"),
				 errhint("CREATE TRIGGER ... BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id').")));

	arguments = read_arguments(trigger->tg_trigger);
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	contact = id_of_column(trigger->tg_relation, row, arguments.contact_column);
	list = id_of_column(trigger->tg_relation, row, arguments.list_column);
	account = id_of_column(trigger->tg_relation, row, arguments.account_column);
	if (arguments.account_column == NULL)
		account = (cs_id) {true, 1};

	in = cs_open(get_namespace_oid(arguments.schema, false));
	caller = MemoryContextSwitchTo(in->context);
	known = contact.set && account.set && current_status(in, account.id, contact.id, list, &status);
	MemoryContextSwitchTo(caller);
	cs_close(in);

	if (known && cs_is_mailable(status))
		return PointerGetDatum(row);
	if (arguments.skip)
		return PointerGetDatum(NULL);
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 cs_errconstraint(CONSTRAINT_MAILABLE),
			 errtable(trigger->tg_relation),
			 contact.set ? errmsg("contact %lld may not be mailed", (long long) contact.id) :
			 errmsg("a message without a contact may not be mailed"),
			 !known ? errdetail("There is no such contact, or it is not on the list.") :
			 list.set ? errdetail("Its status on list %lld is \"%s\".", (long long) list.id, cs_status_labels[status]) :
			 errdetail("Its status is \"%s\".", cs_status_labels[status]),
			 errhint("Take recipients from view mailable, or let the trigger skip such rows.")));
}
