/*
 * suppress_former.c
 *		Suppressions of the addresses that a contact no longer has: its former
 *		addresses, and the last address of a deleted contact.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/bufmgr.h"

#include "contact/contact.h"
#include "contact/contact_state.h"
#include "contact/deleted_contact.h"
#include "contact/former_address.h"
#include "rules/rules.h"
#include "storage/checkpoint.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "types/fact_columns.h"

/* ---- former addresses ---- */

/*
 * Store the suppressions that follow from the events dated up to a change of
 * the address, whenever they were recorded, under the former address.  If they
 * changed, the address's holder receives them when the call ends.
 */
static void
suppress_address_before(CsContact *v, cs_time change, bytea *digest, cs_id holder)
{
	CsContactRow		said;

	if (cs_horizon_checkpoint(v)->set && change < v->horizon.before)
		return;					/* the log before the horizon need not be complete */
	said = cs_facts_at_change(v, change);
	if (cs_replace_suppressed_facts(v->in, v->account, v->contact, v->generation_start, &said.contact, digest, true))
		cs_note_pending_address(v->in, v->account, holder, digest);
}

void
cs_suppress_former_addresses(CsContact *v)
{
	CsTable    *table = cs_table(v->in, TABLE_ADDRESS_CHANGE);
	cs_id		key[2] = {{true, v->account}, {true, v->contact}};
	CsKeyScan	scan;
	bool		isnull;

	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		cs_time		change = cs_moment_column(table, CHANGE_CHANGED_AT).at;
		Datum		holder;

		if (change <= v->generation_start || change > v->ended)
			continue;			/* of another contact with the same id */

		/*
		 * a contact that takes the address waits for this lock, or has set
		 * itself as holder before
		 */
		cs_lock_row(table, &table->slot->tts_tid, LockTupleNoKeyExclusive);
		holder = cs_column(table, table->slot, CHANGE_HOLDER, &isnull);
		suppress_address_before(v, change,
								DatumGetByteaPCopy(cs_column(table, table->slot, CHANGE_OLD_DIGEST, &(bool) {false})),
								cs_id_of_datum(holder, isnull));
	}
	cs_end_scan(&scan);
}

/* ---- deleted contacts ---- */

bool
cs_lock_deleted_contact(CsInstallation *in, int64 account, int64 contact, CsDeletedContact *deleted)
{
	CsTable    *table = cs_table(in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, account}, {true, contact}};
	Datum		value;
	bool		isnull;

	if (!cs_fetch_latest(table, key, 2) ||
		!cs_lock_row_if_there(table, &table->slot->tts_tid, LockTupleNoKeyExclusive))
		return false;
	memset(deleted, 0, sizeof(*deleted));
	deleted->account = account;
	deleted->contact = contact;
	deleted->generation_start = cs_time_column(table, DELETED_GENERATION_START, PG_INT64_MIN);
	deleted->ended = cs_time_column(table, DELETED_ENDED_AT, PG_INT64_MAX);
	value = cs_column(table, table->slot, DELETED_HOLDER, &isnull);
	deleted->holder = cs_id_of_datum(value, isnull);
	value = cs_column(table, table->slot, DELETED_MERGED_INTO, &isnull);
	deleted->merged_into = cs_id_of_datum(value, isnull);
	deleted->merged_at = cs_time_column(table, DELETED_MERGED_AT, PG_INT64_MIN);
	value = cs_column(table, table->slot, DELETED_DIGEST, &isnull);
	deleted->digest = isnull ? NULL : DatumGetByteaPCopy(value);
	return true;
}

void
cs_suppress_deleted_contact(CsContact *v, const CsDeletedContact *deleted)
{
	CsInstallation *in = v->in;
	MemoryContext caller;
	const cs_facts *facts;

	if (deleted->digest == NULL)
		return;
	facts = cs_deleted_contact_facts(v, deleted->account, deleted->contact, deleted->generation_start, deleted->ended);
	caller = MemoryContextSwitchTo(v->context);
	cs_suppress_former_addresses(v);
	if (cs_replace_suppressed_facts(in, deleted->account, deleted->contact, deleted->generation_start, facts,
									deleted->digest, true))
		cs_note_pending_address(in, deleted->account, deleted->holder, deleted->digest);
	MemoryContextSwitchTo(caller);
}

void
cs_record_of_deleted(CsContact *v, CsDeletedContact *deleted, TimestampTz recorded, cs_time first)
{
	CsTable    *table = cs_table(v->in, TABLE_DELETED_CONTACT);
	cs_id		key[2] = {{true, deleted->account}, {true, deleted->contact}};
	MemoryContext caller;
	Datum	   *values;
	bool	   *nulls;

	cs_load_deleted_contact(v, deleted->account, deleted->contact, deleted->generation_start, deleted->ended);
	caller = MemoryContextSwitchTo(v->context);
	if (v->policy->horizon.set && first < v->policy->horizon.at)
	{
		cs_store_horizon_checkpoint(v, deleted->ended, &first);
		cs_horizon_checkpoint(v);
		cs_note_late(v->in, &v->horizon, first);
		CommandCounterIncrement();
	}
	/* the events belong to this generation: it ends after them */
	deleted->ended = Max(deleted->ended, recorded);
	if (cs_fetch_latest(table, key, 2))
	{
		cs_copy_row(table, &values, &nulls);
		CS_SET(table, DELETED_ENDED_AT, TimestampTzGetDatum(deleted->ended), false);
		cs_update_row(v->in, table, &table->slot->tts_tid, values, nulls);
		CommandCounterIncrement();
	}
	MemoryContextSwitchTo(caller);
	cs_suppress_deleted_contact(v, deleted);
}
