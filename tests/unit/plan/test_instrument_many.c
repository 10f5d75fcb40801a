/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of programs of many functions: the same as by a look at each name, but in a number of steps that grows as the names do. */
#include "plan/instrument.h"
#include "plan/substrings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct hst_instrument set;
static char (*names)[96];
static uint64_t state_of_random;

static uint32_t random_below(uint32_t bound)
{
	state_of_random = state_of_random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state_of_random >> 33) % bound;
}

/* The mangled name of a member of a class in a namespace, of a template, or an identifier of C. */
static void name_one(char *name, size_t bytes, uint32_t i)
{
	static const char *const words[] = { "get", "set", "find", "insert", "erase", "begin",
		"end", "size", "push_back", "emplace", "parse", "visit", "emit", "lower", "fold",
		"walk" };
	const char *word = words[random_below(16)];
	char member[40];
	char scope[24];

	snprintf(member, sizeof member, "%s%u", word, random_below(i + 8));
	snprintf(scope, sizeof scope, "Class%u", random_below(i / 16 + 4));
	switch (i % 4) {
	case 0:
		snprintf(name, bytes, "_ZN4core%zu%s%zu%sEv", strlen(scope), scope, strlen(member),
			member);
		break;
	case 1:
		snprintf(name, bytes, "_ZN2ns%zu%sIiE%zu%sEPKc", strlen(scope), scope,
			strlen(member), member);
		break;
	case 2:
		snprintf(name, bytes, "_ZN4core6detail%zu%sEii", strlen(member), member);
		break;
	default:
		snprintf(name, bytes, "%s_of_c", member);
		break;
	}
}

static void make(uint32_t count)
{
	state_of_random = 1;
	names = calloc(count, sizeof *names);
	assert_non_null(names);
	for (uint32_t i = 0; i < count; i++) {
		static char files[64][32];
		char *file = files[random_below(64)];
		struct hst_instrument_function function = {
			.linkage = names[i], .name = names[i], .full = names[i], .module = "app"
		};

		snprintf(file, sizeof files[0], "/s/file%u.cpp", (unsigned)(file - files[0]) / 32);
		name_one(names[i], sizeof names[i], i);
		function.file = file;
		function.calls = 1;
		assert_int_equal(hst_instrument_add(&set, &function), HST_OK);
	}
	assert_int_equal(hst_instrument_prepare(&set), HST_OK);
	for (uint32_t i = 0; i < count; i++) {
		struct hst_instrument_function *function = &set.functions.items[i];

		function->kept = i % 7 == 0;
		function->out = !function->kept;
	}
}

static int teardown(void **state)
{
	(void)state;
	hst_instrument_finish(&set);
	free(names);
	names = NULL;
	return 0;
}

static bool takes_another(const char *entry, uint32_t *ret_first)
{
	for (size_t i = 0; i < set.functions.count; i++) {
		const struct hst_instrument_function *other = &set.functions.items[i];

		if (!other->out && !other->system && hst_instrument_may_match(&set, entry, other)) {
			*ret_first = (uint32_t)i;
			return true;
		}
	}
	return false;
}

static void check_one(const struct hst_instrument_function *function)
{
	uint32_t first = HST_INSTRUMENT_NONE;

	if (function->means == HST_MEANS_LIST) {
		assert_false(takes_another(function->entry, &first));
		assert_non_null(strstr(function->certain, function->entry));
	} else if (function->certain != NULL) {
		/* There was a reason, and it is told. */
		assert_true(takes_another(function->certain, &first));
		assert_int_equal(function->would_lose, first);
	}
}

static void check_all(bool only_kept)
{
	size_t listed = 0;

	make(1500);
	assert_int_equal(hst_instrument_find_means(&set, only_kept), HST_OK);
	for (size_t i = 0; i < set.functions.count; i++) {
		if (set.functions.items[i].out) {
			check_one(&set.functions.items[i]);
			listed += set.functions.items[i].means == HST_MEANS_LIST;
		}
	}
	assert_true(listed > set.functions.count / 4);
	assert_true(listed < set.functions.count * 6 / 7);
}

static void test_entries_are_as_by_a_look_at_each(void **state)
{
	(void)state;
	check_all(false);
}

static void test_short_entries_are_as_by_a_look_at_each(void **state)
{
	(void)state;
	check_all(true);
}

static uint64_t steps_of(uint32_t count, bool only_kept)
{
	uint64_t steps;

	make(count);
	assert_int_equal(hst_instrument_find_means(&set, only_kept), HST_OK);
	steps = set.steps;
	assert_true(steps > count);
	teardown(NULL);
	return steps;
}

/* Four times the functions: n log n is some five times the steps, by pairs it would be sixteen times. */
static void test_steps_grow_as_the_names_do(void **state)
{
	(void)state;
	for (int only_kept = 0; only_kept < 2; only_kept++) {
		uint64_t few = steps_of(5000, only_kept != 0);
		uint64_t many = steps_of(20000, only_kept != 0);

		if (many > 6 * few) {
			fail_msg("%llu steps, then %llu", (unsigned long long)few,
				(unsigned long long)many);
		}
	}
}

static void check_order(const char *alphabet, int32_t count)
{
	int32_t letters = (int32_t)strlen(alphabet);
	int32_t *text = calloc((size_t)count, sizeof *text);
	int32_t *order = calloc((size_t)count, sizeof *order);

	assert_non_null(text);
	assert_non_null(order);
	for (int32_t i = 0; i + 1 < count; i++) {
		text[i] = alphabet[random_below((uint32_t)letters)];
	}
	assert_int_equal(hst_suffixes_sort(text, order, count, 128), HST_OK);
	for (int32_t i = 1; i < count; i++) {
		int32_t a = order[i - 1];
		int32_t b = order[i];

		for (; text[a] == text[b]; a++, b++) {
			assert_true(a < count - 1 && b < count - 1);
		}
		assert_true(text[a] < text[b]);
	}
	free(text);
	free(order);
}

static void test_ends_of_texts_are_sorted(void **state)
{
	(void)state;
	state_of_random = 7;
	check_order("a", 1);
	for (int32_t count = 2; count < 400; count++) {
		check_order("a", count);
		check_order("ab", count);
		check_order("abcdefgh", count);
	}
}

static void test_long_rows_have_their_least_owner(void **state)
{
	struct hst_substrings texts = { 0 };
	char text[32];

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, "%c%u_get", 'z' - (int)(i % 26), i);
		assert_int_equal(hst_substrings_add(&texts, i + 5, text), HST_OK);
	}
	assert_int_equal(hst_substrings_sort(&texts), HST_OK);
	assert_int_equal(hst_substrings_find(&texts, "_get"), 5);
	assert_int_equal(hst_substrings_find(&texts, "a25_"), 5 + 25);
	assert_int_equal(hst_substrings_find(&texts, "get\n"), 5);
	assert_int_equal(hst_substrings_find(&texts, "gett"), HST_SUBSTRINGS_NONE);
	assert_int_equal(hst_substrings_longest(&texts, "a25_gone", 100), 5);
	assert_int_equal(hst_substrings_longest(&texts, "a25_gone", 3), 3);
	assert_int_equal(hst_substrings_longest(&texts, "!", 3), 0);
	hst_substrings_finish(&texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_entries_are_as_by_a_look_at_each, teardown),
		cmocka_unit_test_teardown(test_short_entries_are_as_by_a_look_at_each, teardown),
		cmocka_unit_test_teardown(test_steps_grow_as_the_names_do, teardown),
		cmocka_unit_test(test_ends_of_texts_are_sorted),
		cmocka_unit_test(test_long_rows_have_their_least_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
