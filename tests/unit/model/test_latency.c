/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of latencies: exact where they are small, at most 3.2 % off elsewhere. */
#include "model/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_latency_bucket_is_within_its_error(void **state)
{
	struct hst_arena arena = { 0 };

	(void)state;
	for (uint64_t ns = 0; ns < 1ull << 42; ns += ns / 7 + 1) {
		struct hst_latency *latency = hst_latency_create(&arena);
		uint64_t found;

		assert_non_null(latency);
		assert_true(hst_latency_add(latency, &arena, ns, 1));
		found = hst_latency_quantile(latency, 0.5);
		assert_true((found > ns ? found - ns : ns - found) * 1000 <= ns * 32);
	}
	hst_arena_finish(&arena);
}

static void test_latency_quantiles_are_in_order(void **state)
{
	struct hst_arena arena = { 0 };
	struct hst_latency *latency = hst_latency_create(&arena);

	(void)state;
	for (uint64_t ns = 1; ns <= 1000; ns++) {
		assert_true(hst_latency_add(latency, &arena, ns, 1));
	}
	assert_in_range(hst_latency_quantile(latency, 0.5), 484, 517);
	assert_in_range(hst_latency_quantile(latency, 0.99), 959, 1023);
	assert_true(hst_latency_quantile(latency, 0) <= hst_latency_quantile(latency, 1));
	assert_in_range(hst_latency_at_least(latency, 900), 100, 132);
	assert_int_equal(hst_latency_quantile(NULL, 0.5), 0);
	hst_arena_finish(&arena);
}

static void test_latency_counts_beyond_32_bits(void **state)
{
	struct hst_arena arena = { 0 };
	struct hst_latency *latency = hst_latency_create(&arena);

	(void)state;
	assert_true(hst_latency_add(latency, &arena, 5, UINT32_MAX));
	assert_true(hst_latency_add(latency, &arena, 5, 3));
	assert_true(hst_latency_add(latency, &arena, 100, 1));
	assert_int_equal(hst_latency_at_least(latency, 0), 4294967299u);
	assert_int_equal(hst_latency_quantile(latency, 0.5), 5);
	hst_arena_finish(&arena);
}

static void test_latency_longest_goes_to_the_last_bucket(void **state)
{
	(void)state;
	assert_int_equal(hst_latency_bucket(UINT64_MAX), HST_LATENCY_BUCKETS - 1);
}

static void test_profile_note_comes_once(void **state)
{
	struct hst_profile profile = { 0 };

	(void)state;
	hst_profile_note(&profile, true, "%d calls", 3);
	hst_profile_note(&profile, true, "%d calls", 3);
	hst_profile_note(&profile, false, "%d calls", 4);
	assert_int_equal(profile.note_count, 2);
	assert_string_equal(profile.notes[0].text, "3 calls");
	hst_profile_finish(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latency_bucket_is_within_its_error),
		cmocka_unit_test(test_latency_quantiles_are_in_order),
		cmocka_unit_test(test_latency_counts_beyond_32_bits),
		cmocka_unit_test(test_latency_longest_goes_to_the_last_bucket),
		cmocka_unit_test(test_profile_note_comes_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
