/*
 * require_mailable.c
 *		require_mailable: refuses messages to contacts that may not be mailed.
 *
 * The trigger uses the status as of the clock, from committed rows.  A
 * statement trigger checks the rows in the order of the contacts' keys.  If a
 * concurrent transaction is changing the facts of a contact, the trigger waits
 * for it, or skips the row.  It locks no contact, so inserts into an outbox do
 * not block events.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "contact/subscription.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/key_lookup.h"
#include "storage/key_walk.h"
#include "storage/privileges.h"
#include "storage/settings.h"
#include "storage/table_scan.h"
#include "triggers/outbox_rows.h"
#include "types/enums.h"
#include "types/errors.h"
#include "types/fact_columns.h"
#include "types/policy.h"

typedef struct Arguments
{
	const char *schema;
	const char *contact_column;
	const char *list_column;	/* NULL: any list */
	const char *account_column; /* NULL: account 1 */
	const char *mark_column;	/* with mark; else NULL */
	bool		skip;
	bool		transactional;	/* the list does not matter */
} Arguments;

/* schema, contact column [, list column [, account column]] [, 'error', 'skip' or 'mark', column] [, 'transactional'] */
static Arguments
read_arguments(const Trigger *trigger)
{
	Arguments	arguments = {0};
	int			count = trigger->tgnargs;
	char	  **given = trigger->tgargs;

	if (count > 2 && strcmp(given[count - 1], "transactional") == 0)
	{
		arguments.transactional = true;
		count--;
	}
	if (count > 3 && strcmp(given[count - 2], "mark") == 0)
	{
		arguments.mark_column = given[count - 1];
		count -= 2;
	}
	else if (count > 2 && (strcmp(given[count - 1], "error") == 0 || strcmp(given[count - 1], "skip") == 0))
		arguments.skip = strcmp(given[--count], "skip") == 0;
	if (count < 2 || count > 4)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" does not give require_mailable the arguments it needs", trigger->tgname),
				 errhint("They are: schema, contact column [, list column [, account column]] [, error, skip, or mark and a column] [, transactional].")));
	arguments.schema = given[0];
	arguments.contact_column = given[1];
	arguments.list_column = count > 2 ? given[2] : NULL;
	arguments.account_column = count > 3 ? given[3] : NULL;
	return arguments;
}

/* ---- lookups ---- */

typedef struct Guard
{
	Arguments	arguments;
	Oid			schema;
	Oid			owner;			/* of the outbox */
	bool		is_exempt;		/* row-level security applies neither to the owner nor to the current user */
	cs_id		shown;			/* else an account that both roles may see */
	CsLookup	contacts;
	CsLookup	subscriptions;
	AttrNumber	facts[FACT_COLUMNS];
	CsOutboxColumns columns;
} Guard;

/*
 * Raises 42501 unless the owner of the outbox may read the contacts.  The
 * trigger shows this owner which contacts may be mailed.
 */
static void
check_owner(Relation outbox, Relation contacts)
{
	AclResult	result = pg_class_aclcheck(RelationGetRelid(contacts), outbox->rd_rel->relowner, ACL_SELECT);

	if (result != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of table \"%s\" may not read the contacts by which require_mailable judges",
						RelationGetRelationName(outbox)),
				 errhint("GRANT SELECT ON contact to the owner of the outbox.")));
}

