/*
 * settings.h
 *		The settings by which events are judged, read once a call.
 *
 * Bounces and engagement are judged by the current policy.  Consent is judged
 * by the settings that were in force when the event was recorded.  Table
 * consent_setting_history stores them.
 */
#ifndef CONTACT_STATUS_SETTINGS_H
#define CONTACT_STATUS_SETTINGS_H

#include "types/policy.h"
#include "storage/installation.h"

/*
 * Returns the policy of an account, valid for the call; NULL if there is no
 * such account.  Locks the settings of the account with RowShareLock until the
 * transaction ends.  Raises 23503 if the policy is missing, and 22023 if one of
 * its settings is out of range.  Raises 40001 if the transaction's own snapshot
 * does not show a row.
 */
extern const CsPolicy *cs_account_policy(CsInstallation *in, int64 account);

/* Does the list exist in the latest snapshot? */
extern bool cs_list_exists(CsInstallation *in, int64 account, int64 list);

/* Does the list exist, or did it exist before? */
extern bool cs_list_existed(CsInstallation *in, int64 account, int64 list);

/*
 * May an event of a kind have the list?  A list that was deleted is accepted as
 * context, but not by a kind that needs a list.
 */
extern bool cs_accepts_list(CsInstallation *in, int64 account, cs_kind kind, cs_id list);

/* Are the consent settings the same as at an earlier time, for a list or (null) without one? */
extern bool cs_has_consent_rules_of(CsInstallation *in, int64 account, cs_id list, TimestampTz earlier);

/*
 * Returns the consent settings that were in force at a time, for a list or
 * (null) without one.  Raises XX001 if the account has none of that time.
 */
extern cs_consent_rules cs_consent_rules_at(CsInstallation *in, int64 account, cs_id list,
											TimestampTz recorded);

/*
 * Fetches the row of a policy by its name into the slot of table policy.
 * Returns false if there is none.
 */
extern bool cs_fetch_policy(CsInstallation *in, Datum name);

/* Converts the row in a slot of table policy. */
extern CsPolicy cs_policy_of_slot(TupleTableSlot *slot);

#endif							/* CONTACT_STATUS_SETTINGS_H */
