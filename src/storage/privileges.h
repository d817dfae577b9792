/*
 * privileges.h
 *		Checks of the caller's privileges on an installation.
 *
 * The C code reads and writes rows without checks of privileges and row-level
 * security.  So each function that SQL can call checks the rights of its
 * caller.
 */
#ifndef CONTACT_STATUS_PRIVILEGES_H
#define CONTACT_STATUS_PRIVILEGES_H

#include "storage/installation.h"

/*
 * Raises 42501 unless the current user has all of these privileges on the log.
 * SELECT is the right to verify, INSERT to refresh derived data, UPDATE to
 * retract, and DELETE to move the horizon.
 */
extern void cs_check_rights(CsInstallation *in, AclMode mode);

/* The same for another table. */
extern void cs_check_table_rights(Relation rel, AclMode mode);
extern void cs_check_rights_of(Oid relid, AclMode mode);

/*
 * Raises 42501 unless the current user may read all rows of a table.  Functions
 * that bypass row-level security call this.
 */
extern void cs_check_readable(Relation rel);

/* Raises 42501 unless the current user has the rights of the owner of the tables. */
extern void cs_check_owner(CsInstallation *in);

/* Is the role exempt from row-level security of tables account and contact? */
extern bool cs_is_exempt(CsInstallation *in, Oid role);

/*
 * Does row-level security show an account to a role?  The policies of table
 * account decide, and are evaluated as this role, as for a SELECT.  Returns
 * false if only table contact has policies for the role.
 */
extern bool cs_is_account_shown(CsInstallation *in, int64 account, Oid role);

/*
 * Raises 42501 if row-level security hides the account from the current user.
 * Accounts that it shows are cached for the call.
 */
extern void cs_check_account(CsInstallation *in, int64 account);

#endif							/* CONTACT_STATUS_PRIVILEGES_H */
