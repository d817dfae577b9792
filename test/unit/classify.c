/*
 * classify.c
 *		`make classify FILE=file`: classifies the replies of a file, and compares
 *		the verdicts with those of the file.
 *
 * The file is tab-separated with a line of column names, of which these are
 * read: reply_text; expected_class, "hard" for a dead address; decidable, "yes"
 * for a text that has the answer; em_status and accept, statuses separated by
 * bars.  Statuses are temporary (soft_bounced), problem (hard_bounced or
 * blocked) and nonexistent.
 */
#include "replies/replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum
{
	TEXT, CLASS, DECIDABLE, STATUS, ACCEPT, COLUMNS
};

static const char *const names[COLUMNS] = {"reply_text", "expected_class", "decidable", "em_status", "accept"};

typedef struct Counts
{
	int			rows;
	int			exact;
	int			acceptable;
	int			decidable;
	int			right;
	int			dead;
	int			found;
	int			wrongly_dead;
} Counts;

static void *
allocate(size_t size)
{
	void	   *memory = malloc(size);

	if (memory == NULL)
		abort();
	return memory;
}

static const char *
status_of(const char *kind)
{
	static const char *const statuses[][2] = {
		{"soft_bounced", "temporary"}, {"hard_bounced", "problem"}, {"blocked", "problem"}, {"nonexistent", "nonexistent"},
		{"delivered", "delivered"}
	};

	for (size_t i = 0; kind != NULL && i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(statuses[i][0], kind) == 0)
			return statuses[i][1];
	return "none";
}

/* Is the word one of those between bars? */
static bool
is_one_of(const char *word, const char *list)
{
	size_t		size = strlen(word);

	for (const char *at = list; at != NULL; at = strchr(at, '|'))
	{
		at += *at == '|';
		if (strncmp(at, word, size) == 0 && (at[size] == '\0' || at[size] == '|'))
			return true;
	}
	return false;
}

/* Splits a line at its tabs.  Returns the number of fields. */
static int
split(char *line, char **fields, int most)
{
	int			count = 0;

	line[strcspn(line, "\r\n")] = '\0';
	for (char *at = line; at != NULL && count < most; count++)
	{
		fields[count] = at;
		at = strchr(at, '\t');
		if (at != NULL)
			*at++ = '\0';
	}
	return count;
}

static void
judge(Counts *n, const cs_matcher *matcher, char *const *row, int line)
{
	cs_reply	reply = cs_classify_reply(matcher, row[TEXT], strlen(row[TEXT]));
	const char *status = status_of(reply.kind);
	bool		dead = strcmp(row[CLASS], "hard") == 0;
	bool		found = strcmp(status, "nonexistent") == 0;
	bool		decidable = strcmp(row[DECIDABLE], "yes") == 0;
	bool		acceptable = is_one_of(status, row[ACCEPT]);

	n->rows++;
	n->exact += strcmp(status, row[STATUS]) == 0;
	n->acceptable += acceptable;
	if (decidable)
	{
		n->decidable++;
		n->right += dead == found;
		n->dead += dead;
		n->found += dead && found;
		n->wrongly_dead += found && !dead;
	}
	if (!acceptable || (decidable && dead != found))
		printf("%d\t%s\t%s\t%s (%s, rule %s)\t%.200s\n", line, row[CLASS], row[ACCEPT], status,
			   reply.reason ? reply.reason : "no reason", reply.rule ? reply.rule : "none", row[TEXT]);
}

static double
share(int part, int of)
{
	return of > 0 ? (double) part / of : 0;
}

int
main(int argc, char **argv)
{
	FILE	   *file = argc > 1 ? fopen(argv[1], "r") : NULL;
	cs_matcher *matcher = cs_build_matcher(allocate, free);
	Counts		n = {0};
	char	   *line = NULL;
	size_t		space = 0;
	int			columns[COLUMNS];
	char	   *fields[64];
	clock_t		start;

	if (file == NULL || getline(&line, &space, file) < 0)
	{
		fprintf(stderr, "usage: make classify FILE=file, of tab-separated columns\n");
		return 2;
	}
	for (int c = 0, count = split(line, fields, 64); c < COLUMNS; c++)
	{
		columns[c] = -1;
		for (int f = 0; f < count; f++)
			if (strcmp(fields[f], names[c]) == 0)
				columns[c] = f;
		if (columns[c] < 0)
		{
			fprintf(stderr, "%s has no column %s\n", argv[1], names[c]);
			return 2;
		}
	}
	start = clock();
	for (int number = 2; getline(&line, &space, file) > 0; number++)
	{
		char	   *row[COLUMNS];
		int			count = split(line, fields, 64);

		for (int c = 0; c < COLUMNS; c++)
			row[c] = columns[c] < count ? fields[columns[c]] : "";
		judge(&n, matcher, row, number);
	}
	printf("%d replies, %d decidable, in %.1f ms\n", n.rows, n.decidable, (double) (clock() - start) * 1000 / CLOCKS_PER_SEC);
	printf("dead or not: accuracy %.3f, precision %.3f, recall %.3f\n", share(n.right, n.decidable),
		   share(n.found, n.found + n.wrongly_dead), share(n.found, n.dead));
	printf("status: exact %.3f, acceptable %.3f\n", share(n.exact, n.rows), share(n.acceptable, n.rows));
	return 0;
}
