/*
 * settings.h
 *		The settings by which events are judged, read once a call.
 *
 * Bounces and engagement are judged by the policy as it is now; consent by the
 * settings in force when the event was recorded, which consent_setting_history keeps.
 */
#ifndef CONTACT_STATUS_SETTINGS_H
#define CONTACT_STATUS_SETTINGS_H

#include "types/policy.h"
#include "storage/installation.h"

/* Policy of an account; NULL where there is no such account. */
extern const CsPolicy *cs_account_policy(CsInstallation *in, int64 account);

extern bool cs_list_exists(CsInstallation *in, int64 account, int64 list);

/* Does the list exist, or did it? */
extern bool cs_list_existed(CsInstallation *in, int64 account, int64 list);

/* Consent settings that were in force for a list (null: for none) at a time. */
extern cs_consent_rules cs_consent_rules_at(CsInstallation *in, int64 account, cs_id list,
											TimestampTz recorded);

/* The row of a policy by its name, into table->slot of policy; false where there is none. */
extern bool cs_fetch_policy(CsInstallation *in, Datum name);

/* A policy from the row in a slot of table policy. */
extern CsPolicy cs_policy_of_slot(TupleTableSlot *slot);

#endif							/* CONTACT_STATUS_SETTINGS_H */
