/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows within each other save the same time: the row that gains most is taken, and the others are evaluated again without
 * it: calls within its hits are not made, and calls around them cost less. Then the next one.
 *
 *   f |------------------------|      g is taken: its hits save 2 x 8 of f's 24
 *     g |--------|  g |--------|      f is taken: the calls of g in f's hits are not made
 */
#include "passes/cache_pass.h"

#include <string.h>

static int compare_hits(const void *left, const void *right)
{
	const struct hst_cache_hit *a = left;
	const struct hst_cache_hit *b = right;

	if (a->thread != b->thread) {
		return a->thread < b->thread ? -1 : 1;
	}
	if (a->start_ns != b->start_ns) {
		return a->start_ns < b->start_ns ? -1 : 1;
	}
	return a->end_ns > b->end_ns ? -1 : a->end_ns < b->end_ns;
}

/* Sorts, and makes the sums anew. */
static enum hst_status settle(struct hst_cache_taken *taken)
{
	size_t count = taken->hits.count;
	double sum = 0;

	free(taken->sums);
	free(taken->reaches);
	taken->sums = malloc((count + 1) * sizeof *taken->sums);
	taken->reaches = malloc((count + 1) * sizeof *taken->reaches);
	if (taken->sums == NULL || taken->reaches == NULL) {
		return HST_E_MEMORY;
	}
	qsort(taken->hits.items, count, sizeof *taken->hits.items, compare_hits);
	for (size_t i = 0; i < count; i++) {
		const struct hst_cache_hit *hit = &taken->hits.items[i];
		bool first = i == 0 || hit[-1].thread != hit->thread;

		taken->sums[i] = sum;
		sum += hit->saved_ns;
		taken->reaches[i] = first || taken->reaches[i - 1] < hit->end_ns
					    ? hit->end_ns
					    : taken->reaches[i - 1];
	}
	taken->sums[count] = sum;
	return HST_OK;
}

/* The first hit of the thread that begins after `ns` (or, with `at`, then or after). */
static size_t find(const struct hst_cache_taken *taken, uint32_t thread, uint64_t ns, bool at)
{
	size_t low = 0;
	size_t high = taken->hits.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct hst_cache_hit *hit = &taken->hits.items[middle];
		bool before = hit->thread != thread
				      ? hit->thread < thread
				      : hit->start_ns < ns || (!at && hit->start_ns == ns);

		if (before) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* Is the call within a taken hit? Else what hits within it save is in *ret_saved. */
static bool is_covered(
	const struct hst_cache_taken *taken, const struct hst_cache_call *call, double *ret_saved)
{
	size_t behind = find(taken, call->thread, call->start_ns, false);
	size_t from;
	size_t to;

	*ret_saved = 0;
	if (behind != 0 && taken->hits.items[behind - 1].thread == call->thread &&
		taken->reaches[behind - 1] >= call->end_ns) {
		return true;
	}
	from = find(taken, call->thread, call->start_ns, true);
	to = find(taken, call->thread, call->end_ns, true);
	*ret_saved = taken->sums[to] - taken->sums[from];
	return false;
}

/* Evaluates a row without what taken ones save. Nothing is done where they have nothing to do with it. */
static enum hst_status reduce(struct hst_cache_work *work, const struct hst_cache_taken *taken)
{
	const struct hst_cache_log *log = work->log;
	bool changed = false;
	double saved;

	for (size_t i = 0; i < log->calls.count && !changed; i++) {
		changed = is_covered(taken, &log->calls.items[i], &saved) || saved > 0;
	}
	if (!changed) {
		return HST_OK;
	}
	free(work->pick);
	free(work->cost);
	work->pick = malloc((log->calls.count + 1) * sizeof *work->pick);
	work->cost = malloc((log->calls.count + 1) * sizeof *work->cost);
	if (work->pick == NULL || work->cost == NULL) {
		return HST_E_MEMORY;
	}
	work->count = 0;
	for (size_t i = 0; i < log->calls.count; i++) {
		double cost = (double)log->calls.items[i].cost_ns;

		if (!is_covered(taken, &log->calls.items[i], &saved)) {
			work->pick[work->count] = (uint32_t)i;
			work->cost[work->count++] = cost > saved ? cost - saved : 0;
		}
	}
	return hst_cache_evaluate(work);
}

/* Where nothing is left of it, the row keeps its keys and curve, which are of all its calls. */
static enum hst_status reduce_only_gain(
	struct hst_cache_work *work, const struct hst_cache_taken *taken)
{
	struct hst_cache_function *function = work->function;
	struct hst_cache_point curve[HST_CACHE_POWERS];
	uint32_t curve_count = function->curve_count;
	enum hst_status status;

	memcpy(curve, function->curve, sizeof curve);
	status = reduce(work, taken);
	memcpy(function->curve, curve, sizeof curve);
	function->curve_count = curve_count;
	return status;
}

/* A result that is not always the same must not stand in for rows that could be kept for ever. */
static bool may_be_taken(const struct hst_cache_function *function)
{
	return hst_cache_plan_of(function)->gain_ns > 0 && function->contradicting == 0;
}

struct order {
	struct hst_cache_work *works;
	size_t count;
	bool *taken;
	size_t *seen; /* rows that were taken when it was last evaluated */
};

/* The row with most gain among those that are not taken; SIZE_MAX: none gains. */
static size_t best_of(const struct order *order)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < order->count; i++) {
		const struct hst_cache_function *function = order->works[i].function;

		if (order->taken[i] || !may_be_taken(function)) {
			continue;
		}
		if (best == SIZE_MAX ||
			hst_cache_plan_of(function)->gain_ns >
				hst_cache_plan_of(order->works[best].function)->gain_ns) {
			best = i;
		}
	}
	return best;
}

static enum hst_status take(struct order *order, struct hst_cache_taken *hits, size_t taken_count)
{
	size_t best;

	for (best = best_of(order); best != SIZE_MAX; best = best_of(order)) {
		if (order->seen[best] == taken_count) {
			order->taken[best] = true;
			taken_count++;
			HST_TRY(hst_cache_list_hits(&order->works[best], hits));
			HST_TRY(settle(hits));
		} else {
			order->seen[best] = taken_count;
			HST_TRY(reduce_only_gain(&order->works[best], hits));
		}
	}
	for (size_t i = 0; i < order->count; i++) {
		if (!order->taken[i] && order->seen[i] != taken_count &&
			hst_cache_plan_of(order->works[i].function)->gain_ns > 0) {
			HST_TRY(reduce_only_gain(&order->works[i], hits));
		}
	}
	return HST_OK;
}

enum hst_status hst_cache_nest(struct hst_cache_work *works, size_t count)
{
	struct hst_cache_taken hits = { 0 };
	struct order order = { .works = works, .count = count };
	enum hst_status status = HST_E_MEMORY;

	order.taken = calloc(count + 1, sizeof *order.taken);
	order.seen = calloc(count + 1, sizeof *order.seen);
	for (size_t i = 0; i < count; i++) {
		works[i].function->alone_ns = hst_cache_plan_of(works[i].function)->gain_ns;
	}
	if (order.taken != NULL && order.seen != NULL) {
		status = take(&order, &hits, 0);
	}
	free(order.taken);
	free(order.seen);
	free(hits.sums);
	free(hits.reaches);
	hst_vec_finish(&hits.hits);
	return status;
}
