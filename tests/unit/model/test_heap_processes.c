/* SPDX-License-Identifier: Apache-2.0 */
/* The heap pass: fork, exec, and what was only counted. */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* An image of a fork of `ppid` at `ns`. */
static struct tracegen *forked(uint32_t pid, uint32_t ppid, uint64_t ns)
{
	struct tracegen *gen = heap_trace(pid);
	struct hst_file_header *header = tracegen_header(gen);

	header->flags |= HST_FLAG_FORKED;
	header->ppid = ppid;
	header->fork_ticks = ticks_at(ns);
	header->start.ticks = ticks_at(ns + 100);
	header->start.mono_ns += ns + 100;
	return gen;
}

static const struct hst_heap_process *process_of(
	const struct heap_fixture *fixture, uint32_t pid, size_t image)
{
	for (size_t i = 0; i < fixture->heap.process_count; i++) {
		if (fixture->heap.processes[i].pid == pid && image-- == 0) {
			return &fixture->heap.processes[i];
		}
	}
	abort();
}

/* A parent with three blocks, one of which it frees after the fork at 1000; its child frees another. */
static void family(struct heap_fixture *fixture)
{
	struct tracegen *parent = heap_trace(50);
	struct tracegen *child = forked(7, 50, 1000);
	struct tracegen *grandchild = forked(9, 7, 5000);
	struct tracegen_stream *stream = tracegen_thread(parent, 50, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 100);
	at_alloc(stream, 20, 1, BLOCK(2), 200);
	at_alloc(stream, 30, 1, BLOCK(3), 400);
	at_free(stream, 2000, BLOCK(1));
	at_alloc(stream, 3000, 2, BLOCK(4), 50);
	at_leave(stream, 4000);

	stream = tracegen_thread(child, 7, HST_LANE_MAIN, NULL);
	tracegen_inherit(stream, REGION(0), REGION(0));
	at_free(stream, 2000, BLOCK(1));
	at_free(stream, 2500, BLOCK(2));
	at_alloc(stream, 3000, 3, BLOCK(2), 1000);
	at_leave(stream, 9000);

	stream = tracegen_thread(grandchild, 9, HST_LANE_MAIN, NULL);
	at_free(stream, 6000, BLOCK(2));
	at_free(stream, 6100, BLOCK(3));
	at_free(stream, 6200, BLOCK(1));
	/* the order on disk is that of the pids, not that of the births */
	fixture_add(&fixture->base, child);
	fixture_add(&fixture->base, grandchild);
	fixture_add(&fixture->base, parent);
}

static void test_heap_fork_begins_with_the_parents_blocks(void **state)
{
	struct heap_fixture *fixture = *state;
	const struct hst_heap_process *process;

	family(fixture);
	heap_read(fixture, 0);
	process = process_of(fixture, 50, 0);
	assert_false(process->forked);
	assert_int_equal(process->sum.allocs, 4);
	assert_int_equal(process->sum.frees, 1);
	assert_int_equal(process->sum.leaked_bytes, 650);
	assert_int_equal(process->sum.peak_bytes, 700);
	process = process_of(fixture, 7, 0);
	assert_true(process->forked);
	assert_int_equal(process->inherited, 3);
	assert_int_equal(process->inherited_bytes, 700);
	assert_int_equal(process->inherited_left, 1);
	assert_int_equal(process->inherited_left_bytes, 400);
	assert_int_equal(process->unmatched, 0);
	assert_int_equal(process->sum.allocs, 1);
	assert_int_equal(process->sum.frees, 0);
	assert_int_equal(process->sum.leaked_bytes, 1000);
	assert_int_equal(process->sum.peak_bytes, 1400);
	process = process_of(fixture, 9, 0);
	assert_int_equal(process->inherited, 2);
	assert_int_equal(process->inherited_bytes, 1400);
	assert_int_equal(process->inherited_left, 0);
	assert_int_equal(process->unmatched, 1);
	assert_int_equal(process->sum.leaked, 0);
	/* f0 asked for all of them, in the child too */
	assert_int_equal(function_of(fixture, 0)->self.allocs, 5);
	assert_int_equal(function_of(fixture, 0)->self.frees, 1);
	assert_int_equal(function_of(fixture, 0)->self.leaked_bytes, 1650);
	assert_int_equal(function_of(fixture, 0)->self.at_peak_bytes, 1400);
	assert_int_equal(fixture->heap.processes[fixture->heap.peak_process].pid, 7);
}

