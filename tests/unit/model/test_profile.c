/* SPDX-License-Identifier: Apache-2.0 */
/* The profile pass on recordings whose truth is known. Times are nanoseconds, multiples of 2. */
#include "pass.h"

#include "copied.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

static void test_profile_nested_calls_split_self_and_total(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(stream, 100, 1);
	at_enter(stream, 200, 2);
	at_leave(stream, 260);
	at_leave(stream, 400);
	at_leave(stream, 1000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->total_ns, 1000);
	assert_int_equal(row_of(fixture, 0)->self_ns, 700);
	assert_int_equal(row_of(fixture, 1)->total_ns, 300);
	assert_int_equal(row_of(fixture, 1)->self_ns, 240);
	assert_int_equal(row_of(fixture, 2)->self_ns, 60);
	assert_int_equal(row_of(fixture, 2)->min_ns, 60);
	assert_int_equal(row_of(fixture, 2)->max_ns, 60);
	assert_int_equal(fixture->profile.calls, 3);
	assert_int_equal(fixture->profile.wall_ns, 1000);
	assert_true(fixture->profile.complete);
}

static void test_profile_recursion_counts_total_once(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	for (uint64_t i = 0; i < 50; i++) {
		at_enter(stream, 10 * i, i % 2);
	}
	for (uint64_t i = 0; i < 50; i++) {
		at_leave(stream, 500 + 10 * i);
	}
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->total_ns, 990);
	assert_int_equal(row_of(fixture, 1)->total_ns, 970);
	assert_int_equal(row_of(fixture, 0)->self_ns + row_of(fixture, 1)->self_ns, 990);
	assert_int_equal(row_of(fixture, 0)->calls, 25);
	assert_true((row_of(fixture, 0)->flags & HST_ROW_RECURSIVE) != 0);
}

static void test_profile_deep_recursion_is_followed(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	for (uint64_t i = 0; i < 100000; i++) {
		at_enter(stream, 10 * i, 3);
	}
	for (uint64_t i = 0; i < 100000; i++) {
		at_leave(stream, 1000000 + 10 * i);
	}
	fixture_add(fixture, gen);
	fixture_read(fixture, &(struct hst_profile_options){ .contexts = true, .edges = true });
	assert_int_equal(row_of(fixture, 3)->calls, 100000);
	assert_int_equal(row_of(fixture, 3)->total_ns, 1999990);
	assert_true(fixture->profile.context_count < 2000);
}

static void test_profile_errors_are_those_of_each_frame(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(stream, 10, 1);
	at_enter(stream, 20, 2);
	tracegen_unwind(stream, ticks_at(50), 1, 2);
	at_enter(stream, 60, 1);
	tracegen_exit_error(stream, ticks_at(80));
	at_enter(stream, 90, 2);
	tracegen_unwind(stream, ticks_at(100), 2, 1);
	at_leave(stream, 200);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->errors, 0);
	assert_int_equal(row_of(fixture, 1)->errors, 2);
	assert_int_equal(row_of(fixture, 2)->errors, 1);
	assert_int_equal(row_of(fixture, 2)->calls, 2);
	assert_int_equal(row_of(fixture, 2)->returned, 0);
	assert_int_equal(row_of(fixture, 1)->total_ns, 60);
	assert_true((row_of(fixture, 2)->flags & HST_ROW_REPAIRED) != 0);
}

static void test_profile_own_cost_is_taken_out(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	/* 5 ns within the callee, 10 ns within the caller */
	tracegen_header(gen)->cost_inside_256 = 10 * 256;
	tracegen_header(gen)->cost_outside_256 = 20 * 256;
	at_enter(stream, 0, 0);
	for (uint64_t i = 0; i < 10; i++) {
		at_enter(stream, 100 + 100 * i, 1);
		at_leave(stream, 150 + 100 * i);
	}
	at_enter(stream, 2000, 2);
	at_leave(stream, 2002);
	at_leave(stream, 3000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->self_ns, 10 * 45);
	assert_int_equal(row_of(fixture, 1)->max_ns, 45);
	/* never below 0 */
	assert_int_equal(row_of(fixture, 2)->self_ns, 0);
	assert_int_equal(row_of(fixture, 0)->self_ns, 3000 - 500 - 2 - 5 - 11 * 10);
	assert_int_equal(row_of(fixture, 0)->total_ns, 3000 - 5 - 11 * 15);
	assert_int_equal(row_of(fixture, 1)->compensated_ns, 50);
	assert_int_equal(row_of(fixture, 2)->compensated_ns, 2);
	assert_int_equal(fixture->profile.compensated_ns, 50 + 2 + 115);
}

