/*
 * operation.c
 *		The begin and the end of a call that writes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "contact/operation.h"
#include "contact/propagate_suppression.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/status_count.h"

CsInstallation *
cs_begin_operation(Name schema)
{
	CsInstallation *in;

	/* the snapshots of this call show the rows that the command has written so far */
	CommandCounterIncrement();
	in = cs_open_named(schema);
	MemoryContextSwitchTo(in->context);
	return in;
}

CsInstallation *
cs_begin_trigger(const TriggerData *trigger, CsTableId id)
{
	Relation	rel = trigger->tg_relation;
	CsInstallation *in;

	CommandCounterIncrement();
	in = cs_open(id == TABLE_EVENT ? cs_schema_of_log(rel) : RelationGetNamespace(rel));
	MemoryContextSwitchTo(in->context);
	cs_check_trigger_table(in, id, rel);
	return in;
}

void
cs_end_operation(CsInstallation *in)
{
	if (in->pending != NIL)
		cs_propagate_suppressions(in);
	cs_write_counts(in);
	cs_end_writing(in);
	cs_close(in);
	/* the rest of the command sees the rows that this call has written */
	CommandCounterIncrement();
}

void
cs_refuse_protocol(const char *function, const char *as)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function \"%s\" was not called as %s", function, as),
			 errhint("contact_status.create_tables creates its trigger.")));
}
