/* SPDX-License-Identifier: Apache-2.0 */
/* The heap pass: blocks that pass between threads, and clocks that disagree a little. */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_heap_pairs_across_threads(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *maker = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *taker = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);

	at_enter(maker, 0, 0);
	at_enter(taker, 0, 1);
	for (uint32_t i = 0; i < 1000; i++) {
		/* Always the same address: only the order tells whose it is. */
		at_alloc(maker, 10000 + 10000 * i, 1, BLOCK(1), 10 + i);
		at_free(taker, 15000 + 10000 * i, BLOCK(1));
	}
	at_leave(maker, 30000000);
	at_leave(taker, 30000000);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 0)->self.allocs, 1000);
	assert_int_equal(function_of(fixture, 0)->self.frees, 1000);
	assert_int_equal(function_of(fixture, 0)->self.foreign, 1000);
	assert_int_equal(function_of(fixture, 0)->self.temporary, 0);
	assert_int_equal(function_of(fixture, 0)->self.peak_bytes, 1009);
	assert_int_equal(fixture->heap.processes[0].unmatched, 0);
	assert_int_equal(fixture->heap.processes[0].overlapped, 0);
	assert_int_equal(function_of(fixture, 1)->self.allocs, 0);
}

static void test_heap_handler_is_part_of_its_thread(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *handler = tracegen_thread(gen, 1, HST_LANE_SIGNAL, stream);

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 10);
	at_free(handler, 20, BLOCK(1));
	at_leave(stream, 100);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 0)->self.foreign, 0);
	assert_int_equal(function_of(fixture, 0)->self.frees, 1);
}

/* A free and the allocation of its address in another thread, `later` ns after each other. */
static void hand_over(struct heap_fixture *fixture, int64_t later, bool order)
{
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *first = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *second = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);
	struct tracegen_stream *old = order ? first : second;
	struct tracegen_stream *young = order ? second : first;

	at_alloc(old, 1000, 1, BLOCK(1), 10);
	at_free(old, (uint64_t)(50000 + later), BLOCK(1));
	at_alloc(young, 50000, 2, BLOCK(1), 300);
	at_free(young, 90000, BLOCK(1));
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
}

static void test_heap_free_at_the_same_moment_comes_first(void **state)
{
	struct heap_fixture *fixture = *state;

	for (int order = 0; order < 2; order++) {
		hand_over(fixture, 0, order != 0);
	}
	/* both files */
	for (uint32_t place = 1; place <= 2; place++) {
		uint64_t frees = 0;

		for (size_t i = 0; i < fixture->heap.site_count; i++) {
			frees += fixture->heap.sites[i].offset == PLACE(place)
					 ? fixture->heap.sites[i].sum.frees
					 : 0;
		}
		assert_int_equal(frees, 2);
	}
	assert_int_equal(fixture->heap.sum.peak_bytes, 300);
	assert_int_equal(fixture->heap.sum.leaked, 0);
	assert_true(fixture->heap.complete);
}

static void test_heap_late_free_belongs_to_the_older_block(void **state)
{
	struct heap_fixture *fixture = *state;

	hand_over(fixture, 900, true);
	assert_int_equal(code_of(fixture, 1)->self.frees, 1);
	assert_int_equal(code_of(fixture, 1)->lifetimes->count, 1);
	assert_int_equal(code_of(fixture, 2)->self.frees, 1);
	assert_true(hst_latency_quantile(code_of(fixture, 2)->lifetimes, 0.5) > 30000);
	assert_int_equal(fixture->heap.processes[0].overlapped, 0);
	assert_int_equal(fixture->heap.processes[0].unmatched, 0);
	/* never both at a time */
	assert_int_equal(fixture->heap.sum.peak_bytes, 300);
	assert_true(fixture->heap.complete);
}

static void test_heap_unseen_free_is_counted(void **state)
{
	struct heap_fixture *fixture = *state;

	/* too late to be the older one's: the younger one goes, then nothing is there */
	hand_over(fixture, 1500, true);
	assert_int_equal(fixture->heap.processes[0].overlapped, 1);
	assert_int_equal(fixture->heap.processes[0].unmatched, 1);
	assert_int_equal(code_of(fixture, 1)->self.frees, 1);
	assert_null(code_of(fixture, 1)->lifetimes);
	assert_int_equal(fixture->heap.sum.leaked, 0);
	assert_false(fixture->heap.complete);
	assert_true(heap_has_note(fixture, "1 block went unseen"));
}

