/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, saying what is wrong, and the small conventions that all reading commands keep. */
#include "cmd/common.h"

#include "cmd/commands.h"
#include "cmd/terminal.h"
#include "writers/json.h"
#include "writers/text.h"
#include "writers/units.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 2048

struct command_text {
	const char *name, *arguments, *summary;
};

static const struct command_text texts[] = {
#define HST_COMMAND(name, group, arguments, summary) { #name, arguments, summary },
#define HST_COMMAND_LATER(name)
#include "cmd/commands.def"
#undef HST_COMMAND
#undef HST_COMMAND_LATER
};

static void format_clean(char clean[LINE_BYTES], const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static void format_clean(char clean[LINE_BYTES], const char *fmt, va_list args)
{
	char text[LINE_BYTES];

	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 loses sight of va_start across the call */
	(void)vsnprintf(text, sizeof text, fmt, args);
	(void)hst_text_clean(clean, LINE_BYTES, text);
}

int hst_reading_fail(const struct hst_reading *reading, const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	format_clean(line, fmt, args);
	va_end(args);
	(void)fflush(stdout);
	fprintf(stderr, "hasten: %s: %s\n", reading->command, line);
	return HST_EXIT_USAGE;
}

static void help(struct hst_reading *reading, const struct hst_option *table, const char *examples)
{
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (strcmp(texts[i].name, reading->command) == 0) {
			hst_options_help(stdout, reading->command, texts[i].arguments,
				texts[i].summary, table, examples);
		}
	}
	reading->done = true;
}

static int open_reading(struct hst_reading *reading, int argc, char **argv,
	const struct hst_option *table, const char *examples, bool traces)
{
	struct hst_diag diag = { "" };
	enum hst_status status;
	char *newest = NULL;

	*reading = (struct hst_reading){ .command = argv[0] };
	status = hst_options_parse(argc, argv, table, &reading->options, &diag);
	if (status == HST_OK && reading->options.help) {
		help(reading, table, examples);
		return HST_EXIT_OK;
	}
	if (status == HST_OK && reading->options.filter != NULL) {
		status = hst_filter_parse(reading->options.filter, &reading->filter, &diag);
	}
	if (status == HST_OK && reading->options.dir == NULL) {
		status = hst_session_find(".", &newest, &diag);
	}
	if (status == HST_OK) {
		status = hst_session_open(
			newest != NULL ? newest : reading->options.dir, &reading->session, &diag);
	}
	free(newest);
	if (status == HST_OK && traces && reading->session.file_count == 0) {
		status = hst_diag_set(&diag, HST_E_EMPTY,
			"'%s' holds no trace: no process loaded the preload, or none could write "
			"there; hasten run -- PROGRAM says why",
			reading->session.dir);
	}
	if (status == HST_OK) {
		return HST_EXIT_OK;
	}
	return hst_reading_fail(
		reading, "%s", diag.text[0] != '\0' ? diag.text : hst_status_text(status));
}

int hst_reading_open(struct hst_reading *reading, int argc, char **argv,
	const struct hst_option *table, const char *examples)
{
	return open_reading(reading, argc, argv, table, examples, true);
}

int hst_reading_open_any(struct hst_reading *reading, int argc, char **argv,
	const struct hst_option *table, const char *examples)
{
	return open_reading(reading, argc, argv, table, examples, false);
}

void hst_reading_close(struct hst_reading *reading)
{
	hst_terminal_end_pager(reading->pager);
	hst_filter_destroy(reading->filter);
	hst_session_close(&reading->session);
}

int hst_reading_profile(struct hst_reading *reading, const struct hst_profile_options *options,
	struct hst_profile *ret_profile)
{
	struct hst_profile_options asked = *options;
	struct hst_terminal_progress progress = { 0 };
	struct hst_diag diag = { "" };
	enum hst_status status;

	if (reading->options.pid > UINT32_MAX || reading->options.tid > UINT32_MAX) {
		return hst_reading_fail(reading, "there is no process or thread of that number");
	}
	asked.pid = (uint32_t)reading->options.pid;
	asked.tid = (uint32_t)reading->options.tid;
	hst_terminal_begin_progress(&progress, reading->options.quiet);
	asked.progress = hst_terminal_progress;
	asked.progress_context = &progress;
	status = hst_profile_read(&reading->session, &asked, ret_profile, &diag);
	hst_terminal_end_progress(&progress);
	if (status == HST_OK) {
		return HST_EXIT_OK;
	}
	return hst_reading_fail(
		reading, "%s", diag.text[0] != '\0' ? diag.text : hst_status_text(status));
}

void hst_reading_begin_text(struct hst_reading *reading)
{
	const struct hst_options *options = &reading->options;

	reading->color = hst_terminal_color(options->color);
	reading->style = (struct hst_table_style){
		.width = options->wide ? 0 : hst_terminal_width(),
		.utf8 = hst_terminal_utf8(),
		.color = reading->color,
	};
	reading->pager = options->no_pager ? 0 : hst_terminal_begin_pager();
}

void hst_print_line(const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	format_clean(line, fmt, args);
	va_end(args);
	puts(line);
}

