/*
 * classify.c
 *		From a text to a verdict: words, codes, and the replies that they belong to.
 *
 * The text is read once, in runs of characters without blanks.  Addresses are
 * skipped.  A reply code that differs from the one before begins another reply.
 * A clause ends with a sentence, a reply, or after some words.  Each clause and
 * each code gives evidence with a weight, and the greatest weight decides.
 */
#include "replies/replies.h"

#include <string.h>

#include "replies/concepts.h"
#include "replies/fold.h"
#include "replies/matcher.h"
#include "replies/text.h"

/* A clause longer than this is cut. */
#define CLAUSE_WORDS 48

/* The evidence of one reply, or of the text before the first one. */
typedef struct Evidence
{
	int			code;
	int			enhanced[3];
	const WordRule *words;
	ConceptSet	clause;			/* concepts of the clause of `words` */
} Evidence;

typedef struct Verdict
{
	const char *rule;
	int			reason;
	int			weight;
	bool		temporary;
	Evidence	evidence;
} Verdict;

typedef struct Parser
{
	Text		text;
	Scanner		scanner;
	Evidence	now;
	Verdict		best;			/* of replies */
	Verdict		around;			/* of the text before the first reply */
	ConceptSet	stages;			/* the command that the reply belongs to, and words about it */
	int			first_code;
	int			first_enhanced[3];
} Parser;

/* ---- evidence ---- */

static bool
is_dead(int reason)
{
	const char *kind = cs_reasons[reason].kind;

	return kind != NULL && strcmp(kind, "nonexistent") == 0;
}

static void
weigh(Verdict *verdict, const Evidence *evidence, const char *rule, int reason, int weight)
{
	if (weight > verdict->weight)
		*verdict = (Verdict)
	{
		.rule = rule,.reason = reason,.weight = weight,.evidence = *evidence
	};
}

static void
end_clause(Parser *p)
{
	ConceptSet	concepts = cs_end_clause(&p->scanner);
	const WordRule *rule;

	if (concepts != 0)
	{
		p->stages |= concepts & STAGES;
		rule = cs_find_word_rule(p->scanner.matcher, concepts);
		if (rule != NULL && (p->now.words == NULL || rule->weight > p->now.words->weight))
		{
			p->now.words = rule;
			p->now.clause = concepts;
		}
	}
	cs_start_clause(&p->scanner);
}

static void
end_reply(Parser *p)
{
	Evidence   *now = &p->now;
	Verdict    *verdict = now->code != 0 || now->enhanced[0] != 0 ? &p->best : &p->around;
	const CodeRule *rule;

	end_clause(p);
	if (now->words != NULL && now->code / 100 != 2 && now->code / 100 != 3)
		weigh(verdict, now, now->words->name, now->words->reason, now->words->weight);
	if (now->enhanced[0] != 0 && (rule = cs_enhanced_code_rule(p->scanner.matcher, now->enhanced)) != NULL)
		weigh(verdict, now, rule->name, rule->reason, rule->weight);
	if (now->code != 0 && (rule = cs_reply_code_rule(p->scanner.matcher, now->code)) != NULL)
		weigh(verdict, now, rule->name, rule->reason, rule->weight);
	*now = (Evidence)
	{
		0
	};
}

/* ---- codes ---- */

static void
take_code(Parser *p, int code)
{
	if (code != p->now.code)
	{
		/* lines of one reply repeat its code */
		end_reply(p);
		p->now.code = code;
	}
	if (p->first_code == 0 && code >= 400)
		p->first_code = code;
}

static void
take_enhanced(Parser *p, const int code[3])
{
	int		   *now = p->now.enhanced;

	/* a more specific code of the same reply is better */
	if (now[0] == 0 || ((now[1] == 0 || now[2] == 0) && code[1] != 0 && code[2] != 0))
		memcpy(now, code, sizeof(p->now.enhanced));
	if (p->first_enhanced[0] == 0)
		memcpy(p->first_enhanced, code, sizeof(p->first_enhanced));
}

/* ---- words ---- */

/* Does a dot at the current place end a sentence?  "exist.Please" is two words, "mx.example.org" is one. */
static bool
ends_sentence(const Parser *p)
{
	int			before = peek(&p->text, -1);
	int			after = peek(&p->text, 1);

	if (!is_alphanumeric(after) || !is_alphanumeric(before))
		return true;
	return before >= 'a' && before <= 'z' && after >= 'A' && after <= 'Z';
}

