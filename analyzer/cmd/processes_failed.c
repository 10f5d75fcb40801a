/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong: in a line each, or with all that is needed to try it again. */
#include "cmd/processes.h"

#include "util/vec.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BRIEF_ROWS 8u
#define TAKEN_ROWS 20u /* of those that a process above took well: often there are many alike */

/* "CE cc1  cc1 (pid 12), at 1.20 s after 30.0 ms" */
static void title(const struct hst_process_image *image)
{
	char status[HST_SHOW_KEY_BYTES];
	char name[300];
	char start[HST_UNITS_BYTES];
	char wall[HST_UNITS_BYTES];

	hst_show_status(status, sizeof status, image);
	hst_show_name(name, sizeof name, image);
	hst_units_ns(start, (double)image->start_ns);
	hst_units_ns(wall, (double)image->wall_ns);
	if (image->wall_ns == HST_PROCESS_UNKNOWN) {
		hst_print_line("%s  %s", status, name);
	} else {
		hst_print_line("%s  %s, started at %s, ran %s%s", status, name, start,
			(image->flags & HST_PROCESS_END_UNKNOWN) != 0 ? "~" : "", wall);
	}
}

static void details(const struct hst_show *show, const struct hst_process_image *image)
{
	char name[300];

	title(image);
	if (image->evidence[0] != '\0') {
		hst_print_line("  %s", image->evidence);
	}
	if (hst_show_is_consequence(show, image)) {
		hst_show_name(name, sizeof name, hst_show_image(show, image->culprit));
		hst_print_line("  because of %s", name);
	}
	if (image->cwd[0] != '\0') {
		fputs("  in ", stdout);
		hst_print_command_line(&image->cwd, 1);
		putchar('\n');
	}
	if (image->argc != 0) {
		fputs("  $ ", stdout);
		hst_print_command_line(image->argv, image->argc);
		puts((image->flags & HST_PROCESS_CUT) != 0 ? "  (cut: too long to be recorded)"
							   : "");
	}
	if ((image->flags & HST_PROCESS_FLAGS_ADDED) != 0 && image->original != NULL) {
		fputs("  given as ", stdout);
		hst_print_command_line(image->original, image->original_count);
		putchar('\n');
	}
}

/* Programs and children that could not be started, as a table. */
static enum hst_status print_refused(const struct hst_show *show)
{
	struct hst_show_table table = hst_show_table(show, HST_ROWS_EXEC_FAILURES);
	struct hst_field_choice choice;
	struct hst_field_rows rows = { 0 };
	bool forks = false;
	enum hst_status status = hst_fields_choose(
		&table.fields, NULL, "at,error,call,pid,name,probes,file", &choice, NULL);

	for (size_t i = 0; status == HST_OK && i < show->processes->exec_failure_count; i++) {
		const struct hst_process_exec_failure *failure = &show->processes->exec_failures[i];

		if (!failure->recovered && !hst_vec_push(&rows, failure)) {
			status = HST_E_MEMORY;
		}
		forks |= failure->fork;
	}
	if (status == HST_OK && rows.count != 0) {
		putchar('\n');
		hst_print_line(
			"programs%s that could not be started:", forks ? " and children" : "");
		status = hst_fields_print(&table.fields, &choice, &rows,
			hst_show_limit(show, rows.count, 0), &show->reading->style);
	}
	hst_field_rows_finish(&rows);
	return status;
}

/* Those that a process above took well behind the others; returns how many others there are. */
static size_t part_taken(const struct hst_show *show, struct hst_field_rows *rows)
{
	size_t others = 0;

	/* Both parts stay in the order of time: there are few. */
	for (size_t i = 0; i < rows->count; i++) {
		const void *row = rows->items[i];

		if (!hst_show_is_taken_well(show, row)) {
			memmove(rows->items + others + 1, rows->items + others,
				(i - others) * sizeof *rows->items);
			rows->items[others++] = row;
		}
	}
	return others;
}

static void print_failures(const struct hst_show *show, struct hst_field_rows *rows)
{
	size_t others = part_taken(show, rows);
	size_t limit = hst_show_limit(show, rows->count, others + TAKEN_ROWS);

	if (rows->count == 0) {
		hst_print_line("no process failed");
	}
	for (size_t i = 0; i < limit; i++) {
		if (i != 0) {
			putchar('\n');
		}
		if (i == others) {
			hst_print_line("failed, but a process above went on and ended well:");
			putchar('\n');
		}
		details(show, rows->items[i]);
	}
	if (limit < rows->count) {
		hst_print_line("[%zu other failure%s] -n 0 shows all", rows->count - limit,
			rows->count - limit == 1 ? "" : "s");
	}
}

static enum hst_status print_all(const struct hst_show *show, struct hst_field_rows *rows)
{
	static const struct hst_show_part no_memory = { HST_ROWS_NO_MEMORIES,
		"at,asked,space,pid,name", NULL, 0, false,
		"first allocation that was refused, by process:", NULL, NULL };
	uint64_t probes = show->processes->failed_probes;

	hst_reading_notes(show->reading, &show->said);
	print_failures(show, rows);
	HST_TRY(print_refused(show));
	if (show->processes->no_memory_count != 0) {
		putchar('\n');
		HST_TRY(hst_show_print(show, &no_memory, NULL));
	}
	if (probes != 0) {
		putchar('\n');
		hst_print_line("%" PRIu64 " process%s of configure scripts failed too, as it may: "
			       "left out here, counted in --languages",
			probes, probes == 1 ? "" : "es");
	}
	return HST_OK;
}

/* What says nothing new in a line each: how many. */
struct rest {
	size_t others, consequences, taken;
};

static void print_rest(const struct rest *rest, bool one)
{
	if (rest->others != 0) {
		hst_print_line("failed: %zu other%s", rest->others, rest->others == 1 ? "" : "s");
	}
	if (rest->consequences != 0) {
		hst_print_line("failed: %zu because of %s", rest->consequences,
			one ? "that one" : "those");
	}
	if (rest->taken != 0) {
		hst_print_line("failed: %zu with a status that a process above took well "
			       "(--failed lists %s)",
			rest->taken, rest->taken == 1 ? "it" : "them");
	}
}

/* The innermost ones: what failed because of them says nothing new. */
static void print_brief(const struct hst_show *show, const struct hst_field_rows *rows)
{
	struct rest rest = { 0 };
	size_t shown = 0;
	char name[300];
	char status[HST_SHOW_KEY_BYTES];

	if (rows->count != 0) {
		putchar('\n');
	}
	for (size_t i = 0; i < rows->count; i++) {
		const struct hst_process_image *image = rows->items[i];

		if (hst_show_is_taken_well(show, image)) {
			rest.taken++;
		} else if (hst_show_is_consequence(show, image)) {
			rest.consequences++;
		} else if (shown == BRIEF_ROWS) {
			rest.others++;
		} else {
			shown++;
			hst_show_name(name, sizeof name, image);
			hst_show_status(status, sizeof status, image);
			hst_print_line("failed: %s  %s%s%s", status, name,
				image->evidence[0] == '\0' ? "" : ": ", image->evidence);
		}
	}
	print_rest(&rest, shown == 1);
}

enum hst_status hst_show_failed(const struct hst_show *show, bool brief)
{
	struct hst_field_rows rows;
	enum hst_status status = hst_show_choose(show, true, &rows);

	if (status == HST_OK && brief) {
		print_brief(show, &rows);
	} else if (status == HST_OK) {
		status = print_all(show, &rows);
	}
	hst_field_rows_finish(&rows);
	return status;
}
