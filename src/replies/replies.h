/*
 * replies.h
 *		Classification of SMTP replies and diagnostics of delivery reports.
 *
 * This folder is plain C without PostgreSQL headers, and is compiled and fuzzed
 * alone.  docs/replies.md describes the reasons and the order of evidence.
 *
 * The vocabulary (words.c) maps phrases of many languages to concepts.  The
 * rules (rules.c) map concepts in one clause to a reason.  An automaton finds
 * the phrases; it reads each byte of the text once.
 */
#ifndef CONTACT_STATUS_REPLIES_H
#define CONTACT_STATUS_REPLIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Side at fault.  Only a fault of the recipient can make an address dead. */
typedef enum cs_reply_scope
{
	CS_SCOPE_RECIPIENT,
	CS_SCOPE_SENDER,
	CS_SCOPE_MESSAGE,
	CS_SCOPE_SYSTEM
} cs_reply_scope;

#define CS_SCOPES (CS_SCOPE_SYSTEM + 1)

/* Labels of the kinds of event, NULL for a text without a verdict. */
typedef struct cs_reason
{
	const char *name;
	const char *kind;			/* of a permanent failure */
	const char *temporary_kind; /* of a temporary failure */
	cs_reply_scope scope;
} cs_reason;

/* The verdict about a text.  All pointers are static strings, or NULL for null. */
typedef struct cs_reply
{
	const char *kind;
	const char *reason;
	const char *scope;
	const char *rule;			/* name of the rule that decided */
	int			smtp_code;		/* 0: none */
	int			enhanced_code[3];	/* class 0: none */
} cs_reply;

/* A rule as reply_rules() shows it. */
typedef struct cs_reply_rule_text
{
	const char *name;
	const char *reason;
	const char *kind;
	const char *scope;
	char		evidence[256];
	const char *source;
} cs_reply_rule_text;

typedef struct cs_matcher cs_matcher;

/*
 * Builds the automaton.  `allocate` returns memory of a size, and does not
 * return on failure.  `release` takes back memory that the result does not use.
 */
extern cs_matcher *cs_build_matcher(void *(*allocate) (size_t size), void (*release) (void *memory));

/* Number of states of the automaton, of 65535 at most. */
extern int	cs_matcher_states(const cs_matcher *matcher);

/* Classifies a text of any bytes in UTF-8, or in Latin-1 where it is not UTF-8. */
extern cs_reply cs_classify_reply(const cs_matcher *matcher, const char *text, size_t size);

/* Describes rule number `n`, from 0.  Returns false if there are fewer rules. */
extern bool cs_describe_reply_rule(int n, cs_reply_rule_text *rule);

extern const char *const cs_scope_labels[CS_SCOPES];

#endif							/* CONTACT_STATUS_REPLIES_H */
