/*
 * address.h
 *		The rule of what an e-mail address is, and its normal form.
 *
 * `is_utf8` says that the text is UTF-8.  In other encodings, only ASCII
 * characters have a meaning here.
 */
#ifndef CONTACT_STATUS_RULES_ADDRESS_H
#define CONTACT_STATUS_RULES_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Maximum number of octets of an address, and of its part before the @. */
#define CS_ADDRESS_MAX 254
#define CS_LOCAL_PART_MAX 64

/*
 * Removes blanks, zero-width characters and byte order marks around a text.
 * Advances *start and returns the new size.
 */
extern size_t cs_trim_address(const char **start, size_t size, bool is_utf8);

/*
 * Is the text an address?  It has one @ with a text on both sides.  It has no
 * blank, control character, invisible character, <, >, comma or semicolon.  It
 * has no scheme.  Its domain ends with a letter or a digit, or is in brackets, and
 * has no other forms of ASCII characters.  A part that is only * is no address.
 */
extern bool cs_is_address(const char *address, size_t size, bool is_utf8);

#endif							/* CONTACT_STATUS_RULES_ADDRESS_H */
