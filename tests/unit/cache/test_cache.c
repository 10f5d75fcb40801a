/* SPDX-License-Identifier: Apache-2.0 */
/* The cache pass: contradictions, gains by hand and by force, rows within each other, times, kinds, hostile logs. */
#include "analyses.h"
#include <math.h>
#include <string.h>

#define NEAR(a, b) assert_true(fabs((double)(a) - (double)(b)) < 1e-6 * (1 + fabs((double)(b))))

/* A B A B A: with one entry no hits, with two three of 100 ns. */
static void test_gain_by_hand(void **state)
{
	struct hst_cache_log log = { 0 };
	struct hst_cache cache;
	const struct hst_cache_function *function;

	(void)state;
	for (uint64_t i = 0; i < 5; i++) {
		add(&log, call_at(i * 1000, i < 2 ? 500 : 100, i % 2, 7 + i % 2));
	}
	analyse(&log, 1, &cache);
	function = &cache.functions[0];
	assert_int_equal(function->calls, 5);
	assert_int_equal(function->distinct, 2);
	assert_int_equal(function->repeats, 3);
	assert_int_equal(function->verified, 3);
	assert_int_equal(function->contradicting, 0);
	assert_int_equal(function->purity, HST_CACHE_PURITY_OBSERVED);
	assert_int_equal(function->kind, HST_CACHE_KIND_EXACT);
	assert_false(function->use_shared);
	assert_int_equal(function->per_thread.capacity, 2);
	/* nothing for the first calls, which are the expensive ones: 3 x (100 - 10) - 2 x 20 */
	NEAR(function->per_thread.gain_ns, 230);
	NEAR(function->per_thread.saved_ns, 300);
	assert_int_equal(function->curve_count, 2);
	NEAR(function->curve[0].hit_ratio, 0);
	NEAR(function->curve[0].gain_ns, -100);
	NEAR(function->curve[1].hit_ratio, 0.6);
	NEAR(function->curve[1].gain_ns, 230);
	assert_true(function->per_thread.low_ns <= 230 && function->per_thread.high_ns >= 230);
	assert_int_equal(function->frequency[1], 2);
	finish(&log, 1, &cache);
}

/* Each text in the key takes 7 ns more in a lookup. */
static void test_lookups_of_texts(void **state)
{
	struct hst_cache_log logs[2] = { 0 };
	struct hst_cache cache;

	(void)state;
	logs[1].contents = 2;
	for (uint64_t i = 0; i < 40; i++) {
		add(&logs[0], call_at(i * 1000, 20, i % 2, 7));
		add(&logs[1], call_at(i * 1000 + 100, 20, i % 2, 7));
	}
	analyse(logs, 2, &cache);
	NEAR(of_row(&cache, 0)->per_thread.gain_ns, 38 * (20 - 10) - 2 * 20);
	NEAR(of_row(&cache, 1)->per_thread.gain_ns, 38 * (20 - 24) - 2 * 34);
	assert_int_equal(of_row(&cache, 1)->verdict, HST_CACHE_VERDICT_CHEAP);
	finish(logs, 2, &cache);
}

static void test_verdicts(void **state)
{
	struct hst_cache_log logs[4] = { 0 };
	struct hst_cache cache;

	(void)state;
	for (uint64_t i = 0; i < 400; i++) {
		add(&logs[0], call_at(i * 100000, 8, i % 2, 0));    /* 8 ns: a hit takes 10 */
		add(&logs[1], call_at(i * 100000 + 100, 50, i, i)); /* never the same */
		add(&logs[2], call_at(i * 100000 + 200, 12, i % 20 == 0 ? 1 : i + 2, 0));
		add(&logs[3], call_at(i * 100000 + 300, 5000, i % 4, i % 4)); /* good */
	}
	analyse(logs, 4, &cache);
	assert_int_equal(cache.functions[0].row, 3);
	assert_int_equal(of_row(&cache, 0)->verdict, HST_CACHE_VERDICT_CHEAP);
	assert_int_equal(of_row(&cache, 1)->verdict, HST_CACHE_VERDICT_UNIQUE);
	assert_int_equal(of_row(&cache, 2)->verdict, HST_CACHE_VERDICT_MISSES);
	assert_int_equal(of_row(&cache, 3)->verdict, HST_CACHE_VERDICT_WORTH);
	assert_int_equal(of_row(&cache, 3)->per_thread.capacity, 4);
	NEAR(of_row(&cache, 3)->per_thread.gain_ns, 396 * 4990 - 4 * 20);
	assert_true(of_row(&cache, 1)->per_thread.gain_ns < 0);
	assert_int_equal(of_row(&cache, 1)->kind, HST_CACHE_KIND_NONE);
	finish(logs, 4, &cache);
}

