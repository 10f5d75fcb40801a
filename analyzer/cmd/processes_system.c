/* SPDX-License-Identifier: Apache-2.0 */
/* `processes --system`: how the machine did, a line of eight heights per figure; and the peaks of each process. */
#include "cmd/processes.h"

#include "cmd/processes_plot.h"
#include "util/vec.h"
#include "writers/units.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FIGURES_WIDTH 66u /* of a line, beside the drawing */
#define FIGURES_LESS  44u /* without least and mean */
#define NARROW        80u /* a line below it has no room for least and mean */
#define PLOT_LEAST    10u
#define PLOT_DEFAULT  60u
#define PEAK_ROWS     20u

enum scale {
	SCALE_PERCENT, /* thousandths */
	SCALE_BYTES,
	SCALE_BYTES_S,
	SCALE_COUNT,
	SCALE_COUNT_S,
	SCALE_LOAD, /* thousandths */
};

/* Sum of up to two members; 32 bit ones of unknown value are UINT32_MAX. */
struct series {
	const char *label;
	enum scale scale;
	bool narrow;       /* uint32_t */
	size_t at, second; /* SIZE_MAX none */
	bool rate;         /* of a span: the first sample has none */
	bool optional;     /* left out when it is 0 all the time */
};

#define AT(member) offsetof(struct hst_system_sample, member)
static const struct series series[] = {
	{ "CPU", SCALE_PERCENT, true, AT(user), AT(system), true, false },
	{ "  kernel", SCALE_PERCENT, true, AT(system), SIZE_MAX, true, false },
	{ "  waiting for disks", SCALE_PERCENT, true, AT(iowait), SIZE_MAX, true, false },
	{ "  stolen by the host", SCALE_PERCENT, true, AT(steal), SIZE_MAX, true, true },
	{ "CPU pressure", SCALE_PERCENT, true, AT(pressure_cpu), SIZE_MAX, true, false },
	{ "runnable", SCALE_COUNT, true, AT(running), SIZE_MAX, false, false },
	{ "load, 1 minute", SCALE_LOAD, false, AT(load_1000), SIZE_MAX, false, false },
	{ "context switches", SCALE_COUNT_S, false, AT(context_switches_s), SIZE_MAX, true, false },
	{ "forks", SCALE_COUNT_S, false, AT(forks_s), SIZE_MAX, true, false },
	{ "memory used", SCALE_BYTES, false, AT(memory_used), SIZE_MAX, false, false },
	{ "swap used", SCALE_BYTES, false, AT(swap_used), SIZE_MAX, false, true },
	{ "memory pressure", SCALE_PERCENT, true, AT(pressure_memory), SIZE_MAX, true, false },
	{ "disk read", SCALE_BYTES_S, false, AT(read_bytes_s), SIZE_MAX, true, false },
	{ "disk written", SCALE_BYTES_S, false, AT(written_bytes_s), SIZE_MAX, true, false },
	{ "I/O pressure", SCALE_PERCENT, true, AT(pressure_io), SIZE_MAX, true, false },
};
#undef AT

static double member(const struct hst_system_sample *sample, size_t at, bool narrow)
{
	const char *from = (const char *)sample + at;

	if (narrow) {
		uint32_t value = *(const uint32_t *)(const void *)from;

		return value == HST_SYSTEM_UNKNOWN32 ? (double)NAN : value;
	}
	return *(const uint64_t *)(const void *)from == HST_SYSTEM_UNKNOWN
		       ? (double)NAN
		       : (double)*(const uint64_t *)(const void *)from;
}

static double value_of(const struct series *line, const struct hst_system_sample *sample)
{
	double value = member(sample, line->at, line->narrow);

	if (line->rate && sample->span_ns == 0) {
		return (double)NAN;
	}
	return line->second == SIZE_MAX ? value
					: value + member(sample, line->second, line->narrow);
}

