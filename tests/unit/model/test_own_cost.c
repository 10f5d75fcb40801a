/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the times was ours, and how well that is known. */
#include "pass.h"

#include "passes/cost.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define UNIT_NS ((1u << HST_TIME_SHIFT) / 2) /* of the fixture's clock */

static struct hst_file_header header_with(const uint32_t *pairs, uint32_t count)
{
	struct hst_file_header header = { .cost_inside_256 = 300, .cost_outside_256 = 100 };

	header.cost_count = count;
	for (uint32_t i = 0; i < count && i < HST_COSTS; i++) {
		header.cost_pair_256[i] = pairs[i];
	}
	return header;
}

static void test_own_cost_is_the_mean_with_the_first_ones_division(void **state)
{
	static const uint32_t pairs[] = { 4000, 800, 1600, 820, 780 };
	struct hst_file_header header = header_with(pairs, 5);
	struct hst_own_cost cost = hst_own_cost(&header);

	(void)state;
	/* 4000 is more than twice the median of 820, and counts as that; quartiles 800 and 1600 */
	assert_int_equal(cost.inside_256 + cost.outside_256, 1128 * HST_COST_SHARE + 0.5);
	assert_int_equal(cost.inside_256, 846 * HST_COST_SHARE + 0.5);
	assert_true(fabs(cost.low - 800.0 / 1128 * HST_COST_LEAST) < 1e-9);
	assert_true(fabs(cost.high - 1600.0 / 1128 * HST_COST_MOST) < 1e-9);
}

static void test_own_cost_without_later_measurements_is_the_first(void **state)
{
	struct hst_file_header header = header_with(NULL, 0);
	struct hst_own_cost cost = hst_own_cost(&header);

	(void)state;
	assert_int_equal(cost.inside_256, 300);
	assert_int_equal(cost.outside_256, 100);
	assert_true(cost.low == 1 && cost.high == 1);
}

/* A file may say anything. */
static void test_own_cost_takes_no_measurement_that_cannot_be(void **state)
{
	static const uint32_t pairs[] = { 0, UINT32_MAX, 500, 1u << 24 };
	struct hst_file_header header = header_with(pairs, 4);
	struct hst_own_cost cost = hst_own_cost(&header);

	(void)state;
	assert_int_equal(cost.inside_256 + cost.outside_256, 500 * HST_COST_SHARE + 0.5);
	header.cost_count = UINT32_MAX;
	assert_int_equal(hst_own_cost(&header).inside_256, 375 * HST_COST_SHARE + 0.5);
	header.cost_miss_256[2] = UINT32_MAX;
	assert_int_equal(hst_own_cost(&header).miss_256, 0);
	header.cost_miss_256[0] = 100;
	assert_int_equal(hst_own_cost(&header).miss_256, 100 * HST_COST_SHARE + 0.5);
	header.cost_inside_256 = UINT32_MAX;
	cost = hst_own_cost(&header);
	assert_int_equal(cost.inside_256 + cost.outside_256, 0);
	header.cost_inside_256 = 0;
	header.cost_outside_256 = 0;
	cost = hst_own_cost(&header);
	assert_int_equal(cost.inside_256 + cost.outside_256, 0);
	assert_true(cost.low == 1 && cost.high == 1);
}

/* Files of earlier versions have none. */
static void test_own_cost_of_empty_hooks_is_the_median_and_no_part_of_a_pair(void **state)
{
	static const uint32_t pairs[] = { 500, 500, 500, 500, 500 };
	static const uint32_t empties[] = { 60, 0, UINT32_MAX, 1000, 50 };
	struct hst_file_header header = header_with(pairs, 5);
	struct hst_own_cost without = hst_own_cost(&header);
	struct hst_own_cost cost;

	(void)state;
	assert_int_equal(without.empty_256, 0);
	for (uint32_t i = 0; i < 5; i++) {
		header.cost_empty_256[i] = empties[i];
	}
	cost = hst_own_cost(&header);
	assert_int_equal(cost.empty_256, 60 * HST_EMPTY_SHARE + 0.5);
	assert_int_equal(cost.inside_256, without.inside_256);
	assert_int_equal(cost.outside_256, without.outside_256);
	/* Where a pair cannot be true, nothing is. */
	header.cost_outside_256 = UINT32_MAX;
	assert_int_equal(hst_own_cost(&header).empty_256, 0);
}

