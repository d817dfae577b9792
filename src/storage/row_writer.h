/*
 * row_writer.h
 *		Writes rows of the tables of an installation.
 */
#ifndef CONTACT_STATUS_ROW_WRITER_H
#define CONTACT_STATUS_ROW_WRITER_H

#include "storage/installation.h"

/*
 * Write rows like the executor: with triggers, CHECKs, generated columns and
 * foreign keys of the application.  They bypass our guards, privileges and
 * row-level security, since no role may write derived columns.
 *
 * They raise the errors of these steps.  They raise 23514
 * contact_status_derived if a trigger of the application changes a derived
 * column or drops the row.
 *
 * Updates and deletes wait for concurrent writers of the row.  They raise 40001
 * if such a writer has changed it, and 27000 if an operation triggered by the
 * write has.
 */
extern void cs_row_defaults(CsInstallation *in, CsTable *table, Datum *values, bool *nulls);	/* of a new row */
extern void cs_new_row(CsInstallation *in, CsTable *table, Datum **values, bool **nulls);	/* the same, allocated */
#define CS_SET(table, column, value, isnull) \
	(values[(table)->columns[column] - 1] = (value), nulls[(table)->columns[column] - 1] = (isnull))
extern void cs_insert_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls);

/*
 * The same, unless a row with its key exists or is being inserted.  Then it
 * inserts nothing and returns false, without waiting.
 */
extern bool cs_insert_new_row(CsInstallation *in, CsTable *table, const Datum *values, const bool *nulls);
extern void cs_update_row(CsInstallation *in, CsTable *table, ItemPointer tid, const Datum *values, const bool *nulls);

/*
 * The same for a row that was read but not locked: returns false, and writes
 * nothing, if it has changed since.  Also returns false if the row has to be
 * locked first: in REPEATABLE READ and SERIALIZABLE, or for a BEFORE trigger of
 * the application.
 */
extern bool cs_try_update_row(CsInstallation *in, CsTable *table, ItemPointer tid, const Datum *values, const bool *nulls);
extern void cs_delete_row(CsInstallation *in, CsTable *table, ItemPointer tid);

/*
 * The same, unless a concurrent transaction has changed the row or is changing
 * it.  Then it deletes nothing and returns false.
 */
extern bool cs_try_delete_row(CsInstallation *in, CsTable *table, ItemPointer tid);

/* Fires the AFTER triggers of all writes of the call, and frees the writers. */
extern void cs_end_writing(CsInstallation *in);

#endif							/* CONTACT_STATUS_ROW_WRITER_H */
