/* SPDX-License-Identifier: Apache-2.0 */
/* The heap pass: blocks of one process, their owners and what they count for. */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

static void test_heap_owner_is_the_innermost_call(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	const uint32_t path[] = { 0, 1 };

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 100);
	at_enter(stream, 20, 1);
	at_alloc(stream, 30, 2, BLOCK(2), 50);
	at_alloc(stream, 40, 2, BLOCK(3), 7);
	at_leave(stream, 50);
	at_free(stream, 60, BLOCK(2));
	at_leave(stream, 70);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_true(fixture->heap.recorded);
	assert_true(fixture->heap.complete);
	assert_int_equal(function_of(fixture, 0)->self.allocs, 1);
	assert_int_equal(function_of(fixture, 0)->self.bytes, 100);
	assert_int_equal(function_of(fixture, 0)->self.leaked_bytes, 100);
	assert_int_equal(function_of(fixture, 0)->total_bytes, 157);
	assert_int_equal(function_of(fixture, 0)->total_allocs, 3);
	assert_int_equal(function_of(fixture, 0)->total_leaked_bytes, 107);
	assert_int_equal(function_of(fixture, 1)->self.allocs, 2);
	assert_int_equal(function_of(fixture, 1)->self.bytes, 57);
	assert_int_equal(function_of(fixture, 1)->self.frees, 1);
	assert_int_equal(function_of(fixture, 1)->self.freed_bytes, 50);
	assert_int_equal(function_of(fixture, 1)->self.leaked, 1);
	assert_int_equal(function_of(fixture, 1)->self.leaked_bytes, 7);
	/* its call had returned when the block was freed */
	assert_int_equal(function_of(fixture, 1)->self.temporary, 0);
	assert_int_equal(function_of(fixture, 1)->sizes[6], 1);
	assert_int_equal(function_of(fixture, 1)->sizes[3], 1);
	assert_int_equal(site_at(fixture, 2)->sum.allocs, 2);
	assert_int_equal(site_at(fixture, 2)->leaked_least, 7);
	assert_int_equal(site_at(fixture, 2)->leaked_most, 7);
	assert_int_equal(site_at(fixture, 2)->allocator, HST_ALLOCATOR_MALLOC);
	assert_int_equal(context_of(fixture, path, 2)->sum.allocs, 2);
	assert_int_equal(context_of(fixture, path, 1)->total_bytes, 157);
	assert_int_equal(fixture->heap.contexts[0].total_leaked_bytes, 107);
	assert_int_equal(fixture->heap.sum.peak_bytes, 157);
	assert_int_equal(fixture->heap.sum.allocs, 3);
}

static void test_heap_code_owns_where_no_call_is_open(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_alloc(stream, 10, 1, BLOCK(1), 100);
	at_alloc(stream, 12, 2, BLOCK(2), 30);
	at_free(stream, 20, BLOCK(1));
	tracegen_allocator(stream, ticks_at(20), 400, 1);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(code_of(fixture, 1)->self.allocs, 1);
	assert_int_equal(code_of(fixture, 1)->self.leaked, 0);
	/* there is no call that could have returned */
	assert_int_equal(code_of(fixture, 1)->self.temporary, 0);
	assert_int_equal(code_of(fixture, 1)->self.short_lived, 1);
	assert_int_equal(code_of(fixture, 1)->self.allocator_ns, 200);
	assert_int_equal(code_of(fixture, 2)->self.leaked_bytes, 30);
	assert_int_equal(fixture->heap.function_count, 2);
}

static void test_heap_temporary_is_freed_before_the_owner_returns(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *other = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	for (uint32_t i = 0; i < 10; i++) {
		uint64_t t = 100 + 100 * i;

		/* freed by a function that it calls */
		at_enter(stream, t, 1);
		at_alloc(stream, t + 10, 1, BLOCK(1), 10);
		at_enter(stream, t + 20, 2);
		at_free(stream, t + 30, BLOCK(1));
		at_leave(stream, t + 40);
		at_leave(stream, t + 50);
	}
	/* freed by another call of the same function */
	at_enter(stream, 2000, 1);
	at_alloc(stream, 2010, 1, BLOCK(2), 10);
	at_leave(stream, 2020);
	at_enter(stream, 2030, 1);
	at_free(stream, 2040, BLOCK(2));
	at_leave(stream, 2050);
	/* freed by another thread */
	at_enter(stream, 3000, 1);
	at_alloc(stream, 3010, 1, BLOCK(3), 10);
	at_free(other, 5000, BLOCK(3));
	at_leave(stream, 6000);
	at_leave(stream, 7000);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 1)->self.allocs, 12);
	assert_int_equal(function_of(fixture, 1)->self.frees, 12);
	assert_int_equal(function_of(fixture, 1)->self.temporary, 10);
	assert_int_equal(function_of(fixture, 1)->self.temporary_bytes, 100);
	assert_int_equal(function_of(fixture, 1)->self.foreign, 1);
	assert_int_equal(function_of(fixture, 1)->lifetimes->count, 12);
	assert_int_equal(fixture->heap.lifetimes->count, 12);
	assert_int_equal(fixture->heap.sum.leaked, 0);
}