static void write_value(char buffer[2 * HST_UNITS_BYTES], enum scale scale, double value)
{
	char text[HST_UNITS_BYTES];
	uint64_t whole = value > 0 && value < 1.8e19 ? (uint64_t)value : 0;

	switch (scale) {
	case SCALE_PERCENT:
		hst_units_percent(text, value, 1000);
		(void)snprintf(buffer, 2 * HST_UNITS_BYTES, "%s %%", text);
		break;
	case SCALE_BYTES:
	case SCALE_BYTES_S:
		hst_units_bytes(text, whole);
		(void)snprintf(buffer, 2 * HST_UNITS_BYTES, "%s%s", text,
			scale == SCALE_BYTES ? "" : "/s");
		break;
	case SCALE_LOAD:
		(void)snprintf(buffer, 2 * HST_UNITS_BYTES, "%.2f", value / 1000);
		break;
	case SCALE_COUNT:
	case SCALE_COUNT_S:
	default:
		hst_units_count(text, whole);
		(void)snprintf(buffer, 2 * HST_UNITS_BYTES, "%s%s", text,
			scale == SCALE_COUNT ? "" : "/s");
		break;
	}
}

/* Least, mean over time, most, last. */
struct range {
	double least, mean, most, last;
	size_t count;
};

static struct range collect(
	const struct hst_system *system, const struct series *line, struct hst_plot_point *points)
{
	struct range range = { .count = 0 };
	double weight = 0;
	double sum = 0;

	for (size_t i = 0; i < system->sample_count; i++) {
		const struct hst_system_sample *sample = &system->samples[i];
		double value = value_of(line, sample);
		double span = (double)(sample->span_ns == 0 ? 1 : sample->span_ns);

		if (isnan(value)) {
			continue;
		}
		range.least = range.count == 0 || value < range.least ? value : range.least;
		range.most = range.count == 0 || value > range.most ? value : range.most;
		range.last = value;
		points[range.count++] = (struct hst_plot_point){ sample->at_ns, value };
		sum += value * span;
		weight += span;
	}
	range.mean = weight > 0 ? sum / weight : 0;
	return range;
}

static bool is_narrow(const struct hst_show *show)
{
	return show->reading->style.width != 0 && show->reading->style.width < NARROW;
}

static size_t plot_width(const struct hst_show *show)
{
	size_t room = show->reading->style.width;
	size_t figures = is_narrow(show) ? FIGURES_LESS : FIGURES_WIDTH;
	size_t width = room > figures ? room - figures : 0;

	width = room == 0 ? PLOT_DEFAULT : width;
	return width < PLOT_LEAST ? PLOT_LEAST : width > HST_PLOT_MOST ? HST_PLOT_MOST : width;
}

static void add_series(struct hst_table *table, const struct hst_show *show,
	const struct series *line, struct hst_plot_point *points)
{
	const struct hst_processes *p = show->processes;
	struct range range = collect(&p->system, line, points);
	const double values[] = { range.least, range.mean, range.most, range.last };
	const struct hst_plot plot = { plot_width(show), show->reading->style.utf8, p->wall_ns };
	char drawing[HST_PLOT_BYTES];
	char text[2 * HST_UNITS_BYTES];

	if (line->optional && range.most <= 0) {
		return;
	}
	hst_table_row(table);
	hst_table_cell(table, line->label);
	if (range.count == 0) {
		hst_table_cell(table, "not known");
		return;
	}
	hst_plot_series(drawing, &plot, points, range.count, range.most);
	hst_table_cell(table, drawing);
	for (size_t i = is_narrow(show) ? 2 : 0; i < sizeof values / sizeof values[0]; i++) {
		write_value(text, line->scale, values[i]);
		hst_table_cell(table, text);
	}
}

static enum hst_status print_machine(const struct hst_show *show)
{
	const struct hst_system *system = &show->processes->system;
	struct hst_plot_point *points = calloc(system->sample_count + 1, sizeof *points);
	struct hst_table *table = hst_table_create();
	enum hst_status status = points == NULL || table == NULL ? HST_E_MEMORY : HST_OK;

