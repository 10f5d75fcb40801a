/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine forms. Fields are only ever added; what is not measured is null. CSV has the same
 * fields in the same order.
 */
#include "cmd/report.h"

#include "cmd/answered.h"

#include "passes/failures.h"
#include "writers/csv.h"
#include "writers/json.h"

#include <stddef.h>
#include <string.h>

enum field_kind {
	FIELD_TEXT,
	FIELD_NUMBER,
	FIELD_BOOL,
	FIELD_CPU, /* null where there was no CPU clock */
	FIELD_MEMORY,
	FIELD_FAILED, /* null where the result says nothing of it */
	FIELD_RATE,   /* the same, as a share of `results` */
};

struct field {
	const char *name;
	enum field_kind kind;
	const char *(*text)(const struct hst_function_row *row);
	uint64_t (*number)(const struct hst_function_row *row);
	bool returned_only; /* null for a function that never returned */
	size_t memory;      /* FIELD_MEMORY: offset of a uint64_t in struct hst_heap_sum */
};

#define TEXT(name, expression)                                      \
 static const char *text_##name(const struct hst_function_row *row) \
 {                                                                  \
  return (expression);                                              \
 }
#define NUMBER(name, expression)                                   \
 static uint64_t number_##name(const struct hst_function_row *row) \
 {                                                                 \
  return (expression);                                             \
 }

TEXT(name, row->name)
TEXT(full, row->full)
TEXT(linkage, row->linkage)
TEXT(module, row->module)
TEXT(file, row->file)
TEXT(status, row->results == 0 ? NULL : hst_failure_text((enum hst_failure)row->failure))
NUMBER(line, row->line)
NUMBER(results, row->results)
NUMBER(failed, hst_row_failed(row))
NUMBER(declared, row->failure_declared)
NUMBER(calls, row->calls + row->answered)
NUMBER(returned, row->returned)
NUMBER(errors, row->errors)
NUMBER(open, row->open)
NUMBER(total, row->total_ns)
NUMBER(self, row->self_ns)
NUMBER(total_low, row->total_low_ns)
NUMBER(total_high, row->total_high_ns)
NUMBER(self_low, row->self_low_ns)
NUMBER(self_high, row->self_high_ns)
NUMBER(total_cpu, row->total_ns - row->total_off_ns)
NUMBER(self_cpu, row->self_ns - row->self_off_ns)
NUMBER(total_off, row->total_off_ns)
NUMBER(self_off, row->self_off_ns)
NUMBER(cpu_coarse, (row->flags & HST_ROW_CPU_COARSE) != 0)
NUMBER(min, row->min_ns)
NUMBER(avg, row->returned == 0 ? 0 : row->duration_ns / row->returned)
NUMBER(max, row->max_ns)
NUMBER(p50, hst_row_quantile(row, 0.5))
NUMBER(p90, hst_row_quantile(row, 0.9))
NUMBER(p99, hst_row_quantile(row, 0.99))
NUMBER(inlined, row->inlined_calls)
NUMBER(cost, row->compensated_ns)
NUMBER(region, (row->flags & HST_ROW_REGION) != 0)
NUMBER(recursive, (row->flags & HST_ROW_RECURSIVE) != 0)
NUMBER(repaired, (row->flags & HST_ROW_REPAIRED) != 0)
NUMBER(uncertain, (row->flags & HST_ROW_UNCERTAIN) != 0)
NUMBER(counted, (row->flags & HST_ROW_PROFILE) != 0)
NUMBER(throttled, (row->flags & HST_ROW_THROTTLED) != 0)
NUMBER(estimated, row->estimated)
NUMBER(low, row->estimated_low)
NUMBER(high, row->estimated_high)
NUMBER(coarse, (row->flags & HST_ROW_MIN_MAX_COARSE) != 0)

#undef TEXT
#undef NUMBER

#define MEMORY(field) offsetof(struct hst_heap_sum, field)

