/*
 * extract.c
 *		Reads payloads by the table of their provider.
 */
#include "postgres.h"

#include <ctype.h>

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "webhooks/webhooks.h"

/* An id in a key is cut off after this many bytes: an index stores the key. */
#define MAX_ID 200

/* Other texts are cut off after this many bytes: each recipient gets a copy. */
#define MAX_TEXT 4000

/* Bytes of the digest in a key. */
#define DIGEST_SIZE 12

/* The event that is read, and the values that paths start from. */
typedef struct Extraction
{
	const cs_provider *provider;
	const cs_webhook_host *host;
	JsonbValue	payload;
	JsonbValue *event;
	JsonbValue *recipient;		/* NULL: none */

	/* of the event, for all of its recipients */
	cs_webhook_event common;
	const cs_webhook_rule *rule;
	bool		engaged;		/* the rule's kind is an open or a click */
	bool		machine;		/* it was a machine's */
	const char *reply_paths;
	const char *status;
	const char *id;				/* NULL: none */
	const char *content;		/* without an id, a digest of the event */
} Extraction;

/*
 * Fields of an event with a true value, by which providers say that a machine
 * and no person opened the mail or followed the link.  In lower case, without
 * dashes and underscores.
 */
static const char *const machine_marks[] = {
	"sgmachineopen", "sgmachineclick", "machineopen", "machineclick", "ismachine", "ismachineopen", "ismachineclick", "bot",
	"isbot", "botdetected", "isprefetched", "prefetched", "isprefetch", "prefetch", "isautomated", "automated",
	"machinegenerated", "ismachinegenerated", "isscanner", "securityscanner", "privacyproxy", "isprivacyproxy",
	"appleprivacyproxy", "isapplemailprivacyproxy", "applemailprivacyprotection", "appleprivacyprotection", "isapplemailprivacyprotection", "applempp", "isapplempp", "ismpp"
};

/* The user agent that Apple's privacy proxy sends. */
#define APPLE_PROXY_AGENT "Mozilla/5.0"

static char *
path_value(const Extraction *x, const char *path, int size)
{
	JsonbValue *from = x->event;
	List	   *values;
	char	   *value;

	if (*path == '^')
		from = unconstify(JsonbValue *, &x->payload);
	else if (*path == '@')
		from = x->recipient;
	if (*path == '^' || *path == '@')
		path++, size--;
	values = from == NULL ? NIL : cs_json_values(from, path, size);
	value = values == NIL ? NULL : cs_json_text(linitial(values));
	if (value != NULL && strlen(value) > MAX_TEXT)
		value[pg_mbcliplen(value, strlen(value), MAX_TEXT)] = '\0';
	return value;
}

/* The values of the paths of an alternative, joined by colons. */
static char *
joined(const Extraction *x, const char *paths, int size)
{
	char	   *result = NULL;

	while (size > 0)
	{
		const char *plus = memchr(paths, '+', size);
		int			length = plus == NULL ? size : plus - paths;
		char	   *value = path_value(x, paths, length);

		if (value != NULL)
			result = result == NULL ? value : psprintf("%s: %s", result, value);
		paths += length + 1;
		size -= length + 1;
	}
	return result;
}

/* The value of the first alternative that has one, or NULL. */
static char *
field(const Extraction *x, const char *paths)
{
	while (paths != NULL && *paths != '\0')
	{
		int			length = strcspn(paths, "|");
		char	   *value = joined(x, paths, length);

		if (value != NULL)
			return value;
		paths += length + (paths[length] == '|');
	}
	return NULL;
}

/* The next character that counts in a comparison of words, or '\0'. */
static char
next_letter(const char **at, const char *end)
{
	while (*at < end && strchr("-_ ", **at) != NULL)
		(*at)++;
	return *at < end ? pg_ascii_tolower((unsigned char) *(*at)++) : '\0';
}

static bool
starts_with(const char *text, const char *pattern, const char *end, bool whole)
{
	const char *text_end = text + strlen(text);
	char		letter;

	while ((letter = next_letter(&pattern, end)) != '\0')
		if (next_letter(&text, text_end) != letter)
			return false;
	return !whole || next_letter(&text, text_end) == '\0';
}

