/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten processes`: what ran, when, at which cost, and how it ended. */
#include "cmd/processes.h"

#include "cmd/commands.h"
#include "passes/processes.h"

#include <stddef.h>
#include <string.h>

static const struct hst_option options[] = {
	{ 0, "commands", NULL, HST_OPTION_FLAG, HST_OPTION_AT(commands),
		"one row per command: how often, how long, how much" },
	{ 0, "languages", NULL, HST_OPTION_FLAG, HST_OPTION_AT(languages),
		"languages and phases: failures by class, percentiles of time and memory" },
	{ 0, "waste", NULL, HST_OPTION_FLAG, HST_OPTION_AT(waste),
		"wrappers, shells and searches before a program; commands that repeat" },
	{ 0, "critical", NULL, HST_OPTION_FLAG, HST_OPTION_AT(critical),
		"the critical path, and where one process ran alone" },
	{ 0, "failed", NULL, HST_OPTION_FLAG, HST_OPTION_AT(failed),
		"each failure: class, evidence, directory, command line" },
	{ 0, "system", NULL, HST_OPTION_FLAG, HST_OPTION_AT(system),
		"the machine meanwhile: processors, memory, disks, pressure" },
	{ 0, "of", "PID or GLOB", HST_OPTION_TEXT, HST_OPTION_AT(of),
		"all about these processes: by number, or by name or path" },
	{ 'n', "rows", "ROWS", HST_OPTION_COUNT, HST_OPTION_AT(rows),
		"rows of a table, 0 = all (default 20; all with --json and --csv)" },
	{ 's', "sort", "COLUMN", HST_OPTION_TEXT, HST_OPTION_AT(sort),
		"sort by this column; without a view a list in place of the tree" },
	{ 'r', "reverse", NULL, HST_OPTION_FLAG, HST_OPTION_AT(reverse), "the other way round" },
	{ 'c', "columns", "COLUMNS", HST_OPTION_TEXT, HST_OPTION_AT(columns),
		"columns, separated by commas; +NAME adds one; without a view a list" },
	{ 'F', "filter", "EXPR", HST_OPTION_TEXT, HST_OPTION_AT(filter),
		"a list of: GLOB of a command, !GLOB, module:GLOB of its file, file:GLOB of its "
		"directory" },
	{ 0, "process", "PID", HST_OPTION_COUNT, HST_OPTION_AT(pid), "the same as --of PID" },
	{ 0, "pid", "PID", HST_OPTION_COUNT, HST_OPTION_AT(pid), "the same" },
	{ 0, "json", NULL, HST_OPTION_FLAG, HST_OPTION_AT(json),
		"JSON: everything; samples of the machine with --system" },
	{ 0, "csv", NULL, HST_OPTION_FLAG, HST_OPTION_AT(csv),
		"comma-separated values of the view's table" },
	HST_OPTION_TABLE_END,
};

static const char examples[] =
	"  hasten processes                what ran, as a tree with times\n"
	"  hasten processes --failed       what went wrong, with the command line to try again\n"
	"  hasten processes --commands     which commands cost most\n"
	"  hasten processes -s hwm -n 5    the five that took most memory\n"
	"  hasten processes --critical     what the whole had to wait for\n"
	"  hasten processes --of 'cc1*'    all about the compilers proper\n";

/* Views by their options. */
static const struct {
	const char *name;
	size_t at; /* bool in struct hst_options */
	enum hst_show_view view;
} views[] = {
	{ "--commands", HST_OPTION_AT(commands), HST_SHOW_COMMANDS },
	{ "--languages", HST_OPTION_AT(languages), HST_SHOW_LANGUAGES },
	{ "--waste", HST_OPTION_AT(waste), HST_SHOW_WASTE },
	{ "--critical", HST_OPTION_AT(critical), HST_SHOW_CRITICAL },
	{ "--failed", HST_OPTION_AT(failed), HST_SHOW_FAILED },
	{ "--system", HST_OPTION_AT(system), HST_SHOW_SYSTEM },
};

/* Which view was asked for. HST_E_USAGE with a sentence if two were. */
static enum hst_status choose_view(
	const struct hst_options *asked, enum hst_show_view *ret_view, struct hst_diag *diag)
{
	const char *name = asked->of != NULL ? "--of" : asked->pid != 0 ? "--process" : NULL;

	*ret_view = name != NULL ? HST_SHOW_OF : HST_SHOW_OVERVIEW;
	for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
		/* With --json the samples are one more member beside all others. */
		if (!*(const bool *)((const char *)asked + views[i].at) ||
			(asked->json && views[i].view == HST_SHOW_SYSTEM)) {
			continue;
		}
		if (name != NULL) {
			return hst_diag_set(diag, HST_E_USAGE, "%s and %s do not go together", name,
				views[i].name);
		}
		name = views[i].name;
		*ret_view = views[i].view;
	}
	if (name == NULL &&
		(asked->sort != NULL || asked->columns != NULL || asked->filter != NULL)) {
		*ret_view = HST_SHOW_LIST;
	}
	return HST_OK;
}

static enum hst_status check(const struct hst_show *show, struct hst_diag *diag)
{
	const struct hst_options *asked = &show->reading->options;
	const struct hst_show_part *part = hst_show_part_of(show->view);

	if (asked->json && asked->csv) {
		return hst_diag_set(diag, HST_E_USAGE, "--json and --csv do not go together");
	}
	if (part == NULL && (asked->sort != NULL || asked->columns != NULL)) {
		return hst_diag_set(diag, HST_E_USAGE,
			"-s and -c are for tables: the list of processes, --commands, "
			"--languages, --waste, --critical");
	}
	if (part != NULL) {
		HST_TRY(hst_show_check(show, part, diag));
	}
	if (show->view == HST_SHOW_OF) {
		for (size_t i = 0; i < show->processes->image_count; i++) {
			if (hst_show_wants(show, &show->processes->images[i])) {
				return HST_OK;
			}
		}
		return hst_diag_set(diag, HST_E_USAGE,
			"no process has that number, name or path%s; hasten processes -n 0 lists "
			"them all",
			show->reading->filter != NULL ? " (with --filter)" : "");
	}
	return HST_OK;
}

int hst_show_processes(struct hst_show *show)
{
	const struct hst_options *asked = &show->reading->options;
	struct hst_diag diag = { "" };
	enum hst_status status = choose_view(asked, &show->view, &diag);

	if (status == HST_OK) {
		status = check(show, &diag);
	}
	if (status == HST_OK && asked->json) {
		status = hst_show_json(show);
	} else if (status == HST_OK && asked->csv) {
		status = hst_show_csv(show);
	} else if (status == HST_OK) {
		status = hst_show_text(show, &diag);
	}
	return status == HST_OK
		       ? HST_EXIT_OK
		       : hst_reading_fail(show->reading, "%s",
				 diag.text[0] != '\0' ? diag.text : hst_status_text(status));
}

int hst_cmd_processes(int argc, char **argv)
{
	struct hst_show_scratch scratch;
	struct hst_reading reading;
	struct hst_processes processes = { 0 };
	struct hst_show show = { .reading = &reading, .processes = &processes };
	struct hst_diag diag = { "" };
	int exit_status = hst_reading_open_any(&reading, argc, argv, options, examples);

	if (exit_status == HST_EXIT_OK && !reading.done) {
		enum hst_status status =
			hst_processes_read(reading.session.dir, NULL, &processes, &diag);

		if (status == HST_OK) {
			status = hst_show_begin(&show, &scratch);
		}
		exit_status = status == HST_OK
				      ? hst_show_processes(&show)
				      : hst_reading_fail(&reading, "%s",
						diag.text[0] != '\0' ? diag.text
								     : hst_status_text(status));
	}
	hst_show_end(&show);
	hst_processes_finish(&processes);
	hst_reading_close(&reading);
	return exit_status;
}
