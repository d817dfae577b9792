/*
 * apply.c
 *		The effect of each kind of event on the facts of a contact.
 *
 * cs_apply_event() has a case for each row of the table of events in docs/reference.md.
 * Consents are in consent.c, deliveries and interactions in delivery.c.
 */

#include "rules/facts.h"
#include "rules/rules.h"

bool
cs_apply_event(cs_facts *c, const cs_policy *p, const cs_event *e)
{
	c->changed = false;
	/* no default: the compiler warns if a kind is missing */
	switch (e->kind)
	{
		case CS_KIND_ADDED:
		case CS_KIND_SIGNED_UP:
		case CS_KIND_CONFIRMED:
		case CS_KIND_RESUBSCRIBED:
		case CS_KIND_REMOVED:
		case CS_KIND_UNSUBSCRIBED:
			cs_apply_consent(c, e);
			break;

		case CS_KIND_SENT:
		case CS_KIND_DELIVERED:
		case CS_KIND_OPENED:
		case CS_KIND_CLICKED:
		case CS_KIND_SOFT_BOUNCED:
		case CS_KIND_BLOCKED:
		case CS_KIND_HARD_BOUNCED:
		case CS_KIND_NONEXISTENT:
		case CS_KIND_INVALIDATED:
		case CS_KIND_VALIDATED:
		case CS_KIND_LAPSED:
			if (e->kind == CS_KIND_CLICKED)
				set_monitored(c);
			if (!is_of_former_address(c, e))
				cs_apply_delivery(c, p, e);
			break;

		case CS_KIND_NOTED:
			break;

		case CS_KIND_COMPLAINED:
			restrict_to(c, &c->complained, e);
			break;

		case CS_KIND_VISITED:
			set_monitored(c);
			break;

		case CS_KIND_SUSPENDED:
			if (c->suspended.set && !follows(e, c->suspended))
				break;
			set_moment(c, &c->suspended, moment_of(e));
			if (e->until.set)
				set_moment(c, &c->suspended_until, e->until);
			else
				clear_moment(c, &c->suspended_until);
			break;

		case CS_KIND_RELEASED:
			if (!lifts(e, c->suspended))
				break;
			clear_moment(c, &c->suspended);
			clear_moment(c, &c->suspended_until);
			break;

		case CS_KIND_DELETED:
			restrict_to(c, &c->deleted, e);
			break;

		case CS_KIND_RESTORED:
			lift(c, &c->deleted, e);
			break;
	}
	return c->changed;
}

void
cs_change_address(cs_facts *c, cs_time at)
{
	const cs_event in_order = {.at = at};

	cs_renew_address(c, &in_order);
	cs_void_requests(c);
	c->address_since = (cs_moment) {.set = true, .at = at};
	c->changed = true;
}