/* Does a text match a pattern, which may start and end with `*`? */
static bool
matches_pattern(const char *text, const char *pattern, int size)
{
	const char *end = pattern + size;
	bool		anywhere = size > 0 && *pattern == '*';
	bool		open = size > 0 && end[-1] == '*';

	if (anywhere && size == 1)
		return true;
	pattern += anywhere;
	end -= open;
	if (!anywhere)
		return starts_with(text, pattern, end, !open);
	for (; *text != '\0'; text++)
		if (starts_with(text, pattern, end, !open))
			return true;
	return false;
}

/* Does a text match a pattern of a list with commas?  NULL matches none. */
static bool
matches(const char *text, const char *patterns, int size)
{
	while (text != NULL && size > 0)
	{
		const char *comma = memchr(patterns, ',', size);
		int			length = comma == NULL ? size : comma - patterns;

		if (matches_pattern(text, patterns, length))
			return true;
		patterns += length + 1;
		size -= length + 1;
	}
	return false;
}

static bool
meets(const Extraction *x, const char *condition)
{
	while (condition != NULL && *condition != '\0')
	{
		int			length = strcspn(condition, "&");
		int			path = strcspn(condition, "=");

		if (!matches(field(x, pnstrdup(condition, path)), condition + path + 1, length - path - 1))
			return false;
		condition += length + (condition[length] == '&');
	}
	return true;
}

static const cs_webhook_rule *
find_rule(const Extraction *x, const char *type)
{
	const cs_webhook_rule *rule = x->provider->rules;

	while (rule->type != NULL && !(matches(type, rule->type, strlen(rule->type)) && meets(x, rule->condition)))
		rule++;
	return rule->type == NULL ? NULL : rule;
}

static bool
is_true(const JsonbValue *value)
{
	if (value->type == jbvBool)
		return value->val.boolean;
	if (value->type == jbvNumeric || value->type == jbvString)
		return matches(cs_json_text(unconstify(JsonbValue *, value)), "true,1,yes", 10);
	return false;
}

/* Does the object, or an object in it, have a true mark of a machine? */
static bool
has_machine_mark(JsonbValue *object, int depth)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *key = NULL;
	bool		marked = false;

	if (object->type != jbvBinary || !JsonContainerIsObject(object->val.binary.data))
		return false;
	iterator = JsonbIteratorInit(object->val.binary.data);
	while (!marked && (token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && value.type == jbvBinary)
			marked = depth > 0 && has_machine_mark(&value, depth - 1);
		else if (token == WJB_VALUE && is_true(&value))
			for (int i = 0; i < (int) lengthof(machine_marks); i++)
				marked |= matches_pattern(key, machine_marks[i], strlen(machine_marks[i]));
	}
	return marked;
}

/* Was the mail opened, or the link followed, by a machine? */
static bool
is_machine(const Extraction *x)
{
	const char *agent = field(x, x->provider->user_agent);

	return (agent != NULL && strcmp(agent, APPLE_PROXY_AGENT) == 0) || has_machine_mark(x->event, 2);
}

/*
 * The kind of a bounce by the reply and its codes.  Codes that are not of SMTP
 * are left out.
 */
static const char *
kind_of_reply(const Extraction *x, const char *reply, const char *status)
{
	if (status != NULL && strchr("245", *status) != NULL && isdigit((unsigned char) *status) &&
		(reply == NULL || strstr(reply, status) == NULL))
		reply = psprintf("%s %s", status, reply == NULL ? "" : reply);
	return reply == NULL ? NULL : x->host->classify(reply);
}

char *
cs_webhook_key(const char *id, const char *type, const char *recipient, TimestampTz occurred_at, const char *content, int size)
{
	char	   *head = psprintf("%s\n%s\n%s\n" INT64_FORMAT "\n", id ? id : "", type ? type : "", recipient ? recipient : "",
								occurred_at);
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char		hex[2 * DIGEST_SIZE + 1];

	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (uint8 *) head, strlen(head)) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) content, size) < 0 ||
		pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute the digest of an event");
	pg_cryptohash_free(hash);
	for (int i = 0; i < DIGEST_SIZE; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	if (id == NULL)
		return pstrdup(hex);
	return psprintf("%.*s/%s", pg_mbcliplen(id, strlen(id), MAX_ID), id, hex);
}

char *
cs_address_alone(const char *text)
{
	const char *end;

	if (text == NULL)
		return NULL;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char) end[-1]))
		end--;
	if (end > text && end[-1] == '>')
	{
		const char *start = end;

		while (start > text && start[-1] != '<')
			start--;
		if (start > text)
			text = start, end--;
	}
	while (text < end && isspace((unsigned char) *text))
		text++;
	return text == end ? NULL : pnstrdup(text, end - text);
}

