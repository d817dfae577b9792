/*
 * rules.h
 *		The state machine: the effect of one event on the facts of a contact.
 *
 * This folder is plain C without PostgreSQL.  It follows DESIGN.md, sections 2
 * and 3 (README, "Events" and "Policies"), and is compiled and fuzzed alone.
 *
 * Facts depend on events only.  A status is a function of the facts and of a
 * moment, so that a suspension ends without an event.
 *
 * Times and intervals are in microseconds, from any epoch.
 */
#ifndef CONTACT_STATUS_RULES_H
#define CONTACT_STATUS_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t cs_time;

#define CS_NEVER INT64_MAX		/* later than any moment */

/* Statuses, in the order of precedence: of several the greatest is shown. */
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

/* Kinds of event, in the order that breaks ties: what restricts comes last. */
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

/* Labels as in SQL, by value. */
extern const char *const cs_status_labels[CS_STATUSES];
extern const char *const cs_kind_labels[CS_KINDS];

/* How a policy judges bounces and engagement; 0 where it has no such rule. */
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

#define CS_LIMIT_MAX 1000		/* greatest value of a policy's counting limits */

/* How consent is judged: the settings in force when an event was recorded. */
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

/* A moment that may be null: since when a fact holds. */
typedef struct cs_moment
{
	bool		set;
	cs_time		at;
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
	bool		erasure;		/* source is 'erasure': what the erasure of a person left */
	cs_moment	until;			/* of a suspension */
	cs_consent_rules rules;		/* looked at for kinds of cs_judges_consent() */
} cs_event;

/* An error of the run of delivery errors. */
typedef struct cs_error
{
	cs_id		campaign;
	cs_time		at;
} cs_error;

/* Consent on one list: subscribed (active), unconfirmed or unsubscribed. */
typedef struct cs_consent
{
	int64_t		list;
	cs_status	consent;
	cs_time		at;				/* of the event that gave it */
	cs_moment	requested;		/* sign-up after an opt-out, not confirmed */
	char	   *key;			/* that sign-up's key */
	size_t		key_size;
	size_t		key_space;
} cs_consent;

/* All that is known of a contact: the facts. */
typedef struct cs_facts
{
	/* the run of errors, as far as the limit needs it; empty once dead */
	cs_error   *run;
	int			run_count;
	int			run_space;
	int			hard_bounces;
	cs_id	   *hard_campaigns; /* of these, where the policy counts by campaign */
	int			hard_campaign_count;
	int			hard_campaign_space;
	cs_moment	last_error;		/* of the run, where the policy has soft_bounce_memory */
	cs_moment	hard_bounced;	/* the address is dead */
	/* a delivery of this campaign ended the run, but may be taken back */
	cs_id		delivered;

	/* campaigns since the last interaction, as far as the limit needs them */
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
	cs_moment	erased;			/* that opt-out was left by an erasure */
	bool		monitored;

	cs_consent *consents;		/* by list, ascending */
	int			consent_count;
	int			consent_space;

	bool		changed;		/* by the event just applied */
} cs_facts;

/*
 * Apply one event.  Events are to come in the order of cs_compare_events().
 * Returns whether any fact changed; an event of any kind may change none.
 */
extern bool cs_apply_event(cs_facts *contact, const cs_policy *policy, const cs_event *event);

/*
 * The contact has another address from now on: what is known of the old one is
 * forgotten, what the person said stays.  Comes after the events of its moment.
 */
extern void cs_change_address(cs_facts *contact);

/* The greatest of the address facts, at the given moment. */
extern cs_status cs_address_status(const cs_facts *contact, const cs_policy *policy, cs_time now);

/* Status of a subscription: the greater of its consent and the address status. */
extern cs_status cs_subscription_status(cs_status consent, cs_status address);

/* Status of a contact: the best over its subscriptions. */
extern cs_status cs_contact_status(const cs_facts *contact, cs_status address);

/* When the address status changes next by itself, after now; CS_NEVER if not. */
extern cs_time cs_due(const cs_facts *contact, const cs_policy *policy, cs_time now);

/* May a contact of this status be mailed, and does it count as active? */
extern bool cs_is_mailable(cs_status status);

/* Is an event of this kind judged by the consent settings of its time? */
extern bool cs_judges_consent(cs_kind kind);

/* Can an event of this kind change a consent?  (Then consents are to be known.) */
extern bool cs_touches_consent(cs_kind kind);

/* What the shape of an event must be: NULL if it is right, else what is wrong. */
typedef enum cs_evidence
{
	CS_EVIDENCE_GIVEN, CS_EVIDENCE_BLANK
} cs_evidence;
extern const char *cs_shape_error(const cs_event *event, cs_evidence evidence);

/* Order of the fold: <0, 0, >0. */
extern int	cs_compare_events(const cs_event *a, const cs_event *b);

/* The consent on a list, or NULL. */
extern cs_consent *cs_find_consent(const cs_facts *contact, int64_t list);

/*
 * For the reader of stored facts, which come in any order of columns.  Consents
 * are to be given in ascending order of their lists.
 */
extern void cs_clear_facts(cs_facts *contact);
extern void cs_load_error(cs_facts *contact, cs_id campaign, cs_time at);
extern void cs_load_hard_campaign(cs_facts *contact, cs_id campaign);
extern void cs_load_unanswered(cs_facts *contact, int64_t campaign);
extern cs_consent *cs_load_consent(cs_facts *contact, int64_t list, cs_status consent, cs_time at);
extern void cs_load_request(cs_consent *consent, cs_time at, const char *key, size_t key_size);

/* Copy facts into another contact, which must have been zeroed or in use. */
extern void cs_copy_facts(cs_facts *to, const cs_facts *from);

/* Are these the same facts?  Of a contact without its consents. */
extern bool cs_same_address_facts(const cs_facts *a, const cs_facts *b);
extern bool cs_same_consent(const cs_consent *a, const cs_consent *b);

#endif							/* CONTACT_STATUS_RULES_H */
