/* SPDX-License-Identifier: Apache-2.0 */
/* The schema is the business of the callers; here only the grammar. */
#include "writers/json.h"

#include "writers/text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

void hst_json_begin(struct hst_json *json, FILE *out)
{
	*json = (struct hst_json){ .out = out };
}

void hst_json_finish(struct hst_json *json)
{
	assert(json->depth == 0);
	fputc('\n', json->out);
}

/* Writes text without control bytes; `count` of them in one call. */
static void put(FILE *out, const char *text, size_t count)
{
	(void)fwrite(text, 1, count, out);
}

static void quote_character(FILE *out, uint32_t character, const char *text, size_t bytes)
{
	switch (character) {
	case '"':
	case '\\':
		fprintf(out, "\\%c", (int)character);
		break;
	case '\n':
		fputs("\\n", out);
		break;
	case '\r':
		fputs("\\r", out);
		break;
	case '\t':
		fputs("\\t", out);
		break;
	default:
		/* DEL and C1 are allowed in JSON, but not on a terminal that shows it. */
		if (character < 0x20 || (character >= 0x7f && character < 0xa0)) {
			fprintf(out, "\\u%04" PRIx32, character);
		} else {
			put(out, text, bytes);
		}
		break;
	}
}

void hst_json_quote(FILE *out, const char *text)
{
	uint32_t character;
	bool valid;
	size_t bytes;

	fputc('"', out);
	while ((bytes = hst_text_next(text, &character, &valid)) != 0) {
		if (valid) {
			quote_character(out, character, text, bytes);
		} else {
			fputs("\\ufffd", out);
		}
		text += bytes;
	}
	fputc('"', out);
}

/* Comma, line and key before a value. */
static void before(struct hst_json *json, const char *key)
{
	uint32_t level;

	if (json->depth == 0) {
		return;
	}
	level = json->depth - 1;
	if (json->any[level]) {
		fputc(',', json->out);
	}
	json->any[level] = true;
	if (!json->compact[level]) {
		fprintf(json->out, "\n%*s", (int)(json->depth * 2), "");
	}
	assert((key == NULL) == json->array[level]);
	if (key != NULL) {
		hst_json_quote(json->out, key);
		fputc(':', json->out);
		if (!json->compact[level]) {
			fputc(' ', json->out);
		}
	}
}

static void open_level(struct hst_json *json, const char *key, bool array, bool compact)
{
	before(json, key);
	assert(json->depth < HST_JSON_DEPTH);
	json->compact[json->depth] = compact || (json->depth > 0 && json->compact[json->depth - 1]);
	json->array[json->depth] = array;
	json->any[json->depth] = false;
	json->depth++;
	fputc(array ? '[' : '{', json->out);
}

void hst_json_object(struct hst_json *json, const char *key)
{
	open_level(json, key, false, false);
}

void hst_json_array(struct hst_json *json, const char *key)
{
	open_level(json, key, true, false);
}

void hst_json_row(struct hst_json *json, const char *key)
{
	open_level(json, key, false, true);
}

void hst_json_list(struct hst_json *json, const char *key)
{
	open_level(json, key, true, true);
}

void hst_json_end(struct hst_json *json)
{
	assert(json->depth > 0);
	json->depth--;
	if (json->any[json->depth] && !json->compact[json->depth]) {
		fprintf(json->out, "\n%*s", (int)(json->depth * 2), "");
	}
	fputc(json->array[json->depth] ? ']' : '}', json->out);
}

void hst_json_string(struct hst_json *json, const char *key, const char *text)
{
	if (text == NULL) {
		hst_json_null(json, key);
		return;
	}
	before(json, key);
	hst_json_quote(json->out, text);
}

void hst_json_u64(struct hst_json *json, const char *key, uint64_t value)
{
	before(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void hst_json_i64(struct hst_json *json, const char *key, int64_t value)
{
	before(json, key);
	fprintf(json->out, "%" PRId64, value);
}

void hst_json_double(struct hst_json *json, const char *key, double value, int decimals)
{
	if (!isfinite(value)) {
		hst_json_null(json, key);
		return;
	}
	before(json, key);
	fprintf(json->out, "%.*f", decimals, value);
}

void hst_json_bool(struct hst_json *json, const char *key, bool value)
{
	before(json, key);
	fputs(value ? "true" : "false", json->out);
}

void hst_json_null(struct hst_json *json, const char *key)
{
	before(json, key);
	fputs("null", json->out);
}
