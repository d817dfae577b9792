/*
 * event_check.c
 *		Checks of an event before it is recorded.
 */
#include "postgres.h"

#include "contact/event_check.h"
#include "storage/settings.h"
#include "types/errors.h"
#include "types/event_time.h"

/* The event in the words of an error message. */
static char *
name_of(cs_id contact, const cs_event *event)
{
	return contact.set ? psprintf("event \"%s\" of contact %lld", cs_kind_labels[event->kind], (long long) contact.id) :
		psprintf("event \"%s\" of an address", cs_kind_labels[event->kind]);
}

void
cs_refuse_event(cs_id contact, const cs_event *event, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 cs_errconstraint(CONSTRAINT_EVENT),
			 errmsg("%s %s", name_of(contact, event), problem),
			 errhint("docs/reference.md, \"Events\", lists the columns that each kind needs.")));
}

void
cs_check_event(CsInstallation *in, int64 account, cs_id contact, const cs_event *event, cs_evidence evidence)
{
	/* settings are locked before contacts */
	const CsPolicy *policy = cs_account_policy(in, account);
	const char *problem = cs_time_problem(event->at, in->now);

	if (problem != NULL)
		cs_refuse_time(name_of(contact, event), problem);
	problem = cs_shape_error(event, evidence);
	if (problem != NULL)
		cs_refuse_event(contact, event, problem);
	if (policy != NULL && !cs_accepts_list(in, account, event->kind, event->list))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("list %lld of account %lld does not exist", (long long) event->list.id, (long long) account),
				 errdetail("It stands in an %s.", name_of(contact, event)),
				 errhint("Insert it into table list first.")));
}
