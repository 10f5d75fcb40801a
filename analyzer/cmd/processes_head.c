/* SPDX-License-Identifier: Apache-2.0 */
/* What stands above the tables: the whole recording in a few lines; and below: what the marks mean. */
#include "cmd/processes.h"

#include "writers/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 512

static void command_line(const struct hst_show *show)
{
	const struct hst_process_image *root = hst_show_image(show, show->processes->root);
	char text[HST_FIELD_CELL];

	if (root == NULL) {
		hst_print_line("%s", show->reading->session.command == NULL
					     ? "the first process is in no record"
					     : show->reading->session.command);
		return;
	}
	hst_show_command(text, root, false);
	hst_print_line("%s", text);
}

static void ended_line(const struct hst_show *show)
{
	const struct hst_process_image *last =
		hst_show_last(show, hst_show_image(show, show->processes->root));
	char status[HST_SHOW_KEY_BYTES];

	if (last == NULL) {
		hst_print_line("ended         not known");
		return;
	}
	hst_show_status(status, sizeof status, last);
	hst_print_line("ended         %s%s%s", status, last->evidence[0] == '\0' ? "" : ": ",
		last->evidence);
}

static void processes_line(const struct hst_show *show)
{
	const struct hst_processes *p = show->processes;
	char count[2][HST_UNITS_BYTES];

	hst_units_count(count[0], p->processes);
	hst_units_count(count[1], p->image_count);
	hst_print_line("processes     %s, of %s image%s; at most %" PRIu32
		       " at a time, %.2f on average",
		count[0], count[1], p->image_count == 1 ? "" : "s", p->concurrency_max,
		p->concurrency);
}

/* ": 2 CE, 1 RE-SIG": the classes that are failures, or the others but OK. */
static size_t write_classes(char *text, size_t size, const struct hst_processes *p, bool failures)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned c = 0; c < HST_PROCESS_CLASSES && used < size; c++) {
		enum hst_process_class class = (enum hst_process_class)c;

		if (class != HST_PROCESS_CLASS_OK && p->classes[c] != 0 &&
			hst_process_class_failed(class) == failures) {
			used += (size_t)snprintf(text + used, size - used, "%s%" PRIu64 " %s",
				used == 0 ? "" : ", ", p->classes[c],
				hst_process_class_text(class));
		}
	}
	return used;
}

static void failed_line(const struct hst_processes *p)
{
	char text[LINE_BYTES];

	if (write_classes(text, sizeof text, p, true) != 0) {
		hst_print_line("failed        %" PRIu64 "%s: %s", p->failed + p->failed_probes,
			p->failed_probes == 0 ? "" : " with those of configure", text);
	}
	if (p->failed_probes != 0) {
		hst_print_line("              %" PRIu64
			       " of them in configure scripts, that ask so what there is",
			p->failed_probes);
	}
	if (write_classes(text, sizeof text, p, false) != 0) {
		hst_print_line("unclear       %s", text);
	}
}

static void time_line(const struct hst_processes *p)
{
	char wall[HST_UNITS_BYTES];
	char cpu[HST_UNITS_BYTES];
	char serial[HST_UNITS_BYTES];
	char unknown[LINE_BYTES] = "";

	hst_units_ns(wall, (double)p->wall_ns);
	hst_units_ns(cpu, (double)p->cpu_ns);
	hst_units_percent(serial, (double)p->serial_ns, (double)p->wall_ns);
	if (p->cpu_unknown != 0) {
		(void)snprintf(unknown, sizeof unknown,
			" or more (that of %" PRIu64 " image%s is not known)", p->cpu_unknown,
			p->cpu_unknown == 1 ? "" : "s");
	}
	hst_print_line("time          %s wall, %s%s CPU%s; %s %% of the time one process at most",
		wall, p->cpu_unknown != 0 ? "~" : "", cpu, unknown, serial);
}

/* The greatest one that is exact; one that is only bounded, if the bound is greater. */
static void peak_line(const struct hst_show *show)
{
	const struct hst_processes *p = show->processes;
	const struct hst_process_image *peak = NULL;
	bool exact;
	char bytes[HST_UNITS_BYTES];
	char name[300];

	for (size_t i = 0; i < p->image_count; i++) {
		const struct hst_process_image *image = &p->images[i];

		if (image->hwm_source != HST_PROCESS_HWM_UNKNOWN &&
			image->hwm_bytes != HST_PROCESS_UNKNOWN &&
			(peak == NULL || image->hwm_bytes > peak->hwm_bytes)) {
			peak = image;
		}
	}
	if (peak == NULL) {
		hst_print_line("peak          not known");
		return;
	}
	hst_units_bytes(bytes, peak->hwm_bytes);
	hst_show_name(name, sizeof name, peak);
	exact = peak->hwm_source == HST_PROCESS_HWM_EXACT;
	hst_print_line("peak          %s%s VmHWM%s%s, of %s", exact ? "" : "~", bytes,
		exact ? "" : " ", exact ? "" : hst_process_hwm_text(peak->hwm_source), name);
}

