/*
 * outbox_rows.h
 *		The recipients in rows of an outbox.
 */
#ifndef CONTACT_STATUS_OUTBOX_ROWS_H
#define CONTACT_STATUS_OUTBOX_ROWS_H

#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "rules/rules.h"

/* Columns of an outbox.  0: not given. */
typedef struct CsOutboxColumns
{
	AttrNumber	contact;
	AttrNumber	list;
	AttrNumber	account;		/* not given: account 1 */
} CsOutboxColumns;

typedef struct CsRecipient
{
	cs_id		account;
	cs_id		contact;
	cs_id		list;
} CsRecipient;

/* Finds a column of an integer type by its name; 0 for NULL.  Raises 42703 or 42804. */
extern AttrNumber cs_integer_column(Relation rel, const char *name);

/* The recipient of a row. */
extern CsRecipient cs_recipient(TupleTableSlot *slot, const CsOutboxColumns *columns);

/*
 * Reads the rows of a statement in portions, each in ascending order of account,
 * contact and list.  Returns NULL after the last portion.
 */
typedef struct CsOutboxRows
{
	CsOutboxColumns columns;
	Tuplestorestate *rows;
	TupleTableSlot *slot;
	CsRecipient *recipients;
	int			space;
} CsOutboxRows;

extern void cs_begin_outbox_rows(CsOutboxRows *rows, Relation rel, Tuplestorestate *stored, CsOutboxColumns columns);
extern const CsRecipient *cs_next_recipients(CsOutboxRows *rows, int *count);
extern void cs_end_outbox_rows(CsOutboxRows *rows);

#endif							/* CONTACT_STATUS_OUTBOX_ROWS_H */
