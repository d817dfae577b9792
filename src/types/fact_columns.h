/*
 * fact_columns.h
 *		The facts of a contact in the columns of a row.
 *
 * The same columns stand in table contact and in type folded_contact, and are
 * found by their names, so that an application may add columns of its own.
 */
#ifndef CONTACT_STATUS_FACT_COLUMNS_H
#define CONTACT_STATUS_FACT_COLUMNS_H

#include "access/tupdesc.h"

#include "rules/rules.h"

typedef enum FactColumn
{
	FACT_STATUS,
	FACT_MONITORED,
	FACT_HARD_BOUNCES,
	FACT_CHANGED_AT,
	FACT_DUE_AT,
	FACT_HARD_BOUNCED_AT,
	FACT_UNSUBSCRIBED_AT,
	FACT_COMPLAINED_AT,
	FACT_DELETED_AT,
	FACT_SUSPENDED_AT,
	FACT_SUSPENDED_UNTIL,
	FACT_UNANSWERED_SINCE,
	FACT_UNANSWERED,
	FACT_DELIVERED_CAMPAIGN,
	FACT_RUN_CAMPAIGNS,
	FACT_RUN_TIMES,
	FACT_ERASED_AT,
	FACT_HARD_BOUNCE_CAMPAIGNS,
	FACT_LAST_ERROR_AT,
	FACT_LAPSED_AT
} FactColumn;

#define FACT_COLUMNS (FACT_LAPSED_AT + 1)

/* A contact as it stands in a row: the facts, and what was made of them. */
typedef struct CsContactRow
{
	cs_facts	contact;		/* consents are kept in subscriptions */
	cs_status	status;
	cs_moment	changed;		/* by the last event that changed a fact */
	cs_moment	due;			/* nothing falls due before */
} CsContactRow;

/* A column that we know by its name. */
typedef struct CsColumn
{
	const char *name;
	Oid			type;			/* or one of the following */
	bool		not_null;		/* in a table; who reads a composite value looks for himself */
} CsColumn;

#define CS_TYPE_STATUS ((Oid) 1)	/* enum contact_status */
#define CS_TYPE_KIND ((Oid) 2)		/* enum event_kind */
#define CS_TYPE_FOLDED ((Oid) 3)	/* folded_contact */

/*
 * Numbers of named columns in a row's descriptor.  Each is first looked for
 * where create_tables put it.  Raises 42703 where one is missing, and 42804
 * where it is not of its type, or in a table may be null against the rule.
 */
extern void cs_find_columns(TupleDesc desc, bool is_table, const CsColumn *wanted, int count, AttrNumber *columns);

/* The same for the fact columns. */
extern void cs_find_fact_columns(TupleDesc desc, bool is_table, AttrNumber *columns);

/* Values and nulls are those of a whole row of the descriptor. */
extern void cs_facts_of_values(CsContactRow *facts, TupleDesc desc, const AttrNumber *columns,
							   const Datum *values, const bool *nulls);
extern void cs_facts_to_values(const CsContactRow *facts, TupleDesc desc, const AttrNumber *columns,
							   Datum *values, bool *nulls);

/* The values of a composite, in the current context; its descriptor is to be released. */
extern TupleDesc cs_deform(Datum composite, Datum **values, bool **nulls);

/* What the source of an event says to the rules. */
extern void cs_read_source(cs_event *event, text *source);

/* A moment as a nullable timestamptz and back. */
static inline cs_moment
cs_moment_of_datum(Datum value, bool isnull)
{
	return isnull ? (cs_moment) {0} : (cs_moment) {true, DatumGetInt64(value)};
}

static inline void
cs_moment_to_datum(cs_moment moment, Datum *value, bool *isnull)
{
	*value = Int64GetDatum(moment.at);
	*isnull = !moment.set;
}

/* A nullable bigint. */
static inline cs_id
cs_id_of_datum(Datum value, bool isnull)
{
	return isnull ? (cs_id) {0} : (cs_id) {true, DatumGetInt64(value)};
}

#endif							/* CONTACT_STATUS_FACT_COLUMNS_H */
