/* SPDX-License-Identifier: Apache-2.0 */
/* Processes for programs: one JSON document for all views, one CSV table for each. */
#include "cmd/processes.h"

#include <string.h>

/* All rows of a kind as an array. */
static enum hst_status put_array(struct hst_json *json, const struct hst_show *show,
	const char *name, enum hst_show_rows kind)
{
	struct hst_show_table table = hst_show_table(show, kind);
	struct hst_field_rows rows;
	enum hst_status status = hst_field_rows_of(table.rows, table.count, table.bytes, &rows);

	if (status == HST_OK) {
		hst_fields_array(json, name, &table.fields, &rows, rows.count);
	}
	hst_field_rows_finish(&rows);
	return status;
}

/* Images that were asked for, in the order of -s; -n cuts them. */
static enum hst_status put_images(struct hst_json *json, const struct hst_show *show)
{
	const struct hst_options *options = &show->reading->options;
	struct hst_fields fields = hst_show_table(show, HST_ROWS_IMAGES).fields;
	struct hst_field_rows rows;
	enum hst_status status = hst_show_choose(show, false, &rows);

	if (status == HST_OK && show->view == HST_SHOW_LIST && options->sort != NULL) {
		status = hst_fields_sort(&fields, options->sort, options->reverse, &rows, NULL);
	}
	if (status == HST_OK) {
		hst_fields_array(
			json, "processes", &fields, &rows, hst_show_limit(show, rows.count, 0));
	}
	hst_field_rows_finish(&rows);
	return status;
}

/* What failed, with all that is needed to try it again; "id" finds the rest among the processes. */
static enum hst_status put_failures(struct hst_json *json, const struct hst_show *show)
{
	static const char *const names[] = { "key", "id", "pid", "command", "class", "verdict",
		"evidence", "exit_status", "signal", "core_dumped", "culprit", "taken_well",
		"language", "phase", "start_ns", "wall_ns", "cwd", "exe", "argv", "original_argv",
		NULL };
	const struct hst_fields all = hst_show_table(show, HST_ROWS_IMAGES).fields;
	struct hst_field chosen[sizeof names / sizeof names[0]];
	struct hst_fields fields = { chosen, 0, show };
	struct hst_field_rows rows;
	enum hst_status status = hst_show_choose(show, true, &rows);

	for (size_t n = 0; names[n] != NULL; n++) {
		for (size_t f = 0; f < all.count; f++) {
			if (all.items[f].name != NULL && strcmp(all.items[f].name, names[n]) == 0) {
				chosen[fields.count++] = all.items[f];
			}
		}
	}
	if (status == HST_OK) {
		hst_fields_array(json, "failures", &fields, &rows, rows.count);
	}
	hst_field_rows_finish(&rows);
	return status;
}

static void put_classes(struct hst_json *json, const char *name, const uint64_t *classes)
{
	hst_json_row(json, name);
	for (unsigned c = 0; c < HST_PROCESS_CLASSES; c++) {
		if (classes[c] != 0) {
			hst_json_u64(json, hst_process_class_text((enum hst_process_class)c),
				classes[c]);
		}
	}
	hst_json_end(json);
}

