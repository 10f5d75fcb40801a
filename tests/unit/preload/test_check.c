/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's check of itself: silent on good chunks, loud on each kind of divergence. */
#include "buffer/check.h"
#include "sink/file.h"
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct hst_file_header header = {
	.op_words = {
#define HST_RECORD(NAME, name, number, words, text) [number] = words,
#include "hasten/records.def"
#undef HST_RECORD
	},
};

static struct bench *sample(void)
{
	struct bench *bench = bench_new(0);

	hst_sink.header = &header;
	header.flags = 0;
	for (uint64_t i = 0; i < 200; i++) {
		bench_enter(bench, 64 + i % 7, 48, i * 100);
		bench_enter(bench, 96 + i % 3, 48, i * 100 + 20);
		bench_exit(bench, i * 100 + 40);
		if (i % 4 != 0) {
			bench_exit(bench, i * 100 + 60);
		}
	}
	return bench;
}

static void assert_check(struct bench *bench, bool same)
{
	assert_int_equal(hst_chunk_check(&bench->stream), same);
	assert_int_equal((header.flags & HST_FLAG_CHECK_FAILED) == 0, same);
	free(bench);
}

static void test_check_good_chunk_passes(void **state)
{
	(void)state;
	assert_check(sample(), true);
}

static void test_check_predictor_that_differs_fails(void **state)
{
	struct bench *bench = sample();
	(void)state;

	bench->stream.predictor[17] ^= 1;
	assert_check(bench, false);
}

static void test_check_depth_that_differs_fails(void **state)
{
	struct bench *bench = sample();
	(void)state;

	bench->stream.top--;
	assert_check(bench, false);
}

static void test_check_clock_that_differs_fails(void **state)
{
	struct bench *bench = sample();
	(void)state;

	bench->stream.time++;
	assert_check(bench, false);
}

static void test_check_frame_that_differs_fails(void **state)
{
	struct bench *bench = sample();
	(void)state;

	bench->stream.top->last ^= 1;
	assert_check(bench, false);
}

static void test_check_damaged_record_fails(void **state)
{
	struct bench *bench = sample();
	(void)state;

	bench->window.cur[-1] = HST_KIND_PREDICTED << HST_KIND_SHIFT;
	assert_check(bench, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_good_chunk_passes),
		cmocka_unit_test(test_check_predictor_that_differs_fails),
		cmocka_unit_test(test_check_depth_that_differs_fails),
		cmocka_unit_test(test_check_clock_that_differs_fails),
		cmocka_unit_test(test_check_frame_that_differs_fails),
		cmocka_unit_test(test_check_damaged_record_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
