/* SPDX-License-Identifier: Apache-2.0 */
#include "util/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_diag_set_writes_and_returns_the_status(void **state)
{
	struct hst_diag diag;

	(void)state;
	assert_int_equal(
		hst_diag_set(&diag, HST_E_DAMAGED, "file %s byte %d", "x", 7), HST_E_DAMAGED);
	assert_string_equal(diag.text, "file x byte 7");
	assert_int_equal(hst_diag_set(NULL, HST_E_IO, "nobody reads this"), HST_E_IO);
}

static void test_diag_set_cuts_long_text(void **state)
{
	char text[2 * HST_DIAG_BYTES];
	struct hst_diag diag;

	(void)state;
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = '\0';
	assert_int_equal(hst_diag_set(&diag, HST_E_IO, "%s", text), HST_E_IO);
	assert_int_equal(strlen(diag.text), HST_DIAG_BYTES - 1);
}

static void test_status_text_knows_every_status(void **state)
{
	(void)state;
#define HST_ERROR(NAME, number, text) assert_string_equal(hst_status_text(HST_E_##NAME), text);
#include "util/errors.def"
#undef HST_ERROR
	assert_string_equal(hst_status_text(HST_OK), "no error");
	assert_string_equal(hst_status_text((enum hst_status) - 9999), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diag_set_writes_and_returns_the_status),
		cmocka_unit_test(test_diag_set_cuts_long_text),
		cmocka_unit_test(test_status_text_knows_every_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
