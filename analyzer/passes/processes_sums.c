/* SPDX-License-Identifier: Apache-2.0 */
/* Images by command, by language and phase, and those that ran more than once. */
#include "passes/processes_pass.h"

#include "util/strtab.h"

#include <stdlib.h>
#include <string.h>

/* An image that stands for a fork that has not exec'd, or has not yet. */
static bool is_copy(const struct hst_process_image *image)
{
	return image->began == HST_PROCESS_BEGAN_FORK;
}

static uint64_t known(uint64_t value)
{
	return value == HST_PROCESS_UNKNOWN ? 0 : value;
}

static void at_most(uint64_t *most, uint64_t value)
{
	if (value != HST_PROCESS_UNKNOWN && (*most == HST_PROCESS_UNKNOWN || value > *most)) {
		*most = value;
	}
}

/* Is it the peak itself, or less than it? A bound from above says nothing of how much was used. */
static bool is_peak(const struct hst_process_image *image)
{
	return image->hwm_source == HST_PROCESS_HWM_EXACT ||
	       image->hwm_source == HST_PROCESS_HWM_LOWER;
}

static int compare_commands(const void *left, const void *right)
{
	const struct hst_process_command *a = left;
	const struct hst_process_command *b = right;

	if (a->cpu_ns != b->cpu_ns) {
		return a->cpu_ns > b->cpu_ns ? -1 : 1;
	}
	if (a->wall_ns != b->wall_ns) {
		return a->wall_ns > b->wall_ns ? -1 : 1;
	}
	return strcmp(a->command, b->command);
}

static void add_command(struct hst_process_command *row, const struct hst_process_image *image)
{
	row->count++;
	row->failed += hst_process_class_failed(image->class);
	row->wall_ns += known(image->wall_ns);
	row->cpu_ns += known(image->cpu_ns);
	row->critical_ns += image->critical_ns;
	if (known(image->wall_ns) > row->wall_max_ns) {
		row->wall_max_ns = image->wall_ns;
	}
	if (is_peak(image)) {
		at_most(&row->hwm_max_bytes, image->hwm_bytes);
	}
}

/* An array that lives with the result, of a vector that is done with. */
static void *settle(struct hst_processes *result, const void *items, size_t count, size_t bytes)
{
	return hst_arena_copy(&result->arena, items, count * bytes);
}

static enum hst_status sum_commands(struct hst_processes *result)
{
	HST_VEC(struct hst_process_command) rows = { 0 };
	struct hst_strtab names = { 0 };
	struct hst_map by_name = { 0 };
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < result->image_count && status == HST_OK; i++) {
		const struct hst_process_image *image = &result->images[i];
		const struct hst_process_command fresh = { .command = image->command,
			.language = image->language,
			.phase = image->phase,
			.hwm_max_bytes = HST_PROCESS_UNKNOWN };
		uint32_t at = (uint32_t)rows.count;
		uint32_t id;

		if (is_copy(image)) {
			continue;
		}
		status = hst_strtab_add(&names, image->command, &id);
		if (status == HST_OK && !hst_map_get(&by_name, id, &at)) {
			status = hst_vec_push(&rows, fresh) ? hst_map_put(&by_name, id, at)
							    : HST_E_MEMORY;
		}
		if (status == HST_OK && at < rows.count) {
			add_command(&rows.items[at], image);
		}
	}
	if (status == HST_OK && rows.count != 0) {
		qsort(rows.items, rows.count, sizeof *rows.items, compare_commands);
	}
	result->commands = settle(result, rows.items, rows.count, sizeof *rows.items);
	result->command_count = rows.count;
	status = status == HST_OK && result->commands == NULL ? HST_E_MEMORY : status;
	hst_vec_finish(&rows);
	hst_map_finish(&by_name);
	hst_strtab_finish(&names);
	return status;
}

/* A unit of work: what its images did together. */
struct unit {
	uint32_t top; /* image */
	uint32_t row;
	uint64_t cpu_ns, hwm_bytes;
	uint64_t images;
	uint64_t end_ns;
	enum hst_process_class class;
};

typedef HST_VEC(struct unit) units;
typedef HST_VEC(struct hst_process_phase_row) phase_rows;

static enum hst_status row_of(
	phase_rows *rows, const struct hst_process_image *image, uint32_t *ret_row)
{
	const struct hst_process_phase_row fresh = { .language = image->language,
		.phase = image->phase };
	uint32_t at;

	for (at = 0; at < rows->count; at++) {
		if (rows->items[at].phase == image->phase &&
			strcmp(rows->items[at].language, image->language) == 0) {
			break;
		}
	}
	*ret_row = at;
	return at < rows->count || hst_vec_push(rows, fresh) ? HST_OK : HST_E_MEMORY;
}

