/* SPDX-License-Identifier: Apache-2.0 */
/* Known values (scipy 1.10.1, or counted in Python over all arrangements), and how often an interval has the truth in it. */
#include "plan/verify_stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NEAR         1e-12

static const double slow[] = { 19.8, 22.4, 20.1, 25.7, 21.3, 23.9, 20.7 };
static const double fast[] = { 18.2, 17.9, 21.0, 19.1, 16.4, 20.4, 18.8, 19.5 };

static struct hst_mann_whitney test_of(
	const double *a, size_t a_count, const double *b, size_t b_count)
{
	struct hst_mann_whitney test;

	assert_int_equal(hst_stats_mann_whitney(a, a_count, b, b_count, &test), HST_OK);
	return test;
}

static struct hst_ratio ratio_of(
	const double *a, size_t a_count, const double *b, size_t b_count, uint64_t seed)
{
	struct hst_ratio ratio;

	assert_int_equal(hst_stats_ratio(a, a_count, b, b_count, seed, &ratio), HST_OK);
	return ratio;
}

static void test_stats_median_of_few_and_many(void **state)
{
	static const double values[] = { 5, 1, 4, 2, 9, 7 };
	double many[HST_STATS_COUNT_MAX];

	(void)state;
	assert_true(isnan(hst_stats_median(values, 0)) && isnan(hst_stats_minimum(values, 0)));
	assert_float_equal(hst_stats_minimum(values, 6), 1, NEAR);
	assert_float_equal(hst_stats_median(values, 1), 5, NEAR);
	assert_float_equal(hst_stats_median(values, 2), 3, NEAR);
	assert_float_equal(hst_stats_median(values, 5), 4, NEAR);
	assert_float_equal(hst_stats_median(values, 6), 4.5, NEAR);
	assert_float_equal(hst_stats_mad(values, 6), 2.5, NEAR);
	for (size_t count = 1; count <= HST_STATS_COUNT_MAX; count++) {
		size_t low = (count - 1) / 2;
		size_t high = count / 2;

		/* 0, 1, ..., count - 1, mixed: 7919 is prime. */
		for (size_t i = 0; i < count; i++) {
			many[i] = (double)(i * 7919 % count);
		}
		assert_float_equal(hst_stats_median(many, count), (double)(low + high) / 2, NEAR);
		/* Few different ones. */
		for (size_t i = 0; i < count; i++) {
			size_t group = i * 7919 % count / 50;

			many[i] = (double)group;
		}
		low /= 50;
		high /= 50;
		assert_float_equal(hst_stats_median(many, count), (double)(low + high) / 2, NEAR);
	}
}

static void test_stats_mann_whitney_exact(void **state)
{
	static const double low[] = { 1.1, 2.2, 3.3, 4.4, 5.5 };
	static const double high[] = { 6, 7, 8, 9, 10 };
	double a[HST_STATS_EXACT_MAX];
	double b[HST_STATS_EXACT_MAX];
	struct hst_mann_whitney test = test_of(low, 5, high, 5);

	(void)state;
	assert_true(test.exact);
	assert_float_equal(test.u, 0, NEAR);
	assert_float_equal(test.p, 0.007936507936507936, NEAR);
	assert_float_equal(test_of(high, 5, low, 5).p, 0.007936507936507936, NEAR);
	assert_float_equal(test_of(low, 4, high, 4).p, 2.0 / 70, NEAR);
	test = test_of(slow, COUNT(slow), fast, COUNT(fast));
	assert_true(test.exact);
	assert_float_equal(test.u, 51, NEAR);
	assert_float_equal(test.p, 0.005905205905205905, NEAR);
	for (unsigned i = 0; i < HST_STATS_EXACT_MAX; i++) {
		a[i] = i * 37 % 101 + 0.5;
		b[i] = i * 53 % 103 + 6.25;
	}
	test = test_of(a, HST_STATS_EXACT_MAX, b, HST_STATS_EXACT_MAX);
	assert_true(test.exact);
	assert_float_equal(test.u, 1217, NEAR);
	assert_float_equal(test.p, 0.823494724043937, NEAR);
}

static void test_stats_mann_whitney_approximated(void **state)
{
	static const double tied_a[] = { 3, 4, 4, 5, 5, 5, 6, 7, 8, 8 };
	static const double tied_b[] = { 2, 3, 3, 4, 4, 5, 5, 6, 6 };
	static const double same[] = { 2, 2, 2, 2 };
	double a[60];
	double b[55];
	struct hst_mann_whitney test = test_of(tied_a, COUNT(tied_a), tied_b, COUNT(tied_b));

	(void)state;
	assert_false(test.exact);
	assert_float_equal(test.u, 63, NEAR);
	assert_float_equal(test.p, 0.145958578419918, NEAR);
	for (unsigned i = 0; i < COUNT(a); i++) {
		a[i] = i * 37 % 101 + 0.5;
	}
	for (unsigned i = 0; i < COUNT(b); i++) {
		b[i] = i * 53 % 103 + 6.25;
	}
	test = test_of(a, COUNT(a), b, COUNT(b));
	assert_false(test.exact);
	assert_float_equal(test.u, 1556, NEAR);
	assert_float_equal(test.p, 0.6006267004560071, NEAR);
	assert_float_equal(test_of(same, 4, same, 4).p, 1, NEAR);
	assert_float_equal(test_of(same, 0, same, 4).p, 1, NEAR);
	assert_float_equal(test_of(same, 1, tied_b, 1).p, 1, NEAR);
}

