/*
 * labels.c
 *		The words of several vendors for a status, its colour and report category.
 *
 * Words are read without regard to case, accents, blanks and dashes.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "rules/rules.h"
#include "types/enums.h"

/* The category in reports and the colour of each status. */
static const struct
{
	const char *category;
	const char *color;
}			statuses[CS_STATUSES] = {
	[CS_STATUS_ACTIVE] = {"ok", "green"},
	[CS_STATUS_SOFT_BOUNCED] = {"temporary_error", "yellow"},
	[CS_STATUS_UNRESPONSIVE] = {"ok", "blue"},
	[CS_STATUS_UNCONFIRMED] = {"ok", "orange"},
	[CS_STATUS_SUSPENDED] = {"ok", "orange"},
	[CS_STATUS_FAILING] = {"temporary_error", "dark grey"},
	[CS_STATUS_HARD_BOUNCED] = {"permanent_error", "dark grey"},
	[CS_STATUS_UNSUBSCRIBED] = {"ok", "orange"},
	[CS_STATUS_COMPLAINED] = {"ok", "red"},
	[CS_STATUS_DELETED] = {"ok", "black"},
};

/*
 * The words of each vocabulary.  The first row of a status has its label.  The
 * first row that has a word says how the word is read, so that of two statuses
 * with one word the plainer comes first.  Other spellings are separated by '|'.
 */
typedef struct Word
{
	const char *vocabulary;
	cs_status	status;
	const char *code;			/* NULL: none */
	const char *word;
	const char *spellings;		/* NULL: none */
} Word;

static const Word vendor_words[] = {
	{"salesmanago", CS_STATUS_ACTIVE, NULL, "opt-in", NULL},
	{"salesmanago", CS_STATUS_UNSUBSCRIBED, NULL, "opt-out", NULL},
	{"salesmanago", CS_STATUS_HARD_BOUNCED, NULL, "hard bounce", "hard bounces|twarda zwrotka"},
	{"salesmanago", CS_STATUS_DELETED, NULL, "usunięty", "deleted"},
	{"salesmanago", CS_STATUS_SOFT_BOUNCED, NULL, "opt-in", NULL},
	{"salesmanago", CS_STATUS_UNCONFIRMED, NULL, "opt-out", NULL},

	{"activecampaign", CS_STATUS_UNCONFIRMED, "0", "non confermato", "unconfirmed"},
	{"activecampaign", CS_STATUS_ACTIVE, "1", "iscritto", "active|attivo"},
	{"activecampaign", CS_STATUS_UNSUBSCRIBED, "2", "cancellato", "unsubscribed"},
	{"activecampaign", CS_STATUS_HARD_BOUNCED, "3", "respinto", "bounced|rimbalzato"},
	{"activecampaign", CS_STATUS_SOFT_BOUNCED, NULL, "iscritto", NULL},

	{"ecomail", CS_STATUS_ACTIVE, "1", "aktivní", "subscribed"},
	{"ecomail", CS_STATUS_UNSUBSCRIBED, "2", "odhlášené", "unsubscribed"},
	{"ecomail", CS_STATUS_HARD_BOUNCED, "4", "odražené", "hard bounce|hard bounces|vrácené"},
	{"ecomail", CS_STATUS_COMPLAINED, "5", "spam stížnosti", "spam complaint|označeno jako spam"},
	{"ecomail", CS_STATUS_UNCONFIRMED, "6", "nepotvrzené", "unconfirmed"},
	{"ecomail", CS_STATUS_SOFT_BOUNCED, NULL, "aktivní (soft bounce)", "soft bounce|soft bounces"},

	{"emailmanager", CS_STATUS_ACTIVE, "0", "0 Ativo", NULL},
	{"emailmanager", CS_STATUS_SOFT_BOUNCED, "1", "1 Ativo com erros", NULL},
	{"emailmanager", CS_STATUS_FAILING, "2", "2 Com problemas", "Erro temporário"},
	{"emailmanager", CS_STATUS_UNRESPONSIVE, "3", "3 Não responde", NULL},
	{"emailmanager", CS_STATUS_SUSPENDED, "4", "4 Suspenso", NULL},
	{"emailmanager", CS_STATUS_UNSUBSCRIBED, "5", "5 Solicitou Remoção", NULL},
	{"emailmanager", CS_STATUS_COMPLAINED, "6", "6 Denunciou Abuso", NULL},
	{"emailmanager", CS_STATUS_HARD_BOUNCED, "7", "7 Inexistente", "Erro permanente"},

	{"mailchimp", CS_STATUS_ACTIVE, NULL, "subscribed", NULL},
	{"mailchimp", CS_STATUS_UNSUBSCRIBED, NULL, "unsubscribed", NULL},
	{"mailchimp", CS_STATUS_HARD_BOUNCED, NULL, "cleaned", NULL},
	{"mailchimp", CS_STATUS_UNCONFIRMED, NULL, "pending", NULL},
	{"mailchimp", CS_STATUS_DELETED, NULL, "archived", NULL},
	{"mailchimp", CS_STATUS_SOFT_BOUNCED, NULL, "subscribed", NULL},

	{"listmonk", CS_STATUS_ACTIVE, NULL, "enabled", "confirmed"},
	{"listmonk", CS_STATUS_UNCONFIRMED, NULL, "unconfirmed", NULL},
	{"listmonk", CS_STATUS_SUSPENDED, NULL, "disabled", NULL},
	{"listmonk", CS_STATUS_UNSUBSCRIBED, NULL, "unsubscribed", "blocklisted"},
	{"listmonk", CS_STATUS_SOFT_BOUNCED, NULL, "enabled", NULL},

	{"keila", CS_STATUS_ACTIVE, NULL, "active", NULL},
	{"keila", CS_STATUS_UNSUBSCRIBED, NULL, "unsubscribed", NULL},
	{"keila", CS_STATUS_HARD_BOUNCED, NULL, "unreachable", NULL},
	{"keila", CS_STATUS_SOFT_BOUNCED, NULL, "active", NULL},
};