	if (status == HST_OK) {
		hst_table_column(table, "MACHINE", 0);
		hst_table_column(table, "", 0);
		if (!is_narrow(show)) {
			hst_table_column(table, "MIN", HST_COLUMN_RIGHT);
			hst_table_column(table, "MEAN", HST_COLUMN_RIGHT);
		}
		hst_table_column(table, "MAX", HST_COLUMN_RIGHT);
		hst_table_column(table, "END", HST_COLUMN_RIGHT);
		for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
			add_series(table, show, &series[i], points);
		}
		status = hst_table_print(table, stdout, &show->reading->style);
	}
	hst_table_destroy(table);
	free(points);
	return status;
}

/* Peaks of one process over its samples. */
struct peak {
	uint32_t pid, image;
	const char *name;
	uint64_t samples;
	uint64_t cpu, cpu_sum, cpu_span; /* thousandths of a processor; sum: by time */
	uint64_t rss, read, written, threads;
};

static uint64_t more(uint64_t most, uint64_t value)
{
	return value != HST_SYSTEM_UNKNOWN && (most == HST_SYSTEM_UNKNOWN || value > most) ? value
											   : most;
}

static void add_sample(struct peak *peak, const struct hst_process_sample *sample)
{
	peak->samples++;
	peak->name = sample->name;
	peak->rss = more(peak->rss, sample->rss_bytes);
	peak->threads = more(peak->threads,
		sample->threads == HST_SYSTEM_UNKNOWN32 ? HST_SYSTEM_UNKNOWN : sample->threads);
	if (sample->span_ns != 0 && sample->cpu != HST_SYSTEM_UNKNOWN32) {
		peak->cpu = more(peak->cpu, sample->cpu);
		peak->cpu_sum += sample->cpu * (sample->span_ns / 1000);
		peak->cpu_span += sample->span_ns / 1000;
	}
	if (sample->span_ns != 0) {
		peak->read = more(peak->read, sample->read_bytes_s);
		peak->written = more(peak->written, sample->written_bytes_s);
	}
}

#define GET(name, value)                                                    \
 static struct hst_figure peak_##name(const void *context, const void *row) \
 {                                                                          \
  const struct hst_show *show = context;                                    \
  const struct peak *peak = row;                                            \
                                                                            \
  (void)show;                                                               \
  return value;                                                             \
 }

static struct hst_figure known_unless(uint64_t value, uint64_t whole)
{
	return (struct hst_figure){
		.known = value != HST_SYSTEM_UNKNOWN, .value = value, .whole = whole
	};
}

GET(pid, known_unless(peak->pid, 0))
GET(name, ((struct hst_figure){ .known = peak->name != NULL, .text = peak->name }))
GET(cpu, known_unless(peak->cpu, 1000))
GET(mean, known_unless(
		  peak->cpu_span == 0 ? HST_SYSTEM_UNKNOWN : peak->cpu_sum, 1000 * peak->cpu_span))
#undef GET

#define AT(member) NULL, offsetof(struct peak, member)
/* clang-format off */
static const struct hst_field peak_fields[] = {
	{ NULL, "pid", "PID", HST_COLUMN_RIGHT, HST_FIGURE_COUNT, peak_pid, 0 },
	{ NULL, "cpu", "CPU MAX %", HST_COLUMN_RIGHT, HST_FIGURE_PERCENT, peak_cpu, 0 },
	{ NULL, "mean", "MEAN %", HST_COLUMN_RIGHT | HST_FIELD_SPARE, HST_FIGURE_PERCENT, peak_mean, 0 },
	{ NULL, "rss", "RSS MAX", HST_COLUMN_RIGHT, HST_FIGURE_BYTES, AT(rss) },
	{ NULL, "threads", "THREADS", HST_COLUMN_RIGHT | HST_FIELD_SPARE, HST_FIGURE_COUNT, AT(threads) },
	{ NULL, "read", "READ MAX/s", HST_COLUMN_RIGHT | HST_FIELD_SPARE, HST_FIGURE_BYTES, AT(read) },
	{ NULL, "written", "WRITTEN MAX/s", HST_COLUMN_RIGHT | HST_FIELD_SPARE, HST_FIGURE_BYTES, AT(written) },
	{ NULL, "samples", "SAMPLES", HST_COLUMN_RIGHT | HST_FIELD_SPARE, HST_FIGURE_COUNT, AT(samples) },
	{ NULL, "name", "NAME", HST_COLUMN_FLEX, HST_FIGURE_TEXT, peak_name, 0 },
};
/* clang-format on */
#undef AT

