/*
 * subscription.c
 *		Reads and writes the rows of subscription of a contact.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datum.h"

#include "contact/contact.h"
#include "contact/contact_state.h"
#include "contact/subscription.h"
#include "rules/rules.h"
#include "storage/installation.h"
#include "storage/row_writer.h"
#include "storage/status_change.h"
#include "storage/status_count.h"
#include "storage/table_scan.h"
#include "types/enums.h"

/* A row of subscription as it is stored. */
typedef struct CsStoredSubscription
{
	ItemPointerData tid;
	Datum	   *values;
	bool	   *nulls;
	cs_status	status;
} CsStoredSubscription;

/* ---- reading ---- */

static void
copy_columns(CsStoredSubscription *s, TupleTableSlot *slot)
{
	int			natts = slot->tts_tupleDescriptor->natts;

	s->tid = slot->tts_tid;
	slot_getallattrs(slot);
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(slot->tts_tupleDescriptor, i);

		s->nulls[i] = slot->tts_isnull[i];
		s->values[i] = s->nulls[i] ? (Datum) 0 :
			datumCopy(slot->tts_values[i], column->attbyval, column->attlen);
	}
}

/* A column of type contact_status of the row in the table's slot. */
static cs_status
status_column(CsTable *table, int column)
{
	Oid			status_type = TupleDescAttr(table->rel->rd_att, table->columns[column] - 1)->atttypid;
	bool		isnull;

	return cs_status_of_datum(status_type, cs_column(table, table->slot, column, &isnull));
}

/* Load the consent of that row, without its request, into the facts. */
static cs_consent *
load_consent(CsTable *table, cs_facts *facts)
{
	bool		isnull;
	int64		list = DatumGetInt64(cs_column(table, table->slot, SUBSCRIPTION_LIST, &isnull));

	return cs_load_consent(facts, list, status_column(table, SUBSCRIPTION_CONSENT),
						   cs_moment_column(table, SUBSCRIPTION_CONSENT_AT).at);
}

static void
load_request(CsTable *table, cs_consent *consent)
{
	cs_moment	requested = cs_moment_column(table, SUBSCRIPTION_REQUESTED_AT);
	bool		isnull;
	Datum		value;
	text	   *key;

	if (!requested.set)
		return;
	value = cs_column(table, table->slot, SUBSCRIPTION_REQUEST_KEY, &isnull);
	key = isnull ? cstring_to_text("") : DatumGetTextPP(value);
	cs_load_request(consent, requested.at, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
}

/*
 * Read the contact's subscriptions.  The contact is locked, so no transaction
 * changes their consents.
 */
static void
load_subscriptions(CsContact *v)
{
	CsTable    *table = cs_table(v->in, TABLE_SUBSCRIPTION);
	int			natts = table->rel->rd_att->natts;
	cs_id		key[2] = {{true, v->account}, {true, v->contact}};
	int			count = 0,
				space = 4;
	CsKeyScan	scan;

	v->subscriptions = palloc(space * sizeof(CsStoredSubscription));
	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		CsStoredSubscription *s;

		if (count == space)
		{
			space *= 2;
			v->subscriptions = repalloc(v->subscriptions, space * sizeof(CsStoredSubscription));
		}
		s = &v->subscriptions[count++];
		s->values = palloc(natts * sizeof(Datum));
		s->nulls = palloc(natts * sizeof(bool));
		copy_columns(s, table->slot);
		s->status = status_column(table, SUBSCRIPTION_STATUS);
		load_request(table, load_consent(table, &v->stored.contact));
	}
	cs_end_scan(&scan);
	v->consents_known = true;
}

void
cs_read_consents(CsContact *v)
{
	if (v->progress != PROGRESS_ANEW && !v->stored.changed.set)
	{
		/* no event has changed a fact yet, so there is no subscription */
		v->consents_known = true;
		return;
	}
	load_subscriptions(v);
	if (v->progress != PROGRESS_ANEW)
		for (int i = 0; i < v->stored.contact.consent_count; i++)
		{
			const cs_consent *s = &v->stored.contact.consents[i];
			cs_consent *copy = cs_load_consent(&v->facts, s->list, s->consent, s->at);

			if (s->requested.set)
				cs_load_request(copy, s->requested.at, s->key, s->key_size);
		}
}

void
cs_load_consents(CsInstallation *in, int64 account, int64 contact, cs_facts *facts)
{
	CsTable    *table = cs_table(in, TABLE_SUBSCRIPTION);
	cs_id		key[2] = {{true, account}, {true, contact}};
	CsKeyScan	scan;

	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
		load_consent(table, facts);
	cs_end_scan(&scan);
}

/* ---- saving ---- */

/* Lock the row and read it again: the application may have updated its own columns concurrently. */
static void
lock_subscription(CsTable *table, CsStoredSubscription *s, LockTupleMode mode)
{
	cs_lock_row(table, &s->tid, mode);
	copy_columns(s, table->slot);
}