static void test_own_cost_gives_totals_their_range(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_file_header *header = tracegen_header(gen);
	const struct hst_function_row *outer;
	const struct hst_function_row *inner;

	/* 20 ns within the callee, 20 ns within the caller */
	header->cost_inside_256 = 40 * 256;
	header->cost_outside_256 = 40 * 256;
	header->cost_count = 1;
	header->cost_pair_256[0] = (uint32_t)(80 * 256 / HST_COST_SHARE + 0.5);
	at_enter(stream, 0, 0);
	at_enter(stream, 100, 1);
	at_leave(stream, 200);
	at_leave(stream, 1000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	outer = row_of(fixture, 0);
	inner = row_of(fixture, 1);
	assert_int_equal(inner->self_ns, 80);
	assert_int_equal(inner->self_low_ns, 100 - 20 * HST_COST_MOST);
	assert_int_equal(inner->self_high_ns, 100 - 20 * HST_COST_LEAST);
	assert_int_equal(outer->total_ns, 1000 - 60);
	assert_int_equal(outer->total_low_ns, 1000 - 60 * HST_COST_MOST);
	assert_int_equal(outer->total_high_ns, 1000 - 60 * HST_COST_LEAST);
	assert_int_equal(outer->self_low_ns, 900 - 40 * HST_COST_MOST);
}

/* The first call of a function, and the first behind another one, could not be foretold; the third could. */
static void test_own_cost_of_calls_that_were_not_foretold_is_their_callers(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_file_header *header = tracegen_header(gen);

	header->cost_inside_256 = 40 * 256;
	header->cost_outside_256 = 40 * 256;
	header->cost_count = 1;
	header->cost_pair_256[0] = (uint32_t)(80 * 256 / HST_COST_SHARE + 0.5);
	header->cost_miss_256[0] = (uint32_t)(60 * 256 / HST_COST_SHARE + 0.5);
	at_enter(stream, 0, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		at_enter(stream, i * 200, 1);
		at_leave(stream, i * 200 + 100);
	}
	at_leave(stream, 1000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->self_ns, 3 * 80);
	assert_int_equal(row_of(fixture, 0)->self_ns, 700 - 20 - 3 * 20 - 2 * 30);
	assert_int_equal(row_of(fixture, 0)->total_ns, 1000 - 20 - 3 * 40 - 2 * 30);
	assert_int_equal(row_of(fixture, 0)->max_ns, 1000 - 20 - 3 * 40 - 2 * 30);
}

/* A record about arguments that has one number, or none. */
static void about(struct tracegen_stream *stream, enum hst_op op, uint16_t argument, size_t words)
{
	const uint16_t record[5] = {
		(uint16_t)(HST_KIND_EXTENDED << HST_KIND_SHIFT | op << 8 | argument), 7
	};

	tracegen_words(stream, record, 1 + words);
}

/* Of four calls of `inner` by `middle`, two define their key, and all have one; the third has no result. */
static void test_own_cost_of_keys_and_results(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_file_header *header = tracegen_header(gen);

	header->cost_inside_256 = 40 * 256;
	header->cost_outside_256 = 40 * 256;
	/* In nanoseconds: a key 8 within the call and 12 within its caller, a new one 14 and 16; a result 10, a new one 20. */
	header->cost_key_256 = (uint32_t)(40 * 256 / HST_COST_SHARE + 0.5);
	header->cost_key_inside_256 = (uint32_t)(16 * 256 / HST_COST_SHARE + 0.5);
	header->cost_key_new_256 = (uint32_t)(60 * 256 / HST_COST_SHARE + 0.5);
	header->cost_key_new_inside_256 = (uint32_t)(28 * 256 / HST_COST_SHARE + 0.5);
	header->cost_result_256 = (uint32_t)(20 * 256 / HST_COST_SHARE + 0.5);
	header->cost_result_new_256 = (uint32_t)(40 * 256 / HST_COST_SHARE + 0.5);
	at_enter(stream, 0, 0);
	at_enter(stream, 100, 2);
	for (uint64_t i = 1; i <= 4; i++) {
		at_enter(stream, i * 200, 1);
		if (i <= 2) {
			about(stream, HST_OP_KEY_NEW, 0, 4);
		} else {
			about(stream, HST_OP_KEY_SHORT, (uint16_t)(i - 2), 0);
		}
		if (i != 3) {
			about(stream, i <= 2 ? HST_OP_RESULT_NEW : HST_OP_RESULT, 0,
				i <= 2 ? 4 : 0);
		}
		at_leave(stream, i * 200 + 100);
	}
	at_leave(stream, 1100);
	at_leave(stream, 1400);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->self_ns, 4 * (100 - 20) - 2 * 14 - 2 * 8);
	assert_int_equal(row_of(fixture, 1)->total_ns, 4 * (100 - 20) - 2 * 14 - 2 * 8);
	assert_int_equal(row_of(fixture, 1)->max_ns, 100 - 20 - 8);
	assert_int_equal(row_of(fixture, 1)->min_ns, 100 - 20 - 14);
	assert_int_equal(row_of(fixture, 2)->self_ns,
		1000 - 400 - 20 - 4 * 20 - 2 * 16 - 2 * 12 - 2 * 20 - 10);
	assert_int_equal(
		row_of(fixture, 2)->total_ns, 1000 - 20 - 4 * 40 - 2 * 30 - 2 * 20 - 2 * 20 - 10);
	assert_int_equal(row_of(fixture, 0)->self_ns, 400 - 20 - 20);
	assert_int_equal(
		row_of(fixture, 0)->total_ns, 1400 - 20 - 5 * 40 - 2 * 30 - 2 * 20 - 2 * 20 - 10);
	assert_int_equal((int)fixture->profile.cost_keys_ns, 2 * 30 + 2 * 20 + 2 * 20 + 10);
}

