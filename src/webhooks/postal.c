/*
 * postal.c
 *		Postal: webhooks of its servers.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"MessageSent", NULL, "delivered"},
	{"MessageDelayed", NULL, "soft_bounced"},
	{"MessageDeliveryFailed", NULL, "", true},
	{"MessageBounced", NULL, "hard_bounced"},
	{"MessageLinkClicked", NULL, "clicked"},
	{"MessageLoaded", NULL, "opened"},
	{"MessageHeld,DomainDNSError,SendLimitApproaching,SendLimitExceeded", NULL, NULL},
	{NULL}
};

const cs_provider cs_postal = {
	.name = "postal",
	.source = "https://docs.postalserver.io/developer/webhooks",
	.events = "",
	.required = "event,payload",
	.type = "event",
	.recipients = "payload.original_message.to|payload.message.to|payload.to",
	.occurred_at = "timestamp|payload.timestamp",
	.id = "uuid",
	.campaign = "payload.message.tag|payload.original_message.tag",
	.reason = "payload.details|payload.status",
	.reply = "payload.output",
	.user_agent = "payload.user_agent",
	.rules = rules
};
