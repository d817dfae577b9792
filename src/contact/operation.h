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
 * Begins a call of a function whose first argument is the schema.  The current
 * memory context becomes that of the call.  Raises what cs_open_named() does.
 */
extern CsInstallation *cs_begin_operation(Name schema);

/*
 * Begins a call of a trigger on a table of an installation.  Raises 39P01 where
 * the table is another one.
 */
extern CsInstallation *cs_begin_trigger(const TriggerData *trigger, CsTableId id);

/*
 * Ends a call: applies suppressions that are pending, writes the counts, fires
 * the application's AFTER triggers, and closes the installation.  The memory
 * context is again the caller's.  Raises what these raise.
 */
extern void cs_end_operation(CsInstallation *in);

/*
 * Raises 39P01: a trigger function was called in another way than the trigger
 * that create_tables creates, which `as` describes, such as "an AFTER INSERT
 * statement trigger".
 */
pg_noreturn extern void cs_refuse_protocol(const char *function, const char *as);

#endif							/* CONTACT_STATUS_OPERATION_H */
