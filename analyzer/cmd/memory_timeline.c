/* SPDX-License-Identifier: Apache-2.0 */
/* `memory --timeline`: a line of eight heights for each series, over the time that was recorded. */
#include "cmd/memory.h"

#include "cmd/commands.h"
#include "cmd/terminal.h"
#include "writers/csv.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES_DEFAULT 4u
#define LABEL_WIDTH       8u
#define RANGE_WIDTH       46u /* room behind a line for its figures */
#define PLOT_LEAST        10u
#define PLOT_MIDDLE       30u /* from here on there is room for the time in the middle */
#define PLOT_MOST         200u
#define PLOT_DEFAULT      80u

struct point {
	bool known;
	int64_t value;
};

static struct point known(bool is, uint64_t value)
{
	return (struct point){ is, value > INT64_MAX ? INT64_MAX : (int64_t)value };
}

static struct point live(const struct hst_heap_sample *sample)
{
	return known(true, sample->live_bytes);
}

static struct point resident(const struct hst_heap_sample *sample)
{
	return known(sample->rss_bytes != 0, sample->rss_bytes);
}

/* What the process holds of the machine beyond what its blocks need: below 0 if they were not touched. */
static struct point gap(const struct hst_heap_sample *sample)
{
	struct point rss = resident(sample);
	struct point used = known(true, sample->usable_bytes);

	return (struct point){ rss.known, rss.value - used.value };
}

static struct point mapped(const struct hst_heap_sample *sample)
{
	return known(true, sample->mapped_bytes);
}

static struct point stacks(const struct hst_heap_sample *sample)
{
	return known(true, sample->stack_bytes);
}

static const struct series {
	const char *label;
	struct point (*value)(const struct hst_heap_sample *sample);
	const char *meaning;
	bool optional; /* left out when it is 0 all the time */
} series[] = {
	{ "live", live, "bytes of blocks that were asked for and not freed", false },
	{ "RSS", resident, "resident memory of the process", false },
	{ "gap", gap, "RSS - live usable bytes: code, stacks, mappings, fragmentation", false },
	{ "mapped", mapped, "by mmap and brk of the program itself", true },
	{ "stacks", stacks, "address space of the stacks of its threads, without the first", true },
};

#define SERIES (sizeof series / sizeof series[0])

struct range {
	bool any;
	int64_t least, most, last;
	uint64_t most_ns;
};

static struct range range_of(const struct hst_heap_process *process, const struct series *line)
{
	struct range range = { .any = false };

	for (size_t i = 0; i < process->sample_count; i++) {
		struct point point = line->value(&process->samples[i]);

		if (!point.known) {
			continue;
		}
		if (!range.any || point.value < range.least) {
			range.least = point.value;
		}
		if (!range.any || point.value > range.most) {
			range.most = point.value;
			range.most_ns = process->samples[i].ns;
		}
		range.last = point.value;
		range.any = true;
	}
	return range;
}

/* Greatest value within each column of time; what was not sampled there stays as it was. */
static void fill_columns(const struct hst_heap_process *process, const struct series *line,
	struct point *columns, size_t width)
{
	uint64_t first = process->samples[0].ns;
	uint64_t span = process->samples[process->sample_count - 1].ns - first;

	memset(columns, 0, width * sizeof *columns);
	for (size_t i = 0; i < process->sample_count; i++) {
		struct point point = line->value(&process->samples[i]);
		uint64_t since = process->samples[i].ns - first;
		double part = span == 0 ? 0 : (double)since / (double)span;
		size_t at = (size_t)(part * (double)width);

		at = at < width ? at : width - 1;
		if (point.known && (!columns[at].known || point.value > columns[at].value)) {
			columns[at] = point;
		}
	}
	for (size_t i = 1; i < width; i++) {
		if (!columns[i].known) {
			columns[i] = columns[i - 1];
		}
	}
}

static void signed_bytes(char *buffer, size_t size, int64_t value)
{
	char text[HST_UNITS_BYTES];

	hst_units_bytes(text, value < 0 ? (uint64_t) - (value + 1) + 1u : (uint64_t)value);
	(void)snprintf(buffer, size, "%s%s", value < 0 ? "-" : "", text);
}

