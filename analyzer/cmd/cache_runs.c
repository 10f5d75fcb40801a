/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten cache DIR DIR...`: results that are the same in several recordings. */
#include "cmd/cache.h"

#include "cmd/commands.h"
#include "passes/cache_runs.h"
#include "writers/json.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT 20u
/* A lookup on disk: opening or reading what is in memory of the system already takes some microseconds. */
#define DISK_NS 10000u

struct view {
	const struct hst_cache_show *first;
	const struct hst_cache_show *shows;
	size_t show_count;
	struct hst_cache_runs runs;
	double wall_ns; /* of all */
};

static const char *verdict_of(const struct hst_cache_across *across)
{
	if (across->shared == 0 && across->contradicting == 0) {
		return across->unknown != 0 ? "no results were seen" : "no arguments came again";
	}
	if (across->contradicting != 0) {
		return "results differ";
	}
	return across->first_ns / DISK_NS < across->shared ? "a lookup on disk takes longer"
							   : "worth keeping on disk";
}

static void add_row(
	const struct view *view, struct hst_table *table, const struct hst_cache_across *across)
{
	char text[HST_CACHE_CELL];

	hst_table_row(table);
	hst_cache_ns_cell(text, (double)across->first_ns);
	hst_table_cell(table, text);
	hst_cache_ns_cell(text, (double)across->shared_ns);
	hst_table_cell(table, text);
	hst_units_percent(text, (double)across->shared_ns, view->wall_ns);
	hst_table_cell(table, text);
	hst_cell_count(table, across->runs);
	hst_cell_count(table, across->keys);
	hst_cell_count(table, across->shared);
	hst_cell_count(table, across->contradicting);
	hst_table_cell(table, verdict_of(across));
	hst_table_cell(table, hst_row_name(&view->first->reading->options, across->row));
	hst_row_place(text, sizeof text, across->row);
	hst_table_cell(table, text);
}

static void say_below(const struct view *view, size_t more)
{
	bool sampled = false;

	for (size_t i = 0; i < view->runs.count; i++) {
		sampled = sampled || view->runs.items[i].sampled;
	}
	if (more != 0) {
		hst_print_line("%zu more rows; -n 0 shows all", more);
	}
	if (sampled) {
		hst_print_line("%s",
			"incomplete: functions with too many calls are there with a share of their keys; of several with one name and file, one");
	}
	hst_print_line("%s",
		"first calls: what only a cache that outlives the program saves; shared: keys with the same result in several "
		"recordings. Addresses as arguments are the same key without being the same data, or differ where they are the same");
	for (size_t i = 0; i < view->show_count; i++) {
		if (view->shows[i].said != NULL) {
			hst_reading_notes(view->shows[i].reading, view->shows[i].said);
		}
	}
}

static enum hst_status print_text(const struct view *view)
{
	static const char *const titles[] = { "FIRST CALLS", "TIME", "%", "RUNS", "KEYS", "SHARED",
		"CONTRADICT", "VERDICT", "FUNCTION", "FILE" };
	uint64_t asked = view->first->reading->options.rows;
	size_t most = asked == UINT64_MAX ? ROWS_DEFAULT : (size_t)asked;
	size_t shown = 0;
	size_t more = 0;
	struct hst_table *table;
	enum hst_status status;

	hst_reading_begin_text(view->first->reading);
	table = hst_table_create();
	if (table == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
		hst_table_column(table, titles[i], i < 7 ? HST_COLUMN_RIGHT : HST_COLUMN_FLEX);
	}
	for (size_t i = 0; i < view->runs.count; i++) {
		if (!hst_reading_wants(view->first->reading, view->runs.items[i].row)) {
			continue;
		}
		if (shown < most || most == 0) {
			add_row(view, table, &view->runs.items[i]);
			shown++;
		} else {
			more++;
		}
	}
	status = hst_table_print(table, stdout, &view->first->reading->style);
	hst_table_destroy(table);
	say_below(view, more);
	return status;
}

static void json_row(struct hst_json *json, const struct hst_cache_across *across)
{
	hst_json_object(json, NULL);
	hst_json_place(json, across->row);
	hst_json_u64(json, "recordings", across->runs);
	hst_json_u64(json, "keys", across->keys);
	hst_json_u64(json, "shared_keys", across->shared);
	hst_json_u64(json, "contradicting_keys", across->contradicting);
	hst_json_u64(json, "shared_keys_without_result", across->unknown);
	hst_json_u64(json, "shared_ns", across->shared_ns);
	hst_json_u64(json, "first_calls_ns", across->first_ns);
	hst_json_bool(json, "sampled", across->sampled);
	hst_json_string(json, "verdict", verdict_of(across));
	hst_json_end(json);
}

static void print_json(const struct view *view)
{
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_string(&json, "command", "cache");
	hst_json_array(&json, "recordings");
	for (size_t i = 0; i < view->show_count; i++) {
		hst_json_object(&json, NULL);
		hst_json_string(&json, "directory", view->shows[i].reading->session.dir);
		hst_json_u64(&json, "wall_ns", view->shows[i].wall_ns);
		hst_json_u64(&json, "calls", view->shows[i].cache->calls);
		hst_json_notes(&json, view->shows[i].said);
		hst_json_end(&json);
	}
	hst_json_end(&json);
	hst_json_array(&json, "functions");
	for (size_t i = 0; i < view->runs.count; i++) {
		if (hst_reading_wants(view->first->reading, view->runs.items[i].row)) {
			json_row(&json, &view->runs.items[i]);
		}
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}

enum hst_status hst_cache_print_runs(const struct hst_cache_show *shows, size_t count)
{
	struct view view = { .first = &shows[0], .shows = shows, .show_count = count };
	struct hst_cache_run *runs = calloc(count, sizeof *runs);
	enum hst_status status = HST_E_MEMORY;

	for (size_t i = 0; runs != NULL && i < count; i++) {
		runs[i] = (struct hst_cache_run){ shows[i].cache, shows[i].rows };
		view.wall_ns += (double)shows[i].wall_ns;
	}
	if (runs != NULL) {
		status = hst_cache_compare_runs(runs, count, &view.runs);
	}
	if (status == HST_OK && view.first->reading->options.json) {
		print_json(&view);
	} else if (status == HST_OK) {
		status = print_text(&view);
	}
	free(view.runs.items);
	free(runs);
	return status;
}
