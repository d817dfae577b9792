/*
 * mailjet.c
 *		Mailjet: the Event API.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"sent", NULL, "delivered"},
	{"open", NULL, "opened"},
	{"click", NULL, "clicked"},
	{"bounce", "error=quota exceeded,greylisted,no mail host,connection issue,protocol issue,system issue",
		"soft_bounced"},
	{"bounce", "error=sender blocked,content blocked,policy issue,relay/access denied,blacklisted,preblocked,duplicate in campaign,error in template language,bad or empty template",
		"blocked"},
	{"bounce", "hard_bounce=true,1&error=user unknown,invalid domain", "nonexistent"},
	{"bounce", "hard_bounce=true,1", "hard_bounced", true},
	{"bounce", NULL, "soft_bounced"},
	{"blocked", "error=preblocked,user unknown,mailbox inactive,invalid domain,typofix", "invalidated"},
	{"blocked", "error=spam reporter", "complained"},
	{"blocked", NULL, "blocked"},
	{"spam", NULL, "complained"},
	{"unsub", NULL, "unsubscribed"},
	{NULL}
};

const cs_provider cs_mailjet = {
	.name = "mailjet",
	.source = "https://dev.mailjet.com/email/guides/webhooks/",
	.events = "",
	.required = "event,email",
	.type = "event",
	.recipients = "email",
	.occurred_at = "time",
	.campaign = "mj_campaign_id|customcampaign",
	.reason = "error_related_to+error|comment",
	.reply = "comment|smtp_reply",
	.user_agent = "agent",
	.rules = rules
};
