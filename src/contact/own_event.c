/*
 * own_event.c
 *		Applies an event of the current statement, and notes the statuses that
 *		it changes.  Used only with a change feed.
 */
#include "postgres.h"

#include "contact/contact.h"
#include "contact/contact_state.h"
#include "rules/rules.h"
#include "storage/status_change.h"

/* Note the event as the cause of each status that differs. */
static void
note_causes(CsContact *v, const cs_facts *old, cs_status old_address, cs_status address, const cs_event *event)
{
	const cs_facts *new = &v->facts;
	int			i = 0,
				j = 0;

	if (cs_contact_status(old, old_address) != cs_contact_status(new, address))
		cs_note_cause(v, (cs_id) {0}, event);
	while (i < old->consent_count || j < new->consent_count)
	{
		const cs_consent *a = i < old->consent_count ? &old->consents[i] : NULL;
		const cs_consent *b = j < new->consent_count ? &new->consents[j] : NULL;
		bool		in_old = a && (!b || a->list <= b->list);
		bool		in_new = b && (!a || b->list <= a->list);
		int			from = in_old ? (int) cs_subscription_status(a->consent, old_address) : CS_NO_STATUS;
		int			to = in_new ? (int) cs_subscription_status(b->consent, address) : CS_NO_STATUS;

		if (from != to)
			cs_note_cause(v, (cs_id) {true, in_old ? a->list : b->list}, event);
		i += in_old;
		j += in_new;
	}
}

/* The consents as an array of its own: an event changes them in place. */
static void
copy_consents(cs_facts *facts)
{
	cs_consent *copy = palloc(facts->consent_count * sizeof(cs_consent) + 1);

	if (facts->consent_count > 0)
		memcpy(copy, facts->consents, facts->consent_count * sizeof(cs_consent));
	facts->consents = copy;
}

bool
cs_apply_own_event(CsContact *v, const cs_event *event)
{
	const cs_policy *rules = &v->policy->rules;
	cs_facts	old = v->facts;
	/* as of the event, so that changes by the passing of time are not ascribed to it */
	cs_status	old_address = cs_address_status(&old, rules, event->at);
	cs_status	address;

	if (cs_touches_consent(event->kind))
		copy_consents(&old);
	if (!cs_apply_event(&v->facts, rules, event))
		return false;
	v->has_last_cause = true;
	v->last_cause = (CsCause) {{0}, event->kind, event->at};
	address = cs_address_status(&v->facts, rules, event->at);
	if (!v->consents_known)
	{
		if (address == old_address)
			return true;
		cs_need_consents(v);
		old.consents = v->facts.consents;
		old.consent_count = v->facts.consent_count;
	}
	note_causes(v, &old, old_address, address, event);
	return true;
}
