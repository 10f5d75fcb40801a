/* SPDX-License-Identifier: Apache-2.0 */
/* `report --by thread|module|file`: sums of the rows that were chosen. */
#include "cmd/commands.h"
#include "cmd/report.h"
#include "util/map.h"
#include "util/strtab.h"
#include "util/vec.h"
#include "writers/csv.h"
#include "writers/json.h"
#include "writers/units.h"

#include <stdlib.h>
#include <string.h>

struct group {
	const char *name; /* NULL unknown */
	uint64_t functions, calls, self_ns, errors;
	uint64_t self_off_ns;
	uint32_t flags; /* of its rows */
};

struct groups {
	struct hst_strtab names;
	struct hst_map index; /* name to group */
	HST_VEC(struct group) items;
};

static enum hst_status add(
	struct groups *groups, const char *name, const struct hst_function_row *row)
{
	uint32_t id;
	uint32_t number = (uint32_t)groups->items.count;
	struct group *group;

	HST_TRY(hst_strtab_add(&groups->names, name, &id));
	if (!hst_map_get(&groups->index, id, &number)) {
		struct group fresh = { .name = name };

		HST_TRY(hst_map_put(&groups->index, id, number));
		if (!hst_vec_push(&groups->items, fresh)) {
			return HST_E_MEMORY;
		}
	}
	group = &groups->items.items[number];
	group->functions++;
	group->calls += row->calls;
	group->self_ns += row->self_ns;
	group->errors += row->errors;
	group->self_off_ns += row->self_off_ns;
	group->flags |= row->flags;
	return HST_OK;
}

static struct hst_report_cpu cpu_of(const struct group *group)
{
	return (struct hst_report_cpu){
		.ns = group->self_ns, .off_ns = group->self_off_ns, .flags = group->flags
	};
}

static int compare_groups(const void *left, const void *right)
{
	const struct group *a = left;
	const struct group *b = right;

	if (a->self_ns != b->self_ns) {
		return a->self_ns < b->self_ns ? 1 : -1;
	}
	return strcmp(a->name == NULL ? "" : a->name, b->name == NULL ? "" : b->name);
}

/* At most so many rows are printed. */
static size_t shown(const struct hst_report *report, size_t count)
{
	const struct hst_options *options = &report->reading->options;
	uint64_t limit = options->rows == UINT64_MAX ? (options->json || options->csv ? 0 : 20)
						     : options->rows;

	return limit == 0 || limit > count ? count : (size_t)limit;
}

static void cell_ns(struct hst_table *table, uint64_t ns)
{
	char text[HST_UNITS_BYTES];

	hst_units_ns(text, (double)ns);
	hst_table_cell(table, text);
}

static void cell_percent(struct hst_table *table, uint64_t part, uint64_t whole)
{
	char text[HST_UNITS_BYTES];

	hst_units_percent(text, (double)part, (double)whole);
	hst_table_cell(table, text);
}

static enum hst_status finish_table(struct hst_report *report, struct hst_table *table)
{
	struct hst_reading *reading = report->reading;
	enum hst_status status;

	hst_reading_begin_text(reading);
	hst_reading_notes(reading, report->profile);
	status = hst_table_print(table, stdout, &reading->style);
	if (!reading->options.quiet) {
		putchar('\n');
	}
	hst_reading_next(reading, "report", NULL);
	return status;
}