/* The kind by the rule and a reply; NULL for none. */
static const char *
kind_of_rule(const Extraction *x, const char *reply, const char *status)
{
	const char *kind = x->rule->by_reply ? kind_of_reply(x, reply ? reply : x->common.reason, status) : NULL;

	return kind != NULL ? kind : *x->rule->kind == '\0' ? NULL : x->rule->kind;
}

/* The value of a recipient's own field, if the first path has one; else that of the event. */
static const char *
own_value(const Extraction *x, const char *paths, const char *common)
{
	char	   *value = paths != NULL && *paths == '@' ? joined(x, paths, strcspn(paths, "|")) : NULL;

	return value != NULL ? value : common;
}

/*
 * Reads the fields of an event that are the same for all of its recipients, so
 * that the work for many recipients remains linear.
 */
static void
read_common(Extraction *x)
{
	const cs_provider *provider = x->provider;
	cs_webhook_event *event = &x->common;

	memset(event, 0, sizeof(*event));
	x->recipient = NULL;
	event->type = field(x, provider->type);
	event->occurred_at = cs_read_time(field(x, provider->occurred_at));
	event->campaign = field(x, provider->campaign);
	if (event->campaign != NULL && strcmp(event->campaign, "0") == 0)
		event->campaign = NULL;
	event->reason = field(x, provider->reason);
	x->rule = find_rule(x, event->type);
	x->engaged = x->rule != NULL && x->rule->kind != NULL &&
		(strcmp(x->rule->kind, "opened") == 0 || strcmp(x->rule->kind, "clicked") == 0);
	x->machine = x->engaged && is_machine(x);
	x->reply_paths = x->rule != NULL && x->rule->reply != NULL ? x->rule->reply : provider->reply;
	event->reply = field(x, x->reply_paths);
	x->status = field(x, provider->status);
	if (x->rule != NULL && x->rule->kind != NULL)
		event->kind = kind_of_rule(x, event->reply, x->status);
	x->id = field(x, provider->id);
	x->content = "";
	if (x->id == NULL)
	{
		StringInfoData content;

		initStringInfo(&content);
		JsonbToCString(&content, x->event->val.binary.data, x->event->val.binary.len);
		x->content = cs_webhook_key(NULL, NULL, NULL, 0, content.data, content.len);
	}
}

/* Emits the event for one recipient.  `shared`: it concerns one of several recipients, and does not say which. */
static void
emit(Extraction *x, const char *address, bool shared)
{
	cs_webhook_event event = x->common;
	const char *status = own_value(x, x->provider->status, x->status);

	CHECK_FOR_INTERRUPTS();
	event.recipient = cs_address_alone(address);
	event.reply = own_value(x, x->reply_paths, x->common.reply);
	if (x->engaged && (shared || x->machine))
		event.kind = NULL;
	else if (event.kind != NULL && (event.reply != x->common.reply || status != x->status))
		event.kind = kind_of_rule(x, event.reply, status);
	event.event_key = cs_webhook_key(x->id, event.type, event.recipient, event.occurred_at, x->content, strlen(x->content));
	x->host->emit(&event, x->host->state);
}

/* Emits an event for each of its recipients. */
static void
emit_recipients(Extraction *x)
{
	const char *paths = x->provider->recipients;
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(outer, "contact_status webhook recipient", ALLOCSET_SMALL_SIZES);

	read_common(x);
	while (*paths != '\0')
	{
		int			length = strcspn(paths, "|");
		bool		shared = *paths == '~';
		int			path = strcspn(paths + shared, ">|");
		List	   *values = cs_json_values(x->event, paths + shared, path);
		const char *key = paths[shared + path] == '>' ? paths + shared + path + 1 : NULL;
		bool		found = false;
		ListCell   *cell;

		foreach(cell, values)
		{
			JsonbValue *value = lfirst(cell);
			List	   *inner = key == NULL ? NIL : cs_json_values(value, key, strcspn(key, "|"));
			char	   *address = cs_json_text(inner != NIL ? linitial(inner) : value);

			if (address == NULL)
				continue;
			x->recipient = value;
			MemoryContextSwitchTo(context);
			emit(x, address, shared && list_length(values) > 1);
			MemoryContextSwitchTo(outer);
			MemoryContextReset(context);
			found = true;
		}
		if (found)
			return;
		paths += length + (paths[length] == '|');
	}
	x->recipient = NULL;
	emit(x, NULL, false);
}

