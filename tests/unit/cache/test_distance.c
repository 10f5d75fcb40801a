/* SPDX-License-Identifier: Apache-2.0 */
/* Stack distances and samples beside a cache that is replayed by force. */
#include "calls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define MOST 3000u

/* Hits of a list of `capacity` keys, the latest first. */
static uint64_t replay_lru(const uint32_t *numbers, size_t count, size_t capacity)
{
	static uint32_t list[MOST];
	size_t used = 0;
	uint64_t hits = 0;

	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		while (at < used && list[at] != numbers[i]) {
			at++;
		}
		if (at < used) {
			hits++;
		} else if (used < capacity) {
			used++;
		} else {
			at--;
		}
		memmove(list + 1, list, at * sizeof *list);
		list[0] = numbers[i];
	}
	return hits;
}

static void check_curve(const uint32_t *numbers, size_t count, uint32_t keys)
{
	uint32_t *distances = calloc(count + 1, sizeof *distances);
	uint64_t *hits = calloc((size_t)keys + 2, sizeof *hits);

	assert_int_equal(hst_cache_distances(numbers, NULL, count, keys, 1, distances), HST_OK);
	hst_cache_hits(distances, count, keys + 1, hits);
	assert_int_equal(hits[0], 0);
	for (uint32_t capacity = 1; capacity <= keys + 1; capacity++) {
		assert_int_equal(hits[capacity], replay_lru(numbers, count, capacity));
	}
	free(distances);
	free(hits);
}

static void test_curve_of_random_keys(void **state)
{
	uint32_t numbers[MOST];
	uint64_t random = 7;

	(void)state;
	for (uint32_t keys = 1; keys <= 300; keys = keys * 3 + 1) {
		for (size_t i = 0; i < MOST; i++) {
			/* Twice: few keys come often. */
			numbers[i] = (uint32_t)(next_random(&random) % keys *
						(next_random(&random) % keys) / keys);
		}
		check_curve(numbers, MOST, keys);
	}
}

static void test_curve_of_adversaries(void **state)
{
	uint32_t numbers[MOST];

	(void)state;
	/* In turns: every capacity below the number of keys is in vain. */
	for (size_t i = 0; i < MOST; i++) {
		numbers[i] = (uint32_t)(i % 130);
	}
	check_curve(numbers, MOST, 130);
	/* There and back. */
	for (size_t i = 0; i < MOST; i++) {
		numbers[i] = (uint32_t)(i / 100 % 2 == 0 ? i % 100 : 99 - i % 100);
	}
	check_curve(numbers, MOST, 100);
	/* All different, then the same again; distances beyond one block of the tree. */
	for (size_t i = 0; i < MOST; i++) {
		numbers[i] = (uint32_t)(i % (MOST / 2));
	}
	check_curve(numbers, 2 * (MOST / 2), MOST / 2);
	/* One key; none. */
	memset(numbers, 0, sizeof numbers);
	check_curve(numbers, MOST, 1);
	check_curve(numbers, 0, 1);
	check_curve(numbers, 1, 1);
}

static void test_groups_have_caches_of_their_own(void **state)
{
	static const uint32_t numbers[] = { 0, 0, 1, 1, 0, 0, 1 };
	static const uint32_t groups[] = { 0, 2, 0, 2, 0, 2, 2 };
	uint32_t distances[7];

	(void)state;
	assert_int_equal(hst_cache_distances(numbers, groups, 7, 2, 3, distances), HST_OK);
	assert_int_equal(distances[0], 0);
	assert_int_equal(distances[1], 0);
	assert_int_equal(distances[2], 0);
	assert_int_equal(distances[3], 0);
	assert_int_equal(distances[4], 2); /* group 0: 0 1 0 */
	assert_int_equal(distances[5], 2); /* group 2: 0 1 0 1 */
	assert_int_equal(distances[6], 2);
}

#define THREADS 5u

