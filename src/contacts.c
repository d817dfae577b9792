/*
 * contacts.c
 *		One contact at a time: lock it, bring it up to date, save it.
 *
 * The row of a contact holds the facts after its last event that changed one,
 * and that event's time.  Events of a later time start from there; those that
 * change nothing need no look into the log, and nothing is written for them.
 * Where one changes a fact, what the log already holds from its time on is
 * folded again; where one comes late, the log from the last checkpoint before it is.
 *
 * Every visited contact is locked, also where nothing changes: an event that
 * changes nothing now may matter to an earlier one that is being recorded.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "checkpoints.h"
#include "compat.h"
#include "contacts.h"
#include "counts.h"
#include "enums.h"
#include "suppression.h"

/* A row of subscription as it was found. */
typedef struct StoredSubscription
{
	ItemPointerData tid;
	Datum	   *values;
	bool	   *nulls;
	int64		list;
	cs_status	status;
} StoredSubscription;

typedef enum Progress
{
	UNCHANGED,					/* no event changed a fact so far */
	CHANGED,					/* one did: the log is to be looked at from its time on */
	ANEW						/* the log is to be folded from its beginning */
} Progress;

/* The last visits of this transaction: contacts that it inserted since have no event that we do not know. */
static struct
{
	LocalTransactionId transaction;
	CommandId	command;
}			visited;

struct CsVisits
{
	CsInstallation *in;
	CsTable    *contacts;
	IndexScanDesc lookup;		/* of contacts by key; NULL until begun */
	Snapshot	lookup_snapshot;
	MemoryContext context;		/* of the contact that is being visited */

	/* the contact */
	int64		account;
	int64		contact;
	ItemPointerData tid;
	bool		is_new;			/* inserted since by this transaction, so that nobody else knows it */
	const CsPolicy *policy;
	TimestampTz begins_after;	/* or PG_INT64_MIN */
	bool		begins_anew;	/* begins_after is to be written */
	cs_moment	address_since;
	bool		address_anew;	/* address_since is to be written */
	CsFacts		stored;			/* as in the row */
	cs_contact	facts;			/* as they become */
	cs_moment	changed;

	CsCheckpoint horizon;		/* once it is known; set where the contact has one */
	bool		horizon_known;
	cs_moment	late_from;		/* time of the earliest event that came late */

	Progress	progress;
	cs_time		from;			/* time of the first event that changed a fact */
	int64		own;			/* events added from that time on */
	cs_time		last;			/* time of the last event added, */
	int64		at_last;		/* and how many were of that time */

	cs_consent *added;			/* by `added` events: list and time of each */
	int			added_count;
	int			added_space;

	bool		consents_known;
	StoredSubscription *subscriptions;	/* by list, ascending */
	int			subscription_count;
};

CsVisits *
cs_begin_visits(CsInstallation *in)
{
	CsVisits   *v = MemoryContextAllocZero(in->context, sizeof(CsVisits));

	v->in = in;
	v->contacts = cs_table(in, TABLE_CONTACT);
	v->context = AllocSetContextCreate(in->context, "contact_status contact", ALLOCSET_DEFAULT_SIZES);
	return v;
}

static void
end_lookup(CsVisits *v)
{
	if (v->lookup == NULL)
		return;
	index_endscan(v->lookup);
	UnregisterSnapshot(v->lookup_snapshot);
	v->lookup = NULL;
}

void
cs_end_visits(CsVisits *v)
{
	end_lookup(v);
	visited.transaction = cs_local_transaction();
	visited.command = GetCurrentCommandId(false);
	MemoryContextDelete(v->context);
}

/* ---- reading ---- */

/* Load the facts of the locked row, which stands in the table's slot. */
static void
load_facts(CsVisits *v)
{
	TupleTableSlot *slot = v->contacts->slot;

	slot_getallattrs(slot);
	cs_facts_of_values(&v->stored, slot->tts_tupleDescriptor, v->contacts->facts,
					   slot->tts_values, slot->tts_isnull);
}

/* Start over from the facts as stored. */
static void
begin_from_stored(CsVisits *v)
{
	cs_copy(&v->facts, &v->stored.contact);
	v->changed = v->stored.changed;
}

static void
copy_columns(StoredSubscription *s, TupleTableSlot *slot)
{
	int			natts = slot->tts_tupleDescriptor->natts;

	s->tid = slot->tts_tid;
	slot_getallattrs(slot);
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(slot->tts_tupleDescriptor, i);

		s->nulls[i] = slot->tts_isnull[i];
		s->values[i] = s->nulls[i] ? (Datum) 0 :
			datumCopy(slot->tts_values[i], column->attbyval, column->attlen);
	}
}

