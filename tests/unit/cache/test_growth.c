/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of growth: fits of curves whose law is known, and of recursions that are walked here. */
#include "analyses.h"
#include "passes/cache_growth.h"
#include <math.h>

#define TREES 30u

static void fill(struct hst_cache_tree *trees, double (*calls)(double), double (*keys)(double))
{
	for (uint32_t i = 0; i < TREES; i++) {
		double levels = 10 + i;

		trees[i] = (struct hst_cache_tree){ 10 + i, (uint64_t)llround(calls(levels)),
			(uint64_t)llround(keys(levels)) };
	}
}

static double doubles(double n)
{
	return pow(2, n);
}

/* binomial(n, n/2) */
static double doubles_nearly(double n)
{
	return pow(2, n) / sqrt(n);
}

static double cube(double n)
{
	return n * n * n;
}

static double square(double n)
{
	return n * n;
}

static double line(double n)
{
	return 3 * n + 2;
}

static double log_power(double n)
{
	return pow(n, log(n));
}

static double root_power(double n)
{
	return 1000 * pow(3, sqrt(n));
}

static double factorial(double n)
{
	return tgamma(n < 15 ? n : 15) * pow(n, 3);
}

static double grows_by_half(double n)
{
	return 100 * pow(1.5, n);
}

static double slows_down(double n)
{
	return n < 22 ? pow(1.5, n) : pow(1.5, 22) + n;
}

static struct hst_cache_growth grow_calls(double (*calls)(double))
{
	struct hst_cache_tree trees[TREES];
	struct hst_cache_growth growth = { 0 };

	fill(trees, calls, line);
	assert_int_equal(hst_cache_fit_calls(trees, TREES, &growth), HST_OK);
	return growth;
}

static struct hst_cache_growth grow_keys(double (*keys)(double))
{
	struct hst_cache_tree trees[TREES];
	struct hst_cache_growth growth = { 0 };

	fill(trees, doubles, keys);
	assert_int_equal(hst_cache_fit_calls(trees, TREES, &growth), HST_OK);
	assert_int_equal(hst_cache_fit_keys(trees, TREES, &growth), HST_OK);
	return growth;
}

static void test_factor_of_calls(void **state)
{
	struct hst_cache_growth growth = grow_calls(doubles);

	(void)state;
	assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
	assert_true(fabs(growth.factor - 2) < 1e-9 && growth.calls_fit > 0.999999);
	assert_int_equal(growth.trees, TREES);
	assert_int_equal(growth.least, 10);
	assert_int_equal(growth.most, 39);
	growth = grow_calls(doubles_nearly);
	assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
	assert_true(growth.factor > 1.9 && growth.factor < 2);
}

static void test_calls_without_a_factor(void **state)
{
	double (*const curves[])(
		double) = { cube, line, log_power, root_power, slows_down, factorial };

	(void)state;
	for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
		assert_int_equal(grow_calls(curves[i]).state, HST_CACHE_GROWTH_CALLS);
	}
}

static void test_few_points(void **state)
{
	struct hst_cache_tree trees[TREES];
	struct hst_cache_growth growth = { 0 };

	(void)state;
	fill(trees, doubles, line);
	assert_int_equal(hst_cache_fit_calls(trees, 5, &growth), HST_OK);
	assert_int_equal(growth.state, HST_CACHE_GROWTH_FEW);
	assert_int_equal(hst_cache_fit_calls(trees, 0, &growth), HST_OK);
	assert_int_equal(growth.state, HST_CACHE_GROWTH_FEW);
	assert_int_equal(hst_cache_fit_calls(trees, 6, &growth), HST_OK);
	assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
}

static void test_power_of_keys(void **state)
{
	double (*const curves[])(double) = { line, square, cube };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct hst_cache_growth growth = grow_keys(curves[i]);

		assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
		assert_int_equal(growth.power, i + 1);
		assert_true(growth.keys_fit > 0.9999);
	}
}

static void test_factor_of_keys(void **state)
{
	struct hst_cache_growth growth = grow_keys(grows_by_half);

	(void)state;
	assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
	assert_int_equal(growth.power, 0);
	assert_true(fabs(growth.keys_factor - 1.5) < 1e-3);
	assert_int_equal(grow_keys(doubles).state, HST_CACHE_GROWTH_SAME);
	assert_int_equal(grow_keys(doubles_nearly).state, HST_CACHE_GROWTH_SAME);
	assert_int_equal(grow_keys(slows_down).state, HST_CACHE_GROWTH_KEYS);
}

/* One recursion at a time, in a thread; 10 ns each. */
struct walk {
	struct hst_cache_log log;
	uint64_t clock;
	uint32_t thread;
	uint16_t depth;
};

static struct hst_cache_call begin_call(struct walk *walk, uint64_t key)
{
	struct hst_cache_call call = call_at(walk->clock, 0, key, key);

	walk->clock += 5;
	call.thread = walk->thread;
	call.depth = walk->depth++;
	return call;
}

static void end_call(struct walk *walk, struct hst_cache_call call)
{
	walk->depth--;
	walk->clock += 5;
	call.end_ns = walk->clock;
	call.cost_ns = call.end_ns - call.start_ns;
	add(&walk->log, call);
}

static void fib(struct walk *walk, uint64_t n)
{
	struct hst_cache_call call = begin_call(walk, n);

	if (n >= 2) {
		fib(walk, n - 1);
		fib(walk, n - 2);
	}
	end_call(walk, call);
}