static void test_heap_temporary_knows_stacks_and_longjmp(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 10);
	/* on another stack its call is open still */
	tracegen_switch(stream, ticks_at(20), 7);
	at_enter(stream, 30, 1);
	at_free(stream, 40, BLOCK(1));
	at_alloc(stream, 50, 2, BLOCK(2), 10);
	tracegen_switch(stream, ticks_at(60), 0);
	at_free(stream, 70, BLOCK(2));
	at_enter(stream, 80, 2);
	at_alloc(stream, 90, 3, BLOCK(3), 10);
	tracegen_unwind(stream, ticks_at(100), 1, 1);
	at_free(stream, 110, BLOCK(3));
	at_leave(stream, 120);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 0)->self.temporary, 1);
	assert_int_equal(function_of(fixture, 1)->self.temporary, 1);
	assert_int_equal(function_of(fixture, 2)->self.allocs, 1);
	assert_int_equal(function_of(fixture, 2)->self.temporary, 0);
}

static void test_heap_recursion_counts_totals_once(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	for (uint32_t i = 0; i < 20; i++) {
		at_enter(stream, 100 * i, i % 2);
		at_alloc(stream, 100 * i + 10, i % 2, BLOCK(i), 10);
	}
	for (uint32_t i = 0; i < 20; i++) {
		at_leave(stream, 3000 + i);
	}
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 0)->self.allocs, 10);
	assert_int_equal(function_of(fixture, 0)->total_allocs, 20);
	assert_int_equal(function_of(fixture, 1)->total_allocs, 19);
	assert_int_equal(function_of(fixture, 1)->total_leaked_bytes, 190);
}

static void test_heap_realloc_moves_and_grows(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	const struct hst_heap_sum *sum;

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 100);
	at_enter(stream, 15, 1);
	at_realloc(stream, 20, 2, BLOCK(1), BLOCK(1), 150);  /* in place, larger */
	at_realloc(stream, 40, 2, BLOCK(1), BLOCK(9), 400);  /* moves, larger */
	at_realloc(stream, 60, 2, BLOCK(9), BLOCK(12), 40);  /* moves, smaller */
	at_realloc(stream, 80, 2, BLOCK(12), BLOCK(12), 40); /* nothing */
	at_leave(stream, 100);
	at_leave(stream, 110);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	sum = &function_of(fixture, 1)->self;
	assert_int_equal(sum->allocs, 4);
	assert_int_equal(sum->reallocs, 4);
	assert_int_equal(sum->moved, 2);
	assert_int_equal(sum->moved_bytes, 150 + 40);
	assert_int_equal(sum->grown, 2);
	assert_int_equal(sum->grown_bytes, 50 + 250);
	assert_int_equal(sum->frees, 3);
	assert_int_equal(sum->leaked, 1);
	assert_int_equal(sum->leaked_bytes, 40);
	assert_int_equal(sum->peak_bytes, 400);
	assert_int_equal(function_of(fixture, 0)->self.frees, 1);
	assert_int_equal(function_of(fixture, 0)->self.leaked, 0);
	/* replaced, not given back by the program */
	assert_int_equal(sum->temporary, 0);
	assert_int_equal(function_of(fixture, 0)->self.temporary, 0);
	assert_null(fixture->heap.lifetimes);
	assert_int_equal(fixture->heap.sum.peak_bytes, 400);
	assert_int_equal(fixture->heap.processes[0].unmatched, 0);
}