static enum hst_status print_peaks(const struct hst_show *show)
{
	const struct hst_system *system = &show->processes->system;
	const struct hst_fields fields = { peak_fields, sizeof peak_fields / sizeof peak_fields[0],
		show };
	struct hst_field_choice choice = { .count = 0 };
	struct peak *peaks = calloc(system->process_count + 1, sizeof *peaks);
	struct hst_field_rows rows = { 0 };
	size_t count = 0;
	enum hst_status status = peaks == NULL ? HST_E_MEMORY : HST_OK;

	for (size_t i = 0; status == HST_OK && i < system->process_count; i++) {
		const struct hst_process_sample *sample = &system->processes[i];

		/* Sorted by image, then pid: a pid that is given anew has another image. */
		if (count == 0 || peaks[count - 1].pid != sample->pid ||
			peaks[count - 1].image != sample->image) {
			peaks[count++] = (struct peak){ .pid = sample->pid,
				.image = sample->image,
				.cpu = HST_SYSTEM_UNKNOWN,
				.rss = HST_SYSTEM_UNKNOWN,
				.read = HST_SYSTEM_UNKNOWN,
				.written = HST_SYSTEM_UNKNOWN,
				.threads = HST_SYSTEM_UNKNOWN };
		}
		add_sample(&peaks[count - 1], sample);
	}
	for (size_t i = 0; i < fields.count; i++) {
		choice.items[choice.count++] = &peak_fields[i];
	}
	if (status == HST_OK) {
		status = hst_field_rows_of(peaks, count, sizeof *peaks, &rows);
	}
	if (status == HST_OK && count != 0) {
		status = hst_fields_sort(&fields, "rss", false, &rows, NULL);
	}
	if (status == HST_OK && count != 0) {
		putchar('\n');
		status = hst_fields_print(&fields, &choice, &rows,
			hst_show_limit(show, rows.count, PEAK_ROWS), &show->reading->style);
	}
	hst_field_rows_finish(&rows);
	free(peaks);
	return status;
}

static void head(const struct hst_show *show)
{
	const struct hst_system *system = &show->processes->system;
	const struct hst_system_sample *last = &system->samples[system->sample_count - 1];
	char every[HST_UNITS_BYTES];
	char cost[HST_UNITS_BYTES];
	char memory[HST_UNITS_BYTES];

	hst_units_ns(every, (double)system->interval_ns);
	hst_units_ns(cost, (double)system->sampling_ns);
	hst_units_bytes(memory, last->memory_total);
	hst_print_line("%zu sample%s%s%s; taking them cost %s of CPU", system->sample_count,
		system->sample_count == 1 ? "" : "s",
		system->interval_ns == 0 ? "" : ", at least one every ",
		system->interval_ns == 0 ? "" : every,
		system->sampling_ns == HST_SYSTEM_UNKNOWN ? "an unknown time" : cost);
	if (last->processors != HST_SYSTEM_UNKNOWN32 && last->memory_total != HST_SYSTEM_UNKNOWN) {
		hst_print_line("%" PRIu32 " processor%s, %s of memory; all of the machine, not of "
			       "this recording alone",
			last->processors, last->processors == 1 ? "" : "s", memory);
	}
}

enum hst_status hst_show_system(const struct hst_show *show)
{
	const struct hst_system *system = &show->processes->system;

	hst_reading_notes(show->reading, &show->said);
	if (system->sample_count == 0) {
		hst_print_line("the machine was not sampled: the recording is too short, was made "
			       "with --no-system, or without hasten run");
	} else {
		head(show);
		putchar('\n');
		HST_TRY(print_machine(show));
	}
	HST_TRY(print_peaks(show));
	if (!show->reading->options.quiet && system->sample_count != 0) {
		hst_print_line("each line has its own scale, from 0 to its greatest value; peaks "
			       "between two samples are not seen");
	}
	return HST_OK;
}
