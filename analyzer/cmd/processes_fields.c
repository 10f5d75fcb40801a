/* SPDX-License-Identifier: Apache-2.0 */
/* One description of a field, four forms of it: cell, CSV, JSON, order. Knows nothing of processes. */
#include "cmd/processes_fields.h"

#include "hasten/journal.h"
#include "util/vec.h"
#include "writers/text.h"
#include "writers/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES  4096
#define NAMES_BYTES 640
#define FLEX_LEAST  12u /* as writers/table.c has it */

struct hst_figure hst_field_get(
	const struct hst_fields *fields, const struct hst_field *field, const void *row)
{
	struct hst_figure figure = { 0 };

	if (field->get != NULL) {
		return field->get(fields->context, row);
	}
	figure.value = *(const uint64_t *)(const void *)((const char *)row + field->at);
	figure.known = figure.value != HST_JOURNAL_UNKNOWN;
	return figure;
}

static double part(const struct hst_figure *figure)
{
	return figure->whole == 0 ? 0 : 100.0 * (double)figure->value / (double)figure->whole;
}

static void number_cell(
	const struct hst_field *field, const struct hst_figure *figure, char text[HST_UNITS_BYTES])
{
	switch (field->kind) {
	case HST_FIGURE_NS:
		hst_units_ns(text, (double)figure->value);
		break;
	case HST_FIGURE_BYTES:
		hst_units_bytes(text, figure->value);
		break;
	case HST_FIGURE_PERCENT:
		hst_units_percent(text, (double)figure->value, (double)figure->whole);
		break;
	case HST_FIGURE_SIGNED:
		(void)snprintf(text, HST_UNITS_BYTES, "%" PRId64, (int64_t)figure->value);
		break;
	case HST_FIGURE_RATIO:
		(void)snprintf(text, HST_UNITS_BYTES, "%.2f", figure->number);
		break;
	case HST_FIGURE_BOOL:
		(void)snprintf(text, HST_UNITS_BYTES, "%s", figure->value != 0 ? "yes" : "no");
		break;
	case HST_FIGURE_TEXT:
	case HST_FIGURE_TEXTS:
	case HST_FIGURE_COUNT:
	default:
		hst_units_count(text, figure->value);
		break;
	}
}

void hst_field_cell(const struct hst_fields *fields, const struct hst_field *field, const void *row,
	char buffer[HST_FIELD_CELL])
{
	struct hst_figure figure = hst_field_get(fields, field, row);
	bool texts = field->kind == HST_FIGURE_TEXTS;
	char text[HST_UNITS_BYTES];

	buffer[0] = '\0';
	if (!figure.known) {
		(void)snprintf(buffer, HST_FIELD_CELL, "-");
	} else if (texts) {
		(void)hst_command_line(buffer, HST_FIELD_CELL, figure.texts, figure.count);
	} else if (field->kind == HST_FIGURE_TEXT) {
		(void)snprintf(buffer, HST_FIELD_CELL, "%s%s", figure.doubt ? "~" : "",
			figure.text == NULL ? "" : figure.text);
	} else if (figure.value != 0 || (field->flags & HST_FIELD_ZERO_EMPTY) == 0) {
		number_cell(field, &figure, text);
		(void)snprintf(buffer, HST_FIELD_CELL, "%s%s", figure.doubt ? "~" : "", text);
	}
}

/* Columns. */

const struct hst_field *hst_fields_find(
	const struct hst_fields *fields, const char *column, size_t length)
{
	for (size_t i = 0; i < fields->count; i++) {
		const char *name = fields->items[i].column;

		if (name != NULL && strlen(name) == length && strncmp(name, column, length) == 0) {
			return &fields->items[i];
		}
	}
	return NULL;
}

static enum hst_status no_column(
	const struct hst_fields *fields, const char *name, size_t length, struct hst_diag *diag)
{
	char names[NAMES_BYTES] = "";
	size_t used = 0;

	for (size_t i = 0; i < fields->count && used < sizeof names; i++) {
		if (fields->items[i].column != NULL) {
			used += (size_t)snprintf(
				names + used, sizeof names - used, " %s", fields->items[i].column);
		}
	}
	return hst_diag_set(diag, HST_E_USAGE,
		"this table has no column '%.*s'; its columns are:%s", (int)length, name, names);
}

