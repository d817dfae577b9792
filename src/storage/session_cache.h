/*
 * session_cache.h
 *		Layouts of tables and settings, cached from call to call of a session.
 *
 * An entry is removed by the invalidation messages of the relation cache: any
 * change of the definition of a table sends one, and so does the trigger
 * settings_changed() for a changed or deleted row of policy, account or list.
 * The server processes the messages of a committed transaction when a lock is
 * taken, and sends them before the transaction releases its own locks.
 */
#ifndef CONTACT_STATUS_SESSION_CACHE_H
#define CONTACT_STATUS_SESSION_CACHE_H

#include "storage/installation.h"
#include "types/fact_columns.h"
#include "types/policy.h"

typedef struct CsLayout
{
	Oid			relid;			/* InvalidOid: not known */
	bool		has_columns;	/* the members from here on are known */
	AttrNumber	columns[MAX_COLUMNS];
	AttrNumber	facts[FACT_COLUMNS];	/* of table contact */
	Oid			key;			/* index of cs_key(); InvalidOid: not known */
} CsLayout;

/* Returns the entry of a table by the schema of its installation.  An entry of another schema may be lost. */
extern CsLayout *cs_layout(Oid schema, CsTableId id);

/*
 * Return the policy of an account, and whether a list exists.  The account is
 * locked (account_lock.h).  Return NULL or false if the cache does not know it.
 */
extern const CsPolicy *cs_cached_policy(Oid schema, int64 account);
extern bool cs_is_cached_list(Oid schema, int64 account, int64 list);

/*
 * A caller that reads rows of policy, account or list for the cache asks for
 * the state of the cache first.  The row is not cached if the state changes
 * until then.
 */
extern uint64 cs_cache_state(void);
extern void cs_cache_policy(CsInstallation *in, int64 account, const CsPolicy *policy, uint64 state);
extern void cs_cache_list(CsInstallation *in, int64 account, int64 list, uint64 state);

#endif							/* CONTACT_STATUS_SESSION_CACHE_H */
