/*
 * webhook_events.c
 *		webhook_events(), webhook_rules() and mail_report_events(): the mappings
 *		of src/webhooks in SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "functions/classify_reply.h"
#include "rules/rules.h"
#include "types/enums.h"
#include "webhooks/webhooks.h"

#define EVENT_COLUMNS 8
#define RULE_COLUMNS 6

static const char *
classify(const char *reply)
{
	return cs_kind_of_reply(cstring_to_text(reply));
}

static void
set_text(const char *string, Datum *value, bool *null)
{
	*null = string == NULL;
	if (string != NULL)
		*value = CStringGetTextDatum(string);
}

/* Stores the label of a kind as a value of the enum type. */
static void
set_kind(Oid type, const char *label, Datum *value, bool *null)
{
	*null = true;
	for (int kind = 0; label != NULL && *null && kind < CS_KINDS; kind++)
		if (strcmp(cs_kind_labels[kind], label) == 0)
		{
			*value = cs_kind_datum(type, kind);
			*null = false;
		}
}

static void
put_event(const cs_webhook_event *event, void *state)
{
	ReturnSetInfo *result = state;
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];

	set_text(event->recipient, &values[0], &nulls[0]);
	set_kind(TupleDescAttr(result->setDesc, 1)->atttypid, event->kind, &values[1], &nulls[1]);
	values[2] = TimestampTzGetDatum(event->occurred_at);
	nulls[2] = event->occurred_at == CS_NO_TIME;
	set_text(event->event_key, &values[3], &nulls[3]);
	set_text(event->campaign, &values[4], &nulls[4]);
	set_text(event->reason, &values[5], &nulls[5]);
	set_text(event->reply, &values[6], &nulls[6]);
	set_text(event->type, &values[7], &nulls[7]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static const cs_provider *
find_provider(const char *name)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; cs_providers[i] != NULL; i++)
	{
		if (strcmp(cs_providers[i]->name, name) == 0)
			return cs_providers[i];
		appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", cs_providers[i]->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown provider \"%s\"", name),
			 errhint("The providers are %s.", names.data)));
}

/*
 * webhook_events(provider, payload): a row for each event of the payload.
 * Raises 22023 for an unknown provider, and for a payload of another provider.
 */
PG_FUNCTION_INFO_V1(cs_webhook_events);
Datum
cs_webhook_events(PG_FUNCTION_ARGS)
{
	cs_webhook_host host = {classify, put_event, fcinfo->resultinfo};
	const cs_provider *provider;

	InitMaterializedSRF(fcinfo, 0);
	provider = find_provider(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cs_read_webhook(provider, PG_GETARG_JSONB_P(1), &host);
	return (Datum) 0;
}

/*
 * mail_report_events(mail): a row for each event of a feedback-loop report or a
 * delivery status notification.  Raises 22023 for another text.
 */
PG_FUNCTION_INFO_V1(cs_mail_report_events);
Datum
cs_mail_report_events(PG_FUNCTION_ARGS)
{
	cs_webhook_host host = {classify, put_event, fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	cs_read_mail_report(text_to_cstring(PG_GETARG_TEXT_PP(0)), &host);
	return (Datum) 0;
}

/* webhook_rules(): the rules of all providers, in order. */
PG_FUNCTION_INFO_V1(cs_webhook_rules);
Datum
cs_webhook_rules(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; cs_providers[i] != NULL; i++)
		for (const cs_webhook_rule *rule = cs_providers[i]->rules; rule->type != NULL; rule++)
		{
			Datum		values[RULE_COLUMNS];
			bool		nulls[RULE_COLUMNS];

			set_text(cs_providers[i]->name, &values[0], &nulls[0]);
			values[1] = Int32GetDatum(rule - cs_providers[i]->rules + 1);
			nulls[1] = false;
			set_text(rule->type, &values[2], &nulls[2]);
			set_text(rule->condition, &values[3], &nulls[3]);
			set_kind(TupleDescAttr(result->setDesc, 4)->atttypid, rule->kind, &values[4], &nulls[4]);
			values[5] = BoolGetDatum(rule->by_reply);
			nulls[5] = false;
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	return (Datum) 0;
}