/* Hits of caches of `capacity` entries, one for each group. */
static uint64_t replay_groups(const struct hst_cache_calls *calls, const uint32_t *group_of,
	uint32_t groups, size_t capacity)
{
	static uint32_t numbers[MOST];
	uint64_t hits = 0;

	for (uint32_t group = 0; group < groups; group++) {
		size_t count = 0;

		for (size_t i = 0; i < calls->count; i++) {
			if (group_of[calls->items[i].thread] == group) {
				numbers[count++] = (uint32_t)calls->items[i].key;
			}
		}
		hits += replay_lru(numbers, count, capacity);
	}
	return hits;
}

static void check_plan(const struct hst_cache_calls *calls, const uint32_t *group_of,
	uint32_t groups, const struct hst_cache_plan *plan)
{
	assert_true(plan->capacity != 0);
	assert_int_equal(plan->hits, replay_groups(calls, group_of, groups, plan->capacity));
	assert_int_equal(plan->lookups, calls->count);
}

/* Threads of two processes: a cache for each thread, and one for each process, beside the caches themselves. */
static void test_threads_and_processes_by_force(void **state)
{
	static const uint32_t thread_of[THREADS] = { 0, 1, 2, 3, 4 };
	static const uint32_t process_of[THREADS] = { 0, 0, 1, 0, 1 };
	struct hst_cache_options options = {
		.costs = &stub_costs, .process_of = process_of, .thread_count = THREADS
	};
	uint64_t random = 5;

	(void)state;
	for (uint32_t keys = 2; keys <= 200; keys *= 3) {
		struct hst_cache_log log = { 0 };
		struct hst_cache_calls calls;
		struct hst_cache cache;
		const struct hst_cache_function *function;

		for (uint64_t i = 0; i < MOST; i++) {
			struct hst_cache_call call = call_at(i * 1000,
				100 + next_random(&random) % 50,
				next_random(&random) % (1 + next_random(&random) % keys), 0);

			call.thread = (uint32_t)(next_random(&random) % THREADS);
			add(&log, call);
		}
		calls = calls_of(&log);
		assert_int_equal(hst_cache_analyse(&log, 1, &options, &cache), HST_OK);
		function = &cache.functions[0];
		check_plan(&calls, thread_of, THREADS, &function->per_thread);
		check_plan(&calls, process_of, 2, &function->shared);
		for (uint32_t i = 0; i < function->curve_count; i++) {
			uint64_t hits =
				replay_groups(&calls, function->use_shared ? process_of : thread_of,
					function->use_shared ? 2 : THREADS, 1u << i);

			assert_true(
				fabs(function->curve[i].hit_ratio - (double)hits / MOST) < 1e-9);
		}
		free(calls.items);
		hst_cache_finish(&cache);
	}
}

/* Keys by Zipf's law with exponent 1: key k as often as 1/k. */
static void fill_zipf(struct hst_cache_log *log, size_t count, uint32_t keys)
{
	double *sums = calloc((size_t)keys + 1, sizeof *sums);
	uint64_t random = 42;

	for (uint32_t i = 0; i < keys; i++) {
		sums[i + 1] = sums[i] + 1 / (double)(i + 1);
	}
	for (size_t i = 0; i < count; i++) {
		double at = (double)(next_random(&random) >> 11) / 9007199254740992.0 * sums[keys];
		uint32_t low = 0;
		uint32_t high = keys;

		while (low + 1 < high) {
			uint32_t middle = low + (high - low) / 2;

			if (sums[middle] <= at) {
				low = middle;
			} else {
				high = middle;
			}
		}
		add(log, call_at(i * 100, 50, low, low));
	}
	free(sums);
}

