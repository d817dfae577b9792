/*
 * rules.c
 *		Reasons by words: the rules that map the concepts of a clause to a reason.
 *
 * A rule is a line: name, reason, weight, key, further concepts that the clause
 * must have, concepts that it must not have, and source.  Rules of weight 50 and
 * more name a reason beyond doubt and take precedence over codes.  Of equal
 * weights the first rule in the table counts.
 */
#include "replies/concepts.h"

#include <stdio.h>
#include <string.h>

#define NONE 0

/* RECIPIENT is concept 0, so it has a set of its own. */
#define OF_RECIPIENT ((ConceptSet) 1 << RECIPIENT)

/* Clauses with these are about the sending side. */
#define SENDING (SET_OF(SENDER) | SET_OF(CLIENT) | SET_OF(AUTHENTICITY) | SET_OF(HELO) | SET_OF(REVERSE_DNS))
#define BLOCKING (SET_OF(LISTED) | SET_OF(SPAM) | SET_OF(VIRUS) | SET_OF(REPUTATION) | SET_OF(RATE) | SET_OF(GREYLIST))
#define OTHER_OBJECTS (SET_OF(CONTENT) | SET_OF(FORMAT) | SET_OF(TLS) | SET_OF(SYNTAX) | SET_OF(LOGIN))

/* Sources: facts, not wordings, are taken from these. */
#define RFC3463 "RFC 3463"
#define RFC5321 "RFC 5321"
#define MTA "documentation of MTAs"
#define RECEIVERS "postmaster pages of receivers"

