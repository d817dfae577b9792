/*
 * matcher.c
 *		An Aho-Corasick automaton over folded symbols.
 *
 * The automaton is a table of transitions, complete for each state and symbol,
 * so that each symbol of the text is read once.  A phrase is stored with a space
 * before each of its words.  Of overlapping phrases the one that starts first
 * counts, and of those the longest.
 */
#include "replies/matcher.h"

#include <string.h>

/* States are numbered by 16 bits. */
#define MOST_STATES UINT16_MAX

static int
child(cs_matcher *m, int state, uint8_t symbol)
{
	if (m->rows[state].next[symbol] == 0)
	{
		if (m->state_count == MOST_STATES)
			return 0;			/* the unit test fails if the vocabulary is too large */
		m->rows[state].next[symbol] = (uint16_t) m->state_count;
		m->states[m->state_count] = (State)
		{
			.words = (uint8_t) (m->states[state].words + (symbol == SPACE || state == 0)),
			.anywhere = state == 0 ? symbol != SPACE : m->states[state].anywhere
		};
		m->state_count++;
	}
	return m->rows[state].next[symbol];
}

/* Adds a phrase.  If `spelled_out`, letters with an umlaut are followed by e. */
static void
add_phrase(cs_matcher *m, const char *phrase, size_t size, ConceptSet concepts, bool spelled_out)
{
	bool		inner = phrase[0] == '*';
	bool		stem = phrase[size - 1] == '*';
	bool		in_word = inner;
	int			state = 0;

	for (size_t i = inner, end = size - stem; i < end;)
	{
		Character	c = cs_fold_character((const unsigned char *) phrase + i, end - i);
		bool		umlaut = spelled_out && c.size == 2 && strchr("\xA4\xB6\xBC", phrase[i + 1]) != NULL && phrase[i] == '\xC3';

		i += c.size;
		if (c.type == CHAR_SPACE)
		{
			in_word = false;
			continue;
		}
		if (!in_word || c.type == CHAR_IDEOGRAPH)
			state = child(m, state, SPACE);
		in_word = c.type != CHAR_IDEOGRAPH;
		if (c.type == CHAR_DOT)
			state = child(m, state, DOT);
		for (int s = 0; s < c.symbol_count; s++)
			state = child(m, state, c.symbols[s]);
		if (umlaut)
			state = child(m, state, 5);
	}
	if (stem)
	{
		m->states[state].stem |= concepts;
		m->states[state].is_stem = true;
	}
	else
	{
		m->states[state].exact |= concepts;
		m->states[state].is_exact = true;
	}
}

static void
add_phrases(cs_matcher *m, const Phrases *line)
{
	const char *phrase = line->phrases;

	while (*phrase != '\0')
	{
		size_t		size = strcspn(phrase, "|");
		ConceptSet	concepts = line->concept == NOTHING ? 0 : SET_OF(line->concept);

		add_phrase(m, phrase, size, concepts, false);
		if (memchr(phrase, '\xC3', size) != NULL)
			add_phrase(m, phrase, size, concepts, true);
		phrase += size;
		phrase += *phrase == '|';
	}
}

/* Makes the transitions complete, in order of depth. */
static void
complete(cs_matcher *m, uint16_t *queue)
{
	int			head = 0;
	int			tail = 0;

	for (int s = 0; s < SYMBOLS; s++)
		if (m->rows[0].next[s] != 0)
			queue[tail++] = m->rows[0].next[s];
	while (head < tail)
	{
		int			state = queue[head++];
		const State *at = &m->states[state];
		const Row  *suffix = &m->rows[at->fail];
		Row		   *row = &m->rows[state];

		row->exact_at = at->is_exact ? (uint16_t) state : suffix->exact_at;
		row->stem_at = at->is_stem ? (uint16_t) state : suffix->stem_at;
		for (int s = 0; s < SYMBOLS; s++)
		{
			int			next = row->next[s];
			int			other = suffix->next[s];

			if (next == 0)
				row->next[s] = (uint16_t) other;
			else
			{
				m->states[next].fail = (uint16_t) other;
				queue[tail++] = (uint16_t) next;
			}
		}
	}
}

