/* SPDX-License-Identifier: Apache-2.0 */
/* Time off the CPU in the profile pass, on recordings whose truth is known. Times are nanoseconds, multiples of 2. */
#include "pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

static struct tracegen_stream *clocked(struct tracegen *gen, enum hst_clock_mode mode)
{
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	tracegen_clock(stream, mode);
	return stream;
}

static void at_off(struct tracegen_stream *stream, uint64_t ns, uint64_t off, uint32_t own)
{
	tracegen_off_cpu(stream, ticks_at(ns), 2 * off, 2 * own);
}

static void expect_off(
	const struct fixture *fixture, uint32_t region, uint64_t self, uint64_t total)
{
	assert_int_equal(row_of(fixture, region)->self_off_ns, self);
	assert_int_equal(row_of(fixture, region)->total_off_ns, total);
}

static void test_absence_belongs_to_the_open_call_and_all_around_it(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);

	at_enter(stream, 0, 0);
	at_off(stream, 1000, 300, 0);
	at_enter(stream, 1000, 1);
	at_off(stream, 3000, 1500, 0);
	at_leave(stream, 3000);
	at_off(stream, 4000, 100, 0);
	at_leave(stream, 5000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	expect_off(fixture, 0, 400, 1900);
	expect_off(fixture, 1, 1500, 1500);
	assert_int_equal(row_of(fixture, 0)->total_ns, 5000);
	assert_int_equal(row_of(fixture, 0)->flags & (HST_ROW_CPU_COARSE | HST_ROW_CPU_UNKNOWN), 0);
}

static void test_absence_of_recursion_counts_once_in_total(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);

	at_enter(stream, 0, 0);
	at_enter(stream, 100, 0);
	at_off(stream, 1100, 800, 0);
	at_leave(stream, 1200);
	at_leave(stream, 2000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	expect_off(fixture, 0, 800, 800);
}

static void test_absence_is_never_more_than_the_call_had(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);

	at_off(stream, 0, 1ull << 40, 0);
	at_enter(stream, 0, 0);
	at_enter(stream, 500, 1);
	at_off(stream, 600, 1ull << 45, 0);
	at_leave(stream, 600);
	at_leave(stream, 1000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	expect_off(fixture, 1, 100, 100);
	expect_off(fixture, 0, 0, 100);
}

static void test_absence_own_part_is_taken_out_of_all_times(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);

	at_enter(stream, 0, 0);
	at_enter(stream, 1000, 1);
	at_off(stream, 6000, 2000, 1600);
	at_leave(stream, 6000);
	at_leave(stream, 10000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->total_ns, 5000 - 1600);
	assert_int_equal(row_of(fixture, 0)->total_ns, 10000 - 1600);
	assert_int_equal(row_of(fixture, 0)->self_ns, 5000);
	expect_off(fixture, 1, 2000, 2000);
	assert_int_equal(fixture->profile.compensated_ns, 1600);
}

static void test_absence_on_another_stack_is_no_cpu_time_of_the_first(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);

	at_enter(stream, 0, 0);
	tracegen_switch(stream, ticks_at(1000), 7);
	at_enter(stream, 1000, 1);
	at_off(stream, 3000, 500, 0);
	at_leave(stream, 4000);
	tracegen_switch(stream, ticks_at(4000), 0);
	at_leave(stream, 5000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	expect_off(fixture, 1, 500, 500);
	expect_off(fixture, 0, 0, 3000);
	assert_int_equal(row_of(fixture, 0)->total_ns, 5000);
}

