/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that were not recorded, as windows have them: an estimate speaks only of times of which the windows know. */
#include "pass.h"
#include "reader/throttle_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS      1000000ull
#define MODULE  0x10000000ull
#define HOT     (MODULE + 0x100)
#define STEADY  (MODULE + 0x200)
#define PERIOD  (100 * MS) /* from one window to the next */
#define WINDOW  (10 * MS)
#define WINDOWS 40u
#define CALLS   20u /* of each function in a millisecond */

static void change_of(
	struct tracegen *gen, enum hst_throttle what, uint64_t ns, uint32_t late_us, uint64_t fn)
{
	uint8_t bytes[sizeof(struct hst_throttle_block) + sizeof(uint64_t)];
	struct hst_throttle_block block = {
		.ticks = ticks_at(ns), .what = (uint32_t)what, .generation = 1, .late_us = late_us
	};

	block.count = what == HST_THROTTLE_SUPPRESS;
	memcpy(bytes, &block, sizeof block);
	memcpy(bytes + sizeof block, &fn, sizeof fn);
	(void)tracegen_block(gen, HST_BLOCK_THROTTLE, 0, bytes + sizeof block.block,
		sizeof bytes - sizeof block.block);
}

static void change(struct tracegen *gen, enum hst_throttle what, uint64_t ns, uint32_t late_us)
{
	change_of(gen, what, ns, late_us, HOT);
}

/* Calls at a steady rate from one moment to another, in a chunk of their own. */
static void calls(struct tracegen_stream *stream, uint64_t from, uint64_t until, int with_hot)
{
	uint64_t step = MS / CALLS;

	tracegen_rollover(stream);
	for (uint64_t ns = from; ns + step <= until; ns += step) {
		tracegen_enter(stream, ticks_at(ns), STEADY, STEADY);
		tracegen_exit(stream, ticks_at(ns + 100));
		if (with_hot) {
			tracegen_enter(stream, ticks_at(ns + 200), HOT, HOT);
			tracegen_exit(stream, ticks_at(ns + 300));
		}
	}
}

/* One of the windows opens after a part of the program that took `hidden` ns; as much time passes behind the last one. */
static void record(struct fixture *fixture, uint64_t hidden, uint64_t behind)
{
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	uint64_t at = MS;

	tracegen_module(gen, "/nowhere/program", MODULE, MODULE, MODULE + 0x1000, NULL, 0);
	calls(stream, 0, at, 1);
	change(gen, HST_THROTTLE_SUPPRESS, at, 0);
	for (uint32_t i = 0; i < WINDOWS; i++) {
		uint64_t open = at + PERIOD - WINDOW;

		calls(stream, at, open, 0);
		open += i == WINDOWS / 2 ? hidden : 0;
		change(gen, HST_THROTTLE_OPEN, open,
			i == WINDOWS / 2 ? (uint32_t)(hidden / 1000) : 0);
		at = open + WINDOW;
		calls(stream, open, at, 1);
		change(gen, HST_THROTTLE_CLOSE, at, 0);
	}
	calls(stream, at, at + MS, 0);
	tracegen_end(gen, ticks_at(at + MS + behind), HST_END_EXIT, 0);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
}

static const struct hst_function_row *throttled(const struct fixture *fixture)
{
	for (size_t i = 0; i < fixture->profile.function_count; i++) {
		if ((fixture->profile.functions[i].flags & HST_ROW_THROTTLED) != 0) {
			return &fixture->profile.functions[i];
		}
	}
	fail_msg("no function was left out");
	abort();
}

static void test_steady_calls_are_estimated(void **state)
{
	const uint64_t truth = WINDOWS * PERIOD / MS * CALLS;
	const struct hst_function_row *row;

	record(*state, 0, 0);
	row = throttled(*state);
	assert_int_equal(row->flags & HST_ROW_UNBOUNDED, 0);
	assert_in_range(row->estimated, truth * 9 / 10, truth * 11 / 10);
}

/* One window in forty, but half of the time. */
static void test_a_long_part_without_window_is_unknown(void **state)
{
	record(*state, WINDOWS * PERIOD, 0);
	assert_int_not_equal(throttled(*state)->flags & HST_ROW_UNBOUNDED, 0);
}

static void test_a_long_end_without_window_is_unknown(void **state)
{
	record(*state, 0, WINDOWS * PERIOD);
	assert_int_not_equal(throttled(*state)->flags & HST_ROW_UNBOUNDED, 0);
}

/* The list of functions is bounded: what is not in it has no mark, which is said. */
static void test_too_many_functions_are_told_of(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t more = 0; more < 2; more++) {
		struct tracegen *gen = fixture_trace(more + 1);
		struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

		tracegen_module(
			gen, "/nowhere/program", MODULE, MODULE, MODULE + 0x100000, NULL, 0);
		calls(stream, 0, MS, 1);
		for (uint32_t i = 0; i < HST_THROTTLED_MAX + more; i++) {
			change_of(gen, HST_THROTTLE_SUPPRESS, MS + i, 0, HOT + 16ull * i);
		}
		calls(stream, 2 * MS, 3 * MS, 0);
		fixture_add(fixture, gen);
		fixture_read(fixture, NULL);
		assert_int_equal(
			has_note(fixture, "more than 2048 functions of a process were left out"),
			more);
	}
}

/* What was paid afterwards, must not look as if a limit had been kept. */
static void test_limit_of_events_ends_the_limit_of_cost(void **state)
{
	static const char said[] =
		"after the limit of events --overhead left out no more functions";
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i < 2; i++) {
		struct tracegen *gen = fixture_trace(i + 1);

		at_enter(tracegen_thread(gen, 1, HST_LANE_MAIN, NULL), 0, 0);
		tracegen_header(gen)->budget_state = i == 0 ? HST_BUDGET_OFF : HST_BUDGET_PATCH;
		tracegen_header(gen)->flags |= HST_FLAG_LIMIT_REACHED;
		fixture_add(fixture, gen);
		fixture_read(fixture, NULL);
		assert_int_equal(has_note(fixture, said), i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_steady_calls_are_estimated, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_a_long_part_without_window_is_unknown,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_long_end_without_window_is_unknown, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_too_many_functions_are_told_of, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_limit_of_events_ends_the_limit_of_cost,
			fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
