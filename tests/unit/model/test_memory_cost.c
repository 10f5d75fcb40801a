/* SPDX-License-Identifier: Apache-2.0 */
/* What recording blocks of memory costs is taken out of the times of calls. */
#include "pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* A record costs `ns`. */
static struct tracegen *trace_of(uint32_t ns)
{
	struct tracegen *gen = fixture_trace(1);

	tracegen_header(gen)->cost_memory_256 = 2 * ns * 256;
	return gen;
}

static void record(struct tracegen_stream *stream, uint64_t ns)
{
	tracegen_alloc(stream, ticks_at(ns), 0x700000000010, HST_ALLOCATOR_MALLOC, 0x10000, 8, 0);
}

static void test_memory_cost_is_that_of_the_call_and_all_around_it(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = trace_of(10);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	record(stream, 100);
	at_enter(stream, 200, 1);
	record(stream, 300);
	tracegen_free(stream, ticks_at(340), 0x10000);
	tracegen_release(stream, ticks_at(380), 0x10000);
	tracegen_realloc_end(stream, ticks_at(400), true);
	at_leave(stream, 600);
	/* none of these is one */
	tracegen_allocator(stream, ticks_at(600), 50, 1);
	tracegen_memory(stream, ticks_at(640), 1, 2, 3);
	at_leave(stream, 1000);
	fixture_add(fixture, gen);
	fixture_read(fixture, &(struct hst_profile_options){ .contexts = true, .edges = true });
	assert_int_equal(row_of(fixture, 1)->self_ns, 400 - 40);
	assert_int_equal(row_of(fixture, 1)->total_ns, 360);
	assert_int_equal(row_of(fixture, 1)->max_ns, 360);
	assert_int_equal(row_of(fixture, 1)->compensated_ns, 40);
	assert_int_equal(row_of(fixture, 0)->self_ns, 600 - 10);
	assert_int_equal(row_of(fixture, 0)->total_ns, 950);
	assert_int_equal(row_of(fixture, 0)->compensated_ns, 10);
	assert_int_equal(fixture->profile.compensated_ns, 50);
	assert_int_equal(fixture->profile.contexts[0].total_ns, 950);
	assert_int_equal(fixture->profile.threads[0].self_ns, 950);
	/* the clock on the wall knows nothing of it */
	assert_int_equal(fixture->profile.wall_ns, 1000);
	assert_int_equal(fixture->profile.threads[0].end_ns, 1000);
}

static void test_memory_cost_is_never_more_than_the_call_had(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = trace_of(100);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		/* 20 ns each time, of which 12 before the record */
		at_enter(stream, 1000 + 40 * i, 1);
		record(stream, 1012 + 40 * i);
		at_leave(stream, 1020 + 40 * i);
	}
	at_enter(stream, 50000, 2);
	at_leave(stream, 60000);
	at_leave(stream, 100000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->self_ns, 8000);
	assert_int_equal(row_of(fixture, 1)->compensated_ns, 12000);
	/* what could not be taken there is nobody else's */
	assert_int_equal(row_of(fixture, 2)->self_ns, 10000);
	assert_int_equal(row_of(fixture, 0)->self_ns, 100000 - 10000 - 20000);
	assert_int_equal(row_of(fixture, 0)->total_ns, 100000 - 12000);
}

static void test_memory_cost_waits_for_time_that_comes_later(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = trace_of(10);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	record(stream, 4);
	record(stream, 104);
	at_leave(stream, 200);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->self_ns, 180);
	assert_int_equal(row_of(fixture, 0)->compensated_ns, 20);
}

static void test_memory_cost_of_other_stacks_stays_theirs(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = trace_of(10);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	tracegen_switch(stream, ticks_at(100), 5);
	/* nobody is open there */
	record(stream, 150);
	at_enter(stream, 200, 1);
	record(stream, 250);
	at_leave(stream, 300);
	tracegen_switch(stream, ticks_at(400), 0);
	at_leave(stream, 500);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->self_ns, 200);
	assert_int_equal(row_of(fixture, 0)->compensated_ns, 0);
	assert_int_equal(row_of(fixture, 1)->self_ns, 90);
}

static void test_memory_cost_without_records_is_none(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = trace_of(10);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_leave(stream, 500);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->self_ns, 500);
	assert_int_equal(fixture->profile.compensated_ns, 0);
	assert_false(fixture->profile.memory);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_memory_cost_is_that_of_the_call_and_all_around_it),
		CASE(test_memory_cost_is_never_more_than_the_call_had),
		CASE(test_memory_cost_waits_for_time_that_comes_later),
		CASE(test_memory_cost_of_other_stacks_stays_theirs),
		CASE(test_memory_cost_without_records_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
