/*
 * event_time.h
 *		The times that an event may have.
 */
#ifndef CONTACT_STATUS_EVENT_TIME_H
#define CONTACT_STATUS_EVENT_TIME_H

#include "compat.h"
#include "utils/timestamp.h"

/*
 * Returns NULL for a time that an event may have.  Else returns words that
 * follow "is dated": the time is not finite, more than a minute after `now`, or
 * before 1995.
 */
extern const char *cs_time_problem(TimestampTz at, TimestampTz now);

/* Raises 22008.  `subject` names the event, and `problem` is of cs_time_problem(). */
pg_noreturn extern void cs_refuse_time(const char *subject, const char *problem);

#endif							/* CONTACT_STATUS_EVENT_TIME_H */