static void test_heap_realloc_ends_without_a_block(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 100);
	at_alloc(stream, 12, 1, BLOCK(2), 60);
	tracegen_release(stream, ticks_at(20), BLOCK(1));
	tracegen_realloc_end(stream, ticks_at(30), false);
	tracegen_release(stream, ticks_at(40), BLOCK(2));
	tracegen_realloc_end(stream, ticks_at(50), true);
	/* of a block that nobody knows: failing is no free, succeeding is one */
	tracegen_release(stream, ticks_at(60), BLOCK(77));
	tracegen_realloc_end(stream, ticks_at(62), false);
	at_realloc(stream, 64, 2, BLOCK(78), BLOCK(79), 5);
	at_leave(stream, 100);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 0)->self.allocs, 3);
	assert_int_equal(function_of(fixture, 0)->self.failed, 2);
	assert_int_equal(function_of(fixture, 0)->self.frees, 1);
	assert_int_equal(function_of(fixture, 0)->self.temporary, 1);
	assert_int_equal(function_of(fixture, 0)->self.leaked_bytes, 105);
	assert_int_equal(function_of(fixture, 0)->self.reallocs, 1);
	assert_int_equal(function_of(fixture, 0)->self.moved, 0);
	assert_int_equal(function_of(fixture, 0)->self.peak_bytes, 160);
	assert_int_equal(fixture->heap.processes[0].unmatched, 1);
}

static void test_heap_realloc_pairs_nest(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *other = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 10);
	at_alloc(stream, 12, 1, BLOCK(2), 20);
	tracegen_release(stream, ticks_at(20), BLOCK(1));
	tracegen_release(stream, ticks_at(30), BLOCK(2));
	/* another thread gets the address while realloc is under way; its own is another pair */
	at_alloc(other, 5000, 5, BLOCK(1), 1000);
	tracegen_alloc(stream, ticks_at(6000), PLACE(2), HST_ALLOCATOR_REALLOC, BLOCK(3), 21, 0);
	tracegen_alloc(stream, ticks_at(6010), PLACE(3), HST_ALLOCATOR_REALLOC, BLOCK(4), 14, 0);
	at_leave(stream, 7000);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(site_at(fixture, 2)->sum.grown_bytes, 1);
	assert_int_equal(site_at(fixture, 3)->sum.grown_bytes, 4);
	assert_int_equal(site_at(fixture, 1)->sum.frees, 2);
	assert_int_equal(site_at(fixture, 5)->sum.leaked_bytes, 1000);
	assert_int_equal(fixture->heap.processes[0].overlapped, 0);
	assert_int_equal(fixture->heap.sum.leaked_bytes, 1035);
}

static void test_heap_killed_within_realloc_keeps_the_block(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 10);
	tracegen_release(stream, ticks_at(20), BLOCK(1));
	tracegen_header(gen)->end_kind = HST_END_NONE;
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(fixture->heap.sum.leaked_bytes, 10);
	assert_true(fixture->heap.processes[0].killed);
	assert_true(heap_has_note(fixture, "did not say how"));
}

static void test_heap_failures_and_slack_and_zeroes(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	const struct hst_heap_sum *sum;

	at_enter(stream, 0, 0);
	tracegen_alloc(
		stream, ticks_at(10), PLACE(1), HST_ALLOCATOR_MALLOC, 0, 1ull << 40, UINT64_MAX);
	tracegen_alloc(stream, ticks_at(12), PLACE(1), HST_ALLOCATOR_MALLOC, BLOCK(1), 20, 4);
	tracegen_alloc(
		stream, ticks_at(14), PLACE(1), HST_ALLOCATOR_MALLOC, BLOCK(2), 20, UINT64_MAX);
	tracegen_alloc(stream, ticks_at(16), PLACE(2), HST_ALLOCATOR_CALLOC, 0x7f0000000010,
		128u << 10, 4080);
	tracegen_alloc(stream, ticks_at(18), PLACE(2), HST_ALLOCATOR_CALLOC, 0x7f0000100010,
		(128u << 10) - 1, 0);
	tracegen_alloc(stream, ticks_at(20), PLACE(3), HST_ALLOCATOR_MALLOC, BLOCK(3), 0, 24);
	at_leave(stream, 100);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	sum = &function_of(fixture, 0)->self;
	assert_int_equal(sum->failed, 1);
	assert_int_equal(sum->allocs, 5);
	assert_int_equal(sum->slack, 4 + 4080 + 24);
	assert_int_equal(sum->slack_unknown, 1);
	assert_int_equal(sum->zeroed_large, 1);
	assert_int_equal(sum->zeroed_large_bytes, 128u << 10);
	assert_int_equal(sum->leaked, 5);
	assert_int_equal(site_at(fixture, 3)->sum.leaked, 1);
	assert_int_equal(function_of(fixture, 0)->sizes[0], 1);
}

