/* SPDX-License-Identifier: Apache-2.0 */
/* `report --blocked`: the stretches in which a thread was not on a CPU, longest first, with the calls that were open. */
#include "cmd/commands.h"
#include "cmd/report.h"

#include "passes/calltree.h"
#include "writers/csv.h"
#include "writers/json.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT 20u
#define PATH_BYTES   1000u /* of a cell of the table */
#define LEAST_US     1000u
#define NS_PER_US    1000u

static const char *const meaning =
	"asleep, waiting, or ready while other threads had the CPU: this clock does not tell them apart";

static const struct hst_function_row *row_of(
	const struct hst_report *report, const struct hst_blocked *blocked)
{
	return blocked->function < report->profile->function_count
		       ? &report->profile->functions[blocked->function]
		       : NULL;
}

/* The functions from the outermost one to that of the event, all that the tree of calls has; returns how many. */
static size_t path_of(const struct hst_report *report, const struct hst_blocked *blocked,
	const struct hst_function_row *path[HST_CONTEXT_DEPTH_MAX])
{
	const struct hst_profile *profile = report->profile;
	uint32_t node = blocked->context;
	size_t count = 0;

	for (; node != 0 && node < profile->context_count && count < HST_CONTEXT_DEPTH_MAX;
		node = profile->contexts[node].parent) {
		uint32_t function = profile->contexts[node].function;

		if (function < profile->function_count) {
			path[count++] = &profile->functions[function];
		}
	}
	for (size_t i = 0; i < count / 2; i++) {
		const struct hst_function_row *other = path[i];

		path[i] = path[count - 1 - i];
		path[count - 1 - i] = other;
	}
	return count;
}

/* The innermost calls that there is room for; what is cut off is told at the front. */
static void put_path(
	const struct hst_report *report, const struct hst_blocked *blocked, char buffer[PATH_BYTES])
{
	static const char between[] = " > ";
	const struct hst_options *options = &report->reading->options;
	const struct hst_function_row *path[HST_CONTEXT_DEPTH_MAX];
	size_t count = path_of(report, blocked, path);
	/* As much as a word on what is cut off may take. */
	size_t room = PATH_BYTES - 40;
	size_t first = count;
	size_t used = 0;

	while (first > 0 &&
		strlen(hst_row_name(options, path[first - 1])) + sizeof between <= room) {
		room -= strlen(hst_row_name(options, path[--first])) + sizeof between - 1;
	}
	buffer[0] = '\0';
	if (first > 0) {
		used = (size_t)snprintf(
			buffer, PATH_BYTES, "[%zu more]%s", first, first < count ? between : "");
	}
	for (size_t i = first; i < count && used < PATH_BYTES; i++) {
		used += (size_t)snprintf(buffer + used, PATH_BYTES - used, "%s%s",
			hst_row_name(options, path[i]), i + 1 < count ? between : "");
	}
}

/* All of it, between semicolons. The caller's to free; NULL: out of memory. */
static char *whole_path(const struct hst_report *report, const struct hst_blocked *blocked)
{
	const struct hst_function_row *path[HST_CONTEXT_DEPTH_MAX];
	size_t count = path_of(report, blocked, path);
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (out == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s%s", i == 0 ? "" : ";",
			hst_row_name(&report->reading->options, path[i]));
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static uint64_t start_of(const struct hst_blocked *blocked)
{
	return blocked->end_ns > blocked->off_ns ? blocked->end_ns - blocked->off_ns : 0;
}

static bool is_wanted(const struct hst_report *report, const struct hst_blocked *blocked)
{
	const struct hst_function_row *row = row_of(report, blocked);

	return row != NULL ? hst_reading_wants(report->reading, row)
			   : report->reading->filter == NULL;
}

static uint64_t rows_asked(const struct hst_report *report, uint64_t otherwise)
{
	uint64_t rows = report->reading->options.rows;

	rows = rows == UINT64_MAX ? otherwise : rows;
	return rows == 0 ? UINT64_MAX : rows;
}

static void print_json(const struct hst_report *report)
{
	const struct hst_profile *profile = report->profile;
	uint64_t rows = rows_asked(report, 0);
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, profile);
	hst_json_bool(&json, "known", hst_profile_has_cpu(profile));
	hst_json_string(&json, "meaning", meaning);
	hst_json_u64(&json, "left_out", profile->blocked_dropped);
	hst_json_array(&json, "blocked");
	for (size_t i = 0; i < profile->blocked_count && rows > 0; i++) {
		const struct hst_blocked *blocked = &profile->blocked[i];
		const struct hst_function_row *path[HST_CONTEXT_DEPTH_MAX];
		size_t count = path_of(report, blocked, path);

		if (!is_wanted(report, blocked)) {
			continue;
		}
		rows--;
		hst_json_row(&json, NULL);
		hst_json_u64(&json, "off_cpu_ns", blocked->off_ns);
		hst_json_u64(&json, "start_ns", start_of(blocked));
		hst_json_u64(&json, "end_ns", blocked->end_ns);
		hst_json_u64(&json, "pid", blocked->pid);
		hst_json_u64(&json, "tid", blocked->tid);
		hst_json_u64(&json, "stream", blocked->stream);
		hst_json_bool(&json, "to_the_end", blocked->open);
		hst_json_place(&json, row_of(report, blocked));
		hst_json_list(&json, "path");
		for (size_t k = 0; k < count; k++) {
			hst_json_string(
				&json, NULL, hst_row_name(&report->reading->options, path[k]));
		}
		hst_json_end(&json);
		hst_json_end(&json);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}

static void print_csv(const struct hst_report *report)
{
	static const char *const names[] = { "off_cpu_ns", "start_ns", "end_ns", "pid", "tid",
		"stream", "to_the_end", "name", "path" };
	const struct hst_profile *profile = report->profile;
	uint64_t rows = rows_asked(report, 0);
	struct hst_csv csv = { .out = stdout };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		hst_csv_string(&csv, names[i]);
	}
	hst_csv_line(&csv);
	for (size_t i = 0; i < profile->blocked_count && rows > 0; i++) {
		const struct hst_blocked *blocked = &profile->blocked[i];
		const struct hst_function_row *row = row_of(report, blocked);
		char *path;

		if (!is_wanted(report, blocked)) {
			continue;
		}
		rows--;
		path = whole_path(report, blocked);
		hst_csv_u64(&csv, blocked->off_ns);
		hst_csv_u64(&csv, start_of(blocked));
		hst_csv_u64(&csv, blocked->end_ns);
		hst_csv_u64(&csv, blocked->pid);
		hst_csv_u64(&csv, blocked->tid);
		hst_csv_u64(&csv, blocked->stream);
		hst_csv_u64(&csv, blocked->open);
		if (row != NULL) {
			hst_csv_string(&csv, hst_row_name(&report->reading->options, row));
		} else {
			hst_csv_empty(&csv);
		}
		hst_csv_string(&csv, path == NULL ? "[out of memory]" : path);
		free(path);
		hst_csv_line(&csv);
	}
	hst_reading_losses(report->reading, profile);
}