/* The words of reports for the categories, by vocabulary. */
static const struct
{
	const char *vocabulary;
	const char *category;
	const char *word;
}			report_words[] = {
	{"ecomail", "ok", "doručené"},
	{"ecomail", "temporary_error", "soft bounce"},
	{"ecomail", "permanent_error", "hard bounce"},
	{"emailmanager", "ok", "OK"},
	{"emailmanager", "temporary_error", "Erro temporário"},
	{"emailmanager", "permanent_error", "Erro permanente"},
};

#define NONE CS_STATUSES		/* no status */

/* A word of this file, which is in UTF-8, in the encoding of the database. */
static text *
text_of_word(const char *word)
{
	return cstring_to_text(pg_any_to_server(word, strlen(word), PG_UTF8));
}

static const char *
vocabulary_argument(text *given)
{
	char	   *name = text_to_cstring(given);
	StringInfoData known;

	initStringInfo(&known);
	for (size_t i = 0; i < lengthof(vendor_words); i++)
	{
		if (strcmp(vendor_words[i].vocabulary, name) == 0)
			return vendor_words[i].vocabulary;
		if (i == 0 || vendor_words[i].vocabulary != vendor_words[i - 1].vocabulary)
			appendStringInfo(&known, "%s%s", known.len ? ", " : "", vendor_words[i].vocabulary);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown vocabulary \"%s\"", name),
			 errhint("The vocabularies are %s.", known.data)));
}

/* ---- comparing ---- */