static Guard *
begin_guard(TriggerData *trigger, MemoryContext context)
{
	Guard	   *guard = MemoryContextAllocZero(context, sizeof(Guard));
	CsInstallation *in;
	CsTable    *contacts,
			   *subscriptions;

	guard->arguments = read_arguments(trigger->tg_trigger);
	guard->schema = get_namespace_oid(guard->arguments.schema, true);
	if (!OidIsValid(guard->schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("trigger \"%s\" of table \"%s\" names schema \"%s\", which does not exist",
						trigger->tg_trigger->tgname, RelationGetRelationName(trigger->tg_relation), guard->arguments.schema),
				 errhint("If the schema was renamed, create the trigger again with its new name.")));
	in = cs_open(guard->schema);
	contacts = cs_table(in, TABLE_CONTACT);
	subscriptions = cs_table(in, TABLE_SUBSCRIPTION);
	check_owner(trigger->tg_relation, contacts->rel);
	guard->owner = trigger->tg_relation->rd_rel->relowner;
	guard->is_exempt = cs_is_exempt(in, GetUserId()) && cs_is_exempt(in, guard->owner);
	memcpy(guard->facts, contacts->facts, sizeof(guard->facts));
	guard->columns = (CsOutboxColumns) {
		.contact = cs_integer_column(trigger->tg_relation, guard->arguments.contact_column),
		.list = cs_integer_column(trigger->tg_relation, guard->arguments.list_column),
		.account = cs_integer_column(trigger->tg_relation, guard->arguments.account_column)
	};
	guard->contacts = cs_begin_lookup(contacts, contacts->facts[FACT_STATUS], contacts->facts[FACT_DUE_AT], context);
	guard->subscriptions = cs_begin_lookup(subscriptions, subscriptions->columns[SUBSCRIPTION_STATUS], 0, context);
	cs_close(in);
	return guard;
}

/*
 * Raises 42501 unless row-level security shows the account to the owner of the
 * outbox and the current user.
 */
static void
check_account(Guard *guard, int64 account)
{
	CsInstallation *in;

	if (guard->is_exempt || (guard->shown.set && guard->shown.id == account))
		return;
	in = cs_open(guard->schema);
	if (!cs_is_account_shown(in, account, GetUserId()) || !cs_is_account_shown(in, account, guard->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for account %lld", (long long) account),
				 errhint("Row-level security of table account must show it to you and to the owner of the outbox.")));
	cs_close(in);
	guard->shown = (cs_id) {true, account};
}

/* Fetch the row of a key by the walk, if there is one.  Returns false if the row has to be looked up otherwise. */
static bool
walk_to(const CsLookup *look, const cs_id *key, int count)
{
	int64		ids[KEY_WALK_COLUMNS];

	for (int i = 0; i < count; i++)
		ids[i] = key[i].id;
	return look->walk != NULL && cs_dirty_walk_to(look->walk, ids, look->slot);
}

static bool
look_up_latest(const CsLookup *look, const cs_id *key, int count)
{
	Snapshot	snapshot;
	bool		found;

	if (walk_to(look, key, count))
		return true;
	snapshot = cs_latest_snapshot();
	found = cs_look_up(look, snapshot, key, count);
	UnregisterSnapshot(snapshot);
	if (found)
		cs_check_shown_row(look);
	return found;
}

/* Before a wait for a transaction or a lock. */
static void
pause_walks(const Guard *guard)
{
	if (guard->contacts.walk != NULL)
		cs_pause_dirty_walk(guard->contacts.walk);
	if (guard->subscriptions.walk != NULL)
		cs_pause_dirty_walk(guard->subscriptions.walk);
}

/*
 * Do two versions of a contact's row have the same facts?  Columns of the
 * application are ignored.
 */
static bool
same_facts(const Guard *guard, HeapTuple committed, TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;

	for (int i = 0; i < FACT_COLUMNS; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, guard->facts[i] - 1);
		bool		isnull[2];
		Datum		values[2] = {
			heap_getattr(committed, guard->facts[i], desc, &isnull[0]),
			slot_getattr(slot, guard->facts[i], &isnull[1])
		};

		if (isnull[0] != isnull[1] ||
			(!isnull[0] && !datum_image_eq(values[0], values[1], column->attbyval, column->attlen)))
			return false;
	}
	return true;
}

/*
 * A running transaction that inserts or deletes a contact, or changes its
 * facts.  Invalid if there is none.  A transaction that only changes columns of
 * the application does not count.  If no transaction is writing the row, the
 * lookup's slot holds it, if it exists.
 */
