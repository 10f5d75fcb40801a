/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function is a candidate for each entry point that its row has: the same function of the source may lie in several files. What
 * can be answered, is found before any gain is reckoned, so that functions that can not take none away from those that can.
 */
#include "cmd/optimize_plan.h"

#include "passes/rows.h"
#include "symbols/image.h"

#include <stdlib.h>
#include <string.h>

#define NO_IMAGE UINT32_MAX

static const struct hst_function_row *row_of(
	const struct hst_optimize_plan *plan, const struct hst_optimize_candidate *candidate)
{
	return &plan->profile.functions[candidate->row];
}

bool hst_optimize_is_chosen(const struct hst_optimize_plan *plan, const char *name,
	const char *full, const char *linkage, const char *module, const char *file)
{
	bool wanted = plan->only == NULL ||
		      hst_filter_matches(plan->only, name, full, linkage, module, file);
	bool unwanted = plan->without != NULL &&
			hst_filter_matches(plan->without, name, full, linkage, module, file);

	return wanted && !unwanted;
}

static void read_image(struct hst_optimize_image *image)
{
	struct hst_diag diag = { "" };

	if (image->image == NULL) {
		(void)snprintf(image->trouble, sizeof image->trouble,
			"%.300s cannot be read any more", image->path);
	} else if ((hst_image_flags(image->image) & HST_IMAGE_BUILD_ID_DIFFERS) != 0) {
		(void)snprintf(image->trouble, sizeof image->trouble,
			"%.300s has changed since it was recorded: record it again", image->path);
	} else if (hst_recipes_read(image->image, &image->recipes, &diag) != HST_OK) {
		(void)snprintf(image->trouble, sizeof image->trouble, "%.500s", diag.text);
	} else {
		image->readable = true;
	}
}

/* The image of a module by number; NO_IMAGE: out of memory. */
static uint32_t image_of(struct hst_optimize_plan *plan, const struct hst_module_image *module)
{
	struct hst_optimize_image fresh = { .image = module->image, .path = module->path };

	for (size_t i = 0; i < plan->images.count; i++) {
		if (plan->images.items[i].path == module->path &&
			plan->images.items[i].image == module->image) {
			return (uint32_t)i;
		}
	}
	read_image(&fresh);
	if (!hst_vec_push(&plan->images, fresh)) {
		hst_recipes_finish(&fresh.recipes);
		return NO_IMAGE;
	}
	return (uint32_t)plan->images.count - 1;
}

void hst_optimize_images_finish(struct hst_optimize_plan *plan)
{
	for (size_t i = 0; i < plan->images.count; i++) {
		hst_recipes_finish(&plan->images.items[i].recipes);
		hst_optimize_proofs_finish(&plan->images.items[i]);
	}
	hst_vec_finish(&plan->images);
}

static void refuse(
	struct hst_optimize_candidate *candidate, enum hst_memo_choice_of choice, const char *why)
{
	candidate->choice = choice;
	(void)snprintf(candidate->why, sizeof candidate->why, "%s", why);
}

/* The candidates of one log. */
static enum hst_status list_row(struct hst_optimize_plan *plan, const struct hst_cache_log *log)
{
	const struct hst_rows *rows = plan->profile.owner;
	size_t before = plan->candidates.count;
	struct hst_optimize_candidate candidate = {
		.row = log->row, .image = NO_IMAGE, .declared = log->declared
	};

	for (size_t i = 0; i < rows->keys.count; i++) {
		const struct hst_row_key *key = &rows->keys.items[i];

		if (key->row != log->row || key->space >= rows->images.count) {
			continue;
		}
		candidate.entry = key->address;
		candidate.image = image_of(plan, &rows->images.items[key->space]);
		if (candidate.image == NO_IMAGE || !hst_vec_push(&plan->candidates, candidate)) {
			return HST_E_MEMORY;
		}
	}
	if (plan->candidates.count == before) {
		refuse(&candidate, HST_MEMO_CHOICE_UNNAMED, "");
		return hst_vec_push(&plan->candidates, candidate) ? HST_OK : HST_E_MEMORY;
	}
	return HST_OK;
}

