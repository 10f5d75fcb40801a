/* SPDX-License-Identifier: Apache-2.0 */
/* `processes --of`: all that is known of a process, image by image. */
#include "cmd/processes.h"

#include "writers/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IMAGES_DEFAULT 10u
#define CHILDREN_SHOWN 20u
#define LABEL_WIDTH    15

/* A figure with its words. Without a label it stands behind the figure before, if that is known. */
struct line {
	const char *label;
	const char *column; /* of the field of an image */
	const char *words;
};

static const struct line lines[] = {
	{ "started", "start", "" },
	{ "ended", "end", "" },
	{ "wall", "wall", "" },
	{ "CPU", "cpu", "" },
	{ NULL, "user", " in the program" },
	{ NULL, "sys", " in the kernel" },
	{ "in all", "tree", " CPU with later images and all that they started" },
	{ NULL, "below", " images" },
	{ "critical path", "critical", " on it" },
	{ "VmHWM", "hwm", "" },
	{ NULL, "hwmfrom", "" },
	{ "page faults", "minor", " minor" },
	{ NULL, "major", " major, from the disk" },
	{ "switches", "waits", " when it waited" },
	{ NULL, "preempted", " when it was preempted" },
	{ "disk", "read", " read" },
	{ NULL, "written", " written" },
};

static void print_fields(const struct hst_fields *fields, const struct hst_process_image *image)
{
	char text[HST_FIELD_CELL];
	char line[2 * HST_FIELD_CELL] = "";
	size_t used = 0;
	bool known = false;

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		const struct hst_field *field =
			hst_fields_find(fields, lines[i].column, strlen(lines[i].column));

		if (lines[i].label != NULL && used != 0) {
			hst_print_line("%s", line);
			used = 0;
		}
		hst_field_cell(fields, field, image, text);
		if (lines[i].label == NULL && known && strcmp(text, "-") != 0) {
			used += (size_t)snprintf(line + used, sizeof line - used, ", %.100s%s",
				text, lines[i].words);
		} else if (lines[i].label != NULL && text[0] != '\0') {
			known = strcmp(text, "-") != 0;
			used = (size_t)snprintf(line, sizeof line, "%-*s%.100s%s", LABEL_WIDTH,
				lines[i].label, known ? text : "not known",
				known ? lines[i].words : "");
		}
	}
	hst_print_line("%s", line);
}

/* Paths in full: they are not cut, and cannot act on the terminal. */
static void print_path(const char *label, const char *path)
{
	if (path[0] != '\0') {
		printf("%-*s", LABEL_WIDTH, label);
		hst_print_command_line(&path, 1);
		putchar('\n');
	}
}

static void print_list(const char *label, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		printf("%-*s", LABEL_WIDTH, i == 0 ? label : "");
		hst_print_command_line(texts + i, 1);
		putchar('\n');
	}
}

static void print_limit(const char *words, uint64_t value, bool bytes, const char *unit)
{
	char text[HST_UNITS_BYTES];

	if (value == HST_PROCESS_UNKNOWN) {
		return;
	}
	if (bytes) {
		hst_units_bytes(text, value);
	} else {
		hst_units_count(text, value);
	}
	hst_print_line("%-*s%s%s %s", LABEL_WIDTH, "limit", text, unit, words);
}

static void print_limits(const struct hst_process_limits *limits)
{
	print_limit("of CPU time", limits->cpu_seconds, false, " s");
	print_limit("of address space", limits->address_bytes, true, "");
	print_limit("of data", limits->data_bytes, true, "");
	print_limit("of a file", limits->file_bytes, true, "");
	print_limit("of stack", limits->stack_bytes, true, "");
	print_limit("processes of the user", limits->processes, false, "");
}

static void print_relation(const struct hst_show *show, const char *label, uint32_t index)
{
	const struct hst_process_image *other = hst_show_image(show, index);
	char name[300];

	if (other != NULL) {
		hst_show_name(name, sizeof name, other);
		hst_print_line("%-*s%s", LABEL_WIDTH, label, name);
	}
}

static void print_children(const struct hst_show *show, const struct hst_process_image *image)
{
	char name[300];
	char status[HST_SHOW_KEY_BYTES];
	char wall[HST_UNITS_BYTES];
	uint32_t child = image->first_child;
	size_t count = 0;

	for (; hst_show_image(show, child) != NULL;
		child = hst_show_image(show, child)->next_sibling) {
		const struct hst_process_image *of = hst_show_image(show, child);

		if (count++ >= CHILDREN_SHOWN) {
			continue;
		}
		hst_show_name(name, sizeof name, of);
		hst_show_status(status, sizeof status, of);
		hst_units_ns(wall, (double)of->wall_ns);
		hst_print_line("%-*s%s  %s, %s", LABEL_WIDTH, count == 1 ? "children" : "", name,
			of->wall_ns == HST_PROCESS_UNKNOWN ? "-" : wall, status);
	}
	if (count > CHILDREN_SHOWN) {
		hst_print_line("%-*s[%zu others]", LABEL_WIDTH, "", count - CHILDREN_SHOWN);
	}
}

