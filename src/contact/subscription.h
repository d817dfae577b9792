/*
 * subscription.h
 *		The rows of subscription of a contact that has no contact state.
 */
#ifndef CONTACT_STATUS_SUBSCRIPTION_H
#define CONTACT_STATUS_SUBSCRIPTION_H

#include "storage/installation.h"

/* Reads the consents, without their requests, into the contact's facts.  Takes no lock. */
extern void cs_load_consents(CsInstallation *in, int64 account, int64 contact, cs_facts *facts);

/*
 * Deletes the subscriptions of a contact and counts the difference.  Locks
 * their rows.  The caller must prevent concurrent changes of the contact, for
 * example by its row lock.  Returns whether there were any.
 */
extern bool cs_delete_subscriptions(CsInstallation *in, int64 account, int64 contact);

#endif							/* CONTACT_STATUS_SUBSCRIPTION_H */
