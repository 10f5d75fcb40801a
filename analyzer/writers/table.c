/* SPDX-License-Identifier: Apache-2.0 */
/* Holds all cells (callers print the top rows only), fits them, and lets libsmartcols align them. */
#include "writers/table.h"

#include "util/arena.h"
#include "util/vec.h"
#include "writers/text.h"

#include <libsmartcols.h>
#include <string.h>

#define COLUMNS_MAX 32u
#define CELL_BYTES  1024u
#define FLEX_LEAST  12u

struct column {
	char *name;
	unsigned flags;
	size_t width;
};

struct hst_table {
	struct hst_arena arena;
	struct column columns[COLUMNS_MAX];
	size_t column_count;
	HST_VEC(char *) cells; /* row by row */
	size_t filled;         /* of the last row */
	bool failed;
};

struct hst_table *hst_table_create(void)
{
	return calloc(1, sizeof(struct hst_table));
}

void hst_table_destroy(struct hst_table *table)
{
	if (table == NULL) {
		return;
	}
	hst_vec_finish(&table->cells);
	hst_arena_finish(&table->arena);
	free(table);
}

void hst_table_column(struct hst_table *table, const char *name, unsigned flags)
{
	struct column *column = &table->columns[table->column_count];

	if (table->column_count == COLUMNS_MAX) {
		table->failed = true;
		return;
	}
	column->name = hst_arena_string(&table->arena, name);
	column->flags = flags;
	table->failed |= column->name == NULL;
	table->column_count++;
}

void hst_table_row(struct hst_table *table)
{
	for (size_t i = 0; i < table->column_count; i++) {
		table->failed |= !hst_vec_push(&table->cells, NULL);
	}
	table->filled = 0;
}

void hst_table_cell(struct hst_table *table, const char *text)
{
	char clean[CELL_BYTES];
	char *copy;

	(void)hst_text_clean(clean, sizeof clean, text);
	copy = hst_arena_string(&table->arena, clean);
	table->failed |= copy == NULL;
	if (table->failed || table->filled == table->column_count) {
		return;
	}
	table->cells.items[table->cells.count - table->column_count + table->filled++] = copy;
}

static void measure(struct hst_table *table)
{
	for (size_t i = 0; i < table->column_count; i++) {
		table->columns[i].width = hst_text_width(table->columns[i].name);
	}
	for (size_t i = 0; i < table->cells.count; i++) {
		struct column *column = &table->columns[i % table->column_count];
		size_t width =
			table->cells.items[i] == NULL ? 0 : hst_text_width(table->cells.items[i]);

		column->width = width > column->width ? width : column->width;
	}
}

/* Takes columns from the widest flexible one until the line fits, or nothing more can be taken. */
static void fit(struct hst_table *table, size_t width)
{
	size_t have = table->column_count - 1;

	for (size_t i = 0; i < table->column_count; i++) {
		have += table->columns[i].width;
	}
	while (have > width) {
		struct column *widest = NULL;

		for (size_t i = 0; i < table->column_count; i++) {
			struct column *column = &table->columns[i];

			if ((column->flags & HST_COLUMN_FLEX) != 0 && column->width > FLEX_LEAST &&
				(widest == NULL || column->width > widest->width)) {
				widest = column;
			}
		}
		if (widest == NULL) {
			return;
		}
		widest->width--;
		have--;
	}
}

static bool fill(struct hst_table *table, struct libscols_table *scols, bool utf8)
{
	for (size_t i = 0; i < table->column_count; i++) {
		int flags = (table->columns[i].flags & HST_COLUMN_RIGHT) != 0 ? SCOLS_FL_RIGHT : 0;

		if (scols_table_new_column(scols, table->columns[i].name,
			    (double)table->columns[i].width, flags) == NULL) {
			return false;
		}
	}
	for (size_t i = 0; i < table->cells.count; i += table->column_count) {
		struct libscols_line *line = scols_table_new_line(scols, NULL);

		for (size_t c = 0; line != NULL && c < table->column_count; c++) {
			char *text = table->cells.items[i + c];

			if (text != NULL && (table->columns[c].flags & HST_COLUMN_FLEX) != 0) {
				hst_text_cut(text, table->columns[c].width, utf8);
			}
			if (text != NULL && scols_line_set_data(line, c, text) != 0) {
				return false;
			}
		}
		if (line == NULL) {
			return false;
		}
	}
	return true;
}

/* Bold headings; a cell's colour says nothing that its text does not say. */
static void paint(struct libscols_table *scols, size_t columns)
{
	(void)scols_table_enable_colors(scols, 1);
	for (size_t i = 0; i < columns; i++) {
		struct libscols_column *column = scols_table_get_column(scols, i);

		(void)scols_cell_set_color(scols_column_get_header(column), "bold");
	}
}

static bool print(struct libscols_table *scols, FILE *out)
{
	char *text = NULL;
	bool printed;

	/* It was fitted before: libsmartcols shall cut nothing. */
	(void)scols_table_set_termforce(scols, SCOLS_TERMFORCE_NEVER);
	(void)scols_table_enable_nowrap(scols, 1);
	printed = scols_print_table_to_string(scols, &text) == 0 && text != NULL;
	if (printed) {
		fputs(text, out);
		if (text[0] != '\0' && text[strlen(text) - 1] != '\n') {
			fputc('\n', out);
		}
	}
	free(text);
	return printed;
}

enum hst_status hst_table_print(
	struct hst_table *table, FILE *out, const struct hst_table_style *style)
{
	struct libscols_table *scols;
	bool done;

	if (table->failed || table->column_count == 0) {
		return HST_E_MEMORY;
	}
	measure(table);
	if (style->width != 0) {
		fit(table, style->width);
	}
	scols = scols_new_table();
	done = scols != NULL && fill(table, scols, style->utf8);
	if (done && style->color) {
		paint(scols, table->column_count);
	}
	done = done && print(scols, out);
	scols_unref_table(scols);
	return done ? HST_OK : HST_E_MEMORY;
}

const char *hst_table_library(void)
{
	const char *version = NULL;

	(void)scols_get_library_version(&version);
	return version == NULL ? "unknown" : version;
}
