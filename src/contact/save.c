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
save_contact(CsContact *v, cs_status status, cs_moment due)
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
 * Did the new events change an opt-out, a complaint or a consent, with a time
 * before the address changed?
 */
static bool
person_spoke_before(const CsContact *v, cs_time change)
{
	const cs_facts *old = &v->stored.contact;
	const cs_facts *new = &v->facts;

	if (v->progress == PROGRESS_ANEW ? v->late_from.set && v->late_from.at > change : v->from > change)
		return false;
	if (differ(old->unsubscribed, new->unsubscribed) || differ(old->complained, new->complained) ||
		old->consent_count != new->consent_count)
		return true;
	for (int i = 0; i < new->consent_count; i++)
		if (!cs_same_consent(&old->consents[i], &new->consents[i]))
			return true;
	return false;
}

/*
 * Store the suppressions that follow from the events dated up to a time,
 * whenever they were recorded, under a former address.  If they changed, the
 * address's holder receives them when the call ends.
 */
static void
keep_facts_of(CsContact *v, cs_time until, bytea *digest, cs_id holder)
{
	CsContactRow		said;

	if (cs_horizon_checkpoint(v)->set && until < v->horizon.before)
		return;					/* the log before the horizon need not be complete */
	said = cs_facts_before(v, until + 1, PG_INT64_MAX);
	if (cs_replace_suppressed_facts(v->in, v->account, v->contact, v->generation_start, &said.contact, digest, false))
		cs_note_pending_address(v->in, v->account, holder, digest);
}

/*
 * Update the suppressions of all former addresses: an event from before a
 * change of address also applies to the old address, even if it is recorded
 * late.
 */
static void
suppress_old_addresses(CsContact *v)
{
	CsTable    *table = cs_table(v->in, TABLE_ADDRESS_CHANGE);
	cs_id		key[2] = {{true, v->account}, {true, v->contact}};
	CsKeyScan	scan;
	bool		isnull;

	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		Datum		holder;

		/*
		 * a contact that takes the address waits for this lock, or has set
		 * itself as holder before
		 */
		cs_lock_row(table, &table->slot->tts_tid, LockTupleNoKeyExclusive);
		holder = cs_column(table, table->slot, CHANGE_HOLDER, &isnull);
		keep_facts_of(v, cs_moment_column(table, CHANGE_CHANGED_AT).at,
					  DatumGetByteaPCopy(cs_column(table, table->slot, CHANGE_OLD_DIGEST, &(bool) {false})),
					  cs_id_of_datum(holder, isnull));
	}
	cs_end_scan(&scan);
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
		changed = cs_save_subscriptions(v, address);
		status = cs_contact_status(&v->facts, address);
	}
	else
		status = v->stored.status;

	due = due_bound(v, as_of);
	changed = changed || status != v->stored.status || differ(v->changed, v->stored.changed) ||
		!cs_same_address_facts(&v->facts, &v->stored.contact);
	if (v->address_since.set && !differ(v->address_since, v->stored.contact.address_since))
	{
		cs_need_consents(v);
		if (person_spoke_before(v, v->address_since.at))
			suppress_old_addresses(v);
	}
	if (changed || v->begins_anew || differ(due, v->stored.due))
		save_contact(v, status, due);
	MemoryContextSwitchTo(caller);
	return changed;
}
