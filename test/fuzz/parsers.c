/*
 * parsers.c
 *		Fuzz target: everything in C that reads words from outside.
 *
 * Words of the vocabularies, addresses, settings of a policy, the source of an
 * event, and arguments of trigger functions.  Compiled from the extension's
 * own files with the server's headers, but without a server: what these
 * parsers call of it stands below, and an error is a jump back.  Parsers in
 * SQL and PL/pgSQL are tried in a server, by test/t/hostile_calls.t.
 */
#include "postgres.h"

#include <setjmp.h>

#include "commands/trigger.h"
#include "common/int.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/timestamp.h"

/* each has its own of these names */
#define statuses label_statuses
#include "types/labels.c"
#undef statuses
#include "rules/address.c"
#include "rules/event.c"
#include "rules/status.c"
#include "types/address.c"
#include "types/policy.c"
#include "types/alloc.c"
#include "types/fact_columns.c"
#define read_arguments read_guard_arguments
#define Mode GuardMode
#include "triggers/guard_status.c"
#undef read_arguments
#undef Mode
#include "triggers/require_mailable.c"

#define CHECK(what) \
	do { if (!(what)) { fprintf(stderr, "%s:%d: " #what "\n", __func__, __LINE__); abort(); } } while (0)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- of the server ---- */

/* Memory lives until the input is done, each piece apart, so that the sanitizer sees its ends. */
static void *pieces[1 << 16];
static int	piece_count;

void *
palloc(Size size)
{
	CHECK(piece_count < (int) lengthof(pieces));
	return pieces[piece_count++] = malloc(size ? size : 1);
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void *
repalloc(void *old, Size size)
{
	for (int i = piece_count; i-- > 0;)
		if (pieces[i] == old)
			return pieces[i] = realloc(old, size ? size : 1);
	abort();
}

void
pfree(void *old)
{
	for (int i = piece_count; i-- > 0;)
		if (pieces[i] == old)
		{
			free(old);
			pieces[i] = pieces[--piece_count];
			return;
		}
	abort();
}

char *
pnstrdup(const char *in, Size size)
{
	char	   *result = palloc(size + 1);

	memcpy(result, in, size);
	result[size] = '\0';
	return result;
}

static jmp_buf refused;
static int	refused_with;

bool
errstart(int elevel, const char *domain)
{
	CHECK(elevel == ERROR);
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode(int sqlerrcode)
{
	refused_with = sqlerrcode;
	return 0;
}

static int
say(const char *format, va_list args)
{
	char		said[128];

	vsnprintf(said, sizeof(said), format, args);
	return 0;
}

#define SAY(name) \
int name(const char *fmt, ...) { va_list args; va_start(args, fmt); say(fmt, args); va_end(args); return 0; }
SAY(errmsg)
SAY(errmsg_internal)
SAY(errhint)
SAY(errdetail)

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	longjmp(refused, 1);
}

text *
cstring_to_text_with_len(const char *s, int len)
{
	text	   *result = palloc(len + VARHDRSZ);

	SET_VARSIZE(result, len + VARHDRSZ);
	memcpy(VARDATA(result), s, len);
	return result;
}

text *
cstring_to_text(const char *s)
{
	return cstring_to_text_with_len(s, strlen(s));
}

char *
text_to_cstring(const text *t)
{
	return pnstrdup(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

struct varlena *
pg_detoast_datum(struct varlena *datum)
{
	return datum;
}

struct varlena *
pg_detoast_datum_packed(struct varlena *datum)
{
	return datum;
}

static int	encoding;

int
GetDatabaseEncoding(void)
{
	return encoding;
}

/* Words are in UTF-8 in this program, whatever the encoding of the database is said to be. */
char *
pg_server_to_any(const char *s, int len, int to)
{
	return unconstify(char *, s);
}

char *
pg_any_to_server(const char *s, int len, int from)
{
	return unconstify(char *, s);
}

Oid
get_fn_expr_argtype(FmgrInfo *flinfo, int argnum)
{
	return InvalidOid;
}

Oid
get_fn_expr_rettype(FmgrInfo *flinfo)
{
	return InvalidOid;
}

/* an enum is its number */
cs_status
cs_status_of_datum(Oid type, Datum value)
{
	CHECK(value < CS_STATUSES);
	return (cs_status) value;
}

Datum
cs_status_datum(Oid type, cs_status status)
{
	CHECK(status < CS_STATUSES);
	return (Datum) status;
}

/* an array is where its elements are */
typedef struct Elements
{
	int			count;
	Datum		values[16];
	bool		nulls[16];
} Elements;

void
deconstruct_array(ArrayType *array, Oid elmtype, int elmlen, bool elmbyval, char elmalign,
				  Datum **elemsp, bool **nullsp, int *nelemsp)
{
	Elements   *given = (Elements *) array;

	*elemsp = given->values;
	*nullsp = given->nulls;
	*nelemsp = given->count;
}

/* ---- from bytes ---- */

static const uint8_t *input;
static size_t input_left;

static unsigned
byte(void)
{
	if (input_left == 0)
		return 0;
	input_left--;
	return *input++;
}

/* words that the parsers know, to begin with */
static const char *const known_words[] = {
	"subscribed", "by_list", "list", "account", "confirmed", "never", "keep", "refuse", "skip", "error",
	"manual", "erasure", "salesmanago", "activecampaign", "ecomail", "emailmanager", "opt-in", "opt-out",
	"a@b.cz", "\xC2\xA0", "\xEF\xBB\xBF", "\xE2\x80\x8B", "mailto:", "@", "<", ";", ".", "*", "transactional",
	"iscritto / active", "aktivní (soft bounce)", "5 Solicitou Remoção", "5", " / ", "", "A@B.cz", " \t\v"
};

static char *
word(void)
{
	StringInfoData s;
	unsigned	b = byte();

	initStringInfo(&s);
	if (b < 200)
		appendStringInfoString(&s, known_words[b % lengthof(known_words)]);
	if (b >= 128)
		for (int i = byte() % 24; i > 0; i--)
			appendStringInfoChar(&s, (char) byte());
	return s.data;				/* as C strings end: at the first zero */
}

/* a text may hold any byte but zero; with a short header now and then */
static text *
words(void)
{
	char	   *s = word();
	size_t		size = strlen(s);
	text	   *result = cstring_to_text_with_len(s, size);

	if (size < 100 && byte() % 2)
	{
		memmove((char *) result + VARHDRSZ_SHORT, VARDATA(result), size);
		result = repalloc(result, size + VARHDRSZ_SHORT);
		SET_VARSIZE_SHORT(result, size + VARHDRSZ_SHORT);
	}
	else
		result = repalloc(result, size + VARHDRSZ);
	return result;
}

static int64
number(void)
{
	uint64		result = 0;

	switch (byte() % 4)
	{
		case 0:
			return (int64) (byte() % 4) + CS_LIMIT_MAX - 1;
		case 1:
			return (int64) (byte() % 20) - 2;
		case 2:
			return byte() % 2 ? PG_INT64_MAX : PG_INT64_MIN;
	}
	for (int i = 0; i < 8; i++)
		result = result << 8 | byte();
	return (int64) result;
}

/* ---- what must hold ---- */

static bool call_gave_null;

static Datum
call(PGFunction function, Datum a, Datum b)
{
	LOCAL_FCINFO(fcinfo, 2);
	FmgrInfo	flinfo = {0};
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, &flinfo, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0] = (NullableDatum) {a, false};
	fcinfo->args[1] = (NullableDatum) {b, false};
	result = function(fcinfo);
	call_gave_null = fcinfo->isnull;
	return result;
}

static void
try_address(void)
{
	text	   *given,
			   *normal,
			   *again;
	const char *first;
	size_t		size;

	encoding = byte() % 3 ? PG_UTF8 : PG_LATIN1;
	given = words();
	normal = DatumGetTextPP(call(cs_normalize_address, PointerGetDatum(given), 0));
	again = DatumGetTextPP(call(cs_normalize_address, PointerGetDatum(normal), 0));
	first = VARDATA_ANY(normal);
	size = VARSIZE_ANY_EXHDR(normal);
	CHECK(size <= VARSIZE_ANY_EXHDR(given));
	CHECK(size == VARSIZE_ANY_EXHDR(again) && memcmp(first, VARDATA_ANY(again), size) == 0);
	for (size_t i = 0; i < size; i++)
		CHECK(first[i] < 'A' || first[i] > 'Z');
	/* the rule is that of the trimmed text */
	CHECK(call(cs_is_address_of, PointerGetDatum(given), 0) == call(cs_is_address_of, PointerGetDatum(normal), 0));
	if (!call(cs_is_address_of, PointerGetDatum(given), 0))
		return;
	CHECK(size >= 3 && size <= CS_ADDRESS_MAX && first[0] != '@' && first[size - 1] != '@' && first[size - 1] != '.');
	for (size_t i = 0, at = 0; i < size; i++)
	{
		at += first[i] == '@';
		CHECK(at <= 1 && (unsigned char) first[i] > ' ' && first[i] != 0x7F && !strchr("<>,;", first[i]));
	}
}

static void
try_vocabulary(void)
{
	Datum		vocabulary = PointerGetDatum(words());
	cs_status	status = byte() % CS_STATUSES;
	text	   *label;

	call(cs_report_category, status, 0);
	call(cs_color, status, vocabulary);
	label = DatumGetTextPP(call(cs_label, status, vocabulary));
	if (!call_gave_null)
	{
		/* a label reads back as mailable as its status was */
		cs_status	back = call(cs_from_label, PointerGetDatum(label), vocabulary);

		CHECK(cs_is_mailable(back) == cs_is_mailable(status));
	}
	/* a text has one status at most, and the same without a vocabulary or none */
	label = words();
	status = status_everywhere(label);
	CHECK(status <= NONE);
	status = call(cs_from_label, PointerGetDatum(label), vocabulary);
	CHECK(status < CS_STATUSES);
}

/* of an interval that was accepted */
static int64
length_of(const Interval *interval)
{
	int64		length;

	CHECK(!pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &length));
	CHECK(!pg_add_s64_overflow(length, interval->time, &length));
	CHECK(interval->month == 0 && length > 0);
	return length;
}

static void
try_policy(void)
{
	Datum		values[POLICY_COLUMNS];
	bool		nulls[POLICY_COLUMNS];
	Interval	intervals[4];
	Elements	counted;
	CsPolicy	policy;

	for (int i = 0; i < POLICY_COLUMNS; i++)
	{
		nulls[i] = byte() % 8 > 0;	/* so that one is judged, not the first that is wrong */
		values[i] = i == POLICY_NAME || i == POLICY_IMPORT_CONSENT || i == POLICY_UNSUBSCRIBE_SCOPE ||
			i == POLICY_RESUBSCRIBE || i == POLICY_COMPLAINED_INSERT ? PointerGetDatum(words()) :
			Int32GetDatum((int32) number());
	}
	for (int i = 0; i < 4; i++)
	{
		intervals[i].month = byte() % 4 ? 0 : (int32) number();
		intervals[i].day = (int32) number();
		intervals[i].time = number();
	}
	values[POLICY_SOFT_BOUNCE_WINDOW] = IntervalPGetDatum(&intervals[0]);
	values[POLICY_UNRESPONSIVE_AFTER] = IntervalPGetDatum(&intervals[1]);
	values[POLICY_SOFT_BOUNCE_MEMORY] = IntervalPGetDatum(&intervals[2]);
	values[POLICY_CONFIRM_WITHIN] = IntervalPGetDatum(&intervals[3]);
	values[POLICY_SOFT_BOUNCE_OUTCOME] = byte() % CS_STATUSES;
	counted.count = byte() % lengthof(counted.values);
	for (int i = 0; i < counted.count; i++)
	{
		counted.values[i] = byte() % CS_STATUSES;
		counted.nulls[i] = byte() % 16 == 0;
	}
	values[POLICY_COUNTED] = PointerGetDatum(&counted);

	policy = cs_policy_of_values(values, nulls, InvalidOid);
	CHECK(policy.rules.soft_bounce_limit >= 0 && policy.rules.soft_bounce_limit <= CS_LIMIT_MAX);
	CHECK(policy.rules.soft_bounces_per_campaign >= 0 && policy.rules.soft_bounces_per_campaign <= CS_LIMIT_MAX);
	CHECK(policy.rules.hard_bounce_limit >= 0 && policy.rules.hard_bounce_limit <= CS_LIMIT_MAX);
	CHECK(policy.rules.unresponsive_campaigns >= 0 && policy.rules.unresponsive_campaigns <= CS_LIMIT_MAX);
	CHECK(policy.rules.soft_bounce_window == (nulls[POLICY_SOFT_BOUNCE_WINDOW] ? 0 : length_of(&intervals[0])));
	CHECK(policy.rules.unresponsive_after == (nulls[POLICY_UNRESPONSIVE_AFTER] ? 0 : length_of(&intervals[1])));
	CHECK(policy.rules.soft_bounce_memory == (nulls[POLICY_SOFT_BOUNCE_MEMORY] ? 0 : length_of(&intervals[2])));
	CHECK(policy.consent.confirm_within == (nulls[POLICY_CONFIRM_WITHIN] ? 0 : length_of(&intervals[3])));
	CHECK(policy.rules.soft_bounce_outcome == CS_STATUS_FAILING ||
		  policy.rules.soft_bounce_outcome == CS_STATUS_HARD_BOUNCED);
	CHECK(policy.counted < 1 << CS_STATUSES);
	for (int i = 0; i < counted.count; i++)
		CHECK(nulls[POLICY_COUNTED] || (!counted.nulls[i] && policy.counted & 1 << counted.values[i]));
	cs_builtin_policy_named(word());
}

static void
try_source(void)
{
	text	   *source = words();
	cs_event	event = {0};
	char	   *s = text_to_cstring(source);

	cs_read_source(&event, source);
	CHECK(event.manual == (strcmp(s, "manual") == 0));
	CHECK(event.erasure == (strcmp(s, "erasure") == 0));
}

static void
try_arguments(void)
{
	char	   *given[6];
	Trigger		trigger = {.tgname = "t",.tgnargs = byte() % (lengthof(given) + 1),.tgargs = given};
	int			count = trigger.tgnargs;
	const char *column,
			   *policy;
	GuardMode	mode;

	for (int i = 0; i < count; i++)
		given[i] = word();
	if (byte() % 2)
	{
		Arguments	arguments = read_arguments(&trigger);

		CHECK(count >= 2 && count <= 6);
		if (arguments.transactional)
		{
			count--;
			CHECK(strcmp(given[count], "transactional") == 0);
		}
		CHECK(arguments.schema == given[0] && arguments.contact_column == given[1]);
		CHECK(arguments.list_column == NULL || arguments.list_column == given[2]);
		CHECK(arguments.account_column == NULL || arguments.account_column == given[3]);
		CHECK(!arguments.skip || strcmp(given[count - 1], "skip") == 0);
	}
	else
	{
		read_guard_arguments(&trigger, &column, &policy, &mode);
		CHECK(count >= 1 && count <= 3);
		CHECK(column == given[0] && policy != NULL);
		CHECK(mode == MODE_ERROR || count > 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[]) (void) = {try_address, try_vocabulary, try_policy, try_source, try_arguments};

	input = data;
	input_left = size;
	while (input_left > 0)
	{
		refused_with = 0;
		if (setjmp(refused) == 0)
			tries[byte() % lengthof(tries)] ();
		else
			CHECK(refused_with == ERRCODE_INVALID_PARAMETER_VALUE ||
				  refused_with == ERRCODE_FOREIGN_KEY_VIOLATION);
		while (piece_count > 0)
			free(pieces[--piece_count]);
	}
	return 0;
}
