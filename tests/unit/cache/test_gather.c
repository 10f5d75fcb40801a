/* SPDX-License-Identifier: Apache-2.0 */
/* Events with keys and results through the replay into logs. */
#include "calls.h"
#include "passes/cache_gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

/* Sites 1 and 2 are rows 1 and 2; a tick is 2 ns; a call costs 1 tick inside, 2 outside. */
struct fixture {
	struct hst_arena arena;
	struct hst_tally tallies[3];
	struct hst_site_row sites[3];
	struct hst_function_row rows[3];
	struct hst_cache_gather gather;
	struct hst_tallies shared;
	struct hst_replay replay;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (f == NULL) {
		return -1;
	}
	f->sites[1].row = 1;
	f->sites[2].row = 2;
	f->shared = (struct hst_tallies){ .items = f->tallies,
		.sites = f->sites,
		.rows = f->rows,
		.arena = &f->arena,
		.gather = &f->gather,
		.inside_256 = 256,
		.outside_256 = 512,
		.ns_per_tick = 2,
		.ns_32 = 2ull << 32 };
	hst_replay_init(&f->replay, &f->shared);
	f->replay.gather_thread = hst_cache_gather_stream(&f->gather, 7);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hst_replay_finish(&f->replay);
	hst_cache_gather_finish(&f->gather);
	hst_arena_finish(&f->arena);
	free(f);
	return 0;
}

static void feed(struct fixture *f, const struct hst_event *events, size_t count,
	const uint64_t *keys, size_t key_count)
{
	f->replay.keys = keys;
	f->replay.key_count = key_count;
	hst_replay_events(&f->replay, events, count);
}

#define FEED(f, events, keys) \
 feed(f, events, sizeof(events) / sizeof *(events), keys, sizeof(keys) / sizeof *(keys))

static void test_calls_come_with_cost_and_result(void **state)
{
	struct fixture *f = *state;
	const uint64_t keys[] = { 0xaa, 0xbb, 0xcc, 5, 6 };
	const struct hst_event events[] = {
		{ .ticks = 100, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 100, .kind = HST_EVENT_KEY, .value = 0 },
		{ .ticks = 110, .kind = HST_EVENT_ENTER, .site = 2 },
		{ .ticks = 110, .kind = HST_EVENT_KEY, .value = 1 },
		{ .ticks = 120, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 120, .kind = HST_EVENT_KEY, .value = 2 },
		{ .ticks = 130, .kind = HST_EVENT_RESULT, .value = 3, .reason = 2 },
		{ .ticks = 130, .kind = HST_EVENT_EXIT },
		{ .ticks = 150, .kind = HST_EVENT_EXIT },
		{ .ticks = 200, .kind = HST_EVENT_RESULT, .value = 4 },
		{ .ticks = 200, .kind = HST_EVENT_EXIT },
	};
	struct hst_cache_calls calls;
	const struct hst_cache_call *call;

	FEED(f, events, keys);
	assert_int_equal(f->gather.logs.count, 3);
	assert_int_equal(f->gather.logs.items[1].calls.count, 2);
	calls = calls_of(&f->gather.logs.items[1]);
	call = &calls.items[1];
	assert_int_equal(call->key, 0xcc);
	assert_int_equal(call->result, 5);
	assert_int_equal(call->has_result, 1);
	assert_int_equal(call->depth, 1);
	assert_int_equal(call->start_ns, 240);
	assert_int_equal(call->end_ns, 260);
	assert_int_equal(call->cost_ns, 18); /* 10 ticks - 1 */
	call = &calls.items[0];              /* begins first, ends last */
	assert_int_equal(call->key, 0xaa);
	assert_int_equal(call->depth, 0);
	assert_int_equal(call->cost_ns, 2 * (100 - 1 - 2 * 3));
	assert_true(f->gather.logs.items[1].parents); /* the inner one has another one */
	free(calls.items);
	calls = calls_of(&f->gather.logs.items[2]);
	call = &calls.items[0];
	assert_int_equal(call->key, 0xbb);
	assert_int_equal(call->has_result, 0);
	free(calls.items);
	assert_false(f->gather.logs.items[2].parents);
	assert_int_equal(f->gather.unended, 0);
	assert_int_equal(f->gather.unmatched, 0);
	assert_int_equal(hst_cache_gather_settle(&f->gather), 2);
	assert_int_equal(f->gather.logs.items[0].row, 1);
	assert_int_equal(f->gather.logs.items[1].row, 2);
}

/* Two calls of row 1 with one of row 2 in each, then one of row 1 alone. */
static void feed_pairs(struct fixture *f)
{
	const uint64_t keys[] = { 0xaa, 0xbb };
	const struct hst_event events[] = {
		{ .ticks = 100, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 100, .kind = HST_EVENT_KEY, .value = 0 },
		{ .ticks = 110, .kind = HST_EVENT_ENTER, .site = 2 },
		{ .ticks = 120, .kind = HST_EVENT_EXIT },
		{ .ticks = 200, .kind = HST_EVENT_EXIT },
		{ .ticks = 300, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 300, .kind = HST_EVENT_KEY, .value = 1 },
		{ .ticks = 310, .kind = HST_EVENT_EXIT },
		{ .ticks = 400, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 400, .kind = HST_EVENT_KEY, .value = 1 },
		{ .ticks = 500, .kind = HST_EVENT_EXIT },
	};

	FEED(f, events, keys);
}