static enum hst_status parse_columns(const struct hst_fields *fields, const char *text,
	struct hst_field_choice *choice, struct hst_diag *diag)
{
	while (*text != '\0') {
		size_t length = strcspn(text, ",");
		size_t plus = text[0] == '+';
		const struct hst_field *field = hst_fields_find(fields, text + plus, length - plus);

		if (field == NULL) {
			return no_column(fields, text + plus, length - plus, diag);
		}
		if (choice->count < HST_FIELDS_MAX) {
			choice->items[choice->count++] = field;
		}
		text += length + (text[length] == ',');
	}
	return HST_OK;
}

enum hst_status hst_fields_choose(const struct hst_fields *fields, const char *asked,
	const char *defaults, struct hst_field_choice *ret_choice, struct hst_diag *diag)
{
	*ret_choice = (struct hst_field_choice){ .fixed = asked != NULL };
	if (asked == NULL || asked[0] == '+') {
		HST_TRY(parse_columns(fields, defaults, ret_choice, diag));
	}
	if (asked != NULL) {
		HST_TRY(parse_columns(fields, asked, ret_choice, diag));
	}
	return ret_choice->count != 0
		       ? HST_OK
		       : hst_diag_set(diag, HST_E_USAGE, "-c needs the name of a column");
}

/* Rows and their order. */

enum hst_status hst_field_rows_of(
	const void *rows, size_t count, size_t bytes, struct hst_field_rows *ret_rows)
{
	*ret_rows = (struct hst_field_rows){ 0 };
	if (!hst_vec_reserve(ret_rows, count)) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		ret_rows->items[ret_rows->count++] = (const char *)rows + i * bytes;
	}
	return HST_OK;
}

void hst_field_rows_finish(struct hst_field_rows *rows)
{
	free((void *)rows->items);
	*rows = (struct hst_field_rows){ 0 };
}

struct sorting {
	const struct hst_fields *fields;
	const struct hst_field *field;
	bool reverse;
};

static int compare_texts(const struct sorting *sorting, const void *a, const void *b)
{
	char x[HST_FIELD_CELL];
	char y[HST_FIELD_CELL];

	hst_field_cell(sorting->fields, sorting->field, a, x);
	hst_field_cell(sorting->fields, sorting->field, b, y);
	return strcmp(x, y);
}

static int compare_numbers(
	const struct sorting *sorting, const struct hst_figure *a, const struct hst_figure *b)
{
	enum hst_figure_kind kind = sorting->field->kind;
	int order;

	if (kind == HST_FIGURE_PERCENT || kind == HST_FIGURE_RATIO) {
		double x = kind == HST_FIGURE_RATIO ? a->number : part(a);
		double y = kind == HST_FIGURE_RATIO ? b->number : part(b);

		order = (x < y) - (x > y);
	} else if (kind == HST_FIGURE_SIGNED) {
		order = ((int64_t)a->value < (int64_t)b->value) -
			((int64_t)a->value > (int64_t)b->value);
	} else {
		order = (a->value < b->value) - (a->value > b->value);
	}
	return (sorting->field->flags & HST_FIELD_ASCENDING) != 0 ? -order : order;
}

