/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of the report, one table; and the order of its rows. */
#include "cmd/report.h"

#include "passes/failures.h"
#include "writers/units.h"

#include <stdlib.h>
#include <string.h>

/* A figure that may be wrong is marked where it stands. */
static void put_ns(char *buffer, bool doubt, double ns)
{
	char text[HST_UNITS_BYTES];

	hst_units_ns(text, ns);
	(void)snprintf(buffer, HST_CELL_BYTES, "%s%s", doubt ? "~" : "", text);
}

static bool is_doubtful(const struct hst_function_row *row)
{
	return (row->flags & (HST_ROW_REPAIRED | HST_ROW_UNCERTAIN)) != 0;
}

static bool is_coarse(const struct hst_function_row *row)
{
	return is_doubtful(row) || (row->flags & HST_ROW_MIN_MAX_COARSE) != 0;
}

/* Latencies exist for calls that returned only. */
static void put_latency(char *buffer, const struct hst_function_row *row, double ns)
{
	if (row->returned == 0) {
		(void)snprintf(buffer, HST_CELL_BYTES, "-");
	} else {
		put_ns(buffer, is_coarse(row), ns);
	}
}

#define VALUE(name, expression)                                                                  \
 static double value_##name(const struct hst_report *report, const struct hst_function_row *row) \
 {                                                                                               \
  (void)report;                                                                                  \
  return (double)(expression);                                                                   \
 }

static size_t row_number(const struct hst_report *report, const struct hst_function_row *row)
{
	return (size_t)(row - report->profile->functions);
}

VALUE(self, row->self_ns)
VALUE(total, row->total_ns)
VALUE(selfcpu, row->self_ns - row->self_off_ns)
VALUE(totalcpu, row->total_ns - row->total_off_ns)
VALUE(selfoff, row->self_off_ns)
VALUE(totaloff, row->total_off_ns)
VALUE(calls, ((row->flags & HST_ROW_THROTTLED) != 0 ? row->estimated : row->calls) + row->answered)
VALUE(percall, row->calls == 0 ? 0 : (double)row->self_ns / (double)row->calls)
VALUE(errors, row->errors)
VALUE(failed, hst_row_failed(row))
/* Those without a rate come last. */
VALUE(failed_percent,
	hst_row_has_failures(row) ? (double)hst_row_failed(row) / (double)row->results : -1)
VALUE(min, row->min_ns)
VALUE(max, row->max_ns)
VALUE(avg, row->returned == 0 ? 0 : (double)row->duration_ns / (double)row->returned)
VALUE(p50, hst_row_quantile(row, 0.5))
VALUE(p90, hst_row_quantile(row, 0.9))
VALUE(p99, hst_row_quantile(row, 0.99))
VALUE(inlined, row->inlined_calls)
VALUE(open, row->open)
VALUE(threads, report->threads == NULL ? 0 : report->threads[row_number(report, row)])
VALUE(cost, row->compensated_ns)

#define MEMORY(name, field)                                                                      \
 static double value_##name(const struct hst_report *report, const struct hst_function_row *row) \
 {                                                                                               \
  const struct hst_heap_sum *sum = hst_report_memory(report, row);                               \
                                                                                                 \
  return sum == NULL ? 0 : (double)sum->field;                                                   \
 }

MEMORY(allocs, allocs)
MEMORY(alloc, bytes)
MEMORY(peak, peak_bytes)
MEMORY(leaked, leaked_bytes)
MEMORY(temporary, temporary)
MEMORY(allocator, allocator_ns)

/* A column of memory; a dash where it is not known. */
#define WRITE_MEMORY(name, unit)                                                            \
 static void write_##name(                                                                  \
	 const struct hst_report *report, const struct hst_function_row *row, char *buffer) \
 {                                                                                          \
  char text[HST_UNITS_BYTES] = "-";                                                         \
                                                                                            \
  if (hst_report_memory(report, row) != NULL) {                                             \
   unit;                                                                                    \
  }                                                                                         \
  (void)snprintf(buffer, HST_CELL_BYTES, "%s", text);                                       \
 }

WRITE_MEMORY(allocs, hst_units_count(text, (uint64_t)value_allocs(report, row)))
WRITE_MEMORY(alloc, hst_units_bytes(text, (uint64_t)value_alloc(report, row)))
WRITE_MEMORY(peak, hst_units_bytes(text, (uint64_t)value_peak(report, row)))
WRITE_MEMORY(leaked, hst_units_bytes(text, (uint64_t)value_leaked(report, row)))
WRITE_MEMORY(temporary, hst_units_count(text, (uint64_t)value_temporary(report, row)))
WRITE_MEMORY(allocator, hst_units_ns(text, value_allocator(report, row)))

