/* SPDX-License-Identifier: Apache-2.0 */
/* One log after the other: order, keys, plans; then all together: rows within each other, verdicts, order. */
#include "passes/cache_growth.h"
#include "passes/cache_pass.h"

#include <string.h>

/* Calls whose key had come right before them in their thread, of all calls. */
static enum hst_status count_adjacent(struct hst_cache_work *work)
{
	uint32_t *last = calloc((size_t)work->groups.threads + 1, sizeof *last);

	if (last == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < work->calls.count; i++) {
		uint32_t thread = work->groups.thread == NULL ? 0 : work->groups.thread[i];
		uint32_t number = work->keys.numbers[i] + 1;

		work->function->adjacent += last[thread] == number;
		last[thread] = number;
	}
	free(last);
	return HST_OK;
}

static void scale_counts(struct hst_cache_work *work)
{
	const struct hst_cache_log *log = work->log;
	struct hst_cache_function *function = work->function;
	uint64_t scale = 1ull << log->shift;

	function->row = log->row;
	function->calls = log->total;
	function->cost_ns = log->total_cost;
	function->dropped = log->dropped;
	function->declared = log->declared;
	function->writes = log->writes;
	function->sampled = work->calls.count;
	function->rate = 1 / (double)scale;
	function->threads = work->groups.threads;
	function->parents = log->total == 0 ? 0 : log->parents ? 2 : 1;
	function->distinct = work->key_count * scale;
	/* Of all calls, not of the sample scaled: the one number is known. */
	if (function->distinct > log->total) {
		function->distinct = log->total;
	}
	function->repeats = log->total - function->distinct;
}

/* In order and by number of their key, for those who look at them again. */
static enum hst_status pack_numbered(struct hst_cache_work *work)
{
	struct hst_cache_pack *pack = &work->log->calls;

	pack->numbered = true;
	for (size_t i = 0; i < work->calls.count; i++) {
		struct hst_cache_call call = work->calls.items[i];

		call.key = work->keys.numbers[i];
		call.has_result = 0;
		HST_TRY(hst_cache_pack_add(pack, &call));
	}
	return HST_OK;
}

enum hst_status hst_cache_pick_all(struct hst_cache_work *work)
{
	work->count = work->calls.count;
	work->cost = malloc((work->count + 1) * sizeof *work->cost);
	if (work->cost == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < work->count; i++) {
		work->cost[i] = (double)work->calls.items[i].cost_ns;
	}
	return HST_OK;
}

enum hst_status hst_cache_load(struct hst_cache_work *work)
{
	HST_TRY(hst_cache_calls_take(&work->log->calls, false, &work->calls));
	HST_TRY(hst_cache_pick_all(work));
	work->keys.numbers = malloc((work->count + 1) * sizeof *work->keys.numbers);
	if (work->keys.numbers == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < work->count; i++) {
		work->keys.numbers[i] = (uint32_t)work->calls.items[i].key;
	}
	return hst_cache_group(work);
}

void hst_cache_unload(struct hst_cache_work *work)
{
	free(work->calls.items);
	free(work->keys.numbers);
	hst_vec_finish(&work->keys.items);
	free(work->groups.thread);
	free(work->groups.process);
	free(work->pick);
	free(work->cost);
	work->calls = (struct hst_cache_calls){ 0 };
	work->groups = (struct hst_cache_groups){ 0 };
	work->keys.numbers = NULL;
	work->pick = NULL;
	work->cost = NULL;
}

static enum hst_status analyse_calls(struct hst_cache_work *work)
{
	struct hst_cache_log *log = work->log;
	size_t most = work->options->log_max != 0 ? work->options->log_max : HST_CACHE_LOG_MAX;

	HST_TRY(hst_cache_log_thin(log, most < HST_CACHE_NO_KEY ? most : HST_CACHE_NO_KEY - 1));
	HST_TRY(hst_cache_calls_take(&log->calls, true, &work->calls));
	HST_TRY(hst_cache_pick_all(work));
	HST_TRY(hst_cache_group(work));
	HST_TRY(hst_cache_number_keys(work));
	HST_TRY(count_adjacent(work));
	scale_counts(work);
	HST_TRY(hst_cache_find_fewer(work));
	HST_TRY(hst_cache_find_growth(work));
	if (work->options->sums) {
		HST_TRY(hst_cache_sum_keys(work));
	}
	/* Of a key only its number is needed from here on. */
	hst_vec_finish(&work->keys.items);
	HST_TRY(hst_cache_evaluate(work));
	work->function->alone_ns = hst_cache_plan_of(work->function)->gain_ns;
	return hst_cache_is_nested(work) ? pack_numbered(work) : HST_OK;
}

static enum hst_status analyse_one(void *context, size_t number)
{
	struct hst_cache_work *work = (struct hst_cache_work *)context + number;
	enum hst_status status = analyse_calls(work);

	hst_cache_unload(work);
	return status;
}

static enum hst_status analyse_all(struct hst_cache_work *works, size_t count)
{
	size_t *sizes = calloc(count + 1, sizeof *sizes);
	enum hst_status status;

	if (sizes == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		sizes[i] = works[i].log->calls.count;
	}
	status = hst_cache_share_out(sizes, count, analyse_one, works);
	free(sizes);
	return status;
}

static int compare(const void *left, const void *right)
{
	const struct hst_cache_function *a = left;
	const struct hst_cache_function *b = right;
	/* Without a result there is nothing to be gained by keeping it. */
	double x = hst_cache_is_seen(a) ? hst_cache_plan_of(a)->gain_ns : 0;
	double y = hst_cache_is_seen(b) ? hst_cache_plan_of(b)->gain_ns : 0;

	if (x < y || x > y) {
		return x > y ? -1 : 1;
	}
	return a->row < b->row ? -1 : a->row > b->row;
}

static enum hst_status analyse(struct hst_cache_work *works, struct hst_cache_log *logs,
	size_t count, const struct hst_cache_options *options, struct hst_cache *cache)
{
	for (size_t i = 0; i < count; i++) {
		works[i] = (struct hst_cache_work){ .log = &logs[i],
			.options = options,
			.costs = &cache->costs,
			.function = &cache->functions[i] };
	}
	HST_TRY(analyse_all(works, count));
	for (size_t i = 0; i < count; i++) {
		cache->calls += cache->functions[i].calls;
	}
	if (!options->alone) {
		HST_TRY(hst_cache_nest(works, count));
	}
	for (size_t i = 0; i < count; i++) {
		hst_cache_judge(&works[i]);
	}
	return HST_OK;
}

enum hst_status hst_cache_analyse(struct hst_cache_log *logs, size_t count,
	const struct hst_cache_options *options, struct hst_cache *ret_cache)
{
	struct hst_cache_options how = *options;
	struct hst_cache cache = { .count = count };
	struct hst_cache_work *works = calloc(count + 1, sizeof *works);
	enum hst_status status = HST_E_MEMORY;

	cache.functions = calloc(count + 1, sizeof *cache.functions);
	cache.costs = options->costs != NULL ? *options->costs : *hst_cache_measure();
	if (works != NULL && cache.functions != NULL) {
		/* Nobody takes time from the only one. */
		how.alone = how.alone || count == 1;
		status = analyse(works, logs, count, &how, &cache);
	}
	for (size_t i = 0; i < count; i++) {
		hst_cache_log_finish(&logs[i]);
	}
	free(works);
	if (status != HST_OK) {
		hst_cache_finish(&cache);
		return status;
	}
	qsort(cache.functions, cache.count, sizeof *cache.functions, compare);
	*ret_cache = cache;
	return HST_OK;
}
