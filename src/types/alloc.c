/*
 * alloc.c
 *		Memory for the rules, allocated by palloc in the current context.
 */
#include "postgres.h"

#include "rules/alloc.h"

void *
cs_resize(void *old, size_t size)
{
	return old ? repalloc(old, size) : palloc(size);
}