static void test_own_time_is_of_no_call(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(stream, 100, 1);
	tracegen_own(stream, ticks_at(500), 300 / UNIT_NS);
	at_leave(stream, 600);
	at_enter(stream, 700, 1);
	at_leave(stream, 800);
	at_leave(stream, 1000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->self_ns, 500 - 300 + 100);
	assert_int_equal(row_of(fixture, 1)->max_ns, 200);
	assert_int_equal(row_of(fixture, 1)->compensated_ns, 300);
	assert_int_equal(row_of(fixture, 0)->total_ns, 1000 - 300);
	assert_int_equal(row_of(fixture, 0)->self_ns, 400);
	assert_int_equal(fixture->profile.compensated_ns, 300);
}

/* More than the innermost call has had is more than can be; without a call it is nobody's. */
static void test_own_time_is_not_more_than_the_call_has_had(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	tracegen_own(stream, ticks_at(50), UINT32_MAX);
	at_enter(stream, 100, 0);
	at_enter(stream, 200, 1);
	tracegen_own(stream, ticks_at(300), UINT32_MAX);
	at_leave(stream, 400);
	at_leave(stream, 500);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->self_ns, 100);
	assert_int_equal(row_of(fixture, 0)->total_ns, 300);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own_cost_is_the_mean_with_the_first_ones_division),
		TEST(test_own_cost_without_later_measurements_is_the_first),
		TEST(test_own_cost_takes_no_measurement_that_cannot_be),
		TEST(test_own_cost_of_empty_hooks_is_the_median_and_no_part_of_a_pair),
		TEST(test_own_cost_gives_totals_their_range),
		TEST(test_own_cost_of_calls_that_were_not_foretold_is_their_callers),
		TEST(test_own_cost_of_keys_and_results),
		TEST(test_own_time_is_of_no_call),
		TEST(test_own_time_is_not_more_than_the_call_has_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
