/*
 * outbox_rows.c
 *		The recipients in rows of an outbox.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "triggers/outbox_rows.h"
#include "types/fact_columns.h"

/* Recipients of a portion: about 5 MB. */
#define PORTION 100000

AttrNumber
cs_integer_column(Relation rel, const char *name)
{
	int			column = name ? SPI_fnumber(rel->rd_att, name) : 0;
	Oid			type;

	if (name == NULL)
		return 0;
	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(rel), name),
				 errhint("Give require_mailable the names of columns of the table.")));
	type = TupleDescAttr(rel->rd_att, column - 1)->atttypid;
	if (type != INT8OID && type != INT4OID && type != INT2OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" is not an integer", name, RelationGetRelationName(rel)),
				 errhint("Give require_mailable columns of type bigint, integer or smallint.")));
	return column;
}

/* The value of such a column; not set if it is null or the column is 0. */
static cs_id
integer_value(TupleTableSlot *slot, AttrNumber column)
{
	bool		isnull = true;
	Datum		value = column ? slot_getattr(slot, column, &isnull) : (Datum) 0;

	if (isnull)
		return (cs_id) {0};
	switch (TupleDescAttr(slot->tts_tupleDescriptor, column - 1)->atttypid)
	{
		case INT4OID:
			return (cs_id) {true, DatumGetInt32(value)};
		case INT2OID:
			return (cs_id) {true, DatumGetInt16(value)};
	}
	return (cs_id) {true, DatumGetInt64(value)};
}

CsRecipient
cs_recipient(TupleTableSlot *slot, const CsOutboxColumns *columns)
{
	return (CsRecipient) {
		.account = columns->account ? integer_value(slot, columns->account) : (cs_id) {true, 1},
		.contact = integer_value(slot, columns->contact),
		.list = integer_value(slot, columns->list)
	};
}

static int
compare_ids(cs_id a, cs_id b)
{
	if (a.set != b.set)
		return a.set ? 1 : -1;
	return (a.id > b.id) - (a.id < b.id);
}

static int
compare_recipients(const void *left, const void *right)
{
	const CsRecipient *a = left;
	const CsRecipient *b = right;
	int			result = compare_ids(a->account, b->account);

	if (result == 0)
		result = compare_ids(a->contact, b->contact);
	return result ? result : compare_ids(a->list, b->list);
}

void
cs_begin_outbox_rows(CsOutboxRows *rows, Relation rel, Tuplestorestate *stored, CsOutboxColumns columns)
{
	rows->columns = columns;
	rows->rows = stored;
	rows->slot = MakeSingleTupleTableSlot(rel->rd_att, &TTSOpsMinimalTuple);
	rows->space = Min(tuplestore_tuple_count(stored), PORTION);
	rows->recipients = palloc(rows->space * sizeof(CsRecipient));
	tuplestore_rescan(stored);
}

const CsRecipient *
cs_next_recipients(CsOutboxRows *rows, int *count)
{
	for (*count = 0; *count < rows->space && tuplestore_gettupleslot(rows->rows, true, false, rows->slot); (*count)++)
	{
		CHECK_FOR_INTERRUPTS();
		rows->recipients[*count] = cs_recipient(rows->slot, &rows->columns);
	}
	qsort(rows->recipients, *count, sizeof(CsRecipient), compare_recipients);
	return *count > 0 ? rows->recipients : NULL;
}

void
cs_end_outbox_rows(CsOutboxRows *rows)
{
	ExecDropSingleTupleTableSlot(rows->slot);
	pfree(rows->recipients);
}
