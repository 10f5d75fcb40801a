/* SPDX-License-Identifier: Apache-2.0 */
/* Comma-separated values after RFC 4180: fields quoted where needed, lines end in CR LF. */
#ifndef HST_WRITERS_CSV_H
#define HST_WRITERS_CSV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct hst_csv {
	FILE *out;
	bool any; /* the line has a field already */
};

/* Control bytes become '?'; what a spreadsheet would run is made plain text. */
void hst_csv_string(struct hst_csv *csv, const char *text);
void hst_csv_u64(struct hst_csv *csv, uint64_t value);
void hst_csv_i64(struct hst_csv *csv, int64_t value);
/* A field without a value. */
void hst_csv_empty(struct hst_csv *csv);
void hst_csv_line(struct hst_csv *csv);

#endif
