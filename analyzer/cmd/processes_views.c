/* SPDX-License-Identifier: Apache-2.0 */
/* The views for people: what each one is made of, and what to look at next. */
#include "cmd/processes.h"

#include "cmd/commands.h"
#include "util/vec.h"
#include "writers/units.h"

#include <inttypes.h>
#include <string.h>

#define TREE_ROWS     20u
#define TABLE_ROWS    20u
#define OVERVIEW_ROWS 8u
#define SERIAL_MUCH   0.5

static const struct hst_show_part list_part = { HST_ROWS_IMAGES,
	"start,wall,cpu,hwm,status,pid,command", "start", TABLE_ROWS, true, NULL, NULL,
	"no process is chosen; hasten processes -n 0 lists them all" };
static const struct hst_show_part command_part = { HST_ROWS_COMMANDS,
	"count,failed,wall,p50,max,cpu,%,critical,hwm,command", "cpu", TABLE_ROWS, true, NULL, NULL,
	"no process ran a command" };
static const struct hst_show_part phase_part = { HST_ROWS_PHASES,
	"language,phase,count,failed,error%,p50,p90,p99,cpu50,cpu90,cpu99,hwm95,%,classes", NULL,
	TABLE_ROWS, true, NULL, NULL, "no process is of a known language" };
static const struct hst_show_part phase_brief = { HST_ROWS_PHASES,
	"language,phase,count,failed,error%,p50,p90,p99,cpu50,cpu90,hwm95,%", NULL, OVERVIEW_ROWS,
	false, NULL, NULL, NULL };
static const struct hst_show_part waste_part = { HST_ROWS_WASTES,
	"wall,cpu,count,images,kind,wrapper,program,pid", "wall", TABLE_ROWS, true,
	"before the program that was wanted:", NULL,
	"no time was spent in wrappers, shells or searches before the program that was wanted" };
static const struct hst_show_part repeat_part = { HST_ROWS_REPEATS,
	"wall,cpu,count,failed,pid,command", "wall", TABLE_ROWS, false,
	"the same command line in the same directory, more than once:", NULL,
	"no command line was run twice in the same directory" };
static const struct hst_show_part step_part = { HST_ROWS_STEPS, "start,wall,pid,command", "start",
	TABLE_ROWS, true, NULL, NULL,
	"there is no critical path: the first process is in no record" };
static const struct hst_show_part critical_commands = { HST_ROWS_COMMANDS,
	"critical,count,cpu,command", "critical", OVERVIEW_ROWS, false,
	"commands by their time on the critical path:", "critical", NULL };
static const struct hst_show_part stretch_part = { HST_ROWS_STRETCHES, "wall,start,pid,command",
	"wall", OVERVIEW_ROWS, false,
	"one process at a time, longest stretches, and who ran longest in each:", NULL,
	"at no time did one process run alone" };

/* Views that are one table or two. */
static const struct {
	const struct hst_show_part *first, *second;
	const char *next;
} tables[HST_SHOW_SYSTEM + 1] = {
	[HST_SHOW_LIST] = { &list_part, NULL, "processes --of" },
	[HST_SHOW_COMMANDS] = { &command_part, NULL, "processes --critical" },
	[HST_SHOW_LANGUAGES] = { &phase_part, NULL, "processes --commands" },
	[HST_SHOW_WASTE] = { &waste_part, &repeat_part, "processes --critical" },
	[HST_SHOW_CRITICAL] = { &step_part, NULL, "processes --commands -s critical" },
	[HST_SHOW_FAILED] = { NULL, NULL, "processes --of" },
	[HST_SHOW_OF] = { NULL, NULL, "processes --commands" },
	[HST_SHOW_SYSTEM] = { NULL, NULL, "processes -s hwm" },
};

const struct hst_show_part *hst_show_part_of(enum hst_show_view view)
{
	return tables[view].first;
}