/* The unit's end and class are those of the process of its topmost image. */
static void add_image(struct unit *unit, const struct hst_processes *result, uint32_t at)
{
	const struct hst_process_image *image = &result->images[at];

	unit->images++;
	unit->cpu_ns = hst_proc_add(
		unit->cpu_ns, image->cpu_ns == HST_PROCESS_UNKNOWN ? 0 : image->cpu_ns);
	if (is_peak(image)) {
		at_most(&unit->hwm_bytes, image->hwm_bytes);
	}
	if (image->process == result->images[unit->top].process) {
		unit->end_ns = image->end_ns;
		unit->class = image->class;
	}
}

static enum hst_status make_units(
	struct hst_processes *result, units *found, phase_rows *rows, struct hst_map *by_top)
{
	for (uint32_t i = 0; i < result->image_count; i++) {
		const struct hst_process_image *image = &result->images[i];
		struct unit unit = { .top = image->unit, .hwm_bytes = HST_PROCESS_UNKNOWN };
		uint32_t at = (uint32_t)found->count;

		if (!hst_map_get(by_top, image->unit, &at)) {
			enum hst_status status = row_of(rows, image, &unit.row);

			if (status != HST_OK || !hst_vec_push(found, unit) ||
				hst_map_put(by_top, image->unit, at) != HST_OK) {
				return HST_E_MEMORY;
			}
		}
		if (at < found->count) {
			add_image(&found->items[at], result, i);
		}
	}
	return HST_OK;
}

