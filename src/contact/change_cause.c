/*
 * change_cause.c
 *		The event that brought a change of status, for the change feed.
 *
 * Only events of the current statement are causes.  If several changed the same
 * status, the last one in the order of the fold is the cause.  A late event may
 * have changed a status only through later events of the log.  Then the last
 * event of the statement that changed a fact is the cause.
 */
#include "postgres.h"

#include "contact/contact.h"
#include "contact/contact_state.h"
#include "rules/alloc.h"
#include "rules/rules.h"
#include "storage/status_change.h"

static CsCause *
find_cause(CsContact *v, cs_id list)
{
	for (int i = 0; i < v->cause_count; i++)
		if (v->causes[i].list.set == list.set && v->causes[i].list.id == list.id)
			return &v->causes[i];
	return NULL;
}

void
cs_note_cause(CsContact *v, cs_id list, const cs_event *event)
{
	CsCause    *cause = find_cause(v, list);

	if (cause == NULL)
	{
		if (v->cause_count == v->cause_space)
		{
			v->cause_space = v->cause_space ? 2 * v->cause_space : 4;
			v->causes = cs_resize(v->causes, v->cause_space * sizeof(CsCause));
		}
		cause = &v->causes[v->cause_count++];
	}
	*cause = (CsCause) {list, event->kind, event->at};
}

void
cs_restart_causes(CsContact *v)
{
	v->replayed = true;
	v->cause_count = 0;
	v->has_last_cause = false;
}

/*
 * The last time up to as_of at which the address status changed without an
 * event; the time of the call if there is none.  Events of the statement changed
 * no status, so the search starts from the stored facts' time.
 */
static cs_time
time_of_change(const CsContact *v, cs_time as_of)
{
	const cs_policy *rules = &v->policy->rules;
	cs_time		at = v->stored.changed.set ? v->stored.changed.at : PG_INT64_MIN;
	cs_time		last = v->in->now;
	cs_time		due;

	while ((due = cs_due(&v->facts, rules, at)) <= as_of && due != CS_NEVER)
	{
		if (cs_address_status(&v->facts, rules, due) != cs_address_status(&v->facts, rules, at))
			last = due;
		at = due;
	}
	return last;
}

void
cs_feed_change(CsContact *v, cs_id list, int from, int to, cs_time as_of)
{
	CsStatusChange change = {v->account, v->contact, list, from, to, v->in->now, CS_NO_KIND};
	const CsCause *cause = find_cause(v, list);

	if (!cs_has_feed(v->in))
		return;
	if (cause == NULL && v->replayed && v->has_last_cause)
		cause = &v->last_cause;
	if (cause != NULL)
	{
		change.kind = cause->kind;
		change.at = cause->at;
	}
	else if (!v->replayed)
		change.at = time_of_change(v, as_of);
	cs_record_change(v->in, &change);
}
