/*
 * unisender_go.c
 *		Unisender Go: callbacks with events of users, and single events.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"sent", NULL, "sent"},
	{"delivered", NULL, "delivered"},
	{"opened", NULL, "opened"},
	{"clicked", NULL, "clicked"},
	{"unsubscribed", NULL, "unsubscribed"},
	{"spam", NULL, "complained"},
	{"soft_bounced", NULL, "soft_bounced"},
	{"hard_bounced", "delivery_info.delivery_status=err_unsubscribed", "unsubscribed"},
	{"hard_bounced", "delivery_info.delivery_status=err_unreachable", "invalidated"},
	{"hard_bounced", "delivery_info.delivery_status=err_user_unknown,err_domain_inactive", "nonexistent"},
	{"hard_bounced", "delivery_info.delivery_status=err_spam_rejected,err_spam_skipped,err_skip_letter,err_blacklisted,err_too_large",
		"blocked"},
	{"hard_bounced", "delivery_info.delivery_status=err_mailbox_full,err_will_retry,err_destination_misconfigured,err_lost",
		"soft_bounced"},
	{"hard_bounced", NULL, "hard_bounced", true},
	{"subscribed", NULL, NULL},
	{NULL}
};

const cs_provider cs_unisender_go = {
	.name = "unisender_go",
	.source = "https://godocs.unisender.ru/web-api-ref#callback-format",
	.events = "events_by_user[].events[].event_data|events[].event_data|event_data|",
	.required = "status|domain_status|event_name,email|domain",
	.type = "status|domain_status|event_name",
	.recipients = "email",
	.occurred_at = "event_time|block_time",
	.campaign = "metadata.campaign_id|campaign_id",
	.reason = "comment|delivery_info.delivery_status|block_type",
	.reply = "delivery_info.destination_response",
	.user_agent = "delivery_info.user_agent",
	.rules = rules
};
