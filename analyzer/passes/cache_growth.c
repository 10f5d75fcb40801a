/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of recursive calls, the largest of each number of levels. */
#include "passes/cache_growth.h"

#include "passes/cache_pass.h"

#include <string.h>

/* The largest tree of so many levels; 0 calls: there is none. */
struct largest {
	uint64_t calls;
	size_t root; /* number of its first call */
};

struct trees {
	HST_VEC(struct largest) by_levels; /* [0]: of one level */
};

/* A call that may still get calls within it. */
struct open_tree {
	uint64_t end_ns;
	uint64_t calls;
	size_t root;
	uint32_t depth, deepest;
};

struct open_trees {
	HST_VEC(struct open_tree) items;
};

/* All trees, and those that are within no other one. */
struct forest {
	const struct hst_cache_work *work;
	struct open_trees *open; /* by thread */
	struct trees all, outermost;
};

static enum hst_status keep_largest(struct trees *trees, const struct open_tree *tree)
{
	struct largest none = { 0 };
	size_t level = tree->deepest - tree->depth;

	while (trees->by_levels.count <= level) {
		if (!hst_vec_push(&trees->by_levels, none)) {
			return HST_E_MEMORY;
		}
	}
	if (tree->calls > trees->by_levels.items[level].calls) {
		trees->by_levels.items[level] = (struct largest){ tree->calls, tree->root };
	}
	return HST_OK;
}

/* The innermost open tree of a thread is whole. */
static enum hst_status close_tree(struct forest *forest, struct open_trees *open)
{
	struct open_tree tree = open->items.items[--open->items.count];

	HST_TRY(keep_largest(&forest->all, &tree));
	if (open->items.count == 0) {
		return keep_largest(&forest->outermost, &tree);
	}
	open->items.items[open->items.count - 1].calls += tree.calls;
	if (tree.deepest > open->items.items[open->items.count - 1].deepest) {
		open->items.items[open->items.count - 1].deepest = tree.deepest;
	}
	return HST_OK;
}

static uint32_t thread_at(const struct hst_cache_work *work, size_t at)
{
	return work->groups.thread == NULL ? 0 : work->groups.thread[at];
}

static enum hst_status add_call(struct forest *forest, size_t at)
{
	const struct hst_cache_call *call = &forest->work->calls.items[at];
	struct open_trees *open = &forest->open[thread_at(forest->work, at)];
	struct open_tree tree = { call->end_ns, 1, at, call->depth, call->depth };

	while (open->items.count != 0) {
		const struct open_tree *top = &open->items.items[open->items.count - 1];

		if (top->depth < call->depth && top->end_ns >= call->start_ns) {
			break;
		}
		HST_TRY(close_tree(forest, open));
	}
	return hst_vec_push(&open->items, tree) ? HST_OK : HST_E_MEMORY;
}

static enum hst_status plant(struct forest *forest)
{
	enum hst_status status = HST_OK;

	forest->open = calloc((size_t)forest->work->groups.threads + 1, sizeof *forest->open);
	if (forest->open == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < forest->work->calls.count && status == HST_OK; i++) {
		status = add_call(forest, i);
	}
	for (uint32_t i = 0; i < forest->work->groups.threads; i++) {
		while (forest->open[i].items.count != 0 && status == HST_OK) {
			status = close_tree(forest, &forest->open[i]);
		}
		hst_vec_finish(&forest->open[i].items);
	}
	free(forest->open);
	return status;
}

/* Different keys of a tree. `stamps` has a place for each key; none has `stamp` yet. */
static uint64_t count_keys(const struct hst_cache_work *work, const struct largest *tree,
	uint32_t *stamps, uint32_t stamp)
{
	uint32_t thread = thread_at(work, tree->root);
	uint64_t left = tree->calls;
	uint64_t keys = 0;

	/* The calls of one thread follow each other as they lie within each other. */
	for (size_t i = tree->root; i < work->calls.count && left > 0; i++) {
		uint32_t number = work->keys.numbers[i];

		if (thread_at(work, i) == thread) {
			left--;
			keys += stamps[number] != stamp;
			stamps[number] = stamp;
		}
	}
	return keys;
}

static enum hst_status fit(const struct hst_cache_work *work, const struct trees *from,
	uint32_t *stamps, struct hst_cache_growth *growth)
{
	HST_VEC(struct hst_cache_tree) trees = { 0 };
	size_t count = from->by_levels.count;
	uint32_t stamp = 0;
	enum hst_status status = HST_OK;

	/* Small trees are shaped by where the recursion ends. */
	for (size_t i = count / 3; i < count && status == HST_OK; i++) {
		struct hst_cache_tree tree = { (uint32_t)i + 1, from->by_levels.items[i].calls, 0 };

		if (tree.calls != 0 && !hst_vec_push(&trees, tree)) {
			status = HST_E_MEMORY;
		}
	}
	if (status == HST_OK) {
		status = hst_cache_fit_calls(trees.items, trees.count, growth);
	}
	if (status == HST_OK && growth->state == HST_CACHE_GROWTH_KNOWN) {
		memset(stamps, 0, work->key_count * sizeof *stamps);
		/* By a factor from one to the next, so all trees have not many times the calls of the last one. */
		for (size_t i = 0; i < trees.count; i++) {
			trees.items[i].keys = count_keys(work,
				&from->by_levels.items[trees.items[i].levels - 1], stamps, ++stamp);
		}
		status = hst_cache_fit_keys(trees.items, trees.count, growth);
	}
	hst_vec_finish(&trees);
	return status;
}

enum hst_status hst_cache_find_growth(struct hst_cache_work *work)
{
	struct hst_cache_growth *growth = &work->function->growth;
	struct forest forest = { .work = work };
	uint32_t *stamps;
	enum hst_status status;

	if (!hst_cache_is_recursion(work->function)) {
		return HST_OK;
	}
	growth->state = HST_CACHE_GROWTH_SAMPLED;
	if (work->log->shift != 0 || work->log->dropped != 0) {
		return HST_OK;
	}
	stamps = malloc((work->key_count + 1) * sizeof *stamps);
	status = stamps == NULL ? HST_E_MEMORY : plant(&forest);
	if (status == HST_OK) {
		status = fit(work, &forest.outermost, stamps, growth);
		growth->outermost = growth->state == HST_CACHE_GROWTH_KNOWN;
	}
	if (status == HST_OK && !growth->outermost) {
		*growth = (struct hst_cache_growth){ 0 };
		status = fit(work, &forest.all, stamps, growth);
	}
	hst_vec_finish(&forest.all.by_levels);
	hst_vec_finish(&forest.outermost.by_levels);
	free(stamps);
	return status;
}