const WordRule cs_word_rules[] = {
	/* no verdict */
	{"automatic_reply", R_automatic_reply, 80, AUTOREPLY, NONE, NONE, "RFC 3834"},
	{"delayed", R_delayed, 31, DELAYED, NONE, NONE, "RFC 3464"},
	{"accepted", R_delivered, 5, SENT, NONE, SET_OF(NOT) | SET_OF(FAILED), "RFC 3464"},

	/* the mailbox has no room */
	{"mailbox_full", R_mailbox_full, 72, FULL, OF_RECIPIENT, SET_OF(DISK), RFC3463},
	{"full", R_mailbox_full, 52, FULL, NONE, SET_OF(DISK) | SET_OF(SERVER), RECEIVERS},
	{"quota_exceeded", R_mailbox_full, 71, QUOTA, SET_OF(EXCEEDED), SET_OF(RATE) | SENDING, RFC3463},
	{"mailbox_quota", R_mailbox_full, 71, QUOTA, OF_RECIPIENT, SET_OF(RATE) | SET_OF(CLIENT), RFC3463},
	{"quota", R_mailbox_full, 58, QUOTA, NONE, SET_OF(RATE) | SENDING, RECEIVERS},
	{"mailbox_size", R_mailbox_full, 67, SIZE, OF_RECIPIENT | SET_OF(EXCEEDED), SET_OF(MAIL) | SENDING, RECEIVERS},
	{"mailbox_limit", R_mailbox_full, 57, EXCEEDED,
		OF_RECIPIENT, SET_OF(EXPIRED) | SET_OF(MAIL) | SET_OF(RATE) | SET_OF(TOO_MANY) | SET_OF(CONNECTION) | SET_OF(NETWORK) | SENDING, RECEIVERS},
	{"disk_full", R_system_full, 74, DISK, SET_OF(FULL), NONE, RFC3463},
	{"disk_exceeded", R_system_full, 74, DISK, SET_OF(EXCEEDED), NONE, RFC5321},
	{"disk_quota", R_system_full, 73, DISK, SET_OF(QUOTA), NONE, RFC5321},
	{"system_full", R_system_full, 51, FULL, SET_OF(SERVER), OF_RECIPIENT, RFC3463},

	/* the message */
	{"message_size", R_message_too_large, 68, LARGE, SET_OF(EXCEEDED), NONE, RFC3463},
	{"message_too_large", R_message_too_large, 60, LARGE, NONE, NONE, RFC3463},
	{"size_exceeded", R_message_too_large, 66, SIZE, SET_OF(EXCEEDED), NONE, RFC5321},
	{"virus", R_virus, 66, VIRUS, NONE, NONE, RECEIVERS},
	{"spam", R_spam_block, 60, SPAM, NONE, NONE, RECEIVERS},
	{"format", R_content, 61, FORMAT, NONE, NONE, "RFC 5322"},
	{"content_rejected", R_content, 58, CONTENT, SET_OF(REJECTED), NONE, RFC3463},
	{"content_blocked", R_content, 58, CONTENT, SET_OF(BLOCKED), NONE, RFC3463},
	{"content_forbidden", R_content, 58, CONTENT, SET_OF(FORBIDDEN), NONE, RFC3463},
	{"content_policy", R_content, 58, CONTENT, SET_OF(POLICY), NONE, RECEIVERS},
	{"content_invalid", R_content, 57, CONTENT, SET_OF(INVALID), NONE, RFC3463},
	{"content_not_accepted", R_content, 44, CONTENT, SET_OF(NOT), NONE, RFC3463},

	/* the sender */
	{"greylist", R_greylisted, 75, GREYLIST, NONE, NONE, "RFC 6647"},
	{"sender_no_user", R_sender_rejected, 70, NO_USER, SET_OF(SENDER), NONE, MTA},
	{"sender_unknown", R_sender_rejected, 70, SENDER, SET_OF(MISSING), NONE, MTA},
	{"sender_not_found", R_sender_rejected, 69, SENDER, SET_OF(NOT) | SET_OF(EXIST), SET_OF(AUTHENTICITY), MTA},
	{"sender_unverified", R_sender_rejected, 69, SENDER, SET_OF(UNVERIFIED), NONE, MTA},
	{"sender_invalid", R_sender_rejected, 67, SENDER, SET_OF(INVALID), SET_OF(AUTHENTICITY), MTA},
	{"sender_rejected", R_sender_rejected, 66, SENDER,
		SET_OF(REJECTED), SET_OF(AUTHENTICITY) | SET_OF(LISTED) | SET_OF(SPAM) | SET_OF(REPUTATION), MTA},
	{"sender_blocked", R_sender_rejected, 64, SENDER, SET_OF(BLOCKED), SET_OF(AUTHENTICITY) | SET_OF(LISTED), MTA},
	{"sender_denied", R_sender_rejected, 63, SENDER, SET_OF(ACCESS_DENIED), SET_OF(AUTHENTICITY), MTA},
	{"sender_forbidden", R_sender_rejected, 63, SENDER, SET_OF(FORBIDDEN), SET_OF(AUTHENTICITY), MTA},
	{"sender_lookup", R_sender_rejected, 63, SENDER, SET_OF(LOOKUP), NONE, MTA},
	{"sender_temporary", R_sender_rejected, 45, SENDER, SET_OF(TEMPORARY), NONE, MTA},
	{"verification_failed", R_sender_rejected, 60, UNVERIFIED, NONE, OF_RECIPIENT | SET_OF(ADDRESS), MTA},
	{"authentication", R_authentication, 68, AUTHENTICITY, NONE, NONE, "RFC 7372, RFC 7489"},
	{"login", R_login_required, 65, LOGIN, NONE, SET_OF(GROUP), "RFC 4954"},
	{"relay", R_relay_denied, 63, RELAY, NONE, NONE, MTA},

	/* the sending host */
	{"too_many_unknown", R_rate_limited, 67, TOO_MANY, SET_OF(NO_USER), NONE, RECEIVERS},
	{"no_such_user", R_unknown_user, 66, NO_USER, NONE, SET_OF(SENDER) | SET_OF(LOGIN), RFC5321},
	{"unknown_recipient", R_unknown_user, 64, MISSING, OF_RECIPIENT, SENDING | OTHER_OBJECTS | SET_OF(GROUP) | SET_OF(DOMAIN), RFC3463},
	{"unknown_domain", R_unknown_host, 64, MISSING, SET_OF(DOMAIN), SENDING, RFC3463},
	{"quota_of_messages", R_rate_limited, 73, RATE, SET_OF(QUOTA), NONE, RECEIVERS},
	{"rate_exceeded", R_rate_limited, 67, RATE, SET_OF(EXCEEDED), NONE, RECEIVERS},
	{"rate_too_many", R_rate_limited, 67, RATE, SET_OF(TOO_MANY), NONE, RECEIVERS},
	{"rate_temporary", R_rate_limited, 67, RATE, SET_OF(TEMPORARY), NONE, RECEIVERS},
	{"rate_blocked", R_rate_limited, 66, RATE, SET_OF(BLOCKED), NONE, RECEIVERS},
	{"rate", R_rate_limited, 52, RATE, NONE, NONE, RECEIVERS},
	{"too_many_connections", R_rate_limited, 66, TOO_MANY, SET_OF(CONNECTION), NONE, RECEIVERS},
	{"too_many_messages", R_rate_limited, 65, TOO_MANY, SET_OF(MAIL), NONE, RECEIVERS},
	{"too_many_recipients", R_rate_limited, 65, TOO_MANY, OF_RECIPIENT, NONE, RFC3463},
	{"too_many_from_host", R_rate_limited, 65, TOO_MANY, SET_OF(CLIENT), NONE, RECEIVERS},
	{"too_many", R_rate_limited, 42, TOO_MANY, NONE, SET_OF(CONTENT) | SET_OF(FORMAT), RECEIVERS},
	{"connection_limit", R_rate_limited, 62, CONNECTION, SET_OF(EXCEEDED), NONE, RECEIVERS},
	{"block_list", R_reputation_block, 64, LISTED, NONE, NONE, "RFC 5782"},
	{"reputation", R_reputation_block, 64, REPUTATION, NONE, NONE, RECEIVERS},
	{"reverse_dns", R_reverse_dns, 64, REVERSE_DNS, NONE, NONE, "RFC 7372"},
	{"client_unknown", R_reverse_dns, 61, CLIENT, SET_OF(MISSING), OF_RECIPIENT | SET_OF(DOMAIN), MTA},
	{"client_not_found", R_reverse_dns, 60, CLIENT, SET_OF(NOT) | SET_OF(EXIST), OF_RECIPIENT | SET_OF(DOMAIN), MTA},
	{"helo", R_reverse_dns, 58, HELO, NONE, NONE, RFC5321},
	{"client_blocked", R_reputation_block, 62, CLIENT, SET_OF(BLOCKED), NONE, MTA},
	{"client_disabled", R_reputation_block, 60, CLIENT, SET_OF(DISABLED), OF_RECIPIENT, MTA},
	{"client_rejected", R_reputation_block, 60, CLIENT, SET_OF(REJECTED), NONE, MTA},
	{"client_denied", R_reputation_block, 60, CLIENT, SET_OF(ACCESS_DENIED), NONE, MTA},
	{"client_forbidden", R_reputation_block, 60, CLIENT, SET_OF(FORBIDDEN), NONE, MTA},
	{"client_spam", R_reputation_block, 61, CLIENT, SET_OF(SPAM), NONE, RECEIVERS},
	{"tls_failed", R_encryption, 59, TLS, SET_OF(FAILED), NONE, "RFC 3207"},
	{"tls_required", R_encryption, 59, TLS, SET_OF(NOT), NONE, "RFC 3207"},
	{"tls", R_encryption, 43, TLS, NONE, NONE, "RFC 3207"},

	/* groups */
	{"group_login", R_recipient_refused, 67, GROUP, SET_OF(LOGIN), NONE, "RFC 3463"},
	{"group_forbidden", R_recipient_refused, 67, GROUP, SET_OF(FORBIDDEN), NONE, "RFC 3463"},
	{"group_rejected", R_recipient_refused, 65, GROUP, SET_OF(REJECTED), SET_OF(LISTED), "RFC 3463"},
	{"group_not", R_recipient_refused, 65, GROUP, SET_OF(NOT), SET_OF(LISTED) | SET_OF(SPAM), "RFC 3463"},
	{"group_unknown", R_recipient_refused, 65, GROUP, SET_OF(MISSING), SET_OF(LISTED), "RFC 3463"},

	/* the recipient's domain */
	{"host_accepts_none", R_null_mx, 64, NO_MAIL, SET_OF(DOMAIN), SENDING, "RFC 7504, RFC 7505"},
	{"system_accepts_none", R_null_mx, 64, NO_MAIL, SET_OF(SERVER), SENDING, RFC3463},
	{"null_mx", R_null_mx, 63, NO_MAIL, NONE, OF_RECIPIENT | SENDING, "RFC 7504, RFC 7505"},
	{"mailbox_accepts_none", R_mailbox_disabled, 62, NO_MAIL, OF_RECIPIENT, SENDING, RFC3463},
	{"domain_not_found", R_unknown_host, 62, DOMAIN,
		SET_OF(NOT) | SET_OF(EXIST), SET_OF(SENDER) | SET_OF(AUTHENTICITY) | SET_OF(REVERSE_DNS) | SET_OF(TLS), MTA},
	{"domain_invalid", R_unknown_host, 59, DOMAIN, SET_OF(INVALID), SENDING | SET_OF(DNS), MTA},
	{"domain_unreachable", R_unknown_host, 51, DOMAIN,
		SET_OF(UNAVAILABLE), SENDING | SET_OF(TEMPORARY) | SET_OF(NETWORK), RECEIVERS},
	{"dns_not_found", R_unknown_host, 60, DNS, SET_OF(MISSING), SENDING, MTA},
	{"name_unknown", R_unknown_host, 35, MISSING, SET_OF(HOSTNAME), SENDING | OTHER_OBJECTS | BLOCKING, RFC5321},
	{"name_not_found", R_unknown_host, 35, HOSTNAME,
		SET_OF(NOT) | SET_OF(EXIST), SENDING | OTHER_OBJECTS | BLOCKING | SET_OF(RELAY) | SET_OF(POLICY), RFC5321},
	{"domain_temporary", R_network, 66, TEMPORARY, SET_OF(DOMAIN) | SET_OF(MISSING), SENDING, MTA},
	{"dns_unclear", R_network, 64, DNS, SET_OF(INVALID), NONE, MTA},
	{"dns_failed", R_network, 49, DNS, SET_OF(FAILED), NONE, MTA},

	/* the recipient */
	{"recipient_gone", R_mailbox_moved, 63, GONE, OF_RECIPIENT, SENDING, RFC3463},
	{"address_gone", R_mailbox_moved, 62, GONE, SET_OF(ADDRESS), SENDING, RFC3463},
	{"gone", R_mailbox_moved, 50, GONE, NONE, SENDING | OTHER_OBJECTS | SET_OF(MAIL), RFC3463},
	{"recipient_not_found", R_unknown_user, 62, EXIST,
		OF_RECIPIENT | SET_OF(NOT), SENDING | BLOCKING | OTHER_OBJECTS | SET_OF(GROUP) | SET_OF(RELAY), RFC5321},
	{"unknown_address", R_unknown_user, 61, MISSING, SET_OF(ADDRESS), SENDING | OTHER_OBJECTS | SET_OF(GROUP), RFC3463},
	{"address_not_found", R_unknown_user, 60, ADDRESS, SET_OF(NOT) | SET_OF(EXIST), SENDING | BLOCKING | OTHER_OBJECTS, RFC3463},
	{"invalid_recipient", R_unknown_user, 58, INVALID, OF_RECIPIENT, SENDING | BLOCKING | OTHER_OBJECTS | SET_OF(DNS), RFC3463},
	{"invalid_address", R_bad_address, 55, INVALID, SET_OF(ADDRESS), SENDING | BLOCKING | OTHER_OBJECTS, RFC3463},
	{"recipient_syntax", R_bad_address, 59, SYNTAX, OF_RECIPIENT | SET_OF(INVALID), SENDING, RFC3463},
	{"address_syntax", R_bad_address, 58, SYNTAX, SET_OF(ADDRESS) | SET_OF(INVALID), SENDING, RFC3463},
	{"recipient_deleted", R_unknown_user, 61, DELETED,
		OF_RECIPIENT, SENDING | BLOCKING | SET_OF(MAIL) | SET_OF(GROUP), RECEIVERS},
	{"mailbox_disabled", R_mailbox_disabled, 63, DISABLED, OF_RECIPIENT, SENDING, RFC3463},
	{"mailbox_inactive", R_mailbox_disabled, 43, INACTIVE, NONE, SENDING, RECEIVERS},
	{"disabled", R_mailbox_disabled, 41, DISABLED, NONE, SENDING | SET_OF(SERVER) | SET_OF(CONNECTION), RECEIVERS},
	{"mailbox_blocked", R_mailbox_disabled, 44, BLOCKED,
		OF_RECIPIENT, SENDING | BLOCKING | OTHER_OBJECTS | SET_OF(MAIL) | SET_OF(POLICY), RECEIVERS},
	{"recipient_denied", R_unknown_user, 56, ACCESS_DENIED,
		OF_RECIPIENT | SET_OF(REJECTED), SENDING | SET_OF(MAIL), "Exchange Online, Postfix"},
	{"recipient_unverified", R_network, 55, UNVERIFIED, OF_RECIPIENT, SENDING, "Postfix"},
	{"recipient_rejected", R_unknown_user, 36, REJECTED,
		OF_RECIPIENT, SENDING | BLOCKING | OTHER_OBJECTS | SET_OF(MAIL) | SET_OF(POLICY) | SET_OF(SERVER) | SET_OF(FORBIDDEN), MTA},
	{"address_rejected", R_unknown_user, 34, REJECTED,
		SET_OF(ADDRESS), SENDING | BLOCKING | OTHER_OBJECTS | SET_OF(MAIL) | SET_OF(POLICY) | SET_OF(SERVER) | SET_OF(FORBIDDEN), RECEIVERS},
	{"mailbox_unavailable", R_unknown_user, 33, UNAVAILABLE, OF_RECIPIENT, SENDING | BLOCKING | OTHER_OBJECTS, RFC5321},

	{"unknown", R_unknown_user, 30, MISSING,
		NONE, SENDING | BLOCKING | OTHER_OBJECTS | SET_OF(GROUP) | SET_OF(SERVER) | SET_OF(SYSTEM_ERROR) | SET_OF(MAIL), RFC5321},

	/* the receiving system, and the way to it */
	{"loop", R_routing_loop, 69, LOOP, NONE, NONE, RFC3463},
	{"network", R_network, 48, NETWORK, NONE, NONE, MTA},
	{"lookup_failed", R_system_error, 57, LOOKUP, SET_OF(TEMPORARY), SET_OF(SENDER), "Postfix"},
	{"lookup", R_system_error, 46, LOOKUP, SET_OF(FAILED), SET_OF(SENDER) | SET_OF(DOMAIN), "Postfix"},
	{"busy", R_system_busy, 43, BUSY, NONE, OF_RECIPIENT, RFC5321},
	{"system_error", R_system_error, 41, SYSTEM_ERROR, NONE, NONE, RFC3463},
	{"syntax", R_syntax, 39, SYNTAX, NONE, NONE, RFC5321},
	{"expired", R_expired, 28, EXPIRED, NONE, NONE, RFC3463},

	/* refusals without a reason */
	{"policy_rejected", R_policy, 54, POLICY, SET_OF(REJECTED), NONE, RECEIVERS},
	{"policy_blocked", R_policy, 54, POLICY, SET_OF(BLOCKED), NONE, RECEIVERS},
	{"policy", R_policy, 46, POLICY, NONE, NONE, RECEIVERS},
	{"forbidden", R_policy, 51, FORBIDDEN, NONE, NONE, RFC3463},
	{"access_denied", R_policy, 42, ACCESS_DENIED, NONE, NONE, MTA},
	{"message_blocked", R_policy, 39, BLOCKED, SET_OF(MAIL), NONE, RECEIVERS},
	{"message_rejected", R_rejected, 37, REJECTED, SET_OF(MAIL), NONE, RECEIVERS},
	{"blocked", R_policy, 32, BLOCKED, NONE, NONE, RECEIVERS},
	{"rejected", R_rejected, 15, REJECTED, NONE, NONE, MTA},
	{"temporary", R_system_error, 26, TEMPORARY, NONE, NONE, MTA},
	{"failed", R_rejected, 3, FAILED, NONE, NONE, "RFC 3464"},
};