/* The objects at a path, with arrays replaced by their elements. */
static List *
objects(List *result, JsonbValue *value)
{
	CHECK_FOR_INTERRUPTS();
	value = cs_json_container(value);
	if (value == NULL)
		return result;
	if (!cs_json_is_array(value))
		return lappend(result, value);
	for (int i = 0; i < (int) JsonContainerSize(value->val.binary.data); i++)
		result = objects(result, getIthJsonbValueFromContainer(value->val.binary.data, i));
	return result;
}

static void
refuse(const cs_provider *provider, const char *missing)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the payload is not of provider \"%s\"", provider->name),
			 errdetail("It has no \"%s\".", missing),
			 errhint("Pass the whole body of the request as JSON, and the name of the provider that sent it.")));
}

/* The first required field that an event lacks, or NULL. */
static const char *
lacks(const Extraction *x)
{
	const char *required = x->provider->required;

	while (*required != '\0')
	{
		int			length = strcspn(required, ",");
		char	   *paths = pnstrdup(required, length);
		bool		found = false;

		for (char *path = paths; *path != '\0' && !found;)
		{
			int			size = strcspn(path, "|");
			bool		of_payload = *path == '^';

			found = cs_json_values(of_payload ? unconstify(JsonbValue *, &x->payload) : x->event, path + of_payload,
								   size - of_payload) != NIL;
			path += size + (path[size] == '|');
		}
		if (!found)
			return paths;
		required += length + (required[length] == ',');
	}
	return NULL;
}

/* The events of one document of a payload.  Returns false, and sets *missing, if it has no place for events. */
static bool
find_events(const Extraction *x, List **events, const char **missing)
{
	const char *paths = x->provider->events;

	*missing = pnstrdup(paths, strcspn(paths, "[.|"));
	for (;;)
	{
		int			length = strcspn(paths, "|");
		int			first = strcspn(paths, ".[|");
		List	   *found = NIL;
		ListCell   *cell;

		foreach(cell, cs_json_values(unconstify(JsonbValue *, &x->payload), paths, length))
		{
			if (cs_json_is_broken(lfirst(cell)))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("the events in \"%.*s\" of the payload cannot be read", length, paths),
						 errdetail("The text begins as JSON and is not valid."),
						 errhint("Pass the whole body of the request, with its escapes as they were received.")));
			found = objects(found, lfirst(cell));
		}
		*events = found;
		if (found != NIL)
			return true;
		/* the place is there, and empty */
		if (first > 0 && first < length &&
			cs_json_values(unconstify(JsonbValue *, &x->payload), paths, first) != NIL)
			return true;
		if (paths[length] == '\0')
			return false;
		paths += length + 1;
	}
}

void
cs_read_webhook(const cs_provider *provider, Jsonb *payload, const cs_webhook_host *host)
{
	Extraction	x = {provider, host};
	JsonbValue	root;
	List	   *documents;
	ListCell   *document;
	const char *missing = NULL;
	int			accepted = 0;
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(outer, "contact_status webhook event", ALLOCSET_DEFAULT_SIZES);

	root.type = jbvBinary;
	root.val.binary.data = &payload->root;
	root.val.binary.len = VARSIZE(payload) - VARHDRSZ;
	if (JB_ROOT_IS_SCALAR(payload))
		root = *getIthJsonbValueFromContainer(&payload->root, 0);
	documents = objects(NIL, &root);
	if (documents == NIL && (JB_ROOT_IS_SCALAR(payload) || JB_ROOT_COUNT(payload) > 0))
		refuse(provider, pnstrdup(provider->required, strcspn(provider->required, ",")));

	foreach(document, documents)
	{
		List	   *events;
		ListCell   *event;
		const char *place;

		x.payload = *(JsonbValue *) lfirst(document);
		if (!find_events(&x, &events, &place))
		{
			missing = missing ? missing : place;
			continue;
		}
		if (events == NIL)
			accepted++;
		foreach(event, events)
		{
			const char *field_missing;

			x.event = lfirst(event);
			x.recipient = NULL;
			field_missing = lacks(&x);
			if (field_missing != NULL && missing == NULL)
				missing = field_missing;
			MemoryContextSwitchTo(context);
			emit_recipients(&x);
			MemoryContextSwitchTo(outer);
			MemoryContextReset(context);
			accepted += field_missing == NULL;
		}
	}
	if (accepted == 0 && missing != NULL)
		refuse(provider, missing);
	MemoryContextDelete(context);
}
