/*
 * fold_aggregate.c
 *		The aggregates fold, status_of and status_changes over the events of
 *		any table.
 *
 * All use one state.  The final functions do not change it, so that the
 * aggregates also work as window functions.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "compat.h"
#include "rules/alloc.h"
#include "rules/rules.h"
#include "types/enums.h"
#include "types/fact_columns.h"
#include "types/folded_contact.h"
#include "types/policy.h"

/* A change of one subscription or of the contact, for status_changes. */
typedef struct Change
{
	cs_time		at;
	bool		has_list;		/* false: of the contact itself */
	int64		list;
	int			from;			/* cs_status, or NO_STATUS */
	int			to;
	int			kind;			/* cs_kind, or TIME */
	char	   *key;
} Change;

#define NO_STATUS -1
#define TIME -1

typedef struct Fold
{
	MemoryContext context;
	CsPolicy	policy;
	cs_facts	contact;
	cs_moment	changed;		/* time of the last event that changed a fact */
	cs_time		last;			/* time of the last event */
	cs_moment	horizon;		/* the fold started from facts as of this time */
	cs_moment	kept;			/* changed of these facts */
	cs_moment	as_of;
	Oid			kind_type;		/* type of the column of kinds */

	/* for status_changes only */
	cs_facts	before;			/* the facts before the last event */
	cs_time		shown;			/* changes are recorded up to this time */
	Change	   *changes;
	int			count;
	int			space;
} Fold;

/* Arguments of the transition functions of fold and status_changes. */
enum
{
	ARG_STATE, ARG_POLICY, ARG_SETTINGS, ARG_KIND, ARG_OCCURRED_AT, ARG_LIST, ARG_CAMPAIGN,
	ARG_KEY, ARG_SOURCE, ARG_UNTIL, ARG_AS_OF, ARG_FACTS, ARG_DATED_AT
};

static Fold *
begin_fold(FunctionCallInfo fcinfo)
{
	MemoryContext context;
	Fold	   *fold;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("fold function called outside an aggregate")));
	if (!PG_ARGISNULL(ARG_STATE))
		return (Fold *) PG_GETARG_POINTER(ARG_STATE);
	fold = MemoryContextAllocZero(context, sizeof(Fold));
	fold->context = context;
	fold->last = fold->shown = PG_INT64_MIN;
	return fold;
}

pg_noreturn static void
refuse_null(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s of an event to fold must not be null", what),
			 errhint("Leave such rows out with a FILTER clause.")));
}

/* The type is needed for each event, so it is looked up only once. */
static Oid
kind_type(FunctionCallInfo fcinfo, Fold *fold, int argument)
{
	if (!OidIsValid(fold->kind_type))
		fold->kind_type = get_fn_expr_argtype(fcinfo->flinfo, argument);
	return fold->kind_type;
}

static void
note_time(Fold *fold, cs_time at)
{
	if (at < fold->last)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("events to fold are not in order"),
				 errhint("Write the aggregate with ORDER BY occurred_at, kind, list_id NULLS FIRST, campaign_id NULLS FIRST, event_key COLLATE \"C\".")));
	fold->last = at;
}

static void
apply(Fold *fold, const cs_event *event)
{
	MemoryContext caller = MemoryContextSwitchTo(fold->context);

	if (cs_apply_event(&fold->contact, &fold->policy.rules, event))
		fold->changed = (cs_moment) {.set = true, .at = event->at};
	MemoryContextSwitchTo(caller);
}

static void
read_key(text *key, cs_event *event)
{
	event->key = VARDATA_ANY(key);
	event->key_size = VARSIZE_ANY_EXHDR(key);
}

/* An event dated before the facts from which the fold starts is late. */
static void
note_own_time(FunctionCallInfo fcinfo, const Fold *fold, cs_event *event)
{
	cs_time		own;

	if (!fold->horizon.set || event->at != fold->horizon.at || PG_NARGS() <= ARG_DATED_AT || PG_ARGISNULL(ARG_DATED_AT))
		return;
	own = PG_GETARG_TIMESTAMPTZ(ARG_DATED_AT);
	if (own >= event->at)
		return;
	event->late_by = event->at - own;
	event->before_change = fold->kept.set && fold->kept.at >= own;
}

