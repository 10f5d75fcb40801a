/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten info` prints: for people, and as JSON. */
#include "cmd/info.h"

#include "cmd/answered.h"
#include "symbols/symbols.h"
#include "util/hex.h"
#include "writers/json.h"
#include "writers/units.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define PROCESSES_SHOWN 50u
#define THREADS_SHOWN   50u

struct flag_text {
	uint32_t flag;
	const char *name;
};

static const struct flag_text flag_texts[] = {
	{ HST_FLAG_FILTER_NAMES_IGNORED, "filter_names_ignored" },
	{ HST_FLAG_FILTERED, "filtered" },
	{ HST_FLAG_LIMIT_REACHED, "limit_reached" },
	{ HST_FLAG_FORKED, "forked" },
	{ HST_FLAG_STARTED_PAUSED, "started_paused" },
	{ HST_FLAG_SANDBOXED, "sandboxed" },
	{ HST_FLAG_PATH_LOST, "path_lost" },
	{ HST_FLAG_DISK_FULL, "disk_full" },
	{ HST_FLAG_BARE, "bare" },
	{ HST_FLAG_PLAN_REFUSED, "plan_refused" },
	{ HST_FLAG_RING, "ring" },
	{ HST_FLAG_NO_MEMORY, "no_memory" },
	{ HST_FLAG_CHECK_FAILED, "check_failed" },
	{ HST_FLAG_CHILD_LOST, "child_lost" },
	{ HST_FLAG_ARGUMENTS, "arguments" },
	{ HST_FLAG_ARGUMENTS_REFUSED, "arguments_refused" },
	{ HST_FLAG_VALUES, "values" },
	{ HST_FLAG_MEMO, "plan" },
	{ HST_FLAG_MEMO_REFUSED, "plan_part_refused" },
	{ HST_FLAG_PLAN_ONLY, "plan_only" },
};

#define FLAGS (sizeof flag_texts / sizeof flag_texts[0])

static const char *clock_name(const struct hst_file_header *header)
{
	return header->clock == HST_CLOCK_TSC ? "time stamp counter" : "CLOCK_MONOTONIC";
}

static const char *mode_name(const struct hst_file_header *header)
{
	return header->mode == HST_MODE_PROFILE ? "profile" : "trace";
}

static void json_process(struct hst_json *json, const struct hst_info_process *process)
{
	const struct hst_file_header *header = &process->header;
	char end[64];

	hst_info_end(process, end, sizeof end);
	hst_json_object(json, NULL);
	hst_json_u64(json, "pid", header->pid);
	hst_json_u64(json, "ppid", header->ppid);
	hst_json_string(json, "exe", (const char *)header->exe);
	hst_json_string(json, "end", end);
	hst_json_bool(json, "running", process->alive);
	hst_json_bool(json, "paused", header->control_seen == HST_CONTROL_PAUSE);
	hst_json_string(json, "mode", mode_name(header));
	hst_json_u64(json, "limit_bytes", header->limit_bytes);
	hst_json_u64(json, "ring_ns", header->ring_ns);
	hst_json_string(json, "clock", header->clock == HST_CLOCK_TSC ? "tsc" : "monotonic");
	hst_json_double(json, "ns_per_tick", process->rate.ns_per_tick, 9);
	hst_json_double(json, "clock_error", process->rate.error, 9);
	hst_json_bool(json, "clock_estimated", process->rate.estimated);
	hst_json_double(json, "own_cost_inside_ns",
		header->cost_inside_256 / 256.0 * process->rate.ns_per_tick, 3);
	hst_json_double(json, "own_cost_outside_ns",
		header->cost_outside_256 / 256.0 * process->rate.ns_per_tick, 3);
	hst_info_memory_json(json, process);
	hst_json_u64(json, "file_bytes", process->bytes);
	hst_json_u64(json, "streams", process->streams);
	hst_json_string(json, "missing", process->missing[0] == '\0' ? NULL : process->missing);
	hst_json_list(json, "flags");
	for (size_t i = 0; i < FLAGS; i++) {
		if ((header->flags & flag_texts[i].flag) != 0) {
			hst_json_string(json, NULL, flag_texts[i].name);
		}
	}
	hst_json_end(json);
	hst_json_end(json);
}

static void json_thread(struct hst_json *json, const struct hst_thread_row *thread)
{
	hst_json_row(json, NULL);
	hst_json_thread(json, thread);
	hst_json_u64(json, "events", thread->events);
	hst_json_u64(json, "bytes", thread->bytes);
	hst_json_ledger(json, &thread->ledger);
	hst_json_u64(json, "memory_lost", thread->ledger.memory_lost);
	hst_json_end(json);
}

static void json_module(struct hst_json *json, const struct hst_info_module *module)
{
	char id[65] = "";

	(void)hst_hex(id, sizeof id, module->build_id, module->build_id_bytes);
	hst_json_row(json, NULL);
	hst_json_string(json, "path", module->path);
	hst_json_string(json, "build_id", module->build_id_bytes == 0 ? NULL : id);
	hst_json_bool(json, "main", module->main);
	hst_json_bool(json, "readable", !module->unreadable);
	hst_json_bool(json, "changed", (module->flags & HST_IMAGE_BUILD_ID_DIFFERS) != 0);
	hst_json_bool(json, "hooks", (module->flags & HST_IMAGE_HAS_HOOKS) != 0);
	hst_json_bool(json, "debug_info", (module->flags & HST_IMAGE_HAS_DWARF) != 0);
	hst_json_bool(json, "stripped", (module->flags & HST_IMAGE_STRIPPED) != 0);
	hst_json_string(json, "advice", hst_info_advice(module));
	hst_json_end(json);
}

void hst_info_json(const struct hst_info *info)
{
	const struct hst_session *session = &info->reading->session;
	const struct hst_profile *profile = &info->profile;
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, profile);
	if (profile->answered_count != 0) {
		hst_answered_json(&json, profile);
	}
	hst_json_string(&json, "directory", session->dir);
	hst_json_string(&json, "command", session->command);
	hst_json_string(&json, "cwd", session->cwd);
	hst_json_u64(&json, "started", session->started);
	hst_json_bool(&json, "finished", session->finished);
	hst_json_i64(&json, "status", session->status);
	hst_json_i64(&json, "signal", session->signal);
	hst_json_u64(&json, "calls", profile->calls);
	hst_json_u64(&json, "events", profile->events);
	hst_json_u64(&json, "wall_ns", profile->wall_ns);
	hst_json_u64(&json, "own_cost_ns", profile->compensated_ns);
	hst_json_u64(&json, "argument_calls", profile->argument_calls);
	hst_json_u64(&json, "keyed_calls", profile->keyed_calls);
	hst_json_u64(&json, "keys_lost", profile->keys_lost);
	hst_json_row(&json, "cpu_clock_chunks");
	hst_json_u64(&json, "exact", profile->clock_chunks[HST_CLOCK_MODE_RSEQ]);
	hst_json_u64(&json, "gaps", profile->clock_chunks[HST_CLOCK_MODE_GAP]);
	hst_json_u64(&json, "none", profile->clock_chunks[HST_CLOCK_MODE_NONE]);
	hst_json_end(&json);
	hst_info_overhead_json(&json, info);
	hst_json_array(&json, "processes");
	for (size_t i = 0; i < info->processes.count; i++) {
		json_process(&json, &info->processes.items[i]);
	}
	hst_json_end(&json);
	hst_json_array(&json, "threads");
	for (size_t i = 0; i < profile->thread_count; i++) {
		json_thread(&json, &profile->threads[i]);
	}
	hst_json_end(&json);
	hst_json_array(&json, "modules");
	for (size_t i = 0; i < info->modules.count; i++) {
		json_module(&json, &info->modules.items[i]);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}

static void text_clock(const struct hst_profile *profile)
{
	const uint64_t *chunks = profile->clock_chunks;
	uint64_t exact = chunks[HST_CLOCK_MODE_RSEQ];
	uint64_t gaps = chunks[HST_CLOCK_MODE_GAP];
	uint64_t all = exact + gaps + chunks[HST_CLOCK_MODE_NONE];

	if (all != 0 && exact + gaps == 0) {
		hst_print_line("CPU time   not recorded");
	} else if (all != 0) {
		hst_print_line("CPU time   %" PRIu64 " of %" PRIu64
			       " chunks of events exact, %" PRIu64
			       " without short absences, %" PRIu64 " without CPU time",
			exact, all, gaps, chunks[HST_CLOCK_MODE_NONE]);
	}
}

static void text_session(const struct hst_info *info)
{
	const struct hst_session *session = &info->reading->session;
	const struct hst_profile *profile = &info->profile;
	char count[HST_UNITS_BYTES];
	char wall[HST_UNITS_BYTES];
	char cost[HST_UNITS_BYTES];
	char inside[HST_UNITS_BYTES];
	char outside[HST_UNITS_BYTES];
	char when[64] = "";
	time_t started = (time_t)session->started;
	struct tm parts;

	hst_print_line("directory  %s", session->dir);
	if (session->command != NULL) {
		hst_print_line("command    %s", session->command);
	}
	if (session->started != 0 && localtime_r(&started, &parts) != NULL &&
		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts) != 0) {
		hst_print_line("started    %s", when);
	}
	if (session->signal > 0) {
		hst_print_line("ended      by signal %d", session->signal);
	} else if (session->status >= 0) {
		hst_print_line("ended      with status %d", session->status);
	}
	hst_units_count(count, profile->calls);
	hst_units_ns(wall, (double)profile->wall_ns);
	hst_print_line("recorded   %s calls in %s", count, wall);
	hst_units_ns(cost, (double)profile->compensated_ns);
	(void)snprintf(inside, sizeof inside, "%.1f ns", profile->cost_inside_ns);
	(void)snprintf(outside, sizeof outside, "%.1f ns", profile->cost_outside_ns);
	hst_print_line("own cost   %s within the functions: per call %s in the callee, %s in the "
		       "caller",
		cost, inside, outside);
	if (profile->argument_calls != 0) {
		hst_print_line("arguments  %" PRIu64 " of %" PRIu64 " calls have a key; %" PRIu64
			       " keys or results could not be read",
			profile->keyed_calls, profile->argument_calls, profile->keys_lost);
	}
	text_clock(profile);
	hst_info_overhead_text(info);
	hst_info_memory_text(info);
}

static enum hst_status print(struct hst_info *info, struct hst_table *table, size_t left_out)
{
	enum hst_status status;

	putchar('\n');
	status = hst_table_print(table, stdout, &info->reading->style);
	if (left_out != 0) {
		hst_print_line("[%zu others, see --json]", left_out);
	}
	hst_table_destroy(table);
	return status;
}

static struct hst_table *make_table(const char *const *titles, unsigned flags)
{
	struct hst_table *table = hst_table_create();

	for (; table != NULL && *titles != NULL; titles++) {
		/* The last column is text; what `flags` says of the others. */
		hst_table_column(table, *titles, titles[1] == NULL ? HST_COLUMN_FLEX : flags);
	}
	return table;
}

static enum hst_status text_processes(struct hst_info *info)
{
	static const char *const titles[] = { "PROCESS", "MODE", "LIMIT", "CLOCK", "ERROR", "FILE",
		"END", "PROGRAM", NULL };
	struct hst_table *table = make_table(titles, 0);
	size_t count = info->processes.count;
	size_t shown = count < PROCESSES_SHOWN ? count : PROCESSES_SHOWN;
	char text[1100];

	for (size_t i = 0; table != NULL && i < shown; i++) {
		const struct hst_info_process *process = &info->processes.items[i];
		const struct hst_file_header *header = &process->header;

		hst_table_row(table);
		(void)snprintf(text, sizeof text, "%" PRIu32, header->pid);
		hst_table_cell(table, text);
		(void)snprintf(text, sizeof text, "%s%s", mode_name(header),
			(header->flags & HST_FLAG_LIMIT_REACHED) != 0 ? ", then profile" : "");
		hst_table_cell(table, text);
		hst_units_bytes(text, header->limit_bytes);
		hst_table_cell(table, header->limit_bytes == 0 ? "-" : text);
		hst_table_cell(table, clock_name(header));
		(void)snprintf(text, sizeof text, "%.2g %%%s", process->rate.error * 100,
			process->rate.estimated ? " (estimate)" : "");
		hst_table_cell(table, text);
		hst_units_bytes(text, process->bytes);
		hst_table_cell(table, text);
		hst_info_end(process, text, sizeof text);
		hst_table_cell(table, text);
		hst_table_cell(table, (const char *)header->exe);
	}
	return table == NULL ? HST_E_MEMORY : print(info, table, count - shown);
}

static enum hst_status text_threads(struct hst_info *info)
{
	static const char *const titles[] = { "PROCESS", "THREAD", "CALLS", "EVENTS", "BYTES",
		"LOST", "UNWOUND", "MISSED", "UNMATCHED", "SWITCHES", "NESTED", "LANE", NULL };
	struct hst_table *table = make_table(titles, HST_COLUMN_RIGHT);
	size_t count = info->profile.thread_count;
	size_t shown = count < THREADS_SHOWN ? count : THREADS_SHOWN;
	char text[HST_UNITS_BYTES];

	for (size_t i = 0; table != NULL && i < shown; i++) {
		const struct hst_thread_row *thread = &info->profile.threads[i];

		hst_table_row(table);
		(void)snprintf(text, sizeof text, "%" PRIu32, thread->pid);
		hst_table_cell(table, text);
		(void)snprintf(text, sizeof text, "%" PRIu32, thread->tid);
		hst_table_cell(table, text);
		hst_cell_count(table, thread->calls);
		hst_cell_count(table, thread->events);
		hst_units_bytes(text, thread->bytes);
		hst_table_cell(table, text);
		hst_cell_count(table, thread->ledger.lost_calls);
		hst_cell_count(table, thread->ledger.unwound);
		hst_cell_count(table, thread->ledger.missed_exits);
		hst_cell_count(table, thread->ledger.unmatched);
		hst_cell_count(table, thread->ledger.switches);
		hst_cell_count(table, thread->ledger.nested_lost);
		hst_table_cell(table, thread->lane == HST_LANE_MAIN ? "main" : "signals");
	}
	return table == NULL ? HST_E_MEMORY : print(info, table, count - shown);
}

static enum hst_status text_modules(struct hst_info *info)
{
	struct hst_table *table = hst_table_create();

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	hst_table_column(table, "HOOKS", 0);
	hst_table_column(table, "DEBUG", 0);
	hst_table_column(table, "MODULE", HST_COLUMN_FLEX);
	hst_table_column(table, "WHAT TO DO", 0);
	for (size_t i = 0; i < info->modules.count; i++) {
		const struct hst_info_module *module = &info->modules.items[i];

		hst_table_row(table);
		hst_table_cell(table, module->unreadable                           ? "?"
				      : (module->flags & HST_IMAGE_HAS_HOOKS) != 0 ? "yes"
										   : "no");
		hst_table_cell(table, module->unreadable                           ? "?"
				      : (module->flags & HST_IMAGE_HAS_DWARF) != 0 ? "yes"
										   : "no");
		hst_table_cell(table, module->path);
		hst_table_cell(table, hst_info_advice(module));
	}
	return print(info, table, 0);
}

enum hst_status hst_info_text(struct hst_info *info)
{
	hst_reading_begin_text(info->reading);
	hst_answered_alarm(info->reading, &info->profile);
	text_session(info);
	hst_reading_notes(info->reading, &info->profile);
	HST_TRY(text_processes(info));
	HST_TRY(text_threads(info));
	HST_TRY(text_modules(info));
	if (info->profile.answered_count != 0) {
		putchar('\n');
		HST_TRY(hst_answered_text(info->reading, &info->profile));
	}
	if (!info->reading->options.quiet) {
		putchar('\n');
	}
	hst_reading_next(info->reading, "report", NULL);
	return HST_OK;
}
