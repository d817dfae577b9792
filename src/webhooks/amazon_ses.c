/*
 * amazon_ses.c
 *		Amazon SES: notifications and published events, raw, in an SNS message or in an EventBridge event.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

static const cs_webhook_rule rules[] = {
	{"Bounce", "bounce.bounceSubType=Suppressed,OnAccountSuppressionList", "invalidated"},
	{"Bounce", "bounce.bounceSubType=UnsubscribedRecipient", "unsubscribed"},
	{"Bounce", "bounce.bounceType=Permanent&bounce.bounceSubType=NoEmail", "nonexistent"},
	{"Bounce", "bounce.bounceType=Permanent", "hard_bounced", true},
	{"Bounce", "bounce.bounceType=Transient&bounce.bounceSubType=MessageTooLarge,ContentRejected,AttachmentRejected",
		"blocked"},
	{"Bounce", "bounce.bounceType=Transient", "soft_bounced"},
	{"Bounce", NULL, "soft_bounced", true},
	{"Complaint", "complaint.complaintFeedbackType=not-spam", NULL},
	{"Complaint", NULL, "complained"},
	{"Delivery", NULL, "delivered"},
	{"Send", NULL, "sent"},
	{"Reject", NULL, "blocked"},
	{"Open", NULL, "opened"},
	{"Click", NULL, "clicked"},
	{"DeliveryDelay", "deliveryDelay.delayType=SpamDetected,IPFailure", "blocked"},
	{"DeliveryDelay", "deliveryDelay.delayType=InternalFailure,SendingDeferral,BYOIP*", NULL},
	{"DeliveryDelay", NULL, "soft_bounced"},
	{"Subscription", "subscription.newTopicPreferences.unsubscribeAll=true", "unsubscribed"},
	{"Subscription,RenderingFailure,SubscriptionConfirmation,UnsubscribeConfirmation,Notification", NULL, NULL},
	{NULL}
};

const cs_provider cs_amazon_ses = {
	.name = "amazon_ses",
	.source = "https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html",
	.events = "Message|detail|",
	.required = "mail|TopicArn|SubscribeURL",
	.type = "eventType|notificationType|Type",
	.recipients = "bounce.bouncedRecipients[]>emailAddress|complaint.complainedRecipients[]>emailAddress|"
		"delivery.recipients[]|deliveryDelay.delayedRecipients[]>emailAddress|~mail.destination[]",
	.occurred_at = "bounce.timestamp|complaint.timestamp|delivery.timestamp|open.timestamp|click.timestamp|"
		"deliveryDelay.timestamp|subscription.timestamp|^Timestamp|^time|mail.timestamp",
	.id = "^MessageId|bounce.feedbackId|complaint.feedbackId|^id",
	.campaign = "mail.tags.campaign_id|mail.tags.campaign",
	.reason = "bounce.bounceType+bounce.bounceSubType|"
		"complaint.complaintFeedbackType+complaint.complaintSubType|reject.reason|"
		"failure.errorMessage|deliveryDelay.delayType",
	.reply = "@diagnosticCode|delivery.smtpResponse",
	.status = "@status",
	.user_agent = "open.userAgent|click.userAgent",
	.rules = rules
};