/* A word for a shell: in quotes unless it is plain. Cut if there is no room. */
static void shell_word(char *buffer, size_t size, const char *text)
{
	const char *plain =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:./@%+=,-";
	size_t at = 0;

	if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
		(void)snprintf(buffer, size, "%s", text);
		return;
	}
	for (at = (size_t)snprintf(buffer, size, "'"); *text != '\0' && at + 6 < size; text++) {
		at += (size_t)snprintf(
			buffer + at, size - at, *text == '\'' ? "'\\''" : "%c", *text);
	}
	(void)snprintf(buffer + at, size - at, "'");
}

void hst_reading_next(const struct hst_reading *reading, const char *command, const char *name)
{
	const char *dir = reading->options.dir;
	char words[2][LINE_BYTES / 4];

	if (reading->options.quiet) {
		return;
	}
	shell_word(words[0], sizeof words[0], name == NULL ? "" : name);
	shell_word(words[1], sizeof words[1], dir == NULL ? "" : dir);
	hst_print_line("next: hasten %s%s%s%s%s", command, name == NULL ? "" : " ",
		name == NULL ? "" : words[0], dir == NULL ? "" : " ", dir == NULL ? "" : words[1]);
}

void hst_reading_notes(const struct hst_reading *reading, const struct hst_profile *profile)
{
	for (size_t i = 0; i < profile->note_count; i++) {
		if (profile->notes[i].loss) {
			hst_print_line("incomplete: %s", profile->notes[i].text);
		}
	}
	for (size_t i = 0; !reading->options.quiet && i < profile->note_count; i++) {
		if (!profile->notes[i].loss) {
			hst_print_line("note: %s", profile->notes[i].text);
		}
	}
}

void hst_reading_losses(const struct hst_reading *reading, const struct hst_profile *profile)
{
	for (size_t i = 0; i < profile->note_count; i++) {
		if (profile->notes[i].loss) {
			(void)hst_reading_fail(reading, "incomplete: %s", profile->notes[i].text);
		}
	}
}

void hst_json_notes(struct hst_json *json, const struct hst_profile *profile)
{
	hst_json_bool(json, "complete", profile->complete);
	hst_json_array(json, "notes");
	for (size_t i = 0; i < profile->note_count; i++) {
		hst_json_string(json, NULL, profile->notes[i].text);
	}
	hst_json_end(json);
}

const char *hst_base_name(const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

bool hst_reading_wants(const struct hst_reading *reading, const struct hst_function_row *row)
{
	return reading->filter == NULL || hst_filter_matches(reading->filter, row->name, row->full,
						  row->linkage, row->module, row->file);
}

const char *hst_row_name(const struct hst_options *options, const struct hst_function_row *row)
{
	if (options->names != NULL && strcmp(options->names, "full") == 0) {
		return row->full;
	}
	if (options->names != NULL && strcmp(options->names, "linkage") == 0) {
		return row->linkage;
	}
	return row->name;
}

void hst_row_place(char *buffer, size_t size, const struct hst_function_row *row)
{
	buffer[0] = '\0';
	if (row->file != NULL && row->line != 0) {
		(void)snprintf(buffer, size, "%s:%u", hst_base_name(row->file), row->line);
	} else if (row->file != NULL) {
		(void)snprintf(buffer, size, "%s", hst_base_name(row->file));
	}
}

void hst_json_thread(struct hst_json *json, const struct hst_thread_row *thread)
{
	hst_json_u64(json, "pid", thread->pid);
	hst_json_u64(json, "tid", thread->tid);
	hst_json_u64(json, "stream", thread->stream);
	hst_json_bool(json, "signal_lane", thread->lane != HST_LANE_MAIN);
	hst_json_u64(json, "start_ns", thread->start_ns);
	hst_json_u64(json, "end_ns", thread->end_ns);
	hst_json_u64(json, "calls", thread->calls);
	hst_json_u64(json, "self_ns", thread->self_ns);
}

void hst_json_place(struct hst_json *json, const struct hst_function_row *row)
{
	static const struct hst_function_row none;

	row = row == NULL ? &none : row;
	hst_json_string(json, "name", row->name);
	hst_json_string(json, "linkage_name", row->linkage);
	hst_json_string(json, "module", row->module);
	hst_json_string(json, "file", row->file);
	if (row->file != NULL && row->line != 0) {
		hst_json_u64(json, "line", row->line);
	} else {
		hst_json_null(json, "line");
	}
}

void hst_cell_count(struct hst_table *table, uint64_t count)
{
	char text[HST_UNITS_BYTES];

	hst_units_count(text, count);
	hst_table_cell(table, text);
}

void hst_json_ledger(struct hst_json *json, const struct hst_ledger *ledger)
{
	hst_json_u64(json, "lost_calls", ledger->lost_calls);
	hst_json_u64(json, "unwound", ledger->unwound);
	hst_json_u64(json, "missed_exits", ledger->missed_exits);
	hst_json_u64(json, "unmatched", ledger->unmatched);
	hst_json_u64(json, "rescans", ledger->rescans);
	hst_json_u64(json, "cfa_unknown", ledger->cfa_unknown);
	hst_json_u64(json, "switches", ledger->switches);
	hst_json_u64(json, "nested_lost", ledger->nested_lost);
	hst_json_u64(json, "resyncs", ledger->resyncs);
	hst_json_u64(json, "overflow_calls", ledger->overflow_calls);
	hst_json_u64(json, "memory_lost", ledger->memory_lost);
}
