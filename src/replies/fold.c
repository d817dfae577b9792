/*
 * fold.c
 *		Folding of characters: letters lose case and accents, Cyrillic letters
 *		become Latin ones, and other scripts are spelled by code point.
 *
 * Folding makes the alphabet of the automaton small.  Different letters may fold
 * to the same symbol, since a phrase has enough letters to be told from others.
 */
#include "replies/fold.h"

#include <string.h>

/* U+00C0 to U+017F without accents; '-' for punctuation */
static const char latin[] =
"aaaaaaaceeeeiiiidnooooo-ouuuuypsaaaaaaaceeeeiiiidnooooo-ouuuuypy"
"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
"lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/* U+0430 to U+044F */
static const char cyrillic[] = "abvgdejziiklmnoprstufhcqwwayaeyx";

/* Reads a code point.  Returns the number of bytes. */
static int
decode(const unsigned char *text, size_t size, uint32_t *point)
{
	int			length = text[0] < 0x80 ? 1 : text[0] < 0xC2 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : text[0] < 0xF5 ? 4 : 0;

	*point = text[0];
	if (length == 1)
		return 1;
	if (length == 0 || (size_t) length > size)
		return 1;
	*point = text[0] & (0x7F >> length);
	for (int i = 1; i < length; i++)
	{
		if ((text[i] & 0xC0) != 0x80)
		{
			*point = text[0];
			return 1;
		}
		*point = *point << 6 | (text[i] & 0x3F);
	}
	return length;
}

static uint8_t
letter(char c)
{
	return (uint8_t) (c - 'a' + 1);
}

static uint8_t
digit(int value)
{
	return (uint8_t) (27 + value);
}

/* Spells a code point as "u" and hexadecimal digits. */
static void
spell(Character *c, uint32_t point)
{
	int			shift = point > 0xFFFF ? 16 : 12;

	c->symbols[c->symbol_count++] = letter('u');
	for (; shift >= 0; shift -= 4)
	{
		int			nibble = (point >> shift) & 0xF;

		c->symbols[c->symbol_count++] = nibble < 10 ? digit(nibble) : letter((char) ('a' + nibble - 10));
	}
}

static bool
is_ideograph(uint32_t point)
{
	return (point >= 0x3040 && point <= 0x30FF) || (point >= 0x3400 && point <= 0x9FFF) ||
		(point >= 0xAC00 && point <= 0xD7AF) || (point >= 0x0E00 && point <= 0x0E7F) || point == 0x3005;
}

static void
fold_ascii(Character *c, char byte)
{
	c->type = CHAR_LETTER;
	c->symbol_count = 1;
	if (byte >= 'a' && byte <= 'z')
		c->symbols[0] = letter(byte);
	else if (byte >= 'A' && byte <= 'Z')
	{
		c->symbols[0] = letter((char) (byte - 'A' + 'a'));
		c->upper = true;
	}
	else if (byte >= '0' && byte <= '9')
	{
		c->type = CHAR_DIGIT;
		c->symbols[0] = digit(byte - '0');
	}
	else
	{
		c->symbol_count = 0;
		c->type = byte == '.' ? CHAR_DOT : byte == '\'' ? CHAR_APOSTROPHE : byte != '\0' && strchr("!?;|", byte) ? CHAR_BREAK : CHAR_SPACE;
	}
}

Character
cs_fold_character(const unsigned char *text, size_t size)
{
	Character	c = {.type = CHAR_SPACE};
	uint32_t	point;

	c.size = (uint8_t) decode(text, size, &point);
	if (point >= 0xFF01 && point <= 0xFF5E)
		point -= 0xFEE0;		/* fullwidth forms of ASCII */
	if (point < 0x80)
		fold_ascii(&c, (char) point);
	else if (point == 0x2019)
		c.type = CHAR_APOSTROPHE;
	else if (point == 0xDF)
	{
		c.type = CHAR_LETTER;
		c.symbols[0] = c.symbols[1] = letter('s');
		c.symbol_count = 2;
	}
	else if (point >= 0xC0 && point < 0xC0 + sizeof(latin) - 1)
	{
		if (latin[point - 0xC0] != '-')
		{
			c.type = CHAR_LETTER;
			c.symbols[c.symbol_count++] = letter(latin[point - 0xC0]);
		}
	}
	else if (point >= 0x0400 && point <= 0x045F)
	{
		/* small letters; those of U+0450 and above as e, and i */
		uint32_t	small = point < 0x0410 ? point + 0x50 : point < 0x0430 ? point + 0x20 : point;

		c.type = CHAR_LETTER;
		c.symbols[c.symbol_count++] = letter(small <= 0x044F ? cyrillic[small - 0x0430] : small < 0x0455 ? 'e' : 'i');
	}
	else if (is_ideograph(point))
	{
		c.type = CHAR_IDEOGRAPH;
		spell(&c, point);
	}
	else if (point == 0xAD || (point >= 0x0300 && point <= 0x036F) || (point >= 0x200B && point <= 0x200F) || point == 0xFEFF)
		c.type = CHAR_IGNORED;
	else if (point == 0x3002)
		c.type = CHAR_BREAK;	/* ideographic full stop */
	else if ((point >= 0x0180 && point < 0x2000) || (point >= 0x2C00 && point < 0x3000) || point >= 0xA000)
	{
		c.type = CHAR_LETTER;
		spell(&c, point);
	}
	return c;
}
