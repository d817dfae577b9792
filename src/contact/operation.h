/*
 * operation.h
 *		The begin and the end of a call that writes: of a function in C that SQL
 *		calls, or of a trigger.
 */
#ifndef CONTACT_STATUS_OPERATION_H
#define CONTACT_STATUS_OPERATION_H

#include "commands/trigger.h"

#include "compat.h"
#include "storage/installation.h"

/*
 * Begins a call of a function that has the schema as its first argument.
 * Switches to the memory context of the call.  Raises the errors of
 * cs_open_named().
 */
extern CsInstallation *cs_begin_operation(Name schema);

/*
 * Begins a call of a trigger on a table of an installation, like
 * cs_begin_operation().  Raises 39P01 if the trigger is on another table.
 */
extern CsInstallation *cs_begin_trigger(const TriggerData *trigger, CsTableId id);

/*
 * Ends a call: applies pending suppressions, writes the counts, fires the
 * application's AFTER triggers, and closes the installation.  Switches back to
 * the caller's memory context.  Raises the errors of these steps.
 */
extern void cs_end_operation(CsInstallation *in);

/*
 * Raises 39P01: a trigger function was called in another way than by the
 * trigger that create_tables creates.  `as` describes that trigger, such as "an
 * AFTER INSERT statement trigger".
 */
pg_noreturn extern void cs_refuse_protocol(const char *function, const char *as);

#endif							/* CONTACT_STATUS_OPERATION_H */
