/*
 * alloc.h
 *		Memory for the rules, allocated by the program that uses them.
 */
#ifndef CONTACT_STATUS_ALLOC_H
#define CONTACT_STATUS_ALLOC_H

#include <stddef.h>

/*
 * Resizes `old`, or allocates if it is NULL.  Returns memory of `size` bytes
 * with the old content.  Does not return on failure.
 */
extern void *cs_resize(void *old, size_t size);

#endif							/* CONTACT_STATUS_ALLOC_H */
