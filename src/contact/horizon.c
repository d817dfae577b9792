/*
 * horizon.c
 *		Events before the horizon of their account.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/rel.h"

#include "contact/horizon.h"
#include "rules/rules.h"
#include "storage/checkpoint.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/settings.h"
#include "storage/table_scan.h"
#include "types/policy.h"

static bool
is_kept(CsInstallation *in, const CsGeneration *life, const CsLoggedEvent *event)
{
	CsCheckpoint kept = cs_fetch_checkpoint(in, life, NULL);

	return kept.set && event->event.at < kept.before && event->recorded <= kept.kept.at;
}

bool
cs_is_covered(CsInstallation *in, const CsLoggedEvent *event)
{
	const CsPolicy *policy = cs_account_policy(in, event->account);
	cs_id		key[2] = {{true, event->account}, {true, event->contact}};
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	CsTable    *former = cs_table(in, TABLE_DELETED_CONTACT);
	CsGeneration		life = {event->account, event->contact, PG_INT64_MIN};

	if (policy == NULL || !policy->horizon.set || event->event.at >= policy->horizon.at)
		return false;
	if (cs_fetch_latest(contacts, key, 2))
	{
		life.generation_start = cs_time_column(contacts, CONTACT_GENERATION_START, PG_INT64_MIN);
		if (event->recorded > life.generation_start && !is_kept(in, &life, event))
			return false;
	}
	if (cs_fetch_latest(former, key, 2))
	{
		life.generation_start = cs_time_column(former, DELETED_GENERATION_START, PG_INT64_MIN);
		if (event->recorded > life.generation_start && event->recorded <= cs_time_column(former, DELETED_ENDED_AT, CS_NEVER) &&
			!is_kept(in, &life, event))
			return false;
	}
	return true;
}

bool
cs_may_be_dropped(Relation rel, TupleTableSlot *row)
{
	CsInstallation *in;
	MemoryContext caller;
	CsLoggedEvent event;
	bool		covered;

	if (!cs_is_log(rel))
		return false;
	in = cs_open(cs_schema_of_log(rel));
	caller = MemoryContextSwitchTo(in->context);
	cs_read_event(cs_log_table(in, RelationGetRelid(rel)), row, &event);
	covered = cs_is_covered(in, &event);
	MemoryContextSwitchTo(caller);
	cs_close(in);
	return covered;
}