/* The letter of a character without its accents, for the Latin letters of the vocabularies; 0 for a combining accent. */
static pg_wchar
without_accent(pg_wchar c)
{
	/* U+00C0 to U+017F, the base letter of each in lower case; '?' where there is none */
	static const char latin[] =
		"aaaaaa?ceeeeiiii?nooooo?ouuuuy?\?aaaaaa?ceeeeiiii?nooooo?ouuuuy?y"
		"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiii?\??jjkk?llllll?"
		"?llnnnnnn?\??oooooo?\?rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzz?";

	if (c >= 0x300 && c <= 0x36F)
		return 0;
	if (c >= 0xC0 && c - 0xC0 < sizeof(latin) - 1 && latin[c - 0xC0] != '?')
		return latin[c - 0xC0];
	return c;
}

static bool
is_separator(pg_wchar c)
{
	return c == ' ' || c == '\t' || c == '-' || c == '_' || c == 0xA0 || (c >= 0x2010 && c <= 0x2015);
}

/* The next character of UTF-8 text, which may be damaged. */
static pg_wchar
next_character(const char **at, const char *end)
{
	const unsigned char *c = (const unsigned char *) *at;
	int			length = c[0] < 0x80 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;

	if (length > end - *at)
		length = 1;
	*at += length;
	if (length == 1)
		return c[0];
	if (length == 2)
		return (c[0] & 0x1F) << 6 | (c[1] & 0x3F);
	if (length == 3)
		return (c[0] & 0x0F) << 12 | (c[1] & 0x3F) << 6 | (c[2] & 0x3F);
	return (c[0] & 0x07) << 18 | (c[1] & 0x3F) << 12 | (c[2] & 0x3F) << 6 | (c[3] & 0x3F);
}

/* Text as it is compared: without case, accents, blanks and dashes.  Returns the number of its characters, at most the space. */
static int
fold_text(const char *text, size_t size, pg_wchar *folded, int space)
{
	const char *at = text;
	int			count = 0;

	while (at < text + size && count < space)
	{
		pg_wchar	c = without_accent(next_character(&at, text + size));

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (c != 0 && !is_separator(c))
			folded[count++] = c;
	}
	return at < text + size ? space + 1 : count;
}

#define LONGEST 40				/* characters of a word */
#define MAX_READINGS 128

/* A spelling as it is compared, without its code; of a label of the type, the vocabulary is NULL. */
typedef struct Reading
{
	const char *vocabulary;
	const char *code;
	cs_status	status;
	int			count;
	pg_wchar	folded[LONGEST];
} Reading;

static Reading readings[MAX_READINGS];
static int	reading_count = 0;

static void
add_reading(const char *vocabulary, const char *code, cs_status status, const char *word, size_t size)
{
	Reading    *reading = &readings[reading_count++];

	Assert(reading_count <= MAX_READINGS);
	reading->vocabulary = vocabulary;
	reading->code = code;
	reading->status = status;
	reading->count = fold_text(word, size, reading->folded, LONGEST);
	Assert(reading->count > 0 && reading->count <= LONGEST);
	if (code && reading->count > 1 && reading->folded[0] == (pg_wchar) code[0])
		memmove(reading->folded, reading->folded + 1, --reading->count * sizeof(pg_wchar));
}

static void
make_readings(void)
{
	for (size_t i = 0; i < lengthof(vendor_words); i++)
	{
		const Word *row = &vendor_words[i];

		add_reading(row->vocabulary, row->code, row->status, row->word, strlen(row->word));
		for (const char *spelling = row->spellings; spelling != NULL;)
		{
			const char *end = strchr(spelling, '|');

			add_reading(row->vocabulary, row->code, row->status, spelling, end ? (size_t) (end - spelling) : strlen(spelling));
			spelling = end ? end + 1 : NULL;
		}
	}
	for (int s = 0; s < CS_STATUSES; s++)
		add_reading(NULL, NULL, s, cs_status_labels[s], strlen(cs_status_labels[s]));
}

/* A text as it is compared. */
typedef struct Given
{
	int			count;			/* more than LONGEST: no word */
	pg_wchar	folded[LONGEST];
} Given;

