/* SPDX-License-Identifier: Apache-2.0 */
/* From times of runs that are made up to the verdict and its reason. */
#include "plan/verify.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB UINT64_C(1048576)

static struct hst_verify_result result;

/* One arm: its times, in ms, and how they scatter. */
struct times {
	double wall, cpu;
	double scatter; /* 0.01: up to 1 % around it */
	double swing;   /* 0.1: every other run has so much more wall time */
	double single, queued;
};

static void fill(size_t arm, size_t count, struct times times)
{
	struct hst_verify_samples *samples = &result.arms[arm];

	for (size_t i = 0; i < count; i++) {
		/* Spread evenly, in an order that has nothing to do with even and odd. */
		double off = times.scatter * ((double)(i * 7 % count) / (double)count * 2 - 1);
		struct hst_verify_sample *sample = &samples->items[i];

		sample->cpu_ns = times.cpu * 1e6 * (1 + off);
		sample->wall_ns = times.wall * 1e6 * (1 + off) * (i % 2 == 0 ? 1 : 1 + times.swing);
		sample->queued_ns = sample->wall_ns - sample->cpu_ns - times.queued * 1e6;
		sample->thread_cpu_ns = sample->cpu_ns * times.single;
	}
	samples->count = count;
	samples->peak_bytes = 10 * MIB;
	result.pairs = (uint32_t)count;
}

static enum hst_verify_reason decide(size_t count, struct times base, struct times plan)
{
	memset(&result, 0, sizeof result);
	fill(HST_VERIFY_BASE, count, base);
	fill(HST_VERIFY_PLAN, count, plan);
	assert_int_equal(hst_verify_decide(1, &result), HST_OK);
	assert_true(result.compared);
	assert_int_equal(result.verdict, hst_verify_verdict_of(result.reason));
	return result.reason;
}

/* A program of one thread that does not wait. */
static struct times quiet(double ms, double scatter)
{
	return (struct times){ .wall = ms, .cpu = ms, .scatter = scatter, .single = 1 };
}

static void test_decide_faster(void **state)
{
	(void)state;
	assert_int_equal(decide(12, quiet(100, 0.01), quiet(25, 0.01)), HST_VERIFY_BECAUSE_FASTER);
	assert_float_equal(result.wall.ratio.ratio, 0.25, 0.001);
	assert_int_equal(result.verdict, HST_VERIFY_ACCEPTED);
	/* Five pairs can show it. */
	assert_int_equal(decide(5, quiet(100, 0.02), quiet(1, 0.02)), HST_VERIFY_BECAUSE_FASTER);
	assert_float_equal(result.wall.test.p, 2.0 / 252, 1e-12);
	assert_int_equal(
		decide(20, quiet(100, 0.005), quiet(96, 0.005)), HST_VERIFY_BECAUSE_FASTER);
}

static void test_decide_not_faster(void **state)
{
	(void)state;
	assert_int_equal(
		decide(12, quiet(100, 0.002), quiet(100, 0.002)), HST_VERIFY_BECAUSE_NOT_FASTER);
	assert_int_equal(result.verdict, HST_VERIFY_REJECTED);
	/* A half percent is certain here, but below what counts. */
	assert_int_equal(
		decide(20, quiet(100, 0.001), quiet(99.5, 0.001)), HST_VERIFY_BECAUSE_NOT_FASTER);
	assert_true(result.wall.test.p <= 0.01);
	assert_int_equal(decide(12, quiet(100, 0.01), quiet(110, 0.01)), HST_VERIFY_BECAUSE_SLOWER);
	/* A little slower is not faster. */
	assert_int_equal(
		decide(12, quiet(100, 0.001), quiet(100.5, 0.001)), HST_VERIFY_BECAUSE_NOT_FASTER);
}

static void test_decide_uncertain(void **state)
{
	(void)state;
	/* Three percent less, if it is not chance. */
	assert_int_equal(
		decide(8, quiet(100, 0.05), quiet(97, 0.05)), HST_VERIFY_BECAUSE_UNCERTAIN);
	assert_int_equal(result.verdict, HST_VERIFY_INCONCLUSIVE);
}