static void test_profile_open_calls_count_to_the_end(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *other = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(stream, 10, 1);
	at_enter(other, 20, 2);
	at_enter(other, 60, 3);
	at_leave(other, 100);
	tracegen_thread_end(other, ticks_at(140));
	tracegen_end(gen, ticks_at(1000), HST_END__EXIT, 0);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->total_ns, 1000);
	assert_int_equal(row_of(fixture, 0)->calls, 1);
	assert_int_equal(row_of(fixture, 0)->returned, 0);
	assert_int_equal(row_of(fixture, 0)->open, 1);
	assert_int_equal(row_of(fixture, 1)->self_ns, 990);
	/* its thread ended before the process did */
	assert_int_equal(row_of(fixture, 2)->total_ns, 120);
}

static void test_profile_killed_process_ends_with_its_last_event(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *other = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(other, 100, 1);
	at_leave(other, 400);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->total_ns, 400);
	assert_int_equal(row_of(fixture, 1)->calls, 1);
	assert_true(has_note(fixture, "did not say how they ended"));
}

static void test_profile_fork_goes_on_with_the_parents_frames(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_leave(stream, 500);
	fixture_add(fixture, gen);
	gen = fixture_trace(2);
	tracegen_header(gen)->flags |= HST_FLAG_FORKED;
	stream = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);
	tracegen_inherit(stream, REGION(0), REGION(0));
	at_enter(stream, 100, 1);
	at_leave(stream, 150);
	at_leave(stream, 300);
	tracegen_end(gen, ticks_at(300), HST_END_EXIT, 0);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 0)->calls, 1);
	assert_int_equal(row_of(fixture, 0)->returned, 1);
	assert_int_equal(row_of(fixture, 0)->total_ns, 500 + 200);
	assert_int_equal(row_of(fixture, 0)->self_ns, 500 + 150);
	assert_int_equal(fixture->profile.processes, 2);
	fixture_read(fixture, &(struct hst_profile_options){ .pid = 2 });
	assert_int_equal(row_of(fixture, 0)->total_ns, 200);
	assert_int_equal(row_of(fixture, 0)->calls, 0);
}

static void test_profile_fibers_have_stacks_of_their_own(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(stream, 100, 1);
	tracegen_switch(stream, ticks_at(200), 7);
	at_enter(stream, 300, 2);
	tracegen_switch(stream, ticks_at(400), 0);
	at_leave(stream, 500);
	tracegen_switch(stream, ticks_at(600), 7);
	at_leave(stream, 700);
	tracegen_switch(stream, ticks_at(800), 0);
	at_leave(stream, 1000);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->self_ns, 200);
	assert_int_equal(row_of(fixture, 1)->total_ns, 400);
	assert_int_equal(row_of(fixture, 2)->self_ns, 200);
	assert_int_equal(row_of(fixture, 2)->total_ns, 400);
	/* 0-100, 500-600, 800-1000 */
	assert_int_equal(row_of(fixture, 0)->self_ns, 400);
	assert_int_equal(row_of(fixture, 0)->total_ns, 1000);
	assert_true((row_of(fixture, 2)->flags & HST_ROW_UNCERTAIN) != 0);
}

static void test_profile_paused_time_belongs_to_nobody(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(stream, 100, 1);
	tracegen_pause(stream, ticks_at(200));
	tracegen_rollover(stream);
	at_leave(stream, 5200);
	at_leave(stream, 5300);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_int_equal(row_of(fixture, 1)->total_ns, 100);
	assert_int_equal(row_of(fixture, 0)->total_ns, 300);
	assert_int_equal(row_of(fixture, 0)->self_ns, 200);
}

static void test_profile_gap_is_a_loss_and_nobodys_time(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(stream, 100, 1);
	at_leave(stream, 200);
	tracegen_gap(stream);
	at_enter(stream, 1000, 1);
	at_leave(stream, 1100);
	at_leave(stream, 1200);
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	assert_false(fixture->profile.complete);
	assert_int_equal(fixture->profile.gaps, 1);
	assert_int_equal(row_of(fixture, 0)->total_ns, 1200);
	assert_int_equal(row_of(fixture, 0)->self_ns, 200);
	assert_int_equal(row_of(fixture, 1)->calls, 2);
	assert_true((row_of(fixture, 0)->flags & HST_ROW_REPAIRED) != 0);
}

