/*
 * contact_lock.c
 *		Finds, locks and reads the row of a contact.
 *
 * A contact is locked also for an event that changes nothing: a concurrent
 * transaction may be recording an earlier event, which makes this one matter.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "contact/contact.h"
#include "contact/contact_state.h"
#include "storage/installation.h"
#include "storage/settings.h"
#include "storage/table_scan.h"
#include "types/fact_columns.h"

/*
 * The last command of this transaction that closed a contact state.  A contact
 * that the transaction inserted later has no events that are not applied yet.
 */
static struct
{
	LocalTransactionId transaction;
	CommandId	command;
}			visited;

int
cs_compare_contacts(const CsContactId *a, const CsContactId *b)
{
	if (a->contact != b->contact)
		return a->contact > b->contact ? 1 : -1;
	return (a->account > b->account) - (a->account < b->account);
}

/* ---- locking ---- */

static void
begin_lookup(CsContact *v)
{
	MemoryContext caller = MemoryContextSwitchTo(v->in->context);

	v->lookup_snapshot = cs_latest_snapshot();
	v->lookup = cs_index_beginscan(v->contacts->rel, cs_key(v->contacts), v->lookup_snapshot, 2);
	MemoryContextSwitchTo(caller);
}

static void
end_lookup(CsContact *v)
{
	if (v->lookup == NULL)
		return;
	index_endscan(v->lookup);
	UnregisterSnapshot(v->lookup_snapshot);
	v->lookup = NULL;
}

static bool
look_up(CsContact *v)
{
	/* the scan's allocations must outlive this contact */
	MemoryContext caller = MemoryContextSwitchTo(v->in->context);
	ScanKeyData keys[2];
	bool		found;

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(v->account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(v->contact));
	index_rescan(v->lookup, keys, 2, NULL, 0);
	found = index_getnext_slot(v->lookup, ForwardScanDirection, v->contacts->slot);
	MemoryContextSwitchTo(caller);
	return found;
}

/* Has this transaction inserted this version of the row, after it last closed a contact state? */
static bool
is_new_row(TupleTableSlot *slot)
{
	HeapTupleHeader row;

	if (!TTS_IS_BUFFERTUPLE(slot))
		return false;
	row = ((BufferHeapTupleTableSlot *) slot)->base.tuple->t_data;
	return (row->t_infomask & HEAP_UPDATED) == 0 && (row->t_infomask & HEAP_COMBOCID) == 0 &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row)) &&
		(visited.transaction != cs_local_transaction() || HeapTupleHeaderGetRawCommandId(row) > visited.command);
}

/*
 * Lock the newest version of the contact's row, and copy it into the table's
 * slot.  Returns false if there is no row: a snapshot taken after the last wait
 * shows none.
 */
static bool
lock_contact(CsContact *v)
{
	TupleTableSlot *slot = v->contacts->slot;
	bool		fresh = false;

	for (;;)
	{
		TM_FailureData failure;
		TM_Result	result;

		if (v->lookup == NULL)
		{
			begin_lookup(v);
			fresh = true;
		}
		if (!look_up(v))
		{
			if (fresh)
				return false;
			end_lookup(v);
			continue;
		}

		v->tid = slot->tts_tid;
		v->is_new = is_new_row(slot);
		if (v->is_new)
			return true;
		result = table_tuple_lock(v->contacts->rel, &v->tid, v->lookup_snapshot, slot,
								  GetCurrentCommandId(false), LockTupleNoKeyExclusive, LockWaitBlock,
								  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
		switch (result)
		{
			case TM_Ok:
				v->tid = slot->tts_tid;
				cs_check_shown(v->contacts->rel, slot);
				return true;

			case TM_Updated:
			case TM_Deleted:
			case TM_Invisible:
				/*
				 * deleted, inserted again with the same key while we waited,
				 * or changed by this transaction: look it up again
				 */
				end_lookup(v);
				break;

			case TM_SelfModified:
				ereport(ERROR,
						(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
						 errmsg("contact %lld of account %lld was changed by an operation that the current command triggered",
								(long long) v->contact, (long long) v->account),
						 errhint("Record events in an AFTER trigger instead of a BEFORE trigger.")));
				break;

			default:
				elog(ERROR, "unexpected result %d of locking a contact", result);
		}
	}
}

void
cs_check_not_deleted(CsContact *v, int64 account, int64 contact)
{
	IndexScanDesc scan;
	ScanKeyData keys[2];
	bool		shown;

	if (!IsolationUsesXactSnapshot())
		return;
	scan = cs_index_beginscan(v->contacts->rel, cs_key(v->contacts), GetTransactionSnapshot(), 2);
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(contact));
	index_rescan(scan, keys, 2, NULL, 0);
	shown = index_getnext_slot(scan, ForwardScanDirection, v->contacts->slot);
	index_endscan(scan);
	if (shown)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent delete"),
				 errdetail("Contact %lld of account %lld was deleted.", (long long) contact, (long long) account),
				 errhint("Retry the transaction.")));
}