static void test_stats_ratio_of_ranks(void **state)
{
	static const double three[] = { 1, 2, 3 };
	struct hst_ratio ratio = ratio_of(slow, COUNT(slow), fast, COUNT(fast), 1);

	(void)state;
	assert_float_equal(ratio.ratio, 0.8745889650233336, NEAR);
	/* The interval of the ranks is 0.7700 to 0.9577; the other one may be wider, never make it narrower. */
	assert_true(
		ratio.low <= 0.7699530516431923 + NEAR && ratio.high >= 0.9577464788732393 - NEAR);
	assert_true(ratio.boot_low >= ratio.low && ratio.boot_high <= ratio.high);
	assert_true(ratio.boot_low > 0.75 && ratio.boot_low < ratio.ratio);
	assert_true(ratio.boot_high < 0.98 && ratio.boot_high > ratio.ratio);
	/* Three of each cannot have an interval of 95 %. */
	ratio = ratio_of(three, 3, three, 3, 1);
	assert_float_equal(ratio.ratio, 1, NEAR);
	assert_true(!(ratio.low > 0) && isinf(ratio.high));
	assert_int_equal(hst_stats_ratio(three, 0, three, 3, 1, &ratio), HST_E_EMPTY);
	assert_int_equal(hst_stats_ratio_paired(three, three, 0, 1, &ratio), HST_E_EMPTY);
}

static void test_stats_ratio_paired(void **state)
{
	static const double before[] = { 10.2, 11.5, 9.8, 12.1, 10.9, 11.1, 10.4, 9.9 };
	static const double after[] = { 7.9, 8.4, 8.1, 9.0, 8.6, 8.2, 8.3, 8.0 };
	struct hst_ratio ratio;

	(void)state;
	assert_int_equal(hst_stats_ratio_paired(before, after, 8, 1, &ratio), HST_OK);
	assert_float_equal(ratio.ratio, 0.7748924735272437, NEAR);
	assert_true(
		ratio.low <= 0.7387387387387388 + NEAR && ratio.high >= 0.8080808080808079 - NEAR);
	assert_true(ratio.low > 0.72 && ratio.high < 0.83);
}

/* The same seed, the same interval; another one, a little other. */
static void test_stats_ratio_is_repeatable(void **state)
{
	struct hst_ratio one = ratio_of(slow, COUNT(slow), fast, COUNT(fast), 7);
	struct hst_ratio two = ratio_of(slow, COUNT(slow), fast, COUNT(fast), 7);
	struct hst_ratio three = ratio_of(slow, COUNT(slow), fast, COUNT(fast), 8);

	(void)state;
	assert_memory_equal(&one, &two, sizeof one);
	assert_true(fabs(one.boot_low - three.boot_low) < 0.02);
}

static uint64_t random_state;

static double uniform(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return ((double)(random_state >> 11) + 0.5) / 9007199254740992.0;
}

/* Times: mostly close together, some much longer. `scale` times as long. */
static void times(double *values, size_t count, double scale)
{
	for (size_t i = 0; i < count; i++) {
		values[i] = scale *
			    exp(0.05 * sqrt(-2 * log(uniform())) * cos(6.283185307 * uniform()));
		values[i] *= uniform() < 0.1 ? 1 + uniform() : 1;
	}
}

struct coverage {
	unsigned boot, whole, paired;
};

static struct coverage coverage_of(size_t count, unsigned trials)
{
	struct coverage covered = { 0 };
	double a[HST_STATS_COUNT_MAX];
	double b[HST_STATS_COUNT_MAX];

	for (unsigned trial = 0; trial < trials; trial++) {
		struct hst_ratio ratio;

		times(a, count, 3);
		times(b, count, 3 * 0.8);
		ratio = ratio_of(a, count, b, count, trial);
		covered.boot += ratio.boot_low <= 0.8 && 0.8 <= ratio.boot_high;
		covered.whole += ratio.low <= 0.8 && 0.8 <= ratio.high;
		assert_int_equal(hst_stats_ratio_paired(a, b, count, trial, &ratio), HST_OK);
		covered.paired += ratio.low <= 0.8 && 0.8 <= ratio.high;
	}
	return covered;
}

/* Of 500 trials 475 should have it; three standard deviations (4.9) below are borne. */
static void test_stats_interval_has_the_truth_in_it(void **state)
{
	struct coverage covered;

	(void)state;
	random_state = 42;
	covered = coverage_of(12, 500);
	print_message("12 values: %u %u %u of 500\n", covered.boot, covered.whole, covered.paired);
	assert_true(covered.boot >= 460 && covered.boot <= 495);
	assert_true(covered.whole >= 460 && covered.whole <= 495);
	assert_true(covered.paired >= 460);
	covered = coverage_of(6, 500);
	print_message("6 values: %u %u %u of 500\n", covered.boot, covered.whole, covered.paired);
	assert_true(covered.whole >= 460 && covered.paired >= 460);
}

/* Of two samples alike, at most one in a hundred has a p of 0.01 or less. */
static void test_stats_p_is_a_probability(void **state)
{
	double a[10];
	double b[10];
	unsigned small = 0;

	(void)state;
	random_state = 43;
	for (unsigned trial = 0; trial < 5000; trial++) {
		times(a, COUNT(a), 1);
		times(b, COUNT(b), 1);
		small += test_of(a, COUNT(a), b, COUNT(b)).p <= 0.01;
	}
	print_message("p <= 0.01: %u of 5000\n", small);
	assert_in_range(small, 25, 71);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stats_median_of_few_and_many),
		cmocka_unit_test(test_stats_mann_whitney_exact),
		cmocka_unit_test(test_stats_mann_whitney_approximated),
		cmocka_unit_test(test_stats_ratio_of_ranks),
		cmocka_unit_test(test_stats_ratio_paired),
		cmocka_unit_test(test_stats_ratio_is_repeatable),
		cmocka_unit_test(test_stats_interval_has_the_truth_in_it),
		cmocka_unit_test(test_stats_p_is_a_probability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