static void waste_line(const struct hst_show *show)
{
	const struct hst_processes *p = show->processes;
	uint64_t chains = 0;
	uint64_t probes = 0;
	char text[2][HST_UNITS_BYTES];

	for (size_t i = 0; i < p->waste_count; i++) {
		bool is_probe = p->wastes[i].kind == HST_PROCESS_WASTE_PROBES;

		*(is_probe ? &probes : &chains) +=
			p->wastes[i].wall_ns == HST_PROCESS_UNKNOWN ? 0 : p->wastes[i].wall_ns;
	}
	hst_units_ns(text[0], (double)chains);
	hst_units_ns(text[1], (double)probes);
	hst_print_line("wrappers      %s in shims and shells that ran one program; starts after a "
		       "search through PATH took ~%s at most",
		text[0], text[1]);
}

static enum hst_status print_tables(const struct hst_show *show, struct hst_diag *diag)
{
	hst_reading_notes(show->reading, &show->said);
	if (show->view == HST_SHOW_WASTE) {
		waste_line(show);
		putchar('\n');
	}
	HST_TRY(hst_show_print(show, tables[show->view].first, diag));
	if (tables[show->view].second != NULL) {
		putchar('\n');
		HST_TRY(hst_show_print(show, tables[show->view].second, diag));
	}
	if (show->view == HST_SHOW_WASTE) {
		hst_print_line("~ estimated: from the call until the program's first code runs, "
			       "with the time to load it");
	} else if (show->view == HST_SHOW_LIST) {
		hst_show_legend(show);
	}
	return HST_OK;
}

static void path_line(const struct hst_show *show)
{
	const struct hst_processes *p = show->processes;
	uint64_t path = 0;
	char text[3][HST_UNITS_BYTES];

	for (size_t i = 0; i < p->step_count; i++) {
		path += p->steps[i].end_ns - p->steps[i].start_ns;
	}
	hst_units_ns(text[0], (double)path);
	hst_print_line("critical path %s in %zu step%s: what would have to be faster for the whole "
		       "to be faster",
		text[0], p->step_count, p->step_count == 1 ? "" : "s");
	hst_units_ns(text[1], (double)p->serial_ns);
	hst_units_percent(text[2], (double)p->serial_ns, (double)p->wall_ns);
	hst_print_line(
		"serial        %s, %s %% of the time: one process at most ran; %.2f on average",
		text[1], text[2], p->concurrency);
}

/* The longest steps, in the order of time; what they are not in one line. */
static enum hst_status print_steps(const struct hst_show *show, struct hst_diag *diag)
{
	struct hst_show_table table = hst_show_table(show, HST_ROWS_STEPS);
	const struct hst_options *options = &show->reading->options;
	struct hst_field_choice choice;
	struct hst_field_rows rows = { 0 };
	uint64_t rest_ns = 0;
	char text[HST_UNITS_BYTES];
	size_t limit = hst_show_limit(show, table.count, TABLE_ROWS);
	enum hst_status status = hst_fields_choose(
		&table.fields, options->columns, step_part.columns, &choice, diag);

	if (status == HST_OK) {
		status = hst_field_rows_of(table.rows, table.count, table.bytes, &rows);
	}
	if (status == HST_OK) {
		status = hst_fields_sort(&table.fields, "wall", false, &rows, diag);
	}
	for (size_t i = limit; i < rows.count; i++) {
		const struct hst_process_step *step = rows.items[i];

		rest_ns += step->end_ns - step->start_ns;
	}
	rows.count = rows.count > limit ? limit : rows.count;
	if (status == HST_OK) {
		status = hst_fields_sort(&table.fields,
			options->sort != NULL ? options->sort : step_part.sort, options->reverse,
			&rows, diag);
	}
	if (status == HST_OK) {
		status = hst_fields_print(
			&table.fields, &choice, &rows, limit, &show->reading->style);
	}
	if (status == HST_OK && limit < table.count) {
		hst_units_ns(text, (double)rest_ns);
		hst_print_line("[%zu shorter step%s, %s] -n 0 shows all", table.count - limit,
			table.count - limit == 1 ? "" : "s", text);
	}
	hst_field_rows_finish(&rows);
	return status;
}