#define TIME(name)                                                                          \
 static void write_##name(                                                                  \
	 const struct hst_report *report, const struct hst_function_row *row, char *buffer) \
 {                                                                                          \
  put_ns(buffer, is_doubtful(row), value_##name(report, row));                              \
 }
/* A dash where there was no CPU clock. */
#define CPU(name)                                                                           \
 static void write_##name(                                                                  \
	 const struct hst_report *report, const struct hst_function_row *row, char *buffer) \
 {                                                                                          \
  bool known = (row->flags & HST_ROW_CPU_UNKNOWN) == 0;                                     \
  bool doubt = is_doubtful(row) || (row->flags & HST_ROW_CPU_COARSE) != 0;                  \
                                                                                            \
  (void)snprintf(buffer, HST_CELL_BYTES, "-");                                              \
  if (known) {                                                                              \
   put_ns(buffer, doubt, value_##name(report, row));                                        \
  }                                                                                         \
 }
#define LATENCY(name)                                                                       \
 static void write_##name(                                                                  \
	 const struct hst_report *report, const struct hst_function_row *row, char *buffer) \
 {                                                                                          \
  put_latency(buffer, row, value_##name(report, row));                                      \
 }
#define COUNT(name)                                                                         \
 static void write_##name(                                                                  \
	 const struct hst_report *report, const struct hst_function_row *row, char *buffer) \
 {                                                                                          \
  char text[HST_UNITS_BYTES];                                                               \
                                                                                            \
  hst_units_count(text, (uint64_t)value_##name(report, row));                               \
  (void)snprintf(buffer, HST_CELL_BYTES, "%s", text);                                       \
 }

TIME(self)
TIME(total)
TIME(percall)
TIME(cost)
CPU(selfcpu)
CPU(totalcpu)
CPU(selfoff)
CPU(totaloff)
LATENCY(min)
LATENCY(max)
LATENCY(avg)
LATENCY(p50)
LATENCY(p90)
LATENCY(p99)
COUNT(errors)
COUNT(inlined)
COUNT(open)
COUNT(threads)

/* Of a function that was not recorded all the time: an estimate, or no more than what is known at least. */
static void write_calls(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	bool least = (row->flags & HST_ROW_UNBOUNDED) != 0;
	bool exact = row->estimated_low == row->estimated_high;
	char text[HST_UNITS_BYTES];

	if ((row->flags & HST_ROW_THROTTLED) == 0) {
		hst_units_count(text, row->calls + row->answered);
		exact = true;
	} else {
		hst_units_count(text, least ? row->estimated_low : row->estimated);
	}
	(void)report;
	(void)snprintf(buffer, HST_CELL_BYTES, "%s%s", least ? ">" : exact ? "" : "~", text);
}

#undef VALUE
#undef MEMORY
#undef WRITE_MEMORY
#undef TIME
#undef CPU
#undef LATENCY
#undef COUNT

static void put_percent(const struct hst_report *report, char *buffer, uint64_t ns)
{
	char text[HST_UNITS_BYTES];

	hst_units_percent(text, (double)ns, (double)report->self_ns);
	(void)snprintf(buffer, HST_CELL_BYTES, "%s", text);
}

/* A dash: its result says nothing of that, or was not read; ">" and "~": it was read of some calls only. */
static void write_failed(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	char text[HST_UNITS_BYTES] = "-";

	(void)report;
	if (hst_row_has_failures(row)) {
		hst_units_count(text, hst_row_failed(row));
	}
	(void)snprintf(buffer, HST_CELL_BYTES, "%s%s",
		hst_row_has_failures(row) && row->results < row->returned ? ">" : "", text);
}

static void write_failed_percent(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	char text[HST_UNITS_BYTES] = "-";

	(void)report;
	if (hst_row_has_failures(row)) {
		hst_units_percent(text, (double)hst_row_failed(row), (double)row->results);
	}
	(void)snprintf(buffer, HST_CELL_BYTES, "%s%s",
		hst_row_has_failures(row) && row->results < row->returned ? "~" : "", text);
}

static void write_self_percent(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	put_percent(report, buffer, row->self_ns);
}

static void write_total_percent(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	put_percent(report, buffer, row->total_ns);
}

/* What it is if our own cost was as much, and if it was as little as can be. */
static void put_range(char *buffer, uint64_t low_ns, uint64_t high_ns)
{
	char low[HST_UNITS_BYTES];
	char high[HST_UNITS_BYTES];

	hst_units_ns(low, (double)low_ns);
	hst_units_ns(high, (double)high_ns);
	(void)snprintf(buffer, HST_CELL_BYTES, "%s to %s", low, high);
}

static void write_self_range(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	(void)report;
	put_range(buffer, row->self_low_ns, row->self_high_ns);
}

static void write_total_range(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	(void)report;
	put_range(buffer, row->total_low_ns, row->total_high_ns);
}

static void write_name(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	(void)snprintf(buffer, HST_CELL_BYTES, "%s", hst_row_name(&report->reading->options, row));
}

static void write_place(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	(void)report;
	hst_row_place(buffer, HST_CELL_BYTES, row);
}

static void write_module(
	const struct hst_report *report, const struct hst_function_row *row, char *buffer)
{
	(void)report;
	(void)snprintf(buffer, HST_CELL_BYTES, "%s",
		row->module == NULL ? "" : hst_base_name(row->module));
}

static const char *text_name(const struct hst_function_row *row)
{
	return row->name;
}

static const char *text_file(const struct hst_function_row *row)
{
	return row->file;
}

static const char *text_module(const struct hst_function_row *row)
{
	return row->module;
}

static const struct hst_report_column columns[] = {
	{ "self", "SELF", HST_COLUMN_RIGHT, write_self, value_self, NULL, false },
	{ "self%", "%", HST_COLUMN_RIGHT, write_self_percent, value_self, NULL, false },
	{ "total", "TOTAL", HST_COLUMN_RIGHT, write_total, value_total, NULL, false },
	{ "total%", "TOTAL%", HST_COLUMN_RIGHT, write_total_percent, value_total, NULL, false },
	{ "selfcpu", "CPU", HST_COLUMN_RIGHT, write_selfcpu, value_selfcpu, NULL, false },
	{ "totalcpu", "TOTAL CPU", HST_COLUMN_RIGHT, write_totalcpu, value_totalcpu, NULL, false },
	{ "selfoff", "OFF-CPU", HST_COLUMN_RIGHT, write_selfoff, value_selfoff, NULL, false },
	{ "totaloff", "TOTAL OFF", HST_COLUMN_RIGHT, write_totaloff, value_totaloff, NULL, false },
	{ "calls", "CALLS", HST_COLUMN_RIGHT, write_calls, value_calls, NULL, false },
	{ "percall", "SELF/CALL", HST_COLUMN_RIGHT, write_percall, value_percall, NULL, false },
	{ "avg", "AVG", HST_COLUMN_RIGHT, write_avg, value_avg, NULL, false },
	{ "min", "MIN", HST_COLUMN_RIGHT, write_min, value_min, NULL, false },
	{ "p50", "P50", HST_COLUMN_RIGHT, write_p50, value_p50, NULL, false },
	{ "p90", "P90", HST_COLUMN_RIGHT, write_p90, value_p90, NULL, false },
	{ "p99", "P99", HST_COLUMN_RIGHT, write_p99, value_p99, NULL, false },
	{ "max", "MAX", HST_COLUMN_RIGHT, write_max, value_max, NULL, false },
	{ "errors", "ERRORS", HST_COLUMN_RIGHT, write_errors, value_errors, NULL, false },
	{ "failed", "FAILED", HST_COLUMN_RIGHT, write_failed, value_failed, NULL, false },
	{ "failed%", "FAILED %", HST_COLUMN_RIGHT, write_failed_percent, value_failed_percent, NULL,
		false },
	{ "inlined", "INLINED", HST_COLUMN_RIGHT, write_inlined, value_inlined, NULL, false },
	{ "open", "OPEN", HST_COLUMN_RIGHT, write_open, value_open, NULL, false },
	{ "threads", "THREADS", HST_COLUMN_RIGHT, write_threads, value_threads, NULL, false },
	{ "selfrange", "SELF IS", HST_COLUMN_RIGHT, write_self_range, value_self, NULL, false },
	{ "totalrange", "TOTAL IS", HST_COLUMN_RIGHT, write_total_range, value_total, NULL, false },
	{ "cost", "COST", HST_COLUMN_RIGHT, write_cost, value_cost, NULL, false },
	{ "allocs", "ALLOCS", HST_COLUMN_RIGHT, write_allocs, value_allocs, NULL, true },
	{ "alloc", "ALLOC", HST_COLUMN_RIGHT, write_alloc, value_alloc, NULL, true },
	{ "peak", "PEAK", HST_COLUMN_RIGHT, write_peak, value_peak, NULL, true },
	{ "leaked", "LEAKED", HST_COLUMN_RIGHT, write_leaked, value_leaked, NULL, true },
	{ "temporary", "TEMPORARY", HST_COLUMN_RIGHT, write_temporary, value_temporary, NULL,
		true },
	{ "allocator", "ALLOCATOR", HST_COLUMN_RIGHT, write_allocator, value_allocator, NULL,
		true },
	{ "function", "FUNCTION", HST_COLUMN_FLEX, write_name, NULL, text_name, false },
	{ "file", "FILE:LINE", HST_COLUMN_FLEX, write_place, NULL, text_file, false },
	{ "module", "MODULE", HST_COLUMN_FLEX, write_module, NULL, text_module, false },
};

#define COLUMNS (sizeof columns / sizeof columns[0])

const struct hst_report_column *hst_report_column(const char *name, size_t length)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		if (strlen(columns[i].name) == length &&
			strncmp(columns[i].name, name, length) == 0) {
			return &columns[i];
		}
	}
	return NULL;
}