/* The application may be updating columns of its own: then wait, and take them over. */
static void
lock_subscription(CsTable *table, StoredSubscription *s, LockTupleMode mode)
{
	cs_lock_row(table, &s->tid, mode);
	copy_columns(s, table->slot);
}

/* Read the contact's subscriptions, as they are behind the lock. */
static void
load_subscriptions(CsVisits *v)
{
	CsTable    *table = cs_table(v->in, TABLE_SUBSCRIPTION);
	TupleTableSlot *slot = table->slot;
	int			natts = slot->tts_tupleDescriptor->natts;
	cs_id		key[2] = {{true, v->account}, {true, v->contact}};
	int			space = 4;
	CsKeyScan	scan;

	v->subscriptions = palloc(space * sizeof(StoredSubscription));
	v->subscription_count = 0;
	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		StoredSubscription *s;
		cs_consent *consent;
		Oid			status_type = TupleDescAttr(slot->tts_tupleDescriptor,
												table->columns[SUBSCRIPTION_STATUS] - 1)->atttypid;

		if (v->subscription_count == space)
		{
			space *= 2;
			v->subscriptions = repalloc(v->subscriptions, space * sizeof(StoredSubscription));
		}
		s = &v->subscriptions[v->subscription_count++];
		s->values = palloc(natts * sizeof(Datum));
		s->nulls = palloc(natts * sizeof(bool));
		copy_columns(s, slot);
#define VALUE(column) s->values[table->columns[column] - 1]
#define ISNULL(column) s->nulls[table->columns[column] - 1]
		s->list = DatumGetInt64(VALUE(SUBSCRIPTION_LIST));
		s->status = cs_status_of_datum(status_type, VALUE(SUBSCRIPTION_STATUS));
		consent = cs_load_consent(&v->stored.contact, s->list,
								  cs_status_of_datum(status_type, VALUE(SUBSCRIPTION_CONSENT)),
								  DatumGetTimestampTz(VALUE(SUBSCRIPTION_CONSENT_AT)));
		if (!ISNULL(SUBSCRIPTION_REQUESTED_AT))
		{
			text	   *request_key = ISNULL(SUBSCRIPTION_REQUEST_KEY) ? cstring_to_text("") :
				DatumGetTextPP(VALUE(SUBSCRIPTION_REQUEST_KEY));

			cs_load_request(consent, DatumGetTimestampTz(VALUE(SUBSCRIPTION_REQUESTED_AT)),
							VARDATA_ANY(request_key), VARSIZE_ANY_EXHDR(request_key));
		}
#undef ISNULL
#undef VALUE
	}
	cs_end_scan(&scan);
	v->consents_known = true;
}

void
cs_load_consents(CsInstallation *in, int64 account, int64 contact, cs_contact *facts)
{
	CsTable    *table = cs_table(in, TABLE_SUBSCRIPTION);
	Oid			status_type = TupleDescAttr(table->rel->rd_att, table->columns[SUBSCRIPTION_CONSENT] - 1)->atttypid;
	cs_id		key[2] = {{true, account}, {true, contact}};
	CsKeyScan	scan;
	bool		isnull;

	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
		cs_load_consent(facts, DatumGetInt64(cs_column(table, table->slot, SUBSCRIPTION_LIST, &isnull)),
						cs_status_of_datum(status_type, cs_column(table, table->slot, SUBSCRIPTION_CONSENT, &isnull)),
						DatumGetTimestampTz(cs_column(table, table->slot, SUBSCRIPTION_CONSENT_AT, &isnull)));
	cs_end_scan(&scan);
}

/* From here on the facts include consents. */
static void
need_consents(CsVisits *v)
{
	if (v->consents_known)
		return;
	if (v->progress != ANEW && !v->stored.changed.set)
	{
		/* nothing is known of it yet, so it is on no list */
		v->consents_known = true;
		return;
	}
	load_subscriptions(v);
	if (v->progress != ANEW)
		for (int i = 0; i < v->stored.contact.consent_count; i++)
		{
			const cs_consent *s = &v->stored.contact.consents[i];
			cs_consent *copy = cs_load_consent(&v->facts, s->list, s->consent, s->at);

			if (s->requested.set)
				cs_load_request(copy, s->requested.at, s->key, s->key_size);
		}
}

/* ---- locking ---- */

static void
begin_lookup(CsVisits *v)
{
	v->lookup_snapshot = cs_latest_snapshot();
	v->lookup = cs_index_beginscan(v->contacts->rel, cs_key(v->contacts), v->lookup_snapshot, 2);
}

