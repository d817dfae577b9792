/*
 * contact.h
 *		One contact at a time: lock it, bring it up to date, save it.
 */
#ifndef CONTACT_STATUS_CONTACT_H
#define CONTACT_STATUS_CONTACT_H

#include "types/fact_columns.h"
#include "storage/event_log.h"
#include "storage/settings.h"
#include "storage/installation.h"

/* A contact by its account and id; contacts are locked in ascending order of (contact, account). */
typedef struct CsContactId
{
	int64		account;
	int64		contact;
} CsContactId;

extern int	cs_compare_contacts(const CsContactId *a, const CsContactId *b);

/*
 * Two arrays of the same length that SQL gave: the accounts and the ids of contacts.  Raises 22023 where the lengths
 * differ, 22004 at a null.  Returns how many.
 */
extern int	cs_contacts_argument(Datum accounts, Datum contacts, Datum **account_values, Datum **contact_values);

/* One visit after the other; what is said of a contact below is of the one visited last. */
typedef struct CsContact CsContact;

extern CsContact *cs_open_contacts(CsInstallation *in);
extern void cs_close_contacts(CsContact *visits);

/*
 * Visit a contact: lock its row and read its facts.  Returns whether there is
 * one.  Contacts must be visited in ascending order of (contact, account), or
 * two calls over the same contacts deadlock.
 */
extern bool cs_lock_contact(CsContact *visits, int64 account, int64 contact);

/*
 * Where there is no contact: raises 40001 if the transaction's own snapshot
 * (REPEATABLE READ, SERIALIZABLE) still shows one, which was deleted since.
 */
extern void cs_check_not_deleted(CsContact *visits, int64 account, int64 contact);

/* ---- what is to become of it ---- */

/*
 * Add an event that is in the log already; events of a contact come in the
 * order of the fold.
 */
extern void cs_contact_apply_event(CsContact *visits, const CsLoggedEvent *event);

/* Fold the contact's whole log anew, whatever its row says. */
extern void cs_request_full_replay(CsContact *visits);

/* The same, without the events that were recorded up to a time: the row will say so. */
extern void cs_begin_generation(CsContact *visits, TimestampTz generation_start);

/* The contact has another address since a time, which address_change holds already. */
extern void cs_set_address_since(CsContact *visits, TimestampTz since);

/*
 * Replays the contact's log where an event came late, or a full replay was
 * requested: from here on its facts are those of all events.
 */
extern void cs_replay_contact(CsContact *contact);

/*
 * Leave the contact: write what changed of it and its subscriptions, statuses
 * as of the given moment.  Returns whether any fact or status did.
 */
extern bool cs_save_contact(CsContact *visits, TimestampTz as_of);

/* ---- what is known of it ---- */

/* Its facts as they become, consents included. */
extern const cs_facts *cs_contact_facts(CsContact *visits);

/* Its generation_start; PG_INT64_MIN where it has none. */
extern TimestampTz cs_contact_generation_start(CsContact *visits);

/* Keep its facts as of its account's horizon. */
extern void cs_store_horizon_facts(CsContact *visits);

/* ---- contacts that were deleted ---- */

/*
 * The facts of one, from its events recorded after one time and up to another.
 * The caller keeps others from changing them.
 */
extern const cs_facts *cs_deleted_contact_facts(CsContact *visits, int64 account, int64 contact,
										 TimestampTz generation_start, TimestampTz ended);

/* Keep these as of the account's horizon. */
extern void cs_store_deleted_horizon_facts(CsContact *visits, int64 account, int64 contact,
								   TimestampTz generation_start, TimestampTz ended);

#endif							/* CONTACT_STATUS_CONTACT_H */
