/*
 * concepts.h
 *		Concepts of the vocabulary, reasons, and the tables of rules.  For this
 *		folder only.
 */
#ifndef CONTACT_STATUS_CONCEPTS_H
#define CONTACT_STATUS_CONCEPTS_H

#include "replies/replies.h"

/*
 * A concept stands for a set of phrases with one meaning.  A set of concepts is
 * a mask of 64 bits.  NOTHING consumes a phrase that would mislead.
 */
#define CONCEPTS(X) \
	/* subjects */ \
	X(RECIPIENT, "recipient") X(DOMAIN, "domain") X(SENDER, "sender") X(CLIENT, "sending host") X(MAIL, "message") \
	X(SERVER, "server") X(GROUP, "group") X(CONTENT, "content") X(DISK, "disk") X(CONNECTION, "connection") X(ADDRESS, "address") \
	/* properties and faults */ \
	X(NOT, "not") X(EXIST, "exist") X(MISSING, "unknown") X(NO_USER, "no such user") X(INVALID, "invalid") X(GONE, "gone") X(DELETED, "deleted") \
	X(DISABLED, "disabled") X(INACTIVE, "inactive") X(BLOCKED, "blocked") X(LISTED, "block list") X(REPUTATION, "reputation") \
	X(SPAM, "spam") X(VIRUS, "virus") X(POLICY, "policy") X(AUTHENTICITY, "SPF, DKIM, DMARC") X(LOGIN, "login") \
	X(RELAY, "relay") X(REVERSE_DNS, "reverse DNS") X(HELO, "HELO") X(TLS, "TLS") X(TOO_MANY, "too many") X(RATE, "rate") \
	X(GREYLIST, "greylist") X(LOOP, "loop") X(EXPIRED, "expired") X(NETWORK, "network") X(DNS, "DNS") X(TEMPORARY, "temporary") \
	X(BUSY, "busy") X(FULL, "full") X(QUOTA, "quota") X(EXCEEDED, "exceeded") X(LARGE, "large") X(SIZE, "size") \
	X(REJECTED, "rejected") X(ACCESS_DENIED, "access denied") X(FORBIDDEN, "not authorized") X(SYNTAX, "syntax") \
	X(SYSTEM_ERROR, "system error") X(FAILED, "failed") X(AUTOREPLY, "automatic reply") X(DELAYED, "delayed") \
	X(UNAVAILABLE, "unavailable") X(NO_MAIL, "accepts no mail") X(LOOKUP, "lookup") X(UNVERIFIED, "unverified") \
	X(SENT, "delivered") X(HOSTNAME, "name with a dot") X(FORMAT, "format") \
	/* the command that the reply belongs to */ \
	X(AT_GREETING, "in the greeting") X(AT_CONNECT, "at connect") X(AT_MAIL, "at MAIL")

typedef enum Concept
{
#define X(name, label) name,
	CONCEPTS(X)
#undef X
	CONCEPT_COUNT,
	NOTHING
} Concept;

_Static_assert(CONCEPT_COUNT <= 64, "a set of concepts has 64 bits");

typedef uint64_t ConceptSet;

#define SET_OF(concept) ((ConceptSet) 1 << (concept))
#define STAGES (SET_OF(AT_GREETING) | SET_OF(AT_CONNECT) | SET_OF(AT_MAIL))