static bool
look_up(CsVisits *v)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(v->account));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(v->contact));
	index_rescan(v->lookup, keys, 2, NULL, 0);
	return index_getnext_slot(v->lookup, ForwardScanDirection, v->contacts->slot);
}

/* Has this transaction inserted the row that stands in the slot, as it is, after all its visits? */
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
 * Lock the newest version of the contact's row, into the table's slot.  False
 * where there is none: then a snapshot taken after the last wait showed none.
 */
static bool
lock_contact(CsVisits *v)
{
	TupleTableSlot *slot = v->contacts->slot;
	bool		fresh = false;

	for (;;)
	{
		TM_FailureData failure;
		TM_Result	result;

		if (v->lookup == NULL)
		{
			MemoryContext caller = MemoryContextSwitchTo(v->in->context);

			begin_lookup(v);
			MemoryContextSwitchTo(caller);
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
				/* gone, given back under the same key while we waited, or changed by ourselves */
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

/* Begin with a contact of which nothing is known yet. */
static void
forget_contact(CsVisits *v, int64 account, int64 contact)
{
	v->account = account;
	v->contact = contact;
	v->policy = cs_account_policy(v->in, account);

	/* what an earlier visit allocated goes with its context */
	MemoryContextReset(v->context);
	memset(&v->stored, 0, sizeof(v->stored));
	memset(&v->facts, 0, sizeof(v->facts));
	v->changed = (cs_moment) {0};
	v->is_new = false;
	v->begins_after = PG_INT64_MIN;
	v->begins_anew = false;
	v->address_since = (cs_moment) {0};
	v->address_anew = false;
	memset(&v->horizon, 0, sizeof(v->horizon));
	v->horizon_known = false;
	v->late_from = (cs_moment) {0};
	v->progress = UNCHANGED;
	v->own = 0;
	v->last = PG_INT64_MIN;
	v->at_last = 0;
	v->added = NULL;
	v->added_count = v->added_space = 0;
	v->consents_known = false;
	v->subscriptions = NULL;
	v->subscription_count = 0;
}

bool
cs_visit(CsVisits *v, int64 account, int64 contact)
{
	MemoryContext caller;

	forget_contact(v, account, contact);
	if (v->policy == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("account %lld of contact %lld does not exist", (long long) account, (long long) contact),
				 errhint("Insert it into table account first.")));

	if (!lock_contact(v))
		return false;

	/* who held the lock may have judged as of a later moment than ours was */
	v->in->now = Max(v->in->now, GetCurrentTimestamp());

	caller = MemoryContextSwitchTo(v->context);
	load_facts(v);
	begin_from_stored(v);
	v->begins_after = cs_time_column(v->contacts, CONTACT_BEGINS_AFTER, PG_INT64_MIN);
	v->address_since = cs_moment_column(v->contacts, CONTACT_ADDRESS_SINCE);
	MemoryContextSwitchTo(caller);
	return true;
}

/* ---- the events ---- */

/* Apply an event of the log; returns whether it changed a fact. */
static bool
apply(CsVisits *v, CsLoggedEvent *logged)
{
	if (cs_touches_consent(logged->event.kind))
		need_consents(v);
	if (cs_judges_consent(logged->event.kind))
		logged->event.rules = cs_consent_rules_at(v->in, v->account, logged->event.list, logged->recorded);
	if (!cs_apply(&v->facts, &v->policy->rules, &logged->event))
		return false;
	v->changed = (cs_moment) {true, logged->event.at};
	return true;
}

/* ---- the fold ---- */

/* What of the log is folded. */
typedef struct Span
{
	const cs_time *from;		/* NULL: from the checkpoint on */
	cs_time		before;			/* CS_NEVER: to the end */
	TimestampTz recorded_until; /* later ones are left out */
	bool		with_addresses; /* changes of the address count */
	List	  **checkpoints;	/* if given: what would save reading the log again */
} Span;

#define ALL ((Span) {.before = CS_NEVER, .recorded_until = PG_INT64_MAX, .with_addresses = true})

/* How many events apart checkpoints are: about a millisecond. */
#define CHECKPOINT_EVENTS 1000

static CsLife
life_of(const CsVisits *v)
{
	return (CsLife) {v->account, v->contact, v->begins_after};
}

static const CsCheckpoint *
need_horizon(CsVisits *v)
{
	CsLife		life = life_of(v);

	if (!v->horizon_known && v->policy->horizon.set)
		v->horizon = cs_fetch_checkpoint(v->in, &life, NULL);
	v->horizon_known = true;
	return &v->horizon;
}

static void
begin_from_checkpoint(CsVisits *v, const CsCheckpoint *base)
{
	cs_clear(&v->facts);
	v->changed = (cs_moment) {0};
	if (base->set)
	{
		cs_copy(&v->facts, &base->facts.contact);
		v->changed = base->facts.changed;
	}
}

/* When the contact changed its address, in order; how often is returned. */
static int
load_address_changes(CsVisits *v, cs_time **changes)
{
	cs_id		key[2] = {{true, v->account}, {true, v->contact}};
	int			count = 0,
				space = 4;
	CsTable    *table;
	CsKeyScan	scan;
	bool		isnull;

	if (!v->address_since.set)
		return 0;
	table = cs_table(v->in, TABLE_ADDRESS_CHANGE);
	*changes = palloc(space * sizeof(cs_time));
	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		if (count == space)
			*changes = repalloc(*changes, (space *= 2) * sizeof(cs_time));
		(*changes)[count++] = DatumGetTimestampTz(cs_column(table, table->slot, CHANGE_CHANGED_AT, &isnull));
	}
	cs_end_scan(&scan);
	return count;
}

static void
change_address(CsVisits *v, cs_time at)
{
	cs_change_address(&v->facts);
	v->changed = (cs_moment) {true, at};
}

static void
note_checkpoint(CsVisits *v, cs_time before, List **checkpoints)
{
	CsCheckpoint *checkpoint = palloc0(sizeof(CsCheckpoint));

	checkpoint->set = true;
	checkpoint->before = before;
	checkpoint->facts.changed = v->changed;
	cs_copy(&checkpoint->facts.contact, &v->facts);
	*checkpoints = lappend(*checkpoints, checkpoint);
}

/* Does the event count, and when?  What the checkpoint holds does not, and what is older came at its moment. */
static bool
counts(const CsVisits *v, const CsCheckpoint *base, TimestampTz recorded_until, CsLoggedEvent *event)
{
	if (event->retracted || event->recorded <= v->begins_after || event->recorded > recorded_until)
		return false;
	if (!base->set || event->event.at >= base->before)
		return true;
	event->event.at = base->before;
	return base->kept.set && event->recorded > base->kept.at;
}

/* Apply what the log holds, after a checkpoint (which may be none). */
static void
fold_log(CsVisits *v, const CsCheckpoint *base, Span span)
{
	cs_time		from = base->late_since.set ? Min(base->late_since.at, base->before) : base->before;
	cs_time		last = PG_INT64_MIN;
	cs_time    *changes = NULL;
	int			count = span.with_addresses ? load_address_changes(v, &changes) : 0;
	int			next = 0;
	int			since = 0;
	CsLogScan	scan;
	CsLoggedEvent event;

	/* a change of the address is a fact: those before are in the facts to begin with */
	while (next < count && ((span.from && changes[next] < *span.from) || (base->set && changes[next] < base->before)))
		next++;
	cs_begin_log(&scan, v->in, v->account, v->contact, span.from ? span.from : base->set ? &from : NULL);
	while (cs_next_logged(&scan, &event) && event.event.at < span.before)
	{
		if (!counts(v, base, span.recorded_until, &event))
			continue;
		while (next < count && changes[next] < event.event.at)
			change_address(v, changes[next++]);
		if (span.checkpoints && ++since > CHECKPOINT_EVENTS && event.event.at > last)
		{
			note_checkpoint(v, event.event.at, span.checkpoints);
			since = 0;
		}
		last = event.event.at;
		apply(v, &event);
	}
	while (next < count && changes[next] < span.before)
		change_address(v, changes[next++]);
	cs_end_log(&scan);
}

/*
 * Events dated before the horizon that came past the triggers, of which nobody
 * noted that they came: as repair finds them.
 */
static void
find_late(CsVisits *v)
{
	CsLogScan	scan;
	CsLoggedEvent event;
	cs_moment	first = {0};

	if (!need_horizon(v)->set)
		return;
	cs_begin_log(&scan, v->in, v->account, v->contact, NULL);
	while (!first.set && cs_next_logged(&scan, &event) && event.event.at < v->horizon.before)
		if (!event.retracted && event.recorded > v->begins_after && event.recorded > v->horizon.kept.at)
			first = (cs_moment) {true, event.event.at};
	cs_end_log(&scan);
	if (first.set)
		cs_note_late(v->in, &v->horizon, first.at);
}

/* Fold the log anew: all that follows the horizon, or the last checkpoint before an event that came late. */
static void
fold_anew(CsVisits *v)
{
	CsLife		life = life_of(v);
	List	   *checkpoints = NIL;
	Span		span = ALL;
	CsCheckpoint base;
	ListCell   *lc;

	if (!v->late_from.set)
		find_late(v);
	base = *need_horizon(v);
	if (v->late_from.set)
	{
		CsCheckpoint last = cs_fetch_checkpoint(v->in, &life, &v->late_from.at);

		if (last.set && !last.kept.set)
			base = last;
	}
	cs_delete_checkpoints(v->in, &life, v->late_from.set ? v->late_from.at : PG_INT64_MIN, false);
	if (v->late_from.set)
		span.checkpoints = &checkpoints;
	begin_from_checkpoint(v, &base);
	fold_log(v, &base, span);

	/* none behind the last change: what comes in order must make none wrong */
	foreach(lc, checkpoints)
	{
		const CsCheckpoint *checkpoint = lfirst(lc);

		if (v->changed.set && checkpoint->before <= v->changed.at)
			cs_insert_checkpoint(v->in, &life, checkpoint);
	}
}

static void
settle_events(CsVisits *v)
{
	static const CsCheckpoint none = {0};

	if (v->progress == CHANGED && !v->is_new &&
		!cs_log_has_only(v->in, v->account, v->contact, v->from, v->own))
	{
		/* none before that time changed a fact */
		Span		span = ALL;
		cs_time		from = v->from;

		span.from = &from;
		begin_from_stored(v);
		fold_log(v, &none, span);
	}
	else if (v->progress == ANEW)
	{
		need_consents(v);
		fold_anew(v);
	}
}

/*
 * Keep the facts as of the account's horizon, of events recorded up to a time,
 * unless they are kept.  The time of an event that comes late, if given, is
 * noted with them.
 */
static void
keep_horizon(CsVisits *v, TimestampTz recorded_until, const cs_time *late)
{
	CsLife		life = life_of(v);
	CsCheckpoint kept = {.set = true, .before = v->policy->horizon.at, .kept = {true, recorded_until}};
	cs_contact	facts = v->facts;
	cs_moment	changed = v->changed;

	if (need_horizon(v)->set && v->horizon.before >= kept.before && (late || !v->horizon.late_since.set))
		return;
	if (v->horizon.set && v->horizon.late_since.set)
		find_late(v);
	need_consents(v);
	memset(&v->facts, 0, sizeof(v->facts));
	if (late == NULL && v->stored.changed.set && v->stored.changed.at < kept.before)
	{
		/* no event from then on changed a fact */
		begin_from_stored(v);
	}
	else
	{
		begin_from_checkpoint(v, &v->horizon);
		fold_log(v, &v->horizon, (Span) {.before = kept.before, .recorded_until = recorded_until, .with_addresses = true});
	}
	kept.facts.contact = v->facts;
	kept.facts.changed = v->changed;
	if (late)
		kept.late_since = (cs_moment) {true, *late};
	cs_delete_checkpoints(v->in, &life, PG_INT64_MIN, true);
	cs_insert_checkpoint(v->in, &life, &kept);
	CommandCounterIncrement();
	v->horizon = kept;
	v->facts = facts;
	v->changed = changed;
}

/* ---- adding events ---- */

/* What the account's limit is for: remembered until it is known whether it took effect. */
static void
note_added(CsVisits *v, const cs_event *event)
{
	if (v->added_count == v->added_space)
	{
		v->added_space = v->added_space ? 2 * v->added_space : 4;
		v->added = cs_resize(v->added, v->added_space * sizeof(cs_consent));
	}
	v->added[v->added_count].list = event->list.id;
	v->added[v->added_count++].at = event->at;
}

/* Has the contact become another one since the event was recorded? */
pg_noreturn static void
refuse_overtaken_event(const CsVisits *v, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail("Contact %lld %s since the event was recorded.", (long long) v->contact, what),
			 errhint("Retry the transaction.")));
}