/* The smallest capacity with 95 % of the best gain, not the one with the best. */
static void test_capacity_is_the_smallest_good_one(void **state)
{
	struct hst_cache_log log = { 0 };
	struct hst_cache cache;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		add(&log, call_at(i * 1000, 500, i % 2, 0));
	}
	for (uint64_t i = 0; i < 30; i++) {
		add(&log, call_at(2000000 + i * 1000, 500, 100 + i % 15, 0));
	}
	analyse(&log, 1, &cache);
	assert_int_equal(cache.functions[0].per_thread.capacity, 2);
	assert_int_equal(cache.functions[0].per_thread.best_capacity, 15);
	assert_true(cache.functions[0].per_thread.gain_ns >=
		    0.95 * cache.functions[0].per_thread.best_ns);
	finish(&log, 1, &cache);
}

static void test_threads_and_sharing(void **state)
{
	static const uint32_t processes[] = { 0, 0, 1 };
	struct hst_cache_options options = stub_options;
	struct hst_cache_log log = { 0 };
	struct hst_cache cache;
	const struct hst_cache_function *function;

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		struct hst_cache_call call = call_at(i * 1000, 200, 9, 9);

		call.thread = (uint32_t)i;
		add(&log, call);
	}
	options.process_of = processes;
	options.thread_count = 3;
	assert_int_equal(hst_cache_analyse(&log, 1, &options, &cache), HST_OK);
	function = &cache.functions[0];
	assert_int_equal(function->threads, 3);
	assert_int_equal(function->distinct, 2); /* of two processes */
	/* each thread looks up once; sharing: the second one hits */
	NEAR(function->per_thread.gain_ns, -60);
	NEAR(function->shared.gain_ns, 200 - 15 - 2 * 25);
	assert_true(function->use_shared);
	finish(&log, 1, &cache);
}

#define BRUTE 2000u

/* Contradictions, results and times beside a search through all calls before. */
static void test_contradictions_by_force(void **state)
{
	static struct hst_cache_call calls[BRUTE];
	uint64_t random = 3;
	uint64_t contradicting = 0;
	uint64_t changes = 0;
	uint64_t verified = 0;
	uint64_t held = UINT64_MAX;
	struct hst_cache_log log = { 0 };
	struct hst_cache cache;

	(void)state;
	for (size_t i = 0; i < BRUTE; i++) {
		uint64_t key = next_random(&random) % 300;

		calls[i] = call_at(i * 10 + next_random(&random) % 5, 3, key,
			key % 3 == 0 ? next_random(&random) % 2 : key);
		calls[i].has_result = next_random(&random) % 10 != 0;
		add(&log, calls[i]);
	}
	for (size_t i = 0; i < BRUTE; i++) {
		size_t before = i;
		size_t since = i;
		bool changed_before = false;

		for (size_t j = i; calls[i].has_result != 0 && j-- > 0;) {
			if (calls[j].key != calls[i].key || calls[j].has_result == 0) {
				continue;
			}
			before = before == i ? j : before;
			changed_before |= calls[j].result != calls[before].result;
			since = changed_before ? since : j;
		}
		if (before == i) {
			continue;
		}
		verified += calls[before].result == calls[i].result;
		if (calls[before].result != calls[i].result) {
			uint64_t time = calls[i].start_ns - calls[since].start_ns;

			changes++;
			contradicting += !changed_before;
			held = time < held ? time : held;
		}
	}
	analyse(&log, 1, &cache);
	assert_true(contradicting > 20 && changes > contradicting);
	assert_int_equal(cache.functions[0].contradicting, contradicting);
	assert_int_equal(cache.functions[0].changes, changes);
	assert_int_equal(cache.functions[0].verified, verified);
	assert_int_equal(cache.functions[0].held_ns, held);
	assert_int_equal(cache.functions[0].purity, HST_CACHE_PURITY_REFUTED);
	assert_int_equal(cache.functions[0].contradiction_count, HST_CACHE_CONTRADICTIONS);
	finish(&log, 1, &cache);
}