/* `caller` NULL: the thread. */
static uint64_t calls_between(
	const struct fixture *fixture, const struct hst_function_row *caller, uint32_t callee)
{
	const struct hst_function_row *rows = fixture->profile.functions;
	uint32_t from = caller == NULL ? UINT32_MAX : (uint32_t)(caller - rows);

	for (size_t i = 0; i < fixture->profile.edge_count; i++) {
		const struct hst_edge *edge = &fixture->profile.edges[i];

		if (edge->caller == from && &rows[edge->callee] == row_of(fixture, callee)) {
			return edge->calls;
		}
	}
	return 0;
}

/*
 * 99 calls of f1 in f0, each within the one before it; then a gap; then all return, and each chunk
 * lists at most 64 frames (and fewer where chunks are small).
 */
static void add_deep_gap(struct fixture *fixture)
{
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	for (uint64_t i = 0; i < 99; i++) {
		at_enter(stream, 10 + 10 * i, 1);
	}
	tracegen_gap(stream);
	at_enter(stream, 2000, 2);
	for (uint64_t i = 0; i < 51; i++) {
		at_leave(stream, 2010 + 10 * i);
	}
	tracegen_rollover(stream);
	at_enter(stream, 3000, 3);
	at_leave(stream, 3100);
	for (uint64_t i = 0; i < 50; i++) {
		at_leave(stream, 3110 + 10 * i);
	}
	fixture_add(fixture, gen);
}

static void test_profile_frames_unknown_behind_a_gap_get_their_names_later(void **state)
{
	struct fixture *fixture = *state;
	struct hst_profile_options options = { .contexts = true, .edges = true };
	uint64_t self = 0;

	add_deep_gap(fixture);
	fixture_read(fixture, &options);
	assert_int_equal(row_of(fixture, 0)->calls, 1);
	assert_int_equal(row_of(fixture, 1)->calls, 99);
	assert_int_equal(row_of(fixture, 3)->calls, 1);
	/* Before the gap; from when it was known to be there until it returned. */
	assert_int_equal(row_of(fixture, 0)->total_ns, 990 + 3600 - 2000);
	assert_int_equal(row_of(fixture, 0)->self_ns, 10 + 10);
	assert_int_equal(row_of(fixture, 1)->total_ns, 980 + 3590 - 2000);
	assert_int_equal(row_of(fixture, 3)->total_ns, 100);
	/* Nobody's time but that of the gap. */
	for (size_t i = 0; i < fixture->profile.function_count; i++) {
		self += fixture->profile.functions[i].self_ns;
	}
	assert_int_equal(self, 990 + 3600 - 2000);
	assert_int_equal(fixture->profile.functions[0].self_ns, 0);
	self = 0;
	for (size_t i = 0; i < fixture->profile.context_count; i++) {
		self += fixture->profile.contexts[i].self_ns;
	}
	assert_int_equal(self, 990 + 3600 - 2000);
	assert_int_equal(calls_between(fixture, NULL, 0), 1);
	assert_int_equal(calls_between(fixture, NULL, 1), 0);
	assert_int_equal(calls_between(fixture, row_of(fixture, 0), 1), 1);
	assert_int_equal(calls_between(fixture, row_of(fixture, 1), 1), 98);
	assert_int_equal(calls_between(fixture, row_of(fixture, 1), 3), 1);
}

/* Events until 100, then a tree with six calls of f1 and the open f0. */
static void add_limited(struct fixture *fixture)
{
	struct hst_profile_node nodes[3] = { 0 };
	struct hst_profile_open open = { .start = ticks_at(100), .node = 1, .carried = 1 };
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);

	at_enter(stream, 0, 0);
	at_enter(stream, 50, 1);
	at_leave(stream, 60);
	tracegen_limit(stream, ticks_at(100));
	nodes[1] = (struct hst_profile_node){
		.ret = REGION(0), .fn = REGION(0), .active = 1, .min = UINT64_MAX
	};
	nodes[2] = (struct hst_profile_node){ .ret = REGION(1),
		.fn = REGION(1),
		.parent = 1,
		.calls = 6,
		.total = 120,
		.self = 120,
		.min = 16,
		.max = 24,
		.errors = 1 };
	nodes[2].histogram[hst_histogram_bucket(20)] = 5;
	(void)tracegen_profile(gen, stream, nodes, 3, 8, &open, 1);
	tracegen_header(gen)->flags |= HST_FLAG_LIMIT_REACHED;
	tracegen_end(gen, ticks_at(1000), HST_END_EXIT, 0);
	fixture_add(fixture, gen);
}