/* What is not known stands last, also the other way round. */
static int compare(const void *left, const void *right, void *context)
{
	const struct sorting *sorting = context;
	const void *a = *(const void *const *)left;
	const void *b = *(const void *const *)right;
	struct hst_figure x = hst_field_get(sorting->fields, sorting->field, a);
	struct hst_figure y = hst_field_get(sorting->fields, sorting->field, b);
	int order;

	if (x.known != y.known) {
		return x.known ? -1 : 1;
	}
	if (sorting->field->kind == HST_FIGURE_TEXT || sorting->field->kind == HST_FIGURE_TEXTS) {
		order = compare_texts(sorting, a, b);
	} else {
		order = compare_numbers(sorting, &x, &y);
	}
	order = sorting->reverse ? -order : order;
	return order != 0 ? order : ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

enum hst_status hst_fields_sort(const struct hst_fields *fields, const char *column, bool reverse,
	struct hst_field_rows *rows, struct hst_diag *diag)
{
	struct sorting sorting = { fields, hst_fields_find(fields, column, strlen(column)),
		reverse };

	if (sorting.field == NULL) {
		return no_column(fields, column, strlen(column), diag);
	}
	if (rows->count != 0) {
		qsort_r((void *)rows->items, rows->count, sizeof *rows->items, compare, &sorting);
	}
	return HST_OK;
}

/* The forms. */

/* Width of a column in a table of these rows; of what can be cut, what it has at least. */
static size_t width_of(const struct hst_fields *fields, const struct hst_field *field,
	const struct hst_field_rows *rows, size_t limit)
{
	size_t widest = hst_text_width(field->title);
	char text[HST_FIELD_CELL];

	for (size_t i = 0; i < rows->count && i < limit; i++) {
		size_t width;

		hst_field_cell(fields, field, rows->items[i], text);
		width = hst_text_width(text);
		widest = width > widest ? width : widest;
		if ((field->flags & HST_COLUMN_FLEX) != 0 && widest >= FLEX_LEAST) {
			return FLEX_LEAST;
		}
	}
	return widest;
}

/* Leaves spare columns out, the last ones first, until a line has room; writes their names to `gone`. */
static void drop(const struct hst_fields *fields, struct hst_field_choice *choice,
	const struct hst_field_rows *rows, size_t limit, size_t room, char gone[NAMES_BYTES])
{
	size_t widths[HST_FIELDS_MAX];
	size_t have = choice->count - 1;
	size_t used = 0;

	for (size_t c = 0; c < choice->count; c++) {
		widths[c] = width_of(fields, choice->items[c], rows, limit);
		have += widths[c];
	}
	for (size_t c = choice->count; have > room && c-- > 0;) {
		if ((choice->items[c]->flags & HST_FIELD_SPARE) == 0) {
			continue;
		}
		used += (size_t)snprintf(gone + used, NAMES_BYTES - used, "%s%s",
			used == 0 ? "" : ",", choice->items[c]->column);
		have -= widths[c] + 1;
		choice->count--;
		memmove(choice->items + c, choice->items + c + 1,
			(choice->count - c) * sizeof choice->items[0]);
	}
}

static enum hst_status print_cells(const struct hst_fields *fields,
	const struct hst_field_choice *choice, const struct hst_field_rows *rows, size_t limit,
	const struct hst_table_style *style)
{
	struct hst_table *table = hst_table_create();
	char text[HST_FIELD_CELL];
	enum hst_status status;

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t c = 0; c < choice->count; c++) {
		hst_table_column(table, choice->items[c]->title,
			choice->items[c]->flags & (HST_COLUMN_RIGHT | HST_COLUMN_FLEX));
	}
	for (size_t i = 0; i < rows->count && i < limit; i++) {
		hst_table_row(table);
		for (size_t c = 0; c < choice->count; c++) {
			hst_field_cell(fields, choice->items[c], rows->items[i], text);
			hst_table_cell(table, text);
		}
	}
	status = hst_table_print(table, stdout, style);
	hst_table_destroy(table);
	return status;
}

enum hst_status hst_fields_print(const struct hst_fields *fields,
	const struct hst_field_choice *choice, const struct hst_field_rows *rows, size_t limit,
	const struct hst_table_style *style)
{
	struct hst_field_choice shown = *choice;
	char gone[NAMES_BYTES] = "";

	if (!choice->fixed && style->width != 0) {
		drop(fields, &shown, rows, limit, style->width, gone);
	}
	HST_TRY(print_cells(fields, &shown, rows, limit, style));
	if (limit < rows->count) {
		hst_print_line("[%zu other%s] -n 0 shows all", rows->count - limit,
			rows->count - limit == 1 ? "" : "s");
	}
	if (gone[0] != '\0') {
		hst_print_line("no room for the columns %s: -w shows them", gone);
	}
	return HST_OK;
}

/* A number for programs: the same in CSV and JSON. */
static void plain_number(
	char text[HST_UNITS_BYTES], const struct hst_field *field, const struct hst_figure *figure)
{
	(void)snprintf(text, HST_UNITS_BYTES, "%.4f",
		field->kind == HST_FIGURE_RATIO ? figure->number : part(figure));
}

static void csv_field(struct hst_csv *csv, const struct hst_fields *fields,
	const struct hst_field *field, const void *row, char *buffer)
{
	struct hst_figure figure = hst_field_get(fields, field, row);

	if (!figure.known) {
		hst_csv_empty(csv);
	} else if (field->kind == HST_FIGURE_TEXT) {
		hst_csv_string(csv, figure.text == NULL ? "" : figure.text);
	} else if (field->kind == HST_FIGURE_TEXTS) {
		(void)hst_command_line(buffer, LINE_BYTES, figure.texts, figure.count);
		hst_csv_string(csv, buffer);
	} else if (field->kind == HST_FIGURE_SIGNED && (int64_t)figure.value < 0) {
		(void)snprintf(buffer, LINE_BYTES, "%" PRId64, (int64_t)figure.value);
		hst_csv_empty(csv);
		fputs(buffer, csv->out);
	} else if (field->kind == HST_FIGURE_PERCENT || field->kind == HST_FIGURE_RATIO) {
		plain_number(buffer, field, &figure);
		hst_csv_string(csv, buffer);
	} else {
		hst_csv_u64(csv, figure.value);
	}
}

