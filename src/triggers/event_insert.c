/*
 * event_insert.c
 *		The trigger of the log: applies the events of a statement.
 *
 * It locks each contact in the order of (contact, account), applies its events,
 * replays its log if an event was late, and saves it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "contact/contact.h"
#include "contact/deleted_contact.h"
#include "contact/former_address.h"
#include "contact/limit.h"
#include "contact/merged_contact.h"
#include "contact/operation.h"
#include "rules/rules.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "triggers/event_batch.h"

/*
 * An event about a time before its contact changed its address also affects
 * the contact that holds the old address now.  These holders are found before
 * any contact is locked, so that all contacts are locked in order.
 */
static List *
find_holders(CsInstallation *in, CsBatch *batch)
{
	List	   *holders = NIL;
	const CsLoggedEvent *event;
	CsContactId last = {0};
	bool		any = false;

	if (!batch->has_old_facts)
		return NIL;
	while ((event = cs_next_event(batch)) != NULL)
	{
		CsContactId id = {event->account, event->contact};

		if ((any && cs_compare_contacts(&id, &last) == 0) || !cs_concerns_former_addresses(batch, &event->event))
			continue;
		CHECK_FOR_INTERRUPTS();
		holders = cs_address_holders(in, id.account, id.contact, holders);
		last = id;
		any = true;
	}
	cs_rewind_batch(batch);
	cs_sort_contacts(&holders);
	return holders;
}

/*
 * Lock the holders that precede a contact (NULL: all remaining).  The contact
 * itself is locked with its events.
 */
static void
lock_holders(CsContact *state, List *holders, int *next, const CsContactId *before)
{
	for (; *next < list_length(holders); (*next)++)
	{
		CsContactId *holder = list_nth(holders, *next);
		int			order = before ? cs_compare_contacts(holder, before) : -1;

		if (order > 0)
			return;
		if (order == 0)
			continue;
		cs_lock_contact(state, holder->account, holder->contact);
	}
}

/* ---- the trigger ---- */

/* The contact of the current events of a batch. */
typedef struct Target
{
	bool		any;
	CsContactId id;
	bool		is_deleted;		/* not erased: its events are recorded, for its addresses */
	CsDeletedContact deleted;
	TimestampTz recorded;		/* deleted: when its last event was recorded */
	cs_time		first;			/* deleted: the time of its earliest event */
} Target;

/*
 * Lock the contact of an event, or the row of a deleted contact.  Raises 23503
 * if there is neither.
 */
static void
begin_target(CsInstallation *in, CsContact *state, Target *target, const CsLoggedEvent *event)
{
	*target = (Target) {.any = true, .id = {event->account, event->contact}, .first = event->event.at};
	if (cs_lock_contact(state, event->account, event->contact))
		return;
	cs_check_not_deleted(state, event->account, event->contact);
	target->is_deleted = cs_lock_deleted_contact(in, event->account, event->contact, &target->deleted) &&
		target->deleted.digest != NULL;
	/* while we waited, a contact with this id may have been inserted */
	if (cs_lock_contact(state, event->account, event->contact))
		target->is_deleted = false;
	else if (!target->is_deleted)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("contact %lld of account %lld does not exist",
						(long long) event->contact, (long long) event->account),
				 errdetail("An event \"%s\" was to be recorded of it.", cs_kind_labels[event->event.kind]),
				 errhint("Insert it into table contact first.")));
}

static void
finish_target(CsInstallation *in, CsContact *state, Target *target)
{
	if (!target->any)
		return;
	if (target->is_deleted)
	{
		TimestampTz ended = target->deleted.ended;

		cs_record_of_deleted(state, &target->deleted, target->recorded, target->first);
		if (target->deleted.merged_into.set)
			cs_copy_to_merged(in, state, &target->deleted, ended, target->first);
		return;
	}
	cs_replay_contact(state);
	cs_save_contact(state, in->now);
}

static void
apply_batch(CsInstallation *in, CsBatch *batch)
{
	List	   *holders = find_holders(in, batch);
	CsContact   *state = cs_open_contacts(in);
	const CsLoggedEvent *event;
	Target		target = {0};
	int			next_holder = 0;

	while ((event = cs_next_event(batch)) != NULL)
	{
		if (!target.any || event->contact != target.id.contact || event->account != target.id.account)
		{
			CHECK_FOR_INTERRUPTS();
			finish_target(in, state, &target);
			lock_holders(state, holders, &next_holder, &(CsContactId) {event->account, event->contact});
			begin_target(in, state, &target, event);
		}
		if (target.is_deleted)
			target.recorded = Max(target.recorded, event->recorded);
		else
			cs_contact_apply_event(state, event);
	}
	finish_target(in, state, &target);
	lock_holders(state, holders, &next_holder, NULL);
	cs_close_contacts(state);
	cs_check_limits(in);
}

/*
 * set_event_key(): before an event is inserted.  Replaces a null event_key by
 * the default.  The trigger has no WHEN condition: the server would prepare the
 * condition for each statement, which costs more than this call.
 */
PG_FUNCTION_INFO_V1(cs_set_event_key);
Datum
cs_set_event_key(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	Datum		none;
	bool		isnull = false;
	int			column;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		cs_refuse_protocol("set_event_key", "a BEFORE INSERT row trigger");
	desc = trigger->tg_relation->rd_att;
	column = SPI_fnumber(desc, "event_key");
	if (column <= 0 || !heap_attisnull(trigger->tg_trigtuple, column, desc))
		return PointerGetDatum(trigger->tg_trigtuple);
	none = CStringGetTextDatum("");
	return PointerGetDatum(heap_modify_tuple_by_cols(trigger->tg_trigtuple, desc, 1, &column, &none, &isnull));
}

/*
 * apply_events(): after a statement that inserts events.  Locks their contacts.
 * Events of a deleted contact are recorded; what restricts holds for its
 * addresses.  Events of a merged contact are also recorded for the contact with
 * which it was merged.  Raises the errors of cs_begin_batch() and
 * cs_contact_apply_event(), 23503 for an unknown or erased contact, 40001 for a
 * concurrently deleted one that the transaction's snapshot shows, and 53400
 * over the contact limit.
 */
PG_FUNCTION_INFO_V1(cs_apply_events);
Datum
cs_apply_events(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	CsInstallation *in;
	CsBatch		batch;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) || trigger->tg_newtable == NULL)
		cs_refuse_protocol("apply_events", "an AFTER INSERT statement trigger");
	if (tuplestore_tuple_count(trigger->tg_newtable) == 0)
		return PointerGetDatum(NULL);

	in = cs_begin_trigger(trigger, TABLE_EVENT);
	cs_begin_batch(&batch, in, trigger->tg_relation, trigger->tg_newtable);
	apply_batch(in, &batch);
	cs_end_batch(&batch);
	cs_end_operation(in);
	return PointerGetDatum(NULL);
}