static void table_row(
	const struct hst_report *report, struct hst_table *table, const struct hst_blocked *blocked)
{
	const struct hst_function_row *row = row_of(report, blocked);
	char number[HST_UNITS_BYTES];
	char path[PATH_BYTES];

	hst_table_row(table);
	hst_units_ns(number, (double)blocked->off_ns);
	hst_table_cell(table, number);
	hst_units_ns(number, (double)start_of(blocked));
	hst_table_cell(table, number);
	(void)snprintf(number, sizeof number, "%" PRIu32, blocked->tid);
	hst_table_cell(table, number);
	hst_table_cell(table, blocked->open ? "to the end" : "");
	hst_table_cell(
		table, row == NULL ? "[none]" : hst_row_name(&report->reading->options, row));
	put_path(report, blocked, path);
	hst_table_cell(table, path);
}

uint64_t hst_report_least_ns(const struct hst_options *options)
{
	uint64_t us = options->least_us == UINT64_MAX ? LEAST_US : options->least_us;

	return us < UINT64_MAX / NS_PER_US ? us * NS_PER_US : UINT64_MAX;
}

/* What stands where the rows would. */
static void say_none(const struct hst_report *report)
{
	char least[HST_UNITS_BYTES];

	if (report->profile->blocked_count != 0) {
		hst_print_line("no stretch is within a function that --filter '%s' chooses",
			report->reading->options.filter);
	} else if (hst_profile_has_cpu(report->profile)) {
		hst_units_ns(least, (double)hst_report_least_ns(&report->reading->options));
		hst_print_line("no thread was off the CPU for %s or longer at a time; --least asks "
			       "for shorter stretches",
			least);
	}
}

static int print_table(struct hst_report *report)
{
	const struct hst_profile *profile = report->profile;
	struct hst_reading *reading = report->reading;
	struct hst_table *table = hst_table_create();
	uint64_t rows = rows_asked(report, ROWS_DEFAULT);
	uint64_t more = profile->blocked_dropped;
	size_t shown = 0;
	enum hst_status status = table == NULL ? HST_E_MEMORY : HST_OK;

	if (status == HST_OK) {
		hst_table_column(table, "OFF-CPU", HST_COLUMN_RIGHT);
		hst_table_column(table, "FROM", HST_COLUMN_RIGHT);
		hst_table_column(table, "THREAD", HST_COLUMN_RIGHT);
		hst_table_column(table, "", 0);
		hst_table_column(table, "FUNCTION", HST_COLUMN_FLEX);
		hst_table_column(table, "PATH", HST_COLUMN_FLEX);
	}
	for (size_t i = 0; status == HST_OK && i < profile->blocked_count; i++) {
		if (!is_wanted(report, &profile->blocked[i])) {
			continue;
		}
		if (shown < rows) {
			table_row(report, table, &profile->blocked[i]);
			shown++;
		} else {
			more++;
		}
	}
	hst_reading_begin_text(reading);
	hst_reading_notes(reading, profile);
	if (!reading->options.quiet) {
		hst_print_line("%s", hst_profile_has_cpu(profile)
					     ? meaning
					     : "CPU time was not recorded: nothing is known of it");
	}
	if (status == HST_OK && shown != 0) {
		status = hst_table_print(table, stdout, &reading->style);
	}
	if (status == HST_OK && shown == 0) {
		say_none(report);
	}
	if (more != 0 && !reading->options.quiet) {
		hst_print_line("%" PRIu64 " shorter one%s left out", more, more == 1 ? "" : "s");
	}
	if (!reading->options.quiet) {
		putchar('\n');
	}
	hst_reading_next(reading, "tree --off-cpu", NULL);
	hst_table_destroy(table);
	return status == HST_OK ? HST_EXIT_OK : hst_reading_fail(reading, "out of memory");
}

int hst_report_blocked(struct hst_report *report)
{
	if (report->reading->options.json) {
		print_json(report);
		return HST_EXIT_OK;
	}
	if (report->reading->options.csv) {
		print_csv(report);
		return HST_EXIT_OK;
	}
	return print_table(report);
}
