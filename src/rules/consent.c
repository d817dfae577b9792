/*
 * consent.c
 *		The effect of events on consents and opt-outs.
 */

#include <string.h>

#include "rules/facts.h"
#include "rules/rules.h"

static void
remove_consent(cs_facts *c, int i)
{
	cs_consent	spare = c->consents[i];

	c->consent_count--;
	memmove(&c->consents[i], &c->consents[i + 1], (c->consent_count - i) * sizeof(cs_consent));
	c->consents[c->consent_count] = spare;
	c->changed = true;
}

static void
void_request(cs_facts *c, cs_consent *s)
{
	clear_moment(c, &s->requested);
	s->key_size = 0;
}

static cs_moment
consent_moment(const cs_consent *s)
{
	return (cs_moment) {.set = true, .at = s->at, .late_by = s->late_by};
}

/* Sets the consent on a list.  A pending sign-up for the list becomes void. */
static void
set_consent(cs_facts *c, int64_t list, cs_status consent, cs_moment at)
{
	cs_consent *s = cs_find_consent(c, list);
	bool		same = s != NULL && s->consent == consent && s->at == at.at && !s->requested.set;

	if (s == NULL)
		s = cs_insert_consent(c, cs_consent_position(c, list), list);
	s->consent = consent;
	s->at = at.at;
	s->late_by = at.late_by;
	if (same)
		return;
	void_request(c, s);
	c->changed = true;
}

static void
load_request(cs_consent *s, const cs_event *e)
{
	cs_load_request(s, e->at, e->key, e->key_size);
	s->requested.late_by = e->late_by;
}

/*
 * Makes a contact wait for a confirmation.  A late sign-up from a former
 * address has its own time, so that it cannot be confirmed.  After a change of
 * the address, the key of the sign-up is stored: the link of an earlier
 * sign-up, which went to the former address, must not confirm this one.
 */
static void
await_confirmation(cs_facts *c, const cs_event *e)
{
	bool		former = is_of_former_address(c, e);

	set_consent(c, e->list.id, CS_STATUS_UNCONFIRMED,
				former ? (cs_moment) {.set = true, .at = own_time(e)} : moment_of(e));
	if (c->address_since.set && !former && e->kind == CS_KIND_SIGNED_UP)
		load_request(cs_find_consent(c, e->list.id), e);
}

static void
subscribe(cs_facts *c, const cs_event *e)
{
	cs_consent *s = cs_find_consent(c, e->list.id);

	if (s == NULL || s->consent != CS_STATUS_ACTIVE)
		set_consent(c, e->list.id, CS_STATUS_ACTIVE, moment_of(e));
}

static void
unsubscribe(cs_facts *c, int64_t list, const cs_event *e)
{
	cs_consent *s = cs_find_consent(c, list);

	if (s == NULL || s->consent != CS_STATUS_UNSUBSCRIBED || follows(e, consent_moment(s)))
		set_consent(c, list, CS_STATUS_UNSUBSCRIBED, moment_of(e));
}

/* Stores a sign-up after an opt-out.  It waits for a confirmation. */
static void
set_request(cs_facts *c, cs_consent *s, const cs_event *e)
{
	if (!lifts(e, consent_moment(s)) || is_of_former_address(c, e) ||
		(s->requested.set && !follows(e, s->requested)))
		return;
	if (s->requested.set && s->requested.at == e->at &&
		s->key_size == e->key_size &&
		(e->key_size == 0 || memcmp(s->key, e->key, e->key_size) == 0))
		return;
	load_request(s, e);
	c->changed = true;
}

/*
 * Returns the consent on a list before an event adds the contact to it, or
 * NULL.  After an account-wide opt-out, a list without consent becomes
 * unsubscribed, as of that opt-out.
 */
static cs_consent *
consent_on_joining(cs_facts *c, int64_t list)
{
	cs_consent *s = cs_find_consent(c, list);

	if (s == NULL && c->unsubscribed.set)
	{
		set_consent(c, list, CS_STATUS_UNSUBSCRIBED, c->unsubscribed);
		s = cs_find_consent(c, list);
	}
	return s;
}

/* A contact that returns after a deletion loses its earlier consents.  Its opt-outs remain. */
static void
end_deletion(cs_facts *c, const cs_event *e)
{
	if (!c->deleted.set || !lifts(e, c->deleted))
		return;
	clear_moment(c, &c->deleted);
	for (int i = c->consent_count - 1; i >= 0; i--)
		if (c->consents[i].consent != CS_STATUS_UNSUBSCRIBED && follows(e, consent_moment(&c->consents[i])))
			remove_consent(c, i);
}

