/* SPDX-License-Identifier: Apache-2.0 */
/* From a location of the debug information to pieces that a hook can read. */
#ifndef HST_SYMBOLS_RECIPES_PLACE_H
#define HST_SYMBOLS_RECIPES_PLACE_H

#include "symbols/recipes.h"
#include "symbols/recipes_types.h"

#define HST_PLACE_PIECES 16u

struct hst_place {
	struct hst_plan_piece pieces[HST_PLACE_PIECES];
	uint16_t count;
};

/*
 * What DW_OP_fbreg counts from: HST_PLAN_PLACE_CFA, _RBP or _SP; _NONE: cannot be told.
 */
enum hst_plan_place hst_place_frame(Dwarf_Debug dbg, Dwarf_Die subprogram, uint64_t pc);

/* The pieces of a value of this type at this location. READABLE, or the reason. */
enum hst_recipe_reason hst_place_find(const struct hst_compat_location *location,
	enum hst_plan_place frame, const struct hst_recipe_type *type, struct hst_place *ret_place);

/*
 * Adds the bytes offset..offset+bytes of a value of this type, which are in the register `at->reg`
 * or in memory at `at`.
 */
enum hst_recipe_reason hst_place_part(struct hst_place *place, const struct hst_plan_piece *at,
	const struct hst_recipe_type *type, uint64_t offset, uint64_t bytes);

/* A constant of this type. */
enum hst_recipe_reason hst_place_constant(
	int64_t value, const struct hst_recipe_type *type, struct hst_place *ret_place);

#endif
