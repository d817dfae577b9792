/*
 * facts.c
 *		The facts of a contact: building, copying and comparing them.
 *
 * Arrays grow by cs_resize() (alloc.h).  To clear the facts does not free them,
 * so that one struct serves many contacts.
 */

#include <string.h>

#include "rules/alloc.h"
#include "rules/facts.h"
#include "rules/rules.h"

/* ---- memory ---- */

/* Returns the array with space for one more element.  New elements are zero. */
static void *
room(void *array, int count, int *space, size_t element)
{
	int			wanted;

	if (count < *space)
		return array;
	wanted = *space ? 2 * *space : 4;
	array = cs_resize(array, wanted * element);
	memset((char *) array + *space * element, 0, (wanted - *space) * element);
	*space = wanted;
	return array;
}

/* ---- consents ---- */

int
cs_consent_position(const cs_facts *c, int64_t list)
{
	int			low = 0,
				high = c->consent_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (c->consents[middle].list < list)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

cs_consent *
cs_find_consent(const cs_facts *c, int64_t list)
{
	int			i = cs_consent_position(c, list);

	if (i < c->consent_count && c->consents[i].list == list)
		return &c->consents[i];
	return NULL;
}

/* Consents move together with the memory of their keys, so that it can be used again. */
cs_consent *
cs_insert_consent(cs_facts *c, int i, int64_t list)
{
	cs_consent	spare;

	c->consents = room(c->consents, c->consent_count, &c->consent_space, sizeof(cs_consent));
	spare = c->consents[c->consent_count];
	memmove(&c->consents[i + 1], &c->consents[i], (c->consent_count - i) * sizeof(cs_consent));
	c->consent_count++;
	spare.list = list;
	spare.late_by = 0;
	spare.requested = (cs_moment) {0};
	spare.key_size = 0;
	c->consents[i] = spare;
	return &c->consents[i];
}

/* ---- building and copying ---- */

void
cs_clear_facts(cs_facts *c)
{
	cs_facts	kept = *c;

	*c = (cs_facts) {0};
	c->run = kept.run;
	c->run_space = kept.run_space;
	c->hard_campaigns = kept.hard_campaigns;
	c->hard_campaign_space = kept.hard_campaign_space;
	c->unanswered = kept.unanswered;
	c->unanswered_space = kept.unanswered_space;
	c->consents = kept.consents;
	c->consent_space = kept.consent_space;
}

void
cs_load_error(cs_facts *c, cs_id campaign, cs_time at)
{
	c->run = room(c->run, c->run_count, &c->run_space, sizeof(cs_error));
	c->run[c->run_count++] = (cs_error) {.campaign = campaign, .at = at};
}

void
cs_load_hard_campaign(cs_facts *c, cs_id campaign)
{
	c->hard_campaigns = room(c->hard_campaigns, c->hard_campaign_count, &c->hard_campaign_space,
							 sizeof(cs_id));
	c->hard_campaigns[c->hard_campaign_count++] = campaign;
}

void
cs_load_unanswered(cs_facts *c, int64_t campaign)
{
	c->unanswered = room(c->unanswered, c->unanswered_count, &c->unanswered_space,
						 sizeof(int64_t));
	c->unanswered[c->unanswered_count++] = campaign;
}

cs_consent *
cs_load_consent(cs_facts *c, int64_t list, cs_status consent, cs_time at)
{
	cs_consent *s = cs_insert_consent(c, c->consent_count, list);

	s->consent = consent;
	s->at = at;
	return s;
}

void
cs_load_request(cs_consent *s, cs_time at, const char *key, size_t key_size)
{
	if (key_size > s->key_space)
	{
		s->key = cs_resize(s->key, key_size);
		s->key_space = key_size;
	}
	if (key_size > 0)
		memcpy(s->key, key, key_size);
	s->key_size = key_size;
	s->requested = (cs_moment) {.set = true, .at = at};
}

void
cs_copy_facts(cs_facts *to, const cs_facts *from)
{
	cs_facts	own;

	cs_clear_facts(to);
	own = *to;
	*to = *from;
	to->run = own.run;
	to->run_space = own.run_space;
	to->run_count = 0;
	to->hard_campaigns = own.hard_campaigns;
	to->hard_campaign_space = own.hard_campaign_space;
	to->hard_campaign_count = 0;
	to->unanswered = own.unanswered;
	to->unanswered_space = own.unanswered_space;
	to->unanswered_count = 0;
	to->consents = own.consents;
	to->consent_space = own.consent_space;
	to->consent_count = 0;
	for (int i = 0; i < from->run_count; i++)
	{
		cs_load_error(to, from->run[i].campaign, from->run[i].at);
		to->run[i].late_by = from->run[i].late_by;
	}
	for (int i = 0; i < from->hard_campaign_count; i++)
		cs_load_hard_campaign(to, from->hard_campaigns[i]);
	for (int i = 0; i < from->unanswered_count; i++)
		cs_load_unanswered(to, from->unanswered[i]);
	for (int i = 0; i < from->consent_count; i++)
	{
		const cs_consent *s = &from->consents[i];
		cs_consent *copy = cs_load_consent(to, s->list, s->consent, s->at);

		copy->late_by = s->late_by;
		if (s->requested.set)
			cs_load_request(copy, s->requested.at, s->key, s->key_size);
		copy->requested = s->requested;
	}
}

static bool
same_id(cs_id a, cs_id b)
{
	return a.set == b.set && a.id == b.id;
}

static bool
same_moment(cs_moment a, cs_moment b)
{
	return a.set == b.set && a.at == b.at;
}

bool
cs_same_address_facts(const cs_facts *a, const cs_facts *b)
{
	if (a->run_count != b->run_count || a->unanswered_count != b->unanswered_count ||
		a->hard_campaign_count != b->hard_campaign_count)
		return false;
	for (int i = 0; i < a->run_count; i++)
		if (!same_id(a->run[i].campaign, b->run[i].campaign) || a->run[i].at != b->run[i].at)
			return false;
	for (int i = 0; i < a->hard_campaign_count; i++)
		if (!same_id(a->hard_campaigns[i], b->hard_campaigns[i]))
			return false;
	for (int i = 0; i < a->unanswered_count; i++)
		if (a->unanswered[i] != b->unanswered[i])
			return false;
	return a->hard_bounces == b->hard_bounces &&
		same_moment(a->last_error, b->last_error) &&
		same_moment(a->hard_bounced, b->hard_bounced) &&
		same_id(a->delivered, b->delivered) &&
		a->unanswered_since == b->unanswered_since &&
		same_moment(a->lapsed, b->lapsed) &&
		same_moment(a->suspended, b->suspended) &&
		same_moment(a->suspended_until, b->suspended_until) &&
		same_moment(a->complained, b->complained) &&
		same_moment(a->deleted, b->deleted) &&
		same_moment(a->unsubscribed, b->unsubscribed) &&
		same_moment(a->erased, b->erased) &&
		same_moment(a->address_since, b->address_since) &&
		a->monitored == b->monitored;
}

bool
cs_same_consent(const cs_consent *a, const cs_consent *b)
{
	return a->list == b->list && a->consent == b->consent && a->at == b->at &&
		same_moment(a->requested, b->requested) && a->key_size == b->key_size &&
		(a->key_size == 0 || memcmp(a->key, b->key, a->key_size) == 0);
}
