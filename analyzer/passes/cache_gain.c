/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cache gains at each capacity, in one walk: a call is a hit of all caches that have at least its stack distance of
 * entries. A call within a hit is not made at all, so of calls within each other a call takes part up to the smallest distance
 * of those around it. Sums over capacities are kept as differences.
 */
#include "passes/cache_pass.h"

#include <string.h>

#define BLOCKS     256u
#define AHEAD      16u
#define GOOD_SHARE 0.95
/* Smaller caches are too small to be seen in a sample: a few often used keys that are in it by chance make their curve. */
#define SAMPLE_LEAST 32u

/* Differences from one capacity (of the sample) to the next. */
struct change {
	double saved;
	int64_t hits;
	int64_t lookups;
};

/* One plan while it is found. */
struct finding {
	struct hst_cache_work *work;
	const uint32_t *numbers;
	uint32_t *distances;
	uint32_t *limits; /* a call takes part below this capacity; NULL: all calls always do */
	struct change *changes; /* [most + 1] */
	uint32_t most;          /* largest distance */
	bool shared;
	double scale; /* of a sample */
	double more;  /* outer calls beyond the scaled sample: hits of every cache */
	double more_cost;
};

/* Key numbers of the calls that take part. */
static uint32_t *pick_numbers(const uint32_t *all, const uint32_t *pick, size_t count)
{
	uint32_t *picked = malloc((count + 1) * sizeof *picked);

	for (size_t i = 0; picked != NULL && i < count; i++) {
		picked[i] = all[pick[i]];
	}
	return picked;
}

/* A call with another one of its function around it. */
struct open_call {
	uint64_t end_ns;
	uint32_t depth;
	uint32_t limit;
};

struct open_calls {
	HST_VEC(struct open_call) items;
};

static bool limit_one(struct finding *finding, struct open_calls *open, size_t at)
{
	const struct hst_cache_call *call = hst_cache_call_at(finding->work, at);
	struct open_call next = {
		.end_ns = call->end_ns, .depth = call->depth, .limit = UINT32_MAX
	};

	while (open->items.count != 0) {
		const struct open_call *top = &open->items.items[open->items.count - 1];

		if (top->depth < call->depth && top->end_ns >= call->start_ns) {
			next.limit = top->limit;
			break;
		}
		open->items.count--;
	}
	finding->limits[at] = next.limit;
	if (finding->distances[at] != 0 && finding->distances[at] < next.limit) {
		next.limit = finding->distances[at];
	}
	return hst_vec_push(&open->items, next);
}

/* The smallest distance of the calls around each. */
static enum hst_status find_limits(struct finding *finding)
{
	struct hst_cache_work *work = finding->work;
	struct open_calls *open;
	bool good = true;

	if (work->function->inner == 0 || work->log->shift != 0) {
		return HST_OK;
	}
	finding->limits = malloc((work->count + 1) * sizeof *finding->limits);
	open = calloc((size_t)work->groups.threads + 1, sizeof *open);
	good = finding->limits != NULL && open != NULL;
	for (size_t i = 0; i < work->count && good; i++) {
		size_t call = work->pick == NULL ? i : work->pick[i];
		uint32_t thread = work->groups.thread == NULL ? 0 : work->groups.thread[call];

		good = limit_one(finding, &open[thread], i);
	}
	for (uint32_t i = 0; open != NULL && i < work->groups.threads; i++) {
		hst_vec_finish(&open[i].items);
	}
	free(open);
	return good ? HST_OK : HST_E_MEMORY;
}

/* Of a sample, who is around an inner call is not known: nothing is reckoned for it. */
static bool takes_part(const struct finding *finding, size_t at)
{
	return finding->work->log->shift == 0 || hst_cache_call_at(finding->work, at)->depth == 0;
}

/* Is each call made, whatever is kept? */
static bool is_plain(const struct finding *finding)
{
	return finding->limits == NULL && finding->work->log->shift == 0;
}

static void add_call(struct finding *finding, size_t at)
{
	struct change *changes = finding->changes;
	uint32_t distance = finding->distances[at];
	uint32_t limit = finding->limits == NULL ? UINT32_MAX : finding->limits[at];
	double cost = hst_cache_cost_at(finding->work, at);

	changes[0].lookups++;
	if (limit <= finding->most) {
		changes[limit].lookups--;
	}
	if (distance == 0 || distance >= limit) {
		return;
	}
	changes[distance].saved += cost;
	changes[distance].hits++;
	if (limit <= finding->most) {
		changes[limit].saved -= cost;
		changes[limit].hits--;
	}
}

