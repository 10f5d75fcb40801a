/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of figures. A field is described once and then written as the cell of a table, as a value of CSV and as a
 * member of JSON, so that no form of output can say something else than another one.
 */
#ifndef HST_CMD_PROCESSES_FIELDS_H
#define HST_CMD_PROCESSES_FIELDS_H

#include "cmd/common.h"
#include "writers/csv.h"
#include "writers/json.h"

#define HST_FIELD_CELL 1024
#define HST_FIELDS_MAX 24

enum hst_figure_kind {
	HST_FIGURE_TEXT,
	HST_FIGURE_TEXTS, /* a list of texts; in tables and CSV words for a shell */
	HST_FIGURE_COUNT,
	HST_FIGURE_SIGNED, /* int64_t in `value` */
	HST_FIGURE_NS,
	HST_FIGURE_BYTES,
	HST_FIGURE_PERCENT, /* `value` of `whole` */
	HST_FIGURE_BOOL,
	HST_FIGURE_RATIO, /* `number` */
};

/* { 0 }: not known. Texts are borrowed from the row. */
struct hst_figure {
	bool known;
	bool doubt; /* an estimate or a bound: "~" in tables; JSON and CSV have a field that says why */
	uint64_t value, whole;
	double number;
	const char *text;
	const char *const *texts;
	size_t count; /* of texts */
};

struct hst_field {
	const char *name;   /* in JSON and CSV; has the unit; NULL: only in tables */
	const char *column; /* for -c and -s; NULL: only in JSON and CSV */
	const char *title;
	unsigned flags; /* HST_COLUMN_..., HST_FIELD_... */
	enum hst_figure_kind kind;
	/* `context` is what the printer was given. */
	struct hst_figure (*get)(const void *context, const void *row);
	size_t at; /* of a uint64_t within the row, if `get` is NULL; HST_JOURNAL_UNKNOWN is not known */
};

enum {
	HST_FIELD_ZERO_EMPTY =
		1u << 8, /* 0 is an empty cell: only what is there shall meet the eye */
	HST_FIELD_ASCENDING = 1u << 9, /* sorted from the least one */
	HST_FIELD_SPARE = 1u << 10,    /* left out where there is no room for all */
};

/* All that one kind of row has. */
struct hst_fields {
	const struct hst_field *items;
	size_t count;
	const void *context;
};

/* Pointers to rows in the order of printing. */
struct hst_field_rows {
	const void **items;
	size_t count, capacity;
};

/* The field of a column, NULL if there is none. */
const struct hst_field *hst_fields_find(
	const struct hst_fields *fields, const char *column, size_t length);
struct hst_figure hst_field_get(
	const struct hst_fields *fields, const struct hst_field *field, const void *row);
/* The cell of a table; "-" if it is not known. */
void hst_field_cell(const struct hst_fields *fields, const struct hst_field *field, const void *row,
	char buffer[HST_FIELD_CELL]);

/* Columns of a table. */
struct hst_field_choice {
	const struct hst_field *items[HST_FIELDS_MAX];
	size_t count;
	bool fixed; /* the user chose them: none is left out where they are too many for the width */
};

/*
 * Columns of -c (NULL: those of `defaults`, names separated by commas; +NAME adds one to them), at most
 * HST_FIELDS_MAX. HST_E_USAGE with a sentence.
 */
HST_NODISCARD enum hst_status hst_fields_choose(const struct hst_fields *fields, const char *asked,
	const char *defaults, struct hst_field_choice *ret_choice, struct hst_diag *diag);
/* Pointers to `count` rows of `bytes` each. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_field_rows_of(
	const void *rows, size_t count, size_t bytes, struct hst_field_rows *ret_rows);
void hst_field_rows_finish(struct hst_field_rows *rows);
/* Sorts by a column, ties in the order of the rows' places. HST_E_USAGE with a sentence. */
HST_NODISCARD enum hst_status hst_fields_sort(const struct hst_fields *fields, const char *column,
	bool reverse, struct hst_field_rows *rows, struct hst_diag *diag);

/*
 * Prints the first `limit` rows as a table, how many others there are, and which columns were left out for lack of room.
 * HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_fields_print(const struct hst_fields *fields,
	const struct hst_field_choice *choice, const struct hst_field_rows *rows, size_t limit,
	const struct hst_table_style *style);
/* Rows of one kind for CSV. */
struct hst_field_part {
	struct hst_fields fields;
	struct hst_field_rows rows;
	size_t limit; /* so many of them are written */
};

/* The head line, with each name once, and the rows of all parts; what a kind of row does not have is empty. */
void hst_fields_csv(const struct hst_field_part *parts, size_t count);
/* Members of the open object. */
void hst_fields_json(struct hst_json *json, const struct hst_fields *fields, const void *row);
/* The same as an array of compact objects. */
void hst_fields_array(struct hst_json *json, const char *name, const struct hst_fields *fields,
	const struct hst_field_rows *rows, size_t limit);

/*
 * A command line as a shell would take it: words with blanks or quotes in quotes, control characters as $'\n'. Cut at
 * `size` with a mark. Returns the bytes written. Then nothing of it can act on a terminal.
 */
size_t hst_command_line(char *buffer, size_t size, const char *const *argv, size_t argc);
/* The same to stdout, nothing cut. */
void hst_print_command_line(const char *const *argv, size_t argc);

#endif