/*
 * An event dated before the account's horizon, where the facts are kept and the
 * log need not be complete any more, counts as if it happened at the horizon.
 */
static void
move_to_horizon(CsVisits *v, CsLoggedEvent *event)
{
	/* without what this statement recorded: it came later */
	keep_horizon(v, GetCurrentStatementStartTimestamp() - 1, &event->event.at);
	if (event->recorded <= v->horizon.kept.at)
		refuse_overtaken_event(v, "had its facts kept as of the horizon");
	cs_note_late(v->in, &v->horizon, event->event.at);
	event->event.at = v->horizon.before;
}

/* The log is to be folded from the last checkpoint before this event. */
static void
note_late(CsVisits *v, cs_time at)
{
	if (v->progress == ANEW)
		return;
	v->progress = ANEW;
	v->late_from = (cs_moment) {true, at};
}

void
cs_add_event(CsVisits *v, const CsLoggedEvent *logged)
{
	CsLoggedEvent event = *logged;
	bool		old = v->policy->horizon.set && event.event.at < v->policy->horizon.at;
	MemoryContext caller = MemoryContextSwitchTo(v->context);

	if (event.recorded <= v->begins_after)
		refuse_overtaken_event(v, "is another one");
	if (old)
		move_to_horizon(v, &event);
	if (event.event.kind == CS_ADDED && v->policy->has_limit)
		note_added(v, &event.event);
	if (old || (v->stored.changed.set && event.event.at <= v->stored.changed.at))
		note_late(v, event.event.at);
	if (v->progress == ANEW)
	{
		MemoryContextSwitchTo(caller);
		return;
	}

	v->at_last = event.event.at == v->last ? v->at_last + 1 : 1;
	v->last = event.event.at;
	if (apply(v, &event) && v->progress == UNCHANGED)
	{
		/* those of the same time that came before it are looked for as well */
		v->progress = CHANGED;
		v->from = event.event.at;
		v->own = v->at_last;
	}
	else if (v->progress == CHANGED)
		v->own++;
	MemoryContextSwitchTo(caller);
}

