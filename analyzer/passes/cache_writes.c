/* SPDX-License-Identifier: Apache-2.0 */
/* The debug information of the modules that have rows, as the profile opened them, says which entry points lead to functions that may write. */
#include "passes/cache_writes.h"

#include "passes/rows.h"
#include "symbols/recipes.h"
#include "util/map.h"

#include <stdlib.h>

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

/* Of how many arguments counts what they point to, in place of the address? */
static uint32_t count_contents(
	const struct hst_recipes *recipes, const struct hst_recipe_site *site)
{
	uint32_t count = 0;

	for (uint32_t i = 0; !site->exit && i < site->param_count; i++) {
		count += recipes->params[site->first_param + i].content != HST_PLAN_CONTENT_SCALAR;
	}
	return count;
}

/*
 * Entry points of the functions that may write. Where an argument counts by its content, a pointer that is returned may lead into
 * it: equal text elsewhere has another result.
 */
static enum hst_status list_writers(
	const struct hst_recipes *recipes, struct hst_map *contents, struct hst_map *writers)
{
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < recipes->site_count && status == HST_OK; i++) {
		uint32_t count = count_contents(recipes, &recipes->sites[i]);

		if (count != 0 && recipes->sites[i].fn != 0) {
			status = hst_map_put(contents, recipes->sites[i].fn, count);
		}
	}
	for (size_t i = 0; i < recipes->site_count && status == HST_OK; i++) {
		const struct hst_recipe_site *site = &recipes->sites[i];
		uint32_t there;

		if (site->fn != 0 && (may_write(recipes, site) ||
					     (site->exit && site->shape.form == HST_FORM_POINTER &&
						     hst_map_get(contents, site->fn, &there)))) {
			status = hst_map_put(writers, site->fn, 1);
		}
	}
	return status;
}

/* What is known of a row. */
enum {
	ROW_LOGGED = 1u << 0,
	ROW_WRITES = 1u << 1,
	ROW_CONTENTS_SHIFT = 2, /* number of arguments that count by content */
	ROW_CONTENTS_MOST = 63,
};

/* Marks the rows of one image. HST_E_MEMORY. */
static enum hst_status look_at(const struct hst_rows *rows, uint32_t space, uint8_t *marks)
{
	struct hst_recipes recipes = { 0 };
	struct hst_map contents = { 0 };
	struct hst_map writers = { 0 };
	struct hst_diag diag;
	enum hst_status status = hst_recipes_read(rows->images.items[space].image, &recipes, &diag);

	if (status == HST_OK) {
		status = list_writers(&recipes, &contents, &writers);
	}
	for (size_t i = 0; status == HST_OK && i < rows->keys.count; i++) {
		const struct hst_row_key *key = &rows->keys.items[i];
		uint32_t there;

		if (key->space != space) {
			continue;
		}
		if (hst_map_get(&writers, key->address, &there)) {
			marks[key->row] |= ROW_WRITES;
		}
		if (hst_map_get(&contents, key->address, &there)) {
			there = there < ROW_CONTENTS_MOST ? there : ROW_CONTENTS_MOST;
			marks[key->row] |= (uint8_t)(there << ROW_CONTENTS_SHIFT);
		}
	}
	hst_map_finish(&contents);
	hst_map_finish(&writers);
	hst_recipes_finish(&recipes);
	return status == HST_E_MEMORY ? status : HST_OK;
}

/* Images in which functions with a log lie. */
static void find_images(const struct hst_rows *rows, const uint8_t *marks, bool *wanted)
{
	for (size_t i = 0; i < rows->keys.count; i++) {
		const struct hst_row_key *key = &rows->keys.items[i];

		if (key->space < rows->images.count && marks[key->row] != 0) {
			wanted[key->space] = rows->images.items[key->space].image != NULL;
		}
	}
}

enum hst_status hst_cache_mark_writers(
	const struct hst_profile *profile, struct hst_cache_log *logs, size_t count)
{
	const struct hst_rows *rows = profile->owner;
	uint8_t *marks = calloc(profile->function_count + 1, sizeof *marks);
	bool *wanted = calloc(rows->images.count + 1, sizeof *wanted);
	enum hst_status status = marks == NULL || wanted == NULL ? HST_E_MEMORY : HST_OK;

	for (size_t i = 0; status == HST_OK && i < count; i++) {
		marks[logs[i].row] = ROW_LOGGED;
	}
	if (status == HST_OK) {
		find_images(rows, marks, wanted);
	}
	for (uint32_t space = 0; status == HST_OK && space < rows->images.count; space++) {
		status = wanted[space] ? look_at(rows, space, marks) : HST_OK;
	}
	for (size_t i = 0; status == HST_OK && i < count; i++) {
		logs[i].writes = (marks[logs[i].row] & ROW_WRITES) != 0;
		logs[i].contents = marks[logs[i].row] >> ROW_CONTENTS_SHIFT;
	}
	free(marks);
	free(wanted);
	return status;
}
