/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows there are: tables of the model, images that were asked for, failures. */
#include "cmd/processes.h"

#include "util/vec.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Images that are commands: a child of fork that never ran another program is its parent's. */
static bool is_command(const struct hst_process_image *image)
{
	return image->began != HST_PROCESS_BEGAN_FORK;
}

static int compare_commands(const void *left, const void *right)
{
	const struct hst_process_image *a = *(const struct hst_process_image *const *)left;
	const struct hst_process_image *b = *(const struct hst_process_image *const *)right;
	int order = strcmp(a->command, b->command);

	return order != 0 ? order : (a->wall_ns > b->wall_ns) - (a->wall_ns < b->wall_ns);
}

/* Half of the wall times of a command do not exceed it. `sorted` as above, unknown ones left out. */
static uint64_t median(const struct hst_process_image **sorted, size_t count, const char *command)
{
	size_t low = 0;
	size_t high = count;
	size_t end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(sorted[middle]->command, command) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (end = low; end < count && strcmp(sorted[end]->command, command) == 0;) {
		end++;
	}
	return end == low ? HST_PROCESS_UNKNOWN : sorted[low + (end - low - 1) / 2]->wall_ns;
}

static enum hst_status find_medians(struct hst_show *show)
{
	const struct hst_processes *processes = show->processes;
	const struct hst_process_image **sorted =
		calloc(processes->image_count + 1, sizeof *sorted);
	size_t count = 0;

	show->medians = calloc(processes->command_count + 1, sizeof *show->medians);
	if (sorted == NULL || show->medians == NULL) {
		free(sorted);
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < processes->image_count; i++) {
		if (processes->images[i].wall_ns != HST_PROCESS_UNKNOWN &&
			is_command(&processes->images[i])) {
			sorted[count++] = &processes->images[i];
		}
	}
	qsort(sorted, count, sizeof *sorted, compare_commands);
	for (size_t i = 0; i < processes->command_count; i++) {
		show->medians[i] = median(sorted, count, processes->commands[i].command);
	}
	free(sorted);
	return HST_OK;
}

enum hst_status hst_show_begin(struct hst_show *show, struct hst_show_scratch *scratch)
{
	const struct hst_processes *processes = show->processes;

	show->scratch = scratch;
	show->said = (struct hst_profile){ .complete = processes->complete,
		.notes = processes->notes,
		.note_count = processes->note_count };
	return find_medians(show);
}

void hst_show_end(struct hst_show *show)
{
	free(show->medians);
	show->medians = NULL;
}

const struct hst_process_image *hst_show_image(const struct hst_show *show, uint32_t index)
{
	return index < show->processes->image_count ? &show->processes->images[index] : NULL;
}

const struct hst_process_image *hst_show_last(
	const struct hst_show *show, const struct hst_process_image *image)
{
	const struct hst_process_image *next;

	/* Later images stand behind: a ring is left. */
	while (image != NULL && (next = hst_show_image(show, image->next)) != NULL &&
		next > image) {
		image = next;
	}
	return image;
}

uint32_t hst_show_index(const struct hst_show *show, const struct hst_process_image *image)
{
	return (uint32_t)(image - show->processes->images);
}

