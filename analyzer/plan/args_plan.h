/* SPDX-License-Identifier: Apache-2.0 */
/* Where arguments and results are, as sections of a plan. */
#ifndef HST_PLAN_ARGS_PLAN_H
#define HST_PLAN_ARGS_PLAN_H

#include "plan/plan_file.h"
#include "symbols/recipes.h"

/* What became of the recipes. */
struct hst_args_plan {
	size_t enters;  /* sites all of whose arguments will be read */
	size_t exits;   /* sites whose result will be read, or is known to be none */
	size_t missing; /* sites left out */
};

/*
 * Adds three sections for the image: enter sites with their pieces, and exit sites. A site with an argument that
 * cannot be read is left out: part of a key is none. HST_E_UNSUPPORTED (the file has no build-id), HST_E_LIMIT,
 * HST_E_MEMORY, with a sentence that names `path`.
 */
HST_NODISCARD enum hst_status hst_args_plan_add(struct hst_plan_file *plan, struct hst_image *image,
	const struct hst_recipes *recipes, const char *path, struct hst_args_plan *ret_done,
	struct hst_diag *diag);

#endif