static void test_ttl(void **state)
{
	/* key 1 holds 10 for 300 ns, then 20 for 100, then 30 */
	static const uint64_t rows[][2] = { { 0, 10 }, { 100, 10 }, { 200, 10 }, { 300, 20 },
		{ 350, 20 }, { 400, 30 }, { 900, 30 } };
	struct hst_cache_log log = { 0 };
	struct hst_cache cache;
	const struct hst_cache_function *function;

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		add(&log, call_at(rows[i][0], 40, 1, rows[i][1]));
	}
	analyse(&log, 1, &cache);
	function = &cache.functions[0];
	assert_int_equal(function->held_ns, 100);
	assert_int_equal(function->contradicting, 1);
	assert_int_equal(function->changes, 2);
	assert_int_equal(function->contradictions[0].before, 10);
	assert_int_equal(function->contradictions[0].after, 20);
	assert_int_equal(function->contradictions[0].before_ns, 200);
	assert_int_equal(function->contradictions[0].after_ns, 300);
	assert_int_equal(function->contradictions[0].held_ns, 300);
	/* 100 100 100 50 50 500 */
	assert_int_equal(function->reuse_p50_ns, 100);
	assert_int_equal(function->reuse_p95_ns, 500);
	/* each is fetched anew after 100 ns: 0, 100, 200, 300, 400 */
	assert_int_equal(function->stale, 0);
	assert_int_equal(function->verdict, HST_CACHE_VERDICT_EXPIRE);
	finish(&log, 1, &cache);
}

/* A result that is fetched anew late may be given out when it is old: such answers are counted. */
static void test_ttl_counts_wrong_answers(void **state)
{
	static const uint64_t rows[][2] = { { 0, 10 }, { 150, 10 }, { 200, 20 }, { 210, 20 } };
	struct hst_cache_log log = { 0 };
	struct hst_cache cache;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		add(&log, call_at(rows[i][0], 5, 1, rows[i][1]));
	}
	analyse(&log, 1, &cache);
	assert_int_equal(cache.functions[0].held_ns, 200);
	/* stored at 0, given out at 150 and at 199; at 200 and 210 it is stored anew: none is wrong */
	assert_int_equal(cache.functions[0].stale, 0);
	finish(&log, 1, &cache);
	add(&log, call_at(0, 5, 1, 10));
	add(&log, call_at(250, 5, 1, 10)); /* stored anew */
	add(&log, call_at(300, 5, 1, 20)); /* wrong: 10 */
	add(&log, call_at(449, 5, 1, 20)); /* wrong */
	add(&log, call_at(450, 5, 1, 20));
	add(&log, call_at(1000, 5, 2, 10));
	add(&log, call_at(1200, 5, 2, 20));
	analyse(&log, 1, &cache);
	assert_int_equal(cache.functions[0].held_ns, 200);
	assert_int_equal(cache.functions[0].stale, 2);
	finish(&log, 1, &cache);
}