static enum hst_status group_table(struct hst_report *report, const struct groups *groups)
{
	struct hst_table *table = hst_table_create();
	enum hst_status status;

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	hst_table_column(table, "SELF", HST_COLUMN_RIGHT);
	hst_table_column(table, "%", HST_COLUMN_RIGHT);
	hst_table_column(table, "CPU", HST_COLUMN_RIGHT);
	hst_table_column(table, "OFF-CPU", HST_COLUMN_RIGHT);
	hst_table_column(table, "CALLS", HST_COLUMN_RIGHT);
	hst_table_column(table, "ERRORS", HST_COLUMN_RIGHT);
	hst_table_column(table, "FUNCTIONS", HST_COLUMN_RIGHT);
	hst_table_column(table,
		strcmp(report->reading->options.by, "file") == 0 ? "FILE" : "MODULE",
		HST_COLUMN_FLEX);
	for (size_t i = 0; i < shown(report, groups->items.count); i++) {
		const struct group *group = &groups->items.items[i];
		struct hst_report_cpu cpu = cpu_of(group);

		hst_table_row(table);
		cell_ns(table, group->self_ns);
		cell_percent(table, group->self_ns, report->self_ns);
		hst_report_cpu_cells(table, &cpu);
		hst_cell_count(table, group->calls);
		hst_cell_count(table, group->errors);
		hst_cell_count(table, group->functions);
		hst_table_cell(table, group->name == NULL ? "[unknown]" : group->name);
	}
	status = finish_table(report, table);
	hst_table_destroy(table);
	return status;
}

static void group_json(const struct hst_report *report, const struct groups *groups)
{
	bool file = strcmp(report->reading->options.by, "file") == 0;
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, report->profile);
	hst_json_array(&json, file ? "files" : "modules");
	for (size_t i = 0; i < shown(report, groups->items.count); i++) {
		const struct group *group = &groups->items.items[i];
		struct hst_report_cpu cpu = cpu_of(group);

		hst_json_row(&json, NULL);
		hst_json_string(&json, file ? "file" : "module", group->name);
		hst_json_u64(&json, "functions", group->functions);
		hst_json_u64(&json, "calls", group->calls);
		hst_json_u64(&json, "self_ns", group->self_ns);
		hst_json_u64(&json, "errors", group->errors);
		hst_report_cpu_json(&json, "self", &cpu);
		hst_json_bool(&json, "cpu_coarse", (cpu.flags & HST_ROW_CPU_COARSE) != 0);
		hst_json_end(&json);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}

static void csv_text(struct hst_csv *csv, const char *text)
{
	if (text != NULL) {
		hst_csv_string(csv, text);
	} else {
		hst_csv_empty(csv);
	}
}

static void csv_names(struct hst_csv *csv, const char *const *names)
{
	for (; *names != NULL; names++) {
		hst_csv_string(csv, *names);
	}
	hst_csv_line(csv);
}

static void group_csv(const struct hst_report *report, const struct groups *groups)
{
	bool file = strcmp(report->reading->options.by, "file") == 0;
	const char *const names[] = { file ? "file" : "module", "functions", "calls", "self_ns",
		"errors", "self_cpu_ns", "self_off_cpu_ns", "cpu_coarse", NULL };
	struct hst_csv csv = { .out = stdout };

	csv_names(&csv, names);
	for (size_t i = 0; i < shown(report, groups->items.count); i++) {
		const struct group *group = &groups->items.items[i];
		struct hst_report_cpu cpu = cpu_of(group);

		csv_text(&csv, group->name);
		hst_csv_u64(&csv, group->functions);
		hst_csv_u64(&csv, group->calls);
		hst_csv_u64(&csv, group->self_ns);
		hst_csv_u64(&csv, group->errors);
		hst_report_cpu_csv(&csv, &cpu);
		hst_csv_u64(&csv, (cpu.flags & HST_ROW_CPU_COARSE) != 0);
		hst_csv_line(&csv);
	}
	hst_reading_losses(report->reading, report->profile);
}

static enum hst_status by_name(struct hst_report *report)
{
	bool file = strcmp(report->reading->options.by, "file") == 0;
	struct groups groups = { 0 };
	enum hst_status status = HST_OK;

	for (size_t i = 0; status == HST_OK && i < report->order_count; i++) {
		const struct hst_function_row *row = &report->profile->functions[report->order[i]];

		status = add(&groups, file ? row->file : row->module, row);
	}
	if (status == HST_OK && groups.items.count != 0) {
		qsort(groups.items.items, groups.items.count, sizeof *groups.items.items,
			compare_groups);
	}
	if (status == HST_OK && report->reading->options.json) {
		group_json(report, &groups);
	} else if (status == HST_OK && report->reading->options.csv) {
		group_csv(report, &groups);
	} else if (status == HST_OK) {
		status = group_table(report, &groups);
	}
	hst_vec_finish(&groups.items);
	hst_map_finish(&groups.index);
	hst_strtab_finish(&groups.names);
	return status;
}

