/*
 * text.c
 *		Codes in a text: which numbers are codes, and which are parts of addresses,
 *		host names, dates, sizes and counts.
 */
#include "replies/text.h"

#include <string.h>

/* Reply codes are less. */
#define LEAST_UNUSED 580

const uint8_t cs_byte_classes[256] = {
	['0' ... '9'] = DIGIT,['a' ... 'z'] = LOWER,['A' ... 'Z'] = UPPER,[0x80 ... 0xFF] = OUTSIDE,
	['.'] = JOINING,['_'] = JOINING,['%'] = JOINING,['+'] = JOINING,['='] = JOINING,['/'] = JOINING,['&'] = JOINING,
	['#'] = JOINING,['~'] = JOINING,['*'] = JOINING,['$'] = JOINING,['@'] = JOINING,['-'] = JOINING
};

/* A number of a host or of a version is no code. */
int
cs_read_enhanced_code(const Text *text, ptrdiff_t offset, int code[3])
{
	ptrdiff_t	length = offset;

	for (int part = 0; part < 3; part++)
	{
		int			digits = 0;

		code[part] = 0;
		if (part > 0 && peek(text, length++) != '.')
			return 0;
		for (; digits < 4 && is_digit(peek(text, length)); digits++)
			code[part] = code[part] * 10 + peek(text, length++) - '0';
		if (digits == 0 || digits > 3)
			return 0;
	}
	if ((code[0] != 2 && code[0] != 4 && code[0] != 5) || code[1] > 7)
		return 0;
	if (is_alphanumeric(peek(text, length)) || (peek(text, length) == '.' && is_alphanumeric(peek(text, length + 1))))
		return 0;
	return (int) (length - offset);
}

/*
 * Is the number in front of a unit, such as "450 seconds"?  Within a sentence, a
 * count of things is meant as well.
 */
static bool
is_quantity(const Text *text, int length, bool within)
{
	static const char *const units[] = {
		"byte", "kb", "mb", "gb", "kilo", "mega", "sec", "minute", "hour", "day", "of ", "ms ", "%",
		"mess", "mail", "email", "recip", "conn", "per", "time", "addr", "char", "line", "attem", "user", "sess"
	};
	size_t		count = within ? sizeof(units) / sizeof(units[0]) : 13;

	while (peek(text, length) == ' ')
		length++;
	for (size_t u = 0; u < count; u++)
	{
		int			i = 0;

		while (units[u][i] != '\0' && (peek(text, length + i) | 0x20) == units[u][i])
			i++;
		if (units[u][i] == '\0')
			return true;
	}
	return false;
}

/* Is the number a part of a number, name, address, date or setting? */
static bool
is_part(const Text *text)
{
	int			before = peek(text, -1);
	int			after = peek(text, 3);

	switch (before)
	{
		case '.':
		case '-':
			if (is_alphanumeric(peek(text, -2)))
				return true;
			break;
		case ':':				/* a port or a time */
			if (is_digit(peek(text, -2)) || peek(text, -2) == ']')
				return true;
			break;
		case '=':				/* code=, but not delay= */
			if ((peek(text, -2) | 0x20) != 'e' || (peek(text, -3) | 0x20) != 'd')
				return true;
			break;
		case '/':
		case '_':
		case '+':
		case '@':
			return true;
	}
	return is_alphanumeric(after) || after >= 0x80 || before >= 0x80 || (after != 0 && strchr("/=@%_", after) != NULL) ||
		((after == '.' || after == ':' || after == ',') && is_digit(peek(text, 4)));
}

/* Does the text begin before the number, or a sentence, or does a word announce a code? */
static bool
is_announced(const Text *text)
{
	static const char *const words[] = {"error", "code", "said", "reply", "status", "response", "returned", "smtp", "reason", "was"};
	ptrdiff_t	at = -1;

	while (peek(text, at) == ' ' && at > -4)
		at--;
	if (peek(text, at) == 0 || (!is_alphanumeric(peek(text, at)) && peek(text, at) < 0x80 && strchr(",$(", peek(text, at)) == NULL))
		return true;
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
	{
		ptrdiff_t	length = (ptrdiff_t) strlen(words[w]);
		ptrdiff_t	i = 0;

		while (i < length && (peek(text, at - i) | 0x20) == words[w][length - 1 - i])
			i++;
		if (i == length && !is_alphanumeric(peek(text, at - length)))
			return true;
	}
	return false;
}

int
cs_read_reply_code(const Text *text, int current, bool seen, int *code)
{
	int			enhanced[3];
	int			after = peek(text, 3);

	if (!is_digit(peek(text, 0)) || !is_digit(peek(text, 1)) || !is_digit(peek(text, 2)) || is_part(text))
		return 0;
	*code = (peek(text, 0) - '0') * 100 + (peek(text, 1) - '0') * 10 + peek(text, 2) - '0';
	if (*code < 200 || *code >= LEAST_UNUSED || (*code >= 300 && *code < 400 && *code != 354))
		return 0;
	if (cs_read_enhanced_code(text, 4, enhanced) != 0 || *code == current)
		return 3;
	if (is_announced(text))
		return is_quantity(text, 3, false) ? 0 : 3;
	/* within a sentence after another reply: a failure that is not a count */
	return seen && *code > 400 && *code != 500 && (after == ' ' || after == '-') && !is_quantity(text, 3, true) ? 3 : 0;
}
