/*
 * settings_cache.h
 *		Policies of accounts, and lists, cached from call to call of a session.
 *
 * The trigger settings_changed() sends an invalidation message of the relation
 * cache for a changed or deleted row of policy, account or list.  Such a message
 * removes all entries (layout_cache.h).
 */
#ifndef CONTACT_STATUS_SETTINGS_CACHE_H
#define CONTACT_STATUS_SETTINGS_CACHE_H

#include "storage/installation.h"
#include "types/policy.h"

/*
 * Return the policy of an account, and whether a list exists.  The account is
 * locked (account_lock.h).  Return NULL or false if the cache does not know it.
 */
extern const CsPolicy *cs_cached_policy(Oid schema, int64 account);
extern bool cs_is_cached_list(Oid schema, int64 account, int64 list);

/*
 * Cache a row that was read when cs_settings_state() was `read_at`.  It is not
 * used if the state has changed since.
 */
extern void cs_cache_policy(CsInstallation *in, int64 account, const CsPolicy *policy, uint64 read_at);
extern void cs_cache_list(CsInstallation *in, int64 account, int64 list, uint64 read_at);

#endif							/* CONTACT_STATUS_SETTINGS_CACHE_H */