/* ---- the contact ---- */

/* Reset the state for another contact. */
static void
anonymize_contact(CsContact *v, int64 account, int64 contact)
{
	size_t		lasting = offsetof(CsContact, account);

	/* frees the allocations of the previous contact */
	MemoryContextReset(v->context);
	memset((char *) v + lasting, 0, sizeof(CsContact) - lasting);
	v->account = account;
	v->contact = contact;
	v->policy = cs_account_policy(v->in, account);
	v->generation_start = PG_INT64_MIN;
	v->ended = PG_INT64_MAX;
	v->last = PG_INT64_MIN;
	v->own_since = PG_INT64_MAX;
}

/* Load the facts of the locked row, which is in the table's slot. */
static void
load_facts(CsContact *v)
{
	TupleTableSlot *slot = v->contacts->slot;

	slot_getallattrs(slot);
	cs_facts_of_values(&v->stored, slot->tts_tupleDescriptor, v->contacts->facts,
					   slot->tts_values, slot->tts_isnull);
}

bool
cs_lock_contact(CsContact *v, int64 account, int64 contact)
{
	MemoryContext caller;

	anonymize_contact(v, account, contact);
	if (v->policy == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("account %lld of contact %lld does not exist", (long long) account, (long long) contact),
				 errhint("Insert it into table account first.")));

	if (!lock_contact(v))
		return false;

	/* the transaction that held the lock may have used a later time than ours */
	v->in->now = Max(v->in->now, GetCurrentTimestamp());

	caller = MemoryContextSwitchTo(v->context);
	load_facts(v);
	cs_begin_from_stored(v);
	v->generation_start = cs_time_column(v->contacts, CONTACT_GENERATION_START, PG_INT64_MIN);
	v->address_since = cs_moment_column(v->contacts, CONTACT_ADDRESS_SINCE);
	MemoryContextSwitchTo(caller);
	return true;
}

void
cs_load_deleted_contact(CsContact *v, int64 account, int64 contact, TimestampTz generation_start, TimestampTz ended)
{
	anonymize_contact(v, account, contact);
	v->generation_start = generation_start;
	v->ended = ended;
	v->address_since = (cs_moment) {.set = true, .at = ended};	/* there may be changes */
	v->consents_known = true;
}

TimestampTz
cs_contact_generation_start(CsContact *v)
{
	return v->generation_start;
}

/* ---- the state ---- */

CsContact *
cs_open_contacts(CsInstallation *in)
{
	CsContact   *v = MemoryContextAllocZero(in->context, sizeof(CsContact));

	v->in = in;
	v->contacts = cs_table(in, TABLE_CONTACT);
	v->context = AllocSetContextCreate(in->context, "contact_status contact", ALLOCSET_DEFAULT_SIZES);
	return v;
}

void
cs_close_contacts(CsContact *v)
{
	end_lookup(v);
	visited.transaction = cs_local_transaction();
	visited.command = GetCurrentCommandId(false);
	MemoryContextDelete(v->context);
}