const int	cs_word_rules_count = sizeof(cs_word_rules) / sizeof(cs_word_rules[0]);

const Phrases *const cs_vocabulary[VOCABULARY_PARTS] = {cs_subject_phrases, cs_fault_phrases};

const cs_reason cs_reasons[REASON_COUNT] = {
#define X(name, kind, temporary, scope) [R_##name] = {#name, kind, temporary, scope},
	REASONS(X)
#undef X
};

const char *const cs_concept_labels[CONCEPT_COUNT] = {
#define X(name, label) [name] = label,
	CONCEPTS(X)
#undef X
};

const char *const cs_scope_labels[CS_SCOPES] = {
	[CS_SCOPE_RECIPIENT] = "recipient",
	[CS_SCOPE_SENDER] = "sender",
	[CS_SCOPE_MESSAGE] = "message",
	[CS_SCOPE_SYSTEM] = "system"
};

static void
append(char *to, size_t space, const char *before, const char *text)
{
	size_t		used = strlen(to);

	snprintf(to + used, space - used, "%s%s", used > 0 ? before : "", text);
}

static void
describe_words(const WordRule *rule, char *to, size_t space)
{
	append(to, space, "", cs_concept_labels[rule->key]);
	for (int c = 0; c < CONCEPT_COUNT; c++)
		if (rule->with & SET_OF(c))
			append(to, space, " + ", cs_concept_labels[c]);
}

bool
cs_describe_reply_rule(int n, cs_reply_rule_text *rule)
{
	const cs_reason *reason;

	rule->evidence[0] = '\0';
	if (n >= 0 && n < cs_word_rules_count)
	{
		rule->name = cs_word_rules[n].name;
		rule->source = cs_word_rules[n].source;
		reason = &cs_reasons[cs_word_rules[n].reason];
		describe_words(&cs_word_rules[n], rule->evidence, sizeof(rule->evidence));
	}
	else if (n >= 0 && n - cs_word_rules_count < cs_code_rules_count)
	{
		const CodeRule *code = &cs_code_rules[n - cs_word_rules_count];

		rule->name = code->name;
		rule->source = code->source;
		reason = &cs_reasons[code->reason];
		append(rule->evidence, sizeof(rule->evidence), "", code->name);
	}
	else
		return false;
	rule->reason = reason->name;
	rule->kind = reason->kind;
	rule->scope = cs_scope_labels[reason->scope];
	return true;
}
