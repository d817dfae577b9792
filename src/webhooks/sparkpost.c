/*
 * sparkpost.c
 *		SparkPost: webhooks of message, track and unsubscribe events.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"delivery", NULL, "delivered"},
	{"delay", NULL, "soft_bounced"},
	{"policy_rejection,generation_rejection", NULL, "blocked"},
	{"bounce,out_of_band", "bounce_class=10", "nonexistent"},
	{"bounce,out_of_band", "bounce_class=30", "hard_bounced", true},
	{"bounce,out_of_band", "bounce_class=20,21,22,24,40,70", "soft_bounced"},
	{"bounce,out_of_band", "bounce_class=23,25,50,51,52,53,54", "blocked"},
	{"bounce,out_of_band", "bounce_class=60,80,100", NULL},
	{"bounce,out_of_band", "bounce_class=90", "unsubscribed"},
	{"bounce,out_of_band", NULL, "soft_bounced", true},
	{"spam_complaint", "fbtype=not-spam", NULL},
	{"spam_complaint", NULL, "complained"},
	{"open,initial_open,amp_open,amp_initial_open", NULL, "opened"},
	{"click,amp_click", NULL, "clicked"},
	{"list_unsubscribe,link_unsubscribe", NULL, "unsubscribed"},
	{"injection,generation_failure,sms_status,relay_*,ab_test_*,ingest_*", NULL, NULL},
	{NULL}
};

const cs_provider cs_sparkpost = {
	.name = "sparkpost",
	.source = "https://developers.sparkpost.com/api/webhooks/",
	.events = "msys.*",
	.required = "type",
	.type = "type",
	.recipients = "rcpt_to|raw_rcpt_to",
	.occurred_at = "timestamp",
	.id = "event_id",
	.campaign = "rcpt_meta.campaign_id|campaign_id",
	.reason = "raw_reason|reason",
	.reply = "raw_reason|reason",
	.status = "error_code",
	.user_agent = "user_agent",
	.rules = rules
};