static void
sort_rules(cs_matcher *m)
{
	int			count = 0;

	for (int key = 0; key < CONCEPT_COUNT; key++)
	{
		m->first[key] = count;
		for (int i = 0; i < cs_word_rules_count; i++)
		{
			int			place = count;

			if (cs_word_rules[i].key != key)
				continue;
			for (; place > m->first[key] && m->rules[place - 1]->weight < cs_word_rules[i].weight; place--)
				m->rules[place] = m->rules[place - 1];
			m->rules[place] = &cs_word_rules[i];
			count++;
			m->keys |= SET_OF(key);
		}
	}
	m->first[CONCEPT_COUNT] = count;
}

static void
index_codes(cs_matcher *m)
{
	for (int i = 0; i < cs_code_rules_count; i++)
	{
		const CodeRule *rule = &cs_code_rules[i];

		if (rule->subject < 0)
			m->replies[rule->first] = (uint8_t) (i + 1);
		else
			m->enhanced[rule->subject][rule->detail] = (uint8_t) (i + 1);
	}
}

/* Returns a copy of its own size, and releases the original. */
static void *
shrink(void *array, size_t size, void *(*allocate) (size_t size), void (*release) (void *memory))
{
	void	   *copy = allocate(size);

	memcpy(copy, array, size);
	release(array);
	return copy;
}

cs_matcher *
cs_build_matcher(void *(*allocate) (size_t size), void (*release) (void *memory))
{
	cs_matcher *m = allocate(sizeof(*m));
	uint16_t   *queue;

	memset(m, 0, sizeof(*m));
	m->states = allocate(MOST_STATES * sizeof(State));
	m->rows = allocate(MOST_STATES * sizeof(Row));
	memset(m->rows, 0, MOST_STATES * sizeof(Row));
	memset(&m->states[0], 0, sizeof(State));
	m->state_count = 1;
	for (int part = 0; part < VOCABULARY_PARTS; part++)
		for (const Phrases *line = cs_vocabulary[part]; line->phrases != NULL; line++)
			add_phrases(m, line);
	m->states = shrink(m->states, (size_t) m->state_count * sizeof(State), allocate, release);
	m->rows = shrink(m->rows, (size_t) m->state_count * sizeof(Row), allocate, release);

	queue = allocate((size_t) m->state_count * sizeof(*queue));
	complete(m, queue);
	release(queue);
	m->rules = allocate((size_t) cs_word_rules_count * sizeof(*m->rules));
	sort_rules(m);
	index_codes(m);
	return m;
}

int
cs_matcher_states(const cs_matcher *m)
{
	return m->state_count;
}

void
cs_start_clause(Scanner *scanner)
{
	scanner->state = 0;
	scanner->word = 0;
	scanner->in_word = false;
	scanner->pending_count = 0;
	scanner->concepts = 0;
}

void
cs_begin_word(Scanner *scanner)
{
	scanner->in_word = true;
	scanner->dotted = false;
	scanner->partial.last = -1;
	scanner->state = scanner->matcher->rows[scanner->state].next[SPACE];
}

void
cs_scan_dot(Scanner *scanner)
{
	cs_scan_symbol(scanner, DOT);
	scanner->dotted = true;
	/* a host name is no word, but its name may be found anywhere within it */
	if (!scanner->partial_anywhere)
		scanner->partial.last = -1;
}

void
cs_note_stem(Scanner *scanner, int state)
{
	const State *stem = &scanner->matcher->states[state];
	int			first = scanner->word - stem->words + 1;

	if (scanner->partial.last < 0 || first <= scanner->partial.first)
	{
		scanner->partial = (Found)
		{
			first, scanner->word, stem->stem
		};
		scanner->partial_anywhere = stem->anywhere;
	}
}

