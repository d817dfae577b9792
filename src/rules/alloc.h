/*
 * alloc.h
 *		Memory for the rules, given by the program that uses them.
 */
#ifndef CONTACT_STATUS_ALLOC_H
#define CONTACT_STATUS_ALLOC_H

#include <stddef.h>

/*
 * Returns memory of the given size with the content of the old memory, which
 * may be NULL.  Does not return on failure.
 */
extern void *cs_resize(void *old, size_t size);

#endif							/* CONTACT_STATUS_ALLOC_H */
