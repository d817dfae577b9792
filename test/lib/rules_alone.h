/*
 * rules_alone.h
 *		The machine without PostgreSQL, for programs that test it: where its
 *		memory comes from and how a contact's is given back.  Included once.
 */
#include "rules/rules.h"

#include <stdlib.h>
#include <string.h>

#define DAY (24 * INT64_C(3600000000))

void *
cs_resize(void *old, size_t size)
{
	void	   *new = realloc(old, size);

	if (new == NULL)
		abort();
	return new;
}

static void
release(cs_facts *c)
{
	for (int i = 0; i < c->consent_space; i++)
		free(c->consents[i].key);
	free(c->consents);
	free(c->run);
	free(c->hard_campaigns);
	free(c->unanswered);
	memset(c, 0, sizeof(*c));
}