static void test_profile_limit_joins_events_and_tree(void **state)
{
	struct fixture *fixture = *state;

	add_limited(fixture);
	fixture_read(fixture, &(struct hst_profile_options){
				      .contexts = true, .edges = true, .thread_functions = true });
	assert_int_equal(row_of(fixture, 0)->calls, 1);
	assert_int_equal(row_of(fixture, 0)->open, 1);
	assert_int_equal(row_of(fixture, 0)->total_ns, 1000);
	assert_int_equal(row_of(fixture, 0)->self_ns, 1000 - 10 - 60);
	assert_int_equal(row_of(fixture, 1)->calls, 7);
	assert_int_equal(row_of(fixture, 1)->returned, 6);
	assert_int_equal(row_of(fixture, 1)->errors, 1);
	assert_int_equal(row_of(fixture, 1)->total_ns, 70);
	assert_int_equal(row_of(fixture, 1)->min_ns, 8);
	assert_int_equal(row_of(fixture, 1)->max_ns, 12);
	assert_true((row_of(fixture, 1)->flags & HST_ROW_PROFILE) != 0);
	assert_true(fixture->profile.complete);
	assert_true(has_note(fixture, "the limit was reached"));
	assert_int_equal(fixture->profile.thread_count, 1);
	assert_int_equal(fixture->profile.threads[0].calls, 8);
	assert_int_equal(fixture->profile.thread_function_count, 2);
	/* root, f0, f1: the tree found the contexts of the events */
	assert_int_equal(fixture->profile.context_count, 3);
	assert_int_equal(fixture->profile.contexts[0].total_ns, 1000);
	assert_int_equal(fixture->profile.edge_count, 2);
}

static void test_profile_contexts_and_edges_agree_with_rows(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	uint64_t self = 0;
	uint64_t calls = 0;

	at_enter(stream, 0, 0);
	for (uint64_t i = 0; i < 3; i++) {
		at_enter(stream, 100 + 300 * i, 1);
		at_enter(stream, 110 + 300 * i, 2);
		at_enter(stream, 120 + 300 * i, 1);
		at_leave(stream, 130 + 300 * i);
		at_leave(stream, 150 + 300 * i);
		at_leave(stream, 200 + 300 * i);
	}
	at_leave(stream, 1000);
	fixture_add(fixture, gen);
	for (int fold = 0; fold < 2; fold++) {
		struct hst_profile_options options = {
			.contexts = true, .edges = true, .fold_recursion = fold != 0
		};

		fixture_read(fixture, &options);
		self = 0;
		calls = 0;
		for (size_t i = 1; i < fixture->profile.context_count; i++) {
			self += fixture->profile.contexts[i].self_ns;
			calls += fixture->profile.contexts[i].calls;
		}
		assert_int_equal(self, 1000);
		assert_int_equal(calls, 10);
		assert_int_equal(fixture->profile.contexts[0].total_ns, 1000);
		assert_int_equal(fixture->profile.context_count, fold != 0 ? 4 : 5);
	}
	/* thread-f0, f0-f1, f1-f2, f2-f1 */
	assert_int_equal(fixture->profile.edge_count, 4);
	assert_int_equal(fixture->profile.edges[1].calls, 3);
	assert_int_equal(fixture->profile.edges[1].total_ns, 300);
	assert_int_equal(fixture->profile.edges[3].total_ns, 30);
}