static void
set_subscription(CsTable *table, Datum *values, bool *nulls, const CsContact *v,
				 const cs_consent *s, cs_status status)
{
	Oid			status_type = TupleDescAttr(table->rel->rd_att, table->columns[SUBSCRIPTION_STATUS] - 1)->atttypid;
	Datum		request_key = (Datum) 0;

	if (s->requested.set)
		request_key = PointerGetDatum(cstring_to_text_with_len(s->key, s->key_size));
	CS_SET(table, SUBSCRIPTION_ACCOUNT, Int64GetDatum(v->account), false);
	CS_SET(table, SUBSCRIPTION_LIST, Int64GetDatum(s->list), false);
	CS_SET(table, SUBSCRIPTION_CONTACT, Int64GetDatum(v->contact), false);
	CS_SET(table, SUBSCRIPTION_STATUS, cs_status_datum(status_type, status), false);
	CS_SET(table, SUBSCRIPTION_CONSENT, cs_status_datum(status_type, s->consent), false);
	CS_SET(table, SUBSCRIPTION_CONSENT_AT, TimestampTzGetDatum(s->at), false);
	CS_SET(table, SUBSCRIPTION_REQUESTED_AT, TimestampTzGetDatum(s->requested.at), !s->requested.set);
	CS_SET(table, SUBSCRIPTION_REQUEST_KEY, request_key, !s->requested.set);
}

static void
insert_subscription(CsContact *v, CsTable *table, const cs_consent *s, cs_status status)
{
	Datum	   *values;
	bool	   *nulls;

	cs_new_row(v->in, table, &values, &nulls);
	set_subscription(table, values, nulls, v, s, status);
	cs_insert_row(v->in, table, values, nulls);
}

/* Most rows have not changed since they were read, and are written without a lock. */
static void
update_subscription(CsContact *v, CsTable *table, CsStoredSubscription *row, const cs_consent *s, cs_status status)
{
	set_subscription(table, row->values, row->nulls, v, s, status);
	if (cs_try_update_row(v->in, table, &row->tid, row->values, row->nulls))
		return;
	lock_subscription(table, row, LockTupleNoKeyExclusive);
	set_subscription(table, row->values, row->nulls, v, s, status);
	cs_update_row(v->in, table, &row->tid, row->values, row->nulls);
}

/* Count the subscription, and record the change for the feed.  Statuses are cs_status or CS_NO_STATUS. */
static void
note_change(CsContact *v, int64 list, int from, int to, cs_time as_of)
{
	cs_id		id = {true, list};

	if (from == to)
		return;
	if (from != CS_NO_STATUS)
		cs_count(v->in, v->account, id, from, -1);
	if (to != CS_NO_STATUS)
		cs_count(v->in, v->account, id, to, 1);
	cs_feed_change(v, id, from, to, as_of);
}

bool
cs_save_subscriptions(CsContact *v, cs_status address, cs_time as_of)
{
	CsTable    *table = cs_table(v->in, TABLE_SUBSCRIPTION);
	const cs_facts *old = &v->stored.contact;
	const cs_facts *new = &v->facts;
	bool		wrote = false;
	int			i = 0,
				j = 0;

	while (i < old->consent_count || j < new->consent_count)
	{
		const cs_consent *a = i < old->consent_count ? &old->consents[i] : NULL;
		const cs_consent *b = j < new->consent_count ? &new->consents[j] : NULL;

		if (a && (!b || a->list < b->list))
		{
			note_change(v, a->list, v->subscriptions[i].status, CS_NO_STATUS, as_of);
			lock_subscription(table, &v->subscriptions[i], LockTupleExclusive);
			cs_delete_row(v->in, table, &v->subscriptions[i++].tid);
			wrote = true;
		}
		else if (!a || b->list < a->list)
		{
			insert_subscription(v, table, b, cs_subscription_status(b->consent, address));
			note_change(v, b->list, CS_NO_STATUS, cs_subscription_status(b->consent, address), as_of);
			j++;
			wrote = true;
		}
		else
		{
			CsStoredSubscription *row = &v->subscriptions[i];
			cs_status	status = cs_subscription_status(b->consent, address);

			if (row->status != status || !cs_same_consent(a, b))
			{
				update_subscription(v, table, row, b, status);
				note_change(v, b->list, row->status, status, as_of);
				wrote = true;
			}
			i++;
			j++;
		}
	}
	return wrote;
}

/* ---- deleting ---- */

bool
cs_delete_subscriptions(CsInstallation *in, int64 account, int64 contact)
{
	CsTable    *table = cs_table(in, TABLE_SUBSCRIPTION);
	cs_id		key[2] = {{true, account}, {true, contact}};
	CsKeyScan	scan;
	bool		any = false;
	bool		isnull;

	cs_begin_scan(&scan, table, key, 2, NULL);
	while (cs_next_row(&scan))
	{
		int64		list;
		cs_status	status;

		cs_lock_row(table, &table->slot->tts_tid, LockTupleExclusive);
		list = DatumGetInt64(cs_column(table, table->slot, SUBSCRIPTION_LIST, &isnull));
		status = status_column(table, SUBSCRIPTION_STATUS);
		cs_count(in, account, (cs_id) {true, list}, status, -1);
		cs_record_change(in, &(CsStatusChange) {account, contact, {true, list}, status, CS_NO_STATUS, in->now, CS_NO_KIND});
		cs_delete_row(in, table, &table->slot->tts_tid);
		any = true;
	}
	cs_end_scan(&scan);
	return any;
}