static void test_absence_clock_modes_are_told_of_the_rows(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);

	at_enter(stream, 0, 0);
	at_enter(stream, 100, 1);
	at_leave(stream, 200);
	tracegen_clock(stream, HST_CLOCK_MODE_GAP);
	tracegen_rollover(stream);
	at_enter(stream, 300, 2);
	at_leave(stream, 400);
	tracegen_clock(stream, HST_CLOCK_MODE_NONE);
	tracegen_rollover(stream);
	at_enter(stream, 500, 3);
	at_leave(stream, 600);
	at_leave(stream, 700);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->flags & (HST_ROW_CPU_COARSE | HST_ROW_CPU_UNKNOWN), 0);
	assert_int_equal(row_of(fixture, 2)->flags & (HST_ROW_CPU_COARSE | HST_ROW_CPU_UNKNOWN),
		HST_ROW_CPU_COARSE);
	assert_int_equal(row_of(fixture, 3)->flags & (HST_ROW_CPU_COARSE | HST_ROW_CPU_UNKNOWN),
		HST_ROW_CPU_UNKNOWN);
	assert_int_equal(row_of(fixture, 0)->flags & (HST_ROW_CPU_COARSE | HST_ROW_CPU_UNKNOWN),
		HST_ROW_CPU_COARSE | HST_ROW_CPU_UNKNOWN);
	assert_true(has_note(fixture, "CPU time is coarse in 1 of 3 chunks"));
	assert_true(has_note(fixture, "CPU time is not known in 1 of 3 chunks"));
	assert_int_equal(fixture->profile.clock_chunks[HST_CLOCK_MODE_RSEQ], 1);
}

/* Another thread goes on for 9 ms behind the last event of the first, which waits for all we know. */
static void test_absence_behind_the_last_event_is_off_the_cpu(void **state)
{
	struct fixture *fixture = *state;
	struct hst_profile_options asked = {
		.contexts = true, .blocked = true, .blocked_ns = 1000
	};
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);
	struct tracegen_stream *other = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);

	tracegen_clock(other, HST_CLOCK_MODE_RSEQ);
	at_enter(stream, 0, 0);
	at_enter(stream, 1000, 1);
	at_enter(other, 1000, 2);
	at_leave(other, 10000000);
	fixture_add(fixture, gen);
	fixture_read(fixture, &asked);
	expect_off(fixture, 1, 9999000, 9999000);
	expect_off(fixture, 0, 0, 9999000);
	expect_off(fixture, 2, 0, 0);
	assert_true(has_note(fixture, "behind their last event"));
	assert_int_equal(fixture->profile.blocked_count, 1);
	assert_true(fixture->profile.blocked[0].open);
}

static void test_absence_blocked_stretches_have_their_path(void **state)
{
	struct fixture *fixture = *state;
	struct hst_profile_options asked = {
		.contexts = true, .blocked = true, .blocked_ns = 1000
	};
	const struct hst_blocked *blocked;
	const struct hst_context *contexts;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);

	at_enter(stream, 0, 0);
	at_off(stream, 2000, 998, 0);
	at_enter(stream, 2000, 1);
	at_off(stream, 5000, 1000, 0);
	at_enter(stream, 5000, 2);
	at_off(stream, 9000, 3000, 0);
	at_leave(stream, 9000);
	at_leave(stream, 9000);
	at_leave(stream, 9000);
	fixture_add(fixture, gen);
	fixture_read(fixture, &asked);
	assert_int_equal(fixture->profile.blocked_count, 2);
	blocked = fixture->profile.blocked;
	contexts = fixture->profile.contexts;
	assert_int_equal(blocked[0].off_ns, 3000);
	assert_int_equal(blocked[0].end_ns, 9000);
	assert_int_equal(blocked[0].tid, 1);
	assert_false(blocked[0].open);
	assert_string_equal(fixture->profile.functions[blocked[0].function].name, "f2");
	assert_int_equal(contexts[blocked[0].context].function, blocked[0].function);
	assert_int_equal(
		contexts[contexts[blocked[0].context].parent].function, blocked[1].function);
	assert_int_equal(blocked[1].off_ns, 1000);
	/* The tree has them all. */
	assert_int_equal(contexts[0].total_off_ns, 4998);
	assert_int_equal(contexts[blocked[1].context].self_off_ns, 1000);
	assert_int_equal(contexts[blocked[1].context].total_off_ns, 4000);
}