static int compare_values(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* The smallest value that at least `percent` of all do not exceed. */
static uint64_t quantile(const uint64_t *values, size_t count, unsigned percent)
{
	size_t rank = (count * percent + 99) / 100;

	return values[rank == 0 ? 0 : rank - 1];
}

static struct hst_process_quantiles quantiles(uint64_t *values, size_t count)
{
	if (count == 0) {
		return (struct hst_process_quantiles){ HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN,
			HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN, 0 };
	}
	qsort(values, count, sizeof *values, compare_values);
	return (struct hst_process_quantiles){ quantile(values, count, 50),
		quantile(values, count, 90), quantile(values, count, 95),
		quantile(values, count, 99), values[count - 1], count };
}

struct span {
	uint64_t start_ns, end_ns;
};

static int compare_spans(const void *left, const void *right)
{
	const struct span *a = left;
	const struct span *b = right;

	return a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
}

/* Time that at least one span covers. */
static uint64_t covered(struct span *spans, size_t count)
{
	uint64_t sum = 0;
	uint64_t until = 0;

	if (count == 0) {
		return 0;
	}
	qsort(spans, count, sizeof *spans, compare_spans);
	for (size_t i = 0; i < count; i++) {
		uint64_t from = spans[i].start_ns > until ? spans[i].start_ns : until;

		if (spans[i].end_ns > from) {
			sum += spans[i].end_ns - from;
			until = spans[i].end_ns;
		}
	}
	return sum;
}

/* Room for the figures of one row's units. */
struct columns {
	uint64_t *wall, *cpu, *hwm;
	struct span *spans;
};

static void fill_row(struct hst_processes *result, struct hst_process_phase_row *row,
	uint32_t number, const units *found, const struct columns *columns)
{
	size_t walls = 0;
	size_t peaks = 0;

	for (size_t i = 0; i < found->count; i++) {
		const struct unit *unit = &found->items[i];
		const struct hst_process_image *top = &result->images[unit->top];

		if (unit->row != number) {
			continue;
		}
		columns->cpu[row->count] = unit->cpu_ns;
		row->count++;
		row->images += unit->images;
		row->cpu_ns += unit->cpu_ns;
		row->classes[unit->class]++;
		row->failed += hst_process_class_failed(unit->class);
		if ((top->flags & HST_PROCESS_START_UNKNOWN) == 0) {
			columns->spans[walls] = (struct span){ top->start_ns, unit->end_ns };
			columns->wall[walls] = unit->end_ns - top->start_ns;
			row->wall_ns += columns->wall[walls++];
		}
		if (unit->hwm_bytes != HST_PROCESS_UNKNOWN) {
			columns->hwm[peaks++] = unit->hwm_bytes;
		}
	}
	row->wall = quantiles(columns->wall, walls);
	row->cpu = quantiles(columns->cpu, row->count);
	row->hwm = quantiles(columns->hwm, peaks);
	row->cpu_share = result->cpu_ns == 0 ? 0 : (double)row->cpu_ns / (double)result->cpu_ns;
	row->wall_share = result->wall_ns == 0 ? 0
					       : (double)covered(columns->spans, walls) /
							 (double)result->wall_ns;
}

static int compare_phases(const void *left, const void *right)
{
	const struct hst_process_phase_row *a = left;
	const struct hst_process_phase_row *b = right;
	int order;

	if (a->cpu_ns != b->cpu_ns) {
		return a->cpu_ns > b->cpu_ns ? -1 : 1;
	}
	order = strcmp(a->language, b->language);
	return order != 0 ? order : (a->phase > b->phase) - (a->phase < b->phase);
}

static enum hst_status sum_phases(struct hst_processes *result)
{
	struct hst_map by_top = { 0 };
	units found = { 0 };
	phase_rows rows = { 0 };
	enum hst_status status = make_units(result, &found, &rows, &by_top);
	struct columns columns = { calloc(found.count + 1, sizeof(uint64_t)),
		calloc(found.count + 1, sizeof(uint64_t)),
		calloc(found.count + 1, sizeof(uint64_t)),
		calloc(found.count + 1, sizeof(struct span)) };

	if (columns.wall == NULL || columns.cpu == NULL || columns.hwm == NULL ||
		columns.spans == NULL) {
		status = HST_E_MEMORY;
	}
	for (uint32_t i = 0; status == HST_OK && i < rows.count; i++) {
		fill_row(result, &rows.items[i], i, &found, &columns);
	}
	if (status == HST_OK && rows.count != 0) {
		qsort(rows.items, rows.count, sizeof *rows.items, compare_phases);
	}
	result->phases = settle(result, rows.items, rows.count, sizeof *rows.items);
	result->phase_count = rows.count;
	status = status == HST_OK && result->phases == NULL ? HST_E_MEMORY : status;
	free(columns.wall);
	free(columns.cpu);
	free(columns.hwm);
	free(columns.spans);
	hst_vec_finish(&rows);
	hst_vec_finish(&found);
	hst_map_finish(&by_top);
	return status;
}

/* Same program, same arguments, same place? */
static int compare_runs(const struct hst_process_image *a, const struct hst_process_image *b)
{
	int order = strcmp(a->exe, b->exe);

	order = order != 0 ? order : strcmp(a->cwd, b->cwd);
	if (order == 0 && a->argc != b->argc) {
		return a->argc < b->argc ? -1 : 1;
	}
	for (uint32_t i = 0; order == 0 && i < a->argc; i++) {
		order = strcmp(a->argv[i], b->argv[i]);
	}
	return order;
}

static int compare_places(const void *left, const void *right, void *user)
{
	const struct hst_process_image *images = user;
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;
	int order = compare_runs(&images[a], &images[b]);

	return order != 0 ? order : a < b ? -1 : a > b;
}

static int compare_repeats(const void *left, const void *right)
{
	const struct hst_process_repeat *a = left;
	const struct hst_process_repeat *b = right;

	if (a->wall_ns != b->wall_ns) {
		return a->wall_ns > b->wall_ns ? -1 : 1;
	}
	return a->first < b->first ? -1 : a->first > b->first;
}

static enum hst_status find_repeats(struct hst_processes *result, uint32_t *places)
{
	HST_VEC(struct hst_process_repeat) rows = { 0 };
	struct hst_process_image *images = result->images;
	size_t count = 0;
	bool good = true;

	for (uint32_t i = 0; i < result->image_count; i++) {
		if (!is_copy(&images[i]) && images[i].argc != 0) {
			places[count++] = i;
		}
	}
	qsort_r(places, count, sizeof *places, compare_places, images);
	for (size_t from = 0, to; from < count && good; from = to) {
		struct hst_process_repeat row = { .first = places[from] };

		for (to = from;
			to < count && compare_runs(&images[places[from]], &images[places[to]]) == 0;
			to++) {
			row.count++;
			row.failed += hst_process_class_failed(images[places[to]].class);
			row.wall_ns += known(images[places[to]].wall_ns);
			row.cpu_ns += known(images[places[to]].cpu_ns);
		}
		good = row.count < 2 || hst_vec_push(&rows, row);
	}
	if (rows.count != 0) {
		qsort(rows.items, rows.count, sizeof *rows.items, compare_repeats);
	}
	result->repeats = settle(result, rows.items, rows.count, sizeof *rows.items);
	result->repeat_count = rows.count;
	hst_vec_finish(&rows);
	return good && result->repeats != NULL ? HST_OK : HST_E_MEMORY;
}

enum hst_status hst_proc_sums(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;
	uint32_t *places = malloc((result->image_count + 1) * sizeof *places);
	enum hst_status status = places == NULL ? HST_E_MEMORY : sum_commands(result);

	if (status == HST_OK) {
		status = sum_phases(result);
	}
	if (status == HST_OK) {
		status = find_repeats(result, places);
	}
	free(places);
	return status;
}
