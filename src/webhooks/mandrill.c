/*
 * mandrill.c
 *		Mandrill, Mailchimp Transactional: message and sync events.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"send", NULL, "sent"},
	{"delivered", NULL, "delivered"},
	{"deferral,soft_bounce", NULL, "soft_bounced"},
	{"hard_bounce", NULL, "hard_bounced", true},
	{"open", NULL, "opened"},
	{"click", NULL, "clicked"},
	{"spam", NULL, "complained"},
	{"unsub", NULL, "unsubscribed"},
	{"reject", "msg.reject.reason|msg.reject|msg.reject_reason|msg.bounce_description=hard-bounce,invalid",
		"invalidated"},
	{"reject", "msg.reject.reason|msg.reject|msg.reject_reason|msg.bounce_description=unsub", "unsubscribed"},
	{"reject", "msg.reject.reason|msg.reject|msg.reject_reason|msg.bounce_description=spam", "complained"},
	{"reject", NULL, "blocked"},
	{"blacklist", "action=add,change&reject.reason=hard-bounce,invalid", "invalidated"},
	{"blacklist", "action=add,change&reject.reason=unsub", "unsubscribed"},
	{"blacklist", "action=add,change&reject.reason=spam", "complained"},
	{"blacklist,whitelist,inbound", NULL, NULL},
	{NULL}
};

const cs_provider cs_mandrill = {
	.name = "mandrill",
	.source = "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/",
	.events = "mandrill_events|",
	.required = "event|type,msg|reject|entry|ip",
	.type = "event|type",
	.recipients = "msg.email|reject.email|entry.email",
	.occurred_at = "ts|msg.ts",
	.campaign = "msg.metadata.campaign_id|msg.tags|msg.subaccount",
	.reason = "msg.bounce_description|msg.reject.reason|reject.reason|msg.reject_reason|msg.state",
	.reply = "msg.diag",
	.user_agent = "user_agent",
	.rules = rules
};
