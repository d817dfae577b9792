/*
 * event.c
 *		Events: their labels, required columns and order.
 */

#include <string.h>

#include "rules/rules.h"

const char *const cs_status_labels[CS_STATUSES] = {
	"active", "soft_bounced", "unresponsive", "unconfirmed", "suspended",
	"failing", "hard_bounced", "unsubscribed", "complained", "deleted"
};

const char *const cs_kind_labels[CS_KINDS] = {
	"noted", "signed_up", "added", "confirmed", "resubscribed", "released", "restored",
	"validated", "sent", "delivered", "opened", "clicked", "visited",
	"soft_bounced", "blocked", "hard_bounced", "nonexistent", "invalidated",
	"lapsed", "suspended", "removed", "unsubscribed", "complained", "deleted"
};

bool
cs_judges_consent(cs_kind kind)
{
	return kind == CS_KIND_ADDED || kind == CS_KIND_SIGNED_UP || kind == CS_KIND_CONFIRMED ||
		kind == CS_KIND_RESUBSCRIBED || kind == CS_KIND_UNSUBSCRIBED;
}

bool
cs_touches_consent(cs_kind kind)
{
	return cs_judges_consent(kind) || kind == CS_KIND_REMOVED;
}

bool
cs_needs_list(cs_kind kind)
{
	return cs_touches_consent(kind) && kind != CS_KIND_UNSUBSCRIBED;
}

const char *
cs_shape_error(const cs_event *e, cs_evidence evidence)
{
	bool		needs_evidence = e->kind == CS_KIND_RESUBSCRIBED ||
		(e->kind == CS_KIND_CONFIRMED && e->manual);

	if (cs_needs_list(e->kind) && !e->list.set)
		return "needs a list_id";
	if (e->kind == CS_KIND_SENT && !e->campaign.set)
		return "needs a campaign_id";
	if (needs_evidence && evidence == CS_EVIDENCE_BLANK)
		return "needs evidence that is not blank";
	if (e->until.set && e->kind != CS_KIND_SUSPENDED)
		return "cannot have an until";
	if (e->until.set && e->until.at <= e->at)
		return "needs an until later than its occurred_at";
	return NULL;
}

static int
compare_ids(cs_id a, cs_id b)
{
	if (!a.set || !b.set)
		return (int) a.set - (int) b.set;	/* nulls first */
	return (a.id > b.id) - (a.id < b.id);
}

int
cs_compare_events(const cs_event *a, const cs_event *b)
{
	int			result;
	size_t		common = a->key_size < b->key_size ? a->key_size : b->key_size;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if ((result = compare_ids(a->list, b->list)) != 0)
		return result;
	if ((result = compare_ids(a->campaign, b->campaign)) != 0)
		return result;
	if (common > 0 && (result = memcmp(a->key, b->key, common)) != 0)
		return result;
	return (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