static cs_event
event_argument(FunctionCallInfo fcinfo, Fold *fold)
{
	cs_event	event = {0};

	if (PG_ARGISNULL(ARG_OCCURRED_AT))
		refuse_null("the time");
	event.kind = cs_kind_of_datum(kind_type(fcinfo, fold, ARG_KIND), PG_GETARG_DATUM(ARG_KIND));
	event.at = PG_GETARG_TIMESTAMPTZ(ARG_OCCURRED_AT);
	event.list = cs_id_of_datum(PG_GETARG_DATUM(ARG_LIST), PG_ARGISNULL(ARG_LIST));
	event.campaign = cs_id_of_datum(PG_GETARG_DATUM(ARG_CAMPAIGN), PG_ARGISNULL(ARG_CAMPAIGN));
	event.until = cs_moment_of_datum(PG_GETARG_DATUM(ARG_UNTIL), PG_ARGISNULL(ARG_UNTIL));
	if (cs_touches_consent(event.kind))
	{
		if (!PG_ARGISNULL(ARG_KEY))
			read_key(PG_GETARG_TEXT_PP(ARG_KEY), &event);
		if (!PG_ARGISNULL(ARG_SOURCE))
			cs_read_source(&event, PG_GETARG_TEXT_PP(ARG_SOURCE));
		event.rules = PG_ARGISNULL(ARG_SETTINGS) ? fold->policy.consent :
			cs_consent_of_datum(PG_GETARG_DATUM(ARG_SETTINGS));
		if (!event.list.set && event.kind != CS_KIND_UNSUBSCRIBED)
			refuse_null("the list");
	}
	note_own_time(fcinfo, fold, &event);
	note_time(fold, event.at);
	return event;
}

static Fold *
fold_argument(FunctionCallInfo fcinfo)
{
	Fold	   *fold = begin_fold(fcinfo);

	if (PG_ARGISNULL(ARG_STATE))
	{
		if (PG_ARGISNULL(ARG_POLICY))
			refuse_null("the policy");
		fold->policy = cs_policy_of_datum(PG_GETARG_DATUM(ARG_POLICY));
	}
	fold->as_of = cs_moment_of_datum(PG_GETARG_DATUM(ARG_AS_OF), PG_ARGISNULL(ARG_AS_OF));
	return fold;
}

/* A row with facts holds the facts as of a horizon: the fold starts from them. */
static bool
has_facts(FunctionCallInfo fcinfo)
{
	return PG_NARGS() > ARG_FACTS && !PG_ARGISNULL(ARG_FACTS);
}

static void
begin_from_facts(FunctionCallInfo fcinfo, Fold *fold)
{
	MemoryContext caller = MemoryContextSwitchTo(fold->context);
	CsContactRow		facts = {0};

	if (PG_ARGISNULL(ARG_OCCURRED_AT))
		refuse_null("the time");
	if (fold->last != PG_INT64_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("facts to start from must come before all events to fold"),
				 errhint("Order by dated_at, too, as view event_with_settings says.")));
	note_time(fold, PG_GETARG_TIMESTAMPTZ(ARG_OCCURRED_AT));
	cs_facts_of_folded(&facts, PG_GETARG_DATUM(ARG_FACTS));
	fold->contact = facts.contact;
	fold->changed = fold->kept = facts.changed;
	fold->horizon = (cs_moment) {.set = true, .at = fold->last};
	MemoryContextSwitchTo(caller);
}

/* A null kind means a change of the contact's address. */
static bool
is_address_change(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(ARG_KIND);
}

static void
change_address(FunctionCallInfo fcinfo, Fold *fold)
{
	if (PG_ARGISNULL(ARG_OCCURRED_AT))
		refuse_null("the time");
	note_time(fold, PG_GETARG_TIMESTAMPTZ(ARG_OCCURRED_AT));
	cs_change_address(&fold->contact, fold->last);
	fold->changed = (cs_moment) {.set = true, .at = fold->last};
}

/*
 * Transition function of fold.  Raises 22004 for a null that is needed, and
 * 22023 for events that are not in order.
 */
PG_FUNCTION_INFO_V1(cs_fold_event);
Datum
cs_fold_event(PG_FUNCTION_ARGS)
{
	Fold	   *fold = fold_argument(fcinfo);

	if (has_facts(fcinfo))
		begin_from_facts(fcinfo, fold);
	else if (is_address_change(fcinfo))
		change_address(fcinfo, fold);
	else
	{
		cs_event	event = event_argument(fcinfo, fold);

		apply(fold, &event);
	}
	PG_RETURN_POINTER(fold);
}

