/*
 * save.c
 *		Writes the changes of the locked contact: its row, its subscriptions,
 *		the counts, and the suppressions of its former addresses.
 */
#include "postgres.h"

#include "contact/contact.h"
#include "contact/contact_state.h"
#include "contact/former_address.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/status_count.h"
#include "storage/suppression.h"
#include "storage/table_scan.h"
#include "types/fact_columns.h"

static bool
differ(cs_moment a, cs_moment b)
{
	return a.set != b.set || a.at != b.at;
}

/* ---- the contact ---- */

/* Is a consent that an `added` event of this call gave still in force? */
static bool
added_took_effect(const CsContact *v)
{
	for (int i = 0; i < v->added_count; i++)
	{
		const cs_consent *s = cs_find_consent(&v->facts, v->added[i].list);

		if (s != NULL && s->at == v->added[i].at && s->consent == CS_STATUS_ACTIVE)
			return true;
	}
	return false;
}

/* Note that the account's limit must be checked if an `added` event made the contact count. */
static void
note_limited(CsContact *v, cs_status status)
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
save_contact(CsContact *v, cs_status status, cs_moment due, cs_time as_of)
{
	CsContactRow		facts;
	Datum	   *values;
	bool	   *nulls;

	cs_copy_row(v->contacts, &values, &nulls);
	facts.contact = v->facts;
	facts.status = status;
	facts.changed = v->changed;
	facts.due = due;
	cs_facts_to_values(&facts, v->contacts->rel->rd_att, v->contacts->facts, values, nulls);
	if (v->begins_anew)
		CS_SET(v->contacts, CONTACT_GENERATION_START, TimestampTzGetDatum(v->generation_start), false);
	cs_update_row(v->in, v->contacts, &v->tid, values, nulls);
	if (status != v->stored.status)
	{
		cs_count(v->in, v->account, (cs_id) {0}, v->stored.status, -1);
		cs_count(v->in, v->account, (cs_id) {0}, status, 1);
		cs_feed_change(v, (cs_id) {0}, v->stored.status, status, as_of);
		note_limited(v, status);
	}
}

/*
 * The new due_at: no status changes by the passing of time before it.  It is
 * only lowered until it is reached, so that the indexed column seldom changes;
 * then it is computed exactly.
 *
 * A status stored ahead of the clock is due at once.  Readers that need the
 * current status then compute it from the facts, and the next sweep corrects
 * the row.
 */
static cs_moment
due_bound(const CsContact *v, cs_time as_of)
{
	const cs_policy *rules = &v->policy->rules;
	cs_time		due = cs_due(&v->facts, rules, as_of);
	cs_moment	stored = v->stored.due;

	if (as_of > v->in->now &&
		cs_address_status(&v->facts, rules, as_of) != cs_address_status(&v->facts, rules, v->in->now))
		return (cs_moment) {.set = true, .at = DT_NOBEGIN};
	if (stored.set && stored.at > as_of && stored.at <= due)
		return stored;
	return due == CS_NEVER ? (cs_moment) {0} : (cs_moment) {.set = true, .at = due};
}

/* ---- former addresses ---- */

/*
 * Did events change that are dated before the last change of the address?  A
 * full replay may follow from such a change.
 */
static bool
may_concern_former_addresses(const CsContact *v)
{
	return v->address_since.set && !differ(v->address_since, v->stored.contact.address_since) &&
		v->progress == PROGRESS_ANEW && !(v->late_from.set && v->late_from.at > v->address_since.at);
}

/* ---- saving ---- */

bool
cs_save_contact(CsContact *v, TimestampTz as_of)
{
	MemoryContext caller;
	const cs_policy *rules = &v->policy->rules;
	cs_status	address,
				status;
	cs_moment	due;
	bool		is_due = v->stored.due.set && v->stored.due.at <= as_of;
	bool		changed = false;

	if (v->progress == PROGRESS_NONE && !is_due)
		return false;

	caller = MemoryContextSwitchTo(v->context);

	address = cs_address_status(&v->facts, rules, as_of);
	if (v->consents_known || is_due ||
		address != cs_address_status(&v->stored.contact, rules, as_of))
	{
		cs_need_consents(v);
		changed = cs_save_subscriptions(v, address, as_of);
		status = cs_contact_status(&v->facts, address);
	}
	else
		status = v->stored.status;

	due = due_bound(v, as_of);
	changed = changed || status != v->stored.status || differ(v->changed, v->stored.changed) ||
		!cs_same_address_facts(&v->facts, &v->stored.contact);
	if (may_concern_former_addresses(v))
		cs_suppress_former_addresses(v);
	if (changed || v->begins_anew || differ(due, v->stored.due))
		save_contact(v, status, due, as_of);
	MemoryContextSwitchTo(caller);
	return changed;
}