void
cs_fold_anew(CsVisits *v)
{
	v->progress = ANEW;
	v->late_from = (cs_moment) {0};
}

void
cs_begin_after(CsVisits *v, TimestampTz begins_after)
{
	v->begins_after = begins_after;
	v->begins_anew = true;
	cs_fold_anew(v);
}

void
cs_new_address(CsVisits *v, TimestampTz since)
{
	v->address_since = (cs_moment) {true, since};
	v->address_anew = true;
	cs_fold_anew(v);
}

const cs_contact *
cs_visited_facts(CsVisits *v)
{
	MemoryContext caller = MemoryContextSwitchTo(v->context);

	settle_events(v);
	need_consents(v);
	MemoryContextSwitchTo(caller);
	return &v->facts;
}

TimestampTz
cs_visited_begins_after(CsVisits *v)
{
	return v->begins_after;
}

void
cs_keep_horizon(CsVisits *v)
{
	MemoryContext caller = MemoryContextSwitchTo(v->context);

	keep_horizon(v, v->in->now, NULL);
	MemoryContextSwitchTo(caller);
}

/* Begin with a contact that was deleted: nothing of it is stored but its events. */
static void
begin_former(CsVisits *v, int64 account, int64 contact, TimestampTz begins_after)
{
	forget_contact(v, account, contact);
	v->begins_after = begins_after;
	v->consents_known = true;
}