static void binomial(struct walk *walk, uint64_t n, uint64_t k)
{
	struct hst_cache_call call = begin_call(walk, n * 100 + k);

	if (k != 0 && k != n) {
		binomial(walk, n - 1, k - 1);
		binomial(walk, n - 1, k);
	}
	end_call(walk, call);
}

static void halves(struct walk *walk, uint64_t from, uint64_t to)
{
	struct hst_cache_call call = begin_call(walk, from << 32 | to);

	if (to - from > 1) {
		halves(walk, from, (from + to) / 2);
		halves(walk, (from + to) / 2, to);
	}
	end_call(walk, call);
}

static void linear(struct walk *walk, uint64_t n)
{
	struct hst_cache_call call = begin_call(walk, n);

	if (n != 0) {
		linear(walk, n - 1);
	}
	end_call(walk, call);
}

static uint64_t ackermann(struct walk *walk, uint64_t m, uint64_t n)
{
	struct hst_cache_call call = begin_call(walk, m << 32 | n);
	uint64_t result = m == 0   ? n + 1
			  : n == 0 ? ackermann(walk, m - 1, 1)
				   : ackermann(walk, m - 1, ackermann(walk, m, n - 1));

	end_call(walk, call);
	return result;
}

static struct hst_cache_growth growth_of(struct walk *walk)
{
	struct hst_cache cache;
	struct hst_cache_growth growth;

	analyse(&walk->log, 1, &cache);
	assert_int_equal(cache.functions[0].kind, HST_CACHE_KIND_RECURSION);
	growth = cache.functions[0].growth;
	finish(&walk->log, 1, &cache);
	return growth;
}

static void test_fibonacci(void **state)
{
	struct walk walk = { 0 };
	struct hst_cache_growth growth;

	(void)state;
	fib(&walk, 20);
	growth = growth_of(&walk);
	assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
	assert_true(fabs(growth.factor - 1.618) < 0.01);
	assert_int_equal(growth.power, 1);
	assert_false(growth.outermost);
	assert_int_equal(growth.most, 20);
}

/* Calls of several sizes say it themselves. */
static void test_outermost_calls(void **state)
{
	struct walk walk = { 0 };
	struct hst_cache_growth growth;

	(void)state;
	for (uint64_t n = 18; n > 2; n--) {
		fib(&walk, n);
	}
	growth = growth_of(&walk);
	assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
	assert_true(growth.outermost);
	assert_true(fabs(growth.factor - 1.618) < 0.01);
	assert_int_equal(growth.power, 1);
}

static void test_square(void **state)
{
	struct walk walk = { 0 };
	struct hst_cache_growth growth;

	(void)state;
	binomial(&walk, 16, 8);
	growth = growth_of(&walk);
	assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
	assert_true(growth.factor > 1.85 && growth.factor < 2.05);
	assert_int_equal(growth.power, 2);
}

/* Two threads whose calls come by turns: each has trees of its own. */
static void test_threads(void **state)
{
	struct walk walk = { 0 };
	struct hst_cache_growth growth;

	(void)state;
	for (uint64_t n = 4; n < 17; n++) {
		walk.clock = n << 20;
		walk.thread = 0;
		fib(&walk, n);
		walk.clock = (n << 20) + 2;
		walk.thread = 1;
		linear(&walk, n / 2);
	}
	growth = growth_of(&walk);
	assert_int_equal(growth.state, HST_CACHE_GROWTH_KNOWN);
	assert_true(fabs(growth.factor - 1.618) < 0.02);
}

static void test_no_class(void **state)
{
	struct walk walk = { 0 };

	(void)state;
	/* no overlap within a call: the same calls ten times */
	for (uint64_t i = 0; i < 10; i++) {
		halves(&walk, 0, 1024);
	}
	assert_int_equal(growth_of(&walk).state, HST_CACHE_GROWTH_SAME);
	walk = (struct walk){ 0 };
	for (uint64_t n = 1; n < 60; n++) {
		linear(&walk, n);
	}
	assert_int_equal(growth_of(&walk).state, HST_CACHE_GROWTH_CALLS);
	walk = (struct walk){ 0 };
	(void)ackermann(&walk, 3, 4);
	assert_int_equal(growth_of(&walk).state, HST_CACHE_GROWTH_CALLS);
	walk = (struct walk){ 0 };
	fib(&walk, 7);
	assert_int_equal(growth_of(&walk).state, HST_CACHE_GROWTH_FEW);
}

static void test_sampled(void **state)
{
	struct hst_cache_options options = stub_options;
	struct walk walk = { 0 };
	struct hst_cache cache;

	(void)state;
	fib(&walk, 20);
	options.log_max = 5000;
	assert_int_equal(hst_cache_analyse(&walk.log, 1, &options, &cache), HST_OK);
	assert_int_equal(cache.functions[0].growth.state, HST_CACHE_GROWTH_SAMPLED);
	finish(&walk.log, 1, &cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_factor_of_calls),
		cmocka_unit_test(test_calls_without_a_factor),
		cmocka_unit_test(test_few_points),
		cmocka_unit_test(test_power_of_keys),
		cmocka_unit_test(test_factor_of_keys),
		cmocka_unit_test(test_fibonacci),
		cmocka_unit_test(test_outermost_calls),
		cmocka_unit_test(test_square),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_no_class),
		cmocka_unit_test(test_sampled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
