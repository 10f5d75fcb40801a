/* SPDX-License-Identifier: Apache-2.0 */
/* The cache pass: what is worth it only under a condition. */
#include "analyses.h"

/* What may do its work through a pointer must not take the gain of what it calls; unless the user says that it does not. */
static void test_what_may_write_takes_nothing(void **state)
{
	(void)state;
	for (int declared = 0; declared < 2; declared++) {
		struct hst_cache_log logs[2] = { 0 };
		struct hst_cache cache;

		for (uint64_t i = 0; i < 20; i++) {
			add(&logs[0], call_at(i * 10000, 5000, 1, 1));
			add(&logs[1], call_at(i * 10000 + 100, 300, 1, 1));
		}
		logs[0].writes = true;
		logs[0].declared = declared != 0;
		analyse(logs, 2, &cache);
		assert_int_equal(of_row(&cache, 0)->verdict,
			declared != 0 ? HST_CACHE_VERDICT_WORTH : HST_CACHE_VERDICT_BEHIND);
		assert_int_equal(of_row(&cache, 1)->verdict,
			declared != 0 ? HST_CACHE_VERDICT_NESTED : HST_CACHE_VERDICT_WORTH);
		finish(logs, 2, &cache);
	}
}

/* A program is run for what it puts out. */
static void test_programs_have_a_condition(void **state)
{
	struct hst_cache_log log = { .program = true };
	struct hst_cache cache;

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		add(&log, call_at(i * 10000, 5000, 1, 0));
	}
	analyse(&log, 1, &cache);
	assert_int_equal(of_row(&cache, 0)->verdict, HST_CACHE_VERDICT_OUTPUT);
	finish(&log, 1, &cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_may_write_takes_nothing),
		cmocka_unit_test(test_programs_have_a_condition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