void
cs_keep_former_horizon(CsVisits *v, int64 account, int64 contact, TimestampTz begins_after, TimestampTz ended)
{
	MemoryContext caller;

	begin_former(v, account, contact, begins_after);
	caller = MemoryContextSwitchTo(v->context);
	keep_horizon(v, ended, NULL);
	MemoryContextSwitchTo(caller);
}

const cs_contact *
cs_former_facts(CsVisits *v, int64 account, int64 contact, TimestampTz begins_after, TimestampTz ended)
{
	MemoryContext caller;

	begin_former(v, account, contact, begins_after);
	caller = MemoryContextSwitchTo(v->context);
	begin_from_checkpoint(v, need_horizon(v));
	fold_log(v, &v->horizon, (Span) {.before = CS_NEVER, .recorded_until = ended});
	MemoryContextSwitchTo(caller);
	return &v->facts;
}

/* ---- saving ---- */

static void
set_subscription(CsTable *table, Datum *values, bool *nulls, const CsVisits *v,
				 const cs_consent *s, cs_status status)
{
	Oid			status_type = TupleDescAttr(table->rel->rd_att, table->columns[SUBSCRIPTION_STATUS] - 1)->atttypid;

#define SET(column, value) \
	(values[table->columns[column] - 1] = (value), nulls[table->columns[column] - 1] = false)
	SET(SUBSCRIPTION_ACCOUNT, Int64GetDatum(v->account));
	SET(SUBSCRIPTION_LIST, Int64GetDatum(s->list));
	SET(SUBSCRIPTION_CONTACT, Int64GetDatum(v->contact));
	SET(SUBSCRIPTION_STATUS, cs_status_datum(status_type, status));
	SET(SUBSCRIPTION_CONSENT, cs_status_datum(status_type, s->consent));
	SET(SUBSCRIPTION_CONSENT_AT, TimestampTzGetDatum(s->at));
	SET(SUBSCRIPTION_REQUESTED_AT, TimestampTzGetDatum(s->requested.at));
	SET(SUBSCRIPTION_REQUEST_KEY, s->requested.set ?
		PointerGetDatum(cstring_to_text_with_len(s->key, s->key_size)) : (Datum) 0);
	nulls[table->columns[SUBSCRIPTION_REQUESTED_AT] - 1] = !s->requested.set;
	nulls[table->columns[SUBSCRIPTION_REQUEST_KEY] - 1] = !s->requested.set;
#undef SET
}

