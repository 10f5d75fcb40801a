/* SPDX-License-Identifier: Apache-2.0 */
#include "util/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_arena_alloc_gives_zeroed_aligned_memory(void **state)
{
	struct hst_arena arena = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		unsigned char *memory = hst_arena_alloc(&arena, i);
		size_t j;

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % 16, 0);
		for (j = 0; j < i; j++) {
			assert_int_equal(memory[j], 0);
		}
		memset(memory, 0xff, i);
	}
	hst_arena_finish(&arena);
	assert_null(arena.blocks);
}

static void test_arena_big_request_keeps_the_small_block(void **state)
{
	struct hst_arena arena = { 0 };
	char *first = hst_arena_alloc(&arena, 16);
	char *big = hst_arena_alloc(&arena, 8u << 20);
	char *second = hst_arena_alloc(&arena, 16);

	(void)state;
	assert_non_null(big);
	memset(big, 1, 8u << 20);
	assert_ptr_equal(second, first + 16);
	hst_arena_finish(&arena);
}

static void test_arena_overflow_is_refused(void **state)
{
	struct hst_arena arena = { 0 };

	(void)state;
	assert_null(hst_arena_alloc(&arena, SIZE_MAX - 3));
	assert_null(hst_arena_array(&arena, SIZE_MAX / 2, 4));
	assert_null(hst_arena_string_n(&arena, "", SIZE_MAX));
	hst_arena_finish(&arena);
}

static void test_arena_strings_are_copies(void **state)
{
	struct hst_arena arena = { 0 };
	char text[] = "hello";
	char *whole = hst_arena_string(&arena, text);
	char *part = hst_arena_string_n(&arena, text, 4);

	(void)state;
	text[0] = 'j';
	assert_string_equal(whole, "hello");
	assert_string_equal(part, "hell");
	hst_arena_finish(&arena);
	hst_arena_finish(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_alloc_gives_zeroed_aligned_memory),
		cmocka_unit_test(test_arena_big_request_keeps_the_small_block),
		cmocka_unit_test(test_arena_overflow_is_refused),
		cmocka_unit_test(test_arena_strings_are_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
