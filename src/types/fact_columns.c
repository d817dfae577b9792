/*
 * fact_columns.c
 *		Reads and writes the facts of a contact as columns of a row.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "rules/rules.h"
#include "types/enums.h"
#include "types/fact_columns.h"

static const CsColumn fact_columns[FACT_COLUMNS] = {
	[FACT_STATUS] = {"status", CS_TYPE_STATUS, true},
	[FACT_MONITORED] = {"monitored", BOOLOID, true},
	[FACT_HARD_BOUNCES] = {"hard_bounces", INT2OID, true},
	[FACT_CHANGED_AT] = {"changed_at", TIMESTAMPTZOID, false},
	[FACT_DUE_AT] = {"due_at", TIMESTAMPTZOID, false},
	[FACT_HARD_BOUNCED_AT] = {"hard_bounced_at", TIMESTAMPTZOID, false},
	[FACT_UNSUBSCRIBED_AT] = {"unsubscribed_at", TIMESTAMPTZOID, false},
	[FACT_COMPLAINED_AT] = {"complained_at", TIMESTAMPTZOID, false},
	[FACT_DELETED_AT] = {"deleted_at", TIMESTAMPTZOID, false},
	[FACT_SUSPENDED_AT] = {"suspended_at", TIMESTAMPTZOID, false},
	[FACT_SUSPENDED_UNTIL] = {"suspended_until", TIMESTAMPTZOID, false},
	[FACT_UNANSWERED_SINCE] = {"unanswered_since", TIMESTAMPTZOID, false},
	[FACT_UNANSWERED] = {"unanswered", INT8ARRAYOID, false},
	[FACT_DELIVERED_CAMPAIGN] = {"delivered_campaign", INT8OID, false},
	[FACT_RUN_CAMPAIGNS] = {"run_campaigns", INT8ARRAYOID, false},
	[FACT_RUN_TIMES] = {"run_times", TIMESTAMPTZARRAYOID, false},
	[FACT_ERASED_AT] = {"erased_at", TIMESTAMPTZOID, false},
	[FACT_HARD_BOUNCE_CAMPAIGNS] = {"hard_bounce_campaigns", INT8ARRAYOID, false},
	[FACT_LAST_ERROR_AT] = {"last_error_at", TIMESTAMPTZOID, false},
	[FACT_LAPSED_AT] = {"lapsed_at", TIMESTAMPTZOID, false},
	[FACT_ADDRESS_SINCE] = {"address_since", TIMESTAMPTZOID, false}
};

static bool
is_column(TupleDesc desc, int i, const char *name)
{
	Form_pg_attribute column = TupleDescAttr(desc, i);

	return !column->attisdropped && strcmp(NameStr(column->attname), name) == 0;
}

static void
check_column(Form_pg_attribute column, bool is_table, const CsColumn *wanted)
{
	static Oid	folded;
	bool		right = column->atttypid == wanted->type;

	if (wanted->type == CS_TYPE_STATUS || wanted->type == CS_TYPE_KIND)
		right = cs_is_enum(column->atttypid, wanted->type == CS_TYPE_STATUS);
	else if (wanted->type == CS_TYPE_FOLDED)
		right = cs_is_own_type(column->atttypid, "folded_contact", &folded);
	if (!right)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, not as it should be", wanted->name,
						format_type_be(column->atttypid)),
				 errhint("Restore the table as contact_status.create_tables makes it.")));
	if (is_table && wanted->not_null && !column->attnotnull)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is not NOT NULL, as it should be", wanted->name),
				 errhint("Restore the table as contact_status.create_tables makes it.")));
}

void
cs_find_columns(TupleDesc desc, bool is_table, const CsColumn *wanted, int count, AttrNumber *columns)
{
	int			at = 0;

	for (int n = 0; n < count; n++)
	{
		int			tried = 0;

		/* start after the last match: create_tables creates the columns in this order */
		while (tried < desc->natts && !is_column(desc, at, wanted[n].name))
		{
			at = (at + 1) % desc->natts;
			tried++;
		}
		if (tried == desc->natts)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" is missing", wanted[n].name),
					 errhint("Restore the table as contact_status.create_tables makes it.")));
		check_column(TupleDescAttr(desc, at), is_table, &wanted[n]);
		columns[n] = at + 1;
		at = (at + 1) % desc->natts;
	}
}

void
cs_find_fact_columns(TupleDesc desc, bool is_table, AttrNumber *columns)
{
	cs_find_columns(desc, is_table, fact_columns, FACT_COLUMNS, columns);
}

/* ---- reading ---- */

TupleDesc
cs_deform(Datum composite, Datum **values, bool **nulls)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(composite);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {0};

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	tuple.t_data = header;
	*values = palloc(desc->natts * sizeof(Datum));
	*nulls = palloc(desc->natts * sizeof(bool));
	heap_deform_tuple(&tuple, desc, *values, *nulls);
	return desc;
}