static void add_made(struct finding *finding)
{
	for (size_t i = 0; i < finding->work->count; i++) {
		if (takes_part(finding, i)) {
			add_call(finding, i);
		}
	}
}

/* All calls, where none is within another one of its function. */
static void add_plain(struct finding *finding)
{
	const struct hst_cache_work *work = finding->work;

	for (size_t i = 0; i < work->count; i++) {
		uint32_t distance = finding->distances[i];

		if (i + AHEAD < work->count) {
			__builtin_prefetch(&finding->changes[finding->distances[i + AHEAD]], 1);
		}
		finding->changes[distance].saved += work->cost[i];
		finding->changes[distance].hits++;
	}
	/* First calls are looked up, but no hits of any. */
	finding->changes[0] = (struct change){ .lookups = (int64_t)work->count };
}

static void set_scale(struct finding *finding)
{
	const struct hst_cache_log *log = finding->work->log;
	double cost = 0;
	double outer = 0;

	finding->scale = (double)(1ull << log->shift);
	if (log->shift == 0 || finding->work->pick != NULL) {
		return;
	}
	for (size_t i = 0; i < finding->work->calls.count; i++) {
		const struct hst_cache_call *call = &finding->work->calls.items[i];

		outer += call->depth == 0;
		cost += call->depth == 0 ? (double)call->cost_ns : 0;
	}
	finding->more = (double)log->total_outer - outer * finding->scale;
	finding->more_cost = (double)log->total_cost - cost * finding->scale;
}

static enum hst_status add_calls(struct finding *finding)
{
	struct hst_cache_work *work = finding->work;

	for (size_t i = 0; i < work->count; i++) {
		if (finding->distances[i] > finding->most) {
			finding->most = finding->distances[i];
		}
	}
	finding->changes = calloc((size_t)finding->most + 2, sizeof *finding->changes);
	if (finding->changes == NULL) {
		return HST_E_MEMORY;
	}
	if (is_plain(finding)) {
		add_plain(finding);
	} else {
		add_made(finding);
	}
	set_scale(finding);
	for (size_t i = 1; i <= finding->most; i++) {
		finding->changes[i].saved += finding->changes[i - 1].saved;
		finding->changes[i].hits += finding->changes[i - 1].hits;
		finding->changes[i].lookups += finding->changes[i - 1].lookups;
	}
	return HST_OK;
}

static struct hst_cache_cost cost_at(const struct finding *finding, uint64_t capacity)
{
	struct hst_cache_cost cost = hst_cache_cost_of(finding->work->costs, capacity);
	double more = (finding->shared ? finding->work->costs->shared_ns : 0) +
		      finding->work->log->contents * finding->work->costs->content_ns;

	cost.hit_ns += more;
	cost.miss_ns += more;
	return cost;
}

/* Gain of caches of `at` entries of the sample, at least 1. */
static double gain_at(const struct finding *finding, uint32_t at, struct hst_cache_plan *ret_plan)
{
	const struct change *sum = &finding->changes[at < finding->most ? at : finding->most];
	uint64_t capacity = (uint64_t)at << finding->work->log->shift;
	struct hst_cache_cost cost = cost_at(finding, capacity);
	double hits = (double)sum->hits * finding->scale + finding->more;
	double lookups = (double)sum->lookups * finding->scale + finding->more;
	double saved = sum->saved * finding->scale + finding->more_cost;

	hits = hits > 0 ? hits : 0;
	saved = saved > 0 ? saved : 0;
	ret_plan->capacity = capacity;
	ret_plan->hits = hits;
	ret_plan->lookups = lookups;
	ret_plan->saved_ns = saved;
	ret_plan->gain_ns = saved - hits * cost.hit_ns - (lookups - hits) * cost.miss_ns;
	return ret_plan->gain_ns;
}

/* The smallest capacity that is looked at, in entries of the sample. */
static uint32_t least_of(const struct finding *finding)
{
	return finding->work->log->shift == 0 ? 1 : SAMPLE_LEAST;
}

/* The smallest capacity with 95 % of the best gain; where none gains, the one that loses least. */
static void choose(const struct finding *finding, struct hst_cache_plan *ret_plan)
{
	uint32_t least = least_of(finding);
	uint32_t most = finding->most < least ? least : finding->most;
	struct hst_cache_plan plan = { 0 };
	struct hst_cache_plan best = { 0 };

	for (uint32_t at = least; at <= most; at++) {
		if (gain_at(finding, at, &plan) > best.gain_ns || at == least) {
			best = plan;
		}
	}
	plan = best;
	for (uint32_t at = least; best.gain_ns > 0; at++) {
		if (gain_at(finding, at, &plan) >= GOOD_SHARE * best.gain_ns) {
			break;
		}
	}
	plan.best_ns = best.gain_ns;
	plan.best_capacity = best.capacity;
	*ret_plan = plan;
}

