/*
 * text.h
 *		A place in a text, and the codes that are read there.  For this folder only.
 */
#ifndef CONTACT_STATUS_TEXT_H
#define CONTACT_STATUS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes by what they may be a part of. */
#define DIGIT 1
#define LOWER 2
#define UPPER 4
#define OUTSIDE 8				/* of ASCII */
#define JOINING 16				/* in addresses, host names and settings */

extern const uint8_t cs_byte_classes[256];

typedef struct Text
{
	const unsigned char *bytes;
	size_t		size;
	size_t		at;
} Text;

static inline bool
is_digit(int c)
{
	return (cs_byte_classes[c] & DIGIT) != 0;
}

static inline bool
is_alphanumeric(int c)
{
	return (cs_byte_classes[c] & (DIGIT | LOWER | UPPER)) != 0;
}

/* The byte at a place relative to the current one, or 0 outside of the text. */
static inline int
peek(const Text *text, ptrdiff_t offset)
{
	ptrdiff_t	at = (ptrdiff_t) text->at + offset;

	return at >= 0 && at < (ptrdiff_t) text->size ? text->bytes[at] : 0;
}

/* Reads an enhanced status code (RFC 3463) at an offset.  Returns its length, or 0. */
extern int	cs_read_enhanced_code(const Text *text, ptrdiff_t offset, int code[3]);

/*
 * Reads a reply code (RFC 5321).  `current` is the code of the reply being read,
 * or 0; `seen`: the text had a reply before.  Returns its length, or 0.
 */
extern int	cs_read_reply_code(const Text *text, int current, bool seen, int *code);

#endif							/* CONTACT_STATUS_TEXT_H */