static void test_absence_blocked_list_keeps_the_longest(void **state)
{
	struct fixture *fixture = *state;
	struct hst_profile_options asked = { .contexts = true, .blocked = true, .blocked_ns = 2 };
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = clocked(gen, HST_CLOCK_MODE_RSEQ);
	uint64_t now = 0;

	at_enter(stream, 0, 0);
	for (uint64_t i = 1; i <= 200000; i++) {
		now += 2 * i;
		at_off(stream, now, 2 * i, 0);
	}
	at_leave(stream, now);
	fixture_add(fixture, gen);
	fixture_read(fixture, &asked);
	assert_int_equal(fixture->profile.blocked_count, 65536);
	assert_int_equal(fixture->profile.blocked_dropped, 200000 - 65536);
	assert_int_equal(fixture->profile.blocked[0].off_ns, 400000);
	assert_int_equal(fixture->profile.blocked[65535].off_ns, 2 * (200000 - 65535));
}

/* What a caller's calls and a thread's part of a function waited, adds up to what the function did. */
static void test_absence_is_known_by_caller_and_by_thread(void **state)
{
	struct hst_profile_options asked = { .edges = true, .thread_functions = true };
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	uint64_t by_caller[2] = { 0 };
	uint64_t by_thread[2] = { 0 };

	for (uint32_t i = 0; i < 2; i++) {
		struct tracegen_stream *stream = tracegen_thread(gen, i + 1, HST_LANE_MAIN, NULL);

		tracegen_clock(stream, HST_CLOCK_MODE_RSEQ);
		at_enter(stream, 0, i);
		at_enter(stream, 1000, 2);
		at_off(stream, 3000, 700 + 800 * i, 0);
		at_leave(stream, 3000);
		at_leave(stream, 5000);
	}
	fixture_add(fixture, gen);
	fixture_read(fixture, &asked);
	for (size_t i = 0; i < fixture->profile.edge_count; i++) {
		const struct hst_edge *edge = &fixture->profile.edges[i];

		if (&fixture->profile.functions[edge->callee] == row_of(fixture, 2)) {
			by_caller[&fixture->profile.functions[edge->caller] == row_of(fixture, 1)] =
				edge->total_off_ns;
		}
	}
	for (size_t i = 0; i < fixture->profile.thread_function_count; i++) {
		const struct hst_thread_function *part = &fixture->profile.thread_functions[i];

		if (&fixture->profile.functions[part->function] == row_of(fixture, 2)) {
			by_thread[fixture->profile.threads[part->thread].tid - 1] =
				part->self_off_ns;
			assert_int_equal(part->total_off_ns, part->self_off_ns);
			assert_int_equal(part->flags & HST_ROW_CPU_UNKNOWN, 0);
		}
	}
	assert_int_equal(by_caller[0], 700);
	assert_int_equal(by_caller[1], 1500);
	assert_int_equal(by_thread[0], 700);
	assert_int_equal(by_thread[1], 1500);
	expect_off(fixture, 2, 2200, 2200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) \
 cmocka_unit_test_setup_teardown(test_absence_##name, fixture_setup, fixture_teardown)
		TEST(belongs_to_the_open_call_and_all_around_it),
		TEST(of_recursion_counts_once_in_total),
		TEST(is_never_more_than_the_call_had),
		TEST(own_part_is_taken_out_of_all_times),
		TEST(on_another_stack_is_no_cpu_time_of_the_first),
		TEST(clock_modes_are_told_of_the_rows),
		TEST(behind_the_last_event_is_off_the_cpu),
		TEST(is_known_by_caller_and_by_thread),
		TEST(blocked_stretches_have_their_path),
		TEST(blocked_list_keeps_the_longest),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