/* 0 not made, 1 a miss, 2 a hit of a cache of `at` entries of the sample. */
static int outcome(const struct finding *finding, size_t call, uint32_t at)
{
	uint32_t distance = finding->distances[call];

	if (!takes_part(finding, call) ||
		(finding->limits != NULL && finding->limits[call] <= at)) {
		return 0;
	}
	return distance != 0 && distance <= at ? 2 : 1;
}

/* Gain of the calls from `first` to `end` with a cache of `at` entries of the sample. */
static double sum_made(const struct finding *finding, size_t first, size_t end, uint32_t at,
	struct hst_cache_cost cost)
{
	double sum = 0;

	for (size_t i = first; i < end; i++) {
		int what = outcome(finding, i, at);

		if (what != 0) {
			sum += what == 2 ? finding->work->cost[i] - cost.hit_ns : -cost.miss_ns;
		}
	}
	return sum;
}

/* The same where all calls are made. Without branches: which calls are hits cannot be foretold. */
static double sum_plain(const struct finding *finding, size_t first, size_t end, uint32_t at,
	struct hst_cache_cost cost)
{
	uint64_t hits = 0;
	double sum = 0;

	for (size_t i = first; i < end; i++) {
		/* 0, a first call, becomes the largest number. */
		uint32_t hit = finding->distances[i] - 1 < at;

		hits += hit;
		sum += (double)(int32_t)hit * finding->work->cost[i];
	}
	return sum - (double)hits * cost.hit_ns - (double)(end - first - hits) * cost.miss_ns;
}

static void find_interval(const struct finding *finding, struct hst_cache_plan *plan)
{
	const struct hst_cache_work *work = finding->work;
	struct hst_cache_cost cost = cost_at(finding, plan->capacity);
	uint32_t at = (uint32_t)(plan->capacity >> work->log->shift);
	uint32_t count = work->count < BLOCKS ? (uint32_t)work->count : BLOCKS;
	double blocks[BLOCKS] = { 0 };
	double rest = finding->more_cost - finding->more * cost.hit_ns;

	for (uint32_t block = 0; block < count; block++) {
		size_t first = work->count * block / count;
		size_t end = work->count * (block + 1) / count;

		blocks[block] = is_plain(finding) ? sum_plain(finding, first, end, at, cost)
						  : sum_made(finding, first, end, at, cost);
	}
	hst_cache_bootstrap(blocks, count, work->options->seed, &plan->low_ns, &plan->high_ns);
	plan->low_ns = plan->low_ns * finding->scale + rest;
	plan->high_ns = plan->high_ns * finding->scale + rest;
}

/* All calls looked up: the plain curve, at powers of two. */
static void draw_curve(const struct finding *finding, struct hst_cache_function *function)
{
	const struct hst_cache_work *work = finding->work;
	uint64_t counts[HST_CACHE_POWERS] = { 0 };
	double all =
		(double)work->log->total - (double)(1ull << work->log->shift) * (double)work->count;
	uint64_t most = (uint64_t)finding->most << work->log->shift;
	double hits;

	for (size_t i = 0; i < work->count; i++) {
		uint64_t needs = (uint64_t)finding->distances[i] << work->log->shift;

		if (needs != 0) {
			uint32_t power = needs == 1 ? 0 : 64 - (uint32_t)__builtin_clzll(needs - 1);

			counts[power < HST_CACHE_POWERS ? power : HST_CACHE_POWERS - 1]++;
		}
	}
	/* What the sample has too few or too many of is put to the first capacity (SHARDS adj). */
	hits = work->log->shift != 0 && work->pick == NULL ? all : 0;
	function->curve_count = 0;
	for (uint32_t power = 0; power < HST_CACHE_POWERS; power++) {
		uint32_t at = (uint32_t)((1ull << power) >> work->log->shift);
		struct hst_cache_point *point = &function->curve[function->curve_count];
		struct hst_cache_plan plan;

		hits += (double)counts[power] * (double)(1ull << work->log->shift);
		if (at < least_of(finding)) {
			continue;
		}
		point->capacity = 1ull << power;
		point->hit_ratio =
			work->log->total == 0 || hits < 0 ? 0 : hits / (double)work->log->total;
		point->gain_ns = gain_at(finding, at, &plan);
		function->curve_count++;
		if (1ull << power >= most) {
			break;
		}
	}
}

