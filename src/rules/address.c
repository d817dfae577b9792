/*
 * address.c
 *		The rule of what an e-mail address is, and its normal form.
 */
#include "rules/address.h"

#include <stdint.h>
#include <string.h>

typedef struct Range
{
	uint32_t	first;
	uint32_t	last;
} Range;

/* Blanks, and characters without a width, that may surround an address.  ASCII: see is_blank(). */
static const Range around[] = {
	{0x85, 0x85}, {0xA0, 0xA0}, {0x61C, 0x61C}, {0x1680, 0x1680}, {0x180E, 0x180E},
	{0x2000, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x206F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}
};

/* Other controls and invisible characters, which no address has.  ASCII: see is_plain(). */
static const Range nowhere[] = {
	{0x80, 0x9F}, {0xAD, 0xAD}, {0x34F, 0x34F},
	{0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x2800, 0x2800}, {0x3164, 0x3164}, {0xFE00, 0xFE0F},
	{0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}
};

/* Characters that no domain has: punctuation, full-width and other forms of ASCII characters, other full stops. */
static const Range not_in_domain[] = {
	{0x2000, 0x206F}, {0x2100, 0x214F}, {0x2460, 0x24FF}, {0x3002, 0x3002},
	{0xFE50, 0xFE6F}, {0xFF00, 0xFFEF}, {0x1D400, 0x1D7FF}
};

#define IN(ranges, c) is_in(ranges, sizeof(ranges) / sizeof(Range), c)

static bool
is_in(const Range *ranges, size_t count, uint32_t c)
{
	for (size_t i = 0; i < count && ranges[i].first <= c; i++)
		if (c <= ranges[i].last)
			return true;
	return false;
}

/*
 * Reads the first character of a text that is not empty.  A byte that begins no
 * UTF-8 sequence is a character by itself, without a meaning.
 */
static size_t
read_character(const char *text, size_t size, bool is_utf8, uint32_t *c)
{
	const unsigned char *b = (const unsigned char *) text;
	size_t		length = !is_utf8 || *b < 0xC2 || *b > 0xF4 ? 1 : *b < 0xE0 ? 2 : *b < 0xF0 ? 3 : 4;

	*c = *b < 0x80 ? *b : UINT32_MAX;
	if (length == 1 || length > size)
		return 1;
	*c = *b & (0x7F >> length);
	for (size_t i = 1; i < length; i++)
	{
		if ((b[i] & 0xC0) != 0x80)
		{
			*c = UINT32_MAX;
			return 1;
		}
		*c = *c << 6 | (b[i] & 0x3F);
	}
	return length;
}

static bool
is_blank(uint32_t c)
{
	return c < 0x80 ? c == ' ' || (c >= 0x09 && c <= 0x0D) : IN(around, c);
}

/* May an address have the character, or (in_domain) its domain? */
static bool
is_plain(uint32_t c, bool in_domain)
{
	if (c >= 0x80)
		return !IN(around, c) && !IN(nowhere, c) && !(in_domain && IN(not_in_domain, c));
	switch (c)
	{
		case '"':
		case '\'':
		case '(':
		case ')':
			return !in_domain;
		case ',':
		case ';':
		case '<':
		case '>':
		case 0x7F:
			return false;
	}
	return c > ' ';
}

size_t
cs_trim_address(const char **start, size_t size, bool is_utf8)
{
	size_t		end = 0;
	uint32_t	c;

	while (size > 0)
	{
		size_t		length = read_character(*start, size, is_utf8, &c);

		if (!is_blank(c))
			break;
		*start += length;
		size -= length;
	}
	for (size_t i = 0; i < size;)
	{
		i += read_character(*start + i, size - i, is_utf8, &c);
		if (!is_blank(c))
			end = i;
	}
	return end;
}

static bool
is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Does the text begin with a scheme, as "mailto:" is one? */
static bool
has_scheme(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] == ':')
			return i > 0;
		else if (!is_letter_or_digit(text[i]) && (i == 0 || (text[i] != '+' && text[i] != '-' && text[i] != '.')))
			return false;
	return false;
}

bool
cs_is_address(const char *address, size_t size, bool is_utf8)
{
	const char *at = size > 0 && size <= CS_ADDRESS_MAX ? memchr(address, '@', size) : NULL;
	size_t		local = at ? at - address : 0;
	size_t		domain = at ? size - local - 1 : 0;
	uint32_t	c = 0;

	if (local == 0 || domain == 0 || local > CS_LOCAL_PART_MAX || memchr(at + 1, '@', domain) ||
		(local == 1 && *address == '*') || has_scheme(address, local))
		return false;
	for (size_t i = 0; i < size;)
	{
		i += read_character(address + i, size - i, is_utf8, &c);
		if (!is_plain(c, i > local))
			return false;
	}
	/* the last character is of the domain; a literal is in brackets */
	return c > 0x7F || is_letter_or_digit((char) c) || (c == ']' && at[1] == '[');
}
