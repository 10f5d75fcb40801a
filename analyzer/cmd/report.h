/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `hasten report`: choosing and ordering rows, columns, JSON and CSV. */
#ifndef HST_CMD_REPORT_H
#define HST_CMD_REPORT_H

#include "cmd/common.h"
#include "model/heap.h"

#define HST_CELL_BYTES 1100

struct hst_report {
	struct hst_reading *reading;
	struct hst_profile *profile;
	uint32_t *order; /* chosen rows, in the order to print */
	size_t order_count;
	uint64_t self_ns;      /* of all rows: what percentages refer to */
	uint32_t *threads;     /* per row: threads it ran in; NULL unless asked for */
	struct hst_heap *heap; /* NULL: memory was not recorded, or nothing shows it */
	const struct hst_heap_sum **heap_of; /* per row; NULL: it has no memory */
};

struct hst_report_column {
	const char *name; /* for -c and -s */
	const char *title;
	unsigned flags; /* HST_COLUMN_... */
	void (*write)(
		const struct hst_report *report, const struct hst_function_row *row, char *buffer);
	/* Order of -s; NULL: by text, ascending. */
	double (*value)(const struct hst_report *report, const struct hst_function_row *row);
	const char *(*text)(const struct hst_function_row *row);
	bool memory; /* it shows what hst_report_read_memory reads */
};

/* By name; NULL if there is none of the `length` bytes. */
const struct hst_report_column *hst_report_column(const char *name, size_t length);
/* All names, for a sentence. */
void hst_report_column_names(char *buffer, size_t size);

/*
 * Chooses (filter, rows with calls or time), sorts. HST_E_USAGE with a sentence for an unknown
 * column; HST_E_MEMORY. hst_report_finish frees the order.
 */
HST_NODISCARD enum hst_status hst_report_choose(struct hst_report *report, struct hst_diag *diag);
void hst_report_finish(struct hst_report *report);

/*
 * Reads memory into the report if it was recorded and a column or a form of output shows it. A
 * sentence in `diag`, or HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_report_read_memory(
	struct hst_report *report, struct hst_diag *diag);
/* Of a row of the profile; NULL: not known. */
const struct hst_heap_sum *hst_report_memory(
	const struct hst_report *report, const struct hst_function_row *row);
void hst_report_finish_memory(struct hst_report *report);

/* Number of threads per row from thread_functions. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_report_count_threads(struct hst_report *report);

/*
 * Two cells, CPU time and time off the CPU: a dash each where there was no CPU clock, "~" before them where it was a coarse one or
 * all is in doubt. The two fields in JSON and CSV; null, or nothing, where there was none. `prefix`: "self" or "total".
 */
struct hst_json;
struct hst_csv;
struct hst_report_cpu {
	uint64_t ns, off_ns; /* wall time, and of it off the CPU */
	uint32_t flags;      /* HST_ROW_... */
};
void hst_report_cpu_cells(struct hst_table *table, const struct hst_report_cpu *cpu);
void hst_report_cpu_json(
	struct hst_json *json, const char *prefix, const struct hst_report_cpu *cpu);
void hst_report_cpu_csv(struct hst_csv *csv, const struct hst_report_cpu *cpu);

/* The forms of output. Exit statuses. */
int hst_report_table(struct hst_report *report);
void hst_report_json(const struct hst_report *report);
void hst_report_csv(const struct hst_report *report);
/* --of and --by, in whichever form was asked for. */
int hst_report_of(struct hst_report *report);
int hst_report_by(struct hst_report *report);
/* --blocked, likewise; the shortest stretch that it lists. */
int hst_report_blocked(struct hst_report *report);
uint64_t hst_report_least_ns(const struct hst_options *options);

/* Fields of one function in JSON, within an object that is open. */
void hst_report_json_row(
	struct hst_json *json, const struct hst_report *report, const struct hst_function_row *row);

#endif
