/*
 * resend.c
 *		Resend: webhooks of mails, contacts and suppressions.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"email.sent", NULL, "sent"},
	{"email.delivered", NULL, "delivered"},
	{"email.delivery_delayed", NULL, "soft_bounced"},
	{"email.bounced", "data.bounce.subType=Suppressed,OnAccountSuppressionList", "invalidated"},
	{"email.bounced", "data.bounce.subType=UnsubscribedRecipient", "unsubscribed"},
	{"email.bounced", "data.bounce.subType=NoEmail", "nonexistent"},
	{"email.bounced", "data.bounce.subType=MessageTooLarge,ContentRejected,AttachmentRejected", "blocked"},
	{"email.bounced", "data.bounce.type=Transient,Temporary", "soft_bounced"},
	{"email.bounced", "data.bounce.type=Undetermined", "soft_bounced", true},
	{"email.bounced", NULL, "hard_bounced", true},
	{"email.suppressed", "data.suppressed.type=*unsubscribe*", "unsubscribed"},
	{"email.suppressed", "data.suppressed.type=*complain*", "complained"},
	{"email.suppressed", NULL, "invalidated"},
	{"email.complained", NULL, "complained"},
	{"email.opened", NULL, "opened"},
	{"email.clicked", NULL, "clicked"},
	{"contact.created,contact.updated", "data.unsubscribed=true", "unsubscribed"},
	{"suppression.added", "data.origin|data.reason=*bounce*", "invalidated"},
	{"suppression.added", "data.origin|data.reason=*complain*", "complained"},
	{"email.failed,email.scheduled,email.received,contact.*,domain.*,suppression.*", NULL, NULL},
	{NULL}
};

const cs_provider cs_resend = {
	.name = "resend",
	.source = "https://resend.com/docs/webhooks/event-types",
	.events = "",
	.required = "type,data",
	.type = "type",
	.recipients = "~data.to[]|data.email",
	.occurred_at = "created_at|data.created_at",
	.campaign = "data.tags.campaign_id|data.broadcast_id",
	.reason = "data.bounce.type+data.bounce.subType|data.failed.reason|data.suppressed.type|data.reason|data.origin",
	.reply = "data.bounce.message|data.bounce.diagnosticCode|data.suppressed.message",
	.user_agent = "data.click.userAgent|data.open.userAgent",
	.rules = rules
};
