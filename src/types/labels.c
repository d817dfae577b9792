/*
 * labels.c
 *		The labels of a status in the vocabularies of four vendors, its colour
 *		and its report category.
 *
 * A status without a label in a vocabulary has the label of the next more
 * restrictive status that has one.  If there is none, it has that of the next
 * less restrictive status.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "rules/rules.h"
#include "types/enums.h"

#define VOCABULARIES 4

static const char *const vocabularies[VOCABULARIES] = {
	"salesmanago", "activecampaign", "ecomail", "emailmanager"
};

/*
 * Labels of one status are separated by " / ".  The first is in the language of
 * the vendor, and is the one that label() returns.
 */
static const struct
{
	const char *category;
	const char *color;
	const char *words[VOCABULARIES];
}			statuses[CS_STATUSES] = {
	[CS_STATUS_ACTIVE] = {"ok", "green",
	{"opt-in", "iscritto / active", "aktivní", "0 Ativo"}},
	[CS_STATUS_SOFT_BOUNCED] = {"temporary_error", "yellow",
	{"opt-in", "iscritto / active", "aktivní (soft bounce)", "1 Ativo com erros"}},
	[CS_STATUS_UNRESPONSIVE] = {"ok", "blue",
	{NULL, NULL, NULL, "3 Não responde"}},
	[CS_STATUS_UNCONFIRMED] = {"ok", "orange",
	{"opt-out", "non confermato / unconfirmed", "nepotvrzené", NULL}},
	[CS_STATUS_SUSPENDED] = {"ok", "orange",
	{NULL, NULL, NULL, "4 Suspenso"}},
	[CS_STATUS_FAILING] = {"temporary_error", "dark grey",
	{NULL, NULL, NULL, "2 Com problemas"}},
	[CS_STATUS_HARD_BOUNCED] = {"permanent_error", "dark grey",
	{"hard bounce", "respinto / bounced", "odražené / hard bounce", "7 Inexistente"}},
	[CS_STATUS_UNSUBSCRIBED] = {"ok", "orange",
	{"opt-out", "cancellato / unsubscribed", "odhlášené", "5 Solicitou Remoção"}},
	[CS_STATUS_COMPLAINED] = {"ok", "red",
	{NULL, NULL, "spam stížnosti", "6 Denunciou Abuso"}},
	[CS_STATUS_DELETED] = {"ok", "black",
	{"usunięty / deleted", NULL, NULL, NULL}},
};

static int
vocabulary_number(text *vocabulary)
{
	char	   *name = text_to_cstring(vocabulary);

	for (int v = 0; v < VOCABULARIES; v++)
		if (strcmp(vocabularies[v], name) == 0)
			return v;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown vocabulary \"%s\"", name),
			 errhint("The vocabularies are salesmanago, activecampaign, ecomail and emailmanager.")));
}

static const char *
words_of(cs_status status, int vocabulary)
{
	for (int s = status; s < CS_STATUSES; s++)
		if (statuses[s].words[vocabulary] != NULL)
			return statuses[s].words[vocabulary];
	for (int s = status; s >= 0; s--)
		if (statuses[s].words[vocabulary] != NULL)
			return statuses[s].words[vocabulary];
	elog(ERROR, "vocabulary %d has no words", vocabulary);
	return NULL;				/* keep compiler quiet */
}

/* Is the label one of the words, or the whole list of them? */
static bool
is_one_of(const char *label, const char *words)
{
	const char *word = words;

	if (pg_strcasecmp(label, words) == 0)
		return true;
	while (word != NULL)
	{
		const char *end = strstr(word, " / ");
		size_t		size = end ? (size_t) (end - word) : strlen(word);

		if (strlen(label) == size && pg_strncasecmp(label, word, size) == 0)
			return true;
		/* a label of emailmanager is a number and a name: accept either of the two */
		if (isdigit((unsigned char) word[0]) &&
			((label[0] == word[0] && label[1] == '\0') || pg_strcasecmp(label, word + 2) == 0))
			return true;
		word = end ? end + 3 : NULL;
	}
	return false;
}

static cs_status
status_argument(FunctionCallInfo fcinfo)
{
	return cs_status_of_datum(get_fn_expr_argtype(fcinfo->flinfo, 0), PG_GETARG_DATUM(0));
}

PG_FUNCTION_INFO_V1(cs_report_category);
Datum
cs_report_category(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(statuses[status_argument(fcinfo)].category));
}

PG_FUNCTION_INFO_V1(cs_color);
Datum
cs_color(PG_FUNCTION_ARGS)
{
	/* the colour is the same in all vocabularies, but an unknown one is an error */
	vocabulary_number(PG_GETARG_TEXT_PP(1));
	PG_RETURN_TEXT_P(cstring_to_text(statuses[status_argument(fcinfo)].color));
}

PG_FUNCTION_INFO_V1(cs_label);
Datum
cs_label(PG_FUNCTION_ARGS)
{
	const char *words = words_of(status_argument(fcinfo), vocabulary_number(PG_GETARG_TEXT_PP(1)));
	const char *end = strstr(words, " / ");

	PG_RETURN_TEXT_P(cstring_to_text_with_len(words, end ? (size_t) (end - words) : strlen(words)));
}

PG_FUNCTION_INFO_V1(cs_from_label);
Datum
cs_from_label(PG_FUNCTION_ARGS)
{
	char	   *label = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			vocabulary = vocabulary_number(PG_GETARG_TEXT_PP(1));
	StringInfoData known;

	/* if several statuses have the label, return the most restrictive one */
	for (int s = CS_STATUSES - 1; s >= 0; s--)
	{
		const char *words = statuses[s].words[vocabulary];

		if (words != NULL && is_one_of(label, words))
			PG_RETURN_DATUM(cs_status_datum(get_fn_expr_rettype(fcinfo->flinfo), s));
	}

	initStringInfo(&known);
	for (int s = 0; s < CS_STATUSES; s++)
	{
		const char *words = statuses[s].words[vocabulary];

		if (words != NULL && (known.len == 0 || strstr(known.data, words) == NULL))
			appendStringInfo(&known, "%s%s", known.len ? ", " : "", words);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown label \"%s\" in vocabulary \"%s\"", label, vocabularies[vocabulary]),
			 errhint("The labels are: %s.", known.data)));
}
