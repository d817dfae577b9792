/*
 * codes.c
 *		Reasons by code: the IANA registry of enhanced status codes, codes that
 *		large receivers document, and reply codes of SMTP.
 *
 * Codes of weight 40 and more name a reason.  Receivers use the others for
 * many reasons, so that words of little weight take precedence.
 */
#include "replies/concepts.h"

#define REGISTRY "RFC 3463, IANA registry"
#define SMTP "RFC 5321"

/* Enhanced code X.subject.detail.  Detail 0 stands for details without a line. */
#define ENHANCED(subject, detail, reason, weight, source) \
	{"code X." #subject "." #detail, 0, subject, detail, R_##reason, weight, source}
/* A reply code, or the first digit of reply codes without a line.  Its class has no subject. */
#define REPLY(code, reason, weight, source) \
	{"reply " #code, code, -1, -1, R_##reason, weight, source}

const CodeRule cs_code_rules[] = {
	/* addresses */
	ENHANCED(1, 0, unknown_user, 18, REGISTRY),
	ENHANCED(1, 1, unknown_user, 45, REGISTRY),
	ENHANCED(1, 2, unknown_host, 45, REGISTRY),
	ENHANCED(1, 3, bad_address, 45, REGISTRY),
	ENHANCED(1, 4, recipient_refused, 40, REGISTRY),
	ENHANCED(1, 5, recipient_refused, 15, REGISTRY),
	ENHANCED(1, 6, mailbox_moved, 45, REGISTRY),
	ENHANCED(1, 7, sender_rejected, 45, REGISTRY),
	ENHANCED(1, 8, sender_rejected, 45, REGISTRY),
	ENHANCED(1, 9, sender_rejected, 40, "RFC 5248"),
	ENHANCED(1, 10, null_mx, 45, "RFC 7505; Exchange Online for unknown recipients"),
	ENHANCED(1, 20, unknown_user, 40, "Exchange Online"),
	ENHANCED(1, 90, rate_limited, 40, "Exchange Online"),
	ENHANCED(1, 351, unknown_user, 45, "Exchange Online"),
	/* mailboxes */
	ENHANCED(2, 0, recipient_refused, 15, REGISTRY),
	ENHANCED(2, 1, mailbox_disabled, 42, REGISTRY),
	ENHANCED(2, 2, mailbox_full, 45, REGISTRY),
	ENHANCED(2, 3, message_too_large, 45, REGISTRY),
	ENHANCED(2, 4, recipient_refused, 40, REGISTRY),
	ENHANCED(2, 5, mailbox_disabled, 40, "Outlook.com"),
	ENHANCED(2, 121, rate_limited, 45, "Exchange Online"),
	ENHANCED(2, 122, rate_limited, 45, "Exchange Online"),
	/* the receiving system */
	ENHANCED(3, 0, system_error, 18, REGISTRY),
	ENHANCED(3, 1, system_full, 42, REGISTRY),
	ENHANCED(3, 2, system_error, 40, REGISTRY),
	ENHANCED(3, 3, system_error, 40, REGISTRY),
	ENHANCED(3, 4, message_too_large, 45, REGISTRY),
	ENHANCED(3, 5, system_error, 40, REGISTRY),
	ENHANCED(3, 190, system_error, 40, "Exchange Online"),
	/* network and routing */
	ENHANCED(4, 0, network, 18, REGISTRY),
	ENHANCED(4, 1, network, 30, REGISTRY),
	ENHANCED(4, 2, network, 40, REGISTRY),
	ENHANCED(4, 3, network, 40, REGISTRY),
	ENHANCED(4, 4, unknown_host, 40, REGISTRY),
	ENHANCED(4, 5, rate_limited, 40, REGISTRY),
	ENHANCED(4, 6, routing_loop, 45, REGISTRY),
	ENHANCED(4, 7, expired, 40, REGISTRY),
	ENHANCED(4, 8, routing_loop, 45, REGISTRY),
	ENHANCED(4, 14, routing_loop, 45, "Exchange Online"),
	ENHANCED(4, 310, unknown_host, 45, "Exchange Online"),
	ENHANCED(4, 312, network, 45, "Exchange Online"),
	ENHANCED(4, 316, network, 45, "Exchange Online"),
	ENHANCED(4, 317, encryption, 42, "Exchange Online"),
	/* protocol */
	ENHANCED(5, 0, syntax, 12, REGISTRY),
	ENHANCED(5, 1, syntax, 12, REGISTRY),
	ENHANCED(5, 2, syntax, 12, REGISTRY),
	ENHANCED(5, 3, rate_limited, 40, REGISTRY),
	ENHANCED(5, 4, syntax, 20, REGISTRY),
	ENHANCED(5, 5, syntax, 20, REGISTRY),
	ENHANCED(5, 6, login_required, 40, "RFC 4954"),
	/* content */
	ENHANCED(6, 0, content, 30, REGISTRY),
	ENHANCED(6, 1, content, 40, REGISTRY),
	ENHANCED(6, 3, content, 40, REGISTRY),
	ENHANCED(6, 6, content, 40, REGISTRY),
	ENHANCED(6, 7, content, 42, "RFC 6531"),
	ENHANCED(6, 9, content, 42, "RFC 6531"),
	/* security and policy */
	ENHANCED(7, 0, policy, 37, REGISTRY),
	ENHANCED(7, 1, policy, 37, REGISTRY),
	ENHANCED(7, 2, recipient_refused, 40, REGISTRY),
	ENHANCED(7, 4, encryption, 40, REGISTRY),
	ENHANCED(7, 5, encryption, 40, REGISTRY),
	ENHANCED(7, 8, login_required, 45, "RFC 4954"),
	ENHANCED(7, 9, policy, 18, "RFC 4954; Yahoo for policy"),
	ENHANCED(7, 10, encryption, 40, "RFC 5248"),
	ENHANCED(7, 11, encryption, 40, "RFC 4954"),
	ENHANCED(7, 12, login_required, 40, "RFC 4954"),
	ENHANCED(7, 13, mailbox_disabled, 45, "RFC 5248"),
	ENHANCED(7, 14, login_required, 40, "RFC 5248"),
	ENHANCED(7, 15, recipient_refused, 40, "RFC 6710"),
	ENHANCED(7, 16, message_too_large, 40, "RFC 6710"),
	ENHANCED(7, 17, mailbox_moved, 45, "RFC 7293"),
	ENHANCED(7, 18, mailbox_moved, 45, "RFC 7293"),
	ENHANCED(7, 19, system_error, 40, "RFC 7293"),
	ENHANCED(7, 20, authentication, 45, "RFC 7372"),
	ENHANCED(7, 21, authentication, 45, "RFC 7372"),
	ENHANCED(7, 22, authentication, 45, "RFC 7372"),
	ENHANCED(7, 23, authentication, 45, "RFC 7372"),
	ENHANCED(7, 24, authentication, 45, "RFC 7372"),
	ENHANCED(7, 25, reverse_dns, 45, "RFC 7372"),
	ENHANCED(7, 26, authentication, 45, "RFC 7372"),
	ENHANCED(7, 27, sender_rejected, 42, "RFC 7505"),
	ENHANCED(7, 28, rate_limited, 42, "Gmail"),
	ENHANCED(7, 29, authentication, 45, "RFC 8617"),
	ENHANCED(7, 30, login_required, 40, "RFC 8689"),
	ENHANCED(7, 57, login_required, 40, "Exchange Online"),
	ENHANCED(7, 64, policy, 40, "Exchange Online"),
	ENHANCED(7, 124, recipient_refused, 45, "Exchange Online"),
	ENHANCED(7, 133, recipient_refused, 45, "Exchange Online"),
	ENHANCED(7, 134, recipient_refused, 45, "Exchange Online"),
	ENHANCED(7, 136, recipient_refused, 45, "Exchange Online"),
	ENHANCED(7, 193, policy, 40, "Exchange Online"),
	ENHANCED(7, 500, rate_limited, 40, "Outlook.com"),
	ENHANCED(7, 501, spam_block, 40, "Exchange Online"),
	ENHANCED(7, 502, reputation_block, 42, "Exchange Online"),
	ENHANCED(7, 503, reputation_block, 42, "Exchange Online"),
	ENHANCED(7, 509, authentication, 45, "Outlook.com"),
	ENHANCED(7, 511, reputation_block, 42, "Exchange Online"),
	ENHANCED(7, 512, content, 42, "Exchange Online"),
	ENHANCED(7, 515, authentication, 42, "Outlook.com"),
	ENHANCED(7, 606, reputation_block, 42, "Outlook.com"),
	ENHANCED(7, 650, rate_limited, 42, "Outlook.com"),
	ENHANCED(7, 705, rate_limited, 42, "Exchange Online"),
	ENHANCED(7, 708, reputation_block, 42, "Exchange Online"),
	ENHANCED(7, 750, reputation_block, 40, "Exchange Online"),

	/* reply codes */
	REPLY(2, delivered, 5, SMTP),
	REPLY(4, rejected, 8, SMTP),
	REPLY(5, rejected, 8, SMTP),
	REPLY(421, system_error, 10, SMTP),
	REPLY(450, recipient_refused, 10, SMTP),
	REPLY(451, system_error, 10, SMTP),
	REPLY(452, system_full, 10, SMTP),
	REPLY(500, syntax, 6, SMTP),
	REPLY(501, syntax, 6, SMTP),
	REPLY(502, syntax, 6, SMTP),
	REPLY(503, syntax, 4, SMTP),
	REPLY(504, syntax, 6, SMTP),
	REPLY(521, null_mx, 19, "RFC 7504"),
	REPLY(523, message_too_large, 20, "Exchange"),
	REPLY(525, mailbox_disabled, 40, "RFC 5248"),
	REPLY(530, login_required, 20, "RFC 4954"),
	REPLY(534, login_required, 20, "RFC 4954"),
	REPLY(535, login_required, 20, "RFC 4954"),
	REPLY(538, encryption, 20, "RFC 4954"),
	REPLY(550, recipient_refused, 9, SMTP),
	REPLY(551, recipient_refused, 10, SMTP),
	REPLY(552, mailbox_full, 16, SMTP),
	REPLY(553, recipient_refused, 10, SMTP),
	REPLY(554, rejected, 9, SMTP),
	REPLY(556, null_mx, 40, "RFC 7504"),
	REPLY(571, policy, 16, "Sendmail, Exchange"),
};

const int	cs_code_rules_count = sizeof(cs_code_rules) / sizeof(cs_code_rules[0]);

/* The matcher has their numbers in bytes. */
_Static_assert(sizeof(cs_code_rules) / sizeof(cs_code_rules[0]) < 256, "too many rules of codes");
