/*
 * policy.c
 *		Policies: conversion from and to SQL values, and the five built-in
 *		policies.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "compat.h"
#include "rules/rules.h"
#include "types/enums.h"
#include "types/fact_columns.h"
#include "types/policy.h"

#define COUNTED_BY_DEFAULT ((1 << CS_STATUS_ACTIVE) | (1 << CS_STATUS_SOFT_BOUNCED))

/* The table in docs/reference.md, section "Policies".  A value of 0 means that there is no such rule. */
static const struct
{
	const char *name;
	CsPolicy	policy;
}			builtin_policies[] = {
	{"default", {
		.complaint_stops_all = true,
		.consent = {.double_opt_in = true,.confirm_within = 30 * USECS_PER_DAY},
		.rules = {.soft_bounce_limit = 5,.soft_bounces_per_campaign = 1,
			.soft_bounce_outcome = CS_STATUS_HARD_BOUNCED,.soft_bounce_memory = 90 * USECS_PER_DAY,
			.hard_bounce_limit = 1}
	}},
	{"salesmanago", {
		.complaint_stops_all = true,
		.consent = {.double_opt_in = true,.unsubscribe_account = true},
		.rules = {.soft_bounce_outcome = CS_STATUS_FAILING,.hard_bounce_limit = 2,
			.hard_bounces_per_campaign = 1}
	}},
	{"activecampaign", {
		.complaint_stops_all = true,
		.consent = {.import_by_list = true},
		.rules = {.soft_bounce_limit = 3,
			.soft_bounce_outcome = CS_STATUS_HARD_BOUNCED,.hard_bounce_limit = 1}
	}},
	{"ecomail", {
		.complaint_stops_all = true,
		.consent = {.double_opt_in = true,.unsubscribe_account = true},
		.rules = {.soft_bounce_limit = 10,.soft_bounces_per_campaign = 6,
			.soft_bounce_window = 2 * USECS_PER_DAY,
			.soft_bounce_outcome = CS_STATUS_HARD_BOUNCED,.hard_bounce_limit = 1}
	}},
	{"emailmanager", {
		.complaint_stops_all = true,
		.consent = {.unsubscribe_account = true,.resubscribe_never = true},
		.complained_refuse = true,
		.rules = {.soft_bounce_limit = 5,.soft_bounce_outcome = CS_STATUS_FAILING,
			.blocked_counts = true,.unresponsive_campaigns = 10,
			.unresponsive_after = 15 * USECS_PER_DAY}
	}},
};

CsPolicy
cs_builtin_policy_named(const char *name)
{
	for (size_t i = 0; i < lengthof(builtin_policies); i++)
		if (strcmp(builtin_policies[i].name, name) == 0)
			return builtin_policies[i].policy;
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("policy \"%s\" does not exist", name),
			 errhint("The policies that come with the extension are default, salesmanago, activecampaign, ecomail and emailmanager.")));
}

/* ---- from SQL ---- */

pg_noreturn static void
refuse_setting(const char *setting, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for policy setting \"%s\"", setting),
			 errhint("It must be %s.", wanted)));
}

static int
limit_setting(Datum value, bool isnull, const char *setting)
{
	int			limit = isnull ? 0 : DatumGetInt32(value);

	if (!isnull && (limit < 1 || limit > CS_LIMIT_MAX))
		refuse_setting(setting, "null (no such rule) or from 1 to 1000");
	return limit;
}

static cs_time
interval_setting(Datum value, bool isnull, const char *setting)
{
	Interval   *interval = isnull ? NULL : DatumGetIntervalP(value);
	cs_time		result;

	if (isnull)
		return 0;
	if (interval->month != 0 ||
		__builtin_mul_overflow((int64) interval->day, USECS_PER_DAY, &result) ||
		__builtin_add_overflow(result, interval->time, &result) || result <= 0)
		refuse_setting(setting, "null (no such rule) or a positive interval without months or years");
	return result;
}

/* Returns whether the setting is the second of its two words.  Null means the first. */
static bool
choice_setting(Datum value, bool isnull, const char *setting, const char *first, const char *second)
{
	char	   *word;

	if (isnull)
		return false;
	word = TextDatumGetCString(value);
	if (strcmp(word, second) == 0)
		return true;
	if (strcmp(word, first) != 0)
		refuse_setting(setting, psprintf("%s or %s", first, second));
	return false;
}

static bool
flag_setting(Datum value, bool isnull)
{
	return !isnull && DatumGetBool(value);
}

