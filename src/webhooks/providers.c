/*
 * providers.c
 *		The list of the providers.
 */
#include "postgres.h"

#include "webhooks/webhooks.h"

const cs_provider *const cs_providers[] = {
	&cs_amazon_ses,
	&cs_brevo,
	&cs_mailersend,
	&cs_mailgun,
	&cs_mailjet,
	&cs_mailtrap,
	&cs_mandrill,
	&cs_postal,
	&cs_postmark,
	&cs_resend,
	&cs_sendgrid,
	&cs_sparkpost,
	&cs_unisender_go,
	NULL
};