static void test_heap_of_one_process_knows_what_it_began_with(void **state)
{
	struct heap_fixture *fixture = *state;

	family(fixture);
	heap_read(fixture, 9);
	assert_int_equal(fixture->heap.process_count, 1);
	assert_int_equal(fixture->heap.processes[0].inherited_bytes, 1400);
	assert_int_equal(fixture->heap.sum.allocs, 0);
	assert_int_equal(fixture->heap.sum.peak_bytes, 1400);
	/* what others asked for is not counted, but they hold it */
	assert_int_equal(function_of(fixture, 0)->self.allocs, 0);
	assert_int_equal(function_of(fixture, 0)->self.leaked, 0);
	assert_int_equal(function_of(fixture, 0)->self.at_peak_bytes, 1400);
	assert_int_equal(function_of(fixture, 0)->sizes[10], 0);
}

static void test_heap_fork_without_a_known_parent(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = forked(7, 50, 1000);
	struct tracegen_stream *stream = tracegen_thread(gen, 7, HST_LANE_MAIN, NULL);

	at_free(stream, 2000, BLOCK(1));
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(fixture->heap.processes[0].unmatched, 1);
	assert_int_equal(fixture->heap.processes[0].inherited, 0);
}

static void test_heap_fork_after_the_parents_last_event(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *parent = heap_trace(3);
	struct tracegen *child = forked(4, 3, 90000);
	struct tracegen_stream *stream = tracegen_thread(parent, 3, HST_LANE_MAIN, NULL);

	at_alloc(stream, 10, 1, BLOCK(1), 100);
	stream = tracegen_thread(child, 4, HST_LANE_MAIN, NULL);
	at_free(stream, 95000, BLOCK(1));
	fixture_add(&fixture->base, parent);
	fixture_add(&fixture->base, child);
	heap_read(fixture, 0);
	assert_int_equal(process_of(fixture, 4, 0)->inherited, 1);
	assert_int_equal(process_of(fixture, 4, 0)->unmatched, 0);
	assert_int_equal(process_of(fixture, 3, 0)->sum.leaked_bytes, 100);
}