static struct hst_report_cpu part_self(const struct hst_thread_function *part)
{
	return (struct hst_report_cpu){
		.ns = part->self_ns, .off_ns = part->self_off_ns, .flags = part->flags
	};
}

static struct hst_report_cpu part_total(const struct hst_thread_function *part)
{
	return (struct hst_report_cpu){
		.ns = part->total_ns, .off_ns = part->total_off_ns, .flags = part->flags
	};
}

static int compare_parts(const void *left, const void *right)
{
	const struct hst_thread_function *a = left;
	const struct hst_thread_function *b = right;

	if (a->self_ns != b->self_ns) {
		return a->self_ns < b->self_ns ? 1 : -1;
	}
	if (a->thread != b->thread) {
		return a->thread < b->thread ? -1 : 1;
	}
	return (a->function > b->function) - (a->function < b->function);
}

/* The chosen rows of all threads, most time first. */
static size_t choose_parts(struct hst_report *report)
{
	struct hst_profile *profile = report->profile;
	size_t kept = 0;

	for (size_t i = 0; i < profile->thread_function_count; i++) {
		const struct hst_thread_function *part = &profile->thread_functions[i];

		if (hst_reading_wants(report->reading, &profile->functions[part->function])) {
			profile->thread_functions[kept++] = *part;
		}
	}
	if (kept != 0) {
		qsort(profile->thread_functions, kept, sizeof *profile->thread_functions,
			compare_parts);
	}
	return kept;
}

static enum hst_status thread_table(struct hst_report *report, size_t count)
{
	const struct hst_profile *profile = report->profile;
	struct hst_table *table = hst_table_create();
	enum hst_status status;
	char text[HST_CELL_BYTES];

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	hst_table_column(table, "PROCESS", HST_COLUMN_RIGHT);
	hst_table_column(table, "THREAD", HST_COLUMN_RIGHT);
	hst_table_column(table, "SELF", HST_COLUMN_RIGHT);
	hst_table_column(table, "%", HST_COLUMN_RIGHT);
	hst_table_column(table, "CPU", HST_COLUMN_RIGHT);
	hst_table_column(table, "OFF-CPU", HST_COLUMN_RIGHT);
	hst_table_column(table, "TOTAL", HST_COLUMN_RIGHT);
	hst_table_column(table, "TOTAL CPU", HST_COLUMN_RIGHT);
	hst_table_column(table, "TOTAL OFF", HST_COLUMN_RIGHT);
	hst_table_column(table, "CALLS", HST_COLUMN_RIGHT);
	hst_table_column(table, "ERRORS", HST_COLUMN_RIGHT);
	hst_table_column(table, "FUNCTION", HST_COLUMN_FLEX);
	hst_table_column(table, "FILE:LINE", HST_COLUMN_FLEX);
	for (size_t i = 0; i < shown(report, count); i++) {
		const struct hst_thread_function *part = &profile->thread_functions[i];
		const struct hst_thread_row *thread = &profile->threads[part->thread];
		const struct hst_function_row *row = &profile->functions[part->function];
		struct hst_report_cpu self = part_self(part);
		struct hst_report_cpu total = part_total(part);

		hst_table_row(table);
		(void)snprintf(text, sizeof text, "%u", thread->pid);
		hst_table_cell(table, text);
		(void)snprintf(text, sizeof text, "%u%s", thread->tid,
			thread->lane != HST_LANE_MAIN ? " (signals)" : "");
		hst_table_cell(table, text);
		cell_ns(table, part->self_ns);
		cell_percent(table, part->self_ns, thread->self_ns);
		hst_report_cpu_cells(table, &self);
		cell_ns(table, part->total_ns);
		hst_report_cpu_cells(table, &total);
		hst_cell_count(table, part->calls);
		hst_cell_count(table, part->errors);
		hst_table_cell(table, hst_row_name(&report->reading->options, row));
		hst_row_place(text, sizeof text, row);
		hst_table_cell(table, text);
	}
	status = finish_table(report, table);
	hst_table_destroy(table);
	return status;
}