static void
end_word(Parser *p)
{
	cs_end_word(&p->scanner);
	if (p->scanner.word >= CLAUSE_WORDS)
		end_clause(p);
}

/* Reads a character that is not a letter or digit of ASCII. */
static void
read_mark(Parser *p)
{
	int			before = peek(&p->text, -1);

	switch (p->text.bytes[p->text.at])
	{
		case '.':
			if (!ends_sentence(p))
				cs_scan_dot(&p->scanner);
			else
				end_clause(p);
			break;
		case '!':
		case '?':
		case ';':
		case '|':
			end_clause(p);
			break;
		case '=':
			/* the name of a setting, as in "relay=", says nothing */
			cs_drop_word(&p->scanner);
			break;
		case '\'':
			if ((before | 0x20) != 'n' || (peek(&p->text, 1) | 0x20) != 't')
				end_word(p);
			break;
		case '\\':
			/* an escape of JSON or of a log line, such as \n */
			end_word(p);
			if (peek(&p->text, 1) == 'n' || peek(&p->text, 1) == 'r' || peek(&p->text, 1) == 't')
				p->text.at++;
			break;
		default:
			end_word(p);
			break;
	}
	p->text.at++;
}

/* Reads a character outside of ASCII. */
static void
read_foreign(Parser *p)
{
	Character	c = cs_fold_character(p->text.bytes + p->text.at, p->text.size - p->text.at);

	switch (c.type)
	{
		case CHAR_IDEOGRAPH:
			end_word(p);
			for (int i = 0; i < c.symbol_count; i++)
				cs_scan_symbol(&p->scanner, c.symbols[i]);
			end_word(p);
			break;
		case CHAR_BREAK:
			end_clause(p);
			break;
		case CHAR_APOSTROPHE:
			if ((peek(&p->text, -1) | 0x20) != 'n' || (peek(&p->text, c.size) | 0x20) != 't')
				end_word(p);
			break;
		case CHAR_DOT:
		case CHAR_SPACE:
			end_word(p);
			break;
		case CHAR_IGNORED:
			break;
		case CHAR_LETTER:
		case CHAR_DIGIT:
			for (int i = 0; i < c.symbol_count; i++)
				cs_scan_symbol(&p->scanner, c.symbols[i]);
			break;
	}
	p->text.at += c.size;
}

/* Reads letters and digits of ASCII.  "NoSuchUser" is three words. */
static void
read_letters(Parser *p, size_t end)
{
	int			before = peek(&p->text, -1);

	while (p->text.at < end)
	{
		int			c = p->text.bytes[p->text.at];

		if ((cs_byte_classes[c] & (LOWER | UPPER | DIGIT)) == 0)
			break;
		if ((cs_byte_classes[c] & UPPER) && (cs_byte_classes[before] & LOWER))
			end_word(p);
		cs_scan_symbol(&p->scanner, cs_byte_classes[c] & DIGIT ? 27 + c - '0' : c & 31);
		before = c;
		p->text.at++;
	}
}

/* Reads a number, a code or a host number at the current place.  Returns false if there is none. */
static bool
read_number(Parser *p)
{
	int			before = peek(&p->text, -1);
	int			code[3];
	int			length;

	if (is_alphanumeric(before))
		return false;
	if (before != '.' && before != '/' && (length = cs_read_enhanced_code(&p->text, 0, code)) > 0)
	{
		end_word(p);
		take_enhanced(p, code);
		p->text.at += length;
		return true;
	}
	if ((length = cs_read_reply_code(&p->text, p->now.code, p->first_code != 0, code)) > 0)
	{
		end_word(p);
		take_code(p, code[0]);
		p->text.at += length;
		return true;
	}
	return false;
}

/* Reads letters, a number, or another character. */
static void
read_one(Parser *p, size_t end)
{
	int			class = cs_byte_classes[p->text.bytes[p->text.at]];

	if (class & OUTSIDE)
		read_foreign(p);
	else if ((class & (LOWER | UPPER)) || ((class & DIGIT) && !read_number(p)))
		read_letters(p, end);
	else if (!(class & DIGIT))
		read_mark(p);
}