static void test_heap_own_free_is_never_the_older_blocks(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_alloc(stream, 1000, 1, BLOCK(1), 10);
	at_alloc(stream, 2000, 2, BLOCK(1), 30);
	at_free(stream, 2100, BLOCK(1));
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(fixture->heap.processes[0].overlapped, 1);
	assert_null(code_of(fixture, 1)->lifetimes);
	assert_int_equal(code_of(fixture, 2)->lifetimes->count, 1);
	assert_int_equal(fixture->heap.sum.leaked, 0);
}

static void test_heap_early_free_finds_its_block(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *maker = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *taker = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);

	at_free(taker, 1000, BLOCK(1));
	at_alloc(maker, 1060, 1, BLOCK(1), 10);
	at_free(taker, 5000, BLOCK(2));
	at_alloc(maker, 7000, 1, BLOCK(2), 10);
	at_free(maker, 9000, BLOCK(3));
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(code_of(fixture, 1)->self.allocs, 2);
	assert_int_equal(code_of(fixture, 1)->self.frees, 1);
	assert_int_equal(code_of(fixture, 1)->self.foreign, 1);
	assert_int_equal(code_of(fixture, 1)->self.leaked, 1);
	assert_int_equal(fixture->heap.processes[0].unmatched, 2);
	assert_true(heap_has_note(fixture, "2 frees of blocks that were not seen to come"));
	assert_true(fixture->heap.complete);
}

static void test_heap_very_many_doubts_are_no_trouble(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	for (uint32_t i = 0; i < 1000; i++) {
		at_alloc(stream, 1000, 1, BLOCK(i), 10);
	}
	for (uint32_t i = 0; i < 1000; i++) {
		at_alloc(stream, 2000, 2, BLOCK(i), 10);
		at_free(stream, 2000, BLOCK(5000 + i));
	}
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(fixture->heap.processes[0].overlapped, 1000);
	assert_int_equal(fixture->heap.processes[0].unmatched, 1000);
	assert_int_equal(code_of(fixture, 1)->self.frees, 1000);
	assert_int_equal(code_of(fixture, 2)->self.leaked, 1000);
	assert_int_equal(fixture->heap.sum.peak_bytes, 10000);
}

static void test_heap_thousands_of_threads(void **state)
{
	enum {
		THREADS = 3000
	};
	struct heap_fixture *fixture = *state;
	struct tracegen_options options = {
		.start_ticks = ticks_at(0), .pid = 1, .chunk_bytes = 512, .no_tails = true
	};
	struct tracegen *gen = tracegen_create(&options);
	static struct tracegen_stream *threads[THREADS];

	tracegen_header(gen)->memory = HST_MEMORY_ON;
	tracegen_region(gen, 0, "f0");
	for (uint32_t i = 0; i < THREADS; i++) {
		threads[i] = tracegen_thread(gen, i + 1, HST_LANE_MAIN, NULL);
		at_enter(threads[i], 10 * i, 0);
		at_alloc(threads[i], 100000 + 10 * i, 1, BLOCK(i), 16);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		/* each frees the block of the one before it, after all have begun */
		at_free(threads[i], 10000000 + 10 * i, BLOCK((i + THREADS - 1) % THREADS));
		at_leave(threads[i], 20000000 + 10 * i);
		tracegen_thread_end(threads[i], ticks_at(20000000 + 10 * i));
	}
	tracegen_end(gen, ticks_at(30000000), HST_END_EXIT, 0);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(function_of(fixture, 0)->self.allocs, THREADS);
	assert_int_equal(function_of(fixture, 0)->self.foreign, THREADS);
	assert_int_equal(function_of(fixture, 0)->self.peak_bytes, 16 * THREADS);
	assert_int_equal(fixture->heap.sum.leaked, 0);
	assert_true(fixture->heap.complete);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, heap_setup, heap_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_heap_pairs_across_threads),
		CASE(test_heap_handler_is_part_of_its_thread),
		CASE(test_heap_free_at_the_same_moment_comes_first),
		CASE(test_heap_late_free_belongs_to_the_older_block),
		CASE(test_heap_unseen_free_is_counted),
		CASE(test_heap_own_free_is_never_the_older_blocks),
		CASE(test_heap_early_free_finds_its_block),
		CASE(test_heap_very_many_doubts_are_no_trouble),
		CASE(test_heap_thousands_of_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
