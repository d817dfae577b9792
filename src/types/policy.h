/*
 * policy.h
 *		A policy as the machine wants it, from a row of SQL.
 */
#ifndef CONTACT_STATUS_POLICY_H
#define CONTACT_STATUS_POLICY_H

#include "rules/rules.h"

/* Attributes of type contact_status.policy, and so of every table policy. */
typedef enum PolicyColumn
{
	POLICY_NAME,
	POLICY_IMPORT_CONSENT,
	POLICY_DOUBLE_OPT_IN,
	POLICY_SOFT_BOUNCE_LIMIT,
	POLICY_SOFT_BOUNCES_PER_CAMPAIGN,
	POLICY_SOFT_BOUNCE_WINDOW,
	POLICY_SOFT_BOUNCE_OUTCOME,
	POLICY_BLOCKED_COUNTS,
	POLICY_SOFT_BOUNCE_MEMORY,
	POLICY_HARD_BOUNCE_LIMIT,
	POLICY_HARD_BOUNCES_PER_CAMPAIGN,
	POLICY_UNRESPONSIVE_CAMPAIGNS,
	POLICY_UNRESPONSIVE_AFTER,
	POLICY_UNSUBSCRIBE_SCOPE,
	POLICY_RESUBSCRIBE,
	POLICY_CONFIRM_WITHIN,
	POLICY_COMPLAINED_INSERT,
	POLICY_COUNTED
} PolicyColumn;

#define POLICY_COLUMNS (POLICY_COUNTED + 1)

typedef struct CsPolicy
{
	cs_policy	rules;			/* bounces and engagement */
	cs_consent_rules consent;	/* double_opt_in is the policy's */
	bool		complained_refuse;	/* complained_insert = refuse */
	uint32		counted;		/* statuses that count, a bit each */

	/* of the account that has the policy; settings.c fills them in */
	int64		account;
	bool		has_limit;		/* contact_limit is not null */
	cs_moment	horizon;		/* facts are kept as of it, and older events may be dropped */
} CsPolicy;

/*
 * From the values of a row, whose outcome column is of the given enum type.
 * Raises 22023 where a setting is out of its range, naming it.
 */
extern CsPolicy cs_policy_of_values(const Datum *values, const bool *nulls, Oid status_type);

/* From a composite value. */
extern CsPolicy cs_policy_of_datum(Datum composite);

/* Consent settings from a composite value of contact_status.consent_settings. */
extern cs_consent_rules cs_consent_of_datum(Datum composite);

/* How many consent settings there are, in the order of contact_status.consent_settings. */
#define CONSENT_SETTINGS 5

/* Consent settings from their values; NULLs are read as defaults. */
extern cs_consent_rules cs_consent_of_values(const Datum *values, const bool *nulls);

/* The values of consent settings, in the same order. */
extern void cs_consent_to_values(const cs_consent_rules *rules, Datum *values, bool *nulls);

/* A policy that comes with the extension.  Raises 23503 where there is none of the name. */
extern CsPolicy cs_builtin_policy_named(const char *name);

#endif							/* CONTACT_STATUS_POLICY_H */
