/* SPDX-License-Identifier: Apache-2.0 */
#include "util/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS 5000u

static uint64_t key_of(uint32_t i)
{
	/* Keys that share low bits, as addresses do; 0 and the highest number among them. */
	return i == 1 ? UINT64_MAX : (uint64_t)i << 12;
}

static void test_map_get_finds_what_was_put(void **state)
{
	struct hst_map map = { 0 };
	uint32_t value;
	uint32_t i;

	(void)state;
	for (i = 0; i < KEYS; i++) {
		assert_false(hst_map_get(&map, key_of(i), &value));
		assert_int_equal(hst_map_put(&map, key_of(i), i * 3), HST_OK);
	}
	assert_int_equal(map.count, KEYS);
	for (i = 0; i < KEYS; i++) {
		assert_true(hst_map_get(&map, key_of(i), &value));
		assert_int_equal(value, i * 3);
	}
	assert_false(hst_map_get(&map, key_of(KEYS), &value));
	hst_map_finish(&map);
}

static void test_map_put_again_replaces(void **state)
{
	struct hst_map map = { 0 };
	uint32_t value = 0;

	(void)state;
	assert_int_equal(hst_map_put(&map, 7, 1), HST_OK);
	assert_int_equal(hst_map_put(&map, 7, UINT32_MAX), HST_OK);
	assert_int_equal(map.count, 1);
	assert_true(hst_map_get(&map, 7, &value));
	assert_int_equal(value, UINT32_MAX);
	hst_map_clear(&map);
	assert_false(hst_map_get(&map, 7, &value));
	hst_map_finish(&map);
	hst_map_finish(NULL);
}

static void test_map_foreach_visits_each_key_once(void **state)
{
	struct hst_map map = { 0 };
	struct hst_map_slot *slot;
	uint64_t sum = 0;
	uint32_t i;

	(void)state;
	hst_map_foreach(&map, slot) {
		fail();
	}
	for (i = 1; i <= 100; i++) {
		assert_int_equal(hst_map_put(&map, i, i), HST_OK);
	}
	hst_map_foreach(&map, slot) {
		assert_int_equal(slot->key, slot->value);
		sum += slot->value;
	}
	assert_int_equal(sum, 5050);
	hst_map_finish(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_get_finds_what_was_put),
		cmocka_unit_test(test_map_put_again_replaces),
		cmocka_unit_test(test_map_foreach_visits_each_key_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
