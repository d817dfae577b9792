/*
 * mail_report.c
 *		Feedback-loop reports (RFC 5965) and delivery status notifications
 *		(RFC 3464).
 */
#include "postgres.h"

#include <ctype.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/formatting.h"

#include "webhooks/webhooks.h"

/* A value is cut off after this many bytes: each recipient gets a copy. */
#define MAX_VALUE 4000

/* A field of a mail's or report's header. */
typedef struct Field
{
	const char *name;
	const char *value;
} Field;

/* The parts of a report that are read. */
typedef struct Report
{
	List	   *mail;			/* fields of the mail's header */
	List	   *groups;			/* groups of fields of the report, each a List of Field */
	List	   *original;		/* fields of the header of the original message */
	bool		is_feedback;
	const char *date;			/* of the mail */
	const char *id;				/* of the mail */
	const char *campaign;		/* of the original message */
} Report;

/* The kinds of event of a feedback type and of a delivery action; all others say nothing about a contact. */
static const struct
{
	const char *word;
	const char *kind;
}			feedback_kinds[] = {{"abuse", "complained"}, {"fraud", "complained"}, {"complaint", "complained"},
	{"opt-out", "unsubscribed"}, {"opt-out-list", "unsubscribed"}},
			action_kinds[] = {{"failed", "hard_bounced"}, {"delayed", "soft_bounced"}, {"delivered", "delivered"}};

/* Returns the next line without its end, and moves *at behind it; NULL at the end. */
static char *
next_line(const char **at)
{
	const char *start = *at;
	int			size = strcspn(start, "\n");

	CHECK_FOR_INTERRUPTS();
	if (*start == '\0')
		return NULL;
	*at = start + size + (start[size] == '\n');
	while (size > 0 && start[size - 1] == '\r')
		size--;
	return pnstrdup(start, size);
}

/* Gives the last field its value, and begins the next value. */
static void
end_field(List *fields, StringInfo value)
{
	if (fields != NIL)
		((Field *) llast(fields))->value = pnstrdup(value->data, pg_mbcliplen(value->data, value->len, MAX_VALUE));
	resetStringInfo(value);
}

/*
 * Reads fields to the next blank line, or to the line before the next boundary.
 * A line that starts with a blank continues a field.
 */
static List *
read_fields(const char **at)
{
	List	   *fields = NIL;
	const char *next = *at;
	StringInfoData value;		/* of the last field */
	char	   *line;

	initStringInfo(&value);
	while ((line = next_line(&next)) != NULL && strncmp(line, "--", 2) != 0)
	{
		char	   *colon = strchr(line, ':');

		*at = next;
		if (line[strspn(line, " \t")] == '\0')
			break;
		if (isspace((unsigned char) *line) && fields != NIL)
			appendStringInfo(&value, " %s", line + strspn(line, " \t"));
		else if (colon != NULL)
		{
			Field	   *field = palloc(sizeof(Field));

			end_field(fields, &value);
			field->name = pnstrdup(line, colon - line);
			appendStringInfoString(&value, colon + 1 + strspn(colon + 1, " \t"));
			fields = lappend(fields, field);
		}
	}
	end_field(fields, &value);
	return fields;
}

/* The value of the first field with a name, or NULL. */
static const char *
value_of(const List *fields, const char *name)
{
	const ListCell *cell;

	foreach(cell, fields)
	{
		const Field *field = lfirst(cell);

		if (pg_strcasecmp(field->name, name) == 0 && *field->value != '\0')
			return field->value;
	}
	return NULL;
}

static bool
has_type(const List *fields, const char *type)
{
	const char *value = value_of(fields, "Content-Type");

	return value != NULL && pg_strncasecmp(value, type, strlen(type)) == 0;
}

/* Reads the header of the mail, and the fields of its parts.  Returns false if no part is a report. */
static bool
read_report(const char *at, Report *report)
{
	const char *before = at;
	char	   *line;

	while (*at == '\r' || *at == '\n')
		at++;
	report->mail = read_fields(&at);
	if (!has_type(report->mail, "multipart/"))
		return false;			/* lines of a text are no parts */
	at = before;
	while ((line = next_line(&at)) != NULL)
	{
		List	   *header;

		if (strncmp(line, "--", 2) != 0)
			continue;
		header = read_fields(&at);
		report->is_feedback |= has_type(header, "message/feedback-report");
		if (report->groups == NIL &&
			(has_type(header, "message/feedback-report") || has_type(header, "message/delivery-status") ||
			 has_type(header, "message/global-delivery-status")))
			while (*at != '\0' && strncmp(at, "--", 2) != 0)
			{
				List	   *group = read_fields(&at);

				if (group != NIL)
					report->groups = lappend(report->groups, group);
			}
		else if (report->original == NIL &&
				 (has_type(header, "message/rfc822") || has_type(header, "message/global") ||
				  has_type(header, "text/rfc822-headers")))
			report->original = read_fields(&at);
	}
	return report->groups != NIL;
}