/* As the other tables, with the classes as an object. */
static void put_languages(struct hst_json *json, const struct hst_show *show)
{
	struct hst_fields fields = hst_show_table(show, HST_ROWS_PHASES).fields;

	hst_json_array(json, "languages");
	for (size_t i = 0; i < show->processes->phase_count; i++) {
		hst_json_row(json, NULL);
		hst_fields_json(json, &fields, &show->processes->phases[i]);
		put_classes(json, "classes", show->processes->phases[i].classes);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void put_number(struct hst_json *json, const char *name, uint64_t value)
{
	if (value == HST_PROCESS_UNKNOWN) {
		hst_json_null(json, name);
	} else {
		hst_json_u64(json, name, value);
	}
}

static void put_head(struct hst_json *json, const struct hst_show *show)
{
	const struct hst_processes *p = show->processes;

	hst_json_u64(json, "schema", 1);
	hst_json_notes(json, &show->said);
	hst_json_string(json, "directory", show->reading->session.dir);
	hst_json_string(json, "command", show->reading->session.command);
	hst_json_bool(json, "finished", p->finished);
	hst_json_bool(json, "with_launcher", p->launcher_pid != 0);
	put_number(json, "root", p->root == HST_PROCESS_NONE ? HST_PROCESS_UNKNOWN : p->root);
	put_number(json, "began_real_ns",
		p->began_real_ns <= 0 ? HST_PROCESS_UNKNOWN : (uint64_t)p->began_real_ns);
	put_number(json, "wall_ns", p->wall_ns);
	put_number(json, "cpu_ns", p->cpu_ns);
	hst_json_u64(json, "cpu_unknown_images", p->cpu_unknown);
	hst_json_u64(json, "process_count", p->processes);
	hst_json_u64(json, "image_count", p->image_count);
	hst_json_u64(json, "failed", p->failed);
	hst_json_u64(json, "failed_configure_probes", p->failed_probes);
	put_classes(json, "classes", p->classes);
	put_number(json, "serial_ns", p->serial_ns);
	hst_json_double(json, "concurrency", p->concurrency, 3);
	hst_json_u64(json, "concurrency_max", p->concurrency_max);
	hst_json_u64(json, "blind_spots", p->blind);
	hst_json_u64(json, "lost_ends", p->ends_lost);
	hst_json_u64(json, "lost_parents", p->parents_lost);
	put_number(json, "lost_records", p->records_lost);
	hst_json_u64(json, "damaged_places", p->damaged);
	hst_json_u64(json, "damaged_bytes", p->damaged_bytes);
	hst_json_bool(json, "cut", p->cut);
}

static enum hst_status put_system(struct hst_json *json, const struct hst_show *show)
{
	const struct hst_system *system = &show->processes->system;

	if (!show->reading->options.system) {
		hst_json_null(json, "system");
		return HST_OK;
	}
	hst_json_object(json, "system");
	hst_json_u64(json, "interval_ns", system->interval_ns);
	put_number(json, "own_cost_ns", system->sampling_ns);
	put_number(json, "oom_kills", system->oom_kills);
	HST_TRY(put_array(json, show, "samples", HST_ROWS_SYSTEM));
	HST_TRY(put_array(json, show, "processes", HST_ROWS_SAMPLES));
	hst_json_end(json);
	return HST_OK;
}

static enum hst_status put_waste(struct hst_json *json, const struct hst_show *show)
{
	hst_json_object(json, "waste");
	HST_TRY(put_array(json, show, "starts", HST_ROWS_WASTES));
	HST_TRY(put_array(json, show, "repeats", HST_ROWS_REPEATS));
	hst_json_end(json);
	return HST_OK;
}

static enum hst_status put_all(struct hst_json *json, const struct hst_show *show)
{
	put_head(json, show);
	HST_TRY(put_images(json, show));
	HST_TRY(put_array(json, show, "commands", HST_ROWS_COMMANDS));
	put_languages(json, show);
	HST_TRY(put_waste(json, show));
	HST_TRY(put_array(json, show, "critical_path", HST_ROWS_STEPS));
	HST_TRY(put_array(json, show, "serial_stretches", HST_ROWS_STRETCHES));
	HST_TRY(put_failures(json, show));
	HST_TRY(put_array(json, show, "exec_failures", HST_ROWS_EXEC_FAILURES));
	HST_TRY(put_array(json, show, "shells", HST_ROWS_SHELLS));
	HST_TRY(put_array(json, show, "no_memory", HST_ROWS_NO_MEMORIES));
	return put_system(json, show);
}

enum hst_status hst_show_json(const struct hst_show *show)
{
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	HST_TRY(put_all(&json, show));
	hst_json_end(&json);
	hst_json_finish(&json);
	return HST_OK;
}

/* Rows of one of the view's tables. */
static enum hst_status csv_rows(
	const struct hst_show *show, enum hst_show_rows kind, struct hst_field_part *ret_part)
{
	const struct hst_options *options = &show->reading->options;
	struct hst_show_table table = hst_show_table(show, kind);

	ret_part->fields = table.fields;
	if (kind == HST_ROWS_IMAGES) {
		HST_TRY(hst_show_choose(show, show->view == HST_SHOW_FAILED, &ret_part->rows));
	} else {
		HST_TRY(hst_field_rows_of(table.rows, table.count, table.bytes, &ret_part->rows));
	}
	ret_part->limit = hst_show_limit(show, ret_part->rows.count, 0);
	/* A column of the view's first table, which the second need not have. */
	if (options->sort == NULL ||
		(kind == HST_ROWS_REPEATS && hst_fields_find(&table.fields, options->sort,
						     strlen(options->sort)) == NULL)) {
		return HST_OK;
	}
	return hst_fields_sort(
		&table.fields, options->sort, options->reverse, &ret_part->rows, NULL);
}

enum hst_status hst_show_csv(const struct hst_show *show)
{
	const struct hst_show_part *part = hst_show_part_of(show->view);
	enum hst_show_rows kind = part != NULL                    ? part->kind
				  : show->view == HST_SHOW_SYSTEM ? HST_ROWS_SYSTEM
								  : HST_ROWS_IMAGES;
	struct hst_field_part parts[2] = { 0 };
	size_t count = 1;
	enum hst_status status = csv_rows(show, kind, &parts[0]);

	/* The other views with two tables are about one; what ran twice is waste like the rest. */
	if (status == HST_OK && show->view == HST_SHOW_WASTE) {
		status = csv_rows(show, HST_ROWS_REPEATS, &parts[count++]);
	}
	if (status == HST_OK) {
		hst_fields_csv(parts, count);
		hst_reading_losses(show->reading, &show->said);
	}
	for (size_t i = 0; i < count; i++) {
		hst_field_rows_finish(&parts[i].rows);
	}
	return status;
}