/* g is called twice by each f; both repeat. What g saves, f does not save once more. */
static void test_rows_within_each_other(void **state)
{
	struct hst_cache_log logs[3] = { 0 };
	struct hst_cache cache;
	const struct hst_cache_function *f;
	const struct hst_cache_function *g;

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		add(&logs[0], call_at(i * 10000, 2600, i % 5, 1));   /* f: 5 repeats */
		add(&logs[1], call_at(i * 10000 + 100, 1000, 1, 1)); /* g: 19 repeats */
		add(&logs[1], call_at(i * 10000 + 1200, 1000, 1, 1));
		add(&logs[2], call_at(i * 10000 + 110, 900, i % 10, 1)); /* no repeats, within g */
	}
	analyse(logs, 3, &cache);
	g = of_row(&cache, 1);
	f = of_row(&cache, 0);
	assert_int_equal(cache.functions[0].row, 1);
	NEAR(g->alone_ns, 19 * 990 - 20);
	NEAR(hst_cache_plan_of(g)->gain_ns, 19 * 990 - 20);
	NEAR(f->alone_ns, 5 * 2590 - 5 * 20);
	/* 2600 - 2 x 990 = 620 are left of each */
	NEAR(hst_cache_plan_of(f)->gain_ns, 5 * 610 - 5 * 20);
	assert_int_equal(f->verdict == HST_CACHE_VERDICT_NESTED, 0);
	finish(logs, 3, &cache);
}

/* What is called for its effect alone has no gain to speak of, and must not take that of what it calls. */
static void test_calls_without_a_result_take_nothing(void **state)
{
	struct hst_cache_log logs[2] = { 0 };
	struct hst_cache cache;

	for (uint64_t i = 0; state != NULL && i < 20; i++) {
		struct hst_cache_call call = call_at(i * 10000, 5000, 0, 0);

		call.has_result = 0;
		add(&logs[0], call);
		add(&logs[1], call_at(i * 10000 + 100, 300, 1, 1));
	}
	analyse(logs, 2, &cache);
	assert_int_equal(of_row(&cache, 0)->verdict, HST_CACHE_VERDICT_UNSEEN);
	NEAR(of_row(&cache, 1)->per_thread.gain_ns, 19 * 290 - 20);
	finish(logs, 2, &cache);
}

/* The outer one is taken first: the inner calls in its hits are not made. */
static void test_inner_row_goes_with_the_outer(void **state)
{
	struct hst_cache_log logs[2] = { 0 };
	struct hst_cache cache;

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		add(&logs[0], call_at(i * 10000, 5000, 1, 1));
		add(&logs[1], call_at(i * 10000 + 100, 300, 1, 1));
	}
	analyse(logs, 2, &cache);
	assert_int_equal(cache.functions[0].row, 0);
	NEAR(of_row(&cache, 0)->per_thread.gain_ns, 19 * 4990 - 20);
	NEAR(of_row(&cache, 1)->alone_ns, 19 * 290 - 20);
	/* only the first call is made */
	NEAR(of_row(&cache, 1)->per_thread.gain_ns, -20);
	assert_int_equal(of_row(&cache, 1)->verdict, HST_CACHE_VERDICT_NESTED);
	assert_int_equal(of_row(&cache, 1)->repeats, 19);
	finish(logs, 2, &cache);
}

/* A result that changes must not take the gain of what it calls. */
static void test_refuted_row_takes_nothing(void **state)
{
	struct hst_cache_log logs[2] = { 0 };
	struct hst_cache cache;

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		add(&logs[0], call_at(i * 10000, 5000, 1, i));
		add(&logs[1], call_at(i * 10000 + 100, 300, 1, 1));
	}
	analyse(logs, 2, &cache);
	NEAR(of_row(&cache, 1)->per_thread.gain_ns, 19 * 290 - 20);
	NEAR(of_row(&cache, 0)->per_thread.gain_ns, 19 * (5000 - 290 - 10) - 20);
	assert_int_equal(of_row(&cache, 0)->verdict, HST_CACHE_VERDICT_EXPIRE);
	finish(logs, 2, &cache);
}

/* fib(n) with all its calls; 10 ns of its own each. Returns the cost. */
static uint64_t fib(struct hst_cache_log *log, uint64_t *clock, uint64_t n, uint16_t depth)
{
	struct hst_cache_call call = call_at(*clock, 0, n, n);
	uint64_t cost = 10;

	*clock += 5;
	if (n >= 2) {
		cost += fib(log, clock, n - 1, depth + 1);
		cost += fib(log, clock, n - 2, depth + 1);
	}
	*clock += 5;
	call.depth = depth;
	call.cost_ns = cost;
	call.end_ns = *clock;
	add(log, call);
	return cost;
}