static TransactionId
find_writer(const Guard *guard, const cs_id *key)
{
	const CsLookup *look = &guard->contacts;
	Relation	table = table_open(look->table, NoLock);
	Relation	index = index_open(look->key, NoLock);
	TransactionId writer = InvalidTransactionId;
	TransactionId deleter = InvalidTransactionId;
	HeapTuple	committed = NULL;
	bool		successor = false;
	ScanKeyData keys[2];
	SnapshotData dirty;
	IndexScanDesc scan;

	/*
	 * A dirty snapshot shows uncommitted row versions and the transactions
	 * that wrote them.  Scan for the committed version first, then for its
	 * successors.
	 */
	InitDirtySnapshot(dirty);
	scan = cs_index_beginscan(table, index, &dirty, 2);
	for (int i = 0; i < 2; i++)
		ScanKeyInit(&keys[i], i + 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key[i].id));
	index_rescan(scan, keys, 2, NULL, 0);
	while (committed == NULL && index_getnext_slot(scan, ForwardScanDirection, look->slot))
	{
		if (TransactionIdIsValid(dirty.xmin))
			writer = dirty.xmin;
		else if (!TransactionIdIsValid(deleter = dirty.xmax))
			break;
		else
			committed = ExecCopySlotHeapTuple(look->slot);
	}
	if (committed != NULL)
	{
		writer = InvalidTransactionId;
		index_rescan(scan, keys, 2, NULL, 0);
		while (!TransactionIdIsValid(writer) && index_getnext_slot(scan, ForwardScanDirection, look->slot))
			if (TransactionIdIsValid(dirty.xmin))
			{
				successor = true;
				if (!same_facts(guard, committed, look->slot))
					writer = dirty.xmin;
			}
		if (!successor)
			writer = deleter;
		ExecClearTuple(look->slot);
	}
	else if (TransactionIdIsValid(writer))
		ExecClearTuple(look->slot);
	index_endscan(scan);
	index_close(index, NoLock);
	table_close(table, NoLock);
	return writer;
}

/*
 * Fetch the committed row of a contact into the lookup's slot.  Waits for
 * transactions that change its facts.  With "skip" it returns false instead of
 * waiting.
 */
static bool
look_up_settled(const Guard *guard, const cs_id *key)
{
	const CsLookup *look = &guard->contacts;

	if (walk_to(look, key, 2))
		return true;
	pause_walks(guard);
	for (;;)
	{
		TransactionId writer = find_writer(guard, key);

		CHECK_FOR_INTERRUPTS();
		if (!TransactionIdIsValid(writer))
		{
			if (!TTS_EMPTY(look->slot) && !IsolationUsesXactSnapshot())
				return true;
			return look_up_latest(look, key, 2);
		}
		if (guard->arguments.skip)
			return false;
		XactLockTableWait(writer, NULL, NULL, XLTW_None);
	}
}

/*
 * The status of a contact that became due after it was stored, computed from
 * its facts, and whether it may receive transactional mail.  Returns false if
 * the contact does not exist or is not on the list.
 */
static bool
compute_status(Guard *guard, int64 account, int64 contact, cs_id list, cs_status *status, bool *deliverable)
{
	CsInstallation *in = cs_open(guard->schema);
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	cs_id		key[2] = {{true, account}, {true, contact}};
	const CsPolicy *policy;
	CsContactRow		facts = {0};
	bool		known;

	pause_walks(guard);
	policy = cs_account_policy(in, account);
	known = policy != NULL && cs_fetch_latest(contacts, key, 2);
	if (known)
	{
		cs_status	address;
		const cs_consent *consent;

		slot_getallattrs(contacts->slot);
		cs_facts_of_values(&facts, contacts->slot->tts_tupleDescriptor, contacts->facts,
						   contacts->slot->tts_values, contacts->slot->tts_isnull);
		cs_load_consents(in, account, contact, &facts.contact);
		address = cs_address_status(&facts.contact, &policy->rules, in->now);
		consent = list.set ? cs_find_consent(&facts.contact, list.id) : NULL;
		*deliverable = cs_is_deliverable(&facts.contact, &policy->rules, policy->complaint_stops_all);
		known = !list.set || consent != NULL;
		if (known)
			*status = list.set ? cs_subscription_status(consent->consent, address) :
				cs_contact_status(&facts.contact, address);
	}
	MemoryContextSwitchTo(caller);
	cs_close(in);
	return known;
}

/*
 * The status of a contact on a list, or its best status without one, as of the
 * clock.  Returns false if there is none, or if a transaction is changing it
 * and rows are to be skipped.
 */
