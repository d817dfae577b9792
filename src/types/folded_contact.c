/*
 * folded_contact.c
 *		A contact with its consents, as a value of type folded_contact.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "rules/rules.h"
#include "types/enums.h"
#include "types/fact_columns.h"
#include "types/folded_contact.h"

/* Columns of folded_contact: the facts, then the subscriptions. */
#define SUBSCRIPTIONS FACT_COLUMNS
#define COLUMNS (SUBSCRIPTIONS + 1)

/* Columns of folded_subscription. */
enum
{
	LIST, STATUS, CONSENT, CONSENT_AT, REQUESTED_AT, REQUEST_KEY, SUBSCRIPTION_COLUMNS
};

static Datum
subscriptions_array(const cs_facts *contact, cs_status address, Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	Oid			status_type = TupleDescAttr(desc, STATUS)->atttypid;
	Datum	   *rows = palloc(contact->consent_count * sizeof(Datum));
	Datum		result;

	for (int i = 0; i < contact->consent_count; i++)
	{
		const cs_consent *s = &contact->consents[i];
		Datum		values[SUBSCRIPTION_COLUMNS];
		bool		nulls[SUBSCRIPTION_COLUMNS] = {0};

		values[LIST] = Int64GetDatum(s->list);
		values[STATUS] = cs_status_datum(status_type, cs_subscription_status(s->consent, address));
		values[CONSENT] = cs_status_datum(status_type, s->consent);
		values[CONSENT_AT] = TimestampTzGetDatum(s->at);
		cs_moment_to_datum(s->requested, &values[REQUESTED_AT], &nulls[REQUESTED_AT]);
		nulls[REQUEST_KEY] = !s->requested.set;
		if (s->requested.set)
			values[REQUEST_KEY] = PointerGetDatum(cstring_to_text_with_len(s->key, s->key_size));
		rows[i] = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	}
	result = PointerGetDatum(construct_array(rows, contact->consent_count, type, -1, false, TYPALIGN_DOUBLE));
	ReleaseTupleDesc(desc);
	return result;
}

Datum
cs_folded_datum(const CsContactRow *facts, cs_status address, TupleDesc desc)
{
	AttrNumber	columns[FACT_COLUMNS];
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};

	if (desc->natts != COLUMNS)
		elog(ERROR, "folded_contact has %d columns", desc->natts);
	cs_find_fact_columns(desc, false, columns);
	cs_facts_to_values(facts, desc, columns, values, nulls);
	values[SUBSCRIPTIONS] = subscriptions_array(&facts->contact, address,
												get_element_type(TupleDescAttr(desc, SUBSCRIPTIONS)->atttypid));
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

static void
load_subscription(cs_facts *contact, Datum subscription)
{
	Datum	   *values;
	bool	   *nulls;
	TupleDesc	desc = cs_deform(subscription, &values, &nulls);
	Oid			status_type = TupleDescAttr(desc, CONSENT)->atttypid;
	cs_consent *consent = cs_load_consent(contact, DatumGetInt64(values[LIST]),
										  cs_status_of_datum(status_type, values[CONSENT]),
										  DatumGetTimestampTz(values[CONSENT_AT]));

	if (!nulls[REQUESTED_AT])
	{
		text	   *key = nulls[REQUEST_KEY] ? cstring_to_text("") : DatumGetTextPP(values[REQUEST_KEY]);

		cs_load_request(consent, DatumGetTimestampTz(values[REQUESTED_AT]), VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
	}
	ReleaseTupleDesc(desc);
}

void
cs_facts_of_folded(CsContactRow *facts, Datum folded)
{
	Datum	   *values;
	bool	   *nulls;
	TupleDesc	desc = cs_deform(folded, &values, &nulls);
	AttrNumber	columns[FACT_COLUMNS];

	cs_find_fact_columns(desc, false, columns);
	cs_facts_of_values(facts, desc, columns, values, nulls);
	if (!nulls[SUBSCRIPTIONS])
	{
		ArrayType  *array = DatumGetArrayTypeP(values[SUBSCRIPTIONS]);
		Datum	   *rows;
		int			count;

		deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &rows, NULL, &count);
		for (int i = 0; i < count; i++)
			load_subscription(&facts->contact, rows[i]);
	}
	ReleaseTupleDesc(desc);
}
