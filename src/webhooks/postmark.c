/*
 * postmark.c
 *		Postmark: webhooks of its message streams.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"Delivery", NULL, "delivered"},
	{"Open", NULL, "opened"},
	{"Click", NULL, "clicked"},
	{"HardBounce", NULL, "hard_bounced", true},
	{"BadEmailAddress", NULL, "nonexistent"},
	{"Transient,SoftBounce,DnsError", NULL, "soft_bounced"},
	{"SpamNotification,Blocked,VirusNotification,DMARCPolicy,ManuallyDeactivated", NULL, "blocked"},
	{"Unknown,Undeliverable", NULL, "soft_bounced", true},
	{"SpamComplaint", NULL, "complained"},
	{"Unsubscribe", NULL, "unsubscribed"},
	{"SubscriptionChange", "SuppressSending=false", NULL},
	{"SubscriptionChange", "SuppressionReason=HardBounce", "invalidated"},
	{"SubscriptionChange", "SuppressionReason=SpamComplaint", "complained"},
	{"SubscriptionChange", "SuppressSending=true", "unsubscribed"},
	{"AutoResponder,AddressChange,ChallengeVerification,Subscribe,OpenRelayTest,Unconfirmed,SMTPApiError,InboundError,TemplateRenderingFailed,Inbound", NULL,
		NULL},
	{NULL}
};

const cs_provider cs_postmark = {
	.name = "postmark",
	.source = "https://postmarkapp.com/developer/webhooks/webhooks-overview",
	.events = "",
	.required = "RecordType|Type,Recipient|Email|MessageID",
	.type = "Type|RecordType",
	.recipients = "Recipient|Email",
	.occurred_at = "BouncedAt|DeliveredAt|ReceivedAt|ChangedAt",
	.id = "ID",
	.campaign = "Metadata.campaign_id|Tag",
	.reason = "SuppressionReason|Description|Name",
	.reply = "Details",
	.user_agent = "UserAgent",
	.rules = rules
};
