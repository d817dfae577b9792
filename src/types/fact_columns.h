/*
 * fact_columns.h
 *		Reads and writes the facts of a contact as columns of a row.
 *
 * Table contact and type folded_contact have the same columns for the facts.
 * They are found by name, so that an application may add columns.
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
	FACT_LAPSED_AT,
	FACT_ADDRESS_SINCE
} FactColumn;

#define FACT_COLUMNS (FACT_ADDRESS_SINCE + 1)

/* The columns of a contact: its facts, and the values computed from them. */
typedef struct CsContactRow
{
	cs_facts	contact;		/* consents are stored in table subscription */
	cs_status	status;
	cs_moment	changed;		/* time of the last change of a fact */
	cs_moment	due;			/* no status changes with time before this */
} CsContactRow;

/* A column that is found by name. */
typedef struct CsColumn
{
	const char *name;
	Oid			type;			/* or one of the CS_TYPE_ values below */
	bool		not_null;		/* checked in tables; readers of composite values check for nulls */
} CsColumn;

#define CS_TYPE_STATUS ((Oid) 1)	/* enum contact_status */
#define CS_TYPE_KIND ((Oid) 2)		/* enum event_kind */
#define CS_TYPE_FOLDED ((Oid) 3)	/* folded_contact */

/*
 * Finds columns by name, and stores their attribute numbers in `columns`.  The
 * search for each starts at its place in the order of create_tables.  Raises
 * 42703 if a column is missing.  Raises 42804 if its type is wrong, or if a
 * column of a table lacks NOT NULL.
 */
extern void cs_find_columns(TupleDesc desc, bool is_table, const CsColumn *wanted, int count, AttrNumber *columns);

/* The same for the columns of the facts.  `columns` is indexed by FactColumn. */
extern void cs_find_fact_columns(TupleDesc desc, bool is_table, AttrNumber *columns);

/*
 * Read the facts, without consents, from the values of a row of the descriptor,
 * and write them there.  The reader raises 22004 if status, monitored or
 * hard_bounces is null.  It raises XX001 if the two arrays of the run of errors
 * differ in length.
 */
extern void cs_facts_of_values(CsContactRow *facts, TupleDesc desc, const AttrNumber *columns,
							   const Datum *values, const bool *nulls);
extern void cs_facts_to_values(const CsContactRow *facts, TupleDesc desc, const AttrNumber *columns,
							   Datum *values, bool *nulls);

/* Deforms a composite value in the current context.  The caller releases the descriptor. */
extern TupleDesc cs_deform(Datum composite, Datum **values, bool **nulls);

/* Sets the members of an event that follow from its source. */
extern void cs_read_source(cs_event *event, text *source);

/* Is the evidence of an event blank? */
extern cs_evidence cs_evidence_of(text *evidence);

/* Convert between a nullable timestamptz and a cs_moment. */
static inline cs_moment
cs_moment_of_datum(Datum value, bool isnull)
{
	return isnull ? (cs_moment) {0} : (cs_moment) {.set = true, .at = DatumGetInt64(value)};
}

static inline void
cs_moment_to_datum(cs_moment moment, Datum *value, bool *isnull)
{
	*value = Int64GetDatum(moment.at);
	*isnull = !moment.set;
}

/* Converts a nullable bigint. */
static inline cs_id
cs_id_of_datum(Datum value, bool isnull)
{
	return isnull ? (cs_id) {0} : (cs_id) {true, DatumGetInt64(value)};
}

#endif							/* CONTACT_STATUS_FACT_COLUMNS_H */
