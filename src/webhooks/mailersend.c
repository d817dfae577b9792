/*
 * mailersend.c
 *		MailerSend: both versions of its payload.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"*hard_bounced", NULL, "hard_bounced", true},
	{"*soft_bounced,*deferred", NULL, "soft_bounced"},
	{"*sent", NULL, "sent"},
	{"*delivered", NULL, "delivered"},
	{"*opened_unique,*activity.opened,opened", NULL, "opened"},
	{"*clicked_unique,*activity.clicked,clicked", NULL, "clicked"},
	{"*spam_complaint,*spam_complaints", NULL, "complained"},
	{"*.unsubscribed,unsubscribed", NULL, "unsubscribed"},
	{"*survey_opened,*survey_submitted,*on_hold_added,*on_hold_removed,sender_identity.*,maintenance.*,inbound_forward.*", NULL,
		NULL},
	{NULL}
};

const cs_provider cs_mailersend = {
	.name = "mailersend",
	.source = "https://developers.mailersend.com/api/v1/webhooks.html",
	.events = "",
	.required = "type|data.type,data|domain_id",
	.type = "type|data.type",
	.recipients = "data.email.recipient.email|data.recipient.email|data.recipient|data.email.recipient|"
		"data.meta.recipient|data.email.to",
	.occurred_at = "data.created_at|data.timestamp|data.morph.created_at|data.meta.created_at|created_at",
	.id = "data.id|data.event_id|data.activity_id",
	.campaign = "data.meta.campaign_id|data.email.tags|data.tags",
	.reason = "data.morph.readable_reason|data.morph.reason|data.meta.readable_reason|data.meta.reason|"
		"data.meta.description|data.reason",
	.reply = "data.morph.reply|data.meta.reply|data.meta.smtp_response|data.meta.response",
	.user_agent = "data.morph.user_agent|data.meta.user_agent",
	.rules = rules
};
