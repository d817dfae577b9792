/*
 * row_writer.h
 *		Ends what tables.h's writing functions began.
 */
#ifndef CONTACT_STATUS_ROW_WRITER_H
#define CONTACT_STATUS_ROW_WRITER_H

#include "storage/installation.h"

/*
 * Write rows as the executor would, with the application's triggers, CHECKs,
 * generated columns and foreign keys, but past our own guards and past
 * privileges and row-level security: as derived columns are nobody's to write.
 * Raise what those raise, and 23514 contact_status_derived where a trigger of
 * the application changes or drops what we write.
 */
extern void cs_row_defaults(CsInstallation *in, CsTable *table, Datum *values, bool *nulls);	/* of a new row */
extern void cs_new_row(CsInstallation *in, CsTable *table, Datum **values, bool **nulls);	/* the same, allocated */
#define CS_SET(table, column, value, isnull) \
	(values[(table)->columns[column] - 1] = (value), nulls[(table)->columns[column] - 1] = (isnull))
extern void cs_insert_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls);

/* The same, unless a row of its key is there, or others are writing one: false, and nothing done. */
extern bool cs_insert_new_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls);
extern void cs_update_row(CsInstallation *in, CsTable *table, ItemPointer tid, const Datum *values, const bool *nulls);
extern void cs_delete_row(CsInstallation *in, CsTable *table, ItemPointer tid);

/* The same, unless others have written the row or are writing it: false, and nothing done. */
extern bool cs_try_delete_row(CsInstallation *in, CsTable *table, ItemPointer tid);

/* Fires the AFTER triggers that wait, and releases what writing took. */
extern void cs_end_writing(CsInstallation *in);

#endif							/* CONTACT_STATUS_ROW_WRITER_H */