static const struct field fields[] = {
	{ "name", FIELD_TEXT, text_name, NULL, false, 0 },
	{ "full_name", FIELD_TEXT, text_full, NULL, false, 0 },
	{ "linkage_name", FIELD_TEXT, text_linkage, NULL, false, 0 },
	{ "module", FIELD_TEXT, text_module, NULL, false, 0 },
	{ "file", FIELD_TEXT, text_file, NULL, false, 0 },
	{ "line", FIELD_NUMBER, NULL, number_line, false, 0 },
	{ "calls", FIELD_NUMBER, NULL, number_calls, false, 0 },
	{ "returned", FIELD_NUMBER, NULL, number_returned, false, 0 },
	{ "errors", FIELD_NUMBER, NULL, number_errors, false, 0 },
	{ "open", FIELD_NUMBER, NULL, number_open, false, 0 },
	{ "total_ns", FIELD_NUMBER, NULL, number_total, false, 0 },
	{ "self_ns", FIELD_NUMBER, NULL, number_self, false, 0 },
	{ "total_cpu_ns", FIELD_CPU, NULL, number_total_cpu, false, 0 },
	{ "self_cpu_ns", FIELD_CPU, NULL, number_self_cpu, false, 0 },
	{ "min_ns", FIELD_NUMBER, NULL, number_min, true, 0 },
	{ "avg_ns", FIELD_NUMBER, NULL, number_avg, true, 0 },
	{ "max_ns", FIELD_NUMBER, NULL, number_max, true, 0 },
	{ "p50_ns", FIELD_NUMBER, NULL, number_p50, true, 0 },
	{ "p90_ns", FIELD_NUMBER, NULL, number_p90, true, 0 },
	{ "p99_ns", FIELD_NUMBER, NULL, number_p99, true, 0 },
	{ "alloc_calls", FIELD_MEMORY, NULL, NULL, false, MEMORY(allocs) },
	{ "alloc_bytes", FIELD_MEMORY, NULL, NULL, false, MEMORY(bytes) },
	{ "peak_bytes", FIELD_MEMORY, NULL, NULL, false, MEMORY(peak_bytes) },
	{ "leaked_bytes", FIELD_MEMORY, NULL, NULL, false, MEMORY(leaked_bytes) },
	{ "throttled", FIELD_BOOL, NULL, number_throttled, false, 0 },
	{ "inlined", FIELD_NUMBER, NULL, number_inlined, false, 0 },
	{ "own_cost_ns", FIELD_NUMBER, NULL, number_cost, false, 0 },
	{ "region", FIELD_BOOL, NULL, number_region, false, 0 },
	{ "recursive", FIELD_BOOL, NULL, number_recursive, false, 0 },
	{ "repaired", FIELD_BOOL, NULL, number_repaired, false, 0 },
	{ "uncertain", FIELD_BOOL, NULL, number_uncertain, false, 0 },
	{ "counted", FIELD_BOOL, NULL, number_counted, false, 0 },
	{ "coarse", FIELD_BOOL, NULL, number_coarse, false, 0 },
	{ "allocator_ns", FIELD_MEMORY, NULL, NULL, false, MEMORY(allocator_ns) },
	{ "total_low_ns", FIELD_NUMBER, NULL, number_total_low, false, 0 },
	{ "total_high_ns", FIELD_NUMBER, NULL, number_total_high, false, 0 },
	{ "self_low_ns", FIELD_NUMBER, NULL, number_self_low, false, 0 },
	{ "self_high_ns", FIELD_NUMBER, NULL, number_self_high, false, 0 },
	{ "total_off_cpu_ns", FIELD_CPU, NULL, number_total_off, false, 0 },
	{ "self_off_cpu_ns", FIELD_CPU, NULL, number_self_off, false, 0 },
	{ "cpu_coarse", FIELD_BOOL, NULL, number_cpu_coarse, false, 0 },
	{ "estimated_calls", FIELD_NUMBER, NULL, number_estimated, false, 0 },
	{ "estimated_calls_low", FIELD_NUMBER, NULL, number_low, false, 0 },
	{ "estimated_calls_high", FIELD_NUMBER, NULL, number_high, false, 0 },
	{ "results", FIELD_NUMBER, NULL, number_results, false, 0 },
	{ "status", FIELD_TEXT, text_status, NULL, false, 0 },
	{ "status_declared", FIELD_BOOL, NULL, number_declared, false, 0 },
	{ "failed", FIELD_FAILED, NULL, number_failed, false, 0 },
	{ "error_rate", FIELD_RATE, NULL, number_failed, false, 0 },
};

#define FIELDS (sizeof fields / sizeof fields[0])

static uint64_t number_of(const struct hst_report *report, const struct field *field,
	const struct hst_function_row *row)
{
	uint64_t number;

	if (field->kind != FIELD_MEMORY) {
		return field->number(row);
	}
	memcpy(&number, (const char *)hst_report_memory(report, row) + field->memory,
		sizeof number);
	return number;
}

/* Only of functions that were not recorded all the time; of some only what they had at least is known. */
static bool is_unknown_estimate(const struct field *field, const struct hst_function_row *row)
{
	if (field->number == number_low) {
		return (row->flags & HST_ROW_THROTTLED) == 0;
	}
	return (field->number == number_estimated || field->number == number_high) &&
	       ((row->flags & HST_ROW_THROTTLED) == 0 || (row->flags & HST_ROW_UNBOUNDED) != 0);
}