static bool
current_status(Guard *guard, int64 account, int64 contact, cs_id list, cs_status *status)
{
	cs_id		key[3] = {{true, account}, {true, contact}, list};
	const CsLookup *look = &guard->contacts;
	Datum		due,
				stored = (Datum) 0;
	bool		known,
				isnull,
				never,
				deliverable;

	if (!look_up_settled(guard, key))
		return false;
	due = slot_getattr(look->slot, look->due_at, &never);
	if (!never && DatumGetTimestampTz(due) <= GetCurrentTimestamp())
	{
		ExecClearTuple(look->slot);
		return compute_status(guard, account, contact, list, status, &deliverable);
	}
	/*
	 * An event that changes the status writes the contact's row, and
	 * look_up_settled() has waited for it.
	 */
	known = true;
	if (list.set)
	{
		ExecClearTuple(look->slot);
		look = &guard->subscriptions;
		known = look_up_latest(look, key, 3);
	}
	if (known)
	{
		stored = slot_getattr(look->slot, look->status, &isnull);
		*status = cs_status_of_datum(look->status_type, stored);
	}
	ExecClearTuple(look->slot);
	return known;
}

/*
 * May a contact receive transactional mail?  Sets its status, and *known to
 * false if there is no such contact, or if a transaction is changing it and
 * rows are to be skipped.
 */
static bool
is_deliverable(Guard *guard, int64 account, int64 contact, cs_status *status, bool *known)
{
	cs_id		key[2] = {{true, account}, {true, contact}};
	const CsLookup *look = &guard->contacts;
	bool		isnull,
				deliverable = false;

	*known = look_up_settled(guard, key);
	if (!*known)
		return false;
	*status = cs_status_of_datum(look->status_type, slot_getattr(look->slot, look->status, &isnull));
	ExecClearTuple(look->slot);
	/* only statuses from failing on can hide an address that does not work, a complaint or a deletion */
	if (*status < CS_STATUS_FAILING)
		return true;
	*known = compute_status(guard, account, contact, (cs_id) {0}, status, &deliverable);
	return *known && deliverable;
}

/* ---- the trigger ---- */

/*
 * The row with its mark: in a boolean column whether the contact may not be
 * mailed, in a text column why not, or null.  Raises 42703 and 42804 for a
 * wrong column.
 */
static HeapTuple
mark_row(Relation rel, HeapTuple row, const char *name, const char *refusal)
{
	int			column = SPI_fnumber(rel->rd_att, name);
	Oid			type = column > 0 ? TupleDescAttr(rel->rd_att, column - 1)->atttypid : InvalidOid;
	bool		isnull = false;
	Datum		value;

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(rel), name),
				 errhint("After mark, give require_mailable the name of a column of the table.")));
	if (type == BOOLOID)
		value = BoolGetDatum(refusal != NULL);
	else if (type == TEXTOID)
	{
		isnull = refusal == NULL;
		value = isnull ? (Datum) 0 : CStringGetTextDatum(refusal);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" is neither boolean nor text", name, RelationGetRelationName(rel)),
				 errhint("require_mailable marks rows in a column of type boolean or text.")));
	return heap_modify_tuple_by_cols(row, rel->rd_att, 1, &column, &value, &isnull);
}

/*
 * May the recipient be mailed?  Raises 23514 if not, or returns false if rows
 * are to be skipped or marked.  *refusal is why not, or NULL.
 */
static bool
check_recipient(Guard *guard, Relation outbox, const CsRecipient *recipient, const char **refusal)
{
	const Arguments *arguments = &guard->arguments;
	cs_id		account = recipient->account,
				contact = recipient->contact,
				list = recipient->list;
	cs_status	status = CS_STATUS_DELETED;
	bool		known = contact.set && account.set;
	bool		mailable;

	if (account.set)
		check_account(guard, account.id);
	if (arguments->transactional)
		mailable = known && is_deliverable(guard, account.id, contact.id, &status, &known);
	else
	{
		known = known && current_status(guard, account.id, contact.id, list, &status);
		mailable = known && cs_is_mailable(status);
	}
	*refusal = mailable ? NULL : known ? cs_status_labels[status] : "unknown";
	if (mailable || arguments->skip || arguments->mark_column != NULL)
		return mailable;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 cs_errconstraint(CONSTRAINT_MAILABLE),
			 errtable(outbox),
			 contact.set ? errmsg("contact %lld may not be mailed", (long long) contact.id) :
			 errmsg("a message without a contact may not be mailed"),
			 !known ? errdetail("There is no such contact, or it is not on the list.") :
			 list.set && !arguments->transactional ? errdetail("Its status on list %lld is \"%s\".", (long long) list.id, cs_status_labels[status]) :
			 errdetail("Its status is \"%s\".", cs_status_labels[status]),
			 errhint("Take recipients from view %s, or let the trigger skip such rows.",
					 arguments->transactional ? "deliverable" : "mailable")));
}

