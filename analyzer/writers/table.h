/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people. Cells are cleaned for terminals; columns marked FLEX are cut in the middle, the
 * widest first, until a line fits. The only user of libsmartcols.
 */
#ifndef HST_WRITERS_TABLE_H
#define HST_WRITERS_TABLE_H

#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	HST_COLUMN_RIGHT = 1u << 0,
	HST_COLUMN_FLEX = 1u << 1,
};

struct hst_table_style {
	size_t width; /* of a line, 0: as wide as it gets */
	bool utf8;
	bool color; /* escape sequences are allowed */
};

struct hst_table;

/* NULL: out of memory, here and below; a table that lacks memory says so when it is printed. */
struct hst_table *hst_table_create(void);
void hst_table_destroy(struct hst_table *table);

/* All columns come before the first row. */
void hst_table_column(struct hst_table *table, const char *name, unsigned flags);
/* A new row; cells that are not set stay empty. */
void hst_table_row(struct hst_table *table);
/* The next cell of the last row; `text` is copied, NULL is empty. */
void hst_table_cell(struct hst_table *table, const char *text);

/* HST_E_MEMORY. Errors of `out` are left to its owner. */
HST_NODISCARD enum hst_status hst_table_print(
	struct hst_table *table, FILE *out, const struct hst_table_style *style);

/* Version of the library, for `hasten --version`. */
const char *hst_table_library(void);

#endif
