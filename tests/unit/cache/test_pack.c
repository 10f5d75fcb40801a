/* SPDX-License-Identifier: Apache-2.0 */
/* Packed calls come out as they went in: small and huge numbers, many keys, once and again. */
#include "calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define COUNT 60000u

/* Few bits more often than many; now and then one that no recorder writes. */
static uint64_t odd_number(uint64_t *random)
{
	return next_random(random) >> next_random(random) % 64;
}

static void make(struct hst_cache_call *calls, uint64_t seed, uint64_t keys)
{
	memset(calls, 0, COUNT * sizeof *calls);
	for (uint64_t i = 0; i < COUNT; i++) {
		struct hst_cache_call *call = &calls[i];

		call->key = next_random(&seed) % keys;
		call->key = call->key % 3 == 0 ? call->key : next_random(&call->key);
		call->has_result = next_random(&seed) % 4 != 0;
		call->result = call->has_result != 0 ? odd_number(&seed) : 0;
		call->depth = next_random(&seed) % 5 == 0 ? (uint16_t)next_random(&seed) : 0;
		call->thread = next_random(&seed) % 7 == 0 ? (uint32_t)odd_number(&seed) : 3;
		call->start_ns = odd_number(&seed);
		call->end_ns = odd_number(&seed);
		call->cost_ns = odd_number(&seed);
	}
}

static void check(struct hst_cache_pack *pack, bool consume, const struct hst_cache_call *calls)
{
	struct hst_cache_pack_reader reader;
	struct hst_cache_call call;
	size_t at = 0;

	hst_cache_pack_open(&reader, pack, consume);
	while (hst_cache_pack_next(&reader, &call)) {
		assert_true(at < COUNT);
		assert_int_equal(call.key, calls[at].key);
		assert_int_equal(call.result, calls[at].result);
		assert_int_equal(call.has_result, calls[at].has_result);
		assert_int_equal(call.depth, calls[at].depth);
		assert_int_equal(call.thread, calls[at].thread);
		assert_int_equal(call.start_ns, calls[at].start_ns);
		assert_int_equal(call.end_ns, calls[at].end_ns);
		assert_int_equal(call.cost_ns, calls[at].cost_ns);
		at++;
	}
	assert_int_equal(at, COUNT);
	assert_int_equal(hst_cache_pack_close(&reader), HST_OK);
	assert_int_equal(pack->count, consume ? 0 : COUNT);
}

static void test_as_they_went_in(void **state)
{
	static const uint64_t keys[] = { 1, 3, 100, 5000, UINT64_MAX };
	static struct hst_cache_call calls[COUNT];

	(void)state;
	for (uint32_t i = 0; i < 2 * sizeof keys / sizeof keys[0]; i++) {
		struct hst_cache_pack pack = { .numbered = i % 2 != 0 };

		make(calls, i, keys[i / 2]);
		for (size_t call = 0; call < COUNT; call++) {
			assert_int_equal(hst_cache_pack_add(&pack, &calls[call]), HST_OK);
		}
		check(&pack, false, calls);
		check(&pack, true, calls);
		assert_null(pack.first);
		hst_cache_pack_finish(&pack);
	}
}

static void test_none(void **state)
{
	struct hst_cache_pack pack = { 0 };
	struct hst_cache_pack_reader reader;
	struct hst_cache_call call;

	(void)state;
	hst_cache_pack_open(&reader, &pack, true);
	assert_false(hst_cache_pack_next(&reader, &call));
	assert_int_equal(hst_cache_pack_close(&reader), HST_OK);
	hst_cache_pack_finish(&pack);
}

static void test_order_of_threads(void **state)
{
	struct hst_cache_log log = { 0 };
	struct hst_cache_calls calls;

	(void)state;
	for (uint32_t thread = 0; thread < 5; thread++) {
		for (uint64_t i = 0; i < 100; i++) {
			struct hst_cache_call call = call_at(i * 5 + thread % 3, 1, i, thread);

			call.thread = thread;
			add(&log, call);
		}
	}
	calls = calls_of(&log);
	for (size_t i = 1; i < 500; i++) {
		assert_true(calls.items[i - 1].start_ns <= calls.items[i].start_ns);
	}
	/* threads 0 and 3 begin at the same times: 0 stays before 3 */
	assert_int_equal(calls.items[0].thread, 0);
	assert_int_equal(calls.items[1].thread, 3);
	free(calls.items);
	hst_cache_log_finish(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_they_went_in),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_order_of_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
