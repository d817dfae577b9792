/*
 * privileges.h
 *		What the caller of a function may do with an installation.
 *
 * The C code reads and writes rows past privileges and row-level security, so
 * each function that SQL can call checks what its caller must have anyway.
 */
#ifndef CONTACT_STATUS_PRIVILEGES_H
#define CONTACT_STATUS_PRIVILEGES_H

#include "storage/installation.h"

/*
 * INSERT into the log is the right to bring derived data up to date, UPDATE the
 * right to retract, DELETE the right to move the horizon.  Raises 42501 where
 * the current user has not all of these rights.
 */
extern void cs_check_rights(CsInstallation *in, AclMode mode);

/* The same of one table. */
extern void cs_check_table_rights(Relation rel, AclMode mode);
extern void cs_check_rights_of(Oid relid, AclMode mode);

/*
 * Raises 42501 unless the current user may read all rows of a table: the
 * functions that call this bypass row-level security.
 */
extern void cs_check_readable(Relation rel);

/* Raises 42501 unless the current user has the rights of the tables' owner. */
extern void cs_check_owner(CsInstallation *in);

/* Does row-level security not apply to a role? */
extern bool cs_is_exempt(CsInstallation *in, Oid role);

/*
 * Does row-level security show an account to a role?  The policies of table
 * account decide, as for a SELECT of its row; they are evaluated as that role.
 */
extern bool cs_is_account_shown(CsInstallation *in, int64 account, Oid role);

/* Raises 42501 where the account is not shown to the current user. */
extern void cs_check_account(CsInstallation *in, int64 account);

#endif							/* CONTACT_STATUS_PRIVILEGES_H */