/* Reads a run up to `end`.  Within an address only letters outside ASCII around it are read. */
static void
read_run(Parser *p, size_t end, size_t at_sign)
{
	size_t		address = at_sign;
	size_t		after = at_sign;

	if (at_sign < end)
	{
		while (address > p->text.at && p->text.bytes[address - 1] < 0x80)
			address--;
		while (after < end && p->text.bytes[after] < 0x80)
			after++;
	}
	while (p->text.at < end)
	{
		if (at_sign < end && p->text.at == address)
		{
			end_word(p);
			p->text.at = after;
			return;
		}
		read_one(p, end);
	}
}

static void
read_text(Parser *p)
{
	while (p->text.at < p->text.size)
	{
		size_t		end = p->text.at;
		size_t		at_sign = SIZE_MAX;

		for (; end < p->text.size && cs_byte_classes[p->text.bytes[end]] != 0; end++)
			if (p->text.bytes[end] == '@' && at_sign == SIZE_MAX)
				at_sign = end;
		if (end > p->text.at)
			read_run(p, end, at_sign);
		else
			read_mark(p);
	}
	end_reply(p);
}

/* ---- the verdict ---- */

/* Before RCPT no recipient is known: the reply is about the sender. */
static int
reason_at_stage(int reason, ConceptSet stages)
{
	if ((stages & (SET_OF(AT_GREETING) | SET_OF(AT_CONNECT) | SET_OF(AT_MAIL))) == 0)
		return reason;
	if (is_dead(reason) || reason == R_recipient_refused || reason == R_rejected)
		return (stages & SET_OF(AT_MAIL)) != 0 ? R_sender_rejected : R_reputation_block;
	return reason;
}

/* The text around replies decides if it names a reason beyond doubt, and no reply names one; or if there is no reply. */
static const Verdict *
choose(const Parser *p)
{
	if (p->best.weight >= TELLING || p->best.weight >= p->around.weight)
		return &p->best;
	return p->best.evidence.code >= 400 && p->around.weight < STRONG ? &p->best : &p->around;
}

/* Is the failure temporary?  Words in the clause that decided, else the first digit. */
static bool
is_temporary(const Verdict *verdict, ConceptSet stages)
{
	const Evidence *e = &verdict->evidence;

	/* Postfix tries other hosts after a refusal in the greeting, and later all of them again */
	if ((e->clause & SET_OF(TEMPORARY)) != 0 || (stages & SET_OF(AT_GREETING)) != 0)
		return true;
	/* without a code, an error of the system may pass */
	if (e->code == 0 && e->enhanced[0] == 0 && verdict->reason == R_system_error)
		return true;
	return e->code != 0 ? e->code / 100 == 4 : e->enhanced[0] == 4;
}

cs_reply
cs_classify_reply(const cs_matcher *matcher, const char *text, size_t size)
{
	Parser		p = {.text = {(const unsigned char *) text, size, 0},.scanner.matcher = matcher};
	const Verdict *verdict;
	const cs_reason *reason;
	cs_reply	reply = {0};
	bool		temporary;

	cs_start_clause(&p.scanner);
	read_text(&p);
	verdict = choose(&p);
	/* words around a reply decide for its codes */
	reply.smtp_code = verdict->evidence.code != 0 ? verdict->evidence.code : p.first_code;
	memcpy(reply.enhanced_code, verdict->evidence.code != 0 || verdict->evidence.enhanced[0] != 0 ?
		   verdict->evidence.enhanced : p.first_enhanced, sizeof(reply.enhanced_code));
	if (verdict->rule == NULL)
		return reply;

	temporary = is_temporary(verdict, p.stages);
	reason = &cs_reasons[reason_at_stage(verdict->reason, p.stages)];
	reply.reason = reason->name;
	reply.scope = cs_scope_labels[reason->scope];
	reply.rule = verdict->rule;
	reply.kind = temporary ? reason->temporary_kind : reason->kind;
	/* a temporary failure that words of little weight or a code explain says nothing for good */
	if (temporary && reply.kind != NULL && is_dead(verdict->reason) &&
		(verdict->weight < STRONG || (verdict->evidence.clause & SET_OF(TEMPORARY)) != 0))
		reply.kind = "soft_bounced";
	return reply;
}
