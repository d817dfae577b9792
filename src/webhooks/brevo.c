/*
 * brevo.c
 *		Brevo, formerly Sendinblue: transactional and marketing webhooks.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"delivered", NULL, "delivered"},
	{"hard_bounce,hard_bounced", NULL, "hard_bounced", true},
	{"soft_bounce,soft_bounced,deferred", NULL, "soft_bounced"},
	{"invalid_email,invalid", NULL, "nonexistent"},
	{"blocked", "reason=*hard bounce*,*invalid*", "invalidated"},
	{"blocked", "reason=*unsub*", "unsubscribed"},
	{"blocked", "reason=*complain*,*spam report*", "complained"},
	{"blocked", NULL, "blocked"},
	{"spam,complaint", NULL, "complained"},
	{"unsubscribed,unsubscribe", NULL, "unsubscribed"},
	{"opened,unique_opened,first_opening,open", NULL, "opened"},
	{"click,clicked,unique_clicked", NULL, "clicked"},
	{"proxy_open,unique_proxy_open,loaded_by_proxy,request,sent,error,list_addition,contact_updated,contact_deleted", NULL,
		NULL},
	{NULL}
};

const cs_provider cs_brevo = {
	.name = "brevo",
	.source = "https://developers.brevo.com/docs/transactional-webhooks",
	.events = "",
	.required = "event,email",
	.type = "event",
	.recipients = "email[]",
	.occurred_at = "ts_epoch|ts_event|ts|s_epoch|date",
	.campaign = "campaign_id|camp_id|X-Mailin-custom.campaign_id|tags|tag",
	.reason = "reason",
	.reply = "reason",
	.user_agent = "user_agent",
	.rules = rules
};
