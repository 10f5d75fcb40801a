/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten memory`: who allocates, holds, leaks and churns. */
#include "cmd/memory.h"

#include "cmd/commands.h"
#include "cmd/terminal.h"
#include "passes/heap.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct hst_option options[] = {
	{ 0, "leaks", NULL, HST_OPTION_FLAG, HST_OPTION_AT(leaks),
		"places whose blocks were never freed" },
	{ 0, "peak", NULL, HST_OPTION_FLAG, HST_OPTION_AT(peak),
		"who held what when the program held most" },
	{ 0, "temporary", NULL, HST_OPTION_FLAG, HST_OPTION_AT(temporary),
		"functions whose blocks go before they return; how long blocks live" },
	{ 0, "timeline", NULL, HST_OPTION_FLAG, HST_OPTION_AT(timeline),
		"live bytes, RSS and the gap between them over time" },
	{ 0, "sites", NULL, HST_OPTION_FLAG, HST_OPTION_AT(sites),
		"all places that ask for memory" },
	{ 0, "paths", NULL, HST_OPTION_FLAG, HST_OPTION_AT(paths),
		"call paths; -s bytes (default), allocs, leaked or atpeak" },
	{ 0, "of", "FUNCTION", HST_OPTION_TEXT, HST_OPTION_AT(of), "all about one function" },
	{ 'n', "rows", "ROWS", HST_OPTION_COUNT, HST_OPTION_AT(rows),
		"rows of a table, 0 = all (default 20; all with --json and --csv)" },
	{ 's', "sort", "COLUMN", HST_OPTION_TEXT, HST_OPTION_AT(sort),
		"sort by this column (default: the first one of a view, peak without one)" },
	{ 'r', "reverse", NULL, HST_OPTION_FLAG, HST_OPTION_AT(reverse), "the other way round" },
	{ 'c', "columns", "COLUMNS", HST_OPTION_TEXT, HST_OPTION_AT(columns),
		"columns of the table, separated by commas; +NAME adds one" },
	{ 'F', "filter", "EXPR", HST_OPTION_TEXT, HST_OPTION_AT(filter),
		"rows: GLOB, !GLOB, module:GLOB, file:GLOB, separated by commas" },
	{ 0, "process", "PID", HST_OPTION_COUNT, HST_OPTION_AT(pid), "this process only" },
	{ 0, "pid", "PID", HST_OPTION_COUNT, HST_OPTION_AT(pid), "the same" },
	{ 0, "names", "FORM", HST_OPTION_TEXT, HST_OPTION_AT(names),
		"names: short (default), full or linkage" },
	{ 0, "json", NULL, HST_OPTION_FLAG, HST_OPTION_AT(json),
		"JSON: everything, paths with --paths" },
	{ 0, "csv", NULL, HST_OPTION_FLAG, HST_OPTION_AT(csv),
		"comma-separated values of the view" },
	HST_OPTION_TABLE_END,
};

static const char examples[] =
	"  hasten memory                   the functions that held most\n"
	"  hasten memory --leaks           what was not freed, and where it came from\n"
	"  hasten memory --peak            who held what at the worst moment\n"
	"  hasten memory -s bytes          who asked for most in all\n"
	"  hasten memory --of parse        all about one function\n"
	"  hasten memory --paths -s leaked call paths to what leaked\n"
	"\n"
	"columns: leaked leaks each peak peakblocks atpeak atpeakblocks atpeak% allocs bytes size\n"
	"         frees temporary temporary% tempbytes short foreign failed reallocs moved copied\n"
	"         grew grown zeroed slack alloctime allocavg p50 p90 p99 mostly total totalallocs\n"
	"         totalleaked function file module allocator via\n";

/* Views by their options. */
static const struct {
	const char *name;
	size_t at; /* bool in struct hst_options */
	enum hst_memory_view view;
} views[] = {
	{ "--leaks", HST_OPTION_AT(leaks), HST_VIEW_LEAKS },
	{ "--peak", HST_OPTION_AT(peak), HST_VIEW_PEAK },
	{ "--temporary", HST_OPTION_AT(temporary), HST_VIEW_TEMPORARY },
	{ "--timeline", HST_OPTION_AT(timeline), HST_VIEW_TIMELINE },
	{ "--sites", HST_OPTION_AT(sites), HST_VIEW_SITES },
	{ "--paths", HST_OPTION_AT(paths), HST_VIEW_PATHS },
};

/* Which view was asked for. HST_E_USAGE with a sentence if two were. */
static enum hst_status choose_view(
	const struct hst_options *asked, enum hst_memory_view *ret_view, struct hst_diag *diag)
{
	const char *name = asked->of != NULL ? "--of" : NULL;

	*ret_view = asked->of != NULL ? HST_VIEW_OF : HST_VIEW_FUNCTIONS;
	for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
		if (!*(const bool *)((const char *)asked + views[i].at)) {
			continue;
		}
		if (name != NULL) {
			return hst_diag_set(diag, HST_E_USAGE, "%s and %s do not go together", name,
				views[i].name);
		}
		name = views[i].name;
		*ret_view = views[i].view;
	}
	return HST_OK;
}

static const char *refuse(const struct hst_options *asked, enum hst_memory_view view)
{
	if (asked->json && asked->csv) {
		return "--json and --csv do not go together";
	}
	if (asked->csv && view == HST_VIEW_OF) {
		return "--csv is for tables; --of has --json";
	}
	if (asked->names != NULL && strcmp(asked->names, "short") != 0 &&
		strcmp(asked->names, "full") != 0 && strcmp(asked->names, "linkage") != 0) {
		return "--names takes short, full or linkage";
	}
	return NULL;
}

const struct hst_function_row *hst_memory_row(const struct hst_heap *heap, uint32_t row)
{
	static const struct hst_function_row unknown = {
		.name = "[unknown]", .full = "[unknown]", .linkage = "[unknown]"
	};

	return row < heap->row_count && heap->rows[row].name != NULL ? &heap->rows[row] : &unknown;
}

void hst_memory_begin(
	struct hst_memory *memory, struct hst_reading *reading, const struct hst_heap *heap)
{
	bool holds = false;

	memory->reading = reading;
	memory->heap = heap;
	memory->said = (struct hst_profile){
		.complete = heap->complete, .notes = heap->notes, .note_count = heap->note_count
	};
	memory->doubt = heap->lost != 0;
	memory->ended = true;
	for (size_t i = 0; i < heap->process_count; i++) {
		const struct hst_heap_process *process = &heap->processes[i];

		memory->doubt |= process->profile_mode;
		holds |= process->sum.leaked != 0;
		if (process->sum.leaked != 0 && !process->ends_by_exec && !process->killed) {
			memory->ended = false;
		}
	}
	memory->ended &= holds;
	memory->counted = heap->sum.allocs != 0;
	for (uint32_t i = 0; i < HST_HEAP_SIZES; i++) {
		memory->counted &= heap->sizes[i] == 0;
	}
}

int hst_memory_show(struct hst_memory *memory)
{
	const struct hst_options *asked = &memory->reading->options;
	struct hst_diag diag = { "" };
	const char *refusal;

	if (choose_view(asked, &memory->view, &diag) != HST_OK) {
		return hst_reading_fail(memory->reading, "%s", diag.text);
	}
	refusal = refuse(asked, memory->view);
	if (refusal != NULL) {
		return hst_reading_fail(memory->reading, "%s", refusal);
	}
	if (asked->json) {
		return hst_memory_json(memory);
	}
	if (asked->csv) {
		return hst_memory_csv(memory);
	}
	switch (memory->view) {
	case HST_VIEW_TIMELINE:
		return hst_memory_timeline(memory);
	case HST_VIEW_PATHS:
		return hst_memory_paths(memory);
	case HST_VIEW_OF:
		return hst_memory_of(memory);
	case HST_VIEW_FUNCTIONS:
	case HST_VIEW_LEAKS:
	case HST_VIEW_PEAK:
	case HST_VIEW_PEAK_SITES:
	case HST_VIEW_TEMPORARY:
	case HST_VIEW_SITES:
	case HST_VIEW_OF_SITES:
	default:
		return hst_memory_tables(memory);
	}
}

/* Reads with progress on a terminal; exit status. */
static int read_heap(struct hst_reading *reading, bool contexts, struct hst_heap *ret_heap)
{
	struct hst_terminal_progress progress = { 0 };
	struct hst_heap_options asked = { .contexts = contexts };
	struct hst_diag diag = { "" };
	enum hst_status status;

	if (reading->options.pid > UINT32_MAX) {
		return hst_reading_fail(reading, "there is no process of that number");
	}
	asked.pid = (uint32_t)reading->options.pid;
	hst_terminal_begin_progress(&progress, reading->options.quiet);
	asked.progress = hst_terminal_progress;
	asked.progress_context = &progress;
	status = hst_heap_read(&reading->session, &asked, ret_heap, &diag);
	hst_terminal_end_progress(&progress);
	if (status == HST_OK) {
		return HST_EXIT_OK;
	}
	return hst_reading_fail(
		reading, "%s", diag.text[0] != '\0' ? diag.text : hst_status_text(status));
}

/* Why there are no figures, and what to do. */
static int not_recorded(const struct hst_reading *reading, const struct hst_heap *heap)
{
	const char *run = "record it again: hasten run -- PROGRAM";

	for (size_t i = 0; i < heap->process_count; i++) {
		const struct hst_heap_process *process = &heap->processes[i];

		if (process->state == HST_MEMORY_FOREIGN) {
			bool named = process->allocator != NULL && process->allocator[0] != '\0';

			return hst_reading_fail(reading,
				"memory was not recorded: in process %u (%s) the malloc of %s stands "
				"before hasten's, so its calls do not come to hasten; if it is preloaded, "
				"name it behind hasten's library in LD_PRELOAD, else build or run the "
				"program without it",
				process->pid, process->command == NULL ? "?" : process->command,
				named ? process->allocator : "another module");
		}
	}
	if (heap->process_count == 0 && reading->options.pid != 0) {
		return hst_reading_fail(reading,
			"there is no process %llu in this recording; hasten info lists them",
			(unsigned long long)reading->options.pid);
	}
	if (heap->process_count == 0) {
		return hst_reading_fail(reading, "memory is not in this recording; %s", run);
	}
	return hst_reading_fail(reading,
		"memory was not recorded: the run had --no-memory, or an older hasten made it; %s",
		run);
}

int hst_cmd_memory(int argc, char **argv)
{
	struct hst_reading reading;
	struct hst_heap heap = { 0 };
	struct hst_memory memory = { 0 };
	int status = hst_reading_open(&reading, argc, argv, options, examples);

	if (status == HST_EXIT_OK && !reading.done) {
		const struct hst_options *asked = &reading.options;

		status = read_heap(&reading, asked->paths || asked->of != NULL, &heap);
		if (status == HST_EXIT_OK && !heap.recorded) {
			status = not_recorded(&reading, &heap);
		} else if (status == HST_EXIT_OK) {
			hst_memory_begin(&memory, &reading, &heap);
			status = hst_memory_show(&memory);
		}
	}
	hst_heap_finish(&heap);
	hst_reading_close(&reading);
	return status;
}