static enum hst_status begin(struct finding *finding)
{
	struct hst_cache_work *work = finding->work;
	const uint32_t *groups = finding->shared ? work->groups.process : work->groups.thread;
	uint32_t group_count = finding->shared ? work->groups.processes : work->groups.threads;
	uint32_t *picked = NULL;
	enum hst_status status;

	if (groups != NULL && work->pick != NULL) {
		picked = pick_numbers(groups, work->pick, work->count);
		if (picked == NULL) {
			return HST_E_MEMORY;
		}
		groups = picked;
	}
	status = hst_cache_distances(finding->numbers, groups, work->count, work->key_count,
		group_count, finding->distances);
	free(picked);
	HST_TRY(status);
	HST_TRY(find_limits(finding));
	return add_calls(finding);
}

static void end(struct finding *finding)
{
	free(finding->limits);
	free(finding->changes);
	finding->limits = NULL;
	finding->changes = NULL;
	finding->most = 0;
}

/* The arrays that both plans need. */
static enum hst_status open_finding(
	struct hst_cache_work *work, struct finding *finding, uint32_t **ret_own)
{
	*finding = (struct finding){ .work = work, .numbers = work->keys.numbers };
	*ret_own = NULL;
	if (work->pick != NULL) {
		*ret_own = pick_numbers(work->keys.numbers, work->pick, work->count);
		finding->numbers = *ret_own;
	}
	finding->distances = malloc((work->count + 1) * sizeof *finding->distances);
	return finding->numbers == NULL || finding->distances == NULL ? HST_E_MEMORY : HST_OK;
}

static enum hst_status find_plan(struct finding *finding, bool shared, struct hst_cache_plan *plan)
{
	finding->shared = shared;
	HST_TRY(begin(finding));
	choose(finding, plan);
	find_interval(finding, plan);
	return HST_OK;
}

static void close_finding(struct finding *finding, uint32_t *own)
{
	end(finding);
	free(finding->distances);
	free(own);
}

enum hst_status hst_cache_evaluate(struct hst_cache_work *work)
{
	struct hst_cache_function *function = work->function;
	struct finding finding;
	uint32_t *own;
	enum hst_status status = open_finding(work, &finding, &own);

	function->per_thread = function->shared = (struct hst_cache_plan){ 0 };
	function->use_shared = false;
	if (status == HST_OK && work->groups.threads != work->groups.processes) {
		status = find_plan(&finding, true, &function->shared);
		if (status == HST_OK) {
			draw_curve(&finding, function);
		}
		end(&finding);
	}
	if (status == HST_OK) {
		status = find_plan(&finding, false, &function->per_thread);
	}
	if (status == HST_OK) {
		function->use_shared = work->groups.threads != work->groups.processes &&
				       function->shared.gain_ns > function->per_thread.gain_ns;
		if (!function->use_shared) {
			draw_curve(&finding, function);
		}
	}
	close_finding(&finding, own);
	return status;
}

/* Of the kind of cache that is proposed. */
static enum hst_status open_proposed(
	struct hst_cache_work *work, struct finding *finding, uint32_t **ret_own)
{
	HST_TRY(open_finding(work, finding, ret_own));
	finding->shared = work->function->use_shared;
	return begin(finding);
}

enum hst_status hst_cache_redraw(struct hst_cache_work *work)
{
	struct finding finding;
	uint32_t *own;
	enum hst_status status = open_proposed(work, &finding, &own);

	if (status == HST_OK) {
		draw_curve(&finding, work->function);
	}
	close_finding(&finding, own);
	return status;
}

static enum hst_status list_hits(struct finding *finding, struct hst_cache_hit_list *hits)
{
	const struct hst_cache_work *work = finding->work;
	const struct hst_cache_plan *plan = hst_cache_plan_of(work->function);
	double hit_ns = cost_at(finding, plan->capacity).hit_ns;
	uint32_t at = (uint32_t)(plan->capacity >> work->log->shift);

	for (size_t i = 0; i < work->count; i++) {
		struct hst_cache_hit hit = { (hst_cache_cost_at(work, i) - hit_ns) * finding->scale,
			work->pick == NULL ? (uint32_t)i : work->pick[i] };

		if (outcome(finding, i, at) == 2 && !hst_vec_push(&hits->items, hit)) {
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}

enum hst_status hst_cache_list_hits(struct hst_cache_work *work, struct hst_cache_hit_list *hits)
{
	struct finding finding;
	uint32_t *own;
	enum hst_status status = open_proposed(work, &finding, &own);

	if (status == HST_OK) {
		status = list_hits(&finding, hits);
	}
	close_finding(&finding, own);
	return status;
}