static void print_kind(const struct hst_process_image *image)
{
	if (image->tool[0] != '\0' || image->language[0] != '\0') {
		hst_print_line("%-*s%s%s%s, %s%s", LABEL_WIDTH, "kind", image->language,
			image->language[0] != '\0' && image->tool[0] != '\0' ? ", " : "",
			image->tool, hst_process_phase_text(image->phase),
			(image->flags & HST_PROCESS_PHASE_INHERITED) != 0
				? " (of an image above it)"
				: "");
	}
}

static void print_remarks(const struct hst_process_image *image)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} remarks[] = {
		{ HST_PROCESS_REPAIRED,
			"its environment lacked hasten's variables: they were put in" },
		{ HST_PROCESS_FLAGS_ADDED, "flags were added to its arguments" },
		{ HST_PROCESS_HOOKS,
			"built with -finstrument-functions: hasten report has its calls" },
		{ HST_PROCESS_CUT, "arguments or paths were too long to be recorded in full" },
		{ HST_PROCESS_SANDBOXED,
			"it shut itself in a sandbox: some figures could not be taken" },
		{ HST_PROCESS_OUTLIVED, "it ran on after the first process had ended" },
		{ HST_PROCESS_PARENT_LOST, "its parent is in no record" },
		{ HST_PROCESS_USAGE_ESTIMATED,
			"~ CPU and the like were derived from what others recorded" },
		{ HST_PROCESS_END_UNKNOWN,
			"~ its end was not seen: times are until its last sign of life" },
	};

	if (image->blind != HST_PROCESS_BLIND_NONE) {
		hst_print_line("%-*s%s: known from its parent only, what it started may be missing",
			LABEL_WIDTH, "blind spot", hst_show_blind(image->blind));
	}
	for (size_t i = 0; i < sizeof remarks / sizeof remarks[0]; i++) {
		if ((image->flags & remarks[i].flag) != 0) {
			hst_print_line("%-*s%s", LABEL_WIDTH, "note", remarks[i].text);
		}
	}
}

static void print_image(const struct hst_show *show, const struct hst_process_image *image)
{
	struct hst_fields fields = hst_show_table(show, HST_ROWS_IMAGES).fields;
	char name[300];
	char status[HST_SHOW_KEY_BYTES];

	hst_show_name(name, sizeof name, image);
	hst_show_status(status, sizeof status, image);
	hst_print_line("%s", name);
	hst_print_line("%-*s%s%s%s", LABEL_WIDTH, "status", status,
		image->evidence[0] == '\0' ? "" : ": ", image->evidence);
	hst_print_line(
		"%-*s%s", LABEL_WIDTH, "end known from", hst_process_ended_text(image->ended));
	print_kind(image);
	print_fields(&fields, image);
	print_list("arguments", image->argv, image->argc);
	if (image->original != NULL) {
		print_list("given as", image->original, image->original_count);
	}
	print_path("executable", image->exe);
	print_path("called as", strcmp(image->file, image->exe) == 0 ? "" : image->file);
	print_path("build id", image->build_id);
	print_path("directory", image->cwd);
	if (image->uid != UINT32_MAX) {
		hst_print_line("%-*suser %" PRIu32 ", group %" PRIu32, LABEL_WIDTH, "ids",
			image->uid, image->gid);
	}
	print_limits(&image->limits);
	print_list("not found as", image->probes, image->probe_count);
	hst_print_line("%-*s%s", LABEL_WIDTH, "began by", hst_process_began_text(image->began));
	print_relation(show, "parent", image->parent);
	print_relation(show, "was before", image->previous);
	print_relation(show, "became", image->next);
	print_relation(show, "waited by", image->waited_by);
	print_relation(show, "because of",
		hst_show_is_consequence(show, image) ? image->culprit : HST_PROCESS_NONE);
	print_children(show, image);
	print_remarks(image);
}

enum hst_status hst_show_of(const struct hst_show *show)
{
	struct hst_field_rows rows;
	enum hst_status status = hst_show_choose(show, false, &rows);
	size_t limit;

	if (status == HST_OK) {
		limit = hst_show_limit(show, rows.count, IMAGES_DEFAULT);
		hst_reading_notes(show->reading, &show->said);
		for (size_t i = 0; i < limit; i++) {
			if (i != 0) {
				putchar('\n');
			}
			print_image(show, rows.items[i]);
		}
		if (limit < rows.count) {
			putchar('\n');
			hst_print_line("[%zu other%s] -n 0 shows all", rows.count - limit,
				rows.count - limit == 1 ? "" : "s");
		}
	}
	hst_field_rows_finish(&rows);
	return status;
}
