/*
 * classify_reply.c
 *		classify_reply(), bounce_kind() and reply_rules(): the rules of
 *		src/replies in SQL.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/classify_reply.h"
#include "replies/replies.h"
#include "rules/rules.h"
#include "types/enums.h"

#define REPLY_COLUMNS 6

/* The automaton of this session, built by the first call. */
static cs_matcher *matcher;
static MemoryContext matcher_context;

static void *
allocate(size_t size)
{
	return MemoryContextAllocHuge(matcher_context, size);
}

static const cs_matcher *
get_matcher(void)
{
	if (matcher == NULL)
	{
		/* a build that failed left its memory here */
		if (matcher_context != NULL)
			MemoryContextReset(matcher_context);
		else
			matcher_context = AllocSetContextCreate(TopMemoryContext, "contact_status replies", ALLOCSET_DEFAULT_SIZES);
		matcher = cs_build_matcher(allocate, pfree);
	}
	return matcher;
}

/* Classifies a text of the database's encoding.  Text that has no form in UTF-8 is read as Latin-1. */
static cs_reply
classify(text *reply)
{
	const char *data = VARDATA_ANY(reply);
	int			size = VARSIZE_ANY_EXHDR(reply);
	int			encoding = GetDatabaseEncoding();
	Oid			conversion = InvalidOid;
	unsigned char *converted;
	Size		space = (Size) size * MAX_CONVERSION_GROWTH + 1;
	cs_reply	result;

	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
		conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion) || space > INT_MAX)
		return cs_classify_reply(get_matcher(), data, size);
	converted = MemoryContextAllocHuge(CurrentMemoryContext, space);
	if (pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, (unsigned char *) unconstify(char *, data), size,
									  converted, (int) space, true) == size)
		result = cs_classify_reply(get_matcher(), (char *) converted, strlen((char *) converted));
	else
		result = cs_classify_reply(get_matcher(), data, size);
	pfree(converted);
	return result;
}

const char *
cs_kind_of_reply(text *reply)
{
	return classify(reply).kind;
}

/* Stores the label of a kind as a value of the enum type. */
static void
set_kind(Oid type, const char *label, Datum *value, bool *null)
{
	*null = label == NULL;
	for (int kind = 0; label != NULL && kind < CS_KINDS; kind++)
		if (strcmp(cs_kind_labels[kind], label) == 0)
			*value = cs_kind_datum(type, kind);
}

static void
set_text(const char *string, Datum *value, bool *null)
{
	*null = string == NULL;
	if (string != NULL)
		*value = CStringGetTextDatum(string);
}

/* Returns the row type of the result, which is looked up once for each query. */
static TupleDesc
result_type(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		TupleDesc	desc;

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		fcinfo->flinfo->fn_extra = BlessTupleDesc(CreateTupleDescCopy(desc));
		MemoryContextSwitchTo(before);
	}
	return fcinfo->flinfo->fn_extra;
}

/* classify_reply(reply): kind, reason, scope, codes and rule.  Raises no error. */
PG_FUNCTION_INFO_V1(cs_classify_reply_row);
Datum
cs_classify_reply_row(PG_FUNCTION_ARGS)
{
	cs_reply	reply = classify(PG_GETARG_TEXT_PP(0));
	TupleDesc	desc = result_type(fcinfo);
	Datum		values[REPLY_COLUMNS];
	bool		nulls[REPLY_COLUMNS];
	const int  *code = reply.enhanced_code;

	set_kind(TupleDescAttr(desc, 0)->atttypid, reply.kind, &values[0], &nulls[0]);
	set_text(reply.reason, &values[1], &nulls[1]);
	set_text(reply.scope, &values[2], &nulls[2]);
	values[3] = Int32GetDatum(reply.smtp_code);
	nulls[3] = reply.smtp_code == 0;
	set_text(code[0] != 0 ? psprintf("%d.%d.%d", code[0], code[1], code[2]) : NULL, &values[4], &nulls[4]);
	set_text(reply.rule, &values[5], &nulls[5]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* bounce_kind(reply): the kind alone, or null. */
PG_FUNCTION_INFO_V1(cs_bounce_kind);
Datum
cs_bounce_kind(PG_FUNCTION_ARGS)
{
	cs_reply	reply = classify(PG_GETARG_TEXT_PP(0));
	Datum		kind = (Datum) 0;
	bool		null;

	set_kind(get_fn_expr_rettype(fcinfo->flinfo), reply.kind, &kind, &null);
	if (null)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kind);
}

/* reply_rules(): the rules, those of words before those of codes. */
PG_FUNCTION_INFO_V1(cs_reply_rules);
Datum
cs_reply_rules(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	cs_reply_rule_text rule;

	InitMaterializedSRF(fcinfo, 0);
	for (int n = 0; cs_describe_reply_rule(n, &rule); n++)
	{
		Datum		values[REPLY_COLUMNS];
		bool		nulls[REPLY_COLUMNS];

		set_text(rule.name, &values[0], &nulls[0]);
		set_text(rule.reason, &values[1], &nulls[1]);
		set_kind(TupleDescAttr(result->setDesc, 2)->atttypid, rule.kind, &values[2], &nulls[2]);
		set_text(rule.scope, &values[3], &nulls[3]);
		set_text(rule.evidence, &values[4], &nulls[4]);
		set_text(rule.source, &values[5], &nulls[5]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
