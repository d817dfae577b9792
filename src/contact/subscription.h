/*
 * subscription.h
 *		The rows of subscription of a contact that is not visited.
 */
#ifndef CONTACT_STATUS_SUBSCRIPTION_H
#define CONTACT_STATUS_SUBSCRIPTION_H

#include "storage/installation.h"

/* Read the consents, without their requests, into the contact's facts. */
extern void cs_load_consents(CsInstallation *in, int64 account, int64 contact, cs_facts *facts);

/* Delete the subscriptions; the caller holds what locks the contact's row.  Returns whether there were any. */
extern bool cs_delete_subscriptions(CsInstallation *in, int64 account, int64 contact);

#endif							/* CONTACT_STATUS_SUBSCRIPTION_H */