static void
read_text(text *word, Given *given)
{
	char	   *utf8 = pg_server_to_any(VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word), PG_UTF8);
	size_t		size = utf8 == VARDATA_ANY(word) ? VARSIZE_ANY_EXHDR(word) : strlen(utf8);

	if (reading_count == 0)
		make_readings();
	given->count = fold_text(utf8, size, given->folded, LONGEST);
}

/* Is the text this spelling, with or without the code before it, or the code alone? */
static bool
is_reading(const Given *given, const Reading *reading)
{
	int			skip = reading->code && given->count > 0 && given->folded[0] == (pg_wchar) reading->code[0] ? 1 : 0;

	if (skip == 1 && given->count == 1)
		return true;
	return (given->count == reading->count &&
			memcmp(given->folded, reading->folded, reading->count * sizeof(pg_wchar)) == 0) ||
		(skip == 1 && given->count - 1 == reading->count &&
		 memcmp(given->folded + 1, reading->folded, reading->count * sizeof(pg_wchar)) == 0);
}

/* The status that a word has in a vocabulary, or with NULL as a label of the type; NONE where it has no meaning there. */
static int
status_of_word(text *word, const char *vocabulary)
{
	Given		given;

	read_text(word, &given);
	for (int i = 0; i < reading_count; i++)
		if (readings[i].vocabulary == vocabulary && is_reading(&given, &readings[i]))
			return readings[i].status;
	return NONE;
}

/*
 * The status that a word has in every vocabulary that has the word; NONE where
 * two differ, and for a bare number, which differs between vocabularies.
 */
static int
status_everywhere(text *word)
{
	Given		given;
	int			found = NONE;
	const char *vocabulary = "";	/* of the last reading that matched */

	read_text(word, &given);
	if (given.count == 1 && given.folded[0] >= '0' && given.folded[0] <= '9')
		return NONE;
	for (int i = 0; i < reading_count; i++)
	{
		const Reading *reading = &readings[i];

		/* the first reading of a vocabulary decides */
		if (reading->vocabulary == vocabulary || !is_reading(&given, reading))
			continue;
		if (found != NONE && found != (int) reading->status)
			return NONE;
		found = reading->status;
		vocabulary = reading->vocabulary;
	}
	return found;
}

/* ---- functions ---- */

static cs_status
status_argument(FunctionCallInfo fcinfo)
{
	return cs_status_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 0), PG_GETARG_DATUM(0));
}

/* The row with the label of a status; NULL where the vocabulary has no word for it. */
static const Word *
row_of(cs_status status, const char *vocabulary)
{
	for (size_t i = 0; i < lengthof(vendor_words); i++)
		if (vendor_words[i].vocabulary == vocabulary && vendor_words[i].status == status)
			return &vendor_words[i];
	return NULL;
}

PG_FUNCTION_INFO_V1(cs_report_category);
Datum
cs_report_category(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(statuses[status_argument(fcinfo)].category));
}

/* color(status): the colour of the dot of a status. */
PG_FUNCTION_INFO_V1(cs_status_color);
Datum
cs_status_color(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(statuses[status_argument(fcinfo)].color));
}

/* color(status, vocabulary): the colour of the vendor's word for a status; null where it has none. */
PG_FUNCTION_INFO_V1(cs_color);
Datum
cs_color(PG_FUNCTION_ARGS)
{
	const char *vocabulary = vocabulary_argument(PG_GETARG_TEXT_PP(1));
	const Word *row = row_of(status_argument(fcinfo), vocabulary);

	if (row == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(statuses[status_of_word(text_of_word(row->word), vocabulary)].color));
}