static void test_heap_exec_leaves_no_leaks(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *first = heap_trace(3);
	struct tracegen *second = heap_trace(3);
	struct tracegen_stream *stream = tracegen_thread(first, 3, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_alloc(stream, 10, 1, BLOCK(1), 100);
	tracegen_header(first)->end_kind = HST_END_NONE;
	stream = tracegen_thread(second, 3, HST_LANE_MAIN, NULL);
	tracegen_header(second)->start.mono_ns += 5000;
	tracegen_header(second)->end_kind = HST_END_NONE;
	at_enter(stream, 6000, 1);
	at_alloc(stream, 6010, 2, BLOCK(1), 30);
	fixture_add(&fixture->base, first);
	fixture_add(&fixture->base, second);
	heap_read(fixture, 0);
	assert_true(process_of(fixture, 3, 0)->ends_by_exec);
	assert_false(process_of(fixture, 3, 0)->killed);
	assert_int_equal(process_of(fixture, 3, 0)->sum.leaked, 0);
	assert_int_equal(function_of(fixture, 0)->self.leaked_bytes, 0);
	assert_int_equal(function_of(fixture, 0)->self.bytes, 100);
	assert_true(heap_has_note(fixture, "with 1 blocks of 100 bytes"));
	/* nothing came after it */
	assert_true(process_of(fixture, 3, 1)->killed);
	assert_int_equal(process_of(fixture, 3, 1)->sum.leaked_bytes, 30);
	assert_int_equal(site_at(fixture, 2)->leaked_most, 30);
	assert_int_equal(site_at(fixture, 1)->leaked_most, 0);
}

static void test_heap_fork_with_a_used_pid_is_no_exec(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *first = heap_trace(3);
	struct tracegen *second = forked(3, 2, 5000);
	struct tracegen_stream *stream = tracegen_thread(first, 3, HST_LANE_MAIN, NULL);

	at_alloc(stream, 10, 1, BLOCK(1), 100);
	tracegen_header(first)->end_kind = HST_END_NONE;
	stream = tracegen_thread(second, 3, HST_LANE_MAIN, NULL);
	at_alloc(stream, 6010, 1, BLOCK(1), 30);
	fixture_add(&fixture->base, first);
	fixture_add(&fixture->base, second);
	heap_read(fixture, 0);
	assert_true(process_of(fixture, 3, 0)->killed);
	assert_int_equal(process_of(fixture, 3, 0)->sum.leaked_bytes, 100);
}

static void test_heap_counts_of_profile_mode_join(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	const uint32_t path[] = { 0, 1 };
	struct hst_profile_node nodes[] = {
		{ .min = UINT64_MAX },
		{ .ret = REGION(0), .fn = REGION(0), .calls = 1, .min = UINT64_MAX },
		{ .ret = REGION(1),
			.fn = REGION(1),
			.calls = 5,
			.parent = 1,
			.min = UINT64_MAX,
			.allocs = 10,
			.alloc_bytes = 1000,
			.freed = 6,
			.freed_bytes = 500,
			.peak_bytes = 700,
			.allocator_ticks = 400,
			.untracked = 1,
			.untracked_bytes = 100 },
		{ .ret = REGION(1),
			.fn = REGION(1),
			.calls = 5,
			.min = UINT64_MAX,
			.allocs = 2,
			.alloc_bytes = 50,
			.freed = 2,
			.freed_bytes = 50,
			.peak_bytes = 40 },
	};

	at_enter(stream, 0, 1);
	at_alloc(stream, 10, 1, BLOCK(1), 10000);
	at_free(stream, 20, BLOCK(1));
	at_leave(stream, 30);
	tracegen_limit(stream, ticks_at(40));
	tracegen_profile(gen, stream, nodes, 4, 16, NULL, 0);
	tracegen_header(gen)->peak_bytes = 720;
	tracegen_header(gen)->freed_early = 3;
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_true(fixture->heap.processes[0].profile_mode);
	assert_int_equal(function_of(fixture, 1)->self.allocs, 13);
	assert_int_equal(function_of(fixture, 1)->self.bytes, 11050);
	assert_int_equal(function_of(fixture, 1)->self.frees, 9);
	assert_int_equal(function_of(fixture, 1)->self.leaked, 3);
	assert_int_equal(function_of(fixture, 1)->self.leaked_bytes, 400);
	assert_int_equal(function_of(fixture, 1)->self.allocator_ns, 200);
	assert_int_equal(function_of(fixture, 1)->self.peak_bytes, 10000);
	assert_int_equal(context_of(fixture, path, 2)->sum.peak_bytes, 700);
	assert_int_equal(context_of(fixture, path, 2)->sum.allocs, 10);
	assert_int_equal(context_of(fixture, path, 1)->total_allocs, 10);
	assert_int_equal(function_of(fixture, 1)->total_allocs, 13);
	assert_int_equal(fixture->heap.sum.peak_bytes, 10000);
	assert_true(heap_has_note(fixture, "upper bounds"));
	assert_true(heap_has_note(fixture, "1 block could not be followed"));
	assert_true(heap_has_note(fixture, "3 blocks that came before counting began"));
}

static void test_heap_peak_of_profile_mode_is_the_processes(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_profile_node nodes[] = {
		{ .min = UINT64_MAX, .allocs = 1, .alloc_bytes = 8, .peak_bytes = 8 },
		{ .ret = REGION(0),
			.fn = REGION(0),
			.calls = 1,
			.min = UINT64_MAX,
			.allocs = 1,
			.alloc_bytes = 300,
			.peak_bytes = 300 },
		{ .ret = REGION(0),
			.fn = REGION(0),
			.calls = 1,
			.parent = 1,
			.min = UINT64_MAX,
			.allocs = 1,
			.alloc_bytes = 200,
			.peak_bytes = 200 },
	};

	tracegen_profile(gen, stream, nodes, 3, 16, NULL, 0);
	tracegen_header(gen)->peak_bytes = 450;
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	assert_int_equal(fixture->heap.sum.peak_bytes, 450);
	assert_int_equal(function_of(fixture, 0)->self.peak_bytes, 500);
	assert_int_equal(function_of(fixture, 0)->self.leaked_bytes, 500);
	assert_int_equal(function_of(fixture, 0)->total_bytes, 500);
	assert_int_equal(fixture->heap.sum.leaked_bytes, 508);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, heap_setup, heap_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_heap_fork_begins_with_the_parents_blocks),
		CASE(test_heap_of_one_process_knows_what_it_began_with),
		CASE(test_heap_fork_without_a_known_parent),
		CASE(test_heap_fork_after_the_parents_last_event),
		CASE(test_heap_exec_leaves_no_leaks),
		CASE(test_heap_fork_with_a_used_pid_is_no_exec),
		CASE(test_heap_counts_of_profile_mode_join),
		CASE(test_heap_peak_of_profile_mode_is_the_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
