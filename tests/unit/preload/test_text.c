/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, numbers, patterns and options without libc. */
#include "core/options.h"
#include "core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_text_number_takes_suffixes_and_refuses_overflow(void **state)
{
	uint64_t number = 7;
	(void)state;

	assert_true(hst_text_number("12", &number));
	assert_int_equal(number, 12);
	assert_true(hst_text_number("3K", &number));
	assert_int_equal(number, 3072);
	assert_true(hst_text_number("2g", &number));
	assert_int_equal(number, 2ull << 30);
	assert_false(hst_text_number("", &number));
	assert_false(hst_text_number("-1", &number));
	assert_false(hst_text_number("99999999999999999999", &number));
	assert_false(hst_text_number("18446744073709551G", &number));
	assert_int_equal(number, 2ull << 30);
}

static void test_text_add_is_cut_at_the_capacity(void **state)
{
	char buffer[8];
	struct hst_text text = hst_text_begin(buffer, sizeof buffer);
	(void)state;

	hst_text_add(&text, "abc");
	hst_text_add_number(&text, 1234567);
	assert_string_equal(buffer, "abc1234");
	assert_true(text.full);
}

static void test_text_glob_matches_like_a_shell(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{ "lib*.so", "libfoo.so", true },
		{ "lib*.so", "libfoo.so.1", false },
		{ "*", "", true },
		{ "", "", true },
		{ "", "a", false },
		{ "?", "", false },
		{ "a?c*", "abc", true },
		{ "*a*b*c", "xxaxxbxxbxxc", true },
		{ "*a*b*c", "xxaxxcxxb", false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(
			hst_text_glob(cases[i].pattern, strlen(cases[i].pattern), cases[i].text),
			cases[i].matches);
	}
}

static void test_options_defaults_without_environment(void **state)
{
	char path[] = "PATH=/bin";
	char *none[] = { path, NULL };
	struct hst_options options;
	(void)state;

	hst_options_read(none, &options);
	assert_false(options.disabled);
	assert_true(options.children);
	assert_false(options.profile);
	assert_int_equal(options.limit_bytes, HST_LIMIT_DEFAULT);
	assert_false(options.seccomp_known);
	assert_null(options.data);
}

static void test_options_each_variable_reaches_its_field(void **state)
{
	char variables[][24] = { "HASTEN_DISABLE=1", "HASTEN_CHILDREN=0", "HASTEN_MODE=profile",
		"HASTEN_LIMIT=1M", "HASTEN_LAST=500", "HASTEN_DATA=/data",
		"HASTEN_PLAN=", "HASTEN_SECCOMP=0", "HASTEN_LIMITX=9" };
	char *environment[sizeof variables / sizeof variables[0] + 1] = { NULL };
	struct hst_options options;
	(void)state;

	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		environment[i] = variables[i];
	}
	hst_options_read(environment, &options);
	assert_true(options.disabled);
	assert_false(options.children);
	assert_true(options.profile);
	assert_int_equal(options.limit_bytes, 1u << 20);
	assert_int_equal(options.ring_ns, 500);
	assert_string_equal(options.data, "/data");
	assert_null(options.plan);
	assert_true(options.seccomp_known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_number_takes_suffixes_and_refuses_overflow),
		cmocka_unit_test(test_text_add_is_cut_at_the_capacity),
		cmocka_unit_test(test_text_glob_matches_like_a_shell),
		cmocka_unit_test(test_options_defaults_without_environment),
		cmocka_unit_test(test_options_each_variable_reaches_its_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