/* label(status, vocabulary): the vendor's word for a status; null where it has none. */
PG_FUNCTION_INFO_V1(cs_label);
Datum
cs_label(PG_FUNCTION_ARGS)
{
	const Word *row = row_of(status_argument(fcinfo), vocabulary_argument(PG_GETARG_TEXT_PP(1)));

	if (row == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(text_of_word(row->word));
}

/* report_label(category, vocabulary): the word of a vendor's reports for a category; null where it has none. */
PG_FUNCTION_INFO_V1(cs_report_label);
Datum
cs_report_label(PG_FUNCTION_ARGS)
{
	char	   *category = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *vocabulary = vocabulary_argument(PG_GETARG_TEXT_PP(1));

	for (size_t i = 0; i < lengthof(report_words); i++)
		if (strcmp(report_words[i].category, category) == 0 && strcmp(report_words[i].vocabulary, vocabulary) == 0)
			PG_RETURN_TEXT_P(text_of_word(report_words[i].word));
	if (strcmp(category, "ok") != 0 && strcmp(category, "temporary_error") != 0 && strcmp(category, "permanent_error") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown report category \"%s\"", category),
				 errhint("The categories are ok, temporary_error, permanent_error.")));
	PG_RETURN_NULL();
}

/* from_label(label, vocabulary): raises 22023 where the vocabulary does not have the label. */
PG_FUNCTION_INFO_V1(cs_from_label);
Datum
cs_from_label(PG_FUNCTION_ARGS)
{
	text	   *label = PG_GETARG_TEXT_PP(0);
	const char *vocabulary = vocabulary_argument(PG_GETARG_TEXT_PP(1));
	int			status = status_of_word(label, vocabulary);
	StringInfoData known;

	if (status != NONE)
		PG_RETURN_DATUM(cs_status_datum(get_fn_expr_rettype(fcinfo->flinfo), status));
	initStringInfo(&known);
	for (size_t i = 0; i < lengthof(vendor_words); i++)
		if (vendor_words[i].vocabulary == vocabulary)
			appendStringInfo(&known, "%s%s", known.len ? ", " : "", text_to_cstring(text_of_word(vendor_words[i].word)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown label \"%s\" in vocabulary \"%s\"", text_to_cstring(label), vocabulary),
			 errhint("The labels are: %s.", known.data)));
}

/*
 * read_status(word, vocabulary): the status that a word has in a vocabulary or
 * as a label of the type; without a vocabulary, in every vocabulary that has the
 * word.  Null where there is none.
 */
PG_FUNCTION_INFO_V1(cs_read_status);
Datum
cs_read_status(PG_FUNCTION_ARGS)
{
	int			status;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	status = PG_ARGISNULL(1) ? status_everywhere(PG_GETARG_TEXT_PP(0)) :
		status_of_word(PG_GETARG_TEXT_PP(0), vocabulary_argument(PG_GETARG_TEXT_PP(1)));
	if (status == NONE && !PG_ARGISNULL(1))
		status = status_of_word(PG_GETARG_TEXT_PP(0), NULL);
	if (status == NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(cs_status_datum(get_fn_expr_rettype(fcinfo->flinfo), status));
}

/* vocabulary_words(): every row of the words, in the order in which they are read. */
PG_FUNCTION_INFO_V1(cs_vocabulary_words);
Datum
cs_vocabulary_words(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; i < lengthof(vendor_words); i++)
	{
		Datum		values[5] = {
			CStringGetTextDatum(vendor_words[i].vocabulary),
			cs_status_datum(TupleDescAttr(result->setDesc, 1)->atttypid, vendor_words[i].status),
			vendor_words[i].code ? CStringGetTextDatum(vendor_words[i].code) : (Datum) 0,
			PointerGetDatum(text_of_word(vendor_words[i].word)),
			vendor_words[i].spellings ? PointerGetDatum(text_of_word(vendor_words[i].spellings)) : (Datum) 0
		};
		bool		nulls[5] = {false, false, vendor_words[i].code == NULL, false, vendor_words[i].spellings == NULL};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
