/*
 * sendgrid.c
 *		SendGrid: the Event Webhook.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"processed", NULL, NULL},
	{"deferred", NULL, "soft_bounced"},
	{"delivered", NULL, "delivered"},
	{"bounce", "type=blocked", "blocked", false, "reason"},
	{"bounce", NULL, "hard_bounced", true, "reason"},
	{"blocked", NULL, "blocked", false, "reason"},
	{"dropped", "reason=Bounced Address*,Invalid", "invalidated"},
	{"dropped", "reason=Unsubscribed Address*", "unsubscribed"},
	{"dropped", "reason=Spam Reporting Address*", "complained"},
	{"dropped", "reason=Invalid SMTPAPI*,Recipient List over*", NULL},
	{"dropped", NULL, "blocked"},
	{"open", "sg_machine_open=true", NULL},
	{"open", NULL, "opened"},
	{"click", NULL, "clicked"},
	{"spamreport", NULL, "complained"},
	{"unsubscribe,group_unsubscribe", NULL, "unsubscribed"},
	{"group_resubscribe,account_status_change", NULL, NULL},
	{NULL}
};

const cs_provider cs_sendgrid = {
	.name = "sendgrid",
	.source = "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event",
	.events = "",
	.required = "event,email|sg_event_id",
	.type = "event",
	.recipients = "email",
	.occurred_at = "timestamp",
	.id = "sg_event_id",
	.campaign = "campaign_id|marketing_campaign_id|singlesend_id|newsletter.newsletter_id|category",
	.reason = "reason|response",
	.reply = "response",
	.status = "status",
	.user_agent = "useragent",
	.rules = rules
};
