/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an argument is where the debug information puts it for the whole function: clang without
 * optimization writes arguments there only after the enter hook. Then it may be found in the place that
 * it was kept in across the call.
 */
#ifndef HST_SYMBOLS_RECIPES_HOME_H
#define HST_SYMBOLS_RECIPES_HOME_H

#include "symbols/recipes_code.h"
#include "symbols/recipes_follow.h"
#include "symbols/recipes_place.h"

/* The code from `start` to the call of the hook. */
struct hst_home {
	const struct hst_code *code;
	uint64_t start, call;
	uint64_t *budget; /* instructions that may still be followed, in all functions */
	bool entry;       /* `start` is the function's entry */
	bool followed, good;
	struct hst_follow follow; /* at the call */
};

/* How an argument came: in registers or on the stack. */
struct hst_incoming {
	uint8_t count; /* 0: cannot be told */
	uint8_t regs[2];
	int64_t stack; /* with regs[0] HST_REGS: offset from the call frame address */
};

/* Are all pieces written before the hook? */
bool hst_home_is_written(struct hst_home *home, const struct hst_place *place);

/* Where an argument that came like this is while the hook runs. READABLE, or HOME. */
enum hst_recipe_reason hst_home_find(struct hst_home *home, const struct hst_incoming *incoming,
	const struct hst_recipe_type *type, struct hst_place *ret_place);

/*
 * How arguments of these types come by the ABI, as far as it can be told: behind an argument of
 * unknown class nothing is.
 */
void hst_home_incoming(const struct hst_recipe_type *result,
	const struct hst_recipe_type *const *types, size_t count,
	struct hst_incoming *ret_incoming);

/* How an argument came, by its location at the function's entry: in registers. false: in another way. */
bool hst_home_came(const struct hst_compat_location *location, const struct hst_recipe_type *type,
	struct hst_incoming *ret_incoming);

#endif
