/* SPDX-License-Identifier: Apache-2.0 */
/* `report --of F`: who calls a function, and what it calls. */
#include "cmd/commands.h"
#include "cmd/report.h"
#include "util/vec.h"
#include "writers/csv.h"
#include "writers/json.h"
#include "writers/units.h"

#include <fnmatch.h>
#include <stdlib.h>

typedef HST_VEC(const struct hst_edge *) edge_list;

/* Rows of that name; if there are none, those that a glob matches. */
static size_t find_rows(const struct hst_report *report, uint32_t *rows)
{
	const char *name = report->reading->options.of;
	size_t count = 0;

	for (size_t i = 0; i < report->order_count; i++) {
		if (hst_row_is_named(&report->profile->functions[report->order[i]], name)) {
			rows[count++] = report->order[i];
		}
	}
	for (size_t i = 0; count == 0 && i < report->order_count; i++) {
		const struct hst_function_row *row = &report->profile->functions[report->order[i]];

		if (fnmatch(name, row->name, 0) == 0 || fnmatch(name, row->full, 0) == 0) {
			rows[count++] = report->order[i];
			break;
		}
	}
	return count;
}

static int compare(const void *left, const void *right)
{
	const struct hst_edge *a = *(const struct hst_edge *const *)left;
	const struct hst_edge *b = *(const struct hst_edge *const *)right;

	if (a->total_ns != b->total_ns) {
		return a->total_ns < b->total_ns ? 1 : -1;
	}
	if (a->calls != b->calls) {
		return a->calls < b->calls ? 1 : -1;
	}
	return (a > b) - (a < b);
}

/* Edges into the row (callers) or out of it, most time first. */
static enum hst_status list_edges(
	const struct hst_profile *profile, uint32_t row, bool callers, edge_list *ret_edges)
{
	ret_edges->count = 0;
	for (size_t i = 0; i < profile->edge_count; i++) {
		const struct hst_edge *edge = &profile->edges[i];

		if ((callers ? edge->callee : edge->caller) == row &&
			!hst_vec_push(ret_edges, edge)) {
			return HST_E_MEMORY;
		}
	}
	if (ret_edges->count != 0) {
		qsort(ret_edges->items, ret_edges->count, sizeof *ret_edges->items, compare);
	}
	return HST_OK;
}

static const struct hst_function_row *other_end(
	const struct hst_profile *profile, const struct hst_edge *edge, bool callers)
{
	uint32_t row = callers ? edge->caller : edge->callee;

	return row < profile->function_count ? &profile->functions[row] : NULL;
}

/* As well known as it is of the callee. */
static struct hst_report_cpu cpu_of(const struct hst_report *report, const struct hst_edge *edge)
{
	const struct hst_profile *profile = report->profile;

	return (struct hst_report_cpu){ .ns = edge->total_ns,
		.off_ns = edge->total_off_ns,
		.flags = edge->callee < profile->function_count
				 ? profile->functions[edge->callee].flags
				 : HST_ROW_CPU_UNKNOWN };
}

static struct hst_edge itself_of(const struct hst_report *report, uint32_t number)
{
	const struct hst_function_row *row = &report->profile->functions[number];

	return (struct hst_edge){ .caller = UINT32_MAX,
		.callee = number,
		.calls = row->calls,
		.total_ns = row->total_ns,
		.total_off_ns = row->total_off_ns,
		.errors = row->errors };
}

/* Was one of both ends not recorded all the time? Then there were more calls, and some of the time is with others. */
static bool is_partial(const struct hst_profile *profile, const struct hst_edge *edge)
{
	const uint32_t ends[] = { edge->caller, edge->callee };

	for (size_t i = 0; i < 2; i++) {
		if (ends[i] < profile->function_count &&
			(profile->functions[ends[i]].flags & HST_ROW_THROTTLED) != 0) {
			return true;
		}
	}
	return false;
}

static void put_marked(struct hst_table *table, const char *mark, const char *number)
{
	char text[HST_UNITS_BYTES + 2];

	(void)snprintf(text, sizeof text, "%s%s", mark, number);
	hst_table_cell(table, text);
}