static void test_overlapping_recursion(void **state)
{
	struct hst_cache_log log = { 0 };
	struct hst_cache cache;
	uint64_t clock = 0;
	uint64_t cost;
	const struct hst_cache_function *function;

	(void)state;
	cost = fib(&log, &clock, 16, 0);
	analyse(&log, 1, &cache);
	function = &cache.functions[0];
	assert_int_equal(function->kind, HST_CACHE_KIND_RECURSION);
	assert_int_equal(function->calls, 3193);
	assert_int_equal(function->distinct, 17);
	/* made are fib(16)..fib(0), once each, and fib(14)..fib(1) once more, as hits */
	NEAR(function->per_thread.best_ns, (double)cost - 17 * 10 - 14 * 10 - 17 * 20 + 0);
	finish(&log, 1, &cache);
}

/* Random trees of one function: gain of every power of two beside a walk that leaves out what is within hits. */
static double gain_by_force(
	const struct hst_cache_calls *calls, const uint32_t *distances, uint32_t capacity)
{
	uint64_t skip_to = 0;
	double gain = 0;

	for (size_t i = 0; i < calls->count; i++) {
		const struct hst_cache_call *call = &calls->items[i];

		if (call->start_ns < skip_to) {
			continue;
		}
		if (distances[i] != 0 && distances[i] <= capacity) {
			gain += (double)call->cost_ns - 10;
			skip_to = call->end_ns;
		} else {
			gain -= 20;
		}
	}
	return gain;
}

static uint64_t grow(struct hst_cache_log *log, uint64_t *random, uint64_t *clock, uint16_t depth)
{
	struct hst_cache_call call = call_at(*clock, 0, next_random(random) % 40, 0);
	uint64_t cost = 1 + next_random(random) % 60;

	*clock += 1;
	while (depth < 12 && next_random(random) % 10 < 4) {
		cost += grow(log, random, clock, depth + 1);
	}
	*clock += 1;
	call.depth = depth;
	call.cost_ns = cost;
	call.end_ns = *clock;
	add(log, call);
	return cost;
}

static void test_gain_of_recursion_by_force(void **state)
{
	struct hst_cache_log log = { 0 };
	struct hst_cache_calls calls;
	struct hst_cache cache;
	uint64_t random = 11;
	uint64_t clock = 0;
	uint32_t *numbers;
	uint32_t *distances;

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		(void)grow(&log, &random, &clock, 0);
		clock += 1;
	}
	/* They come as they end, and are wanted as they begin. */
	calls = calls_of(&log);
	numbers = calloc(calls.count, sizeof *numbers);
	distances = calloc(calls.count, sizeof *distances);
	for (size_t i = 0; i < calls.count; i++) {
		numbers[i] = (uint32_t)calls.items[i].key;
	}
	assert_int_equal(hst_cache_distances(numbers, NULL, calls.count, 40, 1, distances), HST_OK);
	analyse(&log, 1, &cache);
	assert_int_equal(cache.functions[0].curve_count, 7);
	for (uint32_t i = 0; i < cache.functions[0].curve_count; i++) {
		NEAR(cache.functions[0].curve[i].gain_ns,
			gain_by_force(&calls, distances, 1u << i));
	}
	NEAR(cache.functions[0].per_thread.gain_ns,
		gain_by_force(&calls, distances, (uint32_t)cache.functions[0].per_thread.capacity));
	free(numbers);
	free(distances);
	free(calls.items);
	finish(&log, 1, &cache);
}