static bool
is_word(text *given, const char *word)
{
	return VARSIZE_ANY_EXHDR(given) == strlen(word) && memcmp(VARDATA_ANY(given), word, strlen(word)) == 0;
}

void
cs_read_source(cs_event *event, text *source)
{
	event->manual = is_word(source, "manual");
	event->erasure = is_word(source, "erasure");
}

cs_evidence
cs_evidence_of(text *evidence)
{
	for (size_t i = 0; i < VARSIZE_ANY_EXHDR(evidence); i++)
		if (!isspace((unsigned char) VARDATA_ANY(evidence)[i]))
			return CS_EVIDENCE_GIVEN;
	return CS_EVIDENCE_BLANK;
}

static int
elements_of(Datum array, Oid type, Datum **values, bool **nulls)
{
	int			count;

	/* bigint and timestamptz have the same length and alignment */
	deconstruct_array(DatumGetArrayTypeP(array), type, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, values, nulls, &count);
	return count;
}

static void
load_run(cs_facts *contact, Datum campaigns, Datum times)
{
	Datum	   *campaign,
			   *time;
	bool	   *no_campaign;
	int			count = elements_of(times, TIMESTAMPTZOID, &time, NULL);

	if (elements_of(campaigns, INT8OID, &campaign, &no_campaign) != count)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the run of errors of a contact is damaged"),
				 errhint("Call contact_status.repair.")));
	for (int i = 0; i < count; i++)
		cs_load_error(contact, cs_id_of_datum(campaign[i], no_campaign[i]), DatumGetInt64(time[i]));
}

static void
load_hard_campaigns(cs_facts *contact, Datum campaigns)
{
	Datum	   *campaign;
	bool	   *no_campaign;
	int			count = elements_of(campaigns, INT8OID, &campaign, &no_campaign);

	for (int i = 0; i < count; i++)
		cs_load_hard_campaign(contact, cs_id_of_datum(campaign[i], no_campaign[i]));
}

static void
load_unanswered(cs_facts *contact, Datum campaigns)
{
	Datum	   *campaign;
	int			count = elements_of(campaigns, INT8OID, &campaign, NULL);

	for (int i = 0; i < count; i++)
		cs_load_unanswered(contact, DatumGetInt64(campaign[i]));
}

void
cs_facts_of_values(CsContactRow *facts, TupleDesc desc, const AttrNumber *columns,
				   const Datum *values, const bool *nulls)
{
	cs_facts *contact = &facts->contact;

#define VALUE(column) values[columns[column] - 1]
#define ISNULL(column) nulls[columns[column] - 1]
#define MOMENT(column) cs_moment_of_datum(VALUE(column), ISNULL(column))
	if (ISNULL(FACT_STATUS) || ISNULL(FACT_MONITORED) || ISNULL(FACT_HARD_BOUNCES))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("status, monitored and hard_bounces of a contact must not be null"),
				 errhint("Give a row of table contact.")));
	cs_clear_facts(contact);
	facts->status = cs_status_of_datum(TupleDescAttr(desc, columns[FACT_STATUS] - 1)->atttypid,
									   VALUE(FACT_STATUS));
	facts->changed = MOMENT(FACT_CHANGED_AT);
	facts->due = MOMENT(FACT_DUE_AT);
	contact->monitored = DatumGetBool(VALUE(FACT_MONITORED));
	contact->hard_bounces = DatumGetInt16(VALUE(FACT_HARD_BOUNCES));
	contact->hard_bounced = MOMENT(FACT_HARD_BOUNCED_AT);
	contact->unsubscribed = MOMENT(FACT_UNSUBSCRIBED_AT);
	contact->complained = MOMENT(FACT_COMPLAINED_AT);
	contact->deleted = MOMENT(FACT_DELETED_AT);
	contact->erased = MOMENT(FACT_ERASED_AT);
	contact->last_error = MOMENT(FACT_LAST_ERROR_AT);
	contact->lapsed = MOMENT(FACT_LAPSED_AT);
	contact->address_since = MOMENT(FACT_ADDRESS_SINCE);
	contact->suspended = MOMENT(FACT_SUSPENDED_AT);
	contact->suspended_until = MOMENT(FACT_SUSPENDED_UNTIL);
	contact->unanswered_since = MOMENT(FACT_UNANSWERED_SINCE).at;
	contact->delivered = cs_id_of_datum(VALUE(FACT_DELIVERED_CAMPAIGN), ISNULL(FACT_DELIVERED_CAMPAIGN));
	if (ISNULL(FACT_UNANSWERED_SINCE))
		contact->unanswered_since = 0;
	if (!ISNULL(FACT_UNANSWERED))
		load_unanswered(contact, VALUE(FACT_UNANSWERED));
	if (!ISNULL(FACT_HARD_BOUNCE_CAMPAIGNS))
		load_hard_campaigns(contact, VALUE(FACT_HARD_BOUNCE_CAMPAIGNS));
	if (!ISNULL(FACT_RUN_TIMES) && !ISNULL(FACT_RUN_CAMPAIGNS))
		load_run(contact, VALUE(FACT_RUN_CAMPAIGNS), VALUE(FACT_RUN_TIMES));
