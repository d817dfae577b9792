/*
 * time.c
 *		Times as mail providers and mails write them.
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "webhooks/webhooks.h"

/* A provider's time outside of these years is a default value or an error. */
#define FIRST_YEAR 1995
#define LAST_YEAR 2099

static const char *const month_names[12] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"
};

/* A part of a text that is still to be read. */
typedef struct Reader
{
	const char *at;
	bool		failed;
} Reader;

static int
number(Reader *reader, int most, int least, int greatest)
{
	int			value = 0,
				digits = 0;

	while (digits < most && isdigit((unsigned char) *reader->at))
		value = value * 10 + (*reader->at++ - '0'), digits++;
	if (digits == 0 || value < least || value > greatest)
		reader->failed = true;
	return value;
}

static bool
accept(Reader *reader, const char *set)
{
	if (*reader->at == '\0' || strchr(set, *reader->at) == NULL)
		return false;
	reader->at++;
	return true;
}

static void
blanks(Reader *reader)
{
	while (accept(reader, " \t\r\n"))
		;
}

/* Digits after a point as microseconds.  Further digits are cut off. */
static int64
fraction(Reader *reader)
{
	int64		value = 0;
	int			digits = 0;

	for (; isdigit((unsigned char) *reader->at); reader->at++)
		if (digits < 6)
			value = value * 10 + (*reader->at - '0'), digits++;
	for (; digits < 6; digits++)
		value *= 10;
	return value;
}

/* A zone as seconds east of UTC.  No zone, and letters other than those of North America, are UTC. */
static int
zone(Reader *reader)
{
	static const struct
	{
		const char *name;
		int			hours;
	}			zones[] = {{"est", -5}, {"edt", -4}, {"cst", -6}, {"cdt", -5}, {"mst", -7}, {"mdt", -6}, {"pst", -8}, {"pdt", -7}};
	int			sign = *reader->at == '-' ? -1 : 1;
	int			hours,
				minutes = 0;

	if (accept(reader, "+-"))
	{
		hours = number(reader, 2, 0, 15);
		accept(reader, ":");
		if (isdigit((unsigned char) *reader->at))
			minutes = number(reader, 2, 0, 59);
		return sign * (hours * SECS_PER_HOUR + minutes * SECS_PER_MINUTE);
	}
	for (int i = 0; i < (int) lengthof(zones); i++)
		if (pg_strncasecmp(reader->at, zones[i].name, 3) == 0)
		{
			reader->at += 3;
			return zones[i].hours * SECS_PER_HOUR;
		}
	while (isalpha((unsigned char) *reader->at))
		reader->at++;
	return 0;
}

/* CS_NO_TIME for a time outside of the years that a provider's time may have. */
static TimestampTz
within_years(int64 micros)
{
	if (micros < (date2j(FIRST_YEAR, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY ||
		micros >= (date2j(LAST_YEAR + 1, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY)
		return CS_NO_TIME;
	return micros;
}

/* The time of day and the zone, on a day.  A comment or a name of a zone may follow. */
static TimestampTz
on_day(Reader *reader, int year, int month, int day)
{
	int64		at = 0;

	if (reader->failed || day > day_tab[isleap(year)][month - 1])
		return CS_NO_TIME;
	if (accept(reader, "Tt "))
	{
		blanks(reader);
		at += number(reader, 2, 0, 23) * USECS_PER_HOUR;
		if (!accept(reader, ":"))
			return CS_NO_TIME;
		at += number(reader, 2, 0, 59) * USECS_PER_MINUTE;
		if (accept(reader, ":"))
			at += number(reader, 2, 0, 60) * USECS_PER_SEC;
		if (accept(reader, ".,"))
			at += fraction(reader);
		blanks(reader);
		at -= zone(reader) * USECS_PER_SEC;
	}
	blanks(reader);
	if (reader->failed || (*reader->at != '\0' && *reader->at != '('))
		return CS_NO_TIME;
	return within_years((date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY + at);
}

/* A number since 1970, whose size shows the unit. */
static TimestampTz
of_number(Reader *reader)
{
	int64		whole = 0,
				micros = 0;
	int			digits = 0;

	for (; isdigit((unsigned char) *reader->at); reader->at++)
	{
		if (++digits > 19)
			return CS_NO_TIME;
		whole = whole * 10 + (*reader->at - '0');
		if (whole < 0)
			return CS_NO_TIME;
	}
	if (accept(reader, "."))
		micros = fraction(reader);
	if (*reader->at != '\0')
		return CS_NO_TIME;
	if (whole >= INT64CONST(100000000000000000))
		micros = whole / 1000;
	else if (whole >= INT64CONST(100000000000000))
		micros = whole;
	else if (whole >= INT64CONST(100000000000))
		micros = whole * 1000 + micros / 1000;
	else
		micros += whole * USECS_PER_SEC;
	return within_years(micros - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY);
}

/* "Tue, 1 Jul 2003 10:52:37 +0200", where the day of the week is optional. */
static TimestampTz
of_mail(Reader *reader)
{
	int			day,
				month = 0,
				year;
	const char *comma = strchr(reader->at, ',');

	if (comma != NULL)
		reader->at = comma + 1;
	else
		while (isalpha((unsigned char) *reader->at))
			reader->at++;
	blanks(reader);
	day = number(reader, 2, 1, 31);
	while (accept(reader, " -"))
		;
	while (month < 12 && pg_strncasecmp(reader->at, month_names[month], 3) != 0)
		month++;
	if (month == 12)
		return CS_NO_TIME;
	while (isalpha((unsigned char) *reader->at))
		reader->at++;
	while (accept(reader, " -"))
		;
	year = number(reader, 4, 0, 9999);
	return on_day(reader, year < 50 ? year + 2000 : year < 100 ? year + 1900 : year, month + 1, day);
}

TimestampTz
cs_read_time(const char *text)
{
	Reader		reader = {text};
	int			digits = 0;

	if (text == NULL)
		return CS_NO_TIME;
	blanks(&reader);
	while (isdigit((unsigned char) reader.at[digits]))
		digits++;
	if (digits == 4 && reader.at[4] == '-')
	{
		int			year = number(&reader, 4, 0, 9999),
					month,
					day;

		accept(&reader, "-");
		month = number(&reader, 2, 1, 12);
		if (!accept(&reader, "-"))
			return CS_NO_TIME;
		day = number(&reader, 2, 1, 31);
		return on_day(&reader, year, month, day);
	}
	if (digits > 0 && (reader.at[digits] == '\0' || reader.at[digits] == '.'))
		return of_number(&reader);
	return of_mail(&reader);
}