void hst_report_column_names(char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < COLUMNS && used < size; i++) {
		int wrote = snprintf(
			buffer + used, size - used, "%s%s", i == 0 ? "" : " ", columns[i].name);

		used += wrote > 0 ? (size_t)wrote : 0;
	}
}

struct sorting {
	const struct hst_report *report;
	const struct hst_report_column *column;
	bool reverse;
};

/* Ties are broken by what does not change between runs: name, place, number. */
static int compare_names(const struct hst_function_row *a, const struct hst_function_row *b)
{
	int order = strcmp(a->full, b->full);

	if (order == 0) {
		order = strcmp(
			a->module == NULL ? "" : a->module, b->module == NULL ? "" : b->module);
	}
	return order != 0 ? order : (a > b) - (a < b);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct sorting *sorting = context;
	const struct hst_function_row *rows = sorting->report->profile->functions;
	const struct hst_function_row *a = &rows[*(const uint32_t *)left];
	const struct hst_function_row *b = &rows[*(const uint32_t *)right];
	int order = 0;

	if (sorting->column->value != NULL) {
		double x = sorting->column->value(sorting->report, a);
		double y = sorting->column->value(sorting->report, b);

		order = (x < y) - (x > y);
	} else {
		const char *x = sorting->column->text(a);
		const char *y = sorting->column->text(b);

		order = strcmp(x == NULL ? "" : x, y == NULL ? "" : y);
	}
	order = sorting->reverse ? -order : order;
	return order != 0 ? order : compare_names(a, b);
}