/* What a baseline says: less for each call and those below it, and another time without arguments. */
static void test_corrected_costs(void **state)
{
	struct fixture *f = *state;
	double scales[] = { 1, 0.5, 1 };
	double owed[6] = { 0 };
	const struct hst_cache_correction correction = {
		.per_call_ns = 20, .scales = scales, .owed = owed, .rows = 3
	};
	struct hst_cache_calls calls;

	f->shared.empty_256 = 256; /* is in what a call takes less */
	f->gather.correction = &correction;
	feed_pairs(f);
	calls = calls_of(&f->gather.logs.items[1]);
	assert_int_equal(calls.count, 3);
	assert_int_equal(calls.items[0].cost_ns, 2 * (100 - 1 - 3) / 2 - 2 * 20);
	/* 9 - 20 is less than nothing: the next call pays */
	assert_int_equal(calls.items[1].cost_ns, 0);
	assert_int_equal(calls.items[2].cost_ns, 2 * (100 - 1) / 2 - 20 - 11);
	free(calls.items);
	assert_true(owed[2] > -1e-9);
}

/* A recursion: the outer call has paid for those within it, which take less than nothing by themselves. */
static void test_corrected_recursion(void **state)
{
	const uint64_t keys[] = { 0xaa, 0xbb };
	const struct hst_event events[] = {
		{ .ticks = 100, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 100, .kind = HST_EVENT_KEY, .value = 0 },
		{ .ticks = 110, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 110, .kind = HST_EVENT_KEY, .value = 1 },
		{ .ticks = 112, .kind = HST_EVENT_EXIT },
		{ .ticks = 120, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 120, .kind = HST_EVENT_KEY, .value = 1 },
		{ .ticks = 122, .kind = HST_EVENT_EXIT },
		{ .ticks = 200, .kind = HST_EVENT_EXIT },
	};
	struct fixture *f = *state;
	double scales[] = { 1, 1, 1 };
	double owed[6] = { 0 };
	const struct hst_cache_correction correction = {
		.per_call_ns = 20, .scales = scales, .owed = owed, .rows = 3
	};
	struct hst_cache_calls calls;

	f->gather.correction = &correction;
	FEED(f, events, keys);
	calls = calls_of(&f->gather.logs.items[1]);
	assert_int_equal(calls.count, 3);
	assert_int_equal(calls.items[0].cost_ns, 2 * (100 - 1 - 2 * 3) - 3 * 20);
	assert_int_equal(calls.items[1].cost_ns, 0);
	assert_int_equal(calls.items[2].cost_ns, 0);
	free(calls.items);
	assert_true(owed[3] < -30);
}

static void test_costs_without_a_baseline(void **state)
{
	struct fixture *f = *state;
	struct hst_cache_calls calls;

	f->shared.empty_256 = 256;
	feed_pairs(f);
	calls = calls_of(&f->gather.logs.items[1]);
	assert_int_equal(calls.items[0].cost_ns, 2 * (100 - 1 - 3 - 2));
	assert_int_equal(calls.items[1].cost_ns, 2 * (10 - 1 - 1));
	free(calls.items);
}

/* Keys without a call, words that are not there, calls without an end or that an exception ended. */
static void test_what_does_not_fit(void **state)
{
	struct fixture *f = *state;
	struct hst_cache_calls calls;
	const uint64_t keys[] = { 1 };
	const struct hst_event events[] = {
		{ .ticks = 1, .kind = HST_EVENT_KEY, .value = 0 },
		{ .ticks = 1, .kind = HST_EVENT_RESULT, .value = 0 },
		{ .ticks = 2, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 2, .kind = HST_EVENT_KEY, .value = 1 },
		{ .ticks = 3, .kind = HST_EVENT_RESULT, .value = 0 },
		{ .ticks = 3, .kind = HST_EVENT_EXIT },
		{ .ticks = 4, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 4, .kind = HST_EVENT_KEY, .value = 0 },
		{ .ticks = 5, .kind = HST_EVENT_RESULT, .value = 0 },
		{ .ticks = 5, .kind = HST_EVENT_EXIT_ERROR },
		{ .ticks = 6, .kind = HST_EVENT_ENTER, .site = 1 },
		{ .ticks = 6, .kind = HST_EVENT_KEY, .value = 0 },
	};

	FEED(f, events, keys);
	hst_replay_close(&f->replay, 10, HST_CLOSE_OPEN);
	assert_int_equal(f->gather.unmatched, 4);
	assert_int_equal(f->gather.unended, 1);
	assert_int_equal(f->gather.logs.items[1].calls.count, 1);
	calls = calls_of(&f->gather.logs.items[1]);
	assert_int_equal(calls.items[0].has_result, 0);
	free(calls.items);
}

static void test_memory_is_bounded(void **state)
{
	struct fixture *f = *state;

	f->gather.most = 1000;
	for (uint64_t i = 0; i < 20000; i++) {
		const uint64_t keys[] = { i % 5000, 9 };
		const struct hst_event events[] = {
			{ .ticks = 10 * i, .kind = HST_EVENT_ENTER, .site = 1 + i % 2 },
			{ .ticks = 10 * i, .kind = HST_EVENT_KEY, .value = 0 },
			{ .ticks = 10 * i + 5, .kind = HST_EVENT_RESULT, .value = 1 },
			{ .ticks = 10 * i + 5, .kind = HST_EVENT_EXIT },
		};

		FEED(f, events, keys);
		assert_true(f->gather.kept <= 1000);
	}
	assert_int_equal(f->gather.logs.items[1].total, 10000);
	assert_int_equal(f->gather.logs.items[2].total, 10000);
	assert_int_equal(f->gather.kept,
		f->gather.logs.items[1].calls.count + f->gather.logs.items[2].calls.count);
	assert_true(f->gather.logs.items[1].shift > 0);
	assert_int_equal(f->gather.open.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_calls_come_with_cost_and_result, setup, teardown),
		cmocka_unit_test_setup_teardown(test_corrected_costs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_corrected_recursion, setup, teardown),
		cmocka_unit_test_setup_teardown(test_costs_without_a_baseline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
