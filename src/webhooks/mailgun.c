/*
 * mailgun.c
 *		Mailgun: current webhooks and the legacy ones, which post forms.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"failed", "reason=suppress-bounce", "invalidated"},
	{"failed", "reason=suppress-unsubscribe", "unsubscribed"},
	{"failed", "reason=suppress-complaint", "complained"},
	{"failed", "delivery-status.code=605", "invalidated"},
	{"failed", "delivery-status.code=606", "unsubscribed"},
	{"failed", "delivery-status.code=607", "complained"},
	{"failed", "severity=temporary", "soft_bounced"},
	{"failed", "reason=espblock", "blocked"},
	{"failed", "reason=old,greylisted", "soft_bounced"},
	{"failed", NULL, "hard_bounced", true},
	{"rejected", NULL, "blocked"},
	{"delivered", NULL, "delivered"},
	{"opened", "client-info.bot=gmail", "opened"},
	{"opened,clicked", "client-info.bot=*", NULL},
	{"opened", NULL, "opened"},
	{"clicked", NULL, "clicked"},
	{"unsubscribed", NULL, "unsubscribed"},
	{"complained", NULL, "complained"},
	{"bounced", NULL, "hard_bounced", true},
	{"dropped", "code=605", "invalidated"},
	{"dropped", "code=606", "unsubscribed"},
	{"dropped", "code=607", "complained"},
	{"dropped", "reason=old", "soft_bounced"},
	{"dropped", NULL, "blocked", true},
	{"accepted,stored", NULL, NULL},
	{NULL}
};

const cs_provider cs_mailgun = {
	.name = "mailgun",
	.source = "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhooks",
	.events = "event-data|",
	.required = "event",
	.type = "event",
	.recipients = "recipient|message.headers.to",
	.occurred_at = "timestamp[-1]",
	.id = "id|token[-1]",
	.campaign = "user-variables.campaign_id|campaign_id|campaign-id|campaigns.id|tags|tag|X-Mailgun-Tag",
	.reason = "delivery-status.description|delivery-status.message|reject.reason|reject.description|"
		"description|error|reason",
	.reply = "delivery-status.message|delivery-status.description|error|notification",
	.status = "delivery-status.enhanced-code|delivery-status.code|code",
	.user_agent = "client-info.user-agent|user-agent",
	.rules = rules
};