/* Adds a phrase to the pending ones.  It replaces those that start within it, and yields to one that starts before it. */
static void
add_found(Scanner *scanner, Found found)
{
	int			count = scanner->pending_count;

	while (count > 0 && scanner->pending[count - 1].first >= found.first)
		count--;
	if (count > 0 && scanner->pending[count - 1].last >= found.first)
		return;
	scanner->pending_count = count;
	if (count == PENDING)
	{
		scanner->concepts |= scanner->pending[0].concepts;
		memmove(scanner->pending, scanner->pending + 1, (PENDING - 1) * sizeof(Found));
		scanner->pending_count--;
	}
	scanner->pending[scanner->pending_count++] = found;
}

/* Accepts the pending phrases that start before a word. */
static void
accept_found(Scanner *scanner, int first)
{
	int			accepted = 0;

	while (accepted < scanner->pending_count && scanner->pending[accepted].first < first)
		scanner->concepts |= scanner->pending[accepted++].concepts;
	if (accepted > 0)
	{
		scanner->pending_count -= accepted;
		memmove(scanner->pending, scanner->pending + accepted, (size_t) scanner->pending_count * sizeof(Found));
	}
}

void
cs_end_word(Scanner *scanner)
{
	const State *states = scanner->matcher->states;
	int			exact_at = scanner->matcher->rows[scanner->state].exact_at;
	Found		found = scanner->partial;

	if (!scanner->in_word)
		return;
	scanner->in_word = false;
	if (exact_at != 0)
	{
		int			first = scanner->word - states[exact_at].words + 1;

		if (found.last < 0 || first <= found.first)
			found = (Found)
		{
			first, scanner->word, states[exact_at].exact
		};
	}
	if (found.last < 0 && scanner->dotted)
		found = (Found)
	{
		scanner->word, scanner->word, SET_OF(HOSTNAME)
	};
	if (found.last >= 0)
		add_found(scanner, found);
	/* the live state covers this word and those before it that a longer phrase may still take */
	accept_found(scanner, scanner->word - states[scanner->state].words + 1);
	scanner->word++;
}

void
cs_drop_word(Scanner *scanner)
{
	if (!scanner->in_word)
		return;
	scanner->in_word = false;
	scanner->state = 0;
	accept_found(scanner, scanner->word + 1);
	scanner->word++;
}

ConceptSet
cs_end_clause(Scanner *scanner)
{
	cs_end_word(scanner);
	accept_found(scanner, scanner->word + 1);
	return scanner->concepts;
}

const WordRule *
cs_find_word_rule(const cs_matcher *m, ConceptSet concepts)
{
	const WordRule *best = NULL;

	for (ConceptSet keys = concepts & m->keys; keys != 0; keys &= keys - 1)
	{
		int			key = __builtin_ctzll(keys);

		for (int i = m->first[key]; i < m->first[key + 1]; i++)
		{
			const WordRule *rule = m->rules[i];

			if (best != NULL && (rule->weight < best->weight || (rule->weight == best->weight && rule > best)))
				break;
			if ((concepts & rule->with) == rule->with && (concepts & rule->without) == 0)
			{
				best = rule;
				break;
			}
		}
	}
	return best;
}

const CodeRule *
cs_enhanced_code_rule(const cs_matcher *m, const int code[3])
{
	int			number = code[0] == 2 ? m->replies[2] : m->enhanced[code[1]][code[2]];

	if (number == 0)
		number = m->enhanced[code[1]][0];
	return number > 0 ? &cs_code_rules[number - 1] : NULL;
}

const CodeRule *
cs_reply_code_rule(const cs_matcher *m, int code)
{
	int			number = m->replies[code] != 0 ? m->replies[code] : m->replies[code / 100];

	return number > 0 ? &cs_code_rules[number - 1] : NULL;
}