static void
insert_subscription(CsVisits *v, CsTable *table, const cs_consent *s, cs_status status)
{
	TupleDesc	desc = table->rel->rd_att;
	Datum	   *values = palloc0(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));

	cs_row_defaults(v->in, table, values, nulls);
	set_subscription(table, values, nulls, v, s, status);
	cs_insert_row(v->in, table, values, nulls);
}

static void
count_subscription(CsVisits *v, int64 list, cs_status status, int64 difference)
{
	cs_count(v->in, v->account, (cs_id) {true, list}, status, difference);
}

/* Make the rows of subscription what the consents and the address status say. */
static bool
save_subscriptions(CsVisits *v, cs_status address)
{
	CsTable    *table = cs_table(v->in, TABLE_SUBSCRIPTION);
	const cs_contact *old = &v->stored.contact;
	const cs_contact *new = &v->facts;
	bool		wrote = false;
	int			i = 0,
				j = 0;

	while (i < old->consent_count || j < new->consent_count)
	{
		const cs_consent *a = i < old->consent_count ? &old->consents[i] : NULL;
		const cs_consent *b = j < new->consent_count ? &new->consents[j] : NULL;

		if (a && (!b || a->list < b->list))
		{
			count_subscription(v, a->list, v->subscriptions[i].status, -1);
			lock_subscription(table, &v->subscriptions[i], LockTupleExclusive);
			cs_delete_row(v->in, table, &v->subscriptions[i++].tid);
			wrote = true;
		}
		else if (!a || b->list < a->list)
		{
			insert_subscription(v, table, b, cs_subscription_status(b->consent, address));
			count_subscription(v, b->list, cs_subscription_status(b->consent, address), 1);
			j++;
			wrote = true;
		}
		else
		{
			StoredSubscription *row = &v->subscriptions[i];
			cs_status	status = cs_subscription_status(b->consent, address);

			if (row->status != status || !cs_same_consent(a, b))
			{
				lock_subscription(table, row, LockTupleNoKeyExclusive);
				set_subscription(table, row->values, row->nulls, v, b, status);
				cs_update_row(v->in, table, &row->tid, row->values, row->nulls);
				if (row->status != status)
				{
					count_subscription(v, b->list, row->status, -1);
					count_subscription(v, b->list, status, 1);
				}
				wrote = true;
			}
			i++;
			j++;
		}
	}
	return wrote;
}

/* Did an `added` among the events give a consent that still stands? */
static bool
added_took_effect(const CsVisits *v)
{
	for (int i = 0; i < v->added_count; i++)
	{
		const cs_consent *s = cs_find_consent(&v->facts, v->added[i].list);

		if (s != NULL && s->at == v->added[i].at && s->consent == CS_STATUS_ACTIVE)
			return true;
	}
	return false;
}

/* An `added` that makes a contact count is what the account's limit is for. */
static void
note_limited(CsVisits *v, cs_status status)
{
	MemoryContext caller;

	if (!(v->policy->counted & (1 << status)) || (v->policy->counted & (1 << v->stored.status)) ||
		!added_took_effect(v))
		return;
	caller = MemoryContextSwitchTo(v->in->context);
	v->in->limited = list_append_unique_ptr(v->in->limited, (void *) v->policy);
	MemoryContextSwitchTo(caller);
}

static void
save_contact(CsVisits *v, cs_status status, cs_moment due)
{
	TupleTableSlot *slot = v->contacts->slot;
	int			natts = slot->tts_tupleDescriptor->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));
	CsFacts		facts;

	memcpy(values, slot->tts_values, natts * sizeof(Datum));
	memcpy(nulls, slot->tts_isnull, natts * sizeof(bool));
	facts.contact = v->facts;
	facts.status = status;
	facts.changed = v->changed;
	facts.due = due;
	cs_facts_to_values(&facts, slot->tts_tupleDescriptor, v->contacts->facts, values, nulls);
	if (v->begins_anew)
	{
		AttrNumber	column = v->contacts->columns[CONTACT_BEGINS_AFTER];

		values[column - 1] = TimestampTzGetDatum(v->begins_after);
		nulls[column - 1] = false;
	}
	if (v->address_anew)
		cs_moment_to_datum(v->address_since, &values[v->contacts->columns[CONTACT_ADDRESS_SINCE] - 1],
						   &nulls[v->contacts->columns[CONTACT_ADDRESS_SINCE] - 1]);
	cs_update_row(v->in, v->contacts, &v->tid, values, nulls);
	if (status != v->stored.status)
	{
		cs_count(v->in, v->account, (cs_id) {0}, v->stored.status, -1);
		cs_count(v->in, v->account, (cs_id) {0}, status, 1);
		note_limited(v, status);
	}
}

