/*
 * mailtrap.c
 *		Mailtrap: webhooks of its sending streams.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"delivery", NULL, "delivered"},
	{"open", NULL, "opened"},
	{"click", NULL, "clicked"},
	{"soft bounce", NULL, "soft_bounced"},
	{"suspension", "reason=*limit*,*throttl*,*quota*", "blocked"},
	{"suspension", NULL, "soft_bounced"},
	{"bounce", NULL, "hard_bounced", true},
	{"spam", NULL, "complained"},
	{"unsubscribe", NULL, "unsubscribed"},
	{"reject", "reason=*unsub*", "unsubscribed"},
	{"reject", "reason=*spam complain*,*complain*,spam", "complained"},
	{"reject", "reason=*bounce*,*invalid*", "invalidated"},
	{"reject", NULL, "blocked"},
	{NULL}
};

const cs_provider cs_mailtrap = {
	.name = "mailtrap",
	.source = "https://docs.mailtrap.io/email-api-smtp/advanced/webhooks",
	.events = "events[]|",
	.required = "event",
	.type = "event",
	.recipients = "email",
	.occurred_at = "timestamp",
	.id = "event_id",
	.campaign = "custom_variables.campaign_id|category",
	.reason = "reason|bounce_category",
	.reply = "response",
	.status = "response_code",
	.user_agent = "user_agent",
	.rules = rules
};
