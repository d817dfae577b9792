/*
 * unit.h
 *		Shared by the unit tests.
 */
#ifndef CONTACT_STATUS_UNIT_H
#define CONTACT_STATUS_UNIT_H

#include <stdbool.h>

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))

/* Prints a line of TAP. */
extern void ok(bool passed, const char *name);

/* The tests of src/replies. */
extern void test_replies(void);

#endif							/* CONTACT_STATUS_UNIT_H */
