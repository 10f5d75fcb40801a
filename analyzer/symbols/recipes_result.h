/* SPDX-License-Identifier: Apache-2.0 */
/* Where a function's result is when its exit hook runs: read from the instructions behind the call. */
#ifndef HST_SYMBOLS_RECIPES_RESULT_H
#define HST_SYMBOLS_RECIPES_RESULT_H

#include "symbols/recipes.h"
#include "symbols/recipes_code.h"
#include "symbols/recipes_types.h"

struct hst_result {
	struct hst_plan_piece piece;
	/* Behind the hook all but its lowest bit is cleared (of a bool), so what lies there may be more than the result. */
	bool low_bit;
};

/*
 * The place of a result of this type (a scalar) at the exit hook that returns to `ret`, in a function whose code is
 * in `ranges`. READABLE with *ret_result, or the reason.
 */
enum hst_recipe_reason hst_result_find(struct hst_code *code, uint64_t ret,
	const struct hst_span *ranges, size_t range_count, const struct hst_recipe_type *type,
	struct hst_result *ret_result);

#endif