/* Check the rows of a statement in ascending order of their recipients. */
static void
check_rows(Guard *guard, TriggerData *trigger)
{
	CsDirtyWalk contacts,
				subscriptions;
	CsOutboxRows rows;
	const CsRecipient *recipients;
	const char *refusal;
	int			count;

	/* in REPEATABLE READ and SERIALIZABLE, each row is compared with the transaction's own snapshot */
	if (!IsolationUsesXactSnapshot())
	{
		cs_begin_dirty_walk(&contacts, guard->contacts.table, guard->contacts.key, 2);
		cs_begin_dirty_walk(&subscriptions, guard->subscriptions.table, guard->subscriptions.key, 3);
		guard->contacts.walk = &contacts;
		guard->subscriptions.walk = &subscriptions;
	}
	cs_begin_outbox_rows(&rows, trigger->tg_relation, trigger->tg_newtable, guard->columns);
	while ((recipients = cs_next_recipients(&rows, &count)) != NULL)
		for (int i = 0; i < count; i++)
			(void) check_recipient(guard, trigger->tg_relation, &recipients[i], &refusal);
	cs_end_outbox_rows(&rows);
	if (guard->contacts.walk != NULL)
	{
		cs_end_dirty_walk(&contacts);
		cs_end_dirty_walk(&subscriptions);
		guard->contacts.walk = guard->subscriptions.walk = NULL;
	}
}

/*
 * require_mailable(schema, contact column [, list column [, account column]]
 * [, mode] [, 'transactional']): before a row is inserted or updated, or after a
 * statement that inserts rows.  Mode error raises 23514 for a contact that may
 * not be mailed.  Mode skip skips the row, and mark writes a column of it: both
 * need a row trigger.  Raises 22023, 42703, 42804 and 3F000 for wrong arguments,
 * and 42501 as check_owner() and check_account().
 */
PG_FUNCTION_INFO_V1(cs_require_mailable);
Datum
cs_require_mailable(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	bool		by_row = CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
		TRIGGER_FIRED_BEFORE(trigger->tg_event) && !TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	bool		by_statement = CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) &&
		TRIGGER_FIRED_AFTER(trigger->tg_event) && TRIGGER_FIRED_BY_INSERT(trigger->tg_event) && trigger->tg_newtable;
	Guard	   *guard;
	HeapTuple	row;
	CsRecipient recipient;
	const char *refusal;
	bool		mailable;

	if (!by_row && !by_statement)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("require_mailable must be fired BEFORE INSERT or UPDATE FOR EACH ROW, "
						"or AFTER INSERT FOR EACH STATEMENT with a transition table"),
				 errhint("CREATE TRIGGER ... BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION contact_status.require_mailable('crm', 'contact_id').")));
	guard = fcinfo->flinfo->fn_extra;
	if (guard == NULL)
		guard = fcinfo->flinfo->fn_extra = begin_guard(trigger, fcinfo->flinfo->fn_mcxt);
	if (by_statement)
	{
		if (guard->arguments.skip || guard->arguments.mark_column != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("trigger \"%s\" cannot skip or mark rows that are already inserted", trigger->tg_trigger->tgname),
					 errhint("Create it BEFORE INSERT FOR EACH ROW.")));
		check_rows(guard, trigger);
		return PointerGetDatum(NULL);
	}
	recipient = cs_recipient(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newslot : trigger->tg_trigslot,
							 &guard->columns);
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	mailable = check_recipient(guard, trigger->tg_relation, &recipient, &refusal);
	if (guard->arguments.mark_column != NULL)
		row = mark_row(trigger->tg_relation, row, guard->arguments.mark_column, refusal);
	else if (!mailable)
		row = NULL;
	return PointerGetDatum(row);
}