#undef MOMENT
#undef ISNULL
#undef VALUE
}

/* ---- writing ---- */

static Datum
array_of(Datum *values, bool *nulls, int count, Oid type)
{
	int			lower = 1;

	return PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower, type, sizeof(int64),
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
store_run(const cs_facts *contact, Datum *campaigns, Datum *times)
{
	int			count = contact->run_count;
	Datum	   *campaign = palloc(count * sizeof(Datum));
	bool	   *no_campaign = palloc(count * sizeof(bool));
	Datum	   *time = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
	{
		campaign[i] = Int64GetDatum(contact->run[i].campaign.id);
		no_campaign[i] = !contact->run[i].campaign.set;
		time[i] = Int64GetDatum(contact->run[i].at);
	}
	*campaigns = array_of(campaign, no_campaign, count, INT8OID);
	*times = array_of(time, NULL, count, TIMESTAMPTZOID);
}

static Datum
store_hard_campaigns(const cs_facts *contact)
{
	int			count = contact->hard_campaign_count;
	Datum	   *campaign = palloc(count * sizeof(Datum));
	bool	   *no_campaign = palloc(count * sizeof(bool));

	for (int i = 0; i < count; i++)
	{
		campaign[i] = Int64GetDatum(contact->hard_campaigns[i].id);
		no_campaign[i] = !contact->hard_campaigns[i].set;
	}
	return array_of(campaign, no_campaign, count, INT8OID);
}

static Datum
store_unanswered(const cs_facts *contact)
{
	Datum	   *campaign = palloc(contact->unanswered_count * sizeof(Datum));

	for (int i = 0; i < contact->unanswered_count; i++)
		campaign[i] = Int64GetDatum(contact->unanswered[i]);
	return array_of(campaign, NULL, contact->unanswered_count, INT8OID);
}

void
cs_facts_to_values(const CsContactRow *facts, TupleDesc desc, const AttrNumber *columns,
				   Datum *values, bool *nulls)
{
	const cs_facts *contact = &facts->contact;

#define VALUE(column) values[columns[column] - 1]
#define ISNULL(column) nulls[columns[column] - 1]
#define MOMENT(column, moment) cs_moment_to_datum(moment, &VALUE(column), &ISNULL(column))
	VALUE(FACT_STATUS) = cs_status_datum(TupleDescAttr(desc, columns[FACT_STATUS] - 1)->atttypid,
										 facts->status);
	VALUE(FACT_MONITORED) = BoolGetDatum(contact->monitored);
	VALUE(FACT_HARD_BOUNCES) = Int16GetDatum(contact->hard_bounces);
	ISNULL(FACT_STATUS) = ISNULL(FACT_MONITORED) = ISNULL(FACT_HARD_BOUNCES) = false;
	MOMENT(FACT_CHANGED_AT, facts->changed);
	MOMENT(FACT_DUE_AT, facts->due);
	MOMENT(FACT_LAST_ERROR_AT, contact->last_error);
	MOMENT(FACT_LAPSED_AT, contact->lapsed);
	MOMENT(FACT_ADDRESS_SINCE, contact->address_since);
	MOMENT(FACT_HARD_BOUNCED_AT, contact->hard_bounced);
	MOMENT(FACT_UNSUBSCRIBED_AT, contact->unsubscribed);
	MOMENT(FACT_COMPLAINED_AT, contact->complained);
	MOMENT(FACT_DELETED_AT, contact->deleted);
	MOMENT(FACT_ERASED_AT, contact->erased);
	MOMENT(FACT_SUSPENDED_AT, contact->suspended);
	MOMENT(FACT_SUSPENDED_UNTIL, contact->suspended_until);
	VALUE(FACT_DELIVERED_CAMPAIGN) = Int64GetDatum(contact->delivered.id);
	ISNULL(FACT_DELIVERED_CAMPAIGN) = !contact->delivered.set;

	VALUE(FACT_UNANSWERED_SINCE) = Int64GetDatum(contact->unanswered_since);
	ISNULL(FACT_UNANSWERED_SINCE) = ISNULL(FACT_UNANSWERED) = contact->unanswered_count == 0;
	if (contact->unanswered_count > 0)
		VALUE(FACT_UNANSWERED) = store_unanswered(contact);

	ISNULL(FACT_HARD_BOUNCE_CAMPAIGNS) = contact->hard_campaign_count == 0;
	if (contact->hard_campaign_count > 0)
		VALUE(FACT_HARD_BOUNCE_CAMPAIGNS) = store_hard_campaigns(contact);
	ISNULL(FACT_RUN_CAMPAIGNS) = ISNULL(FACT_RUN_TIMES) = contact->run_count == 0;
	if (contact->run_count > 0)
		store_run(contact, &VALUE(FACT_RUN_CAMPAIGNS), &VALUE(FACT_RUN_TIMES));
#undef MOMENT
#undef ISNULL
#undef VALUE
}
