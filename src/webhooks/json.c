/*
 * json.c
 *		Values at paths of JSON documents.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "webhooks/webhooks.h"

bool
cs_json_is_array(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data) &&
		!JsonContainerIsScalar(value->val.binary.data);
}

/* Replaces the escapes of null characters, which jsonb does not accept, by those of blanks. */
static void
replace_nulls(char *json)
{
	for (; (json = strchr(json, '\\')) != NULL && json[1] != '\0'; json += 2)
		if (strncmp(json + 1, "u0000", 5) == 0)
			memcpy(json + 1, "u0020", 5);
}

/* Reads a string as JSON.  Returns NULL if it is none; only reading can fail here, which leaves nothing behind. */
static Jsonb *
parse(const char *string, int size)
{
	char	   *copy = pnstrdup(string, size);
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile result = NULL;

	replace_nulls(copy);
	PG_TRY();
	{
		result = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(copy)));
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		MemoryContextSwitchTo(context);
		if (code != ERRCODE_INVALID_TEXT_REPRESENTATION && code != ERRCODE_UNTRANSLATABLE_CHARACTER &&
			code != ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return result;
}

/* Does the string begin as an object or an array?  Leaves out blanks before it. */
static bool
begins_as_json(const char **string, int *size)
{
	while (*size > 0 && strchr(" \t\r\n", **string) != NULL)
		(*string)++, (*size)--;
	return *size > 1 && (**string == '{' || **string == '[');
}

bool
cs_json_is_broken(JsonbValue *value)
{
	const char *string = value->val.string.val;
	int			size = value->val.string.len;

	return value->type == jbvString && begins_as_json(&string, &size) && cs_json_container(value) == NULL;
}

JsonbValue *
cs_json_container(JsonbValue *value)
{
	if (value->type == jbvBinary)
		return JsonContainerIsScalar(value->val.binary.data) ? NULL : value;
	if (value->type == jbvString)
	{
		const char *string = value->val.string.val;
		int			size = value->val.string.len;
		Jsonb	   *parsed;

		if (begins_as_json(&string, &size) && (parsed = parse(string, size)) != NULL)
		{
			JsonbValue *result = palloc(sizeof(JsonbValue));

			result->type = jbvBinary;
			result->val.binary.data = &parsed->root;
			result->val.binary.len = VARSIZE_ANY_EXHDR(parsed);
			return result;
		}
	}
	return NULL;
}

/* Adds an element of an array: -1 is the last one. */
static List *
add_element(List *list, JsonbValue *array, int n)
{
	JsonbContainer *data = array->val.binary.data;
	int			size = JsonContainerSize(data);
	JsonbValue *element = size == 0 ? NULL : getIthJsonbValueFromContainer(data, n < 0 ? size - 1 : n);

	return element == NULL ? list : lappend(list, element);
}

/* Adds the members of an object with a key, or all members for `*`. */
static List *
add_members(List *list, JsonbValue *object, const char *key, int size)
{
	if (size == 1 && *key == '*')
	{
		JsonbIterator *iterator = JsonbIteratorInit(object->val.binary.data);
		JsonbValue	value;
		JsonbIteratorToken token;

		while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
			if (token == WJB_VALUE)
			{
				JsonbValue *copy = palloc(sizeof(JsonbValue));

				*copy = value;
				list = lappend(list, copy);
			}
	}
	else
	{
		JsonbValue *value = getKeyJsonValueFromContainer(object->val.binary.data, key, size, NULL);

		if (value != NULL)
			list = lappend(list, value);
	}
	return list;
}

/* Takes one step of a path from each value of a list. */
static List *
step(List *from, const char *key, int size)
{
	List	   *result = NIL;
	ListCell   *cell;
	bool		all = size > 2 && strncmp(key + size - 2, "[]", 2) == 0;
	bool		last = size > 4 && strncmp(key + size - 4, "[-1]", 4) == 0;

	size -= all ? 2 : last ? 4 : 0;
	foreach(cell, from)
	{
		JsonbValue *value = cs_json_container(lfirst(cell));
		List	   *members = NIL;
		ListCell   *member;

		CHECK_FOR_INTERRUPTS();
		/* an array in place of an object: its first element */
		while (value != NULL && cs_json_is_array(value))
		{
			List	   *first = add_element(NIL, value, 0);

			value = first == NIL ? NULL : cs_json_container(linitial(first));
		}
		if (value == NULL)
			continue;
		members = add_members(NIL, value, key, size);
		foreach(member, members)
		{
			JsonbValue *found = lfirst(member);
			JsonbValue *array = all || last ? cs_json_container(found) : NULL;

			if (array == NULL || !cs_json_is_array(array))
				result = lappend(result, found);
			else if (last)
				result = add_element(result, array, -1);
			else
				for (int i = 0; i < (int) JsonContainerSize(array->val.binary.data); i++)
					result = add_element(result, array, i);
		}
	}
	return result;
}

List *
cs_json_values(JsonbValue *from, const char *path, int size)
{
	List	   *values = list_make1(from);

	while (size > 0 && values != NIL)
	{
		const char *dot = memchr(path, '.', size);
		int			length = dot == NULL ? size : dot - path;

		values = step(values, path, length);
		path += length + 1;
		size -= length + 1;
	}
	return values;
}

char *
cs_json_text(JsonbValue *value)
{
	const char *string;
	int			size;

	while (cs_json_is_array(value))
	{
		List	   *first = add_element(NIL, value, 0);

		if (first == NIL)
			return NULL;
		value = linitial(first);
	}
	switch (value->type)
	{
		case jbvString:
			string = value->val.string.val;
			size = value->val.string.len;
			while (size > 0 && strchr(" \t\r\n\f\v", *string) != NULL)
				string++, size--;
			while (size > 0 && strchr(" \t\r\n\f\v", string[size - 1]) != NULL)
				size--;
			return size == 0 ? NULL : pnstrdup(string, size);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}