/* Was it found wrong by a run with the plan that this one is to replace? */
static bool is_revoked(const struct hst_optimize_plan *plan, const struct hst_optimize_image *image,
	uint64_t entry)
{
	const uint8_t *build_id = NULL;
	struct hst_memo_module module = { 0 };

	if (image->image == NULL) {
		return false;
	}
	module.build_id_bytes = (uint32_t)hst_image_build_id(image->image, &build_id);
	module.build_id = build_id;
	return hst_plan_content_revoked(&plan->before, &module, entry) != NULL;
}

static enum hst_status judge(
	struct hst_optimize_plan *plan, struct hst_optimize_candidate *candidate)
{
	struct hst_optimize_image *image;
	const struct hst_function_row *row = row_of(plan, candidate);

	if (candidate->image == NO_IMAGE) {
		return HST_OK;
	}
	image = &plan->images.items[candidate->image];
	if (!hst_optimize_is_chosen(
		    plan, row->name, row->full, row->linkage, row->module, row->file)) {
		refuse(candidate, HST_MEMO_CHOICE_LEFT_OUT, "");
		return HST_OK;
	}
	if (!image->readable) {
		refuse(candidate, HST_MEMO_CHOICE_CANNOT, image->trouble);
		return HST_OK;
	}
	if (is_revoked(plan, image, candidate->entry)) {
		refuse(candidate, HST_MEMO_CHOICE_REVOKED, "");
		return HST_OK;
	}
	candidate->wish.fn = candidate->entry;
	return hst_optimize_prove(image, candidate);
}

/* Says why the hooks cannot answer it. */
static void take_outcome(struct hst_optimize_candidate *candidate)
{
	const struct hst_memo_outcome *outcome = &candidate->outcome;

	if (outcome->reason == HST_MEMO_PLANNED) {
		return;
	}
	candidate->choice = HST_MEMO_CHOICE_CANNOT;
	(void)snprintf(candidate->why, sizeof candidate->why, "%s%s%s%s%s",
		hst_memo_reason_text(outcome->reason), outcome->of == NULL ? "" : ": ",
		outcome->of == NULL ? "" : outcome->of, outcome->recipe == 0 ? "" : ": ",
		hst_recipe_text(outcome->recipe));
}

/* Makes a plan that is thrown away: only what goes into one is worth being reckoned. */
static enum hst_status try_plan(struct hst_optimize_plan *plan,
	struct hst_optimize_candidate *candidate, struct hst_diag *diag)
{
	const struct hst_optimize_image *image = &plan->images.items[candidate->image];
	const struct hst_memo_image of = { image->image, &image->recipes, image->path };
	struct hst_plan_file draft = { 0 };
	struct hst_diag own = { "" };
	enum hst_status status;

	candidate->wish.entries = 1;
	status = hst_memo_plan_add(&draft, &of, &candidate->wish, 1, &candidate->outcome, &own);
	hst_plan_file_finish(&draft);
	if (status == HST_E_MEMORY) {
		return hst_diag_set(diag, status, "%s", own.text);
	}
	if (status != HST_OK) {
		refuse(candidate, HST_MEMO_CHOICE_CANNOT, own.text);
	} else {
		take_outcome(candidate);
	}
	return HST_OK;
}

enum hst_status hst_optimize_list(
	struct hst_optimize_plan *plan, size_t logs, struct hst_diag *diag)
{
	for (size_t i = 0; i < logs; i++) {
		HST_TRY(list_row(plan, &plan->gather.logs.items[i]));
	}
	for (size_t i = 0; i < plan->candidates.count; i++) {
		struct hst_optimize_candidate *candidate = &plan->candidates.items[i];

		HST_TRY(judge(plan, candidate));
		HST_TRY(hst_optimize_can(candidate) ? try_plan(plan, candidate, diag) : HST_OK);
	}
	return HST_OK;
}
