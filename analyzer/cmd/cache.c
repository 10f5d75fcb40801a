/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten cache`: which calls repeat, and what a cache of their results would gain. */
#include "cmd/cache.h"

#include "cmd/answered.h"
#include "cmd/cache_baseline.h"
#include "cmd/commands.h"
#include "passes/arguments.h"
#include "passes/cache_processes.h"
#include "passes/cache_writes.h"
#include "passes/processes.h"
#include "writers/json.h"

#include <stdlib.h>
#include <string.h>

static const struct hst_option options[] = {
	{ 0, "explain", "FUNCTION", HST_OPTION_TEXT, HST_OPTION_AT(explain),
		"all about one row: arguments, values (run --values), results, times, curve" },
	{ 0, "patch", "FUNCTION", HST_OPTION_TEXT, HST_OPTION_AT(patch),
		"write a cache of its results: a diff against the source, or the code of it" },
	{ 'o', "output", "FILE", HST_OPTION_TEXT, HST_OPTION_AT(output),
		"write what --patch makes here instead of to standard output" },
	{ 0, "force", NULL, HST_OPTION_FLAG, HST_OPTION_AT(force),
		"--patch also where it is not worth it" },
	{ 0, "processes", NULL, HST_OPTION_FLAG, HST_OPTION_AT(processes),
		"programs that ran, in place of functions" },
	{ 0, "pure", "FILE", HST_OPTION_TEXT, HST_OPTION_AT(pure),
		"functions whose result hangs on their arguments alone: a list (GLOB, one a line), or gcc's warnings (-Wsuggest-attribute=pure, =const)" },
	{ 0, "baseline", "DIR,...", HST_OPTION_TEXT, HST_OPTION_AT(baseline),
		"recordings of the same work without hooks, and with hooks without --args: gains as of the program without hooks" },
	{ 'n', "rows", "ROWS", HST_OPTION_COUNT, HST_OPTION_AT(rows),
		"rows of the table, 0 = all (default 20; all with --json and --csv)" },
	{ 's', "sort", "COLUMN", HST_OPTION_TEXT, HST_OPTION_AT(sort),
		"sort by gain (default), calls, keys, hits, cost or saved" },
	{ 'r', "reverse", NULL, HST_OPTION_FLAG, HST_OPTION_AT(reverse), "the other way round" },
	{ 'F', "filter", "EXPR", HST_OPTION_TEXT, HST_OPTION_AT(filter),
		"rows: GLOB, !GLOB, module:GLOB, file:GLOB, separated by commas" },
	{ 0, "process", "PID", HST_OPTION_COUNT, HST_OPTION_AT(pid), "this process only" },
	{ 0, "thread", "TID", HST_OPTION_COUNT, HST_OPTION_AT(tid), "this thread only" },
	{ 0, "names", "FORM", HST_OPTION_TEXT, HST_OPTION_AT(names),
		"names: short (default), full or linkage" },
	{ 0, "json", NULL, HST_OPTION_FLAG, HST_OPTION_AT(json), "JSON: everything" },
	{ 0, "csv", NULL, HST_OPTION_FLAG, HST_OPTION_AT(csv),
		"comma-separated values of the table" },
	HST_OPTION_TABLE_END_DIRS,
};

static const char examples[] =
	"  hasten run --args -- ./app       record with arguments and results\n"
	"  hasten cache                     what a cache would gain, most first\n"
	"  hasten cache --explain parse     why\n"
	"  hasten cache --patch parse       the cache as a diff: | patch -p1\n"
	"  hasten cache --processes         commands that ran more than once (any recording)\n"
	"  hasten cache run1 run2 run3      results that are the same in several recordings\n";

/* One analysis and what it needs to be shown. */
struct cache_run {
	struct hst_reading reading;
	struct hst_profile profile;
	struct hst_processes processes;
	struct hst_cache_gather gather;
	struct hst_arguments arguments; /* with --explain */
	struct hst_cache_baseline baseline;
	struct hst_cache cache;
	struct hst_cache_proofs proofs;
	struct hst_cache_log *logs; /* of processes */
	uint32_t *examples;
	struct hst_function_row *rows;
	size_t log_count;
	struct hst_cache_show show;
	bool only_answered; /* no call has a key: nothing but what a plan did can be shown */
};

static const char *refuse(const struct hst_options *asked)
{
	if (asked->json && asked->csv) {
		return "--json and --csv do not go together";
	}
	if (asked->explain != NULL && asked->csv) {
		return "--explain and --csv do not go together: --json has all of it";
	}
	if (asked->patch != NULL &&
		(asked->json || asked->csv || asked->explain != NULL || asked->processes)) {
		return "--patch writes source code: it does not go together with --explain, --processes, --json and --csv";
	}
	if (asked->patch == NULL && (asked->output != NULL || asked->force)) {
		return "-o and --force belong to --patch FUNCTION";
	}
	if (asked->also_count != 0 &&
		(asked->processes || asked->csv || asked->explain != NULL || asked->patch != NULL ||
			asked->sort != NULL || asked->reverse)) {
		return "several recordings do not go together with --processes, --explain, --patch, --csv, --sort and --reverse";
	}
	if (asked->processes && (asked->pure != NULL || asked->tid != 0 || asked->pid != 0)) {
		return "--processes does not go together with --pure, --process and --thread";
	}
	if (asked->baseline != NULL && (asked->processes || asked->also_count != 0 ||
					       asked->tid != 0 || asked->pid != 0)) {
		return "--baseline does not go together with several recordings, --processes, --process and --thread";
	}
	if (asked->names != NULL && strcmp(asked->names, "short") != 0 &&
		strcmp(asked->names, "full") != 0 && strcmp(asked->names, "linkage") != 0) {
		return "--names takes short, full or linkage";
	}
	return NULL;
}

static int fail_with(
	const struct cache_run *run, enum hst_status status, const struct hst_diag *diag)
{
	return hst_reading_fail(
		&run->reading, "%s", diag->text[0] != '\0' ? diag->text : hst_status_text(status));
}

static int read_pure(struct cache_run *run, size_t count)
{
	const struct hst_cache_pure pure = { .reading = &run->reading,
		.rows = run->profile.functions,
		.logs = run->gather.logs.items,
		.count = count };
	const char *path = run->reading.options.pure;

	return path == NULL ? HST_EXIT_OK : hst_cache_read_pure(&pure, path);
}

static int show(struct cache_run *run)
{
	run->show.reading = &run->reading;
	run->show.cache = &run->cache;
	return hst_cache_print(&run->show);
}

static int read_calls(struct cache_run *run, const struct hst_profile_options *asked)
{
	int result = HST_EXIT_OK;

	if (run->reading.options.baseline != NULL) {
		result = hst_cache_baseline_read(&run->reading, &run->baseline);
		run->gather.correction = &run->baseline.correction;
		run->show.baseline = &run->baseline;
	}
	if (result == HST_EXIT_OK) {
		result = hst_reading_profile(&run->reading, asked, &run->profile);
	}
	if (result == HST_EXIT_OK && run->baseline.used) {
		result = hst_cache_baseline_check(&run->reading, &run->baseline, &run->profile);
	}
	return result;
}

static int no_calls(const struct cache_run *run)
{
	return hst_reading_fail(&run->reading,
		"%s has no arguments and results of calls; record again with hasten run --args -- PROGRAM "
		"(hasten cache --processes works without)",
		run->reading.options.also_count == 0 ? "this recording" : run->reading.session.dir);
}

/* What a plan did, where there are no calls with arguments to say more. */
static int show_answered(struct cache_run *run)
{
	struct hst_json json;
	enum hst_status status = HST_OK;

	if (run->reading.options.json) {
		hst_json_begin(&json, stdout);
		hst_json_object(&json, NULL);
		hst_json_u64(&json, "schema", 1);
		hst_json_notes(&json, &run->profile);
		hst_answered_json(&json, &run->profile);
		hst_json_array(&json, "functions");
		hst_json_end(&json);
		hst_json_end(&json);
		hst_json_finish(&json);
	} else {
		hst_reading_begin_text(&run->reading);
		hst_answered_alarm(&run->reading, &run->profile);
		status = hst_answered_text(&run->reading, &run->profile);
		hst_reading_notes(&run->reading, &run->profile);
		hst_print_line("%s",
			"no arguments were recorded, so what else repeats is not known: hasten run --args -- PROGRAM");
	}
	return status == HST_OK ? HST_EXIT_OK
				: hst_reading_fail(&run->reading, "%s", hst_status_text(status));
}

/* Reads the recording and analyses it. */
static int load(struct cache_run *run, bool sums)
{
	struct hst_profile_options asked = { .gather = &run->gather };
	struct hst_cache_options how = { .seed = 1, .sums = sums, .alone = sums };
	struct hst_diag diag = { "" };
	enum hst_status status;
	size_t count;
	int result;

	if (run->reading.options.explain != NULL) {
		run->arguments.name = run->reading.options.explain;
		run->gather.see = hst_arguments_see;
		run->gather.seer = &run->arguments;
		run->show.arguments = &run->arguments;
	}
	result = read_calls(run, &asked);
	if (result != HST_EXIT_OK) {
		return result;
	}
	hst_arguments_sort(&run->arguments);
	if (run->arguments.out_of_memory) {
		return fail_with(run, HST_E_MEMORY, &diag);
	}
	count = hst_cache_gather_settle(&run->gather);
	if (count == 0) {
		run->only_answered =
			run->profile.answered_count != 0 && !sums && !run->reading.options.csv;
		return run->only_answered ? HST_EXIT_OK : no_calls(run);
	}
	result = read_pure(run, count);
	if (result != HST_EXIT_OK) {
		return result;
	}
	status = hst_cache_mark_writers(&run->profile, run->gather.logs.items, count);
	if (status != HST_OK) {
		return fail_with(run, status, &diag);
	}
	how.process_of = run->gather.process_of.items;
	how.thread_count = run->gather.process_of.count;
	status = hst_cache_analyse(run->gather.logs.items, count, &how, &run->cache);
	if (status != HST_OK) {
		return fail_with(run, status, &diag);
	}
	status = hst_cache_prove(
		&run->profile, &run->cache, run->reading.options.explain != NULL, &run->proofs);
	if (status != HST_OK) {
		return fail_with(run, status, &diag);
	}
	run->show.proofs = &run->proofs;
	run->show.rows = run->profile.functions;
	run->show.said = &run->profile;
	run->show.wall_ns = run->profile.wall_ns;
	run->show.unended = run->gather.unended;
	run->show.unmatched = run->gather.unmatched;
	run->show.values = run->gather.values.rows.count != 0;
	run->show.reading = &run->reading;
	run->show.cache = &run->cache;
	return HST_EXIT_OK;
}

static int run_functions(struct cache_run *run)
{
	int result = load(run, false);

	if (result == HST_EXIT_OK && run->only_answered) {
		return show_answered(run);
	}
	return result == HST_EXIT_OK ? show(run) : result;
}

static void finish(struct cache_run *run)
{
	if (run->show.processes) {
		/* its notes are borrowed */
		run->profile = (struct hst_profile){ 0 };
	}
	for (size_t i = 0; i < run->log_count; i++) {
		hst_cache_log_finish(&run->logs[i]);
	}
	free(run->logs);
	free(run->examples);
	free(run->rows);
	free(run->show.order);
	hst_cache_proofs_finish(&run->proofs);
	hst_cache_finish(&run->cache);
	hst_cache_gather_finish(&run->gather);
	hst_arguments_finish(&run->arguments);
	hst_processes_finish(&run->processes);
	hst_cache_baseline_finish(&run->baseline);
	hst_profile_finish(&run->profile);
	hst_reading_close(&run->reading);
}

/* Another recording, with the same options. */
static int load_other(const struct cache_run *first, const char *dir, struct cache_run *run)
{
	struct hst_diag diag = { "" };
	enum hst_status status;

	run->reading.command = first->reading.command;
	run->reading.options = first->reading.options;
	run->reading.options.dir = dir;
	status = hst_session_open(dir, &run->reading.session, &diag);
	return status == HST_OK ? load(run, true) : fail_with(run, status, &diag);
}

static int run_several(struct cache_run *run)
{
	size_t also = run->reading.options.also_count;
	struct cache_run *others = calloc(also, sizeof *others);
	struct hst_cache_show *shows = calloc(also + 1, sizeof *shows);
	int result;

	if (others == NULL || shows == NULL) {
		free(others);
		free(shows);
		return hst_reading_fail(&run->reading, "%s", hst_status_text(HST_E_MEMORY));
	}
	result = load(run, true);

	for (size_t i = 0; i < also && result == HST_EXIT_OK; i++) {
		result = load_other(run, run->reading.options.also[i], &others[i]);
		shows[i + 1] = others[i].show;
	}
	if (result == HST_EXIT_OK) {
		enum hst_status status;

		shows[0] = run->show;
		status = hst_cache_print_runs(shows, also + 1);
		result = status == HST_OK
				 ? HST_EXIT_OK
				 : hst_reading_fail(&run->reading, "%s", hst_status_text(status));
	}
	for (size_t i = 0; i < also; i++) {
		finish(&others[i]);
	}
	free(others);
	free(shows);
	return result;
}

/* Programs as rows of functions. */
static bool name_programs(struct cache_run *run)
{
	run->rows = calloc(run->log_count + 1, sizeof *run->rows);
	for (size_t i = 0; run->rows != NULL && i < run->log_count; i++) {
		const struct hst_process_image *image = &run->processes.images[run->examples[i]];

		run->rows[i] = (struct hst_function_row){ .name = image->command,
			.full = image->exe,
			.linkage = image->exe,
			.module = image->exe,
			.file = image->exe };
	}
	return run->rows != NULL;
}

static int run_processes(struct cache_run *run)
{
	static const struct hst_cache_costs free_of_charge = { { { 1, 0, 0 } }, 1, 0, 0 };
	struct hst_cache_options how = { .costs = &free_of_charge, .seed = 1, .alone = true };
	struct hst_diag diag = { "" };
	enum hst_status status =
		hst_processes_read(run->reading.session.dir, NULL, &run->processes, &diag);

	if (status == HST_OK) {
		status = hst_cache_of_processes(
			&run->processes, &run->logs, &run->examples, &run->log_count);
	}
	if (status == HST_OK && run->log_count == 0) {
		return hst_reading_fail(&run->reading,
			"no program ran here whose arguments and time are known; hasten processes says what is");
	}
	if (status == HST_OK && !name_programs(run)) {
		status = HST_E_MEMORY;
	}
	if (status == HST_OK) {
		status = hst_cache_analyse(run->logs, run->log_count, &how, &run->cache);
	}
	if (status != HST_OK) {
		return fail_with(run, status, &diag);
	}
	run->show.rows = run->rows;
	run->show.wall_ns = run->processes.wall_ns;
	run->show.processes = true;
	run->profile = (struct hst_profile){ .complete = run->processes.complete,
		.notes = run->processes.notes,
		.note_count = run->processes.note_count };
	run->show.said = &run->profile;
	return show(run);
}

int hst_cmd_cache(int argc, char **argv)
{
	struct cache_run run = { 0 };
	int status = hst_reading_open_any(&run.reading, argc, argv, options, examples);

	if (status == HST_EXIT_OK && !run.reading.done) {
		const char *refusal = refuse(&run.reading.options);

		if (refusal != NULL) {
			status = hst_reading_fail(&run.reading, "%s", refusal);
		} else if (run.reading.options.processes) {
			status = run_processes(&run);
		} else if (run.reading.session.file_count == 0) {
			status = hst_reading_fail(&run.reading,
				"'%s' holds no trace: no process loaded the preload, or none could write there; "
				"hasten run --args -- PROGRAM says why",
				run.reading.session.dir);
		} else if (run.reading.options.also_count != 0) {
			status = run_several(&run);
		} else {
			status = run_functions(&run);
		}
	}
	finish(&run);
	return status;
}
