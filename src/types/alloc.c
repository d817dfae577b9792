/*
 * alloc.c
 *		Memory for the rules: palloc, so that it belongs to the current context.
 */
#include "postgres.h"

#include "rules/alloc.h"

/* Memory for the machine: the current context's. */
void *
cs_resize(void *old, size_t size)
{
	return old ? repalloc(old, size) : palloc(size);
}
