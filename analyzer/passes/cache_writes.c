/* SPDX-License-Identifier: Apache-2.0 */
/* A module's debug information is read once, and its functions that may write are found by their linkage names. */
#include "passes/cache_writes.h"

#include "symbols/recipes.h"
#include "util/strtab.h"

#include <stdlib.h>
#include <string.h>

/* The rows' modules, one after the other. */
struct writers {
	struct hst_cache_log *logs;
	size_t count;
	const struct hst_function_row *rows;
	bool *seen; /* by log: its module was looked at */
};

static bool is_open(const struct hst_recipe_shape *shape)
{
	return shape->form == HST_FORM_POINTER && !shape->target_const;
}

/* What it gives away may be changed as well: an object of its own each time, as far as is known. */
static bool may_write(const struct hst_recipes *recipes, const struct hst_recipe_site *site)
{
	if (site->exit) {
		return is_open(&site->shape);
	}
	for (uint32_t i = 0; i < site->param_count; i++) {
		if (is_open(&recipes->params[site->first_param + i].shape)) {
			return true;
		}
	}
	return false;
}

/* Does what an argument points to count, in place of its address? */
static bool has_content(const struct hst_recipes *recipes, const struct hst_recipe_site *site)
{
	for (uint32_t i = 0; !site->exit && i < site->param_count; i++) {
		if (recipes->params[site->first_param + i].content != HST_PLAN_CONTENT_SCALAR) {
			return true;
		}
	}
	return false;
}

static enum hst_status add_name(
	struct hst_image *image, const struct hst_recipe_site *site, struct hst_strtab *names)
{
	const struct hst_function *function =
		site->fn == 0 ? NULL : hst_image_function(image, site->fn);
	uint32_t id;

	return function == NULL ? HST_OK : hst_strtab_add(names, function->linkage, &id);
}

static bool is_listed(
	struct hst_image *image, const struct hst_recipe_site *site, struct hst_strtab *names)
{
	size_t known = names->count;

	return add_name(image, site, names) == HST_OK && names->count == known;
}

/*
 * Linkage names of the functions that may write. Where an argument counts by its content, a pointer that is returned may lead into
 * it: equal text elsewhere has another result.
 */
static enum hst_status list_names(
	struct hst_image *image, const struct hst_recipes *recipes, struct hst_strtab *names)
{
	struct hst_strtab contents = { 0 };
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < recipes->site_count && status == HST_OK; i++) {
		if (has_content(recipes, &recipes->sites[i])) {
			status = add_name(image, &recipes->sites[i], &contents);
		}
	}
	for (size_t i = 0; i < recipes->site_count && status == HST_OK; i++) {
		const struct hst_recipe_site *site = &recipes->sites[i];

		if (may_write(recipes, site) ||
			(site->exit && site->shape.form == HST_FORM_POINTER && site->fn != 0 &&
				is_listed(image, site, &contents))) {
			status = add_name(image, site, names);
		}
	}
	hst_strtab_finish(&contents);
	return status;
}

/* The names that are there before the rows' own are added are those of writers. */
static enum hst_status mark(struct writers *writers, const char *module, struct hst_strtab *names)
{
	size_t known = names->count;

	for (size_t i = 0; i < writers->count; i++) {
		const struct hst_function_row *row = &writers->rows[writers->logs[i].row];
		uint32_t id;

		if (row->module == NULL || strcmp(row->module, module) != 0) {
			continue;
		}
		HST_TRY(hst_strtab_add(names, row->linkage, &id));
		writers->seen[i] = true;
		writers->logs[i].writes = id < known;
	}
	return HST_OK;
}

static enum hst_status look_at(struct writers *writers, const char *module)
{
	struct hst_image *image = NULL;
	struct hst_recipes recipes = { 0 };
	struct hst_strtab names = { 0 };
	struct hst_diag diag;
	enum hst_status status = hst_image_open(module, NULL, 0, &image, &diag);

	if (status == HST_OK) {
		status = hst_recipes_read(image, &recipes, &diag);
	}
	if (status == HST_OK) {
		status = list_names(image, &recipes, &names);
	}
	if (status != HST_E_MEMORY) {
		status = mark(writers, module, &names);
	}
	hst_strtab_finish(&names);
	hst_recipes_finish(&recipes);
	hst_image_close(image);
	return status;
}

enum hst_status hst_cache_mark_writers(
	struct hst_cache_log *logs, size_t count, const struct hst_function_row *rows)
{
	struct writers writers = { .logs = logs, .count = count, .rows = rows };
	enum hst_status status = HST_OK;

	writers.seen = calloc(count + 1, sizeof *writers.seen);
	if (writers.seen == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count && status == HST_OK; i++) {
		const char *module = rows[logs[i].row].module;

		if (!writers.seen[i] && module != NULL) {
			status = look_at(&writers, module);
		}
	}
	free(writers.seen);
	return status;
}