/* The closed list of reasons; docs/replies.md describes each. */
#define REASONS(X) \
	X(unknown_user, "nonexistent", "nonexistent", CS_SCOPE_RECIPIENT) \
	X(unknown_host, "nonexistent", "soft_bounced", CS_SCOPE_RECIPIENT) \
	X(null_mx, "nonexistent", "nonexistent", CS_SCOPE_RECIPIENT) \
	X(bad_address, "nonexistent", "soft_bounced", CS_SCOPE_RECIPIENT) \
	X(mailbox_moved, "nonexistent", "soft_bounced", CS_SCOPE_RECIPIENT) \
	X(mailbox_disabled, "hard_bounced", "soft_bounced", CS_SCOPE_RECIPIENT) \
	X(mailbox_full, "soft_bounced", "soft_bounced", CS_SCOPE_RECIPIENT) \
	X(recipient_refused, "blocked", "soft_bounced", CS_SCOPE_RECIPIENT) \
	X(greylisted, "soft_bounced", "soft_bounced", CS_SCOPE_SENDER) \
	X(rate_limited, "soft_bounced", "soft_bounced", CS_SCOPE_SENDER) \
	X(reputation_block, "blocked", "soft_bounced", CS_SCOPE_SENDER) \
	X(reverse_dns, "blocked", "soft_bounced", CS_SCOPE_SENDER) \
	X(authentication, "blocked", "soft_bounced", CS_SCOPE_SENDER) \
	X(sender_rejected, "blocked", "soft_bounced", CS_SCOPE_SENDER) \
	X(relay_denied, "blocked", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(login_required, "blocked", "soft_bounced", CS_SCOPE_SENDER) \
	X(policy, "blocked", "soft_bounced", CS_SCOPE_SENDER) \
	X(encryption, "blocked", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(spam_block, "blocked", "soft_bounced", CS_SCOPE_MESSAGE) \
	X(virus, "blocked", "soft_bounced", CS_SCOPE_MESSAGE) \
	X(content, "blocked", "soft_bounced", CS_SCOPE_MESSAGE) \
	X(message_too_large, "blocked", "soft_bounced", CS_SCOPE_MESSAGE) \
	X(syntax, "blocked", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(system_error, "blocked", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(system_full, "soft_bounced", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(network, "soft_bounced", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(system_busy, "soft_bounced", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(routing_loop, "blocked", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(expired, "soft_bounced", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(rejected, "blocked", "soft_bounced", CS_SCOPE_SYSTEM) \
	X(delivered, "delivered", "delivered", CS_SCOPE_RECIPIENT) \
	X(automatic_reply, NULL, NULL, CS_SCOPE_RECIPIENT) \
	X(delayed, NULL, NULL, CS_SCOPE_SYSTEM)

typedef enum Reason
{
#define X(name, kind, temporary, scope) R_##name,
	REASONS(X)
#undef X
	REASON_COUNT
} Reason;

/* Phrases of one language, separated by "|".  A final "*" stands for any end of the word, a first "*" for any begin. */
typedef struct Phrases
{
	uint8_t		concept;
	const char *language;
	const char *phrases;
} Phrases;

/* If a clause has `key` and all of `with`, and none of `without`, it has this reason. */
typedef struct WordRule
{
	const char *name;
	uint8_t		reason;
	uint8_t		weight;
	uint8_t		key;
	ConceptSet	with;
	ConceptSet	without;
	const char *source;
} WordRule;

/* An enhanced code, or a reply code if `subject` is -1.  `detail` -1: any. */
typedef struct CodeRule
{
	const char *name;
	int			first;			/* reply code, else 0 */
	int			subject;
	int			detail;
	uint8_t		reason;
	uint8_t		weight;
	const char *source;
} CodeRule;

/* From this weight, words take precedence over every code. */
#define STRONG 50
/* From this weight, a verdict of a reply takes precedence over the text around it. */
#define TELLING 40

extern const cs_reason cs_reasons[REASON_COUNT];
extern const char *const cs_concept_labels[CONCEPT_COUNT];
/* The parts of the vocabulary; each ends with a line without phrases. */
#define VOCABULARY_PARTS 2
extern const Phrases cs_subject_phrases[];
extern const Phrases cs_fault_phrases[];
extern const Phrases *const cs_vocabulary[VOCABULARY_PARTS];
extern const WordRule cs_word_rules[];
extern const int cs_word_rules_count;
extern const CodeRule cs_code_rules[];
extern const int cs_code_rules_count;

#endif							/* CONTACT_STATUS_CONCEPTS_H */
