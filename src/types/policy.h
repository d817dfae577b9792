/*
 * policy.h
 *		Policies: conversion from SQL values, and the built-in policies.
 */
#ifndef CONTACT_STATUS_POLICY_H
#define CONTACT_STATUS_POLICY_H

#include "rules/rules.h"

/* Columns of type contact_status.policy, and so of each table policy. */
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
	POLICY_COMPLAINT_STOPS_ALL,
	POLICY_COUNTED
} PolicyColumn;

#define POLICY_COLUMNS (POLICY_COUNTED + 1)

typedef struct CsPolicy
{
	cs_policy	rules;			/* bounces and engagement */
	cs_consent_rules consent;	/* double_opt_in is that of the policy */
	bool		complained_refuse;	/* complained_insert = refuse */
	bool		complaint_stops_all;	/* transactional mail as well */
	uint32		counted;		/* bit mask of the statuses that count */

	/* of an account with this policy; set by settings.c */
	int64		account;
	bool		has_limit;		/* contact_limit is not null */
	cs_moment	horizon;		/* facts are stored as of this time, older events may be dropped */
} CsPolicy;

/*
 * Converts the values of a row.  `status_type` is the enum type of column
 * soft_bounce_outcome.  Raises 22023 if a setting is out of its range; the
 * message names the setting.
 */
extern CsPolicy cs_policy_of_values(const Datum *values, const bool *nulls, Oid status_type);

/* The same for a composite value of type policy. */
extern CsPolicy cs_policy_of_datum(Datum composite);

/*
 * Converts a composite value of type contact_status.consent_settings.  Raises
 * 22023 if a setting is not one of its words.
 */
extern cs_consent_rules cs_consent_of_datum(Datum composite);

/* The number of consent settings, in the order of contact_status.consent_settings. */
#define CONSENT_SETTINGS 5

/*
 * The same for the values of that type.  A null means the first word of the
 * setting, false, or no such rule.
 */
extern cs_consent_rules cs_consent_of_values(const Datum *values, const bool *nulls);

/* The values of consent settings, in the same order. */
extern void cs_consent_to_values(const cs_consent_rules *rules, Datum *values, bool *nulls);

/* Returns a built-in policy.  Raises 23503 if none has this name. */
extern CsPolicy cs_builtin_policy_named(const char *name);

#endif							/* CONTACT_STATUS_POLICY_H */
