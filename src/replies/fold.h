/*
 * fold.h
 *		Folding of characters to the symbols that the automaton reads.  For this
 *		folder only.
 */
#ifndef CONTACT_STATUS_FOLD_H
#define CONTACT_STATUS_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Symbols: a space, the letters a to z, digits, and the dot within a host name. */
#define SYMBOLS 38
#define SPACE 0
#define DOT 37

typedef enum CharType
{
	CHAR_LETTER,				/* folds to symbols of a word */
	CHAR_IDEOGRAPH,				/* a word of its own, as in Chinese and Japanese */
	CHAR_DIGIT,
	CHAR_DOT,
	CHAR_BREAK,					/* ends a clause */
	CHAR_APOSTROPHE,			/* as a space, but not in "n't" */
	CHAR_SPACE,					/* ends a word; punctuation as well */
	CHAR_IGNORED				/* has no width, or an accent on the letter before */
} CharType;

typedef struct Character
{
	CharType	type;
	bool		upper;
	uint8_t		size;			/* bytes read */
	uint8_t		symbol_count;
	uint8_t		symbols[6];
} Character;

/* Reads a character of UTF-8.  A byte that is not UTF-8 is read as Latin-1. */
extern Character cs_fold_character(const unsigned char *text, size_t size);

#endif							/* CONTACT_STATUS_FOLD_H */