static void test_decide_noise_floor(void **state)
{
	struct times base = quiet(100, 0.001);
	struct times plan = quiet(95, 0.001);

	(void)state;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_FASTER);
	/* The baseline differs from itself by more than it differs from the plan. */
	base.swing = 0.12;
	base.single = 0.5;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_NOISE);
	assert_float_equal(result.wall.same, 0.12, 0.002);
	assert_float_equal(result.wall.floor, result.wall.same, 1e-12);
	/* A large gain is one all the same. */
	plan.wall = plan.cpu = 20;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_FASTER);
}

/* CPU time decides only where it is what the program takes. */
static void test_decide_by_cpu_time(void **state)
{
	struct times base = { .wall = 100, .cpu = 90, .scatter = 0.001, .swing = 0.3, .single = 1 };
	struct times plan = { .wall = 100, .cpu = 70, .scatter = 0.001, .swing = 0.3, .single = 1 };

	(void)state;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_FASTER_CPU);
	assert_int_equal(result.verdict, HST_VERIFY_ACCEPTED);
	assert_true(result.single && result.busy);
	/* Two threads. */
	plan.single = 0.6;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_NOISE);
	assert_true(!result.single && result.busy);
	/* It waits for something else than a CPU. */
	plan.single = 1;
	plan.queued = 30;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_NOISE);
	assert_false(result.busy);
	/* Not known. */
	plan.queued = (double)NAN;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_NOISE);
	/* Then chance may be in wall time as much as it likes. */
	plan.queued = 0;
	plan.wall = 60;
	plan.cpu = 90;
	plan.swing = 0;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_NOT_FASTER);
	assert_true(result.by_cpu && result.wall.ratio.high < 1 - result.wall.floor);
	plan.wall = 100;
	plan.cpu = 70;
	/* Wall time that is no noise decides alone. */
	plan.queued = 0;
	base.swing = plan.swing = 0;
	assert_int_equal(decide(12, base, plan), HST_VERIFY_BECAUSE_NOT_FASTER);
}

static enum hst_verify_reason decide_with_peaks(uint64_t base, uint64_t plan)
{
	memset(&result, 0, sizeof result);
	fill(HST_VERIFY_BASE, 6, quiet(100, 0.01));
	fill(HST_VERIFY_PLAN, 6, quiet(10, 0.01));
	result.arms[HST_VERIFY_BASE].peak_bytes = base;
	result.arms[HST_VERIFY_PLAN].peak_bytes = plan;
	assert_int_equal(hst_verify_decide(1, &result), HST_OK);
	return result.reason;
}

static void test_decide_memory(void **state)
{
	(void)state;
	assert_int_equal(decide_with_peaks(100 * MIB, 114 * MIB), HST_VERIFY_BECAUSE_FASTER);
	assert_int_equal(result.peak_limit_bytes, 114 * MIB);
	assert_int_equal(decide_with_peaks(100 * MIB, 114 * MIB + 4096), HST_VERIFY_BECAUSE_MEMORY);
	assert_int_equal(result.verdict, HST_VERIFY_REJECTED);
	assert_int_equal(decide_with_peaks(0, 4 * MIB), HST_VERIFY_BECAUSE_FASTER);
	assert_int_equal(decide_with_peaks(1 << 30, 1 << 20), HST_VERIFY_BECAUSE_FASTER);
}

/* Each reason has a word of its own. */
static void test_decide_words(void **state)
{
	(void)state;
	for (int i = 0; i <= HST_VERIFY_BECAUSE_INTERRUPTED; i++) {
		const char *word = hst_verify_reason_word((enum hst_verify_reason)i);

		for (int j = 0; j < i; j++) {
			assert_string_not_equal(
				word, hst_verify_reason_word((enum hst_verify_reason)j));
		}
	}
	assert_string_equal(hst_verify_verdict_word(HST_VERIFY_ACCEPTED), "accepted");
	assert_string_equal(hst_verify_verdict_word(HST_VERIFY_INCONCLUSIVE), "inconclusive");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide_faster),
		cmocka_unit_test(test_decide_not_faster),
		cmocka_unit_test(test_decide_uncertain),
		cmocka_unit_test(test_decide_noise_floor),
		cmocka_unit_test(test_decide_by_cpu_time),
		cmocka_unit_test(test_decide_memory),
		cmocka_unit_test(test_decide_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