/* The mean error of a sample's curve is below 0.02 (the authors of SHARDS: 0.01 for 8192 keys). */
static void test_sample_of_zipf(void **state)
{
	struct hst_cache_options options = { .costs = &stub_costs };
	struct hst_cache exact = { 0 };
	struct hst_cache sample = { 0 };
	struct hst_cache_log log = { 0 };
	struct hst_cache_log again = { 0 };
	double error = 0;
	uint32_t points;

	(void)state;
	fill_zipf(&log, 1000000, 200000);
	fill_zipf(&again, 1000000, 200000);
	assert_int_equal(hst_cache_analyse(&log, 1, &options, &exact), HST_OK);
	options.log_max = 120000;
	assert_int_equal(hst_cache_analyse(&again, 1, &options, &sample), HST_OK);
	assert_true(sample.functions[0].rate < 0.2);
	assert_true(sample.functions[0].sampled <= 120000);
	assert_int_equal(sample.functions[0].calls, 1000000);
	assert_int_equal(sample.functions[0].dropped, 0);
	points = sample.functions[0].curve_count;
	assert_true(points > 5);
	for (uint32_t i = 0; i < points; i++) {
		uint32_t at = 0;

		while (exact.functions[0].curve[at].capacity !=
			sample.functions[0].curve[i].capacity) {
			at++;
			assert_true(at < exact.functions[0].curve_count);
		}
		error += fabs(exact.functions[0].curve[at].hit_ratio -
			      sample.functions[0].curve[i].hit_ratio);
	}
	assert_true(error / points < 0.02);
	assert_true(
		fabs((double)sample.functions[0].distinct / (double)exact.functions[0].distinct -
			1) < 0.05);
	assert_true(fabs(hst_cache_plan_of(&sample.functions[0])->gain_ns /
				    hst_cache_plan_of(&exact.functions[0])->gain_ns -
			    1) < 0.1);
	hst_cache_finish(&exact);
	hst_cache_finish(&sample);
	hst_cache_log_finish(&log);
	hst_cache_log_finish(&again);
}

/* One key that comes too often can not be sampled away: what is left out is said. */
static void test_sample_of_one_key(void **state)
{
	struct hst_cache_log log = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		add(&log, call_at(i, 1, 5, 5));
	}
	assert_int_equal(hst_cache_log_thin(&log, 100), HST_OK);
	assert_int_equal(log.calls.count, 100);
	assert_int_equal(log.dropped, 900);
	assert_int_equal(log.total, 100);
	assert_int_equal(log.total_cost, 100);
	hst_cache_log_finish(&log);
}

/* A sample that was thinned early has the same calls as one that was thinned late. */
static void test_sample_does_not_depend_on_when(void **state)
{
	struct hst_cache_log early = { 0 };
	struct hst_cache_log late = { 0 };
	struct hst_cache_calls these;
	struct hst_cache_calls those;

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		add(&early, call_at(i, 3, i % 7000, 0));
		add(&late, call_at(i, 3, i % 7000, 0));
		if (i % 100 == 0) {
			assert_int_equal(hst_cache_log_thin(&early, 1500), HST_OK);
		}
	}
	assert_int_equal(hst_cache_log_thin(&early, 1500), HST_OK);
	assert_int_equal(hst_cache_log_thin(&late, 1500), HST_OK);
	assert_int_equal(early.shift, late.shift);
	assert_int_equal(early.total, 20000);
	assert_int_equal(early.total_cost, 60000);
	assert_int_equal(early.calls.count, late.calls.count);
	these = calls_of(&early);
	those = calls_of(&late);
	assert_memory_equal(these.items, those.items, these.count * sizeof *these.items);
	free(these.items);
	free(those.items);
	hst_cache_log_finish(&early);
	hst_cache_log_finish(&late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_curve_of_random_keys),
		cmocka_unit_test(test_curve_of_adversaries),
		cmocka_unit_test(test_groups_have_caches_of_their_own),
		cmocka_unit_test(test_threads_and_processes_by_force),
		cmocka_unit_test(test_sample_of_zipf),
		cmocka_unit_test(test_sample_of_one_key),
		cmocka_unit_test(test_sample_does_not_depend_on_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