static void table_row(const struct hst_report *report, struct hst_table *table, const char *role,
	const struct hst_function_row *row, const struct hst_edge *edge, uint64_t whole)
{
	char text[HST_CELL_BYTES];
	char number[HST_UNITS_BYTES];
	struct hst_report_cpu cpu = cpu_of(report, edge);
	bool partial = is_partial(report->profile, edge);

	hst_table_row(table);
	hst_table_cell(table, role);
	hst_units_ns(number, (double)edge->total_ns);
	put_marked(table, partial ? "~" : "", number);
	hst_units_percent(number, (double)edge->total_ns, (double)whole);
	hst_table_cell(table, number);
	hst_report_cpu_cells(table, &cpu);
	hst_units_count(number, edge->calls);
	put_marked(table, partial ? ">" : "", number);
	hst_units_count(number, edge->errors);
	hst_table_cell(table, number);
	hst_table_cell(
		table, row == NULL ? "[thread]" : hst_row_name(&report->reading->options, row));
	text[0] = '\0';
	if (row != NULL) {
		hst_row_place(text, sizeof text, row);
	}
	hst_table_cell(table, text);
}

static enum hst_status fill(
	const struct hst_report *report, struct hst_table *table, uint32_t number)
{
	const struct hst_profile *profile = report->profile;
	const struct hst_function_row *row = &profile->functions[number];
	struct hst_edge itself = itself_of(report, number);
	edge_list edges = { 0 };
	enum hst_status status = list_edges(profile, number, true, &edges);

	for (size_t i = 0; status == HST_OK && i < edges.count; i++) {
		table_row(report, table, "caller", other_end(profile, edges.items[i], true),
			edges.items[i], row->total_ns);
	}
	table_row(report, table, "itself", row, &itself, row->total_ns);
	if (status == HST_OK) {
		status = list_edges(profile, number, false, &edges);
	}
	for (size_t i = 0; status == HST_OK && i < edges.count; i++) {
		table_row(report, table, "callee", other_end(profile, edges.items[i], false),
			edges.items[i], row->total_ns);
	}
	hst_vec_finish(&edges);
	return status;
}

static enum hst_status print_table(struct hst_report *report, const uint32_t *rows, size_t count)
{
	static const struct {
		const char *title;
		unsigned flags;
	} columns[] = { { "", 0 }, { "TOTAL", HST_COLUMN_RIGHT }, { "%", HST_COLUMN_RIGHT },
		{ "CPU", HST_COLUMN_RIGHT }, { "OFF-CPU", HST_COLUMN_RIGHT },
		{ "CALLS", HST_COLUMN_RIGHT }, { "ERRORS", HST_COLUMN_RIGHT },
		{ "FUNCTION", HST_COLUMN_FLEX }, { "FILE:LINE", HST_COLUMN_FLEX } };
	struct hst_reading *reading = report->reading;
	enum hst_status status = HST_OK;

	hst_reading_begin_text(reading);
	hst_reading_notes(reading, report->profile);
	for (size_t i = 0; status == HST_OK && i < count; i++) {
		struct hst_table *table = hst_table_create();

		if (table == NULL) {
			return HST_E_MEMORY;
		}
		for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
			hst_table_column(table, columns[c].title, columns[c].flags);
		}
		status = fill(report, table, rows[i]);
		if (status == HST_OK) {
			status = hst_table_print(table, stdout, &reading->style);
		}
		putchar('\n');
		hst_table_destroy(table);
	}
	hst_reading_next(reading, "tree --of", reading->options.of);
	return status;
}