static enum hst_status print_critical(const struct hst_show *show, struct hst_diag *diag)
{
	hst_reading_notes(show->reading, &show->said);
	path_line(show);
	putchar('\n');
	if (show->processes->step_count == 0) {
		hst_print_line("%s", step_part.empty);
	} else {
		HST_TRY(print_steps(show, diag));
	}
	if (hst_show_first(show, &critical_commands) != NULL) {
		putchar('\n');
		HST_TRY(hst_show_print(show, &critical_commands, diag));
	}
	putchar('\n');
	return hst_show_print(show, &stretch_part, diag);
}

static enum hst_status print_overview(const struct hst_show *show, struct hst_diag *diag)
{
	hst_show_head(show);
	putchar('\n');
	HST_TRY(hst_show_tree(show, TREE_ROWS));
	if (show->processes->phase_count > 1) {
		putchar('\n');
		HST_TRY(hst_show_print(show, &phase_brief, diag));
	}
	HST_TRY(hst_show_failed(show, true));
	hst_show_legend(show);
	return HST_OK;
}

static bool is_instrumented(const struct hst_processes *processes)
{
	for (size_t i = 0; i < processes->image_count; i++) {
		if ((processes->images[i].flags & HST_PROCESS_HOOKS) != 0) {
			return true;
		}
	}
	return false;
}

/* The process that a view is about most. */
static const struct hst_process_image *top_of(const struct hst_show *show)
{
	const struct hst_process_image *image = NULL;
	struct hst_field_rows rows;

	if (show->view == HST_SHOW_LIST) {
		return hst_show_first(show, &list_part);
	}
	/* Of the failures one that is not the consequence of another one. */
	if (hst_show_choose(show, true, &rows) == HST_OK) {
		for (size_t i = 0; i < rows.count; i++) {
			image = rows.items[i];
			if (!hst_show_is_consequence(show, image) &&
				!hst_show_is_taken_well(show, image)) {
				break;
			}
		}
	}
	hst_field_rows_finish(&rows);
	return image;
}

/* What a user wants next, by what stands out. */
static void next_command(const struct hst_show *show)
{
	const struct hst_processes *p = show->processes;
	const char *next = tables[show->view].next;
	const struct hst_process_image *top;
	char pid[16];

	if (next != NULL && strcmp(next, "processes --of") == 0) {
		top = top_of(show);
		(void)snprintf(pid, sizeof pid, "%" PRIu32, top == NULL ? 0 : top->pid);
		hst_reading_next(
			show->reading, top == NULL ? "processes" : next, top == NULL ? NULL : pid);
	} else if (next != NULL) {
		hst_reading_next(show->reading, next, NULL);
	} else if (p->failed != 0) {
		hst_reading_next(show->reading, "processes --failed", NULL);
	} else if (p->processes > 3 && (double)p->serial_ns > SERIAL_MUCH * (double)p->wall_ns) {
		hst_reading_next(show->reading, "processes --critical", NULL);
	} else if (is_instrumented(p)) {
		hst_reading_next(show->reading, "report", NULL);
	} else {
		hst_reading_next(show->reading, "processes --commands", NULL);
	}
}

static enum hst_status print_view(const struct hst_show *show, struct hst_diag *diag)
{
	switch (show->view) {
	case HST_SHOW_OVERVIEW:
		return print_overview(show, diag);
	case HST_SHOW_CRITICAL:
		return print_critical(show, diag);
	case HST_SHOW_FAILED:
		return hst_show_failed(show, false);
	case HST_SHOW_OF:
		return hst_show_of(show);
	case HST_SHOW_SYSTEM:
		return hst_show_system(show);
	case HST_SHOW_LIST:
	case HST_SHOW_COMMANDS:
	case HST_SHOW_LANGUAGES:
	case HST_SHOW_WASTE:
	default:
		return print_tables(show, diag);
	}
}

enum hst_status hst_show_text(const struct hst_show *show, struct hst_diag *diag)
{
	hst_reading_begin_text(show->reading);
	HST_TRY(print_view(show, diag));
	if (!show->reading->options.quiet) {
		putchar('\n');
	}
	next_command(show);
	return HST_OK;
}