/* Transition function of status_of.  Raises the same errors. */
PG_FUNCTION_INFO_V1(cs_fold_event_simple);
Datum
cs_fold_event_simple(PG_FUNCTION_ARGS)
{
	Fold	   *fold = begin_fold(fcinfo);
	cs_event	event = {0};

	if (PG_ARGISNULL(0))
	{
		if (PG_ARGISNULL(1))
			refuse_null("the policy");
		fold->policy = cs_builtin_policy_named(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	}
	if (PG_ARGISNULL(2))
		refuse_null("the kind");
	if (PG_ARGISNULL(3))
		refuse_null("the time");
	event.kind = cs_kind_of_datum(kind_type(fcinfo, fold, 2), PG_GETARG_DATUM(2));
	event.at = PG_GETARG_TIMESTAMPTZ(3);
	event.list = cs_id_of_datum(PG_GETARG_DATUM(4), PG_ARGISNULL(4));
	event.campaign = cs_id_of_datum(PG_GETARG_DATUM(5), PG_ARGISNULL(5));
	event.rules = fold->policy.consent;
	if (cs_touches_consent(event.kind) && !event.list.set && event.kind != CS_KIND_UNSUBSCRIBED)
		refuse_null("the list");
	if (cs_touches_consent(event.kind) && !PG_ARGISNULL(6))
		read_key(PG_GETARG_TEXT_PP(6), &event);
	note_time(fold, event.at);
	apply(fold, &event);
	PG_RETURN_POINTER(fold);
}

/* ---- results ---- */

/* The time of the result: as_of or else the time of the last event. */
static cs_time
asked_moment(const Fold *fold)
{
	return fold->as_of.set ? fold->as_of.at : fold->last;
}

PG_FUNCTION_INFO_V1(cs_fold_status);
Datum
cs_fold_status(PG_FUNCTION_ARGS)
{
	Fold	   *fold;
	cs_status	address;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	fold = (Fold *) PG_GETARG_POINTER(0);
	address = cs_address_status(&fold->contact, &fold->policy.rules, asked_moment(fold));
	PG_RETURN_DATUM(cs_status_datum(get_fn_expr_rettype(fcinfo->flinfo),
									cs_contact_status(&fold->contact, address)));
}

PG_FUNCTION_INFO_V1(cs_fold_contact);
Datum
cs_fold_contact(PG_FUNCTION_ARGS)
{
	Fold		none = {0};
	Fold	   *fold = PG_ARGISNULL(0) ? &none : (Fold *) PG_GETARG_POINTER(0);
	cs_time		now = asked_moment(fold);
	cs_status	address = cs_address_status(&fold->contact, &fold->policy.rules, now);
	cs_time		due = cs_due(&fold->contact, &fold->policy.rules, now);
	CsContactRow		facts;
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "unexpected result type");
	facts.contact = fold->contact;	/* read only, so the arrays may be shared */
	facts.status = cs_contact_status(&fold->contact, address);
	facts.changed = fold->changed;
	facts.due = (cs_moment) {.set = due != CS_NEVER, .at = due};
	PG_RETURN_DATUM(cs_folded_datum(&facts, address, desc));
}

/* ---- status_changes ---- */

static void
add_change(Fold *fold, cs_time at, const int64 *list, int from, int to, const cs_event *cause)
{
	Change	   *change;

	if (from == to)
		return;
	if (fold->count == fold->space)
	{
		fold->space = fold->space ? 2 * fold->space : 8;
		fold->changes = cs_resize(fold->changes, fold->space * sizeof(Change));
	}
	change = &fold->changes[fold->count++];
	change->at = at;
	change->has_list = list != NULL;
	change->list = list ? *list : 0;
	change->from = from;
	change->to = to;
	change->kind = cause ? (int) cause->kind : TIME;
	change->key = cause && cause->key_size > 0 ? pnstrdup(cause->key, cause->key_size) : NULL;
}

/*
 * Record a change for the contact and for each subscription if its status
 * differs between two sets of facts, each as of its time.
 */
