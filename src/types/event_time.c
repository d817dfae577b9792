/*
 * event_time.c
 *		The times that an event may have.
 */
#include "postgres.h"

#include "types/event_time.h"

/* An event may be dated this far ahead of the server's clock. */
#define TOLERANCE USECS_PER_MINUTE

/* 1995-01-01 00:00:00+00.  An earlier time is an epoch in a wrong unit, or none. */
#define EARLIEST (-1826 * USECS_PER_DAY)

static const char *const before_all = "before 1995";

const char *
cs_time_problem(TimestampTz at, TimestampTz now)
{
	if (TIMESTAMP_NOT_FINITE(at))
		return "at no finite time";
	if (at - TOLERANCE > now)
		return "more than a minute ahead";
	return at < EARLIEST ? before_all : NULL;
}

void
cs_refuse_time(const char *subject, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
			 errmsg("%s is dated %s", subject, problem),
			 problem == before_all ?
			 errhint("Check the unit of the time: to_timestamp() takes seconds since 1970, not milliseconds or days.") :
			 errhint("Record an event when it has happened. If it has: to_timestamp() takes seconds since 1970, not milliseconds.")));
}