/*
 * The bound before which nothing falls due.  Writers only lower it, so that an
 * indexed column seldom changes; once it is reached it is set right.  A status
 * stored ahead of its time is due at once: whoever judges as of now looks at
 * the facts, and the next sweep puts it right.
 */
static cs_moment
due_bound(const CsVisits *v, cs_time as_of)
{
	const cs_policy *rules = &v->policy->rules;
	cs_time		due = cs_due(&v->facts, rules, as_of);
	cs_moment	stored = v->stored.due;

	if (as_of > v->in->now &&
		cs_address_status(&v->facts, rules, as_of) != cs_address_status(&v->facts, rules, v->in->now))
		return (cs_moment) {true, DT_NOBEGIN};
	if (stored.set && stored.at > as_of && stored.at <= due)
		return stored;
	return (cs_moment) {due != CS_NEVER, due != CS_NEVER ? due : 0};
}

/* Has the person opted out, complained, or taken it back? */
static bool
person_spoke(const CsVisits *v)
{
	const cs_contact *old = &v->stored.contact;
	const cs_contact *new = &v->facts;

	if (old->unsubscribed.set != new->unsubscribed.set || old->unsubscribed.at != new->unsubscribed.at ||
		old->complained.set != new->complained.set || old->complained.at != new->complained.at ||
		old->consent_count != new->consent_count)
		return true;
	for (int i = 0; i < new->consent_count; i++)
		if (!cs_same_consent(&old->consents[i], &new->consents[i]))
			return true;
	return false;
}

/* What the events up to a moment say of the person, whenever they were recorded. */
static void
keep_facts_of(CsVisits *v, cs_time until, bytea *digest)
{
	cs_contact	facts = v->facts;
	cs_moment	changed = v->changed;

	if (need_horizon(v)->set && until < v->horizon.before)
		return;					/* nothing is heard of that time any more */
	memset(&v->facts, 0, sizeof(v->facts));
	begin_from_checkpoint(v, &v->horizon);
	fold_log(v, &v->horizon, (Span) {.before = until + 1, .recorded_until = PG_INT64_MAX});
	cs_keep_facts_anew(v->in, v->account, v->contact, v->begins_after, &v->facts, digest, false, false);
	v->facts = facts;
	v->changed = changed;
}

/* What was said before a change of address holds for the old one, also where it is heard late. */
static void
suppress_old_addresses(CsVisits *v)
{
	CsTable    *table = cs_table(v->in, TABLE_ADDRESS_CHANGE);
	cs_id		key[2] = {{true, v->account}, {true, v->contact}};
	CsKeyScan	scan;
	bool		isnull;

	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
		keep_facts_of(v, DatumGetTimestampTz(cs_column(table, table->slot, CHANGE_CHANGED_AT, &isnull)),
					  DatumGetByteaPCopy(cs_column(table, table->slot, CHANGE_OLD_DIGEST, &isnull)));
	cs_end_scan(&scan);
}

bool
cs_leave(CsVisits *v, TimestampTz as_of)
{
	MemoryContext caller;
	const cs_policy *rules = &v->policy->rules;
	cs_status	address,
				status;
	cs_moment	due;
	bool		is_due = v->stored.due.set && v->stored.due.at <= as_of;
	bool		changed = false;

	if (v->progress == UNCHANGED && !is_due)
		return false;

	caller = MemoryContextSwitchTo(v->context);
	settle_events(v);

	address = cs_address_status(&v->facts, rules, as_of);
	if (v->consents_known || is_due ||
		address != cs_address_status(&v->stored.contact, rules, as_of))
	{
		need_consents(v);
		changed = save_subscriptions(v, address);
		status = cs_contact_status(&v->facts, address);
	}
	else
		status = v->stored.status;

	due = due_bound(v, as_of);
	changed = changed || status != v->stored.status ||
		v->changed.set != v->stored.changed.set || v->changed.at != v->stored.changed.at ||
		!cs_same_address_facts(&v->facts, &v->stored.contact);
	if (v->address_since.set && !v->address_anew)
	{
		need_consents(v);
		if (person_spoke(v))
			suppress_old_addresses(v);
	}
	if (changed || v->begins_anew || v->address_anew || due.set != v->stored.due.set || due.at != v->stored.due.at)
		save_contact(v, status, due);
	MemoryContextSwitchTo(caller);
	return changed;
}