/* Converts an array of statuses to a bit mask. */
static uint32
statuses_setting(Datum value, Oid status_type)
{
	uint32		bits = 0;
	Datum	   *statuses;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(value), status_type, sizeof(Oid), true, TYPALIGN_INT,
					  &statuses, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			refuse_setting("counted", "an array of statuses without nulls");
		bits |= 1 << cs_status_of_datum(status_type, statuses[i]);
	}
	return bits;
}

CsPolicy
cs_policy_of_values(const Datum *values, const bool *nulls, Oid status_type)
{
	CsPolicy	policy = {0};
	cs_policy  *rules = &policy.rules;

#define SETTING(column) values[column], nulls[column]
	policy.consent.import_by_list =
		choice_setting(SETTING(POLICY_IMPORT_CONSENT), "import_consent", "subscribed", "by_list");
	policy.consent.double_opt_in = flag_setting(SETTING(POLICY_DOUBLE_OPT_IN));
	policy.consent.unsubscribe_account =
		choice_setting(SETTING(POLICY_UNSUBSCRIBE_SCOPE), "unsubscribe_scope", "list", "account");
	policy.consent.resubscribe_never =
		choice_setting(SETTING(POLICY_RESUBSCRIBE), "resubscribe", "confirmed", "never");
	policy.consent.confirm_within =
		interval_setting(SETTING(POLICY_CONFIRM_WITHIN), "confirm_within");
	policy.complained_refuse =
		choice_setting(SETTING(POLICY_COMPLAINED_INSERT), "complained_insert", "keep", "refuse");
	policy.complaint_stops_all = nulls[POLICY_COMPLAINT_STOPS_ALL] || DatumGetBool(values[POLICY_COMPLAINT_STOPS_ALL]);

	rules->soft_bounce_limit =
		limit_setting(SETTING(POLICY_SOFT_BOUNCE_LIMIT), "soft_bounce_limit");
	rules->soft_bounces_per_campaign =
		limit_setting(SETTING(POLICY_SOFT_BOUNCES_PER_CAMPAIGN), "soft_bounces_per_campaign");
	rules->soft_bounce_window =
		interval_setting(SETTING(POLICY_SOFT_BOUNCE_WINDOW), "soft_bounce_window");
	rules->soft_bounce_outcome = nulls[POLICY_SOFT_BOUNCE_OUTCOME] ? CS_STATUS_HARD_BOUNCED :
		cs_status_of_datum(status_type, values[POLICY_SOFT_BOUNCE_OUTCOME]);
	rules->blocked_counts = flag_setting(SETTING(POLICY_BLOCKED_COUNTS));
	rules->soft_bounce_memory =
		interval_setting(SETTING(POLICY_SOFT_BOUNCE_MEMORY), "soft_bounce_memory");
	rules->hard_bounce_limit =
		limit_setting(SETTING(POLICY_HARD_BOUNCE_LIMIT), "hard_bounce_limit");
	rules->hard_bounces_per_campaign =
		limit_setting(SETTING(POLICY_HARD_BOUNCES_PER_CAMPAIGN), "hard_bounces_per_campaign");
	rules->unresponsive_campaigns =
		limit_setting(SETTING(POLICY_UNRESPONSIVE_CAMPAIGNS), "unresponsive_campaigns");
	rules->unresponsive_after =
		interval_setting(SETTING(POLICY_UNRESPONSIVE_AFTER), "unresponsive_after");
#undef SETTING

	if (rules->soft_bounce_outcome != CS_STATUS_FAILING &&
		rules->soft_bounce_outcome != CS_STATUS_HARD_BOUNCED)
		refuse_setting("soft_bounce_outcome", "failing or hard_bounced");
	policy.counted = nulls[POLICY_COUNTED] ? COUNTED_BY_DEFAULT :
		statuses_setting(values[POLICY_COUNTED], status_type);
	return policy;
}

CsPolicy
cs_policy_of_datum(Datum composite)
{
	Datum	   *values;
	bool	   *nulls;
	TupleDesc	desc = cs_deform(composite, &values, &nulls);
	CsPolicy	policy = cs_policy_of_values(values, nulls,
											 TupleDescAttr(desc, POLICY_SOFT_BOUNCE_OUTCOME)->atttypid);

	ReleaseTupleDesc(desc);
	return policy;
}

cs_consent_rules
cs_consent_of_values(const Datum *values, const bool *nulls)
{
	cs_consent_rules rules;

	rules.import_by_list = choice_setting(values[0], nulls[0], "import_consent", "subscribed", "by_list");
	rules.double_opt_in = flag_setting(values[1], nulls[1]);
	rules.unsubscribe_account = choice_setting(values[2], nulls[2], "unsubscribe_scope", "list", "account");
	rules.resubscribe_never = choice_setting(values[3], nulls[3], "resubscribe", "confirmed", "never");
	rules.confirm_within = interval_setting(values[4], nulls[4], "confirm_within");
	return rules;
}

