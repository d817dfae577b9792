/*
 * attach_unmatched.c
 *		Unmatched events of an address, recorded as events of a new contact.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "contact/attach_unmatched.h"
#include "contact/former_address.h"
#include "rules/rules.h"
#include "storage/event_log.h"
#include "storage/row_writer.h"
#include "storage/settings.h"
#include "storage/table_scan.h"
#include "storage/unmatched_event.h"
#include "types/enums.h"
#include "types/event_time.h"
#include "types/fact_columns.h"

/* Columns of both tables that are copied. */
static const struct
{
	int			unmatched;
	int			event;
}			copied[] = {
	{UNMATCHED_ACCOUNT, EVENT_ACCOUNT}, {UNMATCHED_KIND, EVENT_KIND}, {UNMATCHED_LIST, EVENT_LIST},
	{UNMATCHED_CAMPAIGN, EVENT_CAMPAIGN}, {UNMATCHED_KEY, EVENT_KEY}, {UNMATCHED_SOURCE, EVENT_SOURCE},
	{UNMATCHED_EVIDENCE, EVENT_EVIDENCE}, {UNMATCHED_REASON, EVENT_REASON}, {UNMATCHED_REPLY, EVENT_REPLY},
	{UNMATCHED_UNTIL, EVENT_UNTIL}
};

/* Can the row in the slot be an event?  Sets *at to its time. */
static bool
is_event(CsInstallation *in, CsTable *table, int64 account, TimestampTz *at)
{
	Oid			kind_type = TupleDescAttr(table->rel->rd_att, table->columns[UNMATCHED_KIND] - 1)->atttypid;
	cs_event	event = {0};
	cs_evidence evidence = CS_EVIDENCE_BLANK;
	Datum		value;
	bool		isnull;

	value = cs_column(table, table->slot, UNMATCHED_KIND, &isnull);
	if (isnull)
		return false;
	event.kind = cs_kind_of_datum(kind_type, value);
	value = cs_column(table, table->slot, UNMATCHED_OCCURRED_AT, &isnull);
	if (isnull)
		value = cs_column(table, table->slot, UNMATCHED_RECEIVED_AT, &isnull);
	event.at = *at = DatumGetTimestampTz(value);
	value = cs_column(table, table->slot, UNMATCHED_LIST, &isnull);
	event.list = cs_id_of_datum(value, isnull);
	value = cs_column(table, table->slot, UNMATCHED_CAMPAIGN, &isnull);
	event.campaign = cs_id_of_datum(value, isnull);
	value = cs_column(table, table->slot, UNMATCHED_UNTIL, &isnull);
	event.until.set = !isnull;
	event.until.at = isnull ? 0 : DatumGetTimestampTz(value);
	value = cs_column(table, table->slot, UNMATCHED_SOURCE, &isnull);
	if (!isnull)
		cs_read_source(&event, DatumGetTextPP(value));
	value = cs_column(table, table->slot, UNMATCHED_EVIDENCE, &isnull);
	if (!isnull)
		evidence = cs_evidence_of(DatumGetTextPP(value));
	/* consent is judged by the settings at the time of recording: changed settings would judge the event wrongly */
	if ((event.kind == CS_KIND_SIGNED_UP || event.kind == CS_KIND_CONFIRMED || event.kind == CS_KIND_RESUBSCRIBED) &&
		!cs_has_consent_rules_of(in, account, event.list,
								 DatumGetTimestampTz(cs_column(table, table->slot, UNMATCHED_RECEIVED_AT, &isnull))))
		return false;
	return event.kind != CS_KIND_ADDED && cs_time_problem(event.at, in->now) == NULL &&
		cs_shape_error(&event, evidence) == NULL && cs_accepts_list(in, account, event.kind, event.list) &&
		cs_log_takes(in, event.at);
}

void
cs_attach_unmatched_events(CsInstallation *in, int64 account, int64 contact, bytea *digest)
{
	CsIndexScan scan;

	cs_begin_unmatched(&scan, in, account, digest);
	while (cs_next_indexed_row(&scan))
	{
		CsTable    *table = scan.table,
				   *log;
		TimestampTz at;
		Datum	   *values;
		bool	   *nulls;

		if (!is_event(in, table, account, &at))
			continue;
		log = cs_log_table_at(in, at);
		cs_new_row(in, log, &values, &nulls);
		CS_SET(log, EVENT_CONTACT, Int64GetDatum(contact), false);
		CS_SET(log, EVENT_OCCURRED_AT, TimestampTzGetDatum(at), false);
		for (int i = 0; i < (int) lengthof(copied); i++)
		{
			bool		isnull;
			Datum		value = cs_column(table, table->slot, copied[i].unmatched, &isnull);

			CS_SET(log, copied[i].event, value, isnull);
		}
		cs_insert_new_event(in, log, values, nulls);
		cs_delete_row(in, table, &table->slot->tts_tid);
	}
	cs_end_index_scan(&scan);
}