static void
add_changes(Fold *fold, cs_time at, const cs_facts *old, cs_time old_at,
			const cs_facts *new, cs_time new_at, const cs_event *cause)
{
	cs_status	old_address = cs_address_status(old, &fold->policy.rules, old_at);
	cs_status	new_address = cs_address_status(new, &fold->policy.rules, new_at);
	int			i = 0,
				j = 0;

	/* the contact itself: its list is null */
	add_change(fold, at, NULL, cs_contact_status(old, old_address), cs_contact_status(new, new_address), cause);
	while (i < old->consent_count || j < new->consent_count)
	{
		const cs_consent *a = i < old->consent_count ? &old->consents[i] : NULL;
		const cs_consent *b = j < new->consent_count ? &new->consents[j] : NULL;
		bool		in_old = a && (!b || a->list <= b->list);
		bool		in_new = b && (!a || b->list <= a->list);

		add_change(fold, at, in_old ? &a->list : &b->list,
				   in_old ? (int) cs_subscription_status(a->consent, old_address) : NO_STATUS,
				   in_new ? (int) cs_subscription_status(b->consent, new_address) : NO_STATUS,
				   cause);
		i += in_old;
		j += in_new;
	}
}

/* Record the changes by the passing of time up to a moment. */
static void
add_due_changes(Fold *fold, cs_time until)
{
	cs_facts *contact = &fold->contact;
	cs_time		due;

	while ((due = cs_due(contact, &fold->policy.rules, fold->shown)) <= until && due != CS_NEVER)
	{
		add_changes(fold, due, contact, fold->shown, contact, due, NULL);
		fold->shown = due;
	}
	if (until > fold->shown)
		fold->shown = until;
}

PG_FUNCTION_INFO_V1(cs_fold_change);
Datum
cs_fold_change(PG_FUNCTION_ARGS)
{
	Fold	   *fold = fold_argument(fcinfo);
	MemoryContext caller = MemoryContextSwitchTo(fold->context);

	if (!PG_ARGISNULL(ARG_OCCURRED_AT))
		add_due_changes(fold, PG_GETARG_TIMESTAMPTZ(ARG_OCCURRED_AT));
	cs_copy_facts(&fold->before, &fold->contact);
	if (has_facts(fcinfo))
	{
		begin_from_facts(fcinfo, fold);
		add_changes(fold, fold->last, &fold->before, fold->last, &fold->contact, fold->last, NULL);
	}
	else if (is_address_change(fcinfo))
	{
		change_address(fcinfo, fold);
		add_changes(fold, fold->last, &fold->before, fold->last, &fold->contact, fold->last, NULL);
	}
	else
	{
		cs_event	event = event_argument(fcinfo, fold);

		if (!PG_ARGISNULL(ARG_KEY))
			read_key(PG_GETARG_TEXT_PP(ARG_KEY), &event);
		apply(fold, &event);
		add_changes(fold, event.at, &fold->before, event.at, &fold->contact, event.at, &event);
	}
	MemoryContextSwitchTo(caller);
	PG_RETURN_POINTER(fold);
}

PG_FUNCTION_INFO_V1(cs_fold_changes);
Datum
cs_fold_changes(PG_FUNCTION_ARGS)
{
	Oid			type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	desc;
	Fold		fold;
	Datum	   *rows;
	Datum		result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();

	/* add the changes up to as_of to a copy, so that the state does not change */
	fold = *(Fold *) PG_GETARG_POINTER(0);
	fold.changes = palloc(fold.space * sizeof(Change) + 1);
	memcpy(fold.changes, ((Fold *) PG_GETARG_POINTER(0))->changes, fold.count * sizeof(Change));
	if (fold.as_of.set)
		add_due_changes(&fold, fold.as_of.at);

	desc = lookup_rowtype_tupdesc(type, -1);
	rows = palloc(fold.count * sizeof(Datum) + 1);
	for (int i = 0; i < fold.count; i++)
	{
		Change	   *change = &fold.changes[i];
		Oid			status_type = TupleDescAttr(desc, 2)->atttypid;
		Datum		values[6] = {0};
		bool		nulls[6] = {0};

		values[0] = TimestampTzGetDatum(change->at);
		values[1] = Int64GetDatum(change->list);
		nulls[1] = !change->has_list;
		if (!(nulls[2] = change->from == NO_STATUS))
			values[2] = cs_status_datum(status_type, change->from);
		if (!(nulls[3] = change->to == NO_STATUS))
			values[3] = cs_status_datum(status_type, change->to);
		if (!(nulls[4] = change->kind == TIME))
			values[4] = cs_kind_datum(TupleDescAttr(desc, 4)->atttypid, change->kind);
		if (!(nulls[5] = change->key == NULL))
			values[5] = CStringGetTextDatum(change->key);
		rows[i] = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	}
	result = PointerGetDatum(construct_array(rows, fold.count, type, -1, false, TYPALIGN_DOUBLE));
	ReleaseTupleDesc(desc);
	PG_RETURN_DATUM(result);
}