static void thread_csv(const struct hst_report *report, size_t count)
{
	static const char *const names[] = { "pid", "tid", "stream", "lane", "name", "linkage_name",
		"module", "calls", "total_ns", "self_ns", "errors", "total_cpu_ns",
		"total_off_cpu_ns", "self_cpu_ns", "self_off_cpu_ns", "cpu_coarse", NULL };
	const struct hst_profile *profile = report->profile;
	struct hst_csv csv = { .out = stdout };

	csv_names(&csv, names);
	for (size_t i = 0; i < shown(report, count); i++) {
		const struct hst_thread_function *part = &profile->thread_functions[i];
		const struct hst_thread_row *thread = &profile->threads[part->thread];
		const struct hst_function_row *row = &profile->functions[part->function];
		struct hst_report_cpu self = part_self(part);
		struct hst_report_cpu total = part_total(part);

		hst_csv_u64(&csv, thread->pid);
		hst_csv_u64(&csv, thread->tid);
		hst_csv_u64(&csv, thread->stream);
		hst_csv_u64(&csv, thread->lane);
		hst_csv_string(&csv, hst_row_name(&report->reading->options, row));
		hst_csv_string(&csv, row->linkage);
		csv_text(&csv, row->module);
		hst_csv_u64(&csv, part->calls);
		hst_csv_u64(&csv, part->total_ns);
		hst_csv_u64(&csv, part->self_ns);
		hst_csv_u64(&csv, part->errors);
		hst_report_cpu_csv(&csv, &total);
		hst_report_cpu_csv(&csv, &self);
		hst_csv_u64(&csv, (part->flags & HST_ROW_CPU_COARSE) != 0);
		hst_csv_line(&csv);
	}
	hst_reading_losses(report->reading, profile);
}

/* Parts as the pass left them: ascending (thread, function). */
static void thread_json(const struct hst_report *report)
{
	const struct hst_profile *profile = report->profile;
	struct hst_json json;
	size_t part = 0;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, profile);
	hst_json_array(&json, "threads");
	for (size_t i = 0; i < profile->thread_count; i++) {
		hst_json_object(&json, NULL);
		hst_json_thread(&json, &profile->threads[i]);
		hst_json_array(&json, "functions");
		for (; part < profile->thread_function_count &&
			profile->thread_functions[part].thread == i;
			part++) {
			const struct hst_thread_function *each = &profile->thread_functions[part];
			const struct hst_function_row *row = &profile->functions[each->function];
			struct hst_report_cpu self = part_self(each);
			struct hst_report_cpu total = part_total(each);

			if (!hst_reading_wants(report->reading, row)) {
				continue;
			}
			hst_json_row(&json, NULL);
			hst_json_place(&json, row);
			hst_json_u64(&json, "calls", each->calls);
			hst_json_u64(&json, "total_ns", each->total_ns);
			hst_json_u64(&json, "self_ns", each->self_ns);
			hst_json_u64(&json, "errors", each->errors);
			hst_report_cpu_json(&json, "total", &total);
			hst_report_cpu_json(&json, "self", &self);
			hst_json_bool(&json, "cpu_coarse", (each->flags & HST_ROW_CPU_COARSE) != 0);
			hst_json_end(&json);
		}
		hst_json_end(&json);
		hst_json_end(&json);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}

int hst_report_by(struct hst_report *report)
{
	enum hst_status status = HST_OK;

	if (strcmp(report->reading->options.by, "thread") != 0) {
		status = by_name(report);
	} else if (report->reading->options.json) {
		thread_json(report);
	} else if (report->reading->options.csv) {
		thread_csv(report, choose_parts(report));
	} else {
		status = thread_table(report, choose_parts(report));
	}
	return status == HST_OK ? HST_EXIT_OK
				: hst_reading_fail(report->reading, "%s", hst_status_text(status));
}
