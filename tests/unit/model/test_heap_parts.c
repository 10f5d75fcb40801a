/* SPDX-License-Identifier: Apache-2.0 */
/* The table of live blocks and the ranges of address space, against plain ones. */
#include "hasten/trace.h"
#include "passes/heap_live.h"
#include "passes/heap_ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#define BLOCKS 512u
#define PAGES  200u

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void test_heap_live_finds_what_is_there(void **state)
{
	struct hst_heap_live live = { 0 };
	struct hst_heap_block gone;
	bool is_there = false;
	uint64_t there[BLOCKS] = { 0 };
	size_t count = 0;
	uint32_t seed = 1;

	(void)state;
	assert_null(hst_heap_live_find(&live, 16));
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t number = next_random(&seed) % BLOCKS;
		/* Pages apart: all homes of a small table. */
		uint64_t address = 0x7f0000000000ull + 4096ull * number;
		struct hst_heap_block *block = hst_heap_live_find(&live, address);

		if (there[number] == 0) {
			assert_null(block);
			block = hst_heap_live_put(&live, address, &is_there);
			assert_non_null(block);
			block->bytes = there[number] = i + 1;
			count++;
		} else {
			assert_non_null(block);
			assert_int_equal(block->bytes, there[number]);
			assert_true(hst_heap_live_take(&live, block->address, &gone));
			there[number] = 0;
			count--;
		}
		assert_int_equal(live.count, count);
	}
	hst_heap_live_clear(&live);
	assert_null(hst_heap_live_find(&live, 0x7f0000000000ull));
	hst_heap_live_finish(&live);
}

static void test_heap_live_grows(void **state)
{
	struct hst_heap_live live = { 0 };
	struct hst_heap_block gone;
	bool is_there = false;

	(void)state;
	for (uint64_t i = 1; i <= 100000; i++) {
		hst_heap_live_put(&live, 16 * i, &is_there)->bytes = i;
	}
	for (uint64_t i = 1; i <= 100000; i += 2) {
		assert_true(hst_heap_live_take(&live, 16 * i, &gone));
	}
	for (uint64_t i = 1; i <= 100000; i++) {
		struct hst_heap_block *block = hst_heap_live_find(&live, 16 * i);

		assert_true((block == NULL) == (i % 2 == 1));
		assert_true(block == NULL || block->bytes == i);
	}
	assert_int_equal(live.count, 50000);
	hst_heap_live_finish(&live);
}

static void test_heap_doubts_are_of_other_threads(void **state)
{
	struct hst_heap_doubts doubts = { 0 };

	(void)state;
	doubts.items[doubts.count++] =
		(struct hst_heap_doubt){ .block.address = 16, .ticks = 1, .thread = 1 };
	doubts.items[doubts.count++] =
		(struct hst_heap_doubt){ .block.address = 32, .ticks = 2, .thread = 1 };
	doubts.items[doubts.count++] =
		(struct hst_heap_doubt){ .block.address = 16, .ticks = 3, .thread = 2 };
	assert_int_equal(hst_heap_doubts_find(&doubts, 16, 1), 2);
	assert_int_equal(hst_heap_doubts_find(&doubts, 16, 3), 0);
	assert_int_equal(hst_heap_doubts_find(&doubts, 48, 3), UINT32_MAX);
	hst_heap_doubts_remove(&doubts, 0);
	assert_int_equal(hst_heap_doubts_find(&doubts, 16, 3), 1);
	assert_int_equal(hst_heap_doubts_find(&doubts, 32, 1), UINT32_MAX);
}

static uint64_t plain_bytes(const uint8_t *pages)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < PAGES; i++) {
		bytes += pages[i] == 2 ? 4096 : 0;
	}
	return bytes;
}

static void test_heap_ranges_agree_with_pages(void **state)
{
	struct hst_heap_ranges ranges = { 0 };
	uint8_t pages[PAGES] = { 0 };
	uint32_t seed = 5;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t lo = next_random(&seed) % PAGES;
		uint32_t count = next_random(&seed) % (i % 16 == 0 ? PAGES : 6);
		uint32_t what = next_random(&seed) % 3; /* unmapped, address space only, counted */

		count = lo + count > PAGES ? PAGES - lo : count;
		memset(pages + lo, (int)what, count);
		if (what == 0) {
			assert_true(hst_heap_ranges_unmap(&ranges, 4096ull * lo, 4096ull * count));
		} else {
			assert_true(hst_heap_ranges_map(
				&ranges, 4096ull * lo, 4096ull * count, what == 2));
		}
		assert_int_equal(ranges.bytes, plain_bytes(pages));
	}
	/* Places are used again. */
	assert_true(ranges.items.count < 4 * PAGES);
	hst_heap_ranges_finish(&ranges);
}

static void test_heap_ranges_take_any_number(void **state)
{
	struct hst_heap_ranges ranges = { 0 };

	(void)state;
	assert_true(hst_heap_ranges_unmap(&ranges, 0, 4096));
	assert_true(hst_heap_ranges_map(&ranges, UINT64_MAX - 10, 4096, true));
	assert_int_equal(ranges.bytes, 10);
	assert_true(hst_heap_ranges_unmap(&ranges, 0, UINT64_MAX));
	assert_int_equal(ranges.bytes, 0);
	hst_heap_ranges_clear(&ranges);
	/* Ascending: a plain tree would be a list, and this would take hours. */
	for (uint64_t i = 0; i < 300000; i++) {
		assert_true(hst_heap_ranges_map(&ranges, 8192 * i, 4096, true));
	}
	assert_int_equal(ranges.bytes, 300000ull * 4096);
	for (uint64_t i = 300000; i-- > 0;) {
		assert_true(hst_heap_ranges_unmap(&ranges, 8192 * i + 1024, 1024));
	}
	assert_int_equal(ranges.bytes, 300000ull * 3072);
	assert_true(hst_heap_ranges_unmap(&ranges, 0, 8192ull * 300000));
	assert_int_equal(ranges.bytes, 0);
	hst_heap_ranges_finish(&ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heap_live_finds_what_is_there),
		cmocka_unit_test(test_heap_live_grows),
		cmocka_unit_test(test_heap_doubts_are_of_other_threads),
		cmocka_unit_test(test_heap_ranges_agree_with_pages),
		cmocka_unit_test(test_heap_ranges_take_any_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
