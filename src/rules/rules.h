/*
 * rules.h
 *		The state machine: the effect of one event on the facts of a contact.
 *
 * This folder is plain C without PostgreSQL headers, and is compiled and fuzzed
 * alone.  docs/reference.md describes the rules in sections "Events" and "Policies".
 *
 * Facts depend on events and settings, not on the clock.  A status is a
 * function of the facts and a time, so that a suspension ends without an event.
 *
 * Times and intervals are in microseconds, from any epoch.
 */
#ifndef CONTACT_STATUS_RULES_H
#define CONTACT_STATUS_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t cs_time;

#define CS_NEVER INT64_MAX		/* later than any time */

/* Statuses, in ascending precedence: if several apply, the greatest one counts. */
typedef enum cs_status
{
	CS_STATUS_ACTIVE,
	CS_STATUS_SOFT_BOUNCED,
	CS_STATUS_UNRESPONSIVE,
	CS_STATUS_UNCONFIRMED,
	CS_STATUS_SUSPENDED,
	CS_STATUS_FAILING,
	CS_STATUS_HARD_BOUNCED,
	CS_STATUS_UNSUBSCRIBED,
	CS_STATUS_COMPLAINED,
	CS_STATUS_DELETED
} cs_status;

#define CS_STATUSES (CS_STATUS_DELETED + 1)

/* Kinds of event.  At an equal time, events are applied in this order, restrictive kinds last. */
typedef enum cs_kind
{
	CS_KIND_NOTED,
	CS_KIND_SIGNED_UP,
	CS_KIND_ADDED,
	CS_KIND_CONFIRMED,
	CS_KIND_RESUBSCRIBED,
	CS_KIND_RELEASED,
	CS_KIND_RESTORED,
	CS_KIND_VALIDATED,
	CS_KIND_SENT,
	CS_KIND_DELIVERED,
	CS_KIND_OPENED,
	CS_KIND_CLICKED,
	CS_KIND_VISITED,
	CS_KIND_SOFT_BOUNCED,
	CS_KIND_BLOCKED,
	CS_KIND_HARD_BOUNCED,
	CS_KIND_NONEXISTENT,
	CS_KIND_INVALIDATED,
	CS_KIND_LAPSED,
	CS_KIND_SUSPENDED,
	CS_KIND_REMOVED,
	CS_KIND_UNSUBSCRIBED,
	CS_KIND_COMPLAINED,
	CS_KIND_DELETED
} cs_kind;

#define CS_KINDS (CS_KIND_DELETED + 1)

/* Labels of the SQL enums, indexed by cs_status and cs_kind. */
extern const char *const cs_status_labels[CS_STATUSES];
extern const char *const cs_kind_labels[CS_KINDS];

/* Rules of a policy for bounces and engagement.  A value of 0 means that there is no such rule. */
typedef struct cs_policy
{
	int			soft_bounce_limit;
	int			soft_bounces_per_campaign;
	cs_time		soft_bounce_window;
	cs_status	soft_bounce_outcome;	/* failing or hard_bounced */
	bool		blocked_counts;
	cs_time		soft_bounce_memory;
	int			hard_bounce_limit;
	int			hard_bounces_per_campaign;
	int			unresponsive_campaigns;
	cs_time		unresponsive_after;
} cs_policy;

#define CS_LIMIT_MAX 1000		/* maximum value of a limit */

/* Settings of consent that were in force when an event was recorded. */
typedef struct cs_consent_rules
{
	bool		import_by_list; /* import_consent = by_list */
	bool		double_opt_in;	/* of the list, else of the policy */
	bool		unsubscribe_account;	/* unsubscribe_scope = account */
	bool		resubscribe_never;	/* resubscribe = never */
	cs_time		confirm_within; /* 0: no such rule */
} cs_consent_rules;

/* A bigint that may be null: a list or a campaign. */
typedef struct cs_id
{
	bool		set;
	int64_t		id;
} cs_id;

/*
 * A time that may be null, such as the time since which a fact holds.  After a
 * late event it is the time of the horizon, and late_by is the difference to
 * the event's own time.  Only the replay that sets late_by reads it.
 */
typedef struct cs_moment
{
	bool		set;
	cs_time		at;
	cs_time		late_by;
} cs_moment;

typedef struct cs_event
{
	cs_time		at;
	cs_kind		kind;
	cs_id		list;
	cs_id		campaign;
	const char *key;			/* not terminated */
	size_t		key_size;
	bool		manual;			/* source is 'manual' */
	bool		erasure;		/* source is 'erasure': an opt-out left by an erasure */
	cs_moment	until;			/* end of a suspension */
	cs_consent_rules rules;		/* used for kinds of cs_judges_consent() only */

	/*
	 * A late event is dated before the horizon, and is applied to facts as of
	 * the horizon.  It restricts as if it happened at the horizon, which is its
	 * time `at`.  It lifts a fact only if the fact is older than the event.
	 */
	cs_time		late_by;		/* at minus its own time; 0: not late */
	bool		before_change;	/* late: some fact as of the horizon may be later than the event */
} cs_event;

/* An error in the run of delivery errors. */
typedef struct cs_error
{
	cs_id		campaign;
	cs_time		at;
	cs_time		late_by;		/* see cs_moment */
} cs_error;

/* Consent on one list: subscribed (active), unconfirmed or unsubscribed. */
typedef struct cs_consent
{
	int64_t		list;
	cs_status	consent;
	cs_time		at;				/* time of the event that set it */
	cs_time		late_by;		/* see cs_moment */
	cs_moment	requested;		/* sign-up after an opt-out or a change of address, not confirmed */
	char	   *key;			/* key of that sign-up */
	size_t		key_size;
	size_t		key_space;
} cs_consent;