struct hst_show_table hst_show_table(const struct hst_show *show, enum hst_show_rows kind)
{
	const struct hst_processes *p = show->processes;
	const struct {
		const struct hst_field *fields;
		const void *rows;
		size_t count, bytes;
	} tables[HST_ROWS_KINDS] = {
		[HST_ROWS_IMAGES] = { hst_show_image_fields, p->images, p->image_count,
			sizeof *p->images },
		[HST_ROWS_COMMANDS] = { hst_show_command_fields, p->commands, p->command_count,
			sizeof *p->commands },
		[HST_ROWS_PHASES] = { hst_show_phase_fields, p->phases, p->phase_count,
			sizeof *p->phases },
		[HST_ROWS_WASTES] = { hst_show_waste_fields, p->wastes, p->waste_count,
			sizeof *p->wastes },
		[HST_ROWS_REPEATS] = { hst_show_repeat_fields, p->repeats, p->repeat_count,
			sizeof *p->repeats },
		[HST_ROWS_STEPS] = { hst_show_step_fields, p->steps, p->step_count,
			sizeof *p->steps },
		[HST_ROWS_STRETCHES] = { hst_show_stretch_fields, p->stretches, p->stretch_count,
			sizeof *p->stretches },
		[HST_ROWS_EXEC_FAILURES] = { hst_show_exec_failure_fields, p->exec_failures,
			p->exec_failure_count, sizeof *p->exec_failures },
		[HST_ROWS_SHELLS] = { hst_show_shell_fields, p->shells, p->shell_count,
			sizeof *p->shells },
		[HST_ROWS_NO_MEMORIES] = { hst_show_no_memory_fields, p->no_memories,
			p->no_memory_count, sizeof *p->no_memories },
		[HST_ROWS_SYSTEM] = { hst_show_system_fields, p->system.samples,
			p->system.sample_count, sizeof *p->system.samples },
		[HST_ROWS_SAMPLES] = { hst_show_sample_fields, p->system.processes,
			p->system.process_count, sizeof *p->system.processes },
	};
	struct hst_show_table table = { { tables[kind].fields, 0, show }, tables[kind].rows,
		tables[kind].count, tables[kind].bytes };

	while (table.fields.items[table.fields.count].name != NULL ||
		table.fields.items[table.fields.count].column != NULL) {
		table.fields.count++;
	}
	return table;
}

size_t hst_show_limit(const struct hst_show *show, size_t count, size_t otherwise)
{
	uint64_t asked = show->reading->options.rows;
	uint64_t limit = asked == UINT64_MAX ? otherwise : asked;

	return limit == 0 || limit > count ? count : (size_t)limit;
}

/* --of: a pid, or a glob of a name or path. */
static bool is_of(const char *of, const struct hst_process_image *image)
{
	char *end;
	unsigned long long pid = strtoull(of, &end, 10);

	if (*of >= '0' && *of <= '9' && *end == '\0') {
		return image->pid == pid;
	}
	return fnmatch(of, image->command, 0) == 0 || fnmatch(of, image->exe, 0) == 0 ||
	       (image->argc != 0 && fnmatch(of, hst_base_name(image->argv[0]), 0) == 0);
}

bool hst_show_wants(const struct hst_show *show, const struct hst_process_image *image)
{
	const struct hst_options *options = &show->reading->options;

	if ((options->of != NULL && !is_of(options->of, image)) ||
		(options->pid != 0 && options->pid != image->pid)) {
		return false;
	}
	return show->reading->filter == NULL ||
	       hst_filter_matches(show->reading->filter, image->command,
		       image->argc == 0 ? NULL : hst_base_name(image->argv[0]), image->tool,
		       image->exe, image->cwd);
}

