/*
 * replies.c
 *		Fuzz target: the classification of replies, on any bytes.
 *
 * Bytes select pieces of replies as well as stand for themselves, so that codes
 * and phrases occur.  The sanitizers watch for broken memory; the rest must hold
 * for each verdict.
 */
#include "replies/concepts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what) \
	do { if (!(what)) { fprintf(stderr, "%s:%d: " #what "\n", __func__, __LINE__); abort(); } } while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const cs_matcher *matcher;

static void *
allocate(size_t size)
{
	void	   *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		abort();
	return memory;
}

static const char *const pieces[] = {
	"550 ", "550-", "5.1.1 ", "450 ", "4.2.2 ", "250 ", "503 5.5.1 ", " user", " unknown", " mailbox", " full", " not", " exist", " sender",
	" blocked", " spam", "<a@b.example>", "mx.b.example[192.0.2.1]:25", " said: ", "n't", "\xC3\xBC", "\xE5\xAD\x98", ". ", "; ", "\\n", "=",
	" (in reply to MAIL FROM command)", " refused to talk to me: ", " try again later", " domain", " quota", "Empf\xC3\xA4nger"
};

/* Copies bytes; those from 0xE0 on select a piece.  Returns the size. */
static size_t
compose(const uint8_t *data, size_t size, char *to)
{
	size_t		used = 0;

	for (size_t i = 0; i < size; i++)
		if (data[i] >= 0xE0)
		{
			const char *piece = pieces[data[i] - 0xE0];

			memcpy(to + used, piece, strlen(piece));
			used += strlen(piece);
		}
		else
			to[used++] = (char) data[i];
	return used;
}

static void
check(const char *text, size_t size)
{
	char	   *copy = allocate(size);	/* its own, so that a read past its end is seen */
	cs_reply	reply;
	int			found = -1;

	memcpy(copy, text, size);
	reply = cs_classify_reply(matcher, copy, size);
	free(copy);
	CHECK((reply.rule == NULL) == (reply.reason == NULL));
	CHECK((reply.reason == NULL) == (reply.scope == NULL));
	CHECK(reply.smtp_code == 0 || (reply.smtp_code >= 200 && reply.smtp_code < 600));
	CHECK(reply.enhanced_code[0] == 0 || reply.enhanced_code[0] == 2 || reply.enhanced_code[0] == 4 || reply.enhanced_code[0] == 5);
	for (int i = 0; reply.reason != NULL && i < REASON_COUNT; i++)
		if (strcmp(cs_reasons[i].name, reply.reason) == 0)
			found = i;
	CHECK(reply.reason == NULL || found >= 0);
	/* a fault that is not the recipient's never makes the address dead */
	if (reply.kind != NULL && (strcmp(reply.kind, "nonexistent") == 0 || strcmp(reply.kind, "hard_bounced") == 0))
		CHECK(strcmp(reply.scope, "recipient") == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = allocate(size * 64);

	if (matcher == NULL)
		matcher = cs_build_matcher(allocate, free);
	check((const char *) data, size);
	check(text, compose(data, size, text));
	free(text);
	return 0;
}