cs_consent_rules
cs_consent_of_datum(Datum composite)
{
	Datum	   *values;
	bool	   *nulls;
	TupleDesc	desc = cs_deform(composite, &values, &nulls);

	ReleaseTupleDesc(desc);
	return cs_consent_of_values(values, nulls);
}

/* ---- to SQL ---- */

static void
set_limit(Datum *value, bool *isnull, int limit)
{
	*value = Int32GetDatum(limit);
	*isnull = limit == 0;
}

static void
set_interval(Datum *value, bool *isnull, cs_time length)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->day = length / USECS_PER_DAY;
	interval->time = length % USECS_PER_DAY;
	*value = IntervalPGetDatum(interval);
	*isnull = length == 0;
}

void
cs_consent_to_values(const cs_consent_rules *rules, Datum *values, bool *nulls)
{
	memset(nulls, false, CONSENT_SETTINGS * sizeof(bool));
	values[0] = CStringGetTextDatum(rules->import_by_list ? "by_list" : "subscribed");
	values[1] = BoolGetDatum(rules->double_opt_in);
	values[2] = CStringGetTextDatum(rules->unsubscribe_account ? "account" : "list");
	values[3] = CStringGetTextDatum(rules->resubscribe_never ? "never" : "confirmed");
	set_interval(&values[4], &nulls[4], rules->confirm_within);
}

PG_FUNCTION_INFO_V1(cs_builtin_policy);
Datum
cs_builtin_policy(PG_FUNCTION_ARGS)
{
	CsPolicy	policy = cs_builtin_policy_named(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cs_policy  *rules = &policy.rules;
	Datum		values[POLICY_COLUMNS];
	bool		nulls[POLICY_COLUMNS] = {0};
	TupleDesc	desc;
	Oid			status_type;
	Datum		counted[2];
	Datum		consent[CONSENT_SETTINGS];
	bool		no_consent[CONSENT_SETTINGS];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != POLICY_COLUMNS)
		elog(ERROR, "unexpected result type");
	status_type = TupleDescAttr(desc, POLICY_SOFT_BOUNCE_OUTCOME)->atttypid;

	values[POLICY_NAME] = PG_GETARG_DATUM(0);
	cs_consent_to_values(&policy.consent, consent, no_consent);
	values[POLICY_IMPORT_CONSENT] = consent[0];
	values[POLICY_DOUBLE_OPT_IN] = consent[1];
	values[POLICY_UNSUBSCRIBE_SCOPE] = consent[2];
	values[POLICY_RESUBSCRIBE] = consent[3];
	values[POLICY_CONFIRM_WITHIN] = consent[4];
	nulls[POLICY_CONFIRM_WITHIN] = no_consent[4];
	values[POLICY_SOFT_BOUNCE_OUTCOME] = cs_status_datum(status_type, rules->soft_bounce_outcome);
	values[POLICY_BLOCKED_COUNTS] = BoolGetDatum(rules->blocked_counts);
	values[POLICY_COMPLAINED_INSERT] =
		CStringGetTextDatum(policy.complained_refuse ? "refuse" : "keep");
	values[POLICY_COMPLAINT_STOPS_ALL] = BoolGetDatum(policy.complaint_stops_all);
	counted[0] = cs_status_datum(status_type, CS_STATUS_ACTIVE);
	counted[1] = cs_status_datum(status_type, CS_STATUS_SOFT_BOUNCED);
	values[POLICY_COUNTED] = PointerGetDatum(construct_array(counted, 2, status_type,
															 sizeof(Oid), true, TYPALIGN_INT));
#define SETTING(column) &values[column], &nulls[column]
	set_limit(SETTING(POLICY_SOFT_BOUNCE_LIMIT), rules->soft_bounce_limit);
	set_limit(SETTING(POLICY_SOFT_BOUNCES_PER_CAMPAIGN), rules->soft_bounces_per_campaign);
	set_interval(SETTING(POLICY_SOFT_BOUNCE_WINDOW), rules->soft_bounce_window);
	set_interval(SETTING(POLICY_SOFT_BOUNCE_MEMORY), rules->soft_bounce_memory);
	set_limit(SETTING(POLICY_HARD_BOUNCE_LIMIT), rules->hard_bounce_limit);
	set_limit(SETTING(POLICY_HARD_BOUNCES_PER_CAMPAIGN), rules->hard_bounces_per_campaign);
	set_limit(SETTING(POLICY_UNRESPONSIVE_CAMPAIGNS), rules->unresponsive_campaigns);
	set_interval(SETTING(POLICY_UNRESPONSIVE_AFTER), rules->unresponsive_after);
#undef SETTING
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