/* The address in "rfc822; address" or "Name <address>". */
static char *
address_in(const char *value)
{
	const char *semicolon = value == NULL ? NULL : strchr(value, ';');

	return cs_address_alone(semicolon == NULL ? value : semicolon + 1);
}

/* A digest of the fields of a group. */
static const char *
content_of(const List *group)
{
	StringInfoData content;
	const ListCell *cell;

	initStringInfo(&content);
	foreach(cell, group)
	{
		const Field *field = lfirst(cell);

		appendStringInfo(&content, "%s:%s\n", field->name, field->value);
	}
	return cs_webhook_key(NULL, NULL, NULL, 0, content.data, content.len);
}

/* Completes an event with the campaign and the key, and emits it. */
static void
emit(const Report *report, cs_webhook_event *event, const char *content, const cs_webhook_host *host)
{
	CHECK_FOR_INTERRUPTS();
	event->campaign = report->campaign;
	event->event_key = cs_webhook_key(report->id, event->type, event->recipient, event->occurred_at, content, strlen(content));
	host->emit(event, host->state);
}

static void
read_feedback(const Report *report, const cs_webhook_host *host)
{
	const List *group = linitial(report->groups);
	const char *type = value_of(group, "Feedback-Type");
	const char *content = content_of(group);
	cs_webhook_event event = {0};
	const ListCell *cell;
	bool		emitted = false;

	event.type = type != NULL ? asc_tolower(type, strlen(type)) : NULL;
	for (int i = 0; type != NULL && i < (int) lengthof(feedback_kinds); i++)
		if (strcmp(event.type, feedback_kinds[i].word) == 0)
			event.kind = feedback_kinds[i].kind;
	event.occurred_at = cs_read_time(report->date != NULL ? report->date : value_of(group, "Arrival-Date"));
	if (event.occurred_at == CS_NO_TIME)
		event.occurred_at = cs_read_time(value_of(group, "Received-Date"));
	event.reason = value_of(group, "User-Agent");
	foreach(cell, group)
	{
		const Field *field = lfirst(cell);

		if (pg_strcasecmp(field->name, "Original-Rcpt-To") != 0 && pg_strcasecmp(field->name, "Removal-Recipient") != 0)
			continue;
		event.recipient = address_in(field->value);
		emit(report, &event, content, host);
		emitted = true;
	}
	if (!emitted)
	{
		event.recipient = address_in(value_of(report->original, "To"));
		emit(report, &event, content, host);
	}
}

static void
read_delivery_status(const Report *report, const cs_webhook_host *host)
{
	const char *date = report->date != NULL ? report->date : value_of(linitial(report->groups), "Arrival-Date");
	const ListCell *cell;

	for_each_from(cell, report->groups, 1)
	{
		const List *group = lfirst(cell);
		const char *action = value_of(group, "Action");
		const char *status = value_of(group, "Status");
		const char *recipient = value_of(group, "Original-Recipient");
		const char *attempt = value_of(group, "Last-Attempt-Date");
		cs_webhook_event event = {0};

		event.type = action != NULL ? asc_tolower(action, strcspn(action, " \t(")) : NULL;
		event.recipient = address_in(recipient != NULL ? recipient : value_of(group, "Final-Recipient"));
		event.occurred_at = cs_read_time(attempt != NULL ? attempt : date);
		event.reason = status;
		event.reply = value_of(group, "Diagnostic-Code");
		for (int i = 0; action != NULL && i < (int) lengthof(action_kinds); i++)
			if (strcmp(event.type, action_kinds[i].word) == 0)
				event.kind = action_kinds[i].kind;
		if (action != NULL && strcmp(event.type, "failed") == 0)
		{
			const char *kind = status == NULL && event.reply == NULL ? NULL :
				host->classify(psprintf("%s %s", event.reply != NULL && status != NULL && strstr(event.reply, status) ? "" :
										status != NULL ? status : "", event.reply != NULL ? event.reply : ""));

			if (kind != NULL)
				event.kind = kind;
			else if (status != NULL && *status == '4')
				event.kind = "soft_bounced";
		}
		emit(report, &event, content_of(group), host);
	}
}

void
cs_read_mail_report(const char *mail, const cs_webhook_host *host)
{
	Report		report = {NIL};

	if (!read_report(mail, &report))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the mail is not a report"),
				 errdetail("It is of no type multipart, or has no part of type message/feedback-report or message/delivery-status."),
				 errhint("Pass the whole text of the mail, with its header.")));
	report.date = value_of(report.mail, "Date");
	report.id = cs_address_alone(value_of(report.mail, "Message-ID"));
	report.campaign = value_of(report.original, "X-Campaign-Id");
	if (report.is_feedback)
		read_feedback(&report, host);
	else
		read_delivery_status(&report, host);
}
