/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipes: where the arguments of a call lie when its enter hook runs, and its result at the exit hook. The plan has them by
 * build id and file address; here they stand by the address that a hook of this process returns to.
 *
 *   plan ── module comes ──▶ table by return address ── hook ──▶ hooks/args.c
 *
 * One table for the process, by open addressing. The list of modules fills it and takes out what went, one thread at a
 * time; hooks read it without a lock. A place is published by its `ret`, and what it held before is no longer asked for.
 */
#ifndef HST_SINK_RECIPES_H
#define HST_SINK_RECIPES_H

#include "core/attr.h"
#include "sink/modules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_RECIPE_GONE 1ull /* `ret` of a place that was used: the search goes on behind it */

/* Address of the first piece, with their number above it, and a bit for results: one word, so that it is never half another one. */
#define HST_RECIPE_COUNT_SHIFT  48u
#define HST_RECIPE_COUNT_MASK   0x7fffull
#define HST_RECIPE_RESULT       (1ull << 63)
#define HST_RECIPE_ADDRESS_MASK ((1ull << HST_RECIPE_COUNT_SHIFT) - 1)

struct hst_recipe {
	uint64_t ret; /* 0: free */
	uint64_t fn;
	uint64_t pieces;
};

extern HST_HIDDEN struct hst_recipe *hst_recipes; /* NULL: there is no plan with any */
extern HST_HIDDEN uint32_t hst_recipe_shift;      /* 64 - bits of an index */
extern HST_HIDDEN bool hst_recipes_contents;      /* strings and blocks may be read */
extern HST_HIDDEN bool hst_recipes_values;        /* values are written, not only hashes */

/* With the plan read. `values`: they are asked for. false: no memory for the table. */
bool hst_recipes_start(bool values);

/* The list of modules has one more, or one less. Not by two threads at once. */
void hst_recipes_add(const struct hst_loaded *module);
void hst_recipes_drop(const struct hst_loaded *module);

/* NULL: nothing is to be read here. */
HST_INLINE const struct hst_recipe *hst_recipe_find(uint64_t ret)
{
	uint64_t mask = UINT64_MAX >> hst_recipe_shift;
	uint64_t slot = (ret * 0x9e3779b97f4a7c15ull) >> hst_recipe_shift;

	for (;; slot = (slot + 1) & mask) {
		const struct hst_recipe *recipe = &hst_recipes[slot];
		uint64_t there = __atomic_load_n(&recipe->ret, __ATOMIC_ACQUIRE);

		if (there == ret) {
			return recipe;
		}
		if (there == 0) {
			return NULL;
		}
	}
}

#endif
