/*
 * propagate_suppression.c
 *		Suppressions of an address, recorded as events of the contact that has it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "contact/contact.h"
#include "contact/former_address.h"
#include "contact/propagate_suppression.h"
#include "rules/rules.h"
#include "storage/event_log.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/settings.h"
#include "storage/suppression.h"
#include "types/enums.h"
#include "types/errors.h"

/* ---- suppressions become events of the contact that has the address ---- */

/* Records a suppression as an event of a contact. */
static void
record_suppression(CsInstallation *in, const CsSuppression *suppression, int64 account, int64 contact,
				   cs_time not_before, const char *event_key)
{
	cs_time		at = Max(suppression->at, not_before);
	CsTable    *log = cs_log_table_at(in, at);
	Oid			kind_type = TupleDescAttr(log->rel->rd_att, log->columns[EVENT_KIND] - 1)->atttypid;
	Datum	   *values;
	bool	   *nulls;

	cs_new_row(in, log, &values, &nulls);
#define SET(column, value) CS_SET(log, column, value, false)
	SET(EVENT_ACCOUNT, Int64GetDatum(account));
	SET(EVENT_CONTACT, Int64GetDatum(contact));
	SET(EVENT_KIND, cs_kind_datum(kind_type, suppression->kind));
	SET(EVENT_OCCURRED_AT, TimestampTzGetDatum(at));
	SET(EVENT_KEY, CStringGetTextDatum(event_key));
	SET(EVENT_SOURCE, CStringGetTextDatum(suppression->of_erasure ? "erasure" : "suppression"));
	/* the origin, by which a retraction finds the event */
	if (suppression->origin)
		SET(EVENT_REASON, CStringGetTextDatum(suppression->origin));
	if (suppression->list.set)
		SET(EVENT_LIST, Int64GetDatum(suppression->list.id));
#undef SET
	cs_insert_event(in, log, values, nulls);
}

void
cs_record_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest,
					   cs_time not_before, const char *event_key)
{
	CsSuppressionScan scan;
	CsSuppression suppression;
	int			ordinal = 0;

	cs_begin_suppressions(&scan, in, account, digest);
	while (cs_next_suppression(&scan, &suppression))
	{
		if (suppression.kind == CS_KIND_COMPLAINED && cs_account_policy(in, account)->complained_refuse)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 cs_errconstraint(CONSTRAINT_COMPLAINT),
					 errtable(cs_table(in, TABLE_CONTACT)->rel),
					 errmsg("contact %lld of account %lld has an address with a complaint",
							(long long) contact, (long long) account),
					 errdetail("The status of the contact would be \"complained\"."),
					 errhint("Leave the address out; import_contacts reports it as refused.")));
		/* the key of the log is unique, and several sources may have suppressed the address at one time */
		ordinal++;
		record_suppression(in, &suppression, account, contact, not_before,
						   ordinal == 1 ? event_key : psprintf("%s %d", event_key, ordinal));
	}
	cs_end_suppressions(&scan);
}

/* Does the event in the slot of a table of the log record this suppression? */
static bool
records(CsTable *log, const CsSuppression *suppression)
{
	bool		isnull;
	Datum		value = cs_column(log, log->slot, EVENT_SOURCE, &isnull);

	if (isnull || strcmp(TextDatumGetCString(value), "suppression") != 0)
		return false;
	value = cs_column(log, log->slot, EVENT_REASON, &isnull);
	return isnull ? suppression->origin == NULL
		: suppression->origin != NULL && strcmp(TextDatumGetCString(value), suppression->origin) == 0;
}

/*
 * Does the contact's log hold the suppression, with its time or a later one?  A
 * retracted event counts only if it recorded this same suppression.
 */
static bool
is_recorded(CsInstallation *in, const CsSuppression *suppression, int64 account, int64 contact,
			TimestampTz generation_start, cs_time not_before)
{
	CsLogScan	scan;
	CsLoggedEvent event;
	bool		found = false;

	cs_begin_log(&scan, in, account, contact, &suppression->at);
	while (!found && cs_next_logged(&scan, &event))
		found = event.event.kind == suppression->kind && event.recorded > generation_start &&
			event.event.list.set == suppression->list.set && event.event.list.id == suppression->list.id &&
			(!event.retracted || (event.event.at == Max(suppression->at, not_before) &&
								  records(cs_logged_table(&scan), suppression)));
	cs_end_log(&scan);
	return found;
}

void
cs_record_missing_suppressions(CsInstallation *in, int64 account, int64 contact, bytea *digest,
							   cs_time not_before, const char *event_key, TimestampTz generation_start)
{
	CsSuppressionScan scan;
	CsSuppression suppression;

	cs_begin_suppressions(&scan, in, account, digest);
	while (cs_next_suppression(&scan, &suppression))
		if (!suppression.of_erasure && !is_recorded(in, &suppression, account, contact, generation_start, not_before))
			record_suppression(in, &suppression, account, contact, not_before,
							   psprintf("%s %d", event_key, ++in->suppressions_recorded));
	cs_end_suppressions(&scan);
}

/* ---- propagation ---- */

void
cs_apply_suppressions(CsInstallation *in, CsContact *state, int64 account, int64 contact, const bytea *expected)
{
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	cs_time		since;
	bytea	   *digest;
	bool		isnull;

	if (!cs_lock_contact(state, account, contact))
		return;
	digest = cs_address_digest(in, account, cs_column(contacts, contacts->slot, CONTACT_EMAIL, &isnull));
	if (expected && memcmp(VARDATA(digest), VARDATA(expected), PG_SHA256_DIGEST_LENGTH) != 0)
		return;					/* its address has changed since */
	since = cs_time_column(contacts, CONTACT_ADDRESS_SINCE, DT_NOBEGIN);
	cs_record_missing_suppressions(in, account, contact, digest, since == DT_NOBEGIN ? since : since + 1,
					  psprintf("suppression " INT64_FORMAT, in->now), cs_contact_generation_start(state));
}

static int
compare_pending(const ListCell *left, const ListCell *right)
{
	const CsPendingAddress *a = lfirst(left);
	const CsPendingAddress *b = lfirst(right);
	CsContactId one = {a->account, a->holder};
	CsContactId other = {b->account, b->holder};

	return cs_compare_contacts(&one, &other);
}

void
cs_propagate_suppressions(CsInstallation *in)
{
	MemoryContext caller = MemoryContextSwitchTo(in->context);
	CsContact   *state;
	ListCell   *lc;

	CommandCounterIncrement();
	state = cs_open_contacts(in);
	list_sort(in->pending, compare_pending);
	foreach(lc, in->pending)
	{
		CsPendingAddress *pending = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (pending->digest != NULL)
			cs_apply_suppressions(in, state, pending->account, pending->holder, pending->digest);
		else if (cs_lock_contact(state, pending->account, pending->holder))
		{
			cs_request_full_replay(state);
			cs_replay_contact(state);
			cs_save_contact(state, in->now);
		}
		CommandCounterIncrement();
	}
	cs_close_contacts(state);
	in->pending = NIL;
	MemoryContextSwitchTo(caller);
}