static void test_profile_threads_add_up(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	uint64_t calls = 0;

	for (uint32_t t = 0; t < 20; t++) {
		struct tracegen_stream *stream = tracegen_thread(gen, 100 + t, HST_LANE_MAIN, NULL);

		at_enter(stream, 10 * t, 0);
		at_enter(stream, 10 * t + 10, 1);
		at_leave(stream, 10 * t + 20);
		if (t % 2 == 0) {
			at_leave(stream, 10 * t + 100);
			tracegen_thread_end(stream, ticks_at(10 * t + 100));
		}
	}
	tracegen_end(gen, ticks_at(1000), HST_END_EXIT, 0);
	fixture_add(fixture, gen);
	fixture_read(fixture, &(struct hst_profile_options){ .thread_functions = true });
	assert_int_equal(fixture->profile.thread_count, 20);
	assert_int_equal(fixture->profile.thread_function_count, 40);
	for (size_t i = 0; i < fixture->profile.thread_function_count; i++) {
		calls += fixture->profile.thread_functions[i].calls;
		assert_int_equal(fixture->profile.thread_functions[i].calls, 1);
	}
	assert_int_equal(calls, fixture->profile.calls);
	/* ten that returned after 100, ten that were open until 1000 */
	assert_int_equal(row_of(fixture, 0)->total_ns,
		10 * 100 + 10 * 1000 - 10 * (1 + 3 + 5 + 7 + 9 + 11 + 13 + 15 + 17 + 19));
	assert_int_equal(row_of(fixture, 0)->flags & HST_ROW_RECURSIVE, 0);
	fixture_read(fixture, &(struct hst_profile_options){ .tid = 104 });
	assert_int_equal(fixture->profile.calls, 2);
}

static int first_base(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	*(uint64_t *)data = info->dlpi_addr;
	return 1;
}

/* The test program itself is the module of the trace. */
static void test_profile_copies_of_a_headers_function_are_one_row(void **state)
{
	struct fixture *fixture = *state;
	struct tracegen *gen = fixture_trace(1);
	struct tracegen_stream *stream;
	uint64_t copies[2] = { (uint64_t)(uintptr_t)&copied, other_copy() };
	char path[4096] = "";
	uint64_t base = 0;
	size_t rows = 0;

	assert_true(copies[0] != copies[1]);
	assert_true(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
	(void)dl_iterate_phdr(first_base, &base);
	tracegen_module(gen, path, base, base, base + (1u << 30), NULL, 0);
	stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	for (uint64_t i = 0; i < 2; i++) {
		tracegen_enter(stream, ticks_at(100 * i), copies[i] + 4, copies[i]);
		at_leave(stream, 100 * i + 50);
	}
	fixture_add(fixture, gen);
	fixture_read(fixture, NULL);
	for (size_t i = 0; i < fixture->profile.function_count; i++) {
		const struct hst_function_row *row = &fixture->profile.functions[i];

		if (strcmp(row->name, "copied") == 0) {
			rows++;
			assert_int_equal(row->calls, 2);
			assert_int_equal(row->self_ns, 100);
			assert_int_equal(row->inlined_calls, 0);
		}
	}
	assert_int_equal(rows, 1);
}

static void test_profile_without_files_of_that_process_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct hst_profile_options options = { .pid = 99 };
	struct hst_profile profile = { 0 };
	struct hst_session session;
	struct hst_diag diag = { "" };

	fixture_add(fixture, fixture_trace(1));
	assert_int_equal(hst_session_open(fixture->dir, &session, &diag), HST_OK);
	assert_int_equal(hst_profile_read(&session, &options, &profile, &diag), HST_E_EMPTY);
	assert_true(diag.text[0] != '\0');
	hst_session_close(&session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_profile_nested_calls_split_self_and_total),
		TEST(test_profile_recursion_counts_total_once),
		TEST(test_profile_deep_recursion_is_followed),
		TEST(test_profile_errors_are_those_of_each_frame),
		TEST(test_profile_own_cost_is_taken_out),
		TEST(test_profile_open_calls_count_to_the_end),
		TEST(test_profile_killed_process_ends_with_its_last_event),
		TEST(test_profile_fork_goes_on_with_the_parents_frames),
		TEST(test_profile_fibers_have_stacks_of_their_own),
		TEST(test_profile_paused_time_belongs_to_nobody),
		TEST(test_profile_gap_is_a_loss_and_nobodys_time),
		TEST(test_profile_frames_unknown_behind_a_gap_get_their_names_later),
		TEST(test_profile_limit_joins_events_and_tree),
		TEST(test_profile_contexts_and_edges_agree_with_rows),
		TEST(test_profile_threads_add_up),
		TEST(test_profile_copies_of_a_headers_function_are_one_row),
		TEST(test_profile_without_files_of_that_process_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
