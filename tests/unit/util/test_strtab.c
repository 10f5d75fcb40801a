/* SPDX-License-Identifier: Apache-2.0 */
#include "util/strtab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_strtab_equal_strings_have_equal_numbers(void **state)
{
	struct hst_strtab table = { 0 };
	char text[32];
	uint32_t ids[1000];
	uint32_t id;
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof text, "name%u", i);
		assert_int_equal(hst_strtab_add(&table, text, &ids[i]), HST_OK);
		assert_int_not_equal(ids[i], 0);
	}
	for (i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof text, "name%u", i);
		assert_int_equal(hst_strtab_add(&table, text, &id), HST_OK);
		assert_int_equal(id, ids[i]);
		assert_string_equal(hst_strtab_get(&table, id), text);
	}
	hst_strtab_finish(&table);
}

static void test_strtab_empty_is_number_zero(void **state)
{
	struct hst_strtab table = { 0 };
	uint32_t id = 9;

	(void)state;
	assert_string_equal(hst_strtab_get(&table, 0), "");
	assert_int_equal(hst_strtab_add(&table, NULL, &id), HST_OK);
	assert_int_equal(id, 0);
	id = 9;
	assert_int_equal(hst_strtab_add(&table, "", &id), HST_OK);
	assert_int_equal(id, 0);
	assert_int_equal(hst_strtab_add(&table, "x", &id), HST_OK);
	assert_string_equal(hst_strtab_get(&table, 0), "");
	assert_string_equal(hst_strtab_get(&table, 77), "");
	hst_strtab_finish(&table);
	hst_strtab_finish(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strtab_equal_strings_have_equal_numbers),
		cmocka_unit_test(test_strtab_empty_is_number_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