static void print_series(const struct hst_heap_process *process, const struct series *line,
	struct point *columns, size_t width, bool utf8)
{
	static const char *const blocks[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
		"\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const signs[] = { "_", ".", "-", "~", "=", "+", "*", "#" };
	struct range range = range_of(process, line);
	char plot[PLOT_MOST * 3 + 1];
	char figures[3][HST_UNITS_BYTES + 1];
	size_t used = 0;

	if (!range.any) {
		hst_print_line("%-*s was not sampled", (int)LABEL_WIDTH, line->label);
		return;
	}
	if (line->optional && range.most == 0) {
		return;
	}
	fill_columns(process, line, columns, width);
	for (size_t i = 0; i < width; i++) {
		double share = range.most <= 0 ? 0 : (double)columns[i].value / (double)range.most;
		size_t level = share <= 0 ? 0 : (size_t)(share * 8.0);
		const char *sign =
			utf8 ? blocks[level < 8 ? level : 7] : signs[level < 8 ? level : 7];

		used += (size_t)snprintf(
			plot + used, sizeof plot - used, "%s", columns[i].known ? sign : " ");
	}
	signed_bytes(figures[0], sizeof figures[0], range.least);
	signed_bytes(figures[1], sizeof figures[1], range.most);
	signed_bytes(figures[2], sizeof figures[2], range.last);
	hst_print_line("%-*s%s  min %s, max %s, end %s", (int)LABEL_WIDTH, line->label, plot,
		figures[0], figures[1], figures[2]);
}

/* Ticks at the begin, the middle and the end, and their times. */
static void print_axis(const struct hst_heap_process *process, size_t width)
{
	uint64_t first = process->samples[0].ns;
	uint64_t last = process->samples[process->sample_count - 1].ns;
	char ticks[PLOT_MOST + 1];
	char times[3][HST_UNITS_BYTES];
	size_t half = width < PLOT_MIDDLE ? 0 : width / 2;

	memset(ticks, '-', width);
	ticks[0] = ticks[half] = ticks[width - 1] = '|';
	ticks[width] = '\0';
	hst_print_line("%-*s%s", (int)LABEL_WIDTH, "", ticks);
	hst_units_ns(times[0], (double)first);
	hst_units_ns(times[1], (double)first + (double)(last - first) / 2);
	hst_units_ns(times[2], (double)last);
	if (half == 0) {
		hst_print_line("%-*s%s .. %s", (int)LABEL_WIDTH, "", times[0], times[2]);
		return;
	}
	hst_print_line("%-*s%-*s%-*s%s", (int)LABEL_WIDTH, "", (int)half, times[0],
		(int)(width - half - strlen(times[2])), times[1], times[2]);
}

/* Of a line of `room` columns, 0: any. */
static size_t plot_width(size_t room)
{
	size_t width = room > LABEL_WIDTH + RANGE_WIDTH ? room - LABEL_WIDTH - RANGE_WIDTH : 0;

	width = room == 0 ? PLOT_DEFAULT : width;
	return width < PLOT_LEAST ? PLOT_LEAST : width > PLOT_MOST ? PLOT_MOST : width;
}

static void print_process(const struct hst_memory *memory, const struct hst_heap_process *process)
{
	struct point columns[PLOT_MOST];
	size_t width = plot_width(memory->reading->style.width);
	char name[300];
	char peak[HST_UNITS_BYTES];
	char at[HST_UNITS_BYTES];

	hst_memory_process_name(name, sizeof name, process);
	hst_units_bytes(peak, process->sum.peak_bytes);
	hst_units_ns(at, (double)process->peak_ns);
	if (memory->counted) {
		hst_print_line("%s: peak ~%s or less; blocks were counted, not listed: no timeline",
			name, peak);
		return;
	}
	hst_print_line("%s: peak %s at %s, %zu sample%s", name, peak, at, process->sample_count,
		process->sample_count == 1 ? "" : "s");
	if (process->sample_count == 0) {
		return;
	}
	for (size_t i = 0; i < SERIES; i++) {
		print_series(process, &series[i], columns, width, memory->reading->style.utf8);
	}
	print_axis(process, width);
}

static int compare(const void *left, const void *right)
{
	const struct hst_heap_process *a = *(const struct hst_heap_process *const *)left;
	const struct hst_heap_process *b = *(const struct hst_heap_process *const *)right;

	if (a->sum.peak_bytes != b->sum.peak_bytes) {
		return a->sum.peak_bytes < b->sum.peak_bytes ? 1 : -1;
	}
	return (a > b) - (a < b);
}

static void legend(const struct hst_memory *memory)
{
	if (memory->reading->options.quiet || memory->counted) {
		return;
	}
	hst_print_line("each line has its own scale, from 0 to its greatest value");
	for (size_t i = 0; i < SERIES; i++) {
		hst_print_line("  %-*s%s", (int)LABEL_WIDTH, series[i].label, series[i].meaning);
	}
}

int hst_memory_timeline(const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;
	const struct hst_heap_process **order = calloc(heap->process_count + 1, sizeof *order);
	size_t shown = hst_memory_limit(memory, heap->process_count, PROCESSES_DEFAULT);

	if (order == NULL) {
		return hst_reading_fail(memory->reading, "out of memory");
	}
	for (size_t i = 0; i < heap->process_count; i++) {
		order[i] = &heap->processes[i];
	}
	qsort(order, heap->process_count, sizeof *order, compare);
	hst_reading_begin_text(memory->reading);
	hst_reading_notes(memory->reading, &memory->said);
	for (size_t i = 0; i < shown; i++) {
		putchar('\n');
		print_process(memory, order[i]);
	}
	putchar('\n');
	if (shown < heap->process_count) {
		hst_print_line("[%zu others]: -n 0 shows all, --process PID one",
			heap->process_count - shown);
	}
	legend(memory);
	if (!memory->reading->options.quiet) {
		putchar('\n');
	}
	hst_reading_next(memory->reading,
		memory->counted ? "memory --paths" : hst_memory_view(HST_VIEW_TIMELINE)->next,
		NULL);
	free(order);
	return HST_EXIT_OK;
}