static void
unsubscribe_everywhere(cs_facts *c, const cs_event *e)
{
	restrict_to(c, &c->unsubscribed, e);
	for (int i = 0; i < c->consent_count; i++)
		unsubscribe(c, c->consents[i].list, e);
}

/* Went the mail with the confirmation link to a former address? */
static bool
is_void(const cs_facts *c, const cs_consent *s, const cs_event *e)
{
	return c->address_since.set && time_for(e, consent_moment(s)) <= c->address_since.at && !is_of_former_address(c, e);
}

/* Does the confirmation answer a sign-up that is not confirmed yet, in time? */
static bool
confirms(const cs_facts *c, const cs_consent *s, const cs_event *e)
{
	cs_moment	since;

	if (s == NULL || (s->key_size > 0 && (s->key_size != e->key_size || memcmp(s->key, e->key, e->key_size) != 0)))
		return false;
	if (s->consent == CS_STATUS_UNCONFIRMED && !is_void(c, s, e))
		since = consent_moment(s);
	else if (s->consent == CS_STATUS_UNSUBSCRIBED && s->requested.set)
		since = s->requested;
	else
		return false;
	return follows(e, since) &&
		(e->rules.confirm_within == 0 || elapsed(time_for(e, since), own_time(e)) <= e->rules.confirm_within);
}

/* ---- the table of events in docs/reference.md ---- */

void
cs_apply_consent(cs_facts *c, const cs_event *e)
{
	const cs_consent_rules *r = &e->rules;
	cs_consent *s;

	switch (e->kind)
	{
		case CS_KIND_ADDED:
			/* an import never raises an existing consent */
			if (consent_on_joining(c, e->list.id) != NULL)
				break;
			if (r->import_by_list && r->double_opt_in)
				await_confirmation(c, e);
			else
				subscribe(c, e);
			break;

		case CS_KIND_SIGNED_UP:
			set_monitored(c);
			end_deletion(c, e);
			s = consent_on_joining(c, e->list.id);
			if (s == NULL || (s->consent == CS_STATUS_UNCONFIRMED && follows(e, consent_moment(s))))
			{
				/* with double opt-in, confirm_within counts from here */
				if (r->double_opt_in)
					await_confirmation(c, e);
				else
					subscribe(c, e);
			}
			else if (s->consent == CS_STATUS_UNSUBSCRIBED && !r->resubscribe_never)
				set_request(c, s, e);
			break;

		case CS_KIND_CONFIRMED:
			set_monitored(c);
			if (!confirms(c, cs_find_consent(c, e->list.id), e))
				break;
			subscribe(c, e);
			lift(c, &c->erased, e);
			/* the contact received the mail and clicked its link */
			if (!e->manual && !is_of_former_address(c, e))
				cs_renew_address(c, e);
			break;

		case CS_KIND_RESUBSCRIBED:
			end_deletion(c, e);
			s = consent_on_joining(c, e->list.id);
			/* after an erasure, only a confirmed sign-up gives consent */
			if (!r->resubscribe_never && !c->complained.set && !c->erased.set &&
				(s == NULL || lifts(e, consent_moment(s))))
				set_consent(c, e->list.id, CS_STATUS_ACTIVE, moment_of(e));
			break;

		case CS_KIND_REMOVED:
			s = cs_find_consent(c, e->list.id);
			/* without a consent, an import would subscribe the contact: a later sign-up still waits */
			if (s != NULL && (s->consent == CS_STATUS_ACTIVE ||
							  (s->consent == CS_STATUS_UNCONFIRMED && follows(e, consent_moment(s)))))
				remove_consent(c, (int) (s - c->consents));
			break;

		case CS_KIND_UNSUBSCRIBED:
			if (e->list.set && !r->unsubscribe_account)
				unsubscribe(c, e->list.id, e);
			else
				unsubscribe_everywhere(c, e);
			if (e->erasure)
				restrict_to(c, &c->erased, e);
			break;

		default:
			break;
	}
}

void
cs_void_requests(cs_facts *c)
{
	for (int i = 0; i < c->consent_count; i++)
		void_request(c, &c->consents[i]);
}
