/* SPDX-License-Identifier: Apache-2.0 */
#include "util/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_vec_push_keeps_order(void **state)
{
	HST_VEC(int) vec = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_true(hst_vec_push(&vec, i));
	}
	assert_int_equal(vec.count, 1000);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(vec.items[i], i);
	}
	hst_vec_finish(&vec);
	assert_null(vec.items);
	assert_int_equal(vec.capacity, 0);
}

static void test_vec_room_overflow_keeps_the_items(void **state)
{
	HST_VEC(uint64_t) vec = { 0 };

	(void)state;
	assert_true(hst_vec_push(&vec, 42));
	assert_false(hst_vec_room(&vec.items, &vec.capacity, SIZE_MAX / 4, sizeof *vec.items));
	assert_int_equal(vec.items[0], 42);
	hst_vec_finish(&vec);
}

static void test_vec_reserve_makes_room_without_items(void **state)
{
	HST_VEC(char) vec = { 0 };

	(void)state;
	assert_true(hst_vec_reserve(&vec, 100));
	assert_int_equal(vec.count, 0);
	assert_true(vec.capacity >= 100);
	hst_vec_finish(&vec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vec_push_keeps_order),
		cmocka_unit_test(test_vec_room_overflow_keeps_the_items),
		cmocka_unit_test(test_vec_reserve_makes_room_without_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
