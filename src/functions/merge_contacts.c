/*
 * merge_contacts.c
 *		Contacts that were merged with another contact.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "contact/merged_contact.h"
#include "contact/operation.h"
#include "storage/installation.h"
#include "storage/privileges.h"
#include "storage/row_writer.h"
#include "storage/table_scan.h"

/*
 * set_merged(schema, account_id, contact_id, merged_into): marks a deleted
 * contact as merged with another contact, which it locks.  Raises 23503 if
 * there is no such deleted contact, or the other contact does not exist, 40001
 * if only the transaction's snapshot shows the latter, and 42501 without DELETE
 * on contact.
 */
PG_FUNCTION_INFO_V1(cs_set_merged);
Datum
cs_set_merged(PG_FUNCTION_ARGS)
{
	int64		account = PG_GETARG_INT64(1);
	int64		contact = PG_GETARG_INT64(2);
	int64		into = PG_GETARG_INT64(3);
	cs_id		key[2] = {{true, account}, {true, contact}};
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
	CsTable    *contacts = cs_table(in, TABLE_CONTACT);
	CsTable    *table = cs_table(in, TABLE_DELETED_CONTACT);
	CsContact  *state;
	CsDeletedContact deleted;
	bool		exists;
	Datum	   *values;
	bool	   *nulls;

	cs_check_table_rights(contacts->rel, ACL_DELETE);
	cs_check_account(in, account);
	state = cs_open_contacts(in);
	exists = cs_lock_contact(state, account, into);
	if (!exists)
		cs_check_not_deleted(state, account, into);
	cs_close_contacts(state);
	if (!exists || cs_fetch_latest(contacts, key, 2) ||
		!cs_lock_deleted_contact(in, account, contact, &deleted) || deleted.digest == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("contact %lld of account %lld was not deleted, or contact %lld does not exist",
						(long long) contact, (long long) account, (long long) into),
				 errhint("Call contact_status.merge_contacts.")));
	cs_copy_row(table, &values, &nulls);
	CS_SET(table, DELETED_MERGED_INTO, Int64GetDatum(into), false);
	CS_SET(table, DELETED_MERGED_AT, TimestampTzGetDatum(in->now), false);
	cs_update_row(in, table, &table->slot->tts_tid, values, nulls);
	cs_end_operation(in);
	PG_RETURN_VOID();
}

/*
 * merge_target(schema, account_id, contact_id): the contact that receives the
 * events of a contact: itself, unless it does not exist and was merged.  Raises
 * 42501 without SELECT on contact.
 */
PG_FUNCTION_INFO_V1(cs_merge_target_of);
Datum
cs_merge_target_of(PG_FUNCTION_ARGS)
{
	CsInstallation *in = cs_begin_operation(PG_GETARG_NAME(0));
	int64		target;

	in->reads_only = true;
	cs_check_table_rights(cs_table(in, TABLE_CONTACT)->rel, ACL_SELECT);
	cs_check_account(in, PG_GETARG_INT64(1));
	target = cs_merge_target(in, PG_GETARG_INT64(1), PG_GETARG_INT64(2));
	cs_end_operation(in);
	PG_RETURN_INT64(target);
}