static void test_heap_allocator_time_is_without_ours(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	tracegen_header(gen)->cost_timer_256 = 40 * 256; /* 20 ns */
	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 100);
	tracegen_allocator(stream, ticks_at(10), 240, 16); /* 120 ns */
	at_enter(stream, 200, 1);
	at_free(stream, 300, BLOCK(1));
	tracegen_allocator(stream, ticks_at(300), 140, 3);
	at_alloc(stream, 400, 2, BLOCK(2), 100);
	tracegen_allocator(stream, ticks_at(400), 20, 2); /* less than our own part */
	at_leave(stream, 1000);
	at_leave(stream, 1100);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 0)->self.allocator_ns, 1600);
	assert_int_equal(function_of(fixture, 0)->self.allocator_calls, 16);
	assert_int_equal(function_of(fixture, 1)->self.allocator_ns, 150);
	assert_int_equal(function_of(fixture, 1)->self.allocator_calls, 5);
	assert_int_equal(site_at(fixture, 1)->sum.allocator_ns, 1600);
	assert_int_equal(fixture->heap.sum.allocator_ns, 1750);
}

static void test_heap_allocator_time_is_not_more_than_has_passed(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 100);
	tracegen_allocator(stream, ticks_at(10), 20, 1);
	/* 100 ns for each of 16 calls, but only 90 ns since the one before. */
	at_alloc(stream, 100, 1, BLOCK(2), 100);
	tracegen_allocator(stream, ticks_at(100), 200, 16);
	at_leave(stream, 1000);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 0)->self.allocator_ns, 10 + 100 + 90);
	assert_int_equal(function_of(fixture, 0)->self.allocator_calls, 17);
}

static void test_heap_lifetimes_are_those_of_freed_blocks(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	uint64_t p50;

	at_enter(stream, 0, 0);
	for (uint32_t i = 0; i < 9; i++) {
		at_alloc(stream, 100 * i, 1, BLOCK(1), 10);
		at_free(stream, 100 * i + 50, BLOCK(1));
	}
	at_alloc(stream, 1000, 1, BLOCK(2), 10);
	at_free(stream, 1000 + HST_HEAP_SHORT_NS, BLOCK(2));
	at_leave(stream, 2000000);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	p50 = hst_latency_quantile(function_of(fixture, 0)->lifetimes, 0.5);
	assert_true(p50 >= 48 && p50 <= 52);
	assert_true(hst_latency_quantile(fixture->heap.lifetimes, 0.99) > 900000);
	/* exactly a millisecond is not below one */
	assert_int_equal(function_of(fixture, 0)->self.short_lived, 9);
}

static void test_heap_without_memory_says_so(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_leave(stream, 100);
	tracegen_header(gen)->memory = HST_MEMORY_OFF;
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_false(fixture->heap.recorded);
	assert_true(heap_has_note(fixture, "memory was not recorded"));
	assert_int_equal(fixture->heap.function_count, 0);
}

static void test_heap_losses_are_said(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	tracegen_ledger(stream)->memory_lost = 5;
	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 100);
	tracegen_gap(stream);
	at_free(stream, 20, BLOCK(1));
	at_leave(stream, 100);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(fixture->heap.lost, 5);
	assert_false(fixture->heap.complete);
	assert_true(heap_has_note(fixture, "5 events of allocation or free not recorded"));
	assert_true(heap_has_note(fixture, "1 chunk of events is missing"));
	assert_int_equal(function_of(fixture, 0)->self.frees, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, heap_setup, heap_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_heap_owner_is_the_innermost_call),
		CASE(test_heap_code_owns_where_no_call_is_open),
		CASE(test_heap_temporary_is_freed_before_the_owner_returns),
		CASE(test_heap_temporary_knows_stacks_and_longjmp),
		CASE(test_heap_recursion_counts_totals_once),
		CASE(test_heap_realloc_moves_and_grows),
		CASE(test_heap_realloc_ends_without_a_block),
		CASE(test_heap_realloc_pairs_nest),
		CASE(test_heap_killed_within_realloc_keeps_the_block),
		CASE(test_heap_failures_and_slack_and_zeroes),
		CASE(test_heap_allocator_time_is_without_ours),
		CASE(test_heap_allocator_time_is_not_more_than_has_passed),
		CASE(test_heap_lifetimes_are_those_of_freed_blocks),
		CASE(test_heap_without_memory_says_so),
		CASE(test_heap_losses_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
