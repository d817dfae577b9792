/*
 * webhooks.h
 *		Mappings from the payloads of mail providers to events.
 *
 * Each provider is a table of data in a file of its own.  extract.c is the only
 * code that reads payloads.  docs/webhooks.md shows the tables.
 *
 * A path is a list of keys with dots.  `key[]` selects all elements of an array,
 * `key[-1]` the last one, and any other key the first one.  `*` selects all
 * members.  A string with JSON is read as JSON where a path continues.
 * Alternatives are separated by `|`, and the first one with a value is used.
 * Values of paths with `+` are joined.  A path starts at the event, after `^`
 * at the payload, and after `@` at the recipient.  `@` is only in the first
 * path of `reply` and `status`.
 */
#ifndef CONTACT_STATUS_WEBHOOKS_H
#define CONTACT_STATUS_WEBHOOKS_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#define CS_NO_TIME PG_INT64_MIN

/*
 * A rule of a provider.  The first rule that matches an event decides.  Types
 * and values are compared without regard to case, dashes, underscores and
 * blanks.  They may start or end with `*`.
 */
typedef struct cs_webhook_rule
{
	const char *type;			/* the provider's types, separated by commas */
	const char *condition;		/* "path=value,value&path=value", or NULL; "path=*": has a value */
	const char *kind;			/* label of the kind of event, or NULL */
	bool		by_reply;		/* the classifier's kind of the reply replaces this one */
	const char *reply;			/* path of the reply, if not that of the provider */
} cs_webhook_rule;

typedef struct cs_provider
{
	const char *name;
	const char *source;			/* the provider's own description */
	const char *events;			/* where the events are; an empty path is the payload */
	const char *required;		/* fields of each event, separated by commas */
	const char *type;
	const char *recipients;		/* "path[]>key"; after `~`, all recipients of the message */
	const char *occurred_at;
	const char *id;
	const char *campaign;
	const char *reason;
	const char *reply;
	const char *status;			/* codes that belong to the reply */
	const char *user_agent;
	const cs_webhook_rule *rules;	/* ends with a rule without a type */
} cs_provider;

/* All providers, ascending by name, and NULL after the last one. */
extern const cs_provider *const cs_providers[];

extern const cs_provider cs_amazon_ses, cs_brevo, cs_mailersend, cs_mailgun,
			cs_mailjet, cs_mailtrap, cs_mandrill, cs_postal, cs_postmark,
			cs_resend, cs_sendgrid, cs_sparkpost, cs_unisender_go;

/* An event of a payload.  NULL is null. */
typedef struct cs_webhook_event
{
	const char *recipient;
	const char *kind;			/* label */
	TimestampTz occurred_at;		/* CS_NO_TIME: null */
	const char *event_key;
	const char *campaign;
	const char *reason;
	const char *reply;
	const char *type;
} cs_webhook_event;

/* Functions of the caller. */
typedef struct cs_webhook_host
{
	const char *(*classify) (const char *reply);	/* label of a kind, or NULL */
	void		(*emit) (const cs_webhook_event *event, void *state);
	void	   *state;
} cs_webhook_host;

/*
 * Emits each event of a payload.  Raises 22023 if the payload lacks the fields
 * that each payload of the provider has.
 */
extern void cs_read_webhook(const cs_provider *provider, Jsonb *payload, const cs_webhook_host *host);

/*
 * Emits each event of a mail that is a feedback-loop report (RFC 5965) or a
 * delivery status notification (RFC 3464).  Raises 22023 for other texts.
 */
extern void cs_read_mail_report(const char *mail, const cs_webhook_host *host);

/*
 * A time in seconds, milliseconds, microseconds or nanoseconds since 1970, in
 * ISO 8601 or in RFC 2822.  A time without a zone is in UTC.  Returns CS_NO_TIME if the
 * text is not a time, or is not in the years 1995 to 2099.
 */
extern TimestampTz cs_read_time(const char *text);

/* The key of an event: `id`, if any, and a digest of the other arguments. */
extern char *cs_webhook_key(const char *id, const char *type, const char *recipient, TimestampTz occurred_at,
							const char *content, int size);

/* The address within "Name <address>", or the text without blanks around it.  NULL if that is empty. */
extern char *cs_address_alone(const char *text);

/* json.c: values at paths */

/* Every value at a path, in order. */
extern List *cs_json_values(JsonbValue *from, const char *path, int size);

/* The value as text; NULL for null, a blank string, an object or an empty array. */
extern char *cs_json_text(JsonbValue *value);

/* The object or array in a value or in the JSON of a string; NULL if there is none. */
extern JsonbValue *cs_json_container(JsonbValue *value);

/* Is the value a string that begins as an object or an array, and cannot be read? */
extern bool cs_json_is_broken(JsonbValue *value);

extern bool cs_json_is_array(const JsonbValue *value);

#endif							/* CONTACT_STATUS_WEBHOOKS_H */
