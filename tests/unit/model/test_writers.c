/* SPDX-License-Identifier: Apache-2.0 */
/* Units, texts, JSON and CSV. */
#include "writers/csv.h"
#include "writers/json.h"
#include "writers/text.h"
#include "writers/units.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_ns(double ns, const char *expected)
{
	char text[HST_UNITS_BYTES];

	hst_units_ns(text, ns);
	assert_string_equal(text, expected);
}

static void test_units_have_three_digits(void **state)
{
	char text[HST_UNITS_BYTES];

	(void)state;
	expect_ns(0, "0 ns");
	expect_ns(999, "999 ns");
	expect_ns(999.6, "1.00 us");
	expect_ns(12345, "12.3 us");
	expect_ns(99960, "100 us");
	expect_ns(999600, "1.00 ms");
	expect_ns(1.5e9, "1.50 s");
	expect_ns(5e12, "5000 s");
	hst_units_count(text, 999999);
	assert_string_equal(text, "999999");
	hst_units_count(text, 17752150);
	assert_string_equal(text, "17.8 M");
	hst_units_bytes(text, 65536);
	assert_string_equal(text, "64.0 KiB");
	hst_units_percent(text, 1, 3);
	assert_string_equal(text, "33.3");
	hst_units_percent(text, 1, 0);
	assert_string_equal(text, "-");
}

static void test_text_clean_lets_no_control_through(void **state)
{
	char text[64];

	(void)state;
	(void)hst_text_clean(text, sizeof text, "a\x1b[1m\nb\xc2\x9b\xe2\x80\xae");
	assert_string_equal(text, "a?[1m?b??");
	(void)hst_text_clean(text, sizeof text, "\xff\xc0\x80\xed\xa0\x80ok");
	assert_string_equal(
		text, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdok");
	(void)hst_text_clean(text, 5, "ab\xc3\xa4\xc3\xa4");
	assert_string_equal(text, "ab\xc3\xa4");
	(void)hst_text_clean(text, sizeof text, NULL);
	assert_string_equal(text, "");
}

static void test_text_cut_keeps_both_ends(void **state)
{
	(void)state;
	for (size_t width = 1; width < 30; width++) {
		char ascii[] = "std::vector::push_back";
		char wide[] = "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xe2\x82\xac_and_more";

		hst_text_cut(ascii, width, false);
		assert_true(hst_text_width(ascii) <= width);
		assert_int_equal(ascii[0], 's');
		hst_text_cut(wide, width, true);
		assert_true(hst_text_width(wide) <= width);
	}
}

static char *json_of(void (*write)(struct hst_json *json))
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	struct hst_json json;

	assert_non_null(out);
	hst_json_begin(&json, out);
	write(&json);
	hst_json_finish(&json);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void write_strange(struct hst_json *json)
{
	hst_json_row(json, NULL);
	hst_json_string(json, "a\"b", "\x01\\\n\xff\x7f\xc3\xa4");
	hst_json_double(json, "nan", NAN, 3);
	hst_json_double(json, "half", 0.5, 3);
	hst_json_u64(json, "big", UINT64_MAX);
	hst_json_i64(json, "low", -1);
	hst_json_string(json, "none", NULL);
	hst_json_list(json, "list");
	hst_json_bool(json, NULL, true);
	hst_json_null(json, NULL);
	hst_json_end(json);
	hst_json_end(json);
}

static void test_json_escapes_and_nulls(void **state)
{
	char *text = json_of(write_strange);

	(void)state;
	assert_string_equal(text,
		"{\"a\\\"b\":\"\\u0001\\\\\\n\\ufffd\\u007f\xc3\xa4\",\"nan\":null,\"half\":0.500,"
		"\"big\":18446744073709551615,\"low\":-1,\"none\":null,\"list\":[true,null]}\n");
	free(text);
}

static void test_csv_quotes_what_must_be(void **state)
{
	char *text = NULL;
	size_t bytes = 0;
	struct hst_csv csv = { .out = open_memstream(&text, &bytes) };

	(void)state;
	hst_csv_string(&csv, "plain");
	hst_csv_string(&csv, "a,\"b\"");
	hst_csv_string(&csv, "=cmd()");
	hst_csv_empty(&csv);
	hst_csv_string(&csv, "a\nb");
	hst_csv_u64(&csv, 7);
	hst_csv_line(&csv);
	assert_int_equal(fclose(csv.out), 0);
	assert_string_equal(text, "plain,\"a,\"\"b\"\"\",\"'=cmd()\",,a?b,7\r\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units_have_three_digits),
		cmocka_unit_test(test_text_clean_lets_no_control_through),
		cmocka_unit_test(test_text_cut_keeps_both_ends),
		cmocka_unit_test(test_json_escapes_and_nulls),
		cmocka_unit_test(test_csv_quotes_what_must_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