enum hst_status hst_report_choose(struct hst_report *report, struct hst_diag *diag)
{
	const struct hst_options *options = &report->reading->options;
	const struct hst_profile *profile = report->profile;
	const char *sort = options->sort == NULL ? "self" : options->sort;
	struct sorting sorting = { report, hst_report_column(sort, strlen(sort)),
		options->reverse };
	char names[512];

	if (sorting.column == NULL) {
		hst_report_column_names(names, sizeof names);
		return hst_diag_set(
			diag, HST_E_USAGE, "there is no column '%s'; columns are: %s", sort, names);
	}
	report->order = calloc(profile->function_count + 1, sizeof *report->order);
	if (report->order == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct hst_function_row *row = &profile->functions[i];

		report->self_ns += row->self_ns;
		if ((row->calls + row->answered != 0 || row->total_ns != 0 || row->open != 0 ||
			    (row->flags & HST_ROW_THROTTLED) != 0) &&
			hst_reading_wants(report->reading, row)) {
			report->order[report->order_count++] = (uint32_t)i;
		}
	}
	qsort_r(report->order, report->order_count, sizeof *report->order, compare, &sorting);
	return HST_OK;
}

enum hst_status hst_report_count_threads(struct hst_report *report)
{
	const struct hst_profile *profile = report->profile;

	report->threads = calloc(profile->function_count + 1, sizeof *report->threads);
	if (report->threads == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < profile->thread_function_count; i++) {
		report->threads[profile->thread_functions[i].function]++;
	}
	return HST_OK;
}

void hst_report_finish(struct hst_report *report)
{
	free(report->order);
	free(report->threads);
	hst_report_finish_memory(report);
	report->order = NULL;
	report->threads = NULL;
}