static void json_edges(struct hst_json *json, const struct hst_report *report, const char *key,
	const edge_list *edges, bool callers)
{
	const struct hst_profile *profile = report->profile;

	hst_json_array(json, key);
	for (size_t i = 0; i < edges->count; i++) {
		const struct hst_function_row *row = other_end(profile, edges->items[i], callers);
		struct hst_report_cpu cpu = cpu_of(report, edges->items[i]);

		hst_json_row(json, NULL);
		hst_json_place(json, row);
		hst_json_u64(json, "calls", edges->items[i]->calls);
		hst_json_u64(json, "total_ns", edges->items[i]->total_ns);
		hst_json_u64(json, "errors", edges->items[i]->errors);
		hst_report_cpu_json(json, "total", &cpu);
		hst_json_bool(json, "throttled", is_partial(profile, edges->items[i]));
		hst_json_bool(json, "cpu_coarse", (cpu.flags & HST_ROW_CPU_COARSE) != 0);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static enum hst_status print_json(
	const struct hst_report *report, const uint32_t *rows, size_t count)
{
	const struct hst_profile *profile = report->profile;
	enum hst_status status = HST_OK;
	edge_list edges = { 0 };
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, profile);
	hst_json_array(&json, "functions");
	for (size_t i = 0; i < count; i++) {
		hst_json_object(&json, NULL);
		hst_report_json_row(&json, report, &profile->functions[rows[i]]);
		status = status == HST_OK ? list_edges(profile, rows[i], true, &edges) : status;
		json_edges(&json, report, "callers", &edges, true);
		status = status == HST_OK ? list_edges(profile, rows[i], false, &edges) : status;
		json_edges(&json, report, "callees", &edges, false);
		hst_json_end(&json);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
	hst_vec_finish(&edges);
	return status;
}

static void csv_row(const struct hst_report *report, struct hst_csv *csv, const char *role,
	const struct hst_function_row *of, const struct hst_edge *edge, bool caller)
{
	const struct hst_options *options = &report->reading->options;
	const struct hst_function_row *row = other_end(report->profile, edge, caller);
	struct hst_report_cpu cpu = cpu_of(report, edge);

	hst_csv_string(csv, hst_row_name(options, of));
	hst_csv_string(csv, role);
	if (row != NULL) {
		hst_csv_string(csv, hst_row_name(options, row));
		hst_csv_string(csv, row->linkage);
	} else {
		hst_csv_empty(csv);
		hst_csv_empty(csv);
	}
	hst_csv_u64(csv, edge->calls);
	hst_csv_u64(csv, edge->total_ns);
	hst_csv_u64(csv, edge->errors);
	hst_report_cpu_csv(csv, &cpu);
	hst_csv_u64(csv, (cpu.flags & HST_ROW_CPU_COARSE) != 0);
	hst_csv_line(csv);
}

static enum hst_status csv_edges(
	const struct hst_report *report, struct hst_csv *csv, uint32_t number, bool callers)
{
	edge_list edges = { 0 };
	enum hst_status status = list_edges(report->profile, number, callers, &edges);

	for (size_t i = 0; status == HST_OK && i < edges.count; i++) {
		csv_row(report, csv, callers ? "caller" : "callee",
			&report->profile->functions[number], edges.items[i], callers);
	}
	hst_vec_finish(&edges);
	return status;
}

/* The rows of the table, each with the function that was asked for. */
static enum hst_status print_csv(
	const struct hst_report *report, const uint32_t *rows, size_t count)
{
	static const char *const names[] = { "of", "role", "name", "linkage_name", "calls",
		"total_ns", "errors", "total_cpu_ns", "total_off_cpu_ns", "cpu_coarse" };
	struct hst_csv csv = { .out = stdout };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		hst_csv_string(&csv, names[i]);
	}
	hst_csv_line(&csv);
	for (size_t i = 0; i < count; i++) {
		struct hst_edge itself = itself_of(report, rows[i]);

		HST_TRY(csv_edges(report, &csv, rows[i], true));
		csv_row(report, &csv, "itself", &report->profile->functions[rows[i]], &itself,
			false);
		HST_TRY(csv_edges(report, &csv, rows[i], false));
	}
	hst_reading_losses(report->reading, report->profile);
	return HST_OK;
}

int hst_report_of(struct hst_report *report)
{
	const char *name = report->reading->options.of;
	uint32_t *rows = calloc(report->order_count + 1, sizeof *rows);
	size_t count = rows == NULL ? 0 : find_rows(report, rows);
	enum hst_status status;

	if (rows != NULL && count == 0) {
		free(rows);
		return hst_reading_fail(report->reading,
			"no recorded function is called '%s'; hasten report -n 0 lists them all",
			name);
	}
	status = rows == NULL                    ? HST_E_MEMORY
		 : report->reading->options.json ? print_json(report, rows, count)
		 : report->reading->options.csv  ? print_csv(report, rows, count)
						 : print_table(report, rows, count);
	free(rows);
	return status == HST_OK ? HST_EXIT_OK
				: hst_reading_fail(report->reading, "%s", hst_status_text(status));
}
