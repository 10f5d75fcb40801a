/* SPDX-License-Identifier: Apache-2.0 */
/* Caches as source code: the whole text of one against a file, what is refused, and which form is chosen. */
#include "plan/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct hst_prototype_value number = { .path = "", .bytes = 4, .form = HST_VALUE_NUMBER };
static struct hst_prototype_value bits = { .path = "", .bytes = 8, .form = HST_VALUE_BITS };
static struct hst_prototype_value address = { .path = "", .bytes = 8, .form = HST_VALUE_ADDRESS };
static struct hst_prototype_param params[] = {
	{ .name = "n",
		.has_name = true,
		.text = "int n",
		.type = "int",
		.values = &number,
		.count = 1 },
	{ .name = "key",
		.has_name = true,
		.text = "double key",
		.type = "double",
		.values = &bits,
		.count = 1 },
	{ .name = "text",
		.has_name = true,
		.text = "const char *text",
		.type = "const char *",
		.values = &address,
		.count = 1,
		.points_to_const = true },
};
static const uint8_t contents[] = { HST_MEMO_VALUE, HST_MEMO_VALUE, HST_MEMO_STRING };
static const char source_text[] = "#include <math.h>\n"
				  "\n"
				  "/* sum( */ static double\n"
				  "sum(int n, double key, const char *text) {\n"
				  "\treturn n == 0 ? key : sum(n - 1, key, text);\n"
				  "}\n";

static struct hst_prototype prototype_of(void)
{
	return (struct hst_prototype){ .name = "sum",
		.result = "double",
		.result_bytes = 8,
		.params = params,
		.count = 3,
		.is_static = true };
}

static struct hst_cache_function figures_of(void)
{
	struct hst_cache_plan plan = { .capacity = 20,
		.gain_ns = 5e6,
		.low_ns = 4e6,
		.high_ns = 6.5e6,
		.hits = 900,
		.lookups = 1000,
		.saved_ns = 6e6 };

	return (struct hst_cache_function){ .calls = 1000,
		.distinct = 100,
		.repeats = 900,
		.verified = 900,
		.held_ns = HST_CACHE_UNKNOWN,
		.per_thread = plan,
		.shared = plan,
		.rate = 1,
		.purity = HST_CACHE_PURITY_OBSERVED,
		.kind = HST_CACHE_KIND_EXACT };
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 1 << 16);

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
	(void)fclose(file);
	return text;
}

static void test_whole_text(void **state)
{
	struct hst_prototype prototype = prototype_of();
	struct hst_cache_function function = figures_of();
	struct hst_memo_wanted wanted = {
		.prototype = &prototype, .function = &function, .contents = contents
	};
	struct hst_memo_source source;
	struct hst_memo memo;
	struct hst_diag diag = { "" };
	char path[] = "/tmp/hasten-memo-XXXXXX";
	int fd = mkstemp(path);
	char *expected;
	char *made = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&made, &bytes);

	(void)state;
	function.use_shared = true;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, source_text, sizeof source_text - 1), sizeof source_text - 1);
	(void)close(fd);
	assert_int_equal(hst_memo_source_read(path, 4, &prototype, &source, &diag), HST_OK);
	(void)unlink(path);
	assert_int_equal(hst_memo_decide(&wanted, &source, &memo, &diag), HST_OK);
	assert_int_equal(hst_memo_diff(out, &memo, &source, "some/sum.c"), HST_OK);
	(void)fclose(out);
	hst_memo_source_finish(&source);
	if (getenv("MEMO_WRITE") != NULL) {
		FILE *file = fopen(MEMO_EXPECTED, "we");

		assert_non_null(file);
		(void)fwrite(made, 1, bytes, file);
		(void)fclose(file);
	}
	expected = read_file(MEMO_EXPECTED);
	assert_string_equal(made, expected);
	free(expected);
	free(made);
}