static bool is_null(const struct hst_report *report, const struct field *field,
	const struct hst_function_row *row)
{
	if (field->kind == FIELD_MEMORY) {
		return hst_report_memory(report, row) == NULL;
	}
	if (field->kind == FIELD_FAILED || field->kind == FIELD_RATE) {
		return !hst_row_has_failures(row);
	}
	if (field->kind == FIELD_CPU) {
		return (row->flags & HST_ROW_CPU_UNKNOWN) != 0;
	}
	return (field->returned_only && row->returned == 0) ||
	       (field->kind == FIELD_TEXT && field->text(row) == NULL) ||
	       (field->number == number_line && row->line == 0) || is_unknown_estimate(field, row);
}

void hst_report_json_row(
	struct hst_json *json, const struct hst_report *report, const struct hst_function_row *row)
{
	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *field = &fields[i];

		if (is_null(report, field, row)) {
			hst_json_null(json, field->name);
		} else if (field->kind == FIELD_TEXT) {
			hst_json_string(json, field->name, field->text(row));
		} else if (field->kind == FIELD_BOOL) {
			hst_json_bool(json, field->name, field->number(row) != 0);
		} else if (field->kind == FIELD_RATE) {
			hst_json_double(json, field->name,
				(double)field->number(row) / (double)row->results, 9);
		} else {
			hst_json_u64(json, field->name, number_of(report, field, row));
		}
	}
}

static void json_ledger(struct hst_json *json, const struct hst_profile *profile)
{
	hst_json_row(json, "ledger");
	hst_json_ledger(json, &profile->ledger);
	hst_json_u64(json, "missing_chunks", profile->gaps);
	hst_json_u64(json, "damaged_chunks", profile->damaged_chunks);
	hst_json_end(json);
}

/* How many rows the machine forms have: all, unless -n says otherwise. */
static size_t row_count(const struct hst_report *report)
{
	uint64_t rows = report->reading->options.rows;

	return rows == UINT64_MAX || rows == 0 || rows > report->order_count ? report->order_count
									     : (size_t)rows;
}

void hst_report_json(const struct hst_report *report)
{
	const struct hst_profile *profile = report->profile;
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, profile);
	if (profile->answered_count != 0) {
		hst_answered_json(&json, profile);
	}
	hst_json_string(&json, "directory", report->reading->session.dir);
	hst_json_string(&json, "command", report->reading->session.command);
	hst_json_u64(&json, "processes", profile->processes);
	hst_json_u64(&json, "threads", hst_profile_threads(profile));
	hst_json_u64(&json, "events", profile->events);
	hst_json_u64(&json, "calls", profile->calls);
	hst_json_u64(&json, "wall_ns", profile->wall_ns);
	hst_json_u64(&json, "own_cost_ns", profile->compensated_ns);
	hst_json_double(&json, "own_cost_inside_ns", profile->cost_inside_ns, 3);
	hst_json_double(&json, "own_cost_outside_ns", profile->cost_outside_ns, 3);
	hst_json_double(&json, "own_cost_miss_ns", profile->cost_miss_ns, 3);
	hst_json_double(&json, "own_cost_keys_ns", profile->cost_keys_ns, 0);
	hst_json_double(&json, "own_cost_low", profile->cost_low, 3);
	hst_json_double(&json, "own_cost_high", profile->cost_high, 3);
	hst_json_bool(&json, "clock_estimated", profile->clock_estimated);
	json_ledger(&json, profile);
	hst_json_array(&json, "functions");
	for (size_t i = 0; i < row_count(report); i++) {
		hst_json_row(&json, NULL);
		hst_report_json_row(&json, report, &profile->functions[report->order[i]]);
		hst_json_end(&json);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}

void hst_report_csv(const struct hst_report *report)
{
	struct hst_csv csv = { .out = stdout };
	char rate[40];

	for (size_t i = 0; i < FIELDS; i++) {
		hst_csv_string(&csv, fields[i].name);
	}
	hst_csv_line(&csv);
	for (size_t r = 0; r < row_count(report); r++) {
		const struct hst_function_row *row = &report->profile->functions[report->order[r]];

		for (size_t i = 0; i < FIELDS; i++) {
			if (is_null(report, &fields[i], row)) {
				hst_csv_empty(&csv);
			} else if (fields[i].kind == FIELD_TEXT) {
				hst_csv_string(&csv, fields[i].text(row));
			} else if (fields[i].kind == FIELD_RATE) {
				(void)snprintf(rate, sizeof rate, "%.9f",
					(double)fields[i].number(row) / (double)row->results);
				hst_csv_string(&csv, rate);
			} else {
				hst_csv_u64(&csv, number_of(report, &fields[i], row));
			}
		}
		hst_csv_line(&csv);
	}
}
