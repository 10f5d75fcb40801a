/* SPDX-License-Identifier: Apache-2.0 */
/* Which results are failures by name and type, and what the user says of functions. */
#include "symbols/failures.h"
#include "symbols/recipes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

static const struct hst_recipe_enum good[] = { { "HST_OK", 0 }, { "HST_E_IO", -1 } };
static const struct hst_recipe_enum empty[] = { { "EMPTY", 0 }, { "FULL", 1 } };

static const struct hst_recipe_shape pointer = { .form = HST_FORM_POINTER };
static const struct hst_recipe_shape boolean = { .form = HST_FORM_BOOL };
static const struct hst_recipe_shape number = { .form = HST_FORM_SIGNED };
static const struct hst_recipe_shape positive = { .form = HST_FORM_UNSIGNED };
static const struct hst_recipe_shape status = { .form = HST_FORM_ENUM, .enums = 2, .names = good };
static const struct hst_recipe_shape filling = {
	.form = HST_FORM_ENUM, .enums = 2, .names = empty
};

static const struct {
	const char *name, *type;
	const struct hst_recipe_shape *shape;
	uint64_t size;
	enum hst_failure failure;
} cases[] = {
	{ "make_node", "void *", &pointer, 8, HST_FAILURE_NULL },
	{ "anything", "char *", &pointer, 8, HST_FAILURE_NULL },
	{ "Tree::findNode", "Node *", &pointer, 8, HST_FAILURE_NONE },
	{ "list_next", "struct node *", &pointer, 8, HST_FAILURE_NONE },
	{ "nextish", "struct node *", &pointer, 8, HST_FAILURE_NULL },
	{ "XMLReader::parseFile", "bool", &boolean, 1, HST_FAILURE_FALSE },
	{ "readXML", "bool", &boolean, 1, HST_FAILURE_FALSE },
	{ "open::isReady", "bool", &boolean, 1, HST_FAILURE_NONE },
	{ "is_open", "bool", &boolean, 1, HST_FAILURE_NONE },
	{ "file_is_written", "bool", &boolean, 1, HST_FAILURE_NONE },
	{ "can_read", "bool", &boolean, 1, HST_FAILURE_NONE },
	{ "history", "bool", &boolean, 1, HST_FAILURE_NONE },
	{ "table_add", "bool", &boolean, 1, HST_FAILURE_FALSE },
	{ "open", "int", &number, 4, HST_FAILURE_NEGATIVE },
	{ "add", "int", &number, 4, HST_FAILURE_NONE },
	{ "compare_open", "int", &number, 4, HST_FAILURE_NONE },
	{ "read_byte", "signed char", &number, 1, HST_FAILURE_NONE },
	{ "amount", "ssize_t", &number, 8, HST_FAILURE_NEGATIVE },
	{ "amount", "errno_t", &number, 4, HST_FAILURE_NONZERO },
	{ "open", "unsigned int", &positive, 4, HST_FAILURE_NONE },
	{ "anything", "enum hst_status", &status, 4, HST_FAILURE_NONZERO },
	{ "anything", "enum color", &status, 4, HST_FAILURE_NONE },
	{ "anything", "enum fill_status", &filling, 4, HST_FAILURE_NONE },
};

static void test_failures_by_name_and_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_failure_rule rule = hst_failures_judge(
			cases[i].name, cases[i].type, cases[i].shape, cases[i].size);

		if (rule.failure != cases[i].failure) {
			fail_msg("%s %s(): %s, not %s", cases[i].type, cases[i].name,
				hst_failure_text((enum hst_failure)rule.failure),
				hst_failure_text(cases[i].failure));
		}
		assert_false(rule.declared);
	}
}

static struct hst_function_rules *rules_of(const char *text)
{
	struct hst_function_rules *rules = NULL;
	struct hst_diag diag = { "" };

	if (hst_function_rules_parse(text, strlen(text), "it", &rules, &diag) != HST_OK) {
		fail_msg("%s", diag.text);
	}
	return rules;
}

static void test_function_rules_take_the_last_line_that_fits(void **state)
{
	struct hst_function_rules *rules = rules_of(
		"# a comment\n\n key  std::map<int, long>::at*   address \n"
		"key read_* content # as it is\nkey read_raw address\r\nstatus read_* negative\nstatus *_raw none\n");
	struct hst_function_names map = { "at", "std::map<int, long>::at(int const&)", "_Zat" };
	struct hst_function_names raw = { "read_raw", "read_raw", NULL };
	struct hst_function_names line = { "read_line", NULL, "read_line" };
	struct hst_function_names none = { NULL, NULL, "other" };
	enum hst_failure failure = HST_FAILURES;

	(void)state;
	assert_int_equal(hst_function_rules_key(rules, &map), HST_KEY_ADDRESS);
	assert_int_equal(hst_function_rules_key(rules, &raw), HST_KEY_ADDRESS);
	assert_int_equal(hst_function_rules_key(rules, &line), HST_KEY_CONTENT);
	assert_int_equal(hst_function_rules_key(rules, &none), HST_KEY_BY_TYPE);
	assert_int_equal(hst_function_rules_key(NULL, &raw), HST_KEY_BY_TYPE);
	assert_true(hst_function_rules_failure(rules, &raw, &failure));
	assert_int_equal(failure, HST_FAILURE_NONE);
	assert_true(hst_function_rules_failure(rules, &line, &failure));
	assert_int_equal(failure, HST_FAILURE_NEGATIVE);
	assert_false(hst_function_rules_failure(rules, &map, &failure));
	hst_function_rules_destroy(rules);
}

static void test_function_rules_digest_is_of_keys_alone(void **state)
{
	struct hst_function_rules *none = rules_of("status a none\n");
	struct hst_function_rules *one = rules_of("key a address\n");
	struct hst_function_rules *same = rules_of("status b null\n#\nkey  a  address\n");
	struct hst_function_rules *other = rules_of("key a content\n");

	(void)state;
	assert_int_equal(hst_function_rules_digest(none), 0);
	assert_int_not_equal(hst_function_rules_digest(one), 0);
	assert_int_equal(hst_function_rules_digest(one), hst_function_rules_digest(same));
	assert_int_not_equal(hst_function_rules_digest(one), hst_function_rules_digest(other));
	hst_function_rules_destroy(none);
	hst_function_rules_destroy(one);
	hst_function_rules_destroy(same);
	hst_function_rules_destroy(other);
}

static void test_function_rules_wrong_lines_are_named(void **state)
{
	static const char *const texts[] = { "key\n", "key a\n", "\nkey a addres\n", "status a\n",
		"status a zero\n", "word a address\n", "key  address\n" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct hst_function_rules *rules = NULL;
		struct hst_diag diag = { "" };

		assert_int_equal(
			hst_function_rules_parse(texts[i], strlen(texts[i]), "it", &rules, &diag),
			HST_E_USAGE);
		assert_non_null(strstr(diag.text, i == 2 ? "'it', line 2" : "'it', line 1"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_by_name_and_type),
		cmocka_unit_test(test_function_rules_take_the_last_line_that_fits),
		cmocka_unit_test(test_function_rules_digest_is_of_keys_alone),
		cmocka_unit_test(test_function_rules_wrong_lines_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
