/*
 * matcher.h
 *		The automaton that finds phrases of the vocabulary.  For this folder only.
 */
#ifndef CONTACT_STATUS_MATCHER_H
#define CONTACT_STATUS_MATCHER_H

#include "replies/concepts.h"
#include "replies/fold.h"

typedef struct State
{
	ConceptSet	exact;			/* of the phrase that ends here, if the word ends */
	ConceptSet	stem;			/* of the phrase that ends here, however the word ends */
	uint16_t	fail;			/* state of the longest proper suffix */
	uint8_t		words;			/* number of words that the state's string touches */
	bool		is_exact;		/* a phrase ends here; its concepts may be none */
	bool		is_stem;
	bool		anywhere;		/* the string begins within a word */
} State;

/* Transitions of a state.  Those without a phrase of their own lead to a suffix. */
typedef struct Row
{
	uint16_t	next[SYMBOLS];
	uint16_t	exact_at;		/* the longest suffix where a phrase ends with the word, or 0 */
	uint16_t	stem_at;		/* the longest suffix where a phrase ends however the word ends, or 0 */
} Row;

#define SUBJECTS 8				/* X.0 to X.7 */
#define DETAILS 1000
#define REPLY_CODES 600

struct cs_matcher
{
	Row		   *rows;
	State	   *states;
	int			state_count;
	/* rules by key, in descending weight; `first` has the start of each key's part */
	const WordRule **rules;
	int			first[CONCEPT_COUNT + 1];
	ConceptSet	keys;
	/* numbers of rules by code, from 1; 0: none */
	uint8_t		enhanced[SUBJECTS][DETAILS];
	uint8_t		replies[REPLY_CODES];
};

/* A phrase that was found, in words of the text. */
typedef struct Found
{
	int			first;
	int			last;
	ConceptSet	concepts;
} Found;

#define PENDING 8

/* The state of reading one clause. */
typedef struct Scanner
{
	const cs_matcher *matcher;
	int			state;
	int			word;			/* number of the word being read */
	bool		in_word;
	bool		dotted;			/* the word has a dot within */
	Found		partial;		/* a phrase that ends with the word, however the word ends */
	bool		partial_anywhere;	/* it may begin within a word */
	/* phrases that do not overlap, and may still be replaced by a longer one */
	Found		pending[PENDING];
	int			pending_count;
	ConceptSet	concepts;		/* of the clause */
} Scanner;

extern void cs_start_clause(Scanner *scanner);
/* Notes a phrase that ends at the current symbol, however the word ends. */
extern void cs_note_stem(Scanner *scanner, int state);
/* Reads the first symbol of a word, or a dot. */
extern void cs_begin_word(Scanner *scanner);
extern void cs_scan_dot(Scanner *scanner);
/* Ends the word, if one was begun. */
extern void cs_end_word(Scanner *scanner);
/* Ends the word without looking for a phrase that ends with it. */
extern void cs_drop_word(Scanner *scanner);
/* Ends the clause.  Returns its concepts. */
extern ConceptSet cs_end_clause(Scanner *scanner);

/*
 * Returns the rule of greatest weight that matches the concepts of a clause, or
 * NULL.  Of equal weights the first in the table.
 */
extern const WordRule *cs_find_word_rule(const cs_matcher *matcher, ConceptSet concepts);

/* Returns the rule of an enhanced code, or NULL.  Falls back from X.Y.Z to X.Y.0. */
extern const CodeRule *cs_enhanced_code_rule(const cs_matcher *matcher, const int code[3]);
/* Returns the rule of a reply code, or of its first digit, or NULL. */
extern const CodeRule *cs_reply_code_rule(const cs_matcher *matcher, int code);

/* Reads a symbol of a word. */
static inline void
cs_scan_symbol(Scanner *scanner, uint8_t symbol)
{
	const Row  *row;

	if (!scanner->in_word)
		cs_begin_word(scanner);
	scanner->state = scanner->matcher->rows[scanner->state].next[symbol];
	row = &scanner->matcher->rows[scanner->state];
	if (row->stem_at != 0)
		cs_note_stem(scanner, row->stem_at);
}

#endif							/* CONTACT_STATUS_MATCHER_H */
