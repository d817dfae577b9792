/*
 * contact.h
 *		One locked contact at a time: lock it, apply events, replay its log,
 *		save it.
 */
#ifndef CONTACT_STATUS_CONTACT_H
#define CONTACT_STATUS_CONTACT_H

#include "types/fact_columns.h"
#include "storage/event_log.h"
#include "storage/settings.h"
#include "storage/installation.h"

/* A contact by its account and id.  Contacts are locked in ascending order of (contact, account). */
typedef struct CsContactId
{
	int64		account;
	int64		contact;
} CsContactId;

extern int	cs_compare_contacts(const CsContactId *a, const CsContactId *b);

/*
 * Reads two SQL arrays: the accounts and the ids of contacts.  Returns their
 * length.  Raises 22023 if the lengths differ, 22004 if an element is null.
 */
extern int	cs_contacts_argument(Datum accounts, Datum contacts, Datum **account_values, Datum **contact_values);

/*
 * The state of one locked contact.  It is reused: the functions below work on
 * the contact that was locked last.
 */
typedef struct CsContact CsContact;

/*
 * Creates a contact state in the memory context of the call.
 * cs_close_contacts() frees it.  The locks are held until the transaction ends.
 */
extern CsContact *cs_open_contacts(CsInstallation *in);
extern void cs_close_contacts(CsContact *state);

/*
 * Locks a contact's row FOR NO KEY UPDATE, waiting for concurrent
 * transactions, and reads its facts.  Returns false if there is no such
 * contact.  A row that only this transaction can see is not locked.
 *
 * The caller must lock contacts in ascending order of (contact, account): else
 * two calls on the same contacts deadlock.
 *
 * Raises 23503 if the account does not exist.  Raises 27000 if the row was
 * changed by an operation that the current command triggered.  Raises 40001 if
 * the transaction's own snapshot (REPEATABLE READ, SERIALIZABLE) does not show
 * the row.
 */
extern bool cs_lock_contact(CsContact *state, int64 account, int64 contact);

/*
 * Raises 40001 if the transaction's own snapshot (REPEATABLE READ,
 * SERIALIZABLE) still shows a contact that has been deleted.  To be called
 * where cs_lock_contact() returned false.  Takes no lock.
 */
extern void cs_check_not_deleted(CsContact *state, int64 account, int64 contact);

/* ---- changes ---- */

/*
 * Applies an event that is in the log already.  The caller passes the events of
 * a contact in the order of the log's key.  Raises 40001 if the contact began a
 * new generation, or if its horizon checkpoint was stored, after the event was
 * recorded.
 */
extern void cs_contact_apply_event(CsContact *state, const CsLoggedEvent *event);

/* Requests a replay of the contact's whole log, for cs_replay_contact(). */
extern void cs_request_full_replay(CsContact *state);

/*
 * Begins a new generation of the contact: its log starts after events recorded
 * up to generation_start.  Requests a full replay, and cs_save_contact() writes
 * generation_start.
 */
extern void cs_begin_generation(CsContact *state, TimestampTz generation_start);

/*
 * Records that the contact's address changed at a time.  The caller has
 * inserted the row of address_change.  Requests a full replay.
 */
extern void cs_set_address_since(CsContact *state, TimestampTz since);

/*
 * Replays the contact's log if an event was late or a full replay was
 * requested.  Also replays it if it holds other events from the first changed
 * fact on.  Afterwards the facts are those of all events.  It may delete and
 * insert checkpoints.
 */
extern void cs_replay_contact(CsContact *contact);

/*
 * Writes the contact, its subscriptions and the differences of counts where
 * they changed, with statuses as of the given moment.  Locks the subscriptions
 * that it changes.  Returns whether any fact or status changed.  To be called
 * after cs_replay_contact().
 *
 * After a late event from before the last change of address, and after a full
 * replay, the suppressions of the former addresses are updated too.  The rows
 * of these addresses are locked.
 */
extern bool cs_save_contact(CsContact *state, TimestampTz as_of);

/* ---- reading ---- */

/* Its facts after the changes so far, consents included.  Replays the log if needed. */
extern const cs_facts *cs_contact_facts(CsContact *state);

/* Its generation_start; PG_INT64_MIN if it has none. */
extern TimestampTz cs_contact_generation_start(CsContact *state);

/*
 * Stores its facts as of its account's horizon in table checkpoint, unless
 * they are stored there with all late events.
 */
extern void cs_store_horizon_facts(CsContact *state);

/* ---- deleted contacts ---- */

/*
 * The facts of a deleted contact from its events recorded after
 * generation_start and up to ended.  The caller must hold a lock that prevents
 * concurrent changes of these events.
 */
extern const cs_facts *cs_deleted_contact_facts(CsContact *state, int64 account, int64 contact,
										 TimestampTz generation_start, TimestampTz ended);

/* Stores these facts as of the account's horizon. */
extern void cs_store_deleted_horizon_facts(CsContact *state, int64 account, int64 contact,
								   TimestampTz generation_start, TimestampTz ended);

#endif							/* CONTACT_STATUS_CONTACT_H */
