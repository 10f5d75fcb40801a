/* SPDX-License-Identifier: Apache-2.0 */
/* From recipes to the plan: only what can be read whole. */
#include "plan/args_plan.h"

#include <stdlib.h>
#include <string.h>

struct tables {
	HST_VEC(struct hst_plan_enter) enters;
	HST_VEC(struct hst_plan_exit) exits;
	HST_VEC(struct hst_plan_piece) pieces;
};

static void finish_tables(struct tables *tables)
{
	hst_vec_finish(&tables->enters);
	hst_vec_finish(&tables->exits);
	hst_vec_finish(&tables->pieces);
}

static bool take_enter(struct tables *tables, const struct hst_recipes *recipes,
	const struct hst_recipe_site *site)
{
	struct hst_plan_enter enter = {
		.ret = site->ret, .first = (uint32_t)tables->pieces.count, .fn = site->fn
	};

	for (uint32_t i = 0; i < site->param_count; i++) {
		const struct hst_recipe_param *param = &recipes->params[site->first_param + i];

		for (uint32_t j = 0; j < param->piece_count; j++) {
			if (!hst_vec_push(
				    &tables->pieces, recipes->pieces[param->first_piece + j])) {
				return false;
			}
			enter.pieces++;
		}
	}
	return hst_vec_push(&tables->enters, enter);
}

static bool take_exit(struct tables *tables, const struct hst_recipe_site *site)
{
	struct hst_plan_exit exit = { .ret = site->ret, .fn = site->fn, .piece = site->result };

	return hst_vec_push(&tables->exits, exit);
}

/* false: no memory */
static bool take_sites(
	struct tables *tables, const struct hst_recipes *recipes, struct hst_args_plan *done)
{
	for (size_t i = 0; i < recipes->site_count; i++) {
		const struct hst_recipe_site *site = &recipes->sites[i];
		bool wanted = site->exit ? site->reason == HST_RECIPE_READABLE && !site->tail &&
						   site->result_reason == HST_RECIPE_READABLE
					 : hst_recipes_complete(recipes, site);

		if (!wanted || site->fn == 0 || site->tail) {
			done->missing++;
			continue;
		}
		if (!(site->exit ? take_exit(tables, site) : take_enter(tables, recipes, site))) {
			return false;
		}
		done->exits += site->exit;
		done->enters += !site->exit;
	}
	return true;
}

/* Hands a table over to the plan. */
static enum hst_status hand_over(struct hst_plan_file *plan, struct hst_plan_section section,
	enum hst_plan_kind kind, void *items, size_t count, size_t item_bytes)
{
	section.kind = kind;
	return hst_plan_file_add(plan, &section, items, count, item_bytes);
}

static enum hst_status add_tables(
	struct hst_plan_file *plan, const struct hst_plan_section *section, struct tables *tables)
{
	struct tables given = *tables;
	enum hst_status status;

	*tables = (struct tables){ 0 };
	status = hand_over(plan, *section, HST_PLAN_ENTER, given.enters.items, given.enters.count,
		sizeof *given.enters.items);
	if (status != HST_OK) {
		free(given.exits.items);
		free(given.pieces.items);
		return status;
	}
	status = hand_over(plan, *section, HST_PLAN_EXIT, given.exits.items, given.exits.count,
		sizeof *given.exits.items);
	if (status != HST_OK) {
		free(given.pieces.items);
		return status;
	}
	return hand_over(plan, *section, HST_PLAN_PIECES, given.pieces.items, given.pieces.count,
		sizeof *given.pieces.items);
}

enum hst_status hst_args_plan_add(struct hst_plan_file *plan, struct hst_image *image,
	const struct hst_recipes *recipes, const char *path, struct hst_args_plan *ret_done,
	struct hst_diag *diag)
{
	struct hst_plan_section section = { 0 };
	struct hst_args_plan done = { 0 };
	struct tables tables = { 0 };
	const uint8_t *build_id = NULL;
	size_t bytes = hst_image_build_id(image, &build_id);
	enum hst_status status = HST_OK;

	if (bytes == 0 || bytes > sizeof section.build_id) {
		return hst_diag_set(diag, HST_E_UNSUPPORTED,
			"%s has no build-id, by which a running program could be told from others: "
			"link it with -Wl,--build-id",
			path);
	}
	section.build_id_bytes = (uint32_t)bytes;
	memcpy(section.build_id, build_id, bytes);
	if (!take_sites(&tables, recipes, &done)) {
		status = HST_E_MEMORY;
	}
	if (status == HST_OK) {
		status = add_tables(plan, &section, &tables);
	}
	finish_tables(&tables);
	if (status != HST_OK) {
		return hst_diag_set(diag, status, "out of memory while planning for %s", path);
	}
	if (!hst_plan_file_fits(plan)) {
		return hst_diag_set(diag, HST_E_LIMIT,
			"the arguments of %s need a plan larger than %u MiB; choose fewer functions",
			path, HST_PLAN_BYTES_MAX >> 20);
	}
	*ret_done = done;
	return HST_OK;
}