static void refuse(const struct hst_prototype *prototype, const struct hst_cache_function *function,
	bool force, const char *why)
{
	struct hst_memo_wanted wanted = {
		.prototype = prototype, .function = function, .contents = contents, .force = force
	};
	struct hst_memo memo;
	struct hst_diag diag = { "" };

	assert_int_equal(
		hst_memo_decide(&wanted, NULL, &memo, &diag), why == NULL ? HST_OK : HST_E_USAGE);
	if (why != NULL) {
		assert_non_null(strstr(diag.text, why));
	}
}

static void test_refusals(void **state)
{
	struct hst_prototype prototype = prototype_of();
	struct hst_cache_function function = figures_of();

	(void)state;
	refuse(&prototype, &function, false, NULL);
	function.verdict = HST_CACHE_VERDICT_CHEAP;
	refuse(&prototype, &function, false, "--force");
	refuse(&prototype, &function, true, NULL);
	function.verdict = HST_CACHE_VERDICT_BEHIND;
	refuse(&prototype, &function, false, "--pure");
	refuse(&prototype, &function, true, NULL);
	function.purity = HST_CACHE_PURITY_REFUTED;
	function.held_ns = 1500;
	refuse(&prototype, &function, true, "no cache of it is right");
	function = figures_of();
	prototype.is_variadic = true;
	refuse(&prototype, &function, true, "variadic");
	prototype = prototype_of();
	prototype.is_method = true;
	refuse(&prototype, &function, true, "member function");
	prototype = prototype_of();
	prototype.result = "void";
	refuse(&prototype, &function, true, "no result to keep");
	prototype = prototype_of();
	prototype.name = "operator()";
	refuse(&prototype, &function, true, "operator");
	prototype = prototype_of();
	prototype.result_problem = "it is a reference";
	refuse(&prototype, &function, true, "cannot be copied");
	prototype = prototype_of();
	params[0].problem = "it has unused bytes";
	refuse(&prototype, &function, true, "cannot be a part of a key");
	params[0].problem = NULL;
}

static struct hst_memo decide(
	const struct hst_prototype *prototype, const struct hst_cache_function *function)
{
	struct hst_memo_wanted wanted = {
		.prototype = prototype, .function = function, .contents = contents
	};
	struct hst_memo memo;
	struct hst_diag diag = { "" };

	assert_int_equal(hst_memo_decide(&wanted, NULL, &memo, &diag), HST_OK);
	return memo;
}

static void test_forms(void **state)
{
	struct hst_prototype prototype = prototype_of();
	struct hst_cache_function function = figures_of();
	struct hst_memo memo;

	(void)state;
	prototype.count = 1;
	memo = decide(&prototype, &function);
	assert_int_equal(memo.ways * memo.sets, 64);
	assert_false(memo.shared);
	function.per_thread.capacity = 5000;
	memo = decide(&prototype, &function);
	assert_int_equal(memo.ways * memo.sets, 16384);
	assert_true(memo.shared);
	assert_true(memo.too_large);
	function.per_thread.capacity = 1;
	memo = decide(&prototype, &function);
	assert_int_equal(memo.ways * memo.sets, 1);
	function = figures_of();
	function.kind = HST_CACHE_KIND_LAST;
	function.curve_count = 1;
	function.curve[0] = (struct hst_cache_point){ .capacity = 1, .gain_ns = 4.1e6 };
	assert_int_equal(decide(&prototype, &function).ways, 1);
	function.curve[0].gain_ns = 3.9e6;
	assert_int_equal(decide(&prototype, &function).ways, 4);
	function = figures_of();
	function.purity = HST_CACHE_PURITY_REFUTED;
	function.held_ns = 1000 * 1000 * 1000;
	memo = decide(&prototype, &function);
	assert_true(memo.coarse);
	assert_int_equal(memo.ttl_ns, 500 * 1000 * 1000);
	prototype.count = 0;
	memo = decide(&prototype, &function);
	assert_int_equal(memo.ways, 1);
	assert_int_equal(memo.key_words, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_text),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
