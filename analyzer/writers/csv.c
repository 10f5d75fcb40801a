/* SPDX-License-Identifier: Apache-2.0 */
/* Names are foreign text: a spreadsheet shall show them, not run them. */
#include "writers/csv.h"

#include "writers/text.h"

#include <inttypes.h>
#include <string.h>

static void comma(struct hst_csv *csv)
{
	if (csv->any) {
		fputc(',', csv->out);
	}
	csv->any = true;
}

/* One character with quotes doubled, control bytes replaced. */
static void put(FILE *out, uint32_t character, const char *text, size_t bytes)
{
	if (character == '"') {
		fputs("\"\"", out);
	} else if (character < 0x20 || (character >= 0x7f && character < 0xa0)) {
		fputc('?', out);
	} else {
		(void)fwrite(text, 1, bytes, out);
	}
}

void hst_csv_string(struct hst_csv *csv, const char *text)
{
	bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
	bool quoted = formula || strpbrk(text, ",\"") != NULL;
	uint32_t character;
	bool valid;
	size_t bytes;

	comma(csv);
	if (quoted) {
		fputs(formula ? "\"'" : "\"", csv->out);
	}
	while ((bytes = hst_text_next(text, &character, &valid)) != 0) {
		put(csv->out, character, valid ? text : "\xef\xbf\xbd", valid ? bytes : 3);
		text += bytes;
	}
	if (quoted) {
		fputc('"', csv->out);
	}
}

void hst_csv_u64(struct hst_csv *csv, uint64_t value)
{
	comma(csv);
	fprintf(csv->out, "%" PRIu64, value);
}

void hst_csv_i64(struct hst_csv *csv, int64_t value)
{
	comma(csv);
	fprintf(csv->out, "%" PRId64, value);
}

void hst_csv_empty(struct hst_csv *csv)
{
	comma(csv);
}

void hst_csv_line(struct hst_csv *csv)
{
	fputs("\r\n", csv->out);
	csv->any = false;
}