static void test_kinds(void **state)
{
	struct hst_cache_log logs[4] = { 0 };
	struct hst_cache cache;

	(void)state;
	for (uint64_t i = 0; i < 200; i++) {
		add(&logs[0],
			call_at(i * 1000000, 100, i / 20, i / 20)); /* each key 20 times in a row */
		add(&logs[1], call_at(i * 1000000 + 200, 100, i, 5)); /* always 5 */
		add(&logs[3], call_at(i * 1000000 + 900, 100, i % 50, i % 50));
	}
	for (uint64_t i = 0; i < 3; i++) {
		struct hst_cache_call call = call_at(i * 1000000 + 500, 150000, 4, 4);

		assert_int_equal(hst_cache_log_add(&logs[2], &call, i), HST_OK);
	}
	logs[3].declared = true;
	analyse(logs, 4, &cache);
	assert_int_equal(of_row(&cache, 0)->kind, HST_CACHE_KIND_LAST);
	assert_int_equal(of_row(&cache, 1)->kind, HST_CACHE_KIND_CONSTANT);
	assert_int_equal(of_row(&cache, 2)->kind, HST_CACHE_KIND_INIT);
	assert_int_equal(of_row(&cache, 3)->kind, HST_CACHE_KIND_EXACT);
	assert_int_equal(of_row(&cache, 3)->purity, HST_CACHE_PURITY_DECLARED);
	assert_int_equal(of_row(&cache, 1)->purity, HST_CACHE_PURITY_UNKNOWN);
	finish(logs, 4, &cache);
}

/* Times, keys, depths and threads that no recorder writes: no crash, no figure that is no number. */
static void test_hostile_logs(void **state)
{
	static const uint64_t odd[] = { 0, 1, UINT64_MAX, UINT64_MAX - 1, 1ull << 63, 12345 };
	struct hst_cache_log logs[4] = { 0 };
	struct hst_cache cache;
	uint64_t random = 99;

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		struct hst_cache_call call = {
			.key = odd[next_random(&random) % 6],
			.result = odd[next_random(&random) % 6],
			.has_result = (uint8_t)next_random(&random),
			.depth = (uint16_t)next_random(&random),
			.thread = next_random(&random) % 3 == 0
					  ? UINT32_MAX
					  : (uint32_t)(next_random(&random) % 70000),
			.start_ns = odd[next_random(&random) % 6],
			.end_ns = odd[next_random(&random) % 6],
			.cost_ns = odd[next_random(&random) % 6],
		};

		add(&logs[i % 3], call);
	}
	analyse(logs, 4, &cache);
	for (size_t i = 0; i < cache.count; i++) {
		const struct hst_cache_plan *plan = hst_cache_plan_of(&cache.functions[i]);

		assert_true(isfinite(plan->gain_ns) && isfinite(plan->low_ns) &&
			    isfinite(plan->high_ns));
		assert_true(cache.functions[i].curve_count <= HST_CACHE_POWERS);
	}
	/* and one without calls */
	assert_int_equal(of_row(&cache, 3)->calls, 0);
	assert_int_equal(of_row(&cache, 3)->verdict, HST_CACHE_VERDICT_UNIQUE);
	finish(logs, 4, &cache);
}

static void test_costs_of_this_machine(void **state)
{
	const struct hst_cache_costs *costs = hst_cache_measure();

	(void)state;
	assert_ptr_equal(costs, hst_cache_measure());
	assert_true(costs->count > 0 && costs->count <= HST_CACHE_COSTS);
	for (uint32_t i = 0; i < costs->count; i++) {
		assert_true(costs->steps[i].hit_ns > 0 && costs->steps[i].miss_ns > 0);
		assert_true(i == 0 || costs->steps[i].capacity > costs->steps[i - 1].capacity);
	}
	assert_true(costs->shared_ns >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gain_by_hand),
		cmocka_unit_test(test_lookups_of_texts),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_capacity_is_the_smallest_good_one),
		cmocka_unit_test(test_threads_and_sharing),
		cmocka_unit_test(test_contradictions_by_force),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_ttl_counts_wrong_answers),
		cmocka_unit_test(test_rows_within_each_other),
		cmocka_unit_test(test_calls_without_a_result_take_nothing),
		cmocka_unit_test(test_inner_row_goes_with_the_outer),
		cmocka_unit_test(test_refuted_row_takes_nothing),
		cmocka_unit_test(test_overlapping_recursion),
		cmocka_unit_test(test_gain_of_recursion_by_force),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_hostile_logs),
		cmocka_unit_test(test_costs_of_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