enum hst_status hst_show_choose(
	const struct hst_show *show, bool failed, struct hst_field_rows *ret_rows)
{
	const struct hst_processes *processes = show->processes;

	*ret_rows = (struct hst_field_rows){ 0 };
	for (size_t i = 0; i < processes->image_count; i++) {
		const struct hst_process_image *image = &processes->images[i];

		if (failed && (!hst_process_class_failed(image->class) ||
				      image->phase == HST_PROCESS_PHASE_PROBE)) {
			continue;
		}
		if (hst_show_wants(show, image) && !hst_vec_push(ret_rows, image)) {
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}

bool hst_show_is_consequence(const struct hst_show *show, const struct hst_process_image *image)
{
	return hst_show_image(show, image->culprit) != NULL &&
	       image->culprit != hst_show_index(show, image);
}

bool hst_show_is_taken_well(const struct hst_show *show, const struct hst_process_image *image)
{
	uint32_t index = hst_show_index(show, image);

	if (image->class != HST_PROCESS_CLASS_RE_NZEC) {
		return false;
	}
	while (hst_show_image(show, image->parent) != NULL && image->parent < index) {
		const struct hst_process_image *last;

		index = image->parent;
		image = hst_show_image(show, index);
		last = hst_show_last(show, image);
		if (last->class == HST_PROCESS_CLASS_OK && last->exit_status == 0) {
			return true;
		}
	}
	return false;
}

/* Leaves out the rows whose figure in a column is 0 or not known. */
static void keep_needed(
	const struct hst_fields *fields, const char *column, struct hst_field_rows *rows)
{
	const struct hst_field *field = hst_fields_find(fields, column, strlen(column));
	size_t kept = 0;

	for (size_t i = 0; field != NULL && i < rows->count; i++) {
		struct hst_figure figure = hst_field_get(fields, field, rows->items[i]);

		if (figure.known && figure.value != 0) {
			rows->items[kept++] = rows->items[i];
		}
	}
	rows->count = field == NULL ? rows->count : kept;
}

/* The chosen columns and the sorted rows of a table. */
static enum hst_status prepare(const struct hst_show *show, const struct hst_show_part *part,
	struct hst_show_table *ret_table, struct hst_field_choice *ret_choice,
	struct hst_field_rows *ret_rows, struct hst_diag *diag)
{
	const struct hst_options *options = &show->reading->options;
	const char *sort = part->own && options->sort != NULL ? options->sort : part->sort;

	*ret_table = hst_show_table(show, part->kind);
	HST_TRY(hst_fields_choose(&ret_table->fields, part->own ? options->columns : NULL,
		part->columns, ret_choice, diag));
	if (part->kind == HST_ROWS_IMAGES) {
		HST_TRY(hst_show_choose(show, false, ret_rows));
	} else {
		HST_TRY(hst_field_rows_of(
			ret_table->rows, ret_table->count, ret_table->bytes, ret_rows));
	}
	if (part->need != NULL) {
		keep_needed(&ret_table->fields, part->need, ret_rows);
	}
	return sort == NULL ? HST_OK
			    : hst_fields_sort(&ret_table->fields, sort,
				      part->own && options->reverse, ret_rows, diag);
}

const void *hst_show_first(const struct hst_show *show, const struct hst_show_part *part)
{
	struct hst_field_choice choice;
	struct hst_field_rows rows = { 0 };
	struct hst_show_table table;
	const void *first = NULL;

	if (prepare(show, part, &table, &choice, &rows, NULL) == HST_OK && rows.count != 0) {
		first = rows.items[0];
	}
	hst_field_rows_finish(&rows);
	return first;
}

enum hst_status hst_show_check(
	const struct hst_show *show, const struct hst_show_part *part, struct hst_diag *diag)
{
	const struct hst_options *options = &show->reading->options;
	struct hst_show_table table = hst_show_table(show, part->kind);
	struct hst_field_choice choice;
	struct hst_field_rows none = { 0 };

	HST_TRY(hst_fields_choose(&table.fields, options->columns, part->columns, &choice, diag));
	return options->sort == NULL
		       ? HST_OK
		       : hst_fields_sort(&table.fields, options->sort, false, &none, diag);
}

enum hst_status hst_show_print(
	const struct hst_show *show, const struct hst_show_part *part, struct hst_diag *diag)
{
	struct hst_field_choice choice;
	struct hst_field_rows rows = { 0 };
	struct hst_show_table table;
	enum hst_status status = prepare(show, part, &table, &choice, &rows, diag);

	if (status == HST_OK && rows.count == 0) {
		if (part->empty != NULL) {
			hst_print_line("%s", part->empty);
		}
	} else if (status == HST_OK) {
		if (part->title != NULL) {
			hst_print_line("%s", part->title);
		}
		status = hst_fields_print(&table.fields, &choice, &rows,
			hst_show_limit(show, rows.count, part->rows), &show->reading->style);
	}
	hst_field_rows_finish(&rows);
	return status;
}