static void blind_line(const struct hst_processes *p)
{
	uint64_t counts[HST_PROCESS_BLINDS] = { 0 };
	char text[LINE_BYTES] = "";
	size_t used = 0;

	for (size_t i = 0; i < p->image_count; i++) {
		counts[p->images[i].blind < HST_PROCESS_BLINDS ? p->images[i].blind : 0]++;
	}
	for (unsigned b = 1; b < HST_PROCESS_BLINDS && used < sizeof text; b++) {
		if (counts[b] != 0) {
			used += (size_t)snprintf(text + used, sizeof text - used,
				"%s%" PRIu64 " %s", used == 0 ? "" : ", ", counts[b],
				hst_show_blind((enum hst_process_blind)b));
		}
	}
	if (used != 0) {
		hst_print_line(
			"blind spots   %s: known from the parent only, what they started may be missing",
			text);
	}
}

static void events_lines(const struct hst_processes *p)
{
	uint64_t refused = 0;
	uint64_t forks = 0;

	for (size_t i = 0; i < p->exec_failure_count; i++) {
		refused += !p->exec_failures[i].recovered && !p->exec_failures[i].fork;
		forks += p->exec_failures[i].fork;
	}
	if (refused != 0) {
		hst_print_line(
			"not started   %" PRIu64 " program%s", refused, refused == 1 ? "" : "s");
	}
	if (forks != 0) {
		hst_print_line("not forked    %" PRIu64 " time%s the system refused a child", forks,
			forks == 1 ? "" : "s");
	}
	if (p->no_memory_count != 0) {
		hst_print_line("no memory     %zu process%s had an allocation refused",
			p->no_memory_count, p->no_memory_count == 1 ? "" : "es");
	}
	if (p->system.oom_kills != HST_SYSTEM_UNKNOWN && p->system.oom_kills != 0) {
		hst_print_line(
			"OOM kills     %" PRIu64 " on this machine meanwhile", p->system.oom_kills);
	}
}

void hst_show_head(const struct hst_show *show)
{
	command_line(show);
	ended_line(show);
	processes_line(show);
	failed_line(show->processes);
	time_line(show->processes);
	peak_line(show);
	blind_line(show->processes);
	events_lines(show->processes);
	hst_reading_notes(show->reading, &show->said);
}

struct marks {
	bool hwm, usage, end, unknown, blind, exec;
};

static struct marks find_marks(const struct hst_show *show)
{
	struct marks marks = { .hwm = false };

	for (size_t i = 0; i < show->processes->image_count; i++) {
		const struct hst_process_image *image = &show->processes->images[i];

		marks.hwm |= image->hwm_source == HST_PROCESS_HWM_LOWER ||
			     image->hwm_source == HST_PROCESS_HWM_UPPER;
		marks.usage |= (image->flags & HST_PROCESS_USAGE_ESTIMATED) != 0;
		marks.end |= (image->flags & HST_PROCESS_END_UNKNOWN) != 0;
		marks.unknown |= image->cpu_ns == HST_PROCESS_UNKNOWN ||
				 image->hwm_source == HST_PROCESS_HWM_UNKNOWN ||
				 image->wall_ns == HST_PROCESS_UNKNOWN;
		marks.blind |= image->blind != HST_PROCESS_BLIND_NONE;
		/* Most children of fork that exec are no row of the tree. */
		marks.exec |=
			image->ended == HST_PROCESS_ENDED_EXEC &&
			(show->view == HST_SHOW_LIST || image->began != HST_PROCESS_BEGAN_FORK);
	}
	return marks;
}

void hst_show_legend(const struct hst_show *show)
{
	struct marks marks = find_marks(show);

	if (marks.hwm || marks.usage || marks.end) {
		hst_print_line("~ estimated:%s%s%s%s%s", marks.hwm ? " VmHWM is a bound" : "",
			marks.hwm && marks.usage ? ";" : "",
			marks.usage ? " CPU was derived from what others recorded" : "",
			(marks.hwm || marks.usage) && marks.end ? ";" : "",
			marks.end
				? " the end was not seen, wall time is until the last sign of life"
				: "");
	}
	if (show->reading->options.quiet) {
		return;
	}
	if (marks.unknown) {
		hst_print_line("- not known");
	}
	if (marks.blind) {
		hst_print_line("(static), (setuid), (foreign), (not seen): no records of its own, "
			       "seen from the parent");
	}
	if (marks.exec) {
		hst_print_line("exec: the process went on with another program%s",
			show->view == HST_SHOW_OVERVIEW ? ", in the row that begins with =>" : "");
	}
}