/* The facts of a contact. */
typedef struct cs_facts
{
	/* the run of errors, up to the limit; empty once the address is dead */
	cs_error   *run;
	int			run_count;
	int			run_space;
	int			hard_bounces;
	cs_id	   *hard_campaigns; /* of these, where the policy counts by campaign */
	int			hard_campaign_count;
	int			hard_campaign_space;
	cs_moment	last_error;		/* of the run, where the policy has soft_bounce_memory */
	cs_moment	hard_bounced;	/* the address is dead */
	/* a delivery of this campaign ended the run; the next error may undo it */
	cs_id		delivered;

	/* campaigns since the last interaction, up to the limit */
	int64_t    *unanswered;
	int			unanswered_count;
	int			unanswered_space;
	cs_time		unanswered_since;
	cs_moment	lapsed;			/* declared unresponsive */

	cs_moment	suspended;
	cs_moment	suspended_until;
	cs_moment	complained;
	cs_moment	deleted;
	cs_moment	unsubscribed;	/* account-wide */
	cs_moment	erased;			/* time of an opt-out left by an erasure */
	cs_moment	address_since;	/* last change of the address */
	bool		monitored;

	cs_consent *consents;		/* in ascending order of list */
	int			consent_count;
	int			consent_space;

	bool		changed;		/* the last event applied changed a fact */
} cs_facts;

/*
 * Applies one event to the facts.  The caller applies events in the order of
 * cs_compare_events().  Returns whether a fact changed.  An event of any kind
 * may change none.
 */
extern bool cs_apply_event(cs_facts *contact, const cs_policy *policy, const cs_event *event);

/*
 * Applies a change of the contact's address.  Removes the errors and unanswered
 * campaigns of the old address, and requests that wait for a confirmation.  A
 * sign-up up to this time can no longer be confirmed.  All other facts remain.
 * The caller first applies the events of the same time.
 */
extern void cs_change_address(cs_facts *contact, cs_time at);

/*
 * Returns the address status at time `now`: the greatest status that follows
 * from the facts.  Consents and opt-outs are not considered.
 */
extern cs_status cs_address_status(const cs_facts *contact, const cs_policy *policy, cs_time now);

/* Returns the status of a subscription: the greater of its consent and the address status. */
extern cs_status cs_subscription_status(cs_status consent, cs_status address);

/*
 * Returns the status of a contact: the least restrictive status of its
 * subscriptions.  A contact without subscriptions is unsubscribed after an
 * account-wide opt-out, else unconfirmed.  The address status takes precedence
 * if it is greater.
 */
extern cs_status cs_contact_status(const cs_facts *contact, cs_status address);

/*
 * Returns the next time after `now` at which the address status may change
 * without an event, or CS_NEVER.
 */
extern cs_time cs_due(const cs_facts *contact, const cs_policy *policy, cs_time now);

/* May a contact of this status be mailed?  True for active and soft_bounced. */
extern bool cs_is_mailable(cs_status status);

/*
 * May the contact receive transactional mail?  Its address works, it is not
 * deleted and, if a complaint stops all mail, did not complain.  Opt-outs,
 * suspensions and unresponsiveness do not matter.
 */
extern bool cs_is_deliverable(const cs_facts *contact, const cs_policy *policy, bool complaint_stops_all);

/* Does the effect of this kind depend on the settings of consent? */
extern bool cs_judges_consent(cs_kind kind);

/* Can an event of this kind change a consent?  If so, the caller loads the consents first. */
extern bool cs_touches_consent(cs_kind kind);

/* Does an event of this kind need a list? */
extern bool cs_needs_list(cs_kind kind);

/* Whether an event has evidence; blank: null or white space only. */
typedef enum cs_evidence
{
	CS_EVIDENCE_GIVEN, CS_EVIDENCE_BLANK
} cs_evidence;

/*
 * Checks that an event has the columns that its kind requires, and a valid
 * until.  Returns NULL, or the error as a phrase such as "needs a list_id".
 */
extern const char *cs_shape_error(const cs_event *event, cs_evidence evidence);

/*
 * Compares events by time, kind, list, campaign and key: the order in which
 * they are applied.  Returns less than 0, 0 or greater than 0.
 */
extern int	cs_compare_events(const cs_event *a, const cs_event *b);

/* Returns the consent on a list, or NULL. */
extern cs_consent *cs_find_consent(const cs_facts *contact, int64_t list);

/*
 * Functions that load stored facts, after cs_clear_facts().  The caller adds
 * consents in ascending order of list, and errors and campaigns in the order of
 * their events. cs_load_request() copies the key.
 */
extern void cs_clear_facts(cs_facts *contact);
extern void cs_load_error(cs_facts *contact, cs_id campaign, cs_time at);
extern void cs_load_hard_campaign(cs_facts *contact, cs_id campaign);
extern void cs_load_unanswered(cs_facts *contact, int64_t campaign);
extern cs_consent *cs_load_consent(cs_facts *contact, int64_t list, cs_status consent, cs_time at);
extern void cs_load_request(cs_consent *consent, cs_time at, const char *key, size_t key_size);

/* Copies the facts, consents included.  `to` must be zeroed, or hold facts. */
extern void cs_copy_facts(cs_facts *to, const cs_facts *from);

/* Are the facts of two contacts equal, without the consents?  Are two consents equal? */
extern bool cs_same_address_facts(const cs_facts *a, const cs_facts *b);
extern bool cs_same_consent(const cs_consent *a, const cs_consent *b);

#endif							/* CONTACT_STATUS_RULES_H */
