/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inlined instances told from the function itself. The programs print which hooks ran, and for each
 * what the call instruction of the caller says: that is the truth the image is held against.
 */
#include "targets.h"

#define PAIRS_MAX 4096

struct pair {
	uint64_t ret, fn;
	int says;
	bool inlined;
};

static struct pair pairs[PAIRS_MAX];

/* Runs the program and asks the image about all its hooks. Returns how many there were. */
static size_t run(const char *name, struct hst_image *image)
{
	char command[8192];
	char line[128];
	FILE *pipe;
	size_t count = 0;

	snprintf(command, sizeof command, "'%s' 2>/dev/null", target(name));
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (count < PAIRS_MAX && fgets(line, sizeof line, pipe) != NULL) {
		struct pair *pair = &pairs[count];
		unsigned long long ret;
		unsigned long long fn;

		assert_int_equal(sscanf(line, "%llx %llx %d", &ret, &fn, &pair->says), 3);
		pair->ret = ret;
		pair->fn = fn;
		pair->inlined = hst_image_is_inlined(image, ret, fn, NULL);
		count++;
	}
	assert_int_equal(pclose(pipe), 0);
	assert_true(count > 0);
	return count;
}

static size_t real_hooks(size_t count, uint64_t fn)
{
	size_t real = 0;

	for (size_t i = 0; i < count; i++) {
		real += pairs[i].fn == fn && !pairs[i].inlined;
	}
	return real;
}

static void check_fib(const char *name, size_t least_hooks)
{
	struct hst_image *image = open_target(name);
	const struct hst_function *fib = need_function(image, "fib", 0);
	const struct hst_function *outer = NULL;
	size_t count;
	size_t in_body = 0;

	count = run(name, image);
	for (size_t i = 0; i < count; i++) {
		hst_image_is_inlined(image, pairs[i].ret, pairs[i].fn, &outer);
		assert_non_null(outer);
		in_body += outer == fib;
		if (outer != fib && pairs[i].fn == fib->address) {
			assert_true(pairs[i].inlined);
		}
	}
	assert_true(in_body >= least_hooks);
	assert_int_equal(real_hooks(count, fib->address), 1);
	hst_image_close(image);
}

static void test_inline_gcc_fib_has_one_real_hook(void **state)
{
	(void)state;
	/* gcc 12 leaves a dozen hooks in fib; another version may inline less, but not nothing. */
	check_fib("fib-gcc-O2-5", 2);
	check_fib("fib-gcc-O2-4", 2);
	check_fib("fib-gcc-O0-5", 1);
}

static void test_inline_clang_fib_has_one_real_hook(void **state)
{
	(void)state;
	check_fib("fib-clang-O2-5", 1);
	check_fib("fib-clang-O2-4", 1);
	check_fib("fib-clang-O0-5", 1);
}

/* No function has two hooks of its own, and none that its caller calls by name is inlined. */
static void check_shapes(const char *name, bool optimised)
{
	struct hst_image *image = open_target(name);
	const struct hst_function *recursive = need_function(image, "with_lambda::Local::count", 0);
	size_t count = run(name, image);
	size_t inlined = 0;

	for (size_t i = 0; i < count; i++) {
		assert_in_range(real_hooks(count, pairs[i].fn), 0, 1);
		inlined += pairs[i].inlined;
		/* Inlined into itself, the caller of the outer instance names it as well. */
		if (pairs[i].fn != recursive->address && pairs[i].says >= 0) {
			assert_int_equal(pairs[i].inlined, pairs[i].says == 0);
		}
	}
	assert_int_equal(inlined > 0, optimised);
	hst_image_close(image);
}

static void test_inline_gxx_agrees_with_the_calls(void **state)
{
	(void)state;
	check_shapes("shapes-g++-O2", true);
	check_shapes("shapes-g++-O0", false);
}

static void test_inline_clangxx_agrees_with_the_calls(void **state)
{
	(void)state;
	check_shapes("shapes-clang++-O2", true);
}

static void test_inline_unknown_function_is_judged_by_the_place(void **state)
{
	struct hst_image *image = open_target("fib-gcc-O2-5");
	const struct hst_function *fib = need_function(image, "fib", 0);
	size_t count = run("fib-gcc-O2-5", image);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		bool inlined = hst_image_is_inlined(image, pairs[i].ret, 0x10, NULL);

		if (pairs[i].fn == fib->address) {
			assert_int_equal(inlined, pairs[i].inlined);
		}
	}
	hst_image_close(image);
}

static void test_inline_without_dwarf_only_the_place_counts(void **state)
{
	struct hst_image *image = open_target("pieces-symtab");
	const struct hst_function *split = need_function(image, "split", 0);
	const struct hst_function *other = need_function(image, "other", 0);
	const struct hst_function *outer = NULL;

	(void)state;
	assert_false(hst_image_is_inlined(image, split->address + 5, split->address, &outer));
	assert_ptr_equal(outer, split);
	assert_true(hst_image_is_inlined(image, split->address + 5, other->address, &outer));
	assert_ptr_equal(outer, split);
	hst_image_close(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inline_gcc_fib_has_one_real_hook),
		cmocka_unit_test(test_inline_clang_fib_has_one_real_hook),
		cmocka_unit_test(test_inline_gxx_agrees_with_the_calls),
		cmocka_unit_test(test_inline_clangxx_agrees_with_the_calls),
		cmocka_unit_test(test_inline_unknown_function_is_judged_by_the_place),
		cmocka_unit_test(test_inline_without_dwarf_only_the_place_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