/* The field of that name in CSV, NULL if there is none. */
static const struct hst_field *named(const struct hst_fields *fields, const char *name)
{
	for (size_t f = 0; f < fields->count; f++) {
		if (fields->items[f].name != NULL && strcmp(fields->items[f].name, name) == 0) {
			return &fields->items[f];
		}
	}
	return NULL;
}

/* Calls `each` for every name, in the order in which the parts have them. */
static void each_name(const struct hst_field_part *parts, size_t count,
	void (*each)(void *context, const char *name), void *context)
{
	for (size_t i = 0; i < count; i++) {
		const struct hst_fields *fields = &parts[i].fields;

		for (size_t f = 0; f < fields->count; f++) {
			const char *name = fields->items[f].name;
			bool before = name == NULL;

			for (size_t p = 0; p < i && !before; p++) {
				before = named(&parts[p].fields, name) != NULL;
			}
			if (!before) {
				each(context, name);
			}
		}
	}
}

struct csv_line {
	struct hst_csv csv;
	const struct hst_fields *fields;
	const void *row; /* NULL: the head */
	char buffer[LINE_BYTES];
};

static void csv_cell(void *context, const char *name)
{
	struct csv_line *line = context;
	const struct hst_field *field = line->row == NULL ? NULL : named(line->fields, name);

	if (line->row == NULL) {
		hst_csv_string(&line->csv, name);
	} else if (field == NULL) {
		hst_csv_empty(&line->csv);
	} else {
		csv_field(&line->csv, line->fields, field, line->row, line->buffer);
	}
}

void hst_fields_csv(const struct hst_field_part *parts, size_t count)
{
	struct csv_line line = { .csv = { .out = stdout } };

	each_name(parts, count, csv_cell, &line);
	hst_csv_line(&line.csv);
	for (size_t i = 0; i < count; i++) {
		line.fields = &parts[i].fields;
		for (size_t r = 0; r < parts[i].rows.count && r < parts[i].limit; r++) {
			line.row = parts[i].rows.items[r];
			each_name(parts, count, csv_cell, &line);
			hst_csv_line(&line.csv);
		}
	}
}

static void json_texts(struct hst_json *json, const char *name, const struct hst_figure *figure)
{
	hst_json_list(json, name);
	for (size_t i = 0; i < figure->count; i++) {
		hst_json_string(json, NULL, figure->texts[i]);
	}
	hst_json_end(json);
}

static void json_field(struct hst_json *json, const struct hst_fields *fields,
	const struct hst_field *field, const void *row)
{
	struct hst_figure figure = hst_field_get(fields, field, row);

	if (!figure.known) {
		hst_json_null(json, field->name);
		return;
	}
	switch (field->kind) {
	case HST_FIGURE_TEXT:
		hst_json_string(json, field->name, figure.text);
		break;
	case HST_FIGURE_TEXTS:
		json_texts(json, field->name, &figure);
		break;
	case HST_FIGURE_BOOL:
		hst_json_bool(json, field->name, figure.value != 0);
		break;
	case HST_FIGURE_SIGNED:
		hst_json_i64(json, field->name, (int64_t)figure.value);
		break;
	case HST_FIGURE_PERCENT:
		hst_json_double(json, field->name, part(&figure), 4);
		break;
	case HST_FIGURE_RATIO:
		hst_json_double(json, field->name, figure.number, 4);
		break;
	case HST_FIGURE_COUNT:
	case HST_FIGURE_NS:
	case HST_FIGURE_BYTES:
	default:
		hst_json_u64(json, field->name, figure.value);
		break;
	}
}

void hst_fields_json(struct hst_json *json, const struct hst_fields *fields, const void *row)
{
	for (size_t f = 0; f < fields->count; f++) {
		if (fields->items[f].name != NULL) {
			json_field(json, fields, &fields->items[f], row);
		}
	}
}

void hst_fields_array(struct hst_json *json, const char *name, const struct hst_fields *fields,
	const struct hst_field_rows *rows, size_t limit)
{
	hst_json_array(json, name);
	for (size_t i = 0; i < rows->count && i < limit; i++) {
		hst_json_row(json, NULL);
		hst_fields_json(json, fields, rows->items[i]);
		hst_json_end(json);
	}
	hst_json_end(json);
}
