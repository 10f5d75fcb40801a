/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the calls of a recursion grow with its depth, and how its keys do. A call with all calls of its function within it is a tree
 * of so many levels; the largest tree of each number of levels is one point of two curves.
 */
#ifndef HST_PASSES_CACHE_GROWTH_H
#define HST_PASSES_CACHE_GROWTH_H

#include "model/cache.h"
#include "util/status.h"

struct hst_cache_work;

/* One tree. */
struct hst_cache_tree {
	uint32_t levels;
	uint64_t calls;
	uint64_t keys; /* different ones, for hst_cache_fit_keys */
};

/*
 * Trees by ascending levels, those with a third of the levels of the last one and more: do their calls grow by one factor from each
 * level to the next? Says in growth->state why not, or HST_CACHE_GROWTH_KNOWN. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_cache_fit_calls(
	const struct hst_cache_tree *trees, size_t count, struct hst_cache_growth *growth);
/* After it: do the keys of these trees grow by a power of the levels, or by a smaller factor? HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_fit_keys(
	const struct hst_cache_tree *trees, size_t count, struct hst_cache_growth *growth);

/* The growth of a row of kind overlapping recursion (work->function->growth). HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_find_growth(struct hst_cache_work *work);

#endif
